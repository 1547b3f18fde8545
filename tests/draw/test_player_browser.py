"""The player in a browser: every step shows what was recorded, by keyboard, pointer, address and clock."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
from gallery import leaf
from player_graphs import GRAPHS, picture, played

import micrograd_tensor as mt
from micrograd_tensor.draw.player import page as page_of
from micrograd_tensor.draw.player import player_fragment
from micrograd_tensor.draw.player.data import data
from micrograd_tensor.notation import quantity

pytestmark = pytest.mark.browser

EVERY = [*GRAPHS]


class Player:
    """A page with a player, and everything that it said, asked for or ran into."""

    def __init__(self, page, tmp_path):
        self.page, self.path = page, tmp_path / "player.html"
        self.said, self.asked = [], []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("dialog", lambda dialog: self.said.append("dialog") or dialog.dismiss())
        page.on("request", lambda request: self.asked.append(request.url))

    def open(self, text, address=""):
        self.path.write_text(text, encoding="utf-8")
        self.page.goto(self.path.as_uri() + address)
        return self

    @property
    def step(self):
        return int(re.match(r"step (\d+) of", self.page.inner_text(".count"))[1])

    @property
    def last(self):
        return int(re.search(r"of (\d+)", self.page.inner_text(".count"))[1])

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)
        return self

    def quiet(self):
        """Whether nothing was said and nothing but the file was asked for."""
        return self.said == [] and all(url.startswith(self.path.as_uri()) for url in self.asked)


@pytest.fixture
def player(page, tmp_path):
    return Player(page, tmp_path)


# --------------------------------------------------------------------------------------------------- what is shown

TABLES = """side => [...document.querySelectorAll(`.${side} figure`)].map(figure =>
  [...figure.querySelectorAll('tr')].map(row => [...row.cells].map(cell => cell.textContent)))"""


@pytest.mark.parametrize("name", EVERY)
def test_every_step_shows_its_texts_and_numbers(player, name):
    graph = GRAPHS[name]()
    svg = picture(graph)
    shown = json.loads(json.dumps(data(graph, svg, title=name)))
    player.open(page_of(graph, svg, title=name))
    assert player.last == len(shown["steps"]) - 1
    stride = max(1, len(shown["steps"]) // 40)
    for k, step in list(enumerate(shown["steps"]))[::stride]:
        player.page.evaluate("k => { location.hash = `step=${k}` }", k)
        player.page.wait_for_function("k => document.querySelector('.mt-player').dataset.step == k", arg=k)
        assert player.page.eval_on_selector(".middle .title", "e => e.textContent") == step["title"]
        assert player.page.eval_on_selector(".middle .code", "e => e.textContent") == "\n".join(step.get("code", []))
        assert player.page.eval_on_selector_all(".math > math", "all => all.length") == len(step.get("math", []))
        for side in ("left", "right"):
            panels = [*step[side]["panels"], *(step.get("kept", {}).get("panels", []) if side == "right" else [])]
            tables = player.page.evaluate(TABLES, side)
            expected = [_table(shown["values"][panel["value"]]) for panel in panels]
            assert tables == expected
    assert player.quiet()


def _table(array):
    """The texts of an array's first matrix, by the numbers that pictures show."""
    if not array["rows"]:
        return []
    whole = np.dtype(array["dtype"]).kind in "iu"
    cells = [_text(cell, whole) for cell in array["matrices"][0]]
    return [cells[i : i + array["columns"]] for i in range(0, len(cells), array["columns"])]


def _text(cell, whole):
    if isinstance(cell, list):
        second = _text(cell[1], whole)
        return f"{_text(cell[0], whole)}{'' if second.startswith('−') else '+'}{second}j"
    return quantity(cell if isinstance(cell, bool) else int(cell) if whole else float(cell))


@pytest.mark.parametrize("name", ["batch_norm", "diamond"])
def test_what_is_not_yet_reached_is_faint(player, name):
    graph = GRAPHS[name]()
    steps = data(graph, picture(graph), title=name)["steps"]
    player.open(played(name))
    for k in range(len(steps)):
        reached = {lane for step in steps[: k + 1] for lane in step.get("lanes", ())}
        coming = {lane for step in steps for lane in step.get("lanes", ())} - reached
        faint = player.page.eval_on_selector_all(".lane.todo", "all => all.map(e => e.id.slice('player-'.length))")
        assert set(faint) == (coming if k else set())
        now = player.page.eval_on_selector_all(".lane.now", "all => all.map(e => e.id.slice('player-'.length))")
        assert set(now) == set(steps[k].get("lanes", ()))
        player.press("ArrowRight")
    faint = "e => getComputedStyle(e).opacity"
    player.open(played(name), "#step=1")
    player.page.wait_for_timeout(400)
    assert player.page.eval_on_selector(".lane.todo", faint) == "0.13"
    assert player.page.eval_on_selector(".lane.now path", "e => getComputedStyle(e).strokeWidth") == "3.4px"


def test_the_circuit_scrolls_to_the_gate(player):
    player.open(played("batch_norm"))
    for _ in range(player.last):
        player.press("ArrowRight")
        visible = """() => {
          const now = document.querySelector('.spot.now')
            || document.getElementById('player-' + (document.querySelector('.mt-player').dataset.mark || ''));
          if (!now) return true;
          const a = now.getBoundingClientRect(), b = document.querySelector('.stage').getBoundingClientRect();
          return a.left >= b.left - 1 && a.right <= b.right + 1 && a.top >= b.top - 1 && a.bottom <= b.bottom + 1;
        }"""
        player.page.wait_for_function(visible, timeout=3000)


def test_formulas_are_mathematics(player):
    player.open(played("batch_norm"), "#step=14")
    assert player.page.eval_on_selector("math", "e => e.namespaceURI") == "http://www.w3.org/1998/Math/MathML"
    fraction = player.page.eval_on_selector("mfrac", "e => e.getBoundingClientRect().height")
    letter = player.page.eval_on_selector("mfrac mi", "e => e.getBoundingClientRect().height")
    assert fraction > 1.5 * letter
    fits = "e => [...e.children].every(m => m.scrollWidth <= e.clientWidth + 1)"
    assert player.page.eval_on_selector(".math", fits)


@pytest.mark.parametrize("width", [360, 700, 1360])
def test_the_page_is_as_wide_as_the_window(player, width):
    player.page.set_viewport_size({"width": width, "height": 800})
    player.open(played("attention"), "#step=16")
    assert player.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_verdicts_are_shown_with_a_mark(player):
    stages = {"x_norm": "wrong here", "dev_from_mean": "right given upstream"}
    report = SimpleNamespace(
        stages={name: SimpleNamespace(status=status) for name, status in stages.items()},
        diagnosis={"x_norm": "<b>sign</b>"},
    )
    player.open(played("batch_norm", report=report), "#step=13")
    assert player.page.inner_text(".verdicts").split() == ["✗dx_norm:", "wrong", "here", "<b>sign</b>"]
    player.page.evaluate("location.hash = 'step=20'")
    player.page.wait_for_selector("[data-step='20']")
    assert player.page.inner_text(".verdicts").split() == ["→ddev_from_mean:", "right", "given", "upstream"]


# -------------------------------------------------------------------------------------------------- going through it


def test_keys_go_through_the_steps(player):
    player.open(played("batch_norm"))
    assert player.step == 0
    assert player.press("ArrowRight", "ArrowRight", "ArrowRight").step == 3
    assert player.press("ArrowLeft").step == 2
    assert player.press("End").step == player.last
    assert player.press("ArrowRight").step == player.last
    assert player.press("Home").step == 0
    assert player.press("ArrowLeft").step == 0
    assert player.press("Control+ArrowRight").step == 0
    assert player.quiet()


def test_buttons_go_through_the_steps(player):
    player.open(played("batch_norm"))
    for name, step in (("next", 1), ("next", 2), ("back", 1), ("last", 23), ("first", 0)):
        player.page.click(f"[data-do={name}]")
        assert player.step == step
    assert player.page.is_disabled("[data-do=back]")
    assert not player.page.is_disabled("[data-do=next]")


def test_the_address_names_the_step(player):
    player.open(played("batch_norm"), "#step=14")
    assert player.step == 14
    player.press("ArrowRight")
    assert player.page.url.endswith("#step=15")
    player.page.evaluate("location.hash = 'step=3'")
    player.page.wait_for_selector("[data-step='3']")
    for address, step in (("#step=999", 23), ("#step=-4", 0), ("#nonsense", 0)):
        player.page.goto("about:blank")
        assert player.open(played("batch_norm"), address).step == step
    assert player.said == []


def test_the_slider(player):
    player.open(played("batch_norm"))
    player.page.fill(".slider", "9")
    assert player.step == 9
    player.page.focus(".slider")
    assert player.press("ArrowRight").step == 10
    assert player.press("Home").step == 0
    assert "step 0 of 23: Overview" in player.page.get_attribute(".slider", "aria-valuetext")


def test_a_click_on_a_gate_goes_to_its_next_step(player):
    player.open(played("batch_norm"))
    graph = GRAPHS["batch_norm"]()
    gate = f"#player-node-{graph['mean'].rank}"
    player.page.click(gate)
    assert player.step == 1
    player.page.click(gate)
    backward = player.step
    assert player.page.inner_text(".middle .title") == "(1) mean"
    assert backward > 11
    player.page.click(gate)
    assert player.step == 1
    player.page.focus("#player-fork-0")
    assert player.press("Enter").page.inner_text(".middle .title") == "x: two gradients meet"


def test_playing(player):
    player.open(played("scalar"))
    player.page.select_option(".speed select", "4")
    player.page.evaluate("document.activeElement.blur()")
    player.press("Space")
    assert player.page.get_attribute("[data-do=play]", "aria-pressed") == "true"
    player.page.wait_for_function("() => document.querySelector('.mt-player').dataset.step >= 2")
    player.press("Space")
    at = player.step
    assert player.page.get_attribute("[data-do=play]", "aria-pressed") == "false"
    player.page.wait_for_timeout(700)
    assert player.step == at
    assert player.quiet()


def test_playing_stops_at_the_end_and_begins_again(player):
    player.open(played("scalar"))
    player.page.select_option(".speed select", "4")
    player.page.click("[data-do=last]")
    player.page.click("[data-do=back]")
    player.page.click("[data-do=play]")
    player.page.wait_for_selector("[data-do=play][aria-pressed=false]", timeout=3000)
    assert player.step == player.last
    player.page.click("[data-do=play]")
    assert player.step < player.last


def test_whoever_goes_on_by_hand_stops_playing(player):
    player.open(played("scalar"))
    player.press("Space", "ArrowRight")
    assert player.page.get_attribute("[data-do=play]", "aria-pressed") == "false"


def test_playing_by_address(player):
    player.open(played("scalar"), "#step=2&play")
    assert player.page.get_attribute("[data-do=play]", "aria-pressed") == "true"
    player.page.wait_for_function("() => document.querySelector('.mt-player').dataset.step >= 3")


def test_fit_shows_the_whole_circuit(player):
    player.page.set_viewport_size({"width": 500, "height": 600})
    player.open(played("batch_norm"))
    wide = "e => e.scrollWidth > e.clientWidth"
    assert player.page.eval_on_selector(".stage", wide)
    player.press("f")
    assert not player.page.eval_on_selector(".stage", wide)
    assert player.page.get_attribute("[data-do=fit]", "aria-pressed") == "true"
    player.press("f")
    assert player.page.eval_on_selector(".stage", wide)


@pytest.mark.parametrize(("width", "fits"), [(500, "false"), (700, "true"), (1400, "false")])
def test_it_fits_by_itself_where_it_can_still_be_read(player, width, fits):
    player.page.set_viewport_size({"width": width, "height": 600})
    player.open(played("batch_norm"))
    assert player.page.get_attribute("[data-do=fit]", "aria-pressed") == fits


def test_printing_prints_all_of_the_circuit(player):
    player.open(played("batch_norm"))
    player.press("ArrowRight")
    player.page.emulate_media(media="print")
    player.page.set_viewport_size({"width": 720, "height": 1000})
    shown = "e => [e.scrollWidth <= e.clientWidth, e.scrollHeight <= e.clientHeight + 1]"
    assert player.page.eval_on_selector(".stage", shown) == [True, True]
    assert set(player.page.eval_on_selector_all(".todo", "all => all.map(e => getComputedStyle(e).opacity)")) == {"1"}


# ---------------------------------------------------------------------------------------------------------- matrices


def test_one_cell_of_a_matrix_is_reached_and_arrows_lead_on(player):
    player.open(played("batch_norm"), "#step=14")
    x_norm = GRAPHS["batch_norm"]()
    assert player.page.eval_on_selector_all("td[tabindex='0']", "all => all.length") == 5
    player.page.focus(".right td")
    exact = x_norm.gradients[x_norm["x_norm"]].value

    def read():
        return player.page.inner_text("p.readout[role=status]")

    assert read().split(";")[0] == f"dx_norm[0, 0] = {_exact(exact[0, 0])}"
    player.press("ArrowRight", "ArrowDown", "ArrowDown")
    assert read().split(";")[0] == f"dx_norm[2, 1] = {_exact(exact[2, 1])}"
    player.press("End")
    assert read().startswith("dx_norm[2, 3]")
    player.press("ArrowRight")
    assert read().startswith("dx_norm[2, 3]")
    player.press("Home", "ArrowUp")
    assert read().startswith("dx_norm[1, 0]")
    assert player.step == 14
    assert player.page.eval_on_selector_all("td[tabindex='0']", "all => all.length") == 5


def _exact(value):
    return repr(float(value)).replace("-", "−")


def test_the_pointer_reads_exact_values_and_marks_what_they_are_made_of(player):
    player.open(played("batch_norm"), "#step=14")
    graph = GRAPHS["batch_norm"]()
    player.page.hover(".left td >> nth=6")
    value = graph.contributions[graph["x_norm"], 0].value[1, 2]
    assert player.page.inner_text("p.readout[role=status]") == f"ddev_from_mean[1, 2] = {_exact(value)}"
    made = "all => all.map(e => [e.closest('table').ariaLabel, e.parentNode.rowIndex, e.cellIndex])"
    found = player.page.eval_on_selector_all("td.made", made)
    assert found == [["dx_norm (7, 4)", 1, 2], ["inverted_stddev (4,)", 0, 2]]
    player.page.hover(".middle .title")
    assert player.page.query_selector("td.made") is None


def test_copied_arrays_are_the_recorded_ones(player, browser):
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    player = Player(context.new_page(), player.path.parent)
    graph = GRAPHS["numbers_of_every_kind"]()
    player.open(played("numbers_of_every_kind"))
    recorded = [node.value for node in (*(n for n in graph.nodes if n.is_leaf), *graph.outputs)]
    assert player.page.eval_on_selector_all("button.copy", "all => all.length") == len(recorded)
    for k, array in enumerate(recorded):
        player.page.click(f"button.copy >> nth={k}")
        player.page.wait_for_function("k => document.querySelectorAll('button.copy')[k].textContent == 'copied'", arg=k)
        copied = eval(player.page.evaluate("navigator.clipboard.readText()"), {"np": np})  # noqa: S307 -- our own text
        assert (copied.dtype, copied.shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(copied, array)
        np.testing.assert_array_equal(np.signbit(copied), np.signbit(array))
    assert player.quiet()
    context.close()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble", "int64", "bool", "complex128"])
def test_copies_keep_the_dtype(browser, tmp_path, dtype):
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    player = Player(context.new_page(), tmp_path)
    array = (np.random.default_rng(0).standard_normal((2, 3, 2)) * 3).astype(dtype)
    graph = mt.graph(mt.tensor(array, name="x"))
    player.open(page_of(graph, picture(graph), title="x"))
    player.page.click("button.copy >> nth=0")
    player.page.wait_for_selector("button.copy:text('copied')")
    copied = eval(player.page.evaluate("navigator.clipboard.readText()"), {"np": np})  # noqa: S307 -- our own text
    assert copied.dtype == array.dtype
    np.testing.assert_array_equal(copied, array)
    context.close()


@pytest.mark.parametrize("name", ["batch_norm", "diamond", "hostile_names"])
def test_copied_formulas_are_those_that_are_shown(browser, tmp_path, name):
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    player = Player(context.new_page(), tmp_path)
    graph = GRAPHS[name]()
    shown = data(graph, picture(graph), title=name)["steps"]
    player.open(played(name))
    copied = 0
    for k, step in list(enumerate(shown))[:: max(1, len(shown) // 20)]:
        player.page.evaluate("k => { location.hash = `step=${k}` }", k)
        player.page.wait_for_function("k => document.querySelector('.mt-player').dataset.step == k", arg=k)
        formulas = player.page.query_selector_all(".math math")
        buttons = player.page.query_selector_all(".math button.copy")
        assert len(buttons) == bool(formulas)
        if buttons:
            buttons[0].click()
            player.page.wait_for_selector(".math button.copy:text('copied')")
            text = player.page.evaluate("navigator.clipboard.readText()").replace("\r\n", "\n")
            assert text == step["latex"]
            assert text.count(" \\\\\n") == len(formulas) - 1
            copied += 1
    assert copied > 5
    assert player.quiet()
    context.close()


def test_without_a_clipboard_there_is_text_to_be_selected(browser, tmp_path):
    player = Player(browser.new_page(), tmp_path)  # what is done to every document cannot be undone
    player.page.add_init_script("delete Navigator.prototype.clipboard; Document.prototype.execCommand = () => false")
    player.open(played("scalar"), "#step=1")
    player.page.click("button.copy >> nth=0")
    player.page.wait_for_selector("figure textarea")
    assert player.page.input_value("figure textarea") == 'np.array(2, dtype="float64")'


def test_matrices_of_more_axes_are_turned_over(player):
    player.open(played("convolution"), "#step=0")
    graph = GRAPHS["convolution"]()
    assert player.page.inner_text(".left figure .note >> nth=0") == "[0, 0, :, :] of (1, 2, 4, 4)"
    player.page.click("[aria-label='Next matrix of x']")
    assert player.page.inner_text(".left figure .note >> nth=0") == "[0, 1, :, :] of (1, 2, 4, 4)"
    shown = player.page.evaluate(TABLES, "left")[0]
    assert shown == [[quantity(v) for v in row] for row in graph["x"].value[0, 1]]
    player.page.hover(".left td >> nth=1")
    exact = _exact(graph["x"].value[0, 1, 0, 1])
    assert player.page.inner_text("p.readout[role=status]") == f"x[0, 1, 0, 1] = {exact}"


def test_heat_is_by_size_and_sign_and_its_text_can_be_read(browser, tmp_path):
    contrast = """() => {
      const parts = c => {
        const srgb = /color\\(srgb ([\\d.e-]+) ([\\d.e-]+) ([\\d.e-]+)(?: \\/ ([\\d.e-]+))?/.exec(c);
        if (srgb) return [+srgb[1], +srgb[2], +srgb[3], srgb[4] === undefined ? 1 : +srgb[4]];
        const rgb = c.match(/[\\d.]+/g).map(Number);
        return [rgb[0] / 255, rgb[1] / 255, rgb[2] / 255, rgb.length > 3 ? rgb[3] : 1];
      };
      const light = ([r, g, b]) => [r, g, b].map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
      const under = parts(getComputedStyle(document.querySelector('section')).backgroundColor);
      return [...document.querySelectorAll('td')].map(cell => {
        const style = getComputedStyle(cell), fill = parts(style.backgroundColor), alpha = fill[3];
        const mixed = under.slice(0, 3).map((v, i) => v * (1 - alpha) + fill[i] * alpha);
        const [a, b] = [light(mixed), light(parts(style.color))].sort((x, y) => y - x);
        return [alpha, (a + 0.05) / (b + 0.05)];
      });
    }"""
    values = np.linspace(-1, 1, 81).reshape(9, 9)[:, :8]
    graph = mt.graph(mt.tensor(values, name="x"))
    for scheme in ("light", "dark"):
        player = Player(browser.new_page(color_scheme=scheme), tmp_path)
        player.open(page_of(graph, picture(graph), title="x"))
        found = player.page.evaluate(contrast)[:72]
        largest = np.abs(values).max()
        np.testing.assert_allclose([a for a, _ in found], (np.abs(values.ravel()) / largest) ** 0.8, atol=2e-3)
        assert min(ratio for _, ratio in found) >= 4.5
        player.page.close()


def test_odd_numbers_are_marked_and_said(player):
    player.open(played("numbers_of_every_kind"))
    odd = player.page.eval_on_selector_all(".left td.odd", "all => all.map(e => e.textContent)")
    assert odd == ["NaN", "∞", "−∞"]
    assert "1 NaN · 2 infinite" in player.page.inner_text(".left")
    assert "empty" in player.page.inner_text(".left")
    player.page.hover("figure:has(:text('long')) td >> nth=0")
    assert player.page.inner_text("p.readout[role=status]") == "long[0, 0] = 1152921504606846976"


# ------------------------------------------------------------------------------------------------- schemes and motion


@pytest.mark.parametrize(("scheme", "background"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(15, 20, 25)")])
def test_light_and_dark(browser, tmp_path, scheme, background):
    player = Player(browser.new_page(color_scheme=scheme), tmp_path)
    player.open(played("batch_norm"), "#step=14")

    def painted():
        return (
            player.page.eval_on_selector(".mt-player", "e => getComputedStyle(e).backgroundColor"),
            player.page.eval_on_selector(".stage svg > rect", "e => getComputedStyle(e).fill"),
        )

    assert painted() == (background, background)
    player.press("t")
    other = {"rgb(255, 255, 255)": "rgb(15, 20, 25)", "rgb(15, 20, 25)": "rgb(255, 255, 255)"}[background]
    assert painted() == (other, other)
    player.press("t")
    assert painted() == (background, background)
    assert player.quiet()
    player.page.close()


@pytest.mark.parametrize(("motion", "animation"), [("no-preference", "mt-player-dashes"), ("reduce", "none")])
def test_dashes_move_unless_asked_not_to(browser, tmp_path, motion, animation):
    player = Player(browser.new_page(reduced_motion=motion), tmp_path)
    player.open(played("batch_norm"), "#step=14")
    names = "all => [...new Set(all.map(e => getComputedStyle(e).animationName))]"
    assert player.page.eval_on_selector_all(".lane.now path", names) == [animation]
    player.page.close()


# ------------------------------------------------------------------------------------------------------ accessibility


def test_every_control_has_a_name(player):
    player.open(played("batch_norm"), "#step=14")
    unnamed = """() =>
      [...document.querySelectorAll('button, input, select, [role=button], [role=grid], section, .stage')]
      .filter(e => !(e.getAttribute('aria-label') || e.textContent.trim() || e.title)).map(e => e.outerHTML)"""
    assert player.page.evaluate(unnamed) == []
    assert player.page.get_attribute(".middle", "aria-live") == "polite"


def test_keys_are_left_alone_in_fields(player):
    player.open(played("scalar").replace("<header>", "<header><input id='own'>"), "#step=2")
    player.page.focus("#own")
    player.page.keyboard.type("ft")
    assert player.press("Home").step == 2
    assert player.page.input_value("#own") == "ft"


# ------------------------------------------------------------------------------------------------ embedded, and hostile


def together(*fragments):
    return f"<!DOCTYPE html><meta charset='utf-8'><body>{''.join(fragments)}</body>"


@pytest.fixture
def two(player):
    graphs = [GRAPHS["batch_norm"](), GRAPHS["scalar"]()]
    fragments = [
        player_fragment(graph, picture(graph), title=name, prefix=name)
        for graph, name in zip(graphs, ("first", "second"), strict=True)
    ]
    return player.open(together(*fragments), "#step=3")


def counts(player):
    return player.page.eval_on_selector_all(".count", "all => all.map(e => e.textContent.split(' ')[1])")


def test_two_players_go_their_own_ways(two):
    assert counts(two) == ["0", "0"]
    two.page.click("#first [data-do=next]")
    two.page.click("#second [data-do=last]")
    assert counts(two) == ["1", two.page.inner_text("#second .count").split()[-1]]
    assert two.page.url.endswith("#step=3")
    two.page.focus("#first .stage")
    two.press("ArrowRight")
    two.page.focus("#second .stage")
    two.press("Home", "ArrowRight", "ArrowRight", "ArrowRight")
    assert counts(two) == ["2", "3"]
    assert two.page.evaluate("Object.keys(window).filter(k => /player|mt/i.test(k) && k.length > 1)") == []
    assert two.quiet()


def test_keys_that_are_not_for_a_player_within_a_page_are_left_alone(player):
    graph = GRAPHS["scalar"]()
    player.open(together("<p>text</p>", player_fragment(graph, picture(graph), title="o")))
    player.page.mouse.move(1199, 599)
    assert player.press("ArrowRight", "End").step == 0
    player.page.focus(".stage")
    assert player.press("ArrowRight").step == 1


def test_keys_go_to_the_player_under_the_pointer(two):
    two.page.hover("#second .middle")
    two.press("ArrowRight", "ArrowRight")
    assert counts(two) == ["0", "2"]
    two.page.hover("#first .count")
    two.press("ArrowRight")
    assert counts(two) == ["1", "2"]
    two.page.mouse.move(0, 0)


def test_two_players_of_one_picture_share_no_id(player):
    graph = GRAPHS["scalar"]()
    fragments = [player_fragment(graph, picture(graph), title=p, prefix=p, shell=p == "b") for p in "ab"]
    player.open(together(*fragments))
    ids = player.page.eval_on_selector_all("[id]", "all => all.map(e => e.id)")
    assert len(ids) == len(set(ids))
    player.page.click("#a [data-do=next]")
    assert counts(player) == ["1", "0"]
    assert player.page.query_selector("#b .now") is None
    assert player.quiet()


def test_themes_of_two_players_are_apart(two):
    two.page.click("#first [data-do=theme]")
    fills = two.page.eval_on_selector_all(".stage svg > rect", "all => all.map(e => getComputedStyle(e).fill)")
    assert fills == ["rgb(15, 20, 25)", "rgb(255, 255, 255)"]


@pytest.mark.parametrize("sandbox", ["", "sandbox='allow-scripts'"])
def test_in_the_srcdoc_of_a_frame(player, sandbox):
    text = played("batch_norm").replace("&", "&amp;").replace('"', "&quot;")
    player.open(
        f'<!DOCTYPE html><meta charset="utf-8"><iframe {sandbox} width=1100 height=500 srcdoc="{text}"></iframe>'
    )
    frame = player.page.frames[1]
    frame.wait_for_selector("[data-step='0']")
    frame.click("[data-do=next]")
    frame.focus(".stage")
    player.press("ArrowRight")
    assert frame.inner_text(".count").startswith("step 2 of")
    assert frame.eval_on_selector_all("math", "all => all.length") == 1
    assert player.said == []
    assert all(url.startswith("file:") or url == "about:srcdoc" for url in player.asked)


def test_hostile_names_are_text_and_nothing_else(player):
    player.open(played("hostile_names"))
    for _ in range(player.last):
        player.press("ArrowRight")
        assert player.page.evaluate("window.hit") is None
    texts = player.page.eval_on_selector_all(".left figcaption", "all => all.map(e => e.textContent)")
    assert any("<b>bold</b>" in text for text in texts)
    assert player.page.eval_on_selector_all("img, b:not(.verdicts b), script", "all => all.map(e => e.tagName)") == [
        "SCRIPT",
        "SCRIPT",
    ]
    assert player.quiet()


@pytest.mark.parametrize("planted", ["<script>window.hit = 1</script>", "<img src=x onerror='window.hit = 1'>"])
def test_what_is_planted_in_the_page_does_not_run(player, planted):
    player.open(played("scalar").replace("</header>", f"</header>{planted}"))
    player.page.wait_for_timeout(100)
    assert player.page.evaluate("window.hit") is None
    assert player.said != []
    assert not player.quiet()


def test_a_wrong_number_would_be_noticed(player):
    graph = GRAPHS["scalar"]()
    player.open(played("scalar").replace('"matrices":[[2.0]]', '"matrices":[[2.5]]'), "#step=1")
    assert player.page.evaluate(TABLES, "left")[0] != [[quantity(graph["a"].value)]]


def test_a_missing_id_would_be_noticed(player):
    graph = GRAPHS["scalar"]()
    svg = picture(graph).replace('id="node-3"', 'id="nowhere"')
    assert not any(step.get("mark") == "node-3" for step in data(graph, svg, title="o")["steps"])


def test_a_long_chain_plays(player):
    x = leaf("x", 2)
    for _ in range(200):
        x = mt.tanh(x)
    graph = mt.graph(x, np.ones(2))
    player.open(page_of(graph, picture(graph), title="chain"), "#step=400")
    assert player.step == 400
    assert player.press("ArrowRight").step == 401
    assert player.quiet()
