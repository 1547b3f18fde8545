"""What is no Tensor, no plain array and no number: one conversion or one refusal, recorded or not, on either side."""

import collections
import contextlib
import enum
import operator
from array import array
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from op_cases import CASES, outputs

import micrograd_tensor as mt
from micrograd_tensor.engine.arrays import frozen, operand, plain

pytestmark = pytest.mark.filterwarnings("ignore:the matrix subclass")


class Column:
    """As a table's: it has labels of its own, and answers to ufuncs, operators and `__array__`."""

    __pandas_priority__ = 3000

    def __init__(self, values):
        self.values = np.array(values)
        self.dtype, self.shape, self.name = self.values.dtype, self.values.shape, "column"

    def to_numpy(self):
        return self.values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)

    def __array_ufunc__(self, *args, **settings):
        raise AssertionError("a column was computed with")

    def _by_label(self, other):
        if getattr(other, "__pandas_priority__", 0) > self.__pandas_priority__:
            return NotImplemented
        raise AssertionError("a column was computed with")

    __add__ = __sub__ = __mul__ = __truediv__ = __lt__ = _by_label
    __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __gt__ = _by_label


class Typed:
    """An array of another library, which offers its numbers and no protocol of NumPy."""

    def __init__(self, values):
        self.values = np.asarray(values)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)


class Endless:
    """A dataset of PyTorch's kind: with a length, and never an IndexError."""

    def __len__(self):
        return 3

    def __getitem__(self, i):
        return 1.0


class Unit(np.ndarray):
    """An array that means something else by an operator."""

    def __array_ufunc__(self, *args, **settings):
        return NotImplemented


class Two(enum.IntEnum):
    TWO = 2


TAKEN = {
    "column": (Column([1.0, 2.0, 4.0]), [1.0, 2.0, 4.0]),
    "column of integers": (Column([1, 2, 4]), [1, 2, 4]),
    "another library's": (Typed([1.0, 2.0, 4.0]), [1.0, 2.0, 4.0]),
    "list": ([1, 2, 4], [1, 2, 4]),
    "tuple": ((1, 2, 4), [1, 2, 4]),
    "range": (range(1, 4), [1, 2, 3]),
    "deque": (collections.deque([1.0, 2.0, 4.0]), [1.0, 2.0, 4.0]),
    "array.array": (array("d", [1, 2, 4]), [1.0, 2.0, 4.0]),
    "memoryview": (memoryview(array("d", [1, 2, 4])), [1.0, 2.0, 4.0]),
    "another byte order": (np.array([1.0, 2.0, 4.0], ">f8"), [1.0, 2.0, 4.0]),
    "member of an enumeration": (Two.TWO, 2),
    "NumPy's number": (np.float32(2), 2.0),
    "NumPy's truth value": (np.bool_(True), True),
}

REFUSED = {
    "column of texts": (Column(["a", "b", "c"]), "astype"),
    "column of objects": (Column(np.array([1.0, None, 2.0], object)), "astype"),
    "objects": (np.array([1.0, 2.0, 3.0], object), "x.astype(float)"),
    "fraction": (Fraction(1, 3), "float(x)"),
    "decimal": (Decimal("0.5"), "float(x)"),
    "duration": (np.ones(3, "m8[s]"), "np.timedelta64(1, 's')"),
    "one duration": (np.timedelta64(1, "s"), "np.timedelta64(1, 's')"),
    "dates": (np.ones(3, "M8[s]"), "subtract a start"),
    "texts": (np.array(["a", "b", "c"]), "x.astype(float)"),
    "text": ("abc", "'abc'"),
    "bytes": (b"abc", "b'abc'"),
    "list of texts": (["a", "b", "c"], "['a', 'b', 'c']"),
    "nothing": (None, "`is None`"),
    "matrix": (np.ones((1, 3)).view(np.matrix), "np.asarray(x)"),
    "masked": (np.ma.array([1.0, 2.0, 3.0], mask=[False, True, False]), "x.filled(...)"),
    "masked, nothing hidden": (np.ma.array([1.0, 2.0, 3.0]), "x.filled(...)"),
    "units": (np.ones(3).view(Unit), "np.asarray(x)"),
    "set": ({1.0}, "numbers or truth values"),
    "dictionary": ({"a": 1.0}, "dict"),
    "dataset": (Endless(), "np.array([x[i] for i in range(len(x))])"),
    "huge": (10**400, "range"),
    "too huge to be written out": (10**5000, "range"),
    "list of tensors of another length": ([[1.0], [1.0, 2.0]], "is not an array"),
}

MODES = {"recorded": (True, contextlib.nullcontext), "not asked for": (False, contextlib.nullcontext)}
MODES |= {"no_grad": (True, mt.no_grad)}

OPERATORS = (operator.add, operator.sub, operator.mul, operator.truediv, operator.lt, operator.eq)
WAYS = {f.__name__: f for f in OPERATORS}
WAYS |= {f"{f.__name__}, reflected": lambda w, v, f=f: f(v, w) for f in OPERATORS}
WAYS |= {
    "np.multiply": np.multiply,
    "mt.maximum": mt.maximum,
    "mt.where": lambda w, v: mt.where([True, False, True], w, v),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", TAKEN)
def test_numbers_are_taken_by_value(kind, mode):
    (value, due), (requires_grad, within) = TAKEN[kind], MODES[mode]
    w = mt.tensor([2.0, 4.0, 8.0], requires_grad=requires_grad)
    for work in WAYS.values():
        with within():
            y = work(w, value)
        assert type(y) is mt.Tensor
        assert type(y.numpy()) is np.ndarray
        assert np.array_equal(y.numpy(), work(w.numpy().copy(), np.array(due)))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", REFUSED)
def test_the_rest_is_refused_with_a_way_out(kind, mode):
    (value, way_out), (requires_grad, within) = REFUSED[kind], MODES[mode]
    w = mt.tensor([2.0, 4.0, 8.0], requires_grad=requires_grad)
    for name, work in WAYS.items():
        if name.startswith("eq") and isinstance(value, (str, type(None))):
            assert work(w, value) is False  # a question that code asks of anything
            continue
        if isinstance(value, np.ma.MaskedArray) and "reflected" in name and not requires_grad:
            assert type(work(w, value)) is np.ma.MaskedArray  # nothing is lost: neither the mask nor a graph
            continue
        with within(), pytest.raises(mt.DTypeError) as caught:
            work(w, value)
        assert way_out in str(caught.value)
        assert len(str(caught.value)) < 600


@pytest.mark.parametrize("name", ["exp", "sqrt"])
def test_a_function_for_masked_arrays_does_not_take_a_tensor_apart(name):
    with pytest.raises(mt.DTypeError, match=r"w \(2,\) beside a masked array would lose its graph"):
        getattr(np.ma, name)(mt.tensor([1.0, 2.0], name="w", requires_grad=True))


def test_a_matrix_on_the_left_is_refused_too():
    w = mt.tensor(np.ones((3, 3)))
    for operate in (operator.add, operator.mul, operator.matmul):
        with pytest.raises(mt.DTypeError, match="operators of its own"):
            operate(np.matrix(np.ones((3, 3))), w)
    assert mt.tensor(np.matrix([[1.0, 2.0]])).shape == (1, 2)  # as np.asarray: there is no operator to misread


@pytest.mark.parametrize("dtype", [str, object, "M8[s]", "m8[s]", "V8", "S3", [("a", float)], "float33"])
def test_a_dtype_without_numbers_is_refused(dtype):
    x = mt.tensor([1.0, 2.0])
    for work in (lambda: x.astype(dtype), lambda: mt.astype(x, dtype), lambda: mt.tensor([1, 2], dtype=dtype)):
        with pytest.raises(mt.DTypeError, match="dtype="):
            work()


def test_a_foreign_parameter_is_read_and_copied():
    x = mt.tensor([1.0, 2.0, 3.0], requires_grad=True)
    low = Column([2.0, 1.0, 1.0])
    y = mt.clip(x, low, 2.5)
    low.values[:] = -9.0
    assert y.tolist() == [2.0, 2.0, 2.5]
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 1.0, 0.0]
    assert x[Column([True, False, True])].tolist() == [1.0, 3.0]


def test_an_upstream_comes_through_the_same_door():
    x = mt.tensor([1.0, 2.0, 3.0], requires_grad=True)
    (dx,) = mt.grad(x * 2.0, x, Column([1.0, 10.0, 100.0]))
    assert dx.tolist() == [2.0, 20.0, 200.0]
    for wrong in (np.ma.array([1.0, 2.0, 3.0], mask=[True, False, False]), np.ones(3, "m8[s]"), Endless(), "abc"):
        with pytest.raises(mt.DTypeError, match="the upstream gradient of the result of mul"):
            (x * 2.0).backward(wrong)
    assert x.grad is None


def test_a_number_beyond_the_dtype_is_told():
    n = mt.tensor(np.int8([1, 2]), name="n")
    with pytest.raises(mt.DTypeError, match=r"mul: n \(2,\) and 1000: .*astype"):
        n * 1000
    with pytest.raises(mt.ShapeError, match=r"getitem: n \(2,\).*9223372036854775808"):
        n[2**63]


def test_a_name_that_fills_a_page_is_cut_in_errors():
    w = mt.tensor([1.0, 2.0], name="w" * 10**6)
    for work in (lambda: w + np.ones(3), lambda: w.reshape(3), lambda: w.backward(), lambda: w @ np.ones(3)):
        with pytest.raises((mt.ShapeError, mt.GradientError)) as caught:
            work()
        assert len(str(caught.value)) < 1500


def test_the_door_itself():
    same = np.ones(3)
    assert plain(same) is same
    assert plain(same, copy=True) is not same
    assert operand(2) == 2
    assert type(operand(True)) is bool
    assert type(operand(Two.TWO)) is int
    assert not frozen(same).flags.writeable
    assert same.flags.writeable
    with pytest.raises(mt.DTypeError, match="dx holds <U1, not numbers"):
        plain(["a"], called="dx")
    with pytest.raises(mt.DTypeError, match="fields"):
        plain(np.zeros(3, [("a", float)]))


def test_a_value_that_cannot_show_itself_is_refused_all_the_same():
    class Shy:
        def __repr__(self):
            raise RuntimeError("no")

    with pytest.raises(mt.DTypeError, match="a Shy holds object"):
        mt.tensor([1.0]) * Shy()


def values(result):
    return [np.asarray(y.numpy() if isinstance(y, mt.Tensor) else y) for y in outputs(result)]


WITH_OPERATORS = {"getitem, operator", "binary_cross_entropy"}
"""Cases that compute with their operands before they call the op."""


@pytest.mark.slow
@pytest.mark.parametrize("case", [c for c in CASES if c.name not in WITH_OPERATORS], ids=lambda c: c.name)
@pytest.mark.parametrize("kind", [Typed, np.ndarray.tolist], ids=["typed", "list"])
def test_every_op_takes_them_in_each_place(case, kind):
    arrays = case.arrays()
    due = values(case.function(*case.tensors()))
    for place in range(len(arrays)):
        if kind is np.ndarray.tolist and (not arrays[place].size or not arrays[place].shape):
            continue  # a list has no shape, and a number is none
        operands = case.tensors()
        operands[place] = kind(arrays[place])
        for within in (contextlib.nullcontext, mt.no_grad):
            with within():
                found = values(case.function(*operands))
            assert all(type(y) is np.ndarray and np.array_equal(y, d) for y, d in zip(found, due, strict=True))


def test_a_sparse_matrix_is_refused_with_the_method_that_helps():
    class Sparse:
        def __getitem__(self, index):
            raise TypeError("not by one index")

        def toarray(self):
            return np.eye(2)

    with pytest.raises(mt.DTypeError, match=r"no array but a Sparse; give x\.toarray\(\)"):
        mt.tensor(np.eye(2)) @ Sparse()


@pytest.mark.parametrize(
    "make",
    [
        lambda: mt.zeros(2, dtype=str),
        lambda: mt.full((2,), "a"),
        lambda: mt.full((2,), None),
        lambda: mt.arange(3, dtype="M8[s]"),
        lambda: mt.eye(2, dtype=object),
        lambda: mt.rand(2, dtype=str),
        lambda: mt.linspace(0, 1, 3, dtype=object),
        lambda: mt.zeros_like(mt.tensor([1.0]), dtype=str),
    ],
)
def test_no_constructor_makes_a_tensor_of_anything_but_numbers(make):
    with pytest.raises(mt.DTypeError, match="numbers"):
        make()


def test_a_tensor_is_no_text_and_not_none():
    for x in (mt.tensor([1.0, 2.0], requires_grad=True), mt.tensor(1.0)):
        assert (x == None) is (x == None) is (x == "auto") is False  # noqa: E711 -- as libraries ask
        assert (x != None) is (x != "auto") is True  # noqa: E711
        assert x not in (None, "auto")


def test_functions_for_masked_arrays_take_tensors_that_have_no_graph():
    data = mt.tensor([1.0, 2.0, 3.0])
    assert np.ma.ravel(data).tolist() == [1.0, 2.0, 3.0]
    assert np.ma.masked_greater(data, 2.0).tolist() == [1.0, 2.0, None]
    with pytest.raises(mt.TraceError, match="leaves the trace"), mt.engine.trace.tracing():
        np.ma.ravel(data)
