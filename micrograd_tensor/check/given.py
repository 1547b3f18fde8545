"""What the user gave: gradients and forward values by name, sorted out of a dict, ``locals()``, a tuple or an object.

A gradient is recognized however it is spelled: ``dx``, ``dX``, ``d_x``, ``dLdx``, ``dL_dx``, ``grad_x``, ``x_grad`` or
``gx``, the exact name first. Whatever was given as a gradient is judged, or it is said why it was not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.arrays import on_host, plain
from ..engine.errors import DTypeError, GradientError
from ..engine.tensor import Tensor
from ..graph import Graph, Node, graph, named_nodes
from ..graph.nodes import nearest, require_numbers
from .running import Run, run

_SPELLINGS = (
    r"d(?P<name>.+)",
    r"d_(?P<name>.+)",
    r"d_?(?:L|l|J|j|loss|Loss|cost|out)_?(?:d|wrt)_?(?P<name>.+)",
    r"(?:grad|gradient)s?_?(?:of_|wrt_)?(?P<name>.+)",
    r"(?P<name>.+?)_?(?:grad|gradient)",
    r"g_?(?P<name>.+)",
)
"""How the gradient of a tensor is spelled, the usual way first."""
_GRADIENTS = re.compile(r"_?(?:d|g|d?grads?|gradients?)_?", re.IGNORECASE)
"""What a nested dictionary of gradients is called."""


@dataclass(frozen=True, slots=True)
class Given:
    """The entries that belong to nodes.

    Attributes:
        gradients: by the tensor's name.
        values: forward values, likewise.
        loose: the names of those values that were given together with the gradients, which need not use them.
        unused: entries that hold an array of a stage's shape but belong to no stage, with the likeliest reason.
        unjudged: entries that were given as gradients and cannot be judged, with the reason.
        keys: for each gradient what the user calls it.
    """

    gradients: dict[str, Any]
    values: dict[str, Any]
    loose: frozenset[str]
    unused: dict[str, str]
    unjudged: dict[str, str]
    keys: dict[str, str]


def read(
    hand: Any,
    forward: Any,
    stages: Mapping[str, Node],
    named: Mapping[str, Node],
    helpers: Container[str] = (),
) -> Given:
    """Sort out the user's entries.

    Args:
        hand: gradients, as `compare` takes them.
        forward: forward values, or None.
        stages: the nodes by name that have gradients.
        named: all forward nodes by name.
        helpers: entries that are local variables of the backward pass, and need not be gradients.
    """
    entries = _entries("hand", hand, "{'dx': dx}", _inputs(stages), helpers)
    kept = _entries("forward", forward, "{'x_norm': x_norm}")
    keys, doubled = spelled(entries, named)
    steps = {
        name: key for name, key in keys.items() if key in helpers and _is_of_one_step(key, entries[key], named[name])
    }
    keys = {name: key for name, key in keys.items() if name not in steps}
    doubled |= {key: name for name, key in steps.items()}
    bare = not any(name in stages for name in keys)
    if bare:
        keys |= {name: name for name in named if name in entries}
    blank = {name: key for name, key in keys.items() if entries[key] is None}
    due = {name: key for name, key in keys.items() if name in stages and name not in blank}
    if not due:
        raise _nothing(entries, stages, named)
    gradients = {name: numbers(key, entries[key], stages[name]) for name, key in due.items()}
    values = _values(kept, named, strict=True)
    loose: dict[str, Any] = {}
    if not bare:
        caches = [dict(x) for key, x in entries.items() if isinstance(x, Mapping) and not _GRADIENTS.fullmatch(key)]
        taken = {*keys.values(), *doubled}
        for source in ({key: value for key, value in entries.items() if key not in taken}, *caches):
            loose |= _values(source, named, strict=False)
    loose = {name: value for name, value in loose.items() if name not in values}

    # In ``locals()`` there are helpers too; a dictionary of gradients alone was written to be judged.
    written = [key for key in entries if key not in helpers]
    alone = all(key in keys.values() or key in doubled or _like_a_gradient(key) for key in written)
    missing = {node.shape for name, node in stages.items() if node.is_leaf and name not in due}
    unjudged = {key: "it is None" for name, key in blank.items() if name in stages and stages[name].is_leaf}
    for name, key in keys.items():
        if (
            name not in stages
            and name not in blank
            and not (_is_a_switch(named[name]) and not np.any(entries[key]))
            and (bare or (alone and key not in helpers) or np.shape(entries[key]) == named[name].shape)
        ):
            unjudged[key] = _why_no_gradient(name, named[name])
    for key, name in doubled.items():
        if key in helpers:  # such as dwx of one step beside dWx of all
            continue
        if is_array(entries[key]) and not _equal(entries[key], entries[due[name]] if name in due else None):
            unjudged[key] = f"{due.get(name, keys[name])} was judged as the gradient of {name}; give one of the two"
    known = {*keys.values(), *doubled, *named}
    shapes = {node.shape for node in stages.values()}
    unused = {}
    for key, value in {**kept, **entries}.items():
        explicit = alone and key not in helpers
        if key in known or not (is_array(value) or (explicit and isinstance(value, float | list))):
            continue
        said = _why_unused(key, np.shape(value), stages)
        if key not in kept and _like_a_gradient(key) and (explicit or np.shape(value) in missing):
            unjudged[key] = said
        elif np.shape(value) in shapes:
            unused[key] = said
    return Given(gradients, {**loose, **values}, frozenset(loose), unused, unjudged, due)


def spelled(keys: Iterable[str], names: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """The key that is the gradient of each tensor; and for further keys that spell one of them otherwise the tensor.

    >>> spelled(["dX", "grad_w", "dw", "N"], ["x", "w", "y"])
    ({'w': 'dw', 'x': 'dX'}, {'grad_w': 'w'})
    """
    keys, exact = list(keys), set(names)
    folded: dict[str, list[str]] = {}
    for name in exact:
        folded.setdefault(_folded(name), []).append(name)
    alike = {name: found[0] for name, found in folded.items() if len(found) == 1}
    found: dict[str, str] = {}
    doubled: dict[str, str] = {}
    for pattern in _SPELLINGS:
        for same in (True, False):
            for key in keys:
                match = re.fullmatch(pattern, key, re.DOTALL)
                if match is None or key in exact or key in found.values() or key in doubled:
                    continue
                wanted: str = match["name"]
                meant = wanted if wanted in exact else alike.get(_folded(wanted))
                if meant is None or (same and meant != wanted):
                    continue
                if meant in found:
                    doubled[key] = meant
                else:
                    found[meant] = key
    return found, doubled


def _folded(name: str) -> str:
    """A name without what people write otherwise in that of its gradient: capitals, and the _ of ``coef_``."""
    return name.strip("_").casefold() or name


def _is_of_one_step(key: str, value: Any, node: Node) -> bool:
    """Whether a name is only alike that of a node's gradient, and fewer axes tell that it is another's: dh beside H."""
    axes = iter(node.shape)
    alike = not key.endswith(str(node.name))
    return alike and is_array(value) and np.ndim(value) < len(node.shape) and all(n in axes for n in np.shape(value))


def _like_a_gradient(key: str) -> bool:
    return key[:1] == "d" or key[:1] == "∂" or "grad" in key.lower()


def _equal(a: Any, b: Any) -> bool:
    if b is None or np.shape(a) != np.shape(b):
        return False
    a, b = (x.data if isinstance(x, Tensor) else plain(x, called="a gradient") for x in (a, b))
    return bool(np.all(on_host(a) == on_host(b)))


def _why_no_gradient(name: str, node: Node) -> str:
    if node.dtype.kind not in "fc":
        return f"{name} holds {node.dtype}, which has no gradient; record it as floats"
    if node.is_leaf:
        if _is_a_switch(node):
            return f"{name} is only compared with others, so its gradient is 0, which this is not"
        return f"{name} asks for no gradient; make it with requires_grad=True"
    return f"no gradient arrives at {name}: nothing that it is made from asks for one"


def _is_a_switch(node: Node) -> bool:
    """Whether an input without a gradient asks for one: it decides between others, and its gradient is 0."""
    return node.is_leaf and node.requires_grad


def _inputs(stages: Mapping[str, Node]) -> list[str]:
    return [name for name, node in stages.items() if node.is_leaf and node.requires_grad]


def as_graph(outputs: Any, upstream: Any) -> Graph:
    """The graph of some outputs, unless it is one already; the upstream is 1 unless it is given."""
    captured = outputs if isinstance(outputs, Graph) else graph(outputs, 1.0 if upstream is None else upstream)
    require_numbers(captured, "a check")
    return captured


def run_on(recorded: Graph, backward: Callable[..., Any], forward: Any = None, upstream: Any = None) -> Run:
    """Call a backward pass with the numbers of a graph of one output, unless others are given."""
    cache = {name: node.value for name, node in named_nodes(recorded).items()} if forward is None else forward
    dout = recorded.upstreams[recorded.outputs[0]].value if upstream is None else upstream
    return run(backward, dout, cache, inputs_of(recorded))


def inputs_of(recorded: Graph) -> list[str]:
    """The names of a graph's inputs that gradients arrive at, in order."""
    return [name for name, node in named_nodes(recorded).items() if node.is_leaf and node in recorded.gradients]


def _why_unused(key: str, shape: tuple[int, ...], stages: Iterable[str]) -> str:
    if key[:1] != "d":
        return f"{shape}, but no tensor has this name"
    return f"{shape}, but no gradient has this name{nearest(key, [f'd{name}' for name in stages])}"


def is_array(value: Any) -> bool:
    """Whether an entry is an array of numbers, of whatever library."""
    if isinstance(value, (np.ndarray, Tensor)):
        return value.dtype.kind in "biufc"
    return all(hasattr(value, name) for name in ("shape", "dtype", "__array__")) and not isinstance(value, np.generic)


def numbers(label: str, value: Any, node: Node) -> Any:
    """An entry as an array of numbers.

    Raises:
        DTypeError: for anything else, and for complex numbers where real ones belong, naming the entry.
    """
    array = on_host(value.data if isinstance(value, Tensor) else plain(value, called=f"compare: {label}"))
    if array.dtype.kind == "c" and node.dtype.kind != "c":
        raise DTypeError(f"compare: {label} holds {array.dtype}, but {node.name} is {node.dtype}; give its real part")
    return array if array.dtype.kind in "fc" or node.dtype.kind not in "fc" else array.astype(node.dtype)


def _entries(
    argument: str, given: Any, example: str, inputs: Sequence[str] = (), helpers: Container[str] = ()
) -> dict[str, Any]:
    """The entries of a mapping, of an object by its attributes, or of a tuple by the order of the inputs.

    Those of a dictionary of gradients among them, too, unless one of that name was given that is no local variable.
    """
    if given is None:
        return {}
    kind = type(given).__name__
    several = given if isinstance(given, (tuple, list)) and not hasattr(given, "_asdict") else None
    if several is not None and inputs and len(several) == len(inputs) and all(map(is_array, several)):
        return {f"d{name}": value for name, value in zip(inputs, several, strict=True)}
    if not isinstance(given, Mapping):
        given = given._asdict() if hasattr(given, "_asdict") else _attributes(given)
    if given is None:
        raise GradientError(
            f"compare: {argument} is a {kind}; give arrays by name, {example}, or locals()"
            + (f", or a tuple in the order of the inputs {', '.join(inputs)}" if inputs else "")
        )
    found = {key: value for key, value in given.items() if isinstance(key, str)}
    for key, value in list(found.items()):
        if isinstance(value, Mapping) and _GRADIENTS.fullmatch(key):
            named = {
                inner if _like_a_gradient(inner) else f"d{inner}": x
                for inner, x in value.items()
                if isinstance(inner, str)
            }
            found |= {inner: x for inner, x in named.items() if inner not in given or inner in helpers}
    return found


def _attributes(given: Any) -> dict[str, Any] | None:
    """The arrays among an object's attributes; None where there are none."""
    found = {key: x for key, x in getattr(given, "__dict__", {}).items() if is_array(x)}
    return None if isinstance(given, (np.ndarray, Tensor, type)) else found or None


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


def _nothing(entries: Mapping[str, Any], stages: Iterable[str], named: Mapping[str, Node]) -> GradientError:
    """The error for entries without any gradient, most likely because of a misspelled name."""
    names = [f"d{name}" for name in stages]
    arrays = [key for key, value in entries.items() if isinstance(value, (np.ndarray, np.generic, Tensor, float, list))]
    if not arrays:
        return GradientError(f"compare: no gradient was given; it can be one of {', '.join(names)}")
    likely = next((key for key in arrays if key[:1] == "d"), arrays[0])
    for name, key in spelled(arrays, named)[0].items():
        return GradientError(f"compare: {key!r} cannot be judged: {_why_no_gradient(name, named[name])}")
    return GradientError(f"compare: no gradient was given; {likely!r} matches no named tensor{nearest(likely, names)}")
