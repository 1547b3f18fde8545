"""Varied: the inputs of an exercise at another point, with other numbers and perhaps other lengths."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from math import prod
from typing import Any, TypeAlias

import numpy as np

from .roles import is_groups
from .shapes import one_hot

Vary: TypeAlias = Callable[[Mapping[str, Any]], dict[str, Any]]
"""Makes other arguments of given ones."""

_MAX_ELEMENTS = 1_500
"""Longer inputs than this are not made; a forward pass may loop over their elements."""
_SHORT = 4
"""No length is made shorter than this."""


def variations(seed: int) -> tuple[tuple[Vary, ...], ...]:
    """Ways to some other points, of each one that may be tried where the one before does not run.

    The first has other numbers and every length doubled, which keeps what lengths add up to; at the second images that
    are square are not, where that is possible; the third has the same lengths, and one group, as a factor of 2 may look
    like a number of groups. Where the inputs are long, all are at shorter ones first: there a forward pass may loop for
    seconds.
    """
    ways = [(seed + 1 + k, times) for k, times in enumerate((2, 1, 1))]
    found = [(partial(varied, seed=at, times=times, shorter=True), partial(varied, seed=at)) for at, times in ways]
    oblong = partial(varied, seed=ways[1][0], shorter=True, oblong=True)
    one_group = partial(varied, seed=ways[2][0], shorter=True, one_group=True)
    return found[0], (oblong, *found[1]), (one_group, *found[2])


def smaller(shapes: Iterable[Sequence[int]]) -> list[Vary]:
    """The way to shorter inputs, if these are long, so that a forward pass may loop over their elements for seconds."""
    return [partial(varied, seed=0, shorter=True)] if sum(map(prod, shapes)) > _MAX_ELEMENTS else []


def lengthened(arguments: Mapping[str, Any], times: Mapping[int, int]) -> dict[str, Any]:
    """The arguments of a forward pass, with other numbers of the same kind, and some lengths so many times as long.

    Whole numbers that are equal to one of them are sizes, as of a constructor.

    >>> {name: x.shape for name, x in lengthened({"x": np.ones((7, 5)), "w": np.ones((5, 3))}, {5: 2}).items()}
    {'x': (7, 10), 'w': (10, 3)}
    """
    rng, arrays = np.random.default_rng(7), {n: x for n, x in arguments.items() if isinstance(x, np.ndarray)}
    shapes = {name: tuple(n * times.get(n, 1) for n in x.shape) for name, x in arrays.items()}
    sizes = {name: x * times[x] for name, x in arguments.items() if type(x) is int and x in times}
    return {**arguments, **sizes, **{name: alike(x, shapes[name], rng) for name, x in arrays.items()}}


def doublings(shapes: Iterable[Sequence[int]]) -> list[dict[int, int]]:
    """The lengths to be doubled: all at once, or every other one where that makes too many elements.

    >>> doublings([(7, 5), (5,)]), doublings([(3, 4, 6, 7)])
    ([{7: 2, 5: 2}], [{3: 2, 6: 2}, {4: 2, 7: 2}])
    """
    shapes = [*shapes]
    lengths = [n for n in dict.fromkeys(n for shape in shapes for n in shape) if n > 1]
    few = sum(prod(2 * n if n > 1 else n for n in shape) for shape in shapes) <= _MAX_ELEMENTS
    return [dict.fromkeys(some, 2) for some in ([lengths] if few else [lengths[::2], lengths[1::2]]) if some]


def apart(shapes: Iterable[Sequence[int]]) -> list[dict[int, int]]:
    """The lengths to be doubled so that of any two at one of these only one is, where that makes not too many elements.

    >>> apart([(2, 3, 4), (4, 4)]), apart([(7, 5), (7,)])
    ([{2: 2, 4: 2}, {3: 2, 4: 2}], [{7: 2}, {5: 2}])
    """
    shapes = [*shapes]
    codes = {n: k for k, n in enumerate(dict.fromkeys(n for shape in shapes for n in shape if n > 1), 1)}
    bits = range(len(codes).bit_length()) if len(codes) > 1 else ()
    ways = [{n: 2 for n, code in codes.items() if code >> bit & 1} for bit in bits]
    return [some for some in ways if sum(prod(n * some.get(n, 1) for n in x) for x in shapes) <= _MAX_ELEMENTS]


def other_numbers(numbers: Mapping[str, float]) -> dict[str, float]:
    """Other numbers in their place, which no factor is by chance."""
    return {name: 0.7 * x or 0.3 for name, x in numbers.items()}


def with_numbers(numbers: Mapping[str, float], vary: Vary = dict) -> Vary:
    """Varies arguments, and puts other numbers there."""
    return lambda given: {**vary(given), **numbers}


def varied(
    arguments: Mapping[str, Any],
    seed: int,
    times: int = 1,
    shorter: bool = False,
    oblong: bool = False,
    one_group: bool = False,
) -> dict[str, Any]:
    """The arguments of a forward pass with other numbers in its arrays, of the same kind: signs, masks, labels.

    Args:
        arguments: by name; what is no array stays as it is, but for numbers of groups.
        seed: of the numbers.
        times: by what every length above 1 is multiplied; where that makes too many elements, those only that several
            arrays have, as channels are, or none.
        shorter: whether inputs of too many elements get shorter.
        oblong: whether arrays of three axes and more whose last two are as long as each other have the last doubled.
        one_group: whether whole numbers that are called as numbers of groups, or of heads, become 1.
    """
    rng = np.random.default_rng([seed, 5])
    arrays = {name: value for name, value in arguments.items() if isinstance(value, np.ndarray)}
    every = Counter(n for array in arrays.values() for n in {*array.shape})
    lengths = {n: n for n in every}
    for least in (1, 2):
        longer = {n: n * times if n > 1 and count >= least else n for n, count in every.items()}
        if sum(prod(longer[n] for n in array.shape) for array in arrays.values()) <= _MAX_ELEMENTS:
            lengths = longer
            break
    if shorter and sum(array.size for array in arrays.values()) > _MAX_ELEMENTS:
        lengths = _shorter(lengths)
    shapes = {name: [lengths[n] for n in array.shape] for name, array in arrays.items()}
    for shape in shapes.values() if oblong else ():
        if len(shape) > 2 and shape[-1] == shape[-2] > 1:
            shape[-1] *= 2
    groups = {name: 1 for name, x in arguments.items() if one_group and type(x) is int and is_groups(name)}
    others = {name: alike(array, tuple(shapes[name]), rng) for name, array in arrays.items()}
    return {**arguments, **groups, **others}


def scaled(arguments: Mapping[str, Any], factor: float) -> dict[str, Any]:
    """The arguments of a forward pass with the numbers of its arrays multiplied, but for labels and masks."""
    floats = {n: x for n, x in arguments.items() if isinstance(x, np.ndarray) and x.dtype.kind == "f"}
    return {**arguments, **{n: x * factor for n, x in floats.items() if not np.array_equal(x, np.round(x))}}


def _shorter(lengths: Mapping[int, int]) -> dict[int, int]:
    """Lengths with the long ones divided by one power of 2, so that one stays as many times another as it was."""
    long = [n for n in lengths if n >= 2 * _SHORT]
    by = 1
    while long and all(n % (2 * by) == 0 and n // (2 * by) >= _SHORT for n in long):
        by *= 2
    return {n: n // by if n in long else n for n in lengths}


def alike(array: Any, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    """An array of a shape with other numbers, of the kind of those of a given one: signs, masks, labels."""
    if not array.size or array.dtype.kind not in "fiub":
        return array
    axis = _of_shares(array)
    drawn = rng.choice(array.reshape(-1), shape)
    if array.dtype.kind != "f" or np.array_equal(array, np.round(array)):
        return (drawn if axis is None else one_hot(shape, axis, rng)).astype(array.dtype)
    if np.all((array > 0) & (array < 1)):  # probabilities
        drawn += rng.uniform(0, 1, shape) * (rng.choice(array.reshape(-1), shape) - drawn)
        return (drawn if axis is None else drawn / drawn.sum(axis=axis, keepdims=True)).astype(array.dtype)
    moved = drawn * rng.uniform(0.6, 1.4, shape) + 0.1 * float(np.std(array)) * rng.standard_normal(shape)
    moved = np.abs(moved) if np.all(array >= 0) else moved
    return (moved if axis is None else moved / moved.sum(axis=axis, keepdims=True)).astype(array.dtype)


def _of_shares(array: Any) -> int | None:
    """The axis along which an array adds up to 1, as one-hot labels and probabilities do; None where there is none."""
    if array.dtype.kind == "b" or np.any(array < 0):
        return None
    axes = (axis for axis in reversed(range(array.ndim)) if array.shape[axis] > 1)
    return next((axis for axis in axes if np.allclose(array.sum(axis=axis), 1)), None)
