"""Proof: the rewrites by which what the rules recorded becomes the closed form, one equation each, with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..algebra import Rule
from ..algebra.numbers import ONE
from ..algebra.terms import Raw
from ..graph import Node
from ..graph.cut import needed
from ..notation import LATEX, Typeset, printable
from ..notation.names import value_names
from ..notation.numpy import assignment
from .expressions import Compared, Expression, Product, Reduced, Repeated, Total, children
from .extraction import Extraction
from .formula import Side
from .layout import Arrays
from .shortest import Shortest

MULTIPLIED = Rule(
    "multiply out",
    "it leaves fewer terms",
    "a · (b + c) = a · b + a · c, and σ(−x) = 1 − σ(x); like terms are collected.",
)
NAMES = Rule(
    "names",
    "what stands there is a value that has a name",
    "A value is called by its name; a common factor stands in front of a sum, and a factor goes into one.",
)


@dataclass(frozen=True, eq=False)
class ProofStep:
    """One equation of a proof.

    Attributes:
        of: the gradient, or the value, in which it is needed: ``"dvar"``, or "" where that has no name.
        rule: what it is called.
        left, right: both sides, as they stand before and after.
        condition: when the rule applies.
        proof: why it holds, in one sentence.

    >>> import numpy as np
    >>> import micrograd_tensor as mt
    >>> from micrograd_tensor.derive.closed_form import closed_form
    >>> x = mt.tensor([[1.0, 2.0], [3.0, 5.0]], name="x", requires_grad=True)
    >>> found = closed_form(mt.graph((x - x.mean(axis=0)).sum(axis=0).named("y"), [1.0, 1.0]), {"N": ("x", 0)})
    >>> print(found.steps[0])
    Σ(x − mean(x, N), N) = 0  (mean of deviations: Σ(x − Σx/n) = Σx − n · Σx/n = 0.)
    """

    of: str
    rule: str
    left: Side
    right: Side
    condition: str
    proof: str

    def __str__(self) -> str:
        return f"{self.left} = {self.right}  ({self.rule}: {self.proof})"

    @cached_property
    def numpy(self) -> str:
        """Both sides as lines of NumPy that assign ``left`` and ``right``, from what `arguments` holds."""
        sides = (("left", self.left), ("right", self.right))
        return "\n".join(line for name, side in sides for line in assignment(name, side.node, self._names))

    @cached_property
    def arguments(self) -> dict[str, Any]:
        """The recorded values that both sides are made of, by their names in Python."""
        return {name: node.value for node, name in self._names.items()}

    @cached_property
    def _names(self) -> dict[Node, str]:
        nodes = needed([self.left.node, self.right.node])
        return value_names([node for node in nodes if node.is_leaf and node.name is not None], {"left", "right"})

    @property
    def latex(self) -> str:
        """The equation in LaTeX's mathematics mode."""
        return self.write(LATEX)

    def write(self, said: Typeset) -> str:
        """The equation in a language of mathematics."""
        return said.related(self.left.typeset(said), "=", self.right.typeset(said))


def proof(found: Shortest) -> tuple[ProofStep, ...]:
    """The steps of a proof, in the order in which the terms came about.

    Equations that read alike are left out, and so are those in which numbers are compared for equality: whether both
    sides are the same is decided by rounding.
    """
    arrays = Arrays(found.lowered, found.axis_names, found.titles)
    plain = Extraction(found.words, found.names, covering=False)
    made: list[ProofStep] = []
    seen: set[tuple[str, str]] = set()
    for of, rule, left, right in _equations(found, plain):
        if _compares_exactly(left) or _compares_exactly(right):
            continue
        before, after = (Side(node, arrays.dims) for node in arrays.sides(left, right))
        texts = before.text, after.text
        if texts[0] != texts[1] and texts not in seen:
            seen.add(texts)
            made.append(ProofStep(printable(of), rule.name, before, after, rule.condition, rule.proof))
    return tuple(made)


def _equations(found: Shortest, plain: Extraction) -> Iterator[tuple[str, Rule, Expression, Expression]]:
    lowered = found.lowered
    targets = [named.node for named in found.wanted]
    behind = set(needed(targets, lowered.graph.nodes))
    for node in (*lowered.graph.nodes, *lowered.graph.backward):
        if node in behind or node in lowered.graph.users:
            for step in lowered.steps[node]:
                yield _called(found, node), step.rule, _left(step.left, plain), plain(step.right)
    for before, after in found.words.multiplied():
        yield "", MULTIPLIED, plain(before), plain(after)
    for named, title in found.titles.items():
        yield title, NAMES, plain(lowered.terms[named.node]), found.written[named]


def _compares_exactly(e: Expression) -> bool:
    """Whether numbers are compared for equality, which a value that was rounded otherwise need not pass."""
    stack = [e]
    while stack:
        inner = stack.pop()
        if isinstance(inner, Compared) and inner.sign in "=≠":
            return True
        stack += children(inner)
    return False


def _called(found: Shortest, node: Node) -> str:
    """The name of the value, or of the gradient, whose rule took a step."""
    graph = found.lowered.graph
    target = node if node.rule_of is None else node.rule_of[0].operands[node.rule_of[1]]
    name = target.name if isinstance(target, Node) else None
    return "" if name is None else f"d{name}" if node.rule_of is not None and target in graph.users else name


def _left(raw: Raw, plain: Extraction) -> Expression:
    """An application as it stood before a rule."""
    args = [plain(arg) for arg in raw.args]
    axes = tuple(sorted({label for arg in raw.args for label in arg.axes}))
    if raw.op == "prod":
        return Product(ONE, tuple(zip(args, raw.params, strict=True)), axes)
    if raw.op == "lin":
        return Total(tuple(zip(args, raw.params, strict=True)), axes)
    whole = tuple(sorted({*axes, *raw.params}))
    body = args[0] if whole == axes else Repeated(args[0], whole)
    return Reduced("sum", raw.params, body, tuple(label for label in whole if label not in raw.params))
