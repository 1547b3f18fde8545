"""What arrives at the nodes of a graph, known again by its numbers."""

from __future__ import annotations

import numpy as np

import micrograd_tensor as mt
from micrograd_tensor.check.repair.arriving import Arriving


def test_gradients_and_sums_of_a_part_of_them_are_known_with_what_they_lack():
    rng = np.random.default_rng(0)
    x = mt.tensor(rng.normal(size=(3, 4)), name="x", requires_grad=True)
    a, b, c = mt.sin(x), mt.exp(x), x * 3.0
    dout = rng.normal(size=(3, 4))
    arriving = Arriving(mt.graph(a + b + c, dout))
    of_a, of_b, of_c = dout * np.cos(x.data), dout * np.exp(x.data), dout * 3.0
    for known in (dout, of_a, of_b + of_c, of_a + of_b + of_c):
        assert known in arriving
    assert of_a + 1e-3 not in arriving
    assert 2 * of_b not in arriving
    assert np.zeros((3, 4)) not in arriving, "it would be what any line gives where nothing comes back"
    assert of_a.T not in arriving
    assert np.allclose(list(arriving.lacking(of_a + of_c)), [of_b])
    assert len(list(arriving.lacking(of_b))) == 2
    assert not list(arriving.lacking(of_a + of_b + of_c)), "nothing is missing from all of it"
