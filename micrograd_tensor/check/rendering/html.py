"""A report as a page of its own: light and dark, without scripts, with hints that unfold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape, unescape
from pathlib import Path

from ...graph.status import Status
from ...notation import webpage
from ..found import Found, Stage
from . import sentences

STYLE = webpage.STYLE + Path(__file__).with_name("report.css").read_text(encoding="utf-8")

_HIGH = 2.2
"""How many times as high as wide a picture is at most that can be read on one sheet of paper."""
_HEADINGS = ("shape", "verdict", "error", "worst at", "by hand", "expected")


def page(
    report: Found,
    title: str = "Gradients by hand",
    about: str = "",
    source: Sequence[tuple[int, str]] = (),
    circuit: str = "",
    but: str = "",
) -> str:
    """A whole page, which loads nothing and runs nothing; the arguments as `Report.to_html` takes them."""
    said = f'<p class="muted">{_text(about)}</p>' if about else ""
    shown = f'<h2>The circuit, with the verdicts</h2><div class="scroll" tabindex="0">{circuit}</div>'
    picture = f'<section class="drawn{_on_a_sheet(circuit)}">{shown}</section>\n' if circuit else ""
    _, *rest = _parts(report)
    first = _heading(report, but)
    body = "\n".join((first, said, *_source(report, source), *rest, picture))
    within = [unescape(text) for text in re.findall(r"<style>(.*?)</style>", circuit, re.DOTALL)]
    return webpage.page(sentences.clean(title), f'<main class="mt-report">\n{body}\n</main>', [STYLE], within=within)


def _on_a_sheet(circuit: str) -> str:
    """The class of a picture that can be read when it is as high as a sheet of paper, which could cut it anywhere."""
    found = re.search(r'<svg[^>]* width="([\d.]+)(?:px|pt)?" height="([\d.]+)', circuit)
    return " whole" if found and float(found[2]) <= _HIGH * float(found[1]) else ""


def fragment(report: Found) -> str:
    """The report for a notebook's cell, with a style of its own that affects nothing else."""
    return f'<style>{STYLE}</style>\n<div class="mt-page mt-report">\n{_joined(report)}\n</div>'


def _source(report: Found, source: Sequence[tuple[int, str]]) -> Iterator[str]:
    """The user's lines, each with the sign of the gradient that it assigns; marked are all that may be wrong."""
    if not source:
        return
    statuses = {line: report.stages[name].status for name, lines in report.lines.items() for line, _ in lines}
    for name in report.fixes:
        statuses |= {line: Status.RIGHT_GIVEN for line, _ in report.lines.get(name, ())}
    for name in {*report.wrong} - {*report.fixes}:
        statuses |= {line: Status.WRONG for line, _ in (*report.lines.get(name, ()), *report.before.get(name, ()))}
    statuses |= {fix.line: Status.WRONG for fix in report.fixes.values()}
    lines = []
    for number, text in source:
        status = statuses.get(number)
        sign, role = (status.sign, status.role) if status is not None else (" ", "muted")
        marked = ' class="marked"' if status == Status.WRONG else ""
        lines.append(f'<span{marked}><span class="{role}">{sign} {number:4d}</span>  {_text(text.rstrip())}\n</span>')
    yield f'<h2>The backward pass</h2><pre class="scroll" tabindex="0">{"".join(lines)}</pre>'


def _joined(report: Found) -> str:
    return "\n".join(_parts(report))


def _heading(report: Found, but: str = "") -> str:
    said = " ".join(filter(None, [sentences.headline(report), but]))
    return f'<h1 class="{"right" if report.ok and not but else "wrong"}">{_text(said)}</h1>'


def _parts(report: Found) -> Iterator[str]:
    yield _heading(report)
    for section in sentences.preliminaries(report):
        yield from _section(section)
    if verdict := sentences.forward_verdict(report):
        yield f'<p class="right">{_text(verdict)}</p>'
    for table in sentences.tables(report):
        yield from _table(*table)
    yield from _mistakes(report)
    properties = sentences.invariants(report)
    if properties.items:
        yield f"<details><summary>{properties.title}</summary>{_list(properties.items)}</details>"
    for section in sentences.afterthoughts(report):
        yield from _section(section)


def _section(section: sentences.Section) -> Iterator[str]:
    if section.title:
        yield f'<h2 class="{section.role}">{section.title}</h2>'
    yield _list(section.items, section.role if not section.title else "")


def _table(stages: Mapping[str, Stage], title: str, d: str) -> Iterator[str]:
    headings = "".join(f'<th scope="col">{heading}</th>' for heading in ("gradient" if d else "value", *_HEADINGS))
    yield f'<div class="scroll" role="region" tabindex="0" aria-label="{_text(title)}"><table>'
    yield f"<caption>{_text(title)}</caption>"
    yield f"<thead><tr>{headings}</tr></thead>"
    yield "<tbody>"
    for stage in stages.values():
        numbers = "".join(f'<td class="number">{_text(cell)}</td>' for cell in sentences.worst_cells(stage))
        sign = f'<span class="sign" aria-hidden="true">{stage.status.sign}</span>'
        yield (
            f'<tr><th scope="row">{d}{_text(sentences.shown(stage.name))}</th><td>{_text(sentences.shapes(stage))}</td>'
            f'<td class="{stage.status.role}">{sign}{stage.status}</td>{numbers}</tr>'
        )
    yield "</tbody></table></div>"
    yield _list(sentence for _, sentence in sentences.remarks(stages.values(), d))


def _mistakes(report: Found) -> Iterator[str]:
    wrong = sentences.mistakes(report)
    if wrong:
        yield "<h2>Hints, to be opened one by one</h2>"
    for mistake in wrong:
        name = _text(mistake.name)
        yield f'<section class="mistake"><h3><span class="wrong">✗</span> <code>{name}</code> is wrong</h3>'
        for hint in mistake.hints():
            yield f"<details><summary>{hint.number} {hint.title}</summary>"
            yield from (f"<p><code>{_text(line)}</code></p>" for line in hint.code)
            yield from (f"<p>{_text(paragraph)}</p>" for paragraph in hint.paragraphs)
            yield "</details>"
        yield "</section>"


def _list(items: Iterable[str], role: str = "") -> str:
    found = "".join(f"<li>{_text(sentence)}</li>" for sentence in items)
    return f'<ul class="{role}">{found}</ul>' if found else ""


def _text(sentence: str) -> str:
    """Text escaped for HTML."""
    return escape(sentences.clean(sentence), quote=True)
