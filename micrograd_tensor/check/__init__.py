"""Check: is a gradient right? The engine's own rules (`gradcheck`), and derivations made by hand (`compare`).

Next to these: `assert_gradients` for tests, `mutation_score` for the tests themselves, `generic_point` for where to
compare, `invariants` for what needs no right gradient, and `run` to call a backward pass and keep what it computed.
"""

from .compare import assert_gradients, compare
from .found import Diagnosis, Finding, Invariant, Oracle, Stage, Stages, WrongStage
from .gradcheck import gradcheck
from .invariants import invariants
from .mutation import mutation_score
from .point import GenericPoint, generic_point
from .report import Report
from .running import Run, run

__all__ = [
    "Diagnosis",
    "Finding",
    "GenericPoint",
    "Invariant",
    "Oracle",
    "Report",
    "Run",
    "Stage",
    "Stages",
    "WrongStage",
    "assert_gradients",
    "compare",
    "generic_point",
    "gradcheck",
    "invariants",
    "mutation_score",
    "run",
]
