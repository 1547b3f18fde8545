"""Local rules: how the gradient of a value becomes that of an operand, read from the recorded backward pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..engine.row import Choice, Contraction, Copy, Identity, Linear, Product, Reduction, Reshape
from ..graph import Graph, Node
from ..graph.axes import Dims
from ..graph.nodes import Edge
from .expression import ANY, MATRIX, PREFIX, PRODUCT, divisor, is_inner, operand
from .names import SHORT, free
from .numbers import MINUS, number
from .printable import shorten
from .readings import as_taught, opposite
from .templates import axes_of, index_text
from .unicode import UNICODE, axes_text, expression, formula, over_text, shape_text
from .words import alike, in_words

__all__ = ["broadcasts", "rule"]


def rule(
    graph: Graph,
    edge: Edge,
    names: Mapping[Node, str] | None = None,
    *,
    dims: Dims | None = None,
    limit: int = 40,
    since: Node | None = None,
) -> tuple[str, ...]:
    """How the gradient of a node becomes what one of its operands receives, clause by clause.

    The clauses name the ops that the backward pass recorded between the two, in their order, or what these amount to:
    "to the largest". Where the gradient enters an op more than once the rule is one formula in ``g``. The node itself
    is ``y`` where it has neither a name nor a short formula.

    Args:
        graph: a graph captured with its backward pass.
        edge: the node and the index of the operand.
        names: names for nodes that go before their own.
        dims: the labels of axes, from `axis_names`: a sum over a labelled axis is then "Σ over N".
        limit: the maximum number of characters of a clause.
        since: a later node that all of the gradient comes through, to start from its gradient.

    Raises:
        KeyError: for an edge that no gradient was carried along.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([[1.0, 2.0], [3.0, 5.0]], name="x", requires_grad=True)
    >>> gamma = mt.tensor([1.0, 2.0], name="gamma", requires_grad=True)
    >>> captured = mt.graph((x * gamma).named("y"), [[1.0, 1.0], [1.0, 1.0]])
    >>> rule(captured, (captured["y"], 0)), rule(captured, (captured["y"], 1))
    (('× gamma',), ('× x', 'Σ over axis 0'))
    """
    node = edge[0] if since is None else since
    g, end = graph.gradients[node], graph.contributions[edge]
    if end is g:
        return ("× 1",)
    called, known = free("g", graph.named), names or {}
    named = node in known or node.name is not None
    plain = _Clauses(g, end, called, known, dims or {}, limit)
    if named or not plain.reads(node) or len(formula(node, known, dims=dims, limit=SHORT + 1)) <= SHORT:
        clauses = plain.of(edge, node)
        if named or not any("…" in clause for clause in clauses):
            return tuple(clauses)
    named_y = {**known, node: free("y", graph.named)}
    return tuple(_Clauses(g, end, called, named_y, dims or {}, limit).of(edge, node))


class _Clauses:
    """Says what is done to one gradient until it is a contribution.

    Attributes:
        g, end: the gradient, and the contribution.
        called: what the gradient is called.
        names: those of nodes, the gradient among them.
        dims, limit: as `rule` takes them.
        read: the nodes between the two, by rank, each with the form it is read in.
    """

    def __init__(self, g: Node, end: Node, called: str, names: Mapping[Node, str], dims: Dims, limit: int) -> None:
        self.g, self.end, self.called, self.dims, self.limit = g, end, called, dims, limit
        self.names = {**names, g: called}
        read, stack = dict[Node, Node](), [end]
        while stack:
            node = stack.pop()
            if node.rank > g.rank and node not in read:
                read[node] = as_taught(node, self.names)
                stack.extend(read[node].inputs)
        self.read = {node: read[node] for node in sorted([*reversed(read)], key=lambda node: node.rank)}

    def reads(self, node: Node) -> bool:
        """Whether what is done to the gradient depends on a node's value itself."""
        return any(x is node for read in self.read.values() for x in read.operands)

    def of(self, edge: Edge, since: Node) -> list[str]:
        """The clauses from the gradient, which is that of a node, to the contribution."""
        end, carriers, clauses, before = self.end, self._carriers(), list[str](), self.g
        if not carriers:
            zero = isinstance(end.value, np.ndarray) and not end.value.any()
            return ["× 0"] if zero else [self._formula(end, self.g)]
        said, value = in_words(*edge, self.g, self.dims) if since is edge[0] else ("", None)
        reached = next((k for k, (node, _) in enumerate(carriers) if said and alike(node.value, value)), None)
        if reached is not None:
            clauses, before, carriers = [said], carriers[reached][0], carriers[reached + 1 :]
        for k, (node, read) in enumerate(carriers):
            places = [i for i, x in enumerate(read.operands) if x is before]
            if len(places) != 1 or any(x is self.g or x in dict(carriers) for x in read.operands if x is not before):
                return [self._formula(end, self.g)]
            clauses.extend(self._clause(read, places[0], before, [after for _, after in carriers[k + 1 :]]))
            before = node
        clauses = clauses or ["× 1"]
        casts = [clause for clause in clauses if clause.startswith("as ")]
        clauses = [clause for clause in clauses if clause not in casts] or casts
        return ["× 1", *clauses] if all(clause.startswith("Σ") for clause in clauses) else clauses

    def _carriers(self) -> list[tuple[Node, Node]]:
        """The nodes between the two that depend on the gradient, each with the form it is read in."""
        found: dict[Node, Node] = {}
        for node, read in self.read.items():
            if any(x is self.g or x in found for x in read.inputs):
                found[node] = read
        return list(found.items())

    def _formula(self, node: Node, g: Node) -> str:
        names = self.names if g is self.g else {**self.names, g: self.called}
        return formula(node, names, dims=self.dims, limit=self.limit)

    def _met(self, x: Any, level: int, whole: bool = False) -> str:
        """The operand that a gradient meets, in parentheses where its place asks for them."""
        inner = is_inner(x, self.names)
        piece = expression(x, self.names, self.dims, self.limit) if inner else operand(UNICODE, x, self.names, whole)
        return UNICODE.at(piece._replace(text=shorten(piece.text, self.limit - 4)), level)

    def _clause(self, node: Node, place: int, g: Node, later: Sequence[Node]) -> Iterator[str]:
        """One recorded op, read as something done to the gradient that is its operand at one place."""
        op, operands = node.made_by, node.operands
        sign = op.notation[4:-4] if op.notation.startswith("{0} ") and op.notation.endswith(" {1}") else ""
        label = divisor(node, self.dims)
        match op.reading:
            case Linear((-1,)):
                yield f"× {MINUS}1"
            case Reduction("sum"):
                yield f"Σ over {over_text(*axes_of(node, node.params['axis']), self.dims)}"
            case Copy():
                yield from self._copied(node, g)
            case Reshape():
                if [n for n in node.shape if n != 1] != [n for n in g.shape if n != 1]:
                    yield f"reshape to {shape_text(node, self.dims)}"
                elif not _goes_unsaid(g, later):
                    yield self._formula(node, g)
            case Identity() if node.dtype != g.dtype:
                yield f"as {node.dtype}"
            case Choice() if place == 1 and _is_zero(operands[2]):
                yield f"where {self._met(operands[0], ANY)}"
            case Choice() if place == 2 and _is_zero(operands[1]):
                met = opposite(operands[0]) if is_inner(operands[0], self.names) else None
                yield f"where {self._met(met, ANY)}" if met else f"where not {self._met(operands[0], PREFIX)}"
            case Product((1, 1)) if _is_outer(node):
                yield f"⊗ {self._met(operands[1 - place], PREFIX)}"
            case Product((1, 1)):
                yield f"× {self._met(operands[1 - place], PRODUCT)}"
            case Product((1, -1)) if place == 0:
                yield f"÷ {UNICODE.at(UNICODE.name(label), PREFIX) if label else self._met(operands[1], PREFIX)}"
            case _ if "{index:index}" in op.notation and place == 0:
                arrays = [self._met(x, ANY, True) for x in operands[1:]]
                places = ", ".join(index_text(node.params["index"], arrays, number))
                yield f"{'to' if op.scatters else 'from'} [{places}]"
            case _ if "{1}, {axis:axis}" in op.notation and place == 0:
                along = axes_text(*axes_of(node, node.params["axis"]), self.dims)
                yield f"{'to' if op.scatters else 'from'} {self._met(operands[1], ANY, True)} along {along}"
            case _ if UNICODE.signs.get(sign) == MATRIX:
                other = self._met(operands[1 - place], PREFIX)
                yield f"{other} {sign}" if place else f"{sign} {other}"
            case _:
                yield self._formula(node, g)

    def _copied(self, node: Node, g: Node) -> Iterator[str]:
        """A copy; along which axes, unless all are new or all have labels."""
        lead = len(node.shape) - len(g.shape)
        along = [i for i, n in enumerate(node.shape) if n != 1 and (i < lead or g.shape[i - lead] == 1)]
        labels = self.dims.get(node, ())
        labelled = None not in labels and len(set(labels)) == len(node.shape)
        if along and (labelled or len(along) == sum(n != 1 for n in node.shape)):
            yield f"copy to {shape_text(node, self.dims)}"
        elif along:
            yield f"copy to {shape_text(node, self.dims)} along {axes_text(node, along, self.dims)}"


def broadcasts(node: Node, dims: Dims | None = None) -> dict[int, str]:
    """The axes along which an elementwise op copies each of its operands, whose gradients are summed over these.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([[1.0], [2.0]], requires_grad=True)
    >>> broadcasts(mt.graph(x - mt.tensor([1.0, 2.0, 3.0])).outputs[0])
    {0: 'axis 1', 1: 'axis 0'}
    """
    found: dict[int, str] = {}
    if node.op is None or node.op.contracts or node.op.moves or len(node.operands) < 2:
        return found
    for i, x in enumerate(node.operands):
        if isinstance(x, Node) and x.shape and x.shape != node.shape:
            lead = len(node.shape) - len(x.shape)
            along = [k for k, n in enumerate(node.shape) if k < lead or x.shape[k - lead] != n]
            found[i] = axes_text(node, along, dims)
    return found


def _goes_unsaid(g: Node, later: Sequence[Node]) -> bool:
    """Whether axes of length 1 may come or go unmentioned: at the end, and before what implies them."""
    after = next((node for node in later if node.op and not isinstance(node.op.reading, Reshape)), None)
    if after is None or after.op is None or isinstance(after.op.reading, Copy) or _is_outer(after):
        return True
    return after.op.reading == Reduction("sum") or (isinstance(after.op.reading, Contraction) and len(g.shape) == 1)


def _is_outer(node: Node) -> bool:
    """Whether a product multiplies each element of one operand, which has an axis of length 1 for it, by a vector."""
    for column, vector in (node.operands, node.operands[::-1]) if len(node.operands) == 2 else ():
        made = column.operands[0] if isinstance(column, Node) and column.op and column.rule_of else None
        if isinstance(made, Node) and column.shape == (*made.shape, 1) and isinstance(vector, Node):
            return len(vector.shape) == 1 and node.op is not None and node.op.reading == Product((1, 1))
    return False


def _is_zero(x: Any) -> bool:
    return not isinstance(x, Node) and x == 0
