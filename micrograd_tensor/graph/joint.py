"""Joint: the forward and the backward pass of a graph as one plain graph, in which every gradient is a node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any
from weakref import WeakKeyDictionary

from ..engine.errors import GradientError
from ..engine.table.elementwise import stop_gradient
from .cut import needed
from .nodes import Edge, Graph, Node

__all__ = ["joint"]

_made: WeakKeyDictionary[Graph, Graph] = WeakKeyDictionary()


def joint(graph: Graph) -> Graph:
    """A graph and its recorded backward pass as one plain graph; asked again, the same one.

    The forward nodes are the graph's own. After them come the upstreams and what the rules made, each with the edge
    whose rule made it in ``rule_of``, and the sums at forks. Every forward node has a gradient of its own, and every
    edge a contribution of its own: where the engine hands on the same array, as the rule of addition does, there is a
    node that takes it and changes nothing. So a gradient can be replaced without replacing another one.

    ``gradients``, ``contributions`` and ``upstreams`` are those of the joint graph; its outputs are the graph's, and
    the gradients of the leaves.

    Raises:
        GradientError: for a graph that was captured without its backward pass.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> print(joint(mt.graph((x + 3.0).named("y"), [1.0, 1.0])))
    0  x   leaf             (2,)
    1  y   add 0, (3.0)     (2,)
    2  dy  leaf             (2,)
    3  dx  stop_gradient 2  (2,)  rule of 1 for operand 1
    """
    if not graph.gradients:
        raise GradientError("joint: this graph has no backward pass; give mt.graph(...) an upstream")
    if graph not in _made:
        _made[graph] = _Joint(graph).graph()
    return _made[graph]


class _Joint:
    """Makes the nodes of the backward pass anew, in the order in which they are computed."""

    def __init__(self, graph: Graph) -> None:
        self._captured = graph
        self._nodes: list[Node] = list(graph.nodes)
        self._forward = frozenset(graph.nodes)
        self._gradients: dict[Node, Node] = {}
        self._contributions: dict[Edge, Node] = {}
        self._upstreams: dict[Node, Node] = {}

    def graph(self) -> Graph:
        """The joint graph."""
        captured = self._captured
        for node in sorted(captured.gradients, key=lambda n: -n.rank):
            parts = [self._contributions[edge] for edge, _ in captured.contributions_to(node)]
            if upstream := captured.upstreams.get(node):
                self._upstreams[node] = self._copied(upstream, {}, None, self._name(node, upstream))
                parts.insert(0, self._upstreams[node])
            self._gradients[node] = self._sum(parts, node)
            for i in range(len(node.operands)):
                if (node, i) in captured.contributions:
                    self._contributions[node, i] = self._rule((node, i))
        leaves = [self._gradients[node] for node in captured.nodes if node.is_leaf and node in self._gradients]
        return Graph(
            nodes=tuple(self._nodes),
            outputs=(*captured.outputs, *leaves),
            contributions=MappingProxyType(self._contributions),
            gradients=MappingProxyType({node: self._gradients[node] for node in captured.gradients}),
            upstreams=MappingProxyType(self._upstreams),
        )

    def _add(self, node: Node, **changes: Any) -> Node:
        made = replace(node, rank=self._nodes[-1].rank + 1, **changes)
        self._nodes.append(made)
        return made

    def _name(self, node: Node, part: Node) -> str | None:
        """What a captured node is called as a part of the gradient of a forward node: only the whole has a name."""
        return f"d{node.name}" if node.name and self._captured.gradients[node] is part else None

    def _sum(self, parts: list[Node], node: Node) -> Node:
        """The sum of what arrives at a node, by the recorded additions."""
        sums = [self._captured.gradients[node]]
        while len(sums) < len(parts) - 1:
            sums.insert(0, sums[0].operands[0])
        total = parts[0]
        for part, recorded in zip(parts[1:], sums, strict=False):
            total = self._add(recorded, operands=(total, part), rule_of=None, name=self._name(node, recorded))
        return total

    def _rule(self, edge: Edge) -> Node:
        """What one rule made, from the gradient of its op's result and forward values."""
        incoming, contribution = self._captured.gradients[edge[0]], self._captured.contributions[edge]
        known = {incoming: self._gradients[edge[0]]}
        name = self._name(edge[0].operands[edge[1]], contribution)
        if contribution is not incoming and contribution not in self._forward:
            return self._copied(contribution, known, edge, name)
        passed, empty = known.get(contribution, contribution), MappingProxyType[str, Any]({})
        return self._add(passed, op=stop_gradient.op, operands=(passed,), params=empty, name=name, rule_of=edge)

    def _copied(self, top: Node, known: Mapping[Node, Node], edge: Edge | None, name: str | None) -> Node:
        """A backward node and what it rests on, down to the gradient that is known and the forward values."""
        made = dict(known)
        for node in needed([top], self._forward | set(known)):
            operands = tuple(made.get(x, x) if isinstance(x, Node) else x for x in node.operands)
            made[node] = self._add(node, operands=operands, rule_of=edge, name=name if node is top else None)
        return made[top]
