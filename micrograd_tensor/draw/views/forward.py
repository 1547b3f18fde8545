"""Forward: the forward pass alone, where the overlay of both would have it."""

from __future__ import annotations

from ...graph import Graph
from ..canvas import Painting
from ..options import Options
from .overlay import overlay


def forward(graph: Graph, options: Options) -> Painting:
    """The circuit without the gradients that were recorded for it."""
    return overlay(Graph(graph.nodes, graph.outputs), options)
