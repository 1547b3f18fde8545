"""Labels: what pictures say of the values, gradients and edges of a graph, in names, formulas and a few numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from ..engine.row import Reduction
from ..graph import Graph, Node
from ..graph.axes import Dims, axis_names
from ..graph.nodes import Edge
from ..notation import Called, broadcasts, formula, number, operand_text, printable, rule, shape_text, summary
from ..notation.names import SHORT
from ..notation.printable import WHOLE, counted, listed, shorten
from ..notation.templates import index_text
from ..notation.unicode import UNICODE
from .collapse import Collapsed
from .metrics import folded, text_width
from .options import Options
from .repeats import Box
from .rounding import is_rounding
from .scene import BOXED, GATE, MARK_FOLD, VALUE, Item, symbol_size
from .uses import Use, Uses, rearranges

MAX_CAPTION = 32
"""The longest formula above a gate, in characters."""

MAX_PATH, MAX_CLAUSES = 3, 4
"""The longest path through a box whose rules are written out, in gates, and the maximum number of their lines."""

BOX_FOLD, LEAST_HEIGHT = 80.0, 54.0
"""How wide the lines in a box of a narrow picture are, and the least height of the box of a scope."""

MAX_LEAVES, LEAVES_FOLD = 88, 200.0
"""The longest list of the leaves of a box, in characters, and how wide its lines are."""

MAX_UNRECORDED = 4
"""How many values are named of which nothing is recorded."""


class Part(NamedTuple):
    """A gradient that is added to others at a fork, with its letter; a given one has no edge."""

    letter: str
    edge: Edge | None
    gradient: Node


class Labels:
    """The labels of a graph.

    Attributes:
        graph: the graph.
        detail: "full", "shape" or "name".
        dims: names of axes.
        called: the names of its values, and the numbers of its gates.
        uses: the uses of its values; a box uses a value at most once.
        marks: the letters of uses, where several gradients are added.
        parameters: whether the graph says which leaves are parameters: those of modules are.
    """

    def __init__(
        self,
        graph: Graph,
        options: Options | None = None,
        collapsed: Collapsed | None = None,
        dims: Dims | None = None,
        *,
        apart: bool = True,
    ) -> None:
        options = options or Options()
        self.graph, self.detail = graph, options.detail
        self.dims = axis_names(graph, options.dims) if dims is None else dims
        self._within = options.within
        before = options.within.gates if options.within else 0
        self._numbered = options.numbered
        self.called = Called(graph, self.dims, apart=apart, before=before, short=0 if options.numbered else SHORT)
        self._values: dict[Node, str] = {}
        self._roundings: dict[Node, bool] = {}
        self._rules: dict[Edge, tuple[str, ...]] = {}
        self.uses = Uses(graph, collapsed or Collapsed())
        self.parameters = any(node.parameter for node in graph.nodes)
        self._scalars = all(not node.shape for node in graph.nodes if node.is_leaf and node.requires_grad)
        longest = max((len(graph.contributions_to(node)) for node in graph.gradients), default=0) + 1
        self._letters = [self.called.letter(k) for k in range(longest)]
        parts = [uses for uses in map(self.uses.carrying, graph.nodes) if len(uses) > 1]
        self.marks = {use: self._letters[k] for uses in parts for k, use in enumerate(uses)}
        for use in self.marks:
            if letters := (options.letters or {}).get(use.value.rank):
                here: set[tuple[int, int] | None] = {(gate.rank, i) for gate, i in use.edges}
                if use.target is None:  # whatever comes from outside of a part
                    here = {*letters} - {(gate.rank, i) for (gate, i), _ in graph.contributions_to(use.value)}
                self.marks[use] = " + ".join(letter for edge, letter in letters.items() if edge in here)

    # ------------------------------------------------------------------------------------------------------ values

    def value(self, node: Node) -> str:
        """The shape of a value, and what is in it; nothing of what stands for no array.

        >>> import micrograd_tensor as mt
        >>> graph = mt.graph(mt.tensor([1.0, 2.0]))
        >>> [Labels(graph, Options(detail=detail)).value(graph.outputs[0]) for detail in ("full", "shape", "name")]
        ['(2,)  1.00…2.00', '(2,)', '']
        """
        if node not in self._values:
            there = self.detail != "name" and node.dtype != object
            full = there and self.detail == "full"
            elements = "" if not full else "≈ 0" if is_rounding(node, self._roundings) else summary(node.value)
            self._values[node] = f"{self.shape(node)}  {elements}".strip() if there else ""
        return self._values[node]

    def shape(self, node: Node) -> str:
        """The shape of a value, with the names of its axes; nothing for a scalar."""
        return shape_text(node, self.dims) if node.shape else ""

    def lines(self, name: str, node: Node) -> tuple[str, ...]:
        """The lines of a value's box: its name, its shape and its range, the last two in one line for a scalar."""
        text = self.value(node)
        said = "not recorded" if self.lacks_record(node) and self.detail != "name" else ""
        return tuple(line for line in (name, *(text.split("  ") if node.shape else (text,)), said) if line)

    def described(self, node: Node) -> str:
        """What a value is called, its shape and its range."""
        return f"{self.called.values[node]} {self.value(node)}".strip()

    def introduced(self, node: Node) -> str:
        """What a value is called where it is made; of one that is called by its gate also the formula, if it is short.

        >>> import micrograd_tensor as mt
        >>> graph = mt.graph(mt.tensor([1.0, 2.0], name="x", requires_grad=True) + 1.0)
        >>> [Labels(graph, Options(numbered=numbered)).introduced(graph.outputs[0]) for numbered in (False, True)]
        ['x + 1', 'y₁ = x + 1']
        """
        name = self.called.values[node]
        text = self.formula(node) if self._numbered and node.op and not node.name else ""
        return f"{name} = {text}" if 0 < len(text) <= SHORT else name

    def name(self, node: Node) -> str:
        """What a value is called, or what kind of leaf it is."""
        kind = "leaf" if node.requires_grad else "unrecorded" if self.lacks_record(node) else "constant"
        return self.called.values[node] or kind

    def lacks_record(self, node: Node) -> bool:
        """Whether a value would show how it was computed, had that been recorded; indices and masks are mere data."""
        return node.unrecorded and (node.dtype.kind in "fc" or node in self.graph.outputs)

    @property
    def unrecorded(self) -> str:
        """Which values are the results of ops that were not recorded, and how to see these; nothing if there are none.

        >>> import micrograd_tensor as mt
        >>> x = mt.tensor([1.0, 2.0], name="x")
        >>> Labels(mt.graph((x * x).named("y"))).unrecorded
        'y was computed without a record; mt.draw(lambda: net(x).sum()) shows how, or requires_grad=True on the inputs'
        """
        nodes = [node for node in self.graph.nodes if self.lacks_record(node)]
        if not nodes:
            return ""
        called = (printable(node.name) if node.name else f"an unnamed {self.shape(node) or 'number'}" for node in nodes)
        names = [*dict.fromkeys(called)]
        if len(names) > MAX_UNRECORDED:
            names[MAX_UNRECORDED - 1 :] = ["others"]
        was = "was" if len(names) == 1 else "were"
        return (
            f"{listed(names)} {was} computed without a record; "
            "mt.draw(lambda: net(x).sum()) shows how, or requires_grad=True on the inputs"
        )

    def kind(self, node: Node) -> str:
        """What a value is shown as: data, a parameter or a constant.

        In a part it is what it is in the whole graph. Without modules nobody says what is a parameter; then the leaf
        where the main path starts is data, and of what else asks for a gradient only scalars among themselves.
        """
        if self._within is not None:
            return self._within.kinds.get(node.rank, "data")
        if node.op or (node is self.uses.data and not node.parameter):
            return "data"
        if node.requires_grad:
            known = self.parameters or self._scalars
            return "param" if node.parameter or not known else "data"
        return "data" if node.name and not node.parameter and not node.unrecorded else "constant"

    def formula(self, node: Node) -> str:
        """How a value was computed, in full."""
        if not node.name and node not in self.called.stand_ins:
            return self.called.values[node]
        return formula(node, self.called.stand_ins, dims=self.dims, limit=WHOLE)

    def copied(self, edge: Edge) -> str:
        """The axes along which an op copies an operand, whose gradient is summed over them; nothing for names alone."""
        return "" if self.detail == "name" else broadcasts(edge[0], self.dims).get(edge[1], "")

    def box(self, name: str, node: Node, kind: str, title: str = "") -> Item:
        """The box of a value, given its id; it is placed right before the gate that uses it."""
        item = Item(name, kind, (node.rank, 0), title or self.name(node), self.lines(self.name(node), node))
        item.shape, item.side = node.shape, True
        return boxed(item)

    def gate(self, node: Node) -> Item:
        """The gate that makes a value."""
        turn, text = self.called.numbers[node], self.formula(node)
        name = f"{self.called.values[node]} = " if node.name or self._numbered else ""
        title = f"gate {turn}, {node.made_by.name}: {name}{text}"
        item = gate_item(node, title, f"({turn}) {self.op(node)}", "" if any_order(node) else text)
        item.dead, item.moves, item.scope = not node.requires_grad, int(rearranges(node.made_by)), node.scope
        return item

    def op(self, node: Node) -> str:
        """The op that makes a value, with its parameters: "mean over axis 0", "getitem [:, 6:9]".

        >>> import micrograd_tensor as mt
        >>> graph = mt.graph(mt.mean(mt.tensor([[1.0, 2.0]], requires_grad=True), axis=1))
        >>> Labels(graph).op(graph.outputs[0])
        'mean over axis 1'
        """
        texts, before = [node.made_by.name], ""
        for part in UNICODE.parts(node):
            if isinstance(part, str) or part.kind in ("", "flag"):
                continue
            if part.kind == "index":
                names = [operand_text(x, self.called.names, dims=self.dims) for x in node.operands[1:]]
                texts.append(f"[{', '.join(index_text(node.params[part.name], names, number))}]")
            else:
                way = ("over " if isinstance(node.reading, Reduction) else "along ") if part.kind == "axis" else ""
                texts[-1] += "," * (part.kind == before == "number")
                texts.append(f"{way}{UNICODE.said(node, part, self.dims)}")
                before = part.kind
        return shorten(" ".join(texts), MAX_CAPTION)

    # --------------------------------------------------------------------------------------------------- gradients

    def parts(self, node: Node) -> list[Part]:
        """The contributions to a value's gradient in the order of addition; a single one has no letter."""
        given = [(None, self.graph.upstreams[node])] if node in self.graph.upstreams else []
        arriving = [*given, *self.graph.contributions_to(node)]
        letters = self._letters if len(arriving) > 1 else [""]
        return [Part(letter, *each) for letter, each in zip(letters, arriving, strict=False)]

    def total(self, node: Node) -> str:
        """The sum of the gradients from the uses of a value; empty if there are fewer than two."""
        uses = self.uses.carrying(node)
        if len(uses) < 2:
            return ""
        name, total = self.called.gradient(node), added([self.marks[use] for use in uses])
        return f"{name} = {total}" if name and self.uses.added(node, uses) is self.graph.gradients.get(node) else total

    def rule(self, edge: Edge, *, whole: bool = True) -> tuple[str, ...]:
        """The local rule of an edge, clause by clause; none is shortened, unless a place has no room for the whole."""
        if edge not in self._rules:
            self._rules[edge] = rule(self.graph, edge, self.called.stand_ins, dims=self.dims)
        clauses = self._rules[edge]
        if whole and any("…" in clause for clause in clauses):
            return rule(self.graph, edge, self.called.stand_ins, dims=self.dims, limit=WHOLE)
        return clauses

    def clauses(self, use: Use, *, whole: bool = True) -> tuple[str, ...]:
        """How a use passes back its gradient, with its letter; for an output, that the gradient is given."""
        if use.target is None:
            clauses: tuple[str, ...] = ("upstream",)
        else:
            clauses = self.rule(use.edges[0], whole=whole) if use.box is None else self._through(use, whole)
        mark = self.marks.get(use)
        return (f"{mark}: {clauses[0]}", *clauses[1:]) if mark else clauses

    def _through(self, use: Use, whole: bool) -> tuple[str, ...]:
        """The rules by which a box passes a gradient back to a value that comes into it, from its output on.

        They are written out if there is only one path and it is short, otherwise counted.
        """
        graph, inside = self.graph, set(use.box.gates) if use.box else set()

        def onward(gate: Node) -> list[Edge]:
            return [edge for edge in graph.users[gate] if edge[0] in inside and edge in graph.contributions]

        first = [edge for edge in use.edges if edge in graph.contributions]
        queue = list(dict.fromkeys(gate for gate, _ in first))
        seen = set(queue)
        for gate in queue:
            new = dict.fromkeys(user for user, _ in onward(gate) if user not in seen)
            seen.update(new)
            queue.extend(new)
        hidden_rules = (f"{counted(len(queue), 'rule')} inside",)
        path = first
        while len(path) < MAX_PATH and len(ahead := onward(path[-1][0])) == 1:
            path = [*path, *ahead]
        # There is only one path if every gate on it gets its whole gradient from the next.
        whole = all(len(graph.contributions_to(gate)) == 1 and gate not in graph.upstreams for gate, _ in path[:-1])
        if len(first) != 1 or onward(path[-1][0]) or not whole:
            return hidden_rules
        clauses = [clause for edge in reversed(path) for clause in self.rule(edge, whole=whole)]
        clauses = [clause for clause in clauses if clause != "× 1"] or ["× 1"]
        hidden = [name for node, name in self.called.stand_ins.items() if node in inside]
        if len(clauses) > MAX_CLAUSES or any(name in clause for name in hidden for clause in clauses):
            return hidden_rules
        return tuple(clauses)

    # ------------------------------------------------------------------------------------------------------- boxes

    def collapsed(self, box: Box) -> tuple[str, ...]:
        """The lines of a collapsed scope: its name, the number of its gates, and its leaves with their shapes."""
        n, leaves = len(box.scopes), self.uses.leaves[box]
        parameters = [leaf for leaf in leaves if leaf.requires_grad]
        parts = [counted(len(box.gates) // n, "gate")]
        if parameters:
            parts.append(counted(len(parameters) // n, "parameter"))
        times = f"{n} × more, like {box.like} " if box.like else f"{n} × " if n > 1 else ""
        text = f"{times}({', '.join(parts)})" if n > 1 and len(parts) > 1 else times + ", ".join(parts)
        # The leaves of the first of several equal scopes stand for those of the others.
        first = {x for gate in box.gates[: len(box.gates) // n] for x in gate.inputs}
        shown = [leaf for leaf in leaves if n == 1 or leaf in first]
        return tuple(line for line in (box.name, text, *self._listed(shown)) if line)

    def _listed(self, leaves: Sequence[Node]) -> tuple[str, ...]:
        """Lines of names with their shapes, grouped by shape: "gamma, beta (4,)"."""
        by_shape: dict[str, list[str]] = {}
        for leaf in leaves:
            if leaf.name or leaf.requires_grad:
                name = printable((leaf.name or "").rpartition(".")[2])
                by_shape.setdefault(self.shape(leaf), []).extend([name] if name else [])
        shapes = by_shape if self.detail != "name" else {}
        texts = [f"{', '.join(names)} {shape if shapes else ''}".strip() for shape, names in by_shape.items()]
        return folded(shorten(", ".join(texts), MAX_LEAVES), LEAVES_FOLD, VALUE)


def gate_item(node: Node, title: str, caption: str, reads: str) -> Item:
    """The circle of a gate, with its caption and the formula that shows the order of its operands."""
    symbol = str(node.dtype) if node.made_by.symbol == "dtype" else node.made_by.symbol
    item = Item(f"node-{node.rank}", "gate", (node.rank, 2), title, (symbol,), caption)
    item.op, item.reads, item.shape = node.op, shorten(reads, MAX_CAPTION), node.shape
    item.width = max(2 * GATE, 2 * math.ceil(text_width(symbol, symbol_size(symbol)) / 2) + 4)
    item.height = 2 * GATE
    return item


def marked(number: int, node: Node) -> str:
    """What a mark calls a value that has no name, or a long one: its gate, by number, and by op if that is short."""
    op = node.made_by.name
    return f"({number}) {op}" if text_width(op, VALUE, bold=True) <= MARK_FOLD else f"({number})"


def captioned(caption: str, formula: str) -> str:
    """A caption with the formula of its gate, which may begin with the op.

    >>> captioned("(1) sub", "1 − x"), captioned("(4) where", "where(x > 0, x, 0)")
    ('(1) sub: 1 − x', '(4) where(x > 0, x, 0)')
    """
    op = caption.rpartition(" ")[2]
    return f"{caption}{formula.removeprefix(op)}" if formula.startswith(f"{op}(") else f"{caption}: {formula}"


def any_order(node: Node) -> bool:
    """Whether an op has only one operand, or gives the same result in any order."""
    return node.op is None or len(node.operands) < 2 or node.op.commutes


def added(letters: Sequence[str]) -> str:
    """A sum of letters, of many the first and the last.

    >>> added("AB"), added("ABCDEF")
    ('A + B', 'A + … + F')
    """
    return " + ".join(letters if len(letters) < 5 else [letters[0], "…", letters[-1]])


def boxed(item: Item) -> Item:
    """The item, sized to its lines."""
    lines = item.lines or ("",)
    widths = (text_width(line, BOXED if k < item.bold else VALUE, k < item.bold) for k, line in enumerate(lines))
    item.width = 2 * math.ceil(max(widths) / 2) + 22  # whole points, to which some versions of Graphviz round
    item.height = max(26 + 14.0 * (len(lines) - 1), LEAST_HEIGHT if item.kind == "box" else 0.0)
    return item


def narrowed(item: Item) -> None:
    """Break the texts at an item for a narrow picture, once they are complete."""
    item.narrow = True
    if not item.is_box:
        return
    first, rest = item.lines[: item.bold], item.lines[item.bold :]
    names = [line for text in first for line in folded(text, BOX_FOLD, BOXED, bold=True, anywhere=True)]
    item.lines = (*names, *(line for text in rest for line in folded(text, BOX_FOLD, VALUE, anywhere=True)))
    item.bold = max(len(names), 1)
    boxed(item)
