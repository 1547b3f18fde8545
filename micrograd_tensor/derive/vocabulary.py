"""Vocabulary: what extraction asks of terms again and again, worked out once a graph."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from itertools import islice, product
from typing import TypeAlias

from ..algebra import Lowered, Term
from ..algebra.axes import Axes, flat
from ..algebra.numbers import MINUS_ONE, ONE, Coefficient, coefficient, exact
from ..algebra.terms import reachable
from ..engine.table.elementwise import sigmoid
from .expressions import Named

Factors: TypeAlias = "dict[Term, Fraction]"
Common: TypeAlias = "tuple[Factors, Coefficient, Term] | None"
SHORT, MOST = 6, 16
"""Combinations of how many parts are multiplied out, and to how many parts."""
VARIANTS = 64
"""Under how many other labels a named value is looked for."""


class Vocabulary:
    """What is known of the terms of a graph.

    Attributes:
        lowered: the graph and its terms.
        widest: the greatest number of axes of a value.
    """

    def __init__(self, lowered: Lowered) -> None:
        self.lowered, self._pool = lowered, lowered.pool
        self.widest = max((len(term.axes) for term in lowered.terms.values()), default=0) or 1
        self._alike = _alike(lowered.axes)
        self._variants: dict[Named, tuple[Named, ...]] = {}
        self._multiplied: dict[Term, Term | None] = {}
        self._commons: dict[Term, Common] = {}

    def with_variants(self, names: Mapping[Term, Named]) -> dict[Term, Named]:
        """Names, and the same for what is named under other labels, and for a difference the other way round."""
        made = dict(names)
        for named in names.values():
            if named not in self._variants:
                self._variants[named] = tuple(self._made(named))
            for other in self._variants[named]:
                made.setdefault(other.term, other)
        return made

    def _made(self, named: Named) -> list[Named]:
        own, made = named.term.axes, list[Named]()
        choices = [[label, *(other for other in self._alike.get(label, ()) if other != label)] for label in own]
        for labels in islice(product(*choices), VARIANTS):
            if len(set(labels)) < len(labels):
                continue
            to = {a: b for a, b in zip(own, labels, strict=True) if a != b}
            number, term = self._pool.monomial(self._pool.rename(named.term, to) if to else named.term)
            for sign in (ONE, MINUS_ONE) if term.op == "lin" else (ONE,):
                turned = self._pool.scale(term, sign)
                if turned is not named.term:
                    scale = named.scale * number * sign
                    made.append(
                        Named(named.name, named.node, turned, scale, named.is_gradient, tuple(to.items()), named)
                    )
        return made

    def alike(self, label: int) -> tuple[int, ...]:
        """The labels under which an axis is found in other places."""
        return self._alike.get(label, ())

    def common(self, term: Term) -> Common:
        """What all parts of a combination have in common, as factors and a number, and what is left; None: nothing."""
        if term not in self._commons:
            self._commons[term] = self._common(term)
        return self._commons[term]

    def multiplied_out(self, term: Term) -> Term | None:
        """A combination of products of sums, multiplied out, where that leaves fewer parts; None where it does not.

        The logistic function of −x is then 1 − σ(x), so that both meet.
        """
        if term not in self._multiplied:
            self._multiplied[term] = self._distributed(term) if len(term.args) <= SHORT else None
        return self._multiplied[term]

    def multiplied(self) -> list[tuple[Term, Term]]:
        """The combinations that were multiplied out, and what they came to."""
        return [(term, made) for term, made in self._multiplied.items() if made is not None]

    def _distributed(self, term: Term) -> Term | None:
        pool, made, touched = self._pool, list[tuple[Term, Coefficient]](), False
        for part, number in zip(term.args, term.params, strict=True):
            parts = [(pool.one, number)]
            for base, e in pool.factors(part) if part is not pool.one else ():
                inner = self._unfolded(base)
                touched |= inner is not base
                if e == 1 and inner.op == "lin" and len(inner.args) > 1:
                    touched = True
                    several = list(zip(inner.args, inner.params, strict=True))
                    pairs = [(a, c, b, d) for a, c in parts for b, d in several]
                    parts = [(pool.prod([(a, 1), (b, 1)]), c * d) for a, c, b, d in pairs]
                else:
                    parts = [(pool.prod([(a, 1), (inner, e)]), c) for a, c in parts]
            made += parts
            if len(made) > MOST:
                return None
        if not touched:
            return None
        found = pool.lin(made)
        return found if len(found.args) < len(term.args) or found is pool.zero else self._fewer(found, term)

    def _fewer(self, found: Term, term: Term) -> Term | None:
        """What was multiplied out, where it is made of fewer terms, though of as many parts."""
        own = sum(1 for _ in reachable([found]))
        return found if len(found.args) == len(term.args) and own < sum(1 for _ in reachable([term])) else None

    def _unfolded(self, base: Term) -> Term:
        """The logistic function of −x as 1 − σ(x), also as a power of it; anything else as it is."""
        pool = self._pool
        if base.op != "fn" or base.params[0] is not sigmoid.op:
            return base
        number, inner = pool.monomial(base.args[0])
        first = inner.params[0] if inner.op == "lin" and inner.params else number
        if (first if number == ONE else number).value >= 0:
            return base
        turned = pool.make("fn", (pool.scale(base.args[0], MINUS_ONE),), base.params, base.axes)
        return pool.lin([(pool.one, ONE), (turned, MINUS_ONE)])

    def summed_together(self, term: Term) -> Term | None:
        """A combination of sums over the same axes as the sum of one combination; None where there are others."""
        sums = {t.params for t in term.args} if all(t.op == "sum" for t in term.args) else set()
        if len(sums) != 1 or len(term.args) < 2:
            return None
        inner = self._pool.lin([(t.args[0], c) for t, c in zip(term.args, term.params, strict=True)])
        (labels,) = sums
        if not set(labels) <= set(inner.axes):
            return None
        return self._pool.make("sum", (inner,), labels, [label for label in inner.axes if label not in labels])

    def _common(self, term: Term) -> tuple[Factors, Coefficient, Term] | None:
        items = [(dict(self._pool.factors(t)), c) for t, c in zip(term.args, term.params, strict=True)]
        if len(items) < 2:
            return None
        items = [({} if base is self._pool.one else m, c) for (m, c), base in zip(items, term.args, strict=True)]
        common = dict(items[0][0])
        for m, _ in items[1:]:
            shared = {f: e for f, e in common.items() if f in m and (m[f] > 0) == (e > 0)}
            common = {f: (min if e > 0 else max)(e, m[f]) for f, e in shared.items()}
        number = self._content([c for _, c in items])
        if not common and number == ONE:
            return None
        per = inverse(number)
        rest = [(self._pool.prod([(f, e - common.get(f, 0)) for f, e in m.items()]), c * per) for m, c in items]
        return common, number, self._pool.lin(rest)

    def _content(self, numbers: list[Coefficient]) -> Coefficient:
        """The number that stands in front of a combination: what all have, or what clears their fractions."""
        if any(not isinstance(c.number, Fraction) for c in numbers):
            first = numbers[0]
            ratios = [exact(c.value / first.value) for c in numbers]
            return first if all(isinstance(r, Fraction) for r in ratios) and first.value > 0 else ONE
        fractions = [c.number for c in numbers if isinstance(c.number, Fraction)]
        number = Fraction(math.gcd(*(f.numerator for f in fractions)), math.lcm(*(f.denominator for f in fractions)))
        if number.denominator > 1 and any(abs(f) != number for f in fractions):
            number = Fraction(1)
        counts = dict(numbers[0].counts)
        for c in numbers[1:]:
            own = dict(c.counts)
            shared = {k: e for k, e in counts.items() if k in own and (own[k] > 0) == (e > 0)}
            counts = {k: (min if e > 0 else max)(e, own[k]) for k, e in shared.items()}
        counts |= {
            k: e
            for k, e in numbers[0].counts
            if any(own.denominator > 1 for c in numbers for j, own in c.counts if j == k)
        }
        found = coefficient(number)
        for label, e in counts.items():
            found = found * Coefficient(Fraction(1), ((label, e),), _power(self._pool.size(label), e))
        return found


def _alike(axes: Axes) -> dict[int, tuple[int, ...]]:
    """The labels under which an axis may also be found: of those that are taken under others, all of their length."""
    taken = {
        label
        for (node, i), layout in axes.relabelled.items()
        for pair in zip(flat(axes.layout[node.operands[i]]), flat(layout), strict=True)
        for label in pair
        if pair[0] != pair[1]
    }
    return {label: axes.alike(label) for label in sorted(taken)}


def inverse(c: Coefficient) -> Coefficient:
    """``1/c``."""
    return c**-1


def _power(n: int, exponent: Fraction) -> Fraction | float:
    return Fraction(n) ** int(exponent) if exponent.denominator == 1 else float(float(n) ** float(exponent))
