"""The project's metadata: one version, the addresses of the repository that builds it, the Pythons that CI runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import micrograd_tensor as mt

core = pytest.importorskip("hatchling.metadata.core")
PluginManager = pytest.importorskip("hatchling.plugin.manager").PluginManager

ROOT = Path(mt.__file__).parents[1]
pytestmark = pytest.mark.skipif(not (ROOT / "pyproject.toml").is_file(), reason="the package is installed as a copy")


def metadata():
    return core.ProjectMetadata(str(ROOT), PluginManager()).core


@pytest.fixture
def built_by_github(monkeypatch):
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://server.example")
    monkeypatch.setenv("GITHUB_REPOSITORY", "someone/project")
    monkeypatch.setenv("GITHUB_REF_NAME", "v1.2.3")


def test_the_changelog_begins_with_this_version():
    sections = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sections[0] in (mt.__version__, "[Unreleased]")
    assert mt.__version__ in sections
    assert len(sections) == len(set(sections))


def test_the_version_is_the_packages():
    assert metadata().version == mt.__version__


def test_the_addresses_are_those_of_the_repository_that_builds(built_by_github):
    assert metadata().urls["Repository"] == "https://server.example/someone/project"


def test_links_of_the_readme_are_absolute_where_it_stands_alone(built_by_github):
    targets = re.findall(r"\]\(([^)]+)\)|\bsrc(?:set)?=\"([^\"]+)\"", metadata().readme)
    targets = ["".join(either) for either in targets]
    assert all(target.startswith("https://server.example/someone/project/") for target in targets)
    assert "https://server.example/someone/project/raw/v1.2.3/docs/batchnorm.svg" in targets
    assert "https://server.example/someone/project/raw/v1.2.3/docs/batchnorm-narrow.svg" in targets
    assert "https://server.example/someone/project/blob/v1.2.3/docs/engine.md" in targets
    moving = "https://server.example/someone/project/raw/v1.2.3/docs/living.webp"
    assert (
        f"]({moving})](https://server.example/someone/project/blob/v1.2.3/docs/living-circuit.md)" in metadata().readme
    )


def test_built_elsewhere_it_names_no_address(monkeypatch):
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    assert metadata().urls == {}
    assert metadata().readme == (ROOT / "README.md").read_text(encoding="utf-8")


def test_ci_runs_the_versions_of_python_that_are_claimed():
    [matrix] = re.findall(r"python: \[(.*)\]", (ROOT / ".github/workflows/tests.yml").read_text(encoding="utf-8"))
    claimed = [c.rpartition(" ")[2] for c in metadata().classifiers if re.search(r"Python :: 3\.", c)]
    assert re.findall(r"3\.\d+", matrix) == claimed
    assert metadata().requires_python == f">={claimed[0]}"
