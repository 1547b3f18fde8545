"""Tolerance: how far rounding alone can move each gradient, measured by letting it.

The forward and the backward pass are run again a few times with every result nudged at random, by a few units in the
last place. How far a gradient moves then is what rounding can do to it at this point, cancellation and ill-conditioned
forward passes included; this is stochastic arithmetic (Vignes, *A stochastic arithmetic for reliable scientific
computation*, Mathematics and Computers in Simulation 35, 1993). To that comes what summing in another order can do,
known from the terms of the sums. So a tolerance belongs to an element, not to an array: a column of small numbers is
judged as strictly as one of large ones.

Equal numbers of one array are nudged alike, as rounding would treat them, so that ties stay ties.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..graph import Graph, Node, evaluate, evaluate_backward, joint
from .terms import MOVES, SUMS, Terms, summed, terms

SAMPLES = 5
"""Passes with nudges, at most."""
EXACT = MOVES | frozenset(("neg", "abs", "sign", "max", "min", "maximum", "minimum", "relu", "clip"))
"""The ops that do not round. Nudged, a maximum would equal none of the numbers it was chosen from."""
LARGE = 1 << 20
"""Graphs with more numbers than this are run twice only: there each row and column shows many movements."""
STRENGTH = 16.0
"""The largest nudge, in units of the dtype's eps."""
MARGIN = 4.0
"""The tolerance is this many of the largest movements seen."""
SUMMING = 4.0
"""Another order of summing may cost this many ``eps · √count · Σ|terms|``."""


class Tolerances(NamedTuple):
    """What rounding can do to the gradients of a graph.

    Attributes:
        absolute: by node, the allowed absolute difference of each element.
        terms: by node, the terms that were added to make its gradient.
    """

    absolute: dict[Node, Any]
    terms: dict[Node, Terms]


class Passes(NamedTuple):
    """A graph's forward values from several nudged runs, and how far they moved from the recorded ones.

    Attributes:
        values: of each run, the nudged value of every forward node.
        moved: by node, the largest movement of each element.
        summing: by node that adds up many numbers, what another order may cost, absolute.
    """

    values: list[dict[Node, Any]]
    moved: dict[Node, Any]
    summing: dict[Node, Any]


def nudged_passes(graph: Graph) -> Passes:
    """Run the forward pass several times with nudged leaves and results."""
    passes = Passes([], {}, {})
    for node in joint(graph).nodes if graph.gradients else graph.nodes:
        if node.op is not None and node.op.name in SUMS and node.dtype.kind in "fc":
            sizes = summed(node)
            passes.summing[node] = float(np.finfo(node.dtype).eps) * np.sqrt(sizes.many) * np.asarray(sizes.total)
    large = sum(np.size(node.value) for node in graph.nodes) > LARGE
    for seed in range(2 if large else SAMPLES):
        leaves = {n: nudged(n.value, n.dtype, seed) for n in graph.nodes if n.is_leaf and n.dtype.kind in "fc"}
        values = {**evaluate(graph, leaves, _Nudges(passes, seed)), **leaves}
        passes.values.append(values)
        for node, value in values.items():
            if node.dtype.kind in "fc":
                _widen(passes.moved, node, value, node.value)
    return passes


def recorded_tolerances(graph: Graph, passes: Passes | None = None) -> Tolerances:
    """How far rounding can move each of the gradients that were recorded, from the output on."""
    values = {node: node.value for node in graph.nodes}
    gradients = {node: gradient.value for node, gradient in graph.gradients.items()}
    return tolerances(graph, nudged_passes(graph) if passes is None else passes, {}, values, gradients)


def tolerances(
    graph: Graph,
    passes: Passes,
    given: Mapping[Node, Any],
    values: Mapping[Node, Any],
    expected: Mapping[Node, Any],
) -> Tolerances:
    """How far rounding can move each gradient from what is expected of it.

    Args:
        graph: captured with an upstream and with its values.
        passes: from `nudged_passes`.
        given: gradients that go on from their nodes in place of the recomputed ones, and are exact.
        values: the forward values in use.
        expected: the gradients that the rules give with these, from `evaluate_backward`.
    """
    found = terms(graph, {**expected, **given}, values)
    moved: dict[Node, Any] = {}
    for seed, run in enumerate(_around(values, passes)):
        again = evaluate_backward(graph, given, run, _Nudges(passes, seed))
        for node, gradient in again.gradients.items():
            _widen(moved, node, gradient, expected[node])
    absolute = {}
    with np.errstate(all="ignore"):
        for node, sizes in found.items():
            unit = np.finfo(node.dtype)
            summing = SUMMING * float(unit.eps) * float(np.sqrt(sizes.many))
            # A term that overflows bounds nothing.
            total = np.where(np.isfinite(sizes.total), sizes.total, 0.0)
            apart = np.maximum(moved[node], _typical(moved[node]) / 2.0)
            absolute[node] = MARGIN * apart + summing * total + 4.0 * float(unit.smallest_subnormal)
    return Tolerances(absolute, found)


def _typical(moved: Any) -> Any:
    """How far an element should move, going by its row, its column, …: the product of a size for each.

    One element may have moved little by chance, or because the recorded order of operations is kinder to it than
    another equally correct one; those beside it on every axis did not. Sizes belong to rows and columns, so that small
    ones stay small beside large ones.
    """
    if np.ndim(moved) < 2 or not np.size(moved) or not np.all(np.isfinite(moved)):
        return 0.0
    rest, sizes = moved, 1.0
    for axis in reversed(range(np.ndim(moved))):
        others = tuple(k for k in range(np.ndim(moved)) if k != axis)
        size = np.sqrt(np.mean(np.square(rest), axis=others, keepdims=True))
        rest, sizes = np.where(size > 0, rest / size, 0.0), sizes * size
    return sizes


def wider(local: Tolerances, recorded: Tolerances) -> Tolerances:
    """What rounding can do at each stage, whatever the earlier values that it was computed from.

    From the user's own upstream gradients a stage may be well conditioned and from the output on not; and nobody says
    that it was computed from just those. So what rounding can do from the output on counts too, in proportion to the
    terms where the user's are larger.
    """
    absolute = {}
    for node, mine in local.absolute.items():
        with np.errstate(all="ignore"):
            ratio = np.asarray(local.terms[node].total / recorded.terms[node].total)
            ratio = np.where(np.isfinite(ratio), np.maximum(ratio, 1.0), 1.0)
            from_output = recorded.absolute[node] * ratio
        absolute[node] = np.fmax(mine, from_output)
    return Tolerances(absolute, local.terms)


def nudged(value: Any, dtype: np.dtype[Any], seed: int) -> Any:
    """An array with each number changed by at most `STRENGTH` eps of the dtype, in float64 where that is finer.

    >>> import numpy as np
    >>> from micrograd_tensor.check.tolerance import nudged
    >>> x = np.array([1.0, 2.0, 1.0])
    >>> moved = nudged(x, x.dtype, 0)
    >>> bool(0 < abs(moved[1] - 2.0) < 1e-14), bool(moved[0] == moved[2])
    (True, True)
    """
    array = np.asarray(value)
    if array.dtype.kind == "c":
        part = array.real.dtype
        return nudged(array.real, part, seed) + 1j * nudged(array.imag, part, seed + 1)
    fine, unit = array.astype(np.result_type(array.dtype, np.float64)), np.finfo(dtype)
    # Below the normal numbers the last place no longer shrinks with the number; what is exactly 0 is not rounded.
    last_place = np.maximum(float(unit.eps) * np.abs(fine), (fine != 0) * float(unit.smallest_subnormal))
    return fine + STRENGTH * last_place * _between(fine.astype(np.float64), seed)


def _between(array: Any, seed: int) -> Any:
    """Numbers between −1 and 1 that look random but depend only on an array's numbers and the seed."""
    with np.errstate(over="ignore"):
        bits = array.view(np.uint64) ^ np.uint64((seed * 0x9E3779B97F4A7C15 + 0x2545F4914F6CDD1D) % 2**64)
        for shift, odd in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            bits = (bits ^ (bits >> np.uint64(shift))) * np.uint64(odd)
        bits = bits ^ (bits >> np.uint64(31))
    return bits.astype(np.float64) * 2.0**-63 - 1.0


class _Nudges:
    """Watches a replay and nudges what every op makes, sums by what their terms warrant."""

    def __init__(self, passes: Passes, seed: int) -> None:
        self._summing, self._seed = passes.summing, seed

    def __call__(self, node: Node, value: Any) -> Any:
        assert node.op is not None  # noqa: S101 -- for the type checker
        if node.dtype.kind not in "fc" or node.op.name in EXACT:
            return value
        seed = self._seed + SAMPLES * (node.rank + 1)
        moved = nudged(value, node.dtype, seed)
        summing = self._summing.get(node)
        if summing is None or not np.size(value) or np.shape(value) != summing.shape:
            return moved
        # The recorded terms tell the size, unless what is summed now is larger all over.
        before, now = np.abs(node.value).max(), np.abs(value).max()
        larger = max(1.0, float(now / before)) if before and np.isfinite(now / before) else 1.0
        return moved + STRENGTH / 4.0 * larger * summing * _between(np.abs(np.asarray(value)).astype(np.float64), -seed)


def _around(values: Mapping[Node, Any], passes: Passes) -> Iterator[dict[Node, Any]]:
    """The nudged runs, centred on the forward values in use."""
    for run in passes.values:
        with np.errstate(all="ignore"):
            yield {
                node: value if values.get(node, node.value) is node.value else values[node] + (value - node.value)
                for node, value in run.items()
                if node.dtype.kind in "fc"
            }


def _widen(moved: dict[Node, Any], node: Node, value: Any, base: Any) -> None:
    with np.errstate(all="ignore"):
        distance = np.abs(value - base)
        distance = np.where(np.isnan(distance), np.where(np.isfinite(base), np.inf, 0.0), distance)
        moved[node] = np.maximum(moved[node], distance) if node in moved else distance


def coarser(tolerance: Any, node: Node, given: Any) -> Any:
    """The tolerance for an array that was given in a coarser dtype than the node has."""
    if given.dtype.kind not in "fc" or node.dtype.kind not in "fc":
        return tolerance
    ratio = float(np.finfo(given.dtype).eps) / float(np.finfo(node.dtype).eps)
    return tolerance * ratio if ratio > 1 else tolerance
