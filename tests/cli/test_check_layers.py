"""People's layers as they are, in several personal styles: they run unchanged, and only wrong ones are wrong."""

import ast
import functools
import json
import random
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from micrograd_tensor.check.repair import fixes
from micrograd_tensor.cli import main
from micrograd_tensor.cli.judging_layers import judge_layer
from micrograd_tensor.cli.layers import Layer, layers_of
from micrograd_tensor.cli.shapes_option import Value, values_of
from micrograd_tensor.cli.unusable import UnusableError
from micrograd_tensor.cli.user_file import user_file
from micrograd_tensor.engine.randomness import generator_or_default

FOLDER = Path(__file__).parent / "layers"
FILES = sorted(path.stem for path in FOLDER.glob("*.py"))


def layers(file):
    with user_file(FOLDER / f"{file}.py") as module:
        return list(layers_of(module))


EVERY = [(file, name) for file in FILES for name in layers(file)]


def judged(file, name, changed=lambda layer: layer):
    path = FOLDER / f"{file}.py"
    with user_file(path) as module:
        layer = changed(layers_of(module)[name])
        return judge_layer(module, layer, path, 0, {})


as_it_is = functools.cache(judged)


def test_there_are_many():
    assert len(EVERY) >= 133


@pytest.mark.parametrize(
    ("file", "name"),
    [*EVERY[::4], *(pytest.param(*row, marks=pytest.mark.slow) for row in EVERY if row not in EVERY[::4])],
)
def test_right_layers_run_unchanged_and_are_right(file, name):
    _, report, ran = as_it_is(file, name)
    assert ran.error is None
    assert report.ok, report.text(width=110)
    assert not [s for s in report.stages.values() if s.status == "not given" and report.graph[s.name].is_leaf]


NOTHING = ("Embedding", "Layer_Dense", "Activation_ReLU")
"""Classes that leave all gradients in attributes."""


def scaled(gradients, k):
    """What a backward pass returned, with the k-th gradient wrong in one element."""

    def spoilt(x):
        if isinstance(x, dict):
            return scaled(x, k)
        x = np.array(x, float)
        x.flat[x.size // 2] = 1.5 * x.flat[x.size // 2] + 0.25
        return x

    if isinstance(gradients, dict):
        key = list(gradients)[k % len(gradients)]
        return {**gradients, key: spoilt(gradients[key])}
    if isinstance(gradients, tuple | list):
        return type(gradients)(spoilt(g) if i == k % len(gradients) else g for i, g in enumerate(gradients))
    return spoilt(gradients)


LOSSES = ("loss", "loss_naive", "loss_vectorized", "cost", "TwoLayerNet")
OTHERS = [row for row in EVERY if not row[1].endswith(LOSSES)]
WRONG = [(*row, i % 3) for i, row in enumerate(OTHERS)]
"""Which of its gradients is wrong in each layer."""


@pytest.mark.parametrize(
    ("file", "name", "k"),
    [pytest.param(*row, marks=[pytest.mark.slow] if i % 8 else []) for i, row in enumerate(WRONG)],
)
def test_a_wrong_gradient_of_any_layer_does_not_pass(file, name, k, monkeypatch):
    monkeypatch.setattr(fixes, "MAX_SECONDS", 0.0)  # whatever the fix is

    def changed(layer):
        if layer.made_by is not None:
            right = layer.made_by.backward

            @functools.wraps(right)
            def method(self, *given, **named):
                came = right(self, *given, **named)
                return came if came is None else scaled(came, k)

            layer.made_by.backward = method
            return layer

        @functools.wraps(layer.backward)
        def backward(*given, **named):
            return scaled(layer.backward(*given, **named), k)

        return Layer(layer.name, layer.forward, backward)

    if name in NOTHING:
        pytest.skip("its backward pass returns nothing")
    _, report, _ = judged(file, name, changed)
    assert not report.ok
    assert report.wrong or report.unjudged


@pytest.mark.slow
def test_most_gradients_of_stages_are_judged():
    """Of the arrays that backward assigns under a gradient's name, those that a verdict or a value is known of."""
    known = total = 0
    for file, name in EVERY:
        task, report, ran = as_it_is(file, name)
        arrays = {key for key, x in ran.names.items() if key[:1] == "d" and isinstance(x, np.ndarray) and x.ndim}
        arrays = {key for key in arrays - {*task.ignored} if ran.names[key].dtype.kind == "f"}
        total += len(arrays)
        known += len(arrays & {*report.keys.values(), *report.matched})
    assert known >= 0.95 * total, (known, total)


# --------------------------------------------------------------------------------------------------------- the command


@pytest.fixture
def check(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")

    def run(text, *options, file="mine.py", target=None):
        Path(file).parent.mkdir(exist_ok=True)
        Path(file).write_text(text, encoding="utf-8")
        status = main(["check", target or file, *options])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


PAIR = """
import numpy as np

def scale_forward(x, w):
    out = np.zeros(x.shape)
    for i in range(len(x)):
        out[i] = x[i] * w
    return out, (x, w)

def scale_backward(dout, cache):
    x, w = cache
    dx = dout * w
    dw = np.sum(dout * x, axis=0)
    return dx, dw
"""


def test_a_pair_is_found_and_named(check):
    assert check(PAIR)[0] == 0
    for target in ("mine.py:scale", "mine.py:scale_forward", "mine.py:scale_backward"):
        status, printed, _ = check(PAIR, target=target)
        assert status == 0
        assert "inputs drawn from seed 0: x (7, 5), w (5, 3)" in printed or "x (" in printed


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("axis=0)", "axis=0) / 7", "line 13"),
        ("dx = dout * w", "dx = dout * x", "line 12"),
        ("dout * x,", "dout * w,", "13"),
    ],
)
def test_its_mistake_is_found_in_its_line(check, old, new, line):
    status, printed, _ = check(PAIR.replace(old, new))
    assert status == 1
    assert line in printed


def test_shapes_can_be_said(check):
    status, printed, _ = check(PAIR, "--shapes", "x=6x2,w=2")
    assert status == 0
    assert "x (6, 2), w (2,)" in printed


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("X=6x2,w=2", "--shapes: scale takes no 'X'; did you mean 'x' or 'w'?"),
        ("x=6x2,stride=(2)", "--shapes: scale takes no 'stride'; did you mean"),
        ("dout=6x2", "--shapes: scale takes no 'dout'"),
    ],
)
def test_shapes_of_what_the_layer_does_not_take_are_refused(check, option, says):
    status, printed, error = check(PAIR, "--shapes", option)
    assert (status, printed) == (2, "")
    assert says in error


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("x=4x5", {"x": (4, 5)}),
        ("x=4x5,b=5", {"x": (4, 5), "b": (5,)}),
        ("y=4<3", {"y": ((4,), 3)}),
        ("ids=2x3<7, W=7x4", {"ids": ((2, 3), 7), "W": (7, 4)}),
        ("stride=(2)", {"stride": Value(2)}),
        ("mode='train',p=0.5", {"mode": Value("train"), "p": Value(0.5)}),
        ("mode=test,on=True,x=None", {"mode": Value("test"), "on": Value(True), "x": Value(None)}),
        (
            "conv_param={'stride': 1, 'pad': 0},x=2x3x4x4",
            {"conv_param": Value({"stride": 1, "pad": 0}), "x": (2, 3, 4, 4)},
        ),
    ],
)
def test_what_shapes_says(text, found):
    assert values_of(text) == found


@pytest.mark.parametrize("text", ["x", "x=", "x=4x", "4x5", "x=4y5", "x=4<y", "=4"])
def test_what_says_no_shapes_is_refused(text):
    with pytest.raises(UnusableError, match="is no shape such as x=4x5"):
        values_of(text)


@pytest.mark.parametrize("text", ["x=0", "x=4x0", "y=4<0", "x=99999999999", "x=4,w=3,x=5"])
def test_shapes_without_numbers_too_large_or_said_twice_are_refused(text):
    with pytest.raises(UnusableError, match=r"has no numbers, or more than 100,000,000|x is given twice"):
        values_of(text)


def test_a_layer_that_is_not_there_is_named_with_those_that_are(check):
    status, _, error = check(PAIR, target="mine.py:scal")
    assert status == 2
    assert "no layer 'scal'; it has scale" in error
    assert "scale" in error


def test_a_layer_that_runs_at_no_shapes_asks_for_them(check):
    status, _, error = check(PAIR.replace("    out = np.zeros", "    assert x.shape == (11, 13)\n    out = np.zeros"))
    assert status == 2
    assert "(AssertionError), at x=7x5,w=5x3 among others; say what they are: --shapes x=…,w=…, with x=4x5" in error


def test_one_layer_that_cannot_be_run_does_not_hide_the_others_and_does_not_pass(check):
    broken = (
        "\ndef other_forward(x):\n    raise ValueError('no')\n\ndef other_backward(dout, cache):\n    return dout\n"
    )
    status, printed, _ = check(PAIR + broken)
    assert status == 1
    assert "All 2 gradients are right" in printed
    assert "other was left out: mine.py: no inputs were found with which other runs (ValueError: no)" in printed
    assert "Not judged: other, 1 of 2 layers." in printed


UNUSABLE = {
    "returns no numbers": "    return np.array(['a'], dtype=object)",
    "leaves": "    raise SystemExit(3)",
}


@pytest.mark.parametrize("body", UNUSABLE.values(), ids=UNUSABLE)
def test_one_layer_that_cannot_be_judged_does_not_hide_the_others_and_does_not_pass(check, body):
    broken = f"\ndef other_forward(x):\n    return 2 * x, x\n\ndef other_backward(dout, x):\n{body}\n"
    for text in (broken + PAIR, PAIR + broken):
        status, printed, _ = check(f"import numpy as np\n{text}")
        assert status == 1
        assert "All 2 gradients are right" in printed
        assert "Not judged: other, 1 of 2 layers." in printed
    status, printed, _ = check(PAIR.replace("dout * w", "dout - w") + broken)
    assert status == 1
    assert "✗ dx is wrong" in printed
    status, _, error = check(f"import numpy as np\n{broken}")
    assert status == 2
    assert "mine.py" in error


LEAVES = """
import numpy as np

def f_forward(x):
    out = np.array([v.item() for v in x[0]])
    return out, x

def f_backward(dout, x):
    return 0 * x
"""


def test_what_leaves_the_graph_is_refused_with_its_line(check):
    status, _, error = check(LEAVES)
    assert status == 2
    assert "fails in the forward pass of f, recorded" in error
    assert "out = np.array([v.item() for v in x[0]])" in error


def test_modules_may_import_their_siblings(check):
    Path("net").mkdir(exist_ok=True)
    Path("net/__init__.py").write_text("")
    parts = "import numpy as np\n\ndef squares(x):\n    out = np.zeros_like(x)\n    out[:] = x**2\n    return out\n"
    Path("net/parts.py").write_text(parts)
    for line in ("from .parts import squares", "from parts import squares", "from net.parts import squares"):
        layer = "def f_forward(x):\n    return squares(x), x\n\ndef f_backward(dout, x):\n    return dout * 2 * x\n"
        text = f"{line}\n\n{layer}"
        before = set(sys.modules)
        assert check(text, file="net/mine.py")[0] == 0
        assert set(sys.modules) == before
        assert check(text.replace("2 * x", "x"), file="net/mine.py")[0] == 1


def test_a_notebook_is_a_file_of_its_definitions(check):
    cells = [
        {"cell_type": "markdown", "source": ["# text"]},
        {
            "cell_type": "code",
            "source": ["%matplotlib inline\n", "import numpy as np\n", "import not_installed_at_all"],
        },
        {"cell_type": "code", "source": PAIR.splitlines(True)},
        {"cell_type": "code", "source": "raise SystemExit('a cell that trains for an hour')"},
    ]
    status, printed, _ = check(json.dumps({"cells": cells}), file="mine.ipynb")
    assert status == 0
    assert check(json.dumps({"cells": cells}).replace("dout * w", "dout + w"), file="mine.ipynb")[0] == 1
    assert "mine.ipynb" in printed
    assert "is not a notebook" in check("not json", file="mine.ipynb")[2]


def test_numpy_is_as_before_within_the_users_module_and_everywhere_else(check):
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    assert check(PAIR + "\nassert np.zeros(2).__class__.__name__ == 'ndarray'\n")[0] == 0
    text = PAIR.replace("    dx = dout * w", "    assert type(np.zeros(2)).__name__ == 'ndarray'\n    dx = dout * w")
    assert check(text)[0] == 0
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_what_a_file_draws_at_random_is_the_same_in_every_run_and_another_for_another_seed(check):
    drawn = """
import random
import numpy as np
import micrograd_tensor as mt
W = np.random.randn(4, 3) * random.random() * mt.randn(4, 3).numpy()

def affine_forward(x):
    return x @ W, (x,)

def affine_backward(dout, cache):
    print("drawn:", W.sum())
    return dout @ W.T
"""
    before = random.getstate(), str(generator_or_default().bit_generator.state), str(np.random.get_state())  # noqa: NPY002
    first, again, another = (check(drawn, "--shapes", "x=5x4", "--seed", seed) for seed in ("1", "1", str(2**40 + 3)))
    assert (first[0], first) == (0, again)
    assert first[1] != another[1]
    assert before == (random.getstate(), str(generator_or_default().bit_generator.state), str(np.random.get_state()))  # noqa: NPY002


@pytest.mark.parametrize("passed", ["np.tanh(x * 2)", "mt.tanh(x * 2)"])
def test_a_file_that_imports_this_package_may_have_layers(check, passed):
    text = f"""import numpy as np
import micrograd_tensor as mt

def squash_forward(x):
    return {passed}, (x,)

def squash_backward(dout, cache):
    x, = cache
    return dout * 2 * (1 - np.tanh(x * 2) ** 2)
"""
    status, printed, _ = check(text)
    assert (status, "squash" in printed) == (0, True)
    assert check(text.replace("dout * 2", "dout"))[0] == 1


def test_watching_checks_again_when_the_file_is_saved(check, monkeypatch):
    seen = []

    def sleep(_):
        seen.append(1)
        if len(seen) > 1:
            raise KeyboardInterrupt
        Path("mine.py").write_text(PAIR.replace("dx = dout * w", "dx = 3 * dout * w"))

    monkeypatch.setattr("micrograd_tensor.cli.check.time.sleep", sleep)
    status, printed, _ = check(PAIR, "--watch")
    assert status == 1
    assert printed.count("watching mine.py") == 2
    assert "All 2 gradients are right" in printed


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ("None", "None"),
        ("[out], (x, w)", "list"),
        ("(out > 0).astype(int), (x, w)", "numbers of int64"),
        ("Own(), (x, w)", "Own"),
    ],
)
@pytest.mark.parametrize("inputs", ["", "def inputs(): return np.ones((3, 4)), np.arange(4.0)"])
def test_a_forward_pass_that_returns_no_array_of_floats_is_refused_for_that(check, returned, said, inputs):
    text = PAIR.replace("return out, (x, w)", f"return {returned}") + f"\nclass Own: ...\n{inputs}\n"
    status, _, printed = check(text)
    assert status == 2
    assert f"the forward pass of scale returned {said}, where an array of floats of NumPy's belongs" in printed


@pytest.mark.parametrize(
    ("library", "x"),
    [
        ("torch", "torch.randn(3, 4, dtype=torch.float64, requires_grad=True)"),
        ("jax", "jax.numpy.arange(12.0).reshape(3, 4)"),
    ],
)
def test_inputs_may_be_arrays_of_another_library(check, library, x):
    pytest.importorskip(library)
    inputs = f"import {library}\n\ndef inputs(): return {x}, np.arange(4.0)\n"
    assert check(PAIR + inputs)[0] == 0
    assert check(PAIR.replace("dout * w", "2 * dout * w") + inputs)[0] == 1


KEPT = """
import numpy as np

V = np.random.default_rng(0).normal(size=(4, 6))

def product_forward(x):
    return x @ V, x

def product_backward(dout, x):
    dx = dout @ V.T
    dV = x.T @ dout
    return dx, dV
"""


def test_a_weight_that_is_a_global_name_has_a_gradient(check):
    assert check(KEPT)[0] == 0
    status, printed, _ = check(KEPT.replace("x.T @", "2 * x.T @"))
    assert status == 1
    assert "✗ dV is wrong" in printed
    assert "line 11: dV = 2 * x.T @ dout" in printed


@pytest.mark.parametrize("update", ["V -= 0.1 * dV", "V = V - 0.1 * dV", "V[:] = 0", "V.flags.writeable = False"])
def test_a_backward_pass_that_updates_global_weights_at_once_is_judged_by_what_they_were(check, update):
    updating = KEPT.replace("    dx = dout", "    global V\n    dx = dout").replace(
        "    return dx", f"    {update}\n    return dx"
    )
    assert check(updating)[0] == 0
    status, printed, _ = check(updating.replace("x.T @", "2 * x.T @"), "--hints", "3")
    assert status == 1
    assert "dV = x.T @ dout" in printed


@pytest.mark.parametrize("update", ["W['V'] -= dV", "W['V'] = W['V'] - dV"])
def test_weights_in_a_global_dictionary_are_what_they_were_too(check, update):
    held = KEPT.replace("V = np", "W = {}\nW['V'] = np").replace("x @ V", "x @ W['V']").replace("V.T", "W['V'].T")
    updating = held.replace("    return dx", f"    {update}\n    return dx")
    assert check(updating)[0] == 0
    assert "✗ dV is wrong" in check(updating.replace("x.T @", "2 * x.T @"))[1]


def test_a_single_number_among_global_names_has_a_gradient_too(check):
    scaled = KEPT.replace("x @ V, x", "x @ V * t, x").replace("V.T", "V.T * t").replace("@ dout", "@ dout * t")
    scaled = scaled.replace("\ndef product_forward", "t = np.array(2.0)\n\ndef product_forward")
    scaled = scaled.replace("return dx, dV", "dt = np.sum(dout * (x @ V))\n    return dx, dV, dt")
    assert check(scaled)[0] == 0
    assert "✗ dt is wrong" in check(scaled.replace("np.sum(dout", "np.mean(dout"))[1]


@pytest.mark.parametrize("returned", ["dx, dq", "{'dx': dx, 'dq': dq}", "{'x': dx, 'dq': dq}"])
def test_a_gradient_of_nothing_that_is_known_is_said_not_to_be_judged(check, returned):
    status, printed, _ = check(KEPT.replace("(4, 6)", "(5, 6)").replace("dV", "dq").replace("dx, dq", returned))
    assert status == 1
    assert "dq was given, but could not be judged." in printed
    assert re.search(r"dx +│ \(7, 5\) │ ✓ right", printed)


def test_hints_are_asked_for_as_options(check):
    status, printed, _ = check(PAIR.replace("dout * w", "2 * dout * w"))
    assert status == 1
    assert "what kind" in printed
    assert "the fix" not in printed.replace("--hints 3 says the fix", "")
    assert "--hints 3 says the fix" in printed
    shown = check(PAIR.replace("dout * w", "2 * dout * w"), "--hints", "3")[1]
    assert "3 the fix" in shown or "3 the rule" in shown


def test_layers_know_nothing_of_this_package():
    assert all("micrograd" not in (FOLDER / f"{file}.py").read_text(encoding="utf-8") for file in FILES)


def test_the_page_names_file_seed_and_versions_and_marks_the_lines(check):
    status, _, _ = check(PAIR.replace("dx = dout * w", "dx = 2 * dout * w"), "--html", "page.html", "--seed", "3")
    assert status == 1
    page = Path("page.html").read_text(encoding="utf-8")
    assert "mine.py:scale" in page or "mine.py, seed 3" in page
    assert f"NumPy {np.__version__}" in page
    assert '<span class="wrong">✗   12</span>      dx = 2 * dout * w' in page
    assert '<span class="right">✓   13</span>      dw = np.sum(dout * x, axis=0)' in page


NET = """import numpy as np

def net_forward(x, w1, w2):
    h = np.tanh(x @ w1)
    return h @ w2, (x, w1, w2, h)

def net_backward(dout, cache):
    x, w1, w2, h = cache
    dw2 = h.T @ dout
    dh = dout @ w2.T
    dz = dh * (1 - h * h)
    dx, dw1 = dz @ w1.T, x.T @ dz
    return dx, dw1, dw2
"""


@pytest.mark.parametrize(
    ("returned", "wrong"),
    [
        ("dx, (dw1, dw2)", []),
        ("dx.copy(), (dw1, dw2)", []),
        ("dx, dw1, dw2, h", []),
        ("dx, dw1, dw2, 3 * dx", ["returned[3]"]),
    ],
)
def test_what_is_returned_in_another_number_than_there_are_inputs_is_no_other_gradient(check, returned, wrong):
    status, printed, _ = check(NET.replace("return dx, dw1, dw2", f"return {returned}"))
    assert status == bool(wrong)
    assert [line.split(":")[0][2:] for line in printed.splitlines() if line.startswith("· returned")] == wrong


@pytest.mark.parametrize(("returned", "wrong"), [("-dx, (dw1, dw2)", "dx"), ("dx, [dw1, 2 * dw2]", "dw2")])
def test_gradients_in_tuples_within_tuples_are_judged_in_their_order(check, returned, wrong):
    status, printed, _ = check(NET.replace("return dx, dw1, dw2", f"return {returned}"))
    assert status == 1
    assert f"1 gradient is wrong: {wrong}." in printed


def test_a_dictionary_of_gradients_by_the_names_of_the_inputs_is_judged(check):
    every = NET.replace("return dx, dw1, dw2", "return {'x': dx, 'w1': dw1, 'w2': dw2}")
    assert "The gradients of all inputs are right" in check(every)[1]
    status, printed, _ = check(every.replace("'w2': dw2", "'w2': -dw2"))
    assert status == 1
    assert "✗ dw2 is wrong" in printed


@pytest.mark.usefixtures("untraced")
def test_a_mistake_where_a_name_is_used_again_is_there_or_on_the_way(check):
    again = NET.replace("dz = dh", "dh = 2 * dh").replace("dz", "dh")
    _, printed, _ = check(again)
    assert "✗ dx is wrong" in printed
    assert "dh = 2 * dh * (1 - h * h)" in printed[printed.index("✗ dx is wrong") :]


HALF = """
class Linear:
    def __init__(self, w, b):
        self.w, self.b = w, b

    def forward(self, x):
        self.x = x
        return x @ self.w + self.b

    def backward(self, dout):
        self.dw = self.x.T @ dout
        return dout @ self.w.T
"""


@pytest.mark.parametrize(("wrong", "instead"), [("self.x.T", "3 * self.x.T"), ("return dout", "return -dout")])
def test_of_a_class_what_is_in_attributes_is_judged_though_others_are_missing(check, wrong, instead):
    status, printed, _ = check(HALF)
    assert status == 0
    assert "dw, so it was left out" not in printed
    assert "backward computes no db, so it was left out" in printed
    assert check(HALF.replace(wrong, instead))[0] == 1


def test_an_input_whose_gradient_is_left_out_is_not_among_those_that_are_right(check):
    text = NET.replace("return dx, dw1, dw2", "return {'dw1': dw1, 'dw2': dw2}")
    _, printed, _ = check(text)
    assert "The gradients of all inputs but x are right" in printed


def test_the_argument_of_a_loss_is_no_upstream_gradient_that_is_assigned_anew(check):
    text = """
import numpy as np

def square_loss(x):
    loss = np.sum(x * x)
    return loss, 3 * x
"""
    status, printed, _ = check(text)
    assert status == 1
    assert "reassigns" not in printed


class Counted(ast.NodeTransformer):
    """A call of ``_count()`` before each statement of one function, and of ``_begin()`` before the first."""

    def __init__(self, name):
        self.name = name

    def visit_FunctionDef(self, function):
        if function.name != self.name:
            return self.generic_visit(function)
        self._counted(function).body.insert(0, ast.parse("_begin()").body[0])
        return function

    def _counted(self, node):
        for field in ("body", "orelse"):
            inner = [self._counted(x) for x in getattr(node, field, [])]
            if inner:
                setattr(node, field, [x for one in inner for x in (ast.parse("_count()").body[0], one)])
        return node


COUNT = """
_left = [0]


def _begin():
    _left[0] = {left}


def _count():
    _left[0] -= 1
    if not _left[0]:
        raise ValueError("cut short")
"""


def is_two_functions(row):
    file, name = row
    with user_file(FOLDER / f"{file}.py") as module:
        return layers_of(module)[name].backward is not None


CUT_SHORT = [
    ("loops", "layernorm"),
    ("tuples", "rnn"),
    ("tuples", "conv_naive"),
    ("frameworks", "Conv2d"),
    ("dictionaries", "lstm_step"),
]
"""With sums over a loop, in an object too, and with gradients of what a gate was taken of under the gate's name."""


@pytest.mark.parametrize(
    "row",
    [*CUT_SHORT, *(pytest.param(row, marks=pytest.mark.slow) for row in EVERY[::9] if is_two_functions(row))],
    ids=": ".join,
)
def test_what_an_error_cut_short_is_not_wrong(row, tmp_path):
    file, name = row
    with user_file(FOLDER / f"{file}.py") as module:
        backward = layers_of(module)[name].function.__name__
    tree = Counted(backward).visit(ast.parse((FOLDER / f"{file}.py").read_text(encoding="utf-8")))
    text = ast.unparse(tree)
    for left in np.random.default_rng(0).choice(np.arange(2, 60), 3, replace=False):
        path = tmp_path / f"cut_after_{left}.py"
        path.write_text(text + COUNT.format(left=left), encoding="utf-8")
        try:
            with user_file(path) as module:
                _, report, _ = judge_layer(module, layers_of(module)[name], path, 0, {})
        except UnusableError as told:  # it came to its end at other shapes, and there it was right
            assert "it is right" in str(told)  # noqa: PT017 -- most often there is a report
        else:
            assert not report.wrong, report.text(width=110)


def test_of_several_layers_those_that_are_not_right_are_named_at_the_end(check):
    layer = "def {0}_forward(x):\n    return x**2, x\n\ndef {0}_backward(dout, x):\n    return {1}dout * x\n\n"
    text = "".join(layer.format(name, factor) for name, factor in (("a", "2 * "), ("b", ""), ("c", "2 * ")))
    status, said, _ = check(text)
    assert status == 1
    assert said.endswith("See above: b, 1 of 3 judged layers; the others are right.\n")
    assert "See above" not in check(text.replace("return dout", "return 2 * dout"))[1]
    assert check(layer.format("a", "") + layer.format("b", ""))[1].endswith(
        "See above: a and b, 2 of 2 judged layers.\n"
    )


def test_a_protocol_is_no_layer_and_no_other_is_lost_for_it(check):
    text = """
from typing import Protocol

class Module(Protocol):
    def forward(self, x): ...
    def backward(self, grad): ...

class Square:
    def forward(self, x):
        self.x = x
        return x**2

    def backward(self, grad):
        return 2 * grad * self.x
"""
    assert "The gradient is right." in check(text)[1]
