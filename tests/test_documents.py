"""README and docs: every Python block runs and prints what the text block after it says; every link leads on."""

from __future__ import annotations

import contextlib
import io
import re
import runpy
import shlex
import subprocess
import sys
from codeop import CommandCompiler
from pathlib import Path

import pytest

import micrograd_tensor as mt
from micrograd_tensor.cli import main
from micrograd_tensor.cli.builtin_graphs import BUILTINS
from micrograd_tensor.draw.views import VIEWS
from micrograd_tensor.engine.primitive import OPS
from micrograd_tensor.engine.row import ANSWERS, TABLE

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
NEEDS = {
    "past-one-machine.md": "distributed",
    "training.md": "safetensors",
    "README.md": "sklearn",
    "compile.md": "numba",
    "start.md": "safetensors",
}
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture(autouse=True)
def the_same_table_afterwards():
    """A page may add a row to the table of ops."""
    registries, methods = (TABLE, OPS, ANSWERS), set(vars(mt.Tensor))
    before = [dict(registry) for registry in registries]
    yield
    for registry, content in zip(registries, before, strict=True):
        registry.clear()
        registry.update(content)
    for name in set(vars(mt.Tensor)) - methods:
        delattr(mt.Tensor, name)


def run(text, folder, page="page"):
    """Run a document's Python blocks in one namespace; yield what each printed, and what the text after it says.

    A block that begins with ``# NAME.py`` is a file of that name as well; a block "console" has commands behind
    ``$``, and what these print.
    """
    blocks = BLOCK.findall(text)
    namespace: dict[str, object] = {}
    with contextlib.chdir(folder):
        for i, (language, code) in enumerate(blocks):
            if language == "console":
                yield from typed(code)
            if language != "python":
                continue
            if file := re.match(r"# (\w+\.py)\n", code):
                Path(file[1]).write_text(code, encoding="utf-8")
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(code, f"{page}.py", "exec"), namespace)  # noqa: S102 -- our own documents
            following = blocks[i + 1] if i + 1 < len(blocks) else ("", "")
            yield printed.getvalue().rstrip(), following[1].rstrip() if following[0] == "text" else ""


def typed(session):
    """What each command of a session in a terminal prints, and what the session says."""
    for command, said in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", session, re.MULTILINE):
        program, *arguments = shlex.split(command)
        assert program == "micrograd-tensor"
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            main(arguments)
        yield printed.getvalue().rstrip(), said.rstrip()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_code_runs_and_prints_what_is_said(document, tmp_path, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)  # the width of the terminal, if any, must not matter
    if document.name in NEEDS:
        pytest.importorskip(NEEDS[document.name])
    for printed, said in run(document.read_text(encoding="utf-8"), tmp_path, document.stem):
        assert printed == said


def unlike_typing(code):
    """The line of a block at which Python's prompt gives up, where blank lines end what is indented; or None."""
    compiler, lines = CommandCompiler(), []
    for line in [*code.rstrip("\n").split("\n"), ""]:
        lines.append(line)
        try:
            whole = compiler("\n".join(lines))
        except SyntaxError:
            return line
        if whole is not None:
            lines = []
    return "the last" if any(lines) else None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_code_can_be_pasted_at_the_prompt(document):
    for language, code in BLOCK.findall(document.read_text(encoding="utf-8")):
        if language == "python" and not re.search(r"\n\n +\S", code):  # else it is for a file
            assert unlike_typing(code) is None


@pytest.mark.parametrize("code", ["for i in []:\n    i\ni = 1\n", "def f():\n    a = 1\n\n    return a\n", "f(\n"])
def test_code_that_can_not_be_pasted_is_noticed(code):
    assert unlike_typing(code) is not None


@pytest.mark.parametrize(
    "document", [*DOCUMENTS, ROOT / "CONTRIBUTING.md"], ids=lambda path: str(path.relative_to(ROOT))
)
def test_links_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (document.parent / target).exists(), target


def test_a_wrong_number_in_a_document_is_found(tmp_path):
    text = "```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n\n```console\n$ micrograd-tensor draw --list\nnone\n```\n"
    [(printed, said), (listed, none)] = run(text, tmp_path)
    assert (printed, said) == ("2", "3")
    assert "batchnorm" in listed
    assert none == "none"


def test_the_readme_has_the_two_commands_and_a_short_example():
    listed = subprocess.run(
        [sys.executable, ROOT / ".ci" / "readme_commands.py", ROOT / "README.md"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert len(listed) == 2
    assert "micrograd-tensor batchnorm" in listed[0]
    assert "pytest" in listed[1]
    example = next(code for language, code in BLOCK.findall((ROOT / "README.md").read_text()) if language == "python")
    assert len([line for line in example.splitlines() if line.strip()]) <= 15


def test_the_pictures_are_those_that_the_code_draws(tmp_path):
    runpy.run_path(str(ROOT / "docs" / "pictures.py"))["draw_all"](tmp_path)
    drawn = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.glob("**/*.svg")}
    found = [path for path in (ROOT / "docs").glob("**/*.svg") if not path.name.startswith("architecture-")]
    there = {path.relative_to(ROOT / "docs"): path.read_bytes() for path in found}
    assert sorted(drawn) == sorted(there)
    for path, content in drawn.items():
        assert content == there[path], f"run docs/pictures.py: {path}"
    assert sum(map(len, there.values())) < 1_500_000


def test_the_derivation_of_batch_normalization_is_the_one_that_is_derived():
    page = (ROOT / "docs" / "batchnorm.md").read_text(encoding="utf-8")
    written = runpy.run_path(str(ROOT / "docs" / "batchnorm.py"))["written"]
    assert written(page) == page, "run docs/batchnorm.py"
    assert all(line == line.rstrip() for line in page.split("\n"))
    spoiled = page.replace("A product swaps", "A product waits").replace("    dx = gamma", "    dx = beta")
    assert spoiled != page == written(spoiled)


def test_the_row_that_is_quoted_is_the_one_that_runs():
    quoted = re.search(
        r"This is all of `sqrt`:\n\n(.*?)\n\n\S", (ROOT / "docs/engine.md").read_text("utf-8"), re.DOTALL
    )[1]
    source = (ROOT / "micrograd_tensor/engine/table/elementwise.py").read_text(encoding="utf-8")
    row = re.search(r'@primitive\("√".*?\n\n\n', source, re.DOTALL)[0]
    written = [line.strip() for line in row.splitlines()]
    lines = [line.strip() for line in quoted.splitlines() if '"""' not in line]
    assert len(lines) == 4
    assert set(lines) <= set(written)


def test_every_page_leads_back_to_the_list_of_all():
    listed = set(re.findall(r"\]\(([^)]+\.md)\)", (ROOT / "docs" / "README.md").read_text(encoding="utf-8")))
    for path in (ROOT / "docs").glob("**/*.md"):
        name = path.relative_to(ROOT / "docs").as_posix()
        if name != "README.md":
            assert name in listed, f"docs/README.md is the list of all pages: {name}"
            back = "../" * name.count("/") + "README.md"
            assert f"[All pages]({back})" in path.read_text(encoding="utf-8"), name


def test_the_gallery_shows_every_picture_and_every_built_in_graph():
    text = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"!\[[^]]+\]\((gallery/[^)]+)\)", text))
    assert shown == {f"gallery/{path.name}" for path in (ROOT / "docs" / "gallery").iterdir()}
    assert set(re.findall(r"^### (\w+)$", text, re.MULTILINE)) >= {*BUILTINS, *VIEWS} - {
        "overlay",
        "forward",
        "backward",
    }
