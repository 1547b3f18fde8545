"""Match: which nodes of two graphs are the same part of the same computation."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from typing import Any

from .nodes import Graph, Node


def match(here: Graph, there: Graph) -> dict[Node, Node]:
    """The forward nodes of one graph with their counterparts in another.

    Counterparts are made by the same op, or are both leaves. Where both have names, these are equal, as are the paths
    of their scopes, and of several the first goes with the first. The others are told by their surroundings: they are
    made from counterparts, or taken by counterparts as the same operand. Outputs are counterparts too.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> here = mt.graph((mt.exp(x) * 2.0).named("y"))
    >>> there = mt.graph((mt.exp(x) * 3.0 + 1.0).named("z"))
    >>> [(a.rank, b.rank) for a, b in match(here, there).items()]
    [(0, 0), (1, 1), (2, 2)]
    """
    found: dict[Node, Node] = {}
    taken: set[Node] = set()
    waiting: deque[tuple[Node, Node]] = deque()

    def pair(a: Node, b: Node) -> None:
        if a not in found and b not in taken and _alike(a, b):
            found[a] = b
            taken.add(b)
            waiting.append((a, b))

    named = (_by_name(here), _by_name(there))
    for key, nodes in named[0].items():
        for a, b in zip(nodes, named[1].get(key, ()), strict=False):
            pair(a, b)
    for a, b in zip(here.outputs, there.outputs, strict=False):
        pair(a, b)
    while waiting:
        a, b = waiting.popleft()
        for x, y in zip(a.operands, b.operands, strict=False):
            if isinstance(x, Node) and isinstance(y, Node):
                pair(x, y)
        for u, i in here.users[a]:
            for v, j in there.users[b]:
                if i == j and _same_operands(u, v, found):
                    pair(u, v)
    return _in_order(here, there, found)


def _by_name(graph: Graph) -> Mapping[tuple[str, str, str], list[Node]]:
    found: dict[tuple[str, str, str], list[Node]] = defaultdict(list)
    for node in graph.nodes:
        if node.name is not None:
            found[node.name, node.path, node.op.name if node.op else ""].append(node)
    return found


def _alike(a: Node, b: Node) -> bool:
    made = [node.op.name if node.op else None for node in (a, b)]
    names_agree = a.name == b.name or None in (a.name, b.name)
    return made[0] == made[1] and names_agree and a.path == b.path


def _same_operands(u: Node, v: Node, found: Mapping[Node, Node]) -> bool:
    def same(x: Any, y: Any) -> bool:
        return found.get(x) is y if isinstance(x, Node) and isinstance(y, Node) else type(x) is type(y)

    return len(u.operands) == len(v.operands) and all(map(same, u.operands, v.operands))


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
