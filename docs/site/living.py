"""The living pages of the site: circuits that play, and a derivation. Each is one file, and needs no other."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import micrograd_tensor as mt
from micrograd_tensor.cli.builtin_graphs import BUILTINS, made


def player(name: str) -> str:
    """A built-in graph as a page that plays it."""
    with tempfile.TemporaryDirectory() as folder:
        mt.draw(*made(name), dims=BUILTINS[name].dims).save(Path(folder) / "page.html")
        return (Path(folder) / "page.html").read_text(encoding="utf-8")


def derivation() -> str:
    """Batch normalization, derived."""
    return mt.derive(*made("batchnorm"), dims=BUILTINS["batchnorm"].dims).html


LIVING: dict[str, Callable[[], str]] = {
    **{f"{name}.html": lambda name=name: player(name) for name in BUILTINS},
    "derivation.html": derivation,
}
"""What makes each page, by its file."""
