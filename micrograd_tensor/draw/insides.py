"""Insides: for the boxes of a picture the pictures of what is in them, which a page opens in place."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import takewhile

from ..graph import Graph, Node
from ..graph.part import part
from .collapse import collapse, named
from .labels import Labels
from .module import own_axes
from .options import Options, Within
from .repeats import Box

MARGIN = 14.0
"""Around an inside that is open, on each side."""

MOST = 400
"""How many gates the pictures of insides show in all; boxes beyond that stay closed."""


@dataclass(frozen=True, slots=True, eq=False)
class Inside:
    """What is in a box.

    Attributes:
        box: the id of the box in the page: that of the picture it is in, if it is one of these, before its own.
        name: what the box is called.
        gates: of the whole graph.
        svg: the picture, as a file of its own.
    """

    box: str
    name: str
    gates: tuple[Node, ...]
    svg: str

    @property
    def prefix(self) -> str:
        """The start of every id in this picture."""
        return f"in-{self.box}-"


def insides(graph: Graph, options: Options, draw: Callable[[Graph, Options], str]) -> list[Inside]:
    """The insides of all boxes in the picture of a graph, boxes in boxes after those around them.

    In that of several equal scopes, which are drawn as one box, each is a box of its own. A box of more gates than
    there is room for has none.

    Args:
        graph: what the picture shows.
        options: of the picture.
        draw: paints a graph as SVG text.
    """
    found: list[Inside] = []
    if not collapse(graph.nodes, options, graph.outputs).boxes:
        return found
    whole, labels = {node.rank: node for node in graph.nodes}, Labels(graph, options)
    kinds, called = {node.rank: labels.kind(node) for node in graph.nodes if node.is_leaf}, labels.called
    waiting, room = deque([(graph, options, "")]), MOST
    while waiting:
        around, settings, prefix = waiting.popleft()
        for box in collapse(around.nodes, settings, around.outputs).boxes:
            if len(box.gates) > room:
                continue
            room -= len(box.gates)
            gates = tuple(whole[gate.rank] for gate in box.gates)
            inner = part(around, box.gates, {x: called.in_short(whole[x.rank]) for x in _entering(box)})
            within = Within(_common_depth(gates), called.numbers[gates[0]] - 1, kinds, len(box.scopes) > 1)
            dims = own_axes(inner, around, settings.dims)
            one_by_one = settings.depth is not None or within.apart
            chosen = replace(
                settings, depth=0 if one_by_one else None, collapse=(), dims=dims, within=within, against=None
            )
            if settings.width is not None:
                chosen = replace(chosen, width="page", page=settings.limit - 2 * MARGIN)
            found.append(Inside(f"{prefix}box-{gates[0].rank}", box.name, gates, draw(inner, chosen)))
            waiting.append((inner, chosen, found[-1].prefix))
    return found


def _entering(box: Box) -> dict[Node, None]:
    """The unnamed results that come into a box."""
    inside = set(box.gates)
    around = (x for gate in box.gates for x in gate.inputs if x not in inside)
    return dict.fromkeys(x for x in around if x.op is not None and x.name is None)


def _common_depth(gates: tuple[Node, ...]) -> int:
    """How many named scopes all of these were recorded in."""
    chains = zip(*(named(gate.scope) for gate in gates), strict=False)
    return sum(1 for _ in takewhile(lambda scopes: len(set(map(id, scopes))) == 1, chains))
