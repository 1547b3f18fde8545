"""Samples in files: opened where they are read, so that a worker gets a name and some numbers, never the data."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..engine.arrays import setting
from ..engine.errors import ShapeError

__all__ = ["NpyFiles", "ParquetFile"]


class NpyFiles:
    """Samples in ``.npy`` files, one for each part of a sample; only rows that are asked for are read.

    Args:
        paths: of files with the samples along the first axis, such as images and labels; every worker must see them.

    Raises:
        OSError: for a file that cannot be read.
        ValueError: for one that is no ``.npy`` file of numbers.
        ShapeError: for files with different numbers of samples.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/x.npy", np.arange(6.0).reshape(3, 2))
    ...     data = NpyFiles(f"{folder}/x.npy")
    ...     len(data), data[np.array([2, 0])]
    (3, (array([[4., 5.],
           [0., 1.]]),))
    """

    def __init__(self, *paths: str | Path) -> None:
        if not paths:
            raise ValueError("NpyFiles: no files given; give one for each part of a sample")
        self.paths = tuple(str(Path(path).resolve()) for path in paths)
        shapes = [_mapped(path).shape for path in self.paths]
        if len({shape[:1] for shape in shapes}) > 1 or () in shapes:
            raise ShapeError(f"NpyFiles: arrays of shapes {shapes} differ in their first axis, the number of samples")
        self._length = shapes[0][0]

    def __len__(self) -> int:
        return int(self._length)

    def __getitem__(self, numbers: Any) -> tuple[Any, ...]:
        """The samples of these numbers, as one array for each part."""
        numbers = numbers if isinstance(numbers, slice) else setting("NpyFiles: the numbers", numbers)
        return tuple(np.array(_mapped(path)[numbers]) for path in self.paths)


class _File(NamedTuple):
    """A file as it was written: once it is written anew it is another, and nobody reads what was kept of this one."""

    path: str
    number: int
    size: int
    written: int

    @classmethod
    def at(cls, path: str) -> _File:
        found = Path(path).stat()
        return cls(path, found.st_ino, found.st_size, found.st_mtime_ns)


def _mapped(path: str) -> Any:
    """The array in a file; once it is let go, what was read of it no longer counts as the process's memory."""
    return np.load(path, mmap_mode="r", allow_pickle=False)


class ParquetFile:
    """Samples in a Parquet file: the columns of numbers as features, and one column as targets; read by row groups.

    Args:
        path: of the file, which every worker must see.
        target: the column of the targets.
        features: the columns of the features, in this order; by default all others.

    Raises:
        OSError: for a file that cannot be read.
        ImportError: without pyarrow.
        KeyError: for a column that the file does not have.
    """

    def __init__(self, path: str | Path, target: str, features: Sequence[str] | None = None) -> None:
        self.path, self.target = str(Path(path).resolve()), target
        names = _parquet(_File.at(self.path)).schema_arrow.names
        self.features = [name for name in names if name != target] if features is None else list(features)
        missing = [name for name in (target, *self.features) if name not in names]
        if missing:
            raise KeyError(f"ParquetFile: {path} has no column {missing[0]!r}; it has {', '.join(names)}")

    def __len__(self) -> int:
        return int(_parquet(_File.at(self.path)).metadata.num_rows)

    def __getitem__(self, numbers: Any) -> tuple[Any, Any]:
        """The features ``(n, F)`` and the targets ``(n,)`` of these samples."""
        numbers, file = setting("ParquetFile: the numbers", numbers), _File.at(self.path)
        ends = _ends(file)
        groups = np.searchsorted(ends, numbers, side="right")
        x: Any = None
        for k in np.unique(groups):
            rows, targets = _group(file, int(k), (*self.features, self.target))
            here = groups == k
            within = numbers[here] - (ends[k - 1] if k else 0)
            if x is None:
                x, y = np.empty((len(numbers), rows.shape[1]), rows.dtype), np.empty(len(numbers), targets.dtype)
            x[here], y[here] = rows[within], targets[within]
        return x, y


@lru_cache(maxsize=16)
def _parquet(file: _File) -> Any:
    try:
        return import_module("pyarrow.parquet").ParquetFile(file.path)
    except ImportError:
        raise ImportError("Parquet files are read by pyarrow: pip install pyarrow") from None


@lru_cache(maxsize=16)
def _ends(file: _File) -> Any:
    metadata = _parquet(file).metadata
    return np.cumsum([metadata.row_group(k).num_rows for k in range(metadata.num_row_groups)])


@lru_cache(maxsize=4)
def _group(file: _File, k: int, columns: tuple[str, ...]) -> tuple[Any, Any]:
    table = import_module("pyarrow.parquet").ParquetFile(file.path).read_row_group(k, columns=list(columns))
    *features, target = (table.column(name).to_numpy() for name in columns)
    return np.stack(features, axis=1), target
