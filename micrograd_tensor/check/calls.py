"""Calls: the functions of the user's own that a function calls, in which a mistake may be, too."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterable, Iterator
from inspect import getattr_static
from types import FunctionType, ModuleType
from typing import Any, TypeGuard

import numpy as np

from .running import python_function
from .syntax import called, source_of

_OF_OTHERS = {*dir(np.ndarray), *dir(dict), *dir(list), *dir(str)}
"""Methods of what NumPy and Python make."""


def called_by(function: FunctionType, owners: Iterable[Any] = ()) -> list[FunctionType]:
    """The other functions of its file that a function may call, also through others.

    Args:
        function: whichever.
        owners: objects, of which it may call methods, and functions that they hold; and of those that these hold.
    """
    objects = [x for x in owners if _is_object(x)]
    objects += [x for owner in objects for x in vars(owner).values() if _is_object(x)]
    found: list[FunctionType] = []
    stack = [function]
    while stack:
        own = stack.pop()
        for name in own.__code__.co_names:
            for x in [own.__globals__.get(name), *(getattr_static(owner, name, None) for owner in objects)]:
                other = getattr(x, "__func__", x)
                if _is_of_its_file(other, function) and other is not function and other not in found:
                    found.append(other)
                    stack.append(other)
    return found


def _is_of_its_file(x: Any, function: FunctionType) -> TypeGuard[FunctionType]:
    """Whether something is a function of the file in which another one is."""
    return isinstance(x, FunctionType) and x.__code__.co_filename == function.__code__.co_filename


def _is_object(x: Any) -> bool:
    """Whether it may be an object of the user's, with methods."""
    return hasattr(x, "__dict__") and not isinstance(x, type | ModuleType | FunctionType | np.ndarray)


def calling_lines(function: Callable[..., Any], forward: Callable[..., Any] | None = None) -> set[int]:
    """The lines of a function that call functions of its file, but those that the forward pass calls by that name.

    What those compute was recorded, so it is right.
    """
    source, own = source_of(function), python_function(function)
    if source is None or not isinstance(own, FunctionType):
        return set()
    known = python_function(forward) if forward is not None else None
    names = {*known.__code__.co_names} if isinstance(known, FunctionType) and known is not own else set[str]()
    statements = (x for x in source.nodes if isinstance(x, ast.stmt) and not isinstance(x, ast.FunctionDef))
    calls = ((x, y) for x in statements for y in _calls_of(x) if called(y) not in names)
    return {source.lines(x)[0] for x, y in calls if _is_own(y, own)}


def _calls_of(statement: ast.stmt) -> Iterator[ast.Call]:
    """The calls in a statement; of a loop or a branch in its head."""
    for x in ast.iter_child_nodes(statement):
        if isinstance(x, ast.expr):
            yield from (y for y in ast.walk(x) if isinstance(y, ast.Call))


def _is_own(call: ast.Call, function: FunctionType) -> bool:
    """Whether what is called may be a function of the file."""
    match call.func:
        case ast.Name(name) if name in function.__globals__:
            known = function.__globals__[name]
            is_class = isinstance(known, type) and known.__module__ == function.__module__
            return is_class or _is_of_its_file(known, function)
        case ast.Name(name):
            return not hasattr(builtins, name)  # a variable holds it
        case ast.Attribute(owner, name):
            while isinstance(owner, ast.Attribute):
                owner = owner.value
            is_module = isinstance(owner, ast.Name) and isinstance(function.__globals__.get(owner.id), ModuleType)
            return not is_module and name not in _OF_OTHERS
    return True
