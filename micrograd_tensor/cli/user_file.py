"""The user's Python file: loaded as a module of its own; its failures are shown in the user's lines alone."""

from __future__ import annotations
import __future__

import ast
import io
import json
import linecache
import os
import sys
import tokenize
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..check.running import NUMPYS, replaced_kept
from ..engine.errors import GradientWarning
from ..notation.printable import shorten
from .defining import defines
from .seeded import seeded
from .unusable import UnusableError

_PACKAGE = "given"
_OURS = Path(__file__).parents[1].resolve()
_MOST, _LONGEST = (1 << 24, 1 << 28), 300
"""The most bytes of a file, and of a notebook, which has pictures too; the most characters of a line that is shown."""
_MAX_FRAMES = 4
"""How many of the user's frames are shown, the innermost ones."""


@contextmanager
def user_file(path: Path, seed: int = 0) -> Iterator[ModuleType]:
    """The module that a file defines; within the block, imports search the file's folder first.

    The file is compiled anew each time and leaves no ``__pycache__`` behind, nor do its siblings. What it draws from
    global generators, such as its weights, starts from the seed, so that two runs say the same. Its code sees no
    arguments, and may change the working folder: its lines are known all the same, and after the block the folder is
    what it was, as are NumPy's functions and settings, global generators, the filters of warnings, the search path, the
    environment, the standard streams and the limit of recursion. Functions of NumPy's that it replaces are NumPy's own
    as soon as it is loaded; what it adds to NumPy stays until the end. Siblings may be imported relatively; what is not
    installed is missed only where it is used. Of a notebook only what defines something is run.

    Raises:
        UnusableError: for a missing file, one that is not Python, and one whose code fails, with its line.
    """
    if not path.is_file():
        reason = "is a directory" if path.is_dir() else "is not a file"
        raise UnusableError(f"{path} {reason}; give a Python file")
    source = _source(path)
    folder, before = path.parent.resolve(), dict(sys.modules)
    package = ModuleType(_PACKAGE)  # in which siblings can be imported relatively; it shadows no other
    package.__path__ = [str(folder)]
    module = ModuleType(f"{_PACKAGE}.{path.stem}")  # dataclasses look the module up
    module.__file__, module.__package__ = str(path), _PACKAGE
    paths, writes_none = [*sys.path], sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    sys.path[:0] = [str(folder), *([str(folder.parent)] if (folder / "__init__.py").exists() else [])]
    sys.modules |= {_PACKAGE: package, module.__name__: module}
    lines = io.StringIO(source).readlines()
    linecache.cache[str(path)] = len(source), None, lines, str(path)  # without a time, so it is not looked for again
    try:
        with _interpreter_kept(), _numpy_kept(), seeded(seed), warnings.catch_warnings():
            with blamed(path, "cannot be loaded"), replaced_kept():
                sys.argv = [str(path)]
                _run(ast.parse(source, str(path)), path, vars(module))
            yield module
    finally:
        sys.path[:], sys.dont_write_bytecode = paths, writes_none
        for name in [name for name in sys.modules if name not in before]:
            file = getattr(sys.modules[name], "__file__", None)
            if name.split(".")[0] == _PACKAGE or (file and _is_users(file, path)):
                del sys.modules[name]
        if _PACKAGE in before:
            sys.modules[_PACKAGE] = before[_PACKAGE]


def _source(path: Path) -> str:
    """The Python text of a file, of a notebook that of its cells.

    Raises:
        UnusableError: for a file that is none, or cannot be read.
    """
    notebook = path.suffix == ".ipynb"
    most = _MOST[notebook]
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise UnusableError(f"{path} cannot be read: {error.strerror or error}") from None
    if len(content) > most:
        raise UnusableError(f"{path} has more than {most >> 20} MiB; give a file that people wrote")
    try:
        return "".join(_cells(content)) if notebook else _text(content)
    except (ValueError, TypeError, LookupError, RecursionError, SyntaxError) as error:
        why = shorten(" ".join(f"{type(error).__name__}: {error}".split()), 200)
        raise UnusableError(f"{path} is not a {'notebook' if notebook else 'Python file'}: {why}") from None


def _text(content: bytes) -> str:
    """Decode a file as Python does, by its first lines."""
    encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
    text = io.TextIOWrapper(io.BytesIO(content), encoding).read()
    if "\0" in text:
        raise ValueError("it has null bytes")
    return text


@contextmanager
def _interpreter_kept() -> Iterator[None]:
    """After the block the working folder, the environment, the limit of recursion and tracers are what they were."""
    here, environment, limit = Path.cwd(), dict(os.environ), sys.getrecursionlimit()
    trace, profile, arguments = sys.gettrace(), sys.getprofile(), sys.argv
    try:
        yield
    finally:
        sys.argv = arguments
        os.chdir(here)
        os.environ.clear()
        os.environ.update(environment)
        sys.setrecursionlimit(limit)
        if sys.gettrace() is not trace:  # a debugger's, or a measurement of coverage
            sys.settrace(trace)
        if sys.getprofile() is not profile:
            sys.setprofile(profile)


@contextmanager
def _numpy_kept() -> Iterator[None]:
    """After the block NumPy's functions and settings are what they were, and what was added to it is gone."""
    before = [(module, {*vars(module)}) for module in NUMPYS]
    try:
        with replaced_kept(), np.errstate(), np.printoptions():
            yield
    finally:
        for module, names in before:
            for name in [n for n, x in vars(module).items() if n not in names and not isinstance(x, ModuleType)]:
                delattr(module, name)


def _cells(source: bytes) -> list[str]:
    """The code of a notebook, cell after cell, without what is for its shell."""
    lines: list[str] = []
    for cell in json.loads(source)["cells"]:
        if cell["cell_type"] == "code":
            text = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
            lines += ["\n" if line.lstrip()[:1] in ("%", "!", "?") else f"{line}\n" for line in text.splitlines()]
    return lines


def _run(tree: ast.Module, path: Path, names: dict[str, Any]) -> None:
    """Run a file; of a notebook what `defines` something: functions, classes, imports, values that NumPy makes.

    What an import does not find is missed where it is used, and so is a value of a notebook's that cannot be made.
    """
    notebook, flags = path.suffix == ".ipynb", 0
    for statement in tree.body:
        if notebook and not defines(statement, names):
            continue
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            flags |= sum(getattr(__future__, alias.name).compiler_flag for alias in statement.names)
        code = compile(ast.Module([statement], []), str(path), "exec", flags, dont_inherit=True)
        try:
            exec(code, names)  # noqa: S102 -- the user asked for it
        except ImportError as error:
            if not isinstance(statement, ast.Import | ast.ImportFrom):
                raise
            bound = [alias.asname or alias.name.split(".")[0] for alias in statement.names]
            if not notebook and ("*" in bound or not isinstance(error, ModuleNotFoundError)):
                raise
            names.update(dict.fromkeys(bound, _Missing(error)))
        except Exception:
            if not (notebook and isinstance(statement, _VALUES)):
                raise


_VALUES = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr)


class _Missing:
    """Stands for what an import did not find: using it fails as the import would have."""

    __module__ = _PACKAGE  # it is a name in the user's file

    def __init__(self, error: ImportError) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what looks at it only
            raise AttributeError(name)
        return self()

    def __getitem__(self, _: Any) -> Any:
        return self()

    def __call__(self, *_: Any, **__: Any) -> Any:
        raise type(self._error)(str(self._error), name=self._error.name)


@contextmanager
def blamed(path: Path, what: str) -> Iterator[None]:
    """Blame the file for whatever fails within the block: an `UnusableError` that shows the user's lines.

    Args:
        path: the file, as the user gave it.
        what: what follows the path in the message, such as "cannot be loaded".
    """
    try:
        yield
    except (UnusableError, KeyboardInterrupt):
        raise
    except BaseException as error:  # SystemExit, GeneratorExit, CancelledError, and what people derive themselves
        raise UnusableError(f"{path} {what}\n{explained(error, path)}") from None


def explained(error: BaseException, path: Path) -> str:
    """The error and the user's frames, with file, line and source, without this package's and libraries'."""
    lines = []
    frames = [f for f in traceback.extract_tb(error.__traceback__) if _is_users(f.filename, path)]
    if len(frames) > _MAX_FRAMES:
        lines.append(f"  … {len(frames) - _MAX_FRAMES} earlier calls")
    for frame in frames[-_MAX_FRAMES:]:
        place = f", in {frame.name}" if frame.name != "<module>" else ""
        lines.append(f"  {frame.filename}, line {frame.lineno}{place}")
        if frame.line:
            lines.append(f"    {shorten(frame.line, _LONGEST)}")
    if isinstance(error.__cause__, GradientWarning):  # NumPy's own error is around it
        error = error.__cause__
    if isinstance(error, SyntaxError):
        lines += [shorten(line.rstrip(), _LONGEST) for line in traceback.format_exception_only(error)]
    else:
        text = str(error).strip()
        lines.append(f"{type(error).__name__}{f': {text}' if text else ''}")
    return "\n".join(line.rstrip("\n") for line in lines)


def _is_users(filename: str, path: Path) -> bool:
    """Whether a frame's file is the user's or in the same folder, and not an installed library's."""
    if filename == str(path):
        return True
    found = Path(filename).resolve()
    return (
        found.is_relative_to(path.parent.resolve())
        and not found.is_relative_to(_OURS)
        and "site-packages" not in found.parts
    )
