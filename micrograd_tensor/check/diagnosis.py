"""Diagnosis: one hypothesis that explains what is wrong at a stage."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A hypothesis that explains a wrong stage to the last digit that rounding leaves.

    Attributes:
        kind: what kind of mistake, one of a small closed set: ``"missing sum"``, ``"constant factor"``, …
        text: the evidence, in the user's names.
        proof: what happens with the mistake mended: how many stages then match, and how closely.
        fix: what the corrected line computes, as a formula.
        error: how closely the hypothesis reproduces what was given, relative to its largest element.
    """

    kind: str
    text: str
    proof: str
    fix: str
    error: float
