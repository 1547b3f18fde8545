"""The mistakes that are made on purpose: what each turns an expression of a backward pass into.

A rule takes an expression and yields changes of it, where it applies. The kinds are those of `diagnose`, as far as the
mistake shows in the numbers.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ..syntax import called, replaced
from .source import Part, Shape, only_shape, parts, read

_SMALL = 0.01
"""A constant below this, added to something, guards against division by zero."""


class Change(NamedTuple):
    """One change: of which kind, said in words, and what takes the expression's place."""

    kind: str
    description: str
    instead: ast.AST


Rule = Callable[[ast.expr, Part], Iterator[Change]]


def _made(template: str, *parts: ast.expr) -> ast.expr:
    """An expression from its text, with others in the place of the braces."""
    return ast.parse(template.format(*(f"({ast.unparse(part)})" for part in parts)), mode="eval").body


def _constant(expression: ast.expr) -> float | None:
    """The number that is written here, or None."""
    match expression:
        case ast.UnaryOp(ast.USub(), operand):
            found = _constant(operand)
            return None if found is None else -found
        case ast.Constant(int() | float() as number):
            return number
    return None


def _is_small(expression: ast.expr) -> bool:
    """Whether it is an eps, by its name or its size."""
    found = _constant(expression)
    name = ast.unparse(expression).lower().strip("'\"])").endswith(("eps", "epsilon"))
    return name if found is None else 0 < abs(found) < _SMALL


def _reductions(expression: ast.expr, _: Part) -> Iterator[Change]:
    """A sum forgotten, over everything, over another axis, a mean in its place, its axes kept or not."""
    name = called(expression)
    array, arguments, free = _method(expression)
    if name not in ("sum", "mean") or array is None:
        return
    keywords = {keyword.arg: keyword.value for keyword in getattr(expression, "keywords", []) if keyword.arg}
    axis = keywords.get("axis") or (arguments[0] if arguments else None)

    def again(name: str = name, **changed: ast.expr | None) -> ast.expr:
        kept = {"axis": axis, "keepdims": keywords.get("keepdims")} | changed
        given = [ast.keyword(key, value) for key, value in kept.items() if value is not None]
        return ast.Call(ast.Attribute(free or array, name, ast.Load()), [array] if free else [], given)

    yield Change("missing sum", f"{ast.unparse(array)} is not summed up", array)
    other, kind = ("mean", "mean for sum") if name == "sum" else ("sum", "sum for mean")
    yield Change(kind, f"{other} in place of {name}", again(other))
    if axis is None:
        return
    yield Change("sum over everything", f"{name} over all axes", again(axis=None))
    turned = _other_axis(axis)
    if turned is not None:
        yield Change("wrong axis", f"{name} over axis {ast.unparse(turned)}", again(axis=turned))
    lost = "keepdims" in keywords
    keep = again(keepdims=None if lost else ast.Constant(True))
    yield Change("missing keepdims", f"keepdims is {'left out' if lost else 'added'}", keep)


def _method(expression: ast.expr) -> tuple[ast.expr | None, list[ast.expr], ast.expr | None]:
    """The array of ``np.f(array, …)`` or ``array.f(…)``, the other arguments, and ``np`` if it is there."""
    match expression:
        case ast.Call(ast.Attribute(ast.Name("np" | "numpy") as owner), [array, *arguments]):
            return array, arguments, owner
        case ast.Call(ast.Attribute(ast.Name("np" | "numpy"))):
            return None, [], None
        case ast.Call(ast.Attribute(array), arguments):
            return array, arguments, None
    return None, [], None


def _transposes(expression: ast.expr, part: Part) -> Iterator[Change]:
    """A transpose forgotten, or made where none belongs."""
    match expression:
        case ast.Attribute(array, "T"):
            yield Change("transposed", f"{ast.unparse(array)} is not transposed", array)
        case ast.BinOp(left, ast.MatMult(), right):
            for factor, turned in ((left, "{}.T @ {}"), (right, "{} @ {}.T")):
                if isinstance(factor, ast.Name) and _is_square(part.shapes.get(factor.id, ())):
                    yield Change("transposed", f"{factor.id} is transposed", _made(turned, left, right))
        case ast.Call() if called(expression) in ("transpose", "swapaxes", "moveaxis"):
            whole = _method(expression)[0]
            if whole is not None:
                yield Change("transposed", f"the axes of {ast.unparse(whole)} are not exchanged", whole)


def _products(expression: ast.expr, part: Part) -> Iterator[Change]:
    """A factor of a product forgotten, applied twice, multiplied where it divides; a length taken for another."""
    chain = _product(expression)
    if len(chain) < 2:
        return
    for i, (op, factor) in enumerate(chain):
        before, after, what = chain[:i], chain[i + 1 :], ast.unparse(factor)
        number, sign = part.is_number(factor), "÷ " if isinstance(op, ast.Div) else ""
        ones, mask = called(factor) in ("ones", "ones_like"), isinstance(factor, ast.Compare)
        local = not (part.is_gradient(factor) or ones or mask)
        if _constant(factor) not in (1, -1) and not ones:
            kind = "constant factor" if number else "missing mask" if mask else "missing factor"
            yield Change(kind, f"{sign}{what} is left out", _multiplied([*before, *after]))
        if _constant(factor) is None and local:
            kind = "constant factor" if number else "factor twice"
            yield Change(kind, f"{sign}{what} is applied twice", _multiplied([*before, (op, factor), *chain[i:]]))
        if not number and local:
            turned, said = (ast.Mult(), "multiplied") if isinstance(op, ast.Div) else (ast.Div(), "divided")
            yield Change("not inverted", f"{said} by {what}", _multiplied([*before, (turned, factor), *after]))
        for other, said in _other_lengths(factor, part) if number else ():
            yield Change("constant factor", said, _multiplied([*before, (op, other), *after]))


def _product(expression: ast.expr) -> list[tuple[ast.operator, ast.expr]]:
    """``a * b / c`` as [× a, × b, ÷ c]."""
    match expression:
        case ast.BinOp(left, ast.Mult() | ast.Div() as op, right):
            return [*_product(left), (op, right)]
    return [(ast.Mult(), expression)]


def _multiplied(chain: list[tuple[ast.operator, ast.expr]]) -> ast.expr:
    (op, product), *others = chain
    if isinstance(op, ast.Div):
        product = _made("1.0 / {}", product)
    for op, factor in others:
        product = ast.BinOp(product, op, factor)
    return product


def _other_lengths(factor: ast.expr, part: Part) -> Iterator[tuple[ast.expr, str]]:
    """The same number made of another length."""
    for name in [node for node in ast.walk(factor) if isinstance(node, ast.Name) and node.id in part.sizes]:
        for other in sorted(part.sizes & part.made - {name.id}):
            yield replaced(factor, name, ast.Name(other, ast.Load())), f"{other} in place of {name.id}"


def _signs(expression: ast.expr, _: Part) -> Iterator[Change]:
    """A sign flipped."""
    match expression:
        case ast.UnaryOp(ast.USub(), operand):
            yield Change("sign", f"the sign of {ast.unparse(operand)} is lost", operand)
        case ast.BinOp(left, ast.Add() | ast.Sub() as op, right) if not _is_small(right):
            turned = "{} - {}" if isinstance(op, ast.Add) else "{} + {}"
            yield Change("sign", f"{ast.unparse(right)} with the other sign", _made(turned, left, right))


def _powers(expression: ast.expr, _: Part) -> Iterator[Change]:
    """A square or a root lost, an exponent off by one or of the other sign."""
    match expression:
        case ast.Call(args=[base]) if called(expression) in ("square", "sqrt"):
            exponent = 2 if called(expression) == "square" else 0.5
        case ast.BinOp(base, ast.Pow(), power) if (found := _constant(power)) is not None:
            exponent = found
        case _:
            return
    if exponent == 2:
        yield Change("lost square", "the square is lost", base)
    elif exponent == 0.5:
        yield Change("missing function", "the root is lost", base)
    elif abs(exponent) > 1:
        less = exponent - 1 if exponent > 0 else exponent + 1
        yield Change("lost square", f"{less:g} as exponent", _made(f"{{}} ** {less}", base))
    if exponent < 0:
        yield Change("not inverted", "the exponent's sign is lost", _made(f"{{}} ** {-exponent}", base))


def _epsilons(expression: ast.expr, _: Part) -> Iterator[Change]:
    """eps left out."""
    match expression:
        case ast.BinOp(left, ast.Add(), right):
            for small, kept in ((left, right), (right, left)):
                if _is_small(small):
                    yield Change("eps left out", f"{ast.unparse(small)} is left out", kept)


def _terms(expression: ast.expr, part: Part) -> Iterator[Change]:
    """A contribution to a gradient dropped or doubled; a term of a local derivative dropped."""
    match expression:
        case ast.BinOp(left, ast.Add() | ast.Sub() as op, right) if not (
            _is_small(left) or _is_small(right) or part.is_number(expression)
        ):
            adds = part.is_gradient(left) and part.is_gradient(right)
            kind = "dropped contribution" if adds else "dropped term"
            yield Change(kind, f"{ast.unparse(right)} is left out", left)
            alone = _made("-{}", right) if isinstance(op, ast.Sub) else right
            yield Change(kind, f"{ast.unparse(left)} is left out", alone)
            if adds:
                twice = ast.BinOp(_made("{0} + {0}", left), op, right)
                yield Change("doubled contribution", f"{ast.unparse(left)} is added twice", twice)
                twice = ast.BinOp(expression, op, right)
                yield Change("doubled contribution", f"{ast.unparse(right)} is added twice", twice)


def _masks(expression: ast.expr, _: Part) -> Iterator[Change]:
    """A gradient that passes where it should be cut off."""
    match expression:
        case ast.Call(args=[_, kept, _]) if called(expression) == "where":
            yield Change("missing mask", "it passes everywhere", kept)


def _operands(expression: ast.expr, part: Part) -> Iterator[Change]:
    """Another array of the same shape: a gradient for a gradient, a value for a value."""
    if not isinstance(expression, ast.Name) or expression.id not in part.shapes:
        return
    name, is_gradient = expression.id, expression.id in part.gradients
    for other, shape in part.shapes.items():
        alike = shape == part.shapes[name] and (other in part.gradients) == is_gradient
        if alike and other != name and other in part.made:
            yield Change("exchanged operand", f"{other} in place of {name}", ast.Name(other, ast.Load()))


_WITHIN: tuple[Rule, ...] = (_reductions, _transposes, _products, _signs, _powers, _epsilons, _terms, _masks, _operands)
"""The rules for every expression inside a statement."""


def _whole(part: Part) -> Iterator[Change]:
    """What can befall a whole gradient: its sign, a constant factor, its axes; a statistic's set to zero."""
    value = part.value
    if not part.is_gradient(value):
        return
    if not isinstance(value, ast.UnaryOp):
        yield Change("sign", "the sign is flipped", _made("-{}", value))
    for sign, op in (("×", "*"), ("÷", "/")):
        for factor in ("2", *sorted(part.sizes & part.made)):
            yield Change("constant factor", f"{sign} {factor}", _made(f"{{}} {op} {factor}", value))
    shape = part.shapes.get(part.stage)
    if shape is None:
        return
    if len(shape) == 2 and min(shape) > 1:
        yield Change("transposed", "the gradient is transposed", _made("{}.T", value))
    axes = [_axes(other) for name, other in part.shapes.items() if name in part.gradients]
    if _axes(shape) < max(axes) and part.goes_on:
        yield Change("statistic as constant", "no gradient flows to it", _made("np.zeros_like({})", value))


def _axes(shape: Shape) -> int:
    return sum(length > 1 for length in shape)


def _is_square(shape: Shape) -> bool:
    return len(shape) == 2 and shape[0] == shape[1]


def _other_axis(axis: ast.expr) -> ast.expr | None:
    """1 for 0, 0 for 1 and −1; the other one for a variable; nothing for several axes."""
    if isinstance(axis, ast.Name):
        return _made("1 - {}", axis)
    found = _constant(axis)
    return None if found is None else ast.Constant(1 if found == 0 else 0)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mistake made on purpose.

    Attributes:
        line: number of the line in the source that was given.
        stage: the gradient, or other variable, that the line computes.
        kind: of mistake, as in a diagnosis where the mistake shows in the numbers: ``"missing sum"``, ``"sign"``, ….
        description: what was done, in words.
        before: the statement.
        after: the statement with the mistake.
        source: the whole source with the mistake.
        note: of a mutant that a test let pass, why.
    """

    line: int
    stage: str
    kind: str
    description: str
    before: str
    after: str
    source: str
    note: str = ""

    def __str__(self) -> str:
        return f"line {self.line}, {self.kind}: {self.before}  →  {self.after}"


def mutants(source: str, shapes: Mapping[str, Shape] | None = None, name: str | None = None) -> Iterator[Mutant]:
    """The source of a staged backward pass with one mistake in it, for every mistake that applies, line by line.

    Sums, means, axes, transposes, factors, signs, powers, eps, operands and contributions are changed, one at a time.
    Where two changes make the same text it comes once.

    Args:
        source: of one function, or of a module.
        shapes: of the arrays, by variable, so that an operand can be exchanged for another of its shape and a statistic
            be told from a full gradient. Without them these changes are left out.
        name: of the function, where the source has several and none is called ``backward``.

    Raises:
        GradientError: for text that is not Python, and where it is not clear which function is meant.

    >>> backward = '''
    ... def backward(dout, cache):
    ...     return {"dbeta": np.sum(dout, axis=0)}
    ... '''
    >>> for mutant in list(mutants(backward))[:3]:
    ...     print(mutant.line, mutant.kind, mutant.after)
    3 sign return {'dbeta': -np.sum(dout, axis=0)}
    3 constant factor return {'dbeta': np.sum(dout, axis=0) * 2}
    3 constant factor return {'dbeta': np.sum(dout, axis=0) / 2}
    """
    seen = set()
    for part in parts(read(source, name), shapes or {}):
        line, before = part.statement.lineno, ast.unparse(part.statement)
        for place, change in _changes(part):
            after = ast.unparse(replaced(part.statement, place, change.instead))
            if after != before and (line, after) not in seen:
                seen.add((line, after))
                changed = _with(source, part.statement, after)
                yield Mutant(line, part.stage, change.kind, change.description, before, after, changed)


def _changes(part: Part) -> Iterator[tuple[ast.AST, Change]]:
    """Everything that can be changed in what is computed there, and what the change takes the place of."""
    if isinstance(part.statement, ast.AugAssign):
        yield from ((part.statement, change) for change in _accumulated(part.statement))
    else:
        yield from ((part.value, change) for change in _whole(part))
    for expression in _expressions(part.value):
        for rule in _WITHIN:
            yield from ((expression, change) for change in rule(expression, part))


def _accumulated(statement: ast.AugAssign) -> Iterator[Change]:
    """``x += y``: y dropped, added twice, taken away, or put in the place of x."""
    target, value, op = statement.target, statement.value, statement.op
    opposite = ast.Sub() if isinstance(op, ast.Add) else ast.Add()
    twice = ast.AugAssign(target, op, _made("2 * {}", value))
    yield Change("dropped contribution", "the contribution is not added", ast.Pass())
    yield Change("doubled contribution", "the contribution is added twice", twice)
    yield Change("sign", "the contribution has the other sign", ast.AugAssign(target, opposite, value))
    instead = ast.Assign([target], value, lineno=statement.lineno)
    yield Change("overwritten contribution", "= in place of +=", instead)


def _expressions(value: ast.expr) -> Iterator[ast.expr]:
    """All expressions inside one, itself first, except indices, and what only gives a shape."""
    yield value
    inside = () if only_shape(value) else ast.iter_child_nodes(value)
    for child in (value.value,) if isinstance(value, ast.Subscript) else inside:
        child = child.value if isinstance(child, ast.keyword) else child
        if isinstance(child, ast.expr):
            yield from _expressions(child)


def _with(source: str, statement: ast.stmt, text: str) -> str:
    """The source with another text in the statement's place."""
    lines = source.splitlines(keepends=True)
    first, last = statement.lineno - 1, (statement.end_lineno or statement.lineno) - 1
    before = lines[first].encode()[: statement.col_offset].decode()  # offsets count bytes
    after = lines[last].encode()[statement.end_col_offset :].decode()
    return "".join([*lines[:first], before, text, after, *lines[last + 1 :]])
