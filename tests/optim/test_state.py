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
        (lambda s: s.update(state=None), ValueError, "'state' has dictionaries by number"),
        (lambda s: s["state"].update({0: 3}), ValueError, "'state' has dictionaries by number"),
        (lambda s: s.update(param_groups=[1, 2]), ValueError, "group 0 of the state is no dictionary"),
        (lambda s: s["param_groups"][1].update(params=None), ValueError, "group 1 of the state is no dictionary"),
        (lambda s: s["param_groups"][0].update(lr=-1), ValueError, "lr=-1"),
        (lambda s: s["param_groups"][0].update(lr="fast"), ValueError, "lr='fast', where the optimizer has 0.001"),
        (lambda s: s["param_groups"][0].update(lr=10**400), ValueError, "lr=1000"),
        (lambda s: s["param_groups"][0].update(lr=[0.1]), ValueError, r"lr=\(0\.1,\)"),
        (lambda s: s["param_groups"][0].update(betas=None), ValueError, "betas=None"),
        (lambda s: s["param_groups"][0].update(betas=(0.9,)), ValueError, r"betas=\(0\.9,\)"),
        (lambda s: s["param_groups"][0].update(betas=(0.9, 2.0)), ValueError, "betas.*below 1"),
        (lambda s: s["param_groups"][0].update(amsgrad="yes"), ValueError, "amsgrad='yes'"),
        (lambda s: s["param_groups"][0].update(nesterov=False), ValueError, "no setting 'nesterov'"),
        (lambda s: s["param_groups"][1].update(params=[1, 2, 7]), ValueError, "remembers parameter 3"),
        (lambda s: s["state"].update({9: s["state"][0]}), ValueError, "remembers parameter 9"),
        (lambda s: s["state"][3].update(grad_avg=np.zeros(6)), ValueError, "parameter 3 has grad_avg"),
        (lambda s: s["state"][3].update(exp_avg=["a"]), mt.DTypeError, "parameter 3: exp_avg is not an array"),
        (lambda s: s["state"][3].update(exp_avg=np.ones((2, 1, 3)) * 1j), mt.DTypeError, "complex"),
        (lambda s: s["state"][3].update(step=2.5), ValueError, "step=2.5 is no number of steps"),
        (lambda s: s["state"][3].update(step=-1), ValueError, "step=-1"),
        (lambda s: s["state"][3].update(step=float("nan")), ValueError, "step=nan"),
        (lambda s: s["param_groups"][1]["param_names"].__setitem__(0, "q"), ValueError, "other parameters.*p1, q"),
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
    second, third = copy.copy(first), copy.copy(first)
    run(second, params, 3)
    second.param_groups[0]["lr"] = 7.0
    assert same(first.state_dict(), saved)
    run(first, params, 2)
    assert same(third.state_dict(), saved)


def test_a_schedule_is_copied_together_with_its_optimizer():
    optimizer = optim.SGD(parameters(), lr=1.0)
    schedule = optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    twin, its = copy.deepcopy((schedule, optimizer))
    twin.step()
    assert twin.optimizer is its
    assert (its.param_groups[0]["lr"], optimizer.param_groups[0]["lr"]) == (0.5, 1.0)


def test_a_state_in_another_order_is_matched_by_name():
    first, second = ({name: mt.tensor(np.ones(3), name=name, requires_grad=True) for name in "abc"} for _ in "12")
    one, other = optim.Adam(first.values()), optim.Adam([second[name] for name in "cab"])
    for k, p in enumerate(first.values()):
        p.grad = mt.tensor(np.full(3, k + 1.0))
    one.step()
    state = one.state_dict()
    assert state["param_groups"][0]["param_names"] == ["a", "b", "c"]
    other.load_state_dict(state)
    for name, p in second.items():
        assert other.state[p]["exp_avg"].tolist() == one.state[first[name]]["exp_avg"].tolist()
    del state["param_groups"][0]["param_names"]  # as PyTorch writes it: by their order
    other.load_state_dict(state)
    assert other.state[second["c"]]["exp_avg"].tolist() == one.state[first["a"]]["exp_avg"].tolist()


@pytest.mark.parametrize("names", [[None, None], ["w", None], ["w", "w"]])
def test_without_a_name_for_each_the_order_decides(names):
    params = [mt.tensor([1.0], name=name, requires_grad=True) for name in names]
    optimizer = optim.SGD(params, momentum=0.9)
    for k, p in enumerate(params):
        p.grad = mt.tensor([k + 1.0])
    optimizer.step()
    state = optimizer.state_dict()
    assert "param_names" not in state["param_groups"][0]
    again = optim.SGD(params, momentum=0.9)
    again.load_state_dict(state)
    assert [again.state[p]["momentum_buffer"].tolist() for p in params] == [[1.0], [2.0]]


def test_what_pytorch_says_about_how_it_computes_is_no_obstacle():
    params = parameters()
    state = optim.Adam(params).state_dict()
    state["param_groups"][0].update(foreach=None, fused=True, capturable=False, differentiable=False)
    for later in ("maximize", "decoupled_weight_decay"):  # which older versions do not write
        state["param_groups"][0].pop(later)
    optim.Adam(params).load_state_dict(state)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"step_size": "x"}, ValueError, "step_size='x', where the schedule has 2"),
        ({"last_epoch": None}, ValueError, "last_epoch=None"),
        ({"_last_lr": 0.1}, ValueError, "_last_lr=0.1"),
        ({"_last_lr": ["x"]}, ValueError, "_last_lr="),
        ({"_last_lr": [0.1, 0.2]}, ValueError, "2 parameter groups, the optimizer has 1"),
    ],
)
def test_a_wrong_state_of_a_schedule_is_refused(change, error, says):
    schedule = optim.lr_scheduler.StepLR(optim.SGD(parameters()), step_size=2)
    before = schedule.state_dict()
    with pytest.raises(error, match=says):
        schedule.load_state_dict({**before, **change})
    assert schedule.state_dict() == before


@pytest.mark.parametrize("rate", [np.float32(0.5), np.array(0.5), mt.tensor(0.5)], ids=["scalar", "array", "tensor"])
def test_a_rate_of_one_element_is_a_number(rate):
    w = mt.tensor([1.0, 2.0], requires_grad=True)
    optimizer = optim.SGD([w], lr=rate)
    assert optimizer.param_groups[0]["lr"] == 0.5
    assert type(optimizer.state_dict()["param_groups"][0]["lr"]) is float
    w.grad = mt.tensor([1.0, 1.0])
    optimizer.step()
    assert w.tolist() == [0.5, 1.5]
