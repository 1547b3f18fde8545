"""ASCII: a circuit as a listing for terminals, step by step forward and then back.

Each row is a value, or a gradient, with the gate or the local rule that made it, its shape and its range. Tracks on the
left lead from each row to those that use it. For terminals limited to ASCII, every sign has an ASCII spelling.
"""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from ..graph import Graph, Node
from ..notation import formula, printable
from ..notation.alphabet import ASCII
from .errors import DrawError
from .labels import Labels, Part, added
from .options import Options
from .tracks import Row, Step, tracks

WIDTH, LEAST = 100, 40
"""Default and least width of a listing, in columns."""

LEAF, CONSTANT, GATE, OUTPUT, GIVEN, PART = "○", "◌", "●", "◆", "◇", "◦"
MEANINGS = {
    LEAF: "leaf",
    CONSTANT: "constant, or not computed",
    GATE: "gate",
    OUTPUT: "output",
    GIVEN: "upstream gradient",
    PART: "one of several gradients, which are added",
}

_TRACKS = {**dict.fromkeys("├┤┴┬┼", "+"), **dict.fromkeys("╰╯╭╮", "'"), "│": "|", "─": "-"}
_SIGNS = dict(zip("○◌●◆◇◦", "o.*@$:", strict=True))
_WORDS = {"√": "sqrt ", "Σ": "sum ", "Π": "prod ", "←": "<-", "→": "->"}
_SPELLED = ASCII | str.maketrans(_TRACKS | _SIGNS | _WORDS)
"""ASCII spellings of other characters."""


class _Line(NamedTuple):
    """A row of the listing: its step in the tracks, and its columns."""

    step: Step
    made_by: str
    text: str
    shape: str
    values: str


def listing(graph: Graph, title: str, options: Options | None = None, width: int = WIDTH, spell: bool = False) -> str:
    """The listing of a graph.

    Args:
        graph: forward only, or with its backward pass.
        title: its first line.
        options: detail and dims make a difference.
        width: the greatest number of columns.
        spell: spell out in ASCII what is not ASCII.

    Raises:
        DrawError: for less than 40 columns.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> print(listing(mt.graph((x * x).named("y"), [1.0, 1.0]), "Circuit of y"), end="")
    Circuit of y
    <BLANKLINE>
    forward
    ○   leaf     x          (2,)  1.00…2.00
    ├─╮
    ◆─╯ (1) mul  y = x · x  (2,)  1.00…4.00
    <BLANKLINE>
    backward
    ◇   upstream  dy          (2,)  1.00
    ├─◦ (1) mul   A: × x      (2,)  1.00…2.00
    ◦ │ (1) mul   B: × x      (2,)  1.00…2.00
    ○─╯ +         dx = A + B  (2,)  2.00…4.00
    <BLANKLINE>
    ○ leaf  ◆ output  ◇ upstream gradient  ◦ one of several gradients, which are added
    """
    if width < LEAST:
        raise DrawError(f"draw: a listing needs {LEAST} columns, and width={width!r} is less")
    writer = _Writer(graph, options or Options(), width, spell)
    blocks = [[writer.fitted(title)], writer.block("forward", list(writer.forward()))]
    if graph.gradients:
        blocks.append(writer.block("backward", list(writer.backward())))
    blocks.append(writer.legend())
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


class _Writer:
    def __init__(self, graph: Graph, options: Options, width: int, spell: bool) -> None:
        self.graph, self.options, self.width, self.spell = graph, options, width, spell
        self.labels = Labels(graph, options)
        self.called = self.labels.called
        self.signs: dict[str, None] = {}

    # ------------------------------------------------------------------------------------------------------- steps

    def forward(self) -> Iterator[_Line]:
        """The values in the order of computation, each leaf right before the first gate that uses it."""
        listed: set[Node] = set()
        scope = None
        for node in self.graph.nodes:
            if node.op:
                for leaf in dict.fromkeys(x for x in node.inputs if not x.op):
                    if leaf not in listed:
                        listed.add(leaf)
                        yield self._leaf(leaf)
                if node.scope is not scope and node.scope is not None:
                    yield _Line(Step(None, (), ""), f"[{printable(node.scope.path)}]", "", "", "")
                scope = node.scope
                yield self._gate(node)
        for node in self.graph.nodes:  # outputs that no gate makes or uses
            if not node.op and node not in listed:
                yield self._leaf(node)

    def _leaf(self, node: Node) -> _Line:
        kind = "leaf" if node.requires_grad else "constant"
        sign = OUTPUT if node in self.graph.outputs else LEAF if node.requires_grad else CONSTANT
        return _Line(Step(node, (), sign), kind, self.called.values[node] or formula(node), *self._said(node))

    def _gate(self, node: Node) -> _Line:
        name, made = self.called.values[node], self.labels.formula(node)
        uses = node.inputs
        texts = [made if made == name else f"{name} = {made}"]
        for i, x in enumerate(node.operands):
            if along := self.labels.copied((node, i)):
                texts.append(f"{self.labels.name(x)} copied along {along}")
        sign = OUTPUT if node in self.graph.outputs else GATE
        return _Line(Step(node, uses, sign), self._made_by(node), ", ".join(texts), *self._said(node))

    def backward(self) -> Iterator[_Line]:
        """The gradients from the outputs back, those of leaves as soon as all their contributions are there."""
        for node in reversed(self.graph.nodes):
            if node.op:
                yield from self._gradient(node)
                for leaf in dict.fromkeys(x for x in node.inputs if not x.op):
                    if self.graph.users[leaf][0][0] is node:
                        yield from self._gradient(leaf)
            elif not self.graph.users[node]:
                yield from self._gradient(node)

    def _gradient(self, node: Node) -> Iterator[_Line]:
        """The contributions to a value's gradient, if there are several, and their sum."""
        gradient, parts = self.graph.gradients.get(node), self.labels.parts(node)
        name = self.called.gradient(node) or f"d({self.called.values[node] or formula(node)})"
        sign = GATE if node.op else LEAF
        if gradient is None:
            if node.requires_grad:  # not computed, which is not 0
                yield _Line(Step(node, (), CONSTANT), "", f"{name}: not computed", self._said(node)[0], "—")
        elif len(parts) == 1:
            yield self._part(node, name, parts[0], sign)
        else:
            keys = [(node, part.letter) for part in parts]
            for key, part in zip(keys, parts, strict=True):
                yield self._part(key, part.letter, part, PART)
            total = added([part.letter for part in parts])
            yield _Line(Step(node, keys, sign), "+", f"{name} = {total}", *self._said(gradient))

    def _part(self, key: object, name: str, part: Part, sign: str) -> _Line:
        """A gradient with the rule that made it, or as given."""
        if part.edge is None:
            return _Line(Step(key, (), GIVEN), "upstream", name, *self._said(part.gradient))
        user = part.edge[0]
        text = f"{name}: {', '.join(self.labels.rule(part.edge))}"
        return _Line(Step(key, (user,), sign), self._made_by(user), text, *self._said(part.gradient))

    def _made_by(self, node: Node) -> str:
        return f"({self.called.numbers[node]}) {node.made_by.name}"

    def _said(self, node: Node) -> tuple[str, str]:
        """The shape of a value, and its range."""
        text = self.labels.value(node)
        shape, _, values = text.partition("  ") if node.shape else ("", "", text)
        return shape, values

    # -------------------------------------------------------------------------------------------------------- rows

    def block(self, heading: str, lines: list[_Line]) -> list[str]:
        """A heading, and the lines with their tracks in columns of one width."""
        self.signs |= dict.fromkeys(line.step.sign for line in lines)
        rows, note = tracks(line.step for line in lines), ""
        art = max((len(row.text) for row in rows), default=0)
        if art > self.width // 3:
            note = f" (its tracks are left out: side by side they take {art} columns)"
            rows, art = [Row(line.step.sign, number, fork=False) for number, line in enumerate(lines)], 1
        cells = [[self._spelled(cell) for cell in line[1:]] for line in lines]
        widths = self._widths([row for row, line in zip(cells, lines, strict=True) if line.step.sign], art)
        made = [self.fitted(heading + note)]
        for row in rows:
            text = set_cell_size(self._spelled(row.text), art)
            if row.fork:
                made.append(text.rstrip())
            elif not lines[row.step].step.sign:
                made.append(self.fitted(f"{text} {cells[row.step][0]}"))
            else:
                columns = [_cut(cell, size, self.spell) for cell, size in zip(cells[row.step], widths, strict=True)]
                made.append(f"{text} {'  '.join(columns)}".rstrip())
        return [_cut(line, min(cell_len(line), self.width), self.spell) for line in made]

    def _widths(self, cells: list[list[str]], art: int) -> list[int]:
        """The widths of the columns next to the tracks; if space is short, formulas are cut first, then ranges."""
        widths = [max((cell_len(row[k]) for row in cells), default=0) for k in range(4)]
        for k, least in ((1, 10), (3, 4), (0, 4), (2, 4), (1, 0)):
            excess = art + 1 + 2 * 3 + sum(widths) - self.width
            widths[k] = max(widths[k] - max(excess, 0), min(widths[k], least))
        return widths

    def legend(self) -> list[str]:
        """The meaning of the signs that occur."""
        said = [f"{sign} {meaning}" for sign, meaning in MEANINGS.items() if sign in self.signs]
        lines = [""]
        for entry in map(self._spelled, said):
            if lines[-1] and cell_len(lines[-1]) + 2 + cell_len(entry) > self.width:
                lines.append("")
            lines[-1] += f"  {entry}" if lines[-1] else entry
        notes = wrap(self._spelled(self.labels.unrecorded), self.width)
        return [*(self.fitted(line) for line in lines), *notes]

    def fitted(self, text: str) -> str:
        """A line on its own."""
        text = self._spelled(text)
        return _cut(text, min(cell_len(text), self.width), self.spell).rstrip()

    def _spelled(self, text: str) -> str:
        if not self.spell:
            return text
        return text.translate(_SPELLED).encode("ascii", "backslashreplace").decode()


def _cut(text: str, size: int, spell: bool) -> str:
    """The text padded or cut to this many columns."""
    dots = "..." if spell else "…"
    if cell_len(text) > size >= len(dots):
        return set_cell_size(text, size - len(dots)) + dots
    return set_cell_size(text, size)
