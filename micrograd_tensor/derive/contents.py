"""Contents: what stands on the pages of a derivation, step by step, in no language yet.

A page of LaTeX, of HTML and a notebook differ in how they set a formula and a heading; what they say is decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from ..graph import Graph, Node
from ..graph.axes import Dims
from ..notation import Called, Typeset, printable, shape_text
from ..notation.printable import WHOLE
from .closed_form import ClosedForm
from .proof import ProofStep
from .remarks import Remark, Remarks, Symbol
from .rows import SPREAD
from .steps import Share, Step


@dataclass(frozen=True, slots=True)
class Formula:
    """An equation.

    Attributes:
        write: writes it in a language.
        shape: the shape of its left side, by the names of axes.
    """

    write: Callable[[Typeset], str]
    shape: str


@dataclass(frozen=True, slots=True)
class Section:
    """A step.

    Attributes:
        number: as in the circuit.
        forward: whether it is a step of the forward pass.
        name: what the value is called.
        gate: the op that makes it; empty where gradients of a leaf are added up.
        formulas: the value; backward the sum of its gradients if several arrive, and then what is handed on.
        notes: why, in sentences.
    """

    number: int
    forward: bool
    name: str
    gate: str
    formulas: tuple[Formula, ...]
    notes: tuple[Remark, ...]


PROVING = "The lines of all steps put into each other, rewritten by these equations:"
"""What is said before a proof."""


def reason(step: ProofStep) -> Remark:
    """What is said of a step of a proof, behind the name of its rule."""
    place = (" in ", Symbol(printable(step.of))) if step.of else ()
    return (*place, f": {step.condition}. {step.proof}")


class Contents:
    """The sections of a derivation.

    Args:
        graph: captured with its backward pass.
        called: what its values are called for readers.
        symbols: what formulas call them: no two alike, and one without a name by the number of its gate.
        dims: the names of axes.
        steps: the steps that are shown.
        remarks: what is said of them.
        written: what formulas write for names that are not to be written as they are.
        closed: the closed form, or why there is none; "" where none is shown.
        exercise: whether the backward pass is left blank.

    Attributes:
        title: what is derived.
        given: the inputs and their shapes.
        symbols: what formulas call the values.
    """

    def __init__(
        self,
        graph: Graph,
        called: Called,
        symbols: Mapping[Node, str],
        dims: Dims,
        steps: Sequence[Step],
        remarks: Remarks,
        *,
        written: Mapping[str, str],
        closed: ClosedForm | str,
        exercise: bool,
    ) -> None:
        self._graph, self._called, self._dims, self._steps, self._remarks = graph, called, dims, steps, remarks
        self.exercise, self._closed, self.symbols, self._written = exercise, closed, symbols, written
        self.title = f"Gradients of {', '.join(self.symbols.get(node, 'a constant') for node in graph.outputs)}"
        self.given = {
            self.symbols[node]: shape_text(node, dims) for node in graph.nodes if node.is_leaf and node in self.symbols
        }

    def languages(self, said: Typeset, blank: str) -> tuple[Typeset, Typeset]:
        """A language for the forward pass and one for the backward pass, which is blank in an exercise."""
        said = said.calling(self._written)
        return said, said.blanked(blank) if self.exercise else said

    @property
    def sections(self) -> Iterator[Section]:
        """One for each step, forward and then backward."""
        for step in self._steps:
            yield Section(
                number=step.number,
                forward=step.forward,
                name=self.symbols[step.node],
                gate=step.gates[-1].made_by.name if step.gates else "",
                formulas=tuple(self._forward(step) if step.forward else self._backward(step)),
                notes=() if self.exercise and not step.forward else tuple(self._notes(step)),
            )

    @property
    def closed_form(self) -> tuple[Formula, ...]:
        """The lines of the closed form, shared parts first; none where there is no closed form."""
        if not isinstance(self._closed, ClosedForm):
            return ()
        shapes = {id(self._closed[name]): shape_text(leaf, self._dims) for name, leaf in self._closed.inputs.items()}
        return tuple(
            Formula(line.write, shapes.get(id(line)) or shape_text(line.node, line.dims)) for line in self._closed.lines
        )

    @property
    def closing(self) -> str:
        """What is said before the closed form, or why there is none."""
        if isinstance(self._closed, str):
            return self._closed
        given = {named.node: named.name for named in self._closed.found.arrays.leaves}
        upstreams = self._graph.upstreams.items()
        others = [f"{given[g]} for that of {self.symbols[y]}" for y, g in upstreams if y.name is None and g in given]
        said = " and ".join(["with dx for the gradient of x", *others])
        if not self._closed.is_shorter:
            return f"There is no shorter form than that of the steps; together, {said}, they are:"
        by_name = any(node.op is SPREAD for node in self._closed.graph.nodes)
        return (
            f"All steps together, multiplied out and simplified, {said}, and so on"
            + "; axes go by name, and a value without one of them is copied along it" * by_name
            + ":"
        )

    @property
    def proof(self) -> tuple[ProofStep, ...]:
        """The equations by which all steps become the closed form; none where there is none."""
        return self._closed.steps if isinstance(self._closed, ClosedForm) else ()

    def _forward(self, step: Step) -> Iterator[Formula]:
        node = step.node
        left, names, dims = self.symbols[node], self.symbols, self._dims
        yield Formula(lambda said: said.equation(node, left, names, dims=dims, limit=WHOLE), step.shape)

    def _backward(self, step: Step) -> Iterator[Formula]:
        letters = self._remarks.letters(step.node)
        if len(letters) > 1:
            left = self.symbols[step.node]
            yield Formula(lambda said: said.sum_of(left, letters), step.shape)
        if step.gates:
            for share in step.shares:
                yield Formula(partial(self._handed, step, share), shape_text(share.operand, self._dims))

    def _handed(self, step: Step, share: Share, said: Typeset) -> str:
        part = self._called.letter(share.place - 1) if share.count > 1 else ""
        return said.rule(
            self._graph, share.edge, self.symbols, dims=self._dims, limit=WHOLE, since=step.node, part=part
        )

    def _notes(self, step: Step) -> Iterator[Remark]:
        remarks = self._remarks.forward if step.forward else self._remarks.backward
        return remarks(step, lambda node: self.symbols.get(node, "a constant"))
