"""Numerical derivatives: the oracle that knows no rules.

The complex step ``Im f(x + ih·u)/h`` has no cancellation, so its error is rounding alone, at h = 1e-30; it needs every
op on the way to be analytic (Squire and Trapp, *Using complex variables to estimate derivatives of real functions*,
SIAM Review 40, 1998). Central differences need only smoothness near the point; here two step sizes are combined as
Richardson did, and their disagreement is the error bar.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..engine.tensor import Tensor, leaf

COMPLEX_STEP = 1e-30
STEPS = (1e-2, 1e-3, 1e-4, 1e-5)

Function = Callable[..., "Tensor | Sequence[Tensor]"]


class Estimate(NamedTuple):
    """A numerical derivative with its error bar and the name of the method."""

    value: float
    bar: float
    method: str


def outputs(function: Function, points: Sequence[Any]) -> list[Tensor]:
    """What the function returns at these points, one Tensor or several, as a list."""
    result = function(*[leaf(p, requires_grad=p.dtype.kind in "fc") for p in points])
    return [result] if isinstance(result, Tensor) else list(result)


def is_analytic(results: Sequence[Tensor]) -> bool:
    """Whether every op through which gradients flow to the results is complex-differentiable."""
    on_path = [t for t in results if t.requires_grad]
    seen = set(on_path)
    while on_path:
        t = on_path.pop()
        if t.op is not None and not t.op.analytic:
            return False
        for x in t.operands:
            if isinstance(x, Tensor) and x.requires_grad and x not in seen:
                seen.add(x)
                on_path.append(x)
    return True


def slope(
    function: Function, points: Sequence[Any], directions: Sequence[Any], weights: Sequence[Any], analytic: bool
) -> Estimate:
    """How fast ``Σ weights · f`` changes at the points along the directions.

    Args:
        function: of Tensors, to one Tensor or several.
        points: float64 arrays; integer ones are passed on as they are.
        directions: an array for each point, of its shape.
        weights: an array for each output, of its shape.
        analytic: whether a complex step may be taken.
    """

    def along(t: complex) -> Any:
        moved = [p + t * u if p.dtype.kind in "fc" else p for p, u in zip(points, directions, strict=True)]
        return [np.sum(np.asarray(y.data) * w) for y, w in zip(outputs(function, moved), weights, strict=True)]

    if analytic:
        return Estimate(float(sum(np.imag(s) for s in along(1j * COMPLEX_STEP)) / COMPLEX_STEP), 0.0, "complex step")
    best = Estimate(np.nan, np.inf, "central differences")
    for h in STEPS:
        sums = {k: along(k * h) for k in (-1, -0.5, 0.5, 1)}
        wide = (sum(sums[1]) - sum(sums[-1])) / (2 * h)
        narrow = (sum(sums[0.5]) - sum(sums[-0.5])) / h
        rounding = 8 * np.finfo(float).eps * sum(abs(s) for parts in sums.values() for s in parts) / h
        bar = float(abs(wide - narrow) + rounding)
        if bar < best.bar:
            best = Estimate(float((4 * narrow - wide) / 3), bar, "central differences")
    return best


def element_slopes(
    function: Function, points: Sequence[Any], which: int, places: Sequence[int], weights: Sequence[Any], analytic: bool
) -> list[Estimate]:
    """The numerical gradient of ``Σ weights · f`` with respect to some elements, by flat index, of one point."""
    found = []
    for place in places:
        directions = [np.zeros(p.shape) for p in points]
        directions[which].flat[place] = 1.0
        found.append(slope(function, points, directions, weights, analytic))
    return found
