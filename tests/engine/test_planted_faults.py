"""The checker beside the whole table: a wrong rule of any row is found, and right ones of any magnitude never are.

A fault is planted into each operand's rule of each row, as a table of mistakes that rules really have.
"""

import numpy as np
import pytest
from op_cases import BEYOND, CASES, INSIDE, outputs

import micrograd_tensor as mt
from micrograd_tensor.engine import walk
from micrograd_tensor.engine.row import TABLE
from micrograd_tensor.engine.tensor import Tensor

pytestmark = pytest.mark.slow  # every row of the table, several times over

NO_SLOPE = {"sign", "floor", "ceil", "trunc", "rint", "stop_gradient"}
"""Rows whose gradient is 0 or None wherever there is one, so that a factor changes nothing."""
STEEP = ("pow", "exp", "prod", "sinh", "cosh", "floor", "ceil", "trunc", "rint", "round", "remainder", "fmod")
"""What overflows or jumps at large numbers, and is tried at small ones."""
TRIED = [c for c in CASES if c.differentiable and all(a.size for a in c.arrays())]


def rows_on_the_way(case):
    """The rows whose rules the gradients of a case go through."""
    return {t.op.name for t in walk.ancestors(outputs(case.function(*case.tensors()))) if t.op and t.requires_grad}


CASE_OF = {name: case for case in reversed(TRIED) for name in rows_on_the_way(case)}
"""The first case that tries a row."""


def one_short(gx):
    """All of it, but for its largest element, which is left out: a sum or a copy that runs one too short."""
    kept = np.ones(gx.shape)
    kept.reshape(-1)[np.argmax(np.abs(gx.data if isinstance(gx, Tensor) else gx))] = 0
    return gx * kept


FAULTS = {
    "a thousandth": lambda gx: gx * 1.001,
    "sign": lambda gx: -gx,
    "twice": lambda gx: gx * 2,
    "nothing": lambda gx: gx * 0,
    "one element short": one_short,
    "an offset": lambda gx: gx + 1e-3 * (gx.data if isinstance(gx, Tensor) else gx).max(),
}


def differentiable_rows():
    rules = lambda row: [True] if not isinstance(row.vjps, tuple) else [r is not None for r in row.vjps]  # noqa: E731
    return [name for name, row in TABLE.items() if any(rules(row)) and name not in NO_SLOPE]


def plant(with_rules, name, fault):
    """Let all rules of a row err in every call that is recorded from now on."""
    row = TABLE[name]

    class Wrong:
        def __getitem__(self, i):
            right = row.vjps[i]
            return right and (lambda g, y, *x, **p: fault(right(g, y, *x, **p)))

    with_rules(row, Wrong())


def test_every_differentiable_row_is_tried():
    assert set(differentiable_rows()) <= set(CASE_OF)


@pytest.mark.infinities
@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("name", differentiable_rows())
def test_a_wrong_rule_of_any_row_is_found(name, kind, with_rules):
    case = CASE_OF[name]
    assert mt.gradcheck(case.function, *case.arrays(), order=1)
    plant(with_rules, name, FAULTS[kind])
    with pytest.raises(mt.GradientError, match=r"numerically|not polymorphic"):
        mt.gradcheck(case.function, *case.arrays(), order=1)


@pytest.mark.infinities
@pytest.mark.parametrize("case", TRIED, ids=lambda case: case.name)
def test_right_rules_are_never_called_wrong(case):
    """At numbers of quite different sizes in each operand, where terms cancel, vanish, and saturate."""
    rng = np.random.default_rng(len(case.name))
    for seed in (1, 3):
        steep = case.domains in (INSIDE, BEYOND) or any(word in case.name for word in STEEP)
        sizes = [1.0 if steep else 10.0 ** rng.integers(-3, 4) for _ in case.arrays()]
        arrays = [a * s if a.dtype.kind == "f" else a for a, s in zip(case.arrays(seed), sizes, strict=True)]
        try:
            case.function(*arrays)
        except ValueError:  # such as probabilities above 1
            arrays = case.arrays(seed)
        assert mt.gradcheck(case.function, *arrays, order=2, seed=seed)
