"""One line: the equations of a page, as `formula` writes their right sides, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..graph import Node
from ..graph.axes import Dims
from .expression import Piece
from .typeset import Derivative, Typeset
from .unicode import UNICODE

__all__ = ["ONE_LINE"]


class _OneLine(Typeset):
    """Plain text, in which the gradient of ``x`` is ``dx``."""

    layouts: ClassVar = {"fraction": "%s/%s", "row": "%s", "parentheses": "(%s)", "subscript": "%s (%s)", "whole": "%s"}

    def sign(self, text: str) -> str:
        return f" {text} "

    def digits(self, text: str) -> str:
        return text

    def _part(self, whole: Derivative, letter: str) -> str:
        return self.laid("subscript", self.name(whole).text, letter)

    def name(self, name: str) -> Piece:
        shown = self.symbol(name)
        return UNICODE.name(f"d{shown}" if isinstance(name, Derivative) else shown)

    def number(self, value: Any) -> Piece:
        return UNICODE.number(value)

    def applied(self, node: Node, operands: Sequence[Piece], dims: Dims) -> Piece:
        return UNICODE.applied(node, operands, dims)


ONE_LINE = _OneLine()
"""Formulas and local rules as one line of text.

>>> import micrograd_tensor as mt
>>> x = mt.tensor([3.0, 4.0], name="x", requires_grad=True)
>>> captured = mt.graph((mt.sin(x) / x).named("y"), [1.0, 1.0])
>>> ONE_LINE.rule(captured, (captured["y"], 1), {}, part="A")
'dx (A) = −dy · (sin(x) / x) / x'
"""
