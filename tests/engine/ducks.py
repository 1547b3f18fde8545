"""A duck array: it speaks NumPy's protocols, and refuses to be turned into a NumPy array."""

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
