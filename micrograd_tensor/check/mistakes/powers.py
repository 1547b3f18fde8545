"""Powers: of a product the factors with their exponents, and what powers of a tensor too much say was done to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ...engine.row import Copy, Linear, Power, Product, Reshape
from ...graph import Node
from .catalogue import Hypothesis, Substitutes, change
from .derivation import Array, Operand, Values, is_step
from .factors import Factor

OTHERWISE = {
    "missing factor": "the factor {} is missing",
    "lost square": "{} is not squared",
    "factor twice": "the factor {} is applied twice",
    "not inverted": "{} multiplies where it has to divide, or the other way round",
}
"""What happened to a factor, by the kind of mistake."""


def factors_of(node: Node, operands: Sequence[Operand]) -> tuple[tuple[Operand, float], ...]:
    """The factors of a product with their exponents; none of anything else.

    Args:
        node: which may be a product.
        operands: its operands, or what stands for them.
    """
    reading = node.reading
    if isinstance(reading, Product):
        return tuple(zip(operands, reading.exponents, strict=True))
    if reading == Linear((-1,)):
        return ((-1.0, 1.0), (operands[0], 1.0))
    if reading == Power() and isinstance(operands[1], int | float):
        return ((operands[0], float(operands[1])),)
    return ()


def exponents(values: Values, part: Operand, through_results: bool = False) -> dict[Node, float]:
    """Of a product the factors that are recorded values, each with its exponent; of a sum of products none.

    Args:
        values: of the derivation.
        part: a step.
        through_results: take the result of the op whose rule the step belongs to apart into that op's operands, so that
            −y/b counts as −a/b².
    """
    derivation = values.derivation
    found: dict[Node, float] = {}
    result = part.rule_of[0] if is_step(part) and part.rule_of else None
    stack: list[tuple[Operand, float]] = [(part, 1.0)]
    while stack:
        x, k = stack.pop()
        powers: Sequence[tuple[Operand, float]] = ()
        if is_step(x) and (x is part or x.name is None):
            powers = _powers(x, x.operands)
        elif through_results and result is not None and values.own.get(result) is x and len(result.operands) == 2:
            own = tuple(values.own.get(y) if isinstance(y, Node) else y for y in result.operands)
            powers = _powers(result, own) if None not in own else ()
        stack.extend((y, k * e) for y, e in powers)
        if not powers and isinstance(x, Node) and x.is_leaf:
            found[x] = found.get(x, 0.0) + k
    return {x: k for x, k in found.items() if k and x not in derivation.gradients and x.shape}


def together(values: Values, part: Operand, atom: Node) -> float:
    """With what exponent a tensor is in a product; powers of it under other names, such as its inverse, count too."""
    through = _collinear(values, exponents(values, part, through_results=True), atom)
    return through or _collinear(values, exponents(values, part), atom)


def _collinear(values: Values, factors: Mapping[Node, float], atom: Node) -> float:
    total = 0.0
    for x, k in factors.items():
        if x is atom:
            total += k
        elif x.shape == atom.shape:
            log, other = values.logarithm(atom), values.logarithm(x)
            with np.errstate(all="ignore"):
                size = float((log * log).sum())
                ratio = float(np.round(2 * (log * other).sum() / size) / 2) if size else 0.0
            if np.isfinite(ratio) and np.allclose(other, ratio * log, rtol=1e-9, atol=1e-12):
                total += k * ratio
    return total


def kinds_of_powers(values: Values, part: Operand, atom: Node) -> dict[float, str]:
    """What kinds of mistake powers of a tensor too much are, by exponent; none where no power of it belongs."""
    due = together(values, part, atom)
    kinds = {-due: "missing factor", -due / 2: "lost square", due: "factor twice", -2 * due: "not inverted"}
    if abs(due) < 2:
        del kinds[-due / 2]
    return kinds if due else {}


def in_terms(values: Values, step: Node, substitutes: Substitutes) -> Iterator[Hypothesis]:
    """In the terms of a sum, a factor left out, applied twice, not squared or not inverted, under whatever names."""
    for distance, atom in enumerate(substitutes.values):
        simple = substitutes.origins[atom].name is not None and bool(atom.shape)
        for k, kind in kinds_of_powers(values, step, atom).items() if simple else ():
            text = f"in {values.derivation.formula(step)}, {OTHERWISE[kind].format(atom.name)}"
            make = partial(_times_power, step=step, atom=atom, k=k)
            yield change(kind, text, step, make, 0.2 + 0.01 * distance)


def _times_power(v: Any, step: Node, atom: Node, k: float) -> Array:
    return step.apply(*(v[y] for y in step.operands)) * v[atom] ** k


def _powers(x: Node, operands: Sequence[Operand]) -> Sequence[tuple[Operand, float]]:
    """The factors of a product, and of what lays one out anew."""
    return ((operands[0], 1.0),) if isinstance(x.reading, Reshape | Copy) else factors_of(x, operands)


def scaled(at: Values, part: Operand, factor: Factor, what: str, parts: Sequence[Operand] = ()) -> Hypothesis:
    """Some parts of a result, or the whole of it, multiplied by a factor: what kind of mistake that is."""
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
        if not parts:
            return np.asarray(values.target * factor.worth(values))
        return np.asarray(values.target + sum(values[x] for x in parts) * (factor.worth(values) - 1))

    return Hypothesis(kind, text, make, at.derivation.target, more)
