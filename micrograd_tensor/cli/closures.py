"""Forward passes that return their backward pass: a function or a lambda within them, which sees their variables."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

from ..check.syntax import source_of


def returned_backward(forward: Callable[..., Any]) -> Callable[..., Any] | None:
    """The backward pass that a forward pass returns beside its result, as ``backward(dout, cache)``; None: it has none.

    Its cache is the function that was returned. What runs is a function without an enclosing one, whose global names
    are those of the file and what it sees of the forward pass, so that it can be watched and changed as any other.

    >>> def double(x):
    ...     return 2 * x, lambda dout: 2 * dout
    >>> returned_backward(double)(5, double(1)[1])
    10
    """
    constants = getattr(getattr(inspect.unwrap(forward), "__code__", None), "co_consts", ())
    if not any(isinstance(x, CodeType) for x in constants):  # no function is within it: its source need not be read
        return None
    source = source_of(forward)
    whole = ast.increment_lineno(ast.parse(source.text), source.first - 1).body[0] if source is not None else None
    node = _inner(whole) if isinstance(whole, ast.FunctionDef) else None
    if node is None or len(node.args.args) - len(node.args.defaults) != 1:
        return None
    code = _compiled(node, forward.__code__.co_filename)
    if code is None:
        return None
    alone = FunctionType(code, {}, code.co_name)

    def backward(dout: Any, cache: Any) -> Any:
        alone.__globals__.update({**cache.__globals__, **inspect.getclosurevars(cache).nonlocals})
        alone.__defaults__ = cache.__defaults__
        return alone(dout)

    backward.__wrapped__ = alone  # type: ignore[attr-defined]  # as functools.wraps does
    parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in (code.co_varnames[0], "cache")]
    backward.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return backward


def _inner(forward: ast.FunctionDef) -> ast.FunctionDef | ast.Lambda | None:
    """The function in it that it returns after its result."""
    within = {x.name: x for x in forward.body if isinstance(x, ast.FunctionDef)}
    for statement in forward.body:
        match statement:
            case ast.Return(ast.Tuple([_, ast.Lambda() as node])):
                return node
            case ast.Return(ast.Tuple([_, ast.Name(name)])) if name in within:
                return within[name]
    return None


def _compiled(node: ast.FunctionDef | ast.Lambda, file: str) -> CodeType | None:
    tree: Any = ast.Expression(node) if isinstance(node, ast.Lambda) else ast.Module([node], [])
    try:
        made = compile(tree, file, "eval" if isinstance(node, ast.Lambda) else "exec", dont_inherit=True)
    except SyntaxError:  # as of nonlocal
        return None
    return next((x for x in made.co_consts if isinstance(x, CodeType)), None)
