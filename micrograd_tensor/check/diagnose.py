"""diagnose: which mistake explains a wrong stage, to the last digit that rounding leaves.

The recorded derivation of the stage, from the gradients that the user gave, is a small program. Every hypothesis is a
change of it: a sum left out, a factor lost, another operand. What the changed program gives is compared with what the
user gave; those that agree are ranked, the simplest and most frequent kind first, and of those that would agree at any
other point too only the first is kept.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .found import Diagnosis, WrongStage
from .phases import jacobian, pairs, places, rarer, single
from .problem import Problem
from .ranking import ranked, undetermined


def diagnose(situation: WrongStage) -> tuple[Diagnosis, ...]:
    """The mistakes that explain what was given at a wrong stage, the likeliest first; none where nothing does.

    Each phase is tried only where those before it found nothing. A derivative taken element by element shows only from
    the upstream gradient on, whichever stages were given.

    Args:
        situation: the stage, what was given there and what is due.
    """
    with np.errstate(all="ignore"):
        stage = Problem(situation)
        for phase in (single, rarer):
            if found := stage.tried(phase(stage)):
                return ranked(stage, found)
        if stage.begins_late:
            whole = Problem(replace(situation, by_hand=frozenset()))
            if found := whole.tried(jacobian(whole)):
                return ranked(whole, found)
        for phase in (pairs, places):
            if found := stage.tried(phase(stage)):
                return ranked(stage, found)
        return undetermined(stage)
