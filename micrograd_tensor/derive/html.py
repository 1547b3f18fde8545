"""HTML: a derivation as a page of its own, in MathML, for light and dark screens of any width and for print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from xml.etree import ElementTree

from ..notation import CELLS, ONE_LINE, Typeset, webpage
from .contents import PROVING, Contents, Formula, reason
from .remarks import Symbol

STYLE = webpage.STYLE + Path(__file__).with_name("derivation.css").read_text(encoding="utf-8")

_BLANK = '<mspace width="10em"></mspace>'

_LONGEST = 90
"""How many characters a formula has on paper at most, where it cannot be scrolled; a longer one is in lines of text."""


def page(contents: Contents, source: str) -> str:
    """A whole page, which loads nothing and runs nothing.

    Args:
        contents: what stands on it.
        source: the same as a program; "" for none.
    """
    body = f'<main class="mt-derivation">\n{_joined(contents, source)}\n</main>'
    return webpage.page(contents.title, body, [STYLE])


def fragment(contents: Contents, source: str) -> str:
    """The derivation for a notebook's cell, with a style of its own that affects nothing else."""
    return f'<style>{STYLE}</style>\n<div class="mt-page mt-derivation">\n{_joined(contents, source)}\n</div>'


def _joined(contents: Contents, source: str) -> str:
    return "\n".join(_parts(contents, source))


def _parts(contents: Contents, source: str) -> Iterator[str]:
    said, back = contents.languages(CELLS, _BLANK)
    plain, plain_back = contents.languages(ONE_LINE, "…")
    sections = [*contents.sections]
    given = ", ".join(f"{_sentence(said, [Symbol(name)])} {escape(shape)}" for name, shape in contents.given.items())
    yield f"<h1>{escape(contents.title)}</h1>"
    yield f"<p>Given: {given}, and the gradient of the output.</p>"
    forward = [section for section in sections if section.forward]
    if forward:
        yield "<h2>Forward</h2>"
        yield from _table(
            [(section.number, formula) for section in forward for formula in section.formulas], said, plain
        )
        yield "<h2>Backward</h2>"
    for section in sections[len(forward) :]:
        gate = f" <small>{escape(section.gate)}</small>" if section.gate else ""
        name = _sentence(said, [Symbol(section.name)])
        yield f'<section><h3><b class="number">{section.number}</b> {name}{gate}</h3>'
        yield from _table([(None, formula) for formula in section.formulas], back, plain_back)
        yield from (f"<p>{_sentence(said, note)}</p>" for note in section.notes)
        yield "</section>"
    if contents.closing:
        yield f"<h2>Closed form</h2>\n<p>{escape(contents.closing)}</p>"
        yield from _table([(None, formula) for formula in contents.closed_form], said, plain)
    if contents.proof:
        yield f"<h2>Proof</h2>\n<p>{PROVING}</p>\n<ol>"
        for step in contents.proof:
            yield f"<li><p><b>{escape(step.rule)}</b>{_sentence(said, reason(step))}</p>"
            yield from _table([(None, Formula(step.write, ""))], said, plain)
            yield "</li>"
        yield "</ol>"
    if source:
        yield f"<details><summary>The same in NumPy</summary><pre>{escape(source)}</pre></details>"


def _table(formulas: Sequence[tuple[int | None, Formula]], said: Typeset, plain: Typeset) -> Iterator[str]:
    """Formulas with their numbers, if they have any, and their shapes; a long one also in plain text, for paper."""
    yield '<div class="scroll" role="group" tabindex="0" aria-label="Formulas"><table role="presentation">'
    cells = [formula.write(said) for _, formula in formulas]
    widths = [[*map(_characters, ElementTree.fromstring(f"<tr>{row}</tr>"))] for row in cells]  # noqa: S314 -- ours
    left = max((row[0] for row in widths), default=0)  # all signs of equality are below each other
    for (number, formula), sides, (_, *right) in zip(formulas, cells, widths, strict=True):
        first = "" if number is None else f'<td><b class="number">{number}</b></td>'
        shape = escape(formula.shape)
        # An equation without a shape is alone, and may continue before its sign.
        wide = left + sum(right) if shape else max(left, *right)
        kind = ' class="long"' if wide > _LONGEST else ""
        yield f'<tr{kind}>{first}{sides}<td class="shape">{shape}</td></tr>'
        if kind:
            text = f"{escape(formula.write(plain))} <small>{shape}</small>"
            yield f'<tr class="text">{first}<td colspan="3">{text}</td></tr>'
    yield "</table></div>"


def _characters(part: ElementTree.Element) -> int:
    """How many characters a part of a formula is wide."""
    inner = [*map(_characters, part)]
    return max(inner) if part.tag == "mfrac" else len(part.text or "") + sum(inner)


def _sentence(said: Typeset, pieces: Sequence[str]) -> str:
    """Text, in which names are set as in formulas."""
    return "".join(
        f"<math>{said.identifier(said.symbol(x))}</math>" if isinstance(x, Symbol) else escape(x) for x in pieces
    )
