"""The parts that a diagnosis is made of: programs, constants, powers, words and the weights of a fork."""

from __future__ import annotations

import numpy as np
import pytest
from counting import derivation, place
from hypothesis import given
from hypothesis import strategies as st

import micrograd_tensor as mt
from micrograd_tensor.check.hypotheses.atoms import atoms_of, bare_values, small_constant
from micrograd_tensor.check.hypotheses.building import MOST_STEPS, TooLargeError, backward_program, forward_program
from micrograd_tensor.check.hypotheses.candidate import fix
from micrograd_tensor.check.hypotheses.constants import Constants
from micrograd_tensor.check.hypotheses.factors import at_factors
from micrograd_tensor.check.hypotheses.forks import forks_of, parts_of, solve
from micrograd_tensor.check.hypotheses.kinds import KINDS
from micrograd_tensor.check.hypotheses.monomials import together
from micrograd_tensor.check.hypotheses.point import Point
from micrograd_tensor.check.hypotheses.powers import factors
from micrograd_tensor.check.hypotheses.sums import at_sums
from micrograd_tensor.check.hypotheses.words import formula

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


def program(graph, name, given=()):
    """The program of a stage and its values, from the gradients of these tensors, or of all that have names."""
    stops = {graph[tensor] for tensor in given} if given else {node for node in graph.nodes if node.name}
    used = {node: g.value for node, g in graph.gradients.items()}
    values = {node: node.value for node in graph.nodes}
    built, known = backward_program(graph, graph[name], stops - {graph[name]}, used, values)
    atoms = atoms_of(built, used)
    return Point(built, known, atoms.worth(values, used, bare_values(graph, {}))), atoms


@pytest.mark.parametrize("name", DERIVATIONS)
def test_a_program_gives_the_recorded_gradient_to_the_last_bit(name):
    graph = place(derivation(name), 0).graph
    for tensor, node in graph.named.items():
        if node in graph.gradients:
            assert np.array_equal(program(graph, tensor)[0].target, graph.gradients[node].value)


@pytest.mark.parametrize("name", DERIVATIONS)
def test_a_forward_program_gives_the_recorded_value_to_the_last_bit(name):
    graph = place(derivation(name), 0).graph
    values = {node: node.value for node in graph.nodes}
    named = {node for node in graph.nodes if node.name}
    for node in named:
        if node.op is not None:
            built, known = forward_program(graph, node, named - {node}, values)
            assert np.array_equal(Point(built, known).target, node.value)
            assert all(source.node in named or source.node.is_leaf for source in built.sources)


def test_a_change_reaches_what_depends_on_it_and_nothing_else():
    graph = place(derivation("batchnorm"), 0).graph
    point, _ = program(graph, "x", given=("out",))
    right = point.target.copy()
    for step in point.program.steps:
        assert np.array_equal(point.changed({step: lambda v, s=step: point.results[s]}), right)
        doubled = point.changed({step: lambda v, s=step: 2 * point.results[s]})
        assert not np.array_equal(doubled, right) or not np.any(point.results[step])
    assert np.array_equal(point.target, right)


def test_a_change_that_cannot_be_computed_gives_nothing():
    graph = place(derivation("two_layer_net"), 0).graph
    point, _ = program(graph, "x")
    assert point.changed({point.program.steps[-1]: lambda v: np.zeros(3) + np.zeros(4)}) is None


def test_a_program_that_is_too_long_is_refused():
    x = mt.tensor(np.ones(2), name="x", requires_grad=True)
    y = x
    for _ in range(MOST_STEPS):
        y = mt.sin(y)
    captured = mt.graph(y.named("y"), np.ones(2))
    with pytest.raises(TooLargeError):
        program(captured, "x")
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
    point, atoms = program(graph, "var")
    stddev = graph["stddev"].value
    slack = 1e-13 * np.abs(point.target)
    found = list(factors(point, constant * stddev**k * point.target, point.target, slack, LENGTHS, atoms))
    assert found
    for factor in found:
        assert np.allclose(factor.worth(point), constant * stddev**k, rtol=1e-9)


def test_no_factor_is_found_in_noise():
    graph = place(derivation("batchnorm"), 0).graph
    point, atoms = program(graph, "dev_from_mean")
    rng = np.random.default_rng(0)
    for _ in range(20):
        noise = rng.normal(size=point.target.shape)
        assert not list(factors(point, noise, point.target, np.full((7, 4), 1e-13), LENGTHS, atoms))


def test_powers_of_one_tensor_under_several_names_count_together():
    graph = place(derivation("batchnorm"), 0).graph
    point, atoms = program(graph, "stddev")  # −dinverted_stddev · inverted_stddev / stddev
    by_name = {atom.text: atom for atom in atoms.values}
    assert together(point, point.program.target, by_name["stddev"]) == -2
    assert together(point, point.program.target, by_name["inverted_stddev"]) == 2
    assert together(point, point.program.target, by_name["gamma"]) == 0


@pytest.mark.parametrize("name", DERIVATIONS)
def test_every_candidate_at_a_step_is_of_a_known_kind_and_differs_from_what_is_due(name):
    graph = place(derivation(name), 0).graph
    tried = 0
    for tensor, node in graph.named.items():
        if node not in graph.gradients:
            continue
        point, _ = program(graph, tensor)
        right = point.target
        for step in point.program.steps:
            for candidate in (*at_sums(step), *at_factors(step)):
                made = candidate.make(point)
                tried += 1
                assert candidate.kind in KINDS
                assert not candidate.text.endswith(".")
                if made is not None and made.shape == right.shape and candidate.kind != "missing sum":
                    assert not np.array_equal(made, right) or not np.any(right), candidate.text
    assert tried


FORMULAS = {
    "dgamma": "dgamma = np.sum(dscaled_x * x_norm, axis=0)",
    "dx_norm": "dx_norm = dscaled_x * gamma",
    "dstddev": "dstddev = -dinverted_stddev * inverted_stddev / stddev",
    "dvar": "dvar = dstddev / (2 * stddev)",
    "ddev_from_mean_sq": "ddev_from_mean_sq = np.ones((7, 4)) * dvar / 7",
    "ddev_from_mean": "ddev_from_mean = dx_norm * inverted_stddev + ddev_from_mean_sq * 2 * dev_from_mean",
    "dmean": "dmean = np.sum(-ddev_from_mean, axis=0)",
    "dx": "dx = ddev_from_mean + np.ones((7, 4)) * dmean / 7",
}


@pytest.mark.parametrize("line", FORMULAS.values(), ids=FORMULAS)
def test_the_line_to_be_corrected_is_right_python(line):
    at = place(derivation("batchnorm"), 0)
    name = line.split(" = ")[0]
    point, _ = program(at.graph, name[1:])
    assert fix(point, point.program.target) == line
    worth = eval(line.split(" = ", 1)[1], {"np": np, **at.cache, **at.right})  # noqa: S307 -- our own formulas
    assert np.allclose(worth, at.right[name], rtol=1e-12)


def test_indices_are_written_as_brackets():
    graph = place(derivation("lstm_cell"), 0).graph
    gate, sums = (program(graph, name)[0] for name in ("output_gate", "sums"))
    assert formula(gate.program.target) == "dh_next * squashed"
    assert "(dinput_sum at [:, :3], 0 elsewhere)" in formula(sums.program.target)
    assert "(doutput_sum at [:, 9:], 0 elsewhere)" in formula(sums.program.target)


def test_the_formula_of_a_long_program_is_cut():
    graph = place(derivation("lstm_cell"), 0).graph
    point, _ = program(graph, "x", given=("out",))
    assert len(formula(point.program.target)) < 1000


def test_the_parts_of_a_fork_add_up():
    graph = place(derivation("attention"), 0).graph
    point, _ = program(graph, "x")
    [fork] = forks_of(point.program)
    parts = parts_of(fork)
    assert len(parts) == 3
    assert np.allclose(sum(point[part] for part in parts), point.target, rtol=1e-14)


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=4))
def test_weights_are_found_by_least_squares(weights):
    columns = np.random.default_rng(0).normal(size=(20, len(weights)))
    found = solve(columns, columns @ np.array(weights), np.full(20, 1e-12))
    assert found == pytest.approx(weights, abs=1e-9)


def test_weights_that_the_columns_do_not_determine_are_not_made_up():
    column = np.random.default_rng(0).normal(size=(20, 1))
    assert solve(np.hstack([column, 2 * column]), column[:, 0], np.full(20, 1e-12)) is None
    assert solve(column, np.random.default_rng(1).normal(size=20), np.full(20, 1e-12)) is None


def test_the_small_constant_of_a_graph_is_found_and_can_be_left_out():
    graph = place(derivation("batchnorm"), 0).graph
    assert small_constant(graph) == 1e-5
    bare = bare_values(graph, {})
    assert np.allclose(bare[graph["stddev"]], np.sqrt(graph["var"].value), rtol=1e-14)
    assert np.array_equal(bare[graph["var"]], graph["var"].value)
    assert small_constant(place(derivation("two_layer_net"), 0).graph) is None
