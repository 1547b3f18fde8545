"""Assembly: a kernel's Python text as LLVM's assembly language, so that LLVM alone has to compile it.

The text is of the few kinds of statements that `kernel_source` prints: loops over ranges, numbers, elements of arrays,
and rows of numbers. A number has the dtype that NumPy's promotion gives it, a variable that of its first value. The
functions in `scalars` are written out where they are called. What is not read here is left to Numba.
"""

from __future__ import annotations

import ast
import struct
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from .scalars import FLAGS, scalars

INT, DOUBLE, TRUTH = (np.dtype(name) for name in ("int64", "float64", "bool"))

FAST = frozenset({"reassoc", "contract", "nsz"})
"""What may be assumed of floating-point numbers: sums in any order, and −0 for 0; nothing about NaN and infinities."""

ALIGNED = 64
"""The bytes at whose multiples rows begin: as many as a vector may have."""

_TYPES = {np.dtype(f"{sign}int{bits}"): f"i{bits}" for bits in (8, 16, 32, 64) for sign in ("", "u")}
_TYPES |= {np.dtype(np.float32): "float", DOUBLE: "double", TRUTH: "i1"}
_ARITHMETIC = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.FloorDiv: "div"}
_RELATIONS = {ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne"}
_INTRINSIC = {"sqrt": "sqrt", "abs": "fabs", "absolute": "fabs", "floor": "floor", "ceil": "ceil", "trunc": "trunc"}
_INTRINSIC |= {"maximum": "maximum", "minimum": "minimum"}
LIBRARY = {name: name for name in ("log", "log1p", "log2", "log10", "sin", "cos", "tan", "sinh", "cosh", "erf", "erfc")}
LIBRARY |= {f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")} | {"power": "pow"}
"""Functions of the C library's by the names that kernels give them."""


class UnreadError(Exception):
    """Something in the text of a kernel that is not read here."""


class _Value(NamedTuple):
    kind: np.dtype[Any]
    text: str


class _Array(NamedTuple):
    kind: np.dtype[Any]
    pointer: str
    lengths: Sequence[str]
    align: int


class _Variable(NamedTuple):
    kind: np.dtype[Any]
    pointer: str


def assembly(text: str, kind: np.dtype[Any], arrays: Sequence[tuple[np.dtype[Any], int, bool]]) -> str:
    """The module that LLVM compiles; its function ``entry`` is what Python calls, with arrays, the last the constants.

    Args:
        text: the source of the kernel.
        kind: the dtype that ``F`` stands for.
        arrays: of each array its dtype, its number of axes, and whether it is only read.

    Raises:
        UnreadError: for what is not read here.
    """
    return _Kernel(text, kind, [*arrays, (DOUBLE, 1, True)]).module()


class _Kernel:
    """The function of a text, line by line."""

    def __init__(self, text: str, kind: np.dtype[Any], arrays: Sequence[tuple[np.dtype[Any], int, bool]]) -> None:
        self._kind, self._arrays, self._scalars = kind, arrays, scalars(kind)
        self._start, self._lines = list[str](), list[str]()  # what is kept in memory is said first
        self._count, self._block, self._flags = 0, "start", _flags(FAST)
        self._declared: dict[str, str] = {}
        self._rows: list[str] = []
        self._unchecked: list[str] = []
        kernel = _definition(text)
        self._names: dict[str, Any] = {}
        params = []
        for k, (arg, (dtype, ndim, readonly)) in enumerate(zip(kernel.args.args, arrays, strict=True)):
            lengths = [f"%a{k}.{axis}" for axis in range(ndim)]
            self._names[arg.arg] = _Array(dtype, f"%a{k}", lengths, 1)
            params += [f"ptr noalias {'readonly ' * readonly}%a{k}", *(f"i64 {n}" for n in lengths)]
        self._params = ", ".join(params)
        for statement in kernel.body:
            self._statement(statement)

    def module(self) -> str:
        body = ["start:", *self._start, *self._lines]
        kernel = f"define internal i64 @kernel({self._params}) noinline nounwind {{\n" + "\n".join(body) + "\n}"
        return "\n".join([*self._declared.values(), kernel, _entry(self._arrays)])

    # ------------------------------------------------------------------------------------------------- instructions

    def _new(self) -> str:
        self._count += 1
        return f"%v{self._count}"

    def _put(self, line: str) -> None:
        self._lines.append(f"  {line}")

    def _made(self, kind: np.dtype[Any], instruction: str) -> _Value:
        name = self._new()
        self._put(f"{name} = {instruction}")
        return _Value(kind, name)

    def _label(self, name: str) -> None:
        self._lines.append(f"{name}:")
        self._block = name

    def _call(self, name: str, kind: np.dtype[Any], args: Sequence[_Value]) -> _Value:
        """What a function of numbers of one dtype gives."""
        type_ = _TYPES[kind]
        pure = "nounwind willreturn memory(none)"
        self._declared[name] = f"declare {type_} @{name}({', '.join([type_] * len(args))}) {pure}"
        given = ", ".join(f"{type_} {a.text}" for a in args)
        return self._made(kind, f"call {self._flags} {type_} @{name}({given})")

    def _as(self, value: _Value, kind: np.dtype[Any]) -> _Value:
        """A value as one of another dtype."""
        have = value.kind
        if have == kind:
            return value
        if have.kind == "f":
            if kind.kind != "f":
                raise UnreadError(f"{have} as {kind}")
            if not value.text.startswith("%"):
                return _number(kind, _read(value.text))
            how = "fpext" if kind.itemsize > have.itemsize else "fptrunc"
        elif kind.kind == "f":
            how = "sitofp" if have.kind == "i" else "uitofp"
        elif kind.kind == "b":
            raise UnreadError(f"{have} as {kind}")
        else:
            how = "trunc" if kind.itemsize < have.itemsize else "sext" if have.kind == "i" else "zext"
            if have.kind != "b" and kind.itemsize == have.itemsize:
                return _Value(kind, value.text)
        return self._made(kind, f"{how} {_TYPES[have]} {value.text} to {_TYPES[kind]}")

    def _alike(self, *values: _Value) -> tuple[np.dtype[Any], list[_Value]]:
        """Values as ones of a dtype that holds all of them: that of NumPy for arrays, of Python for whole numbers."""
        kind = values[0].kind
        for value in values[1:]:
            if value.kind != kind:
                kind = np.promote_types(kind, value.kind)
                kind = DOUBLE if kind.kind == "f" and "f" not in (values[0].kind.kind, value.kind.kind) else kind
        if kind not in _TYPES:
            raise UnreadError(str(kind))
        return kind, [self._as(value, kind) for value in values]

    # --------------------------------------------------------------------------------------------------- statements

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=func, args=[ast.Tuple(elts=shape), kind])):
                if ast.unparse(func) == "np.empty":
                    self._row(name, shape, self._dtype(kind))
                    return
        self._check_rows()
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            self._assign(node.targets[0], self._value(node.value))
        elif isinstance(node, ast.AugAssign):
            self._assign(node.target, self._arithmetic(node.op, self._value(node.target), self._value(node.value)))
        elif isinstance(node, ast.For) and isinstance(node.target, ast.Name):
            match node.iter:
                case ast.Call(func=ast.Name(id="range"), args=[end]):
                    self._for(node.target.id, self._as(self._value(end), INT).text, node.body)
                case _:
                    raise UnreadError(ast.unparse(node))
        elif isinstance(node, ast.Return) and node.value is not None:
            truth = self._made(INT, f"zext i1 {self._truth(node.value).text} to i64")
            self._freed()
            self._put(f"ret i64 {truth.text}")
        else:
            raise UnreadError(ast.unparse(node))

    def _assign(self, target: ast.expr, value: _Value) -> None:
        if isinstance(target, ast.Subscript):
            array, pointer = self._element(target)
            stored = self._as(value, array.kind)
            if array.kind == TRUTH:
                self._put(f"store i8 {self._made(TRUTH, f'zext i1 {stored.text} to i8').text}, ptr {pointer}")
            else:
                self._put(f"store {_TYPES[array.kind]} {stored.text}, ptr {pointer}, align {array.align}")
            return
        if not isinstance(target, ast.Name):
            raise UnreadError(ast.unparse(target))
        if not isinstance(variable := self._names.get(target.id), _Variable):
            self._names[target.id] = variable = _Variable(value.kind, self._new())
            self._start.append(f"  {variable.pointer} = alloca {_TYPES[value.kind]}")
        if np.promote_types(variable.kind, value.kind) != variable.kind:
            raise UnreadError(f"{target.id} of {variable.kind} and {value.kind}")
        self._put(f"store {_TYPES[variable.kind]} {self._as(value, variable.kind).text}, ptr {variable.pointer}")

    def _row(self, name: str, shape: Sequence[ast.expr], dtype: np.dtype[Any]) -> None:
        """An array of the kernel's own."""
        lengths = [self._value(n).text for n in shape]
        size = _Value(INT, str(dtype.itemsize))
        for n in lengths:
            size = self._made(INT, f"mul nsw i64 {size.text}, {n}")
        size = self._made(INT, f"add nsw i64 {size.text}, {ALIGNED}")
        self._declared["malloc"] = "declare noalias ptr @malloc(i64) nounwind"
        self._declared["free"] = "declare void @free(ptr) nounwind"
        self._declared["llvm.ptrmask.p0.i64"] = "declare ptr @llvm.ptrmask.p0.i64(ptr, i64)"
        memory = self._made(INT, f"call noalias ptr @malloc(i64 {size.text})").text
        self._rows.append(memory)
        self._unchecked.append(memory)
        last = self._made(INT, f"getelementptr i8, ptr {memory}, i64 {ALIGNED - 1}").text
        start = self._made(INT, f"call ptr @llvm.ptrmask.p0.i64(ptr {last}, i64 -{ALIGNED})").text
        self._names[name] = _Array(dtype, start, lengths, dtype.itemsize)

    def _check_rows(self) -> None:
        """Give up where there is no memory."""
        if not self._unchecked:
            return
        missing = "false"
        for pointer in self._unchecked:
            one = self._made(TRUTH, f"icmp eq ptr {pointer}, null").text
            missing = self._made(TRUTH, f"or i1 {missing}, {one}").text
        self._unchecked.clear()
        name = self._new()[1:]
        self._put(f"br i1 {missing}, label %{name}.none, label %{name}.all")
        self._label(f"{name}.none")
        self._freed()
        self._put("ret i64 -1")
        self._label(f"{name}.all")

    def _freed(self) -> None:
        for pointer in self._rows:
            self._put(f"call void @free(ptr {pointer})")

    def _for(self, variable: str, end: str, body: Sequence[ast.stmt]) -> None:
        before, index = self._block, self._new()
        name = index[1:]
        self._put(f"br label %{name}.head")
        self._label(f"{name}.head")
        self._put(f"{index} = phi i64 [ 0, %{before} ], [ {index}.next, %{name}.again ]")
        self._put(f"{index}.more = icmp slt i64 {index}, {end}")
        self._put(f"br i1 {index}.more, label %{name}.body, label %{name}.end")
        self._label(f"{name}.body")
        self._names[variable] = _Value(INT, index)
        for statement in body:
            self._statement(statement)
        self._put(f"br label %{name}.again")
        self._label(f"{name}.again")
        self._put(f"{index}.next = add nuw nsw i64 {index}, 1")
        self._put(f"br label %{name}.head")
        self._label(f"{name}.end")

    # -------------------------------------------------------------------------------------------------- expressions

    def _value(self, node: ast.expr) -> _Value:
        """The number that an expression is."""
        match node:
            case ast.Constant(value=bool() | int() as n):
                return _Value(INT, str(int(n))) if type(n) is int else _Value(TRUTH, str(n).lower())
            case ast.Constant(value=float() as x):
                return _number(DOUBLE, x)
            case ast.Name(id=name):
                return self._named(name)
            case ast.Attribute(value=ast.Name(id="np"), attr="inf"):
                return _number(DOUBLE, np.inf)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._negative(self._value(operand))
            case ast.BinOp(left=left, op=op, right=right):
                return self._arithmetic(op, self._value(left), self._value(right))
            case ast.Compare(left=left, ops=[relation], comparators=[right]):
                return self._compared(relation, self._value(left), self._value(right))
            case ast.BoolOp(op=op, values=[first, *rest]):
                found = self._truth(first)
                for one in rest:
                    how = "and" if isinstance(op, ast.And) else "or"
                    found = self._made(TRUTH, f"{how} i1 {found.text}, {self._truth(one).text}")
                return found
            case ast.IfExp(test=test, body=body, orelse=other):
                return self._chosen(self._truth(test), self._value(body), self._value(other))
            case ast.Subscript(value=ast.Attribute(value=ast.Name(id=name), attr="shape"), slice=ast.Constant(value=n)):
                return _Value(INT, self._array(name).lengths[n])  # type: ignore[index]
            case ast.Subscript():
                array, pointer = self._element(node)
                if array.kind == TRUTH:
                    byte = self._made(TRUTH, f"load i8, ptr {pointer}").text
                    return self._made(TRUTH, f"icmp ne i8 {byte}, 0")
                return self._made(array.kind, f"load {_TYPES[array.kind]}, ptr {pointer}, align {array.align}")
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(value=ast.Name(id="np"), attr=name), keywords=[]):
                found = self._called(name, [self._value(x) for x in node.args])
                if isinstance(found, _Value):
                    return found
        raise UnreadError(ast.unparse(node))

    def _truth(self, node: ast.expr) -> _Value:
        found = self._value(node)
        if found.kind != TRUTH:
            raise UnreadError(ast.unparse(node))
        return found

    def _named(self, name: str) -> _Value:
        found = self._names.get(name)
        if isinstance(found, _Variable):
            return self._made(found.kind, f"load {_TYPES[found.kind]}, ptr {found.pointer}")
        if isinstance(found, _Value):
            return found
        if isinstance(found, np.floating) and found.dtype in _TYPES:
            return _number(found.dtype, float(found))
        raise UnreadError(name)

    def _array(self, name: str) -> _Array:
        if isinstance(found := self._names.get(name), _Array):
            return found
        raise UnreadError(name)

    def _element(self, node: ast.Subscript) -> tuple[_Array, str]:
        """An array, and where an element of it is."""
        if not isinstance(node.value, ast.Name):
            raise UnreadError(ast.unparse(node))
        array = self._array(node.value.id)
        places = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if len(places) != len(array.lengths):
            raise UnreadError(ast.unparse(node))
        at = "0"
        for axis, place in enumerate(places):
            index = self._value(place)
            if index.kind != INT:
                raise UnreadError(ast.unparse(node))
            if axis:
                at = self._made(INT, f"mul nsw i64 {at}, {array.lengths[axis]}").text
                at = self._made(INT, f"add nsw i64 {at}, {index.text}").text
            else:
                at = index.text
        kind = "i8" if array.kind == TRUTH else _TYPES[array.kind]
        return array, self._made(INT, f"getelementptr inbounds {kind}, ptr {array.pointer}, i64 {at}").text

    def _dtype(self, node: ast.expr) -> np.dtype[Any]:
        found = self._scalar_type(ast.unparse(node).removeprefix("np."))
        if found is None:
            raise UnreadError(ast.unparse(node))
        return found

    def _scalar_type(self, name: str) -> np.dtype[Any] | None:
        return {"F": self._kind, "float32": np.dtype(np.float32), "float64": DOUBLE, "int64": INT}.get(name)

    def _negative(self, x: _Value) -> _Value:
        if x.kind.kind == "f":
            return self._made(x.kind, f"fneg {self._flags} {_TYPES[x.kind]} {x.text}")
        return self._arithmetic(ast.Sub(), _Value(INT, "0"), x)

    def _arithmetic(self, op: ast.operator, a: _Value, b: _Value) -> _Value:
        kind, (a, b) = self._alike(a, b)
        if isinstance(op, ast.Div) and kind.kind != "f":
            kind, (a, b) = DOUBLE, [self._as(a, DOUBLE), self._as(b, DOUBLE)]
        name = _ARITHMETIC.get(type(op))
        if name is None or kind == TRUTH or (isinstance(op, ast.FloorDiv) and kind != INT):
            raise UnreadError(f"{type(op).__name__} of {kind}")
        whole = "udiv" if name == "div" else f"{name} nsw"  # lengths are divided, which are not negative
        how = f"f{name} {self._flags}" if kind.kind == "f" else whole
        return self._made(kind, f"{how} {_TYPES[kind]} {a.text}, {b.text}")

    def _compared(self, relation: ast.cmpop, a: _Value, b: _Value) -> _Value:
        kind, (a, b) = self._alike(a, b)
        sign = _RELATIONS.get(type(relation))
        if sign is None:
            raise UnreadError(type(relation).__name__)
        if kind.kind == "f":
            return self._made(TRUTH, f"fcmp {'u' if sign == 'ne' else 'o'}{sign} {_TYPES[kind]} {a.text}, {b.text}")
        sign = sign if sign in ("eq", "ne") else f"{'s' if kind.kind == 'i' else 'u'}{sign}"
        return self._made(TRUTH, f"icmp {sign} {_TYPES[kind]} {a.text}, {b.text}")

    def _chosen(self, test: _Value, a: _Value, b: _Value) -> _Value:
        kind, (a, b) = self._alike(a, b)
        return self._made(kind, f"select i1 {test.text}, {_TYPES[kind]} {a.text}, {_TYPES[kind]} {b.text}")

    def _called(self, name: str, args: list[_Value]) -> Any:
        """What a function returns: a value, or several."""
        if (dtype := self._scalar_type(name)) is not None:
            return self._as(args[0], dtype)
        if name in self._scalars.texts and all(x.kind == self._kind for x in args):
            return self._written_out(self._scalars.texts[name], args)
        kind, args = self._alike(*args)
        if name in ("min", "max") and len(args) == 2:
            return self._chosen(self._compared(ast.Lt() if name == "min" else ast.Gt(), args[1], args[0]), *args[::-1])
        if kind.kind != "f":
            raise UnreadError(f"{name} of {kind}")
        if name in _INTRINSIC:
            return self._call(f"llvm.{_INTRINSIC[name]}.f{8 * kind.itemsize}", kind, args)
        if name == "isfinite":
            return self._compared(ast.Lt(), self._called("abs", args), _number(kind, np.inf))
        if name == "sign":
            zero, one = _number(kind, 0.0), _number(kind, 1.0)
            negative = self._chosen(self._compared(ast.Lt(), args[0], zero), _number(kind, -1.0), args[0])
            return self._chosen(self._compared(ast.Gt(), args[0], zero), one, negative)
        if name == "half_power":
            return self._half_power(args[0])
        if name in LIBRARY:
            return self._call(LIBRARY[name] + ("f" if kind.itemsize == 4 else ""), kind, args)
        raise UnreadError(name)

    def _half_power(self, t: _Value) -> _Value:
        """``2ⁿ⁻¹`` for a number whose last places are n: they become its exponent."""
        info, whole, type_ = np.finfo(t.kind), f"i{8 * t.kind.itemsize}", _TYPES[t.kind]
        bits = self._made(INT, f"bitcast {type_} {t.text} to {whole}").text
        shifted = self._made(INT, f"shl {whole} {bits}, {info.nmant}").text
        made = self._made(INT, f"add {whole} {shifted}, {(2 ** (info.nexp - 1) - 2) << info.nmant}").text
        return self._made(t.kind, f"bitcast {whole} {made} to {type_}")

    def _written_out(self, text: str, args: Sequence[_Value]) -> Any:
        """A function of scalars, where it is called."""
        definition = _definition(text)
        outside = self._names, self._flags
        given = zip([arg.arg for arg in definition.args.args], args, strict=True)
        self._names, self._flags = {**self._scalars.constants, **dict(given)}, _flags(FLAGS)
        found: Any = None
        for statement in definition.body:
            match statement:
                case ast.Return(value=ast.Tuple(elts=several)):
                    found = tuple(self._value(x) for x in several)
                case ast.Return(value=ast.expr() as one):
                    found = self._value(one)
                case ast.Assign(targets=[ast.Name(id=name)], value=one):
                    self._names[name] = self._value(one)
                case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Call(func=ast.Name(id=name)) as call):
                    values = self._called(name, [self._value(x) for x in call.args])
                    self._names |= {n.id: x for n, x in zip(names, values, strict=True) if isinstance(n, ast.Name)}
                case ast.Expr(value=ast.Constant()):  # its docstring
                    pass
                case _:
                    raise UnreadError(ast.unparse(statement))
        self._names, self._flags = outside
        return found


def _definition(text: str) -> ast.FunctionDef:
    match ast.parse(text).body:
        case [ast.FunctionDef() as found]:
            return found
    raise UnreadError(text)


def _flags(names: Collection[str]) -> str:
    return " ".join(sorted(names))


def _number(kind: np.dtype[Any], value: float) -> _Value:
    return _Value(kind, f"0x{struct.pack('>d', float(kind.type(value))).hex()}")


def _read(text: str) -> float:
    return float(struct.unpack(">d", bytes.fromhex(text[2:]))[0])


# ------------------------------------------------------------------------------------------------------------- entry

_CONTIGUOUS, _WRITEABLE = 0x1, 0x400  # of NumPy's flags
_NUMBERS = [np.dtype(character) for character in "?bhilqBHILQfd"]


def _entry(arrays: Sequence[tuple[np.dtype[Any], int, bool]]) -> str:
    """What Python calls: it checks the arrays, and runs the kernel while other threads may run.

    The fields of arrays and dtypes lie where the headers of Python and NumPy have them for every extension module.
    """
    head = object.__basicsize__ - struct.calcsize("P")  # what comes before the type
    lines, count = list[str](), 0

    def made(instruction: str) -> str:
        nonlocal count
        count += 1
        lines.append(f"  %e{count} = {instruction}")
        return f"%e{count}"

    def field(of: str, record: str, number: int, kind: str) -> str:
        return made(f"load {kind}, ptr {made(f'getelementptr {record}, ptr {of}, i64 0, i32 {number}')}")

    def either(how: str, tests: Sequence[str]) -> str:
        found = tests[0]
        for test in tests[1:]:
            found = made(f"{how} i1 {found}, {test}")
        return found

    def go_on(test: str, then: str) -> None:
        lines.extend([f"  br i1 {test}, label %{then}, label %wrong", f"{then}:"])

    go_on(made(f"icmp eq i64 %count, {len(arrays)}"), "counted")
    given = [made(f"load ptr, ptr {made(f'getelementptr ptr, ptr %args, i64 {k}')}") for k in range(len(arrays))]
    go_on(either("and", [made(f"icmp eq ptr {field(x, '%array', 1, 'ptr')}, %ndarray") for x in given]), "arrays")
    tests = []
    for x, (dtype, ndim, readonly) in zip(given, arrays, strict=True):
        wanted = _CONTIGUOUS | (0 if readonly else _WRITEABLE)
        flags, kind = field(x, "%array", 8, "i32"), field(x, "%array", 7, "ptr")
        number, order = field(kind, "%dtype", 7, "i32"), field(kind, "%dtype", 5, "i8")
        tests += [
            made(f"icmp eq i32 {made(f'and i32 {flags}, {wanted}')}, {wanted}"),
            made(f"icmp eq i32 {field(x, '%array', 3, 'i32')}, {ndim}"),
            made(f"icmp eq i8 {order}, {ord(dtype.byteorder)}"),
            either("or", [made(f"icmp eq i32 {number}, {other.num}") for other in _NUMBERS if other == dtype]),
        ]
    go_on(either("and", tests), "right")
    passed = []
    for x, (_, ndim, _) in zip(given, arrays, strict=True):
        passed.append(f"ptr {field(x, '%array', 2, 'ptr')}")
        lengths = field(x, "%array", 4, "ptr")
        places = [made(f"getelementptr i64, ptr {lengths}, i64 {axis}") for axis in range(ndim)]
        passed += [f"i64 {made(f'load i64, ptr {place}')}" for place in places]
    state = made("call ptr @PyEval_SaveThread()")
    found = made(f"call i64 @kernel({', '.join(passed)})")
    lines.append(f"  call void @PyEval_RestoreThread(ptr {state})")
    lost = made(f"icmp slt i64 {found}, 0")
    body = "\n".join(lines)
    return f"""\
%array = type {{ [{head} x i8], ptr, ptr, i32, ptr, ptr, ptr, ptr, i32 }}
%dtype = type {{ [{head} x i8], ptr, ptr, i8, i8, i8, i8, i32 }}
declare ptr @PyBool_FromLong(i64)
declare i32 @PyErr_BadArgument()
declare ptr @PyErr_NoMemory()
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
define ptr @entry(ptr %ndarray, ptr %args, i64 %count) {{
{body}
  br i1 {lost}, label %none, label %done
done:
  %truth = call ptr @PyBool_FromLong(i64 {found})
  ret ptr %truth
none:
  %error = call ptr @PyErr_NoMemory()
  ret ptr %error
wrong:
  call i32 @PyErr_BadArgument()
  ret ptr null
}}
"""
