"""Matrix files: samples by features, from a CSV or NPY file."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from .unusable import UnusableError


def read_matrix(path: Path, dtype: str = "float64") -> tuple[Any, list[str] | None]:
    """The numbers of a file as an ``(N, D)`` array, and the names of its columns if it has a header.

    Args:
        path: a ``.csv`` file, comma-separated, UTF-8, with or without a line of column names; or a 2-D ``.npy`` file.
        dtype: the dtype of the result.

    Raises:
        UnusableError: for a file that cannot be read, an unknown suffix, fewer than two rows, and, with row and column,
            for anything that is not a finite number and for rows of different lengths.
    """
    readers = {".csv": _read_csv, ".npy": _read_npy}
    if path.suffix.lower() not in readers:
        raise UnusableError(f"{path}: the suffix {path.suffix!r} is unknown; give a .csv or .npy file")
    if path.is_dir():
        raise UnusableError(f"{path} is a directory; give a .csv or .npy file")
    try:
        values, names, lines = readers[path.suffix.lower()](path)
    except OSError as error:
        raise UnusableError(f"{path} cannot be read: {error.strerror or error}") from None
    if values.shape[1] == 0:
        raise UnusableError(f"{path} has no columns")
    with np.errstate(over="ignore"):
        cast = values.astype(dtype)
    if not np.isfinite(cast).all():
        row, column = (int(i) for i in np.argwhere(~np.isfinite(cast))[0])
        raise UnusableError(
            f"{path}, row {lines[row]}, column {_column(column, names)}: "
            f"{values[row, column]} is not a finite {dtype} number"
        )
    if len(cast) < 2:
        raise UnusableError(f"{path} has one row only; a batch to normalize needs two or more")
    return cast, names


def _column(index: int, names: list[str] | None) -> str:
    return f"{index + 1} ({names[index]!r})" if names else str(index + 1)


def _read_csv(path: Path) -> tuple[Any, list[str] | None, list[int]]:
    names: list[str] | None = None
    rows: list[list[float]] = []
    lines: list[int] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, skipinitialspace=True)
            for cells in reader:
                if not any(cell.strip() for cell in cells):
                    continue
                if not rows and names is None and not any(map(_is_number, cells)):
                    names = [cell.strip() for cell in cells]
                    continue
                width = len(rows[0]) if rows else len(names or cells)
                if len(cells) != width:
                    raise UnusableError(
                        f"{path}, row {reader.line_num}: {len(cells)} columns, where others have {width}"
                    )
                for index, cell in enumerate(cells):
                    if not _is_number(cell):
                        place = f"row {reader.line_num}, column {_column(index, names)}"
                        raise UnusableError(f"{path}, {place}: {cell.strip()!r} is not a number")
                rows.append([float(cell) for cell in cells])
                lines.append(reader.line_num)
    except UnicodeDecodeError as error:
        raise UnusableError(f"{path} is not UTF-8 text (byte {error.start}); a CSV file is") from None
    except csv.Error as error:
        raise UnusableError(f"{path}, row {reader.line_num}: {error}") from None
    if not rows:
        raise UnusableError(f"{path} has no rows of numbers")
    return np.array(rows), names, lines


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # Python's notation, not a data file's


def _read_npy(path: Path) -> tuple[Any, list[str] | None, list[int]]:
    try:
        with path.open("rb") as file:  # NumPy leaves some broken files open
            values = np.load(file, allow_pickle=False)
    except (ValueError, EOFError, OverflowError, MemoryError, BadZipFile) as error:
        why = (str(error) or type(error).__name__).splitlines()[0]
        raise UnusableError(f"{path} is not a NumPy file of numbers: {why}") from None
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "iufb":
        raise UnusableError(f"{path} holds {getattr(values, 'dtype', type(values).__name__)}, not real numbers")
    if values.ndim != 2:
        raise UnusableError(f"{path} has shape {values.shape}; rows of features, (N, D), are needed")
    if not len(values):
        raise UnusableError(f"{path} has no rows of numbers")
    return values, None, list(range(1, len(values) + 1))
