"""Logarithms to other bases than e, and of a sum of exponentials."""

from __future__ import annotations

import math

import numpy as np

from ..primitive import facts, primitive
from ..row import Array, Function, Operand, Trait
from .elementwise import sigmoid

__all__ = ["log2", "log10", "logaddexp"]


@primitive("log₂", "log2({0})", lambda g, y, x: g / (x * math.log(2)))
@facts(numpy=np.log2, reading=Function(), unread=("y",))
def log2(x: Operand, /) -> Array:
    """Logarithm to the base 2; local gradient 1/(x · ln 2). Any shape; −∞ at 0, NaN for negative numbers.

    >>> import micrograd_tensor as mt
    >>> mt.log2(mt.tensor([1.0, 8.0]))
    tensor([0., 3.])
    """
    return np.log2(x)


@primitive("log₁₀", "log10({0})", lambda g, y, x: g / (x * math.log(10)))
@facts(numpy=np.log10, reading=Function(), unread=("y",))
def log10(x: Operand, /) -> Array:
    """Logarithm to the base 10; local gradient 1/(x · ln 10). Any shape; −∞ at 0, NaN for negative numbers.

    >>> import micrograd_tensor as mt
    >>> mt.log10(mt.tensor([1.0, 1000.0]))
    tensor([0., 3.])
    """
    return np.log10(x)


@primitive(
    "ln(eᵃ+eᵇ)",
    "logaddexp({0}, {1})",
    lambda g, y, a, b: g * sigmoid(a - b),
    lambda g, y, a, b: g * sigmoid(b - a),
)
@facts(numpy=np.logaddexp, reading=Function(), traits=Trait.COMMUTES, unread=("y",))
def logaddexp(a: Operand, b: Operand, /) -> Array:
    """``ln(eᵃ + eᵇ)`` without overflow; local gradients σ(a − b) and σ(b − a).

    Operands of any shapes that broadcast. `ShapeError` where they do not broadcast.

    >>> import micrograd_tensor as mt
    >>> mt.logaddexp(mt.tensor([0.0, 1000.0]), 0.0)
    tensor([6.93147181e-01, 1.00000000e+03])
    """
    return np.logaddexp(a, b)
