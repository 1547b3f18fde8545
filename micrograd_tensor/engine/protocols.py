"""Protocols: NumPy's own functions applied to Tensors, ``np.exp(x)`` or ``np.sum(x, axis=0)``, are recorded too.

NumPy asks its operands how to proceed (NEP 13 and NEP 18); a Tensor answers with the op of the table that does the
same. So a forward pass written for arrays runs on Tensors as it stands.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import DTypeError
from .row import ANSWERS


def array_ufunc(_self: Any, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
    """NEP 13: answer a universal function with the op of the table that does the same."""
    op = ANSWERS.get(ufunc)
    if op is None or method != "__call__" or settings:
        called = f"np.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")
        given = f" with {', '.join(settings)}" if settings else ""
        raise DTypeError(f"{called}{given} has no recorded counterpart; use mt's own ops, or x.numpy() for the array")
    return op(*inputs)


def array_function(_self: Any, function: Any, _types: Any, args: Any, settings: Any) -> Any:
    """NEP 18: likewise for NumPy's other functions."""
    if function in (np.shape, np.ndim, np.size):
        return function(args[0].data, *args[1:], **settings)
    op = ANSWERS.get(function)
    if op is None:
        raise DTypeError(
            f"np.{function.__name__} has no recorded counterpart; use mt's own ops, or x.numpy() for the array"
        )
    try:
        return op(*args, **settings)
    except TypeError as error:
        raise DTypeError(f"np.{function.__name__} on a Tensor: {error}; see help(mt.{op.__name__})") from None
