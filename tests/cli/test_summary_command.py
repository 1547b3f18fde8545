"""``micrograd-tensor summary``: the figures of nets that can be counted by hand, and what it says of wrong input."""

from __future__ import annotations

import argparse
import re

import pytest

from micrograd_tensor.cli import summary
from micrograd_tensor.cli.unusable import UnusableError

NETS = '''
"""Nets to be listed."""
from __future__ import annotations
from dataclasses import dataclass
import micrograd_tensor as mt
from micrograd_tensor import nn
import beside

@dataclass
class Sizes:
    hidden: int = 8

net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
pictures = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32, 10))
words = nn.Sequential(nn.Embedding(10, 4), nn.Flatten(), nn.Linear(12, 10))
number = 3

class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(5, 5), nn.Tanh())
        self.unused = nn.Linear(7, 7)
        self.scale = nn.Parameter([2.0])
    def forward(self, x):
        return self.inner(self.inner(x)) * self.scale

def broken():
    raise ValueError("no net today")
'''


@pytest.fixture
def nets(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    (tmp_path / "nets.py").write_text(NETS)
    (tmp_path / "beside.py").write_text("")
    (tmp_path / "wrong.py").write_text("import nothing_of_this_name; nothing_of_this_name.made()")
    (tmp_path / "ends.py").write_text("raise SystemExit('bye')")
    (tmp_path / "data.txt").write_text("")
    return tmp_path


def command(*arguments):
    parser = argparse.ArgumentParser(prog="micrograd-tensor summary")
    summary.add_options(parser)
    given = parser.parse_args([*map(str, arguments)])
    return given.run(given)


def rows(printed):
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed.splitlines() if line.startswith("│")]


def test_layers_shapes_and_parameters(nets, capsys):
    assert command(f"{nets}/nets.py:net", "--batch", 16) == 0
    printed = capsys.readouterr().out
    found = rows(printed)
    assert [row[1] for row in found] == ["(16, 3)", "(16, 8)", "(16, 8)", "(16, 8)", "(16, 3)"]
    assert [row[2] for row in found] == ["", "40", "16", "", "27"]
    assert found[1][0] == "0: Linear in_features=4, out_features=8, bias=True"
    assert "83 parameters, 83 of them learned: 332 B" in printed
    assert "kept for the backward pass of a batch of 16" in printed


def test_what_is_kept_grows_with_the_batch(nets, capsys):
    kept = []
    for batch in (64, 128, 256):
        command(f"{nets}/nets.py:net", "--batch", batch)
        size, unit = re.search(r"([\d.,]+) (B|KiB) kept", capsys.readouterr().out).groups()
        kept.append(float(size) * {"B": 1, "KiB": 1024}[unit])
    assert kept[2] - kept[1] == pytest.approx(2 * (kept[1] - kept[0]), rel=0.02)
    assert kept[1] - kept[0] >= 64 * 8 * 4 * 3


def test_nets_of_pictures_and_of_words(nets, capsys):
    assert command(f"{nets}/nets.py:pictures", "--input", "1,8,8", "--batch", 2) == 0
    assert [row[1] for row in rows(capsys.readouterr().out)][1:4] == ["(2, 2, 8, 8)", "(2, 2, 8, 8)", "(2, 2, 4, 4)"]
    assert command(f"{nets}/nets.py:words", "--input", "3", "--batch", 2) == 0
    printed = capsys.readouterr().out
    assert "on x (2, 3), int64" in printed
    assert [row[1] for row in rows(printed)] == ["(2, 10)", "(2, 3, 4)", "(2, 12)", "(2, 10)"]


def test_a_class_with_modules_within_modules(nets, capsys):
    assert command(f"{nets}/nets.py:Own") == 0
    found = {row[0].split()[0].rstrip(":"): row for row in rows(capsys.readouterr().out)}
    assert found["Own"][2] == "1"
    assert found["inner"][1] == "(32, 5)"
    assert found["unused"][1] == "not run"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["{0}/nets.py"], "does not name a net; write FILE.py:MODEL"),
        (["{0}/data.txt:net"], "does not name a net"),
        (["{0}/none.py:net"], "none.py is not a file"),
        (["{0}/wrong.py:net"], r"(?s)wrong.py cannot be loaded.*line 1.*ModuleNotFoundError: No module named 'nothing"),
        (["{0}/ends.py:net"], "(?s)ends.py cannot be loaded.*SystemExit: bye"),
        (["{0}/nets.py:nett"], "nets.py has no 'nett'; it has net, pictures, words"),
        (["{0}/nets.py:number"], "'number' in .*nets.py is no Module, but of type int"),
        (["{0}/nets.py:broken"], r"(?s)nets.py fails in broken\(\).*ValueError: no net today"),
        (
            ["{0}/nets.py:pictures"],
            "Conv2d, the first layer, does not determine .*; give --input, such as 1,8,8",
        ),
        (["{0}/nets.py:net", "--input", "5"], r"fails on x \(32, 5\): ShapeError: .*; is --input right\?"),
        (["{0}/nets.py:net", "--batch", "1"], r"fails on x \(1, 4\): ShapeError"),
        (["{0}/nets.py:net", "--batch", "9" * 40], r"an input of 4e\+40 numbers is too large; give a smaller --batch"),
        (["{0}/nets.py:net", "--input", "9" * 12], r"an input of 3.2e\+13 numbers is too large"),
    ],
)
def test_unusable_input_is_told_in_one_line_and_by_the_users_own(nets, arguments, says):
    with pytest.raises(UnusableError, match=says) as found:
        command(*(a.format(nets) for a in arguments))
    _, *lines = str(found.value).splitlines()
    assert not any("micrograd_tensor" in line for line in lines)
    assert bool(lines) == ("(?s)" in says)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["n.py:net", "--input", "8x8"], "'8x8' is not a shape such as 64 or 1,8,8"),
        (["n.py:net", "--input", "0"], "'0' is not a shape"),
        (["n.py:net", "--batch", "-1"], "'-1' is not a whole number of at least 1"),
    ],
)
def test_wrong_options_are_quoted(arguments, says, capsys):
    with pytest.raises(SystemExit):
        command(*arguments)
    assert says in capsys.readouterr().err
