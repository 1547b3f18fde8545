"""What a compiled function reads and changes besides its arguments."""

import gc
import threading
import weakref

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor import nn, optim


def test_captured_tensors_are_read_anew():
    w = mt.tensor([2.0])
    fast = mt.compile(lambda x: x * w)
    x = mt.tensor([3.0])
    assert fast(x).tolist() == [6.0]
    w.assign_([5.0])
    assert fast(x).tolist() == [15.0]


def test_a_captured_result_keeps_its_value_when_a_leaf_of_it_changes():
    w = mt.tensor([2.0], requires_grad=True)
    h = w * 10
    fast = mt.compile(lambda x: x * h)
    x = mt.tensor([3.0])
    y = fast(x)
    y.backward()
    assert (y.tolist(), w.grad.tolist()) == ([60.0], [30.0])
    w.assign_([7.0])
    assert fast(x).tolist() == [60.0]


def test_other_surroundings_are_seen():
    rate, layer = 2.0, nn.Linear(1, 1, dtype=float)
    x = mt.tensor([[3.0]])

    def function(x):
        return layer(x) * rate

    fast = mt.compile(function)
    for other in (1.0, 2.0, 1.0):
        rate = other
        assert fast(x).item() == function(x).item()
    layer.weight = nn.Parameter([[9.0]])
    assert fast(x).item() == function(x).item()
    layer.bias = None
    assert fast(x).item() == function(x).item()
    layer = nn.Linear(1, 1, bias=False, dtype=float)
    assert fast(x).item() == function(x).item()
    assert not fast._eager


def test_modes_of_modules_are_seen():
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5, generator=np.random.default_rng(0)))
    fast = mt.compile(net, exact=True)
    x = mt.tensor(np.random.default_rng(0).normal(size=(8, 3)).astype("float32"))
    fast(x), net.eval()
    np.testing.assert_array_equal(fast(x).numpy(), net(x).numpy())
    net[1].eps = 0.5
    np.testing.assert_array_equal(fast(x).numpy(), net(x).numpy())
    net[0].requires_grad_(False)
    net[1].requires_grad_(False)
    assert not fast(x).requires_grad
    net.to("float64")
    assert fast(x.astype("float64")).dtype == np.float64


def test_parameters_that_begin_to_need_gradients():
    w = mt.tensor([2.0])
    fast = mt.compile(lambda x: x * w)
    x = mt.tensor([3.0])
    assert not fast(x).requires_grad
    w.requires_grad_()
    fast(x).backward()
    assert w.grad.tolist() == [3.0]


def test_draws_are_those_of_the_function_itself():
    def function(x, generator):
        return mt.dropout(x, 0.5, generator=generator) + mt.randn(3) + mt.rand(2, 3, generator=generator)

    fast, x = mt.compile(function, exact=True), mt.ones(2, 3)
    states = []
    for called in (function, fast):
        generator = np.random.default_rng(3)
        mt.manual_seed(4)
        states.append([called(x, generator).tolist() for _ in range(4)] + [generator.random(), mt.rand(1).tolist()])
    assert states[0] == states[1]
    assert not fast._eager


def test_draws_of_a_run_that_was_given_up_are_drawn_again():
    def function(x, generator):
        y = mt.dropout(x, 0.5, generator=generator)
        return y * 2 if mt.holds(x > 0) else y * 3

    fast = mt.compile(function, exact=True)
    states = []
    for called in (function, fast):
        generator = np.random.default_rng(3)
        states.append([called(mt.tensor([v] * 5), generator).tolist() for v in (1.0, -1.0, 2.0, -2.0)])
    assert states[0] == states[1]
    assert fast._eager["OtherBranchError"] == 2


def test_state_that_is_assigned():
    count = mt.tensor([0.0], name="count")

    def function(x):
        count.assign_(count + x)
        count.assign_(count * 2)
        return count + 1

    fast = mt.compile(function, exact=True)
    got = [fast(mt.tensor([1.0])).tolist() for _ in range(3)]
    assert got == [[3.0], [7.0], [15.0]]
    assert count.tolist() == [14.0]


def test_an_argument_that_is_assigned():
    fast = mt.compile(lambda x, y: x.assign_(x + y))
    x = mt.tensor([1.0])
    for _ in range(3):
        assert fast(x, mt.tensor([2.0])) is x
    assert x.tolist() == [7.0]
    given = np.array([1.0])
    assert fast(given, mt.tensor([2.0])).tolist() == [3.0]
    assert given.tolist() == [1.0]


def test_an_argument_that_the_function_knows_from_elsewhere_too():
    w = mt.tensor([3.0], requires_grad=True)
    optimizer = optim.SGD([w], lr=0.5)

    def function(w, x):
        optimizer.zero_grad()
        (w * x).sum().backward()
        optimizer.step()
        return w

    fast = mt.compile(function, exact=True)
    for _ in range(3):
        assert fast(w, mt.tensor([1.0])) is w
    assert w.tolist() == [1.5]
    assert not fast._eager


def test_gradients_accumulate_in_leaves_and_arguments():
    w = mt.tensor([3.0], requires_grad=True)
    fast = mt.compile(lambda x: (x * w).sum().backward())
    x = mt.tensor([2.0], requires_grad=True)
    for k in (1, 2, 3):
        fast(x)
        assert (w.grad.tolist(), x.grad.tolist()) == ([2.0 * k], [3.0 * k])
    w.grad = None
    fast(x)
    assert (w.grad.tolist(), x.grad.tolist()) == ([2.0], [12.0])
    assert not fast._eager


def test_a_backward_pass_within_goes_on_to_what_an_argument_was_computed_from():
    fast = mt.compile(lambda x: (x * x).sum().backward())
    for _ in range(2):
        w = mt.tensor([3.0], requires_grad=True)
        fast(w * 2)
        assert w.grad.tolist() == [24.0]


def test_gradients_that_come_from_outside():
    w = mt.tensor([3.0], requires_grad=True)

    def function():
        return w.grad * 2 if w.grad is not None else None

    fast = mt.compile(function, exact=True)
    assert fast() is None
    for k in (1, 2):
        (w * 5).sum().backward()
        assert fast().tolist() == [10.0 * k]


def test_nothing_changes_where_a_call_fails():
    count, generator = mt.tensor([0.0], name="count"), np.random.default_rng(0)

    def function(x, y):
        noise = mt.rand(1, generator=generator)
        count.assign_(count + noise)
        return mt.take_along_axis(x, y, axis=0)

    fast = mt.compile(function, exact=True)
    x = mt.tensor([1.0, 2.0])
    fast(x, np.array([1]))
    before = count.tolist()
    with pytest.raises(mt.ShapeError):
        mt.compile(lambda x, y: (count.assign_(count + 1), x @ y))(x, mt.ones(3))
    assert count.tolist() == before


def test_state_changes_once_where_an_error_comes_after_it():
    count = mt.tensor([0.0])

    def function(x):
        count.assign_(count + 1)
        (x * x).sum().backward()

    fast = mt.compile(function)
    fast(mt.sqrt(mt.tensor([1.0], requires_grad=True)))
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        fast(mt.sqrt(mt.tensor([0.0], requires_grad=True)))
    assert count.tolist() == [2.0]
    assert not fast._eager


def test_a_program_that_fails_where_the_function_does_not_says_so(monkeypatch):
    fast = mt.compile(lambda x: x * 2, backend="numpy")
    fast(mt.tensor([1.0]))
    monkeypatch.setattr(fast._latest, "built", fast._latest.built._replace(run=lambda x: 1 / 0))
    with pytest.warns(RuntimeWarning, match=r"program of function failed.*ZeroDivisionError"):
        assert fast(mt.tensor([2.0])).tolist() == [4.0]


def test_the_trace_itself_changes_nothing():
    w = mt.tensor([1.0], requires_grad=True)
    optimizer = optim.Adam([w], lr=0.1)

    def function(x):
        (w * x).sum().backward()
        optimizer.step()
        return float(x)

    with pytest.raises(mt.TraceError, match=r"x \(\).*test_compiled_state.py"):
        mt.compile(function, exact=True)(mt.tensor(1.0))
    assert w.tolist() == [1.0]
    assert w.grad is None
    assert not optimizer.state


@pytest.mark.parametrize(
    "leak", [float, bool, int, lambda x: x.item(), lambda x: x.numpy(), np.asarray, lambda x: [1, 2][x]]
)
def test_python_that_depends_on_values_is_refused_with_the_line(leak):
    with pytest.raises(mt.TraceError, match=r'of x \(\).*"[^"]*test_compiled_state.py"'):
        mt.compile(lambda x: leak(x))(mt.tensor(1))


def test_branches_by_values_run_without_a_program_where_another_one_is_due():
    fast = mt.compile(lambda x: x * 2 if mt.holds(x > 0) else x * 3)
    assert [fast(mt.tensor([v])).tolist() for v in (1.0, -1.0, 2.0)] == [[2.0], [-3.0], [4.0]]
    assert fast._eager == {"OtherBranchError": 1}
    fast = mt.compile(lambda x: x * 2 if mt.holds(x > 0) else x * 3)
    assert [fast(mt.tensor([v])).tolist() for v in (-1.0, 1.0, -2.0)] == [[-3.0], [2.0], [-6.0]]


def test_special_values_take_the_branch_that_they_need():
    rng = np.random.default_rng(0)
    for function in (mt.softmax, mt.log_softmax, mt.logsumexp, lambda x: mt.batch_norm(x, 1.0, 0.0), mt.tanh):
        fast = mt.compile(function, exact=True)
        for special in (None, np.inf, -np.inf, np.nan, 1e200, 0.0, -0.0):
            x = rng.normal(size=(3, 4))
            if special is not None:
                x[1, 2] = special
            with np.errstate(all="ignore"):
                results = []
                for called in (function, fast):
                    t = mt.tensor(x, requires_grad=True)
                    y = called(t)
                    y.sum().backward()
                    results += [y.numpy(), t.grad.numpy()]
            np.testing.assert_array_equal(results[0], results[2])
            np.testing.assert_array_equal(results[1], results[3])


def test_threads_may_call_at_once():
    fast = mt.compile(lambda x: mt.softmax(x @ x.T).sum(axis=0), exact=True)
    arrays = [np.random.default_rng(k).normal(size=(6 + k % 3, 5)) for k in range(12)]
    want = [mt.softmax(mt.tensor(x) @ mt.tensor(x).T).sum(axis=0).tolist() for x in arrays]
    got = [None] * len(arrays)

    def work(start):
        for k in range(start, len(arrays), 4):
            for _ in range(20):
                got[k] = fast(arrays[k]).tolist()

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    [t.start() for t in threads], [t.join() for t in threads]
    assert got == want


def test_calls_leave_nothing_behind():
    w = mt.tensor(np.ones((50, 50)), requires_grad=True)
    fast = mt.compile(lambda x: mt.exp(x * w).sum())
    x = mt.tensor(np.ones((50, 50)), requires_grad=True)
    fast(x).backward(), fast(x).backward()
    gc.disable()
    try:
        gc.collect()
        before = len(gc.get_objects())
        for _ in range(20):
            fast(x).backward()
        assert len(gc.get_objects()) - before < 20
    finally:
        gc.enable()


def test_what_is_assigned_shares_no_memory_with_what_its_owner_may_write_to():
    w, v = mt.tensor([[1.0, 2.0]]), mt.tensor([[0.0, 0.0]])
    fast = mt.compile(lambda x: (w.assign_(x), v.assign_(w * 2)))
    for _ in range(2):
        given = np.array([[3.0, 4.0]])
        fast(given)
        given += 1
        assert (w.tolist(), v.tolist()) == ([[3.0, 4.0]], [[6.0, 8.0]])
        with pytest.raises(ValueError, match="read-only"):
            w.numpy()[0] = 1


def test_a_program_does_not_keep_the_arrays_of_the_call_that_made_it():
    class Watched(np.ndarray):
        pass

    x = np.ones((30, 30)).view(Watched).view(np.ndarray)  # with a base that can be watched
    gone = weakref.ref(x.base)
    fast = mt.compile(lambda x: mt.exp(x).sum(axis=0))
    fast(x), fast(mt.tensor(np.ones((30, 30)), requires_grad=True)).sum().backward()
    del x
    gc.collect()
    assert gone() is None
