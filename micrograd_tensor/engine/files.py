"""Files that are written completely or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def atomic_write(path: str | Path, content: bytes) -> Path:
    """Write a file so that, whatever happens meanwhile, the path holds either the old content or all of the new.

    The content goes to a temporary file in the same folder, is forced to the disk, and takes the path's place in one
    step; then the folder is forced to the disk, so that the new name survives a power failure too. A link is followed,
    and a file that is replaced passes on its permissions. A device or a pipe holds nothing to lose: it is written to.

    Returns:
        The path.

    Raises:
        OSError: when writing fails; the old file is untouched and the temporary one removed.
        ValueError: for a path that no file can have, such as one with a NUL character.
    """
    path = Path(path)
    target = path.resolve()
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        mode = None
    if mode is not None and not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        target.write_bytes(content)
        return path
    temporary = target.with_name(f".{target.name}.{os.urandom(6).hex()}.tmp")
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
