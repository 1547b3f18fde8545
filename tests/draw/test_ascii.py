"""The listing for terminals: every gate and every gradient once, what was recorded, and no wider than it may be."""

import re

import numpy as np
import pytest
from gallery import GALLERY, deep_net, leaf, values
from rich.cells import cell_len

import micrograd_tensor as mt
from micrograd_tensor.draw import DrawError, draw
from micrograd_tensor.draw.ascii import listing
from micrograd_tensor.draw.rounding import is_rounding
from micrograd_tensor.notation import summary

GRAPHS = {name: make()._graph for name, make in GALLERY.items()}


VALUE = r"  (\([\d, ]+\))?\s*((?:\|·\| )?(?:[−\d∞N≈F T—]|True|all |empty)[^ ]*(?: 0| NaN|, \d+ NaN)?)$"
"""The end of a row: the shape, unless it is a scalar, and what is in it."""


def said_of(node):
    return "≈ 0" if is_rounding(node) else summary(node.value)


def sections(text):
    """The blocks of a listing by their headings, each the list of its rows."""
    blocks = [block.splitlines() for block in text.strip("\n").split("\n\n")]
    return {block[0].split(" (")[0]: block[1:] for block in blocks[1:-1]} | {"title": blocks[0]}


@pytest.mark.parametrize("name", GRAPHS)
def test_every_gate_is_there_once_with_what_was_recorded(name):
    graph = GRAPHS[name]
    rows = sections(listing(graph, name, width=1000))["forward"]
    gates = [node for node in graph.nodes if node.op]
    for k, gate in enumerate(gates, 1):
        [row] = [row for row in rows if f" ({k}) {gate.op.name} " in row]
        assert not gate.shape or f" {gate.shape}" in row
        assert row.rstrip().endswith(said_of(gate).rstrip())
    leaves = [row for row in rows if re.match(r"[^\w(\[]*(leaf|constant)  ", row)]
    assert len(leaves) == len(graph.nodes) - len(gates)


@pytest.mark.parametrize("name", GRAPHS)
def test_every_gradient_is_there_once_with_what_was_recorded(name):
    graph = GRAPHS[name]
    said = sections(listing(graph, name, width=1000))
    if not graph.gradients:
        assert "backward" not in said
        return
    rows = [row for row in said["backward"] if re.search(VALUE, row)]
    expected = []
    for node, gradient in graph.gradients.items():
        parts = [c for _, c in graph.contributions_to(node)]
        parts += [graph.upstreams[node]] if node in graph.upstreams else []
        expected += [gradient, *(parts if len(parts) > 1 else [])]
    lost = [node for node in graph.nodes if node.requires_grad and node not in graph.gradients]
    shown = sorted("  ".join(filter(None, re.search(VALUE, row).groups())) for row in rows)
    wanted = [(g.shape, said_of(g)) for g in expected] + [(node.shape, "—") for node in lost]
    assert shown == sorted(f"{shape}  {text}" if shape else text for shape, text in wanted)
    names = [row for row in rows if re.search(r"  d\S.*( = A|: |$)", row)]
    assert len(names) >= len({node for node in graph.gradients if node.name})


@pytest.mark.parametrize("width", [40, 60, 100, 160])
@pytest.mark.parametrize("name", GRAPHS)
def test_no_line_is_wider_than_it_may_be(name, width):
    for spell in (False, True):
        lines = listing(GRAPHS[name], f"Circuit of {name}", width=width, spell=spell).splitlines()
        assert max(map(cell_len, lines)) <= width
        assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize("name", GRAPHS)
def test_columns_are_aligned(name):
    for rows in sections(listing(GRAPHS[name], name, width=1000)).values():
        ends = [
            cell_len(row[: found.start()]) for row in rows if (found := re.search(r"(?<=  )\([\d, ]*\)(  |$)", row))
        ]
        assert len(set(ends)) <= 1


@pytest.mark.parametrize("name", GRAPHS)
def test_it_can_be_spelled_in_ascii(name):
    text = listing(GRAPHS[name], name, spell=True)
    assert text.isascii()
    assert len(text.splitlines()) == len(listing(GRAPHS[name], name).splitlines())


def test_a_value_that_a_gate_takes_twice_parts_before_it():
    x = leaf("x", 2)
    rows = sections(draw((x * x).named("y"), [1.0, 1.0]).text)
    assert [row.split(" ")[0] for row in rows["forward"]] == ["○", "├─╮", "◆─╯"]
    assert [row[:3].rstrip() for row in rows["backward"]] == ["◇", "├─◦", "◦ │", "○─╯"]
    assert "A: × x" in rows["backward"][1]
    assert "dx = A + B" in rows["backward"][3]


def test_a_gradient_that_was_not_computed_is_a_dash():
    rows = sections(GALLERY["without_gradient"]().text)["backward"]
    assert any(re.search(r"dx: not computed +\(3,\)  —$", row) for row in rows)


def test_scopes_are_named_where_they_begin():
    rows = [row for row in sections(GALLERY["two_layers"]().text)["forward"] if "[" in row]
    assert [row.split("[")[1] for row in rows] == [
        "layer1]", "layer1/batch_norm]", "layer1]", "layer2]", "layer2/batch_norm]", "layer2]",
    ]  # fmt: skip


def test_rules_are_those_of_the_picture():
    text = draw(GRAPHS["batch_norm"], dims={"N": 7}).text
    assert "(10) add        dbeta: × 1, Σ over N" in text
    assert "dinverted_stddev: × dev_from_mean, Σ over N" in text


@pytest.mark.parametrize(
    ("detail", "shape", "numbers"), [("full", True, True), ("shape", True, False), ("name", False, False)]
)
def test_detail(detail, shape, numbers):
    text = draw(GRAPHS["softmax"], detail=detail).text
    said = f"  {GRAPHS['softmax'].outputs[0].shape}" in text, bool(re.search(r"\d…−?\d", text))
    assert said == (shape, numbers)


def test_the_view_is_the_listing_and_its_width_is_in_columns():
    circuit = draw(GRAPHS["batch_norm"], view="ascii", width=60)
    assert repr(circuit) == circuit.text == listing(GRAPHS["batch_norm"], "Circuit of out", width=60)
    assert circuit.svg == draw(GRAPHS["batch_norm"]).svg
    assert draw(GRAPHS["batch_norm"], width=900).text == draw(GRAPHS["batch_norm"]).text
    with pytest.raises(DrawError, match="needs 40 columns"):
        repr(draw(GRAPHS["batch_norm"], view="ascii", width=39))


def test_it_is_saved_as_text(tmp_path):
    circuit = GALLERY["attention"]()
    assert circuit.save(tmp_path / "circuit.txt").read_text(encoding="utf-8") == circuit.text
    assert circuit.save(tmp_path / "circuit", format="txt").read_text(encoding="utf-8") == circuit.text


def test_many_values_at_once_are_listed_without_tracks():
    parts = [leaf(f"x{k}", 2, seed=k) for k in range(40)]
    text = draw(mt.concatenate(parts), np.ones(80)).text
    assert "its tracks are left out: side by side they take" in text
    assert text.count("leaf ") == 40 + 1  # and in the legend


def test_what_is_too_much_for_a_picture_can_be_listed():
    x = leaf("x", 1)
    for _ in range(1000):
        x = mt.tanh(x)
    assert "(1000) tanh" in draw(x, [1.0], view="ascii").text
    for _ in range(4000):
        x = mt.tanh(x)
    with pytest.raises(DrawError, match="gates"):
        draw(x, [1.0], view="ascii")


def test_wide_and_hostile_names_keep_the_columns():
    total = leaf("漢字", 2)
    for name in ("שלום", "e\u0301" * 10, "👩‍🚀", "a\nb", "\x1b[31mred"):
        total = (total * leaf(name, 2)).named(name[::-1])
    text = draw(total, values(2)).text
    assert "\x1b" not in text
    columns = {cell_len(line.split("(2,)")[0]) for line in text.split("backward")[0].splitlines() if "(2,)" in line}
    assert len(columns) == 1


def test_its_description_counts_what_is_listed():
    circuit = deep_net(100, view="ascii", width="page")
    assert circuit.description == "501 gates, 302 leaves, forward and backward"
    forward, _, _ = circuit.text.partition("\nbackward\n")
    assert len(set(re.findall(r"\((\d+)\) ", forward))) == 501
