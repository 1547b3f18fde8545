"""Rows: what closed forms are written with beside the ops of the table; nobody records these."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.row import TABLE, Primitive, Reduction, Reshape


def _softmax(x: Any, axis: Any = -1) -> Any:
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def _onehot(x: Any, n: int, trailing: int = 0) -> Any:
    return x == np.arange(n).reshape(n, *(1,) * trailing)


def _row(name: str, notation: str, forward: Any, source: str, parameters: dict[str, Any], **facts: Any) -> Primitive:
    return Primitive(
        name=name,
        symbol=name,
        notation=notation,
        forward=forward,
        vjps=(None,),
        parameters=parameters,
        source=source,
        **facts,
    )


SOFTMAX = _row(
    "softmax",
    "softmax({0}, {axis:axis})",
    _softmax,
    "{y} = np.exp({0} - {0}.max(axis={axis}, keepdims=True))\n{y} /= {y}.sum(axis={axis}, keepdims=True)",
    {"axis": -1},
)
"""``eˣ / Σeˣ``, without overflow."""

ONEHOT = _row(
    "onehot",
    "onehot({0})",
    _onehot,
    "({0} == np.arange({n})⟦.reshape(-1, *(1,) * {trailing})⟧)",
    {"n": 0, "trailing": 0},
)
"""1 where the index along an axis is the one given, else 0."""

SPREAD = _row("spread", "{0}", lambda x, index: x[index], "{0}[{index:index}]", {"index": ()}, reading=Reshape())
"""With axes of length 1 put in or left out, which formulas do not show."""

COUNTED = _row("counted", "{0}", np.asarray, "np.asarray({0}, {dtype})", {"dtype": np.dtype(float)})
"""Truth as a number, which formulas take it for."""

SLICED = _row(
    "sliced",
    "{0}[{index:index}]",
    lambda x, index: x[index],
    "{0}[{index:index}]",
    {"index": ()},
    reading=Reshape(),
)
"""The same where axes go by number, which formulas show."""

RESHAPED = _row(
    "reshaped",
    "{0}",
    lambda x, shape: x.reshape(shape),
    "{0}.reshape({shape})",
    {"shape": ()},
    reading=Reshape(),
)
"""With an axis taken apart or put together, which formulas do not show where axes go by name."""

ORDERED = _row(
    "ordered",
    "{0}",
    lambda x, axes=None: np.transpose(x, axes),
    "np.transpose({0}⟦, {axes}⟧)",
    {"axes": None},
)
"""With its axes in another order, which formulas do not show where axes go by name."""

KEEPING = {
    row.reading.kind: Primitive(
        name=row.name,
        symbol=row.symbol,
        notation=row.notation.replace("⟦, {keepdims:flag}⟧", ""),
        forward=row.forward,
        vjps=(None,),
        parameters=row.parameters,
        source=row.source,
        reading=row.reading,
        traits=row.traits,
    )
    for row in TABLE.values()
    if isinstance(row.reading, Reduction)
}
"""The reductions that keep an axis of length 1, of which formulas say nothing, where axes go by name."""
