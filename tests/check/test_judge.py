"""compare judges every stage by the user's own upstream gradients, whatever their shape."""

import numpy as np
import pytest
from solved import NAMES, solved

import micrograd_tensor as mt
from micrograd_tensor.check.expected import expect
from micrograd_tensor.graph.status import Status


def statuses(report):
    return {name: stage.status for name, stage in report.stages.items()}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", NAMES)
def test_every_solved_derivation_is_right_at_every_stage(name, dtype):
    of = solved(name, dtype)
    report = mt.compare(of.graph, hand=of.hand(), forward=of.cache)
    assert report.ok, report
    assert set(statuses(report).values()) == {Status.RIGHT}
    assert {stage.status for stage in report.forward.values()} == {Status.RIGHT}
    assert all(oracle.agree for oracle in report.oracles)
    assert all(invariant.holds for invariant in report.invariants)


MISTAKES = {
    "dvar": ("dvar = 0.5 / np.sqrt(var + EPS) * dstddev", "dvar = 1 / np.sqrt(var + EPS) * dstddev"),
    "dstddev": ("dstddev = -1 / stddev**2", "dstddev = -1 / stddev"),
    "dx_norm": ("dx_norm = dscaled_x * gamma", "dx_norm = dscaled_x"),
    "dmean": ("dmean = -np.sum(ddev_from_mean, axis=0)", "dmean = np.sum(ddev_from_mean, axis=0)"),
    "dx": ("dx = ddev_from_mean + np.ones((N, D)) / N * dmean", "dx = ddev_from_mean"),
    "dbeta": ("dbeta = np.sum(dout, axis=0)", "dbeta = np.mean(dout, axis=0)"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_one_wrong_line_is_one_wrong_stage_and_the_rest_follows_from_it(name):
    of = solved("batchnorm")
    hand = of.hand(MISTAKES[name])
    report = mt.compare(of.graph, hand=hand)
    assert report.wrong == [name[1:]]
    for stage, node in ((s, of.graph[s]) for s in report.stages):
        same = np.allclose(hand[f"d{stage}"], of.graph.gradients[node].value, rtol=1e-9)
        assert statuses(report)[stage] == (
            Status.WRONG if stage == name[1:] else Status.RIGHT if same else Status.RIGHT_GIVEN
        )
    assert report.stages["dvar"].error < 1e-15 or name == "dvar"


@pytest.mark.parametrize(("first", "second"), [("dvar", "dmean"), ("dx_norm", "dx"), ("dbeta", "dstddev")])
def test_two_wrong_lines_are_two_wrong_stages(first, second):
    of = solved("batchnorm")
    report = mt.compare(of.graph, hand=of.hand(MISTAKES[first], MISTAKES[second]))
    assert set(report.wrong) == {first[1:], second[1:]}


def test_two_mistakes_that_undo_each_other_are_both_found():
    of = solved("batchnorm")
    hand = of.hand(MISTAKES["dvar"])
    halved = {**hand, "ddev_from_mean_sq": hand["ddev_from_mean_sq"] / 2}
    for stage in ("ddev_from_mean", "dmean", "dx"):
        halved[stage] = of.hand()[stage]
    report = mt.compare(of.graph, hand=halved)
    assert report.wrong == ["var", "dev_from_mean_sq"]
    assert "undoes" in report.stages["dev_from_mean_sq"].note


def test_a_right_closed_form_beside_a_wrong_stage_is_not_called_wrong():
    of = solved("batchnorm")
    report = mt.compare(of.graph, hand={"dvar": 2 * of.hand()["dvar"], "dx": of.hand()["dx"]})
    assert report.wrong == ["var"]
    assert report.stages["x"].status == Status.RIGHT
    assert "closed form" in report.stages["x"].note or "equals the recorded" in report.stages["x"].note


# --------------------------------------------------------------------------------------------------------------- shapes

FORGOTTEN = ("dinverted_stddev = np.sum(dx_norm * dev_from_mean, axis=0)", "dinverted_stddev = dx_norm * dev_from_mean")


def test_a_forgotten_sum_is_found_where_it_was_forgotten_though_broadcasting_carries_it_on():
    of = solved("batchnorm")
    report = mt.compare(of.graph, hand=of.hand(FORGOTTEN))
    assert report.wrong == ["inverted_stddev"]
    after = {"stddev": (7, 4), "var": (7, 4), "dev_from_mean_sq": (7, 4), "mean": (4,), "x": (7, 4)}
    for name, shape in after.items():
        assert statuses(report)[name] == Status.RIGHT_GIVEN
        assert report.stages[name].given_shape == shape
    assert report.diagnosis["inverted_stddev"][0].kind == "missing sum"


def test_a_sum_over_everything_goes_on_as_a_number():
    of = solved("batchnorm")
    report = mt.compare(of.graph, hand=of.hand(("np.sum(ddev_from_mean, axis=0)", "np.sum(ddev_from_mean)")))
    assert report.wrong == ["mean"]
    assert statuses(report)["x"] == Status.RIGHT_GIVEN


def test_a_missing_keepdims_is_a_note_until_broadcasting_spoils_something():
    of = solved("l2_normalize")
    hand = of.hand()
    flat = {**hand, "dtotal": hand["dtotal"].ravel()}
    report = mt.compare(of.graph, hand=flat)
    assert report.ok
    assert statuses(report)["total"] == Status.WRONG_SHAPE
    spoiled = mt.compare(of.graph, hand=of.hand(_keepdims_lost(of)))
    assert spoiled.wrong == ["inverted_norm"]
    assert "spoils" in spoiled.stages["inverted_norm"].note
    assert Status.RIGHT_GIVEN in statuses(spoiled).values()


def _keepdims_lost(of):
    line = next(line for line in of.source().splitlines() if line.strip().startswith("dinverted_norm ="))
    return line, line.replace(", keepdims=True", "")


def test_what_cannot_be_carried_on_is_said_and_ours_goes_on():
    of = solved("batchnorm")
    report = mt.compare(of.graph, hand={**of.hand(), "dvar": np.ones(3)})
    assert report.wrong == ["var"]
    assert "as if the expected gradient had been passed on" in report.stages["var"].note
    assert statuses(report)["dev_from_mean_sq"] == Status.RIGHT


@pytest.mark.parametrize(
    ("shape", "given"), [((4,), (7, 4)), ((4,), (1, 4)), ((7, 1), (7, 4)), ((7, 1), (7,)), ((7, 1), (1, 4)), ((4,), ())]
)
def test_carrying_on_broadcasts_as_numpy_does(shape, given):
    """s = f(v) elementwise, and y = x · s: what the rules carry on is what plain NumPy computes from the same array."""
    rng = np.random.default_rng(0)
    v = mt.tensor(rng.normal(size=shape), name="v", requires_grad=True)
    x = mt.tensor(rng.normal(size=(7, 4)), name="x", requires_grad=True)
    u = mt.exp(v).named("u")
    s = mt.square(u).named("s")
    captured = mt.graph((x * s).named("y"), rng.normal(size=(7, 4)))
    ds = rng.normal(size=given)
    carried = expect(captured, {captured["s"]: ds}, {n: n.value for n in captured.nodes})
    by_numpy = ds * (2 * u.numpy())
    readings = [carried.gradients[captured["u"]], carried.as_given[captured["u"]]]
    assert any(r.shape == by_numpy.shape and np.allclose(r, by_numpy) for r in readings)
    report = mt.compare(captured, hand={"ds": ds, "du": by_numpy, "dv": by_numpy * u.numpy()})
    assert report.wrong == ["s"]


# ----------------------------------------------------------------------------------------------------------- the others


def test_what_is_not_given_is_taken_from_the_graph():
    of = solved("batchnorm")
    hand = {name: value for name, value in of.hand(MISTAKES["dvar"]).items() if name in ("dvar", "dmean", "dx")}
    report = mt.compare(of.graph, hand=hand)
    assert report.wrong == ["var"]
    assert statuses(report)["dev_from_mean_sq"] == Status.NOT_GIVEN
    assert statuses(report)["x"] == Status.RIGHT_GIVEN
    assert report.not_given == [name for name, status in statuses(report).items() if status == Status.NOT_GIVEN]


def test_a_stage_from_which_nothing_goes_on_is_harmless_whatever_it_holds():
    """The mean of deviations from a mean is 0 and stays 0, so no gradient that arrives at it reaches x."""
    x = mt.tensor(np.random.default_rng(0).normal(size=(7, 4)), name="x", requires_grad=True)
    deviation = (x - x.mean(axis=0)).named("deviation")
    again = deviation.mean(axis=0).named("again")
    captured = mt.graph((deviation * deviation + again).named("out"), np.random.default_rng(1).normal(size=(7, 4)))
    right = captured.gradients[captured["again"]].value
    report = mt.compare(captured, hand={"dagain": 3 * right + 1, "dx": captured.gradients[captured["x"]].value})
    assert report.ok
    assert statuses(report)["again"] == Status.HARMLESS
    assert "identically zero" in report.stages["again"].note
    assert mt.compare(captured, hand={"ddeviation": 3 * captured.gradients[captured["deviation"]].value}).wrong


def test_a_wrong_stage_that_is_lost_at_this_point_only_is_wrong_all_the_same():
    of = solved("batchnorm", dout=np.ones((7, 4)))  # a forgotten gamma leaves a constant, which normalization removes
    report = mt.compare(of.graph, hand=of.hand(MISTAKES["dx_norm"]))
    assert report.wrong == ["x_norm"]
    assert "reaches no input" in report.stages["x_norm"].note


def test_nan_in_one_stage_is_counted_and_not_held_against_the_next():
    of = solved("batchnorm")
    hand = of.hand()
    hand["dvar"] = hand["dvar"] * np.array([1.0, np.nan, 1.0, np.nan])
    report = mt.compare(of.graph, hand=hand)
    assert report.wrong == ["var"]
    assert "2 of 4 numbers are NaN" in report.stages["var"].note


def test_two_stages_that_share_one_gradient_are_judged_apart():
    of = solved("batchnorm")
    hand = of.hand()
    assert of.graph.gradients[of.graph["out"]] is of.graph.gradients[of.graph["scaled_x"]]
    report = mt.compare(of.graph, hand={**hand, "dscaled_x": 2 * hand["dout"]})
    assert "scaled_x" in report.wrong
    assert statuses(report)["out"] == statuses(report)["beta"] == Status.RIGHT


def test_a_graph_of_two_outputs_is_judged_too():
    x = mt.tensor([1.0, 2.0, 3.0], name="x", requires_grad=True)
    y = mt.square(x).named("y")
    captured = mt.graph([y, mt.exp(y).named("z")], [np.ones(3), np.array([1.0, -1.0, 0.5])])
    dy = 1.0 + np.array([1.0, -1.0, 0.5]) * np.exp(y.numpy())
    dx = dy * 2 * x.numpy()
    assert mt.compare(captured, hand={"dy": dy, "dx": dx}).ok
    assert mt.compare(captured, hand={"dy": dy - 1.0, "dx": dx}).wrong == ["y"]


@pytest.mark.parametrize("name", ["layernorm", "softmax_cross_entropy"])
def test_a_transposed_gradient_is_followed_as_far_as_it_is_carried_on(name):
    line = {
        "layernorm": ("dx_norm * inverted_stddev + 2 * dev_from_mean * ddev_from_mean_sq", "dev_from_mean"),
        "softmax_cross_entropy": ("one_hot * dpicked[:, None]", "log_probs"),
    }[name]
    of = solved(name)
    report = mt.compare(of.graph, hand=of.hand((line[0], f"({line[0]}).T")))
    assert report.wrong == [line[1]]
    assert report.diagnosis[line[1]][0].kind == "transposed"
