"""Numerical derivatives, which know no rules: complex steps, and differences with an honest error bar.

The complex step ``Im f(x + ih·u)/h`` has no cancellation, so its error is only rounding, at h = 1e-30; it needs every
op on the way to be analytic (Squire and Trapp, *Using complex variables to estimate derivatives of real functions*,
SIAM Review 40, 1998). Central differences need only smoothness near the point; here two step sizes are combined as
Richardson did, and their disagreement is the error bar. To that comes how far the slopes to the left and to the right
are apart beyond what a curve explains: at a kink they differ however small the step, and a step that reaches beyond a
kink nearby sees it too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

_COMPLEX_STEP = 1e-30
_STEPS = tuple(2.0**-k for k in (7, 10, 13, 17, 20, 23, 27, 30, 3))
"""Differences take these steps, until one is good enough; powers of two, which change a number without rounding it."""
_UNIT = 8.0 * float(np.finfo(float).eps)
"""What rounding may do to a value of the function, relative to it."""
_LEAST = float(np.finfo(float).smallest_normal) / _COMPLEX_STEP
"""Below this a complex step underflows."""
_INFORMATIVE = 1e-5
"""An error bar above this part of a derivative says nothing about it."""

_SIDE = 2.0**-20
"""How near to a point its sides are looked at, relative to its size."""

_JUMP = 1e-4
"""A smaller part of a value may change by the rounding of float32 or float16 on the way."""

At = Callable[[Any], Sequence[Any]]
"""What a function returns, one array or several, when its input has moved so far."""


class Estimate(NamedTuple):
    """A numerical derivative with its error bar and the name of the method.

    Attributes:
        value: the derivative.
        bar: how far it may be off.
        method: what found it.
        rounding: the part of the bar that rounding alone is to blame for.
    """

    value: float
    bar: float
    method: str
    rounding: float

    def tells(self, size: float) -> bool:
        """Whether the bar is small beside a derivative of this size; or no smaller one is to be had, for rounding."""
        return bool(self.bar - self.rounding <= max(_INFORMATIVE * size, 32.0 * self.rounding))


class Sides(NamedTuple):
    """The slopes below and above a point, what they may be off, how far the function jumps there; and the step."""

    below: float
    above: float
    bar: float
    jump: float
    step: float

    @property
    def differ(self) -> bool:
        """Whether the function has a kink or a jump here."""
        return bool(abs(self.above - self.below) > self.bar or self.jump)


def complex_step(at: At) -> Estimate:
    """The derivative at 0 of the sum of what an analytic function returns."""
    parts = [np.asarray(np.imag(s), np.float64) / _COMPLEX_STEP for s in at(1j * _COMPLEX_STEP)]
    rounding = sum(_UNIT * float(np.abs(s).sum()) + _LEAST * s.size for s in parts)
    return Estimate(sum(float(s.sum()) for s in parts), rounding, "complex step", rounding)


@np.errstate(all="ignore")
def central_differences(at: At, noise: float = 0.0, enough: float = 0.0, scale: float = 1.0) -> Estimate:
    """The derivative at 0 of the sum of what a function returns, with the least error bar among several steps.

    Args:
        at: the function.
        noise: what rounding does to the sum, in addition to that of each of its terms.
        enough: an error bar this small, relative to the derivative, is good enough.
        scale: a natural length of the input; numbers much below 1 are tried with steps of their own size as well.
    """
    best, fine, here = Estimate(np.nan, np.inf, "central differences", 0.0), False, _arrays(at(0.0))
    for unit, k in product(_units(scale), range(len(_STEPS))):
        h, fine = unit * _STEPS[k], fine and k > 0
        if fine and k + 1 < len(_STEPS):
            continue  # below a step where rounding dominates, smaller ones are worse
        parts = {k: _arrays(at(k * h)) for k in (-1.0, -0.5, 0.5, 1.0)}
        wide, rounding = _apart(parts[-1.0], parts[1.0], noise)
        narrow, less = _apart(parts[-0.5], parts[0.5], noise)
        wide, narrow, rounding = wide / (2 * h), narrow / h, (rounding + less) / h
        # What is left of the difference of the two sides, for which a curve accounts in proportion to the step.
        uneven = _uneven(here, parts[-0.5], parts[0.5], h / 2) * 2 - _uneven(here, parts[-1.0], parts[1.0], h)
        apart = max(abs(wide - narrow), abs(uneven) - 4 * rounding)
        best = _better(best, Estimate((4 * narrow - wide) / 3, apart + rounding, best.method, rounding))
        if best.bar <= enough * abs(best.value):
            break
        fine = fine or apart <= rounding
    return best


@np.errstate(all="ignore")
def unseen(at: At, scale: float = 1.0) -> float:
    """What rounding may hide: the last places of all values that change once the input moves far enough."""
    here, unit = _arrays(at(0.0)), _units(scale)[0]
    far = [_arrays(at(side * unit * 2.0**k)) for k in (0, 5, 10, 20) for side in (-1.0, 1.0)]
    return _UNIT * sum(float(np.sum(np.abs(y) * np.any([z[i] != y for z in far], axis=0))) for i, y in enumerate(here))


def _better(a: Estimate, b: Estimate) -> Estimate:
    """The one with the smaller bar; where a bar is small beside its value, the one with the more digits."""
    told = [e for e in (a, b) if e.value and e.bar <= 1e-3 * abs(e.value)]
    if told:
        return min(told, key=lambda e: e.bar / abs(e.value))
    return b if b.bar < a.bar else a


@np.errstate(all="ignore")
def one_sided(at: At, scale: float = 1.0) -> Sides:
    """The slopes of the sum of what a function returns on both sides of 0, as close to it as rounding lets one see."""
    looks = [_sides(at, unit * _SIDE) for unit in _units(scale)]
    return next((sides for sides in reversed(looks) if sides.bar < 0.1 * max(map(abs, sides[:2]))), looks[0])


def _sides(at: At, h: float) -> Sides:
    here, slopes, bar, jump = _arrays(at(0.0)), [], 0.0, 0.0
    for side in (-1.0, 1.0):
        far, near = _arrays(at(side * h)), _arrays(at(side * h / 2))
        (beyond, rounding), (beside, less) = _apart(here, far), _apart(here, near)
        slopes.append(side * (4 * beside - beyond) / h)
        bar += 8.0 * (rounding + less) / h + 1e-5 * abs(slopes[-1])
        jump += side * sum(_jump(*ys) for ys in zip(here, near, far, strict=True))
    return Sides(slopes[0], slopes[1], bar, jump, h)


def _jump(here: Any, near: Any, far: Any) -> float:
    """The sum of what changes at once: what is continuous changes half as much at half the distance."""
    change, later = near - here, far - near
    large = np.abs(change) > _JUMP * np.maximum(np.abs(here), np.abs(near))
    return float(np.sum(change[large & (np.abs(later) < 0.01 * np.abs(change))]))


def _units(scale: float) -> list[float]:
    """Lengths by which to step from numbers of this size: at least 1, and of small numbers their own as well."""
    unit = math.ldexp(1.0, round(math.log2(scale)))
    return [max(unit, 1.0), *([unit] if unit < _STEPS[2] else [])]


def _arrays(results: Sequence[Any]) -> list[Any]:
    return [np.asarray(np.real(s), np.float64) for s in results]


def _apart(a: list[Any], b: list[Any], noise: float = 0.0) -> tuple[float, float]:
    """The sum of what has changed, and what rounding may do to it: what is still the same has not been rounded anew."""
    total, rounding = 0.0, noise
    for x, y in zip(a, b, strict=True):
        change = y - x
        total += float(change.sum())
        rounding += _UNIT * float(np.sum((np.abs(x) + np.abs(y)) * (change != 0)))
    return total, rounding


def _uneven(here: list[Any], below: list[Any], above: list[Any], h: float) -> float:
    """How much steeper the function is above than below."""
    return (_apart(here, above)[0] - _apart(below, here)[0]) / h
