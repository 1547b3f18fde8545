"""Every view of every graph of the gallery: well formed, true to what was recorded, and refused in plain words."""

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from asked import ASKED, BY_ITSELF, check_said, drawn, refused
from gallery import GALLERY, leaf, values

import micrograd_tensor as mt
from micrograd_tensor.draw import DrawError, draw
from micrograd_tensor.draw.build import scene
from micrograd_tensor.draw.options import Options
from micrograd_tensor.draw.theme import COLOURS
from micrograd_tensor.draw.views import OF_CIRCUITS, VIEWS

NAMESPACE = "{http://www.w3.org/2000/svg}"
OTHERS = ("backward", "forward", "steps", "gate", "path", "difference")


def tree(circuit):
    return ElementTree.fromstring(circuit.svg)  # noqa: S314 -- this project wrote it


def batch_norm(**options):
    x = leaf("x", 7, 4)
    out = mt.batch_norm(x, leaf("gamma", 4, seed=1), leaf("beta", 4, seed=2), **options)
    return mt.graph(out, values(7, 4, seed=3))


def test_every_view_is_tried_here():
    assert set(OTHERS) <= set(VIEWS)
    assert set(BY_ITSELF) < set(OTHERS)
    assert len(ASKED) > 25


@pytest.mark.parametrize("view", OTHERS)
@pytest.mark.parametrize("name", ASKED)
def test_well_formed_with_unique_ids_and_known_colours(name, view):
    known = {colour for colour, _ in COLOURS.values()} | {None, "none", "transparent"}
    for circuit in drawn(name, view):
        root = tree(circuit)
        ids = [element.get("id") for element in root.iter() if element.get("id")]
        assert len(ids) == len(set(ids))
        assert {element.get(paint) for element in root.iter() for paint in ("fill", "stroke")} <= known
        assert not any(element.tag.endswith(("script", "a", "image", "foreignObject")) for element in root.iter())
        assert "view" not in repr(circuit)
        width, height = circuit._painting.width, circuit._painting.height
        for item in circuit._painting.scene.items:
            assert item.x - item.width / 2 >= 0
            assert item.x + item.width / 2 <= width
            assert item.y - item.height / 2 >= 0
            assert item.y + item.height / 2 <= height


@pytest.mark.parametrize("view", OTHERS)
def test_hostile_names_are_text(view):
    for circuit in drawn("hostile_names", view):
        assert "<script" not in circuit.svg


# ---------------------------------------------------------------------------------------------------------- forward


@pytest.mark.parametrize("name", ASKED)
def test_forward_is_the_overlay_of_a_graph_without_gradients(name):
    graph, options = ASKED[name]
    alone = mt.Graph(graph.nodes, graph.outputs)
    assert draw(graph, view="forward", **options).dot == draw(alone, **options).dot


# ------------------------------------------------------------------------------------------------------------ steps


def test_steps_of_batch_norm_are_numbered_as_its_derivation_is():
    texts = [text.text for text in tree(draw(batch_norm(), view="steps")).iter(f"{NAMESPACE}text")]
    assert [text for text in texts if text.startswith("Step")] == [f"Step {k}" for k in range(9, -1, -1)]
    formulas = [text for text in texts if re.match(r"\w+ = ", text) and "A + B" not in text]
    assert formulas == [
        "out = scaled_x + beta",
        "scaled_x = x_norm · gamma",
        "x_norm = dev_from_mean · inverted_stddev",
        "inverted_stddev = 1/stddev",
        "stddev = √(var + 1e−5)",
        "var = mean(dev_from_mean_sq, axis 0)",
        "dev_from_mean_sq = dev_from_mean²",
        "dev_from_mean = x − mean",
        "mean = mean(x, axis 0)",
    ]
    assert "gates 5, 6" in texts


@pytest.mark.parametrize("name", ASKED)
def test_steps_say_of_every_wire_what_the_overlay_says(name):
    graph, options = ASKED[name]
    whole = {wire.forward: wire for wire in scene(graph, Options(**options)).wires}
    for circuit in drawn(name, "steps"):
        gates = {item.id.partition("node-")[2] for item in circuit._painting.scene.items if item.kind == "gate"}
        assert gates == {str(node.rank) for node in graph.nodes if node.op}
        for wire in circuit._painting.scene.wires:
            other = whole[re.sub(r"^step-(0-\d+|\d+)-", "", wire.forward)]
            if wire.rule not in (("upstream",), ()):
                assert wire.rule == other.rule
            if wire.gradient:
                assert wire.gradient == other.gradient


@pytest.mark.parametrize("width", [800, 900, 1600, 2400])
def test_steps_keep_to_the_width_that_is_asked_for(width):
    circuit = draw(batch_norm(), view="steps", width=width)
    assert circuit._painting.width <= width
    columns = {item.x for item in circuit._painting.scene.items if item.kind == "gate"}
    assert len(columns) > 1


def test_wider_steps_stand_beside_each_other():
    narrow, wide = (draw(batch_norm(), view="steps", width=width)._painting for width in (900, 1800))
    assert wide.height < 0.7 * narrow.height


def test_too_small_a_width_says_the_least():
    said = refused("batch_norm", view="steps", width=100)
    least = int(re.search(r"the least is (\d+)", said)[1])
    assert "width=100" in said
    assert draw(ASKED["batch_norm"][0], view="steps", width=least)._painting.width <= least


def test_ops_that_only_join_a_constant_belong_to_the_named_step_they_lead_to():
    x = leaf("x", 3)
    y = mt.tanh((2.0 * x + 1.0) - 3.0).named("y")
    assert "1 step," in repr(draw(y, np.ones(3), view="steps"))
    unnamed = mt.tanh((2.0 * x + 1.0) - 3.0)
    assert "4 steps," in repr(draw(unnamed, np.ones(3), view="steps"))


# ---------------------------------------------------------------------------------------------------------- options


GIVEN = {"at": 1, "against": "x", "depth": 1, "collapse": "net", "width": 5000}


@pytest.mark.parametrize(
    ("view", "option"), [(view, option) for view in VIEWS for option in GIVEN if not VIEWS[view].uses(option)]
)
def test_an_option_that_a_view_cannot_heed_is_refused_with_the_views_that_can(view, option):
    needed = {"at": 1, "against": batch_norm()}
    options = {need: needed[need] for need in VIEWS[view].needs}
    said = refused("batch_norm", view=view, **options, **{option: GIVEN[option]})
    assert f"view={view!r} ignores {option}=" in said
    able = re.search(r"use view=(.*)$", said)[1].replace("'", "").split(" or ")
    assert able == [other for other in VIEWS if VIEWS[other].uses(option)]


@pytest.mark.parametrize(("view", "option"), [(view, need) for view in VIEWS for need in VIEWS[view].needs])
def test_an_option_that_a_view_needs_is_asked_for(view, option):
    assert f"view={view!r} needs {option}=" in refused("batch_norm", view=view)


def test_options_of_whole_circuits_are_all_but_those_of_other_views():
    assert {"width", "depth", "collapse"} < set(OF_CIRCUITS)
    assert not {"at", "against"} & set(OF_CIRCUITS)


def test_an_unknown_view_names_the_known_ones():
    said = refused("batch_norm", view="sideways")
    assert all(repr(view) in said for view in VIEWS)


@pytest.mark.parametrize("detail", ["full", "shape", "name"])
@pytest.mark.parametrize("view", OTHERS)
def test_detail_is_heeded(view, detail):
    graph = batch_norm()
    more = {"gate": {"at": 8}, "path": {"at": "x"}, "difference": {"against": graph, "width": None}}.get(view, {})
    more |= {"width": None} if view in ("backward", "path") else {}
    groups = tree(draw(graph, view=view, detail=detail, **more)).iter(f"{NAMESPACE}g")
    said = (group.findall(f"{NAMESPACE}text") for group in groups if "stage" not in group.get("class", ""))
    texts = [text.text for found in said for text in found]
    assert any("min…max" in text for text in texts) == (detail == "full" and view not in ("gate", "difference"))
    texts = [text for text in texts if "min…max" not in text]
    assert any("…" in text and re.search(r"\d", text) for text in texts) == (detail == "full")
    texts = [text for text in texts if "copy" not in text and "broadcast" not in text]
    assert any(re.search(r"\(7, 4\)$|\(7, 4\)  ", text) for text in texts) == (detail != "name")


@pytest.mark.parametrize("view", ["backward", "steps", "gate", "path", "difference"])
def test_lengths_can_have_names(view):
    graph = batch_norm()
    more = {"gate": {"at": 8}, "path": {"at": "x"}, "difference": {"against": graph}}.get(view, {})
    named, plain = (draw(graph, view=view, dims=dims, **more).dot for dims in ({"N": 7}, {}))
    assert ("Σ over N" in named) == (view != "backward")
    assert "Σ over N" not in plain


def test_the_check_of_what_is_said_finds_what_is_false():
    array = np.array([[1.0, -2.0], [0.001, 3.456]])
    assert check_said("(2, 2)  −2.00…3.46", array)
    for wrong in ("(2,)  −2.00…3.46", "(2, 2)  −2.00…3.40", "(2, 2)  2.00…3.46", "(2, 2)  ≈ 0", "(2, 2)  empty"):
        with pytest.raises(AssertionError):
            check_said(wrong, array)


def test_a_view_of_an_unknown_graph_is_still_refused():
    with pytest.raises(DrawError, match="neither a Tensor nor a Graph"):
        draw(["x"], view="gate", at=1)


def test_the_gallery_is_asked_for_what_it_draws():
    assert set(ASKED) <= set(GALLERY)


def test_the_same_bytes_on_every_run_and_without_fonts():
    program = (
        "from asked import drawn\n"
        f"for view in {OTHERS!r}:\n"
        "    for name in ('batch_norm', 'attention', 'lstm_cell'):\n"
        "        for circuit in drawn(name, view):\n"
        "            print(circuit.svg, circuit.dot)"
    )
    printed = []
    for seed, fonts in (("1", {}), ("2", {"FONTCONFIG_FILE": "/dev/null"})):
        path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path, **fonts}
        done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)
        printed.append(done.stdout)
    assert printed[0] == printed[1]
    assert len(printed[0]) > 1_000_000


@pytest.mark.parametrize("view", [view for view in VIEWS if view not in ("gate", "difference")])
def test_ops_that_differ_in_a_parameter_never_look_the_same(view):
    """Neither the axis of a reduction, a slice, a permutation nor subscripts can be mistaken in any picture."""
    x = leaf("x", 4, 4, 4)
    outputs = [
        [mt.mean(x, axis=k) for k in range(3)],
        [x[:2], x[2:]],
        [mt.transpose(x, axes) for axes in ((0, 2, 1), (1, 0, 2))],
        [mt.einsum(subscripts, x, x) for subscripts in ("ijk,ijl->kl", "ijk,ilk->jl")],
    ]
    for alike in outputs:
        words = set()
        for out in (each.named("y") for each in alike):
            more = {"at": "x"} if view == "path" else {}
            circuit = draw(out, np.ones(out.shape), view=view, detail="name", **more)
            texts = [element.text or "" for element in tree(circuit).iter(f"{NAMESPACE}text")]
            words.add(circuit.text if view == "ascii" else " ".join(sorted(texts)))
        assert len(words) == len(alike)
