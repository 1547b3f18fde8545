"""MathML: formulas and local rules as markup that browsers show without a library (MathML Core)."""

from __future__ import annotations

from typing import ClassVar
from xml.sax.saxutils import escape

from .typeset import Typeset

__all__ = ["CELLS", "MATHML"]

_SIGNS = {"Σ": "∑", "Π": "∏"}
"""Operators that grow, for the letters that look like them."""


class _MathML(Typeset):
    """Elements of MathML Core."""

    layouts: ClassVar = {
        "fraction": "<mfrac><mrow>%s</mrow><mrow>%s</mrow></mfrac>",
        "root": "<msqrt>%s</msqrt>",
        "power": "<msup>%s%s</msup>",
        "subscript": "<msub>%s%s</msub>",
        "below": "<munder>%s%s</munder>",
        "row": "<mrow>%s</mrow>",
        "parentheses": "<mrow><mo>(</mo>%s<mo>)</mo></mrow>",
        "whole": '<math display="block"><mrow>%s</mrow></math>',
    }

    def identifier(self, name: str) -> str:
        return f"<mi>{escape(name)}</mi>"

    def digits(self, text: str) -> str:
        return f"<mn>{escape(text)}</mn>"

    def sign(self, text: str) -> str:
        return "<mi>T</mi>" if text == "ᵀ" else f"<mo>{escape(_SIGNS.get(text, text))}</mo>"

    def words(self, text: str) -> str:
        return f"<mtext>{escape(text)}</mtext>"


MATHML = _MathML()
"""Formulas and local rules in MathML."""


class _Cells(_MathML):
    """Rows of a table of HTML, in which the signs between both sides stand below each other."""

    def related(self, left: str, sign: str, right: str) -> str:
        sides = left, self.sign(sign) + (self.blank or right)
        return "".join(f"<td>{self.laid('whole', side)}</td>" for side in sides)


CELLS = _Cells()
"""Formulas and local rules in MathML, each as two cells in a row of a table."""
