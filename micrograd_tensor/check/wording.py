"""Wording: printed lines of NumPy in the names and sizes that a user has for things."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..graph import Graph

_SHAPED = ("broadcast_to", "ones", "zeros", "empty", "full", "reshape")
"""Functions whose arguments are lengths."""


def sizes_of(given: Any, graph: Graph) -> dict[int, str]:
    """What lengths of axes are called, by the numbers among what was given that are the length of an axis.

    A length of 1 or 2 may be any number, and one that two names have is called by none.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([[1.0, 2.0, 3.0]] * 4, name="x", requires_grad=True)
    >>> sizes_of({"N": 4, "D": 3, "k": 5, "one": 1}, mt.graph(x * 2.0, [[1.0] * 3] * 4))
    {4: 'N', 3: 'D'}
    """
    lengths = {n for node in graph.nodes for n in node.shape if n > 2}
    found: dict[int, list[str]] = {}
    for name, value in given.items() if isinstance(given, Mapping) else ():
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if whole and value in lengths and isinstance(name, str) and name.isidentifier():
            found.setdefault(int(value), []).append(name)
    return {n: names[0] for n, names in found.items() if len(names) == 1}


def in_words_of(lines: str, sizes: Mapping[int, str], names: Mapping[str, str]) -> str:
    """Lines of NumPy with other names for some values, and with names for lengths where they divide, shape or cut.

    >>> in_words_of("dx = dy[0:7, 1:5]", {7: "N", 4: "D"}, {})
    'dx = dy[:N, 1:1 + D]'
    >>> in_words_of("dx = np.broadcast_to(dvar / 7, (7, 4)) * 7", {7: "N", 4: "D"}, {"dx": "dX"})
    'dX = np.broadcast_to(dvar / N, (N, D)) * 7'
    """
    worded = []
    for line in lines.splitlines():
        try:
            before = ast.parse(line)
        except SyntaxError:  # a rule in mathematics
            return lines
        due = ast.dump(before)
        after = _Worded(sizes, names).visit(before)
        worded.append(line if ast.dump(after) == due else ast.unparse(after))
    return "\n".join(worded)


def as_written(lines: str, names: Mapping[str, str]) -> str:
    """Lines of NumPy with what is written for some names; "" where nothing is written for one of them.

    >>> as_written("dx = dy * y", {"dx": "self.dx", "y": "self.y"}), as_written("dx = dy * y", {"y": ""})
    ('self.dx = dy * self.y', '')
    """
    absent = [name for name, other in names.items() if not other]
    return "" if any(re.search(rf"\b{re.escape(name)}\b", lines) for name in absent) else in_words_of(lines, {}, names)


def in_numpy(lines: str) -> str:
    """Lines that read no more than NumPy and names of the user's; "" where they need other functions, or numbers.

    >>> in_numpy("dx = dy * mt.sigmoid(x)"), in_numpy("dx = dy * mt.erf(x)"), in_numpy("dx[np.array([2, 0])] = dy")
    ('dx = dy * (1 / (1 + np.exp(-x)))', '', '')
    >>> in_numpy("dx = dy * (4 * mt.sigmoid(2 * z) * mt.sigmoid(-(2 * z)))")
    'dx = dy * (1 - np.tanh(z) ** 2)'
    """
    if "mt." not in lines and "np.array(" not in lines:
        return lines
    try:
        made = ast.unparse(_InNumpy().visit(ast.parse(lines)))
    except SyntaxError:  # a rule in mathematics
        return lines
    return "" if "mt." in made or "np.array(" in made else made


def of_any_size(lines: str) -> str:
    """Lines of NumPy that shape nothing by a length that is a number; "" where they do, and would fail at others.

    >>> of_any_size("dx = np.zeros((N, 1)) + dy.reshape(N, -1)"), of_any_size("dx = np.broadcast_to(dy / n, (7, n))")
    ('dx = np.zeros((N, 1)) + dy.reshape(N, -1)', '')
    """
    try:
        nodes = [*ast.walk(ast.parse(lines))]
    except SyntaxError:  # a rule in mathematics
        return lines
    calls = (x for x in nodes if isinstance(x, ast.Call) and isinstance(x.func, ast.Attribute))
    shaped = [y for x in calls if x.func.attr in _SHAPED for y in x.args]  # type: ignore[attr-defined]
    lengths = (y for x in shaped for y in (x.elts if isinstance(x, ast.Tuple) else [x]))
    numbers = (x.value for x in lengths if isinstance(x, ast.Constant) and type(x.value) is int)
    return "" if any(n > 1 for n in numbers) else lines


def as_slope(lines: str, upstream: str) -> str:
    """Lines of NumPy, or a rule, as they are in a derivative, which returns what they give where the upstream is 1.

    >>> as_slope("dx = -dout * (x > 0)", "dout"), as_slope("t = np.exp(x)\\ndx = dout / t", "dout")
    ('return -(x > 0)', 't = np.exp(x)\\nreturn 1 / t')
    >>> as_slope("dx = −dout · x² + dout / x", "dout")
    'dx = −x² + 1 / x'
    """
    try:
        before = ast.parse(lines).body
    except SyntaxError:  # a rule in mathematics
        return re.sub(rf"\b{upstream}\b", "1", re.sub(rf"\b{upstream} · | · {upstream}\b", "", lines))
    made = [ast.unparse(_AtOne(upstream).visit(x)) for x in before]
    return "\n".join([*made[:-1], *(f"return {x.partition(' = ')[2]}" for x in made[-1:])])


def said_in_words_of(text: str, sizes: Mapping[int, str]) -> str:
    """A sentence with names for the lengths that the recorded ops divide by.

    >>> said_in_words_of("the division by 7 is missing", {7: "N"})
    'the division by N is missing'
    """
    return re.sub(r"(?<=division by )(\d+)\b(?!\.)", lambda found: sizes.get(int(found[0]), found[0]), text)


class _Worded(ast.NodeTransformer):
    def __init__(self, sizes: Mapping[int, str], names: Mapping[str, str]) -> None:
        self._sizes, self._names = sizes, names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self._names.get(node.id, node.id), node.ctx)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        if isinstance(node.op, ast.Div):
            node.right = self._length(node.right)
        return self.generic_visit(node)

    def visit_Slice(self, node: ast.Slice) -> ast.AST:
        match node:
            case ast.Slice(ast.Constant(int() as start), ast.Constant(int() as stop), None) if 0 <= start < stop:
                begin = ast.Constant(start) if start else None
                end = self._length(ast.Constant(stop))
                if start and stop - start in self._sizes:
                    end = ast.BinOp(ast.Constant(start), ast.Add(), self._length(ast.Constant(stop - start)))
                return ast.Slice(begin, end, None)
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Attribute) and node.func.attr in _SHAPED:
            node.args = [
                ast.Tuple([*map(self._length, x.elts)], x.ctx) if isinstance(x, ast.Tuple) else self._length(x)
                for x in node.args
            ]
        return self.generic_visit(node)

    def _length(self, node: ast.expr) -> ast.expr:
        known = isinstance(node, ast.Constant) and type(node.value) is int and node.value in self._sizes
        return ast.Name(self._sizes[node.value], ast.Load()) if known else node  # type: ignore[attr-defined]


class _AtOne(ast.NodeTransformer):
    """Writes what products and sums are where a name is 1."""

    def __init__(self, name: str) -> None:
        self._name = name

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(1) if node.id == self._name else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        match self.generic_visit(node):
            case ast.BinOp(ast.Constant(1), ast.Mult(), x) | ast.BinOp(x, ast.Mult() | ast.Div(), ast.Constant(1)):
                return x
            case ast.BinOp(ast.UnaryOp(ast.USub(), ast.Constant(1)), ast.Mult(), x):
                return ast.UnaryOp(ast.USub(), x)
        return node


class _InNumpy(ast.NodeTransformer):
    """Writes the sigmoid out, and the slope of a tanh as it is taught."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        match node:
            case ast.BinOp(ast.BinOp(_, _, ast.Call(_, [ast.BinOp(ast.Constant(2), ast.Mult(), x)])), ast.Mult(), _):
                inner = ast.unparse(ast.BinOp(ast.Constant(2), ast.Mult(), x))
                if ast.unparse(node) == f"4 * mt.sigmoid({inner}) * mt.sigmoid(-({inner}))":
                    square = ast.BinOp(_call("np.tanh", self.visit(x)), ast.Pow(), ast.Constant(2))
                    return ast.BinOp(ast.Constant(1), ast.Sub(), square)
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        match self.generic_visit(node):
            case ast.Call(ast.Attribute(ast.Name("mt"), "sigmoid"), [x]):
                turned = x.operand if isinstance(x, ast.UnaryOp) else ast.UnaryOp(ast.USub(), x)
                below = ast.BinOp(ast.Constant(1), ast.Add(), _call("np.exp", turned))
                return ast.BinOp(ast.Constant(1), ast.Div(), below)
        return node


def _call(function: str, x: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(function, ast.Load()), [x], [])
