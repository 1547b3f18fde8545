"""Checkpoints: everything that a training run needs to continue as if it had never stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.errors import DTypeError
from .tensors import read_tensors, write_tensors
from .tree import packed, unpacked

__all__ = ["load_checkpoint", "save_checkpoint"]

_HEADER = "micrograd_tensor.checkpoint"
_OF_ANOTHER_FORM = (TypeError, AttributeError, IndexError, OverflowError, RecursionError)
"""What parts raise that are given something else than a state."""


def save_checkpoint(path: str | Path, **parts: Any) -> Path:
    """Write the state of a training run to one safetensors file, completely or not at all.

    Args:
        path: the file. Its arrays are named ``part.key``; everything else is JSON in its header.
        parts: by name, anything with a ``state_dict()`` (a model, an optimizer, a scheduler, a loader), a
            `numpy.random.Generator`, or plain data: numbers, strings, arrays, lists and dictionaries of these.

    Returns:
        The path.

    Raises:
        ImportError: without the safetensors library.
        TypeError: for anything else, by name: nothing is pickled.
        OSError: when writing fails; an older checkpoint is left as it was.

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
    """Read a checkpoint, and restore the given parts to their saved states.

    Args:
        path: the file.
        parts: objects with ``load_state_dict``, and generators, by the names that they were saved under.

    Returns:
        Everything else in the checkpoint, by name.

    Raises:
        ImportError: without the safetensors library.
        KeyError: for a part that the file does not hold.
        TypeError: for a part that has no state to restore.
        ValueError: for another kind of file, or a damaged one.
        OSError: when reading fails.
        Whatever a part raises when a state does not match; after any error all parts are as they were.
    """
    for name, part in parts.items():
        if not isinstance(part, np.random.Generator) and not hasattr(part, "load_state_dict"):
            raise TypeError(f"load_checkpoint: {name}={part!r:.40} has no state to restore; take it from the result")
    arrays, metadata = read_tensors(path)
    if _HEADER not in metadata:
        raise ValueError(f"{path} holds arrays, but no checkpoint; mt.load reads it")
    try:
        saved = unpacked(json.loads(metadata[_HEADER]), arrays)
        if not isinstance(saved, dict) or not all(isinstance(name, str) for name in saved):
            raise TypeError("its parts have no names")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"{path} is a damaged checkpoint: {error!r:.200}") from None
    missing = [name for name in parts if name not in saved]
    if missing:
        raise KeyError(f"{path} does not hold {', '.join(missing)}, only {', '.join(saved)}")
    before = {name: unpacked(*packed(_state(part))) for name, part in parts.items()}
    tried: list[str] = []
    try:
        for name, part in parts.items():
            tried.append(name)
            _restore(part, saved[name])
    except BaseException as error:
        for name in reversed(tried):
            _restore(parts[name], before[name])
        if isinstance(error, _OF_ANOTHER_FORM) and not isinstance(error, DTypeError):
            what = f"{tried[-1]} than the state of a {type(parts[tried[-1]]).__name__}"
            raise ValueError(f"{path} holds something else as {what}: {error}") from error
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
