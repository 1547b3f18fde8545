"""Sums: one left out, taken as a mean or over other axes; of the gradients that meet at a fork one lost or doubled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import combinations, product
from math import prod
from typing import Any

import numpy as np

from ...engine.row import Contraction, Linear, Reduction
from ...graph import Node
from ...graph.axes import counted_axes
from ...notation import over_text
from .catalogue import Hypothesis, change, changes, of
from .constants import NOTHING, Constant, Constants
from .derivation import Array, Change, Derivation, Operand, Values, called_gradient, grouped_forward, is_step
from .least_squares import one_alone, solve
from .several import between, many


def is_sum(x: Operand) -> bool:
    """Whether a node is a sum over axes."""
    return is_step(x) and x.reading == Reduction("sum")


def is_mean(x: Operand) -> bool:
    """Whether a node is a mean over axes."""
    return is_step(x) and x.reading == Reduction("mean")


def at_sums(values: Values, step: Node) -> Iterator[Hypothesis]:
    """What may have become of one recorded sum or mean."""
    if not (is_sum(step) or is_mean(step)):
        return
    (x,) = step.operands
    inner, axis, keep = values.derivation.called(x), step.params["axis"], step.params["keepdims"]
    everything = tuple(sorted(counted_axes(axis, len(x.shape))))
    over = over_text(x, everything)
    terms = max(int(np.prod([x.shape[a] for a in everything])), 1)
    done, what = ("summed", "sum") if is_sum(step) else ("averaged", "mean")
    yield change("missing sum", f"{inner} is not {done} over {over}", step, lambda v: v[x])
    if is_sum(step):
        text = f"the mean of {inner} over {over} is taken where its sum is due"
        yield change("mean for sum", text, step, lambda v: v[x].sum(axis=axis, keepdims=keep) / terms)
    else:
        text = f"{inner} is summed over {over} without dividing by {terms}"
        yield change("sum for mean", text, step, lambda v: v[x].sum(axis=axis, keepdims=keep))
        if terms > 1:
            text = f"the mean of {inner} divides by {terms - 1}, not by {terms}"
            yield change("constant factor", text, step, lambda v: v[x].sum(axis=axis, keepdims=keep) / (terms - 1))
    for other in _axes(len(x.shape)):
        if other == everything:
            continue
        reduce = np.add.reduce if is_sum(step) else np.mean
        kind = "sum over everything" if len(other) == len(x.shape) else "wrong axis"
        text = f"the {what} of {inner} runs over {over_text(x, other)} where {over} is due"
        for kept in (False, True):
            yield change(kind, text, step, of(partial(reduce, axis=other, keepdims=kept), x), 0.1 * (kept != keep))


_LAST, _FIRST = slice(-1, None), slice(None, 1)
_PARTS = (
    ("only the last one", 0, _LAST, 1),
    ("only the first one", 0, _FIRST, 1),
    ("all but the last one", 1, _LAST, -1),
    ("all but the first one", 1, _FIRST, -1),
    ("the last one twice", 1, _LAST, 1),
    ("the first one twice", 1, _FIRST, 1),
)
"""What a loop may have taken of the terms of a sum: how often all of them, and how often which part besides."""


def at_parts(values: Values, step: Node) -> Iterator[Hypothesis]:
    """Of a sum, or of a product of matrices, not all terms once: ``=`` for ``+=`` in a loop, ``range(N - 1)``."""
    at = values.derivation
    if is_sum(step) or is_mean(step):
        (x,) = step.operands
        axes = tuple(sorted(counted_axes(step.params["axis"], len(x.shape))))
        divisor = max(prod(x.shape[a] for a in axes), 1) if is_mean(step) else 1
        for axis in axes if len(axes) <= 2 else ():
            for text, whole, part, times in _PARTS if x.shape[axis] > 2 else ():
                said = f"of the terms of {at.called(x)} along axis {axis}, {text} is taken"
                index = (slice(None),) * axis + (part,)
                reduce = partial(_summed, axes=axes, keep=step.params["keepdims"], divisor=divisor)
                yield change("part of a sum", said, step, of(partial(_taken, reduce, index, whole, times), x))
    elif isinstance(step.reading, Contraction) and len(step.operands) == 2 and step.op is not None and not step.params:
        a, b = step.operands
        if isinstance(a, Node) and isinstance(b, Node) and len(a.shape) == len(b.shape) == 2 and a.shape[1] > 2:
            for text, whole, part, times in _PARTS:
                said = f"of the terms of {at.formula(step)}, {text} is taken"
                yield change("part of a sum", said, step, of(partial(_product, whole, part, times), a, b))


def _taken(reduce: Callable[[Array], Array], index: Any, whole: int, times: int, x: Array) -> Array:
    return whole * reduce(x) + times * reduce(x[index])


def _summed(x: Array, axes: tuple[int, ...], keep: bool, divisor: int) -> Array:
    total: Any = np.sum  # whose annotations differ from version to version
    return total(x, axis=axes, keepdims=keep) / divisor


def _product(whole: int, part: slice, times: int, a: Array, b: Array) -> Array:
    return whole * (a @ b) + times * (a[:, part] @ b[part])


def at_places(values: Values, step: Node) -> Iterator[Hypothesis]:
    """Of what is added up at places that are named several times, only the last; or their mean; or not all of it."""
    at = values.derivation
    if step.op is None or not at.picks(step) or not np.ndim(values[step.operands[0]]):
        return
    (x, *arrays), name = step.operands, at.called(step.operands[0])
    rule = step.op.vjps[0]
    assert rule is not None  # noqa: S101 -- what scatters is undone by what picks
    size = prod(step.shape)
    numbers = rule(np.arange(size).reshape(step.shape), None, values[x], *(values[y] for y in arrays), **step.params)
    places = np.asarray(numbers).reshape(-1)

    def adding(prepared: Callable[[Array], Array]) -> Change:
        return lambda v: np.bincount(places, prepared(v[x]).reshape(-1), size).reshape(step.shape)

    def last(v: Any) -> Array:
        made = np.zeros(size)
        made[places] = v[x].reshape(-1)
        return made.reshape(step.shape)

    if len(set(places.tolist())) < len(places):
        text = f"where a place is named several times, only the last of {name} arrives there"
        yield change("repeats lost", text, step, last)
        text = f"where a place is named several times, the mean of {name} arrives there"
        share = np.bincount(places, minlength=size)[places].reshape(x.shape)
        yield change("repeats lost", text, step, adding(lambda x: x / share), 0.5)
    for said, whole, part, times in _PARTS if x.shape[0] > 2 else ():
        weights = np.full(x.shape, float(whole))
        weights[part] += times
        yield change(
            "part of a sum", f"of {name} along axis 0, {said} is taken", step, adding(partial(np.multiply, weights))
        )
    for axis in range(len(x.shape)):
        text = f"{name} arrives in reverse order along axis {axis}"
        yield change("permuted", text, step, adding(partial(np.flip, axis=axis)))
    for axis in range(len(step.shape)):
        for by in (1, -1):
            text = f"the places of {name} are off by one along axis {axis}"
            yield change("off by one", text, step, of(partial(_rolled, step, by, axis), *step.operands))


def _rolled(step: Node, by: int, axis: int, *operands: Array) -> Array:
    return np.roll(step.apply(*operands), by, axis)


def multiplied(values: Values, top: Node) -> Iterator[Hypothesis]:
    """What meets at a fork multiplied, not added."""
    at = values.derivation
    parts = parts_of(at, top)
    for count in range(1, len(parts)) if len(parts) <= 4 else ():
        for some in combinations(parts, count):
            for more in combinations([p for p in parts if p not in some], len(parts) - count if count > 1 else 1):
                rest = [p for p in parts if p not in some and p not in more]
                said = " and ".join(at.called(p) for p in (*some, *more))
                text = f"{said} are multiplied at {_name(at, top)}, where they have to be added"

                def made(v: Any, some: Any = some, more: Any = more, rest: Any = rest) -> Array:
                    a, b, c = (sum(np.asarray(v[p]) for p in side) for side in (some, more, rest))
                    return np.asarray(a * b + c)

                yield change("wrong operator", text, top, made)


def whole_sums(values: Values) -> Iterator[Hypothesis]:
    """A sum of the whole result that nothing asks for, left so or copied back to all elements."""
    shape, target = values.target.shape, values.derivation.target
    for axes, mean, keep in product(_axes(len(shape)), (False, True), (False, True)):
        text = f"{values.derivation.name} is {'averaged' if mean else 'summed'} over {over_text(target, axes)}"
        reduce = partial(np.mean if mean else np.sum, axis=axes, keepdims=True)
        make = of((lambda x, reduce=reduce: np.broadcast_to(reduce(x), x.shape)) if keep else reduce, target)
        yield Hypothesis("doubled sum", f"{text}, which is not due", make, target, 5.0 + mean)


def _axes(rank: int) -> list[tuple[int, ...]]:
    """Every choice of axes, single ones first; of many axes only single ones, their pairs and all."""
    counts = range(1, rank + 1) if rank <= 3 else (1, 2, rank)
    return [axes for count in counts for axes in combinations(range(rank), count)]


# ------------------------------------------------------------------------------------------------------------ the forks


def is_addition(x: Operand) -> bool:
    """Whether a node adds two values."""
    return is_step(x) and x.reading == Linear((1, 1))


def parts_of(derivation: Derivation, top: Operand) -> tuple[Operand, ...]:
    """The terms of the sum at a fork, in order; any other value is its own only term."""
    parts: list[Operand] = []
    first = top
    while (derivation.is_fork(first) or (first is top and is_addition(first) and first.rule_of is None)) and (
        first is top or first not in derivation.origins
    ):
        first, part = first.operands
        parts.append(part)
    return (first, *reversed(parts))


def of_ops(parts: Sequence[Operand]) -> list[tuple[Operand, ...]]:
    """The parts of a fork by the op that each comes from: the two of x · x are one term 2 · x to who writes it."""
    found: dict[Any, tuple[Operand, ...]] = {}
    for part in parts:
        by = part.rule_of[0] if is_step(part) and part.rule_of is not None else part
        found[by] = (*found.get(by, ()), part)
    return list(found.values())


def forks_of(derivation: Derivation) -> list[Node]:
    """The sums at forks, each the whole gradient of a value, the last one first."""
    return [step for step in reversed(derivation.steps) if derivation.is_fork(step) and step in derivation.origins]


def weighted(top: Node, parts: Sequence[Operand], weights: Sequence[float]) -> Callable[[Any], Array]:
    """A fork's sum with a weight for each part; one of weight 0 is left out."""
    pairs = [(part, weight) for part, weight in zip(parts, weights, strict=True) if weight]
    return lambda v: np.broadcast_to(np.asarray(sum((v[part] * weight for part, weight in pairs), 0.0)), top.shape)


def at_fork(values: Values, top: Node) -> Iterator[Hypothesis]:
    """What may have become of one part of a fork, or of all but one; also of all that one op hands on."""
    derivation = values.derivation
    every = parts_of(derivation, top)
    groups = of_ops(every)
    name = _name(derivation, top)
    for parts in ([(part,) for part in every], groups) if len(groups) < len(every) else (groups,):
        texts = [_part(derivation, *several) for several in parts]

        def weighing(weights: Any, parts: Sequence[tuple[Operand, ...]] = parts) -> Change:
            by = {part: w for several, w in zip(parts, weights, strict=True) for part in several}
            return weighted(top, every, [float(by[part]) for part in every])

        alone = np.eye(len(parts))
        for i, part in enumerate(texts):
            lost = ("dropped contribution", 0, f"{part} is not added to {name}")
            if len(parts) == 2 and i == 0:
                text = f"{texts[1]} replaces {part} at {name}, where it has to be added"
                lost = ("overwritten contribution", 0, text)
            twice = ("doubled contribution", 2, f"{part} is added to {name} twice")
            turned = ("sign", -1, f"{part} is subtracted from {name}, not added")
            for kind, weight, text in (lost, twice, turned):
                yield change(kind, text, top, weighing(np.where(alone[i], weight, 1.0)))
        for i, part in enumerate(texts if len(parts) > 2 else ()):
            text = f"{part} replaces the other {len(parts) - 1} gradients at {name}, to be added to them"
            yield change("overwritten contribution", text, top, weighing(alone[i]), 0.5)


def at_alike_parts(values: Values, tops: Sequence[Node], alike: Sequence[Node]) -> Iterator[Hypothesis]:
    """What became of parts of forks that are alike, as those of one line of a loop: that line may be missing."""
    derivation = values.derivation
    whole = {part: top for top in tops for part in parts_of(derivation, top)}
    if len(alike) < 2 or not whole.keys() >= {*alike}:
        return
    place = whole[alike[0]]
    part, name, so = _part(derivation, alike[0]), _name(derivation, place), f"and so in {len(alike) - 1} others"
    lost = ("dropped contribution", 0.0, f"{part} is not added to {name}, {so}")
    turned = ("sign", -1.0, f"{part} is subtracted from {name}, not added, {so}")
    for kind, weight, text in (lost, turned):
        yield changes(kind, text, place, {step: of(partial(np.multiply, weight), step) for step in alike}, 0.5)


def fitted_weights(values: Values, top: Node, given: Array, slack: Array, constants: Constants) -> Iterator[Hypothesis]:
    """The weights of a fork's parts that reproduce what was given, where the numbers of the graph explain them."""
    derivation = values.derivation
    parts = parts_of(derivation, top)
    if given.shape != values.target.shape or given.size <= len(parts):
        return
    rows = np.eye(len(parts) + 1, len(parts)).tolist()  # each part alone, and none of them
    made = [values.changed({top: weighted(top, parts, row)}) for row in rows]
    reshaped = [x.reshape(-1) for x in made if x is not None and x.shape == given.shape]
    if len(reshaped) < len(made):
        return
    *effects, nothing = reshaped
    columns = np.stack([effect - nothing for effect in effects], axis=-1)
    system = columns[None], given.reshape(1, -1) - nothing, slack.reshape(1, -1)
    weights, alike = solve(*system)
    if alike is not None:
        weights = one_alone(*system)
    if weights is None:
        return
    explained = [constants.explain(float(w), 1e-9) if abs(w) > 1e-9 else NOTHING for w in weights[0]]
    found = [c for c in explained if c is not None]
    if len(found) < len(parts) or len({c.value for c in found}) == 1:
        return  # all right, or the whole is multiplied, which is simpler said of the whole
    wrong = [(c, part) for c, part in zip(found, parts, strict=True) if c.value != 1]
    name, numbers = _name(derivation, top), {c.value for c, _ in wrong}
    common = many([_part(derivation, part) for _, part in wrong], [_part(derivation, x) for x in parts], "terms")
    if len(numbers) > 2 and common:
        said = [f"{common} of {name} are multiplied by another number each, {between(numbers)}"]
    elif common:
        said = [f"{common} of {name} are multiplied by {' or by '.join(dict.fromkeys(c.text for c, _ in wrong))}"]
    else:
        said = [
            f"{_part(derivation, part)} "
            + (f"arrives at {name} multiplied by {c.text}" if c.value else f"is not added to {name}")
            for c, part in wrong
        ]
    kind = _kind(found) if len(numbers) == 1 else "two mistakes" if len(numbers) == 2 else "wrong way"
    if len(wrong) == 2 and abs(wrong[0][0].value * wrong[1][0].value - 1) < 1e-9:
        kind, said = "exchanged operand", [*said, "as if the weights of the two were exchanged"]
    cost = sum(c.cost for c, _ in wrong)
    yield change(kind, "; ".join(said), top, weighted(top, parts, [c.value for c in found]), cost)


def _kind(weights: Sequence[Constant]) -> str:
    wrong = next(c.value for c in weights if c.value != 1)
    if wrong == 0:
        return "dropped contribution"
    return {-1.0: "sign", 2.0: "doubled contribution"}.get(wrong, "constant factor")


def _name(derivation: Derivation, top: Node) -> str:
    """What to call the sum at a fork, or of a forward stage the sum."""
    if top.name is not None:
        return top.name
    origin, gradient = derivation.origins.get(top), derivation.is_fork(top)
    if origin is None:
        return "d…" if gradient else "…"
    return called_gradient(origin) if gradient else grouped_forward(origin)


def _part(derivation: Derivation, part: Operand, *others: Operand) -> str:
    """What to call a part of a fork, or several parts that one op hands on."""
    if is_step(part) and part.rule_of is not None:
        times = f"{1 + len(others)} times " if others else ""
        return f"what comes from {called_gradient(part.rule_of[0])}, {times}{derivation.called(part)},"
    if part in derivation.gradients:
        return f"what comes from {derivation.called(part)}"
    return derivation.called(part)
