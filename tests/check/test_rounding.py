"""What rounding explains is right and what it does not explain is wrong, at any scale and condition."""

import gc
import weakref

import numpy as np
import pytest
from right_derivations import called_wrong
from solved import NAMES, solved

import micrograd_tensor as mt
from micrograd_tensor.check import rounding
from micrograd_tensor.check.rounding import recorded_tolerances
from micrograd_tensor.graph.nudges import nudged


@pytest.mark.parametrize("first_seed", range(0, 400, 50))
def test_a_correct_derivation_is_never_called_wrong(first_seed):
    compared, wrong = called_wrong(50, first_seed)
    assert compared == 50
    assert wrong == []


def test_the_generator_of_correct_derivations_would_notice_a_wrong_one(monkeypatch):
    import right_derivations

    def wrong(p, c):
        return {"dgamma": (p.dout * c["x_norm"]).sum(axis=0) * (1 + 1e-3)}

    monkeypatch.setattr(right_derivations, "WAYS", (wrong,))
    monkeypatch.setattr(right_derivations, "random_point", lambda seed: easy(seed))
    assert len(called_wrong(10)[1]) == 10


def easy(seed, dtype=np.float64, offset=0.0, spread=1.0):
    from right_derivations import Point

    rng = np.random.default_rng(seed)
    arrays = rng.normal(size=(7, 4)) * spread + offset, rng.normal(size=4), rng.normal(size=4), rng.normal(size=(7, 4))
    return Point(*(a.astype(dtype) for a in arrays), hardness="")


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6])
@pytest.mark.parametrize("spread", [1e-1, 1.0, 1e1])
def test_eps_left_out_is_seen_in_float64_at_any_offset(offset, spread):
    """A factor of √(1 + eps/var): 5e-4 to 5e-8."""
    p = easy(0, offset=offset * spread, spread=spread)
    captured = p.graph()
    var, dstddev = captured["var"].value, captured.gradients[captured["stddev"]].value
    assert mt.compare(captured, hand={"dstddev": dstddev, "dvar": 0.5 / np.sqrt(var + 1e-5) * dstddev}).ok
    assert mt.compare(captured, hand={"dstddev": dstddev, "dvar": 0.5 / np.sqrt(var) * dstddev}).wrong == ["var"]


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_numbers_below_the_normal_ones_round_coarsely(dtype):
    """Halved before they are multiplied they lose a bit, which those halved afterwards keep."""
    rng = np.random.default_rng(0)
    x = mt.tensor(rng.normal(size=8).astype(dtype), name="x", requires_grad=True)
    g = (rng.integers(3, 20, 8) * np.finfo(dtype).smallest_subnormal).astype(dtype)
    large = dtype(100)
    captured = mt.graph((x * large / 2.0).named("out"), g)
    assert not np.array_equal(g * large / dtype(2), g / dtype(2) * large)
    assert mt.compare(captured, hand={"dx": g * large / dtype(2)}, point=False).ok
    assert mt.compare(captured, hand={"dx": g / dtype(2) * large}, point=False).ok
    assert not mt.compare(captured, hand={"dx": g * 100 * large}, point=False).ok


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_relative_change_of_1e_12_is_seen_at_every_stage_of_a_generic_point(name):
    of = solved(name)
    for stage, value in of.hand().items():
        node = of.graph.named.get(stage[1:])
        if stage[:1] == "d" and node in of.graph.gradients and np.any(value):
            assert mt.compare(of.graph, hand={stage: value}, point=False).ok
            assert not mt.compare(of.graph, hand={stage: value * (1 + 1e-12)}, point=False).ok, stage


def test_a_column_of_small_numbers_is_judged_as_strictly_as_one_of_large_ones():
    rng = np.random.default_rng(0)
    scale = np.array([1e-9, 1.0, 1e9])
    x = mt.tensor(rng.normal(size=(7, 3)) * scale, name="x", requires_grad=True)
    captured = mt.graph(mt.square(x).named("y"), rng.normal(size=(7, 3)))
    right = captured.gradients[captured["x"]].value
    wrong = right.copy()
    wrong[2, 0] *= 1 + 1e-9
    assert mt.compare(captured, hand={"dx": right * (1 + 1e-16)}).ok
    stage = mt.compare(captured, hand={"dx": wrong}).stages["x"]
    assert stage.status == "wrong here"
    assert stage.worst[0] == (2, 0)


def test_an_element_lost_among_large_ones_is_wrong_though_small():
    of = solved("batchnorm")
    dx = of.hand()["dx"]
    smallest = np.unravel_index(np.argmin(np.abs(dx)), dx.shape)
    wrong = dx.copy()
    wrong[smallest] *= -1
    report = mt.compare(of.graph, hand={"dx": wrong})
    assert report.wrong == ["x"]
    assert report.stages["x"].worst[0] == tuple(smallest)


@pytest.mark.parametrize("order", ["forwards", "backwards", "pairwise", "exactly"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_long_sum_may_be_added_up_in_any_order(order, dtype):
    import math

    terms = np.random.default_rng(0).normal(1.0, 1.0, 20_000).astype(dtype)
    w = mt.tensor(np.ones(1, dtype), name="w", requires_grad=True)
    captured = mt.graph((mt.tensor(terms) * w).named("y"), np.ones(20_000, dtype))
    added = {
        "forwards": np.cumsum(terms)[-1],
        "backwards": np.cumsum(terms[::-1])[-1],
        "pairwise": terms.sum(),
        "exactly": dtype(math.fsum(terms)),
    }[order]
    assert mt.compare(captured, hand={"dw": np.array([added])}).ok
    assert not mt.compare(captured, hand={"dw": np.array([added]) * (1 + (1e-2 if dtype == np.float32 else 1e-9))}).ok


def test_cancellation_leaves_room_for_rounding_and_for_no_more():
    x = mt.tensor(np.array([1.0, 2.0]), name="x", requires_grad=True)
    captured = mt.graph((1e8 * x - (1e8 + 1.0) * x).named("y"), np.ones(2))
    assert np.array_equal(captured.gradients[captured["x"]].value, [-1.0, -1.0])
    assert mt.compare(captured, hand={"dx": np.full(2, -1.0 + 1e-8)}).ok
    assert not mt.compare(captured, hand={"dx": np.full(2, -1.0 + 1e-4)}).ok


def test_ties_stay_ties():
    """Equal numbers are nudged alike, so the even split of a maximum between them is no matter of rounding."""
    x = mt.tensor(np.array([[3.0, 3.0, 1.0], [2.0, 1.0, 2.0]]), name="x", requires_grad=True)
    captured = mt.graph(mt.max(x, axis=1).named("y"), np.array([1.0, 1.0]))
    right = np.array([[0.5, 0.5, 0.0], [0.5, 0.0, 0.5]])
    assert mt.compare(captured, hand={"dx": right}).ok
    assert not mt.compare(captured, hand={"dx": np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 1.0]])}).ok
    assert recorded_tolerances(captured).absolute[captured["x"]].max() < 1e-12


def test_nudges_are_small_differ_and_depend_on_the_numbers_alone():
    x = np.random.default_rng(0).normal(size=1000)
    moved = nudged(x, x.dtype, 3)
    apart = np.abs(moved / x - 1) / np.finfo(float).eps
    assert apart.mean() > 0
    assert apart.max() <= 17
    assert np.array_equal(nudged(x[::-1], x.dtype, 3), moved[::-1])
    assert not np.array_equal(nudged(x, x.dtype, 4), moved)
    assert np.array_equal(nudged(np.zeros(3), x.dtype, 0), np.zeros(3))
    of_complex = nudged(x + 2j * x, np.dtype(complex), 0)
    assert 0 < np.abs(of_complex - (x + 2j * x)).max() < 1e-13


def test_float32_is_compared_as_float32_and_float32_in_a_float64_graph_too():
    of = solved("batchnorm")
    hand = {name: np.asarray(value, np.float32) for name, value in of.hand().items() if name[:1] == "d"}
    report = mt.compare(of.graph, hand=hand)
    assert report.ok
    assert "float32" in report.stages["var"].note
    assert not mt.compare(of.graph, hand={**hand, "dvar": hand["dvar"] * np.float32(1.001)}).ok


@pytest.mark.parametrize("computed", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("given", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("held", [np.float32, np.float64])
def test_what_was_rounded_on_the_way_is_allowed_once(held, computed, given):
    rng = np.random.default_rng(3)
    b = mt.tensor(rng.standard_normal(3).astype(held), name="b", requires_grad=True)
    x = mt.tensor(rng.standard_normal((7, 3)).astype(computed), name="x", requires_grad=True)
    out, dout = x * 2 + b.astype(computed), rng.standard_normal((7, 3)).astype(computed)
    right = {"dx": (2 * dout).astype(given), "db": dout.astype(held).sum(axis=0).astype(given)}
    assert mt.compare(out, dout, right).ok
    for by in (1 / 7, -1, 1.1):
        assert not mt.compare(out, dout, {**right, "db": right["db"] * given(by)}).ok


def test_a_given_rtol_decides_alone():
    of = solved("batchnorm")
    hand = of.hand()
    off = {**hand, "dvar": hand["dvar"] * (1 + 1e-6)}
    assert mt.compare(of.graph, hand={"dvar": off["dvar"]}, rtol=1e-5).ok
    assert mt.compare(of.graph, hand={"dvar": off["dvar"]}, rtol=1e-7).wrong == ["var"]
    assert mt.compare(of.graph, hand={"dvar": off["dvar"]}, rtol=1e-5).rtol == 1e-5


def test_numbers_too_large_or_undefined_are_compared_as_such():
    x = mt.tensor(np.array([1e200, -1.0, 2.0]), name="x", requires_grad=True)
    with np.errstate(all="ignore"):
        captured = mt.graph(mt.sqrt(mt.square(mt.square(x)) - 2.0).named("y"), np.ones(3))
    right = captured.gradients[captured["x"]].value
    assert not np.all(np.isfinite(right))
    assert mt.compare(captured, hand={"dx": right.copy()}).ok
    assert not mt.compare(captured, hand={"dx": np.nan_to_num(right)}).ok


@pytest.mark.parametrize("scale", [1e300, 1e150, 1e-150])
def test_upstreams_far_from_1_are_judged_as_any_other(scale):
    of = solved("batchnorm")
    scaled = solved("batchnorm", dout=of.dout * scale)
    right = scaled.hand()
    assert mt.compare(scaled.graph, hand=right, point=False).ok
    assert mt.compare(scaled.graph, hand={**right, "dx": right["dx"] * (1 + 1e-9)}, point=False).wrong == ["x"]


def test_it_is_found_once_for_a_graph_and_forgotten_with_it(monkeypatch):
    x = mt.tensor([0.3, 0.7], name="x", requires_grad=True)
    graph = mt.graph((mt.tanh(x) * x).named("y"), [1.0, 2.0])
    found = recorded_tolerances(graph)
    monkeypatch.setattr(rounding, "Passes", None)  # which would be called a second time
    assert recorded_tolerances(graph) is found
    gone = weakref.ref(graph)
    del graph, found
    gc.collect()
    assert gone() is None
