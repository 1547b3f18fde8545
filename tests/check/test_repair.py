"""Repairs: the user's own line as it should be; put into the file, it makes the file right."""

import ast
import re
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.check.mistakes.catalogue import KINDS
from micrograd_tensor.check.repair import search, trials
from micrograd_tensor.check.repair import visits as visiting
from micrograd_tensor.check.repair.edits import edits
from micrograd_tensor.check.repair.missing import terms
from micrograd_tensor.check.repair.points import Call
from micrograd_tensor.check.repair.slips import slip_of
from micrograd_tensor.check.repair.source import FunctionSource
from micrograd_tensor.check.repair.trials import is_due
from micrograd_tensor.check.repair.visits import Visits
from micrograd_tensor.check.running import computed, copied
from micrograd_tensor.cli.judging_layers import judge_layer
from micrograd_tensor.cli.layers import layers_of
from micrograd_tensor.cli.shapes_option import values_of
from micrograd_tensor.cli.user_file import user_file

LAYERS = Path(__file__).parents[1] / "cli" / "layers"

MISTAKES = [
    ("tuples", "batchnorm", "dvar = 0.5 * 1. / np.sqrt", "dvar = 1. / np.sqrt"),
    ("tuples", "batchnorm", "dxhat = dgammax * gamma", "dxhat = dgammax"),
    ("tuples", "batchnorm", "dsq = 1. / N * np", "dsq = 1. / D * np"),
    ("tuples", "batchnorm", "dbeta = np.sum(dout, axis=0)\n    dgammax", "dbeta = np.mean(dout, axis=0)\n    dgammax"),
    ("tuples", "batchnorm", "dgamma = np.sum(dgammax * xhat, axis=0)", "dgamma = np.sum(dgammax * xmu, axis=0)"),
    ("tuples", "batchnorm", "-1. / (sqrtvar ** 2)", "-1. / sqrtvar"),
    ("tuples", "batchnorm", "1. / np.sqrt(var + eps) * dsqrtvar", "1. / np.sqrt(var) * dsqrtvar"),
    ("tuples", "batchnorm", "dx = dx1 + dx2", "dx = dx1 - dx2"),
    ("tuples", "affine", "dx = dout.dot(w.T).reshape(x.shape)\n", "dx = dout.dot(w.T).reshape(x.shape) * 2\n"),
    ("tuples", "relu", "np.where(x > 0, dout, 0)", "np.where(x < 0, dout, 0)"),
    ("tuples", "layernorm", ") / std[:, None]", ") * std[:, None]"),
    ("tuples", "dropout", "return dout * mask\n\ndef conv", "return dout\n\ndef conv"),
    ("tuples", "rnn_step", "(1 - next_h ** 2)", "(1 - next_h)"),
    ("tuples", "rnn_step", "dx = dtanh.dot(Wx.T)", "dx = dtanh.dot(Wh.T)"),
    ("tuples", "lstm_step", "do * o * (1 - o), dg * (1 - g ** 2)])\n    dx", "do * o, dg * (1 - g ** 2)])\n    dx"),
    ("tuples", "softmax_loss", "    dx /= N\n    return loss, dx\n\n# the rest", "    return loss, dx\n\n# the rest"),
    ("tuples", "svm_loss", "dx[np.arange(N), y] -= num_pos", "dx[np.arange(N), y] -= 1"),
    ("tuples", "word_embedding", "np.add.at(dW, x, dout)\n    return dW", "dW[x] += dout\n    return dW"),
    ("tuples", "temporal_affine", "db = dout.sum(axis=(0, 1))", "db = dout.sum(axis=0)"),
    ("dictionaries", "mlp", "dW1 = cache[\"X\"].T @ dZ1", "dW1 = cache[\"X\"].T @ dA1"),
    ("dictionaries", "mlp", "dA1 * (1 - A1**2)", "dA1 * (1 - A1)"),
    ("dictionaries", "rmsnorm", "dms = dr * (-0.5) * r**3", "dms = dr * (-0.5) * r**2"),
    ("classes", "Dense", "self.dW = np.dot(self.x.T, grad_output)", "self.dW = np.dot(self.x.T, grad_output) / 7"),
    ("classes", "Tanh", "return dout * (1 - self.out * self.out)", "return dout * (1 - self.out)"),
    ("terse", "silu", "dy * s * (1 + x * (1 - s))", "dy * s * (1 + x * (1 + s))"),
    ("loops", "rnn", "dhnext = draw @ Wh.T", "dhnext = draw @ Wh"),
    ("loops", "avgpool", "range(dout.shape[3])", "range(dout.shape[3] - 1)"),
]  # fmt: skip


def judged(path, name):
    with user_file(path) as module:
        return judge_layer(module, layers_of(module)[name], path, 0, {})[1]


def put_in(path, fix):
    """The file with a line as it should be."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    first = lines[fix.line - 1]
    last = fix.line
    if fix.follows:
        indent = "    " if "loop" in fix.follows else first[: len(first) - len(first.lstrip())]
        lines.insert(fix.line, f"{indent}{fix.text}\n")
        path.write_text("".join(lines), encoding="utf-8")
        return
    while " ".join("".join(lines[fix.line - 1 : last]).split()).count(fix.before) != 1:
        last += 1
    indent = first[: len(first) - len(first.lstrip())]
    whole = " ".join("".join(lines[fix.line - 1 : last]).split())
    lines[fix.line - 1 : last] = [indent + whole.replace(fix.before, fix.text) + "\n"]
    path.write_text("".join(lines), encoding="utf-8")


@pytest.mark.parametrize(("file", "name", "right", "wrong"), MISTAKES)
def test_a_fix_put_into_the_file_makes_it_right(file, name, right, wrong, tmp_path):
    path = tmp_path / "mine.py"
    text = (LAYERS / f"{file}.py").read_text(encoding="utf-8")
    assert text.count(right) >= 1
    path.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    report = judged(path, name)
    assert report.wrong, "the mistake is not seen"
    assert set(report.fixes) == set(report.wrong)
    for key, fix in report.fixes.items():  # what is told beside it is what was done, not what the numbers look like
        told = {one.kind for one in report.diagnosis[key]}
        assert not told & {"in places", "two mistakes", "wrong way", "not determined"}
        assert told or not fix.kind
    for fix in report.fixes.values():
        put_in(path, fix)
    after = judged(path, name)
    assert after.ok, after.text(width=110)
    assert not after.wrong


def fixed(wrong, right="", file="tuples", name="batchnorm", folder=None):
    path = folder / "mine.py"
    path.write_text((LAYERS / f"{file}.py").read_text(encoding="utf-8").replace(right, wrong, 1), encoding="utf-8")
    return judged(path, name)


def test_it_is_the_line_that_the_author_would_write(tmp_path):
    report = fixed("dsq = 1. / D", "dsq = 1. / N", folder=tmp_path)
    assert [fix.text for fix in report.fixes.values()] == ["dsq = 1. / N * np.ones((N, D)) * dvar"]
    text = report.text(hints=3)
    assert "line 58: dsq = 1. / N * np.ones((N, D)) * dvar" in text
    assert "Proof: run with this line, backward gives the expected numbers." in text
    assert "1. / N" not in report.text(hints=2)


def test_one_line_that_makes_several_gradients_wrong_is_told_once(tmp_path):
    report = fixed("(1 - next_h)", "(1 - next_h ** 2)", name="rnn_step", folder=tmp_path)
    assert len(report.wrong) == 1
    assert [fix.text for fix in report.fixes.values()] == ["dtanh = dnext_h * (1 - next_h ** 2)"]
    assert "The mistake is in this line, which makes" in report.text(hints=1)


def test_nothing_of_the_users_is_changed_by_looking_for_it(tmp_path, capsys):
    path = tmp_path / "mine.py"
    path.write_text(
        "import numpy as np\ncalls = []\n\n"
        "def f_forward(x):\n    return np.sin(x), x\n\n"
        "def f_backward(dout, x):\n    print('once')\n    dx = dout * np.sin(x)\n    return dx\n",
        encoding="utf-8",
    )
    with user_file(path) as module:
        code = module.f_backward.__code__
        before = {name: value for name, value in vars(module).items() if name != "__builtins__"}
        report = judge_layer(module, layers_of(module)["f"], path, 0, {})[1]
        assert module.f_backward.__code__ is code
        assert {name: value for name, value in vars(module).items() if name != "__builtins__"} == before
    assert report.wrong == ["x"]
    assert capsys.readouterr().out.count("once") <= 1


def test_it_does_not_take_longer_than_it_is_worth(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "import numpy as np\n\ndef f_forward(x):\n    return np.sin(x), x\n\n"
        "def f_backward(dout, x):\n    rng = np.random.default_rng(0)\n    dx = rng.normal(size=x.shape) + 3\n"
        "    return dx\n",
        encoding="utf-8",
    )
    started = time.process_time()
    report = judged(path, "f")
    assert report.wrong == ["x"]
    assert not report.fixes
    assert time.process_time() - started < 10


def judged_text(text, folder, name="f"):
    path = folder / "mine.py"
    path.write_text("import numpy as np\n\n" + text, encoding="utf-8")
    return judged(path, name)


BRANCHES = [
    ("    if mode == 'train':\n        dx = dout{}\n    elif mode == 'test':\n        dx = dout\n    return dx\n", 9),
    ("    if mode == 'test':\n        dx = dout\n    else:\n        dx = dout{}\n    return dx\n", 11),
    ("    if mode == 'train':\n        dx = dout{}\n    if mode == 'test':\n        dx = dout\n    return dx\n", 9),
    ("    if mode == 'test':\n        dx = dout\n        return dx\n    dx = dout{}\n    return dx\n", 11),
    ("    dx = dout{} if mode == 'train' else dout\n    return dx\n", 8),
]  # fmt: skip


@pytest.mark.parametrize(("body", "line"), BRANCHES)
@pytest.mark.parametrize(("right", "wrong"), [(" * u", ""), (" * u", " * u * 2"), (" * u", " + u")])
def test_of_branches_the_one_that_was_taken_is_to_blame(body, line, right, wrong, tmp_path):
    head = "def f_forward(x, u, mode='train'):\n    return x * u, (u, mode)\n\n"
    head += "def f_backward(dout, cache):\n    u, mode = cache\n"
    report = judged_text(head + body.format(wrong), tmp_path)
    assert report.wrong == ["x"]
    assert report.fixes["x"].line == line
    assert right in report.fixes["x"].text
    shown = report.text(hints=1)
    assert f"line {line}: " in shown
    assert re.findall(r"\bline (\d+): ", shown) == [str(line)]


UNFIXABLE = "dout * np.sin(3 + 5 * h) + np.cos(h)"
PLACES = [
    # lines of backward after `x, u = cache`; those that may be wrong, by number from there
    (["std = np.abs(u)", "h = std * 2", f"dx = {UNFIXABLE}"], [1, 2, 3]),
    (["h = np.exp(u)", f"dx = {UNFIXABLE}"], [2]),  # h is what forward computed
    (["h = np.exp(x)", f"dx = {UNFIXABLE}"], [1, 2]),  # h is another value of forward's by this name
    (["h = u", "dx = np.zeros_like(x)", f"dx += {UNFIXABLE}"], [3]),
    (["h = u", "dx = np.zeros(x.shape, bool)", "dx[0] = dout[0]"], [2, 3]),  # begun wrong
    # or it is the branch, or what the loop runs over
    (["h = u", "if x is None:", "    dx = dout", "else:", f"    dx = {UNFIXABLE}"], [2, 5]),
    (["h = u", "dx = np.zeros_like(x)", "for n in range(len(x)):", f"    dx[n] = ({UNFIXABLE})[n]"], [3, 4]),
    (["du = np.zeros_like(u)", "h = u", "dx = np.zeros_like(x)", "for n in range(len(x)):",
      "    du[n] = (dout * x * np.exp(u))[n]", f"    dx[n] = ({UNFIXABLE})[n]"], [6]),  # which du proves right
    (["h = u", "t = dout * 2", "if x is None:", "    t = dout", f"dx = {UNFIXABLE.replace('dout', 't')}"], [2, 5]),
    (["h = u", "t = dout", f"dx = {UNFIXABLE.replace('dout', 't')}"], [2, 3]),  # another name, meant for another one
    (["h = u", "s = np.sin(x)", "t = s", f"dx = ({UNFIXABLE}) * t"], [2, 3, 4]),
    (["h, N = u, x.shape[1]", f"dx = ({UNFIXABLE}) / N"], [1, 2]),
    (["h = u", "N, D = x.shape", f"dx = ({UNFIXABLE}) / N"], [3]),
]  # fmt: skip


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize(("lines", "due"), PLACES)
def test_the_lines_that_are_shown_are_those_that_the_mistake_may_be_in(lines, due, tmp_path):
    head = "def f_forward(x, u):\n    h = np.exp(u)\n    return x * h, (x, u)\n\n"
    head += "def f_backward(dout, cache):\n    x, u = cache\n"
    body = "".join(f"    {line}\n" for line in lines)
    report = judged_text(f"{head}{body}    du = dout * x * np.exp(u)\n    return dx, du\n", tmp_path)
    assert "x" in report.wrong
    assert not report.fixes
    text = report.text(hints=1)
    shown = re.findall(r"\bline (\d+): ", text[text.index("dx is wrong") :].split("\n\n")[0])
    assert shown == [str(line + 8) for line in due]


LUCKY = [
    ("def mask_of(a):\n    return a > 0.05\n", "dx = dout * mask_of(x)"),
    ("def mask_of(a):\n    return 1.0 * (np.sign(a - 0.05) > 0)\n", "dx = mask_of(x) * dout"),
    ("", "dx = dout * (x > 0.05)"),
    ("", "dx = dout * (np.sign(x - 0.05) > 0)"),
]


@pytest.mark.parametrize(("helper", "line"), LUCKY)
def test_a_change_that_is_right_at_one_point_by_luck_is_no_fix(helper, line, tmp_path):
    text = f"{helper}\ndef f_forward(x):\n    return np.maximum(x, 0), x\n\ndef f_backward(dout, x):\n    {line}\n"
    report = judged_text(text + "    return dx\n", tmp_path)
    assert report.wrong == ["x"]
    for fix in report.fixes.values():
        space = {"np": np, "x": np.linspace(-1, 1, 2000), "dout": np.arange(2000.0)}
        own = helper.replace(fix.before, fix.text) + line if fix.before in helper else f"{helper}{fix.text}"
        exec(own, space)  # noqa: S102 -- what was printed
        assert np.array_equal(space["dx"], space["dout"] * (space["x"] > 0))


def test_a_number_that_is_a_length_here_is_no_fix(tmp_path):
    text = "def f_forward(x):\n    return x.mean(axis=0), x\n\n"
    text += "def f_backward(dout, x):\n    N, D = x.shape\n    dx = np.ones((N, D)) * dout / 2\n    return dx\n"
    path = tmp_path / "mine.py"
    path.write_text(f"import numpy as np\ndef inputs():\n    return {{'x': np.arange(6.0).reshape(3, 2)**2}}\n{text}")
    report = judged(path, "f")
    assert report.fixes["x"].text == "dx = np.ones((N, D)) * dout / N"


EDITED = [
    ("dx = -(dy * a)", "dx = dy * a", "sign"),
    ("dx = dy - dz", "dx = dy + dz", "sign"),
    ("dx = b - a", "dx = a - b", "sign"),
    ("dx = dy * a", "dx = dy / a", "not inverted"),
    ("dx = a / dy", "dx = dy / a", "not inverted"),
    ("dx = dy + a", "dx = dy * a", "wrong operator"),
    ("dx = dy * a", "dx = dy @ a", "wrong operator"),
    ("dx = dy @ w", "dx = dy @ w.T", "transposed"),
    ("dx = w @ dy", "dx = dy @ w", "transposed"),
    ("dx = dy * a", "dx = dy * b", "exchanged operand"),
    ("dx = dy / D", "dx = dy / N", "constant factor"),
    ("dx = dy * 2", "dx = dy * 3", "constant factor"),
    ("dx = dy", "dx = dy / N", "constant factor"),
    ("dx = dy", "dx = 2 * dy", "constant factor"),
    ("dx = dy / N", "dx = dy", "constant factor"),
    ("dx = dy", "dx = dy * a", "missing factor"),
    ("dx = dy", "dx = dy * (a > 0)", "missing mask"),
    ("dx = dy * (a < 0)", "dx = dy * (a > 0)", "inverted mask"),
    ("dx = dy * (a != b)", "dx = dy * (a == b)", "inverted mask"),
    ("dx = dy * (a >= b)", "dx = dy * (a > b)", "another mask"),
    ("dx = dy * a", "dx = dy * (a > 0)", "exchanged operand"),
    ("dE[ids] = dy", "np.add.at(dE, ids, dy)", "repeats lost"),
    ("dx = dy * a**3", "dx = dy * a**2", "another exponent"),
    ("dx = dy * a", "dx = dy * a**2", "lost square"),
    ("dx = dy * (1 - a)", "dx = dy * (1 - a ** 2)", "lost square"),
    ("dx = dy * a", "dx = dy * (1 - a)", "complement"),
    ("dx = dy.sum(axis=1)", "dx = dy.sum(axis=0)", "wrong axis"),
    ("dx = dy.sum(axis=(0, 1))", "dx = dy.sum(axis=(0, 2))", "wrong axis"),
    ("dx = dy.sum(1)", "dx = dy.sum(2)", "wrong axis"),
    ("dx = np.sum(dy, 1)", "dx = np.sum(dy, 0)", "wrong axis"),
    ("dx = dy.sum(axis=0)", "dx = dy.sum(axis=0, keepdims=True)", "missing keepdims"),
    ("dx = np.mean(dy, axis=0)", "dx = np.sum(dy, axis=0)", "mean for sum"),
    ("dx = np.sum(dy, axis=0)", "dx = np.mean(dy, axis=0)", "sum for mean"),
    ("dx = dy", "dx = dy.sum(axis=0)", "missing sum"),
    ("dx = dy + dz", "dx = dy", "added term"),
    ("dx = dy", "dx = dy + dz", "dropped term"),
    ("dx = dy", "dx += dy", "overwritten contribution"),
    ("dx += dy", "dx = dy", "added term"),
    ("dx -= dy", "dx += dy", "sign"),
    ("dE[ids] += dy", "np.add.at(dE, ids, dy)", "repeats lost"),
    ("np.add.at(dE, ids, dy)", "np.add.at(dE, ids, dy * a)", "missing factor"),
    ("np.add.at(dE, ids, dy / D)", "np.add.at(dE, ids, dy / N)", "constant factor"),
    ("np.add.at(dE, ids, -dy)", "np.add.at(dE, ids, dy)", "sign"),
    ("np.subtract.at(dE, ids, dy)", "np.add.at(dE, ids, dy)", "sign"),
    ("np.add.at(dE, a, dy)", "np.add.at(dE, b, dy)", "exchanged operand"),
    ("np.add.at(dE, (slice(None), a), dy)", "np.add.at(dE, (slice(None), b), dy)", "exchanged operand"),
    ("np.add.at(dE, (j, i), dy)", "np.add.at(dE, (i, j), dy)", "transposed"),
    ("return da, db", "return db, da", "exchanged operand"),
    ("dx = (dy + dz) * a", "dx = dy + dz * a", "moved contribution"),
    ("dx = dy + dz * a", "dx = (dy + dz) * a", "moved contribution"),
    ("dx = np.where(a > 0, 0, dy)", "dx = np.where(a > 0, dy, 0)", "inverted mask"),
    ("dx = dy * (a > 0)", "dx = dy * a", "exchanged operand"),
    ("dx = dy * (1 - a)", "dx = dy * a", "complement"),
    ("dx[a > 0] = 0", "dx[a <= 0] = 0", "inverted mask"),
    ("dw = h[:, t].T @ dy", "dw = h[:, t - 1].T @ dy", "off by one"),
    ("dw = h[t - 1].T @ dy", "dw = h[t].T @ dy", "off by one"),
    ("dw = x[:, 1:] * dy", "dw = x[:, :-1] * dy", "off by one"),
    ("dw = x[i, j] * dy", "dw = x[j, i] * dy", "transposed"),
    ("dw = x[:, t] * dy", "dw = x[t, :] * dy", "transposed"),
    ("dw = x[j : j + H, i : i + W] * dy", "dw = x[i : i + H, j : j + W] * dy", "transposed"),
    ("dw[f, c] += x * dy", "dw[c, f] += x * dy", "transposed"),
    ("dw[j, :2, i] = x * dy", "dw[i, :2, j] = x * dy", "transposed"),
    ("dx[n, i : i + 2] += w * dy", "dx[n, i * s : i * s + 2] += w * dy", "exchanged operand"),
    ("dw[:, j] += x[j]", "dw[:, j] += x[i]", "exchanged operand"),
    ("dw += x[n, i : i + 2] * dy", "dw += x[n, i * s : i * s + 2] * dy", "exchanged operand"),
    ("db = dy[0]", "db = dy.sum(axis=0)", "part of a sum"),
    ("dx[y] = 1", "dx[y] -= 1", "overwritten contribution"),
    ("dx = dy * (a * b)", "dx = dy * N", "exchanged operand"),
    ("dx = dy / N", "dx = dy / (N * D)", "constant factor"),
    ("dx = dy / N**2", "dx = dy / N", "another exponent"),
    ("for t in range(N):\n    pass", "for t in reversed(range(N)):", ""),
    ("for t in range(1, N):\n    pass", "for t in range(N):", ""),
    ("for t in reversed(range(N - 1)):\n    pass", "for t in reversed(range(N)):", ""),
]


@pytest.mark.parametrize(("wrong", "right", "kind"), EDITED)
def test_a_kind_is_named_by_the_change_that_undoes_it(wrong, right, kind):
    def read(text):
        return ast.dump(ast.parse(f"{text} pass" if text.endswith(":") else text).body[0])

    atoms, indices = ["N", "D", "dy", "dz", "a", "b", "w"], [("n", "i * s : i * s + 2"), ("i",)]
    made = edits(ast.parse(wrong).body[0], atoms, indices=indices)
    leading = [edit for edit in made if read(edit.written(wrong)) == read(right)]
    assert leading, "no edit leads there"
    said = {slip_of(edit, lambda text: text in ("N", "D")).kind for edit in leading}
    assert kind in said
    assert said <= {*KINDS, ""}


@pytest.mark.parametrize("line", [wrong for wrong, _, _ in EDITED])
def test_whatever_is_edited_has_a_kind_of_the_catalogue_or_none(line):
    for edit in edits(ast.parse(line).body[0], ["N", "a", "a.shape[0]"]):
        assert slip_of(edit, str.isupper).kind in {*KINDS, ""}


LAYERS_OF_THEIR_OWN = {
    "helpers": """
def inputs():
    r = np.random.default_rng(0)
    return dict(x=r.normal(size=(7, 4)), w=r.normal(size=(4, 5)), v=r.normal(size=(5, 3)))

def relu(x): return np.maximum(x, 0)

def slope(x):
    return (x > 0) * 1.0

def slope_of_tanh(t): return 1 - t**2

def f_forward(x, w, v):
    z = x @ w
    t = np.tanh(relu(z) @ v)
    return t, (x, w, v, z, t)

def f_backward(dout, cache):
    x, w, v, z, t = cache
    dp = dout * slope_of_tanh(t)
    dq = dp @ v.T * slope(z)
    return dq @ w.T, x.T @ dq, relu(z).T @ dp
""",
    "steps": """
def inputs():
    r = np.random.default_rng(0)
    return dict(xs=r.normal(size=(4, 3, 2)), h0=r.normal(size=(3, 5)), W=r.normal(size=(2, 5)), U=r.normal(size=(5, 5)))

def f_forward(xs, h0, W, U):
    h, hs = h0, np.zeros((len(xs), *h0.shape))
    for t in range(len(xs)):
        h = np.tanh(xs[t] @ W + h @ U)
        hs[t] = h
    return hs, (xs, h0, W, U, hs)

def f_backward(dhs, cache):
    xs, h0, W, U, hs = cache
    T = len(xs)
    dxs, dW, dU, dnext = np.zeros_like(xs), 0 * W, 0 * U, 0 * h0
    for t in reversed(range(T)):
        before = hs[t - 1] if t else h0
        dz = (dhs[t] + dnext) * (1 - hs[t]**2)
        dxs[t] = dz @ W.T
        dW += xs[t].T @ dz
        dU += before.T @ dz
        dnext = dz @ U.T
    return dxs, dnext, dW, dU
""",
    "dropped": """
def f_forward(X, W1, W2):
    np.random.seed(1)
    h = np.maximum(0, X @ W1)
    u = (np.random.rand(*h.shape) < 0.5) / 0.5
    h = h * u
    return h @ W2, (X, W1, W2, h, u)

def f_backward(dout, cache):
    X, W1, W2, h, u = cache
    dW2 = h.T @ dout
    dh = dout @ W2.T
    dh = dh * u
    dz = dh * (h > 0)
    return dz @ W1.T, X.T @ dz, dW2
""",
    "pooled": """
def f_forward(x, k=2):
    N, C, H, W = x.shape
    return x.reshape(N, C, H // k, k, W // k, k).mean(axis=(3, 5)), (x, k)

def f_backward(dout, cache):
    x, k = cache
    return np.repeat(np.repeat(dout, k, axis=2), k, axis=3) / (k * k)
""",
    "square": """
def inputs():
    r = np.random.default_rng(0)
    return dict(x=r.normal(size=(3, 4, 6, 6)), w=r.normal(size=(4, 1, 1)))

def f_forward(x, w):
    return x * w / (x.shape[2] * x.shape[3]), (x, w)

def f_backward(dout, cache):
    x, w = cache
    N, C, H, W = x.shape
    return dout * w / (H * W), np.sum(dout * x, axis=(0, 2, 3)).reshape(w.shape) / (H * W)
""",
}
LAYERS_OF_THEIR_OWN["gathered"] = """
def inputs():
    r = np.random.default_rng(0)
    w, rows, cols = r.normal(size=5), np.array([0, 1, 1, 4, 1]), np.array([5, 2, 2, 3, 0])
    return dict(A=r.normal(size=(6, 6)), w=w, rows=rows, cols=cols)

def f_forward(A, w, rows, cols):
    return A[rows, cols] * w, (A, w, rows, cols)

def f_backward(dout, cache):
    A, w, rows, cols = cache
    dA = np.zeros_like(A)
    np.add.at(dA, (rows, cols), dout * w)
    return dA, dout * A[rows, cols]
"""
LAYERS_OF_THEIR_OWN["looked up"] = """
def inputs():
    r = np.random.default_rng(0)
    E, P = r.normal(size=(2, 6, 3))
    return dict(E=E, P=P, ids=np.array([0, 1, 1, 4]), pos=np.array([5, 2, 2, 3]))

def f_forward(E, P, ids, pos):
    return E[ids] + P[pos], (E, P, ids, pos)

def f_backward(dout, cache):
    E, P, ids, pos = cache
    grads = {"E": np.zeros(E.shape), "P": np.zeros(P.shape)}
    np.add.at(grads["E"], ids, dout)
    np.add.at(grads["P"], pos, dout)
    return grads
"""
LAYERS_OF_THEIR_OWN["bag"] = """
def inputs():
    r = np.random.default_rng(0)
    return dict(E=r.normal(size=(6, 3)), ids=r.integers(0, 6, size=(4, 5)))

def f_forward(E, ids):
    N, T = ids.shape
    out = np.zeros((N, E.shape[1]))
    for t in range(T):
        out += E[ids[:, t]] / T
    return out, (E, ids)

def f_backward(dout, cache):
    E, ids = cache
    N, T = ids.shape
    dE = np.zeros_like(E)
    for t in range(T):
        np.add.at(dE, ids[:, t], dout / T)
    return dE
"""
LAYERS_OF_THEIR_OWN["loss"] = """
def f_loss(W, X, y, reg=0.1):
    n = X.shape[0]
    scores = X.dot(W)
    margins = np.maximum(0, scores - scores[np.arange(n), y].reshape(-1, 1) + 1)
    margins[np.arange(n), y] = 0
    loss = margins.sum() / n + reg * np.sum(W * W)
    ind = (margins > 0).astype(float)
    ind[np.arange(n), y] = -ind.sum(axis=1)
    dW = X.T.dot(ind) / n + 2 * reg * W
    return loss, dW
"""
LAYERS_OF_THEIR_OWN["softmax"] = """
def f_loss(W, X, y, reg=0.05):
    N = X.shape[0]
    scores = X @ W
    probs = np.exp(scores - scores.max(axis=1, keepdims=True))
    probs /= probs.sum(axis=1, keepdims=True)
    loss = -np.log(probs[np.arange(N), y]).mean() + 0.5 * reg * np.sum(W * W)
    probs[np.arange(N), y] -= 1
    probs /= N
    dW = X.T @ probs
    dW += reg * W
    return loss, dW
"""
LAYERS_OF_THEIR_OWN["network"] = """
def f_loss(params, X, y, reg=0.02):
    N = X.shape[0]
    Z = np.maximum(X @ params["W1"] + params["b1"], 0)
    s = Z @ params["W2"] + params["b2"]
    p = np.exp(s - s.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    loss = -np.log(p[np.arange(N), y]).mean() + 0.5 * reg * ((params["W1"]**2).sum() + (params["W2"]**2).sum())
    grads = {}
    ds = p.copy()
    ds[np.arange(N), y] -= 1
    ds /= N
    grads["W2"] = Z.T @ ds + reg * params["W2"]
    grads["b2"] = ds.sum(axis=0)
    dZ = (ds @ params["W2"].T) * (Z > 0)
    grads["W1"] = X.T @ dZ + reg * params["W1"]
    grads["b1"] = dZ.sum(axis=0)
    return loss, grads
"""
LAYERS_OF_THEIR_OWN["hinge"] = """
def f_loss(W, X, y, reg=0.05):
    dW = np.zeros(W.shape)
    num_train = X.shape[0]
    loss = 0.0
    for i in range(num_train):
        scores = X[i].dot(W)
        for j in range(W.shape[1]):
            margin = scores[j] - scores[y[i]] + 1
            if j != y[i] and margin > 0:
                loss += margin
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    loss /= num_train
    loss += reg * np.sum(W * W)
    dW /= num_train
    dW += 2 * reg * W
    return loss, dW
"""
LAYERS_OF_THEIR_OWN["decayed"] = """
class f:
    def __init__(self, W, lam=1.0):
        self.W, self.lam = W, lam

    def loss(self, x, t):
        self.x, self.e = x, x @ self.W - t
        return np.sum(self.e**2) + self.lam / (2 * len(x)) * np.sum(self.W**2)

    def grad(self):
        n = len(self.x)
        dW = 2 * self.x.T @ self.e
        dW += self.lam * self.W / n
        return dW
"""
LAYERS_OF_THEIR_OWN["residual"] = """
def inputs():
    r = np.random.default_rng(0)
    return dict(x=r.normal(size=(7, 4)), W=r.normal(size=(4, 5)), V=r.normal(size=(5, 4)))

def f_forward(x, W, V):
    h = np.maximum(0, x @ W)
    return h @ V + 3 * x, (x, W, V, h)

def f_backward(dout, cache):
    x, W, V, h = cache
    dz = dout @ V.T * (h > 0)
    dx = dz @ W.T
    dx += 3 * dout
    return dx, x.T @ dz, h.T @ dout
"""
LAYERS_OF_THEIR_OWN["shortcut"] = """
def inputs():
    r = np.random.default_rng(0)
    return dict(x=r.normal(size=(7, 4)), w=r.normal(size=4), V=r.normal(size=(4, 4)))

def f_forward(x, w, V):
    a = x * w
    return np.tanh(a) + x @ V, (x, w, V, a)

def f_backward(dout, cache):
    x, w, V, a = cache
    da = dout * (1 - np.tanh(a)**2)
    dx = da * w
    dw = (da * x).sum(axis=0)
    dshort = dout @ V.T
    dx += dshort
    return dx, dw, x.T @ dout
"""
LAYERS_OF_THEIR_OWN["ways"] = """
def inputs():
    r = np.random.default_rng(0)
    return dict(x=r.normal(size=(7, 4)), w=r.normal(size=4))

def f_forward(x, w):
    a = x * w
    b = np.sin(a)
    c = np.exp(-a)
    return b * c + a, (x, w, a, b, c)

def f_backward(dout, cache):
    x, w, a, b, c = cache
    db = dout * c
    dc = dout * b
    da = db * np.cos(a)
    da -= dc * c
    da += dout
    return da * w, np.sum(da * x, axis=0)
"""
LAYERS_OF_THEIR_OWN["normed"] = """
def f_forward(x):
    mu = x.mean(axis=1, keepdims=True)
    xc = x - mu
    var = (xc**2).mean(axis=1, keepdims=True)
    s = np.sqrt(var + 1e-5)
    return xc / s, (xc, s)

def f_backward(dout, cache):
    xc, s = cache
    D = xc.shape[1]
    dxc = dout / s
    dvar = (dout * xc).sum(axis=1, keepdims=True) * -0.5 / s**3
    dxc += 2 * dvar * xc / D
    dx = dxc.copy()
    dx -= dxc.mean(axis=1, keepdims=True)
    return dx
"""
OF_THEIR_OWN = [
    ("softmax", "    dW += reg * W\n", "", "dW = X.T @ probs + reg * W"),
    ("softmax", "dW += reg", "dW += 2 * reg", "dW += reg * W"),
    ("softmax", "    probs /= N\n", "", "dW = X.T @ probs / N"),
    ("network", ' + reg * params["W1"]', "", "X.T @ dZ + reg * params['W1']"),
    ("network", ' + reg * params["W1"]', ' + 2 * reg * params["W1"]', "X.T @ dZ + reg * params['W1']"),
    ("network", "    ds /= N\n", "", "ds /= N"),
    ("hinge", "    dW /= num_train\n", "", "dW /= num_train"),
    ("hinge", "    dW += 2 * reg * W\n", "", "dW += 2 * reg * W"),
    ("hinge", "dW += 2 * reg", "dW += reg", "dW += 2 * reg * W"),
    ("decayed", "        dW += self.lam * self.W / n\n", "", "self.x.T @ self.e + self.lam * self.W / n"),
    ("residual", "    dx += 3 * dout\n", "", "dx = dz @ W.T + 3 * dout"),
    ("residual", "dx += 3 * dout", "dx -= 3 * dout", "dx += 3 * dout"),
    ("shortcut", "    dx += dshort\n", "", "dx += dshort"),
    ("shortcut", "    dshort = dout @ V.T\n    dx += dshort\n", "", "dx = da * w + dout @ V.T"),
    ("ways", "    da += dout\n", "", "da += dout"),
    ("ways", "    da -= dc * c\n", "", "da -= dc * c"),
    ("normed", "    dxc += 2 * dvar * xc / D\n", "", "dxc += 2 * dvar * xc / D"),
    ("normed", "    dx -= dxc.mean(axis=1, keepdims=True)\n", "", "dx = dxc.copy() - dxc.mean(axis=1, keepdims=True)"),
    ("loss", "2 * reg * W", "reg * W", "dW = X.T.dot(ind) / n + 2 * reg * W"),
    ("loss", "ind) / n", "ind)", "dW = X.T.dot(ind) / n + 2 * reg * W"),
    ("helpers", "(x > 0) * 1.0", "(x < 0) * 1.0", "return (x > 0) * 1.0"),
    ("helpers", "(x > 0) * 1.0", "(x > 0.5) * 1.0", "return (x > 0) * 1.0"),
    ("helpers", "return 1 - t**2", "return 1 - t", "return 1 - t ** 2"),
    ("helpers", "return 1 - t**2", "return 1 + t**2", "return 1 - t**2"),
    ("helpers", "slope(z)\n", "slope(dp @ v.T)\n", "dq = dp @ v.T * slope(z)"),
    ("steps", "in reversed(range(T))", "in range(T)", "for t in reversed(range(T)):"),
    ("steps", "in reversed(range(T))", "in reversed(range(1, T))", "for t in reversed(range(T)):"),
    ("steps", "(dhs[t] + dnext) * (1", "dhs[t] + dnext * (1", "dz = (dhs[t] + dnext) * (1 - hs[t] ** 2)"),
    ("steps", "dnext = dz @ U.T", "dnext = dz @ U", "dnext = dz @ U.T"),
    ("steps", "(dhs[t] + dnext)", "dhs[t]", "dz = (dhs[t] + dnext) * (1 - hs[t]**2)"),
    ("steps", "dW += xs[t]", "dW += xs[t - 1]", "dW += xs[t].T @ dz"),
    ("dropped", "    dh = dh * u\n", "", "dz = dh * (h > 0) * u"),
    ("dropped", "dh = dh * u", "dh = dh * (u > 0)", "dh = dh * u"),
    ("gathered", "(rows, cols), dout * w", "(rows, cols), dout", "np.add.at(dA, (rows, cols), dout * w)"),
    ("gathered", "(rows, cols), dout * w", "(cols, rows), dout * w", "np.add.at(dA, (rows, cols), dout * w)"),
    ("gathered", "(rows, cols), dout * w", "(rows, cols), -dout * w", "np.add.at(dA, (rows, cols), dout * w)"),
    ("gathered", "np.add.at", "np.subtract.at", "np.add.at(dA, (rows, cols), dout * w)"),
    ("looked up", "pos, dout)", "ids, dout)", "np.add.at(grads['P'], pos, dout)"),
    ("looked up", "ids, dout)", "ids, dout.sum(axis=0))", "np.add.at(grads['E'], ids, dout)"),
    ("bag", "dout / T)", "dout / N)", "np.add.at(dE, ids[:, t], dout / T)"),
    ("bag", "dout / T)", "dout * 2 / T)", "np.add.at(dE, ids[:, t], dout / T)"),
    ("pooled", "/ (k * k)", "/ k", "np.repeat(np.repeat(dout, k, axis=2), k, axis=3) / (k * k)"),
]


@pytest.mark.parametrize(("layer", "right", "wrong", "line"), OF_THEIR_OWN)
def test_a_mistake_on_the_way_to_all_gradients_is_told_once_by_the_line_that_makes_them_right(
    layer, right, wrong, line, tmp_path
):
    text = LAYERS_OF_THEIR_OWN[layer]
    assert text.count(right) == 1
    name = "f_loss" if "f_loss" in text else "f"
    report = judged_text(text.replace(right, wrong), tmp_path, name)
    [fix] = report.fixes.values()
    assert line.replace(" ", "") in fix.text.replace(" ", "").replace('"', "'")
    assert len(report.wrong) == 1
    assert fix.said
    put_in(tmp_path / "mine.py", fix)
    assert judged(tmp_path / "mine.py", name).ok


def test_helpers_are_searched_for_no_larger_change_than_the_one_that_is_found(tmp_path):
    text = f"""
def f_forward(x, w):
    z = x @ w
    return np.tanh(z), (x, w, z)

def slope(z):
    with open({str(tmp_path / "log")!r}, "a") as log:
        log.write("x")
    up, down = np.exp(z), np.exp(-z)
    total = up + down
    part = up / total
    rest = down / total
    return 4 * part * rest

def f_backward(dout, cache):
    x, w, z = cache
    dz = -(dout * slope(z))
    return dz @ w.T, x.T @ dz
"""
    [fix] = judged_text(text, tmp_path).fixes.values()
    assert fix.text == "dz = dout * slope(z)"
    assert len((tmp_path / "log").read_text()) < 80


def test_terms_that_are_missing_in_two_gradients_are_two_mistakes(tmp_path):
    text = LAYERS_OF_THEIR_OWN["network"].replace(' + reg * params["W1"]', "").replace(' + reg * params["W2"]', "")
    report = judged_text(text, tmp_path, "f_loss")
    assert sorted(report.wrong) == ["W1", "W2"]
    assert sorted(fix.text.rpartition("+ ")[2] for fix in report.fixes.values()) == [
        "reg * params['W1']",
        "reg * params['W2']",
    ]
    for fix in report.fixes.values():
        put_in(tmp_path / "mine.py", fix)
    assert judged(tmp_path / "mine.py", "f_loss").ok


def test_a_missing_line_is_told_by_what_it_follows(tmp_path):
    text = LAYERS_OF_THEIR_OWN["hinge"].replace("    dW /= num_train\n", "")
    said = judged_text(text, tmp_path, "f_loss").text(hints=3)
    assert "line 15: dW[:, y[i]] -= X[i]" in said
    assert "A line is missing after this one, outside the loop." in said
    assert "the division of dW by num_train is missing" in said
    assert "after line 15, outside the loop: dW /= num_train" in said
    text = LAYERS_OF_THEIR_OWN["network"].replace("    ds /= N\n", "")
    said = judged_text(text, tmp_path, "f_loss").text(hints=3)
    assert re.search(r"A line is missing after this one; that makes d\w+, d\w+ and d\w+ wrong, too\.", said)
    assert "after line 13: ds /= N" in said


W, V = np.random.default_rng(0).normal(size=(2, 4, 4))
FORGOTTEN = [
    (2 * 0.1 * W, "+ 2 * reg * W"),
    (-0.1 * W / 7, "- reg * W / N"),
    (0.1 * -0.3 * W, "+ c * reg * W"),
    (W * V, "+ W * V"),
    (0.5 * W @ V.T, "+ 0.5 * W @ V.T"),
    (-7 * V.T @ W, "- N * V.T @ W"),
    (W.mean(axis=0, keepdims=True) + 0 * W, "+ W.mean(axis=0, keepdims=True)"),
    (V.sum(axis=0), "+ V.sum(axis=0)"),
    (5 * W, "+ 5 * W"),
    (2 * 0.5 * W, "+ 2 * half * W"),
    (np.pi * W, ""),
    (W + V, ""),
]


@pytest.mark.parametrize(("lacking", "term"), FORGOTTEN)
def test_a_term_that_is_missing_is_written_in_the_names_that_there_are(lacking, term):
    held = {"reg": 0.1, "c": -0.3, "N": 7, "k": 1, "W": W, "V": V, "ids": np.arange(4)}
    held |= {"half": 0.5} if "half" in term else {}
    found = sorted(terms(lacking, 1e-12, held), key=lambda found: found.weight)
    assert [f"{one.sign} {one.text}" for one in found[:1]] == ([term] if term else [])
    for one in found:
        assert np.allclose(eval(f"0 {one.sign} {one.text}", {**held}), lacking)  # noqa: S307 -- what was written


@pytest.mark.parametrize(("right", "wrong"), [("w / (H * W)", "w / H"), ("w / (H * W)", "w / W"), ("w / (H * W)", "w")])
def test_a_fix_is_right_where_images_are_not_square_too(right, wrong, tmp_path):
    report = judged_text(LAYERS_OF_THEIR_OWN["square"].replace(right, wrong), tmp_path)
    assert report.wrong == ["x"]
    for fix in report.fixes.values():
        put_in(tmp_path / "mine.py", fix)
        path = tmp_path / "mine.py"
        path.write_text(path.read_text(encoding="utf-8").replace("(3, 4, 6, 6)", "(3, 4, 6, 5)"), encoding="utf-8")
        assert judged(path, "f").ok


LINES = [
    "dx = dout * (1 - h**2)",
    "dW[:, j] += X[i] / N",
    "return dout.dot(w.T).reshape( x.shape ), np.sum(dout, axis = 0)",
    "dz = np.hstack([df, dg])  * -1",
    "db = (dout\n      * x).sum(0)",
    "dsq = 1. / N * np.ones((N, D)) * dvar",
    "db = dout.sum(0) - \\\n    x",
    "db = (dout  # of all\n      * x)",
]


@pytest.mark.parametrize("line", LINES)
def test_a_changed_line_is_written_as_it_was_but_for_the_change(line):
    statement = ast.parse(line).body[0]
    every = edits(statement, ["N", "x", "h"])
    assert len(every) > 50
    assert [edit.weight for edit in every] == sorted(edit.weight for edit in every)
    for edit in every[::7]:
        due = ast.dump(edit.after)
        for text in (edit.put(line), edit.written(line)):
            assert ast.dump(ast.parse(text).body[0]) == due
    assert ast.dump(ast.parse(line).body[0]) == ast.dump(statement)


@pytest.mark.parametrize("line", ["dx[n, :, i:i + 3] = w * dy", "dx[:] += dy", "dx[ids] = dy", "dx[i, ids] += dy[::2]"])
def test_every_change_of_what_is_assigned_at_an_index_can_be_read(line):
    [statement] = ast.parse(line).body
    every = [ast.unparse(edit.after) for edit in edits(statement, ["w", "dy"])]
    assert line.replace(" = ", " += ") in every or line.replace(" += ", " = ") in every
    assert any(text.startswith("np.add.at(dx, ") for text in every) == (":" not in line.partition("]")[0])


def test_nothing_is_subtracted_from_itself():
    """It would be the fix of a line that is not due at all, and its sentence would say nothing."""
    for line in ("dx = dy", "dx += dy", "np.add.at(dx, ids, dy)"):
        assert not [edit for edit in edits(ast.parse(line).body[0], ["dy", "w"]) if edit.instead.endswith("dy - dy")]


def test_a_block_that_is_assigned_where_it_should_be_added_is_added(tmp_path):
    text = """
import numpy as np

def inputs(seed=0):
    rng = np.random.default_rng(seed)
    return {"x": rng.normal(size=8), "w": rng.normal(size=3)}

def f_forward(x, w):
    out = np.zeros(6)
    for i in range(6):
        out[i] = np.sum(x[i : i + 3] * w)
    return out, (x, w)

def f_backward(dout, cache):
    x, w = cache
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(6):
        dw += x[i : i + 3] * dout[i]
        dx[i : i + 3] = w * dout[i]
    return dx, dw
"""
    report = judged_text(text, tmp_path)
    assert report.wrong == ["x"]
    assert report.fixes["x"].text == "dx[i : i + 3] += w * dout[i]"


def test_no_length_of_what_is_made_is_changed():
    """It would have another shape, or take all memory there is."""
    [statement] = ast.parse("dx = np.sin(np.arange(d.size)) * np.full((N, D), 2.0) * x").body
    every = [ast.unparse(edit.after) for edit in edits(statement, ["N", "D", "x"])]
    assert any("np.full((N, D), 1.0)" in text or "np.full((N, D), 1)" in text for text in every)
    made = [node.args[0] for text in every for node in ast.walk(ast.parse(text)) if is_made(node)]
    assert {ast.unparse(length) for length in made} == {"d.size", "(N, D)"}


def is_made(node):
    return isinstance(node, ast.Call) and ast.unparse(node.func) in ("np.arange", "np.full")


def test_what_names_hold_before_a_line_is_copied_for_its_first_two_visits_and_its_last_two_alone(monkeypatch):
    def backward(dout, cache):
        dx = np.zeros(300_000)
        for i in range(50):
            dx[i] += dout[i]
            dx[i] *= 2.0
        return dx

    copies = []
    monkeypatch.setattr(visiting, "copied", lambda value, known: copies.append(value) or copied(value, known))
    dout = np.random.default_rng(0).normal(size=300_000)
    visits = Visits(FunctionSource.of(backward), Call(backward, dout, None, ["x"]))
    line = backward.__code__.co_firstlineno
    first, second, before, last = visits.before(line + 4)
    assert (first["i"], second["i"]) == (0, 1)
    assert (before["i"], last["i"]) == (48, 49)
    assert before["dx"][48] == dout[48]
    assert last["dx"][48] == 2.0 * dout[48]
    assert last["dx"][49] == dout[49]
    assert len(copies) == sum(map(len, (first, second, before, last)))
    assert before["dout"] is last["dout"], "what is equal is kept once"
    assert visits.before(line + 4) is visits.before(line + 4)
    assert len(visits.before(line + 5)) == 1, "the line that returns"
    assert visits.before(line) == []


def test_lengths_are_called_as_the_user_calls_them():
    rng = np.random.default_rng(0)
    x = mt.tensor(rng.normal(size=(7, 4)), name="x", requires_grad=True)
    y = (x - x.mean(axis=0).named("mean")).named("y")
    dout = rng.normal(size=(7, 4))
    hand = {"dy": dout, "dmean": -dout.sum(axis=0), "dx": dout - dout.sum(axis=0), "N": 7, "D": 4}
    [fix] = {one.fix for one in mt.compare(y, dout, hand).diagnosis["dx"][:1]}
    assert "/ N" in fix
    assert "(N, D)" in fix
    space = {"np": np, **hand}
    exec(fix, space)  # noqa: S102 -- what was printed
    assert mt.compare(y, dout, {**hand, "dx": space["dx"]}).ok
    spelled = {"grad_y": dout, "grad_mean": hand["dmean"], "grad_x": hand["dx"], "N": 7}
    [fix] = {one.fix for one in mt.compare(y, dout, spelled).diagnosis["x"][:1]}
    space = {"np": np, **spelled}
    exec(fix, space)  # noqa: S102 -- as above
    assert mt.compare(y, dout, {**spelled, "grad_x": space["grad_x"]}).ok


def test_fixes_are_found_beside_a_tracer_which_sees_no_line_that_is_tried(tmp_path, untraced):
    path = tmp_path / "traced.py"
    path.write_text(
        "import numpy as np\n\n\ndef f_forward(x):\n    return x * x, x\n\n\n"
        "def f_backward(dout, x):\n    dx = 3 * x * dout\n    return dx\n"
    )
    seen = set()

    def tracer(frame, event, _):
        if event == "call" and frame.f_code.co_name == "f_backward":
            seen.add(frame.f_code)

    with user_file(path) as module:
        layer = layers_of(module)["f"]
        sys.settrace(tracer)
        try:
            _, report, _ = judge_layer(module, layer, path, 0, {})
            after = sys.gettrace()
        finally:
            sys.settrace(None)
    assert [fix.text for fix in report.fixes.values()] == ["dx = 2 * x * dout"]
    assert after is tracer
    assert seen == {layer.function.__code__}  # no debugger stops in a line that is only tried


@pytest.mark.parametrize("off", [2e-14, 4e-14])
def test_what_is_a_few_roundings_off_has_no_line_to_change(tmp_path, off):
    """Any change that leaves the numbers as they are would be as near, and its proof as true."""
    path = tmp_path / "mine.py"
    path.write_text(
        "import numpy as np\n\n\nclass Off:\n    def __call__(self, a, b):\n"
        f"        return a * b * {1 + off!r}\n\n\noff = Off()\n\n\n"
        "def scale_forward(x, gamma):\n    return x * gamma, (x, gamma)\n\n\n"
        "def scale_backward(dout, cache):\n    x, gamma = cache\n    dx = off(dout, gamma)\n"
        "    return dx, (dout * x).sum(axis=0)\n",
        encoding="utf-8",
    )
    with user_file(path) as module:
        report = judge_layer(module, layers_of(module)["scale"], path, 0, {"x": (7, 4), "gamma": (4,)})[1]
    assert report.wrong == ["x"]
    assert not report.fixes


LONG = """import numpy as np

CALLS = []

def f_forward(x, w):
    out = np.zeros_like(x)
    for i in range(len(x)):
        for j in range(x.shape[1]):
            out[i, j] = x[i, j] * w[j]
    return out, (x, w)

def f_backward(dout, cache):
    x, w = cache
    CALLS.append(x.size)
    dx = np.zeros_like(x)
    dw = np.zeros_like(w)
    for i in range(len(x)):
        for j in range(x.shape[1]):
            dx[i, j] += dout[i, j] * w[j]
            dw[j] += x[i, j] * dout[i, j]
    return dx, dw
"""
LATE = [
    ("dout[i, j] * w[j]", "dout[i, j] * w[j] ** 2"),
    ("x[i, j] * dout[i, j]", "x[i, j - 1] * dout[i, j]"),
    ("return dx, dw", "return 2 * dx, dw"),
]


@pytest.mark.parametrize(("right", "wrong"), LATE)
def test_a_long_call_is_made_again_a_few_times_only(right, wrong, tmp_path, monkeypatch):
    monkeypatch.setattr(trials, "LONG", 0.0)
    path = tmp_path / "mine.py"
    path.write_text(LONG.replace(right, wrong), encoding="utf-8")
    with user_file(path) as module:
        layer = layers_of(module)["f"]
        _, report, _ = judge_layer(module, layer, path, 0, values_of("x=50x40,w=40"))
        calls = module.CALLS
    assert [right in fix.text for fix in report.fixes.values()] == [True]
    assert calls.count(50 * 40) < 10
    assert len(calls) > 10


def test_where_calls_are_long_changes_of_the_kind_that_the_numbers_tell_are_tried_first(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(trials, "computed", lambda *call: calls.append(call) or computed(*call))
    monkeypatch.setattr(search, "LONG", 0.0)
    report = judged_text(
        """
def inputs():
    rng = np.random.default_rng(0)
    return {"x": rng.normal(size=(6, 17)), "w": rng.normal(size=4)}

def f_forward(x, w):
    p = np.pad(x, ((0, 0), (1, 1)))
    out = np.zeros((6, 16))
    for i in range(6):
        for t in range(16):
            out[i, t] = p[i, t : t + 4] @ w
    return out, (x, w, p)

def f_backward(dout, cache):
    x, w, p = cache
    dx, dw = np.zeros(x.shape), np.zeros(w.shape)
    dp = np.pad(dx, ((0, 0), (1, 1)))
    for i in range(6):
        d = dp[i]
        for t in range(16):
            first = t
            last = first + 4
            d[first:last] = w * dout[i, t]
            dw += p[i, first:last] * dout[i, t]
        dx[i] = d[1:-1]
    return dx, dw
""",
        tmp_path,
    )
    [fix] = report.fixes.values()
    assert fix.text == "d[first:last] += w * dout[i, t]"
    assert len(calls) < 30


def test_what_a_line_alone_tells_is_not_tried_in_whole_calls(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(trials, "computed", lambda *call: calls.append(call) or computed(*call))
    report = judged_text(
        "def f_forward(x):\n    return np.sin(x), x\n\n"
        "def f_backward(dout, x):\n    dx = dout * np.log(1 + np.exp(x))\n    return dx\n",
        tmp_path,
    )
    assert report.wrong == ["x"]
    assert not report.fixes
    assert len(calls) < 50


def test_that_an_activation_is_not_squared_is_tried_among_the_first():
    [statement] = ast.parse("da = dg * (1 - g)").body
    every = (edit for edit in edits(statement, ["g"]) if ast.unparse(edit.after) == "da = dg * (1 - g ** 2)")
    lightest = min(every, key=lambda edit: edit.weight)
    assert lightest.weight <= 1.0
    assert slip_of(lightest, str.isdigit) == ("lost square", "g is not squared")


@pytest.mark.parametrize(("off", "due"), [((), True), ((0, 0), False), ((1, 2), False)])
def test_all_of_an_array_has_to_be_as_it_is_due(off, due):
    expected = np.arange(6.0).reshape(2, 3)
    value = expected.copy()
    value[off] += 0.5 if off else 0.0
    assert is_due(value, expected, SimpleNamespace(tolerance=1e-9)) is due
