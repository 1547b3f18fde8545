"""Evaluate: run a graph, or a part of one, once more on plain arrays, with some of its values replaced."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .cut import cut, needed
from .joint import joint
from .nodes import Edge, Graph, Node
from .rewrites import any_shape

__all__ = ["evaluate", "evaluate_backward", "pull_back"]

Intercept: TypeAlias = "Callable[[Node, Any], Any]"
"""Gets every result of an op, and returns it or its replacement."""


class Backward(NamedTuple):
    """A backward pass that was run again.

    Attributes:
        gradients: of the forward nodes that gradients flow to, the sum of what their users passed back.
        contributions: what each edge passed back.
    """

    gradients: dict[Node, Any]
    contributions: dict[Edge, Any]


def evaluate(
    graph: Graph,
    given: Mapping[Node, Any] | None = None,
    intercept: Intercept | None = None,
    *,
    targets: Iterable[Node] | None = None,
    keep: Container[Node] | None = None,
) -> dict[Node, Any]:
    """The values of a graph's nodes, computed again by their ops.

    Args:
        graph: with the values of its leaves.
        given: what the users of these nodes get, in place of what is computed there.
        intercept: gets every result of an op, operands before results.
        targets: compute only these and what they depend on, as far as that is not given; by default all nodes.
        keep: the values to keep, others go after their last use; by default all.

    Returns:
        What was computed and kept, or recorded for a leaf; at a target that is given too, what would have been there.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor(3.0, name="x", requires_grad=True)
    >>> captured = mt.graph((x * x + 1.0).named("y"))
    >>> float(evaluate(captured, {captured["x"]: 4.0})[captured["y"]])
    17.0
    """
    given = given or {}
    order = graph.nodes if targets is None else needed(targets, given)
    last = {} if keep is None else {x: node for node in order for x in (node, *node.inputs) if x not in keep}
    made: dict[Node, Any] = {}
    seen: dict[Node, Any] = dict(given)
    del given  # what the caller does not keep goes after its last use as well
    with np.errstate(all="ignore"):
        for node in order:
            if node.op is None:
                value = node.value
            else:
                value = node.apply(*(seen[x] if isinstance(x, Node) else x for x in node.operands))
            for x in node.inputs if last else ():
                if last.get(x) is node:
                    made.pop(x, None)
                    seen.pop(x, None)
            if node.op is not None and intercept is not None:
                value = intercept(node, value)
            if last.get(node) is node:
                continue
            made[node] = value
            seen.setdefault(node, value)
    return made


def evaluate_backward(
    graph: Graph,
    given: Mapping[Node, Any] | None = None,
    values: Mapping[Node, Any] | None = None,
    intercept: Intercept | None = None,
    *,
    of: Iterable[Node] | None = None,
) -> Backward:
    """The gradients of the forward nodes and what each edge contributes, by the recorded backward pass run again.

    With nothing replaced the results equal the recorded ones bit for bit.

    Args:
        graph: captured with an upstream and with its values.
        given: gradients of forward nodes that the rules get, in place of what their users pass back: so an error that
            was made at one node is carried forward to the nodes before it, as the rules carry it.
        values: values of forward nodes that the rules get, in place of the recorded ones.
        intercept: gets every result of an op of the backward pass, nodes of `joint`.
        of: the forward nodes whose gradients are kept, and no contributions; by default all, and the contributions too.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor(3.0, name="x", requires_grad=True)
    >>> y = mt.square(x).named("y")
    >>> captured = mt.graph((y * 2.0).named("z"), 1.0)
    >>> gradients = evaluate_backward(captured, {captured["y"]: 10.0}).gradients
    >>> float(gradients[captured["y"]]), float(gradients[captured["x"]])
    (2.0, 60.0)
    """
    whole = joint(graph)
    replaced = {whole.gradients[node]: gradient for node, gradient in (given or {}).items()}
    owners = whole.gradients if of is None else {node: whole.gradients[node] for node in of}
    edges = whole.contributions if of is None else {}
    targets = [*owners.values(), *edges.values()]
    made = evaluate(
        whole,
        forward_values(graph, values) | replaced,
        intercept,
        targets=targets,
        keep=None if of is None else frozenset(targets),
    )
    return Backward(
        {node: made[gradient] for node, gradient in owners.items()},
        {edge: made[contribution] for edge, contribution in edges.items()},
    )


def pull_back(graph: Graph, edge: Edge, gradient: Any, values: Mapping[Node, Any] | None = None) -> Any:
    """What the rule of one edge makes of another gradient.

    Args:
        graph: captured with an upstream and with its values.
        edge: one that a gradient was carried along.
        gradient: of the result, in place of the recorded one. Where a rule only puts in axes of length 1, as
            ``keepdims=True`` does by hand, it may have another shape.
        values: values of forward nodes that the rule gets, in place of the recorded ones.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor(3.0, name="x", requires_grad=True)
    >>> captured = mt.graph(mt.square(x).named("y"), 1.0)
    >>> float(pull_back(captured, (captured["y"], 0), 10.0))
    60.0
    """
    whole = joint(graph)
    given = forward_values(graph, values) | {whole.gradients[edge[0]]: gradient}
    rule = any_shape(cut(whole, [whole.contributions[edge]], given))
    by_rank = {node.rank: value for node, value in given.items()}
    known = {node: by_rank[node.rank] for node in rule.nodes if node.is_leaf and node.rank in by_rank}
    return evaluate(rule, known)[rule.outputs[0]]


def forward_values(graph: Graph, values: Mapping[Node, Any] | None = None) -> dict[Node, Any]:
    """The recorded values of the forward nodes, some of them replaced: the border of the backward pass."""
    return {node: node.value for node in graph.nodes} | dict(values or {})
