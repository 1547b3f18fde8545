"""Rendering by whatever Graphviz there is, and what is said where there is none."""

import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest
from gallery import GALLERY

from micrograd_tensor.draw import DrawError
from micrograd_tensor.draw.render import render


@pytest.fixture
def circuit():
    return GALLERY["same_value_twice"]()


@pytest.fixture
def no_pygraphviz(monkeypatch):
    monkeypatch.setitem(sys.modules, "pygraphviz", None)


@pytest.fixture
def no_graphviz(no_pygraphviz, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda program: None)


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf"])
def test_without_graphviz_both_cures_are_named_and_the_dot_text_is_saved(circuit, no_graphviz, suffix, tmp_path):
    with pytest.raises(DrawError) as caught:
        circuit.save(tmp_path / f"y.{suffix}")
    said = str(caught.value)
    assert "pip install pygraphviz" in said
    assert "`dot` is on the PATH" in said
    assert str(tmp_path / "y.dot") in said
    assert (tmp_path / "y.dot").read_text() == circuit.dot
    assert [path.name for path in tmp_path.iterdir()] == ["y.dot"]


def test_without_graphviz_dot_can_be_saved_and_drawing_works(circuit, no_graphviz, tmp_path):
    assert circuit.save(tmp_path / "y.dot").read_text().startswith("digraph circuit")
    assert circuit._repr_svg_() is None
    assert "circuit of y" in repr(circuit)


@pytest.mark.skipif(shutil.which("dot") is None, reason="no dot on the PATH")
def test_the_program_paints_the_same_picture(circuit, no_pygraphviz, monkeypatch):
    by_program = circuit.svg
    monkeypatch.undo()
    assert by_program.count("<text") == GALLERY["same_value_twice"]().svg.count("<text")
    assert "edge-0-1-1-fwd" in by_program


@pytest.mark.parametrize(
    "outcome",
    [
        SimpleNamespace(returncode=1, stdout=b"", stderr=b"Error: <stdin>:\n no such format"),
        SimpleNamespace(returncode=0, stdout=b"", stderr=b""),
    ],
)
def test_the_program_fails(no_pygraphviz, monkeypatch, outcome):
    monkeypatch.setattr(shutil, "which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr(subprocess, "run", lambda *args, **options: outcome)
    with pytest.raises(
        DrawError, match=r"dot could not paint the picture: (Error: <stdin>: no such|it did not say why)"
    ):
        render("digraph {}", "svg")


@pytest.mark.parametrize("error", [subprocess.TimeoutExpired("dot", 120), OSError("exec format error")])
def test_the_program_cannot_be_run(no_pygraphviz, monkeypatch, error):
    def fail(*args, **options):
        raise error

    monkeypatch.setattr(shutil, "which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(DrawError, match="could not paint"):
        render("digraph {}", "svg")


def test_what_pygraphviz_says_is_passed_on(capfd):
    pytest.importorskip("pygraphviz")
    with pytest.raises(DrawError, match="Graphviz could not paint the picture"):
        render("digraph {", "svg")
