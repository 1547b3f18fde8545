"""Unicode: formulas as one line of text, from the templates in the table of primitives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..graph import Node
from ..graph.axes import Dims
from .expression import (
    AND,
    ANY,
    ATOM,
    COMPARISON,
    MATRIX,
    OR,
    PREFIX,
    PRODUCT,
    SUM,
    Dialect,
    Piece,
    holds_as_name,
    is_inner,
    only,
    operand,
    written,
)
from .numbers import MINUS, number
from .printable import printable, shorten
from .readings import exchanges_last, order_of
from .templates import Field, Part, axes_of, filled, index_text

__all__ = ["axes_text", "formula", "operand_text", "over_text", "shape_text"]

LISTED_SIZES = range(1, 9)
"""How many elements an array of integers or truth values has that are listed where it has no name."""

RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def formula(node: Node, names: Mapping[Node, str] | None = None, *, dims: Dims | None = None, limit: int = 80) -> str:
    """The formula of the op that made a node, down to named nodes, leaves and numbers.

    Args:
        node: a node of a graph; its own name is not used, its operands' names are.
        names: names for nodes that go before their own. One that is no single sign, such as ``a-b``, gets parentheses
            where an expression would.
        dims: the labels of axes, from `axis_names`.
        limit: the greatest number of characters; what is longer is cut with an ellipsis.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([3.0, 4.0], name="x", requires_grad=True)
    >>> y = mt.sqrt(mt.square(x) - mt.mean(x, axis=0) + 1e-05)
    >>> formula(mt.graph(y).outputs[0])
    '√(x² − mean(x, axis 0) + 1e−5)'
    """
    return shorten(expression(node, names or {}, dims or {}, limit).text, limit)


def expression(node: Node, names: Mapping[Node, str], dims: Dims, limit: int) -> Piece:
    """`formula`, with how tightly it holds together."""
    return written(UNICODE, node, names, dims, limit) if node.op else operand(UNICODE, node, {})


def operand_text(x: Any, names: Mapping[Node, str] | None = None, *, dims: Dims | None = None, limit: int = 80) -> str:
    """An operand as a formula would show it: its name, its own formula, or a number.

    >>> operand_text(0.25), operand_text(-3)
    ('¼', '−3')
    """
    known = names or {}
    piece = expression(x, known, dims or {}, limit) if is_inner(x, known) else operand(UNICODE, x, known, False)
    return shorten(piece.text, limit)


def shape_text(node: Node, dims: Dims | None = None) -> str:
    """The shape of a node, with the labels of its axes.

    >>> import micrograd_tensor as mt
    >>> node = mt.graph(mt.tensor([[1.0, 2.0]])).outputs[0]
    >>> shape_text(node), shape_text(node, {node: ("N", None)})
    ('(1, 2)', '(N, 2)')
    """
    labels = (dims or {}).get(node, (None,) * len(node.shape))
    return _tuple([printable(label) if label else str(n) for label, n in zip(labels, node.shape, strict=True)])


def axes_text(node: Node, axes: Sequence[int], dims: Dims | None = None) -> str:
    """Some axes of a node, by their labels where all have one.

    >>> import micrograd_tensor as mt
    >>> node = mt.graph(mt.tensor([[1.0, 2.0]])).outputs[0]
    >>> axes_text(node, (0,)), axes_text(node, (0, 1)), axes_text(node, (0,), {node: ("N", None)})
    ('axis 0', 'axes 0, 1', 'N')
    """
    labels = (dims or {}).get(node)
    named = [labels[axis] for axis in axes] if labels else []
    if labels and all(label is not None and labels.count(label) == 1 for label in named):
        return ", ".join(printable(str(label)) for label in named) or "no axis"
    return f"{'axis' if len(axes) == 1 else 'axes'} {', '.join(map(str, axes))}" if axes else "no axis"


def over_text(node: Node, axes: Sequence[int], dims: Dims | None = None) -> str:
    """The axes of a node that a sum runs over, which may be all of several.

    >>> import micrograd_tensor as mt
    >>> node = mt.graph(mt.tensor([[1.0, 2.0]])).outputs[0]
    >>> over_text(node, (0,)), over_text(node, (0, 1))
    ('axis 0', 'all elements')
    """
    text = axes_text(node, axes, dims)
    everything = len(axes) == len(node.shape) != 1 and text.startswith(("axes ", "no axis"))
    return "all elements" if everything else text


def _tuple(texts: Sequence[str]) -> str:
    return f"({', '.join(texts)}{',' * (len(texts) == 1)})"


class Indexed(str):
    """The name of a value with an index, ``x_nd``: one of its elements, or the derivative of the final output by it."""

    __slots__ = ("by", "letters", "plain")
    plain: str
    letters: tuple[str, ...]
    by: bool

    def __new__(cls, plain: str, letters: Sequence[str], by: bool = False) -> Indexed:
        made = super().__new__(cls, f"{'∂L/∂' if by else ''}{plain}{'_' if letters else ''}{''.join(letters)}")
        made.plain, made.letters, made.by = plain, tuple(letters), by
        return made


class Mathematics(Dialect):
    """What the dialects for readers share: how the parameters of an op are said, and in which form."""

    signs = {"·": PRODUCT, "/": PRODUCT, "@": MATRIX, "+": SUM, MINUS: SUM, "&": AND, "|": OR} | dict.fromkeys(
        ">≥<≤=≠", COMPARISON
    )

    def identifier(self, name: str) -> str:
        """A name in one piece."""
        return name

    def words(self, text: str) -> str:
        """Plain text."""
        return text

    def name(self, name: str) -> Piece:
        """A name, which stands in parentheses where an expression would if it is no single sign."""
        if isinstance(name, Indexed):
            element = self.name(name.plain)
            element = self.element(element, name.letters) if name.letters else element
            return self.derivative(element) if name.by else element
        shown = printable(name)
        return Piece(self.identifier(shown), ATOM if holds_as_name(shown) else ANY, len(shown))

    def element(self, whole: Piece, letters: Sequence[str]) -> Piece:
        """An element of a value."""
        return Piece(f"{self.at(whole, ATOM)}_{''.join(letters)}", ATOM, whole.length + len(letters) + 1)

    def derivative(self, value: Piece) -> Piece:
        """The derivative of the final output by a value."""
        return Piece(f"∂L/∂{value.text}", PRODUCT, value.length + 4)

    def leaf(self, node: Node, whole: bool) -> Piece:
        """The number that all elements share, the elements of a small index, or what little can be said."""
        first, value, shown = only(node.value), node.value, f"constant {node.shape}" if node.shape else "constant"
        if first is not None and not (whole and node.shape):
            return self.number(first)
        if isinstance(value, np.ndarray) and value.size in LISTED_SIZES and value.dtype.kind in "biu":
            shown = listed(value)
        elif first is not None:
            shown = f"copy({number(first)}, {node.shape})"
        return Piece(self.words(shown), ATOM, len(shown))

    def parts(self, node: Node) -> list[Part]:
        """The template of an op in the form in which its parameters are best said."""
        if (order := order_of(node)) is not None:
            if exchanges_last(order):
                return [Field("0", ""), "ᵀ"]
            if [*order] == [*range(len(order))]:
                return [Field("0", "")]
        parts = filled(node, node.made_by.notation)
        match parts:
            case [("Σ(" | "Π(") as sign, x, ")"]:
                return [sign[0], x]
            case [x, "^", Field("1")] if power := _small_power(node):
                return [x, str(power).translate(RAISED)]
        return parts

    def said(self, node: Node, field: Field, dims: Dims) -> str:
        """A parameter of an op in words."""
        value, ndim = node.params[field.name], len(node.shape)
        match field.kind:
            case "axis":
                return axes_text(*axes_of(node, value), dims)
            case "shape" if not isinstance(value, tuple) or -1 in value or value == node.shape:
                return shape_text(node, dims)
            case "order":
                order = range(ndim)[::-1] if value is None else [int(axis) % ndim for axis in value]
                return " ".join(map(str, order))
            case "flag":
                return "kept" if value else "not kept"
        return _text(value)


def _small_power(node: Node) -> int | None:
    """The exponent of a power, where it is a small whole number above 1."""
    power = node.operands[1]
    return int(power) if isinstance(power, int | float) and power in range(2, 10) else None


def _text(value: Any) -> str:
    """A parameter of any other kind: nested tuples of numbers, the name of a dtype, subscripts."""
    if isinstance(value, str):
        return value.replace(" ", "").replace("->", "→")
    if isinstance(value, tuple | list | np.ndarray):
        return _tuple([_text(x) for x in value])
    return number(value) if isinstance(value, int | float | complex | np.number) else str(value)


class _Unicode(Mathematics):
    """Text in one line."""

    def number(self, value: Any) -> Piece:
        shown = number(value)
        bare = PREFIX if "√" in shown else ATOM
        level = SUM if shown.startswith(MINUS) else PRODUCT if "/" in shown.removeprefix("√(2/π)") else bare
        return Piece(shown, level, len(shown))

    def applied(self, node: Node, operands: Sequence[Piece], dims: Dims) -> Piece:
        parts, texts, made = self.parts(node), [x.text for x in operands], ""
        if parts == [Field("0", "")]:
            return operands[0]
        levels = self.levels(parts)
        for part in parts:
            if isinstance(part, str):
                made += part
            elif part.name.isdigit():
                made += self.placed(operands, int(part.name), levels)
            elif part.kind == "index":
                made += ", ".join(index_text(node.params[part.name], texts[1:], number)) or "()"
            else:
                made += ", ".join(texts) if part.name == "*" else self.said(node, part, dims)
        return Piece(made, levels[0], len(made))


def listed(value: np.ndarray[Any, Any]) -> str:
    """The elements of an array, in brackets."""
    return number(value[()]) if value.ndim == 0 else f"[{', '.join(map(listed, value))}]"


UNICODE = _Unicode()
