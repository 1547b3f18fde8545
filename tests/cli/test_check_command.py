"""``micrograd-tensor check``: right, wrong and unusable derivations, what is said of each, and the exit status."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ten_lines import TEN_LINES

import micrograd_tensor as mt
from micrograd_tensor.cli import main
from micrograd_tensor.cli.exercise import read
from micrograd_tensor.cli.starters import STARTERS
from micrograd_tensor.cli.user_file import user_file
from micrograd_tensor.notation import formula

DERIVATIONS = Path(__file__).parents[1] / "check" / "derivations"
SOLVED = sorted(path.stem for path in DERIVATIONS.glob("*.py"))

SMALL = """
import numpy as np
import micrograd_tensor as mt

def inputs():
    rng = np.random.default_rng(0)
    return {"x": rng.normal(size=(5, 3)), "w": rng.normal(size=(3, 4))}

def forward(x, w):
    product = (x @ w).named("product")
    return mt.tanh(product).named("out")

def backward(dout, cache):
    x, w, out = cache["x"], cache["w"], cache["out"]
    dproduct = dout * (1 - out**2)
    dx = dproduct @ w.T
    dw = x.T @ dproduct
    return locals()
"""


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture
def check(tmp_path, monkeypatch, capsys):
    """Runs the command on a text; gives the exit status, what was printed and what was said of errors."""
    monkeypatch.chdir(tmp_path)

    def run(text, *options):
        Path("mine.py").write_text(text, encoding="utf-8")
        status = main(["check", "mine.py", *options])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def changed(*replacements, text=SMALL):
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return text


def verdicts(printed):
    """The verdict of every stage in a printed table."""
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed.splitlines() if line.startswith("│")]
    return {row[0]: row[2] for row in rows}


LOOP = """
import math
import numpy as np

def inputs():
    return {"x": np.array([1.0, -2.0, 0.5]), "w": np.array(1.5)}

def forward(x, w):
    h = np.zeros(3)
    for i in range(3):
        h[i] = x[i] * w
    return h * w

def backward(dout, cache):
    return {"dx": dout * cache["w"] ** 2, "dw": np.sum(2 * dout * cache["x"] * cache["w"])}
"""


@pytest.mark.parametrize(
    "line",
    [
        "h[i] = math.sqrt(x[i] ** 2) * 1.5",
        "h[i] = math.exp(w) + x[i] * 1.0",
        "h[i] = x[i].item() * 2",
        "h[i] = int(x[i]) * w",
    ],
)
def test_a_number_that_leaves_the_graph_is_refused_with_its_line(check, line):
    status, printed, error = check(changed(("h[i] = x[i] * w", line), text=LOOP))
    assert (status, printed) == (2, "")
    assert f"line 11, in forward\n    {line}\nGradientWarning: " in error
    assert "gives a number that is not recorded" in error


@pytest.mark.parametrize(
    "line", ["h[i] = x[i] * w", "h[i] += x[i] * w", "h[i : i + 1] = x[i] * w", "h[[i]] = w * x[i]"]
)
def test_a_forward_pass_may_fill_an_array(check, line):
    text = changed(("h[i] = x[i] * w", line), text=LOOP)
    assert check(text)[0] == 0
    status, printed, _ = check(changed(("2 * dout", "dout"), text=text))
    assert status == 1
    assert "✗ dw is wrong" in printed


# ------------------------------------------------------------------------------------------- right, wrong, unfinished


@pytest.mark.parametrize("name", SOLVED)
def test_every_solution_is_right(name, capsys):
    assert main(["check", str(DERIVATIONS / f"{name}.py")]) == 0
    printed = capsys.readouterr().out
    assert set(verdicts(printed).values()) == {"✓ right"}
    assert f"All {len(verdicts(printed))} gradients are right.\n" in printed
    assert "cannot tell apart" not in printed


@pytest.mark.parametrize("seed", ["1", "12345"])
@pytest.mark.parametrize("name", SOLVED)
def test_every_solution_is_right_at_other_points(name, seed, capsys):
    assert main(["check", str(DERIVATIONS / f"{name}.py"), "--seed", seed]) == 0
    assert f"dout drawn from seed {seed}" in capsys.readouterr().out


def starter(name, file="mine.py"):
    return mt.derive(STARTERS[name](np.random.default_rng(0))).starter(file)


def blanks(text):
    """The stages of the blanks of a starter, with the shapes that are said of them."""
    back = text.split("def backward")[1]
    found = dict(re.findall(r"^    d(\w+) = None  # (\(.*?\)) gradient of \1$", back, re.MULTILINE))
    assert back.count(" = None") == len(found)
    return found


@pytest.mark.parametrize("name", STARTERS)
def test_a_starter_as_it_is_written_has_all_stages_to_go(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["check", "--new", name]) == 0
    assert f"{name}.py is written" in capsys.readouterr().out
    assert main(["check", f"{name}.py"]) == 1
    printed = capsys.readouterr().out
    found = verdicts(printed)
    assert set(found.values()) == {"· not given"}
    assert f"Nothing wrong so far; {len(found)} stages to go." in printed
    empty = re.findall(
        r"^    (d\w+) = None  # (\(.*?\)) gradient of (\w+)$", Path(f"{name}.py").read_text(), re.MULTILINE
    )
    assert {gradient for gradient, _, _ in empty} == set(found)
    assert all(gradient == f"d{stage}" for gradient, _, stage in empty)
    shapes = {line.split("│")[1].strip(): line.split("│")[2].strip() for line in printed.splitlines() if "│" in line}
    assert {gradient: shape for gradient, shape, _ in empty} == shapes


@pytest.mark.parametrize("name", STARTERS)
def test_a_starter_filled_in_with_its_solution_is_right(name, check):
    solution = (DERIVATIONS / f"{name}.py").read_text()
    head, marker = starter(name).split("def backward")[0], "def backward"
    constants = "".join(re.findall(r"^[A-Z]+ = .*\n", solution, re.MULTILINE))
    status, printed, _ = check(head + constants + marker + solution.split(marker)[1])
    assert status == 0
    assert set(verdicts(printed).values()) <= {"✓ right", "· not given"}


@pytest.mark.parametrize("name", STARTERS)
def test_a_starter_filled_in_by_the_derivation_is_right_and_complete(name, tmp_path, check):
    text = starter(name)
    (tmp_path / "starter.py").write_text(text)
    with user_file(tmp_path / "starter.py") as module:
        graph = read(module, tmp_path / "starter.py", 0).captured
    head, marker = text.split("def backward")[0], "def backward"
    before, back = mt.derive(graph).numpy.split("\ndef check")[0].split(marker)
    helpers = "".join(re.findall(r"^def (?!forward)(?:.*\n)(?:    .*\n|\n)+", before, re.MULTILINE))
    status, printed, _ = check(f"{head}{helpers}\n{marker}{back.rsplit('return', 1)[0]}return locals()")
    assert status == 0
    assert set(verdicts(printed).values()) == {"✓ right"}
    assert {f"d{stage}" for stage in blanks(text)} == set(verdicts(printed))


@pytest.mark.parametrize("name", STARTERS)
def test_a_starter_has_a_blank_for_every_gradient_after_all_that_it_is_made_from(name, tmp_path):
    """Once each, with its shape, and a comment before it that says the formula of its stage, but no hint above."""
    text = starter(name)
    (tmp_path / "mine.py").write_text(text)
    with user_file(tmp_path / "mine.py") as module:
        graph = read(module, tmp_path / "mine.py", 0).captured
    named = {node.name: node for node in graph.gradients if node.name}
    assert blanks(text) == {name: str(node.shape) for name, node in named.items() if node not in graph.outputs}
    order = list(blanks(text))
    for node in named.values():
        for x in node.inputs:
            if {x.name, node.name} <= {*order}:
                assert order.index(node.name) < order.index(x.name)
    said = " ".join(re.findall(r"    # (.*)", text.split("def backward")[1]))
    for node in named.values():
        if not node.is_leaf:
            assert f"{node.name} = {formula(node)}." in said
    used = {x.name for node in graph.backward for x in node.inputs if x in graph.nodes and x.name}
    assert used == set(re.findall(r'^    (\w+) = cache\["\1"\]$', text, re.MULTILINE))


OWN = """
import numpy as np
import micrograd_tensor as mt

def inputs(seed=0):
    rng = np.random.default_rng(seed)
    return {"x": rng.normal(size=(3, 4)), "w": rng.normal(size=4), "kept": np.array([True, False, True, True])}

def forward(x, w, kept):
    shifted = (x - x.mean(axis=0)).named("class")
    return mt.sigmoid(mt.where(kept, shifted, 0.0) * w) @ x.T

def circuit():
    return mt.tanh(mt.tensor([1.0, 2.0], name="x", requires_grad=True))

def several():
    return [1, 2]

def nothing():
    return mt.tensor([1.0])
"""


@pytest.mark.parametrize("function", ["forward", "circuit"])
def test_a_starter_for_a_function_of_ones_own(function, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(OWN)
    assert main(["check", "--new", f"mine.py:{function}"]) == 0
    assert "mine_exercise.py is written" in capsys.readouterr().out
    assert main(["check", "mine_exercise.py"]) == 1
    assert set(verdicts(capsys.readouterr().out).values()) == {"· not given"}


def test_the_stages_of_a_function_are_called_as_its_variables(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("bn.py").write_text(TEN_LINES)
    assert main(["check", "--new", "bn.py:batchnorm"]) == 0
    text = Path("bn_exercise.py").read_text()
    steps = re.findall(r"^    (\w+) = .*  # \((\d)\)", text.split("def backward")[0], re.MULTILINE)
    stages = re.findall(r"^    (\w+) = ", TEN_LINES, re.MULTILINE)[1:]
    assert [(name, int(k)) for name, k in steps] == [(name, k) for k, name in enumerate(stages, 1)]


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("batchnrom", "'batchnrom' is no starter; did you mean 'batchnorm'"),
        ("mine.py", "give FILE.py:FUNCTION"),
        ("mine.py:backward", "has no function backward"),
        ("none.py:forward", "none.py is not a file"),
        ("mine.py:several", "several returned a list; it must return a Tensor"),
        ("mine.py:nothing", "what nothing returned depends on no input of floats"),
        (":forward", "is a directory"),
    ],
)
def test_what_no_starter_can_be_made_for_is_told_and_nothing_is_written(what, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(OWN)
    assert main(["check", "--new", what]) == 2
    assert says in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]


def test_a_mistake_is_told_with_its_line_its_kind_and_its_fix(check):
    status, printed, _ = check(changed(("dproduct = dout * (1 - out**2)", "dproduct = dout * (1 - out)")))
    assert status == 1
    assert verdicts(printed) == {
        "dproduct": "✗ wrong here",
        "dx": "→ right given upstream",
        "dw": "→ right given upstream",
    }
    assert "line 15: dproduct = dout * (1 - out)" in printed
    assert "1 gradient is wrong: dproduct." in printed


def test_hints_come_one_by_one(check):
    text = changed(("dx = dproduct @ w.T", "dx = 2 * dproduct @ w.T"))
    pages = [check(text, "--hints", str(n))[1] for n in range(4)]
    for n, page in enumerate(pages):
        assert ("1 where" in page) == (n >= 1)
        assert ("2 what kind" in page) == (n >= 2)
        assert ("constant factor" in page) == (n >= 2)
        assert ("  3 the fix " in page) == (n >= 3)
        assert ("There is more to know" in page) == (n in (1, 2))
        assert verdicts(page)["dx"] == "✗ wrong here"


def test_stages_in_between_may_be_left_out(check):
    body = "dw = x.T @ (dout * (1 - out**2))\n    dx = (dout * (1 - out**2)) @ w.T"
    status, printed, _ = check(re.sub(r"dproduct = .*@ dproduct", body, SMALL, flags=re.DOTALL))
    assert status == 0
    assert "The gradients of all inputs are right; 1 stage in between was not given." in printed


@pytest.mark.parametrize("missing", ["dx = dproduct @ w.T", "dw = x.T @ dproduct"])
def test_a_missing_gradient_of_an_input_is_not_right_yet(missing, check):
    status, printed, _ = check(changed((f"    {missing}\n", "")))
    assert status == 1
    assert "Nothing wrong so far; 1 stage to go." in printed


def test_a_wrong_shape_around_right_values_is_said_and_counts_as_right(check):
    status, printed, _ = check(changed(("dw = x.T @ dproduct", "dw = (x.T @ dproduct)[None]")))
    assert status == 0
    assert verdicts(printed)["dw"] == "! right values, wrong shape"
    assert "(3, 4), given (1, 3, 4)" in printed


# ---------------------------------------------------------------------------- what backward returns, raises and changes


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ("return None", "backward returned nothing"),
        ("return dx, dw", ""),
        ("return [dx, dw]", ""),
        ("return dict(dx=dx, dw=dw, dproduct=dproduct)", ""),
        ("return dx", "backward returned 1 array,"),
        ("return dw, dx", "another variable in the place of dx"),
    ],
)
def test_what_backward_may_return(returned, said, check):
    status, printed, _ = check(changed(("return locals()", returned)))
    assert status == (1 if returned == "return dw, dx" else 0)
    assert said in " ".join(printed.split())


def test_an_exception_is_shown_with_its_line_and_what_came_before_is_judged(check):
    status, printed, _ = check(changed(("dw = x.T @ dproduct", "dw = helper(x)"), ("def backward", HELPER)))
    assert status == 1
    assert "mine.py, line 20, in backward" in printed
    assert "dw = helper(x)" in printed
    assert "mine.py, line 14, in helper" in printed
    assert "ZeroDivisionError: division by zero" in printed
    assert "site-packages" not in printed
    assert "micrograd_tensor" not in printed
    assert verdicts(printed) == {"dproduct": "✓ right", "dx": "✓ right", "dw": "· not given"}


HELPER = "def helper(x):\n    return 1 / 0\n\ndef backward"


def test_an_exception_after_the_last_stage_is_not_right_either(check):
    status, printed, _ = check(changed(("return locals()", "raise ValueError('late')")))
    assert status == 1
    assert "ValueError: late" in printed
    assert "But backward is not right yet: it stops with an error." in printed


def test_a_stage_that_is_still_none_is_named_when_it_is_used(check):
    status, printed, _ = check(changed(("dproduct = dout * (1 - out**2)", "dproduct = None")))
    assert status == 1
    assert "dproduct is None there: fill it in first." in printed


def test_a_backward_that_changes_what_it_was_given_is_told(check):
    text = changed(("dx = dproduct @ w.T", "dx = dproduct @ w.T; dout *= 2; w[0] = 0"))
    status, printed, _ = check(text)
    assert status == 1
    assert "changes the upstream gradient that it was given" in printed
    assert "changes cache['w']" in printed
    assert "But backward is not right yet: it changes dout and cache['w'], which it was given." in printed


@pytest.mark.usefixtures("untraced")
def test_two_names_of_one_array_do_not_make_a_right_derivation_wrong(check):
    text = (DERIVATIONS / "batchnorm.py").read_text()
    split = (
        "dx = ddev_from_mean + np.ones((N, D)) / N * dmean",
        "dx = ddev_from_mean\n    dx += np.ones((N, D)) / N * dmean",
    )
    status, printed, _ = check(changed(split, text=text))
    assert status == 0
    assert "one array" not in printed
    status, printed, _ = check(changed((split[0], split[1] + " + 1"), text=text))
    assert status == 1
    assert verdicts(printed)["ddev_from_mean"] == "✓ right"
    assert verdicts(printed)["dx"] == "✗ wrong here"
    assert "ddev_from_mean and dx are one array in memory" in printed


def test_rebinding_dout_is_nobodys_mistake(check):
    text = changed(
        ("dproduct = dout * (1 - out**2)", "dout = (dout * (1 - out**2)).ravel(); dproduct = dout.reshape(5, 4)")
    )
    assert check(text)[0] == 0


def test_rebinding_dout_is_told_where_something_is_wrong(check):
    said = "backward reassigns dout"
    assert said not in check(SMALL.replace("    dproduct = dout", "    dout = 1.0 * dout\n    dproduct = dout"))[1]
    status, out, _ = check(
        SMALL.replace("    dproduct = dout", "    dout = np.sinh(3 + dout) * dout**3\n    dproduct = dout")
    )
    assert status == 1
    assert said in out


@pytest.mark.parametrize(
    ("again", "wrong"),
    [
        ("dout = 2.0 * dout", ""),  # whose line is told
        ("dout = dout.reshape(5, 4)", "np.sinh(3 + x) * "),
        ("dout = dout[::-1][::-1]", "np.sinh(3 + x) * "),
    ],
)
def test_rebinding_dout_is_not_told_where_it_is_no_reason(check, again, wrong):
    text = SMALL.replace("    dproduct = dout", f"    {again}\n    dproduct = dout")
    status, out, _ = check(text.replace("dx = ", f"dx = {wrong}"))
    assert status == 1
    assert "reassigns" not in out


def test_gradients_returned_in_the_wrong_order_are_told_and_only_the_line_that_returns_them_is_blamed(check):
    status, out, _ = check(SMALL.replace("return locals()", "return dw, dx"))
    assert status == 1
    assert "dx: shape (3, 4), where (5, 3) belongs; it is what dw should be" in out
    assert "dw: shape (5, 3), where (3, 4) belongs; it is what dx should be" in out
    assert "line 18: return dw, dx" in out
    assert "line" not in re.sub("this line|line 18|in line|one change of the line", "", out)
    assert "line 18: return dx, dw" in check(SMALL.replace("return locals()", "return dw, dx"), "--hints", "3")[1]


def test_what_is_computed_where_it_is_returned_puts_no_blame_on_another_line(check):
    out = check(SMALL.replace("return locals()", "return {'dx': 2 * dx, 'dw': 1 * dw}"))[1]
    assert "dx is wrong" in out
    assert "dx = dproduct @ w.T" not in out.split("dx is wrong")[1].split("2 what kind")[0]
    assert "return {'dx': 2 * dx, 'dw': 1 * dw}" in out.split("dx is wrong")[1].split("2 what kind")[0]


def test_upstream_and_cache_may_be_the_users_own(check):
    text = changed(
        ('"w": rng.normal(size=(3, 4))}', '"w": rng.normal(size=(3, 4)), "dout": rng.normal(size=(5, 4))}'),
        ('return mt.tanh(product).named("out")', "out = mt.tanh(product)\n    return out, (x, w, [out])"),
        (
            'x, w, out = cache["x"], cache["w"], cache["out"]',
            "x, w, (out,) = cache\n    assert type(out) is np.ndarray",
        ),
    )
    status, printed, _ = check(text)
    assert status == 0
    assert "drawn from seed" not in printed


def test_inputs_may_be_a_tuple_and_hold_more_than_arrays(check):
    text = changed(
        (
            "def forward(x, w):",
            "def forward(x, w, labels, power, scale=1.0):\n    assert power == 2 and labels.numpy()[0] == 3",
        ),
        (
            'return {"x": rng.normal(size=(5, 3)), "w": rng.normal(size=(3, 4))}',
            "return rng.normal(size=(5, 3)), [[0.5, 1.5, 1.0, 2.0]] * 3, np.arange(3, 8), 2",
        ),
        ("    dx =", "    assert cache['power'] == 2 and cache['labels'][0] == 3\n    dx ="),
    )
    status, _, error = check(text)
    assert (status, error) == (0, "")


def test_inputs_may_be_a_list_and_forward_may_have_defaults(check):
    text = changed(
        ("def forward(x, w)", "def forward(x, w, power=2)"),
        ('return {"x": rng.normal(size=(5, 3)), "w": rng.normal(size=(3, 4))}',
         "return [rng.normal(size=(5, 3)), rng.normal(size=(3, 4))]"),
        ("    dx =", "    assert cache['power'] == 2\n    dx ="),
    )  # fmt: skip
    assert check(text)[0] == 0


def test_one_array_alone_is_the_only_input(check):
    text = "import numpy as np\ndef inputs(): return np.arange(1.0, 6.0)\ndef forward(x): return x * x\n"
    assert check(text + "def backward(dout, cache): return 2 * cache['x'] * dout\n")[0] == 0
    assert check(text + "def backward(dout, cache): return 3 * cache['x'] * dout\n")[0] == 1


BAD_INPUT = [
    ("an extra array of a stage's shape is listed", "helper = dproduct + 1; dx = dproduct @ w.T", 0, "helper: (5, 4)"),
    ("other extra names are left aside", "N, note, nothing = 5, 'a', None; dx = dproduct @ w.T", 0, "All 3 gradients"),
    ("a misspelt name is told", "dxx = dproduct @ w.T", 1, "did you mean 'dx'"),
    ("None is not given", "dx = None", 1, "1 stage to go"),
    ("a list is an array", "dx = (dproduct @ w.T).tolist()", 0, "All 3 gradients are right"),
    ("an integer is a number", "dx = 3", 1, "(5, 3), given ()"),
    ("integers are numbers", "dx = np.ones((5, 3), int)", 1, "✗ wrong here"),
    ("NaN is wrong", "dx = dproduct @ w.T; dx[1, 2] = np.nan", 1, "nan"),
    ("infinity is wrong", "dx = dproduct @ w.T; dx[1, 2] = np.inf", 1, "inf"),
    ("objects are refused", "dx = np.array([None] * 15).reshape(5, 3)", 2, "dx holds object, not numbers"),
    ("text is refused", "dx = np.full((5, 3), 'a')", 2, "dx holds <U1, not numbers"),
    ("complex numbers are refused", "dx = dproduct @ w.T + 0j", 2, "dx holds complex128"),
    ("float32 is judged as such", "dx = (dproduct @ w.T).astype(np.float32)", 0, "float32"),
    ("read-only arrays are read", "dx = dproduct @ w.T; dx.flags.writeable = False", 0, "All 3 gradients are right"),
    ("a Tensor is an array", "dx = mt.tensor(dproduct @ w.T)", 0, "All 3 gradients are right"),
    ("an array without elements is wrong", "dx = np.zeros((0, 3))", 1, "(5, 3), given (0, 3)"),
]


@pytest.mark.parametrize(("statement", "status", "said"), [row[1:] for row in BAD_INPUT], ids=[r[0] for r in BAD_INPUT])
def test_bad_input_in_backward(statement, status, said, check):
    found, printed, error = check(changed(("dx = dproduct @ w.T", statement)))
    assert found == status
    assert said in (error if status == 2 else printed)


# ----------------------------------------------------------------------------------------------------- unusable files


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def forward(x:\n    pass", r"mine\.py cannot be loaded\n  File \"mine\.py\", line 1\n(.*\n){2}SyntaxError"),
        ("import nothing_of_this as n\nn.go()", r"line 2\n    n.go\(\)\nModuleNotFoundError: .*nothing_of_this"),
        ("1 / 0", r"mine\.py, line 1\n    1 / 0\nZeroDivisionError: division by zero"),
        ("import sys; sys.exit('bye')", "SystemExit: bye"),
        ("", "has no function forward; write def forward"),
        ("forward = 3", "has an int for forward"),
        ("def forward(x): pass", "has no function backward; write def backward"),
        (changed(("def backward(dout, cache)", "def backward(dout)")), r"not backward\(dout\)"),
        (changed(("def backward(dout, cache)", "def backward(dout, cache, w)")), r"not backward\(dout, cache, w\)"),
        (changed(("def inputs", "def points")), r"has no inputs\(\) .*\n.*def inputs\(\):(.|\n)*\"x\": .*\"w\": "),
        (changed(("def inputs():", "def inputs(n):")), r"fails in inputs\nTypeError: .*'n'"),
        (changed(("return {", "found = {")), r"inputs\(\) returned nothing; end it with return"),
        (changed(("rng = np", "rng = nq")), r"fails in inputs\n.*line 6, in inputs\n.*\nNameError"),
        (changed(('"x": rng', '"y": rng')), r"inputs\(\) gives 'y', which is not a parameter of forward; did you mean"),
        (changed(('"x": rng.normal(size=(5, 3)), ', "")), r"inputs\(\) does not give x, which forward takes"),
        (changed(("return {", "return 1, 2, {")), r"inputs\(\) returned 3 values, but forward takes 2: x, w"),
        (
            changed(("rng.normal(size=(5, 3))", "np.array([None])")),
            r"\(\) gives x, which is not an array",
        ),
        (
            changed(("rng.normal(size=(5, 3))", "[[1.0], [2.0, 3.0]]")),
            r"\(\) gives x, which is not an array",
        ),
        (
            changed(("rng.normal(size=(5, 3))", "[[1]]"), ("rng.normal(size=(3, 4))", "[[2]]")),
            "x, w is an array of float",
        ),
        (changed(("return {", "return {'dout': np.ones(3), ")), r"dout of shape \(3,\), but out has \(5, 4\)"),
        (changed(("return {", "return {'dout': 'a', ")), "dout, which is not an array of numbers"),
        (changed(("def forward(x, w)", "def forward(*args)")), r"forward\(\*args\) has \*args; give each input a name"),
        (changed(("(x @ w)", "(x @ w.T)")), r"forward\n  mine\.py, line 10, in forward\n.*\nShapeError: matmul"),
        (changed(('mt.tanh(product).named("out")', "None")), "forward returned None; it must return a Tensor"),
        (changed(('mt.tanh(product).named("out")', "product.numpy()")), "forward returned an array"),
        (changed(('mt.tanh(product).named("out")', "mt.tensor(1.0)")), "depends on no input of floats"),
        (changed(("dx = dproduct @ w.T", "import sys; sys.exit(3)")), r"ends in backward\n  mine\.py, line 16"),
    ],
)
def test_unusable_files_are_told_with_the_users_lines_alone(text, says, check):
    status, printed, error = check(text)
    assert status == 2
    assert printed == ""
    assert re.search(says, error), error
    assert error.startswith("micrograd-tensor: mine.py")
    assert "Traceback" not in error
    assert "site-packages" not in error


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["none.py"], "none.py is not a file"),
        (["."], "is a directory"),
        ([], "give FILE.py, or --new NAME"),
        (["mine.py", "-o", "x.py"], "-o goes with --new"),
        (["mine.py", "--new", "batchnorm"], "leave out mine.py"),
        (["--new", "batchnorm", "-o", "mine.py"], "mine.py exists already and stays as it is"),
        (["--new", "batchnorm", "-o", "none/x.py"], "cannot be written: No such file"),
        (["mine.py", "--html", "none/x.html"], "cannot be written: No such folder as none"),
        (["mine.py", "--json", "."], "is a folder; give a file in it"),
        (["mine.py", "--html", "mine.py"], "is mine.py itself, which stays as it is"),
        (["mine.py", "--html", "r.html", "--json", "r.html"], "r.html is r.html itself, which stays as it is"),
    ],
)
def test_unusable_arguments_are_told_and_change_nothing(arguments, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(SMALL)
    assert main(["check", *arguments]) == 2
    assert says in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]
    assert Path("mine.py").read_text() == SMALL


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["x.py", "--hints", "4"], "invalid choice: 4"),
        (["x.py", "--seed", "-1"], "'-1' is not a whole number"),
    ],
)
def test_wrong_options_are_quoted(arguments, says, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["check", *arguments])
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


# ---------------------------------------------------------------------------------------------------- files and streams


def test_the_report_goes_to_files_too(check, tmp_path):
    text = changed(("dx = dproduct @ w.T", "dx = 2 * dproduct @ w.T"))
    status, printed, _ = check(text, "--html", "report.html", "--json", "report.json")
    assert status == 1
    assert "written: report.html" in printed
    assert "<details>" in (tmp_path / "report.html").read_text(encoding="utf-8")
    found = json.loads((tmp_path / "report.json").read_text())
    assert (found["file"], found["wrong"], found["complete"]) == ("mine.py", ["x"], True)


@pytest.mark.parametrize("hints", ["1", "3"])
def test_the_player_has_the_verdicts_and_tells_the_kind_only_where_hints_may(hints, check, tmp_path):
    text = changed(("dx = dproduct @ w.T", "dx = 2 * dproduct @ w.T"))
    assert check(text, "--player", "player.html", "--hints", hints)[0] == 1
    page = (tmp_path / "player.html").read_text(encoding="utf-8")
    assert '"name":"dx","status":"wrong here"' in page
    assert '"name":"dw","status":"right"' in page
    assert ("constant factor" in page) == (hints == "3")


def test_json_alone_goes_to_standard_output_whatever_the_file_prints(check):
    status, printed, error = check(changed(("dx = ", "print('here'); dx = ")), "--json", "-")
    assert status == 0
    assert json.loads(printed)["ok"] is True
    assert "here" in error


def test_the_file_leaves_no_trace_in_this_process_and_on_disk(check, tmp_path):
    path, modules = list(sys.path), set(sys.modules)
    (tmp_path / "beside_it.py").write_text("factor = 1.0\n")
    assert check(changed(("import numpy as np", "import numpy as np\nfrom beside_it import factor")))[0] == 0
    assert sys.path == path
    assert set(sys.modules) - modules <= {"beside_it"}
    assert {p.name for p in tmp_path.iterdir()} <= {"mine.py", "beside_it.py", "__pycache__"}
    assert not list(tmp_path.glob("__pycache__/mine*"))


def test_a_file_edited_within_the_same_second_is_read_anew(check):
    assert check(SMALL)[0] == 0
    assert check(changed(("1 - out**2", "2 - out**2")))[0] == 1
    assert check(SMALL)[0] == 0


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_report_fits_the_terminal(width, check, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    text = (DERIVATIONS / "batchnorm.py").read_text()
    text = changed(
        ("0.5 / np.sqrt", "1 / np.sqrt"),
        ("dbeta = np.sum(dout, axis=0)", "dbeta = dout.sum(0, keepdims=True)"),
        text=text,
    )
    status, printed, _ = check(text)
    assert status == 1
    lines = printed.splitlines()
    assert max(len(line) for line in lines) <= width
    rows = {line.strip("│ ").split()[0]: line for line in lines if re.match(r"[│ ] ?d\w+ +", line)}
    assert {"dvar", "ddev_from_mean_sq", "dbeta", "dx"} <= rows.keys()
    assert "✗ wrong here" in rows["dvar"]


@pytest.mark.parametrize("module", ["micrograd_tensor", "micrograd_tensor.cli"])
def test_a_terminal_without_unicode_gets_ascii(tmp_path, module):
    (tmp_path / "mine.py").write_text(changed(("dx = dproduct @ w.T", "dx = 2 * dproduct @ w.T")))
    ran = subprocess.run(
        [sys.executable, "-m", module, "check", "mine.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "100", "PATH": ""},
        capture_output=True,
        check=False,
    )
    assert ran.returncode == 1
    printed = ran.stdout.decode("ascii")
    assert "x wrong here" in printed
    assert "?" not in printed


def test_the_upstream_is_not_what_the_inputs_are():
    """With one seed for both, dout would be x itself, which normalization annihilates."""
    from micrograd_tensor.cli.exercise import read

    class Module:
        @staticmethod
        def inputs(seed):
            return np.random.default_rng(seed).normal(size=(7, 4))

        @staticmethod
        def forward(x):
            return x * 2.0

        @staticmethod
        def backward(dout, cache):
            return {}

    task = read(Module, Path("mine.py"), 0)
    x = np.random.default_rng(0).normal(size=(7, 4))
    assert abs(np.corrcoef(task.dout.ravel(), x.ravel())[0, 1]) < 0.5


@pytest.mark.parametrize("name", ["dX", "d_x", "dL_dx", "grad_x", "x_grad"])
def test_a_gradient_is_judged_in_the_line_that_assigns_it_whatever_it_is_called(name, check):
    status, _, _ = check(SMALL.replace("dx =", f"{name} ="))
    assert status == 0
    status, printed, _ = check(SMALL.replace("dx =", f"{name} = 2 *"))
    assert status == 1
    assert f"{name} = 2 * dproduct @ w.T" in printed


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [("np.arange(15).reshape(5, 3)", "x holds int64, which has no gradient"), ("np.eye(5, 3) > 0", "x holds bool")],
)
def test_a_gradient_of_what_has_none_fails_with_the_reason(inputs, reason, check):
    status, printed, _ = check(SMALL.replace("rng.normal(size=(5, 3))", inputs))
    assert status == 1
    assert f"dx: {reason}" in printed
    assert "dx was given, but could not be judged" in printed


ROWS = """
import numpy as np
import micrograd_tensor as mt

def inputs():
    return {"x": np.random.default_rng(0).normal(size=(3, 4, 6)), "gamma": np.linspace(1.0, 2.0, 6)}

def forward(x, gamma):
    rows = np.reshape(x, (6, 12))
    out = rows - rows.mean(axis=1, keepdims=True)
    return np.reshape(out, x.shape) * gamma, {"x": rows, "out": out, "gamma": gamma}

def backward(dout, cache):
    x, out, gamma = cache["x"], cache["out"], cache["gamma"]
    dgamma = np.sum(dout * out.reshape(dout.shape), axis=(0, 1))
    dx = (dout * gamma).reshape(x.shape)
    dx = dx - dx.mean(axis=1, keepdims=True)
    dx = dx.reshape(dout.shape)
    return dx, dgamma
"""


def test_a_cache_may_hold_other_things_under_a_tensors_name(check):
    """They are what was recorded, so they cannot differ from it."""
    status, printed, _ = check(ROWS)
    assert status == 0, printed
    assert "wrong" not in printed
    assert check(ROWS.replace("axis=1, keepdims=True)\n    dx", "axis=0, keepdims=True)\n    dx"))[0] == 1
