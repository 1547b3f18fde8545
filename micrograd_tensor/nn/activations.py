"""Activations as modules, for use in `Sequential`. PyTorch's ``inplace`` is accepted and ignored."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ..engine.row import Operand
from ..engine.table.elementwise import relu, sigmoid, tanh
from ..engine.tensor import Tensor
from ..functional.activations import dropout, gelu, leaky_relu, silu, softplus
from ..functional.operands import as_tensor
from ..functional.softmax import log_softmax, softmax
from .module import Module

__all__ = ["GELU", "Dropout", "LeakyReLU", "LogSoftmax", "ReLU", "SiLU", "Sigmoid", "Softmax", "Softplus", "Tanh"]


class ReLU(Module):
    """``max(x, 0)`` of any shape; its slope at 0 is 0.

    >>> from micrograd_tensor import nn
    >>> nn.ReLU()([-1.0, 2.0])
    tensor([0., 2.])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace: bool = inplace

    def forward(self, x: Operand) -> Tensor:
        """Elementwise."""
        return relu(as_tensor(x))


class LeakyReLU(Module):
    """x where it is positive, else ``negative_slope · x``. Any shape.

    >>> from micrograd_tensor import nn
    >>> nn.LeakyReLU(0.1)([-1.0, 2.0])
    tensor([-0.1,  2. ])
    """

    shown: ClassVar[tuple[str, ...]] = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope, self.inplace = negative_slope, inplace

    def forward(self, x: Operand) -> Tensor:
        """Elementwise."""
        return leaky_relu(x, self.negative_slope)


class GELU(Module):
    """``x · Φ(x)``, Φ being the normal distribution, exact or ``approximate="tanh"``; see `gelu`. Any shape.

    >>> from micrograd_tensor import nn
    >>> nn.GELU()([0.0, 2.0])
    tensor([0.        , 1.95449974])
    """

    shown: ClassVar[tuple[str, ...]] = ("approximate",)

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate: str = approximate

    def forward(self, x: Operand) -> Tensor:
        """Elementwise."""
        return gelu(x, self.approximate)


class SiLU(Module):
    """``x · σ(x)``, also called swish. Any shape.

    >>> from micrograd_tensor import nn
    >>> nn.SiLU()([0.0, 2.0])
    tensor([0.        , 1.76159416])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace: bool = inplace

    def forward(self, x: Operand) -> Tensor:
        """Elementwise."""
        return silu(x)


class Tanh(Module):
    """Hyperbolic tangent. Any shape.

    >>> from micrograd_tensor import nn
    >>> nn.Tanh()([0.0, 1000.0])
    tensor([0., 1.])
    """

    def forward(self, x: Operand) -> Tensor:
        """Elementwise."""
        return tanh(as_tensor(x))


class Sigmoid(Module):
    """``1/(1 + e⁻ˣ)``. Any shape.

    >>> from micrograd_tensor import nn
    >>> nn.Sigmoid()([0.0, 1000.0])
    tensor([0.5, 1. ])
    """

    def forward(self, x: Operand) -> Tensor:
        """Elementwise."""
        return sigmoid(as_tensor(x))


class Softplus(Module):
    """``ln(1 + e^(β·x)) / β``, and x itself where ``β·x`` exceeds the threshold. Any shape.

    >>> from micrograd_tensor import nn
    >>> nn.Softplus()([0.0, 1000.0])
    tensor([6.93147181e-01, 1.00000000e+03])
    """

    shown: ClassVar[tuple[str, ...]] = ("beta", "threshold")

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, x: Operand) -> Tensor:
        """Elementwise."""
        return softplus(x, self.beta, self.threshold)


class Softmax(Module):
    """``eˣ / Σeˣ`` along one axis; the last by default, where PyTorch guesses one and warns.

    >>> from micrograd_tensor import nn
    >>> nn.Softmax(dim=0)([0.0, 0.0])
    tensor([0.5, 0.5])
    """

    shown: ClassVar[tuple[str, ...]] = ("dim",)

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim: int = dim

    def forward(self, x: Operand) -> Tensor:
        """Positive numbers that add up to 1 along the axis."""
        return softmax(as_tensor(x), axis=self.dim)


class LogSoftmax(Module):
    """``x − ln Σeˣ`` along one axis; the last by default, where PyTorch guesses one and warns.

    >>> from micrograd_tensor import nn
    >>> nn.LogSoftmax(dim=0)([0.0, 0.0])
    tensor([-0.69314718, -0.69314718])
    """

    shown: ClassVar[tuple[str, ...]] = ("dim",)

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim: int = dim

    def forward(self, x: Operand) -> Tensor:
        """The logarithm of `Softmax`, without its underflow."""
        return log_softmax(as_tensor(x), axis=self.dim)


class Dropout(Module):
    """Sets each element to 0 with probability p and divides the others by ``1 − p``; x itself in evaluation. Any shape.

    Args:
        p: the probability that an element is dropped.
        inplace: accepted for compatibility with PyTorch, and ignored.
        generator: the source of the random numbers; by default the one that `manual_seed` seeds.

    Raises:
        ValueError: for a p outside 0…1.

    >>> from micrograd_tensor import nn
    >>> nn.Dropout(0.5).eval()([1.0, 2.0])
    tensor([1., 2.])
    """

    shown: ClassVar[tuple[str, ...]] = ("p",)

    def __init__(self, p: float = 0.5, inplace: bool = False, *, generator: np.random.Generator | None = None) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout: p={p!r} is not a probability; it must lie in 0…1")
        self.p, self.inplace, self.generator = p, inplace, generator

    def forward(self, x: Operand) -> Tensor:
        """Elementwise."""
        return dropout(x, self.p, self.training, generator=self.generator)
