"""gradcheck: do the rules give the derivative that the function really has?

Numerical derivatives are the oracle, which knows no rules. Each element is judged by its own terms: what rounding can
do to it is measured, so that a small gradient beside a large one is judged as strictly. What is no derivative at all
is told apart from a wrong one: a kink, a jump, a function that gives other results for the same inputs.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np

from ..engine.arrays import on_host, plain
from ..engine.errors import DTypeError, GradientError, TraceError, describe
from ..engine.tensor import Tensor
from ..engine.trace import tracing
from .kinks import name_turn
from .numerical import Sides, central_differences, complex_step
from .weighted import Function, Weighted, along, near, outputs

__all__ = ["gradcheck"]

_SMALL = 48
"""Inputs of up to this many elements in all are checked element by element, not along random directions alone."""
_CALLS = 8
"""How often a function is called at one point before a rule is blamed for what it returns."""
_BESIDE = 1e-30j
"""Beside the point, where no number changes, but a comparison of equal numbers does."""
_CLOSE = 1e-13
"""What agrees so closely needs no measure of rounding."""


def gradcheck(function: Function, *inputs: Any, order: int = 2, rtol: float = 0.0, seed: int = 0) -> bool:
    """Check the gradients of a function against numerical ones, to the given order.

    The function's outputs are weighted at random, and the gradient of that sum is compared along random directions of
    each input, and for small inputs element by element: by a complex step where every recorded op is analytic, else by
    central differences with their own error bar. The plain and the recorded backward pass must agree to the last bit.
    Order 2 then checks the gradients' own gradients in the same way, and so on.

    Args:
        function: of Tensors, to one Tensor or several.
        inputs: arrays or Tensors; floating-point ones are checked in float64, others are passed on as they are.
        order: up to which derivative.
        rtol: what is tolerated beside rounding, relative to the sum of the absolute terms of an element.
        seed: of the random weights and directions.

    Returns:
        True; a mismatch raises instead of returning False.

    Raises:
        GradientError: for a gradient that differs, naming the input, its worst index and both values; for one that
            cannot be judged, because the point lies at a kink or a jump, or because the function gives different
            results for the same inputs; and for a function that returns anything but Tensors.
        DTypeError: for inputs none of which is floating-point, complex ones, and several inputs given as a list.

    >>> import numpy as np
    >>> import micrograd_tensor as mt
    >>> mt.gradcheck(mt.batch_norm, np.random.default_rng(0).normal(size=(7, 4)), np.ones(4), np.zeros(4))
    True
    """
    _require_settings(function, order, rtol)
    points = [_point(k, x) for k, x in enumerate(inputs, 1)]
    if not any(p.dtype.kind == "f" for p in points):
        raise DTypeError(f"gradcheck: none of the {len(points)} inputs is floating-point, so there is nothing to check")
    names = [getattr(x, "name", None) for x in inputs]
    labels = [f"input {k}{f' {name!r}' if name else ''}" for k, name in enumerate(names, 1)]
    results = _require_steady(function, points, calls=1)
    _require_real(results)
    analytic, rng = _is_analytic(function, points, results), np.random.default_rng(seed)
    differentiated = function
    try:
        for nth in range(1, order + 1):
            weights = [rng.standard_normal(y.shape) for y in outputs(differentiated, points)]
            weighted = Weighted(differentiated, points, weights, analytic)
            for k, (plainly, recorded) in weighted.gradients_at_point().items():
                _Input(weighted, k, f"gradcheck, order {nth}: ", labels[k], plainly, recorded, rtol).check(rng)
            differentiated = weighted.gradients
    except Exception:
        _require_steady(function, points, _CALLS)  # before a rule is blamed
        raise
    return True


def _require_settings(function: Any, order: Any, rtol: Any) -> None:
    if not callable(function):
        raise GradientError(
            f"gradcheck takes the function itself, not {describe(function)}: mt.gradcheck(f, x), not "
            "mt.gradcheck(f(x), x)"
        )
    if not isinstance(order, (int, np.integer)) or isinstance(order, bool) or order < 1:
        raise GradientError(f"gradcheck: order={order!r}; it is a whole number, 1 for first derivatives alone")
    if not isinstance(rtol, (int, float, np.number)) or isinstance(rtol, bool) or not 0 <= rtol < 1:
        raise GradientError(f"gradcheck: rtol={rtol!r}; it is a number from 0 up to 1, such as 1e-7")


def _point(k: int, x: Any) -> Any:
    """An input as an array, in float64 where it is floating-point."""
    if isinstance(x, (list, tuple)) and any(isinstance(part, (Tensor, np.ndarray)) for part in x):
        raise DTypeError(
            f"gradcheck takes the inputs one by one, and input {k} is a {type(x).__name__} of them: "
            "write mt.gradcheck(f, x, y), or mt.gradcheck(f, *inputs)"
        )
    array = np.array(on_host(x.data if isinstance(x, Tensor) else plain(x, called=f"gradcheck: input {k}")))
    if array.dtype.kind not in "biuf":
        raise DTypeError(f"gradcheck: input {k} holds {array.dtype}; it differentiates by real numbers only")
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def _is_analytic(function: Function, points: Sequence[Any], results: Sequence[Tensor]) -> bool:
    """Whether a complex step may be taken.

    Every op through which gradients flow must be complex-differentiable; and what the function does beside them, with
    numbers that it reads out, must bear complex numbers too. That shows along one direction of all inputs.
    """
    on_path = {t for t in results if t.requires_grad}
    stack = list(on_path)
    while stack:
        further = {x for x in stack.pop().operands if isinstance(x, Tensor) and x.requires_grad} - on_path
        on_path |= further
        stack += further
    if not all(t.op is None or t.op.analytic for t in on_path):
        return False
    rng = np.random.default_rng(0)
    directions = {k: rng.standard_normal(p.shape) for k, p in enumerate(points) if p.dtype.kind == "f"}
    at = near(along(function, points, directions), [y.shape for y in results])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            up, down, step = at(_BESIDE), at(-_BESIDE), complex_step(at)
    except (TypeError, AttributeError, np.exceptions.ComplexWarning):
        return False
    if not all(np.allclose(a.real, b.real, equal_nan=True) for a, b in zip(up, down, strict=True)):
        return False  # a branch is decided right here, and a step to the side takes it
    differences = central_differences(at, enough=1e-6)
    size = abs(differences.value)
    close = abs(step.value - differences.value) <= 4 * differences.bar + step.bar + 1e-9 * size
    return close or not differences.tells(size)


def _require_steady(function: Function, points: Sequence[Any], calls: int) -> list[Tensor]:
    """What the function returns at these points; an error where it is not the same in each of several calls."""
    first = outputs(function, points)
    for _ in range(calls):
        again = outputs(function, points)
        for a, b in zip_longest(first, again):
            if a is None or b is None:
                what = f"{len(first)} of them, then {len(again)}"
            elif a.shape != b.shape:
                what = f"the shape {a.shape}, then {b.shape}"
            elif np.array_equal(a.data, b.data, equal_nan=a.dtype.kind == "f"):
                continue
            else:
                place = np.unravel_index(int(np.argmax(np.asarray(a.data != b.data))), a.shape)
                what = f"{a.data[place]:.6g} at {_listed(place)}, then {b.data[place]:.6g}"
            raise GradientError(
                f"gradcheck: the function gives different results for the same inputs, {what}, so it has "
                "no derivative; if it draws random numbers, let it start with mt.manual_seed(0), or with a generator "
                "of its own such as np.random.default_rng(0)"
            )
    return first


def _require_real(results: Sequence[Tensor]) -> None:
    """Raise where the function has no number, or a complex one, so that there is no slope to look for."""
    for y in results:
        if y.dtype.kind == "c":
            raise DTypeError(
                f"gradcheck: the function returned complex numbers, {describe(y)}; let it return real ones"
            )
        if not np.all(np.isfinite(y.data)):
            place = np.unravel_index(int(np.argmin(np.isfinite(y.data))), y.shape)
            raise GradientError(
                f"gradcheck: the function returned {y.data[place]} at {_listed(place)}; check at a point where it is "
                "finite"
            )


def _listed(place: Iterable[Any]) -> list[int]:
    return [int(i) for i in place]


# ----------------------------------------------------------------------------------------------------------- one input


class _Input:
    """The gradient of one input, to be judged."""

    def __init__(
        self, weighted: Weighted, k: int, title: str, label: str, plain: Any, recorded: Any, rtol: float
    ) -> None:
        self.weighted, self.k, self.title, self.label, self.rtol = weighted, k, title, label, rtol
        self.plain, self.recorded = plain, recorded

    def check(self, rng: np.random.Generator) -> None:
        """Raise unless the gradient is right: element by element for small inputs, else along random directions."""
        points, shape = self.weighted.points, self.weighted.points[self.k].shape
        if self.plain.shape != shape:
            self._fail(f"the gradient of {self.label} has shape {self.plain.shape}, but the input has {shape}")
        if not np.array_equal(self.plain, self.recorded, equal_nan=True):
            worst = np.unravel_index(int(np.argmax(self.plain != self.recorded)), shape)
            self._fail(
                f"the gradient of {self.label} at {_listed(worst)} is {self.plain[worst]!r} from the plain backward "
                f"pass and {self.recorded[worst]!r} from the recorded one; a rule is not polymorphic"
            )
        if sum(p.size for p in points if p.dtype.kind == "f") <= _SMALL:
            wrong = {place: apart for place in range(self.plain.size) if (apart := self._apart(self._unit(place)))}
            if wrong:
                self._explain(max(wrong, key=lambda place: wrong[place]))
            return
        for direction in self._directions(rng):
            if self._apart(direction) and (place := self._search(direction)) is not None:
                self._explain(place)

    def _unit(self, place: int) -> Any:
        return self.weighted.unit(self.k, place)

    def _directions(self, rng: np.random.Generator) -> list[Any]:
        """A random direction; and one in which each element counts alike, however small its gradient.

        Differences would leave the neighbourhood of the point along the second.
        """
        directions = [rng.standard_normal(self.plain.shape)]
        if self.weighted.analytic and np.all(np.isfinite(self.plain)) and self.plain.any():
            size = np.abs(self.plain)
            typical = float(np.exp(np.mean(np.log(size[size > 0]))))
            signs = rng.choice([-1.0, 1.0], self.plain.shape)
            directions.append(signs * typical / np.clip(size, 1e-15 * size.max(), None))
        return directions

    def _apart(self, direction: Any) -> float:
        """How far the gradient is from the numerical one along a direction, relative to its terms; 0 if it is right."""
        ours = float(np.sum(self.plain[direction != 0] * direction[direction != 0]))
        if not np.isfinite(ours):
            return np.inf
        found = self.weighted.slope(self.k, direction)
        larger = max(abs(ours), abs(found.value))
        if abs(ours - found.value) <= found.bar + _CLOSE * larger and found.tells(larger):
            return 0.0
        if not found.tells(larger) and self.weighted.sides(self.k, direction).jump:
            return np.inf  # which rounding may reach across
        allowed, terms = self.weighted.rounding[0].get(self.k, (0.0, 0.0))
        found = self.weighted.slope(self.k, direction, wary=True)
        size = max(larger, float(np.sum(np.abs(direction) * terms)))
        spread = float(np.sum(np.abs(direction) * allowed)) + self.rtol * size + found.bar
        apart = abs(ours - found.value)
        if apart <= spread and found.tells(size):
            return 0.0
        return apart / size if size and np.isfinite(apart) and apart else np.inf

    def _search(self, direction: Any) -> int | None:
        """An element that is wrong, by halves; None where both halves are right, and so their sum is."""
        places = np.arange(self.plain.size)
        while places.size > 1:
            for half in np.split(places, [places.size // 2]):
                kept = np.zeros(self.plain.size)
                kept[half] = direction.reshape(-1)[half]
                if self._apart(kept.reshape(self.plain.shape)):
                    places = half
                    break
            else:
                return None
        return int(places[0])

    def _explain(self, place: int) -> None:
        """Raise with what is the matter with one element."""
        where = _listed(np.unravel_index(place, self.plain.shape))
        ours, direction = float(self.plain.reshape(-1)[place]), self._unit(place)
        sides = self.weighted.sides(self.k, direction)
        if sides.differ:
            self._fail(self._at_turn(f"{self.label} at {where}", ours, direction, sides))
        if np.isinf(ours):
            self._fail(f"the gradient of {self.label} at {where} is {ours}; no numerical derivative can confirm that")
        found = self.weighted.slope(self.k, direction, wary=True)
        bar = f", ± {found.bar:.1e}" if found.method != "complex step" else ""
        numerically = f"numerically {found.value:.12g} ({found.method}{bar})"
        text = f"the gradient of {self.label} at {where} is {ours:.12g}"
        if not found.tells(max(abs(ours), abs(found.value))):
            self._fail(f"{text}, and {numerically}, which tells nothing; check at another point")
        self._fail(f"{text}, but {numerically}{self._read_out()}")

    def _read_out(self) -> str:
        """What to say of a function that takes numbers out of its graph, which a trace refuses."""
        try:
            with tracing():
                outputs(self.weighted.function, self.weighted.points)
        except TraceError as error:
            return f". The function reads numbers out, and what it makes of them has no gradient: {error}"
        return ""

    def _at_turn(self, where: str, ours: float, direction: Any, sides: Sides) -> str:
        """What to say of a point that lies at a kink or a jump."""

        def at(t: float) -> list[Tensor]:
            points = [p + t * direction if k == self.k else p for k, p in enumerate(self.weighted.points)]
            return outputs(self.weighted.function, points)

        by = name_turn(at, sides.step)
        kind, of = "jump" if sides.jump else "kink", f" of {by}" if by else ""
        text = f"{where} lies at a {kind}{of}, where there is no derivative"
        if sides.jump:
            return f"{text}; check at another point"
        low, high = sorted((sides.below, sides.above))
        text += f": the slope is {sides.below:.6g} below it and {sides.above:.6g} above"
        if low - sides.bar <= ours <= high + sides.bar:
            return f"{text}. The recorded {ours:.6g} lies between and is no mistake; check at another point"
        return f"{text}. The recorded {ours:.12g} is not between them, so it is wrong, whichever is taken"

    def _fail(self, text: str) -> None:
        raise GradientError(self.title + text)
