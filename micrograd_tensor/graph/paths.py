"""Paths: how a value leads to another, along the edges of a graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from .nodes import Edge, Graph, Node

Along = Callable[[Edge], bool]
"""Which edges may be taken."""


def depending(nodes: Iterable[Node], on: Iterable[Node]) -> set[Node]:
    """The nodes, of some given operands first, that are computed from any of certain ones, and these themselves."""
    found = set(on)
    for node in nodes:
        if not found.isdisjoint(node.inputs):
            found.add(node)
    return found


def between(graph: Graph, source: Node, target: Node) -> set[Node]:
    """The forward nodes that lie on a path from one to another, both included; none where no path leads there.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor(3.0, name="x", requires_grad=True)
    >>> captured = mt.graph((mt.exp(x) * 2.0 + mt.sin(x)).named("y"))
    >>> sorted(node.rank for node in between(captured, captured.nodes[1], captured["y"]))
    [1, 2, 4]
    """
    after = depending(graph.nodes, [source])
    found: set[Node] = {target} & after
    for node in reversed(graph.nodes):
        if node in found:
            found |= {x for x in node.inputs if x in after}
    return found


def count_paths(graph: Graph, target: Node, along: Along | None = None) -> dict[Node, int]:
    """How many paths lead to a node from each node that one starts at.

    The number can be astronomical, but is exact.

    >>> import micrograd_tensor as mt
    >>> x = y = mt.tensor(1.0, name="x", requires_grad=True)
    >>> for _ in range(100):
    ...     y = y * y
    >>> captured = mt.graph(y.named("y"))
    >>> count_paths(captured, captured["y"])[captured["x"]] == 2**100
    True
    """
    found = {target: 1}
    for node in reversed(graph.nodes):
        if node in found:
            for i, x in enumerate(node.operands):
                if isinstance(x, Node) and (along is None or along((node, i))):
                    found[x] = found.get(x, 0) + found[node]
    return found


def paths(graph: Graph, source: Node, target: Node) -> Iterator[tuple[Edge, ...]]:
    """Every path from one node to another, as the edges along it from the source on.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor(3.0, name="x", requires_grad=True)
    >>> captured = mt.graph((x * x).named("y"))
    >>> list(paths(captured, captured["x"], captured["y"])) == [((captured["y"], i),) for i in (0, 1)]
    True
    """
    inside = between(graph, source, target)
    stack: list[tuple[Node, tuple[Edge, ...]]] = [(source, ())] if inside else []
    while stack:
        node, taken = stack.pop()
        if node is target:
            yield taken
            continue
        onward = [edge for edge in graph.users[node] if edge[0] in inside]
        stack.extend((edge[0], (*taken, edge)) for edge in reversed(onward))
