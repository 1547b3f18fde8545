"""Shortest: the formulas of a graph's gradients, with lines of their own for what several of them share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain, count

import numpy as np

from ..algebra import Lowered, Term, lower
from ..algebra.axes import flat
from ..algebra.numbers import Coefficient
from ..engine.errors import GradientError
from ..graph import Graph, Node
from ..graph.axes import Dims
from ..notation.names import free, numbered, subscript
from .expressions import Expression, Name, Named, Product, Softmax, children
from .extraction import Extraction
from .layout import Arrays
from .vocabulary import Vocabulary

LARGEST = 300
"""The most terms that gradients may be made of."""
SHARED, KNOWN, ALONE = 20.0, 12.0, 30.0
"""From which cost on a part that is used twice gets a line of its own; one that has a name in the graph;
and a root or a softmax among the forward values that is used once."""
ROUNDS = 4
_LETTERS = ("t", "u", "v", "w", "s", "r", "a", "b", "c")


@dataclass
class Shortest:
    """What was found.

    Attributes:
        lowered: the graph and its terms.
        words: what is known of them.
        axis_names: what axes are called, by label.
        arrays: the nodes of all formulas.
        lets: shared parts by name, in order.
        formulas: gradients by the names of inputs, in order.
        inputs: the inputs by name.
        order: what may be an argument, upstreams first.
        axes_of: the label of each axis of an argument.
        names: what has a name in the graph, by term.
        wanted: the gradients.
        titles: what shared parts and gradients are called, in order.
        written: what their formulas say.
    """

    lowered: Lowered
    words: Vocabulary
    axis_names: dict[int, str]
    arrays: Arrays
    lets: list[tuple[str, Node]] = field(default_factory=list)
    formulas: list[tuple[str, Node]] = field(default_factory=list)
    inputs: dict[str, Node] = field(default_factory=dict)
    order: list[Named] = field(default_factory=list)
    axes_of: dict[Node, tuple[int | None, ...]] = field(default_factory=dict)
    names: dict[Term, Named] = field(default_factory=dict)
    wanted: list[Named] = field(default_factory=list)
    titles: dict[Named, str] = field(default_factory=dict)
    written: dict[Named, Expression] = field(default_factory=dict)


def shortest(graph: Graph, dims: Dims) -> Shortest:
    """The formulas of the gradients of all leaves that require them."""
    instead = _read_otherwise(graph)
    lowered = lower(graph, instead)
    called = _Called(graph, [out for out, upstream in graph.upstreams.items() if upstream not in instead])
    names = _axis_names(lowered, dims)
    found = Shortest(lowered, Vocabulary(lowered), names, Arrays(lowered, names))
    leaves = [node for node in graph.gradients if node.is_leaf and node.requires_grad]
    leaves.sort(key=lambda node: (len(lowered.terms[graph.gradients[node]].axes), node.rank))
    found.arrays.taken = called.taken
    for node, upstream in graph.upstreams.items():
        _add(found, Named(called.gradient(node), upstream, *_monomial(lowered, upstream), is_gradient=True))
    for node in graph.nodes:
        if (node.is_leaf or node.name is not None or node in graph.outputs) and node not in instead:
            _add(found, Named(called(node), node, *_monomial(lowered, node)))
    for node in graph.backward:
        if node.is_leaf and node not in graph.upstreams.values() and node not in instead:
            _add(found, Named(called(node), node, *_monomial(lowered, node)))
    wanted = [
        Named(called.gradient(node), graph.gradients[node], *_monomial(lowered, graph.gradients[node]), True)
        for node in leaves
    ]
    _leave_out_reciprocals(found)
    _check_size(found, wanted)
    _write(found, leaves, wanted, _candidates(found, graph, called, leaves), called)
    return found


def _read_otherwise(graph: Graph) -> dict[Node, tuple[Node | float, ...]]:
    """Leaves that are read otherwise: an upstream of 1 as 1, zeros as 0, and 1 less a constant as this."""
    found: dict[Node, tuple[Node | float, ...]] = {
        upstream: (1.0,)
        for out, upstream in graph.upstreams.items()
        if not out.shape and upstream.is_leaf and upstream.value == 1
    }
    given = {*graph.upstreams.values()}
    found |= {node: (0.0,) for node in graph.backward if node.is_leaf and node not in given and not np.any(node.value)}
    constants = [node for node in graph.nodes if node.is_leaf and not node.requires_grad and node.dtype.kind == "f"]
    named = [node for node in constants if node.name is not None]
    for node in (node for node in constants if node.name is None):
        for other in named:
            if other.rank < node.rank and other.shape == node.shape and np.array_equal(1 - other.value, node.value):
                found.setdefault(node, (1.0, other))
    return found


def _monomial(lowered: Lowered, node: Node) -> tuple[Term, Coefficient]:
    number, term = lowered.pool.monomial(lowered.terms[node])
    return term, number


def _add(found: Shortest, named: Named) -> None:
    found.order.append(named)
    if named.term not in (found.lowered.pool.one, found.lowered.pool.zero) and named.scale.value:
        found.names.setdefault(named.term, named)


def _leave_out_reciprocals(found: Shortest) -> None:
    """Of two values of which one is the reciprocal of the other, name only the one that is divided by."""
    factors = found.lowered.pool.factors
    powers = {tuple(factors(term)) for term in found.names}
    for term in [*found.names]:
        inverted = tuple((base, -e) for base, e in factors(term))
        if inverted in powers and all(e < 0 for _, e in factors(term)):
            del found.names[term]


def _check_size(found: Shortest, wanted: Iterable[Named]) -> None:
    seen: set[Term] = set()
    stack = [named.term for named in wanted]
    while stack:
        term = stack.pop()
        if term not in seen:
            seen.add(term)
            stack += () if term in found.names else term.args
    if len(seen) > LARGEST:
        unnamed = Counter(n.path for n in found.lowered.graph.nodes if n.op and n.name is None and n.path)
        where = [f", first of all in {path!r}, where {count} have none" for path, count in unnamed.most_common(1)]
        raise GradientError(
            f"closed_form: these gradients are made of {len(seen)} terms, more than the {LARGEST} that anyone reads; "
            f"give intermediate results names by .named(...){''.join(where)}, or derive a part of the graph"
        )


def _candidates(found: Shortest, graph: Graph, called: _Called, leaves: list[Node]) -> list[Named]:
    """What could get a line of its own: gradients of values, and values without a name."""
    made: dict[Term, Named] = {}
    pool = found.lowered.pool
    for node in sorted(graph.nodes, key=lambda node: node.name is None):
        if node not in leaves and node in graph.gradients:
            gradient = graph.gradients[node]
            name = called.gradient(node) if node.name else ""
            _candidate(found, made, Named(name, gradient, *_monomial(found.lowered, gradient), True))
    for node in (*graph.nodes, *graph.backward):
        if node.op is not None:
            _candidate(found, made, Named("", node, *_monomial(found.lowered, node), node in graph.backward))
    inside = _inside_softmax(found.lowered)
    return [
        named
        for term, named in made.items()
        if not (term in found.names or term in inside or term in (pool.one, pool.zero) or term.op in ("num", "leaf"))
    ]


def _inside_softmax(lowered: Lowered) -> set[Term]:
    """The exponentials and their sums of which softmaxes are made."""
    found: set[Term] = set()
    for term in lowered.terms.values():
        factors = dict(lowered.pool.factors(term))
        for total, e in factors.items():
            if total.op == "sum" and e == -1 and factors.get(total.args[0]) == 1 and total.args[0].op == "fn":
                found |= {total, total.args[0]}
    return found


def _candidate(found: Shortest, made: dict[Term, Named], named: Named) -> None:
    varies = set(flat(found.lowered.axes.layout[named.node])) == set(named.term.axes)
    if named.node.dtype.kind == "f" and varies:
        made.setdefault(named.term, named)


def _write(found: Shortest, leaves: list[Node], wanted: list[Named], candidates: list[Named], called: _Called) -> None:
    """Write all formulas, first with everything that could be shared, then with what turned out to be."""
    kept = candidates
    for _ in range(ROUNDS):
        used = _written(found, wanted, kept)
        shared = _shared(used, wanted)
        if len(shared) == len(used) - len(wanted):
            break
        kept = shared
    lets = sorted((named for named in used if named not in wanted), key=lambda named: named.term.id)
    letters = iter(_LETTERS)
    arrays = found.arrays
    for named in lets:
        name = named.name or called.new(letters)
        node = arrays.call_by(named, name, arrays.whole(used[named][0], named.node))
        found.lets.append((name, node))
        found.titles[named], found.written[named] = name, used[named][0]
    for leaf, named in zip(leaves, wanted, strict=True):
        node = arrays.call_by(named, named.name, arrays.whole(used[named][0], named.node))
        found.formulas.append((called(leaf), node))
        found.inputs[called(leaf)] = leaf
        found.wanted.append(named)
        found.titles[named], found.written[named] = named.name, used[named][0]
    for named, node in arrays.leaves.items():
        layout = found.lowered.axes.layout[named.node]
        found.axes_of[node] = tuple(labels[0] if len(labels) == 1 else None for labels in layout)


def _shared(used: Mapping[Named, tuple[Expression, float]], wanted: list[Named]) -> list[Named]:
    """Which parts earn a line of their own: those that are needed twice, once all others are put in, and cost much."""
    uses = Counter(name.named for named in wanted for name in _names_in(used[named][0]))
    parts = sorted((named for named in used if named not in wanted), key=lambda named: -named.term.id)
    kept, costs = [], dict[Named, float]()
    for named in reversed(parts):
        e, cost = used[named]
        costs[named] = cost + sum(costs.get(name.named, 0) for name in _names_in(e))
    for named in parts:
        cost = costs[named]
        long = cost > (KNOWN if named.name else SHARED) and uses[named] > 1
        alone = cost > ALONE and not named.is_gradient and _stands_alone(used[named][0])
        if long or alone:
            kept.append(named)
        for name in _names_in(used[named][0]):
            uses[name.named] += 1 if named in kept else uses[named]
    return kept


def _stands_alone(e: Expression) -> bool:
    """Whether people give this a line, even where it is used once: a root, or a softmax."""
    roots = isinstance(e, Product) and any(exponent.denominator > 1 for _, exponent in e.parts)
    return roots or isinstance(e, Softmax)


def _written(
    found: Shortest, wanted: list[Named], candidates: Iterable[Named]
) -> dict[Named, tuple[Expression, float]]:
    """The expressions of gradients, and of the candidates that these use, with their costs."""
    by_id = sorted(candidates, key=lambda named: named.term.id)
    made: dict[Named, tuple[Expression, float]] = {}
    names = dict(found.names)
    for named in by_id:
        names.setdefault(named.term, named)
    pending: list[Named] = []
    for named in wanted:
        extraction = Extraction(found.words, _without(names, named))
        e = extraction(found.lowered.terms[named.node])
        made[named] = e, extraction.cost(e)
        pending += [name.named for name in _names_in(e)]
        if named.term is not found.lowered.pool.zero and named.term is not found.lowered.pool.one:
            names.setdefault(named.term, named)
    mine = set(by_id)
    while pending:
        named = pending.pop()
        if named in mine and named not in made:
            before = {t: n for t, n in names.items() if n not in mine or n.term.id < named.term.id}
            before = {t: n for t, n in before.items() if n not in wanted}
            extraction = Extraction(found.words, before)
            e = extraction(found.lowered.terms[named.node])
            made[named] = e, extraction.cost(e)
            pending += [name.named for name in _names_in(e)]
    return made


def _without(names: Mapping[Term, Named], named: Named) -> dict[Term, Named]:
    """All names but a candidate's for what is itself asked for."""
    return {t: n for t, n in names.items() if t is not named.term or n.name}


def _names_in(e: Expression) -> list[Name]:
    found, stack = list[Name](), [e]
    while stack:
        inner = stack.pop()
        if isinstance(inner, Name):
            found.append(inner)
        stack += children(inner)
    return found


def _axis_names(lowered: Lowered, dims: Dims) -> dict[int, str]:
    """What the user calls axes, by label; those of one value have different names.

    The parts of an axis that is reshaped into several are numbered; an axis that meets itself, as in ``x @ x.T``, has a
    prime where it is taken for the second time.
    """
    beside: dict[int, set[int]] = {}
    for layout in lowered.axes.layout.values():
        for label in flat(layout):
            beside.setdefault(label, set()).update(flat(layout))
    found: dict[int, str] = {}
    for several in (False, True):
        for node, names in dims.items():
            for labels, name in zip(lowered.axes.layout.get(node, ()), names, strict=False):
                if name is not None and several == (len(labels) > 1):
                    for k, label in enumerate(labels, 1):
                        if label not in found:
                            own = f"{name}{subscript(k)}" if several else name
                            found[label] = free(own, {found.get(other) for other in beside[label]})
    return found


class _Called:
    """One name for each value that has one, for each leaf, for the outputs, and for the gradients of these.

    Args:
        graph: what they are values of.
        outputs: those whose upstream gradients are shown.
    """

    def __init__(self, graph: Graph, outputs: Iterable[Node]) -> None:
        given = {*graph.upstreams.values()}
        own = [node for node in graph.nodes if node.is_leaf or node.name is not None]
        own += [node for node in graph.backward if node.is_leaf and node not in given]
        values = {node: "out" for node in outputs if node not in own}
        values |= {node: node.name or ("x" if node.requires_grad else "constant") for node in own}
        values |= {node: "out" for node in graph.outputs if node not in values}
        gradients = {("d", node): f"d{name}" for node, name in numbered(values).items()}
        self._names = numbered({**{("", node): name for node, name in values.items()}, **gradients})
        self.taken: set[str | None] = {*self._names.values()}

    def __call__(self, node: Node) -> str:
        return self._names["", node]

    def gradient(self, node: Node) -> str:
        """The name of a value's gradient."""
        return self._names["d", node]

    def new(self, letters: Iterable[str]) -> str:
        """The next letter that is no name yet."""
        names = chain(letters, (f"t{subscript(k)}" for k in count(2)))
        found = next(name for name in names if name not in self.taken)
        self.taken.add(found)
        return found
