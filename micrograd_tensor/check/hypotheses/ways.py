"""Ways: a gradient split by the routes along which it came, through the forks of the graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from ...graph import Node
from .building import name_of
from .point import Point
from .program import Array, Operand, Step

MOST = 24
"""A result to which more ways lead is not split."""


class Way(NamedTuple):
    """One route from the given gradients to the result.

    Attributes:
        name: what tells it from the others: ``"directly"`` or ``"through var"``.
        value: what arrives along it.
        nodes: the forward nodes whose gradients it passes.
        steps: the steps that it passes.
    """

    name: str
    value: Array
    nodes: frozenset[Node]
    steps: frozenset[Step]


def ways_of(point: Point) -> list[Way] | None:
    """The ways of a program whose values add up to its result; None where there are too many, or it has no forks.

    Ways that bring nothing, because they are identically zero, are among them.
    """
    found: dict[Operand, list[Way]] = {}
    for source in point.program.sources:
        if source.is_gradient:
            nodes = frozenset({source.node} if source.node is not None else ())
            found[source] = [Way("", np.asarray(point[source]), nodes, frozenset())]
    with np.errstate(all="ignore"):
        for step in point.program.steps:
            carried = [i for i in step.carries if step.operands[i] in found]
            if not carried:
                continue
            made = [_through(point, step, i, carried, way) for i in carried for way in found[step.operands[i]]]
            if len(made) > MOST:
                return None
            found[step] = made
    ways = found.get(point.program.target, [])
    return _named(ways, point) if len(ways) > 1 else None


def _through(point: Point, step: Step, i: int, carried: Sequence[int], way: Way) -> Way:
    operands = [point[x] for x in step.operands]
    for j in carried:
        operands[j] = way.value if j == i else np.zeros_like(np.asarray(operands[j]))
    value = np.asarray(step.op.forward(*operands, **step.params))
    nodes = {*way.nodes, *({step.edge[0]} if step.edge else ()), *({step.node} if step.node else ())}
    return Way("", value, frozenset(nodes), way.steps | {step})


def _named(ways: Sequence[Way], point: Point) -> list[Way]:
    """The ways with their names; of those that share one, with what tells them apart from each other besides."""
    common = frozenset.intersection(*(way.nodes for way in ways))
    names = []
    for way in ways:
        marks = [name_of(node) for node in _marks(way.nodes - common, point)]
        names.append(f"through {' and '.join(marks)}" if marks else "directly")
    named = []
    for way, name in zip(ways, names, strict=True):
        alike = [other for other, its in zip(ways, names, strict=True) if its == name]
        if len(alike) == len(ways):
            name = f"{name} ({_place(ways, way) + 1})"
        elif len(alike) > 1:
            name = f"{name}, {_named(alike, point)[_place(alike, way)].name}"
        named.append(way._replace(name=name))
    return named


def _marks(nodes: Iterable[Node], point: Point) -> list[Node]:
    """Of each connected stretch of nodes the one to call it by: with a name, the smallest, the nearest to the input."""
    left = set(nodes)
    marks = []
    while left:
        stretch, stack = set(), [max(left, key=lambda n: n.rank)]
        while stack:
            node = stack.pop()
            if node in left:
                left.discard(node)
                stretch.add(node)
                stack.extend(x for x in node.operands if isinstance(x, Node))
                stack.extend(user for user, _ in point.program.graph.users[node])
        marks.append(min(stretch, key=lambda n: (n.name is None, int(np.prod(n.shape)), n.rank)))
    return sorted(marks, key=lambda n: -n.rank)


def _place(ways: Sequence[Way], way: Way) -> int:
    return next(i for i, other in enumerate(ways) if other is way)
