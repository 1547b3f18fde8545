"""Anomaly: find the first op, forward or backward, that makes a NaN or an infinity, and say where it was called."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np

from .arrays import Outline, as_array, element, on_host
from .errors import GradientError, describe, with_failed_call
from .record import Record, unwrap
from .recording import recording, unchecked
from .row import Primitive

_PACKAGE = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")  # noqa: PTH118, PTH120 -- pathlib takes long to import


_ARTICLE = {"NaN": "a NaN", "infinity": "an infinity"}


def caller() -> str:
    """The nearest line outside this package, as ``"file.py", line 12``."""
    frame = sys._getframe(distance() - 1)
    return f'"{frame.f_code.co_filename}", line {frame.f_lineno}'


def distance() -> int:
    """How many calls lie between the nearest line outside this package and who asks, as `warnings.warn` counts."""
    frame, calls = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, calls = frame.f_back, calls + 1
    return calls


def forward(row: Primitive, operands: Sequence[Any], arrays: Sequence[Any], params: dict[str, Any]) -> Any:
    """Run an op's forward; raise if a NaN, or a first infinity, comes out of it."""
    with np.errstate(all="ignore"):
        result = row.forward(*arrays, **params)
    found = _first_bad(result, [*arrays, *(p for p in params.values() if isinstance(p, float))])
    if found:
        error = f"{row.name} of {_listed(operands)} {_where(found, operands, arrays)}, in {caller()}"
        raise with_failed_call(GradientError(error), row, operands, params, recording.get().scope)
    return result


def backward(node: Record, operand: int, rule: Callable[[], Any], g: Any) -> Any:
    """Run the rule of one operand on the gradient g; raise if a NaN, or a first infinity, comes out of it."""
    with np.errstate(all="ignore"), unchecked():
        result = rule()
    upstream = unwrap(g)
    found = _first_bad(unwrap(result), chain([upstream], (x for x in node.saved if type(x) is not Outline)))
    if found:
        read = [(x, used) for x, used in zip(node.operands, node.saved, strict=True) if type(used) is not Outline]
        operands, arrays = zip(("the upstream gradient", upstream), *read, strict=True)
        place = _where(found, operands, arrays)
        line = node.line or "a place that was not watched: open detect_anomaly around the forward pass too"
        error = (
            f"the rule of {node.op.name if node.op else node} for operand {operand + 1} of {_listed(node.operands)} "
            f"{place}; the forward was in {line}"
        )
        raise with_failed_call(GradientError(error), node.op, node.operands, node.params, node.scope, node)
    return result


def added(to: Record, parts: Sequence[Any]) -> Any:
    """The sum of two gradients that meet at a fork, checked as by `carried`."""
    with np.errstate(all="ignore"):
        total = parts[0] + parts[1]
    carried(to, total, parts)
    return total


def carried(to: Record, g: Any, parts: Sequence[Any]) -> None:
    """Raise if a gradient that the walk summed or cast from these parts is bad, where no part was."""
    total, *sources = map(unwrap, (g, *parts))
    found = _first_bad(total, sources)
    if found and not any(_first_bad(source, []) for source in sources):
        raise GradientError(f"adding up the gradient of {describe(to)} made {_ARTICLE[found[0]]} at {list(found[1])}")


def _first_bad(result: Any, sources: Iterable[Any]) -> tuple[str, tuple[int, ...]] | None:
    """What is bad and where; an infinity that an operand already held is passed on, not made."""
    result = as_array(result)
    if result.dtype.kind not in "fc" or element(np.all(np.isfinite(result))):
        return None
    if element(np.any(np.isnan(result))):
        return "NaN", _first(np.isnan(result))
    if any(element(np.any(np.isinf(x))) for x in map(as_array, sources) if x.dtype.kind in "fc"):
        return None
    return "infinity", _first(np.isinf(result))


def _first(mask: Any) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(on_host(mask))), mask.shape))


def _listed(operands: Sequence[Any]) -> str:
    return " and ".join(map(describe, operands))


def _where(found: tuple[str, tuple[int, ...]], sources: Sequence[Any], arrays: Sequence[Any]) -> str:
    """Where it is, and where it came from: an operand that held a NaN already, or the value that it was made of."""
    kind, index = found
    place = f" at {list(index)}" if index else ""
    known = [(x, as_array(a)) for x, a in zip(sources, arrays, strict=True)]
    for source, array in known:
        if kind == "NaN" and array.dtype.kind in "fc" and element(np.any(np.isnan(array))):
            return (
                f"passed on a NaN{place}, which {source if isinstance(source, str) else describe(source)} already held"
            )
    text = f"made {_ARTICLE[kind]}{place}"
    operands = [(x, array) for x, array in known if isinstance(x, Record)]
    if len(operands) == 1:
        [(operand, array)] = operands
        if len(index) == array.ndim and all(i < n for i, n in zip(index, array.shape, strict=True)):
            text += f", where {operand.name or 'the operand'} is {element(array[index])}"
    return text
