"""Layers judged: at the inputs that a file gives, or at those, of some that were found, at which a layer is right."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from math import prod
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..check.branches import on_one_side, untaken
from ..check.running import python_function
from ..check.statements import assignments, lines_of_returns
from ..check.syntax import text_of
from ..engine.row import Linear, Product
from ..graph import Graph, Node, named_nodes
from ..graph.status import Status
from ..notation.printable import listed
from . import exercise
from .asked_shapes import in_shapes, why_one_by_one, why_smaller
from .compared import other_texts
from .hiding import doubled
from .judged_again import Judged, is_finite, judged_again
from .judging import inputs_of, judge, may_be_for_shapes, not_right
from .layers import Layer
from .meant import why_meant
from .meant_upstreams import at_another_upstream
from .more_axes import where_more_are_right
from .penalties import penalties, said_of_penalties
from .roles import is_labels, is_parameter
from .shapes_option import Value, option, said_as_option
from .task import Task
from .unusable import UnusableError
from .user_file import explained
from .varied import scaled

_GROSS = 1e-3
"""A smaller error, in parts of the largest term, at inputs that are larger than people's is that of a guard.

As is the softplus for which ``z`` is put where ``z > 20``, whose slope is not quite 1 there.
"""


def judge_layer(
    module: ModuleType,
    layer: Layer,
    path: Path,
    seed: int,
    shapes: Mapping[str, Any],
    rtol: float | None = None,
) -> Judged:
    """Judge a layer, and where it is right with each other text that it compares an argument with.

    Raises:
        UnusableError: as `exercise.read_layer` and `judge` do.
    """
    judged = _without_penalties(module, layer, path, seed, shapes, rtol)
    task, report, ran = judged
    if report.wrong or ran.error is not None or not task.found:
        return judged
    right, said = [task], list[str]()
    for name, text in other_texts(layer, shapes):
        with suppress(UnusableError):  # then its lines are told as such that did not run
            again = _without_penalties(module, layer, path, seed, {**shapes, name: Value(text)}, rtol)
            if again[1].wrong:
                shown = f"{again[0].said}; with {name}={text!r}, as by {option(f'{name}={text}')}"
                return replace(again[0], said=shown), *again[1:]
            if again[2].error is None and report.unjudged.keys() == again[1].unjudged.keys():
                right.append(again[0])
                said.append(f"{name}={text!r}")
    if not said:
        return judged

    def run_both() -> None:
        for one in right:
            one.run_both()

    return replace(task, said=f"{task.said}; then with {listed(said)}", run_both=run_both), report, ran


def _without_penalties(
    module: ModuleType, layer: Layer, path: Path, seed: int, shapes: Mapping[str, Any], rtol: float | None
) -> Judged:
    """Judge a layer, but for penalties of which its forward pass knows nothing."""
    tasks = exercise.read_layer(module, layer, path, seed, shapes)
    task = next(tasks)
    if not (alone := penalties(task)):
        return _judged(task, tasks, path, shapes, rtol)
    tasks = exercise.read_layer(module, layer, path, seed, shapes, without=alone)
    task, report, ran = _judged(next(tasks), tasks, path, shapes, rtol)
    return task, replace(report, remarks=(*report.remarks, said_of_penalties(alone))), ran


def _judged(
    task: Task, tasks: Iterable[Task], path: Path, shapes: Mapping[str, Any], rtol: float | None = None
) -> Judged:
    """What came of a layer: where its inputs were found by trying at the first of them at which it is right, if any.

    Else at those at which the fewest of its gradients are wrong.
    """
    task = _with_labels_of_all(task) or task
    first = task, *judge(task, path, rtol)
    if (deeper := where_more_are_right(task, first[1], path, rtol)) is not None:
        task, first = deeper, (deeper, *judge(deeper, path, rtol))
    if not first[1].wrong and task.apart:
        raise UnusableError(
            f"{path}: it is right at the shapes of inputs that were found, where some lengths may be equal by chance: "
            f"forward runs with others as well, and backward does not. Say whether yours are as here, "
            f"{option(task.shapes)}, or all different, {option(task.apart)}; then it is judged"
        )
    if why := why_one_by_one(first, path, rtol):
        raise UnusableError(f"{path}: {why}; then it is judged")
    defined = not task.found or _is_defined(task)
    if not first[1].wrong and defined:
        elsewhere = _wrong_in_a_branch(first, tasks, path, rtol)
        if elsewhere is not None:
            return elsewhere
        return judged_again(_at_its_branches(first, path, rtol) if task.found else first, path, rtol)
    hidden = _hidden(task) if is_finite(task.captured, first[1]) else (np.inf, np.inf)
    wrong = not_right(first[1])
    for other in tasks:
        try:
            judged = other, *judge(other, path, rtol, why=False, point=False)
        except UnusableError:
            continue
        if other.told_apart:
            if not judged[1].wrong and _is_defined(other):
                raise UnusableError(
                    f"{path}: it is right where some lengths are equal, and wrong where they are not; say whether "
                    f"yours are equal, as in {option(other.shapes)}, or not, as in {option(other.told_apart)}; then "
                    "it is judged"
                )
        elif other.instead:
            if inputs_of(other.captured) != inputs_of(task.captured):
                continue  # what is added after a value on the way has no gradient there
            if not judged[1].wrong and _is_defined(other):
                raise UnusableError(f"{path}: {other.instead}; then it is judged")
            stage = other.reading.stage if other.reading is not None else ""
            if stage and not_right(judged[1]) < wrong:
                said = f"{other.said}; {listed(other.upstreams)} taken for the gradient of {stage}"
                task, wrong, defined = replace(other, said=said), not_right(judged[1]), True
        elif _is_defined(other) and _hides_no_more(_hidden(other), hidden):  # else it is right where it matters not
            if not judged[1].wrong:
                if _branches(first, judged):  # what is wrong did not run
                    continue
                return judged_again((other, *judge(other, path, rtol)), path, rtol)
            if not defined or wrong > not_right(judged[1]):  # the rest may be right for labels of this kind
                task, wrong, defined = other, not_right(judged[1]), True
    if not defined:
        raise UnusableError(
            f"{path}: what the forward pass returns is no finite number at the inputs that were found, {task.shapes}; "
            "give some at which it is: write inputs(), which returns them; then it is judged"
        )
    first = first if task is first[0] else (task, *judge(task, path, rtol))
    if why := _why_of_guesses(first, path, shapes):
        raise UnusableError(f"{path}: {why}")
    meant = at_another_upstream(first, path, rtol)
    if meant is not None and not meant[1].wrong:
        return meant
    if why := why_smaller(first, path, shapes, rtol) or why_meant(first, path, shapes, rtol):
        raise UnusableError(f"{path}: {why}; then it is judged")
    return meant or _in_halves(first, path, rtol) or _at_one_axis(first, path, shapes, rtol) or first


def _in_halves(judged: Judged, path: Path, rtol: float | None) -> Judged | None:
    """What is right where all lengths are even, if its code halves some of those that were found; else None."""
    task = judged[0]
    if not task.found or not any(
        re.search(r"//\s*2\b", text_of(python_function(one))) for one in (task.forward, task.backward)
    ):
        return None
    with suppress(UnusableError):
        other = task.varied(partial(doubled, free=task.free), task.said)
        report, ran = judge(other, path, rtol, why=False, point=False)
        if ran.error is None and not report.wrong:
            said = f"{task.said}; twice as long, {said_as_option(inputs_of(other.captured))}, as it halves lengths"
            return replace(other, said=said), *judge(other, path, rtol)
    return None


def _with_labels_of_all(task: Task) -> Task | None:
    """The same with labels of the shape of what they are taken from, where those that were guessed have another one.

    None where none have. So are targets of what weights in an object make, whose shapes the names do not tell.
    """
    leaves = {name: x for name, x in named_nodes(task.captured).items() if name in task.free and is_labels(name)}
    every = {name: _broadcast_to(leaf, task.captured) for name, leaf in leaves.items()}
    others = [name for name in task.free - leaves.keys() if is_labels(name)]
    whole = [x for x in task.captured.nodes if x.name is None and x.dtype.kind == "i"]
    if len(others) == 1:  # of whole numbers, which have no names in the graph
        every[others[0]] = next(filter(None, (_broadcast_to(leaf, task.captured) for leaf in whole)), None)
    shapes = {name: shape for name, shape in every.items() if shape is not None}
    said = task.said
    for name, shape in shapes.items():
        said = re.sub(rf"\b{name} \([\d, ]*\)", f"{name} {shape}", said)
    with suppress(UnusableError):
        return task.varied(partial(in_shapes, shapes=shapes), said) if shapes else None
    return None


def _broadcast_to(leaf: Node, graph: Graph) -> tuple[int, ...] | None:
    """The shape of what an array is added to or multiplied by, where it is broadcast there."""
    if not (leaf.is_leaf and leaf.shape):
        return None
    users = [user for user, _ in graph.users[leaf] if isinstance(user.reading, Linear | Product)]
    larger = (user for user in users if user.shape != leaf.shape)
    others = (x.shape for user in larger for x in user.operands if isinstance(x, Node) and x is not leaf)
    return next((shape for shape in others if shape and shape != leaf.shape), None)


def _hidden(task: Task) -> tuple[float, float]:
    """How many ops take one side only: all of these, and those that may take the other at inputs of another size."""
    return len(on_one_side(task.captured)), len(untaken(task.captured))


def _hides_no_more(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return all(mine <= theirs for mine, theirs in zip(one, other, strict=True))


def _wrong_in_a_branch(right: Judged, tasks: Iterable[Task], path: Path, rtol: float | None) -> Judged | None:
    """What is wrong with labels of other kinds, in lines that did not run with those at which it is right; or None.

    Of these kinds it has to be wrong with all.
    """
    task, _, ran = right
    made = [range(one.first, one.last + 1) for one in assignments(python_function(task.backward))]
    made += lines_of_returns(python_function(task.backward))
    if ran.lines is None or not any(ran.lines.isdisjoint(one) for one in made):
        return None
    wrong: Task | None = None
    for other in (one for one in tasks if one.reading == task.reading and _is_defined(one)):
        with suppress(UnusableError):
            judged = other, *judge(other, path, rtol, why=False, point=False)
            if judged[2].error is not None or not is_finite(other.captured, judged[1]) or not _branches(judged, right):
                continue
            if inputs_of(task.captured).keys().isdisjoint(judged[1].wrong):
                return None
            wrong = wrong or other
    return (wrong, *judge(wrong, path, rtol)) if wrong is not None else None


def _branches(one: Judged, other: Judged) -> frozenset[int]:
    """The lines of one backward pass that did not run in the other."""
    return (one[2].lines or frozenset()) - (other[2].lines or one[2].lines or frozenset())


def _is_defined(task: Task) -> bool:
    """Whether what the forward pass returns is finite, as the logarithm of a number below 0 is not."""
    return all(bool(np.all(np.isfinite(out.value))) for out in task.captured.outputs)


def _why_of_guesses(judged: Judged, path: Path, shapes: Mapping[str, Any]) -> str:
    """Why what is wrong may be so for the shapes that were guessed: an error, or more than one other shape; or ""."""
    task, report, ran = judged
    leaves = inputs_of(task.captured)
    if task.searched:
        return (
            f"it is not right at the shapes of inputs that were found by a search for some at which it runs; say that "
            f"they are as yours, or which yours are: {option(task.shapes)}; then it is judged"
        )
    if task.guessed and not task.unlike and ran.error is not None and may_be_for_shapes(ran.error):
        return f"{task.guessed}; then it is judged\n{explained(ran.error, path)}"
    if task.guessed and task.unlike and (len(task.unlike) > 1 or not leaves.keys() & report.wrong <= task.unlike):
        return f"{task.guessed}; then it is judged"
    odd = [name for name in report.wrong if report.stages[name].given_shape != report.stages[name].shape]
    axes = max((len(shape) for shape in leaves.values()), default=0)
    broadcast = any(len(report.stages[name].given_shape or ()) > axes for name in odd)  # which no missing sum does
    few = len(odd) < (1 if broadcast else 2)
    guessed = any(leaves.get(name) for name in task.free)  # and not made by the file
    if not (task.found and guessed) or few or leaves.keys().isdisjoint(odd) or not shapes.keys().isdisjoint(leaves):
        return ""
    return (
        f"the shapes of the inputs were guessed, and at these what is given for {listed([f'd{name}' for name in odd])} "
        f"has another shape than expected; they were {said_as_option(leaves)}, and if yours are others, say them: "
        f"--shapes {','.join(f'{name}=…' for name in leaves)}, with x=4x5 for a shape; then it is judged"
    )


def _at_one_axis(judged: Judged, path: Path, shapes: Mapping[str, Any], rtol: float | None) -> Judged | None:
    """A loss that is right for arrays of one axis, not judged before it is said whether its arrays have one; else None.

    As a mean that is divided by ``len(y)``: the arrays of more axes at which it is wrong were guessed. In their place
    stand all their elements in a row; or one column of weights, and of all that is as wide. Where less is wrong then,
    it is told at these.
    """
    task, report, _ = judged
    found = {name: shape for name, shape in inputs_of(task.captured).items() if shape}
    if not (task.untaken and task.found) or task.unlike or not shapes.keys().isdisjoint(found):
        return None
    follow = {n for n, stage in report.stages.items() if stage.status == Status.RIGHT_GIVEN}
    wrong = inputs_of(task.captured).keys() & {*report.wrong, *follow}
    wide = {shape[-1] for name, shape in found.items() if is_parameter(name) and len(shape) == 2}
    narrow = {name: shape[:-1] for name, shape in found.items() if shape[-1] in wide}
    flat = {name: (prod(shape),) for name, shape in found.items()} if all(len(x) > 1 for x in found.values()) else {}
    for way, others in (("flattened", flat), ("of one column", narrow)):
        if not (others and wrong):
            continue
        why = (
            "it is right for arrays of one axis, as they were taken for here, and wrong for those of more; say which "
            f"yours are: {option(said_as_option({**found, **others}))} or {option(said_as_option(found))}"
        )
        with suppress(UnusableError):
            other = task.again(partial(_with_fewer_axes, shapes=others))
            other = replace(other, said=f"{task.said}, {way}", doubts=dict.fromkeys(wrong, why))
            again = other, *judge(other, path, rtol, why=False)  # it counts only where less is wrong
            if again[2].error is None and not again[1].wrong:
                return again
            if again[2].error is None and not_right(judged[1]) > not_right(again[1]):
                other = replace(other, doubts={})
                return other, *judge(other, path, rtol)
    return None


def _with_fewer_axes(given: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """The arguments, some with their first elements in another shape, or with all of them."""
    return {n: x.reshape(*shapes[n], -1)[..., 0] if n in shapes else x for n, x in given.items()}


def _at_its_branches(judged: Judged, path: Path, rtol: float | None) -> Judged:
    """What is right, judged where its ops take more of their sides, if inputs of another size do that."""
    task, hidden = judged[0], untaken(judged[0].captured)
    positive = [factor for factor in hidden.values() if factor > 0]  # signs may be meant
    # Where all elements go over to the other side with one factor, some do with its root.
    for factor in dict.fromkeys(power for x in positive for power in (x, x**0.5)):
        with suppress(UnusableError):
            other = task.varied(partial(scaled, factor=factor), f"{task.said}, times {factor:g}")
            if len(untaken(other.captured)) < len(hidden):
                again = other, *judge(other, path, rtol)
                errors = [again[1].stages[name].error for name in again[1].wrong]
                if again[1].ok or any(error is None or error > _GROSS for error in errors):
                    return again
    return judged
