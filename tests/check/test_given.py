"""What compare makes of unusual input: each kind has a stated behaviour."""

import numpy as np
import pytest
from solved import solved

import micrograd_tensor as mt
from micrograd_tensor.graph.status import Status

D = 4


def batchnorm():
    of = solved("batchnorm")
    return of, {name: value for name, value in of.hand().items() if name[:1] == "d" and name[1:] in of.graph.named}


@pytest.mark.parametrize(
    "value",
    [3, 0.5, "text", None, [1, 2], np.ones((3, 5)), {"a": 1}, print, np, (), np.ones(4, object), object()],
    ids=lambda value: type(value).__name__,
)
def test_extra_names_without_an_array_of_a_known_shape_are_ignored_quietly(value):
    of, hand = batchnorm()
    report = mt.compare(of.graph, hand={**hand, "N": value, "helper": value})
    assert report.ok
    assert dict(report.unused) == {}


@pytest.mark.parametrize(("name", "said"), [("tmp", "no tensor"), ("dvra", "did you mean 'dvar'"), ("dxx", "'dx'")])
def test_extra_names_with_an_array_of_a_known_shape_are_listed(name, said):
    of, hand = batchnorm()
    report = mt.compare(of.graph, hand={**hand, name: np.ones(D)})
    assert report.ok
    assert said in report.unused[name]
    assert name in str(report)


def test_none_is_not_given():
    of, hand = batchnorm()
    report = mt.compare(of.graph, hand={**hand, "dvar": None})
    assert report.ok
    assert report.stages["var"].status == Status.NOT_GIVEN


@pytest.mark.parametrize(
    "convert", [list, tuple, np.ndarray.tolist, mt.tensor, np.asfortranarray, np.ma.array], ids=lambda f: f.__name__
)
def test_lists_and_tensors_are_arrays(convert):
    of, hand = batchnorm()
    report = mt.compare(of.graph, hand={**hand, "dvar": convert(hand["dvar"]), "dx": convert(hand["dx"])})
    assert report.stages["var"].status == report.stages["x"].status == Status.RIGHT


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.bool_])
def test_integers_are_numbers(dtype):
    x = mt.tensor([1.0, 0.0], name="x", requires_grad=True)
    captured = mt.graph((x * 1.0).named("y"), np.array([1.0, 0.0]))
    assert mt.compare(captured, hand={"dx": np.array([1, 0], dtype)}).ok
    assert mt.compare(captured, hand={"dx": np.array([1, 1], dtype)}).wrong == ["x"]


def test_a_number_stands_for_a_gradient_without_axes():
    x = mt.tensor(3.0, name="x", requires_grad=True)
    assert mt.compare(mt.square(x), hand={"dx": 6}).ok
    assert mt.compare(mt.square(x), hand={"dx": 6.5}).wrong == ["x"]


def test_nan_where_a_number_belongs_is_wrong_and_counted():
    of, hand = batchnorm()
    dx = hand["dx"].copy()
    dx[0, :3] = np.nan
    stage = mt.compare(of.graph, hand={**hand, "dx": dx}).stages["x"]
    assert stage.status == Status.WRONG
    assert "3 of 28 numbers are NaN" in stage.note


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (np.array([None] * D), "dvar holds object"),
        (np.array(["a"] * D), "dvar holds <U1"),
        (["a", "b"], "dvar holds <U1"),
        ([[1.0], [1.0, 2.0]], "dvar is not an array"),
        (np.ones(D, complex), "give its real part"),
        (np.array(["2020-01-01"] * D, "datetime64[D]"), "dvar holds datetime64"),
        (lambda: 1, "dvar holds object"),
    ],
    ids=["object", "text", "list of text", "ragged", "complex", "dates", "function"],
)
def test_what_is_no_array_of_real_numbers_is_refused_by_name(value, said):
    of, hand = batchnorm()
    with pytest.raises(mt.DTypeError, match=said):
        mt.compare(of.graph, hand={**hand, "dvar": value})


@pytest.mark.parametrize("hand", [[1.0], (np.ones(4),), np.ones(4), "dx", 3, {1, 2}], ids=str)
def test_a_hand_without_names_is_refused_with_the_way_out(hand):
    of, _ = batchnorm()
    with pytest.raises(mt.GradientError, match=r"hand is a .*; give arrays by name, \{'dx': dx\}, or locals\(\)"):
        mt.compare(of.graph, hand=hand)


def test_a_cache_without_names_is_refused_with_the_way_out():
    of, hand = batchnorm()
    with pytest.raises(mt.GradientError, match=r"forward is a tuple; give arrays by name"):
        mt.compare(of.graph, hand=hand, forward=(np.ones(4),))


def test_keys_that_are_no_names_are_ignored():
    of, hand = batchnorm()
    assert mt.compare(of.graph, hand={**hand, 3: np.ones(4), ("a",): 2}).ok


def test_read_only_arrays_and_views_are_as_good_as_others_and_nothing_is_written():
    of, hand = batchnorm()
    before = {name: np.array(value) for name, value in hand.items()}
    for value in hand.values():
        if isinstance(value, np.ndarray):
            value.setflags(write=False)
    wide = np.repeat(hand["dx"], 2, axis=1)
    report = mt.compare(of.graph, hand={**hand, "dx": wide[:, ::2], "dvar": 2 * hand["dvar"]})
    assert report.wrong[:1] == ["var"]
    for name, value in hand.items():
        assert np.array_equal(value, before[name])


def test_a_graph_is_the_same_after_any_number_of_comparisons():
    of, hand = batchnorm()
    first, second = (mt.compare(of.graph, hand={**hand, "dvar": 3 * hand["dvar"]}) for _ in range(2))
    assert dict(first.stages) == dict(second.stages)
    assert first.findings == second.findings
    assert first.oracles == second.oracles
    assert dict(first.diagnosis) == dict(second.diagnosis)


def test_unnamed_tensors_have_no_stage():
    x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    report = mt.compare(mt.exp(mt.square(x)), np.ones(2), {"dx": 2 * x.numpy() * np.exp(x.numpy() ** 2)})
    assert report.ok
    assert list(report.stages) == ["x"]
