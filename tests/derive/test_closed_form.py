"""Closed forms: as short as the literature's, equal to the recorded gradients, and code that runs."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from closed_cases import CASES
from programs import random_program

import micrograd_tensor as mt
from micrograd_tensor.derive.closed_form import closed_form
from micrograd_tensor.engine.errors import GradientError


def captured(name):
    out, upstream = CASES[name].make(np.random.default_rng(0))
    return mt.graph(out, upstream)


def ordered(graph):
    leaves = [node for node in graph.nodes if node.is_leaf and node.requires_grad and node in graph.gradients]
    return [graph.gradients[node].value for node in leaves]


def ran(found):
    """The results of the generated function on the recorded values."""
    space = {}
    exec(found.numpy, space)  # noqa: S102 -- what is tested
    made = space["backward"](**found.arguments)
    return made if isinstance(made, tuple) else (made,)


def assert_close(found, expected):
    assert np.shape(found) == expected.shape
    size = 1 + np.abs(expected).max(initial=0)
    assert np.abs(found - expected).max(initial=0) <= 1e-12 * size


@pytest.mark.parametrize("name", CASES)
def test_the_text_is_as_people_write_it(name):
    assert str(closed_form(captured(name), CASES[name].dims)) == CASES[name].text


@pytest.mark.parametrize("dims", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_formulas_and_code_give_the_recorded_gradients(name, dims):
    graph = captured(name)
    found = closed_form(graph, CASES[name].dims if dims else None)
    for key, value in found.evaluate().items():
        assert_close(value, graph.gradients[graph[key]].value)
    for value, expected in zip(ran(found), ordered(graph), strict=True):
        assert_close(value, expected)


def faults(seed):
    """What is wrong with the closed form of a random program, in words; nothing where there is none, with a reason."""
    out, upstream = random_program(seed)
    graph = mt.graph(out, upstream)
    nodes = (*graph.nodes, *graph.backward)
    narrow = any(node.dtype == np.float32 for node in nodes)
    allowed = (1e-5 if narrow else 1e-12) * (1 + max(np.abs(node.value).max(initial=0) for node in nodes))
    try:
        found = closed_form(graph)
    except GradientError as error:
        return [] if "closed_form: these gradients are made of" in str(error) else [str(error)]
    wrong = []
    with np.errstate(all="ignore"):
        for name, value, again in zip(found, found.evaluate().values(), by_name(found), strict=True):
            expected = graph.gradients[graph[name]].value
            wrong += [
                f"d{name} is {made}, not {expected}" for made in (value, again) if differs(made, expected, allowed)
            ]
    return wrong


def differs(made, expected, allowed):
    return np.shape(made) != expected.shape or not np.abs(made - expected).max(initial=0) <= allowed


def by_name(found):
    """The results of the generated function in the order of the formulas."""
    order = sorted(found, key=lambda name: found.inputs[name].rank)
    results = dict(zip(order, ran(found), strict=True))
    return [results[name] for name in found]


@pytest.mark.parametrize("start", range(0, 120, 40))
def test_random_programs(start):
    for seed in range(start, start + 40):
        assert faults(seed) == [], f"program {seed}"


@pytest.mark.slow
@pytest.mark.parametrize("start", range(120, 2000, 100))
def test_many_more_random_programs(start):
    for seed in range(start, start + 100):
        assert faults(seed) == [], f"program {seed}"


SCRIPT = """
import numpy as np
from closed_cases import CASES
from micrograd_tensor.derive.closed_form import closed_form
import micrograd_tensor as mt
for case in CASES.values():
    found = closed_form(mt.graph(*case.make(np.random.default_rng(0))), case.dims)
    print(found, found.numpy, found.latex)
"""


def test_the_same_bytes_whatever_the_hash_seed():
    paths = [str(Path(mt.__file__).parents[1]), str(Path(__file__).parent)]
    printed = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUTF8": "1"},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "77")
    }
    assert len(printed) == 1
