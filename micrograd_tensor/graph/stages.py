"""Stages: the gates of a graph in the groups in which people derive them."""

from __future__ import annotations

from .nodes import Graph, Node


def stages(graph: Graph) -> list[tuple[Node, ...]]:
    """The gates of every stage, in the order of computation; the last of them is the stage's value.

    An unnamed op that only joins a constant to a value, such as ``var + eps``, belongs to the stage of the named op
    that is computed next, from its result.

    >>> import micrograd_tensor as mt
    >>> var = mt.tensor([1.0, 2.0], name="var", requires_grad=True)
    >>> captured = mt.graph(mt.sin(mt.sqrt(var + 1e-5).named("stddev")))
    >>> [[node.made_by.name for node in gates] for gates in stages(captured)]
    [['add', 'sqrt'], ['sin']]
    """
    found: list[tuple[Node, ...]] = []
    for node in reversed([node for node in graph.nodes if node.op]):
        after = found[-1] if found else ()
        if after and after[-1].name is not None and _joins(graph, node, after[0]):
            found[-1] = (node, *after)
        else:
            found.append((node,))
    return found[::-1]


def _joins(graph: Graph, node: Node, user: Node) -> bool:
    """Whether an unnamed op joins a constant to a value for one op alone."""
    if node.name is not None or node in graph.outputs or len(node.operands) != 2:
        return False
    values = [x for x in node.inputs if x.op or x.requires_grad]
    return len(values) == 1 and [edge[0] for edge in graph.users[node]] == [user]
