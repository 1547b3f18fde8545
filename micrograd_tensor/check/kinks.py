"""Kinks: which op turns at a point where a function has no derivative."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..engine.recording import record_all
from ..engine.tensor import Tensor
from ..engine.walk import ancestors

_CLOSE = 1e-3
"""Slopes of one branch hardly change over the step; those of two branches differ by about their size."""


def name_turn(at: Callable[[float], Sequence[Tensor]], step: float) -> str | None:
    """The first op that takes another branch when the input moves by a step to either side, and where in its result.

    An op turns where its own slopes jump, as those of a rectifier or of a maximum do; and where its result is an index
    or a truth value that changes. None where no recorded op does: the function itself may decide by a number.
    """
    with record_all():
        runs = [[t for t in ancestors(at(side * step)) if t.op is not None] for side in (-1.0, 0.0, 1.0)]
    if len({tuple(t.op for t in run) for run in runs}) > 1:
        return None
    for below, here, above in zip(*runs, strict=True):
        branches = [_branch(t) for t in (below, here, above)]
        for parts in zip(*branches, strict=True):
            turned = np.zeros(np.shape(parts[1]), bool)
            for part in (parts[0], parts[2]):
                turned |= ~np.isclose(part, parts[1], rtol=_CLOSE, atol=_CLOSE, equal_nan=True)
            if turned.any():
                place = [int(i) for i in np.unravel_index(int(np.argmax(turned)), turned.shape)]
                return f"{here.op.name} at {place}" if here.op is not None else None
    return None


def _branch(t: Tensor) -> list[Any]:
    """What tells the branches of an op apart: the value of one that decides, the slopes of one that is not analytic."""
    op = t.op
    if op is None or t.dtype.kind not in "fc":
        return [np.asarray(t.data)]
    if op.analytic:
        return []
    rules = [op.vjps[i] for i in range(len(t.operands))]
    slopes = [rule(np.ones_like(t.data), t.data, *t.saved, **t.params) for rule in rules if rule is not None]
    return [np.asarray(t.data), *map(np.asarray, slopes)] if not any(map(np.any, slopes)) else slopes
