"""HTML: a picture as a page of its own, with the player if it shows the whole circuit."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from ..graph import Graph
from . import player
from .inline import inline
from .insides import Picture, insides
from .options import Options
from .player.page import on_paper
from .verdicts import is_report

PLAYED = ("overlay", "forward", "ascii")
"""Views with the gates and wires that the player steps through."""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>:root{{color-scheme:light dark}}body{{margin:0}}svg{{max-width:100%;height:auto}}{paper}</style>
</head>
<body>
{svg}</body>
</html>
"""


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
        paper = on_paper(picture.svg, "svg")
        return _PAGE.format(title=escape(title), svg=inline(picture.svg), paper=paper)
    played = Graph(graph.nodes, graph.outputs) if view == "forward" else graph
    opened = insides(played, options, draw, picture.frames) if view in PLAYED and options.failed is None else []
    return player.page(played, picture.svg, title=title, report=options.against, dims=options.dims, insides=opened)
