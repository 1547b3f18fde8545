"""Elements: which parts of the picture belong to which part of the graph, found by their ids."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ...graph import Graph, Node
from ..insides import Inside
from ..scene import lane_ids, repeated

_ID = re.compile(r'\sid="([^"]+)"')
Place = tuple[list[str], str]
"""Where something is seen: the boxes that are open there and the pictures that are folded, and the id it has there."""

_LANE = re.compile(r"(edge-.+?-(?:fwd|bwd))(?:-.+)?")
_ITEM = re.compile(r"((?:node|fork|box|sink)-\d+)(?:-.+)?")


class Elements:
    """The ids in a picture, by what they belong to.

    A box stands for the gates hidden in it, and a lane into the box for the lanes into these.

    Args:
        graph: the whole graph, of which the picture may show a part.
        svg: the picture.
    """

    def __init__(self, graph: Graph, svg: str) -> None:
        self._graph = graph
        self._parts: dict[str, list[str]] = {}
        self._ids: dict[str, None] = dict.fromkeys(_ID.findall(svg))
        for name in self._ids:
            match = _LANE.fullmatch(name) or (None if "-number-" in name else _ITEM.fullmatch(name))
            self._parts.setdefault(match[1] if match else name, []).append(name)
        self._boxes = {int(name[4:]): name for name in self._ids if re.fullmatch(r"box-\d+", name)}

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

    def shows(self, node: Node) -> bool:
        """Whether a gate or leaf itself is in the picture."""
        return f"node-{node.rank}" in self._ids

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


class _Picture(Elements):
    """The elements of one of several pictures in a page.

    Attributes:
        prefix: the start of its ids.
        inside: the gates that are in it, in boxes or not.
        around: the boxes that are open where it is seen, and the pictures that are folded there.
        plain: whether none is.
    """

    def __init__(
        self,
        graph: Graph,
        svg: str,
        inside: Sequence[Node],
        prefix: str = "",
        around: tuple[str, ...] = (),
        *,
        plain: bool = True,
    ) -> None:
        super().__init__(graph, svg)
        self.inside, self.prefix, self.around, self.plain = set(inside), prefix, around, plain

    def named(self, names: Iterable[str]) -> list[str]:
        """Ids of this picture, as they are in the page."""
        return [f"{self.prefix}{name}" for name in names if name]


@dataclass(frozen=True, slots=True)
class BoxIn:
    """A box in one of the pictures.

    Attributes:
        name: its id in the page.
        gates: by birth.
        opens: whether the page has a picture of its inside.
        around: the boxes that are open where this one is seen, and the pictures that are folded there.
        picture: the elements of the picture that it is in.
    """

    name: str
    gates: tuple[Node, ...]
    opens: bool
    around: tuple[str, ...]
    picture: _Picture


class Pictures:
    """The elements of a picture, and of the pictures of what is in its boxes: the ids that a page has for a node.

    What is seen of a node in several of them, such as a lane into a box and on in the picture of its inside, goes
    together. Where frames are folded other pictures take the place of these; a node has places there, too.

    Args:
        graph: the whole graph.
        svg: the picture of it.
        insides: of the boxes, and with frames folded.
    """

    def __init__(self, graph: Graph, svg: str, insides: Sequence[Inside] = ()) -> None:
        gates = [node for node in graph.nodes if node.op]
        folded = {inside.box for inside in insides if inside.frames}
        self._all = [_Picture(graph, svg, gates)]
        for inside in insides:
            plain = folded.isdisjoint(inside.around)
            self._all.append(_Picture(graph, inside.svg, inside.gates, inside.prefix, inside.around, plain=plain))
        opens = {inside.box for inside in insides} | {box for inside in insides for box in inside.folds}
        self.boxes = [
            BoxIn(picture.prefix + name, tuple(held), picture.prefix + name in opens, picture.around, picture)
            for picture in self._all
            for name, held in _boxes(picture, gates).items()
        ]
        self.merges = any(box.picture.plain for box in self.boxes)
        self._where = {node: [picture for picture in self._all if node in picture.inside] for node in gates}

    def _of(self, node: Node) -> list[_Picture]:
        """The pictures that a gate is in, or a leaf, from the outermost one in."""
        return self._where.get(node) or [picture for picture in self._all if picture.shows(node)] or self._all[:1]

    def shows(self, node: Node) -> bool:
        """Whether a gate or leaf itself is in one of the pictures, rather than hidden in a box."""
        return any(picture.shows(node) for picture in self._of(node))

    def gate(self, node: Node) -> list[Place]:
        """Where a gate or leaf is seen itself, or else the box that it is in."""
        pictures = [picture for picture in self._of(node) if picture.shows(node)] or self._of(node)[:1]
        return [([*picture.around], "".join(picture.named([picture.gate(node)]))) for picture in pictures]

    def fork(self, node: Node) -> list[Place]:
        """Where the fork of a value is seen."""
        return [([*picture.around], picture.prefix + fork) for picture in self._all if (fork := picture.fork(node))]

    def everywhere(self, name: str) -> list[Place]:
        """Where an element of the outermost picture is seen, whose frames may be folded."""
        found = [([*picture.around], picture.named(picture.parts([name]))[:1]) for picture in self._all]
        return [(around, ids[0]) for around, ids in found if ids and around in ([], ["fold"])]

    def spots(self, node: Node) -> list[str]:
        """The ids of a gate and its fork, with captions."""
        return self._joined(node, lambda picture: picture.parts([picture.gate(node), picture.fork(node)]))

    def into(self, node: Node) -> list[str]:
        """As `Elements.into`, in all pictures."""
        return self._joined(node, lambda picture: picture.into(node))

    def out_of(self, node: Node) -> list[str]:
        """As `Elements.out_of`, in all pictures."""
        return self._joined(node, lambda picture: picture.out_of(node))

    def back_to(self, node: Node, i: int, alone: bool) -> list[str]:
        """As `Elements.back_to`, in all pictures."""
        return self._joined(node, lambda picture: picture.back_to(node, i, alone))

    def parts(self, names: Iterable[str]) -> list[str]:
        """The ids of elements with these names, in all pictures."""
        names = list(names)
        return [name for picture in self._all for name in picture.named(picture.parts(names))]

    def _joined(self, node: Node, ids: Callable[[_Picture], list[str]]) -> list[str]:
        return list(dict.fromkeys(name for picture in self._of(node) for name in picture.named(ids(picture))))


def _boxes(picture: _Picture, gates: Sequence[Node]) -> dict[str, list[Node]]:
    """The gates in each box of a picture."""
    boxes: dict[str, list[Node]] = {}
    for node in gates:
        if node in picture.inside and not picture.shows(node) and (name := picture.gate(node)):
            boxes.setdefault(name, []).append(node)
    return boxes
