"""Saved models: the arrays of a state_dict by name, in a file that PyTorch users can read and write too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.tensor import Tensor
from .tensors import read_tensors, write_tensors

__all__ = ["load", "save"]


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
        TypeError: for anything but arrays.
        OSError: when writing fails; an older file is left as it was.

    >>> import tempfile, micrograd_tensor as mt
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save({"w": mt.tensor([1.0, 2.0])}, f"{folder}/model.safetensors")
    ...     load(path)
    {'w': array([1., 2.])}
    """
    state = model if isinstance(model, Mapping) else model.state_dict()
    arrays = {}
    for name, value in state.items():
        if not isinstance(value, (Tensor, np.ndarray, np.generic)):
            raise TypeError(f"save: {name!r} is a {type(value).__name__}, not an array; see save_checkpoint for more")
        arrays[name] = value.data if isinstance(value, Tensor) else np.asarray(value)
    return write_tensors(path, arrays, metadata)


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
        ValueError: for another kind of file, or a damaged one.
        OSError: when reading fails.
    """
    arrays, _ = read_tensors(path)
    if model is not None:
        model.load_state_dict(arrays)
    return arrays
