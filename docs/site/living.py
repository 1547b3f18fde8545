"""The living pages of the site: circuits that play, the tutor's report, a derivation. Each is one file by itself.

A page says by ``<!-- living: NAME -->``, which a code host does not show, where it has one.
"""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import micrograd_tensor as mt
from micrograd_tensor.cli import main
from micrograd_tensor.cli.builtin_graphs import BUILTINS, made

TUTOR = Path(__file__).parents[1] / "tutor.md"
MARK = re.compile(r"^<!-- living: (\w+) -->$", re.MULTILINE)


def player(name: str) -> str:
    """A built-in graph as a page that plays it."""
    with tempfile.TemporaryDirectory() as folder:
        mt.draw(*made(name), dims=BUILTINS[name].dims).save(Path(folder) / "page.html")
        return (Path(folder) / "page.html").read_text(encoding="utf-8")


def report() -> str:
    """The tutor's report on the layer that its page shows."""
    first = re.search(r"^```python\n(.*?)^```$", TUTOR.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        exec(first[1])  # noqa: S102 -- it writes layers.py
        with contextlib.redirect_stdout(io.StringIO()):
            main(["check", "layers.py:batchnorm", "--hints", "3", "--html", "report.html"])
        return Path("report.html").read_text(encoding="utf-8")


def derivation() -> str:
    """Batch normalization, derived."""
    return mt.derive(*made("batchnorm"), dims=BUILTINS["batchnorm"].dims).html


LIVING: dict[str, Callable[[], str]] = {
    **{name: lambda name=name: player(name) for name in BUILTINS},
    "report": report,
    "derivation": derivation,
}
"""What makes each page, by its name."""

SHOWS = {"report": "The tutor's report on these lines", "derivation": "The derivation as a page"}


def embedded(text: str, to_docs: str) -> str:
    """A page with the living pages where its marks are: folded in, and loaded when they are unfolded."""

    def frame(mark: re.Match[str]) -> str:
        address, shown = f"{to_docs}living/{mark[1]}.html", SHOWS.get(mark[1], f"Play the circuit of {mark[1]}")
        return (
            f'<details class="living"><summary>{shown}</summary>\n'
            f'<iframe src="{address}" title="{shown}" loading="lazy"></iframe>\n'
            f'<p><a href="{address}">The same as a page of its own</a></p>\n</details>'
        )

    return MARK.sub(frame, text)
