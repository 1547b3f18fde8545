"""Heat: an array as cells, coloured by sign and size, with its numbers."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..notation import quantity, summary
from .canvas import Canvas, Line, escaped
from .metrics import text_width
from .theme import LIGHT

ROWS, COLUMNS = 12, 8
"""The greatest part of an array that is shown."""

HEIGHT, LEAST_WIDTH, SIZE = 18.0, 26.0, 10.5
"""Of a cell, and of the numbers in it."""

STRONG = {"positive": 0.6, "negative": 0.8}
"""From this opacity of a cell on, the number in it needs a colour of its own to be read."""


class Cell(NamedTuple):
    """One element.

    Attributes:
        text: in few characters.
        exact: in all.
        sign: ``positive``, ``negative``, or nothing for what has no colour: zero, False, NaN and infinities.
        opacity: of the colour.
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
        cells: by row; none of an array that is empty, or whose elements are not known.
        notes: what there is to say of it: which part it is, and its smallest and largest element.
        ndim: how many axes the array has.
    """

    cells: list[list[Cell]]
    notes: tuple[str, ...]
    ndim: int = 2

    def place(self, i: int, j: int) -> str:
        """Where in the array a cell is, as NumPy takes it: ``[0, i, j]`` in one of three axes, ``[j]`` in a vector."""
        place = [*["0"] * (self.ndim - 2), str(i), str(j)][-self.ndim :] if self.ndim else []
        return f"[{', '.join(place)}]" if place else ""

    @property
    def cell_width(self) -> float:
        """The width of a cell: that of the longest number and a little more."""
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
    """The cells of an array: a matrix as it is, a vector as a row, a number as one cell, of more axes the first matrix.

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
    rows, columns = (min(n, most) for n, most in zip(matrix.shape, (ROWS, COLUMNS), strict=True))
    part = matrix[:rows, :columns]
    with np.errstate(all="ignore"):
        sizes = np.abs(part.astype(np.result_type(part, np.float64)))
        whole = np.abs(array.astype(np.result_type(array, np.float64)))
    largest = float(np.max(whole, where=np.isfinite(whole), initial=0.0))
    cells = [[_cell(part[i, j], float(sizes[i, j]), largest) for j in range(columns)] for i in range(rows)]
    note = () if part.size == array.size else (f"[{_index(array, rows, columns)}] of {array.shape}",)
    more = Cell("…", "")
    if columns < matrix.shape[1]:
        cells = [[*row, more] for row in cells]
    if rows < len(matrix):
        cells.append([more] * len(cells[0]))
    return Heat(cells, (*note, summary(array)), array.ndim)


def _index(array: Any, rows: int, columns: int) -> str:
    """The part of an array that is shown, as NumPy takes it."""
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
        canvas: to put them on.
        name: that the ids of the cells begin with.
        shown: the cells.
        left: side of them.
        top: side of them.
        what: the array is called, for the titles of the cells.
        colour: the role of the frame's colour.
    """
    width = shown.cell_width
    for i, row in enumerate(shown.cells):
        for j, cell in enumerate(row):
            _paint_cell(canvas, f"{name}-{i}-{j}", cell, left + width * (j + 0.5), top + HEIGHT * (i + 0.5), width)
            if cell.exact:
                canvas.painting.titles[f"{name}-{i}-{j}"] = f"{what}{shown.place(i, j)} = {cell.exact}"
    x, y = left + shown.width / 2, top + shown.height / 2
    look = {"shape": "box", "color": LIGHT[colour], "penwidth": "1", "class": "cells"}
    canvas.node(f"{name}-frame", x, y, shown.width + 2, shown.height + 2, **look)


def _paint_cell(canvas: Canvas, name: str, cell: Cell, x: float, y: float, width: float) -> None:
    strong = cell.sign and cell.opacity >= STRONG[cell.sign]
    look = {"shape": "none"}
    if cell.sign:
        fill = f"{LIGHT[cell.sign]}{round(255 * cell.opacity):02x}"
        look = {"shape": "box", "style": "filled", "fillcolor": fill, "color": "transparent"}
    elif cell.odd:
        look = {"shape": "box", "style": "dashed", "color": LIGHT["muted"], "penwidth": "1"}
    look |= {"label": escaped(cell.text), "fontsize": f"{SIZE:g}", "class": "cell"}
    look["fontcolor"] = LIGHT[f"on-{cell.sign}" if strong else "ink"]
    canvas.painting.lines[name] = [Line(cell.text, x, y, SIZE, False)]
    canvas.node(name, x, y, width - 1, HEIGHT - 1, **look)
