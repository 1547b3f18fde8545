"""Saved models: the arrays of a state_dict by name, in a file that PyTorch's users can read and write."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.tensor import Tensor
from .tensors import read_tensors, write_tensors

__all__ = ["load", "save"]


def save(model: Any, path: str | Path, metadata: Mapping[str, str] | None = None) -> Path:
    """Write the parameters and buffers of a model to a safetensors file, whole or not at all.

    PyTorch reads it by ``safetensors.torch.load_file(path)``; the names are PyTorch's.

    Args:
        model: a module, or a dictionary from names to Tensors or arrays.
        path: of the file, usually ``.safetensors``.
        metadata: texts about the model, by name.

    Returns:
        The path.

    Raises:
        ImportError: without the safetensors library, which ``micrograd-tensor[train]`` brings.
        TypeError: for anything else than arrays.
        OSError: when writing fails; an older file is untouched.

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
    """Read the arrays of a safetensors file, whoever wrote it, and load them into a model if one is given.

    Args:
        path: of the file.
        model: a module whose ``load_state_dict`` takes them; every name and shape must be right.

    Returns:
        A dictionary from names to arrays.

    Raises:
        ImportError: without the safetensors library.
        KeyError, ShapeError: where the model wants other names or shapes; then it is unchanged.
        ValueError: for a file of another kind, or a damaged one.
        OSError: when reading fails.
    """
    arrays, _ = read_tensors(path)
    if model is not None:
        model.load_state_dict(arrays)
    return arrays
