"""Program: the recorded ops between what is known and a gradient that is wrong.

What is known are the forward values and the gradients that the user gave; the program is the recorded derivation from
those to the gradient in question. A hypothesis about a mistake is a change of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from ...engine.row import Primitive
from ...graph import Graph, Node
from ...graph.nodes import Edge

Array: TypeAlias = Any
Operand: TypeAlias = Any
"""A `Step`, a `Known` value or a number."""


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """A value that the program starts from.

    Attributes:
        text: what to call it.
        shape: its shape.
        node: the forward node that it is the value or the gradient of, or None.
        is_gradient: whether it is the gradient.
        is_upstream: whether it is what was given for an output.
    """

    text: str
    shape: tuple[int, ...]
    node: Node | None = None
    is_gradient: bool = False
    is_upstream: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One op of the program.

    Attributes:
        place: its place in the order of the program.
        op: the row of the table.
        operands: steps, known values and numbers.
        params: of the op.
        shape: of the result.
        carries: by which operands the gradient flows through it.
        edge: the edge whose rule it belongs to; None for the sums at forks, and in a forward program.
        node: the forward node that the result is the gradient (or, in a forward program, the value) of, or None.
        name: what the user calls the result, or None.
        is_fork: whether it adds up two gradients that arrive at one value.
    """

    place: int
    op: Primitive
    operands: tuple[Operand, ...]
    params: Mapping[str, Any]
    shape: tuple[int, ...]
    carries: tuple[int, ...]
    edge: Edge | None = None
    node: Node | None = None
    name: str | None = None
    is_fork: bool = False


@dataclass(frozen=True, eq=False)
class Program:
    """The steps to one result.

    Attributes:
        graph: what was recorded.
        node: the forward node whose gradient, or value, it computes.
        target: its result.
        steps: in order, operands first.
        sources: the known values that the steps use.
        backward: whether it computes a gradient.
    """

    graph: Graph
    node: Node
    target: Operand
    steps: tuple[Step, ...]
    sources: tuple[Known, ...]
    backward: bool = True

    @cached_property
    def after(self) -> Mapping[Step, tuple[Step, ...]]:
        """Of each step the later ones that depend on it."""
        users: dict[Step, list[Step]] = {step: [] for step in self.steps}
        for step in self.steps:
            for x in dict.fromkeys(x for x in step.operands if isinstance(x, Step)):
                users[x].append(step)
        found: dict[Step, tuple[Step, ...]] = {}
        for step in reversed(self.steps):
            later = {u for user in users[step] for u in (user, *found[user])}
            found[step] = tuple(sorted(later, key=lambda s: s.place))
        return found
