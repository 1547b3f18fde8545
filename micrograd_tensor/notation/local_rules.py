"""Rules: how the gradient of a value becomes that of an operand, read from the ops that the backward pass recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..graph import Graph, Node
from ..graph.nodes import Edge
from .unicode import ANY, INFIX, MINUS, PREFIX, PRODUCT, Text, cut, expression, formula, infix, printable

APPLIED = {"·": "×", "/": "÷"}
"""How an infix op reads when only its second operand is written: g · b is "× b"."""

SHORT = 20
"""In characters; a rule calls the result of an op without a name by its formula only if that is no longer."""


def rule(
    graph: Graph,
    edge: Edge,
    names: Mapping[Node, str] | None = None,
    *,
    dims: Mapping[str, int] | None = None,
    limit: int = 40,
) -> tuple[str, ...]:
    """How the gradient of a node becomes what one of its operands receives, clause by clause.

    The clauses name the ops that the backward pass recorded between the two, in their order. Where the gradient enters
    an op more than once the rule is one formula in ``g``. The node itself is ``y`` where it has neither a name nor a
    short formula.

    Args:
        graph: a graph captured with its backward pass.
        edge: the node and the index of the operand.
        dims: names for lengths, such as ``{"N": 7}``: a sum over an axis of that length is then "Σ over N".
        names: names for nodes that go before their own.
        limit: the greatest number of characters of a clause.

    Raises:
        KeyError: for an edge that no gradient was carried along.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([[1.0, 2.0], [3.0, 5.0]], name="x", requires_grad=True)
    >>> gamma = mt.tensor([1.0, 2.0], name="gamma", requires_grad=True)
    >>> captured = mt.graph((x * gamma).named("y"), [[1.0, 1.0], [1.0, 1.0]])
    >>> rule(captured, (captured["y"], 0)), rule(captured, (captured["y"], 1))
    (('× gamma',), ('× x', 'Σ over axis 0'))
    """
    g, end = graph.gradients[edge[0]], graph.contributions[edge]
    if end is g:
        return ("× 1",)
    carriers = _carriers(g, end)
    names = dict(names or {})
    if edge[0] not in names and edge[0].name is None and len(formula(edge[0], names)) > SHORT:
        names[edge[0]] = "y"
    if not carriers:
        return (formula(end, names, limit),)
    clauses: list[str] = []
    before = g
    for node in carriers:
        places = [i for i, x in enumerate(node.operands) if x is before]
        others = [x for x in node.operands if isinstance(x, Node) and x is not before and (x in carriers or x is g)]
        if len(places) != 1 or others:
            return (formula(end, {**names, g: "g"}, limit),)
        clauses.extend(_clause(node, places[0], {**names, before: "g"}, dims or {}, limit))
        before = node
    if all(clause.startswith("Σ") for clause in clauses):
        return ("× 1", *clauses)
    return tuple(clauses)


def _carriers(g: Node, end: Node) -> list[Node]:
    """The nodes between a gradient and a contribution that depend on the gradient, in order of rank."""
    found: set[Node] = set()
    seen = {end}
    stack = [end]
    while stack:
        for x in stack.pop().operands:
            if isinstance(x, Node) and x.rank > g.rank and x not in seen:
                seen.add(x)
                stack.append(x)
    for node in sorted(seen, key=lambda n: n.rank):
        if any(x is g or x in found for x in node.operands if isinstance(x, Node)):
            found.add(node)
    return sorted(found, key=lambda n: n.rank)


def _clause(node: Node, place: int, names: Mapping[Node, str], dims: Mapping[str, int], limit: int) -> Iterator[str]:
    """One recorded op, read as something done to the gradient that is its operand at one place."""
    op, g = node.op, node.operands[place]
    assert op is not None  # noqa: S101 -- a carrier has an operand, so an op
    sign = infix(op.notation)
    if op.name == "neg":
        yield f"× {MINUS}1"
    elif op.name == "sum":
        yield f"Σ over {axes_text(g.shape, node.params['axis'], dims)}"
    elif op.name == "broadcast_to":
        if node.shape != g.shape:
            yield f"copy to {shape_text(node.shape, dims)}"
    elif op.notation == "{0}":
        # Axes of length 1 come and go beside a sum or a copy, which already says what happens to them.
        if _without_ones(node.shape) != _without_ones(g.shape):
            yield f"reshape to {shape_text(node.shape, dims)}"
    elif op.name == "where" and place == 1 and _is_zero(node.operands[2]):
        yield f"where {_met(node.operands[0], ANY, names, limit)}"
    elif sign is not None and (place == 0 or sign == "·"):
        needs = PRODUCT if sign in "·+" else PREFIX if sign == "@" else INFIX[sign] + 1
        yield f"{APPLIED.get(sign, sign)} {_met(node.operands[1 - place], needs, names, limit)}"
    elif sign == "@":
        yield f"{_met(node.operands[0], PREFIX, names, limit)} @"
    else:
        yield formula(node, names, limit)


def _met(x: Any, level: int, names: Mapping[Node, str], limit: int) -> str:
    """The operand that a gradient meets, in parentheses where its place asks for them."""
    text = expression(x, names, limit)
    return Text(cut(text.text, limit - 4), text.level).at(level)


def _is_zero(x: Any) -> bool:
    return not isinstance(x, Node) and x == 0


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for n in shape if n != 1)


def axes_text(shape: tuple[int, ...], axis: Any, dims: Mapping[str, int]) -> str:
    """The axes that an array of a shape is reduced over, by the names of their lengths where all have one."""
    if axis is None or not shape:
        return "all elements"
    axes = [int(a) % len(shape) for a in (axis if isinstance(axis, tuple) else (axis,))]
    lengths = _by_length(dims)
    if all(shape[a] in lengths for a in axes):
        return ", ".join(lengths[shape[a]] for a in axes)
    return f"{'axis' if len(axes) == 1 else 'axes'} {', '.join(map(str, axes))}"


def shape_text(shape: tuple[int, ...], dims: Mapping[str, int]) -> str:
    """A shape, with the names of its lengths.

    >>> shape_text((7, 4), {"N": 7})
    '(N, 4)'
    """
    lengths = _by_length(dims)
    inner = ", ".join(lengths.get(n, str(n)) for n in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def _by_length(dims: Mapping[str, int]) -> dict[int, str]:
    """The names by length; of two with one length, the first."""
    found: dict[int, str] = {}
    for name, length in dims.items():
        found.setdefault(length, printable(name))
    return found
