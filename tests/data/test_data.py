"""Batches and splits: every sample once, in an order that a generator decides, and resumed in the middle."""

from __future__ import annotations

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.data import DataLoader, split
from micrograd_tensor.engine.randomness import manual_seed

X, LABELS = np.arange(20.0).reshape(10, 2), np.arange(10)


def labels(loader):
    return [batch[1].tolist() for batch in loader]


def test_in_order_with_a_smaller_last_batch():
    loader = DataLoader((X, LABELS), batch_size=4)
    assert len(loader) == 3
    assert labels(loader) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    for x, label in loader:
        assert np.array_equal(x.numpy()[:, 0], 2 * label.numpy())


def test_the_last_batch_may_be_dropped():
    loader = DataLoader((X, LABELS), batch_size=4, drop_last=True)
    assert len(loader) == 2
    assert labels(loader) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert len(DataLoader(X, batch_size=11, drop_last=True)) == 0
    assert list(DataLoader(X, batch_size=11, drop_last=True)) == []


def test_shuffling_gives_every_sample_once_and_another_order_each_epoch():
    loader = DataLoader((X, LABELS), batch_size=3, shuffle=True, generator=0)
    first, second = ([i for batch in labels(loader) for i in batch] for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


def test_equal_generators_give_equal_batches():
    runs = [labels(DataLoader((X, LABELS), 3, shuffle=True, generator=g)) for g in (7, np.random.default_rng(7), 7)]
    assert runs[0] == runs[1] == runs[2]


def test_batches_are_frozen_tensors_of_the_datas_own_type():
    x = DataLoader(X.astype(np.float32), batch_size=4)
    batch = next(iter(x))
    assert isinstance(batch, mt.Tensor)
    assert batch.dtype == np.float32
    assert not batch.numpy().flags.writeable
    assert not np.shares_memory(batch.numpy(), X)
    assert isinstance(next(iter(DataLoader((X,)))), tuple)


@pytest.mark.parametrize("stop", range(5))
@pytest.mark.parametrize("epochs", [0, 2])
def test_a_restored_loader_goes_on_where_it_stopped(stop, epochs):
    loader = DataLoader((X, LABELS), 2, shuffle=True, generator=0)
    for _ in range(epochs):
        labels(loader)
    expected = labels(DataLoader((X, LABELS), 2, shuffle=True, generator=loaded(loader)))
    batches = iter(loader)
    seen = [next(batches)[1].tolist() for _ in range(stop)]
    state = loader.state_dict()
    assert loader.place == state["place"] == stop
    other = DataLoader((X, LABELS), 2, shuffle=True, generator=99)
    other.load_state_dict(state)
    assert other.place == stop
    assert seen + labels(other) == expected
    rest = [batch[1].tolist() for batch in batches]
    assert seen + rest == expected
    assert labels(other) == labels(loader), "the epoch after"
    assert other.state_dict() == loader.state_dict()


def loaded(loader):
    rng = np.random.default_rng()
    rng.bit_generator.state = loader.generator.bit_generator.state
    return rng


def test_after_the_last_batch_the_epoch_is_over():
    loader = DataLoader((X, LABELS), 5, shuffle=True, generator=0)
    batches = iter(loader)
    next(batches), next(batches)
    state = loader.state_dict()
    assert state["place"] == 0
    other = DataLoader((X, LABELS), 5, shuffle=True, generator=1)
    other.load_state_dict(state)
    assert labels(other) == labels(loader)


def test_an_iteration_that_was_left_begins_anew():
    loader = DataLoader((X, LABELS), 3)
    next(iter(loader))
    assert len(labels(loader)) == 4


def test_a_state_that_does_not_fit_changes_nothing():
    loader = DataLoader((X, LABELS), 5, shuffle=True, generator=0)
    before = loader.state_dict()
    for wrong in ({"generator": before["generator"], "place": 2}, {"generator": {"bit_generator": "X"}, "place": 0}):
        with pytest.raises(ValueError, match=r"at batch 2, but an epoch has 2|RNG"):
            loader.load_state_dict(wrong)
    assert loader.state_dict() == before


@pytest.mark.parametrize(
    ("parts", "sizes"),
    [([0.8, 0.2], [8, 2]), ([0.25, 0.25, 0.5], [2, 2, 6]), ([7, 3], [7, 3]), ([1.0], [10]), ([10, 0], [10, 0])],
)
def test_split_deals_out_every_sample_once(parts, sizes):
    dealt = split((X, LABELS), parts, generator=0)
    assert [len(label) for _, label in dealt] == sizes
    assert sorted(np.concatenate([label for _, label in dealt])) == list(range(10))
    assert all(np.array_equal(x[:, 0], 2 * label) for x, label in dealt)
    again = split((X, LABELS), parts, generator=np.random.default_rng(0))
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(dealt, again, strict=True))


def test_one_array_is_split_into_arrays():
    a, b = split(mt.tensor(X), [0.5, 0.5])
    assert a.shape == b.shape == (5, 2)


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: DataLoader((X, LABELS[:9])), mt.ShapeError, r"\(10, 2\), \(9,\) differ in their first axis"),
        (lambda: DataLoader(3.0), mt.ShapeError, "give an array of samples"),
        (lambda: DataLoader(()), mt.ShapeError, "give an array of samples"),
        (lambda: DataLoader(X, batch_size=0), ValueError, "batch_size=0; it must be at least 1"),
        (lambda: split(X, [0.8, 0.3]), ValueError, r"\[0.8, 0.3\] add up neither to 1 nor to the 10 samples"),
        (lambda: split(X, [7, 4]), ValueError, "add up neither"),
        (lambda: split(X, [11, -1]), ValueError, "add up neither"),
        (lambda: split((X, LABELS[:3]), [5, 5]), mt.ShapeError, "split: arrays of shapes"),
    ],
)
def test_errors_quote_what_was_written(make, error, says):
    with pytest.raises(error, match=says):
        make()


def test_without_a_generator_the_order_follows_from_manual_seed():
    found = []
    for seed in (5, 5, 6):
        manual_seed(seed)
        found.append((labels(DataLoader((X, LABELS), 3, shuffle=True)), split(LABELS, [0.5, 0.5])[0].tolist()))
    assert found[0] == found[1] != found[2]
