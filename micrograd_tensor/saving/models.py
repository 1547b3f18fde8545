"""Saved models: the arrays of a state_dict by name, in a file that PyTorch users can read and write too."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..engine.arrays import on_host, plain
from ..engine.errors import quoted
from ..engine.interop.habits import keywords
from ..engine.tensor import Tensor
from .tensors import read_tensors, write_tensors

__all__ = ["load", "save"]

_OTHERS = {
    **dict.fromkeys((".pt", ".pth", ".bin", ".ckpt"), "torch.load"),
    **dict.fromkeys((".pkl", ".pickle"), "pickle.load"),
    **dict.fromkeys((".npy", ".npz"), "np.load"),
    **dict.fromkeys((".h5", ".hdf5"), "h5py"),
}
"""Who expects to read a file with such an ending, and another format in it."""


def save(model: Any, path: str | Path, metadata: Mapping[str, str] | None = None) -> Path:
    """Write the parameters and buffers of a model to a safetensors file, completely or not at all.

    PyTorch reads it with ``safetensors.torch.load_file(path)``; the names are PyTorch's.

    Args:
        model: a module, or a dictionary from names to Tensors or arrays.
        path: the file, usually ``.safetensors``.
        metadata: strings about the model, by name.

    Returns:
        The path.

    Raises:
        ImportError: without the safetensors library, which ``micrograd-tensor[train]`` brings.
        TypeError: for anything but arrays, and for a path in place of the model.
        ValueError: for a name that the format keeps for itself.
        OSError: when writing fails; an older file is left as it was.

    Where the path has the ending of another format, such as ``.pt``, a `UserWarning` says who can read the file.

    >>> import tempfile, micrograd_tensor as mt
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save({"w": mt.tensor([1.0, 2.0])}, f"{folder}/model.safetensors")
    ...     load(path)
    {'w': array([1., 2.])}
    """
    if isinstance(model, (str, os.PathLike)):
        raise TypeError(f"save takes the model first, then the path: mt.save(model, {str(model)!r})")
    if not isinstance(model, Mapping) and not hasattr(model, "state_dict"):
        raise TypeError(f"save: {quoted(model)} is no module, and no dictionary from names to arrays")
    state = model if isinstance(model, Mapping) else model.state_dict()
    arrays = {}
    for name, value in state.items():
        if not hasattr(value, "__array__"):
            raise TypeError(f"save: {name!r} is a {type(value).__name__}, not an array; see save_checkpoint for more")
        arrays[name] = value._data if isinstance(value, Tensor) else on_host(plain(value, called=f"save: {name!r}"))
    written, ending = write_tensors(path, arrays, metadata), Path(path).suffix.lower()
    if ending in _OTHERS:
        warnings.warn(
            f"save wrote {path} as a safetensors file, which {_OTHERS[ending]} does not read: PyTorch reads it with "
            "safetensors.torch.load_file. Name it .safetensors",
            stacklevel=2,
        )
    return written


@keywords
def load(path: str | Path, model: Any = None) -> dict[str, Any]:
    """Read the arrays of a safetensors file, ours or PyTorch's, and load them into a model if one is given.

    Args:
        path: the file.
        model: a module to load them into; all names and shapes must match.

    Returns:
        A dictionary from names to arrays.

    Raises:
        ImportError: without the safetensors library.
        ValueError, ShapeError: where the model has other names or shapes; then it is unchanged.
        ValueError: for another kind of file, saying which, or a damaged one.
        TypeError: for a model that has no ``load_state_dict``, or in place of the path.
        OSError: when reading fails.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(
            f"load takes the path first, then the model: mt.load('m.safetensors', model), not {quoted(path)}"
        )
    if model is not None and not hasattr(model, "load_state_dict"):
        raise TypeError(f"load: {quoted(model)} is no module; without it load returns the arrays by name")
    arrays, _ = read_tensors(path)
    if model is not None:
        model.load_state_dict(arrays)
    return arrays
