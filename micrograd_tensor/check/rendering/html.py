"""A report as a page of its own: light and dark, without scripts, each hint closed until it is opened."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from html import escape

from ...graph.status import COLOURS, Status
from ..found import Found, Stage
from . import sentences

PAGE = {"line": ("#d0d7de", "#303b47"), "row": ("#f5f7f9", "#171e26"), "box": ("#fdf3f3", "#231a1d")}
"""What only the page has: lines, the row under the pointer, the box around a mistake."""
LIGHT, DARK = (
    " ".join(f"--{role}: {colours[scheme]};" for role, colours in (COLOURS | PAGE).items()) for scheme in (0, 1)
)

STYLE = f"""
.mt-report {{ {LIGHT} color-scheme: light dark; color: var(--ink); background: var(--background); max-width: 62rem;
  font: 15px/1.5 system-ui, sans-serif; padding: 1px 1rem 1rem; }}
@media (prefers-color-scheme: dark) {{ .mt-report {{ {DARK} }} }}
[data-jp-theme-light="true"] .mt-report, .vscode-light .mt-report {{ {LIGHT} }}
[data-jp-theme-light="false"] .mt-report, .vscode-dark .mt-report {{ {DARK} }}
.mt-report h1 {{ font-size: 1.35rem; line-height: 1.3; margin: 1.2rem 0 .8rem; }}
.mt-report h2 {{ font-size: 1.05rem; margin: 1.6rem 0 .4rem; }}
.mt-report h3 {{ font-size: 1rem; margin: 0 0 .5rem; }}
.mt-report .scroll {{ overflow-x: auto; }}
.mt-report table {{ border-collapse: collapse; margin: .3rem 0; color: inherit; }}
.mt-report caption {{ text-align: left; font-weight: 600; padding: .3rem 0; }}
.mt-report th, .mt-report td {{ text-align: left; padding: .28rem .8rem .28rem .4rem; white-space: nowrap;
  border-bottom: 1px solid var(--line); background: none; }}
.mt-report thead th {{ color: var(--muted); font-weight: 600; font-size: .86em; }}
.mt-report tbody tr:hover {{ background: var(--row); }}
.mt-report tbody th, .mt-report code, .mt-report .number {{ font-family: ui-monospace, "DejaVu Sans Mono", monospace;
  font-size: .92em; font-weight: 500; }}
.mt-report .number {{ text-align: right; font-variant-numeric: tabular-nums; }}
.mt-report .right {{ color: var(--right); }} .mt-report .follows {{ color: var(--follows); }}
.mt-report .wrong {{ color: var(--wrong); font-weight: 700; }} .mt-report .note {{ color: var(--note); }}
.mt-report .muted {{ color: var(--muted); }}
.mt-report .sign {{ display: inline-block; width: 1.2em; }}
.mt-report ul {{ margin: .3rem 0; padding-left: 1.2rem; }}
.mt-report li {{ white-space: pre-wrap; overflow-wrap: anywhere; }}
.mt-report .mistake {{ border: 1px solid var(--line); border-left: 4px solid var(--wrong); border-radius: 4px;
  background: var(--box); padding: .7rem .9rem; margin: .7rem 0; }}
.mt-report summary {{ cursor: pointer; font-weight: 600; padding: .15rem 0; }}
.mt-report details p {{ margin: .2rem 0 .4rem 1.1rem; overflow-wrap: anywhere; }}
.mt-report :focus-visible {{ outline: 2px solid var(--follows); outline-offset: 2px; }}
"""

PAGE_STYLE = f"""
body {{ margin: 0; background: {COLOURS["background"][0]}; }}
@media (prefers-color-scheme: dark) {{ body {{ background: {COLOURS["background"][1]}; }} }}
.mt-report {{ margin: 0 auto; }}
@media print {{ .mt-report {{ {LIGHT} }} body {{ background: {COLOURS["background"][0]}; }} }}
"""


def page(report: Found, title: str = "Gradients by hand") -> str:
    """A whole page, which loads nothing and runs nothing."""
    style = STYLE + PAGE_STYLE
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'"
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{_text(title)}</title>",
            f"<style>{style}</style>",
            "</head>",
            "<body>",
            '<main class="mt-report">',
            *_parts(report),
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def fragment(report: Found) -> str:
    """The report for a notebook's cell, with its own style, which touches nothing around it."""
    return "\n".join([f"<style>{STYLE}</style>", '<div class="mt-report">', *_parts(report), "</div>"])


def _parts(report: Found) -> Iterator[str]:
    verdict = "right" if report.ok else "wrong"
    yield f'<h1 class="{verdict}">{_text(sentences.headline(report))}</h1>'
    disagree = any(not oracle.agree for oracle in report.oracles)
    if disagree:
        yield '<h2 class="wrong">The oracles disagree, so none of this can be trusted yet</h2>'
        yield from _list(sentences.oracles(report))
    if report.remarks:
        yield from _list(report.remarks)
    if report.findings:
        yield '<h2 class="note">What this test point cannot tell apart</h2>'
        yield from _list(map(str, report.findings))
    if sentences.uses_right_values(report):
        yield (
            f'<p class="right">{_text(sentences.forward_verdict(report))}</p>'
            if sentences.forward_verdict(report)
            else ""
        )
    else:
        given = {name: stage for name, stage in report.forward.items() if stage.status != Status.NOT_GIVEN}
        yield from _table(report, given, "Forward values", "")
    yield from _table(report, report.stages, "Gradients, in backward order", "d")
    yield from _mistakes(report)
    if sentences.invariants(report):
        yield "<details><summary>Properties that your gradients should have, and do not</summary>"
        yield from _list(sentences.invariants(report))
        yield "</details>"
    if report.unused:
        yield "<h2>Left aside: arrays of a stage's shape under names that are no stage</h2>"
        yield from _list(f"{sentences.shown(name)}: {reason}" for name, reason in report.unused.items())
    if report.oracles and not disagree:
        yield f'<p class="muted">{_text(" ".join(sentences.oracles(report)))}</p>'


def _table(report: Found, stages: Mapping[str, Stage], title: str, d: str) -> Iterator[str]:
    tolerance = f", tolerance {report.rtol:.1e}" if report.rtol is not None else ""
    headings = (f"{'gradient' if d else 'value'}", "shape", "verdict", "error", "worst at", "by hand", "expected")
    yield f'<div class="scroll" role="region" tabindex="0" aria-label="{_text(title)}"><table>'
    yield f"<caption>{_text(title + tolerance)}</caption>"
    yield "<thead><tr>" + "".join(f'<th scope="col">{heading}</th>' for heading in headings) + "</tr></thead>"
    yield "<tbody>"
    for stage in stages.values():
        error, place, mine, expected = map(_text, sentences.worst_cells(stage))
        sign = f'<span class="sign" aria-hidden="true">{stage.status.sign}</span>'
        yield (
            f'<tr><th scope="row">{d}{_text(sentences.shown(stage.name))}</th><td>{_text(sentences.shapes(stage))}</td>'
            f'<td class="{stage.status.role}">{sign}{stage.status}</td>'
            f'<td class="number">{error}</td><td class="number">{place}</td>'
            f'<td class="number">{mine}</td><td class="number">{expected}</td></tr>'
        )
    yield "</tbody></table></div>"
    meanings = [f"{status}: {status.meaning}" for status in sentences.legend(stages.values())]
    yield from _list([*meanings, *(f"{name}: {note}" for name, note in sentences.notes(stages.values(), d))])


def _mistakes(report: Found) -> Iterator[str]:
    wrong = [(name, True) for name in report.wrong_forward] + [(name, False) for name in report.wrong]
    if wrong:
        yield "<h2>Hints, to be opened one by one</h2>"
    for name, forward in wrong:
        gradient = f"{'' if forward else 'd'}{sentences.shown(name)}"
        yield f'<section class="mistake"><h3><span class="wrong">✗</span> <code>{_text(gradient)}</code> is wrong</h3>'
        for hint in sentences.hints(report, name, forward=forward):
            yield f"<details><summary>{hint.number} {hint.title}</summary>"
            for line in hint.code:
                yield f"<p><code>{_text(line)}</code></p>"
            for paragraph in hint.paragraphs:
                yield f"<p>{_text(paragraph)}</p>"
            yield "</details>"
        yield "</section>"


def _list(sentences: Iterable[str]) -> Iterator[str]:
    found = [f"<li>{_text(sentence)}</li>" for sentence in sentences]
    if found:
        yield f"<ul>{''.join(found)}</ul>"


def _text(sentence: str) -> str:
    """Text that HTML shows as it stands."""
    return escape(sentences.clean(sentence), quote=True)
