"""``micrograd-tensor batchnorm``: what it prints and writes, its exit status, and that nothing ends in a traceback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.cli import batchnorm, by_columns, main
from micrograd_tensor.draw import DrawError

STAGES = ["mean", "dev_from_mean", "dev_from_mean_sq", "var", "stddev", "inverted_stddev", "x_norm", "scaled_x", "out"]


def run(capsys, *arguments):
    """Exit status, standard output and standard error of the command, run in this process."""
    try:
        status = main([str(a) for a in arguments])
    except SystemExit as stop:  # argparse's own refusals
        status = stop.code
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def errors(printed):
    """The numbers with a tick behind them."""
    return [float(number) for number in re.findall(r"([\d.]+e[+-]\d+) ✓", printed)]


def test_iris_agrees_with_everything_to_1e12(tmp_path, capsys):
    status, printed, said = run(capsys, "batchnorm", "--out", tmp_path)
    assert status == 0
    assert said == ""
    assert "150 × 4" in printed
    for name in STAGES:
        assert name in printed
    assert "✗" not in printed
    assert "All agree." in printed
    found = errors(printed)
    assert len(found) == 11 + 3 + 3 + 3  # staged at every stage; closed forms and numerical at the three ends
    assert max(found) <= 1e-12
    written = tmp_path / "batchnorm.svg"
    assert str(written) in printed.replace("\n", "")
    assert ElementTree.fromstring(written.read_bytes()).tag.endswith("svg")  # noqa: S314 -- our own picture


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf", "dot", "html", "txt"])
def test_each_format_is_written(tmp_path, capsys, suffix):
    start = {"svg": b"<", "png": b"\x89PNG", "pdf": b"%PDF", "dot": b"digraph", "html": b"<!", "txt": b"Circuit"}[
        suffix
    ]
    status, _, _ = run(capsys, "batchnorm", "--out", tmp_path / "new" / "folder", "--format", suffix)
    assert status == 0
    assert (tmp_path / "new" / "folder" / f"batchnorm.{suffix}").read_bytes().lstrip().startswith(start)


def test_float32_and_other_options_agree_too(tmp_path, capsys):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(3.0, 2.0, (1000, 7)))
    arguments = ["--input", tmp_path / "x.npy", "--dtype", "float32", "--eps", "1e-3", "--seed", "7", "--out", tmp_path]
    status, printed, _ = run(capsys, "batchnorm", *arguments)
    assert status == 0
    assert "1000 × 7" in printed
    assert "float32" in printed


def test_the_seed_decides_the_point(tmp_path, capsys):
    pictures = []
    for seed in (1, 1, 2):
        assert run(capsys, "batchnorm", "--seed", seed, "--out", tmp_path)[0] == 0
        pictures.append((tmp_path / "batchnorm.svg").read_bytes())
    assert pictures[0] == pictures[1] != pictures[2]


def test_gamma_is_generic_and_the_upstream_lies_in_no_null_space(tmp_path, capsys, monkeypatch):
    seen = {}
    original = batchnorm.draw
    monkeypatch.setattr(
        batchnorm, "draw", lambda graph, **options: seen.update(graph=graph) or original(graph, **options)
    )
    assert run(capsys, "batchnorm", "--out", tmp_path)[0] == 0
    gamma = seen["graph"]["gamma"].value
    assert len(set(np.abs(gamma))) == len(gamma)
    assert np.abs(gamma).min() >= 0.5
    x_norm, dout = seen["graph"]["x_norm"].value, seen["graph"].gradients[seen["graph"]["out"]].value
    basis, _ = np.linalg.qr(np.stack([np.ones(150), x_norm[:, 0]], axis=1))
    rest = dout[:, 0] - basis @ (basis.T @ dout[:, 0])
    assert np.linalg.norm(rest) > 0.9 * np.linalg.norm(dout[:, 0])


@pytest.mark.parametrize("which", ["batchnorm_backward_staged", "batchnorm_backward_closed_form"])
@pytest.mark.parametrize("name", ["dx", "dgamma", "dbeta"])
def test_a_wrong_derivation_is_exit_status_1(tmp_path, capsys, monkeypatch, which, name):
    original = by_columns.by_hand

    def planted():
        functions = original()
        right = functions[which]

        def wrong(dout, cache):
            gradients = right(dout, cache)
            return {**gradients, name: gradients[name] * 1.001}

        return {**functions, which: wrong}

    monkeypatch.setattr(by_columns, "by_hand", planted)
    status, printed, _ = run(capsys, "batchnorm", "--out", tmp_path)
    assert status == 1
    assert printed.count("✗ wrong") == 1
    assert "They differ" in printed


@pytest.mark.parametrize("name", ["dx", "dgamma", "dbeta"])
def test_a_wrong_formula_is_exit_status_1(tmp_path, capsys, monkeypatch, name):
    original = by_columns.Derivation.__call__
    wrong = lambda self, graph: (found := original(self, graph)) | {name: found[name] * 1.001}  # noqa: E731
    monkeypatch.setattr(by_columns.Derivation, "__call__", wrong)
    status, printed, _ = run(capsys, "batchnorm", "--out", tmp_path)
    assert status == 1
    assert printed.count("✗ wrong") == 1


def test_a_wrong_rule_in_the_engine_is_exit_status_1(tmp_path, capsys, monkeypatch):
    """The numerical column does not trust the graph: all three derivations cannot hide a wrong one together."""
    original = by_columns.Weighted.slopes

    def shifted(*args):
        return [e._replace(value=e.value * 1.001) for e in original(*args)]

    monkeypatch.setattr(by_columns.Weighted, "slopes", shifted)
    assert run(capsys, "batchnorm", "--out", tmp_path)[0] == 1


UNUSABLE = {
    "a missing file": (["--input", "missing.csv"], "missing.csv cannot be read"),
    "a directory": (["--input", "folder.csv"], "is a directory"),
    "an unknown suffix": (["x.xls"], "suffix '.xls' is unknown"),
    "two files": (["one.csv", "--input", "word.csv"], "two files are given"),
    "one row": (["--input", "one.csv"], "one row only"),
    "a word": (["--input", "word.csv"], "row 2, column 1: 'x' is not a number"),
    "an overflow": (["--input", "huge.csv"], "cannot be normalized"),
    "a constant column without eps": (["--input", "constant.csv", "--eps", "0"], "cannot be normalized"),
    "a negative eps": (["--eps", "-1"], "not a finite number of at least 0"),
    "an eps that is no number": (["--eps", "tiny"], "'tiny' is not a finite number"),
    "an infinite eps": (["--eps", "inf"], "not a finite number"),
    "a seed that is no number": (["--seed", "x"], "'x' is not a whole number"),
    "a negative seed": (["--seed=-1"], "not a whole number"),
    "an unknown dtype": (["--dtype", "float16"], "invalid choice"),
    "an unknown format": (["--format", "gif"], "invalid choice"),
    "a picture of another format": (["-o", "x.gif"], "-o x.gif: '.gif' is none of svg, png"),
    "no columns": (["x.txt", "--columns", ""], "--columns: there is no column ''; there are 1 to 2"),
    "a scope that is missing": (["--scope", "norm2"], "--scope norm2 is not a scope of this graph"),
    "an output folder that is a file": (["--out", "one.csv"], "one.csv cannot be written to"),
    "an output folder below a file": (["--out", "one.csv/folder"], "cannot be written to"),
    "an unknown option": (["--colour"], "unrecognized arguments"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_unusable_input_is_one_line_and_exit_status_2(tmp_path, capsys, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "x.txt").write_text("1,2\n3,4\n")
    (tmp_path / "one.csv").write_text("1,2\n")
    (tmp_path / "word.csv").write_text("1,2\nx,4\n")
    (tmp_path / "huge.csv").write_text("1e200,2\n-1e200,4\n")
    (tmp_path / "constant.csv").write_text("1,2\n1,4\n1,3\n")
    before = sorted(tmp_path.iterdir())
    arguments, expected = UNUSABLE[case]
    status, printed, said = run(capsys, "batchnorm", *arguments)
    assert status == 2
    assert expected in said
    assert "Traceback" not in said
    assert len([line for line in said.splitlines() if "error:" in line or line.startswith("micrograd-tensor:")]) == 1
    assert printed == ""
    assert sorted(tmp_path.iterdir()) == before


def test_an_existing_picture_stays_as_it_was_when_the_new_one_fails(tmp_path, capsys, monkeypatch):
    (tmp_path / "batchnorm.svg").write_text("the old picture")

    class Broken:
        def save(self, path, kind):
            raise DrawError("no renderer; pip install pygraphviz")

    monkeypatch.setattr(batchnorm, "draw", lambda graph, **_: Broken())
    status, _, said = run(capsys, "batchnorm", "--out", tmp_path)
    assert status == 2
    assert "no renderer" in said
    assert (tmp_path / "batchnorm.svg").read_text() == "the old picture"
    assert [p.name for p in tmp_path.iterdir()] == ["batchnorm.svg"]


def test_without_a_command_it_says_which_there_are(capsys):
    status, _, said = run(capsys)
    assert status == 2
    assert "COMMAND" in said


def test_it_runs_as_a_program_of_its_own(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "micrograd_tensor", "batchnorm", "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "COLUMNS": "140", "PATH": ""},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "All agree." in done.stdout


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (np.ones((20, 2)), "float64"),
        (np.random.default_rng(0).normal(size=(200, 3)) + 1e6, "float64"),
        (np.random.default_rng(0).normal(101325.0, 300.0, size=(500, 2)), "float32"),
    ],
    ids=["constant", "offset", "pressure in float32"],
)
def test_a_right_computation_is_not_called_different(tmp_path, capsys, values, dtype):
    np.save(tmp_path / "x.npy", values)
    status, printed, said = run(capsys, "batchnorm", "--input", tmp_path / "x.npy", "--dtype", dtype, "--out", tmp_path)
    assert (status, said) == (0, ""), printed


def test_a_reader_that_has_had_enough_changes_nothing(tmp_path):
    command = f'"{sys.executable}" -m micrograd_tensor batchnorm --out "{tmp_path}" | head -n 1'
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "batchnorm.svg").exists()


def test_it_tells_its_version(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.strip() == f"micrograd-tensor {mt.__version__}"


def test_of_large_data_fewer_elements_are_checked_numerically(tmp_path, capsys, monkeypatch):
    asked = []
    original = by_columns.Weighted.slopes

    def counted(weighted, k, places):
        asked.append(len(places))
        return original(weighted, k, places)

    monkeypatch.setattr(by_columns.Weighted, "slopes", counted)
    monkeypatch.setattr(by_columns, "ELEMENTS", 150 * 4 * 20)
    assert main(["batchnorm", "--out", str(tmp_path)]) == 0
    assert asked == [20, 4, 4]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_large_data_are_computed_by_columns_and_agree_as_small_ones(tmp_path, capsys, monkeypatch, dtype):
    x = np.random.default_rng(0).normal(3.0, 2.0, (500, 33)) * np.arange(1, 34)
    np.save(tmp_path / "x.npy", x)
    monkeypatch.setattr(by_columns, "WHOLE", 1000)
    assert [len(range(*some.indices(33))) for some in by_columns.blocks(500, 33)] == [1] + [2] * 16
    status, printed, said = run(capsys, "batchnorm", tmp_path / "x.npy", "--dtype", dtype, "-o", tmp_path / "c.svg")
    assert (status, said) == (0, "")
    assert f"{x.min():.4g}" in printed
    assert "(500, 33)" in printed
    assert "c.svg, of the first 2 columns alone" in printed
    found = by_columns.Found(), by_columns.Found()
    for k, every in enumerate(([slice(0, 33)], by_columns.blocks(500, 33))):
        found[k].add(by_columns.found_by_columns(x, np.random.default_rng(0), 1e-5, every)[0])
    for name in ("x", "mean", "var", "x_norm", "dbeta"):
        if name[0] != "d":
            assert found[0].extents[name] == pytest.approx(found[1].extents[name], rel=1e-12)


@pytest.mark.parametrize("column", [0, 16, 32])
def test_a_wrong_column_among_many_is_exit_status_1(tmp_path, capsys, monkeypatch, column):
    x = np.random.default_rng(0).normal(size=(50, 33))
    x[0, column] = 77.0
    np.save(tmp_path / "x.npy", x)
    monkeypatch.setattr(by_columns, "WHOLE", 100)
    original = by_columns.Derivation.__call__

    def wrong(self, graph):
        found = original(self, graph)
        return found | ({"dgamma": found["dgamma"] * 1.001} if (graph["x"].value == 77.0).any() else {})

    monkeypatch.setattr(by_columns.Derivation, "__call__", wrong)
    status, printed, _ = run(capsys, "batchnorm", tmp_path / "x.npy", "-o", tmp_path)
    assert status == 1
    assert printed.count("✗ wrong") == 1


@pytest.mark.slow
def test_large_data_take_seconds_and_little_more_memory_than_they_are(tmp_path):
    """The peak is that of a process alone: that of its parent, which the system may count, would hide it."""
    pytest.importorskip("resource")
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(100_000, 20)))
    benchmarks = str(Path(__file__).parents[1] / "benchmarks")
    around = os.environ | {"PYTHONPATH": os.pathsep.join([benchmarks, *filter(None, [os.environ.get("PYTHONPATH")])])}

    def measured(*arguments):
        code = (
            "import sys, time; from micrograd_tensor.cli import main; main(sys.argv[1:]); from bench_dask import peak; "
        )
        code += "print(peak(), time.process_time())"
        command = [sys.executable, "-c", code, "batchnorm", *arguments, "-o", str(tmp_path / "x.svg")]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=around)
        return map(float, done.stdout.splitlines()[-1].split())

    (small, _), (large, seconds) = measured(), measured(str(tmp_path / "x.npy"))
    assert (large - small) * 2**20 < 4.5 * 100_000 * 20 * 8
    assert seconds < 12  # of the processor; it is 2 where nothing else runs


def test_the_report_for_programs(tmp_path, capsys):
    status, printed, said = run(capsys, "batchnorm", "--json", "-", "-o", tmp_path / "x.svg")
    found = json.loads(printed)
    assert (status, said) == (0, "")
    assert (found["ok"], found["shape"], found["circuit"]) == (True, [150, 4], str(tmp_path / "x.svg"))
    assert [stage["name"] for stage in found["stages"]] == ["x", "gamma", "beta", *STAGES]
    dx = next(gradient for gradient in found["gradients"] if gradient["name"] == "dx")
    assert dx["compared"].keys() == {"by hand, staged", "by hand, closed", "derived, closed", "numerical"}
    assert all(of["status"] == "right" and of["error"] < 1e-12 for of in dx["compared"].values())
    run(capsys, "batchnorm", "--json", tmp_path / "r.json", "-o", tmp_path / "x.svg")
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8")) == found


@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        (["-o", "a.png"], "a.png"),
        (["-o", "folder"], "folder/batchnorm.svg"),
        (["-o", "new/folder", "--format", "dot"], "new/folder/batchnorm.dot"),
        (["--output", "a.html"], "a.html"),
        (["-o", "a.txt", "--format", "dot"], "a.txt"),
        (["--format", "txt"], "batchnorm.txt"),
    ],
)
def test_where_the_picture_goes(tmp_path, capsys, monkeypatch, arguments, written):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    status, printed, _ = run(capsys, "batchnorm", *arguments)
    assert status == 0
    assert f"circuit: {written}" in printed
    assert [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.*")] == [written]
    assert "digraph" in (tmp_path / written).read_text(errors="replace") or "dot" not in arguments


def test_its_picture_takes_the_options_of_any(tmp_path, capsys):
    assert (
        run(capsys, "batchnorm", "--width", "none", "--detail", "shape", "--dims", "N=x:0", "--out", tmp_path)[0] == 0
    )
    picture = (tmp_path / "batchnorm.svg").read_text(encoding="utf-8")
    assert "(N, 4)<" in picture
    assert float(re.search(r'width="(\d+)"', picture)[1]) > 2000
    assert run(capsys, "batchnorm", "--view", "gate", "--at", "x_norm", "--out", tmp_path)[0] == 0
    assert "dx_norm" in (tmp_path / "batchnorm.svg").read_text(encoding="utf-8")
    assert run(capsys, "batchnorm", "--dims", "N=y:0", "--out", tmp_path)[0] == 2
