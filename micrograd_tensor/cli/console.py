"""The console that commands print on."""

from __future__ import annotations

import os

from rich.console import Console

UNKNOWN_WIDTH = 120
"""A file or a pipe has no width of its own."""


class _Console(Console):
    """A console that leaves a closed pipe, as of `head`, to the command, which then ends as it would have."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console() -> Console:
    """The terminal, as wide as it is, or else standard output."""
    made = _Console()
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = UNKNOWN_WIDTH
    return made
