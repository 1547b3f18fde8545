"""Meant: what an input may be, where a layer is right if it is that, and wrong with any numbers of the shape it got.

``E = R * (U @ V.T - Y)`` is differentiated as if ``R`` were its own square, which it is where it is 0 and 1;
``2 * L @ x`` is the slope of ``x @ L @ x`` where ``L`` is symmetric; and ``p - q`` that of a cross entropy where ``q``
adds up to 1. And a sum over the first axis is the gradient of what has no such axis, whatever it is multiplied by then.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..check.branches import untaken
from .judged_again import Judged, is_finite
from .judging import inputs_of, judge
from .roles import role_of
from .shapes_option import option, said_as_option
from .unusable import UnusableError


def why_meant(judged: Judged, path: Path, given: Container[str], rtol: float | None) -> str:
    """Why it is not called wrong, as an input may be meant to be what it is right with, and how to say so; or "".

    Args:
        judged: what is wrong.
        path: the file.
        given: the names of inputs whose shapes were given, which are any numbers then.
        rtol: the largest error that counts as right; None: what rounding explains.
    """
    task, report, ran = judged
    shapes = inputs_of(task.captured)
    if not task.found or ran.error is not None or shapes.keys().isdisjoint(report.wrong):
        return ""
    unknown = {name: shape for name, shape in shapes.items() if role_of(name) not in ("mask", "labels")}
    free = {name: shape for name, shape in unknown.items() if name in task.free and name not in given and shape}
    hidden = len(untaken(task.captured))
    first = next(iter(shapes))
    for name, shape in free.items():
        if name not in report.keys:
            kinds, instead = _kinds(name, shape), "has any numbers"
        elif name in report.wrong and name != first and len(shape) > 1:
            kinds, instead = _shapes(name, shape), f"is of shape {shape}"
        else:
            continue
        for kind in kinds:
            with suppress(UnusableError):
                other = task.again(partial(_with, name=name, change=kind.change))
                again, elsewhere = judge(other, path, rtol, why=False, point=False)
                right = elsewhere.error is None and not again.wrong and is_finite(other.captured, again)
                right = right and report.keys.keys() <= again.keys.keys()  # else it may not have been judged
                if right and len(untaken(other.captured)) <= hidden:
                    return (
                        f"it is right where {name} {kind.what}, and wrong where it {instead}; say which: {kind.way}, "
                        f"or {option(said_as_option({name: shape}))}"
                    )
    return ""


class _Kind(NamedTuple):
    """What an input may be: in words, how that is said to the command, and how any numbers become such."""

    what: str
    way: str
    change: Callable[[Any], Any]


def _with(arguments: Mapping[str, Any], name: str, change: Callable[[Any], Any]) -> dict[str, Any]:
    return {**arguments, name: change(arguments[name])}


def _kinds(name: str, shape: tuple[int, ...]) -> Iterator[_Kind]:
    """What an input without a gradient may be."""
    mask, own = option(f"{said_as_option({name: shape})}<2"), "write inputs(), which returns yours"
    yield _Kind("has 0 and 1 alone, as a mask", mask, lambda x: (x > 0).astype(x.dtype))
    yield _Kind("has 1 and -1 alone", own, lambda x: np.where(x > 0, x.dtype.type(1), x.dtype.type(-1)))
    for axis in range(len(shape)):
        yield _Kind(f"adds up to 1 along axis {axis}", own, partial(_shares, axis=axis))
    if len(shape) == 2 and shape[0] == shape[1]:
        yield _Kind("is symmetric", own, lambda x: (x + x.T) / 2)


def _shapes(name: str, shape: tuple[int, ...]) -> Iterator[_Kind]:
    """The shape without its first axis, along which it is one for all then."""
    fewer = shape[1:]
    yield _Kind(f"is of shape {fewer}", option(said_as_option({name: fewer})), lambda x: x[0])


def _shares(x: Any, axis: int) -> Any:
    made = np.abs(x) + 0.1 * np.abs(x).mean()
    return made / made.sum(axis=axis, keepdims=True)
