"""The error that ends a command with status 2, and how those of the library become one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from ..draw.errors import DrawError
from ..engine.errors import DTypeError, GradientError, ShapeError

_ARGUMENTS = "view|at|detail|depth|collapse|scope|theme|engine|width|against|dims|format"


class UnusableError(Exception):
    """Input or output that the command cannot use; the message says what is wrong, and where."""


class MixedError(UnusableError):
    """A function each of whose numbers depends on several of its input, so that its derivative is no slope."""


def as_options(message: str) -> str:
    """A message of the library's, its arguments spelled as the command's options.

    >>> as_options("view='gate' needs at=, a value; give two, such as at=('x', 'out'); or depth=2")
    '--view gate needs --at, a value; give two, such as --at x --at out; or --depth 2'
    """
    message = re.sub(rf"\b({_ARGUMENTS})=\(([^()]*)\)", _several, message)
    message = re.sub(rf"\b({_ARGUMENTS})='([\w.-]+)'", r"--\1 \2", message)
    message = re.sub(rf"\b({_ARGUMENTS})=(?=[\w'\"({{<\[-])", r"--\1 ", message)
    message = re.sub(r"(--\w+ \w+) or '(\w+)'", r"\1 or \2", message)
    return re.sub(rf"\b({_ARGUMENTS})=", r"--\1", message)


def _several(found: re.Match[str]) -> str:
    return " ".join(f"--{found[1]} {part.strip().strip(chr(39))}" for part in found[2].split(",") if part.strip())


@contextmanager
def unusable(what: str) -> Iterator[None]:
    """Within the block, an error of the library's ends the command: about this, and in the spelling of its options."""
    try:
        yield
    except (DrawError, DTypeError, GradientError, ShapeError) as error:
        raise UnusableError(f"{what}: {as_options(str(error))}") from None


_MOST = 4000
"""The characters of a message; an argument may have a hundred thousand."""


def brief(message: str) -> str:
    """A message without its middle, if it is longer than anyone reads: what is wrong comes first, the way out last.

    >>> len(brief("x" * 100_000))
    4000
    """
    half = (_MOST - 3) // 2
    return message if len(message) <= _MOST else f"{message[: _MOST - 3 - half]} … {message[-half:]}"
