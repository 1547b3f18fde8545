"""Steps: the backward pass as one small picture per step, from the output to the inputs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from ...graph import Graph, Node
from ...graph.nodes import Edge
from ...graph.stages import stages
from ...notation import WHOLE, counted, formula, shorten
from ..canvas import Line, Painting
from ..errors import DrawError
from ..labels import Labels
from ..layout import MARGIN, Frame, Layout
from ..legend import ADDED, CONTINUED, DETAILS, listed
from ..metrics import folded, text_width
from ..options import Options
from ..paint import Painter
from ..scene import NAME, NAME_LINE, VALUE, Item, Scene
from ..wrap import wrap
from .part import Part

TITLE, GAP = 52.0, 14.0
"""The height of a step's number and formula, and the distance of two steps."""

MAX_FORMULA = 60
"""The longest formula of a step, in characters."""


class _Step(NamedTuple):
    """A step: its id, its heading, the text next to it and that below it, its scene, and the latter's lines."""

    id: str
    heading: str
    gates: str
    whole: str
    scene: Scene
    layout: Layout
    formula: tuple[str, ...]

    @property
    def width(self) -> float:
        heading = text_width(self.heading, NAME, bold=True) + 16 + text_width(self.gates, VALUE)
        lines = (text_width(line, NAME, bold=True) for line in self.formula)
        return max(self.layout.width, max(heading, *lines) + 24)

    @property
    def title(self) -> float:
        """The height of its heading and its formula."""
        return TITLE + NAME_LINE * (len(self.formula) - 1)


def steps(graph: Graph, options: Options) -> Painting:
    """A panel for each step of the computation, last to first: its upstream, local rules and downstream."""
    room = math.inf if not options.strict or options.width is None else options.limit - 2 * MARGIN
    built = list(_steps(Labels(graph, options), room))
    if not built:
        raise DrawError("draw: view='steps' shows the gates of a graph, but this one has none")
    column = max(step.width for step in built)
    columns = _columns(column, options)
    shown, layout = Scene(bool(graph.gradients), detail=options.detail), Layout([], MARGIN, MARGIN)
    for first in range(0, len(built), columns):
        row = built[first : first + columns]
        title = max(step.title for step in row)
        height = title + max(step.layout.height for step in row)
        for k, step in enumerate(row):
            left = MARGIN + (column + GAP) * k
            _move(step, left + (column - step.layout.width) / 2, layout.height + title - MARGIN / 2)
            frame = Frame(step.id, step.heading, left, left + column, top=layout.height, bottom=layout.height + height)
            layout.frames.append(frame)
            layout.width = max(layout.width, left + column + MARGIN)
            shown.items += step.scene.items
            shown.wires += step.scene.wires
        layout.height += height + GAP
    painter = Painter(shown, layout, listed(_meanings(shown), layout))
    for step, frame in zip(built, layout.frames, strict=True):
        left, top = frame.left, frame.top
        x = left + 10 + text_width(step.heading, NAME, bold=True) + 12
        painter.text_from(f"{step.id}-gates", step.gates, x, top + 12, "muted", "line")
        lines = [
            Line(text, left + 10 + text_width(text, NAME, bold=True) / 2, top + 32 + NAME_LINE * k, NAME, True)
            for k, text in enumerate(step.formula)
        ]
        painter.texts(f"{step.id}-formula", lines, "ink", "line")
        painter.painting.titles[step.id] = f"{step.heading}, {step.gates}: {step.whole}"
    painting = painter.done()
    count = sum(step.heading != "Step 0" for step in built)
    painting.description = f"{counted(count, 'step')}, the last one first"
    return painting


def _steps(labels: Labels, room: float) -> Iterator[_Step]:
    """The steps, last to first, and then what arrives at leaves that are used several times; as wide as the room."""
    graph, called = labels.graph, labels.called

    def box(name: str, node: Node, _: Edge | None) -> Item:
        return labels.box(name, node, labels.kind(node))

    def made(name: str, heading: str, gates: str, text: str, scene: Scene) -> _Step:
        layout = wrap(scene, room, strict=False)
        for item in scene.items:
            item.id = f"{name}-{item.id}"
        for wire in scene.wires:
            wire.forward, wire.backward = f"{name}-{wire.forward}", wire.backward and f"{name}-{wire.backward}"
        formula = folded(shorten(text, MAX_FORMULA), room - 24, NAME, bold=True, anywhere=True) or ("",)
        return _Step(name, heading, gates, text, scene, layout, formula)

    groups = stages(graph)
    for k in range(len(groups), 0, -1):
        gates, last = groups[k - 1], groups[k - 1][-1]
        numbers = [str(called.numbers[node]) for node in gates]
        names = {node: name for node, name in called.stand_ins.items() if node not in gates}
        text, name = formula(last, names, dims=labels.dims, limit=WHOLE), called.values[last]
        text = text if name == text else f"{name} = {text}"
        word = "gate" if len(gates) == 1 else "gates"
        yield made(f"step-{k}", f"Step {k}", f"{word} {', '.join(numbers)}", text, Part(labels, box).gates(gates))
    for node in graph.nodes:
        if node.is_leaf and len(graph.contributions_to(node)) > 1:
            arriving = f"arriving at {called.values[node] or 'a leaf'}"
            scene = Part(labels, box).forks(node)
            yield made(f"step-0-{node.rank}", "Step 0", arriving, labels.total(node), scene)


def _columns(column: float, options: Options) -> int:
    """How many steps of this width fit next to each other."""
    least = math.ceil(column + 2 * MARGIN)
    width = options.page if options.width is None else options.limit
    if options.strict and width < least:
        raise DrawError(f"draw: width={width:g} is too narrow for the widest step; the least is {least}")
    return max(1, int((width - 2 * MARGIN + GAP) // (column + GAP)))


def _move(step: _Step, x: float, y: float) -> None:
    for item in step.scene.items:
        item.x, item.y = item.x + x, item.y + y
    for wire in step.scene.wires:
        wire.x, wire.y = wire.x + x, wire.y + y


def _meanings(shown: Scene) -> dict[str, str]:
    means = {"forward": "forward"}
    if any(wire.backward for wire in shown.wires):
        means["backward"] = f"backward: local rule; name{DETAILS[shown.detail]} of the gradient"
    if any(item.kind == "fork" for item in shown.items):
        means["+"] = ADDED
    if any(item.kind == "mark" for item in shown.items):
        means["…"] = CONTINUED
    return means
