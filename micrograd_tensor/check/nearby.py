"""Nearby: a graph's numbers at its own point, and at a generic one near it, where no relation holds by accident."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..graph import Graph, Node, evaluate, evaluate_backward
from ..graph.nodes import Edge
from .rounding import terms


class Point(NamedTuple):
    """A graph's numbers at one point: forward values, gradients, contributions, and the terms from the output on."""

    values: Mapping[Node, Any]
    gradients: Mapping[Node, Any]
    contributions: Mapping[Edge, Any]
    totals: Mapping[Node, Any]


def nearby(graph: Graph, seed: int = 7) -> Point:
    """The graph at a generic point: every input moved by up to 40 %, the upstream drawn at random."""
    rng = np.random.default_rng(seed)
    leaves: dict[Node, Any] = {}
    for node in graph.nodes:
        if node.is_leaf and node.dtype.kind == "f" and (node.requires_grad or node.name is not None):
            size = float(np.abs(node.value).max(initial=0.0)) or 1.0
            shift = 0.1 * size * rng.standard_normal(node.shape)
            kept = np.abs(shift) if np.all(np.asarray(node.value) >= 0) else shift  # where a logarithm may come
            leaves[node] = (node.value * rng.uniform(0.6, 1.4, node.shape) + kept).astype(node.dtype)
    values = {**evaluate(graph, leaves), **leaves}
    upstream = {
        node: (rng.standard_normal(node.shape) * size_of(given.value)).astype(node.dtype)
        for node, given in graph.upstreams.items()
    }
    return point_of(graph, values, upstream)


def point_of(graph: Graph, values: Mapping[Node, Any], upstream: Mapping[Node, Any]) -> Point:
    """A graph's numbers from given forward values, and from these upstreams in place of the recorded ones."""
    inner = {node: g for node, g in upstream.items() if not graph.contributions_to(node)}
    ran = evaluate_backward(graph, inner, values)
    gradients = {**ran.gradients, **inner}
    with np.errstate(all="ignore"):
        totals = {n: t.total for n, t in terms(graph, gradients, values, from_output=True).items()}
    return Point(values, gradients, ran.contributions, totals)


def size_of(value: Any) -> float:
    """The largest absolute number; 1 where there is none, or it is 0 or not finite."""
    largest = float(np.abs(value).max(initial=0.0))
    return largest if np.isfinite(largest) and largest else 1.0
