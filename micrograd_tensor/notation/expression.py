"""Expression: one walk from a node down to what has a name, for every dialect that it can be written in.

A dialect says how a name, a number and an op with its operands are written; how tightly each piece binds,
and so where parentheses are needed, is decided here, from the templates in the rows of the ops.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Container, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar, NamedTuple
from unicodedata import category

import numpy as np

from ..engine.row import Product, Reduction
from ..graph import Node
from ..graph.axes import Dims
from .readings import as_taught
from .templates import Part, axes_of

ATOM, POSTFIX, POWER, PREFIX, PRODUCT, MATRIX, SUM, AND, OR, COMPARISON, ANY = range(10, -1, -1)
"""Binding strength of a piece; an operand that binds less tightly than its place requires gets parentheses."""

MAX_OPS = 64
"""The maximum number of ops in an expression, so that its cost does not depend on how much was computed before."""

EVERYTHING = 1 << 40
"""The limit of an expression that is shown whatever it costs, with all of its ops."""


class Piece(NamedTuple):
    """A piece of text, its binding strength, and how many characters it shows."""

    text: str
    level: int
    length: int


_NEGATIVE = re.compile("(<mrow>)*(<mo>)?[−-]")
"""How a piece begins that must not follow another sign."""


class Dialect(ABC):
    """One way of writing expressions.

    Attributes:
        signs: the signs of infix ops, with their binding strengths.
        exact: keep the order in which the ops were computed, and every op.
    """

    signs: ClassVar[Mapping[str, int]]
    exact: ClassVar[bool] = False

    @abstractmethod
    def name(self, name: str) -> Piece:
        """A name."""

    @abstractmethod
    def number(self, value: Any) -> Piece:
        """A number."""

    @abstractmethod
    def leaf(self, node: Node, whole: bool) -> Piece:
        """A leaf without a name; one of equal elements is that number unless its whole shape matters."""

    @abstractmethod
    def applied(self, node: Node, operands: Sequence[Piece], dims: Dims) -> Piece:
        """An op with its operands put in."""

    def enclosed(self, text: str) -> str:
        """A text in parentheses."""
        return f"({text})"

    def at(self, piece: Piece, level: int) -> str:
        """A piece, in parentheses if its place requires a stronger one."""
        return piece.text if piece.level >= level else self.enclosed(piece.text)

    def side(self, piece: Piece) -> str:
        """A piece as one side of an equation: a comparison, which has a sign of its own, is in parentheses."""
        return self.at(piece, COMPARISON + 1)

    def placed(self, operands: Sequence[Piece], i: int, levels: tuple[int, int, int]) -> str:
        """An operand as written in its place in an op of some binding strengths."""
        level, first, others = levels
        signed = i and level == SUM and not self.exact and _NEGATIVE.match(operands[i].text)
        return self.at(operands[i], ATOM if signed else others if i else first)

    def levels(self, parts: Sequence[Part]) -> tuple[int, int, int]:
        """The binding strength of an op, and those required of its first and of its other operands."""
        return _levels(self, "".join([part if isinstance(part, str) else "{}" for part in parts]))


@cache
def _levels(dialect: Dialect, text: str) -> tuple[int, int, int]:
    if text.replace(" / ", "/") in _LEVELS:
        return _LEVELS[text.replace(" / ", "/")]
    sign = text[3:-3]
    if text == f"{{}} {sign} {{}}" and sign in dialect.signs:
        level = dialect.signs[sign]
        if level == MATRIX:  # Python reads · / @ from left to right and mathematics does not: never mix them
            return level, PREFIX, PREFIX
        either = sign in "+·" and not dialect.exact
        return level, level + (level == COMPARISON), level + (not either)
    if text.startswith("{}"):
        return (ATOM if dialect.exact else POSTFIX), ATOM, ANY
    return (ATOM, ANY, ANY) if "(" in text else (PREFIX, PREFIX if text[0] in "-~" else ATOM, ATOM)


_LEVELS = {
    "−{}": (SUM, PRODUCT, PRODUCT),
    "1/{}": (PRODUCT, PREFIX, PREFIX),
    "|{}|": (ATOM, SUM, SUM),
    "{}^{}": (POWER, ATOM, ATOM),
    "{} ** {}": (POWER, ATOM, PREFIX),
}
"""Binding strengths of notations that their signs alone do not determine."""


def written(dialect: Dialect, end: Node, names: Mapping[Node, str], dims: Dims, limit: int) -> Piece:
    """The expression of the op that made a node, without recursion: found from the top, then written bottom up."""
    made: dict[Node, Piece] = {}
    unknown = dialect.name("…")
    for node, read in shown_ops(dialect, end, names, limit).items():
        if read is not end and not is_inner(read, names):
            made[node] = operand(dialect, read, names)
            continue
        whole = not _broadcasts(read)
        pieces = [
            made.get(x, unknown) if is_inner(x, names) else operand(dialect, x, names, whole) for x in read.operands
        ]
        if label := divisor(read, dims):
            pieces[1] = dialect.name(label)
        piece = dialect.applied(read, pieces, dims)
        made[node] = piece if piece.length <= limit or node is end else unknown
    return made[end]


def shown_ops(dialect: Dialect, end: Node, names: Container[Node], limit: int) -> dict[Node, Node]:
    """The ops that an expression shows, down to what has a name, operands first, each with the form it is read in."""
    shown: dict[Node, Node] = {}
    queue = [end]
    for node in queue:
        read = shown[node] = node if dialect.exact else as_taught(node, names)
        within = [x for x in read.operands if is_inner(x, names)] if read is end or is_inner(read, names) else ()
        if within:
            new = dict.fromkeys(x for x in within if x not in shown and x not in queue)
            queue.extend([*new][: max(0, (limit if limit == EVERYTHING else min(limit, MAX_OPS)) - len(queue))])
    return {node: shown[node] for node in sorted([*reversed(queue)], key=lambda node: node.rank)}


def operand(dialect: Dialect, x: Any, names: Mapping[Node, str], whole: bool = False) -> Piece:
    """An operand that is not itself shown as an op: a number, a name or a leaf."""
    if not isinstance(x, Node):
        return dialect.number(x)
    if x in names:
        return dialect.name(names[x])
    return dialect.leaf(x, whole) if x.name is None else dialect.name(x.name)


def is_inner(x: Any, names: Container[Node]) -> bool:
    """Whether an operand is itself shown as an op."""
    return isinstance(x, Node) and x.op is not None and x.name is None and x not in names


def _broadcasts(node: Node) -> bool:
    """Whether the shape of the result is that of another operand, so that a constant may be written as one number."""
    if node.op is None or node.op.reading is None or node.op.contracts or node.op.adds:
        return False
    full = [x.shape == node.shape and not (x.is_leaf and x.name is None) for x in node.inputs]
    return len(node.operands) > 1 and any(full)


def divisor(node: Node, dims: Dims) -> str | None:
    """What the number is called by which the rule of a mean divides: the lengths that it takes the mean over."""
    forward = node.rule_of[0] if node.rule_of and dims else None
    if forward is None or node.op is None or forward.op is None or forward.op.reading != Reduction("mean"):
        return None
    whose, axes = axes_of(forward, forward.params["axis"])
    labels = [label for axis in axes if (label := dims.get(whose, (None,) * (axis + 1))[axis])]
    count = math.prod(whose.shape[axis] for axis in axes)
    divides = node.op.reading == Product((1, -1)) and node.operands[1] == count and len(labels) == len(axes)
    return " · ".join(labels) if divides and labels else None


@cache
def holds_as_name(name: str) -> bool:
    """Whether a name reads as one word: letters, digits and marks only, such as ``dev_from_mean`` or ``0.weight``."""
    return all(category(c)[0] in "LMN" or c in "_.…′\u200c\u200d\u2068\u2069" for c in name)


def only(value: Any) -> Any:
    """The number that all elements of an array share, or None."""
    if isinstance(value, np.ndarray) and value.size and value.dtype.kind in "biuf":
        first = value.flat[0]
        if np.all(value == first) or (value.dtype.kind == "f" and np.all(np.isnan(value))):
            return first
    return None
