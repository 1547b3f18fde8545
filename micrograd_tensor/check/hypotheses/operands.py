"""Operands: another recorded value in the place of the one that belongs there, or the same one without its eps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from .atoms import Atoms
from .candidate import Candidate, change, changes, of
from .factors import is_number, picks
from .point import Point
from .program import Array, Known, Program, Step
from .words import called, formula, number


def at_operands(step: Step, atoms: Atoms) -> Iterator[Candidate]:
    """One operand of a step exchanged."""
    for i, x in enumerate(step.operands):
        if is_number(x):
            if not isinstance(x, Step | Known) and not isinstance(x, bool) and step.op.name in ("pow", "sub", "add"):
                yield from _numbers(step, i, x)
            continue
        if step.is_fork and not isinstance(x, Known):
            continue
        gradient = i in step.carries
        values = atoms.values if not gradient else atoms.gradients
        for distance, atom in enumerate(values):
            if atom is x or not _replaces(atom.shape, x.shape, step):
                continue
            more = 0.01 * distance + (0.5 if atom.shape != x.shape else 0.0) + (2.0 if isinstance(x, Step) else 0.0)
            text = f"{atom.text} is used in place of {called(x)}, in {formula(step)}"
            yield change("exchanged operand", text, step, _with(step, i, atom), more)
        if gradient and i == 0 and picks(step):
            for distance, atom in enumerate(atoms.values):
                if atom.shape == step.shape:
                    text = f"{atom.text} is used in place of 1 at what was picked and 0 elsewhere"
                    more = 0.5 + 0.01 * distance
                    yield change("exchanged operand", text, step, _weighted(step, atom), more)
        if isinstance(x, Known) and x in atoms.without_eps:
            bare = atoms.without_eps[x]
            text = f"{bare.text} is used, in {formula(step)}"
            yield change("eps left out", text, step, _with(step, i, bare))


def eps_everywhere(program: Program, atoms: Atoms) -> Iterator[Candidate]:
    """A value without its eps wherever it is used."""
    touched = [x for x in program.sources if x in atoms.without_eps]
    for chosen in [*([x] for x in touched), touched]:
        text = f"{' and '.join(atoms.without_eps[x].text for x in chosen[:3])} is used"
        bare = {x: of(np.positive, atoms.without_eps[x]) for x in chosen}
        if chosen:
            yield changes("eps left out", text, program.target, bare, 0.5 + 0.1 * len(chosen))


def elsewhere_recorded(program: Program, atoms: Atoms) -> Iterator[Candidate]:
    """Another recorded value or gradient in the place of the whole; or no upstream gradient at all."""
    name = f"{'d' if program.backward else ''}{program.node.name}"
    for distance, atom in enumerate((*atoms.gradients, *atoms.values)):
        if atom.shape == program.node.shape and atom is not program.target:
            text = f"{name} is {atom.text}"
            more = 0.5 + 0.01 * distance
            yield Candidate("exchanged operand", text, _taken(atom), program.target, more)
    for x in program.sources:
        if x.is_gradient:
            text = f"the gradient {x.text} is missing"
            yield changes("missing factor", text, program.target, {x: of(np.ones_like, x)}, 1.0)
            yield changes("missing factor", text, program.target, {x: of(partial(np.ones, ()))}, 1.1)


def _taken(atom: Known) -> Callable[[Point], Array]:
    return lambda point: np.asarray(point[atom])


def _weighted(step: Step, atom: Known) -> Any:
    x = step.operands[0]
    return lambda v: v[x].reshape(x.shape + (1,) * (len(step.shape) - len(x.shape))) * v[atom]


def _with(step: Step, i: int, atom: Known) -> Any:
    def made(v: Any) -> Any:
        operands = [v[x] for x in step.operands]
        operands[i] = v[atom]
        return step.op.forward(*operands, **step.params)

    return made


def _numbers(step: Step, i: int, x: Any) -> Iterator[Candidate]:
    for other in (x + 1, x - 1, 2 * x, x / 2, -x):

        def made(v: Any, other: Any = other) -> Any:
            operands = [v[y] for y in step.operands]
            operands[i] = other
            return step.op.forward(*operands, **step.params)

        yield change("constant factor", f"{number(other)} stands for {number(x)}, in {formula(step)}", step, made, 1.0)


def _replaces(shape: tuple[int, ...], due: tuple[int, ...], step: Step) -> bool:
    """Whether a value of one shape can stand where one of another is due."""
    if shape == due:
        return True
    if step.op.name not in ("mul", "div", "add", "sub"):
        return False
    try:
        return (
            np.broadcast_shapes(shape, *(np.shape(y) if not hasattr(y, "shape") else y.shape for y in step.operands))
            == step.shape
        )
    except ValueError:
        return False
