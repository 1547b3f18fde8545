"""Drawing and saving: formats, files that are whole or not there, limits, and errors that say what to do."""

import os
import re
import stat
import sys

import numpy as np
import pytest
from gallery import GALLERY, leaf

import micrograd_tensor as mt
from micrograd_tensor.draw import Circuit, DrawError, draw

MAGIC = {".svg": b"<svg", ".png": b"\x89PNG", ".pdf": b"%PDF", ".dot": b"digraph circuit"}


@pytest.fixture
def circuit():
    return GALLERY["same_value_twice"]()


@pytest.mark.parametrize("suffix", [*MAGIC, ".SVG", ".Png"])
def test_suffix_names_the_format(circuit, suffix, tmp_path):
    path = circuit.save(tmp_path / f"y{suffix}")
    assert path.read_bytes().startswith(MAGIC[suffix.lower()])
    assert path == tmp_path / f"y{suffix}"


def test_path_may_be_a_string(circuit, tmp_path):
    assert circuit.save(f"{tmp_path}/y.svg") == tmp_path / "y.svg"


@pytest.mark.parametrize("kind", ["png", ".png", "PNG"])
def test_format_goes_before_the_suffix(circuit, kind, tmp_path):
    assert circuit.save(tmp_path / "y.svg", format=kind).read_bytes().startswith(MAGIC[".png"])


@pytest.mark.parametrize(("name", "kind"), [("y.gif", None), ("y", None), ("y.svg", "bmp"), ("y.svg", "")])
def test_unknown_format_names_those_there_are(circuit, name, kind, tmp_path):
    with pytest.raises(DrawError, match=r"\.svg, \.png, \.pdf, \.html, \.dot and \.txt") as caught:
        circuit.save(tmp_path / name, format=kind)
    assert (repr(kind) if kind is not None else repr(name)) in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_folder_instead_of_a_file(circuit, tmp_path):
    folder = tmp_path / "pictures.svg"
    folder.mkdir()
    with pytest.raises(DrawError, match="is a folder; give a file in it"):
        circuit.save(folder)
    assert not list(folder.iterdir())


def test_folder_that_is_not_there(circuit, tmp_path):
    with pytest.raises(DrawError, match=r"cannot write .*No such file or directory") as caught:
        circuit.save(tmp_path / "nowhere" / "y.svg")
    assert "\n" not in str(caught.value)


def test_an_existing_file_is_replaced(circuit, tmp_path):
    path = tmp_path / "y.svg"
    path.write_text("old")
    circuit.save(path)
    assert path.read_text().startswith("<svg")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", ["open", "fsync", "replace"])
def test_what_was_there_stays_if_writing_fails(circuit, tmp_path, monkeypatch, step):
    path = tmp_path / "y.svg"
    path.write_text("old")
    _ = circuit.svg

    def fail(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(DrawError, match=f"cannot write {re.escape(str(path))}: No space left"):
        circuit.save(path)
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not hasattr(os, "umask"), reason="needs file modes")
def test_saved_file_can_be_read_by_others(circuit, tmp_path):
    before = os.umask(0o022)
    try:
        mode = circuit.save(tmp_path / "y.svg").stat().st_mode
    finally:
        os.umask(before)
    assert stat.S_IMODE(mode) == 0o644 or sys.platform == "win32"


def test_dot_has_final_positions(circuit):
    assert 'layout="nop2"' in circuit.dot
    assert len(re.findall(r'pos="e?,?[-\d.]', circuit.dot)) > 10


def test_jupyter_shows_it(circuit):
    assert circuit._repr_svg_() == circuit.inline()


def test_repr(circuit):
    assert repr(circuit) == "<circuit of y: 1 gate, 1 leaf, forward and backward; .save('circuit.svg') to look at it>"
    assert "forward only" in repr(GALLERY["forward_only"]())


# --------------------------------------------------------------------------------------------------- what is drawn


def test_a_captured_graph_can_be_drawn():
    x = leaf("x", 2)
    y = (x * x).named("y")
    assert draw(mt.graph(y, [1.0, 1.0])).dot == draw(y, [1.0, 1.0]).dot


def test_a_graph_takes_no_upstream():
    graph = mt.graph(leaf("x", 2) * 2, [1.0, 1.0])
    with pytest.raises(DrawError, match="has its upstream already"):
        draw(graph, [1.0, 1.0])


@pytest.mark.parametrize("wrong", [[np.ones(3)], ["x"], [None]])
def test_what_cannot_be_drawn(wrong):
    with pytest.raises(DrawError, match="neither a Tensor nor a Graph"):
        draw(wrong)


def test_no_outputs():
    with pytest.raises(DrawError, match="no outputs"):
        draw([])


def test_errors_of_the_capture_come_through():
    with pytest.raises(mt.ShapeError, match="upstream"):
        draw(leaf("x", 2) * 2, [1.0, 1.0, 1.0])


def test_draw_leaves_gradients_alone():
    x = leaf("x", 2)
    draw(x * x, [1.0, 1.0])
    assert x.grad is None


def test_four_hundred_gates_are_drawn_and_one_more_is_not():
    x = leaf("x", 1)
    for _ in range(400):
        x = -x
    assert "400 gates" in repr(draw(x))
    with pytest.raises(DrawError, match=r"401 gates.* 400 at most; .* or draw a smaller part"):
        draw(-x)
    with pytest.raises(DrawError, match="401 gates"):
        draw(mt.graph(-x))


@pytest.mark.slow
def test_a_chain_of_a_million_gates_is_refused():
    x = leaf("x", 1)
    for _ in range(1_000_000):
        x = -x
    with pytest.raises(DrawError, match="1,000,000 gates"):
        draw(x, [1.0])


def test_foreign_arrays_are_drawn_without_being_computed():
    da = pytest.importorskip("dask.array")

    def never(block):
        raise AssertionError("computed")

    lazy = da.from_array(np.ones(4), chunks=2).map_blocks(never, dtype=float)
    y = mt.tensor(lazy, name="lazy") * 2.0
    assert isinstance(draw(mt.tensor(lazy, name="lazy", requires_grad=True) * 2.0), Circuit)
    assert isinstance(draw(y), Circuit)
