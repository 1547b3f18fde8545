"""The hint where data of a wider dtype makes a whole net compute in it."""

import warnings

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor import nn

LAYERS = {
    "Linear": (lambda: nn.Linear(8, 2), (512, 8)),
    "Conv1d": (lambda: nn.Conv1d(2, 2, 3), (4, 2, 512)),
    "Conv2d": (lambda: nn.Conv2d(1, 2, 3), (1, 1, 64, 64)),
    "RNNCell": (lambda: nn.RNNCell(8, 2), (512, 8)),
    "LSTMCell": (lambda: nn.LSTMCell(8, 2), (512, 8)),
    "GRU": (lambda: nn.GRU(8, 2), (4, 128, 8)),
}


def said(f):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        f()
    return found


def trained(net, x):
    return said(lambda: nn.Sequential(net)(x) if not isinstance(net, nn.Sequential) else net(x))


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("dtype", [np.float64, np.int64])
def test_data_of_a_wider_dtype_is_noticed_at_the_users_line(layer, dtype):
    make, shape = LAYERS[layer]
    (warning,) = trained(make(), np.ones(shape, dtype))
    assert warning.filename == __file__
    text = str(warning.message)
    assert text.startswith(f"{layer}: a tensor {shape} holds {np.dtype(dtype)} beside parameters of float32")
    assert "give x.astype(np.float32), or convert the net, net.to(np.float64)" in text


@pytest.mark.parametrize("layer", LAYERS)
def test_what_it_proposes_ends_it(layer):
    make, shape = LAYERS[layer]
    x = np.ones(shape)
    assert not trained(make(), x.astype(np.float32))
    assert not trained(make().to(np.float64), x)


def test_what_costs_nothing_is_not_mentioned():
    make, shape = LAYERS["Linear"]
    x, net = np.ones(shape), make()
    assert not trained(net, np.ones(shape, np.uint8))  # which float32 holds
    assert not trained(net, x[:64])
    assert not trained(net, mt.tensor(x, requires_grad=True))  # no data
    with mt.no_grad():
        assert not trained(net, x)
    assert not trained(net.requires_grad_(False), x)


def test_it_is_said_once_by_the_first_layer_and_once_a_line():
    net, x = nn.Sequential(nn.Flatten(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8)), np.ones((512, 2, 4))
    assert len(said(lambda: net(x))) == 1
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("default")
        for _ in range(3):
            net(x)
    assert len(found) == 1
