"""Replay: run a captured graph once more on plain arrays, with some of its values or gradients replaced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from .nodes import Edge, Graph, Node

Watch = Callable[[Node, Any], Any]
"""Sees every result that is computed, and returns it or what takes its place."""


class Replayed(NamedTuple):
    """A backward pass that was run again.

    Attributes:
        gradients: of every forward node that gradients flow to, the sum of what its users passed back.
        contributions: what each edge passed back.
    """

    gradients: dict[Node, Any]
    contributions: dict[Edge, Any]


def replay_forward(
    graph: Graph, replaced: Mapping[Node, Any] | None = None, watch: Watch | None = None
) -> dict[Node, Any]:
    """The values of the forward nodes, computed again from the leaves.

    Args:
        graph: captured with its values.
        replaced: values that the users of these nodes get, in place of what is computed there.
        watch: sees every result of an op.

    Returns:
        What was computed at each node, whether or not its users got that.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor(3.0, name="x", requires_grad=True)
    >>> captured = mt.graph((x * x + 1.0).named("y"))
    >>> float(replay_forward(captured, {captured["x"]: 4.0})[captured["y"]])
    17.0
    """
    given = replaced or {}
    made: dict[Node, Any] = {}
    seen: dict[Node, Any] = dict(given)
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            made[node] = _applied(node, seen, watch) if node.op else node.value
            seen.setdefault(node, made[node])
    return made


def replay_backward(
    graph: Graph,
    given: Mapping[Node, Any] | None = None,
    values: Mapping[Node, Any] | None = None,
    watch: Watch | None = None,
) -> Replayed:
    """The recorded backward pass, run again by the recorded rules.

    With nothing replaced the results equal the recorded ones bit for bit.

    Args:
        graph: captured with an upstream and with its values.
        given: gradients of forward nodes that the rules get, in place of what their users passed back. So an error that
            was made at one node is carried forward to the nodes before it, as the rules carry it.
        values: values of forward nodes that the rules get, in place of the recorded ones.
        watch: sees every result of an op of the backward pass.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor(3.0, name="x", requires_grad=True)
    >>> y = mt.square(x).named("y")
    >>> captured = mt.graph((y * 2.0).named("z"), 1.0)
    >>> ran = replay_backward(captured, {captured["y"]: 10.0})
    >>> float(ran.gradients[captured["y"]]), float(ran.gradients[captured["x"]])
    (2.0, 60.0)
    """
    replaced = given or {}
    known = {node: node.value for node in graph.nodes} | dict(values or {})
    passed_by: dict[Node, list[tuple[Edge, Node]]] = {}
    for edge, contribution in graph.contributions.items():
        passed_by.setdefault(edge[0], []).append((edge, contribution))
    ran = Replayed({}, {})
    with np.errstate(all="ignore"):
        for node in sorted(graph.gradients, key=lambda n: -n.rank):
            parts = [ran.contributions[edge] for edge, _ in graph.contributions_to(node)]
            if node in graph.upstreams:
                parts.insert(0, _computed(graph.upstreams[node], known, watch))
            total = parts[0]
            for part in parts[1:]:
                total = total + part
            ran.gradients[node] = total
            seen = {**known, graph.gradients[node]: replaced.get(node, total)}
            for edge, contribution in passed_by.get(node, ()):
                ran.contributions[edge] = _computed(contribution, seen, watch)
    return ran


def replay_edge(graph: Graph, edge: Edge, gradient: Any, values: Mapping[Node, Any] | None = None) -> Any:
    """What the rule of one edge makes of another gradient.

    Args:
        graph: captured with an upstream and with its values.
        edge: one that a gradient was carried along.
        gradient: of the result, in place of the recorded one.
        values: values of forward nodes that the rule gets, in place of the recorded ones.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor(3.0, name="x", requires_grad=True)
    >>> captured = mt.graph(mt.square(x).named("y"), 1.0)
    >>> float(replay_edge(captured, (captured["y"], 0), 10.0))
    60.0
    """
    known = {node: node.value for node in graph.nodes} | dict(values or {}) | {graph.gradients[edge[0]]: gradient}
    with np.errstate(all="ignore"):
        return _computed(graph.contributions[edge], known, None)


def _computed(node: Node, seen: dict[Node, Any], watch: Watch | None) -> Any:
    """The value of a node, computed from those already seen, to which all that is computed on the way is added."""
    stack = [node]
    while stack:
        top = stack[-1]
        missing = [x for x in top.operands if isinstance(x, Node) and x not in seen] if top not in seen else []
        if missing:
            stack.extend(missing)
            continue
        stack.pop()
        if top not in seen:
            seen[top] = _applied(top, seen, watch) if top.op else top.value
    return seen[node]


def _applied(node: Node, seen: Mapping[Node, Any], watch: Watch | None) -> Any:
    assert node.op is not None  # noqa: S101 -- for the type checker
    made = node.op.forward(*(seen[x] if isinstance(x, Node) else x for x in node.operands), **node.params)
    return made if watch is None else watch(node, made)
