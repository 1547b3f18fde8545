"""Kernels go through memory in the order in which arrays lie there, and keep sums in scalars meanwhile."""

import copy
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor import nn, optim
from micrograd_tensor.compile import compiled, kernels, numba_source
from micrograd_tensor.compile.memory import Reused


def images(layout):
    """Two convolutions with what lies between, and all gradients."""
    net = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 3, 3))
    rng = np.random.default_rng(0)
    x = mt.tensor(rng.normal(size=(16, 2, 6, 6)).transpose(layout).copy().transpose(np.argsort(layout)))
    return lambda x: mt.grad((net(x) ** 2).sum(), [*net.parameters()]), x


def loops(source):
    """For each line of a kernel the loops that it is in, outermost first, and the line."""
    around = {}
    for line in source.split("\n\ndef ")[0].splitlines():
        depth = len(line) - len(line.lstrip())
        around = {d: i for d, i in around.items() if d < depth}
        if found := re.match(r" +for ([ij]\d*)(_place)? in ", line):
            around[depth] = found[1]
        yield [around[d] for d in sorted(around)], line


@pytest.mark.parametrize("layout", [(0, 1, 2, 3), (2, 1, 3, 0)])
def test_what_only_the_program_sees_lies_as_the_loops_run(layout):
    function, x = images(layout)
    fast = mt.compile(function, backend="numba")
    for ours, theirs in zip(fast(x), function(x), strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-9, atol=1e-9)
    checked = 0
    for kernel in re.findall(r"(?:^|\n)def kernel\d*\(.*?return [^\n]*\n", fast.source, re.DOTALL):
        for order, line in loops(kernel.strip()):
            for indices in re.findall(r"\[([ij]\d*(?:, [ij]\d*){3})\]", line):
                used = indices.split(", ")
                assert used == [label for label in order if label in used], line
                checked += 1
    assert checked > 5


def test_what_is_added_up_in_the_innermost_loops_is_a_scalar():
    function, x = images((0, 1, 2, 3))
    fast = mt.compile(function, backend="numba")
    fast(x)
    kernels = re.findall(r"(?:^|\n)(def kernel\d*\(.*?return [^\n]*\n)", fast.source, re.DOTALL)
    deep = [line for kernel in kernels for order, line in loops(kernel) if len(order) == 4 and "+=" in line]
    assert deep
    assert not [line for line in deep if "] +=" in line]


def test_sums_over_images_keep_their_digits(monkeypatch):
    """Of 2²⁰ numbers near 1 in each channel, whatever the order of the loops."""
    monkeypatch.setattr(numba_source, "compiled", kernels.compiled)
    x = np.random.default_rng(0).uniform(0.5, 1.5, size=(64, 2, 128, 128)).astype("f4")
    fast = mt.compile(lambda x: x.sum(axis=(0, 2, 3)), backend="numba")
    np.testing.assert_allclose(fast(mt.tensor(x)).numpy(), x.astype("f8").sum(axis=(0, 2, 3)), rtol=1e-6)


RETURNED = {
    "a product": lambda x, w: mt.exp(x) @ w,
    "a view of a product": lambda x, w: (mt.exp(x) @ w).T,
    "a part of a product": lambda x, w: (mt.exp(x) @ w)[1:],
    "a product and what it goes into": lambda x, w: (x @ w, mt.relu(x @ w) @ w),
    "what goes into a product": lambda x, w: (mt.exp(x), mt.exp(x) @ w),
    "windows": lambda x, w: mt.windows(mt.exp(x @ w), size=(2,), stride=(1,), dilation=(1,), axis=(0,)),
    "numbers that are constant": lambda x, w: (x @ w, mt.grad((x @ w + w).sum(), [x])),
    "gradients": lambda x, w: mt.grad((mt.tanh(mt.relu(x @ w) @ w) ** 2).sum(), [x, w]),
}


@pytest.mark.parametrize("name", RETURNED)
def test_later_runs_do_not_write_to_what_was_returned(name):
    rng = np.random.default_rng(0)
    fast = mt.compile(RETURNED[name], backend="numba")
    calls = [[mt.tensor(rng.normal(size=(4, 4)), requires_grad=True) for _ in "xw"] for _ in range(4)]
    made = [fast(*given) for given in calls]
    for given, results in zip(calls, made, strict=True):
        expected = RETURNED[name](*given)
        for a, b in zip(*(r if isinstance(r, tuple) else [r] for r in (results, expected)), strict=True):
            for ours, theirs in zip(*(r if isinstance(r, tuple) else [r] for r in (a, b)), strict=True):
                np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-12)


def test_threads_do_not_share_what_a_program_writes_to():
    def function(x, w):
        return mt.tanh(mt.relu(x @ w) @ w) @ w

    rng = np.random.default_rng(0)
    fast = mt.compile(function, backend="numba")
    w = mt.tensor(rng.normal(size=(32, 32)) / 6)
    inputs = [mt.tensor(rng.normal(size=(32, 32))) for _ in range(8)]
    expected = [function(x, w).numpy() for x in inputs]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            for ours, theirs in zip(pool.map(lambda x: fast(x, w), inputs), expected, strict=True):
                np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-12)


def test_an_error_of_the_parsers_in_another_thread_costs_no_kernels(monkeypatch):
    failed = []

    def made(*args):
        if not failed:
            failed.append(args)
            raise SystemError("AST constructor recursion depth mismatch (before=89, after=87)")
        return numba_source.NumbaSource(*args)

    monkeypatch.setattr(compiled, "NumbaSource", made)
    x = mt.tensor([1.0, 2.0])
    fast = mt.compile(lambda x: mt.tanh(x) * 2.0, backend="numba")
    np.testing.assert_allclose(fast(x).numpy(), 2 * np.tanh([1.0, 2.0]), rtol=1e-12)
    assert failed  # without a warning, which would be an error here


@pytest.mark.parametrize("held", ["parameters", "views", "gradients", "nothing"])
def test_what_somebody_holds_of_the_state_stays_as_it_was(held, monkeypatch):
    monkeypatch.setattr(numba_source, "LARGE", 1)
    net = nn.Sequential(nn.Linear(4, 8, bias=False), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    twin = copy.deepcopy(net)
    optimizer, other = optim.Adam(net.parameters(), lr=0.1), optim.Adam(twin.parameters(), lr=0.1)

    def step(model, optimizer, x):
        optimizer.zero_grad()
        (model(x) ** 2).mean().backward()
        optimizer.step()

    fast = mt.compile(lambda x: step(net, optimizer, x), backend="numba")
    rng = np.random.default_rng(0)
    kept = []
    for k in range(6):
        x = rng.normal(size=(16, 4)).astype("f4")
        fast(x)
        step(twin, other, mt.tensor(x))
        for p in net.parameters():
            found = {"parameters": p.numpy(), "views": p.numpy()[1:], "gradients": p.grad.numpy(), "nothing": None}[
                held
            ]
            kept += [] if found is None else [(found, found.copy())]
        if k == 3:
            kept = kept[::2]
    for p, q in zip(net.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(p.numpy(), q.numpy(), rtol=1e-4, atol=1e-5)
    for now, then in kept:
        np.testing.assert_array_equal(now, then)
    assert (len(kept) > 0) is (held != "nothing")
    assert "reuse[" in fast.source


def test_an_array_is_given_out_again_when_nobody_holds_it_in_any_thread():
    reused = Reused((64,), "float32")

    def use(number):
        for _ in range(200):
            array = reused()
            array[:] = number
            view = array[3:]
            del array
            assert (view == number).all()
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(use, range(8)))
    first = reused()
    address = first.ctypes.data
    first.setflags(write=False)
    assert reused().ctypes.data != address
    del first
    again = [reused() for _ in range(2)]
    assert address in [one.ctypes.data for one in again]
    assert all(one.flags.writeable for one in again)
