"""Expressions: a term as people write it, before it has a layout in memory.

They differ from terms in that a product may hold a sum in front of which its common factor stands, and in that
whatever has a name is called by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from ..algebra import Term
from ..algebra.axes import Layout
from ..algebra.numbers import Coefficient
from ..engine.row import Primitive
from ..graph import Node


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """What may be called by a name: a recorded value.

    Attributes:
        name: what it is called.
        node: the recorded node, forward or backward.
        term: its term without a coefficient.
        scale: the coefficient that was taken off.
        is_gradient: whether it is an upstream or the gradient of a value.
        to: pairs of a label of the recorded value and another one that it has instead.
        own: the same with the recorded labels; None: this is it.
    """

    name: str
    node: Node
    term: Term
    scale: Coefficient
    is_gradient: bool = False
    to: tuple[tuple[int, int], ...] = ()
    own: Named | None = None

    @property
    def itself(self) -> Named:
        """What is named, whatever labels it has."""
        return self.own or self


@dataclass(frozen=True, slots=True, eq=False)
class Number:
    """A number."""

    value: Coefficient
    axes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Name:
    """A named value; its layout may have other labels than the recorded one."""

    named: Named
    layout: Layout
    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """A number times parts, each to an exponent."""

    number: Coefficient
    parts: tuple[tuple[Expression, Fraction], ...]
    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Total:
    """A sum of parts, each times a number."""

    parts: tuple[tuple[Expression, Coefficient], ...]
    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Reduced:
    """The sum, max, min or prod of something over axes."""

    kind: str
    labels: tuple[int, ...]
    of: Expression
    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Softmax:
    """``exp(x) / Σ exp(x)`` over axes."""

    labels: tuple[int, ...]
    of: Expression
    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Applied:
    """An elementwise op of arguments."""

    op: Primitive
    params: tuple[tuple[str, Any], ...]
    args: tuple[Expression, ...]
    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """1 where a relation holds, else 0."""

    sign: str
    args: tuple[Expression, ...]
    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class OneHot:
    """1 where the index along an axis is what is given, else 0."""

    label: int
    of: Expression
    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Opaque:
    """The result of a recorded op that no reading serves; its operands are given where they are values."""

    node: Node
    args: tuple[Expression, ...]
    layout: Layout
    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """Arrays side by side along an axis of a recorded value; each has the shape of an operand."""

    axis: int
    operands: tuple[Node, ...]
    args: tuple[Expression, ...]
    node: Node
    layout: Layout
    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Repeated:
    """A value, repeated along the axes that it lacks."""

    of: Expression
    axes: tuple[int, ...]


Expression: TypeAlias = (
    "Number | Name | Product | Total | Reduced | Softmax | Applied | Compared | OneHot | Opaque | Joined | Repeated"
)


def children(e: Expression) -> tuple[Expression, ...]:
    """What an expression is made of."""
    match e:
        case Product(_, parts) | Total(parts):
            return tuple(part for part, _ in parts)
        case Reduced() | Softmax() | OneHot() | Repeated():
            return (e.of,)
        case Applied() | Compared() | Opaque() | Joined():
            return e.args
    return ()
