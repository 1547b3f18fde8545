"""The living page: what it computes again is what NumPy computes, at the recorded numbers and at others."""

import re
from pathlib import Path

import numpy as np
import pytest
from gallery import leaf, values
from op_cases import CASES, outputs, upstreams
from player_graphs import GRAPHS, picture

import micrograd_tensor as mt
from micrograd_tensor.draw import player
from micrograd_tensor.draw.player import page as page_of
from micrograd_tensor.draw.player.arrays import elements
from micrograd_tensor.draw.player.live import Program
from micrograd_tensor.engine.recording import record_all
from micrograd_tensor.engine.row import TABLE
from micrograd_tensor.engine.table.special import erf, erfc
from micrograd_tensor.engine.table.windows import windows
from micrograd_tensor.graph import evaluate, evaluate_backward

pytestmark = pytest.mark.browser

SCRIPT = (Path(player.__file__).parent / "live.js").read_text("utf-8")

RUN = """jobs => {
    const number = v => typeof v === 'string' ? Number(v.replace('inf', 'Infinity')) : Number(v);
    const said = v => Number.isFinite(v) || v === true || v === false ? Number(v) : String(v);
    return jobs.map(({ program, leaves, dropped }) => {
        const machine = live(program), given = machine.given.map((v, k) => leaves[k] ? leaves[k].map(number) : v);
        return machine.run(given, new Set(dropped)).map(value => Array.from(value, said));
    });
}"""


@pytest.fixture
def run(page):
    """The values of all nodes of programs, as the page computes them."""
    page.set_content("<p></p>")
    page.add_script_tag(content=SCRIPT.replace("const live", "window.live"))
    return lambda jobs: page.evaluate(RUN, jobs)


def job(program, changed=None, dropped=()):
    leaves = {str(program.value(node)): elements(np.ravel(value)) for node, value in (changed or {}).items()}
    return {"program": program.data, "leaves": leaves, "dropped": list(dropped)}


def graph_of(case):
    """The graph of a case, with all gradients where it has any."""
    with record_all():
        outs = [y for y in outputs(case.function(*case.tensors())) if isinstance(y, mt.Tensor) and y.op is not None]
    if outs and all(y.requires_grad for y in outs):
        return mt.graph(outs, upstreams(outs))
    return mt.graph(outs) if outs else None


def numbered(graph, program, forward, backward=None):
    """By the number in the program the value of each node, gradient and contribution."""
    found = {program.value(x): value for x, value in forward.items()}
    if backward:
        found |= {program.gradient(x): g for x, g in backward.gradients.items()}
        found |= {program.contribution(e, e[0].operands[e[1]]): g for e, g in backward.contributions.items()}
    return found


def assert_same(found, expected, dtype=np.float64):
    assert len(found) == np.size(expected)
    found = np.array([float(v.replace("Infinity", "inf")) if isinstance(v, str) else v for v in found])
    tolerance = 1e-12 if dtype == np.float64 else 4 * np.finfo(dtype).eps
    np.testing.assert_allclose(found, np.ravel(expected).astype(float), rtol=tolerance, atol=tolerance)


def at_other_points(graph, seed=5):
    rng = np.random.default_rng(seed)
    inputs = [x for x in graph.nodes if x.op is None and x.dtype.kind == "f" and x.requires_grad]
    return {x: (x.value * (1 + 0.1 * rng.random(x.shape))).astype(x.dtype) for x in inputs}


def assert_runs(run, graphs):
    """Forward and backward, at the recorded numbers and at others."""
    jobs, expected = [], []
    for name, graph in graphs:
        program = Program(graph)
        assert "why" not in program.data, name
        for given in ({}, at_other_points(graph)):
            forward = evaluate(graph, given)
            backward = evaluate_backward(graph, {}, {**forward, **given}) if graph.gradients else None
            jobs.append(job(program, given))
            expected.append((name, numbered(graph, program, {**forward, **given}, backward)))
    for made, (name, wanted) in zip(run(jobs), expected, strict=True):
        assert -1 not in wanted, name
        for k, value in wanted.items():
            assert_same(made[k], value, value.dtype if value.dtype.kind == "f" else np.float64)


LARGE = {"broadcast_to, large"}


def test_every_op_is_computed_as_by_numpy(run):
    graphs = [(case.name, graph_of(case)) for case in CASES if case.name not in LARGE]
    graphs = [(name, graph) for name, graph in graphs if graph is not None]
    assert_runs(run, graphs)
    seen = {x.op.name for _, graph in graphs for x in (*graph.nodes, *graph.backward) if x.op}
    assert seen == set(TABLE)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_short_floats_are_rounded_as_theirs_are(run, dtype):
    x = mt.tensor(np.linspace(0.3, 2, 12).reshape(4, 3).astype(dtype), name="x", requires_grad=True)
    graphs = [(str(k), mt.graph(y, np.ones(y.shape, dtype))) for k, y in enumerate([mt.tanh(x) * x, x @ x.T, x.sum(0)])]
    assert_runs(run, graphs)
    for made in run([job(Program(graph)) for _, graph in graphs]):
        assert all(v == float(dtype(v)) for value in made for v in value)


TAILS = {
    "erf": (erf, [-9, -3, -1e-9, 0, 0.5, 2.5, 6.5]),
    "erfc": (erfc, [-7, -1, 0, 1.9, 2.1, 5, 9, 26]),
    "sigmoid": (mt.sigmoid, [-700, -40, -1, 0, 3, 40, 800]),
    "expm1": (mt.expm1, [-50, -1e-12, 1e-12, 3]),
    "log1p": (mt.log1p, [-0.999, -1e-12, 1e-12, 1e6]),
    "tanh": (mt.tanh, [-30, -1e-9, 1e-9, 0.5, 30]),
    "rint": (mt.rint, [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.4999, 1e15]),
    "logaddexp": (lambda x: mt.logaddexp(x, 1.0), [-800, -1, 1, 40, 800]),
    "remainder": (lambda x: mt.remainder(x, -3.0), [-7, -3, -1e-3, 0, 1e-3, 3, 7]),
    "floor_divide": (lambda x: mt.floor_divide(x, 3.0), [-7, -3, -0.5, 0.5, 3, 7]),
}


@pytest.mark.parametrize("name", TAILS)
def test_functions_keep_their_digits_where_they_are_small_and_large(run, name):
    function, points = TAILS[name]
    with record_all():
        out = function(mt.tensor(np.array(points, float), name="x")).named("out")
    graph = mt.graph(out)
    program = Program(graph)
    made = run([job(program)])[0][program.value(graph["out"])]
    np.testing.assert_allclose(made, out.data, rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", [name for name in GRAPHS if "why" not in Program(GRAPHS[name]()).data])
def test_every_graph_of_the_player_is(run, name):
    assert_runs(run, [(name, GRAPHS[name]())])


# -------------------------------------------------------------------------------------------------- leaving out


def test_what_is_left_out_changes_what_comes_after_it_and_nothing_else(run):
    x = leaf("x", 5, 3)
    mean = x.mean(axis=0).named("mean")
    out = ((x - mean) ** 3).sum(axis=0).named("out")  # whose gradients do not add up to 0, as those of a square would
    graph, g = mt.graph(out, np.ones(3)), 3 * (x.data - mean.data) ** 2
    program = Program(graph)
    nodes = graph["x"], graph["mean"]
    (first, _), (second, _) = graph.contributions_to(nodes[0])
    cases = {
        program.gradient(nodes[1]): g,  # the mean as a constant
        program.contribution(first, nodes[0]): np.broadcast_to(-g.sum(0) / 5, g.shape),
        program.contribution(second, nodes[0]): g,
        program.gradient(nodes[0]): 0 * g,
    }
    assert len(cases) == 4
    for made, expected in zip(run([job(program, dropped=[k]) for k in cases]), cases.values(), strict=True):
        assert_same(made[program.gradient(nodes[0])], expected)
        assert_same(made[program.value(graph["out"])], out.data)


# ------------------------------------------------------------------------------------------------- dependencies

SOURCES = """({ program, node, places }) => places.map(e => live(program).sources(node, e))"""

ALL_MATTER = {
    "broadcast": lambda x, y: x + y[0],
    "sum": lambda x, _: x.sum(axis=0),
    "mean": lambda x, _: x.mean(axis=1, keepdims=True),
    "all": lambda x, _: x.sum(),
    "matmul": lambda x, y: x @ y.T,
    "einsum": lambda x, y: mt.einsum("ij,kj->k", x, y),
    "transpose": lambda x, _: x.T,
    "slice": lambda x, _: x[1:, ::2],
    "gather": lambda x, _: x[np.array([2, 0, 0])],
    "concatenate": lambda x, y: mt.concatenate([x, y], axis=1),
    "pad": lambda x, _: mt.pad(x, ((1, 0), (0, 2))),
    "windows": lambda x, _: windows(x, size=(2, 2), stride=(1, 2), dilation=(1, 1)),
    "product": lambda x, _: mt.prod(x, axis=1),
}


@pytest.mark.parametrize("name", ALL_MATTER)
def test_dependencies_are_those_of_a_jacobian_by_brute_force(run, page, name):
    x, y = leaf("x", 3, 4), leaf("y", 3, 4, seed=1)
    with record_all():
        out = ALL_MATTER[name](x, y).named("out")
    graph = mt.graph(out)
    assert run([]) == []
    node, program = graph["out"], Program(graph)
    before = evaluate(graph)
    found = page.evaluate(
        SOURCES, {"program": program.data, "node": program.value(node), "places": [*range(node.value.size)]}
    )
    expected = [set() for _ in range(node.value.size)]
    for operand in (x for x in dict.fromkeys(node.inputs) if x.dtype.kind == "f"):
        for place in range(operand.value.size):
            nudged = np.array(before[operand], float)
            nudged.flat[place] += 0.5
            after = np.ravel(node.apply(*(nudged if o is operand else before[o] for o in node.inputs)))
            for e in np.flatnonzero(after != np.ravel(before[node])):
                expected[e].add((program.value(operand), place))
    assert [{tuple(pair) for pair in pairs} for pairs in found] == expected


# ------------------------------------------------------------------------------------------------------ the page


class Living:
    """A page that is changed as by hand."""

    def __init__(self, page, tmp_path, graph):
        self.page, self.said, self.graph = page, [], graph
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        path = tmp_path / "page.html"
        path.write_text(page_of(graph, picture(graph), title="living"), encoding="utf-8")
        page.goto(path.as_uri())

    @property
    def badge(self):
        return self.page.inner_text(".badge")

    @property
    def readout(self):
        return self.page.inner_text(".readout[role]")

    def at(self, title):
        """The step of this title."""
        for _ in range(200):
            if self.page.inner_text(".title") == title:
                return self
            self.page.click("[data-do=next]")
        raise AssertionError(title)

    def cell(self, side, name, k):
        figure = self.page.locator(f".{side} figure", has=self.page.locator("figcaption", has_text=name)).first
        return figure.locator("td").nth(k)

    def type(self, cell, text):
        cell.dblclick()
        self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")

    def exactly(self, cell):
        """The exact value of a cell, as it is said below."""
        cell.hover()
        return float(re.split(" = |;", self.readout)[1].replace("−", "-"))


def centred():
    x = leaf("x", 3, 2)
    return mt.graph((x - x.mean(axis=0).named("mean")).named("out"), values(3, 2, seed=1))


@pytest.fixture
def living(page, tmp_path):
    made = Living(page, tmp_path, centred())
    yield made
    assert made.said == []


def test_it_begins_by_saying_that_it_agrees(living):
    assert living.badge == "computed again here, as by NumPy"


@pytest.mark.parametrize("text", ["3.5", "-2", "1e-3", "−0.25", "0"])
def test_a_typed_number_changes_all_that_depends_on_it(living, text):
    living.at("(1) mean")
    living.type(living.cell("left", "x", 0), text)
    x = np.array(living.graph["x"].value)
    x[0, 0] = float(text.replace("−", "-"))
    assert living.exactly(living.cell("right", "mean", 0)) == pytest.approx(x[:, 0].mean(), rel=1e-15)
    living.at("(2) sub")
    assert living.exactly(living.cell("right", "out", 2)) == pytest.approx((x - x.mean(0))[1, 0], rel=1e-14)
    assert living.badge.startswith("changed: L = ")
    assert "the picture still shows what was recorded" in living.badge


@pytest.mark.parametrize("text", ["", "abc", "1e999", "inf", "nan", "0x1g", "1,5", "--1"])
def test_what_is_no_number_changes_nothing_and_is_quoted(living, text):
    living.at("(1) mean")
    cell = living.cell("left", "x", 0)
    before = cell.inner_text()
    cell.dblclick()
    living.page.keyboard.press("Delete")
    living.page.keyboard.type(text)
    living.page.keyboard.press("Enter")
    assert cell.inner_text() == before
    assert living.badge == "computed again here, as by NumPy"


def test_escape_keys_and_dragging(living):
    living.at("(1) mean")
    cell = living.cell("left", "x", 0)
    before = living.exactly(cell)
    cell.dblclick()
    living.page.keyboard.type("7")
    living.page.keyboard.press("Escape")
    assert living.exactly(cell) == before
    living.page.keyboard.press("Enter")
    living.page.keyboard.press("ArrowUp")
    living.page.keyboard.press("ArrowUp")
    living.page.keyboard.press("Enter")
    more = living.exactly(cell)
    assert more > before
    box = cell.bounding_box()
    living.page.mouse.move(box["x"] + 5, box["y"] + 5)
    living.page.mouse.down()
    living.page.mouse.move(box["x"] + 5, box["y"] - 40, steps=5)
    living.page.mouse.up()
    assert living.exactly(cell) > more
    living.page.click("[data-do=reset]")
    assert living.exactly(living.cell("left", "x", 0)) == before


WRITES = """([cell, text]) => {
  const look = td => [td, td.textContent + td.className + td.getAttribute('style')];
  const looks = () => new Map([...document.querySelectorAll('td')].map(look));
  cell.dispatchEvent(new MouseEvent('dblclick', {bubbles: true}));
  const input = cell.querySelector('input');
  input.value = text;
  const before = looks(), written = new Set(), other = new Set();
  const seen = new MutationObserver(() => {});
  const all = {subtree: true, attributes: true, childList: true, characterData: true};
  seen.observe(document.querySelector('.mt-player'), all);
  input.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', bubbles: true}));
  for (const { target } of seen.takeRecords()) {
    const node = target.nodeType === 1 ? target : target.parentNode;
    (node.closest('td') ? written : other).add(node.closest('td') ?? node.className);
  }
  const after = looks();
  const changed = [...after.keys()].filter(td => td === cell || before.get(td) !== after.get(td));
  return {written: written.size, changed: changed.length, missed: changed.filter(td => !written.has(td)).length,
          all: after.size, other: [...other].sort()};
}"""
"""Edits a cell; tells of how many cells the page wrote anything, how many look otherwise, and what else it wrote."""


def chained(gates):
    """A page with a chain of products and activations of 8 × 8."""
    x = mt.tensor(values(8, 8), name="x", requires_grad=True)
    for k in range(gates // 2):
        x = mt.tanh(x @ mt.tensor(values(8, 8, seed=k) / 3, name=f"W{k}", requires_grad=True)).named(f"h{k}")
    return mt.graph(x, np.ones((8, 8)))


@pytest.mark.parametrize("visited", [False, True], ids=["at once", "after all steps"])
def test_an_edit_writes_to_the_cells_that_change_and_to_nothing_else(page, tmp_path, visited):
    """So it takes about as long as the computing, however long the circuit is and whatever was looked at before."""
    player = Living(page, tmp_path, chained(20))
    if visited:
        page.evaluate("() => { for (let k = 0; k < 60; k++) document.querySelector('[data-do=next]').click(); }")
        page.keyboard.press("Home")
    player.at("(1) matmul")
    cell = player.cell("left", "x", 0).element_handle()
    told = page.evaluate(WRITES, [cell, "0.75"])
    assert told["written"] == told["changed"] < told["all"] / 4  # one row of the result, and one element
    assert not told["missed"]
    assert set(told["other"]) <= {"badge", "readout", "note"}
    again = page.evaluate(WRITES, [cell, "0.75"])
    assert again["written"] == 1  # the cell itself, which had the field in it


def test_what_was_changed_elsewhere_is_seen_on_coming_back(page, tmp_path):
    player = Living(page, tmp_path, chained(6))

    def of_the_second():
        page.keyboard.press("Home")
        player.at("(3) matmul")
        return player.exactly(player.cell("left", "h0", 0))

    before = of_the_second()
    page.keyboard.press("Home")
    player.at("(1) matmul")
    player.type(player.cell("left", "x", 0), "3")
    assert of_the_second() != before
    page.keyboard.press("Home")
    page.click("[data-do=reset]")
    assert of_the_second() == before


def test_only_inputs_and_the_upstream_can_be_changed(living):
    living.at("(1) mean")
    assert living.page.locator(".left td.editable").count() == 6
    assert living.page.locator(".right td.editable").count() == 0
    living.at("upstream gradient")
    assert living.page.locator(".right td.editable").count() == 6


def test_a_gradient_stands_beside_what_a_nudge_does(living):
    living.at("x: two gradients meet")
    living.cell("left", "dx", 3).hover()
    gradient, nudged = living.readout.split("; nudged, ΔL/Δ = ")
    found = float(gradient.split(" = ")[1].replace("−", "-"))
    assert float(nudged.replace("−", "-")) == pytest.approx(found, rel=1e-4)


def test_leaving_out_a_share_says_which_gradients_are_wrong(living):
    living.at("x: two gradients meet")
    living.page.locator(".right figure").nth(1).get_by_text("take for 0").click()
    upstream = values(3, 2, seed=1)
    assert living.exactly(living.cell("left", "dx", 0)) == upstream[0, 0]
    assert "taken for 0: dx B; wrong then: dx (by up to" in living.badge
    living.page.click("[data-do=reset]")
    assert living.badge == "computed again here, as by NumPy"


def test_a_sum_in_place_of_a_mean_makes_the_recorded_rules_wrong(living):
    living.at("(1) mean")
    living.page.locator(".constants").get_by_text("take the sum").click()
    x, upstream = living.graph["x"].value, values(3, 2, seed=1)
    assert living.exactly(living.cell("right", "mean", 0)) == pytest.approx(x[:, 0].sum(), rel=1e-14)
    assert living.badge == "computed otherwise than its rule expects: (1) mean; wrong then: dx"
    living.at("x: two gradients meet")
    living.cell("left", "dx", 0).hover()
    measured = float(living.readout.replace("−", "-").split("ΔL/Δ = ")[1])
    assert measured == pytest.approx(upstream[0, 0] - upstream[:, 0].sum(), rel=1e-4)
    living.page.click("[data-do=reset]")
    assert living.badge == "computed again here, as by NumPy"


def test_a_step_of_gradient_descent(living):
    living.at("x: two gradients meet")
    gradient = living.exactly(living.cell("left", "dx", 0))
    before = float(living.graph["x"].value[0, 0])
    living.page.fill(".rate", "0.5")
    living.page.click("[data-do=descend]")
    living.page.click("[data-do=first]")
    living.at("(1) mean")
    assert living.exactly(living.cell("left", "x", 0)) == pytest.approx(before - 0.5 * gradient, rel=1e-14)


def test_zero_and_shuffle(living):
    living.at("(1) mean")
    values = sorted(living.exactly(living.cell("left", "x", k)) for k in range(6))
    living.page.locator(".left").get_by_text("shuffle").click()
    assert sorted(living.exactly(living.cell("left", "x", k)) for k in range(6)) == values
    living.page.locator(".left").get_by_text("zero").click()
    assert [living.exactly(living.cell("left", "x", k)) for k in range(6)] == [0.0] * 6


def test_the_elements_that_a_number_is_made_of_are_marked(living):
    living.at("(1) mean")
    living.cell("right", "mean", 1).hover()
    marked = living.page.eval_on_selector_all(".left td", "all => all.map(td => td.classList.contains('made'))")
    assert marked == [False, True] * 3
    column = living.graph["x"].value[:, 1]
    said = living.readout.split(" = ")[2].replace("−", "-").replace("- ", "-").replace("+ ", "+")
    terms, count = said.strip().strip("(").split(") / ")
    assert [float(v) for v in terms.split()] == pytest.approx(list(column), rel=1e-5)
    assert count == "3"


def test_a_click_lights_what_a_number_depends_on_through_all_steps(living):
    living.at("(2) sub")
    living.cell("right", "out", 0).click()
    living.page.click("[data-do=back]")
    lit = living.page.eval_on_selector_all(".left td", "all => all.map(td => td.classList.contains('lit'))")
    assert lit == [True, False] * 3


def test_a_constant_slides(page, tmp_path):
    x = leaf("x", 3)
    living = Living(page, tmp_path, mt.graph(mt.log(x * x + 0.5).named("out"), np.ones(3)))
    living.at("(2) add")
    page.fill(".constants input:not([type=range])", "2")
    page.press(".constants input:not([type=range])", "Enter")
    living.at("(3) log")
    assert living.exactly(living.cell("right", "out", 1)) == pytest.approx(np.log(x.data[1] ** 2 + 2), rel=1e-14)
    living.at("x: two gradients meet")
    assert living.exactly(living.cell("left", "dx", 1)) == pytest.approx(
        2 * x.data[1] / (x.data[1] ** 2 + 2), rel=1e-14
    )
    assert living.said == []


def complex_numbers():
    z = mt.tensor(np.ones(2) * 1j, name="z", requires_grad=True)
    return mt.graph(mt.exp(z).sum().named("y"))


STILL = {
    "complex": (complex_numbers, "complex128"),
    "large": (lambda: mt.graph(mt.tanh(leaf("x", 500, 300)).named("y"), np.ones((500, 300))), "More than 100,000"),
    "without values": (lambda: mt.graph(mt.tanh(leaf("x", 3)).named("y"), np.ones(3), values=False), "not kept"),
}


@pytest.mark.parametrize("name", STILL)
def test_what_cannot_be_computed_again_says_why(page, tmp_path, name):
    make, words = STILL[name]
    living = Living(page, tmp_path, make())
    assert words in living.badge
    living.page.click("[data-do=next]")
    assert page.locator("td.editable, .changes button:visible").count() == 0
    assert living.said == []


def test_all_functions_are_small_enough():
    assert len(SCRIPT.encode()) <= 12 * 1024


# ---------------------------------------------------------------------------------------------------- the lesson


@pytest.fixture
def lesson(page, tmp_path):
    """What the page of the docs makes."""
    start = {"x": values(7, 4), "gamma": np.ones(4), "beta": np.zeros(4)}
    x, gamma, beta = (mt.tensor(value, name=name, requires_grad=True) for name, value in start.items())
    made = Living(page, tmp_path, mt.graph(mt.batch_norm(x, gamma, beta).named("out"), values(7, 4, seed=3)))
    yield made
    assert made.said == []


def column(living, side, name, shape):
    cells = [living.exactly(living.cell(side, name, k)) for k in range(int(np.prod(shape)))]
    return np.reshape(cells, shape)


def test_lesson_who_depends_on_whom(lesson):
    lesson.at("(1) mean")
    before = column(lesson, "right", "mean", (4,))
    lesson.type(lesson.cell("left", "x", 9), "5")  # x[2, 1]
    moved = np.abs(column(lesson, "right", "mean", (4,)) - before) > 1e-12  # else it is the order of additions
    assert list(moved) == [False, True, False, False]
    lesson.at("(2) sub")
    before = column(lesson, "right", "dev_from_mean", (7, 4))
    lesson.type(lesson.cell("left", "x", 9), "6")
    moved = np.abs(column(lesson, "right", "dev_from_mean", (7, 4)) - before) > 1e-12
    assert moved[:, 1].all()
    assert not moved[:, [0, 2, 3]].any()


def test_lesson_what_normalizing_forgets(lesson):
    lesson.at("(1) mean")
    lesson.page.locator(".left").get_by_text("zero").click()
    lesson.at("(8) mul")
    assert not column(lesson, "right", "x_norm", (7, 4)).any()
    lesson.at("(10) add")
    assert not column(lesson, "right", "out", (7, 4)).any()
    lesson.page.click("[data-do=reset]")
    lesson.page.click("[data-do=first]")
    lesson.at("(7) reciprocal")
    before = column(lesson, "right", "inverted_stddev", (4,))
    lesson.page.click("[data-do=first]")
    lesson.at("(5) add")
    lesson.page.locator(".constants input[type=range]").fill("3")
    lesson.at("(7) reciprocal")
    assert (column(lesson, "right", "inverted_stddev", (4,)) < before).all()


def test_lesson_paths_forgotten_and_descent(lesson):
    lesson.at("x: two gradients meet")
    dx = column(lesson, "left", "dx", (7, 4))
    np.testing.assert_allclose(dx.sum(axis=0), 0, atol=1e-12)
    lesson.page.locator(".right figure").nth(1).get_by_text("take for 0").click()
    assert "wrong then: dx (by up to" in lesson.badge
    assert "dgamma" not in lesson.badge
    lesson.cell("left", "dx", 0).hover()
    said = lesson.readout.replace("−", "-")
    gradient, measured = (float(said.split(mark)[1].split(";")[0]) for mark in ("] = ", "ΔL/Δ = "))
    assert measured == pytest.approx(dx[0, 0], rel=1e-4)
    assert abs(gradient - measured) > 1e-3
    lesson.page.click("[data-do=reset]")
    lesson.page.click("[data-do=first]")
    lesson.at("(5) add")
    lesson.page.click("[data-do=next]")
    lesson.at("(5) add")
    lesson.page.locator(".left").get_by_text("take for 0").first.click()
    assert "taken for 0: dvar; wrong then: dx (by up to" in lesson.badge
    lesson.page.click("[data-do=reset]")
    losses = []
    for _ in range(3):
        lesson.page.click("[data-do=descend]")
        losses.append(float(lesson.badge.split("L = ")[1].split(",")[0].replace("−", "-")))
    assert losses == sorted(losses, reverse=True)
