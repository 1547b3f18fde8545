"""Tracks: lines of box characters down the left of a listing, each from the row of a value to the rows that use it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

_CORNERS = {"ud": "│", "lr": "─", "ur": "╰", "lu": "╯", "dr": "╭", "dl": "╮"}
_TEES = {"udr": "├", "udl": "┤", "ulr": "┴", "dlr": "┬", "udlr": "┼"}
_BOX = {frozenset(arms): sign for arms, sign in (_CORNERS | _TEES).items()}
"""Each character by where its arms lead: up, down, left, right."""


class Step(NamedTuple):
    """A row of a listing.

    Attributes:
        key: the key of the value that it shows.
        uses: keys of the values in rows above that lead to it; one that is used twice appears twice.
        sign: the mark of the row, or empty for a row between values, which all tracks pass.
    """

    key: Hashable
    uses: Sequence[Hashable]
    sign: str


class Row(NamedTuple):
    """A row of tracks, and the number of the step that it belongs to; `fork` if a track splits before its step."""

    text: str
    step: int
    fork: bool


def tracks(steps: Iterable[Step]) -> list[Row]:
    """The tracks of a listing: a row for each step, and before it one where it uses a value more than once.

    A track ends where its value is last used. A line that crosses an unrelated track leaves it unbroken.

    >>> steps = [Step("x", "", "○"), Step("y", "x", "●"), Step("z", "xy", "●"), Step("s", "zz", "●")]
    >>> for row in tracks(steps): print(row.text)
    ○
    ├─●
    ●─╯
    ├─╮
    ●─╯
    """
    return _Tracks(list(steps)).rows


_DOUBLE = object()
"""Holds a track that split off from another, until the next row."""


class _Tracks:
    def __init__(self, steps: list[Step]) -> None:
        self.rows: list[Row] = []
        self.held: list[Hashable | None] = []
        left = Counter(key for step in steps for key in step.uses)
        for number, step in enumerate(steps):
            if not step.sign:
                self._add([self._cell(k, set(), 0, 0) for k in range(len(self.held))], number)
                continue
            times = Counter(step.uses)
            left.subtract(times)
            sources = {self.held.index(key) for key in times}
            doubles: set[int] = set()
            for key, n in times.items():
                if n > 1:
                    doubles |= self._part(self.held.index(key), n - 1, number)
            ends = doubles | {self.held.index(key) for key in times if not left[key]}
            into = min(ends - doubles or ends) if ends else self._free(0)
            self._row(number, into, sources | doubles, ends, step.sign)
            for column in ends:
                self.held[column] = None
            self.held[into] = step.key if left[step.key] else None
            while self.held and self.held[-1] is None:
                self.held.pop()

    def _free(self, after: int) -> int:
        """The first free column from there on, added if there is none."""
        column = next((k for k in range(after, len(self.held)) if self.held[k] is None), len(self.held))
        if column == len(self.held):
            self.held.append(None)
        return column

    def _part(self, column: int, more: int, number: int) -> set[int]:
        """A row in which a track splits into this many more, to its right."""
        made = set()
        for _ in range(more):
            free = self._free(column + 1)
            self.held[free] = _DOUBLE
            made.add(free)
        last = max(made)
        cells = []
        for k, key in enumerate(self.held):
            arms = {"l", "r"} if column < k < last else set("udr") if k == column else set("dl") if k == last else set()
            if k in made:
                arms |= {"d"}
            elif column < k < last and key is not None:
                arms = set("ud")
            cells.append(self._cell(k, arms, column, last))
        self._add(cells, number, fork=True)
        return made

    def _row(self, number: int, into: int, sources: set[int], ends: set[int], sign: str) -> None:
        first, last = min(sources | {into}), max(sources | {into})
        cells = []
        for k in range(len(self.held)):
            arms: set[str] = {"l", "r"} if first < k < last else set()
            if k in sources:
                arms |= {"u"} | (set() if k in ends else {"d"}) | ({"r"} if k < into else {"l"})
            elif self.held[k] is not None:
                arms = set("ud")
            cells.append(sign + ("─" if first <= k < last else " ") if k == into else self._cell(k, arms, first, last))
        self._add(cells, number)

    def _add(self, cells: list[str], number: int, fork: bool = False) -> None:
        self.rows.append(Row("".join(cells).rstrip(), number, fork))

    def _cell(self, k: int, arms: set[str], first: int, last: int) -> str:
        """The two characters of a column, the second of which joins it to the next."""
        if not arms and self.held[k] is not None:
            arms = set("ud")
        return (_BOX[frozenset(arms)] if arms else " ") + ("─" if first <= k < last else " ")
