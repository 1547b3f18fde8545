"""C kernels: loops compiled by the system's C compiler, each text once."""

from __future__ import annotations

import ctypes
import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache as once
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import wrap
from time import perf_counter
from typing import Any

import numpy as np

from . import cache
from .c_source import TYPES, Arrays, Translated, scalar_functions
from .kernels import Made, Origin
from .native import builtin

NATIVE = "-march=native" if platform.machine().lower() in ("x86_64", "amd64", "i686") else "-mcpu=native"
"""Code for this very processor."""
FLAGS = ["-std=c11", "-O3", "-fopenmp-simd", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math", "-w"]
"""A product and a sum may be rounded as one, and nobody asks for exceptions; all else is as it is written."""
_LINKED = ["-shared", "-fPIC", *(["-undefined", "dynamic_lookup"] if sys.platform == "darwin" else [])]

_made: dict[Any, Any] = {}


class CompilerError(RuntimeError):
    """The C compiler, or what it has made, does not work."""


def compiler() -> list[str]:
    """The command that the variable CC names, or else a C compiler that is found.

    Raises:
        FileNotFoundError: if there is none.
    """
    wanted, way_out = os.environ.get("CC", "").strip(), "or take backend='auto', which needs none"
    if not wanted:
        found = [path for path in map(shutil.which, ("cc", "gcc", "clang")) if path]
        if not found:
            raise FileNotFoundError(
                f"compile: backend='c' finds no C compiler (cc, gcc or clang); install one, or name it by CC, {way_out}"
            )
        return found[:1]
    try:
        words = [wanted] if shutil.which(wanted) else shlex.split(wanted)
    except ValueError:  # a quotation that does not end
        words = []
    if not words or shutil.which(words[0]) is None:
        raise FileNotFoundError(f"compile: backend='c' finds no C compiler CC={wanted!r}; unset CC, {way_out}")
    return words


def compiled(text: str, name: str, kind: np.dtype[Any], arrays: Arrays) -> Made:
    """The function of a source that takes arrays and, last, its constants; see `kernels.compiled`.

    Raises:
        CompilerError: with what the compiler says.
    """
    key, started = (text, kind, tuple(arrays)), perf_counter()
    origin: Origin = "memory"
    if key not in _made:
        _made[key], origin = _loaded(_source(text, kind, arrays), name)
    return Made(_made[key], origin, perf_counter() - started)


def _loaded(source: str, name: str) -> tuple[Any, Origin]:
    """The function ``entry`` of a source, and where its code is from."""
    command = compiler()
    options = [*_LINKED, NATIVE, *FLAGS]
    known = "\n".join(["C", sys.version, np.__version__, *command, *options, _target(*command), source])
    code = cache.load(known)
    with TemporaryDirectory(prefix="micrograd-tensor-") as folder:
        library = Path(folder) / "kernel.so"
        if code is None:
            _run(command, [*options, "-x", "c", "-", "-o", str(library), "-lm"], source)
        else:
            library.write_bytes(code)
        try:
            entry = ctypes.CDLL(str(library)).entry
        except (OSError, AttributeError) as error:
            raise CompilerError(f"compile: what {shlex.join(command)} has made cannot be loaded: {error}") from error
        if code is None:
            cache.store(known, library.read_bytes())
    return builtin(ctypes.cast(entry, ctypes.c_void_p).value or 0, name), "compiled" if code is None else "disk"


@once
def _target(*command: str) -> str:
    """All that a compiler says of itself and of the processor that it compiles for."""
    return _run(command, [NATIVE, "-dM", "-E", "-x", "c", "-"], "")


def _run(command: Sequence[str], options: Sequence[str], source: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 -- no shell, and the user's own compiler
            [*command, *options], input=source, capture_output=True, encoding="utf-8", errors="replace", check=False
        )
    except OSError as error:
        raise CompilerError(f"compile: {shlex.join(command)} cannot be run: {error}") from error
    if done.returncode:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        why = next((line for line in said if "error" in line), said[0] if said else f"it ends with {done.returncode}")
        raise CompilerError(f"compile: {shlex.join(command)} fails: {why:.300}; name another compiler by CC")
    return done.stdout


# ------------------------------------------------------------------------------------------------------------ source


def shown(text: str, kind: np.dtype[Any], arrays: Arrays) -> str:
    """A kernel in C, to be read: what takes its arrays out of Python's objects is left out."""
    return _kernel(Translated(text, kind, arrays), arrays)


def _kernel(made: Translated, arrays: Arrays) -> str:
    axes = [made.axes(k, ndim) for k, (_, ndim, _) in enumerate(arrays)]
    given = [f"long {n}" for n in made.lengths]
    for name, (dtype, _, readonly), lengths in zip(made.given, arrays, axes, strict=False):
        given.append(
            _parameter(f"{'const ' if readonly else ''}{TYPES[dtype.char]}", made.called(name), lengths or ["1"])
        )
    given.append(f"const double {made.given[-1]}[restrict]")
    given += [_parameter(TYPES[dtype.char], made.called(row), lengths) for row, (dtype, lengths) in made.rows.items()]
    lines = wrap(", ".join(given).replace(" ", "\0").replace(",\0", ", "), 112, break_long_words=False)
    head = "\n    ".join([f"static _Bool {made.name}(", *lines]).replace("\0", " ")
    return "\n".join([f"{head})", "{", *made.body, "}", ""])


def _parameter(type_: str, name: str, lengths: Sequence[str]) -> str:
    return f"{type_} {name}[restrict {lengths[0]}]{''.join(f'[{n}]' for n in lengths[1:])}"


def _source(text: str, kind: np.dtype[Any], arrays: Arrays) -> str:
    """All that the compiler is given: with what Python calls, which checks the arrays before it runs the kernel."""
    made = Translated(text, kind, arrays)
    kernel = _kernel(made, arrays)  # which names the lengths
    every = [*arrays, (np.dtype(float), 1, True)]
    known = [[other.num for other in map(np.dtype, TYPES) if other == dtype] for dtype, _, _ in every]
    wanted = [
        f"{{{same[0]}, {same[-1]}, {ndim}, {0x1 if readonly else 0x401}}}"  # contiguous, and writeable
        for same, (_, ndim, readonly) in zip(known, every, strict=True)
    ]
    alike = [
        f"given[{k}]->lengths[{axis}] == {n}"
        for k, (_, ndim, _) in enumerate(arrays)
        for axis, n in enumerate(made.axes(k, ndim))
    ]
    sizes = [
        f"sizeof({TYPES[dtype.char]}) * {' * '.join(f'(size_t){n}' for n in ns)}" for dtype, ns in made.rows.values()
    ]
    passed = [*made.lengths, *(f"given[{k}]->data" for k in range(len(every)))]
    passed += [f"rows + end{k}" for k in range(len(sizes))]
    entry = _ENTRY.format(
        head=object.__basicsize__ - ctypes.sizeof(ctypes.c_void_p),  # what comes before the type
        count=len(every),
        wanted=", ".join(wanted),
        lengths=" ".join(f"const long {n} = given[{k}]->lengths[{axis}];" for n, (k, axis) in made.lengths.items()),
        alike=" && ".join(alike) or "1",
        sizes="\n    ".join(
            f"const size_t end{k + 1} = end{k} + ({size} + 63) / 64 * 64;" for k, size in enumerate(sizes)
        ),
        size=f"end{len(sizes)}",
        name=made.name,
        passed=", ".join(passed),
    )
    return "\n".join([*scalar_functions(kind), kernel, entry])


_ENTRY = """\
typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ptrdiff_t;
typedef struct {{ char head[{head}]; void *type, *scalar; char kind, character, order, flags; int number; }} Dtype;
typedef struct {{
    char head[{head}];
    void *type, *data;
    int ndim;
    ptrdiff_t *lengths, *strides;
    void *base;
    Dtype *dtype;
    int flags;
}} Array; // as the headers of Python and NumPy have it for every extension module
static const struct {{ int number, same, ndim, flags; }} wanted[] = {{{wanted}}};
void *malloc(size_t);
void free(void *);
int PyErr_BadArgument(void);
void *PyErr_NoMemory(void);
void *PyEval_SaveThread(void);
void PyEval_RestoreThread(void *);
void *PyBool_FromLong(long);

static _Bool fits(void *ndarray, Array *const *given, ptrdiff_t count)
{{
    if (count != {count})
        return 0;
    for (int k = 0; k < {count}; k++) {{
        const Array *const x = given[k];
        if (x->type != ndarray || (x->dtype->number != wanted[k].number && x->dtype->number != wanted[k].same)
            || (x->dtype->order != '=' && x->dtype->order != '|') || x->ndim != wanted[k].ndim
            || (x->flags & wanted[k].flags) != wanted[k].flags)
            return 0;
    }}
    {lengths}
    return {alike};
}}

void *entry(void *ndarray, Array *const *given, ptrdiff_t count)
{{
    if (!fits(ndarray, given, count)) {{
        PyErr_BadArgument();
        return 0;
    }}
    {lengths}
    const size_t end0 = 0;
    {sizes}
    char *const rows = malloc({size} + 1);
    if (!rows)
        return PyErr_NoMemory();
    void *const thread = PyEval_SaveThread();
    const _Bool made = {name}({passed});
    PyEval_RestoreThread(thread);
    free(rows);
    return PyBool_FromLong(made);
}}
"""
