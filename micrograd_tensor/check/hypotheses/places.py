"""Places: which elements are wrong, where the others are right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .candidate import Candidate
from .point import Point
from .program import Array


def in_places(point: Point, given: Array, slack: Array) -> Iterator[Candidate]:
    """Says where the wrong elements are, if fewer than half are wrong."""
    due = point.target
    if given.shape != due.shape or due.size < 4:
        return
    with np.errstate(all="ignore"):
        wrong = ~((np.abs(given - due) <= slack) | (np.isnan(given) & np.isnan(due)))
    count = int(wrong.sum())
    if not 0 < count <= due.size // 2:
        return
    name = f"{'d' if point.program.backward else ''}{point.program.node.name}"
    text = f"{count} of the {due.size} elements of {name} are wrong and the others are right: {_where(wrong)}"
    yield Candidate("in places", text, lambda p: _mixed(p, wrong, given), point.program.target)


def _mixed(point: Point, wrong: Array, given: Array) -> Any:
    return np.where(wrong, given, point.target)


def _where(wrong: Array) -> str:
    places = np.argwhere(wrong)
    for axis in range(wrong.ndim):
        slices = sorted(set(places[:, axis].tolist()))
        if len(slices) <= max(1, wrong.shape[axis] // 3):
            word = "slice" if len(slices) == 1 else "slices"
            return f"all in {word} {', '.join(map(str, slices))} along axis {axis}"
    listed = ", ".join(str([int(i) for i in place]) for place in places[:4])
    return f"at {listed}{', …' if len(places) > 4 else ''}"
