"""NumPy source: a graph as a function that runs the ops of its nodes, one line each; the backend that is always there.

It computes what the engine computes, bit for bit: the ops are the table's own. Only what is computed twice is computed
once, what no input goes into is taken from the trace, and large values are let go after their last use.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, TypeAlias

import numpy as np

from ..engine.row import TABLE
from ..graph import Node
from ..notation.literals import literal
from ..notation.names import value_names
from .trace import Traced

Program: TypeAlias = "Callable[..., tuple[Any, ...] | None]"
"""Computes the outputs that are no guards; None where a guard says that another branch is due."""

LARGE = 1 << 13
"""The elements from which on a value is worth a line that lets it go."""


class _Forwards(SimpleNamespace):
    """The forward passes of the table by name, also of rows that were added later."""

    def __getattr__(self, name: str) -> Any:
        if name not in TABLE:
            raise AttributeError(name)
        return TABLE[name].forward


OPS = _Forwards(**{name: row.forward for name, row in TABLE.items()})
_TAKEN = {"np", "op"}


def free(name: str, taken: Iterable[str]) -> str:
    """A name for a program that is none of the names it reads: a function of the user's may be called ``op``."""
    while name in taken:
        name += "_"
    return name


class NumPySource:
    """The source of a traced function, and the function itself.

    Attributes:
        text: the source.
        constants: what its names ``constant…`` stand for.
    """

    def __init__(self, traced: Traced, name: str) -> None:
        self._traced, self.constants = traced, dict[str, Any]()
        self._same: dict[Hashable, Node] = {}
        self._first: dict[Node, Node] = {}
        self._fixed: dict[Node, Any] = {}
        graph, inputs = traced.graph, [*traced.inputs]
        used = self._unified(set(inputs))
        called = value_names([*inputs, *(node for node in used if node not in inputs)], {*_TAKEN, name})
        self._names: Mapping[Node, str] = called
        lines = self._lines(used)
        results = [self._named(node) for node in graph.outputs[len(traced.guards) :]]
        body = "\n".join(f"    {line}" for line in (*lines, f"return ({''.join(f'{x}, ' for x in results).strip()})"))
        self.name = name = free(name, {*_TAKEN, *self.constants})
        self.text = f"def {name}({', '.join(called[node] for node in inputs)}):\n{body}\n"

    def function(self) -> Program:
        """The source as a function."""
        space: dict[str, Any] = {"np": np, "op": OPS, **self.constants}
        exec(compile(self.text, f"<compiled {self.name}>", "exec"), space)  # noqa: S102 -- printed above, from the graph
        return space[self.name]  # type: ignore[no-any-return]

    def _unified(self, inputs: set[Node]) -> list[Node]:
        """The nodes to compute, each value once; those that no input goes into are fixed."""
        traced = self._traced
        for node in traced.graph.nodes:
            if node in inputs:
                self._first[node] = node
                continue
            operands = [self._first[x] if isinstance(x, Node) else x for x in node.operands]
            if all(x in self._fixed for x in operands if isinstance(x, Node)):
                self._first[node], self._fixed[node] = node, traced.values[node]._data
                continue
            key = (node.op, tuple(map(_key, operands)), tuple((name, _key(v)) for name, v in node.params.items()))
            self._first[node] = self._same.setdefault(key, node)
        needed: set[Node] = set()
        stack = [self._first[node] for node in traced.graph.outputs]
        while stack:
            node = stack.pop()
            if node not in needed:
                needed.add(node)
                if node not in self._fixed:
                    stack += [self._first[x] for x in node.inputs]
        return [node for node in traced.graph.nodes if node in needed]

    def _lines(self, used: Sequence[Node]) -> list[str]:
        traced, lines = self._traced, list[str]()
        guards = dict[Node, list[bool]]()
        for node, truth in zip(traced.graph.outputs, traced.guards, strict=False):
            guards.setdefault(self._first[node], []).append(truth)
        last = {self._first[x]: node for node in used if node not in self._fixed for x in node.inputs}
        kept = {self._first[node] for node in traced.graph.outputs[len(traced.guards) :]}
        for node in used:
            made = node.op is not None and node not in self._fixed
            if made:
                lines.append(f"{self._names[node]} = {self._call(node)}")
            for truth in set(guards.get(node, ())):
                value = self._named(node)
                lines.append(f"if {'not ' if truth else ''}np.all({value}):")
                lines.append("    return None")
            gone = [
                self._names[x]
                for x in dict.fromkeys(self._first[x] for x in node.inputs)
                if made and last[x] is node and x not in kept and x.op is not None and x not in self._fixed
                if np.prod(x.shape) >= LARGE
            ]
            if gone:
                lines.append(f"del {', '.join(gone)}")
        return lines

    def _call(self, node: Node) -> str:
        operands = [self._named(self._first[x]) if isinstance(x, Node) else literal(x) for x in node.operands]
        defaults = node.made_by.parameters
        params = [f"{name}={self._param(v)}" for name, v in node.params.items() if not is_default(v, defaults[name])]
        call = f"op.{node.made_by.name}({', '.join([*operands, *params])})"
        return call if node.shape else f"np.asarray({call})"  # an op gets arrays, also where NumPy returns a scalar

    def _named(self, node: Node) -> str:
        node = self._first[node]
        if node not in self._fixed:
            return self._names[node]
        return self._constant(self._fixed[node])

    def _param(self, value: Any) -> str:
        return literal(value) if is_plain(value) else self._constant(value)

    def _constant(self, value: Any) -> str:
        known = next((name for name, other in self.constants.items() if other is value), None)
        name = known or f"constant{len(self.constants) + 1}"
        self.constants[name] = value
        return name


def is_plain(value: Any) -> bool:
    """Whether a parameter can be written out."""
    if isinstance(value, tuple):
        return all(map(is_plain, value))
    return type(value) in (int, float, bool, str, type(None))


def is_default(value: Any, default: Any) -> bool:
    """Whether a parameter need not be written, since it is what the op takes anyway."""
    return is_plain(value) and type(value) is type(default) and repr(value) == repr(default)


def _key(value: Any) -> Hashable:
    """What tells operands and parameters apart: 1, 1.0 and True are different."""
    return (type(value), repr(value)) if is_plain(value) else id(value)
