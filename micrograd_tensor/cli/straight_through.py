"""Straight-through estimates: gradients that people pass through a rounding or a sign as if it were not there.

The derivative of such a step is 0, so nothing could be learned with it; what is passed in its place is a choice, which
is neither right nor wrong.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..check.report import Report
from ..check.running import Run
from ..graph import Graph, Node, evaluate_backward, named_nodes
from ..graph.status import Status
from ..notation.printable import listed

_STEPS = {"sign": "np.sign", "floor": "np.floor", "ceil": "np.ceil", "trunc": "np.trunc", "rint": "np.round"}


def steps_of(graph: Graph) -> dict[Node, str]:
    """The steps that gradients come to, and what they are called: nothing comes through them."""
    called = [node.op.name if node.op is not None else "" for node in graph.nodes]
    return {n: _STEPS[op] for n, op in zip(graph.nodes, called, strict=True) if op in _STEPS and n in graph.gradients}


def passed_straight(report: Report, ran: Run, graph: Graph) -> dict[str, str]:
    """The stages whose gradients are no derivatives but straight-through estimates, and what is to be said of them.

    Each of their numbers is the derivative, or what it is where the steps are left out; where the derivative is 0
    throughout it may be any other.
    """
    steps = steps_of(graph)
    if not steps:
        return {}
    through: dict[Node, Any] = {}
    for step in reversed(steps):  # the last one first, as the gradient comes
        rounded = step.inputs[0]
        found = evaluate_backward(graph, through, of=[step, rounded]).gradients
        through[rounded] = through.get(rounded, found[rounded]) + through.get(step, found[step])
    named = named_nodes(graph)
    differing = [n for n, stage in report.stages.items() if stage.status in (Status.WRONG, Status.RIGHT_GIVEN)]
    straight = evaluate_backward(graph, through, of=[named[n] for n in differing]).gradients
    meant = {}
    for name in differing:
        due, other = graph.gradients[named[name]].value, through.get(named[name], straight[named[name]])
        given = np.asarray(ran.names.get(report.keys.get(name, ""), np.nan))
        if given.shape != np.shape(due) or np.allclose(due, other):
            continue
        if not np.any(due) or np.all(np.isclose(given, due) | np.isclose(given, other)):
            meant[name] = (
                f"the derivative of {listed(list(dict.fromkeys(steps.values())))} is 0, and this is what is passed on "
                "in its place, as in a straight-through estimate: a choice, neither right nor wrong"
            )
    return meant
