"""Rewrites: functions from a graph to a graph."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

from ..engine.errors import GradientError
from ..engine.row import Identity, Reshape
from ..engine.table.shapes import expand_dims
from .nodes import Graph, Node

__all__ = ["backward_graph", "without_copies"]


def backward_graph(graph: Graph) -> Graph:
    """The recorded backward pass as a graph of its own.

    Its leaves are the upstreams, which alone require gradients, the forward values that the rules use, and constants
    that the rules make. Its outputs are the gradients of the forward leaves by rank, and any other that nothing is
    computed from. The nodes keep their ranks, names and values, and ``rule_of`` still names the forward edge whose rule
    made each.

    Raises:
        GradientError: for a graph that was captured without its backward pass.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> print(backward_graph(mt.graph(mt.sin(x).named("y"), [1.0, 1.0])))
    0  x   leaf         (2,)
    2  dy  leaf         (2,)
    3      cos 0        (2,)  rule of 1 for operand 1
    4  dx  mul 2, 3     (2,)  rule of 1 for operand 1
    """
    if not graph.gradients:
        raise GradientError("backward_graph: this graph has no backward pass; give mt.graph(...) an upstream")
    made: dict[Node, Node] = {}

    def kept(x: Any) -> Any:
        """An operand in the new graph, where values of the forward pass are leaves."""
        if isinstance(x, Node) and x not in made:
            made[x] = replace(x, op=None, operands=(), params=MappingProxyType({}), requires_grad=False)
        return made[x] if isinstance(x, Node) else x

    for node in graph.backward:
        made[node] = replace(node, operands=tuple(map(kept, node.operands)))
    used = {x for node in graph.backward for x in node.inputs}
    leaves = [graph.gradients[node] for node in graph.nodes if node.is_leaf and node in graph.gradients]
    unused = [node for node in graph.backward if node not in used and node not in leaves]
    outputs = tuple(map(kept, [*leaves, *unused]))
    return Graph(tuple(sorted(made.values(), key=lambda node: node.rank)), outputs)


def without_copies(graph: Graph) -> Graph:
    """A graph without the nodes of a backward pass that hand on their operand as it is; see `joint`.

    >>> from micrograd_tensor.graph import cut, joint
    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> whole = joint(mt.graph((mt.exp(x) + 3.0).named("y"), [1.0, 1.0]))
    >>> print(without_copies(cut(whole, whole.outputs[1:])))
    0  x   leaf         (2,)
    1      exp 0        (2,)
    3  dy  leaf         (2,)
    5  dx  mul 3, 1     (2,)  rule of 1 for operand 1
    """
    made: dict[Node, Node] = {}
    kept: list[Node] = []
    for node in graph.nodes:
        operands = tuple(made[x] if isinstance(x, Node) else x for x in node.operands)
        if node.rule_of and isinstance(node.reading, Identity) and operands[0].dtype == node.dtype:
            made[node] = operands[0]
        else:
            made[node] = replace(node, operands=operands)
            kept.append(made[node])
    return Graph(tuple(kept), tuple(made[node] for node in graph.outputs))


def any_shape(graph: Graph) -> Graph:
    """A graph whose reshapes that only put in axes of length 1 do that for arrays of any shape.

    A rule records ``reshape(g, (4, 1))`` where a derivation by hand says ``keepdims=True``, and that also works on an
    array whose axes are in another order.
    """
    made: dict[Node, Node] = {}
    for node in graph.nodes:
        operands = tuple(made[x] if isinstance(x, Node) else x for x in node.operands)
        made[node] = replace(node, operands=operands)
        axes = _put_in(node.operands[0].shape, node.shape) if isinstance(node.reading, Reshape) else ()
        if axes:
            made[node] = replace(made[node], op=expand_dims.op, params=MappingProxyType({"axis": axes}))
    return Graph(tuple(made.values()), tuple(made[node] for node in graph.outputs))


def _put_in(before: tuple[int, ...], after: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of length 1 that were put in, if that is all that a reshape did; else none."""
    axes, i = [], 0
    for axis, length in enumerate(after):
        if i < len(before) and before[i] == length:
            i += 1
        elif length == 1:
            axes.append(axis)
        else:
            return ()
    return tuple(axes) if i == len(before) else ()
