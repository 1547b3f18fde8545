"""LaTeX: formulas and local rules for papers; `amsmath` is all that they need."""

from __future__ import annotations

import re
from typing import ClassVar

from .typeset import Typeset

__all__ = ["LATEX"]

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
_LETTERS = {"σ": r"\sigma", "π": r"\pi", "∂": r"\partial", "∞": r"\infty", "…": r"\dots"}
_SIGNS = {
    "·": r" \cdot ",
    "−": "-",
    "@": r" \mathbin{@} ",
    "Σ": r"\sum",
    "Π": r"\prod",
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
_ESCAPED = {c: rf"\{c}" for c in "{}$&#_%"} | {"\\": r"\backslash{}", "^": r"\hat{}", "~": r"\sim{}"}
_SUBSCRIPT = re.compile("[₀-₉]+$")
_DIGITS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


class _Latex(Typeset):
    """Mathematics mode of LaTeX."""

    layouts: ClassVar = {
        "fraction": r"\frac{%s}{%s}",
        "root": r"\sqrt{%s}",
        "power": "{%s}^{%s}",
        "below": "%s_{%s} ",
        "row": "%s",
        "parentheses": r"\left(%s\right)",
        "whole": "%s",
    }

    def identifier(self, name: str) -> str:
        if found := _SUBSCRIPT.search(name):
            return f"{self.identifier(name[: found.start()])}_{{{found[0].translate(_DIGITS)}}}"
        if name in _LETTERS or name in _GREEK:
            return f"{_LETTERS.get(name, chr(92) + name)} "
        return name if name.isascii() and len(name) == 1 and name.isalpha() else rf"\mathit{{{_escaped(name)}}}"

    def function(self, name: str) -> str:
        if name in _LETTERS:
            return self.identifier(name)
        return f"\\{name} " if name in _FUNCTIONS else rf"\operatorname{{{_escaped(name)}}}"

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
        return rf"\text{{{_escaped(text)}}}"


LATEX = _Latex()
"""Formulas and local rules in LaTeX."""


def _escaped(text: str) -> str:
    return "".join(_ESCAPED.get(c, c) for c in text)
