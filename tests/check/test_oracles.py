"""The three oracles agree where all is well, and say which of them does not where a fault is planted."""

import dataclasses

import numpy as np
import pytest
from right_derivations import random_point
from solved import NAMES, solved

import micrograd_tensor as mt
from micrograd_tensor.check.oracles import oracles
from micrograd_tensor.check.rounding import recorded_tolerances


def asked(captured, seed=0):
    return oracles(captured, recorded_tolerances(captured), seed)


def leaf(value, name="x"):
    return mt.tensor(np.asarray(value, float), name=name, requires_grad=True)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", NAMES)
def test_all_three_agree_on_the_derivations(name, dtype):
    captured = solved(name, dtype).graph
    found = asked(captured)
    assert {oracle.name for oracle in found} == {n.name for n in captured.nodes if n.is_leaf and n.requires_grad}
    for oracle in found:
        assert oracle.agree
        assert oracle.text == ""
        assert abs(oracle.recorded - oracle.differences) <= 1e-3 * max(1, abs(oracle.recorded))


@pytest.mark.parametrize("seed", range(60))
def test_hard_points_are_no_disagreement(seed):
    assert all(oracle.agree for oracle in asked(random_point(seed).graph()))


def test_the_complex_step_is_switched_off_where_an_op_is_not_analytic():
    smooth, kinked = (asked(mt.graph(f(leaf([0.5, -1.5, 2.0])), np.ones(3)))[0] for f in (mt.tanh, mt.relu))
    assert smooth.complex_step == pytest.approx(smooth.recorded, rel=1e-14)
    assert kinked.complex_step is None
    assert kinked.agree


def test_what_is_masked_by_infinity_is_no_disagreement():
    rng = np.random.default_rng(0)
    x, v = (mt.tensor(rng.normal(size=(5, 5)), name=name, requires_grad=True) for name in ("x", "v"))
    masked = mt.where(np.tri(5, dtype=bool), x, -np.inf)
    for oracle in asked(mt.graph(mt.softmax(masked) @ v, rng.normal(size=(5, 5)))):
        assert oracle.agree
        assert np.isfinite(oracle.bar)


def test_what_no_gradient_flows_through_is_held():
    x = leaf([0.5, -1.5, 2.0])
    shifted = x - mt.stop_gradient(mt.max(x))
    (oracle,) = asked(mt.graph(mt.where(x > 0, mt.exp(shifted), shifted), np.array([1.0, 2.0, -1.0])))
    assert oracle.agree
    assert oracle.complex_step is not None


def planted(rule):
    """y = x² by a row whose rule is another, then a sine, which is right."""
    y = mt.square(leaf([0.5, 1.0, 2.0]))
    y.op = dataclasses.replace(y.op, vjps=(rule,))
    return mt.graph(mt.sin(y), np.array([1.0, -0.5, 2.0]))


@pytest.mark.parametrize(
    "rule",
    [lambda g, y, x: g * x, lambda g, y, x: g * (2 * x) * (1 + 1e-9), lambda g, y, x: -g * (2 * x)],
    ids=["2 lost", "off by 1e-9", "sign"],
)
def test_a_wrong_rule_is_found_against_the_complex_step(rule):
    (oracle,) = asked(planted(rule))
    assert not oracle.agree
    assert "the recorded rules give" in oracle.text or "complex step" in oracle.text
    assert asked(planted(lambda g, y, x: g * (2 * x)))[0].agree


def test_a_wrong_rule_of_an_op_that_is_not_analytic_is_found_against_differences():
    y = mt.abs(leaf([0.5, -1.0, 2.0]))
    y.op = dataclasses.replace(y.op, vjps=(lambda g, y, x: g,))
    (oracle,) = asked(mt.graph(y, np.ones(3)))
    assert not oracle.agree
    assert oracle.complex_step is None
    assert "central differences" in oracle.text


def test_a_disagreement_stands_first_in_the_report_and_in_its_text():
    report = mt.compare(planted(lambda g, y, x: g * x), hand={"dx": np.ones(3)})
    assert [oracle.agree for oracle in report.oracles] == [False]
    assert report.oracles[0].text in " ".join(str(report).split())


def test_many_inputs_are_asked_together_and_other_seeds_give_other_directions():
    total = sum(((i + 1.0) * leaf([1.0, 2.0], f"x{i}") for i in range(20)), start=mt.tensor(0.0))
    captured = mt.graph(mt.exp(0.01 * total), np.ones(2))
    found = asked(captured)
    assert len(found) == 17
    assert "x16, x17, x18, x19" in {oracle.name for oracle in found}
    assert asked(captured) == found
    assert asked(captured, 1)[0].recorded != found[0].recorded
