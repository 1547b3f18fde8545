"""Place: where every item, wire and scope goes.

Items are placed in order of birth, each as far left as its rows allow. This only takes knowing how far each row is
filled: an item brings along the lines of text before it, the boxes that belong to it and the vertical runs of its
wires, and goes where all of these clear what is in their rows. So nothing can overlap, whatever the graph.

All lengths are in pixels, x to the right and y downwards.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ..engine.recording import Scope
from ..notation import printable
from .collapse import named
from .metrics import text_width
from .rows import assign_rows, chains
from .scene import CAPTION, GATE, NAME, SAVED_GAP, SAVED_HEIGHT, VALUE, Item, Scene, Wire

LANE = 5.0
"""Half the distance between the forward and the backward lane."""

RUN, BETWEEN_RUNS, BEND = 12.0, 22.0, 24.0
"""Half the width of a vertical run; the distance of two at one item; the part of its row that a corner takes."""

ARROW = 13.0
"""Space for an arrow head next to a wire's lines."""

MARGIN, ROW_GAP, HEADER, FRAME = 12.0, 14.0, 24.0, 10.0
"""Margins around the picture, between rows, above the contents of a scope, and on its other sides."""

STRIP_GAP = 20.0
"""The gap between strips, in addition to the one between rows."""

TEXT_GAP, CAPTION_HEIGHT = 4.0, 20.0
"""The gap between a lane and its lines of text; the height of a caption above its gate."""


@dataclass(slots=True, eq=False)
class Frame:
    """The rectangle of a scope in one strip; `level` counts the frames nested in it, itself included."""

    id: str
    name: str
    left: float
    right: float = 0.0
    rows: set[int] = field(default_factory=set)
    level: int = 1
    strip: int = 0
    top: float = 0.0
    bottom: float = 0.0


@dataclass(slots=True, eq=False)
class Layout:
    """The frames of a scene whose items and wires now have places, and its size."""

    frames: list[Frame]
    width: float
    height: float


class _Part(NamedTuple):
    """The part of a row that an item takes, relative to its centre; only a solid part keeps other wires' lines away."""

    row: int
    left: float
    right: float
    solid: bool


def place(scene: Scene) -> Layout:
    """Give every item and wire of a scene its place, all in one strip; `wrap` does it in several."""
    placing = Placing(scene)
    placing.run()
    return placing.layout()


class Placing:
    """Places a scene from left to right; may be run repeatedly."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._room: dict[Item, tuple[_Part, ...]] = {}
        self.inputs, self.outputs = scene.wiring()
        made = chains(scene)
        self._put_first(made[0].items)
        order = sorted(scene.items, key=lambda item: item.time)
        self.rows = assign_rows(made, {item: turn for turn, item in enumerate(order)})
        for item in scene.items:
            self._spread(item)
            # Read from left to right, 1 − x would be x − 1 where x runs straight on and 1 comes from below.
            if item.reads and any(wire.operand == 0 and wire.arrives is not None for wire in self.inputs[item]):
                item.caption += f": {item.reads}"
        self.order = [item for item in order if not self._belongs_to_gate(item)]
        self.scopes = {scope: named(scope) for scope in dict.fromkeys(item.scope for item in scene.items)}

    def run(self) -> None:
        """Give every item its x, and every scope its frame."""
        self.frames: list[Frame] = []
        self.open: list[tuple[Scope, Frame]] = []
        self.solid: list[list[list[tuple[float, float]]]] = []
        self.begin(MARGIN)
        for item in self.order:
            self.step(item)
        self.enter([])

    def begin(self, left: float) -> None:
        """Begin a strip."""
        self.front = [left] * self.rows
        self.solid.append([[] for _ in range(self.rows)])
        self.latest = MARGIN

    def step(self, item: Item) -> None:
        """Place an item."""
        self.enter(self.scopes[item.scope])
        self.put(item)

    def layout(self) -> Layout:
        """The layout, once every item has its x."""
        for strip in self.solid:
            for solid in strip:
                solid.sort()
        for wire in self.scene.wires:
            wire.x = self._centre(wire)
        return Layout(self.frames, max(self.front) + MARGIN, self._stack())

    def _put_first(self, main: list[Item]) -> None:
        """The leaf where the main path starts, and its fork, are at the far left, outside of any scope."""
        for item in main[:2]:
            if item.depth <= 0 and item.kind not in ("gate", "box", "output"):
                item.time, item.scope, item.side = (-1, item.time[1]), None, False

    def _belongs_to_gate(self, item: Item) -> bool:
        """Whether it is a box right before the only gate that it leads to, and is placed together with it."""
        users = self.outputs[item]
        return item.side and len(users) == 1 and users[0].target.kind in ("gate", "box")

    def _spread(self, item: Item) -> None:
        """Spread the vertical runs at an item so that none crosses another, and make the item wide enough for them."""
        arriving = sorted((w for w in self.inputs[item] if w.arrives is not None), key=lambda w: w.row)
        leaving = sorted((w for w in self.outputs[item] if w.leaves is not None), key=lambda w: -w.row)
        offsets = _offsets(len(arriving) + len(leaving))  # only boxes have both
        for wire, offset in zip(arriving, offsets, strict=False):
            wire.arrives = offset
        for wire, offset in zip(leaving, offsets[len(arriving) :], strict=True):
            wire.leaves = offset
        if item.kind == "box":
            item.width = max(item.width, BETWEEN_RUNS * len(offsets))
        elif len(leaving) > 1:
            item.width += BETWEEN_RUNS * (len(leaving) - 1)
        if item.kind == "gate" and len(arriving) > 2:  # a circle has room for two
            item.width = max(item.width, BETWEEN_RUNS * (len(arriving) - 1) + 2 * GATE)

    # ------------------------------------------------------------------------------------------ from left to right

    def put(self, item: Item) -> None:
        """Place an item with what belongs to it, as far left as its rows allow."""
        item.strip = len(self.solid) - 1
        if item not in self._room:
            self._room[item] = tuple(self._parts(item))
        parts = self._room[item]
        least = self.latest - self._length(item) if item.side else MARGIN
        x = item.x = max(least + item.width / 2, *(self.front[part.row] - part.left for part in parts))
        for part in parts:
            self.front[part.row] = max(self.front[part.row], x + part.right)
            if part.solid:
                self.solid[-1][part.row].append((x + part.left, x + part.right))
        for wire in self.inputs[item]:
            if self._belongs_to_gate(wire.source):
                wire.source.x, wire.source.strip = x + self._box_right(wire) - wire.source.width / 2, item.strip
        if item.kind in ("gate", "box"):
            self.latest = x
        for scope, frame in self.open:
            frame.rows.add(item.row)
            frame.rows.update(w.row for w in self.inputs[item] if scope in self.scopes[w.source.scope])
            frame.rows.update(w.row for w in self.outputs[item] if scope in self.scopes[w.target.scope])

    def _length(self, item: Item) -> float:
        """How far a leaf that is used several times extends, including its fork."""
        return item.width + sum(2 * ARROW + w.width + w.target.width for w in self.outputs[item])

    def _parts(self, item: Item) -> Iterator[_Part]:
        half = half_width(item)
        yield _Part(item.row, -half, half, solid=True)
        for wire in self.inputs[item]:
            if self._belongs_to_gate(wire.source):
                right = self._box_right(wire)
                yield _Part(wire.row, right - wire.source.width - ROW_GAP / 2, right, solid=True)
            if wire.arrives is None:
                yield _Part(wire.row, self._lines_left(wire) - ARROW, half, solid=False)
            else:
                yield _Part(wire.row, self._lines_left(wire) - ARROW, wire.arrives + RUN, solid=False)
                for row in range(item.row + 1, wire.row + 1):
                    yield _Part(row, wire.arrives - RUN, wire.arrives + RUN, solid=True)
        for wire in self.outputs[item]:
            if wire.leaves is not None:
                for row in range(item.row + 1, wire.row + 1):
                    yield _Part(row, wire.leaves - RUN, wire.leaves + RUN, solid=True)

    def _lines_left(self, wire: Wire) -> float:
        """Where the lines of a wire begin if they are right before its target, relative to the target's centre."""
        end = wire.arrives - BEND if wire.arrives is not None else -half_width(wire.target) - _arrow(wire.target)
        return end - wire.width

    def _box_right(self, wire: Wire) -> float:
        return self._lines_left(wire) - ARROW

    def _centre(self, wire: Wire) -> float:
        """The middle of the longest stretch of a wire along which its lines meet nothing."""
        start = (
            wire.source.x
            + (BEND if wire.leaves is not None else half_width(wire.source) + ARROW)
            + (wire.leaves or 0.0)
        )
        end = wire.target.x + self._lines_left(wire) + wire.width
        best = (end - wire.width, end)
        for left, right in [*self.solid[wire.target.strip][wire.row], (end, end)]:
            if left > start and min(left, end) - start > best[1] - best[0] + 1:
                best = (start, min(left, end))
            start = max(start, right)
            if start >= end:
                break
        return (best[0] + best[1]) / 2

    def enter(self, scopes: list[Scope]) -> None:
        """Close the frames of scopes that are left and open those that are entered; a frame has all rows to itself."""
        self.leave(scopes)
        for scope in scopes[len(self.open) :]:
            self.frame(scope, self.scene.scopes.get(scope, printable(scope.name)))

    def leave(self, scopes: list[Scope]) -> None:
        """Close the frames of scopes that are left."""
        common = 0
        while common < min(len(scopes), len(self.open)) and scopes[common] is self.open[common][0]:
            common += 1
        while len(self.open) > common:
            frame = self.close()
            frame.right = math.ceil(max(max(self.front) + FRAME, frame.left + heading(frame)))
            self._bar(frame.right)

    def close(self) -> Frame:
        """Close the innermost open frame, and count it in the one around it."""
        _, frame = self.open.pop()
        if self.open:
            outer = self.open[-1][1]
            outer.level = max(outer.level, frame.level + 1)
        return frame

    def frame(self, scope: Scope, name: str) -> None:
        """Open the frame of a scope."""
        strip = len(self.solid) - 1
        frame = Frame(f"scope-{len(self.frames)}", name, math.ceil(max(self.front)) + FRAME, strip=strip)
        self.frames.append(frame)
        self.open.append((scope, frame))
        self._bar(frame.left)

    def _bar(self, x: float) -> None:
        """Keep everything away from a frame's side."""
        for row, solid in enumerate(self.solid[-1]):
            self.front[row] = x + FRAME
            solid.append((x - FRAME / 2, x + FRAME / 2))

    # ------------------------------------------------------------------------------------------ from top to bottom

    def _stack(self) -> float:
        """Give every row of every strip, and everything in it, its y; returns the height of the picture."""
        above: dict[tuple[int, int], float] = {}
        below: dict[tuple[int, int], float] = {}
        for item in self.scene.items:
            key, half = (item.strip, item.row), item.height / 2
            above[key] = max(above.get(key, GATE), half + CAPTION_HEIGHT * bool(item.caption))
            below[key] = max(below.get(key, GATE), half + (SAVED_GAP + SAVED_HEIGHT) * bool(item.saved))
        for wire in self.scene.wires:
            key, gap = (wire.target.strip, wire.row), (LANE if wire.backward else 0.0) + TEXT_GAP
            above[key] = max(above.get(key, GATE), gap + wire.above)
            below[key] = max(below.get(key, GATE), gap + wire.below)
        header: dict[tuple[int, int], float] = {}
        footer: dict[tuple[int, int], float] = {}
        for frame in self.frames:
            first, last = (frame.strip, min(frame.rows)), (frame.strip, max(frame.rows))
            header[first] = max(header.get(first, 0.0), HEADER * frame.level)
            footer[last] = max(footer.get(last, 0.0), FRAME * frame.level)
        ys: dict[tuple[int, int], float] = {}
        bottom, before = MARGIN - ROW_GAP, 0
        for key in sorted(above):
            bottom += STRIP_GAP * (key[0] != before)
            ys[key] = bottom + ROW_GAP + header.get(key, 0.0) + above[key]
            bottom, before = ys[key] + below[key] + footer.get(key, 0.0), key[0]
        for item in self.scene.items:
            item.y = ys[item.strip, item.row]
        for wire in self.scene.wires:
            wire.y = ys[wire.target.strip, wire.row]
        for frame in self.frames:
            first, last = (frame.strip, min(frame.rows)), (frame.strip, max(frame.rows))
            frame.top = ys[first] - above[first] - HEADER * frame.level
            frame.bottom = ys[last] + below[last] + FRAME * frame.level
        return bottom + MARGIN


def heading(frame: Frame) -> float:
    """The width that a frame needs for its name."""
    return text_width(frame.name, NAME, bold=True) + 2 * FRAME


def _offsets(n: int) -> list[float]:
    """The positions of n vertical runs, relative to their middle."""
    return [(k - (n - 1) / 2) * BETWEEN_RUNS for k in range(n)]


def half_width(item: Item) -> float:
    """Half the width that an item takes of its row, with its caption and the box below it."""
    caption = text_width(item.caption, CAPTION) / 2 + TEXT_GAP if item.caption else 0.0
    saved = text_width(item.saved, VALUE) / 2 + 6 + TEXT_GAP if item.saved else 0.0
    return max(item.width / 2, caption, saved)


def _arrow(item: Item) -> float:
    """Space for an arrow head before an item, less what a caption wider than its gate already leaves."""
    return max(TEXT_GAP, ARROW - (half_width(item) - item.width / 2))
