"""What a report says, wherever it is shown: the sentences, and the three hints of a wrong stage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from ...graph import Node, named_nodes
from ...graph.status import Status
from ...notation import counted
from ...notation.printable import listed
from ..found import Diagnosis, Found, Stage
from ..mistakes.telling import MAX_RULE, what_belongs_there
from ..wording import as_slope, as_written, in_numpy, in_words_of, of_any_size

HINTS = 3
"""The number of hints to a wrong stage: where it is, what kind of mistake, and the fix."""
LAST = ("the fix", "the rule", "what is due")
"""What the last of them is: the line as it should be, or else the rule in mathematics, or at least the numbers."""
_MAX_NAME, _MAX_LINE = 40, 160
"""The longest name and the longest line of source that are shown in full, in characters."""
_MAX_STATEMENTS = 8
"""Where more lines than this may be wrong, those that assign the gradient are shown, and of others their numbers."""
_ALTERNATIVES = 2
"""How many further hypotheses are shown if they explain the numbers too."""


class Hint(NamedTuple):
    """One of the three hints to a wrong stage.

    Attributes:
        number: from 1.
        title: its heading.
        code: lines of source.
        paragraphs: the text.
    """

    number: int
    title: str
    code: tuple[str, ...]
    paragraphs: tuple[str, ...]


class Section(NamedTuple):
    """Sentences under a heading, each an item of a list.

    Attributes:
        title: the heading, or "".
        items: the sentences.
        role: the colour role of the heading or, without one, of the sentences; or "".
        sign: the sign before each sentence in place of a bullet.
    """

    title: str
    items: tuple[str, ...]
    role: str = ""
    sign: str = "·"


# ------------------------------------------------------------------------------------------------------------ the whole


def headline(report: Found) -> str:
    """The verdict on the whole, in a sentence or two."""
    gradients = [f"d{shown(name)}" for name in report.wrong]
    values = [shown(name) for name in report.wrong_forward]
    said = []
    if values:
        said.append(f"{_are(len(values), 'forward value')} wrong: {listed(values)}.")
    if gradients:
        said.append(f"{_are(len(gradients), 'gradient')} wrong: {listed(gradients)}.")
    unjudged = [shown(key) for key, why in report.unjudged.items() if why != "it is None"]
    if unjudged:
        said.append(f"{listed(unjudged)} {'was' if len(unjudged) == 1 else 'were'} given, but could not be judged.")
    if said:
        return " ".join(said)
    hidden = " But this point hides mistakes: see what it cannot tell apart." if report.findings else ""
    if not is_complete(report):
        return f"Nothing wrong so far; {counted(len(report.not_given), 'stage')} to go."
    if report.not_given:
        between = counted(len(report.not_given), "stage in between was", "stages in between were")
        named = named_nodes(report.graph) if report.graph is not None else {}
        inputs = [name for name, node in named.items() if node.is_leaf and node.requires_grad]
        left_out = [shown(name) for name in inputs if name not in report.stages]
        every = f"all inputs but {listed(left_out)}" if left_out else "all inputs"
        return f"The gradients of {every} are right; {between} not given.{hidden}"
    count = len(given(report.stages))
    right = f"All {count} gradients are right." if count > 1 else "The gradient is right."
    return right + hidden


def is_complete(report: Found) -> bool:
    """Whether the gradients of all inputs were given; those of the stages in between may be left out."""
    missing = set(report.not_given)
    if report.graph is None:
        return not missing
    named = named_nodes(report.graph)
    return not any(named[name].is_leaf for name in missing if name in named)


def preliminaries(report: Found) -> list[Section]:
    """Before the tables: oracles that disagree, remarks, and what the point cannot tell apart."""
    unjudged = tuple(f"{shown(key)}: {why}" for key, why in report.unjudged.items() if why != "it is None")
    disagree = [f"{shown(oracle.name)}: {oracle.text}" for oracle in report.oracles if not oracle.agree]
    sections = (
        Section("The oracles disagree, so none of this can be trusted yet", tuple(disagree), "wrong"),
        Section("Given, but not judged", unjudged, "wrong"),
        Section("", report.remarks, sign="!"),
        Section("What this test point cannot tell apart", tuple(map(str, report.findings)), "note"),
    )
    return [section for section in sections if section.items]


def invariants(report: Found) -> Section:
    """The properties that the given gradients fail to have, and what would restore them.

    Where every mistake is known by its kind, properties that are lost with it tell nothing more.
    """
    wrong = mistakes(report)
    explained = bool(wrong) and all(mistake.found for mistake in wrong)
    failing = [invariant for invariant in report.invariants if not (invariant.holds or explained)]
    failing = [i for i in failing if i.branch or "directions" not in i.text]  # that many tell nothing by themselves
    items = tuple(f"d{shown(i.name)}: {i.text}{f'; {i.branch}' if i.branch else ''}" for i in failing)
    return Section("Properties that your gradients should have, but don't", items)


def afterthoughts(report: Found) -> list[Section]:
    """After the tables: unused arrays, and the agreement of the oracles."""
    unused = tuple(f"{shown(name)}: {reason}" for name, reason in report.unused.items() if reason)
    helpers = [shown(name) for name, reason in report.unused.items() if not reason]
    matched = tuple(f"{shown(key)} is {text}" for key, text in report.matched.items() if "without a name" not in text)
    sections = [Section("Known by their values", matched)] if matched else []
    sections += [Section("Left aside: arrays of a stage's shape that belong to no stage", unused)] if unused else []
    if helpers:
        text = f"Not judged by itself, as forward has no such value: {helpers[0]}."
        if len(helpers) > 1:
            text = f"Not judged by themselves, as forward has no such values: {listed(helpers)}."
        sections.append(Section("", (text,), "muted"))
    if report.oracles and all(oracle.agree and np.isfinite(oracle.recorded) for oracle in report.oracles):
        every = all(oracle.complex_step is not None for oracle in report.oracles)
        others = "a complex step and central differences" if every else "central differences"
        agree = f"The recorded gradients agree with {others}, along a random direction of each input."
        sections.append(Section("", (agree,), "muted"))
    return sections


def given(stages: Mapping[str, Stage]) -> dict[str, Stage]:
    """The stages that were given."""
    return {name: stage for name, stage in stages.items() if stage.status != Status.NOT_GIVEN}


class Table(NamedTuple):
    """The stages of one pass, the title of their table, and what precedes their names."""

    stages: Mapping[str, Stage]
    title: str
    d: str


def tables(report: Found) -> list[Table]:
    """The table of the gradients, and before it one of the forward values unless they are all right."""
    tolerance = f", tolerance {report.rtol:.1e}" if report.rtol is not None else ""
    gradients = Table(report.stages, f"Gradients, in backward order{tolerance}", "d")
    if forward_verdict(report) is not None:
        return [gradients]
    return [Table(given(report.forward), f"Forward values{tolerance}", ""), gradients]


def forward_verdict(report: Found) -> str | None:
    """The verdict on the forward values in a sentence, if they are all right; "" where there are none."""
    given = {stage.status for stage in report.forward.values()} - {Status.NOT_GIVEN}
    if given - {Status.RIGHT}:
        return None
    return f"{Status.RIGHT.sign} The forward values that it uses are right." if given else ""


def remarks(stages: Iterable[Stage], d: str) -> list[tuple[Status | None, str]]:
    """What those verdicts mean that occur and need an explanation, and remarks on single stages."""
    stages = list(stages)
    present = {stage.status for stage in stages}
    explained = (Status.RIGHT_GIVEN, Status.WRONG_SHAPE, Status.HARMLESS, Status.ANOTHER)
    blame = "was not judged" if Status.NOT_JUDGED in present and Status.WRONG not in present else "is wrong"
    meanings = [
        (status, f"{status}: {status.meaning.replace('is wrong', blame)}") for status in explained if status in present
    ]
    told = [stage for stage in stages if stage.note and stage.status != Status.NOT_JUDGED]  # that is told before
    notes = [(None, f"{d}{shown(stage.name)}: {stage.note}") for stage in told]
    return [*meanings, *notes]


# ------------------------------------------------------------------------------------------------------------ the hints


class Mistake:
    """A stage that is wrong itself.

    Args:
        report: which says so.
        name: of the tensor.
        forward: whether it is a forward value, not a gradient.

    Attributes:
        name: of the value or the gradient.
        found: the hypotheses that explain it.
    """

    def __init__(self, report: Found, name: str, forward: bool) -> None:
        self._graph, self._forward, self._d = report.graph, forward, "" if forward else "d"
        self._stages = report.forward if forward else report.stages
        self._stage = self._stages[name]
        self._unjudged = {key.casefold() for key in report.unjudged}
        self._lines = () if forward else report.lines.get(name, ())
        self._before = () if forward else report.before.get(name, ())
        self._helpers = tuple(key for key in report.unused if key[:1] == "d") if not report.lines else ()
        key = f"forward:{name}" if forward else name
        self._own = report.wrong_stages.get(key)
        self._follow = () if forward else report.follow.get(name, ())
        self._fix = None if forward else report.fixes.get(name)
        self._sizes, self._written, self._plain = report.sizes, report.written, report.plain
        self._slope = report.slope
        self._calls = any(line in report.calling for line, _ in (*self._lines, *self._before))
        self._called = {f"d{n}": k for n, k in report.keys.items() if k.isidentifier()}
        self.name = f"{self._d}{shown(name)}"
        found = report.diagnosis.get(key, ())
        self.found: Sequence[Diagnosis] = [replace(x, fix=in_numpy(x.fix)) for x in found] if self._plain else found

    def hints(self) -> tuple[Hint, Hint, Hint]:
        """The three graded hints: where it is, what kind of mistake, and the fix, or else the rule, with its proof."""
        lines = {*self._before, *self._lines}
        if self._fix is not None:
            lines = {(self._fix.line, self._fix.before)}
        own = lines if len(lines) <= _MAX_STATEMENTS else {*self._lines[:_MAX_STATEMENTS]}
        statements = tuple(f"line {line}: {shown(text, _MAX_LINE)}" for line, text in sorted(own))
        if len(own) < len(lines):
            others = _numbers(sorted({line for line, _ in lines - own}))
            statements += (f"lines {others}",)
        if self._fix is not None:
            at = f"line {self._fix.line}"
            if self._fix.follows:
                at = f"after {at}{', outside the loop' if 'loop' in self._fix.follows else ''}"
            fix, rule = f"{at}: {clean(self._fix.text)}" if self._fix.text else f"leave out {at}", ""
        elif self.found:
            fix, rule = self.found[0].fix, self.found[0].rule
            rule = rule if len(rule) <= MAX_RULE else ""
        else:
            fix, rule = what_belongs_there(self._own) if self._own is not None else ("", "")
            fix = in_words_of(in_numpy(fix) if self._plain else fix, self._sizes, self._called)
            fix = as_written(fix, self._written)
        if self._plain and self._fix is None:
            fix = of_any_size(fix)
        if self._slope and self._fix is None:
            fix, rule = (as_slope(x, self._slope) if x else "" for x in (fix, rule))
        return (
            Hint(1, "where", statements, tuple(self._where())),
            Hint(2, "what kind", (), tuple(self._kind())),
            Hint(
                3,
                LAST[0] if fix else LAST[1] if rule else LAST[2],
                tuple((fix or rule).splitlines()),
                tuple(self._proof()),
            ),
        )

    def _where(self) -> Iterator[str]:
        stage = self._stage
        if stage.given_shape is not None and stage.given_shape != stage.shape:
            yield self._of_shape(stage.given_shape)
        if stage.worst is not None:
            index, mine, expected = stage.worst
            mine, expected = apart(mine, expected)
            at = f" at {list(index)}" if index else ""
            yield f"{self._how_many()}{at}: {mine} by hand, {expected} expected."
        sources = self._sources()
        if self._fix is not None:
            follows, others = self._fix.follows, listed([f"d{shown(n)}" for n in self._follow])
            said = f"A line is missing after {follows}" if follows else "The mistake is in this line"
            yield f"{said}{'; that' if follows else ', which'} makes {others} wrong, too." if others else f"{said}."
        elif self._follow:
            others = listed([f"d{shown(name)}" for name in self._follow])
            yield f"One mistake makes this and {others} wrong, so it lies before them, on the way to all of them."
        elif sources:
            yield self._made_from(sources)

    def _of_shape(self, given_shape: tuple[int, ...]) -> str:
        """What is given, where it has another shape: one number may stand for all of an array."""
        own, expected = self._own, np.asarray(self._own.expected if self._own is not None else 0.0)
        one = bool(expected.size) and bool(np.all(expected == expected.flat[0]))
        if one and own is not None and not (given_shape or own.node.is_leaf):
            mine, due = apart(float(own.given), float(expected.flat[0]))
            return f"It is {mine} by hand, for all of shape {self._stage.shape}; {due} is expected."
        return f"Its shape is {given_shape}; {self._stage.shape} is expected."

    def _made_from(self, sources: Sequence[str]) -> str:
        """What the expected numbers were computed from, which narrows down where the mistake can be."""
        not_given = {name for name, stage in self._stages.items() if stage.status == Status.NOT_GIVEN}
        another = {name for name, stage in self._stages.items() if stage.status == Status.ANOTHER}
        absent = [f"{self._d}{shown(name)}" for name in sources if name in not_given]
        losses = set() if self._forward else self._losses()  # whose gradient is 1, and nobody's own
        keys = [f"{self._d}{shown(name)}" for name in sources if name not in not_given | another | losses]
        own = [self._written.get(key) or key for key in keys]
        computed = f"the expected numbers were computed from your {listed(own)}"
        if absent:
            before = f"T{computed[1:]}. They also depend on" if own else "It depends on"
            given = not self._unjudged.isdisjoint(name.casefold() for name in absent)
            why = "not judged here" if given else "which you did not give"
            return f"{before} {listed(absent)}, {why}, so the mistake may also lie on the way there."
        if self._forward:
            return f"T{computed[1:]}: the mistake is there, or where it is changed."
        since, because = (f" since {listed(own)}", f": {computed}") if own else ("", "")
        if not (self._lines or self._before):  # no line is shown
            return f"The mistake is on the way here{since}{because}."
        if self._helpers:
            return f"The mistake is in this line, or before it where {listed(self._helpers)} is computed{because}."
        several = len({*self._before, *self._lines}) > 1
        inner = f", or in what {'they call' if several else 'it calls'}" if self._calls else ""
        if not self._lines:
            return f"The mistake is in this line{inner}, or before it{since}{because}."
        there = f"one of these lines{inner}, or one is missing" if several else f"this line{inner}"
        return f"The mistake is in {there}{because}."

    def _losses(self) -> set[str]:
        """The outputs whose upstream gradient is 1."""
        upstreams = self._graph.upstreams.items() if self._graph is not None else ()
        return {n.name or "" for n, up in upstreams if up.value is not None and np.all(up.value == 1)}

    def _kind(self) -> Iterator[str]:
        if not self.found and self._fix is not None:
            yield f"None of the kinds that have a name: {self._fix.said}."
            return
        if not self.found:
            lines = len(self._lines) + len(self._before)
            there = " in this line" if lines == 1 else " in these lines" if lines else ""
            there = "" if self._helpers or self._calls else there
            yield f"None of the known mistakes alone gives these numbers. There may be two{there}."
            return
        likeliest, *others = self.found
        said = f"{likeliest.kind}: {likeliest.text}"
        yield said
        left = _ALTERNATIVES
        for other in others:
            if other.text not in said and likeliest.text not in other.text and left:
                left -= 1
                said += other.text
                yield f"Or {other.kind}: {other.text}"

    def _proof(self) -> Iterator[str]:
        if self._fix is not None:
            run = "with" if self._fix.text else "without"
            gives = "expected numbers" if self._fix.whole else f"expected {self.name}"
            yield f"Proof: run {run} this line, backward gives the {gives}."
        elif self.found and (self.found[0].fix or len(self.found[0].rule) <= MAX_RULE):
            if self.found[0].proof:
                yield f"Proof: {self.found[0].proof}"
        elif self._own is not None and np.asarray(self._own.expected).size:
            place, expected = "", np.asarray(self._own.expected)
            if expected.ndim > 1:
                index = self._stage.worst[0] if self._stage.worst else (0,) * expected.ndim
                place, expected = f" at [{', '.join(map(str, index[:-1]))}, :]", expected[index[:-1]]
            numbers = np.array2string(expected, precision=4, threshold=8, edgeitems=4, max_line_width=10**6)
            yield f"Expected{place}, from your own earlier arrays: {numbers}"

    def _how_many(self) -> str:
        """How much of the array is wrong, up to where its worst number follows."""
        own = self._own
        if own is None or np.shape(own.given) != np.shape(own.expected):
            return "It differs most"
        mine, expected = np.asarray(own.given), np.asarray(own.expected)
        if mine.size == 1:
            return "It differs"
        with np.errstate(all="ignore"):
            differs = ~((np.abs(mine - expected) <= own.tolerance) | (np.isnan(mine) & np.isnan(expected)))
        undefined = np.isnan(expected)
        if undefined.any():
            n = int((differs & ~undefined).sum())
            where = f"{int(undefined.sum())} are expected to be nan, as forward has no slope there"
            return f"{n} of {mine.size} numbers differ, and {where}. Worst"
        n = int(differs.sum())
        if n == mine.size:
            return f"All {n} numbers differ. Worst"
        if n == 1:
            return "Only one number differs,"
        for axis, word in ((0, "row"), (1, "column")) if mine.ndim == 2 else ():
            hit = np.flatnonzero(differs.any(axis=1 - axis))
            if len(hit) == 1 and mine.shape[axis] > 1:
                return f"Only {word} {hit[0]} differs. Worst"
        return f"{n} of {mine.size} numbers differ. Worst" if n else "It differs most"

    def _sources(self) -> list[str]:
        """The named stages that it is computed from: gradients of what the value goes into, or its operands."""
        graph = self._graph
        if graph is None or self._stage.name not in (named := named_nodes(graph)):
            return []

        def before(node: Node) -> list[Node]:
            if self._forward:
                return [*node.inputs]
            return [user for user, _ in graph.users[node] if user in graph.gradients]

        names = {node: name for name, node in named.items()}
        found: dict[Node, None] = {}
        seen = set[Node]()  # a recurrence over time has more paths than anyone can follow
        stack = before(named[self._stage.name])
        while stack:
            top = stack.pop(0)
            if top in names or (top.is_leaf if self._forward else top in graph.outputs):
                found[top] = None
            elif top not in seen:
                seen.add(top)
                stack = before(top) + stack
        return [names[node] for node in found] if found.keys() <= names.keys() else []


def mistakes(report: Found) -> list[Mistake]:
    """The stages that are wrong themselves, forward ones first."""
    return [
        *(Mistake(report, name, forward=True) for name in report.wrong_forward),
        *(Mistake(report, name, forward=False) for name in report.wrong),
    ]


# ------------------------------------------------------------------------------------------------------------ the parts


def worst_cells(stage: Stage) -> tuple[str, str, str, str]:
    """Error, index, the user's number and the expected one for a table; for a right stage only the error."""
    error = "" if stage.error is None else f"{stage.error:.1e}"
    if stage.worst is None or stage.status in (Status.RIGHT, Status.RIGHT_GIVEN):
        return error, "", "", ""
    index, mine, expected = stage.worst
    return error, str(list(index)), *apart(mine, expected)


def shapes(stage: Stage) -> str:
    """The shape, and the given one if it differs."""
    if stage.given_shape is None or stage.given_shape == stage.shape:
        return str(stage.shape)
    return f"{stage.shape}, given {stage.given_shape}"


def apart(mine: Any, expected: Any) -> tuple[str, str]:
    """Two numbers, to six digits or as many more as it takes to see that they differ.

    >>> apart(0.5, 1 / 3), apart(1.00000001, 1.0)
    (('0.5', '0.333333'), ('1.00000001', '1'))
    """
    for digits in range(6, 18):
        texts = f"{mine:.{digits}g}", f"{expected:.{digits}g}"
        if texts[0] != texts[1]:
            break
    return texts if texts[0] != texts[1] else (f"{mine:.6g}", f"{expected:.6g}")


def shown(text: str, limit: int = _MAX_NAME) -> str:
    """A name or a line of source as one printable line, cut where it is too long."""
    line = clean(" ".join(text.split()))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def clean(text: str) -> str:
    """The text without control characters, which could control a terminal or reverse text."""
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)


def _numbers(lines: Sequence[int]) -> str:
    """The numbers of lines, which are in order, in a sentence.

    >>> _numbers([3, 5, 6, 8, 9, 10, 11, 14])
    '3, 5, 6, 8–11 and 14'
    """
    runs = [[line for _, line in run] for _, run in groupby(enumerate(lines), lambda place: place[1] - place[0])]
    return listed([text for run in runs for text in ([f"{run[0]}–{run[-1]}"] if len(run) > 2 else map(str, run))])


def _are(n: int, what: str) -> str:
    return f"{counted(n, what)} {'is' if n == 1 else 'are'}"
