"""Attention: averages of values, weighted by how well their keys match a query.

Vaswani et al., *Attention is all you need*, 2017, section 3.2.1.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from ..engine.arrays import beside
from ..engine.errors import ShapeError, describe
from ..engine.recording import composition
from ..engine.row import Operand
from ..engine.table.elementwise import where
from ..engine.table.reductions import max
from ..engine.table.shapes import swapaxes
from ..engine.tensor import Tensor
from ..engine.trace import holds
from .activations import dropout
from .operands import as_tensor
from .softmax import softmax

__all__ = ["scaled_dot_product_attention"]


@composition
def scaled_dot_product_attention(
    query: Operand,
    key: Operand,
    value: Operand,
    attn_mask: Operand | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    *,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """``softmax(query @ keyᵀ · scale + mask) @ value``, as `torch.nn.functional.scaled_dot_product_attention`.

    Args:
        query: ``(…, L, E)``.
        key: ``(…, S, E)``.
        value: ``(…, S, V)``.
        attn_mask: broadcasts to ``(…, L, S)``: Booleans, where False hides a key, or numbers that are added to scores.
        dropout_p: the probability that a weight is dropped.
        is_causal: hide from each query the keys after its own position.
        scale: the factor of the scores; by default ``1/√E``.
        generator: the source of the random numbers that decide which weights are dropped.

    Returns:
        ``(…, L, V)``; 0 for a query from which all keys are hidden.

    Raises:
        ShapeError: for shapes that do not match.
        ValueError: for a mask together with ``is_causal``.

    >>> import micrograd_tensor as mt
    >>> mt.scaled_dot_product_attention([[0.0], [9.0]], [[0.0], [9.0]], [[1.0], [3.0]])
    tensor([[2.],
            [3.]])
    """
    weights = attention_weights(query, key, attn_mask, is_causal, scale)
    return dropout(weights, dropout_p, generator=generator) @ as_tensor(value)


def attention_weights(
    query: Operand, key: Operand, attn_mask: Operand | None = None, is_causal: bool = False, scale: float | None = None
) -> Tensor:
    """The weight of each key's value for each query: rows ``(…, L, S)`` that add up to 1, or 0 where no key is seen."""
    q, k = as_tensor(query), as_tensor(key)
    if q.ndim < 2 or k.ndim < 2 or q.shape[-1] != k.shape[-1]:
        raise ShapeError(
            f"attention: the query {describe(q)} and the key {describe(k)} must end in the same number of features: "
            "(…, L, E) and (…, S, E)"
        )
    scores = q @ swapaxes(k, -1, -2) * (1 / sqrt(q.shape[-1]) if scale is None else scale)
    if is_causal:
        if attn_mask is not None:
            raise ValueError("attention: attn_mask and is_causal=True are both given; give only one of them")
        attn_mask = beside(np.tri(scores.shape[-2], scores.shape[-1], dtype=bool), scores)
    if attn_mask is not None:
        mask = as_tensor(attn_mask)
        scores = where(mask, scores, -np.inf) if mask.dtype.kind == "b" else scores + mask
        seen = max(scores, axis=-1, keepdims=True) != -np.inf if scores.shape[-1] else True
        if not holds(seen):  # a query that may look at nothing
            return where(seen, softmax(where(seen, scores, 0.0), axis=-1), 0.0)
    return softmax(scores, axis=-1)
