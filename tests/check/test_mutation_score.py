"""mutation_score: a strong test kills what can be killed; each weakness of a test lets its known mistakes survive."""

import functools
import sys
from pathlib import Path

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.check import mutation_score
from micrograd_tensor.check.mutation.score import Recorder, again, difference, local_shapes, redrawn, special_lengths

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
import batchnorm_by_hand as example

ALL = ("dx", "dgamma", "dbeta")


def my_test(backward, shape=(7, 4), gamma=None, dout=None, results=ALL, close=np.allclose, seed=0, scale=1.0):
    """A test as one might write it: against the closed form, at one point."""
    rng = np.random.default_rng(seed)
    x, beta = rng.normal(size=shape), rng.normal(size=shape[1])
    gamma = rng.normal(size=shape[1]) if gamma is None else np.full(shape[1], gamma)
    dout = rng.normal(size=shape) * scale if dout is None else np.full(shape, dout)
    _, cache = example.batchnorm_forward(x, gamma, beta, 1e-5)
    right, mine = example.batchnorm_backward_closed_form(dout, cache), backward(dout, cache)
    for name in results:
        assert mine[name].shape == right[name].shape
        assert close(mine[name], right[name]), name


exactly = functools.partial(np.allclose, rtol=1e-9, atol=1e-12)


def score(**options):
    return mutation_score(example.batchnorm_backward_staged, functools.partial(my_test, **{"close": exactly} | options))


def survivors(found):
    return {(mutant.stage, mutant.kind) for mutant in found.survived}


def test_a_strong_test_kills_everything_that_can_be_seen_in_what_it_looks_at():
    found = score()
    assert len(found.killed) > 180
    assert {mutant.kind for mutant in found.survived} == {"missing keepdims"}
    assert {mutant.stage for mutant in found.survived} == {"dinverted_stddev", "dmean"}
    assert found.score == len(found.killed) / (len(found.killed) + len(found.survived)) > 0.98
    assert all("another shape" in mutant.note for mutant in found.survived)


@pytest.mark.parametrize(
    ("weakness", "lets_pass"),
    [
        ({"gamma": 1.0}, {("dx_norm", "missing factor"), ("dx_norm", "factor twice"), ("dx_norm", "not inverted")}),
        ({"shape": (5, 5)}, {("ddev_from_mean_sq", "constant factor"), ("dx", "constant factor")}),
        ({"results": ("dx",)}, {("dgamma", "sign"), ("dbeta", "mean for sum"), ("dgamma", "missing factor")}),
        (
            {"dout": 1.0, "results": ("dx",), "close": functools.partial(np.allclose, atol=1e-3)},
            {("dvar", "sign"), ("dx_norm", "missing factor"), ("ddev_from_mean_sq", "constant factor")},
        ),
        ({"close": functools.partial(np.allclose, rtol=1e-4)}, {("dvar", "eps left out")}),
        (
            {"scale": 2e-3 / 512, "close": functools.partial(np.allclose, atol=1e-5)},
            {("dvar", "statistic as constant"), ("dmean", "statistic as constant"), ("dx", "sign")},
        ),
    ],
    ids=["gamma = 1", "N = D", "dx alone", "out.sum()", "loose", "mean loss"],
)
def test_a_weak_test_is_found_out_by_the_mistakes_it_lets_pass(weakness, lets_pass):
    found = score(**weakness)
    assert lets_pass <= survivors(found)
    assert found.score < score().score


def test_the_note_says_why_a_mistake_passed():
    missing = [m for m in score(gamma=1.0).survived if (m.stage, m.kind) == ("dx_norm", "missing factor")]
    assert "same at the points of your test" in missing[0].note
    lost = [m for m in score(results=("dx",)).survived if (m.stage, m.kind) == ("dbeta", "sign")]
    assert "changes by 2 of its largest element" in lost[0].note


def test_n_equal_to_d_is_a_weakness_and_no_reason_to_call_a_mistake_equivalent():
    square, oblong = score(shape=(5, 5)), score()
    for stage in ("ddev_from_mean_sq", "dx"):
        assert any(m.stage == stage and "/ D *" in m.after for m in square.survived)
    assert len(square.equivalent) == len(oblong.equivalent)


def test_changes_that_make_no_difference_are_listed_apart():
    after = {mutant.after for mutant in score().equivalent}
    assert after == {
        "dgamma = np.sum(x_norm * dout, axis=axis)",
        "dx_norm = gamma * dout",
        "dmean = -1 * np.sum(dx, axis=0)",
    }


def test_lines_and_kinds_are_those_of_the_source():
    lines = Path(example.__file__).read_text(encoding="utf-8").splitlines()
    found = score(gamma=1.0)
    for mutant in (*found.survived, *found.killed, *found.equivalent):
        assert lines[mutant.line - 1].strip().startswith(mutant.stage)


def test_the_report_names_the_score_and_every_survivor():
    found = score(gamma=1.0)
    text = str(found)
    assert f"mutation score {found.score:.0%}" in text
    for mutant in found.survived:
        assert f"line {mutant.line}, {mutant.kind}: {mutant.before}  →  {mutant.after}" in text
        assert mutant.note in text
    assert "3 more changes make no difference" in text
    assert "&gt;" not in text
    assert found._repr_html_().startswith("<pre>")


SOURCE = """
def backward(dout, cache):
    return {"dx": cache["gamma"] * dout, "dgamma": np.sum(dout * cache["x"], axis=0)}
"""


def small_test(backward):
    rng = np.random.default_rng(0)
    dout, x, gamma = rng.normal(size=(3, 2)), rng.normal(size=(3, 2)), rng.normal(size=2)
    mine = backward(dout, {"x": x, "gamma": gamma})
    return np.array_equal(mine["dx"], gamma * dout) and np.allclose(mine["dgamma"], (dout * x).sum(axis=0))


def test_source_text_is_taken_and_a_test_may_return_its_verdict():
    assert mutation_score(SOURCE, small_test).score > 0.9
    indented = "\n".join(f"    {line}" for line in SOURCE.splitlines())
    assert mutation_score(indented, small_test).score > 0.9


def test_a_report_that_is_not_ok_counts_as_found():
    x = mt.tensor(np.random.default_rng(0).normal(size=(3, 2)), name="x", requires_grad=True)
    out, dout = mt.square(x), np.random.default_rng(1).normal(size=(3, 2))
    source = "def backward(dout, x): return {'dx': 2 * x * dout}"
    found = mutation_score(source, lambda backward: mt.compare(out, dout, backward(dout, x.numpy()), point=False))
    assert found.score == 1.0


FACTOR = 3.0


def test_a_function_keeps_its_modules_names_and_its_closure():
    power = 2

    @functools.cache  # a decorator is left away
    def backward(dout, x):
        return FACTOR * power * dout * x

    def asks(function):
        assert function(5.0, 7.0) == 210.0

    found = mutation_score(backward, asks)
    assert found.score > 0.9
    assert found.killed[0].before == "return FACTOR * power * dout * x"


def test_the_function_of_the_module_stays_as_it_was():
    before = example.batchnorm_backward_staged
    score()
    assert example.batchnorm_backward_staged is before
    my_test(before, close=exactly)


def test_what_a_mutant_writes_into_shared_arrays_is_undone():
    rng = np.random.default_rng(0)
    dout, x = rng.normal(size=4), rng.normal(size=4)
    kept = dout.copy(), x.copy()
    source = "def backward(dout, x):\n    dx = dout * x\n    dx += dout\n    return dx\n"
    right = dout * x + dout
    found = mutation_score(source, lambda backward: np.allclose(backward(dout, x), right))
    assert np.array_equal(dout, kept[0])
    assert np.array_equal(x, kept[1])
    assert any(mutant.after == "dx = dout" for mutant in found.killed)  # it adds dout to dout itself


def test_a_mutant_that_raises_is_killed_and_warnings_are_no_concern():
    source = "def backward(dout, x):\n    return dout / np.sqrt(x)\n"
    found = mutation_score(
        source, lambda backward: np.allclose(backward(np.full(2, 3.0), np.array([4.0, 9.0])), [3 / 2, 1.0])
    )
    assert found.survived == ()

    def with_warnings(backward):
        assert np.allclose(backward(np.ones(2), np.array([4.0, 0.0])), [0.5, np.inf])

    assert mutation_score(source, with_warnings).killed


def test_an_outcome_of_pytest_is_a_verdict():
    def asks(backward):
        if backward(2.0) != 6.0:
            pytest.fail("wrong")

    assert mutation_score("def backward(dout): return 3 * dout", asks).score == 1.0


def interrupted(backward):
    if backward(2.0) != 6.0:
        raise KeyboardInterrupt


def test_an_interrupt_ends_it():
    with pytest.raises(KeyboardInterrupt):
        mutation_score("def backward(dout): return 3 * dout", interrupted)


@pytest.mark.parametrize(
    ("backward", "asks", "message"),
    [
        (SOURCE, lambda backward: False, "fails on the unchanged backward: it returned False"),
        (SOURCE, lambda backward: backward(1)["dy"], "fails on the unchanged backward: TypeError: .*cache"),
        (SOURCE, lambda backward: True, "did not call the backward pass"),
        ("def backward(dout): return dout", lambda backward: backward(1.0) == 1.0, "nothing in which a mistake"),
        ("def backward(dout: return 1", lambda backward: True, "not Python"),
        (np.add, lambda backward: True, "cannot be found; give the source as text"),
        (len, lambda backward: True, "cannot be found; give the source as text"),
    ],
    ids=["returns False", "raises", "does not call", "nothing to change", "no Python", "NumPy's", "built in"],
)
def test_what_cannot_be_scored_is_refused(backward, asks, message):
    with pytest.raises(mt.GradientError, match=message):
        mutation_score(backward, asks)


def test_a_lambda_is_refused():
    with pytest.raises(mt.GradientError, match="no function"):
        mutation_score(lambda dout: 2 * dout, lambda backward: backward(1.0) == 2.0)


# what mutation_score stands on


def test_calls_are_recorded_as_they_were_and_undone():
    def doubles(array, how):
        array *= how["factor"]
        return array

    x = np.array([1.0, 2.0])
    recorder = Recorder(doubles)
    recorder(x, how={"factor": 2.0})
    [call] = recorder.calls
    assert np.array_equal(call.args[0], [1.0, 2.0])
    assert np.array_equal(call.result[0], [2.0, 4.0])
    recorder.undo()
    assert np.array_equal(x, [1.0, 2.0])
    assert difference(again(doubles, call), call.result) == 0.0
    assert local_shapes(doubles, call) == {"array": (2,)}
    x.flags.writeable = False
    Recorder(lambda array: array)(x)


def test_other_numbers_are_drawn_and_masks_labels_and_zeros_kept():
    call = Recorder(lambda *args: None)
    call(np.array([1.0, 0.0, -2.0]), np.array([True]), np.arange(3), np.zeros(2), {"eps": 1e-5, "zero": 0.0, "n": 3})
    floats, mask, labels, zeros, numbers = redrawn(call.calls[0], np.random.default_rng(0)).args
    assert np.array_equal(np.sign(floats), [1.0, 0.0, -1.0])
    assert not np.isin(floats[[0, 2]], [1.0, -2.0]).any()
    assert np.array_equal(mask, [True])
    assert np.array_equal(labels, [0, 1, 2])
    assert zeros.all()
    assert numbers["eps"] not in (0.0, 1e-5)
    assert numbers["zero"] != 0.0
    assert numbers["n"] == 3


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (np.ones(2), np.ones(2), 0.0),
        (np.array([1.0, 4.0]), np.array([1.0, 2.0]), 0.5),
        (np.ones(2), np.ones((1, 2)), np.inf),
        ({"a": 1.0}, {"b": 1.0}, np.inf),
        ({"a": 1.0}, {"a": 2.0}, 0.5),
        ((1.0, 2.0), (1.0,), np.inf),
        (np.nan, np.nan, 0.0),
        (np.array([np.nan, 1.0]), np.array([0.0, 1.0]), np.inf),
        (None, None, 0.0),
        (None, 1.0, np.inf),
        ("a", "b", 0.0),
        (np.array([True]), np.array([False]), 1.0),
    ],
)
def test_results_are_compared_part_by_part(a, b, expected):
    assert difference(a, b) == expected


@pytest.mark.parametrize(
    ("shapes", "special"), [([(7, 4), (4,)], False), ([(5, 5)], True), ([(7, 1)], True), ([], False)]
)
def test_lengths_that_one_could_take_for_another(shapes, special):
    recorder = Recorder(lambda *args: None)
    recorder(*map(np.zeros, shapes))
    assert special_lengths(recorder.calls[0]) is special
