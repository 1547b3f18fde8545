"""Stages: what kernels compute and what NumPy is called for, in the order in which it is possible.

The operands of a call are stored, and its result is an array to the kernels after it. All between calls is algebra,
from the stored arrays to what has to be stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from ..algebra import Term, lower
from ..algebra.axes import flat
from ..algebra.terms import topological
from ..engine.arrays import is_duck
from ..engine.row import Primitive
from ..graph import Graph, Node
from ..notation.names import value_names
from .calls import Marked
from .grouping import Grouping
from .loops import For, Kernel, Load, Statement
from .scalars import PLAIN
from .schedule import Goal, Schedule
from .trace import Traced

LONGEST = 32
"""The most letters of a description that serves as a name."""


class CannotError(Exception):
    """A graph that has to be left to NumPy as a whole."""


@dataclass(eq=False)
class Array:
    """An array of a program.

    Attributes:
        name: what it is called.
        labels: of its axes, of which those of length 1 have none.
        shape: as it is; to a kernel it has one axis for each label.
        dtype: type of the elements.
    """

    name: str
    labels: tuple[int, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


@dataclass(eq=False)
class Calling:
    """A call of NumPy: the node whose op is called, its operands, its result, and why it is one."""

    node: Node
    operands: list[Any]
    result: Array
    why: str


@dataclass(eq=False)
class Filled:
    """An array of one number."""

    array: Array
    number: float


@dataclass(eq=False)
class Launch:
    """A kernel.

    Attributes:
        kernel: its loops.
        given: the arrays that it reads.
        made: those that it makes.
        truths: of its counters, whether they must be 0.
        terms: what it makes and counts.
    """

    kernel: Kernel
    given: list[Array]
    made: list[Array]
    truths: list[bool]
    terms: list[Term]

    @property
    def loops(self) -> bool:
        """Whether there is a loop in it: else Python is as fast."""
        return any(isinstance(one, For) for one in self.kernel.body)


@dataclass(eq=False)
class _Wanted:
    """What the kernels of a stage compute: an array for a term, or for a guard, how often it does not hold.

    Only the program itself sees an array that is free to lie in memory in any order: in that of the kernel's loops.
    """

    term: Term
    labels: tuple[int, ...]
    name: str
    dtype: np.dtype[Any]
    truth: bool | None = None
    free: bool = False

    @property
    def counts(self) -> bool:
        """Whether it is a guard."""
        return self.truth is not None


class Plan:
    """What a program does, in order.

    Args:
        traced: the function.
        spelled: whether a kernel can compute an op on scalars.

    Attributes:
        steps: kernels, calls and constants.
        inputs: the arrays of the function's inputs.
        outputs: of each output that is no guard, its node, and the array that its elements are in.
        constants: arrays by their names.
        inside: of the arrays that count places along an axis, how many there are.

    Raises:
        CannotError: where there is nothing for kernels to do.
    """

    def __init__(self, traced: Traced, spelled: Callable[[Primitive], bool]) -> None:
        if any(0 in node.shape for node in traced.graph.nodes):
            raise CannotError("an array without elements")
        if any(isinstance(x, complex) for node in traced.graph.nodes for x in node.operands):
            raise CannotError("a complex number")
        if any(is_duck(traced.values[node]._data) for node in traced.graph.nodes):
            raise CannotError("an array that is not NumPy's")
        for node, truth in zip(traced.graph.outputs, traced.guards, strict=False):
            if not truth and node.op is not None and any(f is np.isfinite for f in node.made_by.numpy):
                raise CannotError("numbers that are not finite, or so large that scaling them must not be undone")
        marked = self._marked = Marked(traced, spelled)
        lowered = self._lowered = lower(marked.graph)
        self.pool, self.terms = lowered.pool, lowered.terms
        self._nodes = {node.rank: node for node in marked.graph.nodes}
        self._reserved = frozenset({"np", "op", "F", "k", "scratch", "reuse", *PLAIN})
        self._taken = {*self._reserved}
        self._names = value_names(marked.graph.nodes, self._taken)
        self._named: dict[Term, Node] = {}
        for node in (*(n for n in marked.graph.nodes if n.name is not None), *marked.graph.nodes):
            self._named.setdefault(self.terms[node], node)
        self._origin: dict[Term, Node] = {}
        for node in marked.graph.nodes:
            if set(self.labels(node)) == set(self.terms[node].axes):
                self._origin.setdefault(self.terms[node], node)
        self._truths: set[Term] = set()
        self._stages: dict[Term, int] = {}
        self._wanted: dict[int, list[_Wanted]] = {}
        self._calls: dict[int, list[Node]] = {}
        self._asked: set[Any] = set()
        self._pending: list[Term] = []
        self._arrays: dict[Term, Array] = {}
        self._spread: dict[tuple[Term, tuple[int, ...]], Array] = {}
        self.steps: list[Calling | Filled | Launch] = []
        inputs = [marked.made[node] for node in traced.inputs]
        self.constants = {
            self._names[node]: node.value for node in marked.graph.nodes if node.is_leaf and node not in inputs
        }
        self.inputs = [Array(self._names[node], self.labels(node), node.shape, node.dtype) for node in inputs]
        outputs = marked.graph.outputs[len(traced.guards) :]
        self.inside: dict[str, int] = {}
        self._ask(traced, outputs)
        self._run()
        self.outputs = [(node, self.array_of(node)) for node in outputs]

    def size(self, label: int) -> int:
        """The length of an axis."""
        return self._lowered.axes.size(label)

    def labels(self, node: Node) -> tuple[int, ...]:
        """The labels of a node's axes, in order."""
        return flat(self._lowered.axes.layout[node])

    def lengths(self, labels: Iterable[int]) -> tuple[int, ...]:
        """The lengths of axes."""
        return tuple(map(self.size, labels))

    def array_of(self, node: Node) -> Array:
        """The array that holds the elements of a node, when its stage has run."""
        term = self.terms[node]
        return self._spread.get((term, self.labels(node))) or self._arrays[term]

    def places(self, graph: Graph) -> dict[Node, tuple[int, str]]:
        """For the nodes of the function that kernels stand for, which step that is, and its name.

        What a kernel does not store belongs to the first kernel that computes it; so does what algebra made needless.
        """
        makes: dict[Term, tuple[int, str]] = {}
        for number, step in enumerate(self.steps):
            if isinstance(step, Launch):
                makes |= dict.fromkeys(step.terms, (number, step.kernel.name))
        found: dict[Node, tuple[int, str]] = {}
        for node in reversed(graph.nodes):
            made = self._marked.made[node]
            if made.is_leaf or made in self._marked.calls:
                continue
            users = [found[user] for user, _ in graph.users[node] if user in found]
            place = makes.get(self.terms[made]) or min(users, default=None)
            if place is not None:
                found[node] = place
        return found

    # ------------------------------------------------------------------------------------- what has to be computed

    def _ask(self, traced: Traced, outputs: Sequence[Node]) -> None:
        """Ask for the outputs and the guards, and for what these need from earlier stages."""
        for k, truth in enumerate(traced.guards):
            node = self._marked.graph.outputs[k]
            self._want(self.terms[node], (), self._unique(f"otherwise{k + 1}"), node.dtype, truth)
        for k, (node, n) in enumerate(self._marked.places.items()):
            term = self.terms[node]
            ends = (("≥", self.pool.zero), ("<", self.pool.constant(n)))
            inside = [self.pool.make("indicator", (term, end), (sign,), term.axes) for sign, end in ends]
            self._want(self.pool.mul(*inside), (), self._unique(f"outside{k + 1}"), np.dtype(bool), True)
            self.inside[self._names[node]] = n
        for node in outputs:
            self._ask_node(node)
        while self._pending:
            self._ask_behind(self._pending.pop())

    def _want(
        self,
        term: Term,
        labels: tuple[int, ...],
        name: str,
        dtype: Any,
        truth: bool | None = None,
        free: bool = False,
    ) -> None:
        if (term, labels, truth) not in self._asked:
            self._asked.add((term, labels, truth))
            self._wanted.setdefault(self._stage(term), []).append(_Wanted(term, labels, name, dtype, truth, free))
        self._pending.append(term)

    def _ask_node(self, node: Node, free: bool = False) -> None:
        """Have the elements of a node in an array."""
        term, labels = self.terms[node], self.labels(node)
        if set(labels) != set(term.axes):
            self._spread.setdefault((term, labels), Array(self._names[node], labels, self.lengths(labels), node.dtype))
            self._want(term, labels, self._names[node], node.dtype)
        elif term not in self._asked:
            origin = self._origin[term]  # rather than its transpose, as which it may be wanted
            self._ask_term(term, self.labels(origin), origin, free)

    def _ask_term(self, term: Term, labels: tuple[int, ...], node: Node | None, free: bool) -> None:
        self._asked.add(term)
        if term.op in ("leaf", "opaque", "relabel"):
            self._pending.append(term)
        else:
            named = self._named.get(term)  # as whatever it is reshaped to, a gradient is called what it is
            named = named if named and named.name and set(self.labels(named)) == set(term.axes) else node
            name = self._names[named] if named else self._unique(next(iter(self.called(term, {})), "t"))
            self._want(term, labels, name, node.dtype if node else self._dtype(term), free=free)

    def _ask_behind(self, term: Term) -> None:
        """Ask for what must be there before a term's stage: what calls give, and sums of earlier stages."""
        stage, stack, seen = self._stage(term), [term], set[Term]()
        while stack:
            t = stack.pop()
            if t in seen:
                continue
            seen.add(t)
            if t.op == "opaque":
                self._ask_call(self._nodes[t.params[0]])
            elif t.op == "relabel" or (t.op in ("sum", "fold") and self._stage(t) < stage):
                inner = t.args[0] if t.op == "relabel" else t
                if inner not in self._asked:
                    self._ask_term(inner, inner.axes, None, free=True)
            else:
                stack += t.args

    def _ask_call(self, node: Node) -> None:
        if node not in self._asked:
            self._asked.add(node)
            self._calls.setdefault(self._stage(self.terms[node]), []).append(node)
            for x in node.inputs:
                self._ask_node(x, free=True)

    def _stage(self, term: Term) -> int:
        """After how many calls a term can be computed."""
        for t in topological([term], self._stages):
            before = max((self._stages[x] for x in t.args), default=0)
            self._stages[t] = before + (t.op in ("opaque", "relabel"))
        return self._stages[term]

    def _dtype(self, term: Term) -> np.dtype[Any]:
        """The dtype for what has no node of its own: the widest of what it is computed from."""
        found, stack, seen = {np.dtype(np.float32)}, [term], set[Term]()
        while stack:
            t = stack.pop()
            if t.op in ("leaf", "opaque"):
                found |= {dtype for dtype in [self._nodes[t.params[0]].dtype] if dtype.kind == "f"}
            elif t not in seen:
                seen.add(t)
                stack += t.args
        return np.result_type(*found)

    def called(self, term: Term, before: Mapping[Term, Term]) -> list[str]:
        """What to call a term, which others may be called too: by its name, and by how it is computed.

        Args:
            term: as it may be regrouped.
            before: what regrouped terms were.
        """
        names = [self._own_name(before.get(term, term)), self._described(term, before)]
        return [name for name in names if name and len(name) <= LONGEST]

    def _own_name(self, term: Term) -> str:
        node = self._named.get(term)
        return self._names[node] if node is not None and (node.name is not None or node.is_leaf) else ""

    def _described(self, term: Term, before: Mapping[Term, Term], deep: int = 4) -> str:
        args = term.args if len(term.args) <= 3 and deep else ()
        parts = [self._own_name(before.get(x, x)) or self._described(x, before, deep - 1) for x in args]
        if not all(parts) or not parts:
            return ""
        if term.op == "prod":
            factors = [*zip(parts, term.params, strict=True)]
            if any(abs(e) not in (1, 2) for _, e in factors):
                return ""
            above, below = ([part + "_sq" * (abs(e) == 2) for part, e in factors if sign * e > 0] for sign in (1, -1))
            return "_over_".join(["_".join(above) or "one", *below])
        if term.op == "lin" and [c.value for c in term.params] in ([1, -1], [-1, 1], [1, 1]):
            if term.params[0].value < 0:
                parts.reverse()
            return f"_{'plus' if term.params[0] == term.params[1] else 'minus'}_".join(parts)
        kinds = {"sum": "sum", "relabel": ""}
        if term.op in ("fold", "fn"):
            kinds[term.op] = term.params[0] if term.op == "fold" else term.params[0].name
        return "_".join(filter(None, [kinds[term.op], *parts])) if term.op in kinds else ""

    def _kernel_name(self) -> str:
        """A name for a kernel, of whose constants nothing has the name either."""
        name = self._unique("kernel")
        while f"k_{name}" in self._taken:
            name = self._unique("kernel")
        self._taken.add(f"k_{name}")
        return name

    def _unique(self, name: str) -> str:
        number, found = 1, name
        while found in self._taken:
            number += 1
            found = f"{name}{number}"
        self._taken.add(found)
        return found

    # -------------------------------------------------------------------------------------------- in what order

    def _run(self) -> None:
        for t in self.pool.terms.values():
            if t.op == "leaf":
                node = self._nodes[t.params[0]]
                self._have(t, Array(self._names[node], t.params[1], node.shape, node.dtype))
        relabelled = [t for t in self._stages if t.op == "relabel"]
        for stage in range(max([*self._wanted, *self._calls], default=0) + 1):
            for node in sorted(self._calls.get(stage, ()), key=lambda node: node.rank):
                result = Array(self._names[node], self.labels(node), node.shape, node.dtype)
                operands = [(x, self.array_of(x)) if isinstance(x, Node) else x for x in node.operands]
                why = self._marked.calls.get(node, "its axes cannot be tied to those of its operands")
                self.steps.append(Calling(node, operands, result, why))
                self._have(self.terms[node], result)
            for t in relabelled:
                if t.args[0] in self._arrays and t not in self._arrays:
                    array, to = self._arrays[t.args[0]], dict(zip(*t.params, strict=True))
                    self._have(t, replace(array, labels=tuple(to.get(label, label) for label in array.labels)))
            for kernel in self._kernels(self._wanted.get(stage, ())):
                self._launch(kernel)

    def _have(self, term: Term, array: Array) -> None:
        self._arrays[term] = array
        if array.dtype.kind == "b":
            self._truths.add(term)

    def _groups(self, wanted: Iterable[_Wanted]) -> list[list[_Wanted]]:
        """What has axes in common is computed by one kernel."""
        groups: list[tuple[set[int], list[_Wanted]]] = []
        for one in wanted:
            number = self.pool.as_constant(one.term)
            if number is not None and not one.counts:
                array = self._array(one)
                self.steps.append(Filled(array, float(number.value)))
                self._spread[one.term, one.labels] = array
                continue
            behind = topological([one.term], self._arrays)
            labels = {*one.labels, *one.term.axes, *(label for t in behind for label in t.axes)}
            labels |= {label for t in behind for x in t.args for label in x.axes}
            joined, apart = [one], []
            for other, members in groups:
                if other & labels or not (other or labels):
                    labels |= other
                    joined = members + joined
                else:
                    apart.append((other, members))
            groups = [*apart, (labels, joined)]
        return [members for _, members in groups]

    def _kernels(self, wanted: Iterable[_Wanted]) -> list[list[list[_Wanted]]]:
        """The kernels of a stage: one for each dtype to compute with, in which each group has loops of its own."""
        found: dict[Any, list[list[_Wanted]]] = {}
        for group in self._groups(wanted):
            found.setdefault(any(map(self._is_wide, group)), []).append(group)
        return [*found.values()]

    def _is_wide(self, one: _Wanted) -> bool:
        """Whether something is computed in float64."""
        return self._dtype(one.term) == np.float64 or one.dtype == np.float64

    def _launch(self, groups: list[list[_Wanted]]) -> None:
        grouping = Grouping(self.pool, self._truths)
        known = {grouping(t): Load(array.name, array.labels) for t, array in self._arrays.items()}
        by_name = {array.name: array for array in self._arrays.values()}
        every = [one for group in groups for one in group]
        names = {*self._reserved, *by_name, *(one.name for one in every)}
        truths = [t for t in known if t in self._truths]
        wide = np.dtype(np.float64 if any(self._is_wide(one) for one in every) else np.float32)
        plain = {one.name for one in every if one.dtype == wide}
        narrow = wide == np.float32
        schedule = Schedule(known, truths, lambda t: self.called(t, grouping.before), names, plain, narrow)
        given: dict[str, Array] = {}
        made: list[Array] = []
        body: list[Statement] = []
        lengths: dict[int, tuple[str, int]] = {}
        for group in groups:
            terms = grouping.shared([grouping(one.term) for one in group], known)
            behind = {x for t in topological(terms, known) for x in t.args if x in known}
            read = [known[t] for t in sorted(behind | {t for t in terms if t in known}, key=lambda t: t.id)]
            settled = [self._array(one) for one in group if not (one.counts or one.free)]
            order = self._order([*(by_name[load.array] for load in read), *settled], [one.term for one in group])
            for one in group:
                one.labels = tuple(label for label in order if label in one.labels) if one.free else one.labels
            here = [self._array(one) for one in group if not one.counts]
            goals = [
                Goal(t, counter=one.name) if one.counts else Goal(t, array=one.name, labels=one.labels)
                for t, one in zip(terms, group, strict=True)
            ]
            body += schedule.body(order, goals)
            given |= {load.array: by_name[load.array] for load in read}
            loads = [*((load.array, load.labels) for load in read), *((array.name, array.labels) for array in here)]
            lengths |= {label: (name, i) for name, labels in loads for i, label in enumerate(labels)}
            made += here
        counted = [one for one in every if one.counts]
        kernel = Kernel(
            name=self._kernel_name(),
            arrays=(*given, *(array.name for array in made)),
            lengths=lengths,
            body=body,
            rows=schedule.rows,
            wide=frozenset(schedule.wide),
            counters=tuple(one.name for one in counted),
        )
        held, makes = [bool(one.truth) for one in counted], [one.term for one in every]
        self.steps.append(Launch(kernel, [*given.values()], made, held, makes))
        for one, array in zip([one for one in every if not one.counts], made, strict=True):
            if set(one.labels) == set(one.term.axes):
                self._have(one.term, array)

    def _array(self, one: _Wanted) -> Array:
        return Array(one.name, one.labels, self.lengths(one.labels), one.dtype)

    def _order(self, arrays: Iterable[Array], terms: Iterable[Term]) -> list[int]:
        """The order of loops, from the outside: as the arrays lie in memory, the larger ones first."""
        after: dict[int, set[int]] = {}

        def reaches(a: int, b: int) -> bool:
            stack, seen = [a], {a}
            while stack:
                for x in after.get(stack.pop(), ()):
                    if x not in seen:
                        seen.add(x)
                        stack.append(x)
            return b in seen

        for array in sorted(arrays, key=lambda array: -prod(array.shape)):
            for a, b in pairwise(array.labels):
                if not reaches(b, a):
                    after.setdefault(a, set()).add(b)
        behind = [label for t in topological(terms) for label in t.axes]
        labels = dict.fromkeys([*(label for array in arrays for label in array.labels), *behind])
        order: list[int] = []
        while labels:
            first = next(a for a in labels if not any(a in after.get(b, ()) for b in labels))
            order.append(first)
            del labels[first]
        return order
