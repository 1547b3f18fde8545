"""The terms of a gradient: what was added to make it, seen through cancellation."""

import numpy as np
import pytest
from solved import NAMES, solved

import micrograd_tensor as mt
from micrograd_tensor.check.rounding import terms


def terms_of(captured, name, **settings):
    used = {node: gradient.value for node, gradient in captured.gradients.items()}
    return terms(captured, used, {node: node.value for node in captured.nodes}, **settings)[captured[name]]


def leaf(value, name):
    return mt.tensor(np.asarray(value, float), name=name, requires_grad=True)


RNG = np.random.default_rng(0)
X, W, G = RNG.normal(size=(5, 3)), RNG.normal(size=(3, 4)), RNG.normal(size=(5, 4))


def test_of_a_broadcast_operand_they_are_the_numbers_that_were_summed():
    captured = mt.graph(leaf(X, "x") * leaf(X[0], "b"), G[:, :3])
    found = terms_of(captured, "b")
    assert np.allclose(found.total, np.abs(X * G[:, :3]).sum(axis=0))
    assert np.allclose(found.largest, np.abs(X * G[:, :3]).max(axis=0))
    assert found.many == 5


def test_of_a_matrix_product_they_are_bounded_element_by_element():
    captured = mt.graph(leaf(X, "x") @ leaf(W, "w"), G)
    products = np.abs(X[:, :, None] * G[:, None, :])
    found = terms_of(captured, "w")
    assert np.allclose(found.total, products.sum(axis=0))
    assert np.all(found.largest >= products.max(axis=0) * (1 - 1e-12))
    assert np.all(found.largest <= products.sum(axis=0) * (1 + 1e-12))


def test_at_a_fork_they_are_the_contributions():
    x = leaf([1.0, 2.0], "x")
    captured = mt.graph(1e8 * x - 1e8 * x, [1.0, 3.0])
    found = terms_of(captured, "x")
    assert np.array_equal(captured.gradients[captured["x"]].value, [0.0, 0.0])
    assert np.allclose(found.total, [2e8, 6e8])
    assert np.allclose(found.largest, [1e8, 3e8])


def test_from_the_output_on_they_are_followed_through_all_forks():
    """Of out.sum() through a mean taken away nothing is left, and that is seen only from the output on."""
    x = leaf(X, "x")
    deviation = (x - x.mean(axis=0)).named("deviation")
    captured = mt.graph((deviation * 2.0).sum().named("y"), 1.0)
    assert np.allclose(captured.gradients[captured["x"]].value, 0.0)
    assert np.allclose(terms_of(captured, "x", from_output=True).total, 4.0)


OPS = {
    "sum": lambda x: mt.sum(x, axis=1),
    "mean": lambda x: mt.mean(x, axis=0, keepdims=True),
    "cumsum": lambda x: mt.cumsum(x, axis=1),
    "index": lambda x: x[np.array([0, 0, -1, 2])],
    "slices": lambda x: x[1:, ::2],
    "windows": lambda x: mt.windows(x, size=(2,), stride=(1,), dilation=(1,)),
    "concatenate": lambda x: mt.concatenate([x, 2.0 * x], axis=1),
    "where": lambda x: mt.where(x.numpy() > 0, x, -1.0 * x),
    "einsum": lambda x: mt.einsum("nd,nd->n", x, x),
    "division": lambda x: x / (1.0 + mt.square(x)),
    "vector product": lambda x: x @ mt.tensor(np.ones(3)),
    "max": lambda x: mt.max(x, axis=1),
}


@pytest.mark.parametrize("op", OPS.values(), ids=OPS)
@pytest.mark.parametrize("from_output", [False, True])
def test_no_gradient_is_larger_than_its_terms(op, from_output):
    out = op(leaf(X, "x"))
    captured = mt.graph(out, RNG.normal(size=out.shape))
    check(captured, from_output)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("from_output", [False, True])
def test_no_gradient_of_a_derivation_is_larger_than_its_terms(name, from_output):
    check(solved(name).graph, from_output)


def check(captured, from_output):
    used = {node: gradient.value for node, gradient in captured.gradients.items()}
    values = {node: node.value for node in captured.nodes}
    for node, found in terms(captured, used, values, from_output=from_output).items():
        gradient = np.abs(captured.gradients[node].value)
        assert found.total.shape == gradient.shape
        assert np.all(gradient <= found.total * (1 + 1e-12))
        assert np.all(found.largest <= found.total * (1 + 1e-12))
        assert np.all(found.total <= found.largest * found.many * (1 + 1e-12))
        assert found.many >= 1
