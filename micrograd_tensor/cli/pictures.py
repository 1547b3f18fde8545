"""Pictures: the options of a command that draws."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, Literal

from ..draw.options import DETAILS, ENGINES, PAGE, THEMES
from ..draw.views import VIEWS
from .arguments import finite_number, whole_number


def add_picture_options(parser: argparse.ArgumentParser) -> None:
    """Add what can be asked of any picture of a circuit."""
    add = parser.add_argument
    add("--view", choices=VIEWS, default="overlay", help="what is shown (default: overlay); ascii is a listing")
    add("--at", action="append", default=[], metavar="WHAT", help="number of a gate, or name; twice for a path's ends")
    add("--detail", choices=DETAILS, default="full", help="what wires show of their values (default: full)")
    add("--depth", type=whole_number(), metavar="N", help="draw scopes nested deeper than this as boxes")
    add("--collapse", action="append", default=[], metavar="SCOPE", help="draw this scope as a box; may be repeated")
    add("--scope", metavar="SCOPE", help="draw this scope alone, with what comes in and goes out")
    add("--theme", choices=THEMES, default="auto", help="default: auto, which follows the page")
    add(
        "--engine",
        choices=ENGINES,
        default="own",
        help="who lays it out (default: own); dot is Graphviz's plain layout",
    )
    add(
        "--width",
        type=_width,
        default="page",
        metavar="N|none",
        help=f"maximum width: pixels, or columns for ascii (default: that of a page, {PAGE:g} pixels); "
        "none draws all in one line",
    )


def picture_options(given: argparse.Namespace) -> dict[str, Any]:
    """What was asked of the picture, as `draw` takes it."""
    asked = {
        name: getattr(given, name)
        for name in ("view", "detail", "depth", "collapse", "theme", "width", "engine", "scope")
    }
    return {**asked, "at": _at(given.at)}


def _width(text: str) -> float | Literal["page"] | None:
    if text == "none":
        return None
    return "page" if text == "page" else finite_number(text, positive=True)


def _at(given: Sequence[str]) -> Any:
    """No place, one or several: numbers of gates, or names."""
    places = tuple(int(place) if place.isdecimal() else place for place in given)
    return (places[0] if len(places) == 1 else places) if places else None
