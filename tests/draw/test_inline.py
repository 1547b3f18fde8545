"""Pictures in one HTML page: their ids and styles are apart, and each has the theme it was given."""

import re
from xml.etree import ElementTree

import pytest
from gallery import GALLERY, leaf

from micrograd_tensor.draw import DrawError, draw
from micrograd_tensor.draw.theme import COLOURS

LIGHT, DARK = "rgb(255, 255, 255)", "rgb(15, 20, 25)"


def square(theme="auto", name="x"):
    x = leaf(name, 2)
    return draw((x * x).named("y"), [1.0, 1.0], theme=theme)


def attributes(svg, name):
    found = [element.get(name) for element in ElementTree.fromstring(svg).iter()]  # noqa: S314 -- our own picture
    return [value for value in found if value]


def test_ids_are_those_of_the_file_with_a_prefix():
    circuit = square()
    assert attributes(circuit.inline("first"), "id") == [f"first-{name}" for name in attributes(circuit.svg, "id")]


def test_the_prefix_follows_from_the_picture():
    prefixes = {re.match(r"mt-[0-9a-f]{8}-", attributes(c.inline(), "id")[0])[0] for c in (square(), square("dark"))}
    assert len(prefixes) == 2
    assert square().inline() == square().inline()


def test_references_lead_to_ids_of_the_same_picture():
    svg = square().inline()
    for named in attributes(svg, "aria-labelledby"):
        assert set(named.split()) < set(attributes(svg, "id"))


def test_what_looks_like_an_id_in_a_name_stays():
    x = leaf('id="node-0" aria-labelledby="x"', 2)
    svg = draw((x * x).named("y")).inline("first")
    texts = [e.text for e in ElementTree.fromstring(svg).iter() if e.tag.endswith("text")]  # noqa: S314 -- our own
    assert 'id="node-0" aria-labelledby="x"' in texts


@pytest.mark.parametrize("prefix", ["", "1st", "a b", 'a"', "a>b", "é", "-x", ".x"])
def test_a_prefix_that_cannot_begin_an_id(prefix):
    with pytest.raises(DrawError, match="cannot begin an id"):
        square().inline(prefix)


@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
def test_a_forced_theme_is_a_class(theme):
    classes = re.search(r'class="([^"]*)"', square(theme).svg)[1].split()
    assert classes == ["mt", "circuit"] + ([theme] if theme != "auto" else [])


def backdrops(page, *svgs, before=""):
    page.set_content(f"<!DOCTYPE html>{before}{''.join(svgs)}")
    return page.eval_on_selector_all("svg > rect", "all => all.map(e => getComputedStyle(e).fill)")


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "auto"), [("light", LIGHT), ("dark", DARK)])
def test_themes_do_not_fight_in_one_page(browser, scheme, auto):
    page = browser.new_page(color_scheme=scheme)
    pictures = [square(theme).inline() for theme in ("dark", "auto", "light", "dark", "auto")]
    assert backdrops(page, *pictures) == [DARK, auto, LIGHT, DARK, auto]
    ids = page.eval_on_selector_all("svg:nth-of-type(-n + 3) [id]", "all => all.map(e => e.id)")
    assert len(ids) == len(set(ids)) > 30
    page.close()


@pytest.mark.browser
def test_styles_of_another_version_do_no_harm(page):
    other = square().svg.replace("#0f1419", "#123456").replace("#ffffff", "#abcdef")
    assert backdrops(page, other, square("light").inline(), square("dark").inline())[1:] == [LIGHT, DARK]


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_print_is_always_light(browser, theme, scheme):
    page = browser.new_page(color_scheme=scheme)
    page.emulate_media(media="print")
    assert backdrops(page, square(theme).inline(), square(theme).svg) == [LIGHT, LIGHT]
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize(
    ("page_says", "expected"),
    [
        ('<body data-jp-theme-light="false">', [DARK, LIGHT, DARK]),
        ('<body data-jp-theme-light="true">', [LIGHT, LIGHT, DARK]),
        ('<body class="vscode-dark">', [DARK, LIGHT, DARK]),
        ('<body class="vscode-light">', [LIGHT, LIGHT, DARK]),
    ],
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_notebook_says_whether_it_is_light(browser, scheme, page_says, expected):
    page = browser.new_page(color_scheme=scheme)
    pictures = [square(theme).inline() for theme in ("auto", "light", "dark")]
    assert backdrops(page, *pictures, before=page_says) == expected
    page.close()


@pytest.mark.browser
def test_every_role_has_its_dark_colour_in_a_dark_page(browser):
    page = browser.new_page(color_scheme="dark")
    page.set_content(GALLERY["batch_norm"]().inline())
    light = {f"rgb({int(c[1:3], 16)}, {int(c[3:5], 16)}, {int(c[5:], 16)})" for c, _ in COLOURS.values()}
    shown = "all => all.flatMap(e => [getComputedStyle(e).fill, getComputedStyle(e).stroke])"
    assert not light & set(page.eval_on_selector_all("svg *", shown))
    page.close()
