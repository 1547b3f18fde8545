"""Pooling: one number for every window of an image, its maximum or its mean."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from ..engine.arrays import beside
from ..engine.errors import ShapeError, describe
from ..engine.lengths import length, lengths
from ..engine.record import leaf, unwrap
from ..engine.recording import composition
from ..engine.row import Operand
from ..engine.table.matrix import matmul
from ..engine.table.reductions import max, mean, sum
from ..engine.table.shapes import reshape, transpose
from ..engine.table.windows import windows
from ..engine.tensor import Tensor
from .convolution import padded
from .operands import Lengths, as_tensor

__all__ = ["adaptive_avg_pool2d", "avg_pool2d", "max_pool2d"]


@composition
def max_pool2d(
    x: Operand,
    kernel_size: Lengths,
    stride: Lengths | None = None,
    padding: Lengths = 0,
    dilation: Lengths = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """The maximum of every window, as `torch.nn.functional.max_pool2d`; ties share the gradient evenly.

    Args:
        x: ``(N, C, H, W)`` or ``(C, H, W)``.
        kernel_size: the size of the windows; like the others one number, or one for each of the two axes.
        stride: the step from one window to the next; by default the size of the window.
        padding: a border that is never the maximum, at most half a window wide.
        dilation: the step from one element of a window to the next.
        ceil_mode: also use a last window that is only partly filled.

    Raises:
        ShapeError: for a wrong rank, for numbers that are not whole or too small, or where no window fits.
        ValueError: for a wider border.

    >>> import micrograd_tensor as mt
    >>> mt.max_pool2d([[[1.0, 2.0, 5.0, 3.0], [4.0, 0.0, 1.0, 1.0]]], 2)
    tensor([[[4., 5.]]])
    """
    x = _image("max_pool2d", as_tensor(x))
    seen, order, _ = _windows("max_pool2d", x, kernel_size, stride, padding, dilation, ceil_mode, -np.inf)
    return transpose(max(seen, axis=0), axes=order)


@composition
def avg_pool2d(
    x: Operand,
    kernel_size: Lengths,
    stride: Lengths | None = None,
    padding: Lengths = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of every window, as `torch.nn.functional.avg_pool2d`.

    Args:
        x: ``(N, C, H, W)`` or ``(C, H, W)``.
        kernel_size: the size of the windows; like the others one number, or one for each of the two axes.
        stride: the step from one window to the next; by default the size of the window.
        padding: a border of zeros, at most half a window wide.
        ceil_mode: also use a last window that is only partly filled.
        count_include_pad: whether the border's zeros count in the mean.
        divisor_override: divide by this instead of the number of elements.

    Raises:
        ShapeError: for a wrong rank, for numbers that are not whole or too small, or where no window fits.
        ValueError: for a wider border.

    >>> import micrograd_tensor as mt
    >>> mt.avg_pool2d([[[1.0, 2.0, 5.0, 3.0], [4.0, 1.0, 1.0, 1.0]]], 2)
    tensor([[[2. , 2.5]]])
    """
    x = _image("avg_pool2d", as_tensor(x))
    seen, order, widths = _windows("avg_pool2d", x, kernel_size, stride, padding, 1, ceil_mode, 0.0)
    if divisor_override is None and not any(map(any, widths)):
        return transpose(mean(seen, axis=0), axes=order)
    total = transpose(sum(seen, axis=0), axes=order)
    if divisor_override is not None:
        return total / length("divisor_override", divisor_override)
    ones = np.ones_like(unwrap(x), shape=x.shape[-2:])
    if count_include_pad:  # the border counts, but never what only ceil_mode adds beyond it
        bordered = tuple(n + 2 * before for n, (before, _) in zip(x.shape[-2:], widths, strict=True))
        ones = np.ones_like(unwrap(x), shape=bordered)
        widths = tuple((0, after - before) for before, after in widths)
    counted, order, _ = _windows("avg_pool2d", leaf(np.pad(ones, widths)), kernel_size, stride, 0, 1, False, 0.0)
    return total / transpose(sum(counted, axis=0), axes=order).named("counts")


@composition
def adaptive_avg_pool2d(x: Operand, output_size: int | tuple[int | None, int | None]) -> Tensor:
    """Means over a given number of windows, as `torch.nn.functional.adaptive_avg_pool2d`.

    Window i of n runs from ``⌊i·H/n⌋`` to ``⌈(i+1)·H/n⌉``: side by side where n divides H, else overlapping.

    Args:
        x: ``(N, C, H, W)`` or ``(C, H, W)``.
        output_size: one number for both axes of the result, or two; None keeps an axis as it is.

    Raises:
        ShapeError: for a wrong rank, or a number below 1.

    >>> import micrograd_tensor as mt
    >>> mt.adaptive_avg_pool2d([[[1.0, 2.0, 3.0], [3.0, 4.0, 5.0]]], (1, 2))
    tensor([[[2.5, 3.5]]])
    """
    x = _image("adaptive_avg_pool2d", as_tensor(x))
    pair = isinstance(output_size, (tuple, list)) and len(output_size) == 2
    wanted: Any = output_size if pair else (output_size,) * 2
    h, w = x.shape[-2:]
    rows, columns = (length("output_size", n if k is None else k) for n, k in zip((h, w), wanted, strict=True))
    if h % rows == 0 and w % columns == 0:
        return mean(reshape(x, shape=(*x.shape[:-2], rows, h // rows, columns, w // columns)), axis=(-3, -1))
    above, beyond = (beside(_shares(*of, x.dtype), x) for of in ((h, rows), (w, columns)))
    return matmul(matmul(above, x), transpose(beyond))


def _shares(length: int, windows: int, dtype: np.dtype[Any]) -> Any:
    """A matrix whose rows each average over one window."""
    matrix = np.zeros((windows, length), dtype)
    for i, row in enumerate(matrix):
        start, stop = i * length // windows, -(-(i + 1) * length // windows)
        row[start:stop] = 1 / (stop - start)
    return matrix


def _image(op: str, x: Tensor) -> Tensor:
    if x.ndim not in (3, 4):
        raise ShapeError(f"{op}: {describe(x)} has {x.ndim} axes; give (N, C, H, W) or (C, H, W)")
    return x


def _windows(
    op: str,
    x: Tensor,
    kernel_size: Lengths,
    stride: Lengths | None,
    padding: Lengths,
    dilation: Lengths,
    ceil_mode: bool,
    value: float,
) -> tuple[Tensor, tuple[int, ...], tuple[tuple[int, int], ...]]:
    """The windows of the padded x, the elements of one first; the order of the other axes; the widths of the border.

    The other axes are in the order of memory, which is also that in which NumPy computes where operands disagree.
    """
    size, dilation = lengths("kernel_size", kernel_size, 2), lengths("dilation", dilation, 2)
    steps = size if stride is None else lengths("stride", stride, 2)
    border = lengths("padding", padding, 2, least=0)
    if any(2 * p > k for p, k in zip(border, size, strict=True)):
        raise ValueError(f"{op}: padding={padding!r} is more than half of kernel_size={kernel_size!r}; use less")
    widths = []
    for n, k, s, p, d in zip(x.shape[-2:], size, steps, border, dilation, strict=True):
        beyond = 0
        if ceil_mode:
            room = n + 2 * p - d * (k - 1) - 1
            last = -(-room // s) * s  # the start of the last window, which must lie in x or in the border before it
            last -= s if last >= n + p else 0
            beyond = builtins.max(last - room, 0)
        widths.append((p, p + beyond))
    order = _in_memory(x)
    axes = (order.index(x.ndim - 2), order.index(x.ndim - 1))
    bordered = padded(transpose(x, axes=order), axes, tuple(widths), value)
    seen = windows(bordered, size=size, stride=steps, dilation=dilation, axis=axes)
    # One axis for a window's elements, which takes a copy: reducing the overlapping view is ten times slower.
    seen = reshape(seen, shape=(size[0] * size[1], *seen.shape[2:]))
    return seen, tuple(order.index(i) for i in range(x.ndim)), tuple(widths)


def _in_memory(x: Tensor) -> tuple[int, ...]:
    """The axes of x in the order of memory, outermost first, in which it is copied in one go."""
    strides = getattr(x._data, "strides", None) or range(x.ndim, 0, -1)
    return tuple(sorted(range(x.ndim), key=lambda i: -abs(strides[i])))
