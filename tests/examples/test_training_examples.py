"""The examples of training run in their short mode, write pictures, and say which extra they lack."""

from __future__ import annotations

import runpy
import sys

import pytest

WITH_PICTURES = ["train_digits", "why_batchnorm", "two_moons", "attention"]


def run(examples, name, monkeypatch, folder, *arguments):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    try:
        runpy.run_path(str(examples / f"{name}.py"), run_name="__main__")
    except SystemExit as ended:
        return ended.code
    return 0


@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_PICTURES)
def test_it_runs_and_draws(examples, name, monkeypatch, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    if name in ("train_digits", "why_batchnorm"):
        pytest.importorskip("sklearn")
        pytest.importorskip("safetensors")
    assert run(examples, name, monkeypatch, tmp_path, "--quick") == 0
    assert "picture: " in capsys.readouterr().out
    [picture] = tmp_path.glob("*.png")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 10_000


@pytest.mark.parametrize("name", WITH_PICTURES)
def test_without_matplotlib_it_names_the_extra(examples, name, monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    try:
        status = run(examples, name, monkeypatch, tmp_path, "--quick")
    except ImportError as error:
        said = str(error)
    else:
        assert status == 2
        said = capsys.readouterr().err
    assert "pip install 'micrograd-tensor[train]'" in said


def test_characters_learns_a_text_and_writes_of_its_letters(examples, monkeypatch, tmp_path, capsys):
    (tmp_path / "text.txt").write_text("the cat sat on the mat. " * 40)
    assert run(examples, "characters", monkeypatch, tmp_path, "text.txt", "--steps", 60, "--length", 50) == 0
    printed = capsys.readouterr().out
    assert "960 characters, 11 different ones" in printed
    loss = float(printed.split("step    60: loss ")[1].split(",")[0])
    assert loss < 1.0
    written = printed.rstrip("\n").splitlines()[-1]
    assert len(written) == 50
    assert set(written) <= set("the cat sat on the mat. ")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "cannot be read: No such file"),
        (lambda path: path.write_bytes(b"\xff" * 400), "is not UTF-8 text"),
        (lambda path: path.write_text("short"), "has 5 characters; at least 100 are needed"),
    ],
)
def test_characters_says_what_is_wrong_with_a_file(examples, monkeypatch, tmp_path, make, says):
    make(tmp_path / "text.txt")
    assert says in run(examples, "characters", monkeypatch, tmp_path, "text.txt")


@pytest.mark.slow
def test_training_on_workers_gives_the_same_bits(examples, monkeypatch, tmp_path, capsys):
    pytest.importorskip("distributed")
    pytest.importorskip("sklearn")
    assert run(examples, "train_dask", monkeypatch, tmp_path, "--rows", "200_000") == 0
    printed = capsys.readouterr().out
    assert "the same bits: True" in printed
    first, last = printed.split("loss ")[-1].split(" → ")
    assert float(last) < float(first)
