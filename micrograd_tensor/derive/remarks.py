"""Remarks: what is said of the steps of a derivation beside their formulas, in the names of whoever says it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from ..graph import Graph, Node
from ..graph.axes import Dims
from ..notation import Called
from ..notation.printable import listed
from .sentences import pattern
from .steps import Step, copied_along

Naming: TypeAlias = "Callable[[Node], str]"
"""What a value is called where a remark stands."""

Remark: TypeAlias = "tuple[str, ...]"
"""A sentence in pieces: text, and names of values as `Symbol`."""


MAX_LISTED = 8
"""The most steps that one remark lists."""


class Symbol(str):
    """The name of a value within a sentence, which a page may set as it does in formulas."""

    __slots__ = ()


class Remarks:
    """The remarks on the steps of a graph."""

    def __init__(self, graph: Graph, steps: Iterable[Step], called: Called, dims: Dims) -> None:
        self._graph, self._called, self._dims = graph, called, dims
        self._numbers = {gate: step.number for step in steps for gate in step.gates}
        self._found: dict[Node, list[str]] = {}

    def letters(self, node: Node) -> list[str]:
        """The letters, as in the circuit, of the gradients that are added up to that of a value; none for a single."""
        count = len(self._graph.contributions_to(node)) + (node in self._graph.upstreams)
        return [self._called.letter(k) for k in range(count)] if count > 1 else []

    def forward(self, step: Step, name: Naming) -> Iterator[Remark]:
        """Which operands of a forward step are copied, and along which axes."""
        along = {
            x: copied_along(gate, i, self._dims)
            for gate in step.gates
            for i, x in enumerate(gate.operands)
            if isinstance(x, Node) and x not in step.gates and (x.op or x.requires_grad or x.name)
        }
        yield from ((Symbol(name(x)), f" is copied along {axes}.") for x, axes in along.items() if axes)

    def backward(self, step: Step, name: Naming, *, lettered: bool = True) -> Iterator[Remark]:
        """Why the gradients of a backward step are what they are; with the letters of those that are added, or not."""
        if letters := self.letters(step.node):
            yield self._added(step.node, letters if lettered else [""] * len(letters), name)
        if not step.gates:
            return
        yield (step.sentence,)
        inner = [pattern(gate, self._dims) for gate in step.gates[-2::-1]]
        yield from ((said,) for said in dict.fromkeys(inner) if said != step.sentence)
        if step.node in step.kept:
            yield "The rule uses the result itself, ", Symbol(name(step.node)), ", which is known by then."
        for share in step.shares:
            if share.summed:
                symbol = Symbol(name(share.operand))
                yield symbol, f" was copied along {share.summed}, so its gradient is summed over {share.summed}."

        for share in step.shares:
            sources = self._sources(share.operand)[: share.place - 1]
            if len(sources) > (share.operand in self._graph.upstreams):
                yield Symbol(name(share.operand)), f" has a gradient from {_some(sources)} already; this one is added."
        for share in step.shares:
            if share.operand.is_leaf and share.count == 1:
                yield "That is all of the gradient of ", Symbol(name(share.operand)), "."

    def _sources(self, node: Node) -> list[str]:
        """Where the gradients come from that are added up to that of a value."""
        if node not in self._found:
            steps = [f"step {self._numbers[edge[0]]}" for edge, _ in self._graph.contributions_to(node)]
            self._found[node] = ["the upstream gradient that is given"] * (node in self._graph.upstreams) + steps
        return self._found[node]

    def _added(self, node: Node, letters: Sequence[str], name: Naming) -> Remark:
        sources = self._sources(node)
        parts = [f"{letter} from {source}".strip() for letter, source in zip(letters, sources, strict=True)]
        times = in_words(len(letters))
        end = f": {listed(parts)}." if len(parts) <= MAX_LISTED else "."
        return Symbol(
            name(node)
        ), f" is used in {times} ways, and the {times} gradients that arrive at it are added{end}"


def _some(sources: Sequence[str]) -> str:
    """Where gradients come from; of many, how many these are."""
    return listed(list(dict.fromkeys(sources))) if len(sources) <= MAX_LISTED else f"{in_words(len(sources))} uses"


def in_words(n: int) -> str:
    """A number in a sentence.

    >>> in_words(2), in_words(1234)
    ('two', '1,234')
    """
    return ("no", "one", "two", "three", "four", "five", "six")[n] if n < 7 else f"{n:,}"
