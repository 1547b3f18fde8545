"""Passes that are static methods of a class, as of an ``autograd.Function``, which keeps arrays in a context."""

from __future__ import annotations

import inspect
from typing import Any


class _Context:
    """What the first argument of both passes is."""

    saved_tensors: tuple[Any, ...] = ()

    def save_for_backward(self, *arrays: Any) -> None:
        self.saved_tensors = arrays


def static_passes(made: type) -> tuple[Any, Any, type | None] | None:
    """The passes of a class that are static, and the class of their context, whose methods they then are; or None.

    They take a context where the first argument of both is called the same.

    >>> class Square:
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...
    ...     @staticmethod
    ...     def backward(ctx, dy):
    ...         (x,) = ctx.saved_tensors
    ...         return 2 * x * dy
    >>> forward, backward, context = static_passes(Square)
    >>> own = context()
    >>> getattr(own, forward)(3.0), getattr(own, backward)(1.0)
    (9.0, 6.0)
    """
    found = [vars(made).get(way) for way in ("forward", "backward")]
    if not all(isinstance(x, staticmethod) for x in found):
        return None
    forward, backward = (x.__func__ for x in found if x is not None)
    first = {next(iter(inspect.signature(x).parameters), None) for x in (forward, backward)}
    if len(first) > 1 or None in first:
        return forward, backward, None
    own = {"forward": forward, "backward": backward, "__module__": made.__module__}
    return "forward", "backward", type(made.__name__, (_Context,), own)
