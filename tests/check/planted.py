"""Mistakes of fifty kinds, made by machine in layers that people write, and what the tutor makes of them.

A kind is a rule that takes an expression of a backward pass, or a statement, and says what a person may have written in
its place. The numbers decide what can be asked of the tutor: mistakes that change nothing must not be called wrong, and
where two kinds of mistake give the same array either may be named.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from catalogue import Arrays, differs, functions, local_variables
from counting import of_contributions

import micrograd_tensor as mt
from micrograd_tensor.check.mutation.source import only_shape
from micrograd_tensor.check.syntax import called, replaced

SYMPTOMS = {"nothing", "in places", "wrong way", "not determined"}
"""Diagnoses that say what the numbers look like, and name no cause."""


POWERS = frozenset({"missing factor", "lost square", "factor twice", "not inverted", "another exponent"})
"""What becomes of a factor depends on what it is a factor of."""


@dataclass(frozen=True)
class Where:
    """What is known at a statement of a backward pass.

    Attributes:
        stage: the variable that it assigns.
        whole: what it computes.
        values: the shapes of the forward values at hand, by name.
        gradients: those of the gradients that are made before it.
        shape: that of the stage.
    """

    stage: str
    whole: ast.AST
    values: Mapping[str, tuple[int, ...]]
    gradients: Mapping[str, tuple[int, ...]]
    shape: tuple[int, ...]

    def is_gradient(self, e: ast.AST) -> bool:
        return any(isinstance(n, ast.Name) and n.id in self.gradients for n in ast.walk(e))

    def is_number(self, e: ast.AST) -> bool:
        names = {n.id for n in ast.walk(e) if isinstance(n, ast.Name)} - {"np"}
        return only_shape(e) or not names & {*self.values, *self.gradients} or bool(ast.unparse(e).endswith(".size"))


Rule = Callable[[ast.expr, Where], Iterator[str]]


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of mistake: the kinds of diagnosis that are right for it, and how it is made."""

    name: str
    said: frozenset[str]
    rule: Rule


KINDS: list[Kind] = []


def kind(name: str, *said: str) -> Callable[[Rule], Rule]:
    """Enter a rule in the list."""

    def enter(rule: Rule) -> Rule:
        KINDS.append(Kind(name, frozenset(said), rule))
        return rule

    return enter


def _u(e: ast.AST) -> str:
    return f"({ast.unparse(e)})"


def _chain(e: ast.AST) -> list[tuple[str, ast.expr]]:
    """``a * b / c`` as [("*", a), ("*", b), ("/", c)]."""
    match e:
        case ast.BinOp(left, ast.Mult() | ast.Div() as op, right):
            return [*_chain(left), ("*" if isinstance(op, ast.Mult) else "/", right)]
    return [("*", e)]  # type: ignore[list-item]


def _joined(chain: list[tuple[str, ast.expr]]) -> str:
    (op, first), *rest = chain
    return " ".join([_u(first) if op == "*" else f"1.0 / {_u(first)}", *(f"{o} {_u(x)}" for o, x in rest)])


def _factors(e: ast.expr, at: Where) -> Iterator[tuple[list[tuple[str, ast.expr]], int]]:
    """The chains of factors, and the places in them, of a product that is no part of another."""
    chain = _chain(e)
    if len(chain) > 1:
        yield from ((chain, i) for i in range(len(chain)))


def _local(x: ast.AST, at: Where) -> bool:
    return not (at.is_gradient(x) or at.is_number(x) or only_shape(x) or isinstance(x, ast.Compare))


def _is_mask(x: ast.AST) -> bool:
    return isinstance(x, ast.Compare)


# ------------------------------------------------------------------------------------------------ factors and constants


@kind("sign", "sign")
def _(e, at):
    if e is at.whole and at.is_gradient(e):
        yield f"-{_u(e)}"
    match e:
        case ast.BinOp(left, ast.Add(), right) if at.is_gradient(left):
            yield f"{_u(left)} - {_u(right)}"
        case ast.BinOp(left, ast.Sub(), right):
            yield f"{_u(left)} + {_u(right)}"


@kind("constant lost", "constant factor", "sum for mean")
def _(e, at):
    for chain, i in _factors(e, at):
        if at.is_number(chain[i][1]) and not only_shape(chain[i][1]):
            yield _joined(chain[:i] + chain[i + 1 :])


@kind("constant twice", "constant factor", "mean for sum", "doubled contribution", "factor twice")
def _(e, at):
    for chain, i in _factors(e, at):
        if at.is_number(chain[i][1]) and not only_shape(chain[i][1]):
            yield _joined([*chain, chain[i]])
    if e is at.whole and at.is_gradient(e):
        yield f"2 * {_u(e)}"


@kind("n − 1 for n", "constant factor")
def _(e, at):
    for chain, i in _factors(e, at):
        x = chain[i][1]
        if isinstance(x, ast.Name) and x.id in ("N", "D"):
            less = ast.parse(f"({x.id} - 1)", mode="eval").body
            yield _joined([*chain[:i], (chain[i][0], less), *chain[i + 1 :]])


@kind("factor missing", "missing factor", "missing mask")
def _(e, at):
    for chain, i in _factors(e, at):
        if _local(chain[i][1], at):
            yield _joined(chain[:i] + chain[i + 1 :])


@kind("factor twice", "factor twice")
def _(e, at):
    for chain, i in _factors(e, at):
        if _local(chain[i][1], at):
            yield _joined([*chain, chain[i]])


@kind("multiplied for divided", "not inverted")
def _(e, at):
    for chain, i in _factors(e, at):
        if _local(chain[i][1], at):
            other = "/" if chain[i][0] == "*" else "*"
            yield _joined([*chain[:i], (other, chain[i][1]), *chain[i + 1 :]])


@kind("two factors missing", "missing factor", "two mistakes")
def _(e, at):
    chain = _chain(e)
    local = [i for i in range(len(chain)) if _local(chain[i][1], at) or _is_mask(chain[i][1])]
    numbers = [i for i in range(len(chain)) if at.is_number(chain[i][1]) and not only_shape(chain[i][1])]
    for i in local:
        for j in (*numbers, *(k for k in local if k > i)):
            kept = [f for k, f in enumerate(chain) if k not in (i, j)]
            if kept:
                yield _joined(kept)


@kind("upstream forgotten", "missing factor")
def _(e, at):
    for chain, i in _factors(e, at):
        rest = chain[:i] + chain[i + 1 :]
        if (
            isinstance(chain[i][1], ast.Name | ast.Subscript)
            and at.is_gradient(chain[i][1])
            and any(_local(x, at) or _is_mask(x) for _, x in rest)
        ):
            yield _joined(rest)
    if e is at.whole and at.is_gradient(e):
        yield f"np.ones_like({_u(e)})"


@kind("upstream squared", "factor twice")
def _(e, at):
    if isinstance(e, ast.Name) and e.id in at.gradients and e is not at.whole:
        yield f"{e.id}**2"


@kind("square lost", "lost square")
def _(e, at):
    match e:
        case ast.BinOp(base, ast.Pow(), ast.Constant(2)):
            yield _u(base)


@kind("another exponent", "another exponent", "constant factor", "power of a tensor", "factor twice", "not inverted")
def _(e, at):
    match e:
        case ast.BinOp(base, ast.Pow(), ast.Constant(2)):
            yield f"{_u(base)} ** 3"
        case ast.BinOp(base, ast.Pow(), ast.UnaryOp(ast.USub(), ast.Constant(1.5))):
            yield f"{_u(base)} ** -0.5"
            yield f"{_u(base)} ** -1.0"
            yield f"{_u(base)} ** 1.5"


@kind("another eps", "another eps", "eps left out", "eps misplaced")
def _(e, at):
    match e:
        case ast.BinOp(left, ast.Add(), ast.Constant(float() as eps)) if eps < 0.01:
            for other in ("+ 1e-8", f"+ {2 * eps}", f"- {eps}", "+ 0.0", "+ 1e-5", "+ 0.01", "+ 0.002"):
                yield f"{_u(left)} {other}"


# ------------------------------------------------------------------------------------------------------- sums and terms


def _sum(e: ast.expr) -> tuple[str, dict[str, str]] | None:
    """What is summed, and the other arguments, of a call of sum or mean."""
    if called(e) not in ("sum", "mean") or not isinstance(e, ast.Call) or not isinstance(e.func, ast.Attribute):
        return None
    of_numpy = isinstance(e.func.value, ast.Name) and e.func.value.id == "np"
    return _u(e.args[0] if of_numpy else e.func.value), {str(k.arg): ast.unparse(k.value) for k in e.keywords}


def _again(name: str, array: str, keywords: Mapping[str, str]) -> str:
    return f"np.{name}({', '.join([array, *(f'{k}={v}' for k, v in keywords.items())])})"


@kind("mean for sum", "mean for sum", "constant factor")
def _(e, at):
    if called(e) == "sum" and (found := _sum(e)):
        yield _again("mean", *found)


@kind("sum missing", "missing sum")
def _(e, at):
    if found := _sum(e):
        yield found[0]


@kind("wrong axis", "wrong axis")
def _(e, at):
    if (found := _sum(e)) and found[1].get("axis") in ("0", "1"):
        yield _again(called(e), found[0], {**found[1], "axis": str(1 - int(found[1]["axis"]))})


@kind("sum over everything", "sum over everything")
def _(e, at):
    if (found := _sum(e)) and "axis" in found[1]:
        yield _again(called(e), found[0], {k: v for k, v in found[1].items() if k != "axis"})


PARTS = ("-1:", ":1", ":-1", "1:")


@kind("some terms only", "part of a sum")
def _(e, at):
    if found := _sum(e):
        axis = found[1].get("axis", "0")
        for part in PARTS:
            index = f":, {part}" if axis == "1" else part
            yield _again(called(e), f"{found[0]}[{index}]", found[1])
    match e:
        case ast.BinOp(left, ast.MatMult(), right):
            for part in PARTS:
                yield f"{_u(left)}[..., {part}] @ {_u(right)}[{part}]"


@kind("one term twice", "part of a sum")
def _(e, at):
    if found := _sum(e):
        axis = found[1].get("axis", "0")
        if axis in ("0", "1"):
            last = "[-1]" if "keepdims" in found[1] else "-1"
            yield f"{_again(called(e), *found)} + np.take({found[0]}, {last}, {axis})"


@kind("contribution dropped", "dropped contribution", "overwritten contribution", "dropped term")
def _(e, at):
    match e:
        case ast.BinOp(left, ast.Add() | ast.Sub() as op, right) if at.is_gradient(left) and at.is_gradient(right):
            yield _u(left)
            yield f"{'-' if isinstance(op, ast.Sub) else ''}{_u(right)}"


@kind("contribution doubled", "doubled contribution", "constant factor")
def _(e, at):
    match e:
        case ast.BinOp(left, ast.Add() | ast.Sub() as op, right) if at.is_gradient(left) and at.is_gradient(right):
            sign = "+" if isinstance(op, ast.Add) else "-"
            yield f"2 * {_u(left)} {sign} {_u(right)}"
            yield f"{_u(left)} {sign} 2 * {_u(right)}"


@kind("term dropped", "dropped term", "missing factor", "complement", "lost square")
def _(e, at):
    match e:
        case ast.BinOp(left, ast.Sub(), right) if not at.is_gradient(e):
            yield _u(left)
            yield f"-{_u(right)}"


@kind("contribution moved", "moved contribution")
def _(e, at):
    match e:
        case ast.BinOp(left, ast.Add(), right) if at.is_gradient(left) and at.is_gradient(right):
            for one, other in ((left, right), (right, left)):
                chain = _chain(one)
                for i in range(len(chain)):
                    op, factor = chain[i]
                    if _local(factor, at):
                        rest = _joined(chain[:i] + chain[i + 1 :])
                        yield f"({rest} + {_u(other)}) {op} {_u(factor)}"
                if isinstance(one, ast.BinOp) and isinstance(one.op, ast.MatMult):
                    yield f"({_u(one.left)} + {_u(other)}) @ {_u(one.right)}"


@kind("treated as constant", "statistic as constant", "dropped contribution")
def _(e, at):
    if e is at.whole and at.is_gradient(e):
        yield f"np.zeros_like({_u(e)})"


# ---------------------------------------------------------------------------------------------- one array for another


def _others(name: str, shapes: Mapping[str, tuple[int, ...]], shape: tuple[int, ...]) -> list[str]:
    return [other for other, its in shapes.items() if other != name and its == shape]


@kind("another value", "exchanged operand", "another argument")
def _(e, at):
    if isinstance(e, ast.Name) and e.id in at.values:
        yield from (o for o, shape in at.values.items() if o != e.id and len(shape) <= len(at.values[e.id]))


@kind("another gradient", "exchanged operand")
def _(e, at):
    if isinstance(e, ast.Name) and e.id in at.gradients:
        yield from _others(e.id, at.gradients, at.gradients[e.id])


@kind("value for gradient", "value for gradient", "exchanged operand")
def _(e, at):
    if isinstance(e, ast.Name) and e.id in at.gradients:
        yield from _others(e.id, at.values, at.gradients[e.id])


@kind("gradient for value", "gradient for value", "exchanged operand", "another argument")
def _(e, at):
    if isinstance(e, ast.Name) and e.id in at.values and e is not at.whole:
        yield from _others(e.id, at.gradients, at.values[e.id])


@kind("another whole gradient", "exchanged operand", "dropped contribution", "missing factor")
def _(e, at):
    if e is at.whole and not isinstance(e, ast.Name):
        yield from (g for g, shape in at.gradients.items() if shape == at.shape)


# --------------------------------------------------------------------------------------------- operators and functions


@kind("+ for ×", "wrong operator")
def _(e, at):
    for chain, i in _factors(e, at):
        if i and chain[i][0] == "*" and not at.is_number(chain[i][1]) and not at.is_number(chain[i - 1][1]):
            yield f"{_joined(chain[:i])} + {_joined(chain[i:])}"


@kind("− for ×", "wrong operator")
def _(e, at):
    for chain, i in _factors(e, at):
        if i and chain[i][0] == "*" and not at.is_number(chain[i][1]) and not at.is_number(chain[i - 1][1]):
            yield f"{_joined(chain[:i])} - {_joined(chain[i:])}"


@kind("× for +", "wrong operator")
def _(e, at):
    match e:
        case ast.BinOp(left, ast.Add(), right) if at.is_gradient(left) and at.is_gradient(right):
            yield f"{_u(left)} * {_u(right)}"


@kind("× for @", "wrong operator", "wrong function", "missing sum")
def _(e, at):
    match e:
        case ast.BinOp(left, ast.MatMult(), right):
            yield f"{_u(left)} * {_u(right)}"
            if isinstance(left, ast.Attribute):
                yield f"{_u(left.value)} * {_u(right)}"
            if isinstance(right, ast.Attribute):
                yield f"{_u(left)} * {_u(right.value)}"


@kind("not transposed", "transposed")
def _(e, at):
    match e:
        case ast.Attribute(array, "T"):
            yield _u(array)
        case ast.BinOp(left, ast.MatMult(), right):
            yield f"{_u(left)}.T @ {_u(right)}"
            yield f"{_u(left)} @ {_u(right)}.T"
            yield f"{_u(right)} @ {_u(left)}"


@kind("result transposed", "transposed")
def _(e, at):
    if e is at.whole and len(at.shape) == 2:
        yield f"{_u(e)}.T"
        yield f"{_u(e)}.T.reshape({at.shape})"


@kind("another function", "wrong function", "missing function")
def _(e, at):
    swaps = {"cos": "sin", "sin": "cos", "exp": "log", "log": "exp", "tanh": "cosh"}
    if called(e) in swaps and isinstance(e, ast.Call):
        yield f"np.{swaps[called(e)]}({ast.unparse(e.args[0])})"


@kind("function missing", "missing function")
def _(e, at):
    if called(e) in ("cos", "sin", "exp", "sqrt", "cumsum") and isinstance(e, ast.Call):
        yield _u(e.args[0])


def _slopes(e: ast.AST) -> Iterator[tuple[str, str]]:
    """The derivatives of tanh and of the sigmoid that are written here: the activation, and the form in it."""
    match e:
        case ast.BinOp(ast.Constant(1), ast.Sub(), ast.BinOp(ast.Name(h), ast.Pow(), ast.Constant(2))):
            yield h, "(1 - {}**2)"
        case ast.BinOp(
            ast.BinOp(ast.expr() as g, ast.Mult(), ast.Name(s)),
            ast.Mult(),
            ast.BinOp(ast.Constant(1), ast.Sub(), ast.Name(t)),
        ) if s == t:
            yield s, f"{_u(g)} * {{0}} * (1 - {{0}})"


def _activated(form: str, x: str) -> str:
    return form.format(f"np.tanh({x})" if "**" in form else f"(1 / (1 + np.exp(-{x})))")


@kind("derivative at the activation", "another argument")
def _(e, at):
    for h, form in _slopes(e):
        yield _activated(form, h)


@kind("derivative at the gradient", "another argument", "gradient for value", "exchanged operand")
def _(e, at):
    for h, form in _slopes(e):
        for g in _others("", at.gradients, at.values[h]):
            yield _activated(form, g)
            yield form.format(g)


@kind("derivative of the pre-activation", "another argument", "exchanged operand")
def _(e, at):
    for h, form in _slopes(e):
        for z in _others(h, at.values, at.values[h]):
            yield form.format(z)


@kind("complement", "complement", "dropped term")
def _(e, at):
    match e:
        case ast.BinOp(ast.Constant(1), ast.Sub(), right):
            yield _u(right)
        case ast.Name(name) if name in at.values and e is not at.whole:
            yield f"(1 - {name})"


# -------------------------------------------------------------------------------------------------- masks and places


def _masks(e: ast.AST) -> bool:
    return isinstance(e, ast.Compare) and len(e.ops) == 1


@kind("mask inverted", "inverted mask")
def _(e, at):
    match e:
        case ast.Compare(left, [ast.Gt()], [right]):
            yield f"({_u(left)} <= {_u(right)})"
        case ast.Compare(left, [ast.Eq()], [right]):
            yield f"({_u(left)} != {_u(right)})"


@kind("mask missing", "missing mask", "missing factor")
def _(e, at):
    for chain, i in _factors(e, at):
        if _masks(chain[i][1]):
            yield _joined(chain[:i] + chain[i + 1 :])


@kind("mask of another array", "another argument", "another mask")
def _(e, at):
    match e:
        case ast.Compare(ast.Name(z), [ast.Gt()], [right]):
            shapes = {**at.values, **at.gradients}
            for other in _others(z, shapes, shapes[z]):
                yield f"({other} > {_u(right)})"


@kind("value for mask", "exchanged operand", "another argument", "value for mask")
def _(e, at):
    match e:
        case ast.Compare(ast.Name(z), [ast.Gt()], [_]):
            yield from (z, *_others(z, at.values, at.values[z]))


@kind("truth values", "whole numbers")
def _(e, at):
    if e is at.whole and at.is_gradient(e):
        yield f"{_u(e)}.astype(bool).astype(float)"
        yield f"{_u(e)}.astype(bool)"


@kind("whole numbers", "whole numbers")
def _(e, at):
    if e is at.whole and at.is_gradient(e):
        yield f"{_u(e)}.astype(int)"
        yield f"{_u(e)}.astype(int).astype(float)"


@kind("reversed", "permuted")
def _(e, at):
    if e is at.whole and at.is_gradient(e) and at.shape:
        yield f"{_u(e)}[::-1]"
    if isinstance(e, ast.Name) and e is not at.whole and {**at.values, **at.gradients}.get(e.id):
        yield f"{e.id}[::-1]"


@kind("off by one", "permuted", "off by one")
def _(e, at):
    if e is at.whole and at.is_gradient(e) and at.shape:
        yield f"np.roll({_u(e)}, 1, axis=0)"
        yield f"np.roll({_u(e)}, -1, axis=-1)"
    if isinstance(e, ast.Name) and e is not at.whole and {**at.values, **at.gradients}.get(e.id):
        yield f"np.roll({e.id}, 1, axis=0)"


@kind("another element", "off by one", "exchanged operand")
def _(e, at):
    match e:
        case ast.Subscript(ast.Name(k), ast.Constant(int() as i)) if k in at.values:
            for j in (i - 1, i + 1):
                if 0 <= j < at.values[k][0]:
                    yield f"{k}[{j}]"


@kind("flip missing", "permuted")
def _(e, at):
    if called(e) == "flip" and isinstance(e, ast.Call):
        yield _u(e.args[0])


# ------------------------------------------------------------------------------------ statements with more than a value


@dataclass(frozen=True)
class Planted:
    """A backward pass with a mistake: of which kind, at which stage, its statement, and the names it is about."""

    kind: str
    said: frozenset[str]
    stage: str
    line: str
    source: str
    about: frozenset[str]


def _statements(s: ast.stmt) -> Iterator[tuple[str, frozenset[str], str]]:
    """What may become of a statement that adds up or puts in places."""
    match s:
        case ast.Expr(ast.Call(ast.Attribute(ast.Attribute(ast.Name("np"), "add"), "at"), [array, index, value])):
            a, i, v = (ast.unparse(x) for x in (array, index, value))
            yield "repeats lost", frozenset({"repeats lost"}), f"{a}[{i}] += {v}"
            yield "repeats lost", frozenset({"repeats lost"}), f"{a}[{i}] = {v}"
            yield (
                "repeats averaged",
                frozenset({"repeats lost", "repeats averaged"}),
                (f"np.add.at({a}, {i}, {v}); {a} /= np.maximum(np.bincount({i}, minlength=len({a})), 1)[:, None]"),
            )
            yield "off by one", frozenset({"permuted", "off by one"}), f"np.add.at({a}, ({i} + 1) % len({a}), {v})"
            yield "reversed", frozenset({"permuted"}), f"np.add.at({a}, {i}[::-1], {v})"
            yield "some terms only", frozenset({"part of a sum"}), f"np.add.at({a}, {i}[:-1], {v}[:-1])"
            yield "some terms only", frozenset({"part of a sum"}), f"np.add.at({a}, {i}[-1:], {v}[-1:])"
        case ast.AugAssign(target, ast.Add(), value):
            t, v = ast.unparse(target), ast.unparse(value)
            yield "contribution dropped", frozenset({"dropped contribution"}), "pass"
            yield "contribution doubled", frozenset({"doubled contribution"}), f"{t} += 2 * ({v})"
            yield "sign", frozenset({"sign"}), f"{t} -= {v}"
            yield "contribution dropped", frozenset({"overwritten contribution", "overlaps lost"}), f"{t} = {v}"
        case ast.Assign([ast.Subscript(array, ast.Tuple([rows, index]))], value):
            a, r, i, v = (ast.unparse(x) for x in (array, rows, index, value))
            yield "off by one", frozenset({"permuted", "off by one"}), f"{a}[{r}, {i} - 1] = {v}"


def _expressions(value: ast.AST) -> Iterator[ast.expr]:
    """All expressions inside one, itself first, of products only the whole, without indices and shapes."""
    if not isinstance(value, ast.expr):
        return
    yield value
    if only_shape(value):
        return
    inside: Any = ast.iter_child_nodes(value)
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult | ast.Div):
        inside = [x for _, x in _chain(value)]
    elif isinstance(value, ast.Subscript):
        inside = [] if isinstance(value.slice, ast.Constant) else [value.value]
    for child in inside:
        child = child.value if isinstance(child, ast.keyword) else child
        if not (isinstance(child, ast.Name) and child.id == "np"):
            yield from _expressions(child)


def backward_source(layer: type) -> str:
    return textwrap.dedent(inspect.getsource(layer.backward)).replace("@staticmethod\n", "")  # type: ignore[attr-defined]


def mistakes(layer: type, shapes: Mapping[str, tuple[int, ...]]) -> Iterator[Planted]:
    """All mistakes that can be made in a layer's backward pass by these rules."""
    source = backward_source(layer)
    tree = ast.parse(source)
    (function,) = tree.body
    assert isinstance(function, ast.FunctionDef)
    parameters = [a.arg for a in function.args.args]
    floats = {name: shapes[name] for name in parameters if name in shapes and not name.startswith("dout")}
    gradients = {"dout": shapes["dout"]}
    for statement in function.body:
        stage = _stage(statement)
        if not stage:
            continue
        value = getattr(statement, "value", None)
        at = Where(stage, value, floats, dict(gradients), shapes.get(stage, ()))
        seen = set()

        def made(kind: Kind | tuple[str, frozenset[str]], after: str, stage=stage, statement=statement, seen=seen):
            name, said = (kind.name, kind.said) if isinstance(kind, Kind) else kind
            if (name, after) in seen:
                return
            seen.add((name, after))
            lines = source.splitlines()
            lines[statement.lineno - 1] = f"    {after}"
            before, now = (Counter(_names(ast.parse(text))) for text in (ast.unparse(statement), after))
            about = frozenset(name for name in before | now if before[name] != now[name]) or frozenset(before)
            yield Planted(name, said, stage, after, "import numpy as np\n" + "\n".join(lines), about)

        for name, said, after in _statements(statement):
            yield from made((name, said), after)
        if isinstance(statement, ast.Assign | ast.AugAssign) and (at.is_gradient(value) or stage in gradients):
            for e in _expressions(value):
                for one in KINDS:
                    for instead in one.rule(e, at):
                        new = ast.parse(instead, mode="eval").body
                        yield from made(one, ast.unparse(replaced(statement, e, new)))
        gradients.setdefault(stage, shapes.get(stage, ()))


def _names(tree: ast.AST) -> list[str]:
    return [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]


def _stage(s: ast.stmt) -> str:
    target: Any = None
    match s:
        case ast.Assign([first], _):
            target = first
        case ast.AugAssign(first, _, _):
            target = first
        case ast.Expr(ast.Call(args=[first, *_])):
            target = first
    while isinstance(target, ast.Subscript):
        target = target.value
    return target.id if isinstance(target, ast.Name) and target.id.startswith("d") else ""


# ------------------------------------------------------------------------------------------------------------- judging


@dataclass(frozen=True)
class Verdict:
    """What the tutor made of one mistake.

    Attributes:
        kind: of the mistake.
        what: the layer and the statement.
        visible: whether the mistaken gradient differs from the right one.
        localised: whether exactly that stage is called wrong, or where it was not given one of those that it makes
            wrong; none where nothing is to be seen.
        named: "rightly", "wrongly" or "not".
        told: the kinds that were told, the likeliest first.
    """

    kind: str
    what: str
    visible: bool
    localised: bool
    named: str
    told: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Place:
    """A layer at a point."""

    layer: type
    graph: mt.Graph
    dout: Any
    values: Arrays
    right: Arrays


@cache
def place(layer: type, seed: int) -> Place:
    arrays = layer.inputs(np.random.default_rng(seed))  # type: ignore[attr-defined]
    floats = {name: x for name, x in arrays.items() if np.asarray(x).dtype.kind == "f"}
    tensors = {name: mt.tensor(x, name=name, requires_grad=True) for name, x in floats.items()}
    made = layer.forward(**{**arrays, **tensors})  # type: ignore[attr-defined]
    values = dict(arrays)
    for name, x in made.items():
        if isinstance(x, mt.Tensor):
            if x.name is None:
                x.named(name)
            values[name] = np.array(x.data)
    dout = np.random.default_rng([seed, 1]).normal(size=np.shape(made["out"].data))
    graph = mt.graph(made["out"], dout)
    given = ran(layer.backward, dout, values)  # type: ignore[attr-defined]
    return Place(layer, graph, dout, values, given)


def ran(backward: Callable[..., Any], dout: Any, values: Arrays) -> Arrays:
    """The local variables of a backward pass; none where it raises."""
    names = list(inspect.signature(backward).parameters)[1:]
    try:
        with np.errstate(all="ignore"):
            made = local_variables(backward, np.array(dout), *(np.array(values[name]) for name in names))
    except (TypeError, IndexError, AttributeError):
        return {}
    return {name: value for name, value in made.items() if name.startswith("d")}


def judged(layer: type, seed: int, most: int = 4, ends: bool = False) -> Iterator[Verdict]:
    """Mistakes of every kind in a layer, at most so many of a kind, chosen at random.

    Given are all gradients, or the inputs' alone, of which a mistake makes several wrong: it is to be told once.
    """
    at = place(layer, seed)
    stages = {f"d{name}" for name in at.graph.named}
    inputs = {f"d{node.name}" for node in at.graph.nodes if node.is_leaf}
    shapes = {name: np.shape(x) for name, x in {**at.values, **at.right}.items() if np.asarray(x).dtype.kind == "f"}
    by_kind: dict[str, list[Planted]] = {}
    for one in mistakes(layer, {**shapes, "dout": at.dout.shape}):
        by_kind.setdefault(one.kind, []).append(one)
    rng = np.random.default_rng([seed, 2])
    results = {}
    for ones in by_kind.values():
        for one in ones:
            made = ran(functions(one.source)["backward"], at.dout, at.values)
            if one.stage in made and one.stage in stages and (inputs & made.keys() or not ends):
                results[one] = {name: x for name, x in made.items() if name in stages}
    for ones in by_kind.values():
        known = [one for one in ones if one in results]
        for i in rng.permutation(len(known))[:most]:
            yield _verdict(at, known[i], results, ends)


def _verdict(at: Place, one: Planted, results: Mapping[Planted, Arrays], ends: bool) -> Verdict:
    hand, name, what = results[one], one.stage.removeprefix("d"), f"{at.layer.__name__}: {one.line}"
    mine, right = hand[one.stage], at.right[one.stage]
    inputs = {f"d{node.name}" for node in at.graph.nodes if node.is_leaf}
    given = {k: x for k, x in hand.items() if k != "dout" and (k in inputs or not ends)}
    wrong = {k[1:] for k, x in given.items() if differs(np.squeeze(x), np.squeeze(at.right[k]))}
    spoils = np.shape(mine) != np.shape(right) and bool(wrong)  # as an axis of length 1 in another place does
    visible = bool(wrong) if ends else name in wrong or spoils
    try:
        report = mt.compare(at.graph, hand=given, point=False)
    except Exception as error:
        return Verdict(one.kind, what, visible, False, "wrongly", (f"raised {type(error).__name__}: {error}",))
    if not visible:
        return Verdict(one.kind, what, False, not report.wrong, "not", ())
    once = len(report.wrong) == 1 and set(report.wrong) <= wrong
    found = report.diagnosis.get((report.wrong or [""])[0] if ends else name, ())
    told = tuple(d.kind for d in found)
    if ends:
        alike = [p for p, x in results.items() if all(k in x and not differs(x[k], given[k]) for k in given)]
    else:
        alike = [p for p, x in results.items() if p.stage == one.stage and not differs(x[p.stage], mine, right)]
    said = frozenset(of_contributions(at, one.stage, mine)).union(*(p.said for p in alike))
    if found and said & POWERS and told[0] in POWERS and any(name in found[0].text for name in one.about):
        said |= POWERS  # y/n without the division by n is x/n² without that by n²
    first = told[0] if told else "nothing"
    alternatives = found[0].text.count("cannot be told from") + found[0].text.count("; or: ") if told else 0
    named = "rightly" if said.intersection(told[: 1 + alternatives]) else "not" if first in SYMPTOMS else "wrongly"
    return Verdict(one.kind, what, True, once if ends else report.wrong == [name], named, told)
