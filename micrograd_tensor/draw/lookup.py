"""Lookup: the node of a graph by its name, its gate's number, or as a Tensor."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any

from ..engine.errors import describe
from ..engine.tensor import Tensor
from ..graph import Graph, Node
from ..graph.nodes import nearest
from ..notation import Called
from .errors import DrawError


def lookup(graph: Graph, wanted: Any, called: Called | None = None) -> Node:
    """The requested forward node.

    Args:
        graph: the graph to search.
        wanted: the number of a gate; a value's name, or ``scope/name`` where several share a name; a Tensor or a Node.
        called: what the values are called, if that is already known.

    Raises:
        DrawError: for an unknown name or number, with the nearest names, and for anything else.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> y = (x * x).named("y")
    >>> captured = mt.graph(y)
    >>> [lookup(captured, wanted).rank for wanted in ("x", "y", 1, y, captured.nodes[0])]
    [0, 1, 1, 1, 0]
    """
    called = called or Called(graph)
    if isinstance(wanted, Node):
        if wanted in graph.users:
            return wanted
        raise DrawError(f"draw: {wanted!r} is a node of another graph, or of the backward pass")
    if isinstance(wanted, Tensor):
        return _of_tensor(graph, wanted)
    if isinstance(wanted, str):
        names = value_names(graph, called)
        if wanted not in names:
            likely = [name for name in names if not name.startswith("/")]  # without scopes the path is the name
            raise DrawError(f"draw: at={wanted!r} names no value of this graph{nearest(wanted, likely)}")
        return names[wanted]
    gates = {number: node for node, number in called.numbers.items()}
    if isinstance(wanted, Integral) and not isinstance(wanted, bool):
        if wanted not in gates:
            raise DrawError(f"draw: there is no gate {wanted}; {_range(len(gates))}")
        return gates[int(wanted)]
    raise DrawError(f"draw: at={wanted!r} is neither the number of a gate nor the name of a value, a Tensor or a Node")


def _range(gates: int) -> str:
    return f"they are numbered from 1 to {gates}" if gates else "this graph has none, only a leaf"


def _of_tensor(graph: Graph, tensor: Tensor) -> Node:
    """A graph shares its arrays with the Tensors that it was captured from."""
    made = tensor.op.name if tensor.op else None
    for node in graph.nodes:
        if node.value is tensor._data and node.name == tensor.name and (node.op and node.op.name) == made:
            return node
    raise DrawError(f"draw: {describe(tensor)} is not in this graph; give a Tensor that the output was made from")


def value_names(graph: Graph, called: Called) -> Mapping[str, Node]:
    """Every node by its name, by its scope's path and name, and, without a name, by what pictures call it."""
    found: dict[str, Node] = dict(graph.named)
    for node in graph.nodes:
        if node.name is not None:
            path = f"{node.path}/{node.name}"
            if found.setdefault(path, node) is not node:
                found.setdefault(f"{path}#{node.rank}", node)
        if called.values[node]:
            found.setdefault(called.values[node], node)
    return found
