"""Identifiers: a valid and unique Python name for every value and every gradient of a graph."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from ..graph import Graph, Node
from .unicode import LONGEST_NAME

RESERVED = re.compile(r"np|mt|complex|term\d+")
"""What the printed source calls its libraries, the one builtin it uses, and parts of a long expression."""

LARGEST_LITERAL = 16
"""In elements: up to this size, or of equal elements, a constant of the backward pass is written out, not named."""


class Identifiers(NamedTuple):
    """The names that printed source uses; no two are equal.

    Attributes:
        values: by node: every forward value, and the constants of the backward pass that are too long to write out.
        gradients: by forward node: its whole gradient.
        upstreams: by output: the gradient that was given for it. Where that is its whole gradient, both have one name.
    """

    values: Mapping[Node, str]
    gradients: Mapping[Node, str]
    upstreams: Mapping[Node, str]


def identifiers(graph: Graph) -> Identifiers:
    """Names for everything in a graph: a value's own where it has one, mended if Python cannot take it.

    The result of the n-th gate is ``yn`` if it has no name, and the gradient of ``x`` is ``dx``.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> w = mt.tensor([3.0, 4.0], name="class", requires_grad=True)
    >>> names = identifiers(mt.graph(mt.tanh(x * w), [1.0, 1.0]))
    >>> list(names.values.values()), list(names.gradients.values())
    (['x', 'class_', 'y1', 'y2'], ['dy2', 'dy1', 'dclass_', 'dx'])
    """
    taken: set[str] = set()
    values = value_names(graph.nodes, taken)
    gradients = {node: _unique(f"d{values[node]}", taken) for node in graph.gradients}
    upstreams = {
        node: gradients[node] if given is graph.gradients.get(node) else _unique(f"upstream_{values[node]}", taken)
        for node, given in graph.upstreams.items()
    }
    given = set(graph.upstreams.values())
    for node in graph.backward:
        if node.is_leaf and node not in given and not is_literal(node):
            values[node] = _unique("constant", taken)
    return Identifiers(values, gradients, upstreams)


def value_names(nodes: Iterable[Node], taken: set[str] | None = None) -> dict[Node, str]:
    """Names for values in the order of their ranks; those used are added to the ones already taken."""
    taken = set() if taken is None else taken
    names: dict[Node, str] = {}
    gates = 0
    for node in nodes:
        gates += node.op is not None
        own = f"y{gates}" if node.op else "x" if node.requires_grad else "constant"
        names[node] = _unique(node.name or own, taken)
    return names


def mended(name: str) -> str:
    """The name that is most like this one among those that Python takes.

    >>> [mended(name) for name in ("x̂", "σ²", "layer1/W", "1st", "lambda", "")]
    ['x̂', 'σ2', 'layer1_W', '_1st', 'lambda_', '_']
    """
    # Python reads names in this normal form, in which ² is 2, so different names may turn out to be one.
    text = unicodedata.normalize("NFKC", name[:LONGEST_NAME])[:LONGEST_NAME]
    text = "".join(c if f"_{c}".isidentifier() else "_" for c in text)
    if not text.isidentifier():
        text = f"_{text}"
    return f"{text}_" if keyword.iskeyword(text) or RESERVED.fullmatch(text) else text


def is_literal(node: Node) -> bool:
    """Whether a leaf is short enough to be written out where it is used."""
    value = node.value
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biufc":
        return False
    return value.size <= LARGEST_LITERAL or bool(np.all(value == value.flat[0]))


def _unique(name: str, taken: set[str]) -> str:
    first = found = mended(name)
    number = 1
    while found in taken:
        number += 1
        found = f"{first}_{number}"
    taken.add(found)
    return found
