"""Arrays: what the player shows of an array, as JSON can hold it; every element is exact or absent.

JSON knows neither NaN nor long numbers, so those are strings; a complex number is a pair.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...notation import quantity
from ..heat import MAX_COLUMNS, MAX_ROWS, largest_of, magnitudes

MAX_WHOLE = 64
"""Arrays of at most this many elements are always shown completely."""

MAX_BYTES = 512_000
"""The maximum size of the elements of all larger arrays together; beyond it, less of each is shown."""

_BYTES = {"f2": 12, "f4": 16, "f8": 25, "c8": 35, "c16": 53, "b1": 6}
"""The maximum size of an element as JSON, by dtype."""


class Part(NamedTuple):
    """How much of an array is shown: rows and columns of a matrix, and the number of matrices if it has more axes."""

    rows: int
    columns: int
    matrices: int

    def of(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The part of a stack of matrices that is shown."""
        return min(shape[0], self.matrices), min(shape[1], self.rows), min(shape[2], self.columns)


PARTS = (Part(MAX_ROWS, MAX_COLUMNS, 16), Part(MAX_ROWS, MAX_COLUMNS, 1), Part(6, 6, 1), Part(3, 4, 1), Part(0, 0, 0))
"""From everything that fits on a page down to summaries alone."""

WHOLE = Part(MAX_WHOLE, MAX_WHOLE, MAX_WHOLE)


def parts(shapes: Sequence[tuple[tuple[int, ...], Any]]) -> list[Part]:
    """How much of each array is shown, given their shapes and dtypes, so that all of them fit on the page.

    Larger arrays get what small ones leave of their share.

    >>> [part.rows for part in parts([((8, 8), np.dtype(float)), ((90, 90), np.dtype(float))])]
    [64, 12]
    """
    chosen = [WHOLE] * len(shapes)
    large = {k: _stacked(shape) for k, (shape, _) in enumerate(shapes) if math.prod(shape) > MAX_WHOLE}
    room = MAX_BYTES

    def takes(k: int, part: Part) -> int:
        return math.prod(part.of(large[k])) * _BYTES.get(shapes[k][1].str[1:], 42)

    for done, k in enumerate(sorted(large, key=lambda k: takes(k, PARTS[0]))):
        share = room / (len(large) - done)
        chosen[k] = next(part for part in PARTS if takes(k, part) <= share)
        room -= takes(k, chosen[k])
    return chosen


def _stacked(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape as a stack of matrices; beyond two axes, those of length 1 are left out."""
    axes = [n for n in shape if n != 1] if len(shape) > 2 else list(shape)
    rows, columns = [1, 1, *axes][-2:]
    return math.prod(axes[:-2]), rows, columns


def encoded(value: Any, shape: tuple[int, ...], dtype: Any, part: Part | None = None) -> dict[str, Any]:
    """An array for the player.

    Args:
        value: the array, or None where it was not kept.
        shape: its shape.
        dtype: its dtype.
        part: how much of it is shown.

    Returns:
        A dict of ``shape`` and ``dtype``; the ``rows`` and ``columns`` that are shown, and the elements of these in
        each of the ``matrices``; ``whole``, whether these are all of them; ``largest``, the magnitude that colours are
        measured by; and a ``note``.

    >>> encoded(np.array([1.5, np.nan]), (2,), "float64")["matrices"]
    [[1.5, 'nan']]
    >>> encoded(np.ones((30, 2)), (30, 2), "float64", PARTS[0])["note"]
    'min 1.00 · mean 1.00 · max 1.00'
    """
    made: dict[str, Any] = {"shape": list(shape), "dtype": str(dtype), "rows": 0, "columns": 0, "matrices": []}
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biufc":
        return {**made, "whole": False, "largest": 0, "note": "values not known"}
    if not value.size:
        return {**made, "whole": True, "largest": 0, "note": "empty"}
    stacked = value.reshape(_stacked(value.shape))
    part = part or (WHOLE if value.size <= MAX_WHOLE else PARTS[0])
    matrices, rows, columns = part.of(stacked.shape)
    shown = stacked[:matrices, :rows, :columns]
    whole = shown.size == value.size
    made["rows"], made["columns"] = rows, columns
    made["matrices"] = [elements(matrix.ravel()) for matrix in shown]
    largest = largest_of(value)
    return {**made, "whole": whole, "largest": largest if math.isfinite(largest) else 0, "note": _note(value, whole)}


def elements(values: np.ndarray[Any, Any]) -> list[Any]:
    """The elements of a vector, exactly.

    >>> elements(np.array([0.1, 2.5], "float32")), elements(np.array([1.0, np.inf]))
    ([0.1, 2.5], [1.0, 'inf'])
    """
    kind = values.dtype.str[1:]
    plain = kind == "b1" or (kind[0] in "iu" and bool((np.abs(values.astype(float)) <= 2**52).all()))
    if plain or (kind == "f8" and np.isfinite(values).all()):
        return list(values.tolist())
    if kind in ("f2", "f4") and np.isfinite(values).all():
        return list(values.astype("U").astype(float).tolist())  # the digits that identify it in its own dtype
    return [element(v) for v in values]


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
    short = float(str(value))  # the digits that identify it in its own dtype
    return short if type(value)(str(short)) == value else str(value)


def _note(value: np.ndarray[Any, Any], whole: bool) -> str:
    """A note on an array, in addition to the elements shown."""
    notes = []
    if value.dtype.kind == "b":
        notes = [] if whole else [f"{int(value.sum())} of {value.size} true"]
    else:
        wide = magnitudes(value) if value.dtype.kind == "c" else value.astype(np.result_type(value, np.float64))
        there = wide[np.isfinite(wide)]
        if not whole and there.size:
            with np.errstate(over="ignore"):  # the sum of large numbers may overflow where their mean does not
                mean = there.mean()
            mean = mean if np.isfinite(mean) else (there / there.size).sum()
            said = (("min", there.min()), ("mean", mean), ("max", there.max()))
            notes = [f"{name} {quantity(v)}" for name, v in said]
            notes[0] = f"|·| {notes[0]}" if value.dtype.kind == "c" else notes[0]
        counts = (("NaN", int(np.isnan(wide).sum())), ("infinite", int(np.isinf(wide).sum())))
        notes += [f"{count} {what}" for what, count in counts if count]
    return " · ".join(notes)
