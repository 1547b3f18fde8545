"""Options: all settings of a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, Literal, NamedTuple, TypeGuard

from ..graph import Node
from ..graph.axes import AxisNames
from .errors import DrawError

ENGINES = ("own", "dot")
DETAILS = ("full", "shape", "name")
THEMES = ("auto", "light", "dark")

PAGE, WINDOW = 900.0, 1300.0
"""What the width "page" is, in pixels: in a document or a notebook, and in a window of its own."""


class Failure(NamedTuple):
    """The gate at which an unfinished graph ends, the kind of the error, and its message."""

    gate: Node
    kind: str
    text: str


class Within(NamedTuple):
    """Where in a graph a part of it is: in how many scopes that are not shown, after how many gates.

    `kinds` says as what the leaves of the graph are shown, by rank, and `apart` whether equal scopes in a row, which
    the graph shows once, are shown one by one.
    """

    scopes: int
    gates: int
    kinds: Mapping[int, str]
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Options:
    """The settings of a picture, documented at `draw`.

    `page` is how wide a page is, where the width is "page", `failed` tells where an unfinished graph ends, `within` of
    what a graph is the inside, `numbered` whether a value without a name is called by its gate, as in the steps of the
    player, rather than by its formula, `folded` whether every outermost scope is a box, and `letters` what gradients
    that are added are called elsewhere: by the rank of the value, for each edge, which is None for one that is given.

    Raises:
        DrawError: for an unknown detail or theme, or an invalid depth, path or width.
    """

    detail: str = "full"
    theme: str = "auto"
    dims: AxisNames = field(default_factory=dict)
    width: float | Literal["page"] | None = "page"
    depth: int | None = None
    collapse: tuple[str, ...] = ()
    at: Any = None
    against: Any = None
    engine: str = "own"
    scope: str | None = None
    page: float = PAGE
    failed: Failure | None = None
    within: Within | None = None
    numbered: bool = False
    folded: bool = False
    letters: Mapping[int, Mapping[tuple[int, int] | None, str]] | None = None

    def __post_init__(self) -> None:
        for name, given, known in (
            ("detail", self.detail, DETAILS),
            ("theme", self.theme, THEMES),
            ("engine", self.engine, ENGINES),
        ):
            if given not in known:
                raise DrawError(f"draw: {name}={given!r} is not one of {', '.join(map(repr, known))}")
        if self.depth is not None and not (_is_whole(self.depth) and self.depth >= 0):
            raise DrawError(f"draw: depth={self.depth!r}: give a whole number of at least 0, such as 2")
        for path in self.collapse:
            if not isinstance(path, str):
                raise DrawError(f"draw: collapse={path!r} is not the path of a scope, such as 'layer1'")
        if self.scope is not None and not isinstance(self.scope, str):
            raise DrawError(f"draw: scope={self.scope!r} is not the path of a scope, such as 'layer1'")
        if self.width not in ("page", None) and not (_is_real(self.width) and 0 < self.width < math.inf):
            raise DrawError(
                f"draw: width={self.width!r} is not a positive number of pixels, such as 900; nor 'page', nor None, "
                "which draws all in one line"
            )
        if self.engine == "dot" and _is_real(self.width):
            raise DrawError(
                f"draw: width={self.width!r} is for lines, which engine='dot' has none of; leave one of them out"
            )
        if not isinstance(self.dims, Mapping):
            raise DrawError(f"draw: dims={self.dims!r} names no lengths; give them by name, such as {{'N': 7}}")
        for name, length in self.dims.items():
            if not (isinstance(name, str) and name.strip() and _names_axes(length)):
                raise DrawError(
                    f"draw: dims={{{name!r}: {length!r}}} does not name a length, such as {{'N': 7}}, "
                    f"or an axis of a value, such as {{'N': ('x', 0)}}"
                )

    @property
    def limit(self) -> float:
        """The maximum width in pixels."""
        return self.page if self.width == "page" else math.inf if self.width is None else self.width

    @property
    def strict(self) -> bool:
        """Whether the picture may be no wider than that; a page is scrolled instead."""
        return self.width != "page"


def _names_axes(wanted: Any) -> bool:
    places = wanted if isinstance(wanted, list) else [wanted]
    return bool((_is_whole(wanted) and wanted >= 0) or (places and all(map(_is_axis, places))))


def _is_axis(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str) and _is_whole(value[1])


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_real(value: Any) -> TypeGuard[float]:
    return isinstance(value, Real) and not isinstance(value, bool)
