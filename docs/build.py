"""Builds the site into ``build/site/html``: ``python docs/build.py --open`` also shows it, ``--links`` tries its links.

The pages are the Markdown files as they stand, which a code host shows as well. The build adds what only a site can
have: the order of pages, read from ``docs/README.md``, the API reference, and the living pages.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import webbrowser
from collections.abc import Iterator
from pathlib import Path

try:
    from sphinx.cmd.build import main as sphinx
except ModuleNotFoundError:
    sys.exit("What builds the site is not installed: pip install '.[docs]'")

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path[:0] = [str(ROOT), str(DOCS / "site")]  # this checkout, whatever is installed

from api import ALL, pages_of_the_api  # noqa: E402
from living import LIVING, embedded  # noqa: E402

PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/**/*.md")
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")


def contents(index: str) -> str:
    """Tables of contents for the navigation, from the headings and lists of links of a page."""
    trees = ["```{toctree}\n:hidden:\n\ndocs/README\n```\n"]
    for heading, part in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", index, re.DOTALL | re.MULTILINE):
        pages = re.findall(r"^\* \[([^]]+)\]\(([^)]+)\.md\)", part, re.MULTILINE)
        entries = "\n".join(f"{title} <docs/{target}>" for title, target in pages)
        trees.append(f"```{{toctree}}\n:hidden:\n:caption: {heading}\n\n{entries}\n```\n")
    return "\n".join(trees)


def sources() -> Iterator[tuple[Path, str | Path]]:
    """Every file that Sphinx reads, by its place, with its text or the file that it is a copy of."""
    for path in sorted({path for pattern in PAGES for path in ROOT.glob(pattern)}):
        text = path.read_text(encoding="utf-8")
        for target in LINK.findall(text):
            linked = (path.parent / target).resolve()
            if linked.suffix != ".md":
                yield linked.relative_to(ROOT), linked
        text = embedded(text, "../" * (len(path.relative_to(DOCS).parts) - 1)) if DOCS in path.parents else text
        if path == ROOT / "README.md":
            text += "\n" + contents((DOCS / "README.md").read_text(encoding="utf-8"))
        if path == DOCS / "api.md":
            text += "\n" + ALL
        yield path.relative_to(ROOT), text
    for name, text in pages_of_the_api().items():
        yield Path("docs/api", name), text
    for path in DOCS.glob("**/*.svg"):  # which HTML in pages names by its place
        yield Path("as_is") / path.relative_to(ROOT), path
    for name, text in LIVING.items():
        yield Path("as_is/docs/living", f"{name}.html"), text()


def lay_out(stage: Path) -> None:
    """Put everything into a folder. What is unchanged keeps its time, so that Sphinx reads only the rest."""
    there = set()
    for place, content in sources():
        path = stage / place
        there.add(path)
        wanted = content.read_bytes() if isinstance(content, Path) else content.encode()
        if not path.exists() or path.read_bytes() != wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(wanted)
    for path in set(stage.glob("**/*")) - there:
        if path.is_file():
            path.unlink()


def build(folder: Path, builder: str = "html") -> int:
    """Build into a folder; returns Sphinx's exit status. Warnings are errors, and all of them are shown."""
    source = folder / "source"
    lay_out(source)
    settings = ["-c", str(DOCS / "site"), "-D", f"html_extra_path={source / 'as_is'}"]
    strict = [] if builder == "linkcheck" else ["-W"]  # the links are judged by `links`
    status = sphinx(["-M", builder, str(source), str(folder), *settings, "-q", "-a", *strict, "--keep-going", "-n"])
    if builder == "html" and (folder / "html/README.html").exists():
        shutil.copyfile(folder / "html/README.html", folder / "html/index.html")
    return status


def links(folder: Path) -> int:
    """Say which links, of those that were tried in a folder, lead nowhere; returns the exit status.

    A site that answers, but not to programs, is no dead link.
    """
    tried = [json.loads(line) for line in (folder / "linkcheck/output.json").read_text("utf-8").splitlines()]
    broken = [link for link in tried if link["status"] == "broken"]
    closed = [link for link in broken if re.match(r"(401|403|429|unauthorized)\b", link["info"])]
    for link in broken:
        kind = "not told to programs" if link in closed else "broken"
        print(f"{link['filename']}:{link['lineno']}: {kind}: {link['uri']}: {link['info']}")
    print(f"{len(tried)} links tried, {len(broken) - len(closed)} of them broken")
    return int(len(broken) > len(closed))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--open", action="store_true", help="show the site in the browser")
    parser.add_argument("--links", action="store_true", help="try every link, also those to other sites")
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "build/site", metavar="DIR", help="build/site")
    arguments = parser.parse_args()
    failed = build(arguments.out, "linkcheck" if arguments.links else "html")
    if arguments.links:
        failed = links(arguments.out)
    index = (arguments.out / "html/index.html").resolve()
    if not arguments.links:
        print(index)
    if arguments.open and index.exists():
        webbrowser.open(index.as_uri())
    sys.exit(failed)
