"""Kinds that people make and one-line changes of a derivation seldom do: each in several layers, told by its name."""

import numpy as np
import pytest

import micrograd_tensor as mt

RNG = np.random.default_rng(0)
X, W, V, D, B = (RNG.normal(size=s) for s in ((7, 4), (4, 5), (5, 3), (7, 3), (5,)))
H = np.tanh(X @ W + B)
DH = D @ V.T
DZ = DH * (1 - H**2)


def network():
    x, w, v, b = (mt.tensor(a, name=n, requires_grad=True) for a, n in ((X, "x"), (W, "w"), (V, "v"), (B, "b")))
    z = (x @ w + b).named("z")
    h = mt.tanh(z).named("h")
    return mt.graph((h @ v).named("out"), D)


def hand(**wrong):
    right = {"dv": H.T @ D, "dh": DH, "dz": DZ, "db": DZ.sum(axis=0), "dw": X.T @ DZ, "dx": DZ @ W.T}
    return {**right, **wrong}


Z = X @ W + B
KINDS = [
    ("w", X.T @ H, "value for gradient", "the value h"),
    ("w", X.T @ Z, "value for gradient", "the value z"),
    ("x", Z @ W.T, "value for gradient", "the value z"),
    ("v", H.T @ D[:, [2, 0, 1]], None, ""),
    ("z", (1 - H**2) + DH, "wrong operator", "+"),
    ("z", DH - (1 - H**2), "wrong operator", "−"),
    ("b", DZ[-1], "part of a sum", "only the last one"),
    ("b", DZ[0], "part of a sum", "only the first one"),
    ("b", DZ[:-1].sum(axis=0), "part of a sum", "all but the last one"),
    ("b", DZ[1:].sum(axis=0), "part of a sum", "all but the first one"),
    ("w", np.outer(X[-1], DZ[-1]), "part of a sum", "only the last one"),
    ("w", X[:-1].T @ DZ[:-1], "part of a sum", "all but the last one"),
    ("v", H[1:].T @ D[1:], "part of a sum", "all but the first one"),
    ("w", np.trunc(3 * X.T @ DZ) / 3, None, ""),
    ("w", np.trunc(X.T @ DZ), "whole numbers", "whole numbers"),
    ("x", (DZ @ W.T != 0).astype(float), "whole numbers", "truth values"),
]


@pytest.mark.parametrize(("stage", "given", "kind", "says"), KINDS)
def test_a_kind_is_named_or_none_is_made_up(stage, given, kind, says):
    follows = {"z": lambda g: {"db": g.sum(axis=0), "dw": X.T @ g, "dx": g @ W.T}}
    wrong = {f"d{stage}": given, **follows.get(stage, lambda _: {})(given)}
    report = mt.compare(network(), hand=hand(**wrong))
    assert report.wrong == [stage]
    found = report.diagnosis[stage]
    if kind is None:
        assert all(one.kind in ("in places", "permuted", "two mistakes") for one in found)
        return
    assert found[0].kind == kind, found
    assert says in found[0].text
    assert found[0].error < 1e-9


@pytest.mark.parametrize("kind", sorted({kind for _, _, kind, _ in KINDS if kind}))
def test_random_numbers_are_of_no_such_kind(kind):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        for stage in ("w", "b", "x"):
            noise = rng.normal(size=hand()[f"d{stage}"].shape)
            found = mt.compare(network(), hand=hand(**{f"d{stage}": noise}), point=False).diagnosis[stage]
            assert all(one.kind != kind for one in found)


def normalized(eps_forward=1e-3, staged=True):
    """A layer with an eps, its right gradients as functions of another one, and the graph."""
    x = mt.tensor(X, name="x", requires_grad=True)
    dev = (x - x.mean(axis=0)).named("dev")
    var = (dev**2).mean(axis=0).named("var")
    std = mt.sqrt(var + eps_forward).named("std")
    out = (dev / std).named("out")
    dout = RNG.normal(size=X.shape)
    return mt.graph(out, dout), dout, dev.numpy(), var.numpy()


@pytest.mark.parametrize("other", [-1e-3, 2e-3, 1e-5, 1e-8, 1e-4])
def test_another_eps_is_named(other):
    graph, dout, dev, var = normalized()
    dstd = -(dout * dev).sum(axis=0) / (var + 1e-3)
    dvar = 0.5 / np.sqrt(var + other) * dstd
    report = mt.compare(graph, hand={"dstd": dstd, "dvar": dvar})
    assert report.wrong == ["var"]
    found = report.diagnosis["var"][0]
    known = {-1e-3: "sign", 2e-3: "eps misplaced"}  # which say as much
    assert found.kind == known.get(other, "another eps"), found
    assert ("is subtracted" in found.text) == (other < 0)
    assert mt.compare(graph, hand={"dstd": dstd, "dvar": 0.5 / np.sqrt(var + 1e-3) * dstd}).ok


def logistic(x):
    return 1 / (1 + np.exp(-x))


TANH, SIGMOID = np.tanh(Z), logistic(Z)
SLOPES = [
    (mt.tanh, DH * (1 - np.tanh(TANH) ** 2), "another argument", "derivative of tanh is taken at h"),
    (mt.tanh, DH * (1 - np.tanh(DH) ** 2), "another argument", "derivative of tanh is taken at dh"),
    (mt.tanh, DH * TANH**2, "complement", "1 less the derivative of tanh"),
    (mt.sigmoid, DH * logistic(SIGMOID) * (1 - logistic(SIGMOID)), "another argument", "sigmoid is taken at h"),
    (mt.sigmoid, logistic(DH) * (1 - logistic(DH)), "another argument", "and dh is missing"),
    (mt.relu, DH * (DH > 0), "another argument", "derivative of relu is taken at dh"),
    (mt.relu, DH * Z, "exchanged operand", "dh is multiplied by z, where the derivative of relu is due"),
]


@pytest.mark.parametrize(("function", "dz", "kind", "says"), SLOPES)
def test_a_derivative_at_another_argument_is_named(function, dz, kind, says):
    z = mt.tensor(Z, name="z", requires_grad=True)
    h = function(z).named("h")
    graph = mt.graph((h @ mt.tensor(V, name="v", requires_grad=True)).named("out"), D)
    report = mt.compare(graph, hand={"dh": DH, "dz": dz})
    assert report.wrong == ["z"]
    found = report.diagnosis["z"][0]
    assert (found.kind, says in found.text) == (kind, True), found
