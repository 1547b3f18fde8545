"""Spelling: how NumPy source writes each op of the table, every parameter and every number."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from inspect import Parameter
from typing import Any, NamedTuple

import numpy as np

from ..graph import Node

ATOM, POWER, SIGN, PRODUCT, SUM, COMPARISON, ANY = range(6, -1, -1)
"""How tightly Python holds an expression together."""

INFIX = {
    "add": ("+", SUM),
    "sub": ("-", SUM),
    "mul": ("*", PRODUCT),
    "div": ("/", PRODUCT),
    "matmul": ("@", PRODUCT),
    "greater": (">", COMPARISON),
    "greater_equal": (">=", COMPARISON),
    "less": ("<", COMPARISON),
    "less_equal": ("<=", COMPARISON),
    "equal": ("==", COMPARISON),
    "not_equal": ("!=", COMPARISON),
}

PATTERNS = {
    "neg": ("-{}", (SIGN,), SIGN),
    "pow": ("{} ** {}", (ATOM, SIGN), POWER),
    "reciprocal": ("1 / {}", (SIGN,), PRODUCT),
    "relu": ("np.maximum({}, 0)", (ANY,), ATOM),
}
"""How it is written, how tightly the operands have to hold, and how tightly the whole does."""

METHODS = frozenset({"sum", "mean", "max", "min", "prod", "cumsum"})
"""Written behind what they reduce."""

NUMPYS = frozenset(
    {
        *("square", "sqrt", "exp", "expm1", "log", "log1p", "sin", "cos", "tanh", "abs", "sign", "isfinite"),
        *("maximum", "minimum", "where", "take_along_axis"),
        *("broadcast_to", "squeeze", "expand_dims", "flip", "tril", "triu"),
    }
)
"""Those that NumPy has under the same name, with the same parameters."""


class Code(NamedTuple):
    """A Python expression and how tightly it holds together."""

    text: str
    level: int

    def at(self, level: int) -> str:
        """The expression, in parentheses where its place asks for more than it holds."""
        return self.text if self.level >= level else f"({self.text})"


def spelled(node: Node, operands: Sequence[Code]) -> Code:
    """The expression of an op with its operands put in; ops that NumPy has not are called as ``mt.name``."""
    op = node.op
    assert op is not None  # noqa: S101 -- for the type checker; leaves are not spelled
    if op.name in INFIX:
        sign, level = INFIX[op.name]
        left, right = operands
        # Python compares a > b > c in pairs, so a comparison never stands in another without parentheses.
        return Code(f"{left.at(level + (level == COMPARISON))} {sign} {right.at(level + 1)}", level)
    if op.name in PATTERNS:
        pattern, needs, level = PATTERNS[op.name]
        return Code(pattern.format(*(x.at(need) for x, need in zip(operands, needs, strict=True))), level)
    if op.name in _OTHERWISE:
        return _OTHERWISE[op.name](node, operands)
    settings = _settings(node, keywords=op.name not in NUMPYS)
    if op.name in METHODS:
        return Code(f"{operands[0].at(ATOM)}.{op.name}({', '.join(settings)})", ATOM)
    inside = ", ".join([*(x.at(ANY) for x in operands), *settings])
    return Code(f"{'np' if op.name in NUMPYS else 'mt'}.{op.name}({inside})", ATOM)


def placed(name: str, node: Node, operands: Sequence[Code]) -> list[str]:
    """The lines that make an array of zeros of a name and add into places of it, which NumPy has no expression for."""
    assert node.op is not None  # noqa: S101 -- for the type checker; only ops add into places
    lines = [f"{name} = {array(np.zeros(node.shape, node.dtype)).text}"]
    x, *places = operands
    if node.op.name == "put_add":
        index = _index(node.params["index"], places)
        lines.append(f"np.add.at({name}, np.s_[{index}], {x.text})" if places else f"{name}[{index}] = {x.text}")
    else:
        ndim = len(node.shape)
        axis = node.params["axis"] % ndim
        each = [_along(k, n, ndim) for k, n in enumerate(node.shape)]
        each[axis] = places[0].text
        lines.append(f"np.add.at({name}, ({', '.join(each)}{',' * (ndim == 1)}), {x.text})")
    return lines


PLACED = frozenset({"put_add", "put_along_axis_add"})
"""Ops that `placed` writes, and `spelled` does not."""


def number(value: Any) -> Code:
    """A number as Python reads it, to the last bit.

    >>> [number(v).text for v in (1e-05, float("-inf"), True, 2 - 1j, np.float32(0.1))]
    ['1e-05', '-np.inf', 'True', '(2-1j)', '0.1']
    """
    if isinstance(value, np.floating) and value.dtype.itemsize > 8:  # longer than Python's own numbers
        return Code(f'np.{value.dtype.name}("{value}")', ATOM)
    if isinstance(value, np.floating):
        value = float(str(value))  # the digits that say it exactly in its own dtype
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, complex):
        finite = math.isfinite(value.real) and math.isfinite(value.imag)
        return Code(repr(value) if finite else f"complex({number(value.real).text}, {number(value.imag).text})", ATOM)
    text = repr(value).replace("inf", "np.inf").replace("nan", "np.nan")
    return Code(text, SIGN if text.startswith("-") else ATOM)


def array(value: np.ndarray[Any, Any]) -> Code:
    """An array as NumPy reads it, to the last bit.

    >>> array(np.array([1.5, -2.0])).text, array(np.zeros((2, 3))).text, array(np.full(2, 7.0, "float32")).text
    ('np.array([1.5, -2.0])', 'np.zeros((2, 3))', 'np.full((2,), 7.0, "float32")')
    """
    dtype = "" if value.dtype == np.float64 else f', "{value.dtype}"'
    first = value.flat[0] if value.size else 0
    if value.ndim == 0 or (value.size and not np.all(value == first)):
        return Code(f"np.array({_nested(value)}{dtype})", ATOM)
    if first == 0:
        return Code(f"np.zeros({_setting(value.shape)}{dtype})", ATOM)
    if first == 1:
        return Code(f"np.ones({_setting(value.shape)}{dtype})", ATOM)
    return Code(f"np.full({_setting(value.shape)}, {number(first).text}{dtype})", ATOM)


def _nested(value: np.ndarray[Any, Any]) -> str:
    if value.ndim == 0:
        return number(value[()]).text
    return f"[{', '.join(map(_nested, value))}]"


def _setting(value: Any) -> str:
    """A parameter: a number, a name of a dtype, an index, or a tuple of these."""
    if isinstance(value, np.ndarray):
        return _nested(value)
    if isinstance(value, (tuple, list)):
        return f"({', '.join(map(_setting, value))}{',' * (len(value) == 1)})"
    if isinstance(value, (np.dtype, str)):
        return f'"{value}"'
    if isinstance(value, (bool, int, float, complex, np.generic)):
        return number(value).text
    return repr(value)


def _settings(node: Node, keywords: bool) -> list[str]:
    """The parameters that were given, by keyword where they can be left out, and elsewhere if that is asked for."""
    assert node.op is not None  # noqa: S101 -- for the type checker
    texts = []
    for name, given in node.params.items():
        default = node.op.parameters[name]
        value = given[0] if node.op.name in METHODS and isinstance(given, tuple) and len(given) == 1 else given
        needed = default is Parameter.empty
        if needed and not keywords:
            texts.append(_setting(value))
        elif needed or type(value) is not type(default) or value != default:
            texts.append(f"{name}={_setting(value)}")
    return texts


def _index(template: Iterable[Any], arrays: Iterable[Code]) -> str:
    """An index as it stands in brackets; in its template the arrays are left out."""
    rest = iter(arrays)
    parts = [next(rest).text if isinstance(part, str) else _place(part) for part in template]
    return ", ".join(parts) or "()"


def _place(part: Any) -> str:
    if isinstance(part, slice):
        ends = ["" if end is None else _setting(end) for end in (part.start, part.stop)]
        return ":".join([*ends, *([] if part.step is None else [_setting(part.step)])])
    return "..." if part is Ellipsis else _setting(part)


def _along(axis: int, length: int, ndim: int) -> str:
    """All places along an axis, shaped so that they broadcast against those along the others."""
    return f"np.arange({length}).reshape({', '.join('-1' if k == axis else '1' for k in range(ndim))})"


def _getitem(node: Node, operands: Sequence[Code]) -> Code:
    x, *arrays = operands
    return Code(f"{x.at(ATOM)}[{_index(node.params['index'], arrays)}]", ATOM)


def _astype(node: Node, operands: Sequence[Code]) -> Code:
    return Code(f"{operands[0].at(ATOM)}.astype({_setting(node.params['dtype'])})", ATOM)


def _clip(node: Node, operands: Sequence[Code]) -> Code:
    bounds = f"{_setting(node.params['min'])}, {_setting(node.params['max'])}"
    return Code(f"np.clip({operands[0].text}, {bounds})", ATOM)


def _reshape(node: Node, operands: Sequence[Code]) -> Code:
    shape = node.params["shape"]
    inside = ", ".join(map(_setting, shape)) if isinstance(shape, tuple) and shape else _setting(shape)
    return Code(f"{operands[0].at(ATOM)}.reshape({inside})", ATOM)


def _transpose(node: Node, operands: Sequence[Code]) -> Code:
    ndim = len(node.shape)
    axes = node.params["axes"]
    backwards = axes is None or [axis % ndim for axis in axes] == list(range(ndim))[::-1]
    order = "T" if backwards else f"transpose({', '.join(map(_setting, axes))})"
    return Code(f"{operands[0].at(ATOM)}.{order}", ATOM)


def _pad(node: Node, operands: Sequence[Code]) -> Code:
    border = node.params["value"]
    constant = f", constant_values={_setting(border)}" if border != 0 else ""
    return Code(f"np.pad({operands[0].text}, {_setting(node.params['pad_width'])}{constant})", ATOM)


def _concatenate(node: Node, operands: Sequence[Code]) -> Code:
    axis = f", axis={_setting(node.params['axis'])}" if node.params["axis"] != 0 else ""
    return Code(f"np.concatenate([{', '.join(x.text for x in operands)}]{axis})", ATOM)


def _argsort(node: Node, operands: Sequence[Code]) -> Code:
    return Code(f'np.argsort({operands[0].text}, axis={_setting(node.params["axis"])}, kind="stable")', ATOM)


def _einsum(node: Node, operands: Sequence[Code]) -> Code:
    inside = ", ".join([_setting(node.params["subscripts"]), *(x.text for x in operands)])
    return Code(f"np.einsum({inside})", ATOM)


_OTHERWISE: dict[str, Callable[[Node, Sequence[Code]], Code]] = {
    "getitem": _getitem,
    "to_float": _astype,
    "to_integer": _astype,
    "clip": _clip,
    "reshape": _reshape,
    "transpose": _transpose,
    "pad": _pad,
    "concatenate": _concatenate,
    "argsort": _argsort,
    "einsum": _einsum,
}
"""Those that NumPy writes in a way of their own."""
