"""Ops with many operands, as at the end of a long recurrent net, take work in proportion to their number."""

from math import log2, prod

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.engine.row import TABLE, PerOperand

JOINS = {"stack": mt.stack, "concatenate": mt.concatenate}


class Part:
    """Knows its shape, and counts how often it is asked."""

    asked = 0
    ndim = 2

    @property
    def shape(self):
        Part.asked += 1
        return (1, 3)


def leaves(n):
    return [mt.tensor(np.full((1, 2), float(k)), requires_grad=True) for k in range(n)]


@pytest.mark.parametrize("axis", [0, -2])
def test_the_places_of_all_parts_are_found_in_one_pass(axis):
    n = 200
    whole, Part.asked = np.arange(3.0 * n).reshape(n, 3), 0
    each = TABLE["concatenate"].vjps.rule(whole, whole, *[Part() for _ in range(n)], axis=axis)
    for i in range(n):
        np.testing.assert_array_equal(each(i), whole[i : i + 1])
    assert Part.asked <= 2 * n


@pytest.mark.parametrize("mode", ["plain", "recorded", "watched", "captured"])
@pytest.mark.parametrize("join", JOINS)
def test_a_walk_prepares_the_rules_of_an_op_once(join, mode):
    row, calls = TABLE["concatenate"], []
    rule = row.vjps.rule
    counting = PerOperand(lambda *given, **params: calls.append(len(given)) or rule(*given, **params))
    parts = leaves(50)
    joined = JOINS[join](parts)
    up = np.arange(float(joined.size)).reshape(joined.shape)
    object.__setattr__(row, "vjps", counting)
    try:
        if mode == "captured":
            gradients = [g.value for g in mt.graph(joined, up).gradients.values()]
            assert len(gradients) > 50
        elif mode == "watched":
            with mt.detect_anomaly():
                joined.backward(up)
        else:
            found = mt.grad(joined, parts, up, create_graph=mode == "recorded")
            for k, g in enumerate(found):
                assert g.tolist() == [[2.0 * k, 2.0 * k + 1]]
    finally:
        object.__setattr__(row, "vjps", PerOperand(rule))
    assert calls == [2 + 50]


PARTS = {"split": mt.split, "iteration": lambda x, n: [row[None] for row in x]}


def elements(n, parts):
    """How many elements the backward pass of a computation with n parts of an operand computes."""
    x = mt.tensor(np.arange(float(n)), requires_grad=True)
    whole = mt.concatenate([part * float(k) for k, part in enumerate(parts(x, n))])
    captured = mt.graph(whole, np.ones(n))
    assert captured.gradients[captured.nodes[0]].value.tolist() == list(range(n))
    return sum(prod(node.shape) for node in captured.backward)


@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
def test_many_parts_add_up_no_gradient_as_long_as_the_whole_for_each_part(parts):
    few, many = elements(64, parts), elements(1024, parts)
    assert many < 1.1 * few * 16 * log2(1024) / log2(64)


@pytest.mark.parametrize("places", [range(1, 40), [3] * 20, [5, 2, *range(20, 38)], [-3, *range(1, 20)], range(30, 60)])
def test_a_split_into_many_parts_cuts_where_numpy_does(places):
    values = np.arange(80.0).reshape(2, 40)
    x = mt.tensor(values, requires_grad=True)
    parts = mt.split(x, list(places), axis=1)
    expected = np.split(values, list(places), axis=1)
    assert [part.tolist() for part in parts] == [part.tolist() for part in expected]
    total = sum((part * float(k + 1)).sum() for k, part in enumerate(parts))
    weights = np.zeros((2, 40))
    for k, cut in enumerate(np.split(np.arange(40), list(places))):
        weights[:, cut] += k + 1
    assert mt.grad(total, x)[0].tolist() == weights.tolist()


@pytest.mark.parametrize("n", [0, 1, 16, 17, 100])
def test_iteration_gives_every_row_once_and_in_order(n):
    x = mt.tensor(np.arange(2.0 * n).reshape(n, 2), requires_grad=True)
    assert [row.tolist() for row in x] == x.tolist()
    for k, row in enumerate(x):
        row.backward(np.full(2, float(k)))
    assert x.grad is None if n == 0 else x.grad.tolist() == [[float(k)] * 2 for k in range(n)]


def test_a_row_is_recorded_where_it_is_taken():
    x = mt.tensor(np.arange(100.0), requires_grad=True)
    rows = iter(x)
    with mt.no_grad():
        assert not next(rows).requires_grad
    assert all(row.requires_grad for row in rows)
