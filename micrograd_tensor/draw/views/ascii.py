"""ASCII: the listing for terminals, which is text; where a picture is asked for, it is the overlay."""

from __future__ import annotations

from dataclasses import replace

from ...graph import Graph
from ..canvas import Painting
from ..options import Options
from .overlay import overlay


def ascii_view(graph: Graph, options: Options) -> Painting:
    """The circuit, whose width is not the listing's, which is in columns."""
    return overlay(graph, replace(options, width=None))
