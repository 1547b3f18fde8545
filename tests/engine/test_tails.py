"""Values and derivatives where a formula alone would cancel, against closed forms that do not.

A derivative of order 2 goes through the recorded rules of order 1, so it shows what these lose.
"""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest

import micrograd_tensor as mt


def exactly(function):
    """A closed form in ``decimal``, with fifty digits and rounded at the end."""

    def rounded(x):
        with localcontext() as context:
            context.prec = 60
            return float(function(Decimal(x)))

    return rounded


def sigma(x):
    return 1 / (1 + (-x).exp())


def slope(x):
    return sigma(x) * sigma(-x)


def bell(x):
    return (-x * x / 2).exp() / Decimal(2 * math.pi).sqrt()


FAR = (-40.0, -25.0, -20.0, -10.0, -3.0, -0.5, 0.0, 0.5, 3.0, 10.0, 15.0, 20.0, 25.0, 37.0, 40.0)
# name: the function, its first and its second derivative, where
TAILS = {
    "tanh": (mt.tanh, lambda x: 4 * slope(2 * x), lambda x: 8 * slope(2 * x) * (sigma(-2 * x) - sigma(2 * x)), FAR),
    "sigmoid": (mt.sigmoid, slope, lambda x: slope(x) * (sigma(-x) - sigma(x)), FAR),
    "expm1": (mt.expm1, lambda x: x.exp(), lambda x: x.exp(), (-700.0, -40.0, -20.0, 0.0, 1.0)),
    "silu": (
        mt.silu,
        lambda x: sigma(x) + x * slope(x),
        lambda x: slope(x) * (2 + x * (sigma(-x) - sigma(x))),
        (-40.0, -25.0, -3.0, 0.0, 3.0, 25.0, 37.0, 40.0),
    ),
    "softplus": (mt.softplus, sigma, slope, FAR),
    "logsigmoid": (mt.logsigmoid, lambda x: sigma(-x), lambda x: -slope(x), FAR),
    "gelu": (
        mt.gelu,
        lambda x: Decimal(math.erfc(-float(x) / math.sqrt(2))) / 2 + x * bell(x),
        lambda x: bell(x) * (2 - x * x),
        (-10.0, -8.5, -6.0, -3.0, 0.0, 1.0, 6.0),
    ),
    "erfc": (
        mt.erfc,
        lambda x: -2 * (-x * x).exp() / Decimal(math.pi).sqrt(),
        lambda x: 4 * x * (-x * x).exp() / Decimal(math.pi).sqrt(),
        (-3.0, 0.0, 3.0, 10.0, 20.0),
    ),
    "logaddexp with 0": (lambda x: mt.logaddexp(x, 0.0), sigma, slope, FAR),
}


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-5)])
@pytest.mark.parametrize("name", TAILS)
def test_derivatives_keep_their_digits_far_out(name, dtype, tolerance):
    function, first, second, points = TAILS[name]
    tiny = float(np.finfo(dtype).tiny)
    x = mt.tensor(np.array(points, dtype), requires_grad=True)
    (slopes,) = mt.grad(function(x).sum(), x, create_graph=True)
    (curvatures,) = mt.grad(slopes.sum(), x)
    for got, due in ((slopes, exactly(first)), (curvatures, exactly(second))):
        expected = [due(p) for p in x.numpy().tolist()]
        np.testing.assert_allclose(got.numpy(), expected, rtol=tolerance, atol=tiny)


@pytest.mark.parametrize(
    ("dtype", "points", "tolerance"),
    [("float64", (-10.0, -8.5, -6.0, 1.0), 1e-12), ("float32", (-6.5, -5.5, -5.0, -3.0, 2.0), 1e-5)],
)
def test_exact_gelu_of_negative_numbers(dtype, points, tolerance):
    got = mt.gelu(mt.tensor(np.array(points, dtype))).numpy()
    np.testing.assert_allclose(got, [p / 2 * math.erfc(-p / math.sqrt(2)) for p in points], rtol=tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-5)])
@pytest.mark.parametrize("p", [-40.0, -20.0, -15.0, -3.0, 0.0, 5.0, 15.0, 20.0, 40.0])
@pytest.mark.parametrize("truth", [0.0, 1.0, 0.25])
@pytest.mark.parametrize("weight", [1.0, 3.0])
def test_binary_cross_entropy_with_logits_of_either_truth(p, truth, weight, dtype, tolerance):
    """``w·z·ln(1 + e⁻ˣ) + (1 − z)·ln(1 + eˣ)``; its slope is ``−w·z·σ(−x) + (1 − z)·σ(x)``."""
    x = mt.tensor(np.array([p], dtype), requires_grad=True)
    z = mt.tensor(np.array([truth], dtype))
    loss = mt.binary_cross_entropy_with_logits(x, z, pos_weight=np.array(weight, dtype))
    (first,) = mt.grad(loss, x, create_graph=True)
    (second,) = mt.grad(first.sum(), x)
    a, b = Decimal(weight * truth), Decimal(1 - truth)
    due = (
        exactly(lambda x: a * (1 + (-x).exp()).ln() + b * (1 + x.exp()).ln()),
        exactly(lambda x: b * sigma(x) - a * sigma(-x)),
        exactly(lambda x: (a + b) * slope(x)),
    )
    for got, expected in zip((loss, first, second), due, strict=True):
        np.testing.assert_allclose(got.numpy().ravel(), [expected(p)], rtol=tolerance)


@pytest.mark.parametrize("x", [-1000.0, 1000.0, -np.inf, np.inf])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_saturated_activations_are_flat_or_straight_and_never_overflow(x, dtype):
    right = x > 0
    slopes = {mt.tanh: 0, mt.sigmoid: 0, mt.softplus: right, mt.logsigmoid: not right}
    for function, slope_there in slopes.items():
        leaf = mt.tensor(np.array(x, dtype), requires_grad=True)
        (first,) = mt.grad(function(leaf), leaf, create_graph=True)
        assert first.item() == slope_there, function.__name__
        assert mt.grad(first, leaf)[0].item() == 0, function.__name__


def test_softplus_in_float16():
    assert mt.softplus(mt.tensor(np.array([12.6], np.float16))).item() == pytest.approx(12.6, abs=5e-3)
    assert mt.softplus(mt.tensor([25.0]), threshold=20.0).item() == 25.0


@pytest.mark.parametrize("distance", [40_000.0, -40_000.0, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_smooth_l1_loss_of_far_off_numbers_has_the_slope_of_the_straight_branch(distance, dtype):
    x = mt.tensor(np.array([distance, 0.5], dtype), requires_grad=True)
    mt.smooth_l1_loss(x, np.zeros(2, dtype), reduction="sum").backward()
    assert x.grad.tolist() == [np.sign(distance), 0.5]


# ------------------------------------------------------------------------------------------- powers and choices at NaN


@pytest.mark.parametrize("base", [np.nan, 0.0, 5e-324, np.inf, -np.inf, -2.0])
@pytest.mark.parametrize("exponent", [0, 0.0, np.array([0.0])])
def test_the_power_0_is_flat_everywhere(base, exponent):
    x = mt.tensor([base], requires_grad=True)
    assert mt.grad(mt.pow(x, exponent).sum(), x)[0].tolist() == [0.0]


@pytest.mark.parametrize(("exponent", "slope_there"), [(2.0, 0.0), (0.0, 0.0), (-1.0, -np.inf)])
def test_powers_of_0_to_a_tensor(exponent, slope_there):
    b = mt.tensor([exponent], requires_grad=True)
    with np.errstate(divide="ignore"):
        assert mt.grad(mt.pow(0.0, b).sum(), b)[0].tolist() == [slope_there]


def test_a_gradient_passes_through_relu_and_maximum_at_nan():
    for function in (mt.relu, lambda x: mt.maximum(x, 0.0), lambda x: mt.minimum(x, 0.0), lambda x: mt.maximum(0.0, x)):
        x = mt.tensor([np.nan, 1.0], requires_grad=True)
        y = function(x)
        assert np.isnan(y.numpy()[0])
        (dx,) = mt.grad(y.sum(), x)
        assert dx.tolist()[0] == 1.0
