"""Steps and limits at the ends of their range: a variance that is 0, gradients whose squares overflow."""

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor import optim


@pytest.mark.parametrize("alpha", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_centered_rmsprop_under_a_gradient_that_never_changes(dtype, alpha):
    """Its variance tends to 0, and rounding must not take it below: a step is at most ``lr · |g| / eps``."""
    g = (10.0 ** np.random.default_rng(0).uniform(-4, 4, size=2000)).astype(dtype)
    w = mt.tensor(np.zeros(2000, dtype), requires_grad=True)
    optimizer = optim.RMSprop([w], lr=1e-3, alpha=alpha, centered=True)
    for _ in range(300):
        w.grad = mt.tensor(g)
        optimizer.step()
    assert np.isfinite(w.numpy()).all()
    assert (w.numpy() < 0).all()


@pytest.mark.parametrize(
    ("dtype", "size"), [("float16", 300.0), ("float16", 60_000.0), ("float32", 1e20), ("float32", 1e38)]
)
@pytest.mark.parametrize(("norm_type", "due"), [(2.0, 2.0), (1.0, 4.0), (np.inf, 1.0), (3.0, 4 ** (1 / 3))])
def test_gradients_are_clipped_by_a_norm_that_their_dtype_may_not_hold(dtype, size, norm_type, due):
    w = mt.tensor(np.ones(4, dtype), requires_grad=True)
    w.grad = mt.tensor(np.full(4, size, dtype))
    assert optim.clip_grad_norm_([w], 1.0, norm_type) == pytest.approx(due * float(np.array(size, dtype)), rel=1e-6)
    assert w.grad.dtype == dtype
    np.testing.assert_allclose(w.grad.numpy().astype(float), 1 / due, rtol=2e-3)
