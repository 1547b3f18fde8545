"""The user's file: loaded as a module of its own; what fails in it is shown in its own lines."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from textwrap import indent
from types import ModuleType

import numpy as np
import pytest

from micrograd_tensor.cli.main import main
from micrograd_tensor.cli.unusable import UnusableError
from micrograd_tensor.cli.user_file import blamed, user_file


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(text, name="mine.py"):
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_it_imports_what_lies_beside_it_and_is_gone_afterwards(write):
    write("value = 7\n", "folder/lies_beside.py")
    path = write(
        "from dataclasses import dataclass\nimport lies_beside\n@dataclass\nclass A:\n    n: int\n", "folder/mine.py"
    )
    before = list(sys.path), set(sys.modules)
    try:
        with user_file(path) as module:
            assert module.lies_beside.value == 7
            assert module.A(3).n == 3
            assert module.__file__ == str(path)
            assert module.__name__ != "__main__"
        assert list(sys.path) == before[0]
        assert set(sys.modules) - before[1] <= {"lies_beside", "dataclasses"}
    finally:
        sys.modules.pop("lies_beside", None)


def test_a_name_that_a_library_has_too_shadows_nothing(write):
    with user_file(write("def forward(): return 1\n", "numpy.py")) as module:
        assert module.forward() == 1
        assert sys.modules["numpy"] is np


def said_of(path, what="cannot be loaded"):
    with pytest.raises(UnusableError) as found, user_file(path) as module, blamed(path, "fails"):
        module.run()
    return str(found.value)


def test_frames_are_the_users_own_from_the_outermost(write):
    text = "import numpy as np\ndef run():\n    return inner(np.ones(2))\ndef inner(x):\n    return x.reshape(3)\n"
    said = said_of(write(text)).splitlines()
    assert said[0] == "mine.py fails"
    assert said[1:5] == [
        "  mine.py, line 3, in run",
        "    return inner(np.ones(2))",
        "  mine.py, line 5, in inner",
        "    return x.reshape(3)",
    ]
    assert said[5].startswith("ValueError: cannot reshape")
    assert len(said) == 6


def test_frames_within_the_engine_are_left_out(write):
    text = (
        "import micrograd_tensor as mt\ndef run():\n    x = mt.tensor([1.0, 2.0])\n    return mt.softmax(x, axis=7)\n"
    )
    said = said_of(write(text))
    assert "micrograd_tensor" not in said
    assert "mine.py, line 4, in run" in said
    assert "ShapeError" in said


def test_of_a_deep_recursion_the_last_calls_are_shown(write):
    said = said_of(write("def run():\n    return run()\n"))
    assert "earlier calls" in said
    assert len(said.splitlines()) < 15


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xff\xfe\x00", "SyntaxError"),
        (b"x = (1,\n", "line 1\n    x = (1,"),
        ("x = 'ä".encode("latin-1"), "SyntaxError"),
        (b"raise KeyboardInterrupt", None),
    ],
)
def test_what_is_no_python_is_said(content, says, write):
    path = write(content)
    with pytest.raises(UnusableError if says else KeyboardInterrupt) as found, user_file(path):
        pass
    assert says is None or says in str(found.value)


@pytest.mark.parametrize(("name", "says"), [("none.py", "is not a file"), (".", "is a directory")])
def test_what_is_no_file_is_said(name, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnusableError, match=says), user_file(Path(name)):
        pass


def test_the_users_own_exit_is_an_error_and_an_unusable_one_passes(write):
    path = write("x = 1\n")
    with pytest.raises(UnusableError, match="SystemExit: 3"), blamed(path, "fails"):
        raise SystemExit(3)
    with pytest.raises(UnusableError, match=r"^as it is$"), blamed(path, "fails"):
        raise UnusableError("as it is")


WANDERS = """import os
os.chdir("elsewhere")
def fails():
    return 1 / 0  # this line
"""


def test_a_file_that_changes_the_folder_changes_it_for_itself_only(write, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    path = write(WANDERS)
    with user_file(path):
        assert Path.cwd() == tmp_path / "elsewhere"
    assert Path.cwd() == tmp_path
    with pytest.raises(UnusableError, match="1 / 0  # this line"), user_file(path) as module, blamed(path, "fails"):
        module.fails()
    path = write(WANDERS.replace("# this line", "# another line"))
    with pytest.raises(UnusableError, match="1 / 0  # another line"), user_file(path) as module, blamed(path, "fails"):
        module.fails()


CHANGES_NUMPY = """import warnings
import numpy as np
exp = np.exp
np.exp = lambda x: exp(x)
replaced = np.exp(0.0)
np.relu = lambda x: np.maximum(x, 0)
np.seterr(all="raise")
np.set_printoptions(precision=2)
np.random.seed(3)
warnings.simplefilter("ignore")
"""


def test_a_file_that_changes_numpy_changes_it_for_itself_only(write, monkeypatch):
    def state():
        drawn = np.random.get_state()[1].tolist()  # noqa: NPY002 -- what the file seeds
        return np.exp, np.geterr(), np.get_printoptions(), drawn, list(warnings.filters)

    here = ModuleType("given")
    monkeypatch.setitem(sys.modules, "given", here)
    before = state()
    with user_file(write(CHANGES_NUMPY)) as module:
        assert module.replaced == 1.0
        assert np.exp is before[0]  # which the command itself uses
        assert np.relu(-1) == 0
    assert state() == before
    assert not hasattr(np, "relu")
    assert sys.modules["given"] is here


@pytest.mark.parametrize(
    ("words", "written"),
    [
        (["check", "mine.py", "--html", "r.html", "--json", "r.json"], ["r.html", "r.json"]),
        (["draw", "mine.py:circuit", "-o", "d.svg"], ["d.svg"]),
    ],
)
def test_what_is_written_goes_to_the_folder_of_the_command(write, tmp_path, words, written):
    (tmp_path / "elsewhere").mkdir()
    write(
        """import os
import numpy as np
import micrograd_tensor as mt
os.chdir("elsewhere")
def forward(x): return (x * x).sum()
def backward(dout, cache): return 2 * cache["x"] * dout
def inputs(): return {"x": np.arange(1.0, 4.0)}
def circuit(): return mt.tensor(2.0, requires_grad=True) * 3
"""
    )
    assert main(words) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"elsewhere", "mine.py", *written}
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("where", ["while it is loaded", "in a function"])
def test_a_tracer_and_a_profiler_are_there_again(write, where, untraced):
    stops = "import sys\nsys.settrace(None)\nsys.setprofile(None)\n"
    loaded = where == "while it is loaded"
    path = write(stops if loaded else "def stop():\n" + indent(stops, "    "))

    def tracer(*_):
        return None

    def profiler(*_):
        return None

    before = sys.getprofile()
    sys.settrace(tracer)
    sys.setprofile(profiler)
    try:
        with user_file(path) as module:
            if not loaded:
                module.stop()
        after = sys.gettrace(), sys.getprofile()
    finally:
        sys.settrace(None)
        sys.setprofile(before)
    assert after == (tracer, profiler)


@pytest.mark.parametrize(
    ("line", "use"),
    [
        ("import not_there", "not_there.plot(1)"),
        ("import not_there.pyplot as plt", "plt.figure"),
        ("import not_there.sub", "not_there.sub"),
        ("from not_there import a, b as c", "c(3)"),
        ("from not_there.sub import table", "table[0]"),
    ],
)
def test_what_is_not_installed_is_missed_where_it_is_used(write, line, use):
    text = f"from __future__ import annotations\n{line}\nimport math\ndef run(x: Some = 1):\n    return {use}\n"
    with user_file(write(text)) as module:
        assert module.math.pi > 3
        assert module.run.__annotations__ == {"x": "Some"}
    assert said_of(write(text)).splitlines() == [
        "mine.py fails",
        "  mine.py, line 5, in run",
        f"    return {use}",
        f"ModuleNotFoundError: No module named {line.split()[1]!r}".replace(".sub'", "'").replace(".pyplot'", "'"),
    ]


def test_a_file_that_has_something_else_for_what_is_not_installed_gets_that(write):
    text = "try:\n    import not_there as xp\nexcept ImportError:\n    import math as xp\ndef run(): return xp.pi\n"
    with user_file(write(text)) as module:
        assert module.run() > 3


@pytest.mark.parametrize("line", ["from not_there import *", "from math import not_there"])
def test_an_import_that_is_needed_at_once_fails_at_once(write, line):
    assert said_of(write(f"{line}\ndef run(): pass\n")).splitlines()[1:3] == ["  mine.py, line 1", f"    {line}"]


def test_a_script_sees_no_arguments(write):
    before = list(sys.argv)
    text = "import argparse, sys\nargparse.ArgumentParser().parse_args()\nargv = list(sys.argv)\nsys.argv += ['x']\n"
    with user_file(write(text)) as module:
        assert module.argv == ["mine.py"]
    assert sys.argv == before
