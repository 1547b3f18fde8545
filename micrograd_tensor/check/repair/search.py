"""Search: the smallest change of a line that makes wrong gradients right."""

from __future__ import annotations

import ast
import builtins
import math
import time
from collections import deque
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import groupby, product
from types import CodeType, FunctionType
from typing import Any, NamedTuple

import numpy as np

from ..found import SLACK, Fix, WrongStage
from ..nested import leaves
from ..running import copied, python_function, traced_by
from ..statements import kept, names_read
from ..syntax import called, replaced
from .edits import Edit, Statement, edits, held
from .missing import masks, ratios, terms
from .points import has_shape
from .slips import Slip, slip_of
from .source import MAX_ROOTS, FunctionSource, changed_variable, is_numeric, is_place, variable_of
from .trials import LONG, Trials, is_due
from .visits import Visits

_LACKING = ("missing factor", "missing mask", "dropped term")
_OF_ONE = 2.65
"""Below which the weights are of terms of one array as it is."""
_ABOUT = 1.0
"""By how much larger than the smallest change one of a likely kind may be."""
_KNOWN = 2.0
"""By how much a change counts as smaller that makes its line give what arrives somewhere in the recorded graph."""
_SIMPLE, _LARGE = 1.0, 1.5
"""Up to which weight a change is a slip of its line, and from which one puts something into a line, most often."""
_LACKS = 2.0
"""By how much a term is smaller that the numbers say is missing."""
_PLACE = "_place"
"""The name that stands in a line for what is changed there."""
_WITH_NAMES = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Lambda)
"""Expressions with names of their own."""
_MAX_TERMS = 3
"""So many ways are tried to write a term that is missing."""


class Search:
    """Looks for the change of a line that makes some gradients as expected."""

    def __init__(self, visits: Visits, trials: Trials, due: Mapping[str, WrongStage], until: float) -> None:
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
            every += [*self._not_added(statement), *self._at_another_place(statement), *self._as_forward(statement)]
            elsewhere = [x for x in lacking if x.before not in statements] if statement is statements[-1] else []
            every += [*(x for x in lacking if x.before is statement), *elsewhere]
            every = sorted((x for x in every if x.weight <= self.most), key=lambda edit: edit.weight)
            if not (key and statement in last and len(visits) == 1) or _takes_out(statement):
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
        others.sort(key=_about)
        found = self._likeliest(self._likely_first(others)) or self._likeliest(self._in_order(others))
        return found or self._first(lacking)

    def _likely_first(self, every: Iterable[Edit]) -> list[Edit]:
        """The small changes of a likely kind, where a call takes so long that few others can be tried.

        Of the changes that are right it is one of these in any case, if there is one.
        """
        if self._visits.seconds <= LONG:
            return []
        return [edit for edit in every if edit.weight <= _SIMPLE and self._slip(edit).kind in self.likely]

    def _scaled(self, statements: Iterable[Statement]) -> Iterator[Edit]:
        """Divisions by a length, after what changes an array in part or step by step: no change of that divides all."""
        for statement in statements:
            target = changed_variable(statement)
            if target is None:
                continue
            known = self.source.held(self._visits.before(self.source.line(statement))[-1])
            lengths = [text for text, x in known.items() if isinstance(x, int) and x > 1][:MAX_ROOTS]
            after = self.source.after(statement, "")
            yield from (Edit(after, None, f"{ast.unparse(target)} /= {text}", 0.9, True) for text in lengths)

    def forgotten(self, statements: Sequence[Statement], key: str, called: str) -> Fix | None:
        """A term that a gradient lacks, of what it is the gradient of, as where a loss has a penalty for it."""
        every = self.lacking(statements, key, called, of=self.due[key].node.value)
        return self._first(edit for edit in every if edit.weight < _OF_ONE)

    def simpler(self, fix: Fix, statements: Iterable[Statement]) -> Fix:
        """A slip of another line that is right, where one puts something into a line that may be right; else that."""
        if fix.weight < _LARGE and fix.kind not in _LACKING:
            return fix
        every = list[Edit]()
        for statement in statements:
            visits = self._visits.before(self.source.line(statement))
            if visits and self.source.line(statement) != fix.line and statement not in self._settled:
                every += edits(statement, *self.source.atoms(statement, visits[-1]))
        slips = sorted((edit for edit in every if edit.weight <= _SIMPLE), key=_about)
        return self._first(self._in_order(slips)) or fix

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
        if place is None and of is None:
            factors = [
                *ratios(given, expected, allowed, known),
                *(f"*= {x}" for x in masks(given, expected, allowed, known)),
            ]
            yield from (Edit(source.after(last, ""), None, f"{target} {factor}", 2.2, True) for factor in factors)

    def _at_another_place(self, statement: Statement) -> Iterator[Edit]:
        """A line that adds the same to another place, or takes it away there, as at the right class of a hinge."""
        match statement:
            case ast.AugAssign(ast.Subscript(slice=index) as target, ast.Add() | ast.Sub()):
                own = [x for x in (index.elts if isinstance(index, ast.Tuple) else [index]) if is_place(x)]
                written = {ast.unparse(x) for x in own}
                for x, text in product(own, sorted(self.source.places - written)):
                    there = ast.unparse(replaced(target, x, ast.parse(text, mode="eval").body))
                    for sign in "+-":
                        yield Edit(statement, None, f"{there} {sign}= {ast.unparse(statement.value)}", 2.0, True)

    def _as_forward(self, statement: Statement) -> Iterator[Edit]:
        """What the forward pass has under the name that a line assigns, if all its names are known there."""
        visits = self._visits.before(self.source.line(statement))
        match statement:
            case ast.Assign([ast.Name(name)], value) if visits:
                known = {*visits[-1], *self.source.function.__globals__, *vars(builtins)}
                for text in self._of_forward.get(name, ()):
                    if text != ast.unparse(value) and known.issuperset(names_read(ast.parse(text))):
                        yield Edit(statement, value, text, 1.0)

    @cached_property
    def _of_forward(self) -> dict[str, list[str]]:
        """What the forward pass assigns to its names, as it is written."""
        function = python_function(self._visits.call.forward) if self._visits.call.forward is not None else None
        source = FunctionSource.of(function) if isinstance(function, FunctionType) else None
        found: dict[str, list[str]] = {}
        for statement in source.every if source is not None and source.text != self.source.text else ():
            match statement:
                case ast.Assign([ast.Name(name)], value):
                    found.setdefault(name, []).append(ast.unparse(value))
        return found

    def _not_added(self, statement: Statement) -> Iterator[Edit]:
        """What a line may have to add, where it gives a sum of some of what arrives at a node, and not of all.

        Where something is computed of which nothing is made, that is missing in another line.
        """
        value = getattr(statement, "value", None)
        if value is None or isinstance(statement, ast.Expr | ast.Return) or self.source.is_unfinished:
            return
        if _takes_out(statement):
            return
        said, own = set[str](), ast.unparse(value)
        for names in self._visits.before(self.source.line(statement))[:2]:
            try:
                made = self._as_it_is(statement, names)
            except Exception:  # noqa: S112 -- what fails adds nothing up
                continue
            if not isinstance(made, np.ndarray):
                continue
            known = {text: x for text, x in self.source.held(names, whole=True).items() if np.size(x) and np.any(x)}
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
        give one counts as smaller than it is; of several of these that of the first line, which spoils the others. Last
        of them are lines that give already what their variable is called.
        """
        waiting, late = deque[Edit](), list[Edit]()
        for weight, alike in groupby(every, key=_about):
            if not self._in_time():
                return
            while waiting and _about(waiting[0]) <= weight - _KNOWN:
                yield waiting.popleft()
            effects = [(edit, self._effect(edit)) for edit in alike]
            known = [(effect.was_right, edit.before.lineno, edit) for edit, effect in effects if effect.known]
            yield from (edit for *_, edit in sorted(known, key=lambda one: one[:2]))
            late += (edit for edit, effect in effects if effect.reshapes and not effect.known)
            waiting += (edit for edit, effect in effects if effect.changes and not (effect.known or effect.reshapes))
        yield from waiting
        yield from late

    def _effect(self, edit: Edit) -> _Effect:
        """What an edit does to what its line computes; taken for a change where that cannot be told."""
        around = self._around(edit.before, edit.place) if edit.place is not None else None
        if around is None or _takes_out(edit.before):
            return _Effect(changes=True)
        changes = reshapes = known = was_right = False
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
            if not (is_numeric(before) and is_numeric(after)):
                return _Effect(changes=True)
            if np.shape(before) != np.shape(after) or not np.array_equal(before, after, equal_nan=_is_float(before)):
                changes = True
                reshapes = reshapes or np.shape(before) != np.shape(after)
                known = known or (k < 2 and not returns and after in self._trials.arriving)
                was_right = was_right or (known and self._is_right(edit.before, before))
        return _Effect(changes, reshapes, known, was_right)

    def _is_right(self, statement: Statement, value: Any) -> bool:
        """Whether a statement assigns a variable the gradient that this is called."""
        match statement:
            case ast.Assign([ast.Name(key)]):
                return self._trials.arriving.is_called(key, value)
        return False

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
                is_passed_on = value is edit.place and not self._is_part_by_another_name(edit)
            case ast.Return():
                is_passed_on = self._slip(edit).kind in _LACKING
            case _:
                is_passed_on = False
        if is_passed_on and self.source.assigns(edit.place):
            return None
        whole = edit.put(self.source.text)
        if not self._trials.right(whole, self.due) or self._takes_one_for_a_length(edit):
            return None
        completes = self._trials.completes(whole, next(iter(self.due)))
        slip = self._slip(edit)
        line = self.source.line(edit.before)
        text = edit.written(self.source.text) if not isinstance(edit.after, ast.Pass) else ""
        if edit.follows:
            loop = isinstance(edit.before, ast.For | ast.While)
            after = "this one, outside the loop" if loop else "this one"
            before = self.source.end(edit.before)
            return Fix(before[0], text, before[1], slip.kind, slip.text, edit.weight, after, completes)
        return Fix(line, text, self.source.text_of(edit.before), slip.kind, slip.text, edit.weight, "", completes)

    def _is_part_by_another_name(self, edit: Edit) -> bool:
        """Whether an edit changes a name that is kept under another one, and is right for a part of what is due."""
        own = isinstance(edit.place, ast.Name) and edit.place.id in kept(edit.before)
        if edit.place is None or own:
            return False
        return self._value(edit, ast.unparse(edit.place)) in self._trials.arriving

    def _slip(self, edit: Edit) -> Slip:
        def is_number(expression: str) -> bool:
            value = self._value(edit, expression)
            return is_numeric(value) and np.ndim(value) == 0

        slip = slip_of(edit, is_number)
        return slip._replace(text=self.source.quoted(slip.text, edit.before))

    def _takes_one_for_a_length(self, edit: Edit) -> bool:
        """Whether an edit makes a length 1, as that of an axis that is kept: then no division is meant."""
        before, after = ({ast.unparse(x) for x in ast.walk(y) if _is_length(x)} for y in (edit.before, edit.after))
        whole = getattr(edit.after, "value", None)
        made = {ast.unparse(whole)} if before and isinstance(whole, ast.expr) else set[str]()
        values = (self._value(edit, text) for text in (after - before) | made)
        return any(is_numeric(x) and np.ndim(x) == 0 and x == 1 for x in values)

    def _value(self, edit: Edit, expression: str) -> Any:
        """What an expression is where a statement runs; None where it fails."""
        if _takes_out(edit.before):
            return None
        visits = self._visits.before(self.source.line(edit.before))
        try:
            return eval(expression, self.source.function.__globals__, visits[-1] if visits else {})  # noqa: S307
        except Exception:  # whatever it may raise
            return None

    def _gives(self, edit: Edit, names: Mapping[str, Any], key: str, called: str) -> bool:
        """Whether a changed line gives the expected numbers with what its names hold where it runs."""
        own = self.due[key]
        return any(is_due(x, own.expected, own) for x in self._given_by(edit, names, called))

    def _tells(self, statement: Statement, names: Mapping[str, Any], key: str, called: str) -> bool:
        """Whether a line as it is gives the numbers that are wrong, so that changes of it can be judged by it alone."""
        given = np.asarray(self.due[key].given)
        made = self._given_by(Edit(statement, None, ast.unparse(statement), 0.0), names, called)
        return any(has_shape(x, given.shape) and np.array_equal(x, given, equal_nan=_is_float(given)) for x in made)

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
        was_right: whether it is the gradient that its variable is called before, too.
    """

    changes: bool
    reshapes: bool = False
    known: bool = False
    was_right: bool = False


def _takes_out(statement: Statement) -> bool:
    """Whether a statement takes something out of what it reads, as a cache out of a list, so that it runs once."""
    return any(called(x) in ("pop", "popleft", "popitem", "next") for x in ast.walk(statement))


def _is_length(x: ast.AST) -> bool:
    """Whether an expression is a length of an array."""
    match x:
        case ast.Subscript(ast.Attribute(attr="shape"), _) | ast.Call(ast.Name("len")):
            return True
    return False


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
    own = variable_of(edit.before, key) is target and not isinstance(target, ast.Name)
    return made if own and ast.unparse(target) == ast.unparse(other) else None


def _is_float(value: Any) -> bool:
    return np.asarray(value).dtype.kind == "f"
