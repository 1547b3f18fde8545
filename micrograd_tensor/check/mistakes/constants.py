"""Constants: which numbers of a graph make up a factor: lengths of axes, recorded numbers, 2, ½, n/(n − 1), …"""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd, prod, sqrt
from typing import NamedTuple

from ...engine.row import Reduction
from ...graph import Graph
from ...notation import number


class Constant(NamedTuple):
    """A number and where it comes from; the smaller its cost, the simpler."""

    value: float
    text: str
    cost: float


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
        if value in (0.0, 1.0, -1.0):
            return Constant(value, f"{value:g}", 0.0)
        size = abs(value)
        same = [c for c in self._known if abs(c.value - size) <= rtol * size]
        if abs(size - 1.0) <= rtol:
            same.insert(0, Constant(1.0, "1", 0.0))
        if not same:
            return None
        best = [c for c in same if c.cost == same[0].cost]
        text = " or ".join(dict.fromkeys(c.text for c in best[:2]))
        sign = "-" if value < 0 else ""
        return Constant(best[0].value * (-1 if value < 0 else 1), sign + text, best[0].cost)


def lengths(graph: Graph) -> dict[int, str]:
    """The lengths of axes in a graph, with their axes; lengths of 0 and 1 are no evidence."""
    found: dict[int, list[str]] = {}
    for node in graph.nodes:
        for axis, n in enumerate(node.shape):
            if n > 1 and node.name is not None:
                found.setdefault(n, []).append(f"axis {axis} of {node.name}")
    texts = {}
    for n, axes in found.items():
        first = axes[0].split(" of ")[1]
        texts[n] = " or ".join(axis for axis in axes if axis.endswith(f" of {first}"))
    return texts


def _single(graph: Graph) -> list[Constant]:
    """The numbers that stand for themselves: lengths, numbers of elements, numbers that the graph recorded."""
    found: dict[float, Constant] = {2.0: Constant(2.0, "2", 0.0)}
    for n, text in lengths(graph).items():
        if n == 2:
            found[2.0] = Constant(2.0, f"2, the length of {text}, or the 2 of a square,", 0.0)
        else:
            found[float(n)] = Constant(float(n), f"{n}, the length of {text},", 0.0)
    for node in graph.nodes:
        size = prod(node.shape)
        if node.name is not None and size > 1:
            found.setdefault(float(size), Constant(float(size), f"{size}, the number of elements of {node.name},", 0.5))
        if node.reading in (Reduction("mean"), Reduction("sum")):
            terms = prod(node.operands[0].shape) // max(size, 1)
            if terms > 1:
                found.setdefault(float(terms), Constant(float(terms), f"{terms}, the number of terms of a mean,", 0.2))
    for node in (*graph.nodes, *graph.backward):
        for x in node.operands:
            if isinstance(x, int | float) and not isinstance(x, bool) and abs(x) not in (0.0, 1.0):
                found.setdefault(abs(float(x)), Constant(abs(float(x)), f"{number(abs(x))}, a recorded number,", 0.3))
    return list(found.values())


def _products(single: list[Constant]) -> Iterator[Constant]:
    for c in single:
        value, text = _split(c)
        yield Constant(c.value, f"{value}{text}", c.cost)
        yield Constant(1 / c.value, f"1/{value}{text}", c.cost)
        yield Constant(c.value**2, f"{value}²{text}", c.cost + 1.0)
        yield Constant(c.value**-2, f"1/{value}²{text}", c.cost + 1.0)
        yield Constant(sqrt(c.value), f"√{value}{text}", c.cost + 1.5)
        yield Constant(1 / sqrt(c.value), f"1/√{value}{text}", c.cost + 1.5)
        if c.value < 1:
            rest = f"1 − {value}"
            yield Constant(1 - c.value, f"{rest}{text}", c.cost + 0.5)
            yield Constant((1 - c.value) / c.value, f"({rest})/{value}{text}", c.cost + 1.0)
            yield Constant(c.value / (1 - c.value), f"{value}/({rest}){text}", c.cost + 1.0)
        if c.value > 2 and c.value == int(c.value):
            n = int(c.value)
            yield Constant(n / (n - 1), f"{n}/{n - 1}, n/(n − 1) for n = {n}{text[7:] and _of(text)}", c.cost + 0.5)
            yield Constant((n - 1) / n, f"{n - 1}/{n}, (n − 1)/n for n = {n}{text[7:] and _of(text)}", c.cost + 0.5)
            yield Constant(1 / (n - 1), f"1/{n - 1}, 1/(n − 1) for n = {n}{text[7:] and _of(text)}", c.cost + 1.0)
            yield Constant(n - 1.0, f"{n - 1}, n − 1 for n = {n}{text[7:] and _of(text)}", c.cost + 1.0)
    for i, a in enumerate(single):
        for b in single[i + 1 :]:
            (x, where_x), (y, where_y) = _split(a), _split(b)
            where = ", where " + " and ".join(t.removeprefix(", where ") for t in (where_x, where_y) if t)
            where = where if where_x or where_y else ""
            cost = a.cost + b.cost + 1.2
            yield Constant(a.value * b.value, f"{x}·{y}{where}", cost)
            yield Constant(a.value / b.value, f"{x}/{y}{where}", cost)
            yield Constant(b.value / a.value, f"{y}/{x}{where}", cost)
            yield Constant(1 / (a.value * b.value), f"1/({x}·{y}){where}", cost + 0.1)
    for n in (3, 4, 8):
        yield Constant(float(n), str(n), 2.0)
        yield Constant(1 / n, f"1/{n}", 2.0)
    for n in range(3, 13):
        for m in range(2, n):
            if gcd(n, m) == 1:
                yield Constant(n / m, f"{n}/{m}", 6.0)
                yield Constant(m / n, f"{m}/{n}", 6.0)


def _split(c: Constant) -> tuple[str, str]:
    """``"7, the length of axis 0 of x,"`` as the number and what it is."""
    value, _, text = c.text.rstrip(",").partition(", ")
    return value, f", where {value} is {text}" if text else ""


def _of(text: str) -> str:
    return ", " + text.split(" is ", 1)[1] if " is " in text else ""
