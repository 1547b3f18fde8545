"""Visits: what the names of a function hold before its lines run."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cached_property
from types import FrameType
from typing import Any

from ..nested import arrays_in
from ..running import LARGE, called, copied, traced_by
from .points import Call
from .source import FunctionSource


class Visits:
    """What the names of a function hold before its lines run, in a call that is made again.

    Attributes:
        seconds: how long the call takes, as far as it is known.
    """

    def __init__(self, source: FunctionSource, call: Call) -> None:
        self.source, self.call, self.seconds = source, call, 0.0
        self._found: dict[int, list[dict[str, Any]]] = {}
        self._copies: list[Any] = []

    def before(self, line: int) -> list[dict[str, Any]]:
        """What they hold before a line runs, each time; of many the first two and the last two.

        In a loop over time what comes back from later steps is right at first, and is not 0 at last.
        """
        self.look_at([line])
        return self._found[line]

    def look_at(self, lines: Iterable[int]) -> None:
        """Find out about several lines, in one call."""
        new = [line for line in lines if line not in self._found]
        if new:
            self._found |= self._looked_at({line: self._times[line] for line in new})

    @cached_property
    def held(self) -> list[Any]:
        """What the names of the function hold before its last statement."""
        return [x for names in self.before(self.source.line(self.source.last))[-1:] for x in names.values()]

    @cached_property
    def _times(self) -> Counter[int]:
        """How often each line runs: in a long loop, copies for each time would take longer than all else."""
        times = Counter[int]()

        def count(frame: FrameType) -> None:
            times[frame.f_lineno] += 1

        return times if self._runs(count) else Counter()

    def _looked_at(self, left: dict[int, int]) -> dict[int, list[dict[str, Any]]]:
        """The same for some lines, given how often each runs."""
        found: dict[int, list[dict[str, Any]]] = {line: [] for line in left}

        def look(frame: FrameType) -> None:
            line = frame.f_lineno
            if line in left:
                left[line] -= 1
                if left[line] < 2 or len(found[line]) < 2:
                    found[line].append({name: self._copied(value) for name, value in frame.f_locals.items()})

        return found if any(left.values()) and self._runs(look) else {line: [] for line in left}

    def _copied(self, value: Any) -> Any:
        made = copied(value, self._copies)
        self._copies += (x for x in arrays_in([made]) if x.nbytes >= LARGE and all(x is not y for y in self._copies))
        return made

    def _runs(self, look: Callable[[FrameType], None]) -> bool:
        """Call the function, look at it before each line, and say whether it came to its end."""
        code = self.source.function.__code__

        def enter(frame: FrameType, *_: Any) -> Any:
            return step if frame.f_code is code else None

        def step(frame: FrameType, event: str, _: Any) -> Any:
            if event == "line":
                look(frame)
            return step

        started = time.thread_time()
        try:
            traced_by(enter, called, *self.call[:3])
        except Exception:  # it may have failed before
            return False
        self.seconds = time.thread_time() - started
        return True
