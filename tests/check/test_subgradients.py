"""At kinks and ties compare takes every subgradient for right, whatever the convention, and nothing else."""

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.graph.status import Status

RNG = np.random.default_rng(0)
Z, D = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3))
Z[1], Z[2, 1] = 0.0, 0.0
MIXED = np.where(Z == 0, RNG.uniform(size=Z.shape), Z > 0)

ELEMENTWISE = {
    "maximum(0, z)": (lambda z: np.maximum(0, z), {">": Z > 0, ">=": Z >= 0, "mixed": MIXED}),
    "maximum(z, 0)": (lambda z: np.maximum(z, 0), {">": Z > 0, ">=": Z >= 0, "mixed": MIXED}),
    "minimum(0, z)": (lambda z: np.minimum(0, z), {"<": Z < 0, "<=": Z <= 0}),
    "relu": (mt.relu, {">": Z > 0, ">=": Z >= 0, "mixed": MIXED}),
    "where >": (lambda z: mt.where(z > 0, z, 0.0), {">": Z > 0, ">=": Z >= 0}),
    "where >=": (lambda z: mt.where(z >= 0, z, 0.0), {">": Z > 0, ">=": Z >= 0}),
    "where <": (lambda z: mt.where(z < 0, 0.0, z), {">": Z > 0, ">=": Z >= 0}),
    "times a mask": (lambda z: z * (z > 0), {">": Z > 0, ">=": Z >= 0}),
    "leaky": (lambda z: np.maximum(0.1 * z, z), {">": np.where(Z > 0, 1, 0.1), ">=": np.where(Z >= 0, 1, 0.1)}),
    "leaky where": (lambda z: mt.where(z > 0, z, 0.1 * z), {">=": np.where(Z >= 0, 1, 0.1)}),
    "abs": (abs, {"sign": np.sign(Z), "1": np.where(Z >= 0, 1, -1), "-1": np.where(Z > 0, 1, -1)}),
    "clip": (lambda z: mt.clip(z, 0, 9), {"strict": Z > 0, "with the bound": Z >= 0}),
}
ROWS = [(name, way) for name, (_, ways) in ELEMENTWISE.items() for way in ways]


def judged(function, slope, z=Z):
    tensor = mt.tensor(z, name="z", requires_grad=True)
    return mt.compare(function(tensor).named("h"), D, {"dz": D * slope})


@pytest.mark.parametrize(("name", "way"), ROWS)
def test_every_convention_at_a_kink_is_right(name, way):
    function, ways = ELEMENTWISE[name]
    report = judged(function, ways[way])
    assert report.ok, report
    assert report.stages["z"].status == Status.RIGHT
    assert ("another convention" in report.stages["z"].note) == (report.stages["z"].error > 1e-9)


@pytest.mark.parametrize(("name", "way"), ROWS)
def test_a_mistake_at_a_kink_is_wrong_all_the_same(name, way):
    function, ways = ELEMENTWISE[name]
    slope = np.asarray(ways[way], float)
    beyond = np.where(Z == 0, 2.5, slope)  # no mixture of the sides
    elsewhere = np.where((Z != 0) & (np.arange(3) == 0), slope + 1.0, slope)
    for mistaken in (beyond, elsewhere, 2 * slope + 1, -slope - 1):
        assert judged(function, mistaken).wrong == ["z"]


def test_away_from_kinks_there_is_one_slope():
    shifted = np.where(Z == 0, 0.5, Z)
    for function, ways in ELEMENTWISE.values():
        assert all(judged(function, np.asarray(slope) + 0.3, shifted).wrong == ["z"] for slope in ways.values())


TIED = np.array([[1.0, 2, 2, 0], [3, 3, 3, 1], [0, 0, 0, 0], [1, 2, 3, 4]])
EQUAL = TIED.max(axis=1, keepdims=True) == TIED
PARTS = EQUAL * RNG.uniform(0.1, 1.0, size=TIED.shape)
SHARES = {
    "first": np.arange(4) == TIED.argmax(axis=1)[:, None],
    "last": np.arange(4) == 3 - TIED[:, ::-1].argmax(axis=1)[:, None],
    "even": EQUAL / EQUAL.sum(axis=1, keepdims=True),
    "mixed": PARTS / PARTS.sum(axis=1, keepdims=True),
}
LARGEST = {
    "max": (1, lambda t: t.max(axis=1)),
    "min": (-1, lambda t: t.min(axis=1)),
    "through reshape": (1, lambda t: t.reshape(2, 2, 4).max(axis=2).reshape(4)),
    "through transpose": (-1, lambda t: t.T.min(axis=0)),
}


@pytest.mark.parametrize("name", LARGEST)
@pytest.mark.parametrize("share", SHARES)
def test_the_gradient_of_the_largest_may_go_to_any_of_equals(share, name):
    sign, function = LARGEST[name]
    x = mt.tensor(sign * TIED, name="x", requires_grad=True)
    upstream = D[:, 0]
    hand = {"dx": SHARES[share] * upstream[:, None]}
    assert mt.compare(function(x).named("most"), upstream, hand).ok


@pytest.mark.parametrize("name", LARGEST)
@pytest.mark.parametrize("wrong", ["to all of them", "to none", "to another"])
def test_it_must_arrive_once(wrong, name):
    sign, function = LARGEST[name]
    x = mt.tensor(sign * TIED, name="x", requires_grad=True)
    upstream = D[:, 0]
    share = {"to all of them": EQUAL * 1.0, "to none": 0.0 * EQUAL, "to another": np.roll(SHARES["first"], 1, axis=1)}
    assert mt.compare(function(x).named("most"), upstream, {"dx": share[wrong] * upstream[:, None]}).wrong == ["x"]


@pytest.mark.parametrize(("size", "stride"), [(2, 2), (2, 1), (3, 1)])
def test_pooling_after_a_rectifier_may_give_to_the_first_as_pytorch_does(size, stride):
    image = np.maximum(RNG.normal(size=(1, 2, 4, 4)) - 0.7, 0.0)
    x = mt.tensor(image, name="x", requires_grad=True)
    out = mt.max_pool2d(x, size, stride).named("out")
    upstream = RNG.normal(size=out.shape)
    dx = np.zeros_like(image)
    for c, i, j in np.ndindex(2, *out.shape[2:]):
        window = image[0, c, i * stride : i * stride + size, j * stride : j * stride + size]
        a, b = np.unravel_index(window.argmax(), window.shape)
        dx[0, c, i * stride + a, j * stride + b] += upstream[0, c, i, j]
    assert mt.compare(out, upstream, {"dx": dx}).ok
    assert mt.compare(out, upstream, {"dx": 2 * dx}).wrong == ["x"]


@pytest.mark.parametrize("ends_only", [False, True])
@pytest.mark.parametrize("slope", [lambda z: z > 0, lambda z: z >= 0, lambda z: np.heaviside(z, 0.5)])
def test_what_follows_from_another_convention_is_right_too(slope, ends_only):
    data, weights = RNG.normal(size=(5, 3)), np.zeros((3, 4))  # weights that start at 0
    x, w = (mt.tensor(a, name=n, requires_grad=True) for a, n in ((data, "x"), (weights, "w")))
    z = (x @ w).named("z")
    h = np.maximum(z, 0).named("h")
    upstream = RNG.normal(size=(5, 4))
    dz = upstream * slope(data @ weights)
    hand = {"dz": dz, "dx": dz @ weights.T, "dw": data.T @ dz}
    if ends_only:
        del hand["dz"]
    assert mt.compare(h, upstream, hand).ok
    assert mt.compare(h, upstream, {**hand, "dw": data.T @ dz + 1.0}).wrong == ["w"]


@pytest.mark.parametrize("function", [mt.relu, lambda z: np.maximum(0, z), mt.abs, lambda z: mt.clip(z, 0, 9)])
@pytest.mark.parametrize("slope", [0.0, 0.3, 0.5, 1.0, "its own"])
def test_a_mixture_of_conventions_may_be_given_through_a_product_of_matrices(function, slope):
    data, weights = RNG.normal(size=(6, 4)), RNG.normal(size=(4, 3))
    data[[1, 4]] = 0.0  # padding
    x, w = (mt.tensor(a, name=n, requires_grad=True) for a, n in ((data, "x"), (weights, "w")))
    z = data @ weights
    h = function(x @ w)
    upstream = RNG.normal(size=(6, 3))
    own = RNG.uniform(size=z.shape) if slope == "its own" else slope
    dz = upstream * np.where(z == 0, own, np.sign(z) if function is mt.abs else z > 0)
    hand = {"dx": dz @ weights.T, "dw": data.T @ dz}
    assert mt.compare(h.named("h"), upstream, hand).ok
    assert mt.compare(h, upstream, {**hand, "dx": 2 * hand["dx"]}).wrong == ["x"]
    beyond = upstream * np.where(z == 0, 3.0, dz / upstream)
    assert mt.compare(h, upstream, {**hand, "dx": beyond @ weights.T}).wrong == ["x"]


def test_elements_from_which_nothing_is_made_do_not_matter():
    """What lies above the diagonal of masked attention is never used, whatever stands there."""
    e = mt.tensor(RNG.normal(size=(5, 5)), name="e", requires_grad=True)
    v = mt.tensor(RNG.normal(size=(5, 3)), name="v", requires_grad=True)
    a = (mt.exp(e) * np.tri(5)).named("a")
    upstream = RNG.normal(size=(5, 3))
    full = upstream @ v.numpy().T
    hand = {"da": np.tril(full), "de": np.tril(full) * np.exp(e.numpy()), "dv": a.numpy().T @ upstream}
    report = mt.compare((a @ v).named("out"), upstream, hand)
    assert report.ok
    assert report.stages["a"].status == Status.HARMLESS
    assert "10 of 25 elements" in report.stages["a"].note
    assert mt.compare((a @ v).named("out"), upstream, {**hand, "da": np.triu(full)}).wrong[:1] == ["a"]
