"""Part: a few gates of a circuit as a scene of their own, between boxes of their operands and of the result."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...graph import Node
from ...graph.nodes import Edge
from ..build import Builder
from ..labels import Labels
from ..scene import Item, Scene

MakeBox = Callable[[str, Node, "Edge | None"], Item]
"""Makes the box of a value, given its id: an operand's with its edge, a result's without."""


class Part(Builder):
    """Takes gates out of a circuit, with everything connected to them and the texts that the circuit has there."""

    def __init__(self, labels: Labels, make_box: MakeBox) -> None:
        super().__init__(labels)
        self._make_box = make_box

    def operand(self, edge: Edge) -> Item | None:
        """A box of its own for the operand of an edge."""
        (node, i), x = edge, edge[0].operands[edge[1]]
        return self._box(f"value-{node.rank}-{i}", x, edge) if isinstance(x, Node) else super().operand(edge)

    def _box(self, name: str, node: Node, edge: Edge | None) -> Item:
        item = self._make_box(name, node, edge)
        item.time = (edge[0].rank if edge else node.rank, 0)
        self.scene.items.append(item)
        return item

    def gates(self, nodes: Sequence[Node]) -> Scene:
        """Gates that lead to each other, operands before results."""
        for node in nodes:
            self.outlets[node] = self.gate(node)
        self.result(nodes[-1], self._make_box(f"value-{nodes[-1].rank}", nodes[-1], None))
        for item in self.scene.items:
            item.scope = None
        return self.scene

    def forks(self, node: Node) -> Scene:
        """A value with the uses that its gradients come from, up to the boxes of their results."""
        source = self.fork(node, self._box(f"value-{node.rank}", node, None))
        for k, use in enumerate(self.uses[node]):
            edge = use.edges[0] if use.edges else None
            end = self._box(f"use-{node.rank}-{k}", edge[0] if edge else node, edge)
            end.time, end.depth, end.kind, end.side = (node.rank + 1 + k, 2), 1, "output", False
            self.use(use, source, end, k)
            self.scene.wires[-1].name = self.scene.wires[-1].value = ""
        return self.scene
