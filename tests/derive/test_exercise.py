"""Exercises: files with blanks that `check` judges, whose forward pass on Tensors computes what was recorded."""

import re

import numpy as np
import pytest
from test_module import DERIVED, GRAPHS, case_graph, leaf, named_program, same

import micrograd_tensor as mt
from micrograd_tensor.derive.exercise import forward_on_tensors, recorded


def given(text):
    return set(re.findall(r"^    d\w+ = None  # (?:\(.*?\)) gradient of (\w+)$", text, re.MULTILINE))


def is_an_exercise(page):
    """Whether the forward pass gives the recorded result, and every gradient that arrives somewhere has a blank."""
    out = recorded(page.program, forward_on_tensors(page.program))
    captured = mt.graph(out, np.ones(out.shape, out.dtype))
    stages = {node.name for node in captured.gradients if node.name and node not in captured.outputs}
    return same(out.numpy(), page.graph.outputs[0].value) and given(page.numpy) == stages


BACKWARD_ONLY = ["put, slices", "put, places with repeats", "put along an axis"]
SINGLE = [case for case in DERIVED if len(case_graph(case).outputs) == 1]


@pytest.mark.filterwarnings("ignore:transpose")
@pytest.mark.parametrize("case", [case for case in SINGLE if case.name not in BACKWARD_ONLY], ids=lambda c: c.name)
def test_every_row_of_the_table(case):
    assert is_an_exercise(mt.derive(case_graph(case), exercise=True))


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs_of_many_kinds(name):
    assert is_an_exercise(mt.derive(GRAPHS[name](), exercise=True))


def test_random_programs():
    for seed in range(40):
        assert is_an_exercise(mt.derive(named_program(seed), exercise=True)), seed


def test_what_cannot_be_an_exercise_is_told():
    x = leaf("x", 3)
    with pytest.raises(mt.GradientError, match="one output, and here are 2; put them together"):
        mt.derive([mt.sin(x), mt.exp(x)], exercise=True).starter()
    for case in DERIVED:
        if case.name in BACKWARD_ONLY:
            with pytest.raises(mt.GradientError, match="cannot be written for them"):
                mt.derive(case_graph(case), exercise=True).starter()


def test_it_says_what_the_file_is_called():
    assert "micrograd-tensor check mine.py\n" in mt.derive(mt.sin(leaf("x", 3))).starter("mine.py")


MASKS = [np.tri(5, dtype=bool), np.tri(2, 5, dtype=bool), np.eye(5, dtype=bool), np.arange(5) < 1]
MASKS.append(np.broadcast_to(np.tri(5, dtype=bool), (3, 5, 5)))


@pytest.mark.parametrize("mask", MASKS, ids=["causal", "not square", "one in each row", "padding", "causal, several"])
def test_a_mask_stays_as_it_is_since_a_random_one_may_leave_nothing(mask):
    masked = mt.where(mt.tensor(mask, name="mask"), leaf("x", *mask.shape), -np.inf)
    page = mt.derive(mt.softmax(masked), exercise=True)
    for text in (page.numpy, mt.derive(mt.softmax(masked)).numpy):
        made = re.search(r'^ +"mask": (.*),$', text, re.MULTILINE)
        assert np.array_equal(eval(made[1], {"np": np}), mask)  # noqa: S307 -- what is printed
