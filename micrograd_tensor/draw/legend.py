"""Legend: lines below the picture that explain how to read it, more of them if the picture is narrow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from .layout import MARGIN, Layout
from .metrics import SLACK, folded, text_width
from .scene import VALUE, VALUE_LINE, Scene

SIGN, GAP, HEIGHT = 38.0, 26.0, 20.0
"""Space for the sign before an entry, the distance of two entries, and the height of an entry of one line."""

NARROW = 340.0
"""The width of a picture from which on a longer entry has more lines."""


class Entry(NamedTuple):
    """What a sign in the picture means; `x` is where the sign begins and `y` the middle of it and of the first line."""

    sign: str
    lines: tuple[str, ...]
    x: float
    y: float


DETAILS = {"full": ", shape, min…max", "shape": ", shape", "name": ""}
"""What a picture shows of a value in addition to its name, by detail."""


ADDED = "value used several times: its lettered gradients are added"
"""What a fork means."""

CONTINUED = "a value that goes on in a later line"
"""What a mark means."""

_CALLED = {"g": "the gradient that arrives", "y": "the result of the gate"}
"""What a rule calls by a letter, unless a value has that name."""


def meanings(scene: Scene) -> dict[str, str]:
    """What the signs in a scene mean."""
    texts = f"name{DETAILS[scene.detail]}"
    kinds = {item.kind for item in scene.items}
    means = {"forward": f"forward: {texts} of the value"}
    if scene.backward:
        means["backward"] = f"backward: local rule; {texts} of the gradient"
    if "fork" in kinds:
        means["+"] = ADDED
    if "gate" in kinds:
        means["(1)"] = "gates in the order of computation" + ("; y₁ is the result of (1)" if scene.numbered else "")
    if "error" in kinds:
        means["failed"] = "where it failed, and why"
    rules = " ".join(clause for wire in scene.wires for clause in wire.rule)
    names = {wire.name for wire in scene.wires} | {item.lines[0] for item in scene.items if item.is_box and item.lines}
    called = {letter: meaning for letter, meaning in _CALLED.items() if letter not in names}
    means |= {letter: text for letter, text in called.items() if re.search(rf"(?<!\w){letter}(?![^\Wᵀ])", rules)}
    if "param" in kinds:
        means |= {"data": "input or output", "param": "parameter" if scene.parameters else "other leaf with a gradient"}
    if "constant" in kinds:
        means["constant"] = "constant"
    if "box" in kinds:
        means["box"] = "scope, drawn as one box"
    return {**means, **scene.notes}


def least_width(means: Mapping[str, str]) -> float:
    """The width that a picture needs for its legend."""
    return max(_width(_lines(text, NARROW)) for text in means.values()) + 2 * MARGIN


def listed(means: Mapping[str, str], layout: Layout) -> list[Entry]:
    """The entries that explain signs, below the layout, whose height grows by theirs."""
    layout.width = max(layout.width, least_width(means))
    entries: list[Entry] = []
    x, y, height = MARGIN, layout.height + HEIGHT / 2, 0.0
    for sign, text in means.items():
        lines = _lines(text, layout.width)
        if x > MARGIN and x + _width(lines) > layout.width - MARGIN:
            x, y, height = MARGIN, y + HEIGHT + height, 0.0
        entries.append(Entry(sign, lines, x, y))
        x, height = x + _width(lines) + GAP, max(height, VALUE_LINE * (len(lines) - 1))
    layout.height = y + height + HEIGHT / 2 + MARGIN / 2
    return entries


def _lines(text: str, width: float) -> tuple[str, ...]:
    """The lines of an entry in a picture of some width."""
    return folded(text, (max(width, NARROW) - 2 * MARGIN - SIGN) / SLACK, VALUE)


def _width(lines: tuple[str, ...]) -> float:
    return SIGN + max(text_width(line, VALUE) for line in lines)
