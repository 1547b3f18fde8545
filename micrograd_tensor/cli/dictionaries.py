"""Arguments that are dictionaries of arrays, as ``parameters["W1"]``: their entries are inputs by name."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Mapping
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
    source = source_of(layer.forward)
    read, written = dict[str, None](), set[str]()
    for node in source.nodes if source is not None else ():
        match node:
            case ast.Subscript(ast.Name(owner), ast.Constant(str() as key), ast.Load()) if owner == name:
                read[key] = None
            case ast.Subscript(ast.Name(owner), ast.Constant(str() as key)) if owner == name:
                written.add(key)
    own = [key for key in read if key not in written]
    return own if any(map(is_parameter, own)) else []
