"""Text tables: numbers separated by commas, semicolons, tabs or blanks, as spreadsheets and programs write them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .unusable import UnusableError

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", " ": "blanks"}
_SEEN = 50
"""Lines by which one tells how a file is written."""
_DECIMAL_COMMA = re.compile(r"\s*[-+]?\d+,\d+([eE][-+]?\d+)?\s*")
_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})
_TRUTH = {"true": 1.0, "false": 0.0}


class Table(NamedTuple):
    """The cells of a file.

    Attributes:
        names: of the columns, where the file has a line of them.
        rows: the cells of each row.
        lines: in which line of the file each row ends.
        decimal_comma: whether a comma is the decimal point of its numbers.
        notes: how it was read, where that is not plain.
    """

    names: list[str] | None
    rows: list[list[str]]
    lines: list[int]
    decimal_comma: bool
    notes: list[str]


def read_table(path: Path, header: bool | None = None) -> Table:
    """The cells of a text file.

    Lines that begin with # are comments. Columns are separated by what separates the first lines into the same number
    of cells, and of several such by what gives more of them.

    Args:
        path: a file in UTF-8.
        header: whether the first line has names; None: it has, if none of its cells is a number.

    Raises:
        UnusableError: for what is not UTF-8, rows of different lengths, and a file without numbers.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = _Lines(file)
            separator = _separator(lines.ahead(), path.suffix.lower())
            cells = list(_cells(path, lines, separator))
    except UnicodeDecodeError as error:
        raise UnusableError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    notes = [] if separator == "," else [f"separated by {_SEPARATORS[separator]}"]
    names = None
    if cells and (header or (header is None and not any(map(_is_number, cells[0][1])))):
        names = [cell.strip() for cell in cells.pop(0)[1]]
    width = len(cells[0][1]) if cells else 0
    if names and cells and len(names) == width - 1:  # as R and pandas write an index: without a name
        names = ["", *names]
    for line, row in cells:
        if len(row) != len(names or cells[0][1]):
            raise UnusableError(
                f"{path}, row {line}: {len(row)} columns, where others have {len(names or cells[0][1])}"
            )
    rows = [row for _, row in cells]
    if width > 1 and (not names or not names[-1]) and not any(row[-1].strip() for row in rows):
        rows, names = [row[:-1] for row in rows], names and names[:-1]  # each line ends with a separator
    comma = separator != "," and _has_decimal_commas(rows)
    if not rows:
        raise UnusableError(f"{path} has no rows of numbers")
    return Table(names, rows, [line for line, _ in cells], comma, [*notes, *(["decimal commas"] if comma else [])])


def as_numbers(path: Path, table: Table, chosen: Sequence[int]) -> np.ndarray[Any, Any]:
    """The numbers of some columns; NaN for a cell that is missing.

    Raises:
        UnusableError: for a cell that is neither, with its place.
    """
    made = np.empty((len(table.rows), len(chosen)))
    for k, column in enumerate(chosen):
        cells = [row[column] for row in table.rows]
        try:
            made[:, k] = np.array(cells).astype(float) if not table.decimal_comma else [_number(c, True) for c in cells]
            plain = not any("_" in cell for cell in cells)
        except ValueError:
            plain = False
        if not plain:
            for i, cell in enumerate(cells):
                made[i, k] = _checked(path, table, i, column, cell)
    return made


def called(column: int, names: Sequence[str] | None) -> str:
    """A column by its number, and its name if it has one."""
    return f"{column + 1} ({names[column]!r})" if names else str(column + 1)


def _checked(path: Path, table: Table, i: int, column: int, cell: str) -> float:
    try:
        return _number(cell, table.decimal_comma)
    except ValueError:
        place = f"{path}, row {table.lines[i]}, column {called(column, table.names)}"
        raise UnusableError(f"{place}: {cell.strip()!r} is not a number") from None


def _number(cell: str, comma: bool) -> float:
    text = cell.strip()
    if text.lower() in _MISSING:
        return np.nan
    if text.lower() in _TRUTH:
        return _TRUTH[text.lower()]
    if "_" in text:  # Python's notation, not a data file's
        raise ValueError(text)
    return float(text.replace(",", ".") if comma else text)


def _is_number(cell: str) -> bool:
    try:
        return not np.isnan(_number(cell, False)) or cell.strip().lower() == "nan"
    except ValueError:
        return bool(_DECIMAL_COMMA.fullmatch(cell))


class _Lines:
    """The lines of a file that are neither blank nor comments, of which the first can be looked at before."""

    def __init__(self, file: Any) -> None:
        self._file, self._read = file, list[str]()

    def ahead(self) -> list[str]:
        for line in self._file:
            self._read.append(line)
            if sum(map(_counts, self._read)) == _SEEN:
                break
        return [line for line in self._read if _counts(line)]

    def __iter__(self) -> Iterator[str]:
        yield from (line if _counts(line) else "\n" for line in self._read)
        yield from (line if not line.lstrip().startswith("#") else "\n" for line in self._file)


def _counts(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _separator(lines: Sequence[str], suffix: str) -> str:
    """What separates columns: by the suffix, or by what makes the lines alike."""
    if suffix == ".tsv":
        return "\t"
    best, most = ",", 1
    for separator in _SEPARATORS if suffix == ".txt" else [*_SEPARATORS][:-1]:
        widths = {len(row) for row in _split(lines, separator) if row}
        # A header may leave out the name of the first column.
        alike = len(widths) == 1 or (len(widths) == 2 and max(widths) - min(widths) == 1)
        if alike and min(widths) > most:
            best, most = separator, min(widths)
    return best


def _split(lines: Any, separator: str) -> Iterator[list[str]]:
    if separator == " ":
        yield from (line.split() for line in lines)
    else:
        yield from csv.reader(lines, delimiter=separator, skipinitialspace=separator != "\t")


def _cells(path: Path, lines: _Lines, separator: str) -> Iterator[tuple[int, list[str]]]:
    if separator == " ":
        yield from ((k, line.split()) for k, line in enumerate(lines, 1) if line.strip())
        return
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=separator != "\t")
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield reader.line_num, row
    except csv.Error as error:
        raise UnusableError(f"{path}, row {reader.line_num}: {error}") from None


def _has_decimal_commas(rows: Sequence[Sequence[str]]) -> bool:
    cells = [cell for row in rows[:_SEEN] for cell in row]
    return any(map(_DECIMAL_COMMA.fullmatch, cells)) and not any("." in cell for cell in cells)
