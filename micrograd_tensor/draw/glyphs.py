"""Glyphs: which characters no font of this machine has, of which Graphviz paints boxes and says nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable

from .canvas import escaped, statement
from .render import render
from .theme import FONT

_NO_CHARACTER = "\ufdd0", "\U0001fffe"
"""Code points that no font has, because Unicode has no characters there; boxes are wider beyond U+FFFF."""

_SIZES = 11, 17, 29
"""Font sizes: at all of them, no glyph is by chance as wide as a box."""

_known: dict[str, bool] = {}


def missing_glyphs(texts: Iterable[str]) -> list[str]:
    """The characters of some texts that no font here has.

    >>> missing_glyphs(["\ufdd1"])
    ['\\ufdd1']
    """
    characters = dict.fromkeys("".join(texts))
    new = [character for character in characters if character not in _known]
    if new:
        boxes, widths = _widths(_NO_CHARACTER), _widths(new)
        for character, width in widths.items():
            _known[character] = width == boxes[_NO_CHARACTER[character > "\uffff"]]
    return [character for character in characters if _known.get(character)]


def _widths(characters: Iterable[str]) -> dict[str, list[float]]:
    """How wide Graphviz paints characters, at each of the sizes."""
    characters = list(characters)
    nodes = [
        statement(f'"{k}-{size}"', label=escaped(character), pos="0,0!", fontsize=str(size))
        for k, character in enumerate(characters)
        for size in _SIZES
    ]
    look = statement("node", shape="none", fixedsize="shape", width="0.01", height="0.01", fontname=FONT)
    dot = f'digraph glyphs {{\n\tgraph [layout="nop2"]\n{look}{"".join(nodes)}}}\n'
    found: dict[str, list[float]] = {}
    for node in json.loads(render(dot, "json"))["objects"]:
        widths = [step["width"] for step in node.get("_ldraw_", ()) if step["op"] == "T"]
        found.setdefault(characters[int(node["name"].partition("-")[0])], []).extend(widths)
    return {character: widths for character, widths in found.items() if any(widths)}
