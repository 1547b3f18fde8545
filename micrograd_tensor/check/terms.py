"""The terms of a gradient: what was added up to make it, at forks, over broadcast axes and in matrix products.

They are found by running the recorded rules on magnitudes: where a rule adds, the magnitudes are added, so that what
cancels in the gradient is still seen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from functools import reduce
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ..graph import Graph, Node, evaluate_backward, joint

MOVES = frozenset(
    (
        *("reshape", "transpose", "squeeze", "expand_dims", "flip", "pad", "tril", "triu", "getitem"),
        *("take_along_axis", "concatenate", "broadcast_to", "where", "stop_gradient"),
    )
)
"""The ops that only bring numbers to other places."""
_SCATTERS = frozenset(("put_add", "put_along_axis_add", "add_windows"))
SUMS = frozenset(("sum", "mean", "cumsum", "matmul", "einsum")) | _SCATTERS
"""The ops that add up numbers of one array."""


class Terms(NamedTuple):
    """What was added to make an array, element by element.

    Attributes:
        largest: the largest absolute term.
        total: the sum of the absolute terms.
        many: how many there are at most.
    """

    largest: Any
    total: Any
    many: float


def terms(
    graph: Graph, used: Mapping[Node, Any], values: Mapping[Node, Any], *, from_output: bool = False
) -> dict[Node, Terms]:
    """The terms of every gradient of a graph, in a backward pass from given gradients.

    Args:
        graph: captured with an upstream and with its values.
        used: the gradient of every forward node that the rules get.
        values: of the forward nodes.
        from_output: follow the terms from the output on, through all forks, not only within each gradient's own rules.
    """
    watch = _Watch(joint(graph), used, values, from_output)
    evaluate_backward(graph, used, values, watch)
    return watch.finished()


class _Watch:
    """Follows the terms while a backward pass is replayed."""

    def __init__(self, graph: Graph, used: Mapping[Node, Any], values: Mapping[Node, Any], from_output: bool) -> None:
        self.graph, self.used, self.values, self.from_output = graph, used, values, from_output
        self.made: dict[Node, Terms] = {}
        self.sums: dict[Node, Terms] = {}
        self.pending = deque(sorted(graph.gradients, key=lambda n: -n.rank))

    def __call__(self, node: Node, value: Any) -> Any:
        if node.rule_of is None:
            return value  # a sum at a fork, which is added up apart
        user = node.rule_of[0] if node.rule_of else None
        incoming = self.graph.gradients.get(user) if user is not None else None
        operands = []
        for x in node.operands:
            if not isinstance(x, Node):
                operands.append(x)
            elif x is incoming and user is not None:
                operands.append(self.arrived(user))
            elif x in self.made:
                operands.append(self.made[x])
            else:
                known = self.values.get(x, x.value)
                operands.append(_alone(known) if x.dtype.kind in "fc" else known)
        self.made[node] = _through(node, operands, value)
        return value

    def arrived(self, node: Node) -> Terms:
        """What goes on from a node, whose own terms, and those of all nodes after it, are made by then."""
        if not self.from_output:
            return _alone(self.used[node])
        while node not in self.sums:
            self._add_next()
        return self.sums[node]

    def finished(self) -> dict[Node, Terms]:
        """The terms of all nodes."""
        while self.pending:
            self._add_next()
        return self.sums

    def _add_next(self) -> None:
        node = self.pending.popleft()
        parts = [_alone(self.graph.upstreams[node].value)] if node in self.graph.upstreams else []
        for _, contribution in self.graph.contributions_to(node):
            parts.append(self.made.get(contribution) or _alone(contribution.value))
        self.sums[node] = reduce(_added, parts)


def summed(node: Node) -> Terms:
    """The terms that one op of a graph added up, as they were recorded; for ops in `SUMS`."""
    operands = [
        _alone(x.value) if isinstance(x, Node) and x.dtype.kind in "fc" else getattr(x, "value", x)
        for x in node.operands
    ]
    with np.errstate(all="ignore"):
        return _through(node, operands, node.value)


def largest_term(captured: Graph, node: Node) -> float:
    """The largest absolute value among the terms that were added to make the gradient of a forward node.

    These are the contributions that meet at a fork, and within each the numbers that its rule summed up.
    """
    used = {n: g.value for n, g in captured.gradients.items()}
    values = {n: n.value for n in captured.nodes}
    largest = np.asarray(terms(captured, used, values)[node].largest)
    finite = largest[np.isfinite(largest)]
    return float(finite.max()) if finite.size else 0.0


def _alone(value: Any) -> Terms:
    size = np.abs(value)
    return Terms(size, size, 1.0)


def _added(a: Terms, b: Terms) -> Terms:
    return Terms(np.maximum(a.largest, b.largest), a.total + b.total, a.many + b.many)


def _through(node: Node, operands: list[Any], made: Any) -> Terms:
    """The terms of what an op of a rule made, from those of its operands."""
    assert node.op is not None  # noqa: S101 -- for the type checker
    name, params = node.op.name, node.params
    full = [x if isinstance(x, Terms) else _alone(x) for x in operands]
    count = prod(x.many for x in full)

    def again(which: str) -> Any:
        """The op on the magnitudes; integers and truth values choose places and stay as they are."""
        given = [getattr(x, which) if isinstance(x, Terms) else x for x in operands]
        return node.op.forward(*given, **params)  # type: ignore[union-attr]  # asserted above

    if name in ("add", "sub"):
        return _added(*full)
    if name == "mul":
        return Terms(full[0].largest * full[1].largest, full[0].total * full[1].total, count)
    if name == "div":
        return Terms(full[0].largest / full[1].largest, full[0].total / full[1].largest, full[0].many)
    if name in ("neg", "to_float"):
        return full[0]
    if name in MOVES:
        return Terms(np.abs(again("largest")), np.abs(again("total")), max(x.many for x in full))
    if name in ("sum", "mean"):
        many = np.size(full[0].total) / max(np.size(made), 1)
        largest = np.max(full[0].largest, axis=params["axis"], keepdims=params["keepdims"], initial=0.0)
        return Terms(largest / (many if name == "mean" else 1), again("total"), count * many)
    if name == "cumsum":
        axis = params["axis"]
        whole = full[0].largest.ravel() if axis is None else full[0].largest
        return Terms(np.maximum.accumulate(whole, axis=axis or 0), again("total"), count * np.size(made))
    if name == "matmul":
        length = full[0].total.shape[-1]
        total = again("total")
        rows = full[0].largest.max(axis=-1, keepdims=full[0].largest.ndim > 1, initial=0.0)
        columns = full[1].largest.max(axis=-2 if full[1].largest.ndim > 1 else -1, initial=0.0)
        if full[0].largest.ndim > 1 and full[1].largest.ndim > 1:
            columns = np.expand_dims(columns, -2)
        elif full[0].largest.ndim > 1:
            rows = rows[..., 0]
        return Terms(np.minimum(total, rows * columns), total, count * length)
    if name == "einsum":
        total = again("total")
        return Terms(total, total, count * max(x.total.size for x in full))
    if name in _SCATTERS:
        total = again("total")
        many = node.op.forward(np.ones_like(full[0].total), *operands[1:], **params)
        return Terms(total, total, count * float(np.max(many, initial=1.0)))
    return _alone(made)
