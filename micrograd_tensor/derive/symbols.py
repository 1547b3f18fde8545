"""Symbols: what the values of a derivation are called on its pages, so that no name stands for two of them."""

from __future__ import annotations

from collections.abc import Mapping

from ..graph import Graph, Node
from ..graph.stages import stages
from ..notation import Called
from ..notation.names import numbered


def symbols(graph: Graph, called: Called) -> Mapping[Node, str]:
    """A name for each value but those within a step, which are shown by their formulas.

    It is the value's own, or y with the number of its gate, or x for an input without one. A number tells the values of
    one name apart.

    >>> import micrograd_tensor as mt
    >>> w, v = (mt.tensor([1.0, k], name="W", requires_grad=True) for k in (2.0, 3.0))
    >>> captured = mt.graph(w * v)
    >>> list(symbols(captured, Called(captured)).values())
    ['W', 'W₂', 'y₁']
    """
    inner = {gate for gates in stages(graph) for gate in gates[:-1]}
    shown = [x for x in graph.nodes if x not in inner and (x.op or x.name or x.requires_grad)]
    return numbered({node: called.in_short(node) or "x" for node in shown})
