"""What is large is judged in little memory: values go after their last use, and equal arrays are kept once."""

import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.check.rounding import difference, recorded_tolerances, terms
from micrograd_tensor.check.running import kept_once, run
from micrograd_tensor.graph import evaluate, evaluate_backward

RNG = np.random.default_rng(0)
X, DOUT = RNG.normal(size=(60, 500)), RNG.normal(size=(60, 500))


def normalized(x):
    dev = (x - x.mean(axis=0)).named("dev")
    return (dev / mt.sqrt((dev * dev).mean(axis=0) + 1e-5)).named("out")


def captured(x=X, dout=DOUT):
    return mt.graph(normalized(mt.tensor(x, name="x", requires_grad=True)), dout)


def test_values_that_are_not_to_be_kept_go_after_their_last_use():
    graph = captured()
    every = evaluate(graph, {})
    for keep in (graph.outputs, [graph["dev"]], ()):
        made = evaluate(graph, {}, keep=keep)
        assert list(made) == [node for node in graph.nodes if node in keep]
        assert all(np.array_equal(made[node], every[node]) for node in made)


@pytest.mark.parametrize("given", [(), ("dev",), ("out", "dev")])
def test_the_backward_pass_of_some_nodes_alone_gives_the_same_gradients(given):
    graph = captured()
    others = {graph[name]: RNG.normal(size=X.shape) for name in given}
    full = evaluate_backward(graph, others)
    for of in (graph.gradients, [graph["x"]], [graph["dev"], graph["x"]]):
        some = evaluate_backward(graph, others, of=of)
        assert not some.contributions
        assert list(some.gradients) == list(of)
        assert all(np.array_equal(gradient, full.gradients[node]) for node, gradient in some.gradients.items())


def test_terms_of_some_gradients_are_those_of_all():
    graph = captured()
    for settings in ({}, {"from_output": True}, {"used": {n: g.value * 2.0 for n, g in graph.gradients.items()}}):
        every = terms(graph, **settings)
        some = terms(graph, **settings, wanted=[graph["x"]])
        assert list(some) == [graph["x"]]
        for a, b in zip(some[graph["x"]], every[graph["x"]], strict=True):
            assert np.array_equal(a, b)


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1.0, 1e30, 1e300])
def test_tolerances_of_large_arrays_are_as_good_as_those_of_small_ones(scale):
    """The first columns of a large array, and the same columns alone: each has a mean and a variance of its own."""
    rng = np.random.default_rng(1)
    x, dout = rng.normal(size=(60, 3000)), rng.normal(size=(60, 3000)) * scale
    large, small = captured(x, dout), captured(x[:, :40].copy(), dout[:, :40].copy())
    ours, due = (recorded_tolerances(graph).absolute[graph["x"]] for graph in (large, small))
    assert np.isfinite(ours).all()
    assert (ours > 0).all()
    # Drawn at random, few times: elements may differ, but not their sizes.
    ratio = float(np.median(ours[:, :40] / due))
    assert 0.2 < ratio < 5.0


def test_a_mistake_in_one_element_of_a_large_array_is_found():
    rng = np.random.default_rng(1)
    x, dout = rng.normal(size=(60, 3000)), rng.normal(size=(60, 3000))
    graph = captured(x, dout)
    right = np.array(graph.gradients[graph["x"]].value)
    assert mt.compare(graph, hand={"dx": right}).ok
    wrong = right.copy()
    wrong[7, 1234] *= 1 + 1e-10
    report = mt.compare(graph, hand={"dx": wrong}, point=False)
    assert report.wrong == ["x"]
    assert report.stages["x"].worst[0] == (7, 1234)


def test_large_arrays_that_are_equal_are_kept_once_and_others_stay():
    known = [RNG.normal(size=(300, 300)), np.zeros((300, 300))]
    same, other, small = known[0].copy(), known[0] + 1e-300, np.zeros(3)
    nan, minus, whole = np.full((300, 300), np.nan), -known[1], np.zeros((300, 300), int)
    value = (same, [known[0] * 2.0, {"a": same}], small, "text", None, nan, minus, whole)
    made = kept_once(value, [*known, np.zeros(3), nan.copy()])
    assert made[0] is known[0]
    assert made[1][1]["a"] is known[0]
    assert all(a is b for a, b in zip(made[2:], value[2:], strict=True))
    assert np.array_equal(kept_once(other, known), other)


def test_what_a_backward_pass_returns_stays_what_it_returned():
    def backward(dout, cache):
        inner = dout
        dx = dout * 1.0
        return dx, inner

    dout = RNG.normal(size=(300, 300))
    came = run(backward, dout, None, ["x", "y"])
    assert came.names["dx"] is came.returned[0]
    assert came.names["dy"] is came.returned[1]
    assert came.names["dy"] is not dout


def test_without_a_look_at_the_lines_a_run_computes_the_same():
    def backward(dout, cache):
        dx = dout * 2.0
        dx += 1.0
        return dx

    full, plain = (run(backward, X, None, ["x"], within=within) for within in (True, False))
    assert np.array_equal(full.names["dx"], plain.names["dx"])
    assert plain.error is None
    assert not plain.earlier
    failed = run(lambda dout, cache: cache["x"], X, {}, ["x"], within=False)
    assert isinstance(failed.error, KeyError)


def test_nothing_of_a_run_lives_on_without_its_result():
    """No circle of references: memory is free at once, not when the collector of circles comes by."""

    def backward(dout, cache):
        dx = dout * cache["x"]
        dx += 1.0
        return dx

    cache = {"x": RNG.normal(size=(300, 300))}
    run(backward, cache["x"], cache, ["x"])
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        run(backward, cache["x"], cache, ["x"])
        assert tracemalloc.get_traced_memory()[0] - before < cache["x"].nbytes / 2
    finally:
        tracemalloc.stop()


def test_a_large_batch_normalization_is_judged_in_the_memory_of_a_few_arrays_of_its_size():
    x = RNG.normal(size=(100, 1500))
    dout = RNG.normal(size=x.shape)
    graph = captured(x, dout)
    hand = {"dx": np.array(graph.gradients[graph["x"]].value), "ddev": np.array(graph.gradients[graph["dev"]].value)}
    tracemalloc.start()
    try:
        assert mt.compare(graph, hand=hand).ok
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 25 * x.nbytes


@pytest.mark.parametrize("shape", [(), (3,), (2, 2)])
def test_differences_are_those_of_their_definition(shape):
    rng = np.random.default_rng(3)
    for _ in range(50):
        expected = rng.choice([0.0, 1.0, -2.0, np.inf, np.nan, 1e-300], size=shape)
        given = np.where(rng.random(shape) < 0.5, expected, rng.choice([0.0, 1.0, 1.5, np.nan, np.inf], size=shape))
        tolerance = rng.choice([0.0, 0.1, 1.0], size=shape)
        found = difference(given, expected, tolerance, np.ones(shape))
        within = True
        for place in np.ndindex(shape):
            a, b = given[place], expected[place]
            same = a == b or (np.isnan(a) and np.isnan(b))
            within &= bool(same or abs(a - b) <= tolerance[place])
        assert found.within == within


PEAK = """
import sys, tracemalloc
from pathlib import Path
from micrograd_tensor.cli.judging_layers import judge_layer
from micrograd_tensor.cli.layers import layers_of
from micrograd_tensor.cli.shapes_option import values_of
from micrograd_tensor.cli.user_file import user_file
path, name = Path(sys.argv[1]), sys.argv[2]
tracemalloc.start(1)
with user_file(path) as module:
    layer = layers_of(module)[name]
    judge_layer(module, layer, path, 0, values_of("x=5x3,gamma=3,beta=3"))  # what is loaded then is no array
    loaded, _ = tracemalloc.get_traced_memory()
    _, report, _ = judge_layer(module, layer, path, 0, values_of("x=200x3072,gamma=3072,beta=3072"))
print(report.ok, (tracemalloc.get_traced_memory()[1] - loaded) / (200 * 3072 * 8))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "name", "arrays"),
    [("tuples", "batchnorm", 31), ("tuples", "batchnorm_alt", 27), ("classes", "BatchNormalization", 30)],
)
def test_a_large_batch_normalization_is_judged_in_the_memory_of_few_of_its_arrays(file, name, arrays):
    path = Path(__file__).parents[1] / "cli" / "layers" / f"{file}.py"
    # In a process of its own, in which no tracer keeps the names that are used again from being read.
    command = [sys.executable, "-c", PEAK, str(path), name]
    ok, peak = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    assert ok == "True"
    assert float(peak) <= arrays
