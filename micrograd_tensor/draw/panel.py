"""Panel: a box in which a value and its gradient are shown as heat maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..graph import Node
from .canvas import Line
from .heat import Heat, heat, paint_heat
from .legend import SIGN, Entry
from .metrics import text_width
from .paint import Painter
from .place import Layout
from .scene import BOXED, VALUE, VALUE_LINE, Item, Scene
from .theme import LIGHT

PADDING, GAP, TITLE, HEADING = 14.0, 18.0, 24.0, 18.0
"""Around what is in a panel, between two columns of it, and the heights of its title and of a column's heading."""


@dataclass(frozen=True, slots=True)
class Column:
    """An array in a panel: what it is, what is in it, and whether it is a gradient.

    Attributes:
        heading: what it is.
        what: it is called, for the titles of its cells.
        shown: its cells, or None where only what it is shall be said.
        notes: the lines below it.
        back: whether it is a gradient.
    """

    heading: str
    what: str
    shown: Heat | None
    notes: tuple[str, ...]
    back: bool

    @property
    def width(self) -> float:
        """The width of the cells or of what is written above and below them."""
        lines = max(text_width(text, VALUE) for text in (self.heading, *self.notes))
        return max(lines, self.shown.width if self.shown else 0.0)

    @property
    def height(self) -> float:
        """The height of the heading, the cells and the notes."""
        return HEADING + (self.shown.height + 4 if self.shown else 0.0) + VALUE_LINE * len(self.notes)


def column(heading: str, what: str, node: Node | None, detail: str, back: bool = False) -> Column:
    """The column of a node's value, or a dash for what was not computed."""
    if node is None:
        return Column(heading, what, None, ("—",), back)
    if detail != "full":
        return Column(heading, what, None, (str(node.shape),) if detail == "shape" else (), back)
    shown = heat(node.value)
    return Column(heading, what, shown if shown.cells else None, tuple(filter(None, shown.notes)), back)


def panel(item: Item, columns: list[Column]) -> Item:
    """The item, sized to its title, which is its first line, and to its columns."""
    inner = sum(each.width for each in columns) + GAP * (len(columns) - 1)
    item.width = round(max(inner, text_width(item.lines[0], BOXED, bold=True)) + 2 * PADDING)
    item.height = round(TITLE + max((each.height for each in columns), default=0.0) + PADDING)
    return item


class PanelPainter(Painter):
    """Paints a scene with panels in it."""

    def __init__(self, scene: Scene, layout: Layout, legend: list[Entry], panels: Mapping[Item, list[Column]]) -> None:
        self._panels = panels
        super().__init__(scene, layout, legend)

    def _item(self, item: Item) -> None:
        if item not in self._panels:
            super()._item(item)
            return
        self.painting.titles[item.id] = item.title
        look = {"fillcolor": LIGHT["scope"], "color": LIGHT["scope-line"], "penwidth": "1", "style": "rounded,filled"}
        self.node(item.id, item.x, item.y, item.width, item.height, shape="box", **look, **{"class": "panel"})
        columns = self._panels[item]
        top = item.y - item.height / 2
        title = Line(item.lines[0], item.x, top + 16, BOXED, True)
        self.text(f"{item.id}-name", title, "ink", "line")
        inner = sum(each.width for each in columns) + GAP * (len(columns) - 1)
        left = item.x - inner / 2
        for k, each in enumerate(columns):
            self._column(f"{item.id}-{k}", each, left, top + TITLE)
            left += each.width + GAP

    def _entry(self, k: int, entry: Entry) -> None:
        if entry.sign != "heat":
            super()._entry(k, entry)
            return
        self.text_from(f"legend-{k}", entry.text, entry.x + SIGN, entry.y, "muted", "legend")
        for part, (sign, strength) in enumerate(
            (("negative", ""), ("negative", "40"), ("positive", "40"), ("positive", ""))
        ):
            fill = {"style": "filled", "fillcolor": LIGHT[sign] + strength, "color": "transparent", "class": "legend"}
            self.node(f"legend-{k}-sign-{part}", entry.x + 4 + 8 * part, entry.y, 8, 10, shape="box", **fill)

    def _column(self, name: str, each: Column, left: float, top: float) -> None:
        x = left + each.width / 2
        colour = "backward" if each.back else "muted"
        self.text(f"{name}-heading", Line(each.heading, x, top + HEADING / 2, VALUE, False), colour, "line")
        y = top + HEADING
        if each.shown:
            frame = "backward" if each.back else "ink"
            paint_heat(self, name, each.shown, x - each.shown.width / 2, y, each.what, frame)
            y += each.shown.height + 4
        for k, note in enumerate(each.notes):
            line = Line(note, x, y + VALUE_LINE * (k + 0.5), VALUE, False)
            self.text(f"{name}-note-{k}", line, "backward-value" if each.back else "muted", "line")
