"""Invariants hold for right gradients, and a failing one names the branch."""

import numpy as np
import pytest
from solved import NAMES, solved

import micrograd_tensor as mt


def failing(found):
    return {(invariant.name, invariant.kind): invariant for invariant in found if not invariant.holds}


@pytest.mark.parametrize("name", NAMES)
def test_right_derivations_have_every_property(name):
    of = solved(name)
    found = mt.check.invariants(of.graph, hand=of.module.backward, forward=of.cache)
    assert failing(found) == {}
    assert {i.name for i in found if i.kind == "linearity"} == {
        n.name for n in of.graph.nodes if n.is_leaf and n.requires_grad
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_right_derivation_in_float32_of_a_float64_graph_has_them_up_to_its_rounding(name):
    of = solved(name)

    def coarse(dout, cache):
        return of.module.backward(np.float32(dout), cache)

    assert failing(mt.check.invariants(of.graph, hand=coarse, forward=of.cache)) == {}
    assert mt.compare(of.graph, hand=dict(coarse(of.dout, of.cache))).ok


def test_batch_norm_has_two_null_directions_a_column_and_eulers_identity():
    of = solved("batchnorm")
    found = {(i.name, i.kind): i for i in mt.check.invariants(of.graph, hand=of.hand())}
    assert "8 directions" in found["x", "null space"].text
    assert "sums over axis 0" in found["x", "null space"].text
    assert any(kind == "Euler" and set(name.split(", ")) == {"gamma", "beta"} for name, kind in found)


@pytest.mark.parametrize(
    ("old", "new", "branch"),
    [
        ("dx = ddev_from_mean + np.ones((N, D)) / N * dmean", "dx = ddev_from_mean", "mean"),
        ("ddev_from_mean += 2 * dev_from_mean * ddev_from_mean_sq", "pass", "dev_from_mean_sq"),
        ("ddev_from_mean = dx_norm * inverted_stddev", "ddev_from_mean = 0", "x_norm"),
    ],
)
def test_a_lost_branch_breaks_a_property_and_is_named(old, new, branch):
    of = solved("batchnorm")
    bad = failing(mt.check.invariants(of.graph, hand=of.hand((old, new))))
    if branch == "x_norm":  # what is left still lies in the span of the two directions, in part
        assert ("x", "null space") in bad
    else:
        assert bad["x", "null space"].branch == f"look at the branch through {branch}"
        assert bad["x", "null space"].error > 0


@pytest.mark.parametrize("factor", [1 / 7, 2.0, -1.0, 1.001])
def test_a_wrong_factor_breaks_eulers_identity(factor):
    of = solved("batchnorm")
    hand = of.hand()
    bad = failing(mt.check.invariants(of.graph, hand={**hand, "dgamma": factor * hand["dgamma"]}))
    assert {kind for _, kind in bad} == {"Euler"}


def test_a_backward_pass_that_is_not_linear_is_found():
    of = solved("batchnorm")

    def squared(dout, cache):
        made = dict(of.module.backward(dout, cache))
        return {"dx": made["dx"], "dbeta": made["dbeta"], "dgamma": made["dgamma"] + np.sum(dout**2, axis=0)}

    bad = failing(mt.check.invariants(of.graph, hand=squared, forward=of.cache))
    assert ("gamma", "linearity") in bad
    assert ("x", "linearity") not in bad


def test_a_backward_pass_that_ignores_the_upstream_is_not_linear():
    of = solved("batchnorm")
    fixed = of.hand()["dbeta"]
    assert ("beta", "linearity") in failing(mt.check.invariants(of.graph, hand=lambda dout, cache: {"dbeta": fixed}))


@pytest.mark.parametrize(
    ("function", "degree"),
    [
        (mt.square, 2),
        (mt.sqrt, 0.5),
        (mt.reciprocal, -1),
        (lambda x: x * 3.0, 1),
        (lambda x: mt.abs(x) * x * x, 3),
        (lambda x: x / mt.sum(x), 0),
    ],
)
def test_the_degree_of_homogeneity_is_found_by_numbers(function, degree):
    x = mt.tensor([0.5, 1.0, 2.0], name="x", requires_grad=True)
    captured = mt.graph(function(x), np.array([1.0, -2.0, 0.5]))
    right = captured.gradients[captured["x"]].value
    (found,) = (i for i in mt.check.invariants(captured, hand={"dx": right}) if i.kind == "Euler")
    assert found.holds
    assert f"degree {degree:g} " in found.text
    assert ("x", "Euler") in failing(mt.check.invariants(captured, hand={"dx": right + 0.1}))


def test_a_function_without_symmetry_has_no_property_to_check():
    x = mt.tensor([0.5, 1.0, 2.0], name="x", requires_grad=True)
    captured = mt.graph(mt.exp(x) + x, np.ones(3))
    assert mt.check.invariants(captured, hand={"dx": np.zeros(3)}) == ()


@pytest.mark.parametrize(
    "function",
    [lambda x: mt.sqrt(mt.sum(mt.square(x)) + 1e-9), lambda x: x / (mt.sum(x) + 1e-9), lambda x: mt.square(x) + 1e-12],
)
def test_no_property_fails_of_what_is_homogeneous_but_for_a_small_number(function):
    x = mt.tensor([0.5, 1.0, 2.0], name="x", requires_grad=True)
    result = function(x)
    captured = mt.graph(result, np.ones(result.shape))
    right = captured.gradients[captured["x"]].value
    assert failing(mt.check.invariants(captured, hand={"dx": right})) == {}


def test_the_report_has_them_too_those_that_fail_first():
    of = solved("batchnorm")
    report = mt.compare(of.graph, hand=of.hand(("ddev_from_mean + np.ones((N, D)) / N * dmean", "ddev_from_mean")))
    assert [invariant.holds for invariant in report.invariants] == sorted(i.holds for i in report.invariants)
    assert not report.invariants[0].holds
    assert report.wrong == ["x"]


def test_an_error_of_the_backward_pass_is_its_own():
    of = solved("batchnorm")
    with pytest.raises(ZeroDivisionError):
        mt.check.invariants(of.graph, hand=lambda dout, cache: 1 / 0)
