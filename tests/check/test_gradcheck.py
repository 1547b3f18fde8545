"""The checker itself: it passes what is right, and finds faults of a thousandth, in any operand, at any order."""

import dataclasses
import re

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.engine import walk
from micrograd_tensor.engine.recording import recording
from micrograd_tensor.engine.row import TABLE
from micrograd_tensor.engine.tensor import Tensor

X = np.random.default_rng(0).uniform(0.5, 1.5, (3, 4))
ROW = np.random.default_rng(1).uniform(0.5, 1.5, 4)


@pytest.fixture
def plant(monkeypatch):
    """Exchange one rule of a row for another, in every call that is recorded from now on."""

    def planted(name, operand, rule):
        row = TABLE[name]
        rules = list(row.vjps)
        right = rules[operand]
        rules[operand] = lambda g, y, *x, **p: rule(right(g, y, *x, **p), g, y, *x)
        wrong = dataclasses.replace(row, vjps=tuple(rules))
        pull = walk.pull

        def pulled(pending, *args, **settings):
            for t in walk.ancestors(list(pending)):
                if t.op is row:
                    t.op = wrong
            return pull(pending, *args, **settings)

        monkeypatch.setattr(walk, "pull", pulled)

    return planted


def fails(function, *inputs, order=2):
    with pytest.raises(mt.GradientError, match="gradcheck") as caught:
        mt.gradcheck(function, *inputs, order=order)
    return str(caught.value)


# -------------------------------------------------------------------------------------------------------- what is right


@pytest.mark.parametrize(
    ("function", "inputs"),
    [
        (mt.exp, (X,)),
        (mt.mul, (X, ROW)),
        (mt.batch_norm, (X, ROW, ROW)),
        (mt.relu, (X - 1.01,)),
        (lambda x: mt.max(x, axis=0), (X,)),
        (lambda x: [x * 2.0, mt.sin(x).sum()], (X,)),
        (lambda x, i: x[i], (X, np.array([0, 0, 2]))),
        (lambda x: x.sum() * 0.0, (X,)),
        (lambda x, unused: mt.exp(x), (X, ROW)),
        (mt.square, (np.float64(2.0),)),
        (mt.square, (np.zeros((0, 3)),)),
        (mt.exp, (X.astype(np.float32),)),
        (mt.matmul, (np.random.default_rng(2).normal(size=(9, 20)), np.random.default_rng(3).normal(size=(20, 8)))),
    ],
)
def test_right_gradients_pass(function, inputs):
    for order in (1, 2):
        assert mt.gradcheck(function, *inputs, order=order) is True


def test_higher_orders_pass():
    assert mt.gradcheck(lambda x: mt.tanh(x) * mt.exp(x), X[:2, :2], order=4)


def test_large_inputs_are_checked_along_random_directions_only():
    calls = []

    def counted(x):
        calls.append(1)
        return mt.exp(x)

    assert mt.gradcheck(counted, np.linspace(0, 1, 5000), order=1)
    assert len(calls) < 30


def test_tensors_and_lists_are_inputs_too_and_nothing_of_them_changes():
    x = mt.tensor(X, name="x", requires_grad=True)
    before = recording.get()
    assert mt.gradcheck(mt.sin, x)
    assert mt.gradcheck(mt.sin, [0.5, 1.5])
    assert x.grad is None
    assert x.numpy().tobytes() == X.tobytes()
    assert recording.get() is before


def test_the_check_is_the_same_on_every_run():
    def message():
        try:
            mt.gradcheck(lambda x: _with_wrong_gradient(x, 1.001), X)
        except mt.GradientError as error:
            return str(error)

    assert message() == message()
    assert message() is not None


def _with_wrong_gradient(x, factor):
    """x², whose gradient is wrong by a factor: the part that is kept from derivatives makes up for the value."""
    y = mt.square(x)
    return y * factor + mt.stop_gradient(y * (1 - factor))


# ----------------------------------------------------------------------------------------------------------- the faults


@pytest.mark.parametrize("shape", [(3, 4), (), (40, 30)], ids=["small", "0-d", "large"])
@pytest.mark.parametrize("factor", [1.001, 0.999, -1.0, 2.0, 0.0])
def test_a_wrong_factor_is_found(factor, shape):
    x = np.random.default_rng(0).uniform(0.5, 1.5, shape)
    fails(lambda t: _with_wrong_gradient(t, factor), x, order=1)


@pytest.mark.parametrize("name", ["mul", "div", "add", "sub", "pow", "matmul", "maximum"])
@pytest.mark.parametrize("operand", [0, 1])
def test_a_thousandth_in_either_operand_is_found(name, operand, plant):
    plant(name, operand, lambda gx, g, y, *x: gx * 1.001)
    inputs = (X, X.T + 0.013) if name == "matmul" else (X, X[::-1] + 0.013)
    assert f"input {operand + 1}" in fails(getattr(mt, name), *inputs, order=1)


@pytest.mark.parametrize("name", ["exp", "log", "sqrt", "tanh", "sum", "mean", "prod", "relu", "abs", "max", "cumsum"])
def test_a_thousandth_in_any_op_is_found(name, plant):
    plant(name, 0, lambda gx, g, y, *x: gx * 1.001)
    op = getattr(mt, name)
    message = fails((lambda x: mt.cumsum(x, axis=1)) if name == "cumsum" else op, X, order=1)
    assert "input 1" in message


def test_a_wrong_sign_of_the_second_operand_is_found(plant):
    plant("sub", 1, lambda gx, g, y, *x: -gx)
    assert "input 2" in fails(mt.sub, X, ROW, order=1)


def test_operands_taken_for_each_other_are_found(plant):
    plant("mul", 0, lambda gx, g, y, a, b: g * a)
    fails(mt.mul, X, X + 0.5, order=1)


def test_a_missing_sum_over_broadcast_axes_is_found(monkeypatch):
    monkeypatch.setattr(walk, "unbroadcast", lambda g, shape: g)
    assert "has shape (3, 4), but the input has (4,)" in fails(mt.mul, X, ROW, order=1)


def test_a_mean_where_broadcast_axes_should_be_summed_is_found(monkeypatch):
    right = walk.unbroadcast
    monkeypatch.setattr(walk, "unbroadcast", lambda g, shape: right(g, shape) * (1 / 3))
    fails(mt.mul, X, ROW, order=1)


def test_a_fault_only_at_second_order_is_found_there_and_not_before(plant):
    """The factor is right, but a constant: 2x without its dependence on x."""
    plant("square", 0, lambda gx, g, y, x: g * (2 * (x.detach() if isinstance(x, Tensor) else x)))
    assert mt.gradcheck(mt.square, X, order=1)
    assert "order 2" in fails(mt.square, X, order=2)


def test_a_thousandth_at_second_order_alone_is_found(plant):
    """cos only stands in the rule of sin, so a wrong rule of cos shows at order 2."""
    plant("cos", 0, lambda gx, g, y, x: gx * 1.001)
    assert mt.gradcheck(mt.sin, X, order=1)
    assert "order 2" in fails(mt.sin, X, order=2)


def test_a_fault_at_third_order_alone_is_found(plant):
    plant("cos", 0, lambda gx, g, y, x: g * -mt.sin(x.detach() if isinstance(x, Tensor) else x))
    assert mt.gradcheck(mt.sin, X[:2, :2], order=2)
    assert "order 3" in fails(mt.sin, X[:2, :2], order=3)


@pytest.mark.parametrize("size", [1.001, 1 + 1e-15])
def test_a_fault_of_the_recorded_pass_alone_is_found(size, plant):
    """The two passes must agree to the last bit."""
    plant("exp", 0, lambda gx, g, y, x: gx * size if isinstance(g, Tensor) else gx)
    assert "not polymorphic" in fails(mt.exp, X, order=1)


def test_a_fault_of_the_plain_pass_alone_is_found(plant):
    plant("exp", 0, lambda gx, g, y, x: gx if isinstance(g, Tensor) else gx * 1.001)
    assert "not polymorphic" in fails(mt.exp, X, order=1)


def test_a_single_wrong_element_is_found_and_named(plant):
    def off(gx, g, y, x):
        mask = np.zeros(X.shape)
        mask[1, 2] = 0.001
        return gx + mask

    plant("exp", 0, off)
    assert "[1, 2]" in fails(mt.exp, X, order=1)


def test_a_wrong_element_among_many_is_found(plant):
    def off(gx, g, y, x):
        mask = np.zeros(2000)
        mask[777] = 0.01
        return gx + mask

    plant("exp", 0, off)
    assert re.search(r"gradcheck, order 1.*input 1", fails(mt.exp, np.linspace(0, 1, 2000), order=1))


def test_a_dropped_path_is_found():
    fails(lambda x: (x - mt.stop_gradient(x.mean(axis=0))) * x, X, order=1)


def test_a_zero_gradient_of_what_does_depend_is_found():
    fails(lambda x: mt.stop_gradient(mt.exp(x)) + x * 0.0, X, order=1)


def test_a_gradient_that_is_not_there_of_what_does_depend_is_found():
    fails(mt.stop_gradient, X, order=1)


def test_faults_in_batch_norm_are_found_wherever_they_are(plant):
    plant("sqrt", 0, lambda gx, g, y, x: gx * 1.001)
    assert "input 1" in fails(mt.batch_norm, X, ROW, ROW, order=1)


def test_a_nan_gradient_is_found(plant):
    plant("exp", 0, lambda gx, g, y, x: gx * np.nan)
    fails(mt.exp, X, order=1)


# ------------------------------------------------------------------------------------------------------------- messages


def test_the_message_names_input_place_values_and_method():
    x = mt.tensor([1.0, 2.0], name="weights")
    message = fails(lambda t: _with_wrong_gradient(t, 1.5), x, order=1)
    assert "'weights'" in message
    ours, numerical = map(
        float, re.search(r"at \[\d\] is (\S+), but numerically (\S+) \(complex step\)", message).groups()
    )
    assert ours == pytest.approx(1.5 * numerical)


def test_without_analytic_ops_the_error_bar_is_told(plant):
    plant("relu", 0, lambda gx, g, y, x: gx * 1.001)
    message = fails(mt.relu, X, order=1)
    assert "central differences" in message
    assert "±" in message


def test_inputs_without_floats_are_refused():
    with pytest.raises(mt.DTypeError, match="none of the 1 inputs is floating-point"):
        mt.gradcheck(mt.exp, np.arange(3))
