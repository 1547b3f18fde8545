"""Search: which mistake explains a wrong stage, up to rounding.

The recorded derivation of the stage, from the gradients that the user gave, is a small graph. Every hypothesis is a
change of it: a sum left out, a factor lost, another operand. What the changed graph gives is compared with what the
user gave; matches are ranked, the simplest and most frequent kind first, and of those that would also match at any
other point only the first is kept.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import replace
from functools import cached_property, partial
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from ...graph import Node, evaluate_backward
from ...graph.cut import needed
from ..expected import squeezed
from ..found import Diagnosis, WrongStage, broadcasts
from ..nearby import nearby
from .another_number import another_eps, at_numbers
from .catalogue import Hypothesis, bare_values, changes, substitutes_for
from .chains import at_chain, chains_of, moved
from .constants import Constants
from .correction import correction
from .derivation import Array, Derivation, Operand, Values, gradient_of, is_step, value_of
from .factors import Factor, Factors, before_sums
from .fit import Fit, added, evidence, fit_paths, fitted_paths, in_places
from .operands import at_operands, at_uses, everywhere
from .products import (
    OTHERWISE,
    at_arguments,
    at_eps,
    at_factors,
    at_powers,
    elsewhere_recorded,
    eps_everywhere,
    in_terms,
    kinds_of_powers,
)
from .shapes import at_diagonal, at_shapes, element_by_element, in_whole_numbers, not_summed, whole_shapes
from .sums import (
    at_fork,
    at_parts,
    at_places,
    at_sums,
    fitted_weights,
    forks_of,
    is_addition,
    is_sum,
    multiplied,
    parts_of,
    whole_sums,
)
from .variants import as_written, computed_again

BUDGET = 30_000_000
"""The maximum number of elements computed in one phase of a diagnosis."""

MAX_PAIRS = 4_000
"""The maximum number of pairs of changes tried if no single change explains the numbers."""

WEAK = 24
"""Where nothing lighter than this explains the numbers, rarer kinds are tried too."""

AGAIN = 6.2
"""How much less likely a mistake is in a value that would have to be computed again."""

MAX_EXAMINED = 40
"""How many of the likeliest matches are examined."""

MAX_REPORTED = 5
"""How many of them are reported."""


class Match(NamedTuple):
    """A hypothesis that reproduces what was given, how closely, and a remark."""

    hypothesis: Hypothesis
    error: float
    note: str
    search: Search

    @property
    def weight(self) -> float:
        """The smaller, the more likely."""
        return self.hypothesis.weight + self.search.unlikely


class Explained(NamedTuple):
    """What explains a wrong stage.

    Attributes:
        matches: all hypotheses that reproduce what was given.
        diagnoses: of those, what is told, the likeliest first.
    """

    matches: tuple[Match, ...]
    diagnoses: tuple[Diagnosis, ...]


def explain(wrong: WrongStage) -> Explained:
    """The mistakes that explain what was given at a wrong stage; none where nothing does.

    Each phase is tried only if those before it found nothing. A derivative taken element by element shows only from
    the upstream gradient on, whichever stages were given.

    Args:
        wrong: the stage, what was given there and what is due.
    """
    with np.errstate(all="ignore"):
        search = Search(wrong)
        found: list[Match] = []
        for phase in _phases(search):
            left = BUDGET
            for one, hypotheses in phase:
                before = one.values.work
                found += one.tried(hypotheses, left)
                left -= one.values.work - before
            if any(match.weight < WEAK for match in found):
                break
        best = min(found, key=lambda match: match.weight).search if found else search
        return Explained(tuple(found), best.ranked(found) if found else best.undetermined())


Key = tuple[str, str, tuple[int, ...]]
"""What a change of certain steps is known by, whichever stage is derived: its kind, its text and their ranks."""


def key(hypothesis: Hypothesis) -> Key | None:
    """What a hypothesis is known by at other stages; None if it is about one alone."""
    ranks = tuple(sorted(step.rank for step in hypothesis.changes))
    return (hypothesis.kind, hypothesis.text, ranks) if ranks else None


def explained_by(wrong: WrongStage, keys: Container[Key | None] | None = None) -> list[Match]:
    """The changes of steps, all or certain ones, that explain a stage, also where something simpler would."""
    found: list[Match] = []
    with np.errstate(all="ignore"):
        for phase in islice(_phases(Search(wrong)), 3):
            for one, hypotheses in phase:
                found += one.tried(h for h in hypotheses if h.changes and (keys is None or key(h) in keys))
    return found


def diagnose(wrong: WrongStage) -> tuple[Diagnosis, ...]:
    """The diagnoses of a wrong stage, the likeliest first."""
    return explain(wrong).diagnoses


Phase = Iterator[tuple["Search", Iterator[Hypothesis]]]


def _phases(search: Search) -> Iterator[Phase]:
    wrong = search.wrong
    usual = search.usual_forms()
    yield iter([(one, one.single()) for one in usual] or [(search, search.single())])
    if usual:
        yield iter([(search, search.single())])
    again = search.computed_again()
    yield iter([(one, one.rarer()) for one in (*usual, search)] + [(one, one.in_products()) for one in again])
    yield iter([(one, one.rarer()) for one in again])
    if search.begins_late:
        from_output = Search(wrong, gradient_of(wrong.graph, wrong.node, ()))
        yield iter([(from_output, at_diagonal(from_output.values))])
    yield iter([(search, search.pairs())])
    yield iter([(search, in_places(search.values, search.given, search.slack))])


class Search:
    """A wrong stage as a derivation with the values that it starts from, here and at another point.

    Args:
        wrong: the stage, what was given there and what is due.
        derivation: of the stage, if not as it was recorded from the nearest gradients, or values, that were given.
        unlikely: what the weight of an explanation grows by in this form.
    """

    def __init__(self, wrong: WrongStage, derivation: Derivation | None = None, unlikely: float = 0.0) -> None:
        self.wrong, self.given, self.unlikely = wrong, np.asarray(wrong.given), unlikely
        graph, node = wrong.graph, wrong.node
        derive = value_of if wrong.forward else gradient_of
        self.derivation = derivation or derive(graph, node, wrong.by_hand)
        self.substitutes = substitutes_for(self.derivation, graph, wrong.used)
        forward = {n: n.value for n in graph.nodes} | dict(wrong.values)
        known = self.derivation.worth(forward, wrong.used)
        target = self.derivation.target
        if target.is_leaf and self.derivation.origins.get(target) is node:  # else it was handed on from another node
            known[target] = np.asarray(wrong.expected)
        self.values = self._values(known, self.substitutes.worth(forward, wrong.used, bare_values(graph, {})))
        self.factors = Factors(self.values, Constants(graph), self.substitutes.values)

    def _values(self, known: dict[Node, Array], substitutes: dict[Node, Array]) -> Values:
        return Values(self.derivation, known, substitutes, self.substitutes.own)

    @property
    def begins_late(self) -> bool:
        """Whether the derivation starts from gradients further on than those that the whole pass started from."""
        return self.derivation.backward and not self.derivation.gradients <= self.derivation.upstreams

    @cached_property
    def slack(self) -> Array:
        """By how much the given array may differ from what explains it, element by element of what is due."""
        return np.broadcast_to(self.wrong.allowed(self.values.target), self.values.target.shape)

    @cached_property
    def forks(self) -> list[Node]:
        """The sums at forks of the derivation."""
        return forks_of(self.derivation)

    @cached_property
    def fit(self) -> Fit | None:
        """The gradient by the paths through the graph, where there are several between the given gradients and here."""
        if self.wrong.forward or len(self.forks) < 1 + self.begins_late:
            return None
        return fit_paths(self.values, self.given, self.slack)

    @cached_property
    def elsewhere(self) -> Values:
        """The same derivation at a generic point, where hypotheses that differ give different numbers."""
        graph, there = self.wrong.graph, nearby(self.wrong.graph)
        leaves = {node: value for node, value in there.values.items() if node.is_leaf}
        known = self.derivation.worth(there.values, there.gradients)
        return self._values(known, self.substitutes.worth(there.values, there.gradients, bare_values(graph, leaves)))

    def tried(self, hypotheses: Iterator[Hypothesis], budget: int = BUDGET) -> list[Match]:
        """The hypotheses that reproduce what was given, how closely, and what else there is to say."""
        found = []
        limit = self.values.work + budget
        for hypothesis in hypotheses:
            if self.values.work > limit:
                break
            made = hypothesis.at(self.values)
            if made is None:
                continue
            note, given = "", self.given
            if made.shape != given.shape:
                if squeezed(made.shape) == squeezed(given.shape):
                    made = made.reshape(given.shape)
                elif broadcasts(given.shape, made.shape) and made.size <= self.values.target.size:
                    given = np.broadcast_to(given, made.shape)
                note = f"; besides, its shape is {self.given.shape} where {self.values.target.shape} is due"
            error = self.error(made, given)
            if error is not None:
                found.append(Match(hypothesis, error, note, self))
        return found

    def error(self, made: Array, given: Array) -> float | None:
        """How far what a hypothesis gives is from what was given; None where it does not explain it."""
        if made.shape != given.shape or not np.isfinite(given).any():
            return None
        at, reach = self._probe
        if given is self.given and abs(made.flat[at] - given.flat[at]) > reach:
            return None
        return self.wrong.matches(made, given)

    @cached_property
    def _probe(self) -> tuple[int, float]:
        """The element that is looked at first, and by how much it may be off for the others to be looked at."""
        with np.errstate(all="ignore"):
            sizes = np.where(np.isfinite(self.given), np.abs(self.given), -1.0)
            at = int(np.argmax(sizes))
            loosest = float(np.max(self.wrong.allowed(self.given), initial=0.0))
        return at, 1e-2 * float(sizes.flat[at]) + (loosest if np.isfinite(loosest) else 0.0)

    # ----------------------------------------------------------------------------------------- what is tried, in order

    def single(self) -> Iterator[Hypothesis]:
        """One thing wrong, of the kinds that are frequent; what is quick to try on large arrays comes first."""
        values, derivation, given = self.values, self.derivation, self.given
        yield from self._nothing()
        yield from self._factors()
        yield from whole_shapes(values, given)
        yield from in_whole_numbers(values, given)
        if self.fit is not None:
            yield from fitted_paths(self.factors, self.slack, self.fit)
        yield from elsewhere_recorded(derivation, self.substitutes)
        for fork in self.forks:
            yield from at_fork(values, fork)
        ends = {derivation.target, *(part for fork in self.forks for part in parts_of(derivation, fork))}
        for step in reversed(derivation.steps):
            yield from self._changes(step)
            if derivation.backward and step in ends:
                yield from at_powers(values, step, self.substitutes)
            if is_sum(step) and is_step(step.operands[0]):
                yield from in_terms(values, step.operands[0], self.substitutes)
        yield from self.in_products()
        yield from eps_everywhere(derivation, self.substitutes)
        if given.shape != values.target.shape or values.target.ndim:
            yield from whole_sums(values)

    def _nothing(self) -> Iterator[Hypothesis]:
        """The whole is 0, or no more than rounding."""
        node, given = self.wrong.node, self.given
        if given.shape != self.values.target.shape or not given.size or not np.all(np.abs(given) <= self.slack):
            return
        largest = max(int(np.prod(before.shape)) for before in needed([node]))
        kind = "statistic as constant" if largest > np.prod(node.shape) else "dropped contribution"
        text = f"{self.derivation.name} is 0 throughout: {node.name} is treated as a constant"
        yield Hypothesis(kind, text, lambda v: 0 * v.target, self.derivation.target, 8.0 * bool(given.any()))

    def _changes(self, step: Node) -> Iterator[Hypothesis]:
        yield from at_sums(self.values, step)
        yield from at_factors(self.values, step)
        yield from at_shapes(self.values, step)
        if not self.derivation.backward:
            yield from at_eps(self.values, step)
        yield from at_operands(self.values, step, self.substitutes)

    def _factors(self) -> Iterator[Hypothesis]:
        """The whole, or one of several contributions, multiplied by something."""
        values, derivation, given = self.values, self.derivation, self.given
        target, name = derivation.target, derivation.name
        if given.shape != values.target.shape:
            return
        for factor in self.factors.of(given, values.target, self.slack):
            if factor.constant.value != 0 and (factor.powers or factor.constant.value != 1):
                yield _scaled(values, target, factor, name)
        parts = parts_of(derivation, target)
        for part in parts if len(parts) > 1 else ():
            rest = values.target - values[part]
            if np.shape(values[part]) != given.shape:
                continue
            slack = self.slack + np.abs(rest) * np.finfo(given.dtype if given.dtype.kind == "f" else float).eps * 8
            for factor in self.factors.of(given - rest, values[part], slack):
                if factor.powers:
                    what = f"what arrives at {name} from {self._from(part)}"
                    yield _scaled(values, part, factor, what, rest=True)
        terms = [target] if is_addition(target) and not derivation.backward else []
        for fork in (*self.forks, *terms):
            yield from fitted_weights(values, fork, given, self.slack, self.factors.constants)

    def _from(self, part: Operand) -> str:
        if is_step(part) and part.rule_of is not None:
            return f"d{part.rule_of[0].name or '…'}"
        return str(part.name) if isinstance(part, Node) and part.is_leaf else "the other sum"

    def in_products(self) -> Iterator[Hypothesis]:
        """One thing wrong in a product, or in the order of products and sums."""
        for fork in self.forks:
            yield from moved(self.values, fork)
        for chain in chains_of(self.derivation):
            yield from at_chain(self.values, chain, self.substitutes)

    def usual_forms(self) -> list[Search]:
        """The same for the usual form of the derivative, where that was recorded otherwise."""
        form = as_written(self.values, self.elsewhere) if self.derivation.backward and self.derivation.steps else None
        return [Search(self.wrong, form)] if form is not None else []

    def computed_again(self) -> list[Search]:
        """The same with one of the forward values computed again."""
        if not self.derivation.backward or not self.derivation.steps:
            return []
        others = computed_again(self.wrong.graph, self.derivation, self.wrong.by_hand)
        return [Search(self.wrong, other, AGAIN) for other in others]

    def rarer(self) -> Iterator[Hypothesis]:
        """One thing wrong, of the kinds that are rare or costly to try."""
        values, substitutes = self.values, self.substitutes
        for step in self.derivation.steps:
            yield from before_sums(step, substitutes)
        yield from another_eps(values, self.wrong.graph, substitutes, self.given, self.slack)
        yield from at_arguments(values, self.wrong.graph, substitutes)
        yield from everywhere(values, substitutes)
        for fork in self.forks:
            yield from multiplied(values, fork)
        for step in reversed(self.derivation.steps):
            yield from self._changes(step)
            yield from at_uses(values, step, substitutes)
            yield from at_parts(values, step)
            yield from at_places(values, step)
            yield from element_by_element(values, step)
            yield from at_numbers(values, step, self.given, self.slack)
        yield from not_summed(values, self.given)
        yield from self._in_each()
        yield from at_diagonal(values)
        yield from added(self.factors, self.given, self.slack, substitutes)

    def _in_each(self) -> Iterator[Hypothesis]:
        """The same thing wrong in several steps that are alike, as those of a loop are."""
        alike: dict[Any, list[Node]] = {}
        for step in self.derivation.steps:
            kinds = tuple(x.op if isinstance(x, Node) else x for x in step.operands)
            if not self.derivation.is_fork(step):
                alike.setdefault((step.op, step.shape, kinds), []).append(step)
        for steps in alike.values():
            if len(steps) < 2:
                continue
            every = [
                [*self._changes(s), *at_uses(self.values, s, self.substitutes), *at_parts(self.values, s)]
                for s in steps
            ]
            for same in zip(*every, strict=False):
                if (
                    len({(one.kind, *one.changes) for one in same}) == len(steps)
                    and len({one.kind for one in same}) == 1
                ):
                    together = {step: made for one in same for step, made in one.changes.items()}
                    text = f"{same[0].text}, and so in {len(steps) - 1} others"
                    yield changes(same[0].kind, text, same[0].place, together, same[0].more + 0.5)

    def _of_one(self, step: Node) -> Iterator[Hypothesis]:
        yield from self._changes(step)
        yield from at_uses(self.values, step, self.substitutes)
        yield from at_parts(self.values, step)

    def pairs(self) -> Iterator[Hypothesis]:
        """Two things wrong: two changes of the derivation, or one and a constant factor."""
        values, given, limit = self.values, self.given, self.values.work + BUDGET
        single = [h for fork in self.forks for h in at_fork(values, fork)]
        single += [h for step in self.derivation.steps for h in self._changes(step)]
        made, constant_alone = [], replace(self.factors, tensors=())
        for one in single:
            if values.work > limit:
                return
            result = one.at(values) if one.more < 2 else None
            if result is None:
                continue
            made.append(one)
            if result.shape == given.shape:
                slack = np.broadcast_to(self.wrong.allowed(result), result.shape)
                for factor in constant_alone.of(given, result, slack):
                    if factor.constant.cost < 3.0 and factor.constant.value not in (0.0, 1.0):
                        text = f"{one.text}; and the result is multiplied by {factor.text}"
                        make = partial(_multiplied, hypothesis=one, factor=factor)
                        yield Hypothesis("two mistakes", text, make, one.place, 0.1 * one.weight + factor.cost)
        made.sort(key=lambda hypothesis: hypothesis.weight)
        pairs = ((a, b) for i, b in enumerate(made) for a in made[:i] if a.changes.keys().isdisjoint(b.changes))
        for a, b in islice(pairs, MAX_PAIRS):
            both = {**a.changes, **b.changes}
            yield changes("two mistakes", f"{a.text}; and {b.text}", b.place, both, 0.1 * (a.weight + b.weight))

    # ---------------------------------------------------------------------------------------- of what matches, the best

    def ranked(self, found: list[Match]) -> tuple[Diagnosis, ...]:
        """The likeliest first; of hypotheses that are the same thing at any point, only that one."""
        found = sorted(found, key=lambda match: (match.weight, match.error))[:MAX_EXAMINED]
        of_paths = [match for match in found if match.hypothesis.of_paths]
        lines = [match for match in found if not match.hypothesis.of_paths]
        if of_paths and self.fit is not None:
            return self._by_paths(self.fit, of_paths[0], lines)
        kept: list[Match] = []
        seen: list[Array] = []
        for match in lines:
            made = match.hypothesis.at(match.search.elsewhere) if len(lines) > 1 else None
            if made is None:
                kept.append(match)
            elif not any(_same(made, other) for other in seen):
                kept.append(match)
                seen.append(made)
        first, *more = [match.search.told(match) for match in kept[:MAX_REPORTED]]
        others = list({other.text: other for other in more if other.text != first.text}.values())
        text = first.text
        if others:
            text += f". At this point that cannot be told from: {'; or: '.join(other.text for other in others[:2])}"
        if self.fit is not None and self.fit.alike is None:
            text += f"; {evidence(self.fit, self.derivation.name)}"
        return (replace(first, text=text), *others)

    def _by_paths(self, fit: Fit, of_paths: Match, lines: list[Match]) -> tuple[Diagnosis, ...]:
        """Which paths are wrong, then the lines on them that may be; which line it is the result alone can't say."""
        by_line: dict[Node, Match] = {}
        for match in lines:
            by_line.setdefault(match.search.derivation.named_step(match.hypothesis.place), match)
        diagnoses = [match.search.told(match) for match in list(by_line.values())[: MAX_REPORTED - 1]]
        first = self.told(of_paths)
        text = f"{first.text}; {evidence(fit, self.derivation.name)}"
        if diagnoses:
            text += f"; as if {diagnoses[0].text}"
            vague = first.kind in ("power of a tensor", "two mistakes", "wrong way")
            kind = diagnoses[0].kind if vague else first.kind
            first = replace(first, kind=kind, fix=diagnoses[0].fix, rule=diagnoses[0].rule)
        return (replace(first, text=text), *diagnoses)

    def told(self, match: Match) -> Diagnosis:
        """A hypothesis as it is told."""
        hypothesis, error, note, _ = match
        fix, rule = correction(self.wrong, self.derivation, hypothesis.place)
        return Diagnosis(hypothesis.kind, hypothesis.text + note, self.proof(hypothesis), fix, error, rule)

    def undetermined(self) -> tuple[Diagnosis, ...]:
        """That nothing explains what was given because the paths through the graph are too much alike, if they are."""
        if self.fit is None or self.fit.alike is None:
            return ()
        text = evidence(self.fit, self.derivation.name)
        fix, rule = correction(self.wrong, self.derivation, self.derivation.target)
        return (Diagnosis("not determined", text, "", fix, np.inf, rule),)

    def proof(self, hypothesis: Hypothesis) -> str:
        """What the recorded pass gives with this mistake made: how many of the user's stages, and how closely."""
        wrong, name = self.wrong, self.derivation.name
        made = hypothesis.at(self.values)
        reproduced = f"made on purpose, this mistake gives the {name} that was given"
        if wrong.forward or made is None or (made.shape != wrong.node.shape and not wrong.node.is_leaf):
            return reproduced
        going_on = made if made.shape == wrong.node.shape else wrong.expected  # of an input nothing goes on
        before = set(needed([wrong.node]))
        known = {node: wrong.used[node] for node in wrong.by_hand if node not in before}
        try:
            ran = evaluate_backward(wrong.graph, {**known, wrong.node: going_on}, wrong.values).gradients
        except (ValueError, TypeError, IndexError):
            return reproduced
        others = [node for node in wrong.by_hand if node in ran and node is not wrong.node]
        errors = [_error(ran[node], wrong.used[node], wrong.graph.gradients[node].value) for node in others]
        given = self.given.reshape(made.shape) if made.size == self.given.size else self.given
        errors.append(_error(made, given))
        limit = max(64 * wrong.eps, 1e-10)
        close = [error for error in errors if error <= limit]
        worst = f"{max(close, default=0.0):.0e}"
        if len(errors) == 1:
            return f"the recorded rules with this one mistake give {name} to {worst}"
        if len(close) == len(errors):
            return f"with this one change at {name} all {len(errors)} stages match to {worst}"
        count = f"{len(close)} of {len(errors)}"
        return f"with this one change at {name} {count} stages match to {worst}; the others do not, see there"


def _scaled(at: Values, part: Operand, factor: Factor, what: str, rest: bool = False) -> Hypothesis:
    kind, more = "constant factor", factor.cost
    if factor.powers:
        kind = "power of a tensor"
        if len(factor.powers) == 1 and factor.constant.value == 1:
            tensor, k = factor.powers[0]
            kind = kinds_of_powers(at, part, tensor).get(k, kind)
            more = factor.cost if kind == "power of a tensor" else 0.2 * factor.cost
    elif factor.constant.value == -1:
        kind = "sign"
    text = f"{what} is multiplied by {factor.text}"
    if kind in OTHERWISE:
        text += f": {OTHERWISE[kind].format(factor.powers[0][0].name)}"

    def make(values: Values) -> Array:
        if not rest:
            return np.asarray(values.target * factor.worth(values))
        return np.asarray(values.target + values[part] * (factor.worth(values) - 1))

    return Hypothesis(kind, text, make, at.derivation.target, more)


def _multiplied(values: Values, hypothesis: Hypothesis, factor: Factor) -> Array | None:
    base = hypothesis.make(values)
    return None if base is None else base * factor.worth(values)


def _same(a: Array, b: Array) -> bool:
    a, b = np.squeeze(a), np.squeeze(b)
    if a.shape != b.shape:
        return False
    with np.errstate(all="ignore"):
        scale = float(np.abs(b).max(initial=0.0))
        tolerance = 1e-9 if np.result_type(a, b).itemsize >= 8 else 1e-4
        return bool(np.all(np.abs(a - b) <= tolerance * scale))


def _error(made: Array, given: Any, usual: Any = 0.0) -> float:
    """How far an array is from another, relative to its largest element or to what is usual there."""
    given = np.asarray(given)
    if made.shape != given.shape:
        return np.inf
    with np.errstate(all="ignore"):
        scale = max(float(np.abs(given).max(initial=0.0)), float(np.abs(usual).max(initial=0.0))) or 1.0
        worst = float(np.abs(made - given).max(initial=0.0))
    return worst / scale if np.isfinite(worst) else np.inf
