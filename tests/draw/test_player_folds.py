"""Frames of the player that fold and unfold: by pointer and keyboard, in each other, with the steps of what is seen."""

import random
import re

import gallery
import pytest
from gallery import leaf
from test_accessible import AXE
from test_insides import GRAPHS as INSIDES
from test_player_browser import Player
from test_player_opens import MISPLACED, OVERLAPS

import micrograd_tensor as mt
from micrograd_tensor.cli.builtin_graphs import made
from micrograd_tensor.notation import Called

pytestmark = pytest.mark.browser


def boxes_and_frames():
    """Scopes that are boxes beside scopes that are frames, at every depth, and a value that goes past all of them."""
    x = y = leaf("x", 2, 3)
    for k in range(2):
        with mt.scope(f"layer{k}"):
            with mt.scope("shut"):
                y = mt.tanh(y * 2.0) + x
            with mt.scope("inner"):
                y = mt.exp(-y) * y + x
                with mt.scope("innermost"):
                    y = y * y - mt.mean(y, axis=0)
    return mt.graph((y + x).sum(), 1.0)


GRAPHS = {
    "batchnorm": (lambda: mt.graph(*made("batchnorm")), {}),
    "conv_bn_relu": (lambda: mt.graph(*made("conv_bn_relu")), {}),
    "nested": (lambda: gallery.nested_scopes()._graph, {}),
    "two layers": (lambda: gallery.two_layers()._graph, {}),
    "boxes and frames": (boxes_and_frames, {"collapse": ["layer0/shut", "layer1/shut"]}),
    "transformer": INSIDES["transformer"],
    "hostile names": (lambda: gallery.hostile_names()._graph, {}),
}
every = pytest.mark.parametrize("name", GRAPHS)

TITLES = "es => es.map(e => e.id)"
STEPS = """() => {
  const found = [], next = document.querySelector('[data-do=next]');
  document.querySelector('[data-do=first]').click();
  for (;;) {
    const mark = document.querySelector('.stage [aria-current=step]');
    const { way } = document.querySelector('.mt-player').dataset;
    found.push([way, document.querySelector('.title').textContent, mark?.id ?? '']);
    if (next.disabled) return found;
    next.click();
  }
}"""


@pytest.fixture
def player(page, tmp_path):
    page.set_viewport_size({"width": 1366, "height": 900})
    return Player(page, tmp_path)


def opened(player, name):
    make, options = GRAPHS[name]
    graph = make()
    player.open(mt.draw(graph, **options)._page(1300))
    return graph


def titles(player):
    return player.page.eval_on_selector_all(".stage .fold", TITLES)


def click(player, name):
    player.page.eval_on_selector(f'[id="{name}"]', "e => e.dispatchEvent(new MouseEvent('click', {bubbles: true}))")


def shut(player):
    return player.page.eval_on_selector_all(".stage .box[aria-expanded=false]", TITLES)


def box_of(player, title):
    """The box that stands for a frame."""
    frame = title.removeprefix("player-").removesuffix("-name")
    folds = player.page.eval_on_selector_all("template[data-fold]", "es => es.map(e => JSON.parse(e.dataset.folds))")
    return next(f"player-{fold['frames'][frame][-1]}" for fold in folds if frame in fold["frames"])


def check_steps(player, graph):
    """Every gate is computed in one step, its own or that of a box, and each step marks what it is about."""
    numbers = {number: gate for gate, number in Called(graph).numbers.items()}
    computed, back = [], []
    for way, title, mark in player.page.evaluate(STEPS)[1:]:
        assert mark
        if found := re.match(r"\((\d+)\)(?: to \((\d+)\))?", title):
            first, last = found.groups()
            some = [numbers[k] for k in range(int(first), int(last or first) + 1)]
            (computed if way == "forward" else back).extend(some)
    assert computed == [node for node in graph.nodes if node.op]
    assert len(back) == len(set(back))
    assert {gate for gate, _ in graph.contributions} <= set(back)


@every
def test_every_frame_folds_to_a_box_and_unfolds_again(player, name):
    opened(player, name)
    before, steps = player.page.inner_html(".stage"), player.last
    assert titles(player)
    for title in titles(player):
        click(player, title)
        assert box_of(player, title) in shut(player)
        assert player.last <= steps
        assert player.page.evaluate(OVERLAPS) == []
        click(player, box_of(player, title))
        assert title in titles(player)
        assert player.last == steps
    assert re.findall(r'id="[^"]*"', player.page.inner_html(".stage")) == re.findall(r'id="[^"]*"', before)
    assert player.quiet()


@every
def test_steps_follow_what_a_random_hand_folds_and_opens(player, name):
    graph = opened(player, name)
    choose = random.Random(name)  # noqa: S311 -- a hand
    for turn in range(12):
        places = [*titles(player), *player.page.eval_on_selector_all(".stage .box[aria-expanded]", TITLES)]
        click(player, choose.choice(places))
        assert player.page.evaluate(OVERLAPS) == []
        if player.page.query_selector(".overview svg") and player.page.is_visible(".overview"):
            assert player.page.evaluate(MISPLACED) == []
        if turn % 4 == 3:
            check_steps(player, graph)
    player.page.emulate_media(media="print")
    assert player.page.evaluate(OVERLAPS) == []
    assert player.quiet()


def test_the_step_of_a_folded_frame_stands_for_its_own(player):
    opened(player, "batchnorm")
    player.press("End", *["ArrowLeft"] * 4)
    before, title = player.page.inner_text(".title"), titles(player)[0]
    click(player, title)
    assert player.page.inner_text(".title") == "(1) to (10)"
    assert "backward" in player.page.inner_text(".middle .head")
    click(player, shut(player)[0])
    assert player.page.inner_text(".middle .head") == "← backward: local rule"
    assert player.page.inner_text(".title") != before or player.step


def test_by_keyboard_alone(player):
    opened(player, "two layers")
    title = titles(player)[0]
    player.page.focus(".stage [role=button][tabindex='0']")
    player.press("Home")
    for _ in range(20):
        if player.page.evaluate("document.activeElement.id") == title:
            break
        player.press("ArrowRight")
    assert player.page.get_attribute(f'[id="{title}"]', "aria-expanded") == "true"
    player.press("Enter")
    box = player.page.evaluate("document.activeElement.id")
    assert player.page.get_attribute(f'[id="{box}"]', "aria-expanded") == "false"
    player.press("Enter")
    assert player.page.evaluate("document.activeElement.id") == title
    assert player.page.eval_on_selector_all(".stage [tabindex='0']", "es => es.length") == 1


def test_a_name_in_a_folded_frame_is_found(player):
    opened(player, "batchnorm")
    click(player, titles(player)[0])
    player.page.fill(".search", "(6)")
    player.page.press(".search", "Enter")
    assert player.page.inner_text(".title").startswith("(6)")
    assert titles(player)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", ["open", "folded"])
def test_axe_finds_nothing(page, tmp_path, scheme, state):
    context = page.context.browser.new_context(bypass_csp=True, color_scheme=scheme)
    other = Player(context.new_page(), tmp_path)
    opened(other, "nested")
    if state == "folded":
        click(other, titles(other)[1])
    other.page.evaluate(AXE)
    found = other.page.evaluate("axe.run({resultTypes: ['violations'], rules: {'target-size': {enabled: true}}})")
    context.close()
    assert [one["id"] for one in found["violations"]] == []
