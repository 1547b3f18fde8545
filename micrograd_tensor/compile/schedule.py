"""Schedule: terms as a loop nest in which each array is read as rarely as sums allow.

`Schedule` takes the axes one by one, from the outside. Along an axis, a sum over it is known only when the loop has
ended; so what is computed has a level, the number of such loops before it, and there is one loop for each level. What
does not vary along the axis is computed before the loop, into a row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count

from ..algebra import Term
from ..algebra.numbers import ONE, Coefficient
from ..algebra.terms import topological
from .grouping import CONDITIONS
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

_LETTERS = "abcdefghpqrstuvwz"
"""Names for what is hard to describe; the other letters look like indices, or like numbers."""
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
        called: what to call a term, as far as nothing else is called so; nothing where that is hard to say.
        taken: the names that are.
        plain: those of the arrays that have the dtype in which the kernel computes.
        narrow: whether that is float32.

    Attributes:
        rows: the labels of the rows that it needs.
        wide: the names of those, and of scalars, that are float64: what chunks are added up in, and the parts of a sum
            that its terms are compared with.
    """

    def __init__(
        self,
        known: Mapping[Term, Load],
        truths: Iterable[Term],
        called: Callable[[Term], Sequence[str]],
        taken: Iterable[str],
        plain: Iterable[str],
        narrow: bool,
    ) -> None:
        self._known, self._truths, self._called, self._taken = dict(known), set(truths), called, set(taken)
        self._plain, self._narrow, self._locals = set(plain), narrow, dict[Term, str]()
        self.rows: dict[str, tuple[int, ...]] = {}
        self.wide: set[str] = set()

    def _name(self, t: Term, suffix: str = "") -> str:
        """A name that nothing else has: a term's own, a description, or a letter."""
        names = [*self._called(t)]
        return self._free(*names, *(name + suffix for name in names[:1]), *(_LETTERS if not names else ""))

    def _free(self, *names: str) -> str:
        """The first of some names that nothing has, or one of them with a number."""
        first = names[0]
        numbered = map(f"{first}{{}}".format if first[-1].isalpha() else f"{first}_{{}}".format, count(2))
        name = next(name for name in chain(names, numbered) if name not in self._taken)
        self._taken.add(name)
        return name

    def _local(self, t: Term) -> str:
        """The name of a scalar, which is the same in every loop that computes it."""
        if t not in self._locals:
            self._locals[t] = self._name(t)
        return self._locals[t]

    def body(self, axes: Sequence[int], goals: Sequence[Goal]) -> list[Statement]:
        """The statements that reach the goals, with loops in the order of the axes."""
        self._depth = len(axes)
        return self._emit(list(axes), list(goals), dict(self._known))

    def _emit(self, axes: list[int], goals: list[Goal], env: dict[Term, Expression]) -> list[Statement]:
        if not goals:
            return []
        need = topological([goal.term for goal in goals], env)
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
            offset = any(x.op == "lin" and len(x.args) > 1 and t.args[0] in x.args for x in need)
            onto = self._accumulator(t, tuple(k for k in rest if k in t.axes), offset)
            accumulators.setdefault(at, []).append((t, onto))
            loops.setdefault(at, []).append(Goal(t.args[0], onto=onto))
        env, made = dict(env), list[Statement]()
        once = [goal for goal in goals if not goal.varies(a)]
        for at in sorted(loops):
            here = loops[at]
            later = [goal.term for k in loops if k > at for goal in loops[k]]
            ready = [] if later else [g for g in once if not any(a in _reduced(t) for t in topological([g.term], env))]
            once = [goal for goal in once if goal not in ready]
            made += self._before(a, rest, here, env, ready)
            kept = self._kept(a, rest, here, later, env)
            own = [onto for _, onto in accumulators.get(at, ())]
            made += [Start(onto) for onto in own]
            inner, parts = self._private(a, rest, [*here, *kept], own)
            made.append(For(a, self._emit(rest, inner, dict(env)), parts))
            for t, onto in accumulators.get(at, ()):
                env[t] = Load(onto.whole or onto.name, onto.labels) if onto.labels else Local(onto.whole or onto.name)
            env |= {goal.term: Load(goal.array, goal.labels) for goal in kept}
        return made + self._emit(rest, once, env)

    def _accumulator(self, t: Term, labels: tuple[int, ...], offset: bool) -> Accumulator:
        """What a sum is added up in. Where it is the offset of its terms, little may be left but its rounding."""
        kind = "sum" if t.op == "sum" else t.params[0]
        name = self._name(t, f"_{kind}")
        found = Accumulator(name, labels, kind)
        if kind not in _EXTREMES:
            found = Accumulator(self._free(f"{name}_part"), labels, kind, whole=name)
        for row in dict.fromkeys((found.name, found.whole or found.name)) if labels else ():
            self.rows[row] = labels
        if labels and found.whole:
            self.wide.add(found.whole)
        if offset and self._narrow and found.whole:
            self.wide.add(found.name)
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
            part = Accumulator(self._free(f"{outer.name.partition('_part')[0]}_part"), labels, outer.kind, into=outer)
            if labels:
                self.rows[part.name] = labels
            if outer.name in self.wide:
                self.wide.add(part.name)
            parts.append(part)
            inner.append(Goal(goal.term, onto=part))
        return inner, parts

    def _before(
        self, a: int, rest: list[int], goals: list[Goal], env: dict[Term, Expression], ready: list[Goal]
    ) -> list[Statement]:
        """Reach the goals that are ready, and compute what the others need and does not vary along the axis."""
        need = topological([goal.term for goal in goals], env)
        inside = {t for t in need if a in t.axes}
        wanted = {x for t in inside for x in t.args if x not in inside and x in set(need)}
        wanted |= {goal.term for goal in goals if goal.term not in inside and goal.term not in env}
        wanted = {t for t in wanted if not _is_number(t)}
        row_goals = [*ready]
        for t in sorted(wanted, key=lambda t: t.id):
            labels = tuple(k for k in rest if k in t.axes)
            if any(goal.term is t and goal.labels == labels and goal.array in self._plain for goal in ready):
                continue
            name = self._name(t) if labels else self._local(t)
            if labels:
                self.rows[name] = labels
                self._plain.add(name)
                row_goals.append(Goal(t, array=name, labels=labels))
            else:
                row_goals.append(Goal(t, name=name))
        made = self._emit(rest, row_goals, env)
        for goal in row_goals:
            if goal.name or goal.array in self._plain:
                env[goal.term] = Local(goal.name) if goal.name else Load(goal.array, goal.labels)
        return made

    def _kept(
        self, a: int, rest: list[int], goals: list[Goal], later: list[Term], env: dict[Term, Expression]
    ) -> list[Goal]:
        """Goals for what varies along the axis, took long to compute, and is needed again in a later loop."""
        here = set(topological([goal.term for goal in goals], env))
        found = []
        for t in topological(later, env):
            inner = tuple(k for k in rest if k in t.axes)
            worth = (t.op in _REDUCTIONS and not inner) or (t.op == "fn" and not rest)
            if t in here and a in t.axes and worth:
                name = self._name(t)
                self.rows[name] = (a, *inner)
                found.append(Goal(t, array=name, labels=(a, *inner)))
        return found

    # ---------------------------------------------------------------------------------------------------- scalars

    def _scalars(self, goals: list[Goal], need: Sequence[Term], env: dict[Term, Expression]) -> list[Statement]:
        uses = Counter(x for t in need for x in t.args for _ in range(1 + (t.op == "fn")))
        uses.update(goal.term for goal in goals)
        stored = {g.term: g for g in goals if g.array in self._plain and len(g.labels) < self._depth}
        env, made = dict(env), list[Statement]()
        for t in need:
            value = self._expression(t, env)
            truth = isinstance(value, (Compare, At)) or (isinstance(value, Call) and value.is_truth)
            if t in stored:
                goal = stored[t]
                made.append(Store(goal.array, goal.labels, value))
                value = Load(goal.array, goal.labels)
            elif not _is_number(t) and not truth and (uses[t] > 1 or t.op == "fn"):
                name = self._local(t)
                made.append(Let(name, value))
                value = Local(name)
            env[t] = value
        for goal in goals:
            value = env[goal.term]
            if goal.array and value != Load(goal.array, goal.labels):
                made.append(Store(goal.array, goal.labels, value))
            elif goal.array:
                continue
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
                value = env[x]
                if (x.op in CONDITIONS or x in self._truths) and e == 1:
                    conditions.append(value)
                elif isinstance(value, Power) and not value.conditions and e == int(e):  # x · 1/√y is x / √y
                    factors += [(base, power * e) for base, power in value.factors]
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


def _reduced(t: Term) -> tuple[int, ...]:
    return t.params if t.op == "sum" else t.params[1] if t.op == "fold" else ()


def _is_number(t: Term) -> bool:
    return t.op in ("one", "num") or (t.op == "lin" and all(x.op == "one" for x in t.args))
