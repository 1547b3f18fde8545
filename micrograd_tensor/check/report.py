"""Report: all that a comparison found, and the ways to show it.

These are imported when they are asked for, so that importing the package stays quick.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..engine.errors import GradientError
from ..graph import Graph
from ..graph.status import Status
from .diagnosis import Diagnosis
from .findings import Finding, Invariant, Oracle
from .rendering.words import HINTS
from .situation import Situation
from .source_lines import Lines
from .stages import Stage, Stages


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """What `compare` found.

    Attributes:
        stages: every named gradient by the name of its tensor, in the order in which they are complete.
        forward: the forward values that the user gave, likewise, in forward order.
        diagnosis: for each stage that is wrong itself the hypotheses that explain it, the likeliest first. A forward
            value's stands under ``forward:`` + name.
        findings: what this test point cannot tell apart.
        oracles: the slopes of three independent sources along a direction of each input; those that disagree first.
        invariants: properties that the given gradients of the inputs must have.
        unused: entries that hold an array of a stage's shape but belong to no stage, with the likeliest reason.
        lines: where the user's source assigns each gradient, by the tensor's name: the statements and the numbers of
            their lines. Empty where the source is not known.
        remarks: what happened while the user's code ran, such as an exception or a changed cache, in sentences.
        rtol: the largest error that counts as right, if one was given; None where rounding decides.
        graph: what the gradients were compared with.
        situations: for each wrong stage what its diagnosis looked at.
    """

    stages: Mapping[str, Stage]
    forward: Mapping[str, Stage] = field(default_factory=lambda: Stages([]))
    diagnosis: Mapping[str, tuple[Diagnosis, ...]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    oracles: tuple[Oracle, ...] = ()
    invariants: tuple[Invariant, ...] = ()
    unused: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, Lines] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    rtol: float | None = None
    graph: Graph | None = field(default=None, repr=False)
    situations: Mapping[str, Situation] = field(default_factory=dict, repr=False)

    @property
    def ok(self) -> bool:
        """Whether nothing that was given is wrong; a wrong shape around right values is said, but is not wrong."""
        return all(s.status.counts_as_right for s in (*self.stages.values(), *self.forward.values()))

    @property
    def wrong(self) -> list[str]:
        """The names of the tensors whose gradients are wrong themselves, in backward order."""
        return [name for name, stage in self.stages.items() if stage.status == Status.WRONG]

    @property
    def wrong_forward(self) -> list[str]:
        """The names of the tensors whose forward values are wrong themselves, in forward order."""
        return [name for name, stage in self.forward.items() if stage.status == Status.WRONG]

    @property
    def not_given(self) -> list[str]:
        """The names of the tensors whose gradients were not given, in backward order."""
        return [name for name, stage in self.stages.items() if stage.status == Status.NOT_GIVEN]

    def raise_if_wrong(self) -> None:
        """Raise `GradientError` with the whole report unless nothing that was given is wrong."""
        if not self.ok:
            values, gradients = self.wrong_forward, [f"d{name}" for name in self.wrong]
            counts = [f"{len(gradients)} of the given gradients are wrong: {', '.join(gradients)}"] if gradients else []
            counts += [f"{len(values)} of the given forward values are wrong: {', '.join(values)}"] if values else []
            raise GradientError(f"{'; '.join(counts)}\n{self}")

    def text(self, *, hints: int = HINTS, width: int = 120) -> str:
        """The report as plain text.

        Args:
            hints: how much to say about a wrong stage: 0 nothing, 1 where it is, 2 also its kind, 3 also the fix.
            width: in characters.
        """
        from .rendering import terminal

        return terminal.text(self, hints=hints, width=width)

    def show(self, *, hints: int = HINTS) -> None:
        """Print the report, in colour where the terminal has it; ``hints`` as in `text`."""
        from .rendering import terminal

        terminal.show(self, hints=hints)

    def to_html(self) -> str:
        """A page of its own, with the hints for each wrong stage to be opened one by one."""
        from .rendering import html

        return html.page(self)

    def to_json(self) -> str:
        """The report as JSON."""
        from .rendering import json

        return json.text(self)

    def __str__(self) -> str:
        return self.text()

    def __rich__(self) -> Any:
        from .rendering import terminal

        return terminal.renderable(self)

    def _repr_html_(self) -> str:
        from .rendering import html

        return html.fragment(self)
