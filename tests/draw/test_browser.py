"""In a browser nothing overlaps and nothing is clipped, with the usual fonts and with others, light and dark."""

from dataclasses import replace

import pytest
from gallery import GALLERY, random_graph, random_scopes
from overlaps import OVERLAPS

from micrograd_tensor.draw import Circuit, draw

pytestmark = pytest.mark.browser

STYLE = """rules => {
  const style = document.createElementNS('http://www.w3.org/2000/svg', 'style');
  style.textContent = rules;
  document.documentElement.append(style);
}"""


def opened(page, circuit, tmp_path):
    page.goto(circuit.save(tmp_path / "circuit.svg").as_uri())
    return page


@pytest.mark.parametrize("name", GALLERY)
def test_nothing_overlaps(page, name, tmp_path):
    assert opened(page, GALLERY[name](), tmp_path).evaluate(OVERLAPS) == []


@pytest.mark.parametrize(
    ("name", "width"),
    [(name, width) for width, every in (("page", 1), (390, 2), (1300, 4)) for name in [*GALLERY][::every]],
)
def test_nothing_overlaps_at_any_width(page, name, width, tmp_path):
    made = GALLERY[name]()
    options = replace(made._options, width=width)
    circuit = Circuit(made._graph, "overlay", options)
    assert opened(page, circuit, tmp_path).evaluate(OVERLAPS) == []


@pytest.mark.parametrize("seed", range(5))
def test_nothing_overlaps_in_random_graphs(page, seed, tmp_path):
    assert opened(page, random_graph(seed), tmp_path).evaluate(OVERLAPS) == []


@pytest.mark.parametrize("seed", range(6))
def test_nothing_overlaps_in_random_graphs_with_collapsed_scopes_and_in_lines(page, seed, tmp_path):
    graph = random_scopes(seed, 30)
    circuit = draw(graph, depth=seed % 3, width=1100 if seed % 2 else None)
    assert opened(page, circuit, tmp_path).evaluate(OVERLAPS) == []


@pytest.mark.parametrize("font", ["DejaVu Sans", "serif", "monospace"])
@pytest.mark.parametrize(
    "name", ["batch_norm", "attention", "hostile_names", "batch_norm_in_540_pixels", "lstm_cell_as_a_box"]
)
def test_nothing_overlaps_with_other_fonts(page, name, font, tmp_path):
    opened(page, GALLERY[name](), tmp_path)
    page.evaluate(STYLE, f".mt text {{ font-family: {font!r} !important }}")
    assert page.evaluate(OVERLAPS) == []


@pytest.mark.parametrize(
    "fault",
    [
        "#node-10 { transform: translate(-40px, 20px) }",
        "#node-1 { transform: translate(120px, 0) }",
        "#edge-10-11-fwd text { transform: translateX(140px) }",
        "#edge-11-10-bwd text { transform: translateY(-12px) }",
        "#edge-12-out-fwd { transform: translateY(-60px) }",
    ],
)
def test_the_check_finds_what_overlaps(page, fault, tmp_path):
    opened(page, GALLERY["batch_norm"](), tmp_path)
    page.evaluate(STYLE, fault)
    assert page.evaluate(OVERLAPS) != []


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("collapsed_layers", "#box-19 { transform: translate(-60px, 0) }"),
        ("batch_norm_in_900_pixels", "#mark-4-10-end { transform: translate(-130px, 0) }"),
        ("batch_norm_in_900_pixels", "#mark-4-10-start-name { transform: translate(110px, -16px) }"),
        ("failed_op", "#error-5-name { transform: translate(-120px, 10px) }"),
    ],
)
def test_the_check_finds_what_overlaps_boxes_marks_and_errors(page, name, fault, tmp_path):
    opened(page, GALLERY[name](), tmp_path)
    page.evaluate(STYLE, fault)
    assert page.evaluate(OVERLAPS) != []


@pytest.mark.parametrize(("scheme", "background"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(15, 20, 25)")])
def test_colours_follow_the_page(browser, scheme, background, tmp_path):
    page = browser.new_page(color_scheme=scheme)
    opened(page, GALLERY["batch_norm"](), tmp_path)
    fill = "e => getComputedStyle(e).fill"
    assert page.eval_on_selector("svg > rect", fill) == background
    texts = page.eval_on_selector_all("text", "all => all.map(e => getComputedStyle(e).fill)")
    assert background not in texts
    page.close()


def test_it_asks_for_nothing_and_runs_nothing(page, tmp_path):
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message))
    page.on("dialog", lambda dialog: said.append(dialog) or dialog.dismiss())
    opened(page, GALLERY["hostile_names"](), tmp_path)
    assert len(asked) == 1
    assert said == []
