"""Render: DOT to SVG, PNG or PDF, by Graphviz in this process or, where that is missing, by a ``dot`` on the PATH."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import DrawError, NoRendererError

_IDLE = re.compile("Fontconfig |.*(no value for width of|no hard-coded metrics for)")
"""Talk of the settings of newer or older systems, and of sizes that are estimated: here all places are given."""

TIMEOUT = 120.0
"""Seconds; the largest picture that is drawn at all takes a few."""


def render(dot: str, kind: str, *, placed: bool = True) -> bytes:
    """Paint DOT.

    Args:
        dot: its text.
        kind: ``svg``, ``png`` or ``pdf``.
        placed: whether its layout is final, or else for ``dot`` to make.

    Raises:
        DrawError: where Graphviz fails, with its message.
        NoRendererError: without Graphviz, with both ways to install it.
    """
    try:
        from pygraphviz import AGraph
    except ImportError:
        return _by_program(dot, kind)
    try:
        graph = AGraph(string=dot)
        # Asking for nop2 by name would make pygraphviz warn of a long layout, where none is made.
        graph.has_layout = placed
        with _heard() as said:
            painted: bytes = graph.draw(format=kind, prog=None if placed else "dot")
    except Exception as error:
        raise DrawError(f"Graphviz could not paint the picture: {_message(str(error))}") from error
    _warn(bytes(said))
    return painted


@contextmanager
def _heard() -> Iterator[bytearray]:
    """What Graphviz says on stderr is caught, instead of standing in the user's terminal."""
    with tempfile.TemporaryFile() as file:
        said = bytearray()
        sys.stderr.flush()
        stderr = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield said
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            file.seek(0)
            said += file.read()


def _warn(said: bytes) -> None:
    """Warn of what Graphviz said, unless it makes no difference."""
    lines = [line for line in said.decode(errors="replace").splitlines() if not _IDLE.match(line)]
    if text := _shortened("\n".join(lines)):
        warnings.warn(f"Graphviz says: {text}", stacklevel=3)


def _by_program(dot: str, kind: str) -> bytes:
    program = shutil.which("dot")
    if program is None:
        raise NoRendererError(
            "Graphviz is missing: `pip install pygraphviz` includes it, "
            "or install Graphviz so that `dot` is on the PATH"
        )
    try:
        done = subprocess.run(  # noqa: S603 -- no shell, a fixed program, and the graph comes in on stdin
            [program, f"-T{kind}"], input=dot.encode(), capture_output=True, timeout=TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DrawError(f"{program} could not paint the picture: {error}") from error
    if done.returncode or not done.stdout:
        raise DrawError(f"{program} could not paint the picture: {_message(done.stderr.decode(errors='replace'))}")
    _warn(done.stderr)
    return done.stdout


def _message(text: str) -> str:
    return _shortened(text) or "it did not say why"


def _shortened(text: str) -> str:
    return " ".join(text.split())[:300]
