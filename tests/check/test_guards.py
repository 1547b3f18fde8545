"""Small numbers that keep a logarithm from that of 0, and those that do something else."""

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.check.guards import share_of_divisors, without_guards


@pytest.mark.parametrize(
    ("function", "count"),
    [
        (lambda x: mt.log(x + 1e-8), 1),
        (lambda x: mt.log(2 * (x + 1e-8)), 1),
        (lambda x: mt.log((x + 1e-8) / (x * x + 1e-8)), 2),
        (lambda x: mt.log(x + 1e-3), 0),
        (lambda x: mt.sqrt(x + 1e-8), 0),
        (lambda x: mt.log1p(x + 1e-8), 0),
        (lambda x: x / (x + 1e-8), 0),
        (lambda x: mt.logaddexp(x + 1e-8, x), 0),
        (lambda x: mt.remainder(x + 1e-8, 2.0), 0),
    ],
)
def test_only_what_a_logarithm_is_taken_of_is_guarded(function, count):
    x = mt.tensor(np.linspace(0.1, 1.0, 4), name="x", requires_grad=True)
    graph = mt.graph(function(x).sum(), 1.0)
    found = without_guards(graph, {})
    assert len(found) == count
    for node, value in found.items():
        assert 0 < np.abs(value - node.value).max() < 1e-6


@pytest.mark.parametrize(
    ("guard", "share"),
    [(1e-8, 1e-8 / 0.5), (1e-7, 1e-7 / 0.5), (1e-6, 0.0), (1e-5, 0.0)],
)
def test_a_divisor_is_guarded_by_a_share_of_its_least_number(guard, share):
    x = mt.tensor(np.linspace(0.5, 2.0, 4), name="x", requires_grad=True)
    assert share_of_divisors(mt.graph(mt.sum(1.0 / (x + guard)), 1.0)) == pytest.approx(share, rel=1e-6)
    assert share_of_divisors(mt.graph(mt.sum(3.0 * (x + guard)), 1.0)) == 0.0


@pytest.mark.parametrize("spread", [1.0, 1e-9])
@pytest.mark.parametrize(
    ("derived", "right"),
    [
        (lambda dy, y, n: (dy - y * (dy * y).sum(axis=1, keepdims=True)) / (n + 1e-8), True),
        (lambda dy, y, n: (dy - y * (dy * y).sum(axis=1, keepdims=True)) / n, True),
        (lambda dy, y, n: (dy - y * (dy * y).sum(axis=1, keepdims=True)) / (n + 1e-5), False),
        (lambda dy, y, n: (dy - 1.00001 * y * (dy * y).sum(axis=1, keepdims=True)) / n, False),
        (lambda dy, y, n: dy / n, False),
    ],
)
def test_a_guard_of_a_divisor_may_be_left_out_where_it_is_derived_and_where_it_matters_not(derived, right, spread):
    rng = np.random.default_rng(3)
    value, dy = spread * rng.normal(size=(7, 5)), rng.normal(size=(7, 5))
    x = mt.tensor(value, name="x", requires_grad=True)
    norm = mt.sqrt(mt.sum(x * x, axis=1, keepdims=True)).named("norm")
    graph = mt.graph((x / (norm + 1e-8)).named("y"), dy)
    n = np.sqrt((value * value).sum(axis=1, keepdims=True))
    report = mt.compare(graph, hand={"dx": derived(dy, value / (n + 1e-8), n)}, point=False)
    assert report.ok == (right and spread == 1.0)
