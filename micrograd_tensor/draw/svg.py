"""SVG: Graphviz's output, made to look the same everywhere, to follow light and dark pages, and to be read aloud.

Graphviz places text by the fonts it finds. Every line is put where the layout had it instead, and given the width that
the layout gave it, so the picture is the same, byte for byte, on machines with other fonts or none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape, unescape

from .canvas import Line, Painting
from .metrics import text_width
from .theme import LIGHT, style_sheet

_GROUP = re.compile(r'<g id="([^"]*)" class="([^"]*)">\s*<title>[^<]*</title>\s*(.*?)</g>', re.DOTALL)
"""A node or an edge as Graphviz paints it, whatever the version: a title, and then each shape in a line of its own."""

_SPECIAL = re.compile("[&<>\"']")

BASELINE = 0.35
"""How far the baseline of a line is below its middle, relative to the font size."""

UNSTRETCHED = 3
"""Lines of at most this many characters keep their natural width."""


def finish(painted: bytes, painting: Painting, title: str, description: str, theme: str = "auto") -> str:
    """The final SVG text of Graphviz's output of the shapes, which follows the page or has the given theme."""
    groups = _GROUP.findall(painted.decode().replace("&#45;", "-").replace('"/>', '" />'))
    assert len(groups) == painted.count(b"<g ") - 1  # noqa: S101 -- one more is around all of them
    drawn = [
        _element(unescape(name), unescape(kind), shapes, painting)
        for name, kind, shapes in groups
        if not name.startswith("corner")
    ]
    texts = [_element(name, f"node {kind}", "", painting) for name, kind in painting.kinds.items()]
    contents = f'<g id="circuit" class="graph">\n{"".join(drawn)}{"".join(texts)}</g>\n'
    return document(painting, contents, title, description, theme)


def document(painting: Painting, contents: str, title: str, description: str, theme: str = "auto") -> str:
    """An SVG of the size of a picture, with what it is about, its style sheet and its contents on a background."""
    width, height = f"{painting.width:.0f}", f"{painting.height:.0f}"
    attributes = {
        "xmlns": "http://www.w3.org/2000/svg",
        "class": "mt circuit" if theme == "auto" else f"mt circuit {theme}",
        "width": width,
        "height": height,
        "viewBox": f"0 0 {width} {height}",
        "role": "graphics-document document",
        "aria-labelledby": "circuit-title circuit-description",
    }
    ground = f'<rect width="100%" height="100%" fill="{LIGHT["background"]}" />'
    return (
        f'<svg{_listed(attributes)}><title id="circuit-title">{_escaped(title)}</title>'
        f'<desc id="circuit-description">{_escaped(description)}</desc>'
        f"<style>{_escaped(style_sheet())}</style>{ground}{contents}</svg>\n"
    )


def _element(name: str, kind: str, shapes: str, painting: Painting) -> str:
    """An element of the picture with its shapes, as Graphviz painted them, and its lines of text."""
    title = painting.titles.get(name)
    role = ' role="img"' if title else ' aria-hidden="true"'
    said = f"<title>{_escaped(title)}</title>" if title else ""
    texts = "".join(map(_text, painting.lines.get(name, ())))
    return f'<g id="{_escaped(name)}" class="{_escaped(kind)}"{role}>{said}\n{shapes}{texts}</g>\n'


def _text(line: Line) -> str:
    y = line.y + BASELINE * line.size
    look = f'x="{line.x:.2f}" y="{y:.2f}" text-anchor="middle" font-size="{line.size:g}" fill="{line.colour}"'
    bold = ' font-weight="bold"' if line.bold else ""
    width = text_width(line.text, line.size, line.bold) if len(line.text) > UNSTRETCHED else 0.0
    stretch = f' textLength="{width:.1f}" lengthAdjust="spacingAndGlyphs"' if width else ""
    return f"<text {look}{bold}{stretch}>{_escaped(line.text)}</text>\n"


def _listed(attributes: Mapping[str, str]) -> str:
    return "".join([f' {name}="{_escaped(value)}"' for name, value in attributes.items()])


def _escaped(text: str) -> str:
    """Text as it stands in XML, in elements and in attributes."""
    return escape(text) if _SPECIAL.search(text) else text
