"""Variables: what a function calls the values that it computes, as their names."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import unwrap
from types import FrameType
from typing import Any

from ..engine.tensor import Tensor


@contextmanager
def named_by_variables(function: Callable[..., Any]) -> Iterator[None]:
    """Within the block, what a function holds in its variables when it returns is called as they are.

    What has a name keeps it. Variables of other functions do not count, nor those that begin with an underscore.

    >>> import micrograd_tensor as mt
    >>> def f(x):
    ...     shifted = x - x.mean()
    ...     return shifted * 2.0
    >>> with named_by_variables(f):
    ...     y = f(mt.tensor([1.0, 3.0], name="x", requires_grad=True))
    >>> [node.name for node in mt.graph(y).nodes]
    ['x', None, 'shifted', None]
    """
    code, before = getattr(unwrap(function), "__code__", None), sys.getprofile()

    def look(frame: FrameType, event: str, _: Any) -> None:
        if event == "return" and frame.f_code is code:
            for name, value in frame.f_locals.items():
                if isinstance(value, Tensor) and value.name is None and not name.startswith("_"):
                    value.named(name)

    sys.setprofile(look)
    try:
        yield
    finally:
        sys.setprofile(before)
