"""Steps: what there is in each step of a derivation, forward and back, in the numbers and names of the circuit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..graph import Graph, Node
from ..graph.axes import Dims
from ..graph.nodes import Edge
from ..graph.stages import stages
from ..notation import broadcasts, rule, shape_text
from ..notation.printable import WHOLE
from .sentences import pattern

__all__ = ["Share", "Step"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Share:
    """What one use of a value contributes to its gradient.

    Attributes:
        edge: the use: by which gate, as which operand.
        operand: the value, the gradient of which this is a share of.
        gradient: the share, the downstream gradient of the edge.
        rule: how it is made from the step's upstream gradient, in clauses: ``("× x_norm", "Σ over N")``.
        place: which of the gradients that are added up it is, in the order of addition, from 1.
        count: how many these are; 1 where nothing is added. An upstream gradient that was given counts, too.
        summed: the axes along which the gate copies the operand, so that its gradient is summed over them, or "all
            elements" of a single number; or "".
    """

    edge: Edge
    operand: Node
    gradient: Node
    rule: tuple[str, ...]
    place: int
    count: int
    summed: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Step:
    """A step of a derivation.

    Attributes:
        number: from 1 in the order of computation, the same forward and backward; 0 where the gradients of a leaf that
            is used several times are added up.
        node: the value that is computed forward, and whose gradient is the upstream gradient backward.
        forward: whether it is a step of the forward pass.
        name: what the value is called; no two are called alike.
        gates: the gates, in the order of computation, the last of which makes the value; none in step 0.
        shape: the shape of the value, and so of its gradient, by the names of axes.
        upstream: the whole gradient of the value; None in the forward pass.
        shares: what is handed back to the operands, in the order of the source; in step 0 what is added up.
        kept: the forward values that the shares are made from, by rank.
        sentence: the pattern by which the gradient goes back; empty in the forward pass.
    """

    number: int
    node: Node
    forward: bool
    name: str
    gates: tuple[Node, ...]
    shape: str
    upstream: Node | None = None
    shares: tuple[Share, ...] = ()
    kept: tuple[Node, ...] = ()
    sentence: str = ""


def steps(graph: Graph, symbols: Mapping[Node, str], dims: Dims) -> Iterator[Step]:
    """The steps of a graph that was captured with its backward pass: forward 1…n, backward n…1, then 0."""
    numbered = list(enumerate(stages(graph), 1))
    share = _Shares(graph, symbols, dims).of
    for number, gates in numbered:
        node = gates[-1]
        yield Step(
            number=number,
            node=node,
            forward=True,
            name=symbols[node],
            gates=gates,
            shape=shape_text(node, dims),
        )
    for number, gates in reversed(numbered):
        node = gates[-1]
        if node not in graph.gradients:
            continue
        edges = [(gate, i) for gate in reversed(gates) for i, x in enumerate(gate.operands) if x not in gates]
        shares = tuple(share(edge, node) for edge in edges if edge in graph.contributions)
        yield Step(
            number=number,
            node=node,
            forward=False,
            name=symbols[node],
            gates=gates,
            shape=shape_text(node, dims),
            upstream=graph.gradients[node],
            shares=shares,
            kept=_kept(graph, gates, shares),
            sentence=pattern(node, dims),
        )
    for node in graph.nodes:
        arriving = graph.contributions_to(node)
        if node.is_leaf and len(arriving) + (node in graph.upstreams) > 1:
            yield Step(
                number=0,
                node=node,
                forward=False,
                name=symbols[node],
                gates=(),
                shape=shape_text(node, dims),
                upstream=graph.gradients[node],
                shares=tuple(share(edge, None) for edge, _ in arriving),
                sentence="Gradients that arrive at one value by several ways are added.",
            )


def _kept(graph: Graph, gates: tuple[Node, ...], shares: tuple[Share, ...]) -> tuple[Node, ...]:
    """The forward values that shares are made from, but for those within the step."""
    upstream, inner = graph.gradients[gates[-1]], gates[:-1]
    found, seen, stack = set[Node](), set[Node](), [share.gradient for share in shares]
    while stack:
        node = stack.pop()
        if node is upstream or node in seen:
            continue
        seen.add(node)
        if node in graph.users and node not in inner:
            found.add(node)
        else:
            stack.extend(node.inputs)
    return tuple(sorted(found, key=lambda x: x.rank))


class _Shares:
    def __init__(self, graph: Graph, symbols: Mapping[Node, str], dims: Dims) -> None:
        self._graph, self._symbols, self._dims = graph, symbols, dims
        self._places: dict[Edge, tuple[int, int]] = {}
        for node in graph.gradients:
            arriving, given = graph.contributions_to(node), int(node in graph.upstreams)
            self._places |= {e: (k, len(arriving) + given) for k, (e, _) in enumerate(arriving, 1 + given)}

    def of(self, edge: Edge, since: Node | None) -> Share:
        """The share of an edge, its rule from the gradient of a later node of the step on."""
        place, count = self._places[edge]
        return Share(
            edge=edge,
            operand=edge[0].operands[edge[1]],
            gradient=self._graph.contributions[edge],
            rule=rule(self._graph, edge, self._symbols, dims=self._dims, limit=WHOLE, since=since),
            place=place,
            count=count,
            summed=copied_along(*edge, self._dims),
        )


def copied_along(gate: Node, i: int, dims: Dims) -> str:
    """The axes along which a gate copies an operand, or that it copies a single number to all elements; or ""."""
    x, op = gate.operands[i], gate.made_by
    if isinstance(x, Node) and not x.shape and gate.shape and len(gate.operands) > 1 and not (op.contracts or op.moves):
        return "all elements"
    return broadcasts(gate, dims).get(i, "")
