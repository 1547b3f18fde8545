"""What the user gave: gradients and forward values by name, sorted out of a dict or ``locals()``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.arrays import plain
from ..engine.errors import DTypeError, GradientError
from ..engine.tensor import Tensor
from ..graph import Graph, Node, graph, named_nodes
from ..graph.nodes import nearest
from .running import Run, run


@dataclass(frozen=True, slots=True)
class Given:
    """The entries that belong to nodes.

    Attributes:
        gradients: by the tensor's name.
        values: forward values, likewise.
        loose: the names of those values that were given together with the gradients, which need not use them.
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
    keys = {
        key: key[1:] for key, value in entries.items() if value is not None and key[:1] == "d" and key[1:] in stages
    }
    with_d = bool(keys)
    keys = keys or {key: key for key, value in entries.items() if value is not None and key in stages}
    if not keys:
        raise _nothing(entries, stages)
    gradients = {name: numbers(f"d{name}", entries[key], stages[name]) for key, name in keys.items()}
    values = _values(kept, named, strict=True)
    loose: dict[str, Any] = {}
    if with_d:
        caches = [dict(value) for value in entries.values() if isinstance(value, Mapping)]
        for source in ({key: value for key, value in entries.items() if key not in keys}, *caches):
            loose |= _values(source, named, strict=False)
    loose = {name: value for name, value in loose.items() if name not in values}
    known = keys.keys() | named.keys()
    shapes = {node.shape for node in stages.values()}
    unused = {
        key: _why_unused(key, value.shape, stages)
        for key, value in {**kept, **entries}.items()
        if key not in known and _is_array(value) and value.shape in shapes
    }
    return Given(gradients, {**loose, **values}, frozenset(loose), unused)


def as_graph(outputs: Any, upstream: Any) -> Graph:
    """The graph of some outputs, unless it is one already; the upstream is 1 unless it is given."""
    return outputs if isinstance(outputs, Graph) else graph(outputs, 1.0 if upstream is None else upstream)


def run_on(recorded: Graph, backward: Callable[..., Any], forward: Any = None, upstream: Any = None) -> Run:
    """Call a backward pass with the numbers of a graph of one output, unless others are given."""
    named = named_nodes(recorded)
    inputs = [name for name, node in named.items() if node.is_leaf and node in recorded.gradients]
    cache = {name: node.value for name, node in named.items()} if forward is None else forward
    dout = recorded.upstreams[recorded.outputs[0]].value if upstream is None else upstream
    return run(backward, dout, cache, inputs)


def _why_unused(key: str, shape: tuple[int, ...], stages: Iterable[str]) -> str:
    if key[:1] != "d":
        return f"{shape}, but no tensor has this name"
    return f"{shape}, but no gradient has this name{nearest(key, [f'd{name}' for name in stages])}"


def _is_array(value: Any) -> bool:
    return isinstance(value, (np.ndarray, Tensor)) and value.dtype.kind in "biufc"


def numbers(label: str, value: Any, node: Node) -> Any:
    """An entry as an array of numbers.

    Raises:
        DTypeError: for anything else, and for complex numbers where real ones belong, naming the entry.
    """
    array = np.asarray(value.data if isinstance(value, Tensor) else plain(value, called=f"compare: {label}"))
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


def _values(entries: Mapping[Any, Any], named: Mapping[str, Node], strict: bool) -> dict[str, Any]:
    """The forward values among some entries; with ``strict`` also those of another shape."""
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
    """The error for entries without any gradient, most likely because of a misspelled name."""
    names = [f"d{name}" for name in stages]
    arrays = [key for key, value in entries.items() if isinstance(value, (np.ndarray, np.generic, Tensor, float, list))]
    if not arrays:
        return GradientError(f"compare: no gradient was given; it can be one of {', '.join(names)}")
    likely = next((key for key in arrays if key[:1] == "d"), arrays[0])
    return GradientError(f"compare: no gradient was given; {likely!r} matches no named tensor{nearest(likely, names)}")
