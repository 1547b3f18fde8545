"""Missing: what a gradient lacks, as a product of the numbers and arrays that a function has, in its own names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations, permutations, product
from typing import Any, NamedTuple

import numpy as np

from ..found import broadcasts

_MAX_ARRAYS, _MAX_SIZE = 40, 1 << 16
"""Products are made of the first few arrays, and of none that is large."""
_NAMED = (0.5, 1.0, 2.0)
"""Numbers that a rate may have, too: where it does, it is what is meant."""
_NUMBERS = ((1.0, ""), (2.0, "2 * "), (0.5, "0.5 * "))
_ALONE = tuple((float(n), f"{n} * ") for n in (3, 4, 5, 6, 8, 10))
"""Numbers that stand beside a term alone, where no name is meant by them."""


class Term(NamedTuple):
    """What is missing.

    Attributes:
        sign: whether it is to be added or subtracted, as an operator.
        text: it, without its sign.
        weight: how large a change it is to write it.
        parts: the arrays in it, and of sums and means these themselves.
    """

    sign: str
    text: str
    weight: float
    parts: tuple[str, ...]


def terms(lacking: Any, allowed: Any, held: Mapping[str, Any]) -> Iterator[Term]:
    """The terms that are an array, the simplest first.

    Args:
        lacking: the array.
        allowed: how far each element may be off.
        held: what there is to write it with, by how it is written.

    >>> W = np.arange(4.0)
    >>> [term[:2] for term in terms(-0.2 * W, 1e-12, {"W": W, "reg": 0.1, "x": W**2})]
    [('-', '2 * reg * W')]
    """
    numbers = {
        text: float(x) for text, x in held.items() if np.ndim(x) == 0 and (np.result_type(x).kind == "f" or x > 2)
    }
    arrays = {text: x for text, x in held.items() if np.ndim(x) and np.size(x) and x.dtype.kind == "f"}
    for weight, parts, text, value in _products(arrays, np.shape(lacking)):
        size = float(np.vdot(value, value))
        factor = float(np.vdot(lacking, value)) / size if 0 < size < np.inf else 0.0
        if not factor or not np.all(np.abs(lacking - factor * value) <= allowed):
            continue
        for more, sign, form in _factors(factor, numbers):
            yield Term(sign, form.format(text), weight + more, parts)


def ratios(given: Any, expected: Any, allowed: Any, held: Mapping[str, Any]) -> Iterator[str]:
    """The numbers by which an array is to be multiplied or divided, each with its operator."""
    size = float(np.vdot(given, given))
    factor = float(np.vdot(expected, given)) / size if 0 < size < np.inf else 0.0
    if factor and np.all(np.abs(expected - factor * given) <= allowed):
        for text, x in held.items():
            for sign, value in (("/", 1 / x), ("*", x)) if np.ndim(x) == 0 and x not in (0, 1, -1) else ():
                if _alike(factor, value):
                    yield f"{sign}= {text}"


def masks(given: Any, expected: Any, allowed: Any, held: Mapping[str, Any]) -> Iterator[str]:
    """The arrays that an array is to be multiplied by, element by element or row by row.

    >>> x = np.arange(6.0).reshape(2, 3)
    >>> list(masks(x, x * [[0], [1]], 1e-12, {"mask": np.array([0, 1]), "w": np.array([1.0, 0.0, 1.0])}))
    ['mask[:, None]']
    """
    for text, x in held.items():
        ways = [(text, x)] if np.ndim(x) else []
        if 0 < np.ndim(x) < given.ndim:
            index = ", ".join([":"] * x.ndim + ["None"] * (given.ndim - x.ndim))
            ways.append((f"{text}[{index}]", x.reshape(x.shape + (1,) * (given.ndim - x.ndim))))
        for written, by in ways:
            if broadcasts(by.shape, given.shape) and np.all(np.abs(expected - given * by) <= allowed):
                yield written
                break


def _products(arrays: Mapping[str, Any], shape: tuple[int, ...]) -> Iterator[tuple[float, tuple[str, ...], str, Any]]:
    """Arrays of a shape that others give as they are, summed, and two by two; with how large a change each is."""
    for text, x in arrays.items():
        if x.shape == shape:
            yield 2.3, (text,), text, x
    for text, x in arrays.items():
        if x.shape != shape and broadcasts(x.shape, shape):
            yield 2.4, (text,), text, np.broadcast_to(x, shape)
        for axis in range(x.ndim):
            over = {}
            if x.shape == shape:
                over = {name: f"{text}.{name}(axis={axis}, keepdims=True)" for name in ("mean", "sum")}
            elif x.shape[:axis] + x.shape[axis + 1 :] == shape:
                over = {"sum": f"{text}.sum(axis={axis})"}
            for name, written in over.items():
                made = getattr(x, name)(axis=axis, keepdims="keepdims" in written)
                yield 2.7, (written,), written, np.broadcast_to(made, shape)
    small = [text for text, x in arrays.items() if x.size <= _MAX_SIZE]
    for one, other in combinations(small[:_MAX_ARRAYS], 2):
        x, y = arrays[one], arrays[other]
        if shape in (x.shape, y.shape) and broadcasts(x.shape, shape) and broadcasts(y.shape, shape):
            yield 2.8, (one, other), f"{one} * {other}", x * y
        if x.ndim == y.ndim == len(shape) == 2:
            sides = (one, x), (f"{one}.T", x.T), (other, y), (f"{other}.T", y.T)
            for (a, left), (b, right) in (*product(sides[:2], sides[2:]), *product(sides[2:], sides[:2])):
                if (left.shape[0], right.shape[1]) == shape and left.shape[1] == right.shape[0]:
                    yield 2.8, (one, other), f"{a} @ {b}", left @ right
        for (a, left), (b, right) in (((one, x), (other, y)), ((other, y), (one, x))):
            if (left.ndim, right.ndim) == (2, 1):
                for text, matrix in ((a, left), (f"{a}.T", left.T)):
                    if matrix.shape == (*shape, len(right)):
                        yield 2.8, (one, other), f"{text} @ {b}", matrix @ right


def _factors(factor: float, numbers: Mapping[str, float]) -> Iterator[tuple[float, str, str]]:
    """How a number is written as a product of others around a term: how large a change that is, its sign, the form."""

    def written(x: float, form: str, weight: float) -> Iterator[tuple[float, str, str]]:
        for k, before in _NUMBERS:
            if _alike(abs(factor), abs(k * x)):
                yield weight, "+" if (factor > 0) == (x > 0) else "-", f"{before}{form}"

    yield from written(1.0, "{0}", 0.0)
    yield from ((0.15, "+" if factor > 0 else "-", f"{text}{{0}}") for k, text in _ALONE if _alike(abs(factor), k))
    for text, x in numbers.items():
        yield from written(x, f"{text} * {{0}}", -0.1 if x in _NAMED else 0.1)
        yield from written(1 / x if x else 0.0, f"{{0}} / {text}", 0.1 if x > 2 else 0.25)
    for (one, x), (other, y) in permutations(numbers.items(), 2):
        yield from written(x / y if y else 0.0, f"{one} * {{0}} / {other}", 0.05 if x in _NAMED and y > 2 else 0.2)
        yield from written(x * y if one < other else 0.0, f"{one} * {other} * {{0}}", 0.2)


def _alike(one: float, other: float) -> bool:
    """Whether two numbers are one, but for rounding in single precision."""
    return abs(one - other) <= 1e-5 * abs(one)
