"""Close-up: gates taken out of a circuit, with all that meets them and the texts that the circuit has there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ...graph import Graph, Node
from ...graph.nodes import Edge
from ...notation import Called
from ..build import scene
from ..options import Options
from ..rows import chains
from ..scene import Item, Scene, Wire

Box = Callable[[str, Node, "Edge | None"], Item]
"""Makes the box of a value, given its id: of an operand with its edge, of a result without."""


def data(graph: Graph, circuit: Scene) -> Node | None:
    """The leaf that the main path of a circuit starts from."""
    start = chains(circuit)[0].items[0].id
    return next((node for node in graph.nodes if node.is_leaf and f"node-{node.rank}" == start), None)


class CloseUp:
    """A circuit, out of which parts can be taken as scenes of their own."""

    def __init__(self, graph: Graph, options: Options) -> None:
        self.graph = graph
        self.called = Called(graph)
        self.circuit = scene(graph, Options(detail=options.detail, dims=options.dims))
        self._items = {item.id: item for item in self.circuit.items}
        self._wires = {(wire.target.id, wire.operand): wire for wire in self.circuit.wires}
        self._onward = {wire.source.id: wire for wire in self.circuit.wires}

    @property
    def data(self) -> Node | None:
        """The leaf that the main path starts from, which is shown as data rather than as a parameter."""
        return data(self.graph, self.circuit)

    def trunk(self, node: Node) -> Wire:
        """The wire that a value leaves by: to its fork, where it has one."""
        return self._onward[f"node-{node.rank}"]

    def gates(self, nodes: Sequence[Node], box: Box, prefix: str = "") -> Scene:
        """Gates that lead to each other, from the boxes of their operands to the box of the last one's result.

        Args:
            nodes: the gates, operands before results.
            box: makes the boxes.
            prefix: that all ids begin with.
        """
        taken = Scene(bool(self.graph.gradients))
        made: dict[Node, Item] = {}
        for node in nodes:
            old = self._items[f"node-{node.rank}"]
            gate = made[node] = replace(old, id=f"{prefix}{old.id}", scope=None, time=(node.rank, 2))
            gate.depth = 1 + max((made[x].depth for x in node.operands if x in made), default=0)
            for i, x in enumerate(node.operands):
                wire = self._wires[old.id, i]
                if isinstance(x, Node):
                    name = f"{prefix}{wire.forward.removeprefix('edge-').removesuffix('-fwd')}"
                    source = made.get(x) or box(f"{prefix}value-{name.removeprefix(prefix)}", x, (node, i))
                else:
                    source = replace(wire.source, id=f"{prefix}{wire.source.id}", scope=None)
                if source not in taken.items:
                    source.time, source.depth = (node.rank, 0), 0 if isinstance(x, Node) else -1
                    taken.items.append(source)
                taken.wires.append(self._copied(wire, source, gate, prefix, inner=x in made))
            taken.items.append(gate)
        last = nodes[-1]
        result = box(f"{prefix}value-{last.rank}", last, None)
        result.time, result.depth, result.kind = (last.rank, 3), made[last].depth, "output"
        taken.items.append(result)
        trunk = self.trunk(last)
        wire = self._copied(trunk, made[last], result, prefix, inner=False)
        if last in self.graph.gradients:
            wire.backward = f"{prefix}{trunk.backward or f'edge-upstream-{last.rank}-bwd'}"
            wire.rule = trunk.rule if trunk.target.is_fork and trunk.rule else ("upstream",)
        else:
            wire.backward, wire.rule = None, ()
        taken.wires.append(wire)
        return taken

    def forks(self, node: Node, box: Box, prefix: str = "") -> Scene:
        """A value, and the uses that its gradients come from, to the boxes of their results."""
        taken = Scene(bool(self.graph.gradients))
        start = box(f"{prefix}value-{node.rank}", node, None)
        start.time, start.depth = (node.rank, 0), 0
        taken.items.append(start)
        here = start
        onward = self._onward.get(f"node-{node.rank}")
        if onward is not None and onward.target.is_fork:
            here = replace(onward.target, id=f"{prefix}{onward.target.id}", scope=None, time=(node.rank, 1), depth=0)
            taken.items.append(here)
            taken.wires.append(self._copied(onward, start, here, prefix, inner=True))
        for wire in self.circuit.wires:
            if wire.source.id in (f"fork-{node.rank}", f"node-{node.rank}") and not wire.target.is_fork:
                used = next((edge for edge in self.graph.users[node] if (f"node-{edge[0].rank}", edge[1]) ==
                             (wire.target.id, wire.operand)), None)  # fmt: skip
                name = f"{prefix}use-{wire.forward.removeprefix('edge-').removesuffix('-fwd')}"
                end = box(name, used[0] if used else node, used)
                end.time, end.depth, end.kind = (node.rank + 1 + len(taken.items), 2), 1, "output"
                taken.items.append(end)
                taken.wires.append(self._copied(wire, here, end, prefix, inner=False))
        return taken

    def _copied(self, wire: Wire, source: Item, target: Item, prefix: str, inner: bool) -> Wire:
        """A wire between other items; what a box at its end says itself it does not say again."""
        back = f"{prefix}{wire.backward}" if wire.backward else None
        copy = replace(wire, source=source, target=target, forward=f"{prefix}{wire.forward}", backward=back)
        copy.leaves = copy.arrives = None
        if not inner:
            copy.name = copy.value = ""
        return copy
