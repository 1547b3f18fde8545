"""Primitive: one row of the table, and what happens when it is called."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial, update_wrapper
from itertools import count
from typing import Any, ParamSpec, TypeAlias

import numpy as np

from . import anomaly
from .arrays import NUMBERS, frozen, is_duck, settled
from .errors import attempted, explain
from .recording import recording
from .tensor import Tensor, births, leaf

P = ParamSpec("P")
Array: TypeAlias = Any
"""Inside the table an operand is a Tensor, an array or a number alike; so is what a forward or a rule returns."""
Operand: TypeAlias = Any
Axis: TypeAlias = "int | tuple[int, ...] | None"
Rule: TypeAlias = "Callable[..., Array] | None"


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One elementary op: how to compute it, how to pull a gradient back through it, how to write and draw it.

    Attributes:
        name: ``"mul"``.
        symbol: what its gate shows, ``"×"``.
        notation: how a formula shows it, ``"{0} · {1}"``; parameters by name, ``"{axis}"``.
        forward: operands and parameters to result, in NumPy.
        vjps: one rule per operand: ``(g, y, *operands, **params)`` to the gradient of that operand, where ``g`` is the
            gradient of the result ``y``; the walk sums over broadcast axes afterwards. None: not differentiable there.
        parameters: the names of the keyword parameters with their defaults.
        analytic: whether forward is complex-differentiable, so that a complex step can check it.
    """

    name: str
    symbol: str
    notation: str
    forward: Callable[..., Array]
    vjps: Iterable[Rule]
    parameters: dict[str, Any]
    analytic: bool


TABLE: dict[str, Row] = {}
"""Every primitive by name, in the order of definition."""


class Each:
    """The rules of an op with any number of operands: ``rule(i, g, y, *operands, **params)`` for the i-th."""

    def __init__(self, rule: Callable[..., Array]) -> None:
        self.rule = rule

    def __iter__(self) -> Any:
        return (partial(self.rule, i) for i in count())


def primitive(
    symbol: str,
    notation: str,
    *vjps: Rule,
    each: Callable[..., Array] | None = None,
    analytic: bool = True,
    name: str | None = None,
) -> Callable[[Callable[P, Array]], Callable[P, Tensor]]:
    """Make a NumPy function an op of the engine: a row of the table, recorded when it is applied to Tensors.

    The function's positional-only arguments are the operands, the others are parameters, and its docstring is the op's.
    Applied to arrays and numbers alone it is the NumPy function itself, which is why a rule written with such ops and
    operators serves both the plain and the recorded backward pass.
    """

    def decorate(forward: Callable[P, Array]) -> Callable[P, Tensor]:
        signature = inspect.signature(forward).parameters.values()
        parameters = {p.name: p.default for p in signature if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        variadic = any(p.kind is p.VAR_POSITIONAL for p in signature)
        arity = 2**31 if variadic else len(signature) - len(parameters)
        rules = Each(each) if each else vjps
        called = name or forward.__name__
        differentiable = each is not None or any(rule is not None for rule in vjps)
        row = TABLE[called] = Row(called, symbol, notation, forward, rules, parameters, analytic)
        new, ndarray, now = object.__new__, np.ndarray, recording.get

        def call(*operands: Any, **params: Any) -> Any:
            if len(operands) > arity:
                operands, params = _sorted_out(row, arity, operands, params)
            boxed = tracked = loose = False
            arrays: list[Any] = []
            for x in operands:
                if type(x) is Tensor:
                    boxed = True
                    if x._requires_grad:
                        tracked = True
                    arrays.append(x._data)
                elif type(x) is ndarray:
                    loose = True
                    arrays.append(x)
                elif type(x) in NUMBERS:
                    arrays.append(x)
                elif isinstance(x, Tensor):
                    boxed = True
                    tracked |= x._requires_grad
                    arrays.append(x._data)
                else:
                    loose = True
                    arrays.append(x)
            if not boxed:
                return forward(*arrays, **params)
            for value in params.values():
                if type(value) is list or type(value) is ndarray or (type(value) is tuple and not _is_plain(value)):
                    params = {key: _kept(value) for key, value in params.items()}
                    break
            state = now()
            live = state.on and (tracked or state.trace)
            try:
                if live and loose:
                    operands = tuple(map(_constant, operands))
                    arrays = [x._data if isinstance(x, Tensor) else x for x in operands]
                watch = state.anomaly
                data = anomaly.forward(row, operands, arrays, params) if watch else forward(*arrays, **params)
            except (ValueError, TypeError, IndexError) as error:
                raise attempted(explain(called, operands, params, error), row, operands, params, state.scope) from None
            if type(data) is not ndarray:
                data = settled(data)
            if type(data) is ndarray:
                data.setflags(write=False)
            y = new(Tensor)  # not Tensor(…): there is nothing left to copy or check
            y._data = data
            y._grad = y.name = None
            y.keeps_grad = False
            y.scope = state.scope
            y.born = next(births)
            if live:
                y._requires_grad = tracked and differentiable
                y.op, y.operands, y.saved, y.params = row, operands, arrays, params
                if watch:
                    y.line = anomaly.caller()
            else:
                y._requires_grad = False
                y.op, y.operands, y.saved, y.params = None, (), [], params
            return y

        return update_wrapper(call, forward)

    return decorate


def _sorted_out(
    row: Row, arity: int, given: tuple[Any, ...], params: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Operands and parameters, where some parameters were given by position, as in ``mt.sum(x, 0)``."""
    names, extra = list(row.parameters), given[arity:]
    if len(extra) > len(names):
        known = f"{len(names)} ({', '.join(names)})" if names else "none"
        raise TypeError(f"{row.name} takes {arity} operands and {known} as parameters, but {len(given)} were given")
    twice = [name for name in names[: len(extra)] if name in params]
    if twice:
        raise TypeError(f"{row.name} was given {twice[0]} twice, by position and by name")
    return given[:arity], {**dict(zip(names, extra, strict=False)), **params}


def _is_plain(value: tuple[Any, ...]) -> bool:
    """Whether a tuple, such as a shape, holds nothing that its owner could change."""
    return all(type(x) is int for x in value)


def _kept(value: Any) -> Any:
    """A parameter that a graph can keep: what its owner could change is copied."""
    if isinstance(value, (list, tuple)):
        return tuple(map(_kept, value))
    return frozen(value) if isinstance(value, np.ndarray) else value


def _constant(operand: Any) -> Any:
    """An operand that a graph can keep: what is not a Tensor, a number or a duck is copied, so no one can change it."""
    if isinstance(operand, Tensor) or type(operand) in NUMBERS or is_duck(operand):
        return operand
    return leaf(frozen(operand))
