"""Symbols: what the values of a derivation are called on its pages, so that no name stands for two of them."""

from __future__ import annotations

from collections.abc import Mapping

from ..graph import Graph, Node
from ..graph.stages import stages
from ..notation import Called
from ..notation.names import Identifiers
from ..notation.printable import MAX_NAME, WHOLE, shorten

_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def symbols(graph: Graph, called: Called, names: Identifiers) -> Mapping[Node, str]:
    """A name for each value but those within a step, which are shown by their formulas.

    It is the value's own, or y with the number of its gate. A number tells the values of one name apart.

    >>> import micrograd_tensor as mt
    >>> from micrograd_tensor.notation import identifiers
    >>> w, v = (mt.tensor([1.0, k], name="W", requires_grad=True) for k in (2.0, 3.0))
    >>> captured = mt.graph(w * v)
    >>> list(symbols(captured, Called(captured), identifiers(captured)).values())
    ['W', 'W₂', 'y₁']
    """
    inner = {gate for gates in stages(graph) for gate in gates[:-1]}
    shown = [x for x in graph.nodes if x not in inner and (x.op or x.name or x.requires_grad)]
    wanted = {node: called.in_short(node) or names.values[node] for node in shown}
    taken = {*wanted.values()}
    found: dict[Node, str] = {}
    seen: set[str] = set()
    for node, name in wanted.items():
        if name in seen:
            numbers = (str(k).translate(_LOWERED) for k in range(2, WHOLE))
            numbered = (f"{shorten(name, MAX_NAME - len(number))}{number}" for number in numbers)
            name = next(new for new in numbered if new not in taken)
            taken.add(name)
        seen.add(name)
        found[node] = name
    return found
