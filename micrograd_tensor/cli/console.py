"""The console that commands print on: nothing is cut, nothing controls the terminal, every sign is one that it has."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from ..notation.alphabet import spelled, visible

_UNKNOWN_WIDTH = 120
"""The width of a file or a pipe, which has none of its own."""
_LEAST = 12
"""The least width of a column of texts that are longer."""


class Terminal(Console):
    """A console for texts that stand as they are; a closed pipe, as of `head`, is the command's to handle."""

    def say(self, text: str, style: str = "") -> None:
        """Print a text without markup and without line breaks of the console's own."""
        self.print(Text(self.shown(text), style), soft_wrap=True)

    def shown(self, text: str) -> str:
        """The text as this terminal can show it."""
        return spelled(visible(text), self.encoding)

    def print(self, *objects: Any, **settings: Any) -> None:
        """Print, unless this is quiet; to a file or a pipe without the blanks that pad lines."""
        if self.is_terminal or self.quiet:
            super().print(*objects, **settings)
            return
        with self.capture() as captured:
            super().print(*objects, **settings)
        lines = captured.get().split("\n")
        self.file.write("\n".join(line.rstrip() for line in lines))

    def render(self, renderable: Any, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What is shown of anything; last of all without characters that control the terminal."""
        for segment in super().render(renderable, options):
            plain = segment.control or segment.text.isprintable()
            yield segment if plain else Segment(visible(segment.text), segment.style)

    def on_broken_pipe(self) -> None:  # noqa: D102 -- as declared
        raise BrokenPipeError


def console(quiet: bool = False) -> Terminal:
    """The terminal, as wide as it is, or else standard output; a quiet one prints nothing."""
    made = Terminal(file=sys.stdout, quiet=quiet)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = _UNKNOWN_WIDTH
    return made


def say(text: str) -> None:
    """Print a text on the console."""
    console().say(text)


@dataclass
class Rows:
    """A table of texts and, to the right of them, of numbers, as `rich` prints it.

    Numbers are never cut: texts are folded, and where not even that leaves room, each row becomes several lines.

    Attributes:
        title: above it.
        texts: the headings of columns for text.
        numbers: those of columns for numbers.
        cut: whether texts are cut instead.
    """

    title: str
    texts: Sequence[str]
    numbers: Sequence[str]
    cut: bool = False
    rows: list[tuple[Text, ...]] = field(default_factory=list)

    def add_row(self, *cells: str | Text) -> None:
        """Add a row, of as many cells as there are headings."""
        self.rows.append(tuple(cell if isinstance(cell, Text) else Text(cell) for cell in cells))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        shown = console.shown if isinstance(console, Terminal) else visible
        headings = [shown(heading) for heading in (*self.texts, *self.numbers)]
        rows = [[Text(shown(cell.plain), cell.style) for cell in row] for row in self.rows]
        columns = [[heading, *(row[k].plain for row in rows)] for k, heading in enumerate(headings)]
        widths = [max(cell_len(line) for cell in column for line in cell.split("\n")) for column in columns]
        framed = sum(widths) + 3 * len(widths) + 1 <= options.max_width
        room = options.max_width - (0 if framed else len(widths) - 1)
        while not framed and sum(widths) > room:
            long = [k for k in range(len(self.texts)) if widths[k] > _LEAST]
            if not long:
                yield from self._one_by_one(headings, rows)
                return
            widths[long[-1]] -= 1  # the first columns have names
        frame: dict[str, Any] = {} if framed else {"box": box.SIMPLE_HEAD, "show_edge": False, "padding": 0}
        made = Table(title=shown(self.title) or None, title_justify="left", title_style="bold", **frame)
        for k, (heading, width) in enumerate(zip(headings, widths, strict=True)):
            number = k >= len(self.texts)
            made.add_column(
                heading, width=width, justify="right" if number else "left", overflow="fold", no_wrap=number
            )
        for row in rows:
            made.add_row(*(self._fitted(cell, width, shown("…")) for cell, width in zip(row, widths, strict=True)))
        yield made

    def _fitted(self, cell: Text, width: int, dots: str) -> Text:
        if self.cut and cell_len(cell.plain) > width:
            return Text(set_cell_size(cell.plain, width - len(dots)) + dots, cell.style)
        return cell

    def _one_by_one(self, headings: Sequence[str], rows: Sequence[Sequence[Text]]) -> Iterable[Text]:
        """Each row as lines, the first of which is its first text."""
        if self.title:
            yield Text(self.title, "bold")
        for row in rows:
            cells = [(heading, cell) for heading, cell in zip(headings, row, strict=True) if cell.plain]
            for k, (heading, cell) in enumerate(cells):
                said = " ".join(heading.split())
                yield Text(f"  {said}: " if k and said else "").append_text(cell)


def table(title: str, texts: Sequence[str], numbers: Sequence[str], *, cut: bool = False) -> Rows:
    """An empty table of columns for text and, to the right of them, columns for numbers."""
    return Rows(title, texts, numbers, cut)
