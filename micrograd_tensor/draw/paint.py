"""Paint: a placed scene, put on a canvas."""

from __future__ import annotations

from ..engine.recording import Scope
from .canvas import Canvas, Caption, Line, Painting
from .collapse import named
from .layout import LANE, TEXT_GAP, Frame, Layout
from .legend import SIGN, Entry
from .line_styles import LINE_STYLES
from .metrics import text_width
from .route import lanes, spline
from .scene import (
    BOXED,
    CAPTION,
    CAPTION_LINE,
    GATE,
    NAME,
    SAVED_GAP,
    SAVED_HEIGHT,
    VALUE,
    VALUE_LINE,
    Item,
    Scene,
    Wire,
    symbol_size,
)
from .theme import LIGHT

_BOXES = {
    "data": ("data", "ink", "1.2"),
    "output": ("data", "ink", "1.2"),
    "param": ("param", "ink", "1.2"),
    "constant": ("constant", "muted", "1.2"),
    "box": ("gate", "ink", "1.8"),
    "mark": ("gate", "muted", "0.8"),
    "error": ("fork", "backward", "1.8"),
}
"""The roles of the colours of fill and outline of each kind of box, and the width of its outline."""

_CIRCLES = {
    "gate": ("gate", "ink", "ink"),
    "gate-back": ("fork", "backward", "backward"),
    "fork": ("fork", "backward", "backward"),
    "split": ("ink", "ink", "ink"),
    "split-back": ("backward", "backward", "backward"),
}
"""The roles of the colours of fill, outline and text of what is no box, and of those in the backward pass."""

_ROUNDED = {"shape": "box", "style": "rounded,filled"}


def box_style(kind: str) -> dict[str, str]:
    """The look of a kind of box, in DOT."""
    fill, line, width = _BOXES[kind]
    style = "rounded,filled,dashed" if kind == "constant" else "rounded,filled"
    return {"style": style, "fillcolor": LIGHT[fill], "color": LIGHT[line], "penwidth": width}


def paint(scene: Scene, layout: Layout, legend: list[Entry]) -> Painting:
    """The DOT of a placed scene."""
    return Painter(scene, layout, legend).done()


class Painter(Canvas):
    """A canvas with a scene on it, to which more can be added."""

    def __init__(self, scene: Scene, layout: Layout, legend: list[Entry]) -> None:
        super().__init__(scene, layout.width, layout.height)
        first: dict[Scope, int] = {}  # a scope may have a frame in one line alone, where its first gate need not be
        for item in scene.items:
            for scope in named(item.scope) if item.kind in ("gate", "box") else ():
                first[scope] = min(first.get(scope, item.time[0]), item.time[0])
        for frame in layout.frames:
            self._frame(frame)
            if frame.scope in first:
                self.painting.frames[frame.id] = len(named(frame.scope)), first[frame.scope]
        for item in scene.items:
            self._item(item)
        for wire in scene.wires:
            self._wire(wire)
        for k, entry in enumerate(legend):
            self._entry(k, entry)

    def _frame(self, frame: Frame) -> None:
        x, width = (frame.left + frame.right) / 2, frame.right - frame.left
        y, height = (frame.top + frame.bottom) / 2, frame.bottom - frame.top
        self.painting.titles[frame.id] = f"scope {frame.name}"
        style = {"shape": "box", "class": "scope", "style": "rounded,filled", "penwidth": "1"}
        style |= {"fillcolor": LIGHT["scope"], "color": LIGHT["scope-line"]}
        self.node(frame.id, x, y, width, height, style)
        x = frame.left + 10 + text_width(frame.name, NAME, bold=True) / 2
        self.text(f"{frame.id}-name", Line(frame.name, x, frame.top + 12, NAME, True), "muted", "scope-name")

    def _item(self, item: Item) -> None:
        self.painting.titles[item.id] = item.title
        if item.is_box:
            self._box(item)
            return
        gate = item.kind == "gate"
        fill, outline, text = _CIRCLES[f"{item.kind}-back" if item.back else item.kind]
        style = {"fillcolor": LIGHT[fill], "color": LIGHT[outline]}
        line = None
        style |= {"shape": "circle", "style": "filled"} if item.width == item.height else _ROUNDED
        style["class"] = f"gate op-{item.op.name}{' failed' * (item.style == 'failed')}" if item.op else item.kind
        if item.lines:
            size = symbol_size(item.lines[0]) * item.height / (2 * GATE) if gate else 15.0
            line = Line(item.lines[0], item.x, item.y, size, not gate, LIGHT[text])
        if item.style:
            style["color"] = LIGHT[LINE_STYLES[item.style].colour]
            style["penwidth"] = "5" if item.style == "failed" else "3"
        self.node(item.id, item.x, item.y, item.width, item.height, style, line)
        if item.caption:
            bottom = item.y - item.height / 2 - TEXT_GAP
            lines = [
                Line(text, item.x, bottom - CAPTION_LINE * (k + 0.5), CAPTION, False)
                for k, text in enumerate(item.captions[::-1])
            ]
            self.texts(f"{item.id}-stage", lines[::-1], "muted", "stage")
        if item.saved:
            self._saved(item)

    def _saved(self, item: Item) -> None:
        """The forward values that a gate of the backward pass uses."""
        name, top = f"{item.id}-saved", item.y + item.height / 2
        width, y = text_width(item.saved, VALUE) + 12, top + SAVED_GAP + SAVED_HEIGHT / 2
        look = {"style": "rounded,filled", "fillcolor": LIGHT["constant"], "color": LIGHT["muted"], "penwidth": "1"}
        self.node(name, item.x, y, width, SAVED_HEIGHT, {"shape": "box", **look, "class": "constant"})
        self.text(f"{name}-name", Line(item.saved, item.x, y, VALUE, False), "ink", "line")
        way = spline([(item.x, top + SAVED_GAP), (item.x, top + 1.6)], head=True)
        self.edge((name, item.id), f"{name}-fwd", way, **LINE_STYLES["forward"].line)

    def _box(self, item: Item) -> None:
        kind = item.fill or item.kind
        style = {"shape": "box", "class": kind, **box_style(kind)}
        if item.style:
            style |= {"color": LIGHT[LINE_STYLES[item.style].colour], "penwidth": "3"}
        self.node(item.id, item.x, item.y, item.width, item.height, style)
        (first, rest), between = ((VALUE, CAPTION), 12.0) if item.kind == "mark" else ((BOXED, VALUE), 14.0)
        y = item.y - between / 2 * (len(item.lines) - 1)
        for k, text in enumerate(item.lines):
            name = k < item.bold
            said = Line(text, item.x, y + between * k, first if name else rest, name)
            self.text(f"{item.id}-l{k - 1}" if k else f"{item.id}-name", said, "ink" if name else "muted", "line")

    def _wire(self, wire: Wire) -> None:
        forward, backward = lanes(wire)
        look, look_back = (LINE_STYLES[name] for name in wire.styles)
        gap = (LANE if wire.backward else 0.0) + TEXT_GAP
        self.painting.titles[wire.forward] = wire.title[0]
        style = look.line | ({"arrowhead": "none"} if wire.target.is_fork else {})
        above, under = wire.texts
        caption = Caption(above.bold, above.values, wire.x, wire.y - gap - above.height, look.texts)
        self.lane((wire.source.id, wire.target.id), wire.forward, forward, caption, **style)
        below = wire.y + gap
        if wire.backward and backward:
            self.painting.titles[wire.backward] = wire.title[1]
            caption = Caption(under.bold, under.values, wire.x, below, look_back.texts)
            self.lane((wire.target.id, wire.source.id), wire.backward, backward, caption, **look_back.line)
        elif wire.gradient:
            line = Line(wire.gradient, wire.x, below + VALUE_LINE / 2, VALUE, False)
            self.text(f"{wire.forward}-missing", line, "backward-value", "missing")

    def _entry(self, k: int, entry: Entry) -> None:
        name = f"legend-{k}"
        self._meaning(name, entry)
        if entry.sign in _BOXES:
            box = {"shape": "box", "class": "legend", **box_style(entry.sign)}
            self.node(f"{name}-sign", entry.x + 15, entry.y, 26, 13, box)
            return
        if entry.sign not in LINE_STYLES:
            adds = entry.sign in "+•"
            sign = Line(entry.sign, entry.x + 15, entry.y, 15.0 if adds else CAPTION, adds)
            self.text(f"{name}-sign", sign, "backward" if adds else "muted", "legend")
            return
        look = LINE_STYLES[entry.sign]
        start, tip = (entry.x + 30, entry.x) if look.back else (entry.x, entry.x + 30)
        ends = (f"{name}-start", f"{name}-tip")
        for end, x in zip(ends, (start, tip), strict=True):
            self.node(end, x, entry.y, 0.01, 0.01, {"shape": "none"})
        self.edge(ends, f"{name}-sign", spline([(start, entry.y), (tip, entry.y)], head=True), **look.line)

    def _meaning(self, name: str, entry: Entry) -> None:
        """What an entry of the legend says."""
        lines = [
            Line(text, entry.x + SIGN + text_width(text, VALUE) / 2, entry.y + VALUE_LINE * k, VALUE, False)
            for k, text in enumerate(entry.lines)
        ]
        self.texts(name, lines, "muted", "legend")
