"""The lines that are proposed in place of wrong ones run in the user's names, and what they compute is judged right."""

from __future__ import annotations

import itertools
import random
import re

import numpy as np
import pytest
from catalogue import CATALOGUE, SHAPES, functions, point, run
from counting import DERIVATIONS as FOLDER
from counting import derivation, gradients, place

import micrograd_tensor as mt
from micrograd_tensor.check.mutation.rules import mutants

pytestmark = pytest.mark.slow

BACKWARD = [mistake for mistake in CATALOGUE if mistake.wrong and not mistake.forward]
FORWARD = [mistake for mistake in CATALOGUE if mistake.wrong and mistake.forward]
DERIVATIONS = sorted(path.stem for path in FOLDER.glob("*.py"))


def judged(graph, hand, forward=None):
    """How many stages of a report are explained, and how many lines are proposed: each is run and its result judged."""
    report = mt.compare(graph, hand=hand, forward=forward, point=False)
    lines = 0
    for name, found in report.diagnosis.items():
        values = name.startswith("forward:")
        stage = name.removeprefix("forward:")
        for diagnosis in found:
            assert diagnosis.rule.startswith(("d", stage)), diagnosis
            if not diagnosis.fix:
                continue
            names = {"np": np, "mt": mt} | {node.name: node.value for node in graph.nodes if node.name}
            names |= {f"d{out.name or 'out'}": given.value for out, given in graph.upstreams.items()}
            names |= {name: value for name, value in {**(forward or {}), **hand}.items() if value is not None}
            right = stage if values else f"d{stage}"
            del names[right]
            exec(diagnosis.fix, names)  # noqa: S102 -- what the user is told to write
            mended = {right: names[right]}
            again = (
                mt.compare(graph, hand=hand, forward={**forward, **mended}, point=False).forward
                if values
                else mt.compare(graph, hand={**hand, **mended}, forward=forward, point=False).stages
            )
            assert again[stage].status.counts_as_right, diagnosis
            lines += 1
    return sum(bool(found) for found in report.diagnosis.values()), lines


@pytest.mark.parametrize("shape", [SHAPES[0], *(pytest.param(s, marks=pytest.mark.slow) for s in SHAPES[1:])], ids=str)
@pytest.mark.parametrize("mistake", BACKWARD, ids=str)
def test_a_row_of_the_catalogue(mistake, shape):
    at = point(shape, 0)
    _, mistaken = run(at, mistake)
    explained, lines = judged(at.graph, mistaken)
    assert lines >= explained
    if "dx" in mistaken:
        judged(at.graph, {"dx": mistaken["dx"]})


@pytest.mark.parametrize("mistake", FORWARD, ids=str)
def test_a_mistake_in_the_forward_pass(mistake):
    at = point((7, 4), 0)
    values, mistaken = run(at, mistake)
    explained, lines = judged(at.graph, mistaken, values)
    assert lines >= explained


def test_two_at_once():
    pairs = random.Random(3).sample(list(itertools.combinations(BACKWARD, 2)), 40)  # noqa: S311 -- a sample of pairs
    for one, other in pairs:
        if not one.edits.keys() & other.edits.keys():
            at = point((7, 4), 0)
            judged(at.graph, run(at, one, other)[1])


@pytest.mark.slow
@pytest.mark.parametrize("name", DERIVATIONS)
def test_mistakes_made_by_machine(name):
    of = derivation(name)
    at = place(of, 0)
    shapes = {name: np.shape(v) for name, v in at.right.items() if isinstance(v, (np.ndarray, np.generic))}
    stages = {f"d{stage}" for stage in at.graph.named}
    count = 0
    for mutant in itertools.islice(mutants(of.source, shapes), 0, None, 4):
        if mutant.stage in stages:
            results = gradients(functions(mutant.source)["backward"], at.dout, at.cache)
            if mutant.stage in results:
                _, lines = judged(at.graph, {stage: value for stage, value in results.items() if stage in stages})
                count += lines
    assert count


def leaf(name, *shape, seed=0):
    return mt.tensor(np.random.default_rng(seed).uniform(0.5, 1.5, shape), name=name, requires_grad=True)


X = (5, 4)
GRAPHS = {
    "an exact constant": lambda: (leaf("x", *X) * 0.123456789).named("y"),
    "a large constant": lambda: (leaf("x", *X) * 16777217.0).named("y"),
    "mean of many": lambda: mt.mean(leaf("x", 1234)).named("y"),
    "softmax": lambda: mt.softmax(leaf("x", *X)),
    "log of a sum": lambda: mt.logsumexp(leaf("x", *X), axis=1).named("y"),
    "cross entropy": lambda: mt.cross_entropy(leaf("x", *X), np.array([0, 3, 1, 1, 2])),
    "slice": lambda: mt.exp(leaf("x", *X)[1:3].named("part")).named("y"),
    "chosen rows": lambda: mt.exp(leaf("x", *X)[np.array([0, 2, 2])].named("part")).named("y"),
    "largest": lambda: mt.max(mt.square(leaf("x", *X)).named("s"), axis=1).named("y"),
    "running sum": lambda: mt.exp(mt.cumsum(leaf("x", *X), axis=0).named("s")).named("y"),
    "rectified": lambda: (mt.maximum(leaf("x", *X) - 1.0, 0.0).named("h") @ leaf("w", 4, 3, seed=1)).named("y"),
    "sigmoid": lambda: mt.sigmoid(mt.sin(leaf("x", *X)).named("s")).named("y"),
    "power": lambda: (mt.cos(leaf("x", *X)).named("c") ** 3).named("y"),
    "joined": lambda: mt.concatenate([leaf("x", *X), leaf("z", 2, 4, seed=1)]).named("y"),
    "padded": lambda: mt.exp(mt.pad(leaf("x", *X), ((1, 0), (0, 2))).named("p")).named("y"),
    "einsum": lambda: mt.einsum("ij,kj->ik", leaf("x", *X), leaf("z", 3, 4, seed=1)).named("y"),
    "transposed": lambda: (mt.transpose(leaf("x", *X)).named("t") * 2.0).named("y"),
    "convolution": lambda: mt.conv2d(leaf("x", 2, 2, 5, 5), leaf("w", 3, 2, 3, 3, seed=1)).named("y"),
    "layer norm": lambda: mt.layer_norm(leaf("x", *X), 4, leaf("gamma", 4, seed=1), leaf("beta", 4, seed=2)),
    "gelu": lambda: mt.gelu(leaf("x", *X)).named("y"),
}


@pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS)
def test_every_stage_of_a_small_graph_doubled(make):
    out = make()
    graph = mt.graph(out, np.random.default_rng(9).normal(size=out.shape))
    right = {f"d{name}": graph.gradients[node].value for name, node in graph.named.items() if node in graph.gradients}
    explained = 0
    for name in right:
        if name != f"d{out.name}":
            found, _ = judged(graph, {**right, name: 2.0 * right[name]})
            explained += found
    assert explained


def test_where_no_mistake_is_known_the_line_that_belongs_there_is_told_all_the_same():
    graph = GRAPHS["sigmoid"]()
    report = mt.compare(graph, np.ones(X), {"ds": np.random.default_rng(1).normal(size=X)}, point=False)
    assert report.diagnosis["s"] == ()
    assert "ds = dy * y * (1 - y)" in str(report)


def test_names_that_several_values_have_are_not_used():
    x = leaf("x", 3)
    y = (mt.sin(mt.exp(x).named("h")).named("h") * 2.0).named("y")
    report = mt.compare(y, np.ones(3), {"dx": mt.grad(y, [x], np.ones(3))[0].numpy() * 2.0}, point=False)
    assert "h" not in report.diagnosis["x"][0].fix.split()


@pytest.mark.parametrize(
    ("graph", "name", "said"),
    [
        ("layer norm", "mean", r"  3 the rule  dmean = Σ\("),
        ("convolution", "w", r"  3 what is due Expected at \["),  # whose rule fills three lines
    ],
)
def test_for_a_line_that_would_be_too_long_the_rule_is_said_and_for_a_long_rule_what_is_due(graph, name, said):
    output = GRAPHS[graph]()
    shape = next(node.shape for node in mt.graph(output).nodes if node.name == name)
    report = mt.compare(output, np.ones(output.shape), {f"d{name}": np.ones(shape)}, point=False)
    assert re.search(said, str(report))
