"""Which statements of a notebook define something, so that they are run: no cell that trains, loads or draws is."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Mapping
from types import ModuleType
from typing import Any

_BUILTINS = {"len", "int", "float", "str", "bool", "range", "zip", "enumerate", "dict", "list", "tuple", "set", "sum",
             "min", "max", "abs", "round", "sorted", "reversed"}  # fmt: skip
_MODULES = {"numpy", "math", "cmath", "collections", "functools", "itertools", "typing", "types", "enum", "dataclasses"}
"""Modules whose functions only compute or make types."""
_OF_FILES = {"load", "loadtxt", "genfromtxt", "fromfile", "fromregex", "memmap", "open_memmap", "DataSource", "save",
             "savez", "savez_compressed", "savetxt", "tofile", "dump", "lib", "f2py", "test"}  # fmt: skip
"""Names in NumPy that read or write files, or start programs."""


def defines(statement: ast.stmt, names: Mapping[str, Any]) -> bool:
    """Whether a statement defines a function, a class, an import, or values that NumPy and its like are called for.

    Args:
        statement: of a notebook.
        names: what those before it have defined.

    >>> import numpy
    >>> known = {"np": numpy, "plt": object(), "train": print}
    >>> def said(text):
    ...     return defines(ast.parse(text).body[0], known)
    >>> said("W = 0.1 * np.random.randn(4, 3)"), said("sigmoid = lambda x: 1 / (1 + np.exp(-x))")
    (True, True)
    >>> said("W = train(4)"), said("X = np.load('x.npy')"), said("plt.show()"), said("H = unknown + 1")
    (False, False, False, False)
    """
    match statement:
        case ast.Import() | ast.ImportFrom() | ast.FunctionDef() | ast.ClassDef():
            return True
        case ast.Assign(targets, value):
            return all(_is_target(one, names) for one in targets) and _calls_numpy_only(value, names)
        case ast.AnnAssign(target, _, ast.expr() as value):
            return _is_target(target, names) and _calls_numpy_only(value, names)
        case ast.AugAssign(ast.Name(name), _, value):
            return name in names and _calls_numpy_only(value, names)
        case ast.Expr(ast.Call(ast.Attribute(attr="seed")) as call):
            return _calls_numpy_only(call, names)
    return False


def _is_target(target: ast.expr, names: Mapping[str, Any]) -> bool:
    """Whether a target is a name, several, or an item of an array, a list or a dictionary that there is."""
    match target:
        case ast.Name():
            return True
        case ast.Tuple(several) | ast.List(several):
            return all(_is_target(one, names) for one in several)
        case ast.Subscript(ast.Name(name), at):
            return name in names and _calls_numpy_only(at, names)
    return False


def _calls_numpy_only(value: ast.expr, names: Mapping[str, Any]) -> bool:
    """Whether an expression knows all its names, and calls NumPy's functions and those of Python's that compute."""
    if isinstance(value, ast.Lambda):
        return True
    nodes = [*ast.walk(value)]
    own = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    own |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    for node in nodes:
        match node:
            case ast.Name(name) if name not in names and name not in own and not hasattr(builtins, name):
                return False
            case ast.Attribute(_, name) if name in _OF_FILES:
                return False
            case ast.Call(function) if not _is_numpys(function, names):
                return False
            case ast.Await() | ast.Yield() | ast.YieldFrom() | ast.NamedExpr():
                return False
    return True


def _is_numpys(function: ast.expr, names: Mapping[str, Any]) -> bool:
    """Whether a function is NumPy's, a method of a value, or one of Python's own that only computes."""
    if isinstance(function, ast.Name) and function.id not in names:
        return function.id in _BUILTINS
    root = function
    while isinstance(root, ast.Attribute | ast.Subscript):
        root = root.value
    if not isinstance(root, ast.Name) or root.id not in names:
        return isinstance(function, ast.Attribute)
    found = names[root.id]
    if isinstance(found, ModuleType):
        return found.__name__.split(".")[0] in _MODULES
    made_by = (type(found), found, type(getattr(found, "__self__", None)))
    known = any(str(getattr(one, "__module__", "")).split(".")[0] in _MODULES for one in made_by)
    return known or isinstance(found, dict | list | tuple | str)
