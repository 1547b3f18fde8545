"""Anomaly: find the first op, forward or backward, that makes a NaN or an infinity, and say where it was called."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .arrays import settled
from .errors import GradientError, describe

if TYPE_CHECKING:
    from .primitive import Row
    from .tensor import Tensor

_PACKAGE = str(Path(__file__).parents[1])


def caller() -> str:
    """The nearest line outside this package, as ``"file.py", line 12``."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return f'"{frame.f_code.co_filename}", line {frame.f_lineno}'


def forward(row: Row, operands: Sequence[Any], arrays: Sequence[Any], params: dict[str, Any]) -> Any:
    """Run an op's forward; raise if a NaN, or a first infinity, comes out of it."""
    with np.errstate(all="ignore"):
        result = row.forward(*arrays, **params)
    found = _first_bad(result, arrays)
    if found:
        raise GradientError(f"{row.name} of {_listed(operands)} {_where(found, operands, arrays)}, in {caller()}")
    return result


def backward(node: Tensor, operand: int, rule: Callable[..., Any], *args: Any, **params: Any) -> Any:
    """Run the rule of one operand; raise if a NaN, or a first infinity, comes out of it."""
    with np.errstate(all="ignore"):
        result = rule(*args, **params)
    arrays = [getattr(x, "data", x) if hasattr(x, "born") else x for x in (result, args[0])]
    found = _first_bad(arrays[0], [*arrays[1:], *node.saved])
    if found:
        line = getattr(node, "line", "a place that was not watched: open detect_anomaly around the forward pass too")
        raise GradientError(
            f"the rule of {node.op.name if node.op else node} for operand {operand + 1} of {_listed(node.operands)} "
            f"{_where(found, node.operands, node.saved)}; the forward was in {line}"
        )
    return result


def _first_bad(result: Any, sources: Sequence[Any]) -> tuple[str, tuple[int, ...]] | None:
    """What is bad and where; an infinity that an operand already held is passed on, not made."""
    result = settled(result)
    if result.dtype.kind not in "fc" or bool(np.isfinite(result).all()):
        return None
    if bool(np.isnan(result).any()):
        return "NaN", _first(np.isnan(result))
    if any(bool(np.isinf(x).any()) for x in map(settled, sources) if x.dtype.kind in "fc"):
        return None
    return "infinity", _first(np.isinf(result))


def _first(mask: Any) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(mask)), mask.shape))


def _listed(operands: Sequence[Any]) -> str:
    return " and ".join(map(describe, operands))


def _where(found: tuple[str, tuple[int, ...]], operands: Sequence[Any], arrays: Sequence[Any]) -> str:
    kind, index = found
    place = f" at {list(index)}" if index else ""
    for operand, array in zip(operands, map(settled, arrays), strict=True):
        if kind == "NaN" and array.dtype.kind in "fc" and bool(np.isnan(array).any()):
            return f"passed on a NaN{place}, which {describe(operand)} already held"
    text = f"made {'a NaN' if kind == 'NaN' else 'an infinity'}{place}"
    if len(operands) == 1 and getattr(arrays[0], "shape", None) is not None and len(index) == arrays[0].ndim:
        inside = all(i < n for i, n in zip(index, arrays[0].shape, strict=True))
        text += f", where {operands[0].name or 'the operand'} is {arrays[0][index]}" if inside else ""
    return text
