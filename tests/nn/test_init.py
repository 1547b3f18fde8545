"""Initial values: their distributions, and the one door of randomness."""

import math

import numpy as np
import pytest
from module_cases import CASES

import micrograd_tensor as mt
from micrograd_tensor import nn
from micrograd_tensor.nn import init

SHAPE = (40, 30, 5, 3)  # fan in 450, fan out 600
RANDOM = {
    "uniform_": ({"a": -2.0, "b": 3.0}, 0.5, 5 / math.sqrt(12)),
    "normal_": ({"mean": 1.0, "std": 0.5}, 1.0, 0.5),
    "xavier_uniform_": ({"gain": 2.0}, 0.0, 2 * math.sqrt(2 / 1050)),
    "xavier_normal_": ({"gain": 2.0}, 0.0, 2 * math.sqrt(2 / 1050)),
    "kaiming_uniform_": ({"a": 0.5}, 0.0, math.sqrt(2 / 1.25 / 450)),
    "kaiming_normal_": ({"mode": "fan_out", "nonlinearity": "relu"}, 0.0, math.sqrt(2 / 600)),
}


def tensor(shape=SHAPE, dtype=np.float64):
    return mt.tensor(np.zeros(shape), dtype=dtype, requires_grad=True)


@pytest.mark.parametrize("name", sorted(RANDOM))
def test_mean_deviation_and_range(name):
    settings, mean, deviation = RANDOM[name]
    t = tensor()
    assert getattr(init, name)(t, **settings, generator=np.random.default_rng(0)) is t
    values = t.numpy()
    assert values.mean() == pytest.approx(mean, abs=5 * deviation / math.sqrt(values.size))
    assert values.std() == pytest.approx(deviation, rel=0.01)
    if "uniform" in name:
        bound = math.sqrt(3) * deviation
        assert np.abs(values - mean).max() == pytest.approx(bound, rel=1e-3)
        assert np.abs(values - mean).max() <= bound
    else:
        assert np.mean(np.abs(values - mean) < deviation) == pytest.approx(0.6827, abs=0.01)
    assert not values.flags.writeable


@pytest.mark.parametrize("name", sorted(RANDOM))
def test_seeds_repeat_and_generators_are_used(name):
    settings = RANDOM[name][0]

    def drawn(seed=None):
        generator = None if seed is None else np.random.default_rng(seed)
        return getattr(init, name)(tensor((4, 3)), **settings, generator=generator).numpy().tobytes()

    assert drawn(1) == drawn(1) != drawn(2)
    mt.manual_seed(5)
    first = drawn()
    assert drawn() != first
    mt.manual_seed(5)
    assert drawn() == first


def test_constants():
    for function, value in (
        (init.zeros_, 0),
        (init.ones_, 1),
        (lambda t: init.constant_(t, 2.5), 2.5),
    ):
        t = tensor((3, 2), np.float32)
        assert function(t) is t
        np.testing.assert_array_equal(t.numpy(), np.full((3, 2), value))
        assert t.dtype == np.float32


def test_the_results_of_ops_are_not_initialized():
    with pytest.raises(mt.GradientError, match="leaf"):
        init.zeros_(tensor((2,)) * 2)


def test_vectors_have_no_fans():
    for function in (init.xavier_uniform_, init.xavier_normal_, init.kaiming_uniform_, init.kaiming_normal_):
        with pytest.raises(mt.ShapeError, match=r"\(3,\) has no fan-in and fan-out"):
            function(tensor((3,)))
    with pytest.raises(ValueError, match="'fan_in' or 'fan_out'"):
        init.kaiming_normal_(tensor(), mode="fan")
    with pytest.raises(ValueError, match="one of linear"):
        init.calculate_gain("gelu")


@pytest.mark.torch
@pytest.mark.parametrize(
    ("nonlinearity", "param"),
    [(n, None) for n in ("linear", "conv1d", "conv2d", "conv3d", "sigmoid", "tanh", "relu", "leaky_relu", "selu")]
    + [("leaky_relu", 0.3), ("leaky_relu", 0)],
)
def test_gains_are_pytorchs(nonlinearity, param):
    torch = pytest.importorskip("torch")
    assert init.calculate_gain(nonlinearity, param) == pytest.approx(torch.nn.init.calculate_gain(nonlinearity, param))


@pytest.mark.torch
@pytest.mark.parametrize("name", [n for n in sorted(RANDOM) if "xavier" in n or "kaiming" in n])
@pytest.mark.parametrize("shape", [(300, 200), (30, 20, 9), (20, 30, 5, 2)])
@pytest.mark.parametrize("settings", [{}, {"mode": "fan_out"}, {"a": 2.0}, {"gain": 0.3}], ids=str)
def test_deviations_are_pytorchs(name, shape, settings):
    torch = pytest.importorskip("torch")
    if ("gain" in settings) != ("xavier" in name) and settings:
        pytest.skip("a setting of the others")
    torch.manual_seed(0)
    theirs = getattr(torch.nn.init, name)(torch.empty(shape, dtype=torch.float64), **settings).numpy()
    ours = getattr(init, name)(tensor(shape), **settings, generator=np.random.default_rng(0)).numpy()
    assert ours.std() == pytest.approx(theirs.std(), rel=0.05)
    assert np.quantile(ours, 0.9) == pytest.approx(np.quantile(theirs, 0.9), rel=0.05)
    if "uniform" in name:
        assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=2e-3)


LAYERS = {
    "Linear": lambda nn: nn.Linear(200, 100),
    "Conv1d": lambda nn: nn.Conv1d(40, 50, 5, groups=2),
    "Conv2d": lambda nn: nn.Conv2d(20, 50, (3, 2)),
    "Embedding": lambda nn: nn.Embedding(200, 60, padding_idx=3),
    "RNNCell": lambda nn: nn.RNNCell(80, 90),
    "LSTMCell": lambda nn: nn.LSTMCell(80, 50),
    "GRUCell": lambda nn: nn.GRUCell(80, 50),
    "MultiheadAttention": lambda nn: nn.MultiheadAttention(60, 4),
    "MultiheadAttention, other features": lambda nn: nn.MultiheadAttention(60, 4, kdim=50, vdim=70),
    "RNN": lambda nn: nn.RNN(20, 60, 2),
    "LSTM": lambda nn: nn.LSTM(20, 40, 2, bidirectional=True),
    "GRU": lambda nn: nn.GRU(20, 50, bias=False),
    "BatchNorm2d": lambda nn: nn.BatchNorm2d(5),
    "InstanceNorm1d": lambda nn: nn.InstanceNorm1d(5, affine=True, track_running_stats=True),
    "LayerNorm": lambda nn: nn.LayerNorm((3, 4)),
    "GroupNorm": lambda nn: nn.GroupNorm(2, 4),
    "RMSNorm": lambda nn: nn.RMSNorm(5),
}


@pytest.mark.torch
@pytest.mark.parametrize("name", sorted(LAYERS))
def test_layers_start_from_pytorchs_distributions(name):
    """Bound or deviation of every parameter; constants exactly. The same numbers cannot be had: generators differ."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    mt.manual_seed(0)
    ours, theirs = (LAYERS[name](n) for n in (nn, torch.nn))
    expected = {k: v.numpy() for k, v in theirs.state_dict().items()}
    for key, value in ours.state_dict().items():
        found, other = value.numpy(), expected[key]
        assert found.dtype == other.dtype
        if other.std() == 0:
            np.testing.assert_array_equal(found, other)
        else:
            n = found.size
            assert found.std() == pytest.approx(other.std(), rel=4 / math.sqrt(n))
            assert abs(found.mean() - other.mean()) < 6 * other.std() / math.sqrt(n)
            assert np.abs(found).max() == pytest.approx(np.abs(other).max(), rel=0.3 if name == "Embedding" else 0.1)


def test_every_layer_with_random_values_is_compared():
    drawn = set()
    for case in CASES:
        for m in case.make(nn).modules():
            if any(p.numpy().std() > 0 for p in m.parameters(recurse=False)):
                drawn.add(type(m).__name__)
    assert drawn <= set(LAYERS)


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_a_seed_makes_the_same_layer_again(name):
    def made():
        mt.manual_seed(3)
        return b"".join(v.numpy().tobytes() for v in LAYERS[name](nn).state_dict().values())

    assert made() == made()


def test_a_generator_of_ones_own_leaves_the_default_alone():
    mt.manual_seed(0)
    expected = mt.manual_seed(0).bit_generator.state
    rng = np.random.default_rng(1)
    nn.Linear(3, 3, generator=rng)
    nn.Dropout(0.5, generator=rng)(np.ones(3))
    nn.LSTMCell(2, 2, generator=rng)
    nn.MultiheadAttention(4, 2, dropout=0.5, generator=rng)(*[np.ones((2, 4))] * 3)
    nn.Conv2d(1, 1, 2, generator=rng)
    nn.Embedding(2, 2, generator=rng)
    from micrograd_tensor.engine.randomness import generator_or_default

    assert generator_or_default().bit_generator.state == expected
