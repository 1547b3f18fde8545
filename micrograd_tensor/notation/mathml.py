"""MathML: formulas and local rules as mathematics on a page, from the same notations and the same recorded ops.

The markup is MathML Core, so browsers show it without a library. What is shown is what `formula` writes in one line;
only the layout differs: quotients are fractions, powers are raised, and what is summed over stands below the sum.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Formatter
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

from ..graph import Graph, Node
from ..graph.nodes import Edge
from .local_rules import axes_text, shape_text
from .unicode import (
    ATOM,
    MINUS,
    POWER,
    PREFIX,
    SUM,
    infix,
    is_inner,
    leaf_text,
    levels,
    number,
    printable,
    setting,
    shown_ops,
)

_SIGN = re.compile(r"[^\W\d]\w*|\d+|…|\S")
"""A word, a number, or a sign."""

_LARGE = {"Σ": "∑", "Π": "∏"}
"""Operators that grow, for the letters that look like them."""


class Markup(NamedTuple):
    """A piece of MathML, how tightly it holds together, and how many characters it shows."""

    xml: str
    level: int
    length: int

    def at(self, level: int) -> str:
        """The markup, in parentheses where the place asks for more than it holds."""
        return self.xml if self.level >= level else f"<mrow><mo>(</mo>{self.xml}<mo>)</mo></mrow>"


UNKNOWN = Markup("<mi>…</mi>", ATOM, 1)


def identifier(name: str) -> Markup:
    """A name as it is shown, in one piece.

    >>> identifier("a<b").xml
    '<mi>a&lt;b</mi>'
    """
    shown = printable(name)
    return Markup(f"<mi>{escape(shown)}</mi>", ATOM, len(shown))


def gradient(name: str) -> Markup:
    """The derivative of the final output by what has this name, as a fraction.

    >>> gradient("x").xml
    '<mfrac><mrow><mi>∂</mi><mi>L</mi></mrow><mrow><mi>∂</mi><mi>x</mi></mrow></mfrac>'
    """
    below = identifier(name)
    return Markup(_fraction("<mi>∂</mi><mi>L</mi>", f"<mi>∂</mi>{below.xml}"), PREFIX, 4 + below.length)


def forward_math(
    node: Node,
    called: str,
    names: Mapping[Node, str] | None = None,
    dims: Mapping[str, int] | None = None,
    limit: int = 80,
) -> str:
    """The equation of the op that made a node: what it is called, and the formula it was computed by.

    Args:
        node: that an op made.
        called: the name on the left.
        names: names for operands that go before their own.
        dims: names for lengths, such as ``{"N": 7}``.
        limit: the greatest number of characters of an operand; a longer one is an ellipsis.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([3.0, 4.0], name="x", requires_grad=True)
    >>> print(forward_math(mt.graph(mt.sqrt(x)).outputs[0], "y"))
    <math display="block"><mrow><mi>y</mi><mo>=</mo><msqrt><mi>x</mi></msqrt></mrow></math>
    """
    known = _Known(names or {})
    return _equation(identifier(called).xml, "=", _expanded(node, known, dims or {}, limit).xml)


def backward_math(
    graph: Graph, edge: Edge, called: Mapping[Node, str], dims: Mapping[str, int] | None = None, limit: int = 80
) -> str:
    """The equation of the rule by which a node passes its gradient to an operand, as it was recorded.

    Where the operand is used several times, ``+=`` says that this is one part of its gradient.

    Args:
        graph: captured with its backward pass.
        edge: the node and the index of the operand.
        called: names of the node, its operands and whatever else is not to be shown by its formula.
        dims: names for lengths.
        limit: the greatest number of characters of a part; a longer one is an ellipsis.

    Raises:
        KeyError: for an edge that no gradient was carried along.
    """
    node, i = edge
    x, end, g = node.operands[i], graph.contributions[edge], graph.gradients[node]
    known = _Known(called, g, gradient(_called(node, called)))
    several = len(graph.contributions_to(x)) + (x in graph.upstreams) > 1
    if end in known:
        right = known[end]
    elif end.op is None:
        right = _leaf(end)
    else:
        right = _expanded(end, known, dims or {}, limit)
    return _equation(gradient(_called(x, called)).xml, "+=" if several else "=", right.xml)


def sum_math(called: str, letters: list[str]) -> str:
    """The equation of a fork: the whole gradient of what is called so is the sum of those that arrive, by letters.

    >>> "<mi>A</mi></msub><mo>+</mo>" in sum_math("x", ["A", "B"])
    True
    """
    whole = gradient(called).xml
    parts = [f"<msub><mrow><mo>(</mo>{whole}<mo>)</mo></mrow>{identifier(letter).xml}</msub>" for letter in letters]
    return _equation(whole, "=", "<mo>+</mo>".join(parts))


class _Known:
    """What has a name, which is made markup only where it is shown, and one node with markup of its own."""

    def __init__(self, names: Mapping[Node, str], node: Node | None = None, markup: Markup = UNKNOWN) -> None:
        self._names, self._node, self._markup = names, node, markup

    def __contains__(self, x: object) -> bool:
        return x is self._node or x in self._names

    def __getitem__(self, x: Node) -> Markup:
        return self._markup if x is self._node else identifier(self._names[x])


def _equation(left: str, sign: str, right: str) -> str:
    return f'<math display="block"><mrow>{left}<mo>{sign}</mo>{right}</mrow></math>'


def _called(node: Node, called: Mapping[Node, str]) -> str:
    return called.get(node) or node.name or "y"


def _expanded(node: Node, names: _Known, dims: Mapping[str, int], limit: int) -> Markup:
    """The formula of an op, written bottom up."""
    made: dict[Node, Markup] = {}
    for this in shown_ops(node, names):
        operands = [made.get(x, UNKNOWN) if is_inner(x, names) else _atom(x, names) for x in this.operands]
        markup = _applied(this, operands, dims)
        made[this] = markup if markup.length <= limit or this is node else UNKNOWN
    return made[node]


def _atom(x: Any, names: _Known) -> Markup:
    """An operand that is not shown by a formula: a name, a leaf or a number."""
    if not isinstance(x, Node):
        return _number(number(x))
    return names[x] if x in names else _leaf(x)


def _leaf(node: Node) -> Markup:
    if node.name is not None:
        return identifier(node.name)
    text = leaf_text(node).text
    return Markup(f"<mtext>{text}</mtext>", ATOM, len(text)) if text.startswith("constant") else _number(text)


def _number(text: str) -> Markup:
    if text.startswith(MINUS):
        return Markup(f"<mrow><mo>{MINUS}</mo><mn>{text[1:]}</mn></mrow>", SUM, len(text))
    return Markup(f"<mn>{text}</mn>", ATOM, len(text))


def _applied(node: Node, operands: list[Markup], dims: Mapping[str, int]) -> Markup:
    """An op's notation with its operands put in."""
    assert node.op is not None  # noqa: S101 -- for the type checker; leaves have no notation
    notation = node.op.notation
    length = sum(x.length for x in operands) + len(notation)
    if notation == "{0}":
        return operands[0]
    if infix(notation) == "/":
        return Markup(_fraction(operands[0].xml, operands[1].xml), PREFIX, length)
    if notation == "1/{0}":
        return Markup(_fraction("<mn>1</mn>", operands[0].xml), PREFIX, length)
    if notation == "√{0}":
        return Markup(f"<msqrt>{operands[0].xml}</msqrt>", PREFIX, length)
    if notation in _RAISED:
        return Markup(f"<msup>{operands[0].at(ATOM)}{_RAISED[notation]}</msup>", POWER, length)
    if notation == "{0}^{1}":
        exponent = f"<mrow>{operands[1].xml}</mrow>"
        return Markup(f"<msup>{operands[0].at(ATOM)}{exponent}</msup>", POWER, length)
    level, needs = levels(notation, len(operands))
    below = _below(node, dims)
    out: list[str] = []
    for literal, name, _, _ in Formatter().parse(notation):
        for sign in _SIGN.findall(literal):
            out.append(_sign(sign, below if not out else ""))
        if name is not None:
            field = operands[int(name)].at(needs[int(name)]) if name.isdigit() else _setting(node.params[name])
            out.append(field)
    return Markup(f"<mrow>{''.join(out)}</mrow>", level, length)


_RAISED = {"{0}²": "<mn>2</mn>", "{0}ᵀ": "<mi>T</mi>"}


def _fraction(above: str, below: str) -> str:
    return f"<mfrac><mrow>{above}</mrow><mrow>{below}</mrow></mfrac>"


def _sign(text: str, below: str) -> str:
    """A word, number or sign of a notation, with what stands below it."""
    kind = "mn" if text.isdigit() else "mi" if text not in _LARGE and (text[0].isalpha() or text == "…") else "mo"
    shown = f"<{kind}>{escape(_LARGE.get(text, text))}</{kind}>"
    return f"<munder>{shown}<mtext>{escape(below)}</mtext></munder>" if below else shown


def _below(node: Node, dims: Mapping[str, int]) -> str:
    """What is said of the axes that an op works along, or the shape it copies to."""
    x = node.operands[0] if node.operands else None
    name = node.op.name if node.op else ""
    if name in ("sum", "prod", "mean", "max", "min") and isinstance(x, Node) and node.params["axis"] is not None:
        return axes_text(x.shape, node.params["axis"], dims)
    return f"to {shape_text(node.shape, dims)}" if name == "broadcast_to" else ""


def _setting(value: Any) -> str:
    return f"<mn>{escape(setting(value))}</mn>"
