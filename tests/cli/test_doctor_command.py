"""``micrograd-tensor doctor``: it says that what works works, and advises where something is made not to."""

from __future__ import annotations

import json
import os
import stat
import sys
import webbrowser

import pytest

from micrograd_tensor.cli import doctor, main
from micrograd_tensor.draw import DrawError


def diagnosed(capsys):
    status = main(["doctor", "--json", "-"])
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] == (status == 0)
    return status, {check["what"]: check for check in found["checks"]}


def program(folder, name, text):
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_all_that_is_there_works(capsys):
    status, found = diagnosed(capsys)
    assert status == 0, found
    assert found["pictures"]["found"].startswith("svg, png, pdf by")
    assert all(check["state"] in ("works", "absent") for check in found.values())
    assert {"Python", "NumPy", "Numba", "C compiler", "cache", "browser", "fonts", "torch"} <= found.keys()
    assert all(
        bool(check["advice"]) or check["state"] == "works" or check["what"] == "fonts" for check in found.values()
    )


@pytest.fixture
def quick(monkeypatch):
    for check in ("_numba", "_c_compiler"):
        monkeypatch.setattr(doctor, check, lambda: doctor.Check("compiled", "absent", ""))


def test_a_picture_that_cannot_be_painted(quick, monkeypatch, capsys):
    def broken(*arguments, **settings):
        raise DrawError("no renderer")

    monkeypatch.setattr(doctor, "draw", broken)
    status, found = diagnosed(capsys)
    assert status == 1
    assert found["pictures"] == {
        "what": "pictures",
        "state": "broken",
        "found": "no renderer",
        "advice": "pip install --force-reinstall pygraphviz",
    }
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "pictures: pip install --force-reinstall pygraphviz" in out
    assert "Something does not work: see above." in out


def test_a_fault_nobody_thought_of_is_told_too(quick, monkeypatch, capsys):
    monkeypatch.setattr(doctor, "draw", lambda *a, **s: 1 / 0)
    status, found = diagnosed(capsys)
    assert (status, found["pictures"]["found"]) == (1, "ZeroDivisionError: division by zero")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows runs no shell scripts")
def test_a_compiler_that_does_not_compile(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(doctor, "_numba", lambda: doctor.Check("Numba", "absent", ""))
    monkeypatch.setenv("CC", str(program(tmp_path, "cc", "echo out of order >&2; exit 1")))
    status, found = diagnosed(capsys)
    assert (status, found["C compiler"]["state"]) == (1, "broken")
    assert "out of order" in found["C compiler"]["found"]
    monkeypatch.setenv("CC", "no-such-compiler")
    status, found = diagnosed(capsys)
    assert status == 1
    assert found["C compiler"]["advice"] == "unset CC, which is 'no-such-compiler', or name a compiler by it"
    monkeypatch.delenv("CC")
    monkeypatch.setenv("PATH", "")
    assert diagnosed(capsys)[1]["C compiler"]["state"] == "absent"


def test_a_numba_that_computes_something_else_or_is_not_there(quick, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(doctor, "_version", lambda name: "1.0")
    monkeypatch.setattr(doctor, "compiled", lambda function, backend: lambda x: x)
    assert doctor._numba().state == "broken"
    monkeypatch.setattr(doctor, "_version", lambda name: "")
    assert doctor._numba().advice == "pip install 'micrograd-tensor[compile]'"
    assert doctor._library("torch", "", "").advice == "pip install torch"
    assert doctor._library("safetensors", "", "train").advice == "pip install 'micrograd-tensor[train]'"


@pytest.mark.skipif(sys.platform == "win32", reason="on Windows the cache is off")
def test_the_cache(quick, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("MICROGRAD_TENSOR_CACHE", "0")
    assert doctor._cache().advice == "unset MICROGRAD_TENSOR_CACHE"
    monkeypatch.setenv("MICROGRAD_TENSOR_CACHE", str(tmp_path / "new"))
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "kernel").write_bytes(bytes(300_000))
    assert doctor._cache().found == f"{tmp_path / 'new'}: 1 files, 0.3 MB"
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MICROGRAD_TENSOR_CACHE", str(tmp_path / "file"))
    assert doctor._cache().state == "broken"


def test_browser_and_fonts(monkeypatch, tmp_path):
    def none():
        raise webbrowser.Error

    monkeypatch.setattr(webbrowser, "get", none)
    assert doctor._browser().state == "absent"
    monkeypatch.setattr(webbrowser, "get", lambda: webbrowser.GenericBrowser("firefox"))
    assert doctor._browser() == doctor.Check("browser", "works", "firefox")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor._fonts().state == "absent"
    if os.name == "posix":
        program(tmp_path, "fc-match", "exit 1")
        assert doctor._fonts().state == "broken"
        program(tmp_path, "fc-match", 'echo \'a.ttf: "Arial" "Regular"\'')
        assert doctor._fonts().found == 'Arial is "Arial" "Regular"'
