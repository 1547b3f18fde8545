"""Theme: every colour by its role, for light pages and for dark ones, and the style sheet that switches them.

Graphviz writes the light colours into the picture. The style sheet finds them there again and replaces them by
variables, of which dark pages have other values; so every role needs a light colour of its own.
"""

from __future__ import annotations

COLOURS: dict[str, tuple[str, str]] = {
    "background": ("#ffffff", "#0f1419"),
    "ink": ("#1b1f24", "#e6edf3"),
    "muted": ("#57606a", "#9aa7b4"),
    "backward": ("#c5221f", "#ff8a80"),
    "backward-value": ("#9c3a36", "#e8a19b"),
    "gate": ("#f6f8fa", "#1c232b"),
    "data": ("#e8f0fe", "#17263d"),
    "param": ("#e7f5ea", "#16301f"),
    "constant": ("#f1f1f1", "#23272c"),
    "fork": ("#fff1f0", "#3a1a1a"),
    "scope": ("#fafbfc", "#141a20"),
    "scope-line": ("#d0d7de", "#313a44"),
}
"""Role: light, dark."""

LIGHT = {role: light for role, (light, _) in COLOURS.items()}

FONT, BOLD = "Arial", "Arial Bold"
"""What Graphviz asks the machine for; Liberation Sans answers to it where there is no Arial, with the same widths."""

FAMILY = "Arial,'Liberation Sans',Arimo,Helvetica,'DejaVu Sans',sans-serif"


def style_sheet() -> str:
    """The rules of every picture: light, dark where the page or the class ``dark`` says so, light in print."""
    light = "".join(f"--mt-{role}:{colour};" for role, (colour, _) in COLOURS.items())
    dark = "".join(f"--mt-{role}:{colour};" for role, (_, colour) in COLOURS.items())
    roles = "".join(
        f'.mt [fill="{colour}"]{{fill:var(--mt-{role})}}.mt [stroke="{colour}"]{{stroke:var(--mt-{role})}}'
        for role, colour in LIGHT.items()
    )
    return (
        f".mt{{{light}color-scheme:light dark}}.mt.dark{{{dark}}}"
        f"@media (prefers-color-scheme:dark){{.mt:not(.light){{{dark}}}}}"
        f"@media print{{.mt,.mt.dark,.mt:not(.light){{{light}}}}}"
        f".mt text{{font-family:{FAMILY};white-space:pre}}"
        ".mt .bwd path{stroke-dasharray:6 3.5}.mt .bwd polygon{stroke-dasharray:none}"
        f"{roles}"
    )
