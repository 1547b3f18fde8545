"""Where what was recorded is not finite nothing proves another number wrong, or right: it is not judged, and said."""

from __future__ import annotations

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.graph.status import Status

pytestmark = pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
FAR_APART = [(np.float32, 60.0), (np.float32, 200.0), (np.float64, 1000.0)]
"""Where a softmax of logits of that size gives some labels a probability of 0."""


def classifier(dtype, scale, labels=(0, 1, 2, 0, 1)):
    """The cross-entropy of scores behind a hidden layer, and its gradients as closed forms, which are finite."""
    rng = np.random.default_rng(1)
    n = np.arange(len(labels))
    numbers = rng.normal(size=(len(n), 3)).astype(dtype)
    numbers[:, 0] = np.abs(numbers[:, 0])  # so that no scores are alike
    x = mt.tensor(numbers, name="x", requires_grad=True)
    w = mt.tensor((scale * rng.normal(size=(3, 4))).astype(dtype), name="w", requires_grad=True)
    h = mt.relu(x).named("h")
    scores = (h @ w).named("scores")
    e = mt.exp(scores - scores.max(axis=1, keepdims=True))
    p = (e / e.sum(axis=1, keepdims=True)).named("p")
    loss = -mt.log(p[n, np.array(labels)]).mean()
    dscores = p.data.copy()
    dscores[n, labels] -= 1
    dscores /= len(n)
    dh = dscores @ w.data.T
    assert (p.data[n, labels] == 0).any()
    return loss, {"dscores": dscores, "dw": h.data.T @ dscores, "dx": dh * (h.data > 0)}, dh


@pytest.mark.parametrize(("dtype", "scale"), FAR_APART)
def test_a_right_cross_entropy_of_probabilities_that_underflow_is_not_called_wrong(dtype, scale):
    loss, right, dh = classifier(dtype, scale)
    for hand in (right, {"dscores": right["dscores"]}, {**right, "dh": dh}, {**right, "dh": dh * (dh == right["dx"])}):
        report = mt.compare(loss, None, hand)
        assert not report.wrong
        assert not report.ok
        assert report.stages["scores"].status == Status.NOT_JUDGED
        assert "as the slope of ln(" in report.unjudged["dscores"]
        text = report.text()
        assert "dscores was given, but could not be judged." in text
        assert "The recorded gradients agree" not in text
        assert "right given upstream: it follows from your own earlier gradients, one of which is wrong" not in text


@pytest.mark.parametrize("wrong", ["dscores", "dw", "dx"])
@pytest.mark.parametrize(("dtype", "scale"), FAR_APART)
def test_what_is_known_beside_undefined_numbers_is_judged(dtype, scale, wrong):
    loss, right, _ = classifier(dtype, scale)
    if wrong == "dscores" and scale != 60:  # all of them are undefined then
        return
    assert mt.compare(loss, None, {**right, wrong: 2 * right[wrong]}).wrong[:1] == [wrong[1:]]


def test_a_gradient_that_is_all_nan_passes_nothing():
    loss, _, _ = classifier(np.float32, 200.0)
    graph = mt.graph(loss, 1.0)
    nan = {"dw": graph.gradients[graph["w"]].value}
    assert np.isnan(nan["dw"]).all()
    report = mt.compare(graph, None, nan)
    assert (report.ok, report.wrong, list(report.unjudged)) == (False, [], ["dw"])


def test_at_a_root_of_0_a_finite_slope_is_not_judged_and_those_beside_it_are():
    u = mt.tensor([0.0, 1.0, 4.0], name="u", requires_grad=True)
    root = mt.sqrt(u)
    assert mt.compare(root, np.ones(3), {"du": np.array([np.inf, 0.5, 0.25])}).ok
    guarded = mt.compare(root, np.ones(3), {"du": np.array([0.0, 0.5, 0.25])})
    assert (guarded.ok, guarded.wrong) == (False, [])
    assert guarded.unjudged["du"].startswith("what was recorded for 1 of its 3 numbers is infinite, as the slope of √u")
    assert mt.compare(root, np.ones(3), {"du": np.array([0.0, 0.5, 0.26])}).wrong == ["u"]


def test_forward_values_that_are_finite_where_the_recorded_ones_are_not_are_not_judged():
    x = mt.tensor(np.array([800.0, 1.0]), name="x", requires_grad=True)
    y = mt.log(1.0 + mt.exp(x)).named("y")
    hand = {"dx": 1.0 / (1.0 + np.exp(-x.data))}
    report = mt.compare(y, np.ones(2), hand, {"y": np.logaddexp(0.0, x.data)})
    assert (report.ok, report.wrong_forward, report.wrong) == (False, [], [])
    assert "as exp(x) is not finite there" in report.unjudged["y"]
    assert mt.compare(y, np.ones(2), hand, {"y": np.array([800.0, 2.0])}).wrong_forward == ["y"]


def test_what_your_own_infinite_gradients_make_is_not_held_against_a_closed_form():
    x = mt.tensor(np.array([1.0, 2.0, 3.0]), name="x", requires_grad=True)
    y = mt.exp(mt.log(x).named("u"))
    report = mt.compare(y, np.ones(3), {"du": np.array([np.inf, 4.0, 6.0]), "dx": np.array([1.5, 2.0, 2.0])})
    assert report.wrong == ["u"]
    assert report.unjudged["dx"] == "what your own earlier arrays make of 1 of its 3 numbers is infinite"
