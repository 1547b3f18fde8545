"""Capture: take a recorded graph, and on request its backward pass, out of the engine as a `Graph`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from ..engine.errors import GradientError, describe
from ..engine.primitive import LARGE
from ..engine.record import UNRECORDED, whole
from ..engine.record import values as recorded_values
from ..engine.recording import enable_grad, record_all
from ..engine.tensor import Tensor, tensor
from ..engine.walk import ancestors, checked_upstream, pull, unchanged
from .nodes import Again, Edge, Graph, Node

__all__ = ["graph"]


def graph(outputs: Tensor | Sequence[Tensor], upstream: Any = None, *, values: bool = True) -> Graph:
    """The graph that was recorded for one output or several, with its backward pass where an upstream is given.

    The tensors themselves stay as they are; their ``.grad`` is not touched.

    Args:
        outputs: a Tensor or a sequence of them.
        upstream: the gradient of each output, of its shape; a sequence for several outputs. Without it only the forward
            graph is captured.
        values: keep the arrays. They are shared with the tensors, not copied.

    Raises:
        GradientError: for an upstream to an output that needs no gradients, or where an input was assigned a new value
            since, with which the results would be wrong.
        ShapeError: for an upstream of another shape.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([3.0, 4.0], name="x", requires_grad=True)
    >>> captured = mt.graph(mt.l2_norm(x), 1.0)
    >>> [node.op.name for node in captured.nodes if node.op]
    ['square', 'sum', 'sqrt']
    >>> captured.gradients[captured["x"]].value
    array([0.6, 0.8])
    """
    return capture(outputs, upstream, values=values)[0]


def capture(
    outputs: Tensor | Sequence[Tensor], upstream: Any = None, *, values: bool = True, since: int = 0
) -> tuple[Graph, Mapping[Tensor, Node]]:
    """A `graph`, and the node of each tensor in it: for whoever runs it again on what its leaves hold by then.

    Tensors whose birth number is less than `since` are leaves of it, whatever they were computed from.
    """
    single = isinstance(outputs, Tensor)
    outs = [whole(x) for x in (outputs if np.iterable(outputs) and not single else [outputs])]
    for out in outs:
        if not isinstance(out, Tensor):
            raise GradientError(f"graph: {describe(out)} is not a Tensor, so nothing was recorded for it")
    forward = ancestors(outs, since)
    for t in forward:
        if t.born >= since:
            unchanged(t)
    nodes = _Nodes(values, since)
    if upstream is None:
        made = nodes.add_all(forward)
        return Graph(tuple(made), tuple(nodes[t] for t in outs)), nodes.made

    ups = [upstream] if single else list(upstream) if isinstance(upstream, Iterable) else [upstream]
    if len(ups) != len(outs):
        raise GradientError(f"graph: {len(outs)} outputs, but {len(ups)} upstream gradients; give one for each")
    pending: dict[Tensor, Any] = {}
    edges: dict[tuple[Tensor, int], Tensor] = {}

    def on_edge(node: Tensor, operand: int, gx: Tensor) -> None:
        edges[node, operand] = gx

    with enable_grad(), record_all():
        for out, up in zip(outs, ups, strict=True):
            given = checked_upstream(out, up)
            seed = tensor(given._data if isinstance(given, Tensor) else given, requires_grad=True)
            pending[out] = pending[out] + seed if out in pending else seed
        given_for = dict(pending)
        found = pull(pending, set(forward), create_graph=True, on_edge=on_edge)
    totals = dict(sorted(found.items(), key=lambda pair: -pair[0].born))

    nodes.add_all(forward)
    old = set(forward)
    later = [t for t in ancestors([*totals.values(), *edges.values(), *given_for.values()]) if t not in old]
    rules = _rules(edges, old, totals)
    names = {g: f"d{t.name}" for t, g in reversed(totals.items()) if t.name}
    whole_ones = {*totals.values()}
    for t in later:
        edge = rules.get(t)
        passing = edge is not None and t not in whole_ones
        nodes.add(t, t._data, names.get(t), (nodes[edge[0]], edge[1]) if edge else None, passing)
    captured = Graph(
        nodes=tuple(nodes[t] for t in forward),
        outputs=tuple(nodes[t] for t in outs),
        backward=tuple(nodes[t] for t in later),
        contributions=MappingProxyType({(nodes[t], i): nodes[g] for (t, i), g in edges.items()}),
        gradients=MappingProxyType({nodes[t]: nodes[g] for t, g in totals.items()}),
        upstreams=MappingProxyType({nodes[t]: nodes[g] for t, g in given_for.items()}),
    )
    return captured, nodes.made


class _Nodes:
    """The nodes made so far, by tensor."""

    def __init__(self, values: bool, since: int) -> None:
        self._values, self._since = values, since
        self.made: dict[Tensor, Node] = {}

    def __getitem__(self, t: Tensor) -> Node:
        return self.made[t]

    def add_all(self, tensors: Sequence[Tensor]) -> list[Node]:
        """A whole forward graph, in order of birth."""
        if not self._values:
            arrays = [None] * len(tensors)
        elif self._since:  # some leaves have operands, which are no part of the graph
            arrays = [t._values() for t in tensors]
        else:
            arrays = recorded_values(tensors)
        return [self.add(t, array) for t, array in zip(tensors, arrays, strict=True)]

    def add(
        self, t: Tensor, array: Any, name: str | None = None, rule_of: Edge | None = None, passing: bool = False
    ) -> Node:
        """The node of a tensor; ``passing``: of a large array on the way from one gradient to another, made again."""
        op = t.op if t.born >= self._since else None
        operands = tuple(self.made[whole(x)] if isinstance(x, Tensor) else x for x in t.operands) if op else ()
        params = MappingProxyType({**op.parameters, **t.params} if op else {})
        if passing and op is not None and isinstance(array, np.ndarray) and array.nbytes >= LARGE:
            array = Again(op, tuple(x.array if isinstance(x, Node) else x for x in operands), params)
        node = self.made[t] = Node(
            rank=len(self.made),
            op=op,
            operands=operands,
            params=params,
            shape=t.shape,
            dtype=t.dtype,
            name=t.name or name,
            scope=t.scope,
            requires_grad=t.requires_grad,
            parameter=getattr(t, "is_parameter", False),
            unrecorded=t.params is UNRECORDED,
            array=array if self._values else None,
            rule_of=rule_of,
        )
        return node


def _rules(
    edges: dict[tuple[Tensor, int], Tensor], forward: set[Tensor], totals: dict[Tensor, Tensor]
) -> dict[Tensor, tuple[Tensor, int]]:
    """Which edge's rule made each backward tensor: everything its contribution depends on, down to earlier values."""
    known = forward | set(totals.values())
    made: dict[Tensor, tuple[Tensor, int]] = {}
    for edge, contribution in edges.items():
        stack = [contribution]
        while stack:
            t = stack.pop()
            # A contribution may be the whole gradient of its operand; the rule made it all the same.
            if t in made or t in forward or (t in known and t is not contribution) or t is totals[edge[0]]:
                continue
            if t.op is not None or t is contribution:
                made[t] = edge
            stack.extend(whole(x) for x in t.operands if isinstance(x, Tensor))
    return made
