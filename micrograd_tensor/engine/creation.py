"""Creation: leaves of constants, of sequences and of random numbers, under the names that NumPy and PyTorch share.

A shape is a tuple or several ints. Without ``dtype`` the elements are what NumPy makes them: float64, or int64 for what
`arange`, `full`, `randint` and `randperm` make of ints. Random numbers come from ``generator``, by default from the one
that `manual_seed` seeds. All take ``requires_grad`` and ``name`` as `tensor` does.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from .arrays import beside, dtype_of_numbers, is_duck, plain, setting
from .errors import DTypeError, ShapeError, quoted
from .interop.habits import keywords
from .lengths import length, lengths
from .randomness import generator_or_default
from .record import leaf, unwrap
from .row import Operand
from .table.elementwise import astype
from .tensor import Tensor, tensor
from .trace import refuse_reading, source

__all__ = ["arange", "as_tensor", "eye", "from_numpy", "full", "full_like", "linspace", "ones", "ones_like"]
__all__ += ["rand", "rand_like", "randint", "randn", "randn_like", "randperm", "zeros", "zeros_like"]
__all__ += ["float16", "float32", "float64", "int32", "int64", "uint8"]

float16: Final = np.float16
float32: Final = np.float32
float64: Final = np.float64
int32: Final = np.int32
int64: Final = np.int64
uint8: Final = np.uint8

DTYPES: Final[dict[str, Any]] = {
    **dict(half=float16, float=float32, double=float64, int=int32, long=int64, bool=np.bool_, bool_=np.bool_),
    **dict(int8=np.int8, int16=np.int16, uint16=np.uint16, uint32=np.uint32, uint64=np.uint64),
    **dict(complex64=np.complex64, complex128=np.complex128),
}
"""Other names of dtypes, some of which Python has for something else."""

Generator = np.random.Generator


def _leaf(array: Any, requires_grad: bool, name: str | None) -> Tensor:
    """A leaf of an array that is nobody else's."""
    new = leaf(plain(array), name)
    return new.requires_grad_() if requires_grad else new


def _number(value: Any, function: str) -> Any:
    """What to fill with; the value of a Tensor, which is read."""
    if isinstance(value, Tensor):
        refuse_reading(value, f"{function}()")
    return unwrap(value)


def _known(function: str, **given: Any) -> None:
    """Refuse what is no number, and foreign arrays, which NumPy would read, or could not."""
    for name, value in given.items():
        if is_duck(unwrap(value)):
            setting(f"{function}: {name}", value)
        plain(unwrap(value), called=f"{function}: {name}={quoted(value)}")


def _shape_and_dtype(function: str, shape: tuple[Any, ...], dtype: Any) -> tuple[tuple[int, ...], Any]:
    """What NumPy and PyTorch take by position: a tuple and perhaps a dtype, or several ints."""
    if len(shape) == 2 and dtype is None and not isinstance(shape[1], (int, np.integer)):
        *shape, dtype = shape  # type: ignore[assignment]
    return _lengths(function, tuple(shape)), dtype


def _lengths(function: str, shape: tuple[Any, ...]) -> tuple[int, ...]:
    """A shape that was given as a tuple or as several ints."""
    given = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
    return lengths(f"{function}: shape", tuple(given), least=0)


def _drawn(
    how: str,
    args: tuple[Any, ...],
    generator: Generator | None,
    dtype: Any,
    requires_grad: bool = False,
    name: str | None = None,
    like: Any = None,
) -> Tensor:
    """A leaf of what a method of the generator draws, as an array of the kind of another one."""
    generator = generator_or_default(generator)
    draw = getattr(generator, how)
    dtype = None if dtype is None else dtype_of_numbers(dtype)
    new = source(lambda: beside(np.asarray(draw(*args), dtype), like), name, generator)
    return new.requires_grad_() if requires_grad else new


def _drawn_like(how: str, x: Operand, generator: Generator | None, requires_grad: bool) -> Tensor:
    """A leaf of what is drawn, of the shape, the dtype and the kind of x."""
    like = unwrap(as_tensor(x))
    return _drawn(how, (like.shape,), generator, like.dtype, requires_grad, like=like)


@keywords
def zeros(*shape: Any, dtype: Any = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """A leaf with a zero everywhere.

    >>> import micrograd_tensor as mt
    >>> mt.zeros(3), mt.zeros((2, 1), dtype=int)
    (tensor([0., 0., 0.]), tensor([[0],
            [0]]))
    """
    return _leaf(np.zeros(*_shape_and_dtype("zeros", shape, dtype)), requires_grad, name)


@keywords
def ones(*shape: Any, dtype: Any = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """A leaf with a one everywhere.

    >>> import micrograd_tensor as mt
    >>> mt.ones(3, requires_grad=True)
    tensor([1., 1., 1.], requires_grad=True)
    """
    return _leaf(np.ones(*_shape_and_dtype("ones", shape, dtype)), requires_grad, name)


@keywords
def full(
    shape: int | tuple[int, ...],
    fill_value: Any,
    dtype: Any = None,
    *,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """A leaf with the same number everywhere, or with numbers that broadcast; `ShapeError` where they do not.

    >>> import micrograd_tensor as mt
    >>> mt.full((2,), 7.0)
    tensor([7., 7.])
    """
    _known("full", fill_value=fill_value)
    return _leaf(np.full(_lengths("full", (shape,)), _number(fill_value, "full"), dtype), requires_grad, name)


@keywords
def eye(
    n: int, m: int | None = None, *, dtype: Any = None, requires_grad: bool = False, name: str | None = None
) -> Tensor:
    """The identity matrix ``(n, n)``, or ``(n, m)`` with ones on the diagonal.

    >>> import micrograd_tensor as mt
    >>> mt.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    n, m = length("n", n, least=0), None if m is None else length("m", m, least=0)
    return _leaf(np.eye(n, m, dtype=float if dtype is None else dtype), requires_grad, name)


@keywords
def arange(
    start: float,
    stop: float | None = None,
    step: float = 1,
    *,
    dtype: Any = None,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """Numbers from ``start`` by ``step`` up to, without, ``stop``: ``arange(stop)``, ``arange(start, stop, step)``.

    >>> import micrograd_tensor as mt
    >>> mt.arange(3), mt.arange(1.0, 2.0, 0.25)
    (tensor([0, 1, 2]), tensor([1.  , 1.25, 1.5 , 1.75]))
    """
    first, end = (0, start) if stop is None else (start, stop)
    _known("arange", start=first, stop=end, step=step)
    try:
        made = np.arange(first, end, step, dtype=dtype)
    except (ValueError, TypeError, ZeroDivisionError, OverflowError) as error:
        said = f"arange: from {quoted(first)} to {quoted(end)} by {quoted(step)}"
        raise ShapeError(f"{said}: {error}; give numbers, and a step that leads from one to the other") from None
    return _leaf(made, requires_grad, name)


@keywords
def linspace(
    start: float,
    stop: float,
    num: int = 50,
    *,
    dtype: Any = None,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """So many numbers at equal distances from ``start`` to ``stop``, both included.

    >>> import micrograd_tensor as mt
    >>> mt.linspace(0, 1, 3)
    tensor([0. , 0.5, 1. ])
    """
    _known("linspace", start=start, stop=stop)
    return _leaf(np.linspace(start, stop, length("num", num, least=0), dtype=dtype), requires_grad, name)


@keywords
def rand(
    *shape: Any,
    dtype: Any = float64,
    generator: Generator | None = None,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """A leaf of random numbers, uniform in 0…1 without 1.

    >>> import micrograd_tensor as mt
    >>> bool((mt.rand(2, 3) < 1).numpy().all())
    True
    """
    return _drawn("random", (_lengths("rand", shape),), generator, dtype, requires_grad, name)


@keywords
def randn(
    *shape: Any,
    dtype: Any = float64,
    generator: Generator | None = None,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """A leaf of random numbers from the standard normal distribution.

    >>> import micrograd_tensor as mt
    >>> mt.randn(2, 3).shape
    (2, 3)
    """
    return _drawn("standard_normal", (_lengths("randn", shape),), generator, dtype, requires_grad, name)


@keywords
def randint(
    low: int = 0, high: Any = None, shape: Any = None, *, dtype: Any = int64, generator: Generator | None = None
) -> Tensor:
    """Random ints, uniform from ``low`` (0 by default) up to, without, ``high``: ``randint(high, shape)``.

    >>> import micrograd_tensor as mt
    >>> mt.randint(10, (2, 3)).shape, mt.randint(5, 6, (2,))
    ((2, 3), tensor([5, 5]))
    """
    if shape is None:
        low, high, shape = 0, low, high
    _known("randint", low=low, high=high)
    return _drawn("integers", (low, high, _lengths("randint", (shape,))), generator, dtype)


@keywords
def randperm(n: int, *, generator: Generator | None = None) -> Tensor:
    """The ints from 0 to n − 1 in a random order.

    >>> import micrograd_tensor as mt
    >>> sorted(mt.randperm(4).tolist())
    [0, 1, 2, 3]
    """
    return _drawn("permutation", (length("n", n, least=0),), generator, int64)


@keywords
def zeros_like(x: Operand, dtype: Any = None, *, requires_grad: bool = False) -> Tensor:
    """A leaf of zeros, of the shape of x, and of its dtype unless another is given.

    >>> import micrograd_tensor as mt
    >>> mt.zeros_like(mt.tensor([1.0, 2.0]))
    tensor([0., 0.])
    """
    return _leaf(np.zeros_like(unwrap(x), dtype=dtype), requires_grad, None)


@keywords
def ones_like(x: Operand, dtype: Any = None, *, requires_grad: bool = False) -> Tensor:
    """A leaf of ones, of the shape of x, and of its dtype unless another is given.

    >>> import micrograd_tensor as mt
    >>> mt.ones_like(mt.tensor([1.0, 2.0]), dtype=int)
    tensor([1, 1])
    """
    return _leaf(np.ones_like(unwrap(x), dtype=dtype), requires_grad, None)


@keywords
def full_like(x: Operand, fill_value: Any, dtype: Any = None, *, requires_grad: bool = False) -> Tensor:
    """A leaf with the same number everywhere, of the shape of x, and of its dtype unless another is given.

    >>> import micrograd_tensor as mt
    >>> mt.full_like(mt.tensor([1.0, 2.0]), 7)
    tensor([7., 7.])
    """
    _known("full_like", fill_value=fill_value)
    return _leaf(np.full_like(unwrap(x), _number(fill_value, "full_like"), dtype=dtype), requires_grad, None)


@keywords
def rand_like(x: Operand, *, generator: Generator | None = None, requires_grad: bool = False) -> Tensor:
    """Random numbers as from `rand`, of the shape and dtype of x.

    >>> import micrograd_tensor as mt
    >>> mt.rand_like(mt.zeros(2, 3, dtype=mt.float32)).dtype
    dtype('float32')
    """
    return _drawn_like("random", x, generator, requires_grad)


@keywords
def randn_like(x: Operand, *, generator: Generator | None = None, requires_grad: bool = False) -> Tensor:
    """Random numbers as from `randn`, of the shape and dtype of x.

    >>> import micrograd_tensor as mt
    >>> mt.randn_like(mt.zeros(2, 3)).shape
    (2, 3)
    """
    return _drawn_like("standard_normal", x, generator, requires_grad)


def as_tensor(x: Any, dtype: Any = None) -> Tensor:
    """A Tensor as it is, anything else as a leaf of its values; with ``dtype``, converted to it.

    >>> import micrograd_tensor as mt
    >>> mt.as_tensor([1.0, 2.0])
    tensor([1., 2.])
    """
    found = x if isinstance(x, Tensor) else tensor(x)
    return found if dtype is None or found.dtype == dtype else astype(found, dtype)


def from_numpy(array: Any) -> Tensor:
    """A leaf of the values of an array, in its dtype; unlike PyTorch's, with memory of its own.

    Raises:
        DTypeError: for anything but an array.

    >>> import numpy as np
    >>> import micrograd_tensor as mt
    >>> mt.from_numpy(np.float32([1, 2]))
    tensor([1., 2.], dtype=float32)
    """
    if not isinstance(array, np.ndarray):
        raise DTypeError(f"from_numpy takes an array, not {quoted(array):.40}; write mt.tensor({quoted(array):.40})")
    return tensor(array)
