"""How near the truth kernels are, in float64 to the largest term, in float32 beside what the functions give."""

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.compile import kernel_source, schedule

SHAPES = [(8, 3), (8, 4), (64, 16), (3, 100), (5000, 4)]


def statistics(axis):
    """What is made of deviations from a mean; of the norms gradients too."""

    def norm(x):
        y = mt.batch_norm(x, 1.0, 0.0) if axis == 0 else mt.layer_norm(x, x.shape[1])
        return y, mt.grad(y, x, np.cos(np.arange(x.size)).reshape(x.shape).astype(x.dtype))[0]

    yield "variance", lambda x: (mt.var(x, axis=axis),)
    yield "deviations", lambda x: (x - x.mean(axis=axis, keepdims=True),)
    yield "norm", norm


def errors(function, x):
    """How far a function and its compiled form are from the same in float64, in parts of the largest element."""
    results = [
        f(mt.tensor(a, requires_grad=True))
        for f, a in ((function, x.astype(float)), (function, x), (mt.compile(function, backend="numba"), x))
    ]
    want, eager, compiled = [[y.numpy().astype(float) for y in one] for one in results]
    return [
        max(np.abs(a - b).max() / np.abs(b).max() for a, b in zip(one, want, strict=True)) for one in (eager, compiled)
    ]


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["variance", "deviations", "norm"])
def test_what_is_far_from_0_and_close_together_keeps_its_digits(name, shape, axis):
    x = (1e4 + 0.1 * np.random.default_rng(0).standard_normal(shape)).astype(np.float32)
    eager, compiled = errors(dict(statistics(axis))[name], x)
    assert eager > 1e-7, "there is something to lose"
    assert compiled <= 2 * eager + 1e-6


def test_a_sum_in_float32_would_lose_them(monkeypatch):
    """Planted: sums that are offsets of their terms are added up like all others."""
    x = (1e4 + 0.1 * np.random.default_rng(0).standard_normal((64, 16))).astype(np.float32)
    whole = schedule.Schedule._accumulator
    monkeypatch.setattr(
        schedule.Schedule, "_accumulator", lambda self, t, labels, offset: whole(self, t, labels, False)
    )
    eager, compiled = errors(dict(statistics(0))["variance"], x)
    assert compiled > 10 * eager


@pytest.mark.parametrize("chunk", [1, 3])
@pytest.mark.parametrize("shape", [(7, 5), (4, 3, 5), (1, 8)])
def test_chunks_of_any_size_add_up(shape, chunk, monkeypatch):
    monkeypatch.setattr(kernel_source, "CHUNK", chunk)
    x = np.random.default_rng(0).normal(size=shape)

    def function(x):
        y = (x - x.mean()) * mt.softmax(x, axis=-1) + mt.var(x, axis=0) * x.max(axis=0) - x.prod(axis=-1, keepdims=True)
        return y, mt.grad(y, x, np.ones(x.shape))[0]

    fast = mt.compile(function, backend="numba")
    for a, b in zip(fast(mt.tensor(x, requires_grad=True)), function(mt.tensor(x, requires_grad=True)), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=0, atol=1e-13 * np.abs(b.numpy()).max())
    assert f"({chunk}, " in fast.source
