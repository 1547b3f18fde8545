"""Report: what became of a function, and what that saves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

from ..algebra import Rule
from ..graph import Graph, Node
from .kernels import Made, Origin
from .loops import Expression, For, Let, Load, Statement
from .stages import Array, Calling, Launch, Plan


@dataclass(frozen=True)
class Facts:
    """What a backend says of a program.

    Attributes:
        backend: its name.
        calls: the ops that NumPy computes, each with the reason and how often.
        kernels: how many kernels there are.
        made: of each where its machine code comes from, and how long that took.
        passes: how often an array goes through memory.
        moved: the bytes that this makes.
        rules: the rewrites, each with how often.
        note: why it is not what was asked for.
    """

    backend: str
    calls: Mapping[tuple[str, str], int]
    kernels: int = 0
    made: Sequence[Made] = ()
    passes: int = 0
    moved: int = 0
    rules: Mapping[Rule, int] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Report:
    """What became of a function, for the kind of call that came last; print it.

    Attributes:
        name: of the function.
        ops: how many ops it records.
        passes, moved: how often these take an array through memory, and the bytes that this makes.
        facts: what the backend made of it.
        seconds: what tracing and compiling took.
        programs: for how many kinds of calls there are programs.
        eager: how many calls were left to the function itself, by reason.
    """

    name: str
    ops: int
    passes: int
    moved: int
    facts: Facts
    seconds: float
    programs: int
    eager: Mapping[str, int]

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        facts = self.facts
        kinds = "kind of call" if self.programs == 1 else "kinds of calls"
        yield f"{self.name}: {self.ops} ops, as a program of {facts.backend} made in {self.seconds:.2f} s"
        yield f"  {self.programs} {kinds}; {sum(self.eager.values())} calls were left to the function itself"
        yield from (f"    {count} × {why}" for why, count in self.eager.items())
        if facts.note:
            yield f"  no kernels: {facts.note}"
        if facts.kernels:
            yield f"  kernels: {facts.kernels}, calls of NumPy: {sum(facts.calls.values())}"
            origins = Counter(kernel.origin for kernel in facts.made)
            origin = ", ".join(f"{count} {_ORIGINS[origin]}" for origin, count in origins.items())
            yield f"  their machine code: {origin}, in {sum(kernel.seconds for kernel in facts.made):.2f} s"
            yield f"  arrays through memory: {self.passes} times, {_bytes(self.moved)}"
            yield f"     within the kernels: {facts.passes} times, {_bytes(facts.moved)}"
            if facts.calls:
                yield "  why NumPy is called:"
                yield from (f"    {count} × {op}: {why}" for (op, why), count in facts.calls.items())
            if facts.rules:
                yield "  rewritten by:"
                yield from (f"    {count} × {rule.name}: {rule.proof}" for rule, count in facts.rules.items())


_ORIGINS: Mapping[Origin, str] = {
    "compiled": "compiled",
    "disk": "from the disk",
    "memory": "in memory already",
    "Python": "without loops, run by Python",
}


def of_plan(plan: Plan, backend: str, made: Sequence[Made]) -> Facts:
    """What the backends that launch kernels say."""
    launches = [step for step in plan.steps if isinstance(step, Launch)]
    calls = Counter((step.node.made_by.name, step.why) for step in plan.steps if isinstance(step, Calling))
    arrays = [array for launch in launches for array in _through_memory(launch)]
    return Facts(
        backend=backend,
        calls=calls,
        kernels=len(launches),
        made=tuple(made),
        passes=len(arrays),
        moved=sum(prod(array.shape) * array.dtype.itemsize for array in arrays),
        rules=Counter(step.rule for step in plan.pool.steps),
    )


def of_ops(graph: Graph) -> tuple[int, int, int]:
    """How many ops a graph has, how often they take an array through memory, and the bytes; views are free."""
    ops = [node for node in graph.nodes if node.op is not None]
    touched = [x for node in ops if not node.made_by.moves for x in (node, *node.inputs)]
    return len(ops), len(touched), sum(map(_size, touched))


def _size(node: Node) -> int:
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
