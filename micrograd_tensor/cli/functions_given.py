"""Functions that a class is made with, such as an activation and its derivative: those of its file are given."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from ..check.syntax import source_of
from .derivatives import derivative_pairs
from .layers import Layer, parameters_of_constructor
from .sizes import kept_in


def functions_given(layer: Layer, module: ModuleType) -> dict[str, Any]:
    """For two arguments of a constructor that are called, one as the derivative of the other, two such functions.

    They are the first ones of the file, of one argument; none where the class takes no such arguments.
    """
    if layer.made_by is None:
        return {}
    called = dict.fromkeys(_called_arguments(layer.made_by, [*parameters_of_constructor(layer)]), _one_argument)
    own = {
        name: f
        for name, f in vars(module).items()
        if inspect.isfunction(f) and f.__module__ == module.__name__ and _takes_one(f)
    }
    pairs = derivative_pairs(own)
    given = dict[str, Any]()
    for derivative, of in derivative_pairs(called).items():
        for slope, function in list(pairs.items())[:1]:
            given |= {of: own[function], derivative: own[slope]}
    return given


def _one_argument(x: Any) -> Any:
    """What stands for a function that is given later."""
    return x


def _takes_one(function: Any) -> bool:
    parameters = inspect.signature(function).parameters.values()
    return sum(p.default is p.empty for p in parameters) == 1


def _called_arguments(made_by: type, names: list[str]) -> Iterator[str]:
    """The arguments of a constructor that a method calls, as it keeps them."""
    methods = [x for x in vars(made_by).values() if inspect.isfunction(x)]
    sources = [source for source in map(source_of, methods) if source is not None]
    kept = {name: attribute for source in sources for attribute, name in kept_in(source.nodes) if name in names}
    called = {
        node.func.attr
        for source in sources
        for node in source.nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    return (name for name, attribute in kept.items() if attribute in called)
