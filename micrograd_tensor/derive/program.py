"""Program: the lines of a derivation's two passes, in plain NumPy, with step numbers and shapes as comments."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from functools import cached_property
from textwrap import wrap
from typing import Any

import numpy as np

from ..engine.errors import GradientError
from ..graph import Graph, Node
from ..graph.axes import Dims
from ..notation import assignment, formula, shape_text
from ..notation.literals import array, literal
from ..notation.names import Identifiers, is_literal, mended
from ..notation.printable import WHOLE
from ..notation.unicode import UNICODE, expression
from .definitions import Definition, definition, unused
from .remarks import Remarks
from .steps import Share, Step

WIDTH = 110
"""The greatest length of a comment's line."""

MAX_CONSTANT = 10_000
"""The largest constant, in elements, that a program writes out."""

MAX_MASK = 64
"""The most truth values that are written out."""


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

    @cached_property
    def definitions(self) -> list[Definition]:
        """What the lines call that NumPy does not have."""
        ops = dict.fromkeys(x.made_by for x in (*self.graph.nodes, *self.graph.backward) if x.op)
        return [made for op in ops if (made := definition(op, self.free))]

    def _plain(self, lines: list[str]) -> list[str]:
        """Lines that call the program's own definitions."""
        for made in self.definitions:
            lines = [made.called_in(line) for line in lines]
        return lines

    @cached_property
    def _arrays(self) -> set[Node]:
        """The results that are computed from written-out constants alone, so that they are never Tensors."""
        found: set[Node] = set()
        for node in self.graph.nodes:
            if node.op and all(x in found or (x.is_leaf and x not in self.names) for x in node.inputs):
                found.add(node)
        return found

    def free(self, name: str) -> str:
        """A name that is no value's."""
        return unused(name, self._taken)

    def shape(self, node: Node) -> str:
        """The shape of a value by the names of its axes."""
        return shape_text(node, self._dims)

    # ------------------------------------------------------------------------------------------------ what it rests on

    @cached_property
    def saved(self) -> list[Node]:
        """The values that the backward pass takes from the forward pass, by rank."""
        found = {x for step in self.steps for x in self.kept(step)}
        return sorted(found, key=lambda node: node.rank)

    def kept(self, step: Step) -> list[Node]:
        """The values that a backward step takes from the forward pass, by rank."""
        return [x for x in step.kept if x in self.names]

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
            new = [x for x in labels if x and x not in found and mended(x) == x and x not in (*self._taken, "cache")]
            if new and len(new) == len(labels) == len({*labels}):
                lines.append(f"{', '.join(new)}{',' * (len(new) == 1)} = {names[node]}.shape")
            else:
                lines += [f"{x} = {names[node]}.shape[{labels.index(x)}]" for x in dict.fromkeys(new)]
            found |= dict.fromkeys(new)
        return lines, {node: tuple(x if x in found else None for x in labels) for node, labels in self._dims.items()}

    # ---------------------------------------------------------------------------------------------------------- passes

    def value(self, step: Step, dims: Dims | None = None, *, named: bool = False) -> list[str]:
        """The lines that compute the value of a step; on Tensors they name it, too."""
        name = self.names[step.node]
        known = {x: self.names[x] for gate in step.gates for x in gate.inputs if x in self.names}
        if named and step.node not in self._arrays:
            return assignment(name, step.node, known, dims=dims, suffix=f".named({quoted(name)})")
        return self._plain(assignment(name, step.node, known, dims=dims))

    def share(self, step: Step, share: Share, dims: Dims | None = None) -> list[str]:
        """The lines that make a share of a gradient from the step's, and add it to those before it."""
        name, sign = self.gradients[share.operand], "="
        if share.place > 1:
            first = share.place == 2 and share.operand in self.graph.upstreams
            sign = f"= {self.upstreams[share.operand] if first else name} +"
        known = {x: self.names[x] for x in (*step.kept, *self.constants) if x in self.names}
        if step.upstream is not None:
            known[step.upstream] = self.gradients[step.node]
        return self._plain(assignment(name, share.gradient, known, sign, dims=dims))

    def forward(self, *, named: bool = False) -> list[str]:
        """The lines of the forward pass, up to what it returns; with names it runs on Tensors."""
        lines, dims = self.lengths(self.inputs, self.names)
        made = []
        for step in self.steps:
            if step.forward:
                *before, last = self.value(step, dims, named=named)
                remarks = ["".join(remark).removesuffix(".") for remark in self._remarks.forward(step, self.name)]
                notes = [f"({step.number}) {step.shape}", *remarks]
                made += [*before, f"{last}  # {'; '.join(notes)}"]
        return [*used(lines, made), *made]

    def backward(self, *, blank: bool = False) -> list[str]:
        """The lines of the backward pass, from those that take values from the cache to those of step 0.

        If it is blank, every gradient is None, in the step in which the last of what it is made of arrives.
        """
        made: list[str] = []
        for step in self.steps:
            if not step.forward:
                made += [""] if step.number or not blank else []
                made += self.comment(step) if not blank else self.question(step) if step.number else []
                made += self.step(step, blank=blank)
        cache = self.free("cache")
        taken = [f"{self.names[x]} = {cache}[{quoted(self.names[x])}]" for x in self.saved]
        made = [*taken, *self._constant_lines(), *used(self._lengths[0], made), *made]
        return made[1:] if made and not made[0] else made

    def prelude(self) -> list[str]:
        """The lines that the backward steps rest on beside the cache: their constants, and lengths of axes."""
        return [*self._constant_lines(), *self._lengths[0]]

    def _constant_lines(self) -> list[str]:
        return [f"{self.names[x]} = {array(x.value)}" for x in self.constants]

    @cached_property
    def _lengths(self) -> tuple[list[str], Dims]:
        """What the backward pass calls the lengths of axes."""
        return self.lengths([*self.upstreams, *self.saved], {**self.names, **self.upstreams})

    def step(self, step: Step, *, blank: bool = False) -> list[str]:
        """The lines of a backward step, each with its shape; none of step 0, where what is added is added by then."""
        made: list[str] = []
        for share in step.shares if step.number else ():
            shape = self.shape(share.operand)
            if not blank:
                *before, last = self.share(step, share, self._lengths[1])
                part = f", {_nth(share.place)} of {share.count}" if share.count > 1 else ""
                made += [*before, f"{last}  # {shape}{part}"]
            elif share.place == share.count:
                made.append(f"{self.gradients[share.operand]} = None  # {shape} gradient of {self.name(share.operand)}")
        return made

    def axes(self) -> dict[str, tuple[str, int, int]]:
        """For each name of an axis an input that has it, the number of the axis there, and its length."""
        found: dict[str, tuple[str, int, int]] = {}
        for x in self.inputs:
            for axis, label in enumerate(self._dims.get(x, ())):
                if label:
                    found.setdefault(label, (self.names[x], axis, x.shape[axis]))
        return found

    def comment(self, step: Step) -> list[str]:
        """What is said above a backward step."""
        text = " ".join(map("".join, self._remarks.backward(step, self.name, lettered=False)))
        if step.number:
            made = UNICODE.side(expression(step.node, self.names, self._dims, WHOLE))
            said = [f"({step.number}) {self.names[step.node]} = {made}", text]
        else:
            said = [f"(0) {text}"]
        return [f"# {line}" for part in said for line in wrap(part, WIDTH - 6)]

    def question(self, step: Step) -> list[str]:
        """What is said above the blanks of a backward step: what it computes, but not how its gradients come about."""
        made = UNICODE.side(expression(step.node, self.names, self._dims, WHOLE))
        said = [f"({step.number}) {self.names[step.node]} = {made}.", step.sentence]
        said += map("".join, self._remarks.forward(step, self.name))
        for share in step.shares:
            if share.count > 1:
                done = share.place == share.count
                said.append(
                    f"{self.name(share.operand)} {'got its first gradients above' if done else 'gets more below'}."
                )
        return [f"# {line}" for line in wrap(" ".join(said), WIDTH - 6)]


def _nth(n: int) -> str:
    """A number in an order.

    >>> [_nth(n) for n in (1, 2, 11, 23)]
    ['1st', '2nd', '11th', '23rd']
    """
    ending = {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{'th' if n % 100 in (11, 12, 13) else ending}"


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
        return _mask(value)
    finite = value[np.isfinite(value)]
    least, most = (finite.min(), finite.max()) if finite.size else (0, 1)
    if value.dtype.kind in "iu":
        kind = "" if value.dtype == np.int64 else f', "{value.dtype}"'
        return f"rng.integers({least}, {int(most) + 1}, {shape}{kind})"
    if value.dtype.kind == "c":
        return f"rng.standard_normal({shape}) + 1j * rng.standard_normal({shape})"
    return f"rng.uniform({', '.join(map(repr, _rounded(float(least), float(most))))}, {shape})"


def _mask(value: np.ndarray[Any, Any]) -> str:
    """An expression for truth values: those recorded, since a row of a random mask may leave nothing over.

    >>> _mask(np.tri(9, dtype=bool)), _mask(np.array([True, False]))
    ('np.tri(9, 9, dtype=bool)', 'np.array([1, 0], bool)')
    """
    shape = literal(value.shape)
    if value.ndim > 1 and np.array_equal(value, np.broadcast_to(np.tri(*value.shape[-2:]), value.shape)):
        causal = f"np.tri({value.shape[-2]}, {value.shape[-1]}, dtype=bool)"
        return causal if value.ndim == 2 else f"np.broadcast_to({causal}, {shape})"
    if 0 < value.size <= MAX_MASK:
        return f"np.array({value.astype(int).tolist()}, bool)"
    return f"rng.random({shape}) < 0.5"


def _rounded(least: float, most: float) -> tuple[float, float]:
    """A range in few digits, within another one, so that what is positive stays positive."""
    if math.isinf(most - least):  # wider than generators take
        least, most = least / 2, most / 2
    if most - least < 1e-300:
        return least, most
    digits = 1 - math.floor(math.log10(most - least))
    low, high = (
        round(f(x * 10.0**digits) / 10.0**digits, max(digits, 0)) for f, x in ((math.ceil, least), (math.floor, most))
    )
    return (low, high) if least <= low < high <= most else (least, most)
