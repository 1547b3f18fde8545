"""What a Tensor holds changes through its own doors only, and what a graph keeps belongs to the graph alone."""

import dataclasses

import numpy as np
import pytest

import micrograd_tensor as mt


def test_to_set_data_is_to_assign():
    w = mt.tensor([1.0, 2.0], name="w", requires_grad=True)
    y = w * w
    new = np.array([5.0, 6.0])
    w.data = new
    new[:] = 0.0
    assert w.tolist() == [5.0, 6.0]
    assert not w.data.flags.writeable
    y.backward([1.0, 1.0])
    assert w.grad.tolist() == [2.0, 4.0]
    with pytest.raises(mt.ShapeError, match=r"w \(2,\) cannot take a value of shape \(3,\)"):
        w.data = np.zeros(3)
    with pytest.raises(mt.GradientError, match="only a leaf"):
        y.data = np.zeros(2)


def test_a_value_of_the_same_dtype_is_copied_when_it_is_assigned():
    w, new = mt.tensor([1.0, 2.0]), np.array([3.0, 4.0])
    w.assign_(new)
    new[:] = 0.0
    assert w.tolist() == [3.0, 4.0]
    assert new.flags.writeable


def test_to_set_requires_grad_is_to_ask_for_it():
    w = mt.tensor([1.0, 2.0])
    w.requires_grad = True
    assert (w * 2.0).requires_grad
    doubled = w * 2.0
    w.requires_grad = False
    assert not (w * 2.0).requires_grad
    with pytest.raises(mt.DTypeError, match=r"n \(1,\) holds int64"):
        mt.tensor([1], name="n").requires_grad = True
    with pytest.raises(mt.GradientError, match="not a leaf"):
        doubled.requires_grad = False


@pytest.mark.parametrize("value", [0.0, [1.0, 2.0], np.zeros(2)])
def test_a_gradient_is_a_tensor_or_none(value):
    w = mt.tensor([1.0, 2.0], name="w", requires_grad=True)
    with pytest.raises(mt.DTypeError, match=r"the gradient of w \(2,\) is a Tensor or None"):
        w.grad = value
    assert w.grad is None


@pytest.mark.parametrize("width", [[1, 2], ([1, 2],), (np.array([1, 2]),)], ids=["list", "in a tuple", "array"])
def test_a_parameter_that_its_owner_changes_later_is_kept_as_it_was(width):
    x = mt.tensor(np.ones(3), requires_grad=True)
    y = mt.pad(x, width)
    inner = width if isinstance(width, list) else width[0]
    inner[0], inner[1] = 5, 0
    y.backward(np.arange(6.0))
    assert x.grad.tolist() == [1.0, 2.0, 3.0]


def test_an_upstream_of_another_dtype_is_converted():
    x = mt.tensor([1.0, 2.0], dtype="float32", requires_grad=True)
    seen = []
    (dx,) = mt.grad(x * x, x, np.array([1, 2]))
    seen.append(dx)
    (x * x).backward(np.array([1.0, 2.0], dtype=np.float64))
    seen.append(x.grad)
    y = (x * 1.0).retain_grad()
    y.backward([1.0, 2.0])
    seen.append(y.grad)
    assert {g.dtype for g in seen} == {np.dtype("float32")}


def test_a_leaf_knows_the_scope_it_was_made_in():
    with mt.scope("layer"):
        w = mt.tensor(1.0)
    assert w.scope.path == "layer"
    assert mt.tensor(1.0).scope is None


def test_only_ways_to_what_was_asked_for_are_walked():
    walked = []

    def watched(x, name):
        with mt.scope(name):
            return mt.exp(x)

    x, w = mt.tensor(1.0, requires_grad=True), mt.tensor(2.0, requires_grad=True)
    y = watched(x, "towards x") * watched(w, "towards w")
    exp = y.operands[1].op
    original = exp.vjps
    try:
        object.__setattr__(exp, "vjps", (lambda g, y, a: walked.append(float(a)) or g * y,))
        mt.grad(y, x)
    finally:
        object.__setattr__(exp, "vjps", original)
    assert walked == [1.0]


def test_a_dataclass_may_hold_a_tensor():
    @dataclasses.dataclass
    class Settings:
        scale: mt.Tensor

    (scale,) = dataclasses.asdict(Settings(mt.tensor([1.0, 2.0]))).values()
    assert isinstance(scale, mt.Tensor)
    assert scale.tolist() == [1.0, 2.0]


def test_a_masked_array_is_refused():
    with pytest.raises(mt.DTypeError, match="would lose its mask"):
        mt.tensor(np.ma.array([1.0, 2.0], mask=[False, True]))


def test_what_offers_itself_as_an_array_becomes_one():
    class Column:
        dtype, shape = np.dtype(float), (2,)

        def __array_ufunc__(self, *args, **kwargs):
            raise AssertionError("a column was computed with")

        def to_numpy(self):
            return np.array([1.0, 2.0])

        def __array__(self, dtype=None, copy=None):
            return np.array([1.0, 2.0], dtype)

    assert type(mt.tensor(Column()).numpy()) is np.ndarray


@pytest.mark.parametrize("n", [65504, 65505, 70000, 200000])
def test_the_mean_of_more_float16_than_float16_can_count_has_its_gradient(n):
    x = mt.tensor(np.ones(n, np.float16), requires_grad=True)
    mt.mean(x).backward()
    assert x.grad.dtype == np.float16
    assert np.allclose(x.grad.numpy().astype(float), 1 / n, rtol=0, atol=2.0**-25)


def test_without_an_axis_tensors_are_joined_in_a_row():
    a, b = (mt.tensor(np.arange(k, k + 4.0).reshape(2, 2), requires_grad=True) for k in (0, 4))
    y = mt.concatenate((part for part in (a, b)), axis=None)
    assert y.tolist() == list(range(8))
    y.backward(np.arange(8.0) * 10)
    assert b.grad.tolist() == [[40.0, 50.0], [60.0, 70.0]]
    assert mt.stack(part for part in (a, b)).shape == (2, 2, 2)


def test_truth_values_combine_from_either_side():
    x = mt.tensor([-1.0, 0.5, 2.0])
    mask = np.array([True, False, True])
    assert (mask & (x > 0)).tolist() == [False, False, True]
    assert (mask | (x > 0)).tolist() == [True, True, True]
    assert (~(x > 0)).tolist() == [True, False, False]
    assert (True & (x > 0)).tolist() == [False, True, True]
    assert (False | (x > 0)).tolist() == [False, True, True]
    with pytest.raises(mt.DTypeError, match="bitwise_and"):
        x & x
