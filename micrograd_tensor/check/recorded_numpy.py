"""Recorded NumPy: forward passes in plain NumPy run unchanged and are recorded, arrays filled in loops included.

While a user's function runs, the name under which its module knows NumPy stands for `RecordedNumpy`: `zeros`, `empty`,
`copy` and their kin make an `Array`, and the inputs are `Array` objects too. An `Array` behaves as an ndarray does, but
what it computes is computed by Tensors; and it may be written to. It holds the Tensors that were written into it, and
for each element which of them it comes from: read as a whole it is one gather from them, whatever filled it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ..engine.errors import GradientError
from ..engine.table import shapes
from ..engine.table.reductions import broadcast_to
from ..engine.tensor import Tensor, tensor

_MAKERS = ("zeros", "empty", "ones", "full", "zeros_like", "empty_like", "ones_like", "full_like")
"""Functions of NumPy that make an array to be filled."""
_TAKERS = ("array", "asarray", "asanyarray", "ascontiguousarray", "copy")
"""Functions of NumPy that make an array of what they are given."""


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
    """

    __array_priority__ = 1000.0

    def __init__(self, value: Any) -> None:
        self._pieces: list[Tensor] = [value if isinstance(value, Tensor) else tensor(value)]
        self._source: Any = None  # for each element its place among those of all pieces
        self._starts: list[int] = [0]
        self._base: tuple[Array, Any] | None = None

    @property
    def recorded(self) -> Tensor:
        """What it holds, as one Tensor."""
        if self._source is not None:
            used, place = self._needed(self._source)
            flat = used[0].reshape(-1) if len(used) == 1 else shapes.concatenate([piece.reshape(-1) for piece in used])
            self._hold(flat[place])
        return self._pieces[0]

    def _hold(self, value: Tensor) -> None:
        self._pieces, self._starts, self._source = [value], [0], None

    def _needed(self, source: Any) -> tuple[list[Tensor], Any]:
        """The pieces that some elements come from, and the places of the elements among those of these pieces alone."""
        starts = np.array(self._starts)
        which = np.searchsorted(starts, source, side="right") - 1
        used = np.unique(which)
        sizes = [int(np.prod(self._pieces[k].shape)) for k in used]
        moved = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(int) if len(used) else np.zeros(0, int)
        place = source - starts[which] + moved[np.searchsorted(used, which)]
        return [self._pieces[k] for k in used], place

    # ----------------------------------------------------------------------------------------------- reading, writing

    def __getitem__(self, index: Any) -> Any:
        index = _plain_index(index)
        if self._source is None:
            made = Array(self._pieces[0][index])
        else:
            source = self._source[index]
            used, place = self._needed(np.asarray(source))
            whole = len(used) == 1 and place.size == int(np.prod(used[0].shape)) and used[0].shape == place.shape
            if whole and np.array_equal(place.ravel(), np.arange(place.size)):
                made = Array(used[0])
            else:
                flat = [piece.reshape(-1) for piece in used]
                made = Array((flat[0] if len(flat) == 1 else shapes.concatenate(flat))[place])
        if _is_view(index):
            made._base = (self, index)
        return made

    def __setitem__(self, index: Any, value: Any) -> None:
        index = _plain_index(index)
        size = int(np.prod(self.shape))
        source = np.arange(size).reshape(self.shape) if self._source is None else self._source
        target = source[index]
        new = value.recorded if isinstance(value, Array) else value if isinstance(value, Tensor) else None
        if new is None:
            new = tensor(np.asarray(_plain(value), self.dtype))
        elif new.dtype != self.dtype:
            new = new.astype(self.dtype) if self.dtype.kind == "f" else tensor(new.numpy().astype(self.dtype))
        start = self._starts[-1] + int(np.prod(self._pieces[-1].shape))
        places = start + np.arange(int(np.prod(new.shape))).reshape(new.shape)
        while places.ndim > np.ndim(target) and places.shape[0] == 1:
            places = places[0]
        source = source.copy() if self._source is None else source
        source[index] = places
        self._pieces.append(new)
        self._starts.append(start)
        self._source = source
        self._written()

    def _become(self, value: Any) -> Array:
        """Take another value of the same shape in place, as ``+=`` does."""
        new = value.recorded if isinstance(value, Array) else value if isinstance(value, Tensor) else tensor(value)
        if new.shape != self.shape:
            new = broadcast_to(new, shape=self.shape)
        if new.dtype != self.dtype:
            if self.dtype.kind != "f":
                raise TypeError(f"Cannot cast from {new.dtype} to {self.dtype} in place; make the array of floats")
            new = new.astype(self.dtype)
        self._hold(new)
        self._written()
        return self

    def _written(self) -> None:
        """What is written to a view is written to the array that it is a view of."""
        if self._base is not None:
            base, index = self._base
            base[index] = self

    # ------------------------------------------------------------------------------------------------- as an array does

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
        out = settings.pop("out", None)
        if method == "at":
            target, index, *rest = inputs
            return _added_at(ufunc, target, index, rest)
        made = getattr(ufunc, method)(*map(_unwrapped, inputs), **{k: _unwrapped(v) for k, v in settings.items()})
        if out is None:
            return _wrapped(made)
        if len(out) != 1 or not isinstance(out[0], Array):
            raise GradientError(
                f"np.{ufunc.__name__} writes what it recorded into a plain array; make that by np.zeros"
            )
        return out[0]._become(made)

    def __array_function__(self, function: Any, _types: Any, args: Any, settings: Any) -> Any:
        name = function.__name__
        if name in _MAKERS:
            return Array(function(*map(_plain, args), **{k: _plain(v) for k, v in settings.items()}))
        if name == "copy":
            return args[0].copy()
        if name in ("shape", "ndim", "size"):
            return getattr(np, name)(_plain(args[0]), *args[1:], **settings)
        if name == "copyto":
            args[0][...] = args[1]
            return None
        if name == "fill_diagonal":
            n = min(args[0].shape)
            args[0][np.arange(n), np.arange(n)] = args[1]
            return None
        out = settings.pop("out", None)
        made = _wrapped(function(*_unwrapped(args), **_unwrapped(settings)))
        return made if out is None else out._become(made)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.recorded.__array__(), dtype)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(self.recorded, name)
        if not callable(found) or isinstance(found, Tensor):
            return _wrapped(found)
        return lambda *args, **settings: _wrapped(found(*_unwrapped(args), **_unwrapped(settings)))

    @property
    def shape(self) -> tuple[int, ...]:
        """Length along each axis; setting it reshapes in place."""
        return self._pieces[0].shape if self._source is None else self._source.shape

    @shape.setter
    def shape(self, shape: Any) -> None:
        self._hold(self.recorded.reshape(shape))

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape))

    @property
    def dtype(self) -> Any:
        """Type of the elements."""
        return self._pieces[0].dtype

    @property
    def T(self) -> Array:  # noqa: N802 -- NumPy's name
        """Transposed."""
        return Array(self.recorded.T)

    @property
    def flat(self) -> Array:
        """Its elements in a row."""
        return Array(self.recorded.reshape(-1))

    def copy(self, *_: Any) -> Array:
        """Another array with the same elements."""
        made = Array(self._pieces[0])
        made._pieces, made._starts = [*self._pieces], [*self._starts]
        made._source = None if self._source is None else self._source.copy()
        return made

    def fill(self, value: Any) -> None:
        """Make all elements one value."""
        self[...] = value

    def astype(self, dtype: Any, **_: Any) -> Array:
        """Of another type."""
        kind = np.dtype(dtype).kind
        made = self.recorded
        return Array(made.astype(dtype)) if kind == "f" else Array(tensor(made.numpy().astype(dtype)))

    def item(self, *place: int) -> Any:
        """The only element, or one of them, as a number, which leaves the graph."""
        one = self[place].recorded if place else self.recorded
        return float(one) if one.requires_grad else one.item()

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
        return bool(_plain(self))

    def __float__(self) -> float:
        return float(self.recorded)

    def __int__(self) -> int:
        return int(self.recorded)

    def __index__(self) -> int:
        return operator.index(_plain(self))

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return repr(_plain(self))

    def __format__(self, spec: str) -> str:
        return format(_plain(self) if self.shape else _plain(self).item(), spec)


def _added_at(ufunc: Any, target: Any, index: Any, rest: list[Any]) -> None:
    """``np.add.at`` and ``np.subtract.at``, which add up where an index occurs again."""
    if ufunc not in (np.add, np.subtract) or not isinstance(target, Array):
        raise GradientError(
            f"np.{ufunc.__name__}.at is not recorded; write a loop, or np.add.at on an array of np.zeros"
        )
    index, old = _plain_index(index), target.recorded
    places = np.arange(target.size).reshape(target.shape)[index]
    value = broadcast_to(_as_tensor(rest[0]), shape=places.shape).reshape(-1)
    where = (np.arange(target.size)[:, None] == places.reshape(-1)).astype(float)
    added = (tensor(where) @ value).reshape(target.shape)
    target._become(old + added if ufunc is np.add else old - added)


def _as_tensor(value: Any) -> Tensor:
    value = _unwrapped(value)
    return value if isinstance(value, Tensor) else tensor(value)


def _unwrapped(value: Any) -> Any:
    if isinstance(value, Array):
        return value.recorded
    if type(value) in (list, tuple):
        return type(value)(_unwrapped(x) for x in value)
    if type(value) is dict:
        return {key: _unwrapped(x) for key, x in value.items()}
    return value


def _wrapped(value: Any) -> Any:
    if isinstance(value, Tensor):
        return Array(value)
    if type(value) in (list, tuple):
        return type(value)(_wrapped(x) for x in value)
    return value


def _plain(value: Any) -> Any:
    """The numbers alone."""
    if isinstance(value, Array):
        return value.recorded.numpy()
    if type(value) in (list, tuple):
        return type(value)(_plain(x) for x in value)
    return value


def _plain_index(index: Any) -> Any:
    return tuple(map(_plain, index)) if isinstance(index, tuple) else _plain(index)


def _is_view(index: Any) -> bool:
    """Whether reading by an index gives a view in NumPy: one of numbers with an axis left, of slices and None."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(part is None or part is ... or isinstance(part, int | np.integer | slice) for part in parts)


class RecordedNumpy(ModuleType):
    """What a user's module has for NumPy while its forward pass is recorded: NumPy itself, but with `Array` s."""

    def __init__(self) -> None:
        super().__init__("numpy")

    def __getattr__(self, name: str) -> Any:
        found = getattr(np, name)
        if name in _MAKERS:
            return _making(found)
        return _taking(name, found) if name in _TAKERS else found


def _making(function: Callable[..., Any]) -> Callable[..., Any]:
    def make(*args: Any, **settings: Any) -> Array:
        return Array(function(*map(_plain, args), **{key: _plain(value) for key, value in settings.items()}))

    return make


def _taking(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def take(value: Any, *args: Any, **settings: Any) -> Any:
        if isinstance(value, Array):
            made = value.copy() if name in ("array", "copy") else value
        elif isinstance(value, (list, tuple)) and _holds_arrays(value):
            made = Array(_stacked(value))
        else:
            plain = function(value, *args, **settings)
            return Array(plain) if plain.dtype.kind == "f" else plain
        dtype = settings.get("dtype", args[0] if args and name != "copy" else None)
        return made if dtype is None or made.dtype == dtype else made.astype(dtype)

    return take


def _holds_arrays(value: Any) -> bool:
    return any(isinstance(x, Array) or (isinstance(x, (list, tuple)) and _holds_arrays(x)) for x in value)


def _stacked(value: Any) -> Tensor:
    if isinstance(value, (list, tuple)):
        return shapes.stack([_stacked(x) for x in value])
    return _as_tensor(value)


@contextmanager
def recording_numpy(modules: Mapping[str, ModuleType] | list[ModuleType]) -> Iterator[None]:
    """Within the block some modules know a `RecordedNumpy` for NumPy, under whatever name they have it."""
    recorded, before = RecordedNumpy(), list[tuple[dict[str, Any], str, Any]]()
    for module in modules.values() if isinstance(modules, Mapping) else modules:
        names = vars(module)
        for name, value in list(names.items()):
            own = value is np
            made = own or (callable(value) and name in (*_MAKERS, *_TAKERS) and value is getattr(np, name, None))
            if made:
                before.append((names, name, value))
                names[name] = recorded if own else getattr(recorded, name)
    try:
        yield
    finally:
        for names, name, value in before:
            names[name] = value
