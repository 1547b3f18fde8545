"""The backward pass as a graph of its own computes the recorded gradients, from the upstreams and what was saved."""

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.graph import Node, backward_graph, evaluate


def values(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def leaf(name, *shape, seed=0):
    return mt.tensor(values(*shape, seed=seed), name=name, requires_grad=True)


def batch_norm():
    out = mt.batch_norm(leaf("x", 7, 4), leaf("gamma", 4, seed=1), leaf("beta", 4, seed=2))
    return mt.graph(out, values(7, 4, seed=3))


def several_outputs():
    x = leaf("x", 4)
    logits = (x * 2.0).named("logits")
    return mt.graph([logits, mt.exp(logits).sum().named("loss"), x], [values(4, seed=1), 0.5, values(4, seed=2)])


def one_output_twice():
    y = mt.exp(leaf("x", 3)).named("y")
    return mt.graph([y, y], [values(3), values(3, seed=1)])


def constant_gradients():
    x = leaf("x", 5)
    return mt.graph((mt.where(x > 0, x * x, mt.abs(x)) + mt.sign(x)).sum().named("y"), 1.0)


def just_a_leaf():
    return mt.graph(leaf("x", 3), values(3, seed=1))


def attention():
    x = leaf("x", 5, 4)
    q, k, v = (x @ leaf(f"W{c}", 4, 4, seed=i) for i, c in enumerate("qkv"))
    return mt.graph((mt.softmax(q @ k.T / 2.0) @ v).named("out"), values(5, 4, seed=9))


def second_derivative():
    x = leaf("x", 3)
    (dx,) = mt.grad(mt.tanh(x * x).sum(), x, create_graph=True)
    return mt.graph(dx, values(3, seed=1))


def random_graph(seed):
    random = np.random.default_rng(seed)
    made = [leaf(f"leaf{i}", 3, seed=i) for i in range(3)]
    for _ in range(25):
        a, b = (made[-1 - int(random.integers(min(len(made), 6)))] for _ in range(2))
        made.append(mt.tanh(a) if random.random() < 0.3 else a * b if random.random() < 0.5 else a - b)
    return mt.graph(made[-1], np.ones(3))


GRAPHS = [
    batch_norm,
    several_outputs,
    one_output_twice,
    constant_gradients,
    just_a_leaf,
    attention,
    second_derivative,
    *(lambda seed=seed: random_graph(seed) for seed in range(5)),
]


@pytest.mark.parametrize("make", GRAPHS)
def test_its_replay_gives_the_recorded_gradients(make):
    graph = make()
    back = backward_graph(graph)
    computed = {node.rank: value for node, value in evaluate(back).items()}
    for gradient in graph.gradients.values():
        assert np.array_equal(computed[gradient.rank], gradient.value)
    for contribution in graph.contributions.values():
        assert np.array_equal(computed[contribution.rank], contribution.value)


@pytest.mark.parametrize("make", GRAPHS)
def test_its_outputs_are_the_gradients_of_the_leaves_by_rank(make):
    graph = make()
    leaves = [node for node in graph.nodes if node.is_leaf and node in graph.gradients]
    outputs = backward_graph(graph).outputs
    assert [node.rank for node in outputs[: len(leaves)]] == [graph.gradients[node].rank for node in leaves]


@pytest.mark.parametrize("make", GRAPHS)
def test_it_is_closed_and_ordered_and_has_every_recorded_op_once(make):
    graph = make()
    back = backward_graph(graph)
    ranks = [node.rank for node in back.nodes]
    assert ranks == sorted(set(ranks))
    for node in back.nodes:
        assert all(x in back.users and x.rank < node.rank for x in node.operands if isinstance(x, Node))
    made = [(node.rank, node.op.name) for node in back.nodes if node.op]
    assert made == [(node.rank, node.op.name) for node in graph.backward if node.op]


@pytest.mark.parametrize("make", GRAPHS)
def test_its_leaves_are_the_upstreams_and_what_is_saved(make):
    graph = make()
    back = backward_graph(graph)
    forward = {node.rank: node for node in graph.nodes}
    asking = {node.rank for node in back.nodes if node.is_leaf and node.requires_grad}
    given = {node.rank for node in graph.backward if node.is_leaf and node.requires_grad}
    assert asking == given
    for node in back.nodes:
        if node.rank in forward:
            assert node.is_leaf
            assert node.value is forward[node.rank].value
            assert node.name == forward[node.rank].name


def test_other_upstreams_give_other_gradients():
    graph = batch_norm()
    back = backward_graph(graph)
    (given,) = (node for node in back.nodes if node.is_leaf and node.requires_grad)
    doubled = evaluate(back, {given: 2.0 * given.value})
    for node in back.outputs:
        assert np.allclose(doubled[node], 2.0 * node.value, rtol=1e-13)


def test_a_graph_without_a_backward_pass_has_none():
    with pytest.raises(mt.GradientError, match=r"give mt\.graph\(\.\.\.\) an upstream"):
        backward_graph(mt.graph(leaf("x", 2) * 2.0))
