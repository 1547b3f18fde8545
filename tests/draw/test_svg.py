"""The finished SVG: well formed, the same on every run, themed, and safe whatever the names."""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from gallery import GALLERY

from micrograd_tensor.draw.theme import COLOURS

HERE = Path(__file__).parent
NAMESPACE = "{http://www.w3.org/2000/svg}"


def parsed(name):
    return tree(GALLERY[name]())


def tree(circuit):
    return ElementTree.fromstring(circuit.svg)  # noqa: S314 -- this project wrote it


@pytest.mark.parametrize("name", GALLERY)
def test_well_formed_with_unique_ids(name):
    root = parsed(name)
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert root.find(f"{NAMESPACE}title").text.startswith("Circuit of ")
    assert not any(element.tag.endswith(("script", "a", "image", "foreignObject")) for element in root.iter())


@pytest.mark.parametrize(
    "name", ["batch_norm", "many_ways_through_boxes", "batch_norm_in_540_pixels", "lstm_cell", "equal_blocks_once"]
)
def test_every_lane_and_text_is_in_the_picture(name):
    circuit = GALLERY[name]()
    root = tree(circuit)
    groups = {element.get("id"): element for element in root.iter(f"{NAMESPACE}g")}
    for wire in circuit._painting.scene.wires:
        for lane, texts in (
            (wire.forward, [*wire.above.bold, *wire.above.values]),
            (wire.backward, [*wire.below.bold, *wire.below.values]),
        ):
            if lane:
                shown = [text.text for text in groups[lane].iter(f"{NAMESPACE}text")]
                assert shown == texts
                assert groups[lane].find(f"{NAMESPACE}path") is not None
                assert groups[lane].find(f"{NAMESPACE}title").text


def test_forward_is_solid_and_black_and_backward_dashed_and_red():
    root = parsed("batch_norm")
    for group in root.iter(f"{NAMESPACE}g"):
        kind = group.get("class", "")
        if "legend" not in group.get("id", "") and kind.startswith("edge"):
            path = group.find(f"{NAMESPACE}path")
            back = "bwd" in kind
            assert path.get("stroke") == COLOURS["backward" if back else "ink"][0]
            assert ("stroke-dasharray" in path.attrib) == back


def test_size_is_given_in_plain_numbers():
    root = parsed("batch_norm")
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"
    assert root.get("width").isdigit()


def test_colours_are_told_apart_by_their_light_value():
    light = [colour for colour, _ in COLOURS.values()]
    assert len(set(light)) == len(light)


def test_every_colour_has_a_role():
    known = {colour for colour, _ in COLOURS.values()} | {None, "none", "transparent"}
    for make in GALLERY.values():
        for element in tree(make()).iter():
            assert element.get("fill") in known
            assert element.get("stroke") in known


SAME = (
    "batch_norm",
    "random_graph",
    "attention",
    "many_ways_through_boxes",
    "collapsed_for_its_size",
    "random_graph_in_lines",
    "failed_op",
)


def test_the_same_bytes_on_every_run_and_without_fonts():
    program = (
        "from gallery import GALLERY\n"
        f"for name in {SAME}:\n    c = GALLERY[name](); print(name); print(c.svg); print(c.dot); print('=' * 100)"
    )
    printed = []
    for seed, fonts in (("1", None), ("2", "/dev/null")):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
        if fonts:
            environment["FONTCONFIG_FILE"] = fonts
        done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)
        printed.append(done.stdout.split(b"=" * 100)[:-1])
    assert len(printed[0]) == len(SAME)
    for first, second in zip(*printed, strict=True):
        assert first == second
        assert len(first) > 10_000


def test_hostile_names_are_text():
    root = parsed("hostile_names")
    texts = [element.text for element in root.iter(f"{NAMESPACE}text")]
    assert "<script>alert(1)</script>" in texts
    assert 'a"b\\n\\N\\' in texts
    assert "&lt;b&gt; &amp;" in texts
    assert "<b>bold</b>" in texts
    assert "line one two\ufffd\ufffd" in texts
    assert "{a|b}" in texts
    assert "x" * 39 + "…" in texts
    assert max(map(len, texts)) < 110


def test_not_a_number_and_infinity_are_shown():
    texts = [element.text for element in parsed("nan_and_infinity").iter(f"{NAMESPACE}text")]
    assert "−∞…∞, 1 NaN" in texts


def test_nothing_refers_to_anything_outside():
    for make in GALLERY.values():
        svg = make().svg.replace("http://www.w3.org/2000/svg", "")
        assert "http" not in svg
        assert "url(" not in svg
        assert "href" not in svg
