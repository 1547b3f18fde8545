"""``micrograd-tensor bench``: what it prints, beside whom, and how it ends early."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from micrograd_tensor.cli import bench
from micrograd_tensor.cli.side_by_side import Row
from micrograd_tensor.cli.unusable import UnusableError

ROWS = [
    Row("batch norm (32, 16)", "compiled", "PyTorch", 0.25, "< 1", True, 18.31, 75.1),
    Row("batch norm (32, 16)", "its kernels alone", "", 2.66, "≤ 2.5 µs", False, 2.66, 0.0),
    Row("GELU (512, 512)", "compiled", "PyTorch", 0.5, "< 1", True, 1234.5, 2469.0),
]


def command(*arguments):
    parser = argparse.ArgumentParser(prog="micrograd-tensor bench")
    bench.add_options(parser)
    given = parser.parse_args([*map(str, arguments)])
    return given.run(given)


@pytest.fixture
def measured(monkeypatch):
    asked = []

    def table(only, seconds):
        asked.append((only, seconds))
        yield from ROWS

    monkeypatch.setattr(bench, "measured", table)
    monkeypatch.setattr(bench, "find_spec", lambda name: None if name == "jax" else name)
    return asked


def test_it_prints_each_figure_beside_its_target(measured, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    assert command("--only", "batch norm", "--seconds", 0.25) == 0
    assert measured == [("batch norm", 0.25)]
    printed = capsys.readouterr().out
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed.splitlines() if "│" in line]
    assert lines == [
        ["batch norm (32, 16)", "PyTorch", "18.3", "75.1", "0.25", "< 1", "met"],
        ["", "its kernels alone", "2.7", "", "2.66", "≤ 2.5 µs", "not met"],
        ["GELU (512, 512)", "PyTorch", "1,234.5", "2,469.0", "0.50", "< 1", "met"],
    ]
    assert printed.startswith("Python 3")
    assert "JAX is not installed: nothing is measured beside it: pip install jax" in printed
    assert "PyTorch is not installed" not in printed
    assert "2 of 3 targets met." in printed


def test_a_narrow_terminal_gets_lines(measured, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    assert command() == 0
    printed = capsys.readouterr().out
    assert "│" not in printed
    assert "batch norm (32, 16): compiled 0.25 × PyTorch, target < 1: met\n" in printed


@pytest.mark.parametrize("to", ["-", "bench.json"])
def test_json_has_every_figure(measured, capsys, tmp_path, to):
    path = to if to == "-" else tmp_path / to
    assert command("--json", path) == 0
    printed = capsys.readouterr().out
    found = json.loads(printed if to == "-" else path.read_text(encoding="utf-8"))
    assert [Row(**row) for row in found["rows"]] == ROWS
    assert found["machine"].startswith("Python 3")


def test_cases_are_listed(capsys):
    assert command("--list", "--only", "step") == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--only", "teleport"], "no case contains 'teleport'; --list shows all of them"),
        (["--json", "."], "is a folder; give a file in it"),
        (["--json", "none/bench.json"], "none/bench.json cannot be written"),
    ],
)
def test_unusable_input_is_told_in_one_line(measured, tmp_path, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnusableError, match=says) as found:
        command(*arguments)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "soon"])
def test_wrong_seconds_are_quoted(seconds, capsys):
    with pytest.raises(SystemExit) as ended:
        command("--seconds", seconds)
    assert ended.value.code == 2
    assert f"'{seconds}' is not a finite number above 0" in capsys.readouterr().err


def test_ctrl_c_shows_what_was_measured_so_far(monkeypatch, capsys):
    def table(only, seconds):
        yield ROWS[0]
        raise KeyboardInterrupt

    monkeypatch.setattr(bench, "measured", table)
    assert command() == 130
    printed = capsys.readouterr().out
    assert "batch norm (32, 16)" in printed
    assert "1 of 1 targets met." in printed


def test_a_process_that_fails_is_told(monkeypatch):
    def table(only, seconds):
        yield ROWS[0]
        raise RuntimeError("the measuring process ended with 1; its error is above")

    monkeypatch.setattr(bench, "measured", table)
    with pytest.raises(UnusableError, match="the measuring process ended with 1"):
        command()


def test_nothing_is_met_by_being_slow():
    slow = replace(ROWS[0], figure=2.0, met=False)
    assert str(slow) == "batch norm (32, 16): compiled 2.00 × PyTorch, target < 1: not met"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("stops", [True, False])
def test_it_measures_and_can_be_stopped(stops):
    arguments = [sys.executable, "-m", "micrograd_tensor", "bench", "--only", "step of" if stops else "GELU (32"]
    with subprocess.Popen(
        [*arguments, "--seconds", "0.02"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as child:
        begun = child.stdout.readline()
        if stops:
            child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=600)
        out = begun + out
    assert child.returncode == (130 if stops else 0)
    assert "Traceback" not in err
    assert "RuntimeWarning" not in err
    assert "one thread" in out


@pytest.mark.slow
def test_the_measuring_process_ends_in_silence_where_nobody_reads():
    command = [sys.executable, "-m", "micrograd_tensor.cli.compiled_cases", "--only", "GELU (32", "--seconds", "0.02"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        child.stdout.close()
        _, err = child.communicate(timeout=600)
    assert (child.returncode, err) == (0, "")
