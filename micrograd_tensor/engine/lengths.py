"""Lengths: the whole numbers that lay out an array, such as sizes, strides and dilations.

They are checked here and nowhere else: a number that becomes a stride must never reach beyond an array's memory.
"""

from __future__ import annotations

from numbers import Integral
from operator import index
from typing import Any

from .errors import ShapeError, quoted


def length(what: str, value: Any, least: int = 1) -> int:
    """One whole number, Python's or NumPy's, that is at least this; `ShapeError` otherwise, with what was written.

    >>> length("num_features", 3)
    3
    """
    if not _is_length(value, least):
        raise ShapeError(f"{what}={value!r}: give a whole number, {least} or more")
    return int(value)


def whole_number(what: str, value: Any) -> int:
    """A whole number of any sign, such as a shift; `ShapeError` for anything else, with what was written.

    >>> whole_number("rot90: k", -1)
    -1
    """
    try:
        return index(value)
    except TypeError:
        raise ShapeError(f"{what}={quoted(value)}: give a whole number") from None


def lengths(what: str, value: Any, rank: int | None = None, least: int = 1) -> tuple[int, ...]:
    """One such number for each axis, from one for all axes or one for each; any number of these where rank is None.

    >>> lengths("stride", 2, rank=2), lengths("stride", (1, 2), rank=2), lengths("size", [2, 3, 4])
    ((2, 2), (1, 2), (2, 3, 4))
    """
    if (
        type(value) is tuple
        and len(value) == (len(value) if rank is None else rank)
        and set(map(type, value)) == {int}
        and min(value) >= least
    ):
        return value  # at every call of a convolution
    if type(value) is int and rank is not None and value >= least:
        return (value,) * rank
    several = isinstance(value, (tuple, list))
    numbers = tuple(value) if several else (value,) * (rank or 1)
    if (several if rank is None else len(numbers) == rank) and all(_is_length(n, least) for n in numbers):
        return tuple(map(int, numbers))
    way_out = "give a tuple of whole numbers, each" if rank is None else "give a whole number,"
    or_each = f", or {rank}, one for each axis" if rank is not None and rank > 1 else ""
    raise ShapeError(f"{what}={value!r}: {way_out} {least} or more{or_each}")


def _is_length(value: Any, least: int) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= least
