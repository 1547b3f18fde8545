"""Starters: the forward passes that ``check --new`` makes exercises of, every stage of which has a name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ..engine.table.elementwise import exp, log, sigmoid, sqrt, square, stop_gradient, tanh
from ..engine.table.shapes import concatenate, pad, transpose
from ..engine.table.windows import windows
from ..engine.tensor import Tensor, tensor
from ..functional.normalization import batch_norm, layer_norm


def _leaf(name: str, rng: np.random.Generator, *shape: int, scale: float = 1.0) -> Tensor:
    return tensor(rng.normal(scale=scale, size=shape), name=name, requires_grad=True)


def _batchnorm(rng: np.random.Generator) -> Tensor:
    return batch_norm(_leaf("x", rng, 7, 4), _leaf("gamma", rng, 4), _leaf("beta", rng, 4))


def _layernorm(rng: np.random.Generator) -> Tensor:
    return layer_norm(_leaf("x", rng, 4, 7), 7, _leaf("gamma", rng, 7), _leaf("beta", rng, 7))


def _l2_normalize(rng: np.random.Generator) -> Tensor:
    x = _leaf("x", rng, 7, 4)
    total = square(x).named("x_sq").sum(axis=1, keepdims=True).named("total")
    norm = sqrt(total + 1e-5).named("norm")
    return (x * (1 / norm).named("inverted_norm")).named("out")


def _shares(scores: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The first stages of a softmax over the last axis: shifted scores, their exponentials, and the sums of these."""
    largest = stop_gradient(scores.max(axis=1, keepdims=True).named("row_max")).named("largest")  # no exp overflows
    shifted = (scores - largest).named("shifted")
    exps = exp(shifted).named("exps")
    return shifted, exps, exps.sum(axis=1, keepdims=True).named("total")


def _softmax_cross_entropy(rng: np.random.Generator) -> Tensor:
    labels = tensor(np.array([0, 2, 1, 3, 2, 2, 0]), name="labels")
    shifted, _, total = _shares(_leaf("logits", rng, 7, 4))
    log_probs = (shifted - log(total).named("log_total")).named("log_probs")
    picked = log_probs[np.arange(7), labels].named("picked")
    return (-picked.mean().named("mean_picked")).named("loss")


def _attention(rng: np.random.Generator) -> Tensor:
    x = _leaf("x", rng, 7, 5)
    lengths = {"query": 4, "key": 4, "value": 3}
    query, key, value = ((x @ _leaf(f"w_{name}", rng, 5, n)).named(name) for name, n in lengths.items())
    scores = (query @ key.T.named("key_columns")).named("scores")
    _, exps, total = _shares((scores / 2.0).named("scaled"))
    mixed = ((exps / total).named("weights") @ value).named("mixed")
    return (mixed @ _leaf("w_out", rng, 3, 6)).named("out")


def _lstm_cell(rng: np.random.Generator) -> Tensor:
    x, h, c = _leaf("x", rng, 7, 5), _leaf("h", rng, 7, 3), _leaf("c", rng, 7, 3)
    from_input = (x @ _leaf("w_input", rng, 5, 12, scale=0.3)).named("from_input")
    both = (from_input + (h @ _leaf("w_hidden", rng, 3, 12, scale=0.3)).named("from_hidden")).named("both")
    sums = (both + _leaf("bias", rng, 12)).named("sums")
    parts = [sums[:, k : k + 3].named(f"{name}_sum") for k, name in zip(range(0, 12, 3), _LSTM, strict=True)]
    input_gate, forget_gate, output_gate = (
        sigmoid(parts[k]).named(f"{name}_gate") for k, name in ((0, "input"), (1, "forget"), (3, "output"))
    )
    taken_in = (input_gate * tanh(parts[2]).named("candidate")).named("taken_in")
    c_next = ((forget_gate * c).named("kept") + taken_in).named("c_next")
    h_next = (output_gate * tanh(c_next).named("squashed")).named("h_next")
    return concatenate([h_next, c_next], axis=1).named("out")


_LSTM = ("input", "forget", "candidate", "output")


def _conv2d(rng: np.random.Generator) -> Tensor:
    x, weight = _leaf("x", rng, 3, 4, 7, 9), _leaf("weight", rng, 5, 4, 2, 3)
    padded = pad(x, pad_width=((0, 0), (0, 0), (1, 1), (1, 1))).named("padded")
    patches = windows(padded, size=(2, 3), stride=(1, 1), dilation=(1, 1)).named("patches")
    columns = (
        transpose(patches, axes=(2, 4, 5, 3, 0, 1)).named("ordered").reshape(3 * 8 * 9, 4 * 2 * 3).named("columns")
    )
    rows = weight.reshape(5, 4 * 2 * 3).named("rows")
    products = (columns @ rows.T.named("kernels")).named("products")
    images = (products + _leaf("bias", rng, 5)).named("sums").reshape(3, 8, 9, 5).named("images")
    return transpose(images, axes=(0, 3, 1, 2)).named("out")


STARTERS: Mapping[str, Callable[[np.random.Generator], Tensor]] = {
    "attention": _attention,
    "batchnorm": _batchnorm,
    "conv2d": _conv2d,
    "l2_normalize": _l2_normalize,
    "layernorm": _layernorm,
    "lstm_cell": _lstm_cell,
    "softmax_cross_entropy": _softmax_cross_entropy,
}
"""Every starter by its name."""
