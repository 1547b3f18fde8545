"""state_dict: a copy, in PyTorch's layout, from which a run goes on bit for bit; and nothing else is taken."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from test_optimizers import every_kind, parameters, run

import micrograd_tensor as mt
from micrograd_tensor import optim


def same(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return a.tobytes() == b.tobytes() if isinstance(a, np.ndarray) else a == b


@every_kind
def test_a_restored_optimizer_goes_on_bit_for_bit(kind, settings):
    params = parameters()
    first = kind(params, **settings)
    run(first, params, 7)
    saved, values = first.state_dict(), [p.numpy() for p in params]
    frozen = copy.deepcopy(saved)
    expected = run(first, params, 5, seed=2)
    assert same(saved, frozen), "a later step has changed the saved state"
    others = [mt.tensor(v, requires_grad=True) for v in values]
    second = kind(others, lr=3.0)
    for _ in range(2):  # also over a state that is in use
        for p, v in zip(others, values, strict=True):
            p.assign_(v)
        second.load_state_dict(saved)
        for a, b in zip(expected, run(second, others, 5, seed=2), strict=True):
            assert a.tobytes() == b.tobytes()
    assert same(second.state_dict(), first.state_dict())


def test_the_layout_is_pytorchs():
    params = parameters()
    optimizer = optim.Adam([{"params": params[:1]}, {"params": params[1:], "lr": 0.5}])
    run(optimizer, params, 2)
    state = optimizer.state_dict()
    assert list(state) == ["state", "param_groups"]
    assert [group["params"] for group in state["param_groups"]] == [[0], [1, 2, 3]]
    assert list(state["state"]) == [0, 1, 2, 3]
    assert set(state["state"][0]) == {"step", "exp_avg", "exp_avg_sq"}
    assert state["state"][1]["exp_avg"].shape == (4,)


def wrong(change):
    def made(state):
        change(state)
        return state

    return made


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (lambda s: s["param_groups"].pop(), ValueError, "1 parameter groups, the optimizer 2"),
        (lambda s: s["param_groups"][1]["params"].pop(), ValueError, "group 1 of the state has 2 parameters.* 3"),
        (lambda s: s["param_groups"][0].pop("betas"), KeyError, "group 0 of the state lacks betas"),
        (lambda s: s["state"][3].pop("exp_avg"), KeyError, "parameter 3 lacks exp_avg; it has"),
        (
            lambda s: s["state"][3].update(exp_avg=np.zeros(6)),
            mt.ShapeError,
            r"parameter 3: exp_avg has shape \(6,\), not that of p3 \(2, 1, 3\)",
        ),
    ],
)
def test_a_wrong_state_is_refused_by_name_and_changes_nothing(change, error, says):
    params = parameters()
    optimizer = optim.Adam([{"params": params[:1]}, {"params": params[1:]}])
    run(optimizer, params, 2)
    before, state = optimizer.state_dict(), optimizer.state_dict()
    state["param_groups"][0]["lr"] = 77.0
    change(state)
    with pytest.raises(error, match=says):
        optimizer.load_state_dict(state)
    assert same(optimizer.state_dict(), before)


def test_another_optimizers_state_is_refused():
    params = parameters()
    with pytest.raises(KeyError, match="SGD: the state lacks state and param_groups; is it a model's"):
        optim.SGD(params).load_state_dict({"0.weight": params[0]})
    with pytest.raises(KeyError, match="SGD: group 0 of the state lacks momentum"):
        optim.SGD(params).load_state_dict(optim.Adam(params).state_dict())


def pickled(x):
    return pickle.loads(pickle.dumps(x))  # noqa: S301 -- made here


@every_kind
@pytest.mark.parametrize("way", [copy.deepcopy, pickled])
def test_a_copied_optimizer_goes_on_bit_for_bit_with_the_copied_parameters(way, kind, settings):
    params = parameters()
    first = kind(params, **settings)
    run(first, params, 3)
    second, others = way((first, params))
    assert not set(params) & set(others)
    for a, b in zip(run(first, params, 3, seed=2), run(second, others, 3, seed=2), strict=True):
        assert a.tobytes() == b.tobytes()
    assert same(second.state_dict(), first.state_dict())


@every_kind
def test_a_shallow_copy_of_an_optimizer_moves_the_same_parameters_with_a_state_of_its_own(kind, settings):
    params = parameters()
    first = kind(params, **settings)
    run(first, params, 3)
    saved = first.state_dict()
    second = copy.copy(first)
    run(second, params, 3)
    second.param_groups[0]["lr"] = 7.0
    assert same(first.state_dict(), saved)


def test_a_schedule_is_copied_together_with_its_optimizer():
    optimizer = optim.SGD(parameters(), lr=1.0)
    schedule = optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    twin, its = copy.deepcopy((schedule, optimizer))
    twin.step()
    assert twin.optimizer is its
    assert (its.param_groups[0]["lr"], optimizer.param_groups[0]["lr"]) == (0.5, 1.0)
