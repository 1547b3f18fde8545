"""Compiled: a function with a program for every kind of call that it has met."""

from __future__ import annotations

import inspect
import warnings
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Sequence
from functools import partial, update_wrapper
from importlib.util import find_spec
from time import perf_counter
from types import MethodType
from typing import Any

import numpy as np

from ..engine.arrays import DTYPES, is_duck
from ..engine.errors import TraceError
from ..engine.recording import Recording, recording, runs_later
from ..engine.tensor import Tensor
from ..graph import Graph
from ..notation.names import mended
from .c_kernels import CompilerError, compiler
from .in_kernels import in_kernels
from .numba_source import NumbaSource
from .numpy_source import NumPySource
from .program import Built, OtherBranchError, Program
from .report import Facts, Report, of_guards, of_ops, of_plan
from .stages import CannotError
from .trace import Traced, traced
from .trees import Constant, Tree, builder, flatten, others

KEPT = 32
"""Programs that a function keeps; the least recently used one goes first."""


def _numpy(found: Traced, name: str, note: str = "") -> Built:
    made = NumPySource(found, name)
    return Built(made.function(), made.text, Facts("NumPy", note=note))


def _kernels(found: Traced, name: str, in_c: bool) -> Built:
    made = NumbaSource(found, name, in_c)
    places = made.plan.places(found.graph)
    run = made.function()
    facts = of_plan(made.plan, "C" if in_c else "Numba", made.made)
    return Built(run, made.text, facts, made.silent, places)


def _numba(found: Traced, name: str, in_c: bool = False) -> Built:
    try:
        try:
            return _kernels(found, name, in_c)
        except SystemError:  # Python 3.11's parser takes the depths of two threads for one: CPython's issue 106905
            return _kernels(found, name, in_c)
    except CannotError as why:
        return _numpy(found, name, str(why))
    except CompilerError:
        raise
    except Exception as error:  # slower, but never wrong
        note = f"{type(error).__name__}: {error}"
        warnings.warn(f"{name} has no kernels, because of an error in making them: {note:.300}", stacklevel=6)
        return _numpy(found, name, note)


BACKENDS: dict[str, Callable[[Traced, str], Built]] = {
    "numpy": _numpy,
    "numba": _numba,
    "c": partial(_numba, in_c=True),
}


def checked_backend(backend: str, exact: bool = False) -> str:
    """The backend to use; an error for an unknown name, or for what is not installed."""
    if backend not in ("auto", *BACKENDS):
        raise ValueError(f"compile: backend={backend!r}; there is {', '.join(map(repr, ('auto', *BACKENDS)))}")
    installed = find_spec("numba") is not None
    if backend == "numba" and not installed:
        raise ModuleNotFoundError("compile: backend='numba' needs Numba: pip install 'micrograd-tensor[compile]'")
    if backend == "c":
        compiler()
    return "numpy" if exact or (backend == "auto" and not installed) else "numba" if backend == "auto" else backend


class Compiled:
    """A compiled function; see `compile`. It is called as the function is.

    Args:
        function: what to compile.
        backend: what runs it.
        exact: whether results are the function's own, bit for bit.

    >>> import micrograd_tensor as mt
    >>> double = mt.compile(lambda x: x + x, exact=True)
    >>> double(mt.tensor([1.0, 2.0]))
    tensor([2., 4.])
    """

    def __init__(self, function: Callable[..., Any], backend: str = "auto", exact: bool = False) -> None:
        if not callable(function):
            raise TypeError(f"compile takes a function, not {function!r:.60}")
        if isinstance(function, type):
            raise TypeError(f"compile takes a function; {function.__name__} is a class: compile what its objects do")
        kind = runs_later(function)
        if kind is not None:
            raise TypeError(
                f"compile: {function.__qualname__} is {kind}, whose body runs after the call has returned; "
                "compile a function that it calls"
            )
        self.function, self._backend, self._exact = function, checked_backend(backend, exact), exact
        self._programs: OrderedDict[Hashable, list[Program]] = OrderedDict()
        self._latest: Program | None = None
        self._usual: _Usual | None = None
        self._traces, self._seconds, self._eager = 0, 0.0, Counter[str]()
        called = getattr(function, "__name__", type(function).__name__)
        self.name = mended(called if called != "<lambda>" else "function")
        update_wrapper(self, function, updated=())

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<compiled {self.name}>"

    def __copy__(self) -> Compiled:
        return self  # as a function's copy is the function

    def __deepcopy__(self, _memo: Any) -> Compiled:
        return self

    def __reduce__(self) -> Any:
        raise TypeError(f"{self!r} holds machine code, which is not pickled; pickle the function, and compile it there")

    def __call__(self, *args: Any, **settings: Any) -> Any:
        """Call the function: its program where there is one, else it is traced first."""
        now = recording.get()
        if now.trace is not None:
            return self.function(*args, **settings)  # a part of what is traced
        latest = self._usual
        if latest is not None and not settings and latest.fits(args, now):
            return self._run(latest.program, latest.tree, args)
        leaves: list[Any] = []
        tree = flatten((args, settings), leaves)
        kinds = [_kind(x) for x in leaves]
        if now.anomaly or None in kinds or _holds_foreign(tree):
            return self._plainly(tree, leaves)
        alike = tuple(_first(leaves))
        program = self._program((tree, now.on, alike, tuple(kinds)), leaves)
        usual = len(leaves) == len(args) and not settings and alike == tuple(range(len(args)))
        if usual and not program.traced.changed:
            self._usual = _Usual(program, tree, kinds, now.on)
        return self._run(program, tree, leaves)

    def _run(self, program: Program, tree: Tree, leaves: Sequence[Any]) -> Any:
        """Run a program; or else the function, where another branch is due or something is wrong."""
        try:
            computed = program.compute(leaves)
        except Exception as error:  # which the function itself tells better; nothing has happened yet
            self._eager[type(error).__name__] += 1
            result = self._plainly(tree, leaves)
            if not isinstance(error, OtherBranchError):
                warnings.warn(
                    f"the program of {self.name} failed, and the function itself does not, which is a fault of compile:"
                    f" {type(error).__name__}: {error!s:.300}",
                    RuntimeWarning,
                    stacklevel=3,
                )
            return result
        return program.finish(leaves, *computed)

    def _plainly(self, tree: Tree, leaves: Sequence[Any]) -> Any:
        """What the function itself gives; arrays of numbers come in as Tensors, as they do in a program."""
        given = [Tensor(x) if not isinstance(x, Tensor) and x.dtype.kind in "fiub" else x for x in leaves]
        args, settings = builder(tree)(iter([given[k] for k in _first(leaves)]))
        return self.function(*args, **settings)

    def _program(self, signature: Hashable, leaves: Sequence[Any]) -> Program:
        """The program for a call, made if there is none."""
        known = self._programs.setdefault(signature, [])
        self._programs.move_to_end(signature)
        for program in known:
            if program.fits(leaves):
                self._latest = program
                return program
        tree, started = signature[0], perf_counter()  # type: ignore[index]
        found = traced(self.function, tree, leaves, self._names(tree))
        build = _numpy if found.changed else BACKENDS[self._backend]
        self._latest = program = Program(self.name, found, build, self._compiled)
        self._traces += 1
        self._seconds = perf_counter() - started
        if found.changed:
            self._used_once(found.changed)
            return program
        if self._traces == KEPT:
            warnings.warn(
                f"{self.name} was compiled for {KEPT} kinds of calls; give numbers that vary as Tensors, "
                "such as mt.tensor(0.1), and batches of one size",
                stacklevel=3,
            )
        known.insert(0, program)
        del known[KEPT:]
        while len(self._programs) > KEPT:
            self._programs.popitem(last=False)
        return program

    def _used_once(self, changed: Sequence[str]) -> None:
        """Count, and the second time say, that a program is good for one call, since what it goes by does not stay."""
        reason = f"what it goes by changes while it runs: {', '.join(dict.fromkeys(changed))}"
        self._eager[reason] += 1
        if self._eager[reason] == 2:
            warnings.warn(
                f"{self.name} is traced in every call, since {reason}; return it, or assign_ it to a Tensor",
                stacklevel=4,
            )

    def _compiled(self, function: Callable[..., Any]) -> Compiled:
        return Compiled(function, self._backend, self._exact)

    def _names(self, tree: Any) -> list[str]:
        """What to call the Tensors of the arguments: after the function's parameters."""
        positional, named = tree.children
        try:
            parameters = list(inspect.signature(self.function).parameters.values())
        except (TypeError, ValueError):
            parameters = []
        alone = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        rest = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "x")
        names: list[str] = []
        for k, child in enumerate(positional.children):
            names += [alone[k] if k < len(alone) else f"{rest}{k - len(alone)}"] * _size(child)
        for key, child in zip(named.keys, named.children, strict=True):
            names += [key.value] * _size(child)
        return names

    @property
    def source(self) -> str:
        """What is run, of the kind of call that came last.

        Raises:
            TraceError: before the first call.

        >>> import micrograd_tensor as mt
        >>> square = mt.compile(lambda x: x * x, backend="numpy")
        >>> _ = square(mt.tensor([1.0, 2.0]))
        >>> print(square.source)
        def function(x):
            out = op.mul(x, x)
            return (out,)
        <BLANKLINE>
        """
        return self._last("source", "what is run").built.source

    @property
    def graph(self) -> Graph:
        """What the function records, in the kind of call that came last: each kernel is a scope, for `draw`.

        Where NumPy runs the ops one by one, they have the scopes that they were recorded in. Values are not kept, and
        what only decides about branches (`mt.holds`) is left out.

        Raises:
            TraceError: before the first call.

        >>> import micrograd_tensor as mt
        >>> square = mt.compile(lambda x: x * x, backend="numpy")
        >>> _ = square(mt.tensor([1.0, 2.0]))
        >>> print(square.graph)
        0  x    leaf         (2,)
        1  out  mul 0, 0     (2,)
        """
        latest = self._last("graph", "what it records")
        return in_kernels(latest.traced, latest.built.places)

    def report(self) -> Report:
        """What became of the function, and what that saves, for the kind of call that came last.

        Raises:
            TraceError: before the first call.

        >>> import micrograd_tensor as mt
        >>> square = mt.compile(lambda x: x * x, backend="numpy")
        >>> _ = square(mt.tensor([1.0, 2.0]))
        >>> square.report().ops
        1
        """
        latest = self._last("report", "what it becomes")
        traced, facts, programs = latest.traced, latest.built.facts, sum(map(len, self._programs.values()))
        guards = [*of_guards(traced)]
        return Report(self.name, *of_ops(traced.graph), guards, facts, self._seconds, programs, dict(self._eager))

    def _last(self, asked: str, depends: str) -> Program:
        """The program of the kind of call that came last."""
        if self._latest is None:
            raise TraceError(f"{self.name} has no {asked} yet: {depends} depends on the arguments; call it first")
        return self._latest


def _size(tree: Any) -> int:
    """The number of arrays in a tree."""
    found: list[Any] = [tree]
    count = 0
    while found:
        this = found.pop()
        if isinstance(this, Constant):
            continue
        children = getattr(this, "children", None)
        count += children is None
        found += children or ()
    return count


def _holds_foreign(tree: Any) -> bool:
    """Whether some argument is an array of another library, whose values nobody here would see change."""
    several = (value for value in others(tree) if not isinstance(value, (np.generic, type)))
    return any(is_duck(value) or hasattr(value, "__array__") for value in several)


def _kind(x: Any) -> Hashable:
    """What tells one array of a call from another that needs a program of its own; None for what is no array of ours.

    That is, of NumPy's, of numbers in the machine's byte order.
    """
    tensor = isinstance(x, Tensor)
    array = x._data if tensor else x
    if type(array) is not np.ndarray or array.dtype not in DTYPES:
        return None
    flags = array.flags
    kind = array.shape, array.dtype, flags.c_contiguous, flags.f_contiguous
    return (*kind, x._requires_grad, x.op is None, type(x)) if tensor else kind


def _first(leaves: Sequence[Any]) -> list[int]:
    """For each array the number of the first that is the same object."""
    numbers: dict[int, int] = {}
    return [numbers.setdefault(id(x), k) for k, x in enumerate(leaves)]


class _Usual:
    """The program of the last call whose arguments were arrays alone: the next one often has its kind."""

    __slots__ = ("_kinds", "_on", "program", "tree")

    def __init__(self, program: Program, tree: Tree, kinds: Sequence[Any], on: bool) -> None:
        self.program, self.tree, self._on = program, tree, on
        self._kinds: list[Any] = [(kind[:4], kind[4:] or (None, None, np.ndarray)) for kind in kinds]

    def fits(self, args: Sequence[Any], now: Recording) -> bool:
        """Whether a call is of its kind, by comparisons that stop at the first difference; see `_kind`."""
        if now.on is not self._on or now.anomaly or len(args) != len(self._kinds):
            return False
        for x, ((shape, dtype, in_c, in_f), (needs, is_leaf, kind)) in zip(args, self._kinds, strict=True):
            if type(x) is not kind:
                return False
            array: Any = x
            if kind is not np.ndarray:
                if x._requires_grad is not needs or (x.op is None) is not is_leaf:
                    return False
                array = x._data
                if type(array) is not np.ndarray:
                    return False
            flags = array.flags
            if array.shape != shape or array.dtype != dtype or flags.c_contiguous is not in_c:
                return False
            if not in_c and flags.f_contiguous is not in_f:
                return False
        return len({*map(id, args)}) == len(args) and self.program.fits(args)
