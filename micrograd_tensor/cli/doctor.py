"""``micrograd-tensor doctor``: what works here, found out by trying it, and what to do about what does not."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any, Literal

import numpy as np

from .. import __version__
from ..compile import cache
from ..compile import compile as compiled
from ..compile.c_kernels import CompilerError, compiler
from ..draw import DrawError, draw
from ..draw.theme import FONT
from ..engine.tensor import tensor
from .console import console, table
from .outputs import add_json, check_json, to_stdout, write_json

State = Literal["works", "absent", "broken"]

LIBRARIES = {
    "safetensors": ("saves and loads nets, and trains digits", "train"),
    "scikit-learn": ("has the digits to train on", "train"),
    "matplotlib": ("draws the picture of a training", "train"),
    "dask": ("holds arrays larger than memory", "dask"),
    "pyarrow": ("reads .parquet files", ""),
    "shtab": ("completes commands in the shell", "completion"),
    "torch": ("is compared with by bench", ""),
    "jax": ("is compared with by bench", ""),
}
"""Libraries that one can do without: what each is for, and the extra that brings it."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        what: its name.
        state: whether it works, is not there, which may be as intended, or is there and does not work.
        found: which it is, or what went wrong.
        advice: what to do, where it does not work; else "".
    """

    what: str
    state: State
    found: str
    advice: str = ""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options to its parser, and the function that runs them."""
    parser.description = (
        "Look at what this installation can do: versions, pictures, compiled functions, the browser, the cache, and "
        "libraries for more. Each is tried, and what does not work comes with one line of advice. Exit status: 0 all "
        "that is there works, 1 something does not, 2 unusable output."
    )
    add_json(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Run the subcommand; returns the exit status."""
    check_json(given)
    found = list(checks())
    broken = [check for check in found if check.state == "broken"]
    terminal = console(quiet=to_stdout(given))
    made = table("", ("what", "", "found"), ())
    for check in found:
        made.add_row(check.what, {"works": "✓", "absent": "·", "broken": "✗"}[check.state], check.found)
    terminal.print(made, "")
    for check in found:
        if check.advice:
            terminal.say(f"{check.what}: {check.advice}", "bold red" if check.state == "broken" else "")
    terminal.say("All that is there works." if not broken else "Something does not work: see above.")
    write_json(given.json, {"ok": not broken, "checks": [asdict(check) for check in found]})
    return 1 if broken else 0


def checks() -> Iterator[Check]:
    """Everything that is looked at, in turn."""
    yield Check("micrograd-tensor", "works", f"{__version__} in {Path(__file__).parents[1]}")
    yield Check("Python", "works", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield Check("NumPy", "works", np.__version__)
    yield Check("terminal", "works", _terminal())
    for check in (_pictures, _fonts, _numba, _c_compiler, _cache, _browser):
        try:
            yield check()
        except Exception as error:  # whatever it is, it is what a doctor looks for
            what = check.__name__.strip("_").replace("_", " ")
            why = " ".join(f"{type(error).__name__}: {error}".split())
            yield Check(what, "broken", why, "report it with this line")
    for name, (what_for, extra) in LIBRARIES.items():
        yield _library(name, what_for, extra)


def _terminal() -> str:
    terminal = console()
    return f"{terminal.width} columns, {sys.stdout.encoding}, {terminal.color_system or 'no colours'}"


def _version(name: str) -> str:
    with suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(name)
    return ""


def _pictures() -> Check:
    x = tensor(np.ones(2), name="x", requires_grad=True)
    try:
        circuit = draw((x * x).sum().named("y"), 1.0)
        with TemporaryDirectory() as folder:
            sizes = {kind: circuit.save(Path(folder) / f"x.{kind}").stat().st_size for kind in ("svg", "png", "pdf")}
    except DrawError as error:
        return Check("pictures", "broken", str(error), "pip install --force-reinstall pygraphviz")
    own = _version("pygraphviz")
    by = f"pygraphviz {own}" if own else f"Graphviz at {shutil.which('dot')}"
    return Check("pictures", "works", f"{', '.join(sizes)} by {by}")


def _fonts() -> Check:
    """PNG and PDF are painted with fonts of the system; in SVG and HTML it is the reader's that count."""
    program = shutil.which("fc-match")
    if program is None:
        return Check("fonts", "absent", "no fontconfig here to ask; .svg and .html do not need it")
    done = subprocess.run([program, FONT], capture_output=True, text=True, check=False, timeout=30)  # noqa: S603 -- fixed
    said = done.stdout.strip()
    if done.returncode or not said:
        return Check(
            "fonts", "broken", "fontconfig finds no font for .png and .pdf", "install one, such as Liberation Sans"
        )
    return Check("fonts", "works", f"{FONT} is {said.partition(': ')[2] or said}")


def _numba() -> Check:
    if not _version("numba"):
        return Check("Numba", "absent", "mt.compile runs NumPy", "pip install 'micrograd-tensor[compile]'")
    try:
        _run_compiled("numba")
    except Exception as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())
        return Check("Numba", "broken", why, "pip install --upgrade 'micrograd-tensor[compile]'")
    return Check("Numba", "works", f"{_version('numba')} with llvmlite {_version('llvmlite')}")


def _c_compiler() -> Check:
    try:
        command = compiler()
    except FileNotFoundError as error:
        asked = os.environ.get("CC")
        if asked:
            return Check("C compiler", "broken", str(error), f"unset CC, which is {asked!r}, or name a compiler by it")
        return Check(
            "C compiler", "absent", "only backend='c' of mt.compile needs one", "install gcc or clang for that"
        )
    try:
        _run_compiled("c")
    except (CompilerError, OSError) as error:
        return Check(
            "C compiler", "broken", " ".join(str(error).split()), "install Python's and the C library's headers"
        )
    return Check("C compiler", "works", " ".join(command))


def _run_compiled(backend: Literal["numba", "c"]) -> None:
    """Compile a function that nobody has compiled before, and run it."""
    steps = np.random.default_rng().integers(0, 2, 24).tolist()  # other constants alone would make no other kernel

    def function(x: Any) -> Any:
        for step in steps:
            x = np.tanh(x) if step else np.sin(x)
        return x

    before = os.environ.get(cache.VARIABLE)
    os.environ[cache.VARIABLE] = "0"  # what is kept there proves nothing, and this is not worth keeping
    try:
        made = compiled(function, backend=backend)(tensor(np.arange(64.0)))
    finally:
        os.environ.pop(cache.VARIABLE)
        os.environ |= {} if before is None else {cache.VARIABLE: before}
    if not np.allclose(made.numpy(), function(np.arange(64.0))):
        raise ValueError("a compiled function computes something else")


def _cache() -> Check:
    folder = cache.folder()
    if folder is None:
        return Check(
            "cache", "absent", "turned off: kernels are compiled anew in each process", f"unset {cache.VARIABLE}"
        )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
        files = [entry.stat().st_size for entry in os.scandir(folder) if entry.is_file()]
    except OSError as error:
        advice = f"set {cache.VARIABLE} to a folder of yours, or to 0"
        return Check("cache", "broken", f"{folder}: {error.strerror or error}", advice)
    return Check("cache", "works", f"{folder}: {len(files)} files, {sum(files) / 1e6:.1f} MB")


def _browser() -> Check:
    try:
        found = webbrowser.get()
    except webbrowser.Error:
        return Check("browser", "absent", "--open has none to open", "name one by the variable BROWSER")
    return Check("browser", "works", str(getattr(found, "name", "") or type(found).__name__))


def _library(name: str, what_for: str, extra: str) -> Check:
    version = _version(name)
    if not version:
        wanted = f"'micrograd-tensor[{extra}]'" if extra else name
        return Check(name, "absent", what_for, f"pip install {wanted}")
    return Check(name, "works", f"{version}: {what_for}")
