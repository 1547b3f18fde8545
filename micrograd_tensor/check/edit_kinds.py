"""Kinds of edits: what kind of mistake it was that a change of a line puts right; "" where the kinds have no name."""

from __future__ import annotations

import ast
from collections.abc import Callable

from .edits import Edit

_SMALL = 1e-2
_AROUND = {
    "** 2": "lost square",
    ".T": "transposed",
    "1 /": "not inverted",
    "1 -": "complement",
    "np.sqrt(": "missing function",
    ".sum(": "missing sum",
    ".reshape(": "missing reshape",
}
"""What was missing around an expression, by how what stands there now differs from it."""

_REDUCTIONS = ("sum", "mean", "max", "min")
_REDUCED = {("mean", "sum"): "mean for sum", ("sum", "mean"): "sum for mean"}


def kind_of(edit: Edit, is_number: Callable[[str], bool]) -> str:
    """The kind of mistake that an edit puts right.

    Args:
        edit: which is right.
        is_number: whether an expression of the function is a single number, such as a length.

    >>> import ast
    >>> statement = ast.parse("dx = dy * x.sum(axis=0)").body[0]
    >>> kind_of(Edit(statement, statement.value, "dy + x.sum(axis=0)", 1.0), str.isupper)
    'wrong operator'
    >>> kind_of(Edit(statement, statement.value, "dy * x.sum(axis=0) / N", 1.0), str.isupper)
    'constant factor'
    """
    if edit.place is None:
        return _of_statement(edit)
    old, new = edit.place, ast.parse(edit.instead, mode="eval").body
    match old, new:
        case ast.Constant(int() | float() as before), _:
            after = getattr(new, "value", None)
            if isinstance(new, ast.UnaryOp) and ast.unparse(new.operand) == ast.unparse(old):
                return "sign"
            small = (isinstance(after, float) and 0 < abs(after) <= _SMALL) or 0 < abs(before) <= _SMALL
            if any(isinstance(x, ast.Call) and old in x.args and _name(x) in _REDUCTIONS for x in _all(edit)):
                return "wrong axis"
            exponent = any(
                isinstance(x, ast.BinOp) and isinstance(x.op, ast.Pow) and x.right is old for x in _all(edit)
            )
            return "another exponent" if exponent else "another eps" if small else "constant factor"
        case (ast.UnaryOp(ast.USub(), inner), _) | (_, ast.UnaryOp(ast.USub(), inner)) if _same(inner, old, new):
            return "sign"
        case ast.Compare(), ast.Compare():
            return "another mask"
        case ast.Attribute(inner, "T"), _ if _same(inner, new):
            return "transposed"
        case ast.Call(), ast.Call() if (found := _of_calls(old, new)) is not None:
            return found
        case ast.BinOp(), _ if (found := _of_operations(old, new, is_number)) is not None:
            return found
    if isinstance(old, ast.Name | ast.Attribute | ast.Subscript) and _is_atom(new):
        both = is_number(ast.unparse(old)) and is_number(ast.unparse(new))
        return "constant factor" if both else "exchanged operand"
    return _around(old, new, is_number)


def _of_statement(edit: Edit) -> str:
    before, after = edit.before, edit.after
    match before, after:
        case ast.Return(), ast.Return():
            return "exchanged operand"
        case ast.AugAssign(), ast.Expr():
            return "repeats lost"
        case ast.Assign(), ast.AugAssign():
            return "overwritten contribution"
        case ast.AugAssign(), ast.Assign():
            return "added term"
        case ast.AugAssign(op=one), ast.AugAssign(op=other):
            return _of_operators(one, other)
    return ""


def _of_operators(one: ast.operator, other: ast.operator) -> str:
    pair = {type(one), type(other)}
    if pair == {ast.Add, ast.Sub}:
        return "sign"
    return "not inverted" if pair == {ast.Mult, ast.Div} else "wrong operator"


def _of_operations(old: ast.BinOp, new: ast.expr, is_number: Callable[[str], bool]) -> str | None:
    """Another operator, sides exchanged or transposed, or one of them left out."""
    if isinstance(new, ast.BinOp) and _same(old.left, new.left) and _same(old.right, new.right):
        return _of_operators(old.op, new.op)
    if isinstance(old.op, ast.MatMult) and isinstance(new, ast.BinOp) and isinstance(new.op, ast.MatMult):
        return "transposed"
    if isinstance(new, ast.BinOp) and _same(old.left, new.right) and _same(old.right, new.left):
        return "sign" if isinstance(old.op, ast.Sub) else "not inverted"
    for kept, lost in ((old.left, old.right), (old.right, old.left)):
        if _same(kept, new):
            if isinstance(old.op, ast.Add | ast.Sub):
                return "added term"
            return "constant factor" if is_number(ast.unparse(lost)) else ""
    return None


def _of_calls(old: ast.Call, new: ast.Call) -> str | None:
    """Another function, or the same one over other axes."""
    names = [_name(old), _name(new)]
    if names[0] != names[1]:
        same = [ast.unparse(x) for x in (*old.args, *old.keywords)] == [
            ast.unparse(x) for x in (*new.args, *new.keywords)
        ]
        return _REDUCED.get((names[0], names[1]), "wrong function") if same else None
    if names[0] not in _REDUCTIONS:
        return None
    before, after = ({x.arg: ast.unparse(x.value) for x in call.keywords}.get("keepdims") for call in (old, new))
    return "missing keepdims" if before != after else "wrong axis"


def _around(old: ast.expr, new: ast.expr, is_number: Callable[[str], bool]) -> str:
    """What was missing around an expression."""
    text, inner = ast.unparse(new), ast.unparse(old)
    if isinstance(new, ast.BinOp) and inner in ast.unparse(new.left) and isinstance(new.op, ast.Add | ast.Sub):
        if isinstance(new.op, ast.Sub) and isinstance(new.left, ast.Constant):
            return "complement"
        return "eps left out" if ast.unparse(new.right) in ("eps", "epsilon", "self.eps") else "dropped term"
    for form, kind in _AROUND.items():
        if form in text.replace(inner, "") and len(text) <= len(inner) + len(form) + 24 and not _is_product(new):
            return kind
    if _is_product(new):
        factor = new.right if inner in ast.unparse(new.left) else new.left  # type: ignore[attr-defined]
        if isinstance(factor, ast.Compare):
            return "missing mask"
        constant = isinstance(factor, ast.Constant) or is_number(ast.unparse(factor))
        return "constant factor" if constant else "missing factor"
    return ""


def _name(call: ast.Call) -> str:
    """What a call calls."""
    return str(getattr(call.func, "attr", getattr(call.func, "id", "")))


def _is_product(x: ast.expr) -> bool:
    return isinstance(x, ast.BinOp) and isinstance(x.op, ast.Mult | ast.Div | ast.MatMult) and not _is_inverse(x)


def _is_inverse(x: ast.BinOp) -> bool:
    return isinstance(x.op, ast.Div) and isinstance(x.left, ast.Constant) and x.left.value == 1


def _is_atom(x: ast.expr) -> bool:
    return isinstance(x, ast.Name | ast.Attribute | ast.Subscript)


def _same(*several: ast.AST) -> bool:
    texts = [ast.unparse(x) for x in several]
    return texts[0] in texts[1:]


def _all(edit: Edit) -> list[ast.AST]:
    return list(ast.walk(edit.before))
