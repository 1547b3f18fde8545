"""fit: a mistaken dx alone says which way through the graph is wrong, or that it cannot say."""

from __future__ import annotations

import numpy as np
import pytest
from catalogue import CATALOGUE, differs, point, run
from counting import derivation, place

import micrograd_tensor as mt
from micrograd_tensor.check.mistakes.case import Case
from micrograd_tensor.check.mistakes.derivation import Values, gradient_of
from micrograd_tensor.check.mistakes.fit import fit_paths, paths_of

SPAN = {"directly", "through var", "through mean"}


def whole(graph, node):
    """The derivation from the upstream gradient to one node, at the recorded point."""
    derivation = gradient_of(graph, node, ())
    recorded = {n: n.value for n in graph.nodes}
    return Values(derivation, derivation.worth(recorded, {n: g.value for n, g in graph.gradients.items()}))


@pytest.mark.parametrize("name", ["batchnorm", "layernorm", "l2_normalize", "softmax_cross_entropy", "attention"])
def test_the_ways_add_up_to_the_gradient(name):
    graph = place(derivation(name), 0).graph
    for node in graph.nodes:
        if node not in graph.gradients:
            continue
        at = whole(graph, node)
        expected = graph.gradients[node].value
        assert np.allclose(at.target, expected, rtol=1e-12, atol=1e-15)
        ways = paths_of(at)
        if ways is not None:
            assert np.allclose(sum(way.value for way in ways), expected, rtol=1e-10, atol=1e-13)
            assert len({way.name for way in ways}) == len(ways)


def test_batch_norm_has_three_ways_and_one_that_is_zero():
    at = point((7, 4), 0)
    program = whole(at.graph, at.graph["x"])
    fit = fit_paths(program, program.target, np.full((7, 4), 1e-12))
    assert {way.name for way in fit.paths} == SPAN
    assert [way.name for way in fit.idle] == ["through var and mean"]
    assert all(np.allclose(weight, 1) for weight in fit.weights)


@pytest.mark.parametrize("axes", [(), (0,), (1,)], ids=["one number", "by row", "by column"])
def test_any_weights_are_found(axes):
    at = point((16, 5), 0)
    program = whole(at.graph, at.graph["x"])
    fit = fit_paths(program, program.target, np.full((16, 5), 1e-12))
    rng = np.random.default_rng(0)
    shape = tuple(n if axis in axes else 1 for axis, n in enumerate((16, 5)))
    weights = [rng.normal(size=shape) for _ in fit.paths]
    mixed = sum(way.value * weight for way, weight in zip(fit.paths, weights, strict=True))
    found = fit_paths(program, mixed, np.full((16, 5), 1e-11)).weights
    for weight, mine in zip(weights, found, strict=True):
        assert mine.shape == ((1, 1) if not axes else shape)
        assert np.allclose(mine, weight, rtol=1e-6)


@pytest.mark.parametrize("mistake", [m for m in CATALOGUE if m.wrong and not m.forward], ids=str)
def test_the_way_on_which_a_mistake_was_made_is_named(mistake):
    at = point((7, 4), 1)
    (_, right), (_, mistaken) = run(at), run(at, mistake)
    if "dx" not in mistaken or not differs(mistaken["dx"], right["dx"]):
        assert {"x", "x_norm", "dev_from_mean", "mean", "var"}.isdisjoint(mistake.wrong)
        return
    report = mt.compare(at.graph, hand={"dx": mistaken["dx"]}, point=False)
    first = report.diagnosis["x"][0]
    assert first.error < 1e-9
    fit = Case(report.wrong_stages["x"]).fit
    if mistaken["dx"].shape != (7, 4) or fit.weights is None:
        assert first.kind in mistake.kinds  # outside the span of the ways
        assert "ways" not in first.text
        return
    wrong = {path.name for path, weight in zip(fit.paths, fit.weights, strict=True) if not np.allclose(weight, 1)}
    said, idle, _ = first.text.partition("; what arrives there through var and mean is identically 0")
    assert idle
    assert {way for way in SPAN if way in said} == (set() if said.startswith("everything") else wrong)
    assert "× 1," not in said


def test_ways_that_are_too_much_alike_are_not_told_apart():
    x = mt.tensor(np.random.default_rng(0).normal(size=(6, 5)), name="x", requires_grad=True)
    y = (mt.sin(x).named("a") + (mt.sin(x) * 1.0).named("b") + mt.exp(x).named("c")).named("y")
    captured = mt.graph(y, np.ones((6, 5)))
    program = whole(captured, captured["x"])
    wrong = program.target + np.random.default_rng(1).normal(size=(6, 5))
    fit = fit_paths(program, wrong, np.full((6, 5), 1e-12))
    assert fit.weights is None
    assert set(fit.alike) == {"through a", "through b"}
    found = mt.compare(captured, hand={"dx": wrong}, point=False).diagnosis["x"]
    assert [d.kind for d in found] == ["not determined"]
    assert "too much alike" in found[0].text


def test_a_way_that_is_wrong_by_something_unknown_is_named_all_the_same():
    at = point((16, 5), 0)
    program = whole(at.graph, at.graph["x"])
    ways = {way.name: way.value for way in paths_of(program)}
    odd = program.target + ways["through var"] * np.random.default_rng(0).normal(size=5)
    found = mt.compare(at.graph, hand={"dx": odd}, point=False).diagnosis["x"]
    assert found[0].kind == "wrong way"
    assert found[0].text.startswith("what arrives at dx through var is wrong, and the rest is right")


def test_a_graph_with_too_many_ways_is_not_split():
    x = mt.tensor(np.ones(3), name="x", requires_grad=True)
    y = x
    for _ in range(8):
        y = mt.sin(y) + mt.cos(y)
    captured = mt.graph(y.named("y"), np.ones(3))
    assert paths_of(whole(captured, captured["x"])) is None
    found = mt.compare(captured, hand={"dx": np.array([1.0, 5.0, 2.0])}, point=False)
    assert found.wrong == ["x"]


def test_a_stage_without_a_name_is_told_from_the_gradient_times_a_number():
    rng = np.random.default_rng(0)
    x = mt.tensor(rng.normal(size=(7, 4)), name="x", requires_grad=True)
    dout = rng.normal(size=(7, 8))
    report = mt.compare(mt.concatenate([x, x * 2], axis=1), dout, {"x": dout[:, :4]})
    text = report.diagnosis["x"][0].text
    assert "through (x · 2) is missing" in text
    assert "what comes from d(x · 2)," in text


def test_the_power_of_a_value_without_a_name_is_one_of_all_of_it():
    values = [1.0, 2.0]
    a, b = (mt.tensor(values, name="a", requires_grad=True) for _ in range(2))
    text = mt.compare(a * b, np.ones(2), {"a": np.ones(2)}).diagnosis["a"][0].text
    assert "(a · a)^−0.5" in text
