"""What the user gave: gradients and forward values by name, sorted out of a dict or ``locals()``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.errors import DTypeError, GradientError
from ..engine.tensor import Tensor
from ..graph import Node
from ..graph.nodes import nearest


@dataclass(frozen=True, slots=True)
class Given:
    """The entries that belong to nodes.

    Attributes:
        gradients: by the tensor's name.
        values: forward values, likewise.
        loose: the names of those values that stood beside the gradients, where they need not be what was used.
        unused: entries that hold an array of a stage's shape but belong to no stage, with the likeliest reason.
    """

    gradients: dict[str, Any]
    values: dict[str, Any]
    loose: frozenset[str]
    unused: dict[str, str]


def read(hand: Any, forward: Any, stages: Mapping[str, Node], named: Mapping[str, Node]) -> Given:
    """Sort out the user's entries.

    Args:
        hand: gradients, as `compare` takes them.
        forward: forward values, or None.
        stages: the nodes by name that have gradients.
        named: all forward nodes by name.
    """
    entries = _entries("hand", hand, "{'dx': dx}")
    kept = _entries("forward", forward, "{'x_norm': x_norm}")
    dotted = {key for key, value in entries.items() if value is not None and key[:1] == "d" and key[1:] in stages}
    bare = set() if dotted else {key for key, value in entries.items() if value is not None and key in stages}
    if not dotted and not bare:
        raise _nothing(entries, stages)
    gradients = {key[1:]: numbers(f"{key}", entries[key], stages[key[1:]]) for key in dotted}
    gradients |= {key: numbers(f"d{key}", entries[key], stages[key]) for key in bare}

    unused: dict[str, str] = {}
    values = _values(kept, named, strict=True)
    loose: dict[str, Any] = {}
    if dotted:
        for value in entries.values():
            if isinstance(value, Mapping):
                loose |= _values({k: v for k, v in value.items() if isinstance(k, str)}, named, strict=False)
        loose |= {
            name: value
            for name, value in _values(entries, named, strict=False).items()
            if name not in loose and name not in dotted
        }
        loose = {name: value for name, value in loose.items() if name not in values}
    shapes = {node.shape for node in stages.values()}
    for key, value in {**kept, **entries}.items():
        used = key in dotted or key in bare or key in values or key in loose or key in named
        if not used and _is_array(value) and value.shape in shapes:
            names = [f"d{name}" for name in stages] if key[:1] == "d" else [*named]
            close = nearest(key, names) if key[:1] == "d" else ""
            unused[key] = f"{value.shape}, but no {'gradient' if key[:1] == 'd' else 'tensor'} is called so{close}"
    return Given(gradients, {**loose, **values}, frozenset(loose), unused)


def _is_array(value: Any) -> bool:
    return isinstance(value, (np.ndarray, Tensor)) and value.dtype.kind in "biufc"


def numbers(label: str, value: Any, node: Node) -> Any:
    """An entry as an array of numbers.

    Raises:
        DTypeError: for what is none, and for complex numbers where real ones belong, naming the entry.
    """
    try:
        array = np.asarray(value.data if isinstance(value, Tensor) else value)
    except (ValueError, TypeError) as error:  # a ragged list
        raise DTypeError(f"compare: {label} holds no array: {error}") from None
    if array.dtype.kind not in "biufc":
        raise DTypeError(f"compare: {label} holds {array.dtype}, not numbers; give an array of floats")
    if array.dtype.kind == "c" and node.dtype.kind != "c":
        raise DTypeError(f"compare: {label} holds {array.dtype}, but {node.name} is {node.dtype}; give its real part")
    return array if array.dtype.kind in "fc" or node.dtype.kind not in "fc" else array.astype(node.dtype)


def _entries(argument: str, given: Any, example: str) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        kind = type(given).__name__
        raise GradientError(f"compare: {argument} is a {kind}; give arrays by name, {example}, or locals()")
    return {key: value for key, value in given.items() if isinstance(key, str)}


def _values(entries: Mapping[str, Any], named: Mapping[str, Node], strict: bool) -> dict[str, Any]:
    """The forward values among some entries; with ``strict`` such as have another shape too."""
    found = {}
    for name, value in entries.items():
        if name not in named or value is None or isinstance(value, (Mapping, str)):
            continue
        try:
            array = numbers(name, value, named[name])
        except DTypeError:
            if strict:
                raise
            continue
        if strict or array.shape == named[name].shape:
            found[name] = array
    return found


def _nothing(entries: Mapping[str, Any], stages: Iterable[str]) -> GradientError:
    """The error for entries none of which is a gradient: a misspelt one is the likeliest reason."""
    names = [f"d{name}" for name in stages]
    arrays = [key for key, value in entries.items() if isinstance(value, (np.ndarray, np.generic, Tensor, float, list))]
    if arrays:
        likely = next((key for key in arrays if key[:1] == "d"), arrays[0])
        close = nearest(likely, names)
        return GradientError(f"compare: no gradient was given; {likely!r} is the gradient of no named tensor{close}")
    return GradientError(f"compare: no gradient was given; it can be one of {', '.join(names)}")
