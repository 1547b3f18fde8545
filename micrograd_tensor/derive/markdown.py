"""Markdown: a derivation as a page, with formulas between dollar signs and code in fences."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ..graph import Node
from ..notation import LATEX
from ..notation.printable import listed
from .closed_form import ClosedForm
from .contents import PROVING, Contents, Formula, Section, reason
from .program import Program
from .remarks import Remark, Symbol
from .steps import Share, Step

_BLANK = r"\underline{\hspace{12em}}"
_SPECIAL = re.compile(r"([\\`*_\[\]<>#|$~&])")

_BACK = (
    "Back through the same steps, the last one first. Each gate receives the gradient of its result, the *upstream* "
    "gradient, and multiplies it by its *local* gradient, which makes the *downstream* gradient of each operand."
)
_TOGETHER = "The lines of all steps as one function, of the upstream gradient and of what the forward pass has kept:"


_COLUMNS = "| operand | local gradient | downstream | shape |"


class Page:
    """Writes the page of a derivation.

    Args:
        contents: what it says of each step.
        program: the lines of code of each step.
        steps: the steps.
        module: the derivation as a module; of an exercise the file to fill in.
        closed: the closed form, or why there is none; of an exercise "".
    """

    def __init__(
        self, contents: Contents, program: Program, steps: Sequence[Step], module: str, closed: ClosedForm | str
    ) -> None:
        self._contents, self._program, self._module, self._closed = contents, program, module, closed
        self._said, self._back_said = contents.languages(LATEX, _BLANK)
        sections = [*zip(contents.sections, steps, strict=True)]
        self._forward = [section for section in sections if section[0].forward]
        self._backward = [section for section in sections if not section[0].forward]
        self._made = {step.node: section for section, step in self._forward}

    def __str__(self) -> str:
        return "\n\n".join(self.blocks()) + "\n"

    def blocks(self) -> Iterator[str]:
        """The parts of the page: headings, paragraphs, formulas, tables and fenced code."""
        yield f"# {text(self._contents.title)}"
        yield from self._task()
        if self._forward:
            yield "## Forward"
            for section, step in self._forward:
                yield from self._gate(section, step)
            yield from self._forward_function()
        if self._backward:
            yield from self._back()
            for section, step in self._backward:
                yield from self._step(section, step)
        if self._contents.exercise:
            yield "## To be filled in"
            yield fenced(function(self._module, "backward"))
            return
        if self._backward:
            yield from self._together()
        yield "## The closed form"
        yield text(self._contents.closing)
        yield from (displayed(self._formula(formula)) for formula in self._contents.closed_form)
        if isinstance(self._closed, ClosedForm):
            yield from self._closed_function(self._closed)
            yield from self._proof()

    def _task(self) -> Iterator[str]:
        """What is given and what is wanted."""
        program = self._program

        def shaped(names: Mapping[Node, str]) -> str:
            return listed([f"{code(name)} {code(program.shape(x))}" for x, name in names.items()])

        given = shaped({x: program.names[x] for x in program.inputs})
        made = listed([code(program.name(x)) for x in program.outputs])
        wanted = shaped({x: program.gradients[x] for x in program.results})
        yield (
            f"From {given} the forward pass computes {made}. From there comes back {shaped(program.upstreams)}, the "
            f"gradient of some number $L$ that is computed later. Wanted is that of each input: {wanted}."
        )
        if lengths := program.axes():
            said = [f"{code(name)} = {n} is axis {axis} of {code(x)}" for name, (x, axis, n) in lengths.items()]
            yield f"Lengths: {listed(said)}."

    def _gate(self, section: Section, step: Step) -> Iterator[str]:  # noqa: ARG002 -- for pages that run it
        """A forward step: its formula, and what is copied in it."""
        yield f"**({section.number})** {code(section.name)} {code(section.formulas[0].shape)}"
        yield displayed(section.formulas[0].write(self._said))
        yield from self._notes(section)

    def _forward_function(self) -> Iterator[str]:
        """The forward pass as a function."""
        yield "As a function in plain NumPy:" if not self._contents.exercise else "As a function on Tensors:"
        defined = [] if self._contents.exercise else [made.text for made in self._program.definitions]
        yield fenced("\n\n\n".join([*defined, function(self._module, "forward")]))

    def _back(self) -> Iterator[str]:
        """What stands before the backward steps."""
        yield "## Backward"
        yield _BACK

    def _together(self) -> Iterator[str]:
        """The backward pass as a function."""
        yield "## Putting it together"
        yield _TOGETHER
        yield fenced(function(self._module, "backward"))

    def _closed_function(self, closed: ClosedForm) -> Iterator[str]:
        """The closed form as a function, with the functions that it calls."""
        yield "As a function:"
        yield fenced(closed.numpy.partition("\n\n\n")[2])

    def _step(self, section: Section, step: Step) -> Iterator[str]:
        """A backward step: why, the local gradients, the formulas, and the code."""
        yield f"### Step {section.number}: {code(section.name)}"
        if made := self._made.get(step.node):
            yield displayed(made.formulas[0].write(self._said))
        yield from self._notes(section)
        if step.gates and not self._contents.exercise:
            yield self._upstream(step)
            yield "\n".join([_COLUMNS, "|---|---|---|---|", *map(self._row, step.shares)])
        yield from (displayed(self._formula(formula)) for formula in section.formulas)
        if lines := self._program.step(step, blank=self._contents.exercise):
            yield fenced("\n".join(lines))

    def _upstream(self, step: Step) -> str:
        """What a step starts from."""
        kept = [self._contents.symbols.get(x, self._program.names[x]) for x in self._program.kept(step)]
        also = f" Kept from the forward pass: {listed([*map(code, kept)])}." if kept else ""
        return f"Upstream: {code(self._program.gradients[step.node])} {code(step.shape)}.{also}"

    def _row(self, share: Share) -> str:
        operand, name = self._contents.symbols[share.operand], self._program.gradients[share.operand]
        columns = [[operand], share.rule, [name], [self._program.shape(share.operand)]]
        return f"| {' | '.join(', '.join(map(cell, column)) for column in columns)} |"

    def _formula(self, formula: Formula) -> str:
        return rf"{formula.write(self._back_said)} \qquad {LATEX.words(formula.shape)}"

    def _notes(self, section: Section) -> Iterator[str]:
        if section.notes:
            yield " ".join(map(sentence, section.notes))

    def _proof(self) -> Iterator[str]:
        """Why the closed form is what the steps come to, equation by equation."""
        if self._contents.proof:
            yield "### Proof"
            yield PROVING
        for k, step in enumerate(self._contents.proof, 1):
            yield f"**({k})** *{text(step.rule)}*{sentence(reason(step))}"
            yield displayed(step.write(self._said))


def text(plain: str) -> str:
    """Plain text, in which no character is Markdown."""
    return _SPECIAL.sub(r"\\\1", plain)


def code(plain: str) -> str:
    """Text in a code span, which may have backticks itself."""
    longest = max(map(len, re.findall("`+", plain)), default=0)
    room = " " if plain.startswith("`") or plain.endswith("`") else ""
    return f"{'`' * (longest + 1)}{room}{plain}{room}{'`' * (longest + 1)}"


def cell(plain: str) -> str:
    """A code span in a table."""
    return code(plain).replace("|", r"\|")


def sentence(pieces: Remark) -> str:
    """A remark, with names as code."""
    return "".join(code(piece) if isinstance(piece, Symbol) else text(piece) for piece in pieces)


def displayed(formula: str) -> str:
    """A formula in a line of its own."""
    return f"$$\n{formula}\n$$"


def fenced(source: str) -> str:
    """Lines of Python."""
    return f"```python\n{source.strip()}\n```"


def function(module: str, name: str) -> str:
    """The lines of a function in a module."""
    return module[module.index(f"def {name}(") :].split("\n\n\n")[0]
