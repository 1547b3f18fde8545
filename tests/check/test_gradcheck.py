"""The checker itself: it passes what is right, and finds faults of a thousandth, in any operand, at any order."""

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
def plant(with_rules):
    """Exchange one rule of a row for another, in every call that is recorded from now on."""

    def planted(name, operand, rule):
        row = TABLE[name]
        rules = list(row.vjps)
        right = rules[operand]
        rules[operand] = lambda g, y, *x, **p: rule(right(g, y, *x, **p), g, y, *x)
        with_rules(row, tuple(rules))

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


@pytest.mark.parametrize(
    ("call", "way_out"),
    [
        (lambda: mt.gradcheck(mt.exp, [mt.tensor(X), mt.tensor(X)]), r"one by one.*mt\.gradcheck\(f, \*inputs\)"),
        (lambda: mt.gradcheck(mt.mul, (X, X)), "input 1 is a tuple"),
        (lambda: mt.gradcheck(mt.exp, X, [X, ROW]), "input 2 is a list"),
        (lambda: mt.gradcheck(mt.exp, X * 1j), "input 1 holds complex128"),
        (lambda: mt.gradcheck(mt.mul, X, X * 1j), "input 2 holds complex128"),
        (lambda: mt.gradcheck(mt.exp, ["a"]), "input 1 holds <U1"),
        (lambda: mt.gradcheck(mt.exp, [[1.0], [1.0, 2.0]]), "input 1 is not an array"),
        (lambda: mt.gradcheck(lambda x: x * 1j, X), "complex numbers"),
    ],
)
def test_inputs_of_another_kind_are_refused_with_a_sentence(call, way_out):
    with pytest.raises(mt.DTypeError, match=way_out):
        call()


@pytest.mark.parametrize(
    ("call", "way_out"),
    [
        (lambda: mt.gradcheck(mt.exp(X), X), r"mt\.gradcheck\(f, x\)"),
        (lambda: mt.gradcheck(mt.exp(mt.tensor(X)), X), r"mt\.gradcheck\(f, x\)"),
        (lambda: mt.gradcheck(None, X), "the function itself, not None"),
        *[
            (lambda order=order: mt.gradcheck(mt.exp, X, order=order), "order=")
            for order in ("a", 0, -1, 1.5, True, None)
        ],
        *[(lambda rtol=rtol: mt.gradcheck(mt.exp, X, rtol=rtol), "rtol=") for rtol in ("a", -1e-9, np.nan, 1.0, None)],
    ],
)
def test_settings_of_another_kind_are_refused_with_a_sentence(call, way_out):
    with pytest.raises(mt.GradientError, match=way_out):
        call()


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (lambda t: t.numpy() * 2, r"an array \(3, 4\)"),
        (lambda t: 1.0, r"1\.0"),
        (lambda t: None, "None"),
        (lambda t: {"y": t}, "a dict"),
        (lambda t: [t, [t]], "a list"),
        (lambda t: (t, None), "None"),
        (lambda t: (y for y in (t,)), "a generator"),
        (lambda t: [], "nothing in its list"),
    ],
)
def test_what_is_no_tensor_is_refused_with_a_sentence(function, what):
    assert re.search(f"the function returned {what}", fails(function, X))


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize(
    ("function", "point", "text"),
    [
        (mt.log, [-1.0, 1.0], r"returned nan at \[0\]"),
        (lambda t: mt.where(t > 1, np.inf, t), [0.5, 2.0], r"returned inf at \[1\]"),
    ],
)
def test_where_the_function_is_not_finite_there_is_nothing_to_check(function, point, text):
    assert re.search(text, fails(function, np.array(point)))


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_an_infinite_slope_is_not_called_wrong():
    assert "is inf; no numerical derivative can confirm that" in fails(mt.sqrt, np.array([0.0, 1.0]), order=1)


# ------------------------------------------------------------------------------------- functions that are no functions


NOISE = np.random.default_rng(3)


def _counter(t, calls=[0]):  # noqa: B006 -- that it remembers is the point
    calls.append(0)
    return t * len(calls)


def _sometimes(t, rng=NOISE):
    return t * (2.0 if rng.random() < 0.5 else 1.0)


@pytest.mark.parametrize(
    "function",
    [
        lambda t: mt.dropout(t, 0.5),
        lambda t, rng=NOISE: t * rng.normal(),
        lambda t, rng=NOISE: t + rng.normal(size=t.shape),
        lambda t, rng=NOISE: (t, t * rng.normal()),
        lambda t, rng=NOISE: t[: rng.integers(1, 4)],
        lambda t, rng=NOISE: [t] * rng.integers(1, 9),
        lambda t, rng=NOISE: t[rng.permutation(3)],
        _counter,
        _sometimes,
    ],
    ids=["dropout", "factor", "noise", "one of two", "length", "number", "order", "counter", "sometimes"],
)
def test_a_function_that_differs_from_call_to_call_is_told_so(function):
    message = fails(function, X)
    assert "different results for the same inputs" in message
    assert "manual_seed" in message


def test_a_function_that_starts_from_its_own_seed_is_checked():
    assert mt.gradcheck(lambda t: mt.dropout(t, 0.5, generator=np.random.default_rng(0)), X)


# --------------------------------------------------------------------------------------------------------------- kinks

TURNS = {
    "relu at 0": (mt.relu, [0.0, 1.0], "kink of relu at [0]"),
    "abs at 0": (mt.abs, [2.0, 0.0], "kink of abs at [1]"),
    "maximum with a number": (lambda t: mt.maximum(t, 0.0), [1.0, 0.0], "kink of maximum at [1]"),
    "minimum of equals": (lambda t: mt.minimum(t, t[::-1]), [1.0, 1.0], "kink of minimum"),
    "max of equals": (mt.max, [1.0, 1.0, 0.0], "kink of max at [0]"),
    "min over an axis": (lambda t: mt.min(t, axis=1), [[1.0, 2.0], [3.0, 3.0]], "kink of min at [1, 0]"),
    "clip at its bound": (lambda t: mt.clip(t, 0, 1), [1.0, 0.5], "kink of clip at [0]"),
    "where": (lambda t: mt.where(t > 0, t, 0.1 * t), [0.0, 1.0], "kink of greater at [0]"),
    "sort of equals": (lambda t: mt.sort(t) * np.arange(3.0), [2.0, 1.0, 1.0], "kink of argsort at [0]"),
    "pooled zeros": (lambda t: mt.max_pool2d(t, 2, 2), np.zeros((1, 1, 2, 2)), "kink of max"),
    "a norm at 0": (lambda t: mt.abs(t).sum(), [0.0, 0.0], "kink of abs"),
    "at a later op": (lambda t: mt.exp(mt.relu(t * 3.0 - 3.0)), [1.0, 2.0], "kink of relu at [0]"),
    "Python decides": (lambda t: t * 2 if t.item() > 1 else t + 1, 1.0, "kink, where there is no derivative"),
    "sign at 0": (mt.sign, [0.0, 1.0], "jump of sign at [0]"),
    "a threshold": (lambda t: mt.where(t > 1, 1.0 + t, t), [0.5, 1.0], "jump of greater at [1]"),
}


@pytest.mark.parametrize("name", TURNS)
def test_a_kink_or_jump_is_named_and_the_rule_not_blamed(name):
    function, point, text = TURNS[name]
    message = fails(function, np.array(point), order=1)
    assert text in message
    assert "but numerically" not in message
    assert "wrong" not in message


@pytest.mark.parametrize("name", TURNS)
def test_the_same_functions_pass_away_from_the_kink(name):
    function, point, _ = TURNS[name]
    away = np.array(point) + np.random.default_rng(0).uniform(0.1, 0.2, np.shape(point))
    assert mt.gradcheck(function, away)


@pytest.mark.parametrize("distance", [1e-3, 1e-5, 1e-7, -1e-3, -1e-5, -1e-7])
@pytest.mark.parametrize("function", [mt.relu, mt.abs, lambda t: mt.maximum(t, 0.0) ** 2 + mt.clip(t, 0.0, 5.0)])
def test_near_a_kink_the_steps_are_small_enough(function, distance):
    assert mt.gradcheck(function, np.array([distance, 1.0]), order=1)


def test_a_slope_that_no_side_has_is_wrong_at_a_kink_too():
    message = fails(lambda t: mt.relu(t) + t - mt.stop_gradient(t) * 2.0, np.array([0.0, 1.0]), order=1)
    assert "is not between them, so it is wrong" in message


def test_among_many_elements_a_kink_is_no_wrong_rule():
    x = np.random.default_rng(0).normal(size=3000)
    assert mt.gradcheck(mt.relu, x)
    x[777] = 0.0
    assert "kink of relu at [777]" in fails(lambda t: mt.relu(t) * 1e3 * (np.arange(3000) == 777) + t, x, order=1)


# ------------------------------------------------------------------------------------------------ unequal magnitudes


def _half(x, scale):
    """Only half of the slope, which is twice the scale, is recorded."""
    return x * scale + x.detach() * scale


def _beside(small):
    return np.array([1e8, 0.0]), np.array([0.0, small])


MAGNITUDES = {
    "alone": lambda t: _half(t, 1.0),
    "all small": lambda t: _half(t, 1e-14),
    "all large": lambda t: _half(t, 1e14),
    **{
        f"{small:g} beside 1e8": lambda t, large=large, little=little: (t * large + _half(t, little)).sum()
        for small in (1.0, 1e-3, 1e-6)
        for large, little in [_beside(small)]
    },
    "another output": lambda t: (t * 1e8, _half(t, 1.0)),
    "another element of the output": lambda t: mt.stack([t * 1e8, _half(t, 1.0)]),
    "not analytic": lambda t: (mt.relu(t) * np.array([1e8, 0.0]) + _half(t, np.array([0.0, 1.0]))).sum(),
    "not analytic, small": lambda t: mt.relu(_half(t, 1e-14)),
}


@pytest.mark.parametrize("name", MAGNITUDES)
def test_half_a_slope_is_found_whatever_stands_beside_it(name):
    assert "but numerically" in fails(MAGNITUDES[name], np.array([1.0, 1.5]), order=1)


@pytest.mark.parametrize("part", [1.0, 1e-4])
def test_a_small_wrong_element_among_many_large_ones_is_found_and_named(part):
    large, little = np.full(3000, 1e8), np.zeros(3000)
    large[1234], little[1234] = 0.0, 1.0
    message = fails(
        lambda t: t * large + t * little + (t - t.detach()) * little * part, np.linspace(1, 2, 3000), order=1
    )
    assert "at [1234]" in message


@pytest.mark.parametrize("scale", [1e-14, 1e-4, 1.0, 1e8])
@pytest.mark.parametrize("function", [mt.sin, mt.relu, lambda t: mt.log(mt.abs(t)), lambda t: mt.maximum(t, 0.0) ** 2])
def test_right_gradients_of_any_magnitude_pass(function, scale):
    x = np.random.default_rng(0).uniform(0.5, 1.5, 4)
    assert mt.gradcheck(lambda t: function(t) * scale, x)
    if scale <= 1:
        assert mt.gradcheck(function, x * scale)


@pytest.mark.parametrize(
    "function",
    [
        lambda t: (t + 1e8) - 1e8,
        lambda t: mt.relu((t + 1e8) - 1e8),
        lambda t: mt.sin(t.astype("float32")),
        lambda t: mt.softmax(t * 300.0),
        lambda t: t - t.mean(),
        lambda t: (mt.softmax(t) * 1e6).sum(),
    ],
)
def test_what_rounding_leaves_is_not_called_wrong(function):
    assert mt.gradcheck(function, np.random.default_rng(0).normal(size=5))


# ------------------------------------------------------------------------------------- functions that read numbers out


def _buffer(t):
    copy = np.zeros(t.shape)
    copy[:] = t.numpy()
    return t * mt.tensor(copy)


READING = {
    "a branch on item()": (lambda t: t * 2 if t.sum().item() > 0 else t * 3, True),
    "a branch on a comparison": (lambda t: t * 2 if t.sum() > 0 else t * 3, True),
    "a number for a log": (lambda t: (round(t.sum().item(), 3), t * 2)[1], True),
    "a text for a log": (lambda t: (f"{t.sum().item():.3f}", t * 2)[1], True),
    "int() of a value": (lambda t: t * int(t.numpy()[0]), True),
    "a factor by item()": (lambda t: t * t.sum().item(), False),
    "a factor by numpy()": (lambda t: t * np.abs(t.numpy()), False),
    "a buffer": (_buffer, False),
}


@pytest.mark.parametrize("name", READING)
def test_functions_that_read_numbers_out_are_judged(name):
    function, right = READING[name]
    x = np.array([1.5, -1.0])
    if right:
        assert mt.gradcheck(function, x)
    else:
        message = fails(function, x)
        assert "but numerically" in message
        assert re.search(r"reads numbers out.*(item|numpy)\(\) of ", message)
