"""The forward values that a derivation rests on are judged before it, with errors carried forward there too."""

import numpy as np
import pytest
from solved import NAMES, solved

import micrograd_tensor as mt
from micrograd_tensor.graph.status import Status


def forward(of, **changed):
    """Batch norm's forward pass in plain NumPy, with some of its lines exchanged."""
    v = {name: of.cache[name] for name in ("x", "gamma", "beta")}
    lines = {
        "mean": lambda v: v["x"].mean(axis=0),
        "dev_from_mean": lambda v: v["x"] - v["mean"],
        "dev_from_mean_sq": lambda v: v["dev_from_mean"] ** 2,
        "var": lambda v: v["dev_from_mean_sq"].mean(axis=0),
        "stddev": lambda v: np.sqrt(v["var"] + 1e-5),
        "inverted_stddev": lambda v: 1 / v["stddev"],
        "x_norm": lambda v: v["dev_from_mean"] * v["inverted_stddev"],
        "scaled_x": lambda v: v["gamma"] * v["x_norm"],
    }
    for name, line in {**lines, **changed}.items():
        v[name] = line(v)
    return v


MISTAKES = {
    "eps outside the root": ("stddev", lambda v: np.sqrt(v["var"]) + 1e-5),
    "N − 1 for N": ("var", lambda v: v["dev_from_mean_sq"].sum(axis=0) / 6),
    "running statistics": ("mean", lambda v: 0.9 * v["x"].mean(axis=0) + 0.1),
    "not inverted": ("inverted_stddev", lambda v: v["stddev"]),
    "eps forgotten": ("stddev", lambda v: np.sqrt(v["var"])),
}


def of_values(values, module):
    made = {**values}
    return {k: np.asarray(v) for k, v in module.backward(np.array(values["dout"]), made).items() if k[:1] == "d"}


@pytest.mark.parametrize(("stage", "line"), MISTAKES.values(), ids=MISTAKES)
def test_a_wrong_line_of_the_forward_pass_is_found_there_and_the_backward_pass_is_judged_by_it(stage, line):
    of = solved("batchnorm")
    values = forward(of, **{stage: line})
    hand = of_values({**values, "dout": of.dout}, of.module)
    report = mt.compare(of.graph, hand=hand, forward=values)
    assert report.wrong_forward == [stage]
    assert report.wrong == []
    assert not report.ok
    later = list(report.forward)[list(report.forward).index(stage) + 1 :]
    assert {report.forward[name].status for name in later} <= {Status.RIGHT, Status.RIGHT_GIVEN}
    assert Status.RIGHT_GIVEN in {report.forward[name].status for name in later}
    assert report.stages["x"].status == Status.RIGHT_GIVEN
    with pytest.raises(mt.GradientError, match=f"forward values are wrong: {stage}"):
        report.raise_if_wrong()


def test_a_mistake_in_either_pass_is_found_in_its_own():
    of = solved("batchnorm")
    values = forward(of, var=lambda v: v["dev_from_mean_sq"].sum(axis=0) / 6)
    hand = of_values({**values, "dout": of.dout}, of.module)
    hand["dbeta"] = hand["dbeta"] / 7
    report = mt.compare(of.graph, hand=hand, forward=values)
    assert (report.wrong_forward, report.wrong) == (["var"], ["beta"])


def test_diagnosis_covers_forward_values():
    of = solved("batchnorm")
    values = forward(of, var=lambda v: v["dev_from_mean_sq"].sum(axis=0) / 6)
    report = mt.compare(of.graph, hand=of_values({**values, "dout": of.dout}, of.module), forward=values)
    assert report.diagnosis["forward:var"]
    assert report.wrong_stages["forward:var"].forward


@pytest.mark.parametrize("name", NAMES)
def test_the_recorded_values_are_right_and_so_are_those_of_another_order(name):
    of = solved(name)
    report = mt.compare(of.graph, hand=of.hand(), forward=of.cache)
    assert report.ok
    assert all(stage.error == 0 for stage in report.forward.values())
    assert list(report.forward) == sorted(report.forward, key=lambda n: of.graph.named[n].rank)


def test_a_value_of_another_shape_is_said():
    of = solved("batchnorm")
    report = mt.compare(of.graph, hand=of.hand(), forward={"var": of.cache["var"][None, :], "x_norm": np.ones(3)})
    assert report.forward["var"].status == Status.WRONG_SHAPE
    assert report.forward["x_norm"].status == Status.WRONG
    assert report.wrong_forward == ["x_norm"]
    assert report.wrong == []


def test_a_value_that_was_overwritten_after_it_was_used_is_found_as_such():
    of = solved("batchnorm")
    values = {**forward(of)}
    values["dev_from_mean"] = values["x_norm"]  # dev_from_mean *= inverted_stddev, in place
    report = mt.compare(of.graph, hand=of.hand(), forward=values)
    assert report.wrong_forward == ["dev_from_mean"]
    assert "changed later" in report.forward["dev_from_mean"].note
    assert report.wrong == []  # the gradients were made from the right values


def test_bare_names_and_a_cache_beside_the_gradients_are_forward_values():
    of = solved("batchnorm")
    values = forward(of, var=lambda v: v["dev_from_mean_sq"].sum(axis=0) / 6)
    hand = of_values({**values, "dout": of.dout}, of.module)
    for entries in ({**values, **hand}, {"cache": values, **hand}):
        report = mt.compare(of.graph, hand=entries)
        assert report.wrong_forward == ["var"]
        assert report.wrong == []


def test_a_bare_name_that_was_used_for_something_else_is_no_forward_value():
    of = solved("batchnorm")
    hand = {name: value for name, value in of.hand().items() if name[:1] == "d"}
    report = mt.compare(of.graph, hand={**hand, "var": np.zeros(4)})
    assert report.ok
    assert "var" not in report.forward
    assert "not made from them" in report.unused["var"]


def test_an_input_that_differs_is_another_point():
    of = solved("batchnorm")
    report = mt.compare(of.graph, hand=of.hand(), forward={"gamma": np.ones(4)})
    assert report.wrong_forward == ["gamma"]


def test_rounding_in_the_forward_pass_is_not_held_against_the_backward_pass():
    x = 1e5 + np.random.default_rng(0).normal(size=(7, 4))
    of = solved("batchnorm", inputs=(x, np.ones(4), np.zeros(4)))
    values = forward(of, var=lambda v: v["x"].var(axis=0), x_norm=lambda v: v["dev_from_mean"] / v["stddev"])
    hand = of_values({**values, "dout": of.dout}, of.module)
    report = mt.compare(of.graph, hand=hand, forward=values)
    assert report.ok
    assert {stage.status for stage in (*report.forward.values(), *report.stages.values())} == {Status.RIGHT}
