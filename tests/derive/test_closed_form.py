"""Closed forms: as short as the literature's, equal to the recorded gradients, and code that runs."""

import numpy as np
import pytest
from closed_cases import CASES

import micrograd_tensor as mt
from micrograd_tensor.derive.closed_form import closed_form


def captured(name):
    out, upstream = CASES[name].make(np.random.default_rng(0))
    return mt.graph(out, upstream)


def inputs(graph):
    """The gradients of the inputs in their order."""
    return [graph.gradients[node].value for node in graph.gradients if node.is_leaf and node.requires_grad]


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
