"""Point: the values of a program, and its result when some of them are changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol, TypeAlias

import numpy as np

from ...graph import Node
from .program import Array, Known, Operand, Program, Step


class Values(Protocol):
    """Looks up what a step, a known value or a number is worth."""

    def __getitem__(self, x: Operand) -> Array: ...


Change: TypeAlias = "Callable[[Values], Array]"
"""What takes the place of a step's result or of a known value."""


@dataclass(eq=False)
class Point:
    """The values of a program's sources, and what its steps make of them.

    Attributes:
        program: the steps.
        known: the values of its sources.
        atoms: values that a change may put in.
        results: what each step makes.
        work: how many elements have been computed so far for changes, in all.
    """

    program: Program
    known: Mapping[Known, Array]
    atoms: Mapping[Known, Array] = field(default_factory=dict)
    results: dict[Step, Array] = field(init=False)
    work: int = 0
    _logs: dict[Known, Array] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.results, self._logs = {}, {}
        with np.errstate(all="ignore"):
            for step in self.program.steps:
                self.results[step] = _applied(step, self)

    def __getitem__(self, x: Operand) -> Array:
        if isinstance(x, Step):
            return self.results[x]
        if isinstance(x, Known):
            return self.known[x] if x in self.known else self.atoms[x]
        return x

    @cached_property
    def own(self) -> Mapping[Node, Known]:
        """The known forward values by node."""
        found: dict[Node, Known] = {}
        for x in (*self.known, *self.atoms):
            if x.node is not None and not x.is_gradient:
                found.setdefault(x.node, x)  # what follows is the same value without its eps
        return found

    def log(self, x: Known) -> Array:
        """The logarithm of the absolute value of what is known, in which powers are multiples."""
        if x not in self._logs:
            with np.errstate(all="ignore"):
                self._logs[x] = np.log(np.abs(np.asarray(self[x], np.float64)))
        return self._logs[x]

    @property
    def target(self) -> Array:
        """The program's result."""
        return np.asarray(self[self.program.target])

    def changed(self, changes: Mapping[Operand, Change]) -> Array | None:
        """The program's result with some of its values changed; None where that cannot be computed."""
        values = _Changed(self, {})
        later: Iterable[Step] = self.program.steps
        if len(changes) == 1:
            [only] = changes
            later = (only, *self.program.after[only]) if isinstance(only, Step) else later
        try:
            with np.errstate(all="ignore"):
                for x, change in changes.items():
                    if not isinstance(x, Step):
                        values.own[x] = np.asarray(change(self))
                for step in later:
                    if step in changes:
                        values.own[step] = np.asarray(changes[step](values))
                    elif any(x in values.own for x in step.operands if isinstance(x, Step | Known)):
                        values.own[step] = _applied(step, values)
                    else:
                        continue
                    self.work += 1 + int(values.own[step].size)
        except (ValueError, TypeError, IndexError, ZeroDivisionError):
            return None
        return np.asarray(values[self.program.target])


class _Changed:
    """The values of a point, some of them replaced."""

    def __init__(self, point: Point, own: dict[Operand, Array]) -> None:
        self.point, self.own = point, own

    def __getitem__(self, x: Operand) -> Array:
        return self.own[x] if isinstance(x, Step | Known) and x in self.own else self.point[x]


def _applied(step: Step, values: Values) -> Array:
    """The result of a step; what only changes the shape is left out where a change has changed it already."""
    operands = [values[x] for x in step.operands]
    if step.op.name in ("reshape", "broadcast_to", "squeeze", "expand_dims") and not _fits(step, operands[0]):
        return operands[0]
    return np.asarray(step.op.forward(*operands, **step.params))


def _fits(step: Step, x: Array) -> bool:
    """Whether a change of shape can still be made to what arrives there."""
    was = step.operands[0].shape
    return bool(np.shape(x) == was or (step.op.name == "broadcast_to" and np.size(x) <= 1))
