"""What went wrong, in the user's own terms: the op, its operands by name, and one way out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np
from numpy.exceptions import AxisError

from .row import Contraction, Primitive, Reshape

__all__ = ["DTypeError", "GradientError", "GradientWarning", "ShapeError", "TraceError"]


class FailedCall(NamedTuple):
    """What an op was given when it failed; `result` is what it had made, where a rule of it failed later."""

    op: Primitive
    operands: tuple[Any, ...]
    params: Mapping[str, Any]
    scope: Any
    result: Any = None


class OpError(Exception):
    """An error that may come from an op; it then carries the failed call, so that the circuit can be drawn."""

    failed_call: FailedCall | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.args  # the failed call stays in this process


class ShapeError(OpError, ValueError):
    """Shapes, axes or indices that do not fit together."""


class PlaceError(ShapeError, IndexError):
    """A place that an array does not have, such as ``x[5]`` of three elements: Python's own `IndexError` too."""


class GradientError(OpError, RuntimeError):
    """The requested gradient cannot be computed: no graph, no upstream gradient, or a graph that is out of date."""


class TraceError(GradientError):
    """A value would leave the graph while a trace is on, and be frozen into it."""


class GradientWarning(UserWarning):
    """A value leaves the graph, so that gradients stop there."""


class DTypeError(OpError, TypeError):
    """A data type that the op, or a gradient, does not support."""


def with_failed_call(error: Exception, *failed_call: Any) -> Exception:
    """The error, with the failed call attached where it can carry one."""
    if isinstance(error, OpError):
        error.failed_call = FailedCall(*failed_call)
    return error


def describe(operand: Any) -> str:
    """Name and shape of an operand, such as ``x_norm (7, 4)``, ``the result of sub (7, 4)`` or ``1e-05``."""
    shape = getattr(operand, "shape", None)
    if isinstance(operand, int) and operand.bit_length() > 128:  # Python refuses to write out thousands of digits
        return f"an integer of {operand.bit_length()} bits"
    if shape is None:
        text = quoted(operand)
        return text if len(text) <= 40 else f"a {type(operand).__name__}"
    name = shortened(getattr(operand, "name", None)) if hasattr(operand, "born") else None  # Dask's are keys
    if name is None:
        op = getattr(operand, "op", None)
        name = (
            f"the result of {op.name}" if op is not None else "an array" if not hasattr(operand, "born") else "a tensor"
        )
    return f"{name} {tuple(shape)}"


def quoted(value: Any) -> str:
    """What a user wrote, cut where it would fill more than a line."""
    try:
        return f"{' '.join(repr(value).split()):.60}"
    except Exception:  # a value that cannot show itself is still to be reported
        return f"a {type(value).__name__}"


def short(operand: Any) -> str:
    """The operand as written in an expression: its name, its number, or ``…``."""
    if getattr(operand, "shape", None) is None:
        return describe(operand)
    return shortened(getattr(operand, "name", None)) or "…"


def shortened(name: Any) -> Any:
    """A name as errors quote it: one that fills a page is cut."""
    return name if not isinstance(name, str) or len(name) <= 200 else f"{name[:200]}…"


def explain(op: Primitive, operands: Sequence[Any], params: Mapping[str, Any], error: Exception) -> Exception:
    """Turn what NumPy raised inside an op into an error that a user can act on. Other kinds are returned unchanged."""
    name, shapes = op.name, [tuple(s) for s in (getattr(x, "shape", ()) for x in operands)]
    listed = " and ".join(describe(x) for x in operands) if len(operands) < 4 else f"{len(operands)} operands"
    if isinstance(error, OpError):
        return type(error)(f"{name}: {listed}{_settings(params)}: {error}")
    if isinstance(error, AxisError) and len(operands) == 1:
        axes, rank = params.get("axis", params.get("axes")), error.ndim or len(shapes[0])
        whose = "the result's" if rank > len(shapes[0]) else "its"
        allowed = f"{whose} axes are {-rank}…{rank - 1}" if rank else "it has no axes"
        return ShapeError(f"{name}: axis {axes} is out of range for {listed}; {allowed}")
    if isinstance(error, OverflowError) and not params:
        return DTypeError(f"{name}: {listed}: {error}; bring it into the dtype's range, or use astype")
    if isinstance(error, OverflowError):
        kind, why = PlaceError if "index" in params else ShapeError, str(error)
        return kind(f"{name}: {listed}{_settings(params)}: {'no array is so long' if 'C long' in why else why}")
    if isinstance(error, IndexError):
        return PlaceError(f"{name}: {listed}: {error}")
    if isinstance(error, ValueError):
        if isinstance(op.reading, Reshape) and "shape" in params:
            return ShapeError(f"{name}: {listed} has {operands[0].size} elements, which do not fill {params['shape']}")
        if len(operands) == 2 and not params:
            if isinstance(op.reading, Contraction):
                return ShapeError(f"{name}: {listed} {_why_no_chain(operands, shapes)}")
            if _broadcast(shapes):
                return DTypeError(f"{name}: {listed}: {error}")
            return ShapeError(f"{name}: {listed} do not broadcast{_why_no_broadcast(operands, shapes)}")
        return ShapeError(f"{name}: {listed}{_settings(params)}: {error}")
    if isinstance(error, TypeError):
        arrays = [getattr(x, "_data", x) for x in operands]
        kinds = {type(x): None for x in arrays if hasattr(x, "__array_function__") and not isinstance(x, np.generic)}
        ducks = [kind for kind in kinds if not issubclass(kind, np.ndarray)]
        if ducks and len(kinds) > 1:
            [theirs, *_], other = ducks, next(kind for kind in kinds if kind is not ducks[0])
            beside = "NumPy's" if issubclass(other, np.ndarray) else f"{other.__module__.partition('.')[0]}'s"
            return DTypeError(
                f"{name}: {listed}: {theirs.__module__}.{theirs.__name__} beside {beside}, which do not mix; "
                "np.asarray(y, like=x) brings y over"
            )
        types = ", ".join(str(getattr(x, "dtype", type(x).__name__)) for x in operands)
        return DTypeError(f"{name}: {listed} of type {types}{_settings(params)}: {error}")
    return error


def _broadcast(shapes: Sequence[tuple[int, ...]]) -> bool:
    return all(
        len({n for n in lengths if n != 1}) < 2 for lengths in zip_longest(*[s[::-1] for s in shapes], fillvalue=1)
    )


def _settings(params: Mapping[str, Any]) -> str:
    return " with " + ", ".join(f"{k}={quoted(v)}" for k, v in params.items()) if params else ""


def _why_no_broadcast(operands: Sequence[Any], shapes: Sequence[tuple[int, ...]]) -> str:
    (a, b), rank = shapes, min(map(len, shapes))
    wrong = next((-i for i in range(1, rank + 1) if a[-i] != b[-i] and 1 not in (a[-i], b[-i])), None)
    if wrong is None:
        return ""
    why = f": {a[wrong]} ≠ {b[wrong]} on axis {wrong}"
    for this, other, operand in ((a, b, operands[0]), (b, a, operands[1])):
        if len(this) == 1 and len(other) == 2 and this[0] == other[0]:
            return f"{why}. Did you mean {short(operand)}.reshape(({this[0]}, 1))?"
        if len(this) == len(other) == 2 and this[::-1] == other:
            return f"{why}. Did you mean {short(operand)}.T?"
    return f"{why}. Axes are matched from the last one; each pair must be equal, or one of them 1"


def _why_no_chain(operands: Sequence[Any], shapes: Sequence[tuple[int, ...]]) -> str:
    a, b = shapes
    if not a or not b:
        return "do not chain: a 0-d operand has no axis to sum over. Did you mean mul (*)?"
    inner = b[-2] if len(b) > 1 else b[0]
    if a[-1] == inner:
        return "do not chain: their leading axes do not broadcast"
    way = ""
    if len(b) == 2 and a[-1] == b[1]:
        way = f". Did you mean {short(operands[1])}.T?"
    elif len(a) == 2 and a[0] == inner:
        way = f". Did you mean {short(operands[0])}.T?"
    way = way or ". The last axis of the left is summed against the last but one of the right"
    return f"do not chain: {a[-1]} ≠ {inner}{way}"
