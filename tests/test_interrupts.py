"""Ctrl-C leaves what it interrupts done or not done, wherever it comes.

Python looks for it when a function begins, after a call and when a loop goes back. So each piece of work is run once
for every such point within the package, and interrupted there.
"""

import contextvars
import copy
import dis
import itertools
import sys
from pathlib import Path

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor import nn, optim
from micrograd_tensor.engine.walk import _adding_up

PACKAGE = str(Path(mt.__file__).parent)
LOOKED_FOR_AFTER = ("CALL", "JUMP_BACKWARD", "RESUME")


class Interrupt:
    """A trace function that raises KeyboardInterrupt at the n-th point."""

    def __init__(self, n):
        self.left, self.before, self.codes = n, {}, {}

    def __call__(self, frame, event, _):
        if event == "call" and frame.f_code.co_filename.startswith(PACKAGE):
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
            return self.within
        return None

    def within(self, frame, event, _):
        if event == "opcode":
            before, self.before[frame] = self.before.get(frame), frame.f_lasti
            if before is None or self.name(frame.f_code, before).startswith(LOOKED_FOR_AFTER):
                self.left -= 1
                if self.left < 0:
                    raise KeyboardInterrupt
        return self.within

    def name(self, code, at):
        if code not in self.codes:
            self.codes[code] = code.co_code
        return dis.opname[self.codes[code][at]]


def interrupted(make):
    """The states that work can leave: the last one when it gets through, the others when it is interrupted."""
    for n in itertools.count():
        work, state = make()

        def run(work=work, n=n):
            sys.settrace(Interrupt(n))
            try:
                work()
            finally:
                sys.settrace(None)

        try:
            contextvars.copy_context().run(run)
        except KeyboardInterrupt:
            yield state()
        else:
            yield state()
            return


def values(tensors):
    return tuple(None if t is None else t.numpy().tobytes() for t in tensors)


def backward():
    leaves = [mt.tensor([1.0, 2.0], requires_grad=True) for _ in range(3)]
    kept = (leaves[0] * leaves[1]).retain_grad()
    loss = (kept * leaves[2]).sum()
    leaves[1].grad = mt.tensor([1.0, 1.0])
    return loss.backward, lambda: (*values(x.grad for x in (*leaves, kept)), _adding_up._is_owned())


def load_state_dict():
    net = nn.BatchNorm1d(2)
    new = {name: np.full(t.shape, 7.0) for name, t in net.state_dict().items()}
    return lambda: net.load_state_dict(new), lambda: values(net.state_dict().values())


def running_statistics():
    norm, mean, var = nn.BatchNorm1d(2), mt.tensor([2.0, 20.0]), mt.tensor([1.0, 100.0])
    return lambda: norm._track(mean, var, 2), lambda: values(norm.buffers())


def optimizer(kind, **settings):
    """Two parameters in groups of their own, so that there are two flat arrays, and a third whose array is Dask's."""
    params = [mt.tensor([1.0, 2.0], requires_grad=True), mt.tensor([3.0], requires_grad=True, dtype="float32")]
    made = kind([{"params": p, "lr": 0.1 * (i + 1)} for i, p in enumerate(params)], **settings)
    gradients(params)
    made.step()
    return made, params


def gradients(params):
    for p in params:
        p.grad = mt.tensor(np.full(p.shape, 2.0), dtype=p.dtype)


def everything(made, params):
    """The parameters and what the optimizer keeps; and whether one more step from there goes on as it should."""
    kept = [v for memory in made.state_dict()["state"].values() for v in memory.values()]
    return (*values(params), *(np.asarray(v).tobytes() for v in kept), repr(made.param_groups))


def step(kind, **settings):
    def make():
        made, params = optimizer(kind, **settings)

        def state():
            now = everything(made, params)
            twin, its = copy.deepcopy((made, params))
            made.step()
            twin.step()
            return *now, everything(made, params) == everything(twin, its)

        return made.step, state

    return pytest.param(make, id=f"{kind.__name__} {settings or ''}")


def compiled_step():
    made, params = optimizer(optim.Adam)

    def work(x):
        made.zero_grad()
        (params[0] * x).sum().backward()
        made.step()

    fast = mt.compile(work, exact=True)
    x = mt.tensor([1.0, 2.0])
    fast(x)
    return lambda: fast(x), lambda: everything(made, params)


def load_optimizer():
    made, params = optimizer(optim.Adam)
    other, _ = optimizer(optim.Adam)
    other.param_groups[1]["lr"] = 7.0
    gradients(params)
    other.step()
    saved = other.state_dict()
    return lambda: made.load_state_dict(saved), lambda: everything(made, params)


@pytest.mark.parametrize(
    "make",
    [
        *(backward, load_state_dict, running_statistics, compiled_step),
        pytest.param(load_optimizer, marks=pytest.mark.slow),  # a thousand points
        *(step(optim.SGD), step(optim.SGD, momentum=0.9), step(optim.Adam, amsgrad=True)),
    ],
)
def test_an_interrupt_leaves_it_done_or_not_done(make, untraced):
    _, state = make()
    before = state()
    found = list(interrupted(make))
    assert len(found) > 20
    assert set(found) == {before, found[-1]}
    assert found[-1] != before
