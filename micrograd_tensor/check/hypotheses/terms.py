"""Terms: a recorded value or gradient that was added to the result and does not belong there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from .atoms import Atoms
from .candidate import Candidate, whole
from .constants import Constants
from .point import Point
from .program import Array, Known


def added(point: Point, given: Array, slack: Array, constants: Constants, atoms: Atoms) -> Iterator[Candidate]:
    """The result plus a multiple of something that is at hand, or plus a constant."""
    due = point.target
    if given.shape != due.shape or given.size < 3 or not np.isfinite(given).all() or not np.isfinite(due).all():
        return
    rest = (given - due).astype(np.float64)
    name = f"{'d' if point.program.backward else ''}{point.program.node.name}"
    if np.ptp(rest) <= 2 * float(np.max(slack)) and float(np.abs(rest).min()) > 0:
        value = float(rest.mean())
        text = f"{value:.6g} is added to every element of {name}"
        yield Candidate("added term", text, whole(partial(np.add, value)), point.program.target, 1.0)
    for distance, atom in enumerate((*atoms.gradients, *atoms.values)):
        try:
            term = np.broadcast_to(point[atom], due.shape).astype(np.float64)
        except ValueError:
            continue
        with np.errstate(all="ignore"):
            size = float((term * term).sum())
            weight = float((rest * term).sum()) / size if size else np.nan
        if not np.isfinite(weight) or not np.all(np.abs(rest - weight * term) <= 8 * slack + 1e-13 * np.abs(rest)):
            continue
        constant = constants.explain(weight, 1e-8)
        if constant is not None and constant.cost < 5:
            times = "" if constant.value == 1 else f"{constant.text} times "
            text = f"{times}{atom.text} is added to {name}, where it does not belong"
            more = constant.cost + 0.01 * distance
            yield Candidate("added term", text, _plus(atom, constant.value), point.program.target, more)


def _plus(atom: Known, weight: float) -> Callable[[Point], Array]:
    return lambda point: point.target + weight * point[atom]
