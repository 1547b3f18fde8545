"""Axes: how the compositions count them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.exceptions import AxisError
from numpy.lib.array_utils import normalize_axis_tuple

from .errors import DTypeError, ShapeError, describe, quoted
from .row import Operand


def counted(called: str, x: Operand, axis: Any, new: int = 0) -> tuple[int, ...]:
    """Axes of x, counted from 0.

    Args:
        called: the function that they were given to, for the error.
        x: the operand.
        axis: one axis or several, each once; negative ones count from the last.
        new: how many axes the result has more than x, for axes of the result.

    Raises:
        DTypeError: for what is no whole number.
        ShapeError: for an axis out of range, or given twice.

    >>> counted("stack", np.zeros((2, 3)), -1, new=1)
    (2,)
    """
    rank = (x.ndim if hasattr(x, "ndim") else np.ndim(x)) + new
    if type(axis) is int and -rank <= axis < rank:  # at every backward pass of a matrix product
        return (axis % rank,)
    try:
        axes: tuple[int, ...] = normalize_axis_tuple(axis, rank)
    except (AxisError, OverflowError):
        whose = "the result's" if new else "its"
        allowed = f"{whose} axes are {-rank}…{rank - 1}" if rank else "it has no axes"
        raise ShapeError(f"{called}: axis {axis} is out of range for {describe(x)}; {allowed}") from None
    except ValueError:
        raise ShapeError(f"{called}: axis {axis} of {describe(x)} names an axis twice") from None
    except TypeError:
        raise DTypeError(f"{called}: axis {axis!r} of {describe(x)} is no whole number, nor a tuple of them") from None
    return axes


def pair(called: str, axes: Any) -> tuple[Any, Any]:
    """What is given for two axes or two operands; `ShapeError` for what is no pair.

    >>> pair("rot90", [0, 1])
    (0, 1)
    """
    if not isinstance(axes, (tuple, list)) or len(axes) != 2:
        raise ShapeError(f"{called}: axes={quoted(axes)} is no pair; give two, such as (0, 1)")
    return axes[0], axes[1]
