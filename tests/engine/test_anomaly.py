"""detect_anomaly: the first op that makes a NaN or an infinity is named, with its operands and the line that ran it."""

import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from op_cases import CASES, each, outputs, upstreams

import micrograd_tensor as mt

pytestmark = pytest.mark.infinities


def parameter(values, name):
    return mt.tensor(np.asarray(values, dtype=float), name=name, requires_grad=True)


def line_here(ahead=0):
    """How a message names the line that is so far below the caller's."""
    frame = inspect.currentframe().f_back
    return f'"{frame.f_code.co_filename}", line {frame.f_lineno + ahead}'


FORWARD = {
    "log of a negative": (lambda x: mt.log(x), [1.0, -1.0], "log of x (2,) made a NaN at [1], where x is -1.0"),
    "log of zero": (lambda x: mt.log(x), [0.0, 1.0], "log of x (2,) made an infinity at [0], where x is 0.0"),
    "sqrt": (lambda x: mt.sqrt(x), [[1.0, 2.0], [-4.0, 1.0]], "sqrt of x (2, 2) made a NaN at [1, 0], where x is -4.0"),
    "exp": (lambda x: mt.exp(x), [800.0], "exp of x (1,) made an infinity at [0], where x is 800.0"),
    "reciprocal": (lambda x: 1.0 / x, [2.0, 0.0], "div of 1.0 and x (2,) made an infinity at [1]"),
    "quotient": (lambda x: x / x, [1.0, 0.0], "div of x (2,) and x (2,) made a NaN at [1]"),
    "0-d": (lambda x: mt.log(x), -2.0, "log of x () made a NaN, where x is -2.0"),
    "a reduction": (lambda x: mt.prod(x), [1e200, 1e200], "prod of x (2,) made an infinity"),
    "a later op": (lambda x: mt.exp(mt.log(x - 3.0)), [2.0], "log of the result of sub (1,) made a NaN at [0]"),
    "matmul": (lambda x: x @ x, [1e200, 1e200], "matmul of x (2,) and x (2,) made an infinity"),
}


@pytest.mark.parametrize("name", FORWARD)
def test_the_first_bad_forward_op_is_named(name):
    function, value, message = FORWARD[name]
    x = parameter(value, "x")
    with mt.detect_anomaly(), pytest.raises(mt.GradientError) as caught:
        function(x)
    assert message in str(caught.value)
    assert re.search(rf'"{re.escape(__file__)}", line \d+$', str(caught.value))


def test_the_line_of_a_forward_op_is_the_callers():
    x = parameter([-1.0], "x")
    with mt.detect_anomaly():
        with pytest.raises(mt.GradientError) as caught:
            expected, _ = line_here(), mt.log(x)
        expected = line_here(-1)
    assert str(caught.value).endswith(expected)


def test_the_line_is_the_users_also_inside_a_composition():
    x = parameter([[1e200, 1.0], [2e200, 3.0]], "x")
    with mt.detect_anomaly():
        with pytest.raises(mt.GradientError) as caught:
            mt.batch_norm(x, 1.0, 0.0)
        expected = line_here(-1)
    assert "square of dev_from_mean (2, 2) made an infinity at [0, 0]" in str(caught.value)
    assert str(caught.value).endswith(expected)


@pytest.mark.parametrize("create_graph", [False, True], ids=["plain", "recorded"])
def test_the_first_bad_backward_op_is_named_with_the_line_of_its_forward(create_graph):
    x = parameter([4.0, 0.0], "x")
    with mt.detect_anomaly():
        y = mt.sqrt(x)
        expected = line_here(-1)
        z = (y * 3.0).sum()
        with pytest.raises(mt.GradientError) as caught:
            mt.grad(z, x, create_graph=create_graph)
    message = str(caught.value)
    assert "the rule of sqrt for operand 1 of x (2,) made an infinity at [1], where x is 0.0" in message
    assert message.endswith(expected)
    assert x.grad is None


def test_a_bad_second_operand_is_counted():
    a, b = parameter([1.0], "a"), parameter([1e-200], "b")
    with mt.detect_anomaly():
        y = a / b
        with pytest.raises(mt.GradientError, match=r"the rule of div for operand 2 of a \(1,\) and b \(1,\)"):
            y.backward([1.0])


def test_a_forward_outside_the_block_says_how_to_find_the_line():
    x = parameter([0.0], "x")
    y = mt.sqrt(x)
    with mt.detect_anomaly(), pytest.raises(mt.GradientError, match="open detect_anomaly around the forward"):
        y.backward([1.0])


def test_infinities_that_were_already_there_are_passed_on():
    x = parameter([1.0, np.inf, -np.inf], "x")
    with mt.detect_anomaly():
        y = mt.exp(mt.maximum(x, -3.0) * 2.0)
        mt.softmax(parameter([-np.inf, 1.0, 2.0], "masked")).backward([1.0, 2.0, 3.0])
    assert y.numpy()[1] == np.inf


def test_a_nan_that_an_operand_already_held_is_said_to_be_passed_on():
    x = parameter([1.0, np.nan], "x")
    with (
        mt.detect_anomaly(),
        pytest.raises(mt.GradientError, match=r"exp of x \(2,\) passed on a NaN at \[1\].* x \(2,\)"),
    ):
        mt.exp(x)


def test_a_nan_made_of_infinities_is_found():
    x = parameter([np.inf], "x")
    with mt.detect_anomaly(), pytest.raises(mt.GradientError, match=r"sub of x \(1,\) and x \(1,\) made a NaN"):
        x - x


@each(CASES)
def test_there_is_no_false_alarm(case):
    """Every case of the table runs forward and backward to the same bits as without the watch."""
    tensors = case.tensors()
    leaves = [t for t in tensors if t.requires_grad]
    if case.differentiable:
        expected = outputs(case.function(*tensors))
        expected = [g.numpy().tobytes() for g in mt.grad(expected, leaves, upstreams(expected))]
    with mt.detect_anomaly():
        outs = outputs(case.function(*tensors))
        if case.differentiable:
            for create_graph in (False, True):
                found = mt.grad(outs, leaves, upstreams(outs), create_graph=create_graph)
                assert [g.numpy().tobytes() for g in found] == expected


@pytest.mark.parametrize("setting", ["raise", "ignore", "warn"])
def test_the_users_errstate_does_not_matter(setting):
    x = parameter([800.0, -1.0], "x")
    with np.errstate(all=setting), mt.detect_anomaly():
        with pytest.raises(mt.GradientError, match="made an infinity"):
            mt.exp(x)
        with pytest.raises(mt.GradientError, match="made a NaN"):
            mt.log(x)
        assert mt.tanh(x).shape == (2,)
        assert np.geterr()["over"] == setting


def test_integers_and_truth_values_are_left_alone():
    with mt.detect_anomaly():
        assert (mt.tensor([1, 2]) + 1).tolist() == [2, 3]
        assert mt.isfinite(mt.tensor([np.nan])).tolist() == [False]


def test_outside_the_block_nothing_is_watched():
    x = parameter([-1.0], "x")
    with mt.detect_anomaly():
        pass
    assert np.isnan(mt.log(x).item())


def test_wrong_shapes_are_still_explained():
    with mt.detect_anomaly(), pytest.raises(mt.ShapeError, match="do not broadcast"):
        parameter([1.0, 2.0], "x") + np.ones(3)


def test_it_watches_what_is_not_recorded_too():
    with mt.detect_anomaly(), mt.no_grad(), pytest.raises(mt.GradientError, match="made a NaN"):
        mt.log(mt.tensor([-1.0]))


def test_the_named_file_is_this_one():
    assert Path(__file__).name == "test_anomaly.py"
    assert line_here().startswith(f'"{__file__}"')


def test_a_nan_of_the_upstream_is_not_blamed_on_the_rule():
    x = parameter([1.0, 2.0], "x")
    with mt.detect_anomaly():
        y = x * 2.0
        with pytest.raises(mt.GradientError) as caught:
            y.backward([np.nan, 1.0])
    assert "made a NaN" not in str(caught.value)


def test_an_infinite_upstream_is_passed_on():
    x = parameter([1.0, 2.0], "x")
    with mt.detect_anomaly():
        (x * 2.0).backward([np.inf, 1.0])
    assert x.grad.tolist() == [np.inf, 2.0]


def test_an_infinity_among_the_parameters_was_given_not_made():
    with mt.detect_anomaly():
        assert mt.pad(parameter([1.0], "x"), 1, value=-np.inf).numpy()[0] == -np.inf


def test_a_sum_at_a_fork_is_watched():
    """Each of two gradients is finite, and their sum is not."""
    x = parameter([1.0, 2.0], "x")
    with mt.detect_anomaly():
        y = (x * 1.0).named("y")
        with pytest.raises(mt.GradientError, match=r"adding up the gradient of y \(2,\) made an infinity at \[1\]"):
            mt.grad([y * 1.0, y * 1.0], x, [np.array([1.0, 1e308]), np.array([1.0, 1e308])])


def test_an_infinity_that_arrives_at_a_fork_is_passed_on():
    x = parameter([1.0], "x")
    with mt.detect_anomaly():
        assert mt.grad([x * 1.0, x * 1.0], x, [np.array([np.inf]), np.array([1.0])])[0].tolist() == [np.inf]
