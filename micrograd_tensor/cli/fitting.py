"""Shapes at which a layer runs, found from how far it comes with others, where no usual ones fit together.

What a forward pass unpacks, as in ``B, T, C = x.shape``, tells how many axes an input has, and which lengths are the
same. For the rest, one shape is changed at a time: what comes further, to a later call or to the backward pass, is
kept.
"""

from __future__ import annotations

import ast
import itertools
import linecache
import re
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..check.syntax import Source
from .roles import is_parameter
from .shapes import Guess, reshaped
from .shapes_option import Value

_KERNEL = re.compile(r"(?i)f|k|kk|h?h|ww|r|s|[fk][_h]*[hwxy]|(filter|kernel|pool)\w*")
"""Names of lengths that have to be shorter than those that they slide along."""
_FREE = (3, 6, 8, 4, 5, 7)
"""Lengths of axes by name, the first ones for a batch, steps and features, of which one is divided among heads."""
TIMES = (2, 3, 4)
"""How many gates, or queries, keys and values, may be side by side in one array."""
_RUNS = 3000
"""At most so many shapes are tried."""
SECONDS = 20.0
"""The CPU time for which shapes are tried, where each run takes long."""
_STARTS = 5
"""At most so many usual shapes are changed."""

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
    learned: Container[str] = (),
) -> Guess | None:
    """Arguments at which a layer runs, with other shapes of those of a guess that were guessed; None if none are found.

    Args:
        usual: guesses, of which those are changed with which the layer comes furthest.
        source: of the forward pass.
        run: how far the layer comes with arguments, and the lines at which it stops.
        seed: of the numbers.
        vectors: whether the first input may as well have one axis.
        learned: the names of those whose gradients are computed, which are no numbers of anything.
    """
    unpacked, starts = _unpacked(source), list[_Start]()
    for guess in usual:
        drawn = {name: x for name, x in guess.arguments.items() if name in guess.free and isinstance(x, np.ndarray)}
        arrays = {name: shape_of(x) for name, x in drawn.items()}
        named = {n: s for n, s in unpacked.items() if n in arrays and not is_whole(arrays[n])}
        even = {name: _even(shape) for name, shape in arrays.items()}
        inputs = [x for name, x in arrays.items() if not (is_whole(x) or is_parameter(name))]
        if any(len(x) == 2 and x[0] == x[1] for x in inputs) or (not vectors and any(len(x) == 1 for x in inputs[:1])):
            continue  # a square array hides mistakes, and to one of one axis most fits by chance
        for shapes, known in ((even | named, named), (arrays, {})):
            if all(shapes != start.shapes for start in starts):
                starts.append(_Start(guess, shapes, known, *run(reshaped(guess, shapes, seed))))
    runs, run = itertools.count(), until(time.thread_time() + SECONDS, run)
    for start in sorted(starts, key=lambda start: start.reached, reverse=True)[:_STARTS]:
        found = _from(start, run, seed, runs, learned)
        if found is not None:
            return found
    return None


def until(end: float, run: Callable[[Guess], tuple[Far, str]]) -> Callable[[Guess], tuple[Far, str]]:
    """The same up to some CPU time of this thread; from then on nothing comes further."""
    return lambda guess: run(guess) if time.thread_time() < end else ((-1,), "")


class _Start(NamedTuple):
    """What a search begins with: a guess, other shapes of it, those of them that are known; and how far it comes."""

    guess: Guess
    shapes: dict[str, Any]
    known: dict[str, Any]
    reached: Far
    lines: str


def _from(
    start: _Start,
    run: Callable[[Guess], tuple[Far, str]],
    seed: int,
    runs: Iterator[int],
    learned: Container[str],
) -> Guess | None:
    first, shapes, known, best, lines = start
    while best < DONE:
        for changed in _changes(shapes, known, {*re.findall(r"\w+", lines)}, learned):
            if next(runs) >= _RUNS:
                return None
            reached, at = run(reshaped(first, {**shapes, **changed}, seed))
            if reached > best:
                best, lines, shapes = reached, at, {**shapes, **changed}
                break
        else:
            return None
    return reshaped(first, shapes, seed)


def _renamed(length: int, other: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(other if n == length else n for n in shape)


def with_axis(axis: int, length: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape with another length of one axis."""
    return (*shape[:axis], length, *shape[axis + 1 :])


def shape_of(array: Any) -> Any:
    """The shape of an array of floats, or of whole numbers with what they are below."""
    return array.shape if array.dtype.kind == "f" else (array.shape, int(array.max(initial=1)) + 1)


def _even(shape: Any) -> Any:
    """A shape with features that can be divided among heads, or between halves."""
    return shape if is_whole(shape) else tuple(8 if n == 5 else n for n in shape)


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


def _changes(
    shapes: Mapping[str, Any], known: Mapping[str, Any], used: set[str], learned: Container[str]
) -> Iterator[dict[str, Any]]:
    """Other shapes of an array, for each in turn: of those in the lines that fail first, of these the last first.

    Then another length of all weights that have one, of those arrays whose lengths are known by name, and numbers, or
    vectors of what is learned.
    """
    floats = [shape for shape in shapes.values() if not is_whole(shape)]
    every = sorted({n for shape in floats for n in shape if n > 1})
    several = sorted({n * times for n in every for times in TIMES} | {n + m for n in every for m in every} - {*every})
    free = sorted([name for name in reversed([*shapes]) if name not in known], key=lambda one: one not in used)
    arrays = [name for name in free if not is_whole(shapes[name])]
    for name in free:
        yield from ({name: other} for other in _others(name, shapes[name], every, several))
    weights = {name: shapes[name] for name in arrays if is_parameter(name)}
    for n, m in ((n, m) for n in every for m in every if n != m):
        yield {name: _renamed(n, m, shape) for name, shape in weights.items()}
    yield from ({name: other} for name in known for other in sorted(_with_another(known[name], every), key=_repeated))
    for name in (name for name in arrays if name != next(iter(shapes))):
        yield from ({name: (n,)} for n in every) if name in learned else [{name: Value(2)}]


def _others(name: str, shape: Any, every: list[int], several: list[int]) -> list[Any]:
    """Other shapes of an array, those with as many axes first, and of these those of different lengths."""
    if isinstance(shape, Value):
        return []
    some = [*((n,) for n in every), *((n, m) for n in every for m in every)]
    if is_whole(shape):
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
    return [with_axis(axis, n, shape) for n in lengths for axis in range(len(shape))]


def is_whole(shape: Any) -> bool:
    """Whether it stands for whole numbers, or a value, and is no shape of floats."""
    return isinstance(shape, Value) or bool(shape and isinstance(shape[0], tuple))
