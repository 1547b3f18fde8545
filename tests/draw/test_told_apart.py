"""No view shows the same words for two graphs that differ in an axis, a slice, a permutation or subscripts alone."""

import re

import numpy as np
import pytest

import micrograd_tensor as mt

RNG = np.random.default_rng(0)
SQUARE, CUBE = RNG.normal(size=(4, 4)), RNG.normal(size=(3, 3, 3))
PAIRS = {
    "axis": (SQUARE, lambda x: mt.mean(x, axis=0), lambda x: mt.mean(x, axis=1)),
    "slice": (SQUARE, lambda x: x[0:2], lambda x: x[2:4]),
    "permutation": (CUBE, lambda x: mt.transpose(x, (0, 2, 1)), lambda x: mt.transpose(x, (1, 0, 2))),
    "subscripts": (SQUARE, lambda x: mt.einsum("ij,ij->i", x, x), lambda x: mt.einsum("ij,ij->j", x, x)),
}


def words(value, op, **options):
    """What a picture says, without the numbers in the arrays: these would tell any two graphs apart."""
    x = mt.tensor(value, name="x", requires_grad=True)
    out = op(x).named("y")
    if options["view"] == "ascii":
        return str(mt.draw(out, np.ones(out.shape), detail="shape", view="ascii"))
    picture = mt.draw(out, np.ones(out.shape), **options).svg
    return re.findall(r"<text[^>]*>([^<]*)</text>", picture)


@pytest.mark.parametrize("view", ["overlay", "forward", "backward", "steps", "ascii"])
@pytest.mark.parametrize("pair", PAIRS)
def test_a_view_tells_two_ops_apart(pair, view):
    value, one, other = PAIRS[pair]
    said = words(value, one, view=view, detail="shape")
    assert len(said) > 4
    assert said == words(value, one, view=view, detail="shape")
    assert said != words(value, other, view=view, detail="shape")
