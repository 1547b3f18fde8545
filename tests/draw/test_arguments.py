"""Whatever `draw` cannot use is refused with what was written, and never by a traceback from deep inside."""

import re

import numpy as np
import pytest
from gallery import leaf, two_layers

import micrograd_tensor as mt
from micrograd_tensor.draw import DrawError, draw


def example():
    with mt.scope("layer"):
        return (mt.tanh(leaf("x", 2, 3)).sum(axis=0) * 2.0).named("y")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (3, "3"),
        (3.5, "3.5"),
        (None, "None"),
        (True, "True"),
        ("circuit", "'circuit'"),
        (np.ones(3), "an array (3,)"),
        (np.float64(2.0), "()"),
        ([3], "3"),
        ({"y": 1}, "'y'"),
        (iter([None]), "None"),
    ],
)
def test_what_is_no_output(given, said):
    with pytest.raises(DrawError, match=f"draw: .*{re.escape(said)} is neither a Tensor nor a Graph"):
        draw(given)


@pytest.mark.parametrize("given", [[], (), {}, iter([])])
def test_no_outputs(given):
    with pytest.raises(DrawError, match="no outputs were given"):
        draw(given)


def test_outputs_that_can_be_read_once_only():
    y = example()
    assert draw(iter([y, y * 1.0]), [np.ones(3)] * 2).dot == draw([y, y * 1.0], [np.ones(3)] * 2).dot


@pytest.mark.parametrize(
    ("option", "given", "said"),
    [
        ("view", [], "view=[] is not one of"),
        ("view", {}, "view={} is not one of"),
        ("view", None, "view=None is not one of"),
        ("detail", [], "detail=[] is not one of"),
        ("theme", {}, "theme={} is not one of"),
        ("collapse", 5, "collapse=5 is not the path of a scope"),
        ("collapse", None, "collapse=None is not the path of a scope"),
        ("collapse", ["layer", 5], "collapse=5 is not the path of a scope"),
        ("depth", -1, "depth=-1: give a whole number"),
        ("depth", 1.5, "depth=1.5: give a whole number"),
        ("depth", "1", "depth='1': give a whole number"),
        ("width", True, "width=True is not a positive number of pixels"),
        ("width", "a", "width='a' is not a positive number of pixels"),
        ("width", 1j, "width=1j is not a positive number of pixels"),
        ("dims", 3, "dims=3 names no lengths"),
        ("dims", "N", "dims='N' names no lengths"),
        ("dims", [], "dims=[] names no lengths"),
        ("dims", {"N": "7"}, "dims={'N': '7'} does not name a length"),
        ("dims", {"M": 2, "N": 7.0}, "dims={'N': 7.0} does not name a length"),
        ("dims", {"N": True}, "dims={'N': True} does not name a length"),
        ("dims", {"N": -1}, "dims={'N': -1} does not name a length"),
        ("dims", {7: 7}, "dims={7: 7} does not name a length"),
        ("dims", {" ": 7}, "dims={' ': 7} does not name a length"),
    ],
)
def test_what_is_no_setting(option, given, said):
    with pytest.raises(DrawError, match=re.escape(said)):
        draw(example(), np.ones(3), **{option: given})


def test_numbers_of_numpy_are_numbers():
    y = example()
    for option, given in (("depth", 0), ("width", 900), ("dims", {"N": 2})):
        mine = {"N": np.int64(2)} if option == "dims" else np.int64(given)
        assert draw(y, np.ones(3), **{option: mine}).dot == draw(y, np.ones(3), **{option: given}).dot
    assert draw(y, view="gate", at=np.int64(1)).dot == draw(y, view="gate", at=1).dot


def test_what_cannot_be_used_is_quoted_in_short():
    graph = two_layers()._graph
    for options in ({"against": graph}, {"view": "difference", "against": [graph, graph]}):
        with pytest.raises(DrawError) as caught:
            draw(graph, **options)
        assert len(str(caught.value)) < 200


def test_a_listing_that_is_too_long_names_its_own_limit():
    x = leaf("x", 1)
    for _ in range(4001):
        x = -x
    with pytest.raises(DrawError, match="4,001 gates would be visible, and a listing shows 4,000 at most"):
        draw(x, view="ascii")
