"""The terms of a gradient: what was added up to make it, at forks, over broadcast axes and in matrix products."""

from __future__ import annotations

import numpy as np

from ..graph import Graph, Node


def largest_term(captured: Graph, node: Node) -> float:
    """The largest absolute value among the terms that were added to make the gradient of a forward node.

    These are the contributions that meet at a fork, and within each the numbers that its rule summed up.
    """
    largest = _magnitude(captured.gradients[node])
    for edge, contribution in captured.contributions_to(node):
        largest = max(largest, _magnitude(contribution), _summed(contribution, edge))
    return largest


def _summed(contribution: Node, edge: tuple[Node, int]) -> float:
    """The largest number that the rule of this edge summed up on its way to the contribution."""
    largest, stack, seen = 0.0, [contribution], {contribution}
    while stack:
        made = stack.pop()
        if made.rule_of != edge or made.op is None:
            continue
        parts = [x for x in made.operands if isinstance(x, Node)]
        if made.op.name in ("sum", "cumsum"):
            largest = max(largest, *map(_magnitude, parts))
        elif made.op.name in ("matmul", "einsum"):
            largest = max(largest, float(np.prod([_magnitude(part) for part in parts])))
        for part in parts:
            if part not in seen:
                seen.add(part)
                stack.append(part)
    return largest


def _magnitude(node: Node) -> float:
    values = np.asarray(node.value)
    finite = values[np.isfinite(values)] if values.dtype.kind in "fc" else values
    return float(np.abs(finite).max()) if finite.size else 0.0
