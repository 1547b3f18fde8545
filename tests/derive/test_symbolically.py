"""SymPy confirms closed forms: the printed code, run on symbols, is the derivative that SymPy finds."""

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.derive.closed_form import closed_form

sympy = pytest.importorskip("sympy")


def elementwise(function):
    return np.vectorize(function, otypes=[object])


class Symbolic:
    """What generated code calls of NumPy, for symbols."""

    exp, log, sin, cos, tan, tanh, sqrt = (
        staticmethod(elementwise(getattr(sympy, name))) for name in ("exp", "log", "sin", "cos", "tan", "tanh", "sqrt")
    )
    pi = sympy.pi
    sinh, cosh, arcsin, arccos, arctan = (
        staticmethod(elementwise(getattr(sympy, name))) for name in ("sinh", "cosh", "asin", "acos", "atan")
    )
    arcsinh, arctanh = (staticmethod(elementwise(getattr(sympy, name))) for name in ("asinh", "atanh"))
    log1p, expm1 = (
        staticmethod(elementwise(lambda x: sympy.log(1 + x))),
        staticmethod(elementwise(lambda x: sympy.exp(x) - 1)),
    )
    square, abs = staticmethod(elementwise(lambda x: x**2)), staticmethod(elementwise(sympy.Abs))
    broadcast_to, asarray, arange, zeros = (
        staticmethod(getattr(np, name)) for name in ("broadcast_to", "asarray", "arange", "zeros")
    )


def symbols(name, shape):
    """An array of positive symbols, or one of them."""
    made = np.empty(shape, object)
    for place in np.ndindex(*shape):
        made[place] = sympy.Symbol(f"{name}{''.join(map(str, place))}", positive=True)
    return made


def run(found, **given):
    """The generated function on symbols, its calls answered by SymPy."""
    source = found.numpy.replace("import numpy as np\n", "").replace("import micrograd_tensor as mt\n", "")
    mine = {"sigmoid": elementwise(lambda x: 1 / (1 + sympy.exp(-x))), "erf": elementwise(sympy.erf)}
    mine["erfc"] = elementwise(sympy.erfc)
    source = source[source.index("def backward(") :]
    space = {"np": Symbolic, **mine}
    exec(source, space)  # noqa: S102 -- what is tested
    return space["backward"](**given)


ROOTS = [sympy.sqrt(2), sympy.sqrt(sympy.pi), sympy.sqrt(2 * sympy.pi), sympy.sqrt(2 / sympy.pi)]
CONSTANTS = [*ROOTS, *(1 / root for root in ROOTS), *(2 / root for root in ROOTS)]


def exact(expression):
    """An expression with the constants and fractions that its decimals stand for."""
    expression = sympy.sympify(expression).replace(sympy.erfc, lambda z: 1 - sympy.erf(z))
    return expression.xreplace({c: constant(c) for c in expression.atoms(sympy.Float)})


def constant(c):
    named = (other for other in CONSTANTS if abs(float(abs(c) / other.evalf(17)) - 1) < 1e-14)
    return next((other * sympy.sign(c) for other in named), sympy.Rational(str(c)))


def same(a, b):
    """Whether two expressions are one."""
    difference = sympy.expand(exact(a) - exact(b))
    return difference == 0 or sympy.simplify(difference) == 0


x, y = (sympy.Symbol(name, positive=True) for name in "xy")
FUNCTIONS = {
    "exp": (mt.exp, sympy.exp(x)),
    "log": (mt.log, sympy.log(x)),
    "sin": (mt.sin, sympy.sin(x)),
    "cos": (mt.cos, sympy.cos(x)),
    "tan": (mt.tan, sympy.tan(x)),
    "tanh": (mt.tanh, sympy.tanh(x)),
    "sinh": (mt.sinh, sympy.sinh(x)),
    "cosh": (mt.cosh, sympy.cosh(x)),
    "arctan": (mt.arctan, sympy.atan(x)),
    "arcsin": (mt.arcsin, sympy.asin(x)),
    "arccos": (mt.arccos, sympy.acos(x)),
    "arcsinh": (mt.arcsinh, sympy.asinh(x)),
    "arctanh": (mt.arctanh, sympy.atanh(x)),
    "sqrt": (mt.sqrt, sympy.sqrt(x)),
    "square": (mt.square, x**2),
    "reciprocal": (mt.reciprocal, 1 / x),
    "log1p": (mt.log1p, sympy.log(1 + x)),
    "expm1": (mt.expm1, sympy.exp(x) - 1),
    "sigmoid": (mt.sigmoid, 1 / (1 + sympy.exp(-x))),
    "erf": (mt.erf, sympy.erf(x)),
    "erfc": (mt.erfc, sympy.erfc(x)),
    "power": (lambda t: t**2.5, x ** sympy.Rational(5, 2)),
    "silu": (mt.silu, x / (1 + sympy.exp(-x))),
    "softplus": (mt.softplus, sympy.log(1 + sympy.exp(x))),
    "gelu": (mt.gelu, x * (1 + sympy.erf(x / sympy.sqrt(2))) / 2),
    "gelu_tanh": (
        lambda t: mt.gelu(t, "tanh"),
        x * (1 + sympy.tanh(sympy.sqrt(2 / sympy.pi) * (x + sympy.Rational("0.044715") * x**3))) / 2,
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_one_number(name):
    function, expression = FUNCTIONS[name]
    t = mt.tensor(0.37, name="x", requires_grad=True)
    found = closed_form(mt.graph(function(t).named("out"), 0.7))
    given = {name: value for name, value in (("x", x), ("dout", y)) if name in found.arguments}
    given |= {"out": expression} if "out" in found.arguments else {}
    assert set(given) == set(found.arguments)
    made = run(found, **{name: np.array(value, object) for name, value in given.items()})
    assert same(made[()] if isinstance(made, np.ndarray) else made, y * sympy.diff(expression, x))


def differentiated(out, upstream, inputs):
    """SymPy's gradient of the sum of an output times its upstream."""
    total = sum(np.ravel(np.asarray(out * upstream, object)))
    made = np.empty(inputs.shape, object)
    for place in np.ndindex(*inputs.shape):
        made[place] = sympy.diff(total, inputs[place])
    return made


def assert_same(made, expected):
    made = np.asarray(made, object)
    assert made.shape == expected.shape
    for a, b in zip(made.flat, expected.flat, strict=True):
        assert same(a, b), f"{a} is not {b}"


def test_batch_norm():
    rng = np.random.default_rng(0)
    x, gamma, beta = (
        mt.tensor(rng.standard_normal(n), name=k, requires_grad=True)
        for k, n in (("x", (2, 1)), ("gamma", 1), ("beta", 1))
    )
    found = closed_form(mt.graph(mt.batch_norm(x, gamma, beta, eps=0.5), rng.standard_normal((2, 1))), {"N": ("x", 0)})
    xs, gs, ups = symbols("x", (2, 1)), symbols("g", (1,)), symbols("u", (2, 1))
    dev = xs - xs.sum(axis=0) / 2
    stddev = Symbolic.sqrt((dev**2).sum(axis=0) / 2 + sympy.Rational(1, 2))
    given = {"dout": ups, "gamma": gs, "stddev": stddev, "x_norm": dev / stddev}
    dx, dgamma, dbeta = run(found, **{name: given[name] for name in found.arguments})
    out = gs * dev / stddev
    assert_same(dx, differentiated(out, ups, xs))
    assert_same(dgamma, differentiated(out, ups, gs))
    assert_same(dbeta, ups.sum(axis=0))


def test_softmax():
    rng = np.random.default_rng(0)
    x = mt.tensor(rng.standard_normal((1, 3)), name="x", requires_grad=True)
    found = closed_form(mt.graph(mt.softmax(x).named("p"), rng.standard_normal((1, 3))))
    xs, ups = symbols("x", (1, 3)), symbols("u", (1, 3))
    p = Symbolic.exp(xs) / Symbolic.exp(xs).sum(axis=-1, keepdims=True)
    assert_same(run(found, dp=ups, p=p), differentiated(p, ups, xs))


def test_least_squares():
    rng = np.random.default_rng(0)
    x, y = mt.tensor(rng.standard_normal((2, 2)), name="X"), mt.tensor(rng.standard_normal(2), name="y")
    w = mt.tensor(rng.standard_normal(2), name="w", requires_grad=True)
    found = closed_form(mt.graph(mt.mse_loss(x @ w, y).named("loss"), 1.0))
    xs, ws, ys = symbols("x", (2, 2)), symbols("w", (2,)), symbols("y", (2,))
    loss = np.array(((xs @ ws - ys) ** 2).sum() / 2, object)
    assert_same(run(found, X=xs, w=ws, y=ys), differentiated(loss, np.array(1, object), ws))


def test_logistic_regression():
    rng = np.random.default_rng(0)
    x, y = mt.tensor(rng.standard_normal((2, 1)), name="X"), mt.tensor([0.0, 1.0], name="y")
    w = mt.tensor(rng.standard_normal(1), name="w", requires_grad=True)
    found = closed_form(mt.graph(mt.binary_cross_entropy_with_logits(x @ w, y).named("loss"), 1.0))
    xs, ws, ys = symbols("x", (2, 1)), symbols("w", (1,)), symbols("y", (2,))
    p = 1 / (1 + Symbolic.exp(-(xs @ ws)))
    loss = np.array(-(ys * Symbolic.log(p) + (1 - ys) * Symbolic.log(1 - p)).sum() / 2, object)
    assert_same(run(found, X=xs, w=ws, y=ys), differentiated(loss, np.array(1, object), ws))


def test_a_wrong_formula_is_found():
    assert not same(2 * x * y, x * y)
    assert not same(sympy.exp(x), sympy.exp(x) + sympy.Rational(1, 10**6))
