"""Protocols: what NumPy's own functions do when they are given Tensors (NEP 13 and NEP 18).

Each function of NumPy is one of three. `ANSWERS` has the op, or the composition, that does the same and is recorded.
What is in `QUESTIONS` tells something that has no derivative, or makes an array of no values: it is run on the arrays.
All others are run on the arrays too where that loses nothing, and are refused where a gradient would be lost.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..arrays import dtype_of_numbers, plain
from ..errors import DTypeError, GradientError, describe
from ..record import Record, unwrap
from ..recording import recording
from ..row import ANSWERS
from ..table import elementwise as e
from ..table import reductions as r
from ..table import shapes, truths
from ..trace import refuse_reading
from .instead import instead_of
from .settings import RENAMED, asks_for_nothing

SHAPES = frozenset({
    np.can_cast, np.common_type, np.diag_indices_from, np.einsum_path, np.empty_like, np.full_like, np.iscomplexobj,
    np.isrealobj, np.may_share_memory, np.min_scalar_type, np.ndim, np.ones_like, np.result_type, np.shape,
    np.shares_memory, np.size, np.tril_indices_from, np.triu_indices_from, np.zeros_like,
})  # fmt: skip
"""Answered from the shape and the dtype alone."""
QUESTIONS = SHAPES | {
    np.allclose, np.argpartition, np.argwhere, np.array2string, np.array_equal, np.array_equiv, np.array_repr,
    np.array_str, np.digitize, np.flatnonzero, np.isclose, np.iscomplex, np.isin, np.isneginf, np.isposinf, np.isreal,
    np.ix_, np.lexsort, np.linalg.matrix_rank, np.nanargmax, np.nanargmin, np.nonzero, np.save, np.savetxt, np.savez,
    np.savez_compressed, np.searchsorted, np.signbit, np.unique_counts, np.unique_inverse,
}  # fmt: skip
"""Answered with arrays, indices, truth values, texts and files, whatever is asked: there is no derivative to lose."""
WRITING = frozenset([np.copyto, np.fill_diagonal, np.place, np.put, np.put_along_axis, np.putmask])
"""Written to their first argument."""


class _Reduction(NamedTuple):
    """What a ufunc does along an axis: the op, what it makes of nothing, and its running form."""

    op: Callable[..., Any]
    nothing: Any
    running: Callable[..., Any] | None = None


REDUCTIONS: dict[Callable[..., Any], _Reduction] = {
    np.add: _Reduction(r.sum, 0, r.cumsum),
    np.multiply: _Reduction(r.prod, 1, r.cumprod),
    np.maximum: _Reduction(r.max, None),
    np.minimum: _Reduction(r.min, None),
    np.logical_and: _Reduction(truths.all, True),
    np.logical_or: _Reduction(truths.any, False),
}
_REDUCED = {np.sum: np.add, np.prod: np.multiply, np.max: np.maximum, np.amax: np.maximum, np.min: np.minimum}
_REDUCED |= {np.amin: np.minimum, np.all: np.logical_and, np.any: np.logical_or}
"""NumPy's functions that are a ufunc's ``reduce``."""


def call_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], settings: dict[str, Any]) -> Any:
    """Answer a universal function, or one of its methods."""
    ours = ANSWERS.get(ufunc) if method != "at" else None
    if method == "outer" and ours is not None:
        a, b = inputs
        rank = np.ndim(unwrap(b))
        inputs = (a if not rank else shapes.reshape(a, shape=(*np.shape(unwrap(a)), *(1,) * rank)), b)
        method = "__call__"
    if ours is not None and method == "__call__" and not settings:
        return ours(*inputs)
    called = f"np.{ufunc.__name__}{'' if method == '__call__' else f'.{method}'}"
    if ours is not None and method == "__call__":
        settings = _asked(ufunc, settings)
        dtype = settings.pop("dtype", None)
        _refuse_settings(called, settings)
        return ours(*inputs) if dtype is None else _computed_in(dtype, ufunc, ours, inputs)
    if method == "reduce" and ufunc in REDUCTIONS:
        return _reduced(called, ufunc, *inputs, **{"axis": 0, **_asked(ufunc, settings)})
    running = REDUCTIONS[ufunc].running if method == "accumulate" and ufunc in REDUCTIONS else None
    if running is not None:
        given = {"axis": 0, **_asked(ufunc, settings)}
        x, dtype = _cast(inputs[0], given.pop("dtype", None)), given.pop("axis")
        _refuse_settings(called, given)
        return running(x, dtype)
    function = ufunc if method == "__call__" else getattr(ufunc, method)
    return _on_arrays(called, function, inputs, settings, ufunc in QUESTIONS, method == "at")


def call_function(function: Callable[..., Any], args: tuple[Any, ...], settings: dict[str, Any]) -> Any:
    """Answer any other function of NumPy."""
    if function is np.where and len(args) + len(settings) == 1:
        function = np.nonzero
    ours, called = ANSWERS.get(function), path(function)
    if ours is None:
        return _on_arrays(called, function, args, settings, function in QUESTIONS, function in WRITING)
    names, needed, several = _taken(ours)
    try:
        if names.issuperset(settings) and (several or len(args) <= needed <= len(args) + len(settings)):
            return ours(*args, **settings)
        given, named = _bound(function, ours, args, settings)
        if function in _REDUCED:
            return _reduced(called, _REDUCED[function], *given, **named)
        dtype = named.pop("dtype", None) if "dtype" not in _names(ours) else None
        if dtype is not None and not isinstance(given[0], (list, tuple)):
            given = tuple(x if isinstance(x, str) else _cast(x, dtype) for x in given)
        _refuse_settings(called, {key: value for key, value in named.items() if key not in _names(ours)})
        made = ours(*given, **named)
    except TypeError as error:
        if isinstance(error, DTypeError):
            raise
        raise DTypeError(f"{called} on a Tensor: {error}; see help(mt.{ours.__name__})") from None
    if dtype is None or made.dtype == (wanted := dtype_of_numbers(dtype)):
        return made
    if not np.can_cast(made.dtype, wanted, "same_kind"):
        raise DTypeError(f"{called} of a Tensor gives {made.dtype}, not {wanted}; {_INSTEAD_OF['dtype']}, or {_LEAVE}")
    return _cast(made, wanted)


@cache
def path(function: Callable[..., Any]) -> str:
    """How users call a function of NumPy.

    >>> path(np.linalg.norm), path(np.where)
    ('np.linalg.norm', 'np.where')
    """
    module: str = getattr(function, "__module__", "numpy")  # which ufuncs have since 2.1 only
    return f"{module.replace('numpy', 'np', 1)}.{function.__name__}"


@cache
def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except ValueError:  # some of NumPy's functions in C tell their arguments since 2.4 only
        return None


def _names(ours: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    signature = _signature(ours)
    assert signature is not None  # noqa: S101 -- for the type checker; ours are in Python
    return signature.parameters


@cache
def _taken(ours: Callable[..., Any]) -> tuple[frozenset[str], int, bool]:
    """The arguments that ours takes by name, how many it needs, and whether it takes any number of operands."""
    parameters = _names(ours).values()
    named = frozenset(p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY))
    several = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    needed = [p for p in parameters if p.default is p.empty and p.kind is not p.KEYWORD_ONLY]
    return named, len(needed), several


def _bound(
    function: Callable[..., Any], ours: Callable[..., Any], args: tuple[Any, ...], settings: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a NumPy function as ours takes them: operands by position, what asks for something by name."""
    signature = _signature(function)
    if signature is None:
        return args, _asked(function, settings)
    named = dict(signature.bind(*args, **settings).arguments)
    wanted, (by_name, needed, _) = _names(ours), _taken(ours)
    given: list[Any] = []
    for place, (key, parameter) in enumerate(signature.parameters.items()):
        if parameter.kind is parameter.VAR_POSITIONAL:
            given.extend(named.pop(key, ()))
        elif parameter.kind is parameter.VAR_KEYWORD:
            named |= named.pop(key, {})
        elif key in named and key not in by_name and place == len(given) < needed:
            given.append(named.pop(key))
    asked: dict[str, Any] = {}
    for key, value in _asked(function, named).items():
        ours_name = RENAMED.get(key, key)
        if ours_name in asked:
            raise TypeError(f"{ours_name} is given twice")
        asked[ours_name] = value
    usual = {key: signature.parameters[key].default for key in by_name & signature.parameters.keys()}
    missing = {key: value for key, value in usual.items() if wanted[key].default is inspect.Parameter.empty}
    return tuple(given), {**missing, **asked}


def _asked(function: Callable[..., Any], settings: dict[str, Any]) -> dict[str, Any]:
    """Settings without those that ask for nothing."""
    signature = _signature(function)
    defaults = {key: p.default for key, p in signature.parameters.items()} if signature else {}

    return {
        key: value
        for key, value in settings.items()
        if value is not defaults.get(key, inspect.Parameter.empty) and not asks_for_nothing(key, value)
    }


def _reduced(
    called: str,
    ufunc: np.ufunc,
    x: Any,
    *,
    dtype: Any = None,
    initial: Any = None,
    where: Any = True,
    **settings: Any,
) -> Any:
    """A reduction with NumPy's settings: what is not asked for counts as nothing, and the initial value is one more."""
    op, nothing, _ = REDUCTIONS[ufunc]
    _refuse_settings(called, {key: settings[key] for key in settings.keys() - _names(op).keys()})
    x = _cast(x, dtype)
    if where is not True:
        if nothing is None and initial is None:
            raise DTypeError(f"{called} with where=… needs initial=…, the value where nothing is asked for")
        x = e.where(where, x, initial if nothing is None else nothing)
    y = op(x, **settings)
    return y if initial is None else ANSWERS[ufunc](y, initial)


def _computed_in(dtype: Any, ufunc: np.ufunc, ours: Callable[..., Any], inputs: tuple[Any, ...]) -> Any:
    """What a ufunc gives whose results are to have a dtype, in the dtypes that NumPy computes it in."""
    wanted = dtype_of_numbers(dtype)
    given: list[Any] = [
        type(x) if type(x) in (int, float, complex) else getattr(x, "dtype", None) or plain(x).dtype for x in inputs
    ]
    signature = (None,) * ufunc.nin + (wanted,) * ufunc.nout
    try:
        found = ufunc.resolve_dtypes((*given, *(None,) * ufunc.nout), signature=signature, casting="same_kind")
    except TypeError:
        raise DTypeError(
            f"np.{ufunc.__name__} of {', '.join(map(describe, inputs))} is not computed with dtype={wanted}; "
            f"{_INSTEAD_OF['dtype']} before or behind it"
        ) from None
    return ours(*map(_cast, inputs, found))


def _cast(x: Any, dtype: Any) -> Any:
    return x if dtype is None else e.astype(x, dtype)


def _refuse_settings(called: str, settings: dict[str, Any]) -> None:
    for key in settings:
        raise DTypeError(f"{called} of a Tensor takes no {key}=; {_INSTEAD_OF.get(key, 'leave it out')}, or {_LEAVE}")


_LEAVE = "give x.numpy() for a result outside the graph"
_INSTEAD_OF = {
    "out": "values of Tensors are frozen: use the result, or give it to a leaf with assign_",
    "where": "choose with mt.where(condition, …, …)",
    "order": "transpose first, since elements are counted in row-major order",
    "dtype": "write .astype(dtype)",
    "casting": "write .astype(dtype)",
    "axes": "move them with mt.moveaxis",
}


def _on_arrays(
    called: str, function: Callable[..., Any], args: Any, settings: Any, question: bool, writes: bool
) -> Any:
    """Run a function of NumPy on the arrays of the Tensors among its arguments, unless that loses a gradient."""
    tensors = [*_tensors((args, settings))]
    if writes and isinstance(args[0] if args else next(iter(settings.values())), Record):
        raise GradientError(
            f"{called} would write to {describe(tensors[0])}, whose values are frozen; build a new tensor with "
            "mt.where, or replace a leaf's value with assign_"
        )
    if function not in SHAPES:
        for x in tensors:
            refuse_reading(x, called)
    state = recording.get()
    lost = [x for x in tensors if state.on and x._requires_grad]
    if lost and not question:
        raise DTypeError(
            f"{called} of {describe(lost[0])}, which asks for gradients: {instead_of(called)}; or {_LEAVE}"
        )
    return function(*_arrays(args), **_arrays(settings))


def _tensors(x: Any) -> Iterator[Record]:
    """The Tensors in nested lists, tuples and dicts."""
    if isinstance(x, Record):
        yield x
    elif isinstance(x, (list, tuple, dict)):
        for inner in x.values() if isinstance(x, dict) else x:
            yield from _tensors(inner)


def _arrays(x: Any) -> Any:
    """The same with the arrays of the Tensors."""
    if isinstance(x, dict):
        return {key: _arrays(inner) for key, inner in x.items()}
    return type(x)(map(_arrays, x)) if type(x) in (list, tuple) else unwrap(x)
