"""Hiding numbers: whole numbers at which nothing is seen of what a layer does with them, and others in their place.

With a stride or a dilation of 1, or one group, a backward pass that ignores it is right, and with a padding of 0 one
that does not cut it off; where a window is as large as its stride, or a kernel as high as wide, one may stand for the
other. And of whatever number is there by default, a backward pass may have the same one in the place of its name.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from .roles import is_parameter, role_of
from .varied import Vary, alike, varied

_AXES = re.compile(r"(?i)ax(is|es)?|dims?")
"""Names of numbers that are axes."""


def shown(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Others, by name, in the place of the numbers that hide something, also of those in a dictionary of them.

    >>> shown({"stride": 1, "pad": 0, "eps": 1e-5}), shown({"pool_param": {"pool_size": 2, "stride": 2}})
    ({'stride': 2, 'pad': 1}, {'pool_param': {'pool_size': 3, 'stride': 2}})
    """
    found = {name: _shown(name, x) for name, x in numbers.items() if isinstance(x, int | tuple)}
    steps = {found.get(name, x) for name, x in numbers.items() if isinstance(x, int) and role_of(name) == "step"}
    windows = [name for name, x in numbers.items() if type(x) is int and role_of(name) == "sizes" and x in steps - {1}]
    found |= {name: numbers[name] + 1 for name in windows[:1]}
    held = {name: shown(x) for name, x in numbers.items() if isinstance(x, dict) and role_of(name) == "parameters"}
    found |= {name: {**numbers[name], **others} for name, others in held.items() if others}
    return {name: x for name, x in found.items() if x != numbers[name]}


def _shown(name: str, x: Any) -> Any:
    """Another number, or as many, in the place of one that hides something; else the same."""
    if isinstance(x, tuple):
        return tuple(_shown(name, one) for one in x)
    if type(x) is not int:
        return x
    if x == 1 and role_of(name) in ("step", "dilation", "groups"):
        return 2
    return 1 if x == 0 and role_of(name) == "padding" else x


def every_other(numbers: Mapping[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    """Others in the place of each whole number, of those in a dictionary too, the likeliest to run first, by its name.

    >>> [*every_other({"k": 3, "alpha": 0.1})], [*every_other({"pool_param": {"size": 2, "stride": 2}})][1]
    ([('k', [5, 2])], ('pool_param', [{'size': 2, 'stride': 3}, {'size': 2, 'stride': 1}]))
    """
    for name, x in numbers.items():
        if type(x) is int:
            yield name, others(name, x)
        elif isinstance(x, dict) and role_of(name) == "parameters":
            yield from ((name, [{**x, key: one} for one in several]) for key, several in every_other(x))


def others(name: str, x: int) -> list[int]:
    """Other whole numbers in the place of one, the likeliest to run first: what is odd, as windows may be, stays so.

    >>> others("kernel", 3), others("r", 2), others("axis", 1), others("axis", -1)
    ([5, 2], [3, 1], [0, 2], [-2])
    """
    if re.fullmatch(_AXES, name) and x >= 0:
        return [x - 1, x + 1] if x else [1]
    return [x - 1] if x < 0 else [x + 1 + x % 2, *([x - 1] if x > 1 else [])]


def oblong(weights: Any) -> list[Any]:
    """Kernels that are not square, high ones and wide ones, in the place of square ones; none where there are none.

    A side of 1 goes with any other.

    >>> [w.shape for w in oblong(np.ones((5, 4, 3, 3)))], oblong(np.ones((3, 3)))
    ([(5, 4, 3, 2), (5, 4, 2, 3)], [])
    >>> [w.shape for w in oblong(np.ones((2, 2, 5, 4)))]
    [(2, 3, 5, 4), (3, 2, 5, 4)]
    """
    pairs = [(2, 3), (0, 1)] if weights.ndim == 4 else []
    square = next((pair for pair in pairs if weights.shape[pair[0]] == weights.shape[pair[1]] > 1), ())
    other = [n - 1 if n > 2 else n + 1 for n in weights.shape]
    return [np.take(weights, range(other[axis]), axis, mode="wrap") for axis in reversed(square)]


def lengths(free: Container[str]) -> list[Vary]:
    """Ways to vary arguments: none; an image or a signal is longer, as a stride of 2 may need it; or all is.

    Args:
        free: the names of the arguments that were drawn.
    """
    ways = [(first, *more) for first in (2, 1) for more in ((1, 1), (1, 0), (0, 1))]
    longer = [partial(_longer, free=free, first=first, more=more) for first, *more in ways]
    return [dict, *longer, partial(doubled, free=free)]


def doubled(arguments: Mapping[str, Any], free: Container[str]) -> dict[str, Any]:
    """The arguments, those that were drawn twice as long along each axis, as two groups or heads may need it."""
    every = varied(arguments, seed=0, times=2)
    return {name: every[name] if name in free else x for name, x in arguments.items()}


def _longer(arguments: Mapping[str, Any], free: Container[str], first: int, more: Sequence[int]) -> dict[str, Any]:
    """The arguments, of which the first array of three axes and more is longer, from one of its axes on."""
    for name, x in arguments.items():
        if name in free and isinstance(x, np.ndarray) and x.ndim > 2 and not is_parameter(name):
            ends = [*(0,) * first, *more[: x.ndim - 2], *(0,) * x.ndim][: x.ndim]
            shape = tuple(n + more for n, more in zip(x.shape, ends, strict=True))
            return {**arguments, name: alike(x, shape, np.random.default_rng(11))}  # a maximum is to be one
    return dict(arguments)
