"""Wrap: a circuit that is too long for one line continues on further ones, called strips, as text does.

Wherever a line ends, each value that is used on a later one ends in a mark that names it, and starts from another mark
right before each gate that uses it, on whichever line that is; the lines between do not show it. Both pieces of such a
wire are wires of their own. The last one, which arrives at the wire's target, has its ids and its texts; the id of the
other, which is there once for all that use the value on later lines, ends in ``-part-1``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from ..engine.recording import Scope
from ..notation import shorten
from .errors import DrawError
from .labels import narrowed
from .layout import ARROW, BEND, FRAME, MARGIN, Frame, Layout, Placing, half_width, heading, place
from .legend import CONTINUED, least_width
from .metrics import folded, text_width
from .options import Options
from .scene import VALUE, Item, Scene, Wire

EDGE = FRAME + 1
"""Room for a frame's side, which stands on a whole pixel."""

MAX_MARKS = (18, 8)
"""The longest name on a mark, in characters; the second limit applies where the first takes too much space."""

MARK_FOLD = 48.0
"""How wide the lines on a mark are in a narrow picture."""


def lay_out(scene: Scene, options: Options, means: dict[str, str]) -> Layout:
    """Place every item and wire of a scene, in lines of the width that the options set; the legend explains marks."""
    alone = math.isinf(options.limit)
    strict = options.strict
    layout = place(scene) if alone else wrap(scene, options.limit, least_width(means), strict=strict, narrow=strict)
    if any(item.kind == "mark" for item in scene.items):
        means["…"] = CONTINUED
    return layout


def wrap(scene: Scene, width: float, least: float = 0.0, *, strict: bool = True, narrow: bool = True) -> Layout:
    """Place every item and wire of a scene, in as many strips of equal length as it takes.

    Args:
        scene: the scene, whose wires are cut where they continue in another strip.
        width: the maximum width of the picture.
        least: the width that it needs in any case.
        strict: whether to reject a width that is too small, rather than to take the least sufficient one.
        narrow: whether texts may be broken anywhere before that.

    Raises:
        DrawError: for a width that is too small, with the least sufficient one.
    """
    wrapping = _Wrapping(scene)
    if wrapping.strips(math.inf) == 1 and max(wrapping.front) + MARGIN <= width:
        return wrapping.layout()
    length = max(wrapping.front)
    for longest, broken in (*((longest, False) for longest in MAX_MARKS), *[(MAX_MARKS[0], True)] * narrow):
        if broken:
            _narrow(scene)
            wrapping = _Wrapping(scene)
        wrapping.longest = longest
        takes = math.ceil(max(least, wrapping.widest()))
        if takes <= width:
            break
    else:
        if strict:
            raise DrawError(f"draw: width={width:g} is too narrow for this circuit; it takes {takes} at least")
        width = takes
    strips = wrapping.strips(width)
    low, high = max(takes, math.floor(length / strips)), math.floor(width)
    while low < high:
        middle = (low + high) // 2
        if wrapping.strips(middle) <= strips:
            high = min(middle, max(low, wrapping.enough()))
        else:
            low = max(middle + 1, wrapping.more())
    if wrapping.limit != high - MARGIN:
        wrapping.strips(high)
    wrapping.cut()
    return wrapping.layout()


def _narrow(scene: Scene) -> None:
    """Break the texts of a scene, names too, so that it needs the least width."""
    scene.narrow = True
    for item in scene.items:
        narrowed(item)
    for wire in scene.wires:
        wire.narrow = True


class _Wrapping(Placing):
    """Begins a new strip before an item that does not fit, and leaves space for marks at the end of each."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.limit = 0.0
        self.longest = MAX_MARKS[0]
        self._widths: dict[tuple[int, Wire], float] = {}

    def widest(self) -> float:
        """The least sufficient width: that of the widest strip of one item."""
        self.limit = 0.0
        self.run()
        return max(self.ends) + MARGIN

    def strips(self, width: float) -> int:
        """The number of strips of this width; they are placed."""
        self.limit = width - MARGIN
        self.run()
        return len(self.solid)

    def enough(self) -> int:
        """The least width that gives the same strips as the last one did."""
        return math.ceil(self.fits + MARGIN)

    def more(self) -> int:
        """The least larger width that gives other strips than the last one did."""
        return math.ceil(self.over + MARGIN)

    def run(self) -> None:
        """Place all strips."""
        self.fits, self.over = 0.0, math.inf  # the farthest end that was within the limit, the nearest beyond it
        self.pending: dict[Wire, float] = {}
        self.marks: dict[Wire, float] = {}
        self.ends: list[float] = []
        self.empty = True
        super().run()
        self.ends.append(self.extent)

    def step(self, item: Item) -> None:
        """Place an item in this strip, or in a new one."""
        if not self.empty:
            before = self._state()
            super().step(item)
            end = self._end()
            if end <= self.limit:
                self.fits = max(self.fits, end)
                return
            self.over = min(self.over, end)
            self._back_to(before, item)
            self.leave(self.scopes[item.scope])
            self._break()
        super().step(item)
        self.empty = False
        self.ends.append(self._end())
        self.fits = max(self.fits, self.ends[-1])

    def put(self, item: Item) -> None:
        """Place an item, and keep track of the wires that lead on from it."""
        super().put(item)
        for wire in self.inputs[item]:
            self.pending.pop(wire, None)
        for wire in self.outputs[item]:
            turn = half_width(item) if wire.leaves is None else wire.leaves + BEND
            self.pending[wire] = item.x + turn + ARROW

    def beside(self, wire: Wire) -> float | None:
        """The width of the box that stands before a gate: of one that belongs to it, or of a mark."""
        if self._belongs_to_gate(wire.source):
            return wire.source.width
        return self._mark_width(wire) if wire.source not in self.placed else None

    def _end(self) -> float:
        """How far this strip would extend if it ended here, with marks and all open frames."""
        frames = [frame for _, frame in self.open]
        front = max(self.extent, *(frame.left + heading(frame) - FRAME for frame in frames), 0.0)
        end = front + EDGE * len(frames)
        for wire in _once(self.pending):
            start, inner = self.pending[wire], self.scopes[wire.target.scope]
            outside = sum(scope not in inner for scope, _ in self.open)
            # A frame that the wire leaves may be closed before the strip ends.
            taken = self.taken[wire.row]
            begin = max(start, taken[-1][1] if taken else 0.0) if not outside else front + 2 * EDGE * outside
            end = max(end, begin + 2 * ARROW + self._mark_width(wire) + EDGE * (len(frames) - outside))
        return end

    def _mark_width(self, wire: Wire) -> float:
        key = self.longest, wire
        if key not in self._widths:
            self._widths[key] = _mark("", wire, self.longest).width
        return self._widths[key]

    def _break(self) -> None:
        """End this strip, and begin the next one."""
        limit = max(self.limit, self._end())
        frames = len(self.open)
        self.inside += [scope for scope, _ in self.open]
        self.begun.update(self.inside)
        while self.open:
            frame = self.close()
            frame.right = math.floor(limit - FRAME * len(self.open))
        for wire in _once(self.pending):
            self.marks[wire] = limit - FRAME * frames - self._mark_width(wire) / 2
        self.pending.clear()
        self.begin(MARGIN - FRAME if self.inside else MARGIN)
        self.empty = True

    def _state(self) -> _State:
        frames = [(frame, replace(frame, rows=set(frame.rows))) for _, frame in self.open]
        solid = [len(row) for row in self.solid[-1]]
        front, pending = list(self.front), dict(self.pending)
        return _State(
            front, self.floor, self.extent, len(self.frames), frames, list(self.open), [*self.inside], pending, solid
        )

    def _back_to(self, state: _State, item: Item) -> None:
        for part in self.room(item).joined:
            self.taken[part.row].remove((item.x + part.left, item.x + part.right))
        self.placed.discard(item)
        self.front, self.floor, self.extent, n, frames, self.open, self.inside, self.pending, solid = state
        del self.frames[n:]
        for frame, before in frames:
            frame.right, frame.level, frame.rows = before.right, before.level, before.rows
        for row, n in zip(self.solid[-1], solid, strict=True):
            del row[n:]

    def cut(self) -> None:
        """Cut the wires that continue in another strip, and put marks where they end and start."""
        wires: list[Wire] = []
        for wire in self.scene.wires:
            if wire.source.strip == wire.target.strip:
                wires.append(wire)
                continue
            name = wire.forward.removeprefix("edge-").removesuffix("-fwd")
            start = _mark(f"mark-{name}-start", wire, self.longest)
            start.x = wire.target.x + self.box_right(wire) - start.width / 2
            start.strip = wire.target.strip
            self.scene.items.append(start)
            if wire in self.marks:
                end = _mark(f"mark-{name}-end", wire, self.longest)
                end.x, end.strip = self.marks[wire], wire.source.strip
                part = Wire(wire.source, end, wire.operand, f"{wire.forward}-part-1", None, wire.title)
                part.backward = wire.backward and f"{wire.backward}-part-1"
                part.styles, part.row, part.leaves = wire.styles, wire.row, wire.leaves
                self.scene.items.append(end)
                wires.append(part)
            wire.source, wire.leaves = start, None
            wires.append(wire)
        self.scene.wires[:] = wires
        turning = {wire.source for wire in wires if wire.leaves is not None}
        for item in self.scene.items:
            if item.is_fork and item not in turning:  # all of its branches go on in other lines
                item.width = item.height

    def layout(self) -> Layout:
        """The layout, once everything is placed and cut; every strip except the last is as wide as it."""
        layout = super().layout()
        layout.width = layout.width if len(self.solid) == 1 else self.limit + MARGIN
        return layout


def _once(pending: Iterable[Wire]) -> list[Wire]:
    """Of wires that carry one value from its fork on, only the one in the highest row."""
    first: dict[Item | Wire, Wire] = {}
    for wire in pending:
        key = wire.source if wire.source.is_fork else wire
        if key not in first or wire.row < first[key].row:
            first[key] = wire
    return list(first.values())


class _State(NamedTuple):
    """What may change when an item is placed, with a copy of the open frames."""

    front: list[float]
    floor: float
    extent: float
    framed: int
    frames: list[tuple[Frame, Frame]]
    open: list[tuple[Scope, Frame]]
    inside: list[Scope]
    pending: dict[Wire, float]
    solid: list[int]


def _mark(name: str, wire: Wire, longest: int) -> Item:
    """The mark where a wire goes on, or with an id that ends in "-end" the one where it is left; both are as wide.

    It says what the value is called, or else its shape.
    """
    said = shorten(next(iter(wire.says), ""), longest)
    texts = f"… {said}".strip(), said if said.endswith("…") else f"{said} …".strip()
    fold = MARK_FOLD if wire.narrow else math.inf
    starts, ends = (folded(text, fold, VALUE, bold=True, anywhere=wire.narrow) for text in texts)
    title = f"{' '.join(wire.says)}, continued".strip(", ")
    mark = Item(name, "mark", (0, 0), title, ends if name.endswith("-end") else starts, shape=wire.target.shape)
    mark.row, mark.bold = wire.row, len(mark.lines)
    mark.width = 2 * math.ceil(max(text_width(line, VALUE, bold=True) for line in (*starts, *ends)) / 2) + 12
    mark.height = 8 + 12.0 * len(mark.lines)
    return mark
