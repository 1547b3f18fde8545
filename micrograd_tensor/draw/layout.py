"""Place: where every item, wire and scope goes.

Items are placed one after another, each as far left as its rows allow. An item brings along the lines of text before
it, the boxes that belong to it and the vertical runs of its wires, and goes where all of these clear what is in their
rows: what has a row of its own, after all that is there, and runs through other rows into the first gap. So nothing can
overlap, whatever the graph.

All lengths are in pixels, x to the right and y downwards.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import NamedTuple

from ..engine.recording import Scope
from ..notation import printable
from .collapse import named
from .labels import captioned
from .metrics import fitting, text_width
from .order import Order
from .rows import assign_rows, chains
from .scene import CAPTION, CAPTION_LINE, GATE, NAME, SAVED_GAP, SAVED_HEIGHT, VALUE, Item, Scene, Wire
from .stack import Block, stacked

LANE = 5.0
"""Half the distance between the forward and the backward lane."""

RUN, BETWEEN_RUNS, BEND = 12.0, 22.0, 24.0
"""Half the width of a vertical run; the distance of two at one item; the part of its row that a corner takes."""

LEAST_RUN = 14.0
"""How far a vertical run reaches at least below an item, with what its corner takes, so that its arrow is seen."""

ARROW = 10.0
"""Space for an arrow head next to a wire's lines."""

MARGIN, ROW_GAP, HEADER, FRAME = 12.0, 14.0, 22.0, 8.0
"""Margins around the picture, between boxes in a row, above the contents of a scope, and on its other sides."""

MAX_HEADING = 210.0
"""The longest name of a scope in a narrow picture."""

STRIP_GAP = 12.0
"""The gap between strips."""

TEXT_GAP = 4.0
"""The gap between a lane and its lines of text."""


ROUNDING = 1e-6
"""What two places may differ by and be one."""


@dataclass(slots=True, eq=False)
class Frame:
    """The rectangle of a scope in one strip.

    Attributes:
        scope: the scope, if it is one.
        items: what is placed in it.
        level: how many frames are nested in it, itself included.
        first, last: the strip, and the first and the last row of what is in it.
    """

    id: str
    name: str
    left: float
    right: float = 0.0
    scope: Scope | None = None
    items: list[Item] = field(default_factory=list)
    rows: set[int] = field(default_factory=set)
    level: int = 1
    strip: int = 0
    first: tuple[int, int] = (0, 0)
    last: tuple[int, int] = (0, 0)
    top: float = 0.0
    bottom: float = 0.0


@dataclass(slots=True, eq=False)
class Layout:
    """The frames of a scene whose items and wires now have places, and its size."""

    frames: list[Frame]
    width: float
    height: float


class _Part(NamedTuple):
    """The part of a row that an item takes, relative to its centre.

    Attributes:
        solid: whether it keeps other wires' lines away.
        runs: whether it is a wire that only runs through the row, which may be left of what is there.
    """

    row: int
    left: float
    right: float
    solid: bool = True
    runs: bool = False


def place(scene: Scene) -> Layout:
    """Give every item and wire of a scene its place, all in one strip; `wrap` does it in several."""
    placing = Placing(scene)
    placing.run()
    return placing.layout()


class Placing:
    """Places a scene from left to right; may be run repeatedly.

    Attributes:
        inputs, outputs: the wires that arrive at an item and that leave it, by item.
        half: by item, half the width that it takes of its row.
        box_right: by wire, where a box before its target ends, relative to the target's centre.
        own: by item, the wires from boxes that are placed together with it.
        order: the items in the order in which they are placed.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._rooms: dict[tuple[Item, tuple[float | None, ...]], _Room] = {}
        self.inputs, self.outputs = scene.wiring()
        made = chains(scene)
        self._put_first(made[0].items)
        order = Order(scene, made[0].items)
        self.hangs_on = order.end
        self.rows = assign_rows(made, {item: turn for turn, item in enumerate(order.items)})
        for item in scene.items:
            self._spread(item)
            # Read from left to right, 1 − x would be x − 1 where x runs straight on and 1 comes from below.
            if item.reads and any(wire.operand == 0 and wire.arrives is not None for wire in self.inputs[item]):
                item.caption, item.reads = captioned(item.caption, item.reads), ""
        self.half = {item: half_width(item) for item in scene.items}
        self.box_right = {wire: _lines_left(wire) - ARROW for wire in scene.wires}
        self.own = {item: [wire for wire in self.inputs[item] if self._is_own(wire)] for item in scene.items}
        beside = {wire.source for wires in self.own.values() for wire in wires}
        self.order = [item for item in order.items if item not in beside]
        self.scopes = {scope: named(scope) for scope in dict.fromkeys(item.scope for item in scene.items)}
        self.since: dict[Scope, int] = {}  # with which item it is entered
        for k, item in enumerate(self.order):
            for scope in self.scopes[item.scope]:
                self.since.setdefault(scope, k)

    def run(self) -> None:
        """Give every item its x, and every scope its frames."""
        self.restart()
        for item in self.order:
            self.step(item)
        self.enter([])
        for frame in self.frames:
            frame.rows = {row for item in frame.items for row in self._rows(item, frame.scope)}

    def restart(self, first: int = 0, inside: Sequence[Scope] = ()) -> None:
        """Begin anew, with the strip that begins with an item, and scopes whose frames ended with the strip before."""
        self.frames: list[Frame] = []
        self.open: list[Frame] = []
        self.inside = [*inside]
        self.solid: list[list[list[tuple[float, float]]]] = []
        self.begin(first)

    def begin(self, first: int) -> None:
        """Begin a strip with an item."""
        left = MARGIN - FRAME if self.inside else MARGIN
        self.first = first
        self.inmost: list[Scope] | None = None  # the scopes around the last item
        self.floor = self.extent = left
        self.front = [left] * self.rows
        self.placed: set[Item] = set()
        self.taken: list[list[tuple[float, float]]] = [[] for _ in range(self.rows)]
        self.solid.append([[] for _ in range(self.rows)])

    def step(self, item: Item) -> None:
        """Place an item."""
        scopes = self.scopes[item.scope]
        if scopes is not self.inmost:
            self.enter(scopes)
            self.inmost = scopes
        self.put(item)

    def layout(self) -> Layout:
        """The layout, once every item has its x."""
        for strip in self.solid:
            for solid in strip:
                solid.sort()
        for wire in self.scene.wires:
            wire.x = self._centre(wire)
        return Layout(self.frames, self.extent + MARGIN, self._stack())

    def _put_first(self, main: list[Item]) -> None:
        """The leaf where the main path starts, and its fork, are at the far left, outside of any scope."""
        for item in main[:2]:
            if item.depth <= 0 and item.kind not in ("gate", "box", "output"):
                item.time, item.scope, item.side = (-1, item.time[1]), None, False

    def _is_own(self, wire: Wire) -> bool:
        """Whether it comes from a box right before the only gate that this leads to, and is placed together with it."""
        return wire.source.side and len(self.outputs[wire.source]) == 1 and wire.target.kind in ("gate", "box")

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
            item.width = max(item.width, item.height + BETWEEN_RUNS * (len(leaving) - 1))
        if item.kind == "gate" and len(arriving) > 2:  # a circle has room for two
            item.width = max(item.width, BETWEEN_RUNS * (len(arriving) - 1) + 2 * GATE)

    # ------------------------------------------------------------------------------------------ from left to right

    def put(self, item: Item) -> None:
        """Place an item with what belongs to it, as far left as its rows allow."""
        item.strip = len(self.solid) - 1
        room = self.room(item)
        x = item.x = self._first_fit(room.joined, self._least(item) + item.width / 2)
        self.placed.add(item)
        for part in room.joined:
            insort(self.taken[part.row], (x + part.left, x + part.right))
            if not part.runs:
                self.front[part.row] = x + part.right
            self.extent = max(self.extent, x + part.right)
        for part in room.parts:
            if part.solid:
                self.solid[-1][part.row].append((x + part.left, x + part.right))
        for wire in self.own[item]:
            wire.source.x, wire.source.strip = x + self.box_right[wire] - wire.source.width / 2, item.strip
        for frame in self.open:
            frame.items.append(item)

    def _rows(self, item: Item, scope: Scope | None) -> Iterator[int]:
        """The rows of an item, and of its wires within a scope."""
        yield item.row
        yield from (wire.row for wire in self.inputs[item] if scope in self.scopes[wire.source.scope])
        yield from (wire.row for wire in self.outputs[item] if scope in self.scopes[wire.target.scope])

    def _first_fit(self, parts: Iterable[_Part], x: float) -> float:
        """The least centre from x on at which the parts of an item meet nothing in their rows."""
        for part in parts:
            x = max(x, (self.floor if part.runs else self.front[part.row]) - part.left)
        while True:
            least = x
            for row, left, right, *_ in parts:
                taken = self.taken[row]
                k = bisect_left(taken, (x + right,)) - 1  # the last that begins before it ends
                if k >= 0 and taken[k][1] > x + left + ROUNDING:
                    x = taken[k][1] - left
            if x == least:
                return x

    def _least(self, item: Item) -> float:
        """How far left an item may begin: what hangs on a gate near it, as a leaf that is used several times."""
        if not (item.side or item in self.hangs_on):
            return MARGIN
        way, gate = 0.0, item
        while gate is item or gate.is_fork or gate in self.hangs_on:
            if not self.outputs[gate]:
                return MARGIN
            wire = min(self.outputs[gate], key=lambda wire: wire.target.time)
            way, gate = way + gate.width + _length(wire), wire.target
        before = (wire for wire in self.inputs[gate] if wire.source in self.placed and wire.source not in self.hangs_on)
        return max((wire.source.x + wire.source.width / 2 + _length(wire) - way for wire in before), default=MARGIN)

    def room(self, item: Item) -> _Room:
        """What an item takes, with the boxes that stand before it."""
        boxes = tuple([self.beside(wire) for wire in self.inputs[item]])
        if (item, boxes) not in self._rooms:
            parts = tuple(self._parts(item, boxes))
            self._rooms[item, boxes] = _Room(parts, tuple(_joined(parts)))
        return self._rooms[item, boxes]

    def beside(self, wire: Wire) -> float | None:
        """The width of the box that belongs to a gate and stands before it, if there is one."""
        return wire.source.width if wire in self.own[wire.target] else None

    def _parts(self, item: Item, boxes: Sequence[float | None]) -> Iterator[_Part]:
        half = self.half[item]
        yield _Part(item.row, -half, half)
        for wire, box in zip(self.inputs[item], boxes, strict=True):
            left = self.box_right[wire]
            if box is not None:
                yield _Part(wire.row, left - box - ROW_GAP / 2, left)
            if wire.arrives is None:
                yield _Part(wire.row, left, half, solid=False)
            else:
                yield _Part(wire.row, left, wire.arrives + RUN, solid=False)
                yield from _run(item, wire, wire.arrives)
        for wire in self.outputs[item]:
            if wire.leaves is not None:
                yield from _run(item, wire, wire.leaves)

    def _centre(self, wire: Wire) -> float:
        """The middle of the longest stretch of a wire along which its lines meet nothing."""
        start = (
            wire.source.x
            + (BEND if wire.leaves is not None else half_width(wire.source) + ARROW)
            + (wire.leaves or 0.0)
        )
        end = wire.target.x + _lines_left(wire) + wire.width
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
        if self.inside and not self.open and len(scopes) == len(self.inside):
            self.frame(self.inside.pop())
        for scope in scopes[len(self.inside) + len(self.open) :]:
            self.frame(scope)

    def leave(self, scopes: list[Scope]) -> None:
        """Close the frames of scopes that are left."""
        stay = len(common([*self.inside, *(frame.scope for frame in self.open)], scopes))
        while self.open and len(self.inside) + len(self.open) > stay:
            frame = self.close()
            frame.right = math.ceil(max(self.extent + FRAME, frame.left + heading(frame)))
            self._bar(frame.right)
        del self.inside[stay:]

    def close(self) -> Frame:
        """Close the innermost open frame, and count it in the one around it."""
        frame = self.open.pop()
        if self.open:
            self.open[-1].level = max(self.open[-1].level, frame.level + 1)
        return frame

    def frame(self, scope: Scope) -> None:
        """Open the frame of a scope."""
        strip, called = len(self.solid) - 1, self.scene.scopes
        again = self.since[scope] < self.first
        around = [*(self.inside if not self.open else ()), scope]
        names = [called.get(each, printable(each.name)) for each in around]
        if self.scene.narrow:
            names = [fitting(names[-1], MAX_HEADING, NAME, bold=True)]
        name = f"… {' / '.join(names)}" if again or len(around) > 1 else names[0]
        frame = Frame(f"scope-{len(self.frames)}", name, math.ceil(self.extent) + FRAME, scope=scope, strip=strip)
        self.frames.append(frame)
        self.open.append(frame)
        self._bar(frame.left)

    def _bar(self, x: float) -> None:
        """Keep everything away from a frame's side."""
        self.floor = self.extent = x + FRAME
        self.front = [self.floor] * self.rows
        for solid in self.solid[-1]:
            solid.append((x - FRAME / 2, x + FRAME / 2))

    # ------------------------------------------------------------------------------------------ from top to bottom

    def _stack(self) -> float:
        """Give every row of every strip, and everything in it, its y; returns the height of the picture."""
        blocks: dict[tuple[int, int], list[Block]] = {}
        for item in self.scene.items:
            above = CAPTION_LINE * len(item.captions) + 2 * TEXT_GAP * bool(item.caption)
            below = (SAVED_GAP + SAVED_HEIGHT) * bool(item.saved)
            sizes = item.height / 2 + above, item.height / 2 + below
            blocks.setdefault((item.strip, item.row), []).append(Block(item.x, half_width(item), *sizes))
        for wire in self.scene.wires:
            row, gap = blocks.setdefault((wire.target.strip, wire.row), []), LANE if wire.backward else 0.0
            over, under = wire.texts
            start, end = (i.x + (turn or 0.0) for i, turn in ((wire.source, wire.leaves), (wire.target, wire.arrives)))
            row.append(Block((start + end) / 2, (end - start) / 2, gap + TEXT_GAP, gap + TEXT_GAP))
            sizes = gap + TEXT_GAP + over.height, gap + TEXT_GAP + under.height
            row.append(Block(wire.x, wire.width / 2, *sizes))
            for item, turn in ((wire.source, wire.leaves), (wire.target, wire.arrives)):
                if turn is not None:
                    run = Block(item.x + turn, LANE, 0.0, item.height / 2 + LEAST_RUN)
                    blocks.setdefault((item.strip, item.row), []).append(run)
        for frame in sorted(self.frames, key=lambda frame: frame.level):
            middle, half = (frame.left + frame.right) / 2, (frame.right - frame.left) / 2
            inside = {
                row: [
                    block for block in blocks.get((frame.strip, row), ()) if abs(block.x - middle) - block.half < half
                ]
                for row in frame.rows
            }
            rows = [row for row in inside if inside[row]]  # not all of a fork's rows are there
            frame.first, frame.last = (frame.strip, min(rows)), (frame.strip, max(rows))
            frame.top = -max(block.above for block in inside[min(rows)]) - HEADER
            frame.bottom = max(block.below for block in inside[max(rows)]) + FRAME
            blocks[frame.first].append(Block(middle, half, -frame.top, 0.0))
            blocks[frame.last].append(Block(middle, half, 0.0, frame.bottom))
        ys, bottom = stacked(blocks, MARGIN, STRIP_GAP)
        for item in self.scene.items:
            item.y = ys[item.strip, item.row]
        for wire in self.scene.wires:
            wire.y = ys[wire.target.strip, wire.row]
        for frame in self.frames:
            frame.top, frame.bottom = ys[frame.first] + frame.top, ys[frame.last] + frame.bottom
        return bottom + MARGIN


class _Room(NamedTuple):
    """The parts of an item, and these with what meets in a row joined."""

    parts: tuple[_Part, ...]
    joined: tuple[_Part, ...]


def _run(item: Item, wire: Wire, x: float) -> Iterator[_Part]:
    """The vertical run of a wire from an item to the row in which it goes on."""
    for row in range(item.row + 1, wire.row + 1):
        yield _Part(row, x - RUN, x + RUN, runs=row < wire.row)


def _joined(parts: Iterable[_Part]) -> Iterator[_Part]:
    """The parts, with those that meet in a row as one."""
    last: _Part | None = None
    for part in sorted(parts):
        if last is not None and part.row == last.row and part.left <= last.right:
            right, runs = max(last.right, part.right), last.runs and part.runs
            last = _Part(part.row, last.left, right, runs=runs)
            continue
        if last is not None:
            yield last
        last = part
    if last is not None:
        yield last


def common(one: Sequence[Scope | None], other: Sequence[Scope]) -> list[Scope]:
    """The scopes around both of two places, each given by those around it."""
    return [b for _, b in takewhile(lambda pair: pair[0] is pair[1], zip(one, other, strict=False))]


def _length(wire: Wire) -> float:
    """The least length of a wire."""
    return 2 * ARROW + wire.width


def heading(frame: Frame) -> float:
    """The width that a frame needs for its name."""
    return text_width(frame.name, NAME, bold=True) + 2 * FRAME


def _offsets(n: int) -> list[float]:
    """The positions of n vertical runs, relative to their middle."""
    return [(k - (n - 1) / 2) * BETWEEN_RUNS for k in range(n)]


def _lines_left(wire: Wire) -> float:
    """Where the lines of a wire begin if they are right before its target, relative to the target's centre."""
    end = wire.arrives - BEND if wire.arrives is not None else -half_width(wire.target) - _arrow(wire.target)
    return end - wire.width


def half_width(item: Item) -> float:
    """Half the width that an item takes of its row, with its caption and the box below it."""
    half = item.width / 2
    for line in item.captions:
        half = max(half, text_width(line, CAPTION) / 2 + TEXT_GAP)
    return max(half, text_width(item.saved, VALUE) / 2 + 6 + TEXT_GAP) if item.saved else half


def _arrow(item: Item) -> float:
    """Space for an arrow head before an item, less what a caption wider than its gate already leaves."""
    return max(TEXT_GAP, ARROW - (half_width(item) - item.width / 2))
