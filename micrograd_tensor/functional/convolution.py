"""Convolution: the windows laid out as the columns of a matrix, and one matrix product with the weights.

Chellapilla et al., *High performance convolutional neural networks for document processing*, 2006. As everywhere in
deep learning, this is cross-correlation: the weights are not flipped.
"""

from __future__ import annotations

from math import prod
from typing import TypeAlias

from ..engine.errors import ShapeError, describe
from ..engine.lengths import length, lengths
from ..engine.recording import composition
from ..engine.row import Operand
from ..engine.table.shapes import expand_dims, pad, reshape, squeeze, transpose
from ..engine.table.windows import windows
from ..engine.tensor import Tensor
from .operands import Lengths, as_tensor

__all__ = ["conv1d", "conv2d"]

Sizes: TypeAlias = "tuple[int, ...]"


@composition
def conv1d(
    x: Operand,
    weight: Operand,
    bias: Operand | None = None,
    stride: Lengths = 1,
    padding: Lengths | str = 0,
    dilation: Lengths = 1,
    groups: int = 1,
) -> Tensor:
    """Weighted sums over the windows of a sequence, as `torch.nn.functional.conv1d`.

    ``out[n, o, p] = bias[o] + Σ weight[o, c, i] · x[n, c, p·stride + i·dilation]`` over c and i, with x zero-padded.

    Args:
        x: ``(N, C, L)``, or ``(C, L)`` for one sample.
        weight: ``(O, C/groups, k)``.
        bias: ``(O,)``, or None.
        stride: the step from one window to the next.
        padding: zeros on both sides; ``"valid"`` for none, ``"same"`` for as many as keep the length.
        dilation: the step from one element of a window to the next.
        groups: the number of parts that C and O are divided into; each part of O sees one part of C.

    Raises:
        ShapeError: for a wrong rank or number of channels, for numbers that are not whole or too small, or where no
            window fits.
        ValueError: for ``padding="same"`` with a stride.

    >>> import micrograd_tensor as mt
    >>> mt.conv1d([[[1.0, 2.0, 4.0, 8.0]]], [[[-1.0, 1.0]]])
    tensor([[[1., 2., 4.]]])
    """
    return _convolution("conv1d", x, weight, bias, stride, padding, dilation, groups, 1)


@composition
def conv2d(
    x: Operand,
    weight: Operand,
    bias: Operand | None = None,
    stride: Lengths = 1,
    padding: Lengths | str = 0,
    dilation: Lengths = 1,
    groups: int = 1,
) -> Tensor:
    """Weighted sums over the windows of an image, as `torch.nn.functional.conv2d`.

    Args:
        x: ``(N, C, H, W)``, or ``(C, H, W)`` for one sample.
        weight: ``(O, C/groups, kh, kw)``.
        bias: ``(O,)``, or None.
        stride: the step from one window to the next; like padding and dilation, one number or one for each axis.
        padding: zeros on both sides; ``"valid"`` for none, ``"same"`` for as many as keep the lengths.
        dilation: the step from one element of a window to the next.
        groups: the number of parts that C and O are divided into; each part of O sees one part of C.

    Raises:
        ShapeError: for a wrong rank or number of channels, for numbers that are not whole or too small, or where no
            window fits.
        ValueError: for ``padding="same"`` with a stride.

    >>> import numpy as np
    >>> import micrograd_tensor as mt
    >>> mt.conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)), padding="same")
    tensor([[[[4., 4., 2.],
              [4., 4., 2.],
              [2., 2., 1.]]]])
    """
    return _convolution("conv2d", x, weight, bias, stride, padding, dilation, groups, 2)


def _convolution(
    op: str,
    x: Operand,
    weight: Operand,
    bias: Operand | None,
    stride: Lengths,
    padding: Lengths | str,
    dilation: Lengths,
    groups: int,
    rank: int,
) -> Tensor:
    x, weight = as_tensor(x), as_tensor(weight)
    _check(op, x, weight, groups, rank)
    if x.ndim == rank + 1:
        alone = expand_dims(x, axis=0)
        return squeeze(_convolution(op, alone, weight, bias, stride, padding, dilation, groups, rank), axis=0)
    outputs, size = weight.shape[0], weight.shape[2:]
    steps, dilation = lengths("stride", stride, rank), lengths("dilation", dilation, rank)
    widths = margins(op, padding, size, stride, dilation)
    reach = tuple(d * (k - 1) + 1 for k, d in zip(size, dilation, strict=True))
    room = tuple(n + a + b for n, (a, b) in zip(x.shape[2:], widths, strict=True))
    if any(n < r for n, r in zip(room, reach, strict=True)):
        raise ShapeError(f"{op}: windows that reach over {reach} do not fit into the {room} of {describe(x)}; pad it")
    # Samples last, so that what is copied lies in long runs. Each line of an image is multiplied on its own, unless it
    # is thin beside the weights; then the lines of a window, which lie one after the other, are read where they are.
    lines = rank - 1 if x.shape[0] * x.shape[-1] >= outputs * steps[-1] else 0
    order = (*range(2, 2 + lines), 1, *range(2 + lines, 2 + rank), 0)
    along = tuple(range(1 + lines, 1 + rank))
    x = padded(transpose(x, axes=order), (*range(lines), *along), widths)
    seen = _seen(x, size[lines:], steps[lines:], dilation[lines:], along, before=lines + 1)
    where = seen.shape[rank + 1 :]
    # Down a column run the elements of one window, (lines, C, *size); the columns are the positions and samples.
    columns = reshape(seen, shape=(*seen.shape[:lines], groups, weight.shape[1] * prod(size[lines:]), prod(where)))
    if lines:
        columns = _seen(columns, size[:1], steps[:1], dilation[:1], (0,), before=2)
        columns = reshape(columns, shape=(*columns.shape[:2], columns.shape[2] * columns.shape[3], prod(where)))
    # Laid out transposed, and so is its gradient: the product of a small and a very long matrix is then faster.
    weight = transpose(weight, axes=(*range(2, 2 + lines), 1, *range(2 + lines, 2 + rank), 0))
    rows = reshape(weight, shape=(columns.shape[-2], groups, outputs // groups))
    rows = transpose(rows, axes=(1, 2, 0))
    out = reshape(rows @ columns, shape=(*columns.shape[:lines], outputs, *where))
    out = transpose(out, axes=tuple(order.index(i) for i in range(rank + 2)))
    return out if bias is None else out + reshape(bias, shape=(-1, *(1,) * rank))


def _seen(x: Tensor, size: Sizes, stride: Sizes, dilation: Sizes, axes: Sizes, before: int) -> Tensor:
    """The windows over some axes of x, with the places within a window after so many other axes."""
    seen, k = windows(x, size=size, stride=stride, dilation=dilation, axis=axes), len(size)
    return transpose(seen, axes=(*range(k, k + before), *range(k), *range(k + before, seen.ndim)))


def _check(op: str, x: Tensor, weight: Tensor, groups: int, rank: int) -> None:
    wanted = "(N, C, L) or (C, L)" if rank == 1 else "(N, C, H, W) or (C, H, W)"
    if x.ndim not in (rank + 1, rank + 2):
        raise ShapeError(f"{op}: {describe(x)} has {x.ndim} axes; give {wanted}")
    if weight.ndim != rank + 2:
        raise ShapeError(f"{op}: {describe(weight)} has {weight.ndim} axes; a weight has {rank + 2}: (O, C/groups, …)")
    channels = x.shape[-rank - 1]
    check_groups(op, channels, weight.shape[0], groups)
    takes = weight.shape[1] * groups
    if channels != takes:
        raise ShapeError(
            f"{op}: {describe(x)} has {channels} channels, but {describe(weight)} takes {takes}; give {wanted}"
        )


def check_groups(op: str, channels: int, outputs: int, groups: int) -> None:
    """Raise `ShapeError` unless both numbers of channels are multiples of the number of groups."""
    length("groups", groups)
    if channels % groups or outputs % groups:
        raise ShapeError(
            f"{op}: {channels} channels in and {outputs} out do not divide into groups={groups}; use a common divisor"
        )


def margins(
    op: str, padding: Lengths | str, size: tuple[int, ...], stride: Lengths, dilation: tuple[int, ...]
) -> tuple[tuple[int, int], ...]:
    """How many elements to add before and after along each spatial axis; `ValueError` for an invalid padding."""
    if padding == "valid":
        return ((0, 0),) * len(size)
    if padding == "same":
        if any(s != 1 for s in lengths("stride", stride, len(size))):
            raise ValueError(f"{op}: padding='same' with stride={stride}; only stride 1 keeps the lengths")
        more = [d * (k - 1) for k, d in zip(size, dilation, strict=True)]
        return tuple((m // 2, m - m // 2) for m in more)
    if isinstance(padding, str):
        raise ValueError(f"{op}: padding={padding!r} must be 'same', 'valid' or numbers")
    return tuple((p, p) for p in lengths("padding", padding, len(size), least=0))


def padded(x: Tensor, axes: tuple[int, ...], widths: tuple[tuple[int, int], ...], value: float = 0.0) -> Tensor:
    """x with a border of these widths, before and after, along some axes; x itself where all are 0."""
    if not any(map(any, widths)):
        return x
    each = dict(zip(axes, widths, strict=True))
    return pad(x, pad_width=tuple(each.get(i, (0, 0)) for i in range(x.ndim)), value=value)
