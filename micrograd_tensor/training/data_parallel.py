"""Data-parallel training: every batch is cut into shards, whose gradients workers compute and add up, for one step.

How a batch is cut, and in which order its parts are added, depends on the number of shards alone. So the result is the
same, bit for bit, whether one process computes it or any number of Dask's workers, and whichever of them is lost on the
way: a task that is lost is computed again from the files. The driver holds the net, its optimizer, the order of the
samples, and the gradients of one step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from importlib import import_module
from threading import RLock
from typing import Any

import numpy as np

from ..engine.arrays import fetching, is_duck, setting, whose
from ..engine.errors import DTypeError, ShapeError, describe
from ..engine.interop.habits import keywords
from ..engine.lengths import length
from ..engine.randomness import generator_or_default
from ..engine.recording import enable_grad
from ..engine.tensor import Tensor, assign, tensor
from ..engine.walk import grad
from ..nn.module import Module
from ..optim import Optimizer
from .clients import awake, usable
from .clients import value as value_of

__all__ = ["fit"]

Parts = list[Any]
"""What a shard gives: its share of the loss, of each gradient and of each buffer; None where there is none."""


@keywords
def fit(
    model: Module,
    loss: Callable[..., Tensor],
    optimizer: Optimizer,
    data: Any,
    *,
    epochs: int = 1,
    batch_size: int = 256,
    shards: int = 4,
    statistics: str = "shard",
    drop_last: bool = False,
    shuffle: bool = True,
    seed: int = 0,
    client: Any = None,
    on_step: Callable[[int, float], Any] | None = None,
) -> list[float]:
    """Train a net on batches whose shards are computed side by side; returns the mean loss of every epoch.

    The results are bitwise the same with and without a client, and for any number of workers, also when some are lost;
    and to rounding they are those of steps on the whole batch, if no layer looks at other samples of its batch.

    Args:
        model: the net; it is called with the first part of the samples.
        loss: of the net's result and the other parts of the samples, the mean over samples, such as `cross_entropy`.
        optimizer: of the model's parameters; it takes one step for each batch.
        data: `NpyFiles`, a `ParquetFile`, or anything else with a length that gives a tuple of arrays for an array of
            numbers, ``data[numbers]``, and can be pickled. Without a client also a tuple of arrays.
        epochs: how often to go through the data.
        batch_size: samples for each step.
        shards: the parts of a batch; a smaller, last batch of an epoch has fewer.
        statistics: of batch normalization. ``"shard"``: each shard is normalized by its own, as PyTorch's data
            parallelism does, and the running ones are the average of the shards'. ``"batch"``: over the whole batch;
            then the net runs on lazy arrays whose chunks are the shards, and layers exchange sums within a step.
        drop_last: whether to leave out the last batch of an epoch if it is smaller.
        shuffle: whether to draw a new order every epoch.
        seed: determines the order, and what layers such as dropout draw.
        client: a `distributed.Client` whose workers compute; None for this process.
        on_step: called after each step with its number and its loss.

    Raises:
        ValueError: for other statistics, for data that would have to be sent to the workers, for no samples.
        DTypeError: for samples or parameters that are another library's arrays.
        TypeError: for anything but a client.
        RuntimeError: for a client that is closed, or has had no workers for a minute; the model is then as after the
            last whole step.
        ImportError: for ``statistics="batch"`` without Dask.

    >>> from micrograd_tensor import cross_entropy, nn, optim
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(64, 2))
    >>> net = nn.Linear(2, 2, generator=rng, dtype=np.float64)
    >>> samples = x, (x[:, 0] > 0).astype(int)
    >>> losses = fit(net, cross_entropy, optim.SGD(net.parameters(), lr=0.5), samples, epochs=5, batch_size=16)
    >>> len(losses), losses[-1] < losses[0]
    (5, True)
    """
    if statistics not in ("shard", "batch"):
        raise ValueError(f"fit: statistics={statistics!r} must be 'shard' or 'batch'")
    if isinstance(data, tuple):
        if client is not None:
            raise ValueError(
                "fit: arrays in this process would be sent to the workers again at every step; write them by np.save, "
                "and give data=NpyFiles('x.npy', 'labels.npy'), which the workers read themselves"
            )
        data = _Arrays(data)
    batch_size, shards = length("fit: batch_size", batch_size), length("fit: shards", shards)
    shards = min(shards, batch_size)
    if not len(data):
        raise ValueError("fit: there are no samples to learn from")
    for x in (*model.parameters(), *model.buffers()):
        if is_duck(x.data):
            raise DTypeError(
                f"fit: {describe(x)} is of {whose(x.data)} arrays, and is sent to workers as one of NumPy's; give it "
                f"one, p.assign_({fetching(x.data).replace('x', 'p.numpy()', 1)})"
            )
    compute = _over_batches if statistics == "batch" else _over_shards
    step = compute(model, loss, data, awake(client, "fit"))
    rng, losses, count = np.random.default_rng(seed), list[float](), 0
    for _ in range(epochs):
        order = rng.permutation(len(data)) if shuffle else np.arange(len(data))
        total = 0.0
        order = order[: len(data) // batch_size * batch_size] if drop_last else order
        for numbers in _batches(order, batch_size):
            value, gradients = step(np.array_split(numbers, max(1, len(numbers) * shards // batch_size)), (seed, count))
            for p, g in zip(model.parameters(), gradients, strict=True):
                p.grad = None if g is None else tensor(g, dtype=p.dtype, copy=False)
            optimizer.step()
            total += value * len(numbers)
            count += 1
            if on_step is not None:
                on_step(count, value)
        losses.append(total / max(len(order), 1))
    return losses


class _Arrays:
    """Samples in the memory of this process."""

    def __init__(self, arrays: tuple[Any, ...]) -> None:
        self._arrays = tuple(setting(f"fit: part {k} of the samples", x) for k, x in enumerate(arrays))
        if len({len(x) for x in self._arrays}) != 1:
            raise ShapeError(f"fit: arrays of {[len(x) for x in self._arrays]} samples; give as many of each part")

    def __len__(self) -> int:
        return len(self._arrays[0])

    def __getitem__(self, numbers: Any) -> tuple[Any, ...]:
        return tuple(x[numbers] for x in self._arrays)


def _batches(order: Any, size: int) -> Iterator[Any]:
    return (order[k : k + size] for k in range(0, len(order), size))


# -------------------------------------------------------------------------------------------- statistics of each shard


def _over_shards(model: Module, loss: Any, data: Any, client: Any) -> Callable[..., tuple[float, Parts]]:
    """A step's loss and gradients from those of its shards."""
    here = client is None
    job: Any = (deepcopy(model), loss, data) if here else import_module("cloudpickle").dumps((model, loss, data))
    call = _called if here else _submit(client)
    job = call(_same, job)

    def step(parts: list[Any], seed: tuple[int, int]) -> tuple[float, Parts]:
        state = call(_same, [np.array(x.numpy()) for x in (*model.parameters(), *model.buffers())])
        count = sum(map(len, parts))
        found = [call(_of_shard, job, state, part, (*seed, k), len(part) / count) for k, part in enumerate(parts)]
        while len(found) > 1:
            pairs = [call(_added, *found[k : k + 2]) for k in range(0, len(found) - 1, 2)]
            found = pairs + found[2 * len(pairs) :]
        value, *rest = found[0] if here else value_of(client, found[0], "fit")
        n = len(list(model.parameters()))
        buffers = list(model.buffers())
        assign(buffers, rest[n:])
        return float(value), rest[:n]

    return step


def _called(function: Callable[..., Any], *args: Any) -> Any:
    return function(*args)


def _submit(client: Any) -> Callable[..., Any]:
    def call(function: Callable[..., Any], *args: Any) -> Any:
        return usable(client, "fit").submit(function, *args, pure=False)

    return call


def _same(value: Any) -> Any:
    return value


def _of_shard(job: Any, state: Parts, numbers: Any, seed: tuple[int, ...], share: float) -> Parts:
    """What a shard adds to the loss, the gradients and the buffers: its share of each."""
    model, loss, data = import_module("cloudpickle").loads(job) if isinstance(job, bytes) else job
    parameters, buffers = list(model.parameters()), list(model.buffers())
    assign([*parameters, *buffers], state)
    for k, module in enumerate(model.modules()):
        if getattr(module, "generator", None) is not None:
            module.generator = np.random.default_rng((*seed, k))
    x, *targets = data[numbers]
    with _seeded(seed), enable_grad():
        value = loss(model(x), *targets)
    learning = [p for p in parameters if p.requires_grad]
    found = dict(zip(learning, grad(value, learning), strict=True))
    gradients = [found.get(p) for p in parameters]
    shares = [None if g is None else g.numpy() * g.dtype.type(share) for g in gradients]
    kept = [x.numpy() * x.dtype.type(share) if x.dtype.kind == "f" else x.numpy() for x in buffers]
    return [value.item() * share, *shares, *kept]


_drawing = RLock()
"""Held while a shard draws from the one default generator, in a worker with several threads."""


@contextmanager
def _seeded(seed: tuple[int, ...]) -> Iterator[None]:
    """The default generator with another seed, and afterwards as it was."""
    default = generator_or_default()
    with _drawing:
        before = default.bit_generator.state
        default.bit_generator.state = np.random.default_rng(seed).bit_generator.state
        try:
            yield
        finally:
            default.bit_generator.state = before


def _added(a: Parts, b: Parts) -> Parts:
    """The sum of two shards' parts; what is no floating-point number, such as a count, they have in common."""
    return [_sum(x, y) for x, y in zip(a, b, strict=True)]


def _sum(x: Any, y: Any) -> Any:
    if x is None or y is None:
        return y if x is None else x
    return x + y if isinstance(x, float) or x.dtype.kind == "f" else x


# ----------------------------------------------------------------------------------------- statistics of whole batches


def _over_batches(model: Module, loss: Any, data: Any, client: Any) -> Callable[..., tuple[float, Parts]]:
    """A step's loss and gradients from lazy arrays, whose chunks are the shards."""
    try:
        dask, da = import_module("dask"), import_module("dask.array")
    except ImportError:
        raise ImportError('fit: statistics="batch" needs Dask: pip install "micrograd-tensor[dask]"') from None
    like = data[np.arange(1)]

    def lazy(parts: list[Any], part: int) -> Any:
        chunks = [
            da.from_delayed(dask.delayed(_read, pure=False)(data, numbers, part), (len(numbers), *x.shape[1:]), x.dtype)
            for numbers, x in ((numbers, like[part]) for numbers in parts)
        ]
        return da.concatenate(chunks)

    def step(parts: list[Any], seed: tuple[int, int]) -> tuple[float, Parts]:
        awake(client, "fit")
        try:
            with (
                _seeded(seed),
                dask.config.set(scheduler=client) if client is not None else nullcontext(),
                enable_grad(),
            ):
                x, *targets = (lazy(parts, k) for k in range(len(like)))
                value = loss(model(x), *targets)
                learning = [p for p in model.parameters() if p.requires_grad]
                found = grad(value, learning)
                lazies = [value.numpy(), *(g.numpy() for g in found if g is not None)]
                if client is None:
                    total, *arrays = dask.compute(*lazies)
                else:
                    total, *arrays = (value_of(client, future, "fit") for future in client.compute(lazies))
        except Exception:
            usable(client, "fit")
            raise
        ready = iter(arrays)
        gradients = {p: None if g is None else next(ready) for p, g in zip(learning, found, strict=True)}
        return float(total), [gradients.get(p) for p in model.parameters()]

    return step


def _read(data: Any, numbers: Any, part: int) -> Any:
    return data[numbers][part]
