"""Constants: a number as a fraction times one that has a name, where rounding is all that tells them apart."""

from __future__ import annotations

import math
from fractions import Fraction

from ..algebra.numbers import Number, exact

_ROOTS = (math.sqrt(2), math.sqrt(math.pi), math.sqrt(2 * math.pi), math.sqrt(2 / math.pi), math.pi, math.log(2))
ROUNDINGS = 8
"""By how many roundings a computed number may differ from the constant that it stands for."""
LARGEST = 10**6
"""The largest denominator of a fraction that such a constant is multiplied by."""


def fraction_and_constant(number: Number) -> tuple[Fraction, float | None, bool]:
    """A number as a fraction, times a constant or divided by it; None: times nothing.

    >>> fraction_and_constant(0.5000000000000001)
    (Fraction(1, 2), None, False)
    >>> fraction_and_constant(math.sqrt(2 / math.pi) * 3)
    (Fraction(3, 1), 0.7978845608028654, False)
    >>> fraction_and_constant(1 / math.sqrt(2 * math.pi))
    (Fraction(1, 1), 2.5066282746310002, True)
    """
    if isinstance(number, Fraction):
        return number, None, False
    if math.isfinite(number) and number:
        plain = _fraction(number)
        if plain is not None:
            return plain, None, False
        pairs = ((constant, inverted) for constant in _ROOTS for inverted in (False, True))
        ratios = [(_fraction(number * c if inverted else number / c), c, inverted) for c, inverted in pairs]
        found = [(ratio, c, inverted) for ratio, c, inverted in ratios if ratio is not None]
        if found:
            return min(found, key=lambda one: abs(one[0].numerator) + one[0].denominator)
    return Fraction(-1 if number < 0 else 1), abs(number), False


def _fraction(number: float) -> Fraction | None:
    """The fraction that a number is but for its rounding; None for a number that is none."""
    found = exact(number)
    if isinstance(found, Fraction) and found.denominator <= LARGEST:
        return found
    near = Fraction(number).limit_denominator(LARGEST)
    close = near and abs(float(near) - number) <= ROUNDINGS * math.ulp(number)
    return near if (close and near.denominator < 1000) or (close and _is_decimal(near)) else None


def _is_decimal(number: Fraction) -> bool:
    return LARGEST % number.denominator == 0
