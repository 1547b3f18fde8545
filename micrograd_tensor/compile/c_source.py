"""C source: the Python text of a kernel in C.

Loops are vectorized where ``#pragma omp simd`` allows it, together with what is added up in them; the order of all else
is that of the text. No header is included, so that no name of an array meets a macro.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf
from typing import Any, TypeAlias

import numpy as np

from .scalars import scalars

Arrays: TypeAlias = Sequence[tuple[np.dtype[Any], int, bool]]
"""Of each array its dtype, its number of axes, and whether it is only read."""

_SAME = "exp expm1 log log1p log2 log10 sin cos tan tanh sinh cosh sqrt erf erfc floor ceil trunc"
_LIBRARY = {name: name for name in _SAME.split()}
_LIBRARY |= {f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")}
_LIBRARY |= {"absolute": "fabs", "abs": "fabs", "power": "pow"}
"""What C calls NumPy's functions."""
_HELPERS = ("maximum", "minimum", "sign", "isfinite", "half_power")
_KEYWORDS = """auto break case char const continue default do double else enum extern float for goto if inline int long
register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while"""
_RESERVED = {"min", *_KEYWORDS.split(), *_LIBRARY.values(), *(f"{name}f" for name in _LIBRARY.values())}
"""Names that mean something in C; that of an array gets an underscore then."""

_WHOLE = ["_Bool", "signed char", "short", "int", "long", "long long"]
_UNSIGNED = [f"unsigned {name}" for name in ("char", "short", "int", "long", "long long")]
TYPES = dict(zip("?bhilqBHILQfd", [*_WHOLE, *_UNSIGNED, "float", "double"], strict=True))
"""What C calls NumPy's dtypes, by their characters."""

_SIGNS: Mapping[type[ast.AST], tuple[str, int]] = {
    ast.Or: ("||", 2), ast.And: ("&&", 3), ast.Eq: ("==", 4), ast.NotEq: ("!=", 4),
    ast.Lt: ("<", 4), ast.LtE: ("<=", 4), ast.Gt: (">", 4), ast.GtE: (">=", 4),
    ast.Add: ("+", 5), ast.Sub: ("-", 5), ast.Mult: ("*", 6), ast.Div: ("/", 6), ast.FloorDiv: ("/", 6),
}  # fmt: skip
"""How operators are written, and how closely they bind: more closely than a choice, less so than a sign."""
_CHOICE, _SIGN, _NAME = 1, 7, 8

_WIDE = ("0.0", "1.0", "-np.inf", "np.inf")
"""What a sum of chunks begins with, which is wide."""


class Translated:
    """A function in C, line by line.

    Args:
        text: in Python.
        kind: the dtype that it computes with.
        arrays: that it takes, beside the constants; if there are none, it is a function of scalars.

    Attributes:
        name: of the function.
        given: what it takes, by the names in Python.
        body: the lines.
        lengths: the names of lengths, each with the number of an array and an axis.
        rows: for each row that it needs its dtype, and its lengths.
    """

    def __init__(self, text: str, kind: np.dtype[Any], arrays: Arrays = ()) -> None:
        self._kind, self._real, self._suffix = kind, TYPES[kind.char], "f" if kind.itemsize == 4 else ""
        self._tree = ast.parse(text).body[0]
        match self._tree:
            case ast.FunctionDef(name=name, args=args, body=body):
                self.name, self.given = name, [arg.arg for arg in args.args]
            case _:
                raise NotImplementedError(f"in C: {text:.60}")
        self._names = _renamed({*self.given, *(node.id for node in ast.walk(self._tree) if isinstance(node, ast.Name))})
        self._changed = {name for node in ast.walk(self._tree) for name in _changed(node)}
        self._whole: set[str] = set()
        self._over: dict[str, str] = {}
        dtypes = [dtype for dtype, _, _ in arrays] + [np.dtype(float)]
        self._dtypes = dict(zip(self.given, dtypes, strict=True)) if arrays else {}
        self.lengths: dict[str, tuple[int, int]] = {}
        self.rows: dict[str, tuple[np.dtype[Any], list[str]]] = {}
        self.body = [*self._block(body, 1, set())]

    def called(self, name: str) -> str:
        """What a name is in C."""
        return self._names.get(name, name)

    def axes(self, number: int, ndim: int) -> list[str]:
        """The names of the lengths of an array: after the loops over its axes, or else after itself."""
        found = [f"n{axis}_of_{number}" for axis in range(ndim)]
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Subscript) and ast.unparse(node.value) == self.given[number]:
                loops = [self._over.get(ast.unparse(place)) for place in _places(node)]
                found = [n or other for n, other in zip(loops, found, strict=True)]
        for axis, n in enumerate(found):
            self.lengths.setdefault(n, (number, axis))
        return found

    # ------------------------------------------------------------------------------------------------ expressions

    def _text(self, node: ast.expr, least: int = 0) -> str:
        """An expression, in parentheses where it binds less closely than it should."""
        text, closeness = self._bound(node)
        return text if closeness >= least else f"({text})"

    def _bound(self, node: ast.expr) -> tuple[str, int]:
        match node:
            case ast.Constant(value=int() | float() as number):
                return repr(number + 0), _NAME
            case ast.Name(id=name):
                return self.called(name), _NAME
            case ast.Attribute(attr="inf"):
                return "__builtin_inf()", _NAME
            case ast.UnaryOp(op=ast.USub() | ast.Not() as op, operand=x):
                return f"{'-' if isinstance(op, ast.USub) else '!'}{self._text(x, _NAME)}", _SIGN
            case ast.BinOp(left=a, op=op, right=b) if type(op) in _SIGNS:
                sign, closeness = _SIGNS[type(op)]
                return f"{self._text(a, closeness)} {sign} {self._text(b, closeness + 1)}", closeness
            case ast.BoolOp(op=op, values=several):
                sign, closeness = _SIGNS[type(op)]
                return f" {sign} ".join(self._text(x, closeness + 1) for x in several), closeness
            case ast.Compare(left=a, ops=[op], comparators=[b]):
                sign, closeness = _SIGNS[type(op)]
                whole = self._is_whole(a) and self._is_whole(b)
                return f"{self._side(a, whole)} {sign} {self._side(b, whole)}", closeness
            case ast.IfExp(test=test, body=a, orelse=b):
                return " ".join(self._text(x, 2) + sign for x, sign in ((test, " ?"), (a, " :"), (b, ""))), _CHOICE
            case ast.Subscript(value=ast.Name(id=name)):
                return self.called(name) + ("".join(f"[{self._text(x)}]" for x in _places(node)) or "[0]"), _NAME
            case ast.Call(func=called, args=args):
                return self._call(ast.unparse(called).removeprefix("np."), args)
        raise NotImplementedError(f"in C: {ast.unparse(node)}")

    def _side(self, node: ast.expr, whole: bool) -> str:
        """A side of a comparison: beside unsigned numbers C would take −1 for a large one, and beside floats round."""
        text = self._text(node, 5)
        if not whole:
            return f"(double)({text})" if self._is_whole(node) else text
        return f"(long long){text}" if isinstance(node, ast.Subscript) else text

    def _is_whole(self, node: ast.expr) -> bool:
        match node:
            case ast.Constant(value=value):
                return isinstance(value, int)
            case ast.Name(id=name):
                return name in self._whole
            case ast.Subscript(value=ast.Name(id=name)):
                return name in self._dtypes and self._dtypes[name].kind in "iub"
            case ast.UnaryOp(operand=x):
                return self._is_whole(x)
            case ast.BinOp(left=a, right=b) | ast.IfExp(body=a, orelse=b):
                return self._is_whole(a) and self._is_whole(b)
            case ast.Call(func=ast.Name(id="min"), args=args):
                return all(map(self._is_whole, args))
        return False

    def _call(self, name: str, args: Sequence[ast.expr]) -> tuple[str, int]:
        if name == "F":
            return self._cast(args[0])
        if name in ("min", "max") and not all(map(self._is_whole, args)):
            a, b = (self._text(x, 5) for x in args)
            return f"{b} {'<' if name == 'min' else '>'} {a} ? {b} : {a}", _CHOICE
        if name in _HELPERS or name in scalars(self._kind).texts:
            name = f"mt_{name}"
        elif name in _LIBRARY:
            name = _LIBRARY[name] + self._suffix
        elif name != "min":
            raise NotImplementedError(f"in C: {name}")
        return f"{name}({', '.join(map(self._text, args))})", _NAME

    def _cast(self, node: ast.expr) -> tuple[str, int]:
        if isinstance(node, ast.Constant):
            return number(self._kind.type(node.value)), _NAME
        narrow = isinstance(node, ast.Subscript) and self._dtypes[ast.unparse(node.value)] != self._kind
        if self._kind.itemsize == 8 and not narrow and not self._is_whole(node):
            return self._bound(node)
        return f"({self._real}){self._text(node, _SIGN)}", _SIGN

    # ------------------------------------------------------------------------------------------------- statements

    def _block(self, statements: Sequence[ast.stmt], depth: int, known: set[str]) -> Iterator[str]:
        """The lines of statements; what is known are the variables that are declared around them."""
        tab, here = "    " * depth, set[str]()
        stored = Counter(name for one in statements if isinstance(one, ast.Assign) for name in _names(one.targets))
        for one in statements:
            match one:
                case ast.For(target=ast.Name(id=i), iter=ast.Call(args=[length]), body=body):
                    self._index(i, length)
                    yield from (tab + line for line in self._vectorized(body, i, known | here))
                    yield f"{tab}for (long {i} = 0; {i} < {self._text(length, 5)}; {i}++) {{"
                    yield from self._block(body, depth + 1, known | here)
                    yield f"{tab}}}"
                case ast.Assign(targets=[ast.Name(id=n)], value=ast.Subscript(value=ast.Attribute() as of, slice=axis)):
                    self.lengths[n] = self.given.index(ast.unparse(of.value)), int(ast.unparse(axis))
                    self._whole.add(n)
                case ast.Assign(
                    targets=[ast.Name(id=row)],
                    value=ast.Call(func=ast.Attribute(attr="empty"), args=[ast.Tuple(elts=lengths), kind]),
                ):
                    self._dtypes[row] = self._kind if ast.unparse(kind) == "F" else np.dtype(float)
                    self.rows[row] = self._dtypes[row], [*map(ast.unparse, lengths)]
                case ast.Assign(targets=[ast.Tuple(elts=[ast.Name(id=a), ast.Name(id=b)])], value=value):
                    yield f"{tab}{self._real} {b};"
                    yield f"{tab}const {self._real} {a} = {self._text(value)[:-1]}, &{b});"
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if name not in here | known & _names([value]):
                    here.add(name)
                    const = "const " if stored[name] == 1 and name not in self._changed else ""
                    yield f"{tab}{const}{self._type(name, value)} {self.called(name)} = {self._text(value)};"
                case ast.Assign(targets=[target], value=value):
                    yield f"{tab}{self._text(target)} = {self._text(value)};"
                case ast.AugAssign(target=target, op=op, value=value):
                    yield f"{tab}{self._text(target)} {_SIGNS[type(op)][0]}= {self._text(value)};"
                case ast.Return(value=ast.Tuple(elts=[a, b])):
                    yield f"{tab}*second = {self._text(b)};"
                    yield f"{tab}return {self._text(a)};"
                case ast.Return(value=ast.expr() as value):
                    yield f"{tab}return {self._text(value)};"
                case _:
                    raise NotImplementedError(f"in C: {ast.unparse(one)}")

    def _index(self, name: str, value: ast.expr) -> None:
        """Keep what a whole number is, and of which length, if it counts the places of an axis."""
        self._whole.add(name)
        for other in _names([value]):
            if other in self.lengths or other in self._over:
                self._over[name] = self._over.get(other, other)

    def _type(self, name: str, value: ast.expr) -> str:
        if self._is_whole(value):
            self._index(name, value)
            return "long"
        return "double" if ast.unparse(value) in _WIDE else self._real

    def _vectorized(self, body: Sequence[ast.stmt], i: str, known: set[str]) -> Iterator[str]:
        """The line that lets a loop be vectorized, where its turns depend on one another by sums and extremes alone."""
        found, indices = dict[str, list[str]](), {i}
        for one in body:
            match one:
                case ast.Assign(targets=[ast.Subscript() as target]) | ast.AugAssign(target=ast.Subscript() as target):
                    if not indices & _names(_places(target)):
                        return
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if name not in known & _names([value]):
                    if _names([value]) <= self._whole and indices & _names([value]):
                        indices.add(name)  # of an element, counted from the beginning of the chunk
                case ast.AugAssign(target=ast.Name(id=name), op=ast.Add() | ast.Mult() as op):
                    found.setdefault(_SIGNS[type(op)][0], []).append(self.called(name))
                case ast.Assign(
                    targets=[ast.Name(id=name)], value=ast.Call(func=ast.Name(id="maximum" | "minimum" as f))
                ):
                    found.setdefault(f, []).append(self.called(name))
                case _:
                    return
        yield "#pragma omp simd" + "".join(f" reduction({how}: {', '.join(names)})" for how, names in found.items())


def number(x: Any) -> str:
    """A number of NumPy's in C."""
    suffix = "f" if x.itemsize == 4 else ""
    return f"__builtin_inf{suffix}()" if x == inf else f"{x!s}{suffix}"


def scalar_functions(kind: np.dtype[Any]) -> Iterator[str]:
    """What kernels call, beside the C library, which comes first."""
    real, info, suffix = TYPES[kind.char], np.finfo(kind), "f" if kind.itemsize == 4 else ""
    whole = f"unsigned {'int' if suffix else 'long long'}"
    for name in dict.fromkeys(_LIBRARY.values()):
        yield f"{real} {name}{suffix}({real}{f', {real}' if name == 'pow' else ''});"
    yield "static inline long min(long a, long b) { return a < b ? a : b; }"
    for name, sign, first in (("maximum", ">", "-"), ("minimum", "<", "")):
        yield f"static inline {real} mt_{name}({real} a, {real} b) {{ return a {sign} b || a != a ? a : b; }}"
        reduced = f"omp_out = mt_{name}(omp_out, omp_in)) initializer(omp_priv = {first}__builtin_inf())"
        yield f"#pragma omp declare reduction({name}: {real}: {reduced}"
    yield f"static inline {real} mt_sign({real} x) {{ return x > 0 ? 1 : x < 0 ? -1 : x; }}"
    yield f"static inline _Bool mt_isfinite({real} x) {{ return x - x == 0; }}"
    yield f"static inline {real} mt_half_power({real} x) {{"
    yield f"    union {{ {real} x; {whole} n; }} y = {{x}};"
    yield f"    y.n = (y.n << {info.nmant}) + (({whole}){2 ** (info.nexp - 1) - 2} << {info.nmant});"
    yield "    return y.x;"
    yield "}"
    for name, x in scalars(kind).constants.items():
        yield f"static const {real} {name} = {number(x)};"
    for text in scalars(kind).texts.values():
        made = Translated(text, kind)
        given = [f"{real} {name}" for name in made.given]
        given += [f"{real} *restrict second"] if any("*second" in line for line in made.body) else []
        yield f"static inline {real} mt_{made.name}({', '.join(given)}) {{"
        yield from made.body
        yield "}"


def _renamed(names: set[str]) -> dict[str, str]:
    """Other names for those that mean something in C."""
    found: dict[str, str] = {}
    for name in sorted(name for name in names if name in _RESERVED or name.startswith("mt_")):
        found[name] = f"{name}_"
        while found[name] in names:
            found[name] += "_"
    return found


def _changed(node: ast.AST) -> set[str]:
    """The variables that a statement gives another value than they had."""
    targets = [node.target] if isinstance(node, ast.AugAssign) else node.targets if isinstance(node, ast.Assign) else []
    read = [node.value] if isinstance(node, ast.Assign) else targets
    return _names(t for t in targets if isinstance(t, ast.Name)) & _names(read)


def _places(node: ast.Subscript) -> Sequence[ast.expr]:
    """The indices of an element."""
    return node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]


def _names(nodes: Iterable[ast.expr]) -> set[str]:
    return {x.id for node in nodes for x in ast.walk(node) if isinstance(x, ast.Name)}
