"""Closed form: the gradient of every input as one formula, found from the recorded graph, and its code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from ..engine.errors import GradientError
from ..graph import Graph, Node, evaluate
from ..graph.axes import AxisNames, Dims, axis_names
from ..graph.cut import needed
from ..graph.nodes import require_numbers
from ..notation import ALIGNED
from ..notation.names import value_names
from ..notation.numpy import assignment
from .definitions import calls_package, defined, unused
from .formula import Formula
from .indices import indexed
from .proof import ProofStep, proof
from .shortest import Shortest, shortest

__all__ = ["ClosedForm", "closed_form"]


class ClosedForm(Mapping[str, Formula]):
    """The formula of each input's gradient, by the input's name, in the order in which one is computed from another.

    Attributes:
        lets: the formulas of parts that several others share, which stand before them.
        found: how it was found.
        inputs: the inputs by name.
        graph: all formulas as one graph, whose leaves are recorded values.

    >>> import numpy as np
    >>> import micrograd_tensor as mt
    >>> x = mt.tensor(np.arange(6.0).reshape(2, 3), name="x", requires_grad=True)
    >>> found = closed_form(mt.graph(mt.softmax(x).named("p"), np.eye(2, 3)), {"N": ("x", 0), "D": ("x", 1)})
    >>> print(found)
    dx = p · (dp − Σ(dp · p, D))
    >>> print(found.numpy, end="")
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def backward(dp, p):
        dx = p * (dp - (dp * p).sum(axis=-1, keepdims=True))
        return dx
    """

    def __init__(self, found: Shortest) -> None:
        self.found = found
        self.dims, self.inputs = found.arrays.dims, found.inputs
        self.lets = tuple(Formula(node, self.dims, name) for name, node in found.lets)
        self._formulas = {
            name: Formula(node, self.dims, wanted.name)
            for (name, node), wanted in zip(found.formulas, found.wanted, strict=True)
        }
        self.graph = Graph(tuple(found.arrays.nodes), tuple(node for _, node in found.formulas))

    def __getitem__(self, name: str) -> Formula:
        return self._formulas[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._formulas)

    def __len__(self) -> int:
        return len(self._formulas)

    def __str__(self) -> str:
        return "\n".join([*(f"let {line}" for line in self.lets), *map(str, self._formulas.values())])

    def __repr__(self) -> str:
        return str(self)

    @property
    def is_shorter(self) -> bool:
        """Whether the formulas need fewer ops than the rules took; where they do not, there is no shorter form."""
        graph = self.found.lowered.graph
        behind = needed([line.node for line in self.lines])
        return sum(node.op is not None for node in behind) < sum(node.op is not None for node in graph.backward)

    @property
    def lines(self) -> tuple[Formula, ...]:
        """All formulas, shared parts first."""
        return (*self.lets, *self._formulas.values())

    @property
    def latex(self) -> str:
        """The lines of an ``align`` environment, without the environment."""
        return " \\\\\n".join(line.write(ALIGNED) for line in self.lines)

    def gradients(self) -> dict[Node, Any]:
        """What the formulas give for the recorded values, by the inputs."""
        made = evaluate(self.graph)
        return {leaf: made[self._formulas[name].node] for name, leaf in self.inputs.items()}

    def name_of(self, leaf: Node) -> str:
        """The name of an input."""
        return next(name for name, node in self.inputs.items() if node is leaf)

    def evaluate(self) -> dict[str, Any]:
        """The gradients that the formulas give for the recorded values, by the names of inputs."""
        return {self.name_of(leaf): value for leaf, value in self.gradients().items()}

    @cached_property
    def steps(self) -> tuple[ProofStep, ...]:
        """The proof: the rewrites by which what the rules recorded becomes these formulas, each with its reason."""
        return proof(self.found)

    @cached_property
    def indexed(self) -> tuple[Formula, ...]:
        """The same formulas element by element: ``∂L/∂x_nd = …``.

        Raises:
            GradientError: where an op has no reading, so that nothing is known of single elements.
        """
        return indexed(self.found)

    @cached_property
    def _given(self) -> list[Node]:
        """The recorded values that the formulas need, upstreams first."""
        leaves, order = self.found.arrays.leaves, {named: k for k, named in enumerate(self.found.order)}
        return [leaves[named] for named in sorted(leaves, key=lambda named: order[named])]

    @cached_property
    def _names(self) -> dict[Node, str]:
        """What these, the lengths of axes, and the lines are called in Python."""
        lines = (line.node for line in self.lines if not line.node.is_leaf)
        return value_names([*self._given, *self.found.arrays.counts, *lines])

    @property
    def _arguments(self) -> dict[Node, str]:
        return {node: self._names[node] for node in self._given}

    @cached_property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the function in `numpy` by name, as they were recorded."""
        return {name: node.value for node, name in self._arguments.items()}

    @cached_property
    def numpy(self) -> str:
        """The source of ``backward(…)`` in plain NumPy: from the upstream and recorded values to the gradients.

        It returns them in the order of the inputs, as a tuple where there are several.
        """
        arguments = self._arguments
        names, body = self._names, list[str]()
        for node, label in self.found.arrays.counts.items():
            body.append(f"{names[node]} = {self._length(arguments, label)}")
        known = {node: name for node, name in names.items() if node in arguments or node in self.found.arrays.counts}
        made: dict[str, str] = {}
        for line in self.lines:
            target = names.get(line.node) if not line.node.is_leaf else None
            if target is None:  # it is something that has another name, or a number
                called = replace(line.node, name=line.name)
                target = value_names([called], {*names.values(), *made.values()})[called]
            made[line.name] = target
            body += assignment(target, line.node, known)
            known.setdefault(line.node, target)
        order = sorted(self._formulas, key=lambda name: self.inputs[name].rank)
        body.append(f"return {', '.join(made[self._formulas[name].name] for name in order)}")
        lines = "\n".join(f"    {line}" for line in body)
        text = f"import numpy as np\n\n\ndef backward({', '.join(arguments.values())}):\n{lines}\n"
        taken = {*names.values(), *made.values(), "backward"}
        for op in {node.op.name: node.op for node in self.graph.nodes if node.op}.values():
            text = defined(text, op, lambda name: unused(name, taken))
        if calls_package(text.split("\n")):
            text = text.replace("import numpy as np\n", "import numpy as np\nimport micrograd_tensor as mt\n", 1)
        return text

    def _length(self, arguments: Mapping[Node, str], label: int) -> str:
        """Where the length of an axis is found: in the shape of an argument."""
        for node, name in arguments.items():
            places = self.found.axes_of[node]
            if label in places:
                return f"{name}.shape[{places.index(label)}]"
        return str(self.found.lowered.pool.size(label))


def closed_form(graph: Graph, dims: AxisNames | None = None) -> ClosedForm:
    """The gradients of a graph's inputs in closed form.

    Args:
        graph: captured with its backward pass and its values.
        dims: names of axes, as in `derive`; by name of the axes formulas read best.

    Raises:
        GradientError: for a graph without a backward pass or without values, or one that is too large.
        ShapeError: for dims that name no axis.
    """
    return from_labels(graph, axis_names(graph, dims))


def from_labels(graph: Graph, dims: Dims) -> ClosedForm:
    """`closed_form`, from the labels of axes."""
    with_values(graph, "closed_form")
    if any(node.dtype.kind == "c" for node in (*graph.nodes, *graph.backward)):
        raise GradientError("closed_form: its rules are those of real numbers, and this graph has complex values")
    found = ClosedForm(shortest(graph, dims))
    _check(found, graph)
    return found


def with_values(graph: Graph, caller: str) -> Graph:
    """A graph that has a backward pass, and the values of both.

    Raises:
        GradientError: for one that lacks either, in the name of whoever asks.
    """
    if not graph.gradients:
        raise GradientError(f"{caller}: this graph has no backward pass; give mt.graph(...) an upstream")
    if any(node.value is None for node in graph.nodes):
        raise GradientError(f"{caller}: this graph was captured without its values; leave out values=False")
    require_numbers(graph, "a derivation's check")
    return graph


def _check(found: ClosedForm, graph: Graph) -> None:
    """Formulas hold for the recorded values, or are not shown: some rewrites need x ≠ 0, or finite numbers."""
    values = [node.value for node in (*graph.nodes, *graph.backward) if node.dtype.kind == "f"]
    with np.errstate(all="ignore"):
        largest = max((float(np.abs(x).max(initial=0, where=np.isfinite(x))) for x in values), default=0.0)
        allowed = max((np.finfo(x.dtype).eps for x in values), default=0.0) ** 0.5 * (1 + largest)
        for leaf, value in found.gradients().items():
            recorded = graph.gradients[leaf].value
            wrong = np.shape(value) != recorded.shape or not np.all(
                (np.abs(value - recorded) <= allowed) | ~np.isfinite(recorded)
            )
            if wrong:
                name = found[found.name_of(leaf)].name
                raise GradientError(
                    f"closed_form: the formula of {name} does not hold for the recorded values, since rules that "
                    "it was found by need finite numbers that are not 0; give other values, or derive it step by step"
                )
