"""Descent: the steps that a backward pass itself takes on the weights of its object, against their gradients."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..check.report import Report
from ..check.running import Run
from ..graph import Graph, named_nodes
from ..graph.status import Status
from ..notation.printable import listed

_ERRORS = re.compile(r"(?i)\w*(err(or)?s?|diff|deltas?)")
"""How a target less an output is called, which is a gradient with the other sign."""


def said_of_steps(moved: Mapping[str, Any], graph: Graph, upstreams: Sequence[str]) -> tuple[list[str], list[str]]:
    """What is to be said of steps that weights took, in sentences; and the weights that went the wrong way.

    Args:
        moved: by the name of an input, by how much it was changed.
        graph: the recorded one.
        upstreams: the arguments that are upstream gradients.
    """
    shares = _shares(moved, graph)
    up = [name for name, share in shares.items() if share > 0]
    other = [name for name, share in shares.items() if np.isnan(share)]
    errors = [name for name in upstreams if _ERRORS.fullmatch(name)]
    if up and errors and not any(share < 0 for share in shares.values()):
        why = f"which is right where {errors[0]} is the target less the output, a gradient with the other sign."
        return [f"backward adds a multiple of its gradient to {name}, {why}" for name in up], []
    said = [
        f"backward adds a multiple of its gradient to {name}, which so goes up where descent goes down; subtract it."
        for name in up
    ]
    if other:
        said.append(
            f"backward changes {listed(other)} by something else than a multiple of the gradient, such as with a "
            "momentum: of that nothing is judged."
        )
    return said, up


def steps_alone(
    moved: Mapping[str, Any], graph: Graph, alone: Container[str], rates: Iterable[float]
) -> tuple[list[str], dict[str, str]]:
    """What steps are where no gradients are there besides: those at a known rate in a sentence, and of others why not.

    Args:
        moved: by the name of an input, by how much it was changed.
        graph: the recorded one.
        alone: the names of those whose gradients are not there besides, so that nothing else tells their factors.
        rates: the numbers that may be the learning rate.
    """
    shares = {name: share for name, share in _shares(moved, graph).items() if name in alone and not share > 0}
    right = [name for name, share in sorted(shares.items()) if any(np.isclose(-share, rate) for rate in rates)]
    said = [f"backward changes {listed(right)} by {shares[right[0]]:.3g} times the gradient."] if right else []
    return said, {
        f"the step of {name}": f"it is {'no multiple of' if np.isnan(share) else f'{share:.3g} times'} the gradient; "
        "whether this is what is meant, nothing tells"
        for name, share in shares.items()
        if name not in right
    }


def _shares(moved: Mapping[str, Any], graph: Graph) -> dict[str, float]:
    """By what the gradients are multiplied in steps."""
    named = named_nodes(graph)
    due = {name: graph.gradients[named[name]].value for name in moved if named.get(name) in graph.gradients}
    return {name: _share(moved[name], gradient) for name, gradient in due.items()}


def kept_as_steps(report: Report, ran: Run, graph: Graph, perhaps: Mapping[str, str]) -> dict[str, str]:
    """What is kept as a step that weights may take, where it is a multiple of the gradient, and what is said of it.

    Args:
        report: of the gradients.
        ran: the backward pass.
        graph: the recorded one.
        perhaps: by the name of an input, what is called as its gradient or as a step that is made of that.
    """
    named, meant = named_nodes(graph), dict[str, str]()
    for name, key in perhaps.items():
        given = ran.names.get(report.keys.get(name, ""))
        if name not in report.wrong or given is None:
            continue
        share = _share(given, graph.gradients[named[name]].value)
        if not np.isnan(share):
            meant[name] = (
                f"it is {share:.3g} times the gradient of {name}, and {key} may be called so as a step that {name} "
                f"takes; call it d{name} if it is to be the gradient"
            )
    return meant


def added_as_steps(report: Report, ran: Run, graph: Graph, moved: Mapping[str, Any]) -> dict[str, str]:
    """What is a gradient with the other sign, where weights go down by what is added to them; and what is said of it.

    Args:
        report: of the gradients.
        ran: the backward pass.
        graph: the recorded one.
        moved: by the name of an input, by how much it was changed.
    """
    named, meant, shares = named_nodes(graph), dict[str, str](), _shares(moved, graph)
    if not all(share < 0 for share in shares.values()):  # one that goes up is told
        return {}
    for name in shares:
        given = ran.names.get(report.keys.get(name, ""))
        if given is None or report.stages[name].status not in (Status.WRONG, Status.RIGHT_GIVEN):
            continue
        if np.isclose(_share(given, graph.gradients[named[name]].value), -1):
            meant[name] = (
                f"it is -1 times the gradient of {name}, and {name} goes down by what backward adds to it; "
                "subtract a gradient, or call what is added otherwise"
            )
    return meant


def _share(moved: Any, gradient: Any) -> float:
    """By what a gradient is multiplied in a step; NaN where the step is no multiple of it."""
    size = float(np.vdot(gradient, gradient))
    if np.shape(moved) != gradient.shape or not size:
        return np.nan
    share = float(np.vdot(gradient, moved)) / size
    return share if np.allclose(moved, share * gradient, rtol=1e-4, atol=1e-6 * np.abs(moved).max()) else np.nan
