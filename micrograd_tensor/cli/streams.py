"""The standard streams: there even where they are closed, and never in the way of an exit."""

from __future__ import annotations

import codecs
import io
import os
import sys
from contextlib import suppress
from typing import Any

from ..notation.alphabet import spelled


def ready() -> None:
    """Open streams that are closed onto nothing, and have the others spell what their encoding lacks."""
    codecs.register_error("micrograd_tensor.spelled", _spelled)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # as in a service, or after >&-
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 -- for as long as the process
        elif isinstance(stream := getattr(sys, name), io.TextIOWrapper):
            stream.reconfigure(errors="micrograd_tensor.spelled")


def _spelled(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return spelled(error.object[error.start : error.end], error.encoding), error.end


def silence(stream: Any) -> None:
    """Lead a stream that cannot be written to nowhere, so that what is left in it is no error when the process ends."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
