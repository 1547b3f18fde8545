"""Layout: expressions as graphs of ops on arrays, which notation prints and evaluate runs.

Labels become positions again. Arrays are aligned from the right, as NumPy broadcasts them; an axis is put in, or kept
by a reduction, only where alignment needs it; and a sum over an axis that two factors share is a product of matrices.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..algebra import Lowered
from ..algebra.axes import Layout, flat
from ..algebra.numbers import Coefficient, coefficient, lengths
from ..engine.row import TABLE, Contraction, Primitive, Reduction
from ..engine.row import Relation as Relates
from ..engine.table.elementwise import add, div, mul, neg, sqrt, square, sub
from ..engine.table.elementwise import pow as power
from ..engine.table.matrix import matmul
from ..engine.table.reductions import broadcast_to
from ..engine.table.shapes import _concatenate, reshape, transpose
from ..graph import Node
from ..notation.names import free
from .constants import fraction_and_constant
from .expressions import (
    Applied,
    Compared,
    Expression,
    Joined,
    Name,
    Named,
    Number,
    OneHot,
    Opaque,
    Product,
    Reduced,
    Repeated,
    Softmax,
    Total,
)
from .rows import COUNTED, KEEPING, ONEHOT, ORDERED, RESHAPED, SLICED, SOFTMAX, SPREAD

Order: TypeAlias = "tuple[int | None, ...]"
"""The label of each axis of an array; None: of length 1."""

_RELATIONS = {row.reading.sign: row for row in TABLE.values() if isinstance(row.reading, Relates)}
_EINSUM = next(row for row in TABLE.values() if isinstance(row.reading, Contraction) and "subscripts" in row.parameters)
REDUCTIONS = {row.reading.kind: row for row in TABLE.values() if isinstance(row.reading, Reduction)}


class Placed(NamedTuple):
    """A value with its axes in their places."""

    value: Any
    order: Order

    @property
    def labels(self) -> tuple[int, ...]:
        """The labels that it has."""
        return tuple(label for label in self.order if label is not None)


def _in_digits(number: int) -> float:
    """A number that came from floats: a float, where it is a whole number of more digits than these have."""
    return number if number < 2**53 else float(number)


def _dtype(operands: Sequence[Any]) -> np.dtype[Any]:
    """Of what is computed: that of the arrays, except that whole numbers are real ones, which may be divided."""
    arrays = [x.dtype for x in operands if isinstance(x, Node)]
    found = np.result_type(*arrays) if arrays else np.dtype(float)
    truth = found.kind == "b" and len(arrays) == len(operands)
    return found if truth or found.kind == "f" else np.dtype(float)


class Arrays:
    """Makes the nodes of expressions.

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
        self._made: dict[tuple[int, Any], tuple[Expression, Placed]] = {}
        self._counts: dict[int, Node] = {}
        self._known = _known_orders(lowered)
        labels = {label for layout in lowered.axes.layout.values() for label in flat(layout)}
        self._hidden = labels <= set(names) and not lowered.axes.relabelled  # else x − x may be a table of differences

    # ---------------------------------------------------------------------------------------------------------- nodes

    def _node(self, op: Primitive, operands: Sequence[Any], order: Order, **params: Any) -> Node:
        return self._shaped(op, operands, tuple(self._lengths(order)), order, params)

    def _shaped(
        self,
        op: Primitive,
        operands: Sequence[Any],
        shape: tuple[int, ...],
        order: Sequence[int | None],
        params: Mapping[str, Any],
    ) -> Node:
        node = Node(
            rank=len(self.nodes),
            shape=shape,
            dtype=np.dtype(bool) if isinstance(op.reading, Relates) else _dtype(operands),
            op=op,
            operands=tuple(operands),
            params=MappingProxyType({**op.parameters, **params}),
        )
        return self._added(node, order)

    def _constant(self, value: Any, order: Sequence[int | None]) -> Node:
        return self._added(Node(rank=len(self.nodes), shape=value.shape, dtype=value.dtype, value=value), order)

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
            node = Node(rank=len(self.nodes), shape=(), dtype=np.dtype(int), name=called, value=np.array(size))
            self._counts[label] = self._added(node, ())
        return self._counts[label]

    @property
    def counts(self) -> Mapping[Node, int]:
        """The nodes that stand for lengths of axes, with the labels of these axes."""
        return {node: label for label, node in self._counts.items()}

    # -------------------------------------------------------------------------------------------------- whole formulas

    def whole(self, e: Expression, node: Node) -> Node:
        """An expression in the layout of a recorded node."""
        layout = self._lowered.axes.layout[node]
        order = tuple(label for labels in layout for label in (labels or (None,)))
        placed = self._made_as(e, order)
        value, shape = placed.value, node.shape
        if not isinstance(value, Node):
            return self._constant(np.full(shape, float(value), node.dtype), _positions(layout))
        if value.shape != tuple(1 if label is None else self._size(label) for label in order):
            value = self._node(broadcast_to.op, [value], order, shape=tuple(self._lengths(order)))
        if any(len(labels) > 1 for labels in layout):
            value = self._shaped(self._reshaping, [value], shape, _positions(layout), {"shape": shape})
        return value

    def sides(self, left: Expression, right: Expression) -> tuple[Node, Node]:
        """Two expressions whose axes are in the same places."""
        order = self._known_order({*left.axes, *right.axes}, [])
        return self._as_node(self._made_as(left, order).value), self._as_node(self._made_as(right, order).value)

    def _as_node(self, value: Any) -> Node:
        return value if isinstance(value, Node) else self._constant(np.array(float(value)), ())

    def _lengths(self, order: Order) -> Iterable[int]:
        return (1 if label is None else self._size(label) for label in order)

    # ----------------------------------------------------------------------------------------------------- expressions

    def placed(self, e: Expression, want: Order | None = None) -> Placed:
        """The value of an expression; where its axes may stand as wanted, they do."""
        key = id(e), want
        if key not in self._made:
            self._made[key] = e, self._placed(e, want)  # which keeps e, and so its id, alive
        return self._made[key][1]

    def _placed(self, e: Expression, want: Order | None) -> Placed:
        match e:
            case Number(value):
                return self._number(value)
            case Name(named, layout, axes):
                return self._name(named, layout, axes)
            case Product():
                return self._product(e)
            case Total(parts):
                return self._total(parts)
            case Reduced():
                return self._reduced(e.kind, e.labels, e.of, want)
            case Softmax(labels, of):
                x = self.placed(of)
                axes = tuple(i for i, label in enumerate(x.order) if label in labels)
                return Placed(self._node(SOFTMAX, [x.value], x.order, axis=_axis(axes, len(x.order))), x.order)
            case Applied(op, params, args):
                return self._elementwise(op, [self._counted(self.placed(arg)) for arg in args], **dict(params))
            case Compared(sign, args):
                return self._elementwise(_RELATIONS[sign], [self.placed(arg) for arg in args])
            case OneHot():
                return self._onehot(e)
            case Opaque(node, args, layout):
                operands = [
                    self.whole(arg, x) if isinstance(x, Node) else x for arg, x in zip(args, node.operands, strict=True)
                ]
                return self._recorded(node.made_by, operands, node, layout, node.params)
            case Repeated(of, axes):
                x = self.placed(of)
                order = self._known_order(axes, [x.order])
                value = self._to(x, order).value
                return Placed(self._node(broadcast_to.op, [value], order, shape=tuple(self._lengths(order))), order)
            case Joined(axis, parts, args, node, layout):
                pieces = [self.whole(arg, x) for arg, x in zip(args, parts, strict=True)]
                return self._recorded(_concatenate.op, pieces, node, layout, {"axis": axis})

    def _number(self, value: Coefficient) -> Placed:
        above, below, negative = self._written(value)
        top = self._multiplied(above)
        found = top if not below else self._elementwise(div.op, [top, self._multiplied(below)])
        if not negative:
            return found
        return Placed(-found.value, ()) if not isinstance(found.value, Node) else self._elementwise(neg.op, [found])

    def _multiplied(self, parts: Sequence[Placed]) -> Placed:
        if not parts:
            return Placed(1, ())
        made = parts[0]
        for part in parts[1:]:
            made = self._elementwise(mul.op, [made, part])
        return made

    def _written(self, value: Coefficient) -> tuple[list[Placed], list[Placed], bool]:
        """A coefficient as numbers above and below a line, and whether it is negative."""
        number, constant, inverted = fraction_and_constant(value.number)
        above: list[Placed] = []
        below: list[Placed] = []
        known = [(self.count(label), e) for label, e in value.counts]
        for n, e in [(n, e) for n, e in known if not isinstance(n, Node) and e.denominator == 1]:
            number *= Fraction(n) ** int(e)
        known = [(n, e) for n, e in known if isinstance(n, Node) or e.denominator != 1]
        whole, per = abs(number.numerator), number.denominator
        if (per > 64 or per % 5 == 0) and (decimal := _decimal(abs(number))) is not None:
            above.append(Placed(decimal, ()))
        else:
            above += [Placed(_in_digits(whole), ())] if whole != 1 else []
            below += [Placed(_in_digits(per), ())] if per != 1 else []
        if constant is not None:
            (below if inverted else above).append(Placed(constant, ()))
        for n, e in known:
            side = above if e > 0 else below
            side.append(Placed(n, ()) if abs(e) == 1 else self._power(Placed(n, ()), abs(e)))
        return above, below, number < 0

    def _name(self, named: Named, layout: Layout, axes: Sequence[int]) -> Placed:
        node = self.leaf(named)
        order: Order = tuple(label for labels in layout for label in (labels or (None,)))
        if any(len(labels) > 1 for labels in layout):
            if named not in self._flat:
                self._flat[named] = self._node(self._reshaping, [node], order, shape=tuple(self._lengths(order)))
            node = self._flat[named]
        if any(label not in axes for label in order if label is not None):  # along which it does not vary
            index = tuple(slice(None) if label is None or label in axes else 0 for label in order)
            order = tuple(label for label in order if label is None or label in axes)
            node = self._node(self._row(SPREAD), [node], order, index=index)
        return Placed(node, order)

    def _product(self, e: Product) -> Placed:
        number, parts = self._one_root(e.number, e.parts)
        items: list[tuple[Placed, Fraction]] = []
        for part, exponent in parts:
            if (
                isinstance(part, Reduced)
                and exponent == 1
                and _is_mean(number, part)
                and self._contracted(part.labels, part.of, None) is None
            ):
                number = number * lengths({label: self._size(label) for label in part.labels})
                items.append((self._reduced("mean", part.labels, part.of, None), exponent))
            else:
                items.append((self.placed(part), exponent))
        numbers, per, negative = self._written(number)
        target = self._common_order([placed for placed, _ in items])
        items = [(self._to(placed, target), exponent) for placed, exponent in items]
        above = [*numbers, *(self._power(x, k) for x, k in items if k > 0)]
        below = [*per, *(self._power(x, -k) for x, k in items if k < 0)]
        made = self._multiplied(above)
        made = self._elementwise(div.op, [made, self._multiplied(below)]) if below else made
        return self._elementwise(neg.op, [self._counted(made)]) if negative else made

    def _counted(self, x: Placed) -> Placed:
        """A value that is a number, where it was a truth value."""
        truth = isinstance(x.value, Node) and x.value.dtype.kind == "b"
        return Placed(self._node(COUNTED, [x.value], x.order), x.order) if truth else x

    def _one_root(
        self, number: Coefficient, parts: Sequence[tuple[Expression, Fraction]]
    ) -> tuple[Coefficient, list[tuple[Expression, Fraction]]]:
        """A number and parts, with all square roots among them as the root of one product."""
        half = Fraction(1, 2)
        roots = [(part, k) for part, k in parts if abs(k) == half]
        if all(isinstance(part, Number) for part, _ in roots):
            return number, [*parts]
        sign = 1 if any(k > 0 and not isinstance(part, Number) for part, k in roots) else -1
        inner, inside = lengths({}), list[tuple[Expression, Fraction]]()
        for part, k in roots:
            if not isinstance(part, Number):
                inside.append((part, 2 * k * sign))
                continue
            n, up = part.value.value, k > 0
            if up and isinstance(number.number, Fraction) and number.number.denominator % n == 0:
                number, up = number * part.value, False
            inner = inner * part.value ** (sign if up else -sign)
        for label, k in number.counts:
            if abs(k) == half:
                inner = inner * lengths({label: self._size(label)}, int(2 * k * sign))
        counts = {label: k for label, k in number.counts if abs(k) != half}
        outer = coefficient(number.number)
        for label, k in counts.items():
            outer = outer * Coefficient(Fraction(1), ((label, k),), float(self._size(label)) ** float(k))
        axes = tuple(sorted({label for part, _ in inside for label in part.axes}))
        whole = inside[0][0] if len(inside) == 1 and inside[0][1] == 1 and inner.value == 1 else None
        root = whole if whole is not None else Product(inner, tuple(inside), axes)
        return outer, [*((part, k) for part, k in parts if abs(k) != half), (root, sign * half)]

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

    def _total(self, parts: Sequence[tuple[Expression, Coefficient]]) -> Placed:
        items = []
        for part, c in parts:
            size = c if c.value > 0 else -c
            plain = part if size.value == 1 and not size.counts else _scaled(part, size)
            items.append((self._counted(self.placed(plain)), c.value > 0))
        target = self._common_order([placed for placed, _ in items])
        first, positive = items[0]
        made = self._to(first, target)
        made = made if positive else self._elementwise(neg.op, [made])
        for placed, positive in items[1:]:
            made = self._elementwise((add if positive else sub).op, [made, self._to(placed, target)])
        return made

    def _onehot(self, e: OneHot) -> Placed:
        index = self.placed(e.of)
        others = tuple(label for label in index.labels if label != e.label)
        target = self._known_order({*others, e.label}, [index.order])
        x = self._to(index, target)
        place = len(target) - target.index(e.label)
        order = self._aligned([x.order, (e.label, *(None,) * (place - 1))])
        assert order is not None  # noqa: S101 -- since both were made to fit
        return Placed(self._node(ONEHOT, [x.value], order, n=self._size(e.label), trailing=place - 1), order)

    def _recorded(
        self, op: Primitive, operands: Sequence[Any], node: Node, layout: Layout, params: Mapping[str, Any]
    ) -> Placed:
        """What an op makes of operands in recorded shapes, in the shape of a recorded node."""
        made = self._shaped(op, operands, node.shape, _positions(layout), params)
        order: Order = tuple(label for labels in layout for label in (labels or (None,)))
        if any(len(labels) > 1 for labels in layout):
            made = self._node(self._reshaping, [made], order, shape=tuple(self._lengths(order)))
        return Placed(made, order)

    # ------------------------------------------------------------------------------------------------------- reductions

    def _reduced(self, kind: str, labels: Sequence[int], of: Expression, want: Order | None) -> Placed:
        if kind == "sum":
            contracted = self._contracted(labels, of, want)
            if contracted is not None:
                return contracted
        x = self._counted(self.placed(of))
        axes = tuple(i for i, label in enumerate(x.order) if label in labels)
        dropped = tuple(label for i, label in enumerate(x.order) if i not in axes)
        kept = tuple(None if i in axes else label for i, label in enumerate(x.order))
        keep = want != dropped and any(label is not None for label in x.order[: max(axes)] if label not in labels)
        order = kept if keep else dropped
        axis = None if len(axes) == len(x.order) else _axis(axes, len(x.order))
        op = KEEPING[kind] if keep and self._hidden else REDUCTIONS[kind]
        return Placed(self._node(op, [x.value], order, axis=axis, keepdims=keep), order)

    def _contracted(self, labels: Sequence[int], of: Expression, want: Order | None) -> Placed | None:
        """A sum of a product as a product of matrices; None where one factor spans it all."""
        parts = list(of.parts) if isinstance(of, Product) and of.number.value == 1 and not of.number.counts else []
        vectors = [(e, k) for e, k in parts if e.axes and set(e.axes) <= set(labels)]
        groups = _groups([part for part in parts if part not in vectors], labels)
        if vectors and len(groups) == 1 and len(groups[0]) == 1 and groups[0][0][1] == 1 and len(labels) == 1:
            groups.append(vectors)
        elif vectors and groups:
            groups[-1] += vectors
        if len(groups) < 2 or any(not {*labels} <= {a for e, _ in group for a in e.axes} for group in groups):
            return None
        made = [self._counted(self._group(group)) for group in groups]
        out = {label for x in made for label in x.labels} - set(labels)
        order = want if want is not None and set(want) == out else self._known_order(out, [x.order for x in made])
        if len(made) == 2 and len(labels) == 1:
            found = self._matrix_product(made, labels[0], order)
            if found is not None:
                return found
        return self._einsum(made, order)

    def _group(self, parts: Sequence[tuple[Expression, Fraction]]) -> Placed:
        if len(parts) == 1 and parts[0][1] == 1:
            return self.placed(parts[0][0])
        axes = tuple(sorted({a for e, _ in parts for a in e.axes}))
        return self._product(Product(lengths({}), tuple(parts), axes))

    def _matrix_product(self, made: Sequence[Placed], k: int, order: Order) -> Placed | None:
        a, b = made
        batch = set(a.labels) & set(b.labels) - {k}
        if not batch <= set(order[: len(batch)]):
            return None
        front = order[: len(batch)]
        own = [tuple(label for label in order if label in x.labels and label not in batch) for x in (a, b)]
        if own[1] and (not own[0] or order.index(own[1][0]) < order.index(own[0][0])):
            (a, b), own = (b, a), own[::-1]
        left, right = own
        if len(right) > 1 or (batch and len(left) != 1):
            return None
        if (*front, *left, *right) != order or (batch and not right):
            return None
        if not left and not right:
            return None
        first = self._to(a, (*front, *left, k), exactly=True, shown=True)
        second = self._to(b, (*front, k, *right), exactly=True, shown=True)
        return Placed(self._node(matmul.op, [first.value, second.value], order), order)

    def _einsum(self, made: Sequence[Placed], order: Order) -> Placed:
        letters = dict(
            zip(sorted({label for x in made for label in x.labels}), "abcdefghijklmnopqrstuvwxyz", strict=False)
        )
        plain = [self._to(x, x.labels, exactly=True) for x in made]
        given = ",".join("".join(letters[label] for label in x.labels) for x in plain)
        result = "".join(letters[label] for label in order if label is not None)
        return Placed(self._node(_EINSUM, [x.value for x in plain], order, subscripts=f"{given}->{result}"), order)

    # -------------------------------------------------------------------------------------------------------- alignment

    def _elementwise(self, op: Primitive, parts: Sequence[Placed], **params: Any) -> Placed:
        target = self._common_order(parts)
        parts = [self._to(x, target) for x in parts]
        order = self._aligned([x.order for x in parts])
        assert order is not None  # noqa: S101 -- since all were brought into one order
        return Placed(self._node(op, [x.value for x in parts], order, **params), order)

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
            value, order = self._node(self._row(SPREAD), [value], places, index=_spread(places)), places
        return Placed(value, order)

    @property
    def _reshaping(self) -> Primitive:
        return RESHAPED if self._hidden else reshape.op

    def _row(self, hidden: Primitive) -> Primitive:
        return hidden if self._hidden else SLICED

    def _made_as(self, e: Expression, order: Order) -> Placed:
        """An expression with its axes in exactly these places, or without the first ones that it lacks."""
        x = self.placed(e, order)
        if not isinstance(x.value, Node) or not x.order:
            return x
        places = tuple(label if label in x.labels else None for label in order)
        if x.order == places:
            return x
        own = tuple(label for label in order if label in x.labels)
        first = next((i for i, label in enumerate(x.order) if x.order[i:] == places), 0)
        if first:  # one that was kept in front of the others
            return Placed(self._node(self._row(SPREAD), [x.value], places, index=(0,) * first), places)
        plain = self._to(x, own, exactly=True)
        if plain.order == places:
            return plain
        return Placed(self._node(self._row(SPREAD), [plain.value], places, index=_spread(places)), places)

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


def _groups(
    parts: Sequence[tuple[Expression, Fraction]], labels: Sequence[int]
) -> list[list[tuple[Expression, Fraction]]]:
    """Factors in groups, such that only axes that all factors have are common to two groups."""
    outer = [{label for label in e.axes if label not in labels} for e, _ in parts]
    batch = set.intersection(*outer) if outer else set()
    groups: list[tuple[set[int], list[tuple[Expression, Fraction]]]] = []
    loose: list[tuple[Expression, Fraction]] = []
    for part, own in zip(parts, outer, strict=True):
        mine, members = own - batch, [part]
        if not mine:
            loose.append(part)
            continue
        for other in [group for group in groups if group[0] & mine]:
            groups.remove(other)
            mine, members = mine | other[0], [*other[1], *members]
        groups.append((mine, members))
    found = [members for _, members in groups] or [[]]
    found[0] += loose
    return found


def _is_mean(number: Coefficient, e: Reduced) -> bool:
    counts = dict(number.counts)
    return e.kind == "sum" and all(counts.get(label) == -1 for label in e.labels)


def _spread(places: Order) -> tuple[Any, ...]:
    """The index that puts in axes of length 1."""
    return tuple(None if label is None else slice(None) for label in places)


def _scaled(e: Expression, number: Coefficient) -> Expression:
    if isinstance(e, Number):
        return Number(e.value * number)
    if isinstance(e, Product):
        return Product(e.number * number, e.parts, e.axes)
    return Product(number, ((e, Fraction(1)),), e.axes)


def _axis(axes: Sequence[int], rank: int) -> Any:
    if len(axes) == 1:
        return -1 if axes[0] == rank - 1 and rank > 1 else axes[0]
    return tuple(axes)


def _positions(layout: Layout) -> list[int | None]:
    return [labels[0] if len(labels) == 1 else None for labels in layout]


def _decimal(number: Fraction) -> float | None:
    """A fraction that has few decimals, as a float; None for any other."""
    per = number.denominator
    for prime in (2, 5):
        while per % prime == 0:
            per //= prime
    return float(number) if per == 1 and math.log10(number.denominator) < 9 else None
