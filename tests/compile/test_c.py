"""Kernels in C: what is theirs alone, the compiler and the language; else they are tested as Numba's are."""

import re
import stat
import textwrap
from pathlib import Path

import numpy as np
import pytest
from test_report import arguments, batch_norm, differs

import micrograd_tensor as mt
from micrograd_tensor.compile import c_kernels, c_source

pytestmark = pytest.mark.usefixtures("c_compiler")


@pytest.fixture
def anew(monkeypatch):
    """Kernels are compiled anew, by a compiler that nobody has asked yet."""
    monkeypatch.setattr(c_kernels, "_made", {})
    monkeypatch.delenv("CC", raising=False)
    c_kernels._target.cache_clear()
    yield
    c_kernels._target.cache_clear()


def doubled():
    fast = mt.compile(lambda x: x * 2 + mt.exp(x), backend="c")
    x = np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(fast(x).numpy(), x * 2 + np.exp(x), rtol=1e-15)
    return fast


def test_the_source_is_c_to_be_read(anew):
    fast = mt.compile(batch_norm, backend="c")
    fast(*arguments())
    assert fast.source.startswith("static _Bool kernel(\n    long N, long M, const double x[restrict N][M], ")
    assert "                sum_x_part[j] += x[i][j];\n" in fast.source
    page = (Path(__file__).parents[2] / "docs" / "compile.md").read_text(encoding="utf-8")
    shown = textwrap.indent(re.search("```c\n(.*?)```", page, re.DOTALL)[1], " " * 8)
    assert shown in fast.source
    assert fast.source.endswith("    return (out, dx, dgamma, dbeta)\n")
    assert (fast.report().facts.backend, fast.report().facts.kernels) == ("C", 1)


# ------------------------------------------------------------------------------------------------------ the compiler


def test_without_a_compiler_an_error_says_so_and_other_backends_do_not_ask(anew, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        FileNotFoundError, match=r"finds no C compiler \(cc, gcc or clang\); install one.*backend='auto'"
    ):
        mt.compile(lambda x: x, backend="c")
    assert mt.compile(lambda x: x * 2)(mt.tensor([1.0])).tolist() == [2.0]


@pytest.mark.parametrize(
    "hostile",
    ["cc; touch canary", "$(touch canary)", "`touch canary`", "| touch canary", "'cc", "no such", "-o x"],
)
def test_what_the_variable_says_meets_no_shell(hostile, anew, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CC", hostile)
    with pytest.raises((FileNotFoundError, c_kernels.CompilerError), match="CC"):
        doubled()
    assert not [*tmp_path.iterdir()]


def script(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_a_compiler_may_lie_where_there_are_spaces_and_have_options(anew, monkeypatch, tmp_path, c_compiler):
    log = tmp_path / "log"
    path = script(tmp_path / "my tools" / "cc", f'echo called >> "{log}"; exec "{c_compiler}" "$@"')
    for command in (path, f"'{path}' -O1"):
        monkeypatch.setenv("CC", command)
        monkeypatch.setattr(c_kernels, "_made", {})
        doubled()
    assert log.read_text().count("called") == 4  # twice it is asked what it is


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("echo 'kernel.c:3: error: no such thing' >&2; exit 1", "no such thing"),
        ("exit 3", "it ends with 3"),
        ("kill -9 $$", "it ends with -9"),
        ("exit 0", "cannot be loaded"),
        ('for x; do [ "$before" = -o ] && echo nonsense > "$x"; before=$x; done; exit 0', "cannot be loaded"),
    ],
)
def test_a_compiler_that_fails_is_told_and_leaves_nothing_behind(does, said, anew, monkeypatch, tmp_path):
    temporary = tmp_path / "with spaces"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.setenv("CC", script(tmp_path / "cc", does))
    with pytest.raises(c_kernels.CompilerError, match=said) as error:
        doubled()
    assert "\n" not in str(error.value)
    assert not [*temporary.iterdir()]
    monkeypatch.delenv("CC")
    doubled()
    assert not [*temporary.iterdir()]


def test_what_it_has_made_is_taken_from_the_disk_the_next_time(anew, monkeypatch, tmp_path):
    monkeypatch.setenv("MICROGRAD_TENSOR_CACHE", str(tmp_path / "cache"))
    doubled()
    monkeypatch.setattr(c_kernels, "_made", {})
    calls = []
    run = c_kernels._run
    monkeypatch.setattr(c_kernels, "_run", lambda *given: calls.append(given) or run(*given))
    doubled()
    assert not calls
    for change in ("FLAGS", "_LINKED"):
        monkeypatch.setattr(c_kernels, change, [*getattr(c_kernels, change), "-g"])
        monkeypatch.setattr(c_kernels, "_made", {})
        doubled()
        assert len(calls) == 1
        calls.clear()


# ----------------------------------------------------------------------------------------------------- the language


def test_only_arrays_that_fit_get_in():
    lines = ["n0 = x.shape[0]", "for i0 in range(n0):", "    out[i0] = x[i0]", "return True"]
    text = "\n    ".join(["def kernel(x, out, k):", *lines])
    arrays = ((np.dtype("f4"), 1, True), (np.dtype("f4"), 1, False))
    kernel = c_kernels.compiled(text, "kernel", np.dtype("f4"), arrays).run
    x, k = np.ones(3, "f4"), np.zeros(1)
    out = np.zeros_like(x)
    assert kernel(x, out, k) is True
    assert out.tolist() == [1, 1, 1]
    frozen = np.zeros(3, "f4")
    frozen.flags.writeable = False
    for wrong in (
        (x, out),
        (x, out, k, k),
        (x, np.zeros(4, "f4"), k),
        (x, np.zeros(3), k),
        (x, np.zeros((3, 1), "f4"), k),
        (np.ones(6, "f4")[::2], out, k),
        (x.astype(">f4"), out, k),
        (x.astype("i4"), out, k),
        (x, frozen, k),
        (x, out, np.zeros(1, "f4")),
        (x.tolist(), out, k),
        (x, out, None),
        (x.view(np.recarray), out, k),
    ):
        with pytest.raises(TypeError):
            kernel(*wrong)
    assert out.tolist() == [1, 1, 1]


NAMES = [
    "double",
    "int",
    "register",
    "expf",
    "sqrt",
    "fabs",
    "malloc",
    "entry",
    "given",
    "rows",
    "NULL",
    "linux",
    "unix",
]
NAMES += ["mt_exp", "I", "INFINITY", "far", "σ", "x̂", "min", "long_", "long", "Array", "main", "second", "made"]


def test_tensors_may_be_called_what_means_something_in_c():
    rng = np.random.default_rng(0)
    given = [mt.tensor(rng.random((3, 4)) + 0.5, name=name) for name in NAMES]
    fast = mt.compile(lambda *given: sum(mt.exp(x) * mt.sqrt(x).sum(axis=0) for x in given), backend="c")
    want = sum(np.exp(x.numpy()) * np.sqrt(x.numpy()).sum(axis=0) for x in given)
    np.testing.assert_allclose(fast(*given).numpy(), want, rtol=1e-14)
    assert "double double_[restrict N][M]" in fast.source
    assert "def kernel" not in fast.source


FAULTS = {
    "a difference is a sum": (c_source, "_SIGNS", {**c_source._SIGNS, c_source.ast.Sub: ("+", 5)}),
    "a sum binds as a product": (c_source, "_SIGNS", {**c_source._SIGNS, c_source.ast.Add: ("+", 6)}),
    "parentheses are left out": (c_source.Translated, "_text", lambda self, node, least=0: self._bound(node)[0]),
    "a function is another": (c_source, "_LIBRARY", {**c_source._LIBRARY, "sin": "cos", "log": "exp", "sqrt": "fabs"}),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.filterwarnings("ignore:both has no kernels")
def test_planted_faults_in_the_translation_are_found(fault, anew, monkeypatch):
    where, name, wrong = FAULTS[fault]
    monkeypatch.setattr(where, name, wrong)
    assert differs("c")


@pytest.mark.slow
def test_without_a_fault_nothing_differs():
    assert not differs("c")
