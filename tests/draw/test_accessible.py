"""Pages can be read and used by everybody: axe finds nothing on them, in light and in dark, at every kind of step."""

from importlib.resources import files

import numpy as np
import pytest
from gallery import leaf, values
from player_graphs import GRAPHS, played

import micrograd_tensor as mt
from micrograd_tensor.check.rendering.html import page as report_page

pytestmark = pytest.mark.browser

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")


def violations(browser, text, tmp_path, scheme="light", addresses=("",)):
    """What axe finds on a page at some addresses in it, in a word or two each."""
    path = tmp_path / "page.html"
    path.write_text(text, encoding="utf-8")
    context = browser.new_context(bypass_csp=True, color_scheme=scheme)  # pages let no script in
    page, violations = context.new_page(), []
    for address in addresses:
        page.goto("about:blank")  # so that the page is loaded anew
        page.goto(path.as_uri() + address)
        page.evaluate(AXE)
        found = page.evaluate("axe.run({resultTypes: ['violations'], rules: {'target-size': {enabled: true}}})")
        assert found["passes"]
        violations += [f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in found["violations"]]
    context.close()
    return violations


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["batch_norm", "several_outputs", "just_a_leaf", "hostile_names"])
def test_the_player(browser, tmp_path, name, scheme):
    assert name in GRAPHS
    steps = [f"#step={step}" for step in (0, 5, 1000)]
    assert violations(browser, played(name), tmp_path, scheme, steps) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_derivation(browser, tmp_path, scheme):
    out = mt.batch_norm(leaf("x", 7, 4), leaf("gamma", 4, seed=1), leaf("beta", 4, seed=2)).named("out")
    page = mt.derive(out, values(7, 4, seed=3), dims={"N": ("x", 0), "D": ("x", 1)})
    assert violations(browser, page.html, tmp_path, scheme) == []


def test_what_is_planted_is_found(browser, tmp_path):
    text = played("batch_norm").replace('aria-label="Step"', "").replace('lang="en"', "")
    assert {one.split(":")[0] for one in violations(browser, text, tmp_path)} >= {"label", "html-has-lang"}


def test_a_report(browser, tmp_path):
    x = leaf("x", 5, 3)
    out = (mt.square(x - x.mean(axis=0)).sum(axis=0)).named("out")
    report = mt.compare(out, np.ones(3), {"x": 3 * x.data}, point=False)
    assert violations(browser, report_page(report, "layers.py"), tmp_path) == []
