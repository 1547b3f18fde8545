"""Telling: of the hypotheses that reproduce what was given those that are told, and what with each.

A kind is named alone only where no other explains the numbers: what differs elsewhere is told as what cannot be told
from it at this point, and another slip that is the same thing at every point is told with it, where it is as likely.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...graph import Node, evaluate_backward
from ...graph.cut import needed
from ..found import Diagnosis, WrongStage
from .case import Case, Match
from .catalogue import Hypothesis
from .correction import rule
from .derivation import Array
from .fit import Fit, absent, evidence

MAX_EXAMINED = 40
"""How many of the likeliest matches are examined."""

MAX_REPORTED = 5
"""How many of them are reported."""

MAX_RULE = 240
"""A longer rule is not shown where it is not known what is wrong with it, in characters."""

MARGIN = 5.0
"""Another kind that gives the same numbers anywhere is told too unless it weighs more by more than this."""

_CLOSE = 1e-3
"""A larger error is no match, however much rounding is allowed where terms are small."""

_SLIPS = {
    "missing factor": "factor",
    "missing mask": "factor",
    "inverted mask": "inverted",
    "factor twice": "twice",
    "not inverted": "inverted",
    "lost square": "square",
    "exchanged operand": "exchanged",
    "another argument": "argument",
    "another mask": "exchanged",
    "complement": "complement",
    "moved contribution": "moved",
    "value for gradient": "value",
    "gradient for value": "gradient",
    "wrong operator": "operator",
    "transposed": "layout",
    "missing keepdims": "layout",
    "sign": "sign",
}
"""Kinds that say how a line came to be written so, not only what its numbers are; alike are those that say the same."""


@dataclass(slots=True)
class _Told:
    """A match that is told, what it gives elsewhere, and other matches that are the same thing anywhere."""

    match: Match
    made: Array | None
    same: list[Match] = field(default_factory=list)

    def adds(self, other: Match) -> bool:
        """Whether a match that gives the same numbers anywhere says something else, and is as likely."""
        said = {_SLIPS.get(one.hypothesis.kind) for one in (self.match, *self.same)}
        slip = _SLIPS.get(other.hypothesis.kind)
        likely = other.weight <= self.match.weight + MARGIN
        return slip is not None and slip not in said and likely and bool(other.hypothesis.changes)


def ranked(case: Case, found: Iterable[Match]) -> tuple[Diagnosis, ...]:
    """The likeliest first; of hypotheses that are the same thing at any point, only that one and other slips."""
    found = sorted(found, key=lambda match: (match.weight, match.error))[:MAX_EXAMINED]
    of_paths = [match for match in found if match.hypothesis.of_paths]
    lines = [match for match in found if not match.hypothesis.of_paths]
    if of_paths and case.fit is not None:
        return _by_paths(case.fit, of_paths[0], lines)
    kept: list[_Told] = []
    for match in lines:
        made = match.hypothesis.at(match.case.elsewhere) if len(lines) > 1 else None
        twin = next((one for one in kept if made is not None and one.made is not None and _same(made, one.made)), None)
        if twin is None:
            kept.append(_Told(match, made))
        elif twin.adds(match):
            twin.same.append(match)
    first = told(kept[0].match)
    same = list(_others(kept[0].same[:1], {first.text}))
    here = list(_others((one.match for one in kept[1:MAX_REPORTED]), {first.text, *(one.text for one in same)}))
    text = "; or: ".join([first.text, *(_labelled(one, first) for one in same)])
    if here:
        text += f". At this point that cannot be told from: {'; or: '.join(_labelled(one, first) for one in here[:2])}"
    if case.fit is not None and case.fit.alike is None:
        text = _joined(text, evidence(case.fit, case.derivation.name), absent(case.fit))
    return (replace(first, text=text), *same, *here)


def _labelled(one: Diagnosis, first: Diagnosis) -> str:
    """Another thing that it may be, with its kind where that is another one."""
    return one.text if one.kind == first.kind else f"{one.kind}: {one.text}"


def _others(matches: Iterable[Match], said: set[str]) -> Iterator[Diagnosis]:
    """Matches as they are told, but for what was said."""
    for match in matches:
        one = told(match)
        if one.text not in said:
            said.add(one.text)
            yield one


def _by_paths(fit: Fit, of_paths: Match, lines: list[Match]) -> tuple[Diagnosis, ...]:
    """Which paths are wrong, then the lines on them that may be; which line it is the result alone can't say."""
    by_line: dict[Node, Match] = {}
    for match in lines:
        by_line.setdefault(match.case.derivation.named_step(match.hypothesis.place), match)
    diagnoses = [told(match) for match in list(by_line.values())[: MAX_REPORTED - 1]]
    first = told(of_paths)
    as_if = f"as if {diagnoses[0].text}" if diagnoses else ""
    if diagnoses:
        vague = first.kind in ("power of a tensor", "two mistakes", "wrong way")
        kind = diagnoses[0].kind if vague else first.kind
        first = replace(first, kind=kind, fix=diagnoses[0].fix, rule=diagnoses[0].rule)
    return (replace(first, text=_joined(first.text, absent(fit), as_if)), *diagnoses)


def _joined(*clauses: str) -> str:
    return "; ".join(clause for clause in clauses if clause)


def told(match: Match) -> Diagnosis:
    """A hypothesis as it is told."""
    hypothesis, error, note, case = match
    broken = rule(case.wrong, case.derivation, hypothesis.place)
    return Diagnosis(hypothesis.kind, hypothesis.text + note, _proof(case, hypothesis), case.fix(), error, broken)


def what_belongs_there(wrong: WrongStage) -> tuple[str, str]:
    """The lines that compute a stage whose mistake is unknown, and the rule if it is short enough to be read."""
    case = Case(wrong)
    whole = rule(wrong, case.derivation, case.derivation.target)
    return case.fix(), whole if case.derivation.steps and len(whole) <= MAX_RULE else ""


def undetermined(case: Case) -> tuple[Diagnosis, ...]:
    """That nothing explains what was given because the paths through the graph are too much alike, if they are."""
    if case.fit is None or case.fit.alike is None:
        return ()
    text = evidence(case.fit, case.derivation.name)
    whole = rule(case.wrong, case.derivation, case.derivation.target)
    return (Diagnosis("not determined", text, "", case.fix(), np.inf, whole),)


def _proof(case: Case, hypothesis: Hypothesis) -> str:
    """What the recorded pass gives with this mistake made: how many of the user's stages, and how closely."""
    wrong, name = case.wrong, case.derivation.name
    made = hypothesis.at(case.values)
    reproduced = f"made on purpose, this mistake gives the {name} that was given"
    if wrong.forward or made is None or (made.shape != wrong.node.shape and not wrong.node.is_leaf):
        return reproduced
    going_on = made if made.shape == wrong.node.shape else wrong.expected  # of an input nothing goes on
    before = set(needed([wrong.node]))
    known = {node: wrong.used[node] for node in wrong.by_hand if node not in before}
    try:
        ran = evaluate_backward(wrong.graph, {**known, wrong.node: going_on}, wrong.values).gradients
    except (ValueError, TypeError, IndexError):
        return reproduced
    others = [node for node in wrong.by_hand if node in ran and node is not wrong.node]
    errors = [_error(ran[node], wrong.used[node], wrong.graph.gradients[node].value) for node in others]
    given = case.given.reshape(made.shape) if made.size == case.given.size else case.given
    errors.append(_error(made, given))
    limit = min(max(64 * wrong.eps, 1e-10), _CLOSE)
    close = [error for error in errors if error <= limit]
    worst = f"{max(close, default=0.0):.0e}"
    if not close:
        return ""
    if len(errors) == 1:
        return f"the recorded rules with this one mistake give {name} to {worst}"
    if len(close) == len(errors):
        return f"with this one change at {name} all {len(errors)} stages match to {worst}"
    count = f"{len(close)} of {len(errors)}"
    return f"with this one change at {name} {count} stages match to {worst}; the others do not, see there"


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
