"""Literals: numbers, arrays and parameters as Python reads them, to the last bit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def literal(value: Any) -> str:
    """A number, the name of a dtype, or a tuple of these.

    >>> [literal(v) for v in (1e-05, float("-inf"), True, 2 - 1j, np.float32(0.1), (3,), np.dtype("float32"))]
    ['1e-05', '-np.inf', 'True', '(2-1j)', '0.1', '(3,)', '"float32"']
    """
    if isinstance(value, np.ndarray):
        return _nested(value)
    if isinstance(value, tuple | list):
        return f"({', '.join(map(literal, value))}{',' * (len(value) == 1)})"
    if isinstance(value, np.dtype | str):
        return f'"{value}"'
    if isinstance(value, np.floating):
        if value.dtype.itemsize > 8:
            return f'np.{value.dtype.name}("{value}")'
        value = float(str(value))  # the digits that say it exactly in its own dtype
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, complex) and not (math.isfinite(value.real) and math.isfinite(value.imag)):
        return f"complex({literal(value.real)}, {literal(value.imag)})"
    return repr(value).replace("inf", "np.inf").replace("nan", "np.nan") if isinstance(value, float) else repr(value)


def array(value: np.ndarray[Any, Any]) -> str:
    """An array.

    >>> array(np.array([1.5, -2.0])), array(np.zeros((2, 3))), array(np.full(2, 7.0, "float32"))
    ('np.array([1.5, -2.0])', 'np.zeros((2, 3))', 'np.full((2,), 7.0, "float32")')
    """
    dtype = "" if value.dtype == np.float64 else f', "{value.dtype}"'
    first = value.flat[0] if value.size else 0
    if value.ndim == 0 or (value.size and not np.all(value == first)):
        return f"np.array({_nested(value)}{dtype})"
    if first in (0, 1):
        return f"np.{'ones' if first else 'zeros'}({literal(value.shape)}{dtype})"
    return f"np.full({literal(value.shape)}, {literal(first)}{dtype})"


def _nested(value: np.ndarray[Any, Any]) -> str:
    return literal(value[()]) if value.ndim == 0 else f"[{', '.join(map(_nested, value))}]"
