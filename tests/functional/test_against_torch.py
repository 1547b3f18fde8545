"""Values and gradients beside PyTorch's, where that is installed."""

import numpy as np
import pytest

import micrograd_tensor as mt

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]
torch = pytest.importorskip("torch")

REAL, POSITIVE = "real", "positive"

OPS = {
    "add": (mt.add, lambda a, b: a + b, ((3, 4), (4,)), REAL),
    "sub": (mt.sub, lambda a, b: a - b, ((3, 1), (1, 4)), REAL),
    "mul": (mt.mul, lambda a, b: a * b, ((3, 4), (3, 1)), REAL),
    "div": (mt.div, lambda a, b: a / b, ((3, 4), ()), REAL),
    "pow": (mt.pow, lambda a, b: a**b, ((3, 4), (4,)), POSITIVE),
    "exp": (mt.exp, lambda x: x.exp(), ((3, 4),), REAL),
    "expm1": (mt.expm1, lambda x: x.expm1(), ((3, 4),), REAL),
    "log": (mt.log, lambda x: x.log(), ((3, 4),), POSITIVE),
    "log1p": (mt.log1p, lambda x: x.log1p(), ((3, 4),), POSITIVE),
    "sqrt": (mt.sqrt, lambda x: x.sqrt(), ((3, 4),), POSITIVE),
    "reciprocal": (mt.reciprocal, lambda x: x.reciprocal(), ((3, 4),), POSITIVE),
    "tanh": (mt.tanh, lambda x: x.tanh(), ((3, 4),), REAL),
    "sigmoid": (mt.sigmoid, lambda x: x.sigmoid(), ((3, 4),), REAL),
    "relu": (mt.relu, lambda x: x.relu(), ((3, 4),), REAL),
    "abs": (mt.abs, lambda x: x.abs(), ((3, 4),), REAL),
    "maximum": (mt.maximum, lambda a, b: torch.maximum(a, b), ((3, 4), (4,)), REAL),
    "clip": (lambda x: mt.clip(x, -0.5, 0.5), lambda x: x.clamp(-0.5, 0.5), ((3, 4),), REAL),
    "sum": (lambda x: mt.sum(x, axis=(0, 2)), lambda x: x.sum((0, 2)), ((3, 4, 2),), REAL),
    "mean": (lambda x: mt.mean(x, axis=1), lambda x: x.mean(1), ((3, 4),), REAL),
    "amax": (lambda x: mt.max(x, axis=1), lambda x: x.amax(1), ((3, 4),), REAL),
    "prod": (lambda x: mt.prod(x, axis=1), lambda x: x.prod(1), ((3, 4),), REAL),
    "cumsum": (lambda x: mt.cumsum(x, axis=1), lambda x: x.cumsum(1), ((3, 4),), REAL),
    "var": (lambda x: mt.var(x, axis=0, correction=1), lambda x: x.var(0), ((5, 4),), REAL),
    "std": (lambda x: mt.std(x, axis=0, correction=1), lambda x: x.std(0), ((5, 4),), REAL),
    "matmul": (mt.matmul, lambda a, b: a @ b, ((2, 3, 4), (4, 5)), REAL),
    "matrix and vector": (mt.matmul, lambda a, b: a @ b, ((3, 4), (4,)), REAL),
    "einsum": (
        lambda a, b: mt.einsum("bij,bkj->bik", a, b),
        lambda a, b: torch.einsum("bij,bkj->bik", a, b),
        ((2, 3, 4), (2, 5, 4)),
        REAL,
    ),
    "gather": (lambda x: x[[0, 2, 2]], lambda x: x[[0, 2, 2]], ((3, 4),), REAL),
    "softmax": (mt.softmax, lambda x: torch.softmax(x, -1), ((3, 4),), REAL),
    "log_softmax": (mt.log_softmax, lambda x: torch.log_softmax(x, -1), ((3, 4),), REAL),
    "logsumexp": (lambda x: mt.logsumexp(x, axis=1), lambda x: torch.logsumexp(x, 1), ((3, 4),), REAL),
    "batch_norm": (
        mt.batch_norm,
        lambda x, g, b: torch.nn.functional.batch_norm(x, None, None, g, b, training=True),
        ((6, 4), (4,), (4,)),
        REAL,
    ),
    "batch_norm of images": (
        lambda x, g, b: mt.batch_norm(x, g.reshape(3, 1, 1), b.reshape(3, 1, 1), axis=(0, 2, 3)),
        lambda x, g, b: torch.nn.functional.batch_norm(x, None, None, g, b, training=True),
        ((2, 3, 4, 4), (3,), (3,)),
        REAL,
    ),
}


@pytest.mark.parametrize("name", OPS)
def test_values_and_gradients_are_torchs(name):
    ours, theirs, shapes, domain = OPS[name]
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s) if domain == REAL else rng.uniform(0.3, 2, s) for s in shapes]
    tensors = [mt.tensor(a, requires_grad=True) for a in arrays]
    others = [torch.tensor(a, requires_grad=True, dtype=torch.float64) for a in arrays]
    y, z = ours(*tensors), theirs(*others)
    np.testing.assert_allclose(y.numpy(), z.detach().numpy(), rtol=1e-10, atol=1e-12)
    upstream = rng.standard_normal(y.shape)
    first = mt.grad(y, tensors, upstream, create_graph=True)
    expected = torch.autograd.grad(z, others, torch.tensor(upstream, dtype=torch.float64), create_graph=True)
    for g, e in zip(first, expected, strict=True):
        np.testing.assert_allclose(g.numpy(), e.detach().numpy(), rtol=1e-9, atol=1e-11)
    _compare_second_order(tensors, others, first, expected)


def _compare_second_order(tensors, others, first, expected):
    weights = [np.random.default_rng(5 + i).standard_normal(g.shape) for i, g in enumerate(first)]
    ours = [(g, w) for g, w in zip(first, weights, strict=True) if g.requires_grad]
    theirs = [(e, torch.tensor(w)) for e, w in zip(expected, weights, strict=True) if e.requires_grad]
    if not ours or not theirs:
        return
    second = mt.grad([g for g, _ in ours], tensors, [w for _, w in ours])
    reference = torch.autograd.grad([e for e, _ in theirs], others, [w for _, w in theirs], allow_unused=True)
    for g, e, t in zip(second, reference, tensors, strict=True):
        g = np.zeros(t.shape) if g is None else g.numpy()
        e = np.zeros(t.shape) if e is None else e.numpy(force=True)
        np.testing.assert_allclose(g, e, rtol=1e-7, atol=1e-9)


def test_ties_are_shared_as_torch_does():
    x, z = mt.tensor([1.0, 3.0, 3.0], requires_grad=True), torch.tensor([1.0, 3.0, 3.0], requires_grad=True)
    mt.max(x).backward()
    z.amax().backward()
    assert x.grad.tolist() == z.grad.tolist() == [0.0, 0.5, 0.5]
