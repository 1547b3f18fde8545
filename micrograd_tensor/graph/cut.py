"""Cut: a part of a graph as a graph of its own, from known values to targets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from ..engine.errors import GradientError
from .nodes import Graph, Node

__all__ = ["cut"]


def cut(
    graph: Graph, targets: Iterable[Node], known: Iterable[Node] = (), names: Mapping[Node, str] | None = None
) -> Graph:
    """The part of a graph between known nodes and targets, as a forward graph.

    Known nodes become leaves, with their values and names. A target that is also known is still computed, and
    other targets that depend on it get a leaf. The nodes are new, but keep their ranks, names, scopes, values and
    ``rule_of``.

    Args:
        graph: the whole graph; its `joint` graph for a part of the backward pass.
        targets: the outputs of the part.
        known: nodes that need not be computed.
        names: new names of nodes.

    Raises:
        GradientError: for a target that is not in the graph.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> captured = mt.graph((mt.exp(mt.sin(x).named("s")) * x).named("y"))
    >>> print(cut(captured, [captured["y"]], [captured["s"]]))
    0  x  leaf         (2,)
    1  s  leaf         (2,)
    2     exp 1        (2,)
    3  y  mul 2, 0     (2,)
    """
    wanted, stops, names = list(targets), frozenset(known), names or {}
    for node in wanted:
        if node not in graph.users:
            raise GradientError(
                f"cut: {node!r} is not in this graph; for a part of its backward pass, cut its joint graph"
            )
    leaves: dict[Node, Node] = {}
    made: dict[Node, Node] = {}

    def operand(x: Any) -> Any:
        if not isinstance(x, Node) or (x in made and x not in stops):
            return made[x] if isinstance(x, Node) else x
        if x not in leaves:
            leaves[x] = replace(x, op=None, operands=(), params=MappingProxyType({}), name=names.get(x, x.name))
        return leaves[x]

    for node in needed(wanted, stops):
        made[node] = replace(node, operands=tuple(map(operand, node.operands)), name=names.get(node, node.name))
    nodes = sorted((*leaves.values(), *made.values()), key=lambda node: (node.rank, node.op is not None))
    return Graph(tuple(nodes), tuple(made[node] for node in wanted))


def needed(targets: Iterable[Node], known: Iterable[Node] = ()) -> list[Node]:
    """The targets and what they are computed from, by rank, down to known nodes, which are left out.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor(3.0, name="x", requires_grad=True)
    >>> captured = mt.graph((mt.exp(mt.sin(x).named("s")) * x).named("y"))
    >>> [node.rank for node in needed([captured["y"]], [captured["s"]])]
    [0, 2, 3]
    """
    stops = frozenset(known)
    found = set(targets)
    stack = list(found)
    while stack:
        for x in stack.pop().operands:
            if isinstance(x, Node) and x not in found and x not in stops:
                found.add(x)
                stack.append(x)
    return sorted(found, key=lambda node: node.rank)
