"""Schedule: terms as a loop nest in which each array is read as rarely as sums allow.

`Schedule` takes the axes one by one, from the outside. Along an axis, a sum over it is known only when the loop has
ended; so what is computed has a level, the number of such loops before it, and there is one loop for each level. What
does not vary along the axis is computed before the loop, into a row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from ..algebra import Pool, Term
from ..algebra.numbers import ONE, Coefficient
from ..algebra.terms import topological
from .loops import (
    Accumulate,
    Accumulator,
    At,
    Call,
    Compare,
    Count,
    Expression,
    For,
    Let,
    Load,
    Local,
    Number,
    Power,
    Start,
    Statement,
    Store,
    Total,
)

_CONDITIONS = ("indicator", "delta")
_REDUCTIONS = ("sum", "fold")
_EXTREMES = ("max", "min")


@dataclass(frozen=True, slots=True, eq=False)
class Goal:
    """Something to compute, and where to put it: an array with labels, an accumulator, a name, or a counter."""

    term: Term
    array: str = ""
    labels: tuple[int, ...] = ()
    onto: Accumulator | None = None
    name: str = ""
    counter: str = ""

    def varies(self, label: int) -> bool:
        """Whether there is something to do for each index of a label."""
        return label in self.term.axes or label in self.labels


class Schedule:
    """Makes the statements of a kernel.

    Args:
        known: how to load the terms that arrays hold.
        truths: those of them that are truth values.
        called: what to call a term, as far as nothing else is called so.
        taken: the names that are.

    Attributes:
        rows: the labels of the rows that it needs.
        wide: the names of those in which chunks are added up.
    """

    def __init__(
        self, known: Mapping[Term, Load], truths: Iterable[Term], called: Callable[[Term], str], taken: Iterable[str]
    ) -> None:
        self._known, self._truths, self._called, self._taken = dict(known), set(truths), called, set(taken)
        self.rows: dict[str, tuple[int, ...]] = {}
        self.wide: set[str] = set()

    def _name(self, t: Term, suffix: str = "") -> str:
        """A name that nothing else has."""
        first = self._called(t) + (f"_{suffix}" if suffix else "")
        name, number = first, 1
        while name in self._taken:
            number += 1
            name = f"{first}{number}" if first[-1].isalpha() else f"{first}_{number}"
        self._taken.add(name)
        return name

    def body(self, axes: Sequence[int], goals: Sequence[Goal]) -> list[Statement]:
        """The statements that reach the goals, with loops in the order of the axes."""
        return self._emit(list(axes), list(goals), dict(self._known))

    def _emit(self, axes: list[int], goals: list[Goal], env: dict[Term, Expression]) -> list[Statement]:
        if not goals:
            return []
        need = unresolved([goal.term for goal in goals], env)
        if not axes:
            return self._scalars(goals, need, env)
        a, rest = axes[0], axes[1:]
        if not any(goal.varies(a) for goal in goals) and not any(a in t.axes or a in _reduced(t) for t in need):
            return self._emit(rest, goals, env)
        level: dict[Term, int] = {}
        for t in need:
            level[t] = max((level.get(x, 0) for x in t.args), default=0) + (a in _reduced(t))
        summed = [t for t in need if a in _reduced(t)]
        loops: dict[int, list[Goal]] = {}
        for goal in goals:
            if goal.varies(a):
                loops.setdefault(level.get(goal.term, 0), []).append(goal)
        accumulators: dict[int, list[tuple[Term, Accumulator]]] = {}
        for t in summed:
            at = level.get(t.args[0], 0)
            onto = self._accumulator(t, tuple(k for k in rest if k in t.axes))
            accumulators.setdefault(at, []).append((t, onto))
            loops.setdefault(at, []).append(Goal(t.args[0], onto=onto))
        env, made = dict(env), list[Statement]()
        for at in sorted(loops):
            here = loops[at]
            later = [goal.term for k in loops if k > at for goal in loops[k]]
            made += self._before(a, rest, here, env)
            kept = self._kept(a, rest, here, later, env)
            own = [onto for _, onto in accumulators.get(at, ())]
            made += [Start(onto) for onto in own]
            inner, parts = self._private(a, rest, [*here, *kept], own)
            made.append(For(a, self._emit(rest, inner, dict(env)), parts))
            for t, onto in accumulators.get(at, ()):
                env[t] = Load(onto.whole or onto.name, onto.labels) if onto.labels else Local(onto.whole or onto.name)
            env |= {goal.term: Load(goal.array, goal.labels) for goal in kept}
        return made + self._emit(rest, [goal for goal in goals if not goal.varies(a)], env)

    def _accumulator(self, t: Term, labels: tuple[int, ...]) -> Accumulator:
        kind = "sum" if t.op == "sum" else t.params[0]
        name = self._name(t)
        found = Accumulator(name, labels, kind)
        if kind not in _EXTREMES:
            found = Accumulator(self._name(t, "part"), labels, kind, whole=name)
        for row in dict.fromkeys((found.name, found.whole or found.name)) if labels else ():
            self.rows[row] = labels
        if labels and found.whole:
            self.wide.add(found.whole)
        return found

    def _private(
        self, a: int, rest: Sequence[int], goals: list[Goal], own: Sequence[Accumulator]
    ) -> tuple[list[Goal], list[Accumulator]]:
        """Goals in which what is added up over the axis has a part for each chunk of it, and these parts."""
        parts = [onto for onto in own if onto.whole]
        inner = []
        for goal in goals:
            outer = goal.onto
            added = outer is not None and a in goal.term.axes and a not in outer.labels
            if outer is None or not added or outer in own or outer.kind in _EXTREMES:
                inner.append(goal)
                continue
            labels = tuple(label for label in outer.labels if label in rest)
            part = Accumulator(self._name(goal.term, "part"), labels, outer.kind, into=outer)
            if labels:
                self.rows[part.name] = labels
            parts.append(part)
            inner.append(Goal(goal.term, onto=part))
        return inner, parts

    def _before(self, a: int, rest: list[int], goals: list[Goal], env: dict[Term, Expression]) -> list[Statement]:
        """Compute what the goals need and does not vary along the axis."""
        need = unresolved([goal.term for goal in goals], env)
        inside = {t for t in need if a in t.axes}
        wanted = {x for t in inside for x in t.args if x not in inside and x in set(need)}
        wanted |= {goal.term for goal in goals if goal.term not in inside and goal.term not in env}
        wanted = {t for t in wanted if not _is_number(t)}
        row_goals = []
        for t in sorted(wanted, key=lambda t: t.id):
            labels = tuple(k for k in rest if k in t.axes)
            name = self._name(t, "row" if labels else "")
            if labels:
                self.rows[name] = labels
                row_goals.append(Goal(t, array=name, labels=labels))
            else:
                row_goals.append(Goal(t, name=name))
        made = self._emit(rest, row_goals, env)
        for goal in row_goals:
            env[goal.term] = Load(goal.array, goal.labels) if goal.array else Local(goal.name)
        return made

    def _kept(
        self, a: int, rest: list[int], goals: list[Goal], later: list[Term], env: dict[Term, Expression]
    ) -> list[Goal]:
        """Goals for what varies along the axis, took long to compute, and is needed again in a later loop."""
        here = set(unresolved([goal.term for goal in goals], env))
        found = []
        for t in unresolved(later, env):
            inner = tuple(k for k in rest if k in t.axes)
            worth = (t.op in _REDUCTIONS and not inner) or (t.op == "fn" and not rest)
            if t in here and a in t.axes and worth:
                name = self._name(t, "rows")
                self.rows[name] = (a, *inner)
                found.append(Goal(t, array=name, labels=(a, *inner)))
        return found

    # ---------------------------------------------------------------------------------------------------- scalars

    def _scalars(self, goals: list[Goal], need: Sequence[Term], env: dict[Term, Expression]) -> list[Statement]:
        uses = Counter(x for t in need for x in t.args for _ in range(1 + (t.op == "fn")))
        uses.update(goal.term for goal in goals)
        env, made = dict(env), list[Statement]()
        for t in need:
            value = self._expression(t, env)
            truth = isinstance(value, (Compare, At)) or (isinstance(value, Call) and value.is_truth)
            if not _is_number(t) and not truth and (uses[t] > 1 or t.op == "fn"):
                name = self._name(t)
                made.append(Let(name, value))
                value = Local(name)
            env[t] = value
        for goal in goals:
            value = env[goal.term]
            if goal.array:
                made.append(Store(goal.array, goal.labels, value))
            elif goal.onto is not None:
                made.append(Accumulate(goal.onto, value))
            elif goal.counter:
                made.append(Count(goal.counter, value))
            elif value != Local(goal.name):
                made.append(Let(goal.name, value))
        return made

    def _expression(self, t: Term, env: Mapping[Term, Expression]) -> Expression:
        if t.op == "one":
            return Number(ONE)
        if t.op == "num":
            return Number(Coefficient(t.params[0], (), t.params[0]))
        if t.op == "lin":
            return Total(tuple((env[x], c) for x, c in zip(t.args, t.params, strict=True)))
        if t.op == "prod":
            factors, conditions = [], []
            for x, e in zip(t.args, t.params, strict=True):
                if (x.op in _CONDITIONS or x in self._truths) and e == 1:
                    conditions.append(env[x])
                else:
                    factors.append((env[x], e))
            return Power(tuple(factors), tuple(conditions))
        if t.op == "fn":
            return Call(t.params[0], tuple(env[x] for x in t.args), t.params[1])
        if t.op == "indicator":
            return Compare(t.params[0], (env[t.args[0]], env[t.args[1]]))
        if t.op == "delta":
            return At(t.params[0], env[t.args[0]])
        raise NotImplementedError(f"a kernel cannot compute {t}")


def unresolved(terms: Iterable[Term], env: Mapping[Term, Any]) -> list[Term]:
    """What has to be computed for some terms, args first."""
    found: set[Term] = set()
    stack = [t for t in terms if t not in env]
    while stack:
        t = stack.pop()
        if t not in found:
            found.add(t)
            stack += [x for x in t.args if x not in env]
    return sorted(found, key=lambda t: t.id)


def _reduced(t: Term) -> tuple[int, ...]:
    return t.params if t.op == "sum" else t.params[1] if t.op == "fold" else ()


def _is_number(t: Term) -> bool:
    return t.op in ("one", "num") or (t.op == "lin" and all(x.op == "one" for x in t.args))


# ------------------------------------------------------------------------------------------------------- grouping


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
        for t in topological([term]):
            if t not in self._made:
                self._made[t] = self._grouped(t)
                self.before.setdefault(self._made[t], t)
        return self._made[term]

    def _grouped(self, t: Term) -> Term:
        args = tuple(self._made[x] for x in t.args)
        if t.op == "prod":
            return self._product(list(zip(args, t.params, strict=True)), ONE)
        if t.op == "lin":
            parts = [self._scaled(x, c) for x, c in zip(t.args, t.params, strict=True)]
            return self._nested(parts, self._combination)
        if all(x is y for x, y in zip(args, t.args, strict=True)):
            return t
        return self._pool.make(t.op, args, t.params, t.axes)

    def _scaled(self, t: Term, c: Coefficient) -> tuple[Term, Any]:
        """A term of a combination with its coefficient, which goes to the factor that varies least."""
        if t.op == "prod" and len({x.axes for x in t.args}) > 1 and abs(c.value) != 1:
            items = [(self._made[x], e) for x, e in zip(t.args, t.params, strict=True)]
            return self._product(items, c), ONE
        return self._made[t], c

    def _product(self, items: list[tuple[Term, Any]], c: Coefficient) -> Term:
        conditions = [(x, e) for x, e in items if e == 1 and (x.op in _CONDITIONS or x in self._truths)]
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
        one = ONE if combined == self._combination else 1
        for k, axes in enumerate(order):
            above = next((other for other in order[k + 1 :] if set(axes) <= set(other)), None)
            if above is None:
                largest += groups[axes]
                continue
            inner = groups[axes]
            if len(inner) == 1 and inner[0][1] == one and c == ONE:
                groups[above] += inner
                continue
            made = combined(inner)
            if c != ONE:
                made, c = self._combination([(made, c)]), ONE
            groups[above].append((made, one))
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


def _union(terms: Iterable[Term]) -> set[int]:
    return {label for term in terms for label in term.axes}
