"""The reader of formulas, the table of ops and random programs serve here too, and pdfLaTeX where it is installed."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

for folder in ("algebra", "engine", "notation"):
    sys.path.append(str(Path(__file__).parents[1] / folder))


@pytest.fixture
def compiled(tmp_path):
    """Compiles a text; returns the number of its pages."""
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is missing")

    def run(text):
        (tmp_path / "page.tex").write_text(text, encoding="utf-8")
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=600, check=False)
        said = done.stdout.decode(errors="replace")
        assert done.returncode == 0, said[-3000:]
        return int(re.search(r"Output written on page.pdf \((\d+) page", said)[1])

    return run
