"""Constants: which numbers of a graph make up a factor: lengths of axes, recorded numbers, 2, ½, n/(n − 1), …"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from math import gcd, isfinite, prod, sqrt
from typing import NamedTuple

from ...engine.row import Product, Reduction
from ...graph import Graph
from ...notation import number

_RECORDED = "a recorded number"


class Constant(NamedTuple):
    """A number and where it comes from; the smaller its cost, the simpler."""

    value: float
    text: str
    cost: float


NOTHING, ONE = Constant(0.0, "0", 0.0), Constant(1.0, "1", 0.0)


def digits(value: float, count: int = 4, *, least: float = 1e-10) -> str:
    """A few digits of a number, of one that is nearly 1 those of the difference, if that is more than the least.

    >>> digits(0.123456), digits(1 - 2e-8)
    ('0.1235', '1 - 2e-08')
    """
    off = value - 1.0
    return f"1 {'+' if off > 0 else '-'} {abs(off):.2g}" if least < abs(off) < 1e-3 else f"{value:.{count}g}"


class Constants:
    """The numbers that a factor may be made of, simplest first.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], name="x", requires_grad=True)
    >>> constants = Constants(mt.graph(mt.mean(x)))
    >>> constants.explain(1 / 3).text
    '1/3, where 3 is the length of axis 0 of x'
    >>> constants.explain(-9.0).text, constants.explain(0.12345)
    ('-3², where 3 is the length of axis 0 of x', None)
    """

    def __init__(self, graph: Graph) -> None:
        self._known = sorted(_products(_single(graph)), key=lambda constant: constant.cost)

    def explain(self, value: float, rtol: float = 1e-12) -> Constant | None:
        """The simplest constant that equals a number up to its sign, or None."""
        if value == 0.0:
            return NOTHING
        size = abs(value)
        same = [c for c in self._known if abs(c.value - size) <= rtol * size]
        if not same:
            return None
        best = [c for c in same if c.cost == same[0].cost]
        text = " or ".join(dict.fromkeys(c.text for c in best[:2]))
        sign = "-" if value < 0 else ""
        return Constant(best[0].value * (-1 if value < 0 else 1), sign + text, best[0].cost)


def lengths(graph: Graph) -> dict[int, str]:
    """The lengths of axes in a graph, with their axes; lengths of 0 and 1 are no evidence."""
    found: dict[int, tuple[str, list[str]]] = {}
    for node in graph.nodes:
        for axis, n in enumerate(node.shape):
            if n > 1 and node.name is not None:
                name, axes = found.setdefault(n, (node.name, []))
                if name == node.name:
                    axes.append(f"axis {axis} of {name}")
    return {n: " or ".join(axes) for n, (_, axes) in found.items()}


class _Number(NamedTuple):
    """A number that stands for itself: how it is written, and what it is."""

    value: float
    text: str
    what: str
    cost: float

    def named(self, form: str, value: float, more: float) -> Constant:
        """A constant made of it alone."""
        where = f", where {self.text} is {self.what}" if self.what else ""
        return Constant(value, f"{form.format(self.text)}{where}", self.cost + more)


def _single(graph: Graph) -> list[_Number]:
    """Lengths, numbers of elements, numbers that the graph recorded, and 2."""
    found, written = {2.0: _Number(2.0, "2", "", 0.0)}, _written(graph)

    def add(value: float, what: str, cost: float) -> None:
        what += f", or {_RECORDED}" if value in written and what != _RECORDED else ""
        found.setdefault(float(value), _Number(float(value), number(value), what, cost))

    for n, text in lengths(graph).items():
        if n == 2:
            found[2.0] = _Number(2.0, "2", f"the length of {text}, or the 2 of a square", 0.0)
        add(n, f"the length of {text}", 0.0)
    for node in graph.nodes:
        size = prod(node.shape)
        if node.name is not None and size > 1:
            add(size, f"the number of elements of {node.name}", 0.5)
        if node.reading in (Reduction("mean"), Reduction("sum")):
            terms = prod(node.operands[0].shape) // max(size, 1)
            if terms > 1:
                add(terms, "the number of terms of a mean", 0.2)
    for node in (*graph.nodes, *graph.backward):
        for x in node.operands:
            if isinstance(x, int | float) and not isinstance(x, bool) and abs(x) not in (0.0, 1.0) and isfinite(x):
                add(abs(x), _RECORDED, 0.3)
    for output, upstream in graph.upstreams.items():
        if upstream.value is None or upstream.value.size != 1:
            continue
        value = abs(float(upstream.value.item()))
        if value not in (0.0, 1.0):
            name = f"d{output.name}" if output.name else "the upstream gradient"
            found.setdefault(value, _Number(value, name, "", 0.4))
    return list(found.values())


def _written(graph: Graph) -> set[float]:
    """The numbers that are exponents, factors or terms, which may be as long as an axis by chance.

    What is divided by such a number most often is divided by the length itself.
    """
    nodes = [(node, node.operands) for node in graph.nodes]
    every = (x for node, xs in nodes for x in (xs[:1] if node.reading == Product((1, -1)) else xs))
    return {float(abs(x)) for x in every if isinstance(x, int | float) and not isinstance(x, bool)}


def _products(single: list[_Number]) -> Iterator[Constant]:
    yield ONE
    for a in single:
        yield from _of_one(a)
    for a, b in combinations(single, 2):
        whats = [f"{c.text} is {c.what}" for c in (a, b) if c.what]
        where = f", where {' and '.join(whats)}" if whats else ""
        cost = a.cost + b.cost + 1.2
        yield Constant(a.value * b.value, f"{a.text}·{b.text}{where}", cost)
        yield Constant(a.value / b.value, f"{a.text}/{b.text}{where}", cost)
        yield Constant(b.value / a.value, f"{b.text}/{a.text}{where}", cost)
        yield Constant(1 / (a.value * b.value), f"1/({a.text}·{b.text}){where}", cost + 0.1)
    for n in (3, 4, 8):
        yield Constant(float(n), str(n), 2.0)
        yield Constant(1 / n, f"1/{n}", 2.0)
    for n in range(3, 13):
        for m in range(2, n):
            if gcd(n, m) == 1:
                yield Constant(n / m, f"{n}/{m}", 6.0)
                yield Constant(m / n, f"{m}/{n}", 6.0)


def _of_one(a: _Number) -> Iterator[Constant]:
    c = a.value
    yield a.named("{}", c, 0.0)
    yield a.named("1/{}", 1 / c, 0.0)
    yield a.named("{}²", c**2, 1.0)
    yield a.named("1/{}²", c**-2, 1.0)
    yield a.named("√{}", sqrt(c), 1.5)
    yield a.named("1/√{}", 1 / sqrt(c), 1.5)
    if c < 1:
        yield a.named("1 − {}", 1 - c, 0.5)
        yield a.named("(1 − {0})/{0}", (1 - c) / c, 1.0)
        yield a.named("{0}/(1 − {0})", c / (1 - c), 1.0)
    if c > 2 and c == int(c):
        n, what = int(c), f", {a.what}" if a.what else ""
        yield Constant(n / (n - 1), f"{n}/{n - 1}, n/(n − 1) for n = {n}{what}", a.cost + 0.5)
        yield Constant((n - 1) / n, f"{n - 1}/{n}, (n − 1)/n for n = {n}{what}", a.cost + 0.5)
        yield Constant(1 / (n - 1), f"1/{n - 1}, 1/(n − 1) for n = {n}{what}", a.cost + 1.0)
        yield Constant(n - 1.0, f"{n - 1}, n − 1 for n = {n}{what}", a.cost + 1.0)
