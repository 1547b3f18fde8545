"""Tensor: a `Record` with the surface of an array. It stands on top of the table, and lends its ops to methods."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import Any, Final

import numpy as np

from . import record, walk
from .arrays import Outline, element, fetching, frozen, is_duck, on_host, settled, whose
from .errors import DTypeError, GradientError, GradientWarning, ShapeError, describe
from .interop import protocols
from .interop.habits import keywords
from .interop.pytorch import PyTorchMethods, no_pair
from .record import all_at_once, checked, leaf, set_data, set_grad, start, unwrap
from .recording import recording
from .row import Operand
from .table import comparisons as c
from .table import elementwise as e
from .table import logarithms, matrix, places, reductions, rounding, shapes, special, truths
from .table import trigonometry as t
from .trace import effect, refuse_reading, touch_grad
from .updates import of_tensor, window

__all__ = ["Tensor", "tensor"]


class Tensor(PyTorchMethods):
    """An n-dimensional array that remembers the elementary op that made it, so that gradients can be pulled back.

    Make one with `tensor`; ops on Tensors make the others. The array is read-only from birth. Besides what follows, a
    Tensor has the attributes of a `Record`: ``name``, ``scope``, and the call that made it. A leaf can be copied,
    pickled and sent to other processes, with its gradient; a result cannot, but ``detach()`` makes a leaf of it.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> y = (x * x).sum()
    >>> y.backward()
    >>> y.item(), x.grad
    (5.0, tensor([2., 4.]))
    """

    __slots__ = ()

    def __init__(
        self,
        value: Any,
        *,
        name: str | None = None,
        dtype: Any = None,
        requires_grad: bool = False,
        copy: bool = True,
    ) -> None:
        if isinstance(value, Tensor):
            refuse_reading(value, "a new leaf of the values")
        start(self, frozen(unwrap(value), dtype, copy), checked(name))
        if requires_grad:
            self.requires_grad_()

    @property
    def data(self) -> Any:
        """The array, read-only; setting it calls `assign_`, and so do ``x.data -= step`` and its kin on a leaf."""
        refuse_reading(self, "data")
        return window(self._values(), self if self.op is None else None)

    @data.setter
    def data(self, value: Any) -> None:
        self.assign_(value)

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to this tensor; setting it calls `requires_grad_`."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, requires_grad: bool) -> None:
        self.requires_grad_(requires_grad)

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward` accumulated here, a Tensor of this shape and dtype, or None: not computed.

        It accumulates in leaves, and in results that `retain_grad` was called on; asking another result warns.
        ``x.grad *= 0.5`` scales it, and ``x.grad = None`` clears it.
        """
        if self._grad is None and self.op is not None and self._requires_grad and not self.keeps_grad:
            warnings.warn(
                f"{describe(self)} keeps no gradient, because it is the result of {self.op.name} and no leaf: call its "
                "retain_grad() before backward(), or ask for the gradient by mt.grad(output, it)",
                GradientWarning,
                stacklevel=2,
            )
        touch_grad(self)
        return self._grad

    @grad.setter
    def grad(self, gradient: Tensor | None) -> None:
        if gradient is not None and not isinstance(gradient, Tensor):
            raise DTypeError(f"the gradient of {describe(self)} is a Tensor or None, not {gradient!r:.40}")
        if recording.get().trace is not None:
            touch_grad(self, clears=gradient is None)
        self._grad = gradient

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Request gradients for this leaf, or stop requesting them; returns the tensor itself.

        Raises:
            DTypeError: for integer and boolean tensors, whose values cannot vary smoothly.
            GradientError: for the result of an op, whose gradient depends on its operands.
        """
        if self.op is not None:
            raise GradientError(f"{describe(self)} is the result of {self.op.name}, not a leaf; use detach() first")
        if requires_grad and self._data.dtype.kind not in "fc":
            raise DTypeError(
                f"{describe(self)} holds {self._data.dtype}, and gradients need floating-point values; "
                "give dtype=float, or write 1.0 for 1"
            )
        self._requires_grad = requires_grad
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

        The only way to change a value, for optimizers above all; on a leaf that asks for gradients, ``w -= step`` and
        its kin call it within `no_grad`, and are refused elsewhere. Graphs recorded before keep the old array and still
        differentiate correctly; only ``create_graph=True`` through them is refused, since it would mix the two. A value
        that is lazy is computed, and a leaf whose array is NumPy's keeps one.

        Raises:
            GradientError: for the result of an op: assign to the leaves it was computed from.
            ShapeError: for a value of another shape.

        >>> import micrograd_tensor as mt
        >>> w = mt.tensor([1.0, 2.0], requires_grad=True)
        >>> w.assign_(w - 0.5)
        tensor([0.5, 1.5], requires_grad=True)
        >>> with mt.no_grad():
        ...     w -= 0.5
        >>> w
        tensor([0., 1.], requires_grad=True)
        """
        traced = recording.get().trace is not None
        new = _accepted(self, value, traced)
        if traced:
            effect(self, new, lambda array: [(set_data, self, array)])
        else:
            [self._data] = settled([new], [self._data])
        return self

    def detach(self) -> Tensor:
        """The same values as a leaf without history, which derivatives treat as a constant. No copy is made."""
        if recording.get().trace is not None:
            return e.stop_gradient(self)
        return leaf(self._values(), self.name)

    def __reduce__(self) -> tuple[Any, ...]:
        """For copies and pickles: a leaf with its name and its gradient, born anew where it arrives."""
        if self.op is not None:
            raise GradientError(
                f"{describe(self)} is the result of {self.op.name}; only a leaf is copied or pickled: detach() it"
            )
        refuse_reading(self, "a copy")
        gradient = None if self._grad is None else self._grad._data
        parts = type(self), self._data, self.name, self._requires_grad, gradient
        return _born_anew, parts, getattr(self, "__dict__", None)

    def numpy(self) -> Any:
        """The array itself, read-only; ``.numpy().copy()`` for one to write to.

        >>> import micrograd_tensor as mt
        >>> mt.tensor([1.0, 2.0]).numpy()
        array([1., 2.])
        """
        refuse_reading(self, "numpy()")
        return self._values()

    def _values(self) -> Any:
        """The array; computed again for what a graph holds in place of a Tensor that is gone."""
        return record.values(walk.ancestors([self]))[-1] if type(self._data) is Outline else self._data

    def item(self) -> Any:
        """The only element, as a Python number.

        Raises:
            ShapeError: unless there is exactly one element.
        """
        if self._data.size != 1:
            raise ShapeError(f"item: {describe(self)} has {self._data.size} elements, not one; use tolist() or numpy()")
        refuse_reading(self, "item()")
        return element(self._data)

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers."""
        refuse_reading(self, "tolist()")
        return on_host(self._values()).tolist()

    @property
    def shape(self) -> tuple[int, ...]:
        """Length along each axis."""
        return self._data.shape  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._data.ndim  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements."""
        return self._data.dtype  # type: ignore[no-any-return]

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded op made this tensor."""
        return self.op is None

    def __repr__(self) -> str:
        array = self._values()
        plain = isinstance(array, np.ndarray)
        text = np.array2string(array, separator=", ", prefix="tensor(") if plain else repr(array)
        if not self._data.size:
            text += f", shape={self.shape}"
        if self._data.dtype not in (np.float64, np.int64, np.bool_):
            text += f", dtype={self._data.dtype}"
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
        if self._data.ndim == 0:
            raise TypeError("a 0-d tensor has no length; use item() for its value")
        return len(self._data)

    def __bool__(self) -> bool:
        if self._data.size != 1:
            raise ShapeError(f"{describe(self)} has {self._data.size} truth values, not one; use any() or all()")
        refuse_reading(self, "the truth value")
        return bool(element(self._data))

    def __float__(self) -> float:
        return float(self._number("float"))

    def __int__(self) -> int:
        return int(self._number("int"))

    def __complex__(self) -> complex:
        return complex(self._number("complex"))

    def __index__(self) -> int:
        refuse_reading(self, "the number")
        return on_host(self._data).__index__()  # type: ignore[no-any-return]

    def _number(self, kind: str) -> Any:
        """The only element, for Python's number of a kind, or for NumPy, which stores one in an array so."""
        number = self.item()
        if self._requires_grad:
            warnings.warn(
                f"{kind}() of {describe(self)} leaves the graph, and no gradient will flow through this number; "
                "read it by item() or detach(), and put an array together from Tensors by mt.stack",
                GradientWarning,
                stacklevel=3,
            )
        return number

    def __setitem__(self, index: Any, value: Any) -> None:
        raise GradientError(
            f"{describe(self)} is read-only, because a backward pass may need its values; "
            "build a new tensor with mt.where, or replace a leaf's value with assign_"
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if self.requires_grad:
            called = self.name or "x"
            raise GradientError(
                f"turning {describe(self)} into an array would cut its graph: put Tensors together with mt.stack([…]), "
                f"write a @ {called} or np.dot(a, {called}) for a.dot({called}), or call .numpy() to do it knowingly"
            )
        refuse_reading(self, "the array")
        array = self._values()
        try:
            return np.array(array, dtype=dtype, copy=copy)
        except TypeError:
            if not is_duck(array):
                raise
            raise DTypeError(
                f"{describe(self)} is of {whose(array)} arrays, which nothing turns into NumPy's unasked; write "
                f"{fetching(array).replace('x', 'x.numpy()', 1)}"
            ) from None

    __pandas_priority__: Final = 5000  # above that of tables, which then leave ``table * tensor`` to the tensor

    @property
    def _mask(self) -> Any:
        # A masked array on the left asks no protocol: it takes ``_data`` and ``_mask`` of whatever it meets.
        refuse_reading(self, "_mask")
        if self._requires_grad:
            raise DTypeError(
                f"{describe(self)} beside a masked array would lose its graph; give x.filled(...), or use mt.where"
            )
        return np.ma.nomask

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
        """NEP 13: answer one of NumPy's universal functions with the op that does the same, so that it is recorded."""
        return protocols.call_ufunc(ufunc, method, inputs, settings)

    def __array_function__(self, function: Any, _types: Any, args: Any, settings: Any) -> Any:
        """NEP 18: likewise for NumPy's other functions."""
        return protocols.call_function(function, args, settings)

    __add__: Final = e.add
    __sub__: Final = e.sub
    __mul__: Final = e.mul
    __truediv__: Final = e.div
    __floordiv__: Final = rounding.floor_divide
    __mod__: Final = rounding.remainder
    __matmul__: Final = matrix.matmul
    __neg__: Final = e.neg
    __abs__: Final = e.abs
    __lt__: Final = c.less
    __le__: Final = c.less_equal
    __gt__: Final = c.greater
    __ge__: Final = c.greater_equal
    __and__: Final = c.bitwise_and
    __or__: Final = c.bitwise_or
    __invert__: Final = c.invert
    __hash__: Final = object.__hash__
    __getitem__: Final = shapes.getitem

    __iadd__: Final = of_tensor("+=", operator.add)
    __isub__: Final = of_tensor("-=", operator.sub)
    __imul__: Final = of_tensor("*=", operator.mul)
    __itruediv__: Final = of_tensor("/=", operator.truediv)
    __ifloordiv__: Final = of_tensor("//=", operator.floordiv)
    __imod__: Final = of_tensor("%=", operator.mod)
    __ipow__: Final = of_tensor("**=", operator.pow)
    __imatmul__: Final = of_tensor("@=", operator.matmul)

    def __eq__(self, other: Any) -> Tensor:  # type: ignore[override]  # elementwise; but ``t == None`` is one answer
        return NotImplemented if type(other) in _NO_OPERANDS else c.equal(self, other)

    def __ne__(self, other: Any) -> Tensor:  # type: ignore[override]
        return NotImplemented if type(other) in _NO_OPERANDS else c.not_equal(self, other)

    def __pos__(self) -> Tensor:
        return self

    def __radd__(self, other: Operand) -> Tensor:
        return e.add(other, self)

    def __rsub__(self, other: Operand) -> Tensor:
        return e.sub(other, self)

    def __rmul__(self, other: Operand) -> Tensor:
        return e.mul(other, self)

    def __rtruediv__(self, other: Operand) -> Tensor:
        return e.div(other, self)

    def __rfloordiv__(self, other: Operand) -> Tensor:
        return rounding.floor_divide(other, self)

    def __rmod__(self, other: Operand) -> Tensor:
        return rounding.remainder(other, self)

    def __divmod__(self, other: Operand) -> tuple[Tensor, Tensor]:
        return rounding.divmod(self, other)

    def __rdivmod__(self, other: Operand) -> tuple[Tensor, Tensor]:
        return rounding.divmod(other, self)

    def __rmatmul__(self, other: Operand) -> Tensor:
        return matrix.matmul(other, self)

    def __pow__(self, exponent: Operand) -> Tensor:
        simpler = _POWERS.get(exponent) if type(exponent) in (int, float) else None
        return e.pow(self, exponent) if simpler is None else simpler(self)

    def __rand__(self, other: Operand) -> Tensor:
        return c.bitwise_and(other, self)

    def __ror__(self, other: Operand) -> Tensor:
        return c.bitwise_or(other, self)

    def __rpow__(self, base: Operand) -> Tensor:
        return e.pow(base, self)

    def __iter__(self) -> Iterator[Tensor]:
        no_pair(self)
        len(self)  # raises where there are no rows
        return shapes.rows(self)

    def reshape(self, *shape: Any) -> Tensor:
        """The same elements under another shape, given as one tuple or as several ints."""
        return shapes.reshape(self, shape=shape[0] if len(shape) == 1 else shape)

    view: Final = reshape

    def transpose(self, *axes: Any) -> Tensor:
        """Axes in another order, given as one tuple or as several ints; by default in reverse.

        Two of more than two axes are exchanged by `swapaxes`, for which PyTorch writes ``transpose``.
        """
        if len(axes) == 2 and (axes == (0, 1) or self.ndim != 2):
            swap = f"PyTorch's transpose{axes} is swapaxes{axes} here"
            if self.ndim != 2:
                raise ShapeError(f"transpose: {describe(self)} has {self.ndim} axes, not 2; {swap}")
            warnings.warn(f"transpose(0, 1) leaves {describe(self)} as it is, as in NumPy; {swap}", stacklevel=2)
        return self.permute(*axes)

    def permute(self, *axes: Any) -> Tensor:
        """Axes in another order, given as one tuple or as several ints; by default in reverse."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
        return shapes.transpose(self, axes=order)

    @property
    def T(self) -> Tensor:  # noqa: N802 -- NumPy's name
        """The axes in reverse order."""
        return shapes.transpose(self)

    @property
    def mT(self) -> Tensor:  # noqa: N802 -- NumPy's name
        """The last two axes exchanged: the transpose of each matrix in a stack."""
        return shapes.swapaxes(self, -1, -2)

    def nonzero(self) -> tuple[Any, ...]:
        """The places of the elements that are neither 0 nor False: an array of indices for each axis."""
        return np.nonzero(self)

    flatten: Final = shapes.flatten
    square: Final = e.square
    sqrt: Final = e.sqrt
    reciprocal: Final = e.reciprocal
    exp: Final = e.exp
    expm1: Final = e.expm1
    log: Final = e.log
    log1p: Final = e.log1p
    sin: Final = e.sin
    cos: Final = e.cos
    tanh: Final = e.tanh
    tan: Final = t.tan
    arcsin: Final = t.arcsin
    arccos: Final = t.arccos
    arctan: Final = t.arctan
    arctan2: Final = t.arctan2
    hypot: Final = t.hypot
    sinh: Final = t.sinh
    cosh: Final = t.cosh
    arcsinh: Final = t.arcsinh
    arccosh: Final = t.arccosh
    arctanh: Final = t.arctanh
    log2: Final = logarithms.log2
    log10: Final = logarithms.log10
    logaddexp: Final = logarithms.logaddexp
    sigmoid: Final = e.sigmoid
    relu: Final = e.relu
    abs: Final = e.abs
    sign: Final = e.sign
    clip: Final = e.clip
    pow: Final = e.pow
    maximum: Final = e.maximum
    minimum: Final = e.minimum
    astype: Final = e.astype
    sum: Final = reductions.sum
    mean: Final = reductions.mean
    max: Final = reductions.max
    min: Final = reductions.min
    prod: Final = reductions.prod
    cumsum: Final = reductions.cumsum
    cumprod: Final = reductions.cumprod
    broadcast_to: Final = reductions.broadcast_to
    squeeze: Final = shapes.squeeze
    expand_dims: Final = shapes.expand_dims
    flip: Final = shapes.flip
    swapaxes: Final = shapes.swapaxes
    argsort: Final = shapes.argsort
    take_along_axis: Final = shapes.take_along_axis
    erf: Final = special.erf
    erfc: Final = special.erfc
    floor: Final = rounding.floor
    ceil: Final = rounding.ceil
    trunc: Final = rounding.trunc
    rint: Final = rounding.rint
    round: Final = rounding.round
    isfinite: Final = c.isfinite
    isnan: Final = truths.isnan
    isinf: Final = truths.isinf
    any: Final = truths.any
    all: Final = truths.all
    argmax: Final = places.argmax
    argmin: Final = places.argmin
    take: Final = places.take
    repeat: Final = places.repeat
    diagonal: Final = places.diagonal
    trace: Final = places.trace
    ravel: Final = places.ravel
    copy: Final = places.copy
    stop_gradient: Final = e.stop_gradient
    tril: Final = shapes.tril
    triu: Final = shapes.triu
    split: Final = shapes.split
    matmul: Final = matrix.matmul
    dot: Final = matrix.dot
    var: Final = reductions.var
    std: Final = reductions.std
    backward: Final = walk.backward


_NO_OPERANDS: Final = frozenset({type(None), str})
_POWERS: dict[float, Any] = {2: e.square, 0.5: e.sqrt, -1: e.reciprocal}

record.result = Tensor


def assign(leaves: Iterable[Tensor], values: Iterable[Any]) -> None:
    """`Tensor.assign_` for several leaves at once: after an error, or Ctrl-C, all have their old values."""
    if recording.get().trace is None:
        all_at_once(assignments(leaves, values))
        return
    for x, value in zip(leaves, values, strict=True):
        x.assign_(value)


def assignments(leaves: Iterable[Tensor], values: Iterable[Any]) -> list[tuple[Any, ...]]:
    """The changes by which leaves get new values outside a trace, for `all_at_once`."""
    found = list(leaves)
    new = [_accepted(x, value, False) for x, value in zip(found, values, strict=True)]
    return [(set_data, x, array) for x, array in zip(found, settled(new, [x._data for x in found]), strict=True)]


def convert(leaves: Iterable[Tensor], dtype: Any) -> None:
    """Give leaves, and their gradients, another dtype in place; graphs recorded before keep the old arrays."""
    found = list(leaves)
    arrays = [frozen(x._data, dtype) for x in found]
    gradients = [None if x._grad is None else x._grad.to(dtype) for x in found]
    all_at_once([*zip(repeat(set_data), found, arrays), *zip(repeat(set_grad), found, gradients)])


def _accepted(x: Tensor, value: Any, traced: bool) -> Any:
    """The array that a leaf will hold; within a trace, the Tensor that it will stand for."""
    if x.op is not None:
        raise GradientError(f"{describe(x)} is the result of {x.op.name}; only a leaf can be assigned to")
    dtype = x._data.dtype
    new = value if traced and isinstance(value, Tensor) else frozen(unwrap(value), dtype=dtype)
    if new.shape != x._data.shape:
        raise ShapeError(f"assign_: {describe(x)} cannot take a value of shape {new.shape}")
    if not traced:
        return new
    given = new if isinstance(new, Tensor) else leaf(new)
    return given if given.dtype == dtype else e.astype(given, dtype)


def _born_anew(kind: Any, array: Any, name: str | None, requires_grad: bool, gradient: Any) -> Tensor:
    new = leaf(frozen(array, copy=False), name, requires_grad, kind)
    new._grad = None if gradient is None else leaf(frozen(gradient, copy=False))
    return new


@keywords
def tensor(
    value: Any, *, name: str | None = None, dtype: Any = None, requires_grad: bool = False, copy: bool = True
) -> Tensor:
    """A leaf Tensor of the given values.

    Args:
        value: numbers, nested lists, an array of any shape, or another Tensor (whose history is left behind).
        name: what reports and pictures call it.
        dtype: of the elements; by default the value's own, so float32 stays float32.
        requires_grad: whether gradients with respect to it will be computed.
        copy: a private copy by default. With False the array's memory is shared through a read-only view: then it is up
            to the caller not to write to the array while a graph depends on it.

    Raises:
        DTypeError: for values that are not numbers, and for integers that require gradients.

    >>> import micrograd_tensor as mt
    >>> mt.tensor([[1, 2], [3, 4]], dtype="float32", name="x", requires_grad=True)
    tensor([[1., 2.],
            [3., 4.]], dtype=float32, name='x', requires_grad=True)
    """
    return Tensor(value, name=name, dtype=dtype, requires_grad=requires_grad, copy=copy)
