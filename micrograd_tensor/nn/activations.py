"""Activations as modules, for use in `Sequential`. PyTorch's ``inplace`` is accepted and ignored."""

from __future__ import annotations

from math import inf
from typing import Any, ClassVar

import numpy as np

from ..engine.arrays import beside
from ..engine.errors import ShapeError, describe
from ..engine.lengths import length
from ..engine.row import Operand
from ..engine.table.elementwise import relu, sigmoid, tanh
from ..engine.tensor import Tensor
from ..functional.activations import dropout, elu, gelu, leaky_relu, logsigmoid, prelu, selu, silu, softplus
from ..functional.operands import as_tensor
from ..functional.softmax import log_softmax, softmax
from .module import Module
from .parameter import Parameter

__all__ = ["ELU", "GELU", "SELU", "Dropout", "Dropout1d", "Dropout2d", "Identity", "LeakyReLU", "LogSigmoid"]
__all__ += ["LogSoftmax", "PReLU", "ReLU", "SiLU", "Sigmoid", "Softmax", "Softplus", "Tanh"]


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


class ELU(Module):
    """x where it is positive, else ``alpha · (eˣ − 1)``; see `elu`. Any shape.

    >>> from micrograd_tensor import nn
    >>> nn.ELU()([-1000.0, 2.0])
    tensor([-1.,  2.])
    """

    shown: ClassVar[tuple[str, ...]] = ("alpha",)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha, self.inplace = alpha, inplace

    def forward(self, x: Operand) -> Tensor:
        """Elementwise."""
        return elu(x, self.alpha)


class SELU(Module):
    """`ELU`, scaled so that mean 0 and variance 1 are kept; see `selu`. Any shape.

    >>> from micrograd_tensor import nn
    >>> nn.SELU()([0.0, 1.0])
    tensor([0.        , 1.05070099])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace: bool = inplace

    def forward(self, x: Operand) -> Tensor:
        """Elementwise."""
        return selu(x)


class PReLU(Module):
    """x where it is positive, else x times a weight that is learned; see `prelu`.

    Args:
        num_parameters: 1, or one weight for each channel on axis 1.
        init: where they start.
        dtype: the parameters' dtype.

    >>> from micrograd_tensor import nn
    >>> nn.PReLU()([-1.0, 2.0]).tolist()
    [-0.25, 2.0]
    """

    shown: ClassVar[tuple[str, ...]] = ("num_parameters",)

    def __init__(self, num_parameters: int = 1, init: float = 0.25, *, dtype: Any = np.float32) -> None:
        super().__init__()
        self.num_parameters: int = length("num_parameters", num_parameters)
        self.weight: Parameter = Parameter(np.full(num_parameters, init, dtype))

    def forward(self, x: Operand) -> Tensor:
        """``(N, C, …)``, or any shape for a single weight."""
        return prelu(x, self.weight)


class LogSigmoid(Module):
    """``ln σ(x)``, which never overflows; see `logsigmoid`. Any shape.

    >>> from micrograd_tensor import nn
    >>> nn.LogSigmoid()([-1000.0])
    tensor([-1000.])
    """

    def forward(self, x: Operand) -> Tensor:
        """Elementwise."""
        return logsigmoid(x)


class Identity(Module):
    """Its input itself, as `torch.nn.Identity`: a place that holds no layer. Arguments are ignored.

    >>> from micrograd_tensor import nn
    >>> nn.Identity()([1.0, 2.0])
    tensor([1., 2.])
    """

    def __init__(self, *args: Any, **settings: Any) -> None:  # noqa: ARG002 -- as PyTorch's
        super().__init__()

    def forward(self, x: Operand) -> Tensor:
        """The input, as a Tensor."""
        return as_tensor(x)


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
    """``ln(1 + e^(β·x)) / β``, and x itself where ``β·x`` exceeds the threshold, if there is one. Any shape.

    >>> from micrograd_tensor import nn
    >>> nn.Softplus()([0.0, 1000.0])
    tensor([6.93147181e-01, 1.00000000e+03])
    """

    shown: ClassVar[tuple[str, ...]] = ("beta", "threshold")

    def __init__(self, beta: float = 1.0, threshold: float = inf) -> None:
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


class _ChannelDropout(Dropout):
    ndim: ClassVar[int]

    def forward(self, x: Operand) -> Tensor:
        """All of a channel, or none of it."""
        values, n = as_tensor(x), self.ndim
        if values.ndim not in (n, n + 1):
            raise ShapeError(f"{type(self).__name__}: {describe(values)} has {values.ndim} axes, not {n} or {n + 1}")
        channels = beside(np.ones((*values.shape[: 1 - n], *(1,) * (n - 1)), values.dtype), values)
        return values * dropout(channels, self.p, generator=self.generator) if self.training else values


class Dropout1d(_ChannelDropout):
    """`Dropout` of whole channels of ``(N, C, L)`` or ``(C, L)``, as `torch.nn.Dropout1d`.

    >>> import numpy as np
    >>> from micrograd_tensor import nn
    >>> set(nn.Dropout1d(0.5)(np.ones((8, 4, 3))).numpy().sum(axis=2).ravel().tolist()) <= {0.0, 6.0}
    True
    """

    ndim: ClassVar[int] = 2


class Dropout2d(_ChannelDropout):
    """`Dropout` of whole channels of images ``(N, C, H, W)`` or ``(C, H, W)``, as `torch.nn.Dropout2d`.

    >>> import numpy as np
    >>> from micrograd_tensor import nn
    >>> nn.Dropout2d(0.5)(np.ones((2, 3, 4, 4))).shape
    (2, 3, 4, 4)
    """

    ndim: ClassVar[int] = 3
