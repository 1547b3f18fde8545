"""Raster: a picture as PNG or PDF, with every line of text where the SVG has it.

Graphviz places a line of text by the metrics of the font that it finds. So it is asked first where each line would go,
and then given places and sizes that make up for the difference.
"""

from __future__ import annotations

import json
import re
import warnings
from typing import NamedTuple
from xml.etree import ElementTree

from ..notation import ISOLATE
from .canvas import escaped, statement
from .errors import DrawError
from .glyphs import missing_glyphs
from .render import render
from .theme import BOLD, FONT, in_theme

PIXELS = 2
"""PNG pixels per SVG pixel; 2 stays sharp on high-density screens."""

MOST = 32_767
"""The most pixels on a side of a PNG: Cairo paints no larger ones, and Graphviz then scales the picture."""

FITS = 1.02
"""A line wider than this, relative to its place, is set smaller; fonts come in steps, so a smaller limit is no use."""

_FROM_LEFT = "\u200e"
"""Precedes a line with a right-to-left name, whose direction Graphviz would otherwise take for the whole line's."""

_DATE = re.compile(rb"/CreationDate \(D:(\d+)")
_END = re.compile(rb"(?<=trailer\n<< )/Size \d+\s+/Root \d+ 0 R\s+/Info (?P<info>\d+) 0 R")
_NAMESPACE = "{http://www.w3.org/2000/svg}"


class _Text(NamedTuple):
    """A line of text: the middle of its baseline, y downwards, and the width it may take."""

    text: str
    x: float
    y: float
    size: float
    bold: bool
    colour: str
    width: float


def raster(dot: str, svg: str, kind: str, theme: str = "light") -> bytes:
    """The picture as Graphviz paints it, always the same bytes with the same fonts.

    Args:
        dot: DOT text of shapes and lines, with final positions.
        svg: the SVG made from it, which has the places of the lines of text.
        kind: ``png`` or ``pdf``.
        theme: ``dark``, or any other for light: a file follows no page.

    Raises:
        DrawError: for a PNG that would have more than 32,767 pixels on a side.

    Warns:
        UserWarning: of characters that no font here has, which are boxes in the picture.
    """
    root = ElementTree.fromstring(svg)  # noqa: S314 -- this package wrote it
    texts = [_read(element) for element in root.iter(f"{_NAMESPACE}text") if element.text]
    width, height = (float(root.get(side, "0")) for side in ("width", "height"))
    if kind == "png":
        _check_size(width, height)
    boxes = missing_glyphs(line.text for line in texts)
    if boxes:
        warnings.warn(
            f"no font here has {', '.join(boxes[:8])}{', …' * (len(boxes) > 8)}, so the {kind.upper()} shows boxes "
            "instead; install a font, or save it as .svg",
            stacklevel=4,
        )
    settings = f'viewport="{width:g},{height:g},1,{width / 2:g},{-height / 2:g}"'
    settings += f" dpi={72 * PIXELS}" if kind == "png" else ""
    bare = dot.rstrip().removesuffix("}")
    bare = bare.replace("{\n", f"{{\n\tgraph [{settings}]\n", 1)
    sizes = [line.size for line in texts]
    measured = _measured(_dot(bare, texts, sizes, [0.0] * len(texts)))
    for k, line in enumerate(texts):
        if k in measured and measured[k][1] > FITS * line.width:
            sizes[k] *= line.width / measured[k][1]
    if sizes != [line.size for line in texts]:
        measured = _measured(_dot(bare, texts, sizes, [0.0] * len(texts)))
    lifts = [measured[k][0] - line.y if k in measured else 0.0 for k, line in enumerate(texts)]
    painted = render(in_theme(_dot(bare, texts, sizes, lifts), theme), kind)
    if kind != "pdf":
        return painted
    # Of the same length, because a PDF ends with the byte offsets of its parts.
    dated = _DATE.sub(lambda date: date[0][: -len(date[1])] + b"20000101000000"[: len(date[1])], painted)
    return _titled(dated, root.findtext(f"{_NAMESPACE}title", ""))


def _titled(pdf: bytes, title: str) -> bytes:
    """A PDF with a title, in a new version of the object about it, appended with a table of where that is.

    Of files whose table is compressed, as those of Cairo from 1.17.6 on are, the title stays unset.
    """
    end, last = _END.search(pdf), re.search(rb"startxref\s+(\d+)\s+%%EOF\s*$", pdf)
    about = end and re.search(rb"\n%s 0 obj\s*<<(.*?)>>\s*endobj" % end["info"], pdf, re.DOTALL)
    if not (end and last and about):
        return pdf
    text = title.encode("utf-16-be", "replace").hex().encode()
    said = b"%s 0 obj\n<<%s   /Title <feff%s>\n>>\nendobj\n" % (end["info"], about[1], text)
    table = b"xref\n%s 1\n%010d 00000 n \n" % (end["info"], len(pdf))
    trailer = b"trailer\n<< %s\n   /Prev %s\n>>\n" % (end[0], last[1])
    return pdf + said + table + trailer + b"startxref\n%d\n%%%%EOF\n" % (len(pdf) + len(said))


def plain_raster(dot: str, width: float, height: float, kind: str, title: str) -> bytes:
    """A picture that ``dot`` lays out, of this size as an SVG; a PDF has a title.

    Raises:
        DrawError: as `raster`.
    """
    if kind == "png":
        _check_size(width, height)
        dot = dot.replace("{\n", f"{{\n\tgraph [dpi={72 * PIXELS}]\n", 1)
    painted = render(dot, kind, placed=False)
    return _titled(painted, title) if kind == "pdf" else painted


def _check_size(width: float, height: float) -> None:
    """Reject a PNG that would be scaled."""
    if max(width, height) * PIXELS > MOST:
        raise DrawError(
            f"save: as PNG this picture would be {width * PIXELS:,.0f} × {height * PIXELS:,.0f} pixels, and "
            f"{MOST:,} is the most on a side; {'give width=900' if width > height else 'give a larger width='}, "
            "or save it as .svg"
        )


def _read(element: ElementTree.Element) -> _Text:
    values = element.attrib
    width = float(values.get("textLength", "inf"))
    bold = values.get("font-weight") == "bold"
    position = float(values["x"]), float(values["y"]), float(values["font-size"])
    return _Text(element.text or "", *position, bold, values.get("fill", "#000000"), width)


def _dot(bare: str, texts: list[_Text], sizes: list[float], lifts: list[float]) -> str:
    """The picture without its labels, and every line of text as a node of its own."""
    nodes = [statement("node", shape="none", fixedsize="shape", width="0.0001", height="0.0001")]
    for k, (line, size, lift) in enumerate(zip(texts, sizes, lifts, strict=True)):
        node = statement(
            f"text-{k}".join('""'),
            label=escaped(f"{_FROM_LEFT}{line.text}" if ISOLATE[0] in line.text else line.text),
            pos=f"{line.x:.2f},{lift - line.y:.2f}!",
            fontsize=f"{size:.3f}",
            fontcolor=line.colour,
            fontname=BOLD if line.bold else FONT,
        )
        nodes.append(node)
    return f"{bare}\n{''.join(nodes)}}}\n"


def _measured(dot: str) -> dict[int, tuple[float, float]]:
    """The baselines of the lines of text by their numbers, y downwards, and their widths."""
    found = {}
    # Graphviz cuts a character in two where a backslash stands before the last one.
    for node in json.loads(render(dot, "json").decode(errors="replace"))["objects"]:
        if node["name"].startswith("text-"):
            drawn = next(step for step in node["_ldraw_"] if step["op"] == "T")
            found[int(node["name"].removeprefix("text-"))] = -drawn["pt"][1], drawn["width"]
    return found
