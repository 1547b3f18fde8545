"""Kernels: texts made into functions, each once: by LLVM, or by Numba what `assembly` does not read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from time import perf_counter
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from .assembly import FAST, UnreadError, assembly
from .scalars import PLAIN, vectorized

Origin: TypeAlias = Literal["compiled", "disk", "memory", "Python"]

_made: dict[Any, Any] = {}


class Made(NamedTuple):
    """A kernel that can run.

    Attributes:
        run: takes the arrays and, last, the constants.
        origin: whether it was compiled, or found on the disk or in memory, or is run by Python.
        seconds: what that took.
    """

    run: Any
    origin: Origin
    seconds: float


def compiled(text: str, name: str, kind: np.dtype[Any], arrays: Sequence[tuple[np.dtype[Any], int, bool]]) -> Made:
    """The function of a source that takes arrays and, last, its constants.

    Args:
        text: the source.
        name: of the function.
        kind: the dtype that it computes with.
        arrays: of each array its dtype, its number of axes, and whether it is only read. An array that is written
            must not overlap another.
    """
    key, started, origin = (text, kind, tuple(arrays)), perf_counter(), "memory"
    if key not in _made:
        try:
            _made[key], origin = _by_llvm(text, name, kind, arrays)
        except UnreadError:
            _made[key], origin = _by_numba(text, name, kind, arrays), "compiled"
    return Made(_made[key], origin, perf_counter() - started)  # type: ignore[arg-type]


def _by_llvm(
    text: str, name: str, kind: np.dtype[Any], arrays: Sequence[tuple[np.dtype[Any], int, bool]]
) -> tuple[Any, Origin]:
    from .machine import function

    run, loaded = function(assembly(text, kind, arrays), name)
    return run, "disk" if loaded else "compiled"


def _by_numba(text: str, name: str, kind: np.dtype[Any], arrays: Sequence[tuple[np.dtype[Any], int, bool]]) -> Any:
    import numba

    signature = [
        numba.types.Array(numba.from_dtype(dtype), ndim, "C", readonly=readonly) for dtype, ndim, readonly in arrays
    ]
    numbers = numba.types.Array(numba.float64, 1, "C")
    space: dict[str, Any] = {"np": np, "F": kind.type, **vectorized(kind)}
    exec(compile(text, f"<{name}>", "exec"), space)  # noqa: S102 -- printed from a graph
    return numba.njit((*signature, numbers), error_model="numpy", fastmath=set(FAST), nogil=True)(space[name])


def interpreted(text: str, name: str, kind: np.dtype[Any], _arrays: Any) -> Made:
    """The same, run by Python: as fast for a few scalars, and the reference for what is compiled."""
    space: dict[str, Any] = {"np": np, "F": kind.type, **PLAIN}
    text = re.sub(r"(?m)^( *\w+ = )([01]\.0)$", r"\1np.float64(\2)", text)  # beside NumPy's, Python's numbers are weak
    exec(compile(text, f"<{name}>", "exec"), space)  # noqa: S102 -- printed from a graph
    return Made(space[name], "Python", 0.0)
