"""Matrix files: samples by features, from a text table or a file of NumPy's or of Arrow's."""

from __future__ import annotations

import importlib
import lzma
import os
import stat
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import prod
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from zipfile import BadZipFile, ZipFile

import numpy as np

from ..notation.printable import counted, shorten
from .text_matrix import MOST, called, read_table
from .unusable import UnusableError

SUFFIXES = (".csv", ".tsv", ".txt", ".npy", ".npz", ".parquet")
_KNOWN = f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"

_WHOLE: Mapping[str, int] = {"float64": 2**53, "float32": 2**24}
"""Up to where a dtype has all whole numbers."""


Choose: TypeAlias = Callable[[Sequence[str] | None, int], list[int]]
"""Which columns are read, from the names of all, if they have any, and their number."""


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
    columns: str | None = None,
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
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise UnusableError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if stat.S_ISDIR(mode):
        raise UnusableError(f"{path} is a directory; give a {_KNOWN} file")
    if not stat.S_ISREG(mode):  # a pipe that nobody writes to would wait, a device may never end
        raise UnusableError(f"{path} is not a file of its own; give a {_KNOWN} file")
    choose = partial(_chosen, path, columns)
    try:
        if suffix in (".csv", ".tsv", ".txt"):
            values, names, chosen, lines, notes = read_table(path, header, choose)
        else:
            values, names, chosen = _read_npy(path, choose) if suffix != ".parquet" else _read_parquet(path, choose)
            lines, notes = np.arange(1, len(values) + 1), []
    except OSError as error:
        raise UnusableError(f"{path} cannot be read: {error.strerror or error}") from None
    if columns is None and names and len(chosen) < len(names):
        notes = [*notes, "without the first column, which has no name"]
    if values.shape[1] == 0:
        raise UnusableError(f"{path} has no columns")
    if drop_missing and values.dtype.kind == "f" and (missing := np.isnan(values).any(axis=1)).any():
        values, lines = values[~missing], lines[~missing]
        notes = [*notes, f"without {counted(int(missing.sum()), 'row')} in which a number is missing"]
    with np.errstate(over="ignore"):
        cast = values.astype(dtype, copy=False)
    if values.dtype.kind in "iu" and values.size and max(int(values.max()), -int(values.min())) > _WHOLE[dtype]:
        notes = [*notes, f"whole numbers rounded to {dtype}"]
    if not np.isfinite(cast).all():
        row, k = (int(i) for i in np.argwhere(~np.isfinite(cast))[0])
        found = values[row, k]
        place = f"{path}, row {lines[row]}, column {called(chosen[k], names)}"
        if np.isnan(found):
            raise UnusableError(f"{place}: a number is missing (NaN); --drop-missing leaves such rows out")
        raise UnusableError(
            f"{place}: {found} is not a finite {dtype} number; leave the row out, or, in a text, the cell empty"
        )
    if len(cast) < 2:
        raise UnusableError(
            f"{path} has {'one row' if len(cast) else 'no row'} only; a batch to normalize needs two or more"
        )
    return Matrix(cast, [names[k] for k in chosen] if names else None, notes)


def _chosen(path: Path, columns: str | None, names: Sequence[str] | None, width: int) -> list[int]:
    """The columns that are asked for, by their places."""
    if columns is None:
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


def _read_npy(path: Path, choose: Choose) -> tuple[Any, None, list[int]]:
    try:
        with path.open("rb") as file:  # NumPy leaves some broken files open
            before, archive = os.fstat(file.fileno()), file.read(2) == b"PK"
            file.seek(0)
            values = _of_archive(path, file) if archive else _of_file(path, file, before.st_size)
            after = os.fstat(file.fileno())
            if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
                raise UnusableError(f"{path} changes while it is read; try again when it is complete")
    except (ValueError, EOFError, OverflowError, MemoryError, RuntimeError, SyntaxError, *_BROKEN) as error:
        why = shorten((str(error) or type(error).__name__).splitlines()[0], 200)
        raise UnusableError(f"{path} is not a NumPy file of numbers: {why}") from None
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "iufb":
        raise UnusableError(f"{path} holds {getattr(values, 'dtype', type(values).__name__)}, not real numbers")
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2:
        raise UnusableError(f"{path} has shape {values.shape}; rows of features, (N, D), are needed")
    if not len(values):
        raise UnusableError(f"{path} has no rows of numbers")
    chosen = choose(None, values.shape[1])
    return (values if chosen == list(range(values.shape[1])) else values[:, chosen]), None, chosen


def _of_file(path: Path, file: Any, there: int) -> Any:
    _check_header(path, file, there)
    file.seek(0)
    return np.load(file, allow_pickle=False)


def _of_archive(path: Path, file: Any) -> Any:
    with ZipFile(file) as archive:
        members = archive.infolist()
        if len(members) != 1:
            raise UnusableError(f"{path} holds {len(members)} arrays; give a file with one")
        with archive.open(members[0]) as member:
            _check_header(path, member, members[0].file_size)
        with archive.open(members[0]) as member:
            return np.lib.format.read_array(member, allow_pickle=False)


def _check_header(path: Path, file: Any, there: int) -> None:
    """Believe a header only as far as the file goes.

    Raises:
        UnusableError: where it promises more, and for more than can be held.
        ValueError: for what is no header.
    """
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"its format is {version[0]}.{version[1]}")
    shape, _, dtype = _HEADERS[version](file)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are not loaded")
    promised, size = prod(shape) * dtype.itemsize, there - file.tell()
    if promised > size or any(length < 0 for length in shape):
        raise ValueError(f"its header promises {promised:,} bytes, and there are {size:,}")
    if promised > MOST:
        raise UnusableError(f"{path} has more than {MOST >> 30} GiB of numbers; take a part of its rows")


_HEADERS: Mapping[tuple[int, int], Any] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_BROKEN = BadZipFile, zlib.error, lzma.LZMAError
"""What reading an archive that is broken may raise."""


def _read_parquet(path: Path, choose: Choose) -> tuple[Any, list[str], list[int]]:
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise UnusableError(f"{path}: to read .parquet, install pyarrow; or save it as .csv or .npy") from None
    try:
        with path.open("rb") as opened, parquet.ParquetFile(opened) as file:
            names = list(file.schema_arrow.names)
            chosen, rows = choose(names, len(names)), file.metadata.num_rows
            if rows * len(chosen) * 8 > MOST:
                raise UnusableError(f"{path} has more than {MOST >> 30} GiB of numbers; take a part of its rows")
            values = np.empty((rows, len(chosen)))
            for k, column in enumerate(chosen):
                try:
                    values[:, k] = file.read(columns=[names[column]]).column(0).to_numpy()
                except (ValueError, TypeError, NotImplementedError):
                    kind = file.schema_arrow.field(column).type
                    place = f"{path}, column {called(column, names)}"
                    raise UnusableError(f"{place} holds {kind}, not numbers; leave it out with --columns") from None
    except (ValueError, TypeError, KeyError, MemoryError) as error:
        raise UnusableError(f"{path} is not a table of numbers: {str(error).splitlines()[0]}") from None
    if not rows:
        raise UnusableError(f"{path} has no rows of numbers")
    return values, names, chosen
