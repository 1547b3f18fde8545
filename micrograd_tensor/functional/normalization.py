"""The normalizations: one sequence of primitives, and four choices of the axes that it averages over."""

from __future__ import annotations

from math import prod

import numpy as np

from ..engine.arrays import is_duck
from ..engine.axes import counted
from ..engine.errors import ShapeError, describe
from ..engine.interop.habits import keywords
from ..engine.lengths import length
from ..engine.recording import composition
from ..engine.row import Operand
from ..engine.table.comparisons import all_finite, squares_fit
from ..engine.table.elementwise import astype, reciprocal, sqrt, square
from ..engine.table.reductions import largest_magnitude, mean
from ..engine.table.shapes import reshape
from ..engine.tensor import Tensor
from .operands import Lengths, as_shape, as_tensor

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm", "rms_norm"]

FLOAT16 = np.dtype(np.float16)  # with which dtypes are compared quicker than with its type
LAST_BATCH = ". If it is what is left of the samples, give the DataLoader drop_last=True"


def normalize(
    x: Tensor, axis: int | tuple[int, ...], gamma: Operand | None, beta: Operand | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalize to zero mean and unit variance over ``axis``, scale and shift; returns result, mean and variance.

    The intermediate results are named after the stages. gamma and beta, where not None, broadcast to x.
    """
    given, x = x, _fine(x)
    average = mean(x, axis=axis, keepdims=bool(axis != 0)).named("mean")
    dev_from_mean = (x - average).named("dev_from_mean")
    out, var = by_root_mean_square(dev_from_mean, axis, gamma, beta, eps, "dev_from_mean_sq", "var")
    return _as_given(out, given), average, var


def by_root_mean_square(
    dev: Tensor,
    axis: int | tuple[int, ...],
    gamma: Operand | None,
    beta: Operand | None,
    eps: float,
    squared: str | None,
    averaged: str,
) -> tuple[Tensor, Tensor]:
    """Divide by the root of the mean square over ``axis``, scale and shift; returns result and mean square."""
    keepdims = bool(axis != 0)
    usual = squares_fit(dev)
    if usual:
        mean_square = _mean_square(dev, axis, keepdims, squared)
    else:
        with np.errstate(over="ignore"):
            mean_square = _mean_square(dev, axis, keepdims, squared)
    mean_square.named(averaged)
    if usual or all_finite(mean_square) or is_duck(mean_square._data):
        return rescale(dev, mean_square, gamma, beta, eps), mean_square
    top = largest_magnitude(dev, axis)  # where the squares overflow, what counts is the ratio to the largest
    scaled = dev / top
    spread = mean(square(scaled), axis=axis, keepdims=True)
    return rescale(scaled, spread, gamma, beta, eps / top / top), mean_square


def _mean_square(dev: Tensor, axis: int | tuple[int, ...], keepdims: bool, squared: str | None) -> Tensor:
    squares = square(dev) if squared is None else square(dev).named(squared)
    return mean(squares, axis=axis, keepdims=keepdims)


def _fine(x: Tensor) -> Tensor:
    """In float16 statistics would overflow or lose their digits, so they are computed in float32."""
    return astype(x, np.float32) if x.dtype == FLOAT16 else x


def _as_given(out: Tensor, given: Tensor) -> Tensor:
    return astype(out, np.float16).named("out") if given.dtype == FLOAT16 else out


def rescale(dev: Tensor, var: Tensor, gamma: Operand | None, beta: Operand | None, eps: float | Tensor) -> Tensor:
    """The second half: ``gamma · dev / √(var + eps) + beta``, given deviations and variance."""
    if not isinstance(eps, Tensor) and not eps >= 0:
        raise ValueError(f"eps={eps!r} is added to a variance; it must not be negative")
    stddev = sqrt(var + eps).named("stddev")
    inverted_stddev = reciprocal(stddev).named("inverted_stddev")
    out = (dev * inverted_stddev).named("x_norm")
    if gamma is not None:
        out = (out * gamma).named("scaled_x")
    if beta is not None:
        out = out + beta
    return out.named("out")


@keywords
@composition
def batch_norm(x: Operand, gamma: Operand, beta: Operand, eps: float = 1e-5, axis: int | tuple[int, ...] = 0) -> Tensor:
    """Normalize every feature of a batch to zero mean and unit variance, then scale by gamma and shift by beta.

    ``out = gamma · (x − mean) / √(var + eps) + beta``, with mean and (biased) variance over ``axis``; Ioffe and
    Szegedy, *Batch Normalization*, 2015, algorithm 1. The intermediate results are named after the stages of its
    derivation on the computational graph: mean, dev_from_mean, dev_from_mean_sq, var, stddev, inverted_stddev, x_norm,
    scaled_x, out.

    Args:
        x: ``(N, D)``, N samples of D features; or any shape with ``axis`` naming the axes to average over.
        gamma: scale, ``(D,)``; for axes other than 0 any shape that broadcasts to x, such as ``(C, 1, 1)``.
        beta: shift, likewise.
        eps: added to the variance to avoid division by zero.
        axis: the axes to average over.

    Raises:
        ShapeError: for a single sample, which has no variance, and for shapes that do not broadcast.
        ValueError: for a negative eps.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([[1.0, 10.0], [3.0, 30.0]], requires_grad=True)
    >>> mt.batch_norm(x, mt.tensor([1.0, 2.0]), mt.tensor([0.0, 5.0])).numpy().round(2)
    array([[-1.,  3.],
           [ 1.,  7.]])
    """
    x = as_tensor(x)
    if _samples(x, axis) < 2:
        raise ShapeError(
            f"batch_norm: {describe(x)} has {_samples(x, axis)} sample(s); a batch needs two or more{LAST_BATCH}"
        )
    return normalize(x, axis, gamma, beta, eps)[0]


@composition
def layer_norm(
    x: Operand,
    normalized_shape: Lengths,
    weight: Operand | None = None,
    bias: Operand | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalize each sample over its last axes, as `torch.nn.functional.layer_norm`; Ba et al., 2016.

    Args:
        x: ``(…, *normalized_shape)``.
        normalized_shape: the lengths of the axes to average over, or the only length.
        weight: scale, of that shape, or None.
        bias: shift, of that shape, or None.
        eps: added to the (biased) variance.

    Raises:
        ShapeError: where the shape of x does not end in that shape.

    >>> import micrograd_tensor as mt
    >>> mt.layer_norm([[1.0, 3.0], [10.0, 30.0]], 2).numpy().round(2)
    array([[-1.,  1.],
           [-1.,  1.]])
    """
    x = as_tensor(x)
    axis = _last_axes("layer_norm", x, normalized_shape)
    return normalize(x, axis, weight, bias, eps)[0]


@composition
def group_norm(
    x: Operand, num_groups: int, weight: Operand | None = None, bias: Operand | None = None, eps: float = 1e-5
) -> Tensor:
    """Normalize each sample's channels group by group, as `torch.nn.functional.group_norm`; Wu and He, 2018.

    Args:
        x: ``(N, C, …)``.
        num_groups: the number of equal parts that the C channels are divided into.
        weight: scale, ``(C,)``, or None.
        bias: shift, ``(C,)``, or None.
        eps: added to the (biased) variance.

    Raises:
        ShapeError: where the channels do not divide evenly into the groups.

    >>> import micrograd_tensor as mt
    >>> mt.group_norm([[1.0, 3.0, 10.0, 30.0]], 2).numpy().round(2)
    array([[-1.,  1., -1.,  1.]])
    """
    x = as_tensor(x)
    length("num_groups", num_groups)
    if x.ndim < 2 or x.shape[1] % num_groups:
        channels = f"{x.shape[1]} channels" if x.ndim > 1 else "no axis of channels"
        raise ShapeError(
            f"group_norm: {describe(x)} has {channels} to divide into {num_groups} groups; "
            "channels are on axis 1, and num_groups must divide their number"
        )
    inner = (num_groups, x.shape[1] // num_groups, *(1,) * (x.ndim - 2))
    grouped = reshape(x, shape=(x.shape[0], *inner[:2], *x.shape[2:]))
    scale, shift = (None if p is None else reshape(p, shape=inner) for p in (weight, bias))
    out, _, _ = normalize(grouped, tuple(range(2, grouped.ndim)), scale, shift, eps)
    return reshape(out, shape=x.shape)


@composition
def instance_norm(x: Operand, weight: Operand | None = None, bias: Operand | None = None, eps: float = 1e-5) -> Tensor:
    """Normalize each channel of each sample over its pixels; Ulyanov et al., 2016.

    Args:
        x: ``(N, C, …)`` with at least one axis of pixels.
        weight: scale, ``(C,)``, or None.
        bias: shift, ``(C,)``, or None.
        eps: added to the (biased) variance.

    Raises:
        ShapeError: for a single pixel, which has no variance, or no axis of pixels.

    >>> import micrograd_tensor as mt
    >>> mt.instance_norm([[[1.0, 3.0], [10.0, 30.0]]]).numpy().round(2)
    array([[[-1.,  1.],
            [-1.,  1.]]])
    """
    x = as_tensor(x)
    if x.ndim < 3 or prod(x.shape[2:]) < 2:
        raise ShapeError(f"instance_norm: {describe(x)} has fewer than two pixels for each channel; give (N, C, L, …)")
    scale, shift = (along_channels(p, x) for p in (weight, bias))
    return normalize(x, tuple(range(2, x.ndim)), scale, shift, eps)[0]


@composition
def rms_norm(x: Operand, normalized_shape: Lengths, weight: Operand | None = None, eps: float | None = None) -> Tensor:
    """Divide by the root mean square over the last axes, as `torch.nn.functional.rms_norm`.

    Layer normalization that does not subtract the mean; Zhang and Sennrich, 2019.

    Args:
        x: ``(…, *normalized_shape)``.
        normalized_shape: the lengths of the axes to average over, or the only length.
        weight: scale, of that shape, or None.
        eps: added to the mean square; by default the dtype's machine epsilon.

    Raises:
        ShapeError: where the shape of x does not end in that shape.

    >>> import micrograd_tensor as mt
    >>> mt.rms_norm([3.0, 4.0], 2).numpy().round(4)
    array([0.8485, 1.1314])
    """
    x = as_tensor(x)
    axis = _last_axes("rms_norm", x, normalized_shape)
    eps = float(np.finfo(x.dtype).eps) if eps is None else eps
    given, x = x, _fine(x)
    out, _ = by_root_mean_square(x, axis, weight, None, eps, None, "mean_square")
    return _as_given(out, given)


def _last_axes(op: str, x: Tensor, normalized_shape: Lengths) -> int | tuple[int, ...]:
    """The last axes, whose lengths must be these; `ShapeError` otherwise."""
    lengths = as_shape("normalized_shape", normalized_shape)
    if not lengths or x.shape[-len(lengths) :] != lengths:
        raise ShapeError(
            f"{op}: {describe(x)} does not end in normalized_shape={lengths}; give the lengths of its last axes"
        )
    return tuple(range(-len(lengths), 0)) if len(lengths) > 1 else -1


def along_channels(parameter: Operand, x: Tensor) -> Operand:
    """A scale or shift ``(C,)``, reshaped to broadcast against x ``(N, C, …)``; None stays None."""
    return parameter if parameter is None or x.ndim == 2 else reshape(parameter, shape=(-1, *(1,) * (x.ndim - 2)))


def _samples(x: Tensor, axis: int | tuple[int, ...]) -> int:
    """How many values each feature has."""
    shape = x.shape
    if axis == 0 and shape:  # the usual case
        return shape[0]
    return prod([shape[i] for i in counted("batch_norm", x, axis)])
