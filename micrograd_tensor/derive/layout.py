"""Layout: expressions as graphs of ops on arrays, which notation prints and evaluate runs.

Labels become positions again. Arrays are aligned from the right, as NumPy broadcasts them; an axis is put in, or kept
by a reduction, only where alignment needs it; and a sum over an axis that two factors share is a product of matrices.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from string import ascii_letters
from typing import Any

import numpy as np

from ..algebra import Lowered
from ..algebra.axes import Layout
from ..algebra.numbers import Coefficient, coefficient, lengths
from ..engine.row import TABLE, Contraction, Primitive, Reduction
from ..engine.row import Relation as Relates
from ..engine.table.elementwise import add, div, neg, sub
from ..engine.table.matrix import matmul
from ..engine.table.reductions import broadcast_to
from ..engine.table.shapes import _concatenate
from ..graph import Node
from .alignment import Aligned, Order, Placed, positions, spread
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
from .rows import KEEPING, ONEHOT, SOFTMAX, SPREAD

_RELATIONS = {row.reading.sign: row for row in TABLE.values() if isinstance(row.reading, Relates)}
_EINSUM = next(row for row in TABLE.values() if isinstance(row.reading, Contraction) and "subscripts" in row.parameters)
REDUCTIONS = {row.reading.kind: row for row in TABLE.values() if isinstance(row.reading, Reduction)}


class Arrays(Aligned):
    """Makes the nodes of expressions; see `Aligned` for its arguments and attributes."""

    def __init__(self, lowered: Lowered, names: Mapping[int, str], titles: Mapping[Named, str] | None = None) -> None:
        super().__init__(lowered, names, titles)
        self._made: dict[tuple[int, Any], tuple[Expression, Placed]] = {}

    # --------------------------------------------------------------------------------------------------- whole formulas

    def whole(self, e: Expression, node: Node) -> Node:
        """An expression in the layout of a recorded node."""
        layout = self._lowered.axes.layout[node]
        order = tuple(label for labels in layout for label in (labels or (None,)))
        placed = self._made_as(e, order)
        value, shape = placed.value, node.shape
        if not isinstance(value, Node):
            return self._constant(np.full(shape, float(value), node.dtype), positions(layout))
        if value.shape != tuple(1 if label is None else self._size(label) for label in order):
            value = self._node(broadcast_to.op, [value], order, shape=tuple(self._lengths(order)))
        if any(len(labels) > 1 for labels in layout):
            value = self._shaped(self._reshaping, [value], shape, positions(layout), {"shape": shape})
        return value

    def sides(self, left: Expression, right: Expression) -> tuple[Node, Node]:
        """Two expressions whose axes are in the same places."""
        order = self._known_order({*left.axes, *right.axes}, [])
        return self._as_node(self._made_as(left, order).value), self._as_node(self._made_as(right, order).value)

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
        return Placed(self._node(self._row(SPREAD), [plain.value], places, index=spread(places)), places)

    # ------------------------------------------------------------------------------------------------------ expressions

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
        made = self._shaped(op, operands, node.shape, positions(layout), params, node.dtype)
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
        letters = dict(zip(sorted({label for x in made for label in x.labels}), ascii_letters, strict=False))
        plain = [self._to(x, x.labels, exactly=True) for x in made]
        given = ",".join("".join(letters[label] for label in x.labels) for x in plain)
        result = "".join(letters[label] for label in order if label is not None)
        return Placed(self._node(_EINSUM, [x.value for x in plain], order, subscripts=f"{given}->{result}"), order)


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


def _decimal(number: Fraction) -> float | None:
    """A fraction that has few decimals, as a float; None for any other."""
    per = number.denominator
    for prime in (2, 5):
        while per % prime == 0:
            per //= prime
    return float(number) if per == 1 and math.log10(number.denominator) < 9 else None


def _in_digits(number: int) -> float:
    """A number that came from floats: a float, where it is a whole number of more digits than these have."""
    return number if number < 2**53 else float(number)
