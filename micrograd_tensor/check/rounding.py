"""Rounding: how far it alone can move each gradient, measured by perturbing every result.

The forward and the backward pass run again a few times with every result nudged at random, by a few units in the last
place. How far a gradient moves then is what rounding can do to it at this point, cancellation and ill-conditioned
forward passes included; this is stochastic arithmetic (Vignes, *A stochastic arithmetic for reliable scientific
computation*, Mathematics and Computers in Simulation 35, 1993). To that comes what summing in another order can do,
known from the terms of the sums. So a tolerance belongs to an element, not to an array: a column of small numbers is
judged as strictly as one of large ones.

Equal numbers of one array are nudged alike, as rounding would treat them, so that ties stay ties.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from math import prod
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary, proxy, ref

import numpy as np

from ..engine.row import Contraction, Cumulation, Identity, Linear, Product, Reduction
from ..graph import Graph, Node, evaluate, joint
from ..graph.cut import needed
from ..graph.evaluate import forward_values
from ..graph.nudges import MARGIN, STRENGTH, between, in_parts, is_whole, nudged
from ..graph.paths import depending
from .expected import Expected
from .guards import as_far_as_they_guard, share_of_divisors, without_guards
from .slopes import differences

_COARSE = 1 << 17
"""Sizes of more numbers than this are kept in float32."""
_SAMPLES = 5
"""How many times the passes run with nudges."""
_FEW, _LARGE = 2, 1 << 18
"""How often where a graph has more numbers than this: there each row and column shows many movements."""
_USES = 4.0
"""So many times a divisor with a guard, ``norm + 1e-8``, is a factor of a term, once with it and once without."""
SUMMING = 4.0
"""Another order of summation may cost this many ``eps · √count · Σ|terms|``."""

# ------------------------------------------------------------------------------------------------------------ the terms


class Terms(NamedTuple):
    """What was added to make an array, element by element.

    Attributes:
        largest: the largest absolute term, or a bound of it that is not above ``total``.
        total: the sum of the absolute terms.
        many: the largest number of terms of any element.
    """

    largest: Any
    total: Any
    many: float


def terms(
    graph: Graph,
    used: Mapping[Node, Any] | None = None,
    values: Mapping[Node, Any] | None = None,
    *,
    from_output: bool = False,
    wanted: Iterable[Node] | None = None,
) -> dict[Node, Terms]:
    """The terms of every gradient: what was added at forks, over broadcast axes and in matrix products.

    They are found by running the recorded rules on magnitudes: where a rule adds, the magnitudes are added, so that
    what cancels in the gradient is still seen.

    Args:
        graph: captured with an upstream and with its values.
        used: the gradients of forward nodes that the rules get; None: the recorded ones.
        values: of the forward nodes, likewise.
        from_output: follow the terms from the output on, through all forks, not only within each gradient's own rules.
            What is made of forward values alone, as the slope 1 − t² of a tanh, is no sum then: it is a factor, however
            small, of whatever comes back.
        wanted: the forward nodes whose gradients' terms are kept; by default all.
    """
    whole = joint(graph)
    owners = {whole.gradients[node]: node for node in (whole.gradients if wanted is None else wanted)}
    order = needed(owners, graph.nodes if from_output else {*graph.nodes, *whole.gradients.values()})
    last = {x: node for node in order for x in node.inputs}
    given = {n: g.value for n, g in whole.gradients.items()} if used is None else used
    starts = {} if from_output else {whole.gradients[n]: g for n, g in given.items()}
    forward = {} if values is None else values
    made = {upstream: _alone(upstream.value) for upstream in whole.upstreams.values()}
    found = {owners[gradient]: _terms_kept(sizes) for gradient, sizes in made.items() if gradient in owners}
    known: dict[Any, Any] = {}
    factors = {*order} - depending(order, whole.upstreams.values()) if from_output else set()

    def of(x: Any) -> Any:
        """The terms of an operand; integers and truth values choose places and stay as they are."""
        if not isinstance(x, Node) or (x in made and x not in starts):
            return made[x] if isinstance(x, Node) else x
        if x not in known:  # a gradient that is given, or a forward value
            value = starts[x] if x in starts else forward.get(x, x.value)
            known[x] = _alone(value) if x in starts or x.dtype.kind in "fc" else value
        return known[x]

    def follow(node: Node, value: Any = None) -> Any:
        if node in factors and node.dtype.kind in "fc":
            made[node] = _alone(node.value if value is None else value)
        else:
            made[node] = _through(node, [of(x) for x in node.operands], value)
        for x in node.inputs:
            if last[x] is node:
                made.pop(x, None)
                known.pop(x, None)
        if node in owners:
            found[owners[node]] = _terms_kept(made[node])
        return value

    if used is None and values is None:
        for node in order:
            if node.op is not None:
                follow(node)
    else:
        _pass_back(graph, given, forward, follow, order)
    return {node: found[node] if node in found else _terms_kept(of(gradient)) for gradient, node in owners.items()}


def _terms_kept(sizes: Terms) -> Terms:
    total = _coarse(sizes.total)
    return Terms(total if sizes.largest is sizes.total else _coarse(sizes.largest), total, sizes.many)


def _coarse(sizes: Any) -> Any:
    """Sizes of a large array in float32 where they are in its range: of a bound no more digits are needed."""
    if np.size(sizes) < _COARSE or sizes.dtype != np.float64:
        return sizes
    made = sizes.astype(np.float32)
    within = np.isfinite(made).all() and bool(((made >= np.finfo(np.float32).tiny) | (sizes == 0)).all())
    return made if within else sizes


def _alone(value: Any) -> Terms:
    size = np.abs(value)
    return Terms(size, size, 1.0)


def _added(a: Terms, b: Terms) -> Terms:
    return Terms(np.maximum(a.largest, b.largest), a.total + b.total, a.many + b.many)


def _through(node: Node, operands: list[Any], made: Any = None) -> Terms:
    """Propagate terms through one op, which made this; by default what was recorded."""
    op, params = node.made_by, node.params
    full = [x if isinstance(x, Terms) else _alone(x) for x in operands]
    count = prod(x.many for x in full)
    alone = all(x.largest is x.total for x in full)  # nothing was added yet, so the two are one

    def again(which: str) -> Any:
        """The op on the magnitudes."""
        return op.forward(*(getattr(x, which) if isinstance(x, Terms) else x for x in operands), **params)

    if isinstance(op.reading, Linear) and set(op.reading.coefficients) <= {1, -1}:
        return reduce(_added, full)
    if op.reading == Product((1, 1)):
        total = full[0].total * full[1].total
        return Terms(total if alone else full[0].largest * full[1].largest, total, count)
    if op.reading == Product((1, -1)):
        total = full[0].total / full[1].largest
        return Terms(total if alone else full[0].largest / full[1].largest, total, full[0].many)
    if isinstance(op.reading, Identity):
        return full[0]
    if op.moves:
        total = np.abs(again("total"))
        return Terms(total if alone else np.abs(again("largest")), total, max(x.many for x in full))
    if not op.adds:
        return _alone(node.value if made is None else made)
    if isinstance(op.reading, Reduction):
        many = np.size(full[0].total) / max(prod(node.shape), 1)
        largest = np.max(full[0].largest, axis=params["axis"], keepdims=params["keepdims"], initial=0.0)
        return Terms(largest / (many if op.reading.kind == "mean" else 1), again("total"), count * many)
    if isinstance(op.reading, Cumulation):
        axis = params["axis"]
        largest = full[0].largest.ravel() if axis is None else full[0].largest
        return Terms(np.maximum.accumulate(largest, axis=axis or 0), again("total"), count * prod(node.shape))
    if isinstance(op.reading, Contraction):
        return _contracted(op.reading, node, full, again("total"))
    total = again("total")  # added into places
    many = op.forward(np.ones_like(full[0].total), *operands[1:], **params)
    return Terms(total, total, count * float(np.max(many, initial=1.0)))


def _contracted(reading: Contraction, node: Node, full: list[Terms], total: Any) -> Terms:
    """The terms of a sum of products, none of which is above the product of the largest along the axes summed over."""
    letters, result = reading.labels([np.ndim(x.total) for x in full], node.params)
    lengths = {
        letter: length
        for own, x in zip(letters, full, strict=True)
        for letter, length in zip(own, np.shape(x.total), strict=True)
    }
    count = prod(x.many for x in full) * prod(n for letter, n in lengths.items() if letter not in result)
    if any(len(set(own)) < len(own) for own in letters) or not all(np.size(x.total) for x in full):
        return Terms(total, total, max(count, 1))
    largest = [
        x.largest.max(axis=tuple(k for k, letter in enumerate(own) if letter not in result))
        for own, x in zip(letters, full, strict=True)
    ]
    kept = ",".join("".join(letter for letter in own if letter in result) for own in letters)
    return Terms(np.minimum(total, np.einsum(f"{kept}->{result}", *largest)), total, count)


# ------------------------------------------------------------------------------------------------------- the tolerances


class Passes:
    """Several runs of a graph's forward pass with nudged leaves and results, the same whenever they are asked for.

    Args:
        graph: captured with an upstream and with its values.

    Attributes:
        seeds: one for each run.
        summing: by node that adds up many numbers, what another order may cost, absolute.
        differences: by share of a gradient, what a difference of numbers near the steepest slope may cost, absolute.
        dtypes: by node of the forward pass that is kept in another dtype, that one, in which it may be read again.
    """

    def __init__(self, graph: Graph) -> None:
        whole = joint(graph)
        adding = (node for node in whole.nodes if node.op is not None and node.op.adds and node.dtype.kind in "fc")
        self.summing = {node: _cost_of_summing(node) for node in adding}
        self.differences = differences(graph)
        self.dtypes = _dtypes_kept(graph)
        self._graph = proxy(graph)  # what is known of a graph must not keep it: it is kept as long as the graph
        self._large = sum(np.size(node.value) for node in graph.nodes) > _LARGE
        self._read = {x for node in whole.nodes[len(graph.nodes) :] for x in node.inputs}.intersection(graph.nodes)
        self._runs: dict[int, dict[Node, Any]] = {}
        self._moved: dict[Node, Any] = {}
        self.seeds = range(_FEW if self._large else _SAMPLES)

    def values(self, seed: int) -> dict[Node, Any]:
        """The nudged values of a run, at least all that the backward pass reads."""
        return self._run(seed, self._read)

    def moved(self, nodes: Iterable[Node]) -> dict[Node, Any]:
        """By node, how far each element moved at most from the recorded one."""
        wanted = set(nodes)
        missing = wanted - self._moved.keys()
        for seed in self.seeds if missing else ():
            values = self._run(seed, missing)
            for node in missing:
                _widen(self._moved, node, values[node], node.value)
        return {node: self._moved[node] for node in wanted}

    def _run(self, seed: int, keep: set[Node]) -> dict[Node, Any]:
        """The values of one run; of a small graph all, which are kept for the next time."""
        if seed not in self._runs:
            leaves = {
                n: nudged(n.value, self.dtypes.get(n, n.dtype), seed)
                for n in self._graph.nodes
                if n.is_leaf and n.dtype.kind in "fc" and not is_whole(n.value)
            }
            kept = keep if self._large else None
            values = evaluate(self._graph, leaves, self.nudges(seed), targets=kept, keep=kept)
            values |= {n: value for n, value in leaves.items() if kept is None or n in kept}
            if self._large:
                return values
            self._runs[seed] = values
        return self._runs[seed]

    def nudges(self, seed: int) -> Callable[[Node, Any], Any]:
        """What nudges whatever an op makes, sums by what their terms warrant."""

        def nudge(node: Node, value: Any) -> Any:
            moved, lost = rounded(node, value), self.differences.get(node)
            if lost is None or np.shape(value) != np.shape(lost):
                return moved
            return moved + STRENGTH / 4.0 * lost * between(np.abs(np.asarray(value)), seed + _SAMPLES * (node.rank + 1))

        def rounded(node: Node, value: Any) -> Any:
            if node.dtype.kind not in "fc" or (node.op is not None and node.op.exact):
                return value  # nudged, a maximum would equal none of its operands
            own = seed + _SAMPLES * (node.rank + 1)
            moved = nudged(value, self.dtypes.get(node, node.dtype), own)
            summing = self.summing.get(node)
            if summing is None or not np.size(value) or np.shape(value) != summing.shape:
                return moved
            # The recorded terms give the size, unless the terms summed now are larger throughout.
            before, now = np.abs(node.value).max(), np.abs(value).max()
            larger = max(1.0, float(now / before)) if before and np.isfinite(now / before) else 1.0
            return moved + STRENGTH / 4.0 * larger * summing * between(np.abs(np.asarray(value)), -own)

        return nudge


def _dtypes_kept(graph: Graph) -> dict[Node, np.dtype[Any]]:
    """Values that are kept in a coarser dtype, as in an array that is filled with them, and in which one."""
    kept: dict[Node, np.dtype[Any]] = {}
    for node in reversed(graph.nodes):
        if isinstance(node.reading, Identity) or (node in kept and node.op is not None and node.op.exact):
            dtype = kept.get(node, node.dtype)
            for x in node.inputs:
                if x.dtype.kind == dtype.kind and np.finfo(x.dtype).eps < np.finfo(dtype).eps:
                    kept[x] = max(kept.get(x, dtype), dtype, key=lambda one: np.finfo(one).eps)
    return kept


class _Kept(dict[Node, Terms]):
    """The terms of some gradients, of which those of large arrays are found anew whenever they are asked for."""

    def __init__(self, every: Mapping[Node, Terms], again: Callable[[Node], Terms]) -> None:
        super().__init__({node: sizes for node, sizes in every.items() if np.size(sizes.total) < _COARSE})
        self._again = again

    def __missing__(self, node: Node) -> Terms:
        return self._again(node)


class Tolerances(NamedTuple):
    """What rounding can do to the gradients of a graph.

    Attributes:
        absolute: by node, the allowed absolute difference of each element.
        terms: by node, the terms that were added to make its gradient.
        passes: the nudged runs that show it.
    """

    absolute: dict[Node, Any]
    terms: Mapping[Node, Terms]
    passes: Passes


_known: WeakKeyDictionary[Graph, Tolerances] = WeakKeyDictionary()  # a graph never changes, and is asked several times


@np.errstate(all="ignore")
def recorded_tolerances(graph: Graph) -> Tolerances:
    """How far rounding can move each recorded gradient of a graph, captured with an upstream and with its values."""
    if graph not in _known:
        _known[graph] = _tolerances(graph, Passes(graph), graph.gradients)
    return _known[graph]


@np.errstate(all="ignore")
def local_tolerances(graph: Graph, expected: Expected, recorded: Tolerances, wanted: Iterable[Node]) -> Tolerances:
    """How far rounding can move some gradients from the expected ones, whatever the values they were computed from.

    From the user's own upstream gradients a stage may be well conditioned and from the output on not; and nobody says
    that it was computed from just those. So what rounding can do from the output on counts too, in proportion to the
    terms where the user's are larger.
    """
    local = _tolerances(graph, recorded.passes, wanted, expected)
    for node, mine in local.absolute.items():
        ratio = np.asarray(local.terms[node].total / recorded.terms[node].total)
        ratio = np.where(np.isfinite(ratio), np.maximum(ratio, 1.0), 1.0)
        local.absolute[node] = np.fmax(mine, recorded.absolute[node] * ratio)
    return local


def _cost_of_summing(node: Node) -> Any:
    """What another order of summing may cost one op of a graph, from the terms that were recorded."""
    operands = [
        _alone(x.value) if isinstance(x, Node) and x.dtype.kind in "fc" else getattr(x, "value", x)
        for x in node.operands
    ]
    sizes = _through(node, operands)
    cost = float(np.finfo(node.dtype).eps) * np.sqrt(sizes.many) * np.asarray(sizes.total)
    return np.where(np.isfinite(cost), cost, 0.0)  # of what is not finite no size is known


def _tolerances(graph: Graph, passes: Passes, wanted: Iterable[Node], expected: Expected | None = None) -> Tolerances:
    """How far rounding can move some gradients from the expected ones, if None are given from the recorded ones."""
    due = {n: g.value for n, g in graph.gradients.items()} if expected is None else expected.gradients
    given, values = (expected.given, expected.values) if expected is not None else ({}, dict[Node, Any]())
    wanted, moved = list(wanted), dict[Node, Any]()
    owners = {joint(graph).gradients[node]: node for node in wanted}
    forks = _forks(graph) if expected is None else {}
    last = {x: fork for fork, both in forks.items() for x in both}
    for seed in passes.seeds:
        centred = {
            node: value if values.get(node, node.value) is node.value else values[node] + (value - node.value)
            for node, value in passes.values(seed).items()
            if node.dtype.kind in "fc"
        }
        nudge, part = passes.nudges(seed), dict[Node, Any]()

        def look(
            node: Node, value: Any, nudge: Callable[[Node, Any], Any] = nudge, part: dict[Node, Any] = part
        ) -> Any:
            value = nudge(node, value)
            if node in forks:
                value = _as_each(value, *((part.pop if last[x] is node else part.get)(x, 0.0) for x in forks[node]))
            if node in last:
                part[node] = value - node.value
            if node in owners:
                _widen(moved, owners[node], value, due[owners[node]])
            return value

        _pass_back(graph, given, centred, look, owners)
        del centred
    bare = without_guards(graph, values)

    def look_without(node: Node, value: Any) -> Any:
        if node in owners:
            base = due[owners[node]]
            _widen(moved, owners[node], as_far_as_they_guard(value, base), base)
        return value

    if bare:
        _pass_back(graph, given, {**values, **bare}, look_without, owners)
    used, own = (None, None) if expected is None else (expected.used, expected.values)
    found = terms(graph, used, own, wanted=wanted)
    guarded = _USES * share_of_divisors(graph)
    absolute = {}
    for node, sizes in found.items():
        unit = np.finfo(node.dtype)
        summing = SUMMING * float(unit.eps) * float(np.sqrt(sizes.many))
        # A term that overflows is no bound.
        total = np.where(np.isfinite(sizes.total), sizes.total, 0.0)
        far = np.asarray(moved.pop(node, np.zeros(node.shape)), np.float64)
        apart = np.maximum(far, _typical(far) / 2.0)
        absolute[node] = _coarse(MARGIN * apart + (summing + guarded) * total + 4.0 * float(unit.smallest_subnormal))
    of = ref(graph)  # see `Passes`

    @np.errstate(all="ignore")
    def again(node: Node) -> Terms:
        return terms(of(), used, own, wanted=[node])[node]  # type: ignore[arg-type]  # whoever asks has the graph

    return Tolerances(absolute, _Kept(found, again), passes)


def _forks(graph: Graph) -> dict[Node, list[Node]]:
    """The sums of what two ways pass back, nodes of `joint`, and these."""
    backward = joint(graph).nodes[len(graph.nodes) :]
    sums = (node for node in backward if node.rule_of is None and isinstance(node.reading, Linear))
    return {node: [*node.inputs] for node in sums if len({*node.inputs}) == 2}


def _as_each(total: Any, one: Any, other: Any) -> Any:
    """The nudged sum of what two ways pass back, moved no less than each of them.

    What moves both alike may leave their sum where it is, as that of a softmax whose largest number is subtracted: its
    gradient corrects what the other way lost. Another equally correct order of operations corrects nothing.
    """
    kept = np.maximum(np.abs(one), np.abs(other)) - np.abs(one + other)
    return total + np.maximum(kept, 0.0) * np.sign(between(np.abs(np.asarray(total)), 0))


def _pass_back(
    graph: Graph,
    given: Mapping[Node, Any],
    values: Mapping[Node, Any],
    look: Callable[[Node, Any], Any],
    targets: Iterable[Node],
) -> None:
    """Run the backward pass as far as some nodes of `joint`, and keep nothing of it."""
    whole = joint(graph)
    replaced = {whole.gradients[node]: gradient for node, gradient in given.items()}
    evaluate(whole, forward_values(graph, values) | replaced, look, targets=targets, keep=())


def _typical(moved: Any) -> Any:
    """How far an element should move, going by its row, its column, …: the product of a size for each.

    One element may have moved little by chance, or because the recorded order of operations is kinder to it than
    another equally correct one; those next to it on every axis did not. Sizes belong to rows and columns, so that small
    ones stay small next to large ones.
    """
    largest = np.max(moved, initial=0.0)
    if np.ndim(moved) < 2 or not largest or not np.isfinite(largest):
        return 0.0
    rest, sizes = moved / largest, largest  # so that no square overflows
    for axis in reversed(range(np.ndim(moved))):
        others = tuple(k for k in range(np.ndim(moved)) if k != axis)
        size = np.sqrt(np.mean(np.square(rest), axis=others, keepdims=True))
        rest, sizes = np.where(size > 0, rest / size, 0.0), sizes * size
    return sizes


def coarser(tolerance: Any, graph: Graph, node: Node, given: Any, *, forward: bool = False) -> Any:
    """The tolerance for an array that was given in a coarser dtype than anything that made it in the graph.

    What was rounded to that dtype on the way there is in the tolerance already.

    Args:
        tolerance: of the gradient of a node, or of its value.
        graph: captured with an upstream.
        node: one of its forward nodes.
        given: the array.
        forward: whether it is the node's value.
    """
    if given.dtype.kind not in "fc" or node.dtype.kind not in "fc":
        return tolerance
    unit, own = float(np.finfo(given.dtype).eps), float(np.finfo(node.dtype).eps)
    if unit <= own:
        return tolerance
    ratio = unit / max(own, _coarsest(graph)[node if forward else joint(graph).gradients[node]])
    return tolerance * ratio if ratio > 1 else tolerance


_units: WeakKeyDictionary[Graph, dict[Node, float]] = WeakKeyDictionary()


def _coarsest(graph: Graph) -> dict[Node, float]:
    """For each value and gradient, a node of `joint`, the coarsest unit of rounding of all that it was made from.

    Nothing is rounded in zeros that a state begins with, in an upstream gradient, or by an op that moves numbers only.
    """
    if graph not in _units:
        found: dict[Node, float] = {}
        upstream, kept = set(joint(graph).upstreams.values()), _dtypes_kept(graph)
        for node in joint(graph).nodes:
            moves = node.op.exact if node.op is not None else node in upstream or not np.any(node.value)
            own = 0.0 if moves or node.dtype.kind not in "fc" else float(np.finfo(kept.get(node, node.dtype)).eps)
            found[node] = max([own, *(found[x] for x in node.inputs)])
        _units[graph] = found
    return _units[graph]


def _widen(moved: dict[Node, Any], node: Node, value: Any, base: Any) -> None:
    distance = np.asarray(value - base)
    distance = np.asarray(np.abs(distance, out=distance if distance.dtype.kind == "f" else None))
    if np.isnan(distance).any():
        distance = np.where(np.isnan(distance), np.where(np.isfinite(base), np.inf, 0.0), distance)
    moved[node] = _coarse(np.maximum(moved[node], distance, out=distance) if node in moved else distance)


# ------------------------------------------------------------------------------------------------------- the comparison


class Difference(NamedTuple):
    """How an array differs from the expected one.

    Attributes:
        within: whether every element is within its tolerance.
        error: at the worst element, relative to its largest term.
        worst: the index of that element, the given number and the expected one; None for an array without elements.
        limit: the tolerance there, relative to the largest term.
    """

    within: bool
    error: float
    worst: tuple[tuple[int, ...], Any, Any] | None
    limit: float


@np.errstate(all="ignore")
def difference(given: Any, expected: Any, tolerance: Any, largest: Any) -> Difference:
    """Compare arrays of one shape, element by element, each difference in units of its tolerance.

    Args:
        given: an array of numbers.
        expected: what it should be.
        tolerance: the allowed absolute difference of each element.
        largest: the largest term that was added to make each element.

    >>> import numpy as np
    >>> from micrograd_tensor.check.rounding import difference
    >>> difference(np.array([1.0, 2.5]), np.array([1.0, 2.0]), np.array([1e-9, 1e-9]), np.array([1.0, 5.0]))
    Difference(within=False, error=0.1, worst=((1,), 2.5, 2.0), limit=2e-10)
    """
    given, expected = map(np.asarray, (given, expected))
    if not expected.size:
        return Difference(True, 0.0, None, 0.0)
    tolerance, largest = np.broadcast_to(tolerance, expected.shape), np.broadcast_to(largest, expected.shape)
    parts = in_parts(expected.shape)
    every = [_worst(*(np.asarray(x[part]) for x in (given, expected, tolerance, largest))) for part in parts]
    place = int(np.argmax([excess for _, excess, _ in every]))
    index = every[place][2]
    if index:
        index = (index[0] + parts[place].start, *index[1:])
    scale = float(largest[index])
    apart = float(_apart(given[index], expected[index]))
    error, limit = apart, float(tolerance[index])
    if np.isfinite(scale) and scale > 0:
        error, limit = error / scale, limit / scale
    elif error:
        error = np.inf
    worst = (index, given[index].item(), expected[index].item())
    return Difference(all(within for within, *_ in every), float(error), worst, limit)


def _apart(given: Any, expected: Any) -> Any:
    """How far numbers are from each other, infinitely where one alone is NaN."""
    given, expected = (x + 0 if x.dtype == bool else x for x in (given, expected))
    apart = np.asarray(np.abs(given - expected))
    apart = apart if apart.dtype.kind == "f" else apart.astype(np.float64)  # labels are compared too
    apart[np.isnan(apart)] = np.inf
    apart[(given == expected) | (np.isnan(given) & np.isnan(expected))] = 0.0
    return apart


def _worst(given: Any, expected: Any, tolerance: Any, largest: Any) -> tuple[bool, float, tuple[int, ...]]:
    """Whether all is within its tolerance, and where the worst is; its excess is above 1 where it is outside."""
    apart = _apart(given, expected)
    within = (apart <= tolerance) & (np.isfinite(apart) | np.isfinite(expected))  # else no tolerance means anything
    # Within tolerance, the worst is nearest to its limit; outside, it is furthest off relative to its terms.
    excess = np.asarray(apart / tolerance)
    excess[apart == 0] = 0.0
    outside = ~within
    excess[outside] = 1.0 + apart[outside] / np.where(largest > 0, largest, 1.0)[outside]
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(excess)), expected.shape))
    return bool(np.all(within)), float(excess[index]), index
