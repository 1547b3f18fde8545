"""Metrics: how wide a text is, the same on every machine because no installed font is asked."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

from ..notation import ISOLATE, shorten

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
def folded(text: str, width: float, size: float, bold: bool = False, *, anywhere: bool = False) -> tuple[str, ...]:
    """A text as few lines of about a width, broken where one reads on best; in parentheses only if need be.

    Args:
        text: the text.
        width: the width of a line.
        size: the font size.
        bold: whether it is bold.
        anywhere: whether no line may be longer; then names are broken too.

    >>> folded("copy to (2, 3, 4, 4) along axes 0, 2, 3", 130, 12.5, bold=True)
    ('copy to (2, 3, 4, 4)', 'along axes 0, 2, 3')
    >>> folded("× (1 − inverted_stddev²)", 70, 12.5, bold=True, anywhere=True)
    ('× (1', '− inverted_', 'stddev²)')
    """
    if text_width(text, size, bold) <= (1 if anywhere else SLACK) * width:
        return (text,) if text else ()
    return _fewest(_words(text, width, size, bold, anywhere), width, size, bold)


def fitting(text: str, width: float, size: float, bold: bool = False) -> str:
    """The text, its end replaced by an ellipsis where it is wider than a width.

    >>> fitting("dev_from_mean", 60, 12.5), fitting("mean", 60, 12.5)
    ('dev_fro…', 'mean')
    """
    return next(
        (
            shown
            for shown in (shorten(text, n) for n in range(len(text), 1, -1))
            if text_width(shown, size, bold) <= width
        ),
        shorten(text, 1),
    )


def foldable(text: str, width: float, size: float, bold: bool = False) -> bool:
    """Whether a text has lines of a width without a word being cut.

    >>> foldable("exp(logits − y₂)", 48, 11, bold=True), foldable("−reshape(y₈, (N,))", 48, 11, bold=True)
    (True, False)
    """
    parts = (part for word in text.split() for part in re.findall(_PART, word))
    return all(text_width(part, size, bold) <= width for part in parts)


def _fewest(words: list[str], most: float, size: float, bold: bool) -> tuple[str, ...]:
    """The words in the fewest lines, of these ways the one that disturbs least, and then the one of the least width."""
    depths = [0]
    for word in words:
        depths.append(depths[-1] + word.count("(") - word.count(")"))
    best: list[tuple[tuple[int, int, float], tuple[str, ...]]] = [((0, 0, 0.0), ())]  # for the words from each on
    for i in reversed(range(len(words))):
        ways = []
        for j in range(i + 1, len(words) + 1):
            line = "".join(words[i:j]).strip()
            width = text_width(line, size, bold)
            if width > most and j > i + 1:
                break
            (lines, cost, widest), rest = best[len(words) - j]
            if j < len(words):
                cost += _disturbs(words[j - 1], words[j]) + depths[j]
            ways.append(((lines + bool(line), cost, max(widest, width)), (line, *rest) if line else rest))
        best.append(min(ways))
    return best[-1][1]


def _disturbs(before: str, after: str) -> int:
    """How much a line break between two words disturbs: least before another clause, most after a sign."""
    if not after.startswith(" "):
        return 2  # within a name
    last, word = before.rpartition(" ")[2], after.strip()
    if last.endswith((":", ";")) or word.partition(" ")[0] in _CLAUSES or after.startswith("  "):
        return 0
    numbered = last.startswith("(") and last[1:-1].isdigit()
    return 4 if numbered or last in (*_SIGNS, *_ON) else 2 if last.isdigit() else 1


def _words(text: str, width: float, size: float, bold: bool, anywhere: bool) -> list[str]:
    """The parts between which a text may be broken, each with the spaces before it; signs stay with what follows."""
    words: list[str] = []
    for word in re.findall(r" *[^ ]+", text):
        before = "".join(words[-1:])
        if words and (before.count("(") > before.count(")") or before.rpartition(" ")[2] in _SIGNS):
            words[-1] += word
        else:
            words.append(word)
    if len(words) > 1 and words[-1].strip() in _SIGNS:
        words[-2:] = ["".join(words[-2:])]

    def fits(text: str) -> bool:
        return text_width(text.strip(), size, bold) <= width

    for broken in (r" *[^ ]+", _PART) if anywhere else (r" *[^,]+,*",):
        words = [part for word in words for part in ([word] if fits(word) else re.findall(broken, word))]
    return [part for word in words for part in (_cut(word, fits) if anywhere else [word])]


def _cut(word: str, fits: Callable[[str], bool]) -> list[str]:
    """The pieces of what has no place to be broken at; a text of its own direction stays whole."""
    pieces = [""]
    for character in word:
        if ISOLATE[0] not in word and _advance(character) and pieces[-1].strip() and not fits(pieces[-1] + character):
            pieces.append("")
        pieces[-1] += character
    return pieces


_PART = r"(?:[^_.,(/…]|\.(?=\d))*(?:[_,(/…]|\.(?!\d))+|(?:[^_.,(/…]|\.(?=\d))+"
"""A part of a name, of a formula without spaces or of a range, with the sign after which it may be broken."""

_SIGNS = ("+", "−", "·", "×", "÷", "=", "@", "/", "≠", "Σ", "→")

_CLAUSES = ("=", "≠", "→", "along", "over", "copied", "by")
_ON = ("axis", "axes", "to", "over", "along", "copied", "by")
"""What begins a clause, and words that lead on to what follows."""
