"""Fused passes: a softmax or sigmoid that passes its upstream gradient on, beside a loss that is meant for that.

Such a loss gives the gradient of what the softmax takes, ``p - y``, in the place of that of its result ``p``. Each of
the two is wrong by itself, and together they are right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..check.found import Stages
from ..check.report import Report
from ..check.running import Run
from ..graph import named_nodes
from .task import Task


class _Wrong(NamedTuple):
    """The only gradient of an input that is wrong: whose it is; the value; the gradient as given, and as expected."""

    name: str
    value: Any
    given: Any
    due: Any


def fused(judged: Sequence[tuple[str, Task, Report, Run]]) -> dict[str, Report]:
    """By the name of a layer the report in which nothing is said of a gradient that is right with another layer's.

    Args:
        judged: for each layer of a file the name, and what came of it.
    """
    wrong = {name: (task, report, one) for name, task, report, ran in judged for one in _only_wrong(task, report, ran)}
    found = dict[str, Report]()
    for name, (task, report, one) in wrong.items():
        for kind in _passed_on(task, one):
            for loss, (its, its_report, other) in wrong.items():
                if loss != name and its.untaken and _is_before(other, kind):
                    found[name] = _unjudged(
                        report,
                        one.name,
                        f"it is what the backward pass is given, passed on; that is right where it comes from {loss}, "
                        f"which gives the gradient of what a {kind} takes, and else wrong",
                    )
                    found[loss] = _unjudged(
                        its_report,
                        other.name,
                        f"it is not the gradient of {other.name}, but of what a {kind} takes that returns "
                        f"{other.name}; that is right where it is passed on, as {name} does, and else wrong",
                    )
    return found


def _only_wrong(task: Task, report: Report, ran: Run) -> Iterator[_Wrong]:
    named = named_nodes(task.captured)
    if len(report.wrong) != 1 or ran.error is not None or len(task.captured.outputs) != 1:
        return
    for name in report.wrong:
        node, given = named[name], np.asarray(ran.names.get(report.keys.get(name, ""), np.nan))
        if node.is_leaf and given.shape == node.shape:
            yield _Wrong(name, node.value, given, task.captured.gradients[node].value)


def _passed_on(task: Task, one: _Wrong) -> list[str]:
    """What passes its upstream gradient on: a softmax, a sigmoid, or nothing that is known as one."""
    out, dout = task.captured.outputs[0].value, task.dout
    if task.untaken or not np.array_equal(one.given, dout):
        return []
    sums = (np.sum(out * dout, axis=axis, keepdims=True) for axis in range(out.ndim))
    is_softmax = any(np.allclose(one.due, out * (dout - s)) for s in sums)
    is_sigmoid = np.allclose(one.due, out * (1 - out) * dout)
    return ["softmax"] if is_softmax else ["sigmoid"] if is_sigmoid else []


def _is_before(one: _Wrong, kind: str) -> bool:
    """Whether a gradient is that of what a softmax or sigmoid takes to return a value, for labels that add up to 1."""
    value, given, due = one.value, one.given, one.due
    if kind == "sigmoid":
        return bool(np.allclose(given, value * (1 - value) * due))
    if not np.all(value):
        return False
    labels, share = -value * due, (given - value * due) / value
    of_one = labels[~np.isclose(labels, 0)]  # of labels that are 0 or 1 what each counts
    return bool(of_one.size) and np.allclose(of_one, of_one[0]) and np.allclose(share, of_one[0])


def _unjudged(report: Report, name: str, why: str) -> Report:
    stages = Stages([stage for stage in report.stages.values() if stage.name != name])
    return replace(report, stages=stages, unjudged={**report.unjudged, report.keys[name]: why}, invariants=())
