"""Primitive: how a NumPy function becomes an op, and what happens when the op is called."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import update_wrapper
from typing import Any, Concatenate, ParamSpec, Protocol

import numpy as np

from . import anomaly, record
from .arrays import NUMBERS, PLAIN, Outline, as_array, frozen, is_duck, measured, operand, setting
from .errors import DTypeError, explain, with_failed_call
from .interop.habits import understood
from .record import UNRECORDED, Lean, Record, Result, birth_numbers, is_moved, leaf, outline, restored, unwrap
from .recording import recording
from .row import NONE, TABLE, Array, F, Function, Linear, PerOperand, Primitive, Product, Reading, Rule, Trait, answers
from .trace import current

# What every call of an op reads, close at hand.
new, fill, ndarray, now = object.__new__, Record.__init__, np.ndarray, recording.get

P = ParamSpec("P")
Q = ParamSpec("Q")


class Op(Protocol[P]):
    """An op as users call it: a function, or a method, with its row at hand."""

    op: Primitive
    __name__: str

    def __call__(self, /, *operands: P.args, **params: P.kwargs) -> Result:
        """Apply the op."""
        raise NotImplementedError

    def __get__(self: Op[Concatenate[Any, Q]], instance: Any, owner: Any = None) -> Callable[Q, Result]:
        """As a method, the op is applied to the Tensor it is called on."""
        raise NotImplementedError


OPS: dict[str, Op[...]] = {}
"""Every op by the name of its row."""


@dataclass(frozen=True)
class facts:  # noqa: N801 -- a decorator
    """What is known about an op besides its mathematics; it stands between `primitive` and the function.

    Attributes:
        numpy: the NumPy functions that the op answers to.
        method: the methods and operators of a Tensor that stand for it; by default a method under its own name.
        source: its NumPy source; by default a call of the first of its NumPy functions, or of ``mt.name``.
        reading: how algebra reads it; None: opaque.
        traits: what holds for it whatever it is applied to.
        unread: the operands, by index, and ``"y"`` for the result, of which its rules read no more than shape and
            dtype; by default the result of an op that is linear or has no rules, and its operand if it has only one.
        y_serves: whether its rules give the same for the result in place of such an operand, and are given it.
        definition: of the function that ``mt.name`` calls in the source, as a program in plain NumPy defines it.
    """

    numpy: Callable[..., Any] | tuple[Callable[..., Any], ...] = ()
    method: str | tuple[str, ...] | None = None
    source: str | None = None
    reading: Reading | None = None
    traits: Trait = NONE
    unread: tuple[Any, ...] | None = None
    y_serves: bool = False
    definition: str = ""

    def __call__(self, forward: F) -> F:
        """Note the facts at the function, for `primitive`."""
        vars(forward)["facts"] = self
        return forward


def primitive(
    symbol: str,
    notation: str,
    *vjps: Rule,
    each: Callable[..., Callable[[int], Array]] | None = None,
    analytic: bool = True,
) -> Callable[[Callable[P, Array]], Op[P]]:
    """Make a NumPy function an op of the engine: a row of the table, recorded when it is applied to Tensors.

    The function's positional-only arguments are the operands, the others are parameters; its docstring is the op's, and
    so is its name, without leading underscores: where the public function is a composition, its row is private.
    Applied to arrays and numbers alone it is the NumPy function itself, which is why a rule written with such ops and
    operators serves both the plain and the recorded backward pass.

    Args:
        symbol: what its gate shows.
        notation: how mathematics writes it; see `Primitive`.
        vjps: one rule per operand.
        each: instead, one rule for any number of operands: its result gives the gradient of the i-th.
        analytic: whether it is complex-differentiable; never where its NumPy function takes no complex numbers.
    """

    def decorate(forward: Callable[P, Array]) -> Op[P]:
        signature = inspect.signature(forward).parameters.values()
        parameters = {p.name: p.default for p in signature if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        variadic = any(p.kind is p.VAR_POSITIONAL for p in signature)
        arity = sys.maxsize if variadic else len(signature) - len(parameters)
        called, known = forward.__name__.lstrip("_"), vars(forward).pop("facts", facts())
        functions, methods = _several(known.numpy), _several(called if known.method is None else known.method)
        differentiable = each is not None or any(rule is not None for rule in vjps)
        unread = known.unread
        if unread is None:
            unread = (*range(arity == 1), "y") if Trait.LINEAR in known.traits or not differentiable else ()
        spare = tuple(i for i in unread if i != "y")
        read = tuple(i for i in range(arity) if i not in unread) if vjps and arity <= 2 else ()
        row = TABLE[called] = Primitive(
            name=called,
            symbol=symbol,
            notation=notation,
            forward=forward,
            vjps=PerOperand(each) if each else vjps,
            parameters=parameters,
            numpy=functions,
            method=methods,
            source=_as_call(called, functions, parameters) if known.source is None else known.source,
            reading=known.reading,
            traits=known.traits | Trait.ANALYTIC if analytic and all(map(_takes_complex, functions)) else known.traits,
            unread=unread,
            y_serves=known.y_serves,
            definition=known.definition.strip(),
        )
        names = tuple(parameters)
        shrinks = not isinstance(
            known.reading, (Linear, Product, Function)
        )  # its result may be smaller than an operand

        def call(*operands: Any, **params: Any) -> Any:
            if len(operands) > arity:
                operands, params = _by_name(called, names, arity, operands, params)
            kind = record.result
            any_tensor = needs_grad = any_array = foreign = False
            arrays: list[Any] = []
            for x in operands:
                this = type(x)
                if this is kind or (this not in PLAIN and isinstance(x, Record)):
                    any_tensor = True
                    if x._requires_grad:
                        needs_grad = True
                    x = x._data
                elif this not in NUMBERS:
                    any_array = True
                    if this not in PLAIN:
                        foreign = True
                arrays.append(x)
            if not any_tensor:
                if foreign:
                    arrays = [x if isinstance(x, ndarray) else operand(x) for x in arrays]
                try:
                    return forward(*arrays, **params)
                except (ValueError, TypeError, IndexError, AttributeError) as error:
                    if foreign and parameters.keys() >= params.keys():
                        raise _explained(row, operands, params, error) from None
                    if parameters.keys() >= params.keys() or not isinstance(error, TypeError):
                        raise
                    return forward(*arrays, **understood(called, parameters, params))
            state = now()
            needs_grad = needs_grad and state.on
            live = needs_grad or state.record_all
            unusual = state.record_all or state.anomaly  # all is recorded within a trace
            try:
                if params:
                    params = _lasting(params)
                if any_array:
                    operands = tuple([_accepted(x, live) for x in operands])
                    arrays = [unwrap(x) for x in operands]
                if unusual and state.trace is not None:
                    operands = tuple(current(state.trace, x, state.on) for x in operands)
                    arrays = [unwrap(x) for x in operands]
                watch = unusual and state.anomaly
                data = anomaly.forward(row, operands, arrays, params) if watch else forward(*arrays, **params)
            except (ValueError, TypeError, IndexError, OverflowError, AttributeError) as error:
                if any(type(x) is Outline for x in arrays):  # a stand-in that a user has found in a graph
                    return call(*map(restored, operands), **params)
                if not parameters.keys() >= params.keys():
                    return _again(call, row, operands, params, state.scope)
                raise with_failed_call(  # in one expression: a name for the error would close a cycle with this frame
                    _explained(row, operands, params, error), row, operands, params, state.scope
                ) from None
            if type(data) is ndarray:
                data.setflags(write=False)
            else:
                data = _as_result(data)
            y = new(kind)  # not Tensor(…): there is nothing left to copy or check
            if not live:
                fill(y, data, False, None, (), (), UNRECORDED, state.scope, next(birth_numbers))
                return y
            if spare and not unusual and (shrinks or 8 * data.size >= LARGE):
                for i in spare:
                    array = arrays[i]
                    if type(array) is ndarray and array.nbytes >= LARGE and _let_go(operands[i]):
                        operands = (*operands[:i], outline(operands[i]), *operands[i + 1 :])
                        arrays[i] = operands[i]._data
            if read and shrinks and not unusual:
                for i in read:
                    array = arrays[i]
                    if type(array) is ndarray and array.nbytes >= HUGE and _let_go(x := operands[i]) and is_moved(x):
                        operands = (*operands[:i], outline(operands[i]), *operands[i + 1 :])
                        arrays = Lean(arrays)
                        arrays[i] = operands[i]._data
            fill(
                y, data, needs_grad and differentiable, row, operands, arrays, params, state.scope, next(birth_numbers)
            )
            if unusual and (watch or state.trace is not None):
                y.line = anomaly.caller()
            return y

        op: Any = update_wrapper(call, forward)
        op.op, OPS[called] = row, op
        if record.result is not None:  # a row that is added later; those of the table are listed in the class
            for own in row.method:
                setattr(record.result, own, op)
        return answers(*functions)(op)

    return decorate


LARGE = 1 << 18
"""The bytes from which on it is worth while to let an array go that no rule reads."""
HUGE = 1 << 22
"""The bytes from which on it is worth while to let an array go that a rule reads, if it can be moved there again."""


def _as_result(data: Any) -> Any:
    """What a forward gives that is no array yet: a scalar of NumPy's as a 0-d array, a duck as it is."""
    array = as_array(data)
    if isinstance(array, ndarray):
        array.setflags(write=False)
        return array
    return measured(array)


def _let_go(x: Any) -> bool:
    """Whether an operand can be computed again, and its own op's rules do not read it either."""
    return isinstance(x, Record) and x.op is not None and "y" in x.op.unread


def _several(x: Any) -> tuple[Any, ...]:
    return x if isinstance(x, tuple) else (x,)


def _takes_complex(function: Callable[..., Any]) -> bool:
    return not isinstance(function, np.ufunc) or any("D" in types for types in function.types)


def _as_call(name: str, functions: tuple[Callable[..., Any], ...], parameters: dict[str, Any]) -> str:
    """The template of a call: what has no default is given by position to a function of NumPy, by name to ours."""
    called, keyword = (f"np.{functions[0].__name__}", "") if functions else (f"mt.{name}", "{0}=")
    settings = [
        f", {keyword.format(key)}{{{key}}}" if default is inspect.Parameter.empty else f"⟦, {key}={{{key}}}⟧"
        for key, default in parameters.items()
    ]
    return f"{called}({{*}}{''.join(settings)})"


def _explained(row: Primitive, operands: tuple[Any, ...], params: dict[str, Any], error: Exception) -> Exception:
    """The error of a call that failed, as users are told it; a parameter that is a foreign array is to blame."""
    try:
        for key, value in params.items():
            if is_duck(value):
                setting(f"{row.name}: {key}", value)
    except DTypeError as told:
        return told
    return explain(row, operands, params, error)


def _again(call: Any, row: Primitive, operands: tuple[Any, ...], params: dict[str, Any], scope: Any) -> Any:
    """A call that failed because of unknown settings, with those that go by another name elsewhere renamed."""
    try:
        known = understood(row.name, row.parameters, params)
    except TypeError as error:
        raise with_failed_call(explain(row, operands, params, error), row, operands, params, scope) from None
    return call(*operands, **known)


def _by_name(
    op: str, names: tuple[str, ...], arity: int, given: tuple[Any, ...], params: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Operands and parameters, where some parameters were given by position, as in ``mt.sum(x, 0)``."""
    extra = given[arity:]
    if len(extra) > len(names):
        known = f"{len(names)} ({', '.join(names)})" if names else "none"
        raise TypeError(f"{op} takes {arity} operands and {known} as parameters, but {len(given)} were given")
    found = dict(zip(names, extra, strict=False))
    if params:
        twice = found.keys() & params.keys()
        if twice:
            raise TypeError(f"{op} was given {min(twice, key=names.index)} twice, by position and by name")
        found.update(params)
    return given[:arity], found


_UNCHANGEABLE = frozenset({int, float, bool, str, slice, type(None), type(...)})


def _lasting(params: dict[str, Any]) -> dict[str, Any]:
    """Parameters for a graph to keep: these themselves if they hold nothing but what nobody can change."""
    for value in params.values():
        kind = type(value)
        if kind not in _UNCHANGEABLE and not (kind is tuple and _UNCHANGEABLE.issuperset(map(type, value))):
            return {key: _kept(value) for key, value in params.items()}
    return params


def _kept(value: Any) -> Any:
    """A parameter for a graph to keep: anything that its owner could change is copied."""
    if type(value) is tuple and _UNCHANGEABLE.issuperset(map(type, value)):
        return value
    if isinstance(value, (list, tuple)):
        return tuple(map(_kept, value))
    if type(value) is slice or isinstance(value, (Record, np.generic, type)) or not hasattr(value, "__array__"):
        return value
    return frozen(value)


def _accepted(x: Any, for_a_graph: bool) -> Any:
    """An operand to compute with; a graph keeps a leaf of any array, with a copy of it unless it is a duck."""
    if isinstance(x, Record) or type(x) in NUMBERS:
        return x
    x = operand(x)
    return x if not for_a_graph or type(x) in NUMBERS else leaf(frozen(x))
