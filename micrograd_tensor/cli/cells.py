"""Cells of a text table: the number that one holds, and what to do about one that holds none."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

_DECIMAL_COMMA = re.compile(r"\s*[-+]?\d+,\d+([eE][-+]?\d+)?\s*")
_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})
_TRUTH = {"true": 1.0, "false": 0.0}
_DECORATION = re.compile(r"[$€£¥%'\s]")
_POINTS_FOR_THOUSANDS = re.compile(r"\s*[-+]?\d{1,3}(\.\d{3})+,\d+\s*")
_OTHERWISE = (
    (re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?"), ",", ""),
    (_POINTS_FOR_THOUSANDS, ".", ""),
    (re.compile(r"[-+]?\d+(_\d+)+"), "_", ""),
    (_DECIMAL_COMMA, ",", "."),
)
"""Other ways to write a number: what it looks like, and which sign becomes what."""
_PLAIN_NAME = re.compile(r"[^\W\d][\w.]*")
_MOST_NAMED = 6
"""Up to how many columns are named; more are counted."""


def number(cell: str, comma: bool = False) -> float:
    """The number that a cell holds; NaN where one is missing.

    Args:
        cell: a text.
        comma: whether numbers have decimal commas.

    Raises:
        ValueError: for a cell that is neither.

    >>> number(" 1.5"), number("1,5", comma=True), number("N/A"), number("True")
    (1.5, 1.5, nan, 1.0)
    """
    text = cell.strip()
    if text.lower() in _MISSING:
        return np.nan
    if text.lower() in _TRUTH:
        return _TRUTH[text.lower()]
    if "_" in text:  # Python's notation, not a data file's
        raise ValueError(text)
    return float(text.replace(",", ".") if comma else text)


def is_number(cell: str) -> bool:
    """Whether a cell holds a number, with a decimal point or comma; a missing one is none, unless it says NaN."""
    try:
        return not np.isnan(number(cell)) or cell.strip().lower() == "nan"
    except ValueError:
        return bool(_DECIMAL_COMMA.fullmatch(cell))


def has_decimal_commas(rows: Sequence[Sequence[str]]) -> bool:
    """Whether numbers have decimal commas: some do, and none has a decimal point."""
    cells = [cell for row in rows for cell in row if not _POINTS_FOR_THOUSANDS.fullmatch(cell)]
    return any(map(_DECIMAL_COMMA.fullmatch, cells)) and not any("." in cell for cell in cells)


def advice(column: int, cell: str, rows: Sequence[Sequence[str]], names: Sequence[str] | None) -> str:
    """What to do about a cell that is no number, as the end of an error; "" where nobody knows.

    Args:
        column: where it stands, from 0.
        cell: what it holds.
        rows: some rows of the table.
        names: of the columns, if they have any.

    >>> advice(0, "1,234.5", [["1,234.5", "2"]], None)
    '; write 1234.5'
    >>> advice(1, "cat", [["1", "cat", "2"], ["3", "dog", "4"]], ["a", "kind", "b"])
    '; --columns a,b leaves this column out'
    >>> advice(0, "-", [["1"], ["-"]], None)
    '; where a number is missing, leave the cell empty'
    """
    if plain := _plain(cell):
        return f"; write {plain}"
    if any(is_number(row[column]) for row in rows):
        return "; where a number is missing, leave the cell empty"
    width = len(names) if names else min(map(len, rows))
    columns = {k: [row[k] for row in rows if row[k].strip()] for k in range(width) if not names or names[k]}
    numbers = [k for k, cells in columns.items() if cells and all(map(is_number, cells))]
    return f"; --columns {_asked(numbers, names)} leaves this column out" if numbers else ""


def _plain(cell: str) -> str:
    """A number without what decorates it; "" where there is none in the cell."""
    text = _DECORATION.sub("", cell)
    for written, sign, instead in _OTHERWISE:
        if written.fullmatch(text):
            text = text.replace(sign, instead)
            break
    return text if text != cell.strip() and is_number(text) else ""


def _asked(columns: Sequence[int], names: Sequence[str] | None) -> str:
    """Columns as ``--columns`` takes them: by names that a shell leaves alone, or by numbers and ranges of them."""
    chosen = [names[k] for k in columns] if names else []
    if 0 < len(set(chosen)) == len(chosen) <= _MOST_NAMED and all(map(_PLAIN_NAME.fullmatch, chosen)):
        return ",".join(chosen)
    runs: list[list[int]] = []
    for k in columns:
        if runs and k == runs[-1][-1] + 1:
            runs[-1].append(k)
        else:
            runs.append([k])
    return ",".join(f"{run[0] + 1}-{run[-1] + 1}" if len(run) > 1 else f"{run[0] + 1}" for run in runs)
