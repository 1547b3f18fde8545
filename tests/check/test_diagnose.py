"""Diagnoses: each kind of mistake, made in a line of a right derivation, is named first, with line and proof."""

from __future__ import annotations

import re

import numpy as np
import pytest
import test_more_kinds as more_kinds
from catalogue import functions
from counting import derivation, gradients, place
from solved import solved

import micrograd_tensor as mt
from micrograd_tensor.check import judge
from micrograd_tensor.check.mistakes.case import BUDGET, Case
from micrograd_tensor.check.mistakes.catalogue import KINDS
from micrograd_tensor.check.mistakes.search import Explained, explain
from micrograd_tensor.check.mistakes.telling import MAX_REPORTED

BACKWARD = [
    # derivation, the code, the mistake in its place, the stage, the kind, what the text says
    ("batchnorm", "dbeta = np.sum(dout, axis=0)", "dbeta = dout", "beta", "missing sum", "dout"),
    ("batchnorm", "np.sum(dout, axis=0)", "np.mean(dout, axis=0)", "beta", "mean for sum", "axis 0"),
    ("batchnorm", "np.sum(dout, axis=0)", "np.sum(dout, axis=1)", "beta", "wrong axis", "axis 1"),
    ("batchnorm", "np.sum(dout, axis=0)", "np.sum(dout)", "beta", "sum over everything", "all elements"),
    ("batchnorm", "np.sum(dout, axis=0)", "4 / N * np.sum(dout, axis=0)", "beta", "constant factor", "4/7"),
    ("batchnorm", "dscaled_x * x_norm", "dscaled_x * x", "gamma", "exchanged operand", "x is used"),
    ("batchnorm", "dscaled_x * gamma", "dscaled_x", "x_norm", "missing factor", "gamma"),
    ("batchnorm", "dscaled_x * gamma", "gamma * np.ones((N, D))", "x_norm", "missing factor", "dscaled_x"),
    ("batchnorm", "dscaled_x * gamma", "dscaled_x * gamma**2", "x_norm", "factor twice", "gamma"),
    ("batchnorm", "dscaled_x * gamma", "dscaled_x / gamma", "x_norm", "not inverted", "gamma"),
    ("batchnorm", "dscaled_x * gamma", "dscaled_x * gamma**4", "x_norm", "power of a tensor", "gamma"),
    ("batchnorm", "dvar = 0.5 /", "dvar = 0 /", "var", "statistic as constant", "constant"),
    (
        "batchnorm",
        "    ddev_from_mean += 2 *",
        "    0 * ",
        "dev_from_mean",
        "dropped contribution",
        "ddev_from_mean_sq",
    ),
    ("batchnorm", "ddev_from_mean += 2", "ddev_from_mean = 2", "dev_from_mean", "overwritten contribution", "replaces"),
    ("batchnorm", "dx = ddev_from_mean", "dx = 2 * ddev_from_mean", "x", "doubled contribution", "ddev_from_mean"),
    ("batchnorm", "/ N * dvar", "* dvar", "dev_from_mean_sq", "constant factor", "7"),
    ("batchnorm", "/ N * dvar", "/ (N - 1) * dvar", "dev_from_mean_sq", "constant factor", "n/(n − 1) for n = 7"),
    ("batchnorm", "/ N * dvar", "/ D * dvar", "dev_from_mean_sq", "constant factor", "axis 1 of x"),
    ("batchnorm", "/ N * dvar", "/ 3.7 * dvar", "dev_from_mean_sq", "constant factor", "1.89189"),
    ("batchnorm", "-1 / stddev**2", "1 / stddev**2", "stddev", "sign", ""),
    ("batchnorm", "-1 / stddev**2", "-1 / stddev", "stddev", "lost square", "stddev"),
    ("batchnorm", "-1 / stddev**2", "-1 / var**2", "stddev", "exchanged operand", "var is used in place of stddev"),
    ("batchnorm", "np.sqrt(var + EPS)", "np.sqrt(var)", "var", "eps left out", "1e−5"),
    ("batchnorm", "np.sqrt(var + EPS)", "np.sqrt(gamma**2 + EPS)", "var", None, ""),
    ("batchnorm", "dx = ddev", "dx = dout + ddev", "x", "added term", "dscaled_x is added"),
    ("batchnorm", "dx = ddev", "dx = 0.25 + ddev", "x", "added term", "0.25"),
    ("batchnorm", "    return", "    dx = dx[::-1]\n    return", "x", "permuted", "reversed along axis 0"),
    ("batchnorm", "    return", "    dx = dx[[1, 0, 2, 3, 6, 5, 4]]\n    return", "x", "permuted", "order"),
    ("batchnorm", "    return", "    dx = dx.T\n    return", "x", "transposed", "transposed"),
    (
        "batchnorm",
        "dscaled_x * gamma",
        "np.ones((N, D)) * (dout * gamma).sum(axis=0)",
        "x_norm",
        "doubled sum",
        "axis 0",
    ),
    (
        "batchnorm",
        "    return",
        "    dx = dx_norm * inverted_stddev * (1 - 1 / N - x_norm**2 / N)\n    return",
        "x",
        "cross terms dropped",
        "dout",
    ),
    (
        "batchnorm",
        "    return",
        "    dx += dx_norm * inverted_stddev * (1 - 1 / N - x_norm**2 / N)\n    return",
        "x",
        "double counted",
        "twice",
    ),
    (
        "batchnorm",
        "np.sum(dscaled_x * x_norm, axis=0)",
        "np.mean(dscaled_x * x, axis=0)",
        "gamma",
        "two mistakes",
        "and",
    ),
    ("batchnorm", "    return", "    dx[3, 2] += 1\n    return", "x", "in places", "1 of the 28"),
    ("attention", "exps / total**2, axis=1", "exps / total, axis=1", "total", "lost square", "total"),
    ("attention", "exps / total**2, axis=1", "exps, axis=1", "total", "missing factor", "total"),
    ("attention", "dout @ w_out.T", "dout[:, :3] @ w_out[:, :3].T", "mixed", None, ""),
    ("attention", "dscores.T @ query", "dscores @ query", "key", "transposed", "transposed"),
    ("attention", "dscaled / np.sqrt(E)", "dscaled / E", "scores", "constant factor", "2"),
    ("lstm_cell", "output_gate * (1 - output_gate)", "output_gate", "output_sum", "missing factor", "output_gate"),
    ("lstm_cell", "(1 - candidate**2)", "(1 + candidate**2)", "candidate_sum", "sign", "added"),
    ("lstm_cell", "(1 - candidate**2)", "(1 - candidate)", "candidate_sum", "lost square", "candidate"),
    ("lstm_cell", "(1 - candidate**2)", "(-(candidate**2))", "candidate_sum", "dropped term", "the term 1"),
    ("lstm_cell", "dkept = dc_next", "dkept = dsquashed", "kept", "exchanged operand", "dsquashed"),
    ("two_layer_net", "dhidden * (sums > 0)", "dhidden", "sums", "missing mask", "sums > 0"),
    ("two_layer_net", "dhidden * (sums > 0)", "dhidden * (sums < 0)", "sums", "inverted mask", "other way round"),
    ("softmax_cross_entropy", "dexps * exps", "dexps", "shifted", "missing factor", "exps"),
    ("softmax_cross_entropy", "one_hot * dpicked", "exps * dpicked", "log_probs", "exchanged operand", "exps"),
    ("conv2d", "dimages.reshape(N * H * W, O)", "dout.reshape(N * H * W, O)", "sums", None, ""),
]

FORWARD = [
    ("sqrt(var + EPS)", {"stddev": lambda v: np.sqrt(v["var"])}, "eps left out"),
    ("sqrt(var) + EPS", {"stddev": lambda v: np.sqrt(v["var"]) + 1e-5}, "eps misplaced"),
    ("unknown", {"stddev": lambda v: np.sqrt(v["var"] + 0.1)}, "another eps"),
    ("no root", {"stddev": lambda v: v["var"] + 1e-5}, "missing function"),
    ("square for root", {"inverted_stddev": lambda v: v["stddev"]}, "not inverted"),
    ("sum for mean", {"mean": lambda v: v["x"].sum(axis=0)}, "sum for mean"),
    ("n − 1", {"var": lambda v: v["dev_from_mean_sq"].sum(axis=0) / 6}, "constant factor"),
    ("not squared", {"dev_from_mean_sq": lambda v: v["dev_from_mean"]}, "lost square"),
    ("added", {"dev_from_mean": lambda v: v["x"] + v["mean"]}, "sign"),
    ("gamma lost", {"scaled_x": lambda v: v["x_norm"]}, "missing factor"),
]


def compared(name, code, mistake, seed=0):
    """A report on a derivation in which some code is replaced."""
    right = derivation(name)
    start = right.source.index("def backward")
    assert code in right.source[start:]
    source = right.source[:start] + right.source[start:].replace(code, mistake, 1)
    source = source.replace('gamma, x_norm = cache["gamma"]', 'x = cache["x"]\n    gamma, x_norm = cache["gamma"]')
    at = place(right, seed)
    stages = {f"d{tensor}" for tensor in at.graph.named}
    hand = gradients(functions(source)["backward"], at.dout, at.cache)
    hand = {key: value for key, value in hand.items() if key in stages and key != "dout"}
    return mt.compare(at.graph, hand=hand, point=False)


@pytest.mark.parametrize(("name", "code", "mistake", "stage", "kind", "says"), BACKWARD)
def test_a_mistake_is_called_by_its_kind_at_its_stage(name, code, mistake, stage, kind, says):
    report = compared(name, code, mistake)
    assert report.wrong == [stage]
    found = report.diagnosis[stage]
    assert len(found) <= MAX_REPORTED
    if kind is None:  # no hypothesis explains it, and none is made up
        assert all(diagnosis.kind == "in places" for diagnosis in found)
        return
    assert found[0].kind == kind
    assert says in found[0].text
    assert found[0].error < 1e-9
    assert f"d{stage} = " in found[0].fix
    total = re.search(r"(all|\d+ of) (\d+) stages match", found[0].proof)
    assert total is None or found[0].proof.startswith("with this one change")


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
@pytest.mark.parametrize("name", ["batchnorm", "layernorm", "l2_normalize", "lstm_cell", "attention"])
def test_every_stage_that_is_doubled_is_called_doubled(name, seed):
    at = place(derivation(name), seed)
    stages = [tensor for tensor in at.graph.named if f"d{tensor}" in at.right and tensor != "out"]
    right = {f"d{tensor}": at.graph.gradients[at.graph[tensor]].value for tensor in stages}
    for tensor in stages:
        graph = mt.compare(at.graph, hand={**right, f"d{tensor}": 2 * right[f"d{tensor}"]}, point=False)
        assert tensor in graph.wrong
        assert graph.diagnosis[tensor][0].kind == "constant factor"


@pytest.mark.parametrize(("label", "changed", "kind"), FORWARD, ids=lambda v: v if isinstance(v, str) else "")
def test_a_forward_value_is_diagnosed_by_the_same_hypotheses(label, changed, kind):
    at = place(derivation("batchnorm"), 0)
    names = [name for name, node in at.graph.named.items() if node.op is not None]
    values = {name: np.array(at.graph[name].value) for name in names} | {"x": np.array(at.graph["x"].value)}
    [(stage, make)] = changed.items()
    report = mt.compare(at.graph, hand={"dx": None, "dbeta": at.right["dbeta"]}, forward=values | {stage: make(values)})
    assert stage in report.wrong_forward
    found = report.diagnosis[f"forward:{stage}"]
    assert [diagnosis.kind for diagnosis in found[:1]] == ([kind] if kind else [])


def test_the_tables_leave_out_no_kind():
    tried = {row[4] for row in BACKWARD} | {kind for _, _, kind in FORWARD} | {None}
    tried |= {row[2] for row in (*more_kinds.KINDS, *more_kinds.SLOPES)}
    tried |= {row[3] for row in more_kinds.LINES}
    elsewhere = {"wrong way", "not determined", "missing keepdims", "missing reshape", "wrong function"}
    assert set(KINDS) == (tried - {None}) | elsewhere


def test_two_mistakes_in_two_lines_are_both_named():
    report = compared("batchnorm", "/ N * dvar", "* dvar")
    both = compared("batchnorm", "dscaled_x * gamma", "dscaled_x")
    assert (report.wrong, both.wrong) == (["dev_from_mean_sq"], ["x_norm"])
    source = derivation("batchnorm").source.replace("/ N * dvar", "* dvar").replace("dscaled_x * gamma", "dscaled_x")
    at = place(derivation("batchnorm"), 0)
    hand = gradients(functions(source)["backward"], at.dout, at.cache)
    found = mt.compare(at.graph, hand={key: v for key, v in hand.items() if key[1:] in at.graph.named}, point=False)
    assert found.wrong == ["x_norm", "dev_from_mean_sq"]
    assert [found.diagnosis[name][0].kind for name in found.wrong] == ["missing factor", "constant factor"]


def test_the_proof_counts_the_stages_that_follow_and_not_those_that_are_wrong_by_themselves():
    alone = compared("batchnorm", "/ N * dvar", "* dvar").diagnosis["dev_from_mean_sq"][0]
    assert re.search(r"all 11 stages match to \de-1\d$", alone.proof)
    at = place(derivation("batchnorm"), 0)
    right = {f"d{n}": at.right[f"d{n}"] for n in at.graph.named if f"d{n}" in at.right and n != "out"}
    hand = {**right, "ddev_from_mean_sq": 7 * right["ddev_from_mean_sq"], "dx": -right["dx"]}
    found = mt.compare(at.graph, hand=hand, point=False).diagnosis["dev_from_mean_sq"][0]
    assert re.search(r"9 of 11 stages match .* the others do not, see there", found.proof)


def test_what_coincides_at_this_point_is_said_and_what_is_the_same_everywhere_is_said_once():
    rng = np.random.default_rng(0)
    leaves = {
        "x": mt.tensor(rng.normal(size=(7, 4)), name="x", requires_grad=True),
        "gamma": mt.tensor(np.full(4, 2.0), name="gamma", requires_grad=True),
        "beta": mt.tensor(rng.normal(size=4), name="beta", requires_grad=True),
    }
    captured = mt.graph(mt.batch_norm(**leaves), rng.normal(size=(7, 4)))
    dout = captured.upstreams[captured["out"]].value
    found = mt.compare(captured, hand={"dx_norm": dout, "dbeta": dout.sum(axis=0)}, point=False).diagnosis["x_norm"]
    assert found[0].kind == "missing factor"
    assert "cannot be told from" in found[0].text
    assert "1/2" in found[0].text
    generic = compared("batchnorm", "dscaled_x * gamma", "dscaled_x").diagnosis["x_norm"]
    assert len(generic) == 1
    assert "cannot be told" not in generic[0].text


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("count", [1, 28])
def test_values_that_are_not_finite_are_no_reason_to_fail(bad, count):
    at = place(derivation("batchnorm"), 0)
    wrong = at.right["dx"].copy()
    wrong.flat[:count] = bad
    found = mt.compare(at.graph, hand={"dx": wrong}, point=False)
    assert found.wrong == ["x"]
    assert [d.kind for d in found.diagnosis["x"]] == (["in places"] if count == 1 else [])


@pytest.mark.parametrize("shape", [(), (1,), (4,), (7,), (4, 7), (28,), (7, 4, 1), (2, 3), (0,), (0, 4)])
def test_values_of_any_shape_are_no_reason_to_fail(shape):
    at = place(derivation("batchnorm"), 0)
    rng = np.random.default_rng(1)
    for name in ("dx", "dvar", "dbeta"):
        report = mt.compare(at.graph, hand={name: rng.normal(size=shape)}, point=False)
        assert report.wrong == [name[1:]]


def test_noise_has_no_explanation():
    at = place(derivation("batchnorm"), 0)
    noise = np.random.default_rng(2)
    for name in ("x", "x_norm", "dev_from_mean", "var", "gamma"):
        right = at.right[f"d{name}"]
        found = mt.compare(at.graph, hand={f"d{name}": right + noise.normal(size=right.shape)}, point=False)
        assert found.diagnosis[name] == ()


def test_float32_is_explained_too():
    rng = np.random.default_rng(3)
    shapes = {"x": (7, 4), "gamma": (4,), "beta": (4,)}
    leaves = {
        name: mt.tensor(rng.uniform(0.5, 2, shape).astype(np.float32), name=name, requires_grad=True)
        for name, shape in shapes.items()
    }
    captured = mt.graph(mt.batch_norm(**leaves), rng.normal(size=(7, 4)).astype(np.float32))
    right = {f"d{node.name}": g.value for node, g in captured.gradients.items() if node.name}
    for name, factor, kind in (("dvar", 7, "constant factor"), ("dmean", -1, "sign"), ("dx", 2, "constant factor")):
        found = mt.compare(captured, hand={**right, name: np.float32(factor) * right[name]}, point=False)
        assert found.diagnosis[name[1:]][0].kind == kind


def test_large_arrays_cost_no_more_than_the_budget():
    rng = np.random.default_rng(4)
    shapes = {"x": (600, 300), "gamma": (300,), "beta": (300,)}
    leaves = {name: mt.tensor(rng.normal(size=s), name=name, requires_grad=True) for name, s in shapes.items()}
    captured = mt.graph(mt.batch_norm(**leaves), rng.normal(size=(600, 300)))
    right = captured.gradients[captured["x"]].value
    report = mt.compare(captured, hand={"dx": 3 * right}, point=False)
    assert report.diagnosis["x"][0].kind == "constant factor"
    situation = mt.compare(captured, hand={"dx": rng.normal(size=right.shape)}, point=False).wrong_stages["x"]
    assert explain(situation).diagnoses == ()
    search = Case(situation)
    most = sum(step.shape != () and int(np.prod(step.shape)) for step in search.derivation.steps)
    assert search.tried(iter(())) == []
    assert search.values.work <= BUDGET + most


def test_gradients_that_nothing_explains_get_less_and_less_of_the_budget(monkeypatch):
    of, rng, budgets = solved("batchnorm"), np.random.default_rng(0), []
    monkeypatch.setattr(judge, "explain", lambda wrong, budget: budgets.append(budget) or Explained((), ()))
    noise = {name: rng.normal(size=np.shape(gradient)) for name, gradient in of.hand().items()}
    assert len(mt.compare(of.graph, hand=noise).wrong) > 10
    assert len(budgets) > 10
    assert sum(budgets) < 2 * BUDGET


def test_a_running_mean_with_the_momentum_the_other_way_round_is_recognised():
    rng = np.random.default_rng(5)
    old, new = (mt.tensor(rng.normal(size=5), name=name, requires_grad=True) for name in ("old", "new"))
    captured = mt.graph((0.9 * old + 0.1 * new).named("kept"), rng.normal(size=5))
    turned = 0.1 * captured["old"].value + 0.9 * captured["new"].value
    right = {"dold": captured.gradients[captured["old"]].value}
    found = mt.compare(captured, hand=right, forward={"kept": turned}, point=False).diagnosis["forward:kept"]
    assert found[0].kind == "exchanged operand"
    assert "(1 − 0.1)/0.1" in found[0].text
    assert "weights of the two were exchanged" in found[0].text


@pytest.mark.parametrize("size", [1e-300, 1e-150, 1e150, 1e300])
def test_upstreams_of_any_size_are_judged(size):
    at = place(derivation("batchnorm"), 0)
    leaves = [mt.tensor(at.cache[name], name=name, requires_grad=True) for name in ("x", "gamma", "beta")]
    out = mt.batch_norm(*leaves)
    right = {f"d{t.name}": g.numpy() for t, g in zip(leaves, mt.grad(out, leaves, size * at.dout), strict=True)}
    report = mt.compare(out, size * at.dout, right, point=False)  # at the largest squares overflow: that is survived
    assert report.ok or size == 1e300
    report = mt.compare(out, size * at.dout, {**right, "dgamma": 2.0 * right["dgamma"]}, point=False)
    assert "gamma" in report.wrong


@pytest.mark.parametrize("upstream", [1.3, np.array([1.3]), np.array([[1.3]])], ids=np.shape)
def test_a_loss_of_one_number_is_diagnosed_whatever_its_shape(upstream):
    x = mt.tensor([[1.0, 2.0, 3.0]], name="x", requires_grad=True)
    loss = mt.reshape(mt.sum(x**2), np.shape(upstream))
    found = mt.compare(loss, upstream, {"dx": -2.6 * x.numpy()}, point=False)
    assert found.diagnosis["x"][0].kind == "sign"


def test_a_side_of_a_product_that_has_to_be_transposed_is_said_not_to_be():
    rng = np.random.default_rng(0)
    a, b = (mt.tensor(rng.normal(size=s), name=n, requires_grad=True) for n, s in (("a", (2, 3, 3)), ("b", (2, 3, 4))))
    dout = rng.normal(size=(2, 3, 4))
    found = mt.compare(a @ b, dout, {"db": a.numpy() @ dout}, point=False).diagnosis["b"][0]
    assert (found.kind, found.text) == ("transposed", "in aᵀ @ dout, a is not transposed")


def test_one_number_that_nothing_explains_is_not_called_a_multiple():
    g = mt.tensor(2.0, name="g", requires_grad=True)
    out = mt.exp(g).named("y")
    assert mt.compare(out, None, {"dg": 1.2345}, point=False).diagnosis["g"] == ()
    assert mt.compare(out, None, {"dg": 2.0 * np.exp(2.0)}, point=False).diagnosis["g"][0].kind == "constant factor"
