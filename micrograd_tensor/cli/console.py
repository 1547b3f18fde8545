"""The console that commands print on."""

from __future__ import annotations

import os
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

_UNKNOWN_WIDTH = 120
"""The width of a file or a pipe, which has none of its own."""


class Terminal(Console):
    """A console for texts that stand as they are; a closed pipe, as of `head`, is the command's to handle."""

    def say(self, text: str, style: str = "") -> None:
        """Print a text without markup and without line breaks of the console's own."""
        self.print(Text(text, style), soft_wrap=True)

    def on_broken_pipe(self) -> None:  # noqa: D102 -- as declared
        raise BrokenPipeError


def console() -> Terminal:
    """The terminal, as wide as it is, or else standard output."""
    made = Terminal()
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = _UNKNOWN_WIDTH
    return made


def table(title: str, texts: Sequence[str], numbers: Sequence[str]) -> Table:
    """An empty table of columns for text and, to the right of them, columns for numbers."""
    made = Table(title=title, title_justify="left", title_style="bold")
    for heading in texts:
        made.add_column(heading)
    for heading in numbers:
        made.add_column(heading, justify="right", no_wrap=True)
    return made
