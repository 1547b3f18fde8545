"""MathML: well-formed, of MathML Core's elements only, and saying what the one-line formulas say."""

import unicodedata
from xml.etree import ElementTree

import numpy as np
import pytest
from op_cases import CASES, each, outputs, upstreams

import micrograd_tensor as mt
from micrograd_tensor.engine.recording import record_all
from micrograd_tensor.engine.row import TABLE
from micrograd_tensor.graph.axes import axis_names
from micrograd_tensor.notation import MATHML, formula, rule

CORE = {"math", "mrow", "mi", "mo", "mn", "mtext", "mfrac", "msqrt", "msup", "msub", "munder"}
PARTS = {"mfrac": 2, "msup": 2, "msub": 2, "munder": 2}


def leaf(name, *shape, seed=0):
    return mt.tensor(np.random.default_rng([seed, len(name)]).uniform(0.5, 2, shape), name=name, requires_grad=True)


def parsed(text):
    """The element, after a look at every one within it."""
    root = ElementTree.fromstring(text)  # noqa: S314 -- this package wrote it
    for element in root.iter():
        assert element.tag in CORE
        assert len(element) == PARTS.get(element.tag, len(element))
        assert not element.tail
        assert not (len(element) and element.text)
    return root


def text_of(element):
    """What is shown, with what stands below signs."""
    return (element.text or "") + "".join(map(text_of, element))


def bare(text):
    """The characters of a formula that do not depend on its layout, in the order of the alphabet."""
    text = unicodedata.normalize("NFKC", text.replace("∑", "Σ").replace("∏", "Π").replace("ᵀ", "T"))
    text = "".join(c for c in text if c not in "()/⁄^√, ")
    return "".join(sorted(text.replace("·1", "")))  # a/b over c is a/b · 1/c


def captured(case):
    with record_all():
        outs = outputs(case.function(*case.tensors()))
    graph = mt.graph(outs, upstreams(outs)) if all(y.requires_grad for y in outs) else mt.graph(outs)
    names = {node: node.name or f"v{node.rank}" for node in graph.nodes}
    return graph, names


@each(CASES)
def test_formulas_and_rules_of_every_case(case):
    graph, names = captured(case)
    for node in graph.nodes:
        if node.op:
            root = parsed(MATHML.equation(node, names[node], names, limit=10**7))
            inner = {x: name for x, name in names.items() if x is not node}
            assert bare(text_of(root)) == bare(f"{names[node]}={formula(node, inner, limit=10**7)}")
    for (node, i), end in graph.contributions.items():
        root = parsed(MATHML.rule(graph, (node, i), names, limit=10**7))
        words = [element.text for element in root.iter("mtext") if (element.text or "").startswith(" ")]
        if words:
            assert words == [f" {rule(graph, (node, i), names)[0]}"]
            continue
        known = {**names, graph.gradients[node]: f"∂L∂{names[node]}"}
        expected = known[end] if end in known else formula(end, known, limit=10**7)
        several = len(graph.contributions_to(node.operands[i])) > 1 or node.operands[i] in graph.upstreams
        sign = "+=" if several else "="
        assert bare(text_of(root)) == bare(f"∂L∂{names[node.operands[i]]}{sign}{expected}")


def test_every_row_of_the_table_is_shown():
    shown = {node.op.name for case in CASES for node in captured(case)[0].nodes if node.op}
    assert shown == set(TABLE)


a, b, W = leaf("a", 3, 4), leaf("b", 3, 4), leaf("W", 4, 2)


def right_side(text):
    return text.partition("<mo>=</mo>")[2].removesuffix("</mrow></math>")


@pytest.mark.parametrize(
    ("made", "markup"),
    [
        (lambda: a / b, "<mfrac><mrow><mi>a</mi></mrow><mrow><mi>b</mi></mrow></mfrac>"),
        (lambda: mt.sqrt(a), "<msqrt><mi>a</mi></msqrt>"),
        (lambda: mt.square(a), "<msup><mi>a</mi><mn>2</mn></msup>"),
        (lambda: a.T, "<msup><mi>a</mi><mi>T</mi></msup>"),
        (lambda: a**3, "<msup><mi>a</mi><mn>3</mn></msup>"),
        (lambda: a + b, "<mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow>"),
        (lambda: mt.exp(a), "<mrow><mi>exp</mi><mo>(</mo><mi>a</mi><mo>)</mo></mrow>"),
        (
            lambda: mt.sum(a, axis=0),
            "<mrow><munder><mo>∑</mo><mtext>axis 0</mtext></munder><mi>a</mi></mrow>",
        ),
        (lambda: mt.abs(a), "<mrow><mo>|</mo><mi>a</mi><mo>|</mo></mrow>"),
    ],
)
def test_layout(made, markup):
    assert right_side(MATHML.equation(mt.graph(made()).outputs[0], "y")) == markup


@pytest.mark.parametrize(
    ("made", "parentheses"),
    [
        (lambda: (a + b) * b, 1),
        (lambda: (a / b) * b, 0),
        (lambda: mt.square(a + b), 1),
        (lambda: mt.square(a / b), 1),
        (lambda: mt.sqrt(a + b), 0),
        (lambda: a / (b + 1), 0),
        (lambda: a - (b - 1), 1),
        (lambda: a - b - 1, 0),
        (lambda: (a * b) @ W, 1),
    ],
)
def test_parentheses_stand_where_the_layout_does_not_say_it(made, parentheses):
    assert MATHML.equation(mt.graph(made()).outputs[0], "y").count("<mo>(</mo>") == parentheses


def test_rules_of_a_product_that_is_broadcast_and_forked():
    x, gamma = leaf("x", 7, 4), leaf("gamma", 4)
    graph = mt.graph((x * gamma + x).named("y"), np.ones((7, 4)))
    names = {node: node.name or f"v{node.rank}" for node in graph.nodes}
    product = graph.nodes[2]
    to_x = MATHML.rule(graph, (product, 0), names)
    to_gamma = MATHML.rule(graph, (product, 1), names, dims=axis_names(graph, {"N": 7}))
    assert "<mo>+=</mo>" in to_x
    assert "<mo>=</mo>" in to_gamma
    assert "<munder><mo>∑</mo><mtext>N</mtext></munder>" in to_gamma
    assert text_of(parsed(to_gamma)) == "∂L∂gamma=∑N(∂L∂v2·x)"


def test_what_is_copied_says_to_which_shape():
    graph = mt.graph(mt.sum(leaf("x", 7, 4), axis=0).named("y"), np.ones(4))
    assert "<mtext>(N, 4)</mtext>" in MATHML.rule(graph, (graph["y"], 0), {}, dims=axis_names(graph, {"N": 7}))


def test_sum_of_contributions():
    root = parsed(MATHML.sum_of("x", ["A", "B", "C"]))
    assert text_of(root) == "∂L∂x=(∂L∂x)A+(∂L∂x)B+(∂L∂x)C"


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a&b", 'q"', "]]>", "x" * 99, "\ud800", "\x00\x1b", "x̂"])
def test_names_are_text(name):
    x = leaf(name, 2)
    graph = mt.graph((x * x).named(name), np.ones(2))
    shown = [text_of(parsed(MATHML.equation(graph.outputs[0], name)))]
    shown += [text_of(parsed(MATHML.rule(graph, (graph.outputs[0], 0), {})))]
    assert all(len(text) < 200 for text in shown)
    if name == "x̂":
        assert "<mi>x̂</mi>" in MATHML.equation(graph.outputs[0], name)


def test_long_rules_are_cut():
    x = long = leaf("x", 3)
    for _ in range(12):
        long = mt.sin(long * 1.5 + x)
    graph = mt.graph((x * long).named("y"), np.ones(3))
    assert "…" in text_of(parsed(MATHML.rule(graph, (graph["y"], 0), {})))


def test_an_edge_without_gradient():
    graph = mt.graph(a * 2)
    with pytest.raises(KeyError):
        MATHML.rule(graph, (graph.outputs[0], 0), {})
