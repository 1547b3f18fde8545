"""Every format: the same bytes on every run, and files that are whole, wherever they lead."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from gallery import GALLERY, leaf

from micrograd_tensor.draw import DrawError, draw
from micrograd_tensor.draw.circuit import FORMATS, format_of, write

HERE = Path(__file__).parent

PROGRAM = """
import hashlib
from gallery import GALLERY
from micrograd_tensor.draw import draw

ASKS = {"gate": {"at": 1}, "path": {"at": "x"}, "difference": {"against": GALLERY["softmax"]()._graph}}
for name in ("batch_norm", "two_layers", "attention", "random_graph", "hostile_names"):
    made = GALLERY[name]()
    for kind in ("svg", "dot", "txt", "html"):
        print(name, kind, hashlib.sha256(made._content(kind)).hexdigest())
    print(name, "inline", hashlib.sha256(made.inline().encode()).hexdigest())
graph = GALLERY["batch_norm"]()._graph
from micrograd_tensor.draw.views import VIEWS
for view in VIEWS:
    circuit = draw(graph, view=view, **ASKS.get(view, {}))
    for kind in ("svg", "html"):
        print(view, kind, hashlib.sha256(circuit._content(kind)).hexdigest())
"""


@pytest.mark.slow
def test_text_formats_are_the_same_on_every_run_and_without_fonts():
    printed = []
    for seed, fonts in (("1", None), ("2", "/dev/null"), ("3", None)):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
        if fonts:
            environment["FONTCONFIG_FILE"] = fonts
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
        )
        printed.append(done.stdout.splitlines())
    assert printed[0] == printed[1] == printed[2]
    assert len(printed[0]) > 30


@pytest.fixture
def circuit():
    return GALLERY["same_value_twice"]()


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_can_be_asked_for(circuit, kind, tmp_path):
    named = circuit.save(tmp_path / f"a.{kind}").read_bytes()
    assert circuit.save(tmp_path / "b", format=kind.upper()).read_bytes() == named
    assert circuit.save(tmp_path / "c.dot", format=f".{kind}").read_bytes() == named
    assert format_of(Path("x"), kind) == kind


@pytest.mark.parametrize("view", ["overlay", "forward", "ascii"])
def test_the_player_plays_what_shows_the_whole_circuit(view, tmp_path):
    x = leaf("x", 2)
    circuit = draw((x * x).named("y"), [1.0, 1.0], view=view)
    page = circuit.save(tmp_path / "y.html").read_text(encoding="utf-8")
    assert "<script" in page
    assert "default-src 'none'" in page


def test_another_view_is_a_page_with_its_picture(tmp_path):
    x = leaf("x", 2)
    circuit = draw((x * x).named("y"), [1.0, 1.0], view="backward")
    page = circuit.save(tmp_path / "y.html").read_text(encoding="utf-8")
    assert circuit.inline() in page
    assert "mt-player" not in page
    assert page.count("<script") == 1
    assert "beforeprint" in page  # what it does is for paper
    assert "<title>Circuit of y</title>" in page


def test_a_link_is_followed(circuit, tmp_path):
    (tmp_path / "target.svg").write_text("old")
    (tmp_path / "link.svg").symlink_to("target.svg")
    circuit.save(tmp_path / "link.svg")
    assert (tmp_path / "link.svg").is_symlink()
    assert (tmp_path / "target.svg").read_text().startswith("<svg")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_what_is_no_file_is_written_to_and_stays(circuit, tmp_path):
    pipe = tmp_path / "pipe.dot"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        circuit.save(pipe)
        assert reader.communicate()[0].decode() == circuit.dot
    assert pipe.is_fifo()


@pytest.mark.parametrize("name", ["a\0b.svg", "x" * 300 + ".svg"])
def test_a_path_that_cannot_be(name, tmp_path):
    with pytest.raises(DrawError, match="cannot write"):
        write(tmp_path / name, b"")
    assert not list(tmp_path.iterdir())


def test_without_graphviz_dot_text_that_was_there_stays(circuit, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    monkeypatch.setenv("PATH", "")
    (tmp_path / "y.dot").write_text("mine")
    with pytest.raises(DrawError, match="format='dot' saves the DOT text"):
        circuit.save(tmp_path / "y.png")
    assert (tmp_path / "y.dot").read_text() == "mine"
    assert circuit.save(tmp_path / "y.txt").read_text(encoding="utf-8") == circuit.text


@pytest.mark.parametrize("kind", FORMATS)
def test_what_cannot_be_painted_leaves_the_file_as_it_was(circuit, kind, tmp_path, monkeypatch):
    path = tmp_path / f"y.{kind}"
    path.write_text("old")

    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(DrawError, match="No space left"):
        circuit.save(path)
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(DrawError, match=r"^save: .* is a folder; give a file in it, such as .*circuit\.svg$"):
        write(tmp_path, b"")
