"""Report: everything that a comparison found, and the ways to show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..engine.errors import GradientError
from .found import Found
from .rendering.sentences import HINTS, headline

__all__ = ["Report"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Report(Found):
    """What `compare` found, with the ways to show it."""

    def raise_if_wrong(self) -> None:
        """Raise `GradientError` with the whole report unless nothing that was given is wrong."""
        if not self.ok:
            values, gradients = self.wrong_forward, [f"d{name}" for name in self.wrong]
            counts = [f"{len(gradients)} of the given gradients are wrong: {', '.join(gradients)}"] if gradients else []
            counts += [f"{len(values)} of the given forward values are wrong: {', '.join(values)}"] if values else []
            counts += [f"{key} could not be judged: {why}" for key, why in self.unjudged.items()]
            raise GradientError(f"{'; '.join(counts)}\n{self}")

    def text(self, *, hints: int = HINTS, width: int = 120) -> str:
        """The report as plain text.

        Args:
            hints: how much to say about a wrong stage: 0 nothing, 1 where it is, 2 also its kind, 3 also the fix.
            width: the width in characters.
        """
        from .rendering import terminal

        return terminal.text(self, hints=hints, width=width)

    def show(self, *, hints: int = HINTS) -> None:
        """Print the report, in colour where the terminal has it; ``hints`` as in `text`."""
        from .rendering import terminal

        terminal.show(self, hints=hints)

    def to_html(
        self, *, about: str = "", source: Sequence[tuple[int, str]] = (), circuit: str = "", but: str = ""
    ) -> str:
        """A page of its own, on which the hints for each wrong stage unfold one by one.

        Args:
            about: what was judged, and with what, in a line.
            source: the numbered lines of the backward pass; those that assign a gradient are marked by its verdict.
            circuit: a picture as SVG, such as ``mt.draw(out, dout, view="difference", against=report).inline()``.
            but: what is not right though the gradients are, in a sentence after the verdict.
        """
        from .rendering import html

        return html.page(self, about=about, source=source, circuit=circuit, but=but)

    def to_json(self) -> str:
        """The report as JSON."""
        from .rendering import json

        return json.text(self)

    def __repr__(self) -> str:
        return f"<Report: {headline(self)}>"

    def __str__(self) -> str:
        return self.text()

    def __rich__(self) -> Any:
        from .rendering import terminal

        return terminal.Shown(self)

    def _repr_html_(self) -> str:
        from .rendering import html

        return html.fragment(self)
