"""Overlay: values forward and gradients back in one picture, and the views that are parts of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from ...graph import Graph, Node
from ...notation import counted
from ..build import scene
from ..canvas import Painting
from ..collapse import collapse
from ..legend import listed, meanings
from ..options import Options
from ..paint import paint
from ..plain import plain
from ..scene import Scene
from ..wrap import lay_out


def overlay(graph: Graph, options: Options) -> Painting:
    """The circuit, each wire with its value above and its gradient below."""
    collapsed = collapse(graph.nodes, options, graph.outputs, options.failed.gate.scope if options.failed else None)
    shown = scene(graph, options, collapsed)
    if options.engine == "dot":
        painting = plain(shown)
        painting.description = described(shown)
        return painting
    means = meanings(shown)
    layout = lay_out(shown, options, means)
    painting = paint(shown, layout, [] if options.within else listed(means, layout))
    painting.description = described(shown)
    return painting


def forward(graph: Graph, options: Options) -> Painting:
    """The circuit without its gradients, laid out as the overlay of both."""
    return overlay(Graph(graph.nodes, graph.outputs), options)


def ascii_view(graph: Graph, options: Options) -> Painting:
    """The picture that goes with the listing for terminals, whose width in columns does not concern it."""
    painting = overlay(graph, replace(options, width="page"))
    gates = sum(node.op is not None for node in graph.nodes)
    numbers = sum(not isinstance(x, Node) for node in graph.nodes for x in node.operands)
    leaves = counted(len(graph.nodes) - gates + numbers, "leaf", "leaves")
    passes = "forward and backward" if graph.gradients else "forward only"
    notes = [text for sign, text in painting.scene.notes.items() if sign == "?"]  # a listing has no boxes
    painting.description = "; ".join([f"{counted(gates, 'gate')}, {leaves}, {passes}", *notes])
    return painting


def described(shown: Scene) -> str:
    """The number of parts of a scene, in words."""
    kinds = {"gate": "gate", "box": "collapsed scope"} | dict.fromkeys(("data", "param", "constant"), "leaf")
    counts = Counter(kinds.get(item.kind, "") for item in shown.items)
    texts = [counted(counts["gate"], "gate")]
    if counts["collapsed scope"]:
        texts.append(counted(counts["collapsed scope"], "collapsed scope"))
    texts.append(counted(counts["leaf"], "leaf", "leaves"))
    texts.append("forward and backward" if shown.backward else "forward only")
    texts += [f"{item.op.name} failed" for item in shown.items if item.op and item.style == "failed"]
    return "; ".join([", ".join(texts), *shown.notes.values()])
