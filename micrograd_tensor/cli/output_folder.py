"""The output folder: created if necessary, and tested before anything is computed that could not be written."""

from __future__ import annotations

import tempfile
from pathlib import Path

from .unusable import UnusableError


def output_folder(folder: Path) -> Path:
    """The folder itself, which now exists and can be written to.

    Raises:
        UnusableError: where it cannot be created or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UnusableError(f"{folder} cannot be written to: {error.strerror or error}") from None
    return folder
