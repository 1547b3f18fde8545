"""NumPy source: the lines that compute what was recorded, printed from the recorded ops.

Nothing here knows a derivative: a backward line is the spelling of the ops that the rule recorded, so it computes what
they computed, bit for bit. Ops that NumPy has are spelled ``np.…`` or by its operators, the others ``mt.…``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from ..graph import Graph, Node
from .identifiers import Identifiers, identifiers, value_names
from .spelling import ATOM, PLACED, Code, array, number, placed, spelled


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
    return "\n".join(_assigned(names[node], "=", node, {x: names[x] for x in node.operands if isinstance(x, Node)}))


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
            made[i] = tuple(_assigned(names.gradients[x], "=" if alone else "+=", end, known))
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


def _assigned(target: str, sign: str, end: Node, names: Mapping[Node, str]) -> list[str]:
    """The line ``target = …`` for a node, and before it one for each part of the expression that it needs twice."""
    nodes = _behind(end, names)
    uses = Counter(x for node in nodes if node not in names for x in node.operands if isinstance(x, Node))
    lines: list[str] = []
    made: dict[Node, Code] = {}
    parts = 0
    for node in nodes:
        if node in names:
            made[node] = Code(names[node], ATOM)
            continue
        if node.op is None:
            made[node] = array(node.value)
            continue
        operands = [made[x] if isinstance(x, Node) else number(x) for x in node.operands]
        adds = node.op.name in PLACED
        if not adds:
            made[node] = spelled(node, operands)
        if adds or uses[node] > 1:
            parts += 1
            name = target if node is end and sign == "=" else f"term{parts}"
            lines.extend(placed(name, node, operands) if adds else [f"{name} = {made[node].text}"])
            made[node] = Code(name, ATOM)
    if made[end].text != target or sign != "=":
        lines.append(f"{target} {sign} {made[end].text}")
    return lines


def _behind(end: Node, names: Mapping[Node, str]) -> list[Node]:
    """A node and what it was computed from, down to what has a name, by rank."""
    found = {end}
    stack = [end]
    while stack:
        this = stack.pop()
        if this not in names:
            new = [x for x in this.operands if isinstance(x, Node) and x not in found]
            found.update(new)
            stack.extend(new)
    return sorted(found, key=lambda node: node.rank)
