"""Findings: what a look at the test point, at the oracles and at the invariants may turn up."""

from __future__ import annotations

from dataclasses import dataclass


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
        error: by how much it doesn't, relative to the terms.
        text: the property, in a sentence.
        branch: where to look: the branch whose contribution restores it when it is added or taken away; or "".
    """

    name: str
    kind: str
    holds: bool
    error: float
    text: str
    branch: str = ""
