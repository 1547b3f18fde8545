"""Text tables: numbers separated by commas, semicolons, tabs or blanks, as spreadsheets and programs write them."""

from __future__ import annotations

import codecs
import csv
import os
from array import array
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np

from ..notation.printable import counted, shorten
from .cells import advice, has_decimal_commas, is_number, number
from .unusable import UnusableError

MOST = 1 << 31
"""The most bytes that the numbers of a file may take."""
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars", " ": "blanks"}
_SEEN, _AT_ONCE, _LONGEST = 50, 4096, 1 << 24
"""Lines that tell how a file is written; rows made numbers at once; characters of the longest line."""

Row = tuple[int, list[str]]
"""The line of the file in which a row ends, and its cells."""


class Table(NamedTuple):
    """The numbers of a file.

    Attributes:
        values: of the chosen columns; NaN where one is missing.
        names: of all columns, where the file has a line of them.
        chosen: which columns these are.
        lines: in which line of the file each row ends.
        notes: how it was read, where that is not plain.
    """

    values: np.ndarray[Any, Any]
    names: list[str] | None
    chosen: Sequence[int]
    lines: np.ndarray[Any, Any]
    notes: list[str]


def read_table(path: Path, header: bool | None, choose: Callable[[Sequence[str] | None, int], Sequence[int]]) -> Table:
    """The numbers of a text file, read row by row.

    Lines that begin with # are comments. Columns are separated by what separates the first lines into the same number
    of cells; of several such by what leaves nothing but numbers, and then by what gives more cells.

    Args:
        path: a file in UTF-8.
        header: whether the first line has names; None: it has, if none of its cells is a number.
        choose: which columns are read, from the names of all, if they have any, and their number.

    Raises:
        UnusableError: for what is not UTF-8, rows of different lengths, cells that are no numbers, a file that changes
            while it is read, and one without numbers.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _read(path, file, header, choose)
    except UnicodeDecodeError:
        with path.open("rb") as file:
            encoding = "UTF-16" if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "latin1"
        raise UnusableError(
            f"{path} is not UTF-8 text; save it as UTF-8, which Excel calls CSV UTF-8, "
            f"or convert it: iconv -f {encoding} -t UTF-8"
        ) from None
    except csv.Error as error:
        raise UnusableError(f"{path} is not a table: {error}") from None


def _read(
    path: Path, file: TextIO, header: bool | None, choose: Callable[[Sequence[str] | None, int], Sequence[int]]
) -> Table:
    before = os.fstat(file.fileno())
    lines = _Lines(path, file)
    separator = _separator(lines.ahead(), path.suffix.lower())
    cells = _cells(lines, separator)
    first = list(islice(cells, _SEEN))
    notes = [] if separator == "," else [f"separated by {_SEPARATORS[separator]}"]
    names = None
    if first and (header or (header is None and not any(map(is_number, first[0][1])))):
        names = [cell.strip() for cell in first.pop(0)[1]]
    if not first:
        raise UnusableError(f"{path} has no rows of numbers")
    width = len(first[0][1])
    if names and len(names) == width - 1:  # as R and pandas write an index: without a name
        names = ["", *names]
    width = len(names or first[0][1])
    ends = width > 1 and not (names and names[-1]) and not any(row[-1].strip() for _, row in first if row)
    if ends:  # each line ends with a separator
        width, names = width - 1, names and names[:-1]
    comma = separator != "," and has_decimal_commas([row for _, row in first])
    notes += ["decimal commas"] if comma else []
    chosen = choose(names, width)
    parts, ended = list[np.ndarray[Any, Any]](), array("q")
    rows = chain(first, cells)
    while some := list(islice(rows, _AT_ONCE)):
        for line, row in some:
            if len(row) != width and not (ends and len(row) == width + 1 and not row[-1].strip()):
                raise UnusableError(f"{path}, row {line}: {_other_width(len(row), width, line)}")
        parts.append(_numbers(path, some, names, chosen, comma))
        ended.extend(line for line, _ in some)
        now = os.fstat(file.fileno())
        if (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            raise UnusableError(f"{path} changes while it is read; try again when it is complete")
        if len(ended) * len(chosen) * 8 > MOST:
            raise UnusableError(f"{path} has more than {MOST >> 30} GiB of numbers; take a part of its rows")
    values = np.concatenate(parts)
    if _counts_rows(values, chosen):
        notes.append("its first column only counts the rows")
    return Table(values, names, chosen, np.frombuffer(ended, np.int64), notes)


def _other_width(found: int, width: int, line: int) -> str:
    way = "; if the lines above are no rows, begin them with #" if found > width and line <= _SEEN else ""
    return f"{counted(found, 'column')}, where others have {width}{way}"


def _counts_rows(values: np.ndarray[Any, Any], chosen: Sequence[int]) -> bool:
    """Whether the first of several columns is 0, 1, 2, … or 1, 2, 3, …, as an index is."""
    if len(chosen) < 2 or chosen[0] or len(values) < 3 or values[0, 0] not in (0, 1):
        return False
    return bool((values[:, 0] == values[0, 0] + np.arange(len(values))).all())


def _numbers(
    path: Path, rows: Sequence[Row], names: Sequence[str] | None, chosen: Sequence[int], comma: bool
) -> np.ndarray[Any, Any]:
    """The numbers of some rows; NaN for a cell that is missing.

    Raises:
        UnusableError: for a cell that is neither, with its place.
    """
    made = np.empty((len(rows), len(chosen)))
    for k, column in enumerate(chosen):
        cells = [row[column] for _, row in rows]
        try:
            made[:, k] = [number(cell, True) for cell in cells] if comma else np.array(cells).astype(float)
            plain = not any("_" in cell for cell in cells)
        except ValueError:
            plain = False
        if not plain:
            for i, cell in enumerate(cells):
                try:
                    made[i, k] = number(cell, comma)
                except ValueError:
                    place = f"{path}, row {rows[i][0]}, column {called(column, names)}"
                    said = shorten(repr(cell.strip()), 60)
                    way = advice(column, cell, [row for _, row in rows[:_SEEN]], names)
                    raise UnusableError(f"{place}: {said} is not a number{way}") from None
    return made


def called(column: int, names: Sequence[str] | None) -> str:
    """A column by its number, and its name if it has one."""
    return f"{column + 1} ({names[column]!r})" if names else str(column + 1)


class _Lines:
    """The lines of a file that are neither blank nor comments, of which the first can be looked at before."""

    def __init__(self, path: Path, file: TextIO) -> None:
        self._path, self._file, self._read = path, file, list[str]()

    def ahead(self) -> list[str]:
        size = 0
        for line in self._lines():
            self._read.append(line)
            size += len(line)
            if size > _LONGEST or sum(map(_counts, self._read)) == _SEEN:
                break
        return [line for line in self._read if _counts(line)]

    def __iter__(self) -> Iterator[str]:
        return (line if _counts(line) else "\n" for line in chain(self._read, self._lines()))

    def _lines(self) -> Iterator[str]:
        while line := self._file.readline(_LONGEST):
            if len(line) == _LONGEST:
                raise UnusableError(f"{self._path} has a line of more than {_LONGEST:,} characters, which is no row")
            yield line


def _counts(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _separator(lines: Sequence[str], suffix: str) -> str:
    """What separates columns: by the suffix, or by what makes the lines alike."""
    if suffix == ".tsv":
        return "\t"
    found = {}
    for separator in _SEPARATORS:
        try:
            rows = [row for row in _split(lines, separator) if row]
        except csv.Error:  # of many columns, between which another separator stands, one cell is too long
            continue
        widths = {len(row) for row in rows}
        # A header may leave out the name of the first column.
        alike = len(widths) == 1 or (len(widths) == 2 and max(widths) - min(widths) == 1)
        if alike and min(widths) > 1:
            cells = [cell for row in rows[len(rows) > 1 :] for cell in row]
            plain = all(is_number(cell) or not cell.strip() for cell in cells)
            if plain or separator != " " or suffix == ".txt":  # else they are blanks within cells
                found[separator] = plain, min(widths)
    return max(found, key=lambda separator: found[separator], default=",")


def _split(lines: Any, separator: str) -> Iterator[list[str]]:
    if separator == " ":
        yield from (line.split() for line in lines)
    else:
        yield from csv.reader(lines, delimiter=separator, skipinitialspace=separator != "\t")


def _cells(lines: _Lines, separator: str) -> Iterator[Row]:
    if separator == " ":
        yield from ((k, line.split()) for k, line in enumerate(lines, 1) if line.strip())
        return
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=separator != "\t")
    try:
        yield from ((reader.line_num, row) for row in reader if any(cell.strip() for cell in row))
    except csv.Error as error:
        raise csv.Error(f"row {reader.line_num}: {error}") from None
