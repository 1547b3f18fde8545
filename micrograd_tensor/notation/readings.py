"""Readings: what a recorded detour is, in the form that a teacher would write."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..engine.row import TABLE, Contraction, Permutation, Reduction, Relation, Reshape
from ..graph import Node


def as_taught(node: Node, names: Container[Node] = ()) -> Node:
    """A node of the backward pass as a teacher would write it, which may be one of its operands; else itself.

    ``(xᵀ)ᵀ`` is ``x``, and ``(aᵀ @ b)ᵀ`` is ``bᵀ @ a``, in whichever of both forms the memory layout let it be
    computed; a sum that gets its axes back keeps them. What has a name, of its own or in names, is not looked into.
    """
    if node.rule_of is not None and (inner := _reduced(node)) is not None and inner.name is None and inner not in names:
        kept = {**inner.params, "keepdims": True}
        return replace(inner, params=kept, shape=node.shape, array=node.array, rank=node.rank)
    while node.rule_of is not None and is_transpose(node):
        inner = node.operands[0]
        if inner.name is not None or inner in names:
            break
        if is_transpose(inner):
            node = inner.operands[0]
        elif _is_matrix_product(inner) and any(map(is_transpose, inner.operands)):
            turned = [as_taught(_transposed(node, x), names) for x in reversed(inner.operands)]
            node = replace(inner, operands=tuple(turned), shape=node.shape, array=node.array, rank=node.rank)
        else:
            break
    return node


def _reduced(node: Node) -> Node | None:
    """The reduction whose result a node only gives the axes back that it was summed over."""
    if node.op is None or not isinstance(node.op.reading, Reshape) or not isinstance(node.operands[0], Node):
        return None
    inner = node.operands[0]
    if inner.op is None or not isinstance(inner.op.reading, Reduction) or inner.params.get("keepdims"):
        return None
    (x, *_), axis = inner.operands, inner.params.get("axis")
    axes = range(len(x.shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    gone = {k % len(x.shape) for k in axes}
    due = tuple(1 if k in gone else n for k, n in enumerate(x.shape))
    return inner if node.shape == due and "keepdims" in inner.params else None


OPPOSITES = {"<": "≥", "≥": "<", ">": "≤", "≤": ">", "=": "≠", "≠": "="}


def opposite(x: Node) -> Node | None:
    """The comparison that holds where this one does not, NaN aside; None for anything else, and for what has a name."""
    reading = x.op.reading if x.op is not None else None
    if x.name is not None or not isinstance(reading, Relation) or reading.sign not in OPPOSITES:
        return None
    wanted = Relation(OPPOSITES[reading.sign])
    return replace(x, op=next(op for op in TABLE.values() if op.reading == wanted))


def is_transpose(x: Any) -> bool:
    """Whether a node exchanges the last two axes of its operand and moves no other."""
    order = order_of(x)
    return order is not None and exchanges_last(order)


def exchanges_last(order: Sequence[int]) -> bool:
    """Whether an order of axes exchanges the last two, and moves no other."""
    return len(order) > 1 and [*order] == [*range(len(order) - 2), len(order) - 1, len(order) - 2]


def order_of(x: Any) -> Sequence[int] | None:
    """The order in which a permutation puts the axes of its operand; None for anything else."""
    if not isinstance(x, Node) or x.op is None or not isinstance(x.op.reading, Permutation):
        return None
    axes, ndim = x.params["axes"], len(x.shape)
    return range(ndim)[::-1] if axes is None else [int(axis) % ndim for axis in axes]


def _is_matrix_product(x: Node) -> bool:
    product = x.op is not None and isinstance(x.op.reading, Contraction) and not x.params
    return product and all(isinstance(y, Node) and len(y.shape) > 1 for y in x.operands)


def _transposed(like: Node, x: Node) -> Node:
    """A matrix, transposed in the way in which another node transposes its own."""
    axes = None if like.params["axes"] is None else (*range(len(x.shape) - 2), -1, -2)
    value = None if x.value is None else np.swapaxes(x.value, -1, -2)
    shape = (*x.shape[:-2], x.shape[-1], x.shape[-2])
    return replace(like, operands=(x,), params={"axes": axes}, shape=shape, array=value, name=None)
