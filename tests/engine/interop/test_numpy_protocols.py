"""NumPy's own functions on Tensors: recorded like the op that does the same, or refused with a reason."""

import operator

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.engine.row import ANSWERS

X = np.array([[0.3, 1.2, 2.5], [0.9, 0.1, 1.7]])

CALLS = {
    np.add: lambda f, x: f(x, 2.0),
    np.subtract: lambda f, x: f(3.0, x),
    np.multiply: lambda f, x: f(x, x),
    np.divide: lambda f, x: f(1.0, x),
    np.power: lambda f, x: f(x, 3),
    np.maximum: lambda f, x: f(x, 1.0),
    np.minimum: lambda f, x: f(1.0, x),
    **{
        compare: lambda f, x: f(x, 1.0)
        for compare in (np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal)
    },
    np.bitwise_and: lambda f, x: f(x > 0.5, X < 1.5),
    np.bitwise_or: lambda f, x: f(X < 0.5, x > 1.5),
    np.invert: lambda f, x: f(x > 1.0),
    np.matmul: lambda f, x: f(x, np.ones((3, 2))),
    np.where: lambda f, x: f(X > 1, x, 0.0),
    np.clip: lambda f, x: f(x, 0.2, 1.0),
    np.sum: lambda f, x: f(x, axis=0),
    np.mean: lambda f, x: f(x, axis=1, keepdims=True),
    np.max: lambda f, x: f(x, axis=0),
    np.min: lambda f, x: f(x),
    np.prod: lambda f, x: f(x, axis=1),
    np.var: lambda f, x: f(x, axis=0),
    np.std: lambda f, x: f(x, axis=0, keepdims=True),
    np.cumsum: lambda f, x: f(x, axis=1),
    np.broadcast_to: lambda f, x: f(x, (4, 2, 3)),
    np.reshape: lambda f, x: f(x, (3, -1)),
    np.transpose: lambda f, x: f(x, (1, 0)),
    np.swapaxes: lambda f, x: f(x, 0, 1),
    np.squeeze: lambda f, x: f(x),
    np.expand_dims: lambda f, x: f(x, 1),
    np.flip: lambda f, x: f(x, 0),
    np.take_along_axis: lambda f, x: f(x, np.array([[1], [0]]), axis=1),
    np.concatenate: lambda f, x: f([x, X], axis=1),
    np.stack: lambda f, x: f([X, x], axis=1),
    np.split: lambda f, x: f(x, 3, axis=1)[1],
    np.sort: lambda f, x: f(x, axis=0),
    np.argsort: lambda f, x: f(x, axis=1),
    np.einsum: lambda f, x: f("ij,kj->ik", x, X),
    getattr(np, "astype", None): lambda f, x: f(x, np.float64),
    np.pad: lambda f, x: f(x, 1),
    np.logical_and: lambda f, x: f(x > 0.5, X < 1.5),
    np.logical_or: lambda f, x: f(X < 0.5, x > 1.5),
    np.logical_xor: lambda f, x: f(x > 0.5, X < 1.5),
    np.logaddexp: lambda f, x: f(x, 1.0),
    np.arctan2: lambda f, x: f(x, X + 1),
    np.floor_divide: lambda f, x: f(x, 0.7),
    np.remainder: lambda f, x: f(x, 0.7),
    np.fmod: lambda f, x: f(x, -0.7),
    np.round: lambda f, x: f(x, -1),
    np.around: lambda f, x: f(x, -1),
    **{step: lambda f, x: f(x + 0.07) for step in (np.floor, np.ceil, np.trunc, np.fix, np.rint)},
    **{inverse: lambda f, x: f(x / 3) for inverse in (np.arcsin, np.arccos, np.arctanh)},
    np.arccosh: lambda f, x: f(x + 1),
    np.dot: lambda f, x: f(X.T, x),
    np.take: lambda f, x: f(x, [2, 0, 2], axis=1),
    np.repeat: lambda f, x: f(x, 2, axis=0),
    np.moveaxis: lambda f, x: f(x, 0, -1),
    **{pair: lambda f, x: f(x, X + 1) for pair in (np.vdot, np.inner, np.kron, np.hypot, np.cross, np.linalg.cross)},
    **{pair: lambda f, x: f(x, X + 1) for pair in (np.vecdot, np.linalg.vecdot)},
    np.outer: lambda f, x: f(x, X[0]),
    np.linalg.outer: lambda f, x: f(x[0], X[1]),
    np.tensordot: lambda f, x: f(x, X.T, axes=1),
    np.linalg.tensordot: lambda f, x: f(X, x, axes=((0, 1), (0, 1))),
    np.linalg.matmul: lambda f, x: f(X.T, x),
    np.linalg.multi_dot: lambda f, x: f([X.T, x, X.T]),
    np.divmod: lambda f, x: f(x, 0.7)[1],
    np.tile: lambda f, x: f(x, 2),
    np.roll: lambda f, x: f(x, 1, axis=1),
    np.delete: lambda f, x: f(x, 1, axis=0),
    np.append: lambda f, x: f(x, 3.0),
    **{cut: lambda f, x: f(x, 2)[0] for cut in (np.array_split, np.vsplit)},
    np.hsplit: lambda f, x: f(x, 3)[1],
    np.dsplit: lambda f, x: f(x[None], 3)[2],
    **{several: lambda f, x: f([x, X]) for several in (np.hstack, np.vstack, np.dstack, np.column_stack)},
    np.atleast_3d: lambda f, x: f(x),
    np.broadcast_arrays: lambda f, x: f(x, X[0])[0],
    np.meshgrid: lambda f, x: f(x[0], X[1])[0],
    np.lib.stride_tricks.sliding_window_view: lambda f, x: f(x, (2, 2)),
    np.diff: lambda f, x: f(x, axis=0),
    np.quantile: lambda f, x: f(x, 0.3),
    np.percentile: lambda f, x: f(x, 30, axis=1),
}


@pytest.mark.filterwarnings("ignore:numpy.fix is deprecated")
@pytest.mark.parametrize("function", ANSWERS, ids=lambda f: f.__name__)
def test_numpy_functions_are_recorded_and_give_numpys_values(function):
    call = CALLS.get(function, lambda f, x: f(x))
    x = mt.tensor(X, requires_grad=True)
    y = call(function, x)
    assert isinstance(y, mt.Tensor)
    assert y.dtype == np.asarray(call(function, X)).dtype
    np.testing.assert_allclose(y.numpy(), call(function, X), rtol=1e-14)
    if y.dtype.kind == "f" and function is not np.floor_divide:
        assert y.requires_grad
        with np.errstate(under="ignore"):
            assert mt.gradcheck(lambda t: call(function, t), X, order=1)


@pytest.mark.parametrize("function", ANSWERS, ids=lambda f: f.__name__)
def test_numpy_functions_record_the_same_op_as_ours(function):
    ours = ANSWERS[function]
    assert ours in [getattr(mt, name) for name in mt.__all__]
    call = CALLS.get(function, lambda f, x: f(x))
    x = mt.tensor(X, requires_grad=True)
    theirs = call(function, x)
    mine = call(ours, x)
    assert theirs.op is mine.op
    assert theirs.params == mine.params


def test_every_entry_of_the_list_has_a_call_of_its_arity():
    unary = {
        "negative", "positive", "square", "sqrt", "reciprocal", "exp", "expm1", "log", "log1p", "log2", "log10", "sin",
        "cos", "tan", "arctan", "sinh", "cosh", "tanh", "arcsinh", "absolute", "sign", "isfinite", "isnan", "isinf",
        "logical_not", "tril", "triu", "amax", "amin", "any", "all", "count_nonzero", "argmax", "argmin", "copy",
        "cumprod", "diagonal", "ravel", "trace", "matrix_transpose", "rot90", "fliplr", "flipud", "diag", "diagflat",
        "atleast_1d", "atleast_2d", "exp2", "fabs", "fix", "degrees", "rad2deg", "radians", "deg2rad", "nan_to_num",
        "average", "ptp", "median", "norm",
    }  # fmt: skip
    assert {f.__name__ for f in ANSWERS} - {f.__name__ for f in CALLS} <= unary


OPERATORS = ["add", "sub", "mul", "truediv", "pow", "lt", "le", "gt", "ge", "eq", "ne"]


@pytest.mark.parametrize("other", [X + 1, X[0], np.float64(2.0), np.array(2.0)], ids=["array", "row", "scalar", "0-d"])
@pytest.mark.parametrize("name", OPERATORS)
def test_an_array_on_the_left_gives_a_tensor(name, other):
    x = mt.tensor(X, requires_grad=True)
    op = getattr(operator, name)
    y, z = op(other, x), op(x, other)
    for found, expected in ((y, op(other, X)), (z, op(X, other))):
        assert isinstance(found, mt.Tensor)
        np.testing.assert_allclose(found.numpy(), expected)
        assert found.dtype.kind == "b" or found.requires_grad


def test_matmul_with_an_array_on_the_left_gives_a_tensor():
    x = mt.tensor(X, requires_grad=True)
    y = np.ones((4, 2)) @ x
    assert isinstance(y, mt.Tensor)
    y.sum().backward()
    assert x.grad.tolist() == [[4.0] * 3] * 2


def test_an_array_is_rebound_and_not_written_to_by_an_augmented_operator():
    a = np.ones((2, 3))
    kept = a
    with pytest.raises(mt.DTypeError, match="out"):
        a += mt.tensor(X, requires_grad=True)
    assert (kept == 1).all()


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.linalg.inv(x @ x.T),
        lambda x: np.cbrt(x),
        lambda x: np.unique(x),
        lambda x: np.subtract.reduce(x),
        lambda x: np.maximum.accumulate(x),
        lambda x: np.add.reduceat(x, [0, 1]),
        lambda x: np.add.at(np.ones(3), [0, 1, 0], x[0]),
        lambda x: np.add(x, 1.0, where=X > 1),
        lambda x: np.exp(x, out=np.empty((2, 3))),
        lambda x: np.modf(x),
        lambda x: np.fft.fft(x),
        lambda x: np.copyto(np.ones((2, 3)), x),
    ],
)
def test_other_numpy_functions_are_refused_with_a_way_out(call):
    with pytest.raises(mt.DTypeError, match=r"np\.\S+.*\.numpy\(\)"):
        call(mt.tensor(X, requires_grad=True))


def test_a_tensor_with_a_graph_is_no_array_by_accident():
    x = mt.tensor(X, name="x", requires_grad=True)
    for call in (np.asarray, np.array, lambda t: np.asarray([t[0], t[1]]), lambda t: np.zeros(3) + np.asarray(t)):
        with pytest.raises(mt.GradientError, match=r"\.numpy\(\)"):
            call(x)


def test_a_tensor_without_a_graph_is_an_array_when_asked():
    a = np.asarray(mt.tensor(X))
    assert a.tolist() == X.tolist()
    assert np.asarray(mt.tensor(X), dtype=np.float32).dtype == np.float32
    assert mt.tensor(X, requires_grad=True).detach().numpy().tolist() == X.tolist()


def test_asarray_gives_a_copy_that_may_be_written_to_or_a_frozen_view():
    x = mt.tensor(X)
    a = np.array(x)
    a[...] = 0
    assert x.tolist() == X.tolist()


def textbook_batch_norm(x, gamma, beta, eps):
    """As it stands in lecture notes for arrays."""
    mean = np.mean(x, axis=0)
    dev_from_mean = x - mean
    var = np.mean(dev_from_mean**2, axis=0)
    stddev = np.sqrt(var + eps)
    x_norm = dev_from_mean / stddev
    return gamma * x_norm + beta


def test_textbook_code_for_arrays_runs_on_tensors():
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s) for s in ((7, 4), 4, 4)]
    dout = rng.standard_normal((7, 4))
    tensors = [mt.tensor(a, requires_grad=True) for a in arrays]
    out = textbook_batch_norm(*tensors, 1e-5)
    np.testing.assert_allclose(out.numpy(), textbook_batch_norm(*arrays, 1e-5), rtol=1e-13)
    ours = mt.grad(mt.batch_norm(*tensors), tensors, dout)
    for g, e in zip(mt.grad(out, tensors, dout), ours, strict=True):
        np.testing.assert_allclose(g.numpy(), e.numpy(), rtol=1e-10, atol=1e-12)
    assert mt.gradcheck(lambda *t: textbook_batch_norm(*t, 1e-5), *arrays)


def test_numpys_own_variance_is_recorded_too():
    x = mt.tensor(X, requires_grad=True)
    out = (x - np.mean(x, axis=0)) / np.sqrt(np.var(x, axis=0) + 1e-5)
    np.testing.assert_allclose(out.numpy(), (X - X.mean(0)) / np.sqrt(X.var(0) + 1e-5))
    assert out.requires_grad


@pytest.mark.parametrize("function", [np.shape, np.ndim, np.size])
def test_questions_about_a_tensor_are_answered_as_for_its_array(function):
    assert function(mt.tensor(X, requires_grad=True)) == function(X)


def test_a_setting_that_is_not_recorded_is_named():
    x = mt.tensor(X, requires_grad=True)
    for call, named in (
        (lambda: np.var(x, where=X > 1), "where"),
        (lambda: np.reshape(x, (3, 2), order="F"), "order"),
        (lambda: np.sum(x, out=np.empty(())), "out"),
        (lambda: np.exp(x, out=np.empty((2, 3))), "out"),
        (lambda: np.add(x, 1.0, where=X > 1), "where"),
        (lambda: np.add(x, 1.0, casting="no"), "casting"),
    ):
        with pytest.raises(mt.DTypeError, match=rf"np\.\w+ .*{named}="):
            call()


SETTINGS = [
    lambda np, x: np.sum(x, dtype=np.float32),
    lambda np, x: np.sum(x, initial=1.5, where=X > 0.5),
    lambda np, x: np.sum(x, axis=(0, 1), out=None),
    lambda np, x: np.prod(x, initial=2.0, where=[[True, False, True]]),
    lambda np, x: np.max(x, initial=2.0),
    lambda np, x: np.min(x, axis=0, initial=9.0, where=X > 0.5),
    lambda np, x: np.mean(a=x, dtype=np.float32, keepdims=True),
    lambda np, x: np.var(x, ddof=1),
    lambda np, x: np.std(x, axis=0, ddof=1, keepdims=True),
    lambda np, x: np.clip(x, a_min=0.4, a_max=0.8),
    lambda np, x: np.clip(x, None, 0.8),
    lambda np, x: np.exp(x, casting="same_kind", order="K", where=True, out=None),
    lambda np, x: np.add(x, 1, dtype=np.float32),
    lambda np, x: np.einsum("ij,kj->ik", x, x, optimize=True),
    lambda np, x: np.einsum(x, [0, 1], x, [2, 1], [0, 2]),
    lambda np, x: np.einsum(x, [1, 0]),
    lambda np, x: np.reshape(x, (3, 2), order="C"),
    lambda np, x: np.take_along_axis(arr=x, indices=np.array([[1], [0]]), axis=-1),
    lambda np, x: np.sort(x, axis=0, kind="stable"),
    lambda np, x: np.split(ary=x, indices_or_sections=2)[1],
    lambda np, x: np.concatenate([x, x], dtype=np.float32),
    lambda np, x: np.stack([x, x], axis=2, casting="same_kind"),
    lambda np, x: np.flip(m=x, axis=1),
    lambda np, x: np.pad(x, ((1, 0), (0, 2)), "constant", constant_values=3.0),
    lambda np, x: np.pad(x, 1, mode="reflect"),
    lambda np, x: np.ravel(x, order="C"),
    lambda np, x: np.add.reduce(x),
    lambda np, x: np.add.reduce(x, axis=None),
    lambda np, x: np.multiply.reduce(x, axis=1, keepdims=True, initial=2.0),
    lambda np, x: np.maximum.reduce(x, axis=1),
    lambda np, x: np.add.accumulate(x, axis=1),
    lambda np, x: np.multiply.accumulate(x),
    lambda np, x: np.multiply.outer(x, x[0]),
    lambda np, x: np.subtract.outer(2.0, x),
]
"""Calls of NumPy with settings; the first argument stands for the module, so that PyTorch could not be meant."""


@pytest.mark.parametrize("call", SETTINGS, ids=range(len(SETTINGS)))
def test_settings_mean_what_they_mean_in_numpy(call):
    x = mt.tensor(X, requires_grad=True)
    y, expected = call(np, x), call(np, X)
    assert isinstance(y, mt.Tensor)
    assert y.requires_grad
    assert y.dtype == expected.dtype
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-14 if y.dtype == np.float64 else 1e-6)
    if y.dtype == np.float64:
        assert mt.gradcheck(lambda t: call(np, t), X)


def test_methods_know_numpys_settings_too():
    x = mt.tensor(X, requires_grad=True)
    assert x.var(ddof=1).item() == pytest.approx(X.var(ddof=1))
    assert x.sum(axis=0, dtype=None, out=None).tolist() == X.sum(axis=0).tolist()
    assert x.clip(a_min=1).tolist() == X.clip(1).tolist()
    with pytest.raises(TypeError, match="out"):
        x.sum(out=np.empty(()))
