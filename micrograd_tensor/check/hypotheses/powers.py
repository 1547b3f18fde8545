"""Powers: the ratio of what was given to what is due, as a constant times powers of recorded tensors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .atoms import Atoms
from .candidate import Candidate, changes
from .constants import Constant, Constants
from .point import Point
from .program import Array, Known, Step
from .words import digits

PROBES = 64
"""So many elements, those that are known most sharply, decide; what they suggest is then tried on all."""


class Factor(NamedTuple):
    """A constant times powers of tensors."""

    constant: Constant
    powers: tuple[tuple[Known, float], ...]

    def worth(self, point: Any) -> Array:
        """The factor as an array."""
        made: Array = np.asarray(self.constant.value)
        for atom, k in self.powers:
            base = point[atom]
            made = made * (np.abs(base) ** k if k != int(k) else base**k)
        return made

    @property
    def text(self) -> str:
        """The factor in the user's names."""
        parts = [f"{atom.text}{_exponent(k)}" for atom, k in self.powers]
        if self.constant.value == -1 and parts:
            return f"−{' · '.join(parts)}"
        head = [] if self.constant.value == 1 and parts else [self.constant.text]
        return " · ".join([*parts, *head])

    @property
    def cost(self) -> float:
        """How far it is from a plain constant."""
        return self.constant.cost + sum(1.0 + 0.2 * abs(abs(k) - 1) for _, k in self.powers)


def factors(
    point: Point, mine: Array, due: Array, slack: Array, constants: Constants, atoms: Atoms
) -> Iterator[Factor]:
    """The factors by which one array may be another, cheapest first.

    Args:
        point: where the tensors are looked up.
        mine: the array that was given.
        due: the array that is due, of the same shape.
        slack: by how much they may differ.
        constants: explain a constant.
        atoms: the tensors whose powers are tried.
    """
    if mine.shape != due.shape or not mine.size:
        return
    with np.errstate(all="ignore"):
        sharpness = np.where(np.isfinite(due) & (due != 0), np.abs(due) / np.maximum(slack, 1e-300), 0.0).reshape(-1)
        sharpest = float(sharpness.max(initial=0.0))
        if sharpest < 10.0:
            return
        order = np.argsort(-sharpness, kind="stable")[:PROBES]
        order = order[sharpness[order] > max(sharpest * 1e-6, 10.0)]
        ratio = mine.reshape(-1)[order] / due.reshape(-1)[order]
        loose = 1.0 / sharpness[order]
    if not np.isfinite(ratio).all():
        return
    best = float(ratio[0])
    if np.all(np.abs(ratio - best) <= 4 * np.abs(loose * np.maximum(1.0, abs(best))) + 1e-14 * abs(best)):
        found = constants.explain(best, 8 * float(loose[0]) + 1e-14)
        yield Factor(found or Constant(best, digits(best, 6, least=1e-13), 9.0), ())
        if due.size < 2:
            return
    if due.size > 1 and (ratio != 0).all():
        yield from _powers(point, ratio, loose, order, due.shape, constants, atoms)


def _powers(
    point: Point, ratio: Array, loose: Array, order: Array, shape: Any, constants: Constants, atoms: Atoms
) -> Iterator[Factor]:
    """Least squares for the exponents, in logarithms, of one tensor and then of two."""
    usable, logs = [], []
    with np.errstate(all="ignore"):
        for atom in atoms.values:
            if not _broadcasts(atom.shape, shape):
                continue
            log = np.log(np.abs(np.broadcast_to(point[atom], shape).reshape(-1)[order].astype(np.float64)))
            if np.isfinite(log).all() and np.ptp(log) > 1e-9:
                usable.append(atom)
                logs.append(log - log.mean())
        if not usable:
            return
        columns = np.array(logs)
        wanted = np.log(np.abs(ratio.astype(np.float64)))
        wanted = wanted - wanted.mean()
        tolerance = 8 * float(np.max(loose)) + 1e-13
        gram, right = columns @ columns.T, columns @ wanted
        single = right / np.diag(gram)
    for i, atom in enumerate(usable):
        k = _half(single[i])
        if k is not None and np.abs(wanted - k * columns[i]).max() <= tolerance * max(1.0, abs(k)) * 4:
            yield from _with_constant(point, ratio, order, shape, ((atom, k),), constants, tolerance)
    if len(order) < 3:
        return
    first, second = np.triu_indices(len(usable), 1)
    with np.errstate(all="ignore"):
        determinant = gram[first, first] * gram[second, second] - gram[first, second] ** 2
        fine = determinant > 1e-6 * gram[first, first] * gram[second, second]
        a = (right[first] * gram[second, second] - right[second] * gram[first, second]) / determinant
        b = (right[second] * gram[first, first] - right[first] * gram[first, second]) / determinant
    for i, j, ka, kb in zip(first[fine], second[fine], a[fine], b[fine], strict=True):
        k, m = _half(ka), _half(kb)
        if not k or not m:
            continue
        if np.abs(wanted - k * columns[i] - m * columns[j]).max() <= tolerance * 4 * max(1.0, abs(k), abs(m)):
            yield from _with_constant(
                point, ratio, order, shape, ((usable[i], k), (usable[j], m)), constants, tolerance
            )


def _with_constant(
    point: Point, ratio: Array, order: Array, shape: Any, powers: Any, constants: Constants, tolerance: float
) -> Iterator[Factor]:
    one = Factor(Constant(1.0, "1", 0.0), powers)
    with np.errstate(all="ignore"):
        left = ratio / np.broadcast_to(one.worth(point), shape).reshape(-1)[order]
    constant = constants.explain(float(left[0]), tolerance * 8)
    if constant is not None:
        yield Factor(constant, powers)


def _half(k: float) -> float | None:
    """The nearest multiple of ½ that is not 0, if it is near and no greater than 4."""
    near = float(np.round(2 * k) / 2) if np.isfinite(k) else 0.0
    return near if near and abs(near) <= 4 and abs(near - k) < 1e-3 else None


def _broadcasts(shape: Any, to: Any) -> bool:
    try:
        return bool(np.broadcast_shapes(shape, to) == to)
    except ValueError:
        return False


def _exponent(k: float) -> str:
    return "" if k == 1 else f"^{k:g}".replace("-", "−")


def before_sums(step: Step, atoms: Atoms) -> Iterator[Candidate]:
    """A power of a tensor put into the terms of a sum."""
    if step.op.name not in ("sum", "mean"):
        return
    (x,) = step.operands
    for distance, atom in enumerate(atoms.values):
        if not _broadcasts(atom.shape, x.shape) or atom.shape == step.shape:
            continue
        for k in (1, -1, 2, -2):
            factor = Factor(Constant(1.0, "1", 0.0), ((atom, float(k)),))

            def made(v: Any, factor: Factor = factor) -> Any:
                return step.op.forward(v[x] * factor.worth(v), **step.params)

            text = f"the terms of the sum are multiplied by {factor.text}"
            yield changes("power of a tensor", text, step, {step: made}, factor.cost + 0.01 * distance)
