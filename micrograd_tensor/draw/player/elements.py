"""Elements: which parts of the picture belong to which part of the graph, found by their ids."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...graph import Graph, Node
from ..scene import lane_ids, repeated

_ID = re.compile(r'\sid="([^"]+)"')
_LANE = re.compile(r"(edge-.+?-(?:fwd|bwd))(?:-.+)?")
_ITEM = re.compile(r"((?:node|fork|box|sink)-\d+)(?:-.+)?")


class Elements:
    """The ids in a picture, by what they belong to.

    A box stands for the gates hidden in it, and a lane into the box for the lanes into these.
    """

    def __init__(self, graph: Graph, svg: str) -> None:
        self._graph = graph
        self._parts: dict[str, list[str]] = {}
        self._ids: dict[str, None] = dict.fromkeys(_ID.findall(svg))
        for name in self._ids:
            match = _LANE.fullmatch(name) or (None if "-number-" in name else _ITEM.fullmatch(name))
            self._parts.setdefault(match[1] if match else name, []).append(name)
        self._boxes = {int(name[4:]): name for name in self._ids if re.fullmatch(r"box-\d+", name)}

    @property
    def has_boxes(self) -> bool:
        """Whether some gates are hidden in boxes."""
        return bool(self._boxes)

    def parts(self, names: Iterable[str]) -> list[str]:
        """The ids of elements with these names, with their captions and continuations; none for what is not shown."""
        return list(dict.fromkeys(part for name in names for part in self._parts.get(name, ())))

    def gate(self, node: Node) -> str:
        """The id of a gate or leaf, or of the box that it is in; empty if neither is shown."""
        name = f"node-{node.rank}"
        if name in self._ids:
            return name
        # The gates of a box follow each other, and its number is that of the first; a leaf in it is used by them alone.
        inside = node if node.op else next((user for user, _ in self._graph.users[node]), node)
        before = [rank for rank in self._boxes if rank <= inside.rank]
        return self._boxes[max(before)] if before else ""

    def fork(self, node: Node) -> str:
        """The id of the fork of a value; empty if it has none."""
        name = f"fork-{node.rank}"
        return name if name in self._ids else ""

    def into(self, node: Node) -> list[str]:
        """The lanes on which operands arrive at a gate; for leaves and numbers, all of their lanes."""
        lanes = []
        for i, x in enumerate(node.operands):
            if not isinstance(x, Node):
                lanes.append(f"edge-{node.rank}-number-{i}-fwd")
                continue
            lanes += self._between(node, i, "fwd")
            if x.op is None:
                lanes.append(f"edge-{x.rank}-fork-fwd")
        return self.parts(lanes)

    def out_of(self, node: Node) -> list[str]:
        """The lanes on which a result leaves its gate: as far as its fork, if any, and to an output."""
        lanes = [f"edge-{node.rank}-fork-fwd", f"edge-{node.rank}-out-fwd"]
        if not self.fork(node):
            lanes += [lane for user, i in self._graph.users[node] for lane in self._between(user, i, "fwd")]
        return self.parts(lanes)

    def back_to(self, node: Node, i: int, alone: bool) -> list[str]:
        """The lanes on which a gradient leaves a gate for an operand; beyond its fork, if no other arrives there."""
        lanes = self._between(node, i, "bwd")
        if alone:
            lanes.append(f"edge-fork-{node.operands[i].rank}-bwd")
        return self.parts(lanes)

    def _between(self, node: Node, i: int, way: str) -> list[str]:
        rank, gate = node.operands[i].rank, self.gate(node)
        in_box = gate.startswith("box-")
        ids = lane_ids(rank, gate) if in_box else lane_ids(rank, str(node.rank), repeated(node, i))
        return [name for name in ids if name.endswith(way)]
