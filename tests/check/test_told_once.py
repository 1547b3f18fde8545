"""One mistake is told once: what explains several gradients is one wrong stage, and the others follow from it."""

import numpy as np
import pytest
from solved import solved

import micrograd_tensor as mt
from micrograd_tensor.graph import evaluate_backward
from micrograd_tensor.graph.status import Status


def inputs_of(of):
    return [node.name for node in of.graph.nodes if node.is_leaf and node in of.graph.gradients]


@pytest.mark.parametrize("factor", [1 / 7, 7.0, -1.0, 2.0, 0.5, 16.0, 28.0])
@pytest.mark.parametrize("name", ["batchnorm", "layernorm", "lstm_cell", "attention", "two_layer_net"])
def test_everything_multiplied_is_one_mistake(name, factor):
    of = solved(name)
    inputs = inputs_of(of)
    hand = {f"d{n}": factor * of.graph.gradients[of.graph[n]].value for n in inputs}
    report = mt.compare(of.graph, hand=hand)
    assert len(report.wrong) == 1
    (first,) = report.wrong
    found = report.diagnosis[first][0]
    assert found.kind == ("sign" if factor == -1 else "constant factor")
    assert f"all {len(inputs)} gradients" in found.text
    assert {*report.follow[first], first} <= {*inputs}
    assert {report.stages[n].status for n in report.follow[first]} == {Status.RIGHT_GIVEN}
    assert "One mistake makes this and" in report.text(hints=1)
    ((output, recorded),) = of.graph.upstreams.items()
    names = {found.fix.split(" = ")[0]: recorded.value}
    exec(found.fix, {}, names)  # noqa: S102 -- the proposed line
    again = evaluate_backward(of.graph, {output: next(iter(names.values()))}).gradients
    for n in inputs:
        gradient = of.graph.gradients[of.graph[n]].value
        assert np.allclose(factor * again[of.graph[n]], gradient, rtol=1e-12, atol=1e-15)


GAMMA = ("dx_norm = dscaled_x * gamma", "dx_norm = dscaled_x")
SOME = [
    ("batchnorm", GAMMA, ("var", "mean", "x"), "missing factor", "gamma"),
    ("batchnorm", GAMMA, ("stddev", "mean", "x"), "missing factor", "gamma"),
    ("batchnorm", GAMMA, ("inverted_stddev", "x"), "missing factor", "gamma"),
    ("batchnorm", ("dstddev = -1 / stddev**2", "dstddev = -1 / stddev"), ("var", "x"), None, ""),
]


@pytest.mark.parametrize(("name", "mistake", "given", "kind", "says"), SOME)
def test_a_mistake_on_the_common_way_is_told_once(name, mistake, given, kind, says):
    of = solved(name)
    wrong = of.hand(mistake)
    report = mt.compare(of.graph, hand={f"d{n}": wrong[f"d{n}"] for n in given})
    assert len(report.wrong) == 1
    if kind is not None:
        found = report.diagnosis[report.wrong[0]][0]
        assert (found.kind, says in found.text) == (kind, True)
        assert set(report.follow[report.wrong[0]]) == {*given} - {*report.wrong}


def test_two_mistakes_are_still_two():
    of = solved("batchnorm")
    hand = of.hand(GAMMA, ("dbeta = np.sum(dout, axis=0)", "dbeta = np.mean(dout, axis=0)"))
    report = mt.compare(of.graph, hand={n: hand[n] for n in ("dvar", "dmean", "dx", "dbeta", "dgamma")})
    assert len(report.wrong) == 2
    assert "beta" in report.wrong
    kinds = {report.diagnosis[n][0].kind for n in report.wrong}
    assert kinds == {"missing factor", "mean for sum"}
