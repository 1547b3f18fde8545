"""Ranking: of the hypotheses that explain a stage the likeliest first, each with its proof."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..graph import evaluate_backward
from .found import Diagnosis
from .hypotheses.building import computed_from
from .hypotheses.candidate import Candidate, fix, made_by
from .hypotheses.program import Array
from .paths import evidence
from .problem import Match, Problem

MOST = 40
"""So many matching hypotheses are looked at more closely, those of the least weight."""

SHOWN = 5
"""So many hypotheses are reported."""


def ranked(problem: Problem, found: list[Match]) -> tuple[Diagnosis, ...]:
    """The likeliest first; of hypotheses that are the same thing at any point, only that one."""
    found = sorted(found, key=lambda match: (match.candidate.weight, match.error))[:MOST]
    ways = [match for match in found if match.candidate.of_ways]
    lines = [match for match in found if not match.candidate.of_ways]
    if ways:
        return _by_ways(problem, ways[0], lines)
    kept: list[Match] = []
    seen: list[Array] = []
    for match in lines:
        made = made_by(match.candidate, problem.elsewhere) if len(lines) > 1 else None
        if made is not None and any(_same(made, other) for other in seen):
            continue
        if made is not None:
            seen.append(made)
        kept.append(match)
    first, *others = [_diagnosis(problem, match) for match in kept[:SHOWN]]
    text = first.text
    if others:
        text += f". At this point that cannot be told from: {'; or: '.join(other.text for other in others[:2])}"
    if problem.fit is not None and problem.fit.alike is None:
        text += f"; {evidence(problem.fit, problem.name)}"
    return (replace(first, text=text), *others)


def _by_ways(problem: Problem, ways: Match, lines: list[Match]) -> tuple[Diagnosis, ...]:
    """Which ways are wrong, then the lines on them that may be; which line it is the result alone can't say."""
    by_line: dict[str, Match] = {}
    for match in lines:
        by_line.setdefault(fix(problem.point, match.candidate.place), match)
    diagnoses = [_diagnosis(problem, match) for match in list(by_line.values())[: SHOWN - 1]]
    first = _diagnosis(problem, ways)
    assert problem.fit is not None  # noqa: S101 -- for the type checker; without a fit nothing is said of ways
    text = f"{first.text}; {evidence(problem.fit, problem.name)}"
    if diagnoses:
        text += f"; as if {diagnoses[0].text}"
        vague = first.kind in ("power of a tensor", "two mistakes", "wrong way")
        first = replace(first, kind=diagnoses[0].kind if vague else first.kind, fix=diagnoses[0].fix)
    return (replace(first, text=text), *diagnoses)


def _diagnosis(problem: Problem, match: Match) -> Diagnosis:
    candidate, error, note = match
    line = fix(problem.point, candidate.place)
    return Diagnosis(candidate.kind, candidate.text + note, proof(problem, candidate), line, error)


def undetermined(problem: Problem) -> tuple[Diagnosis, ...]:
    """That nothing explains what was given because the ways through the graph are too much alike, if they are."""
    if problem.fit is None or problem.fit.alike is None:
        return ()
    text = evidence(problem.fit, problem.name)
    return (Diagnosis("not determined", text, "", fix(problem.point, problem.program.target), np.inf),)


def proof(problem: Problem, candidate: Candidate) -> str:
    """What the recorded pass gives with this mistake made: how many of the user's stages, and how closely."""
    here = problem.situation
    made = made_by(candidate, problem.point)
    reproduced = f"made on purpose, this mistake gives the {problem.name} that was given"
    if here.forward or made is None or (made.shape != here.node.shape and not here.node.is_leaf):
        return reproduced
    going_on = made if made.shape == here.node.shape else here.expected  # of an input nothing goes on
    before = computed_from(here.node)
    known = {node: here.used[node] for node in here.by_hand if node not in before}
    try:
        ran = evaluate_backward(here.graph, {**known, here.node: going_on}, here.values).gradients
    except (ValueError, TypeError, IndexError):
        return reproduced
    others = [node for node in here.by_hand if node in ran and node is not here.node]
    errors = [_error(ran[node], here.used[node], here.graph.gradients[node].value) for node in others]
    errors.append(_error(made, problem.given.reshape(made.shape) if made.size == problem.given.size else problem.given))
    limit = max(64 * here.eps, 1e-10)
    close = [error for error in errors if error <= limit]
    worst = f"{max(close, default=0.0):.0e}"
    if len(errors) == 1:
        return f"the recorded rules with this one mistake give {problem.name} to {worst}"
    if len(close) == len(errors):
        return f"with this one change at {problem.name} all {len(errors)} stages match to {worst}"
    count = f"{len(close)} of {len(errors)}"
    return f"with this one change at {problem.name} {count} stages match to {worst}; the others have their own mistakes"


def _same(a: Array, b: Array) -> bool:
    a, b = np.squeeze(a), np.squeeze(b)
    if a.shape != b.shape:
        return False
    with np.errstate(all="ignore"):
        scale = float(np.abs(b).max(initial=0.0))
        tolerance = 1e-9 if np.result_type(a, b).itemsize >= 8 else 1e-4
        return bool(np.all(np.abs(a - b) <= tolerance * scale))


def _error(made: Array, given: Any, usual: Any = 0.0) -> float:
    """How far an array is from another, relative to its largest element or to what is usual there."""
    given = np.asarray(given)
    if made.shape != given.shape:
        return np.inf
    with np.errstate(all="ignore"):
        scale = max(float(np.abs(given).max(initial=0.0)), float(np.abs(usual).max(initial=0.0))) or 1.0
        worst = float(np.abs(made - given).max(initial=0.0))
    return worst / scale if np.isfinite(worst) else np.inf
