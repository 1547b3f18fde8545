"""The user's Python file: loaded as a module of its own; its failures are shown in the user's lines alone."""

from __future__ import annotations

import linecache
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from ..engine.errors import GradientWarning
from .unusable import UnusableError

_OURS = Path(__file__).parents[1].resolve()
_MAX_FRAMES = 4
"""How many of the user's frames are shown, the innermost ones."""


@contextmanager
def user_file(path: Path) -> Iterator[ModuleType]:
    """The module that a file defines; within the block, imports search the file's folder first.

    The file is compiled anew each time and leaves no ``__pycache__`` behind. Its code may change the working folder:
    its lines are known all the same, and after the block the folder is what it was.

    Raises:
        UnusableError: for a missing file, one that is not Python, and one whose code fails, with its line.
    """
    if not path.is_file():
        reason = "is a directory" if path.is_dir() else "is not a file"
        raise UnusableError(f"{path} {reason}; give a Python file")
    try:
        source = path.read_bytes()
    except OSError as error:
        raise UnusableError(f"{path} cannot be read: {error.strerror or error}") from None
    name = f"given.{path.stem}"  # dataclasses look the module up; the name shadows no other
    module = ModuleType(name)
    module.__file__ = str(path)
    folder = str(path.parent.resolve())
    sys.path.insert(0, folder)
    sys.modules[name] = module
    linecache.cache.pop(str(path), None)
    lines = linecache.getlines(str(path))
    linecache.cache[str(path)] = len(source), None, lines, str(path)  # without a time, so it is not looked for again
    here = Path.cwd()
    try:
        with blamed(path, "cannot be loaded"):
            exec(compile(source, str(path), "exec", dont_inherit=True), vars(module))  # noqa: S102 -- the user asked for it
        yield module
    finally:
        os.chdir(here)
        sys.modules.pop(name, None)
        if folder in sys.path:
            sys.path.remove(folder)


@contextmanager
def blamed(path: Path, what: str) -> Iterator[None]:
    """Blame the file for whatever fails within the block: an `UnusableError` that shows the user's lines.

    Args:
        path: the file, as the user gave it.
        what: what follows the path in the message, such as "cannot be loaded".
    """
    try:
        yield
    except UnusableError:
        raise
    except (Exception, SystemExit) as error:
        raise UnusableError(f"{path} {what}\n{explained(error, path)}") from None


def explained(error: BaseException, path: Path) -> str:
    """The error and the user's frames, with file, line and source, without this package's and libraries'."""
    lines = []
    frames = [f for f in traceback.extract_tb(error.__traceback__) if _is_users(f.filename, path)]
    if len(frames) > _MAX_FRAMES:
        lines.append(f"  … {len(frames) - _MAX_FRAMES} earlier calls")
    for frame in frames[-_MAX_FRAMES:]:
        place = f", in {frame.name}" if frame.name != "<module>" else ""
        lines.append(f"  {frame.filename}, line {frame.lineno}{place}")
        if frame.line:
            lines.append(f"    {frame.line}")
    if isinstance(error.__cause__, GradientWarning):  # NumPy's own error is around it
        error = error.__cause__
    if isinstance(error, SyntaxError):
        lines += traceback.format_exception_only(error)
    else:
        text = str(error).strip()
        lines.append(f"{type(error).__name__}{f': {text}' if text else ''}")
    return "\n".join(line.rstrip("\n") for line in lines)


def _is_users(filename: str, path: Path) -> bool:
    """Whether a frame's file is the user's or in the same folder, and not an installed library's."""
    if filename == str(path):
        return True
    found = Path(filename).resolve()
    return (
        found.is_relative_to(path.parent.resolve())
        and not found.is_relative_to(_OURS)
        and "site-packages" not in found.parts
    )
