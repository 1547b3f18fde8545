"""What the theme leaves out for those who do not see a page, or use no mouse; axe asks for it."""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx

ADDED = {
    "<pre>": '<pre tabindex="0">',  # long lines are reached by the keyboard
    '<div class="table-wrapper': '<div tabindex="0" class="table-wrapper',  # and wide tables
    '<div id="search-results"></div>': '<h1>Search</h1><div id="search-results"></div>',
    'class="caption" role="heading"': 'class="caption" role="heading" aria-level="2"',
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="All pages">',
    '<aside class="toc-drawer">': '<aside class="toc-drawer" aria-label="This page">',
    '<aside class="toc-drawer no-toc">': '<aside class="toc-drawer no-toc" aria-label="This page">',
}
"""What is written in a page, and what is written instead."""

EMPTY_HEADING = re.compile(r'<th class="head[^"]*"><p></p></th>')
"""A column without a heading, for which Markdown has no other spelling."""


def complete(app: Sphinx, error: Exception | None) -> None:
    """Complete every page that the theme has written; pages that were copied as they are stay so."""
    if error or app.builder.name != "html":
        return
    for name in [*app.env.found_docs, "search", "genindex"]:
        path = Path(app.outdir, f"{name}.html")
        if path.exists():
            complete_page(path)
    for path in Path(app.outdir, "_modules").glob("**/*.html"):
        complete_page(path)


def complete_page(path: Path) -> None:
    """Complete a page."""
    text = path.read_text(encoding="utf-8")
    for there, instead in ADDED.items():
        text = text.replace(there, instead)
    path.write_text(EMPTY_HEADING.sub("<td></td>", text), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Have Sphinx do it when all pages are written."""
    app.connect("build-finished", complete)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
