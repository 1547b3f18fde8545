"""Derivation: the recorded ops between the known values and a wrong stage, as a graph of their own.

What is known are the forward values and the gradients that the user gave. A hypothesis about a mistake is a change of
this graph: a node that computes something else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from types import MappingProxyType
from typing import Any, Protocol, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np

from ...engine.row import Choice, Copy, Extremum, Function, Linear, Power, Product, Relation, Reshape
from ...graph import Graph, Node, cut, evaluate, joint, without_copies
from ...graph.cut import needed
from ...graph.paths import depending
from ...notation import formula, number

Array: TypeAlias = Any
Operand: TypeAlias = Any
"""A node of a derivation, or a number."""

MAX_STEPS = 300
"""A longer derivation is not searched step by step; only its result is examined."""

MAX_FORMULA = 200
"""The maximum length of a formula within a sentence, in characters."""

MANY = 4
"""So many steps that are alike are taken for those of a loop, where one line makes all of them."""

OP = 3_000
"""What it takes to call an op, as so many elements: on small arrays that is nearly all."""


@dataclass(frozen=True, eq=False)
class Derivation:
    """The recorded ops that lead to one gradient or one value.

    Attributes:
        graph: from what is known, its leaves, to the result, its output. A leaf is called by its name, or by its
            formula in names.
        stage: the forward node whose gradient, or value, is derived.
        origins: for each leaf the forward node whose value or gradient it is, for each step whose gradient it is.
        gradients: the leaves that are gradients.
        upstreams: those of them that were given for outputs.
        backward: whether a gradient is derived.
        again: the steps that compute anew what is known; mistakes are looked for only there, if there are any.
    """

    graph: Graph
    stage: Node
    origins: Mapping[Node, Node]
    gradients: frozenset[Node]
    upstreams: frozenset[Node]
    backward: bool
    again: frozenset[Node] = frozenset()
    _formulas: dict[Node, str] = field(default_factory=dict, repr=False)

    @property
    def target(self) -> Node:
        """The result."""
        return self.graph.outputs[0]

    @cached_property
    def steps(self) -> tuple[Node, ...]:
        """The nodes that are computed, operands first."""
        return tuple(node for node in self.graph.nodes if not node.is_leaf)

    @cached_property
    def written(self) -> tuple[Node, ...]:
        """The steps that people have something for in their lines: what a mask is recorded as is one thing to them.

        Of a derivation with values computed again those that do so, and what uses their results as factors.
        """
        users = self.graph.users
        inside: set[Node] = set()
        for step in reversed(self.steps):
            above = {user for user, _ in users[step]}
            if above and all(is_mask(user) or user in inside for user in above):
                inside.add(step)
        return tuple(step for step in self._looked_at if step not in inside)

    @cached_property
    def _looked_at(self) -> Sequence[Node]:
        found = set(self.again)
        for step in self.steps if found else ():
            factors = isinstance(step.reading, Product | Power | Copy | Reshape)
            if any(x in self.again or (factors and x in found) for x in step.operands if isinstance(x, Node)):
                found.add(step)
        return self._in_order(found) if found else self.steps

    @cached_property
    def alike(self) -> tuple[tuple[Node, ...], ...]:
        """The written steps in groups that are alike: one op on the same kinds of operands.

        Of the sums at forks those are no steps of their own that add up a part of what meets there.
        """
        found: dict[Any, list[Node]] = {}
        for step in sorted(self.written, key=self._forward_rank):
            if not self.is_fork(step) or step in self.origins:
                kinds = tuple(self._kind(x) if isinstance(x, Node) else x for x in step.operands)
                found.setdefault((step.op, step.shape, kinds), []).append(step)
        return tuple(map(tuple, found.values()))

    def _forward_rank(self, step: Node) -> int:
        """The rank of the forward op that a step belongs to."""
        return (step.rule_of[0] if step.rule_of is not None else self.origins.get(step, step)).rank

    def _kind(self, x: Node) -> Any:
        origin = self.origins.get(x, x) if x.is_leaf else x
        return origin.op, x.shape, x in self.gradients

    @cached_property
    def loops(self) -> tuple[tuple[Node, ...], ...]:
        """The groups of steps that are alike and come again after as many ops as those of other groups do.

        In each are the steps that one op in the body of a loop made. Steps are only taken for those of a loop where
        some come `MANY` times.
        """
        ranks = [[self._forward_rank(step) for step in steps] for steps in self.alike]
        apart = Counter(b - a for group in ranks for a, b in combinations(group, 2) if a != b)
        period = min(apart, key=lambda length: (-apart[length], length), default=0)
        found: dict[Any, list[Node]] = {}
        for i, (group, steps) in enumerate(zip(ranks, self.alike, strict=True)):
            for rank, step in zip(group, steps, strict=True):
                found.setdefault((i, rank % period if period else rank), []).append(step)
        loops = tuple(tuple(steps) for steps in found.values() if len(steps) > 1)
        return loops if any(len(steps) >= MANY for steps in loops) else ()

    @cached_property
    def repeated(self) -> frozenset[Node]:
        """The steps that a loop made."""
        return frozenset(step for steps in self.loops for step in steps)

    @cached_property
    def leaves(self) -> tuple[Node, ...]:
        """The nodes that are known."""
        return tuple(node for node in self.graph.nodes if node.is_leaf)

    @cached_property
    def after(self) -> Mapping[Operand, tuple[Node, ...]]:
        """For each node the later ones that depend on it, in order."""
        found: dict[Operand, tuple[Node, ...]] = {}
        for node in reversed(self.graph.nodes):
            users = {user for user, _ in self.graph.users[node]}
            found[node] = self._in_order(users.union(*(found[user] for user in users)))
        return found

    def _in_order(self, nodes: Collection[Node]) -> tuple[Node, ...]:
        return tuple(node for node in self.graph.nodes if node in nodes)

    def depending_on(self, changed: Collection[Operand]) -> tuple[Node, ...]:
        """These nodes and those that depend on any of them, in order."""
        if len(changed) == 1:
            (only,) = changed
            return (only, *self.after[only])
        return self._in_order(set(changed).union(*(self.after[x] for x in changed)))

    @cached_property
    def _carrying(self) -> frozenset[Node]:
        return frozenset(depending(self.steps, self.gradients))

    def carries(self, step: Node, i: int) -> bool:
        """Whether the gradient flows through a step by its i-th operand."""
        return step.operands[i] in self._carrying

    def carried(self, step: Node) -> list[int]:
        """The operands by which it does."""
        return [i for i in range(len(step.operands)) if self.carries(step, i)]

    def carried_by(self, x: Operand) -> bool:
        """Whether the gradient is in an operand."""
        return x in self._carrying

    def is_value(self, x: Operand) -> bool:
        """Whether a node of a gradient's derivation is a forward value."""
        origin = self.origins.get(x)
        return self.backward and origin is not None and origin.rank == x.rank

    def is_fork(self, x: Operand) -> bool:
        """Whether a node adds up two gradients that arrive at one value."""
        if not (self.backward and is_step(x) and x.rule_of is None):
            return False
        return x.reading == Linear((1, 1)) and all(y in self._carrying for y in x.operands)

    def picks(self, step: Node) -> bool:
        """Whether a step puts the gradient of what was picked from an array where that came from, and 0 elsewhere."""
        return step.op is not None and step.op.scatters and self.carries(step, 0)

    def is_number(self, x: Operand) -> bool:
        """Whether an operand is a number, or a constant that holds one."""
        if not isinstance(x, Node):
            return True
        origin = self.origins.get(x)
        constant = origin is None or (origin.is_leaf and origin.name is None)
        return x.is_leaf and x.shape == () and constant and x not in self.gradients

    # -------------------------------------------------------------------------------------------------------- in words

    @property
    def name(self) -> str:
        """What the user calls the stage."""
        return f"{'d' if self.backward else ''}{self.stage.name or '…'}"

    def formula(self, x: Operand) -> str:
        """What a step computes; what a leaf or a number is called."""
        if not isinstance(x, Node):
            return number(x)
        if x.name is None and x in self._names:
            return self._names[x]
        if x not in self._formulas:
            self._formulas[x] = x.name or "…" if x.is_leaf else formula(x, self._names, limit=MAX_FORMULA)
        return self._formulas[x]

    def called(self, x: Operand) -> str:
        """What to call an operand in a sentence: its name, else its formula."""
        return x.name if isinstance(x, Node) and x.name and x is not self.target else self.formula(x)

    @cached_property
    def _names(self) -> dict[Node, str]:
        named = {x: x.name for x in self.graph.nodes if x.name is not None and (x.is_leaf or x is not self.target)}
        for x in self.steps:
            if x in named or x is self.target:
                continue
            text = self._mask(x, named) if is_mask(x) else self._as_in_numpy(x, named)
            if text:
                named[x] = text
        return named

    def _as_in_numpy(self, x: Node, named: Mapping[Node, str]) -> str:
        """How people write copies that NumPy makes by itself, first powers, and axes of length 1; "" for others."""
        y, first_power = x.operands[0], x.reading == Power() and x.operands[1] == 1
        if not first_power and not isinstance(x.reading, Copy | Reshape):
            return ""
        if isinstance(x.reading, Copy) and not all(broadcasts_by_itself(user) for user, _ in self.graph.users[x]):
            return ""
        text = named.get(y) or (formula(y, named, limit=MAX_FORMULA) if is_step(y) else self.called(y))
        return self._with_axes(x, text) if isinstance(x.reading, Reshape) else text

    def _with_axes(self, x: Node, text: str) -> str:
        """How axes of length 1 are put in; "" for what lays an array out otherwise."""
        index, left = list[str](), list(x.operands[0].shape)
        for n in x.shape:
            if left and left[0] == n:
                index.append(":")
                left.pop(0)
            elif n == 1:
                index.append("None")
        if left or len(index) != len(x.shape):
            return ""
        return f"{text if text.isidentifier() else f'({text})'}[{','.join(index)}]"

    def _mask(self, share: Node, named: Mapping[Node, str]) -> str:
        """How people write what of a gradient an extremum hands on to one of its operands; "" where that is unknown."""
        tie, _, rest = share.operands
        result: Operand = rest.operands[0].operands[-1] if is_step(rest) and is_step(rest.operands[0]) else None
        reading = getattr(self.origins.get(result, result), "reading", None)
        if not is_step(tie) or not isinstance(reading, Extremum):
            return ""
        one, other = (named.get(x) or (formula(x, named) if is_step(x) else number(x)) for x in tie.operands)
        return f"{one} {'>' if reading.kind == 'max' else '<'} {other}"

    def named_step(self, place: Operand) -> Node:
        """The step with a name that a step is a part of, or the result."""
        later = (place, *self.after[place]) if is_step(place) and place in self.after else ()
        named = (step for step in later if step.name is not None and not self.is_value(step))
        return next(named, self.target)

    def worth(self, values: Mapping[Node, Array], gradients: Mapping[Node, Array]) -> dict[Node, Array]:
        """The values of the leaves, from the values and gradients of forward nodes."""
        found: dict[Node, Array] = {}
        for x in self.leaves:
            source = gradients if x in self.gradients else values
            found[x] = np.asarray(source.get(self.origins.get(x, x), x.value))
        return found


def is_step(x: Operand) -> bool:
    """Whether an operand is computed in the derivation."""
    return isinstance(x, Node) and not x.is_leaf


def broadcasts_by_itself(x: Node) -> bool:
    """Whether a step gives the same without the copies among its operands, since NumPy makes them."""
    if not isinstance(x.reading, Linear | Product | Power | Function | Extremum | Relation | Choice):
        return False
    plain = [y.operands[0] if is_step(y) and isinstance(y.reading, Copy) else y for y in x.operands]
    return np.broadcast_shapes(*(np.shape(y) if not isinstance(y, Node) else y.shape for y in plain)) == x.shape


def is_mask(x: Operand) -> bool:
    """Whether an operand is what of a gradient an extremum hands on to an operand: all, nothing, ½ at a tie."""
    return is_step(x) and isinstance(x.reading, Choice) and x.operands[1] == 0.5


def laid_out(step: Node) -> tuple[int, ...]:
    """The shape of the gradient of what was picked, with axes of length 1 up to as many as the result has."""
    shape = step.operands[0].shape
    return (*shape, *(1,) * (len(step.shape) - len(shape)))


def gradient_of(graph: Graph, node: Node, given: Collection[Node], apart: Collection[Node] = ()) -> Derivation:
    """The recorded derivation of a node's gradient, from the nearest gradients that were given.

    Args:
        graph: captured with an upstream and with its values.
        node: a forward node.
        given: the nodes whose gradients are known.
        apart: forward nodes that are computed again from their operands.
    """
    whole = joint(graph)
    target, forward = whole.gradients[node], {n.rank: n for n in graph.nodes}
    known = {
        *(n for n in graph.nodes if n not in apart),
        *(whole.gradients[n] for n in given if n in whole.gradients and n is not node),
    }
    inner = needed([target], known)
    if sum(not x.is_leaf for x in inner) <= MAX_STEPS:
        names = {x: called_forward(x) for x in {x for step in inner for x in step.operands}.intersection(graph.users)}
        names |= {up: called_upstream(graph, n) for n, up in whole.upstreams.items() if up.name is None}
        part = without_copies(cut(whole, [target], known, names))
    else:
        part = known_alone(target)
    ranks = {n.rank for n in apart}
    whose = {gradient.rank: n for n, gradient in whole.gradients.items()}
    origins = {x: n for x in part.nodes if (n := whose.get(x.rank) or forward.get(x.rank)) is not None}
    starts = {up.rank for up in whole.upstreams.values()}
    return Derivation(
        part,
        node,
        origins,
        frozenset(x for x in part.nodes if x.is_leaf and (x.rank in whose or x.rank in starts)),
        frozenset(x for x in part.nodes if x.is_leaf and x.rank in starts),
        backward=True,
        again=frozenset(x for x in part.nodes if not x.is_leaf and x.rank in ranks),
    )


def value_of(graph: Graph, node: Node, given: Collection[Node]) -> Derivation:
    """The recorded computation of a node's value, from the nearest values that were given."""
    known = [n for n in graph.nodes if n.is_leaf or (n in given and n is not node)]
    part = cut(graph, [node], known, {n: called_forward(n) for n in known})
    if node.is_leaf or sum(not x.is_leaf for x in part.nodes) > MAX_STEPS:
        part = known_alone(node)
    forward = {n.rank: n for n in graph.nodes}
    return Derivation(part, node, {x: forward[x.rank] for x in part.nodes}, frozenset(), frozenset(), backward=False)


def known_alone(node: Node) -> Graph:
    """A graph in which the result itself is a leaf."""
    leaf = as_leaf(node)
    return Graph((leaf,), (leaf,))


def as_leaf(node: Node, name: str | None = None) -> Node:
    """A node as a known value."""
    return replace(node, op=None, operands=(), params=MappingProxyType({}), name=name or node.name)


def called_upstream(graph: Graph, output: Node) -> str:
    """What the gradient that was given for an output is called; for one without a name, as is usual."""
    return f"d{output.name}" if output.name else "upstream" if "out" in graph.named else "dout"


_CALLED: WeakKeyDictionary[Node, str] = WeakKeyDictionary()


def called_forward(node: Node) -> str:
    """A forward node's name, or its formula in names, which every derivation of its graph asks for."""
    if node not in _CALLED:
        _CALLED[node] = node.name or formula(node, limit=MAX_FORMULA)
    return _CALLED[node]


def called_gradient(node: Node) -> str:
    """What the gradient of a forward node is called."""
    return f"d{node.name}" if node.name else f"d({called_forward(node)})"


def grouped_forward(node: Node) -> str:
    """What a forward node is called, in parentheses where it would not be read as one with what stands beside it."""
    text = called_forward(node)
    return text if node.name or " " not in text else f"({text})"


class Lookup(Protocol):
    """Looks up the value of a node or a number."""

    def __getitem__(self, x: Operand) -> Array: ...


Change: TypeAlias = "Callable[[Lookup], Array]"
"""What replaces a step's result or a known value."""


class Values:
    """The values of a derivation, and its result when some of them are changed.

    Args:
        derivation: the steps.
        known: the values of its leaves.
        substitutes: other values, which a change may put in.
        own: of these, the value of each forward node.

    Attributes:
        work: what changes have taken so far, as elements computed.
    """

    def __init__(
        self,
        derivation: Derivation,
        known: Mapping[Node, Array],
        substitutes: Mapping[Node, Array] | None = None,
        own: Mapping[Node, Node] | None = None,
    ) -> None:
        self.derivation = derivation
        self._substituted = own or {}
        self.work = 0
        self._values = dict(substitutes or {}) | evaluate(derivation.graph, known) | dict(known)
        self._logarithms: dict[Node, Array] = {}

    def __getitem__(self, x: Operand) -> Array:
        return self._values[x] if isinstance(x, Node) else x

    @property
    def target(self) -> Array:
        """The result."""
        return np.asarray(self[self.derivation.target])

    @cached_property
    def own(self) -> Mapping[Node, Node]:
        """What is known of forward nodes, by node."""
        at = self.derivation
        known = {at.origins[x]: x for x in at.leaves if x in at.origins and x not in at.gradients}
        return {**self._substituted, **known}

    def logarithm(self, x: Node) -> Array:
        """The logarithm of the absolute value of a leaf, of which powers are multiples."""
        if x not in self._logarithms:
            with np.errstate(all="ignore"):
                self._logarithms[x] = np.log(np.abs(np.asarray(self[x], np.float64)))
        return self._logarithms[x]

    def changed(self, changes: Mapping[Operand, Change]) -> Array | None:
        """The result with some values changed; only what depends on these is computed. None where that fails."""
        values = _Changed(self, {})
        try:
            with np.errstate(all="ignore"):
                for x in self.derivation.depending_on(changes):
                    values.own[x] = np.asarray(changes[x](values)) if x in changes else _applied(x, values)
                    self.work += OP + int(values.own[x].size)
        except (ValueError, TypeError, IndexError, ZeroDivisionError):
            return None
        return np.asarray(values[self.derivation.target])


class _Changed:
    """Values some of which are replaced."""

    def __init__(self, values: Values, own: dict[Operand, Array]) -> None:
        self.values, self.own = values, own

    def __getitem__(self, x: Operand) -> Array:
        return self.own[x] if isinstance(x, Node) and x in self.own else self.values[x]


def _applied(step: Node, values: Lookup) -> Array:
    """The result of a step; what only changes the shape is left out where a change has changed it already."""
    operands = [values[x] for x in step.operands]
    x = operands[0]
    if isinstance(step.reading, Reshape | Copy) and np.shape(x) != step.operands[0].shape:
        copies_one = isinstance(step.reading, Copy) and np.size(x) <= 1
        return np.asarray(step.apply(x)) if copies_one else x
    return np.asarray(step.apply(*operands))
