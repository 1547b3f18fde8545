"""Path: what lies on the ways from one value to another, and what each way does to the gradient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from operator import add
from typing import Any, NamedTuple

from ...graph import Graph, Node, pull_back
from ...graph.axes import axis_names
from ...graph.nodes import Edge
from ...graph.paths import between, count_paths, paths
from ...notation import Called, cut, rule, summary
from ..build import scene
from ..canvas import Painting
from ..errors import DrawError
from ..layout import MARGIN, place
from ..legend import listed, meanings
from ..lookup import lookup
from ..metrics import text_width
from ..options import Options
from ..paint import Painter
from ..scene import NAME, VALUE, Item, Scene, Wire
from ..texts import boxed, lines
from .closeup import data

LISTED = 8
"""So many ways are listed one by one; more are only counted."""

LINE = 18.0
"""The height of a line of the list."""

LEAST_RULE, CHARACTER = 100, 8.0
"""In characters, of all rules along a way, and the width of one: what is longer is cut at the edge of the picture."""


class _Entry(NamedTuple):
    """A line below the picture: the pieces of its text, each with its colour and whether it is bold."""

    pieces: tuple[tuple[str, str, bool], ...]

    @property
    def width(self) -> float:
        return sum(text_width(text, NAME if bold else VALUE, bold) + 10 for text, _, bold in self.pieces)


def path(graph: Graph, options: Options) -> Painting:
    """The gates on the ways between two values; what else these gates take stands beside them in dashed boxes."""
    called = Called(graph)
    source, target = _ends(graph, options.at, called)
    shown = _Cut(graph, options, called, source, target)
    layout = place(shown.scene)
    shown.colour()
    longest = max(LEAST_RULE, int(layout.width / CHARACTER))
    entries = list(_listed_ways(graph, called, source, target, options, longest))
    top = layout.height + LINE / 2
    layout.width = max(layout.width, max(entry.width for entry in entries) + 2 * MARGIN)
    layout.height = top + LINE * len(entries)
    means = meanings(shown.scene)
    left_out = sum(node.op is not None for node in graph.nodes) - len(shown.gates)
    if left_out:
        gates = "1 gate lies" if left_out == 1 else f"{left_out} gates lie"
        means["…"] = f"left out: {gates} on no way; a dashed box is a value that comes from elsewhere"
    painter = Painter(shown.scene, layout, listed(means, layout))
    for k, entry in enumerate(entries):
        x = MARGIN
        for i, (text, colour, bold) in enumerate(piece for piece in entry.pieces if piece[0]):
            size = NAME if bold else VALUE
            painter.text_from(f"way-{k}-{i}", text, x, top + LINE * k, colour, "line", size, bold)
            x += text_width(text, size, bold) + 10
    painting = painter.done()
    said = f"{called.values[source] or 'a leaf'} to {called.values[target]}"
    painting.description = f"the ways from {said}, {len(shown.gates)} of {len(shown.gates) + left_out} gates"
    return painting


def _ends(graph: Graph, at: Any, called: Called) -> tuple[Node, Node]:
    """The two ends that are asked for; without the second it is the first output that a way leads to."""
    if isinstance(at, (tuple, list)):
        if len(at) != 2:
            raise DrawError(
                f"draw: at={at!r} has {len(at)} ends; give two, such as at=('x', 'out'), or one to start from"
            )
        source, target = (lookup(graph, end, called) for end in at)
    else:
        source = lookup(graph, at, called)
        target = next((out for out in graph.outputs if out is not source and between(graph, source, out)), source)
    names = [repr(called.values[end] or "the leaf") for end in (source, target)]
    if source is target:
        raise DrawError(f"draw: at={at!r} begins and ends at {names[0]}; give two values, the first before the second")
    if not between(graph, source, target):
        back = f"; one leads back, so ask for at=({names[1]}, {names[0]})" if between(graph, target, source) else ""
        raise DrawError(f"draw: no way leads from {names[0]} to {names[1]}{back}")
    return source, target


class _Cut:
    """The part of a circuit that lies between two values."""

    def __init__(self, graph: Graph, options: Options, called: Called, source: Node, target: Node) -> None:
        self.graph, self.options, self.called = graph, options, called
        self.circuit = scene(graph, Options(detail=options.detail, dims=options.dims))
        self.scene = Scene(bool(graph.gradients), self.circuit.numbered, detail=options.detail)
        self.inside = between(graph, source, target)
        self.gates = [node for node in graph.nodes if node.op and node in self.inside and node is not source]
        self.kinds: dict[Item, str] = {}
        self.items = {item.id: item for item in self.circuit.items}
        onward = {wire.source.id: wire for wire in self.circuit.wires}
        wires = {(wire.target.id, wire.operand): wire for wire in self.circuit.wires}
        start = self._box(f"node-{source.rank}", source, self._kind(source))
        start.time = self.items[start.id].time
        self._add(start)
        self._fork(source, start, onward)
        for node in self.gates:
            gate = self.items[f"node-{node.rank}"]
            for i in range(len(node.operands)):
                self._input(node, gate, i, wires[gate.id, i])
            self._add(gate)
            if node is not target:
                self._fork(node, gate, onward)
        self._end(target, onward[f"node-{target.rank}"])

    def _kind(self, source: Node) -> str:
        main = source.op is not None or source is data(self.graph, self.circuit)
        return "data" if main else self.items[f"node-{source.rank}"].kind

    def colour(self) -> None:
        """Colour the boxes; while they are placed all of them are side inputs."""
        for item, kind in self.kinds.items():
            item.kind = kind

    def _add(self, item: Item) -> None:
        self.items[item.id] = item
        self.scene.items.append(item)

    def _box(self, name: str, node: Node, kind: str) -> Item:
        called = self.called.values[node] or ("leaf" if node.requires_grad else "constant")
        title = f"{called}, which comes from elsewhere" if kind == "constant" else called
        item = Item(name, "param", (node.rank, 0), title, lines(called, node, self.options.detail), shape=node.shape)
        self.kinds[item] = kind
        return boxed(item)

    def _fork(self, node: Node, item: Item, onward: dict[str, Wire]) -> None:
        """The fork after a value; ways that go elsewhere leave no branch, though the sum still tells of them."""
        wire = onward[f"node-{node.rank}"]
        if wire.target.is_fork:
            fork = replace(wire.target, time=(item.time[0], item.time[1] + 1), scope=item.scope)
            self._add(fork)
            self.scene.wires.append(self._said(replace(wire, source=item, target=fork), item))

    def _input(self, node: Node, gate: Item, i: int, wire: Wire) -> None:
        operand = node.operands[i]
        if not isinstance(operand, Node):
            self._add(wire.source)
            self.scene.wires.append(wire)
        elif operand in self.inside:
            source = self.items[wire.source.id]
            self.scene.wires.append(self._said(replace(wire, source=source), source))
        else:
            box = self._box(f"{gate.id}-operand-{i}", operand, "constant")
            box.time, box.scope = (node.rank, 0), gate.scope
            box.shape, box.dead = (), True  # so that the way runs straight on, not what comes from aside
            self._add(box)
            aside = replace(wire, source=box, backward=None, name="", value="", rule=(), gradient="")
            self.scene.wires.append(aside)

    def _said(self, wire: Wire, source: Item) -> Wire:
        """A box says itself what is in it."""
        return replace(wire, name="", value="") if source.is_box else wire

    def _end(self, target: Node, trunk: Wire) -> None:
        box = self._box(f"sink-{target.rank}", target, "output")
        box.kind, box.time, box.depth = "output", (target.rank, 4), self.items[f"node-{target.rank}"].depth
        self._add(box)
        wire = replace(trunk, source=self.items[f"node-{target.rank}"], target=box, name="", value="")
        if target in self.graph.gradients:
            wire.backward = trunk.backward or f"edge-out-{target.rank}-bwd"
            wire.rule = trunk.rule if trunk.target.is_fork and trunk.rule else ("upstream",)
        self.scene.wires.append(wire)


# ------------------------------------------------------------------------------------------------------------ the ways


def _listed_ways(
    graph: Graph, called: Called, source: Node, target: Node, options: Options, longest: int
) -> list[_Entry]:
    """How many ways there are, and if these are few, what each does to the gradient."""
    count = count_paths(graph, target)[source]
    ends = [called.values[end] or "the leaf" for end in (source, target)]
    heading = f"{count:,} {'way leads' if count == 1 else 'ways lead'} from {ends[0]} to {ends[1]}"
    if count > LISTED:
        return [_Entry(((f"{heading}: more than are listed here", "ink", True),))]
    entries = [_Entry(((heading, "ink", True),))]
    taken = sorted(paths(graph, source, target), key=len)
    carried = [_carried(graph, target, way) for way in taken]
    names = _names(called, taken)
    for k, (way, gradient) in enumerate(zip(taken, carried, strict=True), 1):
        through = " → ".join([ends[0], *(called.values[edge[0]] for edge in way)])
        entries.append(_Entry(((f"{k}", "muted", False), (names[k - 1], "ink", True), (through, "muted", False))))
        if graph.gradients:
            entries.append(_rules(graph, called, way, gradient, options, longest))
    arrived = [gradient for gradient in carried if gradient is not None]
    if len(taken) > 1 and arrived and options.detail == "full":
        whole = _is_whole(graph, source, target)
        name = called.gradient(source) or "the gradient"
        total = f"{_described(reduce(add, arrived), options)}" + (f", which is {name}" if whole else "")
        part = "" if whole else f", a part of {name}, whose other ways do not pass {ends[1]}"
        said = (("sum", "backward", True), (total + part, "backward-value", False))
        entries.append(_Entry(said))
    return entries


def _rules(graph: Graph, called: Called, way: Sequence[Edge], gradient: Any, options: Options, longest: int) -> _Entry:
    """All rules along a way in one, from its end back to its start."""
    if gradient is None and any(edge not in graph.contributions for edge in way):
        return _Entry((("    no gradient comes back along it", "backward-value", False),))
    clauses = [
        clause
        for edge in reversed(way)
        for clause in rule(graph, edge, called.stand_ins, dims=axis_names(graph, options.dims))
    ]
    composite = ", ".join(clause for clause in clauses if clause != "× 1") or "× 1"
    upstream = called.gradient(way[-1][0]) or "upstream"
    text = (f"    {upstream}: {cut(composite, longest)}", "backward", True)
    return _Entry((text, (_described(gradient, options), "backward-value", False)))


def _described(gradient: Any, options: Options) -> str:
    if gradient is None or options.detail == "name":
        return ""
    return f"{gradient.shape}  {summary(gradient) if options.detail == 'full' else ''}".strip()


def _carried(graph: Graph, target: Node, way: Sequence[Edge]) -> Any:
    """What comes back along one way of the gradient at its end, or None where nothing does or values are not kept."""
    if any(edge not in graph.contributions for edge in way) or target not in graph.gradients:
        return None
    gradient = graph.gradients[target].value
    for edge in reversed(way):
        if gradient is None or any(node.value is None for node in graph.nodes):
            return None
        gradient = pull_back(graph, edge, gradient)
    return gradient


def _is_whole(graph: Graph, source: Node, target: Node) -> bool:
    """Whether whatever gradient arrives at the source has passed the target."""
    carries = graph.contributions.__contains__
    here = count_paths(graph, target, carries).get(source, 0)
    given = [count_paths(graph, out, carries) for out in graph.upstreams]
    return sum(ways.get(source, 0) for ways in given) == here * sum(ways.get(target, 0) for ways in given)


def _names(called: Called, taken: Sequence[Sequence[Edge]]) -> list[str]:
    """The shortest way is the direct one; the others are called by the smallest value of each of their detours."""
    shortest = {edge[0] for edge in min(taken, key=len)}
    found = []
    for way in taken:
        detours: list[list[Node]] = [[]]
        for node, _ in way:
            if node in shortest:
                detours.append([])
            else:
                detours[-1].append(node)
        smallest = [min(part, key=lambda node: (_size(node), node.name is None, node.rank)) for part in detours if part]
        through = " and ".join(called.values[node] for node in smallest)
        found.append(f"through {through}" if through else "direct")
    if len(taken) == 1:
        return ["direct"]
    return found


def _size(node: Node) -> int:
    size = 1
    for n in node.shape:
        size *= n
    return size
