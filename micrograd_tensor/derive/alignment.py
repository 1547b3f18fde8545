"""Alignment: arrays whose axes have labels, aligned from the right, as NumPy broadcasts them.

An axis is put in, and axes change their order, only where alignment needs it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..algebra import Lowered
from ..algebra.axes import Layout, flat
from ..engine.row import Primitive
from ..engine.row import Relation as Relates
from ..engine.table.elementwise import mul, sqrt, square
from ..engine.table.elementwise import pow as power
from ..engine.table.shapes import reshape, transpose
from ..graph import Node
from ..notation.names import free
from .expressions import Named
from .rows import COUNTED, ORDERED, RESHAPED, SLICED, SPREAD

Order: TypeAlias = "tuple[int | None, ...]"
"""The label of each axis of an array; None: of length 1."""


class Placed(NamedTuple):
    """A value with its axes in their places."""

    value: Any
    order: Order

    @property
    def labels(self) -> tuple[int, ...]:
        """The labels that it has."""
        return tuple(label for label in self.order if label is not None)


class Aligned:
    """Makes nodes of ops on arrays with labelled axes.

    Args:
        lowered: the graph, for its axes.
        names: what axes are called by label; those that are not among them are known by their lengths.
        titles: what is named otherwise than it says.

    Attributes:
        dims: the labels of all nodes that were made, for notation.
        nodes: these nodes, by rank.
        leaves: the nodes of recorded values that were asked for, by what is named.
        taken: the names of values, which no length of an axis has.
    """

    def __init__(self, lowered: Lowered, names: Mapping[int, str], titles: Mapping[Named, str] | None = None) -> None:
        self._lowered, self._size, self._names = lowered, lowered.pool.size, names
        self._titles = titles or {}
        self.dims: dict[Node, tuple[str | None, ...]] = {}
        self.nodes: list[Node] = []
        self.leaves: dict[Named, Node] = {}
        self.taken: Container[str | None] = ()
        self._defined: dict[Named, Node] = {}
        self._flat: dict[Named, Node] = {}
        self._counts: dict[int, Node] = {}
        self._known = _known_orders(lowered)
        real = [node.dtype for node in lowered.graph.gradients.values() if node.dtype.kind == "f"]
        self._real = np.result_type(*real) if real else np.dtype(float)
        labels = {label for layout in lowered.axes.layout.values() for label in flat(layout)}
        self._hidden = labels <= set(names) and not lowered.axes.relabelled  # else x − x may be a table of differences

    # ------------------------------------------------------------------------------------------------------------ nodes

    def _node(self, op: Primitive, operands: Sequence[Any], order: Order, **params: Any) -> Node:
        return self._shaped(op, operands, tuple(self._lengths(order)), order, params)

    def _shaped(
        self,
        op: Primitive,
        operands: Sequence[Any],
        shape: tuple[int, ...],
        order: Sequence[int | None],
        params: Mapping[str, Any],
        dtype: np.dtype[Any] | None = None,
    ) -> Node:
        truth = isinstance(op.reading, Relates)
        node = Node(
            rank=len(self.nodes),
            shape=shape,
            dtype=dtype or (np.dtype(bool) if truth else self._dtype(op, operands)),
            op=op,
            operands=tuple(operands),
            params=MappingProxyType({**op.parameters, **params}),
        )
        return self._added(node, order)

    def _dtype(self, op: Primitive, operands: Sequence[Any]) -> np.dtype[Any]:
        """Of what is computed: that of the arrays, except that whole numbers are real ones, which may be divided."""
        arrays = [x.dtype for x in operands if isinstance(x, Node)]
        found = np.result_type(*arrays) if arrays else self._real
        truth = found.kind == "b" and len(arrays) == len(operands) and op is not COUNTED
        return found if truth or found.kind == "f" else self._real

    def _constant(self, value: Any, order: Sequence[int | None]) -> Node:
        return self._added(Node(rank=len(self.nodes), shape=value.shape, dtype=value.dtype, array=value), order)

    def _added(self, node: Node, order: Sequence[int | None]) -> Node:
        self.nodes.append(node)
        self.dims[node] = tuple(None if label is None else self._names.get(label) for label in order)
        return node

    def call(self, node: Node, name: str) -> Node:
        """Give a node that was made a name."""
        named = replace(node, name=name)
        self.nodes[node.rank] = named
        self.dims[named] = self.dims[node]
        return named

    def call_by(self, named: Named, name: str, node: Node) -> Node:
        """Let a name stand for a node that was made, in the recorded shape; the node then has it, if it had none."""
        made = self.call(node, name) if node.name is None and not node.is_leaf else node
        self._defined[named] = made
        return made

    def leaf(self, named: Named) -> Node:
        """The node of a recorded value."""
        if named in self._defined:
            return self._defined[named]
        if named not in self.leaves:
            recorded = named.node
            node = replace(
                recorded,
                rank=len(self.nodes),
                op=None,
                operands=(),
                params=MappingProxyType({}),
                name=self._titles.get(named, named.name),
                rule_of=None,
            )
            layout = self._lowered.axes.layout[recorded]
            self.leaves[named] = self._added(node, [labels[0] if len(labels) == 1 else None for labels in layout])
        return self.leaves[named]

    def count(self, label: int) -> Any:
        """The length of an axis: by its name, or as a number."""
        name = self._names.get(label)
        if name is None:
            return self._size(label)
        if label not in self._counts:
            size = self._size(label)
            called = free(name, self.taken)
            node = Node(rank=len(self.nodes), shape=(), dtype=np.dtype(int), name=called, array=np.array(size))
            self._counts[label] = self._added(node, ())
        return self._counts[label]

    @property
    def counts(self) -> Mapping[Node, int]:
        """The nodes that stand for lengths of axes, with the labels of these axes."""
        return {node: label for label, node in self._counts.items()}

    def _as_node(self, value: Any) -> Node:
        return value if isinstance(value, Node) else self._constant(np.array(float(value)), ())

    def _lengths(self, order: Order) -> Iterable[int]:
        return (1 if label is None else self._size(label) for label in order)

    # -------------------------------------------------------------------------------------------------------- alignment

    def _elementwise(self, op: Primitive, parts: Sequence[Placed], **params: Any) -> Placed:
        if any(not isinstance(x.value, Node) for x in parts):  # times a number, truth would be of Python's precision
            parts = [self._counted(x) if self._real.itemsize < 8 else x for x in parts]
        target = self._common_order(parts)
        parts = [self._to(x, target) for x in parts]
        order = self._aligned([x.order for x in parts])
        assert order is not None  # noqa: S101 -- since all were brought into one order
        return Placed(self._node(op, [x.value for x in parts], order, **params), order)

    def _multiplied(self, parts: Sequence[Placed]) -> Placed:
        if not parts:
            return Placed(1, ())
        made = parts[0]
        for part in parts[1:]:
            made = self._elementwise(mul.op, [made, part])
        return made

    def _counted(self, x: Placed) -> Placed:
        """A value that is a number, where it was a truth value."""
        truth = isinstance(x.value, Node) and x.value.dtype.kind == "b"
        return Placed(self._node(COUNTED, [x.value], x.order, dtype=self._real), x.order) if truth else x

    def _power(self, x: Placed, exponent: Fraction) -> Placed:
        if exponent == 1:
            return x
        x = self._counted(x)
        if exponent == 2:
            return self._elementwise(square.op, [x])
        if exponent == Fraction(1, 2):
            return self._elementwise(sqrt.op, [x])
        number = int(exponent) if exponent.denominator == 1 else float(exponent)
        return self._elementwise(power.op, [x, Placed(number, ())])

    @staticmethod
    def _aligned(orders: Sequence[Order]) -> Order | None:
        """The order that arrays have when they are aligned from the right; None where they do not fit so."""
        made: list[int | None] = [None] * max((len(order) for order in orders), default=0)
        for order in orders:
            for k in range(1, len(order) + 1):
                if order[-k] is not None:
                    if made[-k] not in (None, order[-k]):
                        return None
                    made[-k] = order[-k]
        found = [label for label in made if label is not None]
        return tuple(made) if len(set(found)) == len(found) else None

    def _common_order(self, parts: Sequence[Placed]) -> Order:
        """An order in which all of them fit, from the right."""
        orders = [x.order for x in parts]
        found = self._aligned(orders)
        return found if found is not None else self._known_order({a for x in parts for a in x.labels}, orders)

    def _known_order(self, labels: Iterable[int | None], orders: Sequence[Order]) -> Order:
        """The order in which labels stand in one of some orders, or in a recorded value, or in which they were born."""
        wanted = {label for label in labels if label is not None}
        for order in orders:
            if {label for label in order if label is not None} == wanted:
                return order
        known = self._known.get(frozenset(wanted))
        if known is not None:
            return known
        rank = {label: i for i, label in enumerate(self._known[frozenset()])}
        return tuple(sorted(wanted, key=lambda label: rank.get(label, len(rank) + label)))

    def _to(self, x: Placed, target: Order, exactly: bool = False, shown: bool = False) -> Placed:
        """A value whose axes are in the places that they have in a target order, or fit it from the right."""
        if not isinstance(x.value, Node) or not x.order:
            return x
        if x.order == target or (not exactly and self._fits(x.order, target)):
            return x
        own = [label for label in target if label in x.labels]
        value, order = x.value, x.order
        if order != x.labels:  # without its axes of length 1
            index = tuple(0 if label is None else slice(None) for label in order)
            value, order = self._node(self._row(SPREAD), [value], x.labels, index=index), x.labels
        if list(order) != own:
            axes = tuple(order.index(label) for label in own)
            turned = None if axes == (1, 0) else axes
            row = transpose.op if shown or not self._hidden else ORDERED
            value, order = self._node(row, [value], tuple(own), axes=turned), tuple(own)
        if exactly:
            return Placed(value, order)
        first = next((i for i, label in enumerate(target) if label in own), len(target))
        places: Order = tuple(label if label in own else None for label in target[first:])
        if places != order:
            value, order = self._node(self._row(SPREAD), [value], places, index=spread(places)), places
        return Placed(value, order)

    @property
    def _reshaping(self) -> Primitive:
        return RESHAPED if self._hidden else reshape.op

    def _row(self, hidden: Primitive) -> Primitive:
        return hidden if self._hidden else SLICED

    @staticmethod
    def _fits(order: Order, target: Order) -> bool:
        return len(order) <= len(target) and all(
            label is None or label == target[len(target) - len(order) + i] for i, label in enumerate(order)
        )


def _known_orders(lowered: Lowered) -> dict[frozenset[int], Order]:
    """By a set of labels the order in which the first recorded value has them; all, by which they are born first."""
    found: dict[frozenset[int], Order] = {}
    first: dict[int, None] = {}
    for node in (*lowered.graph.nodes, *lowered.graph.backward):
        labels = flat(lowered.axes.layout[node])
        first.update(dict.fromkeys(labels))
        if labels:
            found.setdefault(frozenset(labels), labels)
    return found | {frozenset(): tuple(first)}


def spread(places: Order) -> tuple[Any, ...]:
    """The index that puts in axes of length 1."""
    return tuple(None if label is None else slice(None) for label in places)


def positions(layout: Layout) -> list[int | None]:
    """The label of each axis of a recorded value; None for what is of length 1, or made of several."""
    return [labels[0] if len(labels) == 1 else None for labels in layout]
