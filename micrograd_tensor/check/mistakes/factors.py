"""Factors: by what one array was multiplied to give another: a constant times powers of recorded tensors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from ...graph import Node
from ..found import broadcasts
from .catalogue import Hypothesis, Substitutes, change, of
from .constants import ONE, Constant, Constants, digits
from .derivation import Array, Values
from .sums import is_mean, is_sum

PROBES = 64
"""How many elements, those known most precisely, suggest a factor; it is then tried on all of them."""

ENOUGH = 3
"""A factor that no number of the graph explains needs this many elements: any one number is a multiple of another."""

UNEXPLAINED = 9.0
"""The cost of a constant that no number of the graph explains."""


class Factor(NamedTuple):
    """A constant times powers of tensors."""

    constant: Constant
    powers: tuple[tuple[Node, float], ...] = ()

    def worth(self, values: Any) -> Array:
        """The factor as an array."""
        made: Array = np.asarray(self.constant.value)
        for x, k in self.powers:
            base = values[x]
            made = made * (np.abs(base) ** k if k != int(k) else base**k)
        return made

    @property
    def text(self) -> str:
        """The factor in the user's names."""
        parts = [f"{x.name}{'' if k == 1 else f'^{k:g}'.replace('-', '−')}" for x, k in self.powers]
        if self.constant.value == -1 and parts:
            return f"−{' · '.join(parts)}"
        head = [] if self.constant.value == 1 and parts else [self.constant.text]
        return " · ".join([*parts, *head])

    @property
    def cost(self) -> float:
        """How far it is from a plain constant."""
        return self.constant.cost + sum(1.0 + 0.2 * abs(abs(k) - 1) for _, k in self.powers)


@dataclass(frozen=True, slots=True, eq=False)
class Factors:
    """What explains a factor.

    Attributes:
        values: where the tensors are looked up.
        constants: explain a constant.
        tensors: those whose powers are tried.
    """

    values: Values
    constants: Constants
    tensors: tuple[Node, ...]

    def of(self, mine: Array, due: Array, slack: Array) -> Iterator[Factor]:
        """The factors by which one array may be another, cheapest first.

        Args:
            mine: the array that was given.
            due: the array that is due, of the same shape.
            slack: the tolerance of their difference.
        """
        if mine.shape != due.shape or not mine.size:
            return
        with np.errstate(all="ignore"):
            sharpness = np.where(np.isfinite(due) & (due != 0), np.abs(due) / np.maximum(slack, 1e-300), 0.0)
            sharpness = sharpness.reshape(-1)
            sharpest = float(sharpness.max(initial=0.0))
            if sharpest < 10.0:
                return
            order = _largest(sharpness, PROBES)
            order = order[sharpness[order] > max(sharpest * 1e-6, 10.0)]
            ratio = mine.reshape(-1)[order] / due.reshape(-1)[order]
            loose = 1.0 / sharpness[order]
        if not order.size or not np.isfinite(ratio).all():
            return
        best = float(ratio[0])
        if abs(best) <= loose[0]:  # it is 0 up to rounding, which no factor makes
            return
        if np.all(np.abs(ratio - best) <= 4 * np.abs(loose * np.maximum(1.0, abs(best))) + 1e-14 * abs(best)):
            found = self.constants.explain(best, 8 * float(loose[0]) + 1e-14)
            if found or due.size >= ENOUGH:
                yield Factor(found or Constant(best, digits(best, 6, least=1e-13), UNEXPLAINED))
        if due.size > 1 and (ratio != 0).all():
            yield from self._powers(ratio, loose, np.unravel_index(order, due.shape), due.shape)

    def _powers(self, ratio: Array, loose: Array, places: Any, shape: tuple[int, ...]) -> Iterator[Factor]:
        """Least squares for the exponents, in logarithms, of one tensor and then of two."""
        usable, logs = [], []
        with np.errstate(all="ignore"):
            for x in self.tensors:
                if not broadcasts(x.shape, shape):
                    continue
                probed = np.broadcast_to(self.values[x], shape)[places]
                log = np.log(np.abs(probed.astype(np.float64)))
                if np.isfinite(log).all() and np.ptp(log) > 1e-9:
                    usable.append(x)
                    logs.append(log - log.mean())
            if not usable:
                return
            columns = np.array(logs)
            wanted = np.log(np.abs(ratio.astype(np.float64)))
            wanted = wanted - wanted.mean()
            tolerance = 8 * float(np.max(loose)) + 1e-13
            gram, right = columns @ columns.T, columns @ wanted
        for count in (1, 2) if len(ratio) >= 3 else (1,):
            chosen = np.array([*combinations(range(len(usable)), count)], int).reshape(-1, count)
            grams = gram[chosen[:, :, None], chosen[:, None, :]]
            fine = np.linalg.det(grams) > 1e-6 * np.diag(gram)[chosen].prod(axis=1)
            exact = np.linalg.solve(grams[fine], right[chosen[fine], None])[..., 0]
            near = np.round(2 * exact) / 2
            simple = ((near != 0) & (np.abs(near) <= 4) & (np.abs(near - exact) < 1e-3)).all(axis=1)
            for which, k in zip(chosen[fine][simple], near[simple], strict=True):
                if np.abs(wanted - k @ columns[which]).max() > tolerance * 4 * max(1.0, float(np.abs(k).max())):
                    continue
                powers = tuple((usable[i], float(e)) for i, e in zip(which, k, strict=True))
                with np.errstate(all="ignore"):
                    power = np.broadcast_to(Factor(ONE, powers).worth(self.values), shape)[places]
                    constant = self.constants.explain(float(ratio[0] / power[0]), tolerance * 8)
                if constant is not None:
                    yield Factor(constant, powers)


def _largest(sizes: Array, count: int) -> Array:
    """The places of the largest elements, the largest first and equals by place."""
    if sizes.size > 4 * count:
        among = np.flatnonzero(sizes >= np.partition(sizes, -count)[-count])
        return among[np.argsort(-sizes[among], kind="stable")[:count]]
    return np.argsort(-sizes, kind="stable")[:count]


def before_sums(step: Node, substitutes: Substitutes) -> Iterator[Hypothesis]:
    """A power of a tensor put into the terms of a sum."""
    if not (is_sum(step) or is_mean(step)):
        return
    (x,) = step.operands
    for distance, atom in enumerate(substitutes.values):
        if not broadcasts(atom.shape, x.shape) or atom.shape == step.shape:
            continue
        for k in (1, -1, 2, -2):
            factor = Factor(ONE, ((atom, float(k)),))
            text = f"the terms of the sum are multiplied by {factor.text}"
            instead = of(lambda terms, base, k=k: step.apply(terms * base**k), x, atom)
            yield change("power of a tensor", text, step, instead, factor.cost + 0.01 * distance)
