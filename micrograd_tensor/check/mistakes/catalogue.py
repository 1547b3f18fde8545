"""Catalogue: the kinds of mistake, what a hypothesis is, and the recorded values that a line may have used instead."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...engine.row import Linear, Power, Product
from ...graph import Graph, Node, evaluate
from ...graph.cut import needed
from ...graph.paths import depending
from ...notation import number
from .derivation import Array, Change, Derivation, Operand, Values, as_leaf, grouped_forward

KINDS: dict[str, int] = {
    "overwritten contribution": 9,
    "statistic as constant": 10,
    "dropped contribution": 10,
    "missing sum": 10,
    "mean for sum": 11,
    "sum for mean": 11,
    "missing keepdims": 12,
    "missing reshape": 12,
    "wrong axis": 12,
    "sum over everything": 12,
    "transposed": 12,
    "doubled contribution": 17,
    "sign": 13,
    "doubled sum": 13,
    "lost square": 13,
    "missing factor": 14,
    "missing mask": 14,
    "inverted mask": 14,
    "not inverted": 15,
    "factor twice": 15,
    "missing function": 15,
    "constant factor": 16,
    "dropped term": 16,
    "eps left out": 17,
    "eps misplaced": 17,
    "another eps": 18,
    "exchanged operand": 18,
    "another argument": 19,
    "complement": 19,
    "moved contribution": 19,
    "value for gradient": 19,
    "gradient for value": 19,
    "another exponent": 19,
    "another mask": 19,
    "off by one": 20,
    "part of a sum": 19,
    "repeats lost": 19,
    "whole numbers": 19,
    "permuted": 20,
    "wrong operator": 21,
    "cross terms dropped": 22,
    "double counted": 23,
    "added term": 24,
    "power of a tensor": 25,
    "wrong function": 18,
    "two mistakes": 30,
    "wrong way": 40,
    "in places": 60,
    "not determined": 70,
}
"""Every kind that a diagnosis can name, with its weight: if several explain the same numbers, the lightest is first.

The likelier and simpler a mistake, the less it weighs.
"""

SMALL = 1e-2
"""A positive number up to this that is added to something counts as an eps."""

STORED: tuple[tuple[str, Callable[[Array], Array], float], ...] = (
    ("whole numbers", np.trunc, 0.0),
    ("truth values", lambda x: (x != 0).astype(x.dtype), 0.5),
)
"""What cannot hold a gradient that is stored in it, what is then left of it, and how much rarer that is."""

MAX_SUBSTITUTES = 60
"""How many values are tried in place of another, those nearest to the stage first."""


@dataclass(frozen=True, slots=True, eq=False)
class Hypothesis:
    """What may have been done instead of the right thing.

    Attributes:
        kind: one of `KINDS`.
        text: what was done, in a sentence without a full stop.
        make: what the user's line would then give, at any point; None if it cannot be computed.
        place: the step that it is about, or what replaces it.
        more: added to the weight of its kind.
        changes: the change of the derivation, if it is one.
        of_paths: whether it tells which paths through the graph are wrong, rather than which line.
    """

    kind: str
    text: str
    make: Callable[[Values], Array | None]
    place: Operand
    more: float = 0.0
    changes: Mapping[Operand, Change] = field(default_factory=dict)
    of_paths: bool = False

    @property
    def weight(self) -> float:
        """The smaller, the more likely."""
        return KINDS[self.kind] + self.more

    def at(self, values: Values) -> Array | None:
        """What the user's line would give with these values; None if it cannot be computed."""
        try:
            with np.errstate(all="ignore"):
                made = self.make(values)
        except (ValueError, TypeError, IndexError, KeyError, ZeroDivisionError, np.linalg.LinAlgError):
            return None
        return None if made is None else np.asarray(made)


def change(kind: str, text: str, step: Operand, instead: Change, more: float = 0.0) -> Hypothesis:
    """The hypothesis that one step computes something else."""
    return changes(kind, text, step, {step: instead}, more)


def changes(kind: str, text: str, step: Operand, instead: Mapping[Operand, Change], more: float = 0.0) -> Hypothesis:
    """The hypothesis that some steps compute something else."""
    return Hypothesis(kind, text, lambda values: values.changed(instead), step, more, instead)


def of(function: Callable[..., Array], *operands: Operand) -> Change:
    """The change to a function of other operands."""
    return lambda v: np.asarray(function(*(v[x] for x in operands)))


# ------------------------------------------------------------------------------------------------------- substitutes


@dataclass(frozen=True, eq=False)
class Substitutes:
    """Recorded values that a line may have used in place of the one that belongs there.

    Attributes:
        values: forward values.
        gradients: gradients of named nodes, the user's where they were given.
        without_eps: the forward values that would differ without a small constant of the forward pass.
        origins: the forward node of each.
    """

    values: tuple[Node, ...] = ()
    gradients: tuple[Node, ...] = ()
    without_eps: Mapping[Node, Node] = field(default_factory=dict)
    origins: Mapping[Node, Node] = field(default_factory=dict)

    @property
    def own(self) -> dict[Node, Node]:
        """The value of each forward node."""
        return {self.origins[x]: x for x in self.values}

    def exchanging(self, atom: Node, x: Operand) -> str:
        """The kind of mistake that one value in place of another is."""
        forms = [(self.origins.get(y, y), self.origins.get(z, z)) for y, z in ((atom, x), (x, atom))]
        if any(_is_one_less(y, z) for y, z in forms):
            return "complement"
        (own, due), _ = forms
        if due.name is None and own in _factors(due):  # what has a name is taken for another one as a whole
            return "lost square" if set(_factors(due)) == {own} else "missing factor"
        return "factor twice" if own.name is None and set(_factors(own)) == {due} else "exchanged operand"

    def worth(
        self, forward: Mapping[Node, Array], used: Mapping[Node, Array], bare: Mapping[Node, Array]
    ) -> dict[Node, Array]:
        """Their values, from forward values, gradients, and forward values without the small constant."""
        found = {x: forward[self.origins[x]] for x in self.values}
        found |= {x: used[self.origins[x]] for x in self.gradients}
        return found | {x: bare[self.origins[x]] for x in self.without_eps.values()}


def _is_one_less(y: Operand, x: Operand) -> bool:
    """Whether a node is 1 − x."""
    return isinstance(y, Node) and y.reading == Linear((1, -1)) and y.operands[0] == 1 and y.operands[1] is x


def _factors(x: Operand) -> tuple[Operand, ...]:
    """What a node is the product of, a square of the same twice."""
    if not isinstance(x, Node):
        return ()
    if x.reading == Product((2,)) or (x.reading == Power() and x.operands[1] == 2):
        return (x.operands[0],) * 2
    return x.operands if x.reading == Product((1, 1)) else ()


def substitutes_for(derivation: Derivation, graph: Graph, used: Collection[Node]) -> Substitutes:
    """The values at hand for a derivation; its own leaves come first, and are the same objects."""
    stage, own = derivation.stage, frozenset(derivation.leaves)
    here = {(derivation.origins[x], x in derivation.gradients): x for x in derivation.leaves if x in derivation.origins}
    behind = set(needed([stage]))  # their gradients are made after this one
    values: list[Node] = []
    gradients: list[Node] = []
    origins: dict[Node, Node] = {}
    for node in sorted(graph.nodes, key=lambda node: abs(node.rank - stage.rank)):
        if not derivation.backward and node.rank >= stage.rank:
            continue  # not computed yet
        usable = node.value is not None and node.dtype.kind == "f" and (node.name is not None or node.op is not None)
        if usable and len(values) < MAX_SUBSTITUTES:
            values.append(here.get((node, False)) or as_leaf(node, grouped_forward(node)))
            origins[values[-1]] = node
        recorded = derivation.backward and node.name is not None and node in used and node not in behind
        if recorded and len(gradients) < MAX_SUBSTITUTES:
            gradients.append(here.get((node, True)) or as_leaf(node, f"d{node.name}"))
            origins[gradients[-1]] = node
    values.sort(key=lambda x: x not in own)
    eps = small_constant(graph)
    touched = depending(graph.nodes, [node for node in graph.nodes if added_eps(node) is not None])
    without = {x: as_leaf(x, f"{x.name} without the {number(eps)}") for x in values if origins[x] in touched}
    origins |= {bare: origins[x] for x, bare in without.items()}
    return Substitutes(tuple(values), tuple(gradients), without, origins)


def small_constant(graph: Graph) -> float | None:
    """The small number that the forward pass adds somewhere, or None."""
    return next((eps[1] for node in graph.nodes if (eps := added_eps(node))), None)


def bare_values(graph: Graph, leaves: Mapping[Node, Any], times: float = 0.0) -> dict[Node, Any]:
    """The forward values without the small constant, or with a multiple of it; empty for a graph that has none."""
    if small_constant(graph) is None:
        return {}

    def exchange(node: Node, made: Any) -> Any:
        eps = added_eps(node)
        return made + (times - 1.0) * eps[1] if eps is not None else made

    return evaluate(graph, leaves, exchange)


def added_eps(node: Operand) -> tuple[Operand, float] | None:
    """What a node adds a small number to, and the number."""
    if not isinstance(node, Node) or node.reading != Linear((1, 1)):
        return None
    for x, eps in (node.operands, node.operands[::-1]):
        if isinstance(x, Node) and isinstance(eps, float) and 0 < eps <= SMALL:
            return x, eps
    return None
