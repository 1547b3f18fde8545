"""Nets that are copied, pickled or sent to another process compute the same gradients, and share nothing."""

import copy
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor import nn


def pickled(x):
    return pickle.loads(pickle.dumps(x))  # noqa: S301 -- made here


both_ways = pytest.mark.parametrize("way", [copy.deepcopy, pickled])


class Tied(nn.Module):
    """One weight under two names, and one layer twice."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.second = nn.Linear(3, 3)
        self.second.weight = self.first.weight
        self.again = self.first

    def forward(self, x):
        return self.again(mt.tanh(self.second(self.first(x))))


NETS = {
    "linear and norm": lambda: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2)),
    "tied": Tied,
    "dropout": lambda: nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5, generator=np.random.default_rng(0))),
    "recurrent": lambda: nn.GRUCell(3, 3),
    "attention": lambda: nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4)),
}


def gradients(net):
    """Of an output with a penalty on the weights, so that each weight is used several times."""
    x = np.arange(12.0, dtype=np.float32).reshape(4, 3) / 10
    net.zero_grad()
    (net(x).sum() + sum((p * p).sum() for p in net.parameters())).backward()
    return {name: p.grad.tolist() for name, p in net.named_parameters()}


def older_net(name):
    for _ in range(1000):
        mt.tensor(0.0)
    return NETS[name]()


@both_ways
@pytest.mark.parametrize("name", NETS)
def test_a_copied_net_has_the_same_gradients_and_shares_nothing(way, name):
    net = NETS[name]()
    twin = way(net)
    assert gradients(twin) == gradients(net)
    assert [name for name, _ in twin.named_parameters()] == [name for name, _ in net.named_parameters()]
    assert not set(twin.parameters()) & set(net.parameters())
    assert all(type(p) is nn.Parameter and not p.numpy().flags.writeable for p in twin.parameters())
    before = {name: t.tolist() for name, t in net.state_dict().items()}
    for t in (*twin.parameters(), *twin.buffers()):
        t.assign_(np.full(t.shape, 7))
    gradients(twin)
    assert {name: t.tolist() for name, t in net.state_dict().items()} == before


@both_ways
def test_what_is_one_stays_one(way):
    twin = way(Tied())
    assert twin.second.weight is twin.first.weight
    assert twin.again is twin.first
    assert len(list(twin.parameters())) == 3


@both_ways
def test_names_modes_and_paths_come_along(way):
    net = nn.Sequential(nn.Linear(3, 4), nn.Dropout()).eval().named("net")
    twin = way(net)
    assert [m.training for m in twin.modules()] == [False] * 3
    assert [p.name for p in twin.parameters()] == [p.name for p in net.parameters()]
    assert twin[0](np.zeros(3, np.float32)).scope.path == "net/0/linear"
    assert repr(twin) == repr(net)


@both_ways
def test_a_module_that_keeps_a_result_is_refused_with_the_reason(way):
    net = nn.Linear(2, 2)
    net.last = net(np.ones(2, np.float32))
    with pytest.raises(mt.GradientError, match="only a leaf is copied or pickled"):
        way(net)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_nets_travel_between_processes(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool:
        net = pool.submit(older_net, "recurrent").result()
        there = pool.submit(gradients, net).result()
    assert gradients(net) == gradients(copy.deepcopy(net)) == there
