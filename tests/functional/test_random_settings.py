"""Random settings of what nets are made of, beside PyTorch: values, gradients and second derivatives.

Each function is drawn with inputs of random shapes and dtypes and with random settings, those at the edge among them:
windows that just fit, padding of half a window, groups of one channel, labels that are all ignored, masks of rows.
Not max_pool2d: at such settings PyTorch's backward pass writes beyond its memory, which ends the test run.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import micrograd_tensor as mt

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]
torch = pytest.importorskip("torch")
F = torch.nn.functional


class Unfit(Exception):  # noqa: N818 -- no error: other settings are drawn
    """These settings do not fit each other."""


@dataclass
class Draw:
    """Random inputs of a function, by name, and its settings.

    Attributes:
        rng: the source.
        inputs: floating-point arrays, of which gradients are asked.
        given: other arrays and settings, the same for both.
    """

    rng: np.random.Generator
    inputs: dict[str, Any] = field(default_factory=dict)
    given: dict[str, Any] = field(default_factory=dict)

    def whole(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def one(self, *choices: Any) -> Any:
        return choices[self.whole(0, len(choices) - 1)]

    def real(self, *shape: int) -> Any:
        return self.rng.normal(size=shape)

    def maybe(self, name: str, *shape: int) -> None:
        if self.whole(0, 2):
            self.inputs[name] = self.real(*shape)


def convolution(rank):
    def draw(d):
        groups = d.one(1, 1, 2, 3)
        channels, features = groups * d.whole(1, 2), groups * d.whole(1, 2)
        kernel = [d.whole(1, 3) for _ in range(rank)]
        dilation = [d.whole(1, 2) for _ in range(rank)]
        d.inputs["x"] = d.real(d.whole(1, 2), channels, *(d.whole(1, 7) for _ in range(rank)))
        d.inputs["weight"] = d.real(features, channels // groups, *kernel)
        d.maybe("bias", features)
        d.given = {"groups": groups, "dilation": tuple(dilation)}
        if d.whole(0, 3):
            d.given |= {"padding": tuple(d.whole(0, 2) for _ in range(rank))}
            d.given |= {"stride": tuple(d.whole(1, 3) for _ in range(rank))}
        else:
            d.given["padding"] = d.one("same", "valid")

    return draw


def avg_pool(d):
    kernel = (d.whole(1, 3), d.whole(1, 3))
    d.inputs["x"] = d.real(d.whole(1, 2), d.whole(1, 2), d.whole(1, 8), d.whole(1, 8))
    d.given = {"kernel_size": kernel, "ceil_mode": bool(d.whole(0, 1)), "count_include_pad": bool(d.whole(0, 1))}
    d.given |= {"padding": tuple(d.whole(0, k // 2) for k in kernel), "divisor_override": d.one(None, None, 2, 7)}
    if d.whole(0, 1):
        d.given["stride"] = (d.whole(1, 3), d.whole(1, 3))


def adaptive(d):
    d.inputs["x"] = d.real(d.whole(1, 2), d.whole(1, 2), d.whole(1, 7), d.whole(1, 7))
    d.given["output_size"] = d.one(1, (2, 3), (None, 2), (1, 1), (3, None))


def norm_over_groups(d):
    groups = d.whole(1, 3)
    channels = groups * d.whole(1, 2)
    d.inputs["x"] = d.real(d.whole(1, 3), channels, *(d.whole(1, 4) for _ in range(d.whole(1, 2))))
    if d.inputs["x"].size // (len(d.inputs["x"]) * groups) < 2:
        raise Unfit
    d.given = {"num_groups": groups, "eps": d.one(1e-5, 1e-3)}
    d.maybe("weight", channels)
    d.maybe("bias", channels)


def norm_over_shape(d):
    shape = tuple(d.whole(1, 4) for _ in range(d.whole(1, 4)))
    over = shape[d.whole(0, len(shape) - 1) :]
    if np.prod(over) < 2:
        raise Unfit
    d.inputs["x"] = d.real(*shape)
    d.given = {"normalized_shape": over, "eps": d.one(1e-5, 1e-3)}
    d.maybe("weight", *over)


def layer_norm(d):
    norm_over_shape(d)
    d.maybe("bias", *d.given["normalized_shape"])


def instance_norm(d):
    channels = d.whole(1, 3)
    d.inputs["x"] = d.real(d.whole(1, 2), channels, *(d.whole(2, 4) for _ in range(d.whole(1, 2))))
    d.given["eps"] = d.one(1e-5, 1e-3)
    d.maybe("weight", channels)
    d.maybe("bias", channels)


def classes(d):
    n, c = d.whole(1, 5), d.whole(1, 4)
    rest = [d.whole(1, 3) for _ in range(d.one(0, 0, 1, 2))]
    d.inputs["input"] = d.real(n, c, *rest)
    labels = d.rng.integers(0, c, (n, *rest))
    ignored = d.one(-100, -100, 0, c - 1)
    if ignored == -100 and d.whole(0, 1):
        labels = np.where(d.rng.random(labels.shape) < 0.3, -100, labels)
    d.given = {"target": labels, "ignore_index": ignored, "reduction": d.one("mean", "sum", "none")}
    if d.whole(0, 1):
        d.given["weight"] = d.rng.uniform(0.5, 2, c)
    if d.given["reduction"] == "mean" and np.all((labels == ignored) | (labels == -100)):
        raise Unfit  # the mean of nothing


def cross_entropy(d):
    if d.whole(0, 3):
        classes(d)
    else:
        n, c = d.whole(1, 5), d.whole(1, 4)
        d.inputs["input"] = d.real(n, c)
        d.inputs["target"] = d.rng.dirichlet(np.ones(c), n)
        d.given["reduction"] = d.one("mean", "sum", "none")
        if d.whole(0, 1):
            d.given["weight"] = d.rng.uniform(0.5, 2, c)
    d.given["label_smoothing"] = d.one(0.0, 0.1, 0.7)


def pairs(*settings):
    def draw(d):
        shape = tuple(d.whole(1, 4) for _ in range(d.whole(0, 3)))
        d.inputs = {"input": d.real(*shape), "target": d.real(*shape)}
        d.given = {"reduction": d.one("mean", "sum", "none"), **{name: d.one(*values) for name, values in settings}}

    return draw


def probabilities(d):
    pairs()(d)
    d.inputs = {k: np.asarray(0.1 + 0.8 / (1 + np.exp(-v))) for k, v in d.inputs.items()}
    if d.whole(0, 1):
        d.given["weight"] = d.rng.uniform(0.5, 2, d.inputs["input"].shape[-1:])


def logits(d):
    probabilities(d)
    d.inputs["input"] = 4 * d.real(*d.inputs["input"].shape)
    if d.whole(0, 1):
        d.given["pos_weight"] = d.rng.uniform(0.5, 2, d.inputs["input"].shape[-1:])


def attention(d):
    batch = tuple(d.whole(1, 2) for _ in range(d.whole(0, 2)))
    n, m, k = d.whole(1, 4), d.whole(1, 4), d.whole(1, 4)
    d.inputs = {"query": d.real(*batch, n, k), "key": d.real(*batch, m, k), "value": d.real(*batch, m, d.whole(1, 3))}
    how = d.whole(0, 3)
    if how == 1:
        d.given["is_causal"] = True
    elif how == 2:
        d.given["attn_mask"] = d.rng.random((n, m)) < 0.7
        d.given["attn_mask"][:, 0] = True
    elif how == 3:
        d.inputs["attn_mask"] = d.real(n, m)
    d.given["scale"] = d.one(None, 0.3, 2.0)


def embedding(d):
    n = d.whole(2, 5)
    d.inputs["weight"] = d.real(n, d.whole(1, 3))
    d.given = {"indices": d.rng.integers(0, n, [d.whole(0, 3) for _ in range(d.whole(0, 2))])}
    d.given["padding_idx"] = d.one(None, 0, 1, -1)


def one_array(**settings):
    def draw(d):
        d.inputs["x"] = d.one(1, 5) * d.real(*(d.whole(0, 4) for _ in range(d.whole(0, 3))))
        d.given = {name: d.one(*values) for name, values in settings.items()}

    return draw


def with_slopes(d):
    channels = d.whole(1, 3)
    d.inputs["x"] = d.real(d.whole(1, 3), channels, *(d.whole(1, 3) for _ in range(d.whole(0, 1))))
    d.inputs["weight"] = d.real(d.one(1, channels))


def linear(d):
    k = d.whole(1, 4)
    d.inputs["x"] = d.real(*(d.whole(0, 3) for _ in range(d.whole(0, 2))), k)
    d.inputs["weight"] = d.real(*([d.whole(1, 3)] if d.whole(0, 3) else []), k)
    if d.inputs["weight"].ndim == 2:
        d.maybe("bias", len(d.inputs["weight"]))


def positional(name, *first):
    """PyTorch's function, whose first operands are called otherwise."""

    def call(**given):
        return getattr(F, name)(*[given.pop(k) for k in first], **given)

    return call


DRAWS = {
    "conv1d": (convolution(1), positional("conv1d", "x", "weight")),
    "conv2d": (convolution(2), positional("conv2d", "x", "weight")),
    "avg_pool2d": (avg_pool, positional("avg_pool2d", "x")),
    "adaptive_avg_pool2d": (adaptive, positional("adaptive_avg_pool2d", "x")),
    "group_norm": (norm_over_groups, positional("group_norm", "x")),
    "layer_norm": (layer_norm, positional("layer_norm", "x")),
    "rms_norm": (norm_over_shape, positional("rms_norm", "x")),
    "instance_norm": (instance_norm, positional("instance_norm", "x")),
    "nll_loss": (classes, positional("nll_loss", "input")),
    "cross_entropy": (cross_entropy, positional("cross_entropy", "input")),
    "mse_loss": (pairs(), positional("mse_loss", "input")),
    "l1_loss": (pairs(), positional("l1_loss", "input")),
    "huber_loss": (pairs(("delta", (0.3, 1.0, 2))), positional("huber_loss", "input")),
    "smooth_l1_loss": (pairs(("beta", (0.0, 0.3, 1.0, 2))), positional("smooth_l1_loss", "input")),
    "binary_cross_entropy": (probabilities, positional("binary_cross_entropy", "input")),
    "binary_cross_entropy_with_logits": (logits, positional("binary_cross_entropy_with_logits", "input")),
    "scaled_dot_product_attention": (attention, positional("scaled_dot_product_attention")),
    "embedding": (embedding, positional("embedding", "indices")),
    "linear": (linear, positional("linear", "x")),
    "prelu": (with_slopes, positional("prelu", "x")),
    "elu": (one_array(alpha=(1.0, 0.3, 2)), positional("elu", "x")),
    "selu": (one_array(), positional("selu", "x")),
    "gelu": (one_array(approximate=("none", "tanh")), positional("gelu", "x")),
    "silu": (one_array(), positional("silu", "x")),
    "leaky_relu": (one_array(negative_slope=(0.01, 0.0, -0.5, 2)), positional("leaky_relu", "x")),
    "softplus": (one_array(beta=(1.0, 0.3, 5), threshold=(20.0, 2)), positional("softplus", "x")),
    "logsigmoid": (one_array(), positional("logsigmoid", "x")),
}


@pytest.mark.parametrize("seed", range(0, 60, 10))
@pytest.mark.parametrize("name", DRAWS)
def test_random_settings_give_what_pytorch_gives(name, seed):
    for more in range(10):
        try:
            compare(name, seed + more)
        except AssertionError as error:
            raise AssertionError(f"seed {seed + more}: {error}") from error


def compare(name, seed):
    """Draw one call; where PyTorch refuses it, so must we, and the other way round."""
    draw, theirs = DRAWS[name]
    d = Draw(np.random.default_rng([seed, len(name)]))
    try:
        draw(d)
    except Unfit:
        return
    kind = d.one(np.float64, np.float64, np.float32)
    d.inputs = {k: np.asarray(v, kind) for k, v in d.inputs.items()}
    given = {
        k: torch.tensor(np.asarray(v, kind) if v.dtype.kind == "f" else v) if isinstance(v, np.ndarray) else v
        for k, v in d.given.items()
    }
    rs = {k: torch.tensor(v, requires_grad=True) for k, v in d.inputs.items()}
    ts = {k: mt.tensor(v, requires_grad=True) for k, v in d.inputs.items()}
    text = f"{name}({', '.join(f'{k}={v.shape}' for k, v in d.inputs.items())}, {d.given})"
    ours = {
        k: np.asarray(v, kind) if isinstance(v, np.ndarray) and v.dtype.kind == "f" else v for k, v in d.given.items()
    }
    try:
        r = theirs(**rs, **given)
    except (RuntimeError, ValueError, IndexError) as error:
        try:
            getattr(mt, name)(**ts, **ours)
        except (ValueError, TypeError, mt.GradientError):
            return
        raise AssertionError(f"{text} is taken, PyTorch: {error}") from None
    try:
        t = getattr(mt, name)(**ts, **ours)
    except Exception as error:
        raise AssertionError(f"{text} raises {type(error).__name__}: {error}") from error
    assert t.dtype == kind, text
    agree(f"value of {text}", t, r, kind)
    if not r.requires_grad:
        return
    up = np.asarray(d.real(*t.shape), kind)
    try:
        first = torch.autograd.grad(r, list(rs.values()), torch.tensor(up), create_graph=True, allow_unused=True)
    except RuntimeError:  # in PyTorch's group_norm, at one element a group
        return
    found = mt.grad(t, list(ts.values()), up, create_graph=True)
    for k, g, e in zip(ts, found, first, strict=True):
        agree(f"gradient of {k} in {text}", g, e, kind)
    if kind == np.float32:
        return  # in which the second derivatives of norms are mostly rounding, on both sides
    weights = [d.real(*v.shape) for v in d.inputs.values()]
    outs = [(e, torch.tensor(w)) for e, w in zip(first, weights, strict=True) if e is not None and e.requires_grad]
    again = [(g, w) for g, w in zip(found, weights, strict=True) if g is not None and g.requires_grad]
    try:
        expected = second_of(outs, rs)
    except RuntimeError:  # PyTorch has none of some functions
        return
    second = mt.grad([g for g, _ in again], list(ts.values()), [w for _, w in again]) if again else [None] * len(ts)
    for k, g, e in zip(ts, second, expected, strict=True):
        agree(f"second derivative of {k} in {text}", g, e, kind)


def second_of(outs, rs):
    """PyTorch's gradients of weighted gradients."""
    if not outs:
        return [None] * len(rs)
    gradients, weights = zip(*outs, strict=True)
    return torch.autograd.grad(gradients, list(rs.values()), weights, allow_unused=True)


def agree(what, t, r, kind):
    a = np.zeros(()) if t is None else t.numpy()
    b = np.zeros(()) if r is None else r.detach().numpy(force=True)
    if t is not None and r is not None:
        assert a.shape == b.shape, what
    largest = np.abs(b[np.isfinite(b)]).max(initial=1.0)
    tolerance = (1e-10 if kind == np.float64 else 3e-4) * largest
    np.testing.assert_allclose(*np.broadcast_arrays(a, b), rtol=0, atol=tolerance, err_msg=what)
