"""Graphs to derive: the built-in ones, and ones with names and values of every kind."""

import numpy as np

import micrograd_tensor as mt
from micrograd_tensor.cli.builtin_graphs import BUILTINS, made

HOSTILE = [
    r"\end{document}",
    r"\input{/etc/passwd}",
    "50 % of $x_1$ & #2 ~^{}",
    "<script>alert(1)</script>",
    "]]> --> *bold* `code` |a|b|",
    "a_b_c",
    "class",
    "x̂",
    "σ²",
    "名前",
    "אבג",
    "😀",
    "a\nb\x00",
    "\ud800",
    "þðŋ",
    "x" * 300,
]


def leaf(name, *shape, seed=0):
    rng = np.random.default_rng([seed, len(name or "")])
    return mt.tensor(rng.uniform(0.5, 2.0, shape), name=name, requires_grad=True)


def hostile():
    total = leaf("x", 3)
    for k, name in enumerate(HOSTILE):
        total = mt.tanh(total * leaf(name, 3, seed=k)).named(name[::-1] if k % 2 else name)
    return total


def fork():
    x = leaf("x", 3)
    y = (x * x).named("y")
    return [y, (y + mt.exp(y)).named("z")]


def same_names():
    first, second = leaf("W", 3, 3), leaf("W", 3, 3, seed=1)
    return ((leaf("x", 2, 3) @ first).named("h") @ second).named("h")


def unnamed():
    x = leaf(None, 3, 2)
    return (mt.exp(x) / mt.exp(x).sum(axis=1, keepdims=True) + np.array([[1.0, 2.5]])).sum(axis=0)


def scalar():
    a, b = leaf("a"), leaf("b")
    return mt.tanh(a * b + a - 1 / b)


def same_lengths():
    return mt.batch_norm(leaf("x", 4, 4), leaf("gamma", 4), leaf("beta", 4))


def kinks():
    x = leaf("x", 4)
    return (mt.maximum(x, 1.0) + mt.relu(x - 1.0) + mt.max(x) + mt.prod(x) + mt.cumsum(x, axis=0)).named("out")


def lookups():
    return mt.where(leaf("x", 4, 3)[np.array([0, 2])] > 1.0, leaf("y", 2, 3), 0.5).named("out")


MADE = [hostile, fork, same_names, unnamed, scalar, same_lengths, kinks, lookups]


def derived(name, **settings):
    """The derivation of a graph."""
    if name in BUILTINS:
        return mt.derive(*made(name), **settings)
    return mt.derive(next(make for make in MADE if make.__name__ == name)(), **settings)


GRAPHS = [*BUILTINS, *(make.__name__ for make in MADE)]
