"""Scalars: exp and what follows from it, written so that loops over them are vectorized; the C library's are not.

``eˣ = 2ⁿ · eʳ`` with n a whole number and ``|r| ≤ ln 2 / 2``, where a few terms of the power series do. ``n`` falls out
of adding a number so large that only whole numbers are left in its last places. To a few units in the last place.
"""

from __future__ import annotations

import math
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np

PLAIN = {"exp": np.exp, "expm1": np.expm1, "tanh": np.tanh, "sqrt": np.sqrt, "erf": math.erf, "erfc": math.erfc}
PLAIN |= {"maximum": np.maximum, "minimum": np.minimum}
"""The functions by their names in kernels, for those that Python runs."""

_TERMS = {np.dtype(np.float32): 7, np.dtype(np.float64): 13}
"""The terms of the series, of which the next one is lost in rounding."""


@cache
def vectorized(kind: np.dtype[Any]) -> dict[str, Any]:
    """The functions by their names in kernels, for those that Numba compiles and that compute with this dtype."""
    import numba
    from numba.core import types
    from numba.extending import intrinsic

    float_, bits = kind.type, 8 * kind.itemsize
    info = np.finfo(kind)
    magic = float_(1.5 * 2.0**info.nmant)
    per_ln2, places = float_(1 / math.log(2)), 2.0 ** (9 if bits == 32 else 32)
    high = float_(math.floor(math.log(2) * places) / places)  # n times it is exact
    low = float_(float(Decimal(2).ln() - Decimal(float(high))))
    most, least = float_(math.log(float(info.max))), float_(math.log(float(info.tiny)) + 0.5)
    one, two, infinity, zero = float_(1), float_(2), float_(np.inf), float_(0)
    terms = _TERMS[kind]
    factors = tuple(float_(1 / math.factorial(k)) for k in range(terms, 0, -1))

    @intrinsic
    def half_power(_context: Any, t: Any) -> Any:
        """``2ⁿ⁻¹`` for a number whose last places are n: they become its exponent."""
        whole = types.Integer.from_bitwidth(bits)

        def codegen(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            integer = context.get_value_type(whole)
            shifted = builder.shl(builder.bitcast(args[0], integer), integer(info.nmant))
            made = builder.add(shifted, integer((2 ** (info.nexp - 1) - 2) << info.nmant))
            return builder.bitcast(made, context.get_value_type(t))

        return t(t), codegen

    lines = [  # compiled without the caller's liberties: the sum must be rounded
        "def parts(x):",
        "    t = x * per_ln2 + magic",
        "    n = t - magic",
        "    r = (x - n * high) - n * low",
        "    q = f0",
        *(f"    q = q * r + f{k}" for k in range(1, terms)),
        "    return q * r, half_power(t)",
    ]
    space: dict[str, Any] = {"per_ln2": per_ln2, "magic": magic, "high": high, "low": low, "half_power": half_power}
    space |= {f"f{k}": factor for k, factor in enumerate(factors)}
    exec(compile("\n".join(lines), "<exp>", "exec"), space)  # noqa: S102 -- the lines above
    parts = numba.njit(space["parts"], error_model="numpy", fastmath={"contract"})

    @numba.njit(error_model="numpy", fastmath={"contract"})
    def exp(x: Any) -> Any:
        q, half = parts(x)
        made = (q * half + half) * two
        return infinity if x > most else zero if x < least else made

    @numba.njit(error_model="numpy", fastmath={"contract"})
    def expm1(x: Any) -> Any:
        q, half = parts(x)
        made = (q * half + (half - one / two)) * two
        return infinity if x > most else -one if x < least else made

    far = float_(20)

    @numba.njit(error_model="numpy", fastmath={"contract"})
    def tanh(x: Any) -> Any:
        y = far if x > far else max(x, -far)
        e = expm1(two * y)
        return e / (e + two)

    found = {"exp": exp, "expm1": expm1, "tanh": tanh, "sqrt": math.sqrt, "erf": math.erf, "erfc": math.erfc}
    found |= {"maximum": _extreme("maximum"), "minimum": _extreme("minimum")}
    return found | (_narrow_erf(exp) if bits == 32 else {})


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


NEAR = 0.875
"""Up to here the series of erf; from here on 1 less erfc."""
FAR = 10.5
"""From here on erfc is 0 in float32, and what is fitted there does not matter."""


def _narrow_erf(exp: Any) -> dict[str, Any]:
    """erf and erfc in float32: a series near 0, and ``t · exp(p(t) − x²)`` with ``t = 1 / (1 + x/2)`` elsewhere.

    p is fitted here, to what the C library says. Both are inlined by Numba: LLVM would find them too long.
    """
    import numba

    x = np.cos(np.linspace(0, np.pi, 200)) * FAR / 2 + FAR / 2
    t = 1 / (1 + x / 2)
    values = np.log([math.erfc(a) / b for a, b in zip(x, t, strict=True)]) + x * x
    fitted = np.polynomial.Chebyshev.fit(t, values, 13).convert(kind=np.polynomial.Polynomial).coef
    terms = [2 / math.sqrt(math.pi) * (-1) ** k / (math.factorial(k) * (2 * k + 1)) for k in range(10)]
    lines = ["def tail(t):", f"    q = p{len(fitted) - 1}"]
    lines += [f"    q = q * t + p{k}" for k in range(len(fitted) - 2, -1, -1)]
    lines += ["    return q", "def series(x):", "    z = x * x", f"    q = s{len(terms) - 1}"]
    lines += [f"    q = q * z + s{k}" for k in range(len(terms) - 2, -1, -1)]
    lines += ["    return q * x"]
    space: dict[str, Any] = {f"p{k}": np.float32(c) for k, c in enumerate(fitted)}
    space |= {f"s{k}": np.float32(c) for k, c in enumerate(terms)}
    exec(compile("\n".join(lines), "<erf>", "exec"), space)  # noqa: S102 -- the lines above
    made = {name: numba.njit(space[name], error_model="numpy", fastmath={"contract"}) for name in ("tail", "series")}
    tail, series = made["tail"], made["series"]
    zero, half, one, two, near = map(np.float32, (0, 0.5, 1, 2, NEAR))

    @numba.njit(error_model="numpy", inline="always")
    def erfc(x: Any) -> Any:
        a = abs(x)
        t = one / (one + half * a)
        inner, outer = one - series(x), t * exp(tail(t) - a * a)  # both, so that there is no branch
        outer = two - outer if x < zero else outer
        return inner if a < near else outer

    @numba.njit(error_model="numpy", inline="always")
    def erf(x: Any) -> Any:
        a = abs(x)
        t = one / (one + half * a)
        inner, outer = series(x), one - t * exp(tail(t) - a * a)
        outer = -outer if x < zero else outer
        return inner if a < near else outer

    return {"erf": erf, "erfc": erfc}
