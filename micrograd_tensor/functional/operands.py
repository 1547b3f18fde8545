"""What the compositions ask of their operands before they start."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from ..engine.tensor import Tensor, tensor


def as_tensor(x: Any) -> Tensor:
    """The Tensor itself, or a leaf of the given values.

    >>> as_tensor([1.0, 2.0])
    tensor([1., 2.])
    """
    return x if isinstance(x, Tensor) else tensor(x)


def each_axis(value: int | tuple[int, ...] | list[int], rank: int, what: str) -> tuple[int, ...]:
    """One number for every axis, from one number or one for each.

    >>> each_axis(2, 2, "stride"), each_axis((1, 2), 2, "stride")
    ((2, 2), (1, 2))
    """
    numbers = tuple(value) if isinstance(value, (tuple, list)) else (value,) * rank
    if len(numbers) != rank or not all(isinstance(n, Integral) for n in numbers):
        raise ValueError(f"{what}={value!r}: give one whole number, or {rank}, one for each spatial axis")
    return numbers
