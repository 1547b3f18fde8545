"""Safetensors: named arrays and a JSON header in one file, which PyTorch and others read too."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.errors import DTypeError
from ..engine.files import atomic_write


def library() -> tuple[Any, Any]:
    """The safetensors library, and its module for NumPy.

    Raises:
        ImportError: where it is not installed, with the command that installs it.
    """
    try:
        return import_module("safetensors"), import_module("safetensors.numpy")
    except ImportError:
        raise ImportError(
            "saving and loading need the safetensors library: pip install 'micrograd-tensor[train]'"
        ) from None


def write_tensors(path: str | Path, arrays: Mapping[str, Any], metadata: Mapping[str, str] | None = None) -> Path:
    """Write named arrays, and strings about them, completely or not at all.

    Raises:
        ImportError: without the safetensors library.
        DTypeError: for an array of a dtype that the format lacks, by name.
        OSError: when writing fails.
    """
    _, numpy_format = library()
    plain = {}
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
            raise DTypeError(f"{name} holds {array.dtype}, which safetensors files cannot; convert it with astype")
        plain[name] = np.array(array, order="C", copy=None)
    return atomic_write(path, numpy_format.save(plain, metadata=dict(metadata or {})))


def read_tensors(path: str | Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The arrays of a file by name, and the strings about them.

    Raises:
        ImportError: without the safetensors library.
        ValueError: for another kind of file, or a damaged one.
        DTypeError: for an array of a dtype that NumPy lacks, such as bfloat16, by name.
        OSError: when reading fails.
    """
    safetensors, _ = library()
    with Path(path).open("rb"):  # Python's own error where it cannot be read
        pass
    arrays: dict[str, Any] = {}
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118 -- not a dictionary
                kind = file.get_slice(name).get_dtype()
                try:
                    arrays[name] = file.get_tensor(name)
                except (TypeError, AttributeError, KeyError, ImportError):
                    raise DTypeError(
                        f"{path}: {name} holds {kind}, which NumPy does not have; save it as float32"
                    ) from None
            return arrays, file.metadata() or {}
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path} is not a complete safetensors file: {error}") from None
