"""Kinds that people make and one-line changes of a derivation seldom do: each in several layers, told by its name."""

import numpy as np
import pytest
from catalogue import functions
from everyday_layers import ASIDE, DEVELOPED
from planted import backward_source, place, ran

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
    ("v", H.T @ D[:, [2, 0, 1]], "off by one", "along axis 1"),
    ("v", H.T @ D[:, [1, 0, 2]], "permuted", "in the order [1, 0, 2]"),
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
    assert found.kind == "another eps", found
    assert mt.compare(graph, hand={"dstd": dstd, "dvar": 0.5 / np.sqrt(var + 1e-3) * dstd}).ok


def logistic(x):
    return 1 / (1 + np.exp(-x))


TANH, SIGMOID = np.tanh(Z), logistic(Z)
SLOPES = [
    (mt.tanh, DH * (1 - np.tanh(TANH) ** 2), "another argument", "derivative of tanh is taken at h"),
    (mt.tanh, DH * (1 - np.tanh(DH) ** 2), "another argument", "derivative of tanh is taken at dh"),
    (mt.tanh, DH * TANH**2, "complement", "h² stands where 1 − h² is due"),
    (mt.sigmoid, DH * logistic(SIGMOID) * (1 - logistic(SIGMOID)), "another argument", "sigmoid is taken at h"),
    (mt.sigmoid, logistic(DH) * (1 - logistic(DH)), "another argument", "and dh is missing"),
    (mt.relu, DH * (DH > 0), "another argument", "derivative of relu is taken at dh"),
    (mt.tanh, DH * (1 - DH**2), "gradient for value", "the gradient dh is used in place of the value h"),
    (lambda z: mt.maximum(z, 0), DH * (DH > 0), "another mask", "the gradient dh is used in place of the value z"),
    (lambda z: mt.maximum(z, 0), DH * (Z <= 0), "inverted mask", "the truth of z > 0 is taken the other way round"),
    (mt.relu, DH * Z, "exchanged operand", "dh is multiplied by z"),
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


LAYERS = {layer.__name__: layer for layer in (*DEVELOPED, *ASIDE)}
LINES = [
    ("WordVectors", "np.add.at(demb, ids, de)", "demb[ids] += de", "repeats lost", "only the last of de"),
    ("WordVectors", "np.add.at(demb, ids, de)", "demb[ids] = de", "repeats lost", "only the last of de"),
    (
        "WordVectors",
        "np.add.at(demb, ids, de)",
        "np.add.at(demb, ids[1:], de[1:])",
        "part of a sum",
        "all but the first",
    ),
    ("WordVectors", "np.add.at(demb, ids, de)", "np.add.at(demb, (ids + 1) % 6, de)", "off by one", "along axis 0"),
    ("Swish", "dout * s + dt * beta", "(dout + dt * beta) * s", "moved contribution", "multiplication by s"),
    ("LogLoss", "dp / total + dtotal", "(dp + dtotal) / total", "moved contribution", "total^−1"),
    ("Highway", "da @ w.T + ds @ u.T", "(da @ w.T) * (ds @ u.T)", "wrong operator", "are multiplied"),
    ("Center", "** -1.5", "** -0.5", "another exponent", "(var + 0.001)^−0.5 stands for"),
    ("Center", "(var + 1e-3) ** -1.5", "(var + 1e-7) ** -1.5", "another eps", "1e−7"),
    ("RmsNorm", "np.sqrt(ms + 1e-3)", "np.sqrt(ms + 0.0123)", "another eps", "0.0123 is added where 0.001 is"),
    ("RmsNorm", "np.sqrt(ms + 1e-3)", "np.sqrt(ms)", "eps left out", ""),
    ("Gated", "dg * g * (1 - g)", "dg * g * g", "complement", "g stands where 1 − g is due"),
    ("Gated", "dg * g * (1 - g)", "dg * g", "missing factor", "1 − g"),
    ("Gated", "dg * g * (1 - g)", "dg + g * (1 - g)", "wrong operator", "+"),
    ("Gated", "dg * g * (1 - g)", "dg * s * (1 - s)", "exchanged operand", "s is used in place of g"),
    ("Kernel", "2 * u * dr", "dr", "missing factor", "the factor 2 · u is missing"),
    ("DenseTanh", "x.T @ dz", "(1 - x).T @ dz", "complement", "1 − x stands where x is due"),
    ("DenseTanh", "dz.sum(axis=0)", "dz.sum(axis=0) + dz[-1]", "part of a sum", "the last one twice"),
    ("DenseTanh", "dz @ w.T", "dz**2 @ w.T", "factor twice", "dz is squared"),
    ("Bilinear", "x.T @ dleft", "x * dleft", "wrong operator", "element by element"),
    ("Decay", "np.cumsum(np.flip(dc, axis=0), axis=0)", "np.cumsum(dc, axis=0)", "permuted", "stays as it is"),
    ("ReluNet", "dz2 @ w2.T", "(dz2 @ w2.T).T.reshape(8, 6)", "transposed", "brought back into shape"),
]


@pytest.mark.parametrize(("layer", "line", "mistake", "kind", "says"), LINES)
def test_a_mistake_in_a_layer_is_called_by_its_kind(layer, line, mistake, kind, says):
    at = place(LAYERS[layer], 0)
    source = backward_source(LAYERS[layer])
    assert source.count(line) == 1
    made = ran(functions("import numpy as np\n" + source.replace(line, mistake))["backward"], at.dout, at.values)
    report = mt.compare(at.graph, hand={k: x for k, x in made.items() if k[1:] in at.graph.named}, point=False)
    (stage,) = report.wrong
    found = report.diagnosis[stage]
    assert (found[0].kind, says in found[0].text) == (kind, True), found
    assert found[0].error < 1e-9


def test_two_missing_factors_that_are_numbers_are_both_named():
    logits, labels = RNG.normal(size=(7, 4)), np.arange(7) % 4
    loss = mt.cross_entropy(mt.tensor(logits, name="logits", requires_grad=True), labels).named("loss")
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    report = mt.compare(loss, 1.7, {"dlogits": p - np.eye(4)[labels]}, point=False)
    found = report.diagnosis["logits"][0]
    assert (found.kind, "multiplied by 7/dloss" in found.text) == ("constant factor", True), found
    assert "the rest is right" not in found.text
    one = mt.compare(mt.exp(mt.tensor(2.0, name="g", requires_grad=True)), None, {"dg": 1.2345}, point=False)
    assert one.diagnosis["g"] == ()


def test_a_jacobian_that_was_multiplied_element_by_element_is_not_summed():
    x = mt.tensor(X, name="x", requires_grad=True)
    p = mt.softmax(x, axis=1).named("p")
    jacobians = np.stack([np.diag(row) - np.outer(row, row) for row in p.numpy()])
    dp = RNG.normal(size=X.shape)
    found = mt.compare(p, dp, {"dx": dp[:, :, None] * jacobians}, point=False).diagnosis["x"][0]
    assert (found.kind, "once it is summed over axis 1" in found.text) == ("missing sum", True)


def test_the_right_elements_in_another_shape_are_told_so():
    x = mt.tensor(RNG.normal(size=(5, 2, 3)), name="x", requires_grad=True)
    dy = RNG.normal(size=(5, 6))
    report = mt.compare((x.reshape(5, 6) * 2.0).named("y"), dy, {"dx": 2 * dy}, point=False)
    assert report.diagnosis["x"][0].kind == "missing reshape"
