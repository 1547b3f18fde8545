"""Scene: the items and wires of a picture, with their texts; positions are filled in later.

An item is a gate, a box (leaf, constant, output) or a fork. A wire runs from one item to another; it carries a value
forward and, where one was computed, a gradient back.

Elements of the picture are named after ranks in the graph: ``node-7`` is a gate or a leaf, ``fork-7`` where value 7
forks, ``sink-7`` the box of output 7, ``box-7`` a collapsed scope whose first gate is 7, ``error-7`` the message of
gate 7 when it failed. The lanes of a wire are ``edge-3-7-fwd`` and ``edge-7-3-bwd``, with ``-1`` and so on for a second
use, ``fork``, ``out`` or ``box-7`` in place of a rank, and ``-part-1`` and so on where it continues on another line,
between ``mark-3-7-1-end`` and ``mark-3-7-1-start``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from ..engine.recording import Scope
from ..engine.row import Primitive
from ..graph import Node
from .metrics import folded, text_width

GATE, FORK, SPLIT = 18.0, 9.0, 3.5
"""Radii of gates, of forks where gradients are added, of forks where none are."""

NAME, VALUE, CAPTION, BOXED = 12.5, 11.0, 10.5, 13.5
"""Font sizes: a name or rule, a shape with its numbers, a caption above a gate, the first line of a box."""

NAME_LINE, VALUE_LINE, CAPTION_LINE = 14.5, 13.0, 12.0
"""Heights of a line."""

FOLD, CAPTION_FOLD = 100.0, 60.0
"""How wide lines of text at a wire and above a gate are, unless a word is wider; a longer text has more lines."""

NARROW = 70.0
"""How wide lines are in a narrow picture, whatever the words."""

MAX_MARK, MARK_FOLD = 18, 48.0
"""The longest name on a mark, in characters, and how wide its lines are where it would take too much space."""

SAVED_HEIGHT, SAVED_GAP = 20.0, 14.0
"""Height of the small box below a gate, and its distance, the length of an arrow."""


@dataclass(slots=True, eq=False)
class Item:
    """Something that wires lead from or to.

    Attributes:
        id: the id of its element in the picture.
        kind: ``gate``, ``fork`` (gradients are added), ``split`` (they are not), ``data``, ``param``, ``constant``,
            ``output``, ``box`` for a collapsed scope, ``mark`` where a wire continues on another line, ``error``
            for the message of a failed gate, or ``panel`` for a value that is shown as heat maps.
        time: its turn to be placed: a rank, then its turn among those of that rank.
        title: the text of a screen reader and a tooltip.
        lines: the symbol of a gate, or the lines in a box.
        caption: the text above a gate.
        op: the op of a gate.
        reads: the formula of a gate, where the order of its operands matters.
        dead: whether it is a gate that no gradient can pass.
        depth: the number of gates on the longest path to it; −1 for Python numbers.
        moves: how many of these only move elements, as a transposition does.
        shape: the shape of its value.
        scope: the scope that it is drawn in.
        width, height: its size.
        back: whether it is a gate or a split of the backward pass.
        saved: the forward values that a gate of the backward pass uses, in a small box below it.
        style: the line style of its thick outline, if it stands out.
        side: whether it is a box right before the gate that it leads to.
        fill: the kind of box whose colours it has, if that is another.
        bold: how many of the lines in a box are its first one, which a narrow picture breaks.
        narrow: whether the text above it may be broken anywhere.
        row, x, y: its row and its centre, once it is placed.
        strip: which line of a wrapped circuit it is in.
    """

    id: str
    kind: str
    time: tuple[int, int]
    title: str
    lines: tuple[str, ...] = ()
    caption: str = ""
    op: Primitive | None = None
    reads: str = ""
    dead: bool = False
    depth: int = 0
    moves: int = 0
    shape: tuple[int, ...] = ()
    scope: Scope | None = None
    width: float = 0.0
    height: float = 0.0
    back: bool = False
    saved: str = ""
    style: str = ""
    side: bool = False
    fill: str = ""
    bold: int = 1
    narrow: bool = False
    row: int = 0
    x: float = 0.0
    y: float = 0.0
    strip: int = 0

    @property
    def captions(self) -> tuple[str, ...]:
        """The lines above a gate."""
        return _captions(self.caption, self.narrow)

    @property
    def is_box(self) -> bool:
        """Whether it is a rectangle with text in it."""
        return self.kind in ("data", "param", "constant", "output", "box", "mark", "error", "panel")

    @property
    def is_fork(self) -> bool:
        """Whether a value forks in it."""
        return self.kind in ("fork", "split")


@lru_cache(maxsize=1 << 12)
def _captions(caption: str, narrow: bool) -> tuple[str, ...]:
    """The lines above a gate, where a formula has lines of its own if that takes no more of them."""
    op, colon, reads = caption.partition(": ")
    whole, *parts = (
        folded(text, CAPTION_FOLD, CAPTION, anywhere=narrow) for text in (caption, op + colon.strip(), reads)
    )
    apart = tuple(line for part in parts for line in part)
    return apart if reads and len(apart) <= len(whole) else whole


@dataclass(slots=True, eq=False)
class Wire:
    """A value on its way from one item to another, and its gradient on the way back.

    Attributes:
        source, target: the items.
        operand: which operand of the target it is.
        edges: the graph's edges, by the ranks of the nodes and the indices of their operands; several if they lead into
            one box, and none if it leads to a fork, an output or a mark.
        forward, backward: ids of its lanes; no backward lane if it carries no gradient.
        title: the screen reader's text for the value and for the gradient.
        name, value: the lines above it.
        rule, gradient: the lines below it.
        styles: the styles of its two lanes.
        narrow: whether these may be broken anywhere.
        says: the text of a mark where it continues on another line: what the value is called, and its shape.
        row: the row it runs in, once it has a place.
        leaves, arrives: where it turns into its row, and out of it, relative to the centre of its source and target;
            None where it does not turn.
        x, y: the centre of its lines.
    """

    source: Item
    target: Item
    operand: int
    forward: str
    backward: str | None
    title: tuple[str, str] = ("", "")
    name: str = ""
    value: str = ""
    rule: tuple[str, ...] = ()
    gradient: str = ""
    styles: tuple[str, str] = ("forward", "backward")
    edges: tuple[tuple[int, int], ...] = ()
    says: tuple[str, ...] = ()
    narrow: bool = False
    row: int = 0
    leaves: float | None = None
    arrives: float | None = None
    x: float = 0.0
    y: float = 0.0

    @property
    def texts(self) -> tuple[Texts, Texts]:
        """The lines above and below it."""
        return _broken(self.name, self.value, self.rule, self.gradient, self.narrow)

    @property
    def above(self) -> Texts:
        """The lines above it."""
        return self.texts[0]

    @property
    def below(self) -> Texts:
        """The lines below it."""
        return self.texts[1]

    @property
    def width(self) -> float:
        """The width of its lines."""
        above, below = self.texts
        return max(28.0, above.width, below.width)


class Texts(NamedTuple):
    """Lines of text at a wire: names or rules, and then what is in the array; `width` is that of the widest."""

    bold: tuple[str, ...]
    values: tuple[str, ...]

    width: float = 0.0

    @property
    def height(self) -> float:
        """The height of all."""
        return NAME_LINE * len(self.bold) + VALUE_LINE * len(self.values)


@lru_cache(maxsize=1 << 14)
def _broken(name: str, value: str, rule: tuple[str, ...], gradient: str, narrow: bool) -> tuple[Texts, Texts]:
    """The lines above and below a wire; none is broken for a width that another takes anyway.

    Names never are, unless the picture is narrow.
    """
    names, width = (name,) * bool(name), NARROW if narrow else FOLD

    def both(width: float) -> tuple[Texts, Texts]:
        above = _folded(names, width, narrow) if narrow else names
        return (
            _texts(above, folded(value, width, VALUE, anywhere=narrow)),
            _texts(_folded(rule, width, narrow), folded(gradient, width, VALUE, anywhere=narrow)),
        )

    return both(max(width, *(texts.width for texts in both(width))))


def _texts(bold: tuple[str, ...], values: tuple[str, ...]) -> Texts:
    widths = *(text_width(line, NAME, bold=True) for line in bold), *(text_width(line, VALUE) for line in values)
    return Texts(bold, values, max(widths, default=0.0))


def _folded(clauses: tuple[str, ...], width: float, narrow: bool) -> tuple[str, ...]:
    return tuple(line for clause in clauses for line in folded(clause, width, NAME, bold=True, anywhere=narrow))


@dataclass(slots=True, eq=False)
class Scene:
    """The items and wires of a picture, operands before results.

    Attributes:
        backward: whether gradients are shown.
        numbered: whether a value is called by the number of its gate, such as y₁.
        scopes: what scopes are called, if not by their names alone.
        detail: what is shown of a value: "full", "shape" or "name".
        parameters: whether it is known which leaves are parameters.
        notes: what was left out and how to see it, by the signs of the legend.
        narrow: whether its texts may be broken anywhere, so that it needs the least width.
        items, wires: its items and wires.
    """

    backward: bool
    numbered: bool = False
    scopes: Mapping[Scope, str] = field(default_factory=dict)
    detail: str = "full"
    parameters: bool = False
    notes: Mapping[str, str] = field(default_factory=dict)
    narrow: bool = False
    items: list[Item] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)

    def wiring(self) -> tuple[dict[Item, list[Wire]], dict[Item, list[Wire]]]:
        """The wires that arrive at each item, and those that leave it."""
        arriving, leaving = ({item: list[Wire]() for item in self.items} for _ in range(2))
        for wire in self.wires:
            arriving[wire.target].append(wire)
            leaving[wire.source].append(wire)
        return arriving, leaving


def lane_ids(rank: int, end: str, again: str = "") -> tuple[str, str]:
    """The ids of the lanes, forward and backward, from a value to what uses it."""
    return f"edge-{rank}-{end}{again}-fwd", f"edge-{end}-{rank}{again}-bwd"


def repeated(node: Node, i: int) -> str:
    """The number at the end of the ids of the lanes from a value that the node has as an earlier operand, too."""
    earlier = sum(x is node.operands[i] for x in node.operands[:i])
    return f"-{earlier}" if earlier else ""


def symbol_size(symbol: str) -> float:
    """The font size at which a gate's symbol fills the circle."""
    return {1: 21.0, 2: 16.0, 3: 13.5}.get(len(symbol), 11.5)
