"""Remarks: what is said of the steps of a derivation beside their formulas, in the names of whoever says it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from ..graph import Graph, Node
from ..graph.axes import Dims
from ..notation.printable import listed
from .sentences import pattern
from .steps import Share, Step, copied_along

Naming: TypeAlias = "Callable[[Node], str]"
"""What a value is called where a remark stands."""


class Remarks:
    """The remarks on the steps of a graph."""

    def __init__(self, graph: Graph, steps: Iterable[Step], dims: Dims) -> None:
        self._graph, self._dims = graph, dims
        self._numbers = {gate: step.number for step in steps for gate in step.gates}

    def forward(self, step: Step, name: Naming) -> Iterator[str]:
        """Which operands of a forward step are copied, and along which axes."""
        along = {
            x: copied_along(gate, i, self._dims)
            for gate in step.gates
            for i, x in enumerate(gate.operands)
            if isinstance(x, Node) and x not in step.gates and (x.op or x.requires_grad or x.name)
        }
        yield from (f"{name(x)} is copied along {axes}" for x, axes in along.items() if axes)

    def backward(self, step: Step, name: Naming) -> Iterator[str]:
        """Why the gradients of a backward step are what they are, in sentences."""
        if not step.number:
            several = in_words(step.shares[0].count)
            yield f"{name(step.node)} is {self.used(step.node)}, and the {several} gradients that arrive are added."
            return
        yield step.sentence
        yield from dict.fromkeys(said for gate in step.gates[-2::-1] if (said := pattern(gate)) != step.sentence)
        for share in step.shares:
            if share.summed:
                x = name(share.operand)
                yield f"{x} was copied along {share.summed}, so its gradient is summed over {share.summed}."
        for share in step.shares:
            if share.operand.op and share.count > 1:
                yield from self._added(share, name(share.operand))

    def _added(self, share: Share, name: str) -> Iterator[str]:
        if share.place == share.count:
            numbers = self.used(share.operand)
            yield f"{name} is {numbers}, and the {in_words(share.count)} gradients that arrive at it are added."

    def used(self, node: Node) -> str:
        """In which steps a value is used, the last one first, and whether it is an output besides."""
        numbers = [self._numbers[edge[0]] for edge, _ in self._graph.contributions_to(node)]
        return uses(numbers, node in self._graph.upstreams)


def in_words(n: int) -> str:
    """A number in a sentence."""
    return ("no", "one", "two", "three", "four", "five", "six")[n] if n < 7 else f"{n:,}"


def uses(numbers: Iterable[int], given: bool = False) -> str:
    """In which steps a value is used, an upstream gradient of its own being one use more.

    >>> uses([7, 3]), uses([2, 2]), uses([4], given=True)
    ('used in (7) and (3)', 'used twice in (2)', 'an output and used in (4)')
    """
    times = {1: "", 2: "twice "}
    said = [f"{times.get(n, f'{n} times ')}in ({number})" for number, n in Counter(numbers).items()]
    together = listed(said).replace(" and in (", " and (").replace(", in (", ", (")
    return f"{'an output and ' if given else ''}used {together}"
