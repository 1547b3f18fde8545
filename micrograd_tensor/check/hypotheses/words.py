"""Words: a step of the backward pass as NumPy text, in the names that the user gave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .program import Step

ATOM, POWER, PREFIX, PRODUCT, SUM = range(4, -1, -1)
"""How tightly a text holds together; where its place asks for more it gets parentheses."""

INFIX = {"mul": ("*", PRODUCT), "div": ("/", PRODUCT), "matmul": ("@", PRODUCT), "add": ("+", SUM), "sub": ("-", SUM)}
SIGNS = {"greater": ">", "greater_equal": ">=", "less": "<", "less_equal": "<=", "equal": "==", "not_equal": "!="}
LONGEST = 200
"""In characters; a longer formula is cut inside, at what has no name."""


def number(value: Any) -> str:
    """A number, with no more digits than tell it from its neighbours.

    >>> number(7.000000000000001), number(1e-05), number(np.float64(0.25))
    ('7', '1e-05', '0.25')
    """
    return f"{complex(value):.6g}" if np.iscomplexobj(value) else f"{float(value):.6g}"


def digits(value: float, count: int = 4, *, least: float = 1e-10) -> str:
    """A few digits of a number, of one that is nearly 1 those of the difference, if that is more than the least.

    >>> digits(0.123456), digits(1 - 2e-8)
    ('0.1235', '1 - 2e-08')
    """
    off = value - 1.0
    return f"1 {'+' if off > 0 else '-'} {abs(off):.2g}" if least < abs(off) < 1e-3 else f"{value:.{count}g}"


def formula(top: Any, deep: bool = True) -> str:
    """What a step computes, as NumPy text; results that have a name are called by it, the step itself is not.

    Args:
        top: a step, a known value or a number.
        deep: write out steps without a name; else they are ``…``.
    """
    if not hasattr(top, "op"):
        return _operand(top, {})[0]
    texts: dict[Any, tuple[str, int]] = {}
    for step in _below(top) if deep else ():
        texts[step] = _of(step, texts)
        if len(texts[step][0]) > LONGEST:
            texts[step] = ("…", ATOM)
    return _of(top, texts)[0]


def called(x: Any) -> str:
    """What to call an operand in a sentence: its name, else its formula.

    >>> called(7), called(1e-05)
    ('7', '1e-05')
    """
    if hasattr(x, "op"):
        return x.name or formula(x)
    return _operand(x, {})[0]


def _below(top: Step) -> list[Step]:
    """The steps without a name that a step rests on, operands first."""
    found, stack = {}, [top]
    while stack:
        for x in stack.pop().operands:
            if hasattr(x, "op") and x.name is None and x not in found:
                found[x] = x.place
                stack.append(x)
    return sorted(found, key=lambda step: step.place)


def _operand(x: Any, texts: Mapping[Any, tuple[str, int]]) -> tuple[str, int]:
    if x in texts:
        return texts[x]
    if hasattr(x, "op"):
        return (x.name or "…"), ATOM
    if hasattr(x, "text"):
        return x.text, ATOM
    text = number(x)
    return text, SUM if text.startswith("-") else ATOM


def _of(step: Step, texts: Mapping[Any, tuple[str, int]]) -> tuple[str, int]:
    name, params = step.op.name, step.params
    parts = [_operand(x, texts) for x in step.operands]

    def at(i: int, level: int) -> str:
        text, holds = parts[i]
        return text if holds >= level else f"({text})"

    if name in INFIX and len(parts) == 2:
        sign, level = INFIX[name]
        return f"{at(0, level)} {sign} {at(1, level + (name not in ('mul', 'add')))}", level
    if name in SIGNS:
        return f"({at(0, SUM)} {SIGNS[name]} {at(1, SUM)})", ATOM
    if name == "neg":
        return f"-{at(0, PRODUCT)}", PRODUCT
    if name == "square":
        return f"{at(0, ATOM)}**2", POWER
    if name == "pow":
        return f"{at(0, ATOM)}**{at(1, ATOM)}", POWER
    if name == "reciprocal":
        return f"1 / {at(0, PREFIX)}", PRODUCT
    if name in ("sum", "mean"):
        axis = "" if params["axis"] is None else f", axis={_axis(params['axis'])}"
        return f"np.{name}({parts[0][0]}{axis}{', keepdims=True' if params['keepdims'] else ''})", ATOM
    if _turns(step):
        inner = step.operands[0]
        if _turns(inner) and inner.name is None:  # there and back again
            return _operand(inner.operands[0], texts)
        return f"{at(0, ATOM)}.T", ATOM
    if name == "broadcast_to":
        return f"np.ones({params['shape']}) * {at(0, PRODUCT)}", PRODUCT
    if name == "reshape":
        if _keeps_axes(step):
            return f"{parts[0][0].removesuffix(')')}, keepdims=True)", ATOM
        return f"{at(0, ATOM)}.reshape{params['shape']}", ATOM
    if name == "getitem":
        return f"{at(0, ATOM)}[{_index(params['index'], parts[1:])}]", ATOM
    if name == "put_add":
        return f"({parts[0][0]} at [{_index(params['index'], parts[1:])}], 0 elsewhere)", ATOM
    if name == "where" and not hasattr(step.operands[2], "shape") and step.operands[2] == 0:
        return f"{at(1, PRODUCT)} * {at(0, ATOM)}", PRODUCT
    return _listed(step, parts), ATOM


def _turns(x: Any) -> bool:
    return hasattr(x, "op") and x.op.name in ("transpose", "swapaxes") and len(x.shape) == 2


def _index(index: tuple[Any, ...], arrays: list[tuple[str, int]]) -> str:
    """What stands between the brackets, the index arrays, which are operands, in their places."""
    left = [text for text, _ in arrays]
    words = {type(...): "...", type(None): "None"}
    told = []
    for part in index:
        if isinstance(part, slice):
            ends = [("" if end is None else str(end)) for end in (part.start, part.stop)]
            told.append(":".join(ends) + (f":{part.step}" if part.step not in (None, 1) else ""))
        elif isinstance(part, str):
            told.append(left.pop(0))
        else:
            told.append(words.get(type(part), str(part)))
    return ", ".join(told)


def _axis(axis: Any) -> Any:
    return axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis


def _keeps_axes(step: Step) -> bool:
    """Whether a reshape only puts back the axes that a sum took away."""
    inner = step.operands[0]
    if not hasattr(inner, "op") or inner.name is not None or inner.op.name not in ("sum", "mean"):
        return False
    return len(step.shape) == len(inner.operands[0].shape) and not inner.params["keepdims"]


def _listed(step: Step, parts: list[tuple[str, int]]) -> str:
    settings = [f"{key}={value}" for key, value in step.params.items() if _is_short(value)]
    return f"{step.op.name}({', '.join([*(text for text, _ in parts), *settings])})"


def _is_short(value: Any) -> bool:
    return isinstance(value, int | float | tuple | str) and len(str(value)) < 24
