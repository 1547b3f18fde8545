"""Shapes at which a layer runs, found from how far it comes with others, where no usual ones fit together.

What a forward pass unpacks, as in ``B, T, C = x.shape``, tells how many axes an input has, and which lengths are the
same. For the rest, one shape is changed at a time: what comes further, to a later call or to the backward pass, is
kept. In the end axes get lengths of their own, as far as the layer runs with them.
"""

from __future__ import annotations

import ast
import itertools
import linecache
import re
import time
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..check.syntax import Source
from .shapes import Guess, Value, is_parameter, is_square, is_state, reshaped
from .varied import alike

_KERNEL = re.compile(r"(?i)f|k|kk|h?h|ww|r|s|[fk][_h]*[hwxy]|(filter|kernel|pool)\w*")
"""Names of lengths that have to be shorter than those that they slide along."""
_FREE = (3, 6, 8, 4, 5, 7)
"""Lengths of axes by name, the first ones for a batch, steps and features, of which one is divided among heads."""
_TIMES = (2, 3, 4)
"""How many gates, or queries, keys and values, may be side by side in one array."""
_RUNS = 3000
"""At most so many shapes are tried."""
_SECONDS = 20.0
"""The CPU time for which shapes are tried, where each run takes long."""
_STARTS = 5
"""At most so many usual shapes are changed."""

Place = tuple[str, int]
"""An array and an axis of it; after the last one of whole numbers stands what they are below."""
Far = tuple[int, ...]
"""How far a layer came with some inputs: of two, the larger came further."""
FORWARD: Far = (1,)
"""How far it comes at least where its forward pass runs."""
DONE: Far = (3,)
"""How far it comes where both of its passes run and the gradients have the shapes of their inputs."""


def fitted(
    usual: Iterable[Guess],
    source: Source | None,
    run: Callable[[Guess], tuple[Far, str]],
    seed: int,
    vectors: bool = False,
) -> Guess | None:
    """Arguments at which a layer runs, with other shapes of those of a guess that were guessed; None if none are found.

    Args:
        usual: guesses, of which those are changed with which the layer comes furthest.
        source: of the forward pass.
        run: how far the layer comes with arguments, and the lines at which it stops.
        seed: of the numbers.
        vectors: whether the first input may as well have one axis.
    """
    unpacked, starts = _unpacked(source), list[_Start]()
    for guess in usual:
        drawn = {name: x for name, x in guess.arguments.items() if name in guess.free and isinstance(x, np.ndarray)}
        arrays = {name: _shape(x) for name, x in drawn.items()}
        named = {n: s for n, s in unpacked.items() if n in arrays and not _is_whole(arrays[n])}
        even = {name: _even(shape) for name, shape in arrays.items()}
        inputs = [x for name, x in arrays.items() if not (_is_whole(x) or is_parameter(name))]
        if any(len(x) == 2 and x[0] == x[1] for x in inputs) or (not vectors and any(len(x) == 1 for x in inputs[:1])):
            continue  # a square array hides mistakes, and to one of one axis most fits by chance
        for shapes, known in ((even | named, named), (arrays, {})):
            if all(shapes != start.shapes for start in starts):
                starts.append(_Start(guess, shapes, known, *run(reshaped(guess, shapes, seed))))
    runs, run = itertools.count(), _until(time.thread_time() + _SECONDS, run)
    for start in sorted(starts, key=lambda start: start.reached, reverse=True)[:_STARTS]:
        found = _from(start, run, seed, runs)
        if found is not None:
            return found
    return None


def _until(end: float, run: Callable[[Guess], tuple[Far, str]]) -> Callable[[Guess], tuple[Far, str]]:
    """The same up to some CPU time of this thread; from then on nothing comes further."""
    return lambda guess: run(guess) if time.thread_time() < end else ((-1,), "")


class _Start(NamedTuple):
    """What a search begins with: a guess, other shapes of it, those of them that are known; and how far it comes."""

    guess: Guess
    shapes: dict[str, Any]
    known: dict[str, Any]
    reached: Far
    lines: str


def _from(start: _Start, run: Callable[[Guess], tuple[Far, str]], seed: int, runs: Iterator[int]) -> Guess | None:
    first, shapes, known, best, lines = start
    while best < DONE:
        for changed in _changes(shapes, known, {*re.findall(r"\w+", lines)}):
            if next(runs) >= _RUNS:
                return None
            reached, at = run(reshaped(first, {**shapes, **changed}, seed))
            if reached > best:
                best, lines, shapes = reached, at, {**shapes, **changed}
                break
        else:
            return None
    return reshaped(first, shapes, seed)


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
        name: _shape(x) for name, x in guess.arguments.items() if name in guess.free and isinstance(x, np.ndarray)
    }

    def other(apart: dict[str, Any]) -> Guess:
        return _resized(guess, {name: shape for name, shape in apart.items() if shape != shapes[name]}, seed)

    timely = _until(time.thread_time() + _SECONDS / 4, run)

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
        of_floats = not _is_whole(shape)
        drawn[name] = alike(drawn[name], shape, rng) if of_floats else rng.integers(0, shape[1], shape[0])
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
    with them all those with which it then comes further. So what is summed over, or goes along from array to array,
    may have one length in many. States of a recurrence keep one shape. What is found to go along with all that is as
    long is added to ``bound``.
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
        for least, step in ((3, 1), (4, 4)):
            length = next(n for n in itertools.count(least, step) if n not in taken)
            along = _changed_along(shapes, tied, dict.fromkeys(few, length), run, far)
            if along is None:
                continue
            new = _with(shapes, along)
            if _alike(new, places) < _alike(shapes, places):
                shapes = new
            elif some not in whole:
                bound.update(along)
            break
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
        alone = ([(at, n + k * longer)] for at, n in rest for k in range(1, min(n // old, _TIMES[-1]) + 1))
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


def _alike(shapes: Mapping[str, Any], places: Iterable[Place]) -> int:
    """How many pairs of axes are as long as each other."""
    counts = Counter(_length(shapes, at) for at in places)
    return sum(n * (n - 1) for n in counts.values()) // 2


def _axes(shape: Any) -> tuple[int, ...]:
    """The lengths of an array's axes, and of whole numbers what they are below; of a value none."""
    return () if isinstance(shape, Value) else (*shape[0], shape[1]) if _is_whole(shape) else shape


def _length(shapes: Mapping[str, Any], place: Place) -> int:
    name, axis = place
    return _axes(shapes[name])[axis]


def _with(shapes: Mapping[str, Any], lengths: Mapping[Place, int]) -> dict[str, Any]:
    """The shapes with other lengths of some axes."""
    new = dict(shapes)
    for (name, axis), length in lengths.items():
        axes = _with_axis(axis, length, _axes(new[name]))
        new[name] = (axes[:-1], axes[-1]) if _is_whole(new[name]) else axes
    return new


def _renamed(length: int, other: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(other if n == length else n for n in shape)


def _with_axis(axis: int, length: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape[:axis], length, *shape[axis + 1 :])


def _shape(array: Any) -> Any:
    """The shape of an array of floats, or of whole numbers with what they are below."""
    return array.shape if array.dtype.kind == "f" else (array.shape, int(array.max(initial=1)) + 1)


def _even(shape: Any) -> Any:
    """A shape with features that can be divided among heads, or between halves."""
    return shape if _is_whole(shape) else tuple(8 if n == 5 else n for n in shape)


def how_far(error: BaseException | None, file: str) -> tuple[Far, str]:
    """How far code in a file came before an error, to which call and within it likewise; and the lines of these."""
    places, lines, trace = list[int](), list[str](), error.__traceback__ if error is not None else None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            places.append(trace.tb_lasti)
            lines.append(linecache.getline(file, trace.tb_lineno))
        trace = trace.tb_next
    return tuple(places), "".join(lines)


def _unpacked(source: Source | None) -> dict[str, tuple[int, ...]]:
    """The shapes that are unpacked into lengths, by the names of the arrays; lengths of one name are the same."""
    found: dict[str, list[str]] = {}
    for node in source.nodes if source is not None else ():
        match node:
            case ast.Assign([ast.Tuple(axes)], ast.Attribute(ast.Name(name), "shape")):
                names = [axis.id for axis in axes if isinstance(axis, ast.Name)]
                if len(names) == len(axes):
                    found.setdefault(name, names)
    lengths: dict[str, int] = {}
    for names in found.values():
        for name in names:
            twice = len(names) == 4 and (names.count(name) > 1 or _KERNEL.fullmatch(name))
            if name != "_" and name not in lengths:
                free = [n for n in _FREE if n not in lengths.values()]
                lengths[name] = 2 if twice and lengths else free[0] if free else max(lengths.values()) + 1
    rest = iter((9, 10, 11, 12, 13, 14, 15, 16))
    return {name: tuple(lengths.get(n) or next(rest, 9) for n in names) for name, names in found.items()}


def _changes(shapes: Mapping[str, Any], known: Mapping[str, Any], used: set[str]) -> Iterator[dict[str, Any]]:
    """Other shapes of an array, for each in turn: of those in the lines that fail first, of these the last first.

    Then another length of all weights that have one, of those arrays whose lengths are known by name, and numbers.
    """
    floats = [shape for shape in shapes.values() if not _is_whole(shape)]
    every = sorted({n for shape in floats for n in shape if n > 1})
    several = sorted({n * times for n in every for times in _TIMES} | {n + m for n in every for m in every} - {*every})
    free = sorted([name for name in reversed([*shapes]) if name not in known], key=lambda one: one not in used)
    arrays = [name for name in free if not _is_whole(shapes[name])]
    for name in free:
        yield from ({name: other} for other in _others(name, shapes[name], every, several))
    weights = {name: shapes[name] for name in arrays if is_parameter(name)}
    for n, m in ((n, m) for n in every for m in every if n != m):
        yield {name: _renamed(n, m, shape) for name, shape in weights.items()}
    yield from ({name: other} for name in known for other in sorted(_with_another(known[name], every), key=_repeated))
    yield from ({name: Value(2)} for name in arrays if name != next(iter(shapes)))


def _others(name: str, shape: Any, every: list[int], several: list[int]) -> list[Any]:
    """Other shapes of an array, those with as many axes first, and of these those of different lengths."""
    if isinstance(shape, Value):
        return []
    some = [*((n,) for n in every), *((n, m) for n in every for m in every)]
    if _is_whole(shape):
        return [(one, shape[1]) for one in some]
    likely = [*_with_another(shape, every), *some, *_with_another(shape, several)]
    if is_parameter(name) and sum(n > 1 for n in shape) < 2:
        likely += [(n,) for n in several]
        likely += [one for n in every for one in ((n, 1), (1, n), (1, 1, 1, n), (1, n, 1, 1))]
    elif not is_parameter(name) and len(shape) < 4:
        likely += [(n, *shape) for n in every]
    likely = [one for one in dict.fromkeys(likely) if len(one) >= len(shape)]  # of fewer axes most goes by chance
    return sorted(likely, key=lambda one: (len(one), _repeated(one)))


def _repeated(shape: tuple[int, ...]) -> int:
    """How many lengths of a shape are there already: a mistake shows best where none is."""
    return len(shape) - len({*shape})


def _with_another(shape: tuple[int, ...], lengths: list[int]) -> list[tuple[int, ...]]:
    """A shape with one of some lengths for one of its axes."""
    return [_with_axis(axis, n, shape) for n in lengths for axis in range(len(shape))]


def _is_whole(shape: Any) -> bool:
    return isinstance(shape, Value) or bool(shape and isinstance(shape[0], tuple))
