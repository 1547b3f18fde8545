"""What did not run: branches of either pass, and of what it calls, of which so nothing is judged.

A pass may have branches on a setting, such as ``self.training``, of which one runs only; also where only its forward
pass has them, the verdict is on that setting alone.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from io import StringIO
from typing import NamedTuple, TypeAlias

from ..check.positions import Position, Positions
from ..check.running import Run, python_function
from ..check.syntax import called as name_of_called
from ..notation.printable import listed, shorten
from .task import Task

_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_INNER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_SAYS = {"print", "warn", "debug", "info", "warning", "error", "log"}
"""Functions that compute nothing."""
_LONGEST = 50
"""The most characters that are shown of an expression."""


class _Part(NamedTuple):
    """Lines that did not run, or of one line an expression."""

    first: int
    last: int
    text: str = ""


class _Within(NamedTuple):
    """The positions in a function at which it ran."""

    positions: list[Position]

    def has_run(self, node: ast.stmt | ast.expr) -> bool:
        """Whether a part of the function has run."""
        return any(x.is_in(node) for x in self.positions)


def not_run(task: Task, ran: Run) -> list[str]:
    """The parts of both passes, and of the functions of their file that they call, that did not run, in a sentence.

    Told is what makes something, and not what only raises an error or says something.
    """
    backward, forward = (getattr(python_function(x), "__code__", None) for x in (task.backward, task.forward))
    if backward is None or forward is None or ran.error is not None:
        return []
    tree = _tree(backward.co_filename)
    positions = Positions({backward, forward}, _shared_lines(tree))
    try:
        with redirect_stdout(StringIO()):  # which has been shown
            positions.follow(task.run_both)
    except Exception:  # of code that does not do the same twice, nothing is known
        return []
    passes = [backward] if forward.co_filename != backward.co_filename else [backward, forward]
    ran_at = {x for one in passes for x in positions.of(one)}
    in_backward, lines = positions.called(backward), {x.line for x in positions.of(backward)}
    started = in_backward.union(*map(positions.called, passes))
    backwards, forwards = list[_Part](), list[_Part]()
    for node in ast.walk(tree):
        first = _first_line(node)
        if isinstance(node, _Function) and first in started:
            for part in _left_out(node.body, _Within([x for x in ran_at if x.is_in(node)])):
                (backwards if first in in_backward or part.first in lines else forwards).append(part)
    return _said(backwards, forwards)


def _said(backwards: list[_Part], forwards: list[_Part]) -> list[str]:
    """That parts did not run, in a sentence, if there are any."""
    every = [*backwards, *forwards]
    named = [*_named(backwards), *_named(forwards, " of the forward pass")]
    if not named:
        return []
    several = len(every) > 1 or every[0].first < every[0].last
    it, what_it_does = ("them", "what they do") if several else ("it", "what it does")
    comma = "," if any(" and " in x for x in named) else ""
    which = " and ".join([f"{', '.join(named[:-1])}{comma}", named[-1]] if len(named) > 1 else named)
    of = what_it_does if forwards else it
    return [f"{which} did not run at these inputs, so of {of} nothing is judged."]


def _first_line(node: ast.AST) -> int:
    """The line that the code of a function begins on, with what decorates it; of anything else 0."""
    return min(x.lineno for x in (node, *node.decorator_list)) if isinstance(node, _Function) else 0


def _named(parts: list[_Part], whose: str = "") -> list[str]:
    """Parts as they are called in a sentence."""
    numbers = list[str]()
    for first, last in sorted({(x.first, x.last) for x in parts if not x.text}):
        numbers += [f"{first} to {last}"] if last > first + 1 else map(str, range(first, last + 1))
    several = len(numbers) > 1 or "to" in "".join(numbers)
    lines = [f"line{'s' if several else ''} {listed(numbers)}{whose}"] if numbers else []
    return [*lines, *(f"{x.text} in line {x.first}{whose}" for x in parts if x.text)]


def _tree(file: str) -> ast.Module:
    """The tree of a file, empty where it is not known."""
    with suppress(SyntaxError, ValueError):
        return ast.parse("".join(linecache.getlines(file)))
    return ast.Module([], [])


def _shared_lines(tree: ast.Module) -> set[int]:
    """The lines of conditional expressions, and those on which there are several statements."""
    found, seen = set[int](), set[int]()
    for node in ast.walk(tree):
        if isinstance(node, ast.IfExp) or (isinstance(node, ast.stmt) and node.lineno in seen):
            found |= {*range(node.lineno, (node.end_lineno or node.lineno) + 1)}
        if isinstance(node, ast.stmt):
            seen.add(node.lineno)
    return found


def _left_out(body: list[ast.stmt], within: _Within) -> Iterator[_Part]:
    """The parts of a body that did not run and make something: statements to its end, others within them, sides."""
    left = [x for x in body if not within.has_run(x)]
    if telling := _telling(left):
        yield _Part(telling[0].lineno, max(x.end_lineno or x.lineno for x in telling))
    for statement in body:
        if statement not in left and not isinstance(statement, _INNER):
            yield from _sides_left_out(statement, within) if not _says(statement) else ()
            for inner in _bodies(statement):
                yield from _left_out(inner, within)


def _sides_left_out(statement: ast.stmt, within: _Within) -> Iterator[_Part]:
    """The sides of its conditional expressions that did not run where the others did."""
    for node in _expressions(statement):
        if isinstance(node, ast.IfExp):
            then, other = within.has_run(node.body), within.has_run(node.orelse)
            side = node.orelse if then else node.body
            if then != other and not _is_no_number(side):
                text = shorten(ast.unparse(side), _LONGEST)
                yield _Part(side.lineno, side.lineno, f"else {text}" if then else f"{text} if …")


def _telling(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements in a body, and in those in it, that make something; none where it only makes an error's text."""
    if body and isinstance(body[-1], ast.Raise) and not any(any(_bodies(x)) for x in body):
        return []
    found = list[ast.stmt]()
    for statement in body:
        if not isinstance(statement, _INNER):
            found += [statement] if _makes(statement) else []
            found += [x for inner in _bodies(statement) for x in _telling(inner)]
    return found


def _makes(statement: ast.stmt) -> bool:
    """Whether a statement by itself assigns or returns something that is computed, or calls what may do so."""
    match statement:
        case ast.Assign(value=value) | ast.AugAssign(value=value) | ast.AnnAssign(value=ast.expr() as value):
            return not _is_no_number(value)
        case ast.Return(ast.expr() as value):
            return not isinstance(value, ast.Constant)
        case ast.Expr(ast.Call()):
            return not _says(statement)
    return False


def _says(statement: ast.stmt) -> bool:
    """Whether a statement only raises an error, or says something."""
    if isinstance(statement, ast.Expr):
        return name_of_called(statement.value) in _SAYS
    return isinstance(statement, ast.Raise | ast.Assert)


def _is_no_number(value: ast.expr) -> bool:
    """Whether it is a constant that nothing is computed with, such as None."""
    return isinstance(value, ast.Constant) and type(value.value) not in (int, float)


def _bodies(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """The lists of statements in a statement, those of its cases and of what it does about errors among these."""
    for _, value in ast.iter_fields(node):
        if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
            yield value
        elif isinstance(value, list):
            for inner in value:
                if isinstance(inner, ast.ExceptHandler | ast.match_case):
                    yield from _bodies(inner)


def _expressions(statement: ast.stmt) -> Iterator[ast.AST]:
    """The nodes of a statement but those of the statements in it."""
    stack: list[ast.AST] = [statement]
    while stack:
        yield (node := stack.pop())
        stack += [x for x in ast.iter_child_nodes(node) if not isinstance(x, ast.stmt)]
