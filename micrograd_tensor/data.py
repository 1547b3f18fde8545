"""Data in batches: shuffled by a generator, cut into parts, and resumed where it stopped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .engine.errors import ShapeError, describe
from .engine.randomness import generator_or_default
from .engine.tensor import Tensor, leaf

Arrays = Any
"""One array or Tensor, or a tuple of them, whose first axis counts the samples."""


def _arrays(data: Arrays, what: str) -> tuple[Any, ...]:
    given = data if isinstance(data, tuple) else (data,)
    arrays = tuple(x.data if isinstance(x, Tensor) else np.asarray(x) for x in given)
    if not arrays or any(x.ndim == 0 for x in arrays):
        raise ShapeError(f"{what}: give an array of samples, or a tuple of arrays such as (images, labels)")
    if len({len(x) for x in arrays}) > 1:
        listed = ", ".join(str(x.shape) for x in arrays)
        raise ShapeError(f"{what}: arrays of shapes {listed} differ in their first axis, which counts the samples")
    return arrays


def _own(generator: np.random.Generator | int | None) -> np.random.Generator:
    """A generator that nobody else draws from, unless it was given."""
    return np.random.default_rng(generator_or_default().integers(2**63) if generator is None else generator)


class DataLoader:
    """Batches of samples, as Tensors, in a new order every epoch.

    The order is drawn from ``generator`` when an iteration begins, so two loaders with equal generators give equal
    batches. `state_dict` remembers the place within the epoch too: a loader that has taken it up goes on from there.
    So the generator should be the loader's own: what others draw from it meanwhile would be drawn again.

    Args:
        data: an array, whose first axis counts the samples, or a tuple of arrays: images and labels.
        batch_size: samples a batch.
        shuffle: whether to draw a new order every epoch.
        drop_last: leave out the last batch where it would be smaller.
        generator: a `numpy.random.Generator`, a seed for one, or None for one that follows from `manual_seed`.

    Raises:
        ShapeError: for arrays of different numbers of samples.
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
        self._began = self.generator.bit_generator.state  # as it was before the present epoch's order was drawn
        self._place = self._resumed = 0

    def __len__(self) -> int:
        """How many batches an epoch has."""
        n = len(self.arrays[0])
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        n, first = len(self.arrays[0]), self._resumed  # an iteration that was merely left begins anew
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
        """How many batches of the present epoch have been handed out; 0 once it is over."""
        return self._place

    def state_dict(self) -> dict[str, Any]:
        """The generator as it was when the present epoch began, and how many of its batches have been handed out."""
        return {"generator": self._began if self._place else self.generator.bit_generator.state, "place": self._place}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up a state; the next iteration goes on from its place.

        Raises:
            KeyError: where the generator or the place is missing.
            ValueError: for a generator of another kind, or a place that this loader does not have.
        """
        state, place = state_dict["generator"], state_dict["place"]
        if not 0 <= place < max(len(self), 1):
            raise ValueError(f"DataLoader: the state is at batch {place}, but an epoch has {len(self)} here")
        self.generator.bit_generator.state = state
        self._began = state
        self._place = self._resumed = place


def split(data: Arrays, parts: Sequence[float], generator: np.random.Generator | int | None = None) -> list[Any]:
    """Samples dealt out at random into parts that do not overlap, such as 80 % to learn from and 20 % held out.

    Args:
        data: an array, whose first axis counts the samples, or a tuple of arrays.
        parts: numbers of samples that add up to all, or fractions that add up to 1. Of fractions each but the last is
            rounded down, and the last part gets the rest.
        generator: a `numpy.random.Generator`, a seed for one, or None for one that follows from `manual_seed`.

    Returns:
        One array or tuple of arrays for each part, in the kind that was given.

    Raises:
        ShapeError: for arrays of different numbers of samples.
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
    dealt = [tuple(x[places] for x in arrays) for places in chosen]
    return dealt if isinstance(data, tuple) else [part[0] for part in dealt]
