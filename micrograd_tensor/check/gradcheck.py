"""gradcheck: do the rules give the derivative that the function really has?

Numerical derivatives are the oracle, which knows no rules. The complex step ``Im f(x + ih·u)/h`` has no cancellation,
so its error is only rounding, at h = 1e-30; it needs every op on the way to be analytic (Squire and Trapp, *Using
complex variables to estimate derivatives of real functions*, SIAM Review 40, 1998). Central differences need only
smoothness near the point; here two step sizes are combined as Richardson did, and their disagreement is the error bar.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ..engine.errors import DTypeError, GradientError
from ..engine.record import leaf
from ..engine.tensor import Tensor
from ..engine.walk import grad

_SMALL = 48
"""Inputs of up to this many elements in all are checked element by element, not along random directions alone."""
_MAX_PLACES = 1000
"""How many elements of a larger input are searched for the worst one."""
_COMPLEX_STEP = 1e-30
_STEPS = tuple(10.0**-k for k in (2, 3, 4, 5, 6, 7, 1))
"""Central differences take these steps, until one is good enough."""

Function = Callable[..., "Tensor | Sequence[Tensor]"]


def gradcheck(function: Function, *inputs: Any, order: int = 2, rtol: float = 1e-7, seed: int = 0) -> bool:
    """Check the gradients of a function against numerical ones, to the given order.

    The function's outputs are weighted at random, and the gradient of that sum is compared along a random direction of
    each input, and for small inputs element by element: by a complex step where every recorded op is analytic, else by
    central differences with their own error bar. The plain and the recorded backward pass must agree to the last bit.
    Order 2 then checks the gradients' own gradients in the same way, and so on.

    Args:
        function: of Tensors, to one Tensor or several.
        inputs: arrays or Tensors; floating-point ones are checked in float64, others are passed on as they are.
        order: up to which derivative.
        rtol: largest error, relative to the sum of the absolute terms.
        seed: of the random weights and directions.

    Returns:
        True; a mismatch raises instead of returning False.

    Raises:
        GradientError: for a gradient that differs, naming the input, its worst index and both values.
        DTypeError: for inputs none of which is floating-point.

    >>> import numpy as np
    >>> import micrograd_tensor as mt
    >>> mt.gradcheck(mt.batch_norm, np.random.default_rng(0).normal(size=(7, 4)), np.ones(4), np.zeros(4))
    True
    """
    names = [getattr(x, "name", None) for x in inputs]
    points = [np.array(x.data if isinstance(x, Tensor) else x) for x in inputs]
    points = [p.astype(np.float64) if p.dtype.kind == "f" else p for p in points]
    if not any(p.dtype.kind == "f" for p in points):
        raise DTypeError(f"gradcheck: none of the {len(points)} inputs is floating-point, so there is nothing to check")
    analytic = _is_analytic(outputs(function, points))
    check = _Check(function, points, names, 1, analytic, rtol, np.random.default_rng(seed))
    for _ in range(order):
        check = check.passed()
    return True


@dataclass(frozen=True, slots=True)
class _Check:
    """The gradients of one order, to be checked."""

    function: Function
    points: list[Any]
    names: list[str | None]
    order: int
    analytic: bool
    rtol: float
    rng: np.random.Generator

    def passed(self) -> _Check:
        """Raise for a gradient that is wrong; returns the check of the gradients' own gradients."""
        function, points = self.function, self.points
        weights = [self.rng.standard_normal(y.shape) for y in outputs(function, points)]

        def gradients(*tensors: Tensor, create_graph: bool = True) -> list[Tensor]:
            out = function(*tensors)
            ys = [out] if isinstance(out, Tensor) else list(out)
            pairs = [(y, w) for y, w in zip(ys, weights, strict=True) if y.requires_grad]
            wanted = [x for x in tensors if x.requires_grad]
            found: Sequence[Tensor | None] = [None] * len(wanted)
            if pairs:
                found = grad([y for y, _ in pairs], wanted, [w for _, w in pairs], create_graph=create_graph)
            return [leaf(np.zeros_like(x.data)) if g is None else g for x, g in zip(wanted, found, strict=True)]

        def at_points(create_graph: bool) -> list[Any]:
            tensors = [leaf(p, requires_grad=p.dtype.kind == "f") for p in points]
            return [np.asarray(g.data) for g in gradients(*tensors, create_graph=create_graph)]

        inputs = [k for k, p in enumerate(points) if p.dtype.kind == "f"]
        for k, plain, recorded in zip(inputs, at_points(False), at_points(True), strict=True):
            self._of_input(k, plain, recorded, weights)
        return replace(self, function=gradients, order=self.order + 1)

    def _of_input(self, k: int, plain: Any, recorded: Any, weights: list[Any]) -> None:
        """Compare the gradient of one input, along a random direction and for small inputs element by element."""
        point, label = self.points[k], f"{f' {self.names[k]!r}' if self.names[k] else ''}"
        label = f"gradcheck, order {self.order}: the gradient of input {k + 1}{label}"
        if plain.shape != point.shape:
            raise GradientError(f"{label} has shape {plain.shape}, but the input has {point.shape}")
        if not np.array_equal(plain, recorded, equal_nan=True):
            worst = _index(int(np.argmax(plain != recorded)), plain.shape)
            raise GradientError(
                f"{label} at {worst} is {plain[tuple(worst)]!r} from the plain backward pass "
                f"and {recorded[tuple(worst)]!r} from the recorded one; a rule is not polymorphic"
            )
        directions = [np.zeros(p.shape) for p in self.points]
        directions[k] = self.rng.standard_normal(point.shape)
        expected = slope(self.function, self.points, directions, weights, self.analytic)
        along = plain * directions[k]
        small = sum(p.size for p in self.points if p.dtype.kind == "f") <= _SMALL
        if small or not self._agree(float(along.sum()), expected, float(np.abs(along).sum())):
            self._elements(k, plain, weights, label, small)

    def _elements(self, k: int, ours: Any, weights: list[Any], label: str, small: bool) -> None:
        """Raise for the worst element of one input's gradient, unless the input is small and all agree."""
        count = ours.size if small else min(ours.size, _MAX_PLACES)
        places = [int(i) for i in np.linspace(0, ours.size - 1, count)] if count else []
        expected = element_slopes(self.function, self.points, k, places, weights, self.analytic)
        mine = [float(ours.flat[i]) for i in places]
        scale = max((abs(v) for v in [*mine, *(e.value for e in expected)]), default=0.0)
        wrong = [i for i, (m, e) in enumerate(zip(mine, expected, strict=True)) if not self._agree(m, e, scale)]
        if wrong:
            worst = max(wrong, key=lambda i: _distance(mine[i], expected[i].value))
            bar = f", ± {expected[worst].bar:.1e}" if expected[worst].bar else ""
            raise GradientError(
                f"{label} at {_index(places[worst], ours.shape)} is {mine[worst]:.12g}, "
                f"but numerically {expected[worst].value:.12g} ({expected[worst].method}{bar})"
            )
        if not small:
            raise GradientError(f"{label} differs along a random direction, though each of {count} elements agrees")

    def _agree(self, ours: float, expected: Estimate, scale: float) -> bool:
        """Whether they agree; an error bar as large as the value itself is uninformative, so it is no excuse."""
        allowed = self.rtol * max(scale, abs(expected.value), 1e-6) + min(expected.bar, 1e-3 * max(scale, 1e-3))
        return bool(abs(ours - expected.value) <= allowed)


def _distance(a: float, b: float) -> float:
    distance = abs(a - b)
    return distance if np.isfinite(distance) else np.inf


def _index(flat: int, shape: tuple[int, ...]) -> list[int]:
    return [int(i) for i in np.unravel_index(flat, shape)]


# ------------------------------------------------------------------------------------------------ numerical derivatives


class Estimate(NamedTuple):
    """A numerical derivative with its error bar and the name of the method."""

    value: float
    bar: float
    method: str


def outputs(function: Function, points: Sequence[Any]) -> list[Tensor]:
    """What the function returns at these points, one Tensor or several, as a list."""
    result = function(*[leaf(p, requires_grad=p.dtype.kind in "fc") for p in points])
    return [result] if isinstance(result, Tensor) else list(result)


def _is_analytic(results: Sequence[Tensor]) -> bool:
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


def complex_step(at: Callable[[complex], Sequence[Any]]) -> Estimate:
    """The derivative at 0 of the sum of what an analytic function returns."""
    return Estimate(float(sum(np.imag(s) for s in at(1j * _COMPLEX_STEP)) / _COMPLEX_STEP), 0.0, "complex step")


def central_differences(at: Callable[[float], Sequence[Any]], noise: float = 0.0, enough: float = 0.0) -> Estimate:
    """The derivative at 0 of the sum of what a function returns, with the least error bar among several steps.

    Args:
        at: the function.
        noise: what rounding does to the sum, in addition to that of each of its terms.
        enough: an error bar this small, relative to the derivative, is good enough.
    """
    best, fine = Estimate(np.nan, np.inf, "central differences"), False
    for h in _STEPS:
        if fine and h < _STEPS[-1]:
            continue  # below a step where rounding dominates, smaller ones are worse
        parts = {k: at(k * h) for k in (-1.0, -0.5, 0.5, 1.0)}
        wide, narrow = (sum(parts[1.0]) - sum(parts[-1.0])) / (2 * h), (sum(parts[0.5]) - sum(parts[-0.5])) / h
        size = 8.0 * float(np.finfo(float).eps) * sum(abs(s) for several in parts.values() for s in several)
        apart, rounding = float(abs(wide - narrow)), float(noise + size) / h
        if apart + rounding < best.bar:
            best = Estimate(float(np.real((4 * narrow - wide) / 3)), apart + rounding, best.method)
        if best.bar <= enough * abs(best.value):
            break
        fine = fine or apart <= rounding
    return best


def slope(
    function: Function, points: Sequence[Any], directions: Sequence[Any], weights: Sequence[Any], analytic: bool
) -> Estimate:
    """The slope of ``Σ weights · f`` at the points along the directions.

    Args:
        function: of Tensors, to one Tensor or several.
        points: float64 arrays; integer ones are passed on as they are.
        directions: an array for each point, of its shape.
        weights: an array for each output, of its shape.
        analytic: whether a complex step may be taken.
    """

    def along(t: complex) -> list[Any]:
        moved = [p + t * u if p.dtype.kind in "fc" else p for p, u in zip(points, directions, strict=True)]
        return [np.sum(np.asarray(y.data) * w) for y, w in zip(outputs(function, moved), weights, strict=True)]

    return complex_step(along) if analytic else central_differences(along)


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
