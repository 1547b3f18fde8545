"""Page: the player's shell, a picture and its steps put together, as a page of its own or as part of another.

Nothing is loaded from outside. Everything from the graph is in the picture or in a block of JSON, which the script
turns into text, never markup; the page allows no script or style except its own.
"""

from __future__ import annotations

import hashlib
import html
import math
import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from ...graph import Graph
from ...graph.axes import AxisNames
from ...notation import printable, webpage
from ..inline import inline
from ..insides import Inside
from ..theme import COLOURS, FAMILY
from .data import data
from .texts import as_json

_FIELD = re.compile(r"\{\{(\w+)\}\}")

_SAME = re.compile('<style>.*?</style>| xmlns="[^"]*"| text-anchor="middle"| lengthAdjust="spacingAndGlyphs"')
"""What all pictures that open in a page have in common."""

_PAGE_STYLE = "body{margin:0}.mt-player{min-height:100vh}"

_STILL_STYLE = ":root{color-scheme:light dark}body{margin:0}svg{max-width:100%;height:auto}"

PAPER = {"portrait": (718.0, 922.0), "landscape": (978.0, 662.0)}
"""Width and height of the place below the heading on a sheet of paper, A4 or Letter, in pixels of a picture."""

COLUMN = 350.0
"""The width of one of two columns on a sheet."""

SMALLEST = 0.7
"""How much a picture may be made smaller to be on one sheet, so that its texts can still be read."""


def page(
    graph: Graph,
    svg: str,
    *,
    title: str,
    report: Any = None,
    dims: AxisNames | None = None,
    insides: Sequence[Inside] = (),
) -> str:
    """A page that plays a graph: forward and then backward, gate by gate, with formula, NumPy and numbers of each step.

    It needs no server and nothing from outside, so it can be opened as a file or put in the ``srcdoc`` of a frame.

    Args:
        graph: forward only, or with its backward pass.
        svg: its picture, as a file of its own.
        title: the title of the page.
        report: a report on hand-derived gradients, with ``stages`` by name; each step then shows its verdict.
        dims: names for axes, such as ``{"N": ("x", 0)}``.
        insides: what is in the boxes of the picture, which then open in place.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> captured = mt.graph((x * x).named("y"), [1.0, 1.0])
    >>> page(captured, mt.draw(captured).svg, title="Circuit of y").startswith("<!DOCTYPE html>")
    True
    """
    player = _player(graph, svg, title, "player", report, dims, insides, " data-whole")
    styles = [_PAGE_STYLE + _on_paper(svg, ".mt-player .stage.stage svg"), _style()]
    return _around(player, title, styles, _script())


def still(svg: str, *, title: str) -> str:
    """A page of a picture alone, which is cut on paper as the player's is.

    Args:
        svg: the picture, as a file of its own.
        title: the title of the page.
    """
    styles = [_STILL_STYLE + _on_paper(svg, "svg.mt.mt"), _asset("paper.css")]
    return _around(inline(svg), title, styles, _alone("paper.js"))


def _around(body: str, title: str, styles: Sequence[str], script: str) -> str:
    # Within the picture the browser decodes character references; elsewhere it takes a style verbatim.
    in_picture = [html.unescape(text) for text in re.findall(r"<style>(.*?)</style>", body, re.DOTALL)]
    return webpage.page(printable(title), body, styles, script=script, within=in_picture, kind="")


def _on_paper(svg: str, where: str) -> str:
    """How paper is turned for a picture, and how wide this is there: on one sheet, if it can then be read.

    One that is on several sheets, and as narrow as a phone, is in two columns on each.

    Args:
        svg: the picture.
        where: the selector of its element.
    """
    found = re.search(r'width="([\d.]+)" height="([\d.]+)"', svg)
    width, height = map(float, found.groups()) if found else (1.0, 1.0)
    scales = {turned: min(1.0, wide / width, high / height) for turned, (wide, high) in PAPER.items()}
    turned = max(scales, key=scales.__getitem__)
    scale, in_columns = scales[turned], COLUMN / width
    shown = f"@media print{{{where}{{max-width:{math.floor(width * scale)}px}}}}"
    if in_columns > max(scale, SMALLEST):
        turned, shown = "portrait", ".mt-lines{columns:2}"
    elif scale < SMALLEST:
        turned, shown = "portrait" if PAPER["portrait"][0] / width >= SMALLEST else "landscape", ""
    return f"@page{{size:{turned}}}{shown}"


def player_fragment(
    graph: Graph,
    svg: str,
    *,
    title: str,
    prefix: str | None = None,
    report: Any = None,
    dims: AxisNames | None = None,
    insides: Sequence[Inside] = (),
    shell: bool = True,
) -> str:
    """A player as part of an HTML page, which may hold others.

    It listens to the keyboard while the focus or the pointer is in it, and to the page's address if it is the only one.

    Args:
        graph: forward only, or with its backward pass.
        svg: its picture, as a file of its own.
        title: the title of the player.
        prefix: the start of each id in it; by default "mt-" and eight digits derived from the picture. Two players of
            the same picture on one page need different ones.
        report: a report on hand-derived gradients.
        dims: names for axes.
        insides: what is in the boxes of the picture.
        shell: whether to include style and script, which a page needs once for all its players.

    Raises:
        DrawError: for a prefix that cannot begin an id.

    >>> import micrograd_tensor as mt
    >>> captured = mt.graph(mt.tensor(3.0, name="x", requires_grad=True) * 2.0)
    >>> 'id="first-node-1"' in player_fragment(captured, mt.draw(captured).svg, title="y", prefix="first")
    True
    """
    prefix = prefix or f"mt-{hashlib.sha256(svg.encode()).hexdigest()[:8]}"
    player = _player(graph, svg, title, prefix, report, dims, insides)
    return f"<style>{_style()}</style>\n{player}\n<script>{_script()}</script>\n" if shell else player


def _player(
    graph: Graph,
    svg: str,
    title: str,
    prefix: str,
    report: Any,
    dims: AxisNames | None,
    insides: Sequence[Inside],
    whole: str = "",
) -> str:
    """The shell's body around a picture and its data."""
    forced = re.search(r'class="mt circuit[^"]* (light|dark)\b', svg)
    return _filled(
        _asset("player.html"),
        prefix=prefix,
        whole=whole,
        element="main" if whole else "div",  # a page has one main part and one title
        heading="h1" if whole else "h2",
        part="h2" if whole else "h3",
        scheme=f" {forced[1]}" if forced else "",
        title=html.escape(printable(title)),
        picture=inline(svg, prefix).strip(),
        insides="\n".join(_templates(insides)),
        data=as_json(data(graph, svg, title=title, report=report, dims=dims, insides=insides)),
    )


def _templates(insides: Sequence[Inside]) -> Iterator[str]:
    """The pictures of what is in boxes, and of frames folded; each is there once, and without what the page adds.

    That is the start of each id, the colours of the picture around it, and what is the same for all texts.
    """
    first: dict[str, str] = {}
    for inside in insides:
        said = f'data-box="{html.escape(inside.box)}" data-name="{html.escape(inside.name)}"'
        if inside.frames:
            folds = html.escape(as_json({"frames": {**inside.frames}, "boxes": inside.folds}))
            said = f'data-fold="{html.escape(inside.box)}" data-folds="{folds}"'
        like = first.setdefault(inside.svg, inside.box)
        if like == inside.box:
            yield f"<template {said}>{_SAME.sub('', inside.svg).strip()}</template>"
        else:
            yield f'<template {said} data-like="{html.escape(like)}"></template>'


def _filled(template: str, **values: str) -> str:
    """A template with its placeholders filled in one pass, so that nothing in a value is taken for one."""
    return _FIELD.sub(lambda match: values[match[1]], template)


@cache
def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8").strip()


@cache
def _style() -> str:
    """The rules of every player, with the colours of the pictures."""
    light, dark = (webpage.variables(COLOURS, dark) for dark in (False, True))
    rules = re.sub(r"\s*/\*.*?\*/", "", f"{_asset('player.css')}\n{_asset('paper.css')}")
    return _filled(rules, font=FAMILY, light=light, dark=dark)


@cache
def _script() -> str:
    return _alone("live.js", "player.js", "paper.js")


def _alone(*names: str) -> str:
    """Scripts whose names nothing else on a page sees."""
    return f"(() => {{\n{chr(10).join(map(_bare, names))}\n}})();"


def _bare(name: str) -> str:
    """A script without its indentation and its comments, which stand on lines of their own or are few."""
    lines = (line.strip() for line in _asset(name).splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))
