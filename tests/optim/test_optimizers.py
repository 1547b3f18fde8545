"""Optimizers against their formulas written out once more, step by step, and what they promise beside the numbers."""

from __future__ import annotations

import gc
import math
import weakref

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor import nn, optim
from micrograd_tensor.optim.adam import adam
from micrograd_tensor.optim.rmsprop import rmsprop
from micrograd_tensor.optim.sgd import sgd

SHAPES = [(3, 4), (4,), (), (2, 1, 3)]
KINDS = [
    (optim.SGD, {"lr": 0.1}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "maximize": True}),
    (optim.Adam, {"lr": 0.1}),
    (optim.Adam, {"lr": 0.1, "amsgrad": True, "weight_decay": 0.1, "maximize": True}),
    (optim.AdamW, {"lr": 0.1, "betas": (0.5, 0.9)}),
    (optim.RMSprop, {"lr": 0.1}),
    (optim.RMSprop, {"lr": 0.1, "momentum": 0.5, "centered": True, "weight_decay": 0.1}),
]
every_kind = pytest.mark.parametrize(
    ("kind", "settings"), KINDS, ids=lambda v: v.__name__ if isinstance(v, type) else ""
)


def parameters(seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return [mt.tensor(rng.normal(size=s).astype(dtype), name=f"p{i}", requires_grad=True) for i, s in enumerate(SHAPES)]


def give_gradients(params, rng):
    for p in params:
        p.grad = mt.tensor(rng.normal(size=p.shape).astype(p.dtype))


def run(optimizer, params, steps, seed=1):
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        give_gradients(params, rng)
        optimizer.step()
    return [p.numpy() for p in params]


def by_the_book(kind, s, x, gradients):
    """One number, in the textbook's notation, knowing nothing of the rules."""
    m = v = b = a = top = 0.0
    lr, decay = s["lr"], s.get("weight_decay", 0.01 if kind is optim.AdamW else 0)
    mu, tau = s.get("momentum", 0), s.get("dampening", 0)
    for t, g in enumerate(gradients, 1):
        g = -g if s.get("maximize") else g
        if kind is optim.AdamW:
            x -= lr * decay * x
        else:
            g += decay * x
        if kind is optim.SGD:
            b = g if t == 1 else mu * b + (1 - tau) * g
            x -= lr * (g + mu * b if s.get("nesterov") else b if mu else g)
        elif kind is optim.RMSprop:
            v = 0.99 * v + 0.01 * g**2
            a = 0.99 * a + 0.01 * g if s.get("centered") else 0
            b = mu * b + g / (math.sqrt(v - a**2) + 1e-8)
            x -= lr * b
        else:
            one, two = s.get("betas", (0.9, 0.999))
            m, v = one * m + (1 - one) * g, two * v + (1 - two) * g**2
            top = max(top, v) if s.get("amsgrad") else v
            x -= lr * (m / (1 - one**t)) / (math.sqrt(top / (1 - two**t)) + 1e-8)
    return x


@every_kind
def test_every_element_follows_the_formula(kind, settings):
    params, rng = parameters(), np.random.default_rng(1)
    start = [p.numpy() for p in params]
    gradients = [[rng.normal(size=s) for s in SHAPES] for _ in range(30)]
    after = run(kind(params, **settings), params, 30)
    for i, p in enumerate(start):
        for place in np.ndindex(p.shape):
            expected = by_the_book(kind, settings, float(p[place]), [float(g[i][place]) for g in gradients])
            assert after[i][place] == pytest.approx(expected, rel=1e-12, abs=1e-12)


@every_kind
def test_float32_stays_and_is_close_to_float64(kind, settings):
    narrow = run(kind(p := parameters(dtype=np.float32), **settings), p, 20)
    wide = run(kind(q := parameters(), **settings), q, 20)
    for a, b in zip(narrow, wide, strict=True):
        assert a.dtype == np.float32
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize(
    "limits", [{"bucket.BLOCK": 3}, {"optimizer.LARGE": 1}, {"bucket.BLOCK": 2, "optimizer.LARGE": 5}]
)
@every_kind
def test_what_is_updated_together_makes_no_difference(kind, settings, limits, monkeypatch):
    whole = run(kind(p := parameters(), **settings), p, 5)
    for where, limit in limits.items():
        monkeypatch.setattr(f"micrograd_tensor.optim.{where}", limit)
    for a, b in zip(whole, run(kind(p := parameters(), **settings), p, 5), strict=True):
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize(
    ("rule", "buffers", "settings"),
    [
        (sgd, 1, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
        (adam, 2, {"weight_decay": 0.1, "decoupled_weight_decay": True}),
        (adam, 3, {"amsgrad": True, "maximize": True}),
        (rmsprop, 3, {"momentum": 0.9, "centered": True}),
    ],
)
@pytest.mark.parametrize("step", [1, 2])
def test_a_rule_records_on_tensors_and_gives_the_same_bits(rule, buffers, settings, step):
    rng = np.random.default_rng(0)
    arrays = [rng.uniform(0.5, 1, 5) for _ in range(2 + buffers)]
    if rule is rmsprop:
        arrays[2] += 1  # a variance: the mean of squares exceeds the squared mean
    tensors = [mt.tensor(a, requires_grad=True) for a in arrays]
    plain = rule(*arrays, step=step, lr=0.1, **settings)
    recorded = rule(*(t * 1.0 for t in tensors), step=step, lr=0.1, **settings)  # a leaf is no name to bind anew
    for a, b in zip(plain, recorded, strict=True):
        assert a.tobytes() == b.numpy().tobytes()
    assert mt.grad(recorded[0].sum(), tensors[1])[0] is not None


@pytest.mark.parametrize("large", [1, 1 << 16])
@pytest.mark.parametrize("place", range(3), ids=["the parameter", "the gradient", "a buffer"])
def test_a_rule_cannot_write_to_what_it_is_given(place, large, monkeypatch):
    class Writing(optim.Optimizer):
        @staticmethod
        def rule(*arrays, step, lr):
            arrays[place][...] = lr
            return arrays[0], arrays[2]

        def buffers(self, group):
            return ("buffer",)

    monkeypatch.setattr("micrograd_tensor.optim.optimizer.LARGE", large)
    w = [mt.tensor([1.0, 2.0], requires_grad=True) for _ in range(2)]
    give_gradients(w, np.random.default_rng(0))
    with pytest.raises(ValueError, match="read-only"):
        Writing(w, {"lr": 0.5}).step()
    assert [p.tolist() for p in w] == [[1.0, 2.0]] * 2


def test_what_a_rule_keeps_is_not_overwritten_later():
    class Remembering(optim.Optimizer):
        @staticmethod
        def rule(p, g, before, *, step, lr):
            return p - lr * before, g

        def buffers(self, group):
            return ("before",)

    w, v = (mt.tensor([x], requires_grad=True) for x in (1.0, 2.0))
    optimizer = Remembering([w, v], {"lr": 0.5})
    for g in (2.0, 4.0, 8.0):
        w.grad, v.grad = mt.tensor([g]), mt.tensor([-g])
        optimizer.step()
    assert (w.item(), v.item()) == (1 - 0.5 * (2 + 4), 2 + 0.5 * (2 + 4))
    assert [optimizer.state[p]["before"].tolist() for p in (w, v)] == [[8.0], [-8.0]]


def test_the_state_that_was_read_is_that_of_its_time():
    w = mt.tensor([1.0], requires_grad=True)
    optimizer = optim.SGD([w], lr=0.5, momentum=0.5)
    w.grad = mt.tensor([2.0])
    optimizer.step()
    seen = optimizer.state[w]["momentum_buffer"]
    optimizer.step()
    assert (seen.tolist(), optimizer.state[w]["momentum_buffer"].tolist()) == ([2.0], [3.0])
    assert not seen.flags.writeable


def test_a_graph_recorded_before_a_step_still_differentiates():
    w = mt.tensor([1.0, 2.0], name="w", requires_grad=True)
    optimizer = optim.Adam([w], lr=0.5)
    loss = (w * w * w).sum()
    loss.backward()
    optimizer.step()
    first = w.numpy()
    kept = (w * w * w).sum()
    before = w.numpy().copy()
    kept.backward()
    optimizer.step()
    w.grad = None
    kept.backward()
    np.testing.assert_allclose(w.grad.numpy(), 3 * before**2)
    assert not w.numpy().flags.writeable
    assert first.tobytes() == before.tobytes()


def test_parameters_without_a_gradient_stay_and_count_their_own_steps():
    params = parameters()
    optimizer = optim.Adam(params, lr=0.1)
    still = params[1].numpy()
    give_gradients(params, np.random.default_rng(0))
    params[1].grad = None
    optimizer.step()
    assert params[1].numpy() is still
    assert params[1] not in optimizer.state
    give_gradients(params, np.random.default_rng(1))
    optimizer.step()
    assert [optimizer.state[p]["step"] for p in params] == [2, 1, 2, 2]
    alone = mt.tensor(still, requires_grad=True)
    alone.grad = params[1].grad
    optim.Adam([alone], lr=0.1).step()
    assert alone.numpy().tobytes() == params[1].numpy().tobytes()


def test_a_value_assigned_from_outside_is_what_the_next_step_starts_from():
    w = mt.tensor([1.0, 2.0], requires_grad=True)
    optimizer = optim.SGD([w], lr=0.5)
    w.grad = mt.tensor([1.0, 1.0])
    optimizer.step()
    w.assign_([10.0, 20.0])
    optimizer.step()
    assert w.tolist() == [9.5, 19.5]


def test_training_leaves_nothing_to_the_garbage_collector():
    gc.collect()
    gc.disable()
    try:
        w = mt.tensor(np.ones(5), requires_grad=True)
        optimizer = optim.Adam([w], lr=0.1)
        schedule = optim.lr_scheduler.StepLR(optimizer, 1)
        gone = [weakref.ref(w), weakref.ref(optimizer)]
        for _ in range(3):
            (w * w).sum().backward()
            optimizer.step()
            schedule.step()
        del w, optimizer, schedule
        assert [ref() for ref in gone] == [None, None]
    finally:
        gc.enable()


def test_groups_have_their_own_settings():
    a, b = mt.tensor(1.0, requires_grad=True), mt.tensor(1.0, requires_grad=True)
    optimizer = optim.SGD([{"params": [a]}, {"params": b, "lr": 0.5}], lr=0.1)
    a.grad = b.grad = mt.tensor(1.0)
    optimizer.step()
    assert (a.item(), b.item()) == (0.9, 0.5)
    c = mt.tensor(1.0, requires_grad=True)
    optimizer.add_param_group({"params": [c], "momentum": 0.9})
    assert [group["momentum"] for group in optimizer.param_groups] == [0, 0, 0.9]
    assert "lr=0.5" in repr(optimizer)


def test_a_setting_changed_in_a_group_holds_from_the_next_step():
    params = parameters()
    optimizer = optim.SGD(params, lr=0.1)
    run(optimizer, params, 1)
    optimizer.param_groups[0]["momentum"] = 0.9
    run(optimizer, params, 2)
    assert all(np.any(optimizer.state[p]["momentum_buffer"]) for p in params)


def test_zero_grad_and_closure():
    w = mt.tensor([3.0], requires_grad=True)
    optimizer = optim.SGD([w], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    with mt.no_grad():
        assert optimizer.step(closure).item() == 9.0
    np.testing.assert_allclose(w.numpy(), 2.4)
    optimizer.zero_grad(set_to_none=False)
    assert w.grad.tolist() == [0.0]
    optimizer.zero_grad()
    assert w.grad is None


def test_mixed_dtypes_in_one_group():
    a = mt.tensor([1.0], dtype="float32", requires_grad=True)
    b = mt.tensor([1.0], dtype="float64", requires_grad=True)
    a.grad, b.grad = mt.tensor([1.0], dtype="float32"), mt.tensor([1.0])
    optim.Adam([a, b], lr=0.1).step()
    assert (a.dtype, b.dtype) == (np.float32, np.float64)
    np.testing.assert_allclose([a.item(), b.item()], 0.9, rtol=1e-6)


def test_a_wrong_gradient_is_refused_before_anything_has_changed():
    params = parameters()
    optimizer = optim.Adam([{"params": params[:2]}, {"params": params[2:]}], lr=0.1)
    give_gradients(params, np.random.default_rng(0))
    params[3].grad = mt.tensor(np.zeros(6))
    before = [p.numpy() for p in params]
    with pytest.raises(mt.ShapeError, match=r"p3 \(2, 1, 3\) has shape \(6,\)"):
        optimizer.step()
    assert all(p.numpy() is b for p, b in zip(params, before, strict=True))
    assert not optimizer.state
    give_gradients(params, np.random.default_rng(0))
    optimizer.step()
    assert optimizer.state[params[0]]["step"] == 1


@every_kind
def test_foreign_arrays_are_kept_and_updated_alike(kind, settings):
    da = pytest.importorskip("dask.array")
    ours, rng = parameters()[0], np.random.default_rng(0)
    theirs = mt.tensor(da.from_array(ours.numpy(), chunks=2), requires_grad=True)
    optimizers = [kind([p], **settings) for p in (ours, theirs)]
    for _ in range(3):
        g = rng.normal(size=ours.shape)
        ours.grad, theirs.grad = mt.tensor(g), mt.tensor(da.from_array(g, chunks=2))
        for optimizer in optimizers:
            optimizer.step()
    assert isinstance(theirs.data, da.Array)
    np.testing.assert_allclose(theirs.data.compute(), ours.numpy(), rtol=1e-12)
    kept = [theirs.data, *(v for v in optimizers[1].state.get(theirs, {}).values() if isinstance(v, da.Array))]
    assert max(len(v.dask) for v in kept) <= 4, "a lazy array drags along all that it is to be computed from"


W = [1.0, 2.0]


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda w: optim.SGD([]), ValueError, "SGD: no parameters given"),
        (lambda w: optim.SGD(w), mt.DTypeError, r"one Tensor, w \(2,\); give a list: \[w\]"),
        (lambda w: optim.SGD([w * 2.0]), mt.GradientError, "the result of mul"),
        (lambda w: optim.SGD([w, w]), ValueError, r"w \(2,\) is given twice"),
        (lambda w: optim.SGD([{"params": w}, {"params": [w]}]), ValueError, "given twice"),
        (lambda w: optim.SGD([1.0]), mt.DTypeError, "1.0 is not a Tensor but float"),
        (lambda w: optim.SGD(nn.Linear(1, 1)), mt.DTypeError, r"give its parameters\(\)"),
        (lambda w: optim.SGD([w], lr="0.1"), ValueError, "SGD: lr=.0.1. is not a number"),
        (lambda w: optim.SGD(nn.Sequential().parameters()), ValueError, "no parameters given.*nn.ModuleList"),
        (lambda w: optim.LBFGS, AttributeError, "no counterpart here: the optimizers are SGD"),
        (lambda w: optim.SGD([mt.tensor([1, 2])]), mt.DTypeError, "int64"),
        (lambda w: optim.SGD([w], lr=-1), ValueError, "lr=-1; it must be at least 0"),
        (lambda w: optim.SGD([w], lr=math.nan), ValueError, "lr=nan"),
        (lambda w: optim.SGD([w], nesterov=True), ValueError, "needs momentum"),
        (lambda w: optim.Adam([w], betas=(0.9,)), ValueError, r"betas=\(0\.9,\): give two numbers"),
        (lambda w: optim.Adam([w], betas=(0.9, 1.0)), ValueError, r"betas=\(0.9, 1.0\).*below 1"),
        (lambda w: optim.Adam([{"params": w, "momentum": 0.9}]), ValueError, "Adam has no setting 'momentum'"),
        (lambda w: optim.RMSprop([w], alpha=-0.1), ValueError, "alpha=-0.1"),
    ],
)
def test_errors_quote_what_was_written(make, error, says):
    with pytest.raises(error, match=says):
        make(mt.tensor(W, name="w", requires_grad=True))


@pytest.mark.parametrize("make", [lambda p: optim.Adam(p, lr=0.1), lambda p: optim.SGD(p, lr=0.1, momentum=0.9)])
def test_an_optimizer_follows_a_module_to_another_dtype(make):
    """As of float64 from the second step on: the state and the updates keep all their digits."""
    net = nn.Linear(3, 2, generator=np.random.default_rng(0))
    optimizer = make(net.parameters())
    for dtype in (np.float32, np.float64):
        net.to(dtype)
        optimizer.zero_grad()
        (net(np.full((1, 3), 1 / 3, dtype)) ** 2).sum().backward()
        optimizer.step()
    assert net.weight.dtype == np.float64
    assert (net.weight.numpy().astype(np.float32) != net.weight.numpy()).all()
    assert all(v.dtype == np.float64 for v in optimizer.state[net.weight].values() if isinstance(v, np.ndarray))
