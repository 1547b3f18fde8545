"""Program: the lines of a derivation's two passes, in plain NumPy, with step numbers and shapes as comments."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from functools import cached_property
from textwrap import wrap

import numpy as np

from ..engine.errors import GradientError
from ..graph import Graph, Node
from ..graph.axes import Dims
from ..graph.cut import needed
from ..notation import assignment, formula, shape_text
from ..notation.literals import array, literal
from ..notation.names import Identifiers, is_literal
from ..notation.printable import WHOLE
from .remarks import Remarks
from .steps import Share, Step

WIDTH = 110
"""The greatest length of a comment's line."""

MAX_CONSTANT = 10_000
"""The largest constant, in elements, that a program writes out."""


class Program:
    """The lines of a derivation.

    Attributes:
        graph: the recorded graph.
        steps: its steps.
        names: what its values are called; those that a line writes out have no names.
        gradients: what the gradients of its values are called.
        upstreams: what the upstream gradients of its outputs are called.
        inputs: its leaves, which the forward pass takes.
        outputs: its outputs, each once.
        results: those of its inputs that gradients arrive at.
    """

    def __init__(self, graph: Graph, steps: tuple[Step, ...], names: Identifiers, dims: Dims, remarks: Remarks) -> None:
        self.graph, self.steps, self._dims = graph, steps, dims
        self.gradients, self.upstreams = names.gradients, names.upstreams
        inner = {gate for step in steps for gate in step.gates[:-1]}
        written = {x for x in graph.nodes if x.is_leaf and x.name is None and not x.requires_grad and is_literal(x)}
        written -= {*graph.outputs}
        self.names = {x: name for x, name in names.values.items() if x not in inner and x not in written}
        self.inputs = [x for x in graph.nodes if x.is_leaf and x not in written]
        self.outputs = list(dict.fromkeys(graph.outputs))
        self.results = [x for x in self.inputs if x in self.gradients]
        self._remarks = remarks
        self._taken = {*self.names.values(), *self.gradients.values(), *self.upstreams.values()}

    def name(self, node: Node) -> str:
        """What a value is called; one that has no name of its own in the program, by its formula."""
        return self.names.get(node) or formula(node, self.names, dims=self._dims)

    def free(self, name: str) -> str:
        """A name that is no value's."""
        while name in self._taken:
            name += "_"
        return name

    def shape(self, node: Node) -> str:
        """The shape of a value by the names of its axes."""
        return shape_text(node, self._dims)

    # ------------------------------------------------------------------------------------------------ what it rests on

    @cached_property
    def saved(self) -> list[Node]:
        """The values that the backward pass takes from the forward pass, by rank."""
        found: set[Node] = set()
        for step in self.steps:
            if step.gates and step.upstream is not None:
                stops = {*self.names, step.upstream}
                ends = [share.gradient for share in step.shares]
                found.update(x for node in needed([x for x in ends if x not in stops], stops) for x in node.inputs)
                found.update(ends)
        return sorted((x for x in found if x in self.names and x in self.graph.users), key=lambda node: node.rank)

    @cached_property
    def constants(self) -> list[Node]:
        """The constants of the backward pass that are too long for a line of it."""
        found = [x for x in self.graph.backward if x in self.names]
        for x in found:
            if math.prod(x.shape) > MAX_CONSTANT:
                raise GradientError(
                    f"derive: the backward pass uses a constant of {math.prod(x.shape):,} numbers, too many to write "
                    "out; derive a smaller graph of the same kind"
                )
        return found

    def lengths(self, sources: Iterable[Node], names: dict[Node, str]) -> tuple[list[str], Dims]:
        """Lines that name lengths of axes by the shapes of values, and the labels that they define."""
        lines: list[str] = []
        found: dict[str, None] = {}
        for node in sources:
            labels = self._dims.get(node, ())
            new = [x for x in labels if x and x not in found and x.isidentifier() and x not in self._taken]
            if new and len(new) == len(labels) == len({*labels}):
                lines.append(f"{', '.join(new)}{',' * (len(new) == 1)} = {names[node]}.shape")
            else:
                lines += [f"{x} = {names[node]}.shape[{labels.index(x)}]" for x in dict.fromkeys(new)]
            found |= dict.fromkeys(new)
        return lines, {node: tuple(x if x in found else None for x in labels) for node, labels in self._dims.items()}

    # ---------------------------------------------------------------------------------------------------------- passes

    def value(self, step: Step, dims: Dims | None = None) -> list[str]:
        """The lines that compute the value of a step."""
        known = {x: name for x, name in self.names.items() if x is not step.node}
        return assignment(self.names[step.node], step.node, known, dims=dims)

    def share(self, step: Step, share: Share, dims: Dims | None = None) -> list[str]:
        """The lines that make a share of a gradient from the step's, and add it to those before it."""
        name, sign = self.gradients[share.operand], "="
        if share.place > 1:
            first = share.place == 2 and share.operand in self.graph.upstreams
            sign = f"= {self.upstreams[share.operand] if first else name} +"
        known = self.names if step.upstream is None else {**self.names, step.upstream: self.gradients[step.node]}
        return assignment(name, share.gradient, known, sign, dims=dims)

    def forward(self) -> list[str]:
        """The lines of the forward pass, up to what it returns."""
        lines, dims = self.lengths(self.inputs, self.names)
        made = []
        for step in self.steps:
            if step.forward:
                *before, last = self.value(step, dims)
                notes = [f"({step.number}) {step.shape}", *map("".join, self._remarks.forward(step, self.name))]
                made += [*before, f"{last}  # {'; '.join(notes)}"]
        return [*used(lines, made), *made]

    def backward(self) -> list[str]:
        """The lines of the backward pass, from those that take values from the cache to those of step 0."""
        given = {**self.names, **self.upstreams}
        lines, dims = self.lengths([*self.upstreams, *self.saved], given)
        made: list[str] = []
        for step in self.steps:
            if not step.forward:
                made += ["", *self.comment(step)]
                for share in step.shares if step.number else ():
                    *before, last = self.share(step, share, dims)
                    made += [*before, f"{last}  # {self.shape(share.operand)}"]
        cache = self.free("cache")
        taken = [f"{self.names[x]} = {cache}[{quoted(self.names[x])}]" for x in self.saved]
        taken += [f"{self.names[x]} = {array(x.value)}" for x in self.constants]
        made = [*taken, *used(lines, made), *made]
        return made[1:] if made and not made[0] else made

    def comment(self, step: Step) -> list[str]:
        """What is said above a backward step."""
        text = " ".join(map("".join, self._remarks.backward(step, self.name, lettered=False)))
        if step.number:
            made = formula(step.node, self.names, dims=self._dims, limit=WHOLE)
            said = [f"({step.number}) {self.names[step.node]} = {made}", text]
        else:
            said = [f"(0) {text}"]
        return [f"# {line}" for part in said for line in wrap(part, WIDTH - 6)]


def quoted(name: str) -> str:
    """A name as a key."""
    return f'"{name}"'


def used(definitions: Iterable[str], lines: Iterable[str]) -> list[str]:
    """Those definitions of lengths that lines make use of."""
    words = {word for line in lines for word in re.findall(r"\w+", line.partition("#")[0])}
    return [line for line in definitions if words & {*re.findall(r"\w+", line.partition("=")[0])}]


def random_like(node: Node) -> str:
    """An expression for random numbers in the range of a leaf's, from a generator ``rng``.

    >>> import micrograd_tensor as mt
    >>> random_like(mt.graph(mt.tensor([-1.0, 2.0])).outputs[0])
    'rng.uniform(-1.0, 2.0, (2,))'
    """
    value, shape = np.asarray(node.value), literal(node.shape)
    if value.dtype.kind == "b":
        return f"rng.random({shape}) < 0.5"
    finite = value[np.isfinite(value)]
    least, most = (finite.min(), finite.max()) if finite.size else (0, 1)
    if value.dtype.kind in "iu":
        kind = "" if value.dtype == np.int64 else f', "{value.dtype}"'
        return f"rng.integers({least}, {int(most) + 1}, {shape}{kind})"
    return f"rng.uniform({', '.join(map(repr, _rounded(float(least), float(most))))}, {shape})"


def _rounded(least: float, most: float) -> tuple[float, float]:
    """A range in few digits, within another one, so that what is positive stays positive."""
    if not least < most:
        return least, most
    digits = 1 - math.floor(math.log10(most - least))
    low, high = (
        round(f(x * 10.0**digits) / 10.0**digits, max(digits, 0)) for f, x in ((math.ceil, least), (math.floor, most))
    )
    return (low, high) if least <= low < high <= most else (least, most)
