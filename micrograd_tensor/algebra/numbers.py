"""Numbers: coefficients that are exact as long as they can be, and remember the lengths of axes in them.

The mean over an axis of 7 is a seventh of a sum, and so is ``0.142857… · Σx``: both are the same number, but only the
first may be written as ``Σx / N``. So a coefficient is a number times powers of lengths, and both count.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

Number: TypeAlias = "Fraction | float"
LARGEST = 1 << 64
"""Above it numerators and denominators would only grow, and a float serves better."""
FINEST = 1 << 24
"""The largest denominator that a float is taken to mean."""


def exact(number: Number | int) -> Number:
    """A fraction where the number is one with a small denominator, else a float.

    >>> exact(0.1), exact(3), exact(2**0.5)
    (Fraction(1, 10), Fraction(3, 1), 1.4142135623730951)
    """
    if isinstance(number, Fraction):
        return number if max(abs(number.numerator), number.denominator) < LARGEST else float(number)
    if isinstance(number, int):
        return exact(Fraction(number))
    if not math.isfinite(number):
        return float(number)
    near = Fraction(number).limit_denominator(FINEST)
    return near if float(near) == number and abs(near.numerator) < LARGEST else float(number)


@dataclass(frozen=True, slots=True)
class Coefficient:
    """``number · Π lengthᵉ``.

    Attributes:
        number: the rest.
        counts: pairs of a label and an exponent, by label: powers of the lengths of axes.
        value: what it all comes to.
    """

    number: Number
    counts: tuple[tuple[int, Fraction], ...]
    value: Number

    def __mul__(self, other: Coefficient) -> Coefficient:
        if self is ONE or other is ONE:  # the usual case
            return other if self is ONE else self
        counts = dict(self.counts)
        for label, exponent in other.counts:
            counts[label] = counts.get(label, Fraction(0)) + exponent
        kept = tuple(sorted((label, e) for label, e in counts.items() if e))
        number = exact(self.number * other.number)
        return Coefficient(number, kept, exact(self.value * other.value) if kept else number)

    def __add__(self, other: Coefficient) -> Coefficient:
        value = exact(self.value + other.value)
        if self.counts == other.counts:
            return Coefficient(exact(self.number + other.number), self.counts, value)
        return Coefficient(value, (), value)

    def __neg__(self) -> Coefficient:
        return Coefficient(-self.number, self.counts, -self.value)

    def __pow__(self, exponent: int) -> Coefficient:
        counts = tuple((label, e * exponent) for label, e in self.counts)
        return Coefficient(exact(self.number**exponent), counts, exact(self.value**exponent))


ONE = Coefficient(Fraction(1), (), Fraction(1))
MINUS_ONE = -ONE


def coefficient(number: Number | int) -> Coefficient:
    """A plain number as a coefficient."""
    found = exact(number)
    return Coefficient(found, (), found)


def lengths(sizes: Mapping[int, int], exponent: int = 1) -> Coefficient:
    """The product of the lengths of axes, to a whole power, from their lengths by label.

    >>> float(lengths({0: 7, 1: 2}, -1).value * 14)
    1.0
    """
    counts = tuple(sorted((label, Fraction(exponent)) for label in sizes))
    return Coefficient(Fraction(1), counts, exact(Fraction(math.prod(sizes.values())) ** exponent))
