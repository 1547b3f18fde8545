"""Error carried forward: what every gradient should be, given the user's own gradients upstream of it.

The recorded rules run on the user's gradients. One of another shape is brought to the right one where it can be, and is
also carried on as it is, as the user's own code would carry it: through the rules to the letter, and, as NumPy
broadcasts, slice by slice along its extra axes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..graph import Graph, Node, evaluate_backward, pull_back
from ..graph.nodes import Edge

_MAX_SLICES = 512
"""Extra axes are followed slice by slice where they have at most this many places."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A backward pass from the user's own gradients.

    Attributes:
        given: the gradients that went on from their nodes, in the shape that the rules need.
        gradients: the expected gradient of every node, from what its users passed back.
        contributions: what each edge passed back.
        as_given: for nodes after one whose gradient has another shape, what the rules make of it as it is.
        extra_axes: the lengths of the axes that some gradients have too many, by their place counted from the last,
            which is -1.
        slices: what is expected with each slice along these axes, by its place.
    """

    given: dict[Node, Any]
    gradients: dict[Node, Any]
    contributions: dict[Edge, Any]
    as_given: dict[Node, Any] = field(default_factory=dict)
    extra_axes: dict[int, int] = field(default_factory=dict)
    slices: dict[tuple[int, ...], dict[Node, Any]] = field(default_factory=dict)

    @property
    def used(self) -> dict[Node, Any]:
        """The gradient of every node that went on from it: the user's where it was given, else ours."""
        return {**self.gradients, **self.given}

    def other_readings(self, node: Node) -> Iterator[Any]:
        """What else a user may get at a node whose gradients upstream have other shapes."""
        if node in self.as_given:
            yield self.as_given[node]
        broadcast = self._broadcast(node) if self.slices else None
        if broadcast is not None:
            yield broadcast

    def _broadcast(self, node: Node) -> Any:
        """The slices put together as elementwise operations do: along axes that the node lacks, else each its own."""
        rank = max(len(node.shape), *(-axis for axis in self.extra_axes))
        shape = [1] * (rank - len(node.shape)) + list(node.shape)
        for axis, length in self.extra_axes.items():
            if shape[axis] not in (1, length):
                return None
            shape[axis] = length
        made = np.empty(shape, np.result_type(*(expected[node] for expected in self.slices.values())))
        for place, expected in self.slices.items():
            index = _at(place, self.extra_axes, rank)
            own = np.asarray(expected[node])
            own = own.reshape((1,) * (rank - own.ndim) + own.shape)
            made[tuple(index)] = own[tuple(s if own.shape[k] > 1 else slice(None) for k, s in enumerate(index))]
        return made


def expect(graph: Graph, given: Mapping[Node, Any], values: Mapping[Node, Any]) -> Expected:
    """Run the recorded backward pass from the user's own gradients.

    Args:
        graph: captured with an upstream and with its values.
        given: the user's gradients, as they were given. The rules get them in no coarser dtype than the recorded one:
            what the user made of a coarse one need not be as coarse.
        values: the forward values in use.
    """
    given = {n: g.astype(np.result_type(g.dtype, n.dtype), copy=False) for n, g in given.items()}
    odd = {node: value for node, value in given.items() if value.shape != node.shape}
    brought = {node: fitted(value, node.shape) for node, value in given.items()}
    fitting = {node: value for node, value in brought.items() if value is not None}
    ran = evaluate_backward(graph, fitting, values)
    if not odd:
        return Expected(fitting, ran.gradients, ran.contributions)
    as_given = _as_given(graph, given, odd, ran.contributions, values)
    extra_axes = _extra_axes(odd)
    slices = {}
    for place in np.ndindex(*extra_axes.values()) if extra_axes else ():
        each = {**fitting, **{node: _sliced(value, node.shape, extra_axes, place) for node, value in odd.items()}}
        each = {node: value for node, value in each.items() if value is not None}
        slices[place] = evaluate_backward(graph, each, values).gradients
    return Expected(fitting, ran.gradients, ran.contributions, as_given, extra_axes, slices)


def _as_given(
    graph: Graph,
    given: Mapping[Node, Any],
    odd: Mapping[Node, Any],
    contributions: Mapping[Edge, Any],
    values: Mapping[Node, Any],
) -> dict[Node, Any]:
    """What the rules make of gradients of other shapes as they are, as far as they make anything of them."""
    found: dict[Node, Any] = {}
    for node in sorted(graph.gradients, key=lambda n: -n.rank):
        edges = [edge for edge, _ in graph.contributions_to(node)]
        concerned = [edge for edge in edges if edge[0] in odd or (edge[0] in found and edge[0] not in given)]
        if not concerned or node in graph.upstreams:
            continue
        try:
            parts = [
                pull_back(graph, edge, odd.get(edge[0], found.get(edge[0])), values)
                if edge in concerned
                else contributions[edge]
                for edge in edges
            ]
            found[node] = np.asarray(sum(parts[1:], start=parts[0]))
        except (ValueError, IndexError, TypeError):  # nor would the user's own code have made anything of it
            continue
    return found


def _extra_axes(odd: Mapping[Node, Any]) -> dict[int, int]:
    """The axes that gradients have too many, where they agree about them."""
    found: dict[int, int] = {}
    for node, value in odd.items():
        shape = (1,) * (value.ndim - len(node.shape)) + node.shape
        for axis in range(-value.ndim, 0):
            if shape[axis] == 1 < value.shape[axis] and found.setdefault(axis, value.shape[axis]) != value.shape[axis]:
                return {}
    return found if np.prod(list(found.values())) <= _MAX_SLICES else {}


def _sliced(value: Any, shape: tuple[int, ...], extra: Mapping[int, int], place: tuple[int, ...]) -> Any:
    """The slice of a gradient at a place along the extra axes, in the shape that the rules need, if it has one."""
    own = [axis for axis in extra if -axis <= value.ndim and value.shape[axis] > 1]
    at = [i for axis, i in zip(extra, place, strict=True) if axis in own]
    cut = value[tuple(_at(at, own, value.ndim))]
    try:
        return np.broadcast_to(cut.reshape(cut.shape[max(0, cut.ndim - len(shape)) :]), shape)
    except ValueError:
        return None


def _at(place: Iterable[int], axes: Iterable[int], rank: int) -> list[slice]:
    """The index of a place along some axes, which are kept."""
    index = [slice(None)] * rank
    for axis, i in zip(axes, place, strict=True):
        index[axis] = slice(i, i + 1)
    return index


def fitted(value: Any, shape: tuple[int, ...]) -> Any:
    """An array brought to a shape that differs in axes of length 1, or to which it broadcasts; else None."""
    if value.shape == shape:
        return value
    if squeezed(value.shape) == squeezed(shape):
        return value.reshape(shape)
    try:
        return np.broadcast_to(value, shape)
    except ValueError:
        return None


def squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without its axes of length 1."""
    return tuple(n for n in shape if n != 1)
