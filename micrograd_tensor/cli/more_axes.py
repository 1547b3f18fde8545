"""Inputs of three axes where those that were found have two, and the forward pass takes both.

``self.dbias += dout.sum((0, 1))`` is right for three, and for two a sum that is broadcast in place; ``dout.sum(0)`` is
right for two alone, though a forward pass that names its last axis only, as ``axis=-1``, runs with any number of them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..check.report import Report
from ..check.running import python_function
from ..check.syntax import called, source_of, text_of
from ..notation.printable import listed
from .degenerate import with_first_axes
from .judging import drawn_inputs, inputs_of, judge, not_right
from .roles import is_parameter
from .shapes_option import option, said_as_option
from .task import Task
from .unusable import UnusableError

_REDUCES = ("sum", "mean", "max", "min", "var", "std")
_SIZED = re.compile(r"\.shape\[\d|\blen\(")
"""What tells that a forward pass is for a certain number of axes."""


def where_more_are_right(task: Task, report: Report, path: Path, rtol: float | None) -> Task | None:
    """The same at inputs of three axes or more, where gradients of weights are right that are wrong at fewer; or None.

    Args:
        task: what is judged.
        report: on it.
        path: the file, for messages.
        rtol: the largest error that counts as right; None: what rounding explains.

    Raises:
        UnusableError: where no call of the backward pass sums over two axes, and it has to be said which are meant.
    """
    weights = {name for name in inputs_of(task.captured) if name in report.wrong and is_parameter(name)}
    summed = _summed_over(task.backward)
    other = with_first_axes(task, drawn_inputs(task), max(summed + 1, 3)) if weights and task.found else None
    if other is None:
        return None
    again, ran = judge(other, path, rtol, why=False, point=False)
    if ran.error is not None or not again.keys.keys() >= report.keys.keys() or not not_right(again) < not_right(report):
        return None
    if summed < 2:
        right = [f"d{name}" for name in inputs_of(task.captured) if name in weights and name not in again.wrong]
        raise UnusableError(
            f"{path}: {listed(right)} {'is' if len(right) == 1 else 'are'} right where inputs have three axes, and "
            f"wrong where they have two; say how many yours have: {option(said_as_option(drawn_inputs(other)))} or "
            f"{option(said_as_option(drawn_inputs(task)))}; then it is judged"
        )
    return replace(other, found=True)


def said_of_more(task: Task, path: Path, rtol: float | None) -> list[str]:
    """What is said of what is right at two axes and not at three, where its forward pass names the last one alone."""
    if _axes_named(task.forward) != {"-1"} or _SIZED.search(text_of(task.forward)) or task.untaken or not task.found:
        return []
    other = with_first_axes(task, drawn_inputs(task), 3)
    if other is None:
        return []
    report, ran = judge(other, path, rtol, why=False, point=False)
    wrong = [report.keys.get(name, f"d{name}") for name in inputs_of(other.captured) if name in report.wrong]
    if ran.error is None and not wrong:
        return []
    why = "backward stops with an error" if ran.error is not None else f"{listed(wrong)} would be wrong"
    shapes = {name: shape for name, shape in drawn_inputs(other).items() if shape != drawn_inputs(task)[name]}
    return [
        f"forward runs with more axes, too, and at {said_as_option(shapes)} {why}; if yours are such, say "
        f"{option(said_as_option(drawn_inputs(other)))}."
    ]


def _summed_over(backward: Callable[..., Any]) -> int:
    """The most axes that a call of a function names, as ``dout.sum((0, 1))`` does two."""
    return max((axes.count(",") + 1 for axes in _axes_named(backward)), default=0)


def _axes_named(function: Callable[..., Any]) -> set[str]:
    """The axes that a function names in what it calls, each as it is written.

    >>> def sums(x):
    ...     return x.sum(0) + x.mean(axis=-1), x.sum((0, 1))
    >>> sorted(_axes_named(sums))
    ['(0, 1)', '-1', '0']
    """
    source = source_of(python_function(function))
    calls = [x for x in (source.nodes if source is not None else ()) if isinstance(x, ast.Call)]
    named = [x.value for call in calls for x in call.keywords if x.arg == "axis"]
    named += [x for call in calls if called(call) in _REDUCES for x in call.args if _is_axis(x)]
    return {ast.unparse(x) for x in named}


def _is_axis(written: ast.expr) -> bool:
    """Whether an argument is a whole number, or a tuple of such."""
    match written:
        case ast.Constant(int()) | ast.UnaryOp(ast.USub(), ast.Constant(int())):
            return True
        case ast.Tuple(several):
            return all(map(_is_axis, several))
    return False
