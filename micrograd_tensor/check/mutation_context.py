"""What a rule for mistakes is told about the place where an expression stands, and what it answers."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from .mutation_source import is_number, mentions

SMALL = 0.01
"""A constant below this, added to something, stands against a division by zero."""

Shape = tuple[int, ...]


class Change(NamedTuple):
    """One change: of which kind, said in words, and what takes the expression's place."""

    kind: str
    description: str
    instead: ast.expr


@dataclass(frozen=True, slots=True)
class Context:
    """What is known where an expression stands.

    Attributes:
        gradients: variables whose values come from the upstream gradient.
        sizes: variables that hold lengths.
        shapes: of arrays, by variable; empty where they are not known.
        made: variables that have a value at this place.
        goes_on: variables that other statements read.
        begins_product: whether the expression is the beginning of a longer product.
    """

    gradients: frozenset[str]
    sizes: frozenset[str]
    shapes: Mapping[str, Shape]
    made: frozenset[str]
    goes_on: frozenset[str]
    begins_product: bool = False

    def is_gradient(self, expression: ast.AST) -> bool:
        """Whether the upstream gradient enters it."""
        return mentions(expression, self.gradients)

    def is_number(self, expression: ast.AST) -> bool:
        """Whether it is made of numbers and lengths alone."""
        return is_number(expression, self.sizes)


Rule = Callable[[ast.expr, Context], Iterator[Change]]


def constant(expression: ast.expr) -> float | None:
    """The number that is written here, or None."""
    if isinstance(expression, ast.UnaryOp) and isinstance(expression.op, ast.USub):
        found = constant(expression.operand)
        return None if found is None else -found
    if isinstance(expression, ast.Constant) and isinstance(expression.value, (int, float)):
        return expression.value
    return None


def is_small(expression: ast.expr) -> bool:
    """Whether it is an eps, by its name or its size."""
    found = constant(expression)
    name = ast.unparse(expression).lower().strip("'\"])").endswith(("eps", "epsilon"))
    return name if found is None else 0 < abs(found) < SMALL
