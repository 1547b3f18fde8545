"""Judged again: what is right, at shapes, numbers and kernels that hide less than those that were there first."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ..check.report import Report
from ..check.running import Run
from ..check.syntax import text_of
from ..graph import Graph, named_nodes
from .degenerate import hidden, with_axes, with_lengths, with_windows
from .hiding import every_other, lengths, oblong, shown
from .judging import drawn_inputs, inputs_of, judge, may_be_for_shapes
from .more_axes import said_of_more
from .roles import is_parameter
from .shapes_option import numbers_as_option, option, said_as_option
from .straight_through import steps_of
from .task import Task
from .unusable import UnusableError
from .varied import doublings, lengthened, other_numbers, smaller, with_numbers

Judged: TypeAlias = tuple[Task, Report, Run]


def judged_again(judged: Judged, path: Path, rtol: float | None) -> Judged:
    """What is right and came to its end, judged at other shapes and numbers than those by default or that were drawn.

    Raises:
        UnusableError: where it is wrong with these, and which are meant has to be said.
    """
    for again in (
        _of_more_windows,
        _of_more_axes,
        _of_more_examples,
        _of_other_lengths,
        _of_any_numbers,
        _of_any_weights,
        _of_any_kernels,
        _of_any_strides,
        _of_any_whole_numbers,
    ):
        if judged[2].error is None and judged[1].ok:
            judged = again(judged, path, rtol)
    _require_seen(judged, path)
    task, report, ran = judged
    said = said_of_more(task, path, rtol) if ran.error is None and report.ok else []
    return task, replace(report, remarks=(*report.remarks, *said)), ran


def _require_seen(judged: Judged, path: Path) -> None:
    """Raise where what is right is 0 at inputs that were found, so that anything that is multiplied by it passes.

    So is the gradient of what a state is multiplied by that begins with zeros.
    """
    task, report, ran = judged
    if ran.error is not None or not report.ok or steps_of(task.captured):
        return
    named, gradients = named_nodes(task.captured), task.captured.gradients
    for name, shape in inputs_of(task.captured).items() if task.found else ():
        given = name in report.keys and shape
        if given and named[name] in gradients and not np.any(gradients[named[name]].value):
            raise UnusableError(
                f"{path}: the gradient of {name} is 0 at the inputs that were found, "
                f"{said_as_option(drawn_inputs(task))}, so mistakes in it show nowhere; give some at which it is not: "
                "write inputs(), which returns them, or say --shapes; then it is judged"
            )


def _of_more_windows(judged: Judged, path: Path, rtol: float | None) -> Judged:
    """What is right, judged at longer inputs where there is a single window, and those hold more.

    Raises:
        UnusableError: where backward does not run with them, or gives gradients of other shapes.
    """
    task, *_ = judged
    other = with_windows(task, drawn_inputs(task))
    if other is None:
        return judged
    longer = other, *judge(other, path, rtol)
    odd = _has_odd_shapes(longer[1])
    if odd or longer[2].error is not None:
        raise _of_these_shapes(task, other, path, "gives gradients of other shapes" if odd else "stops with an error")
    return longer if _is_telling(longer) else judged


def _of_more_axes(judged: Judged, path: Path, rtol: float | None) -> Judged:
    """What is right, unless it is wrong at inputs of more axes, which its forward pass reshapes to fewer.

    Raises:
        UnusableError: where backward does not run with them.
    """
    task, *_ = judged
    other = with_axes(task, drawn_inputs(task))
    if other is None:
        return judged
    deeper = other, *judge(other, path, rtol)
    if deeper[2].error is not None:
        raise _of_these_shapes(task, other, path, "stops with an error")
    return deeper if deeper[1].wrong and _is_telling(deeper) else judged


def _of_more_examples(judged: Judged, path: Path, rtol: float | None) -> Judged:
    """What is right, unless it is wrong at inputs with more along an axis of length 1.

    Not where gradients have other shapes then: a layer may be for one example, as one with ``np.outer`` is.
    """
    task, *_ = judged
    other = with_lengths(task, drawn_inputs(task))
    if other is None:
        return judged
    longer = other, *judge(other, path, rtol)
    told = longer[2].error is None and longer[1].wrong and not _has_odd_shapes(longer[1]) and _is_telling(longer)
    return longer if told else judged


def _of_other_lengths(judged: Judged, path: Path, rtol: float | None) -> Judged:
    """What is right, unless it is wrong at longer inputs, as where a length is a number in the backward pass.

    Raises:
        UnusableError: where backward does not run with them, or gives gradients of other shapes.
    """
    task, *_ = judged
    usual = _has_odd_shapes(judged[1])  # as of a stage that is another array
    for other in _longer(task):
        again = other, *judge(other, path, rtol, why=False, point=False)
        odd = again[2].error is None and _has_odd_shapes(again[1]) and not usual
        if odd or may_be_for_shapes(again[2].error):
            raise _of_these_shapes(
                task, other, path, "gives gradients of other shapes" if odd else "stops with an error"
            )
        wrong = inputs_of(task.captured).keys() & again[1].wrong
        if again[2].error is None and wrong and _is_telling(again):
            return other, *judge(other, path, rtol)
    return judged


def _longer(task: Task) -> Iterator[Task]:
    """The same at longer inputs, if all of them were drawn, and it runs with them.

    Not where gradients are clipped: they are larger then.
    """
    shapes = inputs_of(task.captured)
    apt = task.found and shapes.keys() <= task.free and not re.search(r"\bclip\(", text_of(task.backward))
    for times in doublings(shapes.values()) if apt else ():
        with suppress(UnusableError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            other = task.again(partial(lengthened, times=times))
            said = said_as_option(inputs_of(other.captured))
            yield replace(other, said=f"{task.said}; then {said}", free=task.free, put=task.put)


def _has_odd_shapes(report: Report) -> bool:
    return any(stage.given_shape not in (None, stage.shape) for stage in report.stages.values())


def _is_telling(judged: Judged) -> bool:
    """Whether it is all right, or wrong at inputs that it is for."""
    task, report, _ = judged
    return report.ok or (bool(report.wrong) and is_finite(task.captured, report))


def _of_these_shapes(here: Task, there: Task, path: Path, why: str) -> UnusableError:
    """What is said where it is right at the shapes that were found, and it is not known whether others are meant."""
    shapes = {name: inputs_of(there.captured)[name] for name in drawn_inputs(here)}
    return UnusableError(
        f"{path}: it is right at the shapes of inputs that were found, and at others, at which forward runs, backward "
        f"{why}; say whether yours are as here, {option(said_as_option(drawn_inputs(here)))}, or may be others, "
        f"{option(said_as_option(shapes))}; then it is judged"
    )


def _of_any_kernels(judged: Judged, path: Path, rtol: float | None) -> Judged:
    """What is right, unless its kernels are square, and it is not right with high and wide ones, which forward takes.

    Raises:
        UnusableError: where that is so, and whether square ones alone are meant has to be said.
    """
    task, *_ = judged
    weights = {n: x.value for n, x in named_nodes(task.captured).items() if n in task.free and is_parameter(n)}
    for name, value in weights.items():
        others = list[Task]()
        with suppress(UnusableError):  # both run: a loop may take a part of kernels that are too high, or too wide
            others = [task.again(with_numbers({name: kernels})) for kernels in oblong(value)]
        for other in others:
            again, ran = judge(other, path, rtol, why=False, point=False)
            if again.wrong or may_be_for_shapes(ran.error):
                here, there = (said_as_option(inputs_of(at.captured)) for at in (task, other))
                raise UnusableError(
                    f"{path}: it is right where the kernels {name} are square, and not where they are not; say whether "
                    f"yours are, as in {option(here)}, or not, as in {option(there)}; then it is judged"
                )
    return judged


def _of_any_strides(judged: Judged, path: Path, rtol: float | None) -> Judged:
    """What is right, unless it is wrong with a stride of 2 in the place of 1, or the like.

    Raises:
        UnusableError: where it is, and the stride is there by default, which may be the only one that is meant.
    """
    task, *_ = judged
    others = shown(task.put)
    at_once = _wrong_with(others, task, path, rtol) if others else None
    if at_once is None:
        return judged
    several = [{name: other} for name, other in others.items()] if len(others) > 1 else []
    each = ((one, found) for one in several if (found := _wrong_with(one, task, path, rtol)))
    others, wrong = next(each, (others, at_once))
    return _told(task, others, wrong, path, rtol) if wrong else judged


def _of_any_whole_numbers(judged: Judged, path: Path, rtol: float | None) -> Judged:
    """What is right, unless it is wrong with another whole number in the place of one, which forward takes.

    Raises:
        UnusableError: where it is, and the number is there by default, which may be the only one that is meant.
    """
    task, *_ = judged
    seen = {name for name in shown(task.put) if type(task.put[name]) is int}  # with another stride, or the like
    for name, every in every_other({name: x for name, x in task.put.items() if name not in seen}):
        for other in every:
            wrong = _wrong_with({name: other}, task, path, rtol)
            if wrong:
                return _told(task, {name: other}, wrong, path, rtol)
            if wrong is None:
                break
    return judged


def _told(task: Task, others: Mapping[str, Any], wrong: list[Judged], path: Path, rtol: float | None) -> Judged:
    """What is wrong with other numbers, told where those that were there were put there.

    Raises:
        UnusableError: where they are there by default.
    """
    there, _, ran = wrong[0]
    if ran.error is None and others.keys() <= task.free:
        return there, *judge(there, path, rtol)
    here = {name: task.put[name] for name in others}
    before, after = (inputs_of(at.captured) for at in (task, there))
    longer = {name: after[name] for name in drawn_inputs(task) if after[name] != before[name]}
    raise _of_these_alone(path, here, others, longer)


def _wrong_with(others: Mapping[str, Any], task: Task, path: Path, rtol: float | None) -> list[Judged] | None:
    """What is wrong with other numbers at the lengths that it runs at; None if it is right at one of them.

    Where these hide more than before, as a single window does, longer ones decide, if it runs at any.
    """
    found, shapes, right = list[Judged](), inputs_of(task.captured), False
    for vary in (*smaller(shapes.values()), *lengths(task.free)):
        with suppress(UnusableError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            other = task.again(with_numbers(others, vary))
            report, ran = judge(other, path, rtol, why=False, point=False)
            if ran.error is None and report.ok:
                if hidden(other.captured) <= hidden(task.captured):
                    return None
                right = True
            elif may_be_for_shapes(ran.error) or (report.wrong and is_finite(other.captured, report)):
                longer = {name: x for name, x in inputs_of(other.captured).items() if shapes.get(name) != x}
                said = ", ".join(filter(None, [_changed(task, others), said_as_option(longer)]))
                found.append((replace(other, said=f"{task.said}; then with {said}"), report, ran))
    return None if right and not found else found


def _changed(task: Task, others: Mapping[str, Any]) -> str:
    """Other numbers, and of a dictionary only those that are others."""
    held = {name: x for name, x in others.items() if isinstance(x, dict)}
    items = [f"{name}[{k!r}]={y}" for name, x in held.items() for k, y in x.items() if task.put[name][k] != y]
    return ", ".join([*(f"{name}={x}" for name, x in others.items() if name not in held), *items])


def _of_any_numbers(judged: Judged, path: Path, rtol: float | None) -> Judged:
    """What is right, unless it is not with other numbers than those that are 1, 2 or a half by default.

    Raises:
        UnusableError: where it is not, and which are meant has to be said.
    """
    task, *_ = judged
    others = other_numbers(task.numbers)
    if others and _is_wrong_with(others, task, path, rtol):
        one = next((n for n in others if len(others) > 1 and _is_wrong_with({n: others[n]}, task, path, rtol)), None)
        names = [one] if one is not None else [*others]
        raise _of_these_alone(path, {n: task.numbers[n] for n in names}, {n: others[n] for n in names})
    return judged


def _of_any_weights(judged: Judged, path: Path, rtol: float | None) -> Judged:
    """What is right, unless it is wrong with other weights than those that the file holds, and learns.

    Not where gradients are clipped: they may be larger then.
    """
    task, *_ = judged
    if task.with_weights is None or re.search(r"\bclip\(", text_of(task.backward)):
        return judged
    with suppress(UnusableError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = task.with_weights()
        report, ran = judge(other, path, rtol, why=False, point=False)
        wrong = inputs_of(task.captured).keys() & report.wrong
        if ran.error is None and wrong and is_finite(other.captured, report):
            said = f"{task.said}; then with other weights, as it is right with those of the file"
            other = replace(other, said=said, free=task.free, put=task.put)
            return other, *judge(other, path, rtol)
    return judged


def _is_wrong_with(numbers: Mapping[str, float], task: Task, path: Path, rtol: float | None) -> bool:
    """Whether it runs with other numbers, and is wrong then."""
    for vary in (*smaller(inputs_of(task.captured).values()), dict):
        with suppress(UnusableError):
            other = task.again(with_numbers(numbers, vary))
            again, ran = judge(other, path, rtol, why=False, point=False)
            return ran.error is None and bool(again.wrong) and is_finite(other.captured, again)
    return False


def _of_these_alone(
    path: Path, here: Mapping[str, Any], there: Mapping[str, Any], longer: Mapping[str, tuple[int, ...]] | None = None
) -> UnusableError:
    """What is said where it is right with the numbers that are there, and wrong with others."""
    others = ",".join(filter(None, [numbers_as_option(there), said_as_option(longer or {})]))
    return UnusableError(
        f"{path}: it is right with the numbers that are there, and wrong with others; say whether those alone are "
        f"meant, {option(numbers_as_option(here))}, or others, too, {option(others)}; then it is judged"
    )


def is_finite(graph: Graph, report: Report) -> bool:
    """Whether all that was recorded and compared is: else the inputs are none that the function is for."""
    worst = (report.stages[name].worst for name in report.wrong)
    recorded = all(np.all(np.isfinite(node.value)) for node in graph.nodes)
    return recorded and all(bool(np.all(np.isfinite(at[1:]))) for at in worst if at is not None)
