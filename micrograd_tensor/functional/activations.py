"""Activations: the elementwise functions between the linear maps of a net."""

from __future__ import annotations

from math import inf, pi, sqrt

import numpy as np

from ..engine.arrays import beside, setting
from ..engine.errors import ShapeError, describe
from ..engine.interop.habits import keywords
from ..engine.randomness import generator_or_default
from ..engine.recording import composition
from ..engine.row import Operand
from ..engine.table.elementwise import astype, expm1, sigmoid, tanh, where
from ..engine.table.logarithms import logaddexp
from ..engine.table.shapes import reshape
from ..engine.table.special import erfc
from ..engine.tensor import Tensor
from ..engine.trace import source
from .operands import as_tensor

__all__ = ["dropout", "elu", "gelu", "leaky_relu", "logsigmoid", "prelu", "selu", "silu", "softplus"]


@keywords
@composition
def leaky_relu(x: Operand, negative_slope: float = 0.01) -> Tensor:
    """x where it is positive, else ``negative_slope · x``; at 0 its slope is the negative one. Any shape.

    >>> import micrograd_tensor as mt
    >>> mt.leaky_relu([-1.0, 0.0, 2.0])
    tensor([-0.01,  0.  ,  2.  ])
    """
    x = as_tensor(x)
    return where(x > 0, x, x * negative_slope)


@keywords
@composition
def elu(x: Operand, alpha: float = 1.0) -> Tensor:
    """x where it is positive, else ``alpha · (eˣ − 1)``; Clevert et al., 2015. Any shape.

    >>> import micrograd_tensor as mt
    >>> mt.elu([-1000.0, 0.0, 2.0])
    tensor([-1.,  0.,  2.])
    """
    x = as_tensor(x)
    positive = x > 0
    return where(positive, x, expm1(where(positive, 0, x)) * alpha)  # the branch not taken must not overflow


@keywords
@composition
def selu(x: Operand) -> Tensor:
    """``λ · elu(x, α)`` with the λ and α that keep mean 0 and variance 1; Klambauer et al., 2017. Any shape.

    >>> import micrograd_tensor as mt
    >>> mt.selu([-1000.0, 0.0, 1.0])
    tensor([-1.75809934,  0.        ,  1.05070099])
    """
    return elu(x, 1.6732632423543772) * 1.0507009873554805


@composition
def prelu(x: Operand, weight: Operand) -> Tensor:
    """x where it is positive, else ``weight · x``, with one weight, or one for each channel on axis 1; He et al., 2015.

    `ShapeError` for another number of weights.

    >>> import micrograd_tensor as mt
    >>> mt.prelu([-1.0, 0.0, 2.0], [0.25])
    tensor([-0.25,  0.  ,  2.  ])
    """
    x, weight = as_tensor(x), as_tensor(weight)
    channels = x.shape[1] if x.ndim > 1 else 1
    if weight.size not in (1, channels):
        raise ShapeError(f"prelu: {describe(weight)} beside {describe(x)}; give one weight, or {channels}")
    slopes = reshape(weight, shape=(-1, *(1,) * (x.ndim - 2)))
    return where(x > 0, x, x * slopes)


@composition
def gelu(x: Operand, approximate: str = "none") -> Tensor:
    """``x · Φ(x)``, Φ being the normal distribution; Hendrycks and Gimpel, *Gaussian Error Linear Units*, 2016.

    Args:
        x: any shape.
        approximate: ``"none"`` for the exact ``Φ(x) = erfc(−x/√2)/2``, or ``"tanh"`` for the paper's
            ``Φ(x) ≈ (1 + tanh(√(2/π) (x + 0.044715 x³)))/2``.

    Raises:
        ValueError: for any other approximation.

    >>> import micrograd_tensor as mt
    >>> mt.gelu([-1.0, 0.0, 2.0])
    tensor([-0.15865525,  0.        ,  1.95449974])
    """
    values = as_tensor(x)
    if approximate == "none":
        doubled = erfc(values * (-1 / sqrt(2)))
    elif approximate == "tanh":
        doubled = tanh(values * (values * values * 0.044715 + 1) * sqrt(2 / pi)) + 1
    else:
        raise ValueError(f"gelu: approximate={approximate!r} must be 'none' or 'tanh'")
    return values * 0.5 * doubled


@keywords
@composition
def silu(x: Operand) -> Tensor:
    """``x · σ(x)``, also called swish; Elfwing et al., 2017. Any shape.

    >>> import micrograd_tensor as mt
    >>> mt.silu([-1.0, 0.0, 2.0])
    tensor([-0.26894142,  0.        ,  1.76159416])
    """
    values = as_tensor(x)
    return values * sigmoid(values)


@composition
def softplus(x: Operand, beta: float = 1.0, threshold: float = inf) -> Tensor:
    """``ln(1 + e^(β·x)) / β``, a smooth rectifier that never overflows. Any shape.

    Where ``β·x`` exceeds a threshold it is x itself, from 20 on in PyTorch; here the digits are kept at any size, so
    there is none by default.

    >>> import micrograd_tensor as mt
    >>> mt.softplus([-1.0, 0.0, 1000.0])
    tensor([3.13261688e-01, 6.93147181e-01, 1.00000000e+03])
    """
    x = as_tensor(x)
    smooth = logaddexp(x, 0.0) if beta == 1 else logaddexp(x * beta, 0.0) / beta
    return smooth if threshold == inf else where(x * beta > threshold, x, smooth)


@composition
def logsigmoid(x: Operand) -> Tensor:
    """``ln σ(x) = −ln(1 + e⁻ˣ)``, which never overflows. Any shape.

    >>> import micrograd_tensor as mt
    >>> mt.logsigmoid([-1000.0, 0.0])
    tensor([-1.00000000e+03, -6.93147181e-01])
    """
    return -logaddexp(-as_tensor(x), 0.0)


@keywords
@composition
def dropout(
    x: Operand, p: float = 0.5, training: bool = True, *, generator: np.random.Generator | None = None
) -> Tensor:
    """Set each element to 0 with probability p and divide the others by ``1 − p``, which keeps the expected value.

    Srivastava et al., *Dropout*, 2014, in its "inverted" form. The factors are a constant of the graph named ``mask``;
    when not training, the result is x itself.

    Args:
        x: any shape, floating-point.
        p: the probability that an element is dropped.
        training: whether to drop anything at all.
        generator: the source of the random numbers; by default the one that `manual_seed` seeds.

    Raises:
        ValueError: for a p outside 0…1.

    >>> import micrograd_tensor as mt
    >>> _ = mt.manual_seed(0)
    >>> mt.dropout([1.0, 2.0, 3.0, 4.0], p=0.5)
    tensor([2., 0., 0., 0.])
    """
    if not 0 <= setting("dropout: p", p) <= 1:
        raise ValueError(f"dropout: p={p!r} is not a probability; it must lie in 0…1")
    values = as_tensor(x)
    if not training or p == 0:
        return values
    generator = generator_or_default(generator)
    kept = source(lambda: beside(generator.random(values.shape), values), "noise", generator) >= p
    return values * astype(kept / (1 - p) if p < 1 else kept, values.dtype).named("mask")
