"""Operands: another value in place of one that a line uses; or that one reversed, shifted, taken from 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from math import prod
from typing import Any

import numpy as np

from ...engine.row import Choice, Contraction, Function, Linear, Permutation, Product, Relation
from ...graph import Node
from ..found import broadcasts
from .catalogue import STORED, Hypothesis, Substitutes, change, changes, of
from .derivation import Array, Change, Derivation, Operand, Values, is_mask, is_step, laid_out

ENOUGH = 10
"""A mask of fewer elements, each of which says yes or no, may be that of another array by luck."""


def at_operands(values: Values, step: Node, substitutes: Substitutes) -> Iterator[Hypothesis]:
    """One operand of a step exchanged for another recorded value, or for the same one without its eps."""
    at = values.derivation
    yield from another_mask(values, step, substitutes)
    for i, x in enumerate(step.operands):
        if is_mask(step) or at.is_number(x) or (at.is_fork(step) and is_step(x)):
            continue
        gradient, name = at.carries(step, i), at.called(x)
        for distance, atom in enumerate(substitutes.gradients if gradient else substitutes.values):
            if atom is x or _cancels(step, atom) or (is_step(x) and atom in x.operands):
                continue
            if _replaces(atom.shape, x.shape, step):
                more = 0.01 * distance + (0.5 if atom.shape != x.shape else 0.0) + (2.0 if is_step(x) else 0.0)
                text = f"{atom.name} is used in place of {name}, in {at.formula(step)}"
                kind = "another argument" if _is_argument(at, step) else substitutes.exchanging(atom, x)
                yield change(kind, text, step, _operand(step, i, atom, np.positive), more)
        if i == 0 and at.picks(step):
            for distance, atom in enumerate(substitutes.values):
                if atom.shape == step.shape:
                    text = f"{atom.name} is used in place of 1 at what was picked and 0 elsewhere"
                    instead = of(lambda x, y: x.reshape(laid_out(step)) * y, x, atom)
                    yield change("exchanged operand", text, step, instead, 0.5 + 0.01 * distance)
        if gradient and isinstance(step.reading, Choice):
            for distance, atom in enumerate(substitutes.values):
                if atom.shape == x.shape == step.shape:
                    text = f"{name} is multiplied by {atom.name}, in place of {at.formula(step)}"
                    yield change("exchanged operand", text, step, of(np.multiply, x, atom), 1.5 + 0.01 * distance)
        if x in substitutes.without_eps:
            bare = substitutes.without_eps[x]
            yield change(
                "eps left out",
                f"{bare.name} is used, in {at.formula(step)}",
                step,
                _operand(step, i, bare, np.positive),
            )


def another_mask(values: Values, step: Node, substitutes: Substitutes) -> Iterator[Hypothesis]:
    """The mask of another array."""
    at = values.derivation
    if not is_mask(step) or prod(step.shape) < ENOUGH:
        return
    for distance, atom in enumerate((*substitutes.values, *substitutes.gradients)):
        if atom.shape == step.shape and at.formula(step) != f"{atom.name} > 0":
            for sign, compare in ((">", np.greater), ("<", np.less)):
                text = f"the mask {atom.name} {sign} 0 stands where {at.formula(step)} is due"
                instead = of(partial(_compared, compare), atom)
                yield change("another mask", text, step, instead, 0.01 * distance + 0.5 * (sign == "<"))


def _compared(compare: Callable[..., Array], x: Array) -> Array:
    return compare(x, 0).astype(x.dtype)


def _cancels(step: Node, atom: Node) -> bool:
    """Whether a step gives 1 or 0 whatever its operands are, once one of them becomes the other."""
    return atom in step.operands and step.reading in (Product((1, -1)), Linear((1, -1)))


def _is_argument(at: Derivation, step: Node) -> bool:
    """Whether a function is taken of a step's operands, or of what is computed from them."""
    later = () if at.carried_by(step) else at.after[step]
    return any(isinstance(x.reading, Function) for x in (step, *(x for x in later if not at.carried_by(x))))


def at_uses(values: Values, step: Node, substitutes: Substitutes) -> Iterator[Hypothesis]:
    """One operand of a step bent: reversed, shifted, 1 less it; or a value where a gradient is due, and the reverse."""
    at = values.derivation
    for i, x in enumerate(step.operands):
        if is_mask(step) or not isinstance(x, Node) or not x.is_leaf or at.is_number(x) or x.dtype.kind != "f":
            continue
        carries, where = at.carries(step, i), f", in {at.formula(step)}"
        for kind, text, bend, more in _bent(at, x, carries):
            yield change(kind, text + where, step, _operand(step, i, x, bend), more)
        for distance, atom in enumerate(substitutes.values if carries else substitutes.gradients):
            if atom is x or at.is_number(atom) or _cancels(step, atom) or not _replaces(atom.shape, x.shape, step):
                continue
            kind, text = _KINDS[carries]
            kind = "another mask" if isinstance(step.reading, Relation) else kind
            nameless = substitutes.origins[atom].name is None  # which people seldom have an array for
            more = 0.01 * distance + 0.5 * (atom.shape != x.shape) + 1.0 * nameless
            said = text.format(atom.name, at.called(x)) + where
            yield change(kind, said, step, _operand(step, i, atom, np.positive), more)


_KINDS = {
    True: ("value for gradient", "the value {0} is used in place of the gradient {1}"),
    False: ("gradient for value", "the gradient {0} is used in place of the value {1}"),
}


def everywhere(values: Values, substitutes: Substitutes) -> Iterator[Hypothesis]:
    """A value that is used several times, or a gradient on the way, bent or exchanged everywhere."""
    at = values.derivation
    several = [x for x in at.leaves if len(at.graph.users[x]) > 1 and not at.is_number(x) and x.dtype.kind == "f"]
    on_the_way = [x for x in at.steps if x.name is not None and x is not at.target and at.carried_by(x)]
    for x in (*several, *on_the_way):
        carries = at.carried_by(x)
        for kind, text, bend, more in (*_bent(at, x, carries), *(_whole(at, x) if carries else ())):
            yield changes(kind, text, x, {x: partial(_of_original, x, bend)}, more)
        for gradient, atoms in ((False, substitutes.values), (True, substitutes.gradients)):
            for distance, atom in enumerate(atoms):
                if atom is not x and atom.shape == x.shape:
                    kind, text = _KINDS[carries] if carries != gradient else _SAME
                    if not carries and not gradient:
                        functions = any(_is_argument(at, user) for user, _ in at.graph.users[x])
                        kind = "another argument" if functions else substitutes.exchanging(atom, x)
                    said = text.format(atom.name, at.called(x))
                    instead: Change = partial(_of_original, atom, np.positive)
                    yield changes(kind, said, x, {x: instead}, 0.3 + 0.01 * distance)


def _whole(at: Derivation, x: Node) -> Iterator[tuple[str, str, Callable[[Array], Array], float]]:
    """What else may become of a whole gradient, as it does of one that was given."""
    name = at.called(x)
    yield "sign", f"{name} has the wrong sign", np.negative, 0.5
    yield "constant factor", f"{name} is doubled", partial(np.multiply, 2.0), 0.5
    yield from (("whole numbers", f"{name} was stored as {what}", left, more) for what, left, more in STORED)
    if len(x.shape) == 2 and min(x.shape) > 1:
        text = f"{name} is transposed, and brought back into shape {x.shape} by a reshape"
        yield "transposed", text, lambda a: a.T.reshape(a.shape), 0.5


_SAME = ("exchanged operand", "{0} is used in place of {1}")


def _bent(at: Derivation, x: Node, carries: bool) -> Iterator[tuple[str, str, Callable[[Array], Array], float]]:
    """What an array may be turned into by mistake: the kind, the text, how, and how unlikely it is."""
    name = at.called(x)
    if carries:
        yield "factor twice", f"{name} is squared", np.square, 3.0
    else:
        yield "complement", f"1 − {name} stands where {name} is due", lambda a: 1.0 - a, 0.0
    for axis in range(len(x.shape)):
        if x.shape[axis] > 1:
            along = f" along axis {axis}" if len(x.shape) > 1 else ""
            yield "permuted", f"{name} is reversed{along}", partial(np.flip, axis=axis), 0.0
            for by in (1, -1) if x.shape[axis] > 2 else ():
                text = f"{name} is off by one{along}"
                yield "off by one", text, partial(np.roll, shift=by, axis=axis), 0.0


def _of_original(x: Node, bend: Callable[[Array], Array], v: Any) -> Array:
    return bend(v.values[x])


def _operand(step: Node, i: int, x: Operand, bend: Callable[[Array], Array]) -> Change:
    """A step with one operand bent."""

    def made(v: Any) -> Any:
        operands = [v[y] for y in step.operands]
        operands[i] = bend(v[x])
        return step.apply(*operands)

    return made


def _replaces(shape: tuple[int, ...], due: tuple[int, ...], step: Node) -> bool:
    """Whether a value of one shape can replace one of another."""
    if isinstance(step.reading, Contraction | Permutation):
        return len(shape) == len(due)
    elementwise = isinstance(step.reading, Linear | Product) and len(step.operands) == 2
    return shape == due or (elementwise and broadcasts(shape, step.shape))
