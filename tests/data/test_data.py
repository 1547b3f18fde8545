"""Batches and splits: every sample once, in an order that a generator decides, and resumed in the middle."""

from __future__ import annotations

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor import data
from micrograd_tensor.data import DataLoader, Subset, TensorDataset, split
from micrograd_tensor.engine.randomness import manual_seed


class Squares:
    """A map-style dataset, which never raises IndexError: whoever asks it without end gets items without end."""

    def __len__(self):
        return 5

    def __getitem__(self, i):
        return np.ones(2) * i, i * i


class Ragged(Squares):
    def __getitem__(self, i):
        return np.ones(i)


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
        (lambda: DataLoader(X, batch_size=0), ValueError, "batch_size=0: give a whole number, 1 or more"),
        (lambda: DataLoader(X, batch_size=1.5), ValueError, "batch_size=1.5: give a whole number"),
        (lambda: split(X, [0.8, 0.3]), ValueError, r"\[0.8, 0.3\] add up neither to 1 nor to the 10 samples"),
        (lambda: split(X, [7, 4]), ValueError, "add up neither"),
        (lambda: split(X, [11, -1]), ValueError, "add up neither"),
        (lambda: split((X, LABELS[:3]), [5, 5]), mt.ShapeError, "split: arrays of shapes"),
        (lambda: DataLoader(X, LABELS, batch_size=2), TypeError, r"give a tuple: DataLoader\(\(images, labels\)"),
        (lambda: DataLoader(X, LABELS), TypeError, "give a tuple"),
        (lambda: DataLoader(iter([1.0, 2.0])), mt.DTypeError, "is a list_iterator; give arrays, a list of samples"),
        (lambda: DataLoader({"x": X}), mt.DTypeError, "is a dict; give arrays"),
        (lambda: DataLoader("abc"), mt.DTypeError, "is a str; give arrays"),
        (lambda: DataLoader(["a", "b"]), mt.DTypeError, r"DataLoader: \['a', 'b'\].*give numbers"),
        (lambda: DataLoader([[1.0], [1.0, 2.0]]), mt.DTypeError, "is not an array"),
        (lambda: DataLoader([(1.0, 2), (1.0,)]), mt.ShapeError, "some samples have 2 parts, others not"),
        (
            lambda: list(DataLoader(Ragged(), 2)),
            mt.ShapeError,
            r"samples of shapes \(0,\) and \(1,\) do not stack; pad",
        ),
        (
            lambda: DataLoader(X, num_workers=2),
            TypeError,
            "num_workers=4.* has no meaning here: batches are cut",
        ),
        (lambda: DataLoader(X, pin_memory=True), TypeError, "everything runs on the CPU"),
        (lambda: DataLoader(X, collate_fn=list), TypeError, "no counterpart here: samples are stacked; map a function"),
        (lambda: DataLoader(X, bogus=1), TypeError, "no setting 'bogus'; it has data"),
        (lambda: len(data.Dataset()), NotImplementedError, "Dataset has no __len__"),
        (lambda: data.Dataset()[0], NotImplementedError, "Dataset has no __getitem__"),
        (lambda: data.IterableDataset, AttributeError, "give mt.data.DataLoader a list of the samples"),
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


@pytest.mark.parametrize(
    "given",
    [
        (X, LABELS),
        [(x, label) for x, label in zip(X, LABELS, strict=True)],
        TensorDataset(X, LABELS),
        TensorDataset(mt.tensor(X), LABELS.tolist()),
        Subset(TensorDataset(X, LABELS), range(10)),
        Subset([(mt.tensor(x), int(label)) for x, label in zip(X, LABELS, strict=True)], range(10)),
    ],
    ids=["tuple", "pairs", "dataset", "tensors", "subset", "items"],
)
def test_samples_come_in_many_forms(given):
    loader = DataLoader(given, batch_size=4, shuffle=True, generator=0)
    assert len(loader.dataset) == 10
    for found, expected in zip(loader, DataLoader((X, LABELS), batch_size=4, shuffle=True, generator=0), strict=True):
        assert isinstance(found, tuple)
        for a, b in zip(found, expected, strict=True):
            assert np.array_equal(a.numpy(), b.numpy())
            assert a.dtype == b.dtype
    learn, held_out = split(given, [0.8, 0.2], generator=0)
    numbers = [
        [int(label) for _, label in (part if isinstance(part, data.Dataset) else zip(*part, strict=True))]
        for part in (learn, held_out)
    ]
    assert sorted(n for part in numbers for n in part) == list(range(10))
    assert list(map(len, numbers)) == [8, 2]


def test_a_dataset_is_asked_for_its_length_first():
    batches = list(DataLoader(Squares(), batch_size=2))
    assert [[part.tolist() for part in batch] for batch in batches] == [
        [[[0, 0], [1, 1]], [0, 1]],
        [[[2, 2], [3, 3]], [4, 9]],
        [[[4, 4]], [16]],
    ]
    assert [x.tolist() for x in DataLoader(range(3), batch_size=2)] == [[0, 1], [2]]


def test_samples_may_be_dictionaries():
    class Named(Squares):
        def __getitem__(self, i):
            return {"x": np.ones(2) * i, "y": i}

    batches = list(DataLoader(Named(), batch_size=3))
    assert [{key: value.tolist() for key, value in batch.items()} for batch in batches] == [
        {"x": [[0, 0], [1, 1], [2, 2]], "y": [0, 1, 2]},
        {"x": [[3, 3], [4, 4]], "y": [3, 4]},
    ]


def test_parts_of_a_dataset_are_datasets():
    learn, held_out = split(TensorDataset(X, LABELS), [7, 3], generator=0)
    assert (type(learn), len(learn), len(held_out)) == (TensorDataset, 7, 3)
    learn, held_out = split(Squares(), [3, 2], generator=0)
    assert (type(learn), len(learn), len(held_out)) == (Subset, 3, 2)
    assert sorted(label for part in (learn, held_out) for _, label in list(part)) == [0, 1, 4, 9, 16]


def test_a_dataset_resumes_as_arrays_do():
    loader = DataLoader(Squares(), 2, shuffle=True, generator=0)
    batches = iter(loader)
    next(batches)
    other = DataLoader(Squares(), 2, shuffle=True, generator=9)
    other.load_state_dict(loader.state_dict())
    assert labels(other) == [batch[1].tolist() for batch in batches]


def test_only_what_is_public_is_listed():
    assert dir(data) == sorted(data.__all__)
    assert data.random_split is split


@pytest.mark.torch
def test_batches_of_a_dataset_are_pytorchs():
    torch = pytest.importorskip("torch")
    given = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(LABELS))
    for found, expected in zip(DataLoader(given, 4), torch.utils.data.DataLoader(given, 4), strict=True):
        assert all(np.array_equal(a.numpy(), b.numpy()) for a, b in zip(found, expected, strict=True))
