"""Phases: which hypotheses are tried for a stage, and in what order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .hypotheses.atoms import Atoms
from .hypotheses.building import computed_from
from .hypotheses.candidate import Candidate, changes, made_by
from .hypotheses.factors import at_eps, at_factors
from .hypotheses.forks import at_fork, fitted, forks_of, parts_of
from .hypotheses.jacobian import at_diagonal
from .hypotheses.monomials import WORDS, at_monomials, in_terms, kind_of
from .hypotheses.operands import at_operands, elsewhere_recorded, eps_everywhere
from .hypotheses.places import in_places
from .hypotheses.point import Point
from .hypotheses.powers import before_sums, factors
from .hypotheses.program import Array, Known, Step
from .hypotheses.recomputed import at_recomputed
from .hypotheses.shapes import at_shapes, whole_shapes
from .hypotheses.sums import at_sums, whole_sums
from .hypotheses.terms import added
from .paths import path_candidates
from .problem import BUDGET, Problem

PAIRS = 4_000
"""So many pairs of changes are tried where no single one explains the numbers."""


def single(problem: Problem) -> Iterator[Candidate]:
    """One thing wrong, of the kinds that are frequent; what is quick to try on large arrays comes first."""
    point, program, given = problem.point, problem.program, problem.given
    yield from _nothing(problem)
    yield from _factors(problem)
    yield from whole_shapes(point, given)
    if problem.fit is not None:
        yield from path_candidates(point, given, problem.slack, problem.fit, problem.constants, problem.atoms)
    yield from elsewhere_recorded(program, problem.atoms)
    forks = forks_of(program)
    for fork in forks:
        yield from at_fork(fork)
    ends = {program.target, *(part for fork in forks for part in parts_of(fork))}
    for step in reversed(program.steps):
        yield from _changes(problem, step)
        if program.backward and step in ends:
            yield from at_monomials(point, step, problem.atoms)
        if step.op.name == "sum" and isinstance(step.operands[0], Step):
            yield from in_terms(point, step.operands[0], problem.atoms)
    yield from eps_everywhere(program, problem.atoms)
    if given.shape != point.target.shape or point.target.ndim:
        yield from whole_sums(point)


def _nothing(problem: Problem) -> Iterator[Candidate]:
    """The whole is 0, or no more than rounding."""
    node, given = problem.program.node, problem.given
    if given.shape != problem.point.target.shape or not given.size or not np.all(np.abs(given) <= problem.slack):
        return
    largest = max(int(np.prod(before.shape)) for before in computed_from(node))
    kind = "statistic as constant" if largest > np.prod(node.shape) else "dropped contribution"
    text = f"{problem.name} is 0 throughout: {node.name} is treated as a constant"
    yield Candidate(kind, text, lambda p: 0 * p.target, problem.program.target, 8.0 * bool(given.any()))


def _changes(problem: Problem, step: Step) -> Iterator[Candidate]:
    yield from at_sums(step)
    yield from at_factors(step)
    yield from at_shapes(step)
    if not problem.program.backward:
        yield from at_eps(step)
    yield from at_operands(step, problem.atoms)


def _factors(problem: Problem) -> Iterator[Candidate]:
    """The whole, or one of several contributions, multiplied by something."""
    point, program, given = problem.point, problem.program, problem.given
    if given.shape != point.target.shape:
        return
    for factor in factors(point, given, point.target, problem.slack, problem.constants, problem.atoms):
        if factor.constant.value != 0 and (factor.powers or factor.constant.value != 1):
            yield _scaled(point, program.target, factor, problem.name)
    parts = parts_of(program.target)
    for part in parts if len(parts) > 1 else ():
        rest = point.target - point[part]
        if np.shape(point[part]) != given.shape:
            continue
        slack = problem.slack + np.abs(rest) * np.finfo(given.dtype if given.dtype.kind == "f" else float).eps * 8
        for factor in factors(point, given - rest, point[part], slack, problem.constants, problem.atoms):
            if factor.powers:
                yield _scaled(point, part, factor, f"what arrives at {problem.name} from {_from(part)}", rest=True)
    top = program.target
    terms = [top] if isinstance(top, Step) and top.op.name == "add" and not program.backward else []
    for fork in (*forks_of(program), *terms):
        yield from fitted(point, fork, given, problem.slack, problem.constants)


def _scaled(at: Point, part: Any, factor: Any, what: str, rest: bool = False) -> Candidate:
    kind, more = "constant factor", factor.cost
    if factor.powers:
        kind = "power of a tensor"
        if len(factor.powers) == 1 and factor.constant.value == 1:
            kind = kind_of(at, part, *factor.powers[0])
            more = factor.cost if kind == "power of a tensor" else 0.2 * factor.cost
    elif factor.constant.value == -1:
        kind = "sign"
    text = f"{what} is multiplied by {factor.text}"
    if kind in WORDS:
        text += f": {WORDS[kind].format(factor.powers[0][0].text)}"

    def make(point: Point) -> Array:
        if not rest:
            return np.asarray(point.target * factor.worth(point))
        return np.asarray(point.target + point[part] * (factor.worth(point) - 1))

    return Candidate(kind, text, make, at.program.target, more)


def _from(part: Any) -> str:
    if isinstance(part, Step) and part.edge is not None:
        return f"d{part.edge[0].name or '…'}"
    return part.text if isinstance(part, Known) else "the other sum"


def rarer(problem: Problem) -> Iterator[Candidate]:
    """One thing wrong, of the kinds that are rare or costly to try."""
    for step in problem.program.steps:
        yield from before_sums(step, problem.atoms)
    yield from at_recomputed(problem.point, problem.atoms)
    yield from jacobian(problem)
    yield from added(problem.point, problem.given, problem.slack, problem.constants, problem.atoms)


def jacobian(problem: Problem) -> Iterator[Candidate]:
    """Differentiated element by element, from the gradients that the program starts from."""
    yield from at_diagonal(problem.point)


def pairs(problem: Problem) -> Iterator[Candidate]:
    """Two things wrong: two changes of the program, or one and a constant factor."""
    point, given, limit = problem.point, problem.given, problem.point.work + BUDGET
    single = [c for fork in forks_of(problem.program) for c in at_fork(fork)]
    single += [c for step in problem.program.steps for c in _changes(problem, step)]
    single = [c for c in single if c.more < 2]
    made = []
    for candidate in single:
        if point.work > limit:
            return
        result = made_by(candidate, point)
        if result is None:
            continue
        made.append(candidate)
        if result.shape == given.shape:
            slack = np.broadcast_to(problem.situation.allowed(result), result.shape)
            for factor in factors(point, given, result, slack, problem.constants, Atoms((), (), {})):
                if factor.constant.cost < 3.0 and factor.constant.value not in (0.0, 1.0):
                    text = f"{candidate.text}; and the result is multiplied by {factor.text}"

                    def times(p: Point, c: Candidate = candidate, f: Any = factor) -> Array | None:
                        base = c.make(p)
                        return None if base is None else base * f.worth(p)

                    yield Candidate("two mistakes", text, times, candidate.place, 0.1 * candidate.weight + factor.cost)
    made.sort(key=lambda candidate: candidate.weight)
    tried = 0
    for last in range(1, len(made)):
        for first in range(last):
            a, b = made[first], made[last]
            if set(a.changes) & set(b.changes):
                continue
            tried += 1
            if tried > PAIRS:
                return
            both = {**a.changes, **b.changes}
            yield changes("two mistakes", f"{a.text}; and {b.text}", b.place, both, 0.1 * (a.weight + b.weight))


def places(problem: Problem) -> Iterator[Candidate]:
    """Where it differs, when nothing says why."""
    yield from in_places(problem.point, problem.given, problem.slack)
