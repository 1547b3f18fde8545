"""Convolution layers."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, ClassVar

import numpy as np

from ..engine.lengths import length, lengths
from ..engine.row import Operand
from ..engine.tensor import Tensor
from ..functional.convolution import check_groups, conv1d, conv2d, margins
from ..functional.operands import Lengths, as_tensor
from . import init
from .dtypes import hint
from .module import Module
from .parameter import Parameter

__all__ = ["Conv1d", "Conv2d"]


class _Conv(Module):
    rank: ClassVar[int]
    function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Lengths,
        stride: Lengths = 1,
        padding: Lengths | str = 0,
        dilation: Lengths = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        dtype: Any = np.float32,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        name, rank = type(self).__name__, self.rank
        for what, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            length(what, channels, least=0)
        check_groups(name, in_channels, out_channels, groups)
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = lengths("kernel_size", kernel_size, rank)
        self.stride, self.dilation = lengths("stride", stride, rank), lengths("dilation", dilation, rank)
        self.padding = padding if isinstance(padding, str) else lengths("padding", padding, rank, least=0)
        margins(name, padding, self.kernel_size, stride, self.dilation)  # raises for what does not go together
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        self.weight: Parameter = Parameter(np.zeros(shape, dtype))
        self.bias: Parameter | None = Parameter(np.zeros(out_channels, dtype)) if bias else None
        init.default_(self.weight, self.bias, prod(shape[1:]), generator)

    def forward(self, x: Operand) -> Tensor:
        """Weighted sums over the windows."""
        x, function = as_tensor(x), type(self).function
        hint(type(self).__name__, x, self.weight)
        return function(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        """The settings, without those at their defaults."""
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        text += f", padding={self.padding!r}" if self.padding != (0,) * self.rank else ""
        text += f", dilation={self.dilation}" if self.dilation != (1,) * self.rank else ""
        text += f", groups={self.groups}" if self.groups != 1 else ""
        return text + ("" if self.bias is not None else ", bias=False")


class Conv1d(_Conv):
    """Convolution of sequences ``(N, C, L)`` or ``(C, L)``, as `torch.nn.Conv1d`; see `conv1d`.

    Args:
        in_channels: C.
        out_channels: the number of channels of the result.
        kernel_size: the length of a window.
        stride: the step from one window to the next.
        padding: the number of zeros on both sides, ``"same"`` or ``"valid"``.
        dilation: the step from one element of a window to the next.
        groups: the number of independent parts that the channels are divided into.
        bias: whether to add one.
        dtype: the parameters' dtype.
        generator: the source of the initial values, uniform in ``±1/√(C/groups · kernel_size)``.

    Raises:
        ShapeError: where groups do not divide the channels; from `forward`, for a wrong rank or number of channels.
        ValueError: for ``padding="same"`` with a stride, or another text.

    >>> import numpy as np
    >>> from micrograd_tensor import nn
    >>> nn.Conv1d(3, 8, 5, padding="same")(np.zeros((2, 3, 20))).shape
    (2, 8, 20)
    """

    rank, function = 1, conv1d


class Conv2d(_Conv):
    """Convolution of images ``(N, C, H, W)`` or ``(C, H, W)``, as `torch.nn.Conv2d`; see `conv2d`.

    Arguments and errors as for `Conv1d`, with one number or one for each of the two axes.

    >>> import numpy as np
    >>> from micrograd_tensor import nn
    >>> nn.Conv2d(3, 8, 3, stride=2, padding=1)(np.zeros((2, 3, 8, 8))).shape
    (2, 8, 4, 4)
    """

    rank, function = 2, conv2d
