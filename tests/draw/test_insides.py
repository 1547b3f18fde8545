"""Boxes that open: the pictures of what is in them, and the steps that are seen with any of them open."""

import html
import json
import re

import numpy as np
import pytest
from gallery import GALLERY, leaf, values

import micrograd_tensor as mt
from micrograd_tensor import nn
from micrograd_tensor.draw import draw
from micrograd_tensor.draw.circuit import Circuit
from micrograd_tensor.draw.collapse import collapse
from micrograd_tensor.draw.insides import MOST, Picture, insides
from micrograd_tensor.draw.options import Options
from micrograd_tensor.notation.names import Called


class Block(nn.Module):
    """A layer of a transformer: scopes in scopes, and more gates than one picture shows."""

    def __init__(self):
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(4), nn.MultiheadAttention(4, 2, batch_first=True)
        self.norm2, self.fc1, self.fc2 = nn.LayerNorm(4), nn.Linear(4, 8), nn.Linear(8, 4)

    def forward(self, x):
        h = self.norm1(x)
        x = x + self.attn(h, h, h)[0]
        return x + self.fc2(mt.gelu(self.fc1(self.norm2(x))))


def transformer():
    mt.manual_seed(0)
    return mt.graph(Block().named("block")(leaf("x", 2, 3, 4)), values(2, 3, 4, seed=1))


def scopes_in_scopes():
    x = leaf("x", 2, 3)
    with mt.scope("outer"):
        y = mt.exp(x)
        with mt.scope("inner"):
            y = mt.softmax(y * 2.0) + x  # x comes in from outside of both
        with mt.scope("twice"):
            y = y * y
    return mt.graph((y + mt.var(y)).sum(), 1.0)


def a_loss():
    mt.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.GELU(), nn.Linear(5, 3)).named("net")
    return mt.graph(mt.cross_entropy(net(leaf("x", 6, 4)), np.array([0, 1, 2, 0, 1, 2])))


GRAPHS = {
    "transformer": (transformer, {}),
    "scopes in scopes, shut": (scopes_in_scopes, {"depth": 0}),
    "scopes in scopes": (scopes_in_scopes, {"depth": 1}),
    "one scope shut": (scopes_in_scopes, {"collapse": ("inner",)}),
    "loss, shut": (a_loss, {"depth": 0}),
    "loss": (a_loss, {"depth": 1}),
}
every = pytest.mark.parametrize("name", GRAPHS)


def opened(name):
    make, options = GRAPHS[name]
    graph, options = make(), Options(**options)
    return graph, options, insides(graph, options, draw_svg)


def draw_svg(graph, options):
    return Picture(draw_of(graph, options).svg)


def draw_of(graph, options):
    return Circuit(graph, "overlay", options)


def page_of(name, **more):
    make, options = GRAPHS[name]
    return draw(make(), **{key: list(v) if isinstance(v, tuple) else v for key, v in options.items()}, **more)._page(
        1300
    )


def ids_of(page):
    """All ids that elements of a page have once every box was opened, and every frame folded."""
    pictures, found = {}, re.findall(r' id="player-([^"]+)"', re.sub("(?s)<template.*?</template>", "", page))
    for kind, box, more, picture in re.findall(r'(?s)<template data-(box|fold)="([^"]+)"(.*?)>(.*?)</template>', page):
        like = re.search('data-like="([^"]+)"', more)
        pictures[box] = pictures[like[1]] if like else re.findall(r' id="([^"]+)"', picture)
        found += [f"in-{box}-{one}" if kind == "box" else f"{box}-{one}" for one in pictures[box]]
    return found


def data_of(page):
    return json.loads(re.search(r'class="data">(.*?)</script>', page, re.DOTALL)[1])


@every
def test_what_is_in_a_box_is_in_one_picture(name):
    graph, options, found = opened(name)
    boxes = {f"box-{box.gates[0].rank}": box for box in collapse(graph.nodes, options, graph.outputs).boxes}
    assert {inside.box for inside in found if not inside.box.startswith("in-")} == set(boxes)
    for inside in found:
        ids = set(re.findall(r' id="(?:node|box)-(\d+)"', inside.svg))
        shut = [other for other in found if other.box.startswith(inside.prefix)]
        hidden = {gate for other in shut for gate in other.gates}
        for gate in inside.gates:
            assert (str(gate.rank) in ids) == (gate not in hidden or gate in [other.gates[0] for other in shut])


@every
def test_gates_have_the_numbers_that_they_have_in_the_whole(name):
    graph, _, found = opened(name)
    numbers = Called(graph).numbers
    for inside in found:
        said = {int(n): op for n, op in re.findall(r">\((\d+)\)(?: (\w+))?", inside.svg)}
        assert said or "box-" in inside.svg
        known = {numbers[gate]: gate.op.name for gate in inside.gates}
        assert set(said) <= set(known)
        assert all(not op or op == known[n] for n, op in said.items())


@every
def test_values_on_the_way_in_and_out_are_the_recorded_ones(name):
    """A picture of an inside shows the shape and the range of everything that enters or leaves it."""
    graph, _, found = opened(name)
    for inside in found:
        texts = set(re.findall(r">(\([\d, ]*\)  [^<]+)<", inside.svg))
        assert texts
        gates = set(inside.gates)
        into = {x for gate in gates for x in gate.inputs if x not in gates}
        pictures = [inside.svg] + [other.svg for other in found if other.box.startswith(inside.prefix)]
        for x in into:
            shown = [f'id="node-{x.rank}"' in svg for svg in pictures]
            assert shown[0] or (x.is_leaf and any(shown))  # a leaf that one box alone uses is in it
        for gate in gates:
            if gate in graph.outputs or any(user not in gates for user, _ in graph.users[gate]):
                assert f'id="sink-{gate.rank}"' in inside.svg
        assert 'class="node legend"' not in inside.svg


@every
def test_with_any_boxes_open_every_gate_has_one_step_forward(name):
    """A gate is computed in its own step, or in that of the box around it that is seen, and never in both."""
    graph, _, found = opened(name)
    steps = data_of(page_of(name))["steps"]
    numbers = {number: gate for gate, number in Called(graph).numbers.items()}
    rng = np.random.default_rng(0)
    for _ in range(30):
        chosen = [inside.box for inside in found if rng.random() < 0.5]
        opens = set()
        for box in chosen:  # one in a closed box is not open
            if all(other.box in opens for other in found if box.startswith(other.prefix)):
                opens.add(box)
        seen = [step for step in steps if set(step.get("in", ())) <= opens and step.get("box") not in opens]
        computed = [gate for step in seen if step["phase"] == "forward" for gate in of_title(step["title"], numbers)]
        assert computed == [node for node in graph.nodes if node.op]
        if graph.gradients:
            back = [gate for step in seen if step["phase"] == "backward" for gate in of_title(step["title"], numbers)]
            assert len(back) == len(set(back))
            assert set(back) == {gate for gate, _ in graph.contributions} | shut_gates(found, opens, graph)


def shut_gates(found, opens, graph):
    return {gate for inside in found if inside.box not in opens for gate in inside.gates}


def of_title(title, numbers):
    first, last = re.match(r"\((\d+)\)(?: to \((\d+)\))?", title).groups()
    return [numbers[k] for k in range(int(first), int(last or first) + 1)]


@every
def test_all_ids_of_all_steps_are_in_the_page(name):
    page = page_of(name)
    ids = ids_of(page)
    assert len(ids) == len(set(ids))
    for step in data_of(page)["steps"]:
        around = [one for one in step.get("in", ()) if not one.endswith("fold")]
        for one in (step.get("mark"), *step.get("also", ()), *step.get("lanes", ()), *step.get("items", ()), *around):
            assert not one or one in ids
    assert {inside.box for inside in opened(name)[2]} <= set(re.findall('<template data-box="([^"]*)"', page))


def test_leaves_have_the_colours_that_they_have_outside():
    make, _ = GRAPHS["transformer"]
    graph = make()
    page = draw(graph, depth=0)._page(1300)
    inside = "".join(re.findall("(?s)<template.*?</template>", page))
    roles = dict(re.findall(r'id="(node-\d+)" class="node (data|param|constant)"', inside))
    leaves = {f"node-{node.rank}": node for node in graph.nodes if node.is_leaf}
    assert {name for name, role in roles.items() if role == "param"} == {
        name for name, node in leaves.items() if node.parameter
    }


def test_equal_scopes_open_one_by_one_and_a_box_of_too_many_gates_stays_shut():
    x = leaf("x", 2, 2)
    for k in range(5):
        with mt.scope(f"layer{k}"):
            x = mt.tanh(x * 2.0) + 1.0
    graph = mt.graph(x.sum(), 1.0)
    run, *each = insides(graph, Options(depth=0), draw_svg)
    assert [one.name for one in (run, *each)] == ["layer0 … layer4", *(f"layer{k}" for k in range(5))]
    assert all(one.box.startswith(run.prefix) for one in each)
    with mt.scope("long"):
        for _ in range(MOST + 1):
            x = mt.sin(x)
    graph = mt.graph(x)
    assert "long" not in [one.name for one in insides(graph, Options(depth=0), draw_svg)]
    steps = data_of(draw(graph, depth=0)._page(1300))["steps"]
    assert "A picture of this scope alone" in [step for step in steps if step.get("box")][-1]["say"][0]


def test_a_page_with_the_insides_of_all_boxes_stays_small():
    assert len(page_of("transformer")) < 1_200_000


@pytest.mark.parametrize("width", [390, 500, 900])
def test_frames_fold_in_pictures_of_every_width(width):
    """In narrow ones what the weights go through is in the first line, before the first gate."""
    graph = GALLERY["conv_bn_relu"]()._graph
    page = Circuit(graph, "overlay", Options(width=width))._page(1300)
    (folds,) = (json.loads(html.unescape(found)) for found in re.findall('data-folds="([^"]*)"', page))
    assert folds["frames"]
    assert {chain[0] for chain in folds["frames"].values()} == {"fold-box-4"}
