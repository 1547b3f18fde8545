"""Recorded NumPy: forward passes in plain NumPy run unchanged and are recorded, arrays filled in loops included.

While a user's function runs, the name under which its module knows NumPy stands for `RecordedNumpy`: `zeros`, `empty`,
`copy` and their kin make an `Array`, and the inputs are `Array` objects too, which behave as ndarrays do, while what is
computed with them is computed by Tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..engine.table import shapes
from ..engine.tensor import Tensor
from .recorded_array import MAKERS, Array, as_tensor, plain
from .recorded_constants import constant
from .recorded_floats import RecordedFloat
from .recorded_scipy import recorded_scipy

_TAKERS = ("array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray", "copy")
"""Functions of NumPy that make an array of what they are given."""
_CONSTANTS = ("eye", "identity", "arange", "linspace")
"""Functions of NumPy that make one of numbers of their own."""


class RecordedNumpy(ModuleType):
    """What a user's module has for NumPy while its forward pass is recorded: NumPy itself, but with `Array` s."""

    def __init__(self, module: ModuleType = np) -> None:
        super().__init__(module.__name__)
        self._module = module

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name)
        if isinstance(found, ModuleType) and name in ("lib", "stride_tricks"):
            found = RecordedNumpy(found)
        elif name in MAKERS or name in _CONSTANTS:
            found = _making(found, Array if name in MAKERS else constant)
        else:
            found = _taking(name, found) if name in _TAKERS else _OWN.get(name, found)
        setattr(self, name, found)  # at hand for the next turn of a loop
        return found


def _making(function: Callable[..., Any], kind: Callable[[Any], Any]) -> Callable[..., Any]:
    def make(*args: Any, **settings: Any) -> Any:
        return kind(function(*map(plain, args), **{key: plain(value) for key, value in settings.items()}))

    return make


def _taking(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def take(value: Any, *args: Any, **settings: Any) -> Any:
        if isinstance(value, Array):
            made = value.copy() if name in ("array", "copy") and settings.get("copy") is not False else value
            made = made.moved(function) if name in ("ascontiguousarray", "asfortranarray") else made
        elif isinstance(value, (list, tuple)) and _holds_arrays(value):
            made = Array(_stacked(value))
        else:
            found = function(value, *args, **settings)
            return Array(found) if found.dtype.kind == "f" else constant(found)
        dtype = settings.get("dtype", args[0] if args and name != "copy" else None)
        return made if dtype is None or made.dtype == dtype else made.astype(dtype)

    return take


def _holds_arrays(value: Any) -> bool:
    return any(isinstance(x, Array) or (isinstance(x, (list, tuple)) and _holds_arrays(x)) for x in value)


def _stacked(value: Any) -> Tensor:
    if isinstance(value, (list, tuple)):
        return shapes.stack([_stacked(x) for x in value])
    return as_tensor(value)


def _ndenumerate(value: Any) -> Iterator[tuple[tuple[int, ...], Any]]:
    """The elements of an array with their places, as `numpy.ndenumerate`."""
    return ((place, value[place]) for place in np.ndindex(*np.shape(plain(value))))


def _as_strided(x: Any, *args: Any, **settings: Any) -> Any:
    """A view with other strides, as `numpy.lib.stride_tricks.as_strided`."""
    return x.moved(as_strided, args, settings) if isinstance(x, Array) else as_strided(x, *args, **settings)


class _Nditer:
    """An iterator over the elements of one array, as `numpy.nditer` that only reads."""

    def __init__(self, value: Array) -> None:
        self._value, self._places = value, list(np.ndindex(*value.shape))
        self._k = 0

    @property
    def multi_index(self) -> tuple[int, ...]:
        return self._places[self._k]

    @property
    def finished(self) -> bool:
        return self._k >= len(self._places)

    def iternext(self) -> bool:
        """Go on to the next element; whether there is one."""
        self._k += 1
        return not self.finished

    def __getitem__(self, operand: int) -> Any:
        return (self._value[self.multi_index],)[operand]

    def __iter__(self) -> Iterator[Any]:
        while not self.finished:
            yield self[0]
            self._k += 1

    def __enter__(self) -> _Nditer:
        return self

    def __exit__(self, *_: object) -> None:
        return None


def _nditer(op: Any, *args: Any, **settings: Any) -> Any:
    flags = [*settings.get("op_flags", ())]
    written = any(
        flag in ("readwrite", "writeonly") for one in flags for flag in (one if isinstance(one, list) else [one])
    )
    return _Nditer(op) if isinstance(op, Array) and not written else np.nditer(op, *args, **settings)


def _choose(a: Any, choices: Any, *args: Any, **settings: Any) -> Any:
    """Of several arrays the elements of the one that is named at each place, as `numpy.choose`."""
    if not (isinstance(choices, Array) or _holds_arrays(choices)) or args or settings:
        return np.choose(a, choices, *args, **settings)
    every = choices if isinstance(choices, Array) else Array(_stacked([*np.broadcast_arrays(*choices)]))
    index = np.asarray(plain(a)).astype(int)
    return every[(index, *np.indices(index.shape))]


def _nansum(value: Any, *args: Any, **settings: Any) -> Any:
    """The sum of what is not NaN, as `numpy.nansum`."""
    if not isinstance(value, Array):
        return np.nansum(value, *args, **settings)
    return np.sum(np.where(np.isnan(plain(value)), 0.0, value), *args, **settings)


class _Joined:
    """Arrays put together by an index, as by `numpy.c_` and `numpy.r_`."""

    def __init__(self, made: Any, together: Callable[..., Any]) -> None:
        self._made, self._together = made, together

    def __getitem__(self, index: Any) -> Any:
        parts = index if isinstance(index, tuple) else (index,)
        if not _holds_arrays(parts):
            return self._made[index]
        return self._together([part if isinstance(part, Array) else self._made[part] for part in parts])


_OWN: Mapping[str, Any] = {
    "ndenumerate": _ndenumerate,
    "nditer": _nditer,
    "choose": _choose,
    "nansum": _nansum,
    "as_strided": _as_strided,
    "c_": _Joined(np.c_, np.column_stack),
    "r_": _Joined(np.r_, np.concatenate),
}
"""What NumPy would do with ndarrays only."""
_REPLACED: Mapping[str, Any] = {
    **{name: getattr(np, name) for name in (*MAKERS, *_TAKERS, "ndenumerate")},
    "as_strided": as_strided,
}
"""Functions that a module may have imported by themselves."""


@contextmanager
def recording_numpy(modules: Sequence[ModuleType]) -> Iterator[None]:
    """Within the block some modules know a `RecordedNumpy` for NumPy, and what stands for SciPy, by their own names.

    Their ``float`` is one that keeps recorded numbers.
    """
    recorded, before = RecordedNumpy(), list[tuple[dict[str, Any], str, Any]]()
    counting = [names for names in map(vars, modules) if "float" not in names]
    for names in map(vars, modules):
        for name, value in list(names.items()):
            own = value is np
            called = next((called for called, function in _REPLACED.items() if value is function), "")
            if own or called:
                before.append((names, name, value))
                names[name] = recorded if own else _OWN.get(called) or getattr(recorded, called)
            elif (theirs := recorded_scipy(value)) is not None:
                before.append((names, name, value))
                names[name] = theirs
    for names in counting:
        names["float"] = RecordedFloat
    try:
        yield
    finally:
        for names in counting:
            if names.get("float") is RecordedFloat:  # one module may have two names
                del names["float"]
        for names, name, value in before:
            names[name] = value
