"""Products: a factor, sign, square or function left out, doubled or inverted; one value in place of another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ...engine.row import Choice, Function, Linear, Primitive, Product, Relation
from ...engine.table.elementwise import cos, exp, log, sigmoid, sin, tanh
from ...graph import Graph, Node
from ...notation import number
from .catalogue import Hypothesis, Substitutes, added_eps, change, changes, of
from .derivation import Array, Derivation, Operand, Values, is_mask, is_step, laid_out

TAKEN_FOR: dict[Primitive, Primitive] = {
    sin.op: cos.op,
    cos.op: sin.op,
    exp.op: log.op,
    log.op: exp.op,
    tanh.op: sigmoid.op,
    sigmoid.op: tanh.op,
}
"""Functions that are easily mistaken for each other."""


class _Slip(NamedTuple):
    """What may become of an op: the kind, the text with its operands' names in it, what it makes of its operands.

    The weight of its kind grows by ``more``, and by ``of_number`` if the last operand is a number.
    """

    kind: str
    text: str
    made: Callable[..., Any]
    more: float = 0.0
    of_number: float = 0.0


def _first(a: Any, *_: Any) -> Any:
    return a


def _second(_: Any, b: Any, *__: Any) -> Any:
    return b


def _other_way(condition: Any, a: Any, b: Any) -> Any:
    return np.where(condition, b, a)


_FACTOR = (
    _Slip("missing factor", "the factor {1} is missing", _first),
    _Slip("factor twice", "the factor {1} is applied twice", lambda a, b: a * b * b, 0.0, 1.5),
    _Slip("not inverted", "{0} is divided by {1} where it has to be multiplied by it", np.divide, 0.5),
)
_DIVISOR = (
    _Slip("missing factor", "the division by {1} is missing", _first),
    _Slip("factor twice", "the division by {1} is done twice", lambda a, b: a / b / b, 0.0, 0.5),
    _Slip("not inverted", "{0} is multiplied by {1} where it has to be divided by it", np.multiply),
)
_INVERTED_IN_PART = _DIVISOR[2]._replace(made=lambda a, b, c: a * b / c)
_MISSING_IN_PART = _DIVISOR[0]._replace(made=lambda a, _, c: a / c)
_SLIPS: dict[Any, tuple[_Slip, ...]] = {
    Product((2,)): (
        _Slip("lost square", "{0} is not squared", _first),
        _Slip("factor twice", "the square of {0} is squared again", lambda x: x**4),
        _Slip("not inverted", "the square of {0} is inverted", lambda x: 1 / x**2, 1.0),
        _Slip("power of a tensor", "{0} is cubed, not squared", lambda x: x**3),
        _Slip("constant factor", "{0} is doubled, not squared", lambda x: 2 * x, 3.0),
    ),
    Product((-1,)): (
        _Slip("not inverted", "{0} is not inverted", _first),
        _Slip("factor twice", "{0} is divided by twice", lambda x: 1 / x**2),
    ),
    Linear((-1,)): (_Slip("sign", "the minus sign before {0} is missing", _first),),
    Linear((1, -1)): (
        _Slip("sign", "{0} and {1} are added, not subtracted", np.add),
        _Slip("sign", "{0} and {1} are subtracted the other way round", lambda a, b: b - a),
        _Slip("dropped term", "the term {1} is missing", _first),
        _Slip("dropped term", "the term {0} is missing", lambda *terms: -terms[1]),
    ),
    Linear((1, 1)): (
        _Slip("sign", "{1} is subtracted from {0}, not added", np.subtract),
        _Slip("dropped term", "the term {1} is missing", _first),
        _Slip("dropped term", "the term {0} is missing", _second),
    ),
}
"""What may become of an op, by how the algebra reads it."""

_MASK = (
    _Slip("missing mask", "{1} is not set to 0 where {0} is false", _second),
    _Slip("inverted mask", "{1} is set to 0 where {0} is true, the other way round", _other_way),
)
_MASKED_OUT = (
    _Slip("missing mask", "{2} is not set to 0 where {0}", lambda *v: v[2]),
    _Slip("inverted mask", "{2} is set to 0 except where {0}, the other way round", _other_way),
)
_CHOICE = (_Slip("inverted mask", "{1} and {2} are chosen the other way round", _other_way),)


def at_factors(values: Values, step: Node) -> Iterator[Hypothesis]:
    """What may have happened to a recorded step other than a sum."""
    at, operands = values.derivation, step.operands
    if at.is_fork(step):
        return
    if step.reading == Product((1, 1)):
        for i, pair in ((1, operands), (0, operands[::-1])):
            lost = _FACTOR[0]._replace(more=2.0)  # the gradient itself is unlikely to be lost
            yield from _made(at, step, pair, [lost] if at.carries(step, i) else _FACTOR)
    elif step.reading == Product((1, -1)):
        yield from _made(at, step, operands, _DIVISOR)
        yield from _quotient(at, step)
    else:
        yield from _made(at, step, operands, _slips(at, step))


def _made(at: Derivation, step: Node, operands: Sequence[Operand], slips: Iterable[_Slip]) -> Iterator[Hypothesis]:
    names = [at.called(x) for x in operands]
    by_number = len(operands) > 1 and isinstance(step.reading, Product) and at.is_number(operands[1])
    for slip in slips:
        if slip.made is not _first or isinstance(operands[0], Node):
            masked = len(operands) > 1 and _masks(operands[1])
            kind = "constant factor" if by_number else "missing mask" if masked and slip.made is _first else slip.kind
            more = slip.more + slip.of_number * by_number
            yield change(kind, slip.text.format(*names), step, of(slip.made, *operands), more)


def _masks(x: Operand) -> bool:
    return is_mask(x) or isinstance(getattr(x, "reading", None), Relation)


def _slips(at: Derivation, step: Node) -> Iterator[_Slip]:
    reading, op = step.reading, step.op
    eps = added_eps(step)
    if reading == Linear((1, -1)) and step.operands[0] == 1:
        yield _Slip("complement", "{1} stands where {0} − {1} is due", _second)
    if reading in _SLIPS and (eps is None or at.is_number(eps[0])):
        yield from _SLIPS[reading]
    elif eps is not None:
        yield from _eps(eps[1], 0 if eps[0] is step.operands[0] else 1)
    elif is_mask(step):
        text = f"the mask {at.formula(step)} is taken the other way round"
        yield _Slip("inverted mask", text, lambda *v: 1.0 - step.apply(*v))
    elif isinstance(reading, Choice):
        zero = [not isinstance(x, Node) and x == 0 for x in step.operands]
        yield from _MASK if zero[2] else _MASKED_OUT if zero[1] else _CHOICE
    elif isinstance(reading, Relation) and op:
        name = at.formula(step)
        yield _Slip("inverted mask", f"the truth of {name} is taken the other way round", lambda *v: ~step.apply(*v))
    elif at.picks(step):
        shape = laid_out(step)
        text = "{0} goes to what was not picked too, which has to get 0"
        yield _Slip("missing factor", text, lambda x, *_: np.broadcast_to(x.reshape(shape), step.shape))
        yield _Slip("missing factor", text, lambda x, *_: x.reshape(shape), 0.1)
    elif isinstance(reading, Function | Product) and len(step.operands) == 1 and not step.params and op:
        yield _Slip("missing function", f"{op.name} of {{0}} is not taken", _first)
        if op in TAKEN_FOR:
            other = TAKEN_FOR[op]
            text = f"{other.name} of {{0}} is taken where {op.name} is due"
            yield _Slip("wrong function", text, other.forward)


def _eps(eps: float, i: int) -> Iterator[_Slip]:
    """Of an op that adds a small number to its i-th operand."""
    size, x = number(eps), ("{0}", "{1}")[i]
    yield _Slip("eps left out", f"the {size} that is added to {x} is left out", lambda *v: v[i])
    yield _Slip("eps misplaced", f"the {size} that belongs to {x} is added twice", lambda *v: v[i] + 2 * eps)
    text = f"{x} is kept from falling below {size}, where {size} has to be added"
    yield _Slip("eps misplaced", text, lambda *v: np.maximum(v[i], eps))


def _quotient(at: Derivation, step: Node) -> Iterator[Hypothesis]:
    a, b = step.operands
    over, under = at.called(a), at.called(b)
    if is_step(b) and b.reading == Product((1, 1)):
        for inverted, plain in (b.operands, b.operands[::-1]):
            yield from _made(at, step, (a, inverted, plain), [_INVERTED_IN_PART, _MISSING_IN_PART])
    text, more = f"the numerator {over} is missing", 1.0 + at.carries(step, 0)
    yield change("missing factor", text, step, lambda v: np.ones_like(v[a]) / v[b], more)
    if isinstance(a, Node) and not at.is_number(b):
        text = f"{under} is divided by {over}, upside down"
        yield change("not inverted", text, step, lambda v: v[b] / v[a], 2.0)


def at_eps(values: Values, step: Node) -> Iterator[Hypothesis]:
    """A function of ``x + eps`` that was computed as function of x, plus eps."""
    inner = step.operands[0]
    eps = added_eps(inner) if len(step.operands) == 1 and is_step(inner) else None
    if step.op is not None and eps is not None and not values.derivation.is_number(eps[0]):
        x, size = eps
        name = values.derivation.called(x)
        text = f"{number(size)} is added to {step.op.name}({name}) where it has to be added to {name} inside"
        outside = {inner: of(np.positive, x), step: lambda v: step.apply(v[x]) + size}
        yield changes("eps misplaced", text, step, outside)


# ------------------------------------------------------------------------------------------- derivatives and operators


def at_arguments(values: Values, graph: Graph, substitutes: Substitutes) -> Iterator[Hypothesis]:
    """The derivative of a function at another argument: the activation's own value, a gradient; or 1 less it."""
    at, place = values.derivation, values.derivation.target
    edges = graph.contributions_to(at.stage) if at.backward else ()
    if len(edges) != 1 or len(edges[0][0][0].operands) != 1 or not isinstance(edges[0][0][0].reading, Function):
        return
    ((user, _), _) = edges[0]
    arriving = next((x for x in at.leaves if x in at.gradients and at.origins.get(x) is user), None)
    if arriving is None:
        return
    op, name = user.made_by.name, at.called(arriving)
    slope = partial(_slope, user)
    for distance, atom in enumerate((arriving, *substitutes.values, *substitutes.gradients)):
        if atom.shape != place.shape:
            continue
        more = 0.01 * distance
        text = f"{name} is multiplied by {atom.name}, where the derivative of {op} is due"
        yield Hypothesis("exchanged operand", text, of(np.multiply, arriving, atom), place, 1.5 + more)
        if substitutes.origins.get(atom) is at.stage:
            continue  # which is its argument
        text = f"the derivative of {op} is taken at {atom.name}, where {at.stage.name} is its argument"
        found = of(lambda g, x: g * slope(x), arriving, atom)
        yield Hypothesis("another argument", text, found, place, more)
        alone = f"{text}, and {name} is missing"
        yield Hypothesis("another argument", alone, of(slope, atom), place, 0.5 + more)
    text = f"{name} is multiplied by 1 less the derivative of {op}, not by it"
    argument = next((x for x in substitutes.values if substitutes.origins[x] is at.stage), None)
    if argument is not None:
        yield Hypothesis("complement", text, of(lambda g, x: g * (1.0 - slope(x)), arriving, argument), place)


def _slope(node: Node, x: Array) -> Array:
    """The derivative of a node's op, elementwise, at another argument."""
    y, rule = node.apply(x), node.made_by.vjps[0]
    return np.asarray(rule(np.ones_like(y), y, x, **node.params)) if rule is not None else np.zeros_like(y)


def eps_everywhere(derivation: Derivation, substitutes: Substitutes) -> Iterator[Hypothesis]:
    """A value without its eps wherever it is used."""
    touched = [x for x in derivation.leaves if x in substitutes.without_eps]
    for chosen in [*([x] for x in touched), touched]:
        text = f"{' and '.join(str(substitutes.without_eps[x].name) for x in chosen[:3])} is used"
        bare = {x: of(np.positive, substitutes.without_eps[x]) for x in chosen}
        if chosen:
            yield changes("eps left out", text, derivation.target, bare, 0.5 + 0.1 * len(chosen))


def elsewhere_recorded(derivation: Derivation, substitutes: Substitutes) -> Iterator[Hypothesis]:
    """Another recorded value or gradient in place of the whole; or no upstream gradient at all."""
    target = derivation.target
    for distance, atom in enumerate((*substitutes.gradients, *substitutes.values)):
        if atom.shape == derivation.stage.shape and atom is not target:
            text = f"{derivation.name} is {atom.name}"
            yield Hypothesis("exchanged operand", text, of(np.positive, atom), target, 0.5 + 0.01 * distance)
    for x in derivation.leaves:
        if x in derivation.gradients:
            text = f"the gradient {x.name} is missing"
            yield changes("missing factor", text, target, {x: of(np.ones_like, x)}, 1.0)
            yield changes("missing factor", text, target, {x: of(partial(np.ones, ()))}, 1.1)
