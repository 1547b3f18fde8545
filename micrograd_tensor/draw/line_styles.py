"""Line styles: the kinds of lines in a picture, which differ by more than their colour."""

from __future__ import annotations

from typing import NamedTuple

from .theme import LIGHT


class LineStyle(NamedTuple):
    """How a line is drawn.

    Attributes:
        colour: its role.
        value: the role of the colour of its shapes and numbers.
        back: whether it carries a gradient.
        width: the width of the line.
        dotted: whether it is dotted, instead of solid, or of dashed if it carries a gradient.
    """

    colour: str
    value: str
    back: bool = False
    width: float = 1.5
    dotted: bool = False

    @property
    def texts(self) -> tuple[str, str]:
        """The roles of the colours of its names and values."""
        return self.colour, self.value

    @property
    def line(self) -> dict[str, str]:
        """Its attributes in DOT. The two directions differ by more than their colour."""
        style = "dotted" if self.dotted else "dashed" if self.back else "solid"
        return {
            "class": "bwd" if self.back else "fwd",
            "arrowhead": "vee" if self.back else "normal",
            "style": style,
            "color": LIGHT[self.colour],
        } | ({"penwidth": f"{self.width:g}"} if self.width != 1.5 else {})


LINE_STYLES = {
    "forward": LineStyle("ink", "muted"),
    "backward": LineStyle("backward", "backward-value", back=True),
    "right": LineStyle("right", "right", back=True, width=2),
    "follows": LineStyle("follows", "follows", back=True, width=2),
    "note": LineStyle("note", "note", back=True, width=2),
    "failed": LineStyle("backward", "backward-value", width=2.5, dotted=True),
    "wrong": LineStyle("wrong", "wrong", back=True, width=3.5),
    "muted": LineStyle("muted", "muted", back=True, dotted=True),
    "dropped": LineStyle("wrong", "wrong", back=True, width=2.5, dotted=True),
    "changed": LineStyle("changed", "changed", width=2.5),
    "changed-back": LineStyle("changed", "changed", back=True, width=2.5),
    "here": LineStyle("right", "right", width=2.5),
    "here-back": LineStyle("right", "right", back=True, width=2.5),
    "there": LineStyle("muted", "muted", dotted=True),
    "there-back": LineStyle("muted", "muted", back=True, dotted=True),
}
"""Every style by its name; those of verdicts are named after their roles."""
