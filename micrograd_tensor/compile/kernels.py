"""Kernels: loops compiled by Numba, each text once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .scalars import PLAIN, vectorized

_made: dict[Any, Any] = {}

FAST = {"reassoc", "contract", "nsz"}
"""What may be assumed of floating-point numbers: sums in any order, and −0 for 0; nothing about NaN and infinities."""


def compiled(text: str, name: str, kind: np.dtype[Any], arrays: Sequence[tuple[np.dtype[Any], int, bool]]) -> Any:
    """The function of a source that takes arrays and, last, its constants.

    Args:
        text: the source.
        name: of the function.
        kind: the dtype that it computes with.
        arrays: of each array its dtype, its number of axes, and whether it is only read.
    """
    import numba

    key = text, kind, tuple(arrays)
    if key not in _made:
        signature = [
            numba.types.Array(numba.from_dtype(dtype), ndim, "C", readonly=readonly) for dtype, ndim, readonly in arrays
        ]
        numbers = numba.types.Array(numba.float64, 1, "C")
        space: dict[str, Any] = {"np": np, "F": kind.type, **vectorized(kind)}
        exec(compile(text, f"<{name}>", "exec"), space)  # noqa: S102 -- printed from a graph
        make = numba.njit((*signature, numbers), error_model="numpy", fastmath=FAST, nogil=True)
        _made[key] = make(space[name])
    return _made[key]


def interpreted(text: str, name: str, kind: np.dtype[Any], _arrays: Any) -> Any:
    """The same, run by Python: as fast for a few scalars, and the reference for what Numba compiles."""
    space: dict[str, Any] = {"np": np, "F": kind.type, **PLAIN}
    exec(compile(text, f"<{name}>", "exec"), space)  # noqa: S102 -- printed from a graph
    return space[name]
