"""Compositions: functions built from primitives, whose gradients, pictures and checks fall out of the graph."""

from ..engine.table.reductions import std, var
from .activations import dropout, gelu, leaky_relu, logsigmoid, silu, softplus
from .attention import scaled_dot_product_attention
from .convolution import conv1d, conv2d
from .linear import embedding, flatten, linear
from .losses import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    l1_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
)
from .normalization import batch_norm, group_norm, instance_norm, layer_norm, rms_norm
from .pooling import adaptive_avg_pool2d, avg_pool2d, max_pool2d
from .softmax import log_softmax, logsumexp, softmax
from .statistics import l2_norm

__all__ = [
    "adaptive_avg_pool2d",
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy_with_logits",
    "conv1d",
    "conv2d",
    "cross_entropy",
    "dropout",
    "embedding",
    "flatten",
    "gelu",
    "group_norm",
    "instance_norm",
    "l1_loss",
    "l2_norm",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsigmoid",
    "logsumexp",
    "max_pool2d",
    "mse_loss",
    "nll_loss",
    "rms_norm",
    "scaled_dot_product_attention",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softplus",
    "std",
    "var",
]
