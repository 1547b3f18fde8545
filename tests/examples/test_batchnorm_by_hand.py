"""The hand-derived passes: right at generic points, by two independent oracles, to the promised precision."""

from __future__ import annotations

import runpy

import numpy as np
import pytest

import micrograd_tensor as mt

SHAPES = [(2, 1), (7, 4), (5, 5), (150, 4), (33, 10)]


def generic(shape, seed, dtype=np.float64):
    rng = np.random.default_rng(seed)
    n, d = shape
    return [rng.normal(size=s).astype(dtype) for s in ((n, d), (d,), (d,), (n, d))]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(5))
def test_both_derivations_agree_with_the_graph_to_1e12(hand, shape, seed):
    x, gamma, beta, dout = generic(shape, seed)
    leaves = [mt.tensor(v, name=k, requires_grad=True) for k, v in {"x": x, "gamma": gamma, "beta": beta}.items()]
    out = mt.batch_norm(*leaves)
    result, cache = hand.batchnorm_forward(x, gamma, beta, 1e-5)
    np.testing.assert_allclose(result, out.numpy(), rtol=1e-12, atol=1e-13)
    for backward in (hand.batchnorm_backward_staged, hand.batchnorm_backward_closed_form):
        report = mt.compare(out, dout, backward(dout, cache), rtol=1e-12)
        assert report.ok, report


def test_the_staged_derivation_gives_every_stage(hand):
    x, gamma, beta, dout = generic((7, 4), 0)
    _, cache = hand.batchnorm_forward(x, gamma, beta, 1e-5)
    leaves = [mt.tensor(v, name=k, requires_grad=True) for k, v in {"x": x, "gamma": gamma, "beta": beta}.items()]
    report = mt.compare(mt.batch_norm(*leaves), dout, hand.batchnorm_backward_staged(dout, cache))
    assert {stage.status for stage in report.stages.values()} == {"right"}


@pytest.mark.parametrize("which", ["batchnorm_backward_staged", "batchnorm_backward_closed_form"])
def test_both_derivations_agree_with_a_complex_step_that_knows_no_engine(hand, which):
    x, gamma, beta, dout = generic((6, 3), 1)
    _, cache = hand.batchnorm_forward(x, gamma, beta, 1e-5)
    gradients = getattr(hand, which)(dout, cache)
    points = {"dx": x, "dgamma": gamma, "dbeta": beta}
    for name, point in points.items():
        numerical = np.empty(point.shape)
        for i in np.ndindex(point.shape):
            moved = {k: v.astype(complex) for k, v in points.items()}
            moved[name][i] += 1e-30j
            out, _ = hand.batchnorm_forward(moved["dx"], moved["dgamma"], moved["dbeta"], 1e-5)
            numerical[i] = (out * dout).sum().imag / 1e-30
        np.testing.assert_allclose(gradients[name], numerical, rtol=1e-11, atol=1e-13)


def test_a_backward_pass_does_not_change_what_it_is_given(hand):
    x, gamma, beta, dout = generic((7, 4), 2)
    _, cache = hand.batchnorm_forward(x, gamma, beta, 1e-5)
    before, up = {k: np.copy(v) for k, v in cache.items()}, dout.copy()
    hand.batchnorm_backward_staged(dout, cache)
    hand.batchnorm_backward_closed_form(dout, cache)
    assert all(np.array_equal(before[k], cache[k]) for k in cache)
    assert np.array_equal(up, dout)


def test_the_script_says_that_both_agree(capsys, examples):
    runpy.run_path(str(examples / "batchnorm_by_hand.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert printed.count("agrees") == 2
    assert "differs" not in printed


def test_iris_is_fishers(examples):
    values = np.loadtxt(examples / "data" / "iris.csv", delimiter=",", skiprows=1)
    assert values.shape == (150, 4)
    np.testing.assert_allclose(values.sum(axis=0), [876.5, 458.6, 563.7, 179.9])
    assert values[34].tolist() == [4.9, 3.1, 1.5, 0.2]
    assert values[37].tolist() == [4.9, 3.6, 1.4, 0.1]
