"""Names: what the values and gradients of a graph are called, in pictures and in Python."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from itertools import chain, count, islice
from string import ascii_uppercase
from typing import NamedTuple, TypeVar

import numpy as np

from ..graph import Graph, Node
from ..graph.axes import Dims
from .printable import MAX_NAME, printable, shorten
from .unicode import formula

Key = TypeVar("Key")

__all__ = ["SHORT", "Called", "Identifiers", "identifiers"]

RESERVED = re.compile(r"np|mt|complex|term\d+")
"""Names in the printed source of its libraries, of the only builtin it uses, and of parts of a long expression."""

MAX_LITERAL = 16
"""The largest constant of the backward pass, in elements, that is written out and not named, if it is not all equal."""

SHORT = 20
"""The longest formula, in characters, that serves as the name of an unnamed value."""

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def subscript(number: int) -> str:
    """A number as the index of a name.

    >>> f"y{subscript(12)}"
    'y₁₂'
    """
    return str(number).translate(_SUBSCRIPTS)


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
    text = unicodedata.normalize("NFKC", name[:MAX_NAME])[:MAX_NAME]
    text = "".join(c if f"_{c}".isidentifier() else "_" for c in text)
    if not text.isidentifier():
        text = f"_{text}"
    return f"{text}_" if keyword.iskeyword(text) or RESERVED.fullmatch(text) else text


def is_literal(node: Node) -> bool:
    """Whether a leaf is short enough to be written out where it is used."""
    value = node.value
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biufc":
        return False
    return value.size <= MAX_LITERAL or bool(np.all(value == value.flat[0]))


def _unique(name: str, taken: set[str]) -> str:
    first = found = mended(name)
    number = 1
    while found in taken:
        number += 1
        found = f"{first}_{number}"
    taken.add(found)
    return found


class Called:
    """What the values of a graph are called, for readers.

    Attributes:
        numbers: of the gates, in the order of computation.
        names: by value the user's name, with a number where another of its scope has it, or y with the number of its
            gate where it has neither a name nor a formula that is short and tells all. These are the names that
            printers take.
        values: what to call a value: its name, or its short formula; nothing for a leaf without a name.
        stand_ins: of the names, those with a number.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> captured = mt.graph((x * x).named("y") + 1.0)
    >>> called = Called(captured)
    >>> [called.values[node] for node in captured.nodes], called.gradient(captured["y"])
    (['x', 'y', 'y + 1'], 'dy')

    Args:
        graph: the graph.
        dims: the labels of axes.
        apart: whether values of one name and scope are told apart.
        before: the number of gates that come before these, where the graph is a part.
        short: the longest formula that a value is called by, in characters; with 0 every one without a name is y with
            the number of its gate.
    """

    def __init__(
        self, graph: Graph, dims: Dims | None = None, *, apart: bool = True, before: int = 0, short: int = SHORT
    ) -> None:
        self._own = {node: printable(node.name) for node in graph.nodes if node.name}
        self._paths: dict[str, dict[str, list[Node]]] = defaultdict(lambda: defaultdict(list))
        for node, name in self._own.items():
            self._paths[name][node.path].append(node)
        shared = [
            node for places in self._paths.values() for nodes in places.values() if len(nodes) > 1 for node in nodes
        ]
        if apart and shared:
            everything = set(self._own.values())
            by_path: dict[str, dict[Node, str]] = defaultdict(dict)
            for node in shared:
                by_path[node.path][node] = self._own[node]
            for same in by_path.values():
                self._own |= numbered(same, everything)
        self.numbers: dict[Node, int] = {}
        self.values: dict[Node, str] = {}
        self.stand_ins: dict[Node, str] = {}
        self.names: dict[Node, str] = {}
        self._taken = {node.name for node in graph.nodes}
        self._letters: list[str] = []
        self._unused = (letter for letter in map(_letter, count()) if letter not in self._taken)
        for node in graph.nodes:
            text = self._own.get(node, "")
            if node.op:
                self.numbers[node] = before + len(self.numbers) + 1
            if node.op and not text:
                text = formula(node, self.stand_ins, dims=dims, limit=short + 1) if short else ""
                if not text or len(text) > short or "…" in text:
                    text = self.stand_ins[node] = self.in_short(node)
            self.values[node] = text
            if node.name and text != printable(node.name):
                self.stand_ins[node] = text
            if node.name or node in self.stand_ins:
                self.names[node] = text

    def in_short(self, node: Node) -> str:
        """A value's name, or y with the number of its gate; nothing for a leaf without a name."""
        if node.name:
            return self._own[node]
        return free(f"y{subscript(self.numbers[node])}", self._taken) if node.op else ""

    def qualified(self, node: Node) -> str:
        """What a value is called where its scope is not seen: of one name in several scopes, with as much of the path
        as tells it apart.
        """
        others = self._paths[printable(node.name)] if node.name else {}
        parts = node.path.split("/") if node.path else []
        for k in range(len(parts) + 1):
            end = "/".join(parts[len(parts) - k :])
            if sum(path == end or path.endswith(f"/{end}") or not end for path in others) < 2:
                return f"{end}/{self.values[node]}".lstrip("/")
        return self.values[node]

    def gradient(self, node: Node) -> str:
        """What the gradient of a value is called, or nothing where the value has no more than a formula."""
        return f"d{self.names[node]}" if self.names.get(node) else ""

    def letter(self, k: int) -> str:
        """The k-th of A, B, …, Z, AA, AB, … that is no value's name."""
        self._letters.extend(islice(self._unused, max(0, k + 1 - len(self._letters))))
        return self._letters[k]


def numbered(wanted: Mapping[Key, str], taken: Iterable[str] = ()) -> dict[Key, str]:
    """Names, no two of them alike: all but the first of one name have a number that makes it nobody else's.

    >>> numbered({0: "h", 1: "h", 2: "h₂", 3: "h"}), numbered({0: "h", 1: "h"}, taken={"h₂"})
    ({0: 'h', 1: 'h₃', 2: 'h₂', 3: 'h₄'}, {0: 'h', 1: 'h₃'})
    """
    taken = {*wanted.values(), *taken}
    found: dict[Key, str] = {}
    seen: dict[str, Iterator[str]] = {}
    for node, name in wanted.items():
        found[node] = name
        if name in seen:
            found[node] = next(new for new in seen[name] if new not in taken)
            taken.add(found[node])
        seen.setdefault(name, _with_numbers(name))
    return found


def _with_numbers(name: str) -> Iterator[str]:
    for number in map(subscript, count(2)):
        yield f"{shorten(name, MAX_NAME - len(number))}{number}"


def free(name: str, taken: Container[str | None]) -> str:
    """A name, with as many primes as it takes to be none of those taken; after three of them with a number.

    >>> free("g", {"x"}), free("g", {"g", "g′"}), free("g", {"g", "g′", "g″", "g‴"})
    ('g', 'g″', 'g₄')
    """
    marks = chain(("", "′", "″", "‴"), map(subscript, count(4)))
    return next(name + mark for mark in marks if name + mark not in taken)


def _letter(k: int) -> str:
    k, last = divmod(k, 26)
    return (_letter(k - 1) if k else "") + ascii_uppercase[last]
