"""Ways between two nodes: all of them, each once, and together they carry the whole gradient."""

from itertools import pairwise

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.graph import Node, pull_back
from micrograd_tensor.graph.paths import between, count_paths, paths


def values(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def leaf(name, *shape, seed=0):
    return mt.tensor(values(*shape, seed=seed), name=name, requires_grad=True)


def batch_norm():
    out = mt.batch_norm(leaf("x", 7, 4), leaf("gamma", 4, seed=1), leaf("beta", 4, seed=2))
    return mt.graph(out, values(7, 4, seed=3))


def random_graph(seed):
    random = np.random.default_rng(seed)
    made = [leaf(f"leaf{i}", 3, seed=i) for i in range(3)]
    for _ in range(12):
        a, b = (made[-1 - int(random.integers(min(len(made), 5)))] for _ in range(2))
        made.append(mt.tanh(a) if random.random() < 0.4 else a * b if random.random() < 0.5 else a - b)
    return mt.graph(made[-1], np.ones(3))


def by_recursion(node, target):
    """The number of ways, counted by going all of them."""
    if node is target:
        return 1
    return sum(by_recursion(x, target) for x in node.operands if isinstance(x, Node))


GRAPHS = [batch_norm, *(lambda seed=seed: random_graph(seed) for seed in range(8))]


@pytest.mark.parametrize("make", GRAPHS)
def test_they_are_counted_as_they_are_listed_and_as_recursion_counts(make):
    graph = make()
    out = graph.outputs[0]
    for node in graph.nodes:
        listed = list(paths(graph, node, out))
        assert len(set(listed)) == len(listed) == count_paths(graph, out).get(node, 0) == by_recursion(out, node)


@pytest.mark.parametrize("make", GRAPHS)
def test_each_leads_from_one_end_to_the_other(make):
    graph = make()
    out = graph.outputs[0]
    for node in graph.nodes:
        for way in paths(graph, node, out):
            steps = [node, *(user for user, _ in way)]
            assert steps[-1] is out
            for (before, user), (_, i) in zip(pairwise(steps), way, strict=True):
                assert user.operands[i] is before


@pytest.mark.parametrize("make", GRAPHS)
def test_what_they_carry_adds_up_to_the_gradient(make):
    graph = make()
    out = graph.outputs[0]
    for node in graph.gradients:
        total = np.zeros(node.shape)
        for way in paths(graph, node, out):
            gradient = graph.gradients[out].value
            for edge in reversed(way):
                gradient = pull_back(graph, edge, gradient)
            total = total + gradient
        assert np.allclose(total, graph.gradients[node].value, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("make", GRAPHS)
def test_an_edge_passes_back_what_was_recorded(make):
    graph = make()
    for edge, contribution in graph.contributions.items():
        again = pull_back(graph, edge, graph.gradients[edge[0]].value)
        assert np.array_equal(again, contribution.value)
        assert np.allclose(pull_back(graph, edge, 2.0 * graph.gradients[edge[0]].value), 2.0 * contribution.value)


@pytest.mark.parametrize("make", GRAPHS)
def test_what_lies_between_is_what_the_ways_touch(make):
    graph = make()
    out = graph.outputs[0]
    for node in graph.nodes:
        touched = {node for way in paths(graph, node, out) for user, i in way for node in (user, user.operands[i])}
        expected = touched or ({out} if node is out else set())
        assert between(graph, node, out) == expected


def test_where_no_way_leads_nothing_lies_between():
    graph = batch_norm()
    assert between(graph, graph["gamma"], graph["x_norm"]) == set()
    assert list(paths(graph, graph["gamma"], graph["x_norm"])) == []
    assert graph["gamma"] not in count_paths(graph, graph["x_norm"])


def test_only_some_edges_may_be_taken():
    x = leaf("x", 3)
    graph = mt.graph((x * mt.stop_gradient(x)).named("y"), np.ones(3))
    assert count_paths(graph, graph["y"])[graph["x"]] == 2
    assert count_paths(graph, graph["y"], graph.contributions.__contains__)[graph["x"]] == 1
