"""Linear layers: weighted sums of features, axes made one, rows of a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.primitive import Operand
from ..engine.tensor import Tensor
from ..functional.linear import embedding, flatten, linear
from . import init
from .module import Module
from .parameter import Parameter


class Linear(Module):
    """``x @ weightᵀ + bias``, as `torch.nn.Linear`: ``(…, in_features)`` to ``(…, out_features)``.

    Args:
        in_features: on the last axis of x.
        out_features: on the last axis of the result.
        bias: whether there is one.
        dtype: of the parameters.
        generator: of their initial values, both uniform in ``±1/√in_features``.

    Raises:
        ShapeError: from `forward`, where x has another number of features.

    >>> import micrograd_tensor as mt
    >>> from micrograd_tensor import nn
    >>> nn.Linear(3, 2)(mt.tensor([[1.0, 2.0, 3.0]])).shape
    (1, 2)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: Any = np.float32,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(np.zeros((out_features, in_features), dtype))
        self.bias = Parameter(np.zeros(out_features, dtype)) if bias else None
        init.default_(self.weight, self.bias, in_features, generator)

    def forward(self, x: Operand) -> Tensor:
        """Weigh and sum the features of x."""
        return linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Features in and out."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Flatten(Module):
    """The axes from ``start_dim`` to ``end_dim`` as one, as `torch.nn.Flatten`; by default all but the first.

    >>> import numpy as np
    >>> from micrograd_tensor import nn
    >>> nn.Flatten()(np.zeros((5, 3, 8, 8))).shape
    (5, 192)
    """

    shown = ("start_dim", "end_dim")

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Operand) -> Tensor:
        """The same elements in order, with fewer axes."""
        return flatten(x, self.start_dim, self.end_dim)


class Embedding(Module):
    """A row of numbers for each of the things that are counted from 0, as `torch.nn.Embedding`.

    Args:
        num_embeddings: how many rows.
        embedding_dim: how many numbers in each.
        padding_idx: a row of zeros that is not learned.
        dtype: of the parameters.
        generator: of the initial values, which are standard normal.

    Raises:
        ShapeError: from `forward`, for a place that the table does not have.
        DTypeError: from `forward`, for places that are not integers.

    >>> from micrograd_tensor import nn
    >>> nn.Embedding(10, 4)([[1, 2, 3]]).shape
    (1, 3, 4)
    """

    shown = ("num_embeddings", "embedding_dim", "padding_idx")

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        dtype: Any = np.float32,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        self.num_embeddings, self.embedding_dim, self.padding_idx = num_embeddings, embedding_dim, padding_idx
        self.weight = Parameter(np.zeros((num_embeddings, embedding_dim), dtype))
        init.normal_(self.weight, generator=generator)
        if padding_idx is not None:
            values = self.weight.numpy().copy()
            values[padding_idx] = 0
            self.weight.assign_(values)

    def forward(self, indices: Operand) -> Tensor:
        """The rows at the indices, ``(…)`` to ``(…, embedding_dim)``."""
        return embedding(indices, self.weight, self.padding_idx)
