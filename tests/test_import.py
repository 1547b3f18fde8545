"""What importing the package loads: the engine and the compositions, not what draws, checks or trains."""

import subprocess
import sys

import pytest

import micrograd_tensor as mt

COSTLY = {"rich", "graphviz", "pygraphviz", "difflib", "ast", "xml", "argparse", "importlib.metadata"}
LATER = {"check", "cli", "data", "draw.circuit", "nn", "optim", "saving", "training"}


def loaded_by(statements: str) -> set[str]:
    """The modules that statements load in a fresh process, NumPy's own aside."""
    code = f"import sys, numpy; before = {{*sys.modules}}; {statements}; print(*{{*sys.modules}} - before)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_importing_loads_nothing_costly():
    assert not loaded_by("import micrograd_tensor") & (COSTLY | {f"micrograd_tensor.{name}" for name in LATER})


def test_the_rest_is_there_when_it_is_used():
    names = ["check", "compare", "data", "nn", "optim", "save", "Circuit"]
    loaded_by(f"import micrograd_tensor as mt; assert {{*{names}}} <= {{*dir(mt)}}; [getattr(mt, n) for n in {names}]")
    loaded_by(f"from micrograd_tensor import {', '.join(names)}")


def test_draw_is_the_function_whatever_was_imported_before():
    loaded_by("import micrograd_tensor.draw.circuit; import micrograd_tensor as mt; assert mt.draw.__name__ == 'draw'")


def test_a_name_that_there_is_not_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'micrograd_tensor' has no attribute 'sofmax'"):
        _ = mt.sofmax
