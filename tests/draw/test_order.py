"""Where weights and values that are used late go, and how much room a picture takes."""

import itertools

import numpy as np
import pytest
from bench_draw import scalar_net
from gallery import GALLERY, leaf, random_graph, random_scopes
from hypothesis import given
from hypothesis import strategies as st

import micrograd_tensor as mt
from micrograd_tensor.cli.builtin_graphs import BUILTINS, made
from micrograd_tensor.draw.build import scene
from micrograd_tensor.draw.order import Order
from micrograd_tensor.draw.rows import chains
from micrograd_tensor.draw.stack import Block, stacked


def area(circuit):
    assert circuit.svg  # which tells how large it is, where dot lays it out
    return circuit._painting.width * circuit._painting.height


def test_a_scalar_net_takes_little_more_room_than_dot_gives_it():
    out = scalar_net()
    assert sum(node.op is not None for node in mt.graph(out).nodes) >= 72
    ours, theirs = (mt.draw(out, 1.0, depth=99, width=None, engine=engine) for engine in ("own", "dot"))
    assert area(ours) <= 1.5 * area(theirs)


@pytest.mark.parametrize("name", BUILTINS)
def test_built_in_graphs_take_little_more_room_than_dot_gives_them(name):
    ours, theirs = (mt.draw(*made(name), depth=99, width=None, engine=engine) for engine in ("own", "dot"))
    assert area(ours) <= 1.3 * area(theirs)


def test_a_convolution_is_no_endless_page():
    assert mt.draw(*made("conv_bn_relu"), width=900)._painting.height <= 2000


def test_weights_come_right_before_their_gate():
    shown = scene(mt.graph(*made("conv_bn_relu")))
    main = chains(shown)[0].items
    order = Order(shown, main)
    arriving, leaving = shown.wiring()
    turn = {item: k for k, item in enumerate(order.items)}
    assert {item.op.name for item in order.end if item.op} == {"transpose", "reshape"}
    for item, gate in order.end.items():
        between = order.items[turn[item] + 1 : turn[gate]]
        assert all(order.end.get(other) is gate for other in between), (item.id, gate.id)
        reached = item
        while reached is not gate:
            assert len(leaving[reached]) == 1
            reached = leaving[reached][0].target
    assert all(turn[wire.source] < turn[wire.target] for wires in arriving.values() for wire in wires)


@given(st.integers(0, 10**6), st.integers(1, 40))
def test_operands_come_before_results(seed, gates):
    for shown in (scene(random_scopes(seed, gates)), random_graph(seed, gates)._painting.scene):
        order = Order(shown, chains(shown)[0].items)
        assert sorted(item.id for item in order.items) == sorted(item.id for item in shown.items)
        turn = {item: k for k, item in enumerate(order.items)}
        for wire in shown.wires:
            assert turn[wire.source] < turn[wire.target]


@given(st.integers(0, 10**6))
def test_scopes_are_as_often_entered_as_by_birth(seed):
    shown = scene(random_scopes(seed, 40))
    order = Order(shown, chains(shown)[0].items)
    runs = [
        sum(a is not b for a, b in itertools.pairwise(item.scope for item in items))
        for items in (order.items, sorted(shown.items, key=lambda item: item.time))
    ]
    assert runs[0] <= runs[1]


def test_a_weight_stands_near_its_gate_though_nothing_else_is_in_its_row():
    x = leaf("x", 2)
    for _ in range(8):
        x = mt.tanh(x)
    shown = mt.draw(x * leaf("w", 2).exp(), np.ones(2), width=None)._painting.scene
    gates = {item.op.name: item for item in shown.items if item.op}
    assert gates["mul"].x - gates["exp"].x < 300 < gates["mul"].x - shown.items[0].x


@given(
    st.lists(
        st.tuples(st.integers(0, 4), *(st.floats(0, 300) for _ in range(2)), *(st.floats(1, 60) for _ in range(2))),
        min_size=1,
        max_size=20,
    )
)
def test_rows_are_as_near_as_what_is_in_them_allows(given):
    blocks = {}
    for row, x, half, above, below in given:
        blocks.setdefault((0, row), []).append(Block(x, half, above, below))
    ys, bottom = stacked(blocks, 5.0, 20.0)
    rows = sorted(blocks)
    for a, b in itertools.combinations(rows, 2):
        assert ys[a] < ys[b]
        for one, other in itertools.product(blocks[a], blocks[b]):
            if abs(one.x - other.x) < one.half + other.half:
                assert ys[a] + one.below < ys[b] - other.above
    for a, b in itertools.pairwise(rows):
        assert ys[a] + max(block.below for block in blocks[a]) <= ys[b] + 1e-9
        assert ys[b] - max(block.above for block in blocks[b]) >= ys[a] - 1e-9
    assert bottom == max(ys[key] + block.below for key in rows for block in blocks[key])
    assert ys[rows[0]] == 5.0 + max(block.above for block in blocks[rows[0]])


@pytest.mark.parametrize("name", ["batch_norm", "two_layers", "attention", "random_graph"])
def test_texts_are_broken_but_nothing_of_them_is_lost(name):
    for wire in GALLERY[name]()._painting.scene.wires:
        above, below = wire.above, wire.below
        squeezed = ["".join(text.split()) for text in (wire.name, wire.value, "".join(wire.rule), wire.gradient)]
        written = ["".join("".join(lines).split()) for lines in (above.bold, above.values, below.bold, below.values)]
        assert written == squeezed
