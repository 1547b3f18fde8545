"""Steps: the numbers and names of the circuit, forward and back, and what each hands on."""

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.cli.builtin_graphs import BUILTINS, made


def leaf(name, *shape, seed=0):
    rng = np.random.default_rng([seed, len(name or "")])
    return mt.tensor(rng.standard_normal(shape), name=name, requires_grad=True)


def batch_norm():
    return mt.batch_norm(leaf("x", 7, 4), leaf("gamma", 4), leaf("beta", 4))


STAGES = ["mean", "dev_from_mean", "dev_from_mean_sq", "var", "stddev", "inverted_stddev", "x_norm", "scaled_x", "out"]


def test_the_steps_of_batch_norm_are_those_of_the_derivation_by_hand():
    steps = mt.derive(batch_norm()).steps
    assert [(step.number, step.name) for step in steps if step.forward] == list(enumerate(STAGES, 1))
    back = [(step.number, step.name) for step in steps if not step.forward]
    assert back == [*list(enumerate(STAGES, 1))[::-1], (0, "x")]


def test_what_is_handed_on_has_its_rule_its_sum_and_its_place_among_those_that_are_added():
    back = [step for step in mt.derive(batch_norm(), dims={"N": ("x", 0), "D": ("x", 1)}).steps if not step.forward]
    found = {(step.number, share.operand.name): share for step in back for share in step.shares if step.number}
    assert found[8, "gamma"].rule == ("× x_norm", "Σ over N")
    assert found[8, "gamma"].summed == "N"
    assert found[5, "var"].rule == ("÷ (2 · stddev)",)
    assert [found[k, "dev_from_mean"].place for k in (7, 3)] == [1, 2]
    assert {found[k, "x"].count for k in (2, 1)} == {2}
    assert back[0].shape == "(N, D)"


@pytest.mark.parametrize("name", BUILTINS)
def test_every_share_is_in_one_step_and_upstreams_are_whole_gradients(name):
    page = mt.derive(*made(name), dims=BUILTINS[name].dims)
    graph = page.graph
    back = [step for step in page.steps if not step.forward]
    inner = {edge for step in back for edge in graph.contributions if step.gates and edge[0] in step.gates} - {
        share.edge for step in back for share in step.shares if step.number
    }
    assert all(edge[0].operands[edge[1]].name is None for edge in inner)
    shown = [share.edge for step in back for share in step.shares if step.number]
    assert len(shown) == len({*shown})
    assert {*shown} | inner == {*graph.contributions}
    assert all(step.upstream is graph.gradients[step.node] for step in back)
    assert [step.number for step in back if step.number] == sorted((s.number for s in back if s.number), reverse=True)


def test_a_graph_without_a_backward_pass_is_an_error_that_says_what_to_do():
    y = leaf("x", 2) * 2.0
    with pytest.raises(mt.GradientError, match="no backward pass; give mt"):
        mt.derive(mt.graph(y))
    with pytest.raises(mt.GradientError, match="without its values; leave out values=False"):
        mt.derive(mt.graph(y, np.ones(2), values=False))
    with pytest.raises(mt.GradientError, match="depends on nothing that requires gradients"):
        mt.derive(mt.tensor([1, 2]) + 3)
    for nothing in (3.0, [], "x", None):
        with pytest.raises(mt.GradientError, match=r"derive: .* (is no Tensor; give one|depends on nothing)"):
            mt.derive(nothing)


def test_without_an_upstream_the_rules_are_the_same():
    out = batch_norm()
    with_one, without = mt.derive(out, np.ones((7, 4))), mt.derive(out)
    assert [[s.rule for s in step.shares] for step in with_one.steps] == [
        [s.rule for s in step.shares] for step in without.steps
    ]


X, Y, W = leaf("x", 2, 3), leaf("y", 3), leaf("w", 3, 2)
PATTERNS = {
    "each of them receives the gradient as it is": [X + Y],
    "the subtracted one with a minus sign": [X - Y],
    "A constant that is added or subtracted changes no gradient": [X + 1.0, 1.0 - X, X - np.ones(3)],
    "changes the sign of its gradient": [-X],
    "A product swaps": [X * Y, X * X],
    "A constant factor of a value is a factor of its gradient": [X * 2.0, 2.0 * X, X / 2.0, X * np.ones(3)],
    "A quotient is a product with a reciprocal": [X / Y],
    "its exponent, −1, comes down": [1.0 / X, mt.reciprocal(X)],
    "its exponent, ½, comes down": [mt.sqrt(mt.abs(X))],
    "its exponent, 2, comes down": [mt.square(X)],
    "The base receives the exponent": [mt.abs(X) ** 3.0],
    "The larger of two routes": [mt.maximum(X, Y)],
    "The smaller of two routes": [mt.minimum(X, Y)],
    "each of the 6 elements receives it divided by 6": [X.mean()],
    "each of the 2 elements receives it divided by 2": [X.mean(axis=0)],
    "its reverse is a copy": [X.sum(axis=1)],
    "to the largest element": [X.max(axis=0)],
    "to the smallest element": [X.min()],
    "times all the others": [mt.prod(X)],
    "add up from the other end": [X.cumsum(axis=0)],
    "go back to the shape": [X.reshape(6), mt.expand_dims(X, 0)],
    "ordered back": [X.T],
    "A copy hands back the sum": [mt.broadcast_to(Y, (2, 3))],
    "the gradient times the other factor, summed": [X @ W, mt.einsum("ij,j->i", X, Y)],
    "Element by element": [mt.tanh(X), mt.relu(X)],
    "A choice routes": [mt.where(np.array([True, False, True]), X, Y)],
    "a place read twice receives both": [mt.take_along_axis(X, np.array([[0, 0], [1, 2]]), 1)],
    "copied or left out": [X[0], X.flip(0), mt.tril(X), mt.concatenate([X, X])],
    "handed on as it is": [X.astype("float32")],
}


@pytest.mark.parametrize("said", PATTERNS)
def test_the_pattern_is_that_of_the_op(said):
    for y in PATTERNS[said]:
        step = next(step for step in mt.derive(y).steps if not step.forward)
        assert said in step.sentence
        others = [text for text in PATTERNS if text != said]
        assert not any(text in step.sentence for text in others)


def test_two_values_of_one_name_are_told_apart_in_every_rule():
    h = ((leaf("x", 2, 3) @ leaf("W", 3, 3)).named("h") * leaf("W", 3)).named("h")
    back = [step for step in mt.derive(h).steps if not step.forward]
    assert [(step.name, [share.rule for share in step.shares]) for step in back] == [
        ("h₂", [("× W₂",), ("× h", "Σ over axis 0")]),
        ("h", [("@ Wᵀ",), ("xᵀ @",)]),
    ]
