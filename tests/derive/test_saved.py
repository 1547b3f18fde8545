"""What is saved: every kind by its suffix, notebooks whose cells run, the closed form alone, and the listing."""

import json
import os
import re
import runpy
import subprocess
import sys

import numpy as np
import pytest
from derived import GRAPHS, derived

import micrograd_tensor as mt
from micrograd_tensor.cli.builtin_graphs import BUILTINS
from micrograd_tensor.notation import ONE_LINE

KINDS = {".md": "markdown", ".tex": "latex", ".html": "html", ".ipynb": "notebook", ".py": "numpy"}


@pytest.mark.parametrize("suffix", KINDS)
def test_the_suffix_chooses_the_kind(tmp_path, suffix):
    page = derived("batchnorm")
    path = tmp_path / f"page{suffix}"
    assert page.save(str(path)) == path
    assert path.read_text(encoding="utf-8") == getattr(page, KINDS[suffix])
    page.save(path.with_suffix(suffix.upper()))


def test_slides_are_saved_on_request(tmp_path):
    page = derived("scalar")
    path = page.save(tmp_path / "slides.tex", beamer=True)
    assert path.read_text(encoding="utf-8") == page.beamer
    with pytest.raises(ValueError, match=r"slides are in LaTeX, and 'x.md' is not; give a file that ends in .tex"):
        page.save(tmp_path / "x.md", beamer=True)


@pytest.mark.parametrize("name", ["page.docx", "page", ".md"])
def test_another_suffix_is_named_with_those_there_are(tmp_path, name):
    with pytest.raises(ValueError, match=f"save: '{name}' names none of the formats .md, .tex, .html, .ipynb and .py"):
        derived("scalar").save(tmp_path / name)
    assert [*tmp_path.iterdir()] == []


def test_a_folder_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        derived("scalar").save(tmp_path / "nowhere" / "page.md")


def test_every_kind_has_the_same_bytes_for_every_hash_seed():
    program = "import micrograd_tensor as mt; from micrograd_tensor.cli.builtin_graphs import BUILTINS, made; "
    program += "pages = [mt.derive(*made(n), dims=BUILTINS[n].dims) for n in ('mlp', 'attention')]; "
    program += f"kinds = ['', *{[*KINDS]}]; "
    program += "print(*(page.text(kind) for page in pages for kind in kinds), *(page.beamer for page in pages))"
    texts = [
        subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in "12"
    ]
    assert texts[0] == texts[1]
    assert len(texts[0]) > 100_000


# ---------------------------------------------------------------------------------------------------------- notebooks


def run(notebook):
    """The values of the comparisons in a notebook whose cells are run in order, and all of its names."""
    made = json.loads(notebook)
    assert (made["nbformat"], made["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in made["cells"]]
    assert len({*ids}) == len(ids)
    space, compared = {}, []
    for cell in made["cells"]:
        keys = {"cell_type", "id", "metadata", "source"}
        assert cell.keys() - keys == ({"execution_count", "outputs"} if cell["cell_type"] == "code" else set())
        if cell["cell_type"] == "code":
            *lines, last = "".join(cell["source"]).split("\n")
            if last.startswith("[np.allclose"):
                exec("\n".join(lines), space)  # noqa: S102 -- to run what is printed is the test
                compared.append(eval(last, space))  # noqa: S307
            else:
                exec("".join(cell["source"]), space)  # noqa: S102
    return compared, space


@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize("name", GRAPHS)
def test_the_cells_of_a_notebook_run_in_order_and_all_ways_agree(name, labelled):
    dims = BUILTINS[name].dims if labelled and name in BUILTINS else None
    page = derived(name, dims=dims)
    with np.errstate(all="ignore"):
        compared, space = run(page.notebook)
    results = [x for x in page.graph.gradients if x.is_leaf]
    assert all(map(all, compared))
    assert [len(each) for each in compared] in ([len(results)], [len(results)] * 2)
    assert all(page.names.gradients[x] in space for x in results)


def test_a_notebook_compares_the_closed_form_too():
    assert run(derived("batchnorm").notebook)[0] == [[True] * 3, [True] * 3]


def test_a_fault_in_a_step_is_noticed_by_the_notebook():
    notebook = derived("batchnorm").notebook
    wrong = notebook.replace("dvar = dstddev / (2 * stddev)", "dvar = dstddev / stddev", 1)
    assert wrong != notebook
    assert [all(each) for each in run(wrong)[0]] == [False, False]


def test_values_may_have_the_names_of_the_notebooks_own():
    names = ["forward", "backward", "rng", "inputs", "upstream", "cache", "gradients", "needed", "found", "step"]
    total = mt.tensor(np.array([0.5, 1.5]), name="given", requires_grad=True)
    for name in names:
        total = mt.tanh(total * mt.tensor(np.array([0.7, 1.1]), requires_grad=True, name=f"{name}_w")).named(name)
    compared, _ = run(mt.derive(total).notebook)
    assert all(map(all, compared))
    assert compared


def test_the_exercise_as_a_notebook_leaves_the_gradients_to_be_filled_in():
    compared, space = run(derived("batchnorm", exercise=True).notebook)
    assert compared == []
    assert space["dvar"] is None
    assert space["out"].shape == (7, 4)


# ---------------------------------------------------------------------------------------------------------- closed form


@pytest.mark.parametrize("suffix", KINDS)
def test_the_closed_form_alone_is_saved_in_every_kind(tmp_path, suffix):
    page = derived("batchnorm", dims={"N": 7, "D": 4})
    text = page.save(tmp_path / f"page{suffix}", closed=True).read_text(encoding="utf-8")
    assert "dx_norm" not in text
    assert "stddev" in text.replace("\\", "")
    if suffix == ".py":
        backward = runpy.run_path(str(tmp_path / "page.py"))["backward"]
        found = backward(**page.closed_form.arguments)
        for value, name in zip(found, ("x", "gamma", "beta"), strict=True):
            np.testing.assert_allclose(value, page.graph.gradients[page.graph[name]].value, rtol=1e-10)
    if suffix == ".ipynb":
        run(text)


def test_an_exercise_has_no_closed_form(tmp_path):
    with pytest.raises(mt.GradientError, match="an exercise has no closed form"):
        derived("batchnorm", exercise=True).save(tmp_path / "x.md", closed=True)
    assert [*tmp_path.iterdir()] == []


# -------------------------------------------------------------------------------------------------------------- listing


@pytest.mark.parametrize("name", GRAPHS)
def test_the_listing_has_a_line_for_each_formula(name):
    page = derived(name)
    contents = page.contents()
    formulas = [formula for section in contents.sections for formula in section.formulas]
    lines = [line for line in str(page).split("\n") if " = " in line]
    for line, formula in zip(lines, [*formulas, *contents.closed_form], strict=True):
        assert re.fullmatch(rf" *(\(\d+\))? +{re.escape(formula.write(ONE_LINE))} +{re.escape(formula.shape)}", line)


def test_the_listing_of_batch_norm():
    text = str(derived("batchnorm", dims={"N": 7, "D": 4}))
    assert "(5) stddev = √(var + 1e−5)                    (D,)\n" in text
    assert "(0) dx = dx (A) + dx (B)                                        (N, D)\n" in text
    assert text.endswith("dx = gamma · (dout − dbeta / N − dgamma · x_norm / N) / stddev  (N, D)")
    assert all(line == line.rstrip() for line in text.split("\n"))


def test_the_listing_of_an_exercise_and_of_the_closed_form_alone():
    exercise = str(derived("batchnorm", exercise=True)).partition("backward")[2]
    assert exercise.count(" = …") == exercise.count("=") == 15
    closed = derived("batchnorm").text(closed=True)
    assert "forward" not in closed
    assert closed.count(" = ") == 3
