"""Results in passes: the same numbers, exact statistics, and a few chunks of the data in memory at a time."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor import nn
from micrograd_tensor.training import in_passes

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
pickle = pytest.importorskip("cloudpickle")

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "bench_dask.py"
ROWS, FEATURES = 24, 6


def two_norms(x):
    rng = np.random.default_rng(3)
    weight = rng.normal(size=(FEATURES, FEATURES))
    hidden = mt.batch_norm(x, np.ones(FEATURES), np.zeros(FEATURES)) @ weight
    return mt.batch_norm(mt.tanh(hidden), np.ones(FEATURES), np.zeros(FEATURES))


CIRCUITS = {
    "batch norm": lambda x: mt.batch_norm(x, np.full(FEATURES, 1.5), np.ones(FEATURES)),
    "two batch norms": two_norms,
    "softmax over the batch": lambda x: mt.softmax(x, axis=0),
    "layer norm": lambda x: mt.layer_norm(x, FEATURES),
    "no sums at all": lambda x: mt.exp(x) * 2,
    "the largest": lambda x: x / mt.max(mt.abs(x)),
    "standard scores": lambda x: (x - x.mean(axis=0)) / mt.std(x, axis=0),
    "a sum alone": lambda x: x.sum(axis=0),
}


def results(x, circuit, cut):
    x = mt.tensor(cut(x), requires_grad=True)
    y = circuit(x)
    y.backward(cut(np.random.default_rng(1).normal(size=y.shape)))
    return [y, x.grad, mt.mean(x, axis=0)]


@pytest.mark.parametrize("chunks", [(5, -1), (7, 3)], ids=["rows", "both axes"])
@pytest.mark.parametrize("name", CIRCUITS)
def test_passes_give_the_same_numbers(name, chunks):
    x = np.random.default_rng(0).normal(size=(ROWS, FEATURES))
    expected = results(x, CIRCUITS[name], np.asarray)
    lazy = results(x, CIRCUITS[name], lambda a: da.from_array(a, chunks=chunks[: a.ndim]))
    found = in_passes(*lazy)
    for e, f in zip(expected, found, strict=True):
        assert isinstance(f, da.Array)
        np.testing.assert_allclose(f.compute(), e.numpy(), rtol=1e-10, atol=1e-12)
    together = dask.compute(*found, found[1].sum())
    np.testing.assert_allclose(together[3], expected[1].numpy().sum(), atol=1e-10)


def test_every_pass_lets_go_of_its_chunks():
    """No chunk of the data is needed twice in one pass, so that none has to be kept."""
    made, alive, most = [], set(), []

    def chunk(block_info=None):
        k = block_info[None]["chunk-location"][0]
        made.append(k)
        alive.add(k)
        most.append(len(alive))
        return np.random.default_rng(k).normal(size=(4, FEATURES))

    def done(part, block_info=None):
        alive.discard(block_info[0]["chunk-location"][0])
        return part

    chunks = ((4,) * 20, (FEATURES,))
    x = mt.tensor(da.map_blocks(chunk, chunks=chunks, dtype=float, meta=np.empty((0, 0))), requires_grad=True)
    out = mt.batch_norm(x, np.ones(FEATURES), np.zeros(FEATURES))
    out.backward(da.ones((80, FEATURES), chunks=chunks))
    with dask.config.set(scheduler="synchronous"):
        [dx] = in_passes(x.grad)
        passes = len(made) / 20
        made.clear()
        most.clear()
        alive.clear()
        dx.map_blocks(done, dtype=float, meta=np.empty((0, 0))).sum(axis=0).compute()
    assert passes == int(passes)
    assert 2 <= passes <= 6
    assert sorted(made) == list(range(20))
    assert max(most) <= 2


def test_no_chunk_waits_for_another_result():
    """Dask finishes one result before it begins the next, and would keep every chunk that both come from."""
    x = mt.tensor(da.random.default_rng(0).normal(size=(80, FEATURES), chunks=(4, FEATURES)), requires_grad=True)
    out = mt.batch_norm(x, np.ones(FEATURES), np.zeros(FEATURES))
    out.backward(da.ones((80, FEATURES), chunks=(4, FEATURES)))
    for array in in_passes(out, x.grad):
        needs, _ = dask.core.get_deps(dict(array.__dask_graph__()))
        assert len(needs) == 20
        assert not any(needs.values())


def test_what_workers_hold_is_taken_from_them_and_nobody_is_warned(caplog):
    distributed = pytest.importorskip("distributed")
    x = np.random.default_rng(0).normal(size=(ROWS, FEATURES))
    expected = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)
    with distributed.Client(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0") as client:
        future = client.submit(np.copy, x)
        sent = da.from_delayed(future, x.shape, x.dtype).rechunk((5, -1))
        for held in (da.from_array(x, chunks=(5, -1)).persist(), sent):
            t = mt.tensor(held, requires_grad=True)
            out = mt.batch_norm(t, np.ones(FEATURES), np.zeros(FEATURES))
            out.backward(held)
            kept = [array.persist() for array in in_passes(out, t.grad)]
            again = in_passes(out, t.grad)  # while the workers still hold the same
            np.testing.assert_array_equal(in_passes(kept[0])[0].compute(), kept[0].compute())
            for array in (kept[0], again[0], out.numpy()):
                np.testing.assert_allclose(array.compute(), expected, rtol=1e-9, atol=1e-12)
            np.testing.assert_array_equal(kept[1].compute(), again[1].compute())
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_what_many_chunks_need_is_computed_once_and_a_large_constant_is_sent_once():
    made = []

    def chunk(block_info=None):
        made.append(block_info[None]["chunk-location"][0])
        return np.ones((4, 2))

    x = da.map_blocks(chunk, chunks=((4,) * 20, (2,)), dtype=float, meta=np.empty((0, 0)))
    weights = np.random.default_rng(0).normal(size=(2, 20_000))
    [added, product] = in_passes(x.cumsum(axis=0), x @ weights)
    made.clear()
    np.testing.assert_array_equal(added.compute(scheduler="synchronous"), np.arange(1.0, 81)[:, None] * [1, 1])
    assert len(made) <= 2 * 20
    assert sum(len(pickle.dumps(task)) for task in dict(product.__dask_graph__()).values()) < 2 * weights.nbytes
    np.testing.assert_allclose(product[7].compute(), weights.sum(axis=0))


def test_what_is_not_lazy_is_refused():
    with pytest.raises(mt.DTypeError, match=r"in_passes: x \(3,\) is no array of Dask's"):
        in_passes(mt.tensor(np.ones(3), name="x"))
    assert in_passes() == []


def test_unknown_lengths_are_refused():
    x = da.arange(6.0, chunks=2)
    with pytest.raises(mt.ShapeError, match=r"in_passes: .* \(nan,\) does not know its lengths.*compute_chunk_sizes"):
        in_passes(x[x > 2])


@pytest.fixture
def client():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0") as cluster,
        distributed.Client(cluster, set_as_default=False) as made,
        dask.config.set(scheduler=made),
    ):
        yield made


def standard():
    x = mt.tensor(da.arange(6.0, chunks=2), requires_grad=True)
    return x / x.sum()


def test_a_closed_client_is_one_clear_error(client):
    client.close()
    with pytest.raises(RuntimeError, match="in_passes: the client is closed; make a new one"):
        in_passes(standard())


def test_what_a_closed_client_held_is_gone(client):
    x = mt.tensor(client.persist(da.arange(6.0, chunks=2)), requires_grad=True)
    client.close()
    gone = r"in_passes: what a client's workers held is gone, .*make the arrays anew"
    with dask.config.set(scheduler="threads"), pytest.raises(RuntimeError, match=gone):
        in_passes(x / x.sum())


@pytest.mark.slow
def test_a_client_that_closes_in_mid_pass_is_one_clear_error(client):
    def closing(part):
        if part.size:  # and not while Dask asks for the dtype
            distributed.get_worker().close_client_of_test()
        return part

    distributed = pytest.importorskip("distributed")
    [worker] = client.cluster.workers.values()
    worker.close_client_of_test = lambda: client.loop.add_callback(client._close)
    x = mt.tensor(da.arange(6.0, chunks=2).map_blocks(closing, dtype=float), requires_grad=True)
    with pytest.raises(RuntimeError, match="in_passes: the client is clos"):
        in_passes(x / x.sum())


def test_nets_in_passes():
    rng = np.random.default_rng(0)
    layers = nn.Linear(FEATURES, 5, generator=rng, dtype=np.float64), nn.BatchNorm1d(5, dtype=np.float64), nn.ReLU()
    net, x, labels = nn.Sequential(*layers), rng.normal(size=(ROWS, FEATURES)), rng.integers(0, 5, ROWS)
    lazy = mt.cross_entropy(net(da.from_array(x, chunks=(5, -1))), da.from_array(labels, chunks=5))
    found = dask.compute(*in_passes(*mt.grad(lazy, list(net.parameters()))))
    expected = mt.grad(mt.cross_entropy(net(x), labels), list(net.parameters()))
    for f, e in zip(found, expected, strict=True):
        np.testing.assert_allclose(f, e.numpy(), rtol=1e-9, atol=1e-12)


# --------------------------------------------------------------------------------------------------------------- memory


def measured(size, workers):
    """The benchmark's figures, and what dask said meanwhile."""
    call = [sys.executable, str(BENCHMARK), "--line", json.dumps([size, workers, 2])]
    ran = subprocess.run(call, check=True, capture_output=True, text=True)
    return *json.loads(ran.stdout.splitlines()[-1]), ran.stderr


OF_PACE = re.compile("Event loop was unresponsive|garbage collection|^$")
"""What Dask says of a machine that is busy with other things, whatever it works on."""


def complaints(said):
    """What was said of the work itself, such as of its memory, or of what is sent."""
    return [line for line in said.splitlines() if not OF_PACE.search(line)]


def test_complaints_of_the_work_are_told_from_those_of_the_machine():
    work = "distributed.worker.memory - WARNING - Unmanaged memory use is high. This may indicate a memory leak"
    sent = "UserWarning: Sending large graph of size 11.44 MiB."
    busy = "distributed.core - INFO - Event loop was unresponsive in Worker for 4.20s.  This is often caused by"
    collected = (
        "distributed.utils_perf - WARNING - full garbage collections took 12% CPU time recently (threshold: 10%)"
    )
    assert complaints("\n".join([busy, work, "", sent, collected])) == [work, sent]


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "size"), [(0, 2), (2, 2)], ids=["threads", "two processes"])
def test_batch_norm_of_much_data_takes_little_memory(workers, size):
    """Of 244 MiB all processes hold some chunks of 6 MiB, forward, backward and statistics, and nobody is warned."""
    _, driver, worker, _, said = measured(size, workers)
    data = size * 500_000 * 64 * 4 / 2**20
    assert driver + workers * worker < 0.6 * data
    assert not complaints(said)


@pytest.mark.slow
def test_statistics_and_gradients_of_much_data_are_exact(monkeypatch):
    """Beside float64 sums of all rows, and NumPy's gradients of the rows of one chunk with these statistics."""
    monkeypatch.syspath_prepend(str(BENCHMARK.parent))
    import bench_dask as bench

    rows, columns = 20 * bench.CHUNK, bench.FEATURES
    x, dout = bench.lazy(rows, 1, 2), bench.lazy(rows, 2)
    parts = [(np.asarray(x.blocks[k]).astype(float), np.asarray(dout.blocks[k]).astype(float)) for k in range(20)]
    mean = sum(a.sum(axis=0) for a, _ in parts) / rows
    var = sum(((a - mean) ** 2).sum(axis=0) for a, _ in parts) / rows
    root = np.sqrt(var + 1e-5)
    dbeta = sum(g.sum(axis=0) for _, g in parts)
    dgamma = sum((g * (a - mean) / root).sum(axis=0) for a, g in parts)
    found = [array.astype(float) for array in bench.work(rows)]
    for ours, exact in zip(found, (mean, var, dgamma, dbeta), strict=False):
        np.testing.assert_allclose(ours, exact, rtol=2e-5, atol=2e-4 * np.abs(exact).max())
    t = mt.tensor(x, requires_grad=True)
    mt.batch_norm(t, np.full(columns, 1.5, np.float32), np.zeros(columns, np.float32)).backward(dout)
    [dx] = in_passes(t.grad)
    a, g = parts[7]
    by_hand = 1.5 / root * (g - dbeta / rows - (a - mean) / root * dgamma / rows)
    np.testing.assert_allclose(np.asarray(dx.blocks[7]), by_hand, rtol=1e-4, atol=1e-5)
