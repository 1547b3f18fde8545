"""Numbers: a few characters that say truthfully what is in an array."""

from __future__ import annotations

from typing import Any

import numpy as np

NOTHING = 1e-12
"""An array none of whose elements is larger than this is shown as ≈ 0: what remains is rounding."""


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
    missing = np.isnan(value)
    count = int(missing.sum())
    if count == value.size:
        return "NaN" if value.size == 1 else "all NaN"
    there = value[~missing]
    low, high = there.min(), there.max()
    if 0 < max(-low, high) < NOTHING:
        text = "≈ 0"
    else:
        text = quantity(low) if quantity(low) == quantity(high) else f"{quantity(low)}…{quantity(high)}"
    return f"{text}, {count} NaN" if count else text
