"""Loops rolled up: what a loop recorded item by item becomes ops on whole arrays, which compute the same numbers.

A naive convolution records a product and a sum for each place of its result. Records of one op on operands of the same
shapes, at the same depth, do not depend on each other: they become one record, whose arrays have an axis more. Ops that
only move elements, such as reading an item, are not computed at all: for each element it is known where it comes from,
and what a new op needs is gathered from there at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from string import ascii_letters
from typing import Any

import numpy as np

from ..engine.primitive import OPS
from ..engine.row import (
    Choice,
    Contraction,
    Extremum,
    Function,
    Identity,
    Linear,
    PerOperand,
    Power,
    Primitive,
    Product,
    Reduction,
    Relation,
)
from ..engine.table import shapes
from ..engine.table.matrix import einsum
from ..engine.tensor import Tensor, tensor
from ..engine.walk import ancestors

_MANY = 256
"""A graph of fewer records stays as it is."""
_ALIKE = 8
"""So many records alike become one."""
_OF_NUMBERS = (Linear, Product, Extremum, Relation)
_ELEMENTWISE = (*_OF_NUMBERS, Choice, Function, Identity, Power)


def rolled(
    outputs: Sequence[Tensor], records: list[Tensor] | None = None, *, many: int = _MANY, alike: int = _ALIKE
) -> tuple[Tensor, ...]:
    """The same outputs of the same leaves, recorded with fewer ops where many of them were alike.

    Tensors that have names stay by themselves, and keep their names.

    Args:
        outputs: of which graph.
        records: its `ancestors`, where they are known.
        many: a graph of fewer records stays as it is.
        alike: so many records alike become one.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0, 3.0], name="x", requires_grad=True)
    >>> y = mt.stack([x[i] * x[i + 1] for i in range(2)]).named("y")
    >>> [z] = rolled([y], many=0, alike=2)
    >>> z, len(mt.graph(y).nodes), len(mt.graph(z).nodes)
    (tensor([2., 6.], name='y', op=mul), 10, 6)
    """
    records = ancestors(outputs) if records is None else records
    if len(records) < many:
        return tuple(outputs)
    made = _Rolling(records, alike)
    return tuple(made.tensor(out) for out in outputs) if made.shrinks else tuple(outputs)


class _Rolling:
    """Computes the records of a graph anew, those that are alike at once."""

    def __init__(self, records: list[Tensor], alike: int) -> None:
        self._made: dict[int, Tensor] = {}
        self._elements: dict[int, Any] = {}
        self._sources: list[Tensor] = []
        self._starts: list[int] = []
        self._end = 1  # the element 0 is the number 0
        self._moved = {t.born: moved for t in records if (moved := _moved(t))}  # by record that only moves elements
        self.groups, order = self._grouped(records, alike)
        self._followed = self._to_follow(order, alike)
        self.shrinks = bool(self.groups or self._followed)
        for t in order if self.shrinks else ():
            self._make(t)

    # --------------------------------------------------------------------------------------------------------- plan

    def _grouped(self, records: list[Tensor], alike: int) -> tuple[dict[int, list[Tensor]], list[Tensor]]:
        """For each record that has others like it all of these; and all records in an order to compute them in."""
        depths: dict[int, int] = {}
        found: dict[Any, list[Tensor]] = {}
        turns: dict[tuple[int, bool], list[Tensor]] = {}
        for t in records:
            depth, moved = max([depths[x.born] for x in t.operands if isinstance(x, Tensor)], default=0), True
            if t.born not in self._moved:
                moved = False
                if t.op is not None:
                    depth += 1
                    if (kind := _kind(t)) is not None:
                        found.setdefault((depth, *kind), []).append(t)
            depths[t.born] = depth
            turns.setdefault((depth, moved), []).append(t)
        groups = {t.born: group for group in found.values() if len(group) >= alike for t in group}
        return groups, [t for turn in sorted(turns) for t in turns[turn]]

    def _to_follow(self, order: list[Tensor], alike: int) -> set[int]:
        """The records that only move elements from, or to, such as are computed at once, or put many together."""
        found = set(self.groups)
        for t in order:
            moved = self._moved.get(t.born, ())
            if len(moved) >= alike or not found.isdisjoint([t.operands[k].born for k in moved]):
                found.add(t.born)
        for t in reversed(order):
            if t.born in found:
                found.update([x.born for x in t.operands if isinstance(x, Tensor) and x.born in self._moved])
        return found.difference(self.groups)

    # ------------------------------------------------------------------------------------------------------ compute

    def tensor(self, t: Tensor) -> Tensor:
        """What stands for a record now."""
        if t.born not in self._made:
            self._made[t.born] = self._gathered(self._elements[t.born], t)
        return self._made[t.born]

    def _make(self, t: Tensor) -> None:
        group = self.groups.get(t.born)
        if group is not None:
            if t is group[0]:
                self._make_at_once(group)
        elif t.born in self._followed:
            moved, op = self._moved[t.born], t.op
            operands = [self._of(x) if k in moved else x.numpy() for k, x in enumerate(t.operands)]
            self._elements[t.born] = np.asarray(op.forward(*operands, **t.params)) if op is not None else None
            if t.name is not None:
                self._made[t.born] = self._gathered(self._elements.pop(t.born), t).named(t.name)
        else:
            operands = [self.tensor(x) if isinstance(x, Tensor) else x for x in t.operands]
            same = all(x is y for x, y in zip(operands, t.operands, strict=True))
            self._made[t.born] = t if same or t.op is None else _named(OPS[t.op.name](*operands, **t.params), t.name)

    def _make_at_once(self, group: list[Tensor]) -> None:
        first, op = group[0], _op(group[0])
        slots = [self._slot(first, list(operands)) for operands in zip(*(t.operands for t in group), strict=True)]
        if not any(several for _, several in slots):
            together = OPS[op.name](*(x for x, _ in slots), **first.params)
            elements = np.broadcast_to(self._counted(together), (len(group), *first.shape))
        else:
            together = _at_once(first, slots, len(group))
            elements = self._counted(together)
        for k, t in enumerate(group):
            self._elements[t.born] = elements[k, ...]

    def _slot(self, like: Tensor, operands: list[Any]) -> tuple[Any, bool]:
        """One operand of all records of a group, and whether it differs among them, so that it has an axis more."""
        first = operands[0]
        if isinstance(first, Tensor):
            elements = np.stack([self._of(x) for x in operands])
            several = bool((elements != elements[0]).any())
            return self._gathered(elements if several else elements[0], first), several
        if len({repr(x) for x in operands}) == 1:
            return first, False
        dtypes = [x.dtype for x in like.operands if isinstance(x, Tensor)]
        return tensor(np.array(operands, np.result_type(*dtypes, first))), True

    def _of(self, t: Tensor) -> Any:
        """Where the elements of a record are."""
        if t.born not in self._elements:
            self._elements[t.born] = self._counted(self._made[t.born])
        return self._elements[t.born]

    def _counted(self, source: Tensor) -> Any:
        """Numbers for the elements of what was computed."""
        size = math.prod(source.shape)
        self._sources.append(source)
        self._starts.append(self._end)
        self._end += size
        return np.arange(self._end - size, self._end).reshape(source.shape)

    def _gathered(self, elements: Any, like: Tensor) -> Tensor:
        """Some elements as a Tensor."""
        which = np.searchsorted(self._starts, elements.reshape(-1), side="right") - 1
        used = np.unique(which)
        sources = [self._sources[k] if k >= 0 else tensor(np.zeros(1, like.dtype)) for k in used]
        starts = [self._starts[k] if k >= 0 else 0 for k in used]
        offsets = np.cumsum([0, *(math.prod(x.shape) for x in sources)])
        places = elements - (np.array(starts) - offsets[:-1])[np.searchsorted(used, which)].reshape(elements.shape)
        if all(x.op is None and not x.requires_grad and x.name is None for x in sources):
            return tensor(np.concatenate([x.numpy().reshape(-1) for x in sources])[places])
        if places.size == offsets[-1] and np.array_equal(places.reshape(-1), np.arange(places.size)):
            whole = sources[0] if len(sources) == 1 else shapes.concatenate([x.reshape(-1) for x in sources])
            return whole if whole.shape == places.shape else whole.reshape(places.shape)
        flat = [x if x.ndim == 1 else x.reshape(-1) for x in sources]
        return (flat[0] if len(flat) == 1 else shapes.concatenate(flat))[places]


# ------------------------------------------------------------------------------------------------------------- one op


def _kind(t: Tensor) -> Any:
    """What records have in common that can be computed at once; None if this one cannot, or has a name."""
    op = t.op
    if op is None or t.name is not None or (by := _compared(op)) is None:
        return None
    if isinstance(op.reading, Contraction) and _most_axes(t) > 2:
        return None
    operands = tuple([(x.shape, x.dtype) if isinstance(x, Tensor) else by(x) for x in t.operands])
    kind = op.name, t.shape, t.dtype, t.requires_grad, operands, tuple(t.params.items())
    try:
        hash(kind)
    except TypeError:  # a parameter that is an array
        return None
    return kind


@cache
def _compared(op: Primitive) -> Callable[[Any], Any] | None:
    """What operands that are no Tensors must have in common where records of an op are to be one; None: they never are.

    It is their type where they are numbers, of which there may be an array instead.
    """
    if isinstance(op.reading, _OF_NUMBERS):
        return type
    return repr if isinstance(op.reading, (*_ELEMENTWISE, Reduction, Contraction)) else None


def _most_axes(t: Tensor) -> int:
    return max(x.ndim for x in t.operands if isinstance(x, Tensor))


def _at_once(like: Tensor, slots: list[tuple[Any, bool]], count: int) -> Tensor:
    """So many records as one, with a first axis for them in the result, and in each operand that differs among them."""
    op = _op(like)
    if isinstance(op.reading, Contraction):
        ranks = [x.ndim - several for x, several in slots]
        letters, result = op.reading.labels(ranks, like.params)
        new = next(letter for letter in ascii_letters if letter not in "".join(letters))
        own = ",".join(new * several + text for text, (_, several) in zip(letters, slots, strict=True))
        return einsum(f"{own}->{new}{result}", *(x for x, _ in slots))
    call = OPS[op.name]
    if isinstance(op.reading, Reduction):
        [(x, _)] = slots
        axis = like.params.get("axis")
        axes = range(x.ndim - 1) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        return call(x, **{**like.params, "axis": tuple(1 + k % max(x.ndim - 1, 1) for k in axes)})
    aligned = [
        x.reshape((count,) + (1,) * (like.ndim + 1 - x.ndim) + x.shape[1:]) if several and x.ndim <= like.ndim else x
        for x, several in slots
    ]
    return call(*aligned, **like.params)


def _op(t: Tensor) -> Any:
    """The op that made a record, which is no leaf."""
    return t.op


def _moved(t: Tensor) -> range | None:
    """Which operands' elements a record only moves, putting in zeros at most; None where it does anything else.

    The places they are moved to must not depend on any elements.
    """
    if t.op is None or (moved := _moving(t.op, len(t.operands))) is None:
        return None
    rest = t.operands[moved.stop :]
    return moved if all(isinstance(x, Tensor) and x.op is None for x in rest) else None


@cache
def _moving(op: Primitive, count: int) -> range | None:
    """The same for any operands: the differentiable ones, of so many."""
    each = isinstance(op.vjps, PerOperand)
    # What moves elements and is not linear, such as a pad, may put in other numbers.
    if not op.moves or isinstance(op.reading, _ELEMENTWISE) or not (each or op.linear):
        return None
    return range(count if isinstance(op.vjps, PerOperand) else len(op.vjps))


def _named(t: Tensor, name: str | None) -> Tensor:
    return t if name is None else t.named(name)
