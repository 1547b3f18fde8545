"""Slips: what a change of a line puts right, as a kind and as a sentence in the author's own words."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from ..syntax import called
from .edits import (
    ALONG,
    Edit,
    axis_of,
    complemented,
    exchanged,
    is_module,
    joined,
    names_in,
    parts_of,
    slopes_of_sigmoid,
    slopes_of_tanh,
)

_SMALL = 1e-2
_MAX_PART = 60
"""A longer part of a line is not repeated in a sentence, in characters."""

_REDUCTIONS = ("sum", "mean", "max", "min")
_REDUCED = {("mean", "sum"): "mean for sum", ("sum", "mean"): "sum for mean"}
_OPPOSITE = ({ast.Gt, ast.Lt}, {ast.Gt, ast.LtE}, {ast.GtE, ast.Lt}, {ast.GtE, ast.LtE}, {ast.Eq, ast.NotEq})
_SIGNS = {ast.Mult: "*", ast.Div: "/", ast.Add: "+", ast.Sub: "-", ast.MatMult: "@", ast.Pow: "**"}


class Slip(NamedTuple):
    """A mistake that a change of a line puts right.

    Attributes:
        kind: one of the kinds of the diagnosis; "" where none of them has a name for it.
        text: what is wrong, in the author's names, in a sentence without a full stop.
    """

    kind: str
    text: str


IsNumber = Callable[[str], bool]


def slip_of(edit: Edit, is_number: IsNumber) -> Slip:
    """What an edit puts right.

    Args:
        edit: which is right.
        is_number: whether an expression of the function is a single number, such as a length.

    >>> import ast
    >>> statement = ast.parse("dx = dy * x.sum(axis=0)").body[0]
    >>> slip_of(Edit(statement, statement.value, "dy + x.sum(axis=0)", 1.0), str.isupper)
    Slip(kind='wrong operator', text='* stands where + is due, in dy * x.sum(axis=0)')
    >>> slip_of(Edit(statement, statement.value, "dy * x.sum(axis=0) / N", 1.0), str.isupper)
    Slip(kind='constant factor', text='the division of dy * x.sum(axis=0) by N is missing')
    """
    if edit.follows:
        return _of_missing(edit, is_number)
    if edit.place is None:
        return _of_statement(edit, is_number)
    old, new = edit.place, ast.parse(edit.instead, mode="eval").body
    if names := _exchanged_name(old, new):
        return Slip("exchanged operand", f"{names[0]} stands where {names[1]} is due, in {_part(old)}")
    if name := _complemented_name(old, new):
        said = f"{name} stands where 1 - {name} is due, and the other way round, in {_part(old)}"
        return Slip("complement", said)
    if isinstance(edit.before, ast.For):
        return Slip("", f"the steps are those of {_part(old)}, where {_part(new)} is due")
    match old, new:
        case ast.Constant(int() | float()), _:
            return _of_number(edit, old, new)
        case ast.UnaryOp(ast.USub(), inner), _ if _same(inner, new):
            return Slip("sign", f"the minus sign before {_part(inner)} is not due")
        case _, _ if edit.instead in (f"-{ast.unparse(old)}", f"-({ast.unparse(old)})"):
            return Slip("sign", f"the minus sign before {_part(old)} is missing")
        case ast.Compare(ops=[one]), ast.Compare(ops=[other]):
            kind = "inverted mask" if {type(one), type(other)} in _OPPOSITE else "another mask"
            return Slip(kind, f"the mask {_part(old)} stands where {_part(new)} is due")
        case ast.Attribute(inner, "T"), _ if _same(inner, new):
            return Slip("transposed", f"{_part(inner)} is not to be transposed")
        case ast.Compare(inner), _ if _same(inner, new):
            return Slip("exchanged operand", f"the mask {_part(old)} stands where {_part(new)} is due")
        case ast.BinOp(ast.Constant(1), ast.Sub(), inner), _ if _same(inner, new):
            return Slip("complement", f"{_part(old)} stands where {_part(new)} is due")
        case ast.BinOp(_, ast.Sub(), inner), ast.BinOp(_, ast.Sub(), ast.BinOp(x, ast.Pow())) if _same(inner, x):
            return Slip("lost square", f"{_part(inner)} is not squared")
        case ast.Attribute(attr="at"), ast.Attribute(attr="at"):
            return Slip("sign", f"{_part(old)} stands where {_part(new)} is due")
        case ast.List(), ast.List():
            return Slip("permuted", f"{_part(old)} stands where {_part(new)} is due")
        case ast.Tuple(), ast.Tuple() if any(old is x for x in joined(edit.before)):
            return Slip("permuted", f"{_part(old)} stands where {_part(new)} is due")
        case ast.Tuple(), ast.Tuple():
            return Slip(_of_indices(old, new), f"{_part(old)} stands where {_part(new)} is due")
        case ast.Subscript(one), ast.Subscript(other) if _same(one, other):
            return Slip(_of_indices(old.slice, new.slice), f"{_part(old)} stands where {_part(new)} is due")
        case ast.Subscript(one), ast.Call(ast.Attribute(other, "sum")) if _same(one, other):
            return Slip("part of a sum", f"{_part(old)} is one part of {_part(new)}, which is due")
        case ast.BinOp(one, ast.Mult(), x), ast.BinOp(other, ast.Mult(), y) if (
            _same(one, x) and _same(other, y) and _is_atom(one) and _is_atom(other)
        ):
            return Slip("exchanged operand", f"{_part(one)} stands where {_part(other)} is due, in {_part(old)}")
        case ast.BinOp(), ast.BinOp() if said := _of_slopes(old, new):
            return Slip("wrong function", said)
        case ast.BinOp(), ast.BinOp() if said := _regrouped(old, new):
            return Slip("moved contribution", said)
        case ast.Call(), ast.BinOp(op=ast.MatMult()) if product := _as_product(old):
            slip = _of_operations(product, new, is_number) or Slip(
                "", f"{_part(product)} stands where {_part(new)} is due"
            )
            return slip._replace(text=slip.text.replace(_part(product), _part(old)))
        case ast.Call(), ast.Call() if (found := _of_calls(old, new)) is not None:
            return found
        case ast.BinOp(), _ if (found := _of_operations(old, new, is_number)) is not None:
            return found
    if isinstance(old, ast.BinOp) and _is_atom(new):
        return Slip("exchanged operand", f"{_part(old)} stands where {_part(new)} is due")
    if _is_atom(old) and isinstance(new, ast.Compare):
        return Slip("exchanged operand", f"{_part(old)} stands where the mask {_part(new)} is due")
    if _is_atom(old) and _is_atom(new):
        both = is_number(ast.unparse(old)) and is_number(ast.unparse(new))
        kind = "constant factor" if both else "exchanged operand"
        return Slip(kind, f"{_part(old)} stands where {_part(new)} is due{_within(edit, old)}")
    found = _around(old, new, is_number)
    divides = any(
        isinstance(x, ast.BinOp) and isinstance(x.op, ast.Div) and x.right is old for x in ast.walk(edit.before)
    )
    if divides and isinstance(new, ast.BinOp) and isinstance(new.op, ast.Mult | ast.Div):
        return Slip(found.kind, f"{_part(old)} stands where {_part(new)} is due{_within(edit, old)}, as a divisor")
    return found


def _exchanged_name(old: ast.expr, new: ast.expr) -> tuple[str, str] | None:
    """The name that another one stands for wherever it occurs, several times, and that one; None if it is not so."""
    every = names_in(old)
    there = {ast.unparse(x): None for x in ast.walk(new) if isinstance(x, ast.expr) and _is_atom(x)}
    pairs = ((name, other) for name, n in every.items() if n > 1 and name not in there for other in there)
    return next((pair for pair in pairs if exchanged(old, *pair) == ast.unparse(new)), None)


def _complemented_name(old: ast.expr, new: ast.expr) -> str:
    """The name that stands where what is left of it to 1 is due, and the other way round; "" if it is not so."""
    names = (name for name, n in names_in(old).items() if n > 1)
    return next((name for name in names if complemented(old, name) == ast.unparse(new)), "")


def _of_number(edit: Edit, old: ast.Constant, new: ast.expr) -> Slip:
    """Another number."""
    before, after = old.value, getattr(new, "value", None)
    said = f"{_part(old)} stands where {_part(new)} is due"
    if isinstance(new, ast.UnaryOp) and _same(new.operand, old):
        return Slip("sign", said)
    for x in ast.walk(edit.before):
        if isinstance(x, ast.Call) and old in x.args and _is_axis(x, x.args.index(old)):
            return Slip("wrong axis", f"axis {_part(old)} stands where axis {_part(new)} is due, in {_part(x)}")
        if isinstance(x, ast.BinOp) and isinstance(x.op, ast.Pow) and x.right is old:
            return Slip(
                "another exponent", f"the exponent {_part(old)} stands where {_part(new)} is due, in {_part(x)}"
            )
    small = (isinstance(after, float) and 0 < abs(after) <= _SMALL) or 0 < abs(before) <= _SMALL  # type: ignore[arg-type]
    return Slip("another eps" if small else "constant factor", f"{said}{_within(edit, old)}")


def _is_axis(call: ast.Call, at: int) -> bool:
    """Whether an argument of a call of NumPy, or of an array's method, is the axis that it goes along or over."""
    before = 0 if isinstance(call.func, ast.Attribute) and is_module(call.func.value) else 1
    return called(call) in _REDUCTIONS or ALONG.get(called(call)) == at + before


def _of_indices(one: ast.expr, other: ast.expr) -> str:
    """The same words in another order are a transposed array; other numbers or ends alone are a step too far."""
    named = any(isinstance(x, ast.Name) for x in ast.walk(one))
    if named and isinstance(one, ast.Slice) and isinstance(other, ast.Slice) and bool(one.lower) != bool(other.lower):
        return "exchanged operand"  # the other end of the array
    words = [Counter(re.findall(r"\w+|\S", ast.unparse(index))) for index in (one, other)]
    if words[0] == words[1]:
        return "transposed"
    differing = (words[0] - words[1]) + (words[1] - words[0])
    return "exchanged operand" if any(word.isidentifier() for word in differing) else "off by one"


def _of_statement(edit: Edit, is_number: IsNumber) -> Slip:
    before, after = edit.before, edit.after
    match before, after:
        case ast.Assign([ast.Tuple() as one], value), ast.Assign([ast.Tuple() as other], instead):
            one, other = (value, instead) if _same(one, other) else (one, other)
            return Slip("exchanged operand", f"{_part(one)} stands where {_part(other)} is due")
        case (ast.AugAssign(target=one), ast.AugAssign(target=other)) | (
            ast.Assign(targets=[one]),
            ast.Assign(targets=[other]),
        ) if not _same(one, other):
            kind = _of_indices(getattr(one, "slice", one), getattr(other, "slice", other))
            return Slip(kind, f"{_part(one)} stands where {_part(other)} is due")
        case ast.Return(ast.Tuple(some) | ast.List(some)), ast.Return(ast.Tuple(others) | ast.List(others)):
            if sum(not _same(x, y) for x, y in zip(some, others, strict=True)) == 2:
                return Slip("exchanged operand", "two gradients are returned in each other's place")
            due = ", ".join(map(_part, others))
            return Slip("exchanged operand", f"the gradients are not returned in the order that is due: {due}")
        case (
            ast.AugAssign(target=ast.Subscript(slice=index) as target)
            | ast.Assign(targets=[ast.Subscript(slice=index) as target]),
            ast.Expr(),
        ) if not all(map(is_number, parts_of(index))):  # else no place occurs twice in it
            kept = "+=" if isinstance(before, ast.AugAssign) else "="
            return Slip(
                "repeats lost", f"where an index occurs several times, {_part(target)} {kept} keeps the last one"
            )
        case ast.Assign(targets=[target]), ast.AugAssign(op=ast.Sub()):
            text = f"= replaces what {_part(target)} held before, where -= is due"
            return Slip("overwritten contribution", text)
        case ast.Assign(targets=[target]), ast.AugAssign() | ast.Expr():
            text = f"= replaces what {_part(target)} held before, where += is due"
            return Slip("overwritten contribution", text)
        case ast.AugAssign(target=target, op=op), ast.Assign():
            return Slip(
                "added term", f"{_SIGNS.get(type(op), '')}= keeps what {_part(target)} held before, where = is due"
            )
        case ast.AugAssign(target=target, op=ast.Mult() | ast.Div() as op, value=value), ast.Pass():
            kind = "constant factor" if is_number(ast.unparse(value)) else ""
            done = "multiplied" if isinstance(op, ast.Mult) else "divided"
            return Slip(kind, f"{_part(target)} is not to be {done} by {_part(value)}")
        case ast.AugAssign(target=target, op=op, value=value), ast.Pass():
            done = "subtracted from" if isinstance(op, ast.Sub) else "added to"
            return Slip("added term", f"{_part(value)} is not to be {done} {_part(target)}")
        case ast.AugAssign(target=target, op=one), ast.AugAssign(op=other):
            text = f"{_SIGNS.get(type(one))}= stands where {_SIGNS.get(type(other))}= is due"
            return Slip(_of_operators(one, other), text)
    return Slip("", "")


def _of_missing(edit: Edit, is_number: IsNumber) -> Slip:
    """A line that is missing after another one."""
    match ast.parse(edit.instead).body[0]:
        case ast.AugAssign(target, ast.Div(), value):
            return Slip("constant factor", f"the division of {_part(target)} by {_part(value)} is missing")
        case ast.AugAssign(target, ast.Mult(), value):
            kind = "constant factor" if is_number(ast.unparse(value)) else "missing factor"
            return Slip(kind, f"the factor {_part(value)} of {_part(target)} is missing")
        case ast.AugAssign(target, op, value):
            done = "added to" if isinstance(op, ast.Add) else "subtracted from"
            return Slip("dropped term", f"{_part(value)} is not {done} {_part(target)}")
    return Slip("", "")


def _of_slopes(old: ast.expr, new: ast.expr) -> str:
    """That the slope of one function stands where that of another one is due; "" if not so."""
    for slopes, one, other in ((slopes_of_tanh, "sigmoid", "tanh"), (slopes_of_sigmoid, "tanh", "sigmoid")):
        if any(_same(ast.parse(text, mode="eval").body, new) for text in slopes(old)):
            return f"{_part(old)} stands where {_part(new)} is due: the slope of a {one} for that of a {other}"
    return ""


def _regrouped(old: ast.BinOp, new: ast.BinOp) -> str:
    """What a factor is missing at, or is not due at, where a sum and a product are in another order; "" if not so."""
    for wide, narrow, said in ((old, new, "is not to be multiplied by"), (new, old, "is to be multiplied by")):
        if not (isinstance(wide.op, ast.Mult) and isinstance(narrow.op, ast.Add)):
            continue
        for some, factor in ((wide.left, wide.right), (wide.right, wide.left)):
            match some:
                case ast.BinOp(one, ast.Add(), other):
                    for term in (one, other):
                        if any(_same(term, side) for side in (narrow.left, narrow.right)):
                            return f"{_part(term)} {said} {_part(factor)}{', too' if wide is new else ''}"
    return ""


def _of_operators(one: ast.operator, other: ast.operator) -> str:
    pair = {type(one), type(other)}
    if pair == {ast.Add, ast.Sub}:
        return "sign"
    return "not inverted" if pair == {ast.Mult, ast.Div} else "wrong operator"


def _of_operations(old: ast.BinOp, new: ast.expr, is_number: IsNumber) -> Slip | None:
    """Another operator, sides exchanged or transposed, or one of them left out."""
    instead = f"{_part(old)} stands where {_part(new)} is due"
    if isinstance(new, ast.BinOp) and _same(old.left, new.left) and _same(old.right, new.right):
        one, other = (_SIGNS.get(type(x.op), "") for x in (old, new))
        return Slip(_of_operators(old.op, new.op), f"{one} stands where {other} is due, in {_part(old)}")
    if isinstance(old.op, ast.MatMult) and isinstance(new, ast.BinOp) and isinstance(new.op, ast.MatMult):
        for kept, left, right in ((old.left, new.left, new.right), (old.right, new.right, new.left)):
            turned = old.right if kept is old.left else old.left
            if _same(kept, left) and ast.unparse(right) == f"{ast.unparse(turned)}.T":
                return Slip("transposed", f"{_part(turned)} is not transposed, in {_part(old)}")
        return Slip("transposed", instead)
    if isinstance(new, ast.BinOp) and _same(old.left, new.right) and _same(old.right, new.left):
        return Slip("sign" if isinstance(old.op, ast.Sub) else "not inverted", instead)
    for kept, lost in ((old.left, old.right), (old.right, old.left)):
        if _same(kept, new):
            if isinstance(old.op, ast.Pow):
                return Slip("another exponent", f"{_part(old)} stands where {_part(new)} is due")
            if isinstance(old.op, ast.Add | ast.Sub):
                return Slip("added term", f"the term {_part(lost)} is not due")
            what = "the division by" if isinstance(old.op, ast.Div) else "the factor"
            kind = "constant factor" if is_number(ast.unparse(lost)) else ""
            return Slip(kind, f"{what} {_part(lost)} is not due")
    return None


def _as_product(call: ast.Call) -> ast.BinOp | None:
    """A call of ``np.dot`` or ``np.matmul``, or of the method, as the product that it is; None for any other call."""
    match call:
        case ast.Call(ast.Attribute(_, "dot" | "matmul"), [left, right]) | ast.Call(
            ast.Attribute(left, "dot"), [right]
        ):
            return ast.BinOp(left, ast.MatMult(), right)
    return None


def _of_calls(old: ast.Call, new: ast.Call) -> Slip | None:
    """Another function, or the same one over other axes."""
    names = [called(old), called(new)]
    if names[0] == names[1] and names[0] in ALONG:
        one, other = axis_of(old), axis_of(new)
        if one is None:
            return Slip("wrong axis", f"axis={other} is missing, in {_part(old)}")
        return Slip("wrong axis", f"axis={one} stands where axis={other} is due, in {_part(old)}")
    if names[0] != names[1]:
        same = [ast.unparse(x) for x in (*old.args, *old.keywords)] == [
            ast.unparse(x) for x in (*new.args, *new.keywords)
        ]
        kind = _REDUCED.get((names[0], names[1]), "wrong function")
        said = f"{ast.unparse(old.func)} stands where {ast.unparse(new.func)} is due, in {_part(old)}"
        return Slip(kind, said) if same else None
    if names[0] == "where" and _same(old.args[0], new.args[0]):
        said = "{0} stands where {2} is true, and {1} elsewhere; it is the other way round".format(
            *map(_part, (*old.args[1:], old.args[0]))
        )
        return Slip("inverted mask", said)
    if names[0] == "transpose":
        return Slip("transposed", f"the axes of {_part(old)} are in the wrong order")
    if names[0] == "reshape" and "transpose" in ast.unparse(new) and "transpose" not in ast.unparse(old):
        inner = getattr(old.func, "value", old)
        return Slip("transposed", f"{_part(inner)} is not transposed before it is reshaped")
    if names[0] not in _REDUCTIONS:
        return None
    before, after = ({x.arg: ast.unparse(x.value) for x in call.keywords} for call in (old, new))
    if before.get("keepdims") != after.get("keepdims"):
        lost = "keepdims=True is missing" if "keepdims" in after else "keepdims=True is not due"
        return Slip("missing keepdims", f"{lost}, in {_part(old)}")
    one, other = before.get("axis"), after.get("axis")
    if one is None or other is None:
        return Slip("wrong axis", f"{_part(old)} stands where {_part(new)} is due")
    return Slip("wrong axis", f"axis={one} stands where axis={other} is due, in {_part(old)}")


def _around(old: ast.expr, new: ast.expr, is_number: IsNumber) -> Slip:
    """What was missing around an expression."""
    inner = _part(old)
    match new:
        case ast.BinOp(ast.Constant(1), ast.Sub(), x) if _same(x, old):
            return Slip("complement", f"{inner} stands where {_part(new)} is due")
        case ast.BinOp(x, ast.Add() | ast.Sub() as op, term) if _same(x, old):
            done = "added to" if isinstance(op, ast.Add) else "subtracted from"
            kind = "eps left out" if ast.unparse(term) in ("eps", "epsilon", "self.eps") else "dropped term"
            return Slip(kind, f"{_part(term)} is not {done} {inner}")
        case ast.BinOp(x, ast.Pow(), ast.Constant(power)) if _same(x, old):
            return Slip("lost square", f"{inner} is not squared" if power == 2 else f"{inner} is not cubed")
        case ast.Attribute(x, "T") if _same(x, old):
            return Slip("transposed", f"{inner} is not transposed")
        case ast.BinOp(ast.Constant(1), ast.Div(), x) if _same(x, old):
            return Slip("not inverted", f"{inner} stands where {_part(new)} is due")
        case ast.Call(ast.Attribute(x, "sum"), _, keywords) if _same(x, old):
            over = {k.arg: ast.unparse(k.value) for k in keywords}.get("axis", "")
            return Slip("missing sum", f"{inner} is not summed over {'axes' if '(' in over else 'axis'} {over}")
        case ast.Call(ast.Attribute(x, "reshape"), [shape]) if _same(x, old):
            return Slip("missing reshape", f"{inner} is not brought into shape {_part(shape)}")
        case ast.Call(ast.Attribute(_, "sqrt"), [x]) if _same(x, old):
            return Slip("missing function", f"the root of {inner} is not taken")
    return _product(old, new, is_number)


def _product(old: ast.expr, new: ast.expr, is_number: IsNumber) -> Slip:
    """What a product lacked."""
    had, due = (Counter((op, ast.unparse(x)) for op, x in _chain(side)) for side in (old, new))
    left, lost = due - had, list[tuple[str, ast.expr]]()
    for op, x in _chain(new):
        if left[op, ast.unparse(x)]:
            left[op, ast.unparse(x)] -= 1  # of those that occur several times, as often as it is missing
            lost.append((op, x))
    if not lost or had - due:
        return Slip("", f"{_part(old)} stands where {_part(new)} is due")
    said = " * ".join(_factor(x) if lost[1:] else _part(x) for _, x in lost)
    inner = ast.unparse(old)
    op, factor = lost[0]
    if isinstance(factor, ast.Compare):
        return Slip("missing mask", f"the mask {said} is missing")
    number = all(isinstance(x, ast.Constant) or is_number(ast.unparse(x)) for _, x in lost)
    kind = "constant factor" if number else "missing factor"
    compound = " " in inner and len(inner) <= _MAX_PART
    if op == "/":
        return Slip(kind, f"the division{f' of {inner}' if compound else ''} by {said} is missing")
    return Slip(kind, f"the factor {said} is missing{f', beside {inner}' if compound else ''}")


def _chain(x: ast.expr) -> list[tuple[str, ast.expr]]:
    """The factors of a product, each with the sign before it."""
    match x:
        case ast.BinOp(left, ast.Mult(), right):
            return [*_chain(left), *_chain(right)]
        case ast.BinOp(left, ast.Div(), ast.BinOp(_, ast.Mult(), _) as under):
            return [*_chain(left), *(("/" if op == "*" else "*", y) for op, y in _chain(under))]
        case ast.BinOp(left, ast.Div() | ast.MatMult() as op, right):
            return [*_chain(left), (_SIGNS[type(op)], right)]
    return [("*", x)]


def _part(x: ast.AST) -> str:
    """A part of a line, cut where it is too long to be repeated."""
    text = ast.unparse(x)
    return text if len(text) <= _MAX_PART else f"{text[: _MAX_PART - 1]}…"


def _factor(x: ast.expr) -> str:
    """A part of a line as it is written in a product: a sum and a comparison are in parentheses there."""
    sums = isinstance(x, ast.BinOp) and isinstance(x.op, ast.Add | ast.Sub)
    return f"({_part(x)})" if sums or isinstance(x, ast.Compare) else _part(x)


def _within(edit: Edit, old: ast.expr) -> str:
    """Where in a line something stands that stands in it several times."""
    every = list(ast.walk(edit.before))
    if sum(_same(x, old) for x in every if isinstance(x, ast.expr)) < 2:
        return ""
    outer = next((x for x in every if isinstance(x, ast.expr) and old in ast.iter_child_nodes(x)), None)
    return f", in {_part(outer)}" if outer is not None else ""


def _is_atom(x: ast.expr) -> bool:
    return isinstance(x, ast.Name | ast.Attribute | ast.Subscript)


def _same(one: ast.AST, other: ast.AST) -> bool:
    return ast.unparse(one) == ast.unparse(other)
