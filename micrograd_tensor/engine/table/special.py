"""Special functions: what no elementary op gives."""

from __future__ import annotations

from math import erf as erf_of_number
from math import pi, sqrt

import numpy as np

from ..arrays import is_duck
from ..primitive import Array, Operand, primitive
from .elementwise import exp, square


@primitive("erf", "erf({0})", lambda g, y, x: g * (2 / sqrt(pi) * exp(-square(x))), analytic=False)
def erf(x: Operand, /) -> Array:
    """Error function ``2/√π ∫₀ˣ e^(−t²) dt``; local gradient 2/√π · e^(−x²). Any shape, real numbers.

    Abramowitz and Stegun, 7.1.1. Each number goes through the C library's ``erf``, in float64 whatever the dtype, so
    the result is right to the last place or nearly so.

    >>> import micrograd_tensor as mt
    >>> mt.erf(mt.tensor([0.0, 1.0, -10.0]))
    tensor([ 0.        ,  0.84270079, -1.        ])
    """
    if is_duck(x):
        return x.map_blocks(erf, dtype=x.dtype)
    x = np.asarray(x)
    if x.dtype.kind == "c":
        raise TypeError("it is written for real numbers only")
    flat = np.fromiter(map(erf_of_number, x.ravel().tolist()), np.float64, x.size)
    return flat.reshape(x.shape).astype(x.dtype if x.dtype.kind == "f" else np.float64, copy=False)
