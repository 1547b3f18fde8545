"""Trace: run a function once, and take out all that it did: a graph, where its inputs come from, what it changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import is_
from typing import Any, TypeAlias

from ..engine.errors import TraceError
from ..engine.record import birth_numbers, leaf
from ..engine.tensor import Tensor
from ..engine.trace import tracing
from ..graph import Graph, Node
from ..graph.capture import capture
from .surroundings import Surroundings, surrounding
from .trees import Constant, Tree, builder, flatten, others

Place: TypeAlias = "int | Tensor"
"""A Tensor that a call is about: the argument of this number, or one that the function finds elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One Tensor of what a function returns.

    Attributes:
        place: where it is, if the function returns what it was given or has found.
        made: else the number of the graph's output that it is.
        name: its name.
        requires_grad: whether gradients flow through it.
    """

    place: Place | None = None
    made: int = 0
    name: str | None = None
    requires_grad: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """What a function does in calls of one kind.

    Attributes:
        graph: its outputs are the conditions of guards, and then whatever is returned or written.
        values: for each of the graph's leaves and constants what it was, as a Tensor.
        arguments: of the leaves, those that are arguments, each with its number.
        held: those that the function finds elsewhere.
        grads: those that are the ``.grad`` of a Tensor.
        sources: those that are read anew in every run.
        guards: for each condition whether it held.
        tree: what is returned, without its Tensors.
        results: the Tensors in it.
        effects: what is written: where, by which changes, and the number of the output.
        gradients: whose ``.grad`` is written, and the number of the output, or None to clear it.
        needs: whose ``.grad`` the function goes by, and whether there was one.
        bound: the arguments that the function finds elsewhere too.
        settings: what Python code went by, and how to read it.
        surroundings: what else it finds outside its arguments.
        changed: what it changed besides Tensors, in words: then the program is good for this call only.
        generators: the random numbers' generators.
    """

    graph: Graph
    values: Mapping[Node, Tensor]
    arguments: Sequence[tuple[Node, int]]
    held: Sequence[tuple[Node, Tensor]]
    grads: Sequence[tuple[Node, Place]]
    sources: Sequence[tuple[Node, Callable[[], Any]]]
    guards: Sequence[bool]
    tree: Tree
    results: Sequence[Result]
    effects: Sequence[tuple[Place, Callable[[Any], Iterable[tuple[Any, ...]]], int]]
    gradients: Sequence[tuple[Place, int | None]]
    needs: Sequence[tuple[Place, bool]]
    bound: Mapping[int, Tensor]
    settings: Sequence[tuple[Callable[[], tuple[Any, ...]], tuple[Any, ...]]]
    surroundings: Surroundings
    changed: Sequence[str]
    generators: Sequence[Any]

    @property
    def inputs(self) -> Iterator[Node]:
        """The leaves that are read anew in every run, in the order in which a program takes them."""
        for leaves in (self.arguments, self.held, self.grads, self.sources):
            yield from (node for node, _ in leaves)


def traced(function: Callable[..., Any], tree: Tree, leaves: Sequence[Any], names: Sequence[str]) -> Traced:
    """Run a function once, and tell what it did; state is as it was before.

    Args:
        function: takes the arguments of the tree.
        tree: the positional and the keyword arguments.
        leaves: the Tensors and arrays among them.
        names: what to call those that have no names.

    Raises:
        TraceError: where Python code reads a value; where an argument is also found elsewhere, and more than Tensors
            change.
    """
    bound: dict[int, Tensor] = {}
    while True:
        found = _Run(function, tree, leaves, names, bound)
        again = {i: x for i, x in enumerate(leaves) if isinstance(x, Tensor) and x in found.met}
        if again.keys() <= bound.keys():
            return found.traced()
        if found.changed:
            raise TraceError(
                f"an argument is also found elsewhere, so that the function has to run again, but it changes "
                f"{', '.join(found.changed)}; return what changes, or keep it in a Tensor and assign_ to it"
            )
        bound |= again  # an argument that the function also knows from elsewhere: it gets the Tensor itself


class _Run:
    """One run of a function on stand-ins for its arguments."""

    def __init__(
        self,
        function: Callable[..., Any],
        tree: Tree,
        leaves: Sequence[Any],
        names: Sequence[str],
        bound: Mapping[int, Tensor],
    ) -> None:
        self.since, self.bound, self.leaves = next(birth_numbers), dict(bound), leaves
        first: dict[int, Tensor] = {}
        self.places: dict[Tensor, int] = {}
        given = []
        for i, (x, name) in enumerate(zip(leaves, names, strict=True)):
            if id(x) not in first:
                first[id(x)] = x if i in bound else _stand_in(x, name)
                self.places[first[id(x)]] = i
            given.append(first[id(x)])
        args, settings = builder(tree)(iter(given))
        made: list[Any] = []
        try:
            with tracing() as self.trace, surrounding([function, *others(tree)], self.trace.settings) as around:
                self.tree = flatten(function(*args, **settings), made)
        finally:
            rewind(self.trace.generators)
        self.surroundings, self.changed = around, around.changed(self.trace.generators)
        self.returned = made
        self._capture()
        trace = self.trace
        touched = {*trace.grads, *trace.effects, *(t for t in self.nodes if t.born < self.since), *self._tensors()}
        self.met = touched - self.places.keys() | set(bound.values())

    def _tensors(self) -> Iterator[Tensor]:
        return (t for t in self.returned if isinstance(t, Tensor))

    def _capture(self) -> None:
        trace, self.outputs = self.trace, list[Tensor]()
        for condition, _ in trace.guards:
            self._output(condition)
        self.results = [self._result(t) for t in self.returned]
        self.effects = [
            (self._place(x), effect.changes, self._output(effect.value))
            for x, effect in trace.effects.items()
            if effect.changes is not None
        ]
        changed = [(x, trace.gradients[x]) for x, before in trace.grads.items() if trace.gradients[x] is not before]
        self.gradients = [(self._place(x), None if g is None else self._output(g)) for x, g in changed]
        self._call_gradients([*((g, x) for x, g in changed if g is not None), *trace.derived.items()])
        self.graph, self.nodes = capture(self.outputs, values=False, since=self.since)

    def _call_gradients(self, found: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Name gradients after what they are of, new values, and the rest of the results, for sources and pictures.

        It is too late for anybody else to see these names.
        """
        called = [(g, f"d{x._name}") for g, x in found if x._name is not None]
        called += [(e.value, f"new {x._name}") for x, e in self.trace.effects.items() if x._name is not None]
        for t, name in (*called, *((t, "out") for t in self._tensors())):
            if t.op is not None and t.born >= self.since and t._name is None:
                t._name = name

    def _output(self, x: Tensor) -> int:
        self.outputs.append(x)
        return len(self.outputs) - 1

    def _place(self, x: Tensor) -> Place:
        return self.places.get(x, x)

    def _result(self, x: Any) -> Result:
        if not isinstance(x, Tensor):  # an array, which no value of this run has gone into
            x = leaf(x.copy())
        if x in self.places and not isinstance(self.leaves[self.places[x]], Tensor):
            x = self.trace.effects[x].value if x in self.trace.effects else x  # of the array only a copy is returned
        elif x in self.places or x.born < self.since:
            return Result(place=self._place(x))
        return Result(made=self._output(x), name=x.name, requires_grad=x.requires_grad and x.op is not None)

    def traced(self) -> Traced:
        """All that the run did."""
        trace, nodes = self.trace, self.nodes
        before = {g: x for x, g in trace.grads.items() if g is not None}
        leaves = [(t, node) for t, node in nodes.items() if node.is_leaf]
        rest = [(t, node) for t, node in leaves if t not in self.places and t not in trace.sources]
        kept = [(t, node) for t, node in rest if t not in before and t.born < self.since]
        return Traced(
            graph=self.graph,
            values={node: t for t, node in nodes.items()},
            arguments=[(node, place) for t, node in leaves if isinstance(place := self._place(t), int)],
            held=[(node, t) for t, node in kept],
            grads=[(node, self._place(before[t])) for t, node in rest if t in before],
            sources=[(node, trace.sources[t]) for t, node in leaves if t in trace.sources],
            guards=[truth for _, truth in trace.guards],
            tree=self.tree,
            results=self.results,
            effects=self.effects,
            gradients=self.gradients,
            needs=[(self._place(x), g is not None) for x, g in trace.grads.items() if x not in trace.cleared],
            bound=self.bound,
            settings=[*trace.settings.values()],
            surroundings=self.surroundings,
            changed=self.changed,
            generators=[*trace.generators],
        )


def _stand_in(x: Any, name: str) -> Tensor:
    """A leaf with the values of an argument, so that what a trace does to it is not done to the argument."""
    if not isinstance(x, Tensor):
        return leaf(x.view(), name)
    new = leaf(x._values(), x.name or name, x.requires_grad, type(x))
    new._grad = x._grad
    return new


def rewind(states: Mapping[Any, Any]) -> None:
    """Set generators of random numbers back to earlier states, as if nothing had been drawn."""
    for generator, state in states.items():
        generator.bit_generator.state = state


def alike(now: Sequence[Any], then: Sequence[Any]) -> bool:
    """Whether settings are what they were: the same objects, or equal numbers and texts.

    >>> alike((1.5, "same"), (3 / 2, "same")), alike((1,), (2,)), alike(([],), ([],))
    (True, False, False)
    """
    if len(now) != len(then):
        return False
    return all(map(is_, now, then)) or all(a is b or Constant(a) == Constant(b) for a, b in zip(now, then, strict=True))
