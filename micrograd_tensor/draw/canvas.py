"""Canvas: DOT in which every position is given, so that Graphviz has nothing left to decide.

Every ``dot`` draws the same picture from it, because the file itself names the layout engine ``nop2``, which keeps
positions as they are. The place of each line of text is kept next to the DOT, since Graphviz would place it by the
fonts of the machine it runs on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from .metrics import text_width
from .scene import NAME, NAME_LINE, VALUE, VALUE_LINE, Scene
from .theme import BOLD, FONT, LIGHT

POINTS = 72.0
"""Points per inch: DOT gives sizes in inches and positions in points; a point is a pixel here."""


class Line(NamedTuple):
    """A line of text, the middle of it, y downwards, and its colour."""

    text: str
    x: float
    y: float
    size: float
    bold: bool
    colour: str = LIGHT["ink"]


class Caption(NamedTuple):
    """What is written at a line between two nodes.

    Attributes:
        bold: names or rules, one a line.
        values: the lines below these.
        x: the middle of all lines.
        top: the top of the first.
        colours: the roles of the colours of the bold lines and of the others.
    """

    bold: Sequence[str]
    values: Sequence[str]
    x: float
    top: float
    colours: tuple[str, str]


class Part(NamedTuple):
    """A statement of DOT.

    Attributes:
        subject: what it is about.
        look: the attributes of shapes and lines.
        text: makes those of what can be read there, which a picture whose lines are placed does not take.
        is_text: whether it is there for its text alone.
    """

    subject: str
    look: dict[str, str]
    text: Callable[[], dict[str, str]] = dict
    is_text: bool = False


@dataclass(slots=True)
class Painting:
    """The parts of a picture, and the lines of text and titles of its elements by their ids.

    The description says in a few words what the picture shows. What is not placed, Graphviz lays out. Frames tell of
    each frame how many are around it, itself included, and the first gate in its scope.
    """

    scene: Scene
    width: float
    height: float
    parts: list[Part | str] = field(default_factory=list)
    description: str = ""
    lines: dict[str, list[Line]] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    placed: bool = True
    frames: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def dot(self) -> str:
        """The DOT text, with all that can be read in the picture."""
        return _digraph(
            part if isinstance(part, str) else statement(part.subject, **part.look, **part.text())
            for part in self.parts
        )

    @property
    def shapes(self) -> str:
        """The DOT text of the shapes and lines alone; what is painted has each line of text where the layout has it."""
        return _digraph(
            part if isinstance(part, str) else statement(part.subject, **part.look)
            for part in self.parts
            if isinstance(part, str) or not part.is_text
        )


def _digraph(statements: Iterable[str]) -> str:
    return f"digraph circuit {{\n{''.join(statements)}}}\n"


class Canvas:
    """Takes elements at fixed places: x to the right, y downwards, in pixels."""

    def __init__(self, scene: Scene, width: float, height: float) -> None:
        self.painting = Painting(scene, width, height)
        graph = {"layout": "nop2", "id": "circuit", "bgcolor": LIGHT["background"], "splines": "true"}
        graph |= {"outputorder": "nodesfirst", "pad": "0", "margin": "0", "notranslate": "true"}
        names, values = {"fontname": BOLD, "fontsize": f"{NAME:g}"}, {"labelfontsize": f"{VALUE:g}"}
        self.painting.parts = [
            Part("graph", graph),
            Part("node", {"fixedsize": "true", "label": "", "penwidth": "1.4"}, partial(dict, fontname=FONT)),
            Part("edge", {"penwidth": "1.5", "arrowsize": "0.8"}, partial(dict, **names, labelfontname=FONT, **values)),
        ]
        # Graphviz sizes the picture by its contents; these two points keep it from measuring text for that.
        for k, (x, y) in enumerate(((0.0, height), (width, 0.0))):
            self.node(f"corner-{k}", x, y, 0.001, 0.001, {"shape": "point", "color": "transparent"})

    def done(self) -> Painting:
        """The painting, with everything that was put on the canvas."""
        return self.painting

    def node(
        self, name: str, x: float, y: float, width: float, height: float, look: dict[str, str], line: Line | None = None
    ) -> None:
        """A shape around a centre, and the line of text in it."""
        if line is not None:
            self.painting.lines[name] = [line]
        size = {"width": f"{width / POINTS:.5f}", "height": f"{height / POINTS:.5f}"}
        attributes = {"id": name, "pos": f"{x:.2f},{-y:.2f}!", **size, **look}
        self.painting.parts.append(Part(f'"{name}"', attributes, partial(_said, [line] if line else [])))

    def text(self, name: str, line: Line, colour: str, kind: str) -> None:
        """A line of text in the colour of a role."""
        self.texts(name, [line], colour, kind)

    def texts(self, name: str, lines: Sequence[Line], colour: str, kind: str) -> None:
        """Lines of text below each other, of one size, in the colour of a role."""
        lines = [Line(*line[:-1], LIGHT[colour]) for line in lines]
        self.painting.kinds[name] = kind
        self.painting.lines[name] = lines
        middle = (lines[0].y + lines[-1].y) / 2
        look = {"id": name, "pos": f"{lines[0].x:.2f},{-middle:.2f}!", "width": "0.00014", "height": "0.00014"}
        look |= {"shape": "none", "fixedsize": "shape", "class": kind}
        self.painting.parts.append(Part(f'"{name}"', look, partial(_said, lines), is_text=True))

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
        self.painting.parts.append(Part(_edge(ends), {"id": name, "pos": spline, **attributes}))

    def lane(self, ends: tuple[str, str], name: str, spline: str, caption: Caption, **attributes: str) -> None:
        """A line between two nodes that runs as its spline says, with its caption."""
        bold, values, x, top, colours = caption
        colour, colour_of_value = (LIGHT[role] for role in colours)
        lines = [Line(text, x, top + NAME_LINE * (k + 0.5), NAME, True, colour) for k, text in enumerate(bold)]
        below = top + NAME_LINE * len(bold)
        for k, text in enumerate(values):
            lines.append(Line(text, x, below + VALUE_LINE * (k + 0.5), VALUE, False, colour_of_value))
        self.painting.lines[name] = lines
        look = {"id": name, "pos": spline, **attributes}
        self.painting.parts.append(Part(_edge(ends), look, partial(_captioned, caption)))


def _edge(ends: tuple[str, str]) -> str:
    return f'"{ends[0]}" -> "{ends[1]}"'


def _said(lines: Sequence[Line]) -> dict[str, str]:
    """What DOT says of the lines of text in a node, which are of one size."""
    if not lines:
        return {}
    return {
        "label": escaped(*(line.text for line in lines)),
        "fontsize": f"{lines[0].size:g}",
        "fontname": BOLD if lines[0].bold else FONT,
        "fontcolor": lines[0].colour,
    }


def _captioned(caption: Caption) -> dict[str, str]:
    """What DOT says of the caption of a line between two nodes."""
    bold, values, x, top, (colour, colour_of_value) = caption
    said = {"fontcolor": LIGHT[colour], "labelfontcolor": LIGHT[colour_of_value]}
    below = top + NAME_LINE * len(bold)
    if bold:
        said |= {"label": escaped(*bold), "lp": f"{x:.2f},{-(top + below) / 2:.2f}"}
    if values:
        middle = below + VALUE_LINE * len(values) / 2
        said |= {"taillabel": escaped(*values), "tail_lp": f"{x:.2f},{-middle:.2f}"}
    return said


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
