"""Listing: a derivation as plain text for a terminal: a line for each formula, with its step and its shape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from unicodedata import combining

from ..notation import ONE_LINE
from .contents import Contents, Formula

_BLANK = "…"

MAX_COLUMN = 72
"""The widest formula, in characters, that others leave room for before their shapes."""


def listing(contents: Contents) -> str:
    """The listing: what is given, the steps forward and backward, and the closed form."""
    said, _ = contents.languages(ONE_LINE, _BLANK)
    given = ", ".join(f"{said.name(name).text} {shape}" for name, shape in contents.given.items())
    return "\n".join([contents.title, f"given {given}, and the gradient of the output", *_parts(contents)])


def _parts(contents: Contents) -> Iterator[str]:
    sections = [*contents.sections]
    said, back = contents.languages(ONE_LINE, _BLANK)
    for title, forward in (("forward", True), ("backward", False)):
        rows = [
            (f"({section.number})" if k == 0 else "", formula.write(said if forward else back), formula.shape)
            for section in sections
            if section.forward == forward
            for k, formula in enumerate(section.formulas)
        ]
        if rows:
            yield from ("", title, *_aligned(rows))
    if contents.closing:
        closed: Sequence[Formula] = contents.closed_form
        yield from ("", "closed form")
        yield from (_aligned([("", line.write(said), line.shape) for line in closed]) if closed else [contents.closing])


def _aligned(rows: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """Rows in columns; of a formula that is wider than its column the shape stands right behind it."""
    first = max(len(number) for number, _, _ in rows)
    widths = [sum(not combining(c) for c in text) for _, text, _ in rows]
    column = max((width for width in widths if width <= MAX_COLUMN), default=0)
    for (number, text, shape), width in zip(rows, widths, strict=True):
        yield f"{number:>{first}} {text}{' ' * (column - width)}  {shape}".rstrip()
