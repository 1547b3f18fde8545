"""Check: is a gradient right? The engine's own rules (`gradcheck`), and derivations made by hand (`compare`).

Beside these: `assert_gradients` for tests, `mutation_score` for the tests themselves, `generic_point` for where to
compare, `invariants` for what needs no right gradient, and `run` to call a backward pass and keep what it computed.
"""

from .assertion import assert_gradients
from .compare import compare
from .diagnosis import Diagnosis
from .findings import Finding, Invariant, Oracle
from .generic_point import GenericPoint, generic_point
from .gradcheck import gradcheck
from .invariants import invariants
from .mutation_score import mutation_score
from .report import Report
from .running import Run, run
from .situation import Situation
from .stages import Stage, Stages

__all__ = [
    "Diagnosis",
    "Finding",
    "GenericPoint",
    "Invariant",
    "Oracle",
    "Report",
    "Run",
    "Situation",
    "Stage",
    "Stages",
    "assert_gradients",
    "compare",
    "generic_point",
    "gradcheck",
    "invariants",
    "mutation_score",
    "run",
]
