"""Case: a wrong stage, the recorded derivation of it, and which hypotheses reproduce what was given there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ...graph import Node
from ..expected import squeezed
from ..found import WrongStage, broadcasts
from ..nearby import nearby
from .catalogue import Hypothesis, bare_values, substitutes_for
from .constants import Constants
from .correction import in_lines, lines
from .derivation import OP, Array, Derivation, Values, gradient_of, value_of
from .factors import Factors
from .fit import Fit, fit_paths
from .sums import forks_of
from .variants import as_written

BUDGET = 300_000_000
"""The work of one diagnosis, in elements computed: it takes about a second, and is several times what any mistake needs
that `bench_tutor.py` plants."""

HYPOTHESIS = 5 * OP
"""The work of making a hypothesis up, its sentence included."""

OF_SHAPES = ("missing keepdims", "missing reshape", "transposed")
"""Kinds that say how an array is laid out, and so its shape to the letter."""


class Match(NamedTuple):
    """A hypothesis that reproduces what was given, how closely, and a remark."""

    hypothesis: Hypothesis
    error: float
    note: str
    case: Case

    @property
    def weight(self) -> float:
        """The smaller, the more likely."""
        return self.hypothesis.weight + self.case.unlikely


class Case:
    """A wrong stage as a derivation with the values that it starts from, here and at another point.

    Args:
        wrong: the stage, what was given there and what is due.
        derivation: of the stage, if not as it was recorded from the nearest gradients, or values, that were given.
        unlikely: what the weight of an explanation grows by in this form.
        usual: the usual form of the derivative, if that is known already.
    """

    def __init__(
        self,
        wrong: WrongStage,
        derivation: Derivation | None = None,
        unlikely: float = 0.0,
        usual: Derivation | None = None,
    ) -> None:
        self.wrong, self.given, self.unlikely = wrong, np.asarray(wrong.given), unlikely
        graph, node = wrong.graph, wrong.node
        derive = value_of if wrong.forward else gradient_of
        self.derivation = derivation or derive(graph, node, wrong.by_hand)
        self._usual, self._as_recorded = usual, derivation is None
        self.substitutes = substitutes_for(self.derivation, graph, wrong.used)
        forward = {n: n.value for n in graph.nodes} | dict(wrong.values)
        known = self.derivation.worth(forward, wrong.used)
        target = self.derivation.target
        if target.is_leaf and self.derivation.origins.get(target) is node:  # else it was handed on from another node
            known[target] = np.asarray(wrong.expected)
        self.values = self._values(known, self.substitutes.worth(forward, wrong.used, bare_values(graph, {})))
        self.factors = Factors(self.values, Constants(graph), self.substitutes.values)

    def _values(self, known: dict[Node, Array], substitutes: dict[Node, Array]) -> Values:
        return Values(self.derivation, known, substitutes, self.substitutes.own)

    @cached_property
    def usual(self) -> Derivation | None:
        """The usual form of the derivative, where that was recorded otherwise."""
        if not self._as_recorded or not self.derivation.backward or not self.derivation.steps:
            return self._usual
        return as_written(self.values, self.elsewhere)

    def fix(self) -> str:
        """The lines of NumPy that compute what is due, in the usual form if that is as precise."""
        if self.usual is not None:
            case = self if self.derivation is self.usual else Case(self.wrong, self.usual)
            if self.wrong.matches(case.values.target, self.wrong.expected) is not None:
                line = in_lines(self.usual.graph, self.derivation.name)
                if line:
                    return line
        return lines(self.wrong, self.derivation)

    @property
    def begins_late(self) -> bool:
        """Whether the derivation starts from gradients further on than those that the whole pass started from."""
        return self.derivation.backward and not self.derivation.gradients <= self.derivation.upstreams

    @cached_property
    def slack(self) -> Array:
        """By how much the given array may differ from what explains it, element by element of what is due."""
        return np.broadcast_to(self.wrong.allowed(self.values.target), self.values.target.shape)

    @cached_property
    def forks(self) -> list[Node]:
        """The sums at forks of the derivation."""
        return forks_of(self.derivation)

    @cached_property
    def fit(self) -> Fit | None:
        """The gradient by the paths through the graph, where there are several between the given gradients and here."""
        if self.wrong.forward or len(self.forks) < 1 + self.begins_late:
            return None
        return fit_paths(self.values, self.given, self.slack)

    @cached_property
    def elsewhere(self) -> Values:
        """The same derivation at a generic point, where hypotheses that differ give different numbers."""
        graph, there = self.wrong.graph, nearby(self.wrong.graph)
        leaves = {node: value for node, value in there.values.items() if node.is_leaf}
        known = self.derivation.worth(there.values, there.gradients)
        return self._values(known, self.substitutes.worth(there.values, there.gradients, bare_values(graph, leaves)))

    def tried(
        self,
        hypotheses: Iterable[Hypothesis],
        budget: int = BUDGET,
        wanted: Callable[[Hypothesis], bool] = lambda _: True,
    ) -> list[Match]:
        """The hypotheses that reproduce what was given, how closely, and what else there is to say.

        Args:
            hypotheses: in the order in which they are tried.
            budget: how much work may be done.
            wanted: which of them are tried.
        """
        found = []
        limit = self.values.work + budget
        for hypothesis in hypotheses:
            if self.values.work > limit:
                break
            self.values.work += HYPOTHESIS
            made = hypothesis.at(self.values) if wanted(hypothesis) else None
            if made is None:
                continue
            note, given = "", self.given
            if made.shape != given.shape and hypothesis.kind in OF_SHAPES:
                continue
            if made.shape != given.shape:
                if squeezed(made.shape) == squeezed(given.shape):
                    made = made.reshape(given.shape)
                elif broadcasts(given.shape, made.shape) and made.size <= self.values.target.size:
                    given = np.broadcast_to(given, made.shape)
                note = f"; besides, its shape is {self.given.shape} where {self.values.target.shape} is due"
            error = self.error(made, given)
            if error is not None:
                found.append(Match(hypothesis, error, note, self))
        return found

    def error(self, made: Array, given: Array) -> float | None:
        """How far what a hypothesis gives is from what was given; None where it does not explain it."""
        if made.shape != given.shape or not np.isfinite(given).any():
            return None
        at, reach = self._probe
        if given is self.given and abs(made.flat[at] - given.flat[at]) > reach:
            return None
        return self.wrong.matches(made, given)

    @cached_property
    def _probe(self) -> tuple[int, float]:
        """The element that is looked at first, and by how much it may be off for the others to be looked at."""
        with np.errstate(all="ignore"):
            sizes = np.where(np.isfinite(self.given), np.abs(self.given), -1.0)
            at = int(np.argmax(sizes))
            loosest = float(np.max(self.wrong.allowed(self.given), initial=0.0))
        return at, 1e-2 * float(sizes.flat[at]) + (loosest if np.isfinite(loosest) else 0.0)
