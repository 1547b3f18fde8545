"""compare: what it calls right and wrong, at a generic point, and that it finds planted mistakes."""

from __future__ import annotations

import numpy as np
import pytest
from solved import NAMES, solved

import micrograd_tensor as mt
from micrograd_tensor.graph import evaluate_backward
from micrograd_tensor.graph.status import Status

N, D = 7, 4
STAGES = [
    "scaled_x",
    "beta",
    "x_norm",
    "gamma",
    "inverted_stddev",
    "stddev",
    "var",
    "dev_from_mean_sq",
    "dev_from_mean",
    "mean",
    "x",
]
"""In the order in which their gradients are complete."""


def point(seed=0, dtype=np.float64):
    """Batch norm at a generic point: output, upstream, and the right gradients of every stage, from the graph."""
    rng = np.random.default_rng(seed)
    shapes = {"x": (N, D), "gamma": (D,), "beta": (D,)}
    leaves = {k: mt.tensor(rng.normal(size=s).astype(dtype), name=k, requires_grad=True) for k, s in shapes.items()}
    out, dout = mt.batch_norm(**leaves), rng.normal(size=(N, D)).astype(dtype)
    captured = mt.graph(out, dout)
    right = {f"d{name}": captured.gradients[captured[name]].value.copy() for name in STAGES}
    return out, dout, right


def test_the_right_derivation_is_right_at_every_stage():
    out, dout, right = point()
    report = mt.compare(out, dout, right)
    assert report.ok
    assert report.wrong == []
    assert list(report.stages) == STAGES
    assert {stage.status for stage in report.stages.values()} == {"right"}
    assert all(stage.error == 0 for stage in report.stages.values())
    report.raise_if_wrong()


def carried_on(out, dout, right, name, mistake):
    """The derivation with a mistake at one stage, and what follows from it after that."""
    captured = mt.graph(out, dout)
    wrong = mistake(right[f"d{name}"])
    ran = evaluate_backward(captured, {captured[name]: wrong}).gradients
    return {f"d{stage}": ran[captured[stage]] for stage in STAGES} | {f"d{name}": wrong}


MISTAKES = {
    "0.1 % scale": lambda g: 1.001 * g,
    "sign": lambda g: -g,
    "offset": lambda g: g + 1e-3 * np.abs(g).max(),
    "NaN": lambda g: g * np.nan,
    "one element": lambda g: np.where(np.arange(g.size).reshape(g.shape) == 1, g + 1e-6, g),
}


@pytest.mark.parametrize("name", STAGES)
@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_at_any_stage_is_found_there_and_nowhere_else(name, mistake):
    out, dout, right = point()
    report = mt.compare(out, dout, carried_on(out, dout, right, name, mistake))
    assert not report.ok
    assert report.wrong == [name]
    assert {stage.status for stage in report.stages.values()} <= {Status.RIGHT, Status.RIGHT_GIVEN, Status.WRONG}
    with pytest.raises(mt.GradientError, match=f"d{name}"):
        report.raise_if_wrong()


def test_one_wrong_element_is_named_with_both_values():
    out, dout, right = point()
    wrong = right["dx"].copy()
    wrong[3, 2] += 0.5
    stage = mt.compare(out, dout, {"dx": wrong}).stages["x"]
    assert stage.status == Status.WRONG
    assert stage.worst == ((3, 2), wrong[3, 2], pytest.approx(right["dx"][3, 2]))
    assert 1e-2 < stage.error < 1e2  # relative to the terms of that element
    assert 0 < stage.limit < 1e-12


def test_rounding_is_measured_against_the_largest_term_not_against_what_cancellation_left():
    x = mt.tensor([1.0, 2.0, 3.0], name="x", requires_grad=True)
    out = (x * 1e8 - x * 1e8 * (1 + 1e-15)) + 0.0 * x
    upstream = np.ones(3)
    captured = mt.graph(out, upstream)
    gradient = captured.gradients[captured["x"]].value
    assert np.abs(gradient).max() < 1e-6  # nothing but rounding is left
    assert mt.compare(captured, hand={"dx": np.zeros(3)}).ok
    assert not mt.compare(captured, hand={"dx": np.ones(3)}).ok


def test_terms_summed_inside_a_rule_count_too():
    x = mt.tensor(np.ones(1000), name="x", requires_grad=True)
    w = mt.tensor(2.0, name="w", requires_grad=True)
    upstream = np.resize([1e6, -1e6], 1000)
    right = {"dw": np.array(1e-6), "dx": 2.0 * upstream}
    assert mt.compare(x * w, upstream, right).ok  # 1e-6 against terms of 1e6


def test_shapes_are_compared_before_values_and_never_broadcast():
    out, dout, right = point()
    report = mt.compare(out, dout, {"dvar": right["dvar"][None, :], "dbeta": right["dbeta"].sum()})
    assert report.wrong == ["beta"]
    assert report.stages["var"].status == Status.WRONG_SHAPE
    assert report.stages["var"].given_shape == (1, D)
    assert report.stages["beta"].given_shape == ()
    assert report.stages["var"].shape == (D,)
    assert "(1, 4)" in str(report)


def test_right_values_in_a_wrong_shape_are_said_but_are_not_wrong():
    out, dout, right = point()
    report = mt.compare(out, dout, {**right, "dvar": right["dvar"][:, None].T, "dgamma": right["dgamma"][None]})
    assert report.ok
    assert report.wrong == []
    assert [name for name, stage in report.stages.items() if stage.status == Status.WRONG_SHAPE] == ["gamma", "var"]
    assert report.stages["var"].note
    assert not mt.compare(out, dout, {**right, "dvar": 2 * right["dvar"][None, :]}).ok


@pytest.mark.parametrize(
    ("shape", "given", "ok"),
    [
        ((4,), (1, 4), True),
        ((1, 4), (4,), True),
        ((1,), (), True),
        ((), (1, 1), True),
        ((4,), (4, 1), False),
        ((4, 1), (4,), False),
        ((1, 4, 1, 1), (4,), False),
        ((4, 3), (4, 3, 1), False),
    ],
)
def test_an_input_less_its_gradient_has_the_shape_of_the_input_or_that_of_the_gradient_is_wrong(shape, given, ok):
    x = mt.tensor(np.arange(1.0, 1.0 + np.prod(shape)).reshape(shape), name="x", requires_grad=True)
    report = mt.compare(x * x, np.ones(shape), {"dx": (2 * x.numpy()).reshape(given)})
    assert report.ok == ok
    assert report.stages["x"].status == (Status.WRONG_SHAPE if ok else Status.WRONG)
    if not ok:
        note = report.stages["x"].note.removeprefix(f"shape {given}, where {shape} belongs, and ")
        assert note.startswith(("x - dx would be of shape", "cannot be subtracted from x"))
        assert report.diagnosis["x"]


def test_what_was_not_given_is_said_and_not_judged():
    out, dout, right = point()
    report = mt.compare(out, dout, {"dx": right["dx"], "dgamma": None})
    assert not report.ok
    assert dict(report.unjudged) == {"dgamma": "it is None"}
    assert report.wrong == []
    assert report.stages["gamma"].status == "not given"
    assert report.stages["gamma"].error is None


def test_stages_answer_to_both_names():
    out, dout, right = point()
    stages = mt.compare(out, dout, right).stages
    assert stages["dvar"] is stages["var"]
    assert stages["ddev_from_mean"] is stages["dev_from_mean"]
    with pytest.raises(KeyError, match="did you mean 'var'"):
        stages["vra"]


def test_locals_of_a_derivation_are_understood():
    out, dout, right = point()

    def backward():
        N, D = dout.shape  # noqa: N806 -- as people write it
        gamma, x_norm, cache, axis = np.ones(D), np.ones((N, D)), {}, 0
        dx, dgamma, dbeta = right["dx"], right["dgamma"], right["dbeta"]
        return locals()

    report = mt.compare(out, dout, backward())
    assert report.ok
    given = [name for name, stage in report.stages.items() if stage.status != "not given"]
    assert given == ["out", "beta", "gamma", "x"]  # dout among them, which it closes over


def test_bare_names_are_gradients_where_no_name_has_a_d():
    out, dout, right = point()
    assert mt.compare(out, dout, {"x": right["dx"], "beta": right["dbeta"]}).ok
    assert mt.compare(out, dout, {"x": right["dx"] * 2}).wrong == ["x"]


def test_tensors_lists_and_integers_are_gradients_too():
    x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    for hand in ([2, 4], (2.0, 4.0), mt.tensor([2.0, 4.0]), np.array([2, 4])):
        assert mt.compare(mt.square(x), [1.0, 1.0], {"dx": hand}).ok


def test_the_upstream_may_be_left_out_for_a_scalar():
    x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    assert mt.compare(mt.square(x).sum(), hand={"dx": [2.0, 4.0]}).ok


def test_the_given_upstream_is_a_stage_when_it_is_given_back():
    out, dout, right = point()
    assert mt.compare(out, dout, {"dout": dout, **right}).stages["out"].status == "right"
    assert mt.compare(out, dout, {"dout": 2 * dout}).wrong == ["out"]


def test_float32_has_its_own_tolerance():
    out, dout, right = point(dtype=np.float32)
    report = mt.compare(out, dout, {"dx": right["dx"] * (1 + 1e-6)})
    assert report.ok
    assert report.rtol is None
    assert 1e-7 < report.stages["x"].limit < 1e-3
    assert not mt.compare(out, dout, {"dx": right["dx"] * 1.001}).ok
    assert not mt.compare(out, dout, {"dx": right["dx"] * (1 + 1e-6)}, rtol=1e-8).ok


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, np.complex64, np.complex128])
def test_every_dtype_of_inexact_numbers_can_be_compared(dtype):
    x = mt.tensor(np.array([0.5, 1.5, -2.0]).astype(dtype), name="x", requires_grad=True)
    captured = mt.graph((x * x + 3 * x).named("y"), np.array([1, 2, 3]).astype(dtype))
    right = captured.gradients[captured["x"]].value
    assert right.dtype == dtype
    report = mt.compare(captured, hand={"dx": right.copy()})
    assert report.ok
    assert all(oracle.agree for oracle in report.oracles)
    wrong = mt.compare(captured, hand={"dx": right * dtype(1.1)})
    assert wrong.wrong == ["x"]
    assert "dx" in str(wrong)


def test_a_single_complex_number_that_is_used_twice_can_be_compared():
    x = mt.tensor(1 + 2j, name="x", requires_grad=True)
    assert mt.compare((x * x + mt.exp(x)).named("y"), 1 + 0j, {"dx": 2 * (1 + 2j) + np.exp(1 + 2j)}).ok


def test_a_missing_eps_is_found_in_float64():
    """The smallest of the mistakes that people make: eps left out of the backward pass, a factor of 1 + 5e-6."""
    out, dout, right = point()
    assert mt.compare(out, dout, {"dvar": right["dvar"] * (1 + 5e-6)}).wrong == ["var"]


def test_two_tensors_of_one_name_are_told_apart_by_scope():
    x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    with mt.scope("first"):
        y = mt.square(x).named("y")
    with mt.scope("second"):
        z = mt.square(y).named("y")
    report = mt.compare(z + 0.0, [1.0, 1.0], {"dy": [2.0, 8.0], "dsecond/y": [1.0, 1.0]})
    assert report.ok
    assert set(report.stages) == {"y", "second/y", "x"}


def test_zero_size_gradients_are_right_when_their_shape_is():
    x = mt.tensor(np.zeros((0, 3)), name="x", requires_grad=True)
    assert mt.compare(x * 2.0, np.zeros((0, 3)), {"dx": np.zeros((0, 3))}).ok
    assert mt.compare(x * 2.0, np.zeros((0, 3)), {"dx": np.zeros((3, 0))}).wrong == ["x"]


@pytest.mark.parametrize(
    ("hand", "error", "said"),
    [
        ({"dvra": np.ones(D)}, mt.GradientError, "did you mean 'dvar'"),
        ({"vra": np.ones(D)}, mt.GradientError, "'vra'"),
        ({}, mt.GradientError, "no gradient was given"),
        ({"dx": None}, mt.GradientError, "no gradient was given"),
        ({"dx": "a"}, mt.DTypeError, "dx holds"),
        ({"dx": np.array([None])}, mt.DTypeError, "dx holds object"),
    ],
)
def test_unusable_gradients_are_refused_with_the_way_out(hand, error, said):
    out, dout, _ = point()
    with pytest.raises(error, match=said):
        mt.compare(out, dout, hand)


def test_a_graph_without_its_backward_pass_is_refused():
    out, _, right = point()
    with pytest.raises(mt.GradientError, match="give graph\\(\\) an upstream"):
        mt.compare(mt.graph(out), hand=right)


def test_an_upstream_of_another_shape_is_refused():
    out, dout, right = point()
    with pytest.raises(mt.ShapeError, match="upstream"):
        mt.compare(out, dout[0], right)


def test_the_report_prints_a_line_for_each_stage():
    out, dout, right = point()
    text = str(mt.compare(out, dout, carried_on(out, dout, right, "var", lambda g: 2 * g)))
    lines = [line for line in text.splitlines() if line.startswith("│")]
    assert [line.split("│")[1].strip() for line in lines] == [f"d{name}" for name in STAGES]
    assert [line.split("│")[3].strip() for line in lines].count("✗ wrong here") == 1
    assert "\x1b" not in text


def test_every_gradient_comes_after_those_that_it_is_made_from():
    for name in NAMES:
        captured = solved(name).graph
        report = mt.compare(captured, hand=solved(name).hand(), point=False)
        place = {captured[stage]: i for i, stage in enumerate(report.stages) if stage in captured.named}
        for node, i in place.items():
            users = [edge[0] for edge, _ in captured.contributions_to(node)]
            assert all(place[user] < i for user in users if user in place)


def test_exchanged_gradients_are_told():
    out, dout, right = point()
    report = mt.compare(out, dout, {**right, "dbeta": right["dgamma"], "dgamma": right["dbeta"]})
    assert report.wrong == ["beta", "gamma"]
    assert "it is what dgamma should be" in report.stages["beta"].note
    assert "it is what dbeta should be" in report.stages["gamma"].note
    report = mt.compare(out, dout, {**right, "dbeta": right["dgamma"]})
    assert "should be" not in report.stages["beta"].note


def test_a_gradient_rounded_to_float32_on_the_way_is_told():
    out, dout, right = point()
    rounded = np.float64(np.float32(right["dx_norm"]))
    assert "precision of float32" in mt.compare(out, dout, {**right, "dx_norm": rounded}).stages["x_norm"].note
    wrong = mt.compare(out, dout, {**right, "dx_norm": rounded + np.eye(N, D)})
    assert "precision" not in wrong.stages["x_norm"].note


def test_a_float64_gradient_made_from_one_in_float32_is_right_given_that():
    x = mt.tensor(np.arange(3.0), name="x", requires_grad=True)
    y = (x / 7.0).named("y")
    g = np.array([0.1, 0.2, 0.3], np.float32)
    assert mt.compare(y * 1.0, np.float64(g), {"dy": g, "dx": g / np.float64(7.0)}).ok


def test_a_mistake_too_small_to_show_in_six_digits_is_told_by_its_difference():
    out, dout, right = point()
    (found, *_) = mt.compare(out, dout, {**right, "dvar": right["dvar"] * (1 + 2e-8)}).diagnosis["var"]
    assert found.text == "dvar is multiplied by 1 + 2e-08"


def test_where_only_the_end_is_given_the_fix_is_one_equation():
    out, dout, right = point()
    captured = mt.graph(out, dout)
    dropped = captured.contributions[next(e for e, _ in captured.contributions_to(captured["dev_from_mean"]))].value
    dev = right["ddev_from_mean"] - dropped
    text = str(mt.compare(out, dout, {"dx": dev - dev.mean(axis=0)}))
    fix = next(line for line in text.splitlines() if "3 the " in line)
    assert fix.count(" = ") == 1


@pytest.mark.parametrize("rtol", [-1.0, float("nan"), "1e-3"])
def test_a_tolerance_that_is_none_is_refused(rtol):
    out, dout, right = point()
    with pytest.raises(mt.GradientError, match="rtol is"):
        mt.compare(out, dout, right, rtol=rtol)


def test_gradients_without_elements_are_compared_by_shape():
    x = mt.tensor(np.ones((0, 3)), name="x", requires_grad=True)
    assert mt.compare((x * x).sum(), None, {"dx": np.ones((0, 3))}).ok
    assert mt.compare((x * x).sum(), None, {"dx": np.ones((3, 0))}).wrong == ["x"]


def test_finite_differences_given_as_gradients_are_judged_as_such():
    x = np.random.default_rng(0).normal(size=(4, 3))
    t = mt.tensor(x, name="x", requires_grad=True)
    dout = np.random.default_rng(1).normal(size=(4, 3))
    dx = np.empty_like(x)
    for place in np.ndindex(*x.shape):
        up, down = x.copy(), x.copy()
        up[place] += 1e-5
        down[place] -= 1e-5
        dx[place] = np.sum(dout * (np.tanh(up) - np.tanh(down))) / 2e-5
    report = mt.compare(mt.tanh(t), dout, {"dx": dx})
    assert "as finite differences are" in report.stages["x"].note
    assert mt.compare(mt.tanh(t), dout, {"dx": dx}, rtol=1e-5).ok


@pytest.mark.parametrize("power", [-300, -150, -20, 20, 150, 300])
@pytest.mark.parametrize("what", ["upstream", "x"])
def test_numbers_of_any_size_are_judged(what, power):
    rng = np.random.default_rng(0)
    power = power if what == "upstream" else power / 2
    x = rng.normal(size=(7, 4)) * (10.0**power if what == "x" else 1.0)
    dout = rng.normal(size=(7, 4)) * (10.0**power if what == "upstream" else 1.0)
    gamma = rng.normal(size=4)
    leaves = [mt.tensor(a, name=n, requires_grad=True) for a, n in ((x, "x"), (gamma, "gamma"), (gamma, "beta"))]
    s = 1 / np.sqrt(x.var(axis=0) + 1e-5)
    x_norm = (x - x.mean(axis=0)) * s
    inner = dout * gamma
    dx = s * (inner - inner.mean(axis=0) - x_norm * (inner * x_norm).mean(axis=0))
    hand = {"dx": dx, "dgamma": (dout * x_norm).sum(axis=0), "dbeta": dout.sum(axis=0)}
    assert mt.compare(mt.batch_norm(*leaves), dout, hand).ok
    assert mt.compare(mt.batch_norm(*leaves), dout, {**hand, "dbeta": 1.001 * hand["dbeta"]}).wrong == ["beta"]


def test_a_diagnosis_answers_to_both_names():
    out, dout, right = point()
    report = mt.compare(out, dout, {**right, "dx": 2 * right["dx"]}, point=False)
    assert report.diagnosis["dx"] is report.diagnosis["x"]
    with pytest.raises(KeyError, match="is not a stage"):
        report.diagnosis["y"]
