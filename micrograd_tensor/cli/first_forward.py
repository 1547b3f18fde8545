"""What an object makes at its first forward pass, as parameters for which it has to know the length of an input.

As in ``if not self.is_initialized: self._init_params()`` or ``if self.W is None``. It counts as what the object holds.
"""

from __future__ import annotations

import inspect
import re
from collections import deque
from collections.abc import Mapping, MutableMapping
from copy import copy
from typing import Any

import numpy as np

from ..check.recorded_array import Array, plain
from ..check.syntax import text_of
from .held import collections_in
from .layers import Layer, wanted_by

_ASKS = re.compile(r"\bif\b.*(is None|hasattr\(self|not self\.|not in self\.|(built|init\w*)\b)")
"""What tells that a forward pass makes something unless it is there."""
_ABSENT = object()


def after_first_forward(layer: Layer, own: Any, arguments: Mapping[str, Any]) -> None:
    """Let an object make what it makes at its first forward pass; all else is as if there had been none.

    Kept is what a second pass finds and leaves there, so no values of passes, and no arguments.

    Args:
        layer: whose forward pass it is.
        own: the object.
        arguments: of the forward pass.
    """
    if not hasattr(own, "__dict__") or not re.search(_ASKS, text_of(layer.function_forward)):
        return
    forward, _ = layer.bound(own)
    given = {n: plain(x) if isinstance(x, Array) else x for n, x in wanted_by(forward, arguments).items()}
    try:
        inspect.signature(forward).bind(**given)
    except TypeError:  # not all is known yet
        return
    before = {id(x): (x, copy(x)) for x in collections_in(own)}
    layer.ran(own, given)
    first = {id(x): (x, copy(x)) for x in collections_in(own)}
    numbers = [(x, x.copy()) for one, _ in first.values() for x in _values(one) if isinstance(x, np.ndarray)]
    layer.ran(own, given)
    changed = {id(x) for x, then in numbers if not np.array_equal(x, then, equal_nan=x.dtype.kind == "f")}
    passing = {*map(id, given.values()), *changed}
    for key, (one, after) in first.items():
        _, then = before.get(key, (one, None))
        if isinstance(one, list | deque):
            made = len(after) - (len(one) - len(after))  # as many as there were before both passes
            kept = [*one][: max(made, 0)] if then is None else [*then]
            one.clear()
            one.extend(kept)
        else:
            _restore(one, after, then, passing)


def _restore(names: MutableMapping[Any, Any], after: Any, then: Any, passing: set[int]) -> None:
    """Restore a dictionary, or the attributes of an object, but for what the first pass made and the second left."""
    for key in list(names):
        was = _ABSENT if then is None else then.get(key, _ABSENT)
        value = names[key]
        made = value is after.get(key, _ABSENT) and id(value) not in passing
        if value is was or made:
            continue
        if was is _ABSENT:
            del names[key]
        else:
            names[key] = was


def _values(names: Any) -> list[Any]:
    return [*names.values()] if isinstance(names, dict) else [*names]
