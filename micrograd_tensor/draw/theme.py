"""Theme: every colour by its role, for light pages and for dark ones, and the style sheet that switches them.

Graphviz writes the light colours into the picture. The style sheet matches them there and replaces them by variables,
which have other values on dark pages; so every role needs a light colour of its own.
"""

from __future__ import annotations

import re

from ..graph.status import COLOURS as VERDICTS
from ..notation.webpage import COLOURS as PAGES

COLOURS: dict[str, tuple[str, str]] = {
    **VERDICTS,
    "backward": PAGES["backward"],
    "backward-value": ("#9c3a36", "#e8a19b"),
    "gate": ("#f6f8fa", "#1c232b"),
    "data": ("#e8f0fe", "#17263d"),
    "param": ("#e7f5ea", "#16301f"),
    "constant": ("#f1f1f1", "#23272c"),
    "fork": ("#fff1f0", "#3a1a1a"),
    "scope": ("#fafbfc", "#141a20"),
    "scope-line": ("#d0d7de", "#313a44"),
    "changed": ("#0b5fce", "#7cb7ff"),
    "positive": ("#d97706", "#f59e0b"),
    "negative": ("#2166ac", "#4f93d6"),
    "on-positive": ("#1b1f23", "#0f1418"),
    "on-negative": ("#fefefe", "#0f141a"),
}
"""Light and dark by role; those of verdicts, and of the page itself, are the same in every report."""

LIGHT = {role: light for role, (light, _) in COLOURS.items()}

FONT, BOLD = "Arial", "Arial Bold"
"""The font that Graphviz requests; without Arial it gets Liberation Sans, which has the same widths."""

FAMILY = "Arial,'Liberation Sans',Arimo,Helvetica,'DejaVu Sans',sans-serif"

_IN_DOT = re.compile(r'(color=")(#[0-9a-f]{6})([0-9a-f]{2})?"')

_PAGES = {
    "light": ("[data-jp-theme-light=false]", ".vscode-dark"),
    "dark": ("[data-jp-theme-light=true]", ".vscode-light"),
}
"""How notebooks mark pages of the other scheme, whatever the system's is."""


def style_sheet(scope: str | None = None) -> str:
    """The rules of a picture: light, dark where the page or the class ``dark`` says so, light in print.

    Args:
        scope: a class that no other picture on the page has, which keeps their rules apart.
    """
    mt = f".{scope or 'mt'}"
    light, dark = ("".join(f"--mt-{role}:{pair[k]};" for role, pair in COLOURS.items()) for k in range(2))
    rules = [
        f"{mt}{{{light}color-scheme:light dark}}{mt}.light{{color-scheme:light}}{mt}.dark{{{dark}color-scheme:dark}}",
        f"@media (prefers-color-scheme:dark){{{mt}:not(.light){{{dark}}}}}",
    ]
    if scope:
        for forced, colours in (("light", dark), ("dark", light)):
            rules.append(",".join(f"{page} {mt}:not(.{forced})" for page in _PAGES[forced]) + f"{{{colours}}}")
    rules += [
        f"@media print{{{mt * 4}{{{light}}}}}",
        f"{mt} text{{font-family:{FAMILY};white-space:pre;direction:ltr}}",
        f"{mt} .bwd path[stroke-dasharray^='5']{{stroke-dasharray:6 3.5}}{mt} .bwd polygon{{stroke-dasharray:none}}",
    ]
    # Renderers that know attribute selectors, but no variables, would paint black what these rules hold for.
    mapped = [
        f'{mt} [{paint}="{colour}"]{{{paint}:var(--mt-{role})}}'
        for role, colour in LIGHT.items()
        for paint in ("fill", "stroke")
    ]
    return "".join([*rules, f"@supports (fill:var(--mt-ink)){{{''.join(mapped)}}}"])


def in_theme(dot: str, theme: str) -> str:
    """DOT text in the colours of a theme, which is written in light ones.

    >>> in_theme('a [fontcolor="#1b1f24"]', "dark")
    'a [fontcolor="#e6edf3"]'
    """
    dark = dict(COLOURS.values()) if theme == "dark" else {}
    return _IN_DOT.sub(lambda found: f'{found[1]}{dark.get(found[2], found[2])}{found[3] or ""}"', dot)
