"""Gate: one gate with its upstream, its local rules and its downstream gradients, all as heat maps."""

from __future__ import annotations

import re

from ...graph import Graph, Node
from ...graph.nodes import Edge
from ...notation import backward_lines, backward_lines_by_operand, forward_line, identifiers, printable, shorten
from ..canvas import Painting
from ..heat import Column, PanelPainter, column, panel
from ..labels import Labels
from ..layout import MARGIN, place
from ..legend import listed
from ..lookup import lookup
from ..metrics import text_width
from ..options import Options
from ..scene import GATE, NAME, Item, Scene
from .part import Part

RADIUS = 32.0
"""The radius of the gate."""

MAX_LINE = 120
"""The longest NumPy line shown, in characters."""

LINE, BESIDE = 19.0, 30.0
"""The height of a line of NumPy, and the distance of these lines from the circuit."""


def gate(graph: Graph, options: Options) -> Painting:
    """The gate that makes the requested value; for a leaf, the uses that its gradient comes from."""
    return _Builder(graph, options).painting


class _Builder:
    def __init__(self, graph: Graph, options: Options) -> None:
        self.graph, self.options = graph, options
        self.labels = Labels(graph, options)
        self.called = self.labels.called
        self.panels: dict[Item, list[Column]] = {}
        self.node = lookup(graph, options.at, self.called)
        called = self.called.values[self.node] or "the leaf"
        if self.node.op:
            shown = Part(self.labels, self._panel).gates([self.node])
            number = self.called.numbers[self.node]
            self.heading = f"Gate ({number}), {self.node.op.name}, as NumPy"
            shows = f"gate {number}, {self.node.op.name}"
            self._enlarge(shown)
        else:
            shown = Part(self.labels, self._use).forks(self.node)
            self.heading = f"The gradient of {called}, as NumPy"
            shows = f"leaf {called} and its uses"
        layout = place(shown)
        beside = next((item for item in shown.items if item.kind == "gate"), None)
        lines = self._lines()
        if beside is not None:
            left = beside.x + beside.width / 2 + BESIDE
            result = shown.items[-1]
            out = shown.wires[-1]
            top = max(result.y + result.height / 2, out.y + 9 + out.below.height, beside.y + beside.height / 2) + BESIDE
        else:
            left, top = MARGIN, layout.height + BESIDE / 2
        texts = [shorten(line, MAX_LINE) for line, _ in lines]
        widths = [text_width(text, NAME, bold=not k) for k, text in enumerate(texts)]
        layout.width = max(layout.width, left + max(widths, default=0.0) + MARGIN)
        layout.height = max(layout.height, top + LINE * len(lines) + MARGIN)
        entries = listed(self._meanings(shown), layout)
        painter = PanelPainter(shown, layout, entries, self.panels)
        for k, ((line, colour), text) in enumerate(zip(lines, texts, strict=True)):
            painter.text_from(f"numpy-{k}", text, left, top + LINE * k, colour, "line", NAME, bold=not k)
            painter.painting.titles[f"numpy-{k}"] = line
        self.painting = painter.done()
        self.painting.description = f"{shows}, {'forward and backward' if graph.gradients else 'forward only'}"

    def _meanings(self, shown: Scene) -> dict[str, str]:
        means = {"forward": "forward: value", "backward": "backward: local rule and gradient"}
        if not any(wire.backward for wire in shown.wires):
            del means["backward"]
        if any(each.shown for columns in self.panels.values() for each in columns):
            means["heat"] = "blue: negative, orange: positive, transparent: 0; the deeper, the larger in its array"
        return means

    def _enlarge(self, shown: Scene) -> None:
        item = next(item for item in shown.items if item.kind == "gate")
        item.width, item.height = item.width / (2 * GATE) * 2 * RADIUS, 2 * RADIUS
        shown.wires[-1].name = shorten(self.labels.formula(self.node), 40)

    # ------------------------------------------------------------------------------------------------------ panels

    def _panel(self, name: str, node: Node, edge: Edge | None) -> Item:
        """The panel of an operand, or of the result."""
        columns = [self._column("value", node, node)]
        if edge is None:
            if node.requires_grad:
                total = self.labels.total(node).rpartition(" = ")[2]
                heading = f"gradient {total}" if total else "gradient (upstream)"
                columns.append(self._column(heading, node, self.graph.gradients.get(node), True))
        elif node.requires_grad:
            columns.append(self._column(self._part(edge), node, self.graph.contributions.get(edge), True))
        return self._titled(name, node, columns)

    def _use(self, name: str, node: Node, edge: Edge | None) -> Item:
        """The panel of a leaf, or of the gradient that a use of it passes back."""
        if edge is not None:
            heading = f"{self._part(edge)}, from gate ({self.called.numbers[edge[0]]})"
            columns = [self._column(heading, self.node, self.graph.contributions.get(edge), True)]
            return self._titled(name, node, columns)
        if name.startswith("use"):
            columns = [self._column("gradient (upstream)", node, self.graph.upstreams.get(node), True)]
            return self._titled(name, node, columns, "output ")
        columns = [self._column("value", node, node)]
        if node.requires_grad:
            columns.append(self._column("gradient", node, self.graph.gradients.get(node), True))
        return self._titled(name, node, columns)

    def _titled(self, name: str, node: Node, columns: list[Column], before: str = "") -> Item:
        called = self.labels.name(node)
        shape = "" if self.options.detail == "name" or not node.shape else f"  {self.labels.shape(node)}"
        item = Item(name, "panel", (0, 0), f"{before}{called}{shape}", (f"{before}{called}{shape}",), shape=node.shape)
        self.panels[item] = columns
        return panel(item, columns)

    def _column(self, heading: str, owner: Node, node: Node | None, back: bool = False) -> Column:
        called = printable(owner.name) if owner.name else self.called.values[owner] or "value"
        what = (self.called.gradient(owner) or f"gradient of {called}") if back else called
        return column(heading, what, node, self.options.detail, back)

    def _part(self, edge: Edge) -> str:
        """The name of what an edge passes back: the whole gradient, or a part of it with its letter."""
        return f"gradient {self.labels.marks.get(self.labels.uses.of_edge[edge], '')}".strip()

    # ------------------------------------------------------------------------------------------------------- NumPy

    def _lines(self) -> list[tuple[str, str]]:
        """The lines of NumPy, each with the role of its colour."""
        if any(node.value is None for node in self.graph.nodes):
            return []
        names = identifiers(self.graph)
        if self.node.op:
            forward = forward_line(self.node, names.values).split("\n")
            back = list(backward_lines(self.graph, self.node, names))
        else:
            forward = []
            back = [line for (gate, i), _ in self.graph.contributions_to(self.node)
                    for line in backward_lines_by_operand(self.graph, gate, names).get(i, ())]  # fmt: skip
        lines = [(line, "ink") for line in forward] + [(line, "backward") for line in back]
        # Pictures call an unnamed value by its formula, if that is short; a program cannot.
        numbered = re.search(r"\by\d+\b", " ".join(line for line, _ in lines))
        note = "; y1 is the result of gate (1)" if numbered else ""
        heading = [(self.heading + note, "muted")] if lines else []
        return heading + lines
