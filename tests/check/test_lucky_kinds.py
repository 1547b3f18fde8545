"""Kinds that the numbers also allow by luck: what an author has one thing for is one thing to the diagnosis too."""

import numpy as np
import pytest

import micrograd_tensor as mt

RNG = np.random.default_rng(7)
A, B = RNG.normal(size=(6, 5)), RNG.normal(size=(6, 5))
D = RNG.normal(size=6)


def cosine():
    """Rows' cosines: a and b are each multiplied by themselves, and hand on two contributions there."""
    a, b = (mt.tensor(x, name=name, requires_grad=True) for x, name in ((A, "a"), (B, "b")))
    dot = mt.sum(a * b, axis=1).named("dot")
    na, nb = mt.sqrt(mt.sum(a * a, axis=1)).named("na"), mt.sqrt(mt.sum(b * b, axis=1)).named("nb")
    return mt.graph((dot / (na * nb)).named("out"), D)


DOT, NA, NB = (A * B).sum(axis=1), np.sqrt((A * A).sum(axis=1)), np.sqrt((B * B).sum(axis=1))
OUT = DOT / (NA * NB)
RIGHT = {"ddot": D / (NA * NB), "dna": -D * OUT / NA, "dnb": -D * OUT / NB}
COLUMN = {name: x[:, None] for name, x in {**RIGHT, "na": NA, "nb": NB}.items()}
RIGHT |= {
    "da": COLUMN["ddot"] * B + COLUMN["dna"] * A / COLUMN["na"],
    "db": COLUMN["ddot"] * A + COLUMN["dnb"] * B / COLUMN["nb"],
}


def _of(first, second, n):
    return COLUMN["ddot"] * first + COLUMN[f"d{n}"] * second


TWICE = [
    ("a", _of(B, -A / COLUMN["na"], "na"), {"sign"}, "subtracted from da"),
    ("b", _of(A, -B / COLUMN["nb"], "nb"), {"sign"}, "subtracted from db"),
    ("a", _of(B, 0 * A, "na"), {"dropped contribution", "overwritten contribution"}, " da"),
    ("a", _of(B, 2 * A / COLUMN["na"], "na"), {"doubled contribution", "constant factor"}, "2"),
    ("a", _of(B, A, "na"), {"missing factor"}, "division by na is missing"),
    ("a", _of(B, 1 / COLUMN["na"], "na"), {"missing factor"}, "the factor a is missing"),
    ("b", _of(A, B * B / COLUMN["nb"], "nb"), {"factor twice"}, "the factor b is applied twice"),
    ("dot", D / NB, {"missing factor"}, "nb is used in place of na · nb"),
    ("dot", D / NA, {"missing factor"}, "na is used in place of na · nb"),
    ("dot", np.ones(6), {"whole numbers", "missing factor"}, "is 1 throughout"),
]


@pytest.mark.parametrize(("stage", "given", "kinds", "says"), TWICE)
def test_what_is_multiplied_by_itself_hands_on_one_term(stage, given, kinds, says):
    hand = {**RIGHT, f"d{stage}": given}
    if stage == "dot":
        hand |= {"da": given[:, None] * B + COLUMN["dna"] * A / COLUMN["na"]}
        hand |= {"db": given[:, None] * A + COLUMN["dnb"] * B / COLUMN["nb"]}
    report = mt.compare(cosine(), hand=hand, point=False)
    assert report.wrong == [stage]
    found = report.diagnosis[stage]
    assert found[0].kind in kinds, found
    assert any(says in one.text for one in found), found


X, V = RNG.normal(size=(7, 4)), RNG.normal(size=(4, 3))
UP = RNG.normal(size=(7, 3))


def test_a_base_in_place_of_its_square_is_a_lost_square():
    x, v = (mt.tensor(t, name=name, requires_grad=True) for t, name in ((X, "x"), (V, "v")))
    graph = mt.graph((mt.square(x) @ v).named("out"), UP)
    report = mt.compare(graph, hand={"dx": 2 * X * (UP @ V.T), "dv": X.T @ UP}, point=False)
    assert report.wrong == ["v"]
    assert report.diagnosis["v"][0].kind == "lost square"
    assert "x is used in place of x²" in report.diagnosis["v"][0].text


def hinge(count):
    """max(z, 0)², whose recorded derivative has the mask z > 0 as a choice with ½ at a tie."""
    z = np.random.default_rng(3).normal(size=count)
    up = np.random.default_rng(4).normal(size=count)
    tensor = mt.tensor(z, name="z", requires_grad=True)
    k = mt.tensor(np.random.default_rng(5).normal(size=count), name="k", requires_grad=True)
    gap = (tensor * k).named("gap")
    return z, k.numpy(), up, mt.graph(mt.square(mt.maximum(gap, 0.0)).named("out"), up)


MASKS = [
    (lambda g, up, _: up * g * (g > 0), {"constant factor"}, "multiplied by 1/2"),
    (lambda g, up, _: 2 * up * g, {"missing mask", "exchanged operand"}, "gap"),
    (lambda g, up, _: 2 * up * g * (g <= 0), {"inverted mask"}, "gap > 0 is taken the other way round"),
    (lambda g, up, z: 2 * up * g * (z > 0) * (g > 0), None, ""),
]


@pytest.mark.parametrize(("slip", "kinds", "says"), MASKS)
def test_a_recorded_mask_is_one_thing(slip, kinds, says):
    z, k, up, graph = hinge(12)
    dgap = slip(z * k, up, z)
    report = mt.compare(graph, hand={"dgap": dgap, "dz": dgap * k, "dk": dgap * z}, point=False)
    assert report.wrong == ["gap"]
    found = report.diagnosis["gap"]
    if kinds is None:
        assert not any("½" in one.text or "≠" in one.text for one in found)
        return
    assert found[0].kind in kinds, found
    assert says in found[0].text, found
    assert not any("½" in one.text or "≠" in one.text or "chosen the other way" in one.text for one in found)


@pytest.mark.parametrize(("count", "named"), [(4, False), (9, False), (12, True), (40, True)])
def test_the_mask_of_another_array_is_named_where_it_is_no_luck(count, named):
    z = np.random.default_rng(3).normal(size=count)
    other, up = np.random.default_rng(8).normal(size=count), np.random.default_rng(4).normal(size=count)
    x = mt.tensor(z, name="x", requires_grad=True)
    w = mt.tensor(other, name="w", requires_grad=True)
    a = (x * 3.0).named("a")
    graph = mt.graph((mt.maximum(a, 0.0) * w).named("out"), up)
    da = up * other * (other > 0)
    report = mt.compare(graph, hand={"da": da, "dx": 3 * da, "dw": up * np.maximum(3 * z, 0)}, point=False)
    assert report.wrong == ["a"]
    told = [one.text for one in report.diagnosis["a"] if one.kind == "another mask"]
    assert bool(told) is named
    assert not told or "the mask w > 0 stands where a > 0 is due" in told[0]
