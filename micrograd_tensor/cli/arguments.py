"""Types of command-line options: numbers in a range, or an error that quotes what was typed."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable


def whole_number(least: int = 0, why: str = "") -> Callable[[str], int]:
    """The type of an option that takes a whole number.

    Args:
        least: the least number allowed.
        why: the reason for that limit, as the end of the error.

    >>> whole_number(1)("12")
    12
    """

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}{why}")
        return int(text)

    return read


def finite_number(text: str, *, positive: bool = False) -> float:
    """The type of an option that takes a number of at least 0, or above 0.

    >>> finite_number("1e-5")
    1e-05
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and (value > 0 if positive else value >= 0)):
        limit = "above 0" if positive else "of at least 0"
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number {limit}")
    return value
