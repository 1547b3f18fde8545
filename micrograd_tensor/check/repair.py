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
from collections import Counter, deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from functools import cached_property
from io import StringIO
from itertools import groupby, product
from types import CodeType, FrameType, FunctionType
from typing import Any, NamedTuple, TypeGuard

import numpy as np

from ..graph import Graph, Node, named_nodes
from ..graph.status import Status
from .arriving import Arriving
from .edits import Edit, Statement, edits, held, parts_of
from .expected import expect
from .found import SLACK, ByName, Diagnosis, Fix, Found, Stages, WrongStage
from .judge import USED_AGAIN
from .missing import ratios, terms
from .nested import arrays_in, leaves
from .running import LARGE, called, computed, copied, python_function, traced_by
from .slips import Slip, slip_of
from .statements import assigned, begins, kept, lines_to, returned_gradients, returned_names, written_into
from .syntax import Source, replaced, source_of

MAX_SECONDS, TRACED = 2.0, 4
"""How long is looked for changes of lines, and how much longer where a tracer, as one of coverage, slows the search."""
_LONG = 0.01
"""The seconds of a call from which on changes are tried elsewhere first: long inputs are varied to shorter ones."""
_MAX_ATOMS = 40
_MAX_ROOTS = 4
_OF_ONE = 2.65
"""Below which the weights are of terms of one array as it is."""
_ABOUT = 1.0
"""By how much larger than the smallest change one of a likely kind may be."""
_KNOWN = 2.0
"""By how much a change counts as smaller that makes its line give what arrives somewhere in the recorded graph."""
_LACKS = 2.0
"""By how much a term is smaller that the numbers say is missing."""
_PLACE = "_place"
"""The name that stands in a line for what is changed there."""
_WITH_NAMES = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Lambda)
"""Expressions with names of their own."""
_MAX_TERMS = 3
"""So many ways are tried to write a term that is missing."""
_OF_SUMS = ("missing sum", "wrong axis", "sum over everything")
_LACKING = ("missing factor", "missing mask", "dropped term")
_VAGUE = ("two mistakes", "in places", "wrong way", "not determined")
"""Kinds that say what the numbers look like, and not what was done."""


class Call(NamedTuple):
    """A call of a backward pass, which can be made again: the function, its two arguments, and the inputs' names.

    Attributes:
        forward: the forward pass, whose lines are taken for right; None where it is not known.
    """

    backward: Callable[..., Any]
    dout: Any
    cache: Any
    inputs: Sequence[str]
    forward: Callable[..., Any] | None = None


class Place(NamedTuple):
    """Another point: a call of the same backward pass there, and the recorded graph."""

    call: Call
    graph: Graph


class Places:
    """Other points, made when they are needed, and once."""

    def __init__(self, left: Iterable[Place]) -> None:
        self._left, self._made = iter(left), list[Place]()

    def __iter__(self) -> Iterator[Place]:
        yield from self._made
        for place in self._left:
            self._made.append(place)
            yield place


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
    source = _Source.of(function, taken) if isinstance(function, FunctionType) else None
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
    places = _Recorded(elsewhere)
    with redirect_stdout(StringIO()):  # it runs many times
        visits = _Visits(source, call)
        trials = _Trials(visits, {**due, **with_first}, places)
        if len(_forgotten(visits, trials, due, returned_names(function, call.inputs, taken))) == len(due):
            return None  # each for itself
        fix = None
        if first and first not in due:  # before all others the lines that make the first of them, which is right then
            for k, statements in enumerate((source.assigning(first, common, False), source.at(common))):
                search = _Search(visits, trials, with_first, until - seconds * (2 - k) / 3)
                fix = fix or search.fix([*statements, *source.loops(common)])
        search = _Search(visits, trials, due, until)
        fix = fix or search.fix([*source.at(to_all), *source.loops(to_all), *source.returns()])
        return _in_helpers(function, call, due, places, until + seconds / 4, fix) or fix


def _seconds() -> float:
    return MAX_SECONDS * (TRACED if sys.gettrace() is not None else 1)


def _in_helpers(
    function: FunctionType,
    call: Call,
    due: Mapping[str, WrongStage],
    places: _Recorded,
    until: float,
    other: Fix | None,
) -> Fix | None:
    """The line, as it should be, of another function of the file that the backward pass calls, and forward does not.

    None where no change is found that is as small as another one.
    """
    forward = python_function(call.forward) if call.forward is not None else None
    known = _called_by(forward) if isinstance(forward, FunctionType) else []
    for helper in _called_by(function):
        source = _Source.of(helper) if helper not in known and helper is not forward else None
        if source is None:
            continue
        visits = _Visits(source, call)
        search = _Search(visits, _Trials(visits, due, places), due, until)
        search.most = math.inf if other is None else other.weight
        fix = search.fix([*source.every, *source.returns()])
        if fix is not None:
            return fix
    return None


def _called_by(function: FunctionType) -> list[FunctionType]:
    """The other functions of its file that a function may call, also through others."""
    found: list[FunctionType] = []
    stack = [function]
    while stack:
        own = stack.pop()
        for name in own.__code__.co_names:
            other = own.__globals__.get(name)
            if not isinstance(other, FunctionType) or other is function or other in found:
                continue
            if other.__code__.co_filename == function.__code__.co_filename:
                found.append(other)
                stack.append(other)
    return found


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
    source = _Source.of(function, taken) if isinstance(function, FunctionType) else None
    due = {report.keys[name]: report.wrong_stages[name] for name in report.wrong if name in report.wrong_stages}
    if source is None or not due:
        return {}
    names = {report.keys[name]: name for name in report.wrong}
    own_names = returned_names(function, call.inputs, taken)
    places, visits = _Judged(elsewhere, report), _Visits(source, call)
    trials = _Trials(visits, due, places)
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
            fix = _Search(visits, trials, due, until).fix([*source.at(common), *source.returns()])
            found |= {names[key]: fix for key in due} if fix is not None else {}
        for key, own in due.items():
            if names[key] in found:
                continue
            search = _Search(visits, trials, {key: own}, until)
            search.likely = {kind for one in report.diagnosis.get(names[key], ()) for kind in _alike(one.kind)}
            on_the_way = source.at(before[key])
            fix = search.fix(on_the_way) if names[key] in report.follow else None  # it makes others wrong, too
            called = own_names.get(key, key)
            assigning = source.assigning(called, lines[key], key[1:] in call.inputs)
            if names[key] not in report.follow:  # else a change of its own line alone leaves the others wrong
                fix = (
                    search.fix(assigning, key, called) or search.fix(on_the_way) or search.fix(source.loops(lines[key]))
                )
            fix = _in_helpers(function, call, {key: own}, places, until + seconds / 2, fix) or fix
            found |= {names[key]: fix} if fix is not None else {}
    return found


def _forgotten(
    visits: _Visits, trials: _Trials, due: Mapping[str, WrongStage], own_names: Mapping[str, str]
) -> dict[str, Fix]:
    """For the gradients that lack a term of what they are the gradients of, the line that adds it."""
    found: dict[str, Fix] = {}
    for key, own in due.items():
        called = own_names.get(key, key)
        assigning = visits.source.assigning(called, range(sys.maxsize), key[1:] in visits.call.inputs)
        fix = _Search(visits, trials, {key: own}, np.inf).forgotten(assigning, key, called)
        found |= {key: fix} if fix is not None else {}
    return found


def _alike(kind: str) -> tuple[str, ...]:
    """The kinds that a change may be of where the numbers say this one."""
    return _OF_SUMS if kind in _OF_SUMS else (kind,)


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


class _Recorded:
    """The other points, where the recorded gradients are expected."""

    of_all = True
    """Whether a change is to make all gradients right, so that the recorded ones are due at the first point, too."""

    def __init__(self, every: Places) -> None:
        self.every = every

    def right(self, place: Place, names: Mapping[str, Any], key: str, own: WrongStage) -> bool:
        """Whether a gradient among what was computed at a point is the recorded one."""
        node, value = named_nodes(place.graph).get(own.node.name or ""), names.get(key)
        return node is not None and _alike_there(value, place.graph.gradients[node].value)


class _Judged(_Recorded):
    """The other points, where what the user's own gradients before it give is expected."""

    of_all = False

    def __init__(self, every: Places, report: Found) -> None:
        super().__init__(every)
        self._report = report

    def right(self, place: Place, names: Mapping[str, Any], key: str, own: WrongStage) -> bool:
        """Whether a gradient among what was computed at a point is what the user's own gradients before it give."""
        stages = named_nodes(place.graph)
        by_hand = {node.name for node in own.by_hand}
        given: dict[Node, Any] = {}
        for name, key_there in self._report.keys.items():
            stage, value = self._report.stages.get(name), names.get(key_there)
            passes_on = stage is not None and stage.status.counts_as_right and USED_AGAIN not in stage.note
            node = stages.get(name)
            if passes_on and name in by_hand and node is not None and _shaped(value, node.shape):
                given[node] = np.asarray(value)
        node = next((node for name, node in stages.items() if self._report.keys.get(name) == key), None)
        if node is None:
            return False
        due = expect(place.graph, given, {n: n.value for n in place.graph.nodes}).gradients[node]
        return _alike_there(names.get(key), due)


def _alike_there(value: Any, expected: Any) -> bool:
    """Whether a gradient is about as expected: it was right to rounding at the first point."""
    due = np.asarray(expected)
    if not _shaped(value, due.shape):
        return False
    largest = float(np.abs(due[np.isfinite(due)]).max(initial=0.0))
    loose = 1e-8 if np.result_type(value, due).itemsize >= 8 else 1e-3
    return bool(np.all((np.abs(value - due) <= loose * largest) | (value == due)))


class _Visits:
    """What the names of a function hold before its lines run, in a call that is made again.

    Attributes:
        seconds: how long the call takes, as far as it is known.
    """

    def __init__(self, source: _Source, call: Call) -> None:
        self.source, self.call, self.seconds = source, call, 0.0
        self._found: dict[int, list[dict[str, Any]]] = {}
        self._copies: list[Any] = []

    def before(self, line: int) -> list[dict[str, Any]]:
        """What they hold before a line runs, each time; of many the first two and the last two.

        In a loop over time what comes back from later steps is right at first, and is not 0 at last.
        """
        self.look_at([line])
        return self._found[line]

    def look_at(self, lines: Iterable[int]) -> None:
        """Find out about several lines, in one call."""
        new = [line for line in lines if line not in self._found]
        if new:
            self._found |= self._looked_at({line: self._times[line] for line in new})

    @cached_property
    def _times(self) -> Counter[int]:
        """How often each line runs: in a long loop, copies for each time would take longer than all else."""
        times = Counter[int]()

        def count(frame: FrameType) -> None:
            times[frame.f_lineno] += 1

        return times if self._runs(count) else Counter()

    def _looked_at(self, left: dict[int, int]) -> dict[int, list[dict[str, Any]]]:
        """The same for some lines, given how often each runs."""
        found: dict[int, list[dict[str, Any]]] = {line: [] for line in left}

        def look(frame: FrameType) -> None:
            line = frame.f_lineno
            if line in left:
                left[line] -= 1
                if left[line] < 2 or len(found[line]) < 2:
                    found[line].append({name: self._copied(value) for name, value in frame.f_locals.items()})

        return found if any(left.values()) and self._runs(look) else {line: [] for line in left}

    def _copied(self, value: Any) -> Any:
        made = copied(value, self._copies)
        self._copies += (x for x in arrays_in([made]) if x.nbytes >= LARGE and all(x is not y for y in self._copies))
        return made

    def _runs(self, look: Callable[[FrameType], None]) -> bool:
        """Call the function, look at it before each line, and say whether it came to its end."""
        code = self.source.function.__code__

        def enter(frame: FrameType, *_: Any) -> Any:
            return step if frame.f_code is code else None

        def step(frame: FrameType, event: str, _: Any) -> Any:
            if event == "line":
                look(frame)
            return step

        started = time.thread_time()
        try:
            traced_by(enter, called, *self.call[:3])
        except Exception:  # it may have failed before
            return False
        self.seconds = time.thread_time() - started
        return True


class _Trials:
    """Runs the whole function with a line changed, once for all the gradients that are wrong."""

    def __init__(self, visits: _Visits, due: Mapping[str, WrongStage], places: _Recorded) -> None:
        self._visits, self._due, self._places = visits, due, places
        self._made: dict[str, tuple[frozenset[str], frozenset[str]]] = {}

    @cached_property
    def arriving(self) -> Arriving:
        """What arrives at the nodes of the recorded graph."""
        return Arriving(next(iter(self._due.values())).graph)

    def right(self, text: str, keys: Iterable[str]) -> bool:
        """Whether a source of the function gives what is expected of some gradients, here and elsewhere.

        Of several each may be expected of what another one was before, so the recorded ones are right, too.
        """
        wanted = frozenset(keys)
        points = [self._right_here, self._right_elsewhere]
        if self._visits.seconds > _LONG:  # elsewhere it is shorter, and nearly all changes are wrong there, too
            points.reverse()
        return all(is_right(text, wanted) for is_right in points)

    def _right_here(self, text: str, wanted: frozenset[str]) -> bool:
        if wanted == self._due.keys():  # most changes are wrong in the first gradient: the others need no look
            names = self._ran(text, self._visits.call)
            return any(
                all(_is_due(names.get(key), due(own), own) for key, own in self._due.items())
                for due in (_expected, _recorded)[: len(wanted)]
            )
        if text not in self._made:
            self._made[text] = self._here(text)
        expected, recorded = self._made[text]
        return wanted <= expected or ((len(wanted) > 1 or self._places.of_all) and wanted <= recorded)

    def _right_elsewhere(self, text: str, wanted: frozenset[str]) -> bool:
        return all(self._there(text, place, wanted) for place in self._places.every)

    def _here(self, text: str) -> tuple[frozenset[str], frozenset[str]]:
        """The gradients that are as expected, and those that are as recorded."""
        names = self._ran(text, self._visits.call)
        expected = (key for key, own in self._due.items() if _is_due(names.get(key), _expected(own), own))
        recorded = (key for key, own in self._due.items() if _is_due(names.get(key), _recorded(own), own))
        return frozenset(expected), frozenset(recorded)

    def _there(self, text: str, place: Place, wanted: Iterable[str]) -> bool:
        names = self._ran(text, place.call)
        return all(self._places.right(place, names, key, self._due[key]) for key in wanted)

    def _ran(self, text: str, call: Call) -> Mapping[str, Any]:
        """What is computed in a call, by name; nothing where it fails."""
        source = self._visits.source
        code = source.code(text)
        if code is None:
            return {}
        try:
            with _instead(source.function, code):
                found: Mapping[str, Any] = traced_by(None, computed, *call[:4])
        except Exception:  # whatever a change may raise
            return {}
        return found


class _Search:
    """Looks for the change of a line that makes some gradients as expected."""

    def __init__(self, visits: _Visits, trials: _Trials, due: Mapping[str, WrongStage], until: float) -> None:
        self.source, self.due, self._visits, self._trials, self._until = visits.source, due, visits, trials, until
        self._lacking: list[Edit] = []
        self._settled: list[Statement] = []  # of which no change is right
        self._values: dict[tuple[int, int], Any] = {}
        self._codes: dict[int, CodeType | None] = {}
        self.likely: Container[str] = ()
        """The kinds of mistake that explain the numbers: a change of one of these comes before one as small."""
        self.most = math.inf
        """How large a change may be."""

    def fix(self, statements: Sequence[Statement], key: str = "", called: str = "") -> Fix | None:
        """The smallest change of one of some statements; ``key``: the gradient that they assign, ``called``: its name.

        Where a statement assigns it for the last time, once and as a variable, what the line alone computes tells.
        """
        if self._trials.right(self.source.text, self.due):  # a few roundings off: so would be any change
            return None
        self._lacking = lacking = list(self.lacking(statements, key, called)) if key else []
        self._visits.look_at(map(self.source.line, statements))
        # Of branches the one that was taken.
        statements = [x for x in statements if self._visits.before(self.source.line(x))]
        assigning = [x for x in statements if not isinstance(x, ast.Return)]
        last = [x for x in statements if isinstance(x, ast.Return) or x is assigning[-1]]
        others = [edit for edit in self._scaled(assigning) if edit.weight <= self.most]
        for statement in reversed(statements):
            if statement in self._settled or not self._in_time():
                continue
            visits = self._visits.before(self.source.line(statement))
            every = edits(statement, *self.source.atoms(statement, visits[-1]))
            every += [*self._not_added(statement), *self._at_another_place(statement)]
            every += lacking if statement is statements[-1] else []
            every = sorted((x for x in every if x.weight <= self.most), key=lambda edit: edit.weight)
            if not (key and statement in last and len(visits) == 1):
                others += every
                continue
            giving = (
                x for x in every if self._in_time() and (x in lacking or self._gives(x, visits[0], key, called or key))
            )
            if assigning and isinstance(statement, ast.Return):
                others += giving
                continue
            found = self._likeliest(giving)
            if found is not None:
                return found
            if self._tells(statement, visits[0], key, called or key):
                self._settled.append(statement)
            elif not isinstance(statement, ast.Return | ast.For) and (called or key) not in visits[0]:
                others += every  # it may be an attribute or an entry
        # Of changes about as small that of the last line: what comes before it is right as far as it is known.
        found = self._likeliest(self._in_order(sorted(others, key=_about)))
        return found or self._first(lacking)

    def _scaled(self, statements: Iterable[Statement]) -> Iterator[Edit]:
        """Divisions by a length, after what changes an array in part or step by step: no change of that divides all."""
        for statement in statements:
            target = _changed(statement)
            if target is None:
                continue
            known = self.source.held(self._visits.before(self.source.line(statement))[-1])
            lengths = [text for text, x in known.items() if isinstance(x, int) and x > 1][:_MAX_ROOTS]
            after = self.source.after(statement, "")
            yield from (Edit(after, None, f"{ast.unparse(target)} /= {text}", 0.9, True) for text in lengths)

    def forgotten(self, statements: Sequence[Statement], key: str, called: str) -> Fix | None:
        """A term that a gradient lacks, of what it is the gradient of, as where a loss has a penalty for it."""
        every = self.lacking(statements, key, called, of=self.due[key].node.value)
        return self._first(edit for edit in every if edit.weight < _OF_ONE)

    def _first(self, every: Iterable[Edit]) -> Fix | None:
        return next((fix for edit in every if (fix := self._fix(edit)) is not None), None)

    def lacking(self, statements: Sequence[Statement], key: str, called: str, of: Any = None) -> Iterator[Edit]:
        """What a gradient lacks where it is complete, by its numbers, as changes that have yet to be tried.

        A term has something that is not read where the gradient is made: else another change of what is there is meant.

        Args:
            statements: those that assign the gradient, or return it.
            key: the gradient.
            called: its variable.
            of: the array that a term is of; None: any.
        """
        own, source = self.due[key], self.source
        self._visits.look_at(map(source.line, statements))
        given, expected = np.asarray(own.given), np.asarray(own.expected)
        ran = sorted((x for x in statements if self._visits.before(source.line(x))), key=lambda x: x.lineno)
        last, place, target = source.complete(ran, key, called, self._visits.call.inputs)
        if last is None or not (place or target) or given.shape != expected.shape or given.size < 2 or not own.testable:
            return
        names = self._visits.before(source.line(source.last if isinstance(source.last, ast.Return) else last))
        known = source.held(names[-1], whole=True) if names else {}
        known = {text: known[text] for text in sorted(known, key=source.reads.__contains__) if text != target}
        if of is not None:
            known = {text: x for text, x in known.items() if np.ndim(x) == 0 or np.array_equal(x, of)}
        allowed = SLACK * np.asarray(own.tolerance)
        own_lines = [place] if isinstance(last, ast.Return) else [x for x in ran if not isinstance(x, ast.Return)]
        read = {ast.unparse(x) for y in own_lines if y is not None for x in ast.walk(y) if isinstance(x, ast.expr)}
        for term in sorted(terms(expected - given, allowed, known), key=lambda term: term.weight):
            after = source.after(last, term.text)
            if read.issuperset(term.parts) or (after is not last and source.reads_between(last, after, target)):
                continue
            if place is not None and after is last:
                yield Edit(last, place, f"{held(place)} {term.sign} {term.text}", term.weight)
            elif target:
                yield Edit(after, None, f"{target} {term.sign}= {term.text}", term.weight, True)
        for ratio in ratios(given, expected, allowed, known) if place is None and of is None else ():
            yield Edit(source.after(last, ""), None, f"{target} {ratio}", 2.2, True)

    def _at_another_place(self, statement: Statement) -> Iterator[Edit]:
        """A line that adds the same to another place, or takes it away there, as at the right class of a hinge."""
        match statement:
            case ast.AugAssign(ast.Subscript(slice=index) as target, ast.Add() | ast.Sub()):
                own = [x for x in (index.elts if isinstance(index, ast.Tuple) else [index]) if _is_place(x)]
                written = {ast.unparse(x) for x in own}
                for x, text in product(own, sorted(self.source.places - written)):
                    there = ast.unparse(replaced(target, x, ast.parse(text, mode="eval").body))
                    for sign in "+-":
                        yield Edit(statement, None, f"{there} {sign}= {ast.unparse(statement.value)}", 2.0, True)

    def _not_added(self, statement: Statement) -> Iterator[Edit]:
        """What a line may have to add, where it gives a sum of some of what arrives at a node, and not of all.

        Where something is computed of which nothing is made, that is missing in another line.
        """
        value = getattr(statement, "value", None)
        if value is None or isinstance(statement, ast.Expr | ast.Return) or self.source.is_unfinished:
            return
        said, own = set[str](), ast.unparse(value)
        for names in self._visits.before(self.source.line(statement))[:2]:
            try:
                made = self._as_it_is(statement, names)
            except Exception:  # noqa: S112 -- what fails adds nothing up
                continue
            if not isinstance(made, np.ndarray):
                continue
            known = {text: x for text, x in self.source.held(names).items() if np.size(x) and np.any(x)}
            known = {text: known[text] for text in sorted(known, key=lambda text: np.shape(known[text]) != made.shape)}
            for lacking in self._trials.arriving.lacking(made):
                allowed = 1e-9 * float(np.abs(lacking).max(initial=0.0))
                every = sorted(terms(lacking, allowed, known), key=lambda term: term.weight)[:_MAX_TERMS]
                for term in (term for term in every if term.text not in said and term.text not in own):
                    said.add(term.text)
                    yield Edit(statement, value, f"{held(value)} {term.sign} {term.text}", term.weight - _LACKS)

    def _in_order(self, every: Iterable[Edit]) -> Iterator[Edit]:
        """Those that change what their line computes, the smallest first; last those that change its shape, too.

        A line that is right gives the gradient of a value, most often, or a part of that, so a change that makes it
        give one counts as smaller than it is; of several of these that of the first line, which spoils the others.
        """
        waiting, late = deque[Edit](), list[Edit]()
        for weight, alike in groupby(every, key=_about):
            if not self._in_time():
                return
            while waiting and _about(waiting[0]) <= weight - _KNOWN:
                yield waiting.popleft()
            effects = [(edit, self._effect(edit)) for edit in alike]
            yield from sorted((edit for edit, effect in effects if effect.known), key=lambda edit: edit.before.lineno)
            late += (edit for edit, effect in effects if effect.reshapes and not effect.known)
            waiting += (edit for edit, effect in effects if effect.changes and not (effect.known or effect.reshapes))
        yield from waiting
        yield from late

    def _effect(self, edit: Edit) -> _Effect:
        """What an edit does to what its line computes; taken for a change where that cannot be told."""
        around = self._around(edit.before, edit.place) if edit.place is not None else None
        if around is None:
            return _Effect(changes=True)
        changes = reshapes = known = False
        returns = isinstance(edit.before, ast.Return)  # whatever is right in the end is known there
        try:
            inner = compile(edit.instead, "<edit>", "eval")
        except (SyntaxError, ValueError):
            return _Effect(changes=False)
        for k, names in enumerate(self._visits.before(self.source.line(edit.before))):
            if changes and k > 1:
                break
            try:
                before = self._as_it_is(edit.before, names)
                after = self._run(around, {**names, _PLACE: self._run(inner, names)})
            except Exception:  # noqa: S112 -- whatever a change may raise
                continue
            if not (_is_numeric(before) and _is_numeric(after)):
                return _Effect(changes=True)
            if np.shape(before) != np.shape(after) or not np.array_equal(before, after, equal_nan=_is_float(before)):
                changes = True
                reshapes = reshapes or np.shape(before) != np.shape(after)
                known = known or (k < 2 and not returns and after in self._trials.arriving)
        return _Effect(changes, reshapes, known)

    def _around(self, statement: Statement, place: ast.expr) -> CodeType | None:
        """The code of what a statement computes, with a name for one place of it; None where it stands elsewhere."""
        if id(place) not in self._codes:
            value = getattr(statement, "value", None)
            parts = [] if value is None or isinstance(statement, ast.Expr) else list(ast.walk(value))
            apart = [y for x in parts if isinstance(x, _WITH_NAMES) for y in ast.walk(x)]
            alone = any(x is place for x in parts) and not any(x is place for x in apart)
            name = ast.copy_location(ast.Name(_PLACE, ast.Load()), place)
            self._codes[id(place)] = _code_of(replaced(value, place, name)) if value is not None and alone else None
        return self._codes[id(place)]

    def _as_it_is(self, statement: Statement, names: Mapping[str, Any]) -> Any:
        """What a statement of the function computes with what its names hold."""
        at = id(statement), id(names)
        if at not in self._values:
            value: ast.expr = getattr(statement, "value", None) or ast.Constant(None)
            self._values[at] = self._run(_code_of(value), names)
        return self._values[at]

    def _run(self, code: CodeType, names: Mapping[str, Any]) -> Any:
        return traced_by(None, eval, code, self.source.function.__globals__, dict(names))

    def _likeliest(self, every: Iterable[Edit]) -> Fix | None:
        """The smallest change that is right, or one about as small that is of a likely kind."""
        smallest: tuple[float, Fix] | None = None
        for edit in every:
            if not self._in_time():
                break
            if smallest is not None:
                larger = edit.weight - smallest[0]
                if larger > _ABOUT + _KNOWN:
                    break
                if larger > _ABOUT or self._slip(edit).kind not in self.likely or edit in self._lacking:
                    continue
            if (found := self._fix(edit)) is not None:
                if found.kind in self.likely or not self.likely or edit.takes_away:
                    return found
                smallest = smallest or (edit.weight, found)
        return smallest[1] if smallest is not None else None

    def _in_time(self) -> bool:
        return time.thread_time() <= self._until

    def _fix(self, edit: Edit) -> Fix | None:
        # Where a name is only returned, or kept, the lines that assign it are to blame for what it lacks.
        match edit.before:
            case ast.Assign([ast.Attribute() | ast.Subscript()], value):
                is_passed_on = value is edit.place
            case ast.Return():
                is_passed_on = self._slip(edit).kind in _LACKING
            case _:
                is_passed_on = False
        if is_passed_on and self.source.assigns(edit.place):
            return None
        if not self._trials.right(edit.put(self.source.text), self.due):
            return None
        slip = self._slip(edit)
        line, text = self.source.line(edit.before), edit.written(self.source.text)
        if edit.follows:
            loop = isinstance(edit.before, ast.For | ast.While)
            after = "this one, outside the loop" if loop else "this one"
            before = self.source.end(edit.before)
            return Fix(before[0], text, before[1], slip.kind, slip.text, edit.weight, after)
        return Fix(line, text, self.source.text_of(edit.before), slip.kind, slip.text, edit.weight)

    def _slip(self, edit: Edit) -> Slip:
        visits = self._visits.before(self.source.line(edit.before))
        names = visits[-1] if visits else {}

        def is_number(expression: str) -> bool:
            try:
                value = eval(expression, self.source.function.__globals__, names)  # noqa: S307 -- the user's own
            except Exception:  # whatever it may raise
                return False
            return _is_numeric(value) and np.ndim(value) == 0

        return slip_of(edit, is_number)

    def _gives(self, edit: Edit, names: Mapping[str, Any], key: str, called: str) -> bool:
        """Whether a changed line gives the expected numbers with what its names hold where it runs."""
        own = self.due[key]
        return any(_is_due(x, own.expected, own) for x in self._given_by(edit, names, called))

    def _tells(self, statement: Statement, names: Mapping[str, Any], key: str, called: str) -> bool:
        """Whether a line as it is gives the numbers that are wrong, so that changes of it can be judged by it alone."""
        given = np.asarray(self.due[key].given)
        made = self._given_by(Edit(statement, None, ast.unparse(statement), 0.0), names, called)
        return any(_shaped(x, given.shape) and np.array_equal(x, given, equal_nan=_is_float(given)) for x in made)

    def _given_by(self, edit: Edit, names: Mapping[str, Any], called: str) -> list[Any]:
        """What a changed line makes of a variable, or all that it returns; nothing where it fails."""
        after, space, world = edit.after, dict(names), self.source.function.__globals__
        try:
            if isinstance(after, ast.Return):
                code = compile(ast.Expression(after.value or ast.Constant(None)), "<edit>", "eval")
                return list(leaves(traced_by(None, eval, code, world, space)))
            if (value := _made_of(edit, called)) is not None:
                code = compile(ast.Expression(ast.fix_missing_locations(value)), "<edit>", "eval")
                return [traced_by(None, eval, code, world, space)]
            written = getattr(edit.before, "targets", None) or [getattr(edit.before, "target", edit.before)]
            for node in (node for target in written for node in ast.walk(target)):
                if isinstance(node, ast.Name) and node.id in space:
                    space[node.id] = copied(space[node.id])  # it may be written into
            traced_by(None, exec, compile(ast.Module([after], []), "<edit>", "exec"), world, space)
        except Exception:  # whatever a change may raise
            return []
        return [space.get(called)]


class _Effect(NamedTuple):
    """What an edit does to what its line computes.

    Attributes:
        changes: whether it becomes something else.
        reshapes: whether it gets another shape.
        known: whether it becomes what arrives at a node of the recorded graph, or a part of that.
    """

    changes: bool
    reshapes: bool = False
    known: bool = False


def _about(edit: Edit) -> float:
    """About how large an edit is."""
    return round(edit.weight, 1)


def _code_of(value: ast.expr) -> CodeType:
    return compile(ast.Expression(value), "<edit>", "eval")


def _made_of(edit: Edit, key: str) -> ast.expr | None:
    """What a changed line makes of an attribute or an entry, which it assigns or goes on from."""
    match edit.before, edit.after:
        case ast.Assign([target]), ast.Assign([other], value):
            made = value
        case ast.AugAssign(target), ast.AugAssign(other, op, value):
            made = ast.BinOp(ast.parse(ast.unparse(other), mode="eval").body, op, value)
        case _:
            return None
    own = _variable(edit.before, key) is target and not isinstance(target, ast.Name)
    return made if own and ast.unparse(target) == ast.unparse(other) else None


def _shaped(value: Any, shape: tuple[int, ...]) -> bool:
    return isinstance(value, np.ndarray | np.generic | float) and np.shape(value) == shape


def _expected(own: WrongStage) -> Any:
    return own.expected


def _recorded(own: WrongStage) -> Any:
    return own.graph.gradients[own.node].value


def _is_due(value: Any, expected: Any, own: WrongStage) -> bool:
    if not isinstance(value, np.ndarray | np.generic | float):
        return False
    array, due = np.asarray(value), np.asarray(expected)
    if array.shape != due.shape or array.dtype.kind not in "fc" or not array.size:
        return False
    allowed = np.broadcast_to(SLACK * np.asarray(own.tolerance), due.shape)
    first = slice(1) if due.ndim else ...  # where nearly all that is wrong is seen
    return all(np.all((np.abs(array[at] - due[at]) <= allowed[at]) | (array[at] == due[at])) for at in (first, ...))


@contextmanager
def _instead(function: FunctionType, code: CodeType) -> Iterator[None]:
    """Within the block a function runs other code."""
    before = function.__code__
    function.__code__ = code
    try:
        yield
    finally:
        function.__code__ = before


class _Source:
    """The source of a function."""

    def __init__(
        self, function: FunctionType, source: Source, tree: ast.FunctionDef, taken: Container[int] | None
    ) -> None:
        self.function, self.text, self._tree, self._source, self._taken = function, source.text, tree, source, taken

    @classmethod
    def of(cls, function: FunctionType, taken: Container[int] | None = None) -> _Source | None:
        """None where it is not known, or is a closure, which cannot run other code."""
        source = None if function.__code__.co_freevars else source_of(function)
        match source and source.tree.body:
            case [ast.FunctionDef() as tree]:
                return cls(function, source, tree, taken)  # type: ignore[arg-type]  # it is known then
        return None

    def line(self, statement: Statement) -> int:
        """Its number in the file."""
        return self._source.lines(statement)[0]

    def end(self, statement: Statement) -> tuple[int, str]:
        """The number in the file of its last line, and that line."""
        line = self._source.lines(statement)[1]
        return line, self.text.splitlines()[line - self._source.first].strip()

    def text_of(self, statement: Statement | ast.expr) -> str:
        """It as it is written, on one line; of a loop its head."""
        if isinstance(statement, ast.For):
            return self._source.head(statement)
        return self._source.written(statement)

    @cached_property
    def places(self) -> set[str]:
        """What single elements and rows are picked by, as it is written."""
        found = (node.slice for node in ast.walk(self._tree) if isinstance(node, ast.Subscript))
        every = (x for index in found for x in (index.elts if isinstance(index, ast.Tuple) else [index]))
        return {ast.unparse(x) for x in every if _is_place(x)}

    def at(self, lines: Container[int]) -> list[Statement]:
        """The statements that assign something on some lines."""
        return sorted((x for x in self.every if self.line(x) in lines), key=lambda statement: statement.lineno)

    @cached_property
    def every(self) -> list[Statement]:
        """All statements that assign something, or write into it by a call."""
        return [node for node in ast.walk(self._tree) if _assigns(node)]

    def assigns(self, place: ast.expr | None) -> bool:
        """Whether an expression is a name that it assigns."""
        return isinstance(place, ast.Name) and any(place.id in assigned(x) for x in self.every)

    def loops(self, lines: Container[int]) -> list[Statement]:
        """The loops in which something is assigned on some lines."""
        every = [node for node in ast.walk(self._tree) if isinstance(node, ast.For)]
        return [x for x in every if any(self.line(y) in lines for y in ast.walk(x) if _assigns(y))]

    def returns(self) -> list[Statement]:
        """The statements that return something, on lines that were taken."""
        every = [x for x in ast.walk(self._tree) if isinstance(x, ast.Return) and x.value is not None]
        return [x for x in every if self._taken is None or self.line(x) in self._taken]

    def assigning(self, key: str, lines: Container[int], of_input: bool) -> list[Statement]:
        """The statements that assign a gradient; of an input also the one that returns it, if it is the only one."""
        returns = self.returns()
        found = [x for x in self.at(lines) if key in (*assigned(x), *kept(x))]
        if len(returns) != 1 or not of_input:
            return found
        return [*returns, *found] if found else [*returns]

    def atoms(
        self, statement: Statement, names: Mapping[str, Any]
    ) -> tuple[list[str], set[str], bool, list[tuple[str, ...]]]:
        """What the function has to write a line with: arrays and numbers, also those of objects and caches; sizes.

        Also which of them it makes nothing of, whether one is a length of 2, and its indices.
        """
        written = {ast.unparse(x) for x in ast.walk(self._tree) if isinstance(getattr(x, "ctx", None), ast.Store)}
        found = self.held(names)
        found |= {text: x for text, x in self.held(names, whole=True).items() if text not in written}
        own = {ast.unparse(node) for node in ast.walk(statement) if isinstance(node, ast.expr)}
        parameters = {x.arg for x in ast.walk(self._tree) if isinstance(x, ast.arg)}
        unused = {text for text in found if text.isidentifier() and not self.reads[text] and text not in parameters}
        ordered = sorted(found, key=lambda text: (text not in unused, text not in own))
        roots = [f"np.sqrt({text})" for text in ordered if isinstance(found[text], int)][:_MAX_ROOTS]
        arrays = [text for text in ordered if isinstance(found[text], np.ndarray) and not text.endswith("]")]
        arrays.sort(key=lambda text: not text.isidentifier())  # then attributes
        sizes = [f"{text}.shape[{axis}]" for text in arrays[:2] for axis in range(found[text].ndim)]
        sizes += [f"{text}.size" for text in arrays[:1] if found[text].ndim > 1]
        lengths = any(isinstance(found[text], int) for text in ordered)
        unused |= {root for root in roots if root[len("np.sqrt(") : -1] in unused}
        two = any(isinstance(found[text], int) and found[text] == 2 for text in ordered)
        indices = [parts_of(x.slice) for x in ast.walk(self._tree) if isinstance(x, ast.Subscript)]
        return ordered[:_MAX_ATOMS] + (roots if lengths else sizes), unused, two, indices

    def held(self, names: Mapping[str, Any], whole: bool = False) -> dict[str, Any]:
        """Arrays and numbers by how the function writes them, also those of objects and caches.

        Args:
            names: what they hold.
            whole: whether all that is in objects and caches counts, also what the function does not read.
        """
        found = {name: value for name, value in names.items() if _is_numeric(value)}
        for node in ast.walk(self._tree):
            match node:
                case ast.Attribute(ast.Name(owner), attribute) if owner in names and owner not in found:
                    value = getattr(names[owner], attribute, None)
                case ast.Subscript(ast.Name(owner), ast.Constant(str() as place)) if isinstance(names.get(owner), dict):
                    value = names[owner].get(place)
                case _:
                    continue
            if _is_numeric(value):
                found[ast.unparse(node)] = value  # an Attribute or a Subscript
        for name, owner in names.items() if whole else ():
            inner = {f"{name}[{key!r}]": x for key, x in owner.items()} if isinstance(owner, dict) else {}
            inner |= {f"{name}.{key}": x for key, x in getattr(owner, "__dict__", {}).items()}
            found |= {text: x for text, x in inner.items() if _is_numeric(x)}
        return found

    def complete(
        self, statements: Sequence[Statement], key: str, called: str, inputs: Sequence[str]
    ) -> tuple[Statement | None, ast.expr | None, str]:
        """Where a gradient is complete: the statement; there the whole expression, if it is one; its variable.

        Args:
            statements: those that assign it, or return it, in order.
            key: the gradient.
            called: its variable.
            inputs: whose gradients the function returns.
        """
        returned = returned_gradients(self.function, inputs, self._taken).get(key)
        if returned is not None and not isinstance(returned, ast.Name | ast.Attribute | ast.Subscript):
            at = _place(returned)
            own = (x for x in ast.walk(self.returns()[0]) if isinstance(x, ast.expr) and _place(x) == at)
            return self.returns()[0], next(own, None), ""
        last = next((x for x in reversed(statements) if not isinstance(x, ast.Return)), None)
        target = _variable(last, called) if last is not None else None
        if last is None or target is None:
            return None, None, ""
        if isinstance(last, ast.Assign) and last.targets == [target] and not begins(last.value):
            return last, last.value, ast.unparse(target)
        return last, None, ast.unparse(target)

    def after(self, statement: Statement, text: str) -> Statement:
        """What a line may follow that goes on from a statement, and reads the names in a text: no loop is around it."""
        names = {x.id for x in ast.walk(ast.parse(text)) if isinstance(x, ast.Name)}
        makers = [statement, *(x for x in self.every if not names.isdisjoint(assigned(x)))]
        last = max(makers, key=lambda x: x.lineno)
        loops = (x for x in ast.walk(self._tree) if isinstance(x, ast.For | ast.While))
        around = (x for x in loops if x.lineno <= last.lineno <= (x.end_lineno or 0))
        return next(around, last)  # type: ignore[return-value]  # of which a line is only written after it

    def reads_between(self, first: Statement, last: Statement, target: str) -> bool:
        """Whether something is read after a statement, up to another one: what is made of it would not change."""
        between = range((first.end_lineno or first.lineno) + 1, (last.end_lineno or last.lineno) + 1)
        return any(
            isinstance(x, ast.expr)
            and x.lineno in between
            and not isinstance(getattr(x, "ctx", None), ast.Store)
            and ast.unparse(x) == target
            for x in ast.walk(self._tree)
        )

    @cached_property
    def reads(self) -> Counter[str]:
        """How often it reads each of its names."""
        return Counter(x.id for x in ast.walk(self._tree) if isinstance(x, ast.Name) and isinstance(x.ctx, ast.Load))

    @cached_property
    def is_unfinished(self) -> bool:
        """Whether it computes a variable, and makes nothing of it."""
        made = (x for x in self.every if isinstance(x, ast.Assign) and isinstance(x.value, ast.BinOp | ast.Call))
        return any(isinstance(y, ast.Name) and not self.reads[y.id] for x in made for y in x.targets)

    @property
    def last(self) -> ast.stmt:
        """Its last statement."""
        return self._tree.body[-1]

    def code(self, text: str) -> CodeType | None:
        """What another source of the function compiles to, at the lines where the function stands."""
        code = self.function.__code__
        try:
            made = compile("\n" * (self._source.first - 1) + text, code.co_filename, "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            return None
        inner = [x for x in made.co_consts if isinstance(x, CodeType) and x.co_name == code.co_name]
        return inner[0] if inner else None


def _place(node: ast.expr) -> tuple[int | None, ...]:
    """Where an expression begins and ends."""
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset


def _changed(statement: Statement) -> ast.expr | None:
    """The variable that a statement adds to, or changes in part."""
    target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
    if isinstance(statement, ast.Assign) and not isinstance(target, ast.Subscript):
        return None
    target = target or written_into(statement)
    while isinstance(target, ast.Subscript) and not isinstance(getattr(target.slice, "value", None), str):
        target = target.value
    return target


def _variable(statement: Statement, called: str) -> ast.expr | None:
    """What a statement assigns that is called so: a variable, an attribute, or an entry."""
    whole = written_into(statement) or getattr(statement, "target", None)
    for target in statement.targets if isinstance(statement, ast.Assign) else [whole]:
        for x in target.elts if isinstance(target, ast.Tuple) else [target]:
            while isinstance(x, ast.Subscript) and not isinstance(getattr(x.slice, "value", None), str):
                x = x.value
            match x:
                case ast.Name(name) | ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(str() as name)):
                    if name in (called, called.removeprefix("d")):
                        return x
    return None


def _assigns(node: ast.AST) -> TypeGuard[ast.Assign | ast.AugAssign | ast.Expr]:
    return isinstance(node, ast.Assign | ast.AugAssign) or written_into(node) is not None


def _is_float(value: Any) -> bool:
    return np.asarray(value).dtype.kind == "f"


def _is_numeric(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fiub"
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _is_place(index: ast.expr) -> bool:
    """Whether an index is a name, or an element of something, as ``j`` and ``y[i]`` are."""
    return isinstance(index, ast.Name | ast.Subscript)
