"""Evaluating a graph gives what was recorded, and carries what is replaced onwards as the rules do."""

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.graph import evaluate, evaluate_backward
from micrograd_tensor.graph.joint import joint


def values(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def leaf(name, *shape, seed=0, dtype=np.float64):
    return mt.tensor(values(*shape, seed=seed).astype(dtype), name=name, requires_grad=True)


def batch_norm(dtype=np.float64):
    out = mt.batch_norm(
        leaf("x", 7, 4, dtype=dtype), leaf("gamma", 4, seed=1, dtype=dtype), leaf("beta", 4, seed=2, dtype=dtype)
    )
    return mt.graph(out, values(7, 4, seed=3))


def several_uses():
    x = leaf("x", 3)
    y = mt.tanh(x).named("y")
    return mt.graph((y * y + mt.sin(y) + mt.exp(y) * mt.cos(y)).named("total"), np.ones(3))


def output_used_by_another():
    x = leaf("x", 4)
    logits = (x * 2.0).named("logits")
    return mt.graph([logits, mt.exp(logits).sum().named("loss"), x], [values(4, seed=1), 0.5, values(4, seed=2)])


def attention():
    x = leaf("x", 5, 4)
    q, k, v = (x @ leaf(f"W{c}", 4, 4, seed=i) for i, c in enumerate("qkv"))
    return mt.graph((mt.softmax(q @ k.T / 2.0) @ v).named("out"), values(5, 4, seed=9))


def constant_gradients():
    x = leaf("x", 5)
    return mt.graph((mt.where(x > 0, x * x, mt.abs(x)) + mt.sign(x) * x).sum().named("y"), 1.0)


GRAPHS = [
    batch_norm,
    lambda: batch_norm(np.float32),
    several_uses,
    output_used_by_another,
    attention,
    constant_gradients,
]


@pytest.mark.parametrize("make", GRAPHS)
def test_evaluating_equals_the_record_to_the_last_bit(make):
    captured = make()
    for node, value in evaluate(captured).items():
        assert value.dtype == node.dtype
        assert np.array_equal(value, node.value)
    ran = evaluate_backward(captured)
    assert set(ran.gradients) == set(captured.gradients)
    for node, gradient in captured.gradients.items():
        assert np.array_equal(ran.gradients[node], gradient.value)
    for edge, contribution in captured.contributions.items():
        assert np.array_equal(ran.contributions[edge], contribution.value)


def test_a_replaced_gradient_is_carried_to_the_nodes_before_and_to_no_other():
    captured = batch_norm()
    var = captured["var"]
    ran = evaluate_backward(captured, {var: 2.0 * captured.gradients[var].value})
    upstream = captured.upstreams[captured["out"]].value
    for node, gradient in captured.gradients.items():
        changed = not np.array_equal(ran.gradients[node], gradient.value)
        assert changed == (node.name in ("dev_from_mean_sq", "dev_from_mean", "mean", "x")), node
    twice = ran.gradients[captured["dev_from_mean_sq"]]
    assert np.allclose(twice, 2.0 * captured.gradients[captured["dev_from_mean_sq"]].value, rtol=1e-15)
    assert ran.gradients[captured["out"]] is upstream


def test_gradients_of_two_values_that_one_array_serves_are_replaced_apart():
    captured = batch_norm()
    out, scaled = captured["out"], captured["scaled_x"]
    assert captured.gradients[out] is captured.gradients[scaled]
    ran = evaluate_backward(captured, {scaled: np.zeros((7, 4))})
    assert np.array_equal(ran.gradients[captured["beta"]], captured.gradients[captured["beta"]].value)
    assert not ran.gradients[captured["x"]].any()


def test_a_replaced_value_is_what_later_ops_and_rules_get():
    captured = batch_norm()
    gamma, doubled = captured["gamma"], 2.0 * captured["gamma"].value
    again = evaluate(captured, {gamma: doubled})
    assert np.array_equal(again[captured["scaled_x"]], captured["x_norm"].value * doubled)
    assert again[gamma] is gamma.value
    ran = evaluate_backward(captured, values={gamma: doubled})
    upstream = captured.upstreams[captured["out"]].value
    assert np.array_equal(ran.gradients[captured["x_norm"]], upstream * doubled)


def test_what_intercepts_sees_every_op_and_may_change_its_result():
    captured = several_uses()
    seen = []
    evaluate(captured, intercept=lambda node, made: (seen.append(node), made)[1])
    assert seen == [node for node in captured.nodes if node.op]
    nothing = evaluate_backward(captured, intercept=lambda node, made: 0.0 * made)
    assert not nothing.gradients[captured["x"]].any()


def test_an_upstream_is_added_before_what_the_users_of_an_output_give():
    """As the engine adds: from 10¹⁶, −10¹⁶ and 1, in any other order, comes 0 or another number."""
    x = mt.tensor([1.0], name="x", requires_grad=True)
    a = (x * 1.0).named("a")
    b, c = (a * 1.0).named("b"), (a * -1e16).named("c")
    ups = [np.array([1e16]), np.array([1.0]), np.array([1.0])]
    (recorded,) = mt.grad([a, b, c], x, ups)
    assert recorded.tolist() == [1.0]
    graph = mt.graph([a, b, c], ups)
    assert graph.gradients[graph["x"]].value.tolist() == [1.0]
    assert evaluate_backward(graph).gradients[graph["x"]].tolist() == [1.0]
    whole = joint(graph)
    assert evaluate(whole)[whole.gradients[graph["x"]]].tolist() == [1.0]
