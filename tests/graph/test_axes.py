"""Axes: names go with axes and not with lengths."""

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.cli.builtin_graphs import BUILTINS, made
from micrograd_tensor.engine.errors import GradientError, ShapeError
from micrograd_tensor.graph.axes import axis_names


def leaf(name, *shape, seed=0):
    return mt.tensor(np.random.default_rng([seed, *shape]).standard_normal(shape), name=name, requires_grad=True)


def labels(y, names, of=None):
    graph = mt.graph(y.named("y"), np.ones(y.shape))
    found = axis_names(graph, names)
    return found[graph[of or "y"]]


x, w, c = leaf("x", 4, 4), leaf("w", 4, 4), leaf("c", 4, 4, 4)
N, D = {"N": ("x", 0)}, {"D": ("x", 1)}


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda: mt.exp(x), ("N", "D")),
        (lambda: x.T, ("D", "N")),
        (lambda: x.sum(axis=0), ("D",)),
        (lambda: x.sum(axis=1), ("N",)),
        (lambda: x.sum(axis=-1, keepdims=True), ("N", None)),
        (lambda: x.sum(axis=1, keepdims=True) + leaf("b", 4), ("N", None)),
        (lambda: x @ w, ("N", None)),
        (lambda: w @ x, (None, "D")),
        (lambda: x @ x.T, ("N", "N")),
        (lambda: x.T @ x, ("D", "D")),
        (lambda: mt.einsum("ij,kj->ki", x, w), (None, "N")),
        (lambda: x[1:, None], (None, None, "D")),
        (lambda: x[0], ("D",)),
        (lambda: x[..., 0], ("N",)),
        (lambda: x[:, [0, 0, 1]], ("N", None)),
        (lambda: x.reshape(4, 2, 2), ("N", None, None)),
        (lambda: x.reshape(2, 2, 4), (None, None, "D")),
        (lambda: x.reshape(16), (None,)),
        (lambda: x.reshape(4, 1, 4), ("N", None, "D")),
        (lambda: mt.expand_dims(x, axis=0), (None, "N", "D")),
        (lambda: mt.broadcast_to(x, (3, 4, 4)), (None, "N", "D")),
        (lambda: mt.concatenate([x, w], axis=0), (None, "D")),
        (lambda: mt.take_along_axis(x, np.zeros((4, 4), int), axis=1), ("N", None)),
        (lambda: x.cumsum(axis=0), ("N", "D")),
        (lambda: x.flip(0), ("N", "D")),
        (lambda: mt.pad(x, ((0, 0), (1, 1))), ("N", None)),
        (lambda: mt.softmax(x @ w) @ w, ("N", "D")),
    ],
)
def test_a_name_goes_along_with_its_axis(made, expected):
    assert labels(made(), {**N, **D}) == expected


def test_gradients_have_the_names_of_their_values():
    graph = mt.graph((x @ w).sum(axis=0).named("y"), np.ones(4))
    found = axis_names(graph, {**N, **D, "K": ("w", 1)})
    assert found[graph.gradients[graph["x"]]] == ("N", "D")
    assert found[graph.gradients[graph["w"]]] == ("D", "K")
    assert all(found[node] == ("K",) for node in (graph["y"], graph.gradients[graph["y"]]))


def test_places_of_an_embedding_are_axes_of_its_result():
    ids, table = mt.tensor(np.array([[0, 1, 2], [2, 1, 0]]), name="ids"), leaf("table", 5, 4)
    assert labels(table[ids], {"B": ("ids", 0), "T": ("ids", 1), "D": ("table", 1)}) == ("B", "T", "D")


def test_a_length_names_the_only_axis_that_has_it():
    a = leaf("a", 3, 4)
    assert labels(a * leaf("g", 4), {"N": 3, "D": 4}) == ("N", "D")
    assert labels(a * leaf("g", 4), {"N": np.int64(3)}) == ("N", None)


@pytest.mark.parametrize(
    ("names", "error", "text"),
    [
        ({"N": 4}, ShapeError, r'N=4 is the length of axis 0 of x and of another axis, 1 of x; .*\{"N": \("x", 0\)\}'),
        ({"N": 99}, ShapeError, "dims: no input has an axis of length N=99"),
        ({"N": ("x", 2)}, ShapeError, r"dims: N is axis 2 of x, whose shape is \(4, 4\)"),
        ({"N": ("X", 0)}, GradientError, "no node is called 'X'; did you mean 'x'"),
        ({"": ("x", 0)}, ShapeError, "an axis is called by some text, not ''"),
        ({3: ("x", 0)}, ShapeError, "an axis is called by some text, not 3"),
        ({"N": ("x",)}, ShapeError, r"dims: N is \('x',\), which names no axis; write"),
        ({"N": ("x", "0")}, ShapeError, r"dims: N is \('x', '0'\), which names no axis; write"),
        ({"N": [("x", 0), 4]}, ShapeError, "dims: N is 4, which names no axis; write"),
        *[({"N": bad}, ShapeError, f"dims: N is {bad!r}, which names no axis") for bad in ("x", 4.0, True, None)],
        *[(bad, ShapeError, "dims: .* names no axes; write") for bad in (3, ["N"], "N", [("N", 0)])],
        ({"N": ("x", 0), "M": ("y", 0)}, ShapeError, "dims: N and M are names of the same axis; give it one"),
    ],
)
def test_what_names_no_axis_or_several_is_refused(names, error, text):
    with pytest.raises(error, match=text):
        labels(mt.exp(x), names)


def test_one_name_for_several_axes():
    assert labels(x @ w, {"D": [("x", 1), ("w", 1), ("x", 0)]}) == ("D", "D")


def test_no_names_cost_nothing():
    assert axis_names(mt.graph(mt.exp(x)), None) == {}


def test_a_long_chain_of_axes():
    y = x
    for _ in range(3000):
        y = -y
    assert labels(y, {**N, **D}) == ("N", "D")


@pytest.mark.parametrize("name", BUILTINS)
def test_axes_of_one_name_are_equally_long_in_every_built_in_graph(name):
    graph = mt.graph(*made(name))
    lengths = {}
    for node, axes in axis_names(graph, BUILTINS[name].dims).items():
        assert len(axes) == len(node.shape)
        for label, n in zip(axes, node.shape, strict=True):
            if label:
                assert lengths.setdefault(label, n) == n
