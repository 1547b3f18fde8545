"""Primitive: one row of the table, and what happens when it is called."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import update_wrapper
from typing import Any, Concatenate, ParamSpec, Protocol

import numpy as np

from . import anomaly
from .arrays import NUMBERS, as_array, frozen, is_duck
from .errors import explain, with_failed_call
from .recording import recording
from .row import NONE, TABLE, Array, PerOperand, Primitive, Reading, Rule, Trait, answers
from .tensor import Tensor, birth_numbers, leaf

P = ParamSpec("P")
Q = ParamSpec("Q")


class Op(Protocol[P]):
    """An op as users call it: a function, or a method, with its row at hand."""

    op: Primitive
    __name__: str

    def __call__(self, /, *operands: P.args, **params: P.kwargs) -> Tensor:
        """Apply the op."""
        raise NotImplementedError

    def __get__(self: Op[Concatenate[Any, Q]], instance: Any, owner: Any = None) -> Callable[Q, Tensor]:
        """As a method, the op is applied to the Tensor that it belongs to."""
        raise NotImplementedError


OPS: dict[str, Op[...]] = {}
"""Every op by the name of its row."""


def primitive(
    symbol: str,
    notation: str,
    *vjps: Rule,
    each: Callable[..., Array] | None = None,
    name: str | None = None,
    numpy: Callable[..., Any] | tuple[Callable[..., Any], ...] = (),
    method: str | tuple[str, ...] | None = None,
    source: str | None = None,
    reading: Reading | None = None,
    traits: Trait = NONE,
    analytic: bool = True,
) -> Callable[[Callable[P, Array]], Op[P]]:
    """Make a NumPy function an op of the engine: a row of the table, recorded when it is applied to Tensors.

    The function's positional-only arguments are the operands, the others are parameters, and its docstring is the op's.
    Applied to arrays and numbers alone it is the NumPy function itself, which is why a rule written with such ops and
    operators serves both the plain and the recorded backward pass. The rest is what `Primitive` lists; by default an op
    is a method under its own name, and its source is a call of the first of its NumPy functions, or of ``mt.name``.
    """

    def decorate(forward: Callable[P, Array]) -> Op[P]:
        signature = inspect.signature(forward).parameters.values()
        parameters = {p.name: p.default for p in signature if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        variadic = any(p.kind is p.VAR_POSITIONAL for p in signature)
        arity = 2**31 if variadic else len(signature) - len(parameters)
        called = name or forward.__name__
        functions = numpy if isinstance(numpy, tuple) else (numpy,)
        differentiable = each is not None or any(rule is not None for rule in vjps)
        row = TABLE[called] = Primitive(
            name=called,
            symbol=symbol,
            notation=notation,
            forward=forward,
            vjps=PerOperand(each) if each else vjps,
            parameters=parameters,
            numpy=functions,
            method=(called,) if method is None else (method,) if isinstance(method, str) else method,
            source=_as_call(called, functions, parameters) if source is None else source,
            reading=reading,
            traits=traits | Trait.ANALYTIC if analytic else traits,
        )
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
            live = state.on and (tracked or state.record_all)
            try:
                if live and loose:
                    operands = tuple(map(_constant, operands))
                    arrays = [x._data if isinstance(x, Tensor) else x for x in operands]
                watch = state.anomaly
                data = anomaly.forward(row, operands, arrays, params) if watch else forward(*arrays, **params)
            except (ValueError, TypeError, IndexError) as error:
                raise with_failed_call(
                    explain(called, operands, params, error), row, operands, params, state.scope
                ) from None
            if type(data) is not ndarray:
                data = as_array(data)
            if type(data) is ndarray:
                data.setflags(write=False)
            y = new(Tensor)  # not Tensor(…): there is nothing left to copy or check
            y._data = data
            y._grad = y.name = None
            y.keeps_grad = False
            y.scope = state.scope
            y.born = next(birth_numbers)
            if live:
                y._requires_grad = tracked and differentiable
                y.op, y.operands, y.saved, y.params = row, operands, arrays, params
                if watch:
                    y.line = anomaly.caller()
            else:
                y._requires_grad = False
                y.op, y.operands, y.saved, y.params = None, (), [], params
            return y

        op: Any = update_wrapper(call, forward)
        op.op, OPS[called] = row, op
        if record.result is not None:  # a row that is added later; those of the table are listed in the class
            for own in row.method:
                setattr(record.result, own, op)
        return answers(*functions)(op)

    return decorate


def _as_call(name: str, functions: tuple[Callable[..., Any], ...], parameters: dict[str, Any]) -> str:
    """The template of a call: what has no default is given by position to a function of NumPy, by name to ours."""
    called, keyword = (f"np.{functions[0].__name__}", "") if functions else (f"mt.{name}", "{0}=")
    settings = [
        f", {keyword.format(key)}{{{key}}}" if default is inspect.Parameter.empty else f"⟦, {key}={{{key}}}⟧"
        for key, default in parameters.items()
    ]
    return f"{called}({{*}}{''.join(settings)})"


def _sorted_out(
    row: Primitive, arity: int, given: tuple[Any, ...], params: dict[str, Any]
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
