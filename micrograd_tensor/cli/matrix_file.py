"""Matrix files: samples by features, from a text table or a file of NumPy's or of Arrow's."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np

from .text_matrix import as_numbers, called, read_table
from .unusable import UnusableError

SUFFIXES = (".csv", ".tsv", ".txt", ".npy", ".npz", ".parquet")
_KNOWN = f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"


class Matrix(NamedTuple):
    """What was read.

    Attributes:
        values: ``(N, D)``.
        names: of the columns, where the file has them.
        notes: how it was read, where that is not plain, as ends of a sentence.
    """

    values: Any
    names: list[str] | None
    notes: list[str]


def read_matrix(
    path: Path,
    dtype: str = "float64",
    *,
    header: bool | None = None,
    columns: str = "",
    drop_missing: bool = False,
) -> Matrix:
    """The numbers of a file as an ``(N, D)`` array.

    A first column without a name is what pandas writes as an index, and is left out.

    Args:
        path: a text table in UTF-8 (``.csv``, ``.tsv``, ``.txt``), an array (``.npy``, or the only one of an ``.npz``),
            or a ``.parquet`` file where pyarrow is installed.
        dtype: the dtype of the result.
        header: whether a text table begins with a line of names; None: if none of its cells is a number.
        columns: which columns, by names or by numbers from 1 and ranges of them, such as ``"height,weight"`` or
            ``"1,3-5"``; by default all.
        drop_missing: leave out rows in which a number is missing.

    Raises:
        UnusableError: for a file that cannot be read, an unknown suffix or column, fewer than two rows, and, with row
            and column, for anything that is not a finite number and for rows of different lengths.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UnusableError(f"{path}: the suffix {path.suffix!r} is unknown; give a {_KNOWN} file")
    if path.is_dir():
        raise UnusableError(f"{path} is a directory; give a {_KNOWN} file")
    if path.exists() and not path.is_file():
        raise UnusableError(f"{path} is not a file of its own; give a {_KNOWN} file")
    try:
        if suffix in (".csv", ".tsv", ".txt"):
            table = read_table(path, header)
            names, lines, notes, width = table.names, table.lines, table.notes, len(table.rows[0])
            chosen = _chosen(path, columns, names, width)
            values = as_numbers(path, table, chosen)
        else:
            whole, names = _read_npy(path) if suffix != ".parquet" else _read_parquet(path)
            chosen, notes = _chosen(path, columns, names, whole.shape[1]), []
            values, lines = whole[:, chosen], list(range(1, len(whole) + 1))
    except OSError as error:
        raise UnusableError(f"{path} cannot be read: {error.strerror or error}") from None
    if not columns and names and len(chosen) < len(names):
        notes = [*notes, "without the first column, which has no name"]
    if values.shape[1] == 0:
        raise UnusableError(f"{path} has no columns")
    kept = np.ones(len(values), bool)
    if drop_missing:
        kept = ~np.isnan(values.astype(float)).any(axis=1)
        notes = [*notes, f"without {int((~kept).sum())} rows in which a number is missing"] if not kept.all() else notes
    with np.errstate(over="ignore"):
        cast = values[kept].astype(dtype)
    if not np.isfinite(cast).all():
        row, k = (int(i) for i in np.argwhere(~np.isfinite(cast))[0])
        found = values[kept][row, k]
        place = f"{path}, row {np.array(lines)[kept][row]}, column {called(chosen[k], names)}"
        if np.isnan(found):
            raise UnusableError(f"{place}: a number is missing (NaN); --drop-missing leaves such rows out")
        raise UnusableError(f"{place}: {found} is not a finite {dtype} number")
    if len(cast) < 2:
        raise UnusableError(
            f"{path} has {'one row' if len(cast) else 'no row'} only; a batch to normalize needs two or more"
        )
    return Matrix(cast, [names[k] for k in chosen] if names else None, notes)


def _chosen(path: Path, columns: str, names: Sequence[str] | None, width: int) -> list[int]:
    """The columns that are asked for, by their places."""
    if not columns:
        unnamed = bool(names) and width > 1 and names is not None and not names[0] and all(names[1:])
        return list(range(int(unnamed), width))
    found: list[int] = []
    for text in columns.split(","):
        word = text.strip()
        first, dash, last = word.partition("-")
        if names and word in names:
            found.append(names.index(word))
        elif word.isdecimal() and 1 <= int(word) <= width:
            found.append(int(word) - 1)
        elif dash and first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last) <= width:
            found += range(int(first) - 1, int(last))
        else:
            there = f"{', '.join(names)}, or 1 to {width}" if names else f"1 to {width}"
            raise UnusableError(f"{path}: --columns: there is no column {word!r}; there are {there}")
    return found


def _read_npy(path: Path) -> tuple[Any, list[str] | None]:
    try:
        with path.open("rb") as file:  # NumPy leaves some broken files open
            values = np.load(file, allow_pickle=False)
            if isinstance(values, np.lib.npyio.NpzFile):
                if len(values.files) != 1:
                    raise UnusableError(f"{path} holds {len(values.files)} arrays; give a file with one")
                values = values[values.files[0]]
    except (ValueError, EOFError, OverflowError, MemoryError, BadZipFile) as error:
        why = (str(error) or type(error).__name__).splitlines()[0]
        raise UnusableError(f"{path} is not a NumPy file of numbers: {why}") from None
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "iufb":
        raise UnusableError(f"{path} holds {getattr(values, 'dtype', type(values).__name__)}, not real numbers")
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2:
        raise UnusableError(f"{path} has shape {values.shape}; rows of features, (N, D), are needed")
    if not len(values):
        raise UnusableError(f"{path} has no rows of numbers")
    return values, None


def _read_parquet(path: Path) -> tuple[Any, list[str] | None]:
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise UnusableError(f"{path}: to read .parquet, install pyarrow; or save it as .csv or .npy") from None
    try:
        table = parquet.read_table(path)
        values = np.column_stack([column.to_numpy().astype(float) for column in table.columns])
    except (ValueError, TypeError) as error:
        raise UnusableError(f"{path} is not a table of numbers: {str(error).splitlines()[0]}") from None
    if not len(values):
        raise UnusableError(f"{path} has no rows of numbers")
    return values, list(table.column_names)
