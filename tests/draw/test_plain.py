"""The plain layout by dot itself: all of the circuit is there, and has no place before dot gives it one."""

import re
import shutil
import subprocess
from xml.etree import ElementTree

import pytest
from gallery import GALLERY, leaf

from micrograd_tensor.draw import DrawError, draw, raster
from micrograd_tensor.draw.theme import COLOURS

NAMESPACE = "{http://www.w3.org/2000/svg}"


def plain(name, **options):
    made = GALLERY[name]()
    depth = {"depth": made._options.depth, "collapse": made._options.collapse}
    return draw(made._graph, engine="dot", **depth, **options)


@pytest.mark.parametrize(
    "name", ["batch_norm", "attention", "nested_scopes", "collapsed_layers", "hostile_names", "scalars"]
)
def test_it_has_all_items_wires_and_texts(name):
    circuit = plain(name)
    root = ElementTree.fromstring(circuit.svg)  # noqa: S314 -- our own
    ids = {element.get("id") for element in root.iter()}
    texts = [(text.text or "").replace("\xa0", " ") for text in root.iter(f"{NAMESPACE}text")]
    scene = circuit._painting.scene
    assert scene.items
    for item in scene.items:
        assert item.id in ids
        assert not item.is_box or set(item.lines) <= set(texts)
    for wire in scene.wires:
        assert {wire.forward, wire.backward} - {None} <= ids
        assert {wire.name, wire.value, *(wire.rule if wire.backward else ())} - {""} <= set(texts)


@pytest.mark.parametrize("name", GALLERY)
def test_its_colours_have_roles_and_so_follow_the_page(name):
    known = {colour for colour, _ in COLOURS.values()} | {None, "none", "transparent"}
    made = GALLERY[name]()
    if made._options.failed is None:
        svg = draw(made._graph, engine="dot", depth=made._options.depth, collapse=made._options.collapse).svg
        assert {e.get(paint) for e in ElementTree.fromstring(svg).iter() for paint in ("fill", "stroke")} <= known  # noqa: S314


@pytest.mark.skipif(shutil.which("dot") is None, reason="no dot on the PATH")
def test_any_dot_lays_it_out_and_a_user_may_do_it_otherwise():
    text = plain("two_layers").dot
    assert "pos=" not in text
    for settings in ([], ["-Grankdir=TB"]):
        done = subprocess.run(["dot", "-Tplain", *settings], input=text.encode(), capture_output=True, check=True)
        assert len(re.findall(rb"^node ", done.stdout, re.MULTILINE)) == len(plain("two_layers")._painting.scene.items)
        assert b"rror" not in done.stderr


@pytest.mark.parametrize("kind", ["svg", "png", "pdf", "dot", "html", "txt"])
def test_every_format_has_it(kind, tmp_path):
    assert plain("batch_norm").save(tmp_path / f"circuit.{kind}").stat().st_size > 500


def test_it_can_be_dark():
    assert "#0f1419" in plain("scalars", theme="dark").dot


def test_a_png_is_never_scaled(tmp_path):
    x = leaf("x", 1)
    for _ in range(200):
        x = -x
    with pytest.raises(DrawError, match=f"as PNG .* {raster.MOST:,} is the most on a side"):
        draw(x, [1.0], engine="dot", depth=99).save(tmp_path / "circuit.png")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"engine": "neato"}, "engine='neato' is not one of 'own', 'dot'"),
        ({"engine": "dot", "width": 500}, "width=500 is for lines"),
        ({"engine": "dot", "view": "gate", "at": 1}, "view='gate' ignores engine='dot'"),
    ],
)
def test_what_it_cannot_do_is_said(options, said):
    with pytest.raises(DrawError, match=re.escape(said)):
        draw(leaf("x", 2) * 2, **options)
