"""Files that commands write: looked at before anything runs, whole or not at all, and never what a command reads."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

from ..check.rendering.json import plain
from ..engine.files import atomic_write
from .unusable import UnusableError


def writable(path: Path, *sources: Path | None) -> Path:
    """The path of a file that is to be written, which is neither a folder nor one of these sources, nor a link to one.

    Raises:
        UnusableError: where it is, and where there is no folder for it.
    """
    with _writing(path):
        if "\0" in str(path):
            raise ValueError("embedded null character")
        if path.is_dir():
            raise UnusableError(f"{path} is a folder; give a file in it")
        for source in sources:
            if source is not None and _is_same(path, source):
                raise UnusableError(f"{path} is {source} itself, which stays as it is; give another file")
        if not path.parent.is_dir():
            raise UnusableError(f"{path} cannot be written: No such folder as {path.parent}")
    return path


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Within the block, what does not let a file be written ends the command."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:  # names too long, circles of links, NUL characters, full disks
        raise UnusableError(f"{path} cannot be written: {getattr(error, 'strerror', None) or error}") from None


def _is_same(path: Path, other: Path) -> bool:
    alike = os.path.realpath(path) == os.path.realpath(other)
    return alike or (path.exists() and other.exists() and path.samefile(other))


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
    with _writing(path):
        atomic_write(path, text.encode("utf-8", "backslashreplace"))


def write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet.

    Raises:
        UnusableError: where it is, and as `write` does.
    """
    with _writing(path):
        try:
            path.open("x").close()  # from now on the name is ours
        except FileExistsError:
            raise UnusableError(f"{path} exists already and stays as it is; give another name with -o") from None
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


def check_json(given: argparse.Namespace, *sources: Path | None) -> None:
    """Look, before anything runs, at the file that was given for the report, if one was.

    Raises:
        UnusableError: as `writable` does.
    """
    if given.json is not None and not to_stdout(given):
        writable(given.json, *sources)


def aside(given: argparse.Namespace) -> AbstractContextManager[Any]:
    """Within the block, what the user's code prints does not come between the lines of a report on standard output."""
    return redirect_stdout(sys.stderr) if to_stdout(given) else nullcontext()


def write_json(path: Path | None, report: Mapping[str, Any] | str, *sources: Path | None) -> None:
    """Write a report as JSON, which on standard output is ASCII, so that any encoding can carry it; None: nowhere.

    What JSON has not is a text: ``"NaN"``, ``"Infinity"``, a path.

    Raises:
        UnusableError: as `write` does.
    """
    if path is None:
        return
    if not isinstance(report, str):
        report = json.dumps(plain(report), indent=1, ensure_ascii=False, allow_nan=False)
    if str(path) == "-":
        sys.stdout.write(re.sub(r"[^\x00-\x7f]", lambda found: json.dumps(found[0])[1:-1], report) + "\n")
    else:
        write(path, report + "\n", *sources)
