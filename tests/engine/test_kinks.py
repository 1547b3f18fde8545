"""The table of ties and kinks in the documentation, computed; and that no op with a kink is missing from it."""

import re
from pathlib import Path

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.engine.row import TABLE, PerOperand

PAGE = (Path(__file__).parents[2] / "docs" / "kinks.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(.+?)` \| `(.+?)` \| `(.+?)` \|", PAGE, re.MULTILINE)
SMOOTH = {"erf", "erfc", "logaddexp", "arctan2", "to_float"}
"""Not complex-differentiable as NumPy computes them, but without a kink."""


def value(text, **known):
    return eval(text, {"mt": mt, "np": np, "inf": np.inf, "nan": np.nan, **known})  # noqa: S307 -- our own document


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize(("function", "point", "gradient"), ROWS)
def test_every_line_of_the_table(function, point, gradient, create_graph):
    x = mt.tensor(value(point), requires_grad=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        (got,) = mt.grad(value(function, x=x).sum(), x, create_graph=create_graph)
    np.testing.assert_equal(got.tolist(), value(gradient))


def test_the_table_was_read():
    assert len(ROWS) == PAGE.count("\n| `")
    assert len(ROWS) > 30


def test_every_op_with_a_kink_is_in_the_table():
    named = set(re.findall(r"mt\.(\w+)\(x", " ".join(row[0] for row in ROWS)))
    rules = {
        name
        for name, row in TABLE.items()
        if isinstance(row.vjps, PerOperand) or any(rule is not None for rule in row.vjps)
    }
    assert {name for name in rules if not TABLE[name].analytic} - SMOOTH <= named
