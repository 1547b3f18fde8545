"""Snapshots: a name keeps what it was after its own last assignment, however its array is changed under other names."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from micrograd_tensor.check.running import run
from micrograd_tensor.check.statements import assignments, gradient_lines

pytestmark = pytest.mark.usefixtures("untraced")


def outcome(backward, *inputs):
    return run(backward, np.ones(3), {"x": np.arange(3.0)}, inputs or ["x"])


def added_in_place(dout, cache):
    dy = dout * 2.0
    dx = dy
    dx += 1.0
    return locals()


def item_by_item(dout, cache):
    dy = dout * 2.0
    dx = dy[:]
    for i in range(3):
        dx[i] *= i
    return locals()


def over_several_lines(dout, cache):
    dy = (
        dout
        * 2.0
    )  # fmt: skip
    dx = dy.reshape(1, 3)
    dx -= 2.0


@pytest.mark.parametrize("backward", [added_in_place, item_by_item, over_several_lines])
def test_what_is_done_to_another_name_is_not_held_against_a_stage(backward):
    ran = outcome(backward)
    assert np.array_equal(ran.names["dy"], [2.0, 2.0, 2.0])
    assert not np.array_equal(ran.names["dx"].ravel(), [2.0, 2.0, 2.0])
    assert ran.shared == {"dy": ("dx",)}


def test_what_is_done_under_the_stages_own_name_counts():
    def backward(dout, cache):
        dx = dout
        dy = dx * 1.0
        dy += 1.0
        dy[0] = 5.0
        return locals()

    ran = outcome(backward)
    assert np.array_equal(ran.names["dy"], [5.0, 2.0, 2.0])
    assert ran.shared == {}


def test_what_a_call_adds_in_place_counts():
    def backward(dout, cache):
        dy = np.zeros(3)
        np.add.at(dy, [0, 0, 1], dout)
        return locals()

    assert np.array_equal(outcome(backward).names["dy"], [2.0, 1.0, 0.0])


def test_the_gradients_of_inputs_are_what_is_returned_however_it_came_about():
    def backward(dout, cache):
        dx = dout * 1.0
        dy = dx
        dy += 1.0
        return locals()

    assert np.array_equal(outcome(backward, "x").names["dx"], [2.0, 2.0, 2.0])
    assert np.array_equal(outcome(backward, "z").names["dx"], [1.0, 1.0, 1.0])


def test_a_tracer_that_is_there_already_goes_on():
    seen = []

    def tracer(frame, event, arg):
        seen.append(frame.f_code.co_name)
        return tracer

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        ran = outcome(added_in_place)
        after = sys.gettrace()
    finally:
        sys.settrace(before)
    assert after is tracer
    assert "added_in_place" in seen
    assert "dy" in ran.names


@pytest.mark.parametrize("failing", [False, True])
def test_nothing_is_traced_afterwards(failing):
    def backward(dout, cache):
        dx = dout
        if failing:
            raise ValueError(dx)

    before = sys.gettrace()
    outcome(backward)
    assert sys.gettrace() is before


def test_statements_are_found_with_their_lines():
    def backward(dout, cache):
        a, (b, *c) = dout
        a += 1
        c[0] = a
        d: float = 2.0
        if (e := a) > b:
            e = (
                d
                + 1
            )  # fmt: skip
        return locals()

    start = backward.__code__.co_firstlineno
    assert gradient_lines(backward, {name: name for name in "abcde"}) == {
        "a": ((start + 1, "a, (b, *c) = dout"), (start + 2, "a += 1")),
        "b": ((start + 1, "a, (b, *c) = dout"),),
        "c": ((start + 1, "a, (b, *c) = dout"), (start + 3, "c[0] = a")),
        "d": ((start + 4, "d: float = 2.0"),),
        "e": ((start + 5, "e := a"), (start + 6, "e = ( d + 1 )")),
    }
    assert [s.last - s.first for s in assignments(backward)] == [0, 0, 0, 0, 0, 3]


@pytest.mark.parametrize("function", [np.exp, len, 3])
def test_without_source_there_are_no_lines(function):
    assert gradient_lines(function, {"x": "dx"}) == {}
