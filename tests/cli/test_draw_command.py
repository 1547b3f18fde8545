"""``micrograd-tensor draw``: built-in graphs and files of the user's, every format and view, and what is unusable."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import webbrowser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.cli import main
from micrograd_tensor.cli.builtin_graphs import BUILTINS, made
from micrograd_tensor.draw.views import VIEWS
from micrograd_tensor.graph.axes import axis_names

FILE = """
import numpy as np
import beside
import micrograd_tensor as mt

x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)

def square():
    import beside
    return (x * x).named("y")

def with_upstream():
    return square(), [10.0, 20.0]

def forward_only():
    return square(), None

def a_graph():
    return mt.graph(square(), np.ones(2))

def several():
    return [square(), (x * 2.0).sum()]

def loss():
    return square().sum().named("loss")

def constant():
    return mt.tensor([1.0, 2.0])

def takes(a):
    return a

def nothing():
    pass

def three():
    return x * 2.0, (mt.exp(x), x * x)

def wrong_upstream():
    return square(), [1.0, 2.0, 3.0]

def fails():
    return x @ mt.tensor(np.ones((3, 3)), name="w")

def leaves():
    raise SystemExit("enough")

def deep():
    y = x
    for _ in range(500):
        y = -y
    return y

number = 3

def three_and_a_word():
    return x, x, "x"

def two():
    return square(), x * 3.0

def two_of_other_shapes():
    return square(), mt.exp(mt.tensor([[1.0]], name="plain"))

def plain():
    p = mt.tensor([1.0, 2.0], name="p")
    return (p * p).sum() * x

def computed_upstream():
    return square(), mt.tensor([1.0, 2.0]) * 3.0
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(FILE)
    (tmp_path / "beside.py").write_text("")
    (tmp_path / "broken.py").write_text("def f(:\n")
    (tmp_path / "raises.py").write_text("x = 1\ny = x / 0\n")
    (tmp_path / "occupied.svg").mkdir()
    return tmp_path


def run(capsys, *arguments):
    """Exit status, standard output and standard error of the command, run in this process."""
    try:
        status = main([str(a) for a in arguments])
    except SystemExit as stop:  # argparse's own refusals
        status = stop.code
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def texts(path):
    return [e.text for e in ElementTree.parse(path).iter() if e.tag.endswith("text")]  # noqa: S314 -- our own picture


# --------------------------------------------------------------------------------------------------------- built in


@pytest.mark.parametrize("name", BUILTINS)
def test_each_built_in_graph_is_drawn(folder, capsys, name):
    status, printed, said = run(capsys, "draw", name)
    assert (status, said) == (0, "")
    assert f"circuit: {name}.svg" in printed
    assert re.match(rf"{name}: \d+ gates, \d+ leaves, forward and backward; .* from seed 0\n", printed)
    out, upstream = made(name)
    assert (folder / f"{name}.svg").read_text() == mt.draw(out, upstream, dims=BUILTINS[name].dims).svg


@pytest.mark.parametrize("name", BUILTINS)
def test_built_in_gradients_are_right_at_a_point_that_hides_nothing(name):
    out, upstream = made(name)
    graph = mt.graph(out, upstream)
    leaves = [node for node in graph.nodes if node.is_leaf and node.requires_grad]
    assert leaves
    for leaf in leaves:
        assert np.abs(graph.gradients[leaf].value).max() > 1e-3
    assert out.name
    assert all(node.name for node in leaves)


def test_the_names_of_axes_are_those_of_axes():
    for name, builtin in BUILTINS.items():
        out, _ = made(name)
        labels = axis_names(mt.graph(out), builtin.dims)
        assert {label for axes in labels.values() for label in axes} - {None} == set(builtin.dims)


def test_they_are_listed(capsys):
    status, printed, _ = run(capsys, "draw", "--list")
    assert status == 0
    assert [line.split()[0] for line in printed.splitlines()] == list(BUILTINS)


def test_the_seed_decides_the_numbers(folder, capsys):
    pictures = []
    for seed in (1, 1, 2):
        assert run(capsys, "draw", "attention", "--seed", seed)[0] == 0
        pictures.append((folder / "attention.svg").read_bytes())
    assert pictures[0] == pictures[1] != pictures[2]


# --------------------------------------------------------------------------------------------------- files and options


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("square", "upstream gradient drawn from seed 0"),
        ("with_upstream", "forward and backward\n"),
        ("forward_only", "forward only\n"),
        ("a_graph", "forward and backward\n"),
        ("several", "upstream gradient drawn from seed 0"),
        ("loss", "upstream gradient 1\n"),
        ("constant", "no upstream gradient, since"),
    ],
)
def test_a_function_of_a_file_is_drawn(folder, capsys, name, expected):
    status, printed, said = run(capsys, "draw", f"mine.py:{name}")
    assert (status, said) == (0, "")
    assert expected in printed
    assert texts(folder / f"{name}.svg")
    assert sorted(p.name for p in folder.iterdir() if p.suffix == ".svg") == sorted([f"{name}.svg", "occupied.svg"])


@pytest.mark.parametrize(
    ("function", "outputs"), [("two", 2), ("three", 3), ("several", 2), ("two_of_other_shapes", 2)]
)
def test_several_results_are_several_outputs(folder, capsys, function, outputs):
    assert run(capsys, "draw", f"mine.py:{function}", "--view", "forward")[0] == 0
    picture = (folder / f"{function}.svg").read_text(encoding="utf-8")
    assert len(re.findall(r'id="sink-\d+"', picture)) == outputs


def test_an_upstream_may_be_computed(folder, capsys):
    assert run(capsys, "draw", "mine.py:computed_upstream")[0] == 0
    assert "dy (2,)  3.00…6.00" in texts(folder / "computed_upstream.svg")


def test_what_a_function_makes_of_plain_data_is_drawn(folder, capsys):
    status, printed, _ = run(capsys, "draw", "mine.py:plain")
    assert status == 0
    assert "3 gates, 2 leaves" in printed


def test_a_given_upstream_is_taken(folder, capsys):
    assert run(capsys, "draw", "mine.py:with_upstream")[0] == 0
    assert "dy (2,)  10.00…20.00" in texts(folder / "with_upstream.svg")


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf", "html", "dot", "txt"])
def test_the_suffix_names_the_format(folder, capsys, suffix):
    start = {
        "svg": b"<svg",
        "png": b"\x89PNG",
        "pdf": b"%PDF",
        "html": b"<!DOCTYPE",
        "dot": b"digraph",
        "txt": b"Circuit",
    }
    status, printed, _ = run(capsys, "draw", "mine.py:square", "-o", folder / f"picture.{suffix}")
    assert status == 0
    assert f"circuit: {folder / f'picture.{suffix}'}" in printed
    assert (folder / f"picture.{suffix}").read_bytes().startswith(start[suffix])


ASKS = {"gate": ["--at", "8"], "path": ["--at", "x", "--at", "out"], "difference": ["--against", "batchnorm"]}


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_can_be_asked_for(folder, capsys, view):
    arguments = [*ASKS.get(view, []), "-o", "view.svg"]
    assert run(capsys, "draw", "batchnorm", "--view", view, *arguments)[0] == 0
    assert texts(folder / "view.svg")


def test_options_reach_the_picture(folder, capsys):
    out, upstream = made("mlp")
    options = {"detail": "shape", "collapse": ["mlp/hidden"], "theme": "dark", "dims": {"N": 5}, "width": 1500.0}
    arguments = ["--detail", "shape", "--collapse", "mlp/hidden", "--theme", "dark", "--dims", "N=5", "--width", "1500"]
    assert run(capsys, "draw", "mlp", *arguments)[0] == 0
    assert (folder / "mlp.svg").read_text() == mt.draw(out, upstream, **options).svg
    assert run(capsys, "draw", "mlp", "--depth", "0")[0] == 0
    assert (folder / "mlp.svg").read_text() == mt.draw(out, upstream, depth=0, dims=BUILTINS["mlp"].dims).svg
    assert run(capsys, "draw", "batchnorm", "--view", "gate", "--at", "x_norm")[0] == 0
    by_name = (folder / "batchnorm.svg").read_text()
    assert run(capsys, "draw", "batchnorm", "--view", "gate", "--at", "8")[0] == 0
    assert (folder / "batchnorm.svg").read_text() == by_name


def test_open_shows_the_picture(folder, capsys, monkeypatch):
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or len(opened) == 1)
    assert run(capsys, "draw", "mine.py:square", "--open")[0] == 0
    assert opened == [(folder / "square.svg").as_uri()]
    status, printed, _ = run(capsys, "draw", "mine.py:square", "--open")
    assert status == 0
    assert f"no browser can be opened; the picture is at {opened[0]}" in printed


# --------------------------------------------------------------------------------------------------------- terminals


def test_the_listing_is_printed(folder, capsys):
    status, printed, _ = run(capsys, "draw", "batchnorm", "--view", "ascii")
    out, upstream = made("batchnorm")
    assert status == 0
    assert printed == mt.draw(out, upstream, dims=BUILTINS["batchnorm"].dims).text
    assert not list(folder.glob("batchnorm.*"))


def test_its_width_is_in_columns(folder, capsys):
    _, printed, _ = run(capsys, "draw", "batchnorm", "--view", "ascii", "--width", "60")
    assert max(map(len, printed.splitlines())) <= 60
    assert max(map(len, printed.splitlines())) > 50


@pytest.mark.parametrize(
    ("encoding", "plain"), [("utf-8", False), ("ascii", True), ("latin-1", True), ("cp1252", True)]
)
def test_a_terminal_that_knows_ascii_only(tmp_path, encoding, plain):
    command = [sys.executable, "-W", "error", "-m", "micrograd_tensor", "draw", "attention", "--view", "ascii"]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(command, capture_output=True, check=True, env=environment, cwd=tmp_path)
    text = done.stdout.decode(encoding)
    assert text.isascii() == plain
    assert "?" not in text
    assert len(text.splitlines()) > 40


# ---------------------------------------------------------------------------------------------------------- unusable

UNUSABLE = {
    "nothing": ([], "draw: give FILE.py:FUNCTION, or the NAME of a built-in graph"),
    "no such graph": (["batchnorn"], "'batchnorn' is not a built-in graph; did you mean 'batchnorm'"),
    "a file alone": (["mine.py"], "mine.py is a file; name a function in it too"),
    "no name after the colon": (["mine.py:"], "mine.py is a file; name a function in it too, such as mine.py:forward"),
    "a missing file": (["missing.py:f"], "missing.py is not a file"),
    "a folder": (["occupied.svg:f"], "occupied.svg is a directory"),
    "no Python": (["broken.py:f"], "SyntaxError"),
    "a file that fails": (["raises.py:f"], "raises.py, line 2"),
    "a missing function": (["mine.py:squared"], "mine.py has no function 'squared'; did you mean 'square'"),
    "no function": (["mine.py:number"], "mine.py has no function 'number'"),
    "nothing alike": (["batchnorm", "--dims", "N=q:0"], "no node is called 'q'; there is 'x', 'gamma', 'beta', 'mean'"),
    "a function with arguments": (["mine.py:takes"], "takes takes arguments; write a function inputs() that"),
    "a function that returns nothing": (["mine.py:nothing"], "nothing() returned None; return a Tensor"),
    "a function that returns a word": (["mine.py:three_and_a_word"], "three_and_a_word() returned a tuple of 3"),
    "an upstream of another shape": (["mine.py:wrong_upstream"], "upstream"),
    "a function that fails": (["mine.py:fails"], "mine.py, line 43, in fails"),
    "a function that leaves": (["mine.py:leaves"], "SystemExit: enough"),
    "too many gates": (["mine.py:deep"], "500 gates"),
    "an unknown suffix": (["batchnorm", "-o", "x.gif"], "'x.gif' names none of the formats .svg"),
    "no suffix": (["batchnorm", "-o", "x"], "'x' names none of the formats"),
    "a folder to write to": (["batchnorm", "-o", "occupied.svg"], "occupied.svg is a folder"),
    "a folder that is missing": (["batchnorm", "-o", "no/x.svg"], "no/x.svg cannot be written: No such folder as no"),
    "a view without its place": (["batchnorm", "--view", "gate"], "--view gate needs --at,"),
    "a place that is missing": (["batchnorm", "--view", "gate", "--at", "x_nrm"], "x_norm"),
    "a place for another view": (
        ["batchnorm", "--at", "1"],
        "ignores --at 1; leave it out, or use --view gate or path",
    ),
    "an unknown scope": (["mlp", "--collapse", "mlp/hiden"], "hidden"),
    "a width too small": (["batchnorm", "--width", "5"], "width"),
    "a listing too narrow": (["batchnorm", "--view", "ascii", "--width", "5"], "needs 40 columns"),
    "a listing to be opened": (["batchnorm", "--view", "ascii", "--open"], "--open needs a file"),
    "another graph that is missing": (["mlp", "--view", "difference", "--against", "mpl"], "did you mean 'mlp'"),
    "an unknown view": (["batchnorm", "--view", "side"], "invalid choice"),
    "an unknown theme": (["batchnorm", "--theme", "blue"], "invalid choice"),
    "an unknown detail": (["batchnorm", "--detail", "some"], "invalid choice"),
    "a depth below 0": (["batchnorm", "--depth=-1"], "'-1' is not a whole number"),
    "a width that is no number": (["batchnorm", "--width", "wide"], "'wide' is not a finite number above 0"),
    "an infinite width": (["batchnorm", "--width", "inf"], "'inf' is not a finite number above 0"),
    "a length without a name": (
        ["batchnorm", "--dims", "7"],
        "'7' names no axis; write N=x:0 for axis 0 of x, or N=7 for its length",
    ),
    "a length that is no number": (["batchnorm", "--dims", "N=x"], "names no axis"),
    "a seed that is no number": (["batchnorm", "--seed", "x"], "'x' is not a whole number"),
    "an unknown option": (["batchnorm", "--colour"], "unrecognized arguments"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_unusable_input_is_exit_status_2_and_writes_nothing(folder, capsys, case):
    (folder / "batchnorm.svg").write_text("the old picture")
    before = sorted(folder.rglob("*"))
    arguments, expected = UNUSABLE[case]
    status, printed, said = run(capsys, "draw", *arguments)
    assert status == 2
    assert expected in said
    assert "Traceback" not in said
    assert "site-packages" not in said
    assert printed == ""
    assert sorted(folder.rglob("*")) == before
    assert (folder / "batchnorm.svg").read_text() == "the old picture"


def test_the_users_lines_are_shown_and_none_of_ours(folder, capsys):
    _, _, said = run(capsys, "draw", "mine.py:fails")
    assert 'return x @ mt.tensor(np.ones((3, 3)), name="w")' in said
    assert "ShapeError: matmul: x (2,) and w (3, 3) do not chain" in said
    assert "micrograd_tensor/" not in said.replace(str(folder), "")
    assert len(said.splitlines()) == 4


def test_it_runs_as_a_program_of_its_own(folder):
    command = [sys.executable, "-W", "error", "-m", "micrograd_tensor", "draw", "mine.py:square"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (folder / "square.svg").read_text().startswith("<svg")


@pytest.mark.parametrize("name", ["f.svg", "linked.svg"])
def test_the_users_file_is_never_replaced_by_a_picture(tmp_path, monkeypatch, capsys, name):
    source = "import micrograd_tensor as mt\ndef circuit(): return mt.tensor(2.0, requires_grad=True) * 3\n"
    monkeypatch.chdir(tmp_path)
    Path("f.svg").write_text(source)
    Path("linked.svg").symlink_to("f.svg")
    assert main(["draw", "f.svg:circuit", "-o", name]) == 2
    assert f"{name} is f.svg itself" in capsys.readouterr().err
    assert Path("f.svg").read_text() == source
