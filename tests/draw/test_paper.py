"""On paper a picture is cut between its lines: never through a box, a number or a formula."""

import re

import numpy as np
import pytest
from gallery import GALLERY, leaf
from player_graphs import GRAPHS
from test_player_browser import Player

import micrograd_tensor as mt
from micrograd_tensor.draw import draw

pytestmark = pytest.mark.browser

TEXTS = "(where) => [...document.querySelectorAll(`${where} text`)].map(e => e.textContent).sort()"
CUT = """() => [...document.querySelectorAll('.mt-lines div > svg')].flatMap(svg => {
  const { top, bottom } = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text, ellipse, .node:not(.scope) path')].filter(e => {
    const box = e.getBoundingClientRect();
    return box.height && (box.top < top - 1 || box.bottom > bottom + 1);
  }).map(e => e.textContent || e.parentNode.id);
})"""


@pytest.fixture
def player(page, tmp_path):
    return Player(page, tmp_path)


def printing(player, circuit):
    """The page of a circuit, as it is when it is printed."""
    player.open(circuit._page(1300))
    whole = player.page.evaluate(TEXTS, "svg.mt")
    player.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    player.page.emulate_media(media="print")
    player.page.set_viewport_size({"width": 718, "height": 978})
    return whole


@pytest.mark.parametrize("width", [390, 900])
@pytest.mark.parametrize(
    ("name", "view"),
    [
        ("attention", "overlay"),
        ("attention", "backward"),
        ("batch_norm", "forward"),
        ("batch_norm", "steps"),
        ("batch_norm", "path"),
    ],
)
def test_paper_is_cut_between_lines(player, name, view, width):
    circuit = draw(GALLERY[name]()._graph, view=view, at=("x", "out") if view == "path" else None, width=width)
    whole = printing(player, circuit)
    assert player.page.evaluate(TEXTS, ".mt-lines") == whole
    assert player.page.evaluate(CUT) == []
    kept = "all => all.map(e => getComputedStyle(e).breakInside)"
    assert set(player.page.eval_on_selector_all(".mt-lines div, .mt-lines div > svg", kept)) == {"avoid"}
    assert len(player.page.query_selector_all(".mt-lines svg")) > 1
    assert player.page.eval_on_selector(".mt-lines + svg", "e => getComputedStyle(e).display") == "none"


def test_a_frame_higher_than_paper_is_cut_between_its_rows(player):
    with mt.scope("many"):
        parts = [mt.tanh(leaf(f"part{i}", 2, seed=i)).named(f"y{i}") for i in range(12)]
        joined = mt.concatenate(parts).named("joined")
    printing(player, draw(joined, np.ones(24), width=None))
    assert player.page.evaluate(CUT) == []
    assert (
        player.page.evaluate(
            "Math.max(...[...document.querySelectorAll('.mt-lines > div')].map(e => e.childElementCount))"
        )
        > 1
    )


def test_the_legend_is_whole_and_follows_the_last_line(player):
    printing(player, draw(GRAPHS["batch_norm"](), width=390))
    held = player.page.eval_on_selector_all(
        ".mt-lines > div",
        "all => all.map(e => [e.querySelectorAll('text').length, e.querySelectorAll('.legend text').length])",
    )
    assert [texts == meant for texts, meant in held] == [False] * (len(held) - 1) + [True]
    assert [meant > 0 for _, meant in held] == [False] * (len(held) - 1) + [True]
    assert player.page.eval_on_selector(".mt-lines > div:last-child", "e => getComputedStyle(e).breakBefore") == "avoid"


def test_the_screen_is_as_it_was_when_paper_is_done(player):
    player.open(draw(GRAPHS["batch_norm"](), width=390)._page(1300))
    before = player.page.inner_html("body")
    pages = player.page.pdf(prefer_css_page_size=True, format="A4")
    assert len(re.findall(rb"/MediaBox", pages)) > 1
    assert player.page.inner_html("body") == before
    player.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    player.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert len(player.page.query_selector_all(".mt-lines")) == 1
    assert not player.page.is_visible(".mt-lines")
    assert player.page.is_visible(".mt-lines + svg")
    assert player.quiet()


def test_what_is_open_is_printed_in_lines_too(player):
    player.open(draw(GALLERY["attention"]()._graph, depth=0, width=390)._page(1300))
    player.page.click(".stage .box")
    whole = player.page.evaluate(TEXTS, "svg.mt")
    player.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    player.page.emulate_media(media="print")
    assert {*player.page.evaluate(TEXTS, ".mt-lines")} == {*whole}
    assert len(player.page.query_selector_all(".mt-lines > div")) > 2


@pytest.mark.parametrize("shape", [(12,), (16,), (40,), (4, 12), (4, 16), (3, 20), (2, 24), (2, 32)], ids=str)
def test_no_table_is_cut(player, shape):
    b = leaf("b", *shape)
    printing(player, draw((b * b).named("y"), np.ones(shape), width=390))
    wider = "all => all.map(e => e.scrollWidth > e.clientWidth + 1)"
    assert set(player.page.eval_on_selector_all(".cells", wider)) == {False}


def test_what_has_no_outputs_leaves_no_empty_box_of_them(player):
    printing(player, GALLERY["failed_op"]())
    shown = "all => all.map(e => [e.className, getComputedStyle(e).display !== 'none'])"
    assert dict(player.page.eval_on_selector_all(".panels > section", shown)) == {
        "left": True,
        "middle": True,
        "right": False,
    }
