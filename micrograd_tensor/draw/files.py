"""Files: the formats of a picture, and what cannot be written."""

from __future__ import annotations

from pathlib import Path

from ..engine.files import atomic_write
from .errors import DrawError

FORMATS = ("svg", "png", "pdf", "html", "dot", "txt")


def kind_of(path: Path, asked: str | None) -> str:
    """The format that is asked for, or else named by the suffix of a path.

    Raises:
        DrawError: for one that there is not.

    >>> kind_of(Path("circuit.SVG"), None), kind_of(Path("circuit"), "png")
    ('svg', 'png')
    """
    kind = (path.suffix if asked is None else str(asked)).lower().removeprefix(".")
    if kind not in FORMATS:
        given = f"format={asked!r}" if asked is not None else f"{path.name!r}"
        listed = ", ".join(f".{known}" for known in FORMATS[:-1])
        raise DrawError(f"save: {given} names none of the formats {listed} and .{FORMATS[-1]}")
    return kind


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; a device or a pipe is written to.

    Raises:
        DrawError: for a folder, or a path that cannot be written to.
    """
    try:
        if path.is_dir():
            raise DrawError(f"save: {path} is a folder; give a file in it, such as {path / 'circuit.svg'}")
        atomic_write(path, content)
    except DrawError:
        raise
    except (OSError, ValueError) as error:  # a ValueError for a path with a NUL in it
        raise DrawError(f"save: cannot write {path}: {getattr(error, 'strerror', None) or error}") from error
