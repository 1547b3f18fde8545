"""Tensor: an array, and the call that made it."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from .arrays import frozen
from .errors import DTypeError, GradientError, ShapeError, describe
from .recording import Scope, recording

if TYPE_CHECKING:
    from .operators import Operators
    from .row import Primitive
else:
    Operators = object

__all__ = ["Tensor", "tensor"]

birth_numbers = count()
"""Every Tensor takes the next number at birth. Operands are born before results, so this order is topological."""


class Tensor(Operators):
    """An n-dimensional array that remembers the elementary op that made it, so that gradients can be pulled back.

    Make one with `tensor`; ops on Tensors make the others. The array is read-only from birth, and references run from
    a result to its operands only, so a graph is freed as soon as its last result is.

    Attributes:
        data: the array, read-only; to set it is to `assign_`.
        requires_grad: whether gradients flow to this tensor; to set it is to call `requires_grad_`.
        grad: the gradient that `backward` accumulated here, a Tensor of its shape and dtype, or None: not computed.
        name: what reports and pictures call it, or None.
        scope: the `Scope` it was made in, or None.
        born: its birth number.
        op: the row of the table that made it, or None for a leaf.
        operands: what the op was applied to: Tensors, and Python numbers as they were given.
        saved: the operands' arrays at that moment, for the rules.
        params: the op's keyword parameters, such as ``axis``.
        line: where it was called; set within `detect_anomaly` only.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> y = (x * x).sum()
    >>> y.backward()
    >>> y.item(), x.grad
    (5.0, tensor([2., 4.]))
    """

    __slots__ = (
        "__weakref__",
        "_data",
        "_grad",
        "_requires_grad",
        "born",
        "keeps_grad",
        "line",
        "name",
        "op",
        "operands",
        "params",
        "saved",
        "scope",
    )

    _data: Any
    _grad: Tensor | None
    _requires_grad: bool
    keeps_grad: bool
    line: str
    name: str | None
    scope: Scope | None
    born: int
    op: Primitive | None
    operands: tuple[Any, ...]
    saved: list[Any]
    params: dict[str, Any]

    def __init__(
        self,
        value: Any,
        *,
        name: str | None = None,
        dtype: Any = None,
        requires_grad: bool = False,
        copy: bool = True,
    ) -> None:
        _fill(self, frozen(value.data if isinstance(value, Tensor) else value, dtype, copy), name)
        if requires_grad:
            self.requires_grad_()

    @property
    def data(self) -> Any:
        """The array, read-only. To set it is to `assign_`."""
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        self.assign_(value)

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to this tensor. To set it is to call `requires_grad_`."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, requires_grad: bool) -> None:
        self.requires_grad_(requires_grad)

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward` accumulated here, a Tensor of this shape and dtype, or None: not computed."""
        return self._grad

    @grad.setter
    def grad(self, gradient: Tensor | None) -> None:
        if gradient is not None and not isinstance(gradient, Tensor):
            raise DTypeError(f"the gradient of {describe(self)} is a Tensor or None, not {gradient!r:.40}")
        self._grad = gradient

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for gradients of this leaf, or no longer; returns the tensor itself.

        Raises:
            DTypeError: for integer and boolean tensors, whose values cannot vary smoothly.
            GradientError: for the result of an op, whose gradient depends on its operands.
        """
        if self.op is not None:
            raise GradientError(f"{describe(self)} is the result of {self.op.name}, not a leaf; use detach() first")
        if requires_grad and self.data.dtype.kind not in "fc":
            raise DTypeError(
                f"{describe(self)} holds {self.data.dtype}, and gradients need floating-point values; "
                "give dtype=float, or write 1.0 for 1"
            )
        self._requires_grad = requires_grad
        return self

    def named(self, name: str) -> Tensor:
        """Give the tensor a name for reports and pictures; returns the tensor itself.

        >>> import micrograd_tensor as mt
        >>> mt.tensor([1.0, 2.0]).named("x")
        tensor([1., 2.], name='x')
        """
        self.name = name
        return self

    def retain_grad(self) -> Tensor:
        """Let `backward` store the gradient of this intermediate result too; returns the tensor itself.

        Raises:
            GradientError: when no gradient flows to the tensor.
        """
        if not self.requires_grad:
            raise GradientError(
                f"{describe(self)} needs no gradient: nothing that made it was given requires_grad=True"
            )
        self.keeps_grad = True
        return self

    def assign_(self, value: Any) -> Tensor:
        """Give this leaf a new value of the same shape, kept in its own dtype; returns the tensor itself.

        The one door through which a value changes, as an optimizer needs. Graphs recorded before keep the old array and
        still differentiate correctly; only ``create_graph=True`` through them is refused, since it would mix the two.

        Raises:
            GradientError: for the result of an op: assign to the leaves it was computed from.
            ShapeError: for a value of another shape.

        >>> import micrograd_tensor as mt
        >>> w = mt.tensor([1.0, 2.0], requires_grad=True)
        >>> w.assign_(w - 0.5)
        tensor([0.5, 1.5], requires_grad=True)
        """
        if self.op is not None:
            raise GradientError(f"{describe(self)} is the result of {self.op.name}; only a leaf can be assigned to")
        new = frozen(value.data if isinstance(value, Tensor) else value, dtype=self.data.dtype)
        if new.shape != self.data.shape:
            raise ShapeError(f"assign_: {describe(self)} cannot take a value of shape {new.shape}")
        self._data = new
        return self

    def detach(self) -> Tensor:
        """The same values as a leaf without history: derivatives take it for a constant. No copy is made."""
        return leaf(self.data, self.name)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if self.op is not None:
            raise GradientError(f"{describe(self)} is the result of {self.op.name}; only a leaf is copied: detach() it")
        new = object.__new__(type(self))
        _fill(new, self.data, self.name)
        new._requires_grad, new._grad = self._requires_grad, self._grad
        memo[id(self)] = new
        return new

    def numpy(self) -> Any:
        """The array itself, read-only; ``.numpy().copy()`` for one to write to.

        >>> import micrograd_tensor as mt
        >>> mt.tensor([1.0, 2.0]).numpy()
        array([1., 2.])
        """
        return self.data

    def item(self) -> Any:
        """The only element, as a Python number.

        Raises:
            ShapeError: unless there is exactly one element.
        """
        if self.data.size != 1:
            raise ShapeError(f"item: {describe(self)} has {self.data.size} elements, not one; use tolist() or numpy()")
        return self.data.item()

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers."""
        return self.data.tolist()

    @property
    def shape(self) -> tuple[int, ...]:
        """Length along each axis."""
        return self.data.shape  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.data.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.data.size  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements."""
        return self.data.dtype  # type: ignore[no-any-return]

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded op made this tensor."""
        return self.op is None

    def __repr__(self) -> str:
        plain = isinstance(self.data, np.ndarray)
        text = np.array2string(self.data, separator=", ", prefix="tensor(") if plain else repr(self.data)
        if not self.data.size:
            text += f", shape={self.shape}"
        if self.data.dtype not in (np.float64, np.int64, np.bool_):
            text += f", dtype={self.data.dtype}"
        if self.name is not None:
            text += f", name={self.name!r}"
        if self.op is not None:
            text += f", op={self.op.name}"
        elif self.requires_grad:
            text += ", requires_grad=True"
        return f"tensor({text})"

    def __format__(self, spec: str) -> str:
        return format(self.item() if spec else str(self), spec)

    def __len__(self) -> int:
        if self.data.ndim == 0:
            raise TypeError("a 0-d tensor has no length; use item() for its value")
        return len(self.data)

    def __bool__(self) -> bool:
        if self.data.size != 1:
            raise ShapeError(
                f"{describe(self)} has {self.data.size} truth values, not one; use .numpy().any() or .numpy().all()"
            )
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        return self.data.__index__()  # type: ignore[no-any-return]

    def __setitem__(self, index: Any, value: Any) -> None:
        raise GradientError(
            f"{describe(self)} is read-only, because a backward pass may need its values; "
            "build a new tensor with mt.where, or replace a leaf's value with assign_"
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if self.requires_grad:
            raise GradientError(
                f"turning {describe(self)} into an array would cut its graph; say .numpy() to do it knowingly"
            )
        return np.array(self.data, dtype=dtype, copy=copy)


def _fill(new: Tensor, data: Any, name: str | None) -> None:
    new._data = data
    new._requires_grad = new.keeps_grad = False
    new._grad = new.op = None
    new.operands, new.saved, new.params = (), [], {}
    new.name = name
    new.scope = recording.get().scope
    new.born = next(birth_numbers)


def leaf(array: Any, name: str | None = None, requires_grad: bool = False) -> Tensor:
    """A leaf around an array that nobody else will write to: frozen as it is, neither copied nor checked."""
    new = object.__new__(Tensor)
    if isinstance(array, np.ndarray):
        array.setflags(write=False)
    _fill(new, array, name)
    new._requires_grad = requires_grad
    return new


def tensor(
    value: Any, *, name: str | None = None, dtype: Any = None, requires_grad: bool = False, copy: bool = True
) -> Tensor:
    """A leaf Tensor of the given values.

    Args:
        value: numbers, nested lists, an array of any shape, or another Tensor (whose history is left behind).
        name: what reports and pictures call it.
        dtype: of the elements; by default the value's own, so float32 stays float32.
        requires_grad: whether gradients with respect to it will be asked for.
        copy: a private copy by default. With False the array's memory is shared through a read-only view: then it is up
            to the caller not to write to the array while a graph depends on it.

    Raises:
        DTypeError: for values that are not numbers, and for integers that ask for gradients.

    >>> import micrograd_tensor as mt
    >>> mt.tensor([[1, 2], [3, 4]], dtype="float32", name="x", requires_grad=True)
    tensor([[1., 2.],
            [3., 4.]], dtype=float32, name='x', requires_grad=True)
    """
    return Tensor(value, name=name, dtype=dtype, requires_grad=requires_grad, copy=copy)
