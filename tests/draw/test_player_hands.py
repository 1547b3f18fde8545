"""The player in hands: made larger and smaller, moved, searched, by keyboard alone, by fingers, and on paper."""

import re

import numpy as np
import pytest
from gallery import leaf
from player_graphs import GRAPHS, played
from test_player_browser import Player

import micrograd_tensor as mt
from micrograd_tensor.draw import draw
from micrograd_tensor.draw.player.page import page as page_of

pytestmark = pytest.mark.browser

SIZE = """() => {
  const svg = document.querySelector('.stage svg');
  return svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
}"""
MIDDLE = """id => {
  const box = document.getElementById(id).getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
}"""
SCROLLED = "() => { const s = document.querySelector('.stage'); return [s.scrollLeft, s.scrollTop]; }"


@pytest.fixture
def player(page, tmp_path):
    return Player(page, tmp_path)


@pytest.fixture
def long(player):
    """A circuit that is larger than its place."""
    x = leaf("x", 2)
    for k in range(60):
        x = (mt.tanh(x) if k % 2 else x * leaf(f"w{k}", 2, seed=k)).named(f"h{k}")
    player.page.set_viewport_size({"width": 1000, "height": 700})
    return player.open(draw(x, np.ones(2))._page(1300))


def test_it_gets_larger_and_smaller_by_keys_and_buttons(player):
    player.open(played("batch_norm"))
    player.page.evaluate("document.querySelector('.stage').classList.remove('fit')")
    before = player.page.evaluate(SIZE)
    player.press("+")
    assert player.page.evaluate(SIZE) == pytest.approx(1.25 * before, rel=1e-3)
    player.press("-", "-")
    assert player.page.evaluate(SIZE) == pytest.approx(before / 1.25, rel=1e-3)
    player.page.click("[data-do=larger]")
    assert player.page.evaluate(SIZE) == pytest.approx(before, rel=1e-3)
    for key, most in (("+", 4.0), ("-", 0.15)):
        player.press(*[key] * 25)
        assert player.page.evaluate(SIZE) == pytest.approx(most, rel=1e-2)
    player.press("f")
    assert player.page.eval_on_selector(".stage", "e => e.scrollWidth <= e.clientWidth + 1")
    assert player.quiet()


def test_the_wheel_keeps_what_is_under_the_pointer(long):
    page = long.page
    page.evaluate("document.querySelector('.stage').scrollTo(100, 300)")
    target = page.evaluate("""() => {
      const s = document.querySelector('.stage').getBoundingClientRect();
      return [...document.querySelectorAll('.stage .gate')].map(e => [e.id, e.getBoundingClientRect()])
        .find(([, b]) => b.top > s.top + 150 && b.left > 300 && b.right < 700)[0]; }""")
    x, y = page.evaluate(MIDDLE, target)
    page.mouse.move(x, y)
    page.keyboard.down("Control")
    before = page.evaluate(SIZE)
    for by in (-200, -200, 150):
        page.mouse.wheel(0, by)
        page.wait_for_timeout(60)
        assert np.allclose(page.evaluate(MIDDLE, target), (x, y), atol=3)
    page.keyboard.up("Control")
    assert page.evaluate(SIZE) == pytest.approx(before * np.exp(250 / 300), rel=0.02)
    size = page.evaluate(SIZE)
    page.mouse.wheel(0, 100)  # without Ctrl it scrolls
    page.wait_for_timeout(100)
    assert page.evaluate(SIZE) == size


def test_it_is_moved_by_dragging(long):
    page = long.page
    page.mouse.move(500, 300)
    before = page.evaluate(SCROLLED)
    page.mouse.down()
    page.mouse.move(400, 180)
    page.mouse.up()
    assert page.evaluate(SCROLLED) == [
        before[0] + min(100, page.evaluate("(s => s.scrollWidth - s.clientWidth)(document.querySelector('.stage'))")),
        before[1] + 120,
    ]
    page.mouse.move(300, 300)
    assert page.evaluate(SCROLLED)[1] == before[1] + 120
    assert long.step == 0


def test_the_overview_has_every_gate_and_leads_there(long):
    page = long.page
    assert page.is_visible(".overview")
    shown = page.eval_on_selector_all(".overview rect:not(.window)", "all => all.length")
    assert shown == page.eval_on_selector_all(
        ".stage .gate, .stage .data, .stage .param, .stage .constant, .stage .output", "all => all.length"
    )
    box = page.eval_on_selector(
        ".overview svg", "e => { const b = e.getBoundingClientRect(); return [b.x, b.y, b.width, b.height]; }"
    )
    page.mouse.move(box[0] + box[2] / 2, box[1] + 0.9 * box[3])
    page.mouse.down()
    page.mouse.up()
    whole = page.eval_on_selector(".stage", "e => [e.scrollTop + e.clientHeight / 2, e.scrollHeight]")
    assert whole[0] / whole[1] == pytest.approx(0.9, abs=0.08)
    window = page.eval_on_selector(
        ".window", "e => Number(e.getAttribute('y')) / e.ownerSVGElement.viewBox.baseVal.height"
    )
    scrolled = page.eval_on_selector(".stage", "e => e.scrollTop / e.scrollHeight")
    assert window == pytest.approx(scrolled, abs=0.01)
    long.press("ArrowRight")
    assert page.eval_on_selector_all(".overview .now", "all => all.length") == 1
    long.open(played("just_a_leaf"))
    assert not page.is_visible(".overview")


@pytest.mark.parametrize(
    ("wanted", "first", "step"),
    [
        ("x_norm", "gate_8", 8),
        ("VAR", "gate_4", 4),
        ("reciprocal", "gate_7", 7),
        ("gamma", "leaf", None),
        ("nowhere", None, None),
    ],
)
def test_names_are_found(player, wanted, first, step):
    player.open(played("batch_norm"))
    player.press("/")
    assert player.page.evaluate("document.activeElement.className") == "search"
    player.page.keyboard.type(wanted)
    said = player.page.inner_text("p.readout[role=status]")
    found = player.page.eval_on_selector_all(".found", "all => all.map(e => e.id)")
    if first is None:
        assert said == f"nothing here is called “{wanted}”"
        assert found == []
        return
    assert found
    player.press("Enter")
    assert player.step == (step or 0)
    assert said.split(": ", 1)[1].startswith("leaf gamma" if step is None else f"({step}) ")
    player.press("Escape")
    assert player.page.query_selector(".found") is None
    assert player.page.input_value(".search") == ""
    assert player.quiet()


def test_every_hit_has_its_turn(player):
    player.open(played("attention"))
    player.press("/")
    player.page.keyboard.type("matmul")
    count = int(player.page.inner_text("p.readout[role=status]").split(" ")[2].rstrip(":"))
    assert count == 5
    steps = []
    for _ in range(2 * count):
        player.press("Enter")
        steps.append(player.step)
    assert len(set(steps)) == count


def test_names_in_a_collapsed_scope_are_found(player):
    player.open(played("collapsed"))
    player.press("/")
    player.page.keyboard.type("sin")
    said = player.page.inner_text("p.readout[role=status]")
    assert said.startswith("1 of ")
    assert said.endswith(": (1) sin: y₁ = sin(x)")
    assert player.page.query_selector(".found") is not None


def test_tab_stops_once_at_the_gates_and_arrows_go_on(player):
    player.open(played("batch_norm"))
    assert player.page.eval_on_selector_all(".stage [role=button][tabindex='0']", "all => all.length") == 1
    player.page.focus(".stage")
    player.press("Tab")
    here = "document.activeElement.id"
    graph = GRAPHS["batch_norm"]()
    gates = [f"player-node-{node.rank}" for node in graph.nodes if node.op]
    assert player.page.evaluate(here) == gates[0]
    for gate in gates[1:4]:
        player.press("ArrowRight")
        assert player.page.evaluate(here) == gate
    assert player.step == 0
    player.press("ArrowLeft")
    assert player.page.evaluate(here) == gates[2]
    player.press("Enter")
    assert player.step == 3
    assert player.page.eval_on_selector_all("[aria-current=step]", "all => all.map(e => e.id)") == [gates[2]]
    player.press("Home")
    assert player.page.evaluate(here) == gates[0]
    player.press("End", "ArrowRight")
    assert player.page.eval_on_selector_all(".stage [role=button][tabindex='0']", "all => all.length") == 1
    player.press("Tab")
    assert not player.page.evaluate("document.activeElement.closest('.stage')")


# A fork is smaller, and far from everything else.
SMALL = """() => [...document.querySelectorAll('button, input, select, summary, [role=button]:not(.fork), td')]
  .filter(e => e.offsetParent || e.ownerSVGElement)
  .map(e => [e, e.getBoundingClientRect()])
  .filter(([, box]) => box.width && (box.width < 24 || box.height < 24))
  .map(([e, box]) => `${e.outerHTML.slice(0, 80)} ${box.width}×${box.height}`)"""


@pytest.mark.parametrize("width", [390, 900, 1366])
@pytest.mark.parametrize("name", ["batch_norm", "large", "two_layers"])
def test_targets_are_large_enough_for_fingers(player, name, width):
    player.page.set_viewport_size({"width": width, "height": 800})
    for step in (0, 5, 9, 1000):
        player.open(played(name), f"#step={step}")
        if player.page.get_attribute("[data-do=fit]", "aria-pressed") == "true":
            player.press("f")  # gates of a circuit that was made smaller are
        assert player.page.evaluate(SMALL) == []


def test_paper_has_all_of_the_circuit_large_enough_to_be_read(player):
    player.open(played("batch_norm"))
    player.page.emulate_media(media="print")
    player.page.set_viewport_size({"width": 1040, "height": 700})  # A4, landscape
    assert player.page.eval_on_selector(".stage", "e => e.scrollWidth <= e.clientWidth")
    smallest = "all => Math.min(...all.map(e => parseFloat(e.getAttribute('font-size')) * e.getScreenCTM().a))"
    assert player.page.eval_on_selector_all(".stage text", smallest) > 7.5
    assert player.page.eval_on_selector_all(
        "td", "all => all.every(e => getComputedStyle(e).printColorAdjust === 'exact')"
    )
    for hidden in (".search", ".overview", ".buttons", ".changes"):
        assert not player.page.is_visible(hidden)


def long_chain():
    x = leaf("x", 2)
    for k in range(60):
        x = mt.tanh(x) if k % 2 else x * leaf(f"w{k}", 2, seed=k)
    return draw(x, np.ones(2))


@pytest.mark.parametrize("name", ["batch_norm", "attention", "two_layers"])
def test_the_overview_lies_on_nothing(player, name):
    covered = """() => {
      const rect = s => document.querySelector(s).getBoundingClientRect();
      const map = rect('.overview'), stage = rect('.stage');
      const on = b => Math.min(b.right, map.right, stage.right) > Math.max(b.left, map.left) &&
        Math.min(b.bottom, map.bottom, stage.bottom) > Math.max(b.top, map.top, stage.top);
      const parts = [...document.querySelectorAll('.stage svg text, .stage svg .node, .panels section')];
      return [map.right <= innerWidth, parts.filter(e => on(e.getBoundingClientRect())).map(e => e.textContent)];
    }"""
    for width in (700, 900, 1366):
        player.page.set_viewport_size({"width": width, "height": 500})
        player.open(draw(GRAPHS[name](), width=900)._page(900))
        assert player.page.is_visible(".overview")
        for way in (0, 1e9):
            player.page.evaluate(f"document.querySelector('.stage').scrollTo(0, {way})")
            assert player.page.evaluate(covered) == [True, []]


@pytest.mark.parametrize(
    ("width", "height", "turned", "whole"),
    [
        (890, 615, "landscape", True),
        (890, 700, "landscape", True),
        (890, 1000, "portrait", True),
        (900, 1310, "portrait", True),
        (900, 1400, "portrait", False),
        (1300, 4000, "landscape", False),
        (1390, 900, "landscape", True),
        (200, 100, "portrait", True),
    ],
)
def test_a_circuit_is_on_one_sheet_of_paper_if_it_can_then_be_read(player, width, height, turned, whole):
    svg = draw(GRAPHS["batch_norm"]()).svg
    svg = re.sub('width="[^"]*" height="[^"]*"', f'width="{width}" height="{height}"', svg, count=1)
    svg = re.sub('viewBox="[^"]*"', f'viewBox="0 0 {width} {height}"', svg, count=1)
    player.open(page_of(GRAPHS["batch_norm"](), svg, title="y"))
    for paper in ("A4", "Letter"):
        sides = re.findall(
            rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)", player.page.pdf(prefer_css_page_size=True, format=paper)
        )
        assert (float(sides[0][0]) > float(sides[0][1])) == (turned == "landscape")
    player.page.emulate_media(media="print")
    across, down = {"landscape": (978, 718), "portrait": (718, 978)}[turned]
    player.page.set_viewport_size({"width": across, "height": down})
    shown = player.page.eval_on_selector(".stage", "e => e.getBoundingClientRect().bottom")
    assert (shown <= down) == whole
    if whole:
        drawn = player.page.eval_on_selector(".stage svg", "e => e.getBoundingClientRect().width")
        assert 0.7 * width - 1 <= drawn <= width


@pytest.mark.parametrize("width", [390, 900])
@pytest.mark.parametrize("view", ["backward", "steps", "path"])
def test_a_page_without_a_player_is_on_one_sheet_of_paper_if_it_can_then_be_read(player, view, width, tmp_path):
    at = ("x", "out") if view == "path" else None
    page = draw(GRAPHS["batch_norm"](), view=view, at=at, width=width).save(tmp_path / "page.html").read_text()
    player.open(page)
    drawn = re.search(r'<svg[^>]* width="([\d.]+)" height="([\d.]+)"', page)
    across, down = map(float, drawn.groups())
    scale = max(min(978 / across, 662 / down), min(718 / across, 922 / down))
    in_two_columns = width == 390 and 350 / across * down / 2 < 960
    printed = re.findall(rb"/MediaBox", player.page.pdf(prefer_css_page_size=True, format="A4"))
    assert (len(printed) == 1) == (scale >= 0.7 or in_two_columns), (across, down, len(printed))


@pytest.mark.parametrize(
    ("make", "upright"),
    [
        (lambda: draw(GRAPHS["batch_norm"]()), None),
        (lambda: draw(GRAPHS["batch_norm"](), width=900), True),
        (long_chain, False),
    ],
)
def test_the_circuit_begins_on_the_first_page(player, make, upright):
    """A picture that does not fit below the heading would be moved to the second, and leave the first one empty."""
    player.open(make()._page(1300))
    pages = player.page.pdf(prefer_css_page_size=True, format="A4")
    sides = re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)", pages)
    width, height = map(float, sides[0])
    assert upright is None or (height > width) == upright
    player.page.emulate_media(media="print")
    assert player.page.eval_on_selector(".stage svg", "e => e.getBoundingClientRect().top") < 60
    assert player.page.eval_on_selector("header", "e => getComputedStyle(e).position") == "absolute"
    if upright:
        assert len(sides) <= 2
