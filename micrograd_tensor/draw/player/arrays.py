"""Arrays: what the player shows of an array, as JSON can hold it, with every element exact or not there at all.

JSON knows neither NaN nor long numbers, so those are strings; a complex number is a pair.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ...notation import quantity
from ..heat import COLUMNS, ROWS


class Part(NamedTuple):
    """How much of an array is shown: rows and columns of a matrix, and how many matrices of more axes."""

    rows: int
    columns: int
    matrices: int


PARTS = (Part(ROWS, COLUMNS, 16), Part(ROWS, COLUMNS, 1), Part(6, 6, 1), Part(3, 4, 1), Part(0, 0, 0))
"""From all that there is room for on a page to summaries alone."""


def encoded(value: Any, shape: tuple[int, ...], dtype: Any, part: Part = PARTS[0]) -> dict[str, Any]:
    """An array for the player.

    Args:
        value: the array, or None where it was not kept.
        shape: of the array.
        dtype: of the array.
        part: how much of it is shown.

    Returns:
        A dict of ``shape`` and ``dtype``; the ``rows`` and ``columns`` that are shown, and the elements of these in
        each of the ``matrices``; ``whole``, whether these are all of them; ``largest``, the magnitude that colours are
        measured by; and a ``note``.

    >>> encoded(np.array([1.5, np.nan]), (2,), "float64")["matrices"]
    [[1.5, 'nan']]
    >>> encoded(np.ones((30, 2)), (30, 2), "float64")["note"]
    'min 1.00 · mean 1.00 · max 1.00'
    """
    made: dict[str, Any] = {"shape": list(shape), "dtype": str(dtype), "rows": 0, "columns": 0, "matrices": []}
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biufc":
        return {**made, "whole": False, "largest": 0, "note": "values not known"}
    if not value.size:
        return {**made, "whole": True, "largest": 0, "note": "empty"}
    stacked = value.reshape(-1, *np.atleast_2d(value).shape[-2:])
    shown = stacked[: part.matrices, : part.rows, : part.columns]
    whole = shown.size == value.size
    with np.errstate(all="ignore"):
        sizes = np.abs(value.astype(np.result_type(value, np.float64)))
    made["rows"], made["columns"] = shown.shape[1:]
    made["matrices"] = [[element(v) for v in matrix.flat] for matrix in shown]
    largest = float(np.max(sizes, where=np.isfinite(sizes), initial=0.0))
    return {**made, "whole": whole, "largest": largest if math.isfinite(largest) else 0, "note": _note(value, whole)}


def element(value: Any) -> Any:
    """One element of an array, exactly.

    >>> [element(v) for v in (np.float32(0.1), np.inf, 2**60, np.True_, 1 - 2j)]
    [0.1, 'inf', '1152921504606846976', True, [1.0, -2.0]]
    """
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, complex | np.complexfloating):
        return [element(value.real), element(value.imag)]
    if isinstance(value, int | np.integer):
        return int(value) if abs(int(value)) <= 2**53 else str(value)
    if not np.isfinite(value):
        return str(value)
    short = float(str(value))  # the digits that say it in its own dtype
    return short if type(value)(str(short)) == value else str(value)


def _note(value: np.ndarray[Any, Any], whole: bool) -> str:
    """What there is to say of an array beside the elements that are shown."""
    notes = []
    if value.dtype.kind == "b":
        notes = [] if whole else [f"{int(value.sum())} of {value.size} true"]
    else:
        real = np.abs(value) if value.dtype.kind == "c" else value
        wide = real.astype(np.result_type(real, np.float64))
        there = wide[np.isfinite(wide)]
        if not whole and there.size:
            with np.errstate(over="ignore"):  # the sum of large numbers may be infinite where their mean is not
                mean = there.mean()
            mean = mean if np.isfinite(mean) else (there / there.size).sum()
            said = (("min", there.min()), ("mean", mean), ("max", there.max()))
            notes = [f"{name} {quantity(v)}" for name, v in said]
            notes[0] = f"|·| {notes[0]}" if real is not value else notes[0]
        counts = (("NaN", int(np.isnan(wide).sum())), ("infinite", int(np.isinf(wide).sum())))
        notes += [f"{count} {what}" for what, count in counts if count]
    return " · ".join(notes)
