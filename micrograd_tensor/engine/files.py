"""Files that are written completely or not at all."""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from pathlib import Path

_ABANDONED = 3600.0
"""Seconds after which a temporary file is what a killed process left behind; no write takes as long."""
_PATIENCE = 5.0
"""Seconds within which the reader of a pipe has to open it."""


def atomic_write(path: str | Path, content: bytes) -> Path:
    """Write a file so that, whatever happens meanwhile, the path holds either the old content or all of the new.

    The content goes to a temporary file in the same folder, is forced to the disk, and takes the path's place in one
    step; then the folder is forced to the disk, so that the new name survives a power failure too. A link is followed,
    and a file that is replaced passes on its permissions. A device or a pipe holds nothing to lose: it is written to,
    if somebody reads from the pipe.

    Returns:
        The path.

    Raises:
        OSError: when writing fails, about the path as it was given; the old file is untouched and the temporary one
            removed.
        ValueError: for a path that no file can have, such as one with a NUL character.
    """
    try:
        return _write(Path(path), content)
    except RuntimeError as error:  # how Python reports a circle of links before 3.13
        raise OSError(errno.ELOOP, str(error), str(path)) from None
    except OSError as error:
        if error.errno is None:
            raise
        raise type(error)(error.errno, error.strerror, str(path)) from None  # not about the temporary file


def _write(path: Path, content: bytes) -> Path:
    target = path.resolve()
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        mode = None
    if mode is not None and not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        _pour(target, content)
        return path
    start = f".{target.name[:50]}."  # a name may fill what the disk allows
    _sweep(target.parent, start)
    temporary = target.with_name(f"{start}{os.urandom(6).hex()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            temporary.chmod(stat.S_IMODE(mode))
        os.replace(temporary, target)  # noqa: PTH105 -- the name of the system call that makes this safe
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if os.name == "posix":  # on other systems folders cannot be opened
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    return path


def _pour(target: Path, content: bytes) -> None:
    """Write to a device, or to a pipe, which would wait for ever where nobody reads from it."""
    started = time.monotonic()
    while True:
        try:
            descriptor = os.open(target, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
            break
        except OSError as error:
            if error.errno != errno.ENXIO or not target.is_fifo():
                raise
            if time.monotonic() - started >= _PATIENCE:
                raise OSError(errno.ENXIO, "Nobody reads from this pipe", str(target)) from None
        time.sleep(0.02)
    with os.fdopen(descriptor, "wb") as file:
        if hasattr(os, "O_NONBLOCK"):
            os.set_blocking(descriptor, True)
        file.write(content)


def _sweep(folder: Path, start: str) -> None:
    """Remove what processes that were killed while they wrote a file have left beside it."""
    try:
        for entry in os.scandir(folder):
            named = entry.name.startswith(start) and re.fullmatch("[0-9a-f]{12}[.]tmp", entry.name[len(start) :])
            if named and time.time() - entry.stat().st_mtime > _ABANDONED:
                os.unlink(entry)  # noqa: PTH108 -- what scandir found
    except OSError:  # another process was faster, or the folder is not ours: not what the user asked for
        return
