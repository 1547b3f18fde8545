"""Varied: the inputs of an exercise at another point, with other numbers and perhaps other lengths."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import numpy as np

Vary: TypeAlias = Callable[[Mapping[str, Any]], dict[str, Any]]
"""Makes other arguments of given ones."""

_MAX_ELEMENTS = 1_500
"""Longer inputs than this are not made; a forward pass may loop over their elements."""


def variations(seed: int) -> tuple[Vary, ...]:
    """Ways to another point: other numbers and every length doubled, which keeps what lengths add up to; the same."""
    return tuple(partial(varied, seed=seed + 1 + k, times=times) for k, times in enumerate((2, 1, 1)))


def varied(arguments: Mapping[str, Any], seed: int, times: int = 1) -> dict[str, Any]:
    """The arguments of a forward pass with other numbers in its arrays, of the same kind: signs, masks, labels.

    Args:
        arguments: by name; what is no array stays as it is.
        seed: of the numbers.
        times: by what every length above 1 is multiplied, unless that makes too many elements.
    """
    rng = np.random.default_rng([seed, 5])
    arrays = {name: value for name, value in arguments.items() if isinstance(value, np.ndarray)}
    if sum(array.size * times**array.ndim for array in arrays.values()) > _MAX_ELEMENTS:
        times = 1
    return {**arguments, **{name: _other(array, times, rng) for name, array in arrays.items()}}


def _other(array: Any, times: int, rng: np.random.Generator) -> Any:
    shape = tuple(n * times if n > 1 else n for n in array.shape)
    if not array.size or array.dtype.kind not in "fiub":
        return array
    drawn = rng.choice(array.reshape(-1), shape)
    if array.dtype.kind != "f" or np.array_equal(array, np.round(array)):
        return drawn.astype(array.dtype)
    moved = drawn * rng.uniform(0.6, 1.4, shape) + 0.1 * float(np.std(array)) * rng.standard_normal(shape)
    return (np.abs(moved) if np.all(array >= 0) else moved).astype(array.dtype)
