"""Trees: arguments and results as a flat list of arrays, and what else they are, which tells kinds of calls apart."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..engine.tensor import Tensor


class Leaf(NamedTuple):
    """The place of an array in a tree."""


class Branch(NamedTuple):
    """A tuple, list or dictionary of trees."""

    kind: type
    keys: tuple[Any, ...] | None
    children: tuple[Tree, ...]


class Constant:
    """Anything else, known by its value where that cannot change, or else by what object it is."""

    __slots__ = ("key", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        plain = type(value) in _BY_VALUE or isinstance(value, np.generic)
        self.key: Hashable = (type(value), repr(value)) if plain else id(value)  # a text tells 0.0 and −0.0 apart

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constant) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


Tree = Leaf | Branch | Constant
"""What is left of a value without its arrays; it can be compared and hashed."""

_BY_VALUE = frozenset({bool, int, float, complex, str, bytes, type(None), type(Ellipsis), slice, range})
_LEAF = Leaf()


def flatten(value: Any, leaves: list[Any]) -> Tree:
    """The tree of a value, whose Tensors and arrays are appended to the leaves.

    >>> found = []
    >>> flatten({"x": np.zeros(2), "p": (0.5, None)}, found) == flatten({"x": np.ones(3), "p": (0.5, None)}, found)
    True
    >>> found
    [array([0., 0.]), array([1., 1., 1.])]
    """
    kind = type(value)
    if isinstance(value, (Tensor, np.ndarray)):
        leaves.append(value)
        return _LEAF
    if kind is tuple or kind is list or (isinstance(value, tuple) and hasattr(kind, "_make")):
        return Branch(kind, None, tuple(flatten(child, leaves) for child in value))
    if kind is dict:
        keys = tuple(map(Constant, value))
        return Branch(kind, keys, tuple(flatten(child, leaves) for child in value.values()))
    return Constant(value)


def builder(tree: Tree) -> Callable[[Iterator[Any]], Any]:
    """What makes the values of a tree, with other arrays in their places.

    >>> found = []
    >>> build = builder(flatten([1, {"x": np.zeros(2)}], found))
    >>> build(iter([np.ones(1)])), build(iter([np.ones(2)]))
    ([1, {'x': array([1.])}], [1, {'x': array([1., 1.])}])
    """
    if isinstance(tree, Constant):
        value = tree.value
        return lambda _leaves: value
    if isinstance(tree, Leaf):
        return next
    parts = [builder(child) for child in tree.children]
    if tree.keys is not None:
        named = [(key.value, part) for key, part in zip(tree.keys, parts, strict=True)]
        return lambda leaves: {key: part(leaves) for key, part in named}
    make = getattr(tree.kind, "_make", tree.kind)
    return lambda leaves: make([part(leaves) for part in parts])


def others(tree: Tree) -> Iterator[Any]:
    """What is in a tree besides arrays.

    >>> [*others(flatten([1, {"x": np.zeros(2), "p": "text"}], []))]
    [1, 'text']
    """
    if isinstance(tree, Constant):
        yield tree.value
    elif isinstance(tree, Branch):
        for child in tree.children:
            yield from others(child)
