"""Cache: machine code on the disk, by all that it was made from; only what this user alone can have written is read.

A file says what it is, then the digest of the rest, the length of the text that the code was made from, this text, and
the code. It is written under another name and then renamed, so that it is there as a whole or not at all. Nothing in it
is unpickled, and nothing is taken from it unless it is a plain file of this user's, which nobody else can write and
which has no other name, and holds the very text that is asked for, undamaged. Where that is not so, or no folder can
be written to, it is as if there were no cache.

The environment variable MICROGRAD_TENSOR_CACHE names the folder; empty or 0 turns the cache off.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

VARIABLE = "MICROGRAD_TENSOR_CACHE"

KEPT = 1000
"""The files that are kept; where there are more, the older half goes."""

_MARK = b"micrograd_tensor machine code 1\n"
_DIGEST = hashlib.sha256().digest_size
_LENGTH = 8
_ABANDONED = 3600.0
"""Seconds after which a file that never got its name is what a killed process left behind."""

_OURS = re.compile(r"[0-9a-f]{64}|\.[0-9a-f]{64}\.[0-9a-f]{12}")
"""The names of files, and of those that are being written."""

_FAILURES = (OSError, ValueError, RuntimeError)  # a folder that cannot be used, or named, or a user without a home

_CHECKABLE = hasattr(os, "geteuid") and hasattr(os, "O_NOFOLLOW") and os.open in os.supports_dir_fd
"""Whether one can tell whose a file is; on Windows the cache is off."""


def folder() -> Path | None:
    """The folder of the cache; None where it is turned off, and where nobody can say what is this user's."""
    chosen = os.environ.get(VARIABLE)
    if not _CHECKABLE or chosen in ("", "0"):
        return None
    if chosen is not None:
        return Path(chosen).expanduser()
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():
        base = Path("~/Library/Caches" if sys.platform == "darwin" else "~/.cache").expanduser()
    return base / "micrograd-tensor"


def load(key: str) -> bytes | None:
    """The code that was made from a text; None if there is none, or none to be trusted."""
    with suppress(*_FAILURES), _opened() as at:
        if at is None:
            return None
        text = key.encode()
        descriptor = os.open(_name(text), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not (stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and _is_ours(found)):
                return None
            start, content = file.read(len(_MARK) + _DIGEST), file.read()
        before = len(text).to_bytes(_LENGTH) + text
        if start == _MARK + hashlib.sha256(content).digest() and content.startswith(before):
            return content[len(before) :]
    return None


def store(key: str, code: bytes) -> None:
    """Keep the code that was made from a text, where that can be done."""
    with suppress(*_FAILURES), _opened(create=True) as at:
        if at is None:
            return
        text = key.encode()
        content = len(text).to_bytes(_LENGTH) + text + code
        name = _name(text)
        temporary = f".{name}.{os.urandom(6).hex()}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(temporary, flags, 0o600, dir_fd=at), "wb") as file:
                file.write(_MARK + hashlib.sha256(content).digest() + content)
            os.rename(temporary, name, src_dir_fd=at, dst_dir_fd=at)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=at)
            raise
        _sweep(at)


def _name(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def _is_ours(found: os.stat_result) -> bool:
    """Whether a file or folder is this user's, and nobody else can write to it."""
    return found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


@contextmanager
def _opened(create: bool = False) -> Iterator[int | None]:
    """The folder, opened: what is checked of it cannot be exchanged any more. None where it is not to be trusted."""
    path = folder()
    if path is None:
        yield None
        return
    if create:
        path.mkdir(0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield descriptor if _is_ours(os.fstat(descriptor)) else None
    finally:
        os.close(descriptor)


def _sweep(at: int) -> None:
    """Remove what was left behind, and the older half of too many files; none that is not the cache's."""
    names = [name for name in os.listdir(at) if _OURS.fullmatch(name)]
    if len(names) <= KEPT and not any(name.startswith(".") for name in names):
        return
    written: dict[str, float] = {}
    for name in names:
        with suppress(OSError):  # another process was faster
            written[name] = os.stat(name, dir_fd=at, follow_symlinks=False).st_mtime
    before = time.time() - _ABANDONED
    gone = [name for name, then in written.items() if name.startswith(".") and then < before]
    named = sorted((name for name in written if not name.startswith(".")), key=written.__getitem__)
    gone += named[: len(named) // 2] if len(named) > KEPT else []
    for name in gone:
        with suppress(OSError):
            os.unlink(name, dir_fd=at)
