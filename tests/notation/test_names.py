"""Names: what is generated never collides with what the user calls things."""

import re

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.notation import Called, assignment, formula, identifiers, number, printable
from micrograd_tensor.notation.names import free
from micrograd_tensor.notation.numbers import CONSTANTS
from micrograd_tensor.notation.numpy import NUMPY


def leaf(name, *shape):
    return mt.tensor(np.random.default_rng(len(name)).standard_normal(shape), name=name, requires_grad=True)


def test_branch_letters_are_no_names_of_values():
    a, b = leaf("A", 2), leaf("C", 2)
    called = Called(mt.graph((a * b + a).named("B")))
    assert [called.letter(k) for k in range(3)] == ["D", "E", "F"]


def test_letters_go_on_after_the_alphabet():
    called = Called(mt.graph(leaf("x", 2) * 2.0))
    assert [called.letter(k) for k in (0, 25, 26, 27)] == ["A", "Z", "AA", "AB"]


def test_stand_ins_are_no_names_of_values():
    x = leaf("y₁", 2)
    long = mt.exp(mt.sin(x) * 2.0 + mt.cos(x) * 3.0)
    called = Called(mt.graph(mt.tanh(mt.exp(x * x * x * x * x * x * x) * long)))
    names = list(called.names.values())
    assert len(set(names)) == len(names)


def test_a_formula_is_never_a_name():
    a, b = leaf("a", 2), leaf("b", 2)
    graph = mt.graph(mt.square(a + b))
    called = Called(graph)
    assert called.values[graph.nodes[2]] == "a + b"
    assert graph.nodes[2] not in called.names
    assert formula(graph.outputs[0], {graph.nodes[2]: "a + b"}) == "(a + b)²"


def test_parts_of_an_expression_are_no_names_of_values():
    x = leaf("x", 3)
    y = mt.sin(x)
    node = mt.graph(y * y).outputs[0]
    inner = {node.operands[0].operands[0]: "term1"}
    assert assignment("term2", node, inner) == ["term3 = np.sin(term1)", "term2 = term3 * term3"]


@pytest.mark.parametrize("taken", [set(), {"g"}, {"g", "g′"}])
def test_a_free_name_is_free(taken):
    assert free("g", taken) not in taken


def test_identifiers_of_gradients_are_no_names_of_values():
    names = identifiers(mt.graph(leaf("x", 2) * leaf("dx", 2), np.ones(2)))
    every = [*names.values.values(), *names.gradients.values()]
    assert len(set(every)) == len(every)


# --------------------------------------------------------------------------------------------------------- numbers


def evaluated(text):
    text = text.replace("−", "-").replace("½", "(1/2)").replace("¼", "(1/4)").replace("ln 2", "np.log(2)")
    text = re.sub(r"(\d)π", r"\1*np.pi", text).replace("π", "np.pi")
    text = re.sub(r"√(\d+|np\.pi|\([^()]*(?:\(1/2\))?\)|\(1/2\))", r"np.sqrt(\1)", text)
    return eval(text)  # noqa: S307 -- the text of a number


@pytest.mark.parametrize("value", [*CONSTANTS, *(-c for c in CONSTANTS)])
def test_a_constant_with_a_name_is_exact(value):
    assert evaluated(number(value)) == value


@pytest.mark.parametrize("value", [*CONSTANTS, *(-c for c in CONSTANTS)])
def test_a_constant_is_exact_in_code_and_of_no_precision_of_its_own(value):
    found = eval(NUMPY.number(value).text)  # noqa: S307 -- the text of a number
    assert found == value
    assert type(found) is float


def test_every_number_is_said_exactly():
    rng = np.random.default_rng(0)
    values = [*rng.standard_normal(200), *(10.0 ** rng.uniform(-30, 30, 200)), 0.1, 1e16, 1e22, 1 - 2e-8, 1 / 7]
    for value in map(float, values):
        assert evaluated(number(value)) == value


@pytest.mark.parametrize("near", [0.5 + 1e-16, 0.3333333333, 3.14159, 1.1283791670955])
def test_a_number_that_is_only_near_a_constant_keeps_its_digits(near):
    assert evaluated(number(near)) == near


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_short_types_are_said_in_their_own_digits(dtype):
    assert number(np.dtype(dtype).type(0.1)) == "0.1"


@pytest.mark.parametrize(
    "name", ["x", "a\nb\x00", "x" * 90, "אבג", "אבג" * 30, "a\u0302\u0302\u0302\u0302", "\u0302", "\ud800"]
)
def test_what_is_printable_stays_as_it_is(name):
    assert printable(printable(name)) == printable(name)


def test_a_number_behind_what_is_printable_stays_readable():
    assert printable(f"{printable('אבג')}₂") == "\u2068אבג₂\u2069"
