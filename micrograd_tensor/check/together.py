"""Together: one change of the backward pass that explains several wrong stages, so that one mistake is told once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..graph.status import Status
from ..notation.printable import listed
from .found import Diagnosis, Stage
from .judge import Backward
from .mistakes import telling
from .mistakes.case import Match
from .mistakes.constants import Constants
from .mistakes.derivation import called_upstream
from .mistakes.search import explained_by, key


class Once(NamedTuple):
    """What judging found, with each mistake told once.

    Attributes:
        stages: as they are to be shown.
        diagnosis: by the name of a wrong stage.
        follow: for the first stage that a common mistake makes wrong the others.
    """

    stages: list[Stage]
    diagnosis: dict[str, tuple[Diagnosis, ...]]
    follow: dict[str, tuple[str, ...]]


def told_once(judged: Backward) -> Once:
    """Join the wrong stages that one mistake explains: the first is told of, the others follow from it."""
    found = _whole(judged)
    groups = [found] if found is not None else []
    left = [name for name in judged.wrong if found is None or name not in found[0]]
    while len(left) > 1 and (group := _common(judged, left)) is not None:
        groups.append(group)
        left = [name for name in left if name not in group[0]]
    diagnosis, statuses, follow = dict(judged.diagnosis), dict[str, Stage](), dict[str, tuple[str, ...]]()
    for (first, *others), told in groups:
        diagnosis[first] = (told, *(other for other in diagnosis[first] if other.text not in told.text))
        follow[first] = tuple(others)
        for name in others:
            del diagnosis[name]
            stage = next(stage for stage in judged.stages if stage.name == name)
            note = f"it follows from the mistake that is told at d{first}"
            statuses[name] = replace(stage, status=Status.RIGHT_GIVEN, note=note)
    return Once([statuses.get(stage.name, stage) for stage in judged.stages], diagnosis, follow)


Group = tuple[list[str], Diagnosis]
"""The names of the stages that a mistake makes wrong, in backward order, and the mistake."""


MAX_NODES = 600
"""In larger graphs only what explains each of several stages by itself is taken for a common mistake."""


def _common(judged: Backward, names: list[str]) -> Group | None:
    """The change of a step that explains the most of some wrong stages, at least two; of several the likeliest."""
    by_change: dict[Any, dict[str, Match]] = {}

    def enter(name: str, matches: Iterable[Match]) -> None:
        for match in matches:
            if (known := key(match.hypothesis)) is not None:
                by_change.setdefault(known, {}).setdefault(name, match)

    explained = [name for name in names if judged.wrong_stages[name].testable]
    for name in explained:
        enter(name, judged.explained(name).matches)
    if len(explained) > 1 and len(judged.graph.nodes) + len(judged.graph.backward) <= MAX_NODES:
        if judged.explained(explained[0]).matches:  # else nothing was left untried
            enter(explained[0], explained_by(judged.wrong_stages[explained[0]]))
        for name in explained[1:]:
            others = {known for known, found in by_change.items() if name not in found}
            if others:
                enter(name, explained_by(judged.wrong_stages[name], others))
    shared = [found for found in by_change.values() if len(found) > 1]
    if not shared:
        return None
    best = max(shared, key=lambda found: (len(found), -min(match.weight for match in found.values())))
    first, *others_too = sorted(best, key=names.index)
    told = telling.told(best[first])
    gradients = listed([f"d{name}" for name in (first, *others_too)])
    proof = f"made on purpose, this one mistake gives {gradients} as they were given"
    return [first, *others_too], replace(told, proof=proof)


def _whole(judged: Backward) -> Group | None:
    """A constant by which everything is multiplied, as if the upstream gradient were."""
    graph = judged.graph
    given = {name: array for name, array in judged.given.items() if judged.names[name] not in graph.outputs}
    wrong = [name for name in judged.wrong if name in given]
    if len(wrong) < 2:
        return None
    most = max(wrong, key=lambda name: float(np.abs(given[name][np.isfinite(given[name])]).max(initial=0.0)))
    recorded = {name: np.asarray(graph.gradients[judged.names[name]].value) for name in given}
    if given[most].shape != recorded[most].shape or not given[most].size:
        return None
    at = int(np.argmax(np.abs(recorded[most])))
    factor = float(given[most].flat[at] / recorded[most].flat[at]) if recorded[most].flat[at] else 0.0
    if not np.isfinite(factor) or factor in (0.0, 1.0):
        return None
    constant = Constants(graph).explain(factor, 1e-9)
    factor = constant.value if constant is not None else factor
    if any(not judged.is_recorded(name, array / factor) for name, array in given.items()):
        return None
    if constant is None and sum(array.size for array in given.values()) < 3 * len(given):
        return None
    upstream = called_upstream(graph, graph.outputs[0])
    by = constant.text if constant is not None else f"{factor:.6g}"
    kind = "sign" if factor == -1 else "constant factor"
    text = f"all {len(given)} gradients that were given are multiplied by {by}, as if {upstream} were"
    inverse = round(1 / factor)
    due = f" * {inverse}" if abs(inverse) > 1 and abs(inverse * factor - 1) < 1e-9 else f" / {factor!r}"
    fix = f"{upstream} = -{upstream}" if factor == -1 else f"{upstream} = {upstream}{due}"
    proof = f"with {upstream} divided by {by}, all {len(given)} stages match" if factor != -1 else ""
    return wrong, Diagnosis(kind, text, proof, fix, 0.0)
