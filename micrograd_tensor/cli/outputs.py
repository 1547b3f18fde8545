"""Files that commands write: looked at before anything runs, whole or not at all, and never what a command reads."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..engine.files import atomic_write
from .unusable import UnusableError


def writable(path: Path, *sources: Path | None) -> Path:
    """The path of a file that is to be written, which is neither a folder nor one of these sources, nor a link to one.

    Raises:
        UnusableError: where it is, and where there is no folder for it.
    """
    try:
        if "\0" in str(path):
            raise ValueError("embedded null character")
        if path.is_dir():
            raise UnusableError(f"{path} is a folder; give a file in it")
        for source in sources:
            if source is not None and path.exists() and source.exists() and path.samefile(source):
                raise UnusableError(f"{path} is {source} itself, which stays as it is; give another file")
        if not path.parent.is_dir():
            raise UnusableError(f"{path} cannot be written: No such folder as {path.parent}")
    except (OSError, RuntimeError, ValueError) as error:  # names too long, circles of links, NUL characters
        raise UnusableError(f"{path} cannot be written: {getattr(error, 'strerror', None) or error}") from None
    return path


def source_of(place: str | None) -> Path | None:
    """The file in which an argument names a function, if it does."""
    file = (place or "").rpartition(":")[0]
    return Path(file) if file else None


def write(path: Path, text: str, *sources: Path | None) -> None:
    """Write a file completely or not at all.

    Raises:
        UnusableError: as `writable` does, and where the disk is full.
    """
    writable(path, *sources)
    try:
        atomic_write(path, text.encode("utf-8", "backslashreplace"))
    except (OSError, ValueError) as error:
        raise UnusableError(f"{path} cannot be written: {getattr(error, 'strerror', None) or error}") from None


def write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet.

    Raises:
        UnusableError: where it is, and as `write` does.
    """
    try:
        path.open("x").close()  # from now on the name is ours
    except FileExistsError:
        raise UnusableError(f"{path} exists already and stays as it is; give another name with -o") from None
    except (OSError, ValueError) as error:
        raise UnusableError(f"{path} cannot be written: {getattr(error, 'strerror', None) or error}") from None
    try:
        write(path, text)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the option that asks for a report that programs read."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON; - for standard output")


def to_stdout(given: argparse.Namespace) -> bool:
    """Whether standard output is for JSON, and so for nothing else."""
    return str(given.json) == "-"


def write_json(path: Path | None, report: Mapping[str, Any] | str, *sources: Path | None) -> None:
    """Write a report as JSON, which on standard output is ASCII, so that any encoding can carry it; None: nowhere.

    Raises:
        UnusableError: as `write` does.
    """
    if path is None:
        return
    text = report if isinstance(report, str) else json.dumps(report, indent=1, ensure_ascii=False)
    if str(path) == "-":
        sys.stdout.write(re.sub(r"[^\x00-\x7f]", lambda found: json.dumps(found[0])[1:-1], text) + "\n")
    else:
        write(path, text + "\n", *sources)
