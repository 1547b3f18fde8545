"""Sums: left out, taken as a mean, over other axes, over everything, too often."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np

from .candidate import Candidate, change
from .point import Point
from .program import Step
from .words import called


def at_sums(step: Step) -> Iterator[Candidate]:
    """What may have become of one recorded sum or mean."""
    if step.op.name not in ("sum", "mean"):
        return
    (x,) = step.operands
    inner, axis, keep = called(x), step.params["axis"], step.params["keepdims"]
    everything = axes_of(axis, len(x.shape))
    over = _over(everything, len(x.shape))
    is_sum = step.op.name == "sum"
    terms = max(int(np.prod([x.shape[a] for a in everything])), 1)
    what = "sum" if is_sum else "mean"
    yield change(
        "missing sum", f"{inner} is not {'summed' if is_sum else 'averaged'} over {over}", step, lambda v: v[x]
    )
    if is_sum:
        text = f"the mean of {inner} over {over} is taken where its sum is due"
        yield change("mean for sum", text, step, lambda v: v[x].sum(axis=axis, keepdims=keep) / terms)
    else:
        text = f"{inner} is summed over {over} without dividing by {terms}"
        yield change("sum for mean", text, step, lambda v: v[x].sum(axis=axis, keepdims=keep))
        if terms > 1:
            text = f"the mean of {inner} divides by {terms - 1}, not by {terms}"
            yield change("constant factor", text, step, lambda v: v[x].sum(axis=axis, keepdims=keep) / (terms - 1))
    for other in _axes(len(x.shape)):
        if other == everything:
            continue
        reduce = np.add.reduce if is_sum else np.mean
        whole = len(other) == len(x.shape)
        kind = "sum over everything" if whole else "wrong axis"
        text = f"the {what} of {inner} runs over {_over(other, len(x.shape))} where {over} is due"
        for kept in (False, True):
            yield change(kind, text, step, _reduced(reduce, x, other, kept), more=0.1 * (kept != keep))


def _reduced(reduce: Any, x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    return lambda v: reduce(v[x], axis=axes, keepdims=keepdims)


def whole_sums(point: Point) -> Iterator[Candidate]:
    """A sum of the whole result that nothing asks for, left so or copied back to all elements."""
    shape = point.target.shape
    name = f"{'d' if point.program.backward else ''}{point.program.node.name}"
    for axes in _axes(len(shape)):
        over = _over(axes, len(shape))
        for mean in (False, True):
            for keep in (False, True):
                text = f"{name} is {'averaged' if mean else 'summed'} over {over}, which is not due"

                def make(at: Point, axes: Any = axes, mean: bool = mean, keep: bool = keep) -> Any:
                    total = at.target.sum(axis=axes, keepdims=True)
                    total = total / (at.target.size // total.size) if mean else total
                    return np.broadcast_to(total, at.target.shape) if keep else total

                yield Candidate("doubled sum", text, make, point.program.target, 5.0 + mean)


def axes_of(axis: Any, rank: int) -> tuple[int, ...]:
    """The axes that a parameter names, counted from the front.

    >>> axes_of(None, 2), axes_of(-1, 2), axes_of((0, 2), 3)
    ((0, 1), (1,), (0, 2))
    """
    if axis is None:
        return tuple(range(rank))
    return tuple(sorted(a % rank if rank else a for a in ((axis,) if isinstance(axis, int) else axis)))


def _axes(rank: int) -> list[tuple[int, ...]]:
    """Every choice of axes, single ones first; of many axes only single ones, their pairs and all."""
    counts = range(1, rank + 1) if rank <= 3 else (1, 2, rank)
    return [axes for count in counts for axes in combinations(range(rank), count)]


def _over(axes: tuple[int, ...], rank: int) -> str:
    if len(axes) == rank:
        return "all elements" if rank != 1 else "axis 0"
    return f"{'axis' if len(axes) == 1 else 'axes'} {', '.join(map(str, axes))}"
