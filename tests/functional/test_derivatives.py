"""value_and_grad, vjp, jvp, hvp, jacobian and hessian: against formulas, and against each other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import micrograd_tensor as mt

A = np.random.default_rng(0).standard_normal((3, 4))
X = np.random.default_rng(1).standard_normal(4)
S = A.T @ A


@pytest.fixture(autouse=True)
def _floating_point_errors_raise():
    with np.errstate(all="raise", under="ignore"):
        yield


def linear(x):
    return mt.matmul(mt.tensor(A), x)


def quadratic(x):
    return (x * mt.matmul(mt.tensor(S), x)).sum() * 0.5


# ------------------------------------------------------------------------------------------------------------- formulas


def test_the_jacobian_of_a_linear_map_is_its_matrix():
    np.testing.assert_allclose(mt.jacobian(linear, X).numpy(), A, rtol=1e-15)


def test_the_hessian_of_a_quadratic_form_is_its_matrix():
    np.testing.assert_allclose(mt.hessian(quadratic, X).numpy(), S, rtol=1e-13)


def test_value_and_grad_of_a_quadratic_form():
    value, slope = mt.value_and_grad(quadratic, X)
    assert value.item() == pytest.approx(0.5 * X @ S @ X)
    np.testing.assert_allclose(slope.numpy(), S @ X, rtol=1e-13)


def test_products_with_the_jacobian_from_both_sides():
    v, u = np.arange(4.0), np.arange(3.0)
    y, forward = mt.jvp(linear, X, v)
    again, reverse = mt.vjp(linear, X, u)
    np.testing.assert_allclose(y.numpy(), A @ X)
    np.testing.assert_allclose(again.numpy(), A @ X)
    np.testing.assert_allclose(forward.numpy(), A @ v)
    np.testing.assert_allclose(reverse.numpy(), u @ A)


def test_hvp_is_the_hessian_times_the_vector():
    v = np.arange(4.0)
    value, change = mt.hvp(quadratic, X, v)
    assert value.item() == pytest.approx(0.5 * X @ S @ X)
    np.testing.assert_allclose(change.numpy(), S @ v, rtol=1e-13)


def test_jacobian_of_a_matrix_valued_function_has_output_axes_first():
    x = np.random.default_rng(2).standard_normal((2, 3))
    j = mt.jacobian(lambda t: t.T, x).numpy()
    assert j.shape == (3, 2, 2, 3)
    np.testing.assert_array_equal(j, np.einsum("ad,bc->abcd", np.eye(3), np.eye(2)))


def test_the_jacobian_of_softmax():
    p = np.exp(X) / np.exp(X).sum()
    np.testing.assert_allclose(mt.jacobian(mt.softmax, X).numpy(), np.diag(p) - np.outer(p, p), atol=1e-15)


def test_the_hessian_of_logsumexp():
    p = np.exp(X) / np.exp(X).sum()
    np.testing.assert_allclose(mt.hessian(mt.logsumexp, X).numpy(), np.diag(p) - np.outer(p, p), atol=1e-15)


def test_hessians_are_symmetric():
    h = mt.hessian(lambda x: (mt.tanh(linear(x)) * mt.exp(-x.sum())).sum(), X).numpy()
    np.testing.assert_allclose(h, h.T, rtol=1e-12)


def test_scalar_inputs_give_scalar_derivatives():
    assert mt.jacobian(mt.exp, 0.0).numpy().tolist() == 1.0
    assert mt.hessian(lambda x: x * x * x, 2.0).item() == 12.0
    assert mt.jvp(mt.square, 3.0, 1.0)[1].item() == 6.0


# ------------------------------------------------------------------------------------------------------- several inputs


def test_tuples_of_inputs_give_tuples():
    a, b = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    value, (da, db) = mt.value_and_grad(lambda s, t: (s * s * t).sum(), (a, b))
    assert value.item() == 19.0
    assert da.tolist() == [6.0, 16.0]
    assert db.tolist() == [1.0, 4.0]
    _, pulled = mt.vjp(mt.mul, (a, b), [1.0, 10.0])
    assert [p.tolist() for p in pulled] == [[3.0, 40.0], [1.0, 20.0]]
    assert mt.jvp(mt.mul, (a, b), ([1.0, 0.0], [0.0, 1.0]))[1].tolist() == [3.0, 2.0]
    ja, jb = mt.jacobian(mt.mul, (a, b))
    assert ja.tolist() == [[3.0, 0.0], [0.0, 4.0]]
    assert jb.tolist() == [[1.0, 0.0], [0.0, 2.0]]


def test_hessian_of_several_inputs_is_a_block_for_each_pair():
    blocks = mt.hessian(lambda s, t: (s * s).sum() * t, (np.array([1.0, 2.0]), np.array(3.0)))
    assert blocks[0][0].tolist() == [[6.0, 0.0], [0.0, 6.0]]
    assert blocks[0][1].tolist() == blocks[1][0].tolist() == [2.0, 4.0]
    assert blocks[1][1].tolist() == 0.0


def test_hvp_of_several_inputs():
    _, (da, db) = mt.hvp(lambda s, t: (s * s * t).sum(), (np.array([1.0]), np.array([3.0])), ([1.0], [10.0]))
    assert da.tolist() == [2 * 3.0 + 2 * 1.0 * 10.0]
    assert db.tolist() == [2.0]


def test_a_tuple_of_one_gives_a_tuple_of_one():
    assert isinstance(mt.value_and_grad(lambda x: x.sum(), (X,))[1], tuple)
    assert isinstance(mt.jacobian(mt.exp, (X,)), tuple)


# -------------------------------------------------------------------------------------------------------- no dependence


def test_an_input_that_is_not_used_has_zero_derivatives():
    f, inputs = (lambda s, t: (s * s).sum()), (np.ones(2), np.ones(3))
    assert mt.value_and_grad(f, inputs)[1][1].tolist() == [0.0] * 3
    assert mt.vjp(f, inputs)[1][1].tolist() == [0.0] * 3
    assert mt.hvp(f, inputs, inputs)[1][1].tolist() == [0.0] * 3
    assert mt.jvp(f, inputs, (np.zeros(2), np.ones(3)))[1].item() == 0.0
    assert mt.jacobian(f, inputs)[1].tolist() == [0.0] * 3
    assert mt.hessian(f, inputs)[1][1].tolist() == [[0.0] * 3] * 3


def test_a_constant_function_has_zero_derivatives():
    def constant(x):
        return mt.tensor(5.0)

    assert mt.value_and_grad(constant, X)[1].tolist() == [0.0] * 4
    assert mt.jvp(constant, X, X)[1].item() == 0.0
    assert mt.hvp(constant, X, X)[1].tolist() == [0.0] * 4
    assert mt.jacobian(constant, X).tolist() == [0.0] * 4
    assert mt.hessian(constant, X).tolist() == [[0.0] * 4] * 4


def test_a_linear_function_has_no_curvature():
    assert mt.hessian(lambda x: x.sum(), X).tolist() == [[0.0] * 4] * 4
    assert mt.hvp(lambda x: x.sum(), X, X)[1].tolist() == [0.0] * 4


def test_the_identity():
    assert mt.jacobian(lambda x: x, X[:2]).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert mt.jvp(lambda x: x, X[:2], [3.0, 4.0])[1].tolist() == [3.0, 4.0]


def test_an_empty_output_has_an_empty_jacobian():
    assert mt.jacobian(lambda x: x[:0], X).shape == (0, 4)


# --------------------------------------------------------------------------------------------------- against each other


@st.composite
def compositions(draw):
    """A random smooth function from four numbers to some numbers."""
    steps = draw(st.lists(st.sampled_from(sorted(_STEPS)), min_size=1, max_size=5))

    def function(x):
        for step in steps:
            x = _STEPS[step](x)
        return x

    function.__name__ = "·".join(steps)
    return function


_STEPS = {
    "sin": mt.sin,
    "tanh": mt.tanh,
    "square": lambda x: mt.square(x) * 0.5,
    "softmax": lambda x: mt.softmax(x.reshape(-1)),
    "matmul": lambda x: mt.matmul(mt.tensor(S[:, : x.size]), x) if x.size <= 4 else x,
    "self": lambda x: x * x.sum(),
    "roll": lambda x: mt.concatenate([x[1:], x[:1]]) * x,
    "norm": lambda x: x / mt.sqrt((x * x).sum() + 1.0),
}
vectors = st.integers(0, 10_000).map(lambda seed: np.random.default_rng(seed).standard_normal(4))


@given(f=compositions(), v=vectors, seed=st.integers(0, 100))
def test_forward_and_reverse_products_are_dual(f, v, seed):
    """u · (J v) = (u · J) · v."""
    y, change = mt.jvp(f, X, v)
    u = np.random.default_rng(seed).standard_normal(y.shape)
    _, pulled = mt.vjp(f, X, u)
    terms = np.abs(pulled.numpy() * v).sum() + np.abs(u * change.numpy()).sum()
    assert abs((u * change.numpy()).sum() - (pulled.numpy() * v).sum()) <= 1e-12 * max(terms, 1e-12)


@given(f=compositions(), v=vectors)
def test_jacobians_hold_the_products(f, v):
    j = mt.jacobian(f, X).numpy()
    np.testing.assert_allclose(j @ v, mt.jvp(f, X, v)[1].numpy(), rtol=1e-10, atol=1e-11 * np.abs(j).max())


@given(f=compositions(), v=vectors)
def test_hessians_hold_the_products_and_are_jacobians_of_gradients(f, v):
    def scalar(x):
        return mt.sin(f(x)).sum()

    h = mt.hessian(scalar, X).numpy()
    scale = np.abs(h).max() + 1e-12
    np.testing.assert_allclose(h @ v, mt.hvp(scalar, X, v)[1].numpy(), atol=1e-10 * scale)
    np.testing.assert_allclose(h, h.T, atol=1e-11 * scale)

    def slope(x):
        return mt.value_and_grad(scalar, x, create_graph=True)[1]

    np.testing.assert_allclose(h, mt.jacobian(slope, mt.tensor(X, requires_grad=True)).numpy(), atol=1e-11 * scale)


@given(f=compositions(), v=vectors)
def test_jvp_is_the_slope_along_a_line(f, v):
    h = 1e-5
    numerical = (f(mt.tensor(X + h * v)).numpy() - f(mt.tensor(X - h * v)).numpy()) / (2 * h)
    change = mt.jvp(f, X, v)[1].numpy()
    np.testing.assert_allclose(change, numerical, rtol=1e-4, atol=1e-6 * (1 + np.abs(change).max()))


# -------------------------------------------------------------------------------------------------------- higher orders


@pytest.mark.parametrize(
    ("f", "derivatives"),
    [
        (mt.exp, [np.exp] * 4),
        (mt.sin, [np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x), np.sin]),
        (mt.log, [lambda x: 1 / x, lambda x: -1 / x**2, lambda x: 2 / x**3, lambda x: -6 / x**4]),
        (
            mt.sqrt,
            [
                lambda x: 0.5 * x**-0.5,
                lambda x: -0.25 * x**-1.5,
                lambda x: 0.375 * x**-2.5,
                lambda x: -0.9375 * x**-3.5,
            ],
        ),
        (mt.reciprocal, [lambda x: -(x**-2), lambda x: 2 * x**-3, lambda x: -6 * x**-4, lambda x: 24 * x**-5]),
        (lambda x: x**5, [lambda x: 5 * x**4, lambda x: 20 * x**3, lambda x: 60 * x**2, lambda x: 120 * x]),
        (
            mt.tanh,
            [
                lambda x: 1 - np.tanh(x) ** 2,
                lambda x: -2 * np.tanh(x) * (1 - np.tanh(x) ** 2),
                lambda x: (1 - np.tanh(x) ** 2) * (6 * np.tanh(x) ** 2 - 2),
                lambda x: (1 - np.tanh(x) ** 2) * (16 * np.tanh(x) - 24 * np.tanh(x) ** 3),
            ],
        ),
    ],
    ids=["exp", "sin", "log", "sqrt", "reciprocal", "fifth power", "tanh"],
)
def test_four_derivatives_by_nested_create_graph(f, derivatives):
    x = mt.tensor([0.7, 1.3], requires_grad=True)
    y = f(x)
    for expected in derivatives:
        (y,) = mt.grad(y.sum(), x, create_graph=True)
        np.testing.assert_allclose(y.numpy(), expected(x.numpy()), rtol=1e-11)


def test_four_derivatives_by_nested_functions():
    def derivative(f):
        return lambda x: mt.value_and_grad(f, x, create_graph=True)[1]

    f = derivative(derivative(derivative(derivative(lambda x: (x**4).sum() * mt.exp(x * 0.0).sum()))))
    assert f(mt.tensor(2.0, requires_grad=True)).item() == pytest.approx(24.0)


def test_third_order_gradcheck_of_batch_norm():
    rng = np.random.default_rng(3)
    assert mt.gradcheck(mt.batch_norm, rng.normal(size=(4, 2)), rng.normal(size=2), rng.normal(size=2), order=3)


def test_results_depend_on_inputs_only_where_that_was_asked_for():
    x = mt.tensor(X, requires_grad=True)
    v = np.ones(4)
    plain = [
        *mt.value_and_grad(quadratic, x),
        *mt.vjp(linear, x, np.ones(3)),
        *mt.jvp(mt.sin, x, v),
        *mt.hvp(quadratic, x, v),
        mt.jacobian(mt.sin, x),
        mt.hessian(lambda t: mt.sin(t).sum(), x),
    ]
    assert not any(t.requires_grad for t in plain)
    recorded = [
        *mt.value_and_grad(quadratic, x, create_graph=True),
        *mt.jvp(mt.sin, x, v, create_graph=True),
        mt.jacobian(mt.sin, x, create_graph=True),
        mt.hessian(lambda t: mt.sin(t).sum(), x, create_graph=True),
        mt.hvp(lambda t: mt.sin(t).sum(), x, v, create_graph=True)[1],
    ]
    assert all(t.requires_grad for t in recorded)
    assert x.grad is None


def test_jvp_can_be_differentiated_through_its_tangents():
    v = mt.tensor([1.0, 2.0], requires_grad=True)
    _, change = mt.jvp(mt.square, np.array([3.0, 4.0]), v, create_graph=True)
    assert mt.grad(change.sum(), v)[0].tolist() == [6.0, 8.0]


def test_jvp_can_be_differentiated_through_its_inputs():
    x = mt.tensor([3.0, 4.0], requires_grad=True)
    _, change = mt.jvp(lambda t: t**3, x, [1.0, 1.0], create_graph=True)
    np.testing.assert_allclose(mt.grad(change.sum(), x)[0].numpy(), [18.0, 24.0])


def test_float32_inputs_give_float32_derivatives():
    x = X.astype(np.float32)
    w = mt.tensor(S.astype(np.float32))

    def f(t):
        return (t * (w @ t)).sum() / 2

    results = [*mt.value_and_grad(f, x), *mt.jvp(f, x, x), *mt.hvp(f, x, X), mt.jacobian(f, x), mt.hessian(f, x)]
    assert {t.dtype for t in results} == {np.dtype(np.float32)}


def test_derivatives_work_inside_no_grad():
    with mt.no_grad():
        assert mt.value_and_grad(quadratic, X)[1].shape == (4,)
        np.testing.assert_allclose(mt.hessian(quadratic, X).numpy(), S)


# --------------------------------------------------------------------------------------------------------------- errors


def test_integers_have_no_derivatives():
    for work in (
        lambda: mt.value_and_grad(lambda x: x.sum(), np.arange(3)),
        lambda: mt.vjp(mt.square, 3),
        lambda: mt.jacobian(mt.square, [1, 2]),
        lambda: mt.hessian(mt.sum, np.arange(3)),
    ):
        with pytest.raises(mt.DTypeError, match="floating-point"):
            work()


def test_wrong_uses_are_explained():
    with pytest.raises(mt.ShapeError, match=r"softmax.*\(4,\).*scalar"):
        mt.value_and_grad(mt.softmax, X)
    with pytest.raises(mt.ShapeError, match="scalar"):
        mt.hessian(mt.softmax, X)
    with pytest.raises(mt.ShapeError, match=r"jvp.*\(4,\).*shape \(3,\)"):
        mt.jvp(mt.softmax, X, np.ones(3))
    with pytest.raises(mt.ShapeError, match="2 inputs, but 1 vectors"):
        mt.jvp(mt.add, (X, X), (X,))
    with pytest.raises(mt.ShapeError, match=r"upstream.*shape \(2,\)"):
        mt.vjp(mt.softmax, X, np.ones(2))
    with pytest.raises(mt.GradientError, match="not a scalar"):
        mt.vjp(mt.softmax, X)


def test_a_function_that_returns_no_tensor_is_named():
    def twice(x):
        return [x, x]

    with pytest.raises(mt.GradientError, match=r"twice.*list"):
        mt.jacobian(twice, X)


@pytest.mark.parametrize(
    "given", [lambda: quadratic(mt.tensor(X)), lambda: X, lambda: None], ids=["Tensor", "array", "None"]
)
@pytest.mark.parametrize(
    "derivative",
    [
        mt.value_and_grad,
        mt.vjp,
        lambda f, x: mt.jvp(f, x, x),
        lambda f, x: mt.hvp(f, x, x),
        mt.jacobian,
        mt.hessian,
    ],
    ids=["value_and_grad", "vjp", "jvp", "hvp", "jacobian", "hessian"],
)
def test_what_is_no_function_is_told_so(derivative, given):
    with pytest.raises(mt.GradientError, match=r"give f itself, not f\(x\).*mt\.grad\(y, x\)"):
        derivative(given(), X)


@pytest.mark.parametrize("function", [quadratic, mt.exp, lambda x: x])
def test_grad_of_a_function_names_what_to_write(function):
    with pytest.raises(mt.GradientError, match=r"mt\.grad\(f\(x\), x\).*mt\.value_and_grad\(f, x\)"):
        mt.grad(function, mt.tensor(X, requires_grad=True))


PIECEWISE_LINEAR = {
    "sum": lambda x: x.sum(),
    "mean": lambda x: x.mean(axis=0),
    "twice": lambda x: x * 2,
    "matmul": lambda x: x @ np.ones((3, 2)),
    "index": lambda x: x[1:],
    "pad": lambda x: mt.pad(x, 1),
    "cumsum": lambda x: mt.cumsum(x, axis=0),
    "relu": mt.relu,
    "leaky_relu": mt.leaky_relu,
    "clip": lambda x: mt.clip(x, 0, 1),
    "maximum": lambda x: mt.maximum(x, 0.25),
    "where": lambda x: mt.where(x > 0, x, 0.1 * x),
    "max": lambda x: x.max(axis=1),
    "sort": lambda x: mt.sort(x),
    "max_pool2d": lambda x: mt.max_pool2d(x[None, None], 2),
    "abs": mt.abs,
    "l1_loss": lambda x: mt.l1_loss(x, np.zeros((2, 3))),
    "floor": lambda x: mt.floor(x) * 2,
}


@pytest.mark.parametrize("name", PIECEWISE_LINEAR)
def test_a_gradient_that_does_not_depend_on_x_has_zeros_for_those_who_ask(name):
    f, zeros = PIECEWISE_LINEAR[name], np.zeros((2, 3))
    x = mt.tensor([[-1.0, 0.5, 2.0], [3.0, -2.0, 0.1]], requires_grad=True)
    (dx,) = mt.grad(f(x).sum(), x, create_graph=True)
    (found,) = mt.grad((dx * dx).sum(), x)
    assert found is None or not found.numpy().any()
    (found,) = mt.grad((dx * dx).sum(), x, materialize_grads=True, create_graph=True)
    np.testing.assert_array_equal(found.numpy(), zeros)
    (third,) = mt.grad(found.sum(), x, materialize_grads=True)
    np.testing.assert_array_equal(third.numpy(), zeros)
    np.testing.assert_array_equal(mt.hvp(lambda x: f(x).sum(), x, np.ones((2, 3)))[1].numpy(), zeros)
    np.testing.assert_array_equal(mt.hessian(lambda x: f(x).sum(), x).numpy(), np.zeros((2, 3, 2, 3)))


def test_zeros_are_for_what_has_no_part_in_the_result_alone():
    x, y = mt.tensor([1.0, 2.0], requires_grad=True), mt.tensor(np.float32([[3.0]]), requires_grad=True)
    dx, dy = mt.grad((x * x).sum(), [x, y], materialize_grads=True)
    np.testing.assert_array_equal(dx.numpy(), [2.0, 4.0])
    assert (dy.shape, dy.dtype, dy.tolist(), dy.requires_grad) == ((1, 1), np.float32, [[0.0]], False)
    assert mt.grad((x * x).sum(), [x, y])[1] is None
