"""Scalars: exp and what follows from it, written so that loops over them are vectorized; the C library's are not.

``eˣ = 2ⁿ · eʳ`` with n a whole number and ``|r| ≤ ln 2 / 2``, where a few terms of the power series do. ``n`` falls out
of adding a number so large that only whole numbers are left in its last places. To a few units in the last place.

In float32, erf is a series near 0, and one less ``erfc = t · exp(p(t) − x²)`` with ``t = 1 / (1 + x/2)`` elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

import numpy as np

PLAIN = {"exp": np.exp, "expm1": np.expm1, "tanh": np.tanh, "sqrt": np.sqrt, "erf": math.erf, "erfc": math.erfc}
PLAIN |= {"maximum": np.maximum, "minimum": np.minimum}
"""The functions by their names in kernels, for those that Python runs."""

FLAGS = frozenset({"contract"})
"""What may be assumed of the numbers in these functions: not the caller's liberties, since sums must be rounded."""

NEAR = 0.875
"""Up to here the series of erf; from here on 1 less erfc."""
FAR = 10.5
"""From here on erfc is 0 in float32, and what is fitted there does not matter."""

_TERMS = {np.dtype(np.float32): 7, np.dtype(np.float64): 13}
"""The terms of the series, of which the next one is lost in rounding."""

_PARTS = """\
def parts(x):
    t = x * per_ln2 + magic
    n = t - magic
    r = (x - n * high) - n * low
    return ({series}) * r, half_power(t)
"""
_EXP = """\
def exp(x):
    q, power = parts(x)
    made = (q * power + power) * two
    return infinity if x > most else zero if x < least else made
"""
_EXPM1 = """\
def expm1(x):
    q, power = parts(x)
    made = (q * power + (power - half)) * two
    return infinity if x > most else -one if x < least else made
"""
_TANH = """\
def tanh(x):
    y = far if x > far else max(x, -far)
    e = expm1(two * y)
    return e / (e + two)
"""
_SERIES = """\
def series(x):
    z = x * x
    return ({series}) * x
"""
_TAIL = """\
def tail(x):
    a = abs(x)
    t = one / (one + half * a)
    return t * exp(({fitted}) - a * a)
"""
_ERF = """\
def erf(x):
    inner = series(x)
    outer = one - tail(x)
    outer = -outer if x < zero else outer
    return inner if abs(x) < near else outer
"""
_ERFC = """\
def erfc(x):
    inner = one - series(x)
    outer = tail(x)
    outer = two - outer if x < zero else outer
    return inner if abs(x) < near else outer
"""


class Scalars(NamedTuple):
    """Functions of scalars of one dtype.

    Attributes:
        texts: of each its Python source; what it calls comes before it. ``half_power`` has none: it is ``2ⁿ⁻¹`` for a
            number whose last places are n.
        constants: the numbers by the names that they have there.
    """

    texts: Mapping[str, str]
    constants: Mapping[str, Any]


@cache
def scalars(kind: np.dtype[Any]) -> Scalars:
    """The functions that compute with this dtype; for others the C library's will do.

    >>> print(scalars(np.dtype("float32")).texts["tanh"])
    def tanh(x):
        y = far if x > far else max(x, -far)
        e = expm1(two * y)
        return e / (e + two)
    <BLANKLINE>
    """
    info, narrow = np.finfo(kind), kind.itemsize == 4
    places = 2.0 ** (9 if narrow else 32)
    high = math.floor(math.log(2) * places) / places  # n times it is exact
    numbers = {"per_ln2": 1 / math.log(2), "magic": 1.5 * 2.0**info.nmant}
    numbers |= {"high": high, "low": float(Decimal(2).ln() - Decimal(high))}
    numbers |= {"most": math.log(float(info.max)), "least": math.log(float(info.tiny)) + 0.5, "far": 20.0}
    numbers |= {"zero": 0.0, "half": 0.5, "one": 1.0, "two": 2.0, "infinity": math.inf}
    factors = {f"f{k}": 1 / math.factorial(k) for k in range(_TERMS[kind], 0, -1)}
    texts = {"parts": _PARTS.format(series=_horner([*factors], "r")), "exp": _EXP, "expm1": _EXPM1, "tanh": _TANH}
    if narrow:
        sums = {
            f"s{k}": 2 / math.sqrt(math.pi) * (-1) ** k / (math.factorial(k) * (2 * k + 1)) for k in range(9, -1, -1)
        }
        fitted = {f"p{k}": c for k, c in reversed([*enumerate(_fitted())])}
        numbers |= {**sums, **fitted, "near": NEAR}
        texts |= {"series": _SERIES.format(series=_horner([*sums], "z"))}
        texts |= {"tail": _TAIL.format(fitted=_horner([*fitted], "t")), "erf": _ERF, "erfc": _ERFC}
    return Scalars(texts, {name: kind.type(x) for name, x in (numbers | factors).items()})


def _horner(names: Sequence[str], x: str) -> str:
    """A polynomial by the names of its coefficients, the highest first."""
    text = names[0]
    for name in names[1:]:
        text = f"{f'({text})' if ' ' in text else text} * {x} + {name}"
    return text


def _fitted() -> list[float]:
    """The coefficients of p, the lowest first: fitted to what the C library says."""
    x = np.cos(np.linspace(0, np.pi, 200)) * FAR / 2 + FAR / 2
    t = 1 / (1 + x / 2)
    values = np.log([math.erfc(a) / b for a, b in zip(x, t, strict=True)]) + x * x
    made = np.polynomial.Chebyshev.fit(t, values, 13).convert(kind=np.polynomial.Polynomial)
    return [float(c) for c in made.coef]


@cache
def vectorized(kind: np.dtype[Any]) -> dict[str, Any]:
    """The functions by their names in kernels, for those that Numba compiles."""
    import numba
    from numba.extending import intrinsic

    @intrinsic
    def half_power(_context: Any, t: Any) -> Any:
        whole, info = numba.types.Integer.from_bitwidth(8 * kind.itemsize), np.finfo(kind)

        def codegen(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            integer = context.get_value_type(whole)
            shifted = builder.shl(builder.bitcast(args[0], integer), integer(info.nmant))
            made = builder.add(shifted, integer((2 ** (info.nexp - 1) - 2) << info.nmant))
            return builder.bitcast(made, context.get_value_type(t))

        return t(t), codegen

    found = scalars(kind)
    space: dict[str, Any] = {**found.constants, "half_power": half_power}
    for name, text in found.texts.items():
        exec(compile(text, f"<{name}>", "exec"), space)  # noqa: S102 -- the texts above
        inline: Any = "always" if name in ("erf", "erfc", "tail") else "never"  # LLVM would find them too long
        space[name] = numba.njit(space[name], error_model="numpy", fastmath=set(FLAGS), inline=inline)
    made = {"sqrt": math.sqrt, "erf": math.erf, "erfc": math.erfc, **{name: space[name] for name in found.texts}}
    return made | {"maximum": _extreme("maximum"), "minimum": _extreme("minimum")}


def _extreme(kind: str) -> Any:
    """The larger or the smaller of two, NaN if one is: LLVM's, of which it knows how to take several at a time."""
    from llvmlite import ir
    from numba.extending import intrinsic

    @intrinsic
    def extreme(_context: Any, a: Any, b: Any) -> Any:
        def codegen(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            number = context.get_value_type(a)
            called = builder.module.declare_intrinsic(f"llvm.{kind}", [number], ir.FunctionType(number, [number] * 2))
            return builder.call(called, args)

        return a(a, b), codegen

    return extreme
