"""Convolution layers."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, ClassVar

import numpy as np

from ..engine.errors import ShapeError
from ..engine.primitive import Operand
from ..engine.tensor import Tensor
from ..functional.convolution import conv1d, conv2d
from ..functional.operands import each_axis
from . import init
from .module import Module
from .parameter import Parameter

Lengths = int | tuple[int, ...]


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
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ShapeError(
                f"{name}: {in_channels} channels in and {out_channels} out do not divide into groups={groups}; "
                "take a common divisor"
            )
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = each_axis(kernel_size, rank, "kernel_size")
        self.stride, self.dilation = each_axis(stride, rank, "stride"), each_axis(dilation, rank, "dilation")
        self.padding = padding if isinstance(padding, str) else each_axis(padding, rank, "padding")
        if padding == "same" and any(s != 1 for s in self.stride):
            raise ValueError(f"{name}: padding='same' with stride={stride}; only stride 1 keeps the lengths")
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        self.weight = Parameter(np.zeros(shape, dtype))
        self.bias = Parameter(np.zeros(out_channels, dtype)) if bias else None
        init.default_(self.weight, self.bias, prod(shape[1:]), generator)

    def forward(self, x: Operand) -> Tensor:
        """Weigh and sum what every window sees."""
        function = type(self).function
        return function(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        """The settings, those at their defaults left out."""
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        text += f", padding={self.padding!r}" if self.padding != (0,) * self.rank else ""
        text += f", dilation={self.dilation}" if self.dilation != (1,) * self.rank else ""
        text += f", groups={self.groups}" if self.groups != 1 else ""
        return text + ("" if self.bias is not None else ", bias=False")


class Conv1d(_Conv):
    """Convolution of sequences ``(N, C, L)`` or ``(C, L)``, as `torch.nn.Conv1d`; see `conv1d`.

    Args:
        in_channels: C.
        out_channels: of the result.
        kernel_size: of the windows.
        stride: from one window to the next.
        padding: zeros on both sides, ``"same"`` or ``"valid"``.
        dilation: from one element of a window to the next.
        groups: channels are divided into so many parts that do not see each other.
        bias: whether there is one.
        dtype: of the parameters.
        generator: of their initial values, uniform in ``±1/√(C/groups · kernel_size)``.

    Raises:
        ShapeError: where groups do not divide the channels; from `forward`, for other ranks and numbers of channels.
        ValueError: for ``padding="same"`` with a stride.

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
