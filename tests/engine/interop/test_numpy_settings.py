"""Every setting of every NumPy function that is recorded: it is honoured, or refused by name; never ignored."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.engine.interop.protocols import path
from micrograd_tensor.engine.interop.settings import RENAMED
from micrograd_tensor.engine.row import ANSWERS

P = np.array([0.4, 0.9, 0.2])
A = np.array([[0.5, 0.25, 0.75], [0.3, 0.45, 0.9], [0.2, 0.7, 0.1]])
I = np.array([0, 2, 1])
MASK = np.array([[True, False, True], [False, True, True], [True, True, False]])
WORSE = np.array([[0.5, np.nan, np.inf], [-np.inf, 0.5, 0.9], [0.2, 0.7, 0.1]])

OPERANDS: dict[str, tuple[Any, ...]] = {
    "append": (A, A),
    "arccosh": (A + 1,),
    "array_split": (A, 2),
    "astype": (A, np.float32),
    "average": (A,),
    "bitwise_and": (I, I + 1),
    "bitwise_or": (I, I + 1),
    "broadcast_arrays": (A, P),
    "broadcast_to": (P, (2, 3)),
    "clip": (A, 0.2, 0.6),
    "column_stack": ([A, A],),
    "concatenate": ([A, A],),
    "cross": (A, A[::-1]),
    "linalg.cross": (A, A[::-1]),
    "delete": (A, 1),
    "diag": (P,),
    "dsplit": (A[None], 3),
    "dstack": ([A, A],),
    "einsum": ("ij,jk->ik", A, A),
    "expand_dims": (A, 0),
    "hsplit": (A, 3),
    "hstack": ([A, A],),
    "invert": (I,),
    "linalg.multi_dot": ([A, A],),
    "meshgrid": (P, P),
    "moveaxis": (A, 0, 1),
    "nan_to_num": (WORSE,),
    "pad": (A, 1),
    "percentile": (A, 30),
    "quantile": (A, 0.3),
    "repeat": (A, 2),
    "reshape": (A, (9,)),
    "roll": (A, 1),
    "sliding_window_view": (A, 2),
    "split": (A, 3),
    "stack": ([A, A],),
    "swapaxes": (A, 0, 1),
    "take": (A, I),
    "take_along_axis": (A, I[None]),
    "tile": (A, 2),
    "vsplit": (A, 3),
    "vstack": ([A, A],),
    "where": (MASK, A, -A),
    "squeeze": (A[None],),
}
"""What a function is called with; others take one matrix, or two."""
TWO = {"dot", "inner", "kron", "linalg.matmul", "linalg.outer", "linalg.tensordot", "linalg.vecdot", "outer"}
TWO |= {"tensordot", "vdot"}

VALUES: dict[str, tuple[Any, ...]] = {
    "a_max": (0.4,),
    "a_min": (0.3,),
    "append": (0.5, A),
    "axes": (1, (1, 0), [(0, 1), (0, 1), (1, 0)]),
    "axis": (0, 1, -1, (0,), None, 5),
    "axis1": (1, -1),
    "axis2": (0, -1),
    "axisa": (0,),
    "axisb": (0,),
    "axisc": (0,),
    "casting": ("unsafe", "no"),
    "constant_values": (7.0, ((1.0, 2.0), (3.0, 4.0))),
    "copy": (False, True),
    "correction": (1, 0.5),
    "ddof": (1, 2),
    "decimals": (1, -1),
    "descending": (True,),
    "device": ("cpu", "gpu"),
    "dtype": (np.float32, "f2", int, complex),
    "end_values": (3.0,),
    "indexing": ("ij", "xy"),
    "initial": (0.5, 9.0),
    "k": (1, -1),
    "interpolation": ("lower",),
    "keepdims": (True, False),
    "kind": ("stable", "heapsort"),
    "max": (0.4,),
    "mean": (np.mean(A),),
    "method": ("lower", "higher", "nearest", "midpoint", "weibull"),
    "min": (0.3,),
    "mode": ("wrap", "clip", "edge", "reflect", "constant", "linear_ramp", "maximum", "mean"),
    "n": (0, 2),
    "nan": (5.0,),
    "neginf": (5.0,),
    "offset": (1, -1),
    "optimize": (True, "greedy"),
    "ord": (1, 2, np.inf, "fro", "nuc", -1),
    "order": ("F", "C", "A", "K"),
    "out": (),
    "overwrite_input": (True,),
    "posinf": (5.0,),
    "prepend": (0.5, A),
    "reflect_type": ("odd",),
    "returned": (True,),
    "shape": ((3, 3),),
    "signature": ("dd->d", "f->f"),
    "sparse": (True,),
    "stable": (True,),
    "stat_length": (1,),
    "subok": (True, False),
    "weights": (A, P),
    "where": (MASK, MASK[0], False),
    "writeable": (True,),
}
"""Settings, and what is asked for by them."""
OF_UFUNCS = ("out", "where", "casting", "order", "dtype", "subok", "signature")
BEHIND = {"pad": ("constant_values", "end_values", "reflect_type", "stat_length"), "clip": OF_UFUNCS[1:]}
BEHIND |= {"einsum": ("dtype", "order", "casting")}
"""What stands behind ``**kwargs``."""


class Call(NamedTuple):
    function: Callable[..., Any]
    name: str
    operands: tuple[Any, ...]

    def on(self, convert: Any, **settings: Any) -> Any:
        def converted(x):
            if isinstance(x, list):
                return [converted(y) for y in x]
            return convert(x) if isinstance(x, np.ndarray) else x

        return self.function(*map(converted, self.operands), **settings)


def call_of(function: Callable[..., Any]) -> Call:
    name = path(function).removeprefix("np.").removeprefix("lib.stride_tricks.")
    inputs = getattr(function, "nin", 2 if name in TWO else 1)
    return Call(function, name, OPERANDS.get(name, (A, A.T)[:inputs]))


def settings_of(call: Call) -> list[str]:
    if isinstance(call.function, np.ufunc):
        return [*OF_UFUNCS, *(("axes", "axis", "keepdims") if call.function.signature else ())]
    try:
        parameters = inspect.signature(call.function).parameters.values()
    except ValueError:  # in C, and untold before NumPy 2.4
        parameters = ()
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    optional = [p.name for p in named if p.default is not p.empty]
    return [*optional, *BEHIND.get(call.name, ())]


OF_METHODS = {
    "reduce": ("axis", "dtype", "out", "keepdims", "initial", "where"),
    "accumulate": ("axis", "dtype", "out"),
    "outer": OF_UFUNCS,
}
UFUNCS = (np.add, np.multiply, np.maximum, np.logical_and, np.subtract, np.logaddexp)

TABLE = [(call, setting) for call in map(call_of, ANSWERS) for setting in settings_of(call)]
TABLE += [
    (Call(getattr(ufunc, method), f"{ufunc.__name__}.{method}", (A, P) if method == "outer" else (A,)), setting)
    for ufunc in UFUNCS
    for method, settings in OF_METHODS.items()
    for setting in settings
]


def as_arrays(y):
    return tuple(map(as_arrays, y)) if isinstance(y, (list, tuple)) else y.numpy() if isinstance(y, mt.Tensor) else y


def same(found, expected):
    if isinstance(expected, (list, tuple)):
        assert len(found) == len(expected)
        for f, e in zip(found, expected, strict=True):
            same(f, e)
        return
    expected = np.asarray(expected)
    assert isinstance(found, (mt.Tensor, np.ndarray))
    np.testing.assert_allclose(as_arrays(found), expected, rtol=1e-3 if expected.dtype == np.float16 else 1e-5)
    assert found.dtype == expected.dtype


HONOURED = {("einsum", "dtype"), ("logical_and.reduce", "dtype")}
"""Where NumPy lacks the loop, and ours has it."""
HARMLESS = {"axis", "keepdims", "order", "mean"}
"""What may be said to us where NumPy wants none, a tuple of one, or another word: it asks for what there is anyway."""


def outcome(call, convert, setting, value, by_position):
    """The result, or the error."""
    settings = {setting: value}
    if by_position:
        parameters = list(inspect.signature(call.function).parameters.values())
        place = [p.name for p in parameters].index(setting)
        before = [p.default for p in parameters[len(call.operands) : place]]
        call = call._replace(operands=(*call.operands, *before, value))
        settings = {}
    try:
        with np.errstate(all="ignore"):
            return call.on(convert, **settings)
    except Exception as error:
        return error


def ways(call, setting):
    """By name; and by position where that is possible."""
    yield False
    told = isinstance(call.function, type(np.sum))
    parameters = inspect.signature(call.function).parameters.values() if told else ()
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if setting in names[len(call.operands) :]:
        yield True


def with_gradient(x):
    return mt.tensor(x, requires_grad=x.dtype.kind == "f")


@pytest.mark.filterwarnings("ignore:numpy.fix is deprecated")
@pytest.mark.parametrize(("call", "setting"), TABLE, ids=lambda x: getattr(x, "name", x))
def test_it_is_honoured_or_refused(call, setting):
    values = VALUES[setting]
    if setting == "out":
        plain = call.on(np.copy)
        values = (tuple(np.full_like(y, 7) for y in plain) if isinstance(plain, tuple) else np.full_like(plain, 7),)
    for value in values:
        for by_position in ways(call, setting):
            expected = outcome(call, np.copy, setting, value, by_position)
            found = outcome(call, with_gradient, setting, value, by_position)
            if isinstance(found, Exception):
                assert isinstance(found, (mt.DTypeError, mt.ShapeError, mt.GradientError, TypeError)), repr(found)
                named = {setting, RENAMED.get(setting, setting)}
                said = str(found)
                assert isinstance(expected, Exception) or "recorded" in said or any(x in said for x in named), said
            elif isinstance(expected, Exception):
                assert setting in HARMLESS or (call.name, setting) in HONOURED, f"{value!r}: {expected}"
            else:
                assert not (isinstance(call.function, np.ufunc) and setting in ("where", "out"))
                same(found, expected)
