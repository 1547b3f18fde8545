"""Sums of float16 and float32 against float64: any axis, several axes, any memory layout; sums of equal numbers."""

import numpy as np
import pytest

import micrograd_tensor as mt

LAYOUTS = {
    "C": lambda x: x,
    "F": np.asfortranarray,
    "every other": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "backwards": lambda x: np.flip(np.ascontiguousarray(np.flip(x))),
    "one row of many": lambda x: np.stack([x, x])[1],
}
SHAPES = {
    (100_000, 3): (0, 1, -2, None, (0, 1)),
    (3, 50_000): (0, 1, None),
    (2000, 300): (0, 1, None, (1, 0)),
    (3, 20_000, 5): (0, 1, 2, (0, 1), (1, 2), (0, 2), None),
    (40, 3, 30, 30): ((0, 2, 3), (1,), (2, 3), (0, 1), 0, 3, None),
    (300_000,): (0, -1, None),
    (1, 200_000): (0, 1),
}
CASES = [(shape, axis) for shape, axes in SHAPES.items() for axis in axes]
ROUNDING = {"float16": 2.0**-11, "float32": 2.0**-24}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("shape", "axis"), CASES)
def test_sums_and_means_of_float32_are_off_by_a_few_roundings(shape, axis, layout):
    x = LAYOUTS[layout]((np.random.default_rng(0).normal(size=shape) + 1000).astype(np.float32))
    exact = x.astype(float)
    for ours, due in ((mt.sum, exact.sum), (mt.mean, exact.mean)):
        got = ours(mt.tensor(x, copy=False), axis=axis, keepdims=True).numpy()
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, due(axis=axis, keepdims=True), rtol=6 * ROUNDING["float32"])


@pytest.mark.parametrize("axis", [0, 1, None, (0, 1)])
@pytest.mark.parametrize("shape", [(6000, 2), (2, 6000), (300, 300), (40_000, 3)])
def test_sums_of_float16_are_rounded_once(shape, axis):
    x = np.random.default_rng(0).uniform(size=shape).astype(np.float16)
    assert (mt.tensor(x).sum(axis=axis).numpy() == x.astype(float).sum(axis=axis).astype(np.float16)).all()
    assert (mt.tensor(x).mean(axis=axis).numpy() == x.astype(float).mean(axis=axis).astype(np.float16)).all()


@pytest.mark.parametrize("value", [100.1, 1e6, 0.1, 1e30])
@pytest.mark.parametrize("n", [3, 5, 31, 32, 33, 64, 100, 1000, 1023, 10_000, 65_537, 1_000_000])
def test_the_mean_of_equal_numbers_is_that_number(n, value):
    for width in (1, 2, 8, 64):
        if n * width < 3_000_000:
            x = np.full((n, width), value, np.float32)
            assert (mt.mean(mt.tensor(x, copy=False), axis=0).numpy() == np.float32(value)).all()


@pytest.mark.parametrize("count", [2**11, 6000, 2**24 + 2**22])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_ones_are_counted(count, dtype):
    if dtype == "float16" and count > 65504:
        return
    ones = mt.tensor(np.broadcast_to(np.ones(1, dtype), (count, 2)), copy=False)
    b = mt.tensor(np.zeros(2, dtype), requires_grad=True)
    assert (ones.sum(axis=0).numpy() == count).all()
    (b + ones).sum(axis=0).backward(np.ones(2, dtype))
    assert (b.grad.numpy() == count).all()


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("shape", [(70_000, 2), (2, 70_000), (100, 7, 300)])
def test_the_gradient_of_what_was_broadcast_is_a_sum_too(shape, dtype):
    """A bias, a scale, a column: everything that a gradient is un-broadcast to."""
    rng = np.random.default_rng(0)
    upstream = (rng.uniform(size=shape) / 2).astype(dtype)
    for own in [shape[-1:], (*shape[:-1], 1), (1,) * len(shape), ()]:
        b = mt.tensor(np.zeros(own, dtype), requires_grad=True)
        (b + np.zeros(shape, dtype)).backward(upstream)
        lead = len(shape) - len(own)
        axes = tuple(i for i in range(len(shape)) if i < lead or own[i - lead] == 1)
        due = upstream.astype(float).sum(axis=axes).reshape(own).astype(dtype)
        np.testing.assert_allclose(b.grad.numpy(), due, rtol=4 * ROUNDING[dtype])


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("axis", [0, 1, None])
def test_running_sums_are_rounded_once_each(axis, dtype):
    x = np.full((3000, 4), 0.1, dtype)
    exact = np.cumsum(x.astype(float), axis=axis)
    assert (mt.tensor(x).cumsum(axis=axis).numpy() == exact.astype(dtype)).all()
    leaf = mt.tensor(x, requires_grad=True)
    leaf.cumsum(axis=axis).backward(np.full(exact.shape, 0.1, dtype))
    back = exact[::-1] if axis in (0, None) else exact[:, ::-1]
    assert (leaf.grad.numpy() == back.astype(dtype).reshape(x.shape)).all()


def test_a_mean_of_more_numbers_than_float16_counts_to():
    x = mt.tensor(np.full(70_000, 3.0, np.float16), requires_grad=True)
    mean = x.mean()
    mean.backward(np.float16(7000.0))
    assert mean.item() == 3.0
    np.testing.assert_allclose(x.grad.numpy().astype(float), 0.1, rtol=1e-3)


@pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.int8, np.int32, bool])
def test_means_of_integers_are_those_of_numpy(dtype):
    """Which adds up integers in float64, so that nothing wraps around."""
    info = np.iinfo(dtype) if dtype is not bool else None
    x = np.array([[1, 0], [1, 1], [0, 1]], bool) if info is None else np.full((3, 2), info.max - 5, dtype)
    for axis in (0, 1, None):
        assert (mt.mean(mt.tensor(x), axis=axis).numpy() == np.mean(x, axis=axis)).all()
        np.testing.assert_allclose(mt.var(mt.tensor(x), axis=axis).numpy(), np.var(x, axis=axis))
    stamps = mt.tensor(1_700_000_000_000_000_000 + np.arange(6))
    assert np.isclose(np.asarray(np.mean(stamps)), 1.7e18)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0,), (5, 0, 0), (0, 0)])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64"])
@pytest.mark.parametrize("keepdims", [False, True])
def test_sums_of_nothing_are_those_of_numpy(shape, dtype, keepdims):
    for axis in (0, -1, None, ()):
        x = np.zeros(shape, dtype)
        got, due = mt.sum(mt.tensor(x), axis=axis, keepdims=keepdims).numpy(), x.sum(axis=axis, keepdims=keepdims)
        assert (got.shape, got.dtype) == (due.shape, due.dtype)
        assert (got == due).all()


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("index", ["getitem", "take_along_axis"])
def test_the_gradient_of_a_row_that_was_read_often_is_a_sum_too(index, dtype):
    """An embedding's, of a word that a batch is full of."""
    count = 6000 if dtype == "float16" else 300_000
    upstream = np.full((count, 2), 0.1, dtype)
    table = mt.tensor(np.zeros((3, 2), dtype), requires_grad=True)
    places = np.ones((count, 2), int)
    read = table[places[:, 0]] if index == "getitem" else mt.take_along_axis(table, places, axis=0)
    read.backward(upstream)
    due = upstream.astype(float).sum(axis=0).astype(dtype)
    assert (table.grad.numpy() == np.stack([0 * due, due, 0 * due])).all()
    assert table.grad.dtype == dtype
