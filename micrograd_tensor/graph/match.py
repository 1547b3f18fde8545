"""Match: which nodes of two graphs are the same part of the same computation."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .axes import counted_axes
from .nodes import Graph, Node
from .nudges import tolerances


class Alike:
    """Whether values of two graphs are equal up to rounding, as far as this moves them in these very graphs."""

    def __init__(self, here: Graph, there: Graph) -> None:
        self._allowed = {**tolerances(here), **tolerances(there)}
        self._largest: dict[Node, float] = {}

    def __call__(self, a: Node, b: Node) -> bool:
        """Whether a value of the one equals a value of the other, element by element; NaN equals NaN."""
        x, y = a.value, b.value
        if x is y:
            return True
        if not isinstance(x, np.ndarray) or not isinstance(y, np.ndarray) or x.shape != y.shape:
            return False
        known = a in self._allowed and b in self._allowed
        if not known:
            return np.array_equal(x, y, equal_nan=x.dtype.kind in "fc" and y.dtype.kind in "fc")
        if abs(self._size(a) - self._size(b)) > 1e-3 * self._size(a):  # most are told apart by that
            return False
        with np.errstate(all="ignore"):
            equal = (x == y) | (np.isnan(x) & np.isnan(y)) | (np.abs(x - y) <= self._allowed[a] + self._allowed[b])
        return bool(np.all(equal))

    def _size(self, node: Node) -> float:
        if node not in self._largest:
            finite = node.value[np.isfinite(node.value)]
            self._largest[node] = float(np.abs(finite).max(initial=0.0))
        return self._largest[node]


def match(here: Graph, there: Graph, alike: Alike | None = None) -> dict[Node, Node]:
    """The forward nodes of one graph with their counterparts in another.

    Counterparts are made by the same op, or are both leaves, and have

    - equal names in scopes of one path; of several the first goes with the first;
    - equal values, made from counterparts, or at least from equal values, whatever they are called, in whatever scopes;
    - the same surroundings: they are made from counterparts, or taken by counterparts as the same operand, and no names
      or scopes speak against it; or they are made from counterparts alone.

    Outputs are counterparts too. A constant of the other graph goes with a computed value that it equals, such as a
    mean that gradients do not pass there.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> here = mt.graph((mt.exp(x) * 2.0).named("y"))
    >>> there = mt.graph((mt.exp(x) * 3.0 + 1.0).named("z"))
    >>> [(a.rank, b.rank) for a, b in match(here, there).items()]
    [(0, 0), (1, 1), (2, 2)]
    """
    return _Matching(here, there, alike or Alike(here, there)).found()


class _Matching:
    def __init__(self, here: Graph, there: Graph, equal: Alike) -> None:
        self.here, self.there, self.equal = here, there, equal
        self.pairs: dict[Node, Node] = {}
        self.taken: dict[Node, Node] = {}

    def found(self) -> dict[Node, Node]:
        """All pairs."""
        named = _by_name(self.here), _by_name(self.there)
        for key, nodes in named[0].items():
            for a, b in zip(nodes, named[1].get(key, ()), strict=False):
                self._pair(a, b)
        self._by_values()
        for a, b in zip(self.here.outputs, self.there.outputs, strict=False):
            if _friendly(a, b):
                self._pair(a, b)
        self._by_surroundings()
        self._constants()
        return _in_order(self.here, self.there, self.pairs)

    def _pair(self, a: Node, b: Node) -> bool:
        free = a not in self.pairs and b not in self.taken
        if free:
            self.pairs[a], self.taken[b] = b, a
        return free

    def _by_values(self) -> None:
        """Pair what is computed by the same op from the same values, in the order of computation."""
        waiting: dict[Any, list[Node]] = defaultdict(list)
        for a in self.here.nodes:
            if a not in self.pairs:
                waiting[_kind(a)].append(a)
        for b in self.there.nodes:
            if b in self.taken:
                continue
            able = [(self._nearness(a, b), -k, a) for k, a in enumerate(waiting[_kind(b)]) if self.equal(a, b)]
            best = max((each for each in able if each[0] is not None), default=None, key=lambda each: each[:2])
            if best is not None:
                self._pair(best[2], b)
                waiting[_kind(b)].remove(best[2])

    def _nearness(self, a: Node, b: Node) -> tuple[int, bool, bool] | None:
        """How much speaks for two nodes of equal values: their operands, their names and their scopes."""
        orders = [b.operands, b.operands[::-1]] if b.op is not None and b.op.commutes else [b.operands]
        paired = [
            sum(self.pairs.get(x) is y for x, y in zip(a.operands, order, strict=True) if isinstance(x, Node))
            for order in orders
            if all(self._same_operand(x, y) for x, y in zip(a.operands, order, strict=True))
        ]
        return (max(paired), a.name == b.name, a.path == b.path) if paired else None

    def _same_operand(self, x: Any, y: Any) -> bool:
        if isinstance(x, Node) and isinstance(y, Node):
            return self.pairs.get(x) is y or self.equal(x, y)
        return same_number(x, y)

    def _by_surroundings(self) -> None:
        queue = deque(self.pairs.items())
        while queue:
            for a, b in self._around(*queue.popleft()):
                if self._pair(a, b):
                    queue.append((a, b))

    def _around(self, a: Node, b: Node) -> Iterator[tuple[Node, Node]]:
        for x, y in zip(a.operands, b.operands, strict=False):
            if isinstance(x, Node) and isinstance(y, Node) and _friendly(x, y):
                yield x, y
        for u, i in self.here.users[a]:
            for v, j in self.there.users[b]:
                if i == j and _made(u) == _made(v) and self._same_operands(u, v):
                    yield u, v

    def _same_operands(self, u: Node, v: Node) -> bool:
        def same(x: Any, y: Any) -> bool:
            return self.pairs.get(x) is y if isinstance(x, Node) and isinstance(y, Node) else type(x) is type(y)

        return len(u.operands) == len(v.operands) and all(map(same, u.operands, v.operands))

    def _constants(self) -> None:
        """Pair computed values with the constants of the other graph that they equal."""
        constants = [
            b for b in self.there.nodes if b.is_leaf and not b.requires_grad and b not in self.taken and b.shape
        ]
        for a in self.here.nodes:
            if a.op is not None and a not in self.pairs:
                b = next((b for b in constants if b not in self.taken and self.equal(a, b)), None)
                if b is not None:
                    self._pair(a, b)


def same_number(x: Any, y: Any) -> bool:
    """Whether two operands are the same number; NaN equals NaN.

    >>> same_number(2, 2.0), same_number(float("nan"), float("nan")), same_number(1.0, None)
    (True, True, False)
    """
    if isinstance(x, Node) or isinstance(y, Node):
        return False
    return bool(x == y or (x != x and y != y))


def same_params(a: Node, b: Node) -> bool:
    """Whether two nodes have the same parameters; axes may be counted from either end.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([[1.0, 2.0]], requires_grad=True)
    >>> one, other = (mt.graph(mt.sum(x, axis=axis)).outputs[0] for axis in (1, -1))
    >>> same_params(one, other)
    True
    """
    return _params(a) == _params(b)


def _params(node: Node) -> dict[str, Any]:
    params, x = dict(node.params), node.operands[0] if node.operands else None
    if isinstance(x, Node) and isinstance(params.get("axis"), int | tuple):
        params["axis"] = counted_axes(params["axis"], len(x.shape))
    return params


def _by_name(graph: Graph) -> Mapping[tuple[str, str, str], list[Node]]:
    found: dict[tuple[str, str, str], list[Node]] = defaultdict(list)
    for node in graph.nodes:
        if node.name is not None:
            found[node.name, node.path, _made(node)].append(node)
    return found


def _made(node: Node) -> str:
    return node.op.name if node.op else ""


def _kind(node: Node) -> tuple[Any, ...]:
    """What nodes of equal values must have in common."""
    return _made(node), node.shape, len(node.operands), node.is_leaf and node.requires_grad


def _friendly(a: Node, b: Node) -> bool:
    """Whether neither op nor name nor scope speaks against it that two nodes are counterparts."""
    return _made(a) == _made(b) and (a.name == b.name or None in (a.name, b.name)) and a.path == b.path


def _in_order(here: Graph, there: Graph, found: dict[Node, Node]) -> dict[Node, Node]:
    """The pairs that do not contradict each other: what comes before in one graph does not come after in the other."""
    kept: dict[Node, Node] = {}
    highest = -1
    before = {b: a for a, b in found.items()}
    latest: dict[Node, int] = {}
    for b in there.nodes:
        # The greatest rank here of what it was computed from there.
        highest = max((latest[x] for x in b.inputs), default=-1)
        a = before.get(b)
        if a is not None and a.rank > highest:
            kept[a] = b
            highest = a.rank
        latest[b] = highest
    return {node: kept[node] for node in here.nodes if node in kept}
