"""The sizes of layers: whole numbers that are large enough, or an error that quotes them before anything is made."""

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor import nn

BELOW_ONE = {
    "in_channels": lambda n: nn.Conv2d(n, 4, 3),
    "kernel_size": lambda n: nn.Conv1d(1, 1, n),
    "stride": lambda n: nn.Conv2d(1, 1, 3, stride=n),
    "dilation": lambda n: nn.Conv2d(1, 1, 3, dilation=n),
    "padding": lambda n: nn.Conv2d(1, 1, 3, padding=n),
    "groups": lambda n: nn.Conv2d(1, 1, 3, groups=n),
    "kernel_size of a pool": lambda n: nn.MaxPool2d(n),
    "stride of a pool": lambda n: nn.AvgPool2d(2, n),
    "padding of a pool": lambda n: nn.MaxPool2d(2, padding=n),
    "dilation of a pool": lambda n: nn.MaxPool2d(2, dilation=n),
    "divisor_override": lambda n: mt.avg_pool2d(np.ones((1, 2, 2)), 2, divisor_override=n),
    "in_features": lambda n: nn.Linear(n, 2),
    "out_features": lambda n: nn.Linear(2, n),
    "num_parameters": nn.PReLU,
    "kdim": lambda n: nn.MultiheadAttention(4, 2, kdim=n),
    "vdim": lambda n: nn.MultiheadAttention(4, 2, vdim=n),
    "num_embeddings": lambda n: nn.Embedding(n, 2),
    "embedding_dim": lambda n: nn.Embedding(2, n),
    "hidden_size": lambda n: nn.GRUCell(2, n),
    "input_size": lambda n: nn.RNNCell(n, 2),
    "num_heads": lambda n: nn.MultiheadAttention(4, n),
    "embed_dim": lambda n: nn.MultiheadAttention(n, 1),
    "num_features": lambda n: nn.BatchNorm1d(n),
    "num_groups": lambda n: nn.GroupNorm(n, 4),
    "num_channels": lambda n: nn.GroupNorm(1, n),
    "normalized_shape": lambda n: nn.LayerNorm(n),
    "num_groups of a function": lambda n: mt.group_norm(np.ones((2, 4)), n),
}


@pytest.mark.parametrize("value", [-1, 2.5, False])
@pytest.mark.parametrize("setting", BELOW_ONE)
def test_a_layer_quotes_a_number_that_it_cannot_have(setting, value):
    with pytest.raises(mt.ShapeError) as caught:
        BELOW_ONE[setting](value)
    assert setting.split(" of")[0] + "=" in str(caught.value)
    assert repr(value) in str(caught.value)
