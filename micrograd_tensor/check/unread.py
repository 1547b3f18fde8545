"""Unread: the local variables of a function that are lost when it returns, as a gradient that nobody gets.

Where the source does not tell what becomes of a value, as of the argument of some function, it is taken to be stored.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Container, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from .statements import assigned, begins, names_read, roots, written_into
from .syntax import called, source_of

_READ_ALL = ("locals", "vars", "eval", "exec", "dir", "_getframe", "currentframe")
"""Functions that may read any local variable."""
_PLAIN = re.compile("abs|bool|dict|enumerate|float|int|isinstance|len|list|max|min|print|range|sum|tuple|zip")
"""Functions of Python's that store nothing of their arguments but in what they return."""
_MAKING = re.compile("array|copy|dot|full|full_like|matmul|ones|ones_like|outer|sum|where")
"""Functions of NumPy whose result shares no memory with what was there before."""


class _Flow(NamedTuple):
    """What a statement reads, and the names that it puts what it makes of that into; no names: outside the function."""

    reads: set[str]
    into: set[str]


def unread(function: Callable[..., object], taken: Container[int] | None = None) -> frozenset[str]:
    """The local variables that are neither returned nor stored, nor go into anything that is.

    What only ``print`` and assertions read is lost, too.

    Args:
        function: whichever; nothing is known of one without its source.
        taken: the lines that were run; None: perhaps all.

    >>> def backward(dout, x, w):
    ...     dx, dw = dout @ w.T, x.T @ dout
    ...     grads = {"dw": dw}
    ...     return dx
    >>> sorted(unread(backward))
    ['dw', 'grads']
    """
    source = source_of(function)
    if source is None or any(called(node) in _READ_ALL for node in source.nodes):
        return frozenset()
    own, *every = [node for node in source.nodes if isinstance(node, ast.stmt)]
    if not isinstance(own, ast.FunctionDef):
        return frozenset()
    ran = [x for x in every if taken is None or _has_body(x) or _was_run(source.lines(x), taken)]
    flows = [flow for statement in ran if (flow := _flow(statement)).reads]
    leaving = _aliases(every) | {x.arg for x in source.nodes if isinstance(x, ast.arg)}
    leaving |= {name for x in every if isinstance(x, ast.Global | ast.Nonlocal) for name in x.names}
    before = -1
    while before < len(leaving):
        before = len(leaving)
        for flow in flows:
            if not (flow.into and leaving.isdisjoint(flow.into)):
                leaving |= flow.reads
    return frozenset({name for statement in ran for name in assigned(statement)} - leaving)


def _was_run(ends: tuple[int, int], taken: Container[int]) -> bool:
    return any(line in taken for line in range(ends[0], ends[1] + 1))


def _has_body(statement: ast.stmt) -> bool:
    return hasattr(statement, "body") or isinstance(statement, ast.Match)


def _flow(statement: ast.stmt) -> _Flow:
    """What goes where in a statement, but for the statements within it; a function within may run at any time.

    A branch or a loop that does nothing but print and raise is an assertion.
    """
    if isinstance(statement, ast.If | ast.While | ast.For | ast.With):
        if all(map(_is_silent, (*statement.body, *getattr(statement, "orelse", ())))):
            return _Flow(set(), set())
        head = (x for x in ast.iter_child_nodes(statement) if not isinstance(x, ast.stmt))
        return _Flow({name for x in head for name in names_read(x)}, set())
    if _is_silent(statement) or isinstance(statement, ast.Try):
        return _Flow(set(), set())
    assigns = isinstance(statement, ast.Assign | ast.AugAssign | ast.AnnAssign) or written_into(statement) is not None
    own = assigns and all(isinstance(x, ast.Name) for x in roots(statement))
    stays = own and not any(map(_may_store, ast.walk(statement)))
    return _Flow({*names_read(statement)}, {*assigned(statement)} if stays else set())


def _is_silent(statement: ast.stmt) -> bool:
    match statement:
        case ast.Assert() | ast.Raise() | ast.Pass() | ast.Expr(ast.Constant() | ast.Call(ast.Name("print"))):
            return True
    return False


def _may_store(node: ast.AST) -> bool:
    """Whether what is evaluated there may put what it reads anywhere but into its value."""
    match node:
        case ast.Call(function, keywords=named):
            plain = isinstance(function, ast.Name) and _PLAIN.fullmatch(function.id) is not None
            of_array = isinstance(function, ast.Attribute) and hasattr(np.ndarray, function.attr)
            of_numpy = ast.unparse(function).startswith(("np.", "numpy."))
            return any(x.arg == "out" for x in named) or not (plain or of_array or of_numpy)
        case ast.NamedExpr() | ast.Yield() | ast.YieldFrom() | ast.Await():
            return True
    return False


def _aliases(statements: Iterable[ast.stmt]) -> set[str]:
    """The names that are written into in place, and may be arrays that others know, too."""
    written, shared = set[str](), set[str]()
    for statement in statements:
        shared |= {name for name, value in _bound(statement) if value is None or not _is_made(value)}
        in_place = isinstance(statement, ast.AugAssign) or written_into(statement) is not None
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if in_place or any(isinstance(x, ast.Subscript) for target in targets for x in ast.walk(target)):
            written |= {*assigned(statement)}
    return written & shared


def _bound(statement: ast.stmt) -> Iterator[tuple[str, ast.expr | None]]:
    """The names that a statement binds, each with the expression that is its alone."""
    match statement:
        case ast.Assign([target], value):
            yield from _paired(target, value)
        case ast.AnnAssign(target, _, value):
            yield from _paired(target, value)
        case ast.Assign(targets) | ast.For(ast.expr() as targets):
            for target in targets if isinstance(targets, list) else [targets]:
                yield from _paired(target, None)


def _paired(target: ast.expr, value: ast.expr | None) -> Iterator[tuple[str, ast.expr | None]]:
    match target, value:
        case ast.Name(name), _:
            yield name, value
        case ast.Tuple(targets) | ast.List(targets), ast.Tuple(values) if len(targets) == len(values):
            for one, of_it in zip(targets, values, strict=True):
                yield from _paired(one, of_it)
        case ast.Tuple(targets) | ast.List(targets), _:
            for one in targets:
                yield from _paired(one, None)


def _is_made(value: ast.expr) -> bool:
    """Whether an expression makes an array of its own."""
    return (
        isinstance(value, ast.BinOp | ast.UnaryOp | ast.Constant)
        or begins(value)
        or _MAKING.fullmatch(called(value)) is not None
    )
