"""gradcheck: do the rules give the derivative that the function really has?

Numerical derivatives are the oracle, which knows no rules. The complex step ``Im f(x + ih·u)/h`` has no cancellation,
so its error is only rounding, at h = 1e-30; it needs every op on the way to be analytic (Squire and Trapp, *Using
complex variables to estimate derivatives of real functions*, SIAM Review 40, 1998). Central differences need only
smoothness near the point; here two step sizes are combined as Richardson did, and their disagreement is the error bar.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..engine.errors import DTypeError, GradientError
from ..engine.record import leaf
from ..engine.tensor import Tensor
from ..engine.walk import grad

__all__ = ["gradcheck"]

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
    analytic, rng = _is_analytic(_outputs(function, points)), np.random.default_rng(seed)
    for nth in range(1, order + 1):
        weights = [rng.standard_normal(y.shape) for y in _outputs(function, points)]
        weighted = Weighted(function, points, weights, analytic)
        for k, gradients in weighted.gradients_at_point().items():
            label = f"gradcheck, order {nth}: the gradient of input {k + 1}{f' {names[k]!r}' if names[k] else ''}"
            _check(weighted, k, *gradients, label, rtol, rng)
        function = weighted.gradients
    return True


def _check(
    weighted: Weighted, k: int, plain: Any, recorded: Any, label: str, rtol: float, rng: np.random.Generator
) -> None:
    """Raise unless an input's gradient is right along a random direction and, for small inputs, element by element."""
    shape = weighted.points[k].shape
    if plain.shape != shape:
        raise GradientError(f"{label} has shape {plain.shape}, but the input has {shape}")
    if not np.array_equal(plain, recorded, equal_nan=True):
        worst = _index(int(np.argmax(plain != recorded)), shape)
        raise GradientError(
            f"{label} at {worst} is {plain[tuple(worst)]!r} from the plain backward pass "
            f"and {recorded[tuple(worst)]!r} from the recorded one; a rule is not polymorphic"
        )
    direction = rng.standard_normal(shape)
    expected, along = weighted.slope(k, direction), plain * direction
    small = sum(p.size for p in weighted.points if p.dtype.kind == "f") <= _SMALL
    if not small and _agree(float(along.sum()), expected, float(np.abs(along).sum()), rtol):
        return
    count = plain.size if small else min(plain.size, _MAX_PLACES)
    places = [int(i) for i in np.linspace(0, plain.size - 1, count)] if count else []
    slopes, mine = weighted.slopes(k, places), [float(plain.flat[i]) for i in places]
    scale = max((abs(v) for v in [*mine, *(e.value for e in slopes)]), default=0.0)
    wrong = [i for i, (m, e) in enumerate(zip(mine, slopes, strict=True)) if not _agree(m, e, scale, rtol)]
    if wrong:
        i = max(wrong, key=lambda i: np.nan_to_num(abs(mine[i] - slopes[i].value), nan=np.inf, posinf=np.inf))
        bar = f", ± {slopes[i].bar:.1e}" if slopes[i].bar else ""
        raise GradientError(
            f"{label} at {_index(places[i], shape)} is {mine[i]:.12g}, "
            f"but numerically {slopes[i].value:.12g} ({slopes[i].method}{bar})"
        )
    if not small:
        raise GradientError(f"{label} differs along a random direction, though each of {count} elements agrees")


def _agree(ours: float, expected: Estimate, scale: float, rtol: float) -> bool:
    """Whether they agree; an error bar as large as the value itself is uninformative, so it is no excuse."""
    allowed = rtol * max(scale, abs(expected.value), 1e-6) + min(expected.bar, 1e-3 * max(scale, 1e-3))
    return bool(abs(ours - expected.value) <= allowed)


def _index(flat: int, shape: tuple[int, ...]) -> list[int]:
    return [int(i) for i in np.unravel_index(flat, shape)]


# ------------------------------------------------------------------------------------------------ numerical derivatives


class Estimate(NamedTuple):
    """A numerical derivative with its error bar and the name of the method."""

    value: float
    bar: float
    method: str


def _is_analytic(results: Sequence[Tensor]) -> bool:
    """Whether every op through which gradients flow to the results is complex-differentiable."""
    on_path = {t for t in results if t.requires_grad}
    stack = list(on_path)
    while stack:
        further = {x for x in stack.pop().operands if isinstance(x, Tensor) and x.requires_grad} - on_path
        on_path |= further
        stack += further
    return all(t.op is None or t.op.analytic for t in on_path)


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


@dataclass(frozen=True, slots=True)
class Weighted:
    """The weighted sum of a function's outputs: one number, which has a gradient, and slopes to compare it with.

    Attributes:
        function: of Tensors, to one Tensor or several.
        points: the inputs, float64 arrays; integer ones are passed on as they are.
        weights: an array for each output, of its shape.
        analytic: whether a complex step may be taken.
    """

    function: Function
    points: list[Any]
    weights: Sequence[Any]
    analytic: bool

    def slope(self, k: int, direction: Any) -> Estimate:
        """The numerical slope along a direction of one input."""

        def along(t: complex) -> list[Any]:
            # Complex steps make all inputs complex, since gradients of higher order mix them.
            steps = [t * direction if i == k else 0.0 * t for i in range(len(self.points))]
            moved = [p + step if p.dtype.kind == "f" else p for p, step in zip(self.points, steps, strict=True)]
            ys = _outputs(self.function, moved)
            return [np.sum(np.asarray(y.data) * w) for y, w in zip(ys, self.weights, strict=True)]

        return complex_step(along) if self.analytic else central_differences(along)

    def slopes(self, k: int, places: Iterable[int]) -> list[Estimate]:
        """The numerical gradient with respect to some elements, by flat index, of one input."""
        shape = self.points[k].shape
        return [self.slope(k, np.reshape(np.arange(self.points[k].size) == place, shape)) for place in places]

    def gradients(self, *tensors: Tensor, create_graph: bool = True) -> list[Tensor]:
        """The gradients, by the rules, of those inputs that require them."""
        pairs = zip(_several(self.function(*tensors)), self.weights, strict=True)
        used = [(y, weight) for y, weight in pairs if y.requires_grad]
        wanted = [x for x in tensors if x.requires_grad]
        found: Sequence[Tensor | None] = [None] * len(wanted)
        if used:
            found = grad([y for y, _ in used], wanted, [weight for _, weight in used], create_graph=create_graph)
        return [leaf(np.zeros_like(x.data)) if g is None else g for x, g in zip(wanted, found, strict=True)]

    def gradients_at_point(self) -> dict[int, tuple[Any, Any]]:
        """The gradient of each floating-point input, from the plain and from the recorded backward pass."""
        tensors = [leaf(p, requires_grad=p.dtype.kind == "f") for p in self.points]
        passes = [[np.asarray(g.data) for g in self.gradients(*tensors, create_graph=c)] for c in (False, True)]
        inputs = [k for k, x in enumerate(tensors) if x.requires_grad]
        return dict(zip(inputs, zip(*passes, strict=True), strict=True))


def _outputs(function: Function, points: Sequence[Any]) -> list[Tensor]:
    """What the function returns at these points."""
    return _several(function(*[leaf(p, requires_grad=p.dtype.kind in "fc") for p in points]))


def _several(result: Tensor | Sequence[Tensor]) -> list[Tensor]:
    return [result] if isinstance(result, Tensor) else list(result)
