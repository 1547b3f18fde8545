"""Indices: a closed form element by element, ``∂L/∂x_nd = …``, where every sum says what it runs over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from ..algebra.axes import Layout, flat
from ..algebra.numbers import ONE
from ..engine.errors import GradientError
from ..engine.table.comparisons import equal
from ..engine.table.elementwise import exp
from ..graph import Node
from ..notation.names import free
from ..notation.unicode import Indexed
from .alignment import Order, Placed
from .expressions import (
    Applied,
    Expression,
    Joined,
    Named,
    OneHot,
    Opaque,
    Product,
    Reduced,
    Repeated,
    Softmax,
)
from .formula import Formula
from .layout import REDUCTIONS, Arrays
from .shortest import Shortest

_LETTERS = "ijklmnopqrstuvw"


def indexed(found: Shortest) -> tuple[Formula, ...]:
    """The lines of a closed form, shared parts first, each of one element."""
    arrays = Elements(found)
    made = []
    for named, title in found.titles.items():
        labels = flat(found.lowered.axes.layout[named.node])
        with arrays.within(labels):
            node = arrays.element(found.written[named])
            made.append(Formula(node, arrays.dims, arrays.called(named, title, labels)))
    return tuple(made)


class Elements(Arrays):
    """Makes nodes of single elements: no array has an axis, and every name an index."""

    def __init__(self, found: Shortest) -> None:
        super().__init__(found.lowered, found.axis_names, found.titles)
        self.taken = found.arrays.taken
        self._letters = _letters(found)
        self._index: dict[int, str] = {}

    @contextmanager
    def within(self, labels: Iterable[int]) -> Iterator[None]:
        """Where these axes have a letter, one that is not in use, within a sum a primed one."""
        before = self._index
        self._index = dict(before)
        for label in labels:
            self._index[label] = free(self._letters.get(label, "i"), self._index.values())
        try:
            yield
        finally:
            self._index = before

    def element(self, e: Expression) -> Node:
        """The node of an expression's element."""
        return self._as_node(self.placed(e).value)

    def called(self, named: Named, title: str, labels: Iterable[int]) -> Indexed:
        """An element of what is named, by its index."""
        index = [self._index[label] for label in labels]
        derivative = named.is_gradient and bool(named.name)
        return Indexed(title[1:] if derivative else title, index, derivative)

    def placed(self, e: Expression, want: Order | None = None) -> Placed:
        """The value of an expression, made anew wherever it stands, since letters may be others there."""
        return self._placed(e, want)

    def _placed(self, e: Expression, want: Order | None) -> Placed:
        match e:
            case Softmax(labels, of):
                power = Applied(exp.op, (), (of,), of.axes)
                total = Reduced("sum", labels, power, ())
                return self._product(Product(ONE, ((power, Fraction(1)), (total, Fraction(-1))), e.axes))
            case OneHot(label, of):
                return self._elementwise(equal.op, [self.placed(of), self._named(self._index[label])])
            case Repeated(of):
                return self.placed(of)
            case Opaque(node) | Joined(node=node):
                raise GradientError(
                    f"closed_form: {node.made_by.name} has no reading, so its elements have no formula; "
                    "read the formulas of whole arrays"
                )
        return super()._placed(e, want)

    def _named(self, name: str) -> Placed:
        """An index as a value."""
        node = Node(rank=len(self.nodes), shape=(), dtype=np.dtype(int), name=name)
        return Placed(self._added(node, ()), ())

    def _name(self, named: Named, layout: Layout, axes: Sequence[int]) -> Placed:
        title = self._titles.get(named, named.name)
        name = self.called(named, title, [label for label in flat(layout) if label in axes])
        made = replace(self.leaf(named), rank=len(self.nodes), name=name, shape=())
        return Placed(self._added(made, ()), ())

    def _reduced(self, kind: str, labels: Sequence[int], of: Expression, _want: Order | None) -> Placed:
        with self.within(labels):
            x = self._as_node(self._counted(self.placed(of)).value)
            letters = tuple(self._index[label] for label in labels)
        whole = replace(x, rank=len(self.nodes), shape=tuple(map(self._size, labels)))
        self.nodes.append(whole)
        self.dims[whole] = letters
        return Placed(self._node(REDUCTIONS[kind], [whole], (), axis=tuple(range(len(labels)))), ())

    def _contracted(self, *_: Any) -> None:
        """Products of matrices are sums here."""


def _letters(found: Shortest) -> Mapping[int, str]:
    """A letter for each axis: that of its name in lower case where it has one letter, else one of i, j, k, …"""
    made: dict[int, str] = {}
    labels = sorted({label for layout in found.lowered.axes.layout.values() for label in flat(layout)})
    own = {label: name.lower() for label, name in found.axis_names.items() if len(name) == 1 and name.isalpha()}
    others = (letter for letter in _LETTERS if letter not in own.values())
    for label in labels:
        alike = [other for other in found.words.alike(label) if other in made]
        made[label] = own.get(label) or (made[alike[0]] if alike else next(others, "i"))
    return made
