"""Terms: values of a graph as algebra sees them, hash-consed and born in normal form.

A term has axes, which are labels, in place of a shape: reshaping, transposing and broadcasting leave no trace. Two
computations of one value come out as one term where the rules suffice. Every rewrite leaves a `Step`.

===========  ==========================  ================================================
op           params                      value
===========  ==========================  ================================================
one                                      1
num          (n,)                        a whole number under a root, kept exact
leaf         (rank, labels)              a recorded value, with these labels for its axes
lin          coefficients                a sum of its args, each times its coefficient
prod         exponents                   a product of its args, each to its exponent
sum          labels                      the sum of its arg over axes
fold         (kind, labels)              the max, min or prod of its arg over axes
fn           (primitive, params)         an elementwise op of its args
indicator    (sign,)                     1 where a relation holds, else 0
delta        (label,)                    1 where the index along an axis is its arg
relabel      (old, new)                  its arg, taken as a whole, with other labels
opaque       (rank,)                     the value of a node that no reading serves
===========  ==========================  ================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from . import rules
from .numbers import MINUS_ONE, ONE, Coefficient, Number, coefficient, exact, lengths
from .rules import Rule

WIDE = 32
"""Sums and products of more parts than this are not merged into others, since their number would only grow."""


DEEPEST = 8
"""Sums that simplifying a sum leads to, one within another; what is deeper is left as it is."""


class Term:
    """One value. Terms of a pool are equal where they are the same object.

    Attributes:
        op, args, params: what it is; see above.
        axes: its labels, in order.
        id: its place in the order of birth; greater than those of its args.
    """

    __slots__ = ("args", "axes", "id", "op", "params")

    def __init__(
        self, op: str, args: tuple[Term, ...], params: tuple[Any, ...], axes: tuple[int, ...], id_: int
    ) -> None:
        self.op, self.args, self.params, self.axes, self.id = op, args, params, axes, id_

    def __repr__(self) -> str:
        return f"<term {self.id}: {self.op} {[arg.id for arg in self.args]} over {list(self.axes)}>"


class Raw(NamedTuple):
    """An application as it stood before a rule: the left side of a step."""

    op: str
    args: tuple[Term, ...]
    params: tuple[Any, ...]


class Step(NamedTuple):
    """One rewrite: by a rule, the application on the left is the term on the right."""

    rule: Rule
    left: Raw
    right: Term


class Pool:
    """All terms of one graph. Its methods are the constructors, which apply the rules.

    Args:
        size: the length of an axis by its label.
        spare: a label of the same length as another one, that is not among those taken.
    """

    def __init__(self, size: Callable[[int], int], spare: Callable[[int, set[int]], int]) -> None:
        self.size, self._spare = size, spare
        self.terms: dict[Any, Term] = {}
        self.steps: list[Step] = []
        self._renamed_terms: dict[Any, Term] = {}
        self._nested = 0
        self.one = self.make("one")
        self.zero = self.make("lin")

    def make(self, op: str, args: Sequence[Term] = (), params: Sequence[Any] = (), axes: Iterable[int] = ()) -> Term:
        """The term of this description, made where there is none yet; no rule is applied."""
        labels = tuple(sorted(axes))
        key = (op, tuple(arg.id for arg in args), tuple(params), labels)
        if key not in self.terms:
            self.terms[key] = Term(op, tuple(args), key[2], labels, len(self.terms))
        return self.terms[key]

    def _step(self, rule: Rule, left: Raw, right: Term) -> Term:
        self.steps.append(Step(rule, left, right))
        return right

    def per(self, labels: Iterable[int]) -> Coefficient:
        """One over the product of the lengths of axes."""
        return self.lengths(labels, -1)

    def lengths(self, labels: Iterable[int], exponent: int = 1) -> Coefficient:
        """The product of the lengths of axes, to a power."""
        return lengths({label: self.size(label) for label in labels}, exponent)

    # ------------------------------------------------------------------------------------------ linear combinations

    def constant(self, number: Number | int | Coefficient) -> Term:
        """A number as a term."""
        return self.lin([(self.one, number if isinstance(number, Coefficient) else coefficient(number))])

    def as_constant(self, term: Term) -> Coefficient | None:
        """The number that a term is, or None."""
        if term is self.zero:
            return coefficient(0)
        number, rest = self.monomial(term)
        return number if rest is self.one else None

    @staticmethod
    def monomial(term: Term) -> tuple[Coefficient, Term]:
        """A term as a coefficient and a term without one."""
        return (term.params[0], term.args[0]) if term.op == "lin" and len(term.args) == 1 else (ONE, term)

    def lin(self, items: Sequence[tuple[Term, Coefficient]]) -> Term:
        """``Σ cᵢ·tᵢ``, like terms collected, in order of birth; a number times a sum stays so until it meets others."""
        live = [(term, number) for term, number in items if term is not self.zero and number.value]
        if len(live) == 1:
            return self._scaled(*live[0])
        found: dict[Term, Coefficient] = {}
        again = False
        for term, number in _flattened(items):
            again |= term in found
            found[term] = found[term] + number if term in found else number
        kept = {term: number for term, number in found.items() if number.value}
        if len(kept) == 1:
            made = self._scaled(*next(iter(kept.items())))
        else:
            ordered = sorted(kept, key=lambda term: term.id)
            made = self.make("lin", ordered, [kept[term] for term in ordered], _union(ordered))
        if len(kept) < len(found) or again:
            left = Raw("lin", tuple(term for term, _ in items), tuple(number for _, number in items))
            self._step(rules.CANCEL if len(kept) < len(found) else rules.LIKE_TERMS, left, made)
        return made

    def scale(self, term: Term, number: Coefficient) -> Term:
        """``c·t``."""
        return self._scaled(term, number)

    def _scaled(self, term: Term, number: Coefficient) -> Term:
        inner, rest = self.monomial(term)
        number = number * inner
        if not number.value:
            return self.zero
        if number == ONE:
            return rest
        if rest.op == "lin" and number == MINUS_ONE:
            return self.make("lin", rest.args, [-c for c in rest.params], rest.axes)
        return self.make("lin", (rest,), (number,), rest.axes)

    # ------------------------------------------------------------------------------------------- products of powers

    def prod(self, items: Sequence[tuple[Term, Fraction | int]]) -> Term:
        """``Π fᵢ^eᵢ``: equal bases are collected, in order of birth; a number is kept apart, as a coefficient."""
        number, bases, merged = ONE, dict[Term, Fraction](), False
        pending = [(term, Fraction(exponent)) for term, exponent in reversed(items)]
        while pending:
            term, exponent = pending.pop()
            whole = exponent.denominator == 1
            if term is self.zero and exponent > 0:
                return self.zero
            if term is self.one:
                continue
            if term.op == "prod" and whole and len(term.args) <= WIDE:
                pending += [(base, e * exponent) for base, e in zip(term.args, term.params, strict=True)][::-1]
                continue
            if term.op == "lin" and len(term.args) == 1:
                c: Coefficient = term.params[0]
                if whole:
                    number = number * c**exponent.numerator
                    pending.append((term.args[0], exponent))
                    continue
                if c.value > 0:  # √(c·t) = √c · √t
                    root, roots = self._root(c, exponent)
                    number = number * root
                    pending += [(term.args[0], exponent), *roots]
                    continue
            if term.op == "lin" and whole and term.args and term.params[0].value < 0:  # one sign for b − a and a − b
                number = number if exponent.numerator % 2 == 0 else -number
                term = self.lin([(t, -c) for t, c in zip(term.args, term.params, strict=True)])
            merged |= term in bases and term.op != "num"
            bases[term] = bases.get(term, Fraction(0)) + exponent
        squared = False
        for base, exponent in bases.items():
            if base.op in ("indicator", "delta") and exponent > 1:
                bases[base], squared = Fraction(1), True
            elif base.op == "num":
                whole_part = math.floor(exponent)
                number = number * coefficient(Fraction(base.params[0])) ** whole_part
                bases[base] = exponent - whole_part
        kept = sorted((base for base, exponent in bases.items() if exponent), key=lambda base: base.id)
        if len(kept) == 1 and bases[kept[0]] == 1:
            made = self._scaled(kept[0], number)
        else:
            body = self.make("prod", kept, [bases[base] for base in kept], _union(kept)) if kept else self.one
            made = self._scaled(body, number)
        if squared or merged:
            left = Raw("prod", tuple(term for term, _ in items), tuple(Fraction(e) for _, e in items))
            self._step(rules.INDICATOR if squared else rules.POWERS, left, made)
        return made

    def mul(self, *terms: Term) -> Term:
        """The product of terms."""
        return self.prod([(term, 1) for term in terms])

    @staticmethod
    def factors(term: Term) -> list[tuple[Term, Fraction]]:
        """A term without a coefficient as bases with exponents."""
        return list(zip(term.args, term.params, strict=True)) if term.op == "prod" else [(term, Fraction(1))]

    def _root(self, c: Coefficient, exponent: Fraction) -> tuple[Coefficient, list[tuple[Term, Fraction]]]:
        """A positive coefficient to a fractional power: a coefficient, and roots of whole numbers that stay exact."""
        counts = tuple((label, e * exponent) for label, e in c.counts)
        if not isinstance(c.number, Fraction):
            number = c.number ** float(exponent)
            return Coefficient(number, counts, exact(float(c.value) ** float(exponent))), []
        sizes = math.prod(float(self.size(label)) ** float(e) for label, e in counts)
        parts = ((c.number.numerator, exponent), (c.number.denominator, -exponent))
        roots = [(self.make("num", params=(n,)), e) for n, e in parts if n != 1]
        return Coefficient(Fraction(1), counts, exact(sizes)), roots

    # --------------------------------------------------------------------------------------------------------- sums

    def sum(self, term: Term, labels: Iterable[int]) -> Term:
        """``Σ t`` over axes: common factors in front, copies counted, a sum of sums apart where it gets smaller."""
        labels = tuple(sorted(labels))
        live = tuple(label for label in labels if label in term.axes)
        left = Raw("sum", (term,), labels)
        if len(live) < len(labels):
            copies = self.lengths(label for label in labels if label not in live)
            return self._step(rules.COPIES, left, self._scaled(self.sum(term, live), copies))
        if not live:
            return term
        number, rest = self.monomial(term)
        if number != ONE:
            return self._scaled(self.sum(rest, live), number)
        if term.op == "sum":
            return self.sum(term.args[0], term.params + live)
        if self._nested > DEEPEST:
            return self._whole_sum(term, live)
        self._nested += 1
        try:
            return self._simplified_sum(term, live, left)
        finally:
            self._nested -= 1

    def _simplified_sum(self, term: Term, live: tuple[int, ...], left: Raw) -> Term:
        if term.op == "delta" and term.params[0] in live:
            return self._step(rules.ONE_PLACE, left, self.sum(self.one, [k for k in live if k != term.params[0]]))
        if term.op == "prod":
            made = self._sum_of_product(term, live, left)
            if made is not None:
                return made
        if term.op == "lin":
            made = self._split(term, live, left)
            if made is not None:
                return made
        return self._whole_sum(term, live)

    def _whole_sum(self, term: Term, live: tuple[int, ...]) -> Term:
        return self.make("sum", (term,), live, [label for label in term.axes if label not in live])

    def _sum_of_product(self, term: Term, live: tuple[int, ...], left: Raw) -> Term | None:
        inside, outside = _by_axes(self.factors(term), live)
        if outside:
            return self._step(rules.HOIST, left, self.prod([*outside, (self.sum(self.prod(inside), live), 1)]))
        traded = self._traded(term, live)
        return None if traded is None else self._step(rules.TRADE, left, traded)

    def _traded(self, term: Term, live: tuple[int, ...]) -> Term | None:
        """The same sum with its loop and that of an inner sum exchanged, where the new inner sum is known already."""
        for inner, exponent in self.factors(term):
            if inner.op != "sum" or exponent != 1:
                continue
            rest = [(base, e) for base, e in self.factors(term) if base is not inner]
            if set(inner.params) & {label for base, _ in rest for label in base.axes}:
                continue
            go, stay = _by_axes(self.factors(inner.args[0]), live)
            if not stay or not go:
                continue
            body = self.prod([*rest, *go])
            if not set(live) <= set(body.axes):
                continue
            known = self.terms.get(("sum", (body.id,), live, tuple(k for k in body.axes if k not in live)))
            if known is None or known.id >= inner.id:  # only to an older sum, so that trading ends
                continue
            new = self.prod([*stay, (known, 1)])
            if self._points(new.axes) <= self._points(term.axes):  # and only to a loop that is no longer
                return self.sum(new, inner.params)
        return None

    def _points(self, labels: Iterable[int]) -> int:
        return math.prod(self.size(label) for label in labels)

    def _split(self, term: Term, live: tuple[int, ...], left: Raw) -> Term | None:
        """The sum of each part; None where that would only make a sum of the same size for each."""
        before, cheaper, parts = len(self.steps), True, []
        for part, number in zip(term.args, term.params, strict=True):
            made = self._smaller_sum(part, live)
            cheaper &= made is not None
            parts.append((self._whole_sum(part, live) if made is None else made, number))
        together = self.lin(parts)
        if together is self.zero or self._taken_apart(together) is self.zero:
            del self.steps[before:]
            return self._step(rules.DEVIATIONS, left, self.zero)
        if cheaper:
            return self._step(rules.SPLIT_SUM, left, together)
        del self.steps[before:]
        return None

    def _taken_apart(self, term: Term) -> Term:
        """A combination in which the sums of other combinations are sums of their parts."""
        parts: list[tuple[Term, Coefficient]] = []
        for part, number in self._parts(term):
            inner = part.args[0] if part.op == "sum" else self.zero
            for t, c in self._parts(inner) if inner.op == "lin" else ():
                live = [label for label in part.params if label in t.axes]
                copies = self.lengths(label for label in part.params if label not in t.axes)
                parts.append((self._whole_sum(t, tuple(live)) if live else t, number * c * copies))
            if inner.op != "lin" or inner is self.zero:
                parts.append((part, number))
        return self.lin(parts) if any(part.op == "sum" for part in term.args) else term

    @staticmethod
    def _parts(term: Term) -> list[tuple[Term, Coefficient]]:
        return list(zip(term.args, term.params, strict=True)) if term.op == "lin" else [(term, ONE)]

    def _smaller_sum(self, term: Term, live: tuple[int, ...]) -> Term | None:
        """The sum of one part of a combination, or None where it loops over all of the part and is not known yet."""
        inner, labels = (term.args[0], tuple(sorted((*term.params, *live)))) if term.op == "sum" else (term, live)
        known = self.terms.get(("sum", (inner.id,), labels, tuple(k for k in term.axes if k not in live)))
        hoists = term.op == "prod" and bool(_by_axes(self.factors(term), live)[1])
        lacks = not set(live) <= set(term.axes)
        one_place = term.op == "delta" and term.params[0] in live
        return self.sum(term, live) if lacks or one_place or hoists else known

    # -------------------------------------------------------------------------------------------------- other labels

    def rename(self, term: Term, to: Mapping[int, int]) -> Term:
        """The same value with other labels: index notation, down to the leaves."""
        made = self._renamed_terms

        def key(t: Term, names: Mapping[int, int]) -> Any:
            return t, tuple(sorted((a, b) for a, b in names.items() if a in t.axes))

        pending = [(term, dict(to), False)]
        while pending:
            t, names, ready = pending.pop()
            names = {a: b for a, b in names.items() if a in t.axes}
            at = key(t, names)
            if at in made:
                continue
            if not names:
                made[at] = t
                continue
            inner = self._inner_names(t, names)
            if not ready:
                pending.append((t, names, True))
                pending += [(arg, inner, False) for arg in _renamed_args(t) if key(arg, inner) not in made]
                continue
            args = [made[key(arg, inner)] for arg in _renamed_args(t)]
            new = made[at] = self._renamed(t, args, inner, names)
            made.setdefault(key(new, {b: a for a, b in names.items()}), t)  # whatever bound labels are called by then
        return made[key(term, to)]

    def _inner_names(self, t: Term, names: Mapping[int, int]) -> dict[int, int]:
        """The new labels within a term, where a bound label that is in the way gets a new one too."""
        inner, bound = dict(names), _bound(t)
        for label in bound:
            if label in names.values():
                inner[label] = self._spare(label, {*t.args[0].axes, *inner.values()})
        return inner

    def _renamed(self, t: Term, args: list[Term], inner: Mapping[int, int], names: Mapping[int, int]) -> Term:
        axes = [names.get(label, label) for label in t.axes]
        if t.op == "leaf":
            return self.make("leaf", (), (t.params[0], tuple(names.get(k, k) for k in t.params[1])), axes)
        if t.op == "lin":
            return self.lin(list(zip(args, t.params, strict=True)))
        if t.op == "prod":
            return self.prod(list(zip(args, t.params, strict=True)))
        if t.op == "sum":
            return self._whole_sum(args[0], tuple(sorted(inner.get(k, k) for k in t.params)))  # as it was, whole
        if t.op == "fold":
            return self.make("fold", args, (t.params[0], tuple(sorted(inner.get(k, k) for k in t.params[1]))), axes)
        if t.op == "delta":
            return self.make("delta", args, (names.get(t.params[0], t.params[0]),), axes)
        if t.op in ("fn", "indicator"):
            return self.make(t.op, args, t.params, axes)
        if t.op == "relabel":
            old, new = t.params
            return self.make("relabel", t.args, (old, tuple(names.get(k, k) for k in new)), axes)
        return self.relabel(t, names)

    def relabel(self, t: Term, names: Mapping[int, int]) -> Term:
        """The same value with other labels, taken as a whole."""
        number, whole = self.monomial(t)
        new = tuple(names.get(label, label) for label in whole.axes)
        if new == whole.axes:
            return t
        return self._scaled(self.make("relabel", (whole,), (whole.axes, new), new), number)


def topological(roots: Iterable[Term], known: Container[Term] = ()) -> list[Term]:
    """The terms that some are made of, and these, args first; without those known and what lies behind them."""
    return sorted(reachable(roots, known), key=lambda term: term.id)


def reachable(roots: Iterable[Term], known: Container[Term] = ()) -> Iterator[Term]:
    """The terms that some are made of, and these, each once, in no particular order; none that is known."""
    found: set[Term] = set()
    stack = list(roots)
    while stack:
        term = stack.pop()
        if term not in found and term not in known:
            found.add(term)
            yield term
            stack += term.args


def _flattened(items: Sequence[tuple[Term, Coefficient]]) -> Iterator[tuple[Term, Coefficient]]:
    pending = list(reversed(items))
    while pending:
        term, number = pending.pop()
        if term.op == "lin" and len(term.args) <= WIDE:
            pending += [(t, number * c) for t, c in zip(term.args, term.params, strict=True)][::-1]
        else:
            yield term, number


def _union(terms: Iterable[Term]) -> set[int]:
    return {label for term in terms for label in term.axes}


def _by_axes(
    factors: Iterable[tuple[Term, Fraction]], live: Iterable[int]
) -> tuple[list[tuple[Term, Fraction]], list[tuple[Term, Fraction]]]:
    """The factors that have one of the axes, and those that have none."""
    inside: list[tuple[Term, Fraction]] = []
    outside: list[tuple[Term, Fraction]] = []
    labels = set(live)
    for base, exponent in factors:
        (inside if labels & set(base.axes) else outside).append((base, exponent))
    return inside, outside


def _renamed_args(term: Term) -> tuple[Term, ...]:
    """The args that have the labels of their term; those of an opaque one have labels of their own."""
    return () if term.op in ("opaque", "relabel") else term.args


def _bound(term: Term) -> tuple[int, ...]:
    return term.params if term.op == "sum" else term.params[1] if term.op == "fold" else ()
