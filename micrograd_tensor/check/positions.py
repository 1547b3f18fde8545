"""Positions: where in its file a function ran, and what it called there.

They are lines; where several things are on one line, as the two sides of a conditional expression, also columns.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Callable, Collection
from types import CodeType, FrameType
from typing import Any, NamedTuple

from .running import traced_by


class Position(NamedTuple):
    """A place in a file at which code ran: from where to where; without columns anywhere on its lines."""

    line: int
    last: int
    column: int | None = None
    end: int | None = None

    def is_in(self, node: ast.stmt | ast.expr) -> bool:
        """Whether it is in a part of the file's tree."""
        last, end = node.end_lineno or node.lineno, node.end_col_offset or 0
        if self.column is None or self.end is None:
            return node.lineno <= self.line <= last
        return (node.lineno, node.col_offset) <= (self.line, self.column) and (self.last, self.end) <= (last, end)


class Positions:
    """Notes where functions run, each with what it calls in its file.

    Args:
        functions: their code.
        shared: the lines of the file of which columns are to be known.
    """

    def __init__(self, functions: Collection[CodeType], shared: Collection[int]) -> None:
        self._functions, self._shared = functions, shared
        self._running: FrameType | None = None
        self._lines: defaultdict[CodeType, dict[CodeType, set[int]]] = defaultdict(dict)
        self._offsets: defaultdict[CodeType, set[int]] = defaultdict(set)
        self._of_columns: dict[CodeType, bool] = {}

    def follow(self, call: Callable[[], Any]) -> None:
        """Make a call in which the functions run; raises what it raises."""
        sys._getframe().f_trace_opcodes = True  # Python 3.12 looks for one when it begins to trace
        try:
            traced_by(self._enter, call)
        finally:
            self._running = None

    def called(self, function: CodeType) -> set[int]:
        """The first lines of the functions that ran in one of them, itself among these."""
        return {code.co_firstlineno for code in self._lines[function]}

    def of(self, function: CodeType) -> set[Position]:
        """Where one of them ran, with what it called."""
        found = set[Position]()
        for code, lines in self._lines[function].items():
            every = list(code.co_positions()) if self._offsets[code] else []
            exact = {every[offset // 2] for offset in self._offsets[code]}
            found |= {Position(line, last or line, *columns) for line, last, *columns in exact if line is not None}
            found |= set() if exact else {Position(line, line) for line in lines}
        return found

    def _enter(self, frame: FrameType, *_: Any) -> Any:
        code = frame.f_code
        if self._running is None and code in self._functions:
            self._running = frame
        if self._running is None or code.co_filename != self._running.f_code.co_filename:
            return None
        self._lines[self._running.f_code].setdefault(code, set())
        frame.f_trace = self._step  # Python 3.13 wants it before the next
        frame.f_trace_opcodes = self._has_shared_lines(code)
        return self._step

    def _step(self, frame: FrameType, event: str, _: Any) -> Any:
        if self._running is None:  # as in a generator that goes on later
            return None
        if event == "opcode":
            self._offsets[frame.f_code].add(frame.f_lasti)
        elif event == "line":
            self._lines[self._running.f_code].setdefault(frame.f_code, set()).add(frame.f_lineno)
        elif event == "return" and frame is self._running:
            self._running = None
        return self._step

    def _has_shared_lines(self, code: CodeType) -> bool:
        if code not in self._of_columns:
            self._of_columns[code] = any(line in self._shared for *_, line in code.co_lines())
        return self._of_columns[code]
