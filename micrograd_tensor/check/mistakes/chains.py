"""Chains: a product as a row of factors, whatever order it is written in: factors lost, exchanged, moved or added."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations, product
from math import prod
from typing import Any

import numpy as np

from ...engine.row import Contraction, Copy, Relation, Reshape
from ...graph import Node
from ...notation.printable import listed
from ..found import broadcasts
from .catalogue import Hypothesis, Substitutes, change
from .derivation import Array, Derivation, Operand, Values, is_mask, is_step
from .powers import OTHERWISE, factors_of
from .sums import parts_of

MAX_FACTORS = 6
"""A product of more factors is not taken apart."""


@dataclass(frozen=True, slots=True, eq=False)
class Factor:
    """One factor of a chain: a node to a power, and what lays it out as the whole product is."""

    node: Node
    exponent: float
    layout: tuple[Node, ...]

    def worth(self, v: Any, exponent: float | None = None, other: Operand = None) -> Array:
        """Its value, with another exponent or of another node."""
        made = np.asarray(v[self.node if other is None else other])
        if other is None or np.shape(made) == self.node.shape:
            for step in self.layout:
                (x,) = step.operands
                made = step.apply(np.broadcast_to(made, x.shape))
        k = self.exponent if exponent is None else exponent
        return made if k == 1 else made ** (int(k) if k == int(k) else k)


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """A product: numbers times factors; ``end`` is the step that it is the value of."""

    end: Node
    numbers: tuple[float, ...]
    factors: tuple[Factor, ...]

    @property
    def number(self) -> float:
        """All its numbers in one."""
        return prod(self.numbers)

    def worth(self, v: Any, factors: Sequence[Factor], number: float | None = None) -> Array:
        """The product of some of its factors."""
        total = np.asarray(self.number if number is None else number)
        for factor in factors:
            total = total * factor.worth(v)
        return total

    def without(self, *lost: Factor) -> tuple[Factor, ...]:
        """Its factors but for some."""
        return tuple(factor for factor in self.factors if factor not in lost)


def chain_of(derivation: Derivation, end: Operand) -> Chain:
    """A product taken apart into factors that are no products themselves."""
    numbers, found = list[float](), dict[tuple[Node, tuple[Node, ...]], float]()
    stack: list[tuple[Operand, float, tuple[Node, ...]]] = [(end, 1.0, ())]
    while stack:
        x, k, layout = stack.pop()
        if not isinstance(x, Node):
            numbers.append(float(x) ** k)
            continue
        inside = x is end or x.name is None or derivation.is_value(x)
        powers = factors_of(x, x.operands) if is_step(x) and inside else ()
        if powers:
            stack.extend((y, k * e, layout) for y, e in reversed(powers))
        elif is_step(x) and inside and isinstance(x.reading, Copy) and not layout and x is not end:
            stack.append((x.operands[0], k, ()))  # a product copies its factors by itself
        elif is_step(x) and inside and isinstance(x.reading, Copy | Reshape) and x is not end:
            stack.append((x.operands[0], k, (x, *layout)))
        elif derivation.is_number(x) and x.value is not None:
            numbers.append(float(x.value) ** k)
        else:
            found[x, layout] = found.get((x, layout), 0.0) + k
    return Chain(end, tuple(numbers), tuple(Factor(x, k, layout) for (x, layout), k in found.items() if k))


def chains_of(derivation: Derivation) -> list[Chain]:
    """The products of a derivation that are no part of a larger one."""
    inner: set[Operand] = set()
    found = []
    for step in reversed(derivation.written):
        if step not in inner and factors_of(step, step.operands) and not derivation.is_value(step):
            found.append(chain_of(derivation, step))
            inner.update(_inside(step))
    return [chain for chain in found if 2 <= len(chain.factors) <= MAX_FACTORS]


def _inside(step: Node) -> Iterator[Node]:
    """The steps that are taken apart with a product."""
    for x in step.operands:
        if is_step(x) and x.name is None and (factors_of(x, x.operands) or isinstance(x.reading, Copy | Reshape)):
            yield x
            yield from _inside(x)


def at_chain(values: Values, chain: Chain, substitutes: Substitutes) -> Iterator[Hypothesis]:
    """What may have become of a product, besides what its single steps say."""
    at, end = values.derivation, chain.end
    names = {factor: at.called(factor.node) for factor in chain.factors}
    local = [factor for factor in chain.factors if not at.carried_by(factor.node)]

    def instead(kind: str, text: str, make: Callable[[Any], Array], more: float = 0.0) -> Hypothesis:
        return change(kind, f"{text}, in {at.formula(end)}", end, lambda v: _as(make(v), end.shape), more)

    for factor in local:
        name, k = names[factor], factor.exponent
        rest = chain.without(factor)
        kind = "missing mask" if isinstance(factor.node.reading, Relation) or is_mask(factor.node) else "missing factor"
        yield instead(kind, f"the factor {_power(name, k)} is missing", partial(chain.worth, factors=rest))
        for times, kind in _OTHER_POWERS:
            if kind != "lost square" or abs(k) >= 2:
                made = partial(_with_power, chain, factor, times * k)
                yield instead(kind, OTHERWISE[kind].format(name), made, 0.3)
        for j in (k + 1, k - 1):
            if j not in (0.0, 2 * k, k / 2):
                text = f"{_power(name, j)} stands for {_power(name, k)}"
                yield instead("another exponent", text, partial(_with_power, chain, factor, j), 0.5)
        for distance, atom in enumerate(substitutes.values):
            if atom is not factor.node and atom.shape == factor.node.shape and atom not in factor.node.operands:
                text, kind = f"{atom.name} is used in place of {name}", substitutes.exchanging(atom, factor.node)
                yield instead(kind, text, partial(_with_other, chain, factor, atom), 0.01 * distance)
    for one, two in combinations(local, 2):
        text = f"the factors {names[one]} and {names[two]} are missing"
        yield instead("missing factor", text, partial(chain.worth, factors=chain.without(one, two)), 3.0)
    for c in {c for c in (*chain.numbers, chain.number) if abs(c) not in (0, 1)}:
        for factor in local:
            text = f"the factors {names[factor]} and {abs(c):.6g} are missing"
            made = partial(chain.worth, factors=chain.without(factor), number=chain.number / abs(c))
            yield instead("missing factor", text, made, 3.0)
    for factor in chain.factors:
        if factor not in local:
            text = f"the gradient {names[factor]} is missing"
            yield instead("missing factor", text, partial(chain.worth, factors=chain.without(factor)), 1.0)
    yield from _split(values, chain, names)


_OTHER_POWERS = ((0.5, "lost square"), (2.0, "factor twice"), (-1.0, "not inverted"))


def _power(name: str, k: float) -> str:
    base = f"({name})" if " " in name else name
    return name if k == 1 else f"{base}^{k:g}".replace("-", "−")


def _with_power(chain: Chain, factor: Factor, k: float, v: Any) -> Array:
    return chain.worth(v, chain.without(factor)) * factor.worth(v, k)


def _with_other(chain: Chain, factor: Factor, atom: Node, v: Any) -> Array:
    return chain.worth(v, chain.without(factor)) * factor.worth(v, other=atom)


def _as(made: Array, shape: tuple[int, ...]) -> Array:
    """An array copied along the axes that a lost factor had."""
    return np.broadcast_to(made, shape) if broadcasts(np.shape(made), shape) else made


def _split(values: Values, chain: Chain, names: Mapping[Factor, str]) -> Iterator[Hypothesis]:
    """+ or − in place of one of the multiplications."""
    at = values.derivation
    for sides in product((0, 1, 2), repeat=len(chain.factors)) if len(chain.factors) <= 4 else ():
        left, right, common = (
            tuple(f for f, side in zip(chain.factors, sides, strict=True) if side == k) for k in range(3)
        )
        if not left or not right or (chain.factors.index(left[0]) > chain.factors.index(right[0])):
            continue
        said = [" · ".join(_power(names[f], f.exponent) for f in side) for side in (left, right)]
        for sign, where in _WRITTEN.get((abs(chain.number) == 1, chain.number < 0), _ANY):
            text = f"{said[0]} {'+' if sign > 0 else '−'} {said[1]} is computed in place of {at.formula(chain.end)}"
            weighed = [*zip(_weights(chain.number, sign, where), (left, right), strict=True)]
            make = partial(_sum, chain=chain, sides=weighed, common=common)
            yield change("wrong operator", text, chain.end, make, 0.1 * len(common))


_ANY = tuple((sign, where) for where in ("whole", "left", "right", "turned") for sign in (1, -1))
_WRITTEN = {
    (True, False): ((1, "whole"), (-1, "whole"), (-1, "turned")),
    (True, True): ((1, "whole"), (-1, "whole"), (-1, "turned"), (1, "left"), (1, "right"), (-1, "left")),
}
"""The signs, and which side the number of the chain belongs to, for numbers that are ±1, and below 0."""


def _weights(number: float, sign: int, where: str) -> tuple[float, float]:
    """What two sides are multiplied by that are added, or subtracted, where a number belongs to one or to both."""
    return {
        "whole": (number, sign * number),
        "turned": (sign * number, number),
        "left": (number, sign),
        "right": (1.0, sign * number),
    }[where]


def _sum(v: Any, chain: Chain, sides: Sequence[tuple[float, Sequence[Factor]]], common: Sequence[Factor]) -> Array:
    total: Any = sum(weight * chain.worth(v, side, 1.0) for weight, side in sides)
    return np.asarray(total * chain.worth(v, common, 1.0))


# ---------------------------------------------------------------------------------------------- moved contributions


def moved(values: Values, top: Node) -> Iterator[Hypothesis]:
    """Of what meets at a fork, one part added before another was multiplied by its local derivative, not after."""
    at = values.derivation
    parts = parts_of(at, top)
    for part in parts:
        others = [other for other in parts if other is not part]
        for count in range(1, len(others) + 1) if len(others) <= 3 else (1,):
            for early in combinations(others, count):
                for what, applied in _applied(at, part):
                    names = listed([at.called(x) for x in early])
                    text = f"{names} is added before the multiplication by {what}, where it has to be added after it"
                    make = partial(_early, parts=parts, early=early, applied=applied, shape=top.shape)
                    yield change("moved contribution", text, top, make, 0.1 * count)


def _early(
    v: Any, parts: Sequence[Operand], early: Sequence[Operand], applied: Callable[..., Array], shape: Any
) -> Array:
    total: Any = sum(np.asarray(v[part]) for part in parts if part not in early)
    return np.broadcast_to(total + applied(v, sum(np.asarray(v[part]) for part in early)), shape)


def _applied(at: Derivation, part: Operand) -> Iterator[tuple[str, Callable[..., Array]]]:
    """What a part is multiplied by: each choice of its local factors, or its matrix."""
    if not is_step(part):
        return
    if isinstance(part.reading, Contraction) and len(part.operands) == 2 and not part.params:
        for i in at.carried(part):
            yield at.called(part.operands[1 - i]), partial(_contracted, part=part, i=i)
        return
    chain = chain_of(at, part)
    local = [factor for factor in chain.factors if not at.carried_by(factor.node)]
    for count in range(1, min(len(local), 3) + 1):
        for some in combinations(local, count):
            what = " · ".join(_power(at.called(f.node), f.exponent) for f in some)
            for number in {1.0, chain.number}:
                yield what, partial(_times, chain=chain, factors=some, number=number)


def _contracted(v: Any, early: Array, part: Node, i: int) -> Array:
    operands = [v[x] for x in part.operands]
    operands[i] = early
    return np.asarray(part.apply(*operands))


def _times(v: Any, early: Array, chain: Chain, factors: Sequence[Factor], number: float) -> Array:
    return early * chain.worth(v, factors, number)
