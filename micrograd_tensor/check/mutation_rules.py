"""The mistakes that are made on purpose: what each turns an expression of a backward pass into.

A rule takes an expression and yields changes of it, where it applies. The kinds are those of `diagnose`, as far as the
mistake shows in the numbers.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .mutation_context import Change, Context, Rule, Shape, constant, is_small
from .mutation_products import factors
from .mutation_source import called


def reductions(expression: ast.expr, _: Context) -> Iterator[Change]:
    """A sum forgotten, over everything, over another axis, a mean in its place, its axes kept or not."""
    if not (isinstance(expression, ast.Call) and isinstance(expression.func, ast.Attribute)):
        return
    func, name = expression.func, called(expression)
    if name not in ("sum", "mean"):
        return
    free = isinstance(func.value, ast.Name) and func.value.id in ("np", "numpy")
    if free and not expression.args:
        return
    positional = list(expression.args[1:] if free else expression.args)
    keywords = {keyword.arg: keyword.value for keyword in expression.keywords if keyword.arg}
    axis = keywords.get("axis") or (positional[0] if positional else None)
    array = expression.args[0] if free else func.value

    def again(name: str = name, **changed: ast.expr | None) -> ast.expr:
        kept = {"axis": axis, "keepdims": keywords.get("keepdims")} | changed
        given = [ast.keyword(key, value) for key, value in kept.items() if value is not None]
        made = ast.Attribute(func.value if free else array, name, ast.Load())
        return ast.Call(made, [array] if free else [], given)

    what = ast.unparse(array)
    yield Change("missing sum", f"{what} is not summed up", array)
    other = "mean" if name == "sum" else "sum"
    yield Change("mean for sum" if name == "sum" else "sum for mean", f"{other} in place of {name}", again(other))
    if axis is not None:
        yield Change("sum over everything", f"{name} over all axes", again(axis=None))
        turned = _other_axis(axis)
        if turned is not None:
            yield Change("wrong axis", f"{name} over axis {ast.unparse(turned)}", again(axis=turned))
        if "keepdims" in keywords:
            yield Change("missing keepdims", "keepdims is left out", again(keepdims=None))
        else:
            yield Change("missing keepdims", "keepdims is added", again(keepdims=ast.Constant(True)))


def transposes(expression: ast.expr, context: Context) -> Iterator[Change]:
    """A transpose forgotten, or made where none belongs."""
    if isinstance(expression, ast.Attribute) and expression.attr == "T":
        yield Change("transposed", f"{ast.unparse(expression.value)} is not transposed", expression.value)
    if isinstance(expression, ast.Call) and called(expression) in ("transpose", "swapaxes", "moveaxis"):
        func = expression.func
        free = isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id in ("np", "numpy")
        array = expression.args[0] if free else func.value if isinstance(func, ast.Attribute) else None
        if array is not None:
            yield Change("transposed", f"the axes of {ast.unparse(array)} are not exchanged", array)
    if isinstance(expression, ast.BinOp) and isinstance(expression.op, ast.MatMult):
        left, right = expression.left, expression.right
        for name, turned in (
            (left, ast.BinOp(_transpose(left), ast.MatMult(), right)),
            (right, ast.BinOp(left, ast.MatMult(), _transpose(right))),
        ):
            if isinstance(name, ast.Name) and _is_square(context.shapes.get(name.id)):
                yield Change("transposed", f"{name.id} is transposed", turned)


def signs(expression: ast.expr, _: Context) -> Iterator[Change]:
    """A sign flipped."""
    if isinstance(expression, ast.UnaryOp) and isinstance(expression.op, ast.USub):
        yield Change("sign", f"the sign of {ast.unparse(expression.operand)} is lost", expression.operand)
    if isinstance(expression, ast.BinOp) and isinstance(expression.op, (ast.Add, ast.Sub)):
        turned = ast.Sub() if isinstance(expression.op, ast.Add) else ast.Add()
        if not is_small(expression.right):
            yield Change(
                "sign",
                f"{ast.unparse(expression.right)} with the other sign",
                ast.BinOp(expression.left, turned, expression.right),
            )


def powers(expression: ast.expr, _: Context) -> Iterator[Change]:
    """A square or a root lost, an exponent off by one or of the other sign."""
    if isinstance(expression, ast.Call) and called(expression) in ("square", "sqrt") and len(expression.args) == 1:
        name = called(expression)
        kind = "lost square" if name == "square" else "missing function"
        yield Change(kind, f"the {'square' if name == 'square' else 'root'} is lost", expression.args[0])
    if isinstance(expression, ast.BinOp) and isinstance(expression.op, ast.Pow):
        exponent = constant(expression.right)
        if exponent is None:
            return
        base = expression.left
        if exponent == 2:
            yield Change("lost square", "the square is lost", base)
        elif exponent == 0.5:
            yield Change("missing function", "the root is lost", base)
        elif abs(exponent) > 1:
            less = exponent - 1 if exponent > 0 else exponent + 1
            yield Change("lost square", f"{less:g} as exponent", ast.BinOp(base, ast.Pow(), ast.Constant(less)))
        if exponent < 0:
            yield Change(
                "not inverted", "the exponent's sign is lost", ast.BinOp(base, ast.Pow(), ast.Constant(-exponent))
            )


def epsilons(expression: ast.expr, _: Context) -> Iterator[Change]:
    """eps left out."""
    if isinstance(expression, ast.BinOp) and isinstance(expression.op, ast.Add):
        for small, kept in ((expression.left, expression.right), (expression.right, expression.left)):
            if is_small(small):
                yield Change("eps left out", f"{ast.unparse(small)} is left out", kept)


def terms(expression: ast.expr, context: Context) -> Iterator[Change]:
    """A contribution to a gradient dropped or doubled; a term of a local derivative dropped."""
    if not (isinstance(expression, ast.BinOp) and isinstance(expression.op, (ast.Add, ast.Sub))):
        return
    left, op, right = expression.left, expression.op, expression.right
    if is_small(left) or is_small(right) or context.is_number(expression):
        return
    adds = context.is_gradient(left) and context.is_gradient(right)
    kind = "dropped contribution" if adds else "dropped term"
    yield Change(kind, f"{ast.unparse(right)} is left out", left)
    alone = ast.UnaryOp(ast.USub(), right) if isinstance(op, ast.Sub) else right
    yield Change(kind, f"{ast.unparse(left)} is left out", alone)
    if adds:
        for term, doubled in (
            (left, ast.BinOp(ast.BinOp(left, ast.Add(), left), op, right)),
            (right, ast.BinOp(expression, op, right)),
        ):
            yield Change("doubled contribution", f"{ast.unparse(term)} is added twice", doubled)


def masks(expression: ast.expr, _: Context) -> Iterator[Change]:
    """A gradient that passes where it should be cut off."""
    if isinstance(expression, ast.Call) and called(expression) == "where" and len(expression.args) == 3:
        yield Change("missing mask", "it passes everywhere", expression.args[1])


def operands(expression: ast.expr, context: Context) -> Iterator[Change]:
    """Another array of the same shape: a gradient for a gradient, a value for a value."""
    if not isinstance(expression, ast.Name) or expression.id not in context.shapes:
        return
    name, is_gradient = expression.id, expression.id in context.gradients
    for other, shape in context.shapes.items():
        if other == name or shape != context.shapes[name] or other not in context.made:
            continue
        if (other in context.gradients) == is_gradient:
            yield Change("exchanged operand", f"{other} in place of {name}", ast.Name(other, ast.Load()))


WITHIN: tuple[Rule, ...] = (reductions, transposes, factors, signs, powers, epsilons, terms, masks, operands)
"""The rules for every expression inside a statement."""


def whole(stage: str, value: ast.expr, context: Context) -> Iterator[Change]:
    """What can befall a whole gradient: its sign, a constant factor, its axes; a statistic's set to zero."""
    if not context.is_gradient(value):
        return
    if not isinstance(value, ast.UnaryOp):
        yield Change("sign", "the sign is flipped", ast.UnaryOp(ast.USub(), value))
    sizes = [ast.Name(size, ast.Load()) for size in sorted(context.sizes & context.made)]
    for op, sign in ((ast.Mult(), "×"), (ast.Div(), "÷")):
        for factor in (ast.Constant(2), *sizes):
            yield Change("constant factor", f"{sign} {ast.unparse(factor)}", ast.BinOp(value, op, factor))
    shape = context.shapes.get(stage)
    if shape is None:
        return
    if len(shape) == 2 and min(shape) > 1:
        yield Change("transposed", "the gradient is transposed", _transpose(value))
    axes = [_axes(other) for name, other in context.shapes.items() if name in context.gradients]
    if _axes(shape) < max(axes) and stage in context.goes_on:
        zeros = ast.Attribute(ast.Name("np", ast.Load()), "zeros_like", ast.Load())
        yield Change("statistic as constant", "no gradient flows to it", ast.Call(zeros, [value], []))


def _axes(shape: Shape) -> int:
    return sum(length > 1 for length in shape)


def _is_square(shape: Shape | None) -> bool:
    return shape is not None and len(shape) == 2 and shape[0] == shape[1]


def _transpose(array: ast.expr) -> ast.expr:
    return ast.Attribute(array, "T", ast.Load())


def _other_axis(axis: ast.expr) -> ast.expr | None:
    """1 for 0, 0 for 1 and −1; the other one for a variable; nothing for several axes."""
    if isinstance(axis, ast.Name):
        return ast.BinOp(ast.Constant(1), ast.Sub(), axis)
    found = constant(axis)
    return None if found is None else ast.Constant(1 if found == 0 else 0)
