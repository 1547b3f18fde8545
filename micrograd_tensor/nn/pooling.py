"""Pooling layers."""

from __future__ import annotations

from typing import ClassVar

from ..engine.lengths import lengths
from ..engine.row import Operand
from ..engine.tensor import Tensor
from ..functional.operands import Lengths
from ..functional.pooling import adaptive_avg_pool2d, avg_pool2d, max_pool2d
from .module import Module

__all__ = ["AdaptiveAvgPool2d", "AvgPool2d", "MaxPool2d"]


class MaxPool2d(Module):
    """The maximum of every window, as `torch.nn.MaxPool2d`; see `max_pool2d` for arguments and errors.

    >>> import numpy as np
    >>> from micrograd_tensor import nn
    >>> nn.MaxPool2d(2)(np.zeros((1, 3, 8, 8))).shape
    (1, 3, 4, 4)
    """

    shown: ClassVar[tuple[str, ...]] = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")

    def __init__(
        self,
        kernel_size: Lengths,
        stride: Lengths | None = None,
        padding: Lengths = 0,
        dilation: Lengths = 1,
        *,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.dilation, self.ceil_mode = padding, dilation, ceil_mode
        for what, value in (("kernel_size", kernel_size), ("stride", self.stride), ("dilation", dilation)):
            lengths(what, value, 2)
        lengths("padding", padding, 2, least=0)

    def forward(self, x: Operand) -> Tensor:
        """``(N, C, H, W)`` or ``(C, H, W)`` to one number for each window."""
        return max_pool2d(x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)


class AvgPool2d(Module):
    """The mean of every window, as `torch.nn.AvgPool2d`; see `avg_pool2d` for arguments and errors.

    >>> import numpy as np
    >>> from micrograd_tensor import nn
    >>> nn.AvgPool2d(2)(np.zeros((1, 3, 8, 8))).shape
    (1, 3, 4, 4)
    """

    shown: ClassVar[tuple[str, ...]] = (
        "kernel_size",
        "stride",
        "padding",
        "ceil_mode",
        "count_include_pad",
        "divisor_override",
    )

    def __init__(
        self,
        kernel_size: Lengths,
        stride: Lengths | None = None,
        padding: Lengths = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode = padding, ceil_mode
        for what, value in (("kernel_size", kernel_size), ("stride", self.stride)):
            lengths(what, value, 2)
        lengths("padding", padding, 2, least=0)
        self.count_include_pad, self.divisor_override = count_include_pad, divisor_override

    def forward(self, x: Operand) -> Tensor:
        """``(N, C, H, W)`` or ``(C, H, W)`` to one number for each window."""
        size, stride, border = self.kernel_size, self.stride, self.padding
        return avg_pool2d(x, size, stride, border, self.ceil_mode, self.count_include_pad, self.divisor_override)


class AdaptiveAvgPool2d(Module):
    """Means over a given number of windows, as `torch.nn.AdaptiveAvgPool2d`; see `adaptive_avg_pool2d`.

    >>> import numpy as np
    >>> from micrograd_tensor import nn
    >>> nn.AdaptiveAvgPool2d(1)(np.zeros((1, 3, 8, 8))).shape
    (1, 3, 1, 1)
    """

    shown: ClassVar[tuple[str, ...]] = ("output_size",)

    def __init__(self, output_size: int | tuple[int | None, int | None]) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, x: Operand) -> Tensor:
        """``(N, C, H, W)`` or ``(C, H, W)`` to the output size."""
        return adaptive_avg_pool2d(x, self.output_size)
