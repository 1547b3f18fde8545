"""Arguments that are dictionaries of arrays, as ``parameters["W1"]``: their entries are inputs by name."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..check.syntax import source_of
from .layers import Layer
from .roles import is_parameter


def spread(layer: Layer, given: Mapping[str, Any]) -> tuple[Layer, dict[str, Any]]:
    """The layer with each array that it takes in a dictionary as an argument, and the values of these.

    Args:
        layer: a pair of functions, or one; a class stays as it is.
        given: values, or shapes, of some of its arguments. A dictionary that is not given has those entries that the
            forward pass reads by name, if some are called as parameters are.
    """
    taken = dict(inspect.signature(layer.forward).parameters) if layer.made_by is None else {}
    entries = {name: _arrays(given[name]) if name in given else _read(layer, name) for name in taken}
    every = [key for keys in entries.values() for key in keys]
    if not every or len({*every, *taken}) < len(every) + len(taken) or not all(map(str.isidentifier, every)):
        return layer, dict(given)
    rest = {name: given.get(name, {}) for name, keys in entries.items() if keys}

    @functools.wraps(layer.forward)
    def forward(**arguments: Any) -> Any:
        packed = {name: {**rest[name], **{k: arguments.pop(k) for k in entries[name]}} for name in rest}
        return layer.forward(**arguments, **packed)

    names = [key for name in taken for key in (entries[name] or [name])]
    only = inspect.Parameter.KEYWORD_ONLY
    parameters = [taken[n].replace(kind=only) if n in taken else inspect.Parameter(n, only) for n in names]
    forward.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # as inspect documents
    values = {name: value for name, value in given.items() if not entries.get(name)}
    values |= {key: given[name][key] for name in rest if name in given for key in entries[name]}
    return replace(layer, forward=forward), values


def _arrays(value: Any) -> list[str]:
    """The names of the arrays of floats in a dictionary that was given."""
    items = value.items() if isinstance(value, dict) else ()
    return [key for key, x in items if isinstance(key, str) and isinstance(x, np.ndarray) and x.dtype.kind == "f"]


def _read(layer: Layer, name: str) -> list[str]:
    """The entries of an argument that the forward pass reads by name, if some of them are called as parameters are."""
    read, written = dict[str, None](), set[str]()
    for function in filter(None, (layer.function_forward, layer.cost)):
        for key, to in subscripts(function, name):
            match key, to:
                case ast.Constant(str() as text), ast.Load():
                    read[text] = None
                case ast.Constant(str() as text), _:
                    written.add(text)
    own = [key for key in read if key not in written]
    return own if any(map(is_parameter, own)) else []


def keys_of(layer: Layer, name: str) -> list[ast.expr]:
    """What an argument of the forward pass is subscripted by."""
    functions = filter(None, (layer.function_forward, layer.cost))
    return [key for function in functions for key, _ in subscripts(function, name)]


def is_put_together(key: ast.expr) -> bool:
    """Whether a key is a text that is put together, as ``"W" + str(l)`` or ``f"W{l}"``."""
    texts = (isinstance(x, ast.Constant) and isinstance(x.value, str) for x in ast.walk(key))
    return not isinstance(key, ast.Constant) and any(texts)


def subscripts(function: Callable[..., Any], name: str) -> Iterator[tuple[ast.expr, ast.expr_context]]:
    """What a parameter of a function is subscripted by, in it and in those of its file that it is passed on to."""
    left, seen = [(inspect.unwrap(function), name)], set[tuple[Any, str]]()
    while left:
        function, name = one = left.pop()
        source = source_of(function) if one not in seen else None
        seen.add(one)
        for node in source.nodes if source is not None else ():
            match node:
                case ast.Subscript(ast.Name(owner), key, context) if owner == name:
                    yield key, context
                case ast.Call(ast.Name(called), arguments, named):
                    callee = getattr(function, "__globals__", {}).get(called)
                    if inspect.isfunction(callee):
                        taken = inspect.signature(callee).parameters
                        every = [*zip(taken, arguments, strict=False), *((one.arg, one.value) for one in named)]
                        left += [(callee, n) for n, x in every if n and isinstance(x, ast.Name) and x.id == name]
