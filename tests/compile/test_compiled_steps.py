"""A compiled training step does what the step does: bit for bit, in any mixture with steps that are not compiled."""

import copy

import numpy as np
import pytest
from test_traced_step import OPTIMIZERS, batches, make_net, make_step

import micrograd_tensor as mt
from micrograd_tensor import nn, optim


def assert_same_state(ours, theirs, optimizer, other):
    """Parameters, buffers, gradients and the optimizers' memories are equal, bit for bit."""
    for (key, a), b in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=key)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_array_equal(p.grad.numpy(), q.grad.numpy())
    mine, yours = optimizer.state_dict()["state"], other.state_dict()["state"]
    assert mine.keys() == yours.keys()
    for number, memory in yours.items():
        for kept, value in memory.items():
            np.testing.assert_array_equal(mine[number][kept], value, err_msg=f"{kept} of {number}")


@pytest.mark.parametrize("clip", [None, 0.1], ids=["unclipped", "clipped"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_compiled_step_equals_the_step_bit_for_bit(name, dtype, clip):
    theirs = make_net(dtype)
    ours = copy.deepcopy(theirs)
    other, optimizer = (OPTIMIZERS[name](list(net.parameters())) for net in (theirs, ours))
    step = make_step(theirs, other, clip)
    fast = mt.compile(make_step(ours, optimizer, clip), exact=True)
    for k, batch in enumerate([*batches(dtype, 6), (np.ones((3, 4), dtype), np.array([0, 1, 2]))]):
        for opt in (other, optimizer):
            opt.param_groups[0]["lr"] = 0.05 / (k + 1)
        assert step(*map(mt.tensor, batch)).item() == fast(*batch).item()
        assert_same_state(ours, theirs, optimizer, other)
    assert not fast._eager
    assert fast._traces <= 3  # the first step makes the optimizer's memory; the last batch is smaller


def test_compiled_and_plain_steps_may_alternate_and_checkpoints_go_on(tmp_path):
    nets = [make_net("float32") for _ in range(2)]
    optimizers = [optim.Adam(net.parameters(), lr=0.01) for net in nets]
    steps = [make_step(net, opt) for net, opt in zip(nets, optimizers, strict=True)]
    fast = mt.compile(steps[1], exact=True)
    for k, batch in enumerate(batches("float32", 12)):
        if k == 6:  # as if both went on in another process
            state = copy.deepcopy(optimizers[1].state_dict())
            optimizers[1].load_state_dict(state)
            nets[1].load_state_dict(copy.deepcopy(nets[1].state_dict()))
        expected = steps[0](*map(mt.tensor, batch)).item()
        called = fast if k % 3 else steps[1]
        assert called(*map(mt.tensor, batch)).item() == expected
        assert_same_state(nets[1], nets[0], optimizers[1], optimizers[0])


def test_other_settings_of_an_optimizer_are_seen():
    nets = [make_net("float64") for _ in range(2)]
    optimizers = [optim.AdamW(net.parameters(), lr=0.01) for net in nets]
    steps = [make_step(net, opt) for net, opt in zip(nets, optimizers, strict=True)]
    fast = mt.compile(steps[1], exact=True)
    changes = [{}, {"weight_decay": 0.5}, {"betas": (0.5, 0.5)}, {"maximize": True}, {"amsgrad": True}, {"eps": 0.1}]
    for change, batch in zip(changes, batches("float64", 6), strict=True):
        for opt in optimizers:
            opt.param_groups[0].update(change)
        nets[0].train(change != {"maximize": True}), nets[1].train(change != {"maximize": True})
        assert steps[0](*map(mt.tensor, batch)).item() == fast(*batch).item()
        assert_same_state(nets[1], nets[0], optimizers[1], optimizers[0])


def test_frozen_parameters_stay_as_they_are():
    nets = [make_net("float64") for _ in range(2)]
    optimizers = [optim.SGD(net.parameters(), lr=0.1, momentum=0.9) for net in nets]
    steps = [make_step(net, opt) for net, opt in zip(nets, optimizers, strict=True)]
    fast = mt.compile(steps[1], exact=True)
    for k, batch in enumerate(batches("float64", 6)):
        for net in nets:
            net[0].requires_grad_(k < 2 or k > 3)
        assert steps[0](*map(mt.tensor, batch)).item() == fast(*batch).item()
        for p, q in zip(nets[1].parameters(), nets[0].parameters(), strict=True):
            np.testing.assert_array_equal(p.numpy(), q.numpy())


def test_a_batch_that_takes_another_branch_does_what_the_step_does():
    nets = [make_net("float32") for _ in range(2)]
    optimizers = [optim.SGD(net.parameters(), lr=0.1) for net in nets]
    steps = [make_step(net, opt) for net, opt in zip(nets, optimizers, strict=True)]
    fast = mt.compile(steps[1], exact=True)
    first, *rest = batches("float32", 4)
    odd = rest[0][0], np.full(8, -1)  # all are ignored
    for batch in (first, odd, *rest):
        if batch is odd:
            for step in (steps[0], fast):
                with pytest.raises(ValueError, match="every target is ignore_index=-1"):
                    step(*map(mt.tensor, batch))
        else:
            assert steps[0](*map(mt.tensor, batch)).item() == fast(*map(mt.tensor, batch)).item()
    assert_same_state(nets[1], nets[0], optimizers[1], optimizers[0])
    assert fast._eager["OtherBranchError"]


def test_gradients_from_outside_and_a_step_within():
    """The usual loop with its forward pass, its backward pass and its step compiled one by one."""
    results = []
    for wrap in (lambda f: f, lambda f: mt.compile(f, exact=True)):
        net = nn.Sequential(nn.Linear(4, 8, dtype=float, generator=np.random.default_rng(0)), nn.Tanh())
        optimizer = optim.Adam(net.parameters(), lr=0.1)
        forward = wrap(lambda x, net=net: (net(x) ** 2).mean())
        update = wrap(lambda optimizer=optimizer: optimizer.step())
        losses = []
        for x, _ in batches("float64", 5):
            loss = forward(mt.tensor(x))
            optimizer.zero_grad()
            loss.backward()
            update()
            losses.append(loss.item())
        results.append(losses)
    assert results[0] == results[1]


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_two_steps_in_one_function_are_two(name, backend):
    def twice(w, optimizer, x):
        optimizer.zero_grad()
        ((w * x) ** 2).sum().backward()
        optimizer.step()
        optimizer.step()

    pairs = []
    for _ in range(2):
        w = mt.tensor(np.arange(3.0) + 1, requires_grad=True)
        pairs.append((w, OPTIMIZERS[name]([w])))
    (w, ours), (v, theirs) = pairs
    fast = mt.compile(lambda x: twice(w, ours, x), backend=backend)
    for x in np.random.default_rng(0).normal(size=(3, 3)):
        fast(x)
        twice(v, theirs, mt.tensor(x))
        np.testing.assert_allclose(w.numpy(), v.numpy(), rtol=1e-12)
    assert ours.state.get(w, {}).get("step") == theirs.state.get(v, {}).get("step")
