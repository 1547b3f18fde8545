"""Memory: arrays that a program writes to in every run, instead of new ones.

What only the program sees serves again in the next run. An array that it hands out serves again when nobody holds it
any more, neither itself nor a view of it: so the parameters of a net move between two places, and no page of memory is
given back to the system and asked for again in every step.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

LARGE = 1 << 14
"""Elements from which on memory may go back to the system when an array is freed."""


def with_scratch(run: Callable[..., Any], make: Callable[[], Any]) -> Callable[..., Any]:
    """A program without its first argument, arrays to write to; runs at the same time, in other threads, share none.

    Args:
        run: the program.
        make: makes these arrays.
    """
    spare: list[Any] = []

    def program(*given: Any) -> Any:
        try:
            scratch = spare.pop()
        except IndexError:
            scratch = make()
        made = run(scratch, *given)
        spare.append(scratch)
        return made

    return program


class Reused:
    """Arrays of one shape, of which those are given out again that nobody holds.

    >>> reused = Reused((2,), "float32")
    >>> first = reused()
    >>> reused() is first
    False
    >>> place, _ = first.ctypes.data, first.fill(1)
    >>> view = first[1:]
    >>> del first
    >>> reused().ctypes.data == place
    False
    >>> del view
    >>> reused().ctypes.data == place
    True
    """

    __slots__ = ("_dtype", "_kept", "_shape")

    def __init__(self, shape: tuple[int, ...], dtype: str) -> None:
        self._shape, self._dtype, self._kept = shape, dtype, list[Any]()

    def __call__(self) -> Any:
        """An array to write to. Two are kept: one holds the state, and is read while the other is written."""
        for _ in range(len(self._kept)):
            try:
                array, holders = _taken(self._kept)
            except IndexError:  # by another thread
                break
            self._kept.append(array)
            if holders == _NOBODY:
                array.setflags(write=True)
                return array
        made = np.empty(self._shape, self._dtype)
        self._kept = [made, *self._kept[:1]]
        return made


def _taken(kept: list[Any]) -> tuple[Any, int]:
    """The first of some arrays, taken out so that no other thread looks at it, and how many hold it."""
    array = kept.pop(0)
    return array, sys.getrefcount(array)


_NOBODY = _taken([np.empty(0)])[1]
"""What the interpreter counts where nobody else holds an array: it differs between its versions."""
