"""Input that does not fit: the error quotes what was written, with both numbers, and names a way out."""

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor import nn
from micrograd_tensor.engine.table.windows import add_windows, windows


def x(*shape):
    return mt.tensor(np.ones(shape), name="x")


def integers(*values):
    return mt.tensor(np.array(values), name="y")


BAD = [
    # linear
    (lambda: nn.Linear(3, 2)(x(5, 4)), mt.ShapeError, ["x (5, 4)", "4 features", "weight (2, 3)", "takes 3"]),
    (lambda: nn.Linear(6, 2)(x(5, 2, 3)), mt.ShapeError, ["x (5, 2, 3)", "nn.Flatten()"]),
    (lambda: nn.Linear(5, 2)(x(5, 4)), mt.ShapeError, ["x.T"]),
    (lambda: nn.Linear(5, 2)(1.0), mt.ShapeError, ["no axis of features"]),
    (lambda: nn.Flatten(1, 3)(x(2, 3)), mt.ShapeError, ["x (2, 3)", "axis 3 is out of range"]),
    (lambda: nn.Flatten(1, 0)(x(2, 3)), mt.ShapeError, ["1 to 0"]),
    (lambda: nn.Embedding(3, 2)([0, 3]), mt.ShapeError, ["index 3", "weight (3, 2)", "0…2"]),
    (lambda: nn.Embedding(3, 2)([0, -1]), mt.ShapeError, ["index -1"]),
    (lambda: nn.Embedding(3, 2, padding_idx=3), mt.ShapeError, ["padding_idx=3", "there are 3"]),
    (lambda: mt.repeat(x(3), 1.5), mt.ShapeError, ["repeats=1.5", "whole number"]),
    (lambda: mt.tile(x(3), 1.5), mt.ShapeError, ["reps=(1.5,)", "whole numbers"]),
    (lambda: mt.roll(x(3), 1.5), mt.ShapeError, ["shift=1.5", "whole number"]),
    (lambda: nn.Embedding(3, 2)([0.5]), mt.DTypeError, ["float64", "astype(int)"]),
    # recurrence
    (
        lambda: nn.LSTMCell(4, 3)(x(3, 2, 4)),
        mt.ShapeError,
        ["x (3, 2, 4) is not one step", "(N, 4) or (4,)", "LSTM"],
    ),
    (lambda: nn.GRUCell(4, 3)(x(3, 2, 4)), mt.ShapeError, ["nn.GRU for all"]),
    (lambda: nn.RNNCell(4, 3)(x(3, 2, 4)), mt.ShapeError, ["nn.RNN for all"]),
    (lambda: nn.RNNCell(4, 3)(1.0), mt.ShapeError, ["is not one step"]),
    (lambda: nn.LSTMCell(4, 3)(x(2, 4), x(2, 3)), mt.ShapeError, ["the state is x (2, 3); give a pair, (h, c)"]),
    (lambda: nn.LSTMCell(4, 3)(x(2, 4), [x(2, 3)]), mt.ShapeError, ["give a pair, (h, c)"]),
    (lambda: nn.LSTMCell(4, 3)(x(2, 4), (x(2, 3), x(3, 3))), mt.ShapeError, ["x (3, 3)", "must be (2, 3)"]),
    (lambda: nn.LSTM(4, 3)(x(5, 2, 4), x(1, 2, 3)), mt.ShapeError, ["LSTM: the state is x", "(h, c)"]),
    (lambda: nn.GRU(4, 3)(x(5, 2, 4), x(2, 2, 3)), mt.ShapeError, ["x (2, 2, 3)", "must be (1, 2, 3)"]),
    (lambda: nn.GRU(4, 3)(x(5, 2, 3)), mt.ShapeError, ["x (5, 2, 3) is no sequence", "(L, N, 4) or (L, 4)"]),
    (lambda: nn.GRU(4, 3, batch_first=True)(x(5, 3)), mt.ShapeError, ["(N, L, 4) or (L, 4)"]),
    (lambda: nn.GRU(4, 3)(x(0, 2, 4)), mt.ShapeError, ["is no sequence"]),
    (lambda: nn.RNN(4, 3, num_layers=0), mt.ShapeError, ["num_layers=0"]),
    (lambda: nn.GRU(4, 3, dropout=2.0), ValueError, ["GRU: dropout=2.0 is not a probability"]),
    (lambda: mt.rand(2, generator=3), TypeError, ["generator=3", "np.random.default_rng(0)"]),
    (lambda: nn.RNN(4, 3, nonlinearity="elu"), ValueError, ["RNN: nonlinearity='elu'"]),
    # what is no layer
    (lambda: nn.Sequential([nn.ReLU()]), TypeError, ["is not a Module but list", "Sequential(*layers)"]),
    (lambda: nn.Sequential(nn.ReLU), TypeError, ["is not a Module but type; make one: ReLU(…)"]),
    (lambda: nn.Sequential(mt.relu), TypeError, ["write a small Module around the function"]),
    (lambda: nn.ModuleDict({"a": 3}), TypeError, ["ModuleDict: 3 is not a Module but int"]),
    (lambda: nn.ModuleDict({"train": nn.ReLU()}), KeyError, ["'train' is the name of an attribute"]),
    (lambda: nn.ModuleDict()["a"], KeyError, ["a"]),
    # PyTorch's habits
    (
        lambda: nn.Linear(2, 3).cuda(),
        AttributeError,
        ["'Linear' object has no attribute 'cuda'", "on the CPU"],
    ),
    (lambda: nn.Linear(2, 3).to("cuda"), mt.DTypeError, ["to('cuda')", "on the CPU"]),
    (lambda: nn.Linear(2, 3).to(int), mt.DTypeError, ["Linear.to(int64): parameters are floating-point"]),
    (lambda: nn.Linear(2, 3, device="cpu"), TypeError, ["Linear.__init__() has no setting 'device'", "on the CPU"]),
    (lambda: nn.MSELoss(size_average=False), TypeError, ["nn.MSELoss(reduction='sum')(x, y) here"]),
    (lambda: nn.LazyLinear(3), AttributeError, ["nn.Linear(4, 10) here"]),
    (lambda: nn.functional.one_hot([1], 3), AttributeError, ["mt.eye(3)[labels] here"]),
    (lambda: nn.functional.pad(x(2, 3), (1, 2)), AttributeError, ["mt.pad(x, ((0, 0), (1, 2))) here"]),
    # activations and losses
    (lambda: nn.PReLU(2)(x(3, 4)), mt.ShapeError, ["prelu: weight (2,) beside x (3, 4); give one weight, or 4"]),
    (lambda: nn.Dropout2d()(x(3, 4)), mt.ShapeError, ["Dropout2d: x (3, 4) has 2 axes, not 3 or 4"]),
    (lambda: nn.HuberLoss(delta=0)(x(2), x(2)), ValueError, ["delta=0 must be positive"]),
    (lambda: nn.BCELoss()([0.5, 1.5], [1.0, 1.0]), ValueError, ["outside 0…1", "apply sigmoid first"]),
    # classes
    (
        lambda: mt.cross_entropy(x(5, 3) - 1, np.full(5, 3)),
        mt.ShapeError,
        ["class 3 is among", "(5, 3)", "0…2"],
    ),
    (
        lambda: mt.cross_entropy(x(5, 3), np.ones(5)),
        mt.ShapeError,
        ["float64", "probabilities", "astype(int)"],
    ),
    (
        lambda: mt.cross_entropy(x(5, 3), np.ones((5, 3), int)),
        mt.ShapeError,
        ["argmax(axis=1)", "astype(float)"],
    ),
    (lambda: mt.nll_loss(x(5, 3), np.ones((5, 1), int)), mt.ShapeError, ["one target each makes (5,): reshape((5,))"]),
    *[
        (
            lambda loss=loss, w=w, target=target: loss(x(2, 3), target, weight=w),
            mt.ShapeError,
            ["not one for each of 3 classes, (3,)"],
        )
        for loss, target in ((mt.cross_entropy, [0, 1]), (mt.nll_loss, [0, 1]), (mt.cross_entropy, np.ones((2, 3)) / 3))
        for w in ([1.0, 2.0], [1.0, 2.0, 3.0, 4.0], [[1.0, 2.0, 3.0]], 2.0)
    ],
    (lambda: mt.mse_loss(x(3, 1), x(3)), mt.ShapeError, ["Did you mean reshape((3, 1))?"]),
    # names
    (lambda: x(2).named(""), ValueError, ["a name is some text, or None", "not ''"]),
    (lambda: mt.tensor([1.0], name=""), ValueError, ["a name is some text"]),
    (lambda: mt.scope(""), ValueError, ["scope(''): a scope's name is a string that is not empty"]),
    # the last batch
    (lambda: [nn.BatchNorm1d(3)(b) for b in mt.data.DataLoader(x(21, 3), 10)], mt.ShapeError, ["drop_last=True"]),
    (lambda: mt.batch_norm(x(1, 3), x(3), x(3)), mt.ShapeError, ["drop_last=True"]),
    # convolutions and poolings
    (lambda: nn.Conv2d(3, 4, 2)(x(1, 2, 5, 5)), mt.ShapeError, ["x (1, 2, 5, 5)", "2 channels", "takes 3"]),
    (lambda: nn.Conv2d(3, 4, 2)(x(5, 5)), mt.ShapeError, ["x (5, 5) has 2 axes", "(N, C, H, W)"]),
    (lambda: nn.Conv1d(3, 4, 2)(x(1, 3, 5, 5)), mt.ShapeError, ["has 4 axes", "(N, C, L)"]),
    (lambda: nn.Conv2d(3, 4, 6)(x(1, 3, 5, 5)), mt.ShapeError, ["(6, 6)", "(5, 5)", "pad it"]),
    (lambda: nn.Conv2d(3, 4, 2, groups=2), mt.ShapeError, ["3 channels in", "4 out", "groups=2"]),
    (lambda: nn.Conv2d(2, 3, 2, groups=2), mt.ShapeError, ["2 channels in", "3 out", "groups=2"]),
    (lambda: mt.conv2d(x(1, 3, 5, 5), x(2, 3, 2)), mt.ShapeError, ["has 3 axes", "a weight has 4"]),
    (lambda: mt.conv1d(x(1, 3, 5), x(4, 1, 2), groups=2), mt.ShapeError, ["3 channels in", "groups=2"]),
    (lambda: nn.Conv2d(1, 1, 2, stride=2, padding="same"), ValueError, ["padding='same'", "stride=2"]),
    (lambda: mt.conv1d(x(1, 1, 5), x(1, 1, 2), padding="full"), ValueError, ["'full'", "'same', 'valid'"]),
    (lambda: nn.Conv2d(1, 1, (2, 2, 2)), ValueError, ["kernel_size=(2, 2, 2)", "or 2, one for each"]),
    (lambda: nn.Conv2d(1, 1, 2.5), ValueError, ["kernel_size=2.5"]),
    (lambda: nn.MaxPool2d(2)(x(5, 5)), mt.ShapeError, ["x (5, 5)", "(N, C, H, W)"]),
    (lambda: nn.MaxPool2d(6)(x(1, 5, 5)), mt.ShapeError, ["(6, 6)", "(5, 5)"]),
    (lambda: nn.MaxPool2d(2, padding=2)(x(1, 5, 5)), ValueError, ["padding=2", "kernel_size=2"]),
    (lambda: nn.AvgPool2d(2)(x(5)), mt.ShapeError, ["x (5,)"]),
    (lambda: nn.AdaptiveAvgPool2d(2)(x(5, 5)), mt.ShapeError, ["x (5, 5)"]),
    # normalizations
    (lambda: nn.BatchNorm1d(3)(x(5, 4)), mt.ShapeError, ["x (5, 4)", "4 channels", "not 3", "num_features=4"]),
    (lambda: nn.BatchNorm1d(3)(x(5)), mt.ShapeError, ["has 1 axes", "(N, C) or (N, C, L)"]),
    (lambda: nn.BatchNorm1d(3)(x(5, 3, 2, 2)), mt.ShapeError, ["has 4 axes"]),
    (lambda: nn.BatchNorm2d(3)(x(5, 3)), mt.ShapeError, ["has 2 axes", "(N, C, H, W)"]),
    (lambda: nn.BatchNorm3d(3)(x(5, 3, 2, 2)), mt.ShapeError, ["(N, C, D, H, W)"]),
    (lambda: nn.BatchNorm1d(3)(x(1, 3)), mt.ShapeError, ["x (1, 3)", "1 value(s)", "eval()"]),
    (lambda: nn.BatchNorm1d(3)(x(0, 3)), mt.ShapeError, ["0 value(s)"]),
    (lambda: nn.InstanceNorm1d(3)(x(4, 3, 1)), mt.ShapeError, ["1 value(s)"]),
    (lambda: nn.InstanceNorm2d(3)(x(4, 3, 2)), mt.ShapeError, ["has 3 axes"]),
    (lambda: mt.instance_norm(x(4, 3)), mt.ShapeError, ["x (4, 3)", "two pixels"]),
    (lambda: nn.LayerNorm(4)(x(5, 3)), mt.ShapeError, ["x (5, 3)", "(4,)"]),
    (lambda: nn.LayerNorm((5, 3))(x(3)), mt.ShapeError, ["(5, 3)"]),
    (lambda: nn.RMSNorm(4)(x(5, 3)), mt.ShapeError, ["x (5, 3)", "(4,)"]),
    (lambda: nn.BatchNorm1d(3, eps=0), ValueError, ["BatchNorm1d", "eps=0", "above 0"]),
    (lambda: mt.batch_norm(x(5, 3), 1.0, 0.0, eps=-0.1), ValueError, ["eps=-0.1", "not be negative"]),
    (lambda: mt.batch_norm(x(5, 3), 1.0, 0.0, eps=float("nan")), ValueError, ["eps=nan"]),
    (lambda: nn.InstanceNorm2d(3, eps=-1e-5), ValueError, ["InstanceNorm2d", "eps=-1e-05"]),
    (lambda: mt.layer_norm(x(5, 3), 3, eps=-1e-5), ValueError, ["eps=-1e-05", "not be negative"]),
    (lambda: mt.rms_norm(x(5, 3), 3, eps=-1.0), ValueError, ["eps=-1.0"]),
    (lambda: nn.GroupNorm(2, 3), mt.ShapeError, ["3 channels", "2 groups"]),
    (lambda: nn.GroupNorm(2, 4)(x(2, 6)), mt.ShapeError, ["x (2, 6)", "4 channels"]),
    (lambda: mt.group_norm(x(2, 6), 4), mt.ShapeError, ["6 channels", "4 groups"]),
    (lambda: mt.group_norm(x(6), 2), mt.ShapeError, ["no axis of channels"]),
    # recurrence and attention
    (lambda: nn.RNNCell(3, 2)(x(5, 4)), mt.ShapeError, ["x (5, 4)", "weight_ih (2, 3)"]),
    (lambda: nn.LSTMCell(3, 2)(x(5, 3), (x(4, 2), x(5, 2))), mt.ShapeError, ["x (4, 2)", "must be (5, 2)"]),
    (lambda: nn.GRUCell(3, 2)(x(3), x(1, 2)), mt.ShapeError, ["must be (2,)"]),
    (lambda: nn.RNNCell(3, 2, nonlinearity="gelu"), ValueError, ["'gelu'", "'tanh' or 'relu'"]),
    (lambda: nn.MultiheadAttention(5, 2), mt.ShapeError, ["embed_dim=5", "num_heads=2"]),
    (
        lambda: nn.MultiheadAttention(4, 2)(x(3, 5), x(3, 4), x(3, 4)),
        mt.ShapeError,
        ["the query is x (3, 5)", "(L, 4)"],
    ),
    (lambda: nn.MultiheadAttention(4, 2)(x(3, 4), x(3, 1, 4), x(3, 4)), mt.ShapeError, ["the key is x (3, 1, 4)"]),
    (
        lambda: nn.MultiheadAttention(4, 2)(*[x(3, 4)] * 3, attn_mask=np.ones((2, 3))),
        mt.ShapeError,
        ["attn_mask", "(2, 3)", "(3, 3)"],
    ),
    (
        lambda: nn.MultiheadAttention(4, 2)(*[x(3, 2, 4)] * 3, key_padding_mask=np.ones((3, 2), bool)),
        mt.ShapeError,
        ["key_padding_mask", "(3, 2)", "(2, 3)"],
    ),
    (lambda: mt.scaled_dot_product_attention(x(3, 4), x(3, 5), x(3, 5)), mt.ShapeError, ["x (3, 4)", "x (3, 5)"]),
    (
        lambda: mt.scaled_dot_product_attention(*[x(3, 4)] * 3, attn_mask=x(3, 3), is_causal=True),
        ValueError,
        ["attn_mask and is_causal"],
    ),
    # losses
    (lambda: nn.MSELoss()(x(5, 1), x(5)), mt.ShapeError, ["x (5, 1)", "x (5,)", "reshape"]),
    (lambda: nn.L1Loss()(x(5, 2), x(5)), mt.ShapeError, ["different shapes"]),
    (lambda: nn.BCEWithLogitsLoss()(x(5), x(1)), mt.ShapeError, ["different shapes"]),
    (lambda: nn.SmoothL1Loss(beta=-1.0)(x(5), x(5)), ValueError, ["beta=-1.0"]),
    (lambda: nn.MSELoss(reduction="average"), ValueError, ["'average'", "'mean', 'sum' or 'none'"]),
    (lambda: mt.mse_loss(x(2), x(2), "average"), ValueError, ["'average'"]),
    (lambda: nn.CrossEntropyLoss()(x(2, 3), integers(0, 3)), mt.ShapeError, ["class 3", "0…2"]),
    (lambda: nn.CrossEntropyLoss()(x(2, 3), integers(0, -1)), mt.ShapeError, ["class -1"]),
    (lambda: nn.CrossEntropyLoss()(x(2, 3), integers(0, 1, 2)), mt.ShapeError, ["y (3,)", "(2, 3)", "(2,)"]),
    (lambda: nn.CrossEntropyLoss()(x(2, 3), x(2)), mt.ShapeError, ["x (2,)", "(2, 3)", "astype(int)"]),
    (lambda: nn.NLLLoss()(x(2, 3), x(2)), mt.DTypeError, ["float64", "astype(int)"]),
    (lambda: nn.NLLLoss()(x(), integers(0)), mt.ShapeError, ["no axis of classes"]),
    (lambda: nn.CrossEntropyLoss()(x(), integers(0)), mt.ShapeError, ["no axis of classes"]),
    (lambda: nn.CrossEntropyLoss(ignore_index=1)(x(2, 3), integers(1, 1)), ValueError, ["every target", "skip"]),
    (lambda: nn.CrossEntropyLoss(ignore_index=1)(x(2, 3), x(2, 3)), ValueError, ["ignore_index=1", "probabilities"]),
    (lambda: nn.CrossEntropyLoss(label_smoothing=1.5)(x(2, 3), integers(1, 1)), ValueError, ["1.5", "0…1"]),
    # activations
    (lambda: nn.Dropout(1.5), ValueError, ["p=1.5", "0…1"]),
    (lambda: mt.dropout(x(3), -0.1), ValueError, ["p=-0.1"]),
    (lambda: nn.GELU("fast")(x(3)), ValueError, ["'fast'", "'none' or 'tanh'"]),
    (lambda: nn.Softmax(dim=2)(x(3, 3)), mt.ShapeError, ["axis 2"]),
    (lambda: mt.erf(mt.tensor([1j])), mt.DTypeError, ["erf"]),
    (lambda: nn.MSELoss("mean", 3), TypeError, ["MSELoss.__init__()"]),  # not the name of a base class
    (lambda: nn.L1Loss(bogus=1), TypeError, ["L1Loss.__init__()", "'bogus'"]),
    # windows
    (
        lambda: windows(x(3), size=(4,), stride=(1,), dilation=(1,)),
        mt.ShapeError,
        ["windows", "x (3,)", "(4,)"],
    ),
    (
        lambda: add_windows(x(2, 3), shape=(9,), stride=(1,), dilation=(1,)),
        mt.ShapeError,
        ["add_windows", "(8,)", "(3,)"],
    ),
]


@pytest.mark.parametrize(("call", "error", "said"), BAD)
def test_the_error_quotes_and_helps(call, error, said):
    with pytest.raises(error) as caught:
        call()
    for text in said:
        assert text in str(caught.value), str(caught.value)


def test_backward_without_a_graph():
    net = nn.Sequential(nn.Linear(2, 2), nn.Tanh()).requires_grad_(False)
    with pytest.raises(mt.GradientError, match="no graph"):
        net(x(1, 2)).sum().backward()
