"""Factors: a product, quotient, sign, square or function left out, applied twice or turned round."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import numpy as np

from .candidate import Candidate, change, changes, of
from .point import Change
from .program import Known, Operand, Step
from .words import called, number

SMALL = 1e-2
"""A positive number that is added and not greater than this counts as an eps."""

ALIKE: dict[str, tuple[str, Callable[..., Any]]] = {
    "sin": ("cos", np.cos),
    "cos": ("sin", np.sin),
    "exp": ("log", np.log),
    "log": ("exp", np.exp),
    "tanh": ("sigmoid", lambda x: 1 / (1 + np.exp(-x))),
    "sigmoid": ("tanh", np.tanh),
}
"""Functions that are taken for each other."""


def at_factors(step: Step) -> Iterator[Candidate]:
    """What may have become of one recorded step that is no sum."""
    rules = {
        "mul": _product,
        "div": _quotient,
        "neg": _negative,
        "square": _square,
        "reciprocal": _reciprocal,
        "sub": _difference,
        "add": _total,
        "where": _mask,
    }
    if step.op.name in rules:
        yield from rules[step.op.name](step)
    elif picks(step):
        yield from _scattered(step)
    elif len(step.operands) == 1 and not step.params:
        yield from _function(step)


def is_number(x: Operand) -> bool:
    """Whether an operand is a number, or a constant that holds one."""
    return not isinstance(x, Step | Known) or (isinstance(x, Known) and x.node is not None and _is_constant(x))


def _is_constant(x: Known) -> bool:
    return x.shape == () and x.node is not None and x.node.is_leaf and x.node.name is None


def _kept(step: Step) -> Iterator[tuple[Operand, Operand, float]]:
    """Of a product either factor, the other one, and how unlikely it is that the other one is lost."""
    a, b = step.operands
    for keep, other, i in ((a, b, 1), (b, a, 0)):
        yield keep, other, 2.0 if i in step.carries else 0.0


def _product(step: Step) -> Iterator[Candidate]:
    for keep, other, more in _kept(step):
        kind = "constant factor" if is_number(other) else "missing factor"
        text = f"the factor {called(other)} is missing"
        if isinstance(keep, Step | Known):
            yield change(kind, text, step, of(np.positive, keep), more)
        if more:
            continue
        kind = "constant factor" if is_number(other) else "factor twice"
        text = f"the factor {called(other)} is applied twice"
        twice = of(lambda a, b: a * b * b, keep, other)
        yield change(kind, text, step, twice, 1.5 * is_number(other))
        kind = "constant factor" if is_number(other) else "not inverted"
        text = f"{called(keep)} is divided by {called(other)} where it has to be multiplied by it"
        yield change(kind, text, step, of(np.divide, keep, other), 0.5)


def _quotient(step: Step) -> Iterator[Candidate]:
    a, b = step.operands
    constant = is_number(b)
    if isinstance(a, Step | Known):
        kind = "constant factor" if constant else "missing factor"
        yield change(kind, f"the division by {called(b)} is missing", step, lambda v: v[a])
    kind = "constant factor" if constant else "factor twice"
    yield change(kind, f"the division by {called(b)} is done twice", step, lambda v: v[a] / v[b] / v[b], 0.5 * constant)
    kind = "constant factor" if constant else "not inverted"
    text = f"{called(a)} is multiplied by {called(b)} where it has to be divided by it"
    yield change(kind, text, step, lambda v: v[a] * v[b])
    if isinstance(b, Step) and b.op.name == "mul":
        for factor, other in ((0, 1), (1, 0)):
            inverted, plain = b.operands[factor], b.operands[other]
            kind = "constant factor" if is_number(inverted) else "not inverted"
            text = f"{called(a)} is multiplied by {called(inverted)} where it has to be divided by it"
            yield change(kind, text, step, of(lambda x, y, z: x * y / z, a, inverted, plain))
    text = f"the numerator {called(a)} is missing"
    yield change("missing factor", text, step, lambda v: np.ones_like(v[a]) / v[b], 1.0 + (0 in step.carries))
    if not constant and isinstance(a, Step | Known):
        yield change(
            "not inverted", f"{called(b)} is divided by {called(a)}, upside down", step, lambda v: v[b] / v[a], 2.0
        )


def _negative(step: Step) -> Iterator[Candidate]:
    (x,) = step.operands
    yield change("sign", f"the minus sign before {called(x)} is missing", step, lambda v: v[x])


def _square(step: Step) -> Iterator[Candidate]:
    (x,) = step.operands
    yield change("lost square", f"{called(x)} is not squared", step, lambda v: v[x])
    yield change("factor twice", f"the square of {called(x)} is squared again", step, lambda v: v[x] ** 4)
    yield change("not inverted", f"the square of {called(x)} is inverted", step, lambda v: 1 / v[x] ** 2, 1.0)
    yield change("power of a tensor", f"{called(x)} is cubed, not squared", step, lambda v: v[x] ** 3)
    yield change("constant factor", f"{called(x)} is doubled, not squared", step, lambda v: 2 * v[x], 3.0)


def _reciprocal(step: Step) -> Iterator[Candidate]:
    (x,) = step.operands
    yield change("not inverted", f"{called(x)} is not inverted", step, lambda v: v[x])
    yield change("factor twice", f"{called(x)} is divided by twice", step, lambda v: 1 / v[x] ** 2)


def _difference(step: Step) -> Iterator[Candidate]:
    a, b = step.operands
    yield change("sign", f"{called(a)} and {called(b)} are added, not subtracted", step, lambda v: v[a] + v[b])
    yield change("sign", f"{called(a)} and {called(b)} are subtracted the other way round", step, lambda v: v[b] - v[a])
    yield from _terms(step, lambda v: -v[b])


def _total(step: Step) -> Iterator[Candidate]:
    if step.is_fork:
        return
    a, b = step.operands
    yield change("sign", f"{called(b)} is subtracted from {called(a)}, not added", step, lambda v: v[a] - v[b])
    for x, eps in ((a, b), (b, a)):
        if not is_number(x) and not isinstance(eps, Step | Known) and 0 < eps <= SMALL:
            yield from _eps(step, x, eps)
            return
    yield from _terms(step, lambda v: v[b])


def _terms(step: Step, second: Any) -> Iterator[Candidate]:
    a, b = step.operands
    if isinstance(a, Step | Known):
        yield change("dropped term", f"the term {called(b)} is missing", step, lambda v: v[a])
    yield change("dropped term", f"the term {called(a)} is missing", step, second)


def _eps(step: Step, x: Operand, eps: float) -> Iterator[Candidate]:
    size = number(eps)
    yield change("eps left out", f"the {size} that is added to {called(x)} is left out", step, lambda v: v[x])
    text = f"the {size} that belongs to {called(x)} is added twice"
    yield change("eps misplaced", text, step, lambda v: v[x] + 2 * eps)
    text = f"{called(x)} is kept from falling below {size}, where {size} has to be added"
    yield change("eps misplaced", text, step, lambda v: np.maximum(v[x], eps))


def at_eps(step: Step) -> Iterator[Candidate]:
    """A function of ``x + eps`` that was computed as function of x, plus eps."""
    if len(step.operands) != 1 or not isinstance(step.operands[0], Step) or step.operands[0].op.name != "add":
        return
    inner = step.operands[0]
    for x, eps in (inner.operands, inner.operands[::-1]):
        if not is_number(x) and not isinstance(eps, Step | Known) and 0 < eps <= SMALL:
            text = (
                f"{number(eps)} is added to {step.op.name}({called(x)}) where it has to be added to {called(x)} inside"
            )
            outside = {inner: of(np.positive, x), step: _plus(step, inner, eps)}
            yield changes("eps misplaced", text, step, outside)


def _plus(step: Step, x: Operand, eps: float) -> Change:
    return lambda v: step.op.forward(v[x], **step.params) + eps


def _mask(step: Step) -> Iterator[Candidate]:
    condition, a, b = step.operands
    if b is not None and not isinstance(b, Step | Known) and b == 0:
        yield change(
            "missing mask", f"{called(a)} is not set to 0 where {called(condition)} is false", step, lambda v: v[a]
        )
        text = f"{called(a)} is set to 0 where {called(condition)} is true, the other way round"
        yield change("missing mask", text, step, lambda v: np.where(v[condition], 0, v[a]))
    else:
        text = f"{called(a)} and {called(b)} are chosen the other way round"
        yield change("missing mask", text, step, lambda v: np.where(v[condition], v[b], v[a]))


def picks(step: Step) -> bool:
    """Whether a step puts the gradient of what was picked from an array where that came from, and 0 elsewhere."""
    if step.op.name in ("broadcast_to", "matmul", "einsum", "concatenate", "stack", "tile") or 0 not in step.carries:
        return False
    x = step.operands[0]
    return prod(step.shape) > prod(x.shape) and len(step.shape) >= len(x.shape)


def _scattered(step: Step) -> Iterator[Candidate]:
    """A gradient of what was picked from an array goes to where that came from, and 0 elsewhere."""
    x = step.operands[0]
    shape = x.shape + (1,) * (len(step.shape) - len(x.shape))
    text = f"{called(x)} goes to what was not picked too, which has to get 0"
    yield change("missing factor", text, step, lambda v: np.broadcast_to(v[x].reshape(shape), step.shape))
    yield change("missing factor", text, step, lambda v: v[x].reshape(shape), 0.1)


def _function(step: Step) -> Iterator[Candidate]:
    (x,) = step.operands
    yield change("missing function", f"{step.op.name} of {called(x)} is not taken", step, lambda v: v[x])
    if step.op.name in ALIKE:
        name, other = ALIKE[step.op.name]
        text = f"{name} of {called(x)} is taken where {step.op.name} is due"
        yield change("wrong function", text, step, lambda v: other(v[x]))
