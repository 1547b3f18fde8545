"""Legend: one line below the picture that says how to read it, or several where the picture is narrow."""

from __future__ import annotations

from typing import NamedTuple

from .metrics import text_width
from .place import MARGIN, Layout
from .scene import VALUE, Scene

SIGN, GAP, HEIGHT = 38.0, 26.0, 20.0
"""Room for the sign before an entry, the distance of two entries, and the height of a line of them."""


class Entry(NamedTuple):
    """What a sign in the picture means; `x` is where the sign begins and `y` the middle of both."""

    sign: str
    text: str
    x: float
    y: float


def legend(scene: Scene, layout: Layout) -> list[Entry]:
    """The entries that a scene needs, below the layout, which grows by them."""
    means = {"forward": "forward: name, shape, min…max of the value"}
    if scene.backward:
        means["backward"] = "backward: local rule; name, shape, min…max of the gradient"
    if any(item.kind == "fork" for item in scene.items):
        means["+"] = "value used several times: its gradients A, B, … are added"
    if any(item.kind == "gate" for item in scene.items):
        means["(1)"] = "gates in the order of computation" + ("; y₁ is the result of (1)" if scene.numbered else "")
    widths = {sign: SIGN + text_width(text, VALUE) for sign, text in means.items()}
    layout.width = max(layout.width, max(widths.values()) + 2 * MARGIN)
    entries: list[Entry] = []
    x, y = MARGIN, layout.height + HEIGHT / 2
    for sign, text in means.items():
        if x > MARGIN and x + widths[sign] > layout.width - MARGIN:
            x, y = MARGIN, y + HEIGHT
        entries.append(Entry(sign, text, x, y))
        x += widths[sign] + GAP
    layout.height = y + HEIGHT / 2 + MARGIN / 2
    return entries
