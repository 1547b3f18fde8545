"""Recorded arrays: they can be written to, and have views, as NumPy's, while Tensors record what they hold.

An `Array` is an array of places in a buffer, and a view of it a view of these places: NumPy itself decides what is a
view and what a copy. The buffer holds the Tensors that were written into it, and for each place which element of them
is there. Read as a whole it is one gather from them, whatever filled it; of a part, only what is read is recorded.
"""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ..engine.errors import GradientError, GradientWarning, describe
from ..engine.interop import protocols
from ..engine.table import shapes
from ..engine.table.elementwise import where
from ..engine.table.reductions import broadcast_to
from ..engine.tensor import Tensor, tensor
from .nested import each
from .recorded_constants import Constant

MAKERS = frozenset({"zeros", "empty", "ones", "full", "zeros_like", "empty_like", "ones_like", "full_like"})
"""Functions of NumPy that make an array to be filled."""
_MOVERS = frozenset({
    "reshape", "ravel", "transpose", "swapaxes", "moveaxis", "rollaxis", "squeeze", "expand_dims", "atleast_1d",
    "atleast_2d", "atleast_3d", "flip", "fliplr", "flipud", "rot90", "diagonal", "split", "array_split", "hsplit",
    "vsplit", "dsplit", "as_strided", "sliding_window_view", "ascontiguousarray", "asfortranarray", "matrix_transpose",
})  # fmt: skip
"""Functions of NumPy that give a view of their argument wherever there is one."""
_METHODS = ("reshape", "ravel", "transpose", "swapaxes", "squeeze", "diagonal")
"""Those of them that are methods of arrays, too."""
_NUMBERS = frozenset({int})


class _Buffer:
    """What is in an array and in all its views.

    Attributes:
        pieces: the Tensors that were written into it; the first has its shape.
        source: for each place its element among those of all pieces; None: those of the only piece.
        version: how often it was written to.
        items: what was read of it by whole numbers since then, by these, so that a loop records each item once.
    """

    __slots__ = ("_starts", "items", "pieces", "shape", "source", "version")

    def __init__(self, value: Tensor) -> None:
        self.shape = value.shape
        self.pieces, self._starts = [value], [0]
        self.source: Any = None
        self.version = 0
        self.items: dict[Any, Tensor] = {}

    def hold(self, value: Tensor) -> None:
        """Take another value as a whole."""
        self.pieces, self._starts, self.source = [value], [0], None
        self._written()

    def _written(self) -> None:
        self.version += 1
        self.items.clear()

    @property
    def whole(self) -> Tensor:
        """All of it, as one Tensor."""
        if self.source is not None:
            used, place = self._needed(self.source)
            made = _tiled(used, place.reshape(self.shape))
            if made is None:
                flat = [_in_shape(piece, (piece.size,)) for piece in used]
                made = (flat[0] if len(flat) == 1 else shapes.concatenate(flat))[place]
            self.pieces, self._starts, self.source = [_in_shape(made, self.shape)], [0], None
        return self.pieces[0]

    def part(self, places: Any) -> Tensor | None:
        """What is at some places, if it comes from one piece; else None."""
        if self.source is None:
            return None
        used, place = self._needed(self.source[places.reshape(-1)])
        if len(used) != 1:
            return None
        size = math.prod(used[0].shape)
        if place.size == size and _in_order(used, place, size):
            return _in_shape(used[0], places.shape)
        return used[0].reshape(-1)[place.reshape(places.shape)]

    def write(self, places: Any, value: Tensor) -> None:
        """Put a value, broadcast, at some places; at one that is named again, the last."""
        start, size = self._starts[-1] + self.pieces[-1].size, value.size
        if self.source is None:
            self.source = np.arange(start)
        elements: Any = start
        if size != 1:
            elements = np.arange(start, start + size).reshape(value.shape)
            while elements.ndim > places.ndim and elements.shape[0] == 1:
                elements = elements[0]
        self.source[places] = elements
        self.pieces.append(value)
        self._starts.append(start)
        self._written()

    def _needed(self, source: Any) -> tuple[list[Tensor], Any]:
        """The pieces that some elements come from, and the places of the elements among those of these pieces alone."""
        starts = np.array(self._starts)
        which = np.searchsorted(starts, source, side="right") - 1
        used = np.unique(which)
        sizes = [math.prod(self.pieces[k].shape) for k in used]
        moved = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(int) if len(used) else np.zeros(0, int)
        place = source - starts[which] + moved[np.searchsorted(used, which)]
        return [self.pieces[k] for k in used], place


def _in_shape(value: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A Tensor with a shape; itself where it has it, for it is the user's reshapes that are recorded as they stand."""
    return value if value.shape == shape else value.reshape(shape)


def _in_order(pieces: list[Tensor], place: Any, size: int) -> bool:
    return sum(math.prod(piece.shape) for piece in pieces) == size and np.array_equal(place, np.arange(size))


def _tiled(pieces: list[Tensor], place: Any) -> Tensor | None:
    """Pieces that lie side by side along an axis, or one after the other in a row, as one Tensor; else None."""
    if not place.size:
        return None
    sizes = [math.prod(piece.shape) for piece in pieces]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(int)
    which = np.searchsorted(starts, place, side="right") - 1
    own = [start + np.arange(size).reshape(x.shape) for start, size, x in zip(starts, sizes, pieces, strict=True)]
    for axis in range(place.ndim):
        line = which[tuple(slice(None) if k == axis else 0 for k in range(place.ndim))]
        order = [int(k) for k in line[np.concatenate([[True], line[1:] != line[:-1]])]]
        if len(order) != len(pieces) or len(set(order)) < len(order):
            continue
        alike = {(own[k].ndim, own[k].shape[:axis], own[k].shape[axis + 1 :]) for k in order}
        for function, array, fits in (
            (shapes.stack, np.stack, len({x.shape for x in own}) == 1 and own[0].ndim == place.ndim - 1),
            (shapes.concatenate, np.concatenate, len(alike) == 1 and own[0].ndim == place.ndim),
        ):
            if fits and np.array_equal(array([own[k] for k in order], axis=axis), place):
                return function([pieces[k] for k in order], axis=axis)
    if not np.array_equal(place.ravel(), np.arange(place.size)) or sum(sizes) != place.size:
        return None
    if len({piece.shape for piece in pieces}) == 1:
        return pieces[0] if len(pieces) == 1 else shapes.stack(pieces)
    return shapes.concatenate([_in_shape(piece, (piece.size,)) for piece in pieces])


class Array(NDArrayOperatorsMixin):
    """An array that can be written to, of Tensors that record.

    Args:
        value: what it holds: a Tensor, or whatever makes one.

    >>> import numpy as np
    >>> import micrograd_tensor as mt
    >>> x = Array(mt.tensor([1.0, 2.0], name="x", requires_grad=True))
    >>> h = Array(np.zeros(2))
    >>> for i in range(2):
    ...     h[i] = x[i] * 3.0
    >>> h += 1.0
    >>> h.recorded
    tensor([4., 7.], op=add)
    >>> row = h.reshape(2, 1)[0]
    >>> row[0] = 5.0
    >>> h.recorded.numpy()
    array([5., 7.])
    """

    __slots__ = ("_at", "_base", "_buffer", "_item", "_read", "_way")
    __array_priority__ = 1000.0

    def __init__(self, value: Any) -> None:
        self._buffer = _Buffer(value if isinstance(value, Tensor) else tensor(value))
        self._at: Any = None  # its places in the buffer; None: all of them, as they are
        self._read: tuple[int, Tensor] | None = None
        self._base: Array | None = None  # what it is a view of
        self._way: Callable[[Tensor], Tensor] = _itself  # how it is read from what that holds
        self._item: Any = None  # the whole numbers that it is indexed by in the buffer, where it is an item of that

    def _view(self, places: Any, way: Callable[[Tensor], Tensor], item: Any = None) -> Array:
        """Some places of this array, and how they are read from a Tensor of its shape."""
        made = Array.__new__(Array)
        made._buffer, made._at, made._read, made._item = self._buffer, places, None, item
        made._base, made._way = self, way
        return made

    @property
    def _places(self) -> Any:
        if self._at is None:
            shape = self._buffer.shape
            self._at = np.arange(math.prod(shape)).reshape(shape)
        return self._at

    @property
    def recorded(self) -> Tensor:
        """What it holds, as one Tensor."""
        buffer = self._buffer
        if self._base is None:
            return buffer.whole
        if self._read is None or self._read[0] != buffer.version:
            self._read = buffer.version, self._recorded()
        return self._read[1]

    def _recorded(self) -> Tensor:
        if self._item in self._buffer.items:
            return self._buffer.items[self._item]
        part = self._buffer.part(self._places)
        made = self._of_base() if part is None else part
        if self._item is not None:
            self._buffer.items[self._item] = made
        return made

    def _of_base(self) -> Tensor:
        """Its elements of what it is a view of, so that what that is used for and what its views are come together."""
        whole = self._base.recorded if self._base is not None else self._buffer.whole
        try:
            return self._way(whole)
        except (TypeError, GradientError):  # a way of NumPy's that Tensors do not have
            return self._buffer.whole.reshape(-1)[self._places]

    # ----------------------------------------------------------------------------------------------- reading, writing

    def __getitem__(self, index: Any) -> Any:
        parts = index if type(index) is tuple else (index,)
        kinds = set(map(type, parts))
        if not kinds <= shapes.SIMPLE:
            index = plain(index)
            parts = index if type(index) is tuple else (index,)
        if kinds <= shapes.SIMPLE or all(map(_is_simple, parts)):  # which reads a view
            places = self._places[index]
            item = parts if kinds == _NUMBERS and self._base is None else None
            view = self._view(np.asarray(places), operator.itemgetter(index), item)
            return view if isinstance(places, np.ndarray) else Array(view.recorded)
        if self._buffer.source is not None:
            part = self._buffer.part(np.asarray(self._places[index]))
            if part is not None:
                return Array(part)
        return Array(self.recorded[index])

    def __setitem__(self, index: Any, value: Any) -> None:
        index = _plain_index(index)
        own = isinstance(value, Array) and value._buffer is self._buffer
        if own and np.array_equal(value._places, self._places[index]):
            return  # as after h[i] += 1, which has added already
        new = self._cast(value)
        mask = index if isinstance(index, np.ndarray) and index.dtype == bool else None
        if mask is not None and mask.shape == self.shape and new.shape == ():
            self._become(where(mask, new, self.recorded))
            return
        self._buffer.write(np.asarray(self._places[index]), new)

    def _cast(self, value: Any) -> Tensor:
        """A value in the array's dtype, as it is when it is written."""
        new = value.recorded if isinstance(value, Array) else value if isinstance(value, Tensor) else None
        if new is None:
            return tensor(np.asarray(plain(value), self.dtype))
        if new.dtype == self.dtype:
            return new
        return new.astype(self.dtype) if self.dtype.kind == "f" else tensor(new.numpy().astype(self.dtype))

    def _become(self, value: Any) -> Array:
        """Take another value of the same shape in place, as ``+=`` does."""
        new = value.recorded if isinstance(value, Array) else value if isinstance(value, Tensor) else tensor(value)
        if new.dtype != self.dtype and self.dtype.kind != "f":
            raise TypeError(f"Cannot cast from {new.dtype} to {self.dtype} in place; make the array of floats")
        if new.shape != self.shape:
            new = broadcast_to(new, shape=self.shape)
        if self._base is None:
            self._buffer.hold(self._cast(new))
        else:
            self._buffer.write(self._places, self._cast(new))
        return self

    def moved(self, function: Callable[..., Any], args: Any = (), settings: Any = MappingProxyType({})) -> Any:
        """What a function of `_MOVERS` makes of it: a view if that is one in NumPy, else a copy."""
        if function.__name__ == "as_strided" and self.dtype.itemsize != self._places.dtype.itemsize:
            raise GradientError(f"as_strided of {self.dtype} is not recorded; use float64, or index with arrays")
        return self._like(function(self._places, *args, **settings), lambda t: function(t, *args, **settings))

    def _like(self, places: Any, way: Callable[[Tensor], Any]) -> Any:
        if isinstance(places, (list, tuple)):
            parts = [self._like(p, lambda t, k=k: way(t)[k]) for k, p in enumerate(places)]  # type: ignore[misc]
            return type(places)(parts)
        view = self._view(places, way)
        return view if np.shares_memory(places, self._places) else Array(view.recorded)

    # ------------------------------------------------------------------------------------------------- as an array does

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
        out = settings.pop("out", None)
        if method == "at":
            target, index, *rest = inputs
            return _added_at(ufunc, target, index, rest)
        made = protocols.call_ufunc(ufunc, method, tuple(map(unwrapped, inputs)), unwrapped(settings))
        if out is None:
            return wrapped(made)
        if len(out) != 1 or not isinstance(out[0], Array):
            raise GradientError(
                f"np.{ufunc.__name__} writes what it recorded into a plain array; make that by np.zeros"
            )
        return out[0]._become(made)

    def __array_function__(self, function: Any, _types: Any, args: Any, settings: Any) -> Any:
        name = function.__name__
        if name in MAKERS:
            return Array(function(*map(plain, args), **{k: plain(v) for k, v in settings.items()}))
        if name in _MOVERS and isinstance(args[0], Array):
            return args[0].moved(function, args[1:], settings)
        if name in _WRITERS:
            return _WRITERS[name](*args, **settings)
        if name == "copy":
            return args[0].copy()
        if name == "select":
            return _selected(*args, **settings)
        if name in ("shape", "ndim", "size"):
            return getattr(np, name)(plain(args[0]), *args[1:], **settings)
        out = settings.pop("out", None)
        made = wrapped(protocols.call_function(function, unwrapped(args), unwrapped(settings)))
        return made if out is None else out._become(made)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if self.recorded.requires_grad:
            raise GradientError(
                f"an array that is made of {describe(self.recorded)} would not record it: fill one that np.zeros has "
                "made, and write np.dot(a, x) for a.dot(x)"
            )
        return np.array(self.recorded.__array__(), dtype)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in _METHODS:
            return lambda *args, **settings: self.moved(_method(name), args, settings)
        found = getattr(self.recorded, name)
        if not callable(found) or isinstance(found, Tensor):
            return wrapped(found)
        return lambda *args, **settings: wrapped(found(*unwrapped(args), **unwrapped(settings)))

    @property
    def shape(self) -> tuple[int, ...]:
        """Length along each axis; setting it reshapes in place."""
        return self._buffer.shape if self._base is None else self._places.shape

    @shape.setter
    def shape(self, shape: Any) -> None:
        before = self._view(self._places, self._way)
        before._base = self._base
        view = before._view(self._places.reshape(shape), lambda t: t.reshape(shape))
        self._at, self._base, self._way, self._read, self._item = view._at, before, view._way, None, None

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def dtype(self) -> Any:
        """Type of the elements."""
        return self._buffer.pieces[0].dtype

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return int(self.dtype.itemsize)

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.size * self.itemsize

    @property
    def strides(self) -> tuple[int, ...]:
        """Bytes from an element to the next along each axis."""
        return tuple(n // self._places.itemsize * self.itemsize for n in self._places.strides)

    @property
    def flags(self) -> Any:
        """How it lies in memory."""
        return self._places.flags

    @property
    def T(self) -> Array:  # noqa: N802 -- NumPy's name
        """Transposed."""
        return self._view(self._places.T, operator.attrgetter("T"))

    @property
    def flat(self) -> Array:
        """Its elements in a row, which can be written to."""
        return self._view(self._places.reshape(-1), lambda t: t.reshape(-1))

    def copy(self, *_: Any, **__: Any) -> Array:
        """Another array with the same elements."""
        return Array(self.recorded)

    def fill(self, value: Any) -> None:
        """Make all elements one value."""
        self[...] = value

    def sort(self, axis: int = -1) -> None:
        """Put its elements in order, in place."""
        self._become(np.sort(self.recorded, axis=axis))

    def astype(self, dtype: Any, copy: bool = True, **_: Any) -> Array:
        """Of another type."""
        if np.dtype(dtype) == self.dtype:
            return self.copy() if copy else self
        made = self.recorded
        to_float = np.dtype(dtype).kind == "f"
        return Array(made.astype(dtype)) if to_float else Array(tensor(made.numpy().astype(dtype)))

    def item(self, *place: int) -> Any:
        """The only element, or one of them, as a number, which leaves the graph."""
        one = self[place].recorded if place else self.recorded
        return self._number(one, "item") if one.requires_grad else one.item()

    def tolist(self) -> Any:
        """The values as nested lists of numbers, which leave the graph."""
        return [x.tolist() for x in self] if self.shape else self.item()

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(plain(self))

    def __float__(self) -> float:
        return float(self._number(self.recorded, "float"))

    def __int__(self) -> int:
        return int(self._number(self.recorded, "int"))

    @staticmethod
    def _number(one: Tensor, called: str) -> Any:
        """The only element, which is recorded no more."""
        if one.requires_grad:
            warnings.warn(
                f"{called}() of {describe(one)} gives a number that is not recorded; keep the array, and take NumPy's "
                "functions for those of math",
                GradientWarning,
                stacklevel=3,
            )
        return one.item()

    def __index__(self) -> int:
        return operator.index(plain(self))

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return repr(plain(self))

    def __format__(self, spec: str) -> str:
        return format(plain(self) if self.shape else plain(self).item(), spec)


def _itself(whole: Tensor) -> Tensor:
    return whole


def _method(name: str) -> Callable[..., Any]:
    """A method of arrays and Tensors as a function."""

    def moved(x: Any, *args: Any, **settings: Any) -> Any:
        return getattr(x, name)(*args, **settings)

    return moved


def _added_at(ufunc: Any, target: Any, index: Any, rest: list[Any]) -> None:
    """``np.add.at`` and ``np.subtract.at``, which add up where an index occurs again."""
    if ufunc not in (np.add, np.subtract) or not isinstance(target, Array):
        raise GradientError(
            f"np.{ufunc.__name__}.at is not recorded; write a loop, or np.add.at on an array of np.zeros"
        )
    index, old = _plain_index(index), target.recorded
    places = np.arange(target.size).reshape(target.shape)[index]
    value = broadcast_to(as_tensor(rest[0]), shape=places.shape).reshape(-1)
    added = shapes.put_along_axis_add(value, places.reshape(-1), axis=0, shape=(target.size,)).reshape(target.shape)
    target._become(old + added if ufunc is np.add else old - added)


def _selected(conditions: Any, choices: Any, default: Any = 0) -> Any:
    """``np.select``: of each element the first choice whose condition holds."""
    made = default
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        made = np.where(condition, choice, made)
    return made


def _copyto(target: Array, value: Any, casting: str = "same_kind", where: Any = True) -> None:  # noqa: ARG001
    if where is True:
        target[...] = value
    else:
        mask = np.broadcast_to(plain(where), target.shape)
        target[mask] = np.broadcast_to(value, target.shape)[mask]


def _putmask(target: Array, mask: Any, values: Any) -> None:
    mask = plain(mask)
    target[mask] = values[mask] if np.shape(plain(values)) == target.shape else values


def _put(target: Array, places: Any, values: Any, mode: str = "raise") -> None:  # noqa: ARG001
    target.flat[plain(places)] = values


def _fill_diagonal(target: Array, value: Any) -> None:
    places = np.arange(min(target.shape))
    target[(places,) * target.ndim] = value


def _put_along_axis(target: Array, indices: Any, values: Any, axis: int | None) -> None:
    if axis is None:
        target.flat[plain(indices)] = values
        return
    index: list[Any] = [*np.ogrid[tuple(map(slice, target.shape))]]
    index[axis] = plain(indices)
    target[tuple(index)] = values


_WRITERS: dict[str, Callable[..., None]] = {
    "copyto": _copyto, "putmask": _putmask, "put": _put, "fill_diagonal": _fill_diagonal,
    "put_along_axis": _put_along_axis,
}  # fmt: skip
"""Functions of NumPy that write into their argument."""


def as_tensor(value: Any) -> Tensor:
    """What is recorded of a value; else the value itself as a Tensor."""
    value = unwrapped(value)
    return value if isinstance(value, Tensor) else tensor(value)


def unwrapped(value: Any) -> Any:
    """With what is recorded in place of each `Array` in it."""
    if isinstance(value, Constant):
        return value.view(np.ndarray)
    return value.recorded if isinstance(value, Array) else each(value, unwrapped)


def wrapped(value: Any) -> Any:
    """With an `Array` in place of each Tensor in it."""
    return Array(value) if isinstance(value, Tensor) else each(value, wrapped)


def plain(value: Any) -> Any:
    """The numbers alone."""
    if isinstance(value, Constant):
        return value.view(np.ndarray)
    return value.recorded.numpy() if isinstance(value, Array) else each(value, plain)


def _plain_index(index: Any) -> Any:
    if isinstance(index, tuple):
        return index if shapes.SIMPLE.issuperset(map(type, index)) else tuple(map(plain, index))
    return plain(index)


def _is_simple(part: Any) -> bool:
    """Whether it is a number, a slice or None; an index of such reads a view."""
    return type(part) in shapes.SIMPLE or (isinstance(part, (int, np.integer, slice)) and not isinstance(part, bool))
