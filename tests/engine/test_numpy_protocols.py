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
}


@pytest.mark.parametrize("function", ANSWERS, ids=lambda f: f.__name__)
def test_numpy_functions_are_recorded_and_give_numpys_values(function):
    call = CALLS.get(function, lambda f, x: f(x))
    x = mt.tensor(X, requires_grad=True)
    y = call(function, x)
    assert isinstance(y, mt.Tensor)
    np.testing.assert_allclose(y.numpy(), call(function, X), rtol=1e-14)
    if y.dtype.kind == "f":
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
        "negative", "square", "sqrt", "reciprocal", "exp", "expm1", "log", "log1p", "sin", "cos", "tanh", "absolute",
        "sign", "isfinite", "tril", "triu", "amax", "amin",
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
        lambda x: np.sinh(x),
        lambda x: np.median(x),
        lambda x: np.add.reduce(x),
        lambda x: np.multiply.outer(x, x),
        lambda x: np.add(x, 1.0, where=X > 1),
        lambda x: np.exp(x, dtype=np.float32),
        lambda x: np.modf(x),
        lambda x: np.fft.fft(x),
        lambda x: np.allclose(x, X),
        lambda x: np.dot(x, x.T),
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
    with pytest.raises(mt.DTypeError, match=r"np\.var.*ddof"):
        np.var(x, ddof=1)
    with pytest.raises(mt.DTypeError, match=r"np\.sort.*kind"):
        np.sort(x, kind="stable")
