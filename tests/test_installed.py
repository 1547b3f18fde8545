"""What a release would be: the files that PyPI gets, and the package where nothing of this repository is beside it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow
for needed in ("build", "hatchling", "twine"):
    pytest.importorskip(needed)

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FOR_USERS = sorted(PROJECT["optional-dependencies"].keys() - {"docs", "test", "dev"})


def run(*command, **settings):
    """Run a program away from this repository; returns what it prints, and fails with what it says."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, **settings)
    assert ran.returncode == 0, f"{command}: {ran.stdout}{ran.stderr}"
    return ran.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The sdist, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    [sdist], [wheel] = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def python(built, tmp_path_factory):
    """A Python with the wheel alone."""
    folder = tmp_path_factory.mktemp("alone")
    venv.create(folder, with_pip=True)
    found = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    run(found, "-m", "pip", "install", "-q", built[1])
    return found


def test_pypi_would_take_them(built):
    assert run(sys.executable, "-m", "twine", "check", "--strict", *built).count("PASSED") == 2


def test_what_is_in_them(built):
    sdist, wheel = built
    names = zipfile.ZipFile(wheel).namelist()
    outside = {name.split("/")[0] for name in names} - {"micrograd_tensor"}
    assert [bool(re.fullmatch(r"micrograd_tensor-.*\.dist-info", name)) for name in outside] == [True]
    there = {path.relative_to(ROOT).as_posix() for path in (ROOT / "micrograd_tensor").rglob("*.*")}
    there = {name for name in there if "__pycache__" not in name and (ROOT / name).is_file()}
    assert there <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert {"README.md", "CHANGELOG.md", "LICENSE", "docs/README.md", "docs/build.py", "tests/conftest.py"} <= packed
    assert not any(name.startswith(("build/", ".git/")) for name in packed)


def test_the_wheel_works_by_itself(python, tmp_path):
    version = re.search(r'__version__ = "(.*)"', (ROOT / "micrograd_tensor/__init__.py").read_text(encoding="utf-8"))[1]
    assert run(python, "-m", "micrograd_tensor", "--version", cwd=tmp_path).split()[-1] == version
    where = run(python, "-c", "import micrograd_tensor as mt; print(mt.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(python.parents[1])
    assert "agree" in run(python, "-m", "micrograd_tensor", "batchnorm", cwd=tmp_path)
    assert (tmp_path / "batchnorm.svg").stat().st_size > 10_000
    for name in ("circuit.svg", "circuit.png", "circuit.html"):
        run(python, "-m", "micrograd_tensor", "draw", "layernorm", "-o", name, cwd=tmp_path)
    run(python, "-m", "micrograd_tensor", "derive", "batchnorm", "-o", "bn.py", cwd=tmp_path)
    assert "DIFFERS" not in run(python, "bn.py", cwd=tmp_path)
    run(python, "-m", "micrograd_tensor", "check", "--new", "batchnorm", "-o", "exercise.py", cwd=tmp_path)


def test_what_an_extra_brings_is_asked_for_by_its_name(python, tmp_path):
    asked = "import micrograd_tensor as mt; mt.save({}, 'a.safetensors')"
    said = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=False, cwd=tmp_path).stderr
    assert "[train]" in said.splitlines()[-1]
    asked = "import micrograd_tensor as mt; mt.compile(lambda x: x, backend='numba')"
    said = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=False, cwd=tmp_path).stderr
    assert "[compile]" in said.splitlines()[-1]


@pytest.mark.parametrize("extra", FOR_USERS)
def test_an_extra_can_be_had_by_itself(built, python, extra):
    """Pip finds all that it needs; that all of them go together is seen below."""
    report = run(python, "-m", "pip", "install", "--dry-run", "--quiet", "--report", "-", f"{built[1]}[{extra}]")
    assert json.loads(report)["install"]


def test_all_extras_work_together(built, python, tmp_path):
    run(python, "-m", "pip", "install", "-q", f"{built[1]}[{','.join(FOR_USERS)}]")
    lines = [
        "import numpy as np, micrograd_tensor as mt",
        "net = mt.nn.Linear(3, 2); mt.save(net, 'net.safetensors'); mt.load('net.safetensors', net)",
        "fast = mt.compile(lambda x: mt.tanh(x) * 2.0 + x, backend='numba')",
        "x = mt.tensor(np.ones((4, 3))); assert np.allclose(fast(x), np.tanh(1.0) * 2.0 + 1.0)",
    ]
    if "dask" in FOR_USERS:
        lines += [
            "import dask.array as da",
            "y = mt.tensor(da.ones((8, 2), chunks=4)).mean(axis=0)",
            "assert np.asarray(y.data).tolist() == [1.0, 1.0]",
        ]
    run(python, "-c", "\n".join(lines), cwd=tmp_path)
