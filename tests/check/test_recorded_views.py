"""Views of recorded arrays: random programs of views and writes give what NumPy gives, and so do their gradients."""

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.check.recorded_array import Array
from micrograd_tensor.check.recorded_numpy import RecordedNumpy

RECORDED = RecordedNumpy()


def reshaped(np, x, rng):
    shapes = [(-1,), (x.size // 2, 2) if x.size % 2 == 0 else (-1,), (1, *x.shape), (*x.shape, 1)]
    return x.reshape(shapes[rng.integers(len(shapes))])


def part(np, x, rng):
    if not x.ndim:
        return x[...]
    axis = int(rng.integers(x.ndim))
    kind = rng.choice(["slice", "step", "reversed", "number", "new"])
    n = x.shape[axis]
    one = {"slice": slice(n // 3, n), "step": slice(0, n, 2), "reversed": slice(None, None, -1), "new": slice(None)}
    index = [slice(None)] * x.ndim
    index[axis] = one.get(str(kind), int(rng.integers(n)))
    if kind == "number" and x.ndim == 1:
        return x[index[0] : index[0] + 1]
    return x[tuple(index)] if kind != "new" else x[None, ..., None]


VIEWS = [
    reshaped,
    reshaped,
    part,
    part,
    part,
    lambda np, x, rng: x.T,
    lambda np, x, rng: np.transpose(x),
    lambda np, x, rng: x.ravel(),
    lambda np, x, rng: np.ravel(x),
    lambda np, x, rng: np.expand_dims(x, 0),
    lambda np, x, rng: np.squeeze(x),
    lambda np, x, rng: x.swapaxes(0, -1),
    lambda np, x, rng: np.moveaxis(x, 0, -1),
    lambda np, x, rng: np.flip(x, axis=0),
    lambda np, x, rng: np.atleast_2d(x),
    lambda np, x, rng: np.asarray(x),
    lambda np, x, rng: np.array_split(x, 2)[int(rng.integers(2))],
    lambda np, x, rng: np.ascontiguousarray(x),
    lambda np, x, rng: x.copy(),
    lambda np, x, rng: x.flatten(),
    lambda np, x, rng: x[np.arange(len(x))],
    lambda np, x, rng: x.astype(float, copy=False),
    lambda np, x, rng: x.astype(float),
]


def write(np, x, source, rng):
    """Write something made from ``source`` into some of x, in one of the ways that people do."""
    kind = rng.integers(9)
    value = source.ravel()[:1] * 0.5 if source.size else 0.25 * np.ones(1)
    if kind == 0:
        x[...] = value
    elif kind == 1:
        x += value
    elif kind == 2:
        x *= 0.5
    elif kind == 3:
        x[x > 0] = 0.25
    elif kind == 4:
        x[-1] = value[0]
    elif kind == 5:
        x[::2] -= value
    elif kind == 6:
        x.flat[[0, -1]] = value
    elif kind == 7:
        x[x < 0] = x[x < 0] * 0.1
    else:
        np.copyto(x, value)


def program(np, x, seed):
    """All arrays of a random program on x."""
    rng = np_random(seed)
    arrays = [x, np.zeros((3, 4))]
    arrays[1][:] = x * 2.0
    for _ in range(10):
        one = arrays[rng.integers(len(arrays))]
        if one.size < 2:
            continue
        if rng.random() < 0.5:
            arrays.append(VIEWS[rng.integers(len(VIEWS))](np, one, rng) if one.ndim else one)
        else:
            write(np, one, arrays[rng.integers(len(arrays))], rng)
    return arrays


def np_random(seed):
    return np.random.default_rng(seed)


X = np.random.default_rng(0).normal(size=(3, 4))


@pytest.mark.parametrize("seeds", [range(40), pytest.param(range(40, 1500), marks=pytest.mark.slow)])
def test_random_programs_of_views_give_what_numpy_gives(seeds):
    for seed in seeds:
        leaf = mt.tensor(X, name="x", requires_grad=True)
        expected = program(np, X.copy(), seed)
        made = program(RECORDED, Array(leaf), seed)
        for k, (one, due) in enumerate(zip(made, expected, strict=True)):
            assert one.shape == due.shape, (seed, k)
            assert np.allclose(one.recorded.numpy(), due, rtol=1e-13, atol=0), (seed, k)


@pytest.mark.parametrize("seed", range(12))
def test_their_gradients_are_those_of_differences(seed):
    weights = np.random.default_rng(seed).normal(size=100)

    def total(np, x):
        arrays = program(np, x, seed)
        return sum((a.ravel() * weights[: a.size]).sum() for a in arrays if a.size)

    leaf = mt.tensor(X, name="x", requires_grad=True)
    gradient = mt.grad(total(RECORDED, Array(leaf)).recorded, [leaf])[0].numpy()
    for place in np.ndindex(*X.shape):
        step = np.zeros_like(X)
        step[place] = 1e-6
        slope = (total(np, X + step) - total(np, X - step)) / 2e-6
        assert abs(gradient[place] - slope) < 1e-6 * max(1, abs(slope))


def test_a_view_that_is_read_twice_is_recorded_once():
    x = Array(mt.tensor(X, name="x", requires_grad=True))
    row = x[1]
    assert row.recorded is row.recorded
    before = row.recorded
    x[1] = 0.0
    assert row.recorded is not before
    assert not row.recorded.numpy().any()


def test_strided_windows_are_recorded():
    leaf = mt.tensor(X, name="x", requires_grad=True)
    x = Array(leaf)
    strided = RECORDED.lib.stride_tricks.as_strided
    windows = strided(x, shape=(2, 3, 2, 2), strides=tuple(x.strides[k] for k in (0, 1, 0, 1)))
    expected = np.lib.stride_tricks.sliding_window_view(X, (2, 2))
    assert np.array_equal(windows.recorded.numpy(), expected)
    gradient = mt.grad(windows.sum().recorded, [leaf])[0].numpy()
    assert gradient.tolist() == [[1, 2, 2, 1], [2, 4, 4, 2], [1, 2, 2, 1]]


def test_what_is_used_by_itself_and_through_a_view_is_recorded_once():
    x = mt.tensor(np.arange(6.0), name="x", requires_grad=True)
    f = Array(x).reshape(2, 3)
    product = (f @ f.T).recorded
    graph = mt.graph(product, np.ones((2, 2)))
    [node] = [node for node in graph.nodes if node.shape == (2, 3) and len(graph.contributions_to(node)) == 2]
    assert np.array_equal(graph.gradients[node].value, 2 * np.ones((2, 2)) @ np.arange(6.0).reshape(2, 3))
