"""Graphs of every kind that a picture must cope with, each as a function that draws one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import numpy as np

import micrograd_tensor as mt
from micrograd_tensor import nn
from micrograd_tensor.draw import Circuit
from micrograd_tensor.draw import draw as draw_as_wide_as_a_page

draw = partial(draw_as_wide_as_a_page, width=None)
"""In one line, where places are simple to predict; the tests that look at pictures do so at other widths too."""


def values(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def leaf(name, *shape, seed=0):
    return mt.tensor(values(*shape, seed=seed), name=name, requires_grad=True)


def batch_norm(**options):
    out = mt.batch_norm(leaf("x", 7, 4), leaf("gamma", 4, seed=1), leaf("beta", 4, seed=2))
    return draw(out, values(7, 4, seed=3), **options)


def batch_norm_with_dims():
    return batch_norm(dims={"N": 7, "D": 4})


def forward_only():
    return draw(mt.batch_norm(leaf("x", 7, 4), leaf("gamma", 4, seed=1), leaf("beta", 4, seed=2)))


def without_values():
    return batch_norm(detail="shape")


def names_only():
    return batch_norm(detail="name")


def batch_norm_in_900_pixels():
    return batch_norm(width=900)


def batch_norm_in_540_pixels():
    return batch_norm(width=540)


def batch_norm_as_a_box():
    return batch_norm(depth=0)


def same_value_twice():
    x = leaf("x", 2)
    return draw((x * x).named("y"), [1.0, 1.0])


def used_five_times():
    x = leaf("x", 3)
    y = mt.tanh(x).named("y")
    total = y * y + mt.sin(y) + mt.exp(y) * mt.cos(y)
    return draw(total.named("total"), np.ones(3))


def many_operands():
    parts = [mt.tanh(leaf(f"part{i}", 2, seed=i)) for i in range(5)]
    return draw(mt.concatenate(parts).named("joined"), np.ones(10))


def diamonds():
    x = leaf("x", 3, 3)
    for i in range(3):
        x = (mt.sin(x) + mt.cos(x).named(f"cos{i}")).named(f"sum{i}")
    return draw(x, np.ones((3, 3)))


def softmax():
    return draw(mt.softmax(leaf("scores", 5, 10)).named("p"), values(5, 10, seed=1))


def cross_entropy():
    logits, labels = leaf("logits", 5, 3), mt.tensor(np.eye(3)[[0, 1, 2, 0, 1]], name="labels")
    return draw((-(labels * mt.log_softmax(logits)).sum(axis=1).mean()).named("loss"), 1.0)


def layer_norm():
    x, gamma, beta = leaf("x", 7, 4), leaf("gamma", 4, seed=1), leaf("beta", 4, seed=2)
    with mt.scope("layer_norm"):
        centred = (x - x.mean(axis=1, keepdims=True)).named("centred")
        spread = mt.std(x, axis=1, keepdims=True).named("std")
        out = (centred / (spread + 1e-5) * gamma + beta).named("out")
    return draw(out, values(7, 4, seed=3))


def two_layers(**options):
    x = mt.tensor(values(8, 5), name="x")
    h = x
    for k, (n, m) in enumerate([(5, 6), (6, 3)], 1):
        with mt.scope(f"layer{k}"):
            h = h @ leaf(f"W{k}", n, m, seed=k) + leaf(f"b{k}", m, seed=k + 5)
            h = mt.batch_norm(h, leaf(f"gamma{k}", m, seed=k + 7), leaf(f"beta{k}", m, seed=k + 9))
            h = mt.relu(h).named(f"h{k}")
    return draw(h.sum().named("loss"), 1.0, **options)


def residual(**options):
    x = leaf("x", 4, 4)
    for k in range(2):
        with mt.scope(f"block{k}"):
            x = (x + mt.relu(x @ leaf(f"W{k}", 4, 4, seed=k))).named(f"h{k}")
    return draw(x, np.ones((4, 4)), **options)


def tied_weights(**options):
    x, w = leaf("x", 3, 4), leaf("w", 4, 4)
    h = mt.tanh(x @ w)
    h = mt.tanh(h @ w)
    h = mt.tanh(h @ w.T)
    return draw(((h * h).mean() + 0.01 * (w * w).sum()).named("loss"), 1.0, **options)


def attention(**options):
    x = leaf("x", 5, 4)
    with mt.scope("attention"):
        q, k, v = (x @ leaf(f"W{c}", 4, 4, seed=i) for i, c in enumerate("qkv"))
        p = mt.softmax(q.named("q") @ k.named("k").T / 2.0).named("p")
        out = (p @ v.named("v")).named("out")
    return draw(out, values(5, 4, seed=9), **options)


def scalars():
    a, b = mt.tensor(2.0, name="a", requires_grad=True), mt.tensor(-3.0, name="b", requires_grad=True)
    c = (a * b).named("c")
    return draw(mt.tanh(c + a - 1 / b).named("o"), 1.0)


def order_matters():
    x, w = leaf("x", 3, 3), mt.tensor(values(2, 3), name="w", requires_grad=True)
    q = (1 - x).named("q")
    return draw((2 / (w @ mt.tanh(q)) - q.sum()).named("r"), np.ones((2, 3)))


def several_outputs():
    x = leaf("x", 4)
    logits = (x * 2.0).named("logits")
    loss = mt.exp(logits).sum().named("loss")
    return draw([logits, loss, x], [np.ones(4), 1.0, np.zeros(4)])


def just_a_leaf():
    return draw(leaf("x", 3), np.ones(3))


def constant_leaf():
    return draw(mt.tensor([1.0, 2.0]))


def choices():
    x = leaf("x", 6)
    y = mt.where(x > 0, x * x, mt.maximum(x, -1.0))
    return draw(y.clip(-0.5, 2.0).named("y"), np.ones(6))


def without_gradient():
    x = leaf("x", 3)
    w = leaf("w", 3, seed=1)
    return draw((mt.stop_gradient(x) * w).named("y"), np.ones(3))


def empty_and_numbers_apart():
    x = mt.tensor(np.zeros((0, 4)), name="nothing", requires_grad=True)
    return draw((x * 2.0).sum(axis=0).named("y"), np.ones(4))


def nan_and_infinity():
    x = mt.tensor([np.nan, np.inf, -np.inf, 1.0], name="x", requires_grad=True)
    return draw(mt.relu(x).named("y"), [1.0, np.nan, np.inf, 0.0])


def hostile_names(**options):
    bad = [
        "<script>alert(1)</script>",
        'a"b\\n\\N\\',
        "line\none\r\ttwo\x00\x1b",
        "&lt;b&gt; &amp;",
        "x" * 200,
        "{a|b}",
    ]
    total = leaf("<b>bold</b>", 2)
    with mt.scope('scope "><script>'):
        for i, name in enumerate(bad):
            total = mt.tanh(total * leaf(name, 2, seed=i)).named(name[::-1] if i % 2 else name)
    return draw(total, np.ones(2), **options)


def nested_scopes(**options):
    x = leaf("x", 3)
    skip = x
    with mt.scope("outer"):
        y = mt.exp(x)
        with mt.scope("inner with a rather long name"):
            y = mt.log(y + 1.0)
            with mt.scope("innermost"):
                y = y * y
        y = mt.sin(y)
        with mt.scope("second"):
            y = mt.cos(y)
    return draw((y + skip * leaf("w", 3)).named("z"), np.ones(3), **options)


def chain():
    x = leaf("x", 2)
    for _ in range(60):
        x = mt.tanh(x)
    return draw(x, np.ones(2))


def random_graph(seed=0, gates=40, **options):
    random = np.random.default_rng(seed)
    made = [leaf(f"leaf{i}", 3, seed=i) for i in range(4)]
    for _ in range(gates):
        a, b = (made[-1 - int(random.integers(min(len(made), 6)))] for _ in range(2))
        made.append(mt.tanh(a) if random.random() < 0.3 else a * b if random.random() < 0.5 else a + b)
    return draw(made[-1], np.ones(3), **options)


def random_scopes(seed=0, gates=40):
    """A graph in which scopes open and close anywhere, and any value may be an output."""
    random = np.random.default_rng(seed)
    made = [leaf(f"leaf{i}", 3, seed=i) for i in range(3)]
    with ExitStack() as stack:
        inside = [stack.enter_context(ExitStack())]
        for _ in range(gates):
            if random.random() < 0.15 and len(inside) > 1:
                inside.pop().close()
            elif random.random() < 0.2 and len(inside) < 5:
                inside.append(stack.enter_context(ExitStack()))
                inside[-1].enter_context(mt.scope("abc"[random.integers(3)]))
            if random.random() < 0.1:
                made.append(leaf(f"late{len(made)}", 3, seed=len(made)))
            a, b = (made[-1 - int(random.integers(min(len(made), 8)))] for _ in range(2))
            made.append(
                mt.tanh(a) if random.random() < 0.3 else a * b if random.random() < 0.6 else mt.stop_gradient(a) + b
            )
        outputs = [made[-1], *(x for x in made[:-1] if x.op and x.requires_grad and random.random() < 0.04)]
        outputs = [x for x in outputs if x.requires_grad] or [made[0]]
    return mt.graph(outputs, [values(3, seed=k) for k in range(len(outputs))])


def collapsed_layers():
    return two_layers(depth=0)


def collapsed_inner_scopes():
    return two_layers(depth=1)


def collapsed_by_path():
    return two_layers(collapse="layer1/batch_norm")


def collapsed_residual():
    return residual(depth=0)


def collapsed_nested():
    return nested_scopes(collapse=["innermost", "second"])


def collapsed_with_hostile_names():
    return hostile_names(depth=0)


def same_scope_twice():
    x, w = leaf("x", 4, 4), leaf("w", 4, 4, seed=1)
    for _ in range(2):
        with mt.scope("shared"):
            x = mt.tanh(x @ w)
    return draw(x.named("y"), np.ones((4, 4)), depth=0)


def box_with_short_rule():
    x = leaf("x", 3)
    with mt.scope("scale"):
        y = (2.0 * mt.tanh(x)).named("y")
    return draw(y * y, np.ones(3), depth=0)


def many_ways_through_boxes():
    x = leaf("x", 3)
    with mt.scope("first"):
        a, b, c = mt.sin(x).named("a"), mt.cos(x).named("b"), (x * x).named("c")
        d = (a * b).named("d")
    with mt.scope("second"):
        e, f = (a + d * b).named("e"), (b * c).named("f")
    return draw([(e * a + f).named("g"), d, f], [np.ones(3)] * 3, depth=0)


def deep_net(blocks=12, **options):
    x = leaf("x", 4, 4)
    with mt.scope("net"):
        h = x @ leaf("W", 4, 4)
        for k in range(blocks):
            with mt.scope(f"block{k}"):
                h = (h + mt.relu(h @ leaf(f"W{k}", 4, 4, seed=k) + leaf(f"b{k}", 4, seed=k)) / 9.0).named(f"h{k}")
    return draw(h, np.ones((4, 4)), **options)


def equal_blocks_once():
    return deep_net(depth=1)


def equal_blocks_in_two_lines():
    return deep_net(5, collapse=[f"block{k}" for k in range(5)], width=900)


def collapsed_for_its_size():
    return deep_net(40)


def lstm_cell(**options):
    mt.manual_seed(0)
    cell = nn.LSTMCell(3, 4)
    x, h, c = (mt.tensor(values(2, n, seed=n), name=name) for name, n in (("x", 3), ("h", 4), ("c", 4)))
    h, c = cell(x, (h, c))
    return draw([h.named("h_next"), c.named("c_next")], [values(2, 4), values(2, 4, seed=1)], **options)


def lstm_cell_in_lines():
    return lstm_cell(width=900)


def lstm_cell_as_a_box():
    return lstm_cell(depth=0)


def conv_bn_relu(**options):
    mt.manual_seed(0)
    block = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1, bias=False), nn.BatchNorm2d(3), nn.ReLU())
    x = mt.tensor(values(2, 2, 4, 4), name="x")
    return draw(block(x).named("y"), values(2, 3, 4, 4, seed=1), **options)


def conv_bn_relu_as_boxes():
    return conv_bn_relu(depth=1)


def attention_in_lines():
    return attention(width=1000)


def two_layers_in_lines():
    return two_layers(width=1000)


def residual_in_lines():
    return residual(width=700)


def nested_scopes_in_lines():
    return nested_scopes(width=600)


def random_graph_in_lines():
    return random_graph(width=1200)


def double_backward():
    x = leaf("x", 3)
    (dx,) = mt.grad((mt.tanh(x) * x).sum().named("y"), x, create_graph=True)
    return draw((dx * dx).sum().named("z"), 1.0)


def no_gradient_yet():
    x, w = leaf("x", 3), leaf("w", 3, seed=1)
    return draw([(mt.stop_gradient(x * w) * w).named("y"), mt.exp(x).named("z")], [np.ones(3), np.zeros(3)])


def compiled_batch_norm():
    @mt.compile
    def both(x, gamma, beta, dout):
        out = mt.batch_norm(x, gamma, beta)
        return out, mt.grad(out, [x, gamma, beta], dout)

    both(leaf("x", 7, 4), leaf("gamma", 4, seed=1), leaf("beta", 4, seed=2), values(7, 4, seed=3))
    return draw(both, width=900)


def compiled_layers(**options):
    w, v = leaf("W1", 5, 6), leaf("W2", 6, 3, seed=1)

    @mt.compile
    def step(x):
        loss = mt.square(mt.tanh(mt.tanh(x @ w) * 2 @ v)).mean()
        return loss, mt.grad(loss, [w, v])

    step(values(8, 5))
    return draw(step, width=900, **options)


def compiled_layers_as_boxes():
    return compiled_layers(depth=0)


def failed_op(**options):
    x = leaf("x", 8, 5)
    try:
        with mt.scope("layer1"):
            h = mt.relu(x @ leaf("W1", 5, 6)).named("h1")
        with mt.scope("layer2"):
            return h @ leaf("W2", 3, 6)
    except mt.ShapeError as error:
        return draw(error, **options)


def failed_op_in_lines():
    return failed_op(width=500)


def found_anomaly():
    x = mt.tensor([1.0, -1.0], name="x", requires_grad=True)
    try:
        with mt.detect_anomaly(), mt.scope("loss"):
            return mt.log(mt.tanh(x).named("t"))
    except mt.GradientError as error:
        return draw(error)


GALLERY: dict[str, Callable[[], Circuit]] = {
    make.__name__: make
    for make in (
        batch_norm,
        batch_norm_with_dims,
        forward_only,
        without_values,
        same_value_twice,
        used_five_times,
        many_operands,
        diamonds,
        softmax,
        cross_entropy,
        layer_norm,
        two_layers,
        residual,
        tied_weights,
        attention,
        scalars,
        order_matters,
        several_outputs,
        just_a_leaf,
        constant_leaf,
        choices,
        without_gradient,
        empty_and_numbers_apart,
        nan_and_infinity,
        hostile_names,
        nested_scopes,
        chain,
        random_graph,
        names_only,
        batch_norm_in_900_pixels,
        batch_norm_in_540_pixels,
        batch_norm_as_a_box,
        collapsed_layers,
        collapsed_inner_scopes,
        collapsed_by_path,
        collapsed_residual,
        collapsed_nested,
        collapsed_with_hostile_names,
        same_scope_twice,
        box_with_short_rule,
        many_ways_through_boxes,
        equal_blocks_once,
        equal_blocks_in_two_lines,
        collapsed_for_its_size,
        lstm_cell,
        lstm_cell_in_lines,
        lstm_cell_as_a_box,
        conv_bn_relu,
        conv_bn_relu_as_boxes,
        attention_in_lines,
        two_layers_in_lines,
        residual_in_lines,
        nested_scopes_in_lines,
        random_graph_in_lines,
        double_backward,
        no_gradient_yet,
        compiled_batch_norm,
        compiled_layers,
        compiled_layers_as_boxes,
        failed_op,
        failed_op_in_lines,
        found_anomaly,
    )
}
