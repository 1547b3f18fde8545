"""NumPy source: the lines that compute what was recorded, printed from the recorded ops.

Nothing here knows a derivative: a backward line is the source of the ops that the rule recorded, so it computes what
they computed, bit for bit.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ..engine.row import Reduction
from ..graph import Graph, Node
from ..graph.axes import Dims
from .expression import AND, ANY, ATOM, COMPARISON, OR, POWER, PREFIX, PRODUCT, SUM, Dialect, Piece, divisor
from .literals import array, literal
from .names import Identifiers, identifiers, value_names
from .readings import as_taught, order_of
from .templates import Part, filled, index_text
from .unicode import shape_text

__all__ = ["assignment", "backward_lines", "backward_lines_by_operand", "forward_line", "saved_values"]
__all__ += ["starting_lines"]


class _NumPy(Dialect):
    """Python expressions of NumPy, evaluated in the order in which the ops were recorded."""

    signs = dict.fromkeys("+-", SUM) | dict.fromkeys("*/@", PRODUCT) | {"&": AND, "|": OR}
    signs |= dict.fromkeys((">", ">=", "<", "<=", "==", "!="), COMPARISON)
    exact = True

    def name(self, name: str) -> Piece:
        return Piece(name, ATOM, len(name))

    def number(self, value: Any) -> Piece:
        text, level = _CONSTANTS.get(value, ("", ATOM)) if isinstance(value, float) else ("", ATOM)
        text = text or literal(value)
        return Piece(text, PREFIX if text.startswith("-") else level, len(text))

    def leaf(self, node: Node, _whole: bool = True) -> Piece:
        return self.name(array(node.value))

    def applied(self, node: Node, operands: Sequence[Piece], dims: Dims) -> Piece:
        parts = filled(node, node.made_by.source)
        order = order_of(node)
        if order is not None and [*order] == [*range(len(order))[::-1]]:
            parts = [parts[0], ".T"]
        made = "".join(self._put(node, parts, k, operands, dims) for k in range(len(parts)))
        return Piece(made, self.levels(parts)[0], len(made))

    def _put(self, node: Node, parts: Sequence[Part], k: int, operands: Sequence[Piece], dims: Dims) -> str:
        part = parts[k]
        if isinstance(part, str):
            return part
        if part.name == "*":
            return ", ".join(x.text for x in operands)
        if part.name.isdigit():
            return self.placed(operands, int(part.name), self.levels(parts))
        if part.name == "y":
            return f'"{node.dtype}"' if part.kind else "{y}"
        value = node.params[part.name]
        if part.kind == "index":
            return ", ".join(index_text(value, [x.text for x in operands[1:]], literal)) or "()"
        if part.kind == "places":
            ndim = len(node.shape)
            labels = dims.get(node, (None,) * ndim)
            each = [_along(i, label or n, ndim) for i, (n, label) in enumerate(zip(node.shape, labels, strict=True))]
            each[value % ndim] = operands[1].text
            return f"({', '.join(each)}{',' * (ndim == 1)})"
        alone = (
            isinstance(value, tuple)
            and parts[k + 1 :] == [")"]
            and str(parts[k - 1]).startswith(".")
            and "=" not in parts[k - 1]
        )
        text = literal(value)
        if node in dims and value == node.shape and f"{{{part.name}:shape}}" in node.made_by.notation:
            text = shape_text(node, dims)
        if alone and value:  # a method takes lengths and axes one by one
            return text[1:-1].removesuffix(",")
        single = isinstance(node.op and node.op.reading, Reduction) and isinstance(value, tuple) and len(value) == 1
        return literal(value[0]) if single else text


NUMPY = _NumPy()

_CONSTANTS = {
    math.pi: ("np.pi", ATOM),
    2 * math.pi: ("2 * np.pi", PRODUCT),
    math.sqrt(2): ("2 ** 0.5", POWER),
    math.sqrt(0.5): ("0.5 ** 0.5", POWER),
    math.sqrt(math.pi): ("np.pi ** 0.5", POWER),
    2 / math.sqrt(math.pi): ("2 / np.pi ** 0.5", PRODUCT),
    math.sqrt(2 * math.pi): ("(2 * np.pi) ** 0.5", POWER),
    math.sqrt(2 / math.pi): ("(2 / np.pi) ** 0.5", POWER),
}
"""Numbers that have names, as Python computes them to the last bit; as Python floats, since a float64 of ``np.sqrt``
would make float32 arrays float64 too."""


def forward_line(node: Node, names: Mapping[Node, str] | None = None) -> str:
    """The line that computes a node from its operands; of ops that add into places, several.

    Args:
        node: a node that an op made, of the forward pass.
        names: names of the node and its operands, which `identifiers` gives for a whole graph; by default made for the
            node and what it was computed from.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([[3.0, 4.0]], name="x", requires_grad=True)
    >>> captured = mt.graph((x - x.mean(axis=0)).named("dev_from_mean"))
    >>> [forward_line(node) for node in captured.nodes[1:]]
    ['y1 = x.mean(axis=0)', 'dev_from_mean = x - y1']
    """
    names = value_names(_behind(node, {})) if names is None else names
    return "\n".join(assignment(names[node], node, {x: names[x] for x in node.inputs}))


def starting_lines(graph: Graph, names: Identifiers | None = None) -> tuple[str, ...]:
    """What stands before the backward lines: the gradients that several contributions are added to, at their start.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> starting_lines(mt.graph((x * x).named("y"), [1.0, 1.0]))
    ('dx = 0',)
    """
    names = identifiers(graph) if names is None else names
    lines = []
    for node, name in names.gradients.items():
        if node in graph.upstreams and names.upstreams[node] != name:
            lines.append(f"{name} = {names.upstreams[node]}.copy()")
        elif node not in graph.upstreams and len(graph.contributions_to(node)) > 1:
            lines.append(f"{name} = 0")
    return tuple(lines)


def backward_lines(graph: Graph, node: Node, names: Identifiers | None = None) -> tuple[str, ...]:
    """The lines by which a node passes its gradient back to its operands, as its rules recorded it.

    Where an operand is used several times, each contribution is added to those before it by ``+=``; `starting_lines`
    has what they start from.

    Args:
        graph: captured with its backward pass.
        node: a forward node; one that no gradient passes has no lines.
        names: from `identifiers`, which is used by default.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([[3.0, 4.0]], name="x", requires_grad=True)
    >>> gamma = mt.tensor([1.0, 2.0], name="gamma", requires_grad=True)
    >>> captured = mt.graph((x * gamma).named("out"), [[1.0, 1.0]])
    >>> backward_lines(captured, captured["out"])
    ('dx = dout * gamma', 'dgamma = (dout * x).sum(axis=0)')
    """
    return tuple(line for lines in backward_lines_by_operand(graph, node, names).values() for line in lines)


def backward_lines_by_operand(graph: Graph, node: Node, names: Identifiers | None = None) -> dict[int, tuple[str, ...]]:
    """`backward_lines`, by the index of the operand that they are for."""
    names = identifiers(graph) if names is None else names
    made: dict[int, tuple[str, ...]] = {}
    if node not in graph.gradients:
        return made
    known = {**names.values, graph.gradients[node]: names.gradients[node]}
    for i, x in enumerate(node.operands):
        end = graph.contributions.get((node, i))
        if end is not None:
            alone = len(graph.contributions_to(x)) == 1 and x not in graph.upstreams
            made[i] = tuple(assignment(names.gradients[x], end, known, "=" if alone else "+="))
    return made


def saved_values(graph: Graph, node: Node) -> tuple[Node, ...]:
    """The values that the rules of a node need from the forward pass, by rank.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor(3.0, name="x", requires_grad=True)
    >>> captured = mt.graph(mt.exp(mt.square(x)).named("y"), 1.0)
    >>> [[value.rank for value in saved_values(captured, node)] for node in captured.nodes]
    [[], [0], [2]]
    """
    ends = [graph.contributions[node, i] for i in range(len(node.operands)) if (node, i) in graph.contributions]
    known = dict.fromkeys(graph.nodes, "") | {graph.gradients[node]: ""} if ends else {}
    needed = {x for end in ends for x in _behind(end, known) if x in graph.users}
    return tuple(sorted(needed, key=lambda x: x.rank))


def assignment(
    target: str,
    end: Node,
    names: Mapping[Node, str],
    sign: str = "=",
    *,
    taught: bool = False,
    dims: Dims | None = None,
    suffix: str = "",
) -> list[str]:
    """The line ``target = …`` for a node, and before it one for each part of the expression that it needs twice.

    Args:
        target: the name on the left.
        end: the node; its own name is used only where it is one of the names.
        names: Python names for nodes, which the expression goes down to.
        sign: ``=`` or ``+=``, or ``= … +`` to add to a name without writing into its array.
        taught: write rules as a teacher would, which rounds differently from what was recorded.
        dims: labels of axes, from `axis_names`, that are names in the program, too: they stand for lengths.
        suffix: what is done to the value first, such as ``.named("y")``.

    >>> import micrograd_tensor as mt
    >>> a, b = mt.tensor([1.0, 2.0], name="a", requires_grad=True), mt.tensor([3.0, 5.0], name="b")
    >>> captured = mt.graph(((a - b) * 0.1).named("y"))
    >>> assignment("out", captured["y"], {captured["a"]: "a", captured["b"]: "b"})
    ['out = (a - b) * 0.1']
    """
    read = _behind(end, names, taught)
    uses = Counter(x for node, this in read.items() if this not in names for x in this.inputs)
    taken, lines, count = {*names.values(), target}, list[str](), 0
    made: dict[Node, Piece] = {}
    for node, this in read.items():
        if this in names or this.op is None:
            made[node] = NUMPY.name(names[this]) if this in names else NUMPY.leaf(this)
            continue
        several = "\n" in this.op.source
        operands = [made[x] if isinstance(x, Node) else NUMPY.number(x) for x in this.operands]
        if lengths := divisor(this, dims or {}):
            operands[1] = Piece(lengths.replace("·", "*"), PRODUCT if "·" in lengths else ATOM, len(lengths))
        made[node] = NUMPY.applied(this, operands, dims or {})
        if several or uses[node] > 1:
            count = next(k for k in range(count + 1, count + len(taken) + 2) if f"term{k}" not in taken)
            name = target if node is end and sign == "=" and not suffix else f"term{count}"
            text = made[node].text if several else f"{{y}} = {made[node].text}"
            lines.extend(text.replace("{y}", name).split("\n"))
            made[node] = NUMPY.name(name)
    if made[end].text != target or sign != "=" or suffix:
        level = ATOM if suffix else PRODUCT if sign[-1] == "+" else ANY
        lines.append(f"{target} {sign} {NUMPY.at(made[end], level)}{suffix}")
    return lines


def _behind(end: Node, names: Mapping[Node, str], taught: bool = False) -> dict[Node, Node]:
    """A node and what it was computed from, down to what has a name, by rank; each with the form it is written in."""
    read: dict[Node, Node] = {}
    stack = [end]
    while stack:
        node = stack.pop()
        if node not in read:
            read[node] = this = as_taught(node, names) if taught and node not in names else node
            if this not in names:
                stack.extend(this.inputs)
    return {node: read[node] for node in sorted([*reversed(read)], key=lambda node: node.rank)}


def _along(axis: int, length: int | str, ndim: int) -> str:
    """All places along an axis, shaped so that they broadcast against those along the others."""
    return f"np.arange({length}).reshape({', '.join('-1' if k == axis else '1' for k in range(ndim))})"
