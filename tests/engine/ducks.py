"""Duck arrays: they speak NumPy's protocols, and refuse to be turned into NumPy arrays."""

import math
from typing import Any

import numpy as np


class Duck(np.lib.mixins.NDArrayOperatorsMixin):
    """An array in a box. Everything is delegated, results are boxed again, and `__array__` raises."""

    def __init__(self, inside: Any) -> None:
        self.inside = np.asarray(inside)

    shape = property(lambda self: self.inside.shape)
    ndim = property(lambda self: self.inside.ndim)
    size = property(lambda self: self.inside.size)
    dtype = property(lambda self: self.inside.dtype)

    def __repr__(self):
        return f"Duck({self.inside!r})"

    def __len__(self):
        return len(self.inside)

    def __bool__(self):
        return bool(self.inside)

    def __array__(self, dtype=None, copy=None):
        raise TypeError("a duck is not turned into an array")

    def __array_ufunc__(self, ufunc, method, *inputs, **settings):
        if not isinstance(ufunc, np.ufunc):
            return _of_scipy(ufunc, self.inside, Duck)
        return _boxed(getattr(ufunc, method)(*_opened(inputs), **_opened(settings)))

    def __array_function__(self, function, types, args, settings):
        return _boxed(function(*_opened(args), **_opened(settings)))

    def __getitem__(self, index):
        return _boxed(self.inside[_opened(index)])

    def astype(self, dtype):
        return Duck(self.inside.astype(dtype))


def _opened(value: Any) -> Any:
    if isinstance(value, Duck):
        return value.inside
    if isinstance(value, (tuple, list)):
        return type(value)(_opened(v) for v in value)
    return {k: _opened(v) for k, v in value.items()} if isinstance(value, dict) else value


def _boxed(value: Any) -> Any:
    return Duck(value) if isinstance(value, (np.ndarray, np.generic)) else value


class Device(np.lib.mixins.NDArrayOperatorsMixin):
    """A stand-in for an array on a GPU, as strict as CuPy's and in places stricter.

    It doesn't mix with NumPy's arrays, except where these are indices or are brought over by ``np.asarray(…, like=)``;
    it knows NumPy's own universal functions only, and SciPy's by their names; and nothing turns it into a NumPy array
    or a truth value but `get` and `item`.
    """

    def __init__(self, inside: np.ndarray) -> None:
        assert isinstance(inside, np.ndarray)
        self._inside = inside

    shape = property(lambda self: self._inside.shape)
    ndim = property(lambda self: self._inside.ndim)
    size = property(lambda self: self._inside.size)
    dtype = property(lambda self: self._inside.dtype)

    def get(self) -> np.ndarray:
        return self._inside.copy()

    def item(self) -> Any:
        return self._inside.item()

    def tolist(self) -> Any:
        return self._inside.tolist()

    def astype(self, dtype: Any) -> "Device":
        return Device(self._inside.astype(dtype))

    def __repr__(self):
        return f"Device({self._inside!r})"

    def __len__(self):
        return len(self._inside)

    def __bool__(self):
        raise TypeError("the truth value of an array on a device was asked for")

    __float__ = __int__ = __index__ = __complex__ = __bool__

    def __iter__(self):
        raise TypeError("an array on a device was taken apart element by element")

    def __array__(self, dtype=None, copy=None):
        raise TypeError("Implicit conversion to a NumPy array is not allowed")

    def __getitem__(self, index):
        parts = index if isinstance(index, tuple) else (index,)
        return _on_device(self._inside[tuple(i._inside if isinstance(i, Device) else i for i in parts)])

    def __array_ufunc__(self, ufunc, method, *inputs, **settings):
        if not all(isinstance(x, (Device, np.ndarray, np.generic, int, float, complex)) for x in inputs):
            return NotImplemented
        if not isinstance(ufunc, np.ufunc):  # a function of SciPy's
            return _of_scipy(ufunc, self._inside, Device)
        if getattr(np, ufunc.__name__, None) is None or ufunc.types == ["O->O"]:
            return NotImplemented
        if method == "at":
            whole, places, values = inputs
            assert isinstance(places, Device), "only one index array on the device"
            ufunc.at(whole._inside, places._inside, *_fetched([values]))
            return None
        return _on_device(getattr(ufunc, method)(*_fetched(inputs), **_fetched(settings)))

    def __array_function__(self, function, types, args, settings):
        if function in (np.asarray, np.array):
            return Device(np.array(*args, **settings))
        if any(issubclass(kind, np.ndarray) for kind in types):
            raise TypeError(f"Unsupported type numpy.ndarray in {function.__name__}")
        return _on_device(function(*_fetched(args), **_fetched(settings)))


def _of_scipy(named: Any, x: np.ndarray, kind: Any) -> Any:
    """What a function of SciPy's makes of x, found by its name."""
    function = {"erf": math.erf, "erfc": math.erfc}[named.__name__]
    return kind(np.asarray(np.frompyfunc(function, 1, 1)(x), x.dtype))


def _fetched(value: Any) -> Any:
    """What a function on the device computes with."""
    if isinstance(value, Device):
        return value._inside
    if isinstance(value, np.ndarray):
        raise TypeError("Unsupported type numpy.ndarray")
    if isinstance(value, (tuple, list)):
        return type(value)(map(_fetched, value))
    return {k: _fetched(v) for k, v in value.items()} if isinstance(value, dict) else value


def _on_device(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return type(value)(map(_on_device, value))
    return Device(np.asarray(value)) if isinstance(value, (np.ndarray, np.generic)) else value
