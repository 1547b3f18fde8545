"""Jacobian: each element differentiated as if the others did not depend on it, or that added to the whole."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from math import prod

import numpy as np

from .candidate import Candidate, of
from .point import Point
from .program import Array, Known
from .ways import ways_of
from .words import called

MOST = 600
"""Elements, each of which takes a run of the program."""


def diagonal(point: Point, source: Known) -> Array | None:
    """Of the program as a linear map of one source the diagonal, times that source."""
    own = np.asarray(point[source])
    if own.shape != point.target.shape or own.size > MOST:
        return None
    nothing = point.changed({source: of(np.zeros_like, source)})
    if nothing is None or nothing.shape != own.shape:
        return None
    found = np.zeros(own.shape, np.result_type(own, np.float32))
    one = np.zeros(own.size, own.dtype)
    for i in range(own.size):
        one[i] = 1
        made = point.changed({source: of(partial(np.reshape, one, own.shape))})
        one[i] = 0
        if made is None:
            return None
        found.flat[i] = made.flat[i] - nothing.flat[i]
    return found * own


def at_diagonal(point: Point) -> Iterator[Candidate]:
    """The diagonal of the Jacobian alone; or added to the whole gradient."""
    program = point.program
    size = prod(program.node.shape)
    if not program.backward or not 2 <= size <= MOST:
        return
    name = f"d{program.node.name}"
    for source in program.sources:
        if not source.is_gradient or source.shape != program.node.shape or diagonal(point, source) is None:
            continue
        own = f"what each element of {called(source)} gives to its own element of {name}"
        text = f"{own} is all there is: the terms across elements are missing"
        yield Candidate("cross terms dropped", text, partial(diagonal, source=source), program.target)
        text = f"{own} is counted twice, as partial and as total derivative"
        yield Candidate("double counted", text, partial(_twice, source=source), program.target)
        for way in ways_of(point) or ():
            less = f"{text}, in place of what arrives {way.name}"
            make = partial(_twice, source=source, without=way.name)
            yield Candidate("double counted", less, make, program.target, 0.2)


def _twice(point: Point, source: Known, without: str | None = None) -> Array | None:
    own = diagonal(point, source)
    if own is None or without is None:
        return None if own is None else point.target + own
    less = [way.value for way in ways_of(point) or () if way.name == without]
    return point.target + own - less[0] if less else None
