"""Sizes, strides and dilations: whole numbers that fit, or an error; never a word of memory that is not the array's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import micrograd_tensor as mt
from micrograd_tensor.engine.lengths import length, lengths
from micrograd_tensor.engine.table.windows import add_windows, windows


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_a_whole_number_of_python_or_numpy_is_a_length(value):
    assert type(length("n", value)) is int
    assert length("n", value) == 3
    assert lengths("n", value, rank=2) == lengths("n", [value, value]) == (3, 3)


@pytest.mark.parametrize("value", [0, -1, True, 2.0, 2.5, "2", None, np.array(2), float("nan"), 1j])
def test_nothing_else_is_one(value):
    for ask in (lambda: length("n", value), lambda: lengths("n", value, 2), lambda: lengths("n", (1, value))):
        with pytest.raises(mt.ShapeError, match=r"n=.*1 or more"):
            ask()
    with pytest.raises(mt.ShapeError, match=r"n=\(1, 2, 3\): give a whole number, 0 or more, or 2, one for each axis"):
        lengths("n", (1, 2, 3), rank=2, least=0)


X = mt.tensor(np.arange(6.0).reshape(2, 3), name="x", requires_grad=True)
NO_NUMBERS = {
    "a shift": (lambda: mt.rot90(X, "a"), r"rot90: k='a': give a whole number"),
    "a diagonal": (lambda: mt.diag(X, 1.5), r"diag: k=1.5: give a whole number"),
    "decimals": (lambda: mt.round(X, None), r"round: decimals=None: give a whole number"),
    "differences below 0": (lambda: mt.diff(X, -1), r"diff: n=-1: give a whole number, 0 or more"),
    "differences": (lambda: mt.diff(X, "a"), r"diff: n='a': give a whole number, 0 or more"),
    "parts": (lambda: mt.split(X, 1.5), r"split: sections=1.5: give a whole number, or the places"),
    "no parts": (lambda: mt.array_split(X, None), r"split: sections=None: give a whole number, or the places"),
    "places": (lambda: mt.split(X, ["a"]), r"split: sections='a': give a whole number"),
    "an end": (lambda: mt.arange("abc"), r"arange: stop='abc' holds <U3, not numbers"),
    "no end": (lambda: mt.arange(None), r"arange: stop=None holds object, not numbers"),
    "several ends": (lambda: mt.arange([1, 2]), r"arange: from 0 to \[1, 2\] by 1: .*; give numbers"),
    "an end that is none": (lambda: mt.arange(np.nan), r"arange: from 0 to nan by 1: .*; give numbers"),
    "a step of 0": (lambda: mt.arange(0, 1, 0), r"arange: from 0 to 1 by 0: .*; give numbers, and a step"),
    "an endless array": (lambda: mt.arange(10**30), r"arange: stop=10+ holds object, .*no dtype has room"),
    "a beginning": (lambda: mt.linspace("a", 1), r"linspace: start='a' holds <U1, not numbers"),
    "what fills": (lambda: mt.full((2,), None), r"full: fill_value=None holds object, not numbers"),
    "a bound": (lambda: mt.randint("a", (2,)), r"randint: high='a' holds <U1, not numbers"),
    "a seed": (lambda: mt.manual_seed("a"), r"manual_seed: seed='a': give a whole number, 0 or more"),
    "a seed below 0": (lambda: mt.manual_seed(-1), r"manual_seed: seed=-1: give a whole number, 0 or more"),
    "an input": (lambda: mt.grad(X.sum(), 3), r"grad: 3 needs no gradients"),
    "an output": (lambda: mt.graph(3), r"graph: 3 is not a Tensor"),
    "a name": (lambda: mt.tensor(1.0, name=3), r"a name is some text, or None for no name, not 3"),
    "a name of a result": (lambda: (X * 2).named(["y"]), r"a name is some text, .* not \['y'\]"),
}


@pytest.mark.parametrize("case", NO_NUMBERS)
def test_what_a_setting_cannot_be_is_quoted_with_a_way_out(case):
    call, said = NO_NUMBERS[case]
    with pytest.raises((mt.ShapeError, mt.DTypeError, mt.GradientError, ValueError, TypeError), match=said):
        call()


def naive_windows(x, size, stride, dilation):
    """Along one axis, element by element; None where not one window fits."""
    positions = [p for p in range(0, len(x), stride) if p + (size - 1) * dilation < len(x)]
    return [[x[p + i * dilation] for p in positions] for i in range(size)] if positions else None


small = st.integers(-3, 5)


@given(n=st.integers(0, 9), size=small, stride=small, dilation=small)
def test_windows_are_those_of_a_loop_or_refused(n, size, stride, dilation):
    # the middle of a larger array, so that whatever reaches beyond it is seen
    memory = np.arange(1000.0)
    x = mt.tensor(memory[500 : 500 + n], copy=False, requires_grad=True)
    whole = min(size, stride, dilation) >= 1
    due = naive_windows(memory[500 : 500 + n].tolist(), size, stride, dilation) if whole else None
    if due is None:
        with pytest.raises(mt.ShapeError):
            windows(x, size=(size,), stride=(stride,), dilation=(dilation,))
        return
    seen = windows(x, size=(size,), stride=(stride,), dilation=(dilation,))
    assert seen.tolist() == due
    seen.sum().backward()
    assert x.grad.tolist() == [sum(row.count(value) for row in due) for value in x.tolist()]


@given(n=st.integers(-1, 9), size=st.integers(1, 4), count=st.integers(0, 5), stride=small, dilation=small)
def test_windows_are_added_as_by_a_loop_or_refused(n, size, count, stride, dilation):
    parts = np.arange(1.0, 1 + size * count).reshape(size, count)
    fits = min(stride, dilation) >= 1 and n >= 0 and len((naive_windows([0] * n, size, stride, dilation) or [[]])[0])
    if not fits or fits != count:
        with pytest.raises(mt.ShapeError):
            add_windows(mt.tensor(parts), shape=(n,), stride=(stride,), dilation=(dilation,))
        return
    due = [0.0] * n
    for i in range(size):
        for p in range(count):
            due[p * stride + i * dilation] += parts[i, p]
    assert add_windows(mt.tensor(parts), shape=(n,), stride=(stride,), dilation=(dilation,)).tolist() == due


pair = st.tuples(st.integers(0, 3), st.integers(0, 3))


@given(shape=st.tuples(*[st.integers(0, 5)] * 3), axis=st.tuples(small, small), size=pair, stride=pair, dilation=pair)
def test_windows_over_two_axes_are_those_over_one_and_then_the_other_or_refused(shape, axis, size, stride, dilation):
    x = np.arange(float(np.prod(shape))).reshape(shape)
    settings = {"size": size, "stride": stride, "dilation": dilation, "axis": axis}
    first, second = axis
    right = all(-3 <= i < 3 for i in axis) and first % 3 != second % 3
    right = right and min(*size, *stride, *dilation) >= 1
    right = right and all(shape[i] > (k - 1) * d for i, k, d in zip(axis, size, dilation, strict=True))
    if not right:
        with pytest.raises(mt.ShapeError):
            windows(mt.tensor(x), **settings)
        return
    due = windows(x, size=size[1:], stride=stride[1:], dilation=dilation[1:], axis=(second % 3,))
    due = windows(due, size=size[:1], stride=stride[:1], dilation=dilation[:1], axis=(1 + first % 3,))
    seen = windows(mt.tensor(x, requires_grad=True), **settings)
    assert np.array_equal(seen.numpy(), due)
    g = np.arange(1.0, 1 + seen.numpy().size).reshape(seen.shape)
    added = add_windows(
        mt.tensor(g), shape=[shape[i] for i in axis], **{k: v for k, v in settings.items() if k != "size"}
    )
    assert np.isclose((added.numpy() * x).sum(), (seen.numpy() * g).sum(), rtol=1e-12)


@pytest.mark.parametrize(
    ("axis", "says"),
    [((0, 0), "repeated"), ((0, 2), "out of range|out of bounds"), ((0,), "name 2 axes"), ((0, 1.0), "integer")],
)
def test_the_axes_of_windows_are_axes_and_each_once(axis, says):
    x = mt.tensor(np.ones((4, 4)))
    windows(x, size=(2, 2), stride=(1, 1), dilation=(1, 1), axis=(0, 1))  # what is equal to 1 is not found in a cache
    for work in (
        lambda: windows(x, size=(2, 2), stride=(1, 1), dilation=(1, 1), axis=axis),
        lambda: add_windows(mt.tensor(np.ones((2, 2, 3, 3))), shape=(4, 4), stride=(1, 1), dilation=(1, 1), axis=axis),
    ):
        with pytest.raises((mt.ShapeError, mt.DTypeError), match=says):
            work()


@pytest.mark.parametrize("huge", [10**6, 2**62, 2**63, 10**30])
def test_a_stride_that_no_memory_has_is_no_danger(huge):
    x = mt.tensor(np.arange(3.0))
    try:
        assert windows(x, size=(2,), stride=(huge,), dilation=(1,)).tolist() == [[0.0], [1.0]]
    except mt.ShapeError:
        assert huge > 2**59
    with pytest.raises(mt.ShapeError, match="do not fit"):
        windows(x, size=(2,), stride=(1,), dilation=(huge,))
    with pytest.raises(mt.ShapeError, match="do not fit"):
        windows(x, size=(huge,), stride=(1,), dilation=(1,))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: mt.eye(-1), "n=-1"),
        (lambda: mt.eye(2, 2.5), r"m=2\.5"),
        (lambda: mt.linspace(0, 1, 2.5), r"num=2\.5"),
        (lambda: mt.randperm(-1), "n=-1"),
        (lambda: mt.zeros(-1), r"shape=\(-1,\)"),
    ],
)
def test_constructors_take_lengths(make, says):
    with pytest.raises(mt.ShapeError, match=says):
        make()
