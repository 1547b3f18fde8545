r"""LaTeX: names of every kind, in mathematics and in text; lines of `align`. What is computed is in test_promise."""

import re

import numpy as np
import pytest
from reading import plain_words, read_latex

import micrograd_tensor as mt
from micrograd_tensor.notation import ALIGNED, LATEX, Derivative, align, prose

NAMES = {
    "x": "x",
    "gamma": r"\gamma ",
    "γ": r"\gamma ",
    "delta": r"\delta ",
    "dbeta": r"d\beta ",
    "dx": r"\mathit{dx}",
    "Λ": r"\Lambda ",
    "x̂": r"\hat{x}",
    "ŷ": r"\hat{y}",
    "σ²": r"\sigma^{2}",
    "μ̄": r"\bar{\mu}",
    "x₁₂": "x_{12}",
    "σ²₁": r"\sigma^{2}_{1}",
    "g′": r"g^{\prime}",
    "g‴": r"g^{\prime\prime\prime}",
    "dev_from_mean": r"\mathit{dev\_from\_mean}",
    "layer1.weight": r"\mathit{layer1.weight}",
    "a-b": r"\textit{a-b}",
    "50 %": r"\textit{50 \%}",
    "a^b~c": r"\textit{a\textasciicircum{}b\textasciitilde{}c}",
    r"\end{document}": r"\textit{\textbackslash{}end\{document\}}",
    "$x$ & #1": r"\textit{\$x\$ \& \#1}",
    "<|>": r"\textit{\textless{}\textbar{}\textgreater{}}",
    "café": r"\textit{café}",
    "Σx": r"\textit{$\Sigma$x}",
    "": r"\textit{}",
    "₁": r"\textit{$_1$}",
}


@pytest.mark.parametrize("name", NAMES)
def test_names(name):
    assert LATEX.identifier(name) == NAMES[name]


SIGNS = [name for name in NAMES if name and name not in ("₁", "γ", "delta", "Λ", "50 %", "σ²₁")]


@pytest.mark.parametrize("name", SIGNS)
def test_a_formula_with_such_a_name_is_read_back(name):
    """By the independent reader, as an operand, squared, and of a gradient that is passed on."""
    import unicodedata

    x = mt.tensor(np.array([1.5, -2.0]), name=name, requires_grad=True)
    y = mt.square(x) / mt.exp(x - 1.0) + x
    node = mt.graph(y).outputs[0]
    shown = unicodedata.normalize("NFD", name)
    value, _ = read_latex(LATEX.equation(node, "y"), {shown: x.numpy(), name: x.numpy()})
    np.testing.assert_allclose(value, y.numpy(), rtol=1e-14)


def test_no_name_leaves_braces_open_or_begins_a_command():
    for code in [*range(32, 0x250), *range(0x2000, 0x2300), 0x4E2D, 0x1F600]:
        for text in (prose(chr(code)), LATEX.identifier(f"a{chr(code)}"), LATEX.words(chr(code))):
            bare = re.sub(r"\\[{}$&#_%]", "", text)
            assert bare.count("{") == bare.count("}")
            assert bare.count("$") % 2 == 0
            commands = re.findall(r"\\([a-zA-Z]+)", bare)
            assert not re.search(r"\\[^a-zA-Z]", bare)
            assert "end" not in commands


def test_words_are_read_back():
    for text in ("over axis 0", "× the product of the others", "a_b & 5 %", "i,j→k", "x > 0 | y < 1"):
        assert plain_words(prose(text)) == text


def test_lines_of_align_are_the_formulas_with_a_mark_before_their_sign():
    x, gamma = (mt.tensor([1.0, 2.0], name=name, requires_grad=True) for name in ("x", "gamma"))
    graph = mt.graph((x * gamma + x).named("y"), [1.0, 1.0])
    pairs = [(said.equation(graph["y"], "y"), said.rule(graph, (graph["y"], 1), {})) for said in (LATEX, ALIGNED)]
    pairs += [(said.sum_of("x", ["A", "B"]), said.name(Derivative("x")).text) for said in (LATEX, ALIGNED)]
    for plain, lined in zip(sum(pairs[::2], ()), sum(pairs[1::2], ()), strict=True):
        assert "&" not in plain
        assert lined.replace("&", "").replace(" ", "") == plain.replace(" ", "")
    assert [lined.count("&") for lined in pairs[1]] == [1, 1]
    assert align(["a &= b", "c &= d"]) == "\\begin{align*}\na &= b \\\\\nc &= d\n\\end{align*}"
