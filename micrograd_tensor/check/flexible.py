"""Flexible: rules whose reshapes only put in axes of length 1, made to do that for arrays of any shape.

A rule records ``reshape(g, (4, 1))`` where a derivation by hand says ``keepdims=True``, and that also works on an array
whose axes are in another order.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

from ..engine.row import TABLE
from ..graph import Graph, Node
from ..graph.nodes import Edge


def flexible(graph: Graph, edge: Edge) -> Graph:
    """A graph in which what one edge passes back is computed by a flexible rule."""
    made: dict[Node, Node] = {}
    stack = [graph.contributions[edge]]
    while stack:
        node = stack[-1]
        inner = [] if node.rule_of != edge else [x for x in node.operands if isinstance(x, Node)]
        missing = [x for x in inner if x not in made and x is not graph.gradients[edge[0]]]
        if missing:
            stack.extend(missing)
            continue
        stack.pop()
        if node not in made:
            made[node] = _changed(node, made) if inner else node
    return replace(
        graph, contributions=MappingProxyType({**graph.contributions, edge: made[graph.contributions[edge]]})
    )


def _changed(node: Node, made: dict[Node, Node]) -> Node:
    operands: tuple[Any, ...] = tuple(made.get(x, x) if isinstance(x, Node) else x for x in node.operands)
    if node.op is not None and node.op.name == "reshape":
        axes = _put_in(node.operands[0].shape, node.shape)
        if axes:
            return replace(node, op=TABLE["expand_dims"], params=MappingProxyType({"axis": axes}), operands=operands)
    return replace(node, operands=operands)


def _put_in(before: tuple[int, ...], after: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of length 1 that were put in, if that is all that a reshape did; else none."""
    axes, i = [], 0
    for axis, length in enumerate(after):
        if i < len(before) and before[i] == length:
            i += 1
        elif length == 1:
            axes.append(axis)
        else:
            return ()
    return tuple(axes) if i == len(before) else ()
