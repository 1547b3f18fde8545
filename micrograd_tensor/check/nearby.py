"""Nearby: a generic point close to a graph's own, where no relation between numbers holds by accident."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..graph import Graph, Node, evaluate, joint
from ..graph.nodes import Edge


class Point(NamedTuple):
    """A graph's numbers at one point: forward values, gradients, and what each edge contributes."""

    values: Mapping[Node, Any]
    gradients: Mapping[Node, Any]
    contributions: Mapping[Edge, Any]


def nearby(graph: Graph, seed: int = 7) -> Point:
    """The numbers at a generic point: every input moved by up to 40 %, the upstream gradient drawn at random."""
    rng = np.random.default_rng(seed)
    given: dict[Node, Any] = {}
    for node in graph.nodes:
        if node.is_leaf and node.dtype.kind == "f" and (node.requires_grad or node.name is not None):
            size = float(np.abs(node.value).max(initial=0.0)) or 1.0
            shift = 0.1 * size * rng.standard_normal(node.shape)
            kept = np.abs(shift) if np.all(np.asarray(node.value) >= 0) else shift  # in case of a logarithm
            given[node] = (node.value * rng.uniform(0.6, 1.4, node.shape) + kept).astype(node.dtype)
    whole = joint(graph)
    for node, upstream in whole.upstreams.items():
        if not graph.contributions_to(node):
            given[upstream] = (rng.standard_normal(node.shape) * _size(upstream.value)).astype(node.dtype)
    values = evaluate(whole, given) | given
    return Point(
        {node: values[node] for node in graph.nodes},
        {node: values[gradient] for node, gradient in whole.gradients.items()},
        {edge: values[contribution] for edge, contribution in whole.contributions.items()},
    )


def _size(value: Any) -> float:
    """The largest absolute number; 1 where there is none, or it is 0 or not finite."""
    largest = float(np.abs(value).max(initial=0.0))
    return largest if np.isfinite(largest) and largest else 1.0
