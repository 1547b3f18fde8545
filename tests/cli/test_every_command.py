"""Every command under every condition: its exit status, its lines, its files, and never a traceback."""

from __future__ import annotations

import importlib
import io
import json
import os
import pickle
import re
import runpy
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from micrograd_tensor.cli import doctor, main, outputs
from micrograd_tensor.cli.main import TRACEBACK
from micrograd_tensor.cli.parser import COMMANDS
from micrograd_tensor.engine.errors import GradientError

FILE = """
import numpy as np
from micrograd_tensor import nn
net = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU())

def inputs():
    rng = np.random.default_rng(0)
    return {"x": rng.normal(size=(7, 4)), "w": rng.normal(size=(4, 3))}

def forward(x, w):
    return (x @ w).named("out")

def backward(dout, cache):
    dx = 2 * dout @ cache["w"].T
    dw = cache["x"].T @ dout
    return {"dx": dx, "dw": dw}
"""

RUNS = {
    "batchnorm": (["batchnorm"], 0),
    "batchnorm to a file": (["batchnorm", "x.csv", "-o", "c.svg", "--json", "r.json"], 0),
    "check": (["check", "f.py"], 1),
    "check to files": (["check", "f.py", "--html", "r.html", "--json", "r.json", "--player", "p.html"], 1),
    "check --new": (["check", "--new", "batchnorm", "-o", "new.py"], 0),
    "derive": (["derive", "f.py:forward"], 0),
    "derive to a file": (["derive", "f.py:forward", "-o", "d.md"], 0),
    "draw": (["draw", "f.py:forward", "-o", "c.svg"], 0),
    "draw a listing": (["draw", "batchnorm", "--view", "ascii"], 0),
    "draw --list": (["draw", "--list"], 0),
    "train": (["train", "digits", "--quick", "--no-twin", "-o", "out"], 0),
    "summary": (["summary", "f.py:net"], 0),
    "bench": (["bench", "--list"], 0),
    "doctor": (["doctor"], 0),
    "completion": (["completion", "bash"], 0),
}
"""Each command, at least once, and its exit status."""


def test_each_command_is_among_them():
    assert {arguments[0] for arguments, _ in RUNS.values()} == COMMANDS.keys()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("f.py").write_text(FILE)
    Path("x.csv").write_text("größe,\x1b]0;title\x07b\n1,2\n3,4\n5,7\n", encoding="utf-8")
    for check in ("_numba", "_c_compiler"):  # they take seconds, and have a test of their own
        monkeypatch.setattr(doctor, check, lambda: doctor.Check("compiled", "absent", "…"))
    return tmp_path


def printed(monkeypatch, encoding, arguments):
    """Exit status, standard output and standard error in an encoding, of a run in this process."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True) for _ in range(2))
    with monkeypatch.context() as streams:
        streams.setattr(sys, "stdout", out)
        streams.setattr(sys, "stderr", err)
        try:
            status = main(arguments)
        except SystemExit as ended:
            status = ended.code
    texts = ("" if stream.closed else stream.buffer.getvalue().decode(encoding) for stream in (out, err))
    return status, *texts


def skip_what_is_missing(command):
    for needed in {"train": ("sklearn", "safetensors", "matplotlib"), "completion": ("shtab",)}.get(command, ()):
        pytest.importorskip(needed)


@pytest.mark.parametrize("width", ["30", "60", "200"])
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize("run", RUNS)
def test_terminals_of_any_width_and_alphabet(folder, monkeypatch, run, encoding, width):
    arguments, expected = RUNS[run]
    skip_what_is_missing(arguments[0])
    if arguments[0] == "train" and (encoding, width) != ("ascii", "60"):
        pytest.skip("a training takes long")
    monkeypatch.setenv("COLUMNS", width)
    status, out, err = printed(monkeypatch, encoding, arguments)
    assert (status, err) == (expected, "")
    assert out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "?" not in out or arguments[0] in ("completion", "check")
    assert "…" not in out or encoding == "utf-8"
    assert all(line == line.rstrip() for line in out.split("\n"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device")
@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize("run", [*RUNS, "--help", "check --help", "--version"])
def test_a_full_disk_is_status_2_and_one_line(folder, monkeypatch, capsys, run, buffered):
    arguments, _ = RUNS.get(run, (run.split(), 0))
    skip_what_is_missing(arguments[0])
    if arguments[0] == "train":
        arguments = [*arguments[:2], "--epochs", "1", *arguments[3:]]
    raw = open("/dev/full", "wb", buffering=0)  # noqa: SIM115, PTH123
    full = io.TextIOWrapper(io.BufferedWriter(raw) if buffered else raw, encoding="utf-8", write_through=not buffered)
    with monkeypatch.context() as streams:
        streams.setattr(sys, "stdout", full)
        status = main(arguments)
    said = capsys.readouterr().err
    assert (status, said) == (2, "micrograd-tensor: standard output cannot be written: No space left on device\n")
    full.close()


@pytest.mark.parametrize("run", RUNS)
def test_without_standard_streams_it_works_all_the_same(folder, monkeypatch, run):
    arguments, expected = RUNS[run]
    skip_what_is_missing(arguments[0])
    if arguments[0] == "train":
        pytest.skip("a training takes long")
    with monkeypatch.context() as streams:
        streams.setattr(sys, "stdout", None)
        streams.setattr(sys, "stderr", None)
        status = main(arguments)
        sys.stdout.close()
        sys.stderr.close()
    assert status == expected


ENDS = {
    "Ctrl-C": (KeyboardInterrupt(), 130, "interrupted"),
    "too little memory": (MemoryError(), 2, "unexpected MemoryError: no reason given"),
    "a deep recursion": (RecursionError("too deep"), 2, "unexpected RecursionError: too deep"),
    "a library's error": (GradientError("no\ngradient"), 2, "unexpected GradientError: no gradient"),
    "a fault": (TypeError("\x1b[2Jcleared"), 2, "unexpected TypeError: \\x1b[2Jcleared"),
    "a file that is gone": (FileNotFoundError(2, "No such file or directory", "gone"), 2, "gone: No such file"),
    "a reader that has had enough": (BrokenPipeError(), 0, ""),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("command", COMMANDS)
def test_whatever_ends_a_command_is_one_line(folder, monkeypatch, command, end):
    error, expected, said = ENDS[end]

    def run(given):
        raise error

    monkeypatch.setattr(importlib.import_module(f"micrograd_tensor.cli.{command}"), "run", run)
    arguments = next(arguments for arguments, _ in RUNS.values() if arguments[0] == command)
    status, out, err = printed(monkeypatch, "utf-8", arguments)
    assert (status, out) == (expected, "")
    assert said in err
    assert err.count("\n") == (1 if said else 0)
    assert "\x1b" not in err


def test_the_traceback_is_there_on_request(folder, monkeypatch):
    monkeypatch.setattr(doctor, "run", lambda given: 1 / 0)
    monkeypatch.setenv(TRACEBACK, "1")
    assert "in <lambda>" in printed(monkeypatch, "utf-8", ["doctor"])[2]


DOINGS = {
    "raises a BaseException": ("raise BaseException('mine')", 2, "BaseException: mine"),
    "raises GeneratorExit": ("raise GeneratorExit", 2, "GeneratorExit"),
    "raises CancelledError": ("import asyncio; raise asyncio.CancelledError", 2, "CancelledError"),
    "ends": ("raise SystemExit(0)", 2, "SystemExit"),
    "interrupts": ("raise KeyboardInterrupt", 130, "interrupted"),
    "closes the output": ("import sys; sys.stdout.close()", 2, "standard output was closed, by the file that was run"),
    "sets the output to None": ("import sys; sys.stdout = None", 0, ""),
    "replaces print": ("import builtins; kept = print; builtins.print = None; builtins.print = kept", 0, ""),
    "writes escapes": ("raise ValueError('\\x1b]0;title\\x07')", 2, "ValueError: \\x1b]0;title\\x07"),
    "goes elsewhere": ("import os; os.chdir('/')", 0, ""),
    "empties the environment": ("import os; os.environ.clear()", 0, ""),
}


@pytest.mark.parametrize("doing", DOINGS)
@pytest.mark.parametrize("command", ["check", "derive", "draw", "summary"])
def test_whatever_a_file_does_when_it_is_run_the_command_ends_as_it_should(folder, monkeypatch, command, doing):
    statement, expected, said = DOINGS[doing]
    Path("f.py").write_text(f"{statement}\n{FILE.replace('2 * dout', 'dout')}")
    status, _, err = printed(monkeypatch, "utf-8", RUNS[command][0])
    assert status == expected
    assert said in err
    assert "Traceback" not in err
    assert "\x1b" not in err
    assert Path.cwd() == folder


MISSPELLED = {
    "a command": (["batchnrm"], "did you mean batchnorm?", "micrograd-tensor [-h]"),
    "an option": (["batchnorm", "--sede", "3"], "did you mean --seed?", "micrograd-tensor batchnorm"),
    "an option with a value": (["draw", "mlp", "--themes=dark"], "did you mean --theme?", "micrograd-tensor draw"),
    "a choice": (["draw", "mlp", "--view", "overlays"], "did you mean overlay?", "micrograd-tensor draw"),
    "one argument more": (
        ["summary", "f.py:net", "again"],
        "unrecognized arguments: again",
        "micrograd-tensor summary",
    ),
    "a control character": (["summary", "f.py:net", "\x1b[2J"], "\\x1b[2J", "micrograd-tensor summary"),
    "nothing": ([], "COMMAND", "micrograd-tensor [-h]"),
    "no number": (
        ["batchnorm", "--seed=--"],
        "argument --seed: expected a value, not '--'",
        "micrograd-tensor batchnorm",
    ),
    "no path": (
        ["check", "f.py", "--json=--"],
        "argument --json: expected a value, not '--'",
        "micrograd-tensor check",
    ),
    "no axis": (["draw", "mlp", "--dims=--"], "argument --dims: expected a value, not '--'", "micrograd-tensor draw"),
}


@pytest.mark.parametrize("case", MISSPELLED)
def test_what_is_misspelled_is_answered_by_the_nearest_and_the_commands_own_usage(monkeypatch, case):
    arguments, said, usage = MISSPELLED[case]
    status, out, err = printed(monkeypatch, "utf-8", arguments)
    assert (status, out) == (2, "")
    assert said in err
    assert err.startswith(f"usage: {usage}")


REPORTS = {
    "batchnorm": (["batchnorm"], 0),
    "check": (["check", "f.py"], 1),
    "derive": (["derive", "f.py:forward"], 0),
    "derive to a file": (["derive", "f.py:forward", "-o", "d.md"], 0),
    "draw": (["draw", "f.py:forward"], 0),
    "draw a listing": (["draw", "f.py:forward", "--view", "ascii"], 0),
    "summary": (["summary", "f.py:net"], 0),
    "doctor": (["doctor"], 0),
}


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
@pytest.mark.parametrize("command", REPORTS)
def test_a_report_for_programs_is_json_and_nothing_else(folder, monkeypatch, command, encoding):
    arguments, expected = REPORTS[command]
    Path("f.py").write_text(FILE + "\nprint('hello')\n")
    status, out, err = printed(monkeypatch, encoding, [*arguments, "--json", "-"])
    assert (status, err) == (expected, "hello\n" if "f.py" in "".join(arguments) else "")
    assert out.isascii()
    found = json.loads(out)
    assert printed(monkeypatch, encoding, [*arguments, "--json", str(folder / "r.json")])[0] == expected
    assert json.loads((folder / "r.json").read_text(encoding="utf-8")) == found


def report(monkeypatch, *arguments):
    return json.loads(printed(monkeypatch, "utf-8", [*arguments, "--json", "-"])[1])


def test_a_report_on_a_derivation_has_the_formulas_that_are_printed(folder, monkeypatch):
    found = report(monkeypatch, "derive", "batchnorm")
    shown = printed(monkeypatch, "utf-8", ["derive", "batchnorm"])[1]
    steps = [*found["forward"], *found["backward"]]
    formulas = [formula for step in steps for formula in step["formulas"]] + found["closed_form"]
    given = len(["Gradients of out", "given …", "forward", "backward", "closed form"])
    assert len(formulas) == len([line for line in shown.splitlines() if line]) - given
    assert all(re.search(re.escape(f["text"]) + " +" + re.escape(f["shape"]), shown) for f in formulas)
    assert [step["number"] for step in steps] == [*range(1, 10), *range(9, -1, -1)]
    alone = report(monkeypatch, "derive", "batchnorm", "--closed")
    assert (alone["forward"], alone["closed_form"]) == ([], found["closed_form"])
    blank = report(monkeypatch, "derive", "batchnorm", "--exercise")
    assert all(f["text"].endswith("= …") for step in blank["backward"] for f in step["formulas"])


def test_a_report_on_a_picture_has_the_graph_that_is_drawn(folder, monkeypatch):
    found = report(monkeypatch, "draw", "f.py:forward", "-o", "c.svg")
    assert Path(found["circuit"]).read_text().startswith("<svg")
    nodes = {node["number"]: node for node in [*found["forward"], *found["backward"]]}
    [out] = (nodes[number] for number in found["outputs"])
    assert (out["name"], out["op"], out["shape"]) == ("out", "matmul", [7, 3])
    assert [nodes[number]["name"] for number in out["operands"]] == ["x", "w"]
    assert {"dout", "dx", "dw"} <= {node["name"] for node in found["backward"]}


def test_what_json_has_not_is_a_text(tmp_path):
    found = {"a": float("nan"), "b": [np.float32(-np.inf)], "c": Path("x"), "d": np.int64(3)}
    outputs.write_json(tmp_path / "r.json", found)
    assert json.loads((tmp_path / "r.json").read_text()) == {"a": "NaN", "b": ["-Infinity"], "c": "x", "d": 3}


def test_a_report_is_no_other_file_of_the_same_command(folder, monkeypatch):
    arguments = ["derive", "f.py:forward", "-o", "d.md", "--json", "./d.md"]
    assert printed(monkeypatch, "utf-8", arguments)[2].startswith("micrograd-tensor: d.md is d.md itself")
    assert not Path("d.md").exists()


@pytest.mark.parametrize("argument", ["{}", "--json={}", "--nothing={}"])
@pytest.mark.parametrize("command", ["batchnorm", "check", "derive", "draw", "summary"])
def test_of_a_long_argument_both_ends_are_told(folder, monkeypatch, command, argument):
    long = f"first{'x' * 100_000}last"
    arguments = [*RUNS[command][0][: 1 if argument == "{}" else 2], argument.format(long)]
    status, out, err = printed(monkeypatch, "utf-8", arguments)
    assert (status, out) == (2, "")
    assert len(err) < 6000
    assert "first" in err
    assert f"micrograd-tensor{'' if 'nothing' not in argument else f' {command}'}: " in err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("case", ["batchnorm's report", "check", "draw", "derive", "summary"])
def test_a_pipe_that_nobody_reads_from_is_told_and_not_waited_for(folder, monkeypatch, case):
    monkeypatch.setattr("micrograd_tensor.engine.files._PATIENCE", 0.1)
    arguments, suffix = WRITING[case]
    os.mkfifo(f"pipe.{suffix}")
    status, _, err = printed(monkeypatch, "utf-8", [text.format(f"pipe.{suffix}") for text in arguments])
    assert status == 2
    assert err.count("\n") == 1
    assert "Nobody reads from this pipe" in err or "not a regular file" in err
    assert Path(f"pipe.{suffix}").is_fifo()


READS = {
    "batchnorm": (["batchnorm", "{}.csv"], ["batchnorm", "{}.npy"]),
    "check": (["check", "{}.py"], ["check", "{}.ipynb"]),
    "derive": (["derive", "{}.py:forward"], ["derive", "{}.ipynb:forward"]),
    "draw": (["draw", "{}.py:forward"], ["draw", "mlp", "--view", "difference", "--against", "{}.py:forward"]),
    "summary": (["summary", "{}.py:net"],),
    "train": (["train", "digits", "--resume", "{}.safetensors"],),
}
NO_FILES = {
    "a pipe": os.mkfifo if hasattr(os, "mkfifo") else None,
    "a folder": os.mkdir,
    "a device": lambda path: Path(path).symlink_to("/dev/zero"),
    "a circle": lambda path: Path(path).symlink_to(path),
    "nothing": lambda path: None,
    "an empty file": lambda path: Path(path).write_bytes(b""),
    "bytes": lambda path: Path(path).write_bytes(bytes(range(256)) * 40),
    "a pickle": lambda path: Path(path).write_bytes(pickle.dumps(os.getcwd)),
    "UTF-16": lambda path: Path(path).write_text("x = 1\n", encoding="utf-16"),
    "brackets": lambda path: Path(path).write_text("[" * 100_000),
    "a huge file": lambda path: (Path(path).touch(), os.truncate(path, 20 << 30)),
}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
@pytest.mark.parametrize("made", NO_FILES)
@pytest.mark.parametrize("command", READS)
def test_what_is_no_file_for_a_command_is_one_line(folder, monkeypatch, command, made):
    skip_what_is_missing(command)
    for k, arguments in enumerate(READS[command]):
        name = f"bad{k}"
        [path] = [part.partition(":")[0].format(name) for part in arguments if "{}" in part]
        NO_FILES[made](path)
        tracemalloc.start()
        try:
            status, out, err = printed(monkeypatch, "utf-8", [part.format(name) for part in arguments])
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert (status, out) == (2, "")
        assert err.startswith(f"micrograd-tensor: {path}")
        assert len(err) < 1000
        assert err.count("\n") == 1 or (made == "brackets" and path.endswith(".py"))  # the line that is wrong is shown
        assert peak < 1e9


SOURCES = {
    "batchnorm": ["batchnorm", "x.csv", "-o", "{}"],
    "batchnorm's report": ["batchnorm", "x.csv", "--json", "{}"],
    "check": ["check", "f.py", "--html", "{}"],
    "check's report": ["check", "f.py", "--json", "{}"],
    "check's player": ["check", "f.py", "--player", "{}"],
    "draw": ["draw", "f.py:forward", "-o", "{}"],
    "draw's report": ["draw", "f.py:forward", "--json", "{}"],
    "draw against": ["draw", "batchnorm", "--view", "difference", "--against", "f.py:forward", "-o", "{}"],
    "derive": ["derive", "f.py:forward", "-o", "{}"],
    "derive's report": ["derive", "f.py:forward", "--json", "{}"],
    "summary": ["summary", "f.py:net", "--json", "{}"],
}


@pytest.mark.parametrize("link", [os.symlink, os.link])
@pytest.mark.parametrize("case", SOURCES)
def test_no_command_writes_over_what_it_reads(folder, monkeypatch, case, link):
    read = "x.csv" if "x.csv" in SOURCES[case] else "f.py"
    content = Path(read).read_bytes()
    name = "c.md" if case == "derive" else "c.svg"
    link(read, name)
    status, out, err = printed(monkeypatch, "utf-8", [text.format(name) for text in SOURCES[case]])
    assert (status, out) == (2, "")
    assert f"{name} is {read} itself, which stays as it is" in err
    assert Path(read).read_bytes() == content


WRITING = {
    "batchnorm": (["batchnorm", "-o", "{}"], "svg"),
    "batchnorm's report": (["batchnorm", "--json", "{}"], "json"),
    "check": (["check", "f.py", "--html", "{}"], "html"),
    "draw": (["draw", "f.py:forward", "-o", "{}"], "png"),
    "draw's report": (["draw", "f.py:forward", "--json", "{}"], "json"),
    "derive": (["derive", "f.py:forward", "-o", "{}"], "tex"),
    "derive's report": (["derive", "f.py:forward", "--json", "{}"], "json"),
    "summary": (["summary", "f.py:net", "--json", "{}"], "json"),
}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
@pytest.mark.parametrize("case", WRITING)
def test_a_file_that_is_replaced_passes_on_its_mode_and_what_was_left_behind_is_swept(folder, monkeypatch, case):
    arguments, suffix = WRITING[case]
    path = folder / f"old.{suffix}"
    path.write_text("old")
    path.chmod(0o600)
    left = folder / f".old.{suffix}.0123456789ab.tmp"
    left.write_text("half")
    os.utime(left, (0, 0))
    status, _, err = printed(monkeypatch, "utf-8", [text.format(path) for text in arguments])
    assert err == ""
    assert status < 2
    assert path.read_bytes() != b"old"
    assert path.stat().st_mode & 0o777 == 0o600
    assert not [*folder.glob(".*.tmp")]


@pytest.mark.parametrize("case", WRITING)
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(folder, monkeypatch, case):
    arguments, suffix = WRITING[case]
    path = folder / f"old.{suffix}"
    path.write_text("old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("micrograd_tensor.engine.files.os.fsync", full)
    status, _, err = printed(monkeypatch, "utf-8", [text.format(path) for text in arguments])
    assert status == 2
    assert "No space left on device" in err
    assert err.count("\n") == 1
    assert path.read_text() == "old"
    assert not [*folder.glob(".*.tmp")]


@pytest.mark.parametrize("name", ["none/r", "x" * 5000, "a\0b", "f.py/r", "."])
@pytest.mark.parametrize("case", WRITING)
def test_a_path_that_cannot_be_is_told_before_anything_runs(folder, monkeypatch, case, name):
    arguments, suffix = WRITING[case]
    Path("f.py").write_text(FILE + "\nraise RuntimeError('it runs')\n")
    path = name if name == "." else f"{name}.{suffix}"
    if case == "batchnorm" and name == ".":
        pytest.skip("a folder to write into")
    status, out, err = printed(monkeypatch, "utf-8", [text.format(path) for text in arguments])
    assert (status, out) == (2, "")
    assert "it runs" not in err
    assert err.count("\n") == 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
@pytest.mark.parametrize(
    "run", ["batchnorm to a file", "check to files", "derive to a file", "draw", "train", "summary"]
)
def test_ctrl_c_at_any_time_is_status_130_and_leaves_no_half_file(folder, run):
    arguments, expected = RUNS[run]
    skip_what_is_missing(arguments[0])
    whole = {}
    for wait in (0.2, 0.5, 0.9, 1.3, None):
        for path in ("c.svg", "d.md", "r.html", "r.json", "p.html"):
            Path(path).unlink(missing_ok=True)
        command = [sys.executable, "-m", "micrograd_tensor", *arguments]
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if wait is not None:
            time.sleep(wait)
            running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=600)
        if "Traceback" not in err or "micrograd_tensor/" in err:  # or Python itself had not begun
            assert running.returncode in (expected, 130, -signal.SIGINT), err
            assert err in ("", "micrograd-tensor: interrupted\n")
        assert not [*folder.rglob("*.tmp")]
        whole[wait] = {path.name: path.stat().st_size for path in folder.glob("[cdrp].*") if path.suffix != ".csv"}
    last = whole.pop(None)
    for files in whole.values():
        assert files.items() <= last.items()


def test_the_reference_is_what_the_parsers_say():
    docs = Path(__file__).parents[2] / "docs"
    if not docs.is_dir():
        pytest.skip("the package is installed as a copy")
    written = runpy.run_path(str(docs / "command_line.py"))["with_tables"]
    page = (docs / "command-line.md").read_text(encoding="utf-8")
    assert written(page) == page, "run docs/command_line.py"
    for command in COMMANDS:
        assert f"`micrograd-tensor {command}`: {COMMANDS[command]}." in page


def test_help_loads_neither_readers_of_files_nor_libraries_for_others():
    code = "import sys; from micrograd_tensor.cli import main\n"
    code += "try: main(['--help'])\nexcept SystemExit: pass\n"
    code += "print([n for n in sys.modules if n.startswith(('rich', 'numba', 'matplotlib', 'micrograd_tensor.cli.'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.splitlines()[-1]
    assert not any(f"micrograd_tensor.cli.{command}'" in loaded for command in COMMANDS)
    assert "numba'" not in loaded
    assert "matplotlib'" not in loaded


def test_numbers_are_never_cut(folder, monkeypatch):
    np.savetxt("y.csv", np.random.default_rng(0).normal(size=(9, 3)) * 1e-7, delimiter=",")
    shown = {}
    for width in ("200", "70", "60", "50", "40", "20"):
        monkeypatch.setenv("COLUMNS", width)
        _, out, _ = printed(monkeypatch, "utf-8", ["batchnorm", "y.csv"])
        shown[width] = out
    numbers = set(re.findall(r"-?\d\.\d+e-\d\d", shown["200"]))
    assert len(numbers) > 20
    for width, out in shown.items():
        assert numbers <= set(re.findall(r"-?\d\.\d+e-\d\d", out)), width
