"""Edits: small changes of a line of NumPy, of the sorts that people's corrections are made of, the smallest first."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, permutations
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..syntax import on_one_line, replaced

Statement: TypeAlias = "ast.Assign | ast.AugAssign | ast.Expr | ast.Return | ast.For"

_NUMBERS = ("2", "0.5", "-1", "1", "-0.5", "-1.5", "3", "-2", "-3", "0")
_OF_RULES = (0.5, 1.5, 2, 3)
"""Numbers that rules of derivatives have, so that no length is meant by them, though one may be as long."""
_MISSED = 0.96
"""How large a change it is to write a slope in full of which a factor is there."""
_FEW = 4
"""So many gradients that a line returns are brought into all orders."""
_ORDERS = ((0, 2, 3, 1), (0, 3, 1, 2), (1, 0, 2, 3), (1, 2, 3, 0), (3, 0, 1, 2), (0, 2, 1, 3), (0, 2, 1), (1, 0, 2))
"""The orders that axes are usually brought into."""
_OPERATORS: dict[type[ast.operator], tuple[str, ...]] = {
    ast.Mult: ("/", "+", "@", "-"),
    ast.Div: ("*",),
    ast.Add: ("-", "*"),
    ast.Sub: ("+", "*"),
    ast.MatMult: ("*",),
}
_SIGNS: dict[type[ast.operator], str] = {ast.Mult: "*", ast.Div: "/", ast.Add: "+", ast.Sub: "-", ast.MatMult: "@"}
_COMPARISONS = {ast.Gt: ">", ast.GtE: ">=", ast.Lt: "<", ast.LtE: "<=", ast.Eq: "==", ast.NotEq: "!="}
_TURNED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Gt: (ast.Lt, ast.LtE),
    ast.GtE: (ast.Lt, ast.LtE),
    ast.Lt: (ast.Gt, ast.GtE),
    ast.LtE: (ast.Gt, ast.GtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
}
"""The comparisons that are another one taken the other way round."""
_MEANT = 0.6
"""By how much a change is smaller that makes use of what nothing is made of yet."""
_FUNCTIONS = {"sum": "mean", "mean": "sum", "max": "min", "maximum": "minimum"}
_FUNCTIONS |= {"zeros_like": "ones_like", "ones_like": "zeros_like", "ones": "zeros"}
_FUNCTIONS |= {"hstack": "vstack", "vstack": "hstack", "repeat": "tile", "tile": "repeat"}
ALONG = {"concatenate": 1, "stack": 1, "split": 2, "array_split": 2, "flip": 1, "roll": 2, "cumsum": 1, "repeat": 2}
"""Functions that go along one axis, and the place of that among their arguments; without it another one is meant."""
_JOINING = ("concatenate", "stack", "hstack", "vstack", "dstack", "column_stack")
"""Functions that put arrays together."""
_AXES = ("0", "1", "-1", "2", "(0, 1)", "(0, 2)", "(0, 2, 3)", "(1, 2)", "(2, 3)")
_PLACE = re.compile(r"[^\W\d]\w*(\[.*\])?")
"""An index that is a name, or an element of something."""
_MODULES = ("np", "numpy")
_STEPS = ("sign", "maximum", "minimum", "clip", "round", "floor", "ceil", "argmax", "argmin", "isin", "isclose")
"""Functions whose results may be the same for other numbers."""
_SIZED = ("zeros", "ones", "empty", "full", "arange", "eye", "identity")
"""Functions whose first argument is a length, which the shapes settle; another may take all memory there is."""
_FACTORS = (
    (2.0, "* {0}"),
    (2.1, "/ {0}"),
    (2.5, "@ {0}.T"),
    (2.6, "* {0} ** 2"),
    (2.7, "/ {0} ** 2"),
    (2.7, "* (1 - {0})"),
    (2.8, "* (1 - {0} ** 2)"),
    (2.8, "* ({0} > 0)"),
    (2.8, "* {0} * (1 - {0})"),
)
"""What a product may lack, with how large a change it is to put it in."""


@dataclass(frozen=True)
class Edit:
    """A change of a statement.

    Attributes:
        before: the statement as it was parsed.
        place: the expression that is changed; None: the whole statement.
        instead: what stands in its place.
        weight: how large the change is.
        follows: whether it is a statement of its own, which is to be written after the one before it.
    """

    before: Statement
    place: ast.expr | None
    instead: str
    weight: float
    follows: bool = False

    @cached_property
    def after(self) -> ast.stmt:
        """The changed statement."""
        if self.place is None:
            return ast.copy_location(ast.parse(self.instead).body[0], self.before)
        return replaced(self.before, self.place, _read(self.instead))

    @property
    def takes_away(self) -> bool:
        """Whether a term or a factor is left out, so that nothing is put in its place that could as well be 0 or 1."""
        sides = (self.place.left, self.place.right) if isinstance(self.place, ast.BinOp) else ()
        return self.instead in [f"({ast.unparse(side)})" for side in sides]

    def put(self, source: str) -> str:
        """The whole source with the change in it, quickly made: in parentheses, whether they are needed or not."""
        text = source.encode()
        lines = text.splitlines(keepends=True)
        start, end = _span(self.place or self.before, lines)
        if self.follows:
            indent = lines[self.before.lineno - 1][: self.before.col_offset]
            return (text[:end] + b"\n" + indent + self.instead.encode() + text[end:]).decode()
        made = self.instead if self.place is None else f"({self.instead})"
        return (text[:start] + made.encode() + text[end:]).decode()

    def written(self, source: str) -> str:
        """The statement as it is to be written, spelled as it was where nothing is changed."""
        if self.follows:
            return self.instead
        if isinstance(self.before, ast.For):
            return f"for {ast.unparse(self.before.target)} in {self.instead}:"
        text, lines = source.encode(), source.encode().splitlines(keepends=True)
        start, end = _span(self.before, lines)
        if self.place is None:
            made = _respelled(self.instead, text[start:end].decode(), "exec")
        else:
            made = ast.unparse(self.after)
            a, b = _span(self.place, lines)
            bare = _spelled(self.place, self.instead, text[a:b].decode())
            due = ast.dump(self.after)
            enclosed = text[a - 1 : a] == b"(" and text[b : b + 1] == b")" and start < a and " " not in bare
            for piece, out in ((bare, int(enclosed)), (bare, 0), (f"({bare})", 0)):
                whole = (text[start : a - out] + piece.encode() + text[b + out : end]).decode()
                if _dump(whole, "exec") == due:
                    made = whole
                    break
        return on_one_line(made)


def edits(
    statement: Statement,
    atoms: Sequence[str],
    unused: Container[str] = (),
    two: bool = False,
    indices: Sequence[Sequence[str]] = (),
) -> list[Edit]:
    """Changes of an assignment, of a call that writes into an array, or of a return, the smallest first.

    Args:
        statement: as it was parsed.
        atoms: what may be written in it: names, and other short expressions.
        unused: those of them that nothing is made of yet, and were meant for something.
        two: whether one of them is a length of 2, which a 2 or a half may be by chance.
        indices: those that the function has, part by part.
    """
    if isinstance(statement, ast.For):
        return [Edit(statement, statement.iter, instead, 1.05) for instead in _taken_otherwise(statement.iter)]
    value = statement.value
    if value is None:
        return []
    returned = value if isinstance(statement, ast.Return) and isinstance(value, ast.Tuple | ast.List) else None
    several = returned.elts if returned is not None else []
    # What is written into an array, as by np.add.at, and where.
    computed = value.args[-1] if isinstance(statement, ast.Expr) and isinstance(value, ast.Call) else value
    found = [
        Edit(statement, place, instead, weight)
        for place, within in [*_places(computed), *_where_written(statement)]
        for weight, instead in _instead(place, atoms, within, place is computed, unused, two)
        # Returning something else is no change of what is computed.
        if not (place in several and instead in atoms and not _occurs(_read(instead), place))
    ]
    found += [Edit(statement, *edit) for edit in _exchanged_throughout(computed, atoms)]
    if returned is not None:
        begin, end = "[]" if isinstance(returned, ast.List) else ("", "")
        orders = (", ".join(map(ast.unparse, order)) for order in _other_orders(several))
        found += [Edit(statement, None, f"return {begin}{order}{end}", 1.0) for order in orders]
    for arrays in joined(value):
        begin, end = "[]" if isinstance(arrays, ast.List) else "()"
        orders = (", ".join(map(ast.unparse, order)) for order in _other_orders(arrays.elts))
        found += [Edit(statement, arrays, f"{begin}{order}{end}", 1.0) for order in orders]
    found += [Edit(statement, None, instead, 1.0) for instead in _unpacked_otherwise(statement)]
    targets = getattr(statement, "targets", None) or [getattr(statement, "target", None)]
    for mask in (x for target in targets if target is not None for x in ast.walk(target)):
        if isinstance(mask, ast.Compare):
            found += [Edit(statement, mask, x, weight) for weight, x in _other(mask, ast.unparse(mask), atoms, False)]
            own = ast.unparse(mask.left)
            found += [Edit(statement, mask.left, x, 0.98) for x in atoms if x.isidentifier() and x != own]
    for place in ast.walk(value):
        if isinstance(place, ast.Subscript):
            own, exchanged = ast.unparse(place.value), {*_other_indices(place.slice, ())}
            others = ((x, 0.97 if x in exchanged else 1.2) for x in _other_indices(place.slice, indices))
            found += [Edit(statement, place, f"{own}[{other}]", weight) for other, weight in others]
    found += [Edit(statement, None, instead, 0.95) for instead in _assigned_otherwise(statement, indices)]
    found += [Edit(statement, None, "pass", 0.84)] if isinstance(statement, ast.AugAssign) else []
    if computed is not value:
        found += [Edit(statement, x, y, 1.05) for x, y in _written_otherwise(value, indices)]
    return sorted(found, key=lambda edit: edit.weight)


def _exchanged_throughout(value: ast.expr, atoms: Sequence[str]) -> Iterator[tuple[ast.expr, str, float]]:
    """A name that occurs several times with another one in its place wherever it does, as of one gate for another.

    Or with what is left of it to 1, and it where that stands.

    >>> [text for _, text, _ in _exchanged_throughout(_read("x + dr * z * (1 - z)"), ["r", "z"])]
    ['dr * (1 - z) * z', 'dr * r * (1 - r)']
    """
    count = names_in(value)
    for name in (name for name in atoms if count[name] > 1):
        inner = (x for x in ast.walk(value) if isinstance(x, ast.BinOp | ast.Call | ast.Subscript | ast.Compare))
        for place in [x for x in inner if names_in(x)[name] == count[name]][-1:]:  # the smallest comes last
            turned = complemented(place, name)
            if all(f"1 - {name}" in text for text in (ast.unparse(place), turned)):
                yield place, turned, 1.0
            yield from ((place, exchanged(place, name, x), 1.05 + 0.01 * k) for k, x in enumerate(atoms) if x != name)


def names_in(x: ast.expr) -> Counter[str]:
    """How often each name and attribute occurs in an expression."""
    return Counter(ast.unparse(y) for y in ast.walk(x) if isinstance(y, ast.Name | ast.Attribute))


def exchanged(value: ast.expr, name: str, other: str) -> str:
    """An expression with another one wherever a name stands in it."""
    return ast.unparse(_Exchanged(name, _read(other)).visit(_read(ast.unparse(value))))


def complemented(value: ast.expr, name: str) -> str:
    """An expression with ``1 - x`` wherever a name ``x`` stands, and the name where that does.

    >>> complemented(_read("(1 - z) * h - z * n"), "z")
    'z * h - (1 - z) * n'
    """
    return ast.unparse(_Complemented(name).visit(_read(ast.unparse(value))))


class _Complemented(ast.NodeTransformer):
    """Writes what is left of a name to 1 wherever it stands, and the name where that does."""

    def __init__(self, name: str) -> None:
        self._name = name

    def visit(self, node: ast.AST) -> Any:
        match node:
            case ast.BinOp(ast.Constant(1), ast.Sub(), x) if ast.unparse(x) == self._name:
                return x
            case ast.Name() | ast.Attribute() if ast.unparse(node) == self._name:
                return _read(f"1 - {self._name}")
        return self.generic_visit(node)


class _Exchanged(ast.NodeTransformer):
    """Writes another expression wherever a name stands."""

    def __init__(self, name: str, other: ast.expr) -> None:
        self._name, self._other = name, other

    def visit(self, node: ast.AST) -> Any:
        is_it = isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) == self._name
        return self._other if is_it else self.generic_visit(node)


def _other_orders(several: Sequence[ast.expr]) -> Iterator[tuple[ast.expr, ...]]:
    """All orders of a few, those of which two are in each other's place first; of many these alone, and one moved."""
    n = len(several)
    if n <= _FEW:
        orders = [*permutations(range(n))]
    else:
        swaps = ({i: j, j: i} for i, j in combinations(range(n), 2))
        orders = [tuple(swap.get(k, k) for k in range(n)) for swap in swaps]
        for i, j in permutations(range(n), 2):
            rest = [k for k in range(n) if k != i]
            orders.append((*rest[:j], i, *rest[j:]))
    moved = {order: sum(k != at for at, k in enumerate(order)) for order in orders}
    yield from (tuple(several[k] for k in order) for order in sorted(moved, key=moved.__getitem__) if moved[order])


def joined(statement: ast.AST) -> Iterator[ast.Tuple | ast.List]:
    """Several arrays that are put together in the order in which they stand, or by a comprehension.

    >>> [ast.unparse(x) for x in joined(_read("np.hstack((np.stack([a, b]), *[x.T for x in (c, d)]))"))]
    ['(np.stack([a, b]), *[x.T for x in (c, d)])', '[a, b]', '(c, d)']
    """
    for x in ast.walk(statement):
        match x:
            case ast.Call(ast.Attribute(attr=name), [ast.Tuple() | ast.List() as several, *_]) if name in _JOINING:
                yield several
            case ast.comprehension(iter=ast.Tuple() | ast.List() as several):
                yield several


def _unpacked_otherwise(statement: Statement) -> Iterator[str]:
    """The statement with what two of several names are assigned in each other's place.

    >>> [*_unpacked_otherwise(ast.parse("a, b = x[:n], x[n:]").body[0])]
    ['a, b = x[n:], x[:n]']
    >>> [*_unpacked_otherwise(ast.parse("a, b = np.split(x, 2)").body[0])]
    ['b, a = np.split(x, 2)']
    """
    match statement:
        case ast.Assign([ast.Tuple(names)], ast.Tuple(values)) if len(names) == len(values):
            own = ", ".join(map(ast.unparse, names))
            yield from (f"{own} = {', '.join(map(ast.unparse, order))}" for order in _swapped(values))
        case ast.Assign([ast.Tuple(names)], ast.Call() as call):
            made = ast.unparse(call)
            yield from (f"{', '.join(map(ast.unparse, order))} = {made}" for order in _swapped(names))


def _swapped(several: Sequence[ast.expr]) -> Iterator[list[ast.expr]]:
    """Several in all orders in which two are in each other's place."""
    for i, j in combinations(range(len(several)), 2):
        swap = {i: j, j: i}
        yield [several[swap.get(k, k)] for k in range(len(several))]


def _where_written(statement: Statement) -> Iterator[tuple[ast.expr, _Within]]:
    """The parts of the index at which a call writes into an array: no number is multiplied there."""
    match statement:
        case ast.Expr(ast.Call(_, [_, index, _])):
            yield from ((place, within._replace(steps=True)) for place, within in _places(index))


def _written_otherwise(call: ast.expr, indices: Sequence[Sequence[str]]) -> Iterator[tuple[ast.expr, str]]:
    """What may stand in a call that writes into an array: what takes away for what adds, another index."""
    match call:
        case ast.Call(ast.Attribute(ast.Attribute(_, "add" | "subtract" as done), "at") as function, [_, index, _]):
            yield function, ast.unparse(function).replace(done, "subtract" if done == "add" else "add")
            others = (f"({other})" for other in _other_indices(index, indices))
            yield from ((index, other) for other in others if _dump(other, "eval"))  # a slice is none by itself


def _taken_otherwise(steps: ast.expr) -> Iterator[str]:
    """The steps of a loop in the other order, from the first one on."""
    match steps:
        case ast.Call(ast.Name("reversed"), [inner]):
            yield ast.unparse(inner)
            yield from (f"reversed({x})" for x in _taken_otherwise(inner) if not x.startswith("reversed"))
        case ast.Call(ast.Name("range"), [stop]):
            yield f"reversed({ast.unparse(steps)})"
            if isinstance(stop, ast.BinOp):
                yield f"range({ast.unparse(stop.left)})"
        case ast.Call(ast.Name("range"), [ast.Constant(1), stop]):
            yield f"range({ast.unparse(stop)})"


def _assigned_otherwise(statement: Statement, indices: Sequence[Sequence[str]]) -> Iterator[str]:
    """The statement with another way to assign: elsewhere; added to what is there, or not; also at an index twice."""
    targets = getattr(statement, "targets", None) or [getattr(statement, "target", None)]
    if isinstance(place := targets[0], ast.Subscript):
        rest = ast.unparse(statement).removeprefix(ast.unparse(place))
        yield from (f"{ast.unparse(place.value)}[{other}]{rest}" for other in _other_indices(place.slice, indices))
    match statement:
        case ast.Assign([target], value) if not isinstance(target, ast.Tuple) and not _occurs(target, value):
            yield f"{ast.unparse(target)} += {ast.unparse(value)}"
            if isinstance(target, ast.Subscript):
                yield f"{ast.unparse(target)} -= {ast.unparse(value)}"
            yield from _added_at(target, value)
        case ast.AugAssign(target, op, value):
            yield f"{ast.unparse(target)} = {ast.unparse(value)}"
            others = [sign for kind, sign in _SIGNS.items() if not isinstance(op, kind | ast.MatMult) and sign != "@"]
            yield from (f"{ast.unparse(target)} {sign}= {ast.unparse(value)}" for sign in others)
            if isinstance(op, ast.Add):
                yield from _added_at(target, value)


def _added_at(target: ast.expr, value: ast.expr) -> Iterator[str]:
    """What adds a value at an index once for each time that a place occurs in it, as in a slice none does twice."""
    if isinstance(target, ast.Subscript) and not any(isinstance(x, ast.Slice) for x in ast.walk(target.slice)):
        yield f"np.add.at({', '.join(map(ast.unparse, (target.value, target.slice, value)))})"


class _Within(NamedTuple):
    """Where an expression stands.

    Attributes:
        product: whether it is a factor of a product.
        divisor: whether something is divided by it.
        steps: whether it only decides something, as an argument of a comparison does: there another number may do by
            luck, and only another name, sign or operator is a reason.
    """

    product: bool = False
    divisor: bool = False
    steps: bool = False


def _places(value: ast.expr) -> Iterator[tuple[ast.expr, _Within]]:
    """The expressions that may be changed, no module, index or name of an argument; and where each stands."""
    stack = [(value, _Within())]
    while stack:
        node, within = stack.pop(0)
        if not isinstance(node, ast.Starred):  # which is no expression by itself
            yield node, within
        steps = within.steps or isinstance(node, ast.Compare) or (isinstance(node, ast.Call) and _decides(node.func))
        inner: list[ast.expr] = [x for x in ast.iter_child_nodes(node) if isinstance(x, ast.expr)]
        if isinstance(node, ast.Call):
            owner = node.func.value if isinstance(node.func, ast.Attribute) else None
            sized = owner is not None and is_module(owner) and node.func.attr in _SIZED  # type: ignore[attr-defined]
            inner = [*([owner] if owner is not None and not is_module(owner) else []), *node.args[int(sized) :]]
        elif isinstance(node, ast.Subscript):
            inner = [node.value]
        elif isinstance(node, ast.JoinedStr):  # a text is no number, and its parts have no places of their own
            inner = []
        product = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div)
        divides = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
        chooses = isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".where")
        for k, x in enumerate(inner):
            divisor = divides and k == 1
            stack.append((x, _Within(product and not divisor, divisor, steps or (chooses and not k))))


def _decides(function: ast.expr) -> bool:
    """Whether a function is not known to tell one number from each other: the user's own, or one with steps."""
    if not isinstance(function, ast.Attribute):
        return True
    return function.attr in _STEPS or not hasattr(np if is_module(function.value) else np.ndarray, function.attr)


def _instead(
    place: ast.expr, atoms: Sequence[str], within: _Within, whole: bool, unused: Container[str], two: bool
) -> Iterator[tuple[float, str]]:
    """What may stand in the place of an expression, with how large a change it is."""
    text = ast.unparse(place)
    own = held(place)
    yield from _other(place, text, atoms, within.divisor)
    if isinstance(place, ast.Constant) or within.steps:
        return
    for k, atom in enumerate(atoms):
        more = 0.01 * k - (_MEANT if atom in unused else 0.0)
        if not within.product:  # else the product that it is a factor of is changed
            yield from ((weight + more, f"{own} {factor.format(atom)}") for weight, factor in _FACTORS)
        yield (2.3 if whole else 2.9) + more, f"{own} + {atom}"
        if atom != text:  # else 0 is meant
            yield (2.4 if whole else 3.0) + more, f"{own} - {atom}"
        if whole and atom.isidentifier():
            yield 2.4 + more, f"{own}.reshape({atom}.shape)"
    if not within.product:
        product = text if isinstance(place, ast.BinOp) and isinstance(place.op, ast.Mult | ast.Div) else own
        yield 1.9, f"-{product}"
        yield from ((2.8 if two else 1.9, f"{factor}{product}") for factor in ("2 * ", "0.5 * "))
    yield 1.9, f"{own} ** 2"
    yield 2.0, f"{own} ** 3"
    yield 2.2, f"{own}.T"
    yield 2.3, f"1 / {own}"
    yield 2.3, f"1 - {own}"
    yield 2.4, f"{own} - 1"
    yield 2.4, f"np.sqrt({text})"
    for axis in _AXES:
        yield 2.0, f"{own}.sum(axis={axis})"
        yield 2.2, f"{own}.sum(axis={axis}, keepdims=True)"


def _other(place: ast.expr, text: str, atoms: Sequence[str], divisor: bool) -> Iterator[tuple[float, str]]:
    """What may stand in its place without it, by what it is."""
    match place:
        case ast.Attribute(inner, "T"):
            yield 1.0, ast.unparse(inner)
        case ast.Subscript(owner, ast.Constant(int()) | ast.UnaryOp()):
            yield 1.3, f"{ast.unparse(owner)}.sum(axis=0)"
            yield from ((1.0 + 0.01 * k, atom) for k, atom in enumerate(atoms) if atom != text)
        case ast.Name() | ast.Attribute() | ast.Subscript():
            if isinstance(place, ast.Subscript):
                yield from ((1.2, f"{ast.unparse(place.value)}[{other}]") for other in _shifted(place.slice))
            yield 1.6, f"({text} > 0)"
            yield from ((1.0 + 0.01 * k, atom) for k, atom in enumerate(atoms) if atom != text)
        case ast.Constant(int() | float() as number):
            yield from ((_of_another_number(other), other) for other in _NUMBERS if other != text)
            if divisor or abs(number) not in _OF_RULES:
                yield from ((1.2 + 0.02 * k, atom) for k, atom in enumerate(atoms))
        case ast.UnaryOp(ast.USub() | ast.Invert(), inner):
            yield 1.0, ast.unparse(inner)
        case ast.BinOp(ast.Constant(1) as one, ast.Sub(), right):
            yield 1.0, ast.unparse(right)
            yield from ((1.0, text) for text in _closed_before(place))
            if isinstance(right, ast.Name | ast.Attribute | ast.Subscript):  # as of a tanh
                yield 1.0, f"{ast.unparse(one)} - {ast.unparse(right)} ** 2"
            yield from ((1.1, text) for text in slopes_of_sigmoid(place))
            yield 1.2, f"{ast.unparse(one)} + ({ast.unparse(right)})"
            yield 1.3, f"({ast.unparse(right)}) - {ast.unparse(one)}"
        case ast.BinOp(left, op, right):
            yield from ((1.1, text) for text in slopes_of_tanh(place))
            yield from ((_MISSED, text) for text in _whole_slopes(place))
            if isinstance(op, ast.Mult) and (root := _root(place)):
                yield from ((1.2 + 0.01 * k, f"{atom} * {atom}") for k, atom in enumerate(atoms) if atom != root)
            if all(isinstance(side, ast.Name | ast.Attribute) for side in (left, right)):
                yield from ((1.6 + 0.01 * k, atom) for k, atom in enumerate(atoms))
            yield from _regrouped(left, op, right)
            yield from _operations(f"({ast.unparse(left)})", op, f"({ast.unparse(right)})")
        case ast.Compare(left, [op], [right]):
            turned = _TURNED.get(type(op), ())
            signs = [(1.1 - 0.1 * (kind in turned), x) for kind, x in _COMPARISONS.items() if not isinstance(op, kind)]
            yield from ((weight, f"({ast.unparse(left)}) {sign} ({ast.unparse(right)})") for weight, sign in signs)
            yield 1.3, ast.unparse(left)
        case ast.Call():
            yield from _calls(place)


def _closed_before(difference: ast.BinOp) -> Iterator[str]:
    """The slope of a tanh times what it is beside, where the parenthesis is closed too late.

    >>> [*_closed_before(ast.parse("1 - t * dt ** 2", mode="eval").body)]
    ['(1 - t ** 2) * dt']
    >>> [*_closed_before(ast.parse("1 - t ** 2 * dt", mode="eval").body)]
    ['(1 - t ** 2) * dt']
    """
    match difference:
        case ast.BinOp(one, _, ast.BinOp(x, ast.Mult(), ast.BinOp(factor, ast.Pow(), power))) | ast.BinOp(
            one, _, ast.BinOp(ast.BinOp(x, ast.Pow(), power), ast.Mult(), factor)
        ):
            yield f"({ast.unparse(one)} - {held(x)} ** {ast.unparse(power)}) * {held(factor)}"


def slopes_of_sigmoid(difference: ast.expr) -> Iterator[str]:
    """The slope of a sigmoid, by its value, where that of a tanh stands.

    >>> list(slopes_of_sigmoid(ast.parse("1 - s**2", mode="eval").body))
    ['s * (1 - s)']
    """
    match difference:
        case ast.BinOp(ast.Constant(1) as one, ast.Sub(), square) if root := _root(square):
            yield f"{root} * ({ast.unparse(one)} - {root})"


def slopes_of_tanh(product: ast.expr) -> Iterator[str]:
    """The slope of a tanh, by its value, where that of a sigmoid stands, perhaps as the last factors of a product.

    >>> list(slopes_of_tanh(ast.parse("dt * t * (1 - t)", mode="eval").body))
    ['dt * (1 - t ** 2)']
    """
    match product:
        case ast.BinOp(before, ast.Mult(), ast.BinOp(ast.Constant(1) as one, ast.Sub(), value)):
            slope = f"({ast.unparse(one)} - {ast.unparse(value)} ** 2)"
            match before:
                case _ if _alike(before, value):
                    yield slope[1:-1]
                case ast.BinOp(rest, ast.Mult(), x) if _alike(x, value):
                    yield f"{held(rest)} * {slope}"


def _whole_slopes(product: ast.expr) -> Iterator[str]:
    """The slope of a sigmoid, by its value, where one of its two factors stands.

    >>> list(_whole_slopes(ast.parse("ds * (1 - s)", mode="eval").body))
    ['ds * s * (1 - s)']
    """
    match product:
        case ast.BinOp(before, ast.Mult(), ast.BinOp(ast.Constant(1), ast.Sub(), ast.Name() as value) as rest):
            if not _occurs(value, before):
                yield f"{held(before)} * {value.id} * ({ast.unparse(rest)})"


def _root(square: ast.expr) -> str:
    """Of what something is the square: a name, an attribute or an item; "" for anything else."""
    match square:
        case ast.BinOp(x, ast.Pow(), ast.Constant(2)):
            root = x
        case ast.BinOp(x, ast.Mult(), y) if _alike(x, y):
            root = x
        case _:
            return ""
    return ast.unparse(root) if isinstance(root, ast.Name | ast.Attribute | ast.Subscript) else ""


def _alike(one: ast.expr, other: ast.expr) -> bool:
    return ast.unparse(one) == ast.unparse(other)


def _of_another_number(text: str) -> float:
    """How large a change it is to another number: before a negative one another operator is meant."""
    return 1.25 if text[0] == "-" else 1.15 if text == "1" else 1.0


def parts_of(index: ast.expr) -> tuple[str, ...]:
    """What an index has for each axis; () for a number and a key."""
    parts = index.elts if isinstance(index, ast.Tuple) else [] if isinstance(index, ast.Constant) else [index]
    return tuple(map(ast.unparse, parts))


def _other_indices(index: ast.expr, indices: Sequence[Sequence[str]]) -> list[str]:
    """An index with two parts, or two names that it has as often, in each other's place; one that stands elsewhere."""
    parts = parts_of(index)
    text, found = ", ".join(parts), []
    for i, j in combinations(range(len(parts)), 2):
        turned = [*parts]
        turned[i], turned[j] = parts[j], parts[i]
        found.append(", ".join(turned))
    count = Counter(x.id for x in ast.walk(index) if isinstance(x, ast.Name))
    for one, other in combinations(count, 2) if len(parts) > 1 else ():
        if count[one] == count[other]:
            swap = {one: other, other: one}
            found.append("".join(swap.get(word, word) for word in re.split(r"\b", text)))
    length = 1 if isinstance(getattr(index, "value", None), int) else len(parts)
    found += [", ".join(others) for others in indices if others and len(others) == length]
    if length == 1 and isinstance(index, ast.Name | ast.Subscript):  # of which others have one on each axis
        found += [x for others in indices for x in others if _PLACE.fullmatch(x)]
    return [x for x in dict.fromkeys(found) if x != text]


def _shifted(index: ast.expr) -> Iterator[str]:
    """An index with a step or an end one further on, or one further back, or the other end of an array."""
    several = index.elts if isinstance(index, ast.Tuple) else [index]
    for k, one in enumerate(several):
        match one:
            case ast.Name(name):
                others = [f"{name} - 1", f"{name} + 1"]
            case ast.BinOp(ast.Name(name), ast.Add() | ast.Sub(), ast.Constant(1)):
                others = [name]
            case ast.Slice(None, ast.UnaryOp(ast.USub(), ast.Constant(int() as n)), None):
                others = [f"{n}:"]
            case ast.Slice(ast.Constant(int() as n), None, None):
                others = [f":-{n}"]
            case ast.Slice(None, ast.Name(name), None):
                others = [f"{name}:", f"-{name}:"]
            case ast.Slice(ast.Name(name) | ast.UnaryOp(ast.USub(), ast.Name(name)), None, None):
                others = [f":{name}"]
            case _:
                continue
        for other in others:
            yield ", ".join(other if j == k else ast.unparse(x) for j, x in enumerate(several))


def _regrouped(left: ast.expr, op: ast.operator, right: ast.expr) -> Iterator[tuple[float, str]]:
    """A sum of which all is multiplied where only one term was, and the other way round."""
    for some, factor in ((left, right), (right, left)) if isinstance(op, ast.Mult) else ():
        match some:
            case ast.BinOp(one, ast.Add(), other):
                a, b, c = (f"({ast.unparse(x)})" for x in (one, other, factor))
                yield 1.1, f"{a} + {b} * {c}"
                yield 1.1, f"{a} * {c} + {b}"
    for term, product in ((left, right), (right, left)) if isinstance(op, ast.Add) else ():
        match product:
            case ast.BinOp(one, ast.Mult(), other):
                a, b, c = (f"({ast.unparse(x)})" for x in (term, one, other))
                yield 1.1, f"({a} + {b}) * {c}"
                yield 1.15, f"({a} + {c}) * {b}"


def _operations(left: str, op: ast.operator, right: str) -> Iterator[tuple[float, str]]:
    """Another operator, one side alone, the sides exchanged or transposed."""
    yield from ((1.2, f"{left} {other} {right}") for other in _OPERATORS.get(type(op), ()))
    if not isinstance(op, ast.MatMult):
        yield 0.84, left  # before any other change: a factor in its place may be 1, or a mask that is there already
    if isinstance(op, ast.Mult | ast.Add):
        yield 0.84, right
    if isinstance(op, ast.Sub | ast.Div):
        yield 1.2, f"{right} {_SIGNS[type(op)]} {left}"
    if isinstance(op, ast.MatMult):
        turned, other = _turned(left), _turned(right)
        yield from ((1.0, text) for text in (f"{turned} @ {right}", f"{left} @ {other}", f"{right} @ {left}"))
        yield 1.1, f"{other} @ {turned}"
        yield from ((1.2, text) for text in (f"{other} @ {left}", f"{right} @ {turned}"))
        yield from ((1.3, text) for text in (f"{_stack(left)} @ {right}", f"{left} @ {_stack(right)}"))


def _stack(side: str) -> str:
    """A side of a product of stacks of matrices with each of these transposed."""
    return f"{side}.swapaxes(-1, -2)"


def _turned(side: str) -> str:
    """A side of a product transposed."""
    match _read(side):
        case ast.Attribute(inner, "T"):
            return f"({ast.unparse(inner)})"
    return f"{side}.T"


def _calls(place: ast.Call) -> Iterator[tuple[float, str]]:
    """Another function, its argument alone, other axes, the sides of a product exchanged or transposed."""
    function = place.func
    if not isinstance(function, ast.Attribute):
        return
    called, arguments = function.attr, [ast.unparse(x) for x in place.args]
    owner = held(function.value)
    module = is_module(function.value)
    own, rest = (arguments[:1], arguments[1:]) if module else ([owner], arguments)
    keywords = {keyword.arg or "": ast.unparse(keyword.value) for keyword in place.keywords}
    axis = keywords.pop("axis", rest[0] if rest else None)
    keep = keywords.pop("keepdims", None)

    def again(name: str, axis: str | None, keep: str | None) -> str:
        given = {"axis": axis, "keepdims": keep, **keywords}
        said = [*own[: 1 if module else 0], *(f"{key}={x}" for key, x in given.items() if x is not None)]
        return f"{owner}.{name}({', '.join(said)})"

    if called == "where" and module and len(arguments) == 3:
        condition, one, other = arguments
        yield 0.9, f"{owner}.where({condition}, {other}, {one})"
    if called in _FUNCTIONS:
        yield 1.0, ast.unparse(ast.Call(ast.Attribute(function.value, _FUNCTIONS[called]), place.args, place.keywords))
    if own and called not in ("dot", "matmul"):
        yield 1.3, own[0]
    if called == "reshape" and not module:
        orders = [f"({', '.join(map(str, order))})" for order in _ORDERS]
        yield from ((2.2, f"{owner}.transpose{order}.reshape({', '.join(arguments)})") for order in orders)
    if called == "transpose" and not module and rest:
        orders = [f"({', '.join(map(str, order))})" for order in permutations(range(len(rest)))]
        yield from ((1.3, f"{owner}.transpose{order}") for order in orders if len(rest) <= 4)
    if called in ("dot", "matmul") and own and rest:
        yield from _operations(f"({own[0]})", ast.MatMult(), f"({rest[0]})")
        yield 1.4, f"({own[0]}) * ({rest[0]})"
    if called in ALONG and not rest[ALONG[called] - 1 :]:  # else it is a number that is changed
        single = (x for x in _AXES if x[0] != "(" and x != axis_of(place))
        yield from ((1.0, ast.unparse(_with_axis(place, x))) for x in single)
    if called in ("sum", "mean", "max", "min"):
        others = dict.fromkeys([*_AXES, *_one_axis_more(axis)])
        yield from ((1.0, again(called, other, keep)) for other in others if other != axis)
        yield 1.0, again(called, axis, None if keep else "True")
        if axis is not None:
            yield 1.2, again(called, None, None)


def axis_of(call: ast.Call) -> str | None:
    """The axis that a function goes along, as it is written by its name; None where it is not."""
    return next((ast.unparse(keyword.value) for keyword in call.keywords if keyword.arg == "axis"), None)


def _with_axis(call: ast.Call, axis: str) -> ast.Call:
    """A call along another axis."""
    others = [keyword for keyword in call.keywords if keyword.arg != "axis"]
    return ast.Call(call.func, call.args, [*others, ast.keyword("axis", _read(axis))])


def _one_axis_more(axis: str | None) -> Iterator[str]:
    """Several axes, as they are written, and another one.

    >>> [*_one_axis_more("(3, 4)")]
    ['(0, 3, 4)', '(1, 3, 4)', '(2, 3, 4)']
    """
    if axis is not None and re.fullmatch(r"\((\d, )+\d\)", axis):
        several = {int(x) for x in re.findall(r"\d", axis)}
        yield from (str(tuple(sorted({k, *several}))) for k in range(max(several)) if k not in several)


def held(expression: ast.expr) -> str:
    """An expression as it is written before a point or beside an operator."""
    text = ast.unparse(expression)
    return text if isinstance(expression, ast.Name | ast.Attribute | ast.Call | ast.Subscript) else f"({text})"


def _occurs(x: ast.expr, within: ast.expr) -> bool:
    """Whether an expression is part of another."""
    text = ast.unparse(x)
    return any(isinstance(y, ast.expr) and ast.unparse(y) == text for y in ast.walk(within))


def is_module(owner: ast.expr) -> bool:
    """Whether an expression is NumPy, not an array."""
    return isinstance(owner, ast.Name) and owner.id in _MODULES


def _read(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _dump(text: str, mode: str) -> str:
    try:
        tree = ast.parse(text, mode=mode)
    except SyntaxError:
        return ""
    return ast.dump(tree.body[0] if mode == "exec" else tree.body)  # type: ignore[attr-defined]


def _spelled(place: ast.expr, instead: str, own: str) -> str:
    """The new expression without needless parentheses, in which the old one is spelled as it was."""
    bare, inner, due = ast.unparse(_read(instead)), ast.unparse(place), _dump(instead, "eval")
    for old, new in ((f"({inner})", f"({own})"), (inner, own)):
        if bare.count(old) == 1 and _dump(bare.replace(old, new), "eval") == due:
            return bare.replace(old, new)
    return _respelled(bare, f"({own})", "eval")


def _respelled(made: str, own: str, mode: str) -> str:
    """The same code in which each part of the old one that it still has once is spelled as it was."""
    due, tree = _dump(made, mode), ast.parse(own, mode=mode)
    for x in ast.walk(tree):
        old, new = (ast.unparse(x), ast.get_source_segment(own, x)) if isinstance(x, ast.expr) else ("", "")
        if new and old != new and made.count(old) == 1 and _dump(made.replace(old, new), mode) == due:
            made = made.replace(old, new)
    return made


def _span(node: ast.AST, lines: list[bytes]) -> tuple[int, int]:
    """Where a node begins and ends in the bytes of a source."""
    ends = ((node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset))  # type: ignore[attr-defined]
    begin, end = (sum(map(len, lines[: line - 1])) + column for line, column in ends)
    return begin, end
