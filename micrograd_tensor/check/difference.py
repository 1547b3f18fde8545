"""Difference: two arrays of one shape, element by element, each difference in units of what it may be."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Difference(NamedTuple):
    """How an array differs from the expected one.

    Attributes:
        within: whether every element is within its tolerance.
        error: at the worst element, relative to its largest term.
        worst: the index of that element, the given number and the expected one; None for an array without elements.
        limit: the tolerance there, relative to the largest term.
    """

    within: bool
    error: float
    worst: tuple[tuple[int, ...], Any, Any] | None
    limit: float


def difference(given: Any, expected: Any, tolerance: Any, largest: Any) -> Difference:
    """Compare arrays of one shape.

    Args:
        given: an array of numbers.
        expected: what it should be.
        tolerance: the allowed absolute difference of each element.
        largest: the largest term that was added to make each element.

    >>> import numpy as np
    >>> from micrograd_tensor.check.difference import difference
    >>> difference(np.array([1.0, 2.5]), np.array([1.0, 2.0]), np.array([1e-9, 1e-9]), np.array([1.0, 5.0]))
    Difference(within=False, error=0.1, worst=((1,), 2.5, 2.0), limit=2e-10)
    """
    given, expected = np.asarray(given), np.asarray(expected)
    if not expected.size:
        return Difference(True, 0.0, None, 0.0)
    tolerance, largest = np.broadcast_to(tolerance, expected.shape), np.broadcast_to(largest, expected.shape)
    with np.errstate(all="ignore"):
        same = (given == expected) | (np.isnan(given) & np.isnan(expected))
        apart = np.abs(given - expected)
        apart = np.where(same, 0.0, np.where(np.isnan(apart), np.inf, apart))
        within = apart <= tolerance
        # The worst of those within is nearest to its tolerance; of those outside, furthest off beside its terms.
        near, far = np.where(apart > 0, apart / tolerance, 0.0), 1.0 + apart / np.where(largest > 0, largest, 1.0)
        excess = np.where(within, near, far)
        index = tuple(int(i) for i in np.unravel_index(int(np.argmax(excess)), expected.shape))
        scale = float(largest[index])
        error, limit = float(apart[index]), float(tolerance[index])
        if np.isfinite(scale) and scale > 0:
            error, limit = error / scale, limit / scale
        elif error:
            error = np.inf
    worst = (index, given[index].item(), expected[index].item())
    return Difference(bool(np.all(within)), float(error), worst, limit)
