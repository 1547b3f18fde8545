"""What a comparison finds: stages with their verdicts, mistakes, blind spots, oracles, invariants. Data only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ..graph import Graph, Node
from ..graph.nodes import nearest
from ..graph.status import Status

__all__ = ["Diagnosis", "Finding", "Invariant", "Oracle", "Stage", "Stages", "WrongStage"]

Lines = tuple[tuple[int, str], ...]
"""Line numbers with the statements that begin there."""

SLACK = 4.0
"""A hypothesis computes in another order than the user did, so it may differ by this many tolerances."""


class Fix(NamedTuple):
    """A line of the user's own as it should be.

    Attributes:
        line: its number in the file.
        text: what should stand there; "" where the line is not due.
        before: what stands there.
        kind: what kind of mistake that is; "" where none of the kinds that have a name.
        said: what is wrong, in the author's names.
        weight: how large the change is.
        follows: what the line is to be written after, as "this line"; "" where it stands in that one's place.
        whole: whether all gradients of inputs are right with it.
    """

    line: int
    text: str
    before: str
    kind: str = ""
    said: str = ""
    weight: float = 0.0
    follows: str = ""
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Stage:
    """One gradient, or one forward value, of the comparison.

    Attributes:
        name: the tensor it belongs to; its gradient is called ``d`` + name.
        status: the verdict; `Status` says what each means.
        shape: of the recorded array.
        given_shape: of the user's, or None.
        error: the difference at the worst element from what was expected there, relative to the largest term that was
            added to make it; None where the shapes differ in more than axes of length 1 or nothing was given.
        worst: the index of that element, the user's value there, and the expected one: recomputed from the user's own
            upstream values, for a forward value from the user's own earlier ones. None as `limit` is.
        limit: the error that rounding alone can make at that element, in the units of ``error``; or the rtol given.
            None likewise, and where a forward value is the recorded one to the last bit.
        note: a remark, in a sentence, or "".
    """

    name: str
    status: Status
    shape: tuple[int, ...]
    given_shape: tuple[int, ...] | None = None
    error: float | None = None
    worst: tuple[tuple[int, ...], Any, Any] | None = None
    limit: float | None = None
    note: str = ""


T = TypeVar("T")


class ByName(Mapping[str, T]):
    """Values by the tensor's name, with or without the gradient's leading ``d``."""

    def __init__(self, by_name: Mapping[str, T]) -> None:
        self._by_name = dict(by_name)

    def __getitem__(self, name: str) -> T:
        for called in (name, name.removeprefix("d")):
            if called in self._by_name:
                return self._by_name[called]
        raise KeyError(f"{name!r} is not a stage{nearest(name, self._by_name)}")

    def __repr__(self) -> str:
        return repr(self._by_name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)


class Stages(ByName[Stage]):
    """Stages by the tensor's name, with or without the gradient's leading ``d``.

    >>> from micrograd_tensor.check.found import Stage, Stages
    >>> from micrograd_tensor.graph.status import Status
    >>> stages = Stages([Stage("var", Status.NOT_GIVEN, (4,))])
    >>> stages["dvar"] is stages["var"]
    True
    """

    def __init__(self, stages: Sequence[Stage]) -> None:
        super().__init__({stage.name: stage for stage in stages})


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A hypothesis that explains a wrong stage up to rounding.

    Attributes:
        kind: what kind of mistake, one of a small closed set: ``"missing sum"``, ``"constant factor"``, …
        text: the evidence, in the user's names.
        proof: the effect of the fix: how many stages then match, and how closely.
        fix: the corrected line, or lines, of NumPy: they run in the names that the user has, and what they compute is
            right. "" if there is no such line of reasonable length.
        error: how closely the hypothesis reproduces what was given, relative to its largest element.
        rule: what has to be computed there, in mathematics.
    """

    kind: str
    text: str
    proof: str
    fix: str
    error: float
    rule: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class WrongStage:
    """One wrong stage: what was given, what was expected in its place, and the values around it.

    Attributes:
        graph: the recorded graph, with values and backward pass.
        node: the forward node whose gradient (or, of a forward stage, whose value) was given.
        given: the array as the user gave it.
        expected: recomputed from the user's own upstream gradients; of a forward stage, from the user's own earlier
            values.
        used: for every forward node the gradient that went on from it: the user's if it was given, else ours.
        values: the forward values in use, the user's where they were given.
        tolerance: of ``given − expected``, absolute, element by element of ``expected``.
        terms: the sum of the absolute terms that were added to make ``expected``, element by element.
        by_hand: the nodes whose gradients (of a forward stage: whose values) the user gave.
        forward: whether this is a forward stage.
    """

    graph: Graph
    node: Node
    given: Any
    expected: Any
    used: Mapping[Node, Any]
    values: Mapping[Node, Any]
    tolerance: Any
    terms: Any
    by_hand: frozenset[Node] = frozenset()
    forward: bool = False

    @property
    def testable(self) -> bool:
        """Whether there are numbers to test hypotheses on, and real ones."""
        return self.node.dtype.kind == "f" and np.size(self.expected) > 0

    @property
    def eps(self) -> float:
        """The tolerance relative to the terms, at its loosest element."""
        with np.errstate(all="ignore"):
            relative = np.asarray(self.tolerance / self.terms)
        finite = relative[np.isfinite(relative)]
        return float(finite.max()) if finite.size else float(np.finfo(np.float64).eps)

    def allowed(self, candidate: Any) -> Any:
        """Element-wise tolerance for accepting a candidate as an explanation of the given array."""
        candidate = np.abs(np.asarray(candidate))
        tolerance, terms = np.asarray(self.tolerance), np.asarray(self.terms)
        with np.errstate(all="ignore"):
            if broadcasts(tolerance.shape, candidate.shape):
                larger = np.where(terms > 0, np.maximum(1.0, candidate / terms), 1.0)
                absolute = tolerance * larger
            else:  # it is unknown which element belongs to which
                absolute = tolerance.max(initial=0.0)
            return SLACK * np.fmax(absolute, self.eps * candidate if not tolerance.any() else 0.0)

    def matches(self, candidate: Any, given: Any = None) -> float | None:
        """How closely a candidate reproduces what was given, relative to its largest element.

        Args:
            candidate: an array; its shape must be the given one's to the letter.
            given: compared in place of what the user gave.

        Returns:
            None where it doesn't, by shape or by more than rounding explains.
        """
        mine, theirs = np.asarray(self.given if given is None else given), np.asarray(candidate)
        if mine.shape != theirs.shape:
            return None
        if not mine.size:
            return 0.0
        with np.errstate(all="ignore"):
            difference = np.abs(mine - theirs)
            allowed = self.allowed(theirs)
            same = (mine == theirs) | (np.isnan(mine) & np.isnan(theirs))
        if not np.all(same | (np.isfinite(difference) & (difference <= allowed))):  # what is infinite explains nothing
            return None
        finite = np.abs(theirs[np.isfinite(theirs)])
        largest = float(finite.max()) if finite.size else 0.0
        worst = float(np.where(same, 0.0, difference).max())
        return worst / largest if largest else worst


def broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    """Whether an array of one shape can be broadcast to another."""
    try:
        return np.broadcast_shapes(shape, to) == to
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that this test point cannot tell apart.

    Attributes:
        kind: what kind of blindness, a short slug: ``"hypotheses coincide"``, ``"cancellation"``, ``"float32"``, …
        what: what cannot be distinguished.
        why: the numbers behind it.
        way_out: one thing to do about it.
    """

    kind: str
    what: str
    why: str
    way_out: str

    def __str__(self) -> str:
        return f"{self.what}: {self.why}. {self.way_out}"


@dataclass(frozen=True, slots=True)
class Oracle:
    """The slope of the result along a direction of one input, from three sources.

    Attributes:
        name: the input.
        recorded: from the recorded backward pass.
        complex_step: from a complex step through the forward pass; None where an op on the way is not analytic.
        differences: from central differences, extrapolated.
        bar: the error bar of the differences.
        agree: whether all three agree.
        text: what disagrees, in a sentence, or "".
    """

    name: str
    recorded: float
    complex_step: float | None
    differences: float
    bar: float
    agree: bool
    text: str = ""


@dataclass(frozen=True, slots=True)
class Invariant:
    """A property that the gradient of an input must have, whatever the upstream gradient.

    Attributes:
        name: the input.
        kind: ``"null space"``, ``"Euler"`` or ``"linearity"``.
        holds: whether the given gradient has it.
        error: how far it is from having it, relative to the terms.
        text: the property, in a sentence.
        branch: where to look: the branch whose contribution restores it when it is added or taken away; or "".
    """

    name: str
    kind: str
    holds: bool
    error: float
    text: str
    branch: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What `compare` found.

    Attributes:
        stages: every named gradient by the name of its tensor, in the order in which they are complete.
        forward: the forward values that the user gave, likewise, in forward order.
        diagnosis: for each stage that is wrong itself the hypotheses that explain it, the likeliest first. A forward
            value's key is ``forward:`` + name.
        findings: what this test point cannot tell apart.
        oracles: the slopes of three independent sources along a direction of each input; those that disagree first.
        invariants: properties that the given gradients of the inputs must have.
        unused: entries that hold an array of a stage's shape but belong to no stage, with the likeliest reason.
        unjudged: entries that were given as gradients but could not be judged, with the reason: with any, the report is
            not ok.
        matched: arrays without a stage's name that equal a recorded gradient, or a contribution to one: which.
        keys: for each gradient that was given what the user calls it.
        follow: for a wrong stage the others that the same mistake makes wrong.
        lines: where the user's source assigns each gradient, by the tensor's name: the statements and the numbers of
            their lines. Empty where the source is not known.
        before: likewise the statements on the way to a wrong gradient that assign what was not judged.
        calling: the numbers of those lines that call functions of the user's, in which the mistake may be, too.
        plain: whether the source knows NumPy and nothing of this package.
        sizes: what the user calls the lengths of axes.
        fixes: for a wrong gradient the user's own line as it should be, where a small change of it was found that makes
            the function compute what is expected.
        written: what the user's source has for values and gradients that it calls otherwise; "" for nothing.
        slope: of a derivative what the upstream gradient is called that it does not take, and which is 1; else "".
        remarks: what happened while the user's code ran, such as an exception or a changed cache, in sentences.
        rtol: the largest error that counts as right, if one was given; None where rounding decides.
        graph: what the gradients were compared with.
        wrong_stages: for each wrong stage what its diagnosis looked at.
    """

    stages: Mapping[str, Stage]
    forward: Mapping[str, Stage] = field(default_factory=lambda: Stages([]))
    diagnosis: Mapping[str, tuple[Diagnosis, ...]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    oracles: tuple[Oracle, ...] = ()
    invariants: tuple[Invariant, ...] = ()
    unused: Mapping[str, str] = field(default_factory=dict)
    unjudged: Mapping[str, str] = field(default_factory=dict)
    matched: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    follow: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lines: Mapping[str, Lines] = field(default_factory=dict)
    before: Mapping[str, Lines] = field(default_factory=dict)
    calling: frozenset[int] = frozenset()
    plain: bool = False
    sizes: Mapping[int, str] = field(default_factory=dict)
    fixes: Mapping[str, Fix] = field(default_factory=dict)
    written: Mapping[str, str] = field(default_factory=dict)
    slope: str = ""
    remarks: tuple[str, ...] = ()
    rtol: float | None = None
    graph: Graph | None = field(default=None, repr=False)
    wrong_stages: Mapping[str, WrongStage] = field(default_factory=dict, repr=False)

    @property
    def ok(self) -> bool:
        """Whether all that was given was judged and nothing is wrong; a wrong shape around right values is not."""
        return not self.unjudged and all(
            s.status.counts_as_right for s in (*self.stages.values(), *self.forward.values())
        )

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
