"""Module: one scope of a graph as a graph of its own, between the values that come in and those that go out."""

from __future__ import annotations

from collections import Counter

from ..graph import Graph, Node
from ..graph.axes import AxisNames, axis_names
from ..graph.part import part
from .collapse import Scopes, named
from .errors import DrawError


def module(graph: Graph, path: str, dims: AxisNames) -> tuple[Graph, AxisNames]:
    """The part of a graph that was recorded in a scope, and the names of its axes by its own leaves.

    Values without names that come in are called input, or input1, input2 and so on.

    Raises:
        DrawError: for an unknown scope.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> with mt.scope("norm"):
    ...     y = x - x.mean()
    >>> inner, _ = module(mt.graph((y * y).sum(), 1.0), "norm", {})
    >>> [node.name or node.op.name for node in inner.nodes]
    ['x', 'mean', 'sub']
    """
    gates = [node for node in graph.nodes if node.op is not None]
    wanted = set(Scopes(gates).matching(path, "scope"))
    inside = [gate for gate in gates if wanted.intersection(named(gate.scope))]
    if not inside:
        raise DrawError(f"draw: scope={path!r} has no gates of its own")
    found = part(graph, inside, _names(inside))
    return found, own_axes(found, graph, dims)


def own_axes(found: Graph, graph: Graph, dims: AxisNames) -> AxisNames:
    """The names of axes in a part of a graph, by its own leaves."""
    if not dims:
        return dims
    labels, known = axis_names(graph, dims), {node.rank: node for node in graph.nodes}
    often = Counter(node.name for node in found.nodes)
    places: dict[str, list[tuple[str, int]]] = {}
    for leaf in found.nodes:
        if leaf.is_leaf and leaf.name is not None and often[leaf.name] == 1:
            for axis, label in enumerate(labels[known[leaf.rank]]):
                if label is not None:
                    places.setdefault(label, []).append((leaf.name, axis))
    return dict(places)


def _names(gates: list[Node]) -> dict[Node, str]:
    """What unnamed results that come in are called."""
    inside = set(gates)
    around = dict.fromkeys(x for gate in gates for x in gate.inputs if x not in inside)
    unnamed = [x for x in around if x.op is not None and x.name is None]
    taken = {node.name for node in (*gates, *around)}
    names = ["input"] if len(unnamed) == 1 else [f"input{k}" for k in range(1, len(unnamed) + 1)]
    return {x: name if name not in taken else f"{name}_" for x, name in zip(unnamed, names, strict=True)}
