"""Data in batches: shuffled by a generator, split into parts, and resumable within an epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from .engine.errors import ShapeError, describe
from .engine.randomness import generator_or_default
from .engine.record import leaf
from .engine.tensor import Tensor

Arrays: TypeAlias = Any
"""One array or Tensor, or a tuple of them, with the samples along the first axis."""


def _arrays(data: Arrays, what: str) -> tuple[Any, ...]:
    given = data if isinstance(data, tuple) else (data,)
    arrays = tuple(x.data if isinstance(x, Tensor) else np.asarray(x) for x in given)
    if not arrays or any(x.ndim == 0 for x in arrays):
        raise ShapeError(f"{what}: give an array of samples, or a tuple of arrays such as (images, labels)")
    if len({len(x) for x in arrays}) > 1:
        listed = ", ".join(str(x.shape) for x in arrays)
        raise ShapeError(f"{what}: arrays of shapes {listed} differ in their first axis, the number of samples")
    return arrays


def _own(generator: np.random.Generator | int | None) -> np.random.Generator:
    """The given generator, or one that nothing else draws from."""
    return np.random.default_rng(generator_or_default().integers(2**63) if generator is None else generator)


class DataLoader:
    """Batches of samples, as Tensors; with ``shuffle`` in a new order every epoch.

    The order is drawn from ``generator`` when an iteration begins, so two loaders with equal generators give equal
    batches. `state_dict` includes the place within the epoch, from which a loader that loads it continues. The
    generator should be the loader's own: a resumed loader would repeat what others draw from it in the meantime.

    Args:
        data: an array with the samples along the first axis, or a tuple of arrays, such as images and labels.
        batch_size: the number of samples in a batch.
        shuffle: whether to draw a new order every epoch.
        drop_last: whether to leave out the last batch if it is smaller.
        generator: a `numpy.random.Generator`, a seed for one, or None for one that `manual_seed` determines.

    Raises:
        ShapeError: for arrays with different numbers of samples.
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

    def __init__(
        self,
        data: Arrays,
        batch_size: int = 1,
        shuffle: bool = False,
        *,
        drop_last: bool = False,
        generator: np.random.Generator | int | None = None,
    ) -> None:
        self.arrays = _arrays(data, "DataLoader")
        self.single = not isinstance(data, tuple)
        if batch_size < 1:
            raise ValueError(f"DataLoader: batch_size={batch_size!r}; it must be at least 1")
        self.batch_size, self.shuffle, self.drop_last = batch_size, shuffle, drop_last
        self.generator = _own(generator)
        self._began = self.generator.bit_generator.state  # as it was before the current epoch's order was drawn
        self._place = self._resumed = 0

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        n = len(self.arrays[0])
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        n, first = len(self.arrays[0]), self._resumed  # an iteration that was merely abandoned starts over
        self._resumed = 0
        self._began = self.generator.bit_generator.state
        order = self.generator.permutation(n) if self.shuffle else np.arange(n)
        for k in range(first, len(self)):
            chosen = order[k * self.batch_size : (k + 1) * self.batch_size]
            self._place = (k + 1) % len(self)  # before the batch is handed out: it counts as seen
            if not self._place:
                self._began = self.generator.bit_generator.state
            batch = tuple(leaf(x[chosen]) for x in self.arrays)
            yield batch[0] if self.single else batch
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


def split(data: Arrays, parts: Sequence[float], generator: np.random.Generator | int | None = None) -> list[Any]:
    """Split samples at random into parts that do not overlap, such as 80 % for training and 20 % held out.

    Args:
        data: an array with the samples along the first axis, or a tuple of arrays.
        parts: the number of samples in each part, or fractions that add up to 1. All sizes from fractions are rounded
            down except the last, which is what remains.
        generator: a `numpy.random.Generator`, a seed for one, or None for one that `manual_seed` determines.

    Returns:
        One array or tuple of arrays, as the data, for each part.

    Raises:
        ShapeError: for arrays with different numbers of samples.
        ValueError: for parts that do not add up.

    >>> learn, held_out = split(np.arange(10), [0.8, 0.2], generator=0)
    >>> learn.shape, held_out.shape
    ((8,), (2,))
    """
    arrays = _arrays(data, "split")
    n = len(arrays[0])
    sizes = list(parts)
    if sizes and abs(sum(sizes) - 1) < 1e-9 and all(0 <= part <= 1 for part in sizes) and n != 1:
        sizes = [int(part * n + 1e-9) for part in sizes]
        sizes[-1] += n - sum(sizes)
    if sum(sizes) != n or any(size < 0 or size != int(size) for size in sizes):
        raise ValueError(
            f"split: parts {list(parts)} add up neither to 1 nor to the {n} samples of {describe(arrays[0])}"
        )
    order = _own(generator).permutation(n)
    ends = np.cumsum([int(size) for size in sizes])[:-1]
    chosen = np.split(order, ends)
    found = [tuple(x[indices] for x in arrays) for indices in chosen]
    return found if isinstance(data, tuple) else [part[0] for part in found]
