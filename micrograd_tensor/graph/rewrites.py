"""Rewrites: functions from a graph to a graph."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

from ..engine.errors import GradientError
from .nodes import Graph, Node


def backward_graph(graph: Graph) -> Graph:
    """The recorded backward pass as a graph of its own.

    Its leaves are the upstreams, which alone ask for gradients, what the rules take from the forward pass, and
    constants that the rules make. Its outputs are the gradients of the forward leaves by rank, and any other that
    nothing is made of. The nodes keep the ranks, names and values that they have in the graph, and ``rule_of`` still
    tells of each the forward edge whose rule made it.

    Raises:
        GradientError: for a graph that was captured without its backward pass.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> print(backward_graph(mt.graph(mt.sin(x).named("y"), [1.0, 1.0])))
    0  x   leaf         (2,)
    2  dy  leaf         (2,)
    3      cos 0        (2,)  rule of 1 for operand 1
    4  dx  mul 2, 3     (2,)  rule of 1 for operand 1
    """
    if not graph.gradients:
        raise GradientError("backward_graph: this graph has no backward pass; give mt.graph(...) an upstream")
    made: dict[Node, Node] = {}

    def kept(x: Any) -> Any:
        """An operand in the new graph, where values of the forward pass are leaves."""
        if isinstance(x, Node) and x not in made:
            made[x] = replace(x, op=None, operands=(), params=MappingProxyType({}), requires_grad=False)
        return made[x] if isinstance(x, Node) else x

    for node in graph.backward:
        made[node] = replace(node, operands=tuple(map(kept, node.operands)))
    used = {x for node in graph.backward for x in node.operands if isinstance(x, Node)}
    leaves = [graph.gradients[node] for node in graph.nodes if node.is_leaf and node in graph.gradients]
    unused = [node for node in graph.backward if node not in used and node not in leaves]
    outputs = tuple(map(kept, [*leaves, *unused]))
    return Graph(tuple(sorted(made.values(), key=lambda node: node.rank)), outputs)
