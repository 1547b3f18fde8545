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


class _Ran(NamedTuple):
    """What ran: the positions at which it did, and the first lines of the functions."""

    positions: set[Position]
    called: set[int]

    def has_run(self, node: ast.stmt | ast.expr) -> bool:
        """Whether a part of a function has run."""
        return any(x.is_in(node) for x in self.positions)

    def has_called(self, function: _Function | ast.Lambda) -> bool:
        """Whether a function has run."""
        if isinstance(function, ast.Lambda):
            return self.has_run(function.body)
        return _first_line(function) in self.called

    def within(self, function: _Function) -> _Ran:
        """What of it ran in a function."""
        return _Ran({x for x in self.positions if x.is_in(function)}, self.called)


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
    except (Exception, SystemExit):  # of code that does not do the same twice, nothing is known
        return []
    passes = [backward] if forward.co_filename != backward.co_filename else [backward, forward]
    each = [_Ran(positions.of(one), positions.called(one)) for one in passes]
    anywhere = _Ran({x for one in each for x in one.positions}, {x for one in each for x in one.called})
    in_backward = each[0]
    lines = {x.line for x in in_backward.positions}
    backwards, forwards = dict[_Part, None](), dict[_Part, None]()
    for node in ast.walk(tree):
        if isinstance(node, _Function) and anywhere.has_called(node):
            for part in _left_out(node.body, anywhere.within(node)):
                (backwards if in_backward.has_called(node) or part.first in lines else forwards)[part] = None
    for several in _chosen_from(tree):
        layers = any(_first_line(x) == one.co_firstlineno for x in several for one in passes)  # a setting chooses none
        if any(map(anywhere.has_called, several)) and not layers:
            left = (_whole(x) for x in several if not anywhere.has_called(x))
            known = any(map(in_backward.has_called, several))
            (backwards if known else forwards).update(dict.fromkeys(x for x in left if x is not None))
    return _said([*backwards], [*forwards])


def _first_line(function: _Function | ast.Lambda) -> int:
    """The line that the code of a function begins on, with what decorates it."""
    above = [] if isinstance(function, ast.Lambda) else function.decorator_list
    return min([function.lineno, *(x.lineno for x in above)])


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
    """The lines of conditional expressions and of lambdas, and those on which there are several statements."""
    found, seen = set[int](), set[int]()
    for node in ast.walk(tree):
        if isinstance(node, ast.IfExp | ast.Lambda) or (isinstance(node, ast.stmt) and node.lineno in seen):
            found |= {*range(node.lineno, (node.end_lineno or node.lineno) + 1)}
        if isinstance(node, ast.stmt):
            seen.add(node.lineno)
    return found


def _chosen_from(tree: ast.Module) -> Iterator[list[_Function | ast.Lambda]]:
    """The functions of the file of which a setting chooses one: those at one place in the entries of a dictionary."""
    named = {x.name: x for x in ast.walk(tree) if isinstance(x, _Function)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for several in zip(*(getattr(x, "elts", [x]) for x in node.values), strict=False):
                functions = (x if isinstance(x, ast.Lambda) else named.get(_name(x)) for x in several)
                yield [x for x in functions if x is not None]


def _name(value: ast.expr) -> str:
    """The name of a function of the file, or of a method of the object; else ""."""
    match value:
        case ast.Name(name) | ast.Attribute(ast.Name("self" | "cls"), name):
            return name
    return ""


def _whole(function: _Function | ast.Lambda) -> _Part | None:
    """A function that did not run; None where it makes nothing."""
    if isinstance(function, ast.Lambda):
        return _Part(function.lineno, function.lineno, shorten(ast.unparse(function), _LONGEST))
    return _lines(_telling(function.body))


def _lines(statements: list[ast.stmt]) -> _Part | None:
    """From the first to the last of some statements."""
    if not statements:
        return None
    return _Part(statements[0].lineno, max(x.end_lineno or x.lineno for x in statements))


def _left_out(body: list[ast.stmt], ran: _Ran) -> Iterator[_Part]:
    """The parts of a body that did not run and make something: statements to its end, others within them, sides."""
    left = [x for x in body if not ran.has_run(x)]
    if lines := _lines(_telling(left)):
        yield lines
    for statement in body:
        if statement not in left and not isinstance(statement, _INNER):
            yield from _sides_left_out(statement, ran) if not _says(statement) else ()
            for inner in _bodies(statement):
                yield from _left_out(inner, ran)


def _sides_left_out(statement: ast.stmt, ran: _Ran) -> Iterator[_Part]:
    """The sides of its conditional expressions that did not run where the others did."""
    for node in _expressions(statement):
        if isinstance(node, ast.IfExp):
            then, other = ran.has_run(node.body), ran.has_run(node.orelse)
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
