"""Overlay: values forward and gradients back in one picture."""

from __future__ import annotations

from ...graph import Graph
from ..build import scene
from ..legend import legend
from ..options import Options
from ..paint import Painting, paint
from ..place import place
from ..scene import Scene


def overlay(graph: Graph, options: Options) -> Painting:
    """The circuit, each wire with its value above and its gradient below."""
    shown = scene(graph, options.detail == "full", options.dims)
    layout = place(shown)
    painting = paint(shown, layout, legend(shown, layout))
    painting.description = described(shown)
    return painting


def described(shown: Scene) -> str:
    """What is in a scene, counted."""
    counts = {
        "gate": sum(item.kind == "gate" for item in shown.items),
        "leaf": sum(item.kind in ("data", "param", "constant") for item in shown.items),
    }
    words = [f"{n} {what if n == 1 else {'leaf': 'leaves'}.get(what, what + 's')}" for what, n in counts.items()]
    return f"{', '.join(words)}, {'forward and backward' if shown.backward else 'forward only'}"
