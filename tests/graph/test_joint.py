"""The joint graph holds forward and backward pass as one, and each gradient and contribution as a node of its own."""

import sys
from pathlib import Path

import numpy as np
import pytest
from test_evaluate import GRAPHS, batch_norm

import micrograd_tensor as mt
from micrograd_tensor.graph import Node, cut, evaluate, evaluate_backward, joint, pull_back

sys.path.insert(0, str(Path(__file__).parents[1] / "engine"))
from test_random_graphs import random_program


def random_graph(seed):
    """One of the random graphs of the engine's tests, with an upstream for its last value."""
    inputs, steps = random_program(seed)
    made = [mt.tensor(x, name=f"x{i}", requires_grad=True) for i, x in enumerate(inputs)]
    for step in steps:
        made.append(step.tensors(*(made[i] for i in step.operands)))
    return mt.graph(made[-1], np.random.default_rng(seed).standard_normal(made[-1].shape))


MADE = [*GRAPHS, *(lambda seed=seed: random_graph(seed) for seed in range(200))]


@pytest.mark.parametrize("make", MADE)
def test_it_evaluates_to_what_was_recorded_to_the_last_bit(make):
    captured = make()
    whole = joint(captured)
    made = evaluate(whole)
    for node in captured.nodes:
        assert np.array_equal(made[node], node.value)
    for node, gradient in captured.gradients.items():
        assert np.array_equal(made[whole.gradients[node]], gradient.value)
        assert whole.gradients[node].value is gradient.value
    for edge, contribution in captured.contributions.items():
        assert np.array_equal(made[whole.contributions[edge]], contribution.value)
    for node, upstream in captured.upstreams.items():
        assert np.array_equal(made[whole.upstreams[node]], upstream.value)
    for node in whole.nodes:
        assert node.value is None or np.array_equal(made[node], node.value)


@pytest.mark.parametrize("make", MADE)
def test_it_is_one_closed_graph_in_order_and_nothing_in_it_serves_two(make):
    captured = make()
    whole = joint(captured)
    assert whole.nodes[: len(captured.nodes)] == captured.nodes
    assert [node.rank for node in whole.nodes] == list(range(len(whole.nodes)))
    for node in whole.nodes:
        assert all(x in whole.users and x.rank < node.rank for x in node.operands if isinstance(x, Node))
    assert set(whole.gradients) == set(captured.gradients)
    assert set(whole.contributions) == set(captured.contributions)
    assert len(set(whole.gradients.values())) == len(whole.gradients)
    assert len(set(whole.contributions.values())) == len(whole.contributions)
    for node, gradient in whole.gradients.items():
        assert gradient.name == (f"d{node.name}" if node.name else None)
    for edge, contribution in whole.contributions.items():
        assert contribution.rule_of == edge
    assert joint(captured) is whole


def test_it_needs_a_backward_pass():
    with pytest.raises(mt.GradientError, match=r"give mt\.graph\(\.\.\.\) an upstream"):
        joint(mt.graph(mt.tensor([1.0], requires_grad=True) * 2.0))


def test_it_does_not_keep_the_graph_alive():
    import gc
    import weakref

    captured = batch_norm()
    joint(captured)
    alive = weakref.ref(captured)
    del captured
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize("make", MADE)
def test_a_cut_evaluates_to_the_same_from_its_leaves(make):
    whole = joint(make())
    for target in (*whole.gradients.values(), *whole.outputs)[:6]:
        known = [node for node in whole.nodes if node is not target and node.rank % 3 == 1]
        part = cut(whole, [target], known)
        assert all(np.array_equal(evaluate(part)[node], node.value) for node in part.nodes if node.value is not None)
        (result,) = part.outputs
        assert (result.rank, result.name, result.value is target.value) == (target.rank, target.name, True)
        for node in part.nodes:
            assert all(x in part.users for x in node.operands if isinstance(x, Node))
            assert node is result or part.users[node]
            assert node.is_leaf or node.rank not in {other.rank for other in known}


def test_a_target_that_is_known_is_computed_and_a_leaf_for_others():
    graph = batch_norm()
    var, stddev = graph["var"], graph["stddev"]
    part = cut(graph, [var, stddev], [var, graph["dev_from_mean_sq"]], {var: "given_var"})
    assert [(node.name, node.is_leaf) for node in part.nodes] == [
        ("dev_from_mean_sq", True),
        ("given_var", True),
        ("given_var", False),
        (None, False),
        ("stddev", False),
    ]
    doubled = evaluate(part, {part.nodes[1]: 2.0 * var.value})
    assert np.array_equal(doubled[part.outputs[0]], var.value)
    assert np.allclose(doubled[part.outputs[1]], np.sqrt(2.0 * var.value + 1e-5))


def test_a_cut_of_something_else_is_refused():
    graph = batch_norm()
    with pytest.raises(mt.GradientError, match="cut its joint graph"):
        cut(graph, [graph.gradients[graph["x"]]])


def test_one_edge_is_pulled_back_as_the_rule_does():
    graph = batch_norm()
    edge = (graph["x_norm"], 1)
    assert np.array_equal(pull_back(graph, edge, graph.gradients[edge[0]].value), graph.contributions[edge].value)
    ran = evaluate_backward(graph, {graph["x_norm"]: np.ones((7, 4))})
    assert np.array_equal(pull_back(graph, edge, np.ones((7, 4))), ran.contributions[edge])
