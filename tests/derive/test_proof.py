"""Proofs: each equation holds, as it is printed, at the recorded values, and does not read alike on both sides."""

import numpy as np
import pytest
from closed_cases import CASES
from programs import random_program

import micrograd_tensor as mt
from micrograd_tensor.algebra.rules import RULES
from micrograd_tensor.derive.closed_form import closed_form
from micrograd_tensor.derive.proof import MULTIPLIED, NAMES
from micrograd_tensor.engine.errors import GradientError


def closed(name):
    out, upstream = CASES[name].make(np.random.default_rng(0))
    return closed_form(mt.graph(out, upstream), CASES[name].dims)


def faults(steps, allowed=1e-11):
    """The equations that do not hold, or say nothing."""
    wrong = []
    for step in steps:
        space = {"np": np, "mt": mt, **step.arguments}
        with np.errstate(all="ignore"):
            exec(step.numpy, space)  # noqa: S102 -- what is tested
            left, right = (np.asarray(space[name], float) for name in ("left", "right"))
            if not np.abs(left - right).max(initial=0) <= allowed * (1 + np.abs(left).max(initial=0)):
                wrong.append(f"{step}: {left} is not {right}")
        if step.left.text == step.right.text:
            wrong.append(f"{step}: both sides are the same")
    return wrong


@pytest.mark.parametrize("name", CASES)
def test_both_sides_of_every_step_are_equal(name):
    assert faults(closed(name).steps) == []


def test_random_programs():
    for seed in (*range(40), 202):  # in the last one equal numbers are computed in two ways
        graph = mt.graph(*random_program(seed))
        try:
            found = closed_form(graph)
        except GradientError:
            continue
        narrow = any(node.dtype == np.float32 for node in (*graph.nodes, *graph.backward))
        assert faults(found.steps, 1e-4 if narrow else 1e-11) == [], f"program {seed}"


def test_the_proof_of_batch_norm():
    steps = closed("batch_norm").steps
    assert [(step.of, step.rule) for step in steps] == [
        ("dgamma", "hoist"),
        ("dinverted_stddev", "hoist"),
        ("", "powers"),
        ("dmean", "hoist"),
        ("dmean", "mean of deviations"),
        ("dmean", "hoist"),
        ("dmean", "split sum"),
        ("dgamma", "names"),
        ("dx", "names"),
    ]
    assert str(steps[4]).startswith("Σ(dev_from_mean, N) = 0  (mean of deviations: Σ(x − Σx/n) = ")
    assert steps[8].right.text == closed("batch_norm")["x"].text


def test_that_a_bias_before_batch_norm_has_no_gradient_is_proved():
    steps = closed("bias_before_batch_norm").steps
    assert any(step.of == "dbias" or step.right.text == "0" for step in steps)


@pytest.mark.parametrize("name", CASES)
def test_each_rule_has_a_condition_and_a_proof(name):
    known = {rule.name: rule for rule in (*RULES, MULTIPLIED, NAMES)}
    for step in closed(name).steps:
        assert (step.condition, step.proof) == known[step.rule][1:]
        assert step.latex.count("{") == step.latex.count("}")


def test_a_planted_fault_is_found():
    step = closed("softmax").steps[-1]
    object.__setattr__(step, "right", step.left)
    assert len(faults([step])) == 1
    other = closed("softmax").steps[0]
    object.__setattr__(other, "numpy", "left, right = 1.0, 1.1")
    assert len(faults([other])) == 1
