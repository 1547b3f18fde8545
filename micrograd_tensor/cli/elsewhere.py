"""Elsewhere: the same exercise at other inputs, at which a line as it should be has to be right, too."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from itertools import islice
from typing import Any

import numpy as np

from ..check.branches import untaken
from ..check.repair.points import Call, Place
from ..check.running import computed
from ..graph import named_nodes
from .task import Task
from .unusable import UnusableError
from .varied import Vary, apart, lengthened, other_numbers, scaled, smaller, variations, with_numbers


def elsewhere(task: Task, inputs: Sequence[str]) -> Iterator[Place]:
    """The same exercise at other inputs, where it runs at them.

    They are of other numbers and lengths; then with other weights, if the file holds them; then of some longer lengths,
    so that no length stands for another that is equal to it by chance; then so large, or small, that ops take the other
    of their sides, where they take one only.
    """
    numbers = other_numbers(task.numbers)
    for ways in variations(seed=0):
        found = (_at(task, inputs, with_numbers(numbers, vary)) for vary in ways)
        yield from islice((place for place in found if place is not None), 1)
    if task.with_weights is not None:
        place = _place(task.with_weights, inputs)
        yield from [place] if place is not None and _is_finite(place) else []
    shapes = [node.shape for node in named_nodes(task.captured).values() if node.is_leaf]
    for times in apart(shapes):
        place = _at(task, inputs, partial(lengthened, times=times))
        if place is not None and _runs(place.call):  # it may be for lengths that are equal
            yield place
    for factor in dict.fromkeys(x for x in untaken(task.captured).values() if x > 0):  # signs may be meant
        found = (_at(task, inputs, partial(_scaled, way=way, factor=factor)) for way in (*smaller(shapes), dict))
        yield from islice((place for place in found if place is not None and _is_finite(place)), 1)


def _scaled(given: Mapping[str, Any], way: Vary, factor: float) -> dict[str, Any]:
    return scaled(way(given), factor)


def _at(task: Task, inputs: Sequence[str], vary: Vary) -> Place | None:
    """The exercise at varied inputs; None where it does not run at them."""
    return _place(partial(task.again, vary), inputs)


def _place(make: Callable[[], Task], inputs: Sequence[str]) -> Place | None:
    """The place of an exercise that is made; None where it does not run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            other = make()
        except UnusableError:
            return None
    return Place(Call(other.backward, other.dout, other.cache, inputs, other.forward), other.captured)


def _runs(call: Call) -> bool:
    """Whether the backward pass comes to its end as it stands."""
    try:
        with redirect_stdout(StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            computed(*call[:4])
    except Exception:  # whatever it may raise
        return False
    return True


def _is_finite(place: Place) -> bool:
    """Whether all that is due is a number."""
    return all(bool(np.all(np.isfinite(due.value))) for due in place.graph.gradients.values())
