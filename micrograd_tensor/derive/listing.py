"""Listing: a derivation as plain text for a terminal: a line for each formula, with its step and its shape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..notation import ONE_LINE
from .contents import Contents, Formula

_BLANK = "…"

MAX_COLUMN = 72
"""The widest formula, in characters, that others leave room for before their shapes."""


def listing(contents: Contents) -> str:
    """The listing: what is given, the steps forward and backward, and the closed form."""
    given = ", ".join(f"{name} {shape}" for name, shape in contents.given.items())
    return "\n".join([contents.title, f"given {given}, and the gradient of the output", *_parts(contents)])


def _parts(contents: Contents) -> Iterator[str]:
    sections = [*contents.sections]
    back = ONE_LINE.blanked(_BLANK) if contents.exercise else ONE_LINE
    for title, forward, said in (("forward", True, ONE_LINE), ("backward", False, back)):
        rows = [
            (f"({section.number})" if k == 0 else "", formula.write(said), formula.shape)
            for section in sections
            if section.forward == forward
            for k, formula in enumerate(section.formulas)
        ]
        if rows:
            yield from ("", title, *_aligned(rows))
    if contents.closing:
        closed: Sequence[Formula] = contents.closed_form
        yield from ("", "closed form")
        yield from (
            _aligned([("", line.write(ONE_LINE), line.shape) for line in closed]) if closed else [contents.closing]
        )


def _aligned(rows: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """Rows in columns; of a formula that is wider than its column the shape stands right behind it."""
    first = max(len(number) for number, _, _ in rows)
    width = max((len(text) for _, text, _ in rows if len(text) <= MAX_COLUMN), default=0)
    for number, text, shape in rows:
        yield f"{number:>{first}} {text:<{width}}  {shape}".rstrip()
