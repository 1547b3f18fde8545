"""Markdown: the page of a derivation says what the module computes, step by step, whatever its names are."""

import re

import numpy as np
import pytest
from derived import GRAPHS, derived
from test_module import DERIVED, case_graph, loaded, same

import micrograd_tensor as mt
from micrograd_tensor.derive.markdown import cell, code, text
from micrograd_tensor.engine.recording import record_all


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)\n```$", page, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", GRAPHS)
def test_the_code_of_the_steps_computes_what_was_recorded(name):
    page = derived(name)
    program, module = page.program, loaded(page.numpy)
    first, *steps = blocks(page.markdown, "python")
    assert "def forward(" in first
    back = next(k for k, block in enumerate(steps) if block.startswith("def backward("))
    space = dict(module) | {program.names[x]: x.value for x in program.saved}
    space |= {name: page.graph.upstreams[x].value for x, name in program.upstreams.items()}
    space |= {program.names[x]: x.value for x in program.constants}
    exec("\n".join(program._lengths[0]), space)  # noqa: S102 -- to run what is printed is the test
    with np.errstate(all="ignore"):
        exec("\n".join(steps[:back]), space)  # noqa: S102
    for node, gradient in page.graph.gradients.items():
        if node in program.names and node not in page.graph.upstreams:
            assert same(space[program.gradients[node]], gradient.value)


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("exercise", [False, True])
def test_a_page_is_well_formed_whatever_its_names(name, exercise):
    if exercise and name in ("fork", "several"):
        pytest.skip("an exercise has one output")
    page = derived(name, exercise=exercise).markdown
    fences = re.findall(r"^```.*$", page, re.MULTILINE)
    assert fences == ["```python", "```"] * (len(fences) // 2)
    prose = re.sub(r"^```python\n.*?\n```$", "", page, flags=re.MULTILINE | re.DOTALL)
    assert prose.count("\n$$\n") % 2 == 0
    prose = re.sub(r"\n\$\$\n.*?\n\$\$\n", "\n", prose, flags=re.DOTALL)
    for row in re.findall(r"^\|.*$", prose, re.MULTILINE):
        assert len(re.findall(r"(?<!\\)\|", row)) == 5
    without = re.sub(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", "", prose)
    assert "<" not in re.sub(r"\\<", "", without)
    assert "`" not in re.sub(r"\\`", "", without)
    assert page.encode()


def test_the_steps_of_batch_norm_each_have_what_the_derivation_by_hand_has():
    page = derived("batchnorm", dims={"N": ("x", 0), "D": ("x", 1)}).markdown
    assert re.findall(r"^### Step (\d+): `(\w+)`$", page, re.MULTILINE) == [
        *((str(10 - k), name) for k, name in enumerate(STAGES, 1)),
        ("0", "x"),
    ]
    eight = page.split("### Step 8")[1].split("### Step 7")[0]
    for said in (
        r"\mathit{scaled\_x} = \mathit{x\_norm} \cdot \gamma",
        "A product swaps: each factor receives the gradient times the other factor.",
        "`gamma` was copied along N, so its gradient is summed over N.",
        "Upstream: `dscaled_x` `(N, D)`. Kept from the forward pass: `gamma` and `x_norm`.",
        "| `gamma` | `× x_norm`, `Σ over N` | `dgamma` | `(D,)` |",
        "dgamma = (dscaled_x * x_norm).sum(axis=0)  # (D,)",
    ):
        assert said in eight
    assert "## The closed form" in page
    assert r"\sum_{\text{N}} \mathit{dev\_from\_mean} = 0" in page.split("### Proof")[1]
    assert "dx = gamma * (dout - dbeta / N - dgamma * x_norm / N) / stddev" in page


STAGES = ["out", "scaled_x", "x_norm", "inverted_stddev", "stddev", "var", "dev_from_mean_sq", "dev_from_mean", "mean"]


def test_an_exercise_has_the_questions_but_none_of_the_answers():
    page = derived("batchnorm", exercise=True).markdown
    back = page.split("## Backward")[1]
    assert back.count(r"\underline{\hspace{12em}}") == len(re.findall(r"^\$\$$", back, re.MULTILINE)) // 2 - 9
    assert set(re.findall(r"^d\w+ = (.*?)  #", back, re.MULTILINE)) == {"None"}
    assert "closed form" not in page


@pytest.mark.parametrize("case", DERIVED, ids=lambda c: c.name)
def test_every_row_of_the_table_has_a_page(case):
    page = mt.derive(case_graph(case))
    page.__dict__["_closed"] = "not looked at here"
    back = [step for step in page.steps if not step.forward]
    assert page.markdown.count("\n### Step ") == len(back)
    assert page.markdown.count("| operand | local gradient | downstream | shape |") == sum(
        step.number > 0 for step in back
    )


def test_where_there_is_no_closed_form_the_page_says_why():
    x = y = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    for k in range(400):
        y = mt.sin(y + k) * x
    page = mt.derive(y).markdown
    assert page.rstrip().endswith(".")
    assert "closed" in page.split("## The closed form")[1]


@pytest.mark.parametrize("name", ["`", "``a`", "a`b", "|", "plain", "a``b`c"])
def test_a_code_span_keeps_its_backticks(name):
    """As CommonMark reads it: a run of backticks, up to the next run of as many, less a space at both ends."""
    fence = re.match("`+", code(name))[0]
    inner = code(name)[len(fence) : -len(fence)]
    assert fence not in re.findall("`+", inner)
    assert (inner[1:-1] if inner.startswith(" ") and inner.endswith(" ") else inner) == name
    assert "|" not in re.sub(r"\\\|", "", cell(name))


def test_plain_text_has_no_markup():
    assert text("*a* <b> [c](d) `e` $f$ g_h") == r"\*a\* \<b\> \[c\](d) \`e\` \$f\$ g\_h"


def test_integers_and_truth_values_are_part_of_the_page():
    with record_all():
        x = mt.tensor([1.0, -2.0], name="x", requires_grad=True)
        out = mt.where((x > 0).named("positive"), x, x * 0.1)
    assert "`positive`" in mt.derive(out, [1.0, 1.0]).markdown
