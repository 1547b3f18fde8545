"""Numbers: exactly, by a name or by digits that evaluate to the same number; and in a few digits, for display."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["number", "quantity", "summary"]

MINUS = "−"

CONSTANTS: dict[float, str] = {
    0.5: "½",
    0.25: "¼",
    1 / 3: "1/3",
    2 / 3: "2/3",
    math.pi: "π",
    2 * math.pi: "2π",
    math.sqrt(2): "√2",
    math.sqrt(0.5): "√½",
    1 / math.sqrt(2): "1/√2",
    math.sqrt(math.pi): "√π",
    1 / math.sqrt(math.pi): "1/√π",
    2 / math.sqrt(math.pi): "2/√π",
    math.sqrt(2 * math.pi): "√(2π)",
    1 / math.sqrt(2 * math.pi): "1/√(2π)",
    math.sqrt(2 / math.pi): "√(2/π)",
    math.log(2): "ln 2",
}
"""The numbers that have names; each name, computed as it is written, gives its number to the last bit."""


def number(value: Any) -> str:
    """A number as formulas show it: by name, or by the shortest digits that say it exactly, with a real minus sign.

    >>> number(1e-05), number(-2.0), number(7), number(float("inf")), number(1 - 2e-8)
    ('1e−5', '−2', '7', '∞', '0.99999998')
    >>> number(0.5), number(2 / 3.141592653589793**0.5), number(1.1283791670955)
    ('½', '2/√π', '1.1283791670955')
    """
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, complex | np.complexfloating):
        return f"({number(value.real)} + {number(value.imag)}i)"
    if isinstance(value, float | np.floating) and float(value) == value and abs(float(value)) in CONSTANTS:
        return f"{MINUS if value < 0 else ''}{CONSTANTS[abs(float(value))]}"
    text = str(value).removesuffix(".0").replace(".0e", "e").replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")
    return text.replace("-", MINUS).replace("inf", "∞").replace("nan", "NaN")


def quantity(value: Any) -> str:
    """A number in few characters: two decimals, or a power of ten where these say too little or too much.

    >>> [quantity(v) for v in (-3.4756, 2e-05, 0.0, 1234567.0, 7, float("-inf"), float("nan"), True)]
    ['−3.48', '2e−5', '0', '1.2e6', '7', '−∞', 'NaN', 'True']
    """
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, bool):
        return str(value)
    size = abs(value)
    if value == 0:
        text = "0"
    elif isinstance(value, int):
        text = str(value) if size < 1e6 else f"{float(value):.1e}"
    elif size < 0.005 or size >= 1e5:
        # Python itself writes no number that is longer than its own.
        long = isinstance(value, np.longdouble)
        text = np.format_float_scientific(value, 1, unique=False) if long else f"{value:.1e}"
        text = text.replace(".0e", "e") if size < 0.005 else text
    else:
        text = f"{value:.2f}"
    mantissa, e, exponent = text.partition("e")
    text = f"{mantissa}e{int(exponent)}" if e else text
    return text.replace("-", "−").replace("inf", "∞").replace("nan", "NaN")


def summary(value: Any) -> str:
    """What is in an array: its smallest and largest element, and how many are NaN. Foreign arrays are not computed.

    >>> summary(np.array([1.0, -2.0])), summary(np.array([1.0, np.nan, 3.0])), summary(np.zeros((0, 4)))
    ('−2.00…1.00', '1.00…3.00, 1 NaN', 'empty')
    """
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biufc":
        return ""
    if value.size == 0:
        return "empty"
    if value.dtype.kind == "c":
        size = np.abs(value)
        return f"|·| {summary(size)}"
    if value.dtype.kind != "f":
        low, high = quantity(value.min()), quantity(value.max())
        return low if low == high else f"{low}…{high}"
    low, high, count = value.min(), value.max(), 0
    if low != low:  # NaN, as soon as any element is
        missing = np.isnan(value)
        count = int(missing.sum())
        if count == value.size:
            return "NaN" if value.size == 1 else "all NaN"
        there = value[~missing]
        low, high = there.min(), there.max()
    first, last = quantity(low), quantity(high)
    text = first if first == last else f"{first}…{last}"
    return f"{text}, {count} NaN" if count else text
