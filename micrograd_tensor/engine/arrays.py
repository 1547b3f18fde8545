"""Duck arrays: what a Tensor's array may be, and how a value becomes one.

NumPy arrays are made read-only. Anything else that speaks NumPy's protocols (``__array_ufunc__`` or
``__array_function__``: Dask, CuPy, …) is kept as it is: never copied, never converted, never written to.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import DTypeError

NUMBERS = frozenset({int, float, complex, bool})
"""Python's numbers stay what they are: NumPy lets them take the dtype of the array that they meet."""


def is_duck(value: Any) -> bool:
    """Whether the value is a foreign array, to be kept as it is.

    >>> is_duck(np.zeros(3)), is_duck(np.float32(1)), is_duck([1.0, 2.0])
    (False, False, False)
    """
    if isinstance(value, (np.ndarray, np.generic)):
        return False
    # A table's column answers to ufuncs too, but matches rows by their labels, and offers itself as an array instead.
    return not hasattr(value, "to_numpy") and (
        hasattr(value, "__array_ufunc__") or hasattr(value, "__array_function__")
    )


def frozen(value: Any, dtype: Any = None, copy: bool = True) -> Any:
    """A read-only array of the value: a private copy, or with ``copy=False`` a read-only view where that is possible.

    Raises:
        DTypeError: for objects, strings and anything else that is neither a number nor a truth value.
    """
    if copy and type(value) is np.ndarray and value.dtype == dtype:  # an update, of which a training run makes millions
        array = value.copy(order="K")
        array.setflags(write=False)
        return array
    if isinstance(value, np.ma.MaskedArray):
        raise DTypeError(f"a masked array of shape {value.shape} would lose its mask; give value.filled(...) instead")
    if is_duck(value):
        return value if dtype is None else value.astype(dtype)
    if is_complex(value) and dtype is not None and np.dtype(dtype).kind != "c":
        raise DTypeError(f"{np.dtype(dtype)} cannot hold complex numbers; take their real part first")
    try:
        array = np.array(value, dtype=dtype, copy=True) if copy else np.asarray(value, dtype=dtype).view()
    except (ValueError, TypeError) as error:
        raise DTypeError(f"cannot make an array of {value!r:.60}: {error}") from None
    if array.dtype.kind not in "biufc":
        raise DTypeError(
            f"cannot make a tensor of {value!r:.60}: it has type {array.dtype}; give numbers or truth values"
        )
    array.setflags(write=False)
    return array


def is_complex(value: Any) -> bool:
    """Whether an operand holds complex numbers."""
    return isinstance(value, complex) or (hasattr(value, "dtype") and value.dtype.kind == "c")


def as_array(result: Any) -> Any:
    """The result of a NumPy call as an array: NumPy returns scalars instead of 0-d arrays."""
    return np.asarray(result) if isinstance(result, (np.generic, float, int, complex)) else result
