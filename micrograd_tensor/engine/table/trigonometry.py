"""Circular and hyperbolic functions, their inverses, and hypotenuses, beside the elementwise `sin`, `cos` and `tanh`.

Derivatives: Abramowitz and Stegun, 4.3.105–4.3.110, 4.4.52–4.4.54, 4.5.71–4.5.73 and 4.6.37–4.6.39.
"""

from __future__ import annotations

import numpy as np

from ..primitive import facts, primitive
from ..row import Array, Function, Operand, Trait
from .elementwise import sqrt, square

__all__ = ["arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "cosh", "hypot", "sinh", "tan"]


@primitive("tan", "tan({0})", lambda g, y, x: g * (1 + square(y)))
@facts(numpy=np.tan, reading=Function(), unread=(0,))
def tan(x: Operand, /) -> Array:
    """Tangent of an angle in radians; local gradient 1 + tan² x. Any shape.

    >>> import micrograd_tensor as mt
    >>> mt.tan(mt.tensor([0.0, 1.0]))
    tensor([0.        , 1.55740772])
    """
    return np.tan(x)


@primitive("arcsin", "arcsin({0})", lambda g, y, x: g / sqrt((1 - x) * (1 + x)))
@facts(numpy=np.arcsin, reading=Function(), unread=("y",))
def arcsin(x: Operand, /) -> Array:
    """Inverse sine, from −π/2 to π/2; local gradient 1/√(1 − x²), infinite at ±1. Any shape; NaN outside −1…1.

    >>> import micrograd_tensor as mt
    >>> mt.arcsin(mt.tensor([0.0, 1.0]))
    tensor([0.        , 1.57079633])
    """
    return np.arcsin(x)


@primitive("arccos", "arccos({0})", lambda g, y, x: -g / sqrt((1 - x) * (1 + x)))
@facts(numpy=np.arccos, reading=Function(), unread=("y",))
def arccos(x: Operand, /) -> Array:
    """Inverse cosine, from 0 to π; local gradient −1/√(1 − x²), infinite at ±1. Any shape; NaN outside −1…1.

    >>> import micrograd_tensor as mt
    >>> mt.arccos(mt.tensor([1.0, 0.0]))
    tensor([0.        , 1.57079633])
    """
    return np.arccos(x)


@primitive("arctan", "arctan({0})", lambda g, y, x: g / (1 + square(x)))
@facts(numpy=np.arctan, reading=Function(), unread=("y",))
def arctan(x: Operand, /) -> Array:
    """Inverse tangent, from −π/2 to π/2; local gradient 1/(1 + x²). Any shape.

    >>> import micrograd_tensor as mt
    >>> mt.arctan(mt.tensor([0.0, 1.0]))
    tensor([0.        , 0.78539816])
    """
    return np.arctan(x)


@primitive(
    "arctan2",
    "arctan2({0}, {1})",
    lambda g, y, a, b: g * (b / hypot(a, b) / hypot(a, b)),
    lambda g, y, a, b: -g * (a / hypot(a, b) / hypot(a, b)),
)
@facts(numpy=np.arctan2, reading=Function(), unread=("y",))
def arctan2(a: Operand, b: Operand, /) -> Array:
    """Angle of the point (b, a), from −π to π; local gradients b/(a² + b²) and −a/(a² + b²), NaN at the origin.

    Operands of any shapes that broadcast. `ShapeError` where they do not broadcast.

    >>> import micrograd_tensor as mt
    >>> mt.arctan2(mt.tensor([1.0, -1.0]), -1.0)
    tensor([ 2.35619449, -2.35619449])
    """
    return np.arctan2(a, b)


@primitive("hyp", "hypot({0}, {1})", lambda g, y, a, b: g * (a / y), lambda g, y, a, b: g * (b / y))
@facts(numpy=np.hypot, reading=Function(), traits=Trait.COMMUTES)
def hypot(a: Operand, b: Operand, /) -> Array:
    """The hypotenuse ``√(a² + b²)`` without overflow; local gradients a/y and b/y, NaN where both are 0.

    Operands of any shapes that broadcast. `ShapeError` where they do not broadcast.

    >>> import micrograd_tensor as mt
    >>> mt.hypot(mt.tensor([3.0, 5.0]), mt.tensor([4.0, 12.0]))
    tensor([ 5., 13.])
    """
    return np.hypot(a, b)


@primitive("sinh", "sinh({0})", lambda g, y, x: g * cosh(x))
@facts(numpy=np.sinh, reading=Function(), unread=("y",))
def sinh(x: Operand, /) -> Array:
    """Hyperbolic sine ``(eˣ − e⁻ˣ)/2``; local gradient cosh x. Any shape.

    >>> import micrograd_tensor as mt
    >>> mt.sinh(mt.tensor([0.0, 1.0]))
    tensor([0.        , 1.17520119])
    """
    return np.sinh(x)


@primitive("cosh", "cosh({0})", lambda g, y, x: g * sinh(x))
@facts(numpy=np.cosh, reading=Function(), unread=("y",))
def cosh(x: Operand, /) -> Array:
    """Hyperbolic cosine ``(eˣ + e⁻ˣ)/2``; local gradient sinh x. Any shape.

    >>> import micrograd_tensor as mt
    >>> mt.cosh(mt.tensor([0.0, 1.0]))
    tensor([1.        , 1.54308063])
    """
    return np.cosh(x)


@primitive("arsinh", "arcsinh({0})", lambda g, y, x: g / sqrt(1 + square(x)))
@facts(numpy=np.arcsinh, reading=Function(), unread=("y",))
def arcsinh(x: Operand, /) -> Array:
    """Inverse hyperbolic sine; local gradient 1/√(x² + 1). Any shape.

    >>> import micrograd_tensor as mt
    >>> mt.arcsinh(mt.tensor([0.0, 1.0]))
    tensor([0.        , 0.88137359])
    """
    return np.arcsinh(x)


@primitive("arcosh", "arccosh({0})", lambda g, y, x: g / (sqrt(x - 1) * sqrt(x + 1)))
@facts(numpy=np.arccosh, reading=Function(), unread=("y",))
def arccosh(x: Operand, /) -> Array:
    """Inverse hyperbolic cosine; local gradient 1/√(x² − 1), infinite at 1. Any shape; NaN below 1.

    >>> import micrograd_tensor as mt
    >>> mt.arccosh(mt.tensor([1.0, 2.0]))
    tensor([0.       , 1.3169579])
    """
    return np.arccosh(x)


@primitive("artanh", "arctanh({0})", lambda g, y, x: g / ((1 - x) * (1 + x)))
@facts(numpy=np.arctanh, reading=Function(), unread=("y",))
def arctanh(x: Operand, /) -> Array:
    """Inverse hyperbolic tangent; local gradient 1/(1 − x²), infinite at ±1. Any shape; NaN outside −1…1.

    >>> import micrograd_tensor as mt
    >>> mt.arctanh(mt.tensor([0.0, 0.5]))
    tensor([0.        , 0.54930614])
    """
    return np.arctanh(x)
