"""Called: what the values of a graph are called in pictures, and the numbers of its gates."""

from __future__ import annotations

from ..graph import Graph, Node
from .local_rules import SHORT
from .unicode import formula, printable

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


class Called:
    """What the values of a graph are called.

    Attributes:
        numbers: of the gates, in the order of computation.
        values: a value's name, its formula if that is short and tells all, or y with the number of its gate; nothing
            for a leaf without a name.
        stand_ins: of these, those with a number.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> captured = mt.graph((x * x).named("y") + 1.0)
    >>> called = Called(captured)
    >>> [called.values[node] for node in captured.nodes], called.gradient(captured["y"])
    (['x', 'y', 'y + 1'], 'dy')
    """

    def __init__(self, graph: Graph) -> None:
        self.numbers: dict[Node, int] = {}
        self.values: dict[Node, str] = {}
        self.stand_ins: dict[Node, str] = {}
        for node in graph.nodes:
            if node.op:
                self.numbers[node] = len(self.numbers) + 1
            text = printable(node.name) if node.name else formula(node, self.stand_ins) if node.op else ""
            if node.op and not node.name and (len(text) > SHORT or "…" in text):
                text = self.stand_ins[node] = self.in_short(node)
            self.values[node] = text

    def in_short(self, node: Node) -> str:
        """A value's name, or y with the number of its gate; nothing for a leaf without a name."""
        if node.name:
            return printable(node.name)
        return f"y{str(self.numbers[node]).translate(_SUBSCRIPTS)}" if node.op else ""

    def gradient(self, node: Node) -> str:
        """What the gradient of a value is called, or nothing where the value has no more than a formula."""
        name = printable(node.name) if node.name else self.stand_ins.get(node)
        return f"d{name}" if name else ""
