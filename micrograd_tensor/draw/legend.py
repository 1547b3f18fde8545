"""Legend: a line below the picture that explains how to read it, or several if the picture is narrow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from .layout import MARGIN, Layout
from .metrics import text_width
from .scene import VALUE, Scene

SIGN, GAP, HEIGHT = 38.0, 26.0, 20.0
"""Space for the sign before an entry, the distance of two entries, and the height of a line of them."""


class Entry(NamedTuple):
    """What a sign in the picture means; `x` is where the sign begins and `y` the middle of both."""

    sign: str
    text: str
    x: float
    y: float


DETAILS = {"full": ", shape, min…max", "shape": ", shape", "name": ""}
"""What a picture shows of a value in addition to its name, by detail."""


ADDED = "value used several times: its lettered gradients are added"
"""What a fork means."""

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
    return max(SIGN + text_width(text, VALUE) for text in means.values()) + 2 * MARGIN


def listed(means: Mapping[str, str], layout: Layout) -> list[Entry]:
    """The entries that explain signs, below the layout, whose height grows by theirs."""
    widths = {sign: SIGN + text_width(text, VALUE) for sign, text in means.items()}
    layout.width = max(layout.width, least_width(means))
    entries: list[Entry] = []
    x, y = MARGIN, layout.height + HEIGHT / 2
    for sign, text in means.items():
        if x > MARGIN and x + widths[sign] > layout.width - MARGIN:
            x, y = MARGIN, y + HEIGHT
        entries.append(Entry(sign, text, x, y))
        x += widths[sign] + GAP
    layout.height = y + HEIGHT / 2 + MARGIN / 2
    return entries
