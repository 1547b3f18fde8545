"""Paths: a gradient of which no stages are given, fitted by what arrives along each way through the graph.

For batch normalization dx is the sum of what arrives directly, through the variance and through the mean. Most mistakes
multiply one of these by something; least squares finds by what, and so which way is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from .hypotheses.atoms import Atoms
from .hypotheses.candidate import Candidate
from .hypotheses.constants import Constant, Constants
from .hypotheses.point import Point
from .hypotheses.powers import Factor, factors
from .hypotheses.program import Array
from .hypotheses.ways import Way, ways_of
from .hypotheses.words import digits

ILL_CONDITIONED = 1e-5
"""Ways whose smallest singular value, as a part of the largest, is below this cannot be told apart by a fit."""


class Fit(NamedTuple):
    """What a gradient is made of.

    Attributes:
        ways: those that bring something, in the order of the graph.
        weights: by what each is multiplied, one number or an array that broadcasts to the gradient; None where the
            gradient is no such sum, or where the ways are too much alike to say.
        alike: the two ways that are most alike where that is why, else None.
        idle: the ways that are identically zero.
    """

    ways: tuple[Way, ...]
    weights: tuple[Array, ...] | None
    alike: tuple[str, str] | None
    idle: tuple[Way, ...]


def fit_paths(point: Point, given: Array, slack: Array) -> Fit | None:
    """Fit a gradient by the ways of a program; None where it has only one.

    The weights are numbers, or else vary along as few axes as possible.

    Args:
        point: the program and its values.
        given: the gradient to be fitted.
        slack: by how much it may be off, element by element.
    """
    ways = ways_of(point)
    if ways is None or given.shape != point.target.shape:
        return None
    sizes = [float(np.abs(way.value).max(initial=0.0)) for way in ways]
    live = [way for way, size in zip(ways, sizes, strict=True) if size > 1e-9 * max(sizes)]
    idle = tuple(way for way, size in zip(ways, sizes, strict=True) if size <= 1e-9 * max(sizes))
    if len(live) < 2 or not np.isfinite(given).all() or not all(np.isfinite(way.value).all() for way in live):
        return None
    alike = None
    for axes in _axes(given.ndim):
        weights, alike = _slices(np.array([way.value for way in live]), given, slack, axes)
        if weights is not None:
            return Fit(tuple(live), tuple(weights), None, idle)
        if not axes and alike is not None:
            alike = (live[alike[0]].name, live[alike[1]].name)
            return Fit(tuple(live), None, alike, idle)
    return Fit(tuple(live), None, None, idle)


def _axes(rank: int) -> list[tuple[int, ...]]:
    """Along which axes the weights vary: none first."""
    return [axes for count in range(rank) for axes in combinations(range(rank), count)]


def _slices(columns: Array, given: Array, slack: Array, axes: tuple[int, ...]) -> Any:
    """Weights for every slice along these axes, with the others kept at length 1; or which two ways are alike."""
    others = tuple(a for a in range(given.ndim) if a not in axes)
    order = (*axes, *others)
    lengths = tuple(given.shape[a] for a in axes)
    count = int(np.prod(lengths))

    def sliced(x: Array) -> Array:
        return x.transpose(order).reshape(count, -1)

    rows = np.stack([sliced(column) for column in columns], axis=-1)
    wanted, loose = sliced(given), sliced(np.broadcast_to(slack, given.shape))
    if rows.shape[1] <= rows.shape[2] or count > 4096:
        return None, None
    with np.errstate(all="ignore"):
        scale = 1.0 / np.maximum(loose, 1e-150)
        scale = scale / scale.max(axis=1, keepdims=True)
        a, b = rows * scale[..., None], wanted * scale
        size = np.sqrt((a * a).sum(axis=1, keepdims=True))
        a = a / size
    if not np.isfinite(a).all():
        return None, None
    u, singular, vt = np.linalg.svd(a, full_matrices=False)
    if singular[:, -1].min() < ILL_CONDITIONED * singular[:, 0].max():
        likeness = np.abs(np.einsum("sij,sik->sjk", a, a)).max(axis=0)
        np.fill_diagonal(likeness, 0.0)
        i, j = np.unravel_index(int(np.argmax(likeness)), likeness.shape)
        return None, (int(i), int(j))
    solved = np.einsum("skj,sk->sj", vt, np.einsum("sik,si->sk", u, b) / singular) / size[:, 0, :]
    left = np.abs(np.einsum("sij,sj->si", rows, solved) - wanted)
    if not np.all(left <= 32 * loose):
        return None, None
    shape = tuple(given.shape[a] if a in axes else 1 for a in range(given.ndim))
    return [solved[:, j].reshape(shape) for j in range(len(columns))], None


def path_candidates(
    point: Point, given: Array, slack: Array, fit: Fit, constants: Constants, atoms: Atoms
) -> Iterator[Candidate]:
    """The mistakes that a fit's weights say, where the numbers of the graph explain them."""
    if fit.weights is None:
        return
    found = []
    for way, weight in zip(fit.ways, fit.weights, strict=True):
        with np.errstate(all="ignore"):
            loose = np.broadcast_to(_looseness(way.value, slack), given.shape)
            loose = np.broadcast_to(loose.max() * np.ones_like(weight), weight.shape)
        one = next(iter(sorted(_explained(point, weight, loose, constants, atoms), key=lambda f: f.cost)), None)
        if one is None:
            break
        found.append(one)
    name = f"d{point.program.node.name}"
    if len(found) == len(fit.ways):
        kind, text = _told([way.name for way in fit.ways], found, name)
        worth = _combined([way.name for way in fit.ways], found)
        if kind is not None:
            cost = sum(f.cost for f in found if f.text != "1")
            yield Candidate(kind, text, worth, point.program.target, cost, of_ways=True)
        return
    wrong = [
        way.name for way, weight in zip(fit.ways, fit.weights, strict=True) if not np.allclose(weight, 1.0, rtol=1e-6)
    ]
    weights = fit.weights
    if not wrong:
        return
    text = f"what arrives at {name} {' and '.join(wrong)} is wrong, and the rest is right"
    names = [way.name for way in fit.ways]
    yield Candidate("wrong way", text, lambda p: _sum(p, names, weights), point.program.target, of_ways=True)


def evidence(fit: Fit, name: str) -> str:
    """A fit as a clause: by what each way is multiplied in what was given."""
    if fit.alike is not None:
        first, second = fit.alike
        return f"what arrives at {name} {first} and {second} is too much alike at this point for a fit to tell it apart"
    if fit.weights is None:
        return f"it is no sum of multiples of what arrives at {name} {_or([way.name for way in fit.ways])}"
    parts = [f"{way.name} × {_shown(weight)}" for way, weight in zip(fit.ways, fit.weights, strict=True)]
    text = f"of the ways to {name}: {', '.join(parts)}"
    if fit.idle:
        text += f" ({' and '.join(way.name for way in fit.idle)}: identically 0, so absent and harmless)"
    return text


def _shown(weight: Array) -> str:
    weight = np.where(np.abs(weight) < 1e-9, 0.0, weight)
    if np.ptp(weight) <= 1e-9 * max(float(np.abs(weight).max()), 1.0):
        return digits(float(weight.flat[0]))
    return f"({', '.join(map(digits, weight.reshape(-1)[:4].tolist()))}{', …' if weight.size > 4 else ''})"


def _or(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1]


def _looseness(value: Array, slack: Array) -> Array:
    scale = float(np.abs(value).max())
    return np.asarray(np.max(slack) / scale if scale else 1.0) * 64 + 1e-12


def _explained(point: Point, weight: Array, loose: Array, constants: Constants, atoms: Atoms) -> Iterator[Factor]:
    if np.all(np.abs(weight) <= 1e-8):
        yield Factor(Constant(0.0, "0", 0.0), ())
    elif np.all(np.abs(weight - 1) <= np.maximum(loose, 1e-9)) and weight.size == 1:
        yield Factor(Constant(1.0, "1", 0.0), ())
    else:
        for factor in factors(point, weight, np.ones_like(weight), loose, constants, atoms):
            if factor.constant.cost < 9.0:
                yield factor


def _told(names: Sequence[str], found: Sequence[Factor], name: str) -> tuple[str | None, str]:
    """The kind of mistake that the weights are, and a sentence about it."""
    plain = [f.constant.value if not f.powers else None for f in found]
    if all(w == 1 for w in plain):
        return None, ""
    if len({f.text for f in found}) == 1:
        return _kind(found[0]), f"everything that arrives at {name} is multiplied by {found[0].text}"
    zero = [n for n, w in zip(names, plain, strict=True) if w == 0]
    wrong = [(n, f) for n, f, w in zip(names, found, plain, strict=True) if w not in (0, 1)]
    kept = [n for n, w in zip(names, plain, strict=True) if w != 0]
    told = [f"what arrives at {name} {' and '.join(zero)} is missing"] if zero else []
    told += [f"what arrives at {name} {n} is multiplied by {f.text}" for n, f in wrong]
    text = "; ".join(told)
    if zero and not wrong:
        if kept == ["directly"] and len(zero) > 1:
            return "statistic as constant", f"{text}: the statistics are treated as constants"
        if "directly" in zero:
            return "overwritten contribution", f"{text}: it was overwritten where it had to be added to"
        return "dropped contribution", text
    if zero:
        return "two mistakes", text
    return (_kind(wrong[0][1]) if len({f.text for _, f in wrong}) == 1 else "two mistakes"), text


def _kind(factor: Factor) -> str:
    if factor.powers:
        return "power of a tensor"
    return {-1.0: "sign", 2.0: "constant factor"}.get(factor.constant.value, "constant factor")


def _combined(names: Sequence[str], found: Sequence[Factor]) -> Any:
    return lambda point: _sum(point, names, [factor.worth(point) for factor in found])


def _sum(point: Point, names: Sequence[str], weights: Sequence[Any]) -> Array | None:
    by_name = {way.name: way.value for way in ways_of(point) or ()}
    if not set(names) <= set(by_name):
        return None
    total: Any = sum(by_name[name] * weight for name, weight in zip(names, weights, strict=True))
    return np.asarray(total)
