"""Checkpoints: all that a training needs to go on as if it had never stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from .tensors import read_tensors, write_tensors
from .tree import packed, unpacked

__all__ = ["load_checkpoint", "save_checkpoint"]

_HEADER = "micrograd_tensor.checkpoint"


def save_checkpoint(path: str | Path, **parts: Any) -> Path:
    """Write the state of a training to one safetensors file, whole or not at all.

    Args:
        path: of the file. The arrays in it are named ``part.key``, the rest is JSON in its header.
        parts: by name: whatever has a ``state_dict()`` (a model, an optimizer, a scheduler, a loader), a
            `numpy.random.Generator`, or plain data: numbers, texts, arrays, lists and dictionaries of these.

    Returns:
        The path.

    Raises:
        ImportError: without the safetensors library.
        TypeError: for what is none of these, by name: nothing is pickled.
        OSError: when writing fails; an older checkpoint is untouched.

    >>> import tempfile
    >>> rng = np.random.default_rng(0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_checkpoint(f"{folder}/run.safetensors", generator=rng, epoch=3)
    ...     before = rng.random()
    ...     rest = load_checkpoint(path, generator=rng)
    >>> rest, rng.random() == before
    ({'epoch': 3}, True)
    """
    plain, arrays = packed({name: _state(part) for name, part in parts.items()})
    return write_tensors(path, arrays, {_HEADER: json.dumps(plain)})


def load_checkpoint(path: str | Path, **parts: Any) -> dict[str, Any]:
    """Read a checkpoint, and put the parts that are given into the state they were saved in.

    Args:
        path: of the file.
        parts: by the names they were saved under: objects with ``load_state_dict``, generators.

    Returns:
        What else the checkpoint holds, by name.

    Raises:
        ImportError: without the safetensors library.
        KeyError: for a part that the file does not hold.
        ValueError: for a file of another kind.
        OSError: when reading fails.
        Whatever a part raises that does not fit its state; after any error all parts are as they were.
    """
    for name, part in parts.items():
        if not isinstance(part, np.random.Generator) and not hasattr(part, "load_state_dict"):
            raise TypeError(f"load_checkpoint: {name}={part!r:.40} takes up no state; read it from the result instead")
    arrays, metadata = read_tensors(path)
    if _HEADER not in metadata:
        raise ValueError(f"{path} holds arrays, but no checkpoint; mt.load reads it")
    saved = unpacked(json.loads(metadata[_HEADER]), arrays)
    missing = [name for name in parts if name not in saved]
    if missing:
        raise KeyError(f"{path} holds no {', '.join(missing)}, only {', '.join(saved)}")
    before = {name: unpacked(*packed(_state(part))) for name, part in parts.items()}
    tried: list[str] = []
    try:
        for name, part in parts.items():
            tried.append(name)
            _restore(part, saved[name])
    except BaseException:
        for name in reversed(tried):
            _restore(parts[name], before[name])
        raise
    return {name: value for name, value in saved.items() if name not in parts}


def _state(part: Any) -> Any:
    if isinstance(part, np.random.Generator):
        return part.bit_generator.state
    return part.state_dict() if hasattr(part, "state_dict") else part


def _restore(part: Any, state: Any) -> None:
    if isinstance(part, np.random.Generator):
        part.bit_generator.state = state
    else:
        part.load_state_dict(state)
