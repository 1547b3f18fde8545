"""Protocols: NumPy's own functions applied to Tensors, ``np.exp(x)`` or ``np.sum(x, axis=0)``, are recorded too.

NumPy asks its operands how to proceed (NEP 13 and NEP 18); a Tensor answers with the op of the table that does the
same. So a forward pass written for arrays runs on Tensors as it stands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .errors import DTypeError
from .table import elementwise as e
from .table import matrix, reductions, shapes

SAME: dict[Callable[..., Any], Callable[..., Any]] = {
    np.add: e.add,
    np.subtract: e.sub,
    np.multiply: e.mul,
    np.divide: e.div,
    np.negative: e.neg,
    np.power: e.pow,
    np.square: e.square,
    np.sqrt: e.sqrt,
    np.reciprocal: e.reciprocal,
    np.exp: e.exp,
    np.expm1: e.expm1,
    np.log: e.log,
    np.log1p: e.log1p,
    np.sin: e.sin,
    np.cos: e.cos,
    np.tanh: e.tanh,
    np.absolute: e.abs,
    np.sign: e.sign,
    np.maximum: e.maximum,
    np.minimum: e.minimum,
    np.greater: e.greater,
    np.greater_equal: e.greater_equal,
    np.less: e.less,
    np.less_equal: e.less_equal,
    np.equal: e.equal,
    np.not_equal: e.not_equal,
    np.isfinite: e.isfinite,
    np.bitwise_and: e.bitwise_and,
    np.bitwise_or: e.bitwise_or,
    np.invert: e.invert,
    np.matmul: matrix.matmul,
    np.where: e.where,
    np.clip: e.clip,
    np.sum: reductions.sum,
    np.mean: reductions.mean,
    np.max: reductions.max,
    np.amax: reductions.max,
    np.min: reductions.min,
    np.amin: reductions.min,
    np.prod: reductions.prod,
    np.cumsum: reductions.cumsum,
    np.broadcast_to: reductions.broadcast_to,
    np.reshape: shapes.reshape,
    np.transpose: shapes.transpose,
    np.swapaxes: shapes.swapaxes,
    np.squeeze: shapes.squeeze,
    np.expand_dims: shapes.expand_dims,
    np.flip: shapes.flip,
    np.tril: shapes.tril,
    np.triu: shapes.triu,
    np.take_along_axis: shapes.take_along_axis,
    np.concatenate: shapes.concatenate,
    np.stack: shapes.stack,
    np.split: shapes.split,
    np.argsort: shapes.argsort,
    np.sort: shapes.sort,
    np.einsum: matrix.einsum,
}
"""The op that does what a NumPy function does. Higher floors add their compositions."""


def array_ufunc(_self: Any, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
    """NEP 13: answer a universal function with the op of the table that does the same."""
    op = SAME.get(ufunc)
    if op is None or method != "__call__" or settings:
        called = f"np.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")
        settled = f" with {', '.join(settings)}" if settings else ""
        raise DTypeError(f"{called}{settled} has no recorded counterpart; use mt's own ops, or x.numpy() for the array")
    return op(*inputs)


def array_function(_self: Any, function: Any, _types: Any, args: Any, settings: Any) -> Any:
    """NEP 18: likewise for NumPy's other functions."""
    if function in (np.shape, np.ndim, np.size):
        return function(args[0].data, *args[1:], **settings)
    op = SAME.get(function)
    if op is None:
        raise DTypeError(
            f"np.{function.__name__} has no recorded counterpart; use mt's own ops, or x.numpy() for the array"
        )
    try:
        return op(*args, **settings)
    except TypeError as error:
        raise DTypeError(f"np.{function.__name__} on a Tensor: {error}; see help(mt.{op.__name__})") from None
