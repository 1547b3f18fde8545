"""HTML: a picture as a page of its own, with the player if it shows the whole circuit."""

from __future__ import annotations

from collections.abc import Callable

from ..graph import Graph
from . import player
from .insides import Picture, insides
from .options import Options
from .verdicts import is_report

PLAYED = ("overlay", "forward", "ascii")
"""Views with the gates and wires that the player steps through."""


def page(
    graph: Graph,
    picture: Picture,
    title: str,
    view: str,
    options: Options,
    draw: Callable[[Graph, Options], Picture],
) -> str:
    """An HTML page of a picture, which loads nothing from outside.

    Args:
        graph: what the picture shows.
        picture: the picture as a file of its own.
        title: the title of the page.
        view: what the picture shows of the graph; one that shows all of it is played gate by gate.
        draw: paints what is in the boxes of the picture, which open in place.
        options: of the picture; where it shows the verdicts of a report, so does the player.
    """
    if view not in PLAYED and not is_report(options.against):
        return player.still(picture.svg, title=title)
    played = Graph(graph.nodes, graph.outputs) if view == "forward" else graph
    opened = insides(played, options, draw, picture.frames) if view in PLAYED and options.failed is None else []
    return player.page(played, picture.svg, title=title, report=options.against, dims=options.dims, insides=opened)
