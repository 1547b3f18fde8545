"""Duck arrays: what a Tensor's array may be, and the one door through which anything foreign becomes one.

NumPy arrays are made read-only. Anything else that speaks NumPy's protocols (``__array_ufunc__`` or
``__array_function__``: Dask, CuPy, …) is kept as it is: never copied, never converted, never written to. What merely
offers its numbers (PyTorch, JAX, pandas, lists) becomes a NumPy array by value, and what holds no numbers is refused.
"""

from __future__ import annotations

import sys
from array import array as typed_array
from collections.abc import Sequence
from typing import Any

import numpy as np

from .errors import DTypeError, OpError, ShapeError, quoted

NUMBERS = frozenset({int, float, complex, bool})
"""Python's numbers stay what they are: NumPy lets them take the dtype of the array that they meet."""
DTYPES = frozenset(map(np.dtype, "?bhilqBHILQefdgFDG"))
"""The dtypes of numbers and truth values, in the machine's byte order."""
SCALARS = frozenset(dtype.type for dtype in DTYPES)
"""The types of NumPy's own numbers."""
PLAIN = frozenset({np.ndarray, *NUMBERS, *SCALARS})
"""The types of operands that are neither Tensors nor foreign."""

_KINDS = "biufc"
_WAYS_OUT = {
    "O": "convert it: x.astype(float)",
    "U": "convert it: x.astype(float)",
    "S": "convert it: x.astype(float)",
    "m": "divide it by a unit: x / np.timedelta64(1, 's')",
    "M": "subtract a start, and divide by a unit: (x - x[0]) / np.timedelta64(1, 's')",
    "V": "give one of its fields, such as x['name']",
}
_PROTOCOLS = ("__array__", "__array_interface__", "__array_struct__")


class Outline:
    """What is left of an array that nobody needs any more: its shape and dtype."""

    __slots__ = ("dtype", "ndim", "shape", "size")
    __array_ufunc__ = None

    def __init__(self, array: Any) -> None:
        self.shape, self.dtype, self.ndim, self.size = array.shape, array.dtype, array.ndim, array.size

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise TypeError("the values of this array were let go; a rule that reads them must not call them unread")


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


def is_lazy(value: Any) -> bool:
    """Whether the value is an array whose elements are not computed yet, chunk by chunk: one of Dask's."""
    return hasattr(value, "map_blocks") and is_duck(value)


def whose(array: Any) -> str:
    """The library that an array is of, as texts say it, such as ``dask's``."""
    return "NumPy's" if isinstance(array, np.ndarray) else f"{type(array).__module__.partition('.')[0]}'s"


def fetching(array: Any) -> str:
    """How users write that they want the numbers of a foreign array x."""
    return "x.compute()" if is_lazy(array) else "x.get()"


def setting(what: str, value: Any, dtype: Any = None) -> Any:
    """A setting that Python code goes by, such as places or shares, as an array of NumPy's.

    Raises:
        DTypeError: for a foreign array, whose numbers are elsewhere, or not computed yet.

    >>> setting("repeat: repeats", [1, 2])
    array([1, 2])
    """
    array = getattr(value, "_data", value)
    if is_duck(array):
        raise DTypeError(f"{what} is an array of {whose(array)}, and must be known here; give {fetching(array)}")
    return np.asarray(value, dtype)


def compatible(what: str, array: Any, x: Any) -> None:
    """Refuse an array that does not compute with another one, since they are of different kinds.

    Raises:
        DTypeError: in the name of what the array is.
    """
    if type(array) is type(x) or Outline in (type(array), type(x)):
        return
    try:
        np.equal(array, x)
    except TypeError:
        way = fetching(array).replace("x", "y", 1) if is_duck(array) else "np.asarray(y, like=x)"
        raise DTypeError(
            f"{what} is of {whose(array)} arrays, beside {whose(x)}, which do not mix; give {way}"
        ) from None


def beside(array: Any, x: Any) -> Any:
    """A constant to compute with beside x, as an array of its kind if that is a duck, or holds one: not all kinds mix.

    >>> beside([1.0, 2.0], np.zeros(2))
    array([1., 2.])
    """
    duck = getattr(x, "_data", x)
    return array if is_duck(array) else np.asarray(array, like=duck if is_duck(duck) else None)


def on_host(array: Any) -> Any:
    """The values of an array in the processor's memory, as NumPy's: one on a GPU is fetched."""
    return array.get() if is_duck(array) and hasattr(array, "get") else np.asarray(array)


def element(array: Any) -> Any:
    """The only element of an array as a Python number; a lazy array is computed."""
    return array.item() if hasattr(array, "item") else np.asarray(array).item()


def settled(arrays: Sequence[Any], old: Sequence[Any]) -> list[Any]:
    """Arrays with their values at hand, computed in one go: lazy ones would drag along all that they come from.

    What takes the place of an old array of NumPy's becomes one too.
    """
    lazy = [i for i, array in enumerate(arrays) if is_lazy(array)]
    found = list(arrays)
    if not lazy:
        return found
    dask, were_numpys = sys.modules["dask"], {i: isinstance(old[i], np.ndarray) for i in lazy}
    compute = dask.compute if all(were_numpys.values()) else dask.persist
    for i, array in zip(lazy, compute(*(found[i] for i in lazy)), strict=True):
        found[i] = np.asarray(array) if were_numpys[i] else array
    return found


def dtype_of_numbers(dtype: Any) -> np.dtype[Any]:
    """A dtype, however it is written; `DTypeError` for one that NumPy lacks, or whose elements are no numbers.

    >>> dtype_of_numbers("float32"), dtype_of_numbers(int)
    (dtype('float32'), dtype('int64'))
    """
    try:
        found: np.dtype[Any] = np.dtype(dtype)
    except TypeError as error:
        raise DTypeError(f"dtype={quoted(dtype)}: {error}; give one of NumPy's, such as float or 'float32'") from None
    if found.kind not in _KINDS:
        raise DTypeError(f"dtype={quoted(dtype)}: a Tensor holds numbers or truth values, not {found}")
    return found


def plain(value: Any, dtype: Any = None, copy: bool | None = None, called: str = "") -> Any:
    """The numbers of anything that is no Tensor, as a NumPy array, or a duck as it is: the door for foreign values.

    PyTorch's tensors are detached, JAX's arrays, tables and lists are read by value, and bfloat16, which NumPy lacks,
    becomes float32. With ``copy=None`` memory is shared where that is possible. Errors quote the value, or say what it
    is ``called``.

    Raises:
        DTypeError: for objects, texts, times, masked arrays and anything else that is neither a number nor a truth
            value, with a way out.
    """
    if dtype is None and type(value) is np.ndarray and value.dtype in DTYPES:
        return value.copy(order="K") if copy else value
    if dtype is None and type(value) in SCALARS:
        return np.array(value)
    if isinstance(value, np.ma.MaskedArray) and value.mask is not np.ma.nomask:
        what = called or f"a masked array of shape {value.shape}"
        raise DTypeError(f"{what} would lose its mask; give value.filled(...) instead")
    dtype = None if dtype is None else dtype_of_numbers(dtype)
    if is_duck(value):
        _check(value, getattr(value, "dtype", None), called)
        measured(value, called)
        return value if dtype is None else value.astype(dtype)
    if isinstance(value, (list, tuple)) and (duck := _first_duck(value)) is not None:
        return plain(_stacked(value, duck, called), dtype, copy, called)
    if is_complex(value) and dtype is not None and dtype.kind != "c":
        raise DTypeError(f"{dtype} cannot hold complex numbers; take their real part first")
    if hasattr(value, "__getitem__") and not _is_finite(value):  # NumPy would ask for one item after another, for ever
        way_out = "x.toarray()" if hasattr(value, "toarray") else "np.array([x[i] for i in range(len(x))])"
        raise DTypeError(f"{called or quoted(value)} is no array but a {type(value).__name__}; give {way_out}")
    try:
        array = np.array(_from_torch(value), dtype=dtype, copy=copy)
    except OpError:
        raise
    except (ValueError, TypeError, OverflowError, RuntimeError) as error:
        raise DTypeError(f"{called or quoted(value)} is not an array: {error}") from None
    if array.dtype.kind not in _KINDS and np.can_cast(array.dtype, np.float32):  # bfloat16, as JAX brings it
        return array.astype(np.float32)
    _check(value, array.dtype, called)
    return array


def operand(value: Any) -> Any:
    """An operand that is no Tensor as ops compute with it: a number, or what `plain` makes of it.

    Raises:
        DTypeError: as `plain` does, and for arrays that mean something else by an operator, as ``np.matrix`` by ``*``.
    """
    this = type(value)
    if this in PLAIN and (this is not np.ndarray or value.dtype in DTYPES):
        return value
    kinds: tuple[Any, ...] = (bool, int, float, complex)
    for number in kinds:  # a subclass, such as a member of an IntEnum
        if isinstance(value, number):
            return number(value)
    if isinstance(value, np.ndarray) and any(
        getattr(this, name) is not getattr(np.ndarray, name) for name in ("__mul__", "__array_ufunc__")
    ):
        instead = "x.filled(...)" if isinstance(value, np.ma.MaskedArray) else "np.asarray(x)"
        raise DTypeError(f"a {this.__name__} has operators of its own, which a Tensor has not; give {instead} instead")
    return plain(value)


def frozen(value: Any, dtype: Any = None, copy: bool = True) -> Any:
    """A read-only array of the value: a private copy, or with ``copy=False`` a read-only view where that is possible.

    Raises:
        DTypeError: as `plain` does.
    """
    if copy and type(value) is np.ndarray and (value.dtype in DTYPES if dtype is None else value.dtype == dtype):
        array = value.copy(order="K")
        array.setflags(write=False)
        return array
    array = plain(value, dtype, True if copy else None)
    if isinstance(array, np.ndarray):
        array = array if copy else array.view()
        array.setflags(write=False)
    return array


def is_complex(value: Any) -> bool:
    """Whether an operand holds complex numbers."""
    return isinstance(value, complex) or getattr(getattr(value, "dtype", None), "kind", None) == "c"


def measured(array: Any, called: str = "") -> Any:
    """A duck whose lengths are known; `ShapeError` for one of Dask's that doesn't know how long its chunks are."""
    if any(n != n for n in array.shape):
        raise ShapeError(
            f"{called or 'a lazy array'} of shape {array.shape} does not know its lengths, and gradients need them: "
            "call x.compute_chunk_sizes() first, or choose by mt.where(mask, x, 0) instead of x[mask]"
        )
    return array


def as_array(result: Any) -> Any:
    """The result of a NumPy call as an array: NumPy returns scalars instead of 0-d arrays."""
    return np.asarray(result) if isinstance(result, (np.generic, float, int, complex)) else result


def _check(value: Any, dtype: Any, called: str) -> None:
    kind = getattr(dtype, "kind", "f")
    if kind not in _KINDS:
        way_out = _WAYS_OUT[kind] if hasattr(value, "dtype") else "give numbers or truth values, such as float(x)"
        if value is None:
            way_out = "to ask whether something is None, write `is None`"
        elif isinstance(value, int):
            way_out = "no dtype has room for it"
        raise DTypeError(f"{called or quoted(value)} holds {dtype}, not numbers; {way_out}")


def _first_duck(value: Any) -> Any:
    """A foreign array within lists, or None. Of lists of lists the first is looked at."""
    while isinstance(value, (list, tuple)) and not NUMBERS.issuperset(kinds := set(map(type, value))):
        ducks = (x for x in value if is_duck(getattr(x, "_data", x)))
        found = next(ducks, None) if any(hasattr(kind, "__array_function__") for kind in kinds) else None
        if found is not None:
            return found
        value = value[0]
    return None


def _stacked(value: Any, duck: Any, called: str) -> Any:
    """Lists of foreign arrays as one such array, the numbers beside them too."""
    if not isinstance(value, (list, tuple)):
        return beside(value, duck) if type(value) in NUMBERS else value
    parts = [_stacked(x, duck, called) for x in value]
    what = called or "a list of arrays"
    if any(hasattr(x, "_data") for x in parts):
        raise DTypeError(
            f"{what} holds Tensors of {whose(getattr(duck, '_data', duck))} arrays; put them together by mt.stack"
        )
    for x in parts:
        compatible(f"{what}: one", x, duck)
    try:
        return np.stack(parts)
    except ValueError as error:
        raise DTypeError(f"{what} is not an array: {error}") from None


def _is_finite(value: Any) -> bool:
    """Whether NumPy knows where what can be indexed ends."""
    known = (Sequence, typed_array, memoryview, np.ndarray, np.generic)
    return isinstance(value, known) or any(hasattr(value, name) for name in _PROTOCOLS)


def _from_torch(value: Any) -> Any:
    """A tensor of PyTorch, wherever it lives, as a NumPy array; anything else as it is."""
    torch = sys.modules.get("torch")  # which is there if the value is its tensor
    kind: Any = getattr(torch, "Tensor", None)
    if torch is None or kind is None or not isinstance(value, kind):
        return value
    narrow = value.is_floating_point() and value.element_size() < 4 and value.dtype != torch.float16
    return (value.float() if narrow else value).numpy(force=True)
