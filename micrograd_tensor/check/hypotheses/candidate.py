"""Candidate: one hypothesis about what the user's line does instead of what is due, as a change of the program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .kinds import KINDS
from .point import Change, Point
from .program import Array, Operand, Step
from .words import formula


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A hypothesis.

    Attributes:
        kind: one of `KINDS`.
        text: what was done, in a sentence without a full stop.
        make: what the user's line would then give, at any point; None where that cannot be computed.
        place: the step that it is about, or what takes its place.
        more: added to the weight of its kind.
        changes: the change of the program that it is, where it is one.
        of_ways: whether it says which ways through the graph are wrong, rather than which line.
    """

    kind: str
    text: str
    make: Callable[[Point], Array | None]
    place: Operand
    more: float = 0.0
    changes: Mapping[Operand, Change] = field(default_factory=dict)
    of_ways: bool = False

    @property
    def weight(self) -> float:
        """The smaller, the likelier."""
        return KINDS[self.kind].weight + self.more


def change(kind: str, text: str, step: Step, instead: Change, more: float = 0.0) -> Candidate:
    """The hypothesis that one step computes something else."""
    return changes(kind, text, step, {step: instead}, more)


def changes(kind: str, text: str, step: Operand, instead: Mapping[Operand, Change], more: float = 0.0) -> Candidate:
    """The hypothesis that some steps compute something else."""
    return Candidate(kind, text, lambda point: point.changed(instead), step, more, instead)


def of(function: Callable[..., Array], *operands: Operand) -> Change:
    """The change to a function of other operands."""
    return lambda values: np.asarray(function(*(values[x] for x in operands)))


def whole(function: Callable[[Array], Array]) -> Callable[[Point], Array]:
    """A function of the program's result."""
    return lambda point: np.asarray(function(point.target))


def made_by(candidate: Candidate, point: Point) -> Array | None:
    """What a hypothesis gives at a point; None where it cannot be computed."""
    try:
        with np.errstate(all="ignore"):
            made = candidate.make(point)
    except (ValueError, TypeError, IndexError, KeyError, ZeroDivisionError, np.linalg.LinAlgError):
        return None
    return None if made is None else np.asarray(made)


def fix(point: Point, place: Operand) -> str:
    """The line that is to be corrected: the named gradient that a step is part of, as a formula."""
    program = point.program
    prefix = "d" if program.backward else ""
    if isinstance(place, Step):
        for step in (place, *program.after[place]):
            if step.name is not None and step is not program.target:
                return f"{step.name} = {formula(step)}"
    return f"{prefix}{program.node.name or '…'} = {_whole(program.target)}"


def _whole(target: Any) -> str:
    return formula(target)
