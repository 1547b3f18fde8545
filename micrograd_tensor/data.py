"""Data in batches: shuffled by a generator, split into parts, and resumable within an epoch.

Samples are rows of arrays, which are cut at once, or the items of a dataset: any object with ``__len__`` and
``__getitem__``, as PyTorch's map-style datasets, which is asked for one item after the other.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from .engine.arrays import compatible, is_duck, plain, setting
from .engine.errors import DTypeError, ShapeError, describe, quoted
from .engine.interop.habits import keywords, missing
from .engine.lengths import length
from .engine.randomness import generator_or_default
from .engine.record import leaf, unwrap
from .engine.tensor import Tensor, tensor

__all__ = ["DataLoader", "Dataset", "Subset", "TensorDataset", "random_split", "split"]

Data: TypeAlias = Any
"""One array or Tensor, or a tuple of them, with the samples along the first axis; a list of samples; or a dataset."""


class Dataset:
    """The base of PyTorch's map-style datasets. Here any class with ``__len__`` and ``__getitem__`` is one.

    >>> class Squares(Dataset):
    ...     def __len__(self):
    ...         return 3
    ...
    ...     def __getitem__(self, i):
    ...         return np.array([i]), i * i
    >>> [squares.tolist() for _, squares in DataLoader(Squares(), batch_size=2)]
    [[0, 1], [4]]
    """

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} has no __len__(); write one that counts its samples")

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no __getitem__(); write one that returns a sample")


class TensorDataset(Dataset):
    """Arrays or Tensors with the samples along the first axis, as `torch.utils.data.TensorDataset`.

    Raises:
        ShapeError: for different numbers of samples.

    >>> pairs = TensorDataset(np.arange(3.0), np.arange(3))
    >>> len(pairs), pairs[1]
    (3, (tensor(1.), tensor(1)))
    """

    def __init__(self, *tensors: Any) -> None:
        self.tensors = tuple(tensor(x, copy=False) for x in _arrays(tensors, "TensorDataset"))

    def __len__(self) -> int:
        return len(self.tensors[0])

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(x[index] for x in self.tensors)


class Subset(Dataset):
    """Some samples of a dataset, by their numbers, as `torch.utils.data.Subset`.

    >>> list(Subset([10, 20, 30], [2, 0]))
    [30, 10]
    """

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        if is_duck(unwrap(indices)):
            setting("Subset: indices", indices)
        self.dataset, self.indices = dataset, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[self.indices[index]]


def _arrays(columns: Sequence[Any], what: str) -> tuple[Any, ...]:
    """Arrays with the same number of samples along the first axis."""
    arrays = tuple(_array(x, what) for x in columns)
    if not arrays or any(x.ndim == 0 for x in arrays):
        raise ShapeError(f"{what}: give an array of samples, or a tuple of arrays such as (images, labels)")
    if len({len(x) for x in arrays}) > 1:
        listed = ", ".join(str(x.shape) for x in arrays)
        raise ShapeError(f"{what}: arrays of shapes {listed} differ in their first axis, the number of samples")
    return arrays


def _array(x: Any, what: str) -> Any:
    if isinstance(x, Tensor):
        return x._data
    if isinstance(x, (int, float)) or (type(x) is np.ndarray and x.dtype.kind in "biuf"):  # nearly every sample
        return np.asarray(x)
    if not isinstance(x, (list, tuple, int, float, complex)) and not hasattr(x, "__array__") and not is_duck(x):
        raise DTypeError(f"{what}: {quoted(x)} is a {type(x).__name__}; {_ACCEPTED}")
    return plain(x, called=f"{what}: {quoted(x)}")


_ACCEPTED = "give arrays, a list of samples, or a dataset with __len__ and __getitem__"


class _Samples:
    """Samples by their numbers: rows of arrays, or the items of a dataset."""

    def __init__(self, data: Data, what: str) -> None:
        self.arrays: tuple[Any, ...] | None = None
        self.dataset = self.given = data
        self.single = False
        if isinstance(data, TensorDataset):
            self.arrays = tuple(x._data for x in data.tensors)
        elif isinstance(data, list) and data and isinstance(data[0], tuple):
            self.dataset = self._as_dataset(_columns(data, what), what)
        elif isinstance(data, tuple):
            self.dataset = self._as_dataset(data, what)
        elif not _is_dataset(data):
            self.single = True
            self.arrays = _arrays([data], what)

    def _as_dataset(self, columns: Sequence[Any], what: str) -> TensorDataset:
        self.arrays = _arrays(columns, what)
        return TensorDataset(*self.arrays)

    def __len__(self) -> int:
        return len(self.dataset if self.arrays is None else self.arrays[0])

    def batch(self, numbers: Any) -> Any:
        """The samples of these numbers, stacked: a Tensor, or a tuple or a dictionary of them, as a sample is."""
        if self.arrays is not None:
            columns: Sequence[Any] = [x[numbers] for x in self.arrays]
        else:
            items = [self.dataset[int(i)] for i in numbers]
            if isinstance(items[0], Mapping):
                return {key: leaf(_stacked([item[key] for item in items], "DataLoader")) for key in items[0]}
            if not isinstance(items[0], (tuple, list)):
                return leaf(_stacked(items, "DataLoader"))
            columns = _columns(items, "DataLoader")
        return leaf(columns[0]) if self.single else tuple(map(leaf, columns))

    def part(self, numbers: Any) -> Any:
        """The samples of these numbers, in the form of all of them."""
        if self.arrays is None:
            return Subset(self.dataset, numbers)
        arrays = [x[numbers] for x in self.arrays]
        if self.dataset is self.given:
            return arrays[0] if self.single else TensorDataset(*arrays)
        return tuple(arrays)


def _is_dataset(data: Any) -> bool:
    return (
        hasattr(type(data), "__len__")
        and hasattr(type(data), "__getitem__")
        and not isinstance(data, (Tensor, np.ndarray, list, str, bytes, Mapping))
        and not hasattr(data, "__array__")
        and not is_duck(data)
    )


def _columns(samples: Sequence[Any], what: str) -> list[Any]:
    """Samples of several parts, such as an image and its label, as one array for each part."""
    if len({len(sample) for sample in samples}) > 1:
        raise ShapeError(f"{what}: some samples have {len(samples[0])} parts, others not")
    return [_stacked(column, what) for column in zip(*samples, strict=True)]


def _stacked(values: Sequence[Any], what: str) -> Any:
    arrays = [_array(x, what) for x in values]
    if len({x.shape for x in arrays}) > 1:
        listed = " and ".join(map(str, sorted({x.shape for x in arrays})))
        raise ShapeError(f"{what}: samples of shapes {listed} do not stack; pad them to one shape, or use batch_size=1")
    for x in arrays:
        compatible(f"{what}: a sample", x, arrays[0])
    return np.stack(arrays)


def _own(generator: np.random.Generator | int | None) -> np.random.Generator:
    """The given generator, or one that nothing else draws from."""
    return np.random.default_rng(generator_or_default().integers(2**63) if generator is None else generator)


class DataLoader:
    """Batches of samples, as Tensors; with ``shuffle`` in a new order every epoch.

    The order is drawn from ``generator`` when an iteration begins, so two loaders with equal generators give equal
    batches. `state_dict` includes the place within the epoch, from which a loader that loads it continues. The
    generator should be the loader's own: a resumed loader would repeat what others draw from it in the meantime.

    Args:
        data: an array with the samples along the first axis; a tuple of arrays, such as ``(images, labels)``; a list of
            samples, such as pairs; or a dataset, which is any object with ``__len__`` and ``__getitem__``.
        batch_size: the number of samples in a batch.
        shuffle: whether to draw a new order every epoch.
        drop_last: whether to leave out the last batch if it is smaller.
        generator: a `numpy.random.Generator`, a seed for one, or None for one that `manual_seed` determines.

    Attributes:
        dataset: the samples, with a length.

    Raises:
        ShapeError: for arrays with different numbers of samples, and for items that do not stack.
        DTypeError: for anything that holds no numbers.
        ValueError: for a batch size below 1.

    >>> loader = DataLoader((np.arange(5.0), np.arange(5)), batch_size=2)
    >>> len(loader)
    3
    >>> for x, label in loader:
    ...     print(x, label)
    tensor([0., 1.]) tensor([0, 1])
    tensor([2., 3.]) tensor([2, 3])
    tensor([4.]) tensor([4])
    """

    @keywords
    def __init__(
        self,
        data: Data,
        *positional: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        drop_last: bool = False,
        generator: np.random.Generator | int | None = None,
    ) -> None:
        if positional:
            if not isinstance(positional[0], (int, np.integer)) or len(positional) > 2:
                raise TypeError("DataLoader takes one argument of data; give a tuple: DataLoader((images, labels), …)")
            batch_size, shuffle = (*positional, shuffle)[:2]
        self._samples = _Samples(data, "DataLoader")
        self.dataset = self._samples.dataset
        self.batch_size, self.shuffle, self.drop_last = length("DataLoader: batch_size", batch_size), shuffle, drop_last
        self.generator = _own(generator)
        self._began = self.generator.bit_generator.state  # as it was before the current epoch's order was drawn
        self._place = self._resumed = 0

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        n = len(self._samples)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        n, first = len(self._samples), self._resumed  # an iteration that was merely abandoned starts over
        self._resumed = 0
        self._began = self.generator.bit_generator.state
        order = self.generator.permutation(n) if self.shuffle else np.arange(n)
        for k in range(first, len(self)):
            chosen = order[k * self.batch_size : (k + 1) * self.batch_size]
            self._place = (k + 1) % len(self)  # before the batch is handed out: it counts as seen
            if not self._place:
                self._began = self.generator.bit_generator.state
            yield self._samples.batch(chosen)
        self._place = 0

    @property
    def place(self) -> int:
        """How many batches of the current epoch have been handed out; 0 once it is over."""
        return self._place

    def state_dict(self) -> dict[str, Any]:
        """The generator as it was when the current epoch began, and how many of its batches have been handed out."""
        return {"generator": self._began if self._place else self.generator.bit_generator.state, "place": self._place}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore a state; the next iteration continues from its place.

        Raises:
            KeyError: where the generator or the place is missing.
            ValueError: for another kind of generator, or a place beyond this loader's epoch.
        """
        state, place = state_dict["generator"], state_dict["place"]
        if not 0 <= place < max(len(self), 1):
            raise ValueError(f"DataLoader: the state is at batch {place}, but an epoch has {len(self)} here")
        self.generator.bit_generator.state = state
        self._began = state
        self._place = self._resumed = place


def split(data: Data, parts: Sequence[float], generator: np.random.Generator | int | None = None) -> list[Any]:
    """Split samples at random into parts that do not overlap, such as 80 % for training and 20 % held out.

    Args:
        data: as for `DataLoader`.
        parts: the number of samples in each part, or fractions that add up to 1. All sizes from fractions are rounded
            down except the last, which is what remains.
        generator: a `numpy.random.Generator`, a seed for one, or None for one that `manual_seed` determines.

    Returns:
        For each part an array, a tuple of arrays or a `TensorDataset`, as the data; of another dataset, a `Subset`.

    Raises:
        ShapeError: for arrays with different numbers of samples.
        ValueError: for parts that do not add up.

    >>> learn, held_out = split(np.arange(10), [0.8, 0.2], generator=0)
    >>> learn.shape, held_out.shape
    ((8,), (2,))
    """
    samples = _Samples(data, "split")
    n = len(samples)
    sizes = list(parts if isinstance(parts, (list, tuple)) else setting("split: parts", parts))
    if sizes and abs(sum(sizes) - 1) < 1e-9 and all(0 <= part <= 1 for part in sizes) and n != 1:
        sizes = [int(part * n + 1e-9) for part in sizes]
        sizes[-1] += n - sum(sizes)
    if sum(sizes) != n or any(size < 0 or size != int(size) for size in sizes):
        raise ValueError(
            f"split: parts {list(parts)} add up neither to 1 nor to the {n} samples of {describe(samples.dataset)}"
        )
    order = _own(generator).permutation(n)
    ends = np.cumsum([int(size) for size in sizes])[:-1]
    return [samples.part(numbers) for numbers in np.split(order, ends)]


random_split = split


def __dir__() -> list[str]:
    return __all__


if not TYPE_CHECKING:  # or it would believe in any name

    def __getattr__(name: str) -> object:
        raise missing(f"module {__name__!r}", name, sys.modules[__name__], "data")
