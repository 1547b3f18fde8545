"""Error carried forward: what every gradient should be, given the user's own gradients upstream of it.

The recorded rules run on the user's gradients. One of another shape is brought to the right one where it can be, and is
also carried on as it is, as the user's own code would carry it, by the same rules and NumPy's broadcasting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..graph import Graph, Node, evaluate_backward, pull_back
from ..graph.nodes import Edge
from .running import kept_once


@dataclass(frozen=True, slots=True)
class Expected:
    """A backward pass from the user's own gradients.

    Attributes:
        values: the forward values in use.
        given: the gradients that were passed on, in the shape that the rules need.
        gradients: the expected gradient of every node, from what its users passed back.
        as_given: for nodes after one whose gradient has another shape, what the rules make of it as it is.
    """

    values: Mapping[Node, Any]
    given: dict[Node, Any]
    gradients: dict[Node, Any]
    as_given: dict[Node, Any]

    @property
    def used(self) -> dict[Node, Any]:
        """The gradient that every node passed on: the user's if it was given, else ours."""
        return {**self.gradients, **self.given}


def expect(graph: Graph, given: Mapping[Node, Any], values: Mapping[Node, Any]) -> Expected:
    """Run the recorded backward pass from the user's own gradients.

    Args:
        graph: captured with an upstream and with its values.
        given: the user's gradients, as they were given. The rules get them in no coarser dtype than the recorded one:
            what the user made of a coarse one need not be as coarse.
        values: the forward values in use.
    """
    given = {n: g.astype(np.result_type(g.dtype, n.dtype), copy=False) for n, g in given.items()}
    brought = {node: fitted(value, node.shape) for node, value in given.items()}
    fitting = {node: value for node, value in brought.items() if value is not None}
    fits = all(value.shape == node.shape for node, value in given.items())
    ran = evaluate_backward(graph, fitting, values, of=graph.gradients if fits else None)
    made = {node: kept_once(value, [graph.gradients[node].value]) for node, value in ran.gradients.items()}
    return Expected(values, fitting, made, _as_given(graph, given, ran.contributions, values))


def _as_given(
    graph: Graph, given: Mapping[Node, Any], contributions: Mapping[Edge, Any], values: Mapping[Node, Any]
) -> dict[Node, Any]:
    """The results of the rules for gradients of other shapes, where the rules accept them."""
    odd = {node: value for node, value in given.items() if value.shape != node.shape}
    found: dict[Node, Any] = {}
    for node in sorted(graph.gradients, key=lambda n: -n.rank) if odd else ():
        edges = [edge for edge, _ in graph.contributions_to(node)]
        # The gradients of other shapes that arrive here: the user's own, or what became of them where none was given.
        arriving = {edge: odd.get(edge[0]) if edge[0] in given else found.get(edge[0]) for edge in edges}
        if node in graph.upstreams or all(gradient is None for gradient in arriving.values()):
            continue
        try:
            parts = [
                contributions[edge] if gradient is None else pull_back(graph, edge, gradient, values)
                for edge, gradient in arriving.items()
            ]
            found[node] = np.asarray(sum(parts[1:], start=parts[0]))
        except (ValueError, IndexError, TypeError):  # the user's own code would have failed too
            continue
    return found


def fitted(value: Any, shape: tuple[int, ...]) -> Any:
    """An array brought to a shape that differs in axes of length 1, or to which it broadcasts; else None."""
    if value.shape == shape:
        return value
    if squeezed(value.shape) == squeezed(shape):
        return value.reshape(shape)
    try:
        return np.broadcast_to(value, shape)
    except ValueError:
        return None


def squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without its axes of length 1."""
    return tuple(n for n in shape if n != 1)
