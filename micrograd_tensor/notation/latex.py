"""LaTeX: formulas and local rules for papers; `amsmath` is all that they need."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar
from unicodedata import lookup, normalize

from .typeset import Typeset

__all__ = ["ALIGNED", "LATEX", "align", "prose"]

_GREEK = frozenset(
    name
    for line in (
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi",
        "omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega",
    )
    for name in line.split()
)

_FUNCTIONS = frozenset(
    ["exp", "ln", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "max", "min"]
)


def _letter(name: str) -> str:
    """A Greek letter by its name.

    >>> _letter("gamma"), _letter("Lambda")
    ('γ', 'Λ')
    """
    size = "small" if name.islower() else "capital"
    return lookup(f"greek {size} letter {name.lower().replace('lambda', 'lamda')}")


_LETTERS = {_letter(name): rf"\{name}" for name in sorted(_GREEK)}
_LETTERS |= {"∂": r"\partial", "∞": r"\infty", "…": r"\dots", "∇": r"\nabla", "ℓ": r"\ell"}
_SYMBOLS = _LETTERS | {
    "×": r"\times",
    "·": r"\cdot",
    "−": "-",
    "≥": r"\ge",
    "≤": r"\le",
    "≠": r"\ne",
    "≈": r"\approx",
    "→": r"\to",
    "←": r"\leftarrow",
    "√": r"\surd",
    "⊗": r"\otimes",
    "÷": r"\div",
    "∈": r"\in",
    "½": r"\tfrac12",
    "¼": r"\tfrac14",
    "ᵀ": r"^\top",
    "′": r"^\prime",
}
_RAISED, _LOWERED = "⁰¹²³⁴⁵⁶⁷⁸⁹", "₀₁₂₃₄₅₆₇₈₉"
for _mark, _signs, _said in (
    ("^", f"{_RAISED}ᵃᵇⁿ⁺⁻", "0123456789abn+-"),
    ("_", f"{_LOWERED}ᵢⱼₖₙ", "0123456789ijkn"),
):
    _SYMBOLS |= {sign: _mark + said for sign, said in zip(_signs, _said, strict=True)}
"""Characters that text has no letter for, in mathematics mode."""

_SIGNS = {
    "·": r" \cdot ",
    "−": "-",
    "@": r" \mathbin{@} ",
    "Σ": r"\sum ",
    "Π": r"\prod ",
    "ᵀ": r"\top",
    "~": r"\lnot ",
    "≥": r" \ge ",
    "≤": r" \le ",
    "≠": r" \ne ",
    "&": r" \mathbin{\&} ",
    ",": ", ",
    "+=": r" \mathrel{+}= ",
    **{sign: f" {sign} " for sign in "=<>+/"},
}
_ESCAPED = {c: rf"\{c}" for c in "{}$&#_%"} | {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "`": r"\textasciigrave{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}
_SUBSCRIPT = re.compile(f"(?<=.)[{_LOWERED}]+$")
_DIGITS = str.maketrans(_LOWERED + _RAISED, "0123456789" * 2)
_ACCENTS = {"\u0302": "hat", "\u0303": "tilde", "\u0304": "bar", "\u0307": "dot", "\u0308": "ddot", "\u20d7": "vec"}
_MARKED = re.compile(rf"(.)([{''.join(_ACCENTS)}]?)([{_RAISED}]*)([′″‴]?)")
"""A letter with what a name of one sign may carry: an accent, a power, primes."""

_TALL = re.compile(r"\\(frac|sum|prod)\b")
"""What parentheses grow for."""

_GROWING = {"(": r"\left(", ")": r"\right)"}


def _sign(name: str) -> re.Match[str] | None:
    """The parts of a name that is one letter, Latin or Greek, with what it may carry."""
    found = _MARKED.fullmatch(normalize("NFD", name))
    is_letter = found and (found[1] in _LETTERS or (found[1].isascii() and found[1].isalpha()))
    return found if is_letter else None


class _Latex(Typeset):
    """Mathematics mode of LaTeX."""

    layouts: ClassVar = {
        "fraction": r"\frac{%s}{%s}",
        "root": r"\sqrt{%s}",
        "power": "{%s}^{%s}",
        "subscript": "%s_{%s}",
        "below": "%s_{%s} ",
        "row": "%s",
        "parentheses": r"\left(%s\right)",
        "whole": "%s",
    }

    def laid(self, layout: str, *parts: str) -> str:
        closed = layout != "row"  # in braces, and at the end, a command needs no space behind it
        return super().laid(layout, *map(str.rstrip, parts) if closed else parts)

    def enclosed(self, text: str) -> str:
        return super().enclosed(text) if _TALL.search(text) else f"({text})"

    def row(self, parts: Sequence[str]) -> str:
        tall = any(map(_TALL.search, parts))
        return super().row([_GROWING.get(part, part) for part in parts] if tall else parts)

    def identifier(self, name: str) -> str:
        if found := _SUBSCRIPT.search(name):
            return self.laid("subscript", self.identifier(name[: found.start()]), found[0].translate(_DIGITS))
        if name in _GREEK:
            return rf"\{name} "
        if name[:1] == "d" and (name[1:] in _GREEK or (not name.isascii() and _sign(name[1:]))):
            return f"d{self.identifier(name[1:])}"  # its gradient
        if found := _sign(name):
            letter, accent, power, primes = found.groups()
            text = f"{_LETTERS[letter]} " if letter in _LETTERS else letter
            text = rf"\{_ACCENTS[accent]}{{{text.strip()}}}" if accent else text
            raised = power.translate(_DIGITS) + r"\prime" * ("′″‴".index(primes) + 1 if primes else 0)
            return f"{text.strip()}^{{{raised}}}" if raised else text
        plain = name.isascii() and name.replace(".", "_").isidentifier()
        return rf"\mathit{{{prose(name)}}}" if plain else rf"\textit{{{prose(name)}}}"

    def function(self, name: str) -> str:
        if name in _LETTERS:
            return self.identifier(name)
        return f"\\{name} " if name in _FUNCTIONS else rf"\operatorname{{{prose(name)}}}"

    def digits(self, text: str) -> str:
        mantissa, e, exponent = text.partition("e")
        if not e or not text[0].isdigit():
            named = {"½": r"\tfrac{1}{2}", "¼": r"\tfrac{1}{4}", "ln 2": r"\ln 2"}
            return named.get(text) or (text if text[0].isdigit() else self.words(text))
        power = f"10^{{{exponent.replace('−', '-')}}}"
        return power if mantissa == "1" else rf"{{{mantissa} \times {power}}}"

    def sign(self, text: str) -> str:
        return _SIGNS.get(text, text)

    def words(self, text: str) -> str:
        return rf"\text{{{prose(text)}}}"


LATEX = _Latex()
"""Formulas and local rules in LaTeX."""


class _Aligned(_Latex):
    """Lines of `align`, in which the signs between both sides stand below each other."""

    def related(self, left: str, sign: str, right: str) -> str:
        return f"{left.strip()} &{self.sign(sign).strip()} {self.blank or right.strip()}"


ALIGNED = _Aligned()
"""Formulas and local rules as lines of an `align` environment of LaTeX."""


def align(lines: Sequence[str]) -> str:
    r"""Formulas of `ALIGNED`, one below the other.

    >>> print(align([r"y &= x", r"z &= y"]))
    \begin{align*}
    y &= x \\
    z &= y
    \end{align*}
    """
    return "\n".join([r"\begin{align*}", " \\\\\n".join(lines), r"\end{align*}"])


def prose(text: str) -> str:
    r"""Text as LaTeX reads it outside of mathematics.

    >>> print(prose("50 % of x_1 → Σ"))
    50 \% of x\_1 $\to$ $\Sigma$
    """
    return "".join(_ESCAPED.get(c) or (f"${_SYMBOLS[c]}$" if c in _SYMBOLS else c) for c in text)
