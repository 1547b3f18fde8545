"""The lint of the test point: every blindness that is known is found, and a generic point has none."""

import numpy as np
import pytest
from solved import NAMES, solved

import micrograd_tensor as mt
from micrograd_tensor.check.point import lint
from micrograd_tensor.check.rounding import recorded_tolerances

RNG = np.random.default_rng(0)


def found_in(captured, rtol=None):
    return lint(captured, recorded_tolerances(captured), rtol)


def batch_norm(n=7, d=4, dtype=np.float64, dout=None, of=lambda out: out, **leaves):
    rng = np.random.default_rng(1)
    values = {"x": rng.normal(size=(n, d)), "gamma": rng.normal(size=d), "beta": rng.normal(size=d), **leaves}
    tensors = {name: mt.tensor(np.asarray(v, dtype), name=name, requires_grad=True) for name, v in values.items()}
    out = of(mt.batch_norm(**tensors))
    return mt.graph(out, np.asarray(rng.normal(size=out.shape) if dout is None else dout, dtype))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", NAMES)
def test_a_generic_point_has_no_findings(name, seed):
    assert found_in(solved(name, seed=seed).graph) == ()


def test_batch_norm_at_a_generic_point_has_none_either():
    assert found_in(batch_norm()) == ()


def test_a_small_slope_is_no_sum_that_cancels():
    """What comes back through a tanh far from 0 is small, and a mistake in it is seen as well as elsewhere."""
    rng = np.random.default_rng(0)
    x = mt.tensor(5.0 + rng.uniform(size=(5, 3)), name="x", requires_grad=True)
    assert found_in(mt.graph(mt.tanh(x), rng.normal(size=(5, 3)))) == ()


POINTS = {
    "gamma all 1": (lambda: batch_norm(gamma=np.ones(4)), "constant input", "gamma cannot be told from the number 1"),
    "gamma all 2": (
        lambda: batch_norm(gamma=np.full(4, 2.0)),
        "constant input",
        "gamma cannot be told from the number 2",
    ),
    "gamma hides itself": (lambda: batch_norm(gamma=np.ones(4)), "hypotheses coincide", "dx_norm"),
    "N = D": (lambda: batch_norm(n=4), "equal lengths", "axes 0 and 1 of x"),
    "N = 2": (lambda: batch_norm(n=2), "short axis", "axis 0 of x"),
    "N = 2, in the gradient": (lambda: batch_norm(n=2), "cancellation", "dx"),
    "out.sum()": (lambda: batch_norm(of=mt.sum, dout=1.0), "cancellation", "dx"),
    "an upstream of ones": (lambda: batch_norm(dout=np.ones((7, 4))), "cancellation", "dx"),
    "a constant upstream": (lambda: batch_norm(dout=np.ones((7, 4))), "constant upstream", "upstream"),
    "a branch that is lost": (lambda: batch_norm(dout=np.ones((7, 4))), "vanishing contribution", "ddev_from_mean"),
    "(out ** 2).sum()": (lambda: batch_norm(of=lambda out: mt.square(out).sum(), dout=1.0), "cancellation", "dx"),
    "var far above eps": (
        lambda: batch_norm(x=1e7 * RNG.normal(size=(7, 4))),
        "unseen constant",
        "1e-05, which is added to var",
    ),
    "float32": (lambda: batch_norm(dtype=np.float32), "low precision", "eps"),
    "eps in float32": (
        lambda: batch_norm(dtype=np.float32, x=1e2 * RNG.normal(size=(7, 4))),
        "unseen constant",
        "1e-05",
    ),
    "upstream proportional to x_norm": (
        lambda: batch_norm(x=RNG.normal(size=(7, 4)), dout=None, of=lambda out: mt.square(out)[:, :] * 1.0),
        None,
        None,
    ),
}


@pytest.mark.parametrize("function", [lambda x: x - 0.5, lambda x: (x + 3.0) * 2.0, lambda x: mt.maximum(x, 1.0) + 7.0])
def test_a_constant_that_no_gradient_depends_on_is_not_one_that_is_lost(function):
    x = mt.tensor(RNG.normal(size=(5, 4)), name="x", requires_grad=True)
    y = function(x)
    kinds = {finding.kind for finding in found_in(mt.graph(y, RNG.normal(size=y.shape)))}
    assert "unseen constant" not in kinds


@pytest.mark.parametrize(("make", "kind", "said"), POINTS.values(), ids=POINTS)
def test_what_a_point_cannot_tell_apart_is_found(make, kind, said):
    found = found_in(make())
    if kind is None:
        assert found == ()
        return
    mine = [finding for finding in found if finding.kind == kind]
    assert any(said in finding.what for finding in mine), found
    assert all(finding.why and finding.way_out for finding in found)


def test_an_upstream_in_the_null_space_is_found_column_or_not():
    captured = batch_norm()
    x_norm = captured["x_norm"].value
    for dout in (x_norm * 3.0 + 1.0, np.ones((7, 4)) * np.arange(4.0), x_norm @ np.diag([1.0, 2.0, 3.0, -1.0])):
        kinds = {finding.kind for finding in found_in(batch_norm(dout=dout))}
        assert "cancellation" in kinds


def test_a_tolerance_that_hides_mistakes_is_found():
    captured = batch_norm()
    assert found_in(captured, rtol=1e-9) == ()
    (finding,) = found_in(captured, rtol=1e-3)
    assert finding.kind == "coarse tolerance"
    assert "rtol is 1.0e-03" in finding.why


def test_a_contribution_within_the_tolerance_is_found():
    x = mt.tensor([1.0, 2.0, 4.0], name="x", requires_grad=True)
    captured = mt.graph((x + 1e-7 * mt.square(x)).named("y"), np.array([1.0, -2.0, 0.5]))
    assert found_in(captured) == ()
    assert [finding.kind for finding in found_in(captured, rtol=1e-4)] == ["coarse tolerance"]


def test_equal_stages_are_said_once_for_all_of_them():
    found = [finding for finding in found_in(batch_norm(gamma=np.ones(4))) if finding.kind == "hypotheses coincide"]
    assert [finding.what.split(" cannot")[0] for finding in found] == [
        "dx_norm, dscaled_x and dout",
        "x_norm and scaled_x",
    ]


def test_what_is_equal_everywhere_is_no_accident():
    x = mt.tensor(RNG.normal(size=(5, 3)), name="x", requires_grad=True)
    y = (x + 0.5).named("y")
    captured = mt.graph(
        (y + mt.tensor(RNG.normal(size=3), name="b", requires_grad=True)).named("z"), RNG.normal(size=(5, 3))
    )
    assert np.array_equal(captured.gradients[captured["y"]].value, captured.gradients[captured["x"]].value)
    assert not [finding for finding in found_in(captured) if finding.kind == "hypotheses coincide"]


def test_the_report_has_the_findings_unless_they_are_not_wanted():
    captured = batch_norm(gamma=np.ones(4))
    hand = {"dbeta": captured.gradients[captured["beta"]].value}
    report = mt.compare(captured, hand=hand)
    assert report.findings == found_in(captured)
    assert report.findings[0].what in " ".join(str(report).split())
    assert mt.compare(captured, hand=hand, point=False).findings == ()


def test_no_layer_is_known_by_name():
    """The same blindness in a function that nobody has heard of."""
    w = mt.tensor(np.ones(3), name="w", requires_grad=True)
    x = mt.tensor(RNG.normal(size=(5, 3)), name="x", requires_grad=True)
    out = (mt.sin(x) * w).named("weighted")
    kinds = {finding.kind for finding in found_in(mt.graph(out - out.mean(axis=1, keepdims=True), np.ones((5, 3))))}
    assert {"constant input", "constant upstream", "cancellation"} <= kinds
