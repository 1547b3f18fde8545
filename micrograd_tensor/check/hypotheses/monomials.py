"""Monomials: a contribution as a product of powers, to say what a factor too much or too little means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ...graph import Node
from .atoms import Atoms
from .candidate import Candidate, change
from .point import Point
from .program import Array, Known, Operand, Step
from .words import formula

WORDS = {
    "missing factor": "the factor {} is missing",
    "lost square": "{} is not squared",
    "factor twice": "the factor {} is applied twice",
    "not inverted": "{} multiplies where it has to divide, or the other way round",
}
"""What has become of a factor, by the kind of mistake."""

POWERS = {"square": 2.0, "sqrt": 0.5, "reciprocal": -1.0, "neg": 1.0, "reshape": 1.0, "broadcast_to": 1.0}
"""The exponent that an op gives to its operand."""


def exponents(part: Operand, own: Mapping[Node, Known] | None = None) -> dict[Known, float]:
    """Of a product the factors that are recorded values, each with its exponent; of a sum of products none.

    Args:
        part: a step.
        own: the known values by node; given these, the result of the op whose rule the step belongs to is taken apart
            into that op's operands, so that −y/b counts as −a/b².
    """
    found: dict[Known, float] = {}
    result = part.edge[0] if isinstance(part, Step) and part.edge is not None else None
    stack: list[tuple[Operand, float]] = [(part, 1.0)]
    while stack:
        x, k = stack.pop()
        if isinstance(x, Known) and own is not None and x.node is result and not x.is_gradient:
            name, operands = _of_result(x, own)
        elif isinstance(x, Step) and (x is part or x.name is None):
            name, operands = x.op.name, x.operands
        else:
            name, operands = "", ()
        if isinstance(x, Known) and not name:
            found[x] = found.get(x, 0.0) + k
        elif name in POWERS:
            stack.append((operands[0], k * POWERS[name]))
        elif name == "mul":
            stack.extend((y, k) for y in operands)
        elif name == "div":
            stack.extend([(operands[0], k), (operands[1], -k)])
    return {x: k for x, k in found.items() if k and not x.is_gradient and x.shape}


def _of_result(x: Known, own: Mapping[Node, Known]) -> tuple[str, tuple[Operand, ...]]:
    """The op that made a known value and its operands, where it is a product and these are known."""
    if x.node is None or x.node.op is None or x.node.op.name not in ("mul", "div"):
        return "", ()
    operands = tuple(own.get(y) if isinstance(y, Node) else y for y in x.node.operands)
    return ("", ()) if None in operands else (x.node.op.name, operands)


def together(point: Point, part: Operand, atom: Known) -> float:
    """With what exponent a tensor is in a product; powers of it under other names, such as its inverse, count too."""
    return _collinear(point, exponents(part, point.own), atom) or _collinear(point, exponents(part), atom)


def _collinear(point: Point, factors: Mapping[Known, float], atom: Known) -> float:
    total = 0.0
    log = point.log(atom)
    for x, k in factors.items():
        if x is atom:
            total += k
        elif x.shape == atom.shape:
            other = point.log(x)
            with np.errstate(all="ignore"):
                size = float((log * log).sum())
                ratio = float(np.round(2 * (log * other).sum() / size) / 2) if size else 0.0
            if np.isfinite(ratio) and np.allclose(other, ratio * log, rtol=1e-9, atol=1e-12):
                total += k * ratio
    return total


def kind_of(point: Point, part: Operand, atom: Known, k: float) -> str:
    """What kind of mistake a power of a tensor too much is, by the power that belongs there."""
    due = together(point, part, atom)
    if due and k == -due:
        return "missing factor"
    if due and abs(due) >= 2 and k == -due / 2:
        return "lost square"
    if due and k == due:
        return "factor twice"
    if due and k == -2 * due:
        return "not inverted"
    return "power of a tensor"


def at_monomials(point: Point, step: Step, atoms: Atoms) -> Iterator[Candidate]:
    """One tensor of a product exchanged for another, in all its powers: what was cached is not what is taken for it."""
    shapes = {x.shape for x in exponents(step)}
    for x in atoms.values:
        k = together(point, step, x) if x.shape in shapes else 0.0
        if not k or (x not in point.program.sources and x.node is not None and x.node.name is None):
            continue
        for distance, other in enumerate(atoms.values):
            if other is not x and other.shape == x.shape:
                text = f"{other.text} is used in place of {x.text}"
                yield change("exchanged operand", text, step, _exchanged(step, x, other, k), 0.3 + 0.01 * distance)
        if x in atoms.without_eps:
            bare = atoms.without_eps[x]
            yield change("eps left out", f"{bare.text} is used", step, _exchanged(step, x, bare, k), 0.3)


def in_terms(point: Point, step: Step, atoms: Atoms) -> Iterator[Candidate]:
    """Of the terms of a sum a factor left out, applied twice, not squared or not inverted."""
    for distance, atom in enumerate(atoms.values):
        due = together(point, step, atom) if _is_simple(atom) else 0.0
        for k in dict.fromkeys((-due, -due / 2, due, -2 * due)) if due else ():
            kind = kind_of(point, step, atom, k)
            if kind != "power of a tensor" and k:
                text = f"in {formula(step)}, {WORDS[kind].format(atom.text)}"

                def made(v: Any, atom: Known = atom, k: float = k) -> Array:
                    return step.op.forward(*(v[y] for y in step.operands), **step.params) * v[atom] ** k

                yield change(kind, text, step, made, 0.2 + 0.01 * distance)


def _is_simple(atom: Known) -> bool:
    return atom.node is not None and atom.node.name is not None and bool(atom.shape)


def _exchanged(step: Step, x: Known, other: Known, k: float) -> Any:
    def made(v: Any) -> Array:
        was = step.op.forward(*(v[y] for y in step.operands), **step.params)
        return was * (v[other] / v[x]) ** k

    return made
