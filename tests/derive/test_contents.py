"""Contents: every formula on a page says what was recorded, in each language; names are told apart; sums have parts."""

import re
from unicodedata import normalize

import numpy as np
import pytest
from derived import GRAPHS, derived
from reading import read, read_latex, read_mathml

import micrograd_tensor as mt
from micrograd_tensor.derive import derivation
from micrograd_tensor.notation import LATEX, MATHML, ONE_LINE

PARTS = {
    LATEX: (r"\\left\(\\frac\{\\partial L\}\{\\partial ([^()]*?)\}\\right\)_\{([A-Z])\}", r"\\mathit{\2} "),
    MATHML: (
        r"<msub><mrow><mo>\(</mo><mfrac><mrow><mrow><mi>∂</mi><mi>L</mi></mrow></mrow><mrow>(?:(?!</mfrac>).)*</mfrac>"
        r"<mo>\)</mo></mrow><mi>([A-Z])</mi></msub>",
        r"<mi>\1</mi>",
    ),
    ONE_LINE: (r"d\S+ \(([A-Z])\)", r"\1"),
}
READ = {
    LATEX: read_latex,
    MATHML: read_mathml,
    ONE_LINE: lambda text, names, constants=(): read(text.partition(" = ")[2], names, constants),
}


def close(value, recorded):
    np.testing.assert_allclose(np.broadcast_to(value, recorded.shape), recorded, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("said", READ, ids=["latex", "mathml", "one line"])
@pytest.mark.parametrize("name", [name for name in GRAPHS if name not in ("hostile", "conv_bn_relu")])
def test_every_formula_says_what_was_recorded(name, said):
    page = derived(name)
    contents, graph = page.contents(), page.graph
    arrays = {text: node.value for node, text in contents.symbols.items()}
    d = "d" if said is ONE_LINE else "∂L∂"
    arrays |= {f"{d}{contents.symbols[n]}": g.value for n, g in graph.gradients.items() if n in contents.symbols}
    for section, step in zip(contents.sections, page.steps, strict=True):
        expected = [step.node.value] if step.forward else []
        added = [graph.upstreams[step.node]] if step.node in graph.upstreams else []
        added += [g for _, g in graph.contributions_to(step.node)]
        if not step.forward and len(added) > 1:
            expected = [step.upstream.value]
        if step.gates and not step.forward:
            expected += [share.gradient.value for share in step.shares]
        parts = {page.called.letter(k): g.value for k, g in enumerate(added)}
        for formula, value in zip(section.formulas, expected, strict=True):
            text = formula.write(said)
            if re.search(
                r"\\text\{ |<mtext> |d\S+ (to the|running sum|× the)", text
            ):  # in words, which test_promise reads
                continue
            text = re.sub(*PARTS[said], text)
            constants = [x.value for x in graph.nodes if x.is_leaf and x not in contents.symbols]
            close(READ[said](text, {**arrays, **parts}, constants)[0], value)
            assert formula.shape == str(value.shape)


@pytest.mark.parametrize("name", GRAPHS)
def test_no_two_values_have_one_symbol(name):
    symbols = derived(name).contents().symbols
    assert len({*symbols.values()}) == len(symbols)


def test_the_second_of_a_name_has_a_number():
    contents = derived("same_names").contents()
    assert [*contents.symbols.values()] == ["W", "W₂", "x", "h", "h₂"]
    assert contents.given == {"W": "(3, 3)", "W₂": "(3, 3)", "x": "(2, 3)"}


def test_gradients_that_meet_are_said_to_and_where_they_come_from():
    sections = [*derived("fork").contents().sections]
    notes = {s.name: ["".join(note) for note in s.notes] for s in sections if not s.forward}
    assert notes["y"][0] == (
        "y is used in three ways, and the three gradients that arrive at it are added: "
        "A from the upstream gradient that is given, B from step 3 and C from step 2."
    )
    assert notes["x"] == [
        "x is used in two ways, and the two gradients that arrive at it are added: A from step 1 and B from step 1."
    ]


def test_a_broadcast_comes_back_as_a_sum():
    page = derived("batchnorm", dims={"N": 7, "D": 4})
    notes = {s.name: ["".join(note) for note in s.notes] for s in page.contents().sections if not s.forward}
    assert "gamma was copied along N, so its gradient is summed over N." in notes["scaled_x"]


def test_an_exercise_gives_no_reasons():
    sections = [*derived("batchnorm", exercise=True).contents().sections]
    assert all(section.forward or section.notes == () for section in sections)


@pytest.mark.parametrize("said", READ, ids=["latex", "mathml", "one line"])
@pytest.mark.parametrize("name", ["batchnorm", "layernorm", "scalar", "same_lengths", "same_names"])
def test_the_closed_form_says_what_was_recorded(name, said):
    """Line by line, each from those before it."""
    page = derived(name)
    contents = page.contents()
    recorded = {node.name: node.value for node in (*page.graph.nodes, *page.graph.backward) if node.name}
    known = {node.name: node.value for node in page.closed_form.graph.nodes if node.is_leaf}
    for line, formula in zip(page.closed_form.lines, contents.closed_form, strict=True):
        known[line.name] = READ[said](formula.write(said), known)[0]
        if line.name in recorded:
            close(known[line.name], recorded[line.name])
    assert len(contents.closed_form) == len(page.closed_form.lines)


def test_the_closed_form_alone():
    contents = derived("batchnorm").contents(closed=True)
    assert [*contents.sections] == []
    assert len(contents.closed_form) == 3


def test_where_there_is_no_closed_form_the_page_says_why(monkeypatch):
    page = derived("batchnorm")
    monkeypatch.setattr(derivation, "from_labels", missing)
    contents = page.contents()
    assert contents.closed_form == ()
    assert contents.closing == "There is no closed form: it has 400 terms."
    assert contents.closing in page.latex
    assert contents.closing in page.html


def missing(*_):
    raise mt.GradientError("closed_form: it has 400 terms")


SYMBOLS = {"x_norm": "x̂", "mean": "μ", "var": "σ²", "gamma": "γ", "dev_from_mean": "ẋ"}


@pytest.mark.parametrize("said", READ, ids=["latex", "mathml", "one line"])
def test_formulas_with_symbols_for_names_say_what_was_recorded(said):
    page = derived("batchnorm", symbols=SYMBOLS)
    graph, contents = page.graph, page.contents()
    language, _ = contents.languages(said, "")
    d = "d" if said is ONE_LINE else "∂L∂"
    names = {node: SYMBOLS.get(name, name) for node, name in contents.symbols.items()}
    names = {node: {"γ": "gamma"}.get(name, name) if said is LATEX else name for node, name in names.items()}
    names = {node: normalize("NFD", name) if said is LATEX else name for node, name in names.items()}
    arrays = {text: node.value for node, text in names.items()}
    arrays |= {f"{d}{names[n]}": g.value for n, g in graph.gradients.items() if n in names}
    count = 0
    for section, step in zip(contents.sections, page.steps, strict=True):
        expected = [step.node.value] if step.forward else [share.gradient.value for share in step.shares]
        if section.number and len(section.formulas) == len(expected):
            for formula, value in zip(section.formulas, expected, strict=True):
                text = re.sub(*PARTS[said], formula.write(language))
                close(READ[said](text, {**arrays, "A": 0, "B": 0})[0], value)
                count += 1
    assert count > 18


def test_symbols_are_on_the_pages_and_names_in_the_code():
    page = derived("batchnorm", symbols=SYMBOLS)
    assert r"\hat{x}" in page.latex
    assert r"\mathit{x\_norm}" not in page.latex + page.beamer + page.markdown
    assert r"d\hat{x}" in derived("layernorm", symbols=SYMBOLS).latex
    assert "<mi>x̂</mi>" in page.html
    assert "<mi>x_norm</mi>" not in page.html
    assert "x̂ = ẋ · inverted_stddev" in str(page)
    assert page.numpy == derived("batchnorm").numpy
    assert "x_norm = dev_from_mean * inverted_stddev" in page.notebook


@pytest.mark.parametrize(
    ("symbols", "said"),
    [
        ({"x_nrm": "x̂"}, "no node is called 'x_nrm'; did you mean 'x_norm'"),
        ({"mean": "x"}, "'x' would stand for mean and for another value; give another symbol"),
        ({"mean": "m", "var": "m"}, "'m' would stand for mean and for another value"),
        ({"mean": " "}, "' ' is no symbol for mean"),
        ({"mean": 3}, "3 is no symbol for mean"),
        (3, "symbols=3; give a text by name"),
        (["mean"], r"symbols=\['mean'\]; give a text by name"),
    ],
)
def test_symbols_of_nothing_or_of_two_things_are_refused(symbols, said):
    with pytest.raises(mt.GradientError, match=said):
        derived("batchnorm", symbols=symbols)


def test_a_comparison_is_no_chain_of_equations():
    x = mt.tensor([[1.0, 1.0, 0.0]], name="x", requires_grad=True)
    picked = mt.where((x == 1.0).named("ones"), x, 0.0).named("y")
    assert "ones = (x = 1)" in str(mt.derive(picked))


def test_axes_that_go_by_name_are_said_to():
    rng = np.random.default_rng(0)
    x = mt.tensor(rng.normal(size=(7, 4)), name="x", requires_grad=True)
    w = mt.tensor(rng.normal(size=4), name="w", requires_grad=True)
    dims = {"N": ("x", 0), "D": ("x", 1)}
    page = mt.derive(mt.square(x @ w).sum(), dims=dims)
    assert "axes go by name" in page.contents().closing
    assert "axes go by name" in page.markdown
    assert "go by name" not in mt.derive(mt.batch_norm(x, w, w), dims=dims).markdown
    assert "go by name" not in mt.derive(mt.square(x @ w).sum()).markdown


def test_a_gradient_has_the_axes_of_its_input_where_an_axis_meets_itself():
    rng = np.random.default_rng(0)
    x = mt.tensor(rng.normal(size=(7, 4)), name="x", requires_grad=True)
    wq, wk = (mt.tensor(rng.normal(size=(4, 3)), name=name, requires_grad=True) for name in ("Wq", "Wk"))
    q, k = (x @ wq).named("q"), (x @ wk).named("k")
    out = (mt.softmax(q @ k.T) @ x).named("out")
    page = mt.derive(out, dims={"T": ("x", 0), "D": ("x", 1), "K": ("Wq", 1)})
    contents = page.contents()
    shapes = {line.name: f.shape for line, f in zip(page.closed_form.lines, contents.closed_form, strict=True)}
    assert {shapes[f"d{name}"] for name in page.closed_form} == {"(T, D)", "(D, K)"}
    assert shapes["dx"] == contents.given["x"] == "(T, D)"
