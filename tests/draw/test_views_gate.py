"""The view of one gate: its arrays as they were recorded, the overlay's rules, and NumPy that runs."""

import re

import numpy as np
import pytest
from asked import ASKED, refused
from gallery import leaf, values

import micrograd_tensor as mt
from micrograd_tensor.draw import DrawError, draw
from micrograd_tensor.draw.build import scene
from micrograd_tensor.draw.heat import MAX_COLUMNS, MAX_ROWS, heat
from micrograd_tensor.draw.options import Options

CELL = re.compile(r"^(?P<what>.+?)(?P<place>\[[\d, ]+\])? = (?P<exact>[^=]+)$")


@pytest.fixture(scope="module")
def batch_norm():
    out = mt.batch_norm(leaf("x", 7, 4), leaf("gamma", 4, seed=1), leaf("beta", 4, seed=2))
    return mt.graph(out, values(7, 4, seed=3))


def cells(circuit, column):
    """The exact values of the cells of one column of a panel, such as ``value-10-0``."""
    found = {}
    for name, title in circuit._painting.titles.items():
        at = re.fullmatch(rf"{re.escape(column)}-(\d+)-(\d+)", name)
        if at:
            found[int(at[1]), int(at[2])] = CELL.match(title)["exact"]
    return found


def check_cells(circuit, column, array):
    """That the cells of a column are those of an array, as far as it is shown."""
    matrix = np.atleast_2d(np.asarray(array)[(0,) * (np.ndim(array) - 2)])[:MAX_ROWS, :MAX_COLUMNS]
    found = cells(circuit, column)
    assert found == {(i, j): str(matrix[i, j]) for i in range(matrix.shape[0]) for j in range(matrix.shape[1])}


@pytest.mark.parametrize("name", [name for name in ASKED if name != "hostile_names"])
def test_arrays_are_the_recorded_ones(name):
    graph, _ = ASKED[name]
    gates = [node for node in graph.nodes if node.op]
    for node in gates[:: max(1, len(gates) // 3)]:
        circuit = draw(graph, view="gate", at=node)
        panels = {
            item.id: item
            for item in circuit._painting.scene.items
            if item.kind == "panel" or item.id.startswith("value")
        }
        result = f"value-{node.rank}"
        assert result in panels
        check_cells(circuit, f"{result}-0", node.value)
        if node in graph.gradients:
            check_cells(circuit, f"{result}-1", graph.gradients[node].value)
        wires = [wire for wire in circuit._painting.scene.wires if wire.target.kind == "gate"]
        assert len(wires) == len(node.operands)
        for wire in wires:
            operand = node.operands[wire.operand]
            if isinstance(operand, mt.Node):
                check_cells(circuit, f"{wire.source.id}-0", operand.value)
                contribution = graph.contributions.get((node, wire.operand))
                if contribution is not None:
                    check_cells(circuit, f"{wire.source.id}-1", contribution.value)


def test_that_check_finds_a_false_cell(batch_norm):
    circuit = draw(batch_norm, view="gate", at=8)
    check_cells(circuit, "value-10-0", batch_norm["x_norm"].value)
    with pytest.raises(AssertionError):
        check_cells(circuit, "value-10-1", batch_norm["x_norm"].value)
    circuit._painting.titles["value-10-0-0-0"] = "x_norm[0, 0] = 7.0"
    with pytest.raises(AssertionError):
        check_cells(circuit, "value-10-0", batch_norm["x_norm"].value)


def test_rules_are_those_of_the_overlay(batch_norm):
    overlay = {wire.forward: wire for wire in scene(batch_norm, Options()).wires}
    for node in batch_norm.nodes:
        if node.op:
            for wire in draw(batch_norm, view="gate", at=node)._painting.scene.wires:
                if wire.target.kind == "gate":
                    assert wire.rule == overlay[wire.forward].rule
                    assert wire.backward == overlay[wire.forward].backward


@pytest.mark.parametrize("number", range(1, 11))
def test_a_gate_is_asked_for_in_several_ways(batch_norm, number):
    gates = [node for node in batch_norm.nodes if node.op]
    node = gates[number - 1]
    expected = draw(batch_norm, view="gate", at=number).dot
    assert draw(batch_norm, view="gate", at=node).dot == expected
    if node.name:
        assert draw(batch_norm, view="gate", at=node.name).dot == expected


def test_a_tensor_stands_for_its_gate():
    x = leaf("x", 3)
    y = mt.tanh(x)
    z = (y * 2.0).named("z")
    for at, name in ((y, "gate 1, tanh"), (z, "gate 2, mul"), (x, "leaf x")):
        assert name in repr(draw(z, np.ones(3), view="gate", at=at))
        assert name in repr(draw(mt.graph(z), view="gate", at=at))


def test_a_leaf_shows_what_its_uses_pass_back_and_their_sum(batch_norm):
    circuit = draw(batch_norm, view="gate", at="x")
    check_cells(circuit, "value-0-0", batch_norm["x"].value)
    check_cells(circuit, "value-0-1", batch_norm.gradients[batch_norm["x"]].value)
    parts = {wire.target.id: wire for wire in circuit._painting.scene.wires if wire.target.id.startswith("use")}
    assert {wire.rule[0][:2] for wire in parts.values()} == {"A:", "B:"}
    shown = [np.array([float(v) for v in cells(circuit, f"{name}-0").values()]) for name in parts]
    assert np.allclose(sum(shown), batch_norm.gradients[batch_norm["x"]].value.ravel(), rtol=1e-12)


def test_a_leaf_with_one_use_has_no_sum(batch_norm):
    circuit = draw(batch_norm, view="gate", at="gamma")
    assert not any(item.is_fork for item in circuit._painting.scene.items)
    check_cells(circuit, "value-1-1", batch_norm.gradients[batch_norm["gamma"]].value)


def test_lines_of_numpy_are_those_that_derive_prints(batch_norm):
    lines = [
        found[0].text
        for name, found in draw(batch_norm, view="gate", at=8)._painting.lines.items()
        if name.startswith("numpy")
    ]
    assert lines[1:] == [
        "x_norm = dev_from_mean * inverted_stddev",
        "ddev_from_mean += dx_norm * inverted_stddev",
        "dinverted_stddev = (dx_norm * dev_from_mean).sum(axis=0)",
    ]
    lines = [
        found[0].text
        for name, found in draw(batch_norm, view="gate", at="x")._painting.lines.items()
        if name.startswith("numpy")
    ]
    assert lines[1:] == ["dx += ddev_from_mean", "dx += np.broadcast_to(dmean / 7, (7, 4))"]


def test_gradients_that_were_not_computed_read_as_a_dash():
    x = leaf("x", 3)
    circuit = draw((x * 2.0).named("y"), view="gate", at="y")
    notes = [found[0].text for name, found in circuit._painting.lines.items() if "-note-" in name]
    assert notes.count("—") == 2
    assert not any(wire.backward for wire in circuit._painting.scene.wires)
    lost = draw((x * mt.stop_gradient(leaf("w", 3))).named("y"), np.ones(3), view="gate", at="w")
    assert "—" in [found[0].text for name, found in lost._painting.lines.items() if "-note-" in name]


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("x_nrom", "did you mean 'x_norm'"),
        ("dvar", "'var'"),
        (0, "numbered from 1 to 10"),
        (11, "numbered from 1 to 10"),
        (-1, "numbered from 1 to 10"),
        (True, "neither the number of a gate nor the name"),
        (2.0, "neither the number of a gate nor the name"),
        (["x"], "neither the number of a gate nor the name"),
        (mt.tensor([1.0]), "is not in this graph"),
        (mt.graph(mt.tensor([1.0])).outputs[0], "a node of another graph"),
    ],
)
def test_what_is_not_there_is_refused_in_plain_words(at, said):
    assert said in refused("batch_norm", view="gate", at=at)


def test_a_graph_without_gates_says_so():
    assert "this graph has none" in refused("just_a_leaf", view="gate", at=1)


def test_values_of_one_name_are_told_apart_by_their_scopes():
    h = leaf("x", 3)
    for name in ("one", "two"):
        with mt.scope(name):
            h = mt.tanh(h).named("h")
    graph = mt.graph(h)
    assert [repr(draw(graph, view="gate", at=at)).split("gate ")[1][0] for at in ("h", "one/h", "two/h")] == [
        "1",
        "1",
        "2",
    ]


# -------------------------------------------------------------------------------------------------------------- heat


@pytest.mark.parametrize(
    "shape", [(), (1,), (8,), (9,), (12, 8), (13, 8), (12, 9), (100, 50), (2, 3, 4), (5, 1, 2, 20)]
)
def test_cells_are_the_corner_of_the_first_matrix(shape):
    array = values(*shape, seed=4) if shape else np.array(-2.5)
    shown = heat(array)
    matrix = np.atleast_2d(array[(0,) * (array.ndim - 2)])
    rows, columns = min(len(matrix), MAX_ROWS), min(matrix.shape[1], MAX_COLUMNS)
    assert len(shown.cells) == rows + (rows < len(matrix))
    assert all(len(row) == columns + (columns < matrix.shape[1]) for row in shown.cells)
    whole = (rows, columns) == matrix.shape and array.ndim <= 2
    assert len(shown.notes) == (1 if whole else 2)
    if not whole:
        part = re.match(r"\[(.*)\] of", shown.notes[0])[1]
        index = tuple(
            slice(*[int(n) if n else None for n in p.split(":")]) if ":" in p else int(p) for p in part.split(", ")
        )
        assert np.array_equal(np.atleast_2d(array[index]), matrix[:rows, :columns])
    for i in range(rows):
        for j in range(columns):
            cell = shown.cells[i][j]
            assert cell.exact == str(matrix[i, j])
            assert cell.sign == ("positive" if matrix[i, j] > 0 else "negative")
            assert np.isclose(cell.opacity, (abs(matrix[i, j]) / np.abs(array).max()) ** 0.8)


@pytest.mark.parametrize("dtype", ["bool", "int8", "int64", "uint8", "float16", "float32", "longdouble", "complex128"])
def test_every_kind_of_number_is_shown_as_it_is(dtype):
    array = np.array([[0, 1], [1, 3]]).astype(dtype)
    shown = heat(array)
    assert [[cell.exact for cell in row] for row in shown.cells] == [[str(v) for v in row] for row in array]
    assert shown.cells[0][0].sign == ""
    assert shown.cells[1][1].opacity == 1.0


def test_nan_and_infinity_are_marked_and_do_not_dim_the_others():
    shown = heat(np.array([np.nan, np.inf, -np.inf, 0.5]))
    assert [(cell.text, cell.odd, cell.sign) for cell in shown.cells[0]] == [
        ("NaN", True, ""),
        ("∞", True, ""),
        ("−∞", True, ""),
        ("0.50", False, "positive"),
    ]
    assert shown.cells[0][3].opacity == 1.0
    assert shown.notes == ("−∞…∞, 1 NaN",)


@pytest.mark.parametrize(
    ("array", "note"), [(np.zeros((0, 4)), "empty"), (None, "values not known"), (object(), "values not known")]
)
def test_what_has_no_cells_says_why(array, note):
    assert heat(array)[:2] == ([], (note,))


def test_a_matrix_of_zeros_is_transparent():
    assert {cell.sign for row in heat(np.zeros((3, 3))).cells for cell in row} == {""}


def test_integers_near_the_end_of_their_range_do_not_overflow():
    shown = heat(np.array([-128, 127], dtype=np.int8))
    assert [cell.sign for cell in shown.cells[0]] == ["negative", "positive"]
    assert shown.cells[0][0].opacity == 1.0


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 3, 4), (1, 1, 2, 1, 3)])
def test_a_cell_says_where_in_the_array_it_is(shape):
    x = leaf("x", *shape)
    found = 0
    for title in draw((x * 2.0).named("y"), view="gate", at="y")._painting.titles.values():
        cell = CELL.match(title)
        if cell and cell["what"] == "x":
            place = tuple(map(int, re.findall(r"\d+", cell["place"] or "")))
            assert len(place) == len(shape)
            assert str(x.data[place]) == cell["exact"]
            found += 1
    assert found == np.prod(shape[-2:], dtype=int)


def test_what_is_likely_meant_is_told_without_empty_paths():
    with pytest.raises(DrawError, match=r"did you mean 'x'\?$"):
        draw((leaf("x", 2) * 2.0).named("result"), view="gate", at="xx")
