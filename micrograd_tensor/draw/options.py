"""Options: everything that can be asked of a picture, beside the graph it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import DrawError

DETAILS = ("full", "shape", "name")
THEMES = ("auto", "light", "dark")


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of a picture; `draw` documents each.

    Raises:
        DrawError: for a detail or a theme that there is not.
    """

    detail: str = "full"
    theme: str = "auto"
    dims: Mapping[str, int] = field(default_factory=dict)
    width: float | None = None
    depth: int | None = None
    collapse: tuple[str, ...] = ()
    at: Any = None
    against: Any = None

    def __post_init__(self) -> None:
        for name, given, known in (("detail", self.detail, DETAILS), ("theme", self.theme, THEMES)):
            if given not in known:
                raise DrawError(f"draw: {name}={given!r} is none of {', '.join(map(repr, known))}")
