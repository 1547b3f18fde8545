"""MathML: formulas and local rules as markup that browsers show without a library (MathML Core)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar
from xml.sax.saxutils import escape

from ..graph import Graph, Node
from ..graph.axes import Dims
from ..graph.nodes import Edge
from .typeset import Derivative, Typeset

__all__ = ["backward_math", "forward_math", "sum_math"]

_SIGNS = {"Σ": "∑", "Π": "∏"}
"""Operators that grow, for the letters that look like them."""


class _MathML(Typeset):
    """Elements of MathML Core."""

    layouts: ClassVar = {
        "fraction": "<mfrac><mrow>%s</mrow><mrow>%s</mrow></mfrac>",
        "root": "<msqrt>%s</msqrt>",
        "power": "<msup>%s%s</msup>",
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


def forward_math(
    node: Node,
    called: str,
    names: Mapping[Node, str] | None = None,
    *,
    dims: Dims | None = None,
    limit: int = 80,
) -> str:
    """The equation of the op that made a node: what it is called, and the formula it was computed by.

    Args:
        node: that an op made.
        called: the name on the left.
        names: names for operands that go before their own.
        dims: the labels of axes, from `axis_names`.
        limit: the maximum number of characters of an operand; a longer one becomes an ellipsis.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([3.0, 4.0], name="x", requires_grad=True)
    >>> print(forward_math(mt.graph(mt.sqrt(x)).outputs[0], "y"))
    <math display="block"><mrow><mi>y</mi><mo>=</mo><msqrt><mi>x</mi></msqrt></mrow></math>
    """
    return MATHML.equation(node, called, names or {}, dims or {}, limit)


def backward_math(
    graph: Graph, edge: Edge, called: Mapping[Node, str], *, dims: Dims | None = None, limit: int = 80
) -> str:
    """The equation of the rule by which a node passes its gradient to an operand, as it was recorded.

    Where the operand is used several times, ``+=`` says that this is one part of its gradient.

    Args:
        graph: captured with its backward pass.
        edge: the node and the index of the operand.
        called: names of the node, its operands and whatever else is not to be shown by its formula.
        dims: the labels of axes, from `axis_names`.
        limit: the maximum number of characters of a part; a longer one becomes an ellipsis.

    Raises:
        KeyError: for an edge that no gradient was carried along.
    """
    return MATHML.rule(graph, edge, called, dims or {}, limit)


def sum_math(called: str, letters: Sequence[str]) -> str:
    """The equation of a fork: the whole gradient of what is called so is the sum of those that arrive, by letters.

    >>> "<mi>A</mi></msub><mo>+</mo>" in sum_math("x", ["A", "B"])
    True
    """
    whole = MATHML.name(Derivative(called)).text
    parts = [f"<msub>{MATHML.enclosed(whole)}{MATHML.identifier(letter)}</msub>" for letter in letters]
    return MATHML.laid("whole", whole + MATHML.sign("=") + MATHML.sign("+").join(parts))
