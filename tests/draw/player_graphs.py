"""Graphs for the player, each of which it has to show in another way, and their pages."""

from __future__ import annotations

import numpy as np
from gallery import leaf, values

import micrograd_tensor as mt
from micrograd_tensor.draw.circuit import drawn
from micrograd_tensor.draw.insides import insides
from micrograd_tensor.draw.options import Options
from micrograd_tensor.draw.player import page


def batch_norm():
    out = mt.batch_norm(leaf("x", 7, 4), leaf("gamma", 4, seed=1), leaf("beta", 4, seed=2))
    return mt.graph(out, values(7, 4, seed=3))


def attention():
    x = leaf("x", 5, 4)
    with mt.scope("attention"):
        q, k, v = (x @ leaf(f"W{c}", 4, 4, seed=i) for i, c in enumerate("qkv"))
        p = mt.softmax(q.named("q") @ k.named("k").T / 2.0).named("p")
        out = (p @ v.named("v")).named("out")
    return mt.graph(out, values(5, 4, seed=9))


def two_layers():
    h = mt.tensor(values(8, 5), name="x")
    for k, (n, m) in enumerate([(5, 6), (6, 3)], 1):
        with mt.scope(f"layer{k}"):
            h = mt.relu(h @ leaf(f"W{k}", n, m, seed=k) + leaf(f"b{k}", m, seed=k + 5)).named(f"h{k}")
    return mt.graph(h.sum().named("loss"), 1.0)


def diamond():
    x = leaf("x", 3)
    return mt.graph((mt.sin(x) * mt.cos(x) + x).named("y"), np.ones(3))


def scalar():
    a, b = mt.tensor(2.0, name="a", requires_grad=True), mt.tensor(-3.0, name="b", requires_grad=True)
    return mt.graph(mt.tanh(a * b + a - 1 / b).named("o"), 1.0)


def forward_only():
    return mt.graph(mt.batch_norm(leaf("x", 7, 4), leaf("gamma", 4, seed=1), leaf("beta", 4, seed=2)))


def several_outputs():
    x = leaf("x", 4)
    y = (x * 2.0).named("y")
    return mt.graph([y, mt.exp(y).sum().named("z")], [np.ones(4), 1.0])


def just_a_leaf():
    return mt.graph(leaf("x", 3), np.ones(3))


def convolution():
    out = mt.conv2d(leaf("x", 1, 2, 4, 4), leaf("w", 2, 2, 3, 3), leaf("b", 2))
    return mt.graph(out, values(*out.shape))


def numbers_of_every_kind():
    x = mt.tensor([np.nan, np.inf, -np.inf, -0.0, 1e-300, 1e300], name="odd", requires_grad=True)
    n = mt.tensor([[2**60, 3]], name="long")
    t = mt.tensor(np.array([True, False]), name="truth")
    z = mt.tensor(np.zeros((0, 3)), name="nothing")
    small = mt.tensor(np.array([0.1, -2.5], "float32"), name="small", requires_grad=True)
    outs = [mt.relu(x), n, t, z, small * small]
    return mt.graph(outs)


def large():
    x = leaf("x", 40, 30)
    return mt.graph(mt.tanh(x @ leaf("W", 30, 20)).mean().named("loss"), 1.0)


def collapsed():
    x = leaf("x", 3, 3)
    for k in range(12):
        with mt.scope(f"block{k}"):
            x = mt.tanh(mt.sin(x) * mt.cos(x) + x * leaf(f"w{k}", 3, seed=k))
    return mt.graph(x.named("y"), np.ones((3, 3)))


HOSTILE = [
    "</script><script>window.hit=1</script>",
    "<img src=x onerror='window.hit=1'>",
    'a"b\\n',
    "]]>",
    "<!--",
    "\u202egnp.exe",
    "{{data}}",
    "\ud800",
    "x" * 10_000,
    "line\ntwo\x00",
    "&lt;b&gt;",
    "constructor",
]


def hostile_names():
    total = leaf("<b>bold</b>", 2)
    with mt.scope('scope "></script>'):
        for i, name in enumerate(HOSTILE):
            total = mt.tanh(total * leaf(name, 2, seed=i)).named(name)
    return mt.graph(total, np.ones(2))


GRAPHS = {
    make.__name__: make
    for make in (
        batch_norm,
        attention,
        two_layers,
        diamond,
        scalar,
        forward_only,
        several_outputs,
        just_a_leaf,
        convolution,
        numbers_of_every_kind,
        large,
        collapsed,
        hostile_names,
    )
}


def picture(graph):
    return mt.draw(graph).svg


def inner(graph):
    """What is in the boxes of the picture."""
    return insides(graph, Options(), drawn)


def played(name, **options):
    graph = GRAPHS[name]()
    return page(graph, picture(graph), title=options.pop("title", name), insides=inner(graph), **options)
