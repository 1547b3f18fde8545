"""One table of cases: every row of the engine's table and every public op, each beside a reference in plain NumPy.

A case draws its operands from a seed, at generic points: no two magnitudes are equal or close, and none is close to 0,
so nothing sits on a kink or a tie unless a case says so.
"""

import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from math import erf as erf_of_number
from math import erfc as erfc_of_number
from typing import Any

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.engine.recording import record_all
from micrograd_tensor.engine.table.shapes import put_add, put_along_axis_add
from micrograd_tensor.engine.table.special import erf, erfc
from micrograd_tensor.engine.table.windows import add_windows, windows
from micrograd_tensor.engine.walk import ancestors

REAL, POSITIVE, TRUTH = "real", "positive", "truth"
INSIDE, BEYOND = "inside", "beyond"


def spaced(rng: np.random.Generator, n: int) -> np.ndarray:
    """n magnitudes between 0.3 and 2 in random order, no two of them close."""
    return 0.3 + 1.7 * (rng.permutation(n) + 0.5 + rng.uniform(-0.2, 0.2, n)) / max(n, 1)


@dataclass(frozen=True)
class Case:
    """One op at one kind of operands.

    Attributes:
        name: what the test is called.
        op: the public function of ``mt`` that the case is about, or None for a row without a public name.
        function: of the operands, which may be Tensors or arrays.
        reference: the same in plain NumPy.
        shapes: one per operand; an array stands for itself (indices, say).
        domains: one per operand, or one for all.
        differentiable: False for ops that give no gradient at all.
        plain: whether arrays alone give arrays back; `batch_norm` always answers with a Tensor, since it names stages.
    """

    name: str
    op: Callable[..., Any] | None
    function: Callable[..., Any]
    reference: Callable[..., Any]
    shapes: tuple[Any, ...] = ((3, 4),)
    domains: str | tuple[str, ...] = REAL
    differentiable: bool = True
    plain: bool = True

    def arrays(self, seed: int = 0, dtype: Any = np.float64) -> list[np.ndarray]:
        """The operands: floating-point ones of the dtype, others as they are."""
        rng = np.random.default_rng([seed, len(self.name)])
        domains = (self.domains,) * len(self.shapes) if isinstance(self.domains, str) else self.domains
        sizes = [s.size if isinstance(s, np.ndarray) else int(np.prod(s)) for s in self.shapes]
        pool = iter(np.split(spaced(rng, sum(sizes)), np.cumsum(sizes)[:-1]))
        found = []
        for shape, domain in zip(self.shapes, domains, strict=True):
            values = next(pool)
            if isinstance(shape, np.ndarray):
                found.append(shape.copy())
            elif domain == TRUTH:
                found.append(rng.random(shape) < 0.5)
            else:
                signs = np.where(rng.random(values.size) < 0.5, -1, 1) if domain in (REAL, INSIDE) else 1
                signs = signs / 2.1 if domain == INSIDE else signs
                found.append((values * signs + (domain == BEYOND)).reshape(shape).astype(dtype))
        return found

    def tensors(self, seed: int = 0, dtype: Any = np.float64) -> list[mt.Tensor]:
        """The operands as Tensors, of which the floating-point ones ask for gradients."""
        return [mt.tensor(a, requires_grad=a.dtype.kind == "f") for a in self.arrays(seed, dtype)]

    def rows(self) -> set[str]:
        """The names of the ops that the forward pass records."""
        with record_all():
            outs = outputs(self.function(*self.tensors()))
        return {t.op.name for t in ancestors(outs) if t.op is not None}


def outputs(result: Any) -> list[Any]:
    """One result or several, as a list."""
    return list(result) if isinstance(result, (list, tuple)) else [result]


def upstreams(outs: Sequence[Any], seed: int = 1) -> list[np.ndarray]:
    """A random gradient for every output, of its shape and dtype."""
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.standard_normal(y.shape)).astype(y.dtype) for y in outs]


CASES: list[Case] = []


def case(name, op, reference, *shapes, domains=REAL, function=None, args=(), params=None, **flags):
    """Add a case; ``args`` and ``params`` go to the op, and to the reference under the same names."""
    params = params or {}

    def called(*operands):
        return (function or op)(*operands, *args, **params)

    def expected(*operands):
        return reference(*operands, *args, **params)

    CASES.append(Case(name, op, called, expected, shapes or ((3, 4),), domains, **flags))


# ---------------------------------------------------------------------------------------------------------- elementwise

UNARY = {
    "neg": (np.negative, REAL),
    "square": (lambda x: x * x, REAL),
    "sqrt": (np.sqrt, POSITIVE),
    "reciprocal": (lambda x: 1 / x, REAL),
    "exp": (np.exp, REAL),
    "expm1": (np.expm1, REAL),
    "log": (np.log, POSITIVE),
    "log1p": (np.log1p, POSITIVE),
    "sin": (np.sin, REAL),
    "cos": (np.cos, REAL),
    "tanh": (np.tanh, REAL),
    "tan": (np.tan, INSIDE),
    "arcsin": (np.arcsin, INSIDE),
    "arccos": (np.arccos, INSIDE),
    "arctan": (np.arctan, REAL),
    "sinh": (np.sinh, REAL),
    "cosh": (np.cosh, REAL),
    "arcsinh": (np.arcsinh, REAL),
    "arccosh": (np.arccosh, BEYOND),
    "arctanh": (np.arctanh, INSIDE),
    "log2": (np.log2, POSITIVE),
    "log10": (np.log10, POSITIVE),
    "floor": (np.floor, REAL),
    "ceil": (np.ceil, REAL),
    "trunc": (np.trunc, REAL),
    "rint": (np.rint, REAL),
    "round": (np.round, REAL),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), REAL),
    "relu": (lambda x: np.where(x > 0, x, 0), REAL),
    "abs": (np.abs, REAL),
    "sign": (np.sign, REAL),
}
NO_GRADIENT_UNARY = {"isfinite": np.isfinite, "isnan": np.isnan, "isinf": np.isinf, "logical_not": np.logical_not}
NO_GRADIENT_UNARY |= {"stop_gradient": np.copy}
BINARY = {
    "add": (np.add, REAL),
    "sub": (np.subtract, REAL),
    "mul": (np.multiply, REAL),
    "div": (np.divide, REAL),
    "pow": (np.power, POSITIVE),
    "maximum": (np.maximum, REAL),
    "minimum": (np.minimum, REAL),
    "arctan2": (np.arctan2, REAL),
    "hypot": (np.hypot, REAL),
    "logaddexp": (np.logaddexp, REAL),
}
DIVISIONS = {"floor_divide": np.floor_divide, "remainder": np.remainder, "fmod": np.fmod}
COMPARISONS = {
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "equal": np.equal,
    "not_equal": np.not_equal,
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
    "logical_xor": np.logical_xor,
}
SHAPES_1 = {"2-D": (3, 4), "0-d": (), "empty": (0, 3)}
SHAPES_2 = {
    "same shapes": ((3, 4), (3, 4)),
    "row": ((3, 4), (4,)),
    "column and row": ((3, 1), (1, 4)),
    "0-d left": ((), (2, 3)),
    "both 0-d": ((), ()),
    "empty": ((0, 3), (3,)),
}

for _name, (_reference, _domain) in UNARY.items():
    for _kind, _shape in SHAPES_1.items():
        case(f"{_name}, {_kind}", getattr(mt, _name), _reference, _shape, domains=_domain)
for _kind, _shape in SHAPES_1.items():
    case(f"erf, {_kind}", erf, lambda x: np.vectorize(erf_of_number, otypes=[x.dtype])(x), _shape)
    case(f"erfc, {_kind}", erfc, lambda x: np.vectorize(erfc_of_number, otypes=[x.dtype])(x), _shape)
for _name, _reference in NO_GRADIENT_UNARY.items():
    for _kind, _shape in SHAPES_1.items():
        case(f"{_name}, {_kind}", getattr(mt, _name), _reference, _shape, differentiable=False)
for _name, (_reference, _domain) in BINARY.items():
    for _kind, _pair in SHAPES_2.items():
        case(f"{_name}, {_kind}", getattr(mt, _name), _reference, *_pair, domains=_domain)
for _name, _reference in DIVISIONS.items():
    for _kind in ("same shapes", "row", "both 0-d", "empty"):
        _curved = _name != "floor_divide"
        case(f"{_name}, {_kind}", getattr(mt, _name), _reference, *SHAPES_2[_kind], differentiable=_curved)
for _name, _reference in COMPARISONS.items():
    for _kind, _pair in SHAPES_2.items():
        case(f"{_name}, {_kind}", getattr(mt, _name), _reference, *_pair, differentiable=False)

MASKS = {"bitwise_and": np.bitwise_and, "bitwise_or": np.bitwise_or}
for _name, _reference in MASKS.items():
    for _kind, _pair in SHAPES_2.items():
        case(
            f"{_name}, {_kind}",
            getattr(mt, _name),
            lambda a, b, _reference=_reference: _reference(a > 0, b > 0),
            *_pair,
            function=lambda a, b, _name=_name: getattr(mt, _name)(mt.greater(a, 0), mt.greater(b, 0)),
            differentiable=False,
        )
case(
    "invert",
    mt.invert,
    lambda x: ~(x > 0),
    (3, 4),
    function=lambda x: mt.invert(mt.greater(x, 0)),
    differentiable=False,
)
case("pow, base of any sign, whole exponent", mt.pow, np.power, (3, 4), args=(3,))
case("pow, negative exponent", mt.pow, np.power, (3, 4), args=(-2,))
case("pow, a number as base", mt.pow, lambda b: np.power(2.5, b), (3, 4), function=lambda b: mt.pow(2.5, b))
for _kind, _shapes in {
    "same shapes": ((3, 4),) * 3,
    "broadcast": ((3, 1), (4,), (3, 4)),
    "0-d": ((),) * 3,
    "empty": ((0, 2),) * 3,
}.items():
    case(f"where, {_kind}", mt.where, np.where, *_shapes, domains=(TRUTH, REAL, REAL))
for _kind, _params in {
    "both bounds": {"min": -1.01, "max": 0.73},
    "min alone": {"min": 0.1},
    "max alone": {"max": 0.1},
}.items():
    case(
        f"clip, {_kind}",
        mt.clip,
        lambda x, **b: np.minimum(np.maximum(x, b.get("min", -np.inf)), b.get("max", np.inf)),
        params=_params,
    )
case("clip, Tensors", mt.clip, lambda x, a, b: np.minimum(np.maximum(x, a), b), (3, 4), (4,), (3, 1))
case("astype, float64", mt.astype, lambda x, dtype: x.astype(dtype), args=("float64",))
case("astype, integers", mt.astype, lambda x, dtype: x.astype(dtype), args=(int,), differentiable=False)
case("astype, truth", mt.astype, lambda x, dtype: x.astype(dtype), args=(bool,), differentiable=False)

# ----------------------------------------------------------------------------------------------------------- reductions


def _logsumexp(x, axis=None, keepdims=False):
    return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))


def _l2_norm(x, axis=None, keepdims=False):
    return np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))


REDUCTIONS = {
    "sum": np.sum,
    "mean": np.mean,
    "max": np.max,
    "min": np.min,
    "prod": np.prod,
    "var": np.var,
    "std": np.std,
    "logsumexp": _logsumexp,
    "l2_norm": _l2_norm,
}
AXES = (None, 0, 1, -1, (0, 2), (-1, 0), (1,), (0, 1, 2))

for (_name, _reference), _axis, _keepdims in product(REDUCTIONS.items(), AXES, (False, True)):
    case(
        f"{_name}, axis={_axis}{', keepdims' if _keepdims else ''}",
        getattr(mt, _name),
        _reference,
        (2, 3, 2),
        params={"axis": _axis, "keepdims": _keepdims},
    )
for _name, _reference in REDUCTIONS.items():
    case(f"{_name}, NumPy's int as axis", getattr(mt, _name), _reference, (2, 3, 2), params={"axis": np.int64(1)})
case("cumsum, NumPy's int as axis", mt.cumsum, np.cumsum, (3, 4), params={"axis": np.int64(1)})
for _name in ("sum", "mean", "max", "min", "prod", "logsumexp", "l2_norm"):
    case(f"{_name}, 0-d", getattr(mt, _name), REDUCTIONS[_name], ())
for _name in ("sum", "prod"):
    case(f"{_name}, of nothing", getattr(mt, _name), REDUCTIONS[_name], (0, 3))
    case(f"{_name}, over an empty axis", getattr(mt, _name), REDUCTIONS[_name], (0, 3), params={"axis": 0})
for _name in ("sum", "mean", "max", "min", "prod"):
    case(f"{_name}, no elements left", getattr(mt, _name), REDUCTIONS[_name], (0, 3), params={"axis": 1})
for _name, _axis in product(("sum", "max", "min", "prod"), (0, -1, ())):  # NumPy lets a 0-d array have them
    case(f"{_name}, 0-d, axis={_axis}", getattr(mt, _name), REDUCTIONS[_name], (), params={"axis": _axis})
for _name in ("var", "std", "logsumexp", "l2_norm"):
    case(f"{_name}, no rows", getattr(mt, _name), REDUCTIONS[_name], (0, 3), params={"axis": 1})
for _correction in (1, 1.5):
    for _name, _reference in {"var": np.var, "std": np.std}.items():
        case(
            f"{_name}, correction={_correction}",
            getattr(mt, _name),
            lambda x, axis, correction, r=_reference: r(x, axis=axis, ddof=correction),
            (4, 3),
            params={"axis": 0, "correction": _correction},
        )
for _axis in (0, 1, -1):
    case(f"cumsum, axis={_axis}", mt.cumsum, np.cumsum, (3, 4), params={"axis": _axis})
for _axis, _keepdims in ((None, False), (0, False), (-1, True)):
    for _name in ("any", "all", "count_nonzero", "argmax", "argmin"):
        case(
            f"{_name}, axis={_axis}",
            getattr(mt, _name),
            getattr(np, _name),
            (3, 4),
            params={"axis": _axis, "keepdims": _keepdims},
            differentiable=False,
        )
case("divmod", mt.divmod, np.remainder, (3, 4), (4,), function=lambda a, b: mt.divmod(a, b)[1])
case("round to tens", mt.round, np.round, args=(-1,))
case("cumsum, 0-d", mt.cumsum, np.cumsum, (), params={"axis": 0})
case("cumsum, empty", mt.cumsum, np.cumsum, (0, 3), params={"axis": 0})
for _shape, _target in (((4,), (3, 4)), ((3, 1), (3, 4)), ((), (2, 3)), ((1, 3), (2, 2, 3)), ((1, 3), (0, 3))):
    case(f"broadcast_to, {_shape} to {_target}", mt.broadcast_to, np.broadcast_to, _shape, params={"shape": _target})
case("broadcast_to, an int", mt.broadcast_to, np.broadcast_to, (1,), args=(np.int64(3),))
case("broadcast_to, large", mt.broadcast_to, np.broadcast_to, (3, 1), params={"shape": (3, 6000)})

# --------------------------------------------------------------------------------------------------------------- shapes

for _shape, _target in (
    ((3, 4), (2, 6)),
    ((3, 4), (-1,)),
    ((2, 6), (3, -1, 2)),
    ((1, 1), ()),
    ((), (1, 1)),
    ((0, 3), (3, 0)),
):
    case(f"reshape, {_shape} to {_target}", mt.reshape, np.reshape, _shape, args=(_target,))
case("reshape, an int", mt.reshape, np.reshape, (3, 4), args=(12,))
for _axes in (None, (0, 1, 2), (1, 2, 0), (-1, 0, -2)):
    case(f"transpose, axes={_axes}", mt.transpose, np.transpose, (2, 3, 4), params={"axes": _axes})
case("permute", mt.permute, np.transpose, (2, 3, 4), args=((2, 0, 1),))
case("transpose, 0-d", mt.transpose, np.transpose, ())
for _pair in ((0, 2), (-1, 1), (1, 1)):
    case(f"swapaxes, {_pair}", mt.swapaxes, np.swapaxes, (2, 3, 4), args=_pair)
for _axis in (None, 0, -2, (0, 2)):
    case(f"squeeze, axis={_axis}", mt.squeeze, np.squeeze, (1, 3, 1, 2), params={"axis": _axis})
for _axis in (0, 1, -1, (0, 2), (-1, 1)):
    case(f"expand_dims, axis={_axis}", mt.expand_dims, np.expand_dims, (3, 4), params={"axis": _axis})
for _axis in (None, 0, -1, (0, 2)):
    case(f"flip, axis={_axis}", mt.flip, np.flip, (2, 3, 2), params={"axis": _axis})
for _width in (2, (1, 2), ((1, 0), (0, 2))):
    case(f"pad, {_width}", mt.pad, np.pad, (2, 3), args=(_width,))
case(
    "pad, with a value",
    mt.pad,
    lambda x, pad_width, value: np.pad(x, pad_width, constant_values=value),
    (2, 3),
    params={"pad_width": 1, "value": 7.5},
)
for _mode in ("edge", "reflect", "symmetric", "wrap"):
    case(
        f"pad, {_mode}",
        mt.pad,
        lambda x, pad_width, mode: np.pad(x, pad_width, mode),
        (3, 4),
        params={"pad_width": ((2, 0), (1, 3)), "mode": _mode},
    )
case("pad, some axes", mt.pad, lambda x, pad_width: np.pad(x, ((0, 0), (1, 2))), (2, 3), args=({-1: (1, 2)},))
case("copy", mt.copy, np.copy, (3, 4))
case("ravel", mt.ravel, np.ravel, (2, 3))
for _places, _axis in (([1, 0, 1], None), ([[1, 0], [1, 1]], 0), (np.array([2, -1]), -1), (1, 1)):
    case(f"take, {_places}, axis={_axis}", mt.take, lambda *x: np.asarray(np.take(*x)), (2, 3), args=(_places, _axis))
for _repeats, _axis in ((2, None), (3, 0), ((1, 0, 2), 1)):
    case(f"repeat, {_repeats}, axis={_axis}", mt.repeat, np.repeat, (2, 3), args=(_repeats, _axis))
for _from, _to in ((0, -1), ((0, 1), (-1, -2)), ((2, 0), (0, 1))):
    case(f"moveaxis, {_from} to {_to}", mt.moveaxis, np.moveaxis, (2, 3, 4), args=(_from, _to))
for _offset, _axes in ((0, (0, 1)), (1, (0, 1)), (-1, (2, 0)), (5, (0, 1))):
    for _name in ("diagonal", "trace"):
        case(
            f"{_name}, offset={_offset}, {_axes}",
            getattr(mt, _name),
            getattr(np, _name),
            (3, 2, 4),
            args=(_offset, *_axes),
        )
for _k in (0, 1, -1):
    case(f"tril, k={_k}", mt.tril, np.tril, (3, 4), params={"k": _k})
    case(f"triu, k={_k}", mt.triu, np.triu, (2, 3, 3), params={"k": _k})

for _name in ("flip", "squeeze", "transpose"):
    case(f"{_name}, 0-d alone", getattr(mt, _name), getattr(np, _name), ())
    case(f"{_name}, empty", getattr(mt, _name), getattr(np, _name), (0, 3, 2))
case("expand_dims, 0-d", mt.expand_dims, np.expand_dims, (), params={"axis": 0})
case("pad, empty", mt.pad, np.pad, (0, 2), args=(1,))
case("tril, empty", mt.tril, np.tril, (0, 3))

# ------------------------------------------------------------------------------------------------------------- indexing

INDEXES = {
    "an int": 1,
    "negative int": -1,
    "numpy int": np.int64(2),
    "slice": slice(1, 3),
    "negative step": slice(None, None, -2),
    "ellipsis": (..., 0),
    "all": ...,
    "None": (None, slice(None), 0),
    "None amid": (0, None, ..., None, 1),
    "ints alone": (1, 0, 1),
    "empty tuple": (),
    "empty slice": slice(2, 2),
    "list": [2, 0],
    "empty list": [],
    "list of truths": [True, False, True],
    "repeats": np.array([0, 2, 2, -1]),
    "2-D repeats": np.array([[0, 0], [1, 0]]),
    "two arrays": (np.array([0, 1, 1]), np.array([1, 0, 0])),
    "two arrays that broadcast": (np.array([[0], [2]]), np.array([1, 0, 1])),
    "array and slice": (np.array([1, 1]), slice(0, 2), 0),
    "arrays apart": (np.array([0, 1, 0]), slice(None), np.array([1, 0, 1])),
    "slice and array": (slice(None), [1, 1, 0]),
    "ellipsis and array": (..., np.array([0, 1, 1])),
    "mask of one axis": np.array([True, False, True]),
    "mask of two axes": np.array([[True, False], [False, True], [True, True]]),
    "mask of all axes": np.arange(12).reshape(3, 2, 2) % 3 == 0,
    "mask of none": np.zeros(3, dtype=bool),
    "mask and int": (np.array([True, False, True]), 1),
    "mask and None": (None, np.array([True, False, True])),
    "True": True,
    "False": False,
    "no places": np.array([], dtype=int),
}


def _numpy_index(index):
    parts = index if isinstance(index, tuple) else (index,)
    return tuple(np.asarray(i, None if i else int) if isinstance(i, list) else i for i in parts)


for _kind, _index in INDEXES.items():
    case(
        f"getitem, {_kind}",
        mt.getitem,
        lambda x, index: np.array(x[_numpy_index(index)]),
        (3, 2, 2),
        args=(_index,),
    )
case("getitem, 0-d", mt.getitem, lambda x, index: np.array(x[index]), (), args=((),))
case("getitem, 0-d, None", mt.getitem, lambda x, index: np.array(x[index]), (), args=((None, ...),))
case("getitem, operator", mt.getitem, lambda x: x[1:, None], (3, 2), function=lambda x: x[1:, None])
case(
    "getitem, Tensor of places",
    mt.getitem,
    lambda x, i: x[i],
    (3, 2),
    np.array([2, 0, 2]),
    function=lambda x, i: mt.getitem(x, i),
)
case(
    "getitem, Tensor of places amid slices",
    mt.getitem,
    lambda x, i: x[1:, i, None],
    (3, 2),
    np.array([[1, 0], [1, 1]]),
    function=lambda x, i: mt.getitem(x, (slice(1, None), i, None)),
)
case(
    "getitem, Tensor mask",
    mt.getitem,
    lambda x, m: x[m],
    (3, 2),
    np.array([[True, False], [False, False], [True, True]]),
    function=lambda x, m: mt.getitem(x, m),
)


def _put(x, index, shape):
    full = np.zeros(shape, x.dtype)
    np.add.at(full, index, x)
    return full


case(
    "put, slices",
    None,
    lambda x: _put(x, (slice(1, 3), 0), (4, 2)),
    (2,),
    function=lambda x: put_add(x, index=(slice(1, 3), 0), shape=(4, 2)),
)
case(
    "put, places with repeats",
    None,
    lambda x, i: _put(x, i, (4,)),
    (3,),
    np.array([1, 1, 3]),
    function=lambda x, i: put_add(x, i, index=("array",), shape=(4,)),
)
_PLACES = np.array([[1, 0, 0], [2, 2, 2]])
for _axis, _shape, _places in (
    (1, (2, 3), _PLACES),
    (-1, (2, 4), np.array([[3], [0]])),
    (0, (3, 4), np.array([[2, 2, 0, 1]])),
    (0, (3, 4), np.array([[2, 2, 0, 1], [0, 2, 0, -1]])),
):
    case(
        f"take_along_axis, axis={_axis}, places {_places.shape}",
        mt.take_along_axis,
        np.take_along_axis,
        _shape,
        _places,
        params={"axis": _axis},
    )
case(
    "take_along_axis, places that broadcast",
    mt.take_along_axis,
    lambda x, i, axis: np.take_along_axis(x, i, axis=axis),
    (3, 4),
    np.array([[2], [0]]),
    params={"axis": 0},
)


def _put_along(x, places, axis, shape):
    full = np.zeros(shape, x.dtype)
    for at in np.ndindex(*places.shape):
        to = list(at)
        to[axis] = places[at]
        full[tuple(to)] += x[at]
    return full


case(
    "put along an axis",
    None,
    lambda x, i: _put_along(x, i, 1, (2, 4)),
    (2, 3),
    _PLACES,
    function=lambda x, i: put_along_axis_add(x, i, axis=1, shape=(2, 4)),
)
for _axis in (0, -1):
    case(f"argsort, axis={_axis}", mt.argsort, np.argsort, (3, 4), params={"axis": _axis}, differentiable=False)
    case(f"sort, axis={_axis}", mt.sort, np.sort, (3, 4), params={"axis": _axis})

case("argsort, empty", mt.argsort, np.argsort, (0, 3), params={"axis": 0}, differentiable=False)
case("sort, axis=None", mt.sort, np.sort, (3, 4), params={"axis": None})
case("sort, empty", mt.sort, np.sort, (0, 3), params={"axis": 0})
case("sort, of rows that are not there", mt.sort, np.sort, (0, 3), params={"axis": 1})
case("getitem, empty", mt.getitem, lambda x, index: x[index], (0, 3), args=((slice(None), [1, 1]),))

# ------------------------------------------------------------------------------------------- putting together and apart

for _name, _shapes, _axis in (
    ("two", ((2, 3), (1, 3)), 0),
    ("three", ((2, 1), (2, 3), (2, 2)), -1),
    ("one", ((2, 3),), 1),
    ("an empty one", ((2, 3), (0, 3)), 0),
):
    case(
        f"concatenate, {_name}",
        mt.concatenate,
        lambda *parts, axis: np.concatenate(parts, axis=axis),
        *_shapes,
        function=lambda *parts, axis: mt.concatenate(list(parts), axis=axis),
        params={"axis": _axis},
    )
for _axis in (0, 1, -1):
    case(
        f"stack, axis={_axis}",
        mt.stack,
        lambda *parts, axis: np.stack(parts, axis=axis),
        *((2, 3),) * 3,
        function=lambda *parts, axis: mt.stack(list(parts), axis=axis),
        params={"axis": _axis},
    )
case("stack, 0-d", mt.stack, lambda *p: np.stack(p), (), (), function=lambda *p: mt.stack(p))
for _sections, _axis in ((2, 0), (3, -1), ((1, 3), 0), ((2,), 1), ((0, 4), 0)):
    case(f"split, {_sections}, axis={_axis}", mt.split, np.split, (4, 3), args=(_sections,), params={"axis": _axis})

# ------------------------------------------------------------------------------------------------------------- products

for _a, _b in (
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((2, 3), (3, 4)),
    ((2, 2, 3), (3, 4)),
    ((2, 3), (2, 3, 2)),
    ((2, 1, 2, 3), (2, 3, 2)),
    ((3,), (2, 3, 2)),
    ((2, 2, 3), (3,)),
    ((1, 2, 3), (2, 3, 1)),
    ((0, 3), (3, 2)),
    ((2, 0), (0, 3)),
):
    case(f"matmul, {_a} and {_b}", mt.matmul, np.matmul, _a, _b)
for _a, _b in (
    ((3,), (3,)),
    ((2, 3), (3, 4)),
    ((2, 2, 3), (3,)),
    ((2, 3), (2, 3, 4)),
    ((2, 2, 3), (2, 3, 4)),
    ((), (2, 3)),
    ((2,), ()),
):
    case(f"dot, {_a} and {_b}", mt.dot, np.dot, _a, _b)
EINSUMS = {
    "ij,jk->ik": ((2, 3), (3, 4)),
    "ij,jk": ((2, 3), (3, 4)),
    "ij,ij->": ((2, 3), (2, 3)),
    "i,j->ij": ((3,), (2,)),
    "i,j->ji": ((3,), (2,)),
    "ij->ji": ((2, 3),),
    "ba": ((2, 3),),
    "ij->j": ((2, 3),),
    "ij->": ((2, 3),),
    "ii": ((3, 3),),
    "ii->i": ((3, 3),),
    "iij->j": ((2, 2, 3),),
    "iji->j": ((2, 3, 2),),
    "ii,i->i": ((3, 3), (3,)),
    "iii->i": ((2, 2, 2),),
    "ij,k->i": ((2, 3), (2,)),
    "ij,jk,kl->il": ((2, 2), (2, 3), (3, 2)),
    "i,i,i->i": ((3,), (3,), (3,)),
    "...ij,...jk->...ik": ((2, 2, 3), (2, 3, 2)),
    "...ij,jk": ((2, 2, 3), (3, 2)),
    "...i,...i->...": ((2, 3), (3,)),
    "i...->...i": ((2, 3, 2),),
    "...,...": ((2, 3), (2, 1)),
    "bij,bjk->bik": ((2, 2, 3), (2, 3, 2)),
    "bhqd,bhkd->bhqk": ((1, 2, 2, 3), (1, 2, 3, 3)),
    " i j , j -> i ": ((2, 3), (3,)),
    ",ij->ij": ((), (2, 3)),
    "ij,ij->ij": ((1, 3), (2, 3)),
    "ij,j->i": ((0, 3), (3,)),
    "ij->i": ((2, 0),),
    "": ((),),
}
for _subscripts, _shapes in EINSUMS.items():
    case(
        f"einsum, {_subscripts}",
        mt.einsum,
        lambda *operands, s=_subscripts: np.einsum(s, *operands),
        *_shapes,
        function=lambda *operands, s=_subscripts: mt.einsum(s, *operands),
    )

# --------------------------------------------------------------------------------------------------------- compositions


def _softmax(x, axis=-1):
    return np.exp(x) / np.sum(np.exp(x), axis=axis, keepdims=True)


def _batch_norm(x, gamma, beta, eps=1e-5, axis=0):
    return gamma * (x - x.mean(axis, keepdims=True)) / np.sqrt(x.var(axis, keepdims=True) + eps) + beta


for _axis in (-1, 0, (0, 1)):
    case(f"softmax, axis={_axis}", mt.softmax, _softmax, (3, 4), params={"axis": _axis})
    case(
        f"log_softmax, axis={_axis}",
        mt.log_softmax,
        lambda x, axis: np.log(_softmax(x, axis)),
        (3, 4),
        params={"axis": _axis},
    )
for _name, _reference in {"softmax": _softmax, "log_softmax": lambda x: np.log(_softmax(x))}.items():
    case(f"{_name}, 0-d", getattr(mt, _name), lambda x, r=_reference: np.asarray(r(x)), ())
    case(f"{_name}, empty", getattr(mt, _name), _reference, (0, 3))
case("batch_norm", mt.batch_norm, _batch_norm, (5, 3), (3,), (3,), plain=False)
case("batch_norm, eps", mt.batch_norm, _batch_norm, (4, 2), (2,), (2,), plain=False, params={"eps": 0.5})
case(
    "batch_norm, images",
    mt.batch_norm,
    _batch_norm,
    (2, 3, 2, 2),
    (3, 1, 1),
    (3, 1, 1),
    plain=False,
    params={"axis": (0, 2, 3)},
)

# ------------------------------------------------------------------------------------------------------------ windows


def _windows(x, size, stride, dilation):
    rank = len(size)
    seen = np.lib.stride_tricks.sliding_window_view(
        x, [d * (k - 1) + 1 for k, d in zip(size, dilation, strict=True)], tuple(range(-rank, 0))
    )
    lead = (slice(None),) * (x.ndim - rank)
    seen = seen[(*lead, *(slice(None, None, s) for s in stride), *(slice(None, None, d) for d in dilation))]
    return np.moveaxis(seen, range(-rank, 0), range(rank))


def _add_windows(x, shape, stride, dilation):
    rank = len(shape)
    full = np.zeros((*x.shape[rank : x.ndim - rank], *shape), x.dtype)
    for place in np.ndindex(*x.shape[:rank], *x.shape[x.ndim - rank :]):
        at = tuple(p * s + i * d for i, p, s, d in zip(place[:rank], place[rank:], stride, dilation, strict=True))
        full[(..., *at)] += x[(*place[:rank], ..., *place[rank:])]
    return full


for _name, _shape, _params in (
    ("sequence", (7,), {"size": (3,), "stride": (1,), "dilation": (1,)}),
    ("with gaps", (2, 7), {"size": (2,), "stride": (3,), "dilation": (1,)}),
    ("dilated", (2, 8), {"size": (3,), "stride": (2,), "dilation": (2,)}),
    ("images", (2, 1, 4, 5), {"size": (2, 3), "stride": (2, 1), "dilation": (1, 2)}),
    ("of one", (3, 4), {"size": (1, 1), "stride": (1, 2), "dilation": (1, 1)}),
    ("as large as it is", (3, 4), {"size": (3, 4), "stride": (1, 1), "dilation": (1, 1)}),
    ("no samples", (0, 4), {"size": (2,), "stride": (1,), "dilation": (1,)}),
    ("empty size", (3,), {"size": (), "stride": (), "dilation": ()}),
):
    case(f"windows, {_name}", windows, _windows, _shape, params=_params)
    _seen = _windows(np.zeros(_shape), **_params).shape
    _back = {**_params, "shape": _shape[len(_shape) - len(_params["size"]) :]}
    del _back["size"]
    case(f"add_windows, {_name}", add_windows, _add_windows, _seen, params=_back)
_params = {"stride": (2, 1), "dilation": (1, 2), "axis": (1, -2)}
case(
    "windows, inner axes",
    windows,
    lambda x, axis, **params: np.moveaxis(_windows(np.moveaxis(x, 3, 1), **params), 3, -1),
    (2, 5, 6, 3),
    params={**_params, "size": (3, 2)},
)
case(
    "add_windows, inner axes",
    add_windows,
    lambda x, axis, **params: np.moveaxis(_add_windows(np.moveaxis(x, -1, 3), **params), 1, 3),
    (3, 2, 2, 2, 4, 3),
    params={**_params, "shape": (5, 6)},
)

# -------------------------------------------------------------------------------- compositions that nets are made of


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _normalized(x, axis, weight=1.0, bias=0.0, eps=1e-5):
    return weight * (x - x.mean(axis, keepdims=True)) / np.sqrt(x.var(axis, keepdims=True) + eps) + bias


def _conv(x, weight, bias, stride, padding):
    rank = weight.ndim - 2
    x = np.pad(x, [(0, 0), (0, 0), *[(padding, padding)] * rank])
    seen = _windows(x, weight.shape[2:], (stride,) * rank, (1,) * rank)
    subscripts = "inct,oci->not" if rank == 1 else "ijncxy,ocij->noxy"
    return np.einsum(subscripts, seen, weight) + bias.reshape(-1, *(1,) * rank)


def _pooled(x, size, how):
    return how(_windows(x, (size, size), (size, size), (1, 1)), axis=(0, 1))


def _attended(q, k, v):
    return _softmax(q @ np.swapaxes(k, -1, -2) / np.asarray(np.sqrt(q.shape[-1]), q.dtype)) @ v


def _half_dropped(x):
    return np.where(np.random.default_rng(0).random(x.shape) >= 0.5, 2 * x, 0)


_RATIO = math.sqrt(2 / math.pi)
_PLACES = np.array([[2, 0], [1, 1]])
_TARGETS = np.array([2, 0, 1])
_ROWS = np.arange(3)
for _name, _reference in {
    "leaky_relu": lambda x: np.where(x > 0, x, x / 100),
    "gelu": lambda x: x * np.vectorize(lambda v: (1 + erf_of_number(v / math.sqrt(2))) / 2, otypes=[x.dtype])(x),
    "elu": lambda x: np.where(x > 0, x, np.exp(x) - 1),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * (np.exp(x) - 1)),
    "silu": lambda x: x * _sigmoid(x),
    "softplus": lambda x: np.log(1 + np.exp(x)),
    "logsigmoid": lambda x: np.log(_sigmoid(x)),
}.items():
    case(_name, getattr(mt, _name), _reference, (3, 4), plain=False)
case(
    "gelu, tanh",
    mt.gelu,
    lambda x, approximate: x * (1 + np.tanh(_RATIO * (x + 0.044715 * x**3))) / 2,
    (3, 4),
    plain=False,
    params={"approximate": "tanh"},
)
case("prelu", mt.prelu, lambda x, w: np.where(x > 0, x, w * x), (3, 4), (4,), plain=False)
case(
    "dropout",
    mt.dropout,
    _half_dropped,
    (3, 4),
    function=lambda x: mt.dropout(x, generator=np.random.default_rng(0)),
    plain=False,
)
for _shape in ((5, 4), (4,), (2, 3, 4), (0, 4)):
    case(f"linear, {_shape}", mt.linear, lambda x, w, b: x @ w.T + b, _shape, (3, 4), (3,), plain=False)
case("flatten", mt.flatten, lambda x: x.reshape(-1), (2, 3))
case("embedding", mt.embedding, lambda i, w: w[i], _PLACES, (3, 2), plain=False)
case("conv1d", mt.conv1d, _conv, (2, 2, 5), (3, 2, 2), (3,), plain=False, params={"stride": 2, "padding": 1})
case(
    "conv2d",
    mt.conv2d,
    _conv,
    *((2, 2, 3, 4), (3, 2, 2, 2), (3,)),
    plain=False,
    params={"stride": 1, "padding": 1},
)
case(
    "max_pool2d",
    mt.max_pool2d,
    lambda x: _pooled(x, 2, np.max),
    (2, 4, 5),
    args=(),
    plain=False,
    function=lambda x: mt.max_pool2d(x, 2),
)
case(
    "avg_pool2d",
    mt.avg_pool2d,
    lambda x: _pooled(x, 2, np.mean),
    (2, 4, 5),
    plain=False,
    function=lambda x: mt.avg_pool2d(x, 2),
)
case(
    "adaptive_avg_pool2d",
    mt.adaptive_avg_pool2d,
    lambda x: _pooled(x, 2, np.mean),
    (2, 4, 4),
    plain=False,
    function=lambda x: mt.adaptive_avg_pool2d(x, 2),
)
case(
    "layer_norm",
    mt.layer_norm,
    lambda x, w, b: _normalized(x, -1, w, b),
    (3, 4),
    (4,),
    (4,),
    plain=False,
    function=lambda x, w, b: mt.layer_norm(x, 4, w, b),
)
case(
    "group_norm",
    mt.group_norm,
    lambda x: _normalized(x.reshape(2, 2, 2), -1).reshape(2, 4),
    (2, 4),
    plain=False,
    function=lambda x: mt.group_norm(x, 2),
)
case("instance_norm", mt.instance_norm, lambda x: _normalized(x, -1), (2, 3, 4), plain=False)
case(
    "rms_norm",
    mt.rms_norm,
    lambda x: x / np.sqrt(np.mean(x * x, -1, keepdims=True) + 1e-5),
    (3, 4),
    plain=False,
    function=lambda x: mt.rms_norm(x, 4, eps=1e-5),
)
case("attention", mt.scaled_dot_product_attention, _attended, (2, 3, 2), (2, 4, 2), (2, 4, 3), plain=False)
for _name, _reference in {
    "mse_loss": lambda x, z: np.mean((x - z) ** 2),
    "l1_loss": lambda x, z: np.mean(np.abs(x - z)),
    "smooth_l1_loss": lambda x, z: np.mean(
        np.where(np.abs(x - z) < 1, (x - z) ** 2 / 2, np.abs(x - z) - np.asarray(0.5, x.dtype))
    ),
    "huber_loss": lambda x, z: np.mean(
        np.where(np.abs(x - z) < 1, (x - z) ** 2 / 2, np.abs(x - z) - np.asarray(0.5, x.dtype))
    ),
    "binary_cross_entropy_with_logits": lambda x, z: np.mean(np.log(1 + np.exp(x)) - z * x),
}.items():
    case(_name, getattr(mt, _name), _reference, (3, 4), (3, 4), plain=False)
case(
    "binary_cross_entropy",
    mt.binary_cross_entropy,
    lambda x, z: -np.mean(z * np.log(x * 0.5 + 0.5) + (1 - z) * np.log(0.5 - x * 0.5)),
    *((3, 4), (3, 4)),
    function=lambda x, z: mt.binary_cross_entropy(x * 0.5 + 0.5, z),
    domains=(INSIDE, REAL),
    plain=False,
)
case("nll_loss", mt.nll_loss, lambda x, t: -np.mean(x[_ROWS, t]), (3, 4), _TARGETS, plain=False)
case(
    "cross_entropy",
    mt.cross_entropy,
    lambda x, t: -np.mean(np.log(_softmax(x))[_ROWS, t]),
    *((3, 4), _TARGETS),
    plain=False,
)

# ------------------------------------------------------------------------------- compositions that NumPy has by name

NUMPYS: list[tuple[str, tuple[Any, ...], tuple[Any, ...], dict[str, Any]]] = [
    ("vdot", ((2, 3), (3, 2)), (), {}),
    ("inner", ((2, 3), (3,)), (), {}),
    ("inner", ((2, 3), (4, 3)), (), {}),
    ("inner", ((), (2, 3)), (), {}),
    ("outer", ((2, 2), (3,)), (), {}),
    ("tensordot", ((2, 3, 4), (3, 4, 2)), (), {}),
    ("tensordot", ((2, 3), (4, 2)), (), {"axes": ((0,), (1,))}),
    ("tensordot", ((2, 3), (4, 2)), (), {"axes": (0, -1)}),
    ("tensordot", ((2,), (3,)), (), {"axes": 0}),
    ("kron", ((2, 2), (2,)), (), {}),
    ("kron", ((2, 3), (3, 1)), (), {}),
    ("cross", ((2, 3), (3,)), (), {}),
    ("cross", ((3, 2), (3, 2)), (), {"axis": 0}),
    ("matrix_transpose", ((2, 3, 4),), (), {}),
    ("tile", ((2, 3),), (2,), {}),
    ("tile", ((2, 3),), ((2, 1, 3),), {}),
    ("tile", ((),), ((2, 2),), {}),
    ("roll", ((3, 4),), (2,), {}),
    ("roll", ((3, 4),), (-1,), {"axis": 0}),
    ("roll", ((3, 4),), ((1, 2),), {"axis": (0, 1)}),
    ("roll", ((0, 3),), (1,), {"axis": 0}),
    ("rot90", ((2, 3),), (), {}),
    ("rot90", ((2, 3, 2),), (2,), {"axes": (1, 2)}),
    ("rot90", ((2, 3),), (-1,), {}),
    ("rot90", ((2, 3),), (4,), {}),
    ("fliplr", ((2, 3),), (), {}),
    ("flipud", ((2, 3),), (), {}),
    ("diag", ((3,),), (), {}),
    ("diag", ((3,),), (2,), {}),
    ("diag", ((3,),), (-1,), {}),
    ("diag", ((3, 4),), (1,), {}),
    ("diagflat", ((2, 2),), (1,), {}),
    ("delete", ((2, 4),), ([0, 2],), {"axis": 1}),
    ("delete", ((2, 4),), (slice(1, 3),), {}),
    ("atleast_1d", ((),), (), {}),
    ("atleast_2d", ((3,),), (), {}),
    ("atleast_3d", ((),), (), {}),
    ("atleast_3d", ((3,),), (), {}),
    ("atleast_3d", ((2, 3),), (), {}),
    ("array_split", ((5, 2),), (3,), {}),
    ("array_split", ((5, 2),), ([1, 4],), {}),
    ("hsplit", ((2, 4),), (2,), {}),
    ("hsplit", ((4,),), (2,), {}),
    ("vsplit", ((4, 2),), ([1],), {}),
    ("dsplit", ((2, 1, 4),), (2,), {}),
    ("append", ((2, 3), (1, 3)), (), {"axis": 0}),
    ("append", ((2, 3), (2,)), (), {}),
    ("exp2", ((3, 4),), (), {}),
    ("fabs", ((3, 4),), (), {}),
    ("degrees", ((3, 4),), (), {}),
    ("radians", ((3, 4),), (), {}),
    ("nan_to_num", ((3, 4),), (), {}),
    ("diff", ((3, 4),), (), {}),
    ("diff", ((4, 2),), (2,), {"axis": 0}),
    ("average", ((3, 4),), (), {"axis": 0}),
    ("ptp", ((3, 4),), (), {"axis": 1}),
    ("median", ((3, 4),), (), {}),
    ("median", ((3, 4),), (), {"axis": 0, "keepdims": True}),
    ("quantile", ((3, 4),), (0.7,), {"keepdims": True}),
    ("percentile", ((3, 4),), (40,), {"axis": 0}),
    ("median", ((2, 3, 2),), (), {"axis": (0, -1), "keepdims": True}),
]
"""Name, shapes, arguments and settings of compositions that are NumPy's functions of these names."""
for _name, _shapes, _args, _params in NUMPYS:
    case(
        f"{_name}, {', '.join(map(str, (*_shapes, *_args, *_params.values())))}",
        getattr(mt, _name),
        getattr(np, _name),
        *_shapes,
        args=_args,
        params=_params,
        plain=False,
    )
for _name, _shapes in (
    ("hstack", ((2, 1), (2, 3))),
    ("hstack", ((2,), (3,))),
    ("vstack", ((2, 3), (3,))),
    ("dstack", ((2, 3), (2, 3))),
    ("column_stack", ((3,), (3, 2), (3,))),
):
    case(
        f"{_name}, {_shapes}",
        getattr(mt, _name),
        lambda *parts, _name=_name: getattr(np, _name)(parts),
        *_shapes,
        function=lambda *parts, _name=_name: getattr(mt, _name)(parts),
        plain=False,
    )
case(
    "multi_dot",
    mt.multi_dot,
    lambda *parts: np.linalg.multi_dot(parts),
    *((2, 3), (3, 2), (2,)),
    function=lambda *parts: mt.multi_dot(parts),
)
for _name, _shapes, _params in (
    ("atleast_2d", ((3,), (2, 3)), {}),
    ("broadcast_arrays", ((2, 1), (3,)), {}),
    ("meshgrid", ((2,), (3,)), {}),
    ("meshgrid", ((2,), (3,), (2,)), {"indexing": "ij"}),
):
    case(  # of several results the product, so that each gets a gradient
        f"{_name}, {_shapes}",
        getattr(mt, _name),
        lambda *parts, _name=_name, **params: math.prod(getattr(np, _name)(*parts, **params)),
        *_shapes,
        function=lambda *parts, _name=_name, **params: math.prod(getattr(mt, _name)(*parts, **params)),
        params=_params,
        plain=False,
    )
case(
    "quantile, several",
    mt.quantile,
    lambda x: np.quantile(x, [0.0, 0.3, 1.0], axis=1).astype(x.dtype),
    function=lambda x: mt.quantile(x, [0.0, 0.3, 1.0], axis=1),
    plain=False,
)
for _axis in (None, 0, 1, -1):
    case(f"cumprod, axis={_axis}", mt.cumprod, np.cumprod, (2, 3), params={"axis": _axis})
case("vecdot", mt.vecdot, lambda a, b: np.sum(a * b, axis=-1), (2, 3), (3,))
case(
    "sliding_window_view",
    mt.sliding_window_view,
    np.lib.stride_tricks.sliding_window_view,
    (4, 3),
    args=((2, 2),),
    plain=False,
)
case(
    "sliding_window_view, an axis",
    mt.sliding_window_view,
    np.lib.stride_tricks.sliding_window_view,
    (4, 3),
    args=(2, 0),
    plain=False,
)
case(
    "average, weights",
    mt.average,
    lambda x, w: np.average(x, axis=1, weights=w),
    (3, 4),
    (4,),
    domains=POSITIVE,
    function=lambda x, w: mt.average(x, axis=1, weights=w),
    plain=False,
)
case(
    "average, returned",
    mt.average,
    lambda x, w: math.prod(np.average(x, weights=w, returned=True)),
    (3, 4),
    (3, 4),
    domains=POSITIVE,
    function=lambda x, w: math.prod(mt.average(x, weights=w, returned=True)),
    plain=False,
)
case(
    "diff, with edges",
    mt.diff,
    lambda x, a: np.diff(x, axis=0, prepend=0.5, append=a),
    (3, 2),
    (1, 2),
    function=lambda x, a: mt.diff(x, axis=0, prepend=0.5, append=a),
    plain=False,
)
for _ord, _axis in (
    (None, None),
    (2, 1),
    (1, 0),
    (3, 1),
    (np.inf, 1),
    (-np.inf, 0),
    ("fro", (0, 1)),
    (1, None),
    (-1, (1, 0)),
    (np.inf, (0, 1)),
    (-np.inf, None),
):
    case(
        f"norm, {_ord}, axis={_axis}",
        mt.norm,
        np.linalg.norm,
        (3, 4),
        params={"ord": _ord, "axis": _axis, "keepdims": _axis == (0, 1)},
        plain=False,
    )
case("norm, 0", mt.norm, np.linalg.norm, (4,), args=(0,), plain=False, differentiable=False)

DIFFERENTIABLE = [c for c in CASES if c.differentiable]
NOT_DIFFERENTIABLE = [c for c in CASES if not c.differentiable]


def each(cases: Iterable[Any], name: Callable[[Any], str] = lambda case: case.name) -> Callable[..., Any]:
    """Runs a test with each of some cases, those of one op in one go: reporting each takes longer than running it."""
    groups: dict[str, list[Any]] = {}
    for case in cases:
        groups.setdefault(name(case).partition(",")[0], []).append(case)

    def decorate(test: Callable[..., Any]) -> Callable[..., Any]:
        def run(op: str, **fixtures: Any) -> None:
            for case in groups[op]:
                try:
                    test(case=case, **fixtures)
                except Exception as error:
                    error.add_note(f"in the case {name(case)}")
                    raise

        op = inspect.Parameter("op", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        others = [p for p in inspect.signature(test).parameters.values() if p.name != "case"]
        run.__name__, run.__doc__ = test.__name__, test.__doc__
        run.__signature__ = inspect.Signature([op, *others])  # type: ignore[attr-defined]
        run.pytestmark = [*getattr(test, "pytestmark", []), pytest.mark.parametrize("op", groups).mark]  # type: ignore[attr-defined]
        return run

    return decorate
