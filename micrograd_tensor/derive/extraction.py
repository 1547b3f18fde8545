"""Extraction: a term by the names of what it contains, as short as a small search finds it.

The algebra brings a gradient into a normal form, which is short but says nothing by name. Here common factors are
collected, every product is covered by names, and factors go into a sum where what it adds up then has a name.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import TypeAlias

from ..algebra import Term
from ..algebra.axes import Layout, flat
from ..algebra.numbers import MINUS_ONE, ONE, Coefficient, coefficient
from ..engine.table.elementwise import exp
from ..graph import Node
from .expressions import (
    Applied,
    Compared,
    Expression,
    Joined,
    Name,
    Named,
    Number,
    OneHot,
    Opaque,
    Product,
    Reduced,
    Softmax,
    Total,
    children,
)
from .vocabulary import Factors, Vocabulary, inverse

Cover: TypeAlias = "dict[Term | Named | Soft, Fraction]"

STATES, HOPELESS = 120, 25.0
"""How many covers of a product are looked at, and how much heavier than the lightest one may be and still lead on."""
FULL = 10.0
"""The weight of a value that has as many axes as any."""


class Soft(tuple[Term, Term]):
    """A softmax among the factors of a product: an exponential, and its sum."""

    __slots__ = ()


class Extraction:
    """Writes terms by names.

    Args:
        words: what is known of the graph's terms.
        names: what may be called by a name, by its term without a coefficient.
        covering: look for the shortest cover by names; without it, only what is itself named, or a power of what is,
            is called by its name, and all else stands as it is.
    """

    def __init__(self, words: Vocabulary, names: Mapping[Term, Named], covering: bool = True) -> None:
        self._words, self._lowered, self._pool = words, words.lowered, words.lowered.pool
        self._names, self._covering = words.with_variants(names), covering
        self._made: dict[Term, Expression] = {}
        self._sums: dict[Term, Expression] = {}
        self._costs: dict[int, tuple[Expression, float]] = {}
        self._touching: dict[Term, list[tuple[Named, Factors]]] = {}
        self._scales: dict[Named, Coefficient] = {}
        for named in self._names.values():
            factors, self._scales[named] = self._factors(named)
            if factors != {named.term: 1} and (covering or len(factors) == 1):
                for base in factors:
                    self._touching.setdefault(base, []).append((named, factors))

    def _factors(self, named: Named) -> tuple[Factors, Coefficient]:
        """What is named as a product of powers and a coefficient, with what a sum has in common in front of it."""
        factors = dict(self._pool.factors(named.term))
        return self._taken_apart(factors, named.scale) if self._covering else (factors, named.scale)

    def __call__(self, term: Term) -> Expression:
        """The expression of a term."""
        if term not in self._made:
            self._made[term] = self._written(term)
        return self._made[term]

    # --------------------------------------------------------------------------------------------------------- terms

    def _written(self, term: Term) -> Expression:
        pool = self._pool
        if term is pool.zero:
            return Number(coefficient(0))
        number, rest = pool.monomial(term)
        if rest is pool.one:
            return Number(number)
        if rest in self._names:
            named = self._names[rest]
            return scaled(self._name(named), number * inverse(named.scale))
        if number != ONE:
            return scaled(self(rest), number)
        match term.op:
            case "num":
                return Number(coefficient(Fraction(term.params[0])))
            case "leaf":
                return self._leaf(*term.params)
            case "relabel":
                return self._relabelled(term)
            case "lin":
                return self._combination(term)
            case "prod":
                return self._product(dict(pool.factors(term)), ONE)
            case "sum":
                return self._product({term: Fraction(1)}, ONE) if self._covering else self._sum(term)
            case "fold" | "fn":
                return self._applied(term)
            case "indicator":
                return Compared(term.params[0], self._sides(term), term.axes)
            case "delta":
                return OneHot(term.params[0], self(term.args[0]), term.axes)
        node = self._lowered.nodes[term.params[0]]
        return Opaque(node, tuple(map(self, term.args)), self._lowered.axes.layout[node], term.axes)

    def _sides(self, term: Term) -> tuple[Expression, ...]:
        """What is compared: unless all of it was recorded, extrema are computed anew, too, or roundings hide ties."""
        recorded = all(arg.op in ("leaf", "num", "one") or self._is_recorded(arg) for arg in term.args)
        return tuple(map(self if recorded else self._anew, term.args))

    def _is_recorded(self, term: Term) -> bool:
        named = self._names.get(self._pool.monomial(term)[1])
        return named is not None and named.name != "" and not named.is_gradient

    def _anew(self, term: Term) -> Expression:
        return self._applied(term) if term.op in ("fold", "fn") and self._is_recorded(term) else self(term)

    def _applied(self, term: Term) -> Expression:
        if term.op == "fold":
            return Reduced(term.params[0], term.params[1], self(term.args[0]), term.axes)
        return Applied(term.params[0], term.params[1], tuple(map(self, term.args)), term.axes)

    def _name(self, named: Named, to: Mapping[int, int] | None = None) -> Name:
        layout = self._lowered.axes.layout[named.node]
        if named.own is not None:
            return Name(named.own, _with_labels(layout, dict(named.to)), named.term.axes)
        if to:
            layout = _with_labels(layout, to)
        axes = named.term.axes
        return Name(named, layout, tuple(sorted(to.get(a, a) for a in axes)) if to else axes)

    def _leaf(self, rank: int, labels: tuple[int, ...]) -> Expression:
        """A leaf under other labels than its own."""
        node = self._lowered.nodes[rank]
        named = self._names[self._lowered.terms[node]]
        return self._name(named, dict(zip(flat(self._lowered.axes.layout[node]), labels, strict=True)))

    def _relabelled(self, term: Term) -> Expression:
        (whole,), to = term.args, dict(zip(*term.params, strict=True))
        if whole in self._names:
            named = self._names[whole]
            return scaled(self._name(named, to), inverse(named.scale))
        if whole.op == "opaque":
            node = self._lowered.nodes[whole.params[0]]
            layout = _with_labels(self._lowered.axes.layout[node], to)
            return Opaque(node, tuple(map(self, whole.args)), layout, term.axes)
        return self(self._pool.rename(whole, to))

    def _sum(self, term: Term) -> Expression:
        number, inner = parted(self(term.args[0]))
        return scaled(Reduced("sum", term.params, inner, term.axes), number)

    # ------------------------------------------------------------------------------------------------------ products

    def _product(self, factors: Factors, number: Coefficient, last: Term | None = None) -> Expression:
        """A number times a product of powers, and times a sum whose common factor is already among them."""
        if self._covering:
            factors, number = self._taken_apart(factors, number)
        cover = self._covered(factors)
        parts: list[tuple[Expression, Fraction]] = []
        for atom, e in cover.items():
            if isinstance(atom, Named):
                number = number * inverse(self._scales[atom]) ** int(e)
                parts.append((self._name(atom), e))
            elif isinstance(atom, Soft):
                parts.append((self._softmax(atom), e))
            elif atom.op == "sum" and atom not in self._names:
                parts.append((self._sum(atom), e))
            else:
                parts.append((self(atom), e))
        if last is not None:
            parts.append((self(last), Fraction(1)))
        return product(number, parts)

    def _taken_apart(self, factors: Factors, number: Coefficient) -> tuple[Factors, Coefficient]:
        """The same product, with what a sum among its factors has in common in front of the sum."""
        made: Factors = {}
        for base, e in factors.items():
            found = self._words.common(base) if e == 1 and base.op == "lin" else None
            common, k, rest = ({}, ONE, base) if found is None else found
            if (
                rest.op == "lin" and rest.params and rest.params[0].value < 0 and e == 1
            ):  # one sign for both differences
                rest, k = self._pool.scale(rest, MINUS_ONE), -k
            c, inner = self._pool.monomial(rest)
            number = number * k * c
            for other, exponent in [*common.items(), (inner, e)]:
                made[other] = made.get(other, Fraction(0)) + exponent
        return {base: e for base, e in made.items() if e}, number

    def _covered(self, start: Factors) -> Cover:
        """The product by the names of what it contains: the lightest of the ways that a short search finds."""
        first: Cover = dict[Term | Named | Soft, Fraction](start.items())
        best = (self._weight(first), first)
        seen, queue, count = {frozenset(first.items())}, [(best[0], 0, first)], 0
        while queue and count < STATES:
            weight, _, cover = heapq.heappop(queue)
            if weight > best[0] + HOPELESS:
                break
            for new in self._moves(cover):
                key = frozenset(new.items())
                if key not in seen:
                    seen.add(key)
                    count += 1
                    weight = self._weight(new)
                    if weight < best[0]:
                        best = (weight, new)
                    heapq.heappush(queue, (weight, count, new))
        return best[1]

    def _moves(self, cover: Cover) -> Iterator[Cover]:
        """The covers that one more name makes of one, or a factor that goes into a sum."""
        tried: set[Named] = set()
        for base, exponent in cover.items():
            if not isinstance(base, Term):
                continue
            for named, factors in self._touching.get(base, ()):
                if named in tried:
                    continue
                tried.add(named)
                yield from _with_name(cover, named, factors)
            if not self._covering:
                continue
            if base.op == "sum" and exponent == 1 and base not in self._names:
                yield from self._into_sum(cover, base)
            if base.op == "fn" and base.params[0] is exp.op and exponent == 1:
                for total, e in cover.items():
                    if isinstance(total, Term) and total.op == "sum" and total.args[0] is base and e == -1:
                        rest = {atom: k for atom, k in cover.items() if atom not in (base, total)}
                        yield {**rest, Soft((base, total)): Fraction(1)}

    def _into_sum(self, cover: Cover, total: Term) -> Iterator[Cover]:
        """``r · Σ b`` as ``Σ r·b``, where ``r·b`` holds a product that has a name."""
        bound = set(total.params)
        body = dict(self._pool.factors(total.args[0]))
        around = {
            atom: e
            for atom, e in cover.items()
            if isinstance(atom, Term) and atom is not total and not bound & set(atom.axes)
        }
        tried: set[Named] = set()
        for base in body:
            for named, factors in self._touching.get(base, ()):
                if named in tried:
                    continue
                tried.add(named)
                need = {f: e - body.get(f, 0) for f, e in factors.items() if f not in body or not _holds(body[f], e)}
                left = _divided(around, need) if need else None
                if left is None:
                    continue
                inside = self._pool.prod([*body.items(), *need.items()])
                if inside is self._pool.one or self._pool.monomial(inside)[0] != ONE:
                    continue
                axes = [label for label in inside.axes if label not in bound]
                if not bound <= set(inside.axes):
                    continue
                new = self._pool.make("sum", (inside,), total.params, axes)
                rest = {atom: e for atom, e in cover.items() if atom not in around and atom is not total}
                yield dict[Term | Named | Soft, Fraction]([*rest.items(), *left.items(), (new, Fraction(1))])

    def _softmax(self, soft: Soft) -> Expression:
        """The softmax of an exponent, less what does not vary along the axis, which it does not see."""
        exponential, total = soft
        labels, argument = total.params, exponential.args[0]
        if argument.op == "lin":
            parts = zip(argument.args, argument.params, strict=True)
            argument = self._pool.lin([(t, c) for t, c in parts if set(t.axes) & set(labels)])
        return Softmax(labels, self(argument), exponential.axes)

    # ------------------------------------------------------------------------------------------------- combinations

    def _combination(self, term: Term) -> Expression:
        if not self._covering:
            return self._total(term)
        found = self._words.common(term)
        if found is not None:
            common, number, rest = found
            return self._product(common, number, rest) if common else scaled(self(rest), number)
        simpler = self._words.multiplied_out(term)
        if simpler is not None:
            return self(simpler)
        together = self._words.summed_together(term)
        if together is not None and (together.args[0] in self._names or _are_pieces(self(together.args[0]))):
            return self._sum(together)
        grouped = self._grouped(term)
        return grouped if grouped is not None else self._total(term)

    def _total(self, term: Term) -> Expression:
        parts = [(self(t), c) for t, c in zip(term.args, term.params, strict=True)]
        pieces = _joined(parts)
        return total(parts) if pieces is None else pieces

    def _grouped(self, term: Term) -> Expression | None:
        """The factor that most parts share, in front of these, where not all have it; None where there is none."""
        items = list(zip(term.args, term.params, strict=True))
        if len(items) < 3:
            return None
        count: dict[tuple[Term, Fraction], int] = {}
        for t, _ in items:
            for f, e in self._pool.factors(t):
                if f.op != "num" and f is not self._pool.one:
                    count[f, e] = count.get((f, e), 0) + 1
        shared = max(count, key=lambda key: (count[key], len(key[0].axes), -key[0].id), default=None)
        if shared is None or not 1 < count[shared] < len(items):
            return None
        with_it = [(t, c) for t, c in items if shared in self._pool.factors(t)]
        others = [(t, c) for t, c in items if shared not in self._pool.factors(t)]
        plain = self._total(term)
        halves = [(self(self._pool.lin(half)), ONE) for half in (others, with_it)]
        grouped = total(halves)
        return grouped if self.cost(grouped) < self.cost(plain) else None

    # ---------------------------------------------------------------------------------------------------------- cost

    def _size(self, axes: Iterable[int]) -> float:
        """What a value weighs: most where it has as many axes as any."""
        return 1 + (FULL - 1) * math.pow(len(tuple(axes)) / self._words.widest, 1.5)

    def _weight(self, cover: Cover) -> float:
        weight = 0.0
        for atom, e in cover.items():
            weight += float(e != 1)
            if isinstance(atom, Named):
                weight += self._size(atom.term.axes) - 0.5 * (atom.is_gradient and atom.node.op is not None)
            elif isinstance(atom, Soft):
                weight += 4 + self.cost(self._softmax(atom))
            elif atom.op != "num":
                weight += self.cost(self._sum_as_it_is(atom) if atom.op == "sum" else self(atom))
        return weight

    def _sum_as_it_is(self, term: Term) -> Expression:
        """A sum, or its name; no search is made for a cover of it, which it might be part of."""
        if term in self._names:
            return self(term)
        if term not in self._sums:
            self._sums[term] = self._sum(term)
        return self._sums[term]

    def cost(self, e: Expression) -> float:
        """What an expression costs to read, and to compute."""
        known = self._costs.get(id(e))
        if known is None:
            known = self._costs[id(e)] = (e, self._cost(e))  # which keeps it, and so its id, alive
        return known[1]

    def _cost(self, e: Expression) -> float:
        inner = sum(self.cost(child) for child in children(e))
        match e:
            case Number():
                return 0.5
            case Name():
                return self._size(e.axes)
            case Product(number, parts):
                return inner + sum(exponent != 1 for _, exponent in parts) + (number != ONE)
            case Total(parts):
                return inner + len(parts)
            case Reduced():
                return inner + 3 * self._size(e.of.axes)
            case Softmax():
                return inner + self._size(e.axes)
        return inner + 4 + self._size(e.axes)


# --------------------------------------------------------------------------------------------------- making expressions


def product(number: Coefficient, parts: Iterable[tuple[Expression, Fraction]]) -> Expression:
    """A product, flat, with its number in front and its parts in the order in which people write them."""
    found: list[tuple[Expression, Fraction]] = []
    for part, e in parts:
        whole = e.denominator == 1
        if isinstance(part, Product) and whole:
            number = number * part.number ** int(e)
            found += [(inner, k * e) for inner, k in part.parts]
        elif isinstance(part, Number) and whole:
            number = number * part.value ** int(e)
        else:
            found.append((part, e))
    if not found:
        return Number(number)
    for k, (part, e) in enumerate(found):
        if e == 1 and isinstance(part, Total) and number != ONE and len({abs(c.value) for _, c in part.parts}) == 1:
            size = part.parts[0][1] if part.parts[0][1].value > 0 else -part.parts[0][1]
            part = total([(t, c * inverse(size)) for t, c in part.parts])  # 2 · (a/2 − b/2) is a − b
            found[k], number = (part, e), number * size
        if e == 1 and isinstance(part, Total) and _wants_turning(part, number):
            found[k] = (total([(t, -c) for t, c in part.parts]), e)
            number = -number
        elif e == 1 and number.value < 0 and isinstance(part, Reduced) and part.kind == "sum":
            turned = _turned(part)
            if turned is not None:
                found[k] = (turned, e)
                number = -number
    if len(found) == 1 and found[0][1] == 1 and number == ONE:
        return found[0][0]
    found.sort(key=lambda item: (item[1] < 0, _place(item[0])))
    axes = tuple(sorted({label for part, _ in found for label in part.axes}))
    return Product(number, tuple(found), axes)


def _wants_turning(part: Total, number: Coefficient) -> bool:
    negative = sum(c.value < 0 for _, c in part.parts)
    return negative == len(part.parts) or (number.value < 0 and negative > 0)


def _turned(e: Expression) -> Expression | None:
    """A difference the other way round, alone or as a factor; None where there is none."""
    if isinstance(e, Total) and any(c.value < 0 for _, c in e.parts):
        return total([(t, -c) for t, c in e.parts])
    if isinstance(e, Product):
        for k, (part, exponent) in enumerate(e.parts):
            if exponent == 1 and isinstance(part, Total | Reduced) and (new := _turned(part)) is not None:
                return Product(e.number, (*e.parts[:k], (new, exponent), *e.parts[k + 1 :]), e.axes)
    if isinstance(e, Reduced) and e.kind == "sum" and (new := _turned(e.of)) is not None:
        return Reduced(e.kind, e.labels, new, e.axes)
    return None


def total(parts: Iterable[tuple[Expression, Coefficient]]) -> Expression:
    """A sum, with the numbers of its parts apart, those that are added before those that are taken off."""
    found: list[tuple[Expression, Coefficient]] = []
    for part, c in parts:
        if isinstance(part, Total):
            found += [(inner, k * c) for inner, k in part.parts]
            continue
        number, inner = parted(part)
        number = number * c
        if number.value < 0 and not isinstance(inner, Name | Number) and (turned := _turned(inner)) is not None:
            number, inner = -number, turned
        found.append((inner, number))
    if len(found) == 1:
        return scaled(*found[0])
    found.sort(key=lambda item: item[1].value < 0)
    axes = tuple(sorted({label for part, _ in found for label in part.axes}))
    return Total(tuple(found), axes)


def _joined(parts: Sequence[tuple[Expression, Coefficient]]) -> Expression | None:
    """A sum of arrays that are each put into another part of an axis, as these side by side; None for any other."""
    found: list[tuple[int, int, int, Node, Expression]] = []
    for part, c in parts:
        if not isinstance(part, Opaque) or not part.node.made_by.scatters or len(part.args) != 1 or len(parts) < 2:
            return None
        index = part.node.params.get("index", ())
        shape = part.node.shape
        cut = [axis for axis, at in enumerate(index) if isinstance(at, slice) and at != slice(None)]
        if len(cut) != 1 or len(index) > len(shape) or not all(isinstance(at, slice) for at in index):
            return None
        start, stop, step = index[cut[0]].indices(shape[cut[0]])
        operand = part.node.operands[0]
        if step != 1 or not isinstance(operand, Node):
            return None
        found.append((cut[0], start, stop, operand, scaled(part.args[0], c)))
    found.sort(key=lambda piece: piece[1])
    axis, first = found[0][0], parts[0][0]
    assert isinstance(first, Opaque)  # noqa: S101 -- as all of them are
    ends = [0, *(stop for _, _, stop, *_ in found)]
    meet = all(piece[0] == axis and piece[1] == end for piece, end in zip(found, ends, strict=False))
    if (
        not meet
        or ends[-1] != first.node.shape[axis]
        or any(p.layout != first.layout for p, _ in parts if isinstance(p, Opaque))
    ):
        return None
    return Joined(axis, tuple(p[3] for p in found), tuple(p[4] for p in found), first.node, first.layout, first.axes)


def _are_pieces(e: Expression) -> bool:
    return isinstance(e, Joined)


def scaled(e: Expression, number: Coefficient) -> Expression:
    """A number times an expression."""
    if number == ONE:
        return e
    if not number.value or (isinstance(e, Number) and not e.value.value):
        return Number(coefficient(0))
    return Number(e.value * number) if isinstance(e, Number) else product(number, [(e, Fraction(1))])


def _with_labels(layout: Layout, to: Mapping[int, int]) -> Layout:
    return tuple(tuple(to.get(label, label) for label in labels) for labels in layout)


def parted(e: Expression) -> tuple[Coefficient, Expression]:
    """An expression as a number and the rest."""
    if isinstance(e, Number):
        return e.value, Number(ONE)
    return (e.number, product(ONE, e.parts)) if isinstance(e, Product) else (ONE, e)


def _place(e: Expression) -> tuple[int, int]:
    """Where a factor stands in a product: gradients first, then values, then what is computed from them, last sums."""
    match e:
        case Name(named):
            return (0 if named.is_gradient else 1), named.node.rank
        case Reduced():
            return 3, 0
        case Total():
            return 4, 0
    return 2, 0


def _holds(have: Fraction, want: Fraction) -> bool:
    """Whether a power holds another one as a factor, without being turned upside down."""
    return (have > 0) == (want > 0) and abs(have) >= abs(want)


def _divided(cover: Mapping[Term, Fraction], by: Mapping[Term, Fraction]) -> Factors | None:
    """A product divided by another one that it contains; None where it does not."""
    left = dict(cover)
    for base, e in by.items():
        have = left.get(base, Fraction(0))
        if base.op != "num" and not (have and _holds(have, e)):
            return None
        left[base] = have - e
        if not left[base]:
            del left[base]
    return left


def _with_name(cover: Cover, named: Named, factors: Factors) -> Iterator[Cover]:
    """A cover in which a name stands for its factors, or, of a single power, for the reciprocal."""
    for sign in (1, -1) if sum(base.op != "num" for base in factors) == 1 else (1,):
        new: Cover | None = dict(cover)
        for base, e in factors.items():
            have = cover.get(base, Fraction(0))
            if base.op != "num" and not (have and _holds(have, e * sign)):
                new = None
                break
            assert new is not None  # noqa: S101 -- for the type checker
            new[base] = have - e * sign
            if not new[base]:
                del new[base]
        if new is not None:
            new[named] = new.get(named, Fraction(0)) + sign
            if not new[named]:
                del new[named]
            yield new
