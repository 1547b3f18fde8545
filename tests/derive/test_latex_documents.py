r"""LaTeX: articles and slides compile where TeX is installed, and are sound everywhere; they hold every formula."""

import re

import pytest
from derived import GRAPHS, derived, leaf
from op_cases import DIFFERENTIABLE, outputs

import micrograd_tensor as mt
from micrograd_tensor.cli.builtin_graphs import BUILTINS
from micrograd_tensor.derive import derivation
from micrograd_tensor.notation import ALIGNED, prose

COMMANDS = """
documentclass usepackage title author date maketitle begin end section noindent allowdisplaybreaks
setlength jot ifdefined else fi DeclareUnicodeCharacter
textbf textit texttt text mathit operatorname mathbin mathrel frac tfrac sqrt left right
textbackslash textasciicircum textasciitilde textasciigrave textless textgreater textbar
sum prod cdot times partial infty dots top to ge le ne lnot hat tilde bar dot ddot vec prime
exp ln sin cos tan arcsin arccos arctan sinh cosh tanh max min
alpha beta gamma sigma mu pi epsilon Sigma
intertext tag underline hspace item emph
setbeamertemplate titlepage centering medskip par resizebox ifdim width linewidth displaystyle
"""
DEFINED = {*COMMANDS.split()}
"""What LaTeX, amsmath and, in the last line, beamer define."""
ENVIRONMENTS = {"document", "align*", "aligned", "enumerate", "frame"}


def faults(text):
    """What is unsound: braces, environments, dollars and parentheses that are not paired, and unknown commands."""
    bare = re.sub(r"\\[\\{}$&#_%]", "", re.sub(r"%.*", "", re.sub(r"\\%", "", text)))
    wrong = sorted({*re.findall(r"\\([a-zA-Z]+)", bare)} - DEFINED)
    wrong += re.findall(r"\\[^a-zA-Z\[\]]", bare)
    wrong += ["[ ]"] * ([*re.findall(r"\\[\[\]]", bare)] != [r"\[", r"\]"] * bare.count(r"\["))
    wrong += ["$"] * (bare.count("$") % 2)
    wrong += ["left, right"] * (bare.count(r"\left") != bare.count(r"\right"))
    opened = []
    for part in re.findall(r"\\(?:begin|end)\{[^}]*\}|[{}]", bare):
        if part == "{":
            opened.append(part)
        elif part.startswith(r"\begin"):
            opened.append(part[7:-1])
            wrong += [part] if opened[-1] not in ENVIRONMENTS else []
        elif not opened or opened.pop() != ("{" if part == "}" else part[5:-1]):
            wrong.append(part)
    return wrong + opened


@pytest.mark.parametrize("kind", ["latex", "beamer"])
@pytest.mark.parametrize("name", GRAPHS)
def test_documents_are_sound(name, kind):
    for dims in (None, {"N": 7} if name == "batchnorm" else None):
        assert faults(getattr(derived(name, dims=dims), kind)) == []


def test_formulas_of_every_op_are_sound(monkeypatch):
    monkeypatch.setattr(derivation.Derivation, "_closed", "")
    wrong = {}
    for case in DIFFERENTIABLE:
        outs = [y for y in outputs(case.function(*case.tensors())) if y.requires_grad and y.op]
        if outs and (found := faults(mt.derive(outs).latex)):
            wrong[case.name] = found
    assert wrong == {}


@pytest.mark.parametrize(
    "planted",
    [r"\sumx", "{", r"\begin{align*}", "$", r"\left(", r"\end{frame}", r"\newcommand{a}", "}{", r"\[", r"\]\["],
)
def test_planted_faults_are_found(planted):
    assert faults(derived("scalar").latex.replace(r"\end{document}", planted + r"\end{document}")) != []


@pytest.mark.parametrize("kind", ["latex", "beamer"])
@pytest.mark.parametrize(
    "name", ["batchnorm", *(pytest.param(name, marks=pytest.mark.slow) for name in GRAPHS if name != "batchnorm")]
)
def test_documents_compile(name, kind, compiled):
    page = derived(name)
    pages = compiled(getattr(page, kind))
    assert pages == len(page.steps) + 2 if kind == "beamer" else pages < len(page.steps)


def test_an_exercise_compiles(compiled):
    assert compiled(derived("batchnorm", exercise=True).latex) > 0


def test_every_character_that_a_name_may_have_compiles(compiled):
    total = leaf("x", 2)
    codes = [*range(0x20, 0x250), *range(0x2010, 0x2060), *range(0x2190, 0x2240), 0x4E2D, 0x5D0, 0x1F600]
    for k in range(0, len(codes), 12):
        total = total + leaf("".join(f"{chr(code)} " for code in codes[k : k + 12]), 2)
    assert compiled(mt.derive(total).latex) > 0


@pytest.mark.parametrize("name", GRAPHS)
def test_each_formula_is_a_line_with_its_shape_and_each_step_has_its_number(name):
    page = derived(name)
    contents, latex = page.contents(), page.latex
    sections = [*contents.sections]
    for formula in [formula for section in sections for formula in section.formulas]:
        assert f"{formula.write(ALIGNED)} && \\text{{{formula.shape}}}" in latex
    tags = [int(tag) for tag in re.findall(r"\\tag\{(\d+)\}", latex)]
    assert tags == [section.number for section in sections]
    assert page.beamer.count(r"\begin{frame}") == len(sections) + 2
    for step in contents.proof:
        assert step.write(ALIGNED) in latex
    for formula in contents.closed_form:
        assert f"{formula.write(ALIGNED)} && \\text{{{formula.shape}}}" in latex


def test_no_sentence_of_ours_needs_the_code_of_a_character():
    from micrograd_tensor.algebra.rules import RULES
    from micrograd_tensor.derive.proof import MULTIPLIED, NAMES

    for rule in (*RULES, MULTIPLIED, NAMES):
        assert prose(f"{rule.name} {rule.condition} {rule.proof}").isascii()
    for name in BUILTINS:
        assert derived(name).latex.isascii()


def test_an_exercise_has_the_forward_pass_and_blanks():
    forward, backward = derived("batchnorm", exercise=True).latex.split(r"\section*{Backward}")
    assert r"\sqrt{\mathit{var} + 10^{-5}}" in forward
    assert backward.count(r"\underline{\hspace{12em}}") == backward.count("&&")
    assert "distributes" not in backward


def test_no_name_can_end_the_document_or_begin_a_command():
    text = derived("hostile").latex
    assert text.count(r"\end{document}") == 1
    assert r"\input" not in text
    assert "$x_1$ &" not in text
