"""Data-parallel training: the same numbers in one process, for any number of workers, and when some are killed."""

import os
import signal
import sys
import time
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor import nn, optim
from micrograd_tensor.training import NpyFiles, ParquetFile, fit, in_passes

ROWS, FEATURES, CLASSES = 200, 6, 3


def samples():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, FEATURES))
    return x, (x @ rng.normal(size=(FEATURES, CLASSES))).argmax(axis=1)


@pytest.fixture
def files(tmp_path):
    for name, array in zip(("x", "labels"), samples(), strict=True):
        np.save(tmp_path / f"{name}.npy", array)
    return NpyFiles(tmp_path / "x.npy", tmp_path / "labels.npy")


def net(norm=False, dropout=False):
    rng = np.random.default_rng(1)
    layers = [nn.Linear(FEATURES, 8, generator=rng, dtype=np.float64)]
    layers += [nn.BatchNorm1d(8, dtype=np.float64)] if norm else []
    layers += [nn.Tanh()] + ([nn.Dropout(0.3, generator=rng)] if dropout else [])
    return nn.Sequential(*layers, nn.Linear(8, CLASSES, generator=rng, dtype=np.float64))


def trained(data, model, epochs=2, batch_size=64, **settings):
    """The state of a copy that was trained, and the losses."""
    model = deepcopy(model)
    optimizer = optim.AdamW(model.parameters(), lr=0.01)
    losses = fit(model, mt.cross_entropy, optimizer, data, epochs=epochs, batch_size=batch_size, **settings)
    return {name: np.array(value.numpy()) for name, value in model.state_dict().items()}, losses


def by_hand(model, x, labels, batch_size=64, seed=0):
    """The plain loop on whole batches."""
    model = deepcopy(model)
    optimizer, rng = optim.AdamW(model.parameters(), lr=0.01), np.random.default_rng(seed)
    for _ in range(2):
        order = rng.permutation(len(x))
        for k in range(0, len(x), batch_size):
            numbers = order[k : k + batch_size]
            optimizer.zero_grad()
            mt.cross_entropy(model(x[numbers]), labels[numbers]).backward()
            optimizer.step()
    return {name: np.array(value.numpy()) for name, value in model.state_dict().items()}


def same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        assert a[name].tobytes() == b[name].tobytes(), name


def close(a, b):
    for name in a:
        np.testing.assert_allclose(a[name], b[name], rtol=1e-9, atol=1e-11, err_msg=name)


# ---------------------------------------------------------------------------------------------------------- one process


@pytest.mark.parametrize("shards", [1, 3, 4, 64])
def test_shards_add_up_to_the_whole_batch(shards):
    x, labels = samples()
    state, losses = trained((x, labels), net(), shards=shards)
    close(state, by_hand(net(), x, labels))
    assert losses[1] < losses[0]


def test_statistics_of_whole_batches_are_exact():
    pytest.importorskip("dask")
    x, labels = samples()
    whole, _ = trained((x, labels), net(norm=True), shards=4, statistics="batch")
    close(whole, by_hand(net(norm=True), x, labels))
    shards, _ = trained((x, labels), net(norm=True), shards=4)
    assert not np.allclose(shards["0.weight"], whole["0.weight"], rtol=1e-4)


def test_running_statistics_are_the_average_of_the_shards():
    x, labels = samples()
    model = net(norm=True)
    fit(model, mt.cross_entropy, optim.SGD(model.parameters(), lr=0.0), (x, labels), batch_size=ROWS, shards=4)
    order = np.random.default_rng(0).permutation(ROWS)
    hidden = x[order] @ net().state_dict()["0.weight"].numpy().T + net().state_dict()["0.bias"].numpy()
    means = hidden.reshape(4, -1, 8).mean(axis=1)
    np.testing.assert_allclose(model.state_dict()["1.running_mean"].numpy(), 0.1 * means.mean(axis=0), rtol=1e-10)
    assert model.state_dict()["1.num_batches_tracked"].item() == 1


def test_files_and_arrays_give_the_same(files):
    same(trained(files, net(dropout=True))[0], trained(samples(), net(dropout=True))[0])


def test_a_seed_repeats_and_another_does_not():
    first, second, other = (trained(samples(), net(dropout=True), seed=s)[0] for s in (0, 0, 1))
    same(first, second)
    assert first["0.weight"].tobytes() != other["0.weight"].tobytes()


def test_shards_draw_noise_of_their_own_and_leave_the_default_generator_alone():
    before = mt.manual_seed(0).bit_generator.state
    masks = []

    class Watched(nn.Dropout):
        def forward(self, x):
            out = super().forward(x)
            masks.append(out.numpy() == 0)
            return out

    model = nn.Sequential(Watched(0.5), net())
    fit(model, mt.cross_entropy, optim.SGD(model.parameters()), samples(), batch_size=ROWS, shards=2)
    assert (masks[0] != masks[1]).any()
    assert np.random.default_rng(0).bit_generator.state == before


def test_a_last_batch_is_learned_from_or_left_out():
    x, labels = samples()
    lonely, steps = net(norm=True), []
    fit(lonely, mt.cross_entropy, optim.SGD(lonely.parameters()), (x[:66], labels[:66]), batch_size=64)
    count = lambda step, _loss: steps.append(step)  # noqa: E731
    optimizer = optim.SGD(lonely.parameters())
    fit(lonely, mt.cross_entropy, optimizer, (x[:65], labels[:65]), batch_size=64, drop_last=True, on_step=count)
    assert steps == [1]


def test_frozen_parameters_stay():
    model = net()
    model[0].weight.requires_grad_(False)
    state, _ = trained(samples(), model)
    assert state["0.weight"].tobytes() == model[0].weight.numpy().tobytes()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"statistics": "sync"}, "statistics='sync' must be 'shard' or 'batch'"),
        ({"batch_size": 0}, "batch_size"),
        ({"shards": 0}, "shards"),
    ],
)
def test_bad_settings_are_refused(settings, says):
    model = net()
    with pytest.raises(ValueError, match=says):
        fit(model, mt.cross_entropy, optim.SGD(model.parameters()), samples(), **settings)


def test_no_samples_and_unequal_parts_are_refused():
    model = net()
    with pytest.raises(ValueError, match="no samples"):
        fit(model, mt.cross_entropy, optim.SGD(model.parameters()), (np.ones((0, 6)), np.ones(0, int)))
    with pytest.raises(mt.ShapeError, match="as many of each part"):
        fit(model, mt.cross_entropy, optim.SGD(model.parameters()), (np.ones((2, 6)), np.ones(3, int)))


class Fake:
    """As much of a client as is asked for before anything is computed."""

    def __init__(self, status="running", asynchronous=False):
        self.status, self.asynchronous = status, asynchronous

    submit = scheduler_info = None


@pytest.mark.parametrize("statistics", ["shard", "batch"])
@pytest.mark.parametrize(
    ("client", "error", "says"),
    [
        (Fake("closed"), RuntimeError, r"fit: the client is closed; make a new one, distributed\.Client\(…\)"),
        (Fake("connecting"), RuntimeError, "fit: the client is connecting; make a new one"),
        (Fake(asynchronous=True), TypeError, "fit: the client is asynchronous; give one without asynchronous=True"),
        ("tcp://127.0.0.1:8786", TypeError, r"'tcp://.*' is no client of Dask's; give distributed\.Client\(…\)"),
        (True, TypeError, r"True is no client of Dask's; give distributed\.Client\(…\)"),
    ],
)
def test_what_is_no_usable_client_is_refused(files, client, error, says, statistics):
    model = net()
    before = model.state_dict()["0.weight"].numpy().tobytes()
    with pytest.raises(error, match=says):
        trained(files, model, client=client, statistics=statistics)
    assert model.state_dict()["0.weight"].numpy().tobytes() == before


# ---------------------------------------------------------------------------------------------------------------- files


def test_files_are_opened_by_name_and_checked(tmp_path, files):
    import pickle

    assert len(pickle.dumps(files)) < 1000
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(files))[np.array([5, 2])][0], samples()[0][[5, 2]])  # noqa: S301
    np.save(tmp_path / "short.npy", np.ones(3))
    with pytest.raises(mt.ShapeError, match="differ in their first axis"):
        NpyFiles(files.paths[0], tmp_path / "short.npy")
    with pytest.raises(OSError, match="gone"):
        NpyFiles(tmp_path / "gone.npy")
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"[Oo]bject"):
        NpyFiles(tmp_path / "objects.npy")
    with pytest.raises(ValueError, match="no files given"):
        NpyFiles()


@pytest.mark.skipif(sys.platform != "linux", reason="counts the maps of this process")
def test_files_stay_mapped_no_longer_than_they_are_read(files):
    """What is mapped counts as a worker's memory: Dask stops one that has read more than it may hold."""
    parts = files[np.arange(ROWS)], files[:7]
    assert "labels.npy" not in Path("/proc/self/maps").read_text()
    assert all(type(x) is np.ndarray and x.base is None for part in parts for x in part)


def test_a_parquet_file_gives_rows_across_its_groups(tmp_path):
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    x, labels = samples()
    columns = {f"x{k}": x[:, k] for k in range(FEATURES)} | {"label": labels}
    parquet.write_table(pa.table(columns), tmp_path / "rows.parquet", row_group_size=37)
    data = ParquetFile(tmp_path / "rows.parquet", "label")
    numbers = np.random.default_rng(0).permutation(ROWS)[:50]
    found, targets = data[numbers]
    np.testing.assert_array_equal(found, x[numbers])
    np.testing.assert_array_equal(targets, labels[numbers])
    assert len(data) == ROWS
    same(trained(data, net())[0], trained((x, labels), net())[0])
    with pytest.raises(KeyError, match="no column 'class'"):
        ParquetFile(tmp_path / "rows.parquet", "class")


def test_files_that_are_written_anew_are_read_anew(tmp_path):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    for rows in (6, 3):
        x = np.arange(2.0 * rows).reshape(rows, 2) - rows
        np.save(tmp_path / "x.npy", x)
        parquet.write_table(pyarrow.table({"a": x[:, 0], "label": x[:, 1]}), tmp_path / "x.parquet")
        [found] = NpyFiles(tmp_path / "x.npy")[np.arange(rows)]
        a, label = ParquetFile(tmp_path / "x.parquet", "label")[np.arange(rows)]
        np.testing.assert_array_equal(found, x)
        np.testing.assert_array_equal(np.c_[a, label], x)


# -------------------------------------------------------------------------------------------------------------- workers


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as made,
        distributed.Client(made) as client,
    ):
        yield client


@pytest.mark.slow
@pytest.mark.parametrize("statistics", ["shard", "batch"])
def test_any_number_of_workers_gives_the_same_bits(cluster, files, statistics):
    settings = {"statistics": statistics, "shards": 4}
    settings |= {"epochs": 1, "batch_size": 100} if statistics == "batch" else {}
    alone, losses = trained(files, net(norm=True), **settings)
    two, its = trained(files, net(norm=True), client=cluster, **settings)
    same(two, alone)
    assert its == losses
    workers = list(cluster.scheduler_info()["workers"])
    distributed = pytest.importorskip("distributed")
    with distributed.Client(cluster.cluster.scheduler_address, set_as_default=False) as one:
        submit = one.submit
        one.submit = lambda *args, **given: submit(*args, workers=workers[:1], **given)
        if statistics == "shard":
            same(trained(files, net(norm=True), client=one, **settings)[0], alone)


@pytest.mark.slow
def test_a_worker_that_is_killed_in_mid_epoch_changes_nothing(cluster, files):
    alone, losses = trained(files, net(norm=True, dropout=True))
    killed = []

    def kill(step, _loss):
        if step in (2, 5):
            while not (alive := cluster.run(os.getpid, on_error="ignore")):
                time.sleep(0.1)
            victim = next(iter(alive.values()))
            os.kill(victim, signal.SIGKILL)
            killed.append(victim)

    state, its = trained(files, net(norm=True, dropout=True), client=cluster, on_step=kill)
    assert len(set(killed)) == 2
    same(state, alone)
    assert its == losses


@pytest.mark.slow
@pytest.mark.parametrize("work", ["shard", "batch", "passes"])
def test_a_cluster_without_workers_is_not_waited_for_without_end(files, monkeypatch, work):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr("micrograd_tensor.training.clients.PATIENCE", 0.2)

    def done(client):
        if work != "passes":
            return trained(files, net(), client=client, statistics=work)
        import dask.array as da

        x = mt.tensor(da.ones(4, chunks=2))
        return in_passes(x / x.sum())

    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as empty,
        distributed.Client(empty) as client,
        pytest.raises(RuntimeError, match=r"the client has had no workers for .* seconds; start some"),
    ):
        done(client)


@pytest.mark.slow
def test_workers_may_come_later(files, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr("micrograd_tensor.training.clients.PATIENCE", 0.2)
    waited = []

    def none_then_one(client, counted=distributed.Client.nthreads):
        found = counted(client)
        waited.append(found)
        if len(waited) == 1:
            empty.scale(1)
            client.wait_for_workers(1)
        return found

    monkeypatch.setattr(distributed.Client, "nthreads", none_then_one)
    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as empty,
        distributed.Client(empty) as client,
    ):
        same(trained(files, net(), client=client)[0], trained(files, net())[0])
    assert waited[0] == {}


@pytest.mark.slow
def test_a_cluster_is_no_client(cluster, files):
    with pytest.raises(TypeError, match=r"LocalCluster\(.* is no client of Dask's; give cluster\.get_client\(\)"):
        trained(files, net(), client=cluster.cluster)


@pytest.mark.slow
def test_arrays_are_never_sent_to_workers(cluster):
    model = net()
    with pytest.raises(ValueError, match=r"write them by np.save, and give data=NpyFiles"):
        fit(model, mt.cross_entropy, optim.SGD(model.parameters()), samples(), client=cluster)


@pytest.mark.slow
def test_an_error_of_a_worker_is_the_users(cluster, files):
    model = net()

    def broken(logits, labels):
        raise ZeroDivisionError("of the loss")

    with pytest.raises(ZeroDivisionError, match="of the loss"):
        fit(model, broken, optim.SGD(model.parameters()), files, client=cluster)


@pytest.mark.slow
def test_a_closed_client_is_one_clear_error(cluster, files):
    distributed = pytest.importorskip("distributed")
    client = distributed.Client(cluster.cluster.scheduler_address, set_as_default=False)
    model, states = net(), []

    def close_after(step, _loss):
        states.append({name: np.array(value.numpy()) for name, value in model.state_dict().items()})
        if step == 2:
            client.close()

    with pytest.raises(RuntimeError, match="the client is closed; make a new one"):
        fit(
            model,
            mt.cross_entropy,
            optim.SGD(model.parameters()),
            files,
            client=client,
            batch_size=32,
            on_step=close_after,
        )
    same({name: np.array(value.numpy()) for name, value in model.state_dict().items()}, states[-1])
    assert len(states) == 2
    for statistics in ("shard", "batch"):
        with pytest.raises(RuntimeError, match="the client is closed; make a new one"):
            fit(model, mt.cross_entropy, optim.SGD(model.parameters()), files, client=client, statistics=statistics)
