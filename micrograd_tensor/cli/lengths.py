"""Lengths of guessed inputs that are equal by chance are told apart, as far as a layer runs with others."""

from __future__ import annotations

import itertools
import re
import time
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from . import fitting
from .fitting import FORWARD, TIMES, Far, is_whole, shape_of, until, with_axis
from .roles import is_parameter, is_state
from .shapes import Guess, indices, is_square
from .shapes_option import Value
from .varied import alike

Place = tuple[str, int]
"""An array and an axis of it; after the last one of whole numbers stands what they are below."""


class Fit(NamedTuple):
    """Arguments with lengths of their own.

    Attributes:
        guess: such at which the layer comes as far as before.
        apart: such at which its forward pass alone runs; None if there are no others.
        square: the names of the matrices that have to be as wide as high.
    """

    guess: Guess
    apart: Guess | None
    square: frozenset[str]


def told_apart(
    guess: Guess, run: Callable[[Guess], tuple[Far, str]], seed: int, only: Container[str] | None = None
) -> Fit:
    """Arguments at which a layer runs as far as at given ones, with as many lengths of their own as possible.

    Args:
        guess: the given ones.
        run: how far the layer comes with arguments, and the lines at which it stops.
        seed: of the numbers.
        only: the names of arrays that get other lengths, and others only together with these; None: all.
    """
    shapes = {
        name: shape_of(x) for name, x in guess.arguments.items() if name in guess.free and isinstance(x, np.ndarray)
    }

    def other(apart: dict[str, Any]) -> Guess:
        return _resized(guess, {name: shape for name, shape in apart.items() if shape != shapes[name]}, seed)

    timely = until(time.thread_time() + fitting.SECONDS / 4, run)

    def came(apart: dict[str, Any]) -> tuple[Far, str]:
        return timely(other(apart))

    far, bound = run(guess)[0], set[Place]()
    apart = own = _told_apart(shapes, came, FORWARD, only, bound)
    if run(other(apart))[0] < far:
        own = _told_apart(shapes, came, far, only, set())
    square = {name for name, shape in own.items() if is_square(_axes(shape)) and {(name, 0), (name, 1)} <= bound}
    return Fit(other(own), other(apart) if own is not apart else None, frozenset(square))


def _resized(guess: Guess, shapes: Mapping[str, Any], seed: int) -> Guess:
    """A guess with other shapes of some arrays, and numbers of the same kind in these."""
    rng, drawn = np.random.default_rng([seed, 4]), dict(guess.arguments)
    for name, shape in shapes.items():
        of_floats = not is_whole(shape)
        drawn[name] = alike(drawn[name], shape, rng) if of_floats else indices(rng, shape[1], shape[0])
    return replace(guess, arguments=drawn)


def _told_apart(
    shapes: dict[str, Any],
    run: Callable[[dict[str, Any]], tuple[Far, str]],
    far: Far,
    only: Container[str] | None,
    bound: set[Place],
) -> dict[str, Any]:
    """The shapes with axes of lengths of their own, where it still runs that far.

    Of the axes of one length those of all weights get another one, or of all else, one alone, or both of a matrix; and
    with them all those with which it then comes further; else one alone is twice as long. So what is summed over, or
    goes along from array to array, may have one length in many. States of a recurrence keep one shape. What is found
    to go along with all that is as long is added to ``bound``.
    """
    places = [(name, axis) for name, shape in shapes.items() for axis, n in enumerate(_axes(shape)) if n > 1]
    learned = [place for place in places if is_parameter(place[0])]
    kinds = (learned, [place for place in places if place not in learned])
    lengths = {_length(shapes, at) for at in places}
    whole = [[at for at in some if _length(shapes, at) == n] for n in lengths for some in kinds]
    states = [place for place in places if is_state(place[0])]
    tied = {at: [to for to in states if to[1] == at[1]] if at in states else [at] for at in places}
    alone = [[one] for one in places if only is None or one[0] in only]
    both = [[(name, 0), (name, 1)] for name, shape in shapes.items() if is_square(_axes(shape))]
    for some in [*(filter(None, whole) if only is None else ()), *alone, *both]:
        few = dict.fromkeys(to for at in some for to in tied[at])
        own, taken = {_length(shapes, at) for at in few}, {_length(shapes, at) for at in places}
        if len(own) > 1 or all(at in few for at in places if _length(shapes, at) in own) or bound & {*few}:
            continue
        starts = ((3, 1), (4, 4))
        others = dict.fromkeys(next(n for n in itertools.count(*one) if n not in taken) for one in starts)
        tries = (_changed_along(shapes, tied, dict.fromkeys(few, length), run, far) for length in others)
        along = next((one for one in tries if one is not None), None)
        new, twice = _with(shapes, along or {}), _with(shapes, {at: 2 * _length(shapes, at) for at in few})
        if _equal_pairs(new, places) < _equal_pairs(shapes, places):
            shapes = new
        elif some in alone and _may_be_twice(shapes, twice, some[0], places) and run(twice)[0] >= far:
            shapes = twice
        elif along is not None and some not in whole:
            bound.update(along)
    return shapes


def _changed_along(
    shapes: dict[str, Any],
    tied: Mapping[Place, Iterable[Place]],
    lengths: dict[Place, int],
    run: Callable[[dict[str, Any]], tuple[Far, str]],
    far: Far,
) -> dict[Place, int] | None:
    """Other lengths at some places, and at those that have to go along with them; None if it does not run so far.

    What goes along is as long as they were, or has that length once or several times among what it is as long as.
    """
    old = _length(shapes, next(iter(lengths)))
    longer = lengths[next(iter(lengths))] - old
    reached, lines = run(_with(shapes, lengths))
    while reached < far:
        rest = [(at, _length(shapes, at)) for at in tied if at not in lengths]
        named = [(at, n) for at, n in rest if re.search(rf"\b{at[0]}\b", lines)]
        alone = ([(at, n + k * longer)] for at, n in rest for k in range(1, min(n // old, TIMES[-1]) + 1))
        pairs = (
            [(at, n + longer) for at, n in two]
            for two in itertools.combinations(named, 2)
            if {n for _, n in two} == {old}
        )
        tries = (lengths | {to: n for at, n in some for to in tied[at]} for some in itertools.chain(alone, pairs))
        came = ((*run(_with(shapes, one)), one) for one in tries)
        found = next((one for one in came if one[0] > reached), None)
        if found is None:
            return None
        reached, lines, lengths = found
    return lengths


def _may_be_twice(shapes: Mapping[str, Any], twice: Mapping[str, Any], place: Place, places: list[Place]) -> bool:
    """Whether an axis of an array of three and more may be twice as long as others, as of queries beside their keys."""
    return len(_axes(shapes[place[0]])) > 2 and _equal_pairs(twice, places) < _equal_pairs(shapes, places)


def _equal_pairs(shapes: Mapping[str, Any], places: Iterable[Place]) -> int:
    """How many pairs of axes are as long as each other."""
    counts = Counter(_length(shapes, at) for at in places)
    return sum(n * (n - 1) for n in counts.values()) // 2


def _axes(shape: Any) -> tuple[int, ...]:
    """The lengths of an array's axes, and of whole numbers what they are below; of a value none."""
    return () if isinstance(shape, Value) else (*shape[0], shape[1]) if is_whole(shape) else shape


def _length(shapes: Mapping[str, Any], place: Place) -> int:
    name, axis = place
    return _axes(shapes[name])[axis]


def _with(shapes: Mapping[str, Any], lengths: Mapping[Place, int]) -> dict[str, Any]:
    """The shapes with other lengths of some axes."""
    new = dict(shapes)
    for (name, axis), length in lengths.items():
        axes = with_axis(axis, length, _axes(new[name]))
        new[name] = (axes[:-1], axes[-1]) if is_whole(new[name]) else axes
    return new
