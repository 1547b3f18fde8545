"""Multi-head attention."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..engine.arrays import beside
from ..engine.errors import ShapeError, describe
from ..engine.lengths import length
from ..engine.row import Operand
from ..engine.table.elementwise import astype, where
from ..engine.table.reductions import mean
from ..engine.table.shapes import expand_dims, reshape, split, squeeze, transpose
from ..engine.tensor import Tensor
from ..functional.activations import dropout
from ..functional.attention import attention_weights
from ..functional.linear import linear
from ..functional.operands import as_tensor
from . import init
from .linear import Linear
from .module import Module
from .parameter import Parameter

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """Several attentions side by side, each on its part of the features, as `torch.nn.MultiheadAttention`.

    A linear layer each maps query, key and value to the heads; their weights are stacked in ``in_proj_weight`` (or are
    ``q_proj_weight``, … where keys or values have another number of features). ``out_proj`` maps the heads' results.
    Vaswani et al., *Attention is all you need*, 2017, section 3.2.2.

    Args:
        embed_dim: E, the number of features of queries and of the result.
        num_heads: h, a divisor of E.
        dropout: the probability that a weight is dropped in training.
        bias: whether the linear layers have biases.
        kdim: the number of features of keys; E by default.
        vdim: the number of features of values; E by default.
        batch_first: whether inputs are ``(N, L, E)`` instead of ``(L, N, E)``. Unbatched they are ``(L, E)``.
        dtype: the parameters' dtype.
        generator: the source of the initial values, Glorot's uniform ones, and of dropout.

    Raises:
        ShapeError: where E is not a multiple of h; from `forward`, for shapes that do not match.

    >>> import numpy as np
    >>> from micrograd_tensor import nn
    >>> x = np.zeros((2, 5, 8))
    >>> out, weights = nn.MultiheadAttention(8, 2, batch_first=True)(x, x, x)
    >>> out.shape, weights.shape
    ((2, 5, 8), (2, 5, 5))
    """

    shown: ClassVar[tuple[str, ...]] = ("embed_dim", "num_heads", "dropout", "kdim", "vdim", "batch_first")

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        *,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        dtype: Any = np.float32,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        if length("embed_dim", embed_dim) % length("num_heads", num_heads):
            raise ShapeError(f"MultiheadAttention: embed_dim={embed_dim} does not divide into num_heads={num_heads}")
        self.embed_dim, self.num_heads, self.dropout, self.batch_first = embed_dim, num_heads, dropout, batch_first
        self.kdim = embed_dim if kdim is None else length("kdim", kdim)
        self.vdim = embed_dim if vdim is None else length("vdim", vdim)
        self.generator = generator
        self.packed = self.kdim == self.vdim == embed_dim
        if self.packed:
            self.in_proj_weight = Parameter(np.zeros((3 * embed_dim, embed_dim), dtype))
        else:
            self.q_proj_weight = Parameter(np.zeros((embed_dim, embed_dim), dtype))
            self.k_proj_weight = Parameter(np.zeros((embed_dim, self.kdim), dtype))
            self.v_proj_weight = Parameter(np.zeros((embed_dim, self.vdim), dtype))
        for p in self.parameters():
            init.xavier_uniform_(p, generator=generator)
        self.in_proj_bias: Parameter | None = Parameter(np.zeros(3 * embed_dim, dtype)) if bias else None
        self.out_proj: Linear = Linear(embed_dim, embed_dim, bias, dtype=dtype, generator=generator)
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)

    def forward(
        self,
        query: Operand,
        key: Operand,
        value: Operand,
        key_padding_mask: Operand | None = None,
        need_weights: bool = True,
        attn_mask: Operand | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """For each query a weighted mean of the values, mapped back to E features, and its weights.

        Args:
            query: ``(N, L, E)`` or ``(L, N, E)``, see ``batch_first``; or ``(L, E)``.
            key: ``(N, S, kdim)`` likewise.
            value: ``(N, S, vdim)`` likewise.
            key_padding_mask: ``(N, S)`` or ``(S,)``: Booleans, where True hides a key, or numbers added to scores.
            need_weights: whether to return the weights.
            attn_mask: ``(L, S)`` or ``(N·h, L, S)``: Booleans, where True hides a key from a query, or numbers.
            average_attn_weights: whether to average the weights over the heads.
            is_causal: hide from each query the keys after its own position.

        Returns:
            The result, of the query's shape, and the weights before dropout: ``(N, L, S)``, ``(N, h, L, S)`` or None.
        """
        inputs = [as_tensor(x) for x in (query, key, value)]
        batched = self._checked(inputs)
        q, k, v = (self._heads(x, w, b, batched) for x, w, b in zip(inputs, *self._projections(), strict=True))
        if is_causal and attn_mask is None:
            attn_mask = beside(~np.tri(q.shape[2], k.shape[2], dtype=bool), q)
        weights = attention_weights(q, k, self._mask(attn_mask, key_padding_mask, q, k))
        kept = dropout(weights, self.dropout, self.training, generator=self.generator)
        out = self.out_proj(self._joined(kept @ v, batched))
        if not need_weights:
            return out, None
        weights = mean(weights, axis=1) if average_attn_weights else weights
        return out, weights if batched else squeeze(weights, axis=0)

    def _checked(self, inputs: list[Tensor]) -> bool:
        """Whether the inputs are batched."""
        for x, what, features in zip(
            inputs, ("query", "key", "value"), (self.embed_dim, self.kdim, self.vdim), strict=True
        ):
            if x.ndim not in (2, 3) or x.ndim != inputs[0].ndim or x.shape[-1] != features:
                wanted = "(N, L, {0}) or (L, {0})" if self.batch_first else "(L, N, {0}) or (L, {0})"
                raise ShapeError(
                    f"MultiheadAttention: the {what} is {describe(x)}; give {wanted.format(features)}, all alike"
                )
        return inputs[0].ndim == 3

    def _projections(self) -> tuple[list[Tensor], list[Tensor] | list[None]]:
        """The weights and biases for query, key and value."""
        weights: list[Tensor] = (
            split(self.in_proj_weight, 3)
            if self.packed
            else [self.q_proj_weight, self.k_proj_weight, self.v_proj_weight]
        )
        return weights, [None] * 3 if self.in_proj_bias is None else split(self.in_proj_bias, 3)

    def _heads(self, x: Tensor, weight: Tensor, bias: Tensor | None, batched: bool) -> Tensor:
        """The features of each head: ``(N, h, L, E/h)``."""
        y = linear(x, weight, bias)
        y = reshape(y, shape=(*y.shape[:-1], self.num_heads, self.embed_dim // self.num_heads))
        if not batched:
            return expand_dims(transpose(y, axes=(1, 0, 2)), axis=0)
        return transpose(y, axes=(0, 2, 1, 3) if self.batch_first else (1, 2, 0, 3))

    def _joined(self, y: Tensor, batched: bool) -> Tensor:
        """The heads' features side by side again, with the axes in the inputs' order."""
        n, _, length, _ = y.shape
        y = transpose(y, axes=(0, 2, 1, 3) if self.batch_first or not batched else (2, 0, 1, 3))
        lead = (length,) if not batched else (n, length) if self.batch_first else (length, n)
        return reshape(y, shape=(*lead, self.embed_dim))

    def _mask(self, attn_mask: Operand, key_padding_mask: Operand, q: Tensor, k: Tensor) -> Tensor | None:
        """What to add to the scores ``(N, h, L, S)``: the sum of both masks, −∞ for hidden keys."""
        n, heads, length, _ = q.shape
        keys = k.shape[2]
        found = []
        if attn_mask is not None:
            mask = _additive(attn_mask, q.dtype)
            wanted = {2: (length, keys), 3: (n * heads, length, keys)}.get(mask.ndim)
            if mask.shape != wanted:
                raise ShapeError(
                    f"MultiheadAttention: attn_mask {describe(mask)}; give ({length}, {keys}) or "
                    f"({n * heads}, {length}, {keys})"
                )
            found.append(mask if mask.ndim == 2 else reshape(mask, shape=(n, heads, length, keys)))
        if key_padding_mask is not None:
            mask = _additive(key_padding_mask, q.dtype)
            if mask.shape[-1:] != (keys,) or mask.size != n * keys:
                raise ShapeError(f"MultiheadAttention: key_padding_mask {describe(mask)}; give ({n}, {keys})")
            found.append(reshape(mask, shape=(n, 1, 1, keys)))
        return None if not found else found[0] if len(found) == 1 else found[0] + found[1]


def _additive(mask: Operand, dtype: Any) -> Tensor:
    mask = as_tensor(mask)
    return astype(where(mask, -np.inf, 0.0), dtype) if mask.dtype.kind == "b" else mask
