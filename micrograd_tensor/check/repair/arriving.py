"""Arriving: what arrives at the nodes of a recorded graph, all of it or a part, known again by its numbers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from ...graph import Graph, Node
from ..given import spelled
from .points import is_about

_MAX_PATHS = 6
"""Of more contributions than these no sums of a part are known: there are too many."""
_MAX_SIZE = 1 << 20
"""So many elements of each shape are kept."""


class _Part(NamedTuple):
    """A sum of contributions to a node, and the contributions that are not in it."""

    value: Any
    others: tuple[Any, ...]


class Arriving:
    """The recorded gradients, and the sums of some of the contributions to each.

    A line of a backward pass that is right most often gives one of these: the gradient of a value, what comes back from
    one of its uses, or, as what a loop carries on, what comes back from all uses but one.
    """

    def __init__(self, graph: Graph) -> None:
        parts: dict[tuple[int, ...], list[_Part]] = {}
        for node in graph.gradients:
            for part in _parts(graph, node):
                if np.any(part.value):
                    parts.setdefault(np.shape(part.value), []).append(part)
        self._named = {node.name: np.asarray(made.value) for node, made in graph.gradients.items() if node.name}
        self._parts = {shape: several[: _MAX_SIZE // several[0].value.size] for shape, several in parts.items()}
        self._numbers = {
            shape: np.reshape([part.value for part in several], (len(several), -1))
            for shape, several in self._parts.items()
        }

    def __contains__(self, value: Any) -> bool:
        return any(True for _ in self._alike(value))

    def is_called(self, key: str, value: Any) -> bool:
        """Whether an array is the whole gradient of the value that its name says."""
        return any(is_about(value, self._named[name]) for name in spelled([key], self._named)[0])

    def lacking(self, value: Any) -> Iterator[Any]:
        """Each contribution to a node that is missing from a sum of the others."""
        for part in self._alike(value):
            yield from part.others

    def _alike(self, value: Any) -> Iterator[_Part]:
        numbers = self._numbers.get(np.shape(value))
        if numbers is None or np.asarray(value).dtype.kind not in "fc":
            return
        flat = np.reshape(value, -1)
        at = int(np.argmax(np.abs(flat)))  # most others differ there already
        rounding = 1e-8 if np.result_type(flat, numbers).itemsize >= 8 else 1e-4
        allowed = rounding * abs(flat[at])
        for k in np.flatnonzero(np.abs(numbers[:, at] - flat[at]) <= allowed):
            if np.all(np.abs(numbers[k] - flat) <= allowed):
                yield self._parts[np.shape(value)][k]


def _parts(graph: Graph, node: Node) -> Iterator[_Part]:
    """The gradient of a node, and the sums of a part of what arrives there."""
    several = [np.asarray(made.value) for _, made in graph.contributions_to(node)]
    yield _Part(np.asarray(graph.gradients[node].value), ())
    if len(several) > _MAX_PATHS:
        yield from (_Part(one, ()) for one in several)
    elif len(several) > 1:
        every = range(len(several))
        for taken in (taken for n in every[1:] for taken in combinations(every, n)):
            others = tuple(x for k, x in enumerate(several) if k not in taken)
            yield _Part(sum(several[k] for k in taken), others)
