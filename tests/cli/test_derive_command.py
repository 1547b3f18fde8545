"""``micrograd-tensor derive``: what it prints and writes, and what it says of whatever it cannot use."""

import json
import re
import subprocess
import sys

import pytest
from ten_lines import TEN_LINES

import micrograd_tensor as mt
from micrograd_tensor.cli import main
from micrograd_tensor.cli.builtin_graphs import BUILTINS, made

FILE = """
import numpy as np
import micrograd_tensor as mt

def circuit():
    x = mt.tensor(np.arange(6.0).reshape(3, 2), name="x", requires_grad=True)
    return mt.mean(mt.square(x), axis=0).named("y")

def nothing():
    return 3

def forward_only():
    return mt.graph(circuit())

def without_gradients():
    return mt.exp(mt.tensor([1.0]))

def two():
    y = circuit()
    return y * 2, y * 3, "y"

def scale(x, factor):
    return x * factor

def inputs():
    return np.ones(3)
"""


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(FILE, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", BUILTINS)
def test_a_built_in_graph_is_derived_on_the_terminal(name, capsys):
    assert main(["derive", name]) == 0
    assert capsys.readouterr().out == f"{mt.derive(*made(name), dims=BUILTINS[name].dims)}\n"


@pytest.mark.parametrize("suffix", ["md", "tex", "html", "ipynb", "py"])
def test_it_writes_the_file_that_the_suffix_names(suffix, tmp_path, capsys):
    path = tmp_path / f"page.{suffix}"
    assert main(["derive", "batchnorm", "-o", str(path)]) == 0
    page = mt.derive(*made("batchnorm"), dims=BUILTINS["batchnorm"].dims)
    assert path.read_text(encoding="utf-8") == page.text(f".{suffix}")
    out = capsys.readouterr().out
    assert out == f"batchnorm: 19 steps; numbers and upstream gradient drawn from seed 0\nderivation: {path}\n"


def test_a_function_of_ones_own_with_names_of_axes(mine, tmp_path, capsys):
    assert main(["derive", f"{mine}:circuit", "--dims", "N=x:0", "--dims", "D=x:1"]) == 0
    assert "dx = 2 · dy · x / N  (N, D)" in capsys.readouterr().out
    assert main(["derive", f"{mine}:circuit", "--dims", "N=x:0", "--dims", "N=x:1"]) == 0
    assert "given x (N, N)," in capsys.readouterr().out
    assert main(["derive", f"{mine}:circuit", "-o", str(tmp_path / "y.py"), "--dims", "N=3"]) == 0
    done = subprocess.run(
        [sys.executable, tmp_path / "y.py"], capture_output=True, text=True, check=True, env={"PYTHONPATH": "."}
    )
    assert "dx: slope" in done.stdout


def test_the_options_for_the_closed_form_for_exercises_and_for_slides(tmp_path, capsys):
    assert main(["derive", "batchnorm", "--closed"]) == 0
    assert "forward" not in capsys.readouterr().out
    assert main(["derive", "batchnorm", "--exercise"]) == 0
    assert "dvar = …" in capsys.readouterr().out
    path = tmp_path / "slides.tex"
    assert main(["derive", "batchnorm", "--beamer", "-o", str(path)]) == 0
    assert r"\documentclass{beamer}" in path.read_text(encoding="utf-8")
    notebook = tmp_path / "n.ipynb"
    assert main(["derive", "batchnorm", "--exercise", "-o", str(notebook)]) == 0
    assert json.loads(notebook.read_text(encoding="utf-8"))["nbformat"] == 4


def test_list(capsys):
    assert main(["derive", "--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [*BUILTINS]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "derive: give FILE.py:FUNCTION, or the NAME of a built-in graph; --list lists these"),
        (["batchnrm"], "derive: 'batchnrm' is not a built-in graph; did you mean 'batchnorm' or 'layernorm'?; --list"),
        (["{file}"], "derive: {file} is a file; name a function in it too, such as {file}:forward"),
        (["{file}:"], "derive: {file} is a file; name a function in it too, such as {file}:forward"),
        (
            ["{file}:two"],
            "{file}: two() returned a tuple of 3; return a Tensor, (Tensor, upstream gradient), several",
        ),
        (["{file}:scale"], "{file}: inputs() does not give factor, which scale takes"),
        (["{file}:circuit", "--dims", "N=x:0", "--dims", "N=3"], "dims: N is 3, which names no axis"),
        (["{file}:missing"], "{file} has no function 'missing'"),
        (["{file}:nothing"], "{file}: nothing() returned a int"),
        (["{file}:forward_only"], "{file}:forward_only: derive: this graph has no backward pass"),
        (["{file}:without_gradients"], "depends on nothing that requires gradients"),
        (["nowhere.py:f"], "nowhere.py is not a file; give a Python file"),
        (["batchnorm", "-o", "page.docx"], "save: 'page.docx' names none of the formats .md, .tex, .html, .ipynb and"),
        (
            ["batchnorm", "-o", "{folder}/no/page.md"],
            "{folder}/no/page.md cannot be written: No such folder as",
        ),
        (["batchnorm", "--beamer"], "derive: --beamer makes a file; give -o slides.tex"),
        (["batchnorm", "--beamer", "-o", "x.md"], "save: slides are in LaTeX, and 'x.md' is not"),
        (["batchnorm", "--closed", "--exercise"], "batchnorm: derive: an exercise has no closed form"),
        (["batchnorm", "--dims", "N=z:0"], "batchnorm:"),
        (
            ["{file}:circuit", "-o", "{file}"],
            "{file} is {file} itself, which stays as it is; give another file",
        ),
    ],
)
def test_what_cannot_be_used_ends_with_one_line_and_status_2(arguments, said, mine, tmp_path, capsys):
    filled = [argument.format(file=mine, folder=tmp_path) for argument in arguments]
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert main(["derive", *filled]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said.format(file=mine, folder=tmp_path) in captured.err
    assert captured.err.startswith("micrograd-tensor: ")
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("argument", ["N", "N=", "=x:0", "N=x:", "N=x:one", "N=-1"])
def test_dims_that_name_no_axis_are_refused_as_by_draw(argument, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["derive", "batchnorm", "--dims", argument])
    assert "names no axis; write N=x:0 for axis 0 of x, or N=7 for its length" in capsys.readouterr().err


def test_a_function_as_it_is_written_for_arrays_is_derived_in_its_own_words(tmp_path):
    (tmp_path / "bn.py").write_text(TEN_LINES, encoding="utf-8")
    page = tmp_path / "bn.md"
    assert (
        main(["derive", f"{tmp_path / 'bn.py'}:batchnorm", "-o", str(page), "--dims", "N=x:0", "--dims", "D=x:1"]) == 0
    )
    text = page.read_text(encoding="utf-8")
    stages = re.findall(r"^    (\w+) = ", TEN_LINES, re.MULTILINE)[1:]
    assert re.findall(r"^### Step (\d+): `(\w+)`$", text, re.MULTILINE) == [
        *((str(k), name) for k, name in reversed(list(enumerate(stages, 1)))),
        ("0", "x"),
    ]
    assert "dx = gamma * (dout - dbeta / N - dgamma * x_norm / N) / stddev" in text
