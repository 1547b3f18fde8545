"""Another number: which number stands where one of the recorded ones belongs: an eps, an exponent, a coefficient."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from ...engine.row import Linear, Power
from ...graph import Graph, Node
from ...notation import number
from ...notation.printable import listed
from ..nearby import nearby
from .catalogue import SMALL, Hypothesis, Substitutes, bare_values, of, small_constant
from .derivation import Array, Values

STEPS = 40
"""How many steps a solution may take."""

ENOUGH = 3
"""A number that is not among the usual ones needs this many elements that agree on it."""

_USUAL_EPS = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-10, 1e-12)

Made = Callable[[Values, float], Array]
"""What comes out with a number in the place of the recorded one."""


def at_numbers(values: Values, step: Node, given: Array, slack: Array) -> Iterator[Hypothesis]:
    """Another number as operand of a step that is no product, whose factors are looked at anyway."""
    at = values.derivation
    if not isinstance(step.reading, Linear | Power):
        return
    for i, c in enumerate(step.operands):
        if isinstance(c, Node | bool) or not isinstance(c, int | float):
            continue

        def made(v: Values, other: float, i: int = i) -> Array | None:
            operands = [*step.operands[:i], other, *step.operands[i + 1 :]]
            return v.changed({step: lambda w: step.apply(*(w[x] for x in operands))})

        kind = "another exponent" if step.reading == Power() else _kind(c)
        others = (-c, 2 * c, 0.0, c + 1, c - 1, c / 2, *(_USUAL_EPS if kind == "another eps" else ()))
        for other in _solutions(values, made, float(c), given, slack, others):
            named = "eps left out" if kind == "another eps" and other == 0 else kind
            text = f"{number(other)} stands for {number(c)}, in {at.formula(step)}"
            yield Hypothesis(named, text, partial(made, other=other), step)


def another_eps(
    values: Values, graph: Graph, substitutes: Substitutes, given: Array, slack: Array
) -> Iterator[Hypothesis]:
    """Another small constant than that of the forward pass, in all values that a derivation uses."""
    eps = small_constant(graph)
    touched = [x for x in values.derivation.leaves if x in substitutes.without_eps]
    if eps is None or not touched:
        return
    origins = substitutes.origins

    def made(v: Values, other: float) -> Array | None:
        there = v is not values
        leaves = {n: x for n, x in nearby(graph).values.items() if n.is_leaf} if there else {}
        again = bare_values(graph, leaves, other / eps)
        return v.changed({x: of(lambda again=again[origins[x]]: again) for x in touched})

    for other in _solutions(values, made, eps, given, slack, (-eps, 2 * eps, 0.0, *_USUAL_EPS)):
        what = f"{number(-other)} is subtracted" if other < 0 else f"{number(other)} is added"
        text = f"{what} where {number(eps)} is, in {listed([str(x.name) for x in touched[:3]])}"
        yield Hypothesis("another eps", text, partial(made, other=other), values.derivation.target)


def _kind(c: float) -> str:
    return "another eps" if 0 < abs(c) <= SMALL else "constant factor"


def _solutions(
    values: Values, made: Any, c: float, given: Array, slack: Array, likely: tuple[float, ...]
) -> Iterator[float]:
    """The numbers that may give what was given: the likely ones, and what one element asks for, with few digits."""
    yield from dict.fromkeys(x for x in likely if x != c)
    right = made(values, c)
    if right is None or right.shape != given.shape or given.shape != slack.shape or given.size < ENOUGH:
        return
    step = 1e-3 * (abs(c) or 1.0)
    moved = made(values, c + step)
    if moved is None or moved.shape != given.shape:
        return
    with np.errstate(all="ignore"):
        sharp = np.abs(moved - right) / np.maximum(slack, 1e-300)
        sharp = np.where(np.isfinite(sharp) & np.isfinite(given), sharp, 0.0)
    at = int(np.argmax(sharp))
    found = _secant(lambda x: made(values, x), at, float(given.flat[at]), c, c + step)
    if found is None or abs(found - c) <= 1e-9 * abs(c):
        return
    rounded = [float(f"{found:.{digits}g}") for digits in (1, 2, 3)]
    exact = [] if any(abs(x - found) <= 1e-6 * abs(found) for x in rounded) else [found]
    yield from dict.fromkeys(x for x in (*rounded, *exact) if x != c and x not in likely)


def _secant(made: Callable[[float], Array | None], at: int, due: float, a: float, b: float) -> float | None:
    """The number for which one element is what it is to be, by the secant's steps."""
    off: list[float] = []
    for x in (a, b):
        result = made(x)
        off.append(float(result.flat[at]) - due if result is not None else np.nan)
    for _ in range(STEPS):
        if not np.isfinite(off).all() or off[0] == off[1]:
            return None
        c = b - off[1] * (b - a) / (off[1] - off[0])
        result = made(c)
        a, b, off = b, c, [off[1], float(result.flat[at]) - due if result is not None else np.nan]
        if abs(off[1]) <= 1e-14 * abs(due) or abs(b - a) <= 1e-15 * abs(b):
            return b
    return None
