"""Snapshots: what each array was when it was last assigned, so that a name keeps its value where arrays are shared.

``dx = ddev`` makes two names of one array, and ``dx += …`` then changes both. The derivation is right all the same if
``ddev`` had been used by then, so what counts for ``ddev`` is its value after its own last assignment.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

import numpy as np

from .source_lines import assignments


class Snapshots:
    """The arrays of a function's local names, as they were after each name's own last assignment.

    Attributes:
        shared: for each name whose array was changed later under other names, those names.
    """

    def __init__(self, function: Callable[..., Any], code: CodeType | None) -> None:
        self._code = code
        self._names: dict[int, tuple[str, ...]] = {}
        for statement in assignments(function):
            for line in range(statement.first, statement.last + 1):
                self._names[line] = (*self._names.get(line, ()), *statement.names)
        self._taken: dict[str, Any] = {}
        self.shared: dict[str, tuple[str, ...]] = {}

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take them while the block runs; not where a debugger or the like is tracing already, which goes on."""
        if self._code is None or not self._names or sys.gettrace() is not None:
            yield
            return
        sys.settrace(self._enter)
        try:
            yield
        finally:
            sys.settrace(None)

    def _enter(self, frame: FrameType, *_: Any) -> Any:
        if frame.f_code is not self._code:
            return None
        line = 0

        def step(frame: FrameType, event: str, _: Any) -> Any:
            nonlocal line
            if event in ("line", "return"):
                for name in self._names.get(line, ()):  # the line that has run
                    value = frame.f_locals.get(name)
                    if isinstance(value, np.ndarray):
                        self._taken[name] = value.copy()
                line = frame.f_lineno
            return step

        return step

    def restored(self, local: Mapping[str, Any], stages: Container[str]) -> dict[str, Any]:
        """The snapshots that go in the place of arrays which were changed under other names.

        Args:
            local: the local names at the end.
            stages: the names to look at.
        """
        arrays = {name: value for name, value in local.items() if isinstance(value, np.ndarray)}
        found: dict[str, Any] = {}
        for name, before in self._taken.items():
            value = arrays.get(name)
            if (
                value is None
                or name not in stages
                or (value.shape == before.shape and np.array_equal(value, before, equal_nan=_numeric(value)))
            ):
                continue
            others = tuple(other for other in arrays if other != name and np.may_share_memory(value, arrays[other]))
            if others:  # else it was changed by a call, as by np.add.at, and is what it is
                self.shared[name] = others
                found[name] = before
        return found


def _numeric(value: Any) -> bool:
    return value.dtype.kind in "biufc"
