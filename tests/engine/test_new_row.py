"""A row is all it takes: an op that the project has never heard of is a full citizen at once.

The rows are defined here alone: an elementwise op, one of two operands, and a reduction that NumPy does not have.
"""

import re

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.engine.primitive import OPS, facts, primitive
from micrograd_tensor.engine.row import ANSWERS, TABLE, Array, Axis, Function, Operand, Trait
from micrograd_tensor.notation import (
    LATEX,
    MATHML,
    backward_lines,
    formula,
    forward_line,
    identifiers,
    starting_lines,
)

X, Y = np.array([[0.3, -1.2, 2.0], [0.9, 0.4, -0.7]]), np.array([1.5, 0.8, -0.6])
NAMES = ("cbrt", "logaddexp2", "energy")


def add_rows():
    """Three rows, as a reader of the documentation would write them."""

    @primitive("∛", "cbrt({0})", lambda g, y, x: g / (3 * y * y))
    @facts(numpy=np.cbrt, reading=Function())
    def cbrt(x: Operand, /) -> Array:
        """Cube root; local gradient 1/(3y²)."""
        return np.cbrt(x)

    @primitive(
        "lb", "logaddexp2({0}, {1})", lambda g, y, a, b: g * 2.0 ** (a - y), lambda g, y, a, b: g * 2.0 ** (b - y)
    )
    @facts(numpy=np.logaddexp2, reading=Function(), traits=Trait.COMMUTES)
    def logaddexp2(a: Operand, b: Operand, /) -> Array:
        """Binary logarithm of 2ᵃ + 2ᵇ; local gradients 2ᵃ⁻ʸ and 2ᵇ⁻ʸ."""
        return np.logaddexp2(a, b)

    def of_energy(g, y, x, axis=None):
        return 2 * x * (g if axis is None else mt.expand_dims(g, axis))

    @primitive("Σx²", "energy({0}⟦, {axis:axis}⟧)", of_energy)
    @facts(traits=Trait.ADDS)
    def energy(x: Operand, /, axis: Axis = None) -> Array:
        """Sum of squares over an axis; local gradient 2x."""
        return np.sum(np.square(x), axis=axis)


@pytest.fixture(autouse=True)
def rows():
    registries = (TABLE, OPS, ANSWERS)
    before = [dict(registry) for registry in registries]
    add_rows()
    yield
    for registry, content in zip(registries, before, strict=True):
        registry.clear()
        registry.update(content)
    for name in NAMES:
        delattr(mt.Tensor, name)


CALLS = {
    "cbrt": lambda x, y: mt.cbrt(x),
    "logaddexp2": lambda x, y: mt.logaddexp2(x, y),
    "energy": lambda x, y: mt.energy(x, axis=1),
}
each = pytest.mark.parametrize("name", NAMES)


def operands():
    return mt.tensor(X, name="x", requires_grad=True), mt.tensor(Y, name="y", requires_grad=True)


def recorded(name):
    return CALLS[name](*operands()).named("out")


def test_it_is_a_function_of_the_package_a_method_and_numpys_own():
    x, y = operands()
    for result in (mt.cbrt(x), x.cbrt(), np.cbrt(x)):
        assert result.op is TABLE["cbrt"]
        assert result.tolist() == np.cbrt(X).tolist()
    for result in (mt.logaddexp2(x, y), x.logaddexp2(y), np.logaddexp2(x, Y), np.logaddexp2(X, y)):
        assert result.op is TABLE["logaddexp2"]
        assert result.tolist() == np.logaddexp2(X, Y).tolist()
    assert x.energy(0).tolist() == mt.energy(x, axis=0).tolist() == np.square(X).sum(axis=0).tolist()
    assert mt.cbrt(X).tolist() == np.cbrt(X).tolist()


def test_what_is_no_op_is_still_missing():
    with pytest.raises(AttributeError, match="arccsc"):
        mt.arccsc  # noqa: B018
    with pytest.raises(AttributeError, match="arccsc"):
        mt.tensor(X).arccsc  # noqa: B018


def test_a_complex_step_is_taken_only_where_numpy_can():
    assert TABLE["energy"].analytic
    assert not TABLE["cbrt"].analytic


@each
def test_its_derivatives_are_checked_to_order_two(name):
    assert mt.gradcheck(CALLS[name], X, Y, order=2)


def test_a_wrong_rule_would_be_found():
    object.__setattr__(TABLE["cbrt"], "vjps", (lambda g, y, x: g / (2 * y * y),))
    with pytest.raises(mt.GradientError, match="numerically"):
        mt.gradcheck(mt.cbrt, X)


@each
def test_it_is_drawn_with_its_symbol_and_its_formula(name):
    out = recorded(name)
    circuit = mt.draw(out, np.ones(out.shape))
    assert f">{TABLE[name].symbol}<" in circuit.svg
    assert FORMULAS[name] in circuit.text


@pytest.mark.parametrize(
    ("view", "more"),
    [("forward", {}), ("backward", {}), ("steps", {}), ("gate", {"at": "out"}), ("path", {"at": "x"}), ("ascii", {})],
    ids=lambda value: value if isinstance(value, str) else "",
)
@each
def test_every_view_and_the_player_show_it(name, view, more, tmp_path):
    out = recorded(name)
    circuit = mt.draw(out, np.ones(out.shape), view=view, **more)
    expected = {"ascii": TABLE[name].name, "backward": "dout"}.get(view, TABLE[name].symbol)
    assert expected in (circuit.text if view == "ascii" else circuit.svg)
    if view == "forward":
        page = mt.draw(out, np.ones(out.shape)).save(tmp_path / "page.html").read_text(encoding="utf-8")
        assert TABLE[name].symbol in page


FORMULAS = {"cbrt": "cbrt(x)", "logaddexp2": "logaddexp2(x, y)", "energy": "energy(x, axis 1)"}


@each
def test_its_formula_names_its_operands_and_parameters(name):
    captured = mt.graph(recorded(name))
    assert formula(captured["out"]) == FORMULAS[name]
    for word in re.findall(r"\w+", FORMULAS[name]):
        assert word in MATHML.equation(captured["out"], "out")
        assert word in LATEX.equation(captured["out"], "out")


@each
def test_its_numpy_source_runs_forward_and_backward(name):
    out = recorded(name)
    dout = np.random.default_rng(0).normal(size=out.shape)
    captured = mt.graph(out, dout)
    names = identifiers(captured)
    known = {"np": np, "mt": mt, "x": X, "y": Y, "dout": dout}
    lines = [
        forward_line(captured["out"], names.values),
        *starting_lines(captured),
        *backward_lines(captured, captured["out"]),
    ]
    exec("\n".join(lines), known)  # noqa: S102 -- lines that the package printed
    np.testing.assert_array_equal(known["out"], out.numpy())
    x, y = operands()
    for mine, theirs in zip(("dx", "dy"), mt.grad(CALLS[name](x, y), [x, y], dout), strict=True):
        if theirs is not None:
            np.testing.assert_allclose(known[mine], theirs.numpy(), rtol=1e-14)


def test_its_source_is_numpys_where_numpy_has_it():
    assert TABLE["cbrt"].source == "np.cbrt({*})"
    assert TABLE["energy"].source == "mt.energy({*}⟦, axis={axis}⟧)"


@pytest.mark.parametrize(
    "wrong", [lambda d, y: -d, lambda d, y: 2 * d, lambda d, y: d * y], ids=["sign", "factor", "value"]
)
@each
def test_a_wrong_derivation_with_it_is_diagnosed(name, wrong):
    x, y = operands()
    hidden = (x * 3.0).named("hidden")
    out = CALLS[name](hidden, y).named("out")
    dout = np.random.default_rng(0).normal(size=out.shape)
    dhidden, dx = (g.numpy() for g in mt.grad(out, [hidden, x], dout))
    assert mt.compare(out, dout, {"dhidden": dhidden, "dx": dx}).ok
    value = hidden.numpy() if name == "energy" else out.numpy()
    mine = wrong(dhidden, value)
    report = mt.compare(out, dout, {"dhidden": mine, "dx": 3 * mine})
    assert report.wrong == ["hidden"]
    assert report.diagnosis["hidden"]
    assert report.stages["x"].status.counts_as_right


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("name", NAMES)
def test_it_is_compiled(name, backend):
    if backend == "numba":
        pytest.importorskip("numba")
    fast, x, y = mt.compile(CALLS[name], backend=backend), mt.tensor(X + 3.0), mt.tensor(Y)
    assert np.allclose(fast(x, y), CALLS[name](x, y), rtol=1e-12)  # a program that fails warns, which is an error
