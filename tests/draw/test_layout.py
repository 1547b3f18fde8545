"""Where things stand: the main path is straight, and nothing overlaps in any graph."""

import itertools

import numpy as np
import pytest
from gallery import GALLERY, leaf, random_graph
from hypothesis import given
from hypothesis import strategies as st

import micrograd_tensor as mt
from micrograd_tensor.draw.build import scene
from micrograd_tensor.draw.layout import GATE, HEADER, LANE, TEXT_GAP, place
from micrograd_tensor.draw.metrics import text_width
from micrograd_tensor.draw.rows import chains
from micrograd_tensor.draw.scene import CAPTION, CAPTION_LINE
from micrograd_tensor.draw.wrap import wrap


def boxes(shown):
    """Everything that takes room: items with their captions, and the lines of wires, as (name, l, t, r, b)."""
    for item in shown.items:
        top = item.y - item.height / 2
        yield item.id, item.x - item.width / 2, top, item.x + item.width / 2, item.y + item.height / 2
        for k, line in enumerate(reversed(item.captions)):
            half, bottom = text_width(line, CAPTION) / 2, top - TEXT_GAP - CAPTION_LINE * k
            yield item.id, item.x - half, bottom - CAPTION_LINE, item.x + half, bottom
    for wire in shown.wires:
        beside = (LANE if wire.backward else 0.0) + TEXT_GAP
        top, bottom = wire.y - beside - wire.above.height, wire.y + beside + wire.below.height
        if wire.above.height or wire.below.height:
            yield wire.forward, wire.x - wire.width / 2, top, wire.x + wire.width / 2, bottom


def runs(shown):
    """The vertical runs of wires, as (name of the item, x, top, bottom)."""
    for wire in shown.wires:
        for item, offset in ((wire.source, wire.leaves), (wire.target, wire.arrives)):
            if offset is not None:
                yield wire.forward, item.id, item.x + offset, item.y + item.height / 2, wire.y


def check_nothing_overlaps(shown):
    rectangles = list(boxes(shown))
    for (a, al, at, ar, ab), (b, bl, bt, br, bb) in itertools.combinations(rectangles, 2):
        assert a == b or not (al < br and bl < ar and at < bb and bt < ab), (a, b)
    verticals = list(runs(shown))
    for wire, item, x, top, bottom in verticals:
        for name, left, above, right, below in rectangles:
            if name not in (wire, item):
                assert not (left < x + LANE and x - LANE < right and above < bottom and top < below), (wire, name)
    for (a, _, ax, at, ab), (b, _, bx, bt, bb) in itertools.combinations(verticals, 2):
        assert abs(ax - bx) >= 4 * LANE or at >= bb or bt >= ab, (a, b)
    for wire in shown.wires:
        start = wire.source.x + (wire.leaves or 0)
        end = wire.target.x + (wire.arrives or 0)
        if wire.above.height or wire.below.height:
            assert start < wire.x - wire.width / 2
            assert wire.x + wire.width / 2 < end
        for item in shown.items:
            if item not in (wire.source, wire.target) and start < item.x < end:
                assert abs(item.y - wire.y) > item.height / 2 + LANE, (wire.forward, item.id)


@pytest.mark.parametrize("name", GALLERY)
def test_nothing_overlaps(name):
    check_nothing_overlaps(GALLERY[name]()._painting.scene)


@given(st.integers(0, 10**6), st.integers(1, 60))
def test_nothing_overlaps_in_random_graphs(seed, gates):
    check_nothing_overlaps(random_graph(seed, gates)._painting.scene)


def test_the_check_finds_what_overlaps():
    shown = GALLERY["batch_norm"]()._painting.scene
    moved = next(item for item in shown.items if item.id == "node-9")
    moved.x += 60
    with pytest.raises(AssertionError):
        check_nothing_overlaps(shown)


def test_main_path_of_batch_norm_is_straight():
    shown = GALLERY["batch_norm"]()._painting.scene
    main = chains(shown)[0].items
    assert [item.id for item in main] == [
        "node-0", "fork-0", "node-4", "fork-4", "node-10", "node-11", "node-12", "sink-12"
    ]  # fmt: skip
    assert len({item.y for item in main}) == 1
    assert all(b.x > a.x for a, b in itertools.pairwise(main))
    assert main[0].kind == "data"


def test_main_path_follows_the_data_not_the_weights():
    h = leaf("x", 2, 3)
    for k in range(3):
        h = mt.relu(h @ leaf(f"W{k}", 3, 3, seed=k) + leaf(f"b{k}", 3))
    shown = scene(mt.graph(h.sum(), 1.0))
    place(shown)
    top = min(item.y for item in shown.items)
    straight = {item.op.name if item.op else item.lines[0] for item in shown.items if item.y == top}
    assert straight == {"x", "matmul", "add", "relu", "sum", "output"}


@given(st.integers(0, 10**6))
def test_wires_lead_from_left_to_right(seed):
    for wire in random_graph(seed)._painting.scene.wires:
        assert wire.source.x < wire.target.x


def test_caption_tells_the_order_of_operands_where_the_picture_does_not():
    captions = {item.op.name: item.caption for item in GALLERY["order_matters"]()._painting.scene.items if item.op}
    assert captions["sub"] == "(6) sub"
    shown = scene(mt.graph((1 - leaf("x", 2)).named("q")))
    place(shown)
    assert [item.caption for item in shown.items if item.op] == ["(1) sub: 1 − x"]
    shown = scene(mt.graph((1 + leaf("x", 2)).named("q")))
    place(shown)
    assert [item.caption for item in shown.items if item.op] == ["(1) add"]


@pytest.mark.parametrize("name", ["two_layers", "layer_norm", "nested_scopes", "lstm_cell", "collapsed_for_its_size"])
@pytest.mark.parametrize("width", [900, None])
def test_a_scope_begins_right_above_what_is_in_it(name, width):
    """However deep the scopes are that begin further down."""
    circuit = GALLERY[name]()
    shown = circuit._painting.scene
    layout = place(shown) if width is None else wrap(shown, width)
    tops = [(at.x, at.y - at.height / 2 - CAPTION_LINE * len(at.captions), at.strip) for at in shown.items]
    tops += [(wire.x, wire.y - TEXT_GAP - LANE - wire.above.height, wire.target.strip) for wire in shown.wires]
    tops += [((frame.left + frame.right) / 2, frame.top, frame.strip) for frame in layout.frames]
    for frame in layout.frames:
        inside = [y for x, y, strip in tops if strip == frame.strip and frame.left < x < frame.right and y > frame.top]
        assert HEADER <= min(inside) - frame.top <= HEADER + 2 * TEXT_GAP + LANE


def test_scopes_contain_their_gates_and_no_others():
    circuit = GALLERY["two_layers"]()
    layout = place(circuit._painting.scene)
    frames = [frame for frame in layout.frames if frame.name == "layer1"]
    assert [frame.name for frame in layout.frames] == ["layer1", "batch_norm", "layer2", "batch_norm"]
    for item in circuit._painting.scene.items:
        if item.kind == "gate":
            inside = frames[0].left < item.x - GATE and item.x + GATE < frames[0].right
            assert inside == (item.scope is not None and item.scope.path.startswith("layer1"))


def test_nested_scopes_lie_within_each_other():
    layout = place(GALLERY["nested_scopes"]()._painting.scene)
    outer, inner, innermost, second = layout.frames
    for a, b in ((outer, inner), (inner, innermost), (outer, second)):
        assert a.left < b.left < b.right < a.right
        assert a.top < b.top < b.bottom <= a.bottom
    assert inner.right < second.left


def test_unnamed_scopes_have_no_frame():
    with mt.scope("  "):
        y = mt.exp(leaf("x", 2))
    assert place(scene(mt.graph(y))).frames == []


def test_residual_connection_runs_around_the_block():
    layout = place(GALLERY["residual"]()._painting.scene)
    shown = GALLERY["residual"]()._painting.scene
    skip = next(w for w in shown.wires if w.source.id == "fork-0" and w.leaves is not None)
    assert skip.y > layout.frames[0].bottom


def test_everything_is_within_the_picture():
    for make in GALLERY.values():
        circuit = make()
        width, height = circuit._painting.width, circuit._painting.height
        for _, left, top, right, bottom in boxes(circuit._painting.scene):
            assert left >= 0
            assert top >= 0
            assert right <= width
            assert bottom <= height


def test_a_long_chain_of_gates_is_one_row():
    x = leaf("x", 2)
    for _ in range(400):
        x = mt.tanh(x)
    shown = scene(mt.graph(x, np.ones(2)))
    place(shown)
    assert len({item.y for item in shown.items}) == 1
