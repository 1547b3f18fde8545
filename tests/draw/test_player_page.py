"""The player's page: one file that needs nothing else, allows nothing else, and is the same on every run."""

import html
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from player_graphs import GRAPHS, HOSTILE, picture, played

import micrograd_tensor as mt
from micrograd_tensor.draw import DrawError
from micrograd_tensor.draw.inline import inline
from micrograd_tensor.draw.player import page, player_fragment
from micrograd_tensor.draw.player.data import data
from micrograd_tensor.draw.player.texts import as_json

HERE = Path(__file__).parent
SHELL = 79_000
"""In bytes, the most that a page may take beside its picture and its data."""


class Tags(HTMLParser):
    """The start tags of a page with their attributes, and the scripts with what is in them."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.scripts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, text):
        if self.tags and self.tags[-1][0] == "script" and self.scripts:
            self.scripts[-1] += text


@pytest.mark.parametrize("name", ["scalar", "attention"])
def test_the_shell_is_small(name):
    graph = GRAPHS[name]()
    svg = picture(graph)
    shell = page(graph, svg, title=name)
    for part in (inline(svg, "player").strip(), as_json(data(graph, svg, title=name))):
        assert part in shell
        shell = shell.replace(part, "")
    assert len(shell.encode()) <= SHELL


@pytest.mark.parametrize("name", GRAPHS)
def test_the_page_names_nothing_outside(name):
    text = played(name)
    for tag, attributes in Tags(text).tags:
        assert not {"src", "href", "srcset", "action", "data-src"} & set(attributes), tag
        assert not any(key.startswith("on") for key in attributes)
    style = "".join(re.findall(r"<style>(.*?)</style>", text, re.DOTALL))
    assert "url(" not in style
    assert "@import" not in style


@pytest.mark.parametrize("name", GRAPHS)
def test_there_are_two_scripts_of_which_one_is_data(name):
    tags = Tags(played(name))
    kinds = [attributes.get("type") for tag, attributes in tags.tags if tag == "script"]
    assert kinds == ["application/json", None]


def test_the_policy_allows_only_what_is_there():
    policy = next(a["content"] for tag, a in Tags(played("batch_norm")).tags if tag == "meta" and "http-equiv" in a)
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert "http" not in policy


def test_the_title_is_text():
    text = played("scalar", title="<i>{{data}} & \ud800")
    assert "<title>&lt;i&gt;{{data}} &amp; \ufffd</title>" in text


@pytest.mark.parametrize("name", ["hostile_names", "batch_norm"])
def test_no_name_becomes_markup(name):
    tags = Tags(played(name)).tags
    assert {tag for tag, _ in tags} <= {
        *("html", "head", "meta", "title", "style", "body", "main", "div", "header", "h1", "h2", "button", "input"),
        *(
            "span",
            "label",
            "select",
            "option",
            "noscript",
            "p",
            "section",
            "pre",
            "ul",
            "details",
            "summary",
            "kbd",
            "script",
        ),
        *("svg", "desc", "rect", "g", "path", "polygon", "ellipse", "text"),
    }
    assert all(
        attributes.keys() <= {"class", "id", "data-whole"}
        for tag, attributes in tags
        if tag == "main" and "id" in attributes
    )


def test_every_id_stands_once_and_begins_with_the_prefix():
    graph = GRAPHS["batch_norm"]()
    text = player_fragment(graph, picture(graph), title="one", prefix="one")
    ids = [attributes["id"] for _, attributes in Tags(text).tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert all(name == "one" or name.startswith("one-") for name in ids)


def test_a_fragment_without_shell_has_neither_style_of_its_own_nor_script():
    graph = GRAPHS["scalar"]()
    text = player_fragment(graph, picture(graph), title="one", shell=False)
    assert [a.get("type") for tag, a in Tags(text).tags if tag == "script"] == ["application/json"]
    assert ".mt-player" not in text


def test_a_prefix_that_cannot_be_one():
    graph = GRAPHS["scalar"]()
    with pytest.raises(DrawError, match="prefix"):
        player_fragment(graph, picture(graph), title="one", prefix='"><script>')


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_theme_of_the_picture_is_the_players(theme):
    graph = GRAPHS["scalar"]()
    text = page(graph, mt.draw(graph, theme=theme).svg, title="o")
    assert f'<main class="mt-player {theme}" id="player" data-whole>' in text


def test_saving_as_html(tmp_path):
    path = mt.draw(GRAPHS["batch_norm"]()).save(tmp_path / "player.html")
    text = path.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert 'class="data"' in text


@pytest.mark.parametrize("name", ["batch_norm", "hostile_names"])
def test_the_same_bytes_on_every_run(name):
    program = f"import sys; from player_graphs import played; sys.stdout.buffer.write(played({name!r}).encode())"
    printed = []
    for seed in ("1", "2"):
        path = os.pathsep.join([str(HERE), *sys.path])
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path}
        done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)
        printed.append(done.stdout)
    assert printed[0] == printed[1]
    assert len(printed[0]) > 20_000


def test_names_as_long_as_a_page_are_cut():
    assert len(HOSTILE[8]) == 10_000
    assert "x" * 100 not in played("hostile_names")


def steps(page):
    return json.loads(re.search(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)[1])["steps"]


def test_a_picture_of_the_forward_pass_is_played_forward_alone(tmp_path):
    graph = GRAPHS["batch_norm"]()
    page = mt.draw(graph, view="forward").save(tmp_path / "forward.html").read_text(encoding="utf-8")
    assert {step["phase"] for step in steps(page)} == {"overview", "forward"}


def test_a_picture_of_verdicts_is_played_with_them(tmp_path):
    graph = GRAPHS["batch_norm"]()
    right = {f"d{name}": graph.gradients[graph[name]].value for name in ("gamma", "beta")}
    report = mt.compare(graph, hand={**right, "dx": 2.0 * graph.gradients[graph["x"]].value})
    page = (
        mt.draw(graph, view="difference", against=report).save(tmp_path / "verdicts.html").read_text(encoding="utf-8")
    )
    judged = {verdict["name"]: verdict for step in steps(page) for verdict in step.get("verdicts", ())}
    assert (judged["dx"]["mark"], judged["dgamma"]["mark"]) == ("✗", "✓")
    first = report.diagnosis["x"][0]
    assert judged["dx"]["why"] == f"{first.kind}: {first.text}"


def test_a_picture_of_two_graphs_is_not_played(tmp_path):
    graph = GRAPHS["batch_norm"]()
    path = mt.draw(graph, view="difference", against=graph).save(tmp_path / "difference.html")
    assert "mt-player" not in path.read_text(encoding="utf-8")


def called_otherwise(text, shown):
    """What lanes of a picture say of values and rules that the steps, in which they are lit, do not."""
    lanes = dict(re.findall(r'<g id="(?:player-)?(edge-[^"]*)"[^>]*>(.*?)</g>', text.split("<template")[0], re.DOTALL))
    found = []
    for step in shown["steps"]:
        tables = {panel["name"].split(" = ")[0] for side in ("left", "right") for panel in step[side]["panels"]}
        for lane in step.get("lanes", ()):
            said = [
                html.unescape(line) for line in re.findall(r'font-weight="bold"[^>]*>(.*?)</text>', lanes.get(lane, ""))
            ]
            if step["phase"] == "forward":
                found += [name for name in said[:1] if name.split(" = ")[0] not in tables]
            elif step["phase"] == "backward" and len(said) == 1 and not re.search("…|= ", said[0]):
                found += [rule for rule in said if rule.split(": ")[-1] not in " ".join(step["say"])]
    return found


@pytest.mark.parametrize("name", [*GRAPHS, "unnamed"])
def test_picture_steps_and_tables_have_one_name_for_a_value(name, tmp_path):
    x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    graph = GRAPHS[name]() if name in GRAPHS else mt.graph((mt.sqrt(x * x + 1.0) * (x + 1.0)).sum(), 1.0)
    circuit = mt.draw(graph, width=None, depth=99)
    text = circuit.save(tmp_path / "page.html").read_text()
    shown = json.loads(re.search(r'class="data">(.*?)</script>', text, re.DOTALL)[1])
    assert called_otherwise(text, shown) == []
    if name in ("unnamed", "batch_norm"):  # whose picture alone calls values by their formulas
        assert called_otherwise(circuit.svg, shown)
