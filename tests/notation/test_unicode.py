"""Formulas: printed from what was recorded, in the notation of the table."""

from dataclasses import replace

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.engine.recording import record_all
from micrograd_tensor.engine.row import TABLE
from micrograd_tensor.notation import LATEX, formula, number
from micrograd_tensor.notation.unicode import UNICODE, expression


def leaf(name, *shape):
    values = np.random.default_rng(len(name)).uniform(0.5, 2.0, shape)
    return mt.tensor(values, name=name, requires_grad=True)


def of(tensor, **options):
    return formula(mt.graph(tensor).outputs[0], **options)


a, b, c, W = leaf("a", 3, 4), leaf("b", 3, 4), leaf("c", 4), leaf("W", 4, 2)


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (lambda: a + b, "a + b"),
        (lambda: a + (b - c), "a + b − c"),
        (lambda: a - (b - c), "a − (b − c)"),
        (lambda: a - b + c, "a − b + c"),
        (lambda: (a + b) * c, "(a + b) · c"),
        (lambda: a * b + c, "a · b + c"),
        (lambda: a / (b * c), "a / (b · c)"),
        (lambda: a / b / c, "a / b / c"),
        (lambda: a / (b / c), "a / (b / c)"),
        (lambda: -(a + b), "−(a + b)"),
        (lambda: -(a * b), "−a · b"),
        (lambda: (-a) * b, "(−a) · b"),
        (lambda: a - (-b), "a − (−b)"),
        (lambda: mt.square(a + b), "(a + b)²"),
        (lambda: mt.square(mt.sqrt(a)), "(√a)²"),
        (lambda: mt.sqrt(mt.square(a)), "√(a²)"),
        (lambda: mt.sqrt(a), "√a"),
        (lambda: mt.reciprocal(a + b), "1/(a + b)"),
        (lambda: mt.reciprocal(a) * b, "1/a · b"),
        (lambda: a**3, "a³"),
        (lambda: (a * b) ** -1.5, "(a · b)^(−1.5)"),
        (lambda: mt.exp(a + b), "exp(a + b)"),
        (lambda: mt.abs(a - b), "|a − b|"),
        (lambda: (a * b) @ W, "(a · b) @ W"),
        (lambda: a @ W * 2.0, "(a @ W) · 2"),
        (lambda: 2 / (a @ W), "2 / (a @ W)"),
        (lambda: a @ W + 1, "a @ W + 1"),
        (lambda: a @ W @ W.T, "(a @ W) @ Wᵀ"),
        (lambda: (a @ W).T, "(a @ W)ᵀ"),
        (lambda: mt.sum(a * b), "Σ(a · b)"),
        (lambda: mt.sum(a) / 3, "Σa / 3"),
        (lambda: mt.where(a > 1, b, -1), "where(a > 1, b, −1)"),
        (lambda: a.reshape(12) + 1, "reshape(a, (12,)) + 1"),
        (lambda: (a + b).reshape(12) * 2, "reshape(a + b, (12,)) · 2"),
        (lambda: a.clip(0, 0.5), "clip(a, 0, ½)"),
        (lambda: a + 1e-5, "a + 1e−5"),
        (lambda: mt.concatenate([a, b]), "concat(a, b)"),
        (lambda: a * np.full((3, 4), 0.5), "a · ½"),
        (lambda: a * np.arange(12.0).reshape(3, 4), "a · constant (3, 4)"),
        (lambda: a, "a"),
    ],
)
def test_formula(made, text):
    assert of(made()) == text


def test_formula_stops_at_names_but_not_at_its_own():
    assert of((mt.exp((a + b).named("total")) * 2).named("out")) == "exp(total) · 2"


def test_names_that_are_given_go_before():
    captured = mt.graph(a * b)
    assert formula(captured.outputs[0], {captured["a"]: "g"}) == "g · b"


@pytest.mark.parametrize("op", [mt.exp, lambda x: x.reshape(3, 4), lambda x: x * x])
def test_deep_formulas_are_cut_without_recursion(op):
    x = a * 0.001
    for _ in range(3000):
        x = op(x) * 0.001
    assert len(of(x, limit=50)) <= 50


@pytest.mark.slow
def test_a_chain_of_100000_ops():
    x = a
    for _ in range(100_000):
        x = -x
    assert of(x).startswith("−(−(")


def test_formula_that_doubles_at_every_step_stays_short():
    x = a
    for _ in range(200):
        x = x * x - x
    assert len(of(x)) <= 80


def test_hostile_names_stay_on_one_line():
    x = mt.tensor([1.0], name="two\nlines\x00", requires_grad=True)
    assert of(x * 2) == "(two lines\ufffd) · 2"


def test_every_notation_can_be_written():
    x = mt.graph(a).outputs[0]
    for row in TABLE.values():
        operands = (x,) * 4
        params = {name: (0, 1) if name in ("axes", "index", "size") else 0 for name in row.parameters}
        node = replace(x, op=row, operands=operands, params=params, shape=(3, 4), name=None)
        assert "{" not in formula(node)


@pytest.mark.parametrize(
    ("value", "text"), [("1e4000", "1e4000"), ("-1e-4000", "−1e−4000"), ("3", "3"), ("0", "0"), ("inf", "∞")]
)
def test_numbers_beyond_those_of_python(value, text):
    assert number(np.longdouble(value)) == text


def test_a_comparison_is_in_parentheses_where_it_is_one_side_of_an_equation():
    x, y = (mt.tensor([1.0, 2.0], name=name, requires_grad=True) for name in "xy")
    with record_all():
        node = mt.graph((x == y).named("same")).outputs[0]
    assert LATEX.equation(node, "same") == r"\mathit{same} = (x = y)"
    assert UNICODE.side(expression(node, {}, {}, 80)) == "(x = y)"
    assert formula(node) == "x = y"
