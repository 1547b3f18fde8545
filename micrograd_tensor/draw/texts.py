"""Texts: the words and numbers that every view says in the same way."""

from __future__ import annotations

import math
from string import ascii_uppercase

from ..engine.row import Permutation, Primitive, Reshape
from ..graph import Node
from ..notation import summary
from .metrics import text_width
from .scene import BOXED, VALUE, Item


def value(node: Node, detail: str = "full") -> str:
    """The shape of a value, and what is in it.

    >>> import micrograd_tensor as mt
    >>> node = mt.graph(mt.tensor([1.0, 2.0])).outputs[0]
    >>> value(node), value(node, "shape"), value(node, "name")
    ('(2,)  1.00…2.00', '(2,)', '')
    """
    if detail == "name" or node.dtype == object:  # what stands for no array has no shape
        return ""
    return f"{node.shape}  {summary(node.value) if detail == 'full' else ''}".strip()


def lines(name: str, node: Node, detail: str = "full") -> tuple[str, ...]:
    """The lines of a value's box: its name, its shape and what is in it, these two in one line for a scalar."""
    said = value(node, detail)
    return tuple(line for line in (name, *(said.split("  ") if node.shape else (said,))) if line)


def commutes(op: Primitive) -> bool:
    """Whether an op has one operand only, or gives the same whatever their order."""
    return op.commutes or "{1}" not in op.notation


def only_moves(op: Primitive) -> bool:
    """Whether an op changes no element and only puts them elsewhere."""
    return op.moves and op.linear and isinstance(op.reading, Permutation | Reshape)


def letter(k: int) -> str:
    """A, B, …, Z, AA, AB, …"""
    k, last = divmod(k, 26)
    return (letter(k - 1) if k else "") + ascii_uppercase[last]


def boxed(item: Item) -> Item:
    """The item, sized to its lines."""
    first, *rest = item.lines or ("",)
    widest = max(text_width(first, BOXED, bold=True), *(text_width(line, VALUE) for line in rest), 0.0)
    item.width = 2 * math.ceil(widest / 2) + 22  # whole points: some Graphviz round the sizes of nodes to these
    item.height = 26 + 14.0 * len(rest)
    return item
