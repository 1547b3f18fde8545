"""Grouping: terms in the form in which a kernel computes them with the fewest operations in its inner loops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from math import prod
from typing import Any

from ..algebra import Pool, Term
from ..algebra.numbers import MINUS_ONE, ONE, Coefficient
from ..algebra.terms import topological

CONDITIONS = ("indicator", "delta")
"""Terms that decide about the product that they are a factor of."""

SHARED = 12
"""The most factors of a product that is looked through for what others have too."""


class Grouping:
    """Terms in which what varies along fewer axes is combined first, so that little is left for the inner loops.

    Attributes:
        before: what a term was before it was grouped.
    """

    def __init__(self, pool: Pool, truths: Iterable[Term]) -> None:
        self._pool, self._truths = pool, set(truths)
        self._made: dict[Term, Term] = {}
        self.before: dict[Term, Term] = {}

    def __call__(self, term: Term) -> Term:
        """The same value, grouped."""
        for t in topological([term], self._made):
            self._made[t] = self._grouped(t)
            self.before.setdefault(self._made[t], t)
        return self._made[term]

    def _grouped(self, t: Term) -> Term:
        args = tuple(self._made[x] for x in t.args)
        if t.op == "prod":
            return self._product(self._factors(t), ONE)
        if t.op == "lin":
            parts = [self._scaled(x, c) for x, c in zip(t.args, t.params, strict=True)]
            return self._nested(parts, self._combination)
        if all(x is y for x, y in zip(args, t.args, strict=True)):
            return t
        return self._pool.make(t.op, args, t.params, t.axes)

    def _scaled(self, t: Term, c: Coefficient) -> tuple[Term, Any]:
        """A term of a combination with its coefficient, which goes to the factor that varies least."""
        if t.op == "prod" and len({x.axes for x in t.args}) > 1 and abs(c.value) != 1:
            items = self._factors(t)
            return (self._product(items, -c), MINUS_ONE) if c.value < 0 else (self._product(items, c), ONE)
        return self._made[t], c

    def _factors(self, t: Term) -> list[tuple[Term, Any]]:
        """The grouped factors of a product with their exponents; roots, by which these become whole numbers."""
        items: list[tuple[Term, Any]] = []
        for x, e in zip(t.args, t.params, strict=True):
            half = Fraction(1 if e > 0 else -1, 2)
            if e == int(e) or (e / half).denominator != 1 or (len(t.args) == 1 and e == half):
                items.append((self._made[x], e))
                continue
            root = self._powers([(self._made[x], half)])
            self.before.setdefault(root, self._pool.make("prod", (x,), (half,), x.axes))
            items.append((root, int(e / half)))
        return items

    def _product(self, items: list[tuple[Term, Any]], c: Coefficient) -> Term:
        conditions = [(x, e) for x, e in items if e == 1 and (x.op in CONDITIONS or x in self._truths)]
        made = self._nested([item for item in items if item not in conditions], self._powers, c)
        return self._powers([(made, 1), *conditions]) if conditions else made  # they decide about the whole product

    def _nested(
        self, items: list[tuple[Term, Any]], combined: Callable[[list[tuple[Term, Any]]], Term], c: Coefficient = ONE
    ) -> Term:
        groups: dict[tuple[int, ...], list[tuple[Term, Any]]] = {}
        for item in items:
            groups.setdefault(item[0].axes, []).append(item)
        order = sorted(groups, key=lambda axes: (prod(map(self._pool.size, axes)), len(axes), axes))
        largest: list[tuple[Term, Any]] = []
        adds = combined == self._combination
        one = ONE if adds else 1
        for k, axes in enumerate(order):
            above = next((other for other in order[k + 1 :] if set(axes) <= set(other)), None)
            if above is None:
                largest += groups[axes]
                continue
            inner = groups[axes]
            if len(inner) == 1 and inner[0][1] in ((ONE, MINUS_ONE) if adds else (1,)) and c == ONE:
                groups[above] += inner
                continue
            sign = one
            if adds and all(number.value < 0 for _, number in inner):  # x − mean rather than x + (−mean)
                inner, sign = [(x, -number) for x, number in inner], MINUS_ONE
            made = combined(inner)
            if c != ONE:
                made, c = self._combination([(made, c)]), ONE
            groups[above].append((made, sign))
        made = combined(largest)
        return made if c == ONE else self._combination([(made, c)])

    def _combination(self, items: list[tuple[Term, Any]]) -> Term:
        if len(items) == 1 and items[0][1] == ONE:
            return items[0][0]
        return self._pool.make("lin", [x for x, _ in items], [c for _, c in items], _union(x for x, _ in items))

    def _powers(self, items: list[tuple[Term, Any]]) -> Term:
        if len(items) == 1 and items[0][1] == 1:
            return items[0][0]
        if not items:
            return self._pool.one
        return self._pool.make("prod", [x for x, _ in items], [e for _, e in items], _union(x for x, _ in items))

    # -------------------------------------------------------------------------------------------- common factors

    def shared(self, terms: Sequence[Term], known: Container[Term]) -> list[Term]:
        """The same values, where two factors that several products have in common are multiplied once."""
        order = topological(terms, known)
        products = {t: self._units(t) for t in order if t.op == "prod"}
        pairs = _paired([units for units in products.values() if units])
        multiples = {(t.args[0], t.params[0]): t for t in order if t.op == "lin" and len(t.args) == 1}
        made: dict[Term, Term] = {}
        for t in order:
            units = products.get(t)
            if units:
                made[t] = self._powers([*self._multiplied(units, pairs, made).items()])
            elif t.op == "lin" and len(t.args) > 1:
                items = zip(t.args, t.params, strict=True)
                made[t] = self._combination([self._multiple(x, c, multiples, made) for x, c in items])
            else:
                made[t] = self._pool.make(t.op, [made.get(x, x) for x in t.args], t.params, t.axes)
            if made[t] is not t:
                self.before.setdefault(made[t], self.before.get(t, t))
        return [made.get(t, t) for t in terms]

    def _multiple(
        self, x: Term, c: Coefficient, multiples: Mapping[Any, Term], made: Mapping[Term, Term]
    ) -> tuple[Term, Coefficient]:
        """A term of a combination and its coefficient; what is computed anyway is taken with both."""
        one = next((one for one in (ONE, MINUS_ONE) if (x, c * one) in multiples), None)
        x, c = made.get(x, x), c if one is None else c * one
        return (x, c) if one is None else (self._pool.make("lin", (x,), (c,), x.axes), one)

    def _units(self, t: Term) -> Counter[Any]:
        """The factors of a product, and how often it has them: with the exponent 1 or −1, if these are whole."""
        found = Counter[Any]()
        if len(t.args) > SHARED or any(x.op in CONDITIONS or x in self._truths for x in t.args):
            return found
        for x, e in zip(t.args, t.params, strict=True):
            if e == int(e):
                found[x, 1 if e > 0 else -1] += abs(int(e))
            else:
                found[x, e] += 1
        return found

    def _multiplied(self, units: Counter[Any], pairs: Sequence[Any], made: Mapping[Term, Term]) -> dict[Term, Any]:
        """Factors with their exponents."""
        found: dict[Term, Any] = {}
        for (x, e), n in units.items():
            if isinstance(x, int):
                x = self._powers([*self._multiplied(Counter(pairs[x]), pairs, made).items()])
            x = made.get(x, x)
            found[x] = found.get(x, 0) + e * n
        return found


def _paired(products: Sequence[Counter[Any]]) -> list[tuple[Any, Any]]:
    """Replace pairs of factors that several products have, the most frequent first, by their numbers in the result."""
    pairs: list[tuple[Any, Any]] = []
    while True:
        found = Counter[Any]()
        for units in products:
            ordered = sorted(units, key=lambda unit: _key(unit))
            found.update((a, b) for a, b in combinations(ordered, 2) if _axes(a, pairs) == _axes(b, pairs))
        best = max(found, key=lambda pair: found[pair], default=None)
        if best is None or found[best] < 2:
            return pairs
        pairs.append(best)
        for units in products:
            n = min(units[best[0]], units[best[1]])
            if n:
                units.subtract({best[0]: n, best[1]: n})
                units[len(pairs) - 1, 1] += n
                for one in best:
                    if not units[one]:
                        del units[one]


def _key(unit: Any) -> tuple[int, int, Any]:
    """An order of factors: as they were born, and then pairs."""
    x, exponent = unit
    return (1, x, exponent) if isinstance(x, int) else (0, x.id, exponent)


def _axes(unit: Any, pairs: Sequence[tuple[Any, Any]]) -> tuple[int, ...]:
    x = unit[0]
    while isinstance(x, int):
        x = pairs[x][0][0]
    return x.axes  # type: ignore[no-any-return]


def _union(terms: Iterable[Term]) -> set[int]:
    return {label for term in terms for label in term.axes}
