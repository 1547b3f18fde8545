"""Recomputed: a forward value that the line computes anew, with a mistake of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .atoms import Atoms
from .building import TooLargeError, forward_program
from .candidate import Candidate, changes
from .factors import at_factors
from .monomials import exponents, together
from .operands import at_operands
from .point import Change, Point
from .program import Array, Known, Operand, Step


def at_recomputed(point: Point, atoms: Atoms) -> Iterator[Candidate]:
    """For each forward value that the program uses: computed from the named ones before it, with one change."""
    program = point.program
    graph = program.graph
    named = {node for node in graph.nodes if node.name is not None}
    own = {atom.node: atom for atom in atoms.values}
    for x in atoms.values:
        users = [step for step in program.steps if step.carries and x.shape and _has(point, step, x)]
        if x.node is None or x.node.op is None or x.node.name is None or not users:
            continue
        try:
            inner, known = forward_program(graph, x.node, named - {x.node}, {n: n.value for n in graph.nodes})
        except TooLargeError:
            continue

        def again(v: Any, instead: Mapping[Operand, Change], inner: Any = inner, known: Any = known) -> Array:
            values = {s: v[own[s.node]] if s.node in own else value for s, value in known.items()}
            made = Point(inner, values, {a: v[a] for a in atoms.values}).changed(instead)
            if made is None:
                raise ValueError("the change cannot be computed")
            return made

        for inside in inner.steps:
            for c in (*at_factors(inside), *at_operands(inside, Atoms(atoms.values, (), {}))):
                if c.more >= 2 or not c.changes:
                    continue
                for step in users:
                    k = together(point, step, x)
                    text = f"{c.text}, where {x.text} is computed again"
                    yield changes(c.kind, text, step, {step: _scaled(step, x, k, again, c.changes)}, c.more + 0.7)


def _has(point: Point, step: Step, x: Known) -> bool:
    """Whether a step ends a product that has a power of this value in it."""
    ends = (
        step is point.program.target
        or step.node is not None
        or not any(step in later.operands for later in point.program.steps if later.edge == step.edge)
    )
    return ends and bool(exponents(step)) and bool(together(point, step, x))


def _scaled(step: Step, x: Known, k: float, again: Callable[..., Array], instead: Mapping[Operand, Change]) -> Any:
    def made(v: Any) -> Array:
        was = step.op.forward(*(v[y] for y in step.operands), **step.params)
        return was * (again(v, instead) / v[x]) ** k

    return made
