"""Web page: the frame of every page, which loads nothing and allows no style or script but its own.

The colours of a page follow the reader's light or dark scheme, a notebook's own, and are light in print.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from html import escape

from ..graph.status import COLOURS as VERDICTS

COLOURS: dict[str, tuple[str, str]] = {
    **VERDICTS,
    "line": ("#d0d7de", "#303b47"),
    "row": ("#f5f7f9", "#171e26"),
    "box": ("#fdf3f3", "#231a1d"),
    "backward": ("#c5221f", "#ff8a80"),
}
"""The colours of pages by role, on light ones and on dark ones: of verdicts and text, of lines, of the ground of a row
and of a box with a mistake in it, and of the backward pass."""


def variables(colours: Mapping[str, tuple[str, str]], dark: bool = False) -> str:
    """Colours as variables of a style sheet.

    >>> variables({"ink": ("#000000", "#ffffff")}, dark=True)
    '--ink:#ffffff;'
    """
    return "".join(f"--{role}:{pair[dark]};" for role, pair in colours.items())


def _style() -> str:
    light, dark = variables(COLOURS), variables(COLOURS, dark=True)
    return f"""
.mt-page {{ {light} color-scheme: light dark; color: var(--ink); background: var(--background); }}
@media (prefers-color-scheme: dark) {{ .mt-page {{ {dark} }} }}
[data-jp-theme-light="true"] .mt-page, .vscode-light .mt-page {{ {light} }}
[data-jp-theme-light="false"] .mt-page, .vscode-dark .mt-page {{ {dark} }}
@media print {{ .mt-page.mt-page {{ {light} }} }}
body.mt-page {{ margin: 0; }}
"""


STYLE = _style()
"""The rules of the class ``mt-page``, which has these colours."""

PAPER = "@page{margin:10mm}"
"""The margins of paper, which programs that print pages leave to these."""


def page(
    title: str, body: str, styles: Sequence[str], *, script: str = "", within: Sequence[str] = (), kind: str = "mt-page"
) -> str:
    """A whole page.

    Args:
        title: its title, as text.
        body: its contents, as markup.
        styles: its style sheets.
        script: what it runs.
        within: style sheets that stand in its contents.
        kind: the class of its body, which may be empty.

    >>> made = page("x < y", "<p>text</p>", [STYLE])
    >>> made.startswith("<!DOCTYPE html>"), "<title>x &lt; y</title>" in made, "script" in made
    (True, True, False)
    """
    styles = [*styles, PAPER]
    policy = ["default-src 'none'"]
    policy += [f"script-src {_hash(script)}"] if script else []
    policy += [f"style-src {' '.join(map(_hash, dict.fromkeys([*styles, *within])))}"]
    policy += ["base-uri 'none'", "form-action 'none'"]
    shown = "".join(f"<style>{style}</style>\n" for style in styles)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{"; ".join(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
{shown}</head>
<body{f' class="{kind}"' if kind else ""}>
{body}
{f"<script>{script}</script>{chr(10)}" if script else ""}</body>
</html>
"""


def _hash(text: str) -> str:
    """How a content security policy identifies a script or a style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
