"""Linear layers: weighted sums of features, merged axes, rows of a table."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..engine.errors import ShapeError
from ..engine.lengths import length
from ..engine.row import Operand
from ..engine.table.shapes import flatten
from ..engine.tensor import Tensor
from ..functional.linear import embedding, linear
from ..functional.operands import as_tensor
from . import init
from .dtypes import hint
from .module import Module
from .parameter import Parameter

__all__ = ["Embedding", "Flatten", "Linear"]


class Linear(Module):
    """``x @ weightᵀ + bias``, as `torch.nn.Linear`: ``(…, in_features)`` to ``(…, out_features)``.

    Args:
        in_features: the length of the last axis of x.
        out_features: the length of the last axis of the result.
        bias: whether to add one.
        dtype: the parameters' dtype.
        generator: the source of their initial values, uniform in ``±1/√in_features``.

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
        self.in_features = length("in_features", in_features, least=0)
        self.out_features = length("out_features", out_features, least=0)
        self.weight: Parameter = Parameter(np.zeros((out_features, in_features), dtype))
        self.bias: Parameter | None = Parameter(np.zeros(out_features, dtype)) if bias else None
        init.default_(self.weight, self.bias, in_features, generator)

    def forward(self, x: Operand) -> Tensor:
        """Weighted sums of the features of x."""
        x = as_tensor(x)
        hint("Linear", x, self.weight)
        return linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Features in and out."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Flatten(Module):
    """Merges the axes from ``start_dim`` to ``end_dim``, by default all but the first, as `torch.nn.Flatten`.

    >>> import numpy as np
    >>> from micrograd_tensor import nn
    >>> nn.Flatten()(np.zeros((5, 3, 8, 8))).shape
    (5, 192)
    """

    shown: ClassVar[tuple[str, ...]] = ("start_dim", "end_dim")

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Operand) -> Tensor:
        """The same elements in order, with fewer axes."""
        return flatten(as_tensor(x), self.start_dim, self.end_dim)


class Embedding(Module):
    """A table of vectors, looked up by integers, as `torch.nn.Embedding`.

    Args:
        num_embeddings: the number of rows.
        embedding_dim: the length of a row.
        padding_idx: a row that starts at 0 and is not learned.
        dtype: the parameters' dtype.
        generator: the source of the initial values, which are standard normal.

    Raises:
        ShapeError: from `forward`, for an index outside the table.
        DTypeError: from `forward`, for indices that are not integers.

    >>> from micrograd_tensor import nn
    >>> nn.Embedding(10, 4)([[1, 2, 3]]).shape
    (1, 3, 4)
    """

    shown: ClassVar[tuple[str, ...]] = ("num_embeddings", "embedding_dim", "padding_idx")

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
        self.num_embeddings = length("num_embeddings", num_embeddings, least=0)
        self.embedding_dim = length("embedding_dim", embedding_dim, least=0)
        self.padding_idx = padding_idx
        self.weight: Parameter = Parameter(np.zeros((num_embeddings, embedding_dim), dtype))
        init.normal_(self.weight, generator=generator)
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise ShapeError(f"Embedding: padding_idx={padding_idx!r} is no row; there are {num_embeddings}")
            values = self.weight.numpy().copy()
            values[padding_idx] = 0
            self.weight.assign_(values)

    def forward(self, indices: Operand) -> Tensor:
        """The rows at the indices, ``(…)`` to ``(…, embedding_dim)``."""
        return embedding(indices, self.weight, self.padding_idx)
