"""Path: what lies on the paths from one value to another, and what each of them does to the gradient."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from operator import add
from typing import Any, NamedTuple

import numpy as np

from ...graph import Graph, Node, pull_back
from ...graph.nodes import Edge
from ...graph.nudges import nudged
from ...graph.paths import between, count_paths, paths
from ...notation import Called, counted, shorten, summary
from ..build import Builder
from ..canvas import Line, Painting
from ..collapse import LIMIT
from ..errors import DrawError
from ..labels import Labels
from ..layout import MARGIN
from ..legend import listed, meanings
from ..lookup import lookup
from ..metrics import folded, text_width
from ..options import Options
from ..paint import Painter
from ..scene import NAME, VALUE, Item
from ..uses import Use
from ..wrap import lay_out

MAX_LISTED = 8
"""The most paths that are listed one by one; more are only counted."""

LINE, INDENT = 18.0, 14.0
"""The height of a line of the list, and how far to the right one begins that belongs to the one above."""

MOST, MAX_RULE = 800.0, 400
"""How wide the list may make a picture, and the longest rules along a path, in characters."""


class _Entry(NamedTuple):
    """An entry below the picture: the pieces of its text, each with its colour and whether it is bold.

    The title has in full what the first piece is cut from.
    """

    pieces: tuple[tuple[str, str, bool], ...]
    title: str = ""
    indent: float = 0.0

    @property
    def width(self) -> float:
        return self.indent + sum(text_width(text, NAME if bold else VALUE, bold) + 10 for text, _, bold in self.pieces)


def path(graph: Graph, options: Options) -> Painting:
    """The gates on the paths between two values; what else these gates use is in dashed boxes."""
    labels = Labels(graph, options)
    called = labels.called
    source, target = _ends(graph, options.at, called)
    most = sum(node.op is not None for node in between(graph, source, target))
    if most > LIMIT:
        raise DrawError(
            f"draw: {most:,} gates lie between these two, and a picture shows {LIMIT:,} at most; take nearer ones"
        )
    shown = _Part(labels, source, target)
    means = meanings(shown.scene)
    left_out = sum(node.op is not None for node in graph.nodes) - len(shown.gates)
    if left_out:
        gates = counted(left_out, "gate lies", "gates lie")
        means["–"] = f"left out: {gates} on no path; a dashed box is a value that comes from elsewhere"
    layout = lay_out(shown.scene, options, means)
    entries = list(_listed_paths(labels, source, target))
    widest = max(entry.width for entry in entries) + 2 * MARGIN
    layout.width = max(layout.width, min(widest, options.limit, MOST))
    rows, y = [], layout.height + LINE / 2
    for entry in entries:
        rows.append([*_flowing(entry, y, layout.width - MARGIN)])
        y = rows[-1][-1][-1].y + LINE
    layout.height = y
    painter = Painter(shown.scene, layout, listed(means, layout))
    for k, (entry, row) in enumerate(zip(entries, rows, strict=True)):
        for i, (lines, (_, colour, _)) in enumerate(zip(row, entry.pieces, strict=True)):
            painter.texts(f"path-{k}-{i}", lines, colour, "line")
        painter.painting.titles[f"path-{k}-0"] = entry.title
    painting = painter.done()
    ends = f"{called.qualified(source) or 'a leaf'} to {called.qualified(target)}"
    painting.description = f"the paths from {ends}, {len(shown.gates)} of {len(shown.gates) + left_out} gates"
    return painting


def _flowing(entry: _Entry, y: float, right: float) -> Iterator[list[Line]]:
    """The lines of every piece of an entry, which go on below each other where there is no more room."""
    x = MARGIN + entry.indent
    for text, _, bold in entry.pieces:
        size = NAME if bold else VALUE
        if x + text_width(text, size, bold) > right and x > MARGIN + INDENT:
            x, y = MARGIN + INDENT, y + LINE
        lines = folded(text, right - x, size, bold, anywhere=True)
        widths = [text_width(line, size, bold) for line in lines]
        yield [Line(line, x + widths[k] / 2, y + LINE * k, size, bold) for k, line in enumerate(lines)]
        x, y = x + widths[-1] + 10, y + LINE * (len(lines) - 1)


def _ends(graph: Graph, at: Any, called: Called) -> tuple[Node, Node]:
    """The two requested ends; without the second it is the first output that a path leads to."""
    if isinstance(at, (tuple, list)):
        if len(at) != 2:
            raise DrawError(
                f"draw: at={at!r} has {len(at)} ends; give two, such as at=('x', 'out'), or one to start from"
            )
        source, target = (lookup(graph, end, called) for end in at)
    else:
        source = lookup(graph, at, called)
        target = next((out for out in graph.outputs if out is not source and between(graph, source, out)), source)
    names = [repr(called.qualified(end) or "the leaf") for end in (source, target)]
    if source is target:
        raise DrawError(f"draw: at={at!r} begins and ends at {names[0]}; give two values, the first before the second")
    if not between(graph, source, target):
        back = f"; one leads back, so ask for at=({names[1]}, {names[0]})" if between(graph, target, source) else ""
        raise DrawError(f"draw: no path leads from {names[0]} to {names[1]}{back}")
    return source, target


class _Part(Builder):
    """The part of a circuit that lies between two values; what comes from elsewhere leads to dashed boxes."""

    def __init__(self, labels: Labels, source: Node, target: Node) -> None:
        super().__init__(labels)
        self.inside = between(self.graph, source, target)
        self.gates = [node for node in self.graph.nodes if node.op and node in self.inside and node is not source]
        start = labels.box(f"node-{source.rank}", source, labels.kind(source))
        start.time = (source.rank, 2 if source.op else 0)
        self.scene.items.append(start)
        self.outlets[source] = self.fork(source, start)
        for node in self.gates:
            gate = self.gate(node)
            self.outlets[node] = gate if node is target else self.fork(node, gate)
        self.result(target, labels.box(f"sink-{target.rank}", target, "output"))
        self.framed()

    def operand(self, edge: Edge) -> Item | None:
        """A box of its own, without gradients, which lead nowhere from here."""
        (node, i), x = edge, edge[0].operands[edge[1]]
        if not isinstance(x, Node):
            return super().operand(edge)
        title = f"{self.labels.name(x)}, which comes from elsewhere"
        box = self.labels.box(f"node-{node.rank}-operand-{i}", x, "constant", title)
        box.time, box.scope = (node.rank, 0), node.scope
        box.shape, box.dead = (), True  # so that the path runs straight, not what joins it
        self.scene.items.append(box)
        return box

    def arriving(self, use: Use) -> Node | None:
        """The gradient that comes back from a use on the path."""
        return super().arriving(use) if use.value in self.inside else None


# ----------------------------------------------------------------------------------------------------------- the paths


def _listed_paths(labels: Labels, source: Node, target: Node) -> Iterator[_Entry]:
    """The number of paths and, if there are few, what each does to the gradient."""
    graph, called = labels.graph, labels.called
    count = count_paths(graph, target)[source]
    ends = [called.qualified(end) or "the leaf" for end in (source, target)]
    heading = f"{counted(count, 'path leads', 'paths lead')} from {ends[0]} to {ends[1]}"
    if count > MAX_LISTED:
        yield _Entry(((f"{heading}: more than are listed here", "ink", True),))
        return
    yield _Entry(((heading, "ink", True),))
    taken = sorted(paths(graph, source, target), key=len)
    carried = [_carried(graph, target, each) for each in taken]
    vanishing = [_is_rounding(graph, target, each, gradient) for each, gradient in zip(taken, carried, strict=True)]
    names = _names(called, taken)
    for k, (each, gradient) in enumerate(zip(taken, carried, strict=True), 1):
        through = " → ".join([ends[0], *(called.qualified(edge[0]) for edge in each)])
        yield _Entry(((f"{k}", "muted", False), (names[k - 1], "ink", True), (through, "muted", False)))
        if graph.gradients:
            yield _rules(labels, each, gradient, vanishing[k - 1])
    arrived = [gradient for gradient in carried if gradient is not None]
    if len(taken) > 1 and arrived and labels.detail == "full":
        whole, name = _is_whole(graph, source, target), called.gradient(source) or "the gradient"
        what = f"which is {name}" if whole else f"a part of {name}, whose other paths do not pass {ends[1]}"
        total = f"{_described(labels, source, reduce(add, arrived))}, {what}".strip()
        yield _Entry((("sum", "backward", True), (total, "backward-value", False)))


def _rules(labels: Labels, path: Sequence[Edge], gradient: Any, vanishing: bool) -> _Entry:
    """All rules along a path, from its end back to its start."""
    if gradient is None and any(edge not in labels.graph.contributions for edge in path):
        return _Entry((("no gradient comes back along it", "backward-value", False),), indent=INDENT)
    clauses = [clause for edge in reversed(path) for clause in labels.rule(edge)]
    composite = ", ".join(clause for clause in clauses if clause != "× 1") or "× 1"
    upstream = labels.called.gradient(path[-1][0]) or "upstream"
    text = (f"{upstream}: {shorten(composite, MAX_RULE)}", "backward", True)
    said = _described(labels, path[0][0].operands[path[0][1]], gradient, vanishing)
    pieces = (text, (said, "backward-value", False)) if said else (text,)
    return _Entry(pieces, f"{upstream}: {composite}", INDENT)


def _described(labels: Labels, source: Node, gradient: Any, vanishing: bool = False) -> str:
    """A part of the gradient of a value, which has its shape."""
    if gradient is None or labels.detail == "name":
        return ""
    elements = "" if labels.detail != "full" else "≈ 0" if vanishing else summary(gradient)
    return f"{labels.shape(source)}  {elements}".strip()


def _is_rounding(graph: Graph, target: Node, path: Sequence[Edge], gradient: Any) -> bool:
    """Whether what comes back along a path is what rounding leaves of sums that are zero: nudges then change all of it.

    What is merely small changes as little as anything else.
    """
    if not isinstance(gradient, np.ndarray | np.floating) or not np.any(gradient) or not np.isfinite(gradient).all():
        return False
    with np.errstate(all="ignore"):
        again = _carried(graph, target, path, nudged)
    return bool(2 * np.max(np.abs(again - gradient)) > np.max(np.abs(gradient)))


def _carried(
    graph: Graph, target: Node, path: Sequence[Edge], nudge: Callable[[Any, Any, int], Any] | None = None
) -> Any:
    """The gradient that comes back along one path, or None if none does or values are not kept."""
    if any(edge not in graph.contributions for edge in path) or target not in graph.gradients:
        return None
    gradient = graph.gradients[target].value
    for edge in reversed(path):
        if gradient is None or any(node.value is None for node in graph.nodes):
            return None
        gradient = pull_back(graph, edge, gradient if nudge is None else nudge(gradient, gradient.dtype, edge[0].rank))
    return gradient


def _is_whole(graph: Graph, source: Node, target: Node) -> bool:
    """Whether every gradient that arrives at the source has passed the target."""
    carries = graph.contributions.__contains__
    here = count_paths(graph, target, carries).get(source, 0)
    given = [count_paths(graph, out, carries) for out in graph.upstreams]
    return sum(n.get(source, 0) for n in given) == here * sum(n.get(target, 0) for n in given)


def _names(called: Called, taken: Sequence[Sequence[Edge]]) -> list[str]:
    """The shortest path is the direct one; the others are named by the smallest value of each of their detours."""
    shortest = {edge[0] for edge in min(taken, key=len)}
    found = []
    for each in taken:
        detours: list[list[Node]] = [[]]
        for node, _ in each:
            if node in shortest:
                detours.append([])
            else:
                detours[-1].append(node)
        smallest = (min(part, key=_size) for part in detours if part)
        through = " and ".join(called.qualified(node) for node in smallest)
        found.append(f"through {through}" if through else "direct")
    return found


def _size(node: Node) -> tuple[int, bool, int]:
    return math.prod(node.shape), node.name is None, node.rank
