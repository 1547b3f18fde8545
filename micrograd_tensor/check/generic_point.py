"""generic_point: inputs and an upstream gradient at which a wrong derivation shows."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..engine.errors import GradientError
from ..engine.tensor import Tensor, leaf
from ..graph import Graph, evaluate, evaluate_backward, graph
from .lint import lint
from .oracles import oracles
from .tolerance import nudged_passes, recorded_tolerances

TRIES = 8
"""So many draws are looked at for each choice of signs."""
OF_THE_POINT = frozenset(("constant input", "constant upstream", "hypotheses coincide", "vanishing contribution"))
"""The findings that other numbers of the same shapes can cure."""


class GenericPoint(NamedTuple):
    """Where to compare a derivation.

    Attributes:
        inputs: an array for each input, by name.
        upstream: the gradient of the result, of its shape.
    """

    inputs: dict[str, Any]
    upstream: Any


@np.errstate(all="ignore")
def generic_point(
    fn: Callable[..., Any],
    shapes: Mapping[str, tuple[int, ...]] | Sequence[tuple[int, ...]],
    seed: int = 0,
) -> GenericPoint:
    """Inputs of a function, and an upstream gradient, without accidents that hide mistakes.

    They are drawn at random, from positive numbers only where the function, as a logarithm, is undefined for others,
    and again where they lie close to a kink or the lint of the point finds an accident. Lengths are the caller's: give
    every axis one of its own, at least 3 and best without common factors, such as 7 and 4.

    Args:
        fn: of Tensors, to a Tensor.
        shapes: of its inputs, by parameter name or in order.
        seed: equal seeds give equal points.

    Raises:
        GradientError: where no point was found at which everything is finite and smooth.

    >>> import micrograd_tensor as mt
    >>> point = mt.check.generic_point(mt.batch_norm, {"x": (7, 4), "gamma": (4,), "beta": (4,)})
    >>> {name: array.shape for name, array in point.inputs.items()}, point.upstream.shape
    ({'x': (7, 4), 'gamma': (4,), 'beta': (4,)}, (7, 4))
    """
    named = dict(shapes) if isinstance(shapes, Mapping) else dict(zip(_parameters(fn), shapes, strict=False))
    if not named or (not isinstance(shapes, Mapping) and len(named) != len(shapes)):
        raise GradientError(f"generic_point: {len(shapes)} shapes for a function of {', '.join(_parameters(fn))}")
    rng = np.random.default_rng(seed)
    reason = ""
    for positive in _signs(list(named)):
        for _ in range(TRIES):
            inputs = {name: _drawn(rng, tuple(shape), name in positive) for name, shape in named.items()}
            tensors = {name: leaf(v.copy(), name=name, requires_grad=True) for name, v in inputs.items()}
            in_order = list(named) == _parameters(fn)[: len(named)]  # as functions of positions alone want it
            out = fn(*tensors.values()) if in_order else fn(**tensors)
            if not isinstance(out, Tensor):
                raise GradientError(f"generic_point: fn returned a {type(out).__name__}, not a Tensor")
            upstream = rng.standard_normal(out.shape)
            captured = graph(out, upstream)
            reason = _unfit(captured)
            if not reason:
                return GenericPoint(inputs, upstream)
    raise GradientError(f"generic_point: found none for these shapes; the last one tried: {reason}")


def _parameters(fn: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(fn).parameters.values()
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def _signs(names: list[str]) -> Iterator[frozenset[str]]:
    """Which inputs to draw positive: none, then one, then all."""
    yield frozenset()
    yield from (frozenset([name]) for name in names)
    yield frozenset(names)


def _drawn(rng: Any, shape: tuple[int, ...], positive: bool) -> Any:
    """Numbers of either sign, none of them close to 0, where a kink often lies."""
    sizes = rng.uniform(0.25, 2.0, shape)
    return sizes if positive else sizes * rng.choice([-1.0, 1.0], shape)


def _unfit(captured: Graph) -> str:
    """Why a point will not do, or ""."""
    arrays = [*(n.value for n in captured.nodes), *(g.value for g in captured.gradients.values())]
    if not all(np.all(np.isfinite(a)) for a in arrays):
        return "something there is not finite"
    if not _smooth(captured):
        return "it lies close to a kink"
    passes = nudged_passes(captured)
    allowed = recorded_tolerances(captured, passes)
    accidents = [finding for finding in lint(captured, allowed) if finding.kind in OF_THE_POINT]
    if accidents:
        return str(accidents[0])
    return next((oracle.text for oracle in oracles(captured, passes, allowed.absolute) if not oracle.agree), "")


def _smooth(captured: Graph) -> bool:
    """Whether no truth value or choice of the two passes changes when the inputs move by a thousandth."""
    rng = np.random.default_rng(1)

    def choices(values: Mapping[Any, Any]) -> list[Any]:
        seen = []

        def watch(node: Any, made: Any) -> Any:
            if node.dtype.kind in "bi" or (node.op is not None and node.op.name == "sign"):
                seen.append(np.array(made))
            return made

        evaluate(captured, values, watch)
        evaluate_backward(captured, {}, {**evaluate(captured, values), **values}, watch)
        return seen

    leaves = [n for n in captured.nodes if n.is_leaf and n.requires_grad]
    before = choices({})
    for _ in range(2):
        moved = {n: n.value * (1 + 1e-3 * rng.uniform(-1, 1, n.shape)) for n in leaves}
        after = choices(moved)
        if not all(np.array_equal(a, b) for a, b in zip(before, after, strict=True)):
            return False
    return True
