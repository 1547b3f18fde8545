"""Parts of a file that train: what they do with gradients themselves, beside the passes of layers that they call."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from ..check.syntax import called
from ..notation.printable import listed
from .taking import is_rate

_GRADIENTS = re.compile(
    r"d_?[WwbB]_?\w{0,2}|d_?(weights?|bias(es)?|theta|scores?|logits?|out(put)?s?|pred\w*|loss|z|a|h|x|y)_?\d*"
    r"|(\w+_)?(grad(ient)?|delta)s?(_\w+)?\d*|nabla_\w+|g_?[WwBb]\d*|d_[a-z]\w*|d[A-Z]\w*"
)
"""How a variable is called that is a gradient."""
_OF_OPTIMIZERS = re.compile(r"(?i)[mvs](_?(hat|t|w|b|dw|db|corrected))?\d*|\w*(moment|veloc|beta|cache)\w*|\w*decay\w*")
"""How numbers are called that an optimizer makes its steps of."""
_PRODUCTS = ("dot", "matmul", "outer", "sum", "mean", "einsum")
_BACKWARDS = re.compile(r"(?i)back_?(ward|prop)\w*|bprop|bwd")
_FORWARDS = re.compile(r"(?i)(feed_?)?forward\w*|__call__|fprop|fwd")


def computed_gradients(part: ast.AST) -> list[str]:
    """The names of what is called as gradients and computed in a part of a file, as in a ``fit``.

    >>> computed_gradients(ast.parse("dw = x.T @ (p - y); db = (p - y).sum(); data = x @ w; dx = layer.backward(dw)"))
    ['dw', 'db']
    """
    found = dict[str, None]()
    for node in ast.walk(part):
        match node:
            case ast.Assign([ast.Name(name)], value) if _GRADIENTS.fullmatch(name) and _computes(value):
                found[name] = None
            case ast.AugAssign(ast.Name(name) | ast.Subscript(ast.Name(name)), op, value) if _GRADIENTS.fullmatch(name):
                if not isinstance(op, ast.Add) or _computes(value):
                    found[name] = None
    return [*found]


def _computes(value: ast.expr) -> bool:
    """Whether something is more than a sum, as over examples."""
    inner = [*ast.walk(value)]
    return any((isinstance(x, ast.BinOp) and not isinstance(x.op, ast.Add)) or called(x) in _PRODUCTS for x in inner)


def steps_of_their_own(part: ast.AST) -> list[str]:
    """What takes steps in a part of a file that go up a gradient, or are computed where they are taken.

    >>> text = "w -= lr * dw; b += lr * db; v = v - eta * x.T @ (p - y); u -= lr * m / (np.sqrt(s) + eps)"
    >>> steps_of_their_own(ast.parse(text))
    ['b', 'v']
    >>> steps_of_their_own(ast.parse("ws = [w + eta * nw for w, nw in zip(ws, nabla)]; nxt = x - config['lr'] * dx"))
    ['w']
    """
    found = dict[str, None]()
    for what, op, value, own in _steps(part):
        factors, sign = _factors(value)
        down = sign * (-1 if isinstance(op, ast.Sub) else 1) < 0
        names = {_last_name(x) for factor in factors for x in ast.walk(factor)}
        if not own and not any(_GRADIENTS.fullmatch(name) or re.fullmatch("n[wb]", name) for name in names):
            continue
        if any(is_rate(name) or (own and name == "alpha") for name in names) and not _is_step_down(factors, down):
            found[what] = None
    return [*found]


def _steps(part: ast.AST) -> Iterator[tuple[str, ast.operator, ast.expr, bool]]:
    """What something is added to or taken from, which of these, what, and whether the result has its name again."""
    own = list[ast.BinOp]()
    for node in ast.walk(part):
        match node:
            case ast.AugAssign(target, ast.Add() | ast.Sub() as op, value):
                yield ast.unparse(target), op, value, True
            case ast.Assign([target], ast.BinOp(same, ast.Add() | ast.Sub() as op, value) as whole):
                if ast.unparse(same) == ast.unparse(target):
                    own.append(whole)
                    yield ast.unparse(target), op, value, True
            case ast.BinOp(ast.Name() | ast.Attribute() | ast.Subscript() as left, ast.Add() | ast.Sub() as op, value):
                if not any(node is one for one in own):
                    yield ast.unparse(left), op, value, False


def _factors(value: ast.expr) -> tuple[list[ast.expr], int]:
    """The factors of a product, without what it is divided by, and its sign."""
    match value:
        case ast.BinOp(left, ast.Mult() | ast.MatMult(), right):
            (first, sign), (second, other) = _factors(left), _factors(right)
            apart = isinstance(value.op, ast.MatMult)
            return ([value] if apart else [*first, *second]), sign * other
        case ast.BinOp(left, ast.Div(), _):
            return _factors(left)
        case ast.UnaryOp(ast.USub(), inner):
            found, sign = _factors(inner)
            return found, -sign
    return [value], 1


def _is_step_down(factors: list[ast.expr], down: bool) -> bool:
    """Whether a step is a number times what is called a gradient, downwards, or what an optimizer makes of some."""
    for factor in factors:
        names = {_last_name(x) for x in ast.walk(factor)} - {""}
        is_number = any(is_rate(name) or name == "alpha" for name in names)
        if is_number and not any(isinstance(x, ast.MatMult) for x in ast.walk(factor)):
            continue
        products = any(isinstance(x, ast.MatMult) or called(x) in _PRODUCTS for x in ast.walk(factor))
        if isinstance(factor, ast.Name | ast.Attribute | ast.Subscript | ast.Constant | ast.Call) and not products:
            if not down and not isinstance(factor, ast.Constant):
                return False
        elif products or not any(map(_OF_OPTIMIZERS.fullmatch, names)):
            return False
    return True


def _last_name(node: ast.AST) -> str:
    """A name, that of an attribute, or a key."""
    match node:
        case ast.Name(name) | ast.Attribute(attr=name) | ast.Constant(str() as name):
            return name
    return ""


def not_reversed(part: ast.AST) -> list[str]:
    """Whose backward passes are called in a part of a file in another order than the last forward pass first.

    >>> not_reversed(ast.parse("for one in net: g = one.backward(g)")), not_reversed(
    ...     ast.parse("for one in reversed(net): g = one.backward(g)")
    ... )
    (['net'], [])
    >>> not_reversed(ast.parse("y = f.forward(g.forward(x)); d = g.backward(f.backward(d))"))
    []
    """
    found = dict[str, None]()
    for node in ast.walk(part):
        if isinstance(node, ast.For) and not _is_reversed(node.iter):
            steps = {x.id for x in ast.walk(node.target) if isinstance(x, ast.Name)}
            for receiver in _receivers(node, _BACKWARDS):
                if steps & {x.id for x in ast.walk(receiver) if isinstance(x, ast.Name)}:
                    found[ast.unparse(node.iter)] = None
    back, forth = ([ast.unparse(x) for x in _receivers(part, pattern)] for pattern in (_BACKWARDS, _FORWARDS))
    back, forth = [*dict.fromkeys(back)], [*dict.fromkeys(forth)]
    both = [x for x in forth if x in back]
    if both[::-1] != [x for x in back if x in both]:
        found |= dict.fromkeys(both)
    return [*found]


def _is_reversed(over: ast.expr) -> bool:
    """Whether a loop runs backwards over something, or over no layers, as where it counts or zips."""
    text = ast.unparse(over)
    return "reversed(" in text or "-1" in text.replace(" ", "")


def _receivers(part: ast.AST, methods: re.Pattern[str]) -> Iterator[ast.expr]:
    """Whose methods are called, in the order in which that happens."""
    for node in ast.iter_child_nodes(part):
        yield from _receivers(node, methods)
    if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and methods.fullmatch(part.func.attr):
        yield part.func.value


def said_of_training(part: ast.AST) -> str:
    """What a part of a file does with gradients itself, as a reason why it was not judged; or ""."""
    if own := computed_gradients(part):
        return f"it computes {listed(own)}, gradients by their names, but is the backward pass of no known layer"
    if steps := steps_of_their_own(part):
        return f"it changes {listed(steps)} by steps of which it is not known that they go down a gradient"
    if others := not_reversed(part):
        return f"it calls the backward passes of {listed(others)} in an order that is not the reverse of forward's"
    return ""
