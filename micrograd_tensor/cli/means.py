"""Means: gradients that are divided by the number of examples where others are not, as in some courses.

Where a loss is a mean over n examples, those of the weights may be divided by n alone, at the end of the way.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..check.report import Report
from ..check.running import Run
from ..check.statements import gradient_lines
from ..graph import Graph, named_nodes
from ..graph.status import Status
from ..notation.printable import listed
from .roles import is_parameter
from .task import Task

_MEAN = re.compile(r"\b1\.?0?\s*/\s*\w+\s*\)?\s*\*")
"""How the gradient of a mean is written that is one of a sum, as ``1 / m * np.sum(dZ)``."""


def averaged(report: Report, ran: Run, graph: Graph, task: Task) -> dict[str, str]:
    """The weights whose gradients are means over the examples where others are sums, and what that may mean.

    A backward pass of one layer may divide them by the number of examples, where the upstream gradient is meant for the
    sum of their losses. Or these divisions are mistakes: that cannot be told from one layer. Where some are divided and
    others are not, so that one or the other is wrong, it is not known which.
    """
    named = named_nodes(graph)
    given = {name: np.asarray(ran.names.get(key, np.nan)) for name, key in report.keys.items() if named[name].is_leaf}
    weights = [name for name in given if is_parameter(name) or _is_parameter_within(name, task)]
    rest = [name for name in given if name not in weights]
    means = [name for name in weights if name in report.wrong]
    sums = [name for name in weights if name not in means]
    if len(weights) < 2 or not (rest and means):
        return {}
    if sums and any(report.stages[n].status != Status.RIGHT for n in (*sums, *rest)):
        return {}
    if sums and not _writes_means(task, {name: report.keys[name] for name in means}, ran):
        return {}

    def are_means(names: list[str], n: int) -> list[str]:
        due = {name: graph.gradients[named[name]].value for name in names}
        return [m for m, d in due.items() if given[m].shape == d.shape and np.allclose(n * given[m], d)]

    for n in {n for out in graph.outputs for n in out.shape if n > 1}:
        found = are_means(means, n)
        if not found or are_means(rest, n) or (sums and found != means):
            continue
        own = {name: report.keys[name] for name in found if not _is_parameter_within(name, task)}
        if found != means and not _writes_means(task, own, ran):
            continue  # beside other mistakes it may be one
        if sums:
            keys, others = (listed([report.keys[name] for name in names]) for names in (means, sums))
            are, are_not = ("is" if len(names) == 1 else "are" for names in (means, sums))
            why = (
                f"{others} and {keys} disagree: {keys} {are} divided by {n}, and {others} {are_not} not. If they are "
                f"meant for the mean over {n} examples, as in some courses, the division is missing in {others}, and "
                f"else it is one too many in {keys}"
            )
        else:
            keys, others = (listed([report.keys[name] for name in names]) for names in (found, rest))
            are, gradients = ("is", "gradient") if len(found) == 1 else ("are", "gradients")
            why = (
                f"{keys} {are} 1/{n} of the {gradients}, and {others} is not. That is right where the upstream "
                f"gradient is that of a sum over {n} examples and these are meant for their mean, as in some courses; "
                "else the division is wrong"
            )
        doubted = weights if sums else found
        return {name: why if name == doubted[0] else f"as {report.keys[doubted[0]]}" for name in doubted}
    return {}


def _is_parameter_within(name: str, task: Task) -> bool:
    """Whether something is what a layer within another learns, as ``layers0_W``, and no argument of a forward pass."""
    return is_parameter(name.rpartition("_")[2]) and name not in inspect.signature(task.forward).parameters


def _writes_means(task: Task, keys: Mapping[str, str], ran: Run) -> bool:
    """Whether the lines that make some gradients divide sums as in courses, each by its name; ``np.mean`` is a slip."""
    made = gradient_lines(task.backward, keys, keys, ran.lines)
    return all(any(_MEAN.search(text) for _, text in made.get(name, ())) for name in keys)


def of_sums(report: Report, graph: Graph, hand: Mapping[str, Any]) -> tuple[int, list[str]]:
    """Of a loss that is a mean over n examples: n, and what no stage is called as and is n times a gradient on the way.

    So are ``dA2`` and ``dA1`` where only the gradients of weights, which have to be right, are divided by n.
    """
    named, arrays = named_nodes(graph), {key: np.asarray(hand[key]) for key in report.unjudged if key in hand}
    if report.wrong or not any(is_parameter(name) and named[name].is_leaf for name in report.keys):
        return 1, []
    weights = {node for name, node in named.items() if node.is_leaf and is_parameter(name)}
    due = [gradient.value for node, gradient in graph.gradients.items() if node not in weights and node.shape]
    for n in sorted({n for x in arrays.values() for n in x.shape if n > 1}):
        times = [k for k, x in arrays.items() if any(x.shape == d.shape and np.allclose(x, n * d) for d in due)]
        if times:
            return n, times
    return 1, []


def said_of_sums(summed: list[str], n: int) -> list[str]:
    """What is said of gradients on the way that are n times those of a mean, in a sentence, if there are any."""
    if not summed:
        return []
    are, gradients = ("is", "gradient") if len(summed) == 1 else ("are", "gradients")
    return [
        f"{listed(summed)} {are} {n} times the {gradients}, as of the sum over {n} examples and not of their mean. "
        "What comes of it is divided by that, and right."
    ]
