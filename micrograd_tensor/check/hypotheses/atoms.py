"""Atoms: the recorded values that a user's line may have taken in place of the one that belongs there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ...graph import Graph, Node, evaluate
from .building import computed_from, name_of
from .factors import SMALL
from .program import Array, Known, Program
from .words import number

MOST = 60
"""So many values, those nearest to the stage first."""


@dataclass(frozen=True, eq=False)
class Atoms:
    """Values at hand.

    Attributes:
        values: forward values.
        gradients: gradients of named nodes, the user's where they were given.
        without_eps: of forward values those that would differ without a small constant of the forward pass.
    """

    values: tuple[Known, ...]
    gradients: tuple[Known, ...]
    without_eps: Mapping[Known, Known]

    def worth(
        self, forward: Mapping[Node, Array], used: Mapping[Node, Array], bare: Mapping[Node, Array]
    ) -> dict[Known, Array]:
        """What they are worth, from forward values, gradients, and forward values without the small constant."""
        found = {atom: forward[atom.node] for atom in self.values if atom.node is not None}
        found |= {atom: used[atom.node] for atom in self.gradients if atom.node is not None}
        return found | {atom: bare[atom.node] for atom in self.without_eps.values() if atom.node is not None}


def atoms_of(program: Program, used: Collection[Node]) -> Atoms:
    """The values at hand for a program; its own sources come first, and are the same objects."""
    here = {(x.node, x.is_gradient): x for x in program.sources if x.node is not None}
    later = computed_from(program.node)  # whose gradients are made after this one
    near = sorted(program.graph.nodes, key=lambda node: abs(node.rank - program.node.rank))
    values, gradients = [], []
    for node in near:
        if not program.backward and node.rank >= program.node.rank:
            continue  # not computed yet
        if node.value is not None and node.dtype.kind == "f" and (node.name is not None or node.op is not None):
            values.append(here.get((node, False)) or Known(name_of(node), node.shape, node))
        if program.backward and node.name is not None and node in used and node not in later:
            gradients.append(here.get((node, True)) or Known(f"d{node.name}", node.shape, node, True))
    values = sorted(values[:MOST], key=lambda x: x not in program.sources)
    size = small_constant(program.graph)
    touched = _resting_on_eps(program.graph) if size is not None else set()
    without = {x: Known(f"{x.text} without the {number(size)}", x.shape, x.node) for x in values if x.node in touched}
    return Atoms(tuple(values), tuple(gradients[:MOST]), without)


def small_constant(graph: Graph) -> float | None:
    """The small number that the forward pass adds somewhere, or None."""
    for node in graph.nodes:
        eps = _eps(node)
        if eps is not None:
            return eps[1]
    return None


def bare_values(graph: Graph, leaves: Mapping[Node, Any]) -> dict[Node, Any]:
    """The forward values without the small constants, from these leaves; none where there is no such constant."""
    if small_constant(graph) is None:
        return {}

    def skip(node: Node, made: Any) -> Any:
        eps = _eps(node)
        return made - eps[1] if eps is not None else made

    return evaluate(graph, leaves, skip)


def _eps(node: Node) -> tuple[Node, float] | None:
    if node.op is None or node.op.name != "add":
        return None
    for x, eps in (node.operands, node.operands[::-1]):
        if isinstance(x, Node) and isinstance(eps, float) and 0 < eps <= SMALL:
            return x, eps
    return None


def _resting_on_eps(graph: Graph) -> set[Node]:
    found: set[Node] = set()
    for node in graph.nodes:
        if _eps(node) is not None or any(x in found for x in node.operands if isinstance(x, Node)):
            found.add(node)
    return found
