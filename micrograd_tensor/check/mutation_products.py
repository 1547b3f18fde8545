"""Mistakes in a product: a factor forgotten, applied twice, on the wrong side of the line, made of another length."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .mutation_context import Change, Context, constant
from .mutation_source import called, replaced


def factors(expression: ast.expr, context: Context) -> Iterator[Change]:
    """A factor of a product forgotten, applied twice, multiplied where it divides; a length taken for another."""
    chain = _product(expression)
    if context.begins_product or len(chain) < 2:
        return
    for i, (op, factor) in enumerate(chain):
        before, after, what = chain[:i], chain[i + 1 :], ast.unparse(factor)
        number, sign = context.is_number(factor), "÷ " if isinstance(op, ast.Div) else ""
        local = not (context.is_gradient(factor) or _is_ones(factor) or _is_mask(factor))
        if constant(factor) not in (1, -1) and not _is_ones(factor):
            kind = "constant factor" if number else "missing mask" if _is_mask(factor) else "missing factor"
            yield Change(kind, f"{sign}{what} is left out", _multiplied([*before, *after]))
        if constant(factor) is None and local:
            kind = "constant factor" if number else "factor twice"
            yield Change(kind, f"{sign}{what} is applied twice", _multiplied([*before, (op, factor), *chain[i:]]))
        if not number and local:
            turned, said = (ast.Mult(), "multiplied") if isinstance(op, ast.Div) else (ast.Div(), "divided")
            yield Change("not inverted", f"{said} by {what}", _multiplied([*before, (turned, factor), *after]))
        for other, said in _other_lengths(factor, context) if number else ():
            yield Change("constant factor", said, _multiplied([*before, (op, other), *after]))


def _product(expression: ast.expr) -> list[tuple[ast.operator, ast.expr]]:
    """``a * b / c`` as [× a, × b, ÷ c]."""
    if isinstance(expression, ast.BinOp) and isinstance(expression.op, (ast.Mult, ast.Div)):
        return [*_product(expression.left), (expression.op, expression.right)]
    return [(ast.Mult(), expression)]


def _multiplied(chain: list[tuple[ast.operator, ast.expr]]) -> ast.expr:
    (op, product), *others = chain
    if isinstance(op, ast.Div):
        product = ast.BinOp(ast.Constant(1.0), ast.Div(), product)
    for op, factor in others:
        product = ast.BinOp(product, op, factor)
    return product


def _other_lengths(factor: ast.expr, context: Context) -> Iterator[tuple[ast.expr, str]]:
    """The same number made of another length."""
    lengths = sorted(context.sizes & context.made)
    for name in [node for node in ast.walk(factor) if isinstance(node, ast.Name) and node.id in context.sizes]:
        for other in lengths:
            if other != name.id:
                yield replaced(factor, name, ast.Name(other, ast.Load())), f"{other} in place of {name.id}"


def _is_ones(expression: ast.expr) -> bool:
    return isinstance(expression, ast.Call) and called(expression) in ("ones", "ones_like")


def _is_mask(expression: ast.expr) -> bool:
    return isinstance(expression, ast.Compare)
