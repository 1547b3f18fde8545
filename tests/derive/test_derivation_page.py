"""The page: every formula in MathML, nothing from outside, and legible on every screen."""

import itertools
import re
from html import unescape
from xml.etree import ElementTree

import pytest
from derived import GRAPHS, derived

from micrograd_tensor.derive.contents import Formula
from micrograd_tensor.notation import MATHML, ONE_LINE

CORE = {"math", "mrow", "mi", "mo", "mn", "mtext", "mfrac", "msqrt", "msup", "msub", "munder", "mspace"}
TAGS = CORE | {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "main",
        "section",
        "div",
        "table",
        "tr",
        "td",
        "h1",
        "h2",
        "h3",
    ),
    *("p", "b", "ol", "li", "small", "details", "summary", "pre"),
}


def parsed(text):
    """The page as a tree: it is well-formed, empty elements aside."""
    return ElementTree.fromstring(re.sub(r"<meta[^>]*>", "", text.removeprefix("<!DOCTYPE html>")))  # noqa: S314 -- ours


@pytest.mark.parametrize("name", GRAPHS)
def test_the_page_is_well_formed_and_no_name_is_markup(name):
    root = parsed(derived(name).html)
    assert {element.tag for element in root.iter()} <= TAGS
    attributes = {key for element in root.iter() for key in element.attrib}
    assert attributes <= {"class", "lang", "role", "tabindex", "aria-label", "display", "width", "colspan"}


@pytest.mark.parametrize("name", GRAPHS)
def test_it_has_each_formula_with_its_shape_and_each_note(name):
    page = derived(name)
    root = parsed(page.html)
    rows = [row for table in root.iter("table") for row in table.iter("tr") if row.get("class") != "text"]
    formulas = [formula for section in page.contents().sections for formula in section.formulas]
    formulas += page.contents().closed_form
    formulas += [Formula(step.write, None) for step in page.contents().proof]
    for row, formula in zip(rows, formulas, strict=True):
        *sides, shape = [cell for cell in row if cell.find("b") is None]
        shown = "".join("".join(side.itertext()) for side in sides)
        assert shown == "".join(ElementTree.fromstring(formula.write(MATHML)).itertext())  # noqa: S314 -- ours
        assert shape.text == formula.shape
    said = ["".join(p.itertext()) for section in root.iter("section") for p in section.iter("p")]
    assert said == [
        "".join(note) for section in page.contents().sections if not section.forward for note in section.notes
    ]
    assert unescape(page.numpy) == root.find(".//pre").text


def test_the_policy_allows_its_styles_and_nothing_else():
    text = derived("scalar").html
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    assert re.fullmatch(
        r"default-src 'none'; style-src(?: 'sha256-[\w+/=]{44}'){2}; base-uri 'none'; form-action 'none'", policy
    )
    assert " style=" not in text


def test_an_exercise_leaves_the_backward_pass_blank():
    root = parsed(derived("batchnorm", exercise=True).html)
    cells = [cell for section in root.iter("section") for cell in section.iter("td")]
    right = cells[1::3]
    assert len(right) == 15
    assert all("".join(cell.itertext()) == "=" and cell.find(".//mspace") is not None for cell in right)
    assert root.find(".//section//p") is None
    assert root.find(".//pre") is None


def test_a_notebooks_cell_touches_nothing_around_it():
    fragment = derived("scalar")._repr_html_()
    style = re.search(r"<style>(.*?)</style>", fragment, re.DOTALL)[1]
    selectors = [s.strip() for rule in re.findall(r"([^{}]+)\{", style) for s in rule.split(",")]
    assert all(".mt-" in s for s in selectors if not s.startswith("@"))
    assert "<html" not in fragment


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_legible_in_light_and_dark_on_a_small_screen(browser, contrasts, tmp_path, scheme, name):
    path = tmp_path / "page.html"
    path.write_text(derived(name).html, encoding="utf-8")
    page = browser.new_page(viewport={"width": 360, "height": 700}, color_scheme=scheme)
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(path.as_uri())
    assert asked == [path.as_uri()]
    assert said == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360  # what is wider scrolls within its own box
    assert min(contrasts(page)) >= 4.5
    page.click("summary")
    assert page.is_visible("pre")
    page.close()


def test_in_print_it_is_light_and_complete(browser, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(derived("batchnorm").html, encoding="utf-8")
    page = browser.new_page(color_scheme="dark")
    page.goto(path.as_uri())
    page.emulate_media(media="print")
    assert page.eval_on_selector("body", "e => getComputedStyle(e).backgroundColor") == "rgb(255, 255, 255)"
    assert page.eval_on_selector_all("section", "all => all.every(e => e.checkVisibility())")
    margins = "[...document.styleSheets].flatMap(s => [...s.cssRules]).filter(r => r.type == CSSRule.PAGE_RULE)"
    assert page.evaluate(f"{margins}.map(r => r.style.margin)") == ["10mm"]
    page.close()


LONG = {"attention", "lstm_cell", "conv_bn_relu", "hostile"}
"""Graphs with formulas that are wider than paper."""


@pytest.mark.parametrize("name", sorted(LONG))
def test_a_formula_that_is_wider_than_paper_is_there_in_lines_of_text(name):
    rows = [*parsed(derived(name).html).iter("tr")]
    texts = {"".join(text.itertext()).split(" (")[0] for text in rows if text.get("class") == "text"}
    proof = derived(name).contents().proof
    assert texts
    assert sum(step.write(ONE_LINE).split(" (")[0] in texts for step in proof) > 0
    for before, after in itertools.pairwise(rows):
        assert (before.get("class") == "long") == (after.get("class") == "text")


@pytest.mark.parametrize("name", [*GRAPHS])
def test_in_print_no_formula_is_cut_and_a_long_one_is_there_once(browser, name, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(derived(name).html, encoding="utf-8")
    page = browser.new_page(viewport={"width": 718, "height": 1000})  # A4 within its margins
    page.goto(path.as_uri())
    seen = "all => all.map(e => e.checkVisibility())"
    on_screen = [page.eval_on_selector_all(kind, seen) for kind in (".long", ".text")]
    page.emulate_media(media="print")
    on_paper = [page.eval_on_selector_all(kind, seen) for kind in (".long", ".text")]
    assert page.eval_on_selector_all(".scroll", "all => all.filter(e => e.scrollWidth > e.clientWidth).length") == 0
    assert [set(kind) for kind in on_paper] in ([{False}, {True}], [set(), set()])
    assert [set(kind) for kind in on_screen] in ([{True}, {False}], [set(), set()])
    assert len(on_paper[0]) == len(on_paper[1])
    assert bool(on_paper[0]) >= (name in LONG)
    assert name != "batchnorm" or not on_paper[0]
    page.close()


def test_on_a_phone_the_lines_of_a_formula_keep_apart(browser, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(derived("batchnorm").html, encoding="utf-8")
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto(path.as_uri())
    apart = """all => all.map(tr => [...tr.querySelectorAll('math')].map(e => e.getBoundingClientRect()))
      .filter(([a, b]) => a && b && b.left < a.right && a.bottom < b.bottom).map(([a, b]) => b.top - a.bottom)"""
    gaps = page.eval_on_selector_all("tr", apart)
    assert len(gaps) > 3
    assert min(gaps) >= 3
    page.close()
