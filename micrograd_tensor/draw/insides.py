"""Insides: the pictures of what is in the boxes of a picture, which a page opens in place, and of frames folded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import takewhile
from types import MappingProxyType
from typing import NamedTuple

from ..engine.recording import Scope
from ..graph import Graph, Node
from ..graph.part import part
from .collapse import Collapsed, collapse, named
from .labels import Labels
from .module import own_axes
from .options import Options, Within
from .repeats import Box

MARGIN = 14.0
"""Around an inside that is open, on each side."""

MOST = 400
"""How many gates the pictures of insides show in all, and those of folded frames; what is beyond does not change."""


class Picture(NamedTuple):
    """A picture as a file of its own, and what `Painting` tells of its frames."""

    svg: str
    frames: Mapping[str, tuple[int, int]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Inside:
    """A picture that a page shows beside its main one: what is in a box, or a picture with its frames folded to boxes.

    Attributes:
        box: the id of the box in the page, after the prefix of the picture that it is in; where frames are folded,
            what stands for this in its place.
        name: what the box is called.
        gates: of the whole graph.
        svg: the picture, as a file of its own.
        prefix: the start of every id in this picture.
        around: the boxes that are open where it is seen, itself included, and which pictures are folded there.
        frames: where frames are folded, by the id of each the boxes that stand for those around it, and its own.
    """

    box: str
    name: str
    gates: tuple[Node, ...]
    svg: str
    prefix: str
    around: tuple[str, ...]
    frames: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def folds(self) -> tuple[str, ...]:
        """The boxes that are frames in the picture that this one replaces, those around others before them."""
        return tuple(dict.fromkeys(chain[-1] for chain in sorted(self.frames.values(), key=len)))

    def _of(self, boxes: Collection[str], opens: Collection[str]) -> Inside:
        """With those of its frames of which the page has the boxes, and can open those around them."""
        frames = {
            frame: chain
            for frame, chain in self.frames.items()
            if chain[-1] in boxes and all(box in opens for box in chain[:-1])
        }
        return replace(self, frames=frames)


class _Shown(NamedTuple):
    """A picture whose boxes open and whose frames fold, and whether it is seen only where others are folded."""

    graph: Graph
    options: Options
    prefix: str
    frames: Mapping[str, tuple[int, int]]
    around: tuple[str, ...] = ()
    folded: bool = False


def insides(
    graph: Graph,
    options: Options,
    draw: Callable[[Graph, Options], Picture],
    frames: Mapping[str, tuple[int, int]] = MappingProxyType({}),
) -> list[Inside]:
    """The insides of all boxes in the picture of a graph, boxes in boxes after those around them, and folded pictures.

    In that of several equal scopes, which are drawn as one box, each is a box of its own. A box of more gates than
    there is room for has none.

    Args:
        graph: what the picture shows.
        options: of the picture.
        draw: paints a graph.
        frames: what `Painting` tells of the frames in the picture; those that are not told of do not fold.
    """
    return _Insides(graph, options, draw, frames).found


class _Insides:
    def __init__(
        self,
        graph: Graph,
        options: Options,
        draw: Callable[[Graph, Options], Picture],
        frames: Mapping[str, tuple[int, int]],
    ) -> None:
        self.found: list[Inside] = []
        self.boxes: set[str] = set()
        self.draw, self.rooms = draw, {False: MOST, True: MOST}
        if not frames and not collapse(graph.nodes, options, graph.outputs).boxes:
            return
        self.whole, labels = {node.rank: node for node in graph.nodes}, Labels(graph, options)
        self.kinds = {node.rank: labels.kind(node) for node in graph.nodes if node.is_leaf}
        self.called = labels.called
        if not collapse(graph.nodes, options, graph.outputs).boxes:  # which have letters of their own
            many = ((node, parts) for node in graph.nodes if len(parts := labels.parts(node)) > 1)
            letters = {
                node.rank: {part.edge and (part.edge[0].rank, part.edge[1]): part.letter for part in parts}
                for node, parts in many
            }
            options = replace(options, letters=letters)
        self.waiting = deque([_Shown(graph, options, "", frames)])
        self.later: deque[_Shown] = deque()  # what is seen only where frames are folded has what room is left
        while self.waiting or self.later:
            one = (self.waiting or self.later).popleft()
            shown = collapse(one.graph.nodes, one.options, one.graph.outputs)
            for box in shown.boxes:
                self.boxes.add(one.prefix + _id(box))
                self._open(one, box)
            if one.frames and not one.folded:
                self._fold(one, shown)
        opens = {inside.box for inside in self.found}
        self.found = [inside._of(self.boxes, opens) if inside.frames else inside for inside in self.found]

    def _open(self, one: _Shown, box: Box) -> None:
        """The picture of what is in a box; where frames are folded, its own scopes are boxes again."""
        if len(box.gates) > self.rooms[one.folded]:
            return
        self.rooms[one.folded] -= len(box.gates)
        around, settings = one.graph, one.options
        gates = tuple(self.whole[gate.rank] for gate in box.gates)
        inner = part(around, box.gates, {x: self.called.in_short(self.whole[x.rank]) for x in _entering(box)})
        outside = _common_depth(gates)
        within = Within(outside, self.called.numbers[gates[0]] - 1, self.kinds, len(box.scopes) > 1)
        depth = 0 if settings.depth is not None or within.apart else None
        dims = own_axes(inner, around, settings.dims)
        chosen = replace(settings, depth=depth, collapse=(), dims=dims, within=within, against=None)
        if settings.width is not None:
            chosen = replace(chosen, width="page", page=settings.limit - 2 * MARGIN)
        picture, name = self.draw(inner, chosen), one.prefix + _id(box)
        seen = _Shown(inner, chosen, f"in-{name}-", picture.frames, (*one.around, name), one.folded)
        self.found.append(Inside(name, box.name, gates, picture.svg, seen.prefix, seen.around))
        (self.later if one.folded else self.waiting).append(seen)

    def _fold(self, one: _Shown, shown: Collapsed) -> None:
        """The picture with each outermost scope as a box, and those of what is in these, if others may be open."""
        options = replace(one.options, folded=True)
        collapsed = collapse(one.graph.nodes, options, one.graph.outputs)
        several = len(set(one.frames.values())) > 1
        if collapsed.shown + several * collapsed.gates > self.rooms[True]:
            return
        self.rooms[True] -= collapsed.shown
        name, gates = f"{one.prefix}fold", tuple(self.whole[x.rank] for x in one.graph.nodes if x.op)
        folded = _Shown(one.graph, options, f"{name}-", {}, (*one.around, name), folded=True)
        svg = self.draw(one.graph, options).svg
        frames = dict(_chains(one, shown))
        self.found.append(Inside(name, "", gates, svg, folded.prefix, folded.around, frames))
        if several:
            self.later.append(folded)
        else:
            self.boxes.update(folded.prefix + _id(box) for box in collapsed.boxes)


def _id(box: Box) -> str:
    """The id of a box in its picture."""
    return f"box-{box.gates[0].rank}"


def _chains(one: _Shown, shown: Collapsed) -> Iterator[tuple[str, tuple[str, ...]]]:
    """For each frame of a picture the boxes that stand for the scopes around it, and for its own."""
    first: dict[Scope, int] = {}
    for node in one.graph.nodes:
        for scope in named(shown.frames.get(node.scope)) if node.op else ():
            first.setdefault(scope, node.rank)
    scopes = {(len(named(scope)), rank): named(scope) for scope, rank in first.items()}
    for frame, place in one.frames.items():
        chain, prefix = [], f"{one.prefix}fold-"
        for scope in scopes[place]:
            chain.append(f"{prefix}box-{first[scope]}")
            prefix = f"in-{chain[-1]}-"
        yield one.prefix + frame, tuple(chain)


def _entering(box: Box) -> dict[Node, None]:
    """The unnamed results that come into a box."""
    inside = set(box.gates)
    around = (x for gate in box.gates for x in gate.inputs if x not in inside)
    return dict.fromkeys(x for x in around if x.op is not None and x.name is None)


def _common_depth(gates: tuple[Node, ...]) -> int:
    """How many named scopes all of these were recorded in."""
    chains = zip(*(named(gate.scope) for gate in gates), strict=False)
    return sum(1 for _ in takewhile(lambda scopes: len(set(map(id, scopes))) == 1, chains))
