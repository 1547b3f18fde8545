"""Random programs in NumPy's words, run on Tensors and, where it is installed, on JAX: to third derivatives."""

import numpy as np
import pytest

import micrograd_tensor as mt

pytestmark = pytest.mark.slow  # JAX takes its time for what it has not compiled
jax = pytest.importorskip("jax")
jax.config.update("jax_enable_x64", True)
jnp = jax.numpy

SMOOTH = ["sin", "cos", "tanh", "arctan", "arcsinh", "negative", "square", "expm1", "sinh"]
POSITIVE = ["sqrt", "log", "log1p", "reciprocal", "log2"]
BINARY = ["add", "subtract", "multiply", "maximum", "minimum", "logaddexp", "hypot", "arctan2"]
REDUCTIONS = ["sum", "mean", "max", "min", "prod", "var", "std"]
MOVES = [
    "np.flip({x}, axis={axis})",
    "np.roll({x}, 1, axis={axis})",
    "np.cumsum({x}, axis={axis})",
    "np.sort({x}, axis={axis})",
    "np.repeat({x}, 2, axis={axis})",
    "np.concatenate([{x}, {x} * 2], axis={axis})",
    "np.stack([{x}, {x} + 1], axis={axis})",
    "np.expand_dims({x}, {axis})",
    "np.moveaxis({x}, 0, -1)",
    "np.swapaxes({x}, 0, -1)",
    "np.tile({x}, 2)",
    "np.pad({x}, 1)",
    "np.tril({x})",
    "np.diff({x}, axis={axis})",
    "{x}[::-1]",
    "{x}[..., 0]",
    "{x}[np.array([0, 0])]",
    "{x}.T",
    "np.reshape({x}, -1)",
    "np.clip({x}, -0.5, 0.5)",
    "np.where({x} > 0.1, {x}, 0.3 * {x})",
    "np.tensordot({x}, {x}, axes=([0], [0]))",
    "np.einsum('i...,i...->...', {x}, {x})",
    "np.outer({x}, {x}[..., 0])",
    "np.take({x}, np.array([0, 0]), axis={axis})",
    "np.linalg.norm({x})",
    "np.average({x}, axis={axis})",
    "np.median({x}, axis={axis})",
]


def program(rng):
    """Lines of a random function of x and y, each of which uses what stands before it."""
    names, lines = ["x", "y"], []

    def any_of(values):
        return values[rng.integers(len(values))]

    for k in range(rng.integers(2, 7)):
        a, b, axis = any_of(names), any_of(names), int(rng.integers(-2, 2))
        match rng.integers(6):
            case 0:
                line = f"np.{any_of(SMOOTH)}({a})"
            case 1:
                line = f"np.{any_of(POSITIVE)}(np.square({a}) + 0.5)"
            case 2:
                line = f"np.{any_of(BINARY)}({a}, {b} + 0.3)"
            case 3:
                line = f"np.{any_of(REDUCTIONS)}({a}, axis={axis}, keepdims={bool(rng.integers(2))})"
            case 4:
                line = f"{a} @ np.swapaxes({b}, -1, -2)"
            case _:
                line = any_of(MOVES).format(x=a, axis=axis)
        names.append(f"v{k}")
        lines.append(f"v{k} = np.tanh(0.7 * ({line}))")
    return [*lines, f"out = np.sum(np.sin({' + '.join(f'np.sum({n})' for n in names)}))"]


def run(lines, np, x, y):
    scope = {"np": np, "x": x, "y": y}
    exec("\n".join(lines), scope)  # noqa: S102 -- our own lines
    return scope["out"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(20))
def test_values_and_derivatives_are_those_of_jax(seed):
    rng = np.random.default_rng(seed)
    tried = 0
    while tried < 3:
        lines = program(rng)
        x, y = rng.normal(size=(3, 3)), rng.normal(size=(3, 3))
        try:
            expected = run(lines, jnp, jnp.array(x), jnp.array(y))
        except (TypeError, ValueError, IndexError):
            continue  # shapes that do not fit
        tried += 1
        try:
            compare(lines, x, y, expected)
        except Exception as error:
            error.add_note("\n".join(lines))
            raise


def compare(lines, x, y, expected):
    a, b = mt.tensor(x, requires_grad=True), mt.tensor(y, requires_grad=True)
    out = run(lines, np, a, b)
    np.testing.assert_allclose(out.numpy(), expected, rtol=1e-10, atol=1e-12)
    theirs = lambda *args: run(lines, jnp, *args)  # noqa: E731

    def twice(*args):
        return sum((jnp.sin(g) * g).sum() for g in jax.grad(theirs, (0, 1))(*args))

    def thrice(*args):
        return sum((jnp.sin(g) * g).sum() for g in jax.grad(twice, (0, 1))(*args))

    for order, function in enumerate((theirs, twice, thrice)):
        found = mt.grad(out, [a, b], create_graph=order < 2, materialize_grads=True)
        for g, e in zip(found, jax.grad(function, (0, 1))(x, y), strict=True):
            if not np.isfinite(e).all():
                return  # a kink, of std or of a norm
            scale = max(1.0, np.abs(e).max())
            np.testing.assert_allclose(g.numpy() / scale, e / scale, rtol=0, atol=1e-8)
        out = sum((mt.sin(g) * g).sum() for g in found)
