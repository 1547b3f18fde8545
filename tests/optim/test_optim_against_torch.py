"""Trajectories of 100 steps, schedules and saved states against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor import optim

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

GRID = [
    ("SGD", {}),
    ("SGD", {"lr": 0.05, "momentum": 0.9}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.002, "momentum": 0.9, "nesterov": True, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.05, "betas": (0.8, 0.9), "eps": 1e-4, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.05, "amsgrad": True}),
    ("Adam", {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.3, "amsgrad": True, "maximize": True}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.005, "alpha": 0.9, "momentum": 0.9, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.005, "centered": True, "momentum": 0.5, "maximize": True}),
]
every_setting = pytest.mark.parametrize(
    ("name", "settings"), GRID, ids=lambda v: v if isinstance(v, str) else str(len(v))
)


class Pair:
    """The same least-squares net in both libraries, and the same optimizer."""

    def __init__(self, name, settings, dtype=np.float64):
        rng = np.random.default_rng(0)
        self.sign = -1 if settings.get("maximize") else 1  # a loss that is bounded in the direction taken
        self.arrays = [rng.normal(size=s).astype(dtype) / 2 for s in ((5, 8), (8,), (8, 3), (3,))]
        self.x, self.y = rng.normal(size=(16, 5)).astype(dtype), rng.normal(size=(16, 3)).astype(dtype)
        self.ours = [mt.tensor(a, requires_grad=True) for a in self.arrays]
        self.theirs = [torch.tensor(a, requires_grad=True) for a in self.arrays]
        groups = [[{"params": p[:2]}, {"params": p[2:], "lr": 0.01}] for p in (self.ours, self.theirs)]
        self.optimizers = getattr(optim, name)(groups[0], **settings), getattr(torch.optim, name)(groups[1], **settings)

    def step(self, clip=None):
        ours, theirs = self.optimizers
        for params, x, y, lib in (
            (self.ours, self.x, self.y, mt),
            (self.theirs, *map(torch.tensor, (self.x, self.y)), torch),
        ):
            for p in params:
                p.grad = None
            w1, b1, w2, b2 = params
            (self.sign * ((lib.tanh(x @ w1 + b1) @ w2 + b2 - y) ** 2).sum()).backward()
        if clip:
            a = optim.clip_grad_norm_(self.ours, clip)
            b = torch.nn.utils.clip_grad_norm_(self.theirs, clip)
            np.testing.assert_allclose(a, float(b), rtol=1e-9)
        ours.step()
        theirs.step()

    def compare(self, **tolerance):
        for a, b in zip(self.ours, self.theirs, strict=True):
            np.testing.assert_allclose(a.numpy(), b.detach().numpy(), **tolerance)


@every_setting
def test_a_hundred_steps_in_float64(name, settings):
    pair = Pair(name, settings)
    for _ in range(100):
        pair.step()
        pair.compare(rtol=1e-8, atol=1e-10)


@every_setting
def test_ten_steps_in_float32(name, settings):
    pair = Pair(name, settings, np.float32)
    for _ in range(10):
        pair.step()
    pair.compare(rtol=1e-3, atol=1e-4)


def test_with_clipped_gradients():
    pair = Pair("Adam", {"lr": 0.05})
    for _ in range(100):
        pair.step(clip=0.7)
    pair.compare(rtol=1e-8, atol=1e-10)


@every_setting
def test_states_pass_from_one_to_the_other(name, settings):
    pair = Pair(name, settings)
    for _ in range(5):
        pair.step()
    ours, theirs = pair.optimizers
    a, b = ours.state_dict(), theirs.state_dict()
    assert a["state"].keys() == {k for k, v in b["state"].items() if any(x is not None for x in v.values())}
    for k, memory in a["state"].items():
        assert memory.keys() == {n for n, v in b["state"][k].items() if v is not None}
    ours.load_state_dict(b)
    as_torch = {k: {n: torch.tensor(v) for n, v in memory.items()} for k, memory in a["state"].items()}
    theirs.load_state_dict(
        {
            "state": as_torch,
            "param_groups": [{**t, **o} for t, o in zip(b["param_groups"], a["param_groups"], strict=True)],
        }
    )
    for _ in range(20):
        pair.step()
    pair.compare(rtol=1e-8, atol=1e-10)


SCHEDULES = {
    "StepLR": {"step_size": 3, "gamma": 0.7},
    "MultiStepLR": {"milestones": [2, 4, 4, 9], "gamma": 0.5},
    "CosineAnnealingLR": {"T_max": 7, "eta_min": 0.01},
    "LambdaLR": {"lr_lambda": lambda t: 0.95**t},
    "ReduceLROnPlateau": {"patience": 2, "cooldown": 1, "factor": 0.5, "min_lr": 0.001},
}


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("mode", ["rel", "abs"])
@pytest.mark.filterwarnings("ignore:Detected call of:UserWarning")
def test_schedules(name, mode):
    pair, extra = Pair("SGD", {"lr": 0.3}), {}
    if name == "ReduceLROnPlateau":
        extra = {"threshold_mode": mode, "mode": "min" if mode == "rel" else "max"}
    makers = (getattr(optim.lr_scheduler, name), getattr(torch.optim.lr_scheduler, name))
    ours, theirs = (make(o, **SCHEDULES[name], **extra) for make, o in zip(makers, pair.optimizers, strict=True))
    rng = np.random.default_rng(3)
    for epoch in range(60):
        rates = [[g["lr"] for g in o.param_groups] for o in pair.optimizers]
        np.testing.assert_allclose(*rates, rtol=1e-9, atol=1e-14)
        measure = [float(rng.uniform(1, 2))] if name == "ReduceLROnPlateau" else []
        ours.step(*measure)
        theirs.step(*measure)
        if epoch == 20:
            ours.load_state_dict(theirs.state_dict())
        if epoch == 40:
            theirs.load_state_dict({**theirs.state_dict(), **ours.state_dict()})
