"""assert_gradients: one line of a test, and a failure that says what to do."""

import numpy as np
import pytest
from solved import NAMES, solved

import micrograd_tensor as mt


@pytest.mark.parametrize("name", NAMES)
def test_right_derivations_pass_as_arrays_and_as_functions(name):
    of = solved(name)
    assert mt.check.assert_gradients(of.graph, hand=of.hand()).ok
    assert mt.check.assert_gradients(of.graph, hand=of.module.backward, forward=of.cache).ok


def test_without_a_cache_the_recorded_values_are_handed_over():
    of = solved("batchnorm")
    out_of = {name: np.array(node.value) for name, node in of.graph.named.items()}
    assert set(out_of) <= set(of.cache)
    assert mt.check.assert_gradients(of.graph, hand=of.module.backward).ok


WRONG = ("dvar = 0.5 / np.sqrt(var + EPS) * dstddev", "dvar = np.sqrt(var + EPS) * dstddev")


@pytest.mark.parametrize("as_function", [False, True])
def test_a_wrong_derivation_fails_with_the_line_to_mend(as_function):
    of = solved("batchnorm")
    hand = of.backward(WRONG) if as_function else of.hand(WRONG)
    with pytest.raises(AssertionError) as caught:
        mt.check.assert_gradients(of.graph, hand=hand, forward=of.cache)
    assert "dvar is wrong" in str(caught.value)
    assert "dx is wrong" not in str(caught.value)


def test_hints_can_be_held_back():
    of = solved("batchnorm")
    texts = []
    for hints in (1, 3):
        with pytest.raises(AssertionError) as caught:
            mt.check.assert_gradients(of.graph, hand=of.hand(WRONG), hints=hints)
        texts.append(str(caught.value))
    assert len(texts[0]) < len(texts[1])


def test_a_wrong_forward_value_fails():
    of = solved("batchnorm")
    with pytest.raises(AssertionError, match="var"):
        mt.check.assert_gradients(of.graph, hand=of.hand(), forward={"var": 2 * of.cache["var"]})


def test_a_backward_pass_that_writes_into_its_arguments_fails():
    of = solved("batchnorm")
    right = of.module.backward

    def mutating(dout, cache):
        made = dict(right(dout, cache))
        dout *= 2
        cache["var"] += 1
        return {k: np.array(v) for k, v in made.items() if k in ("dx", "dgamma", "dbeta")}

    with pytest.raises(AssertionError, match=r"changed dout(.|\n)*changed cache\['var'\]"):
        mt.check.assert_gradients(of.graph, hand=mutating, forward=of.cache)


def test_a_backward_pass_that_raises_fails_with_what_it_had_reached():
    of = solved("batchnorm")
    broken = of.backward(("dvar = 0.5 / np.sqrt(var + EPS) * dstddev", "dvar = cache['nothing']"))
    with pytest.raises(AssertionError, match="raised KeyError: 'nothing'") as caught:
        mt.check.assert_gradients(of.graph, hand=broken, forward=of.cache)
    assert "dstddev" in str(caught.value)
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_backward_pass_that_computes_nothing_fails():
    of = solved("batchnorm")
    with pytest.raises(AssertionError, match="no gradient was given"):
        mt.check.assert_gradients(of.graph, hand=lambda grad, kept: None)


def test_a_tuple_is_named_by_the_order_of_the_inputs():
    of = solved("batchnorm")
    hand = of.hand()
    assert mt.check.assert_gradients(of.graph, hand=lambda g, c: (hand["dx"], hand["dgamma"], hand["dbeta"])).ok
    with pytest.raises(AssertionError, match="dgamma is wrong"):
        mt.check.assert_gradients(of.graph, hand=lambda g, c: (hand["dx"], hand["dbeta"], hand["dgamma"]))


def test_its_own_lines_are_left_out_of_the_traceback():
    code = mt.check.assert_gradients.__code__
    assert "__tracebackhide__" in code.co_varnames
