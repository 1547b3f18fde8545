"""A user who types whatever comes to mind: numbers that are none, or too large, rates, and outputs asked for twice."""

import json
import re

import numpy as np
import pytest
from gallery import leaf
from test_player_browser import Player

import micrograd_tensor as mt

NO_NUMBERS = (
    "abc",
    "1e999",
    "-1e999",
    "Infinity",
    "NaN",
    "inf",
    "0x10",
    "0b11",
    "1,5",
    "1 2 3",
    "1_000",
    "--1",
    "٣",
    "<b>1</b>",
)
NUMBERS = {"−3": -3, "+4": 4, ".5": 0.5, "5.": 5, "1e-400": 0, "1E3": 1000, "1e308": 1e308, " 7 ": 7}
TYPE = """text => {
  const cell = document.querySelector('td.editable');
  cell.dispatchEvent(new MouseEvent('dblclick', {bubbles: true}));
  const input = cell.querySelector('input');
  input.value = text;
  input.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', bubbles: true}));
  return [document.querySelector('.readout[role]').textContent, cell.textContent, document.activeElement === cell];
}"""


@pytest.fixture
def player(page, tmp_path):
    return Player(page, tmp_path)


def opened(player, *, dtype="float64", by=1.0):
    x = mt.tensor(np.array([1.0, 2.0], dtype), name="x", requires_grad=True)
    return player.open(mt.draw(mt.graph((x * x * by).sum(), np.ones((), dtype)))._page(1300))


@pytest.mark.browser
def test_what_is_no_number_changes_nothing_and_says_so(player):
    opened(player)
    badge = player.page.inner_text(".badge")
    for text in NO_NUMBERS:
        said, shown, focused = player.page.evaluate(TYPE, text)
        assert f"“{text}” is no number" in said
        assert (shown, focused) == ("1.00", True)
    said, shown, _ = player.page.evaluate(TYPE, "")
    assert (said, shown) == ("x[0] = 1", "1.00")
    assert player.page.inner_text(".badge") == badge
    assert player.quiet()


@pytest.mark.browser
def test_numbers_are_taken_as_they_are_written(player):
    opened(player)
    for text, value in NUMBERS.items():
        said, *_ = player.page.evaluate(TYPE, text)
        assert float(said.split(" = ")[1].replace("−", "-")) == value
    assert player.quiet()


@pytest.mark.browser
@pytest.mark.parametrize(("dtype", "text"), [("float32", "1e39"), ("float16", "1e5")])
def test_what_a_dtype_cannot_hold_is_no_number_for_it(player, dtype, text):
    opened(player, dtype=dtype)
    said, shown, _ = player.page.evaluate(TYPE, text)
    assert "is no number that can stand here" in said
    assert shown == "1.00"


@pytest.mark.browser
@pytest.mark.parametrize("by", [1.0, 2e4, 2e5, 1.234567e9, 2e10, 2e100, 2e307, 2e-10])
def test_the_loss_is_said_with_all_of_its_digits(player, by):
    opened(player, by=by)
    player.page.evaluate(TYPE, "0")
    said = re.search("L = (.*?), before (.*?);", player.page.inner_text(".badge"))
    assert [float(one.replace("−", "-")) for one in said.groups()] == pytest.approx([4 * by, 5 * by], rel=1e-5)


@pytest.mark.browser
@pytest.mark.parametrize("rate", ["", "abc", "1e999", "0x1"])
def test_a_rate_that_is_none_makes_no_step(player, rate):
    opened(player)
    badge = player.page.inner_text(".badge")
    player.page.fill(".rate", rate)
    player.page.click("[data-do=descend]")
    assert player.page.inner_text(".badge") == badge
    assert player.page.input_value(".rate") == "0.1"
    assert "is no rate" in player.page.inner_text(".readout[role]")


@pytest.mark.browser
def test_without_a_gradient_nothing_is_said_of_a_loss(player):
    player.open(mt.draw(mt.graph(leaf("x", 2) * 2.0))._page(1300))
    player.page.evaluate(TYPE, "3")
    assert player.page.inner_text(".badge") == "changed: the picture still shows what was recorded"
    assert not player.page.is_visible("[data-do=descend]")


def test_an_output_that_is_asked_for_twice_is_played_with_the_sum_of_what_is_given():
    x = leaf("x", 3)
    y = (x * x).named("y")
    graph = mt.graph([y, mt.exp(y).named("z"), y], [np.ones(3), np.ones(3), 2 * np.ones(3)])
    text = mt.draw(graph)._page(1300)
    program = json.loads(re.search(r'class="data">(.*?)</script>', text, re.DOTALL)[1])["program"]
    given = dict(program["upstreams"])
    assert [program["nodes"][g][2] for g in given.values()] == [[3.0] * 3, [1.0] * 3]


PASTE = """text => {
  const cell = document.querySelector('td.editable'), data = new DataTransfer();
  cell.focus();
  data.setData('text', text);
  cell.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true}));
  const cells = [...cell.closest('table').querySelectorAll('td')].map(e => e.textContent);
  return [cells, document.querySelector('.readout[role]').textContent];
}"""
CELLS = (
    "() => [...document.querySelector('td.editable').closest('table').querySelectorAll('td')].map(e => e.textContent)"
)


@pytest.mark.browser
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("3\t4\n5\t6", ["3.00", "4.00", "0", "5.00", "6.00", "0"]),
        ("7, 8, −9", ["7.00", "8.00", "−9.00", "0", "0", "0"]),
        ("[[1. 2.]\r\n [3. 4.]]", ["1.00", "2.00", "0", "3.00", "4.00", "0"]),
        ("1 2 3 4", "have no room"),
        ("1\n2\n3", "have no room"),
        ("1 two", "not of numbers alone"),
        ("1 1e999", "not of numbers alone"),
    ],
)
def test_a_row_or_a_table_is_pasted_or_refused_whole(player, text, shown):
    x = mt.tensor(np.zeros((2, 3)), name="x", requires_grad=True)
    player.open(mt.draw(mt.graph((x * x).sum(), 1.0))._page(1300))
    cells, said = player.page.evaluate(PASTE, text)
    if isinstance(shown, str):
        assert (cells, shown in said) == (["0"] * 6, True)
    else:
        assert cells == shown
        player.press("Control+z")
        assert player.page.evaluate(CELLS) == ["0"] * 6
    assert player.quiet()


@pytest.mark.browser
def test_changes_are_taken_back_one_by_one(player):
    opened(player)
    first = player.page.inner_text(".badge")
    states = []
    for text in ("3", "4"):
        states.append(player.page.evaluate(CELLS))
        player.page.evaluate(TYPE, text)
    states.append(player.page.evaluate(CELLS))
    player.page.click("[data-do=descend]")
    states.append(player.page.evaluate(CELLS))
    player.page.click("button[aria-label^=Zero]")
    for state in states[::-1]:
        player.page.focus("td.editable")
        player.press("Control+z")
        assert player.page.evaluate(CELLS) == state
    player.press("Control+z")
    assert player.page.inner_text(".badge") == first
    assert player.quiet()
