"""Paint: a placed scene as DOT in which every position is given, so that Graphviz has nothing left to decide.

Every ``dot`` draws the same picture from it, because the file itself names the layout engine ``nop2``, which keeps
positions as they are. Where each line of text stands is kept beside the DOT, since Graphviz would place it by the fonts
of the machine it runs on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import graphviz

from .legend import SIGN, Entry
from .metrics import text_width
from .place import LANE, TEXT_GAP, Frame, Layout
from .route import lanes, spline
from .scene import BOXED, CAPTION, NAME, NAME_LINE, VALUE, VALUE_LINE, Item, Scene, Wire, symbol_size
from .theme import BOLD, FONT, LIGHT

POINTS = 72.0
"""To the inch, in which DOT gives sizes; positions are in points, and a point is a pixel here."""


_ARROWS = {
    "fwd": {"class": "fwd", "arrowhead": "normal", "style": "solid"},
    "bwd": {"class": "bwd", "arrowhead": "vee", "style": "dashed"},
}
"""Colour is not all that tells the two directions apart."""


class Line(NamedTuple):
    """A line of text and the middle of it, y downwards."""

    text: str
    x: float
    y: float
    size: float
    bold: bool


@dataclass(slots=True)
class Painting:
    """The DOT of a picture, and by the ids of its elements their lines of text and what they are.

    The description says in a few words what there is to be seen.
    """

    scene: Scene
    width: float
    height: float
    dot: str = ""
    description: str = ""
    lines: dict[str, list[Line]] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)


def paint(scene: Scene, layout: Layout, legend: list[Entry]) -> Painting:
    """The DOT of a placed scene."""
    return _Painter(scene, layout, legend).painting


class _Painter:
    def __init__(self, scene: Scene, layout: Layout, legend: list[Entry]) -> None:
        self.painting = Painting(scene, layout.width, layout.height)
        self.dot = graphviz.Digraph(
            "circuit",
            graph_attr={
                "layout": "nop2",
                "id": "circuit",
                "bgcolor": LIGHT["background"],
                "splines": "true",
                "outputorder": "nodesfirst",
                "pad": "0",
                "margin": "0",
                "notranslate": "true",
            },
            node_attr={"fixedsize": "true", "fontname": FONT, "label": "", "penwidth": "1.4"},
            edge_attr={
                "fontname": BOLD,
                "fontsize": f"{NAME:g}",
                "labelfontname": FONT,
                "labelfontsize": f"{VALUE:g}",
                "penwidth": "1.5",
                "arrowsize": "0.8",
            },
        )
        # Graphviz sizes the picture by what is in it; these two points keep it from measuring text for that.
        for k, (x, y) in enumerate(((0.0, layout.height), (layout.width, 0.0))):
            self._node(f"corner-{k}", x, y, 0.001, 0.001, shape="point", color="transparent")
        for frame in layout.frames:
            self._frame(frame)
        for item in scene.items:
            self._item(item)
        for wire in scene.wires:
            self._wire(wire)
        for k, entry in enumerate(legend):
            self._entry(k, entry)
        self.painting.dot = self.dot.source

    def _node(self, name: str, x: float, y: float, width: float, height: float, **attributes: str) -> None:
        self.dot.node(
            name,
            id=name,
            pos=f"{x:.2f},{-y:.2f}!",
            width=f"{width / POINTS:.5f}",
            height=f"{height / POINTS:.5f}",
            **attributes,
        )

    def _text(self, name: str, line: Line, colour: str, kind: str) -> None:
        self.painting.lines[name] = [line]
        self._node(
            name,
            line.x,
            line.y,
            0.01,
            0.01,
            label=_escaped(line.text),
            shape="none",
            fixedsize="shape",
            fontsize=f"{line.size:g}",
            fontname=BOLD if line.bold else FONT,
            fontcolor=LIGHT[colour],
            **{"class": kind},
        )

    def _frame(self, frame: Frame) -> None:
        width, height = frame.right - frame.left, frame.bottom - frame.top
        self.painting.titles[frame.id] = f"scope {frame.name}"
        self._node(
            frame.id,
            frame.left + width / 2,
            frame.top + height / 2,
            width,
            height,
            shape="box",
            style="rounded,filled",
            fillcolor=LIGHT["scope"],
            color=LIGHT["scope-line"],
            penwidth="1",
            **{"class": "scope"},
        )
        x = frame.left + 10 + text_width(frame.name, NAME, bold=True) / 2
        self._text(f"{frame.id}-name", Line(frame.name, x, frame.top + 12, NAME, True), "muted", "scope-name")

    def _item(self, item: Item) -> None:
        self.painting.titles[item.id] = item.title
        if item.is_box:
            self._box(item)
            return
        round_ = item.width == item.height
        gate = item.kind == "gate"
        style = {
            "gate": {"fillcolor": LIGHT["gate"], "color": LIGHT["ink"], "fontcolor": LIGHT["ink"]},
            "fork": {"fillcolor": LIGHT["fork"], "color": LIGHT["backward"], "fontcolor": LIGHT["backward"]},
            "split": {"fillcolor": LIGHT["ink"], "color": LIGHT["ink"]},
        }[item.kind]
        if item.lines:
            size = symbol_size(item.lines[0]) if gate else 15.0
            self.painting.lines[item.id] = [Line(item.lines[0], item.x, item.y, size, not gate)]
            style |= {"label": _escaped(item.lines[0]), "fontsize": f"{size:g}", "fontname": FONT if gate else BOLD}
        self._node(
            item.id,
            item.x,
            item.y,
            item.width,
            item.height,
            shape="circle" if round_ else "box",
            style="filled" if round_ else "rounded,filled",
            **style,
            **{"class": f"gate op-{item.op}" if gate else item.kind},
        )
        if item.caption:
            line = Line(item.caption, item.x, item.y - item.height / 2 - 10, CAPTION, False)
            self._text(f"{item.id}-stage", line, "muted", "stage")

    def _box(self, item: Item) -> None:
        constant = item.kind == "constant"
        self._node(
            item.id,
            item.x,
            item.y,
            item.width,
            item.height,
            shape="box",
            style="rounded,filled,dashed" if constant else "rounded,filled",
            fillcolor=LIGHT["data" if item.kind == "output" else item.kind],
            color=LIGHT["muted" if constant else "ink"],
            penwidth="1.2",
            **{"class": item.kind},
        )
        y = item.y - 7.0 * (len(item.lines) - 1)
        for k, text in enumerate(item.lines):
            line = Line(text, item.x, y + 14.0 * k, VALUE if k else BOXED, not k)
            self._text(f"{item.id}-l{k - 1}" if k else f"{item.id}-name", line, "muted" if k else "ink", "line")

    def _wire(self, wire: Wire) -> None:
        forward, backward = lanes(wire)
        beside = (LANE if wire.backward else 0.0) + TEXT_GAP
        bold = [wire.name] if wire.name else []
        top = wire.y - beside - wire.above
        passed_on = wire.target.is_fork
        self._lane(
            wire.source,
            wire.target,
            forward,
            wire.forward,
            top,
            (bold, wire.value),
            (wire.x, ("ink", "muted")),
            **_ARROWS["fwd"] | ({"arrowhead": "none"} if passed_on else {}),
        )
        self.painting.titles[wire.forward] = wire.title[0]
        below = wire.y + beside
        if wire.backward and backward:
            self.painting.titles[wire.backward] = wire.title[1]
            self._lane(
                wire.target,
                wire.source,
                backward,
                wire.backward,
                below,
                (list(wire.rule), wire.gradient),
                (wire.x, ("backward", "backward-value")),
                **_ARROWS["bwd"],
            )
        elif wire.gradient:
            line = Line(wire.gradient, wire.x, below + VALUE_LINE / 2, VALUE, False)
            self._text(f"{wire.forward}-missing", line, "backward-value", "missing")

    def _lane(
        self,
        start: Item,
        end: Item,
        spline: str,
        name: str,
        top: float,
        said: tuple[list[str], str],
        where: tuple[float, tuple[str, str]],
        **attributes: str,
    ) -> None:
        (bold, value), (x, (colour, colour_of_value)) = said, where
        attributes |= {"color": LIGHT[colour], "fontcolor": LIGHT[colour], "labelfontcolor": LIGHT[colour_of_value]}
        lines = [Line(text, x, top + NAME_LINE * (k + 0.5), NAME, True) for k, text in enumerate(bold)]
        if bold:
            middle = top + NAME_LINE * len(bold) / 2
            attributes |= {"label": _escaped(*bold), "lp": f"{x:.2f},{-middle:.2f}"}
        if value:
            middle = top + NAME_LINE * len(bold) + VALUE_LINE / 2
            lines.append(Line(value, x, middle, VALUE, False))
            attributes |= {"taillabel": _escaped(value), "tail_lp": f"{x:.2f},{-middle:.2f}"}
        self.painting.lines[name] = lines
        self.dot.edge(start.id, end.id, id=name, pos=spline, **attributes)

    def _entry(self, k: int, entry: Entry) -> None:
        name = f"legend-{k}"
        text = Line(entry.text, entry.x + SIGN + text_width(entry.text, VALUE) / 2, entry.y, VALUE, False)
        self._text(name, text, "muted", "legend")
        if entry.sign not in ("forward", "backward"):
            adds = entry.sign == "+"
            sign = Line(entry.sign, entry.x + 15, entry.y, 15.0 if adds else CAPTION, adds)
            self._text(f"{name}-sign", sign, "backward" if adds else "muted", "legend")
            return
        back = entry.sign == "backward"
        start, tip = (entry.x + 30, entry.x) if back else (entry.x, entry.x + 30)
        for end, x in (("start", start), ("tip", tip)):
            self._node(f"{name}-{end}", x, entry.y, 0.01, 0.01, shape="none")
        lane = spline([(start, entry.y), (tip, entry.y)], head=True)
        colour = LIGHT["backward" if back else "ink"]
        self.dot.edge(
            f"{name}-start",
            f"{name}-tip",
            id=f"{name}-sign",
            pos=lane,
            color=colour,
            **_ARROWS["bwd" if back else "fwd"],
        )


def _escaped(*lines: str) -> str:
    """Lines of text as DOT takes them for a label: nothing in them is an escape sequence, an entity or markup."""
    text: str = graphviz.nohtml("\\n".join(graphviz.escape(line.replace("&", "&amp;")) for line in lines))
    return text
