"""SVG: Graphviz's output, made to look the same everywhere, to follow light and dark pages, and to be read aloud.

Graphviz places text by the fonts it finds. Every line is put where the layout had it instead, and given the width that
the layout gave it, so the picture is the same, byte for byte, on machines with other fonts or none.
"""

from __future__ import annotations

from xml.etree import ElementTree

from .canvas import Line, Painting
from .metrics import text_width
from .theme import LIGHT, style_sheet

_NAMESPACE = "{http://www.w3.org/2000/svg}"

BASELINE = 0.35
"""How far the baseline of a line is below its middle, relative to the font size."""

UNSTRETCHED = 3
"""Lines of at most this many characters keep their natural width."""


def finish(painted: bytes, painting: Painting, title: str, description: str, theme: str = "auto") -> str:
    """The final SVG text of Graphviz's output, which follows the page or has the given theme."""
    root = ElementTree.fromstring(painted)  # noqa: S314 -- Graphviz wrote it just now
    for element in root.iter():
        element.tag = element.tag.removeprefix(_NAMESPACE)
    circuit = root.find("g")
    assert circuit is not None  # noqa: S101 -- Graphviz wraps every graph in one group
    for element in [e for e in circuit if e.tag in ("title", "polygon") or e.get("id", "").startswith("corner-")]:
        circuit.remove(element)
    for group in circuit.findall("g"):
        _finish_group(group, painting)
    circuit.attrib = {"id": "circuit", "class": "graph"}
    return document(painting, [circuit], title, description, theme)


def document(
    painting: Painting, contents: list[ElementTree.Element], title: str, description: str, theme: str = "auto"
) -> str:
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
    final = ElementTree.Element("svg", attributes)
    _add(final, "title", title, id="circuit-title")
    _add(final, "desc", description, id="circuit-description")
    _add(final, "style", style_sheet())
    _add(final, "rect", None, width="100%", height="100%", fill=LIGHT["background"])
    final.extend(contents)
    return ElementTree.tostring(final, encoding="unicode") + "\n"


def _add(parent: ElementTree.Element, tag: str, text: str | None, **attributes: str) -> None:
    ElementTree.SubElement(parent, tag, attributes).text = text


def _finish_group(group: ElementTree.Element, painting: Painting) -> None:
    name = group.get("id", "")
    for old in group.findall("title"):
        group.remove(old)
    text = painting.titles.get(name)
    if text:
        title = ElementTree.Element("title")
        title.text = text
        group.insert(0, title)
        group.set("role", "img")
    else:
        group.set("aria-hidden", "true")
    for element, line in zip(list(group.iter("text")), painting.lines.get(name, []), strict=True):
        _set(element, line)


def _set(element: ElementTree.Element, line: Line) -> None:
    element.text = line.text
    fill = element.get("fill")
    element.attrib = {
        "x": f"{line.x:.2f}",
        "y": f"{line.y + BASELINE * line.size:.2f}",
        "text-anchor": "middle",
        "font-size": f"{line.size:g}",
    }
    if fill is not None:
        element.set("fill", fill)
    if line.bold:
        element.set("font-weight", "bold")
    if len(line.text) > UNSTRETCHED:
        element.set("textLength", f"{text_width(line.text, line.size, line.bold):.1f}")
        element.set("lengthAdjust", "spacingAndGlyphs")
