"""Whole trainings, compiled and not: equal within rounding over many steps, and resumed ones bit for bit."""

import copy
import threading

import numpy as np
import pytest
from test_traced_step import OPTIMIZERS, batches, make_net, make_step

import micrograd_tensor as mt
from micrograd_tensor import optim
from micrograd_tensor.compile import kernels, numba_source

STEPS = 200
BACKENDS = {
    "numpy": {"backend": "numpy"},
    "exact": {"exact": True},
    "kernels run by Python": {"backend": "numba"},
    "kernels": {"backend": "numba"},
    "kernels in C": {"backend": "c"},
}


@pytest.fixture
def backend(request, monkeypatch):
    if request.param == "kernels":
        pytest.importorskip("numba")
        monkeypatch.setattr(numba_source, "compiled", kernels.compiled)
    if request.param == "kernels in C":
        request.getfixturevalue("c_compiler")
    return BACKENDS[request.param]


def every_backend(function):
    several = [pytest.param(x, marks=pytest.mark.slow) if x == "kernels in C" else x for x in BACKENDS]
    return pytest.mark.parametrize("backend", several, indirect=True)(function)


class Training:
    """A net, its optimizer, its step, and the losses so far."""

    def __init__(self, name, dtype, wrap=lambda step: step, clip=None):
        mt.manual_seed(5)
        self.net = make_net(dtype)
        for k in (0, 4):  # before a norm: the gradient is 0, and its rounding is what Adam would make steps of
            self.net[k].bias.requires_grad_(False)
        self.optimizer = OPTIMIZERS[name](list(self.net.parameters()))
        for group in self.optimizer.param_groups:
            group["maximize"] = False  # or rounding would grow without bounds
        self.step = make_step(self.net, self.optimizer, clip)
        self.fast = wrap(self.step)
        self.losses = []

    def run(self, several, eager=lambda k: False):
        for k, batch in enumerate(several):
            called = self.step if eager(k) else self.fast
            self.losses.append(called(*map(mt.tensor, batch)).item())

    def parts(self):
        """What a checkpoint keeps."""
        return {"net": self.net, "optimizer": self.optimizer, "generator": self.net[3].generator}

    def state(self):
        """All that goes on, as arrays by name."""
        found = {key: value.numpy() for key, value in self.net.state_dict().items()}
        for number, memory in self.optimizer.state_dict()["state"].items():
            found |= {f"{number}.{kept}": np.asarray(value) for kept, value in memory.items()}
        found["draws"] = np.frombuffer(str(self.net[3].generator.bit_generator.state).encode(), np.uint8)
        return found


def assert_same(ours, theirs, tolerance=0.0):
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        scale = np.abs(value.astype(float)).max(initial=0)
        np.testing.assert_allclose(ours[key], value, rtol=0, atol=tolerance * (scale + 1e-2), err_msg=key)


@every_backend
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_of_every_optimizer_through_every_backend(name, backend):
    """The whole step: cross-entropy with weights and ignored labels, batch norm, dropout; other rates, batches."""
    ours, theirs = Training(name, "float64", lambda step: mt.compile(step, **backend)), Training(name, "float64")
    several = [*batches("float64", 4), (np.ones((3, 4)), np.array([0, 1, 2]))]
    for k, batch in enumerate(several):
        for one in (ours, theirs):
            one.optimizer.param_groups[0]["lr"] = 0.05 / (k + 1)
            one.run([batch])
    exact = "exact" in backend or backend["backend"] == "numpy"
    assert_same(ours.state(), theirs.state(), 0 if exact else 1e-11)
    np.testing.assert_allclose(ours.losses, theirs.losses, rtol=0 if exact else 1e-12)
    assert not ours.fast._eager


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["exact", "kernels"], indirect=True)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_long_training_is_that_of_eager_steps_within_rounding(name, dtype, backend):
    ours, theirs = Training(name, dtype, lambda step: mt.compile(step, **backend)), Training(name, dtype)
    several = [*batches(dtype, STEPS)]
    for one in (ours, theirs):
        one.run(several)
    assert len(ours.losses) == STEPS
    assert_same_draws(ours, theirs)
    tolerance = 0 if "exact" in backend else 1e-7 if dtype == "float64" else 2e-2  # rounding grows with the steps
    assert_same(ours.state(), theirs.state(), tolerance)
    assert not ours.fast._eager


def assert_same_draws(ours, theirs):
    """The masks of dropout come from the same place of the same stream, bit for bit."""
    np.testing.assert_array_equal(ours.state()["draws"], theirs.state()["draws"])


@every_backend
@pytest.mark.parametrize("name", ["SGD, momentum", "Adam, amsgrad", "AdamW", "RMSprop, all"])
def test_a_resumed_training_goes_on_bit_for_bit(name, backend, tmp_path):
    several = [*batches("float32", 12)]
    whole = Training(name, "float32", lambda step: mt.compile(step, **backend))
    whole.run(several)
    first = Training(name, "float32", lambda step: mt.compile(step, **backend))
    first.run(several[:5])
    mt.save_checkpoint(tmp_path / "one.safetensors", **first.parts())
    again = Training(name, "float32", lambda step: mt.compile(step, **backend))
    again.run(several[:1])
    mt.load_checkpoint(tmp_path / "one.safetensors", **again.parts())
    again.losses.clear()
    again.run(several[5:])
    assert whole.losses == first.losses + again.losses
    assert_same(again.state(), whole.state())


@every_backend
@pytest.mark.parametrize("name", ["SGD, nesterov", "Adam", "RMSprop"])
def test_compiled_and_eager_steps_take_turns_and_leave_the_same_checkpoint(name, backend, tmp_path):
    exact = "exact" in backend or backend["backend"] == "numpy"
    ours, theirs = Training(name, "float64", lambda step: mt.compile(step, **backend)), Training(name, "float64")
    several = [*batches("float64", 9)]
    ours.run(several, eager=lambda k: k % 3 == 1)
    theirs.run(several)
    assert_same(ours.state(), theirs.state(), 0 if exact else 1e-10)
    files = []
    for one in (ours, theirs):
        files.append(tmp_path / f"{len(files)}.safetensors")
        mt.save_checkpoint(files[-1], **one.parts())
    if exact:
        assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("backend", ["exact", "kernels"], indirect=True)
def test_dropout_draws_what_eager_steps_draw(backend):
    results = []
    for wrap in (lambda f: f, lambda f: mt.compile(f, **backend)):
        generator = np.random.default_rng(3)
        mt.manual_seed(4)
        called = wrap(lambda x, g: (mt.dropout(x, 0.5, generator=g) * 2 + mt.dropout(x, 0.1), mt.rand(3)))
        made = [y.numpy() for _ in range(5) for y in called(mt.ones(40, 3), generator)]
        results.append([*made, generator.random(), mt.rand(2).numpy()])
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("backend", ["exact", "kernels", "kernels in C"], indirect=True)
def test_threads_get_what_one_thread_gets_bit_for_bit(backend):
    """Sums are added up in an order that the shapes decide, and what a call works on is its own."""

    def function(x, w):
        h = mt.tanh(x @ w)
        y = mt.batch_norm(h, 1.0, 0.0)
        loss = (mt.softmax(y) * h).sum()
        return y, loss, mt.grad(loss, [x, w])

    fast = mt.compile(function, **backend)
    rng = np.random.default_rng(0)
    given = [[mt.tensor(rng.normal(size=s), requires_grad=True) for s in ((300, 8), (8, 40))] for _ in range(8)]

    def arrays(result):
        y, loss, gradients = result
        return [t.numpy().copy() for t in (y, loss, *gradients)]

    want = [arrays(fast(*one)) for one in given]
    differing, ready = [], threading.Barrier(4)

    def work(start):
        ready.wait()
        for k in [*range(start, 8), *range(start)] * 8:
            made = arrays(fast(*given[k]))
            if not all(np.array_equal(a, b) for a, b in zip(made, want[k], strict=True)):
                differing.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not differing
    assert not fast._eager


def test_a_planted_fault_in_an_optimizers_rule_is_found(monkeypatch):
    """The tests above tell a program that is a little wrong: here small constants are doubled."""
    from micrograd_tensor.compile.kernel_source import KernelSource

    whole = KernelSource._constant
    small = {"wrong": 0}

    def doubled(self, c, *rest):
        if c.counts or not 0 < c.value < 0.3:
            return whole(self, c, *rest)
        small["wrong"] += 1
        return whole(self, c + c, *rest)

    monkeypatch.setattr(KernelSource, "_constant", doubled)
    ours = Training("Adam", "float64", lambda step: mt.compile(step, backend="numba"))
    theirs = Training("Adam", "float64")
    several = [*batches("float64", 3)]
    ours.run(several), theirs.run(several)
    assert small["wrong"]
    with pytest.raises(AssertionError):
        assert_same(ours.state(), theirs.state(), 1e-10)


def test_copies_of_a_training_go_their_own_ways():
    first = Training("SGD", "float64", lambda step: mt.compile(step, exact=True))
    first.run(batches("float64", 2))
    net = copy.deepcopy(first.net)
    other = optim.SGD(net.parameters(), lr=0.1)
    before = first.state()
    mt.compile(make_step(net, other), exact=True)(*map(mt.tensor, next(batches("float64", 1))))
    assert_same(first.state(), before)
