"""Every public function of NumPy that meets a Tensor: ours, a question, or refused by name; none cuts in silence."""

import math
import warnings

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.engine.interop.instead import INSTEAD
from micrograd_tensor.engine.interop.protocols import QUESTIONS, SHAPES, WRITING, path
from micrograd_tensor.engine.row import ANSWERS
from micrograd_tensor.engine.trace import tracing

DISPATCHER = type(np.sum)
MODULES = (np, np.linalg, np.fft, np.lib.stride_tricks)
FUNCTIONS = list(
    dict.fromkeys(
        f
        for module in MODULES
        for name in sorted(dir(module))
        if isinstance(f := getattr(module, name), (np.ufunc, DISPATCHER))
    )
)
"""All that ask the class of their arguments what to do; the others turn them into arrays first."""
X, Y = np.array([0.4, 1.3, 2.2]), np.array([2.5, 0.9, 1.6])
A = np.array([[1.0, 2.0, 0.5], [0.3, 1.5, 2.5], [2.0, 0.7, 1.1]])
I = np.array([0, 1, 0])


def tensors(requires_grad=True):
    return {name: mt.tensor(a, name=name, requires_grad=requires_grad) for name, a in (("x", X), ("y", Y), ("A", A))}


def on_arrays(text):
    return eval(text, {"np": np, "mt": mt, "x": X, "y": Y, "A": A, "i": I})  # noqa: S307 -- texts of the package


def on_tensors(text, **how):
    return eval(text, {"np": np, "mt": mt, "i": I, **tensors(**how)})  # noqa: S307


# ------------------------------------------------------------------------------------------------------- one table


def test_there_are_functions_to_ask():
    assert len(FUNCTIONS) > 300


def test_each_function_has_one_place():
    for function in FUNCTIONS:
        assert (function in ANSWERS) + (function in QUESTIONS) + (function in WRITING) <= 1, path(function)
    assert SHAPES < QUESTIONS


@pytest.mark.parametrize("function", [f for f in FUNCTIONS if f not in ANSWERS and f not in QUESTIONS], ids=path)
def test_all_others_are_refused_by_name_where_a_gradient_would_be_lost(function):
    x = tensors()["x"]
    call = x.__array_ufunc__ if isinstance(function, np.ufunc) else x.__array_function__
    how = ("__call__", x, x) if isinstance(function, np.ufunc) else ((), (X, x), {})
    with pytest.raises(mt.DTypeError) as caught:
        call(function, *how)
    said = str(caught.value)
    assert said.startswith(f"{path(function)} of x (3,)")
    assert "x.numpy()" in said
    assert "micrograd_tensor" not in said


@pytest.mark.parametrize("function", sorted(WRITING, key=path), ids=path)
def test_nothing_is_written_to_a_tensor(function):
    x = mt.tensor(X, name="x")
    with pytest.raises(mt.GradientError, match=rf"{path(function)} would write to x \(3,\).*assign_"):
        x.__array_function__(function, (), (x, 1.0), {})
    with pytest.raises(mt.GradientError, match="would write"):
        np.add.at(x, [0], 1.0)


# --------------------------------------------------------------------------------------------- what to write instead


NEWER = {"np.matvec", "np.vecmat", "np.unstack"}
"""Functions that not every NumPy has."""


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [pair for name, pair in INSTEAD.items() if name not in NEWER or hasattr(np, name[3:])],
    ids=lambda text: text.partition("(")[0],
)
def test_what_is_named_instead_is_recorded_and_right(theirs, ours):
    with pytest.raises(mt.DTypeError) as caught:
        on_tensors(theirs)
    assert f"{theirs} is {ours}" in str(caught.value)
    expected, found = on_arrays(theirs), on_tensors(ours)
    for e, y in zip(*((v if isinstance(v, (list, tuple)) else [v]) for v in (expected, found)), strict=True):
        if "partition" not in theirs:
            np.testing.assert_allclose(y.detach().numpy(), e, rtol=1e-12)
        assert isinstance(y, mt.Tensor)
        assert y.requires_grad or "trunc" in ours or "heaviside" in theirs


def test_it_names_functions_that_numpy_has():
    present = {path(f) for f in FUNCTIONS}
    assert set(INSTEAD) - NEWER <= present
    assert not set(INSTEAD) & {path(f) for f in ANSWERS}


# ------------------------------------------------------------------------------------- where there is nothing to lose

CHECKS = """
np.allclose(x, [0.4, 1.3, 2.2]); np.isclose(x, y); np.array_equal(x, x); np.array_equiv(x, y); np.unique(A)
np.linalg.svd(A); np.linalg.inv(A); np.linalg.solve(A, x); np.linalg.det(A); np.linalg.matrix_rank(A); np.linalg.qr(A)
np.unique(x); np.histogram(x); np.bincount(i, weights=x); np.array2string(x); np.array_repr(x); np.array_str(x)
np.iscomplexobj(x); np.searchsorted(x, 1.0); np.argwhere(x > 1); np.nonzero(x); np.flatnonzero(x); np.where(x > 1)
np.argpartition(x, 1); np.lexsort((x, y)); np.isin(x, [1.3]); np.zeros_like(x); np.ones_like(A); np.full_like(x, 7)
np.shape(A); np.ndim(A); np.size(A); np.result_type(x, y); np.may_share_memory(x, y); np.digitize(x, [1.0, 2.0])
np.cov(A); np.corrcoef(A); np.interp(1.0, x, y); np.nanmean(x); np.polyfit(x, y, 1); np.fft.fft(x); np.convolve(x, y)
np.signbit(x); np.modf(x); np.frexp(x); np.cbrt(x); np.isreal(x); np.real(x); np.apply_along_axis(np.sum, 0, A)
np.insert(x, 1, 5.0); np.gradient(x); np.subtract.reduce(x); np.maximum.accumulate(x); np.add.reduceat(x, [0, 2])
np.common_type(x, y); np.can_cast(x.dtype, float); np.ix_(x > 1, x > 1); np.einsum_path("i,i->", x, y); np.nanargmax(x)
np.tril_indices_from(A); np.diag_indices_from(A); np.isposinf(x); np.isneginf(x); np.min_scalar_type(x); np.ediff1d(x)
np.unique_counts(x); np.trapezoid(x); np.select([x > 1], [x]); np.piecewise(x, [x > 1], [1.0, 2.0]); np.vander(x)
"""
CHECKS = [text.strip() for line in CHECKS.split("\n") for text in line.split("; ") if text.strip()]


def same(found, expected):
    if isinstance(expected, (list, tuple)) and not isinstance(expected, str):
        assert len(found) == len(expected)
        for f, e in zip(found, expected, strict=True):
            same(f, e)
    elif isinstance(expected, (np.ndarray, np.generic)):
        assert not isinstance(found, mt.Tensor)
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype
    else:
        assert found == expected


@pytest.mark.parametrize("text", CHECKS)
def test_without_gradients_numpy_answers_with_arrays(text):
    same(on_tensors(text, requires_grad=False), on_arrays(text))
    with mt.no_grad():
        same(on_tensors(text), on_arrays(text))


@pytest.mark.parametrize("text", [t for t in CHECKS if getattr(np, t[3:].partition("(")[0], None) in QUESTIONS])
def test_questions_are_answered_with_gradients_too(text):
    same(on_tensors(text), on_arrays(text))


def test_gradients_can_be_checked_as_arrays_are():
    x = mt.tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    assert np.allclose(x.grad, [2.0, 4.0])
    assert np.isfinite(x.grad).all()
    assert not np.isnan(x.grad).any()
    assert x.grad.argmax().item() == 1
    np.testing.assert_allclose(x.grad, [2.0, 4.0])
    np.testing.assert_almost_equal(x.grad, [2.0, 4.0])
    np.testing.assert_array_equal(x.grad, np.array([2.0, 4.0]))
    assert np.linalg.norm(x.grad).item() == pytest.approx(math.sqrt(20))
    assert np.round(x.grad / 3, 2).tolist() == [0.67, 1.33]


def test_an_array_is_saved_without_its_graph(tmp_path):
    np.save(tmp_path / "x.npy", tensors()["x"])
    np.savez(tmp_path / "x.npz", x=tensors()["x"])
    assert np.load(tmp_path / "x.npy").tolist() == np.load(tmp_path / "x.npz")["x"].tolist() == X.tolist()


@pytest.mark.parametrize("text", ["np.allclose(x, y)", "np.nonzero(x)", "np.unique(x)", "np.array_repr(x)"])
def test_within_a_trace_values_are_not_looked_at(text):
    given = {"np": np, **{name: mt.tensor(a, name=name) for name, a in (("x", X), ("y", Y))}}
    with tracing(), pytest.raises(mt.TraceError, match=r"np\.\w+ of x \(3,\) leaves the trace"):
        eval(text, given)  # noqa: S307
    with tracing():
        assert np.shape(given["x"]) == (3,)
        assert isinstance(np.isnan(given["x"]), mt.Tensor)


# ------------------------------------------------------------------------------- what turns its arguments into arrays

CUTTING = """
np.array(x); np.asarray(x); np.asanyarray(x); np.ascontiguousarray(x); np.array([x, y]); np.array([x[0], x[1] * y[0]])
np.array([[x[0], y[0]], [1.0, 2.0]]); np.sum([x, y]); np.mean([x[0], x[1]]); np.float32(x[0]); np.full((3,), x[0])
np.ones(3).dot(x); np.vectorize(math.sin)(x); np.frompyfunc(math.sin, 1, 1)(x); np.r_[x, 1.0]; np.c_[x, y]
np.random.default_rng(0).normal(x); np.random.permutation(x); np.polynomial.Polynomial([1.0, 2.0])(x); np.nditer(x)
np.ma.array(x); np.poly1d([1.0])(x); np.broadcast(x, y); np.lib.stride_tricks.as_strided(x, (2,)); np.require(x)
np.zeros(3) + [x]; np.arange(x[0])
"""
CUTTING = [text.strip() for line in CUTTING.split("\n") for text in line.split("; ") if text.strip()]


@pytest.mark.parametrize("text", CUTTING)
def test_nothing_is_turned_into_an_array_in_silence(text):
    with pytest.raises((mt.GradientError, mt.DTypeError), match=r"\.numpy\(\)"):
        eval(text, {"np": np, "math": math, **tensors()})  # noqa: S307


@pytest.mark.parametrize("text", ["np.array([x, y])", "np.sum([x, y])", "np.array([x[0], 1.0])"])
def test_tensors_in_a_list_are_put_together_by_stack(text):
    with pytest.raises(mt.GradientError, match=r"mt\.stack"):
        on_tensors(text)


@pytest.mark.parametrize("text", ["np.float64(x[0])", "np.fromiter(x, float)"])
def test_single_numbers_leave_with_a_warning(text):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        on_tensors(text)
    assert any("leaves the graph" in str(w.message) for w in said)


# -------------------------------------------------------------------------------- products as they stand in lectures


DOTS = ["np.dot(A, x)", "np.dot(x, A)", "np.dot(A, A.T)", "x.dot(A)", "x.dot(x)", "A.dot(x)", "A.T.dot(A)"]


@pytest.mark.parametrize("plain", ["", "x", "A"])
@pytest.mark.parametrize("text", DOTS)
def test_dot_with_an_array_on_either_side(text, plain):
    given = {**tensors(), **{name: array for name, array in (("x", X), ("A", A)) if name == plain}}
    used = [given[name] for name in ("x", "A") if name in text.replace("np", "")]
    if not any(isinstance(value, mt.Tensor) for value in used):
        return
    if plain and text.startswith(plain):  # a method of the array, which turns its argument into one
        with pytest.raises(mt.GradientError, match=r"write a @ \w or np\.dot\(a, \w\)"):
            eval(text, {"np": np, **given})  # noqa: S307
        return
    y = eval(text, {"np": np, **given})  # noqa: S307
    assert y.requires_grad
    np.testing.assert_allclose(y.numpy(), on_arrays(text), rtol=1e-14)
