"""Reports as text, as JSON and as pages: complete, legible at every width, and safe whatever the names are."""

from __future__ import annotations

import io
import json
import os
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.console import Console

import micrograd_tensor as mt
from micrograd_tensor.check import Diagnosis, Finding, Invariant, Oracle, Report, Stage, Stages, WrongStage
from micrograd_tensor.check.rendering import html, sentences, terminal
from micrograd_tensor.check.rendering.json import SCHEMA
from micrograd_tensor.graph import named_nodes
from micrograd_tensor.graph.status import COLOURS, Status

HOSTILE = [
    "<script>document.title='run'</script>",
    "<img src=x onerror=\"document.title='run'\">",
    "'\"&<>]]>",
    "\u202eright to left",
    "\x1b[31mred\x1b[0m\x07",
    "[bold red]markup[/]",
    "nul\0 and\nnew line",
    "\ud800 alone",
    "long" * 200,
    "é😀e\u0301",
]


def batch_norm():
    rng = np.random.default_rng(0)
    x, gamma, beta = (
        mt.tensor(rng.normal(size=s), name=n, requires_grad=True)
        for n, s in (("x", (7, 4)), ("gamma", (4,)), ("beta", (4,)))
    )
    captured = mt.graph(mt.batch_norm(x, gamma, beta), rng.normal(size=(7, 4)))
    hand = {f"d{n}": np.array(captured.gradients[node].value) for n, node in captured.named.items() if n != "out"}
    return captured, hand


def report_of_everything():
    """A report with every status, every kind of finding, and every part that there is."""
    captured, _ = batch_norm()
    named = named_nodes(captured)
    made = {
        "scaled_x": (Status.RIGHT, {}),
        "stddev": (Status.RIGHT_GIVEN, {}),
        "var": (Status.WRONG, {"worst": ((2,), 2.0, 1.0)}),
        "mean": (Status.HARMLESS, {"note": "nothing depends on it"}),
        "x_norm": (Status.ANOTHER, {}),
        "dev_from_mean": (Status.NOT_JUDGED, {"note": "what was recorded is nan"}),
        "beta": (Status.WRONG_SHAPE, {"given_shape": (1, 4)}),
        "gamma": (Status.NOT_GIVEN, {"given_shape": None, "error": None, "worst": None}),
        "x": (Status.WRONG, {"error": np.inf, "worst": ((2, 3), np.nan, 0.25)}),
    }
    stages = [
        replace(Stage(n, status, named[n].shape, named[n].shape, 0.5, ((1,), 2.0, 1.0), 1e-14), **more)
        for n, (status, more) in made.items()
    ]
    expected = captured.gradients[named["var"]].value
    wrong = WrongStage(
        captured, named["var"], np.where(np.arange(4) == 2, 7 * expected, expected), expected, {}, {}, 1e-12, 1.0
    )
    return Report(
        Stages(stages),
        forward=Stages(
            [
                Stage("var", Status.WRONG, (4,), (4,), 0.1, ((0,), 1.0, 2.0)),
                Stage("mean", Status.RIGHT, (4,), (4,), 0.0),
            ]
        ),
        diagnosis={
            "var": (
                Diagnosis(
                    "constant factor", "7 times too large", "with × 1/7 all match", "dvar = dstddev / (2 · stddev)", 0.0
                ),
                Diagnosis("power of a tensor", "σ twice", "", "", 1e-16),
            ),
            "forward:var": (Diagnosis("eps left out", "no 1e-05", "", "var = mean(dev_from_mean_sq)", 0.0),),
        },
        findings=(Finding("ones", "gamma or no gamma", "it is 1", "Draw it at random"),),
        oracles=(Oracle("x", 1.0, 1.0, 1.0, 1e-9, True),),
        invariants=(Invariant("x", "null space", False, 0.1, "Σ dx is 0", "the mean branch"),),
        unused={"dvra": "(4,), but no gradient has this name; did you mean 'dvar'?"},
        unjudged={
            "dgama": "no gradient has this name; did you mean 'dgamma'?",
            "ddev_from_mean": "what was recorded is nan",
        },
        matched={"dtmp": "what arrives at x from mean"},
        lines={"var": ((39, "dvar = 0.5 * dstddev"), (41, "dvar *= 7"))},
        remarks=("backward returned nothing", "a second remark"),
        rtol=1e-7,
        graph=captured,
        wrong_stages={"var": wrong},
    )


EVERYTHING = [
    *(f"d{name}" for name in ("scaled_x", "stddev", "var", "mean", "beta", "gamma", "x")),
    *Status,
    "dgama: no gradient has this name; did you mean 'dgamma'?",
    "ddev_from_mean: what was recorded is nan",
    "dtmp is what arrives at x from mean",
    "line 39: dvar = 0.5 * dstddev",
    "line 41: dvar *= 7",
    "Only one number differs, at [2]",
    "constant factor: 7 times too large",
    "power of a tensor: σ twice",
    "dvar = dstddev / (2 · stddev)",
    "with × 1/7 all match",
    "eps left out: no 1e-05",
    "var = mean(dev_from_mean_sq)",
    "None of the known mistakes",
    "gamma or no gamma: it is 1. Draw it at random",
    "a complex step and central differences",
    "Σ dx is 0; the mean branch",
    "did you mean 'dvar'?",
    "backward returned nothing",
    "a second remark",
    "nothing depends on it",
    "(4,), given (1, 4)",
    "tolerance 1.0e-07",
    "1 forward value is wrong: var. 2 gradients are wrong: dvar and dx.",
    "nan by hand, 0.25 expected",
]


def squeezed(text):
    return " ".join(text.split())


class Shown(HTMLParser):
    """The text of a page, and its tags; what is in a style is no text."""

    def __init__(self, page):
        super().__init__()
        self.texts, self.tags, self.attributes, self._style = [], [], [], False
        self.feed(page)
        self.text = squeezed(" ".join(self.texts))

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        self._style = tag == "style"

    def handle_endtag(self, tag):
        self._style = False

    def handle_data(self, data):
        if not self._style:
            self.texts.append(data)


# ---------------------------------------------------------------------------------------------------------- all is said


@pytest.mark.parametrize("said", EVERYTHING)
def test_everything_is_said_in_the_terminal_and_on_the_page(said):
    report = report_of_everything()
    assert squeezed(said) in squeezed(report.text(width=160))
    assert squeezed(said) in Shown(report.to_html()).text


def test_a_report_prints_itself():
    report = report_of_everything()
    assert str(report) == report.text() == report.text(hints=3, width=120)
    assert "\x1b" not in str(report)
    printed = io.StringIO()
    Console(file=printed, width=120, force_terminal=True).print(report)
    assert "\x1b[" in printed.getvalue()
    assert "dvar is wrong" in printed.getvalue()
    assert report._repr_html_() in html.fragment(report)


@pytest.mark.parametrize(
    ("fix", "rule", "says"),
    [
        ("dx = dy", "dx = dy", "the fix"),
        ("", "dx = dy · 2", "the rule"),
        ("", "", "what is due"),
    ],
)
def test_what_more_there_is_to_know_is_what_the_last_hint_says(fix, rule, says):
    report = report_of_everything()
    found = {"var": (Diagnosis("sign", "dvar is multiplied by -1", "", fix, 0.0, rule),)}
    stages = Stages([stage for stage in report.stages.values() if stage.name == "var"])
    report = replace(report, stages=stages, forward=Stages([]), diagnosis=found)
    assert f"hints=3 says {says}." in terminal.text(report, hints=2)
    assert f"3 {says}" in terminal.text(report, hints=3)


def test_showing_takes_as_many_hints_as_are_wanted(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    report = report_of_everything()
    for hints, absent in ((0, "1 where"), (1, "2 what kind"), (2, "  3 the fix")):
        report.show(hints=hints)
        shown = capsys.readouterr().out
        assert absent not in shown
        assert absent not in report.text(hints=hints)
        assert "✗ wrong here" in shown
    report.show()
    assert "  3 the fix" in capsys.readouterr().out


def test_a_hint_gives_nothing_of_the_next_one_away():
    report = report_of_everything()
    assert "constant factor" not in report.text(hints=1)
    assert "dstddev / (2" not in report.text(hints=2)
    assert "mean branch" not in report.text(hints=1)


def test_disagreeing_oracles_come_before_all_else():
    oracle = Oracle("x", 1.0, None, 2.0, 1e-9, False, "1 is recorded, but 2 by central differences")
    report = replace(report_of_everything(), oracles=(oracle,))
    assert report.text().splitlines()[0].startswith("The oracles disagree")
    assert "x: 1 is recorded, but 2" in report.text().splitlines()[1]
    page = Shown(report.to_html()).text
    assert page.index("The oracles disagree") < page.index("backward returned nothing")


def test_without_complex_steps_only_the_differences_are_named():
    report = replace(report_of_everything(), oracles=(Oracle("x", 1.0, None, 1.0, 1e-9, True),))
    assert "agree with central differences" in report.text()


@pytest.mark.parametrize(
    ("statuses", "says"),
    [
        ({"x": Status.RIGHT, "var": Status.RIGHT, "mean": Status.HARMLESS}, "All 3 gradients are right."),
        ({"x": Status.RIGHT}, "The gradient is right."),
        (
            {"x": Status.RIGHT, "var": Status.NOT_GIVEN},
            "The gradients of all inputs but gamma and beta are right; 1 stage in between was not given.",
        ),
        ({"x": Status.NOT_GIVEN, "var": Status.RIGHT}, "Nothing wrong so far; 1 stage to go."),
        ({"x": Status.NOT_GIVEN, "var": Status.NOT_GIVEN}, "Nothing wrong so far; 2 stages to go."),
        ({"x": Status.WRONG, "var": Status.NOT_GIVEN}, "1 gradient is wrong: dx."),
        ({"x": Status.WRONG, "var": Status.WRONG, "mean": Status.WRONG}, "3 gradients are wrong: dx, dvar and dmean."),
    ],
)
def test_the_headline(statuses, says):
    captured, _ = batch_norm()
    report = Report(Stages([Stage(name, status, (4,)) for name, status in statuses.items()]), graph=captured)
    assert sentences.headline(report) == says
    assert report.text().splitlines()[-1] == says
    assert sentences.is_complete(report) == (statuses["x"] != Status.NOT_GIVEN)


def test_a_point_that_hides_mistakes_is_part_of_the_verdict():
    captured, hand = batch_norm()
    report = replace(mt.compare(captured, hand=hand, point=False), findings=report_of_everything().findings)
    assert (
        sentences.headline(report)
        == "All 11 gradients are right. But this point hides mistakes: see what it cannot tell apart."
    )
    unfinished = replace(
        report, stages=Stages([Stage("x", Status.NOT_GIVEN, (7, 4)), Stage("var", Status.RIGHT, (4,))])
    )
    assert "hides" not in sentences.headline(unfinished)


def test_forward_values_that_are_right_take_one_line():
    report = replace(report_of_everything(), forward=Stages([Stage("var", Status.RIGHT, (4,), (4,), 0.0)]))
    assert "✓ The forward values that it uses are right." in report.text()
    assert "Forward values\n" not in report.text()


# --------------------------------------------------------------------------------------------------------- where it is


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda g: g * 2, "All 28 numbers differ."),
        (lambda g: g + (np.arange(7) == 3)[:, None], "Only row 3 differs."),
        (lambda g: g + (np.arange(4) == 2), "Only column 2 differs."),
        (lambda g: g + (np.arange(28).reshape(7, 4) == 9), "Only one number differs, at [2, 1]"),
        (lambda g: g + (np.arange(28).reshape(7, 4) % 5 == 0), "6 of 28 numbers differ."),
        (lambda g: g * np.nan, "All 28 numbers differ."),
    ],
)
def test_the_first_hint_says_how_much_of_the_array_is_wrong(change, says):
    captured, hand = batch_norm()
    report = mt.compare(captured, hand={**hand, "dx": change(hand["dx"])}, point=False)
    assert says in squeezed(report.text(hints=1))


def test_the_first_hint_names_what_the_stage_was_expected_from():
    captured, hand = batch_norm()
    report = mt.compare(captured, hand={**hand, "ddev_from_mean": 2 * hand["ddev_from_mean"]}, point=False)
    assert "computed from your ddev_from_mean_sq and dx_norm" in squeezed(report.text(hints=1))


def test_a_mistake_behind_more_paths_than_can_be_followed_is_told():
    x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    h = x
    for _ in range(60):
        h = mt.tanh(h) + h  # as in a recurrence over time: each step doubles the paths
    captured = mt.graph(h.named("out"), np.array([1.0, -1.0]))
    report = mt.compare(captured, hand={"dx": 3.0 * captured.gradients[captured.named["x"]].value}, point=False)
    assert "computed from your dout" in squeezed(report.text(hints=1))


def test_where_nothing_it_is_made_from_was_given_the_mistake_may_lie_before():
    captured, hand = batch_norm()
    report = mt.compare(captured, hand={"dx": 2 * hand["dx"], "dmean": hand["dmean"]}, point=False)
    assert "computed from your dmean." in squeezed(report.text(hints=1))
    assert "They also depend on ddev_from_mean, which you did not give" in squeezed(report.text(hints=1))
    report = mt.compare(captured, hand={"dx": 2 * hand["dx"]}, point=False)
    assert "It depends on dmean and ddev_from_mean, which you did not give" in squeezed(report.text(hints=1))


def test_two_numbers_are_shown_to_as_many_digits_as_they_differ_in():
    assert sentences.apart(1.0, 1.0 + 1e-9) == ("1", "1.000000001")
    assert sentences.apart(0.5, 0.5) == ("0.5", "0.5")
    assert sentences.apart(np.nan, np.inf) == ("nan", "inf")
    assert sentences.apart(1 + 2j, 1.0) == ("1+2j", "1")


# ------------------------------------------------------------------------------------------------- widths and alphabets


@pytest.mark.parametrize("width", [40, 60, 72, 80, 99, 100, 120, 200])
def test_nothing_is_wider_than_the_terminal_and_no_verdict_is_lost(width):
    text = report_of_everything().text(width=width)
    assert max(map(len, text.splitlines())) <= width
    for status in Status:
        assert f"{status.sign} {status.split(',')[0]}" in squeezed(text)


def test_every_status_has_a_sign_of_its_own_and_a_style_and_a_class():
    assert {status.role for status in Status} == set(terminal.STYLES) <= set(COLOURS)
    assert all(f".mt-report .{status.role} {{ color: var(--{status.role})" in html.STYLE for status in Status)
    assert len({status.sign for status in Status}) == len({status.meaning for status in Status}) == len(Status)
    plain = [status.sign.translate(terminal.ASCII) for status in Status]
    assert len(set(plain)) == len(Status)


@pytest.mark.parametrize("width", [60, 120])
def test_a_terminal_without_unicode_gets_ascii(width):
    written = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    Console(file=written, width=width, color_system=None).print(report_of_everything())
    written.seek(0)
    text = written.read()
    assert text.isascii()
    assert "x wrong here" in text
    assert "dstddev / (2 * stddev)" in squeezed(text)


# -------------------------------------------------------------------------------------------------------- hostile names


def with_names(name):
    x = mt.tensor(np.arange(1.0, 7.0).reshape(2, 3), name=name, requires_grad=True)
    out = mt.square(x).named(f"{name} squared")
    report = mt.compare(
        mt.exp(out), np.ones((2, 3)), {f"d{name}": np.ones((2, 3)), f"d{name} squared": np.zeros((2, 3))}
    )
    return replace(report, unused={name: name}, remarks=(name,), lines={name: ((1, name),)})


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_are_text_and_no_more(name):
    report = with_names(name)
    for text in (report.text(), report.text(width=60)):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert max(map(len, text.splitlines())) <= 120
        text.encode()
    page = report.to_html()
    page.encode()
    shown = Shown(page)
    assert set(shown.tags) <= {
        *("html", "head", "meta", "title", "style", "body", "main", "section", "div", "details", "summary"),
        *("h1", "h2", "h3", "p", "ul", "li", "table", "caption", "thead", "tbody", "tr", "th", "td", "span", "code"),
    }
    assert not [value for key, value in shown.attributes if key.startswith("on") or key in ("src", "href")]
    assert json.loads(report.to_json())["unused"] == {name: name}


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_opens_without_loading_or_running_anything(browser, scheme, tmp_path):
    page = browser.new_page(viewport={"width": 900, "height": 700}, color_scheme=scheme)
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    for i, report in enumerate([report_of_everything(), *map(with_names, HOSTILE)]):
        path = tmp_path / f"{i}.html"
        path.write_text(report.to_html(), encoding="utf-8")
        asked.clear()
        page.goto(path.as_uri())
        assert asked == [path.as_uri()]
        assert page.title() == "Gradients by hand"
    assert said == []
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "paper"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(15, 20, 25)")])
def test_a_page_is_legible_and_its_hints_open_one_by_one(browser, contrasts, scheme, paper, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(report_of_everything().to_html(), encoding="utf-8")
    page = browser.new_page(viewport={"width": 500, "height": 700}, color_scheme=scheme)
    page.goto(path.as_uri())
    assert page.eval_on_selector("body", "e => getComputedStyle(e).backgroundColor") == paper
    assert min(contrasts(page)) >= 4.5
    assert page.evaluate("document.documentElement.scrollWidth") <= 500  # the table scrolls within its own box
    fix = page.get_by_text("dvar = dstddev / (2 · stddev)")
    assert not fix.is_visible()
    for i, summary in enumerate(page.locator("section.mistake").nth(1).locator("summary").all()):
        assert fix.is_visible() is False
        summary.click()
        assert page.locator("details[open]").count() == i + 1
    assert fix.is_visible()
    page.close()


@pytest.mark.browser
def test_the_contrast_check_finds_text_that_is_too_faint(browser, contrasts, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(report_of_everything().to_html(), encoding="utf-8")
    page = browser.new_page(color_scheme="light")
    page.goto(path.as_uri())
    page.evaluate("document.querySelector('.muted').style.color = '#8a8a8a'")
    assert min(contrasts(page)) < 4.5
    page.close()


def test_the_table_says_what_its_cells_are():
    page = report_of_everything().to_html()
    assert page.count('<th scope="col">') == 14
    assert page.count('<th scope="row">') == 11
    assert "<caption>Gradients, in backward order, tolerance 1.0e-07</caption>" in page
    assert all(f'aria-hidden="true">{status.sign}</span>{status}</td>' in page for status in Status)


def test_the_page_allows_its_own_styles_and_nothing_else():
    page = report_of_everything().to_html()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert re.fullmatch(
        r"default-src 'none'; style-src(?: 'sha256-[\w+/=]{44}'){2}; base-uri 'none'; form-action 'none'", policy
    )
    assert " style=" not in page


def test_a_notebooks_cell_touches_nothing_around_it():
    fragment = report_of_everything()._repr_html_()
    style = re.search(r"<style>(.*?)</style>", fragment, re.DOTALL)[1]
    selectors = [s.strip() for rule in re.findall(r"([^{}]+)\{", style) for s in rule.split(",")]
    assert all(".mt-report" in s or ".mt-page" in s for s in selectors if not s.startswith("@"))
    assert "<html" not in fragment


# ---------------------------------------------------------------------------------------------------------------- JSON


def test_json_has_the_documented_keys_and_numbers():
    found = json.loads(report_of_everything().to_json())
    documented = re.findall(r"^    (\w+) +\S", words_of_schema(), re.MULTILINE)
    assert list(found) == documented
    assert found["schema"] == SCHEMA == 1
    assert (found["ok"], found["complete"], found["wrong"], found["wrong_forward"]) == (
        False,
        False,
        ["var", "x"],
        ["var"],
    )
    stages = {stage["name"]: stage for stage in found["stages"]}
    assert [stage["status"] for stage in found["stages"]] == [s.status for s in report_of_everything().stages.values()]
    assert stages["x"]["error"] == "Infinity"
    assert stages["x"]["worst"] == {"index": [2, 3], "given": "NaN", "expected": 0.25}
    assert stages["gamma"]["worst"] is None
    assert stages["var"]["lines"] == [
        {"number": 39, "text": "dvar = 0.5 * dstddev"},
        {"number": 41, "text": "dvar *= 7"},
    ]
    assert [d["kind"] for d in stages["var"]["diagnosis"]] == ["constant factor", "power of a tensor"]
    assert found["forward"][0]["diagnosis"][0]["kind"] == "eps left out"
    assert found["oracles"][0]["complex_step"] == 1.0
    assert found["rtol"] == 1e-7


def words_of_schema():
    from micrograd_tensor.check.rendering import json as module

    return module.__doc__


def test_numbers_of_json_are_exact_and_of_any_type():
    values = [np.float32(0.1), np.float64(0.1), np.longdouble(0.5), np.int64(3), np.bool_(True), -np.inf, 1 + 2j]
    stages = [Stage(f"s{i}", Status.WRONG, (1,), (1,), 0.0, ((0,), value, 0.1)) for i, value in enumerate(values)]
    found = json.loads(Report(Stages(stages)).to_json())
    given = [stage["worst"]["given"] for stage in found["stages"]]
    assert given == [float(np.float32(0.1)), 0.1, 0.5, 3, True, "-Infinity", "(1+2j)"]


# --------------------------------------------------------------------------------------------------------------- pytest


def test_a_failing_assertion_shows_the_report_and_no_line_of_ours(pytester_text):
    shown = pytester_text(
        """
        import numpy as np
        import micrograd_tensor as mt

        def test_mine():
            x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
            mt.check.assert_gradients(mt.square(x), [1.0, 3.0], {"dx": np.array([4.0, 24.0])})
        """
    )
    assert "dx" in shown
    assert "wrong here" in shown
    assert "1 where" in shown
    assert "micrograd_tensor/check" not in shown.replace("\\\\", "/")
    assert "def assert_gradients" not in shown


@pytest.fixture
def pytester_text(tmp_path):
    """Runs pytest on a text; gives what it prints."""
    import subprocess
    import sys
    from textwrap import dedent

    def run(text):
        (tmp_path / "test_mine.py").write_text(dedent(text))
        (tmp_path / "pytest.ini").write_text("[pytest]\n")
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "test_mine.py"],
            cwd=tmp_path,
            env={name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 1
        return ran.stdout

    return run


@pytest.mark.browser
def test_in_print_a_wide_circuit_and_a_long_line_are_not_cut(browser, tmp_path):
    circuit = '<svg xmlns="http://www.w3.org/2000/svg" width="880" height="100" viewBox="0 0 880 100"></svg>'
    lines = [(1, f"dx = {' + '.join(['dout * gamma'] * 20)}")]
    path = tmp_path / "report.html"
    path.write_text(html.page(report_of_everything(), source=lines, circuit=circuit), encoding="utf-8")
    page = browser.new_page(viewport={"width": 718, "height": 1000})  # A4 within its margins
    page.goto(path.as_uri())
    page.emulate_media(media="print")
    farthest = "all => Math.max(...all.map(e => e.getBoundingClientRect().right))"
    assert page.eval_on_selector_all("svg", farthest) <= 718
    assert page.eval_on_selector_all("pre > span", farthest) <= 718
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize(("high", "sheets"), [(300, 1), (1200, 1), (1900, 1), (2900, 3)])
def test_in_print_a_circuit_begins_below_its_heading(browser, tmp_path, high, sheets):
    """One that does not fit there would be moved to the next sheet, and leave the heading alone."""
    drawn = f'<svg xmlns="http://www.w3.org/2000/svg" width="880" height="{high}" viewBox="0 0 880 {high}"></svg>'
    page, counts = browser.new_page(), []
    for circuit in ("", drawn):
        path = tmp_path / "report.html"
        path.write_text(html.page(report_of_everything(), circuit=circuit), encoding="utf-8")
        page.goto(path.as_uri())
        counts.append(len(re.findall(rb"/MediaBox", page.pdf(prefer_css_page_size=True, format="A4"))))
    assert counts[1] - counts[0] == sheets
    page.emulate_media(media="print")
    title = page.eval_on_selector(".drawn h2", "e => e.getBoundingClientRect().bottom")
    begins = "e => e.getBoundingClientRect().top + parseFloat(getComputedStyle(e).paddingTop)"
    assert title < page.eval_on_selector(".drawn svg", begins)
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize(("width", "whole"), [(390, False), (720, True), (900, True), (1366, True)])
def test_on_a_screen_a_wide_circuit_is_whole_where_it_can_then_be_read(browser, tmp_path, width, whole):
    circuit = '<svg xmlns="http://www.w3.org/2000/svg" width="892" height="100" viewBox="0 0 892 100"></svg>'
    path = tmp_path / "report.html"
    path.write_text(html.page(report_of_everything(), circuit=circuit), encoding="utf-8")
    page = browser.new_page(viewport={"width": width, "height": 700})
    page.goto(path.as_uri())
    drawn, shown = page.eval_on_selector("svg", "e => [e.getBoundingClientRect().width, e.parentElement.clientWidth]")
    assert (drawn <= shown) == whole
    assert drawn >= 0.7 * 892
    assert page.evaluate("document.documentElement.scrollWidth") <= width  # what is wider scrolls in its own place
    page.close()
