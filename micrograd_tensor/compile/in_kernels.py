"""In kernels: a traced graph in which each kernel is a scope, so that pictures show what runs as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from heapq import heapify, heappop, heappush

from ..engine.recording import Scope
from ..graph import Graph, Node
from .trace import Traced


def in_kernels(traced: Traced, places: Mapping[Node, tuple[int, str]]) -> Graph:
    """The graph of what a function returns and writes, with the kernels one after the other, as they run.

    Args:
        traced: the function.
        places: for the nodes that kernels stand for, which step that is, and its name. If there are none, all scopes
            stay.
    """
    outputs = traced.graph.outputs[len(traced.guards) :]
    needed, stack = set[Node](), [*outputs]
    while stack:
        node = stack.pop()
        if node not in needed:
            needed.add(node)
            stack += node.inputs
    scopes = {name: Scope(name) for _, name in places.values()}
    made: dict[Node, Node] = {}
    for rank, node in enumerate(_ordered([node for node in traced.graph.nodes if node in needed], places)):
        operands = tuple(made[x] if isinstance(x, Node) else x for x in node.operands)
        scope = scopes.get(places[node][1]) if node in places else None
        made[node] = replace(node, rank=rank, operands=operands, scope=scope if places else node.scope)
    return Graph(tuple(made.values()), tuple(made[node] for node in outputs))


def _ordered(nodes: list[Node], places: Mapping[Node, tuple[int, str]]) -> list[Node]:
    """Nodes by the kernels that compute them, all others right before the kernel that needs them; operands first."""
    step: dict[Node, tuple[int, bool]] = {}
    users: dict[Node, list[Node]] = {node: [] for node in nodes}
    last = max((number for number, _ in places.values()), default=0) + 1
    for node in reversed(nodes):
        first = min((step[user][0] for user in users[node]), default=last)
        step[node] = places[node][0] if node in places else first, node in places
        for x in node.inputs:
            users[x].append(node)
    missing = {node: len(node.inputs) for node in nodes}
    ready = [(step[node], node.rank, node) for node in nodes if not missing[node]]
    heapify(ready)
    order: list[Node] = []
    while ready:
        *_, node = heappop(ready)
        order.append(node)
        for user in users[node]:
            missing[user] -= 1
            if not missing[user]:
                heappush(ready, (step[user], user.rank, user))
    return order
