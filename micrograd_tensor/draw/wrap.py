"""Wrap: a circuit that is too long for one line continues on further ones, called strips, as text does.

Wherever a line ends, each value that is used on a later one ends in a mark that names it, and starts from another mark
right before each gate that uses it, on whichever line that is; the lines between do not show it. Both pieces of such a
wire are wires of their own. The last one, which arrives at the wire's target, has its ids and its texts; the id of the
other, which is there once for all that use the value on later lines, ends in ``-part-1``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from ..notation import shorten
from .errors import DrawError
from .labels import narrowed
from .layout import ARROW, BEND, FRAME, MARGIN, Layout, Placing, common, heading, place
from .legend import CONTINUED, least_width
from .metrics import folded, text_width
from .options import Options
from .scene import MARK_FOLD, MAX_MARK, VALUE, Item, Scene, Wire

EDGE = FRAME + 1
"""Room for a frame's side, which stands on a whole pixel."""

MAX_EQUAL = 12
"""How many strips at most are made equally long: of more of them the last counts for little."""


def lay_out(scene: Scene, options: Options, means: dict[str, str]) -> Layout:
    """Place every item and wire of a scene, in lines of the width that the options set; the legend explains marks."""
    alone = math.isinf(options.limit)
    strict = options.strict
    layout = place(scene) if alone else wrap(scene, options.limit, least_width(means), strict=strict, narrow=strict)
    if any(item.kind == "mark" for item in scene.items):
        means["…"] = CONTINUED
    return layout


def wrap(scene: Scene, width: float, least: float = 0.0, *, strict: bool = True, narrow: bool = True) -> Layout:
    """Place every item and wire of a scene, in as many strips as it takes; a few are of equal length.

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
    for broken in ("", "marks", "texts")[: 2 + narrow]:
        if broken == "texts":
            _narrow(scene)
            wrapping = _Wrapping(scene)
        wrapping.prepare(width, MARK_FOLD if broken else math.inf)
        found = wrapping.strips(width)
        if found.fits and (least <= width or len(found.begin) == 1):
            break
    else:
        takes = math.ceil(max(least, wrapping.takes()))
        if strict:
            raise DrawError(f"draw: width={width:g} is too narrow for this circuit; it takes {takes} at least")
        width = takes
        wrapping.prepare(width, wrapping.fold)
        found = wrapping.strips(width)
    if 1 < len(found.begin) <= MAX_EQUAL:
        low = max(math.ceil(least), math.floor(wrapping.length() / len(found.begin)))
        width = wrapping.least(len(found.begin), low, math.floor(width))
        found = wrapping.strips(width)
    wrapping.break_at(found.begin, width)
    wrapping.cut()
    return wrapping.layout()


def _narrow(scene: Scene) -> None:
    """Break the texts of a scene, names too, so that it needs the least width."""
    scene.narrow = True
    for item in scene.items:
        narrowed(item)
    for wire in scene.wires:
        wire.narrow = True


class _Strips(NamedTuple):
    """The strips of a width.

    Attributes:
        begin: which items they begin with.
        fits: whether none is wider, as one of a single item may be.
        enough: the least width that gives the same.
        more: the next larger one that does not.
    """

    begin: list[int]
    fits: bool
    enough: float
    more: float


class _Wrapping(Placing):
    """Begins new strips, and leaves space for marks at the end of each.

    Where the items of a strip go depends on the first of them alone; the width only decides how many there are. So each
    strip is placed once for all widths, and it is noted where it would end after each of its items.
    """

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.limit = math.inf
        self.fold = math.inf
        self.breaks: dict[Item, int] = {}
        self.marks: dict[Wire, float] = {}
        self._widths: dict[tuple[float, Wire], float] = {}
        self._ends: dict[int, list[float]] = {}

    def prepare(self, width: float, fold: float) -> None:
        """Set the greatest width that strips are asked for, and how wide the lines of marks are."""
        self.limit, self.fold, self._ends = width - MARGIN, fold, {}

    def takes(self) -> float:
        """The least width that suffices in any case, that of the widest strip of one item."""
        alone = [self._measured(k, 0.0)[0] for k in range(len(self.order))]
        self.enter([])
        return max(self.extent, *alone) + MARGIN

    def _measured(self, first: int, limit: float) -> list[float]:
        """Where a strip that begins with an item would end after each further one, up to one that has no room."""
        scopes = [self.scopes[item.scope] for item in self.order[max(first - 1, 0) : first + 1]]
        self.restart(first, common(*scopes) if first else [])
        ends: list[float] = []
        for item in self.order[first:]:
            self.step(item)
            ends.append(self._end())
            if ends[-1] > limit:
                break
        return ends

    def strips(self, width: float) -> _Strips:
        """The strips of this width."""
        limit, begin, fits, over = width - MARGIN, [0], 0.0, math.inf
        while begin[-1] < len(self.order):
            first = begin[-1]
            if first not in self._ends:
                self._ends[first] = self._measured(first, self.limit)
            ends = self._ends[first]
            held = next((k for k, end in enumerate(ends) if k and end > limit), len(ends))
            fits = max(fits, *ends[:held])
            over = min([over, *(end for end in (ends[0], *ends[held : held + 1]) if end > limit)])
            begin.append(first + held)
        return _Strips(begin[:-1], fits <= limit, fits + MARGIN, over + MARGIN)

    def length(self) -> float:
        """The length of the only strip that holds all items."""
        self.run()
        return max(self.front)

    def least(self, strips: int, low: int, high: int) -> int:
        """The least width, between two, that takes no more than some strips."""
        while low < high:
            middle = (low + high) // 2
            found = self.strips(middle)
            if found.fits and len(found.begin) <= strips:
                high = min(middle, max(low, math.ceil(found.enough)))
            else:
                low = max(middle + 1, math.ceil(found.more))
        return high

    def break_at(self, begin: list[int], width: float) -> None:
        """Place all items in strips of a width, which begin with these."""
        self.limit, self.breaks = width - MARGIN, {self.order[k]: k for k in begin[1:]}
        self.run()

    def begin(self, first: int) -> None:
        """Begin a strip."""
        super().begin(first)
        self.pending: dict[Wire, float] = {}

    def step(self, item: Item) -> None:
        """Place an item, in a new strip if it begins one."""
        if item in self.breaks:
            self.leave(self.scopes[item.scope])
            self._break(self.breaks[item])
        super().step(item)

    def put(self, item: Item) -> None:
        """Place an item, and keep track of the wires that lead on from it."""
        super().put(item)
        for wire in self.inputs[item]:
            self.pending.pop(wire, None)
        for wire in self.outputs[item]:
            turn = self.half[item] if wire.leaves is None else wire.leaves + BEND
            self.pending[wire] = item.x + turn + ARROW

    def beside(self, wire: Wire) -> float | None:
        """The width of the box that stands before a gate: of one that belongs to it, or of a mark."""
        if (own := super().beside(wire)) is not None:
            return own
        return self._mark_width(wire) if wire.source not in self.placed else None

    def _end(self) -> float:
        """How far this strip would extend if it ended here, with marks and all open frames."""
        frames = len(self.open)
        front = max(self.extent, *(frame.left + heading(frame) - FRAME for frame in self.open), 0.0)
        end = front + EDGE * frames
        for wire in _once(self.pending):
            start, inner = self.pending[wire], self.scopes[wire.target.scope]
            outside = sum(frame.scope not in inner for frame in self.open)
            # A frame that the wire leaves may be closed before the strip ends.
            taken = self.taken[wire.row]
            begin = max(start, taken[-1][1] if taken else 0.0) if not outside else front + 2 * EDGE * outside
            end = max(end, begin + 2 * ARROW + self._mark_width(wire) + EDGE * (frames - outside))
        return end

    def _mark_width(self, wire: Wire) -> float:
        key = self.fold, wire
        if key not in self._widths:
            self._widths[key] = _mark("", wire, self.fold).width
        return self._widths[key]

    def _break(self, first: int) -> None:
        """End this strip, and begin the next one."""
        limit = max(self.limit, self._end())
        frames = len(self.open)
        self.inside += [frame.scope for frame in self.open if frame.scope]
        while self.open:
            frame = self.close()
            frame.right = math.floor(limit - FRAME * len(self.open))
        for wire in _once(self.pending):
            self.marks[wire] = limit - FRAME * frames - self._mark_width(wire) / 2
        self.begin(first)

    def cut(self) -> None:
        """Cut the wires that continue in another strip, and put marks where they end and start."""
        wires: list[Wire] = []
        for wire in self.scene.wires:
            if wire.source.strip == wire.target.strip:
                wires.append(wire)
                continue
            name = wire.forward.removeprefix("edge-").removesuffix("-fwd")
            start = _mark(f"mark-{name}-start", wire, self.fold)
            start.x = wire.target.x + self.box_right[wire] - start.width / 2
            start.strip = wire.target.strip
            self.scene.items.append(start)
            if wire in self.marks:
                end = _mark(f"mark-{name}-end", wire, self.fold)
                end.x, end.strip = self.marks[wire], wire.source.strip
                part = Wire(wire.source, end, wire.operand, f"{wire.forward}-part-1", None, wire.title)
                part.backward = wire.backward and f"{wire.backward}-part-1"
                part.styles, part.row, part.leaves = wire.styles, wire.row, wire.leaves
                self.scene.items.append(end)
                wires.append(part)
            wire.source, wire.leaves = start, None
            wires.append(wire)
        self.scene.wires[:] = wires
        for item in self.scene.items:
            if item.is_fork and item.width > item.height:
                _drawn_in(item, [wire for wire in wires if wire.source is item and wire.leaves is not None])

    def layout(self) -> Layout:
        """The layout, once everything is placed and cut; every strip except the last is as wide as it."""
        layout = super().layout()
        layout.width = layout.width if len(self.solid) == 1 else self.limit + MARGIN
        return layout


def _drawn_in(fork: Item, turning: list[Wire]) -> None:
    """Make a fork no wider than its branches in this line need it, which stay where they are."""
    places = [wire.leaves or 0.0 for wire in turning] or [0.0]
    middle = (min(places) + max(places)) / 2
    fork.x, fork.width = fork.x + middle, fork.height + max(places) - min(places)
    for wire in turning:
        wire.leaves = (wire.leaves or 0.0) - middle


def _once(pending: Iterable[Wire]) -> list[Wire]:
    """Of wires that carry one value from its fork on, only the one in the highest row."""
    first: dict[Item | Wire, Wire] = {}
    for wire in pending:
        key = wire.source if wire.source.is_fork else wire
        if key not in first or wire.row < first[key].row:
            first[key] = wire
    return list(first.values())


def _mark(name: str, wire: Wire, fold: float) -> Item:
    """The mark where a wire goes on, or with an id that ends in "-end" the one where it is left; both are as wide.

    It says what the value is called, or else its shape.
    """
    said = shorten(next(iter(wire.says), ""), MAX_MARK)
    texts = f"… {said}".strip(), said if said.endswith("…") else f"{said} …".strip()
    starts, ends = (folded(text, fold, VALUE, bold=True, anywhere=True) for text in texts)
    title = f"{' '.join(wire.says)}, continued".strip(", ")
    mark = Item(name, "mark", (0, 0), title, ends if name.endswith("-end") else starts, shape=wire.target.shape)
    mark.row, mark.bold = wire.row, len(mark.lines)
    mark.width = 2 * math.ceil(max(text_width(line, VALUE, bold=True) for line in (*starts, *ends)) / 2) + 12
    mark.height = 8 + 12.0 * len(mark.lines)
    return mark
