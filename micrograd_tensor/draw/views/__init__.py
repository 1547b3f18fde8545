"""Views: what a picture shows of a graph, each in a file of its own, which makes a painting of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...graph import Graph
from ..options import Options
from ..paint import Painting
from .overlay import overlay

View = Callable[[Graph, Options], Painting]

VIEWS: Mapping[str, View] = {"overlay": overlay}
"""Every view by the name that `draw` knows it by."""
