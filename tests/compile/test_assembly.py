"""Kernels by LLVM compute what the same text computes as Python, and what Numba makes of it."""

import ast
import itertools
import sys

import numpy as np
import pytest

from micrograd_tensor.compile import assembly as assemblies
from micrograd_tensor.compile import kernels
from micrograd_tensor.compile.assembly import LIBRARY, UnreadError, assembly

pytest.importorskip("llvmlite")

FLOATS = [np.dtype("float32"), np.dtype("float64")]
WHOLE = [np.dtype(name) for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "bool")]

NUMBERS = [
    "x[i] + y[i] * x[i] - y[i]",
    "-x[i] / y[i]",
    "-k1 * (x[i] - F(2.0)) / (y[i] * sqrt(F(3.0)))",
    "x[i] if x[i] > y[i] else F(0.0)",
    "(x[i] if x[i] > F(0.0) or x[i] != x[i] else F(0.0))",
    "(F(1.0) if (x[i] >= y[i]) and (x[i] < F(2.0)) else F(-1.0))",
    "F(1.0) / (F(1.0) + exp(-x[i]))",
    "F(1.0) if (i == n[i]) else y[i]",
    "F(1.0) if (n[i] >= 0) and (n[i] < 2) else F(0.0)",
    "F(1.0) if (n[i] <= 0.5) else F(0.0)",
    "F(n[i]) + x[i]",
    "F(b[i]) * x[i]",
    "x[i] if b[i] else y[i]",
    "maximum(x[i], y[i]) - minimum(x[i], F(0.5))",
    "np.power(np.absolute(x[i]), F(1.5))",
    "F(0.0 if np.isfinite(x[i]) else 1.0)",
    "F(np.float64(x[i]) * np.float64(y[i]))",
    "F(i) + F(7)",
    *(f"np.{name}(x[i])" for name in ("absolute", "sign", "floor", "ceil", "trunc")),
    *(f"{name}(x[i])" for name in ("exp", "expm1", "tanh", "sqrt", "erf", "erfc")),
    *(f"np.{name}(x[i])" for name in sorted(LIBRARY.keys() - {"erf", "erfc", "power"})),
]
TRUTHS = [
    *(f"x[i] {sign} y[i]" for sign in ("<", "<=", ">", ">=", "==", "!=")),
    *(f"n[i] {sign} 1" for sign in ("<", "<=", ">", ">=", "==", "!=")),
    "b[i]",
    "(x[i] < y[i]) and b[i] or (n[i] == 0)",
    "np.isfinite(x[i])",
]


def of_elements(expression, truth=False):
    made = "t" if truth else "made"
    return f"""\
def kernel(x, y, n, b, made, t, k):
    k1 = F(k[0])
    length = x.shape[0]
    for i in range(length):
        {made}[i] = {expression}
    return True
"""


def values(kind, whole, seed=0):
    rng = np.random.default_rng(seed)
    special = np.array([0.0, -0.0, 1.0, -1.0, 0.5, 2.0, np.nan, np.inf, -np.inf])
    pairs = np.array([*itertools.product(special, special)])
    x, y = (np.concatenate([pairs[:, c], rng.normal(size=60) * 2]).astype(kind) for c in (0, 1))
    n = rng.integers(0 if whole.kind in "ub" else -3, 2 if whole.kind == "b" else 4, len(x)).astype(whole)
    return [x, y, n, rng.random(len(x)) < 0.5, np.zeros(len(x), kind), np.zeros(len(x), bool), np.array([0.75])]


def ran(make, text, kind, whole):
    arrays = [(kind, 1, True), (kind, 1, True), (whole, 1, True), (np.dtype(bool), 1, True)]
    arrays += [(kind, 1, False), (np.dtype(bool), 1, False)]
    given = values(kind, whole)
    found = make(text, "kernel", kind, arrays)
    with np.errstate(all="ignore"):
        found[0](*given)
    return given[4:6]


def by_python(text, name, kind, arrays):
    """As `interpreted`; the C library's functions of NaN and infinities, where Python's raise."""
    made = kernels.interpreted(text, name, kind, arrays)
    for f in ("erf", "erfc"):
        plain = made.run.__globals__[f]
        made.run.__globals__[f] = lambda x, plain=plain: kind.type(plain(x))
    return made


def compare(expression, kind, whole, truth=False):
    text = of_elements(expression, truth)
    got, want = ran(kernels._by_llvm, text, kind, whole), ran(by_python, text, kind, whole)
    np.testing.assert_array_equal(got[1], want[1])
    tolerance = 200 * np.finfo(kind).eps
    np.testing.assert_allclose(got[0], want[0], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("kind", FLOATS, ids=str)
@pytest.mark.parametrize("expression", NUMBERS)
def test_numbers(expression, kind):
    for whole in WHOLE if "n[i]" in expression else WHOLE[:1]:
        compare(expression, kind, whole)


@pytest.mark.parametrize("kind", FLOATS, ids=str)
@pytest.mark.parametrize("expression", TRUTHS)
def test_truths(expression, kind):
    for whole in WHOLE if "n[i]" in expression else WHOLE[:1]:
        compare(expression, kind, whole, truth=True)


ROWS = """\
def kernel(x, column, row, few, truth, k):
    k1 = F(k[0])
    n0 = x.shape[1]
    n1 = x.shape[0]
    t = np.empty((n0,), np.float64)
    t_part = np.empty((n0,), F)
    pairs = np.empty((n0, n1), F)
    wrong = 0
    most = -np.inf
    for i0 in range(n0):
        t[i0] = 0.0
    for c1 in range((n1 + 3) // 4):
        for i0 in range(n0):
            t_part[i0] = F(0.0)
        for j1 in range(min(4, n1 - 4 * c1)):
            i1 = 4 * c1 + j1
            total = 0.0
            part = F(0.0)
            for i0 in range(n0):
                x2 = x[i1, i0] * k1
                t_part[i0] += x2
                part += x2
                pairs[i0, i1] = x2
                wrong += 0 if (x2 < F(1.0)) else 1
                most = maximum(most, np.float64(x2))
            total += part
            row[i1] = F(total)
        for i0 in range(n0):
            t[i0] += t_part[i0]
    for i0 in range(n0):
        column[i0] = F(t[i0]) - pairs[i0, 0]
    few[()] = F(most)
    truth[()] = (wrong > 2)
    return wrong == 0 and n0 == 5
"""


SHAPES = [(1, 5), (4, 5), (11, 5), (11, 3), (11, 0), (70, 130)]


@pytest.mark.parametrize(
    ("make", "shape"), [*((kernels._by_llvm, shape) for shape in SHAPES), (kernels._by_numba, SHAPES[2])]
)
@pytest.mark.parametrize("kind", FLOATS, ids=str)
def test_rows_sums_and_counts(kind, shape, make):
    arrays = [(kind, 2, True), *((kind, ndim, False) for ndim in (1, 1, 0)), (np.dtype(bool), 0, False)]
    x, found = np.random.default_rng(1).normal(size=shape).astype(kind), []
    for how in (make, kernels.interpreted):
        run = how(ROWS, "kernel", kind, arrays)
        run = run[0] if isinstance(run, tuple) else run
        made = [np.zeros(shape[1], kind), np.zeros(shape[0], kind), np.zeros((), kind), np.zeros((), bool)]
        found.append([*made, run(x, *made, np.array([0.9]))])
    for got, want in zip(*found, strict=True):
        np.testing.assert_allclose(got, want, rtol=3e-5 if kind.itemsize == 4 else 1e-13, atol=1e-5)


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("_ARITHMETIC", {ast.Add: "sub"}),
        ("_ARITHMETIC", {ast.Div: "mul"}),
        ("_RELATIONS", {ast.Lt: "le"}),
        ("_RELATIONS", {ast.NotEq: "eq"}),
        ("_INTRINSIC", {"maximum": "minimum"}),
        ("_INTRINSIC", {"floor": "trunc"}),
        ("LIBRARY", {"sin": "cos"}),
    ],
)
def test_a_fault_is_found(monkeypatch, table, change):
    monkeypatch.setattr(assemblies, table, getattr(assemblies, table) | change)
    found = []
    for expression in NUMBERS:
        try:
            compare(expression, FLOATS[1], WHOLE[0])
        except AssertionError:
            found.append(expression)
    assert found


UNREAD = {
    "if": "        if x[i] > F(0.0):\n            made[i] = x[i]",
    "while": "        while made[i] < x[i]:\n            made[i] += F(1.0)",
    "another range": "        for j in range(1, 3):\n            made[i] += x[i]",
    "another function": "        made[i] = np.arctan2(x[i], y[i])",
    "a power": "        made[i] = x[i] ** 2",
    "a number that changes its dtype": "        s = 1\n        s = s + 0.5\n        made[i] = F(s)",
}


@pytest.mark.parametrize("name", UNREAD)
def test_what_is_not_read_is_left_to_numba(name):
    text = of_elements("x[i]").replace("        made[i] = x[i]", UNREAD[name])
    arrays = [(FLOATS[1], 1, True), (FLOATS[1], 1, True), (WHOLE[2], 1, True), (WHOLE[-1], 1, True)]
    arrays += [(FLOATS[1], 1, False), (WHOLE[-1], 1, False)]
    with pytest.raises(UnreadError):
        assembly(text, FLOATS[1], arrays)
    given, want = ([np.minimum(v, 3) if v.dtype.kind == "f" else v for v in values(FLOATS[1], WHOLE[2])] for _ in "12")
    made = kernels.compiled(text, "kernel", FLOATS[1], arrays)
    assert made.origin == "compiled"
    with np.errstate(all="ignore"):
        made.run(*given)
        kernels.interpreted(text, "kernel", FLOATS[1], arrays).run(*want)
    np.testing.assert_allclose(given[4], want[4], rtol=1e-14)


COPY = "def kernel(x, y, k):\n    n = x.shape[0]\n    for i in range(n):\n        y[i, 0] = x[i, 0]\n    return True\n"


@pytest.fixture(name="copy", scope="module")
def copy_of_float32():
    arrays = [(FLOATS[0], 2, True), (FLOATS[0], 2, False)]
    return kernels._by_llvm(COPY, "kernel", FLOATS[0], arrays)[0]


def frozen(x):
    x.setflags(write=False)
    return x


class Other(np.ndarray):
    """Whose elements may mean something else."""


GOOD = np.ones((3, 1), np.float32)
NUMBERS_OF_COPY = np.zeros(0)
WRONG = {
    "too few": (GOOD, GOOD.copy()),
    "too many": (GOOD, GOOD.copy(), NUMBERS_OF_COPY, NUMBERS_OF_COPY),
    "none": (),
    "a number": (1.0, GOOD.copy(), NUMBERS_OF_COPY),
    "a list": (GOOD, [[1.0]], NUMBERS_OF_COPY),
    "another class": (GOOD.view(Other), GOOD.copy(), NUMBERS_OF_COPY),
    "another dtype": (GOOD.astype(float), GOOD.copy(), NUMBERS_OF_COPY),
    "whole numbers of the same size": (GOOD, GOOD.astype(np.int32), NUMBERS_OF_COPY),
    "another order of bytes": (GOOD.astype(">f4"), GOOD.copy(), NUMBERS_OF_COPY),
    "fewer axes": (GOOD[:, 0].copy(), GOOD.copy(), NUMBERS_OF_COPY),
    "more axes": (GOOD[None], GOOD.copy(), NUMBERS_OF_COPY),
    "not contiguous": (np.ones((3, 2), np.float32)[:, :1], GOOD.copy(), NUMBERS_OF_COPY),
    "not to be written": (GOOD, frozen(GOOD.copy()), NUMBERS_OF_COPY),
}


@pytest.mark.parametrize("name", WRONG)
def test_arrays_of_another_kind_are_refused(copy, name):
    with pytest.raises(TypeError):
        copy(*WRONG[name])


def test_arrays_that_are_right_are_taken(copy):
    for x in (GOOD, frozen(GOOD.copy()), np.frombuffer(b"\0" + GOOD.tobytes(), np.float32, 3, 1).reshape(3, 1)):
        y = np.zeros_like(GOOD)
        assert copy(x, y, NUMBERS_OF_COPY) is True
        np.testing.assert_array_equal(x, y)
    longs = [np.dtype(c) for c in "lq" if np.dtype(c) == np.int64]  # one dtype by two names
    text = COPY.replace("[i, 0]", "[i]")
    run = kernels._by_llvm(text, "kernel", FLOATS[1], [(longs[0], 1, True), (longs[0], 1, False)])[0]
    for dtype in longs:
        y = np.zeros(3, dtype)
        assert run(np.arange(3, dtype=dtype), y, NUMBERS_OF_COPY)
        assert y.tolist() == [0, 1, 2]


ROOM = """\
def kernel(x, k):
    n = x.shape[1]
    t = np.empty((n,), F)
    s = np.empty((n,), F)
    total = F(0.0)
    for i in range(n):
        t[i] = F(i)
        s[i] = t[i] * t[i]
    for i in range(n):
        total += s[i] + t[n - 1 - i]
    return total == F(8.0)
"""


def test_no_memory():
    run = kernels._by_llvm(ROOM, "kernel", FLOATS[0], [(FLOATS[0], 2, True)])[0]
    for _ in range(3):
        with pytest.raises(MemoryError):
            run(np.zeros((0, 1 << 59), np.float32), NUMBERS_OF_COPY)
    assert [run(np.zeros((0, n), np.float32), NUMBERS_OF_COPY) for n in (0, 1, 3)] == [False, False, True]


def test_no_reference_is_lost(copy):
    x, y = GOOD.copy(), GOOD.copy()
    before = sys.getrefcount(x), sys.getrefcount(y)
    for _ in range(100):
        copy(x, y, NUMBERS_OF_COPY)
        with pytest.raises(TypeError):
            copy(x, y, 1)
    assert (sys.getrefcount(x), sys.getrefcount(y)) == before
