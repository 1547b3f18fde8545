"""Axes: one label for all axes of a captured graph that the ops tie together.

Axes are inferred, not positional: elementwise ops identify the axes that they align, a permutation permutes labels, a
reshape that splits or merges axes splits labels, leading part first, and axes of length 1 have none. So reshaping,
transposing, broadcasting and ``keepdims`` leave no trace in algebra, and two axes of one length are not taken for one.

A label stands once in a value. Where an op would identify two axes of one value, as ``x @ x.T`` does, one of its
operands is taken under other labels. An op without a reading, or whose axes cannot be tied together, is opaque.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from ..engine import row
from ..graph import Node

Layout: TypeAlias = "tuple[tuple[int, ...], ...]"
"""For each axis of a value its labels: none for length 1, several where a reshape takes the axis apart."""

ELEMENTWISE = (row.Linear, row.Product, row.Power, row.Function, row.Extremum, row.Relation, row.Choice, row.Identity)


class ConflictError(Exception):
    """These axes cannot be one."""


class Labels:
    """Labels, which of them are one, which are parts of another, and which stand in one value.

    A union-find whose changes can be taken back, since some are only tried.
    """

    def __init__(self) -> None:
        self._size: list[int] = []
        self._parent: list[int] = []
        self._parts: dict[int, tuple[int, ...]] = {}
        self._apart: list[set[int]] = []
        self._undo: list[Callable[[], object]] = []

    def mark(self) -> int:
        """A moment to go back to."""
        return len(self._undo)

    def rollback(self, mark: int) -> None:
        """Take back what has changed since."""
        while len(self._undo) > mark:
            self._undo.pop()()

    def size(self, label: int) -> int:
        """The length of the axes of this label."""
        return self._size[label]

    def fresh(self, n: int) -> tuple[int, ...]:
        """A new label for an axis of length n; none for length 1."""
        if n == 1:
            return ()
        label = len(self._size)
        self._size.append(n)
        self._parent.append(label)
        self._apart.append(set())
        self._undo.append(lambda: (self._size.pop(), self._parent.pop(), self._apart.pop()))
        return (label,)

    def resolve(self, labels: Iterable[int]) -> tuple[int, ...]:
        """What labels have become: each the one it was united with, or its parts."""
        found: list[int] = []
        pending = list(labels)[::-1]
        while pending:
            label = pending.pop()
            while self._parent[label] != label:
                label = self._parent[label]
            if label in self._parts:
                pending += self._parts[label][::-1]
            else:
                found.append(label)
        return tuple(found)

    def separate(self, labels: Iterable[int]) -> None:
        """Labels of one value, which must stay pairwise different; `ConflictError` where they are not."""
        found = self.resolve(labels)
        if len(set(found)) < len(found):
            raise ConflictError
        for a in found:
            for b in found:
                if a != b:
                    self._set_apart(a, b)

    def _set_apart(self, a: int, b: int) -> None:
        if b not in self._apart[a]:
            self._apart[a].add(b)
            self._undo.append(lambda: self._apart[a].discard(b))

    def _are_apart(self, a: int, b: int) -> bool:
        return b in self.resolve(self._apart[a]) or a in self.resolve(self._apart[b])

    def unify(self, left: Iterable[int], right: Iterable[int]) -> None:
        """Make two lists of labels one, splitting labels where lengths differ; `ConflictError` where that fails."""
        while True:
            a_list, b_list = self.resolve(left), self.resolve(right)
            pair = next(((a, b) for a, b in zip(a_list, b_list, strict=False) if a != b), None)
            if pair is None:
                if len(a_list) != len(b_list):
                    raise ConflictError
                return
            a, b = pair
            n, m = self._size[a], self._size[b]
            if n == m:
                self._unite(a, b)
            elif n and m and n % m == 0:
                self._split(a, m)
            elif n and m and m % n == 0:
                self._split(b, n)
            else:
                raise ConflictError

    def _unite(self, a: int, b: int) -> None:
        if self._are_apart(a, b):
            raise ConflictError
        first, second = min(a, b), max(a, b)
        self._parent[second] = first
        self._undo.append(lambda: self._parent.__setitem__(second, second))
        for other in tuple(self._apart[second]):
            self._set_apart(first, other)

    def _split(self, label: int, first: int) -> None:
        parts = self.fresh(first) + self.fresh(self._size[label] // first)
        self._parts[label] = parts
        self._undo.append(lambda: self._parts.pop(label))
        for part in parts:
            for other in (*self._apart[label], *parts):
                if other != part:
                    self._set_apart(part, other)
                    self._set_apart(other, part)


class Axes:
    """The labels of every axis of every node.

    Args:
        nodes: operands before results.

    Attributes:
        layout: each node's labels.
        relabelled: the labels under which an edge takes its operand, where they are not the operand's own.
        opaque: the nodes whose axes have nothing to do with those of their operands, as far as is known.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._labels = Labels()
        self.layout: dict[Node, Layout] = {}
        self.relabelled: dict[tuple[Node, int], Layout] = {}
        self.opaque: set[Node] = set()
        for node in nodes:
            layout = self._tried(node)
            if layout is None:
                layout = self._with_a_copy(node)
            if layout is None:
                self.opaque.add(node)
                layout = self._fresh(node.shape)
            self.layout[node] = layout
        self._split_alike()
        resolve = self._labels.resolve
        self.layout = {node: tuple(map(resolve, layout)) for node, layout in self.layout.items()}
        self.relabelled = {edge: tuple(map(resolve, layout)) for edge, layout in self.relabelled.items()}
        self._of_size: dict[int, list[int]] = {}
        for label in sorted({a for layout in self.layout.values() for a in flat(layout)}):
            self._of_size.setdefault(self.size(label), []).append(label)

    def _split_alike(self) -> None:
        """Take the labels of a copy apart as those of its original were, and the other way round, until all agree."""
        sizes, again = self._sizes, True
        while again:
            again = False
            for (node, i), new in tuple(self.relabelled.items()):
                own = self.layout[node.operands[i]]
                before, after = sizes(flat(own)), sizes(flat(new))
                if before == after:
                    continue
                again, mark = True, self._labels.mark()
                try:
                    for labels, others in ((new, before), (own, after)):
                        self._labels.unify(flat(labels), flat(self._fresh(others)))
                except ConflictError:  # they were taken apart in ways that do not fit together
                    self._labels.rollback(mark)
                    self.opaque.add(node)
                    del self.relabelled[node, i]

    def _sizes(self, labels: Iterable[int]) -> list[int]:
        return [*map(self.size, self._labels.resolve(labels))]

    def size(self, label: int) -> int:
        """The length of the axes of a label."""
        return self._labels.size(label)

    def spare(self, label: int, taken: set[int]) -> int:
        """A label of the same length that is not taken: where possible a known one, so that equal sums are one term."""
        alike = self._of_size.setdefault(self.size(label), [])
        for known in alike:
            if known not in taken:
                return known
        alike += self._labels.fresh(self.size(label))
        return alike[-1]

    def alike(self, label: int) -> tuple[int, ...]:
        """The labels of axes of the same length."""
        return tuple(self._of_size.get(self.size(label), ()))

    def of(self, node: Node, i: int) -> Layout:
        """The labels under which a node takes its i-th operand."""
        return self.relabelled.get((node, i)) or self.layout[node.operands[i]]

    def _fresh(self, shape: Iterable[int]) -> Layout:
        return tuple(map(self._labels.fresh, shape))

    def _tried(self, node: Node, *more: Iterable[int]) -> Layout | None:
        """The labels of a node's axes; None, and nothing has changed, where its op ties axes of one value together."""
        mark = self._labels.mark()
        try:
            layout = self._inferred(node)
            for labels in (flat(layout), *more):
                self._labels.separate(labels)
        except ConflictError:
            self._labels.rollback(mark)
            return None
        return layout

    def _with_a_copy(self, node: Node) -> Layout | None:
        """The labels where one operand, rather a leaf than a result, has one axis, else all, under new ones."""
        if node.is_leaf or node.reading is None:
            return None
        choices: list[tuple[bool, bool, int, int, tuple[int, ...]]] = []
        for i, x in enumerate(node.operands):
            if isinstance(x, Node) and x.shape:
                long = [k for k, n in enumerate(x.shape) if n > 1]
                choices += [(False, not x.is_leaf, i, -k, (k,)) for k in long]
                choices.append((True, not x.is_leaf, i, 0, tuple(long)))
        for *_, i, _, copied in sorted(choices):
            x, mark = node.operands[i], self._labels.mark()
            own = self.layout[x]
            new = tuple(self._labels.fresh(n) if k in copied else own[k] for k, n in enumerate(x.shape))
            self.relabelled[node, i] = new
            layout = self._tried(node, flat(new))
            if layout is not None and self._sizes(flat(own)) == self._sizes(flat(new)):
                return layout
            self._labels.rollback(mark)
            del self.relabelled[node, i]
        return None

    def _inferred(self, node: Node) -> Layout:
        reading, unify = node.reading, self._labels.unify
        if node.is_leaf:
            return self._fresh(node.shape)
        given = [self.of(node, i) for i, x in enumerate(node.operands) if isinstance(x, Node)]
        if isinstance(reading, ELEMENTWISE):
            return tuple(self._aligned([x[-k] for x in given if len(x) >= k]) for k in range(len(node.shape), 0, -1))
        if isinstance(reading, row.Copy):
            before = (((),) * (len(node.shape) - len(given[0]))) + given[0]
            return tuple(known or self._labels.fresh(n) for known, n in zip(before, node.shape, strict=True))
        if isinstance(reading, row.Reduction):
            axes = reduced(node)
            if node.params["keepdims"]:
                return tuple(() if i in axes else labels for i, labels in enumerate(given[0]))
            return tuple(labels for i, labels in enumerate(given[0]) if i not in axes)
        if isinstance(reading, row.Reshape):
            layout = self._fresh(node.shape)
            unify(flat(given[0]), flat(layout))
            return layout
        if isinstance(reading, row.Permutation):
            order = node.params["axes"]
            return given[0][::-1] if order is None else tuple(given[0][i] for i in order)
        if isinstance(reading, row.Contraction):
            return self._contracted(node, given)
        if isinstance(reading, (row.Lookup, row.Placement)):
            return self._looked_up(node, given)
        raise ConflictError

    def _aligned(self, several: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
        """The labels of an axis of a result, from those of the operands' axes that meet there."""
        long = [labels for labels in several if labels]
        for other in long[1:]:
            self._labels.unify(long[0], other)
        return long[0] if long else ()

    def _contracted(self, node: Node, given: Sequence[Layout]) -> Layout:
        assert isinstance(node.reading, row.Contraction)  # noqa: S101 -- as its caller has found
        operands, result = node.reading.labels([len(x) for x in given], node.params)
        meeting: dict[str, list[tuple[int, ...]]] = {}
        for letters, layout in zip(operands, given, strict=True):
            for letter, labels in zip(letters, layout, strict=True):
                meeting.setdefault(letter, []).append(labels)
        found = {letter: self._aligned(several) for letter, several in meeting.items()}
        self._labels.separate(flat(tuple(found.values())))
        return tuple(found[letter] for letter in result)

    def _looked_up(self, node: Node, given: Sequence[Layout]) -> Layout:
        """A lookup has the indices' labels along its axis, a placement new ones; the other axes are aligned."""
        x, places = given
        axis = node.params["axis"] % len(places)
        found = [self._aligned(pair) if i != axis else places[i] for i, pair in enumerate(zip(x, places, strict=True))]
        gone = x[axis]
        if isinstance(node.reading, row.Placement):
            gone = self._aligned([x[axis], places[axis]])
            found[axis] = self._labels.fresh(node.shape[axis])
        self._labels.separate((*flat(tuple(found)), *gone))
        return tuple(found)


def flat(layout: Layout) -> tuple[int, ...]:
    """All labels of a value, axis by axis."""
    return tuple(label for labels in layout for label in labels)


def reduced(node: Node) -> set[int]:
    """The axes that a reduction reduces, counted from 0."""
    rank, axis = len(node.operands[0].shape), node.params["axis"]
    if axis is None:
        return set(range(rank))
    return {i % max(rank, 1) for i in (axis if isinstance(axis, tuple) else (axis,))}
