"""Boxes of the player that open and close: by pointer and keyboard, in each other, with the steps of what is seen."""

import pytest
from test_accessible import AXE
from test_insides import GRAPHS, page_of
from test_player_browser import Player
from test_player_hands import SIZE

pytestmark = pytest.mark.browser

BOXES = "es => es.map(e => e.id)"
OVERLAPS = """() => {
  const svg = document.querySelector('.stage svg'), found = [];
  const rect = e => e.getBoundingClientRect();
  const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  for (const inside of document.querySelectorAll('.inside')) {
    const around = inside.parentNode, frame = rect(inside.querySelector('.frame'));
    for (const e of around.querySelectorAll(':scope > .graph > g, :scope > .inside')) {
      if (e !== inside && e.getBBox().width && meet(rect(e), frame)) found.push(`${e.id} meets a frame`);
    }
    for (const e of inside.querySelectorAll(':scope > svg > .graph > g')) {
      const r = rect(e);
      const out = r.left < frame.left - 1 || r.right > frame.right + 1 || r.bottom > frame.bottom + 1;
      if (e.getBBox().width && (out || r.top < frame.top + 20)) found.push(`${e.id} out of its frame`);
    }
    const whole = rect(around);
    if (frame.bottom > whole.bottom + 1 || frame.right > whole.right + 1) found.push('frame cut off');
  }
  return found;
}"""
MISPLACED = """() => {
  const inner = s => { const b = document.querySelector(s).getBoundingClientRect(); return e => {
    const r = e.getBoundingClientRect();
    return [(r.left - b.left) / b.width, (r.top - b.top) / b.height];
  }; };
  const here = inner('.stage svg'), there = inner('.overview svg');
  const kinds = '.gate, .box, .data, .param, .constant, .output';
  const parts = [...document.querySelectorAll('.stage svg :is(' + kinds + ')')];
  const blocks = [...document.querySelectorAll('.overview rect:not(.window)')];
  if (parts.length !== blocks.length) return ['not as many'];
  return parts.filter((e, k) => here(e).some((v, i) => Math.abs(v - there(blocks[k])[i]) > 0.01)).map(e => e.id);
}"""
NOW = "() => document.querySelector('.stage [aria-current=step]')?.id ?? ''"


@pytest.fixture
def player(page, tmp_path):
    page.set_viewport_size({"width": 1366, "height": 900})
    return Player(page, tmp_path)


def shut(player):
    return player.page.eval_on_selector_all(".stage .box[aria-expanded=false]", BOXES)


def open_all(player):
    while names := shut(player):
        player.page.click(f"#{names[0]}")


@pytest.mark.parametrize("name", GRAPHS)
def test_every_box_opens_in_its_place_and_closes_again(player, name):
    player.open(page_of(name))
    before, steps = player.page.eval_on_selector(".stage svg", "e => e.outerHTML"), player.last
    open_all(player)
    assert player.page.evaluate(OVERLAPS) == []
    assert player.last > steps
    while player.page.query_selector(".close"):
        player.page.click(".close >> nth=-1")
        assert player.page.evaluate(OVERLAPS) == []
    assert player.last == steps
    assert player.page.eval_on_selector(".stage svg", "e => e.querySelectorAll('g').length") == before.count("<g ")
    assert player.quiet()


def test_a_box_is_closed_by_another_click_on_it_with_all_that_is_open_in_it(player):
    player.open(page_of("scopes in scopes, shut"))
    outer, *_ = shut(player)
    player.page.click(f"#{outer}")
    inner = next(name for name in shut(player) if name.startswith("player-in-"))
    player.page.click(f"#{inner}")
    assert player.page.locator(".inside").count() == 2
    player.page.click(f"#{outer}")
    assert player.page.locator(".inside").count() == 0
    player.page.click(f"#{outer}")
    assert player.page.locator(".inside").count() == 1


@pytest.mark.parametrize("name", ["transformer", "loss, shut"])
def test_steps_follow_what_is_seen(player, name):
    """Every step marks something that is on the page; a box that opens is left out, and what is in it comes instead."""
    player.open(page_of(name))
    first = shut(player)[0]
    player.press("Home")
    while player.page.evaluate(NOW) != first:
        player.press("ArrowRight")
    at = player.step
    player.page.click(f"#{first}")
    assert player.page.evaluate(NOW).startswith(first.replace("player-", "player-in-"))
    assert player.step == at
    assert first not in marks(player)
    player.page.click(".close")
    assert player.page.evaluate(NOW) == first
    open_all(player)
    assert all(marks(player)[1:])
    assert player.quiet()


def marks(player):
    player.press("Home")
    found = [player.page.evaluate(NOW)]
    for _ in range(player.last):
        player.press("ArrowRight")
        found.append(player.page.evaluate(NOW))
    return found


def test_by_keyboard_alone(player):
    player.open(page_of("scopes in scopes, shut"))
    box = shut(player)[0]
    player.page.focus(".stage [role=button][tabindex='0']")
    for _ in range(20):
        if player.page.evaluate("document.activeElement.id") == box:
            break
        player.press("ArrowRight")
    player.press("Enter")
    assert player.page.get_attribute(f"#{box}", "aria-expanded") == "true"
    reached = set()
    player.press("Home")
    for _ in range(20):
        reached.add(player.page.evaluate("document.activeElement.id"))
        player.press("ArrowRight")
    assert any(name.startswith("player-in-") for name in reached)
    player.page.focus(".close")
    player.press("Enter")
    assert player.page.get_attribute(f"#{box}", "aria-expanded") == "false"
    assert player.page.evaluate("document.activeElement.id") == box


def test_a_name_that_is_in_a_box_is_found(player):
    player.open(page_of("transformer"))
    player.page.fill(".search", "(44)")
    player.page.press(".search", "Enter")
    assert player.page.locator(".inside").count() == 1
    assert player.page.inner_text(".title").startswith("(44)")


def test_it_keeps_its_size_and_the_map_shows_what_is_open(player):
    player.open(page_of("transformer"))
    for _ in range(2):
        before = player.page.evaluate(SIZE)
        player.page.click(f"#{shut(player)[0]}")
        assert player.page.evaluate(SIZE) == pytest.approx(before, rel=0.1)
    high = player.page.evaluate("document.querySelector('.stage svg').viewBox.baseVal.height")
    assert player.page.get_attribute(".overview svg", "viewBox").split()[3] == f"{high:g}"
    assert player.page.evaluate(MISPLACED) == []


def test_paper_shows_what_is_open(player):
    player.open(page_of("scopes in scopes, shut"))
    open_all(player)
    player.page.emulate_media(media="print")
    assert player.page.evaluate(OVERLAPS) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_with_boxes_open(page, tmp_path, scheme):
    context = page.context.browser.new_context(bypass_csp=True, color_scheme=scheme)
    other = context.new_page()
    path = tmp_path / "page.html"
    path.write_text(page_of("scopes in scopes, shut"), encoding="utf-8")
    other.goto(path.as_uri())
    for _ in range(2):
        other.click(".stage .box[aria-expanded=false]")
    other.evaluate(AXE)
    found = other.evaluate("axe.run({resultTypes: ['violations'], rules: {'target-size': {enabled: true}}})")
    context.close()
    assert [one["id"] for one in found["violations"]] == []
