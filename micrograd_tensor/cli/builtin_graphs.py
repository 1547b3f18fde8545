"""Built-in graphs: what ``micrograd-tensor draw NAME`` draws without a file, each small enough to be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .. import nn
from ..engine.recording import scope
from ..engine.table.elementwise import relu
from ..engine.tensor import Tensor, tensor
from ..functional.attention import scaled_dot_product_attention
from ..functional.losses import cross_entropy
from ..functional.normalization import batch_norm, layer_norm
from ..graph.axes import AxisNames

Made: TypeAlias = "tuple[Tensor, Any]"
"""An output and its upstream gradient."""


class Builtin(NamedTuple):
    """A graph by its name.

    Attributes:
        shows: in a few words what it computes.
        make: makes output and upstream gradient, with random numbers.
        dims: names for axes.
    """

    shows: str
    make: Callable[[np.random.Generator], Made]
    dims: AxisNames


def made(name: str, seed: int = 0) -> Made:
    """The output and the upstream gradient of a built-in graph.

    >>> out, upstream = made("batchnorm")
    >>> out, upstream.shape  # doctest: +ELLIPSIS
    (tensor(..., name='out', op=add), (7, 4))
    """
    return BUILTINS[name].make(np.random.default_rng(seed))


def _leaf(name: str, rng: np.random.Generator, *shape: int) -> Tensor:
    return tensor(rng.normal(size=shape), name=name, requires_grad=True)


def _batchnorm(rng: np.random.Generator) -> Made:
    x, gamma, beta = _leaf("x", rng, 7, 4), _leaf("gamma", rng, 4), _leaf("beta", rng, 4)
    return batch_norm(x, gamma, beta), rng.normal(size=(7, 4))


def _layernorm(rng: np.random.Generator) -> Made:
    x, gamma, beta = _leaf("x", rng, 7, 4), _leaf("gamma", rng, 4), _leaf("beta", rng, 4)
    return layer_norm(x, 4, gamma, beta), rng.normal(size=(7, 4))


def _softmax_cross_entropy(rng: np.random.Generator) -> Made:
    labels = tensor(rng.integers(3, size=5), name="labels")
    return cross_entropy(_leaf("logits", rng, 5, 3), labels).named("loss"), 1.0


class MLP(nn.Module):
    """Two linear layers with a relu between them."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        self.hidden = nn.Linear(4, 6, dtype=np.float64, generator=rng)
        self.last = nn.Linear(6, 3, dtype=np.float64, generator=rng)

    def forward(self, x: Tensor) -> Any:
        """The logits."""
        return self.last(relu(self.hidden(x).named("a")).named("h")).named("logits")


def _mlp(rng: np.random.Generator) -> Made:
    x, labels = tensor(rng.normal(size=(5, 4)), name="x"), tensor(rng.integers(3, size=5), name="labels")
    return cross_entropy(MLP(rng)(x), labels).named("loss"), 1.0


def _lstm_cell(rng: np.random.Generator) -> Made:
    x, h, c = (_leaf(name, rng, 5, n) for name, n in (("x", 4), ("h", 3), ("c", 3)))
    after, _ = nn.LSTMCell(4, 3, dtype=np.float64, generator=rng)(x, (h, c))
    return after.named("h_next"), rng.normal(size=(5, 3))


def _attention(rng: np.random.Generator) -> Made:
    x = _leaf("x", rng, 5, 4)
    with scope("attention"):
        q, k, v = ((x @ _leaf(f"W{name}", rng, 4, 4)).named(name) for name in "qkv")
        out = scaled_dot_product_attention(q, k, v).named("out")
    return out, rng.normal(size=(5, 4))


class ConvBNReLU(nn.Module):
    """A convolution, batch normalization over its channels, and a relu."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3, bias=False, dtype=np.float64, generator=rng)
        self.norm = nn.BatchNorm2d(3, dtype=np.float64)
        for parameter in self.norm.parameters():  # at 1 and 0 a wrong gradient goes unnoticed
            parameter.assign_(rng.normal(size=3))

    def forward(self, x: Tensor) -> Any:
        """The activations."""
        return relu(self.norm(self.conv(x).named("y")))


def _conv_bn_relu(rng: np.random.Generator) -> Made:
    out = ConvBNReLU(rng)(_leaf("x", rng, 2, 2, 6, 6)).named("h")
    return out, rng.normal(size=out.shape)


_LSTM_AXES: AxisNames = {"N": ("x", 0), "D": ("x", 1), "H": [("h", 1), ("c", 1)], "4H": ("weight_ih", 0)}

_ATTENTION_AXES: AxisNames = {"T": ("x", 0), "D": ("x", 1), "K": ("Wq", 1), "V": ("Wv", 1)}
_CONV_AXES: AxisNames = {"N": [("x", 0), ("y", 0)], "C": ("y", 1), "H": ("y", 2), "W": ("y", 3)}

BUILTINS: Mapping[str, Builtin] = {
    "batchnorm": Builtin("batch normalization", _batchnorm, {"N": 7, "D": 4}),
    "layernorm": Builtin("layer normalization", _layernorm, {"N": 7, "D": 4}),
    "softmax_cross_entropy": Builtin("cross entropy of a softmax", _softmax_cross_entropy, {"N": 5, "C": 3}),
    "mlp": Builtin("two linear layers and their loss", _mlp, {"N": 5, "D": 4, "H": 6, "C": 3}),
    "lstm_cell": Builtin("one step of an LSTM", _lstm_cell, _LSTM_AXES),
    "attention": Builtin("scaled dot-product attention", _attention, _ATTENTION_AXES),
    "conv_bn_relu": Builtin("convolution, batch normalization, relu", _conv_bn_relu, _CONV_AXES),
}
"""Every built-in graph by its name."""
