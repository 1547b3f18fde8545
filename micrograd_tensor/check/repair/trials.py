"""Trials: whether a function with a line changed gives the gradients that are expected."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from ..found import SLACK, WrongStage
from ..running import computed, traced_by
from .arriving import Arriving
from .points import Call, Place, RecordedElsewhere, is_about
from .visits import Visits

LONG = 0.01
"""The seconds of a call from which on changes are tried elsewhere first: long inputs are varied to shorter ones."""


class Trials:
    """Runs the whole function with a line changed, once for all the gradients that are wrong."""

    def __init__(self, visits: Visits, due: Mapping[str, WrongStage], places: RecordedElsewhere) -> None:
        self._visits, self._due, self._places = visits, due, places
        self._made: dict[str, tuple[frozenset[str], frozenset[str]]] = {}

    @cached_property
    def arriving(self) -> Arriving:
        """What arrives at the nodes of the recorded graph."""
        return Arriving(next(iter(self._due.values())).graph)

    @cached_property
    def _kept(self) -> dict[str, Any]:
        """What is the gradient of an input as it is, by name: no change may spoil it."""
        graph = next(iter(self._due.values())).graph
        known = [made.value for node, made in graph.gradients.items() if node.is_leaf and node.requires_grad]
        names = self._ran(self._visits.source.text, self._visits.call)
        others = {key: value for key, value in names.items() if key not in self._due}
        return {key: value for key, value in others.items() if any(is_about(value, x) for x in known if np.any(x))}

    def right(self, text: str, keys: Iterable[str]) -> bool:
        """Whether a source of the function gives what is expected of some gradients, here and elsewhere.

        Of several each may be expected of what another one was before, so the recorded ones are right, too.
        """
        wanted = frozenset(keys)
        points = [self._right_here, self._right_elsewhere]
        if self._visits.seconds > LONG:  # elsewhere it is shorter, and nearly all changes are wrong there, too
            points.reverse()
        return all(is_right(text, wanted) for is_right in points)

    def completes(self, text: str, key: str) -> bool:
        """Whether a source of the function that is right in a gradient gives what was recorded for all inputs, too."""
        own, names = self._due[key], self._ran(text, self._visits.call)
        return not self._places.in_the_end or self._places.all_right(own.graph, names, own)

    def _right_here(self, text: str, wanted: frozenset[str]) -> bool:
        if wanted == self._due.keys():  # most changes are wrong in the first gradient: the others need no look
            names = self._ran(text, self._visits.call)
            return self._keeps(names) and any(
                all(is_due(names.get(key), due(own), own) for key, own in self._due.items())
                for due in (_expected, _recorded)[: len(wanted)]
            )
        if text not in self._made:
            self._made[text] = self._here(text)
        expected, recorded = self._made[text]
        return wanted <= expected or ((len(wanted) > 1 or self._places.of_all) and wanted <= recorded)

    def _right_elsewhere(self, text: str, wanted: frozenset[str]) -> bool:
        return all(self._there(text, place, wanted) for place in self._places.every)

    def _here(self, text: str) -> tuple[frozenset[str], frozenset[str]]:
        """The gradients that are as expected, and those that are as recorded; none where others are spoilt."""
        names = self._ran(text, self._visits.call)
        if not self._keeps(names):
            return frozenset(), frozenset()
        expected = (key for key, own in self._due.items() if is_due(names.get(key), _expected(own), own))
        recorded = (key for key, own in self._due.items() if is_due(names.get(key), _recorded(own), own))
        return frozenset(expected), frozenset(recorded)

    def _keeps(self, names: Mapping[str, Any]) -> bool:
        return all(is_about(names.get(key), value) for key, value in self._kept.items())

    def _there(self, text: str, place: Place, wanted: Collection[str]) -> bool:
        names = self._ran(text, place.call)
        if all(self._places.right(place, names, key, self._due[key]) for key in wanted):
            return True
        # A name may be that of another array, which is equal to the gradient at the first point alone.
        return self._places.all_right(place.graph, names, self._due[next(iter(wanted))])

    def _ran(self, text: str, call: Call) -> Mapping[str, Any]:
        """What is computed in a call, by name; nothing where it fails."""
        source = self._visits.source
        code = source.code(text)
        if code is None:
            return {}
        try:
            with _instead(source.function, code):
                found: Mapping[str, Any] = traced_by(None, computed, *call[:4])
        except Exception:  # whatever a change may raise
            return {}
        return found


def _expected(own: WrongStage) -> Any:
    return own.expected


def _recorded(own: WrongStage) -> Any:
    return own.graph.gradients[own.node].value


def is_due(value: Any, expected: Any, own: WrongStage) -> bool:
    """Whether a gradient is as expected, within what is allowed at a stage.

    Between inputs and output it may be one number for all, as it was given.
    """
    if not isinstance(value, np.ndarray | np.generic | float):
        return False
    array, due = np.asarray(value), np.asarray(expected)
    if due.shape and array.shape == () == np.shape(own.given) and not own.node.is_leaf:
        array = np.broadcast_to(array, due.shape)
    if array.shape != due.shape or array.dtype.kind not in "fc" or not array.size:
        return False
    allowed = np.broadcast_to(SLACK * np.asarray(own.tolerance), due.shape)
    first = slice(1) if due.ndim else ...  # where nearly all that is wrong is seen
    return all(np.all((np.abs(array[at] - due[at]) <= allowed[at]) | (array[at] == due[at])) for at in (first, ...))


@contextmanager
def _instead(function: FunctionType, code: CodeType) -> Iterator[None]:
    """Within the block a function runs other code."""
    before = function.__code__
    function.__code__ = code
    try:
        yield
    finally:
        function.__code__ = before
