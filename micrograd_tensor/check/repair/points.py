"""Points: a call of a backward pass that can be made again, and others at which a change has to be right, too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...graph import Graph, Node, named_nodes
from ..expected import expect
from ..found import Found, WrongStage
from ..judge import USED_AGAIN

_GUARDS, _MOST = 10.0, 1e-4
"""How much more a guard may be at other points than at the first, and what is allowed there at most."""


class Call(NamedTuple):
    """A call of a backward pass, which can be made again: the function, its two arguments, and the inputs' names.

    Attributes:
        forward: the forward pass, whose lines are taken for right; None where it is not known.
    """

    backward: Callable[..., Any]
    dout: Any
    cache: Any
    inputs: Sequence[str]
    forward: Callable[..., Any] | None = None


class Place(NamedTuple):
    """Another point: a call of the same backward pass there, and the recorded graph."""

    call: Call
    graph: Graph


class Places:
    """Other points, made when they are needed, and once."""

    def __init__(self, left: Iterable[Place]) -> None:
        self._left, self._made = iter(left), list[Place]()

    def __iter__(self) -> Iterator[Place]:
        yield from self._made
        for place in self._left:
            self._made.append(place)
            yield place


class RecordedElsewhere:
    """The other points, where the recorded gradients are expected."""

    of_all = True
    """Whether a change is to make all gradients right, so that the recorded ones are due at the first point, too."""

    def __init__(self, every: Places, in_the_end: Mapping[str, str]) -> None:
        """``in_the_end``: what those gradients are called that are to be right then, by what they are of."""
        self.every, self.in_the_end = every, in_the_end

    def all_right(self, graph: Graph, names: Mapping[str, Any], own: WrongStage) -> bool:
        """Whether those among what was computed are the recorded ones, whatever led to them."""
        stages, share = named_nodes(graph), _share_allowed(own)
        due = {key: graph.gradients.get(stages[name]) for name, key in self.in_the_end.items() if name in stages}
        return bool(due) and all(x is not None and is_about(names.get(key), x.value, share) for key, x in due.items())

    def right(self, place: Place, names: Mapping[str, Any], key: str, own: WrongStage) -> bool:
        """Whether a gradient among what was computed at a point is the recorded one."""
        node, value = named_nodes(place.graph).get(own.node.name or ""), names.get(key)
        return node is not None and is_about(value, place.graph.gradients[node].value, _share_allowed(own))


class JudgedElsewhere(RecordedElsewhere):
    """The other points, where what the user's own gradients before it give is expected."""

    of_all = False

    def __init__(self, every: Places, in_the_end: Mapping[str, str], report: Found) -> None:
        super().__init__(every, in_the_end)
        self._report = report

    def right(self, place: Place, names: Mapping[str, Any], key: str, own: WrongStage) -> bool:
        """Whether a gradient among what was computed at a point is what the user's own gradients before it give."""
        stages = named_nodes(place.graph)
        by_hand = {node.name for node in own.by_hand}
        given: dict[Node, Any] = {}
        for name, key_there in self._report.keys.items():
            stage, value = self._report.stages.get(name), names.get(key_there)
            passes_on = stage is not None and stage.status.counts_as_right and USED_AGAIN not in stage.note
            node = stages.get(name)
            if passes_on and name in by_hand and node is not None and has_shape(value, node.shape):
                given[node] = np.asarray(value)
        node = next((node for name, node in stages.items() if self._report.keys.get(name) == key), None)
        if node is None:
            return False
        due = expect(place.graph, given, {n: n.value for n in place.graph.nodes}).gradients[node]
        return is_about(names.get(key), due, _share_allowed(own))


def _share_allowed(own: WrongStage) -> float:
    """By what share of its largest element a gradient may be off at other points, by what is allowed at the first.

    That is more than rounding where a guard may be left out, as the 1e-7 in ``np.log(p + 1e-7)``, which there is more.
    """
    largest = _largest(np.asarray(own.expected))
    return min(_GUARDS * float(np.max(own.tolerance, initial=0.0)) / largest, _MOST) if largest else 0.0


def _largest(due: Any) -> float:
    return float(np.abs(due[np.isfinite(due)]).max(initial=0.0))


def is_about(value: Any, expected: Any, share: float = 0.0) -> bool:
    """Whether a gradient is about as expected: it was right to rounding at the first point, or to a share of it."""
    due = np.asarray(expected)
    if not has_shape(value, due.shape):
        return False
    loose = max(1e-8 if np.result_type(value, due).itemsize >= 8 else 1e-3, share)
    return bool(np.all((np.abs(value - due) <= loose * _largest(due)) | (value == due)))


def has_shape(value: Any, shape: tuple[int, ...]) -> bool:
    """Whether a value is an array, or a number, of a shape."""
    return isinstance(value, np.ndarray | np.generic | float) and np.shape(value) == shape
