"""Safetensors: named arrays and a JSON header in one file, which PyTorch and others read too."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from zipfile import ZipFile, is_zipfile

import numpy as np

from ..engine.arrays import on_host
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
        TypeError, ValueError: for a name that is no text, or that the format keeps for itself.
        DTypeError: for an array of a dtype that the format lacks, by name.
        OSError: when writing fails, and for a device or a pipe, from which nothing could be loaded again.
    """
    safetensors, numpy_format = library()
    if Path(path).exists() and not (Path(path).is_file() or Path(path).is_dir()):
        raise OSError(errno.EINVAL, "a device or a pipe keeps nothing; give a file", str(path))
    plain = {}
    for name, array in arrays.items():
        if not isinstance(name, str):
            raise TypeError(f"{name!r} is no name for an array; safetensors files take texts")
        if name == "__metadata__":
            raise ValueError("safetensors files keep the name __metadata__ for themselves; give the array another one")
        if (array.dtype.kind not in "biuf" or array.dtype.itemsize > 8) and array.dtype != np.complex64:
            raise DTypeError(f"{name} holds {array.dtype}, which safetensors files cannot; convert it with astype")
        plain[name] = np.array(on_host(array), dtype=array.dtype.newbyteorder("="), order="C", copy=None)
    try:
        content = numpy_format.save(plain, metadata=dict(metadata or {}))
    except UnicodeEncodeError as error:
        raise ValueError(f"{error.object!r:.60} is no text that can be written: {error.reason}") from None
    except safetensors.SafetensorError as error:  # complex64, before the library had it
        raise DTypeError(f"safetensors {safetensors.__version__} writes no such file: {error}; update it") from None
    return atomic_write(path, content)


def read_tensors(path: str | Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The arrays of a file by name, and the strings about them; bfloat16, which NumPy lacks, becomes float32.

    Raises:
        ImportError: without the safetensors library.
        ValueError: for another kind of file, or a damaged one.
        DTypeError: for an array of any other dtype that NumPy lacks, by name.
        OSError: when reading fails, and for a device or a pipe, which may never end.
    """
    safetensors, _ = library()
    if Path(path).exists() and not (Path(path).is_file() or Path(path).is_dir()):
        raise OSError(errno.EINVAL, "a device or a pipe may never end; give a file", str(path))
    with Path(path).open("rb") as file:  # Python's own error where it cannot be read
        start = file.read(9)
    arrays: dict[str, Any] = {}

    @cache
    def raw() -> dict[str, Any]:
        return dict(safetensors.deserialize(Path(path).read_bytes()))

    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118 -- not a dictionary
                kind = file.get_slice(name).get_dtype()
                try:
                    arrays[name] = _bfloat16(**raw()[name]) if kind == "BF16" else file.get_tensor(name)
                except (TypeError, AttributeError, KeyError, ImportError):
                    raise DTypeError(
                        f"{path}: {name} holds {kind}, which NumPy does not have; save it as float32"
                    ) from None
            return arrays, file.metadata() or {}
    except safetensors.SafetensorError as error:
        raise ValueError(_what_it_is(path, start) or f"{path} is not a complete safetensors file: {error}") from None


def _bfloat16(data: bytes, shape: list[int], dtype: str) -> Any:  # noqa: ARG001 -- as the library names them
    """An array of bfloat16 as float32, whose upper half it is."""
    return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32).reshape(shape)


def _what_it_is(path: str | Path, start: bytes) -> str | None:
    """What another kind of file is, by its first bytes, and how to get at what it holds."""
    zipped = start[:4] == b"PK\x03\x04"
    names = ZipFile(path).namelist() if zipped and is_zipfile(path) else []
    if start[:6] == b"\x93NUMPY" or any(name.endswith(".npy") for name in names):
        return f"{path} is a file of NumPy's; np.load reads it, and load_state_dict takes arrays by name"
    # A safetensors file may begin with the byte of a pickle too; but then its header follows, in braces.
    if zipped or (start[:1] == b"\x80" and start[8:] != b"{"):
        return (
            f"{path} is a pickle, as torch.save writes it, which can run any code; it is not read here. In PyTorch: "
            f"safetensors.torch.save_file(net.state_dict(), {Path(path).stem + '.safetensors'!r})"
        )
    return None
