"""Updates: what ``p -= lr * g`` and ``p.data -= lr * g`` mean, where values are frozen because graphs may need them.

A leaf that asks for gradients stays the same object: within `no_grad` it is given the new value by ``assign_``, and
elsewhere the update is refused, since its result would be no leaf. Any other name is bound to the result, as ever.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import GradientError, ShapeError, describe
from .interop.habits import missing
from .record import Record
from .recording import recording

Operation = Callable[[Any, Any], Any]


def of_tensor(sign: str, operation: Operation) -> Operation:
    """The method of a Tensor for a sign such as ``-=``, from what it computes."""

    def update(x: Any, other: Any) -> Any:
        if x.op is not None or not x._requires_grad:
            return operation(x, other)
        if recording.get().on:
            raise GradientError(
                f"{sign} on {describe(x)}, which asks for gradients, would put a result in the place of a leaf; update "
                "it within `with mt.no_grad():`, or by assign_, or give the result another name"
            )
        value = operation(x, other)
        if value.shape != x.shape:
            raise ShapeError(f"{sign} on {describe(x)} with {describe(other)} would change its shape to {value.shape}")
        return x.assign_(value)

    return update


def _of_window(operation: Operation) -> Operation:
    """The method of a `Window` for a sign such as ``-=``, from what it computes."""
    inherited = getattr(np.ndarray, f"__i{operation.__name__}__")

    def update(array: Any, other: Any) -> Any:
        if array.flags.writeable:
            return inherited(array, other)
        leaf = array.leaf
        if leaf is None:
            raise array.refusal()
        leaf.assign_(operation(leaf._data, other))
        return window(leaf._data, leaf)

    return update


class Window(np.ndarray[Any, Any]):
    """The array of a tensor as ``x.data`` shows it: NumPy to read, with the tensor to update if that is a leaf.

    A part of it is an array that cannot be written to; a copy, and what NumPy computes from it, are ordinary arrays.

    >>> import micrograd_tensor as mt
    >>> p = mt.tensor([1.0, 2.0])
    >>> p.data += 0.5
    >>> p, p.data, p.data * 2
    (tensor([1.5, 2.5]), array([1.5, 2.5]), array([3., 5.]))
    """

    leaf: Any = None

    __iadd__ = _of_window(operator.add)
    __isub__ = _of_window(operator.sub)
    __imul__ = _of_window(operator.mul)
    __itruediv__ = _of_window(operator.truediv)
    __ifloordiv__ = _of_window(operator.floordiv)
    __imod__ = _of_window(operator.mod)
    __ipow__ = _of_window(operator.pow)
    __imatmul__ = _of_window(operator.matmul)

    def __array_wrap__(self, array: Any, _context: Any = None, return_scalar: bool = False) -> Any:
        return array[()] if return_scalar else array

    def __setitem__(self, index: Any, value: Any) -> None:
        if not self.flags.writeable:
            raise self.refusal()
        super().__setitem__(index, value)

    def refusal(self) -> ValueError:
        """The error for writing to the array."""
        what = "a tensor's array" if self.leaf is None else f"the data of {describe(self.leaf)}"
        return ValueError(
            f"{what} is read-only, because a backward pass may need it: give the leaf a new value by p.assign_(…), and "
            "clear its gradient by p.grad = None or zero_grad()"
        )

    def __repr__(self) -> str:
        return repr(np.asarray(self))

    def __reduce__(self) -> Any:
        return np.asarray(self).__reduce__()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if self.leaf is not None and name.endswith("_") and not name.startswith("_"):
                return getattr(self.leaf, name)  # as in p.data.zero_()
            raise missing("an array", name, self, "x")


def window(array: Any, leaf: Record | None) -> Any:
    """The array of a tensor to look at, with the tensor if it is a leaf; an array that is not NumPy's as it is."""
    if not isinstance(array, np.ndarray):
        return array
    view = array.view(Window)
    view.leaf = leaf
    return view
