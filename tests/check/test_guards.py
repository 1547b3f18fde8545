"""Small numbers that keep a logarithm from that of 0, and those that do something else."""

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.check.guards import without_guards


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
