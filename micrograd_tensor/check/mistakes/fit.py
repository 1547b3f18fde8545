"""Fit: what the numbers themselves tell: by what each path to a gradient is multiplied, and what was added.

For batch normalization dx is the sum of what arrives directly, through the variance and through the mean. Most mistakes
multiply one of these by something; least squares finds by what, and so which path is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, combinations
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ...graph import Node
from ...notation.printable import listed
from ..found import broadcasts
from .catalogue import Hypothesis, Substitutes, of
from .constants import NOTHING, ONE, digits
from .derivation import Array, Operand, Values, grouped_forward
from .factors import UNEXPLAINED, Factor, Factors
from .least_squares import solve
from .several import MAX_NAMED, between, many

MAX_PATHS = 24
"""A result with more paths than this is not split."""

MAX_SLICES = 4096
"""The maximum number of slices that get weights of their own."""


# ------------------------------------------------------------------------------------------------------------ the paths


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """One route from the given gradients to the result.

    Attributes:
        name: what distinguishes it from the others: ``"directly"`` or ``"through var"``.
        value: what arrives along it.
        nodes: the forward nodes whose gradients it passes.
    """

    name: str
    value: Array
    nodes: frozenset[Node]


def paths_of(values: Values) -> list[Path] | None:
    """The paths of a derivation whose values add up to its result; None if there are too many, or there is only one.

    They include paths that are identically zero.
    """
    derivation = values.derivation
    found: dict[Operand, list[Path]] = {}
    for x in derivation.leaves:
        if x in derivation.gradients:
            origin = derivation.origins.get(x)
            found[x] = [Path("", np.asarray(values[x]), frozenset({origin} if origin is not None else ()))]
    with np.errstate(all="ignore"):
        for step in derivation.steps:
            carried = derivation.carried(step)
            made = [_through(values, step, i, carried, path) for i in carried for path in found[step.operands[i]]]
            if len(made) > MAX_PATHS:
                return None
            if made:
                found[step] = made
    paths = found.get(derivation.target, [])
    return _named(paths) if len(paths) > 1 else None


def _through(values: Values, step: Node, i: int, carried: Sequence[int], path: Path) -> Path:
    operands = [values[x] for x in step.operands]
    for j in carried:
        operands[j] = path.value if j == i else np.zeros_like(np.asarray(operands[j]))
    passed = {step.rule_of[0]} if step.rule_of else set()
    if step in values.derivation.origins:
        passed.add(values.derivation.origins[step])
    return Path("", np.asarray(step.apply(*operands)), path.nodes | passed)


def _named(paths: Sequence[Path]) -> list[Path]:
    """The paths with their names, which differ from each other."""
    common = frozenset.intersection(*(path.nodes for path in paths))
    by_name: dict[str, list[Path]] = {}
    for path in paths:
        marks = [grouped_forward(node) for node in _marks(path.nodes - common)]
        by_name.setdefault(f"through {' and '.join(marks)}" if marks else "directly", []).append(path)
    names: dict[Path, str] = {}
    for name, alike in by_name.items():
        if len(alike) == len(paths):
            names |= {path: f"{name} ({i + 1})" for i, path in enumerate(paths)}
        elif len(alike) > 1:
            names |= {path: f"{name}, {its.name}" for path, its in zip(alike, _named(alike), strict=True)}
        else:
            names[alike[0]] = name
    return [replace(path, name=names[path]) for path in paths]


def _marks(nodes: Iterable[Node]) -> list[Node]:
    """Of each connected stretch of nodes the one to call it by: with a name, the smallest, the nearest to the input."""
    stretches: list[set[Node]] = []
    for node in sorted(nodes, key=lambda n: n.rank):
        near = [stretch for stretch in stretches if not stretch.isdisjoint(node.operands)]
        stretches = [stretch for stretch in stretches if stretch not in near] + [{node}.union(*near)]
    marks = [min(stretch, key=lambda n: (n.name is None, prod(n.shape), n.rank)) for stretch in stretches]
    return sorted(marks, key=lambda n: -n.rank)


class Fit(NamedTuple):
    """What a gradient is made of.

    Attributes:
        paths: those that contribute something, in the order of the graph.
        weights: by what each is multiplied, one number or an array that broadcasts to the gradient; None where the
            gradient is not such a sum, or where the paths are too much alike to tell.
        alike: the two paths that are most alike where that is why, else None.
        idle: the paths that are identically zero.
    """

    paths: tuple[Path, ...]
    weights: tuple[Array, ...] | None
    alike: tuple[str, str] | None
    idle: tuple[Path, ...]


def fit_paths(values: Values, given: Array, slack: Array) -> Fit | None:
    """Fit a gradient by the paths of a derivation; None where it has only one.

    The weights are numbers, or else vary along as few axes as possible.

    Args:
        values: of the derivation.
        given: the gradient to be fitted.
        slack: the element-wise tolerance.
    """
    paths = paths_of(values)
    if paths is None or given.shape != values.target.shape:
        return None
    sizes = {path: float(np.abs(path.value).max(initial=0.0)) for path in paths}
    least = 1e-9 * max(sizes.values())
    live = tuple(path for path in paths if sizes[path] > least)
    idle = tuple(path for path in paths if sizes[path] <= least)
    if len(live) < 2 or not np.isfinite(given).all() or not all(np.isfinite(path.value).all() for path in live):
        return None
    for axes in chain(*(combinations(range(given.ndim), count) for count in range(given.ndim))):
        weights, alike = _slices(np.array([path.value for path in live]), given, slack, axes)
        if weights is not None:
            return Fit(live, tuple(weights), None, idle)
        if not axes and alike is not None:
            return Fit(live, None, (live[alike[0]].name, live[alike[1]].name), idle)
    return Fit(live, None, None, idle)


def _slices(columns: Array, given: Array, slack: Array, axes: tuple[int, ...]) -> Any:
    """Weights for every slice along these axes, with the others kept at length 1; or which two paths are alike."""
    count = prod(given.shape[a] for a in axes)

    def sliced(x: Array) -> Array:
        return np.moveaxis(x, axes, range(len(axes))).reshape(count, -1)

    rows = np.stack([sliced(column) for column in columns], axis=-1)
    if rows.shape[1] <= rows.shape[2] or count > MAX_SLICES:
        return None, None
    weights, alike = solve(rows, sliced(given), sliced(np.broadcast_to(slack, given.shape)))
    if weights is None:
        return None, alike
    shape = tuple(given.shape[a] if a in axes else 1 for a in range(given.ndim))
    return [weights[:, j].reshape(shape) for j in range(len(columns))], None


def fitted_paths(factors: Factors, slack: Array, fit: Fit) -> Iterator[Hypothesis]:
    """The mistakes that a fit's weights say, where the numbers of the graph explain them."""
    if fit.weights is None:
        return
    names, derivation = [path.name for path in fit.paths], factors.values.derivation
    target, name = derivation.target, derivation.name
    explained = [
        _explained(factors, weight, float(np.max(slack)), float(np.abs(path.value).max()))
        for path, weight in zip(fit.paths, fit.weights, strict=True)
    ]
    found = [factor for factor in explained if factor is not None]
    if len(found) == len(fit.paths):
        kind, text = _in_words(names, found, name)
        if kind is not None:
            cost = sum(f.cost for f in found if f.text != "1")
            worth = partial(_sum, names=names, weights=found)
            yield Hypothesis(kind, text, worth, target, cost, of_paths=True)
        return
    wrong = [n for n, weight in zip(names, fit.weights, strict=True) if not _is_right(weight)]
    alike = all(np.size(w) == 1 and np.allclose(w, fit.weights[0], rtol=1e-9) for w in fit.weights)
    if wrong and not alike:  # else the whole is multiplied, which is simpler said of the whole
        rest = ", and the rest is right" if len(wrong) < len(names) else ""
        text = f"what arrives at {name} {_ways(wrong, names)} is wrong{rest}; {evidence(fit, name)}"
        yield Hypothesis("wrong way", text, partial(_sum, names=names, weights=fit.weights), target, of_paths=True)


def _is_right(weight: Array) -> bool:
    return bool(np.allclose(weight, 1.0, rtol=1e-6))


def _ways(names: Sequence[str], every: Sequence[str]) -> str:
    """Ways to a gradient in a sentence about what arrives there."""
    common = many(names, every, "ways")
    return f"by {common}" if common else listed(names)


def evidence(fit: Fit, name: str) -> str:
    """A fit as a clause: the factors of the paths in the given array that are not 1."""
    if fit.alike is not None:
        first, second = fit.alike
        return f"what arrives at {name} {first} and {second} is too much alike at this point for a fit to tell it apart"
    names = [path.name for path in fit.paths]
    if fit.weights is None:
        return f"it is not a sum of multiples of what arrives at {name} {_ways(names, names)}"
    wrong = {n: weight for n, weight in zip(names, fit.weights, strict=True) if not _is_right(weight)}
    common = many([*wrong], names, "ways")
    if common:
        ends = between([float(f(weight)) for weight in wrong.values() for f in (np.min, np.max)])
        return f"{common} to {name} are multiplied by numbers from {ends}"
    parts = [f"{n} × {_weight_in_words(weight)}" for n, weight in wrong.items()]
    return f"of the {len(names)} ways to {name}: {', '.join(parts)}"


def absent(fit: Fit) -> str:
    """The paths that are identically zero, as a clause beside the factors of the others; "" where there are none."""
    idle = [path.name for path in fit.idle]
    if not idle or fit.weights is None:
        return ""
    return f"what arrives there {_ways(idle, idle)} is identically 0, so absent and harmless"


def _weight_in_words(weight: Array) -> str:
    weight = np.where(np.abs(weight) < 1e-9, 0.0, weight)
    if np.ptp(weight) <= 1e-9 * max(float(np.abs(weight).max()), 1.0):
        return digits(float(weight.flat[0]))
    return f"({', '.join(map(digits, weight.reshape(-1)[:4].tolist()))}{', …' if weight.size > 4 else ''})"


def _explained(factors: Factors, weight: Array, slack: float, scale: float) -> Factor | None:
    loose = np.full(weight.shape, 64 * (slack / scale if scale else 1.0) + 1e-12)
    if np.all(np.abs(weight) <= 1e-8):
        return Factor(NOTHING)
    if np.all(np.abs(weight - 1) <= np.maximum(loose, 1e-9)) and weight.size == 1:
        return Factor(ONE)
    found = factors.of(weight, np.ones_like(weight), loose)
    return min((f for f in found if f.constant.cost < UNEXPLAINED), key=lambda f: f.cost, default=None)


def _in_words(names: Sequence[str], found: Sequence[Factor], name: str) -> tuple[str | None, str]:
    """The kind of mistake that the weights are, and a sentence about it."""
    plain = [f.constant.value if not f.powers else None for f in found]
    if all(w == 1 for w in plain) or all(w == 0 for w in plain):
        return None, ""  # nothing is wrong, or nothing is there, which is simpler said of the whole
    if len({f.text for f in found}) == 1:
        return _kind(found[0]), f"everything that arrives at {name} is multiplied by {found[0].text}"
    zero = [n for n, w in zip(names, plain, strict=True) if w == 0]
    kept = [n for n, w in zip(names, plain, strict=True) if w != 0]
    by_factor: dict[str, list[str]] = {}
    for n, f in zip(names, found, strict=True):
        if f.text != ONE.text:
            by_factor.setdefault(f.text, []).append(n)
    if len(by_factor) > 2:  # which no number of the layer explains all
        wrong = [n for n in names if any(n in several for several in by_factor.values())]
        numbers = [w for w in plain if w not in (1, None)]
        factors = f"number each, {between(numbers)}" if None not in plain else "factor each"
        return "wrong way", f"what arrives at {name} {_ways(wrong, names)} is multiplied by another {factors}"
    text = "; ".join(
        f"what arrives at {name} {_ways(ways, names)} is {'missing' if ways == zero else f'multiplied by {factor}'}"
        for factor, ways in sorted(by_factor.items(), key=lambda item: item[1] != zero)
    )
    if len(by_factor) == 1 and zero:
        if kept == ["directly"] and len(zero) > 1:
            return "statistic as constant", f"{text}: the statistics are treated as constants"
        if "directly" in zero:
            return "overwritten contribution", f"{text}: it was overwritten where it had to be added to"
        return "dropped contribution", text
    if len(by_factor) == 1:
        return _kind(next(f for f in found if f.text != ONE.text)), text
    return "two mistakes", text


def _kind(factor: Factor) -> str:
    if factor.powers:
        return "power of a tensor"
    return "sign" if factor.constant.value == -1 else "constant factor"


def _sum(values: Values, names: Sequence[str], weights: Sequence[Factor | Array]) -> Array:
    by_name = {path.name: path.value for path in paths_of(values) or ()}
    worth = [weight.worth(values) if isinstance(weight, Factor) else weight for weight in weights]
    return np.asarray(sum(by_name[name] * weight for name, weight in zip(names, worth, strict=True)))


# -------------------------------------------------------------------------------------------- what was added, and where


def added(factors: Factors, given: Array, slack: Array, substitutes: Substitutes) -> Iterator[Hypothesis]:
    """The result plus a multiple of an available value, or plus a constant."""
    values, derivation = factors.values, factors.values.derivation
    due, name, target = values.target, derivation.name, derivation.target
    if given.shape != due.shape or given.size < 3 or not np.isfinite(given).all() or not np.isfinite(due).all():
        return
    rest = (given - due).astype(np.float64)
    if np.ptp(rest) <= 2 * float(np.max(slack)) and float(np.abs(rest).min()) > 0:
        value = float(rest.mean())
        text = f"{value:.6g} is added to every element of {name}"
        yield Hypothesis("added term", text, of(partial(np.add, value), target), target, 1.0)
    off = np.abs(rest) > slack
    if off.any() and np.ptp(rest[off]) <= 2 * float(np.max(slack)) and _are_picked(values, off):
        value = float(rest[off].mean())
        text = f"{-value:.6g} is missing at the {int(off.sum())} elements of {name} that forward picks by an index"
        make = of(lambda x: np.where(off, x + value, x) if x.shape == off.shape else x, target)
        yield Hypothesis("dropped term", text, make, target, 1.0)
    for distance, atom in enumerate((*substitutes.gradients, *substitutes.values)):
        if not broadcasts(atom.shape, due.shape):
            continue
        term = np.broadcast_to(values[atom], due.shape).astype(np.float64)
        with np.errstate(all="ignore"):
            size = float((term * term).sum())
            weight = float((rest * term).sum()) / size if size else np.nan
        if not np.isfinite(weight) or not np.all(np.abs(rest - weight * term) <= 8 * slack + 1e-13 * np.abs(rest)):
            continue
        constant = factors.constants.explain(weight, 1e-8)
        if constant is not None and constant.cost < 5:
            times = "" if constant.value == 1 else f"{constant.text} times "
            text = f"{times}{atom.name} is added to {name}, where it does not belong"
            more = constant.cost + 0.01 * distance
            make = of(lambda x, term, weight=constant.value: x + weight * term, target, atom)
            yield Hypothesis("added term", text, make, target, more)


def in_places(values: Values, given: Array, slack: Array) -> Iterator[Hypothesis]:
    """Tells where the wrong elements are, if fewer than half are wrong."""
    due, name = values.target, values.derivation.name
    if given.shape != due.shape or due.size < 4:
        return
    with np.errstate(all="ignore"):
        wrong = ~((np.abs(given - due) <= slack) | (np.isnan(given) & np.isnan(due)))
    count = int(wrong.sum())
    if 0 < count <= due.size // 2:
        text = f"{count} of the {due.size} elements of {name} are wrong and the others are right: {_where(wrong)}"
        if _are_picked(values, wrong):
            text = f"the {count} elements of {name} that forward picks by an index are wrong, and the others are right"
        target = values.derivation.target
        yield Hypothesis("in places", text, of(lambda x: np.where(wrong, given, x), target), target)


def _are_picked(values: Values, wrong: Array) -> bool:
    """Whether the wrong elements are those that the forward pass picks by an index, as labels do."""
    at = values.derivation
    scattered = [step for step in at.steps if step.shape == wrong.shape and at.picks(step)]
    return any(np.array_equal(np.asarray(values[step]) != 0, wrong) for step in scattered)


def _where(wrong: Array) -> str:
    places = np.argwhere(wrong)
    for axis in range(wrong.ndim):
        slices = sorted(set(places[:, axis].tolist()))
        if len(slices) <= max(1, wrong.shape[axis] // 3):
            word = "slice" if len(slices) == 1 else "slices"
            some = f"{len(slices)} {word}" if len(slices) > MAX_NAMED else f"{word} {', '.join(map(str, slices))}"
            return f"all in {some} along axis {axis}"
    listed = ", ".join(str([int(i) for i in place]) for place in places[:4])
    return f"at {listed}{', …' if len(places) > 4 else ''}"
