"""What compare makes of unusual input: each kind has a stated behaviour."""

from collections import namedtuple
from types import SimpleNamespace

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
    report = mt.compare(of.graph, hand={**hand, "N": 7, name: np.ones(D)})
    assert report.ok
    assert said in report.unused[name]
    assert name in str(report)


# ------------------------------------------------------------------------------------------- nothing passes unjudged

RNG = np.random.default_rng(0)
X, W, DOUT = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 2)), RNG.normal(size=(4, 2))
RIGHT = {"dx": DOUT @ W.T, "dw": X.T @ DOUT}
SPELLINGS = ("dX", "d_x", "dLdx", "dL_dx", "dLoss_dx", "grad_x", "gradx", "x_grad", "xgrad", "gx", "gX", "g_x", "dLdX")


def product(x_asks=True, x=X):
    a = mt.tensor(x, name="x", requires_grad=x_asks)
    return (a @ mt.tensor(W, name="w", requires_grad=True)).named("out")


@pytest.mark.parametrize("key", SPELLINGS)
def test_a_gradient_is_judged_however_it_is_spelled(key):
    report = mt.compare(product(), DOUT, {key: RIGHT["dx"], "dw": RIGHT["dw"]})
    assert report.ok
    assert report.keys["x"] == key
    assert report.stages["x"].status == Status.RIGHT
    assert mt.compare(product(), DOUT, {key: 100 * RIGHT["dx"], "dw": RIGHT["dw"]}).wrong == ["x"]


@pytest.mark.parametrize(
    "packed",
    [
        lambda dx, dw: {"grads": {"x": dx, "w": dw}},
        lambda dx, dw: {"grads": {"dx": dx, "dw": dw}, "N": 4},
        lambda dx, dw: (dx, dw),
        lambda dx, dw: [dx, dw],
        lambda dx, dw: SimpleNamespace(dx=dx, dw=dw),
        lambda dx, dw: namedtuple("Gradients", "dx dw")(dx, dw),
        lambda dx, dw: {"x": dx, "w": dw},
    ],
    ids=["nested", "nested with d", "tuple", "list", "attributes", "named tuple", "bare names"],
)
def test_gradients_are_judged_however_they_are_packed(packed):
    assert mt.compare(product(), DOUT, packed(RIGHT["dx"], RIGHT["dw"])).ok
    assert mt.compare(product(), DOUT, packed(3 * RIGHT["dx"], RIGHT["dw"])).wrong == ["x"]
    assert mt.compare(product(), DOUT, packed(RIGHT["dx"], 3 * RIGHT["dw"])).wrong == ["w"]


@pytest.mark.parametrize(
    ("out", "hand", "key", "said"),
    [
        (product(x_asks=False), {"dx": RIGHT["dx"]}, "dx", "x asks for no gradient; make it with requires_grad=True"),
        (product(x_asks=False), {"grad_x": RIGHT["dx"]}, "grad_x", "asks for no gradient"),
        (
            product(False, np.arange(12).reshape(4, 3)),
            {"dx": RIGHT["dx"]},
            "dx",
            "x holds int64, which has no gradient",
        ),
        (product(), {"dx": None}, "dx", "it is None"),
        (product(), {"dxx": 3 * RIGHT["dx"]}, "dxx", "did you mean 'dx'"),
        (product(), {"dy": 3 * RIGHT["dx"]}, "dy", "no gradient has this name"),
        (product(), {"dx": RIGHT["dx"], "grad_x": 2 * RIGHT["dx"]}, "grad_x", "dx was judged as the gradient of x"),
        (product(), {"dextra": 3.0}, "dextra", "no gradient has this name"),
        (product(), {"dextra": [1.0, 2.0]}, "dextra", "no gradient has this name"),
    ],
    ids=[
        "no gradient asked",
        "spelled otherwise",
        "integers",
        "None",
        "misspelt",
        "unknown",
        "twice",
        "number",
        "list",
    ],
)
def test_a_gradient_that_cannot_be_judged_does_not_pass(out, hand, key, said):
    report = mt.compare(out, DOUT, {**hand, "dw": out.operands[0].numpy().T @ DOUT})
    assert not report.ok
    assert report.wrong == []
    assert said in report.unjudged[key]
    assert "it is None" in said or key in str(report).split("Gradients, in")[0]
    with pytest.raises(AssertionError, match="not all judged"):
        mt.check.assert_gradients(out, DOUT, {**hand, "dw": out.operands[0].numpy().T @ DOUT})
    with pytest.raises(mt.GradientError, match=key):
        report.raise_if_wrong()


@pytest.mark.parametrize("key", ["dx", "grad_x"])
def test_the_only_gradient_that_is_given_but_cannot_be_judged_is_refused_with_the_reason(key):
    with pytest.raises(mt.GradientError, match=f"'{key}' cannot be judged: x asks for no gradient"):
        mt.compare(product(x_asks=False), DOUT, {key: RIGHT["dx"]})


def test_a_helper_among_local_variables_is_no_gradient_unless_one_of_its_shape_is_missing():
    hand = {**RIGHT, "N": 4, "dhelper": 3 * RIGHT["dw"]}
    assert mt.compare(product(), DOUT, hand).ok
    del hand["dw"]
    assert "dhelper" in mt.compare(product(), DOUT, hand).unjudged


def test_the_gradient_of_one_step_under_another_spelling_is_a_helper_and_no_second_gradient():
    def backward(dout, cache):
        dw = np.zeros((3, 2))
        for i in range(4):
            d_w = np.outer(cache["x"][i], dout[i])
            dw += d_w
        return dw

    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(4, 3)), mt.tensor(rng.normal(size=(3, 2)), name="w", requires_grad=True)
    dout = rng.normal(size=(4, 2))
    out = mt.tensor(x, name="x") @ w
    assert mt.check.assert_gradients(out, dout, backward, {"x": x}).ok
    gradients = {"dw": x.T @ dout, "d_w": np.outer(x[3], dout[3])}
    assert "give one of the two" in mt.compare(out, dout, gradients).unjudged["d_w"]


@pytest.mark.parametrize("key", ["dtmp", "da", "t"])
def test_arrays_without_a_stage_are_matched_by_value(key):
    """x · x has two contributions: one of them, under whatever name, is known."""
    x = mt.tensor(X, name="x", requires_grad=True)
    out = (x * mt.exp(x)).named("out")
    part = DOUT[:, :1] * np.exp(X)
    hand = {"dx": part * (1 + X), key: part}
    report = mt.compare(out, np.broadcast_to(DOUT[:, :1], X.shape), hand)
    assert report.ok
    assert report.matched[key] == "what arrives at x from out"


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


@pytest.mark.parametrize(
    "packed", [lambda dx, dw: {"dx": dx, "dw": dw}, lambda dx, dw: (dx, dw)], ids=["dict", "tuple"]
)
def test_tensors_of_pytorch_are_arrays_whether_they_ask_for_gradients_or_not(packed):
    torch = pytest.importorskip("torch")
    for asks in (False, True):
        dx, dw = (torch.tensor(RIGHT[name]).requires_grad_(asks) for name in ("dx", "dw"))
        assert mt.compare(product(), DOUT, packed(dx, dw)).ok
        assert mt.compare(product(), DOUT, packed(dx * 2, dw)).wrong == ["x"]
        assert "grad_x" in mt.compare(product(), DOUT, {"dx": dx, "grad_x": dx * 2, "dw": dw}).unjudged
        assert mt.compare(product(), DOUT, {"dx": dx, "grad_x": dx, "dw": dw}).ok
