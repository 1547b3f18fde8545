"""The parts that a diagnosis is made of: programs, constants, powers, words and the weights of a fork."""

from __future__ import annotations

import numpy as np
import pytest
from counting import derivation, place
from hypothesis import given
from hypothesis import strategies as st

import micrograd_tensor as mt
from micrograd_tensor.check.mistakes.catalogue import KINDS, bare_values, small_constant, substitutes_for
from micrograd_tensor.check.mistakes.constants import Constants
from micrograd_tensor.check.mistakes.derivation import MAX_STEPS, Values, gradient_of, value_of
from micrograd_tensor.check.mistakes.factors import Factors
from micrograd_tensor.check.mistakes.least_squares import SAMPLE, solve
from micrograd_tensor.check.mistakes.powers import together
from micrograd_tensor.check.mistakes.products import at_factors
from micrograd_tensor.check.mistakes.sums import at_sums, forks_of, parts_of

DERIVATIONS = [
    "attention",
    "batchnorm",
    "conv2d",
    "l2_normalize",
    "layernorm",
    "lstm_cell",
    "softmax_cross_entropy",
    "two_layer_net",
]


def derived(graph, name, given=()):
    """The derivation of a gradient and its values, from the gradients of these tensors, or of all that have names."""
    stops = {graph[tensor] for tensor in given} if given else {node for node in graph.nodes if node.name}
    used = {node: g.value for node, g in graph.gradients.items()}
    recorded = {node: node.value for node in graph.nodes}
    derivation = gradient_of(graph, graph[name], stops - {graph[name]})
    substitutes = substitutes_for(derivation, graph, used)
    worth = substitutes.worth(recorded, used, bare_values(graph, {}))
    return Values(derivation, derivation.worth(recorded, used), worth, substitutes.own), substitutes


@pytest.mark.parametrize("name", DERIVATIONS)
def test_a_derivation_gives_the_recorded_gradient_to_the_last_bit(name):
    graph = place(derivation(name), 0).graph
    for tensor, node in graph.named.items():
        if node in graph.gradients:
            assert np.array_equal(derived(graph, tensor)[0].target, graph.gradients[node].value)


@pytest.mark.parametrize("name", DERIVATIONS)
def test_a_forward_derivation_gives_the_recorded_value_to_the_last_bit(name):
    graph = place(derivation(name), 0).graph
    values = {node: node.value for node in graph.nodes}
    named = {node for node in graph.nodes if node.name}
    for node in named:
        if node.op is not None:
            made = value_of(graph, node, named)
            assert np.array_equal(Values(made, made.worth(values, {})).target, node.value)
            origins = [made.origins[leaf] for leaf in made.leaves]
            assert all(origin in named or origin.is_leaf for origin in origins)


def test_a_change_reaches_what_depends_on_it_and_nothing_else():
    graph = place(derivation("batchnorm"), 0).graph
    values, _ = derived(graph, "x", given=("out",))
    right = values.target.copy()
    for step in values.derivation.steps:
        assert np.array_equal(values.changed({step: lambda v, s=step: values[s]}), right)
        doubled = values.changed({step: lambda v, s=step: 2 * values[s]})
        assert not np.array_equal(doubled, right) or not np.any(values[step])
    assert np.array_equal(values.target, right)


def test_a_change_that_cannot_be_computed_gives_nothing():
    graph = place(derivation("two_layer_net"), 0).graph
    values, _ = derived(graph, "x")
    assert values.changed({values.derivation.steps[-1]: lambda v: np.zeros(3) + np.zeros(4)}) is None


def test_of_a_derivation_that_is_too_long_only_the_result_is_looked_at():
    x = mt.tensor(np.ones(2), name="x", requires_grad=True)
    y = x
    for _ in range(MAX_STEPS):
        y = mt.sin(y)
    captured = mt.graph(y.named("y"), np.ones(2))
    assert derived(captured, "x")[0].derivation.steps == ()
    report = mt.compare(captured, hand={"dx": 3.0 * captured.gradients[captured["x"]].value}, point=False)
    assert report.diagnosis["x"][0].kind == "constant factor"  # the whole is looked at all the same


LENGTHS = Constants(place(derivation("batchnorm"), 0).graph)
EXPLAINED = [
    (7.0, "7, where 7 is the length of axis 0 of x"),
    (1 / 7, "1/7, where 7 is the length of axis 0 of x"),
    (-1 / 4, "-1/4, where 4 is the length of axis 1 of x"),
    (7 / 6, "7/6, n/(n − 1) for n = 7, the length of axis 0 of x"),
    (7 / 4, "7/4, where 7 is the length of axis 0 of x and 4 is the length of axis 1 of x"),
    (2.0, "2"),
    (-1.0, "-1"),
    (0.5, "1/2"),
    (49.0, "7², where 7 is the length of axis 0 of x"),
    (5 / 3, "5/3"),
]


@pytest.mark.parametrize(("value", "text"), EXPLAINED)
def test_a_constant_is_explained_by_the_simplest_numbers_of_the_graph(value, text):
    found = LENGTHS.explain(value)
    assert found.text == text
    assert found.value == pytest.approx(value, rel=1e-15)


@given(st.floats(0.01, 100.0, allow_nan=False), st.sampled_from([-1.0, 1.0]))
def test_what_explains_a_constant_equals_it(size, sign):
    found = LENGTHS.explain(sign * size, 1e-3)
    assert found is None or abs(found.value - sign * size) <= 1.001e-3 * size


def test_few_numbers_are_explained_by_chance():
    values = np.random.default_rng(0).uniform(0.1, 10.0, 2000)
    assert not any(LENGTHS.explain(float(value), 1e-9) for value in values)


@given(st.sampled_from([-4, -2, -1, -0.5, 0.5, 1, 2, 3]), st.sampled_from([1.0, 2.0, 1 / 7, -1.0]))
def test_a_power_times_a_constant_is_found(k, constant):
    graph = place(derivation("batchnorm"), 0).graph
    values, substitutes = derived(graph, "var")
    stddev = graph["stddev"].value
    slack = 1e-13 * np.abs(values.target)
    explaining = Factors(values, LENGTHS, substitutes.values)
    found = list(explaining.of(constant * stddev**k * values.target, values.target, slack))
    assert found
    for factor in found:
        assert np.allclose(factor.worth(values), constant * stddev**k, rtol=1e-9)


def test_no_factor_is_found_in_noise():
    graph = place(derivation("batchnorm"), 0).graph
    values, substitutes = derived(graph, "dev_from_mean")
    explaining = Factors(values, LENGTHS, substitutes.values)
    rng = np.random.default_rng(0)
    for _ in range(20):
        noise = rng.normal(size=values.target.shape)
        assert not list(explaining.of(noise, values.target, np.full((7, 4), 1e-13)))


def test_powers_of_one_tensor_under_several_names_count_together():
    graph = place(derivation("batchnorm"), 0).graph
    values, substitutes = derived(graph, "stddev")  # −dinverted_stddev · inverted_stddev / stddev
    by_name = {x.name: x for x in substitutes.values}
    assert together(values, values.derivation.target, by_name["stddev"]) == -2
    assert together(values, values.derivation.target, by_name["inverted_stddev"]) == 2
    assert together(values, values.derivation.target, by_name["gamma"]) == 0


@pytest.mark.parametrize("name", DERIVATIONS)
def test_every_candidate_at_a_step_is_of_a_known_kind_and_differs_from_what_is_due(name):
    graph = place(derivation(name), 0).graph
    tried = 0
    for tensor, node in graph.named.items():
        if node not in graph.gradients:
            continue
        values, _ = derived(graph, tensor)
        right = values.target
        for step in values.derivation.steps:
            for candidate in (*at_sums(values, step), *at_factors(values, step)):
                made = candidate.make(values)
                tried += 1
                assert candidate.kind in KINDS
                assert not candidate.text.endswith(".")
                if made is not None and made.shape == right.shape and candidate.kind != "missing sum":
                    assert not np.array_equal(made, right) or not np.any(right), candidate.text
    assert tried


def test_the_parts_of_a_fork_add_up():
    graph = place(derivation("attention"), 0).graph
    values, _ = derived(graph, "x")
    [fork] = forks_of(values.derivation)
    parts = parts_of(values.derivation, fork)
    assert len(parts) == 3
    assert np.allclose(sum(values[part] for part in parts), values.target, rtol=1e-14)


def solved(columns, wanted):
    return solve(columns[None], wanted[None], np.full((1, len(wanted)), 1e-11))


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=4), st.sampled_from([20, 3 * SAMPLE]))
def test_weights_are_found_by_least_squares(weights, rows):
    columns = np.random.default_rng(0).normal(size=(rows, len(weights)))
    found, _ = solved(columns, columns @ np.array(weights))
    assert found[0] == pytest.approx(weights, abs=1e-9)


def test_weights_that_the_columns_do_not_determine_are_not_made_up():
    column = np.random.default_rng(0).normal(size=(20, 1))
    assert solved(np.hstack([column, 2 * column]), column[:, 0]) == (None, (0, 1))
    assert solved(column, np.random.default_rng(1).normal(size=20)) == (None, None)
    long = np.random.default_rng(2).normal(size=(3 * SAMPLE, 2))
    wanted = long @ np.array([1.0, 2.0])
    wanted[17] += 1.0  # one that the sample does not see
    assert solved(long, wanted) == (None, None)


def test_the_small_constant_of_a_graph_is_found_and_can_be_left_out():
    graph = place(derivation("batchnorm"), 0).graph
    assert small_constant(graph) == 1e-5
    bare = bare_values(graph, {})
    assert np.allclose(bare[graph["stddev"]], np.sqrt(graph["var"].value), rtol=1e-14)
    assert np.array_equal(bare[graph["var"]], graph["var"].value)
    assert small_constant(place(derivation("two_layer_net"), 0).graph) is None
