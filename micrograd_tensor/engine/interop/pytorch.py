"""PyTorch's names for what a Tensor can do, where they mean something on NumPy and NumPy has no other use for them."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterable
from opcode import opname
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from .. import record
from ..errors import DTypeError, ShapeError, describe
from ..record import Record, Result
from ..row import Axis
from ..table import comparisons, elementwise, matrix, places, reductions, shapes
from .habits import ON_THE_CPU, Absent, keywords, known_elsewhere


class Size(builtins.int):
    """The number of elements, as in NumPy; called, as in PyTorch, the shape or the length of one axis.

    >>> import micrograd_tensor as mt
    >>> x = mt.zeros(2, 3)
    >>> x.size, x.size(), x.size(0)
    (6, (2, 3), 2)
    """

    shape: tuple[builtins.int, ...]

    def __call__(self, dim: builtins.int | None = None) -> Any:
        """All lengths, or one."""
        return self.shape if dim is None else self.shape[dim]


def target_dtype(targets: tuple[Any, ...], default: Any) -> Any:
    """The dtype among the arguments of ``to``: a dtype, or that of a Tensor; the CPU is where everything is anyway.

    Raises:
        DTypeError: for any other device, and for anything else.
    """
    dtype = default
    for target in targets:
        if target is None or str(target) == "cpu":
            continue
        try:
            dtype = target._data.dtype if isinstance(target, Record) else np.dtype(target)
        except TypeError:
            raise DTypeError(f"to({target!r:.40}): give a dtype, such as mt.float64; {ON_THE_CPU}") from None
    return dtype


def no_pair(x: Record) -> None:
    """Explain why a Tensor cannot be unpacked into two, where someone is about to try: it may be meant for a pair."""
    frame = sys._getframe(2)
    opcode, count = frame.f_code.co_code[frame.f_lasti : frame.f_lasti + 2]
    if opname[opcode] == "UNPACK_SEQUENCE" and count == 2 and x._data.shape[:1] not in ((), (2,)):
        raise ValueError(
            f"{describe(x)} has {len(x._data)} rows to unpack, not 2. If values and indices are meant: max, min and "
            "sort give the values alone, as in NumPy; the indices are x.argmax(axis=…), x.argmin or x.argsort"
        )


class Elsewhere:
    """The names that `Tensor` has not, each of them `Absent`."""

    __slots__ = ()

    def __dir__(self) -> list[str]:
        there = {*getattr(self, "__dict__", ())}
        return [name for name in object.__dir__(self) if name in there or hasattr(type(self), name)]


def look_elsewhere(public: Iterable[str]) -> None:
    """Let Tensors say what to write instead of names that they have not, these among them."""
    for name in known_elsewhere(record.result, public):
        setattr(Elsewhere, name, Absent(name))


class PyTorchMethods(Record, Elsewhere):
    """What `Tensor` gets its PyTorch names from."""

    __slots__ = ()

    @property
    def size(self) -> Any:
        """Number of elements; called, as in PyTorch, the shape, or with an axis the length along it."""
        size = Size(self._data.size)
        size.shape = self._data.shape
        return size

    if TYPE_CHECKING:  # compositions of a higher floor, which lends them

        def softmax(self, axis: Axis = -1, *, dim: Axis = ...) -> Result:
            """See `mt.softmax`."""

        def log_softmax(self, axis: Axis = -1, *, dim: Axis = ...) -> Result:
            """See `mt.log_softmax`."""

        def logsumexp(
            self, axis: Axis = None, keepdims: builtins.bool = False, *, dim: Axis = ..., keepdim: builtins.bool = ...
        ) -> Result:
            """See `mt.logsumexp`."""

    def dim(self) -> builtins.int:
        """Number of axes."""
        return self._data.ndim  # type: ignore[no-any-return]

    ndimension: Final = dim

    def numel(self) -> builtins.int:
        """Number of elements."""
        return self._data.size  # type: ignore[no-any-return]

    nelement: Final = numel

    def view_as(self, other: Record) -> Result:
        """The same elements under the shape of another tensor; `ShapeError` where they do not fill it."""
        return shapes.reshape(self, shape=other._data.shape)

    reshape_as: Final = view_as

    def expand(self, *lengths: Any) -> Result:
        """Repeated along new or length-1 axes up to a shape, in which −1 keeps a length; `ShapeError` for others."""
        wanted = tuple(lengths[0]) if len(lengths) == 1 and isinstance(lengths[0], (tuple, list)) else lengths
        own = (1,) * (len(wanted) - len(self._data.shape)) + self._data.shape
        kept = tuple(n if m == -1 else m for n, m in zip(own, wanted, strict=False))
        return reductions.broadcast_to(self, shape=kept if len(own) == len(wanted) else wanted)

    def expand_as(self, other: Record) -> Result:
        """Repeated along new or length-1 axes up to the shape of another tensor."""
        return reductions.broadcast_to(self, shape=other._data.shape)

    def t(self) -> Result:
        """A matrix with its axes exchanged; a vector or a number as it is. `ShapeError` for more axes."""
        if len(self._data.shape) > 2:
            raise ShapeError(f"t: {describe(self)} is no matrix; use mT for the last two axes, or transpose")
        return shapes.transpose(self)

    def contiguous(self) -> Self:
        """The tensor itself: no op depends on how elements lie in memory."""
        return self

    cpu: Final = contiguous

    def masked_fill(self, mask: Any, value: Any) -> Result:
        """The value where the mask holds, else the elements as they are; shapes broadcast."""
        return elementwise.where(mask, value, self)

    @keywords
    def to(self, *targets: Any, dtype: Any = None, device: Any = None) -> Any:
        """In another dtype, or in that of another tensor, as `astype`; the tensor itself if it has it already.

        Raises:
            DTypeError: for a device other than the CPU.
        """
        wanted = target_dtype((*targets, dtype, device), self._data.dtype)
        return self if wanted == self._data.dtype else elementwise.astype(self, wanted)

    def type(self, dtype: Any = None) -> Any:
        """In another dtype, as `astype`."""
        if dtype is None:
            raise TypeError("type() converts to a dtype that it is given; the present one is x.dtype")
        return self.to(dtype)

    def type_as(self, other: Record) -> Any:
        """In the dtype of another tensor, as `astype`."""
        return self.to(other)

    def half(self) -> Any:
        """In float16, as `astype`."""
        return self.to(np.float16)

    def float(self) -> Any:
        """In float32, as `astype`."""
        return self.to(np.float32)

    def double(self) -> Any:
        """In float64, as `astype`."""
        return self.to(np.float64)

    def int(self) -> Any:
        """In int32, as `astype`."""
        return self.to(np.int32)

    def long(self) -> Any:
        """In int64, as `astype`."""
        return self.to(np.int64)

    def bool(self) -> Any:
        """As truth values, as `astype`."""
        return self.to(np.bool_)

    def zero_(self: Any) -> Any:
        """Give this leaf the value 0, as `assign_`: ``w.grad.zero_()`` between two backward passes."""
        return self.assign_(np.zeros_like(self._data))

    def fill_(self: Any, value: Any) -> Any:
        """Give this leaf the same number everywhere, as `assign_`."""
        return self.assign_(np.full_like(self._data, value))

    def copy_(self: Any, value: Any) -> Any:
        """As `assign_`."""
        return self.assign_(value)

    clone: Final = places.copy
    unsqueeze: Final = shapes.expand_dims
    clamp: Final = elementwise.clip
    amax: Final = reductions.max
    amin: Final = reductions.min
    mm: Final = matrix.matmul
    bmm: Final = matrix.matmul
    eq: Final = comparisons.equal
