"""Words: what a rule amounts to whose recorded ops a teacher would not write, with the value that the words have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.row import Cumulation, Extremum, Reduction
from ..graph import Node
from ..graph.axes import Dims
from .templates import axes_of
from .unicode import axes_text


def in_words(node: Node, i: int, gradient: Node, dims: Dims) -> tuple[str, Any]:
    """How an op passes its gradient to its i-th operand, and what that is on the recorded arrays; or nothing."""
    arrays = [x.value if isinstance(x, Node) else np.asarray(x) for x in node.operands]
    g, y, x = gradient.value, node.value, arrays[i]
    reading = node.op.reading if node.op else None
    if not all(isinstance(array, np.ndarray) for array in (g, y, *arrays)):
        return "", None
    if isinstance(reading, Extremum):
        tie = np.equal(*arrays)
        which = "larger" if reading.kind == "max" else "smaller"
        return f"to the {which}{' (half at ties)' if tie.any() else ''}", g * np.where(tie, 0.5, x == y)
    if not isinstance(reading, Cumulation) and reading not in (*map(Reduction, ("max", "min", "prod")),):
        return "", None
    whose, axes = axes_of(node, node.params["axis"])
    over = "" if len(axes) == len(whose.shape) else f" over {axes_text(whose, axes, dims)}"
    if isinstance(reading, Cumulation):
        axis = node.params["axis"]
        value = np.flip(np.cumsum(np.flip(g, axis), axis), axis).reshape(x.shape)
        return f"running sum from the other end{over.replace(' over ', ' along ')}", value
    g, y = (array if node.params["keepdims"] or not x.ndim else np.expand_dims(array, axes) for array in (g, y))
    if reading == Reduction("prod"):
        return f"× the product of the others{over}", g * _product_of_others(x, axes)
    chosen = x == y
    count = chosen.sum(axis=axes, keepdims=True)
    which = "largest" if reading == Reduction("max") else "smallest"
    with np.errstate(all="ignore"):
        return f"to the {which}{over}{' (ties share)' if (count > 1).any() else ''}", g / count * chosen


def alike(recorded: Any, value: Any) -> bool:
    """Whether two arrays are the same up to rounding."""
    if not isinstance(recorded, np.ndarray) or recorded.shape != np.shape(value):
        return False
    rtol = 64 * float(np.finfo(recorded.dtype).eps) if recorded.dtype.kind in "fc" else 0.0
    size = np.abs(recorded).max(initial=0.0, where=np.isfinite(recorded))
    return bool(np.allclose(recorded, value, rtol=rtol, atol=rtol * size, equal_nan=True))


def _product_of_others(x: np.ndarray[Any, Any], axes: Sequence[int]) -> np.ndarray[Any, Any]:
    """Of all elements along some axes but the one at each place: what comes before it times what comes after."""
    if not x.size:
        return x
    flat = np.moveaxis(x, axes, range(-len(axes), 0)) if axes else x[..., None]
    ones = flat.reshape(*flat.shape[: flat.ndim - max(len(axes), 1)], -1)
    padded = np.concatenate([np.ones_like(ones[..., :1]), ones, np.ones_like(ones[..., :1])], axis=-1)
    others = np.cumprod(padded, axis=-1)[..., :-2] * np.flip(np.cumprod(np.flip(padded, -1), axis=-1), -1)[..., 2:]
    return np.moveaxis(others.reshape(flat.shape), range(-len(axes), 0), axes) if axes else others[..., 0]
