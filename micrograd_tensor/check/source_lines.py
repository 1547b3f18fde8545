"""Source lines: which statements of a function assign which of its names."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Iterator
from textwrap import dedent
from typing import Any, NamedTuple

Lines = tuple[tuple[int, str], ...]
"""Line numbers with the statements that begin there."""


class Statement(NamedTuple):
    """An assignment.

    Attributes:
        names: what it assigns, in whole, in part or in place.
        first: the line of the file that it begins on.
        last: the line that it ends on.
        text: on one line.
    """

    names: tuple[str, ...]
    first: int
    last: int
    text: str


def source_lines(function: Callable[..., Any]) -> dict[str, Lines]:
    """For each name that a function assigns the statements that do, in their order.

    Empty where the source is not to be had.

    >>> from micrograd_tensor.check.source_lines import assignments, source_lines
    >>> source_lines(assignments)["tree"][0][1]
    'tree = ast.parse(text)'
    """
    found: dict[str, Lines] = {}
    for statement in assignments(function):
        for name in statement.names:
            found[name] = (*found.get(name, ()), (statement.first, statement.text))
    return found


def gradient_lines(function: Callable[..., Any], stages: Iterable[str]) -> dict[str, Lines]:
    """The statements of a backward pass that assign the gradient of each stage, by the stage's name."""
    found = source_lines(function)
    return {name: found[f"d{name}"] for name in stages if f"d{name}" in found}


def assignments(function: Callable[..., Any]) -> list[Statement]:
    """The assignments of a function, in the order of their lines; none where the source is not to be had."""
    try:
        block, start = inspect.getsourcelines(inspect.unwrap(function))
        text = dedent("".join(block))
        tree = ast.parse(text)
    except (OSError, TypeError, SyntaxError, ValueError):
        return []
    found = []
    for node in ast.walk(tree):
        names = tuple(dict.fromkeys(_assigned(node)))
        if names and isinstance(node, (ast.stmt, ast.expr)):
            segment = " ".join((ast.get_source_segment(text, node) or "").split())
            found.append(
                Statement(names, start + node.lineno - 1, start + (node.end_lineno or node.lineno) - 1, segment)
            )
    return sorted(found, key=lambda statement: statement.first)


def _assigned(node: ast.AST) -> Iterator[str]:
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = list(node.targets)
    elif isinstance(node, (ast.AugAssign, ast.AnnAssign, ast.NamedExpr)):
        targets = [node.target]
    while targets:
        target = targets.pop(0)
        if isinstance(target, ast.Name):
            yield target.id
        elif isinstance(target, (ast.Tuple, ast.List)):
            targets += target.elts
        elif isinstance(target, (ast.Subscript, ast.Starred)):
            targets.append(target.value)
