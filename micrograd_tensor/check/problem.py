"""Problem: a wrong stage as a program, and which hypotheses reproduce what was given there."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..graph import Node
from .expected import squeezed
from .found import WrongStage
from .hypotheses.atoms import atoms_of, bare_values
from .hypotheses.building import LeafError, TooLargeError, backward_program, forward_program
from .hypotheses.candidate import Candidate, made_by
from .hypotheses.constants import Constants
from .hypotheses.forks import forks_of
from .hypotheses.point import Point
from .hypotheses.program import Array, Known, Program
from .nearby import nearby
from .paths import Fit, fit_paths

BUDGET = 30_000_000
"""So many elements are computed for one phase of a diagnosis, at most."""


class Match(NamedTuple):
    """A hypothesis that reproduces what was given, how closely, and what else there is to say."""

    candidate: Candidate
    error: float
    note: str


class Problem:
    """A wrong stage as a program with the values that it starts from, here and at another point."""

    def __init__(self, situation: WrongStage) -> None:
        self.situation = situation
        self.given = np.asarray(situation.given)
        graph, node = situation.graph, situation.node
        try:
            if situation.forward:
                self.program, known = forward_program(graph, node, situation.by_hand, situation.values)
            else:
                self.program, known = backward_program(graph, node, situation.by_hand, situation.used, situation.values)
        except (TooLargeError, LeafError):
            whole = Known(f"{'' if situation.forward else 'd'}{node.name}", node.shape, node, not situation.forward)
            self.program, known = (
                Program(graph, node, whole, (), (whole,), not situation.forward),
                {whole: situation.expected},
            )
        self.atoms = atoms_of(self.program, situation.used)
        self.constants = Constants(graph)
        self.point = Point(
            self.program, known, self.atoms.worth(self._values(), situation.used, bare_values(graph, {}))
        )

    def _values(self) -> dict[Node, Any]:
        return {node: node.value for node in self.situation.graph.nodes} | dict(self.situation.values)

    @property
    def begins_late(self) -> bool:
        """Whether the program starts from gradients further on than those that the whole pass started from."""
        return self.program.backward and not all(x.is_upstream for x in self.program.sources if x.is_gradient)

    @cached_property
    def slack(self) -> Array:
        """By how much the given array may differ from what explains it, element by element of what is due."""
        return np.broadcast_to(self.situation.allowed(self.point.target), self.point.target.shape)

    @cached_property
    def fit(self) -> Fit | None:
        """The gradient by the ways through the graph, where there are several between the given gradients and here."""
        if self.situation.forward or len(forks_of(self.program)) < 1 + self.begins_late:
            return None
        return fit_paths(self.point, self.given, self.slack)

    @cached_property
    def elsewhere(self) -> Point:
        """The same program at a generic point, where hypotheses that differ give different numbers."""
        graph = self.situation.graph
        there = nearby(graph)
        known: dict[Known, Array] = {}
        for source, value in self.point.known.items():
            assert source.node is not None  # noqa: S101 -- for the type checker; every source belongs to a node
            worth = there.gradients if source.is_gradient else there.values
            known[source] = worth.get(source.node, value)
        leaves = {node: value for node, value in there.values.items() if node.is_leaf}
        return Point(self.program, known, self.atoms.worth(there.values, there.gradients, bare_values(graph, leaves)))

    def tried(self, candidates: Iterator[Candidate]) -> list[Match]:
        """The candidates that reproduce what was given, how closely, and what else there is to say."""
        found = []
        limit = self.point.work + BUDGET
        for candidate in candidates:
            if self.point.work > limit:
                break
            made = made_by(candidate, self.point)
            if made is None:
                continue
            error = self.error(made)
            note = ""
            alike = made.shape != self.given.shape and squeezed(made.shape) == squeezed(self.given.shape)
            if error is None and alike:
                error = self.error(made.reshape(self.given.shape))
                note = f"; besides, its shape is {self.given.shape} where {self.point.target.shape} is due"
            if error is not None:
                found.append(Match(candidate, error, note))
        return found

    def error(self, made: Array) -> float | None:
        """How far a candidate is from what was given; None where it does not explain it."""
        given = self.given
        if made.shape != given.shape or not np.isfinite(given).any():
            return None
        at = self._probe
        difference = abs(made.flat[at] - given.flat[at])
        if difference > 1e-2 * abs(given.flat[at]) + self._loosest:
            return None
        return self.situation.matches(made)

    @cached_property
    def _probe(self) -> int:
        """The element that is looked at first."""
        with np.errstate(all="ignore"):
            return int(np.argmax(np.where(np.isfinite(self.given), np.abs(self.given), -1.0)))

    @cached_property
    def _loosest(self) -> float:
        loosest = float(np.max(self.situation.allowed(self.given), initial=0.0))
        return loosest if np.isfinite(loosest) else 0.0

    @property
    def name(self) -> str:
        """What the user calls the stage."""
        return f"{'' if self.situation.forward else 'd'}{self.situation.node.name}"
