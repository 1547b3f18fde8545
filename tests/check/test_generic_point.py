"""generic_point: reproducible inputs without accidents, for any function and shapes."""

import inspect

import numpy as np
import pytest
from solved import NAMES, module

import micrograd_tensor as mt
from micrograd_tensor.check.point import lint
from micrograd_tensor.check.rounding import recorded_tolerances

CASES = {
    "batch_norm": (mt.batch_norm, {"x": (7, 4), "gamma": (4,), "beta": (4,)}),
    "log": (mt.log, [(5,)]),
    "log of a quotient": (lambda x, y: mt.log(x / y), [(3,), (3,)]),
    "one positive": (lambda x, y: mt.relu(x @ mt.sqrt(y)), [(5, 3), (3, 4)]),
    "max": (lambda x: mt.max(x, axis=0), [(5, 3)]),
    "abs": (lambda x: mt.abs(x), [(6,)]),
    "power": (lambda x, y: x**y, [(5,), (5,)]),
    "scalar": (lambda x, y: (x * y).sum(), [(5,), (5,)]),
}


@pytest.mark.parametrize(("function", "shapes"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("seed", range(4))
def test_the_point_is_finite_smooth_and_without_accidents(function, shapes, seed):
    point = mt.check.generic_point(function, shapes, seed)
    leaves = [mt.tensor(v, name=k, requires_grad=True) for k, v in point.inputs.items()]
    captured = mt.graph(function(*leaves), point.upstream)
    assert [v.shape for v in point.inputs.values()] == list(shapes.values() if isinstance(shapes, dict) else shapes)
    assert all(np.all(np.isfinite(g.value)) for g in captured.gradients.values())
    kinds = {finding.kind for finding in lint(captured, recorded_tolerances(captured))}
    assert kinds <= {"equal lengths", "short axis", "cancellation"}
    again = mt.check.generic_point(function, shapes, seed)
    assert all(np.array_equal(a, b) for a, b in zip(point.inputs.values(), again.inputs.values(), strict=True))
    assert np.array_equal(point.upstream, again.upstream)
    other = mt.check.generic_point(function, shapes, seed + 100)
    assert not np.array_equal(next(iter(other.inputs.values())), next(iter(point.inputs.values())))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "softmax_cross_entropy"])
def test_every_derivation_is_right_at_its_generic_point(name):
    made = module(name)
    given = made.inputs()
    arrays = (
        given if isinstance(given, dict) else dict(zip(inspect.signature(made.forward).parameters, given, strict=True))
    )
    point = mt.check.generic_point(made.forward, {k: v.shape for k, v in arrays.items()}, seed=3)
    leaves = {k: mt.tensor(v, name=k, requires_grad=True) for k, v in point.inputs.items()}
    captured = mt.graph(made.forward(**leaves), point.upstream)
    report = mt.check.assert_gradients(captured, hand=made.backward)
    assert report.findings == ()


def test_the_arrays_are_the_callers_to_write_to():
    point = mt.check.generic_point(mt.square, [(3,)])
    point.inputs["x"][0] = 3.0
    point.upstream[0] = 1.0


@pytest.mark.parametrize(
    ("function", "shapes", "said"),
    [
        (mt.batch_norm, [(7, 4)] * 9, "9 shapes"),
        (mt.square, [], "0 shapes"),
        (lambda x: 3.0, [(2,)], "returned a float"),
        (lambda x: mt.log(-mt.square(x)), [(2,)], "not finite"),
    ],
    ids=["too many shapes", "none", "no Tensor", "nowhere defined"],
)
def test_what_has_no_point_is_refused_with_the_reason(function, shapes, said):
    with pytest.raises(mt.GradientError, match=said):
        mt.check.generic_point(function, shapes)
