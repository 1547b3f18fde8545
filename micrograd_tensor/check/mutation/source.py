"""The source of a hand-derived backward pass, read: its statements, its gradients and its lengths."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...engine.errors import GradientError
from ..statements import assigned
from ..syntax import called

Shape = tuple[int, ...]

_ABOUT_SHAPE = frozenset({"shape", "size", "ndim", "dtype"})
_ONLY_SHAPE = frozenset({"len", "ones", "zeros", "ones_like", "zeros_like", "empty_like", "full_like"})


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a statement computes, and what is known there.

    Attributes:
        statement: the statement.
        stage: the variable, or the key of a dict, that it goes to.
        value: the expression.
        gradients: variables whose values come from the upstream gradient.
        sizes: variables that hold lengths.
        shapes: of arrays, by variable; empty where they are not known.
        made: variables that have a value when the statement begins.
        goes_on: whether other statements, except for what returns, read the stage.
    """

    statement: ast.stmt
    stage: str
    value: ast.expr
    gradients: frozenset[str]
    sizes: frozenset[str]
    shapes: Mapping[str, Shape]
    made: frozenset[str]
    goes_on: bool

    def is_gradient(self, expression: ast.AST) -> bool:
        """Whether the upstream gradient enters an expression."""
        return _mentions(expression, self.gradients)

    def is_number(self, expression: ast.AST) -> bool:
        """Whether an expression is made of numbers and lengths alone."""
        return _is_number(expression, self.sizes)


def read(source: str, name: str | None = None) -> ast.FunctionDef:
    """The definition of a backward pass.

    Args:
        source: of one function, or of a module.
        name: of the function; by default ``backward``, or the only one there is.

    Raises:
        GradientError: for text that is not Python, and where it is not clear which function is meant.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise GradientError(f"the backward pass is not Python: {error.msg}, line {error.lineno}") from None
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    wanted = name or ("backward" if "backward" in functions else next(iter(functions), ""))
    if wanted not in functions or (name is None and wanted != "backward" and len(functions) > 1):
        raise GradientError(
            f"the source defines {', '.join(functions) or 'no function'}; call the backward pass `backward`"
        )
    return functions[wanted]


def parts(function: ast.FunctionDef, shapes: Mapping[str, Shape]) -> Iterator[Part]:
    """What is computed, in the order of the text, except what is only unpacked or looked up."""
    body = list(_body(function))
    gradients, sizes = _gradients_and_sizes(function)
    arguments = {argument.arg for argument in ast.walk(function.args) if isinstance(argument, ast.arg)}
    for statement in body:
        if _counts(statement, gradients):  # changed, a counter may never end its loop
            continue
        made = frozenset(arguments).union(*(assigned(s) for s in body if s.lineno < statement.lineno))
        others = (s for s in body if s is not statement and not isinstance(s, ast.Return))
        read_outside = set[str]().union(*map(_names, others))
        for stage, value in _results(statement):
            computes = _computes(value) or isinstance(statement, ast.AugAssign)
            hands_on = isinstance(value, ast.Name) and value.id in gradients
            if computes or (hands_on and not isinstance(statement, ast.Return)):
                yield Part(statement, stage, value, gradients, sizes, shapes, made, stage in read_outside)


def _gradients_and_sizes(function: ast.FunctionDef) -> tuple[frozenset[str], frozenset[str]]:
    """The variables whose values come from the upstream gradient, and those that hold lengths."""
    gradients, sizes = _upstreams(function), frozenset[str]()
    while True:  # until nothing new is found: in a loop a name may be used above the line that makes it
        before = gradients, sizes
        for statement in _body(function):
            made = frozenset(assigned(statement))
            value = getattr(statement, "value", None)
            if made and value is not None:
                sizes |= made if _is_size(value, sizes) else frozenset()
                gradients |= made if _mentions(value, gradients) else frozenset()
        if before == (gradients, sizes):
            return before


def _counts(statement: ast.stmt, gradients: frozenset[str]) -> bool:
    """Whether a variable that is not a gradient is made from itself, as a counter is."""
    if not isinstance(statement, (ast.Assign, ast.AugAssign)) or _mentions(statement, gradients):
        return False
    return isinstance(statement, ast.AugAssign) or not _names(statement.value).isdisjoint(assigned(statement))


def _names(tree: ast.AST) -> set[str]:
    """The variables that are read there."""
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def _mentions(expression: ast.AST, names: frozenset[str]) -> bool:
    """Whether the value, not just the shape, of one of these variables enters an expression."""
    if isinstance(expression, ast.Name):
        return expression.id in names
    return not only_shape(expression) and any(_mentions(child, names) for child in ast.iter_child_nodes(expression))


def only_shape(expression: ast.AST) -> bool:
    """Whether an expression uses nothing but shapes: ``x.shape``, ``len(x)``, ``np.ones((N, D))``."""
    if isinstance(expression, ast.Attribute):
        return expression.attr in _ABOUT_SHAPE
    return called(expression) in _ONLY_SHAPE


def _is_number(expression: ast.AST, sizes: frozenset[str]) -> bool:
    """Whether an expression is made of numbers and lengths alone: ``1.0 / N``, ``x.shape[0]``, ``-2``."""
    match expression:
        case ast.Constant(value):
            return isinstance(value, (int, float))
        case ast.Name(name):
            return name in sizes
        case ast.UnaryOp(operand=operand):
            return _is_number(operand, sizes)
        case ast.BinOp(left, _, right):
            return _is_number(left, sizes) and _is_number(right, sizes)
        case ast.Subscript(ast.Attribute(attr="shape")) | ast.Attribute(attr="size" | "ndim"):
            return True
        case ast.Call(args=arguments) if called(expression) in ("float", "int", "sqrt"):
            return all(_is_number(argument, sizes) for argument in arguments)
    return called(expression) == "len"


def _is_size(value: ast.expr, sizes: frozenset[str]) -> bool:
    unpacked = isinstance(value, ast.Attribute) and value.attr == "shape"
    return unpacked or (not isinstance(value, ast.Constant) and _is_number(value, sizes))


def _upstreams(function: ast.FunctionDef) -> frozenset[str]:
    """Parameters that are gradients: those called d…, up… or …grad…, or else the first."""
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    likely = [name for name in names if name.startswith(("d", "up")) or "grad" in name]
    return frozenset(likely or names[:1])


def _body(node: ast.AST) -> Iterator[ast.stmt]:
    """All statements inside, in the order of the text, but for functions and classes of their own."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        if isinstance(child, ast.stmt):
            yield child
        yield from _body(child)


def _stage(target: ast.AST) -> str:
    """``dx`` for ``dx`` and ``dx[:, 0]``; the key for ``gradients["dx"]``."""
    key = target.slice if isinstance(target, ast.Subscript) else None
    if isinstance(key, ast.Constant) and isinstance(key.value, str):
        return key.value
    return next(assigned(target), "")


def _results(statement: ast.stmt) -> list[tuple[str, ast.expr]]:
    """What a statement makes, by where it goes."""
    match statement:
        case ast.Return(ast.Dict(keys, values)):
            names = [str(key.value) if isinstance(key, ast.Constant) else "" for key in keys]
            return list(zip(names, values, strict=True))
        case ast.Return(ast.Tuple([_, _, *_] as items)):
            return [(f"result {i + 1}", item) for i, item in enumerate(items)]
        case ast.Return(ast.Tuple([value]) | (ast.expr() as value)):
            return [("result", value)]
        case ast.Assign([ast.Tuple(targets), *_], ast.Tuple(items)) if len(targets) == len(items):
            return list(zip(map(_stage, targets), items, strict=True))
        case ast.Assign([ast.Tuple(), *_]):
            return []
        case ast.Assign([target, *_], value):
            return [(_stage(target), value)]
        case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.AugAssign(target=target, value=value):
            return [(_stage(target), value)]
    return []


def _computes(value: ast.expr) -> bool:
    if isinstance(value, (ast.BinOp, ast.UnaryOp)):
        return True
    return isinstance(value, ast.Call) and called(value) not in _ONLY_SHAPE | {"dict", "locals", "get", "pop"}
