"""Situation: all that a diagnosis may look at, about one stage that is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..graph import Graph, Node
from ..graph.nodes import Edge

SLACK = 4.0
"""A hypothesis computes things in another order than the user did, so it is allowed this many tolerances."""


@dataclass(frozen=True, slots=True, eq=False)
class Situation:
    """One wrong stage: what was given, what was expected in its place, and the values around it.

    Attributes:
        graph: the recorded graph, with values and backward pass.
        node: the forward node whose gradient (or, of a forward stage, whose value) was given.
        given: the array as the user gave it.
        expected: recomputed from the user's own upstream gradients; of a forward stage, from the user's own earlier
            values.
        parts: what each use of the node contributes to ``expected``, from the user's own upstream gradients, in the
            order in which it is added. Empty for a forward stage.
        used: for every forward node the gradient that went on from it: the user's if it was given, else ours.
        values: the forward values in use, the user's where they were given.
        tolerance: of ``given − expected``, absolute, element by element of ``expected``.
        terms: the sum of the absolute terms that were added to make ``expected``, element by element.
        by_hand: the nodes whose gradients (of a forward stage: whose values) the user gave.
        forward: whether this is a forward stage.
    """

    graph: Graph
    node: Node
    given: Any
    expected: Any
    parts: Mapping[Edge, Any]
    used: Mapping[Node, Any]
    values: Mapping[Node, Any]
    tolerance: Any
    terms: Any
    by_hand: frozenset[Node] = frozenset()
    forward: bool = False

    @property
    def eps(self) -> float:
        """The tolerance relative to the terms, at its loosest element."""
        with np.errstate(all="ignore"):
            relative = np.asarray(self.tolerance / self.terms)
        finite = relative[np.isfinite(relative)]
        return float(finite.max()) if finite.size else float(np.finfo(np.float64).eps)

    def allowed(self, candidate: Any) -> Any:
        """By how much the given array may differ from a candidate that explains it, element by element."""
        candidate = np.abs(np.asarray(candidate))
        tolerance, terms = np.asarray(self.tolerance), np.asarray(self.terms)
        with np.errstate(all="ignore"):
            if _broadcasts(tolerance.shape, candidate.shape):
                larger = np.where(terms > 0, np.maximum(1.0, candidate / terms), 1.0)
                absolute = tolerance * larger
            else:  # nothing says which element belongs to which
                absolute = tolerance.max(initial=0.0)
            return SLACK * np.fmax(absolute, self.eps * candidate if not tolerance.any() else 0.0)

    def matches(self, candidate: Any, given: Any = None) -> float | None:
        """How closely a candidate reproduces what was given, relative to its largest element.

        Args:
            candidate: an array; its shape must be the given one's to the letter.
            given: compared in place of what the user gave.

        Returns:
            None where it doesn't, by shape or by more than rounding explains.
        """
        mine, theirs = np.asarray(self.given if given is None else given), np.asarray(candidate)
        if mine.shape != theirs.shape:
            return None
        if not mine.size:
            return 0.0
        with np.errstate(all="ignore"):
            difference = np.abs(mine - theirs)
            allowed = self.allowed(theirs)
            same = (mine == theirs) | (np.isnan(mine) & np.isnan(theirs))
        if not np.all(same | (difference <= allowed)):
            return None
        finite = np.abs(theirs[np.isfinite(theirs)])
        largest = float(finite.max()) if finite.size else 0.0
        worst = float(np.where(same, 0.0, difference).max())
        return worst / largest if largest else worst


def _broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, to) == to
    except ValueError:
        return False
