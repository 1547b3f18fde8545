"""Losses as modules, each with the settings of the function of the same name."""

from __future__ import annotations

from typing import Any

from ..engine.row import Operand
from ..engine.tensor import Tensor
from ..functional.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    huber_loss,
    l1_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
)
from .module import Module

__all__ = ["BCELoss", "BCEWithLogitsLoss", "CrossEntropyLoss", "HuberLoss", "L1Loss"]
__all__ += ["MSELoss", "NLLLoss", "SmoothL1Loss"]


class _Loss(Module):
    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(self, reduction: str) -> None:
        super().__init__()
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f"{type(self).__name__}: reduction={reduction!r} must be 'mean', 'sum' or 'none'")
        self.reduction: str = reduction


class MSELoss(_Loss):
    """Mean squared error; see `mse_loss`.

    >>> from micrograd_tensor import nn
    >>> nn.MSELoss()([1.0, 2.0], [1.0, 4.0])
    tensor(2.)
    """

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction)

    def forward(self, input: Operand, target: Operand) -> Tensor:  # noqa: A002 -- PyTorch's name
        """The loss of two tensors of the same shape."""
        return mse_loss(input, target, self.reduction)


class L1Loss(_Loss):
    """Mean absolute error; see `l1_loss`.

    >>> from micrograd_tensor import nn
    >>> nn.L1Loss()([1.0, 2.0], [1.0, 4.0])
    tensor(1.)
    """

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction)

    def forward(self, input: Operand, target: Operand) -> Tensor:  # noqa: A002
        """The loss of two tensors of the same shape."""
        return l1_loss(input, target, self.reduction)


class SmoothL1Loss(_Loss):
    """Squared error near 0, absolute error beyond ``beta``; see `smooth_l1_loss`.

    >>> from micrograd_tensor import nn
    >>> nn.SmoothL1Loss()([1.0, 2.0], [1.0, 4.0])
    tensor(0.75)
    """

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        self.beta: float = beta

    def forward(self, input: Operand, target: Operand) -> Tensor:  # noqa: A002
        """The loss of two tensors of the same shape."""
        return smooth_l1_loss(input, target, self.reduction, self.beta)


class HuberLoss(_Loss):
    """Squared error near 0, absolute error beyond ``delta``; see `huber_loss`.

    >>> from micrograd_tensor import nn
    >>> nn.HuberLoss()([1.0, 2.0], [1.0, 4.0])
    tensor(0.75)
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        self.delta: float = delta

    def forward(self, input: Operand, target: Operand) -> Tensor:  # noqa: A002
        """The loss of two tensors of the same shape."""
        return huber_loss(input, target, self.reduction, self.delta)


class BCELoss(_Loss):
    """Binary cross entropy, from probabilities; see `binary_cross_entropy`. The weight is a buffer.

    >>> from micrograd_tensor import nn
    >>> round(nn.BCELoss(reduction="sum")([0.5, 1.0], [1.0, 1.0]).item(), 4)
    0.6931
    """

    def __init__(self, weight: Any = None, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)

    def forward(self, input: Operand, target: Operand) -> Tensor:  # noqa: A002
        """The loss of two tensors of the same shape."""
        return binary_cross_entropy(input, target, self.weight, self.reduction)


class BCEWithLogitsLoss(_Loss):
    """Binary cross entropy, from logits; see `binary_cross_entropy_with_logits`. The weights are buffers.

    >>> from micrograd_tensor import nn
    >>> round(nn.BCEWithLogitsLoss(reduction="sum")([0.0, 100.0], [1.0, 1.0]).item(), 4)
    0.6931
    """

    def __init__(self, weight: Any = None, reduction: str = "mean", pos_weight: Any = None) -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Operand, target: Operand) -> Tensor:  # noqa: A002
        """The loss of two tensors of the same shape."""
        return binary_cross_entropy_with_logits(input, target, self.weight, self.reduction, self.pos_weight)


class NLLLoss(_Loss):
    """Negative log-likelihood of classes, from log-probabilities; see `nll_loss`. The weight is a buffer.

    >>> from micrograd_tensor import nn
    >>> nn.NLLLoss()([[-1.0, -0.5], [-2.0, -3.0]], [1, 0])
    tensor(1.25)
    """

    def __init__(self, weight: Any = None, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.ignore_index: int = ignore_index
        self.register_buffer("weight", weight)

    def forward(self, input: Operand, target: Operand) -> Tensor:  # noqa: A002
        """The loss of ``(N, C, …)`` and classes ``(N, …)``."""
        return nll_loss(input, target, self.weight, self.ignore_index, self.reduction)


class CrossEntropyLoss(_Loss):
    """Cross entropy of classes or of probabilities, from logits; see `cross_entropy`. The weight is a buffer.

    >>> from micrograd_tensor import nn
    >>> round(nn.CrossEntropyLoss()([[0.0, 0.0], [0.0, 100.0]], [0, 1]).item(), 4)
    0.3466
    """

    def __init__(
        self,
        weight: Any = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing
        self.register_buffer("weight", weight)

    def forward(self, input: Operand, target: Operand) -> Tensor:  # noqa: A002
        """The loss of logits ``(N, C, …)`` and classes ``(N, …)`` or probabilities ``(N, C, …)``."""
        return cross_entropy(input, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing)
