"""A whole training step, traced once, stands for the eager step: on other batches, labels, rates, steps and draws."""

import copy

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor import nn, optim
from micrograd_tensor.engine.record import all_at_once
from micrograd_tensor.engine.trace import tracing
from micrograd_tensor.graph.capture import capture
from micrograd_tensor.graph.evaluate import evaluate

CLASSES = 3


class Traced:
    """A step that was traced: called with other inputs it runs the graph again, and changes what the step changed."""

    def __init__(self, step, *inputs):
        self.inputs = [mt.tensor(x, name=f"input{i}") for i, x in enumerate(inputs)]
        with tracing() as trace:
            self.loss = step(*self.inputs)
        self.trace = trace
        self.gradients = {p: g for p, g in trace.gradients.items() if g is not None}
        guards = [condition for condition, _ in trace.guards]
        outputs = [self.loss, *(e.value for e in trace.effects.values()), *self.gradients.values(), *guards]
        self.graph, self.nodes = capture(outputs)

    def __call__(self, *inputs):
        given = {self.nodes[t]: t.numpy() for t in self.nodes if t.is_leaf}
        given |= {self.nodes[t]: np.asarray(x) for t, x in zip(self.inputs, inputs, strict=True) if t in self.nodes}
        given |= {self.nodes[t]: np.asarray(read()) for t, read in self.trace.sources.items() if t in self.nodes}
        values = iter([made[node] for made in [evaluate(self.graph, given)] for node in self.graph.outputs])
        loss = next(values)
        new = [(effect.changes, next(values)) for effect in self.trace.effects.values()]
        gradients = [(p, next(values)) for p in self.gradients]
        for _, truth in self.trace.guards:
            assert bool(np.all(next(values))) == truth, "another branch is due here"
        all_at_once([change for changes, value in new if changes is not None for change in changes(value)])
        for p, g in gradients:
            p.grad = mt.tensor(g)
        return loss


def make_net(dtype, seed=0):
    rng = np.random.default_rng(seed)
    return nn.Sequential(
        nn.Linear(4, 6, dtype=dtype, generator=rng),
        nn.BatchNorm1d(6, dtype=dtype),
        nn.ReLU(),
        nn.Dropout(0.3, generator=np.random.default_rng(7)),
        nn.Linear(6, 5, dtype=dtype, generator=rng),
        nn.BatchNorm1d(5, dtype=dtype, momentum=None),
        nn.GELU(),
        nn.Linear(5, CLASSES, dtype=dtype, generator=rng),
    )


OPTIMIZERS = {
    "SGD": lambda ps: optim.SGD(ps, lr=0.1),
    "SGD, momentum": lambda ps: optim.SGD(ps, lr=0.1, momentum=0.9, dampening=0.2, weight_decay=0.01),
    "SGD, nesterov": lambda ps: optim.SGD(ps, lr=0.1, momentum=0.9, nesterov=True, maximize=True),
    "Adam": lambda ps: optim.Adam(ps, lr=0.01),
    "Adam, amsgrad": lambda ps: optim.Adam(ps, lr=0.01, amsgrad=True, weight_decay=0.01),
    "AdamW": lambda ps: optim.AdamW(ps, lr=0.01),
    "RMSprop": lambda ps: optim.RMSprop(ps, lr=0.01),
    "RMSprop, all": lambda ps: optim.RMSprop(ps, lr=0.01, momentum=0.5, centered=True, weight_decay=0.01),
    "two groups": lambda ps: optim.Adam([{"params": ps[:3]}, {"params": ps[3:], "lr": 0.1}], lr=0.01),
}


def make_step(net, optimizer, clip=None):
    weight = mt.tensor([1.0, 0.5, 2.0], name="weight")

    def step(x, target):
        optimizer.zero_grad()
        loss = mt.cross_entropy(net(x), target, weight=weight, ignore_index=-1, label_smoothing=0.1)
        loss.backward()
        if clip is not None:
            optim.clip_grad_norm_(net.parameters(), clip)
        optimizer.step()
        return loss

    return step


def batches(dtype, n):
    rng = np.random.default_rng(1)
    for _ in range(n):
        target = rng.integers(0, CLASSES, 8)
        target[rng.integers(0, 8, 2)] = -1
        yield rng.normal(size=(8, 4)).astype(dtype), target


@pytest.mark.parametrize("clip", [None, 0.1], ids=["unclipped", "clipped"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_traced_step_equals_the_eager_one_bit_for_bit(name, dtype, clip):
    eager_net = make_net(dtype)
    traced_net = copy.deepcopy(eager_net)
    eager = OPTIMIZERS[name](list(eager_net.parameters()))
    optimizer = OPTIMIZERS[name](list(traced_net.parameters()))
    eager_step, step = make_step(eager_net, eager, clip), make_step(traced_net, optimizer, clip)
    first, *rest = batches(dtype, 6)
    if clip is None:  # traced in the middle of a training run, too
        eager_step(*first)
        step(mt.tensor(first[0]), mt.tensor(first[1]))
    before = traced_net.state_dict(), copy.deepcopy(traced_net[3].generator)
    traced = Traced(step, *rest[0])
    for key, value in traced_net.state_dict().items():
        assert value._data is before[0][key]._data, "a trace changes nothing"
    traced_net[3].generator.bit_generator.state = before[1].bit_generator.state
    for k, batch in enumerate(rest):
        for opt in (eager, optimizer):
            opt.param_groups[0]["lr"] = 0.05 / (k + 1)
        assert eager_step(*batch).item() == traced(*batch)
        for (key, ours), theirs in zip(traced_net.state_dict().items(), eager_net.state_dict().values(), strict=True):
            np.testing.assert_array_equal(ours.numpy(), theirs.numpy(), err_msg=f"{key} after step {k}")
        ours, theirs = optimizer.state_dict(), eager.state_dict()
        assert ours["state"].keys() == theirs["state"].keys()
        for number, memory in theirs["state"].items():
            for kept, value in memory.items():
                np.testing.assert_array_equal(ours["state"][number][kept], value, err_msg=f"{kept} of {number}")
        for p, q in zip(traced_net.parameters(), eager_net.parameters(), strict=True):
            np.testing.assert_array_equal(p.grad.numpy(), q.grad.numpy())


def test_traced_and_eager_steps_may_alternate():
    nets = [make_net("float32") for _ in range(2)]
    optimizers = [optim.Adam(net.parameters(), lr=0.01) for net in nets]
    steps = [make_step(net, opt) for net, opt in zip(nets, optimizers, strict=True)]
    first, *rest = batches("float32", 5)
    state = nets[1][3].generator.bit_generator.state
    traced = Traced(steps[1], *first)
    nets[1][3].generator.bit_generator.state = state
    for k, batch in enumerate([first, *rest]):
        expected = steps[0](*map(mt.tensor, batch)).item()
        assert (traced(*batch) if k % 2 else steps[1](*map(mt.tensor, batch)).item()) == expected


def test_another_branch_is_found_by_its_guard():
    net = make_net("float32")
    traced = Traced(make_step(net, optim.SGD(net.parameters(), lr=0.1)), *next(batches("float32", 1)))
    with pytest.raises(AssertionError, match="another branch is due here"):
        traced(np.ones((8, 4), np.float32), np.full(8, -1))


def test_a_planted_leak_is_found():
    """The test above tells a frozen value from one that is read anew."""
    w = mt.tensor(np.ones(2), name="w", requires_grad=True)
    optimizer = optim.SGD([w], lr=0.1)

    def step(x):
        optimizer.zero_grad()
        (w * mt.tensor(x._data)).sum().backward()  # the input's array: a leaf of its own
        optimizer.step()
        return w.sum()

    with tracing(), pytest.raises(mt.TraceError, match="was given a new value in this trace"):
        step(mt.tensor([1.0, 2.0]))
