"""Comparisons and logic: truth values, element by element. None of them is differentiable, and none rounds."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from ..primitive import Op, facts, primitive
from ..record import unwrap
from ..recording import recording
from ..row import Array, Function, Operand, Relation, Trait
from ..trace import holds

__all__ = ["equal", "greater", "greater_equal", "less", "less_equal", "not_equal"]
__all__ += ["bitwise_and", "bitwise_or", "invert", "isfinite"]


FEW = 1 << 14
"""Up to this many elements a pass over an array takes less time than to tell NumPy not to warn."""
BLAS = frozenset({np.dtype(np.float32), np.dtype(np.float64)})
EXACT, SYMMETRIC = Trait.EXACT, Trait.EXACT | Trait.COMMUTES


def comparison(
    sign: str, python: str, function: Callable[..., Any], method: str, example: str, traits: Trait = EXACT
) -> Op[[Operand, Operand]]:
    """The op of one of NumPy's comparisons: its sign, Python's sign and method, and what it says of 1, 2 and 3."""

    def compare(a: Operand, b: Operand, /) -> Array:
        return function(a, b)

    compare.__name__ = compare.__qualname__ = function.__name__
    compare.__doc__ = f"""Truth of ``a {sign} b``, element by element; not differentiable.

    Operands of any shapes that broadcast. `ShapeError` where they do not broadcast.

    >>> import micrograd_tensor as mt
    >>> mt.{function.__name__}(mt.tensor([1.0, 2.0, 3.0]), 2)
    tensor({example})
    """
    source = f"{{0}} {python} {{1}}"
    known = facts(numpy=function, method=method, source=source, reading=Relation(sign), traits=traits)
    return primitive(sign, f"{{0}} {sign} {{1}}", None, None, analytic=False)(known(compare))


greater: Final = comparison(">", ">", np.greater, "__gt__", "[False, False,  True]")
greater_equal: Final = comparison("≥", ">=", np.greater_equal, "__ge__", "[False,  True,  True]")
less: Final = comparison("<", "<", np.less, "__lt__", "[ True, False, False]")
less_equal: Final = comparison("≤", "<=", np.less_equal, "__le__", "[ True,  True, False]")
equal: Final = comparison("=", "==", np.equal, "__eq__", "[False,  True, False]", SYMMETRIC)
not_equal: Final = comparison("≠", "!=", np.not_equal, "__ne__", "[ True, False,  True]", SYMMETRIC)


@primitive("finite", "isfinite({0})", None, analytic=False)
@facts(numpy=np.isfinite, reading=Function(), traits=EXACT)
def isfinite(x: Operand, /) -> Array:
    """Truth of "neither NaN nor infinite", element by element; not differentiable.

    >>> import micrograd_tensor as mt
    >>> mt.isfinite(mt.tensor([1.0, float("inf")]))
    tensor([ True, False])
    """
    return np.isfinite(x)


def all_finite(x: Array) -> bool:
    """Whether all of x `holds` to be finite, which an array of NumPy's tells at once."""
    values = unwrap(x)
    if type(values) is np.ndarray and recording.get().trace is None:
        return squares_fit(values, math.inf) or bool(np.logical_and.reduce(np.isfinite(values), axis=None))
    return holds(isfinite(x))


def squares_fit(x: Array, at_most: float = FEW) -> bool:
    """Whether the squares of x are known to be finite; not within a trace, nor if there are more numbers than these.

    BLAS tells by their sum, and with this function of NumPy's it does so without warnings.
    """
    values = unwrap(x)
    if type(values) is not np.ndarray or values.size > at_most or recording.get().trace is not None:
        return False
    return values.dtype in BLAS and math.isfinite(np.vdot(values, values))


@primitive("&", "{0} & {1}", None, None, analytic=False)
@facts(
    numpy=np.bitwise_and,
    method="__and__",
    source="{0} & {1}",
    reading=Relation("&"),
    traits=SYMMETRIC,
)
def bitwise_and(a: Operand, b: Operand, /) -> Array:
    """``a & b``: of truth values "and", of integers bit by bit; not differentiable.

    `DTypeError` for other numbers, `ShapeError` for shapes that do not broadcast.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([-1.0, 0.5, 2.0])
    >>> mt.bitwise_and(x > 0, x < 1), (x > 0) & (x < 1)
    (tensor([False,  True, False]), tensor([False,  True, False]))
    """
    return np.bitwise_and(a, b)


@primitive("|", "{0} | {1}", None, None, analytic=False)
@facts(numpy=np.bitwise_or, method="__or__", source="{0} | {1}", reading=Relation("|"), traits=SYMMETRIC)
def bitwise_or(a: Operand, b: Operand, /) -> Array:
    """``a | b``: of truth values "or", of integers bit by bit; not differentiable.

    `DTypeError` for other numbers, `ShapeError` for shapes that do not broadcast.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([-1.0, 0.5, 2.0])
    >>> mt.bitwise_or(x < 0, x > 1), (x < 0) | (x > 1)
    (tensor([ True, False,  True]), tensor([ True, False,  True]))
    """
    return np.bitwise_or(a, b)


@primitive("~", "~{0}", None, analytic=False)
@facts(numpy=np.invert, method="__invert__", source="~{0}", reading=Relation("~"), traits=EXACT)
def invert(x: Operand, /) -> Array:
    """``~x``: of truth values "not", of integers bit by bit; not differentiable. `DTypeError` for other numbers.

    >>> import micrograd_tensor as mt
    >>> mt.invert(mt.tensor([True, False])), ~mt.tensor([True, False])
    (tensor([False,  True]), tensor([False,  True]))
    """
    return np.invert(x)
