"""Uses: where the values of a graph are used in a picture, in which a box uses a value at most once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import add
from typing import Any

from ..engine.row import Permutation, Primitive, Reshape
from ..graph import Graph, Node
from ..graph.nodes import Edge
from .collapse import Collapsed
from .repeats import Box


@dataclass(frozen=True, slots=True, eq=False)
class Use:
    """A use of a value: by a gate as one operand, by a box, or as an output.

    Attributes:
        value: what is used.
        target: the gate or the box, or None for an output.
        edges: the graph's edges; none for an output, at least one for a box.
    """

    value: Node
    target: Node | Box | None
    edges: tuple[Edge, ...] = ()

    @property
    def box(self) -> Box | None:
        """The box that uses it, if it is one."""
        return self.target if isinstance(self.target, Box) else None

    @property
    def turn(self) -> Node:
        """The gate at whose turn it is drawn."""
        return self.box.gates[0] if self.box is not None else self.edges[0][0]


class Uses:
    """The uses of every value outside of the box that it was made in.

    Attributes:
        of_edge: the use that an edge of the graph belongs to; none for edges within a box.
        into: the values that enter each box, in the order of first use.
        owned: leaves that are used in only one box, and belong to it.
        leaves: the leaves of each box.
        data: the leaf where the main path starts.
    """

    def __init__(self, graph: Graph, collapsed: Collapsed) -> None:
        self._graph = graph
        box_of, outputs = collapsed.box_of, set(graph.outputs)
        self.of_edge: dict[Edge, Use] = {}
        self.into: dict[Box, list[Use]] = {box: [] for box in collapsed.boxes}
        self.leaves: dict[Box, list[Node]] = {box: [] for box in collapsed.boxes}
        self._uses: dict[Node, list[Use]] = {}
        for node in graph.nodes:
            by_target: dict[Any, list[Edge]] = {}
            for edge in graph.users[node]:
                box = box_of.get(edge[0])
                if box is None:
                    by_target[edge] = [edge]
                elif box is not box_of.get(node):
                    by_target.setdefault(box, []).append(edge)
            uses = [
                Use(node, target if isinstance(target, Box) else target[0], tuple(edges))
                for target, edges in by_target.items()
            ]
            self._uses[node] = [*uses, Use(node, None)] if node in outputs else uses
            self.of_edge |= {edge: use for use in uses for edge in use.edges}
        for node in graph.nodes:
            uses = self._uses[node]
            if node.op is None and len(uses) == 1 and uses[0].box is not None:
                self.leaves[uses[0].box].append(node)
        self.data = self._start([node for node in graph.nodes if node.op is not None])
        for box in collapsed.boxes:
            self._settle(box)
        self.owned = {leaf for leaves in self.leaves.values() for leaf in leaves}

    def __getitem__(self, node: Node) -> list[Use]:
        return self._uses[node]

    def _settle(self, box: Box) -> None:
        """The values that enter a box. The leaf where the main path starts does; if nothing else, so do all data."""
        inside = set(box.gates)
        taken: dict[Use, None] = {}
        for gate in box.gates:
            outside = (i for i, x in enumerate(gate.operands) if isinstance(x, Node) and x not in inside)
            taken.update(dict.fromkeys(self.of_edge[gate, i] for i in outside))
        own = dict.fromkeys(leaf for leaf in self.leaves[box] if leaf is not self.data)
        if all(use.value in own or use.value is self.data for use in taken):
            data = [leaf for leaf in own if leaf.name and not leaf.requires_grad]
            start = self._start(box.gates) if all(use.value is not self.data for use in taken) else None
            for leaf in [*data, *([start] if start else [])]:
                own.pop(leaf, None)
        self.leaves[box] = list(own)
        self.into[box] = [use for use in taken if use.value not in own]

    def _start(self, gates: Sequence[Node]) -> Node | None:
        """The leaf at the end of the way back from the last gate, by operands of its shape, else the longest way."""
        depth: dict[Node, int] = {}
        for gate in gates:
            before = max((depth.get(x, 0) for x in gate.inputs), default=0)
            depth[gate] = before + (not rearranges(gate.made_by))
        node = gates[-1] if gates else next(iter(self._graph.nodes), None)
        while node is not None and node in depth:
            node = max(node.inputs, key=partial(_straightness, node, depth))
        return node

    # ---------------------------------------------------------------------------------------------------- gradients

    def as_output(self, node: Node) -> Use:
        """The use of an output as such."""
        return self._uses[node][-1]

    def carries(self, use: Use) -> bool:
        """Whether a gradient comes back from a use."""
        if use.target is None:
            return use.value in self._graph.upstreams
        return any(edge in self._graph.contributions for edge in use.edges)

    def carrying(self, node: Node) -> list[Use]:
        """The uses that gradients come back from, in the order in which these are added up."""
        given = self._uses[node][-1:] if node in self._graph.upstreams else []
        parts = dict.fromkeys(given)
        for edge, _ in self._graph.contributions_to(node):
            if edge in self.of_edge:
                parts[self.of_edge[edge]] = None
        return list(parts)

    def added(self, node: Node, uses: Sequence[Use]) -> Node | None:
        """The summed gradient of these uses; the whole gradient where no other use contributes."""
        parts = [self._graph.upstreams[node]] if any(use.target is None for use in uses) else []
        edges = {edge for use in uses for edge in use.edges}
        parts += [part for edge, part in self._graph.contributions_to(node) if edge in edges]
        if not parts:
            return None
        everything = len(self._graph.contributions_to(node)) + (node in self._graph.upstreams)
        if len(parts) == everything:
            return self._graph.gradients[node]
        if len(parts) == 1:
            return parts[0]
        values = [part.value for part in parts]
        return replace(parts[0], array=None if any(part is None for part in values) else reduce(add, values))


def rearranges(op: Primitive) -> bool:
    """Whether an op changes no element and only gives the array other axes, as a transposition does."""
    return isinstance(op.reading, Permutation | Reshape)


def _straightness(node: Node, depth: Mapping[Node, int], x: Node) -> tuple[bool, bool, int, bool]:
    """An operand of the result's shape that gradients reach is on the main path, else the deepest one."""
    product = node.op is not None and node.op.contracts
    alike = not product and x.shape == node.shape
    return alike, x.op is None or x.requires_grad, depth.get(x, 0), product and x.op is None and not x.requires_grad
