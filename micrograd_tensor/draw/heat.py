"""Heat: an array as cells, coloured by sign and size, with its numbers; and panels of a value and its gradient."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..graph import Node
from ..notation import quantity, summary
from .canvas import Canvas, Line
from .layout import Layout
from .legend import Entry
from .metrics import text_width
from .paint import Painter
from .scene import BOXED, VALUE, VALUE_LINE, Item, Scene
from .theme import LIGHT

MAX_ROWS, MAX_COLUMNS = 12, 8
"""The largest part of an array that is shown."""

HEIGHT, LEAST_WIDTH, SIZE = 18.0, 26.0, 10.5
"""Height and least width of a cell; font size of its number."""

STRONG = {"positive": 0.6, "negative": 0.8}
"""In cells of at least this opacity, the number needs a colour of its own to be legible."""


class Cell(NamedTuple):
    """One element.

    Attributes:
        text: its value in a few characters.
        exact: its value in full.
        sign: ``positive``, ``negative``, or empty for elements without a colour: zero, False, NaN and infinities.
        opacity: the opacity of the colour.
        odd: whether it is a NaN or an infinity, which is marked.
    """

    text: str
    exact: str
    sign: str = ""
    opacity: float = 0.0
    odd: bool = False


class Heat(NamedTuple):
    """The part of an array that is shown.

    Attributes:
        cells: the cells by row; none if an array is empty or its elements are unknown.
        notes: which part it is, and the smallest and largest element.
        ndim: how many axes the array has.
    """

    cells: list[list[Cell]]
    notes: tuple[str, ...]
    ndim: int = 2

    def cell_index(self, i: int, j: int) -> str:
        """The index of a cell in the array, as NumPy writes it: ``[0, i, j]`` for three axes, ``[j]`` for a vector."""
        index = [*["0"] * (self.ndim - 2), str(i), str(j)][-self.ndim :] if self.ndim else []
        return f"[{', '.join(index)}]" if index else ""

    @property
    def cell_width(self) -> float:
        """The width of a cell: a little more than that of the longest number."""
        longest = max((text_width(cell.text, SIZE) for row in self.cells for cell in row), default=0.0)
        return max(LEAST_WIDTH, 2 * math.ceil(longest / 2) + 8)

    @property
    def width(self) -> float:
        """The width of all cells."""
        return self.cell_width * max(map(len, self.cells), default=0)

    @property
    def height(self) -> float:
        """The height of all cells."""
        return HEIGHT * len(self.cells)


def heat(array: Any) -> Heat:
    """The cells of an array: a matrix as it is, a vector as a row, a number as one cell, else the first matrix.

    Opacity is ``(|v| / max |v|) ** 0.8``, so zero is transparent.

    >>> shown = heat(np.array([1.0, -2.0, 0.0, np.nan]))
    >>> [(cell.text, cell.sign, round(cell.opacity, 2)) for cell in shown.cells[0]]
    [('1.00', 'positive', 0.57), ('−2.00', 'negative', 1.0), ('0', '', 0.0), ('NaN', '', 0.0)]
    >>> heat(np.ones((2, 30, 40))).notes
    ('[0, :12, :8] of (2, 30, 40)', '1.00')
    """
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biufc":
        return Heat([], ("values not known",))
    if not array.size:
        return Heat([], ("empty",))
    first = (0,) * (array.ndim - 2)
    matrix = np.atleast_2d(array[first])
    rows, columns = (min(n, most) for n, most in zip(matrix.shape, (MAX_ROWS, MAX_COLUMNS), strict=True))
    part = matrix[:rows, :columns]
    sizes, largest = magnitudes(part), largest_of(array)
    cells = [[_cell(part[i, j], float(sizes[i, j]), largest) for j in range(columns)] for i in range(rows)]
    note = () if part.size == array.size else (f"[{_index(array, rows, columns)}] of {array.shape}",)
    more = Cell("…", "")
    if columns < matrix.shape[1]:
        cells = [[*row, more] for row in cells]
    if rows < len(matrix):
        cells.append([more] * len(cells[0]))
    return Heat(cells, (*note, summary(array)), array.ndim)


def magnitudes(array: Any) -> Any:
    """The absolute numbers of an array, in no coarser dtype than float64."""
    with np.errstate(all="ignore"):
        return np.abs(array.astype(np.result_type(array, np.float64)))


def largest_of(array: Any) -> float:
    """The largest finite magnitude, by which colours are measured."""
    sizes = magnitudes(array)
    return float(np.max(sizes, where=np.isfinite(sizes), initial=0.0))


def _index(array: Any, rows: int, columns: int) -> str:
    """The part of an array that is shown, as NumPy writes it."""
    shown = [
        ":" if length <= most else f":{most}"
        for length, most in zip(array.shape[-2:], (rows, columns)[-array.ndim :], strict=True)
    ]
    return ", ".join(["0"] * (array.ndim - 2) + shown)


def _cell(value: Any, size: float, largest: float) -> Cell:
    text, exact = quantity(value), str(value)
    if not math.isfinite(size):
        return Cell(text, exact, odd=True)
    if not size or not largest:
        return Cell(text, exact)
    sign = "positive" if np.iscomplexobj(value) or value > 0 else "negative"
    return Cell(text, exact, sign, (size / largest) ** 0.8)


def paint_heat(canvas: Canvas, name: str, shown: Heat, left: float, top: float, what: str, colour: str) -> None:
    """Put the cells of an array on a canvas.

    Args:
        canvas: the canvas.
        name: the start of the cells' ids.
        shown: the cells.
        left: their left side.
        top: their upper side.
        what: what the array is called, for the titles of the cells.
        colour: the role of the frame's colour.
    """
    width = shown.cell_width
    for i, row in enumerate(shown.cells):
        for j, cell in enumerate(row):
            _paint_cell(canvas, f"{name}-{i}-{j}", cell, left + width * (j + 0.5), top + HEIGHT * (i + 0.5), width)
            if cell.exact:
                canvas.painting.titles[f"{name}-{i}-{j}"] = f"{what}{shown.cell_index(i, j)} = {cell.exact}"
    x, y = left + shown.width / 2, top + shown.height / 2
    look = {"shape": "box", "color": LIGHT[colour], "penwidth": "1", "class": "cells"}
    canvas.node(f"{name}-frame", x, y, shown.width + 2, shown.height + 2, look)


def _paint_cell(canvas: Canvas, name: str, cell: Cell, x: float, y: float, width: float) -> None:
    strong = cell.sign and cell.opacity >= STRONG[cell.sign]
    look = {"shape": "none"}
    if cell.sign:
        fill = f"{LIGHT[cell.sign]}{round(255 * cell.opacity):02x}"
        look = {"shape": "box", "style": "filled", "fillcolor": fill, "color": "transparent"}
    elif cell.odd:
        look = {"shape": "box", "style": "dashed", "color": LIGHT["muted"], "penwidth": "1"}
    line = Line(cell.text, x, y, SIZE, False, LIGHT[f"on-{cell.sign}" if strong else "ink"])
    canvas.node(name, x, y, width - 1, HEIGHT - 1, {**look, "class": "cell"}, line)


# ------------------------------------------------------------------------------------------------------------- panels

PADDING, GAP, TITLE, HEADING = 14.0, 18.0, 24.0, 18.0
"""Around what is in a panel, between two columns of it, and the heights of its title and of a column's heading."""


@dataclass(frozen=True, slots=True)
class Column:
    """An array in a panel: its heading, its cells, and whether it is a gradient.

    Attributes:
        heading: what it is.
        what: what it is called, for the titles of its cells.
        shown: its cells, or None for a heading alone.
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
        """The width of the cells, or of the text above and below them."""
        lines = max(text_width(text, VALUE) for text in (self.heading, *self.notes))
        return max(lines, self.shown.width if self.shown else 0.0)

    @property
    def height(self) -> float:
        """The height of the heading, the cells and the notes."""
        return HEADING + (self.shown.height + 4 if self.shown else 0.0) + VALUE_LINE * len(self.notes)


def column(heading: str, what: str, node: Node | None, detail: str, back: bool = False) -> Column:
    """The column of a node's value, or a dash if it was not computed."""
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
        self.node(item.id, item.x, item.y, item.width, item.height, {"shape": "box", **look, "class": "panel"})
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
        self._meaning(f"legend-{k}", entry)
        for part, (sign, strength) in enumerate(
            (("negative", ""), ("negative", "40"), ("positive", "40"), ("positive", ""))
        ):
            fill = {"style": "filled", "fillcolor": LIGHT[sign] + strength, "color": "transparent", "class": "legend"}
            self.node(f"legend-{k}-sign-{part}", entry.x + 4 + 8 * part, entry.y, 8, 10, {"shape": "box", **fill})

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
