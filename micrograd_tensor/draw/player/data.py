"""Data: the steps of the player, made from a graph: forward gate by gate, then backward, with what is shown at each.

Every formula, line of NumPy and number is printed from what was recorded; nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ...graph import Edge, Graph, Node
from ...graph.axes import AxisNames
from ...notation import (
    ALIGNED,
    MATHML,
    Typeset,
    align,
    backward_lines_by_operand,
    broadcasts,
    forward_line,
    identifiers,
    printable,
    saved_values,
    shorten,
    starting_lines,
)
from ..insides import Inside
from ..labels import Labels, Part
from ..options import Options
from ..verdicts import verdicts
from .arrays import encoded, parts
from .elements import BoxIn, Pictures, Place
from .live import Program
from .texts import counted, first_sentence, tree

MAX_CAPTION = 48
"""The longest name of an array, in characters; the step that makes it has all of its formula."""

MAX_OVERVIEW = 8
"""How many leaves and outputs are shown before the first step, and values at a box."""

Panel = dict[str, Any]
Step = dict[str, Any]


def data(
    graph: Graph,
    svg: str,
    *,
    title: str,
    report: Any = None,
    dims: AxisNames | None = None,
    insides: Sequence[Inside] = (),
) -> dict[str, Any]:
    """What the player shows of a graph: its ``title``, ``values`` by number, and ``steps``.

    Args:
        graph: forward only, or with its backward pass.
        svg: its picture, whose elements the steps name.
        title: the title of the player.
        report: a report on hand-derived gradients, or None.
        dims: names for axes.
        insides: of the boxes in the picture.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> captured = mt.graph((x * x).named("y"), [1.0, 1.0])
    >>> [step["phase"] for step in data(captured, mt.draw(captured).svg, title="y")["steps"]]
    ['overview', 'forward', 'upstream', 'backward', 'fork']
    """
    labels = Labels(graph, Options(dims=dims or {}, numbered=True))
    return _Player(graph, Pictures(graph, svg, insides), title, report, labels).data


class _Player:
    def __init__(self, graph: Graph, elements: Pictures, title: str, report: Any, labels: Labels) -> None:
        self.graph, self.elements = graph, elements
        self.labels, self.called, self.dims = labels, labels.called, labels.dims
        self.names = identifiers(graph)
        self.verdicts = verdicts(graph, report, self.called)
        self.shown: dict[Node, int] = {}
        self.program = Program(graph)
        self.math = {node: self._name(node) for node in graph.nodes if node.name or node.requires_grad or node.op}
        steps = [self._overview()]
        last: dict[Node, list[BoxIn]] = {box.gates[-1]: [] for box in elements.boxes}
        for box in elements.boxes:
            last[box.gates[-1]].append(box)
        for node in graph.nodes:
            if node.op and elements.shows(node):
                steps.append(self._forward(node))
            steps += map(self._box, last.get(node, ()))
        if graph.gradients:
            steps.append(self._upstream())
            steps += self._backward()
        wanted = [node for node in graph.gradients if node.is_leaf]
        self.data = {
            "title": printable(title),
            "values": self._values(),
            "steps": steps,
            "program": self.program.data | {"names": [f"d{self._name(node)}" for node in wanted]},
        }

    # ------------------------------------------------------------------------------------------------------- steps

    def _overview(self) -> Step:
        gates = sum(node.op is not None for node in self.graph.nodes)
        leaves = [node for node in self.graph.nodes if node.op is None]
        contents = f"{counted(gates, 'gate')}, {counted(len(leaves), 'leaf', 'leaves')}."
        said = [contents[0].upper() + contents[1:], "Solid arrows carry values forward, from left to right."]
        if self.graph.gradients:
            said.append("Dashed arrows carry gradients backward, from right to left.")
        if unnamed := next((node for node in self.graph.nodes if node.op and not node.name), None):
            number, name = self.called.numbers[unnamed], self._name(unnamed)
            said.append(f"A value without a name is called by its gate: {name} is the result of ({number}).")
        return {
            "phase": "overview",
            "title": "Overview",
            "say": said,
            "left": self._side("inputs", [self._panel(node) for node in leaves[:MAX_OVERVIEW]]),
            "right": self._side("outputs", [self._panel(node) for node in self._outputs()[:MAX_OVERVIEW]]),
        }

    def _forward(self, node: Node) -> Step:
        said = [first_sentence(node.made_by.forward.__doc__)]
        shape = self.labels.shape
        for i, axes in broadcasts(node, self.dims).items():
            x = node.operands[i]
            said.append(f"{self._caption(x)} {shape(x)} is copied along {axes} to {shape(node)}.")
        return {
            "phase": "forward",
            "title": self._title(node),
            "say": said,
            **_formulas(lambda said: [said.equation(node, self.math[node], self.math, dims=self.dims)]),
            "code": forward_line(node, self.names.values).split("\n"),
            **_seen(self.elements.gate(node)),
            "node": self.program.value(node),
            "lanes": [*self.elements.into(node), *self.elements.out_of(node)],
            "items": self.elements.spots(node),
            "left": self._side("inputs", [self._panel(x) for x in dict.fromkeys(node.inputs)]),
            "right": self._side("output", [self._panel(node)]),
        }

    def _around(self, box: BoxIn) -> tuple[list[Node], list[Node]]:
        """The values that come into a box, and those that go out of it."""
        gates, users = box.gates, self.graph.users
        inside = set(gates)
        into = dict.fromkeys(x for gate in gates for x in gate.inputs if x not in inside)
        out = [g for g in gates if g in self.graph.outputs or any(user not in inside for user, _ in users[g])]
        return list(into), out or list(gates[-1:])

    def _box_title(self, box: BoxIn) -> str:
        first, last = (self.called.numbers[gate] for gate in (box.gates[0], box.gates[-1]))
        return f"({first}) to ({last})" if first != last else f"({first})"

    def _box(self, box: BoxIn) -> Step:
        """The gates of a box, computed in one step."""
        gates, (into, out), picture = box.gates, self._around(box), box.picture
        lanes = dict.fromkeys(lane for gate in gates for lane in (*picture.into(gate), *picture.out_of(gate)))
        way = "Click on it, or press Enter, to open it." if box.opens else "A picture of this scope alone shows them."
        name = box.name.removeprefix(picture.prefix)
        return {
            "phase": "forward",
            "title": self._box_title(box),
            "say": [f"{counted(len(gates), 'gate')}, drawn as one box. {way}"],
            "mark": box.name,
            "in": box.around,
            "box": box.name,
            "lanes": picture.named(lanes),
            "items": picture.named(picture.parts([name, *map(picture.fork, out)])),
            "left": self._side("inputs", [self._panel(x) for x in into[:MAX_OVERVIEW]]),
            "right": self._side("output", [self._panel(x) for x in out[:MAX_OVERVIEW]]),
        }

    def _box_back(self, box: BoxIn) -> Step:
        """The rules of a box's gates, applied in one step."""
        gates, (into, out), picture = box.gates, self._around(box), box.picture
        outside = set(into)
        edges = [
            (gate, i)
            for gate in gates
            for i, x in enumerate(gate.operands)
            if x in outside and (gate, i) in self.graph.contributions
        ]
        lanes = dict.fromkeys(
            lane for gate, i in edges for lane in picture.back_to(gate, i, self._is_alone(gate.operands[i]))
        )
        handed = [
            self._part(gate.operands[i], (gate, i), self.graph.contributions[gate, i], self._letter(gate, i))
            for gate, i in edges[:MAX_OVERVIEW]
        ]
        arriving = [self._whole(node) for node in out if node in self.graph.gradients]
        return {
            "phase": "backward",
            "title": self._box_title(box),
            "say": [f"The rules of {counted(len(gates), 'gate')}, from the last to the first."],
            "mark": box.name,
            "in": box.around,
            "box": box.name,
            "lanes": picture.named(lanes),
            "items": [],
            "left": self._side("computed here, handed on to the left (downstream)", handed),
            "right": self._side("arrives from the right (upstream)", arriving[:MAX_OVERVIEW]),
            "verdicts": self._judged([gate.operands[i] for gate, i in edges if self._is_alone(gate.operands[i])]),
        }

    def _upstream(self) -> Step:
        given = [node for node in self._outputs() if node in self.graph.upstreams]
        code = [f"{self.names.upstreams[node]}  # given, shape {node.shape}" for node in given]
        return {
            "phase": "upstream",
            "title": "upstream gradient",
            "say": [
                "What comes after hands back one number for every element: how much it changes the final output L."
            ],
            "code": [*code, *starting_lines(self.graph, self.names)],
            **_seen(self.elements.everywhere(f"sink-{given[0].rank}")),
            "lanes": self.elements.parts(
                lane
                for node in given
                for lane in (
                    f"edge-out-{node.rank}-bwd",
                    *([f"edge-fork-{node.rank}-bwd"] if self._is_alone(node) else []),
                )
            ),
            "items": [],
            "left": self._side("", []),
            "right": self._side("given", [self._given(node) for node in given]),
        }

    def _backward(self) -> Iterator[Step]:
        first: dict[Node, list[BoxIn]] = {box.gates[0]: [] for box in self.elements.boxes}
        for box in self.elements.boxes:
            first[box.gates[0]].append(box)
        for node in reversed(self.graph.nodes):
            shown = self.elements.shows(node)
            if node in self.graph.gradients and not self._is_alone(node) and (shown or self.elements.fork(node)):
                yield self._sum(node)
            edges = [(node, i) for i in range(len(node.operands)) if (node, i) in self.graph.contributions]
            if edges and shown:
                yield self._rules(node, [i for _, i in edges])
            yield from map(self._box_back, first.get(node, ()))

    def _rules(self, node: Node, operands: list[int]) -> Step:
        lines = backward_lines_by_operand(self.graph, node, self.names)
        said, handed, lanes, code = [], [], [], []
        for i in operands:
            x, part = node.operands[i], self.graph.contributions[node, i]
            mark = self._letter(node, i)
            clauses = ", ".join(self.labels.rule((node, i)))
            said.append(f"to {self._name(x)}{f' ({mark})' if mark else ''}: {clauses}")
            handed.append(self._part(x, (node, i), part, mark))
            lanes += self.elements.back_to(node, i, self._is_alone(x))
            *before, last = lines[i] or ("",)
            code += [*before, f"{last}  # {mark}" if mark else last]
        complete = [node.operands[i] for i in operands if self._is_alone(node.operands[i])]
        return {
            "phase": "backward",
            "title": self._title(node),
            "say": said,
            **_formulas(lambda said: [said.rule(self.graph, (node, i), self.math, dims=self.dims) for i in operands]),
            "code": code,
            **_seen(self.elements.gate(node)),
            "lanes": lanes,
            "items": [],
            "left": self._side("computed here, handed on to the left (downstream)", handed),
            "right": self._side("arrives from the right (upstream)", [self._whole(node)]),
            "kept": self._side(
                "needed from the forward pass", [self._panel(x) for x in saved_values(self.graph, node)]
            ),
            "verdicts": self._judged(complete),
        }

    def _sum(self, node: Node) -> Step:
        parts = self._parts(node)
        letters = [part.letter for part in parts]
        code = []
        for mark, edge, _ in parts:
            if edge is None:
                code.append(f"{self.names.gradients[node]} = {self.names.upstreams[node]}.copy()  # {mark}")
            else:
                code.append(f"{backward_lines_by_operand(self.graph, edge[0], self.names)[edge[1]][-1]}  # {mark}")
        return {
            "phase": "fork",
            "title": f"{self._name(node)}: {counted(len(parts), 'gradient')} meet",
            "say": [
                f"{self._name(node)} is used {counted(len(parts), 'time')}, so L depends on it in "
                f"{counted(len(parts), 'way')}: the gradients {', '.join(letters[:-1])} and {letters[-1]} are added."
            ],
            **_formulas(lambda said: [said.sum_of(self._name(node), letters)]),
            "code": code,
            **_seen(self.elements.fork(node) or self.elements.gate(node)),
            "lanes": self.elements.parts([f"edge-fork-{node.rank}-bwd"]),
            "items": [],
            "left": self._side("the sum, handed on to the left", [self._whole(node)]),
            "right": self._side(
                "the gradients that arrive",
                [self._part(node, part.edge, part.gradient, part.letter) for part in parts],
            )
            | {"sum": True},
            "verdicts": self._judged([node]),
        }

    # ------------------------------------------------------------------------------------------------------- parts

    def _outputs(self) -> list[Node]:
        return list(dict.fromkeys(self.graph.outputs))

    def _parts(self, node: Node) -> list[Part]:
        """The contributions that are added at a node; by numbers where boxes in the picture merge several letters."""
        parts = self.labels.parts(node)
        if len(parts) < 2 or not self.elements.merges:
            return parts
        return [part._replace(letter=str(k)) for k, part in enumerate(parts, 1)]

    def _is_alone(self, node: Node) -> bool:
        """Whether nothing is added to make the gradient of a node."""
        return len(self.graph.contributions_to(node)) + (node in self.graph.upstreams) == 1

    def _letter(self, node: Node, i: int) -> str:
        """Which of several contributions an edge's is; empty for the only one."""
        return next(part.letter for part in self._parts(node.operands[i]) if part.edge == (node, i))

    def _judged(self, nodes: Iterable[Node]) -> list[dict[str, str]]:
        judged = [self.verdicts[node] for node in dict.fromkeys(nodes) if node in self.verdicts]
        return [
            {
                "name": one.name,
                "status": one.status,
                "mark": one.status.sign,
                "role": one.status.role,
                "why": one.reason,
            }
            for one in judged
        ]

    # ------------------------------------------------------------------------------------------------------- texts

    def _title(self, node: Node) -> str:
        return f"({self.called.numbers[node]}) {node.made_by.name}"

    def _caption(self, node: Node) -> str:
        """What a value is called; for an unnamed one also the formula that it was computed by."""
        name = self._name(node)
        return name if node.name or node.is_leaf else shorten(f"{name} = {self.labels.formula(node)}", MAX_CAPTION)

    def _name(self, node: Node) -> str:
        """What a value is called in the picture; an unnamed leaf is called as in the source."""
        return self.called.in_short(node) or self.names.values[node]

    # ------------------------------------------------------------------------------------------------------ panels

    def _side(self, head: str, panels: list[Panel]) -> dict[str, Any]:
        return {"head": head, "panels": panels}

    def _panel(self, node: Node) -> Panel:
        return self._shown("value", self._caption(node), self.names.values[node], node, self.program.value(node))

    def _given(self, node: Node) -> Panel:
        upstream = self.graph.upstreams[node]
        return self._gradient(node, upstream, self.program.value(upstream), "upstream")

    def _whole(self, node: Node) -> Panel:
        made = self._gradient(node, self.graph.gradients[node], self.program.gradient(node))
        return made | {"of": self.program.value(node)}

    def _part(self, node: Node, edge: Edge | None, gradient: Node, mark: str) -> Panel:
        """What an edge passes back to a value; all of its gradient, where nothing else does."""
        made = self._gradient(node, gradient, self.program.contribution(edge, node), mark)
        return made | {"of": self.program.value(node)} if self._is_alone(node) else made

    def _gradient(self, node: Node, gradient: Node, place: int, mark: str = "") -> Panel:
        name, code = f"d{self._name(node)}", self.names.gradients[node]
        return self._shown("gradient", name, code, gradient, place) | {"mark": mark}

    def _shown(self, kind: str, name: str, code: str, node: Node, place: int) -> Panel:
        """A panel: its value by its index among all that are shown, and its place in what the page runs again."""
        value = self.shown.setdefault(node, len(self.shown))
        return {"kind": kind, "name": name, "code": code, "value": value, "place": place}

    def _values(self) -> list[dict[str, Any]]:
        """All values that are shown, as much of each as fits."""
        shown = parts([(node.shape, node.dtype) for node in self.shown])
        return [encoded(node.value, node.shape, node.dtype, part) for node, part in zip(self.shown, shown, strict=True)]


def _seen(places: Sequence[Place]) -> dict[str, Any]:
    """Where a step is seen: the first place, and others."""
    (around, mark), *others = places
    return {"mark": mark, "in": around, **({"also": [name for _, name in others]} if others else {})}


def _formulas(written: Callable[[Typeset], list[str]]) -> dict[str, Any]:
    """Formulas for the page to show, and to be copied."""
    return {"math": [tree(markup) for markup in written(MATHML)], "latex": align(written(ALIGNED))}
