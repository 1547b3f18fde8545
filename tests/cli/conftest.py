"""Files of layers, written and checked by the command."""

import sys
from pathlib import Path

import pytest

from micrograd_tensor.cli import main


@pytest.fixture
def check(tmp_path, monkeypatch, capsys):
    """Check a file, with NumPy as ``np``: the exit status, and all that is printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "500")

    def run(text, *options, name=""):
        Path("mine.py").write_text(f"import numpy as np\n{text}", encoding="utf-8")
        status = main(["check", f"mine.py{name and ':'}{name}", *options])
        said = capsys.readouterr()
        return status, said.out + said.err

    return run


@pytest.fixture
def untraced():
    """No tracer, such as that of coverage: where there is one, arrays of names that are used again are not known."""
    before = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(before)
