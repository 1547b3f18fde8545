"""Inline: a picture as part of an HTML page, where there may be others, whose ids and styles it leaves alone."""

from __future__ import annotations

import hashlib
import re
from xml.etree import ElementTree

from .errors import DrawError
from .theme import style_sheet

_SVG = "http://www.w3.org/2000/svg"
_PREFIX = re.compile(r"[A-Za-z][\w-]*", re.ASCII)
_REFERENCES = ("aria-labelledby", "aria-describedby")


def inline(svg: str, prefix: str | None = None) -> str:
    """The picture with a prefix before each of its ids, and with style rules that hold for it alone.

    Args:
        svg: the picture as a file of its own.
        prefix: by default "mt-" and eight digits that follow from the picture, the same on every run.

    Raises:
        DrawError: for a prefix that cannot begin an id, or a class.

    >>> import micrograd_tensor as mt
    >>> picture = inline(mt.draw(mt.tensor(1.0, name="x")).svg, "first")
    >>> 'id="first-node-0"' in picture, 'id="node-0"' in picture
    (True, False)
    """
    if prefix is None:
        prefix = f"mt-{hashlib.sha256(svg.encode()).hexdigest()[:8]}"
    if not _PREFIX.fullmatch(prefix):
        raise DrawError(f"prefix={prefix!r} cannot begin an id; take ASCII letters, digits and '-', a letter first")
    root = ElementTree.fromstring(svg)  # noqa: S314 -- this package wrote it
    for element in root.iter():
        element.tag = element.tag.removeprefix(f"{{{_SVG}}}")
        if "id" in element.attrib:
            element.set("id", f"{prefix}-{element.get('id')}")
        for name in _REFERENCES:
            if name in element.attrib:
                element.set(name, " ".join(f"{prefix}-{other}" for other in element.attrib[name].split()))
        if element.tag == "style":
            element.text = style_sheet(prefix)
    root.attrib = {"xmlns": _SVG, **root.attrib, "class": f"{root.get('class')} {prefix}"}
    return ElementTree.tostring(root, encoding="unicode") + "\n"
