"""The calls that a test makes to a backward pass: recorded, undone, made again with other numbers, and compared."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any, NamedTuple

import numpy as np

CALLS = 3
"""So many of a test's calls are kept, to see what a change that it let pass would have done there."""


class Call(NamedTuple):
    """One call, as copies.

    Attributes:
        args: positional arguments as they were before.
        kwargs: keyword arguments, likewise.
        result: what came back, and the arguments as they were then.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Any


class Recorder:
    """A function that records its first calls and can undo what it wrote into arrays.

    >>> import numpy as np
    >>> x = np.ones(2)
    >>> halve = Recorder(lambda a: np.multiply(a, 0.5, out=a))
    >>> halve(x)
    array([0.5, 0.5])
    >>> halve.undo()
    >>> x, halve.calls[0].args
    (array([1., 1.]), (array([1., 1.]),))
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.calls: list[Call] = []
        self._before: dict[int, tuple[Any, Any]] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        for array in _arrays((args, kwargs)):
            if array.flags.writeable:
                self._before.setdefault(id(array), (array, array.copy()))
        if len(self.calls) == CALLS:
            return self.function(*args, **kwargs)
        args_before, kwargs_before = copied(args), copied(kwargs)
        result = self.function(*args, **kwargs)
        self.calls.append(Call(args_before, kwargs_before, copied((result, args, kwargs))))
        return result

    def undo(self) -> None:
        """Write back into the arguments what was in them before the first call."""
        for array, content in self._before.values():
            array[...] = content


def again(function: Callable[..., Any], call: Call) -> Any:
    """What a function makes of a call's arguments, in the form of `Call.result`."""
    args, kwargs = copied((call.args, call.kwargs))
    with np.errstate(all="ignore"):
        return function(*args, **kwargs), args, kwargs


def redrawn(call: Call, rng: np.random.Generator) -> Call:
    """The call with its numbers changed at random; signs, zeros and whole numbers stay, as masks and labels must."""
    args, kwargs = _redrawn((call.args, call.kwargs), rng)
    return Call(args, kwargs, None)


def difference(a: Any, b: Any) -> float:
    """The largest difference of two results, relative to the largest element; infinite where their forms differ."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return max((difference(a[key], b[key]) for key in a), default=0.0) if a.keys() == b.keys() else np.inf
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return max(map(difference, a, b), default=0.0) if len(a) == len(b) else np.inf
    if not _is_numeric(a) or not _is_numeric(b):
        return 0.0 if type(a) is type(b) else np.inf
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return np.inf
    same = (a == b) | ((a != a) & (b != b))
    if same.all():
        return 0.0
    with np.errstate(all="ignore"):
        a, b = a.astype(np.float64, copy=False), b.astype(np.float64, copy=False)
        worst = np.abs(a - b)[~same].max() / np.fmax(np.abs(a), np.abs(b)).max()
    return float(worst) if np.isfinite(worst) else np.inf


def local_shapes(function: Callable[..., Any], call: Call) -> dict[str, tuple[int, ...]]:
    """The shapes of the arrays that a function's variables hold when it returns."""
    found: dict[str, tuple[int, ...]] = {}
    code = getattr(function, "__code__", None)

    def look(frame: FrameType, event: str, _: Any) -> None:
        if event == "return" and frame.f_code is code:
            values = frame.f_locals.items()
            found.update({name: v.shape for name, v in values if isinstance(v, (np.ndarray, np.generic))})

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        again(function, call)
    finally:
        sys.setprofile(before)
    return found


def special_lengths(call: Call) -> bool:
    """Whether a call's arrays have axes of length 1, or two of the same length, so that one passes for the other."""
    shapes = [array.shape for array in _arrays((call.args, call.kwargs))]
    return any(1 in shape or len(set(shape)) < len(shape) for shape in shapes)


def copied(value: Any) -> Any:
    """A copy with arrays of its own."""
    return _mapped(value, lambda array: array.copy(), lambda number: number)


def _redrawn(value: Any, rng: np.random.Generator) -> Any:
    def other(array: Any) -> Any:
        if array.dtype.kind != "f":
            return array.copy()
        if not array.any():
            return rng.standard_normal(array.shape).astype(array.dtype)
        return (array * np.exp(0.5 * rng.standard_normal(array.shape))).astype(array.dtype)

    return _mapped(value, other, lambda number: number * float(np.exp(0.5 * rng.standard_normal())) or 1e-3)


def _mapped(value: Any, of_array: Callable[[Any], Any], of_float: Callable[[float], float]) -> Any:
    if isinstance(value, np.ndarray):
        return of_array(value)
    if isinstance(value, float):
        return of_float(value)
    if type(value) is dict:
        return {key: _mapped(item, of_array, of_float) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_mapped(item, of_array, of_float) for item in value)
    return value


def _arrays(value: Any) -> Iterator[Any]:
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, (dict, list, tuple)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _arrays(item)


def _is_numeric(value: Any) -> bool:
    return isinstance(value, (int, float, complex)) or getattr(getattr(value, "dtype", None), "kind", "O") in "biufc"
