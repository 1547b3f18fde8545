"""Kernel source: loops as Python that Numba compiles, and that Python itself can run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import takewhile
from typing import Any

import numpy as np

from ..algebra.numbers import ONE, Coefficient
from ..engine.row import Choice, Primitive
from ..engine.table.elementwise import relu, sigmoid
from ..engine.table.special import erf, erfc
from .calls import Chosen
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
from .scalars import PLAIN
from .stages import CannotError, Launch

CHUNK = 512
"""The terms that are added up one after the other, before their sum is added to that of the others."""

SMALL = 1e-3
"""The largest number that is called eps where it is added to a sum."""

_SIGNS = {"≥": ">=", "≤": "<=", "≠": "!=", "=": "==", ">": ">", "<": "<"}
_STARTS = {"sum": "0.0", "prod": "1.0", "max": "-np.inf", "min": "np.inf"}
_SPELLED = {
    relu.op: "({0} if {0} > F(0.0) or {0} != {0} else F(0.0))",
    sigmoid.op: "F(1.0) / (F(1.0) + exp(-{0}))",
    erf.op: "erf({0})",
    erfc.op: "erfc({0})",
}
_BY_NAME = frozenset(
    {"exp", "expm1", "log", "log1p", "log2", "log10", "sin", "cos", "tan", "tanh", "sinh", "cosh", "arcsin", "arccos"}
    | {"arctan", "arcsinh", "arccosh", "arctanh", "absolute", "sign", "maximum", "minimum", "power", "isfinite"}
    | {"floor", "ceil", "trunc"}
)
"""Functions of NumPy's that Numba has for scalars of the same dtype."""


def spelled(op: Primitive) -> bool:
    """Whether a kernel can compute an op on scalars."""
    return op in _SPELLED or any(f.__name__ in _BY_NAME for f in op.numpy)


class KernelSource:
    """The source of a kernel.

    Attributes:
        text: the source. It names neither lengths nor constants, so it serves other batches too.
        numbers: its constants, for the argument ``k``.
    """

    def __init__(self, launch: Launch) -> None:
        self._launch, kernel = launch, launch.kernel
        self._float = float_of(launch)
        self._kinds = {array.name: array.dtype for array in (*launch.given, *launch.made)}
        self._kinds |= {row: np.dtype(float) if row in kernel.wide else self._float for row in kernel.rows}
        self._sums: set[str] = set()
        self.numbers: list[float] = []
        self._constants: dict[Any, str] = {}
        self._defined: list[str] = []
        self._used = {*kernel.arrays, *kernel.rows, *kernel.counters, *_named(kernel.body), "k", "F", "np", *PLAIN}
        self._axes: dict[int, tuple[str, str]] = {}
        for label in _looped(kernel.body):
            self._axis(label)
        body = [*self._block(kernel.body, 1)]
        rows = []
        for name, labels in kernel.rows.items():
            shape = ", ".join(map(self._length, labels))
            rows.append(f"    {name} = np.empty(({shape},), {'np.float64' if name in kernel.wide else 'F'})")
        if not self._axes.keys() <= kernel.lengths.keys():
            raise CannotError("an axis along which no array lies")
        start = []
        for label, (_, length) in self._axes.items():
            name, axis = kernel.lengths[label]
            start.append(f"    {length} = {name}.shape[{axis}]")
        start += [f"    {line}" for line in self._defined]
        start += rows
        start += [f"    {name} = 0" for name in kernel.counters]
        tests = [
            f"{name} {'==' if truth else '!='} 0" for name, truth in zip(kernel.counters, launch.truths, strict=True)
        ]
        end = [f"    return {' and '.join(tests) or 'True'}"]
        given = ", ".join([*kernel.arrays, "k"])
        self.text = "\n".join([f"def {kernel.name}({given}):", *start, *body, *end, ""])

    def _free(self, name: str) -> str:
        """The name, or one like it that nothing else has."""
        while name in self._used:
            name += "_"
        self._used.add(name)
        return name

    def _axis(self, label: int) -> tuple[str, str]:
        """The index along an axis, and its length."""
        if label not in self._axes:
            k = len(self._axes)
            index, length = ("ij"[k], "NM"[k]) if k < 2 else (f"i{k + 1}", f"N{k + 1}")
            self._axes[label] = self._free(index), self._free(length)
        return self._axes[label]

    def _length(self, label: int) -> str:
        return self._axis(label)[1]

    def _at(self, array: str, labels: Sequence[int]) -> str:
        return f"{array}[{', '.join(self._axis(label)[0] for label in labels) or '()'}]"

    # ------------------------------------------------------------------------------------------------- statements

    def _block(self, statements: Sequence[Statement], depth: int) -> Iterator[str]:
        tab = "    " * depth
        for k, one in enumerate(statements):
            if isinstance(one, For):
                yield from self._for(one, depth)
            elif isinstance(one, Let):
                yield f"{tab}{one.name} = {self._value(one.value)}"
            elif isinstance(one, Store):
                truth = self._kinds[one.array].kind == "b"
                value = self._condition(one.value) if truth else self._value(one.value)
                yield f"{tab}{self._at(one.array, one.labels)} = {value}"
            elif isinstance(one, Accumulate):
                added = _added(self._element(one.onto.name, one.onto.labels), self._value(one.value), one.onto.kind)
                yield f"{tab}{added}"
            elif isinstance(one, Count):
                yield f"{tab}{one.counter} += 0 if {self._condition(one.condition)} else 1"
            elif not (k and isinstance(statements[k - 1], Start)):  # several in a row are cleared at once
                several = list(takewhile(lambda other: isinstance(other, Start), statements[k:]))
                yield from self._started([other.accumulator for other in several if isinstance(other, Start)], depth)

    def _started(self, several: Sequence[Accumulator], depth: int) -> Iterator[str]:
        self._sums |= {one.whole for one in several if one.whole and not one.labels}
        lines = []
        for one in several:
            start = _STARTS[one.kind] if one.whole else self._start(one)
            lines.append((one.labels, f"{self._element(one.whole or one.name, one.labels)} = {start}"))
        return self._over(lines, depth)

    def _start(self, one: Accumulator) -> str:
        start = _STARTS[one.kind]
        return start if one.name in self._launch.kernel.wide else f"F({start})"

    def _for(self, loop: For, depth: int) -> Iterator[str]:
        tab, (i, n) = "    " * depth, self._axis(loop.label)
        if not loop.parts:
            yield f"{tab}for {i} in range({n}):"
            yield from self._block(loop.body, depth + 1)
            return
        parts = [(part, part.labels, self._element(part.name, part.labels)) for part in loop.parts]
        chunk, place = f"{i}_chunk", f"{i}_place"
        yield f"{tab}for {chunk} in range(({n} + {CHUNK - 1}) // {CHUNK}):"
        starts = [(labels, f"{x} = {self._start(part)}") for part, labels, x in parts]
        yield from self._over(starts, depth + 1)
        yield f"{tab}    for {place} in range(min({CHUNK}, {n} - {CHUNK} * {chunk})):"
        yield f"{tab}        {i} = {CHUNK} * {chunk} + {place}"  # so that LLVM sees that it is not negative
        yield from self._block(loop.body, depth + 2)
        wholes = [part.into or replace(part, name=part.whole or "") for part in loop.parts]
        targets = [self._element(whole.name, whole.labels) for whole in wholes]
        added = [_added(target, x, part.kind) for target, (part, _, x) in zip(targets, parts, strict=True)]
        yield from self._over([(labels, line) for line, (_, labels, _) in zip(added, parts, strict=True)], depth + 1)

    def _element(self, name: str, labels: Sequence[int]) -> str:
        """An element of a row, or a scalar."""
        return self._at(name, labels) if labels else name

    def _over(self, lines: Sequence[tuple[tuple[int, ...], str]], depth: int) -> Iterator[str]:
        """Lines, each for every element of rows with these labels, or once; those of like rows in one loop."""
        for labels in dict.fromkeys(labels for labels, _ in lines):
            for k, label in enumerate(labels):
                i, n = self._axis(label)
                yield "    " * (depth + k) + f"for {i} in range({n}):"
            for _, line in (one for one in lines if one[0] == labels):
                yield "    " * (depth + len(labels)) + line

    # ------------------------------------------------------------------------------------------------ expressions

    def _value(self, x: Expression) -> str:
        """An expression as a number of the kernel's dtype."""
        if isinstance(x, Load):
            text = self._at(x.array, x.labels)
            return text if self._kinds[x.array] == self._float else f"F({text})"
        if isinstance(x, Local):
            return f"F({x.name})" if x.name in self._sums else x.name
        if isinstance(x, Number):
            return self._constant(x.value)
        if isinstance(x, Total):
            return self._total(x)
        if isinstance(x, Power):
            return self._power(x)
        if isinstance(x, Call) and not x.is_truth:
            return self._call(x)
        return f"(F(1.0) if {self._condition(x)} else F(0.0))"

    def _total(self, x: Total) -> str:
        parts = []
        for term, c in sorted(x.terms, key=lambda item: item[1].value < 0):
            sign = " - " if c.value < 0 else " + "
            size = -c if c.value < 0 else c
            value = self._mean(term, size) or self._value(term)
            value = f"({value})" if isinstance(term, Total) and len(term.terms) > 1 else value
            if size != ONE and not self._mean(term, size):
                number = self._constant(size, term == Number(ONE))
                value = number if term == Number(ONE) else f"{number} * {value}"
            parts.append(sign + value)
        text = "".join(parts)
        return text[3:] if text.startswith(" + ") else f"-{text[3:]}" if text else "F(0.0)"

    def _mean(self, x: Expression, c: Coefficient) -> str:
        """A sum of float64 over its lengths, rounded once for a narrower kernel; nothing for all else."""
        name = x.name if isinstance(x, Local) else x.array if isinstance(x, Load) else ""
        labels = self._lengths_of(c)
        if self._float == np.float64 or not labels or name not in self._sums | self._launch.kernel.wide:
            return ""
        return f"F({self._element(name, x.labels if isinstance(x, Load) else ())} / {self._product(labels)})"

    def _power(self, x: Power) -> str:
        above, below = list[str](), list[str]()
        for factor, exponent in x.factors:
            into = above if exponent > 0 else below
            into += self._raised(self._value(factor), abs(Fraction(exponent)), isinstance(factor, (Total, Power)))
        text = " * ".join(above) or "F(1.0)"
        if below:
            text += f" / {below[0]}" if len(below) == 1 else f" / ({' * '.join(below)})"
        if x.conditions:
            text = f"({text} if {' and '.join(map(self._condition, x.conditions))} else F(0.0))"
        return text

    def _raised(self, value: str, exponent: Fraction, composed: bool) -> list[str]:
        """A power of a value as factors."""
        whole, rest = divmod(exponent, 1)
        if whole > 3 or rest not in (0, Fraction(1, 2)):
            return [f"np.power({value}, F({float(exponent)!r}))"]
        return [f"({value})" if composed else value] * int(whole) + [f"sqrt({value})"] * bool(rest)

    def _call(self, x: Call) -> str:
        args = [self._value(arg) for arg in x.args]
        if x.op in _SPELLED:
            return _SPELLED[x.op].format(*(a if a.isidentifier() else f"({a})" for a in args))
        if isinstance(x.op.reading, (Choice, Chosen)):
            return f"({args[1]} if {self._condition(x.args[0])} else {args[2]})"
        name = next((f.__name__ for f in x.op.numpy if f.__name__ in _BY_NAME), None)
        if name is None:
            raise CannotError(f"no function of scalars for {x.op.name}")
        return f"{'' if name in PLAIN else 'np.'}{name}({', '.join(args)})"

    def _condition(self, x: Expression) -> str:
        """An expression as a truth value."""
        if isinstance(x, Compare):
            a, b = x.args
            whole = any(isinstance(one, Load) and self._kinds[one.array].kind in "iub" for one in x.args)
            return f"({self._side(a, whole)} {_SIGNS[x.sign]} {self._side(b, whole)})"
        if isinstance(x, At):
            return f"({self._axis(x.label)[0]} == {self._side(x.place, True)})"
        if isinstance(x, Load) and self._kinds[x.array].kind == "b":
            return self._at(x.array, x.labels)
        if isinstance(x, Power) and not x.factors:
            return f"({' and '.join(map(self._condition, x.conditions))})"
        if isinstance(x, Call) and x.is_truth:
            return self._call(x)
        return f"({self._value(x)} != F(0.0))"

    def _side(self, x: Expression, whole: bool) -> str:
        """A side of a comparison, in which whole numbers are compared as such."""
        if whole and isinstance(x, Load):
            return self._at(x.array, x.labels)
        if whole and isinstance(x, Number):
            return repr(int(x.value.value)) if x.value.value == int(x.value.value) else repr(float(x.value.value))
        if whole and isinstance(x, Total) and not x.terms:
            return "0"
        if whole and isinstance(x, Total) and len(x.terms) == 1 and isinstance(x.terms[0][0], Number):
            return self._side(Number(x.terms[0][1]), True)
        return self._value(x)

    def _constant(self, c: Coefficient, added: bool = False) -> str:
        """A small whole number as it is; any other by its name, so that the source serves for other ones."""
        if not c.counts and isinstance(c.number, (int, Fraction)) and c.number in (0, 1, 2, 3, -1):
            return f"F({float(c.number)!r})"
        same = (name for (value, counts), name in self._constants.items() if counts == c.counts and value == c.value)
        per_length = (name for (value, counts), name in self._constants.items() if counts and value == c.value)
        found = next(same, None) or next(per_length, None)
        if found is None:
            self._constants[c.value, c.counts] = found = self._defined_as(c, added)
        return found

    def _defined_as(self, c: Coefficient, added: bool) -> str:
        """A name for a number: one over lengths, the small number that is added to a sum, or any other one."""
        labels = self._lengths_of(c)
        if labels:
            name = self._free(f"inv_{'_'.join(map(self._length, labels))}")
            self._defined.append(f"{name} = F(1.0 / {self._product(labels)})")
            return name
        small = added and 0 < c.value <= SMALL
        name = self._free("eps" if small else f"k{len(self.numbers) + 1}")
        self._defined.append(f"{name} = F(k[{len(self.numbers)}])")
        self.numbers.append(float(c.value))
        return name

    def _lengths_of(self, c: Coefficient) -> list[int]:
        """The labels by whose lengths a coefficient divides, if it is nothing else."""
        labels = [label for label, exponent in c.counts if exponent == -1 and label in self._launch.kernel.lengths]
        return labels if len(labels) == len(c.counts) and c.number == 1 else []

    def _product(self, labels: Sequence[int]) -> str:
        lengths = [self._length(label) for label in labels]
        return lengths[0] if len(lengths) == 1 else f"({' * '.join(lengths)})"


def _looped(statements: Sequence[Statement]) -> Iterator[int]:
    """The labels of loops, from the outside."""
    for one in statements:
        if isinstance(one, For):
            yield one.label
            yield from _looped(one.body)


def _named(statements: Sequence[Statement]) -> Iterator[str]:
    """The names of scalars."""
    for one in statements:
        if isinstance(one, For):
            yield from _named(one.body)
            yield from (part.name for part in one.parts)
        elif isinstance(one, Let):
            yield one.name
        elif isinstance(one, Start):
            yield from filter(None, (one.accumulator.name, one.accumulator.whole))


def float_of(launch: Launch) -> Any:
    """The dtype that a kernel computes with."""
    wide = any(array.dtype == np.float64 for array in (*launch.given, *launch.made))
    return np.dtype(np.float64 if wide else np.float32)


def _added(target: str, value: str, kind: str) -> str:
    """The line that adds a value to what is added up."""
    if kind in ("sum", "prod"):
        return f"{target} {'+=' if kind == 'sum' else '*='} {value}"
    return f"{target} = {kind}imum({target}, {value})"
