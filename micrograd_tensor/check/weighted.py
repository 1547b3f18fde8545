"""A function as one number: its outputs weighted, with a gradient by the rules, and numerical slopes beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..engine.arrays import fetching, is_duck, whose
from ..engine.errors import DTypeError, GradientError, describe
from ..engine.record import leaf
from ..engine.tensor import Tensor
from ..engine.walk import ancestors, grad
from ..graph import graph
from .numerical import At, Estimate, Sides, central_differences, complex_step, one_sided, unseen
from .rounding import recorded_tolerances

_ENOUGH = 1e-9
"""The relative error bar of a numerical derivative that is good enough."""

Function = Callable[..., "Tensor | Sequence[Tensor]"]


def outputs(function: Function, points: Sequence[Any]) -> list[Tensor]:
    """What the function returns at these points."""
    return _several(function(*[leaf(p, requires_grad=p.dtype.kind in "fc") for p in points]))


def _several(result: Any) -> list[Tensor]:
    found = list(result) if isinstance(result, (list, tuple)) else [result]
    wrong = [x for x in found if not isinstance(x, Tensor)]
    if wrong or not found:
        what = f"{describe(wrong[0])}, which is no Tensor" if wrong else "nothing in its list"
        raise GradientError(
            f"gradcheck: the function returned {what}; it is to return one Tensor or several, computed from its "
            "inputs by recorded ops: what left the graph as an array or a number has no gradient"
        )
    for x in found:
        if is_duck(x.data):
            raise DTypeError(
                f"gradcheck: the function returned {describe(x)}, of {whose(x.data)} arrays, at inputs of NumPy's: "
                f"what it takes besides them is to be NumPy's too, {fetching(x.data)}"
            )
    return found


def along(function: Function, points: Sequence[Any], directions: dict[int, Any]) -> At:
    """What the function returns when some inputs move along directions."""

    def at(t: complex) -> list[Any]:
        # Complex steps make all inputs complex, since gradients of higher order mix them.
        moved = [p + t * directions.get(k, 0.0) if p.dtype.kind == "f" else p for k, p in enumerate(points)]
        return [y.data for y in outputs(function, moved)]

    return at


def near(at: At, shapes: Sequence[tuple[int, ...]]) -> At:
    """The same near the point, not a number where the function is not defined or returns other shapes."""

    def guarded(t: float) -> list[Any]:
        try:
            found = list(at(t))
        except (ValueError, ArithmeticError):
            found = []
        same = [np.shape(y) for y in found] == list(shapes)
        return found if same else [np.full(shape, np.nan) for shape in shapes]

    return guarded


class Weighted:
    """The weighted sum of a function's outputs: one number, which has a gradient, and slopes to compare it with.

    Attributes:
        function: of Tensors, to one Tensor or several.
        points: the inputs, float64 arrays; integer ones are passed on as they are.
        weights: an array for each output, of its shape.
        analytic: whether a complex step may be taken.
    """

    def __init__(self, function: Function, points: Sequence[Any], weights: Sequence[Any], analytic: bool) -> None:
        self.function, self.points, self.weights, self.analytic = function, list(points), weights, analytic

    def along(self, k: int, direction: Any) -> At:
        """The weighted outputs when one input moves along a direction."""
        at = near(along(self.function, self.points, {k: direction}), [np.shape(w) for w in self.weights])
        return lambda t: [np.asarray(y) * w for y, w in zip(at(t), self.weights, strict=True)]

    def slope(self, k: int, direction: Any, wary: bool = False) -> Estimate:
        """The numerical slope along a direction of one input; wary: with all that rounding may do to it in its bar."""
        at, scale = self.along(k, direction), self.scale(k, direction)
        if self.analytic:
            return complex_step(at)
        noise = self.rounding[1] + unseen(at, scale) if wary else 0.0
        return central_differences(at, noise, _ENOUGH, scale)

    def slopes(self, k: int, places: Iterable[int]) -> list[Estimate]:
        """The numerical gradient with respect to some elements, by flat index, of one input."""
        return [self.slope(k, self.unit(k, place)) for place in places]

    def sides(self, k: int, direction: Any) -> Sides:
        """The numerical slopes on both sides of the point."""
        return one_sided(self.along(k, direction), self.scale(k, direction))

    def unit(self, k: int, place: int) -> Any:
        """The direction of one element of an input."""
        return (np.arange(self.points[k].size) == place).reshape(self.points[k].shape).astype(float)

    def scale(self, k: int, direction: Any) -> float:
        """The size of the numbers that move along a direction."""
        return float(np.max(np.abs(self.points[k]) * (direction != 0), initial=0.0)) or 1.0

    def gradients(self, *tensors: Tensor, create_graph: bool = True) -> list[Tensor]:
        """The gradients, by the rules, of those inputs that require them."""
        pairs = zip(_several(self.function(*tensors)), self.weights, strict=True)
        used = [(y, weight) for y, weight in pairs if y.requires_grad]
        wanted = [x for x in tensors if x.requires_grad]
        found: Sequence[Tensor | None] = [None] * len(wanted)
        if used:
            found = grad([y for y, _ in used], wanted, [weight for _, weight in used], create_graph=create_graph)
        return [leaf(np.zeros_like(x._data)) if g is None else g for x, g in zip(wanted, found, strict=True)]

    def gradients_at_point(self) -> dict[int, tuple[Any, Any]]:
        """The gradient of each floating-point input, from the plain and from the recorded backward pass."""
        tensors = [leaf(p, requires_grad=p.dtype.kind == "f") for p in self.points]
        passes = [[np.asarray(g.data) for g in self.gradients(*tensors, create_graph=c)] for c in (False, True)]
        inputs = [k for k, x in enumerate(tensors) if x.requires_grad]
        return dict(zip(inputs, zip(*passes, strict=True), strict=True))

    @cached_property
    def rounding(self) -> tuple[dict[int, tuple[Any, Any]], float]:
        """For each input what rounding may do to its gradient, and its absolute terms; and what it may do to the sum.

        An input that is missing has no gradient.
        """
        tensors = [leaf(p, requires_grad=p.dtype.kind == "f") for p in self.points]
        pairs = zip(_several(self.function(*tensors)), self.weights, strict=True)
        used = [(y, weight) for y, weight in pairs if y.requires_grad]
        if not used:
            return {}, 0.0
        captured = graph([y for y, _ in used], [weight for _, weight in used])
        node_of = dict(zip(ancestors([y for y, _ in used]), captured.nodes, strict=True))
        found = recorded_tolerances(captured)
        moved = found.passes.moved(node_of[y] for y, _ in used)
        noise = sum(float(np.sum(np.abs(w) * moved[node_of[y]])) for y, w in used)
        nodes = {k: node_of[x] for k, x in enumerate(tensors) if x in node_of and node_of[x] in found.absolute}
        return {k: (found.absolute[node], found.terms[node].total) for k, node in nodes.items()}, noise
