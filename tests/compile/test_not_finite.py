"""NaN, infinities, zeros, and numbers at the ends of their range: where the function has them, and where it has not.

`APART` lists the ops for which that is not so, and docs/compile.md the reasons, each with an example.
"""

import re
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from op_cases import CASES as OP_CASES
from op_cases import outputs, upstreams

import micrograd_tensor as mt

SPECIALS = {
    "nan": (np.nan, np.nan),
    "inf": (np.inf, np.inf),
    "-inf": (-np.inf, -np.inf),
    "0": (0.0, 0.0),
    "-0": (-0.0, -0.0),
    "tiny": (1e-310, 1e-42),
    "large": (1e200, 1e30),
    "-large": (-1e200, -1e30),
    "largest": (1e308, 3e38),
}
"""Numbers for float64 and float32."""

CANCELLED = {"nan", "inf", "-inf"}
APART = {
    # a product with a comparison is 0 where that does not hold: of NaN nothing is the largest
    "max": {"nan"},
    "min": {"nan"},
    "ptp": {"nan"},
    "max_pool2d": {"nan"},
    "norm": {"nan"},
    # x − x is 0, and 0 · x too
    "einsum": CANCELLED,
    "median": {"inf"},
    "percentile": {"-inf"},
    "average": {*CANCELLED, "largest"},
    # what does not vary along a sum is taken out of it
    "div": {"0", "-0", "tiny", "largest"},
    "var": {"inf", "-inf", "largest"},
    "batch_norm": {"inf", "-inf", "largest"},
    "layer_norm": {"inf", "-inf"},
    # something on the way is larger than all numbers, in another order of computing
    "arctan2": {"largest"},
    "prod": {"largest"},
    "square": {"largest"},
    "mse_loss": {"largest"},
    "binary_cross_entropy": {"largest"},
    "meshgrid": {"largest"},
    "cumprod": {"largest"},
}
"""Ops of which results or, mostly, gradients have NaN and infinities elsewhere where one of these is an operand."""

BY_OP = {
    name: list(cases)
    for name, cases in groupby(
        sorted((c for c in OP_CASES if c.op is not mt.dropout), key=lambda c: c.name.split(",")[0]),
        key=lambda c: c.name.split(",")[0],
    )
}


def with_gradients(function):
    def both(*given):
        leaves = [t for t in given if t.requires_grad]
        outs = list(outputs(function(*given)))
        live = [y for y in outs if y.requires_grad]
        return outs, [*mt.grad(live, leaves, upstreams(live))] if live and leaves else []

    return both


def kinds(a):
    """For each element whether it is NaN, which infinity it is, or neither."""
    return np.isnan(a) * 3 + np.isposinf(a) * 2 + np.isneginf(a) if a.dtype.kind == "f" else np.asarray(a)


def alike(got, want):
    """Whether NaN and infinities are in the same places, and other elements near each other."""
    for a, b in zip(got, want, strict=True):
        if (a is None) != (b is None):
            return False
        if b is None:
            continue
        if not np.array_equal(kinds(a), kinds(b)):
            return False
        finite = np.isfinite(b)
        size = np.abs(b[finite]).max(initial=0) if b.dtype.kind == "f" else 0
        near = 1e-9 if b.dtype == np.float64 else 1e-4
        if not np.allclose(a[finite], b[finite], rtol=near, atol=near * (size + 1e-2)):
            return False
    return True


def differing(case, dtype):
    """The specials for which the compiled function does not give what the function gives."""
    both = with_gradients(case.function)
    fast = mt.compile(both)
    base, wide = case.arrays(0, dtype), dtype == np.float64

    def tensors(arrays):
        return [mt.tensor(a, requires_grad=a.dtype.kind == "f" and case.differentiable) for a in arrays]

    def run(called, arrays):
        outs, gradients = called(*tensors(arrays))
        return [y if y is None else y.numpy() for y in (*outs, *gradients)]

    found = set()
    with np.errstate(all="ignore"):
        try:
            fast(*tensors(base))
        except mt.TraceError:
            return found
        for name, numbers in SPECIALS.items():
            for j, a in enumerate(base):
                if a.dtype.kind != "f" or not a.size:
                    continue
                arrays = [x.copy() for x in base]
                arrays[j].flat[a.size // 2] = numbers[0 if wide else 1]
                try:
                    want = run(both, arrays)
                except ValueError:  # out of the op's domain
                    continue
                if not alike(run(fast, arrays), want):
                    found.add(name)
    return found


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", BY_OP)
def test_what_is_not_finite_is_where_the_function_has_it(name):
    assert differing(BY_OP[name][0], np.float64) <= APART.get(name, set())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", BY_OP)
def test_the_list_of_exceptions_is_complete_and_no_longer_than_it_must_be(name):
    found = {one for case in BY_OP[name] for dtype in (np.float64, np.float32) for one in differing(case, dtype)}
    assert found == APART.get(name, set())


def test_the_list_names_ops():
    assert APART.keys() <= BY_OP.keys()


SCALED = {
    "norm": lambda x: mt.l2_norm(x, axis=0),
    "standard deviation": lambda x: mt.std(x, axis=0),
    "batch norm": lambda x: mt.batch_norm(x, 1.0, 0.0),
    "layer norm": lambda x: mt.layer_norm(x, 3),
    "rms norm": lambda x: mt.rms_norm(x, 3),
    "softmax": mt.softmax,
    "logsumexp": lambda x: mt.logsumexp(x, axis=1),
}


@pytest.mark.parametrize("special", [1e200, -1e200, np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("name", SCALED)
def test_what_the_function_scales_in_the_first_call_is_scaled_in_the_program(name, special):
    """Where squares overflow, these divide by the largest number first, and algebra must not take that back."""
    x = np.random.default_rng(0).normal(size=(4, 3))
    x[1, 2] = special
    both = with_gradients(SCALED[name])
    with np.errstate(all="ignore"):
        (want, gradients), (got, found) = (f(mt.tensor(x, requires_grad=True)) for f in (both, mt.compile(both)))
    assert alike([y.numpy() for y in (*got, *found)], [y.numpy() for y in (*want, *gradients)])


@pytest.mark.parametrize("sign", [">", "≥", "<", "≤", "==", "!="])
def test_the_opposite_of_a_comparison_holds_for_nan(sign):
    compare = {">": mt.greater, "≥": mt.greater_equal, "<": mt.less, "≤": mt.less_equal}
    compare |= {"==": mt.equal, "!=": mt.not_equal}

    def function(x, y):
        opposite = ~compare[sign](x, y)
        return opposite, mt.where(opposite, x, 5.0), ~(compare[sign](x, y) & (y < 2)), x * ~compare[sign](x, y)

    x, y = mt.tensor([np.nan, 1.0, 1.0, 2.0, 0.5]), mt.tensor([1.0, np.nan, 1.0, 1.0, 1.0])
    fast = mt.compile(function)
    for a, b in zip(fast(x, y)[:3], function(x, y)[:3], strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert not fast._eager


# ------------------------------------------------------------------------------------------- the list in the docs

DOCS = Path(__file__).parents[2] / "docs" / "compile.md"
ROW = re.compile(
    r"^\| `(?P<expression>[^`]*)` \| `(?P<x>[^`]*)` \| `(?P<eager>[^`]*)` \| `(?P<compiled>[^`]*)` \|", re.MULTILINE
)
ROWS = [one.groupdict() for one in ROW.finditer(DOCS.read_text(encoding="utf-8"))]


def test_the_docs_have_a_list():
    assert len(ROWS) >= 8


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["expression"])
def test_each_row_of_the_list_in_the_docs_shows_itself(row, monkeypatch):
    pytest.importorskip("numba")
    from micrograd_tensor.compile import kernels, numba_source

    monkeypatch.setattr(numba_source, "compiled", kernels.compiled)
    function = eval(f"lambda x: {row['expression']}", {"mt": mt})  # noqa: S307 -- ours
    numbers = {"nan": np.nan, "inf": np.inf}
    x = mt.tensor(eval(row["x"], numbers))  # noqa: S307
    fast = mt.compile(function, backend="numba")
    with np.errstate(all="ignore"):
        want, got = function(x).numpy(), fast(x).numpy()
    assert "def kernel" in fast.source
    for made, told in ((want, row["eager"]), (got, row["compiled"])):
        np.testing.assert_allclose(made.ravel()[-1], eval(told, numbers), rtol=1e-2)  # noqa: S307
        assert told == "nan" or np.signbit(made.ravel()[-1]) == told.startswith("-")
