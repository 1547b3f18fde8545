"""Axes and places: whatever is given for one, it is taken as in NumPy or refused by name, and nothing fails later."""

from functools import partial

import numpy as np
import pytest

import micrograd_tensor as mt

X = np.arange(24.0).reshape(2, 3, 4)
WITH_AXIS = ("sum", "mean", "max", "min", "prod", "var", "std", "any", "all", "count_nonzero", "logsumexp", "softmax")
WITH_AXIS += ("log_softmax", "l2_norm", "norm", "ptp", "median", "average", "cumsum", "cumprod", "squeeze", "flip")
WITH_AXIS += ("expand_dims", "argsort", "sort", "argmax", "argmin", "diff")
TAKING_AN_AXIS = {
    **{name: partial(lambda op, x, axis: op(x, axis=axis), getattr(mt, name)) for name in WITH_AXIS},
    "stack": lambda x, axis: mt.stack([x, x], axis=axis),
    "concatenate": lambda x, axis: mt.concatenate([x, x], axis=axis),
    "append": lambda x, axis: mt.append(x, x, axis=axis),
    "split": lambda x, axis: mt.split(x, 1, axis=axis)[0],
    "array_split": lambda x, axis: mt.array_split(x, 2, axis=axis)[0],
    "swapaxes": lambda x, axis: mt.swapaxes(x, axis, 0),
    "moveaxis": lambda x, axis: mt.moveaxis(x, axis, 0),
    "flatten": lambda x, axis: mt.flatten(x, axis, axis),
    "take": lambda x, axis: mt.take(x, [0], axis=axis),
    "take_along_axis": lambda x, axis: mt.take_along_axis(x, np.zeros((1, 1, 1), int), axis=axis),
    "repeat": lambda x, axis: mt.repeat(x, 2, axis=axis),
    "roll": lambda x, axis: mt.roll(x, 1, axis=axis),
    "delete": lambda x, axis: mt.delete(x, 0, axis=axis),
    "quantile": lambda x, axis: mt.quantile(x, 0.3, axis=axis),
    "diagonal": lambda x, axis: mt.diagonal(x, 0, axis, 1),
    "trace": lambda x, axis: mt.trace(x, 0, axis, 1),
    "cross": lambda x, axis: mt.cross(x, x, axis=axis),
    "vecdot": lambda x, axis: mt.vecdot(x, x, axis=axis),
    "tensordot": lambda x, axis: mt.tensordot(x, x, axes=(axis, axis)),
    "batch_norm": lambda x, axis: mt.batch_norm(x, 1.0, 0.0, axis=axis),
    "transpose": lambda x, axis: mt.transpose(x, (axis, 0, 1)),
}


def tensor():
    return mt.tensor(X, name="x", requires_grad=True)


@pytest.mark.parametrize("axis", [0.5, "0", object(), [0.5]], ids=["fraction", "text", "object", "list of a fraction"])
@pytest.mark.parametrize("name", TAKING_AN_AXIS)
def test_what_is_no_axis_is_refused_by_the_op(name, axis):
    with pytest.raises((mt.DTypeError, mt.ShapeError)):
        TAKING_AN_AXIS[name](tensor(), axis)


@pytest.mark.parametrize("axis", [7, -7, 2**70])
@pytest.mark.parametrize("name", TAKING_AN_AXIS)
def test_an_axis_out_of_range_is_quoted(name, axis):
    whose = "the result of square" if name == "l2_norm" else "x"
    with pytest.raises(mt.ShapeError, match=rf"{axis}.*{whose} \(2, 3, 4\)|{whose} \(2, 3, 4\).*{axis}"):
        TAKING_AN_AXIS[name](tensor(), axis)


@pytest.mark.parametrize("name", sorted({*TAKING_AN_AXIS} - {"squeeze", "cross", "trace", "diagonal", "transpose"}))
def test_numpys_whole_numbers_are_axes(name):
    call = TAKING_AN_AXIS[name]
    assert call(tensor(), np.int64(2)).tolist() == call(tensor(), 2).tolist()


@pytest.mark.parametrize("index", [2, -3, 2**63, (0, 3), (1, 2, 4), [0, 5], np.array([[7]])], ids=str)
def test_a_place_out_of_range_is_pythons_index_error_too(index):
    with pytest.raises(IndexError) as caught:
        tensor()[index]
    assert isinstance(caught.value, mt.ShapeError)
    assert str(caught.value).startswith("getitem: x (2, 3, 4)")


@pytest.mark.parametrize("number", [2**70, -(2**70)])
def test_numbers_beyond_any_array_are_refused_or_mean_what_numpy_says(number):
    x = tensor()
    assert mt.diagonal(x, number).size == 0
    for wrong in (lambda: mt.round(x, number), lambda: x.reshape(number), lambda: mt.tril(x, number)):
        with pytest.raises(ValueError, match=str(number)):
            wrong()


def test_protocols_that_count_on_an_index_error_end():
    x = mt.tensor([1.0, 2.0, 3.0])

    class OldStyle:  # which is iterated over by asking for places until there are none
        def __getitem__(self, i):
            return x[i].item()

    assert list(OldStyle()) == [v.item() for v in x] == [v.item() for v in reversed(x)][::-1] == [1.0, 2.0, 3.0]
    assert 2.0 in x
    assert 5.0 not in x


def test_no_forward_pass_takes_what_the_backward_pass_does_not():
    x = mt.tensor([1.0, 2.0, 3.0], name="x", requires_grad=True)
    with pytest.raises(mt.DTypeError, match=r"transpose: x \(3,\).*\(0,\)"):
        mt.transpose(x, 0)
    for width, padded in (({0: (1, 2)}, 6), ({-1: 1}, 5), (np.int64(1), 5), ([1, 2], 6)):
        y = mt.pad(x, width)
        (g,) = mt.grad(y, x, np.arange(float(padded)))
        assert g.tolist() == [1.0, 2.0, 3.0]
    for width in ({3: 1}, 1.5, "1", ((1, 2), (3, 4)), -1):
        with pytest.raises((mt.ShapeError, mt.DTypeError), match="pad"):
            mt.pad(x, width)


@pytest.mark.parametrize("function", [mt.relu, lambda x: x * 3.0, mt.sum, lambda x: mt.maximum(x, 1.0)])
def test_a_constant_gradient_can_be_differentiated_again(function):
    """No input is behind it, so what it depends on is nothing: None, as everywhere."""
    x = mt.tensor([-1.0, 2.0], requires_grad=True)
    (dx,) = mt.grad(function(x).sum(), x, create_graph=True)
    assert mt.grad(dx.sum(), x) == (None,)
