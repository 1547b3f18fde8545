"""Repair: the author's own line as it should be, found by changing it and running what comes out.

Somebody wrote the line that computes a wrong gradient. Small changes of it, in the names, sizes and calls that the
function has, are run where it ran, with the arrays that it had there. The smallest change that gives the expected
numbers, there and when the whole function runs with it, is the line that the author would write.
"""

from __future__ import annotations

import ast
import math
import sys
import time
from collections.abc import Container, Mapping
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from types import FunctionType
from typing import Any

import numpy as np

from ...graph import Graph, named_nodes
from ...graph.status import Status
from ..calls import called_by
from ..found import ByName, Diagnosis, Fix, Found, Stages, WrongStage
from ..judge import USED_AGAIN
from ..running import python_function
from ..statements import lines_to, returned_gradients, written_names
from .points import Call, JudgedElsewhere, Places, RecordedElsewhere
from .search import Search
from .source import FunctionSource
from .trials import Trials
from .visits import Visits

MAX_SECONDS, TRACED = 2.0, 4
"""How long is looked for changes of lines, and how much longer where a tracer, as one of coverage, slows the search."""
_ALIKE = (
    ("missing sum", "wrong axis", "sum over everything"),
    ("repeats lost", "overwritten contribution"),
    ("constant factor", "mean for sum", "sum for mean"),
)
"""Kinds of which the numbers say one where the line is of another."""
_VAGUE = ("two mistakes", "in places", "wrong way", "not determined")
"""Kinds that say what the numbers look like, and not what was done."""


@np.errstate(all="ignore")
def mended(due: Mapping[str, WrongStage], call: Call, elsewhere: Places, taken: Container[int] | None) -> Fix | None:
    """The one line, as it should be, that makes several wrong gradients what was recorded; None if none is found.

    Args:
        due: the wrong gradients, by what the user calls them.
        call: of which they are.
        elsewhere: other points, at which the line has to be right too.
        taken: the lines that were run; None: perhaps all.
    """
    function = python_function(call.backward)
    source = FunctionSource.of(function, taken) if isinstance(function, FunctionType) else None
    if source is None:
        return None
    returned = returned_gradients(function, call.inputs, taken)
    parts = {key: [x.id for x in ast.walk(value) if isinstance(x, ast.Name)] for key, value in returned.items()}
    ways = {key: lines_to(function, [key, *parts.get(key, ())], taken) for key in due}
    common = set.intersection(*ways.values())
    # A name between may be that of another array; those of inputs are what they are called.
    first = next((key for key, wrong in due.items() if not wrong.node.is_leaf), "")
    with_first = {key: wrong for key, wrong in due.items() if wrong.node.is_leaf or key == first}
    due = {key: wrong for key, wrong in due.items() if wrong.node.is_leaf} or due
    to_all = set.intersection(*(ways[key] for key in due))
    seconds = 2 * _seconds()  # what else can be found out of several takes longer
    until = time.thread_time() + seconds
    places = RecordedElsewhere(elsewhere, {x.node.name or "": key for key, x in due.items() if x.node.is_leaf})
    with redirect_stdout(StringIO()):  # it runs many times
        visits = Visits(source, call)
        trials = Trials(visits, {**due, **with_first}, places)
        if len(_forgotten(visits, trials, due, written_names(call.backward, call.inputs, taken))) == len(due):
            return None  # each for itself
        fix = None
        if first and first not in due:  # before all others the lines that make the first of them, which is right then
            for k, statements in enumerate((source.assigning(first, common, False), source.at(common))):
                search = Search(visits, trials, with_first, until - seconds * (2 - k) / 3)
                fix = fix or search.fix([*statements, *source.loops(common)])
        search = Search(visits, trials, due, until)
        fix = fix or search.fix([*source.at(to_all), *source.loops(to_all), *source.returns()])
        return _in_helpers(visits, due, places, until + seconds / 4, fix) or fix


def _seconds() -> float:
    return MAX_SECONDS * (TRACED if sys.gettrace() is not None else 1)


def _in_helpers(
    visits: Visits,
    due: Mapping[str, WrongStage],
    places: RecordedElsewhere,
    until: float,
    other: Fix | None,
) -> Fix | None:
    """The line, as it should be, of another function of the file that the backward pass calls, and forward does not.

    None where no change is found that is as small as another one.
    """
    function, call, held = visits.source.function, visits.call, visits.held
    forward = python_function(call.forward) if call.forward is not None else None
    known = called_by(forward, held) if isinstance(forward, FunctionType) else []
    for helper in called_by(function, held):
        source = FunctionSource.of(helper) if helper not in known and helper is not forward else None
        if source is None:
            continue
        within = Visits(source, call)
        search = Search(within, Trials(within, due, places), due, until)
        search.most = math.inf if other is None else other.weight
        fix = search.fix([*source.every, *source.returns()])
        if fix is not None:
            return fix
    return None


@np.errstate(all="ignore")
def repaired(report: Found, call: Call, elsewhere: Places, taken: Container[int] | None = None) -> dict[str, Fix]:
    """For the wrong stages the line that computes each, as it should be; for those for which one is found.

    A line on the way to several of them that makes them all right comes first: it is the mistake of all. A change may
    be right at one point by luck, so it has to be right at some others too.

    Args:
        report: which knows the lines at which the source assigns each gradient, and those on the way to it.
        call: of which it is.
        elsewhere: other points, which are asked for once a change is right here.
        taken: the lines that were run; None: perhaps all.
    """
    function = python_function(call.backward)
    source = FunctionSource.of(function, taken) if isinstance(function, FunctionType) else None
    due = {report.keys[name]: report.wrong_stages[name] for name in report.wrong if name in report.wrong_stages}
    if source is None or not due:
        return {}
    names = {report.keys[name]: name for name in report.wrong}
    own_names = written_names(call.backward, call.inputs, taken)
    visits = Visits(source, call)
    places = JudgedElsewhere(elsewhere, _right_in_the_end(report, next(iter(due.values())).graph), report)
    trials = Trials(visits, due, places)
    before = {key: {line for line, _ in report.before.get(names[key], ())} for key in due}
    lines = {key: {line for line, _ in report.lines.get(names[key], ())} for key in due}
    seconds = _seconds()
    until = time.thread_time() + seconds
    with redirect_stdout(StringIO()):  # it runs many times
        every = (x for key in due for x in source.assigning(own_names.get(key, key), range(sys.maxsize), True))
        visits.look_at({*map(source.line, every)}.union(*before.values(), *lines.values()))  # in one call
        found = {names[key]: fix for key, fix in _forgotten(visits, trials, due, own_names).items()}
        due = {key: own for key, own in due.items() if names[key] not in found}
        if len(due) > 1:
            common = set.intersection(*(before[key] for key in due))
            fix = Search(visits, trials, due, until).fix([*source.at(common), *source.returns()])
            found |= {names[key]: fix for key in due} if fix is not None else {}
        for key, own in due.items():
            if names[key] in found:
                continue
            search = Search(visits, trials, {key: own}, until)
            search.likely = {kind for one in report.diagnosis.get(names[key], ()) for kind in _alike(one.kind)}
            called = own_names.get(key, key)
            assigning = source.assigning(called, lines[key], key[1:] in call.inputs)
            on_the_way = [x for x in source.at(before[key] | lines[key]) if x not in assigning]  # or into a part of it
            fix = search.fix(on_the_way) if names[key] in report.follow else None  # it makes others wrong, too
            if names[key] not in report.follow:  # else a change of its own line alone leaves the others wrong
                fix = search.fix(assigning, key, called)
                if fix is not None:
                    fix = search.simpler(fix, [*on_the_way, *assigning])
                else:
                    fix = search.fix(on_the_way) or search.fix(source.loops(lines[key]))
            fix = _in_helpers(visits, {key: own}, places, until + seconds / 2, fix) or fix
            found |= {names[key]: fix} if fix is not None else {}
    return found


def _right_in_the_end(report: Found, graph: Graph) -> dict[str, str]:
    """What the gradients of inputs are called, by the input, and those that are right as they are, likewise."""
    named, found = named_nodes(graph), dict[str, str]()
    for stage in report.stages.values():
        of_input = named[stage.name].is_leaf and (stage.status.counts_as_right or stage.status == Status.WRONG)
        kept = stage.status == Status.RIGHT and USED_AGAIN not in stage.note
        known = stage.name in report.keys and named[stage.name] in graph.gradients
        if known and (of_input or kept) and stage.given_shape in (None, stage.shape):
            found[stage.name] = report.keys[stage.name]
    return found


def _forgotten(
    visits: Visits, trials: Trials, due: Mapping[str, WrongStage], own_names: Mapping[str, str]
) -> dict[str, Fix]:
    """For the gradients that lack a term of what they are the gradients of, the line that adds it."""
    found: dict[str, Fix] = {}
    for key, own in due.items():
        called = own_names.get(key, key)
        assigning = visits.source.assigning(called, range(sys.maxsize), key[1:] in visits.call.inputs)
        fix = Search(visits, trials, {key: own}, np.inf).forgotten(assigning, key, called)
        found |= {key: fix} if fix is not None else {}
    return found


def _alike(kind: str) -> tuple[str, ...]:
    """The kinds that a change may be of where the numbers say this one."""
    return next((kinds for kinds in _ALIKE if kind in kinds), (kind,))


def with_fixes(report: Any, fixes: Mapping[str, Fix]) -> Any:
    """A report with the lines as they should be; a mistake that one line makes in several gradients is told once."""
    stages, follow, diagnosis = dict(report.stages), dict(report.follow), dict(report.diagnosis)
    of_line: dict[Fix, list[str]] = {}
    lines = {name: {line for line, _ in report.lines.get(name, ())} or {sys.maxsize} for name in fixes}
    between = {name for name in fixes if not report.wrong_stages[name].node.is_leaf}
    odd = {name for name in between if stages[name].given_shape != stages[name].shape}  # the gradient of something else
    for name in sorted(fixes, key=lambda name: (name in odd, fixes[name].line not in lines[name])):
        of_line.setdefault(fixes[name], []).append(name)
    for fix, (first, *others) in of_line.items():
        if not others:
            continue
        after = (n for n in others if n not in between or (n not in odd and max(lines[n]) >= fix.line))
        follow[first] = (*follow.get(first, ()), *after)
        for name in others:
            follow[first] += tuple(follow.pop(name, ()))
            diagnosis.pop(name, None)
            if name not in follow[first]:  # then what is made of it is right as it is
                stages[name] = replace(stages[name], status=Status.ANOTHER)
                continue
            where = f"after line {fix.line}" if fix.follows else f"in line {fix.line}"
            note = f"it follows from the mistake {where}, which is told at {report.keys[first]}"
            note = "; ".join(filter(None, (stages[name].note, note)))
            stages[name] = replace(stages[name], status=Status.RIGHT_GIVEN, note=note)
    kept = {name: fix for name, fix in fixes.items() if stages[name].status == Status.WRONG}
    for name, fix in kept.items():  # it says in the author's words what else is said of what was recorded
        told = tuple(one for one in diagnosis.get(name, ()) if one.kind not in _VAGUE)
        diagnosis[name] = (Diagnosis(fix.kind, fix.said, "", fix.text, 0.0),) if fix.kind else () if fix.said else told
    return replace(report, stages=Stages([*stages.values()]), follow=follow, diagnosis=ByName(diagnosis), fixes=kept)
