"""Random programs over the whole table of ops, beside PyTorch: values, gradients and second derivatives.

A program has leaves of any dtype, shape and layout in memory, and steps that are drawn from the table itself, each of
which may use any value that stands before it, also twice. Many more than the tests run:

    python tests/engine/random_programs.py --count 20000 --seed 0

prints every program that the two disagree about, and how to run it again.

What only moves elements is compared with NumPy's own function on the places of the elements, which PyTorch then reads
by index; for all other ops PyTorch has a function of its own. NumPy's promotion of dtypes holds on both sides.
"""

from __future__ import annotations

import argparse
import operator
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

import micrograd_tensor as mt
from micrograd_tensor.engine.row import TABLE, Primitive
from micrograd_tensor.engine.table.windows import windows

MOST = 400
"""Results with more elements are not used."""
LARGEST = {"f2": 60.0, "f4": 1e4, "f8": 1e4}
"""Results with larger numbers are not used, by dtype."""
CLOSE = 32
"""What agrees to so many units in the last place of the largest element needs no second look."""
APART = 64
"""Otherwise rounding is measured by nudging each result, and so many times its effect is allowed."""

ELSEWHERE = {
    "put_add": "the rule of getitem: a second derivative runs it, and a third its own rule",
    "put_along_axis_add": "the rule of take_along_axis, likewise",
    "add_windows": "the rule of windows, likewise",
}
"""Rows that no step draws, with the reason."""


class Mismatch(AssertionError):  # noqa: N818 -- what it is
    """The two engines disagree."""


@dataclass
class Step:
    """One op, in both engines.

    Attributes:
        text: how the step reads.
        operands: the places of the values that it is applied to.
        mine: of Tensors.
        theirs: of PyTorch's tensors.
    """

    text: str
    operands: tuple[int, ...]
    mine: Callable[..., Any]
    theirs: Callable[..., Any]


@dataclass
class Leaf:
    """An input: its array, laid out as drawn, and whether gradients are asked of it."""

    array: Any
    layout: str
    requires_grad: bool


@dataclass
class Program:
    """Leaves, and the steps after them, each drawn under a name, of which the last that ask for gradients
    are differentiated; values are counted through both."""

    seed: int
    leaves: list[Leaf] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    drawn: list[str] = field(default_factory=list)
    last: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"seed {self.seed}"]
        for i, leaf in enumerate(self.leaves):
            asks = ", asks for gradients" if leaf.requires_grad else ""
            lines.append(f"v{i} = {leaf.array.dtype}{leaf.array.shape}, {leaf.layout}{asks}")
        for i, step in enumerate(self.steps, len(self.leaves)):
            lines.append(f"v{i} = {step.text.format(*(f'v{k}' for k in step.operands))}")
        return "\n".join(lines)


class Nudges:
    """While rounding is measured: each number moved by up to two units in the last place, equal ones alike."""

    unit = 0.0
    seed = 0

    @classmethod
    def of(cls, r: Any) -> Any:
        """A tensor of PyTorch's, nudged; its gradient passes through."""
        if not cls.unit or not r.dtype.is_floating_point:
            return r
        bits = np.array(r.detach().numpy(force=True), np.float64, order="C").view(np.uint64)
        bits ^= np.uint64((cls.seed * 0x9E3779B97F4A7C15 + 0x2545F4914F6CDD1D) % 2**64)
        bits *= np.uint64(0xBF58476D1CE4E5B9)  # modulo 2**64
        bits ^= bits >> np.uint64(32)
        bits *= np.uint64(0x94D049BB133111EB)
        between = torch.tensor(bits.view(np.int64) * 2.0**-63)
        return (r * (1 + 2 * cls.unit * between)).to(r.dtype)


# ------------------------------------------------------------------------------------------------------------- drawing


class Pool:
    """The values so far, as PyTorch's tensors, and a generator to draw from them."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.values: list[Any] = []

    def pick(self, kind: str = "f") -> int:
        """A value's place, later ones more often: ``"f"`` floating-point, ``"b"`` truth values, ``"i"`` indices."""
        places = [i for i, v in enumerate(self.values) if kind_of(v) == kind]
        if not places:
            raise Unfit
        return int(places[min(int(self.rng.beta(2, 1) * len(places)), len(places) - 1)])

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def one(self, choices: Sequence[Any]) -> Any:
        return choices[int(self.rng.integers(len(choices)))]

    def shape(self, i: int) -> tuple[int, ...]:
        return tuple(self.values[i].shape)

    def axis(self, rank: int, *, several: bool = True) -> Any:
        """None, an axis, or a tuple of axes, some counted from the end."""
        if not rank or self.chance(0.2):
            return None
        signed = [int(a) - rank * self.chance(0.5) for a in self.rng.permutation(rank)]
        return tuple(signed[: self.rng.integers(0, rank + 1)]) if several and self.chance(0.3) else signed[0]


class Unfit(Exception):  # noqa: N818 -- no error: another step is drawn
    """This step does not fit the values that are there."""


def kind_of(v: Any) -> str:
    return "f" if v.dtype.is_floating_point else "b" if v.dtype == torch.bool else "i"


DRAWS: dict[str, Callable[[Pool, str], Step]] = {}
"""By row, what draws a step of it."""


def draws(*names: str) -> Callable[[Callable[[Pool, str], Step]], Callable[[Pool, str], Step]]:
    def register(draw: Callable[[Pool, str], Step]) -> Callable[[Pool, str], Step]:
        DRAWS.update(dict.fromkeys(names, draw))
        return draw

    return register


def dtype_of(*values: Any) -> Any:
    """NumPy's result dtype of PyTorch's tensors and Python numbers, as PyTorch's."""
    arrays = [v if isinstance(v, (int, float)) else np.zeros(1, NUMPY[v.dtype]) for v in values]
    return TORCH[np.result_type(*arrays)]


NUMPY = {torch.float16: "f2", torch.float32: "f4", torch.float64: "f8", torch.int64: "i8", torch.bool: "?"}
TORCH = {np.dtype(v): k for k, v in NUMPY.items()}


def wide(function: Callable[..., Any], *values: Any) -> Any:
    """A function of PyTorch, in float32 and back where it has none for float16."""
    try:
        return function(*values)
    except (RuntimeError, NotImplementedError) as error:
        if "not implemented for" not in str(error) or not any(v.dtype == torch.float16 for v in values):
            raise Unfit from None
        return function(*(v.float() if v.dtype == torch.float16 else v for v in values)).half()


def routes(pool: Pool, row: Primitive) -> tuple[str, Callable[..., Any]]:
    """One of the ways to call an op: the function, NumPy's, a method."""
    ways = [(f"mt.{row.name}", getattr(mt, row.name, None) or row_function(row))]
    ways += [(f"np.{f.__name__}", f) for f in row.numpy]
    if row.name in row.method:
        ways.append((f"Tensor.{row.name}", getattr(mt.Tensor, row.name)))
    return pool.one(ways)


def row_function(row: Primitive) -> Callable[..., Any]:
    from micrograd_tensor.engine.primitive import OPS

    return OPS[row.name]


DOMAINS: dict[str, tuple[str, Callable[[Any], Any], Callable[[Any], Any]]] = {
    "positive": ("{} * {} + 0.25", lambda t: t * t + 0.25, lambda r: r * r + 0.25),
    "above one": ("{} * {} + 1.5", lambda t: t * t + 1.5, lambda r: r * r + 1.5),
    "unit": ("0.9 * sin({})", lambda t: 0.9 * mt.sin(t), lambda r: 0.9 * Nudges.of(torch.sin(r))),
    "gentle": ("1.4 * sin({})", lambda t: 1.4 * mt.sin(t), lambda r: 1.4 * Nudges.of(torch.sin(r))),
}
DOMAIN_OF = dict.fromkeys(("log", "log1p", "log2", "log10", "sqrt", "reciprocal"), "positive")
DOMAIN_OF |= dict.fromkeys(("arcsin", "arccos", "arctanh"), "unit") | {"arccosh": "above one"}
DOMAIN_OF |= dict.fromkeys(("exp", "expm1", "exp2", "sinh", "cosh", "tan"), "gentle")
DOMAIN_OF |= dict.fromkeys(("sigmoid", "tanh"), "gentle")  # PyTorch's derivatives lose their digits further out


def unary(pool: Pool, name: str) -> Step:
    i, row, theirs = pool.pick(), TABLE[name], their_function(TABLE[name])
    called, mine = routes(pool, row)
    if (domain := DOMAIN_OF.get(name)) is None:
        return Step(f"{called}({{}})", (i,), mine, lambda r: wide(theirs, r))
    text, into, theirs_into = DOMAINS[domain]
    inner = text.replace("{}", "{0}")
    return Step(f"{called}({inner})", (i,), lambda t: mine(into(t)), lambda r: wide(theirs, Nudges.of(theirs_into(r))))


OPERATORS = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "greater": operator.gt,
    "less_equal": operator.le,
    "equal": operator.eq,
}


def binary(pool: Pool, name: str) -> Step:
    """Of two values; or of one and a Python number, or an array, on either side."""
    row, theirs = TABLE[name], their_function(TABLE[name])
    called, mine = routes(pool, row)
    if name in OPERATORS and pool.chance(0.5):
        called, mine = OPERATORS[name].__name__, OPERATORS[name]
    decides = name in COMPARISONS

    def apply(a: Any, b: Any) -> Any:
        kind = dtype_of(a, b)
        if name in DIVIDING and isinstance(b, torch.Tensor):  # a denominator that is not near 0
            b = Nudges.of(b.sign().detach() * (b.abs() + 0.5) + (b == 0).to(b.dtype))
        elif name in DIVIDING:
            b = float(np.sign(b) * (abs(b) + 0.5) + (b == 0))
        a, b = (v.to(kind) if isinstance(v, torch.Tensor) else torch.tensor(v, dtype=kind) for v in (a, b))
        return wide(theirs, a, b)

    def mend(a: Any, b: Any) -> tuple[Any, Any]:
        if name not in DIVIDING:
            return a, b
        if isinstance(b, (int, float)):
            return a, float(np.sign(b) * (abs(b) + 0.5) + (b == 0))
        b = mt.tensor(b) if not isinstance(b, mt.Tensor) else b
        return a, mt.sign(b).detach() * (mt.abs(b) + 0.5) + mt.astype(b == 0, b.dtype)

    i = pool.pick()
    how = pool.rng.random()
    if how < 0.6 or decides:
        j = i if pool.chance(0.15) else pool.pick("i" if pool.chance(0.1) and not decides else "f")
        return Step(f"{called}({{}}, {{}})", (i, j), lambda a, b: mine(*mend(a, b)), apply)
    if how < 0.8:
        number = pool.one([2, -1, 0.5, 3, 0, 1.25])
        if pool.chance(0.5):
            return Step(f"{called}({{}}, {number})", (i,), lambda a: mine(*mend(a, number)), lambda a: apply(a, number))
        if called == f"Tensor.{name}":
            raise Unfit
        return Step(f"{called}({number}, {{}})", (i,), lambda a: mine(*mend(number, a)), lambda a: apply(number, a))
    array = numbers(pool, broadcastable(pool, pool.shape(i)), pool.one(["f4", "f8", NUMPY[pool.values[i].dtype]]))
    given = torch.tensor(array)
    if pool.chance(0.5):
        text = f"{called}({{}}, array {array.dtype}{array.shape})".replace("{}", "{0}")
        return Step(text, (i,), lambda a: mine(*mend(a, array)), lambda a: apply(a, given))
    if called == f"Tensor.{name}":
        raise Unfit
    text = f"{called}(array {array.dtype}{array.shape}, {{0}})"
    return Step(text, (i,), lambda a: mine(*mend(array, a)), lambda a: apply(given, a))


DIVIDING = {"div", "floor_divide", "remainder", "fmod", "arctan2", "hypot"}
"""What is special where its second operand is 0, which is kept away from there."""
COMPARISONS = {"greater", "greater_equal", "less", "less_equal", "equal", "not_equal"}
THEIRS = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "pow": torch.pow, "neg": torch.neg,
    "greater": torch.gt, "greater_equal": torch.ge, "less": torch.lt, "less_equal": torch.le, "equal": torch.eq,
    "not_equal": torch.ne, "rint": torch.round, "copy": torch.clone, "round": torch.round,
    "floor_divide": lambda a, b: torch.floor_divide(a.detach(), b.detach()),
}  # fmt: skip
"""PyTorch's functions that are called otherwise."""


def their_function(row: Primitive) -> Any:
    """PyTorch's counterpart of a row, or None."""
    found = THEIRS.get(row.name)
    for name in (row.name, *(f.__name__ for f in row.numpy)):
        found = found or getattr(torch, name, None) or getattr(torch.special, name, None)
    return found


@draws("bitwise_and", "bitwise_or", "logical_and", "logical_or", "logical_xor")
def of_masks(pool: Pool, name: str) -> Step:
    i, j = pool.pick("b"), pool.pick("b")
    called, mine = routes(pool, TABLE[name])
    return Step(f"{called}({{}}, {{}})", (i, j), mine, getattr(torch, name))


@draws("invert", "logical_not")
def of_a_mask(pool: Pool, name: str) -> Step:
    called, mine = routes(pool, TABLE[name])
    return Step(f"{called}({{}})", (pool.pick("b"),), mine, torch.logical_not)


@draws("isfinite", "isnan", "isinf")
def of_a_number(pool: Pool, name: str) -> Step:
    called, mine = routes(pool, TABLE[name])
    return Step(f"{called}({{}})", (pool.pick(),), mine, getattr(torch, name))


@draws("pow")
def power(pool: Pool, name: str) -> Step:
    i = pool.pick()
    if pool.chance(0.5):
        n = pool.one([0, 1, 2, 3, 2.0, 3.0])
        return Step(f"{{}} ** {n}", (i,), lambda a: a**n, lambda a: a**n)
    if pool.chance(0.4):
        n = pool.one([-1, 0.5, -0.5, -2, 1.7])
        return Step(
            f"({{0}} * {{0}} + 0.25) ** {n}", (i,), lambda a: (a * a + 0.25) ** n, lambda a: (a * a + 0.25) ** n
        )
    j = i if pool.chance(0.2) else pool.pick()

    def theirs(a: Any, b: Any) -> Any:
        kind = dtype_of(a, b)
        return torch.pow(Nudges.of((a * a + 0.25).to(kind)), Nudges.of((torch.sin(b) + 1.5).to(kind)))

    # Not an exponent of 0, where PyTorch's mixed second derivative is 0 in place of 1/a.
    text = "mt.pow({0} * {0} + 0.25, sin({1}) + 1.5)"
    return Step(text, (i, j), lambda a, b: mt.pow(a * a + 0.25, mt.sin(b) + 1.5), theirs)


@draws("clip")
def clipped(pool: Pool, name: str) -> Step:
    low, high = pool.one([(None, 0.3), (-0.4, None), (-0.4, 0.7), (0.2, 0.2), (0.5, -0.5)])
    called, mine = routes(pool, TABLE[name])
    return Step(
        f"{called}({{}}, {low}, {high})", (pool.pick(),), lambda t: mine(t, low, high), lambda r: r.clamp(low, high)
    )


@draws("where")
def chosen(pool: Pool, name: str) -> Step:
    c, i, j = pool.pick("b"), pool.pick(), pool.pick()
    called, mine = routes(pool, TABLE[name])

    def theirs(c: Any, a: Any, b: Any) -> Any:
        kind = dtype_of(a, b)
        return torch.where(c, a.to(kind), b.to(kind))

    if pool.chance(0.3):
        return Step(
            f"{called}({{}}, {{}}, 0)", (c, i), lambda c, a: mine(c, a, 0), lambda c, a: torch.where(c, a, a * 0)
        )
    return Step(f"{called}({{}}, {{}}, {{}})", (c, i, j), mine, theirs)


@draws("stop_gradient")
def stopped(pool: Pool, name: str) -> Step:
    way = pool.one(["stop_gradient", "detach", "no_grad"])

    def mine(t: Any) -> Any:
        if way == "no_grad":
            with mt.no_grad():
                return t * 1.5
        return mt.stop_gradient(t) if way == "stop_gradient" else t.detach()

    return Step(f"{way}({{}})", (pool.pick(),), mine, lambda r: r.detach() * 1.5 if way == "no_grad" else r.detach())


@draws("to_float")
def converted(pool: Pool, name: str) -> Step:
    kind, to = pool.pick("i") if pool.chance(0.2) else pool.pick(), pool.one(["f2", "f4", "f8"])
    return Step(f"{{}}.astype({to})", (kind,), lambda t: t.astype(to), lambda r: r.to(TORCH[np.dtype(to)], copy=True))


@draws("to_integer")
def converted_to_whole(pool: Pool, name: str) -> Step:
    return Step("({} * 3).astype(int)", (pool.pick(),), lambda t: (t * 3).astype(np.int64), lambda r: (r * 3).long())


@draws("sum", "mean", "max", "min", "prod", "amax", "amin")
def reduced(pool: Pool, name: str) -> Step:
    i = pool.pick()
    shape = pool.shape(i)
    axis, keepdims = pool.axis(len(shape)), pool.chance(0.4)
    called, mine = routes(pool, TABLE[name])
    axes = tuple(range(len(shape))) if axis is None else (axis,) if isinstance(axis, int) else axis

    def theirs(r: Any) -> Any:
        if not axes:
            return r * 1
        if name != "prod":
            return wide(lambda r: getattr(torch, {"max": "amax", "min": "amin"}.get(name, name))(r, axes, keepdims), r)
        for a in sorted((a % r.ndim for a in axes), reverse=True):
            r = wide(lambda r, a=a: torch.prod(r, a, keepdim=keepdims), r)
        return r

    text = f"{called}({{}}, axis={axis}, keepdims={keepdims})"
    return Step(text, (i,), lambda t: mine(t, axis=axis, keepdims=keepdims), theirs)


@draws("cumsum", "cumprod")
def running(pool: Pool, name: str) -> Step:
    i = pool.pick()
    axis = pool.axis(len(pool.shape(i)), several=False)
    called, mine = routes(pool, TABLE[name])

    def theirs(r: Any) -> Any:
        of = getattr(torch, name)
        return wide(lambda r: of(r.reshape(-1), 0) if axis is None else of(r, axis), r)

    return Step(f"{called}({{}}, axis={axis})", (i,), lambda t: mine(t, axis=axis), theirs)


@draws("matmul")
def product(pool: Pool, name: str) -> Step:
    i, j = pool.pick(), pool.pick()
    called, mine = pool.one([("mt.matmul", mt.matmul), ("np.matmul", np.matmul), ("@", operator.matmul)])
    a, b = pool.shape(i), pool.shape(j)
    if not a or not b:
        raise Unfit
    turned = len(b) > 1 and a[-1] != b[-2] and a[-1] == b[-1]
    if a[-1] != b[-2 if len(b) > 1 and not turned else -1]:
        raise Unfit

    def theirs(x: Any, y: Any) -> Any:
        kind = dtype_of(x, y)
        return wide(torch.matmul, x.to(kind), (y.mT if turned else y).to(kind))

    text = f"{called}({{}}, {{}}{'.swapaxes(-1, -2)' if turned else ''})"
    return Step(text, (i, j), lambda x, y: mine(x, mt.swapaxes(y, -1, -2) if turned else y), theirs)


@draws("einsum")
def contracted(pool: Pool, name: str) -> Step:
    """Labels by the lengths of the axes, also twice in one operand, and for axes of length 1 beside longer ones."""
    places = [pool.pick() for _ in range(pool.rng.integers(1, 4))]
    sizes: dict[str, int] = {}
    inputs = []
    for i in places:
        labels = ""
        for n in pool.shape(i):
            fitting = [c for c, m in sizes.items() if m == n or (1 in (m, n) and pool.chance(0.5))]
            label = pool.one(fitting) if fitting and pool.chance(0.7) else "abcdefghijklmnop"[len(sizes)]
            sizes[label] = max(sizes.get(label, n), n) if n else 0
            labels += label
        inputs.append(labels)
    letters = list(sizes)
    pool.rng.shuffle(letters)
    subscripts = ",".join(inputs) + "->" + "".join(letters[: pool.rng.integers(0, len(letters) + 1)])

    def theirs(*rs: Any) -> Any:
        kind = dtype_of(*rs)
        return wide(lambda *rs: torch.einsum(subscripts, *rs), *(r.to(kind) for r in rs))

    text = f"einsum({subscripts!r}, {', '.join(['{}'] * len(places))})"
    mine = pool.one([mt.einsum, np.einsum])
    return Step(text, tuple(places), lambda *ts: mine(subscripts, *ts), theirs)


@draws("argsort")
def sorted_places(pool: Pool, name: str) -> Step:
    i = pool.pick()
    if not pool.shape(i):
        raise Unfit
    axis = pool.axis(len(pool.shape(i)), several=False)
    axis = -1 if axis is None else axis
    return Step(
        f"argsort({{}}, axis={axis})",
        (i,),
        lambda t: mt.argsort(t, axis=axis),
        lambda r: torch.argsort(r.detach(), dim=axis, stable=True),
    )


@draws("argmax", "argmin")
def place_of(pool: Pool, name: str) -> Step:
    i = pool.pick()
    axis = pool.axis(len(pool.shape(i)), several=False)
    called, mine = routes(pool, TABLE[name])
    numpy = getattr(np, name)  # which takes the first of equals, and PyTorch any

    def theirs(r: Any) -> Any:
        return torch.tensor(numpy(r.detach().numpy(force=True), axis=axis))

    return Step(f"{called}({{}}, axis={axis})", (i,), lambda t: mine(t, axis=axis), theirs)


@draws("concatenate")
def joined(pool: Pool, name: str) -> Step:
    first = pool.pick()
    shape = pool.shape(first)
    stacked = pool.chance(0.3)
    if not shape and not stacked:
        raise Unfit
    axis = int(pool.rng.integers(-len(shape) - stacked, len(shape) + stacked))

    def fits(other: tuple[int, ...]) -> bool:
        if stacked or len(other) != len(shape):
            return other == shape
        return all(m == n for k, (m, n) in enumerate(zip(other, shape, strict=True)) if k != axis % len(shape))

    others = [i for i, v in enumerate(pool.values) if kind_of(v) == "f" and fits(tuple(v.shape))]
    places = (first, *(pool.one(others) for _ in range(pool.rng.integers(0, 3))))
    mine, theirs = (pool.one([mt.stack, np.stack]), torch.stack) if stacked else (mt.concatenate, torch.cat)

    def apply(*rs: Any) -> Any:
        kind = dtype_of(*rs)
        return theirs([r.to(kind) for r in rs], axis)

    text = f"{mine.__name__}([{', '.join(['{}'] * len(places))}], axis={axis})"
    return Step(text, places, lambda *ts: mine(list(ts), axis=axis), apply)


# --------------------------------------------------------------------------------------------- what only moves elements


def moved(text: str, i: int, mine: Callable[..., Any], numpy: Callable[[Any], Any], fill: float = 0.0) -> Step:
    """A step that moves elements: where each comes from is what NumPy's function makes of their numbers, from 1 on."""

    def theirs(r: Any) -> Any:
        source = np.asarray(numpy(np.arange(1, r.numel() + 1).reshape(r.shape)))
        flat = torch.cat([torch.full((1,), fill, dtype=r.dtype), r.reshape(-1)])
        return flat[torch.tensor(source)]

    return Step(text, (i,), mine, theirs)


@draws("reshape")
def reshaped(pool: Pool, name: str) -> Step:
    i = pool.pick()
    n = pool.values[i].numel()
    found = [s for s in [(n,), (1, n), (n, 1), (-1,), (2, n // 2), (n // 3, 3), (), (n, 1, 1)] if np.prod(s) in (n, -1)]
    if not found:
        raise Unfit
    shape = pool.one(found)
    if n == 0:
        shape = pool.one([(0,), (0, 3), (2, 0)])
    called, mine = pool.one([("mt.reshape", mt.reshape), ("Tensor.reshape", mt.Tensor.reshape)])
    return moved(f"{called}({{}}, {shape})", i, lambda t: mine(t, shape), lambda a: a.reshape(shape))


@draws("transpose")
def turned(pool: Pool, name: str) -> Step:
    i = pool.pick()
    rank = len(pool.shape(i))
    axes = None if pool.chance(0.3) else tuple(int(a) - rank * pool.chance(0.3) for a in pool.rng.permutation(rank))
    return moved(f"transpose({{}}, {axes})", i, lambda t: mt.transpose(t, axes), lambda a: np.transpose(a, axes))


@draws("squeeze")
def squeezed(pool: Pool, name: str) -> Step:
    i = pool.pick()
    ones = [k for k, n in enumerate(pool.shape(i)) if n == 1]
    axis = pool.one([None, *ones, tuple(ones)])
    return moved(f"squeeze({{}}, {axis})", i, lambda t: mt.squeeze(t, axis), lambda a: np.squeeze(a, axis))


@draws("expand_dims")
def expanded(pool: Pool, name: str) -> Step:
    i = pool.pick()
    rank = len(pool.shape(i))
    axis = pool.one([0, -1, rank, (0, -1), (0, 2) if rank else 0])
    return moved(f"expand_dims({{}}, {axis})", i, lambda t: mt.expand_dims(t, axis), lambda a: np.expand_dims(a, axis))


@draws("flip")
def flipped(pool: Pool, name: str) -> Step:
    i = pool.pick()
    axis = pool.axis(len(pool.shape(i)))
    called, mine = routes(pool, TABLE[name])
    return moved(f"{called}({{}}, {axis})", i, lambda t: mine(t, axis), lambda a: np.flip(a, axis))


@draws("pad")
def padded(pool: Pool, name: str) -> Step:
    i = pool.pick()
    rank = len(pool.shape(i))
    if not rank:
        raise Unfit
    width = pool.one([1, (0, 2), [(int(a), int(b)) for a, b in pool.rng.integers(0, 3, (rank, 2))]])
    value = pool.one([0, 1.5])
    text = f"pad({{}}, {width}, {value})".replace("{}", "{0}")
    return moved(text, i, lambda t: mt.pad(t, width, value=value), lambda a: np.pad(a, width), value)


@draws("tril", "triu")
def triangle(pool: Pool, name: str) -> Step:
    i, k = pool.pick(), int(pool.rng.integers(-2, 3))
    if len(pool.shape(i)) < 2:
        raise Unfit
    called, mine = routes(pool, TABLE[name])
    return moved(f"{called}({{}}, {k})", i, lambda t: mine(t, k), lambda a: getattr(np, name)(a, k))


@draws("broadcast_to")
def copied(pool: Pool, name: str) -> Step:
    i = pool.pick()
    wide_shape = tuple(int(pool.rng.integers(0, 4)) if n == 1 else n for n in pool.shape(i))
    shape = (*(int(pool.rng.integers(1, 3)) for _ in range(pool.rng.integers(0, 2))), *wide_shape)
    called, mine = routes(pool, TABLE[name])
    return moved(f"{called}({{}}, {shape})", i, lambda t: mine(t, shape), lambda a: np.broadcast_to(a, shape))


@draws("getitem")
def indexed(pool: Pool, name: str) -> Step:
    i = pool.pick()
    if pool.chance(0.1):  # a mask that was computed
        masks = [
            j for j, v in enumerate(pool.values) if kind_of(v) == "b" and v.ndim and v.shape == pool.values[i].shape
        ]
        if masks:
            mask = pool.one(masks)
            return Step("{}[{}]", (i, mask), lambda t, m: t[m], lambda r, m: r[m])
    index = random_index(pool, pool.shape(i))
    text = f"{{0}}[{shown(index)}]".replace("{", "{{").replace("}", "}}").replace("{{0}}", "{0}")
    return moved(text, i, lambda t: t[index], lambda a: a[index])


def random_index(pool: Pool, shape: tuple[int, ...]) -> Any:
    """Ints, slices of any step, None, an ellipsis, lists, arrays and masks, in any mixture; also truth values alone."""
    if pool.chance(0.04):
        return pool.one([True, False, np.True_, np.array(False), np.array(True), (None, True), (..., False)])
    parts: list[Any] = []
    left, dots = list(shape), pool.chance(0.25)
    together = int(pool.rng.integers(1, 4))  # of arrays in one index, which broadcast
    while left and not (parts and pool.chance(0.2)):
        n, how = left[0], pool.rng.random()
        if how < 0.1:
            parts.append(None)
            continue
        if how < 0.15 and len(left) > 1:
            parts.append(pool.rng.random(tuple(left[:2])) < 0.5)
            if pool.chance(0.5):
                break
            left = left[2:]
            continue
        left.pop(0)
        if how < 0.45 or n == 0:
            a, b = (None if pool.chance(0.4) else int(x) for x in pool.rng.integers(-n - 2, n + 3, 2))
            parts.append(slice(a, b, pool.one([None, None, 1, 2, 3, -1, -2])))
        elif how < 0.6:
            parts.append(pool.one([int, np.int64])(pool.rng.integers(-n, n)))
        elif how < 0.7:
            parts.append(np.array(pool.rng.integers(-n, n)))
        elif how < 0.8:
            parts.append([int(x) for x in pool.rng.integers(-n, n, together)])
        elif how < 0.9:
            parts.append(pool.rng.integers(-n, n, pool.one([(together,), (1,), (2, together), (0,)])))
        else:
            parts.append(pool.rng.random(n) < 0.6)
    if dots:
        parts.insert(int(pool.rng.integers(0, len(parts) + 1)), ...)
    if not parts:
        return pool.one([(), ..., None])
    return parts[0] if len(parts) == 1 and pool.chance(0.7) else tuple(parts)


def shown(index: Any) -> str:
    return repr(index).replace("\n", "")


@draws("take_along_axis")
def taken(pool: Pool, name: str) -> Step:
    i = pool.pick()
    shape = pool.shape(i)
    if not shape or 0 in shape:
        raise Unfit
    axis = int(pool.rng.integers(-len(shape), len(shape)))
    lengths = list(shape)
    lengths[axis] = int(pool.rng.integers(0, 4))
    if pool.chance(0.2):
        lengths = [n if k == axis % len(shape) else 1 for k, n in enumerate(lengths)]
    places = pool.rng.integers(-shape[axis], shape[axis], lengths)
    return moved(
        f"take_along_axis({{}}, {places.tolist()}, {axis})",
        i,
        lambda t: mt.take_along_axis(t, places, axis),
        lambda a: np.take_along_axis(a, places, axis),
    )


@draws("windows")
def seen_through_windows(pool: Pool, name: str) -> Step:
    i = pool.pick()
    shape = pool.shape(i)
    rank = int(pool.rng.integers(1, 3))
    if len(shape) < rank:
        raise Unfit
    size, stride, dilation = (tuple(int(n) for n in pool.rng.integers(1, 3, rank)) for _ in range(3))
    reach = tuple(d * (k - 1) + 1 for k, d in zip(size, dilation, strict=True))
    if any(n < r for n, r in zip(shape[-rank:], reach, strict=True)):
        raise Unfit

    def numpy(a: Any) -> Any:
        seen = np.lib.stride_tricks.sliding_window_view(a, reach, axis=tuple(range(-rank, 0)))
        before = (slice(None),) * (a.ndim - rank)
        seen = seen[(*before, *(slice(None, None, s) for s in stride), *(slice(None, None, d) for d in dilation))]
        return np.moveaxis(seen, tuple(range(-rank, 0)), tuple(range(rank)))

    text = f"windows({{}}, size={size}, stride={stride}, dilation={dilation})"
    return moved(text, i, lambda t: windows(t, size=size, stride=stride, dilation=dilation), numpy)


# ----------------------------------------------------------------------------------------------------- and compositions

COMPOSED: dict[str, Callable[[Pool, str], Step]] = {}
"""Compositions that are drawn beside the rows, since programs are made of them."""


def along_an_axis(mine: Callable[..., Any], theirs: Callable[..., Any]) -> Callable[[Pool, str], Step]:
    def draw(pool: Pool, name: str) -> Step:
        i = pool.pick()
        if not pool.shape(i):
            raise Unfit
        axis = int(pool.rng.integers(-len(pool.shape(i)), len(pool.shape(i))))
        return Step(
            f"{name}({{}}, {axis})", (i,), lambda t: mine(t, axis=axis), lambda r: wide(lambda r: theirs(r, axis), r)
        )

    return draw


def everywhere(mine: Callable[..., Any], theirs: Callable[..., Any]) -> Callable[[Pool, str], Step]:
    return lambda pool, name: Step(f"{name}({{}})", (pool.pick(),), mine, lambda r: wide(theirs, r))


functional = torch.nn.functional
COMPOSED |= {
    "softmax": along_an_axis(mt.softmax, torch.softmax),
    "log_softmax": along_an_axis(mt.log_softmax, torch.log_softmax),
    "logsumexp": along_an_axis(mt.logsumexp, torch.logsumexp),
    "var": along_an_axis(mt.var, lambda r, d: torch.var(r, d, correction=0)),
    "var with Bessel": along_an_axis(lambda t, axis: mt.var(t, axis, correction=1), lambda r, d: torch.var(r, d)),
    "sort": along_an_axis(mt.sort, lambda r, d: torch.sort(r, dim=d, stable=True)[0]),
    "silu": everywhere(mt.silu, functional.silu),
    "gelu": everywhere(mt.gelu, functional.gelu),
    "softplus": everywhere(mt.softplus, functional.softplus),
    "logsigmoid": everywhere(mt.logsigmoid, functional.logsigmoid),
}


def automatic(row: Primitive) -> Callable[[Pool, str], Step] | None:
    """What draws an elementwise row of one or two numbers that both libraries have, in which nothing is special."""
    if their_function(row) is None or row.parameters or not isinstance(row.vjps, tuple):
        return None
    return {1: unary, 2: binary}.get(len(row.vjps))


def drawn() -> dict[str, Callable[[Pool, str], Step]]:
    """What draws a step, by row and composition."""
    found = {name: DRAWS.get(name) or automatic(row) for name, row in TABLE.items() if name not in ELSEWHERE}
    return {name: draw for name, draw in found.items() if draw is not None} | COMPOSED


def untreated() -> list[str]:
    """Rows that neither a step draws nor a reason excuses."""
    return [name for name in TABLE if name not in ELSEWHERE and name not in drawn()]


# ------------------------------------------------------------------------------------------------------------- leaves


def numbers(pool: Pool, shape: tuple[int, ...], dtype: str) -> Any:
    """Generic numbers, no two alike; or rarely whole ones, among which there are zeros and ties."""
    if pool.chance(0.1):
        return pool.rng.integers(-2, 3, shape).astype(dtype)
    return np.asarray(pool.rng.uniform(-1.5, 1.5, shape)).astype(dtype)


def broadcastable(pool: Pool, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape that broadcasts with another one."""
    kept = shape[int(pool.rng.integers(0, len(shape) + 1)) :]
    made = tuple(1 if pool.chance(0.25) else int(pool.rng.integers(1, 4)) if n == 1 else n for n in kept)
    return (int(pool.rng.integers(1, 4)), *made) if pool.chance(0.1) and len(made) == len(shape) < 3 else made


LAYOUTS = {
    "contiguous": lambda a: a.copy(),
    "Fortran order": lambda a: np.asfortranarray(a),
    "every second": lambda a: np.repeat(a, 2, axis=-1)[..., ::2] if a.ndim else a.copy(),
    "reversed": lambda a: np.flip(np.flip(a).copy()),
    "transposed": lambda a: a.T.copy().T,
    "read-only": lambda a: _read_only(a.copy()),
    "offset": lambda a: np.concatenate([a, a])[len(a) :] if a.ndim else a.copy(),
}


def _read_only(a: Any) -> Any:
    a.setflags(write=False)
    return a


def random_leaf(pool: Pool, shape: tuple[int, ...], dtype: str) -> Leaf:
    layout = pool.one(list(LAYOUTS))
    array = LAYOUTS[layout](numbers(pool, shape, dtype))
    if pool.chance(0.05) and array.ndim:
        array, layout = np.broadcast_to(array[:1], array.shape), "broadcast"
    return Leaf(array, layout, pool.chance(0.8))


# ------------------------------------------------------------------------------------------------- building and running


def build(seed: int) -> tuple[Program, list[Any], list[Any]]:
    """A random program, and what each of its values is in both engines."""
    pool = Pool(np.random.default_rng(seed))
    program = Program(seed)
    base = tuple(
        int(n) for n in pool.rng.choice([1, 2, 3, 4, 0], pool.rng.integers(0, 4), p=[0.2, 0.25, 0.3, 0.2, 0.05])
    )
    main = str(pool.rng.choice(["f8", "f4", "f2"], p=[0.6, 0.25, 0.15]))
    for k in range(int(pool.rng.integers(2, 5))):
        dtype = main if k == 0 or pool.chance(0.9) else pool.one(["f2", "f4", "f8"])
        shape = base if k == 0 else broadcastable(pool, base)
        program.leaves.append(random_leaf(pool, shape, dtype))
    if not any(leaf.requires_grad for leaf in program.leaves):
        program.leaves[0].requires_grad = True
    mine = [mt.tensor(x.array, requires_grad=x.requires_grad, copy=pool.chance(0.5)) for x in program.leaves]
    theirs = [torch.tensor(x.array.copy(), requires_grad=x.requires_grad) for x in program.leaves]
    pool.values = theirs
    table = drawn()
    names = list(table)
    wanted, tries = int(pool.rng.integers(2, 9)), 0
    while len(program.steps) < wanted and tries < 200:
        tries += 1
        name = pool.one(names)
        try:
            step = table[name](pool, name)
            r = step.theirs(*(theirs[i] for i in step.operands))
        except (Unfit, IndexError, ValueError, RuntimeError, NotImplementedError):
            continue
        if r.numel() > MOST or r.ndim > 5 or r.dtype not in NUMPY or _too_large(r):
            continue
        program.steps.append(step)
        program.drawn.append(name)
        t = _attempt(program, lambda step=step: step.mine(*(mine[i] for i in step.operands)))
        _same_kind(program, t, r, "a value")
        mine.append(t)
        theirs.append(r)
    program.last = [i for i, t in enumerate(mine) if t.requires_grad and i >= len(program.leaves)][-2:]
    return program, mine, theirs


def _too_large(r: Any) -> bool:
    if not r.dtype.is_floating_point or not r.numel():
        return False
    return bool(not torch.isfinite(r).all() or r.abs().max() > LARGEST[NUMPY[r.dtype]])


def _same_kind(program: Program, t: Any, r: Any, what: str) -> None:
    if not isinstance(t, mt.Tensor):
        raise Mismatch(f"{program}\n{what} is a {type(t).__name__}")
    if t.shape != tuple(r.shape) or t.dtype != np.dtype(NUMPY[r.dtype]):
        raise Mismatch(f"{program}\n{what} is {t.dtype}{t.shape}, PyTorch's {NUMPY[r.dtype]}{tuple(r.shape)}")
    if t.requires_grad and not r.requires_grad:
        raise Mismatch(f"{program}\n{what} asks for gradients")


class Asked:
    """The gradients that are asked of a program: of its last results, weighted at random, to all leaves that ask.

    Attributes:
        last: the places of the results.
        ups: their upstream gradients.
        leaves: the places of the leaves.
        directions: what the gradients are weighted with to be differentiated again.
    """

    def __init__(self, program: Program, values: Sequence[Any]) -> None:
        rng = np.random.default_rng([program.seed, 1])
        self.values = values
        self.last = program.last
        self.leaves = [i for i, x in enumerate(program.leaves) if x.requires_grad]
        self.ups, self.directions = (
            [np.asarray(rng.standard_normal(values[i].shape)).astype(NUMPY[values[i].dtype]) for i in places]
            for places in (self.last, self.leaves)
        )

    def tensors(self, arrays: Sequence[Any]) -> list[Any]:
        return [torch.tensor(a) for a in arrays]

    def theirs(self, second: bool) -> tuple[list[Any], list[Any]]:
        """PyTorch's first and second derivatives."""
        outs, ins = [self.values[i] for i in self.last], [self.values[i] for i in self.leaves]
        found = torch.autograd.grad(outs, ins, self.tensors(self.ups), create_graph=True, allow_unused=True)
        again: Sequence[Any] = [None] * len(ins)
        pairs = list(zip(found, self.tensors(self.directions), strict=True))
        pairs = [(g, s) for g, s in pairs if g is not None and g.requires_grad]
        if second and pairs:
            gradients, weights = zip(*pairs, strict=True)
            again = torch.autograd.grad(gradients, ins, weights, allow_unused=True, retain_graph=True)
        return list(found), list(again)

    def mine(self, program: Program, values: Sequence[Any], second: bool) -> tuple[list[Any], list[Any]]:
        """Ours, of which the plain and the recorded ones must be the same to the last bit."""
        outs, ins = [values[i] for i in self.last], [values[i] for i in self.leaves]
        plain = _attempt(program, lambda: mt.grad(outs, ins, self.ups))
        found = _attempt(program, lambda: mt.grad(outs, ins, self.ups, create_graph=True))
        for a, b in zip(plain, found, strict=True):
            if (a is None) != (b is None) or (
                a is not None and not np.array_equal(a.numpy(), b.numpy(), equal_nan=True)
            ):
                raise Mismatch(f"{program}\nthe plain and the recorded gradient differ:\n{a}\n{b}")
        again: Sequence[Any] = [None] * len(ins)
        pairs = [(g, s) for g, s in zip(found, self.directions, strict=True) if g is not None and g.requires_grad]
        if second and pairs:
            gradients, weights = zip(*pairs, strict=True)
            again = _attempt(program, lambda: mt.grad(gradients, ins, weights))
        for x, g in zip([*ins, *ins], [*found, *again], strict=True):
            if g is not None and (g.shape != x.shape or g.dtype != x.dtype):
                raise Mismatch(f"{program}\na gradient is {g.dtype}{g.shape}, of {x.dtype}{x.shape}")
        return list(found), list(again)


def _attempt(program: Program, work: Callable[[], Any]) -> Any:
    try:
        return work()
    except Exception as error:
        raise Mismatch(f"{program}\nraises {type(error).__name__}: {error}") from error


def check(seed: int) -> Program:
    """Build a program and compare everything; raises `Mismatch`."""
    program, mine, theirs = build(seed)
    _compare_all(program, "value", range(len(mine)), mine, theirs)
    asked = Asked(program, theirs)
    if not asked.last:
        return program
    rng, before = np.random.default_rng([seed, 2]), [x.array.tobytes() for x in program.leaves]
    second = bool(rng.random() < 0.6)
    first, more = asked.theirs(second)
    ours, ours_more = asked.mine(program, mine, second)
    _compare_all(program, "gradient", asked.leaves, ours, first)
    _compare_all(program, "second derivative", asked.leaves, ours_more, more)
    kept = [i for i in range(len(program.leaves), len(mine)) if mine[i].requires_grad and rng.random() < 0.2]
    _check_backward(program, mine, theirs, asked, kept)
    if [x.array.tobytes() for x in program.leaves] != before:
        raise Mismatch(f"{program}\nan input has changed")
    return program


def _check_backward(program: Program, mine: Any, theirs: Any, asked: Asked, kept: list[int]) -> None:
    """`backward`, output by output, adds up to what `grad` gives, also in results that keep their gradients."""
    for i in kept:
        mine[i].retain_grad()
        theirs[i].retain_grad()
    upstreams = [u.copy() for u in asked.ups]
    for i, up in zip(asked.last, upstreams, strict=True):
        _attempt(program, lambda i=i, up=up: mine[i].backward(up))
        theirs[i].backward(torch.tensor(up), retain_graph=True)
    if any(a.tobytes() != b.tobytes() for a, b in zip(asked.ups, upstreams, strict=True)):
        raise Mismatch(f"{program}\nan upstream gradient has changed")
    places = [*asked.leaves, *kept]
    gradients = [mine[i].grad for i in places]
    _compare_all(program, ".grad", places, gradients, [theirs[i].grad for i in places])
    arrays = [g.numpy() for g in gradients if g is not None]
    others = [*upstreams, *(x.array for x in program.leaves), *(t.numpy() for t in mine)]
    for k, a in enumerate(arrays):
        if any(np.shares_memory(a, b) for b in (*arrays[:k], *others)):
            raise Mismatch(f"{program}\na gradient shares memory")


# ----------------------------------------------------------------------------------------------------------- comparing


def array_of(r: Any) -> Any:
    """The numbers of PyTorch's tensor; of its zeros without memory, where that ends the process, by their shape."""
    return np.zeros(tuple(r.shape), NUMPY[r.dtype]) if r._is_zerotensor() else r.detach().numpy(force=True)


def _compare_all(
    program: Program, what: str, places: Sequence[int], mine: Sequence[Any], theirs: Sequence[Any]
) -> None:
    """Compare values, or gradients of the values at some places."""
    unit = max(float(np.finfo(x.array.dtype).eps) for x in program.leaves)
    unit = max(unit, *map(_coarsest, program.steps), 0.0)
    found = [array_of(r) for r in theirs if r is not None and r.dtype.is_floating_point]
    largest = max([1.0, *(float(np.abs(b[np.isfinite(b)]).max(initial=0.0)) for b in found)])
    for place, t, r in zip(places, mine, theirs, strict=True):
        a = np.zeros(()) if t is None else t.numpy()
        b = np.zeros(()) if r is None else array_of(r)
        if t is not None and r is not None and (a.shape != b.shape or a.dtype != b.dtype):
            raise Mismatch(f"{program}\n{what} of v{place} is {a.dtype}{a.shape}, PyTorch's {b.dtype}{b.shape}")
        known = np.isfinite(b)
        apart = np.where(known, np.abs(a.astype(np.float64) - b.astype(np.float64)), 0.0)
        if np.all(apart <= CLOSE * unit * largest * (b.dtype.kind == "f")):
            continue
        allowed = np.asarray(0.0 if b.dtype.kind != "f" else APART * _rounding(program, what, place, unit))
        if not np.all(apart <= CLOSE * unit * largest + np.maximum(allowed, 0.1 * allowed.max(initial=0.0))):
            table = "\n".join(f"{name}:\n{x}" for name, x in [("ours", a), ("PyTorch's", b), ("allowed", allowed)])
            raise Mismatch(f"{program}\n{what} of v{place}\n{table}")


def _coarsest(step: Step) -> float:
    return max((float(np.finfo(k).eps) for k in ("f2", "f4") if f"astype({k})" in step.text), default=0.0)


def _rounding(program: Program, what: str, place: int, unit: float) -> Any:
    """How far PyTorch's own result moves when each number in the program is nudged as rounding would."""
    runs = [_nudged(program, what, place, unit * (seed > 0), seed) for seed in range(6)]
    moved = [np.abs(run - runs[0]) for run in runs[1:]]
    return np.nan_to_num(np.max(moved, axis=0), nan=0.0)


def _nudged(program: Program, what: str, place: int, unit: float, seed: int) -> Any:
    Nudges.unit, Nudges.seed = unit, seed
    try:
        return _again(program, what, place)
    finally:
        Nudges.unit = 0.0


def _again(program: Program, what: str, place: int) -> Any:
    values = [Nudges.of(torch.tensor(x.array.copy(), requires_grad=x.requires_grad)) for x in program.leaves]
    for step in program.steps:
        values.append(Nudges.of(step.theirs(*(values[i] for i in step.operands))))
    if what == "value":
        return array_of(values[place]).astype(np.float64)
    asked = Asked(program, values)
    if what == "second derivative":
        found = asked.theirs(True)[1][asked.leaves.index(place)]
    else:
        (found,) = torch.autograd.grad(
            [values[i] for i in asked.last], values[place], asked.tensors(asked.ups), allow_unused=True
        )
    return np.zeros(values[place].shape) if found is None else array_of(found).astype(np.float64)


def main() -> int:
    """Run programs from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=20000, help="how many programs (default: 20000)")
    parser.add_argument("--seed", type=int, default=0, help="of the first; the next ones follow (default: 0)")
    given = parser.parse_args()
    started, wrong, ops = time.perf_counter(), 0, Counter[str]()
    for seed in range(given.seed, given.seed + given.count):
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ops.update(check(seed).drawn)
        except Mismatch as mismatch:
            wrong += 1
            print(mismatch, f"run it again: python tests/engine/random_programs.py --count 1 --seed {seed}\n", sep="\n")  # noqa: T201
    rare = ", ".join(f"{name} {n}" for name, n in ops.most_common()[:-6:-1])
    took = f"{time.perf_counter() - started:.0f} s"
    print(f"{given.count} programs, {wrong} mismatches, {took}; {len(ops)} ops, least: {rare}")  # noqa: T201
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
