"""Every module beside PyTorch's with the same weights: outputs, all gradients, buffers and keys."""

import numpy as np
import pytest
from module_cases import CASES, MODULES, Case, outputs

import micrograd_tensor as mt

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]
torch = pytest.importorskip("torch")

TOLERANCE = {np.float64: 1e-10, np.float32: 1e-5}


class Layers:
    """`torch.nn`, and what makes its weights."""

    tensor = staticmethod(torch.tensor)

    def __getattr__(self, name):
        return getattr(torch.nn, name)


def theirs(case: Case, ours, dtype):
    """PyTorch's module with our weights."""
    module = case.make(Layers()).to(torch.float64 if dtype is np.float64 else torch.float32).train(case.train)
    state = {key: torch.tensor(value.numpy()) for key, value in ours.state_dict().items()}
    module.load_state_dict(state)
    return module


def as_torch(array, dtype):
    if array.dtype.kind == "f":
        return torch.tensor(array.astype(dtype), requires_grad=True)
    return torch.tensor(array)


def close(found, expected, dtype):
    if expected is None:
        assert found is None or not found.numpy().any()
        return
    expected = expected.detach().numpy()
    scale = max(1.0, np.abs(expected).max(initial=0))
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found.numpy(), expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * scale)


@pytest.mark.parametrize(
    "wrap", [lambda m: m, pytest.param(mt.compile, marks=pytest.mark.slow)], ids=["eager", "compiled"]
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_outputs_and_all_gradients_are_pytorchs(case, dtype, wrap):
    ours = case.ours(dtype)
    other = theirs(case, ours, dtype)
    arrays = [x.astype(dtype) if x.dtype.kind == "f" else x for x in case.arrays(dtype)]
    mine = [mt.tensor(x, requires_grad=x.dtype.kind == "f") for x in arrays]
    their = [as_torch(x, dtype) for x in arrays]
    settings = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in case.settings.items()}
    results = outputs(wrap(ours)(*mine, **case.settings)), outputs(other(*their, **settings))
    rng = np.random.default_rng(0)
    ups = [np.asarray(rng.normal(size=y.shape)).astype(dtype) for y in results[0]]
    for y, expected in zip(*results, strict=True):
        assert y.dtype == dtype
        close(y, expected, dtype)
    for y, expected, up in zip(*results, ups, strict=True):
        if y.requires_grad:
            y.backward(up)
            expected.backward(torch.tensor(up), retain_graph=True)
    for x, expected in zip(mine, their, strict=True):
        if x.requires_grad:
            close(x.grad, expected.grad, dtype)
    parameters = dict(other.named_parameters())
    for name, p in ours.named_parameters():
        close(p.grad, parameters[name].grad, dtype)
    buffers = dict(other.named_buffers())
    for name, b in ours.named_buffers():
        if not (name.endswith("num_batches_tracked") and type(ours).__name__.startswith("Instance")):
            np.testing.assert_allclose(b.numpy(), buffers[name].numpy(), rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_names_shapes_and_dtypes_of_the_state_are_pytorchs(case):
    ours, other = (case.make(n).state_dict() for n in (mt.nn, Layers()))
    assert list(ours) == list(other)
    for key, value in other.items():
        assert ours[key].shape == tuple(value.shape)
        assert str(ours[key].dtype) == str(value.dtype).removeprefix("torch.") or key.endswith(("weight",))


def test_every_module_is_compared():
    compared = {type(m).__name__ for case in CASES for m in case.make(mt.nn).modules()}
    assert compared >= MODULES


@pytest.mark.parametrize("tracking", [True, False])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("momentum", [0.1, 0.7, 1.0, 0.0, None])
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("BatchNorm1d", (6, 3)),
        ("BatchNorm1d", (2, 3, 4)),
        ("BatchNorm1d", (1, 3, 5)),
        ("BatchNorm2d", (2, 3, 4, 2)),
        ("BatchNorm2d", (1, 3, 1, 2)),
        ("BatchNorm3d", (2, 3, 2, 1, 3)),
    ],
)
def test_batch_norm_over_several_batches(name, shape, momentum, affine, tracking):
    """Three batches in training, one in evaluation: results, gradients and running statistics."""
    settings = {"momentum": momentum, "affine": affine, "track_running_stats": tracking, "eps": 1e-3}
    ours = getattr(mt.nn, name)(3, **settings, dtype=np.float64)
    other = getattr(torch.nn, name)(3, **settings).double()
    rng = np.random.default_rng(0)
    for step in range(4):
        for module in (ours, other):
            module.train(step < 3)
        array, up = rng.normal(2, 3, shape), rng.normal(size=shape)
        x, t = mt.tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)
        y, expected = ours(x), other(t)
        y.backward(up)
        expected.backward(torch.tensor(up))
        close(y, expected, np.float64)
        close(x.grad, t.grad, np.float64)
        for p, q in zip(ours.parameters(), other.parameters(), strict=True):
            close(p.grad, q.grad, np.float64)
        for b, c in zip(ours.buffers(), other.buffers(), strict=True):
            np.testing.assert_allclose(b.numpy(), c.numpy(), rtol=1e-12)
            assert str(b.dtype) == str(c.numpy().dtype)


@pytest.mark.parametrize(
    ("name", "shape"), [("BatchNorm1d", (1, 3)), ("BatchNorm1d", (1, 3, 1)), ("BatchNorm2d", (1, 3, 1, 1))]
)
def test_a_batch_of_one_is_refused_in_training_and_taken_in_evaluation(name, shape):
    ours, other = getattr(mt.nn, name)(3, dtype=np.float64), getattr(torch.nn, name)(3).double()
    x = np.random.default_rng(0).normal(size=shape)
    with pytest.raises(ValueError, match="more than 1 value"):
        other(torch.tensor(x))
    with pytest.raises(mt.ShapeError, match=r"1 value\(s\) for each channel.*eval\(\)"):
        ours(x)
    close(ours.eval()(x), other.eval()(torch.tensor(x)), np.float64)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu_far_from_zero(approximate):
    x = np.linspace(-12, 12, 241)
    expected = torch.nn.functional.gelu(torch.tensor(x), approximate=approximate).numpy()
    np.testing.assert_allclose(mt.gelu(x, approximate).numpy(), expected, rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize(
    "name",
    ["leaky_relu", "silu", "softplus", "logsigmoid", "gelu"],
)
def test_activations_and_slopes_at_special_points(name):
    x = np.array([-1e3, -50.0, -20.0, -1e-300, -0.0, 0.0, 1e-300, 19.999, 20.0, 20.001, 50.0, 1e3])
    t, u = mt.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, expected = getattr(mt, name)(t), getattr(torch.nn.functional, name)(u)
    y.backward(np.ones(x.shape))
    expected.backward(torch.ones(x.shape, dtype=torch.float64))
    rtol = 1e-8 if name == "softplus" else 1e-12  # from 20 on PyTorch's is x itself
    np.testing.assert_allclose(y.numpy(), expected.detach().numpy(), rtol=rtol, atol=1e-15)
    np.testing.assert_allclose(t.grad.numpy(), u.grad.numpy(), rtol=rtol, atol=1e-15)


@pytest.mark.parametrize("mask", [None, "truth", "numbers", "causal"])
def test_scaled_dot_product_attention(mask):
    rng = np.random.default_rng(0)
    q, k, v = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(2, 3, 4, 6))
    given = {"truth": np.tri(4, 4, 1, dtype=bool), "numbers": rng.normal(size=(3, 4, 4))}.get(mask)
    settings = {"is_causal": True} if mask == "causal" else {"scale": 0.3}
    expected = torch.nn.functional.scaled_dot_product_attention(
        *map(torch.tensor, (q, k, v)), None if given is None else torch.tensor(given), **settings
    )
    found = mt.scaled_dot_product_attention(q, k, v, given, **settings)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-12, atol=1e-14)


def test_causal_attention_needs_no_mask():
    """PyTorch takes ``is_causal`` for a hint about the mask; here it stands on its own, beside a padding mask too."""
    rng = np.random.default_rng(0)
    ours = mt.nn.MultiheadAttention(4, 2, batch_first=True, dtype=np.float64)
    x = rng.normal(size=(2, 3, 4))
    hidden = np.triu(np.ones((3, 3), bool), 1)
    padding = np.array([[False, False, True], [False, True, False]])
    for more in ({}, {"key_padding_mask": padding}):
        found, weights = ours(x, x, x, is_causal=True, **more)
        expected, _ = ours(x, x, x, attn_mask=hidden, **more)
        np.testing.assert_array_equal(found.numpy(), expected.numpy())
        assert not weights.numpy()[:, hidden].any()


def test_log_probabilities_of_minus_infinity_do_no_harm():
    """A class that is masked out, as long as it is nobody's target."""
    x = np.array([[1.0, -np.inf, 2.0], [0.5, -np.inf, 0.0]])
    t, u = mt.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    with np.errstate(all="ignore"):
        y = mt.cross_entropy(t, [0, 2])
        y.backward()
    expected = torch.nn.functional.cross_entropy(u, torch.tensor([0, 2]))
    expected.backward()
    close(y, expected, np.float64)
    close(t.grad, u.grad, np.float64)


@pytest.mark.parametrize("batch_first", [True, False])
def test_an_lstm_continues_from_a_state_as_pytorchs(batch_first):
    ours = mt.nn.LSTM(3, 4, 2, batch_first=batch_first, bidirectional=True, dtype=np.float64)
    other = torch.nn.LSTM(3, 4, 2, batch_first=batch_first, bidirectional=True).double()
    ours.load_state_dict({key: value.numpy() for key, value in other.state_dict().items()})
    rng = np.random.default_rng(0)
    x, h, c = rng.normal(size=(5, 5, 3)), rng.normal(size=(4, 5, 4)), rng.normal(size=(4, 5, 4))
    mine = [mt.tensor(a, requires_grad=True) for a in (x, h, c)]
    their = [torch.tensor(a, requires_grad=True) for a in (x, h, c)]
    results = outputs(ours(mine[0], tuple(mine[1:]))), outputs(other(their[0], tuple(their[1:])))
    for y, expected in zip(*results, strict=True):
        close(y, expected, np.float64)
    sum((y * y).sum() for y in results[0]).backward()
    sum((y * y).sum() for y in results[1]).backward()
    for a, b in zip(mine, their, strict=True):
        close(a.grad, b.grad, np.float64)
