"""A copied, unpickled or forked Tensor is a leaf of its own, born where it arrives, with the gradients that are due."""

import contextlib
import copy
import multiprocessing
import pickle
import sys
import threading
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.engine.trace import tracing
from micrograd_tensor.engine.walk import _adding_up

WAYS = {
    "copy.copy": copy.copy,
    "copy.deepcopy": copy.deepcopy,
    **{f"pickle {n}": (lambda x, n=n: pickle.loads(pickle.dumps(x, n))) for n in range(pickle.HIGHEST_PROTOCOL + 1)},  # noqa: S301
}
VALUES = {
    "vector": np.array([1.0, 2.0]),
    "0-d": np.array(3.0),
    "empty": np.zeros((2, 0)),
    "float16": np.array([1.0, 2.0], np.float16),
    "complex": np.array([1.0, 2.0j]),
    "by columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "strided": np.arange(8.0)[::2],
}


class Named(mt.Tensor):
    """A Tensor with attributes of its own."""


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def way(request):
    return request.param


# -------------------------------------------------------------------------------------------------------------- copies


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_copy_is_a_leaf_of_its_own(way, value):
    x = mt.tensor(value, name="x", requires_grad=True, copy=False)
    (x * x).sum().backward()
    twin = way(x)
    assert twin is not x
    assert twin.born > x.grad.born > x.born
    assert (type(twin), twin.name, twin.dtype, twin.requires_grad) == (mt.Tensor, "x", x.dtype, True)
    assert (twin.tolist(), twin.grad.tolist()) == (x.tolist(), x.grad.tolist())
    assert not twin.numpy().flags.writeable
    assert not twin.grad.numpy().flags.writeable
    before = x.tolist(), x.grad.tolist()
    twin.assign_(value + 1)
    twin.grad.assign_(value + 1)
    assert (x.tolist(), x.grad.tolist()) == before


def test_gradients_to_a_copy_beside_its_original_are_whole(way):
    x = mt.tensor([1.0, 2.0], requires_grad=True)
    twin = way(x)
    (x * 2 + x * twin + twin * 3 + twin).sum().backward()
    assert (x.grad.tolist(), twin.grad.tolist()) == ([3.0, 4.0], [5.0, 6.0])


def test_what_asks_for_no_gradients_is_copied_as_it_is(way):
    with mt.no_grad():
        y = mt.tensor([1, 2]) * 2
    twin = way(y)
    assert (twin.tolist(), twin.dtype, twin.requires_grad, twin.grad) == ([2, 4], y.dtype, False, None)


def test_a_subclass_keeps_its_class_and_its_attributes(way):
    x = Named([1.0, 2.0], requires_grad=True)
    x.unit = "cm"
    twin = way(x)
    assert (type(twin), twin.unit) == (Named, "cm")
    (twin * 2 + twin * 3).sum().backward()
    assert twin.grad.tolist() == [5.0, 5.0]


def test_a_deep_copy_copies_each_tensor_once():
    x = mt.tensor([1.0, 2.0])
    twin = copy.deepcopy({"x": x, "again": x})
    assert twin["x"] is twin["again"] is not x
    assert not np.shares_memory(twin["x"].numpy(), x.numpy())


def test_a_gradient_that_has_a_graph_is_copied_without_it(way):
    x, w = mt.tensor([1.0, 2.0], requires_grad=True), mt.tensor(2.0, requires_grad=True)
    x.grad = x * w
    twin = way(x)
    assert (twin.grad.tolist(), twin.grad.is_leaf) == ([2.0, 4.0], True)


def test_a_result_is_refused_with_the_reason(way):
    x = mt.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(
        mt.GradientError, match=r"result of mul \(2,\).*only a leaf is copied or pickled: detach\(\) it"
    ):
        way([x * x][0])
    assert way((x * x).detach()).tolist() == [1.0, 4.0]


def test_a_copy_within_a_trace_is_refused(way):
    x = mt.tensor([1.0, 2.0])
    with tracing(), pytest.raises(mt.TraceError, match="a copy of a tensor"):
        way(x)


def test_arrays_that_travel_as_another_kind_arrive_as_arrays():
    """Joblib, for one, sends large arrays to its workers as files that are mapped to memory."""
    x = mt.tensor(np.ones(3), requires_grad=True)
    (x * x).sum().backward()
    build, (kind, array, name, requires_grad, gradient), _ = x.__reduce__()
    twin = build(kind, array.view(np.recarray), name, requires_grad, gradient.view(np.recarray))
    assert type(twin.numpy()) is type(twin.grad.numpy()) is type(twin.T.numpy()) is np.ndarray
    assert twin.tolist() == [1.0] * 3


# ----------------------------------------------------------------------------------------------------- other processes


def older(seed):
    """A leaf of a process that has made many tensors."""
    for _ in range(1000):
        mt.tensor(0.0)
    return mt.tensor(np.random.default_rng(seed).normal(size=3), name="w", requires_grad=True)


def slope(w):
    """The gradient of Σ 2w² + w, computed elsewhere."""
    (w * 2.0 * w + w).sum().backward()
    return w


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_leaves_travel_between_processes(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    w = older(0)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool:
        leaves = list(pool.map(older, range(2)))
        back = pool.submit(slope, w).result()
    for leaf in leaves:
        slope(leaf)
        assert len(mt.graph((leaf * 2 + leaf).sum()).nodes) == 4
    assert leaves[0].tolist() == w.tolist()
    for leaf in (*leaves, back):
        np.testing.assert_allclose(leaf.grad.numpy(), 4 * leaf.numpy() + 1, rtol=1e-15)
        assert not leaf.numpy().flags.writeable


# -------------------------------------------------------------------------------------------------- the order of births


def test_a_walk_that_meets_an_operand_born_after_its_user_says_so():
    w = mt.tensor([1.0, 2.0], name="w", requires_grad=True)
    y = (w * 2 + w * 3).sum()
    w.born = y.born + 1
    for walk in (lambda: y.backward(), lambda: mt.grad(y, w), lambda: mt.graph(y), lambda: mt.graph(y, 1.0)):
        with pytest.raises(mt.GradientError, match=r"w \(2,\) was born after a result that was computed from it"):
            walk()
    assert w.grad is None


def test_a_tensor_born_together_with_its_user_is_noticed():
    w = mt.tensor([1.0, 2.0], name="w", requires_grad=True)
    y = w * 2
    w.born = y.born
    with pytest.raises(mt.GradientError, match="was born after"):
        y.backward([1.0, 1.0])


# ------------------------------------------------------------------------------------------------------------- threads


@contextlib.contextmanager
def frequent_switches():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize(("shape", "times"), [((4,), 300), ((128, 128), 20)])
def test_gradients_from_threads_that_share_leaves_all_arrive(shape, times):
    w = mt.tensor(np.zeros(shape), requires_grad=True)
    v = mt.tensor(np.zeros(shape), requires_grad=True)
    shared = (w * 1.0).retain_grad()

    def work():
        for _ in range(times):
            (shared + v * 2.0).sum().backward()

    threads = [threading.Thread(target=work) for _ in range(8)]
    with frequent_switches():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert np.all(w.grad.numpy() == 8 * times)
    assert np.all(v.grad.numpy() == 2 * 8 * times)
    assert np.all(shared.grad.numpy() == 8 * times)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_process_forked_while_a_thread_adds_up_gradients_can_go_backward():
    held, done = threading.Event(), threading.Event()

    def hold():
        with _adding_up:
            held.set()
            done.wait(0.2)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    child = multiprocessing.get_context("fork").Process(target=slope, args=(mt.tensor([1.0], requires_grad=True),))
    child.start()
    done.set()
    child.join(20)
    stuck = child.is_alive()
    child.kill()
    thread.join()
    assert not stuck
