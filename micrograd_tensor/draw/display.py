"""Display: a picture or a page shown at once, in a notebook or in the browser."""

from __future__ import annotations

import base64
import sys
import tempfile
import webbrowser
from html import escape
from importlib import import_module
from pathlib import Path
from typing import Any

from .errors import DrawError


def image(svg: str, width: float, said: str) -> str:
    """A picture as HTML that notebooks show at its own size and let scroll, also in a file that is not trusted.

    Where a notebook is not trusted, elements of SVG are removed, and their text is left; an image stays. And the style
    sheets of notebooks shrink pictures to the page, until the numbers in them can no longer be read.
    """
    data = base64.b64encode(svg.encode()).decode()
    return (
        f'<div style="overflow-x:auto"><img style="max-width:none" width="{width:g}" alt="{escape(said)}" '
        f'src="data:image/svg+xml;base64,{data}"/></div>'
    )


def frame(page: str, said: str) -> str:
    """A page as part of a notebook."""
    look = 'style="width:100%;height:80vh;border:0"'
    return f'<iframe title="{escape(said)}" sandbox="allow-scripts" {look} srcdoc="{escape(page)}"></iframe>'


class Html:
    """What a notebook displays as it is."""

    def __init__(self, html: str) -> None:
        self.html = html

    def _repr_html_(self) -> str:
        return self.html


def in_notebook() -> bool:
    """Whether this runs in the kernel of a notebook."""
    python = sys.modules.get("IPython")  # loaded there in any case
    return python is not None and getattr(python.get_ipython(), "kernel", None) is not None


def display(shown: Any) -> None:
    """Display an object in the notebook."""
    import_module("IPython.display").display(shown)


def opened(asked: str, content: str, suffix: str) -> None:
    """Open a picture or a page in the browser, from a file that stays as long as the system keeps such files.

    Raises:
        DrawError: where no browser can be opened.
    """
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", prefix="circuit-", suffix=suffix, delete=False) as file:
        file.write(content)
    address = Path(file.name).as_uri()
    if not webbrowser.open(address):
        raise DrawError(f"{asked}: no browser can be opened here; open {address}, or save the picture")
