"""Special functions: what no elementary op gives."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..arrays import is_duck, is_lazy
from ..primitive import facts, primitive
from ..row import Array, Function, Operand
from .elementwise import exp, square

__all__ = ["erf", "erfc"]

_erf = np.frompyfunc(math.erf, 1, 1)
_erfc = np.frompyfunc(math.erfc, 1, 1)

_DEFINITION = """
def {0}(x):
    import math

    return np.asarray(np.frompyfunc(math.{0}, 1, 1)(x), x.dtype)
"""


@primitive("erf", "erf({0})", lambda g, y, x: g * (2 / math.sqrt(math.pi) * exp(-square(x))), analytic=False)
@facts(reading=Function(), definition=_DEFINITION.format("erf"))
def erf(x: Operand, /) -> Array:
    """Error function ``2/√π ∫₀ˣ e^(−t²) dt``; local gradient 2/√π · e^(−x²). Any shape, real numbers.

    Abramowitz and Stegun, 7.1.1. Each number goes through the C library's ``erf``, in float64 whatever the dtype, so
    the result is right to the last place or nearly so. `DTypeError` for complex numbers.

    >>> import micrograd_tensor as mt
    >>> mt.erf(mt.tensor([0.0, 1.0, -10.0]))
    tensor([ 0.        ,  0.84270079, -1.        ])
    """
    return _each(erf, _erf, x)


@primitive("erfc", "erfc({0})", lambda g, y, x: -g * (2 / math.sqrt(math.pi) * exp(-square(x))), analytic=False)
@facts(reading=Function(), definition=_DEFINITION.format("erfc"))
def erfc(x: Operand, /) -> Array:
    """``1 − erf(x)`` without cancellation for large x; local gradient −2/√π · e^(−x²). Any shape, real numbers.

    Abramowitz and Stegun, 7.1.2; computed as `erf` is. `DTypeError` for complex numbers.

    >>> import micrograd_tensor as mt
    >>> mt.erfc(mt.tensor([0.0, 10.0]))
    tensor([1.00000000e+00, 2.08848758e-45])
    """
    return _each(erfc, _erfc, x)


def _each(op: Any, function: Any, x: Array) -> Array:
    """What an op's function makes of each number, in the dtype of x where that is one of floats."""
    kept = x.dtype if getattr(x, "dtype", None) is not None and x.dtype.kind == "f" else np.dtype(np.float64)
    if is_lazy(x):
        return x.map_blocks(op, dtype=kept, meta=np.empty((0,) * x.ndim, kept))
    if is_duck(x):  # which knows no function of Python's, but one of SciPy's by its name
        found = x.__array_ufunc__(SimpleNamespace(__name__=op.__name__), "__call__", x)
        if found is NotImplemented:
            raise TypeError(f"a {type(x).__name__} does not know it; for gelu there is approximate='tanh'")
        return found
    result = function(x)
    return result.astype(kept) if hasattr(result, "astype") else np.asarray(result, kept)
