"""Shapes: axes exchanged, rows in another order."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import permutations
from math import prod
from typing import Any

import numpy as np

from ..expected import squeezed
from .candidate import Candidate, change, of, whole
from .point import Point
from .program import Array, Step
from .words import called


def at_shapes(step: Step) -> Iterator[Candidate]:
    """What may have become of a step that moves elements, or of a matrix product."""
    name = step.op.name
    if name in ("transpose", "swapaxes", "moveaxis", "flip"):
        (x,) = step.operands
        yield change("transposed", f"{called(x)} is not transposed", step, lambda v: v[x])
        text = f"{called(x)} is brought into shape {step.shape} by a reshape, not by transposing it"
        yield change("transposed", text, step, lambda v: v[x].reshape(step.shape), 0.5)
    elif name == "reshape" and len(step.operands[0].shape) > 1:
        (x,) = step.operands
        text = f"{called(x)} is reshaped column by column, not row by row"
        yield change("transposed", text, step, lambda v: v[x].reshape(step.shape, order="F"), 1.0)
    elif name == "broadcast_to":
        (x,) = step.operands
        yield change("missing sum", f"{called(x)} is not copied to shape {step.shape}", step, lambda v: v[x], 3.0)
        for axes in permutations(range(len(step.shape))):
            if len(x.shape) < len(step.shape) and axes[-1] != len(axes) - 1:
                text = f"{called(x)} has lost an axis of length 1 and is copied along another one"
                yield change("missing keepdims", text, step, of(partial(_along, shape=step.shape, axes=axes), x))
    elif name == "matmul" and all(len(getattr(x, "shape", ())) >= 2 for x in step.operands):
        a, b = step.operands
        turned = [
            (f"{called(a)} is not to be transposed", lambda v: v[a].swapaxes(-1, -2) @ v[b]),
            (f"{called(b)} is not to be transposed", lambda v: v[a] @ v[b].swapaxes(-1, -2)),
            (f"{called(a)} and {called(b)} are multiplied in the other order", lambda v: v[b] @ v[a]),
            ("the product is transposed", lambda v: (v[a] @ v[b]).swapaxes(-1, -2)),
            (f"{called(a)} and {called(b)} are multiplied element by element", lambda v: v[a] * v[b]),
        ]
        for i, (text, made) in enumerate(turned):
            kind = "wrong function" if i == len(turned) - 1 else "transposed"
            yield change(kind, f"in {called(a)} @ {called(b)}, {text}", step, made, 0.1 * i)


def _along(x: Array, shape: tuple[int, ...], axes: tuple[int, ...]) -> Array:
    moved = np.broadcast_to(x, tuple(shape[a] for a in axes))
    return moved.transpose(tuple(int(i) for i in np.argsort(axes)))


def whole_shapes(point: Point, given: Array) -> Iterator[Candidate]:
    """The whole result with its axes exchanged, reshaped or its rows in another order."""
    due = point.target
    name = f"{'d' if point.program.backward else ''}{point.program.node.name}"
    place = point.program.target
    if given.size != due.size or due.size < 2:
        return
    if 1 < due.ndim <= 4:
        for axes in permutations(range(due.ndim)):
            if axes != tuple(range(due.ndim)) and tuple(due.shape[a] for a in axes) == given.shape:
                text = f"the axes of {name} are exchanged" if due.ndim > 2 else f"{name} is transposed"
                yield Candidate("transposed", text, whole(partial(np.transpose, axes=axes)), place)
    if given.shape != due.shape:
        if squeezed(given.shape) == squeezed(due.shape):
            what = "lacks an axis" if given.ndim < due.ndim else "has an axis too many"
            text = f"{name} has the right values, but {what} of length 1: {given.shape} where {due.shape} is due"
            yield Candidate("missing keepdims", text, whole(partial(_laid_out, shape=given.shape)), place, -1.0)
        text = f"the elements of {name} are right, but laid out in shape {given.shape}"
        for order in ("C", "F"):
            yield Candidate("transposed", text, whole(partial(_laid_out, shape=given.shape, order=order)), place, 2.0)
        return
    for axis in range(due.ndim):
        yield Candidate(
            "permuted", f"{name} is reversed along axis {axis}", whole(partial(np.flip, axis=axis)), place, -1.0
        )
        for by in (1, -1):
            text = f"{name} is shifted by {by} along axis {axis}"
            yield Candidate("permuted", text, whole(partial(np.roll, shift=by, axis=axis)), place, -0.5)
    for axis in range(due.ndim):
        moved = _order(due, given, axis)
        if moved is not None and due.shape[axis] > 1:
            text = f"the slices of {name} along axis {axis} are right, but in the order {moved.tolist()[:12]}"
            yield Candidate("permuted", text, whole(partial(np.take, indices=moved, axis=axis)), place)


def _laid_out(x: Array, shape: tuple[int, ...], order: Any = "C") -> Array:
    return x.reshape(shape, order=order)


def _order(due: Array, given: Array, axis: int) -> Array | None:
    """The order of the slices of one array that makes them those of another, by a random mark of each slice."""
    weights = np.random.default_rng(0).standard_normal(prod(due.shape) // due.shape[axis])
    with np.errstate(all="ignore"):
        marks = [np.moveaxis(x, axis, 0).reshape(due.shape[axis], -1) @ weights for x in (due, given)]
    if not all(np.isfinite(m).all() for m in marks):
        return None
    from_due, from_given = (np.argsort(m, kind="stable") for m in marks)
    order = np.empty(len(from_due), int)
    order[from_given] = from_due
    return None if np.array_equal(order, np.arange(len(order))) else order
