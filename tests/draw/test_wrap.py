"""Circuits in lines: no wider than asked for, every wire cut and continued, and every element with an id of its own."""

import itertools
import re
from dataclasses import replace

import pytest
from gallery import (
    GALLERY,
    batch_norm,
    failed_op,
    hostile_names,
    leaf,
    lstm_cell,
    nested_scopes,
    random_graph,
    random_scopes,
    residual,
    tied_weights,
    two_layers,
)
from hypothesis import given
from hypothesis import strategies as st

import micrograd_tensor as mt
from micrograd_tensor.cli.builtin_graphs import BUILTINS, made
from micrograd_tensor.draw import Circuit, DrawError, draw
from micrograd_tensor.draw.metrics import _words, foldable, folded, text_width
from micrograd_tensor.draw.route import HEAD, RADIUS
from micrograd_tensor.draw.scene import MARK_FOLD, NARROW


def lines(circuit):
    """The items of each line."""
    found = {}
    for item in circuit._painting.scene.items:
        found.setdefault(item.strip, []).append(item)
    return [found[k] for k in sorted(found)]


def least(make):
    with pytest.raises(DrawError, match="too narrow for this circuit; it takes") as caught:
        make(width=10)
    return int(re.search(r"takes (\d+)", str(caught.value))[1])


MAKERS = [batch_norm, lstm_cell, nested_scopes, residual, two_layers]


@pytest.mark.parametrize("make", MAKERS)
def test_what_fits_stays_in_one_line(make):
    assert make(width=10_000).svg == make().svg


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("width", [600, 777.5, 900, 1500])
def test_no_line_is_wider_than_asked_for(make, width):
    circuit = make(width=width)
    assert circuit._painting.width <= width
    assert len(lines(circuit)) > 1


@pytest.mark.parametrize("make", [*MAKERS, failed_op])
def test_the_least_width_that_is_named_will_do_and_less_will_not(make):
    narrowest = least(make)
    assert make(width=narrowest)._painting.width <= narrowest
    with pytest.raises(DrawError, match=f"takes {narrowest}"):
        make(width=narrowest - 1)


@given(st.integers(0, 1000))
def test_lines_are_never_more_than_a_wider_picture_has(more):
    assert len(lines(batch_norm(width=540 + more))) >= len(lines(batch_norm(width=640 + more)))


def test_lines_follow_each_other_downwards():
    circuit = batch_norm(width=900)
    spans = [(min(i.y - i.height / 2 for i in line), max(i.y + i.height / 2 for i in line)) for line in lines(circuit)]
    assert all(above[1] < below[0] for above, below in itertools.pairwise(spans))


def pieces(circuit):
    """By the id of a wire all its pieces in order, from what made the value to what takes it."""
    shown = circuit._painting.scene.wires
    found = {}
    for wire in shown:
        found.setdefault(re.sub(r"-part-\d+$", "", wire.forward), []).append(wire)
    return found


@pytest.mark.parametrize("make", MAKERS)
def test_a_wire_that_is_cut_goes_on_in_a_later_line(make):
    circuit = make(width=900)
    shown = circuit._painting.scene
    ends = {item.id: item for item in shown.items if item.id.endswith("-end")}
    assert any(wire.source.kind == "mark" for wire in shown.wires)
    for parts in pieces(circuit).values():
        assert all(part.source.strip == part.target.strip for part in parts)
        *before, last = parts
        if last.source.kind != "mark":
            assert not before
            continue
        assert len(before) <= 1
        rank = last.forward.split("-")[1]
        way = [before[0].target] if before else [end for name, end in ends.items() if name.startswith(f"mark-{rank}-")]
        assert way[0].strip < last.source.strip
        assert way[0].lines[0].removesuffix(" …") == last.source.lines[0].removeprefix("… ")
        for one in before:
            assert one.target.id == last.source.id.replace("-start", "-end")
            assert one.forward.endswith("-fwd-part-1")
            assert bool(one.backward) == bool(last.backward)
            assert not any((one.name, one.value, one.rule, one.gradient))
        assert not re.search(r"-part-\d+$", last.backward or "")


@pytest.mark.parametrize("width", [540, 900])
@pytest.mark.parametrize("make", MAKERS)
def test_no_line_carries_what_it_does_not_use(make, width):
    shown = make(width=width)._painting.scene
    assert not any(wire.source.kind == wire.target.kind == "mark" for wire in shown.wires)
    ends = [(item.strip, item.id.split("-")[1]) for item in shown.items if item.id.endswith("-end")]
    values = [wire for wire in shown.wires if wire.target.kind == "mark" and not wire.source.is_fork]
    assert len(ends) == len(set(ends)) or values  # a value that is used on several later lines ends in one mark


def test_the_pieces_are_the_wires_of_the_picture_in_one_line():
    whole, cut = batch_norm()._painting.scene, batch_norm(width=900)
    assert {wire.forward for wire in whole.wires} == set(pieces(cut))
    for wire in whole.wires:
        parts = pieces(cut)[wire.forward]
        assert parts[0].source.id in (wire.source.id, f"mark-{wire.forward[5:-4]}-start")
        last = parts[-1]
        assert (last.forward, last.backward, last.target.id) == (wire.forward, wire.backward, wire.target.id)
        said = (wire.name, wire.value, wire.rule, wire.gradient, wire.edges)
        assert (last.name, last.value, last.rule, last.gradient, last.edges) == said
    assert {item.id for item in whole.items} == {i.id for i in cut._painting.scene.items if i.kind != "mark"}


def test_marks_say_what_is_carried():
    marks = {item.id: item for item in batch_norm(width=900)._painting.scene.items if item.kind == "mark"}
    assert marks["mark-4-10-end"].lines == ("dev_from_mean …",)
    assert marks["mark-4-10-start"].lines == ("… dev_from_mean",)
    assert marks["mark-4-10-start"].title == "dev_from_mean (7, 4), continued"


def test_scopes_that_are_cut_go_on():
    circuit = batch_norm(width=900)
    names = re.findall(r">(… )?(batch_norm)</text>", circuit.svg)
    assert names == [("", "batch_norm"), *[("… ", "batch_norm")] * (len(lines(circuit)) - 1)]
    assert len(set(re.findall(r'id="(scope-\d+)"', circuit.svg))) == len(lines(circuit))


@pytest.mark.parametrize("width", [900, 540])
def test_text_is_large_enough_to_read(width):
    sizes = [float(size) for size in re.findall(r'font-size="([\d.]+)"', batch_norm(width=width).svg)]
    assert min(sizes) >= 10.5


@pytest.mark.parametrize("width", [0, -3, float("nan"), float("inf"), "900"])
def test_what_is_no_width(width):
    with pytest.raises(DrawError, match="is not a positive number of pixels"):
        batch_norm(width=width)


def test_the_legend_counts_too():
    assert least(lambda **options: draw(leaf("x", 2), [1.0, 1.0], **options)) > 250


@pytest.mark.parametrize("width", [390, 540, 900])
@pytest.mark.parametrize("make", [*MAKERS, tied_weights])
def test_a_fork_is_wide_where_its_branches_turn_and_round_where_all_of_them_go_on_elsewhere(make, width):
    scene = make(width=width)._painting.scene
    turning = [wire.source for wire in scene.wires if wire.source.is_fork and wire.leaves is not None]
    for item in scene.items:
        if item.is_fork and item not in turning:
            assert item.width == item.height
        elif item.is_fork:
            reach = max(abs(wire.leaves) for wire in scene.wires if wire.source is item and wire.leaves is not None)
            assert item.width / 2 >= reach


# -------------------------------------------------------------------------------------------------------------- phones

PHONE = 390


@pytest.mark.parametrize("name", GALLERY)
def test_every_picture_can_be_as_narrow_as_a_phone(name):
    shown = GALLERY[name]()
    assert Circuit(shown._graph, shown._view, replace(shown._options, width=PHONE))._painting.width <= PHONE


@pytest.mark.parametrize("view", ["overlay", "forward", "backward", "steps"])
@pytest.mark.parametrize("name", BUILTINS)
def test_every_built_in_graph_can_be_as_narrow_as_a_phone(name, view):
    painting = draw(*made(name), view=view, dims=BUILTINS[name].dims, width=PHONE)._painting
    assert painting.width <= PHONE
    ids = [item.id for item in painting.scene.items]
    assert len(ids) == len(set(ids))


def narrow_texts(circuit):
    """Each text at a wire, in a box or above a gate of a narrow picture: its lines, and the whole."""
    scene = circuit._painting.scene
    assert scene.narrow
    for wire in scene.wires:
        for texts, bold, values in (
            (wire.above, (wire.name,), wire.value),
            (wire.below, wire.rule, wire.gradient if wire.backward else ""),
        ):
            yield texts.bold, "".join(bold)
            yield texts.values, values
    for item in scene.items:
        if item.kind == "gate":
            yield item.captions, item.caption


def unspaced(text):
    return text.replace(" ", "")


@pytest.mark.parametrize("make", [*MAKERS, hostile_names])
def test_a_narrow_picture_says_all_that_a_wide_one_does(make):
    narrow, wide = make(width=least(make)), make()
    for lines, whole in narrow_texts(narrow):
        assert unspaced("".join(lines)) == unspaced(whole)
    shown = {item.id: item for item in narrow._painting.scene.items}
    for item in wide._painting.scene.items:
        assert unspaced("".join(shown[item.id].lines)) == unspaced("".join(item.lines))
        assert shown[item.id].title == item.title
    cut = {name: "".join(item.lines) for name, item in shown.items() if item.kind == "mark"}
    for name, text in cut.items():
        start = cut[name.replace("-end", "-start")]
        assert unspaced(text).strip("…") == unspaced(start).strip("…")


def test_a_name_in_a_box_stays_bold_where_it_is_broken():
    circuit = hostile_names(width=PHONE)
    box = next(item for item in circuit._painting.scene.items if "".join(item.lines).startswith("x" * 39))
    lines = [line for k in range(len(box.lines)) for line in circuit._painting.lines[f"{box.id}-{_part(k)}"]]
    assert [line.bold for line in lines] == [True] * box.bold + [False] * (len(lines) - box.bold)
    assert 1 < box.bold == len([line for line in box.lines if set(line) <= {"x", "…"}])


def _part(k):
    return f"l{k - 1}" if k else "name"


def test_marks_in_a_narrow_picture_say_the_name_in_several_lines():
    marks = {item.id: item.lines for item in batch_norm(width=PHONE)._painting.scene.items if item.kind == "mark"}
    assert marks["mark-4-10-start"] == ("… dev_", "from_", "mean")
    assert ("dev_", "from_", "mean …") in marks.values()


def test_the_scopes_of_a_narrow_picture_are_named_by_the_innermost():
    names = re.findall(r">([^<]*innermost)</text>", nested_scopes(width=PHONE).svg)
    assert names
    assert all(text_width(name, 12.5, bold=True) < PHONE / 2 for name in names)


WORDS = ["dev_from_mean", "×", "(1", "−", "tanh(y₈)²)", "(2, 3)", "−8303.24…−6.19", "0…1e−13", "x" * 40, "a.b"]
TEXTS = st.lists(st.sampled_from(WORDS)).map(" ".join)


@given(TEXTS, st.floats(40, 200), st.booleans())
def test_what_may_be_broken_anywhere_fits_and_loses_nothing(text, width, bold):
    lines = folded(text, width, 11.0, bold, anywhere=True)
    assert unspaced("".join(lines)) == unspaced(text)
    assert all(text_width(line, 11.0, bold) <= width for line in lines)


@given(TEXTS, st.floats(40, 200), st.booleans())
def test_no_way_to_break_a_text_takes_fewer_lines_or_less_width(text, width, bold):
    """Beside all ways to break it, of which there are few enough to try."""

    def wide(line):
        return text_width(line, 11.0, bold)

    lines = folded(text, width, 11.0, bold)
    words = _words(text, width, 11.0, bold, anywhere=False)[:10]
    lines = folded("".join(words).strip(), width, 11.0, bold)
    if len(lines) < 2:
        return
    ways = []
    for ends in itertools.product([False, True], repeat=len(words) - 1):
        way = [words[0]]
        for word, end in zip(words[1:], ends, strict=True):
            way = [*way, word] if end else [*way[:-1], way[-1] + word]
        way = [line.strip() for line in way if line.strip()]
        if all(wide(line) <= width or line in map(str.strip, words) for line in way):
            ways.append(way)
    assert len(lines) == min(map(len, ways))
    assert list(lines) in ways


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("copy to (7, 4) along axis 0", 113, ("copy to (7, 4)", "along axis 0")),
        ("ddev_from_mean = A + B", 100, ("ddev_from_mean", "= A + B")),
        ("where h0 @ W1 > 0", 100, ("where h0", "@ W1 > 0")),
        ("where(x > 0, x · x, max(x, −1))", 70, ("where(x > 0,", "x · x,", "max(x, −1))")),
        (
            "backward: local rule; name, shape of the gradient",
            180,
            ("backward: local rule;", "name, shape of the gradient"),
        ),
        ("A: × inverted_stddev", 100, ("A:", "× inverted_stddev")),
    ],
)
def test_a_text_is_broken_where_one_reads_on_best(text, width, lines):
    assert folded(text, width, 12.5, bold=True) == lines


def test_a_mark_tells_a_long_formula_by_its_gate():
    circuit = GALLERY["cross_entropy"]()
    circuit = Circuit(circuit._graph, "overlay", replace(circuit._options, width=1366))
    marks = [item.lines for item in circuit._painting.scene.items if item.kind == "mark"]
    assert ("… (5) sum",) in marks
    assert ("(5) sum …",) in marks
    assert not [line for lines in marks for line in lines if line.count("…") > 1]


@pytest.mark.parametrize(
    ("text", "whole"),
    [("−reshape(y₈, (N,))", False), ("exp(logits − y₂)", True), ("dev_from_mean", True), ("scaled_dot_product", True)],
)
def test_a_text_has_lines_of_a_width_where_folding_cuts_no_word(text, whole):
    assert foldable(text, MARK_FOLD, 11.0, bold=True) == whole
    lines = folded(text, MARK_FOLD, 11.0, bold=True, anywhere=True)
    cut = [before for before, after in itertools.pairwise(lines) if before[-1].isalnum() and after[0].isalnum()]
    assert (not cut) == whole


def test_a_mark_tells_a_formula_by_its_gate_whose_words_do_not_fit():
    x = mt.tensor([[1.0], [2.0]], name="x", requires_grad=True)
    circuit = mt.draw(mt.sum(mt.exp(-mt.reshape(x, (2,)))), width=330)
    marks = {" ".join(item.lines).strip(" …") for item in circuit._painting.scene.items if item.kind == "mark"}
    assert "(2) neg" in marks
    assert not [mark for mark in marks if "−" in mark]


@pytest.mark.parametrize("name", ["scaled_dot_product_attention", "inner with a rather long name", "W" * 60, "i" * 60])
def test_the_name_of_a_scope_is_cut_by_its_width(name):
    x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    with mt.scope(name):
        y = mt.sum(mt.tanh(mt.exp(x)))
    circuit = mt.draw(y, width=PHONE)
    texts = (text.removeprefix("… ") for text in re.findall(r">([^<]*)</text>", circuit.svg))
    shown = {text for text in texts if text[:3] == name[:3]}
    assert all(text_width(each, 12.5, bold=True) <= 210 for each in shown)
    assert shown == {name} or (len(name) == 60 and all(each.endswith("…") for each in shown))
    assert circuit._painting.width <= PHONE


def test_a_fork_is_as_wide_as_its_branches_in_its_line_need():
    for width in (390, 900, 1366):
        scene = random_graph(width=width)._painting.scene
        for fork in (item for item in scene.items if item.is_fork):
            turns = [wire.leaves for wire in scene.wires if wire.source is fork and wire.leaves is not None]
            assert fork.width == pytest.approx(fork.height + max(turns, default=0) - min(turns, default=0))


def test_an_arrow_into_a_gate_from_below_is_longer_than_its_head_and_corner():
    for make in (GALLERY["forward_only"], GALLERY["compiled_layers"], failed_op):
        for wire in make()._painting.scene.wires:
            if wire.arrives is not None:
                assert wire.y - wire.target.y - wire.target.height / 2 > RADIUS + HEAD


@pytest.mark.parametrize("text", ["(7, 4)  −8303.24…−6.19", "dmean (1, 3, 1, 1)  −0.57…0.63", "1.5e−13…2.75e−12"])
def test_numbers_are_never_broken(text):
    numbers = re.findall(r"[\d.e−]+", text)
    lines = folded(text, NARROW, 11.0, anywhere=True)
    assert len(lines) > 1
    assert [number for line in lines for number in re.findall(r"[\d.e−]+", line)] == numbers


@pytest.mark.parametrize("seed", [7, 9, 18, 27])
@pytest.mark.parametrize("width", [600, 900, 1300])
def test_frames_go_around_what_is_in_their_line(seed, width):
    """A scope ends where nothing of a wire's row is left in it."""
    graph = random_scopes(seed, 30)
    for depth in (1, 2, None):
        painting = draw(graph, depth=depth, width=width)._painting
        assert painting.width <= width


def test_pictures_in_lines_are_the_same_on_every_run():
    circuit = lstm_cell(width=900)
    assert circuit.svg == lstm_cell(width=900).svg
