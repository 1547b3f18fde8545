"""Branches: the ops that take one of their sides only at this point, so that nothing is known of the other.

Where a hinge is 0 for every example, any gradient of what is within it passes. What turns at no size of the inputs
either, as the root of a sum of squares that is kept above 0, hides nothing. Nor does a limit other than 0 of what goes
on to a function, a root or a division, as in ``np.exp(np.clip(z, -50, 50))``: it guards against what is too large, and
people derive the function without it; one of what goes nowhere of that kind, as 6 of ``relu6``, is meant. And an input
that is compared with others and nothing else, as labels in ``np.where(y == 1, p, 1 - p)``, is there to choose a side.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..engine.row import Function, Linear, Power, Product, Reduction, Trait
from ..graph import Graph, Node, evaluate

_FACTORS = (0.3, 3.0, 0.1, 10.0, -1.0)
"""By what the inputs are multiplied to see whether an op has another side."""
_FEW = 7
"""An op of fewer elements may well be on one side of its kink by chance."""
_GUARD = 1e-3
"""A number nearer to 0 than this that others are compared with guards against a division by 0, or its logarithm."""
_LARGE, _SMALL = 10.0, 0.05
"""So does one from there on against an overflow, and one so near to 0 or 1 against the logarithm of what is left."""


@np.errstate(all="ignore")
def untaken(graph: Graph) -> dict[Node, float]:
    """The ops of a graph that take one side only, and by what its inputs are multiplied where they take another.

    By 0 where no size of the inputs turns them, but an input is there for nothing else.

    Args:
        graph: captured with its values.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0], name="x", requires_grad=True)
    >>> found = untaken(mt.graph(mt.relu(1.0 - x)))
    >>> [(node.op.name, factor) for node, factor in found.items()]
    [('relu', 0.3)]
    """
    here = {node: node.value for node in graph.nodes}
    alike = _one_sided(graph, _FEW)
    leaves = [node for node in graph.nodes if node.is_leaf and node.requires_grad and node.dtype.kind == "f"]
    found: dict[Node, float] = {}
    for factor in _FACTORS if alike else ():
        moved = {leaf: leaf.value * leaf.dtype.type(factor) for leaf in leaves}
        there = {**here, **evaluate(graph, moved), **moved}
        for node, sides in alike.items():
            if node not in found and _sides(node, there) - sides:
                found[node] = factor
    switches = {leaf for leaf in leaves if leaf not in graph.gradients}
    return found | {node: 0.0 for node in alike if node not in found and not switches.isdisjoint(node.inputs)}


@np.errstate(all="ignore")
def on_one_side(graph: Graph) -> list[Node]:
    """The ops of floats that take one side only, be it by chance, as those of two elements.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([2.0, -2.5], name="x", requires_grad=True)
    >>> [node.op.name for node in on_one_side(mt.graph(mt.relu(x) + mt.relu(x * x)))]
    ['relu']
    """
    return [node for node in _one_sided(graph, 2) if node.dtype.kind == "f"]


def _one_sided(graph: Graph, least: int) -> dict[Node, set[Any]]:
    """The ops of so many elements that take one side of those that they have, and which; guards are none of them."""
    here = {node: node.value for node in graph.nodes}
    turning = (node for node in graph.nodes if _may_turn(node, least) and not _is_guard(node, graph))
    return {node: sides for node in turning if len(sides := _sides(node, here)) == 1}


def _may_turn(node: Node, least: int) -> bool:
    """Whether an op decides for each of several elements by numbers that depend on the inputs."""
    if node.op is None or node.op.analytic or isinstance(node.reading, Reduction) or np.size(node.value) < least:
        return False
    return any(x.requires_grad for x in node.inputs)


def _is_guard(node: Node, graph: Graph) -> bool:
    """Whether an op keeps others from numbers that are too large, or too near to 0 or 1."""
    bounds = [abs(x) for x in (*node.operands, *node.params.values()) if isinstance(x, int | float) and x]
    at_risk = node.dtype.kind != "b" and any(x >= _LARGE or min(x, abs(1 - x)) <= _SMALL for x in bounds)
    return any(x < _GUARD for x in bounds) or (at_risk and _is_at_risk(node, graph))


def _is_at_risk(node: Node, graph: Graph) -> bool:
    """Whether a node goes on to a function, a root or a division, perhaps with others, or in parts."""
    for user, i in graph.users[node]:
        along = Trait.MOVES in user.made_by.traits
        match user.reading:
            case Function() | Power():
                return True
            case Product(exponents) if exponents[i] < 0 or exponents[i] % 1:
                return True
            case Linear() | Product():
                along = True
        if along and _is_at_risk(user, graph):
            return True
    return False


def _sides(node: Node, values: Mapping[Node, Any]) -> set[Any]:
    """The slopes of an op at all its elements, or its truth values."""
    made, op = values[node], node.made_by
    if node.dtype.kind == "b":
        return set(np.unique(made).tolist())
    at = [values[x] if isinstance(x, Node) else x for x in node.operands]
    rule = next((op.vjps[i] for i, x in enumerate(node.operands) if isinstance(x, Node) and x.requires_grad), None)
    return set() if rule is None else set(np.unique(rule(np.ones_like(made), made, *at, **node.params)).tolist())
