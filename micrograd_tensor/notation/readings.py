"""Readings: what a recorded detour is, in the form that a teacher would write.

Rules are recorded as they run, with detours that make them quick or right in every case. Each reading here is an
identity, and is taken only where the recorded arrays bear it out.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..engine.row import Contraction, Permutation
from ..graph import Node


def as_taught(node: Node, names: Container[Node] = ()) -> Node:
    """A node of the backward pass as a teacher would write it, which may be one of its operands; else itself.

    ``(xᵀ)ᵀ`` is ``x``, and ``(aᵀ @ b)ᵀ`` is ``bᵀ @ a``, in whichever of both forms the memory layout let it be
    computed. What has a name, of its own or in names, is not looked into.
    """

    def is_open(x: Node) -> bool:
        return x.name is None and x not in names

    while node.rule_of is not None and is_transpose(node):
        inner = node.operands[0]
        if is_transpose(inner) and is_open(inner):
            found = inner.operands[0]
            value = found.value
        elif _is_matrix_product(inner) and is_open(inner) and any(map(is_transpose, inner.operands)):
            turned = [as_taught(_transposed(node, x, is_open), names) for x in reversed(inner.operands)]
            found = replace(inner, operands=tuple(turned), shape=node.shape, value=node.value, rank=node.rank)
            value = computed(found)
        else:
            break
        if not alike(node.value, value):
            break
        node = found
    return node


def is_transpose(x: Any) -> bool:
    """Whether a node exchanges the last two axes of its operand and moves no other."""
    order = order_of(x)
    return order is not None and len(order) > 1 and [*order] == [*range(len(order) - 2), len(order) - 1, len(order) - 2]


def order_of(x: Any) -> Sequence[int] | None:
    """The order in which a permutation puts the axes of its operand; None for anything else."""
    if not isinstance(x, Node) or x.op is None or not isinstance(x.op.reading, Permutation):
        return None
    axes = x.params["axes"]
    return range(len(x.shape))[::-1] if axes is None else [int(axis) % len(x.shape) for axis in axes]


def computed(node: Node) -> Any:
    """The value of a node that was put together here, from its operands."""
    operands = [x.value if isinstance(x, Node) else x for x in node.operands]
    if node.op is None or node.value is None or any(x is None for x in operands):
        return node.value
    with np.errstate(all="ignore"):
        return node.op.forward(*operands, **node.params)


def alike(recorded: Any, value: Any) -> bool:
    """Whether two arrays are the same up to rounding. Arrays that were not kept, or are foreign, are not looked at."""
    if not isinstance(recorded, np.ndarray) or not isinstance(value, np.ndarray | np.generic):
        return True
    if recorded.shape != value.shape:
        return False
    dtype = recorded.dtype
    eps = float(np.finfo(dtype).eps) if dtype.kind in "fc" else 0.0
    size = np.abs(recorded).max(initial=0.0, where=np.isfinite(recorded)) if eps else 0.0
    return bool(np.allclose(recorded, value, rtol=64 * eps, atol=64 * eps * size, equal_nan=dtype.kind in "fc"))


def _is_matrix_product(x: Any) -> bool:
    if not isinstance(x, Node) or x.op is None or not isinstance(x.op.reading, Contraction):
        return False
    return not x.params and all(isinstance(y, Node) and len(y.shape) > 1 for y in x.operands)


def _transposed(like: Node, x: Node, is_open: Callable[[Node], bool]) -> Node:
    """A matrix, transposed as another node transposes its own, or what it is the transpose of."""
    if is_transpose(x) and is_open(x):
        return x.operands[0]  # type: ignore[no-any-return]
    axes = None if like.params["axes"] is None else (*range(len(x.shape) - 2), -1, -2)
    shape = (*x.shape[:-2], x.shape[-1], x.shape[-2])
    value = None if x.value is None else np.swapaxes(x.value, -1, -2)
    return replace(like, operands=(x,), params={"axes": axes}, shape=shape, value=value)
