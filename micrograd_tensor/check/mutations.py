"""Mutations: a hand-derived backward pass with one mistake made in it on purpose, for every mistake that applies."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from .mutation_context import Change, Context, Shape
from .mutation_rules import WITHIN, whole
from .mutation_source import Part, only_shape, read, replaced


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
        GradientError: for text that is no Python, and where it is not clear which function is meant.

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
    derivation = read(source, name)
    seen = set()
    for part in derivation.parts():
        line, before = part.statement.lineno, ast.unparse(part.statement)
        made, goes_on = derivation.made_above(line), derivation.read_outside(part.statement)
        context = Context(derivation.gradients, derivation.sizes, shapes or {}, made, goes_on)
        for statement, change in _changed(part, context):
            after = ast.unparse(statement)
            if after != before and (line, after) not in seen:
                seen.add((line, after))
                changed = _with(derivation.source, part.statement, after)
                yield Mutant(line, part.stage, change.kind, change.description, before, after, changed)


def _changed(part: Part, context: Context) -> Iterator[tuple[ast.stmt, Change]]:
    """The statement with one change in it."""
    statement = part.statement
    changes = _accumulated(statement) if isinstance(statement, ast.AugAssign) else ()
    yield from changes
    for change in () if changes else whole(part.stage, part.value, context):
        yield replaced(statement, part.value, change.instead), change
    for expression, inside in _expressions(part.value, context):
        for rule in WITHIN:
            for change in rule(expression, inside):
                yield replaced(statement, expression, change.instead), change


def _accumulated(statement: ast.AugAssign) -> list[tuple[ast.stmt, Change]]:
    """``x += y``: y dropped, added twice, taken away, or put in the place of x."""
    target, value, op = statement.target, statement.value, statement.op
    opposite = ast.Sub() if isinstance(op, ast.Add) else ast.Add()
    twice = ast.AugAssign(target, op, ast.BinOp(ast.Constant(2), ast.Mult(), value))
    return [
        (ast.Pass(), Change("dropped contribution", "the contribution is not added", value)),
        (twice, Change("doubled contribution", "the contribution is added twice", value)),
        (ast.AugAssign(target, opposite, value), Change("sign", "the contribution has the other sign", value)),
        (
            ast.Assign([target], value, lineno=statement.lineno),
            Change("overwritten contribution", "= in place of +=", value),
        ),
    ]


def _expressions(value: ast.expr, context: Context) -> Iterator[tuple[ast.expr, Context]]:
    """All expressions inside one, itself first, and with each whether it begins a longer product."""
    stack = [(value, False)]
    while stack:
        expression, begins = stack.pop()
        yield expression, replace(context, begins_product=begins)
        is_product = isinstance(expression, ast.BinOp) and isinstance(expression.op, (ast.Mult, ast.Div))
        left = getattr(expression, "left", None) if is_product else None
        stack += [(child, child is left) for child in reversed(_inside(expression))]


def _inside(expression: ast.expr) -> list[ast.expr]:
    """The expressions directly inside one, but for an index, and for what only gives a shape."""
    if isinstance(expression, ast.Subscript):
        return [expression.value]
    if only_shape(expression):
        return []
    children = [child.value if isinstance(child, ast.keyword) else child for child in ast.iter_child_nodes(expression)]
    return [child for child in children if isinstance(child, ast.expr)]


def _with(source: str, statement: ast.stmt, text: str) -> str:
    """The source with another text in the statement's place."""
    lines = source.splitlines(keepends=True)
    first, last = statement.lineno - 1, (statement.end_lineno or statement.lineno) - 1
    before = lines[first].encode()[: statement.col_offset].decode()  # offsets count bytes
    after = lines[last].encode()[statement.end_col_offset :].decode()
    return "".join([*lines[:first], before, text, after, *lines[last + 1 :]])
