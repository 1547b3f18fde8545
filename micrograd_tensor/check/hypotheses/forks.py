"""Forks: of the gradients that arrive at a value one dropped, doubled, turned round or put in place of the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from .building import name_of
from .candidate import Candidate, change, of
from .constants import Constant, Constants
from .point import Point
from .program import Array, Known, Operand, Program, Step
from .words import called, formula


def parts_of(top: Operand) -> tuple[Operand, ...]:
    """What a sum at a fork adds up, in order; a value that is no such sum is its only part."""
    parts: list[Operand] = []
    first = top
    while isinstance(first, Step) and (first is top or first.node is None) and _adds(first, first is top):
        first, part = first.operands
        parts.append(part)
    return (first, *reversed(parts))


def _adds(step: Step, is_top: bool) -> bool:
    return step.is_fork or (is_top and step.op.name == "add" and step.edge is None)


def forks_of(program: Program) -> list[Step]:
    """The sums at forks, each the whole gradient of a value, the last one first."""
    found = [step for step in program.steps if step.is_fork and step.node is not None]
    return sorted(found, key=lambda step: -step.place)


def weighted(top: Step, parts: Sequence[Operand], weights: Sequence[Any]) -> Any:
    """A fork's sum with a weight for each part; None leaves it out."""
    pairs = tuple(zip(parts, weights, strict=True))

    def made(v: Any) -> Array:
        total: Any = 0.0
        for part, weight in pairs:
            if weight is not None:
                total = total + v[part] * weight
        return np.broadcast_to(np.asarray(total), top.shape)

    return made


def at_fork(top: Step) -> Iterator[Candidate]:
    """What may have become of one part of a fork, or of all but one."""
    parts = parts_of(top)
    name = top.name or f"d{name_of(top.node) if top.node else '…'}"
    for i, part in enumerate(parts):
        weights: list[Any] = [1.0] * len(parts)
        of = _part(part)
        weights[i] = None
        last = len(parts) == 2 and i == 0
        kind = "overwritten contribution" if last else "dropped contribution"
        text = (
            f"{_part(parts[1])} replaces {of} at {name}, where it has to be added"
            if last
            else f"{of} is not added to {name}"
        )
        yield change(kind, text, top, weighted(top, parts, weights))
        weights[i] = 2.0
        yield change("doubled contribution", f"{of} is added to {name} twice", top, weighted(top, parts, weights))
        weights[i] = -1.0
        yield change("sign", f"{of} is subtracted from {name}, not added", top, weighted(top, parts, weights))
    if len(parts) > 2:
        for i, part in enumerate(parts):
            weights = [None] * len(parts)
            weights[i] = 1.0
            text = f"{_part(part)} replaces the other {len(parts) - 1} gradients at {name}, to be added to them"
            yield change("overwritten contribution", text, top, weighted(top, parts, weights), 0.5)


def fitted(point: Point, top: Step, given: Array, slack: Array, constants: Constants) -> Iterator[Candidate]:
    """The weights of a fork's parts that reproduce what was given, where the numbers of the graph explain them."""
    parts = parts_of(top)
    if given.shape != point.target.shape or given.size <= len(parts):
        return
    nothing = point.changed({top: of(partial(np.zeros, top.shape))})
    if nothing is None or nothing.shape != given.shape:
        return
    columns = []
    for part in parts:
        effect = point.changed({top: of(partial(np.broadcast_to, shape=top.shape), part)})
        if effect is None or effect.shape != given.shape:
            return
        columns.append((effect - nothing).reshape(-1))
    weights = solve(np.array(columns).T, (given - nothing).reshape(-1), slack.reshape(-1))
    if weights is None:
        return
    explained = [constants.explain(float(w), 1e-9) if abs(w) > 1e-9 else Constant(0.0, "0", 0.0) for w in weights]
    if any(c is None for c in explained) or all(c is not None and c.value == 1 for c in explained):
        return
    found = [c for c in explained if c is not None]
    if len({c.value for c in explained if c is not None}) == 1:
        return  # the whole is multiplied, which is simpler said of the whole
    wrong = [(c, part) for c, part in zip(found, parts, strict=True) if c.value != 1]
    name = top.name or f"{'d' if top.is_fork else ''}{name_of(top.node) if top.node else '…'}"
    told = [_told(c, part, name) for c, part in wrong]
    kind = _kind(found) if len(wrong) == 1 or len({c.value for c, _ in wrong}) == 1 else "two mistakes"
    cost = sum(c.cost for c, _ in wrong)
    if len(wrong) == 2 and abs(wrong[0][0].value * wrong[1][0].value - 1) < 1e-9:
        kind, told = "exchanged operand", [*told, "as if the weights of the two were exchanged"]
    yield change(kind, "; ".join(told), top, weighted(top, parts, [c.value for c in found]), cost)


def solve(columns: Array, wanted: Array, slack: Array) -> Array | None:
    """Weighted least squares; None where the columns do not determine the answer or it leaves a remainder."""
    with np.errstate(all="ignore"):
        scale = 1.0 / np.maximum(slack, np.finfo(np.float64).tiny ** 0.5)
        scale = scale / scale.max()
        a, b = columns * scale[:, None], wanted * scale
        size = np.sqrt((a * a).sum(axis=0))
    if not (np.isfinite(a).all() and np.isfinite(b).all() and (size > 0).all()):
        return None
    found, _, rank, singular = np.linalg.lstsq(a / size, b, rcond=None)
    if rank < columns.shape[1] or singular[-1] < 1e-6 * singular[0]:
        return None
    weights: Array = found / size
    left = np.abs(columns @ weights - wanted)
    return weights if np.all(left <= 16 * slack) else None


def _kind(weights: Sequence[Constant]) -> str:
    wrong = next(c.value for c in weights if c.value != 1)
    if wrong == 0:
        return "dropped contribution"
    return {-1.0: "sign", 2.0: "doubled contribution"}.get(wrong, "constant factor")


def _told(c: Constant, part: Operand, name: str) -> str:
    if c.value == 0:
        return f"{_part(part)} is not added to {name}"
    return f"{_part(part)} arrives at {name} multiplied by {c.text}"


def _part(part: Operand) -> str:
    if isinstance(part, Step) and part.edge is not None:
        return f"what comes from d{name_of(part.edge[0])}, {part.name or formula(part)},"
    if isinstance(part, Known) and part.is_gradient:
        return f"what comes from {called(part)}"
    return called(part)
