"""Report: what became of a function, and what that saves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from math import prod
from typing import Any

import numpy as np

from ..algebra import Rule
from ..graph import Graph, Node
from ..notation import counted, webpage
from ..notation.printable import listed
from ..notation.unicode import formula
from .kernels import Made, Origin
from .loops import Expression, For, Let, Load, Statement
from .stages import Array, Calling, Launch, Plan
from .trace import Traced


@dataclass(frozen=True)
class Work:
    """A kernel of a program, or a call of NumPy.

    Attributes:
        name: of the kernel, or of the op.
        reads: the arrays that it is given.
        makes: the arrays that it makes.
        passes: how often it takes an array through memory.
        moved: the bytes that this makes.
        made: the bytes of the arrays that it makes.
        why: why what comes before does not do this too.
        kernel: whether it is one.
    """

    name: str
    reads: tuple[str, ...]
    makes: tuple[str, ...]
    passes: int
    moved: int
    made: int
    why: str
    kernel: bool


@dataclass(frozen=True)
class Facts:
    """What a backend says of a program.

    Attributes:
        backend: its name.
        steps: the kernels and the calls of NumPy, as they run.
        made: of each kernel where its machine code comes from, and how long that took.
        rules: the rewrites, each with how often.
        note: why it is not what was asked for.
        checks: what kernels check beside what the function goes by.
    """

    backend: str
    steps: Sequence[Work] = ()
    made: Sequence[Made] = ()
    rules: Mapping[Rule, int] = field(default_factory=dict)
    note: str = ""
    checks: Sequence[str] = ()

    @property
    def kernels(self) -> int:
        """How many kernels there are."""
        return sum(step.kernel for step in self.steps)

    @property
    def calls(self) -> Mapping[tuple[str, str], int]:
        """The ops that NumPy computes, each with the reason and how often."""
        return Counter((step.name, step.why) for step in self.steps if not step.kernel)

    @property
    def passes(self) -> int:
        """How often an array goes through memory."""
        return sum(step.passes for step in self.steps)

    @property
    def moved(self) -> int:
        """The bytes that this makes."""
        return sum(step.moved for step in self.steps)

    @property
    def allocated(self) -> int:
        """The bytes of the arrays that are made."""
        return sum(step.made for step in self.steps)


@dataclass(frozen=True, repr=False)
class Report:
    """What became of a function, for the kind of call that came last; print it, or let a notebook show it.

    Attributes:
        name: of the function.
        ops: how many ops it records.
        passes, moved: how often these take an array through memory, and the bytes that this makes.
        allocated: the bytes of the arrays that they make.
        guards: what is checked in every call, since another branch of the function is due where it is otherwise.
        facts: what the backend made of it.
        seconds: what tracing and compiling took.
        programs: for how many kinds of calls there are programs.
        eager: how many calls were left to the function itself, by reason.
    """

    name: str
    ops: int
    passes: int
    moved: int
    allocated: int
    guards: Sequence[str]
    facts: Facts
    seconds: float
    programs: int
    eager: Mapping[str, int]

    def __repr__(self) -> str:
        kernels = counted(self.facts.kernels, "kernel") if self.facts.kernels else "calls of NumPy"
        return f"<report on {self.name}: {counted(self.ops, 'op')} as {kernels}; print it>"

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        parts = [f"<p><b>{escape(self._headline)}</b></p>", _list(self._facts())]
        parts += [f"<p>{escape(heading)}</p>{_list(lines)}" for heading, lines in self._sections() if lines]
        joined = "\n".join(parts)
        return f'<style>{webpage.STYLE}</style>\n<div class="mt-page">\n{joined}\n</div>'

    def _lines(self) -> Iterator[str]:
        yield self._headline
        yield from (f"  {line}" for line in self._facts())
        for heading, lines in self._sections():
            if lines:
                yield f"  {heading}:"
                yield from (f"    {line}" for line in lines)

    @property
    def _headline(self) -> str:
        return f"{self.name}: {self.ops} ops, as a program of {self.facts.backend} made in {self.seconds:.2f} s"

    def _facts(self) -> Iterator[str]:
        facts = self.facts
        kinds = "kind of call" if self.programs == 1 else "kinds of calls"
        yield f"{self.programs} {kinds}; {sum(self.eager.values())} calls were left to the function itself"
        if facts.note:
            yield f"no kernels: {facts.note}"
        if facts.kernels:
            yield f"kernels: {facts.kernels}, calls of NumPy: {sum(facts.calls.values())}"
            origins = Counter(kernel.origin for kernel in facts.made)
            origin = ", ".join(f"{count} {_ORIGINS[origin]}" for origin, count in origins.items())
            yield f"their machine code: {origin}, in {sum(kernel.seconds for kernel in facts.made):.2f} s"
            yield f"arrays through memory: {self.passes} times, {_bytes(self.moved)}"
            yield f"   within the program: {facts.passes} times, {_bytes(facts.moved)}"
            yield f"arrays for results of ops: {_bytes(self.allocated)}; of the program: {_bytes(facts.allocated)}"

    def _sections(self) -> Iterator[tuple[str, list[str]]]:
        facts = self.facts
        yield "left to the function itself", [f"{n} × {_REASONS.get(why, why)}" for why, n in self.eager.items()]
        yield "checked in every call", [*self.guards, *facts.checks]
        if facts.kernels:
            yield "what runs", [_said(step) for step in facts.steps]
            yield (
                "rewritten by",
                [f"{n} × {rule.name} ({rule.condition}): {rule.proof}" for rule, n in facts.rules.items()],
            )


_ORIGINS: Mapping[Origin, str] = {
    "compiled": "compiled",
    "disk": "from the disk",
    "memory": "in memory already",
    "Python": "without loops, run by Python",
}

_REASONS = {"OtherBranchError": "another branch was due, by what is checked"}


def _said(step: Work) -> str:
    if not step.kernel:
        return f"NumPy: {step.name} makes {', '.join(step.makes)}: {step.why}"
    makes = f"makes {', '.join(step.makes)}" if step.makes else "checks"
    because = f"; not part of what comes before: {step.why}" if step.why else ""
    return f"{step.name} {makes} from {', '.join(step.reads)}, {_bytes(step.moved)} through memory{because}"


def _list(lines: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line.strip())}</li>' for line in lines)}</ul>"


def of_guards(traced: Traced) -> Iterator[str]:
    """What is checked in every call."""
    guards = traced.graph.outputs[: len(traced.guards)]
    for node, truth in zip(guards, traced.guards, strict=True):
        condition = formula(node, limit=80)
        yield f"{condition} everywhere" if truth else f"{condition} not everywhere"


def of_plan(plan: Plan, backend: str, made: Sequence[Made]) -> Facts:
    """What the backends that launch kernels say."""
    steps: list[Work] = []
    kinds: dict[str, Any] = {}
    for step in plan.steps:
        if isinstance(step, Launch):
            dtypes = [array.dtype for array in (*step.given, *step.made)]
            # One that has no arrays only checks, and computes in what those before it do.
            kinds[step.kernel.name] = np.result_type(*dtypes) if dtypes else next(reversed(kinds.values()), None)
            steps.append(_launched(step, steps, kinds))
        elif isinstance(step, Calling):
            node, moves = step.node, step.node.made_by.moves
            through: list[Node] = [] if moves else [node, *node.inputs]
            reads = tuple(x[1].name for x in step.operands if isinstance(x, tuple))
            moved, size = sum(map(_size, through)), 0 if moves else _size(node)
            steps.append(
                Work(node.made_by.name, reads, (step.result.name,), len(through), moved, size, step.why, kernel=False)
            )
        else:
            size, why = _size(step.array), f"all of it is {step.number:g}"
            steps.append(Work("full", (), (step.array.name,), 1, size, size, why, kernel=False))
    checks = [f"{name} from 0 to {n - 1}" for name, n in plan.inside.items()]
    return Facts(backend, steps, tuple(made), Counter(step.rule for step in plan.pool.steps), checks=checks)


def _launched(step: Launch, before: Sequence[Work], kinds: Mapping[str, Any]) -> Work:
    """What a kernel does, and why it is not a part of those before."""
    given, makes = (tuple(array.name for array in arrays) for arrays in (step.given, step.made))
    through = [*_through_memory(step)]
    size, moved = (sum(map(_size, arrays)) for arrays in (step.made, through))
    makers = {array: work for work in before for array in work.makes}
    kernels = [work.name for work in before if work.kernel]
    name, why = step.kernel.name, ""
    called = [array for array in given if array in makers and not makers[array].kernel]
    if kernels and called:
        why = f"it needs {listed([f'{array} of {makers[array].name}' for array in called])}"
    elif kernels and kinds[kernels[-1]] != kinds[name]:
        why = f"it computes in {kinds[name]}, and {kernels[-1]} in {kinds[kernels[-1]]}"
    elif kernels:
        taken = [f"{array} of {makers[array].name}" for array in given if array in makers]
        why = f"it needs the whole of {listed(taken)}" if taken else f"it shares no axis with {kernels[-1]}"
    return Work(name, given, makes, len(through), moved, size, why, kernel=True)


def of_ops(graph: Graph) -> tuple[int, int, int, int]:
    """How many ops a graph has, how often these take arrays through memory, bytes moved and made; views are free."""
    ops = [node for node in graph.nodes if node.op is not None]
    new = [node for node in ops if not node.made_by.moves]
    touched = [x for node in new for x in (node, *node.inputs)]
    return len(ops), len(touched), sum(map(_size, touched)), sum(map(_size, new))


def _size(node: Node | Array) -> int:
    return prod(node.shape) * node.dtype.itemsize


def _through_memory(launch: Launch) -> Iterator[Array]:
    """The arrays of a kernel, each once for every outermost loop that reads or writes it: within, it is cached."""
    arrays = {array.name: array for array in (*launch.given, *launch.made)}
    for statement in launch.kernel.body:
        yield from (arrays[name] for name in dict.fromkeys(_touched([statement])) if name in arrays)


def _touched(statements: Iterable[Statement]) -> Iterator[str]:
    for one in statements:
        if isinstance(one, For):
            yield from _touched(one.body)
            continue
        if not isinstance(one, Let) and hasattr(one, "array"):
            yield one.array
        value = getattr(one, "value", None) or getattr(one, "condition", None)
        if value is not None:
            yield from _loaded(value)


def _loaded(x: Expression) -> Iterator[str]:
    """The arrays that an expression reads."""
    stack: list[Any] = [x]
    while stack:
        this = stack.pop()
        if isinstance(this, Load):
            yield this.array
        elif isinstance(this, tuple):
            stack += this


def _bytes(n: int) -> str:
    for unit in ("B", "kB", "MB"):
        if n < 1000:
            return f"{n:.0f} {unit}"
        n = n / 1000  # type: ignore[assignment]
    return f"{n:.1f} GB"
