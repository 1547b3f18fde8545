"""Local rules: the ops that the backward pass recorded, clause by clause."""

from dataclasses import replace

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.engine.row import TABLE
from micrograd_tensor.graph.axes import axis_names
from micrograd_tensor.notation import rule


def leaf(name, *shape):
    values = np.random.default_rng(len(name)).uniform(0.5, 2.0, shape)
    return mt.tensor(values, name=name, requires_grad=True)


def rules(out, **options):
    """The rule of every edge, by the name or rank of what the gradient belongs to."""
    captured = mt.graph(out, np.ones(out.shape))
    options = {**options, "dims": axis_names(captured, options.get("dims"))}
    found = {}
    for node, i in captured.contributions:
        operand = node.operands[i]
        found.setdefault(operand.name or operand.rank, []).append(rule(captured, (node, i), **options))
    return found


a, b, c, W = leaf("a", 3, 4), leaf("b", 3, 4), leaf("c", 4), leaf("W", 4, 2)


@pytest.fixture
def batch_norm():
    return mt.batch_norm(leaf("x", 7, 4), leaf("gamma", 4), leaf("beta", 4))


def test_rules_of_batch_norm(batch_norm):
    assert rules(batch_norm) == {
        "scaled_x": [("× 1",)],
        "beta": [("× 1", "Σ over axis 0")],
        "x_norm": [("× gamma",)],
        "gamma": [("× x_norm", "Σ over axis 0")],
        "dev_from_mean": [("× inverted_stddev",), ("× 2 · dev_from_mean",)],
        "inverted_stddev": [("× dev_from_mean", "Σ over axis 0")],
        "stddev": [("× −1", "× inverted_stddev²")],
        7: [("÷ (2 · stddev)",)],
        "var": [("× 1",)],
        "dev_from_mean_sq": [("÷ 7", "copy to (7, 4) along axis 0")],
        "x": [("× 1",), ("÷ 7", "copy to (7, 4) along axis 0")],
        "mean": [("× −1", "Σ over axis 0")],
    }


def test_lengths_can_have_names(batch_norm):
    found = rules(batch_norm, dims={"N": 7, "D": ("x", 1)})
    assert found["gamma"] == [("× x_norm", "Σ over N")]
    assert found["dev_from_mean_sq"] == [("÷ N", "copy to (N, D)")]


@pytest.mark.parametrize(
    ("made", "name", "texts"),
    [
        (lambda: a @ W, "a", [("@ Wᵀ",)]),
        (lambda: a @ W, "W", [("aᵀ @",)]),
        (lambda: (a * b) @ W, "W", [("(a · b)ᵀ @",)]),
        (lambda: a @ (W * 2), "a", [("@ (W · 2)ᵀ",)]),
        (lambda: mt.relu(a), "a", [("where a > 0",)]),
        (lambda: mt.where(a > 1, 0, b), "b", [("where a ≤ 1",)]),
        (lambda: mt.sum(a), "a", [("copy to (3, 4)",)]),
        (lambda: mt.mean(a, axis=1), "a", [("÷ 4", "copy to (3, 4) along axis 1")]),
        (lambda: mt.tanh(a).named("t"), "a", [("× (1 − t²)",)]),
        (lambda: mt.sigmoid(a).named("s"), "a", [("× s · (1 − s)",)]),
        (lambda: a * a, "a", [("× a",), ("× a",)]),
        (lambda: a.T, "a", [("gᵀ",)]),
        (lambda: a[1:], "a", [("to [1:]",)]),
        (lambda: a.reshape(12), "a", [("reshape to (3, 4)",)]),
        (lambda: a**3, "a", [("× 3 · a²",)]),
        (lambda: (a / b).named("q"), "b", [("× −1", "× q", "÷ b")]),
        (lambda: a / (b + c), "a", [("÷ (b + c)",)]),
        (lambda: a @ c, "a", [("⊗ c",)]),
        (lambda: a @ c, "c", [("aᵀ @",)]),
        (lambda: a @ b.T, "a", [("@ b",)]),
        (lambda: mt.maximum(a, 1.0), "a", [("to the larger",)]),
        (lambda: mt.minimum(a, a * 1.0), "a", [("to the smaller (half at ties)",), ("× 1",)]),
        (lambda: mt.max(a), "a", [("to the largest",)]),
        (lambda: mt.min(a, axis=1), "a", [("to the smallest over axis 1",)]),
        (lambda: mt.prod(a, axis=0), "a", [("× the product of the others over axis 0",)]),
        (lambda: mt.sign(a), "a", [("× 0",)]),
        (lambda: a.cumsum(axis=1), "a", [("running sum from the other end along axis 1",)]),
        (lambda: mt.concatenate([b, a], axis=1), "a", [("from [:, 4:8]",)]),
        (lambda: mt.take_along_axis(a, np.array([[0], [1], [2]]), axis=1), "a", [("to [[0], [1], [2]] along axis 1",)]),
        (lambda: mt.astype(a, "float32"), "a", [("as float64",)]),
        (lambda: mt.erf(a), "a", [("× 2/√π · exp(−a²)",)]),
    ],
)
def test_rule(made, name, texts):
    assert rules(made())[name] == texts


def test_rule_is_one_formula_where_the_gradient_enters_twice():
    captured = mt.graph((mt.exp(a) * 2).named("y"), np.ones((3, 4)))
    edge = (captured["y"], 0)
    g, end = captured.gradients[edge[0]], captured.contributions[edge]
    twice = replace(end, rank=99, op=TABLE["add"], operands=(g, end), params={}, name=None, rule_of=None)
    changed = type(captured)(captured.nodes, captured.outputs, (), {edge: twice}, captured.gradients)
    assert rule(changed, edge) == ("g + g · 2",)


def test_a_result_without_name_or_short_formula_is_y():
    assert [("× y",)] in rules(mt.exp(a * b + c - 2 * a * c)).values()


def test_rule_of_an_edge_without_gradient():
    captured = mt.graph(a * 2)
    with pytest.raises(KeyError):
        rule(captured, (captured.outputs[0], 0))


def test_clauses_are_cut():
    x = mt.tensor([1.0], name="x" * 60, requires_grad=True)
    ((clause,), _) = rules(x * (x + x * x + x))["x" * 60][:2]
    assert len(clause) <= 44


@pytest.mark.parametrize(
    ("name", "shown"), [("<b>", "<b>"), ("two\nlines", "two lines"), ("\ud800", "\ufffd"), ("N" * 99, "N" * 39 + "…")]
)
def test_hostile_names_of_lengths_are_text(name, shown):
    assert rules(a.sum(axis=0).named("s"), dims={name: 3})["a"][0][-1].endswith(f"copy to ({shown}, 4) along {shown}")


@pytest.mark.parametrize(
    ("made", "clauses"),
    [
        (lambda: mt.einsum("ij,kj->ik", a, b), ("einsum(ik,kj→ij, g, b)",)),
        (lambda: leaf("a", 3, 1).sum(axis=1, keepdims=True), ("× 1",)),
        (lambda: a.sum(axis=1, keepdims=True), ("copy to (3, 4) along axis 1",)),
    ],
)
def test_nothing_is_copied_where_the_shape_stays(made, clauses):
    assert rules(made())["a"] == [clauses]


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_memory_layout_makes_no_difference(order):
    w = mt.tensor(np.ones((4, 2), order=order), name="w", requires_grad=True)
    assert rules(a @ w)["w"] == [("aᵀ @",)]


@pytest.mark.parametrize(("name", "called"), [("g", "g′"), ("y", "g")])
def test_the_gradient_has_a_name_that_no_value_has(name, called):
    x = leaf(name, 3, 4)
    assert rules(mt.triu(x))[name] == [(f"triu({called})",)]


@pytest.mark.parametrize("name", ["a-b", "a b", "2 + x"])
def test_a_name_that_is_no_sign_stands_in_parentheses(name):
    x = leaf(name, 4, 2)
    assert rules(a @ x)["a"] == [(f"@ ({name})ᵀ",)]
