"""Loops: what a kernel does, as statements over labelled axes; a printer turns them into a language.

An index stands for a label everywhere, so a loop nest is right in any order of loops. Expressions are scalars.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..algebra.numbers import Coefficient


class Load(NamedTuple):
    """An element of an array, at the indices of these labels."""

    array: str
    labels: tuple[int, ...]


class Local(NamedTuple):
    """A scalar that was computed before."""

    name: str


class Number(NamedTuple):
    """A number; None in place of a coefficient is where one is not needed."""

    value: Coefficient


class Total(NamedTuple):
    """``Σ cᵢ·xᵢ``."""

    terms: tuple[tuple[Expression, Coefficient], ...]


class Power(NamedTuple):
    """``Π xᵢ^eᵢ``, and 0 where one of the conditions does not hold."""

    factors: tuple[tuple[Expression, Any], ...]
    conditions: tuple[Expression, ...]


class Call(NamedTuple):
    """An op applied to scalars."""

    op: Any
    args: tuple[Expression, ...]
    params: tuple[tuple[str, Any], ...]

    @property
    def is_truth(self) -> bool:
        """Whether the result is a truth value."""
        return any(f is np.isfinite for f in self.op.numpy)


class Compare(NamedTuple):
    """A relation between scalars, by its sign."""

    sign: str
    args: tuple[Expression, Expression]


class At(NamedTuple):
    """Whether the index of a label is this."""

    label: int
    place: Expression


Expression: TypeAlias = "Load | Local | Number | Total | Power | Call | Compare | At"


@dataclass(slots=True)
class For:
    """A loop over a label. With parts it runs in chunks, so that sums keep their digits.

    Each part is cleared before a chunk and added to what it is a part of after it.
    """

    label: int
    body: list[Statement]
    parts: Sequence[Accumulator] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Accumulator:
    """Something that is added up: a scalar, or a row with these labels.

    Attributes:
        name: of what is added up within a chunk.
        labels: of a row.
        kind: ``"sum"``, ``"max"``, ``"min"`` or ``"prod"``.
        whole: the name of what the chunks are added up in; None where it is another accumulator.
        into: that one.
    """

    name: str
    labels: tuple[int, ...]
    kind: str
    whole: str | None = None
    into: Accumulator | None = None


@dataclass(slots=True)
class Let:
    """Compute a scalar."""

    name: str
    value: Expression


@dataclass(slots=True)
class Store:
    """Write an element of an array."""

    array: str
    labels: tuple[int, ...]
    value: Expression


@dataclass(slots=True)
class Accumulate:
    """Add to an accumulator."""

    onto: Accumulator
    value: Expression


@dataclass(slots=True)
class Count:
    """Count a violation: the condition does not hold here."""

    counter: str
    condition: Expression


@dataclass(slots=True)
class Start:
    """Clear what the chunks are added up in."""

    accumulator: Accumulator


Statement: TypeAlias = "For | Let | Store | Accumulate | Count | Start"


@dataclass(frozen=True, slots=True)
class Kernel:
    """A function of arrays.

    Attributes:
        name: what it is called.
        arrays: the names of the arrays that it reads, and then of those that it writes.
        lengths: for each label an array and an axis of it that has this label.
        rows: the labels of the rows that it needs for itself.
        wide: the names of those, and of scalars, that are float64.
        counters: its counts of violations.
        body: what it does.
    """

    name: str
    arrays: tuple[str, ...]
    lengths: dict[int, tuple[str, int]]
    rows: dict[str, tuple[int, ...]]
    wide: frozenset[str]
    counters: tuple[str, ...]
    body: list[Statement]
