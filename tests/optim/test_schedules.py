"""Learning-rate schedules against their closed forms, and limits on gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor import optim
from micrograd_tensor.optim import lr_scheduler


def sgd(*rates):
    groups = [{"params": [mt.tensor(1.0, requires_grad=True)], "lr": lr} for lr in rates or (0.5,)]
    return optim.SGD(groups)


CLOSED = {
    "step": (lambda o: lr_scheduler.StepLR(o, 3, 0.5), lambda t: 0.5 ** (t // 3)),
    "milestones": (lambda o: lr_scheduler.MultiStepLR(o, [2, 5, 5]), lambda t: 0.1 ** ((t >= 2) + 2 * (t >= 5))),
    "cosine": (lambda o: lr_scheduler.CosineAnnealingLR(o, 6), lambda t: (1 + math.cos(math.pi * t / 6)) / 2),
    "lambda": (lambda o: lr_scheduler.LambdaLR(o, lambda t: 0.9**t), lambda t: 0.9**t),
}
every_schedule = pytest.mark.parametrize("name", CLOSED)


@every_schedule
def test_rates_follow_the_closed_form_in_every_group(name):
    make, closed = CLOSED[name]
    optimizer = sgd(0.5, 0.02)
    schedule = make(optimizer)
    for t in range(20):
        expected = [0.5 * closed(t), 0.02 * closed(t)]
        np.testing.assert_allclose([g["lr"] for g in optimizer.param_groups], expected, rtol=1e-9, atol=1e-15)
        assert schedule.get_last_lr() == [g["lr"] for g in optimizer.param_groups]
        schedule.step()


@every_schedule
def test_a_restored_schedule_goes_on_bit_for_bit(name):
    make, _ = CLOSED[name]
    optimizer, other = sgd(), sgd(0.9)
    schedule, second = make(optimizer), make(other)
    for _ in range(4):
        schedule.step()
    other.load_state_dict(optimizer.state_dict())
    second.load_state_dict(schedule.state_dict())
    for _ in range(9):
        schedule.step()
        second.step()
        assert second.get_last_lr() == schedule.get_last_lr()
    assert second.state_dict() == schedule.state_dict()


def test_two_schedules_multiply():
    optimizer = sgd(1.0)
    both = [lr_scheduler.StepLR(optimizer, 1, 0.5), lr_scheduler.MultiStepLR(optimizer, [2], 0.1)]
    for _ in range(2):
        for schedule in both:
            schedule.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.25 * 0.1)


@pytest.mark.parametrize(("mode", "sign"), [("min", 1), ("max", -1)])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
def test_the_plateau(mode, sign, threshold_mode):
    optimizer = sgd(1.0)
    schedule = lr_scheduler.ReduceLROnPlateau(
        optimizer, mode, patience=1, factor=0.5, threshold=0.1, threshold_mode=threshold_mode, cooldown=2, min_lr=0.2
    )
    rates = []
    for measure in [10, 8, 7.99, 7.98, 7.97, 7.96, 7.95, 7.94, 7.93, 7.92, 7.91, 7.9]:
        schedule.step(measure if sign == 1 else 20 - measure)
        rates += schedule.get_last_lr()
    assert rates == [1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.2]


def test_a_restored_plateau_goes_on():
    one, two = (lr_scheduler.ReduceLROnPlateau(sgd(1.0), patience=2) for _ in range(2))
    for measure in (3.0, 2.0, 2.0):
        one.step(measure)
    two.load_state_dict(one.state_dict())
    for schedule in (one, two):
        schedule.step(2.0)
        schedule.step(2.0)
        assert schedule.get_last_lr() == [0.1]


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda o: lr_scheduler.StepLR(o, 0), ValueError, "step_size=0"),
        (lambda o: lr_scheduler.StepLR([o], 1), TypeError, "not an optimizer"),
        (lambda o: lr_scheduler.StepLR(o, 1, last_epoch=3), KeyError, "no 'initial_lr'"),
        (lambda o: lr_scheduler.CosineAnnealingLR(o, 0), ValueError, "T_max=0"),
        (lambda o: lr_scheduler.LambdaLR(o, [abs, abs]), ValueError, "2 functions for 1"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, "best"), ValueError, "mode='best'; it is 'min' or 'max'"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=1), ValueError, "factor=1"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, min_lr=[0, 0]), ValueError, "2 min_lr for 1"),
        (lambda o: lr_scheduler.StepLR(o, 1).load_state_dict({}), KeyError, "lacks step_size, gamma"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o).load_state_dict({}), KeyError, "lacks min_lrs"),
    ],
)
def test_errors_quote_what_was_written(make, error, says):
    with pytest.raises(error, match=says):
        make(sgd())


def with_gradients(*values):
    params = [mt.tensor(np.zeros(np.shape(v)), requires_grad=True) for v in values]
    for p, v in zip(params, values, strict=True):
        p.grad = mt.tensor(v)
    return params


@pytest.mark.parametrize(("norm_type", "norm"), [(2.0, 13.0), (1.0, 19.0), (math.inf, 12.0)])
def test_clip_grad_norm(norm_type, norm):
    params = [*with_gradients([3.0, -4.0], 12.0), mt.tensor(1.0, requires_grad=True)]
    assert optim.clip_grad_norm_(params, 1.0, norm_type) == pytest.approx(norm)
    np.testing.assert_allclose(params[0].grad.numpy(), np.array([3, -4]) / (norm + 1e-6))
    np.testing.assert_allclose(params[1].grad.numpy(), 12 / (norm + 1e-6))
    before = params[0].grad
    optim.clip_grad_norm_(params, 100.0)
    assert params[0].grad is before


def test_clip_grad_value():
    params = with_gradients([3.0, -4.0], 0.5)
    optim.clip_grad_value_(params, 1.0)
    assert [p.grad.tolist() for p in params] == [[1.0, -1.0], 0.5]
    with pytest.raises(ValueError, match="clip_value=-1"):
        optim.clip_grad_value_(params, -1)


def test_a_norm_that_is_no_number_is_refused_on_request():
    params = with_gradients([3.0, math.nan])
    with pytest.raises(mt.GradientError, match="norm of the gradients is nan"):
        optim.clip_grad_norm_(params, 1.0, error_if_nonfinite=True)
    assert params[0].grad.tolist()[0] == 3.0
    assert optim.clip_grad_norm_([], 1.0) == 0.0
