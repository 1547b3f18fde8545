"""Undefined numbers: where the recorded ones are NaN or infinite, other numbers are neither right nor wrong.

The logarithm of a probability that has underflowed to 0 is the usual case: the recorded rules multiply 0 by infinity
there, and a closed form such as p − onehot is right all the same. Nothing proves it, so it is not judged.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph import Node
from ..graph.cut import needed
from .mistakes.derivation import called_forward

_MAX_FORMULA = 60
"""The maximum length of a formula that is read on the way, in characters."""


def where_defined(given: Any, expected: Any) -> tuple[Any, Any]:
    """An array with the expected numbers in the places where these are not finite; and the expected ones."""
    expected = np.asarray(expected)
    return np.where(np.isfinite(expected), given.reshape(expected.shape), expected), expected


def why_undefined(made: Node, expected: Any) -> str:
    """Why an array was not judged, in a sentence.

    Args:
        made: what it was to be compared with, a node of `joint`.
        expected: the numbers that belong there, some of which are not finite.
    """
    count, size = int(np.count_nonzero(~np.isfinite(expected))), np.size(expected)
    of = f"{count} of its {size} numbers" if size > 1 else "it"
    due = "nan" if np.isnan(expected).any() else "infinite"
    first = next((node for node in needed([made]) if _begins(node)), None)
    if first is None:
        return f"what your own earlier arrays make of {of} is {due}"
    return f"what was recorded for {of} is {due}, as {_called(first)} is not finite there; compare at other inputs"


def _begins(node: Node) -> bool:
    """Whether an op makes numbers that are not finite of those that are."""
    finite = (np.all(np.isfinite(x.value if isinstance(x, Node) else x)) for x in node.operands)
    return node.op is not None and not np.all(np.isfinite(node.value)) and all(finite)


def _called(node: Node) -> str:
    forward = node.rule_of[0] if node.rule_of is not None else node
    text = called_forward(forward)
    text = text if len(text) <= _MAX_FORMULA else f"a result of {forward.made_by.name}"
    return f"the slope of {text}" if node.rule_of is not None else text
