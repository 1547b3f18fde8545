"""How the compositions read their arguments."""

from __future__ import annotations

from typing import TypeAlias

from ..engine.creation import as_tensor as as_tensor
from ..engine.lengths import lengths

Lengths: TypeAlias = "int | tuple[int, ...]"
"""One number for all axes, or one for each."""


def as_shape(what: str, value: Lengths) -> tuple[int, ...]:
    """A shape, from a tuple of lengths or the only length; `ShapeError` for anything else.

    >>> as_shape("normalized_shape", 3), as_shape("normalized_shape", (2, 3))
    ((3,), (2, 3))
    """
    return lengths(what, value if isinstance(value, (tuple, list)) else (value,), least=0)
