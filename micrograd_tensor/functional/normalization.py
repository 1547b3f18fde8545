"""Batch normalization, as ten elementary ops in a row."""

from __future__ import annotations

from math import prod

from ..engine.errors import ShapeError, describe
from ..engine.primitive import Operand
from ..engine.recording import scope
from ..engine.table.elementwise import add, mul, reciprocal, sqrt, square, sub
from ..engine.table.reductions import mean
from ..engine.tensor import Tensor, tensor


def batch_norm(x: Operand, gamma: Operand, beta: Operand, eps: float = 1e-5, axis: int | tuple[int, ...] = 0) -> Tensor:
    """Normalize every feature of a batch to zero mean and unit variance, then scale by gamma and shift by beta.

    ``out = gamma · (x − mean) / √(var + eps) + beta``, with mean and (biased) variance over ``axis``; Ioffe and
    Szegedy, *Batch Normalization*, 2015, algorithm 1. The intermediate results are named after the stages of its
    derivation on the computational graph: mean, dev_from_mean, dev_from_mean_sq, var, stddev, inverted_stddev, x_norm,
    scaled_x, out.

    Args:
        x: ``(N, D)``, N samples of D features; or any shape with ``axis`` naming the axes to average over.
        gamma: scale, ``(D,)``; for other axes than 0 any shape that broadcasts to x, such as ``(C, 1, 1)``.
        beta: shift, likewise.
        eps: added to the variance, in its units, against division by zero.
        axis: the axes to average over.

    Raises:
        ShapeError: for one sample only, whose variance says nothing, and for shapes that do not broadcast.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([[1.0, 10.0], [3.0, 30.0]], requires_grad=True)
    >>> mt.batch_norm(x, mt.tensor([1.0, 2.0]), mt.tensor([0.0, 5.0])).numpy().round(2)
    array([[-1.,  3.],
           [ 1.,  7.]])
    """
    keepdims = axis != 0
    x = x if isinstance(x, Tensor) else tensor(x)
    if _samples(x.shape, axis) < 2:
        raise ShapeError(
            f"batch_norm: {describe(x)} has {_samples(x.shape, axis)} sample(s); a batch needs two or more"
        )
    with scope("batch_norm"):
        average = mean(x, axis=axis, keepdims=keepdims).named("mean")
        dev_from_mean = sub(x, average).named("dev_from_mean")
        dev_from_mean_sq = square(dev_from_mean).named("dev_from_mean_sq")
        var = mean(dev_from_mean_sq, axis=axis, keepdims=keepdims).named("var")
        stddev = sqrt(add(var, eps)).named("stddev")
        inverted_stddev = reciprocal(stddev).named("inverted_stddev")
        x_norm = mul(dev_from_mean, inverted_stddev).named("x_norm")
        scaled_x = mul(x_norm, gamma).named("scaled_x")
        return add(scaled_x, beta).named("out")


def _samples(shape: tuple[int, ...], axis: int | tuple[int, ...]) -> int:
    """How many values each feature has; enough for the op itself to say so where the axis is out of range."""
    axes = axis if isinstance(axis, tuple) else (axis,)
    return prod(shape[i] if -len(shape) <= i < len(shape) else 2 for i in axes)
