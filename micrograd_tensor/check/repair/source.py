"""Source: the text of a function that is to be changed, and its statements by what they assign."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from functools import cached_property
from types import CodeType, FunctionType
from typing import Any, TypeGuard

import numpy as np

from ..statements import assigned, assignments, begins, kept, returned_gradients, returns_something, written_into
from ..syntax import Source, source_of
from .edits import Statement, parts_of

_MAX_ATOMS = 40
MAX_ROOTS = 6


class FunctionSource:
    """The source of a function."""

    def __init__(
        self, function: FunctionType, source: Source, tree: ast.FunctionDef, taken: Container[int] | None
    ) -> None:
        self.function, self.text, self._tree, self._source, self._taken = function, source.text, tree, source, taken

    @classmethod
    def of(cls, function: FunctionType, taken: Container[int] | None = None) -> FunctionSource | None:
        """None where it is not known, or is a closure, which cannot run other code."""
        source = None if function.__code__.co_freevars else source_of(function)
        match source and source.tree.body:
            case [ast.FunctionDef() as tree]:
                return cls(function, source, tree, taken)  # type: ignore[arg-type]  # it is known then
        return None

    def line(self, statement: ast.stmt) -> int:
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

    def quoted(self, text: str, statement: Statement) -> str:
        """A sentence about a statement with the quotation marks that it has."""
        for x in ast.walk(statement):
            if isinstance(x, ast.Constant) and isinstance(x.value, str):
                text = text.replace(ast.unparse(x), self.text_of(x))
        return text

    @cached_property
    def places(self) -> set[str]:
        """What single elements and rows are picked by, as it is written."""
        found = (node.slice for node in ast.walk(self._tree) if isinstance(node, ast.Subscript))
        every = (x for index in found for x in (index.elts if isinstance(index, ast.Tuple) else [index]))
        return {ast.unparse(x) for x in every if is_place(x)}

    def at(self, lines: Container[int]) -> list[Statement]:
        """The statements that assign something on some lines."""
        return sorted((x for x in self.every if self.line(x) in lines), key=lambda statement: statement.lineno)

    @cached_property
    def every(self) -> list[Statement]:
        """All statements that assign something, or write into it by a call."""
        return [node for node in ast.walk(self._tree) if _assigns(node)]

    @cached_property
    def _names(self) -> dict[int, tuple[str, ...]]:
        """What is assigned on each line, also through a part of an array that has a name of its own."""
        return {made.first: made.names for made in assignments(self.function)}

    def assigns(self, place: ast.expr | None) -> bool:
        """Whether an expression is a name that it assigns."""
        return isinstance(place, ast.Name) and any(place.id in assigned(x) for x in self.every)

    def loops(self, lines: Container[int]) -> list[Statement]:
        """The loops in which something is assigned on some lines."""
        every = [node for node in ast.walk(self._tree) if isinstance(node, ast.For)]
        return [x for x in every if any(self.line(y) in lines for y in ast.walk(x) if _assigns(y))]

    def returns(self) -> list[Statement]:
        """The statements that return something, on lines that were taken."""
        every = [x for x in ast.walk(self._tree) if returns_something(x)]
        return [x for x in every if self._taken is None or self.line(x) in self._taken]

    def assigning(self, key: str, lines: Container[int], of_input: bool) -> list[Statement]:
        """The statements that assign a gradient; of an input also the one that returns it, if it is the only one."""
        returns = self.returns()
        found = [x for x in self.at(lines) if key in (*assigned(x), *kept(x), *self._names.get(self.line(x), ()))]
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
        roots = [f"np.sqrt({text})" for text in ordered if isinstance(found[text], int)][:MAX_ROOTS]
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
        found = {name: value for name, value in names.items() if is_numeric(value)}
        for node in ast.walk(self._tree):
            match node:
                case ast.Attribute(ast.Name(owner), attribute) if owner in names and owner not in found:
                    value = getattr(names[owner], attribute, None)
                case ast.Subscript(ast.Name(owner), ast.Constant(str() as place)) if isinstance(names.get(owner), dict):
                    value = names[owner].get(place)
                case _:
                    continue
            if is_numeric(value):
                found[ast.unparse(node)] = value  # an Attribute or a Subscript
        for name, owner in names.items() if whole else ():
            inner = {f"{name}[{key!r}]": x for key, x in owner.items()} if isinstance(owner, dict) else {}
            inner |= {f"{name}.{key}": x for key, x in getattr(owner, "__dict__", {}).items()}
            found |= {text: x for text, x in inner.items() if is_numeric(x)}
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
            at = extent(returned)
            own = (x for x in ast.walk(self.returns()[0]) if isinstance(x, ast.expr) and extent(x) == at)
            return self.returns()[0], next(own, None), ""
        last = next((x for x in reversed(statements) if not isinstance(x, ast.Return)), None)
        target = variable_of(last, called) if last is not None else None
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


def extent(node: ast.expr) -> tuple[int | None, ...]:
    """Where an expression begins and ends."""
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset


def changed_variable(statement: Statement) -> ast.expr | None:
    """The variable that a statement adds to, or changes in part."""
    target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
    if isinstance(statement, ast.Assign) and not isinstance(target, ast.Subscript):
        return None
    target = target or written_into(statement)
    while isinstance(target, ast.Subscript) and not isinstance(getattr(target.slice, "value", None), str):
        target = target.value
    return target


def variable_of(statement: Statement, called: str) -> ast.expr | None:
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


def is_numeric(value: Any) -> bool:
    """Whether a value is a number, or an array of numbers or of truth values."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fiub"
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def is_place(index: ast.expr) -> bool:
    """Whether an index is a name, or an element of something, as ``j`` and ``y[i]`` are."""
    return isinstance(index, ast.Name | ast.Subscript)
