"""Loops rolled up: the same numbers, the same gradients, at other inputs too, by a number of ops that does not grow."""

import numpy as np
import pytest
from test_recorded_numpy import FUNCTIONS

import micrograd_tensor as mt
from micrograd_tensor.check.recorded_array import Array
from micrograd_tensor.check.recorded_numpy import RecordedNumpy
from micrograd_tensor.check.rolled import rolled
from micrograd_tensor.graph import evaluate

RECORDED = RecordedNumpy()
RNG = np.random.default_rng(0)
X, OTHER = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3))


def recorded(function, x=X):
    """What was recorded of a function of one array, and the leaf."""
    leaf = mt.tensor(x, name="x", requires_grad=True)
    return function(RECORDED, Array(leaf)).recorded, leaf


def check_same(out, new, leaf):
    """The same values and gradients as before, up to the order of sums."""
    assert new.shape == out.shape
    assert new.dtype == out.dtype
    assert np.allclose(new.numpy(), out.numpy(), rtol=1e-13, atol=1e-15)
    dout = np.random.default_rng(1).normal(size=out.shape).astype(out.dtype)
    due, made = (mt.grad(y, [leaf], dout)[0].numpy() for y in (out, new))
    assert np.allclose(made, due, rtol=1e-12, atol=1e-14)


# --------------------------------------------------------------------------------------------------- what people loop


def convolution(np, x):
    w, b = x[:2, :2], x[0, :2]
    out = np.zeros((2, 3, 2))
    for f in range(2):
        for i in range(3):
            for j in range(2):
                out[f, i, j] = np.sum(x[i : i + 2, j : j + 2] * w * (f + 1.0)) + b[f]
    return out


def pooling(np, x):
    out = np.zeros((2, 1))
    for i in range(2):
        out[i, 0] = np.max(x[2 * i : 2 * i + 2, 0:2])
    return out


def products(np, x):
    out = np.zeros((4, 4))
    for i in range(4):
        for j in range(4):
            out[i, j] = x[i].dot(x[j]) + x[j] @ x[i]
    return out


def matrices(np, x):
    return np.stack([x[i : i + 2] @ x[:3].T + (x.T @ x[:, i : i + 1]).T for i in range(3)])


def attention(np, x):
    rows = []
    for i in range(len(x)):
        scores = np.exp(x[: i + 1] @ x[i] - np.max(x[: i + 1] @ x[i]))
        rows.append((scores / scores.sum()) @ x[: i + 1])
    return np.stack(rows)


def recurrent(np, x):
    h, out = np.zeros(3), np.zeros((4, 3))
    for t in range(4):
        h = np.tanh(x[t] + h * x[0])
        out[t] = h
    return out


def of_everything(np, x):
    out = np.zeros((4, 3, 5))
    for i in range(4):
        for j in range(3):
            a, b = x[i, j], x[j, i % 3]
            out[i, j, 0] = np.where(a > b, a * 2.0, -b)
            out[i, j, 1] = np.maximum(a, 0.5 * i) / (1.0 + b**2)
            out[i, j, 2] = np.sqrt(np.abs(a)) - np.clip(b, -0.5, 0.5) + (i - j)
            out[i, j, 3] = (a * a) ** (j + 1) * np.exp(-a)
            out[i, j, 4] = np.mean(x[i] * a) + np.prod(x[:, j]) + x[i].max() - x[:, j].min()
    return out


def axes(np, x):
    """Reductions over other axes, kept and not, of operands that broadcast."""
    parts = []
    for i in range(3):
        part = x[i : i + 2]
        parts.append(part - part.mean(axis=-1, keepdims=True) + part.sum(axis=0) * part[:, :1])
    return np.concatenate(parts)


def moved(np, x):
    """Elements that are turned, doubled, padded and left out on the way."""
    out = np.zeros((4, 5))
    for i in range(4):
        row = np.pad(x[i][::-1], 1) * 3.0
        out[i] += np.tril(np.broadcast_to(row, (5, 5)))[i]
        out[i, 1:3] = x.T[[2, 0], i] * 0.5
    return out


def padded_with_numbers(np, x):
    return np.stack([np.pad(x[i] * 2.0, 1, constant_values=i % 2 + 0.5) * x[0, 0] for i in range(4)])


def masked(np, x):
    """Where a mask is an index, it is recorded as it is at this point."""
    out = np.zeros((4, 3))
    for i in range(4):
        h = x[i] * 1.5
        h[h < 0] = 0.0
        out[i] = h * (x[i] > 0.1)
    return out


def by_computed_places(np, x):
    out = np.zeros(4)
    for i in range(4):
        out[i] = np.sort(x[i] * 2.0)[0] * x[i, 0]
    return out


def the_same_every_time(np, x):
    out = np.zeros((4, 3))
    for i in range(4):
        out[i] = (x * x).sum(axis=0) + 1.0
    return out


def one_into_another(np, x):
    out = np.zeros((4, 3))
    for i in range(4):
        for k in range(3):
            out[i] += x[k] * x[i, k]
        out[i] += x[0]
    return out.sum(axis=0) * out[1]


def only_moved(np, x):
    """As max pooling by the place of the largest element does."""
    out = np.zeros((3, 2))
    for i in range(3):
        for j in range(2):
            window = x[i : i + 2, j : j + 2]
            out[i, j] = window[j % 2, i % 2]
    return out


LOOPS = [
    only_moved,
    convolution, pooling, products, matrices, attention, recurrent, of_everything, axes, moved, padded_with_numbers,
    masked, by_computed_places, the_same_every_time, one_into_another,
]  # fmt: skip


@pytest.mark.parametrize("function", [*LOOPS, *FUNCTIONS], ids=lambda f: f.__name__)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_numbers_and_gradients_are_the_same(function, dtype):
    out, leaf = recorded(function, X.astype(dtype))
    [new] = rolled([out], many=0, alike=2)
    if dtype is np.float64:
        assert np.allclose(new.numpy(), function(np, X.copy()), rtol=1e-13, atol=1e-15)
        check_same(out, new, leaf)
    else:
        assert new.dtype == out.dtype
        assert np.allclose(new.numpy(), out.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("function", [f for f in LOOPS if f is not masked], ids=lambda f: f.__name__)
def test_it_is_the_same_function_at_other_inputs(function):
    out, _ = recorded(function)
    [new] = rolled([out], many=0, alike=2)
    graph = mt.graph(new.named("out"))
    made = evaluate(graph, {graph["x"]: OTHER})[graph["out"]]
    assert np.allclose(made, function(np, OTHER.copy()), rtol=1e-13, atol=1e-15)


def random_loop(seed):
    """A loop whose body is a random row of ops on items that the counter chooses."""
    steps = [tuple(int(k) for k in row) for row in np.random.default_rng(seed).integers(0, (8, 4, 3), (6, 3))]

    def loop(np, x):
        out = np.zeros((6, 3))
        for i in range(6):
            h = x[i % 4] * (i + 1.0 if seed % 2 else 1.0)
            for kind, row, column in steps:
                other = x[(row + i) % 4]
                if kind == 0:
                    h = h * other
                elif kind == 1:
                    h = np.tanh(h) + other[column]
                elif kind == 2:
                    h = h[::-1] - h.sum()
                elif kind == 3:
                    h = np.maximum(h, other)
                elif kind == 4:
                    h = h + out[(i + 5) % 6 if i else 0]
                elif kind == 5:
                    h = np.concatenate([h[1:], other[:1] * 2.0])
                elif kind == 6:
                    h = h * (other @ x[row])
                else:
                    h = np.where(other > 0, h, 0.1 * h)
            out[i] += h
        return out * x[0]

    return loop


@pytest.mark.parametrize("seeds", [range(30), pytest.param(range(30, 1000), marks=pytest.mark.slow)])
def test_random_loops_keep_numbers_and_gradients(seeds):
    before = after = 0
    for seed in seeds:
        loop = random_loop(seed)
        out, leaf = recorded(loop)
        [new] = rolled([out], many=0, alike=2)
        assert np.allclose(new.numpy(), loop(np, X.copy()), rtol=1e-12, atol=1e-14), seed
        check_same(out, new, leaf)
        before, after = before + len(mt.graph(out).nodes), after + len(mt.graph(new).nodes)
    assert after < 0.83 * before  # what is read again, by itself or through a view, is recorded once in both


# -------------------------------------------------------------------------------------------------- what becomes of it


def test_the_number_of_ops_does_not_grow_with_the_loop():
    def nodes(n):
        def loop(np, x):
            out = np.zeros((n, n))
            for i in range(n):
                for j in range(n):
                    out[i, j] = np.sum(x[i, j : j + 2] * x[j, i]) + x[0, 0]
            return out

        out, _ = recorded(loop, np.random.default_rng(2).normal(size=(n, n + 1)))
        return len(mt.graph(rolled([out])[0]).nodes), len(mt.graph(out).nodes)

    (small, _), (large, before) = nodes(8), nodes(12)
    assert small == large < 20 < 500 < before


def test_tensors_with_names_stay_by_themselves_and_leaves_are_the_same():
    leaf, other = mt.tensor(X, name="x", requires_grad=True), mt.tensor(OTHER, name="y", requires_grad=True)
    named = (leaf * other).named("product")
    rows = [(named[i] * 2.0 + leaf[i]).named("row") if i == 1 else named[i] * 2.0 + leaf[i] for i in range(4)]
    part = mt.stack(rows[1:]).named("part")
    out = (mt.stack(rows).sum() * part).named("out")
    [new] = rolled([out], many=0, alike=2)
    before, after = mt.graph(out), mt.graph(new)
    assert set(after.named) == set(before.named) == {"x", "y", "product", "row", "part", "out"}
    for name, node in before.named.items():
        assert np.array_equal(after[name].value, node.value)
    check_same(out, new, leaf)
    check_same(out, new, other)


def test_several_outputs_stay_several():
    leaf = mt.tensor(X, requires_grad=True)
    halves = [leaf[i] * 0.5 for i in range(4)]
    outs = [mt.stack(halves), halves[2], leaf, halves[0] + halves[1]]
    news = rolled(outs, many=0, alike=2)
    assert news[2] is leaf
    for out, new in zip(outs, news, strict=True):
        check_same(out, new, leaf)


def test_a_small_graph_and_one_without_repetition_stay_as_they_are():
    out, _ = recorded(convolution)
    assert rolled([out])[0] is out
    x = mt.tensor(X, requires_grad=True)
    y = mt.tanh(x * x).sum()
    assert rolled([y], many=0, alike=2)[0] is y


def test_a_very_deep_graph_is_rolled_up_without_recursion():
    x = mt.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(3000):
        y = (y.reshape(1, 1) * 0.999).reshape(())
    [new] = rolled([y])
    check_same(y, new, x)
