"""Firefox shows pictures and plays pages as Chromium does: nothing overlaps, every op is computed, nothing is said."""

import shutil

import numpy as np
import pytest
from firefox import Firefox
from gallery import GALLERY
from overlaps import OVERLAPS
from player_graphs import GRAPHS, played

from micrograd_tensor.draw import Circuit
from micrograd_tensor.draw.options import Options

pytestmark = pytest.mark.browser

PROGRAM = next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), None)

SAMPLE = ("batch_norm", "attention", "lstm_cell", "hostile_names")


@pytest.fixture(scope="module")
def firefox(tmp_path_factory):
    if PROGRAM is None:
        pytest.skip("Firefox is missing; Chromium has opened the same pages")
    made = Firefox(PROGRAM, tmp_path_factory.mktemp("firefox") / "profile")
    yield made
    made.close()


@pytest.fixture
def opened(firefox, tmp_path):
    def open_page(text, address="", **size):
        path = tmp_path / "page.html"
        path.write_text(text, encoding="utf-8")
        firefox.goto(path.as_uri() + address, **size)
        return firefox

    yield open_page
    assert firefox.said(tmp_path.name) == []


@pytest.mark.parametrize("page", [380, 900, 1300])
@pytest.mark.parametrize("name", SAMPLE)
def test_nothing_overlaps(firefox, name, page, tmp_path):
    made = GALLERY[name]()
    path = Circuit(made._graph, "overlay", Options(page=page)).save(tmp_path / "circuit.svg")
    firefox.goto(path.as_uri(), width=1400, height=900)
    assert firefox.evaluate(OVERLAPS) == []


def test_what_overlaps_is_found(firefox, tmp_path):
    firefox.goto(GALLERY["batch_norm"]().save(tmp_path / "circuit.svg").as_uri())
    firefox.evaluate("""() => document.getElementById('node-10').style.transform = 'translate(-40px, 20px)'""")
    assert firefox.evaluate(OVERLAPS) != []


@pytest.mark.parametrize("name", GRAPHS)
def test_it_plays(opened, name):
    page = opened(played(name))
    last = page.evaluate("() => Number(document.querySelector('.slider').max)")
    badge = "() => document.querySelector('.badge').textContent"
    assert page.evaluate(badge).startswith("computed again here"), page.evaluate(badge)
    for _ in range(last):
        page.press("ArrowRight")
    assert page.evaluate("() => document.querySelector('.mt-player').dataset.step") == str(last)
    assert page.evaluate("() => window.hit ?? null") is None


def test_numbers_are_changed(opened):
    page = opened(played("batch_norm"))
    page.evaluate("""() => {
      const cell = document.querySelector('.left td');
      cell.dispatchEvent(new MouseEvent('dblclick', { bubbles: true }));
      const input = cell.querySelector('input');
      input.value = '2.5';
      input.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true }));
    }""")
    assert page.evaluate("() => document.querySelector('.left td').textContent") == "2.50"
    assert page.evaluate("() => document.querySelector('.badge').textContent").startswith("changed: L = ")


@pytest.mark.parametrize("width", [500, 900, 1366])
def test_the_page_is_as_wide_as_the_window(opened, width):
    page = opened(played("attention"), "#step=16", width=width)
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_it_is_made_larger_and_searched(opened):
    page = opened(played("batch_norm"))
    size = "() => document.querySelector('.stage svg').getBoundingClientRect().width"
    page.evaluate("() => document.querySelector('.stage').classList.remove('fit')")
    before = page.evaluate(size)
    page.press("+")
    assert np.isclose(page.evaluate(size), 1.25 * before, rtol=1e-3)
    page.evaluate("""() => {
      const search = document.querySelector('.search');
      search.value = 'x_norm';
      search.dispatchEvent(new Event('input'));
      search.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true }));
    }""")
    assert page.evaluate("() => document.querySelector('.mt-player').dataset.step") == "8"


def test_what_goes_wrong_is_heard(firefox, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(
        "<!DOCTYPE html><script>console.log('heard')</script><script>throw new Error('felt')</script>", "utf-8"
    )
    firefox.goto(path.as_uri())
    said = "\n".join(firefox.said(tmp_path.name))
    assert "heard" in said
    assert "felt" in said
