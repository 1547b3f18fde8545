"""HTML: a derivation as a page of its own, in MathML, for light and dark screens of any width and for print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from ..notation import CELLS, MATHML, webpage
from .contents import Contents, Section
from .remarks import Symbol

STYLE = webpage.STYLE + Path(__file__).with_name("derivation.css").read_text(encoding="utf-8")

_BLANK = '<mspace width="10em"></mspace>'


def page(contents: Contents, source: str) -> str:
    """A whole page, which loads nothing and runs nothing.

    Args:
        contents: what stands on it.
        source: the same as a program.
    """
    body = f'<main class="mt-derivation">\n{_joined(contents, source)}\n</main>'
    return webpage.page(contents.title, body, [STYLE])


def fragment(contents: Contents, source: str) -> str:
    """The derivation for a notebook's cell, with a style of its own that affects nothing else."""
    return f'<style>{STYLE}</style>\n<div class="mt-page mt-derivation">\n{_joined(contents, source)}\n</div>'


def _joined(contents: Contents, source: str) -> str:
    return "\n".join(_parts(contents, source))


def _parts(contents: Contents, source: str) -> Iterator[str]:
    sections = [*contents.sections]
    given = ", ".join(f"{_sentence([Symbol(name)])} {escape(shape)}" for name, shape in contents.given.items())
    yield f"<h1>{escape(contents.title)}</h1>"
    yield f"<p>Given: {given}, and the gradient of the output.</p>"
    yield "<h2>Forward</h2>"
    yield from _table([section for section in sections if section.forward], contents)
    yield "<h2>Backward</h2>"
    for section in sections:
        if not section.forward:
            gate = f" <small>{escape(section.gate)}</small>" if section.gate else ""
            yield f'<section><h3><b class="number">{section.number}</b> {_sentence([Symbol(section.name)])}{gate}</h3>'
            yield from _table([section], contents)
            yield from (f"<p>{_sentence(note)}</p>" for note in section.notes)
            yield "</section>"
    if not contents.exercise:
        yield f"<details><summary>The same in NumPy</summary><pre>{escape(source)}</pre></details>"


def _table(sections: Sequence[Section], contents: Contents) -> Iterator[str]:
    """The formulas of steps in one table: number, both sides, shape."""
    yield '<div class="scroll" role="region" tabindex="0" aria-label="Formulas"><table role="presentation">'
    for section in sections:
        said = CELLS.blanked(_BLANK) if contents.exercise and not section.forward else CELLS
        number = f'<td><b class="number">{section.number}</b></td>' if section.forward else ""
        for formula in section.formulas:
            yield f'<tr>{number}{formula.write(said)}<td class="shape">{escape(formula.shape)}</td></tr>'
    yield "</table></div>"


def _sentence(pieces: Sequence[str]) -> str:
    """Text, in which names are set as in formulas."""
    return "".join(
        f"<math>{MATHML.identifier(piece)}</math>" if isinstance(piece, Symbol) else escape(piece) for piece in pieces
    )
