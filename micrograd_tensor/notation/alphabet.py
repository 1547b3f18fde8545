"""Alphabets: texts for terminals and files whose encoding lacks signs, and without what controls a terminal."""

from __future__ import annotations

from .printable import ISOLATE, JOINERS

__all__ = ["ASCII", "spelled", "visible"]

_ONE = dict(zip("✓→✗○·×÷−–—∂⟨⟩’“”₀₁₂₃₄₅₆₇₈₉", '+>xo**/---d<>\'""0123456789', strict=True))
_SEVERAL = (
    "… ...,√ sqrt,Σ sum,Π prod,σ sigma,μ mu,γ gamma,β beta,ε eps,µ u,ᵀ .T,½ 1/2,⁻ ^-,¹ ^1,² ^2,³ ^3,≈ ~,≠ !=,≤ <=,≥ >=,"
    "± +-,∞ inf,≡ ==,⌊ floor(,⌋ ),⌈ ceil(,⌉ ),⟦ [,⟧ ]"
)
_SUPERSCRIPTS = {sign: f"^{plain}" for sign, plain in zip("⁰⁴⁵⁶⁷⁸⁹ᵃᵇⁿˣ", "0456789abnx", strict=True)}
ASCII = str.maketrans(
    _ONE | dict(pair.split(" ") for pair in _SEVERAL.split(",")) | _SUPERSCRIPTS | dict.fromkeys(ISOLATE, "")
)
"""How signs are spelled in ASCII."""


def spelled(text: str, encoding: str | None) -> str:
    """The text in what an encoding has: signs that it lacks are spelled, other characters escaped.

    >>> spelled("x − mean ≤ 2×ℓ", "ascii"), spelled("2 × ≤", "latin-1")
    ('x - mean <= 2*\\\\u2113', '2 × <=')
    """
    encoding = encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(_one(c, encoding) for c in text)
    return text


def _one(c: str, encoding: str) -> str:
    try:
        c.encode(encoding)
    except UnicodeEncodeError:
        return c.translate(ASCII).encode("ascii", "backslashreplace").decode()
    return c


def visible(text: str) -> str:
    """The text with characters that control a terminal, or reverse what follows them, escaped; lines and tabs stay.

    >>> visible("a\\x1b]0;title\\x07\\n")
    'a\\\\x1b]0;title\\\\x07\\n'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _KEPT else ascii(c)[1:-1] for c in text)


_KEPT = frozenset("\n\t" + JOINERS + ISOLATE)
