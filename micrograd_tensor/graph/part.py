"""Part: some gates of a graph as a graph of its own, forward and backward, with what arrives there as upstream."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from itertools import count
from operator import add
from types import MappingProxyType
from typing import Any

from .cut import cut, needed
from .nodes import Edge, Graph, Node


def part(graph: Graph, gates: Iterable[Node], names: Mapping[Node, str] | None = None) -> Graph:
    """Some gates of a graph, with the values that come in as leaves and those that go out as outputs.

    The upstream of an output is what its uses elsewhere hand back to it, and its upstream in the whole graph; the
    gradient of a leaf is what these gates hand back to it. All of them are the recorded ones. The nodes are new; those
    of the forward pass keep their ranks.

    Args:
        graph: the whole graph.
        gates: forward nodes that ops made, one at least.
        names: new names of nodes.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> y = (mt.exp(x).named("s") * x).named("y")
    >>> captured = mt.graph(y * y, [1.0, 1.0])
    >>> print(part(captured, [captured["y"]]))
    0  x   leaf         (2,)
    1  s   leaf         (2,)
    2  y   mul 1, 0     (2,)
    3  dy  leaf         (2,)
    4  ds  mul 3, 0     (2,)  rule of 2 for operand 1
    5      mul 3, 1     (2,)  rule of 2 for operand 2
    """
    return _Part(graph, gates, names or {}).graph()


class _Part:
    def __init__(self, whole: Graph, gates: Iterable[Node], names: Mapping[Node, str]) -> None:
        self.whole, self.inside = whole, set(gates)
        self.around = {x for gate in self.inside for x in gate.inputs if x not in self.inside}
        ends = [node for node in whole.nodes if node in self.inside and self._is_end(node)]
        forward = cut(whole, ends, self.around, names)
        by_rank = {node.rank: node for node in forward.nodes}
        self.nodes, self.outputs = forward.nodes, forward.outputs
        self.new = {node: by_rank[node.rank] for node in (*self.inside, *self.around)}
        self.ranks = count(1 + max(by_rank))
        self.made: list[Node] = []
        self.contributions: dict[Edge, Node] = {}
        self.gradients: dict[Node, Node] = {}
        self.upstreams: dict[Node, Node] = {}

    def _is_end(self, node: Node) -> bool:
        """Whether a value goes out, or is used nowhere."""
        users = self.whole.users[node]
        return node in self.whole.outputs or not users or any(gate not in self.inside for gate, _ in users)

    def graph(self) -> Graph:
        """The part."""
        whole = self.whole
        for node in reversed(whole.nodes):
            if node not in self.new or node not in whole.gradients:
                continue
            new, within = self.new[node], self._parts(node, inside=True)
            outer = self._parts(node, inside=False) if node in self.inside else []
            if outer:
                self.upstreams[new] = self._given(node, outer, whole=not within)
                within.insert(0, self.upstreams[new])
            if within:
                self.gradients[new] = self._sum(node, within)
            for i in range(len(node.operands)):
                if node in self.inside and (node, i) in whole.contributions:
                    self.contributions[new, i] = self._copied(whole.contributions[node, i])
        return Graph(
            self.nodes,
            self.outputs,
            tuple(self.made),
            MappingProxyType(self.contributions),
            MappingProxyType(self.gradients),
            MappingProxyType(self.upstreams),
        )

    def _parts(self, node: Node, *, inside: bool) -> list[Node]:
        """What arrives at a node from uses in the part, already copied, or from those elsewhere, in the whole graph."""
        given = [] if inside or node not in self.whole.upstreams else [self.whole.upstreams[node]]
        arrived = [
            self.new[gradient] if inside else gradient
            for (gate, _), gradient in self.whole.contributions_to(node)
            if (gate in self.inside) == inside
        ]
        return [*given, *arrived]

    def _given(self, node: Node, parts: Sequence[Node], *, whole: bool) -> Node:
        """The upstream of an output."""
        old = self.whole.gradients[node] if whole else parts[0]
        if old in self.new:  # outputs whose sum is used elsewhere are given the same array
            return self.new[old]
        value = old.value if whole else _added(parts)
        nothing: Mapping[str, Any] = MappingProxyType({})
        given = replace(old, rank=next(self.ranks), op=None, operands=(), params=nothing, array=value, rule_of=None)
        given = replace(given, name=given.name or (f"d{node.name}" if node.name else None), requires_grad=True)
        self.made.append(given)
        if whole or len(parts) == 1:
            self.new[old] = given
        return given

    def _sum(self, node: Node, parts: Sequence[Node]) -> Node:
        """The gradient of a node: the recorded one, unless only a part of what it adds up arrives here."""
        old = self.whole.gradients[node]
        if len(parts) == 1:
            return parts[0]
        total = parts[0]
        for k, term in enumerate(parts[1:], 2):
            last = k == len(parts) and len(parts) == len(self.whole.contributions_to(node)) + (
                node in self.whole.upstreams
            )
            value = old.value if last else _added([total, term])
            name = old.name if k == len(parts) else None
            total = replace(old, rank=next(self.ranks), operands=(total, term), array=value, name=name, rule_of=None)
            self.made.append(total)
        self.new[old] = total
        return total

    def _copied(self, old: Node) -> Node:
        """A node of the backward pass, with all that it is made of."""
        for node in needed([old], self.new) if old not in self.new else ():
            operands = tuple(self.new[x] if isinstance(x, Node) else x for x in node.operands)
            edge = node.rule_of and (self.new[node.rule_of[0]], node.rule_of[1])
            self.new[node] = replace(node, rank=next(self.ranks), operands=operands, rule_of=edge)
            self.made.append(self.new[node])
        return self.new[old]


def _added(parts: Sequence[Node]) -> Any:
    values = [each.value for each in parts]
    return None if any(value is None for value in values) else reduce(add, values)
