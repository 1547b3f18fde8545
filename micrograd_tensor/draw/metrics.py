"""Metrics: how wide a text is, the same on every machine because no installed font is asked."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_ADVANCES = {
    278: " !,./:;I[\\]ft|·",
    222: "ijl'",
    333: "()-r`²ᵀ₀₁₂₃₄₅₆₇₈₉",
    334: "{}",
    355: '"',
    389: "*",
    469: "^",
    500: "cksvxyzJ",
    556: "#$0123456789?_abdeghnopquL",
    584: "+<=>~−×÷±√≈≤≥≠",
    611: "FTZ",
    618: "Σ",
    667: "&ABEKPSVXY",
    722: "CDHNRUwΠ",
    778: "GOQ",
    833: "mM",
    889: "%",
    944: "W",
    1000: "@…—∞→←",
}
_ADVANCE = {character: advance for advance, characters in _ADVANCES.items() for character in characters}
"""Advance widths of Arial in thousandths of the font size, from Adobe's metrics of Helvetica."""

SLACK = 1.12
"""A text that is longer than a line by no more than this factor is not broken."""

_UNKNOWN, _WIDE, _BOLDER = 600, 1000, 1.06


@lru_cache(maxsize=1 << 14)
def text_width(text: str, size: float, bold: bool = False) -> float:
    """The width of a line of text in Arial of a size.

    >>> round(text_width("x_norm", 10), 2), text_width("", 10)
    (33.34, 0.0)
    """
    thousandths = sum(map(_advance, text))
    return thousandths * size / 1000 * (_BOLDER if bold else 1.0)


def _advance(character: str) -> int:
    if character in _ADVANCE:
        return _ADVANCE[character]
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return _WIDE if unicodedata.east_asian_width(character) in "WF" else _UNKNOWN


@lru_cache(maxsize=1 << 14)
def folded(text: str, width: float, size: float, bold: bool = False) -> tuple[str, ...]:
    """A text as lines of about a width, where it has spaces to be broken at; in parentheses only if need be.

    >>> folded("copy to (2, 3, 4, 4) along axes 0, 2, 3", 130, 12.5, bold=True)
    ('copy to (2, 3, 4, 4)', 'along axes 0, 2, 3')
    """
    if text_width(text, size, bold) <= SLACK * width:
        return (text,) if text else ()
    lines: list[str] = []
    for word in _words(text, width, size, bold):
        if lines and text_width((lines[-1] + word).strip(), size, bold) <= width:
            lines[-1] += word
        else:
            lines.append(word.strip())
    return tuple(line for line in lines if line)


def _words(text: str, width: float, size: float, bold: bool) -> list[str]:
    """The parts between which a text may be broken, each with the spaces before it; signs stay with what follows."""
    words: list[str] = []
    for word in re.findall(r" *[^ ]+", text):
        before = "".join(words[-1:])
        sign = before.strip() in _SIGNS if before else word.strip() == text.split(" ")[-1] in _SIGNS
        if before.count("(") > before.count(")") or sign:
            words[-1] += word
        else:
            words.append(word)
    long = (text_width(word.strip(), size, bold) > width for word in words)
    return [part for word, is_long in zip(words, long, strict=True) for part in
            (re.findall(r" *[^,]+,*", word) if is_long else [word])]  # fmt: skip


_SIGNS = ("+", "−", "·", "×", "÷", "=", "@", "≠")
