"""Shapes: axes exchanged, rows in another order; each element differentiated as if it were alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import permutations, product
from math import prod
from typing import Any

import numpy as np

from ...engine.row import Contraction, Copy, Permutation, Reshape
from ...graph import Node
from ..expected import squeezed
from .catalogue import STORED, Hypothesis, change, of
from .derivation import Array, Operand, Values, is_step
from .fit import paths_of

MAX_JACOBIAN = 600
"""The greatest number of elements each of which takes a run of the derivation."""


def at_shapes(values: Values, step: Node) -> Iterator[Hypothesis]:
    """What may have become of a step that moves elements, or of a matrix product."""
    called, reading = values.derivation.called, step.reading
    x = step.operands[0]
    if isinstance(reading, Permutation):
        yield change("transposed", f"{called(x)} is not transposed", step, lambda v: v[x])
        text = f"{called(x)} is brought into shape {step.shape} by a reshape, not by transposing it"
        yield change("transposed", text, step, lambda v: v[x].reshape(step.shape), 0.5)
    elif isinstance(reading, Copy):
        yield change("missing sum", f"{called(x)} is not copied to shape {step.shape}", step, lambda v: v[x], 3.0)
        for axes in permutations(range(len(step.shape))):
            if len(x.shape) < len(step.shape) and axes[-1] != len(axes) - 1:
                text = f"{called(x)} has lost an axis of length 1 and is copied along another one"
                yield change("missing keepdims", text, step, of(partial(_along, shape=step.shape, axes=axes), x))
    elif isinstance(reading, Reshape):
        if squeezed(x.shape) != squeezed(step.shape) and len(x.shape) > 1:
            text = f"{called(x)} is reshaped column by column, not row by row"
            yield change("transposed", text, step, lambda v: v[x].reshape(step.shape, order="F"), 1.0)
    elif isinstance(reading, Contraction):
        if not step.params and all(len(getattr(y, "shape", ())) >= 2 for y in step.operands):
            yield from _products(step, called)
    elif step.op and step.op.moves and len(step.operands) == 1 and step.shape == x.shape:
        text = f"{called(x)} stays as it is, where {values.derivation.formula(step)} is due"
        yield change("permuted", text, step, lambda v: v[x])


def _products(step: Node, called: Callable[[Operand], str]) -> Iterator[Hypothesis]:
    a, b = step.operands
    first, second = called(a), called(b)
    turned = [
        (_not_as_due(a, called), lambda v: v[a].swapaxes(-1, -2) @ v[b]),
        (_not_as_due(b, called), lambda v: v[a] @ v[b].swapaxes(-1, -2)),
        (f"{first} and {second} are multiplied in the other order", lambda v: v[b] @ v[a]),
        ("the product is transposed", lambda v: (v[a] @ v[b]).swapaxes(-1, -2)),
    ]
    for i, (text, made) in enumerate(turned):
        yield change("transposed", f"in {first} @ {second}, {text}", step, made, 0.1 * i)


def _not_as_due(x: Operand, called: Callable[[Operand], str]) -> str:
    """What is to be said of a side of a product whose last two axes are in each other's place."""
    if is_step(x) and isinstance(x.reading, Permutation):
        *rest, last = range(len(x.shape))
        axes = x.params.get("axes") or (last, *reversed(rest))
        if tuple(axes) == (*rest[:-1], last, *rest[-1:]):
            return f"{called(x.operands[0])} is not transposed"
    return f"{called(x)} is not to be transposed"


def element_by_element(values: Values, step: Node) -> Iterator[Hypothesis]:
    """A product of matrices, or of a matrix and a vector, computed as a product of their elements."""
    if not isinstance(step.reading, Contraction) or len(step.operands) != 2 or step.params:
        return
    at = values.derivation
    sides = [[x, *(x.operands if isinstance(x.reading, Permutation | Reshape) else ())] for x in step.operands]
    for a, b in product(*sides):
        text = f"{at.called(a)} and {at.called(b)} are multiplied element by element, in {at.formula(step)}"
        yield change("wrong operator", text, step, of(np.multiply, a, b))


def _along(x: Array, shape: tuple[int, ...], axes: tuple[int, ...]) -> Array:
    moved = np.broadcast_to(x, tuple(shape[a] for a in axes))
    return np.moveaxis(moved, range(len(axes)), axes)


def whole_shapes(values: Values, given: Array) -> Iterator[Hypothesis]:
    """The whole result with its axes exchanged, reshaped or its rows in another order."""
    due, name, place = values.target, values.derivation.name, values.derivation.target
    if given.size != due.size or due.size < 2:
        return
    if 1 < due.ndim <= 4:
        for axes in permutations(range(due.ndim)):
            if axes != tuple(range(due.ndim)) and tuple(due.shape[a] for a in axes) == given.shape:
                text = f"the axes of {name} are exchanged" if due.ndim > 2 else f"{name} is transposed"
                yield Hypothesis("transposed", text, of(partial(np.transpose, axes=axes), place), place)
    if given.shape != due.shape:
        if given.ndim != due.ndim and squeezed(given.shape) == squeezed(due.shape):
            what = "lacks an axis" if given.ndim < due.ndim else "has an axis too many"
            text = f"{name} has the right values, but {what} of length 1: {given.shape} where {due.shape} is due"
            yield Hypothesis("missing keepdims", text, of(partial(_laid_out, shape=given.shape), place), place, -1.0)
        text = f"the elements of {name} are right, but laid out in shape {given.shape}"
        for order in ("C", "F"):
            laid_out = partial(_laid_out, shape=given.shape, order=order)
            kind = "missing reshape" if order == "C" else "transposed"
            yield Hypothesis(kind, text, of(laid_out, place), place, 2.0)
        return
    if due.ndim == 2 and min(due.shape) > 1:
        text = f"{name} is transposed, and brought back into shape {due.shape} by a reshape"
        yield Hypothesis("transposed", text, of(lambda x: x.T.reshape(x.shape), place), place, 0.5)
        yield Hypothesis("transposed", text, of(lambda x: x.reshape(x.shape[::-1]).T, place), place, 0.5)
    for axis in range(due.ndim):
        text = f"{name} is reversed along axis {axis}"
        yield Hypothesis("permuted", text, of(partial(np.flip, axis=axis), place), place, -1.0)
        for by in (1, -1):
            text = f"{name} is off by one along axis {axis}"
            yield Hypothesis("off by one", text, of(partial(np.roll, shift=by, axis=axis), place), place, -0.5)
    for axis in range(due.ndim):
        moved = _order(due, given, axis)
        if moved is not None and due.shape[axis] > 1:
            text = f"the slices of {name} along axis {axis} are right, but in the order {moved.tolist()[:12]}"
            yield Hypothesis("permuted", text, of(partial(np.take, indices=moved, axis=axis), place), place)


def not_summed(values: Values, given: Array) -> Iterator[Hypothesis]:
    """The result before it was summed over an axis, as where matrices were multiplied element by element."""
    due, name = values.target, values.derivation.name
    for axis in range(given.ndim) if given.ndim == due.ndim + 1 and due.size > 1 else ():
        total: Any = np.sum  # whose annotations differ from version to version
        summed = total(given, axis=axis)
        if summed.shape == due.shape and np.allclose(summed, due, rtol=1e-9, atol=0):
            text = f"{name} is right once it is summed over axis {axis}, as a product of matrices would be"
            yield Hypothesis("missing sum", text, lambda v: given if v is values else None, values.derivation.target)


def in_whole_numbers(values: Values, given: Array) -> Iterator[Hypothesis]:
    """The result in a buffer of whole numbers, or of truth values, which cannot hold it."""
    name, place = values.derivation.name, values.derivation.target
    if given.size < 2 or not given.any() or not np.array_equal(given, np.trunc(given)):
        return
    sure = -8.0 if given.dtype.kind in "biu" else 0.0
    for what, left, more in STORED:
        yield Hypothesis("whole numbers", f"{name} was stored as {what}", of(left, place), place, sure + more)


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
    order = from_due[np.argsort(from_given)]
    return None if np.array_equal(order, np.arange(len(order))) else order


# --------------------------------------------------------------------------------------------------------- the Jacobian


def diagonal(values: Values, source: Node) -> Array | None:
    """The diagonal of the derivation as a linear map of one leaf, times that leaf."""
    own = np.asarray(values[source])
    if own.shape != values.target.shape or own.size > MAX_JACOBIAN:
        return None
    nothing = values.changed({source: of(np.zeros_like, source)})
    if nothing is None or nothing.shape != own.shape:
        return None
    found = np.zeros(own.shape, np.result_type(own, np.float32))
    for i, unit in enumerate(np.eye(own.size, dtype=own.dtype)):
        made = values.changed({source: of(partial(np.reshape, unit, own.shape))})
        if made is None:
            return None
        found.flat[i] = made.flat[i] - nothing.flat[i]
    return found * own


def at_diagonal(values: Values) -> Iterator[Hypothesis]:
    """The diagonal of the Jacobian alone; or added to the whole gradient."""
    derivation = values.derivation
    if not derivation.backward or not 2 <= prod(derivation.stage.shape) <= MAX_JACOBIAN:
        return
    name = derivation.name
    for source in derivation.leaves:
        if source not in derivation.gradients or source.shape != derivation.stage.shape:
            continue
        if diagonal(values, source) is None:
            continue
        own = f"what each element of {derivation.called(source)} gives to its own element of {name}"
        text = f"{own} is all there is: the terms across elements are missing"
        yield Hypothesis("cross terms dropped", text, partial(diagonal, source=source), derivation.target)
        text = f"{own} is counted twice, as partial and as total derivative"
        yield Hypothesis("double counted", text, partial(_twice, source=source), derivation.target)
        for path in paths_of(values) or ():
            less = f"{text}, in place of what arrives {path.name}"
            make = partial(_twice, source=source, without=path.name)
            yield Hypothesis("double counted", less, make, derivation.target, 0.2)


def _twice(values: Values, source: Node, without: str | None = None) -> Array | None:
    own = diagonal(values, source)
    less = sum(path.value for path in paths_of(values) or () if path.name == without)
    return None if own is None else values.target + own - less
