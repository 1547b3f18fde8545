"""Search: which mistake explains a wrong stage, up to rounding.

The recorded derivation of the stage, from the gradients that the user gave, is a small graph. Every hypothesis is a
change of it: a sum left out, a factor lost, another operand. What the changed graph gives is compared with what the
user gave.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from functools import partial
from itertools import islice
from typing import NamedTuple

import numpy as np

from ..found import Diagnosis, WrongStage
from .case import BUDGET, Case, Match
from .catalogue import Hypothesis
from .derivation import gradient_of
from .fit import in_places
from .shapes import at_diagonal
from .telling import MARGIN, ranked, undetermined
from .tried import exchanges, in_one_iteration, in_products, pairs, rarer, single
from .variants import computed_again

WEAK = 24
"""Where nothing lighter than this explains the numbers, rarer kinds are tried too."""

LEAST = 20
"""Of the work of a diagnosis this part is left for each phase, whatever the earlier ones took."""

RIVALS = 10
"""This part of it is for rarer kinds that may explain the numbers as well as what was found."""

AGAIN = 6.2
"""How much less likely a mistake is in a value that would have to be computed again."""


class Explained(NamedTuple):
    """What explains a wrong stage.

    Attributes:
        matches: all hypotheses that reproduce what was given.
        diagnoses: of those, what is told, the likeliest first.
    """

    matches: tuple[Match, ...]
    diagnoses: tuple[Diagnosis, ...]


def explain(wrong: WrongStage, budget: int = BUDGET) -> Explained:
    """The mistakes that explain what was given at a wrong stage; none where nothing does.

    Each phase is tried only if those before it found nothing. A derivative taken element by element shows only from
    the upstream gradient on, whichever stages were given. Of kinds that are rarer than what was found those are tried,
    too, that may be as likely.

    Args:
        wrong: the stage, what was given there and what is due.
        budget: how much work may be done, about.
    """
    with np.errstate(all="ignore"):
        case = Case(wrong)
        usual = _usual_forms(case)
        found, spent = list[Match](), 0
        for phase in _phases(case, usual, budget):
            most = max(budget, spent + budget // LEAST)
            for one, hypotheses in phase:
                before = one.values.work
                found += one.tried(hypotheses, most - spent)
                spent += one.values.work - before
            if any(match.weight < WEAK for match in found):
                break
        if not found:
            return Explained((), undetermined(case))
        best = min(found, key=lambda match: match.weight)
        if best.weight < WEAK:
            for one in (*usual, case):
                likely = partial(_is_lighter, best.weight + MARGIN - one.unlikely)
                found += one.tried(exchanges(one), budget // RIVALS, likely)
        return Explained(tuple(found), ranked(best.case, found))


Key = tuple[str, str, tuple[int, ...]]
"""What a change of certain steps is known by, whichever stage is derived: its kind, its text and their ranks."""


def key(hypothesis: Hypothesis) -> Key | None:
    """What a hypothesis is known by at other stages; None if it is about one alone."""
    ranks = tuple(sorted(step.rank for step in hypothesis.changes))
    return (hypothesis.kind, hypothesis.text, ranks) if ranks else None


def explained_by(wrong: WrongStage, keys: Container[Key | None] | None = None) -> list[Match]:
    """The changes of steps, all or certain ones, that explain a stage, also where something simpler would."""
    found, left = list[Match](), BUDGET
    with np.errstate(all="ignore"):
        case = Case(wrong)
        for phase in islice(_phases(case, _usual_forms(case), BUDGET), 3):
            for one, hypotheses in phase:
                before = one.values.work
                found += one.tried(hypotheses, left, partial(_is_among, keys))
                left -= one.values.work - before
    return found


def _is_lighter(most: float, hypothesis: Hypothesis) -> bool:
    return hypothesis.weight <= most


def _is_among(keys: Container[Key | None] | None, hypothesis: Hypothesis) -> bool:
    return bool(hypothesis.changes) and (keys is None or key(hypothesis) in keys)


Phase = Iterator[tuple[Case, Iterator[Hypothesis]]]


def _phases(case: Case, usual: list[Case], budget: int) -> Iterator[Phase]:
    wrong = case.wrong
    yield iter([(one, single(one)) for one in usual] or [(case, single(case))])
    if usual:
        yield iter([(case, single(case))])
    again = _computed_again(case)
    yield iter([(one, rarer(one)) for one in (*usual, case)] + [(one, in_products(one)) for one in again])
    yield iter([(one, rarer(one)) for one in again])
    if case.begins_late:
        from_output = Case(wrong, gradient_of(wrong.graph, wrong.node, ()))
        yield iter([(from_output, at_diagonal(from_output.values))])
    yield iter([(case, in_one_iteration(case))])
    yield iter([(case, pairs(case, budget))])
    yield iter([(case, in_places(case.values, case.given, case.slack))])


def _usual_forms(case: Case) -> list[Case]:
    """The same in the usual form of the derivative."""
    return [Case(case.wrong, case.usual, usual=case.usual)] if case.usual is not None else []


def _computed_again(case: Case) -> list[Case]:
    """The same with one of the forward values computed again."""
    if not case.derivation.backward or not case.derivation.steps:
        return []
    others = computed_again(case.wrong.graph, case.derivation, case.wrong.by_hand)
    return [Case(case.wrong, other, AGAIN, case.usual) for other in others]
