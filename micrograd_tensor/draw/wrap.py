"""Wrap: a circuit that is too long for one line continues on further ones, called strips, as text does.

Wherever a line ends, each wire that has not arrived ends in a mark that names what it carries, and starts from another
mark on the next line. Every piece of such a wire is a wire of its own. The last one, which arrives at the wire's
target, has its ids and its texts; the ids of the others end in ``-part-1``, ``-part-2``, ….
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

from ..engine.recording import Scope
from ..notation import shorten
from .errors import DrawError
from .layout import ARROW, BEND, FRAME, MARGIN, Frame, Layout, Placing, half_width, heading, place
from .legend import least_width
from .metrics import text_width
from .options import Options
from .scene import CAPTION, VALUE, Item, Scene, Wire

EDGE = FRAME + 1
"""Room for a frame's side, which stands on a whole pixel."""

MAX_MARKS = (18, 8)
"""The longest name on a mark, in characters; the second limit applies where the first takes too much space."""


def lay_out(scene: Scene, options: Options, means: dict[str, str]) -> Layout:
    """Place every item and wire of a scene, in lines of the width that the options set; the legend explains marks."""
    alone = math.isinf(options.limit)
    layout = place(scene) if alone else wrap(scene, options.limit, least_width(means), strict=options.strict)
    if any(item.kind == "mark" for item in scene.items):
        means["…"] = "a wire that goes on in the next line"
    return layout


def wrap(scene: Scene, width: float, least: float = 0.0, *, strict: bool = True) -> Layout:
    """Place every item and wire of a scene, in as many strips of equal length as it takes.

    Args:
        scene: the scene, whose wires are cut where they continue in another strip.
        width: the maximum width of the picture.
        least: the width that it needs in any case.
        strict: whether to reject a width that is too small, rather than to take the least sufficient one.

    Raises:
        DrawError: for a width that is too small, with the least sufficient one.
    """
    wrapping = _Wrapping(scene)
    if wrapping.strips(math.inf) == 1 and max(wrapping.front) + MARGIN <= width:
        return wrapping.layout()
    length = max(wrapping.front)
    for wrapping.longest in MAX_MARKS:
        takes = math.ceil(max(least, wrapping.widest()))
        if takes <= width:
            break
    else:
        if strict:
            raise DrawError(f"draw: width={width:g} is too narrow for this circuit; it takes {takes} at least")
        width = takes
    strips = wrapping.strips(width)
    low, high = max(takes, math.floor(length / strips)), math.floor(width)
    last = width
    while low < high:
        last = (low + high) // 2
        low, high = (low, last) if wrapping.strips(last) <= strips else (last + 1, high)
    if last != high:
        wrapping.strips(high)
    wrapping.cut()
    return wrapping.layout()


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

    def run(self) -> None:
        """Place all strips."""
        self.pending: dict[Wire, float] = {}
        self.cuts: list[tuple[Wire, float, float]] = []
        self.ends: list[float] = []
        self.empty = True
        super().run()
        self.ends.append(max(self.front))

    def step(self, item: Item) -> None:
        """Place an item in this strip, or in a new one."""
        if not self.empty:
            before = self._state()
            super().step(item)
            if self._end() <= self.limit:
                return
            self._back_to(before)
            self.leave(self.scopes[item.scope])
            self._break()
        super().step(item)
        self.empty = False
        self.ends.append(self._end())

    def put(self, item: Item) -> None:
        """Place an item, and keep track of the wires that lead on from it."""
        super().put(item)
        for wire in self.inputs[item]:
            self.pending.pop(wire, None)
        for wire in self.outputs[item]:
            turn = half_width(item) if wire.leaves is None else wire.leaves + BEND
            self.pending[wire] = item.x + turn + ARROW

    def _end(self) -> float:
        """How far this strip would extend if it ended here, with marks and all open frames."""
        frames = [frame for _, frame in self.open]
        front = max(max(self.front), *(frame.left + heading(frame) - FRAME for frame in frames), 0.0)
        end = front + EDGE * len(frames)
        for wire, start in self.pending.items():
            inner = self.scopes[wire.target.scope]
            outside = sum(scope not in inner for scope, _ in self.open)
            # A frame that the wire leaves may be closed before the strip ends.
            begin = max(self.front[wire.row], start) if not outside else front + 2 * EDGE * outside
            end = max(end, begin + 2 * ARROW + self._mark_width(wire) + EDGE * (len(frames) - outside))
        return end

    def _mark_width(self, wire: Wire) -> float:
        key = self.longest, wire
        if key not in self._widths:
            self._widths[key] = _marked(wire, self.longest)[1]
        return self._widths[key]

    def _break(self) -> None:
        """End this strip, and begin the next one with everything that continues in it."""
        limit = max(self.limit, self._end())
        again = list(self.open)
        while self.open:
            frame = self.close()
            frame.right = math.floor(limit - FRAME * len(self.open))
        end = limit - FRAME * len(again)
        self.begin(MARGIN - FRAME if again else MARGIN)
        self.empty = True
        for scope, frame in again:
            self.frame(scope, frame.name if frame.name.startswith("… ") else f"… {frame.name}")
            inside = (w for w in self.pending if scope in self.scopes[w.source.scope])
            self.open[-1][1].rows.update(w.row for w in inside if scope in self.scopes[w.target.scope])
        self.latest = max(self.front)
        for wire in self.pending:
            width, start = self._mark_width(wire), self.front[wire.row]
            self.cuts.append((wire, end - width / 2, start + width / 2))
            self.front[wire.row] = self.pending[wire] = start + width
            self.solid[-1][wire.row].append((start, start + width))

    def _state(self) -> _State:
        frames = [(frame, replace(frame, rows=set(frame.rows))) for _, frame in self.open]
        solid = [len(row) for row in self.solid[-1]]
        return _State(
            list(self.front), self.latest, len(self.frames), frames, list(self.open), dict(self.pending), solid
        )

    def _back_to(self, state: _State) -> None:
        self.front, self.latest, n, frames, self.open, self.pending, solid = state
        del self.frames[n:]
        for frame, before in frames:
            frame.right, frame.level, frame.rows = before.right, before.level, before.rows
        for row, n in zip(self.solid[-1], solid, strict=True):
            del row[n:]

    def cut(self) -> None:
        """Cut the wires that continue in another strip, and put marks where they end and start."""
        by_wire: dict[Wire, list[tuple[float, float]]] = {}
        for wire, end, start in self.cuts:
            by_wire.setdefault(wire, []).append((end, start))
        wires: list[Wire] = []
        for wire in self.scene.wires:
            name = wire.forward.removeprefix("edge-").removesuffix("-fwd")
            for k, (end, start) in enumerate(by_wire.get(wire, ()), 1):
                ending, starting = (_mark(f"mark-{name}-{k}-{side}", wire, self.longest) for side in ("end", "start"))
                ending.x, starting.x = end, start
                ending.strip, starting.strip = wire.source.strip, wire.source.strip + 1
                part = Wire(wire.source, ending, wire.operand, f"{wire.forward}-part-{k}", None, wire.title)
                part.backward = wire.backward and f"{wire.backward}-part-{k}"
                part.styles, part.row, part.leaves = wire.styles, wire.row, wire.leaves
                wires.append(part)
                wire.source, wire.leaves = starting, None
                self.scene.items += [ending, starting]
            wires.append(wire)
        self.scene.wires[:] = wires

    def layout(self) -> Layout:
        """The layout, once everything is placed and cut; every strip except the last is as wide as it."""
        layout = super().layout()
        layout.width = layout.width if len(self.solid) == 1 else self.limit + MARGIN
        return layout


class _State(NamedTuple):
    """What may change when an item is placed, with a copy of the open frames."""

    front: list[float]
    latest: float
    framed: int
    frames: list[tuple[Frame, Frame]]
    open: list[tuple[Scope, Frame]]
    pending: dict[Wire, float]
    solid: list[int]


def _marked(wire: Wire, longest: int) -> tuple[tuple[str, ...], float]:
    """The lines on a mark, and its width."""
    name, *rest = wire.says or ("",)
    lines = (f"… {shorten(name, longest)}".strip(), *rest)
    widest = max(text_width(lines[0], VALUE, bold=True), *(text_width(line, CAPTION) for line in rest), 0.0)
    return lines, 2 * math.ceil(widest / 2) + 12


def _mark(name: str, wire: Wire, longest: int) -> Item:
    lines, width = _marked(wire, longest)
    title = f"{' '.join(wire.says)}, continued".strip(", ")
    mark = Item(name, "mark", (0, 0), title, lines, shape=wire.target.shape, row=wire.row)
    mark.width, mark.height = width, 8 + 12.0 * len(lines)
    if name.endswith("-end"):
        said = lines[0].removeprefix("… ")
        mark.lines = (said if said.endswith("…") else f"{said} …", *lines[1:])
    return mark
