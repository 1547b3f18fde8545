"""How the compositions read their arguments."""

from __future__ import annotations

from numbers import Integral
from typing import TypeAlias

from ..engine.creation import as_tensor as as_tensor

Lengths: TypeAlias = "int | tuple[int, ...]"
"""One number for all axes, or one for each."""


def as_shape(lengths: Lengths) -> tuple[int, ...]:
    """A shape, from a tuple of lengths or the only length.

    >>> as_shape(3), as_shape((2, 3))
    ((3,), (2, 3))
    """
    return (lengths,) if isinstance(lengths, int) else tuple(lengths)


def each_axis(value: Lengths | list[int], rank: int, what: str) -> tuple[int, ...]:
    """One number for each spatial axis, from one number for all or one for each.

    Raises:
        ValueError: for another number of numbers, or for fractions.

    >>> each_axis(2, 2, "stride"), each_axis((1, 2), 2, "stride")
    ((2, 2), (1, 2))
    """
    numbers = tuple(value) if isinstance(value, (tuple, list)) else (value,) * rank
    if len(numbers) != rank or not all(isinstance(n, Integral) for n in numbers):
        raise ValueError(f"{what}={value!r}: give one whole number, or {rank}, one for each spatial axis")
    return numbers
