"""Canvas: DOT in which every position is given, so that Graphviz has nothing left to decide.

Every ``dot`` draws the same picture from it, because the file itself names the layout engine ``nop2``, which keeps
positions as they are. The place of each line of text is kept next to the DOT, since Graphviz would place it by the
fonts of the machine it runs on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .metrics import text_width
from .scene import NAME, NAME_LINE, VALUE, VALUE_LINE, Scene
from .theme import BOLD, FONT, LIGHT

POINTS = 72.0
"""Points per inch: DOT gives sizes in inches and positions in points; a point is a pixel here."""


class Line(NamedTuple):
    """A line of text and the middle of it, y downwards."""

    text: str
    x: float
    y: float
    size: float
    bold: bool


class Caption(NamedTuple):
    """What is written at a line between two nodes.

    Attributes:
        bold: names or rules, one a line.
        value: the last line.
        x: the middle of all lines.
        top: the top of the first.
        colours: the roles of the colours of the bold lines and of the value.
    """

    bold: Sequence[str]
    value: str
    x: float
    top: float
    colours: tuple[str, str]


@dataclass(slots=True)
class Painting:
    """The DOT of a picture, and the lines of text and titles of its elements by their ids.

    The description says in a few words what the picture shows. In DOT that is not placed, Graphviz lays it out.
    """

    scene: Scene
    width: float
    height: float
    dot: str = ""
    description: str = ""
    lines: dict[str, list[Line]] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    placed: bool = True


class Canvas:
    """Takes elements at fixed places: x to the right, y downwards, in pixels."""

    def __init__(self, scene: Scene, width: float, height: float) -> None:
        self.painting = Painting(scene, width, height)
        self._statements = [
            statement(
                "graph",
                layout="nop2",
                id="circuit",
                bgcolor=LIGHT["background"],
                splines="true",
                outputorder="nodesfirst",
                pad="0",
                margin="0",
                notranslate="true",
            ),
            statement("node", fixedsize="true", fontname=FONT, label="", penwidth="1.4"),
            statement(
                "edge",
                fontname=BOLD,
                fontsize=f"{NAME:g}",
                labelfontname=FONT,
                labelfontsize=f"{VALUE:g}",
                penwidth="1.5",
                arrowsize="0.8",
            ),
        ]
        # Graphviz sizes the picture by its contents; these two points keep it from measuring text for that.
        for k, (x, y) in enumerate(((0.0, height), (width, 0.0))):
            self.node(f"corner-{k}", x, y, 0.001, 0.001, shape="point", color="transparent")

    def done(self) -> Painting:
        """The painting, with everything that was put on the canvas."""
        self.painting.dot = f"digraph circuit {{\n{''.join(self._statements)}}}\n"
        return self.painting

    def node(self, name: str, x: float, y: float, width: float, height: float, **attributes: str) -> None:
        """A shape around a centre."""
        size = {"width": f"{width / POINTS:.5f}", "height": f"{height / POINTS:.5f}"}
        self._statements.append(statement(f'"{name}"', id=name, pos=f"{x:.2f},{-y:.2f}!", **size, **attributes))

    def text(self, name: str, line: Line, colour: str, kind: str) -> None:
        """A line of text in the colour of a role."""
        self.painting.lines[name] = [line]
        look = {"label": escaped(line.text), "shape": "none", "fixedsize": "shape", "fontsize": f"{line.size:g}"}
        look |= {"fontname": BOLD if line.bold else FONT, "fontcolor": LIGHT[colour], "class": kind}
        self.node(name, line.x, line.y, 0.01, 0.01, **look)

    def text_from(
        self,
        name: str,
        text: str,
        left: float,
        y: float,
        colour: str,
        kind: str,
        size: float = VALUE,
        bold: bool = False,
    ) -> None:
        """A line of text that begins at the left."""
        self.text(name, Line(text, left + text_width(text, size, bold) / 2, y, size, bold), colour, kind)

    def edge(self, ends: tuple[str, str], name: str, spline: str, **attributes: str) -> None:
        """A line between two nodes that runs as its spline says."""
        self._statements.append(statement(f'"{ends[0]}" -> "{ends[1]}"', id=name, pos=spline, **attributes))

    def lane(self, ends: tuple[str, str], name: str, spline: str, caption: Caption, **attributes: str) -> None:
        """A line between two nodes that runs as its spline says, with its caption."""
        bold, value, x, top, (colour, colour_of_value) = caption
        attributes |= {"fontcolor": LIGHT[colour], "labelfontcolor": LIGHT[colour_of_value]}
        lines = [Line(text, x, top + NAME_LINE * (k + 0.5), NAME, True) for k, text in enumerate(bold)]
        if bold:
            middle = top + NAME_LINE * len(bold) / 2
            attributes |= {"label": escaped(*bold), "lp": f"{x:.2f},{-middle:.2f}"}
        if value:
            middle = top + NAME_LINE * len(bold) + VALUE_LINE / 2
            lines.append(Line(value, x, middle, VALUE, False))
            attributes |= {"taillabel": escaped(value), "tail_lp": f"{x:.2f},{-middle:.2f}"}
        self.painting.lines[name] = lines
        self.edge(ends, name, spline, **attributes)


def statement(subject: str, **attributes: str) -> str:
    """A line of DOT: a node or an edge, or what holds for all of these, with its attributes.

    >>> statement('"x"', label="3 > 2")
    '\\t"x" [label="3 > 2"]\\n'
    """
    listed = " ".join([f'{name}="{value}"' for name, value in attributes.items()])
    return f"\t{subject} [{listed}]\n"


def escaped(*lines: str) -> str:
    """Lines of text as a DOT label, in which nothing is an escape sequence, an entity or a quote."""
    return "\\n".join([line.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"') for line in lines])
