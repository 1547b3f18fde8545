"""Nested: values in tuples, lists and dictionaries, however deep."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np


def each(value: Any, function: Callable[[Any], Any]) -> Any:
    """A tuple, list or dictionary of what a function makes of what is in it; anything else as it is.

    >>> def doubled(x):
    ...     return 2 * x if isinstance(x, int) else each(x, doubled)
    >>> doubled({"a": (1, [2, None])})
    {'a': (2, [4, None])}
    """
    kind = type(value)
    if kind is tuple or kind is list:
        return kind(map(function, value))
    is_mapping = kind is dict or isinstance(value, Mapping)
    return {key: function(x) for key, x in value.items()} if is_mapping else value


def leaves(value: Any) -> Iterator[Any]:
    """What is in tuples, lists and dictionaries; of anything else that alone."""
    if not isinstance(value, tuple | list | Mapping):
        yield value
        return
    for inner in value.values() if isinstance(value, Mapping) else value:
        yield from leaves(inner)


def arrays_in(value: Any) -> list[Any]:
    """The arrays there."""
    return [x for x in leaves(value) if isinstance(x, np.ndarray)]
