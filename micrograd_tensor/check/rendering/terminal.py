"""A report in the terminal: tables, findings, and for each wrong stage the requested hints.

Wide terminals get all columns, narrow ones the verdicts, with the numbers in the hints. Every verdict has a sign and
words in addition to its colour; where the terminal's encoding lacks the signs, they are spelled in ASCII.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from io import StringIO

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ...graph.status import Status
from ...notation.alphabet import ASCII
from ..found import Found, Stage
from . import sentences

_WIDE, _NARROW = 100, 72
"""The least width of a table with all columns, and of one with shapes, in characters."""

STYLES = {"right": "green", "follows": "cyan", "wrong": "bold red", "note": "yellow", "muted": "dim"}
"""How `rich` prints the colour roles of verdicts."""


def text(report: Found, *, hints: int = sentences.HINTS, width: int = 120) -> str:
    """The report as plain text; ``hints`` from 0 to 3."""
    return plain(Shown(report, hints), width)


def plain(shown: RenderableType, width: int = 120, *, soft_wrap: bool = False) -> str:
    """What `rich` prints, as plain text."""
    written = StringIO()
    Console(file=written, width=width, color_system=None).print(shown, soft_wrap=soft_wrap)
    return "\n".join(line.rstrip() for line in written.getvalue().rstrip("\n").splitlines())


def show(
    report: Found, *, hints: int = sentences.HINTS, console: Console | None = None, option: str = "hints="
) -> None:
    """Print the report, in colour where the terminal has it; ``option``: how more hints are asked for."""
    (console or Console()).print(Shown(report, hints, option=option))


@dataclass(frozen=True, slots=True)
class Shown:
    """A report with some of its hints, as `rich` prints it; the console says its width and alphabet."""

    report: Found
    hints: int = sentences.HINTS
    width: int = 0
    ascii_only: bool = False
    option: str = "hints="

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        yield from replace(self, width=options.max_width, ascii_only=options.ascii_only).parts()

    def parts(self) -> Iterator[RenderableType]:
        """Everything that is shown, from the top."""
        report = self.report
        for section in sentences.preliminaries(report):
            yield from self.section(section)
        if verdict := sentences.forward_verdict(report):
            yield self.line(verdict, STYLES[Status.RIGHT.role])
            yield Text()
        for stages, title, d in sentences.tables(report):
            yield self.table(stages, title, d)
            yield from self.below(stages, d)
        yield from self.mistakes()
        properties = sentences.invariants(report)
        if properties.items and self.hints > 1:
            yield from self.section(properties)
        for section in sentences.afterthoughts(report):
            yield from self.section(section)
        yield self.line(sentences.headline(report), "bold green" if report.ok else "bold red")

    def section(self, section: sentences.Section) -> Iterator[RenderableType]:
        """Sentences one below the other, each with a sign before it."""
        style = STYLES.get(section.role, "")
        if section.title:
            yield self.line(section.title, style if "bold" in style else f"bold {style}".strip())
        for sentence in section.items:
            yield self.pair(section.sign, sentence, "" if section.title else style)
        if section.role != "muted":
            yield Text()

    # ------------------------------------------------------------------------------------------------------ the tables

    def table(self, stages: Mapping[str, Stage], title: str, d: str) -> Table:
        """A row for each stage."""
        wide, narrow = self.width >= _WIDE, self.width < _NARROW
        cells = {name: sentences.worst_cells(stage) for name, stage in stages.items()}
        numbers = wide and any(place for _, place, _, _ in cells.values())
        table = Table(
            title=self.said(title),
            title_justify="left",
            title_style="bold",
            box=box.HEAVY_HEAD if wide else box.SIMPLE_HEAD,
            padding=(0, 1) if wide else (0, 1, 0, 0),
            pad_edge=wide,
        )
        table.add_column("gradient" if d else "value", overflow="fold")
        if not narrow:
            table.add_column("shape")
        table.add_column("verdict")
        table.add_column("error", justify="right", no_wrap=True)
        if numbers:
            table.add_column("worst at")
            table.add_column("by hand", justify="right")
            table.add_column("expected", justify="right")
        for name, stage in stages.items():
            table.add_row(
                self.line(f"{d}{sentences.shown(stage.name)}"),
                *([] if narrow else [sentences.shapes(stage)]),
                self.line(f"{self.sign(stage.status)} {stage.status}", STYLES[stage.status.role]),
                *(cells[name] if numbers else cells[name][:1]),
            )
        return table

    def below(self, stages: Mapping[str, Stage], d: str) -> Iterator[RenderableType]:
        """The meaning of the verdicts, and remarks on single stages."""
        for status, sentence in sentences.remarks(stages.values(), d):
            sign, style = (self.sign(status), STYLES[status.role]) if status is not None else ("·", "")
            yield self.pair(sign, sentence, style)
        yield Text()

    # ------------------------------------------------------------------------------------------------------- the hints

    def mistakes(self) -> Iterator[RenderableType]:
        """The hints to each wrong stage, forward ones first."""
        wrong = sentences.mistakes(self.report) if self.hints else []
        for mistake in wrong:
            yield self.line(f"{self.sign(Status.WRONG)} {mistake.name} is wrong", STYLES[Status.WRONG.role])
            grid = _grid()
            for hint in mistake.hints()[: self.hints]:
                first, *rest = [*hint.code, *hint.paragraphs] or [""]
                grid.add_row(Text(f"{hint.number} {hint.title}", "bold"), self.line(first))
                for paragraph in rest:
                    grid.add_row("", self.line(paragraph))
            yield Padding(grid, (0, 0, 1, 2))
        if wrong and self.hints < sentences.HINTS:
            last = {mistake.hints()[-1].title for mistake in wrong}
            fix = next(title for title in sentences.LAST if title in last)
            kind = f"{self.option}2 says what kind of mistake, {self.option}3 {fix}"
            more = kind if self.hints == 1 else f"{self.option}3 says {fix}"
            yield self.line(f"There is more to know: {more}.", "dim")
            yield Text()

    # ------------------------------------------------------------------------------------------------------- the parts

    def pair(self, sign: str, sentence: str, style: str = "") -> Table:
        """A sign, and a sentence whose further lines are indented below its first."""
        grid = _grid()
        grid.add_row(Text(self.said(sign), style), self.line(sentence, style if style == "dim" else ""))
        return grid

    def line(self, sentence: str, style: str = "") -> Text:
        """Text in this terminal's alphabet; nothing in it is taken for markup."""
        return Text(self.said(sentence), style)

    def sign(self, status: Status) -> str:
        """The sign of a verdict."""
        return "." if self.ascii_only and status == Status.NOT_GIVEN else self.said(status.sign)

    def said(self, sentence: str) -> str:
        """A sentence in this terminal's alphabet."""
        sentence = sentences.clean(sentence)
        if not self.ascii_only:
            return sentence
        return sentence.translate(ASCII).encode("ascii", "replace").decode()


def _grid() -> Table:
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    return grid
