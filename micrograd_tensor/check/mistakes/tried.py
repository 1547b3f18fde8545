"""Tried: what may have been done at a wrong stage, in the order in which it is tried: one thing wrong, then two."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from ...graph import Node
from ...graph.cut import needed
from .another_number import another_eps, at_numbers
from .case import BUDGET, HYPOTHESIS, Case
from .catalogue import KINDS, Hypothesis, change, changes, of
from .chains import at_chain, chains_of, moved
from .derivation import Array, Operand, Values, called_gradient, is_step
from .factors import Factor, before_sums
from .fit import added, fitted_paths
from .operands import at_operands, at_uses, everywhere
from .powers import in_terms, scaled
from .products import at_arguments, at_eps, at_factors, elsewhere_recorded, eps_everywhere
from .shapes import at_diagonal, at_shapes, element_by_element, in_whole_numbers, not_summed, whole_shapes
from .sums import (
    at_alike_parts,
    at_fork,
    at_parts,
    at_places,
    at_sums,
    fitted_weights,
    is_addition,
    is_sum,
    multiplied,
    of_ops,
    parts_of,
    whole_sums,
)

LIKE_TWO = 24.0
"""What a mistake weighs that shows only beside another change, which alone would change nothing."""

MAX_PAIRS = 4_000
"""The maximum number of pairs of changes tried if no single change explains the numbers."""


def single(case: Case) -> Iterator[Hypothesis]:
    """One thing wrong, of the kinds that are frequent; what is quick to try on large arrays comes first."""
    values, derivation, given = case.values, case.derivation, case.given
    yield from _nothing(case)
    yield from _factors(case)
    yield from whole_shapes(values, given)
    yield from in_whole_numbers(values, given)
    if case.fit is not None:
        yield from fitted_paths(case.factors, case.slack, case.fit)
    yield from elsewhere_recorded(derivation, case.substitutes)
    for fork in case.forks:
        if fork not in derivation.repeated:
            yield from at_fork(values, fork)
    for step in _alone(case):
        yield from _changes(case, step)
        if is_sum(step) and is_step(step.operands[0]):
            yield from in_terms(values, step.operands[0], case.substitutes)
    yield from in_products(case)
    yield from _in_each(derivation.loops, partial(_usual, case))
    for steps in _of_alike_uses(case):
        yield from at_alike_parts(values, case.forks, steps)
    yield from eps_everywhere(derivation, case.substitutes)
    if given.shape != values.target.shape or values.target.ndim:
        yield from whole_sums(values)


def _nothing(case: Case) -> Iterator[Hypothesis]:
    """The whole is 0, or no more than rounding; or it is 1."""
    node, given = case.wrong.node, case.given
    if given.shape != case.values.target.shape or not given.size:
        return
    if given.size > 1 and case.derivation.backward and np.all(given == 1):
        text = f"{case.derivation.name} is 1 throughout: no factor of it is there, nor the gradient that arrives"
        target = case.derivation.target
        yield change("missing factor", text, target, of(np.ones_like, target), 5.6)
    if not np.all(np.abs(given) <= case.slack):
        return
    largest = max(int(np.prod(before.shape)) for before in needed([node]))
    kind = "statistic as constant" if largest > np.prod(node.shape) else "dropped contribution"
    text = f"{case.derivation.name} is 0 throughout: {node.name} is treated as a constant"
    yield Hypothesis(kind, text, lambda v: 0 * v.target, case.derivation.target, 8.0 * bool(given.any()))


def _changes(case: Case, step: Node) -> Iterator[Hypothesis]:
    yield from at_sums(case.values, step)
    yield from at_factors(case.values, step)
    yield from at_shapes(case.values, step)
    if not case.derivation.backward:
        yield from at_eps(case.values, step)
    yield from at_operands(case.values, step, case.substitutes)


def _factors(case: Case) -> Iterator[Hypothesis]:
    """The whole, or one of several contributions, multiplied by something."""
    values, derivation, given = case.values, case.derivation, case.given
    target, name = derivation.target, derivation.name
    if given.shape != values.target.shape:
        return
    for factor in case.factors.of(given, values.target, case.slack):
        if factor.constant.value != 0 and (factor.powers or factor.constant.value != 1):
            yield scaled(values, target, factor, name)
    groups = of_ops(parts_of(derivation, target))
    for same in groups if len(groups) > 1 else ():
        part, whole = same[0], sum((np.asarray(values[x]) for x in same), np.zeros(()))
        rest = values.target - whole
        if np.shape(whole) != given.shape:
            continue
        slack = case.slack + np.abs(rest) * np.finfo(given.dtype if given.dtype.kind == "f" else float).eps * 8
        for factor in case.factors.of(given - rest, whole, slack):
            if factor.powers:
                what = f"what arrives at {name} from {_from(part)}"
                yield scaled(values, part, factor, what, same)
    terms = [target] if is_addition(target) and not derivation.backward else []
    for fork in (*case.forks, *terms):
        yield from fitted_weights(values, fork, given, case.slack, case.factors.constants)


def _from(part: Operand) -> str:
    if is_step(part) and part.rule_of is not None:
        return called_gradient(part.rule_of[0])
    return str(part.name) if isinstance(part, Node) and part.is_leaf else "the other sum"


def in_products(case: Case) -> Iterator[Hypothesis]:
    """One thing wrong in a product, or in the order of products and sums."""
    at, chains = case.derivation, {chain.end: chain for chain in chains_of(case.derivation)}
    for fork in _forks(case):
        if fork not in at.repeated:
            yield from moved(case.values, fork)
    for end, chain in chains.items():
        if end not in at.repeated:
            yield from at_chain(case.values, chain, case.substitutes)
    loops = [steps for steps in at.loops if chains.keys() >= {*steps}]
    yield from _in_each(loops, lambda end: at_chain(case.values, chains[end], case.substitutes))
    forks = {*case.forks}
    yield from _in_each([steps for steps in at.loops if forks >= {*steps}], partial(moved, case.values))


def rarer(case: Case) -> Iterator[Hypothesis]:
    """One thing wrong, of the kinds that are rare or costly to try."""
    values, substitutes = case.values, case.substitutes
    for step in _alone(case):
        yield from before_sums(step, substitutes)
    if not case.derivation.again:
        yield from another_eps(values, case.wrong.graph, substitutes, case.given, case.slack)
    yield from exchanges(case)
    for fork in _forks(case):
        yield from multiplied(values, fork)
    for step in _alone(case):
        yield from _changes(case, step)
        yield from _rarer(case, step)
    if not case.derivation.again:
        yield from not_summed(values, case.given)
    loops = case.derivation.loops
    yield from _in_each(loops, partial(_uses, case))
    yield from _in_each([steps for steps in case.derivation.alike if steps not in loops], partial(_of_one, case))
    if not case.derivation.again:
        yield from at_diagonal(values)
        yield from added(case.factors, case.given, case.slack, substitutes)


def in_one_iteration(case: Case) -> Iterator[Hypothesis]:
    """One thing wrong in one iteration of a loop, as at its end; the same in all of them is likelier."""
    repeated = [step for step in reversed(case.derivation.written) if step in case.derivation.repeated]
    for step in repeated:
        yield from _usual(case, step)
    for chain in chains_of(case.derivation):
        if chain.end in case.derivation.repeated:
            yield from at_chain(case.values, chain, case.substitutes)
    for fork in case.forks:
        if fork in case.derivation.repeated:
            yield from moved(case.values, fork)
    for step in repeated:
        yield from before_sums(step, case.substitutes)
        yield from at_uses(case.values, step, case.substitutes)
        yield from _rarer(case, step)


def _of_alike_uses(case: Case) -> list[list[Node]]:
    """The steps that undo ops of one kind whose results are used alike, as what one line of a loop makes is."""
    users, found = case.wrong.graph.users, dict[Any, list[Node]]()
    for step in case.derivation.steps:
        if step.rule_of is not None:
            forward, i = step.rule_of
            uses = frozenset((user.op, k) for user, k in users.get(forward, ()))
            found.setdefault((step.op, step.shape, forward.op, i, uses), []).append(step)
    return list(found.values())


def _alone(case: Case) -> Iterator[Node]:
    """The steps that are not those of a loop, the last one first."""
    return (step for step in reversed(case.derivation.written) if step not in case.derivation.repeated)


def _forks(case: Case) -> Iterator[Node]:
    """The sums at forks, where not all is known but what is computed again those of what comes of that."""
    at = case.derivation
    return (fork for fork in case.forks if not at.again or not {*parts_of(at, fork)}.isdisjoint(at.written))


def _rarer(case: Case, step: Node) -> Iterator[Hypothesis]:
    """What else may have become of one step."""
    yield from at_parts(case.values, step)
    yield from at_places(case.values, step)
    yield from element_by_element(case.values, step)
    yield from at_numbers(case.values, step, case.given, case.slack)


def exchanges(case: Case) -> Iterator[Hypothesis]:
    """One array in place of another where that is rarer, or one bent."""
    yield from at_arguments(case.values, case.wrong.graph, case.substitutes)
    yield from everywhere(case.values, case.substitutes)
    for step in _alone(case):
        yield from at_uses(case.values, step, case.substitutes)


def _in_each(alike: Iterable[Sequence[Node]], mistakes: Callable[[Node], Iterator[Hypothesis]]) -> Iterator[Hypothesis]:
    """The same thing wrong in several steps that are alike, as those of a loop are."""
    for steps in dict.fromkeys(steps for steps in alike if len(steps) > 1):
        for same in zip(*(mistakes(step) for step in steps), strict=False):
            if len({(one.kind, *one.changes) for one in same}) == len(steps) and len({one.kind for one in same}) == 1:
                together = {step: made for one in same for step, made in one.changes.items()}
                text = f"{same[0].text}, and so in {len(steps) - 1} others"
                yield changes(same[0].kind, text, same[0].place, together, same[0].more + 0.5)


def _usual(case: Case, step: Node) -> Iterator[Hypothesis]:
    """What is frequent at one step."""
    if step in case.forks:
        yield from at_fork(case.values, step)
    yield from _changes(case, step)


def _of_one(case: Case, step: Node) -> Iterator[Hypothesis]:
    yield from _changes(case, step)
    yield from _uses(case, step)


def _uses(case: Case, step: Node) -> Iterator[Hypothesis]:
    yield from at_uses(case.values, step, case.substitutes)
    yield from at_parts(case.values, step)


def pairs(case: Case, budget: int) -> Iterator[Hypothesis]:
    """Two things wrong: two changes of the derivation, or one and a constant factor.

    Args:
        case: the wrong stage.
        budget: how much work may be done to explain it; up to a quarter of that of one diagnosis is for each alone.
    """
    values, given = case.values, case.given
    most = min(budget, BUDGET // 4)
    limit = values.work + most
    single = [h for fork in case.forks if fork not in case.derivation.repeated for h in at_fork(values, fork)]
    single += [h for step in reversed([*_alone(case)]) for h in _changes(case, step)]
    single += islice(_in_each(case.derivation.loops, partial(_usual, case)), most // HYPOTHESIS)
    made, same, constant_alone = [], list[Hypothesis](), replace(case.factors, tensors=())
    for one in single:
        if values.work > limit:
            break
        result = one.at(values) if one.more < 2 else None
        if result is None:
            continue
        made.append(one)
        if result.shape == values.target.shape and case.wrong.matches(result, values.target) is not None:
            same.append(one)
        if result.shape == given.shape:
            slack = np.broadcast_to(case.wrong.allowed(result), result.shape)
            for factor in constant_alone.of(given, result, slack):
                if factor.constant.cost < 3.0 and factor.constant.value not in (0.0, 1.0):
                    text = f"{one.text}; and the result is multiplied by {factor.text}"
                    make = partial(_multiplied, hypothesis=one, factor=factor)
                    yield Hypothesis("two mistakes", text, make, one.place, 0.1 * one.weight + factor.cost)
    made.sort(key=lambda hypothesis: hypothesis.weight)
    pairs = ((a, b) for i, b in enumerate(made) for a in made[:i] if a.changes.keys().isdisjoint(b.changes))
    for a, b in islice(pairs, MAX_PAIRS):
        both = {**a.changes, **b.changes}
        more = 0.1 * (a.weight + b.weight)
        harmless = [one for one in (a, b) if one in same]
        if harmless:  # as gap in place of max(gap, 0) where gap > 0 is asked for besides
            [one] = [one for one in (a, b) if one is not harmless[0]]
            yield changes(one.kind, one.text, one.place, both, LIKE_TWO - KINDS[one.kind] + more)
        else:
            yield changes("two mistakes", f"{a.text}; and {b.text}", b.place, both, more)


def _multiplied(values: Values, hypothesis: Hypothesis, factor: Factor) -> Array | None:
    base = hypothesis.make(values)
    return None if base is None else base * factor.worth(values)
